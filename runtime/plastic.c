/* Synapses with memory before the run: what is sent at first (for units), rows, initial values, rings; their part of the state
 * hash. See plastic.h. */
#include "runtime/plastic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SAMPLE_ROWS = 16, SPIKES_BETWEEN = 14 };
static const double HEADROOM = 0x1p20; /* of what is sent over what is sent at first */

bool rt_is_plastic(const struct nsl_projection *def) { return def->cells != 0; }

/* ---- a projection */

static bool reads(const struct nsl_code *code, uint32_t kind, uint32_t index) {
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == kind && code->bindings[i].index == index) return true;
  return false;
}

static void learn_look(const struct rt_sim *s, struct rt_plastic *p, int which) {
  struct rt_learn *l = &p->learn[which];
  l->code = &p->class->learn[which];
  if (l->code->kernel == NSL_NONE) return;
  l->kernel = rt_kernel(s, l->code);
  l->elapsed = reads(l->code, NSL_SLOT_INPUT, p->class->elapsed);
  l->since = reads(l->code, NSL_SLOT_INPUT, p->class->since);
  for (uint32_t i = 0; i < p->class->n_inputs; i++)
    l->signals |= i != p->class->elapsed && i != p->class->since && reads(l->code, NSL_SLOT_INPUT, i);
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) l->seen |= reads(l->code, NSL_SLOT_STATE, p->proj->def->seen[i].inner);
}

static int derive(struct rt_sim *s, const struct rt_plastic *p) {
  const struct nsl_code *code = &p->class->derive;
  if (code->kernel == NSL_NONE) return 0;
  void **none = rt_alloc(&s->mem, code->n_bindings + 1, sizeof *none);
  if (!none) return NSL_EMEMORY;
  struct nsl_env env = {.slots = none, .u = p->u, .count = 1, .dt = s->dt};
  rt_kernel(s, code)(&env);
  return 0;
}

static uint32_t steps_of(const struct rt_sim *s, const struct rt_plastic *p, uint32_t slot, const char *what, int *e) {
  double time = rt_value(s, slot, 0), steps = rt_steps(time, s->dt);
  if (steps >= 0 && steps < 1 << 20) return (uint32_t)steps;
  *e = rt_fail_at(NSL_EMODEL, p->proj->def->place, "%s: %s of %g ms is not from 0 to %d steps", p->proj->def->path, what, time, 1 << 20);
  return 0;
}

static int times_read(struct rt_sim *s, struct rt_plastic *p) {
  const struct nsl_projection *d = p->proj->def;
  int e = 0;
  p->axonal = steps_of(s, p, d->axonal, "an axonal delay", &e);
  p->after = rt_alloc(&s->mem, d->n_afters + 1, sizeof *p->after);
  if (!p->after) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < d->n_afters; i++) {
    p->after[i] = steps_of(s, p, d->afters[i], "`after`", &e);
    if (p->after[i] > p->most_after) p->most_after = p->after[i];
  }
  return e;
}

/* ---- initial values of a row, in the order of its ordinals */

static int lanes_init(struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, uint32_t source, const struct rt_row_of *row) {
  const struct nsl_code *code = &p->class->init;
  int e = rt_lanes_room(s, p, l, row->n);
  if (e) return e;
  if (code->kernel != NSL_NONE && row->n) {
    rt_lanes_slots(l, code);
    uint64_t n = (row->n + NSL_LANES - 1) / NSL_LANES * NSL_LANES;
    struct nsl_env env = {.slots = l->slots, .u = p->u, .key = p->key, .step = source, .count = (int64_t)n, .dt = s->dt};
    rt_kernel(s, code)(&env);
  }
  for (uint64_t i = 0; i < row->n; i++)
    rt_real_set(s, l->states[p->proj->def->weight_state], i, row->weight ? row->weight[i] : p->proj->weight);
  for (uint32_t k = 0; k < p->class->n_states + p->class->n_params; k++) {
    bool param = k >= p->class->n_states;
    const void *array = param ? l->params[k - p->class->n_states] : l->states[k];
    for (uint64_t i = 0; i < row->n; i++)
      if (!isfinite(rt_real(s, array, i)))
        return rt_fail_at(NSL_EINPUT, p->proj->def->place, "%s: %s of a synapse begins as %s%s", p->proj->def->path,
                          param ? p->class->params[k - p->class->n_states] : p->class->states[k].name, rt_not_finite(rt_real(s, array, i)),
                          param ? ": it lies outside of its domain" : "");
  }
  return 0;
}

/* What the first spikes of some sources send. */
static int typical_find(struct rt_sim *s, struct rt_plastic *p) {
  struct rt_synapses synapses = {.s = s};
  struct rt_lanes l = {0};
  struct rt_proj *proj = p->proj;
  double sample[SAMPLE_ROWS * 64];
  uint32_t n = 0, rows = proj->sn < SAMPLE_ROWS ? proj->sn : SAMPLE_ROWS;
  int e = 0;
  for (uint32_t i = 0; !e && i < rows; i++) {
    struct rt_row_of row;
    uint32_t source = proj->s0 + (uint32_t)((uint64_t)proj->sn * i / rows);
    e = rt_synapses_of(&synapses, proj, source, &row);
    if (!e) e = lanes_init(s, p, &l, source, &row);
    if (e || !row.n || !p->learn[NSL_LEARN_PRE].kernel) continue;
    rt_lanes_slots(&l, p->learn[NSL_LEARN_PRE].code);
    rt_lanes_run(s, p, &l, &p->learn[NSL_LEARN_PRE], row.n, 0);
    for (uint64_t k = 0; k < row.n && k < 64; k++)
      for (uint32_t q = 0; q < proj->def->n_afters && q < 1; q++) sample[n++] = rt_real(s, l.out[q], k);
  }
  rt_synapses_drop(&synapses);
  rt_lanes_drop(&l);
  proj->typical = e ? 0 : rt_weights_typical(sample, n);
  double bound = fmax(fabs(proj->lo), fabs(proj->hi));
  if (!(proj->typical > 0)) proj->typical = isfinite(bound) && bound > 0 ? bound / 64 : 1;
  proj->largest = proj->typical * HEADROOM;
  return e;
}

static int one_prepare(struct rt_sim *s, struct rt_plastic *p, struct rt_proj *proj) {
  *p = (struct rt_plastic){.proj = proj, .def = &s->x->synapses[proj->def->cells - 1]};
  p->class = &s->program->classes[p->def->class_index];
  p->u = s->G + p->def->block;
  p->key = nslm_key(s->seed, nslm_hash("synapse", 7, p->def->path_hash));
  for (int i = 0; i < NSL_LEARNS; i++) learn_look(s, p, i);
  p->shards = rt_alloc(&s->mem, s->n_shards, sizeof *p->shards);
  if (!p->shards) return NSL_EMEMORY;
  proj->form = RT_FORM_wide64;
  proj->each = true;
  proj->weight_code = &proj->def->weight_code;
  proj->delay_code = &proj->def->delay_code;
  s->ports[proj->port].plastic = true;
  int e = times_read(s, p);
  if (!e) e = derive(s, p);
  return e ? e : typical_find(s, p);
}

int rt_plastic_prepare(struct rt_sim *s) {
  if (s->n_plastic && s->checkpoint) return rt_fail(NSL_EINPUT, "checkpoints of synapses with memory are not written yet");
  if (s->n_plastic && s->ranks) return rt_fail(NSL_EINPUT, "synapses with memory do not run in several processes yet");
  s->plastics = rt_alloc(&s->mem, s->n_plastic, sizeof *s->plastics);
  if (!s->plastics) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) e = one_prepare(s, &s->plastics[i], &s->projs[s->n_projs + i]);
  return e;
}

bool rt_plastic_reaches(const struct rt_sim *s, uint32_t port) { return s->ports[port].plastic; }

/* ---- rows */

struct sort { /* dendritic delay << 44 | target << 24 | ordinal */
  uint64_t *keys;
  size_t cap;
};

struct rows { /* of one thread: rows of its shards */
  struct rt_sim *s;
  struct rt_plastic *p;
  struct rt_synapses synapses;
  struct rt_lanes lanes;
  struct sort sort;
  struct rt_mem *mem;
  size_t *caps; /* by shard: synapses, segments */
  uint32_t h0, h1, least, most;
  uint64_t n;
};

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int keys_make(struct rows *k, const struct rt_slice *c, const struct rt_row_of *row, uint64_t *ret_n) {
  if (rt_grow(&k->sort.keys, &k->sort.cap, row->n + 1, sizeof *k->sort.keys)) return NSL_EMEMORY;
  uint64_t n = 0;
  bool sorted = true;
  if (row->n >= 1u << 24) return rt_fail_at(NSL_EMODEL, k->p->proj->def->place, "%s: a source with more than 2^24 synapses", k->p->proj->def->path);
  for (uint64_t i = 0; i < row->n; i++) {
    uint32_t t = row->target[i] - c->first, delay = row->delay ? row->delay[i] : k->p->proj->delay_steps;
    if (row->target[i] < c->first || t >= c->count) continue;
    if (delay <= k->p->axonal)
      return rt_fail_at(NSL_EMODEL, k->p->proj->def->place, "%s: a delay of %u steps leaves less than one step for its dendritic part, as "
                        "the axonal one has %u; what comes back from a cell takes a step at least", k->p->proj->def->path, delay, k->p->axonal);
    k->sort.keys[n++] = (uint64_t)(delay - k->p->axonal) << 44 | (uint64_t)t << 24 | i;
    sorted = sorted && (n < 2 || k->sort.keys[n - 1] > k->sort.keys[n - 2]);
  }
  if (!sorted) qsort(k->sort.keys, n, sizeof *k->sort.keys, by_value);
  *ret_n = n;
  return 0;
}

static int shard_grow(struct rows *k, struct rt_plastic_shard *q, uint64_t more, uint32_t n_segments) {
  size_t *cap = &k->caps[2 * (q->shard->index - k->s->own0)], want = q->n + more;
  int e = 0;
  if (want > *cap) {
    size_t grown = *cap, began = *cap;
    e = rt_grow(&q->target, &grown, want, sizeof *q->target);
    for (uint32_t i = 0; !e && i < k->p->class->n_states; i++) {
      if (k->p->class->states[i].per != NSL_PER_ELEMENT) continue;
      grown = began;
      e = rt_grow(&q->states[i], &grown, want, k->s->real_size);
    }
    for (uint32_t i = 0; !e && i < k->p->class->n_params; i++) {
      grown = began;
      e = rt_grow(&q->params[i], &grown, want, k->s->real_size);
    }
    *cap = grown;
  }
  return e ? e : rt_grow(&q->segments, &cap[1], (size_t)n_segments + 1, sizeof *q->segments);
}

static void lane_put(struct rows *k, struct rt_plastic_shard *q, uint64_t at, uint64_t from) {
  size_t size = k->s->real_size;
  for (uint32_t i = 0; i < k->p->class->n_states; i++)
    if (k->p->class->states[i].per == NSL_PER_ELEMENT)
      memcpy((char *)q->states[i] + at * size, (char *)k->lanes.states[i] + from * size, size);
  for (uint32_t i = 0; i < k->p->class->n_params; i++)
    memcpy((char *)q->params[i] + at * size, (char *)k->lanes.params[i] + from * size, size);
}

/* The row's synapses in one shard: segments by delay, each filled up with copies of its last synapse. */
static int row_put(struct rows *k, struct rt_plastic_shard *q, uint32_t *n_segments, uint64_t n) {
  const uint64_t *keys = k->sort.keys;
  int e = 0;
  for (uint64_t from = 0, to; !e && from < n; from = to) {
    uint32_t dendritic = (uint32_t)(keys[from] >> 44);
    for (to = from; to < n && keys[to] >> 44 == dendritic;) to++;
    uint64_t room = (to - from + RT_LEARN_LANES - 1) / RT_LEARN_LANES * RT_LEARN_LANES;
    if ((e = shard_grow(k, q, room, *n_segments + 1))) break;
    q->segments[(*n_segments)++] = (struct rt_segment){q->n, (uint32_t)(to - from), dendritic};
    for (uint64_t i = 0; i < room; i++) {
      uint64_t key = keys[from + i < to ? from + i : to - 1];
      q->target[q->n + i] = (uint32_t)(key >> 24 & 0xfffff);
      lane_put(k, q, q->n + i, key & 0xffffff);
    }
    q->n += room;
    k->n += to - from;
    k->least = dendritic < k->least ? dendritic : k->least;
    k->most = dendritic > k->most ? dendritic : k->most;
  }
  return e;
}

static void cells_put(struct rows *k, struct rt_plastic_shard *q, uint32_t row) {
  size_t size = k->s->real_size;
  for (uint32_t i = 0; i < k->p->class->n_states; i++)
    if (k->p->class->states[i].per == NSL_PER_PRE) memcpy((char *)q->cells[i] + row * size, k->lanes.states[i], size);
}

static int rows_make(struct rows *k) {
  struct rt_proj *proj = k->p->proj;
  uint32_t *n_segments = rt_alloc(k->mem, k->h1 - k->h0 + 1, sizeof *n_segments);
  int e = n_segments ? 0 : NSL_EMEMORY;
  for (uint32_t row = 0; !e && row < proj->sn; row++) {
    struct rt_row_of of;
    e = rt_synapses_of(&k->synapses, proj, proj->s0 + row, &of);
    if (!e) e = lanes_init(k->s, k->p, &k->lanes, proj->s0 + row, &of);
    for (uint32_t h = k->h0; !e && h < k->h1; h++) {
      struct rt_plastic_shard *q = &k->p->shards[h];
      if (!q->slice) continue;
      uint64_t n = 0;
      e = keys_make(k, q->slice, &of, &n);
      q->row[row] = n_segments[h - k->h0];
      if (!e) e = row_put(k, q, &n_segments[h - k->h0], n);
      q->row[row + 1] = n_segments[h - k->h0];
      if (!e && of.n) cells_put(k, q, row);
    }
  }
  return e;
}

static int shard_alloc(struct rt_sim *s, struct rt_plastic *p, uint32_t h) {
  struct rt_plastic_shard *q = &p->shards[h];
  const struct nsl_class *c = p->class;
  uint64_t rows = (p->proj->sn + 2 * NSL_LANES) / NSL_LANES * NSL_LANES;
  *q = (struct rt_plastic_shard){.of = p, .shard = &s->shards[h]};
  for (uint32_t i = 0; i < s->shards[h].n_slices; i++)
    if (s->shards[h].slices[i].pop == p->proj->target) q->slice = &s->shards[h].slices[i];
  if (!q->slice) return 0;
  q->states = rt_alloc(&s->mem, c->n_states + 1, sizeof *q->states);
  q->cells = rt_alloc(&s->mem, c->n_states + 1, sizeof *q->cells);
  q->params = rt_alloc(&s->mem, c->n_params + 1, sizeof *q->params);
  q->row = rt_alloc(&s->mem, rows, sizeof *q->row);
  q->last = rt_alloc(&s->mem, rows, sizeof *q->last);
  q->lanes = rt_alloc(&s->mem, 1, sizeof *q->lanes);
  if (!q->states || !q->cells || !q->params || !q->row || !q->last || !q->lanes) return NSL_EMEMORY;
  for (uint32_t i = 0; i < c->n_states; i++)
    if (c->states[i].per == NSL_PER_PRE && !(q->cells[i] = rt_alloc(&s->mem, rows, s->real_size))) return NSL_EMEMORY;
  return 0;
}

struct build {
  struct rt_sim *s;
  struct rt_plastic *p;
  _Atomic uint32_t merging;
  uint64_t n;
};

static int rows_job(void *context, uint32_t thread) {
  struct build *b = context;
  struct rt_sim *s = b->s;
  uint32_t n_own = s->own1 - s->own0;
  struct rt_mem mem = {0};
  struct rows k = {.s = s, .p = b->p, .synapses = {.s = s}, .least = UINT32_MAX};
  k.h0 = s->own0 + n_own * thread / s->threads;
  k.h1 = s->own0 + n_own * (thread + 1) / s->threads;
  k.caps = rt_alloc(&mem, 2 * (uint64_t)n_own + 2, sizeof *k.caps);
  int e = k.caps ? 0 : NSL_EMEMORY;
  k.mem = &mem;
  if (!e) e = rows_make(&k);
  rt_lock(&b->merging);
  b->n += k.n;
  if (k.least < b->p->least) b->p->least = k.least;
  if (k.most > b->p->most) b->p->most = k.most;
  rt_unlock(&b->merging);
  rt_synapses_drop(&k.synapses);
  rt_lanes_drop(&k.lanes);
  rt_drop(&k.sort.keys);
  rt_mem_free(&mem);
  return e;
}

static int facts_combine(struct rt_sim *s, struct build *b) {
  uint64_t least = b->p->least, most = b->p->most;
  int e = rt_ranks_combine(s->ranks, &least, 1, RT_MIN_U64);
  if (!e) e = rt_ranks_combine(s->ranks, &most, 1, RT_MAX_U64);
  if (!e) e = rt_ranks_combine(s->ranks, &b->n, 1, RT_SUM_U64);
  b->p->least = (uint32_t)least;
  b->p->most = (uint32_t)most;
  return e;
}

int rt_plastic_build(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) {
    struct rt_plastic *p = &s->plastics[i];
    struct build b = {.s = s, .p = p};
    p->least = UINT32_MAX;
    for (uint32_t h = s->own0; !e && h < s->own1; h++) e = shard_alloc(s, p, h);
    if (!e) e = rt_team_run(s->team, rows_job, &b);
    e = rt_ranks_agree(s->ranks, e);
    if (!e) e = facts_combine(s, &b);
    if (e || !b.n) continue;
    uint32_t longest = p->axonal + p->most, shortest = p->axonal + p->least;
    s->n_synapses += b.n;
    if (longest > s->max_plastic) s->max_plastic = longest;
    if (!s->min_delay || shortest < s->min_delay) s->min_delay = shortest;
  }
  return e;
}

uint32_t rt_plastic_interval(const struct rt_sim *s, uint32_t interval) {
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    if (p->least != UINT32_MAX && p->least < interval) interval = p->least;
    if (p->class->stepped) interval = 1;
  }
  return interval;
}

/* ---- rings */

static uint32_t power_of_two(uint64_t n) {
  uint32_t r = 2;
  while (r < n) r *= 2;
  return r;
}

static int rings_make(struct rt_sim *s, struct rt_plastic_shard *q) {
  struct rt_plastic *p = q->of;
  uint64_t n = q->slice->count, n_seen = p->proj->def->n_seen;
  q->spikes = rt_alloc(&s->mem, n * p->ring, sizeof *q->spikes);
  q->n_spiked = rt_alloc(&s->mem, n, sizeof *q->n_spiked);
  q->n_swept = rt_alloc(&s->mem, n, sizeof *q->n_swept);
  q->before = rt_alloc(&s->mem, n_seen + 1, sizeof *q->before);
  q->history = rt_alloc(&s->mem, n_seen + 1, sizeof *q->history);
  q->later = rt_alloc(&s->mem, n_seen + 1, sizeof *q->later);
  q->sums = rt_alloc(&s->mem, n * p->sums, sizeof *q->sums);
  q->dirty = rt_alloc(&s->mem, p->sums, 1);
  if (!q->spikes || !q->n_spiked || !q->n_swept || !q->before || !q->history || !q->later || !q->sums || !q->dirty) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n_seen; i++) {
    q->before[i] = rt_alloc(&s->mem, n * p->ring, s->real_size);
    q->history[i] = rt_alloc(&s->mem, n * p->history, s->real_size);
    if (!q->before[i] || !q->history[i]) return NSL_EMEMORY;
    const char *state = p->proj->target->states[p->proj->def->seen[i].outer];
    memcpy(q->history[i], state + (size_t)q->slice->first * s->real_size, n * s->real_size);
    if (!p->class->stepped) continue;
    if (!(q->later[i] = rt_alloc(&s->mem, n * p->history, s->real_size))) return NSL_EMEMORY;
    memcpy(q->later[i], q->history[i], n * s->real_size);
  }
  return 0;
}

int rt_plastic_begin(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) {
    struct rt_plastic *p = &s->plastics[i];
    uint64_t reach = (uint64_t)p->most + s->interval;
    p->ring = power_of_two(reach + SPIKES_BETWEEN + 2);
    p->history = power_of_two(reach + 2);
    p->sums = power_of_two(reach + p->axonal + p->most_after + 2);
    for (uint32_t h = s->own0; !e && h < s->own1; h++)
      if (p->shards[h].slice) e = rings_make(s, &p->shards[h]);
  }
  return e;
}

/* ---- the weights of now */

int rt_weight_row(struct rt_sim *s, struct rt_weight_walk *w, uint32_t source) {
  if (!w->next) {
    w->next = rt_alloc(&w->mem, s->n_shards, sizeof *w->next);
    w->rooms = rt_alloc(&w->mem, s->n_shards, sizeof *w->rooms);
    if (!w->next || !w->rooms) return NSL_EMEMORY;
  }
  w->row = source - w->p->proj->s0;
  for (uint32_t h = 0; h < s->n_shards; h++) {
    const struct rt_plastic_shard *q = &w->p->shards[h];
    uint32_t n = q->slice ? q->row[w->row + 1] - q->row[w->row] : 0;
    if (n > w->rooms[h]) {
      w->rooms[h] = 2 * n;
      if (!(w->next[h] = rt_alloc(&w->mem, w->rooms[h], sizeof **w->next))) return NSL_EMEMORY;
    }
    for (uint32_t g = 0; g < n; g++) w->next[h][g] = 0;
  }
  return 0;
}

double rt_weight_next(struct rt_sim *s, struct rt_weight_walk *w, uint32_t target, uint32_t delay) {
  for (uint32_t h = 0; h < s->n_shards; h++) {
    const struct rt_plastic_shard *q = &w->p->shards[h];
    if (!q->slice || target < q->slice->first || target - q->slice->first >= q->slice->count) continue;
    for (uint32_t g = q->row[w->row]; g < q->row[w->row + 1]; g++) {
      const struct rt_segment *x = &q->segments[g];
      uint64_t *at = &w->next[h][g - q->row[w->row]];
      if (x->dendritic + w->p->axonal != delay) continue;
      while (*at < x->n && q->target[x->at + *at] < target - q->slice->first) ++*at;
      return rt_real(s, q->states[w->p->proj->def->weight_state], x->at + (*at)++);
    }
  }
  return NAN;
}

void rt_plastic_drop(struct rt_sim *s) {
  for (uint32_t i = 0; s->plastics && i < s->n_plastic; i++)
    for (uint32_t h = 0; s->plastics[i].shards && h < s->n_shards; h++) {
      struct rt_plastic_shard *q = &s->plastics[i].shards[h];
      rt_drop(&q->target);
      rt_drop(&q->segments);
      rt_drop(&q->queue);
      for (uint32_t k = 0; q->states && k < s->plastics[i].class->n_states; k++) rt_drop(&q->states[k]);
      for (uint32_t k = 0; q->params && k < s->plastics[i].class->n_params; k++) rt_drop(&q->params[k]);
      if (q->lanes) rt_lanes_drop(q->lanes);
    }
}

/* ---- the state hash */

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93u;
  return h ^ h >> 29;
}

static uint64_t bits_of(const struct rt_sim *s, const void *array, uint64_t i) {
  uint64_t bits = 0;
  memcpy(&bits, (const char *)array + i * s->real_size, s->real_size);
  return bits;
}

/* Of a synapse: the row, its place among those of one delay onto one target; each is added with all its states. */
static uint64_t synapses_hash(const struct rt_sim *s, const struct rt_plastic_shard *q, uint64_t key) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < q->of->proj->sn; row++)
    for (uint32_t g = q->row[row]; g < q->row[row + 1]; g++) {
      const struct rt_segment *x = &q->segments[g];
      for (uint64_t i = x->at, nth = 0; i < x->at + x->n; i++) {
        nth = i > x->at && q->target[i] == q->target[i - 1] ? nth + 1 : 0;
        uint64_t h = mix(mix(key, row), (uint64_t)x->dendritic << 32 | (q->target[i] + q->slice->first));
        h = mix(h, nth);
        for (uint32_t k = 0; k < q->of->class->n_states; k++)
          if (q->states[k]) h = mix(h, bits_of(s, q->states[k], i));
        sum += h;
      }
    }
  return sum;
}

/* What is under way to the targets. (Presynaptic cells' states follow from their spikes, and lie with every shard.) */
static uint64_t sums_hash(const struct rt_sim *s, const struct rt_plastic_shard *q, uint64_t key) {
  uint64_t sum = 0;
  for (uint32_t k = 1; k < q->of->sums; k++) {
    uint32_t at = (uint32_t)(s->step + k) & (q->of->sums - 1);
    for (uint32_t t = 0; q->dirty[at] && t < q->slice->count; t++) {
      int64_t waits = q->sums[(uint64_t)at * q->slice->count + t];
      if (waits) sum += mix(mix(mix(key, k), t + q->slice->first), (uint64_t)waits);
    }
  }
  return sum;
}

uint64_t rt_plastic_sum(const struct rt_sim *s) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++)
    for (uint32_t h = s->own0; h < s->own1; h++) {
      const struct rt_plastic_shard *q = &s->plastics[i].shards[h];
      if (!q->slice) continue;
      uint64_t key = mix(0x706c, q->of->proj->index);
      sum += synapses_hash(s, q, key) + sums_hash(s, q, mix(key, 1));
    }
  return sum;
}

/* Synapses with memory: their rows, shard by shard, in segments of one dendritic delay. See plastic.h. */
#include <stdlib.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

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
    grown = began;
    if (!e && k->p->third_pop) e = rt_grow(&q->third, &grown, want, sizeof *q->third);
    grown = began;
    if (!e && k->p->each) e = rt_grow(&q->number, &grown, want, sizeof *q->number);
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

/* Which of the cells that are kept stands at a synapse. */
static uint32_t third_of(const struct rt_plastic *p, const struct rt_sim *s, uint32_t source, uint64_t ordinal, uint32_t target) {
  return p->third ? rt_third_cell(s, p->third, source, ordinal, target) : target - p->third0;
}

/* The row's synapses in one shard: segments by delay, each filled up with copies of its last synapse. */
static int row_put(struct rows *k, struct rt_plastic_shard *q, uint32_t source, uint32_t *n_segments, uint64_t n) {
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
      if (q->number) q->number[q->n + i] = (uint32_t)(key & 0xffffff);
      if (q->third) q->third[q->n + i] = third_of(k->p, k->s, source, key & 0xffffff, q->slice->first + q->target[q->n + i]);
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
    if (q->cells[i]) memcpy((char *)q->cells[i] + row * size, k->lanes.states[i], size);
}

static int rows_make(struct rows *k) {
  struct rt_proj *proj = k->p->proj;
  uint32_t *n_segments = rt_alloc(k->mem, k->h1 - k->h0 + 1, sizeof *n_segments);
  int e = n_segments ? 0 : NSL_EMEMORY;
  for (uint32_t row = 0; !e && row < proj->sn; row++) {
    struct rt_row_of of;
    e = rt_synapses_of(&k->synapses, proj, proj->s0 + row, &of);
    if (!e) e = rt_lanes_init(k->s, k->p, &k->lanes, proj->s0 + row, &of);
    for (uint32_t h = k->h0; !e && h < k->h1; h++) {
      struct rt_plastic_shard *q = &k->p->shards[h];
      if (!q->slice) continue;
      uint64_t n = 0;
      e = keys_make(k, q->slice, &of, &n);
      q->row[row] = n_segments[h - k->h0];
      if (!e) e = row_put(k, q, proj->s0 + row, &n_segments[h - k->h0], n);
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
  q->slice = rt_slice_of(&s->shards[h], p->proj->target);
  if (!q->slice) return 0;
  q->states = rt_alloc(&s->mem, c->n_states + 1, sizeof *q->states);
  q->cells = rt_alloc(&s->mem, c->n_states + 1, sizeof *q->cells);
  q->params = rt_alloc(&s->mem, c->n_params + 1, sizeof *q->params);
  q->row = rt_alloc(&s->mem, rows, sizeof *q->row);
  q->last = rt_alloc(&s->mem, rows, sizeof *q->last);
  q->again = p->proj->source->within > 1 ? rt_alloc(&s->mem, rows, sizeof *q->again) : NULL;
  q->lanes = rt_alloc(&s->mem, 1, sizeof *q->lanes);
  if (!q->states || !q->cells || !q->params || !q->row || !q->last || !q->lanes || (p->proj->source->within > 1 && !q->again)) return NSL_EMEMORY;
  for (uint32_t i = 0; i < c->n_states; i++)
    if (c->states[i].per == NSL_PER_PRE && p->seen[i] == NSL_NONE && !(q->cells[i] = rt_alloc(&s->mem, rows, s->real_size))) return NSL_EMEMORY;
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

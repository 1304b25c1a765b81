/* Synapses with memory before the run: what is sent at first (for units), initial values, rings. See plastic.h. */
#include "runtime/plastic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SAMPLE_ROWS = 16, SPIKES_BETWEEN = 14 };
static const double HEADROOM = 0x1p20; /* of what is sent over what is sent at first; */
static const double BOUND_ROOM = 64, MOST_ROOM = 0x1p28; /* over the bound of weights that begin near 0, but no more */

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
  for (uint32_t i = 0; i < p->class->n_inputs; i++) l->signals |= p->proj->def->fed[i] != NSL_NONE && reads(l->code, NSL_SLOT_INPUT, i);
  l->follows = p->proj->def->n_follows && reads(l->code, NSL_SLOT_INPUT, p->class->signalled);
  for (uint32_t i = 0; i < p->class->n_drawn; i++) l->draws |= reads(l->code, NSL_SLOT_INPUT, p->class->drawn[i]);
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) {
    const struct nsl_seen *seen = &p->proj->def->seen[i];
    bool read = reads(l->code, NSL_SLOT_STATE, seen->inner);
    l->seen |= read && seen->side == NSL_SIDE_POST;
    l->pre |= read && seen->side == NSL_SIDE_PRE;
    l->third |= read && seen->side == NSL_SIDE_THIRD;
  }
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
  if (!e && p->each) e = rt_each_make(s, p);
  for (uint32_t i = 0; !e && i < d->n_afters; i++) {
    p->after[i] = steps_of(s, p, d->afters[i], "`after`", &e);
    if (p->after[i] > p->most_after) p->most_after = p->after[i];
  }
  return e;
}

/* ---- initial values of a row, in the order of its ordinals */

int rt_lanes_init(struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, uint32_t source, const struct rt_row_of *row) {
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

/* What the first spikes of some sources send, and how large their rows are. */
static int typical_find(struct rt_sim *s, struct rt_plastic *p) {
  struct rt_synapses synapses = {.s = s};
  struct rt_lanes l = {0};
  struct rt_sizes sizes = {0};
  struct rt_proj *proj = p->proj;
  double sample[SAMPLE_ROWS * 64];
  uint32_t n = 0, rows = proj->sn < SAMPLE_ROWS ? proj->sn : SAMPLE_ROWS;
  int e = 0;
  for (uint32_t i = 0; !e && i < rows; i++) {
    struct rt_row_of row;
    uint32_t source = proj->s0 + (uint32_t)((uint64_t)proj->sn * i / rows);
    e = rt_synapses_of(&synapses, proj, source, &row);
    if (!e) e = rt_sizes_add(s, proj, &sizes, &row);
    if (!e) e = rt_lanes_init(s, p, &l, source, &row);
    if (e || !row.n || !p->learn[NSL_LEARN_PRE].kernel) continue;
    rt_lanes_slots(&l, p->learn[NSL_LEARN_PRE].code);
    rt_lanes_run(s, p, &l, &p->learn[NSL_LEARN_PRE], row.n, 0);
    for (uint64_t k = 0; k < row.n && k < 64; k++)
      for (uint32_t q = 0; q < proj->def->n_afters && q < 1; q++) sample[n++] = rt_real(s, l.out[q], k);
  }
  rt_synapses_drop(&synapses);
  rt_lanes_drop(&l);
  rt_sizes_end(s, p, &sizes);
  rt_drop(&sizes.keys);
  proj->typical = e ? 0 : rt_weights_typical(sample, n);
  double bound = fmax(fabs(proj->lo), fabs(proj->hi));
  if (!(proj->typical > 0)) proj->typical = isfinite(bound) && bound > 0 ? bound / 64 : 1;
  proj->largest = proj->typical * HEADROOM;
  if (isfinite(bound)) proj->largest = fmax(proj->largest, fmin(bound * BOUND_ROOM, proj->typical * MOST_ROOM));
  return e;
}

/* ---- phases in which weights stand still */

static bool phase_freezes(const struct nsl_phase *phase, const struct rt_proj *proj) {
  for (uint32_t i = 0; i < phase->n_frozen; i++)
    if (phase->frozen[i] == proj->index) return true;
  return false;
}

/* The last phase lasts as long as the run. */
static int frozen_find(struct rt_sim *s, struct rt_plastic *p) {
  double from = 0, to;
  p->frozen = rt_alloc(&s->mem, s->x->n_phases + 1, sizeof *p->frozen);
  if (!p->frozen) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->x->n_phases; i++, from = to) {
    to = from + s->G[s->x->phases[i].duration];
    if (!phase_freezes(&s->x->phases[i], p->proj)) continue;
    uint64_t begin = (uint64_t)(from / s->dt + 1e-6), end = i + 1 < s->x->n_phases ? (uint64_t)(to / s->dt + 1e-6) : RT_NO_STEP;
    p->frozen[p->n_frozen++] = (struct rt_span){begin, end};
  }
  return 0;
}

/* Who third parts are. Where the synapses stand at them themselves, what the targets are. */
static int third_prepare(struct rt_sim *s, struct rt_plastic *p) {
  struct rt_proj *proj = p->proj, *link = NULL;
  bool any = false;
  int e = 0;
  for (uint32_t i = 0; i < proj->def->n_seen; i++) any |= proj->def->seen[i].side == NSL_SIDE_THIRD;
  if (!any) return 0;
  if (proj->def->n_third) {
    if (!(link = p->third = rt_alloc(&s->mem, 1, sizeof *link))) return NSL_EMEMORY;
    e = rt_link_prepare(s, link, proj->def->third, proj->index);
    link->of = proj;
    if (!e) e = rt_rules_make(s, link, 1);
  }
  p->third_pop = link ? link->source : proj->target;
  p->third0 = link ? link->s0 : proj->t0;
  p->third_n = link ? link->sn : proj->tn;
  return e;
}

static int one_prepare(struct rt_sim *s, struct rt_plastic *p, struct rt_proj *proj) {
  *p = (struct rt_plastic){.proj = proj, .def = &s->x->synapses[proj->def->cells - 1]};
  p->class = &s->program->classes[p->def->class_index];
  p->u = s->G + p->def->block;
  p->seen = rt_alloc(&s->mem, p->class->n_states + 1, sizeof *p->seen);
  if (!p->seen) return NSL_EMEMORY;
  memset(p->seen, 0xff, p->class->n_states * sizeof *p->seen);
  for (uint32_t i = 0; i < proj->def->n_seen; i++) p->seen[proj->def->seen[i].inner] = i;
  p->key = nslm_key(s->seed, nslm_hash("synapse", 7, p->def->path_hash));
  for (int i = 0; i < NSL_LEARNS; i++) learn_look(s, p, i);
  p->shards = rt_alloc(&s->mem, s->n_shards, sizeof *p->shards);
  if (!p->shards) return NSL_EMEMORY;
  p->each = rt_port_each(proj->target, proj->def->port);
  proj->form = p->each ? RT_APART : RT_FORM_wide64;
  proj->each = true;
  proj->weight_code = &proj->def->weight_code;
  proj->delay_code = &proj->def->delay_code;
  if (!p->each) s->ports[proj->port].plastic = true;
  int e = times_read(s, p);
  if (!e) e = frozen_find(s, p);
  if (!e) e = third_prepare(s, p);
  if (!e) e = derive(s, p);
  return e ? e : typical_find(s, p);
}

int rt_plastic_prepare(struct rt_sim *s) {
  s->plastics = rt_alloc(&s->mem, s->n_plastic, sizeof *s->plastics);
  if (!s->plastics) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) e = one_prepare(s, &s->plastics[i], &s->projs[s->n_projs + i]);
  return e;
}

bool rt_plastic_reaches(const struct rt_sim *s, uint32_t port) { return s->ports[port].plastic; }

uint32_t rt_plastic_interval(const struct rt_sim *s, uint32_t interval) {
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    if (p->least != UINT32_MAX && p->least < interval) interval = p->least;
    if (p->class->stepped) interval = 1;
  }
  return interval;
}

/* ---- rings */

uint32_t rt_power_of_two(uint64_t n) {
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
  q->sums = rt_alloc(&s->mem, p->each ? 1 : n * p->sums, sizeof *q->sums);
  q->dirty = rt_alloc(&s->mem, p->sums, 1);
  if (!q->spikes || !q->n_spiked || !q->n_swept || !q->before || !q->history || !q->later || !q->sums || !q->dirty) return NSL_EMEMORY;
  if (p->each && rt_each_begin(s, q)) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n_seen; i++) {
    if (p->proj->def->seen[i].side != NSL_SIDE_POST) continue;
    q->before[i] = rt_alloc(&s->mem, n * p->ring, s->real_size);
    q->history[i] = rt_alloc(&s->mem, n * p->history, s->real_size);
    if (!q->before[i] || !q->history[i]) return NSL_EMEMORY;
    const char *state = p->proj->target->states[p->proj->def->seen[i].outer];
    memcpy(q->history[i], state + (size_t)q->slice->first * s->real_size, n * s->real_size);
    if (!p->looks_back) continue;
    if (!(q->later[i] = rt_alloc(&s->mem, n * p->history, s->real_size))) return NSL_EMEMORY;
    memcpy(q->later[i], q->history[i], n * s->real_size);
  }
  return 0;
}

static int shard_begin(struct rt_sim *s, struct rt_plastic_shard *q) {
  int e = rings_make(s, q);
  return e ? e : rt_follow_begin(s, q);
}

/* Is one of its states per post recorded? */
static bool post_recorded(const struct rt_sim *s, const struct rt_plastic *p) {
  for (uint32_t i = 0; i < s->x->n_records; i++)
    for (uint32_t k = 0; k < s->x->records[i].n_links; k++) {
      const struct nsl_recorded *of = &s->x->records[i].links[k];
      if (!of->streams && of->index == p->proj->index && of->state != NSL_NONE && p->class->states[of->state].per == NSL_PER_POST) return true;
    }
  return false;
}

int rt_plastic_begin(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) {
    struct rt_plastic *p = &s->plastics[i];
    uint64_t reach = (uint64_t)p->most + s->interval;
    p->ring = rt_power_of_two((reach + 2) * p->proj->target->within + SPIKES_BETWEEN);
    p->history = rt_power_of_two(reach + 2);
    p->sums = rt_power_of_two(reach + p->axonal + p->most_after + 2);
    p->looks_back = p->class->stepped || post_recorded(s, p);
    e = rt_pre_make(s, p);
    for (uint32_t h = s->own0; !e && h < s->own1; h++)
      if (p->shards[h].slice) e = shard_begin(s, &p->shards[h]);
  }
  return e;
}

void rt_plastic_drop(struct rt_sim *s) {
  for (uint32_t i = 0; s->plastics && i < s->n_plastic; i++)
    for (uint32_t h = 0; s->plastics[i].shards && h < s->n_shards; h++) {
      struct rt_plastic_shard *q = &s->plastics[i].shards[h];
      rt_drop(&q->target);
      rt_drop(&q->third);
      rt_drop(&q->segments);
      rt_drop(&q->queue);
      rt_drop(&q->sent);
      rt_each_drop(q);
      for (uint32_t k = 0; q->states && k < s->plastics[i].class->n_states; k++) rt_drop(&q->states[k]);
      for (uint32_t k = 0; q->params && k < s->plastics[i].class->n_params; k++) rt_drop(&q->params[k]);
      if (q->lanes) rt_lanes_drop(q->lanes);
    }
}

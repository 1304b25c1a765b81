/* Synapses with memory in the run: postsynaptic spikes that rows have not seen yet, presynaptic spikes, what arrives; sweeps.
 * See plastic.h for what is handled when. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/plastic.h"
#include "runtime/plastic_lanes.h"
#include "runtime/verify.h"

#define REAL double
#define NAME(f) f##_f64
#include "runtime/plastic_loops.h"
#define REAL float
#define NAME(f) f##_f32
#include "runtime/plastic_loops.h"
/* One of the two, by the program's precision. */
#define LOOP(f, q, ...) ((q)->shard->sim->program->f32 ? f##_f32(__VA_ARGS__) : f##_f64(__VA_ARGS__))

/* ---- phases in which weights stand still */

/* What runs at this step, of the kernels that may change weights. */
static const struct rt_learn *learn_at(const struct rt_plastic *p, int which, uint64_t step) {
  static const int frozen[] = {[NSL_LEARN_POST] = NSL_LEARN_POST_FROZEN, [NSL_LEARN_PRE] = NSL_LEARN_PRE_FROZEN, [NSL_LEARN_STEP] = NSL_LEARN_STEP_FROZEN};
  for (uint32_t i = 0; i < p->n_frozen; i++)
    if (p->frozen[i].from < step && step <= p->frozen[i].to) return &p->learn[frozen[which]];
  return &p->learn[which];
}

/* How far the same runs as in the step behind this one. */
static uint64_t learn_until(const struct rt_plastic *p, uint64_t from, uint64_t to) {
  for (uint32_t i = 0; i < p->n_frozen; i++) {
    if (p->frozen[i].from > from && p->frozen[i].from < to) to = p->frozen[i].from;
    if (p->frozen[i].to > from && p->frozen[i].to < to) to = p->frozen[i].to;
  }
  return to;
}

/* ---- scratch */

static void *array(struct rt_lanes *l, const struct rt_sim *s, uint64_t n, int *e) {
  void *a = *e ? NULL : rt_alloc(&l->mem, n, s->real_size);
  if (!a) *e = NSL_EMEMORY;
  return a;
}

int rt_lanes_room(struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, uint64_t n) {
  uint64_t room = (n + 2 * NSL_LANES) / NSL_LANES * NSL_LANES;
  const struct nsl_class *c = p->class;
  uint32_t most = c->init.n_bindings, n_sends = (p->each ? 2 : 1) * p->proj->def->n_afters;
  int e = 0;
  if (room <= l->room) return 0;
  room += room / 2 / NSL_LANES * NSL_LANES;
  rt_mem_free(&l->mem);
  *l = (struct rt_lanes){.room = room};
  for (int i = 0; i < NSL_LEARNS; i++) most = p->learn[i].code->n_bindings > most ? p->learn[i].code->n_bindings : most;
  l->slots = rt_alloc(&l->mem, most + 1, sizeof *l->slots);
  l->states = rt_alloc(&l->mem, c->n_states + 1, sizeof *l->states);
  l->params = rt_alloc(&l->mem, c->n_params + 1, sizeof *l->params);
  l->out = rt_alloc(&l->mem, n_sends + 1, sizeof *l->out);
  l->inputs = rt_alloc(&l->mem, c->n_inputs + 1, sizeof *l->inputs);
  l->lane = rt_alloc(&l->mem, 3 * room, sizeof *l->lane);
  if (!l->slots || !l->states || !l->params || !l->out || !l->inputs || !l->lane) return NSL_EMEMORY;
  l->first = l->lane + room;
  l->left = l->first + room;
  l->elapsed = array(l, s, room, &e);
  l->since = array(l, s, room, &e);
  for (uint32_t i = 0; i < c->n_states; i++) l->states[i] = array(l, s, room, &e);
  for (uint32_t i = 0; i < c->n_params; i++) l->params[i] = array(l, s, room, &e);
  for (uint32_t i = 0; i < n_sends; i++) l->out[i] = array(l, s, room, &e);
  for (uint32_t i = 0; i < c->n_inputs; i++) l->inputs[i] = i == c->elapsed ? l->elapsed : i == c->since ? l->since : array(l, s, room, &e);
  for (uint32_t i = 0; !e && i < c->n_drawn; i++) rt_draws_begin(s, l->inputs[c->drawn[i]], room);
  return e;
}

void rt_lanes_slots(struct rt_lanes *l, const struct nsl_code *code) {
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t kind = code->bindings[i].kind, at = code->bindings[i].index;
    l->slots[i] = kind == NSL_SLOT_STATE   ? l->states[at]
                  : kind == NSL_SLOT_PARAM ? l->params[at]
                  : kind == NSL_SLOT_INPUT ? l->inputs[at]
                  : kind == NSL_SLOT_OUT   ? l->out[at]
                                           : NULL;
  }
}

/* Signals, as they were at T - dt; before the run there are none. */
static void signals_fill(const struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, const struct rt_learn *learn, uint64_t n,
                         uint64_t step) {
  for (uint32_t i = 0; i < learn->code->n_bindings; i++) {
    const struct nsl_binding *b = &learn->code->bindings[i];
    uint32_t feed = b->kind == NSL_SLOT_INPUT ? p->proj->def->fed[b->index] : NSL_NONE;
    if (feed == NSL_NONE) continue;
    double v = s->feeds ? s->feeds[feed].shown[(step - 1) & 1] : 0;
    for (uint64_t k = 0; k < n; k++) rt_real_set(s, l->inputs[b->index], k, v);
  }
}

void rt_lanes_run(const struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, const struct rt_learn *learn, uint64_t n,
                  uint64_t step) {
  struct nsl_env env = {.slots = l->slots, .u = p->u, .key = p->key, .step = step, .t = (double)step * s->dt, .dt = s->dt,
                        .count = (int64_t)((n + RT_LEARN_LANES - 1) / RT_LEARN_LANES * RT_LEARN_LANES)};
  if (learn->signals) signals_fill(s, p, l, learn, n, step);
  learn->kernel(&env);
}

void rt_lanes_drop(struct rt_lanes *l) {
  rt_mem_free(&l->mem);
  *l = (struct rt_lanes){0};
}

/* ---- the presynaptic cell's states, the same for all synapses of the row */

static void cells_fill(const struct rt_plastic_shard *q, const struct nsl_code *code, void *const *values, uint64_t at, uint32_t n) {
  const struct rt_sim *s = q->shard->sim;
  struct rt_lanes *l = q->lanes;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind != NSL_SLOT_STATE || q->of->class->states[k].per != NSL_PER_PRE || q->of->seen[k] != NSL_NONE) continue;
    double v = rt_real(s, values[k], at);
    if (s->program->f32) fill_f32(l->states[k], (float)v, n);
    else fill_f64(l->states[k], v, n);
  }
}

/* The source's own states as an event at the synapse at `step` brings them; after: behind its spike. */
static void source_fill(const struct rt_plastic_shard *q, const struct nsl_code *code, uint32_t row, uint64_t step, bool after, uint32_t n) {
  const struct rt_sim *s = q->shard->sim;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind != NSL_SLOT_STATE || q->of->class->states[k].per != NSL_PER_PRE || q->of->seen[k] == NSL_NONE) continue;
    double v = rt_pre_seen(s, q->of, q->of->seen[k], after, row, step);
    if (s->program->f32) fill_f32(q->lanes->states[k], (float)v, n);
    else fill_f64(q->lanes->states[k], v, n);
  }
}

/* ---- third parts, as events at the synapses at `step` see them */

static void third_fill(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, uint64_t step) {
  const struct rt_sim *s = q->shard->sim;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind != NSL_SLOT_STATE || q->of->class->states[k].per != NSL_PER_THIRD) continue;
    LOOP(thirds, q, q->lanes->states[k], rt_third_row_at(s, q->of, q->of->seen[k], step), q->third + g->at, g->n);
  }
}

/* Those of the list, when each one's next spike has come back to it. */
static void third_seen(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t nth, uint32_t n) {
  const struct rt_sim *s = q->shard->sim;
  const struct rt_lanes *l = q->lanes;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t at = (uint64_t)q->target[g->at + l->lane[i]] * q->of->ring + (l->first[i] & (q->of->ring - 1));
    const void *row = rt_third_row_at(s, q->of, nth, (uint64_t)q->spikes[at] + g->dendritic);
    uint32_t cell = q->third[g->at + l->lane[i]];
    rt_real_set(s, l->states[q->of->proj->def->seen[nth].inner], i, cell == NSL_NONE ? 0 : row ? rt_real(s, row, cell) : 1);
  }
}

/* ---- postsynaptic spikes */

/* The synapses of a segment that spikes of (from, to] have reached, and the first of these. */
static uint32_t pending_find(const struct rt_plastic_shard *q, const struct rt_segment *g, int64_t from, int64_t to) {
  struct rt_lanes *l = q->lanes;
  uint32_t ring = q->of->ring, n = 0;
  if (to <= from) return 0;
  for (uint32_t i = 0; i < g->n; i++) {
    uint32_t t = q->target[g->at + i], k = q->n_spiked[t], end;
    const uint32_t *spikes = q->spikes + (uint64_t)t * ring;
    if (!k || (int64_t)spikes[(k - 1) & (ring - 1)] <= from) continue;
    while (k && (int64_t)spikes[(k - 1) & (ring - 1)] > to) k--;
    for (end = k; k && end - k < ring && (int64_t)spikes[(k - 1) & (ring - 1)] > from;) k--;
    if (k == end) continue;
    l->lane[n] = i;
    l->first[n] = k;
    l->left[n++] = end - k;
  }
  return n;
}

/* The source's own state when each synapse's next spike has come back to it. */
static void source_seen(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t nth, uint32_t row, uint32_t n) {
  const struct rt_sim *s = q->shard->sim;
  const struct rt_lanes *l = q->lanes;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t at = (uint64_t)q->target[g->at + l->lane[i]] * q->of->ring + (l->first[i] & (q->of->ring - 1));
    double v = rt_pre_seen(s, q->of, nth, false, row, (uint64_t)q->spikes[at] + g->dendritic);
    rt_real_set(s, l->states[q->of->proj->def->seen[nth].inner], i, v);
  }
}

/* Pointers of the scratch, with what the synapses and their cells hold. */
static void post_load(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, uint32_t row, uint32_t n) {
  struct rt_lanes *l = q->lanes;
  const struct nsl_projection *def = q->of->proj->def;
  size_t at = g->at * q->shard->sim->real_size;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind == NSL_SLOT_PARAM) LOOP(gather, q, l->params[k], (void *)((char *)q->params[k] + at), l->lane, n);
    if (code->bindings[i].kind != NSL_SLOT_STATE) continue;
    if (q->states[k]) LOOP(gather, q, l->states[k], (void *)((char *)q->states[k] + at), l->lane, n);
    uint32_t j = q->of->seen[k];
    if (j == NSL_NONE) continue;
    switch ((enum nsl_side)def->seen[j].side) {
      case NSL_SIDE_PRE: source_seen(q, g, j, row, n); break;
      case NSL_SIDE_POST: LOOP(seen, q, l->states[k], q->before[j], q->target + g->at, l, n, q->of->ring); break;
      case NSL_SIDE_THIRD: third_seen(q, g, j, n); break;
    }
  }
}

static void post_store(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, uint32_t n) {
  struct rt_lanes *l = q->lanes;
  size_t at = g->at * q->shard->sim->real_size;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind == NSL_SLOT_STATE && q->states[k])
      LOOP(scatter, q, (void *)((char *)q->states[k] + at), l->states[k], l->lane, n);
  }
}

static uint32_t pending_next(struct rt_lanes *l, uint32_t n) {
  uint32_t m = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (l->left[i] < 2) continue;
    l->lane[m] = l->lane[i];
    l->first[m] = l->first[i] + 1;
    l->left[m++] = l->left[i] - 1;
  }
  return m;
}

static void segment_catch_up(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t done, uint64_t step) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *learn = learn_at(q->of, NSL_LEARN_POST, step);
  uint64_t last = q->last[row];
  uint32_t n = learn->kernel ? pending_find(q, g, (int64_t)done - g->dendritic, (int64_t)step - g->dendritic) : 0;
  if (!n) return;
  rt_lanes_slots(q->lanes, learn->code);
  cells_fill(q, learn->code, q->cells, row, n);
  for (; n; n = pending_next(q->lanes, n)) {
    if (learn->since || learn->elapsed) LOOP(times, q, q, g, q->lanes, n, last, s->dt);
    post_load(q, g, learn->code, row, n);
    if (learn->draws) rt_draws_post(q, g, row, n);
    if (learn->follows) rt_signals_fill(q, g, learn->code, step, true, n);
    rt_lanes_run(s, q->of, q->lanes, learn, n, step);
    post_store(q, g, learn->code, n);
  }
}

/* Piece by piece, where weights stand still in a part of the time. */
static int row_catch_up(struct rt_plastic_shard *q, uint32_t row, uint64_t step) {
  uint64_t last = q->last[row], done = last > q->swept ? last : q->swept;
  for (uint32_t g = q->row[row]; g < q->row[row + 1]; g++) {
    int e = rt_lanes_room(q->shard->sim, q->of, q->lanes, q->segments[g].n);
    if (e) return e;
    for (uint64_t from = done, to; from < step; from = to) {
      to = learn_until(q->of, from, step);
      segment_catch_up(q, &q->segments[g], row, from, to);
    }
  }
  return 0;
}

static int sweep(struct rt_plastic_shard *q, uint64_t step) {
  int e = 0;
  for (uint32_t row = 0; !e && row < q->of->proj->sn; row++) e = row_catch_up(q, row, step);
  memcpy(q->n_swept, q->n_spiked, q->slice->count * sizeof *q->n_swept);
  q->swept = step;
  q->full = false;
  return e;
}

int rt_plastic_sweep(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++)
    if (s->plastics[i].shards[h->index].slice) e = sweep(&s->plastics[i].shards[h->index], step);
  return e;
}

/* ---- presynaptic spikes */

/* What the segment's own arrays are to the kernel, and what it sees of the target's cells at a step. */
static void whole_slots(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, char *const *history,
                        uint64_t step) {
  struct rt_lanes *l = q->lanes;
  const struct rt_sim *s = q->shard->sim;
  const struct nsl_projection *def = q->of->proj->def;
  size_t at = g->at * s->real_size, row = q->slice->count * s->real_size;
  uint64_t seen = step > g->dendritic ? step - g->dendritic : 0;
  rt_lanes_slots(l, code);
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t k = code->bindings[i].index;
    if (code->bindings[i].kind == NSL_SLOT_PARAM) l->slots[i] = (char *)q->params[k] + at;
    if (code->bindings[i].kind != NSL_SLOT_STATE) continue;
    if (q->states[k]) l->slots[i] = (char *)q->states[k] + at;
    uint32_t j = q->of->seen[k];
    if (j != NSL_NONE && def->seen[j].side == NSL_SIDE_POST)
      LOOP(gather, q, l->states[k], (void *)(history[j] + (seen & (q->of->history - 1)) * row), q->target + g->at, g->n);
  }
}

/* --verify */
static int sent_note(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step, uint32_t nth, double units) {
  const struct rt_sim *s = q->shard->sim;
  int e = 0;
  if (!s->verify || !rt_verify_wants(s, step + g->dendritic + q->of->after[nth])) return 0;
  for (uint32_t i = 0; !e && i < g->n; i++) {
    double sent = rt_real(s, q->lanes->out[nth], i);
    e = rt_plastic_note(q, g, row, step, nth, i, q->of->each ? 0 : llrint(sent * units), sent);
  }
  return e;
}

int rt_plastic_odd(const struct rt_plastic *p, uint64_t step) {
  if (p->each)
    return rt_fail_at(NSL_ENUMBER, p->proj->def->place, "%s: at t = %.12g ms a synapse sends what is no number: its equations run away", p->proj->def->path,
                      (double)step * p->shards[0].shard->sim->dt);
  return rt_fail_at(NSL_ENUMBER, p->proj->def->place, "%s: at t = %.12g ms a synapse sends what is no number, or more than %g %s, a million "
                    "times what the first spikes send: its weight has no bounds, or its equations run away", p->proj->def->path,
                    (double)step * p->shards[0].shard->sim->dt, p->proj->largest, "in the port's unit");
}

static int segment_send(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step) {
  const struct rt_plastic *p = q->of;
  const struct rt_port *port = &q->shard->sim->ports[p->proj->port];
  bool good = true;
  int e = 0;
  for (uint32_t k = 0; p->each && !e && k < p->proj->def->n_afters; k++) e = sent_note(q, g, row, step, k, 1);
  if (p->each) return e ? e : rt_each_send(q, g, row, step);
  for (uint32_t k = 0; k < p->proj->def->n_afters; k++) {
    uint32_t at = (uint32_t)(step + g->dendritic + p->after[k]) & (p->sums - 1);
    q->dirty[at] = 1;
    int64_t *sums = q->sums + (uint64_t)at * q->slice->count;
    good &= LOOP(send, q, sums, q->target + g->at, q->lanes->out[k], g->n, 1 / port->unit, p->proj->largest);
    if (!e) e = sent_note(q, g, row, step, k, 1 / port->unit);
  }
  return good ? e : rt_plastic_odd(p, step);
}

/* cells of one row at this event: advanced, then what the spike does to them; the scratch has room. */
static void cell_advance(struct rt_plastic_shard *q, uint32_t row, uint64_t step, int which) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *learn = &q->of->learn[which];
  if (!learn->kernel) return;
  rt_lanes_slots(q->lanes, learn->code);
  if (which == NSL_LEARN_ADVANCE) cells_fill(q, learn->code, q->cells, row, RT_LEARN_LANES);
  if (learn->pre) source_fill(q, learn->code, row, step, false, RT_LEARN_LANES);
  double since = (double)(step - q->last[row]) * s->dt;
  if (s->program->f32) fill_f32(q->lanes->since, (float)since, RT_LEARN_LANES);
  else fill_f64(q->lanes->since, since, RT_LEARN_LANES);
  rt_lanes_run(s, q->of, q->lanes, learn, 1, step);
  for (uint32_t i = 0; i < learn->code->n_bindings; i++) {
    uint32_t k = learn->code->bindings[i].index;
    if (learn->code->bindings[i].kind == NSL_SLOT_STATE && q->cells[k])
      rt_real_set(s, q->cells[k], row, rt_real(s, q->lanes->states[k], 0));
  }
}

/* The time since the last event of each synapse of a segment; with a postsynaptic handler those are events too. */
static void elapsed_fill(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step) {
  const struct rt_sim *s = q->shard->sim;
  uint64_t begun = q->last[row] > q->signalled ? q->last[row] : q->signalled;
  double time = (double)(step - begun) * s->dt;
  if (q->of->learn[NSL_LEARN_POST].kernel) LOOP(elapsed, q, q, g, q->lanes->elapsed, q->last[row], step, s->dt);
  else if (s->program->f32) fill_f32(q->lanes->elapsed, (float)time, g->n);
  else fill_f64(q->lanes->elapsed, time, g->n);
}

static int pre(struct rt_plastic_shard *q, uint32_t row, uint64_t step) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *learn = learn_at(q->of, NSL_LEARN_PRE, step);
  if (q->row[row] == q->row[row + 1]) return 0;
  int e = row_catch_up(q, row, step);
  if (e) return e;
  if (q->again) q->again[row] = q->last[row] == step ? q->again[row] + 1 : 0;
  cell_advance(q, row, step, NSL_LEARN_ADVANCE);
  for (uint32_t i = q->row[row]; !e && learn->kernel && i < q->row[row + 1]; i++) {
    const struct rt_segment *g = &q->segments[i];
    whole_slots(q, g, learn->code, q->history, step);
    cells_fill(q, learn->code, q->cells, row, g->n);
    if (learn->pre) source_fill(q, learn->code, row, step, false, g->n);
    if (learn->third) third_fill(q, g, learn->code, step);
    if (learn->elapsed) elapsed_fill(q, g, row, step);
    if (learn->draws) rt_draws_pre(q, g, row, step);
    if (learn->follows) rt_signals_fill(q, g, learn->code, step, false, g->n);
    rt_lanes_run(s, q->of, q->lanes, learn, g->n, step);
    e = segment_send(q, g, row, step);
  }
  if (q->of->learn[NSL_LEARN_CELL].kernel) {
    cells_fill(q, q->of->learn[NSL_LEARN_CELL].code, q->cells, row, RT_LEARN_LANES);
    cell_advance(q, row, step, NSL_LEARN_CELL);
  }
  q->last[row] = step;
  return e;
}

/* Its own as they are at the synapses at a step, in the scratch; what is kept stays as of the last spike. */
static void cells_look(const struct rt_plastic_shard *q, uint32_t row, uint64_t step) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *advance = &q->of->learn[NSL_LEARN_ADVANCE];
  rt_lanes_slots(q->lanes, advance->code);
  cells_fill(q, advance->code, q->cells, row, RT_LEARN_LANES);
  double since = (double)(step - q->last[row]) * s->dt;
  if (s->program->f32) fill_f32(q->lanes->since, (float)since, RT_LEARN_LANES);
  else fill_f64(q->lanes->since, since, RT_LEARN_LANES);
  rt_lanes_run(s, q->of, q->lanes, advance, 1, step + 1);
}

/* ---- what is stepped */

/* From step - 1 to step: all synapses, with what they saw at step - 1. */
static int step_all(struct rt_plastic_shard *q, uint64_t step) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *learn = learn_at(q->of, NSL_LEARN_STEP, step);
  const struct rt_learn *advance = &q->of->learn[NSL_LEARN_ADVANCE];
  int e = 0;
  for (uint32_t row = 0; !e && row < q->of->proj->sn; row++) {
    for (uint32_t i = q->row[row]; !e && i < q->row[row + 1]; i++) {
      const struct rt_segment *g = &q->segments[i];
      e = rt_lanes_room(s, q->of, q->lanes, g->n);
      if (e || !learn->kernel) continue;
      void *const *cells = q->cells;
      uint64_t at = row;
      if (advance->kernel) {
        cells_look(q, row, step - 1);
        cells = q->lanes->states;
        at = 0;
      }
      whole_slots(q, g, learn->code, q->later, step - 1);
      cells_fill(q, learn->code, cells, at, g->n);
      if (learn->pre) source_fill(q, learn->code, row, step - 1, true, g->n);
      if (learn->third) third_fill(q, g, learn->code, step);
      rt_lanes_run(s, q->of, q->lanes, learn, g->n, step);
    }
    if (!e) e = row_catch_up(q, row, step);
  }
  memcpy(q->n_swept, q->n_spiked, q->slice->count * sizeof *q->n_swept);
  q->swept = step;
  return e;
}

/* ---- what is looked at */

/* A state of the presynaptic cell, the same for the whole row: as its spikes have brought it to the synapses. */
static double pre_now(const struct rt_plastic_shard *q, uint32_t row, uint32_t state) {
  const struct rt_sim *s = q->shard->sim;
  if (q->of->seen[state] != NSL_NONE) return rt_pre_seen(s, q->of, q->of->seen[state], true, row, q->swept);
  if (!q->of->learn[NSL_LEARN_ADVANCE].kernel) return rt_real(s, q->cells[state], row);
  rt_real_set(s, q->lanes->states[state], 0, rt_real(s, q->cells[state], row)); /* it stays, if nothing moves it */
  cells_look(q, row, q->swept);
  return rt_real(s, q->lanes->states[state], 0);
}

/* A state of the postsynaptic cells: as it was a dendritic delay ago, behind the spikes. */
static void post_now(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t state, double *ret) {
  uint64_t seen = q->swept > g->dendritic ? q->swept - g->dendritic : 0, row = (seen & (q->of->history - 1)) * q->slice->count;
  for (uint32_t i = 0; i < g->n; i++) ret[i] = rt_real(q->shard->sim, q->later[q->of->seen[state]], row + q->target[g->at + i]);
}

static int own_now(struct rt_plastic_shard *q, uint32_t row, const struct rt_segment *g, uint32_t state, double *ret) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *now = &q->of->learn[NSL_LEARN_NOW];
  uint64_t step = q->swept;
  const char *array = (char *)q->states[state] + g->at * s->real_size;
  if (now->kernel) { /* on copies: what is kept stays as of the last event */
    whole_slots(q, g, now->code, q->history, step);
    for (uint32_t i = 0; i < now->code->n_bindings; i++) {
      uint32_t k = now->code->bindings[i].index;
      if (now->code->bindings[i].kind != NSL_SLOT_STATE || !q->states[k]) continue;
      memcpy(q->lanes->states[k], q->lanes->slots[i], g->n * s->real_size);
      q->lanes->slots[i] = q->lanes->states[k];
      if (k == state) array = q->lanes->states[k];
    }
    elapsed_fill(q, g, row, step);
    if (now->follows) rt_signals_fill(q, g, now->code, step, false, g->n);
    rt_lanes_run(s, q->of, q->lanes, now, g->n, step);
  }
  for (uint32_t i = 0; i < g->n; i++) ret[i] = rt_real(s, array, i);
  return 0;
}

int rt_plastic_now(struct rt_plastic_shard *q, uint32_t row, const struct rt_segment *g, uint32_t state, double *ret) {
  uint32_t per = q->of->class->states[state].per;
  int e = rt_lanes_room(q->shard->sim, q->of, q->lanes, g->n);
  if (!e && per == NSL_PER_ELEMENT) e = own_now(q, row, g, state, ret);
  else if (!e && per == NSL_PER_POST) post_now(q, g, state, ret);
  else if (!e)
    for (double v = pre_now(q, row, state), *x = ret; x < ret + g->n; x++) *x = v;
  return e;
}

/* A signal that is followed has had an event in this step: all synapses come to it, and the signal is taken anew. */
static int signals_meet(struct rt_plastic_shard *q, uint64_t step) {
  struct rt_sim *s = q->shard->sim;
  const struct rt_learn *now = &q->of->learn[NSL_LEARN_NOW];
  int e = sweep(q, step);
  for (uint32_t row = 0; !e && now->kernel && row < q->of->proj->sn; row++)
    for (uint32_t i = q->row[row]; !e && i < q->row[row + 1]; i++) {
      const struct rt_segment *g = &q->segments[i];
      if ((e = rt_lanes_room(s, q->of, q->lanes, g->n))) break;
      whole_slots(q, g, now->code, q->history, step);
      if (now->elapsed) elapsed_fill(q, g, row, step);
      if (now->follows) rt_signals_fill(q, g, now->code, step, false, g->n);
      rt_lanes_run(s, q->of, q->lanes, now, g->n, step);
    }
  rt_signals_take(q, step);
  return e;
}

/* ---- an interval */

static int queue_put(struct rt_plastic_shard *q, const uint32_t *ids, uint64_t n, uint64_t step) {
  const struct rt_proj *p = q->of->proj;
  int e = rt_grow(&q->queue, &q->queue_cap, q->n_queue + n, sizeof *q->queue);
  for (uint64_t i = 0; !e && i < n; i++)
    if (ids[i] >= p->s0 && ids[i] - p->s0 < p->sn) q->queue[q->n_queue++] = (struct rt_pre){step + q->of->axonal, ids[i] - p->s0};
  return e;
}

static int queue_fill(struct rt_plastic_shard *q, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  const struct rt_sim *s = q->shard->sim;
  int e = 0;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    const struct rt_shard *other = &s->shards[k];
    const struct rt_spikes *in = &other->spikes[parity];
    const uint64_t *ends = in->ends + (size_t)in_batch * other->n_slices;
    uint64_t begin = in_batch && other->n_slices ? ends[-1] : 0;
    for (uint32_t j = 0; !e && j < n_steps; j++)
      for (uint32_t i = 0; !e && i < other->n_slices; i++) {
        uint64_t end = ends[(size_t)j * other->n_slices + i];
        if (other->slices[i].pop == q->of->proj->source && end > begin) e = queue_put(q, in->ids + begin, end - begin, from + j);
        begin = end;
      }
  }
  return e;
}

static int interval(struct rt_plastic_shard *q, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  uint64_t end = from + n_steps - 1;
  uint32_t kept = 0;
  int e = queue_fill(q, from, in_batch, n_steps, parity);
  if (!e && rt_signals_changed(q, from - 1)) e = signals_meet(q, from - 1); /* who follows signals has intervals of one step */
  if (!e && q->of->class->stepped) e = step_all(q, end);
  for (uint32_t i = 0; !e && i < q->n_queue; i++) {
    if (q->queue[i].step > end) q->queue[kept++] = q->queue[i];
    else e = pre(q, q->queue[i].source, q->queue[i].step);
  }
  q->n_queue = kept;
  const struct rt_learn *post = &q->of->learn[NSL_LEARN_POST]; /* signals are known in their step alone, states of others not long */
  return !e && (q->full || post->signals || post->pre || post->third) ? sweep(q, end) : e;
}

int rt_plastic_spikes(struct rt_shard *h, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  struct rt_sim *s = h->sim;
  int e = 0;
  for (uint32_t i = 0; !e && n_steps && i < s->n_plastic; i++)
    if (s->plastics[i].shards[h->index].slice) e = interval(&s->plastics[i].shards[h->index], from, in_batch, n_steps, parity);
  return e || !h->batch ? e : rt_each_room(h);
}

/* ---- a step of the shard */

void rt_plastic_arrive(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    struct rt_plastic_shard *q = &s->plastics[i].shards[h->index];
    uint32_t at = (uint32_t)step & (s->plastics[i].sums - 1);
    if (!q->slice || q->of->each || !q->dirty[at]) continue;
    int64_t *sums = q->sums + (uint64_t)at * q->slice->count;
    int64_t *acc = rt_acc(h, q->slice, s->plastics[i].proj->def->port).wide;
    for (uint32_t t = 0; t < q->slice->count; t++) acc[t] += sums[t];
    memset(sums, 0, q->slice->count * sizeof *sums);
    q->dirty[at] = 0;
  }
}

static void spike_keep(struct rt_plastic_shard *q, uint32_t t, uint64_t step) {
  const struct rt_plastic *p = q->of;
  struct rt_sim *s = q->shard->sim;
  const struct nsl_projection *def = p->proj->def;
  uint32_t at = q->n_spiked[t]++ & (p->ring - 1);
  uint64_t slot = (uint64_t)t * p->ring + at;
  q->spikes[slot] = (uint32_t)step;
  for (uint32_t i = 0; i < def->n_seen; i++)
    if (def->seen[i].side == NSL_SIDE_POST) rt_real_set(s, q->before[i], slot, rt_real(s, p->proj->target->states[def->seen[i].before], q->slice->first + t));
  /* room for what may come until the end of the interval, where rows are swept, and for what no sweep can finish: spikes within the longest delay */
  if (q->n_spiked[t] - q->n_swept[t] + (p->most + s->interval + 2) * p->proj->target->within >= p->ring) q->full = true;
}

/* What others see of a cell that has spiked in this step: how it was just before its first spike. */
static void history_keep(struct rt_plastic_shard *q, uint32_t t, uint64_t step) {
  const struct rt_plastic *p = q->of;
  const struct nsl_projection *def = p->proj->def;
  const uint32_t *spikes = q->spikes + (uint64_t)t * p->ring;
  uint64_t row = (step & (p->history - 1)) * q->slice->count;
  uint32_t first = q->n_spiked[t] - 1;
  while (first && spikes[(first - 1) & (p->ring - 1)] == (uint32_t)step && q->n_spiked[t] - first < p->ring) first--;
  for (uint32_t i = 0; i < def->n_seen; i++)
    if (def->seen[i].side == NSL_SIDE_POST)
      rt_real_set(q->shard->sim, q->history[i], row + t, rt_real(q->shard->sim, q->before[i], (uint64_t)t * p->ring + (first & (p->ring - 1))));
}

void rt_plastic_within(struct rt_shard *h, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n) {
  struct rt_sim *s = h->sim;
  rt_pre_within(h, c, step, ids, n);
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    struct rt_plastic_shard *q = &s->plastics[i].shards[h->index];
    for (uint64_t k = 0; q->slice == c && k < n; k++) spike_keep(q, ids[k] - c->first, step);
  }
}

void rt_plastic_after(struct rt_shard *h, uint64_t step, const uint32_t *ids, const uint64_t *ends, uint64_t begin) {
  struct rt_sim *s = h->sim;
  rt_pre_keep(h, step, ids, ends, begin);
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    struct rt_plastic_shard *q = &s->plastics[i].shards[h->index];
    const struct nsl_projection *def = s->plastics[i].proj->def;
    if (!q->slice) continue;
    size_t bytes = q->slice->count * s->real_size;
    for (uint32_t k = 0; k < def->n_seen; k++) {
      if (def->seen[k].side != NSL_SIDE_POST) continue;
      const char *state = s->plastics[i].proj->target->states[def->seen[k].outer];
      size_t to = (step & (s->plastics[i].history - 1)) * bytes, from = (size_t)q->slice->first * s->real_size;
      memcpy(q->history[k] + to, state + from, bytes);
      if (q->later[k]) memcpy(q->later[k] + to, state + from, bytes);
    }
    uint32_t nth = (uint32_t)(q->slice - h->slices);
    bool kept = s->plastics[i].proj->target->within > 1; /* by rt_plastic_within */
    for (uint64_t at = nth ? ends[nth - 1] : begin; at < ends[nth]; at++) {
      if (!kept) spike_keep(q, ids[at] - q->slice->first, step);
      history_keep(q, ids[at] - q->slice->first, step);
    }
  }
}

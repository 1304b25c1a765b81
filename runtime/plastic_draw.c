/* Draws in the handlers of synapses with memory: numbers between 0 and 1, functions of the seed, the projection, which synapse it is
 * (source, target, delay, and the how manieth of these), the time of the event and which handler: of no thread, rank or order of work. */
#include "math/math.h"
#include "runtime/plastic_lanes.h"

enum { AT_POST = 1, NTH_SHIFT = 9 }; /* ordinal: nth << 9 | draw << 1 | handler */

/* In float32 23 bits, so that rounding reaches neither 0 nor 1. */
static double unit(const struct rt_sim *s, uint64_t bits) {
  return s->program->f32 ? ((double)(bits >> 41) + 0.5) * 0x1p-23 : ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

static uint64_t row_key(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row) {
  return nslm_key(nslm_key(q->of->key, (uint64_t)q->of->proj->s0 + row + 1), g->dendritic);
}

/* A cell with a finer step may spike several times in a step of the run: each draws its own. */
static uint64_t event_key(uint64_t key, uint32_t again) { return again ? nslm_key(key, again) : key; }

static uint32_t nth_of(const uint32_t *target, uint32_t i) {
  uint32_t nth = 0;
  while (nth < i && target[i - nth - 1] == target[i]) nth++;
  return nth;
}

static void put(const struct rt_plastic_shard *q, uint64_t key, uint32_t lane, uint32_t target, uint32_t nth, uint64_t step,
                uint32_t handler) {
  const struct rt_sim *s = q->shard->sim;
  const struct nsl_class *c = q->of->class;
  for (uint32_t k = 0; k < c->n_drawn; k++) {
    uint64_t bits = nslm_draw_bits_u64(key, (uint64_t)q->slice->first + target, step, nth << NTH_SHIFT | k << 1 | handler);
    rt_real_set(s, q->lanes->inputs[c->drawn[k]], lane, unit(s, bits));
  }
}

/* What a kernel finds where nothing has been drawn: before the run, and in lanes that fill up a vector. */
void rt_draws_begin(const struct rt_sim *s, void *array, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) rt_real_set(s, array, i, 0.5);
}

void rt_draws_pre(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step) {
  const uint32_t *target = q->target + g->at;
  uint64_t key = event_key(row_key(q, g, row), q->again ? q->again[row] : 0);
  for (uint32_t i = 0, nth = 0; i < g->n; i++) {
    nth = i && target[i] == target[i - 1] ? nth + 1 : 0;
    put(q, key, i, target[i], nth, step, 0);
  }
}

void rt_draws_post(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint32_t n) {
  const struct rt_lanes *l = q->lanes;
  const uint32_t *target = q->target + g->at;
  uint64_t key = row_key(q, g, row);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t t = target[l->lane[i]];
    const uint32_t *spikes = q->spikes + (uint64_t)t * q->of->ring;
    uint64_t spike = spikes[l->first[i] & (q->of->ring - 1)];
    uint32_t again = 0;
    while (again < l->first[i] && again + 1 < q->of->ring && spikes[(l->first[i] - again - 1) & (q->of->ring - 1)] == spike) again++;
    put(q, event_key(key, again), i, t, nth_of(target, l->lane[i]), spike + g->dendritic, AT_POST);
  }
}

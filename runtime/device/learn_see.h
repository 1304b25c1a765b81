/* What a synapse with memory is told at an event, besides what its target's cell was (learn.c): each in an array of its own, where the
 * rule's kernel finds it. */
#ifndef NSL_RUNTIME_DEVICE_LEARN_SEE_H
#define NSL_RUNTIME_DEVICE_LEARN_SEE_H

#include "runtime/device/learn.h"

enum dev_handler { DEV_AT_PRE, DEV_AT_POST }; /* numbers of draws: plastic_draw.c */
enum { DEV_NTH_SHIFT = 9 };

/* ---- cells that are no targets */

/* Sources behind their step kernels; third parts when a step is over. */
static inline void others_keep(const struct dev_args *a, const struct dev_plastic *p, uint64_t thread, uint64_t threads, uint64_t step, uint32_t third) {
  for (uint32_t j = 0; j < p->n_others; j++) {
    const struct dev_other *o = &p->others[j];
    uint64_t row = (step & (p->others_ring - 1)) * o->n;
    if (third ? o->spiked || !o->after : !o->spiked) continue;
    for (uint64_t i = thread; i < o->n; i += threads) {
      uint64_t element = o->first + i;
      real_put(a, o->after, row + i, real_at(a, o->now, element));
      if (third) continue;
      uint32_t spikes = o->spikes[element / 64] >> element % 64 & 1;
      real_put(a, o->before, row + i, real_at(a, spikes ? o->spiked : o->now, element));
    }
  }
}

static inline double source_seen(const struct dev_args *a, const struct dev_plastic *p, const struct dev_other *o, uint64_t row, uint64_t step) {
  uint64_t left = step > p->axonal ? step - p->axonal : 0;
  return real_at(a, o->before, (left & (p->others_ring - 1)) * o->n + row % p->sources);
}

/* As the step before has left it; 0 where there is none. */
static inline double third_seen(const struct dev_args *a, const struct dev_plastic *p, const struct dev_other *o, uint32_t y, uint64_t step) {
  uint32_t cell = p->third[y];
  if (cell == NSL_NONE) return 0;
  return o->after ? real_at(a, o->after, ((step - 1) & (p->others_ring - 1)) * o->n + cell) : 1;
}

/* ---- what a synapse is told */

/* Draws: functions of which synapse it is, the step and the handler. */
static inline void draws_see(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t handler) {
  uint32_t row = p->row[y], nth = 0; /* of the synapses of one delay onto one target */
  while (y > nth && p->target[y - nth - 1] == p->target[y] && p->row[y - nth - 1] == row && p->delay[y - nth - 1] == p->delay[y]) nth++;
  uint64_t key = nslm_key(nslm_key(p->key, (uint64_t)p->source0 + row % p->sources + 1), p->delay[y]);
  for (uint32_t k = 0; k < p->n_draws; k++) {
    uint64_t bits = nslm_draw_bits_u64(key, p->target[y], step, nth << DEV_NTH_SHIFT | k << 1 | handler);
    real_put(a, p->draws[k], y, a->f32 ? ((double)(bits >> 41) + 0.5) * 0x1p-23 : ((double)(bits >> 12) + 0.5) * 0x1p-52);
  }
}

/* Of its source's cell, third parts, signals, draws. */
static inline void others_see(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t handler) {
  for (uint32_t i = 0; i < p->n_cells; i++) real_put(a, p->cells[i].to, y, real_at(a, p->cells[i].from, p->row[y]));
  for (uint32_t i = 0; i < p->n_others; i++) {
    const struct dev_other *o = &p->others[i];
    real_put(a, o->to, y, o->spiked ? source_seen(a, p, o, p->row[y], step) : third_seen(a, p, o, y, step));
  }
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].to, y, *p->signals[i].value);
  if (p->n_draws) draws_see(a, p, y, step, handler);
}

/* What a source's own statements are told. */
static inline void row_sees(const struct dev_args *a, const struct dev_plastic *p, uint64_t row, uint64_t step) {
  for (uint32_t i = 0; i < p->n_others; i++)
    if (p->others[i].spiked) real_put(a, p->others[i].row_to, row, source_seen(a, p, &p->others[i], row, step));
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].row_to, row, *p->signals[i].value);
}

#endif

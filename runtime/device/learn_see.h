/* What a synapse with memory is told at an event, besides what its target's cell was (learn.c): each in an array of its own, where the
 * rule's kernel finds it. */
#ifndef NSL_RUNTIME_DEVICE_LEARN_SEE_H
#define NSL_RUNTIME_DEVICE_LEARN_SEE_H

#include "runtime/device/learn.h"

enum dev_handler { DEV_AT_PRE, DEV_AT_POST }; /* numbers of draws: plastic_draw.c */
enum { DEV_NTH_SHIFT = 9 };

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

/* Of its source's cell, signals, draws. */
static inline void others_see(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t handler) {
  for (uint32_t i = 0; i < p->n_cells; i++) real_put(a, p->cells[i].to, y, real_at(a, p->cells[i].from, p->row[y]));
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].to, y, *p->signals[i].value);
  if (p->n_draws) draws_see(a, p, y, step, handler);
}

/* What a source's own statements are told. */
static inline void row_sees(const struct dev_args *a, const struct dev_plastic *p, uint64_t row) {
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].row_to, row, *p->signals[i].value);
}

#endif

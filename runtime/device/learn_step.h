/* Synapses with memory whose own states are stepped: all of them, in every step, with what they saw at the end of the step before (plastic_step.c:
 * step_all). Their sources' cells are looked at for that; what is kept of those stays as of their last spikes. */
#ifndef NSL_RUNTIME_DEVICE_LEARN_STEP_H
#define NSL_RUNTIME_DEVICE_LEARN_STEP_H

#include "runtime/device/learn_see.h"

/* For the kernel that brings cells to the step before. */
static void rows_look(const struct dev_args *a, const struct dev_plastic *p, struct where w, uint64_t step) {
  if (!w.thread) p->listed[DEV_ROWS] = p->n_rows;
  for (uint64_t r = w.thread; r < p->n_rows; r += w.threads) {
    for (uint32_t i = 0; i < p->n_cells; i++) real_put(a, p->looks[i], r, real_at(a, p->cells[i].from, r));
    real_put(a, p->row_since, r, (double)(step - 1 - p->last[r]) * p->dt);
  }
}

/* Of others: sources as they were behind their spikes. */
static inline double other_step(const struct dev_args *a, const struct dev_plastic *p, const struct dev_other *o, uint32_t y, uint64_t step) {
  uint64_t left = step - 1 > p->axonal ? step - 1 - p->axonal : 0;
  if (!o->spiked) return third_seen(a, p, o, y, step);
  return real_at(a, o->after, (left & (p->others_ring - 1)) * o->n + p->row[y] % p->sources);
}

static void all_see(const struct dev_args *a, const struct dev_plastic *p, struct where w, uint64_t step, uint32_t list) {
  for (uint64_t k = w.thread; k < p->n_all; k += w.threads) {
    uint32_t y = p->lists[DEV_WHOLE][k];
    uint64_t seen = step - 1 > p->delay[y] ? step - 1 - p->delay[y] : 0, at = (seen & (p->history - 1)) * p->padded + p->target[y];
    for (uint32_t i = 0; i < p->n_cells; i++) real_put(a, p->cells[i].to, y, real_at(a, p->looks[i], p->row[y]));
    for (uint32_t i = 0; i < p->n_others; i++) real_put(a, p->others[i].to, y, other_step(a, p, &p->others[i], y, step));
    for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].to, y, *p->signals[i].value);
    for (uint32_t j = 0; j < p->n_seen; j++) real_put(a, p->seen[j].to, y, real_at(a, p->seen[j].later, at));
  }
  if (!w.thread) p->listed[list] = p->n_all;
}

#endif

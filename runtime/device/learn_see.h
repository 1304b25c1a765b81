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

static inline double source_seen(const struct dev_args *a, const struct dev_plastic *p, const struct dev_other *o, const void *ring, uint64_t row, uint64_t step) {
  uint64_t left = step > p->axonal ? step - p->axonal : 0;
  return real_at(a, ring, (left & (p->others_ring - 1)) * o->n + row % p->sources);
}

/* As the step before has left it; 0 where there is none. */
static inline double third_seen(const struct dev_args *a, const struct dev_plastic *p, const struct dev_other *o, uint32_t y, uint64_t step) {
  uint32_t cell = p->third[y];
  if (cell == NSL_NONE) return 0;
  return o->after ? real_at(a, o->after, ((step - 1) & (p->others_ring - 1)) * o->n + cell) : 1;
}

/* ---- signals that are followed: known by their values behind their last event (plastic_signal.c). Feeds are those of the step before. */

static inline uint32_t signals_changed(const struct dev_plastic *p) {
  for (uint32_t i = 0; i < p->n_follows; i++)
    if (*p->follows[i].count != *p->follows[i].counted) return 1;
  return 0;
}

/* The step of the last event that synapses know of at this one. `signals_take` writes it down when nobody asks any more. */
static inline uint64_t met_at(const struct dev_plastic *p, uint64_t step) {
  return !p->n_follows ? 0 : signals_changed(p) ? step - 1 : *p->signalled;
}

static inline void signals_take(const struct dev_plastic *p, uint64_t step) {
  if (!signals_changed(p)) return;
  *p->signalled = step - 1;
  for (uint32_t i = 0; i < p->n_follows; i++) {
    *p->follows[i].kept = *p->follows[i].value;
    *p->follows[i].counted = *p->follows[i].count;
  }
}

/* fresh: as they have become in the step before. */
static inline void signals_see(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint64_t met, uint32_t fresh) {
  for (uint32_t i = 0; i < p->n_follows; i++) real_put(a, p->follows[i].to, y, fresh ? *p->follows[i].value : *p->follows[i].kept);
  real_put(a, p->since_signal, y, (double)(step - met) * p->dt);
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

/* At an event: of its source's cell, third parts, signals, draws. */
static inline void others_see(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t handler) {
  for (uint32_t i = 0; i < p->n_cells; i++) real_put(a, p->cells[i].to, y, real_at(a, p->cells[i].from, p->row[y]));
  for (uint32_t i = 0; i < p->n_others; i++) {
    const struct dev_other *o = &p->others[i];
    real_put(a, o->to, y, o->spiked ? source_seen(a, p, o, o->before, p->row[y], step) : third_seen(a, p, o, y, step));
  }
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].to, y, *p->signals[i].value);
  if (p->n_follows) signals_see(a, p, y, step, met_at(p, step), signals_changed(p));
  if (p->n_draws) draws_see(a, p, y, step, handler);
}

/* What moves a synapse from step - 1 to step: its source's cell as it was then, behind its spike. */
static inline void others_step(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step) {
  for (uint32_t i = 0; i < p->n_others; i++) {
    const struct dev_other *o = &p->others[i];
    real_put(a, o->to, y, o->spiked ? source_seen(a, p, o, o->after, p->row[y], step - 1) : third_seen(a, p, o, y, step));
  }
}

/* What a source's own statements are told. */
static inline void row_sees(const struct dev_args *a, const struct dev_plastic *p, uint64_t row, uint64_t step) {
  for (uint32_t i = 0; i < p->n_others; i++)
    if (p->others[i].spiked) real_put(a, p->others[i].row_to, row, source_seen(a, p, &p->others[i], p->others[i].before, row, step));
  for (uint32_t i = 0; i < p->n_signals; i++) real_put(a, p->signals[i].row_to, row, *p->signals[i].value);
}

#endif

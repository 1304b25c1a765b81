/* Continuous synapses with delays of their own: each one's value, which the caller adds up in the order of the rows. Two gathers
 * for each synapse: the values of the two grid points around its time. Part of hot.c. */
#ifndef NSL_RUNTIME_HOT_COUPLE_H
#define NSL_RUNTIME_HOT_COUPLE_H

#include "runtime/hot.h"

static inline double coupled_at(const double *ring, uint32_t at, uint32_t steps, uint32_t mask, double part) {
  double x = ring[at + (steps & mask)], y = ring[at + ((steps - 1) & mask)];
  return x + part * (y - x);
}

void rt_hot_coupled_past(const struct rt_coupled *c, uint64_t step, uint64_t from, uint64_t to, double *restrict out) {
  const double *restrict ring = c->ring, *restrict part = c->part, *restrict weight = c->weight;
  const uint32_t *restrict at = c->at, *restrict lag = c->lag;
  uint32_t mask = c->mask, now = (uint32_t)step;
  if (weight)
    for (uint64_t i = from; i < to; i++) out[i - from] = weight[i] * coupled_at(ring, at[i], now - lag[i], mask, part[i]);
  else
    for (uint64_t i = from; i < to; i++) out[i - from] = coupled_at(ring, at[i], now - lag[i], mask, part[i]);
}

#endif

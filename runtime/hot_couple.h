/* Continuous synapses with delays: sums of rows of them. Where delays are long enough, the sums of several steps are made at once: a
 * source's past lies in a row by time, so what a synapse brings in 8 steps is a vector, loaded twice, one place apart, and added in the
 * order of the synapses: a step's sum does not depend on which others are made with it. Part of hot.c. */
#ifndef NSL_RUNTIME_HOT_COUPLE_H
#define NSL_RUNTIME_HOT_COUPLE_H

#include "runtime/hot.h"

/* w (x + part (y - x)) of the values x of a step and y of the one before, as kept x + other y. */
struct coupled_parts {
  double kept, other;
};

static inline struct coupled_parts coupled_parts(const struct rt_coupled *c, uint64_t i) {
  double weight = c->weight ? c->weight[i] : 1, other = weight * (c->part ? c->part[i] : c->part_all);
  return (struct coupled_parts){weight - other, other};
}

/* The value before that of `step`; those of the steps after it follow. */
static inline const double *coupled_begin(const struct rt_coupled *c, uint64_t i, uint32_t step) {
  return c->ring + c->at[i] + ((step - 1 - (c->lag ? c->lag[i] : c->lag_all)) & c->mask);
}

typedef double coupled_lanes __attribute__((vector_size(64), aligned(8), may_alias));

#define TIMES_1(X) X(0)
#define TIMES_2(X) TIMES_1(X) X(1)
#define TIMES_3(X) TIMES_2(X) X(2)
#define TIMES_4(X) TIMES_3(X) X(3)
#define AHEAD_BEGIN(k) coupled_lanes sum##k = {0};
#define AHEAD_ADD(k)                                                          \
  sum##k += p.kept * *(const coupled_lanes *)(past + RT_COUPLED_LANES * k + 1) + \
            p.other * *(const coupled_lanes *)(past + RT_COUPLED_LANES * k);
#define AHEAD_END(k) lanes_put(&sum##k, out + RT_COUPLED_LANES * k * row, row);

static inline void lanes_put(const coupled_lanes *sum, double *out, uint64_t row) {
  coupled_lanes x = *sum;
  out[0] = x[0], out[row] = x[1], out[2 * row] = x[2], out[3 * row] = x[3];
  out[4 * row] = x[4], out[5 * row] = x[5], out[6 * row] = x[6], out[7 * row] = x[7];
}

/* A target's sums of n vectors of steps go to out[step][target]. */
#define COUPLED_AHEAD(n)                                                                                                              \
  static inline void coupled_ahead_##n(const struct rt_coupled *c, uint32_t step, uint64_t from, uint64_t to, uint64_t row, double *out) { \
    TIMES_##n(AHEAD_BEGIN)                                                                                                            \
    for (uint64_t i = from; i < to; i++) {                                                                                            \
      struct coupled_parts p = coupled_parts(c, i);                                                                                   \
      const double *past = coupled_begin(c, i, step);                                                                                 \
      TIMES_##n(AHEAD_ADD)                                                                                                            \
    }                                                                                                                                 \
    TIMES_##n(AHEAD_END)                                                                                                              \
  }
COUPLED_AHEAD(1)
COUPLED_AHEAD(2)
COUPLED_AHEAD(3)
COUPLED_AHEAD(4)

/* Of a few steps, in the same order. */
static inline void coupled_some(const struct rt_coupled *c, uint32_t step, uint32_t n, uint64_t from, uint64_t to, uint64_t row, double *out) {
  for (uint32_t k = 0; k < n; k++) {
    double sum = 0;
    for (uint64_t i = from; i < to; i++) {
      struct coupled_parts p = coupled_parts(c, i);
      const double *past = coupled_begin(c, i, step) + k;
      sum += p.kept * past[1] + p.other * past[0];
    }
    out[k * row] = sum;
  }
}

void rt_hot_coupled_ahead(const struct rt_coupled *c, uint64_t step, uint32_t n, const struct rt_coupled_rows *rows, uint64_t row, double *out) {
  uint32_t first = (uint32_t)step, whole = n % RT_COUPLED_LANES ? 0 : n / RT_COUPLED_LANES;
  for (uint32_t k = 0; k < rows->n; k++) {
    uint64_t from = rows->begin[k], to = rows->end[k];
    double *to_target = out + rows->target[k];
    if (whole == 1) coupled_ahead_1(c, first, from, to, row, to_target);
    else if (whole == 2) coupled_ahead_2(c, first, from, to, row, to_target);
    else if (whole == 3) coupled_ahead_3(c, first, from, to, row, to_target);
    else if (whole == 4) coupled_ahead_4(c, first, from, to, row, to_target);
    else coupled_some(c, first, n, from, to, row, to_target);
  }
}

static inline double coupled_one(const struct rt_coupled *c, uint32_t step, uint64_t i) {
  struct coupled_parts p = coupled_parts(c, i);
  const double *past = coupled_begin(c, i, step);
  return p.kept * past[1] + p.other * past[0];
}

void rt_hot_coupled_past(const struct rt_coupled *c, uint64_t step, const struct rt_coupled_rows *rows, double *out) {
  uint32_t now = (uint32_t)step;
  for (uint32_t k = 0; k < rows->n; k++) {
    double a[4] = {0};
    uint64_t i = rows->begin[k], to = rows->end[k];
    for (; i + 4 <= to; i += 4)
      for (uint32_t l = 0; l < 4; l++) a[l] += coupled_one(c, now, i + l);
    for (uint32_t l = 0; i < to; i++, l++) a[l] += coupled_one(c, now, i);
    out[rows->target[k]] = (a[0] + a[2]) + (a[1] + a[3]);
  }
}

#endif

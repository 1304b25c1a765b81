/* What flows through continuous synapses into an element: sums in the order in which coupling.c of the processor makes them, eight
 * (four) partial ones by ordinal, then a fixed tree. */
#ifndef NSL_RUNTIME_DEVICE_COUPLE_H
#define NSL_RUNTIME_DEVICE_COUPLE_H

#include "runtime/device/args.h"
#include "runtime/device/dev.h"
#include "runtime/device/reals.h"

struct look { /* see struct rt_look */
  uint64_t step;
  int trial;
};

static inline double eight(const double *a) { return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])); }

static inline const double *seen(const struct dev_values *x, struct look look) { return look.trial < 0 ? x->now[(look.step + 1) & 1] : x->ahead[look.trial]; }

static inline double past_at(const struct dev_values *x, uint32_t i, uint64_t step, uint32_t lag, double part) {
  const double *ring = x->ring + (uint64_t)i * x->row;
  double value = ring[(step - lag) & x->mask];
  return part != 0 ? value + part * (ring[(step - lag - 1) & x->mask] - value) : value;
}

static inline double flow_total(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t element, struct look look) {
  double sum = 0;
  for (uint32_t i = 0; i < flow->n_parts; i++)
    sum += flow->delayed ? past_at(flow->total, i, look.step, f->lag_all, f->part_all) : seen(flow->total, look)[i];
  return flow->but_own && element >= flow->first && element < flow->end ? sum - seen(flow->shown, look)[element] : sum;
}

static inline double one_late(const struct dev_inflow *f, const struct dev_flow *flow, uint64_t i, uint64_t step) {
  const struct dev_values *x = flow->shown;
  double weight = flow->weighted ? f->weight[i] : 1, other = weight * (f->part ? f->part[i] : f->part_all), kept = weight - other;
  const double *past = x->ring + f->at[i] + (((uint32_t)step - 1 - (f->lag ? f->lag[i] : f->lag_all)) & x->mask);
  return kept * past[1] + other * past[0];
}

static inline double reach_late(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t reach, uint32_t target, uint64_t step) {
  uint64_t i = f->begin[reach][target], to = f->end[reach][target];
  double sum = 0, four[4] = {0};
  if (!f->alone[reach]) {
    for (; i < to; i++) sum += one_late(f, flow, i, step);
    return sum;
  }
  for (uint32_t l = 0; i < to; i++, l++) four[l % 4] += one_late(f, flow, i, step);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

/* By reach of the delays, those there are one behind the other. */
static inline double flow_late(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t target, uint64_t step) {
  double sum = 0;
  int first = 1;
  for (uint32_t k = 0; k < DEV_REACHES; k++) {
    if (!f->begin[k]) continue;
    double one = reach_late(f, flow, k, target, step);
    sum = first ? one : sum + one;
    first = 0;
  }
  return sum;
}

static inline double flow_now(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t target, struct look look) {
  const double *now = seen(flow->shown, look);
  uint64_t from = f->start[target], to = f->start[target + 1];
  double sum[8] = {0};
  for (uint64_t i = from; i < to; i++) {
    double x = now[f->source[i]];
    sum[(i - from) % 8] += flow->weighted ? f->weight[i] * x : x;
  }
  return eight(sum);
}

static inline double flow_sum(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t element, struct look look) {
  uint32_t target = element - f->first;
  if (!flow->shown) return flow->scale * f->number[flow->weighted][target];
  if (flow->total) return flow->scale * flow_total(f, flow, element, look);
  return flow->scale * (flow->delayed ? flow_late(f, flow, target, look.step) : flow_now(f, flow, target, look));
}

/* What synapses with states stream; a weight that moves stays within its bounds. What is not finite is told of as it is. */
static inline double gates_sum(const struct dev_args *a, const struct dev_inflow *f, uint32_t target) {
  const struct dev_gates *g = f->gates;
  uint64_t from = f->start[target], to = f->start[target + 1];
  double sum[8] = {0};
  for (uint64_t i = from; i < to; i++) {
    sum[(i - from) % 8] += real_at(a, g->flows, i);
    double weight = g->weights ? real_at(a, g->weights, i) : 0;
    if (g->weights && weight - weight == 0 && (weight < g->lo || weight > g->hi)) real_put(a, g->weights, i, weight < g->lo ? g->lo : g->hi);
  }
  return eight(sum);
}

/* All that flows into an element. */
static inline double sink_sum(const struct dev_args *a, const struct dev_sink *s, uint32_t element, struct look look) {
  double sum = 0;
  for (uint32_t j = 0; j < s->n_inflows; j++) {
    const struct dev_inflow *f = &s->inflows[j];
    if (element < f->first || element >= f->first + f->n) continue;
    if (f->gates) sum += gates_sum(a, f, element - f->first);
    for (uint32_t l = 0; l < f->n_flows; l++) {
      const struct dev_flow *flow = &f->flows[l];
      double one = flow_sum(f, flow, element, look);
      sum += flow->post ? flow->factor * seen(flow->post, look)[element] * one : flow->factor * one;
    }
  }
  return sum;
}

/* Whose block of threads this is, and which of its elements the thread has; NULL: none. */
static inline const struct dev_sink *sink_here(const struct dev_args *a, uint32_t *ret_i) {
  uint32_t block = nsl_dev_block(), k = 0;
  if (!a->n_sinks) return 0;
  while (k + 1 < a->n_sinks && block >= a->sinks[k + 1].block0) k++;
  *ret_i = (block - a->sinks[k].block0) * nsl_dev_block_size() + nsl_dev_thread();
  return *ret_i < a->sinks[k].n ? &a->sinks[k] : 0;
}

static inline const struct dev_shown *shown_here(const struct dev_args *a, uint32_t *ret_element) {
  uint32_t block = nsl_dev_block(), k = 0;
  if (!a->n_shown) return 0;
  while (k + 1 < a->n_shown && block >= a->shown[k + 1].block0) k++;
  *ret_element = (block - a->shown[k].block0) * nsl_dev_block_size() + nsl_dev_thread();
  return *ret_element < a->shown[k].n ? &a->shown[k] : 0;
}
static inline double shown_out(const struct dev_args *a, const struct dev_shown *x, uint32_t element) { return real_at(a, x->out, element); }

#endif

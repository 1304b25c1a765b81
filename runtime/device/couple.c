/* Continuous synapses, and inputs that follow others: coupling.c and feed.c of the processor, one thread for a target, an element or a
 * sum. Sums are made in the same order: eight (four) partial ones by ordinal, then a fixed tree. */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"

static inline double eight(const double *a) { return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7])); }

/* ---- what is shown */

static void values_put(const struct dev_values *x, uint32_t i, uint64_t step, double value) {
  x->now[step & 1][i] = value;
  if (!x->ring) return;
  uint32_t at = (uint32_t)step & x->mask;
  double *row = x->ring + (uint64_t)i * x->row, mean = 0.5 * (value + x->now[(step + 1) & 1][i]);
  row[at] = mean;
  if (at < x->row - x->mask - 1) row[x->mask + 1 + at] = mean;
}

DEV_KERNEL(show) {
  const struct dev_args *a = arguments;
  uint32_t block = nsl_dev_block(), k = 0;
  if (!a->n_shown) return;
  while (k + 1 < a->n_shown && block >= a->shown[k + 1].block0) k++;
  const struct dev_shown *x = &a->shown[k];
  uint32_t element = (block - x->block0) * nsl_dev_block_size() + nsl_dev_thread();
  if (element >= x->n) return;
  values_put(x->values, element, a->clock->now, a->f32 ? (double)((const float *)x->out)[element] : ((const double *)x->out)[element]);
}

DEV_KERNEL(total) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  for (uint32_t k = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); k < a->n_totals; k += nsl_dev_blocks() * nsl_dev_block_size()) {
    const struct dev_total *t = &a->totals[k];
    const double *x = t->of->now[step & 1];
    double sum[8] = {0};
    for (uint32_t i = t->from; i < t->end; i++) sum[(i - t->from) % 8] += x[i];
    values_put(t->values, t->part, step, eight(sum));
  }
}

/* ---- what flows */

static inline const double *seen(const struct dev_values *x, uint64_t step) { return x->now[(step + 1) & 1]; }

static double past_at(const struct dev_values *x, uint32_t i, uint64_t step, uint32_t lag, double part) {
  const double *ring = x->ring + (uint64_t)i * x->row;
  double value = ring[(step - lag) & x->mask];
  return part != 0 ? value + part * (ring[(step - lag - 1) & x->mask] - value) : value;
}

static double flow_total(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t element, uint64_t step) {
  double sum = 0;
  for (uint32_t i = 0; i < flow->n_parts; i++)
    sum += flow->delayed ? past_at(flow->total, i, step, f->lag_all, f->part_all) : seen(flow->total, step)[i];
  return flow->but_own && element >= flow->first && element < flow->end ? sum - seen(flow->shown, step)[element] : sum;
}

static double one_late(const struct dev_inflow *f, const struct dev_flow *flow, uint64_t i, uint64_t step) {
  const struct dev_values *x = flow->shown;
  double weight = flow->weighted ? f->weight[i] : 1, other = weight * (f->part ? f->part[i] : f->part_all), kept = weight - other;
  const double *past = x->ring + f->at[i] + (((uint32_t)step - 1 - (f->lag ? f->lag[i] : f->lag_all)) & x->mask);
  return kept * past[1] + other * past[0];
}

static double reach_late(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t reach, uint32_t target, uint64_t step) {
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
static double flow_late(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t target, uint64_t step) {
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

static double flow_now(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t target, uint64_t step) {
  const double *now = seen(flow->shown, step);
  uint64_t from = f->start[target], to = f->start[target + 1];
  double sum[8] = {0};
  for (uint64_t i = from; i < to; i++) {
    double x = now[f->source[i]];
    sum[(i - from) % 8] += flow->weighted ? f->weight[i] * x : x;
  }
  return eight(sum);
}

static double flow_sum(const struct dev_inflow *f, const struct dev_flow *flow, uint32_t element, uint64_t step) {
  uint32_t target = element - f->first;
  if (!flow->shown) return flow->scale * f->number[flow->weighted][target];
  if (flow->total) return flow->scale * flow_total(f, flow, element, step);
  return flow->scale * (flow->delayed ? flow_late(f, flow, target, step) : flow_now(f, flow, target, step));
}

DEV_KERNEL(couple) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  uint32_t block = nsl_dev_block(), k = 0;
  if (!a->n_sinks) return;
  while (k + 1 < a->n_sinks && block >= a->sinks[k + 1].block0) k++;
  const struct dev_sink *s = &a->sinks[k];
  uint32_t i = (block - s->block0) * nsl_dev_block_size() + nsl_dev_thread(), element = s->first + i;
  if (i >= s->n) return;
  double sum = 0;
  for (uint32_t j = 0; j < s->n_inflows; j++) {
    const struct dev_inflow *f = &s->inflows[j];
    if (element < f->first || element >= f->first + f->n) continue;
    for (uint32_t l = 0; l < f->n_flows; l++) {
      const struct dev_flow *flow = &f->flows[l];
      double one = flow_sum(f, flow, element, step);
      sum += flow->post ? flow->factor * seen(flow->post, step)[element] * one : flow->factor * one;
    }
  }
  if (a->f32) ((float *)s->input)[element] = (float)sum;
  else ((double *)s->input)[element] = sum;
}

/* ---- inputs that follow a sum or mean: in the order of elements */

DEV_KERNEL(feed) {
  const struct dev_args *a = arguments;
  for (uint32_t k = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); k < a->n_feeds; k += nsl_dev_blocks() * nsl_dev_block_size()) {
    const struct dev_feed *f = &a->feeds[k];
    double sum = 0;
    for (uint32_t i = 0; i < f->n_items; i++) {
      const struct dev_feed_item *item = &f->items[i];
      double part = 0;
      for (uint32_t e = item->first; e < item->first + item->n; e++)
        part += a->f32 ? (double)((const float *)item->out)[e] : ((const double *)item->out)[e];
      sum += part;
    }
    *f->value = f->over != 1 ? sum / f->over : sum;
  }
}

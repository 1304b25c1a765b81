/* Continuous synapses, and inputs that follow others: coupling.c and feed.c of the processor, one thread for a target, an element or a
 * sum. Sums are made in the same order: eight (four) partial ones by ordinal, then a fixed tree. */
#include "runtime/device/clocks.h"
#include "runtime/device/couple.h"

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
  uint32_t element;
  const struct dev_shown *x = shown_here(a, &element);
  if (x) values_put(x->values, element, a->clock->now, shown_out(a, x, element));
}

DEV_KERNEL(total) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  for (uint32_t k = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(); k < a->n_totals; k += nsl_dev_blocks() * nsl_dev_block_size())
    values_put(a->totals[k].values, a->totals[k].part, step, part_sum(&a->totals[k], a->totals[k].of->now[step & 1]));
}

/* ---- what flows */

/* What synapses with states see of their cells. Behind the last one stand copies of it: padding does as it does. */
DEV_KERNEL(sights) {
  const struct dev_args *a = arguments;
  uint32_t block = nsl_dev_block(), k = 0;
  if (!a->n_gates) return;
  while (k + 1 < a->n_gates && block >= a->gates[k + 1].block0) k++;
  const struct dev_gates *g = &a->gates[k];
  uint64_t i = (uint64_t)(block - g->block0) * nsl_dev_block_size() + nsl_dev_thread(), synapse = i < g->n ? i : g->n - 1;
  struct look look = {a->clock->step, -1};
  for (uint32_t j = 0; i < g->count && j < g->n_sights; j++) {
    const struct dev_sight *s = &g->sights[j];
    real_put(a, s->to, i, seen(s->of, look)[s->pre ? g->source[synapse] : g->target[synapse]]);
  }
}

/* What flows at T - dt. Joint steps begin with it. */
DEV_KERNEL(couple) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  uint32_t i;
  if (a->agree && !nsl_dev_block() && !nsl_dev_thread()) agree_begin(a->agree, step);
  const struct dev_sink *s = sink_here(a, &i);
  if (!s) return;
  double sum = sink_sum(a, s, s->first + i, (struct look){step, -1});
  if (s->begin) {
    s->begin[i] = sum;
    s->flow[i] = sum = rt_flow_next(0, sum, sum, 1);
  }
  real_put(a, s->input, s->first + i, sum);
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

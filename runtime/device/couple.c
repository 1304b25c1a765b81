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

/* What flows at T - dt. Joint steps begin with it. */
DEV_KERNEL(couple) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  uint32_t i;
  if (a->agree && !nsl_dev_block() && !nsl_dev_thread()) agree_begin(a->agree, step);
  const struct dev_sink *s = sink_here(a, &i);
  if (!s) return;
  double sum = sink_sum(s, s->first + i, (struct look){step, -1});
  if (s->begin) {
    s->begin[i] = sum;
    s->flow[i] = sum = rt_flow_next(0, sum, sum, 1);
  }
  sink_put(a, s, s->first + i, sum);
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

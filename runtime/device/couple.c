/* Continuous synapses, and inputs that follow others: coupling.c and feed.c of the processor, one thread for a target, an element or a
 * sum. Sums are made in the same order: eight (four) partial ones by ordinal, then a fixed tree; over elements as tree.h says. */
#include "runtime/device/clocks.h"
#include "runtime/device/couple.h"
#include "runtime/device/sums.h"

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

/* Pieces of sums over many elements, for `total` and `feed`. */
DEV_KERNEL(sums) {
  const struct dev_args *a = arguments;
  chunks_sum(a, a->n_chunks, -1, a->clock->now);
}

DEV_KERNEL(total) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  for (uint32_t k = nsl_dev_block(); k < a->n_totals; k += nsl_dev_blocks()) {
    double sum = part_sum(a, &a->totals[k], a->totals[k].of->now[step & 1]);
    if (!nsl_dev_thread()) values_put(a->totals[k].values, a->totals[k].part, step, sum);
  }
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

/* ---- inputs that follow a sum or mean */

static double item_sum(const struct dev_args *a, const struct dev_feed_item *item) {
  if (item->sums) return tree_sum(a, (struct numbers){.doubles = item->sums}, 0, (item->n + RT_TREE_CHUNK - 1) / RT_TREE_CHUNK);
  return tree_sum(a, (struct numbers){.reals = item->out}, item->first, item->n);
}

DEV_KERNEL(feed) {
  const struct dev_args *a = arguments;
  for (uint32_t k = nsl_dev_block(); k < a->n_feeds; k += nsl_dev_blocks()) {
    const struct dev_feed *f = &a->feeds[k];
    double sum = 0;
    for (uint32_t i = 0; i < f->n_items; i++) sum += item_sum(a, &f->items[i]);
    if (!nsl_dev_thread()) *f->value = f->over != 1 ? sum / f->over : sum;
  }
}

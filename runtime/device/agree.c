/* Joint steps: agree.c of the processor. Behind `couple` stand some trials in the list of a step's launches, each of
 *   the kernels that look ahead -> ahead (what they have made, and by how much it is other than before) -> sums of it (ahead_sums, ahead_total) -> agree (judges, and sets what flows).
 * While the trials go on the clock stands: what is behind them in the list, and what is before them when the list is gone through again, does
 * nothing, by step 0. So a step takes as many passes through the list as its trials need, and the host counts steps, not passes. */
#include "runtime/device/clocks.h"
#include "runtime/device/couple.h"
#include "runtime/device/sums.h"

enum { NO_TRIAL = UINT32_MAX };

/* Of numbers that are not negative the greater has the greater bits, and NaN, of whatever sign, the greatest. */
static void change_tell(uint64_t *most, double change) {
  uint64_t bits;
  __builtin_memcpy(&bits, &change, sizeof bits);
  if (change != change) bits = UINT64_MAX;
  if (bits > __atomic_load_n(most, __ATOMIC_RELAXED)) __atomic_fetch_max(most, bits, __ATOMIC_RELAXED);
}

static double change_told(uint64_t bits) {
  double change;
  __builtin_memcpy(&change, &bits, sizeof change);
  return change;
}

DEV_FUNCTION(ahead) {
  const struct dev_args *a = arguments;
  struct dev_agree *g = a->agree;
  uint32_t trial = g->next, element;
  if (!nsl_dev_block() && !nsl_dev_thread()) g->trial = trial;
  const struct dev_shown *x = trial == NO_TRIAL ? 0 : shown_here(a, &element);
  if (!x || !x->values->ahead[0]) return;
  const double *before = trial ? x->values->ahead[(trial + 1) & 1] : x->values->now[(g->step + 1) & 1];
  double value = shown_out(a, x, element);
  change_tell(&g->change[trial & 1], rt_change_of(before[element], value));
  x->values->ahead[trial & 1][element] = value;
}

DEV_FUNCTION(ahead_sums) {
  const struct dev_args *a = arguments;
  uint32_t trial = a->agree->trial;
  if (trial != NO_TRIAL) chunks_sum(a, a->n_shown_chunks, (int)(trial & 1), 0);
}

DEV_FUNCTION(ahead_total) {
  const struct dev_args *a = arguments;
  uint32_t trial = a->agree->trial;
  if (trial == NO_TRIAL) return;
  for (uint32_t k = nsl_dev_block(); k < a->n_totals; k += nsl_dev_blocks()) {
    const struct dev_total *t = &a->totals[k];
    if (!t->of->ahead[0]) continue;
    double sum = part_sum(a, t, t->of->ahead[trial & 1]);
    if (!nsl_dev_thread()) t->values->ahead[trial & 1][t->part] = sum;
  }
}

/* Told by one thread, while the others read what it was before. */
static void judged(const struct dev_args *a, uint32_t trial, enum rt_agreement end, struct rt_agreeing state) {
  struct dev_agree *g = a->agree;
  g->state[(trial + 1) & 1] = state;
  g->change[(trial + 1) & 1] = 0;
  g->next = end == RT_TRY_ON ? trial + 1 : NO_TRIAL;
  if (end == RT_TRY_ON) {
    if (!trial) clocks_stand(a);
    return;
  }
  g->clock.step = 0;
  g->trials += trial + 1;
  g->steps++;
  if (end == RT_AGREES) clocks_go_on(a, g->step);
  else g->failed = g->step;
}

DEV_FUNCTION(agree) {
  const struct dev_args *a = arguments;
  const struct dev_agree *g = a->agree;
  uint32_t trial = g->trial, i;
  if (trial == NO_TRIAL) return;
  struct rt_agreeing state = g->state[trial & 1];
  enum rt_agreement end = rt_agreeing_next(&state, trial, change_told(g->change[trial & 1]), a->tolerance);
  const struct dev_sink *s = end == RT_DISAGREES ? 0 : sink_here(a, &i);
  if (s) {
    s->flow[i] = rt_flow_next(s->flow[i], s->begin[i], sink_sum(a, s, s->first + i, (struct look){g->step, (int)(trial & 1)}), state.part);
    real_put(a, s->input, s->first + i, s->flow[i]);
  }
  if (!nsl_dev_block() && !nsl_dev_thread()) judged(a, trial, end, state);
}

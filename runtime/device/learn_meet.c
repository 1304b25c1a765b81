/* Signals that synapses with memory follow from event to event (plastic_signal.c). Where one has had an event in the step before, all synapses
 * come to it first, by the rule's kernel over all of them, and begin anew from there. Where none has, that kernel runs for nobody. */
#include "runtime/device/learn_see.h"

static void come(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step) {
  if (p->target[y] == NSL_NONE) return;
  real_put(a, p->elapsed, y, elapsed(p, y, spikes_known(p, y, step), step, *p->signalled));
  signals_see(a, p, y, step, *p->signalled, 0);
  list_add(p, DEV_NOW, y);
}

DEV_KERNEL(learn_meet) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    const struct dev_plastic *p = &a->plastics[k];
    if (!signals_changed(p)) continue;
    for (uint64_t y = w.thread; y < p->begin[p->n_rows]; y += w.threads) come(a, p, (uint32_t)y, step - 1);
  }
}

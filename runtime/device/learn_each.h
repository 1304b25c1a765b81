/* Synapses with memory onto handlers that do more than add: what they send is handled one by one, among the events of all others (events.c).
 * Nothing is on its way anywhere: what each synapse has sent stays with it, by the step in which it did, until the step of arrival looks
 * who spiked so long ago. */
#ifndef NSL_RUNTIME_DEVICE_LEARN_EACH_H
#define NSL_RUNTIME_DEVICE_LEARN_EACH_H

#include "runtime/device/events.h"
#include "runtime/device/learn.h"

/* Where a synapse's event of `step` waits. */
static inline uint64_t each_at(const struct dev_plastic *p, uint32_t nth, uint64_t step, uint64_t y) {
  const struct dev_learn_each *e = p->each;
  return (nth * (uint64_t)e->length + step % e->length) * e->n + y;
}

static void each_send(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step) {
  for (uint32_t i = 0; i < p->n_sends; i++) {
    double x = real_at(a, p->sent[i], y);
    const void *told = p->each->told[i];
    if (told && real_at(a, told, y) == 0) x = __builtin_nan("");
    else if (!(x - x == 0)) __atomic_fetch_min(a->bad_sent, step << 32 | p->number, __ATOMIC_RELAXED);
    real_put(a, p->each->waits, each_at(p, i, step, y), x);
  }
}

/* Synapses of one delay from one source: their events of the step at which they were sent. */
static void each_due(const struct dev_args *a, const struct dev_plastic *p, uint32_t nth, uint32_t source, uint32_t delay, uint64_t sent, uint32_t lane) {
  for (uint64_t r = source - p->source0; r < p->n_rows; r += p->sources) {
    uint64_t y = p->begin[r], end = p->begin[r + 1];
    for (uint64_t to = end; y < to;) {
      uint64_t half = (y + to) / 2;
      if (p->delay[half] < delay) y = half + 1;
      else to = half;
    }
    for (y += lane; y < end && p->delay[y] == delay; y += DEV_WARP) {
      double x = real_at(a, p->each->waits, each_at(p, nth, sent, y));
      uint32_t t = p->target[y];
      if (t == NSL_NONE || x != x) continue;
      node_add(a, p->each->list_at + t, (struct dev_node){.key = (uint64_t)p->each->rank << 32 | source, .weight = x, .number = p->each->number[y] * p->n_sends + nth,
                                                          .count = 1, .element = t});
    }
  }
}

static void each_arrive(const struct dev_args *a, const struct dev_plastic *p, struct where w, uint64_t step) {
  uint32_t first = p->source0 / 64, words = (p->source0 + p->sources + 63) / 64 - first, delays = p->most < p->least ? 0 : p->most - p->least + 1;
  uint64_t tasks = (uint64_t)p->n_sends * delays * words;
  for (uint64_t task = w.warp; task < tasks; task += w.warps) {
    uint32_t nth = (uint32_t)(task / words / delays), delay = p->least + (uint32_t)(task / words % delays), word = first + (uint32_t)(task % words);
    uint64_t lag = (uint64_t)delay + p->after[nth];
    if (lag + p->axonal >= step) continue; /* nobody spikes before the first step */
    uint64_t mask = a->masks[((step - lag - p->axonal) & a->mask_mask) * a->mask_row + p->source_at + word];
    for (; mask; mask &= mask - 1) {
      uint32_t source = word * 64 + (uint32_t)__builtin_ctzll(mask);
      if (source >= p->source0 && source - p->source0 < p->sources) each_due(a, p, nth, source, delay, step - lag, w.lane);
    }
  }
}

#endif

/* Synapses with memory. What happens to them is what plastic.h says; here nothing waits for later: in each step the postsynaptic spikes that
 * come back to synapses are handled, then the presynaptic events. So a synapse has at most one event of each kind in a step, a thread each,
 * and each time since its last event is what it is on the processor, where a row catches up at once.
 *
 * A step: what was sent arrives (learn_arrive) -> the step kernels -> what is known of the targets' cells is kept (learn_keep) -> collect -> where a
 * signal that they follow has had an event, all synapses come to it (learn_meet.c) -> where they are stepped, all are (learn_look, a kernel over
 * all their sources' cells, learn_all, the kernel over all synapses) -> synapses
 * that spikes have come back to (learn_due) -> the rule's kernel over them -> cells of the sources that spike advance -> their synapses
 * (learn_pre) -> the rule's kernel -> what it sends (learn_send) -> what the spike does to the source's cells. */
#include "runtime/device/learn_each.h"
#include "runtime/device/learn_see.h"
#include "runtime/device/learn_step.h"

/* ---- what arrives */

DEV_KERNEL(learn_arrive) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    const struct dev_plastic *p = &a->plastics[k];
    const struct dev_ring *r = &a->rings[p->to_ring];
    int64_t *waits = p->waits + (step & (p->sums - 1)) * p->padded;
    for (uint64_t i = w.thread; i < DEV_LEARN_LISTS; i += w.threads) p->listed[i] = 0;
    if (p->each) each_arrive(a, p, w, step);
    for (uint64_t i = w.thread; !p->each && i < p->padded; i += w.threads) {
      uint64_t at = (step & r->mask) * r->row + p->to_at + i;
      if (!waits[i]) continue;
      if (r->bytes == 8) dev_add_i64((int64_t *)r->at + at, waits[i]);
      else dev_add_i32((int32_t *)r->at + at, (int32_t)waits[i]);
      waits[i] = 0;
    }
  }
}

/* ---- the targets' cells */

static void cell_keep(const struct dev_args *a, const struct dev_plastic *p, uint32_t element, uint64_t step) {
  uint64_t mask = p->now[element / 64], row = (step & (p->history - 1)) * p->padded;
  if (element / 64 + 1 == p->words) mask &= p->last_lanes;
  uint32_t spikes = mask >> element % 64 & 1, nth = p->n_spiked[element] & (p->ring - 1);
  for (uint32_t j = 0; j < p->n_seen; j++) {
    const struct dev_seen *seen = &p->seen[j];
    double x = real_at(a, seen->outer, element), before = spikes ? real_at(a, seen->before, element) : x;
    real_put(a, seen->history, row + element, before);
    if (seen->later) real_put(a, seen->later, row + element, x);
    if (spikes) real_put(a, seen->ring, (uint64_t)element * p->ring + nth, before);
  }
  if (!spikes) return;
  p->spikes[(uint64_t)element * p->ring + nth] = (uint32_t)step;
  p->n_spiked[element]++;
}

DEV_KERNEL(learn_keep) {
  const struct dev_args *a = arguments;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    for (uint64_t i = w.thread; i < a->plastics[k].words * 64ull; i += w.threads)
      cell_keep(a, &a->plastics[k], (uint32_t)i, a->clock->now);
    others_keep(a, &a->plastics[k], w.thread, w.threads, a->clock->now, 0);
  }
}

/* ---- lists of what kernels run for */

static inline uint32_t frozen(const struct dev_plastic *p, uint64_t step) {
  for (uint32_t i = 0; i < p->n_frozen; i++)
    if (p->frozen[2 * i] < step && step <= p->frozen[2 * i + 1]) return 1;
  return 0;
}

/* A spike of its target comes back to it. */
static void post(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t list) {
  uint32_t t = p->target[y], k = spikes_back(p, y, step); /* the last one is this one */
  real_put(a, p->since, y, (double)(step - p->last[p->row[y]]) * p->dt);
  real_put(a, p->elapsed, y, elapsed(p, y, k - 1, step, met_at(p, step)));
  others_see(a, p, y, step, DEV_AT_POST);
  for (uint32_t j = 0; j < p->n_seen; j++)
    real_put(a, p->seen[j].to, y, real_at(a, p->seen[j].ring, (uint64_t)t * p->ring + ((k - 1) & (p->ring - 1))));
  list_add(p, list, y);
}

/* The first of a target's synapses, [from, to), with this delay or a longer one. */
static uint64_t onto_first(const struct dev_plastic *p, uint64_t from, uint64_t to, uint32_t delay) {
  while (from < to) {
    uint64_t half = (from + to) / 2;
    if (p->delay[p->onto[half]] < delay) from = half + 1;
    else to = half;
  }
  return from;
}

static void posts(const struct dev_args *a, const struct dev_plastic *p, struct where w, uint64_t step, uint32_t list) {
  uint64_t tasks = p->most < p->least ? 0 : (p->most - p->least + 1ull) * p->words;
  for (uint64_t task = w.warp; task < tasks; task += w.warps) {
    uint32_t delay = p->least + (uint32_t)(task / p->words), word = (uint32_t)(task % p->words);
    if (delay >= step) continue; /* nobody spikes before the first step */
    uint64_t mask = a->masks[((step - delay) & a->mask_mask) * a->mask_row + p->target_at + word];
    for (; mask; mask &= mask - 1) {
      uint32_t t = word * 64 + (uint32_t)__builtin_ctzll(mask);
      uint64_t end = p->onto_begin[t + 1], i = onto_first(p, p->onto_begin[t], end, delay);
      for (i += w.lane; i < end && p->delay[p->onto[i]] == delay; i += DEV_WARP) post(a, p, p->onto[i], step, list);
    }
  }
}

/* Rows whose source's spike comes to them. */
static void rows(const struct dev_args *a, const struct dev_plastic *p, struct where w, uint64_t step) {
  if (p->axonal >= step) return;
  const uint64_t *mask = a->masks + ((step - p->axonal) & a->mask_mask) * a->mask_row + p->source_at;
  for (uint64_t r = w.thread; r < p->n_rows; r += w.threads) {
    uint32_t source = p->source0 + (uint32_t)(r % p->sources);
    if (!(mask[source / 64] >> source % 64 & 1) || p->begin[r] == p->begin[r + 1]) continue;
    real_put(a, p->row_since, r, (double)(step - p->last[r]) * p->dt);
    row_sees(a, p, r, step);
    list_add(p, DEV_CELLS, (uint32_t)r);
  }
}

DEV_KERNEL(learn_look) {
  const struct dev_args *a = arguments;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++)
    if (a->plastics[k].looks) rows_look(a, &a->plastics[k], w, a->clock->now);
}

DEV_KERNEL(learn_all) {
  const struct dev_args *a = arguments;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++)
    if (a->plastics[k].looks) all_see(a, &a->plastics[k], w, a->clock->now, frozen(&a->plastics[k], a->clock->now) ? DEV_WHOLE_FROZEN : DEV_WHOLE);
}

DEV_KERNEL(learn_due) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    const struct dev_plastic *p = &a->plastics[k];
    uint32_t list = frozen(p, step) ? DEV_POST_FROZEN : DEV_POST;
    if (p->runs[list]) posts(a, p, w, step, list);
    rows(a, p, w, step);
    others_keep(a, p, w.thread, w.threads, step, 1); /* a row that nobody reads in this step */
  }
}

/* ---- presynaptic events */

static void pre(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step, uint32_t list) {
  uint32_t t = p->target[y];
  if (t == NSL_NONE) return;
  uint64_t seen = step > p->delay[y] ? step - p->delay[y] : 0, at = (seen & (p->history - 1)) * p->padded + t;
  real_put(a, p->elapsed, y, elapsed(p, y, spikes_known(p, y, step), step, met_at(p, step)));
  others_see(a, p, y, step, DEV_AT_PRE);
  for (uint32_t j = 0; j < p->n_seen; j++) real_put(a, p->seen[j].to, y, real_at(a, p->seen[j].history, at));
  list_add(p, list, y);
}

DEV_KERNEL(learn_pre) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    const struct dev_plastic *p = &a->plastics[k];
    uint32_t list = frozen(p, step) ? DEV_PRE_FROZEN : DEV_PRE, n = p->listed[DEV_CELLS];
    for (uint64_t i = w.warp; p->runs[list] && i < n; i += w.warps) {
      uint32_t r = p->lists[DEV_CELLS][i];
      for (uint64_t y = p->begin[r] + w.lane; y < p->begin[r + 1]; y += DEV_WARP) pre(a, p, (uint32_t)y, step, list);
    }
  }
}

/* ---- what they send */

static void send(const struct dev_args *a, const struct dev_plastic *p, uint32_t y, uint64_t step) {
  for (uint32_t i = 0; i < p->n_sends; i++) {
    double x = real_at(a, p->sent[i], y);
    if (!(__builtin_fabs(x) <= p->largest)) {
      __atomic_fetch_min(a->bad_sent, step << 32 | p->number, __ATOMIC_RELAXED);
      continue;
    }
    uint64_t row = (step + p->delay[y] + p->after[i]) & (p->sums - 1);
    dev_add_i64(p->waits + row * p->padded + p->target[y], (int64_t)__builtin_rint(x * p->units));
  }
}

DEV_KERNEL(learn_send) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  struct where w = where_am_i();
  for (uint64_t k = 0; k < a->n_plastics; k++) {
    const struct dev_plastic *p = &a->plastics[k];
    for (uint32_t list = DEV_PRE; list <= DEV_PRE_FROZEN; list++)
      for (uint64_t i = w.thread; i < p->listed[list]; i += w.threads)
        if (p->each) each_send(a, p, p->lists[list][i], step);
        else send(a, p, p->lists[list][i], step);
    for (uint64_t i = w.thread; i < p->listed[DEV_CELLS]; i += w.threads) p->last[p->lists[DEV_CELLS][i]] = step;
    if (!w.thread) signals_take(p, step);
  }
}

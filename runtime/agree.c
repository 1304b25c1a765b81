/* Coupled steps that agree with each other: what flows over a step is the mean of what flows at its begin and at its end, and the end is
 * where that takes everybody.
 *
 * All elements try the step (kernels of ir/solve_ahead.c, which store nothing) with what would flow if the others did as in the trial
 * before; the first trial holds what flows at T - dt. When nothing that is shown is other than before by more than the tolerance, times
 * its size plus one natural unit, the step itself is taken. So the coupling is of second order, as the trapezoidal rule, keeps charge
 * as the held one does, and what events and spikes change at T does not act before T.
 *
 * Trials converge while a cell's couplings times the step are below its capacitance. Where they shrink slowly or grow, what flows follows only in part:
 * of a coupling that pulls together, a trial multiplies the error by 1 - part * (1 + x), x > 0 the strongest pull, which is
 * least for all x up to that with part = 2 / (2 + x). What does not agree after RT_TRIALS trials ends the run.
 *
 * Every number is made by its shard, and the largest change is one number for all, so bits and trials are the same for any number of
 * threads and ranks. Two arrays of trials by parity, so one meeting for each trial is enough. */
#include <string.h>

#include "runtime/agreeing.h"
#include "runtime/coupling.h"
#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/threads.h"

struct rt_agree {
  double tolerance;
  double **begin, **flow;  /* by shard, by sink one behind the other: what flows at T - dt; what flows over the step */
  double *change[2], most; /* by shard, by parity of the trial; of all ranks */
};

int rt_agree_make(struct rt_sim *s) {
  struct rt_couplings *c = s->couplings;
  struct rt_agree *a = c->agree = rt_alloc(&s->mem, 1, sizeof *a);
  if (!a) return NSL_EMEMORY;
  a->tolerance = s->x->joint;
  a->begin = rt_alloc(&s->mem, s->n_shards, sizeof *a->begin);
  a->flow = rt_alloc(&s->mem, s->n_shards, sizeof *a->flow);
  for (int k = 0; k < 2; k++)
    if (!(a->change[k] = rt_alloc(&s->mem, s->n_shards, sizeof **a->change))) return NSL_EMEMORY;
  if (!a->begin || !a->flow) return NSL_EMEMORY;
  for (uint32_t i = s->own0; i < s->own1; i++) {
    uint64_t n = 0;
    for (uint32_t k = 0; k < c->n_sinks[i]; k++) n += c->sinks[i][k].slice->count;
    a->begin[i] = rt_alloc(&c->mem[i], n + 1, sizeof **a->begin);
    a->flow[i] = rt_alloc(&c->mem[i], n + 1, sizeof **a->flow);
    if (!a->begin[i] || !a->flow[i]) return NSL_EMEMORY;
  }
  return 0;
}

/* What flows, towards its mean over the step of the last trial; trial -1: what flows at T - dt. */
static void flows_set(const struct rt_shard *h, struct rt_look look, double part) {
  const struct rt_couplings *all = h->sim->couplings;
  double *begin = all->agree->begin[h->index], *flow = all->agree->flow[h->index], *acc = all->scratch[h->index];
  for (uint32_t k = 0; k < all->n_sinks[h->index]; k++) {
    const struct rt_sink *sink = &all->sinks[h->index][k];
    const struct rt_slice *c = sink->slice;
    for (uint32_t at = 0; at < c->count; at += RT_STREAM_CHUNK) {
      uint32_t count = c->count - at < RT_STREAM_CHUNK ? c->count - at : RT_STREAM_CHUNK;
      rt_sink_sum(h, sink, look, c->first + at, count, acc);
      if (look.trial < 0) memcpy(begin + at, acc, count * sizeof *acc);
      for (uint32_t i = 0; i < count; i++) flow[at + i] = rt_flow_next(flow[at + i], begin[at + i], acc[i], look.trial < 0 ? 1 : part);
      rt_sink_put(h, sink, c->first + at, count, flow + at);
    }
    begin += c->count;
    flow += c->count;
  }
}

static double change_of_all(const struct rt_sim *s, uint32_t trial) {
  const double *change = s->couplings->agree->change[trial & 1];
  double most = 0;
  for (uint32_t i = s->own0; i < s->own1; i++) most = rt_larger(most, change[i]);
  return most;
}

/* Numbers that are not negative are ordered as their bits. */
static void ranks_tell(struct rt_sim *s, uint32_t trial) {
  struct rt_agree *a = s->couplings->agree;
  uint64_t bits;
  a->most = change_of_all(s, trial);
  rt_couplings_trade_ahead(s, trial);
  memcpy(&bits, &a->most, sizeof bits);
  rt_ranks_combine(s->ranks, &bits, 1, RT_MAX_U64);
  memcpy(&a->most, &bits, sizeof bits);
}

int rt_agree_fail(const struct rt_sim *s, uint64_t step) {
  return rt_fail_at(NSL_ENUMBER, s->couplings->all[0].def->link.place,
                    "coupled steps do not agree to %g at t = %.12g ms; a shorter dt helps, or another method", s->x->joint, (double)step * s->dt);
}

int rt_couplings_agree(struct rt_sim *s, uint32_t thread, uint32_t h0, uint32_t h1, uint64_t step) {
  struct rt_agree *a = s->couplings->agree;
  struct rt_agreeing state = rt_agreeing_begin();
  for (uint32_t h = h0; h < h1; h++) {
    rt_shard_begin(&s->shards[h], step);
    flows_set(&s->shards[h], (struct rt_look){step, -1}, 1);
  }
  for (uint32_t trial = 0;; trial++) {
    for (uint32_t h = h0; h < h1; h++) a->change[trial & 1][h] = rt_couplings_ahead(&s->shards[h], step, trial);
    rt_barrier(s->team, thread);
    if (s->ranks) {
      if (!thread) ranks_tell(s, trial);
      rt_barrier(s->team, thread);
    }
    double change = s->ranks ? a->most : change_of_all(s, trial);
    enum rt_agreement end = rt_agreeing_next(&state, trial, change, a->tolerance);
    if (end == RT_DISAGREES) return rt_agree_fail(s, step);
    for (uint32_t h = h0; h < h1; h++) flows_set(&s->shards[h], (struct rt_look){step, (int)(trial & 1)}, state.part);
    if (end == RT_AGREES) return 0;
  }
}

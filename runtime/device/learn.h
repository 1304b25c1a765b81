/* What the parts of learn.c share: who a thread is, arrays of the program's precision. */
#ifndef NSL_RUNTIME_DEVICE_LEARN_H
#define NSL_RUNTIME_DEVICE_LEARN_H

#include "runtime/device/args.h"
#include "runtime/device/dev.h"
#include "runtime/device/reals.h"

struct where { /* all threads of a launch */
  uint64_t thread, threads, warp, warps;
  uint32_t lane;
};

static inline struct where where_am_i(void) {
  struct where w = {.thread = (uint64_t)nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread(),
                    .threads = (uint64_t)nsl_dev_blocks() * nsl_dev_block_size()};
  w.warp = w.thread / DEV_WARP;
  w.warps = w.threads / DEV_WARP;
  w.lane = (uint32_t)(w.thread % DEV_WARP);
  return w;
}

static inline void list_add(const struct dev_plastic *p, uint32_t list, uint32_t what) {
  p->lists[list][dev_take_u32(&p->listed[list], 1)] = what;
}

static inline uint64_t spike_at(const struct dev_plastic *p, uint32_t target, uint32_t k) {
  return p->spikes[(uint64_t)target * p->ring + (k & (p->ring - 1))];
}

/* How many of its target's spikes have come back to a synapse. */
static inline uint32_t spikes_back(const struct dev_plastic *p, uint32_t y, uint64_t step) {
  uint32_t t = p->target[y], k = p->n_spiked[t];
  while (k && spike_at(p, t, k - 1) + p->delay[y] > step) k--;
  return k;
}

/* … to one that does something then. */
static inline uint32_t spikes_known(const struct dev_plastic *p, uint32_t y, uint64_t step) {
  return p->runs[DEV_POST] ? spikes_back(p, y, step) : 0;
}

/* How long ago a synapse's own last event was, if k of its target's spikes had come back to it; met: all have had one then. */
static inline double elapsed(const struct dev_plastic *p, uint32_t y, uint32_t k, uint64_t step, uint64_t met) {
  uint64_t last = p->last[p->row[y]], before = k ? spike_at(p, p->target[y], k - 1) + p->delay[y] : 0;
  uint64_t begun = last > met ? last : met;
  return (double)(step - (before > begun ? before : begun)) * p->dt;
}

#endif

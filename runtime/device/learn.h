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

#endif

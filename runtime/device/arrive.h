/* A spike at a synapse: onto the sum of its target of the step at which it arrives. */
#ifndef NSL_RUNTIME_DEVICE_ARRIVE_H
#define NSL_RUNTIME_DEVICE_ARRIVE_H

#include "runtime/device/args.h"
#include "runtime/device/dev.h"

struct arrival {
  uint64_t at; /* of all sums of a ring */
  int64_t units;
};

static inline void arrival_add(const struct dev_ring *r, struct arrival x) {
  if (r->bytes == 8) dev_add_i64((int64_t *)r->at + x.at, x.units);
  else dev_add_i32((int32_t *)r->at + x.at, (int32_t)x.units);
}

#endif

/* Arrays in the program's precision. */
#ifndef NSL_RUNTIME_DEVICE_REALS_H
#define NSL_RUNTIME_DEVICE_REALS_H

#include "runtime/device/args.h"

static inline double real_at(const struct dev_args *a, const void *array, uint64_t i) {
  return a->f32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static inline void real_put(const struct dev_args *a, void *array, uint64_t i, double x) {
  if (a->f32) ((float *)array)[i] = (float)x;
  else ((double *)array)[i] = x;
}

#endif

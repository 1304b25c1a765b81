/* Numbers that come from outside. The run knows no subnormal ones: its threads flush what they compute and read such an operand as zero. A device cannot do
 * so when it reads, and a copy keeps them anywhere; so they become zero where they come in, and whatever is made of them has none. */
#ifndef NSL_RUNTIME_FLUSH_H
#define NSL_RUNTIME_FLUSH_H

#include <float.h>
#include <math.h>
#include <stdint.h>

static inline double rt_flush(double x) { return fabs(x) < DBL_MIN ? copysign(0, x) : x; }
static inline void rt_flush_all(double *x, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) x[i] = rt_flush(x[i]);
}

#endif

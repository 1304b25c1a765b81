/* What a fit shows of its sweeps: recorded and model side by side, in bins, with what is left over between them. */
#ifndef NSL_RUNTIME_FIT_SHOWN_H
#define NSL_RUNTIME_FIT_SHOWN_H

#include "runtime/fit.h"

struct rt_band { /* by bin: the range of what lies in it; lo > hi: nothing does */
  double *lo, *hi;
  uint64_t n;
  double end; /* ms */
};
struct rt_shown { /* a sweep, in the column's unit */
  struct rt_band data, model, left_over, drive;
  double rms, explained; /* of the steps that count: root mean square of what is left over; 1 - its share of the variance */
  uint64_t counted;      /* steps; 0: rms and explained are not known */
};
struct rt_showing {
  const struct rt_march *march; /* the free run; NULL: no column is compared with a state, nothing is shown */
  uint32_t state, column, drive; /* drive: column of the stimulus, NSL_NONE: there is none */
  struct rt_shown *sweeps;      /* by trace */
};
/* Runs the best place once through every sweep. Allocates in f->s->mem. */
int rt_fit_show(const struct rt_fit_end *end, struct rt_showing *ret);
void rt_band_range(const struct rt_band *b, double *lo, double *hi); /* widens [lo, hi] to hold it */

#endif

/* When coupled steps agree (agree.c): how a trial is judged, and by which part what flows follows it. The same on a device (device/agree.c). No libc. */
#ifndef NSL_RUNTIME_AGREEING_H
#define NSL_RUNTIME_AGREEING_H

#include <stdint.h>

enum rt_agreement { RT_TRY_ON, RT_AGREES, RT_DISAGREES };
enum { RT_TRIALS = 200 };

struct rt_agreeing { /* the part by which what flows follows; the change of the trial before, if that part was the same */
  double part, before;
};
static inline struct rt_agreeing rt_agreeing_begin(void) { return (struct rt_agreeing){1, __builtin_inf()}; }

static inline double rt_larger(double x, double y) { return y > x || y != y ? y : x; } /* NaN stays */

/* By how much y is other than x, against the size of x and one natural unit. */
static inline double rt_change_of(double x, double y) { return __builtin_fabs(y - x) / (1 + __builtin_fabs(x)); }

/* The part from how much of the last change is left. One trial may mislead: where a cell begins to spike, it is far from linear. */
static inline double rt_part_for(double part, double left) {
  const double least = 0.02;
  double pull = (1 + left) / part - 1, best = 2 / (2 + pull);
  if (best < 0.25 * part) best = 0.25 * part;
  if (best < least) best = least;
  return best < part ? best : part;
}

/* Behind a trial, from 0 on: `change` is the largest of all. What does not agree then goes on with a->part. */
static inline enum rt_agreement rt_agreeing_next(struct rt_agreeing *a, uint32_t trial, double change, double tolerance) {
  const double slow = 0.6; /* a trial leaves more of the change than this: what flows follows in part */
  double had = a->part;
  if (trial && change - change != 0) return RT_DISAGREES;
  int agrees = trial ? change <= tolerance * a->part : change != change; /* that was so already: the step will say of whom */
  if (trial > 1 && change > slow * a->before) a->part = rt_part_for(a->part, change / a->before);
  a->before = trial && a->part == had ? change : __builtin_inf();
  return agrees ? RT_AGREES : trial + 1 < RT_TRIALS ? RT_TRY_ON : RT_DISAGREES;
}

/* What flows over the step: towards the mean of what flows at its begin and, as the last trial says, at its end. */
static inline double rt_flow_next(double flow, double begin, double end, double part) {
  double mean = 0.5 * (begin + end);
  return part == 1 ? mean : flow + part * (mean - flow);
}

#endif

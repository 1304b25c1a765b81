/* A sweep's columns on the steps of the run: step k (from 1) ends at k dt.
 *
 * What drives is the mean over the step of samples that each hold until the next, as a stimulator gives them; a trace that
 * stands for a state is a line between its samples. What is compared with the model is taken at the step's end, on the
 * line between the neighbours, and is the sample itself where the grids meet. Where a number is missing, the weight is 0
 * and the value that of the step before, so that no NaN enters a sum. */
#include <math.h>

#include "runtime/error.h"
#include "runtime/fit_data.h"

/* The last sample at or before a time; times are searched from `near` on, which only grows. */
static uint64_t sample_before(const struct rt_trace *t, double time, uint64_t near) {
  while (near + 1 < t->n && t->times[near + 1] <= time) near++;
  return near;
}

static double at_from(const struct rt_trace *t, uint32_t column, double time, double close, uint64_t *near) {
  const double *v = t->values[column];
  uint64_t i = *near = sample_before(t, time + close, *near);
  if (fabs(t->times[i] - time) <= close || i + 1 == t->n) return v[i];
  double share = (time - t->times[i]) / (t->times[i + 1] - t->times[i]);
  return v[i] + (v[i + 1] - v[i]) * share;
}

double rt_trace_at(const struct rt_trace *t, uint32_t column, double time) {
  uint64_t near = 0;
  return at_from(t, column, time, 1e-9 * (1 + fabs(time)), &near);
}

/* ---- what drives */

/* The integral of the column over [from, to], where sample i is the last at or before `from`. */
static double integral(const struct rt_trace *t, const double *v, uint64_t i, double from, double to, bool lines) {
  double sum = 0;
  for (; i < t->n && t->times[i] < to; i++) {
    bool last = i + 1 == t->n;
    double begin = t->times[i], end = last ? to : t->times[i + 1];
    double a = fmax(begin, from), b = fmin(end, to);
    if (!(b > a)) continue;
    double slope = lines && !last ? (v[i + 1] - v[i]) / (end - begin) : 0;
    sum += (v[i] + slope * ((a + b) / 2 - begin)) * (b - a);
  }
  return sum;
}

int rt_sample_mean(const struct nsl_recording *rec, const struct rt_trace *t, uint32_t column, double dt, bool lines, double *ret) {
  const double *v = t->values[column];
  const char *name = rec->columns[column].name;
  double close = 1e-6 * dt, end = (double)t->n_steps * dt;
  for (uint64_t i = 0; i < t->n && t->times[i] < end; i++)
    if (!isfinite(v[i])) return rt_trace_fail(t->def, t, i, name, "what drives the model must be a number in every row");
  uint64_t i = 0;
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double from = (double)k * dt, to = (double)(k + 1) * dt;
    i = sample_before(t, from + close, i);
    bool one = i + 1 == t->n || t->times[i + 1] >= to - close; /* one interval between samples holds the step */
    bool whole = one && fabs(t->times[i] - from) <= close && i + 1 < t->n && fabs(t->times[i + 1] - to) <= close;
    if (one && !lines) ret[k] = v[i];
    else if (whole) ret[k] = (v[i] + v[i + 1]) / 2;
    else ret[k] = integral(t, v, i, from, to, lines) / dt;
    if (!isfinite(ret[k])) return rt_trace_fail(t->def, t, i, name, "what drives the model must be a number in every row");
  }
  return 0;
}

/* ---- what is compared */

void rt_sample_at(const struct rt_trace *t, uint32_t column, double dt, double *ret) {
  uint64_t near = 0;
  double last = 0;
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double v = at_from(t, column, (double)(k + 1) * dt, 1e-6 * dt, &near);
    if (isfinite(v)) last = v;
    ret[k] = last;
  }
}

void rt_sample_change(const struct rt_trace *t, uint32_t column, double dt, uint64_t lag, double *ret) {
  uint64_t near = 0, behind = 0;
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double now = at_from(t, column, (double)(k + 1) * dt, 1e-6 * dt, &near);
    double before = k + 1 >= lag ? at_from(t, column, (double)(k + 1 - lag) * dt, 1e-6 * dt, &behind) : NAN;
    ret[k] = isfinite(now - before) ? now - before : 0;
  }
}

/* 1 / (1 + mean |dV/dt| / fast) over the last `lag` steps, squared; 0 where one of their numbers is missing. */
static void residual_weights(const struct rt_trace *t, const struct rt_weighing *w, double dt, double *ret) {
  uint64_t near = 0, known = 0, behind = 0, behind_next = 0;
  double sum = 0, before = at_from(t, w->given, 0, 1e-6 * dt, &near);
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double now = at_from(t, w->given, (double)(k + 1) * dt, 1e-6 * dt, &near), step = fabs(now - before);
    before = now;
    known = isfinite(step) ? known + 1 : 0;
    sum = isfinite(step) ? sum + step : 0;
    if (known > w->lag) { /* what leaves the window */
      double a = at_from(t, w->given, (double)(k - w->lag) * dt, 1e-6 * dt, &behind);
      double b = at_from(t, w->given, (double)(k + 1 - w->lag) * dt, 1e-6 * dt, &behind_next);
      sum -= fabs(b - a);
      known = w->lag;
    }
    double root = 1 / (1 + fmax(sum, 0) / ((double)w->lag * dt) / w->fast);
    if (known < w->lag) ret[k] = 0;
    else ret[k] *= root * root;
  }
}

/* Where what is compared reaches into the time around an event: at the step's end, of a residual also `lag` steps before. */
static void leave_out(const struct rt_trace *t, const struct rt_weighing *w, double dt, double *ret) {
  uint64_t behind = 0;
  double close = 1e-6 * dt, back = w->given == NSL_NONE ? 0 : (double)w->lag * dt;
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double time = (double)(k + 1) * dt;
    while (behind < w->except->n && w->except->times[behind] + w->after[1] + back < time - close) behind++;
    for (uint64_t i = behind; i < w->except->n && w->except->times[i] + w->after[0] <= time + close; i++) ret[k] = 0;
  }
}

double rt_sample_weight(const struct rt_trace *t, const struct rt_weighing *w, double dt, double *ret) {
  double sum = 0, close = 1e-6 * dt;
  for (uint64_t k = 0; k < t->n_steps; k++) {
    double time = (double)(k + 1) * dt;
    ret[k] = time > w->from + close && time <= w->to + close ? 1 : 0;
  }
  for (uint32_t c = 0; c < w->n_columns; c++) {
    uint64_t near = 0;
    for (uint64_t k = 0; k < t->n_steps; k++)
      if (!isfinite(at_from(t, w->columns[c], (double)(k + 1) * dt, close, &near))) ret[k] = 0;
  }
  if (w->given != NSL_NONE) residual_weights(t, w, dt, ret);
  if (w->except) leave_out(t, w, dt, ret);
  for (uint64_t k = 0; k < t->n_steps; k++) sum += ret[k];
  return sum;
}

/* Events of a sweep: from its file, or where a column rises through a level; and in which steps of the run they lie.
 *
 * An event at time e lies in the step that ends at T with T - dt < e <= T, so that what is handled at T has happened. A rise
 * is placed on the line between the two samples around it. A sample that is missing hides what happens beside it. */
#include <math.h>
#include <stdlib.h>

#include "runtime/error.h"
#include "runtime/fit_data.h"

struct nsl_sweep_column rt_events_column(const struct nsl_sweep_events *e) {
  return (struct nsl_sweep_column){.name = e->name, .unit = e->unit, .unit_scale = e->unit_scale, .dim = "12 0 0 0 0 0", .place = e->place};
}

/* ---- crossings */

static uint64_t crossings(const struct rt_trace *t, uint32_t column, double level, double *ret) {
  const double *v = t->values[column];
  uint64_t n = 0;
  for (uint64_t i = 1; i < t->n; i++) {
    if (!(v[i - 1] < level) || !(v[i] >= level)) continue;
    double share = (level - v[i - 1]) / (v[i] - v[i - 1]);
    if (ret) ret[n] = t->times[i - 1] + (t->times[i] - t->times[i - 1]) * share;
    n++;
  }
  return n;
}

static int crossings_find(struct rt_sim *s, const struct nsl_sweep_events *def, struct rt_trace *t, struct rt_events *ret) {
  ret->n = crossings(t, def->column, def->level, NULL);
  if (!(ret->times = rt_alloc(&s->mem, ret->n + 1, sizeof *ret->times))) return NSL_EMEMORY;
  crossings(t, def->column, def->level, ret->times);
  return 0;
}

/* ---- times of the file */

static int rising(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void say_left_out(struct rt_sim *s, const struct nsl_sweep_events *def, const struct rt_trace *t, uint64_t n) {
  const char *name = t->def->name && *t->def->name ? t->def->name : "";
  if (n)
    rt_warn(s, "%s%s%s: %llu event%s of %s lie%s outside of the sweep and %s left out", t->def->path, *name ? ", sweep " : "", name,
            (unsigned long long)n, n == 1 ? "" : "s", def->name, n == 1 ? "s" : "", n == 1 ? "is" : "are");
}

/* In order, counted from the first sample; what lies outside of the run is left out. */
static void times_settle(struct rt_sim *s, const struct nsl_sweep_events *def, double begin, const struct rt_trace *t,
                         struct rt_events *e) {
  uint64_t kept = 0, numbers = 0;
  double end = t->times[t->n - 1];
  if (e->n) qsort(e->times, e->n, sizeof *e->times, rising);
  for (uint64_t i = 0; i < e->n; i++) {
    double time = e->times[i] - begin;
    if (isnan(time)) continue;
    numbers++;
    if (time > 0 && time <= end * (1 + 1e-12)) e->times[kept++] = time;
  }
  e->n = kept;
  say_left_out(s, def, t, numbers - kept);
}

int rt_events_make(struct rt_sim *s, const struct nsl_recording *rec, double begin, struct rt_trace *t) {
  for (uint32_t k = 0; k < rec->n_events; k++) {
    const struct nsl_sweep_events *def = &rec->events[k];
    if (def->column == NSL_NONE) times_settle(s, def, begin, t, &t->events[k]);
    int e = def->column == NSL_NONE ? 0 : crossings_find(s, def, t, &t->events[k]);
    if (e) return e;
  }
  return 0;
}

/* ---- on the steps of the run */

static int twice_in_step(const struct nsl_recording *rec, const struct rt_trace *t, uint32_t list, double time, double dt) {
  const char *name = t->def->name && *t->def->name ? t->def->name : "";
  return rt_fail_at(NSL_EINPUT, t->def->place,
                    "%s%s%s: two events of %s lie in the step of %g ms that ends at %.12g ms, and a neuron fires once in a step; "
                    "a smaller dt tells them apart",
                    t->def->path, *name ? ", sweep " : "", name, rec->events[list].name, dt, time);
}

int rt_sample_events(const struct nsl_recording *rec, const struct rt_trace *t, uint32_t list, double dt, bool one, double *ret) {
  const struct rt_events *e = &t->events[list];
  for (uint64_t k = 0; k < t->n_steps; k++) ret[k] = 0;
  for (uint64_t i = 0; i < e->n; i++) {
    double step = ceil(e->times[i] / dt - 1e-6); /* from 1 */
    if (!(step >= 1) || step > (double)t->n_steps) continue;
    double *at = &ret[(uint64_t)step - 1];
    *at += 1;
    if (one && *at > 1) return twice_in_step(rec, t, list, step * dt, dt);
  }
  return 0;
}

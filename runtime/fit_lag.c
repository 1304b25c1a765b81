/* Delayed values in marches: how many whole steps ago each element loads a ring, and how far rings reach back.
 *
 * Begin kernels leave the delays among the states. A delay that depends on nothing free is known before the search; one that is a free
 * parameter is at most its upper bound; any other may reach before the start, where rings are 0, so that of the longest sweep is enough. */
#include <math.h>

#include "runtime/error.h"
#include "runtime/fit_walk.h"

void rt_lags_set(const struct rt_walk *w) {
  for (uint32_t k = 0; k < w->m->def->n_lags; k++) {
    const struct nsl_lag *lag = &w->m->def->lags[k];
    const double *delay = w->states + (uint64_t)lag->delay * RT_BLOCK;
    double *steps = w->states + (uint64_t)lag->steps * RT_BLOCK;
    for (uint32_t lane = 0; lane < RT_BLOCK; lane++) {
      steps[lane] = rt_lag_steps(delay[lane] / w->f->s->dt, w->m->ring_mask);
      w->lags[k * RT_BLOCK + lane] = (int64_t)steps[lane];
    }
  }
}

/* Steps from the row that is stored to the last one that is still loaded; 0 after rt_fail. */
static double reach_of(const struct rt_fit *f, const struct nsl_lag *lag, const double *at_start) {
  double longest = 0, dt = f->s->dt, least = NAN, most = INFINITY;
  for (uint32_t i = 0; i < f->n_traces; i++) longest = fmax(longest, (double)f->traces[i].n_steps);
  if (lag->fixed) least = most = at_start[(uint64_t)lag->delay * RT_BLOCK];
  else if (lag->free != NSL_NONE) {
    least = rt_value(f->s, f->def->free[lag->free].lo, NAN);
    most = rt_value(f->s, f->def->free[lag->free].hi, INFINITY);
  }
  if (least / dt < 1 - 1e-6) {
    rt_fail_at(NSL_EINPUT, lag->place, "%s: a delay of %.12g ms is less than one step of %g ms%s", lag->text, least, dt,
               lag->fixed ? "" : ", and the bounds of the search allow for it");
    return 0;
  }
  return fmin(floor(most / dt), longest + 1);
}

static int room_make(struct rt_fit *f, const struct rt_march *m, struct rt_room *r) {
  const struct nsl_march_form *plain = &m->def->plain;
  struct rt_mem *mem = &f->s->build_mem;
  r->states = rt_alloc(mem, (uint64_t)plain->n_states * RT_BLOCK, sizeof *r->states);
  r->rings = rt_alloc(mem, (uint64_t)plain->n_rings * RT_BLOCK, sizeof *r->rings);
  r->params = rt_alloc(mem, ((uint64_t)f->def->n_free + 1) * RT_BLOCK, sizeof *r->params);
  r->slots = rt_alloc(mem, (uint64_t)plain->begin.n_bindings + 1, sizeof *r->slots);
  r->lag_at = rt_alloc(mem, (uint64_t)plain->begin.n_bindings + 1, sizeof *r->lag_at);
  r->lags = rt_alloc(mem, (uint64_t)m->def->n_lags * RT_BLOCK, sizeof *r->lags);
  return r->states && r->rings && r->params && r->slots && r->lag_at && r->lags ? 0 : NSL_EMEMORY;
}

int rt_rings_reach(struct rt_fit *f, struct rt_march *m) {
  double reach = (double)m->lag;
  uint64_t rows = 2;
  struct rt_room room = {0};
  if (m->def->n_lags) {
    int e = room_make(f, m, &room);
    if (e) return e;
    rt_walk_begin(f, m, &m->def->plain, f->fitted[0], &room);
  }
  for (uint32_t k = 0; k < m->def->n_lags; k++) {
    double of = reach_of(f, &m->def->lags[k], room.states);
    if (of == 0) return NSL_EINPUT;
    reach = fmax(reach, of);
  }
  while ((double)rows < reach + 1) rows *= 2;
  m->ring_mask = rows - 1;
  return 0;
}

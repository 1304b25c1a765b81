/* One march through one sweep with the places of a block in its lanes: what fit_march.c and fit_back.c share. */
#ifndef NSL_RUNTIME_FIT_WALK_H
#define NSL_RUNTIME_FIT_WALK_H

#include <math.h>

#include "runtime/fit.h"

enum { RT_CALL = 4096 }; /* most steps of a call */

struct rt_room { /* of a thread: what a task needs */
  double *states, *params, *rings;
  void **slots;
  int64_t *lags;           /* [lag of the march][lane]: in steps */
  const int64_t **lag_at;  /* by slot */
  double *tape, *kept, *adjoints, *adjoint_rings; /* reverse mode: fit_back.c */
};

struct rt_walk {
  const struct rt_fit *f;
  const struct rt_march *m;
  const struct rt_weighed *sweep;
  double *states, *rings, *tape, *params;
  void **slots;
  int64_t *lags;
  const int64_t **lag_at;
  uint32_t each_ring; /* tangents of a ring */
  uint64_t tape_row, done, n_steps;
};
struct rt_walk rt_walk_begin(const struct rt_fit *f, const struct rt_march *m, const struct nsl_march_form *form, uint32_t trace,
                             struct rt_room *room);
/* Runs a kernel over `steps` steps behind those that are done; 0: begin and end. */
void rt_walk_call(struct rt_walk *w, const struct nsl_code *code, uint64_t steps);
bool rt_walk_diverges(const struct rt_walk *w); /* in all lanes */

/* fit_lag.c */
static inline double rt_lag_steps(double steps, uint64_t most) { return fmax(1, fmin(floor(steps), (double)most)); } /* whole ones */
void rt_lags_set(const struct rt_walk *w);        /* behind `begin` */
int rt_rings_reach(struct rt_fit *f, struct rt_march *m); /* after its samples */

/* fit_back.c */
struct rt_way { /* forwards and back */
  const struct rt_march *m;
  const struct nsl_march_form *form;
  const struct nsl_march_back *back; /* NULL: there is none */
  uint32_t seeds;  /* a term's adjoint 1 stands at this state more than its sum */
  uint32_t values; /* its values are every `seeds`th state from its sum on, so many */
  uint32_t params; /* by which there are derivatives */
};
struct rt_way rt_way_back(const struct rt_fit *f, const struct rt_march *m, bool product); /* the gradient; the Hessian's product */
int rt_back_room(struct rt_fit *f, struct rt_room *room);
int rt_back_run(struct rt_fit *f, const struct rt_task *t, struct rt_room *room); /* after the params are set */

#endif

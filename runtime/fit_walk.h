/* One march through one sweep with the places of a block in its lanes: what fit_march.c, fit_back.c and fit_device.c share. */
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
/* With what the room holds. */
struct rt_walk rt_walk_in(const struct rt_fit *f, const struct rt_march *m, const struct nsl_march_form *form, uint32_t trace,
                          struct rt_room *room);
struct rt_walk rt_walk_begin(const struct rt_fit *f, const struct rt_march *m, const struct nsl_march_form *form, uint32_t trace,
                             struct rt_room *room);
/* What a kernel is called with: its slots, in w->slots and w->lag_at; the rest, for `steps` steps behind those that are done. */
void rt_walk_slots(struct rt_walk *w, const struct nsl_code *code);
struct nsl_env rt_walk_env(const struct rt_walk *w, uint64_t steps);
/* Runs a kernel over `steps` steps behind those that are done; 0: begin and end. */
void rt_walk_call(struct rt_walk *w, const struct nsl_code *code, uint64_t steps);
bool rt_walk_diverges(const struct rt_walk *w); /* in all lanes */

/* A task is one walk of all its places; or, along directions, one for each place and RT_BLOCK parameters. */
bool rt_task_goes_back(enum rt_order order, const struct rt_task *t);
uint32_t rt_task_walks(const struct rt_fit *f, enum rt_order order, const struct rt_task *t);
void rt_task_params(const struct rt_fit *f, enum rt_order order, const struct rt_task *t, uint32_t walk, struct rt_room *room);
void rt_task_sums(const struct rt_fit *f, enum rt_order order, const struct rt_task *t, uint32_t walk, const struct rt_room *room);

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
struct rt_back_sizes { /* doubles */
  uint64_t segment, segments, kept, states, rings, adjoints;
  uint64_t tape; /* steps, of the last segment at most */
};
struct rt_back_sizes rt_back_sizes(const struct rt_way *way, uint64_t n_steps, double whole); /* whole: bytes of the last segment's tape */
extern const double RT_WHOLE_BYTES, RT_TAPE_BYTES; /* the most of it, and of those before */
uint32_t rt_back_runs(const struct rt_task *t); /* as often a task goes back: some terms go together */
void rt_back_begin(const struct rt_way *way, const struct rt_back_sizes *z, const struct rt_task *t, double *adjoints);
void rt_back_values(const struct rt_walk *w, const struct rt_way *way, double *sums); /* of a walk that is at its end */
void rt_back_end(struct rt_walk *w, const struct rt_way *way, const struct rt_back_sizes *z, const struct rt_task *t,
                 const struct rt_room *room); /* behind the first step: the gradients */
int rt_back_room(struct rt_fit *f, struct rt_room *room);
int rt_back_run(struct rt_fit *f, const struct rt_task *t, struct rt_room *room); /* after the params are set */

#endif

/* Optimizers of a fit: many starts side by side. They know an objective over coordinates without bounds, and nothing of
 * models: each asks for all of its places at once, so that these run in the lanes of vectors and on all threads. */
#ifndef NSL_RUNTIME_FIT_SEARCH_H
#define NSL_RUNTIME_FIT_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/abi.h"
#include "runtime/mem.h"
#include "runtime/nsl.h"

enum rt_order { RT_PLAIN, RT_GRADIENT, RT_CURVATURE, RT_ORDERS }; /* each with what those before it have */

struct rt_points { /* by place */
  double *loss;      /* a number, or INFINITY: the model or its derivatives diverge there */
  double *terms;     /* n_terms each; may be NULL */
  double *gradient;  /* n each; of RT_GRADIENT on */
  double *curvature; /* n * n each: half of what a sum of squares has as its second derivatives, twice; RT_CURVATURE */
};
int rt_points_make(struct rt_mem *m, enum rt_order order, uint32_t places, uint32_t n, uint32_t n_terms, struct rt_points *ret);

struct rt_search;
struct rt_objective {
  uint32_t n, n_terms;
  void *context;
  int (*evaluate)(void *context, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret);
  int (*look)(void *context, const struct rt_search *s, uint32_t step); /* after each step; NULL: nobody looks */
  /* Coordinate i as a share of its domain, from 0 to 1, and the slope of that; and back. NAN: the domain has no two ends.
   * NULL: no coordinate has. For optimizers that know of bounds. */
  double (*share)(void *context, uint32_t i, double x, double *ret_slope);
  double (*place)(void *context, uint32_t i, double share);
  const bool *held; /* by coordinate: it stays where the start has it; NULL: none does */
};

struct rt_search {
  const struct rt_objective *f;
  const struct nsl_option *options;
  uint32_t n_options, starts;
  uint64_t key;      /* of what is drawn */
  double *x, *loss;  /* by start: where it begins; then the best place so far, whenever a function returns */
  double *terms;     /* there */
  uint32_t *steps;   /* that it took to there */
  const char **why;  /* it ended; NULL: it goes on */
  struct {
    double *x, *loss, *terms; /* by start: where the last step was taken; NULL: at the best place so far */
  } here;
};
/* Allocates all of it but x. */
int rt_search_make(struct rt_mem *m, const struct rt_objective *f, uint32_t starts, struct rt_search *ret);
/* By the row of optimizers.def. 0, or what `evaluate` or `look` failed with: the best so far stands. */
int rt_search_run(struct rt_search *s, enum nsl_optimizer by);

/* ---- for the optimizers */
/* The objective at these places, its derivatives by what is held 0. */
int rt_search_evaluate(const struct rt_search *s, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret);
static inline bool rt_search_holds(const struct rt_search *s, uint32_t i) { return s->f->held && s->f->held[i]; }
double rt_search_option(const struct rt_search *s, const char *name); /* NAN: there is none */
bool rt_search_better(struct rt_search *s, uint32_t start, uint32_t step, const double *x, const struct rt_points *p,
                      uint32_t place); /* keeps it if it is the best so far */
uint32_t rt_search_active(const struct rt_search *s, uint32_t *ret); /* those that go on, in order */
int rt_search_look(const struct rt_search *s, uint32_t step);
/* The most that one coordinate moves in one step: they are made so that 1 is a lot. */
static const double RT_REACH = 3;

extern const char *const rt_why_diverges, *const rt_why_least, *const rt_why_converged, *const rt_why_steps;

int rt_search_lm(struct rt_search *s);     /* fit_lm.c */
int rt_search_lbfgs(struct rt_search *s);  /* fit_lbfgs.c */
int rt_search_adam(struct rt_search *s);   /* fit_descent.c */
int rt_search_adamw(struct rt_search *s);
int rt_search_rmsprop(struct rt_search *s);
int rt_search_sgd(struct rt_search *s);
int rt_search_cmaes(struct rt_search *s);  /* fit_cmaes.c */

/* ---- fit_matrix.c: small dense matrices, row by row */
bool rt_cholesky(uint32_t n, double *a);                            /* in place, lower; false: not positive */
void rt_cholesky_solve(uint32_t n, const double *l, double *b);     /* in place */
void rt_eigen(uint32_t n, double *a, double *values, double *vectors); /* symmetric; a is lost; vectors: columns; values rise */

#endif

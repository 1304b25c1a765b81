/* A fit: sweeps, the space of the free parameters, marches, stages; what fit_*.c share. */
#ifndef NSL_RUNTIME_FIT_H
#define NSL_RUNTIME_FIT_H

#include "runtime/fit_data.h"
#include "runtime/fit_search.h"
#include "runtime/fit_weights.h"
#include "runtime/out.h"

/* ---- fit_space.c: each free parameter has a coordinate of its own without bounds, one for each fitted sweep if it is
 * `per sweep` */
enum rt_bijection {
  RT_PLAIN_SCALE, /* no bounds: p = origin + scale x */
  RT_ABOVE,       /* p = lo + exp(x) */
  RT_BELOW,       /* p = hi - exp(x) */
  RT_BETWEEN,     /* p = lo + (hi - lo) / (1 + exp(-x)) */
  RT_BETWEEN_LOG  /* 0 < lo: the same of log p */
};
struct rt_coordinate {
  uint32_t free, sweep; /* sweep: number among the fitted ones, NSL_NONE: it is none's alone */
  uint32_t cell;        /* NSL_NONE: it is none's alone */
  enum rt_bijection kind;
  double lo, hi, origin, scale;
  double mean, sd;      /* known beforehand; sd 0: nothing */
  double declared;      /* the value with which start 0 begins */
};
struct rt_space {
  uint32_t n, n_free, n_sweeps, n_fitted;
  uint32_t n_plain; /* behind these stand the weights of single synapses (fit_weights.h) */
  struct rt_coordinate *at;
  uint32_t *of;    /* by free parameter, by sweep: the fitted ones, then those for validation, which have none that is a sweep's own */
  uint32_t *cells; /* by sweep */
};
int rt_space_make(struct rt_sim *s, const struct nsl_fit *def, struct rt_space *ret);
int rt_space_prior(const struct rt_sim *s, const struct nsl_free *def, struct rt_coordinate *c);
void rt_space_choose(struct rt_coordinate *c, double size); /* the bijection, by its bounds and the declared value; size: of one unit */
void rt_space_name(const struct nsl_fit *def, const struct rt_coordinate *c, char *text, size_t size); /* "V(0) of sweep 2" */
/* The same coordinates, each being its parameter's value itself. */
int rt_space_plain(struct rt_mem *m, const struct rt_space *p, struct rt_space *ret);
double rt_space_value(const struct rt_coordinate *c, double x);
double rt_space_slope(const struct rt_coordinate *c, double x); /* d value / dx */
double rt_space_place(const struct rt_coordinate *c, double value);
/* Start 0: the declared values. Others: uniform in the scale of the bounds, weights of synapses near the declared ones; they depend on seed, start and parameter alone. */
void rt_space_start(const struct rt_space *p, const struct nsl_fit *def, uint64_t seed, uint32_t start, double *ret);
/* The value of a free parameter in a sweep; for validation, of one per sweep: that of the mean of its cell's coordinates. */
double rt_space_in(const struct rt_space *p, const double *x, uint32_t free, uint32_t sweep);
/* The share of its domain, from 0 to 1, of a coordinate with two bounds, and its slope by x; NAN: it has not two. And back. */
double rt_space_share(const struct rt_coordinate *c, double x, double *ret_slope);
double rt_space_at_share(double share);
/* What l2 makes small, and its slope by x: how far the value is from what is known of it, in standard deviations; else x itself. */
double rt_space_pull(const struct rt_coordinate *c, double x, double *ret_slope);
/* The sum of its squares over all coordinates; the derivatives of l2 times that are added to those given (NULL: none). */
double rt_space_pulls(const struct rt_space *p, double l2, const double *x, double *gradient, double *curvature);
bool rt_space_at_bound(const struct rt_coordinate *c, double value);

/* ---- fit_march.c: marches of many places over sweeps, on all threads */
enum { RT_BLOCK = 8 }; /* lanes that run together */
struct rt_weighed {
  double *weight; /* by term: sum of weights */
  double **samples; /* by sample of the march */
};
struct rt_march {
  const struct nsl_march *def;
  const struct nsl_march_form *forms[RT_ORDERS]; /* NULL: not there */
  bool along, reverse; /* the gradient's is along directions; is `plain`, and the way back */
  const double *u;
  uint64_t lag, ring_mask;
  struct rt_weighed *sweeps; /* by sweep of the recording */
  struct rt_weighed *thin;   /* the same with observations left out (fit_thin.c); NULL: nothing ever is */
  bool thinned;              /* march with these */
};
struct rt_fit {
  struct rt_sim *s;
  const struct nsl_fit *def;
  struct rt_trace *traces; /* by sweep of the recording */
  uint32_t n_traces, n_fitted;
  uint32_t *fitted, *validated; /* numbers of traces; n_traces - n_fitted of the latter */
  const char *profile;  /* whose profiles are asked for; NULL: none */
  struct rt_space space;
  struct rt_march *marches;
  double *G;               /* scratch of objectives, */
  void **nowhere;          /* and their slots, which are NULL */
  struct rt_room *rooms;   /* by thread */
  struct rt_fit_device *device; /* where marches run (fit_device.h); NULL: here */
  struct rt_trained *trained; /* projections of which each synapse's weight is free */
  uint32_t n_trained;
  const uint32_t *asked;   /* coordinates of such weights by which forward mode takes derivatives (others: 0); NULL: all */
  uint32_t n_asked;
  double track_bytes;
  double **tracks;         /* by thread: history of a network's run; NULL: nobody goes back */
  uint64_t evaluations[RT_ORDERS]; /* places */
};
const struct rt_weighed *rt_march_weighed(const struct rt_march *m, uint32_t trace);
int rt_marches_make(struct rt_fit *f); /* after the traces and the space */
/* What one task has found: sums of a march over a sweep for a block of places. */
struct rt_task {
  const struct rt_march *march;
  uint32_t trace, sweep; /* sweep: number among the fitted, and behind them those for validation */
  const double *x;       /* places, of which `n` count */
  const double *along;   /* vectors by which Hessians are multiplied; NULL: none are */
  uint32_t n;
  uint32_t each;         /* values of a term */
  double *sums;          /* [value][lane]: of each term the sum, its gradient, the upper triangle of its curvature; along a vector:
                            the sum, its derivative along it, the Hessian's product, the gradient */
};
uint32_t rt_term_values(const struct rt_fit *f, enum rt_order order); /* numbers that a task finds of each term */
int rt_tasks_run(struct rt_fit *f, enum rt_order order, struct rt_task *tasks, uint32_t n); /* NSL_ESTOPPED: Ctrl-C */
/* The free run of one place through a sweep, step by step: `seen` gets the states after each, lane by lane of a block. */
typedef bool rt_seen_fn(void *context, uint64_t step, const double *states); /* false: enough */
int rt_march_watch(struct rt_fit *f, const struct rt_march *m, uint32_t trace, uint32_t sweep, const double *x, rt_seen_fn *seen,
                   void *context);

/* ---- fit_network.c: runs of a network, one for each place; their measures are the terms */
struct rt_stage_at;
struct rt_fit;
int rt_network_open(struct rt_fit *f);
/* As its experiment; place NULL: the declared values. `sim` and `given` keep what they point to in `mem`. */
int rt_network_build(const struct rt_fit *f, bool differentiated, const double *place, const struct rt_given *given, uint32_t threads,
                     struct rt_mem *mem, struct rt_sim *sim);
int rt_network_evaluate(const struct rt_stage_at *at, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret);

/* ---- fit_value.c: the objective of a stage */
struct rt_stage_at { /* context of the objective */
  struct rt_fit *f;
  const struct nsl_stage *stage;
  bool validation; /* over these sweeps instead */
  uint32_t only;   /* derivatives are those of this term's mean, from 1; 0: of the objective */
  double l2;       /* adds l2 times the sum of squares of the coordinates, as one more term */
  double dropout;  /* share of the observations that gradients do without */
  uint64_t key;    /* of which */
  uint32_t step;   /* of the optimizer that is to come, from 1 */
  void *history;
};
uint32_t rt_stage_values(const struct rt_stage_at *at); /* terms, and that of l2 */
uint32_t rt_stage_terms(const struct rt_fit *f, const struct nsl_stage *stage);
const struct nsl_term *rt_stage_term(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, uint32_t *ret_march,
                                     uint32_t *ret_term);
bool rt_stage_can(const struct rt_fit *f, const struct nsl_stage *stage, enum rt_order order);
int rt_stage_evaluate(void *context, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret);
bool rt_stage_holds(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t coordinate); /* it does not look for it */
/* As an optimizer sees it; held: by coordinate, or NULL. Nobody looks on. */
struct rt_objective rt_stage_objective(struct rt_stage_at *at, const bool *held);
/* By places: the Hessian by the values times a vector, in a space of plain values (rt_space_plain). */
bool rt_stage_has_products(const struct rt_fit *f, const struct nsl_stage *stage);
int rt_stage_product(const struct rt_stage_at *at, uint32_t places, const double *x, const double *vectors, struct rt_points *ret,
                     double *ret_products);
double rt_term_weight(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, bool validation);
/* What a term's sum is divided by: its weight; of a likelihood nothing. */
double rt_term_divisor(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, bool validation);

/* ---- fit_thin.c: dropout */
int rt_thin_make(struct rt_fit *f, const struct nsl_stage *stage);
void rt_thin(const struct rt_stage_at *at, bool on); /* leaves out what its step does without; off: nothing */

/* ---- fit_stop.c: early stopping and pruning */
struct rt_rank {
  double loss;
  uint32_t start;
};
int rt_by_rank(const void *a, const void *b); /* the best first */
struct rt_stopping {
  uint32_t patience, prune, next; /* 0: not asked for; next: step at which half of the starts stops */
  struct rt_rank *order;
  bool seen;
  double *now, *lowest;           /* by start: objective of the validation sweeps */
  double *loss, *terms, *x, *ask; /* by start, where it was lowest */
  uint32_t *since;                /* … and after which step */
  struct rt_points points;
};
int rt_stop_make(struct rt_mem *m, const struct rt_search *s, struct rt_stopping *t);
int rt_stop_look(struct rt_stage_at *at, struct rt_stopping *t, const struct rt_search *s, uint32_t step);
void rt_stop_end(const struct rt_stopping *t, struct rt_search *s); /* every start goes where it was lowest */
extern const char *const rt_why_pruned, *const rt_why_patience;

/* ---- fit.c: stages one after the other */
struct rt_history { /* of a stage: rows are steps of the optimizer, thinned so that there are not too many */
  uint32_t n_rows, room, every;
  uint32_t *steps;
  double *loss, *terms; /* by row, by start (the best so far), by term */
  double *validation;   /* by row, by start; NULL: without patience */
};
struct rt_stage_end {
  const struct nsl_stage *def;
  struct rt_objective objective;
  bool *held;              /* by coordinate: the stage does not look for it; NULL: it looks for all */
  struct rt_stage_at at;
  struct rt_search search;
  struct rt_history history;
  struct rt_stopping stopping;
  uint32_t best;           /* start */
  uint64_t evaluations[RT_ORDERS];
  double seconds;
};
struct rt_certainty { /* fit_certain.c */
  const char *why_not;  /* NULL: known */
  double *sd;           /* by coordinate: of the value, in coherent units; INFINITY: not determined */
  double *correlation;  /* by pair of coordinates */
  double observations;  /* of squares */
  double rise;          /* of the objective, one standard deviation away */
  bool likelihood;      /* by the second derivatives of one */
  bool mixed;           /* of a sum of likelihoods and squares; rise is NAN */
};
const char *rt_term_text(const struct rt_stage_end *g, uint32_t k); /* of objective.n_terms */
struct rt_profile { /* fit_profile.c */
  uint32_t coordinate, n; /* n: places, in the order of its value; the best in the middle */
  double *x, *loss;       /* by place */
  double limit, lowest, highest; /* objective at the ends of the 95 % interval; these ends, coherent; NAN: not known, not reached */
};
struct rt_fit_end {
  struct rt_fit *f;
  struct rt_stage_end *stages;
  uint32_t n_stages;       /* begun */
  const struct rt_stage_end *last; /* the last with a finite objective; NULL: none */
  double *x;               /* its best place */
  struct rt_points validation; /* terms and loss of it there; loss NULL: there is none */
  struct rt_certainty certainty;
  struct rt_profile *profiles;
  uint32_t n_profiles;
  double seconds;
};
/* After rt_setup, with a team. s->n_steps: at most so many steps of each sweep; 0: all. */
int rt_fit_open(struct rt_fit *f, struct rt_sim *s, const struct nsl_fit *def);
int rt_fit_run(struct rt_fit *f, struct rt_fit_end *end); /* what is done stands in `end` whatever it returns */
int rt_fit_certainty(struct rt_fit_end *end);
/* list: names of free parameters between commas, or "all". */
int rt_profile_check(const struct rt_fit *f, const char *list);
int rt_fit_profiles(struct rt_fit_end *end, const char *list);
const char *rt_squares_missing(const struct rt_fit *f, const struct nsl_stage *stage); /* why it has no such matrix, or NULL */
/* ---- fit_report.c, fit_text.c, fit_figure.c, fit_html.c: what it leaves behind */
struct rt_end;
struct rt_showing; /* fit_shown.h */
/* Warns of a column that is hundreds of times larger or smaller than the state with which it is compared. */
void rt_fit_scales(struct rt_fit *f);
struct json_object;
/* fit.json, and report.html unless `html` is false. */
int rt_fit_report(const struct rt_fit_end *end, const struct rt_showing *showing, const struct rt_end *how, bool html, struct rt_out *out);
int rt_fit_text(const struct rt_fit_end *end, struct rt_out *out); /* NAME.fitted.nsl */
int rt_fit_figure(const struct rt_fit_end *end, const struct rt_showing *showing, struct rt_out *out); /* fit.svg */
int rt_fit_html(const struct rt_fit_end *end, const struct rt_showing *showing, const struct rt_end *how, struct json_object *facts,
                const char *path);
void rt_fit_table(const struct rt_fit_end *end, FILE *out);
/* ---- fit_main.c */
struct rt_fit_call {
  const struct nsl_program *program;
  const struct rt_config *config;
  const volatile int *interrupt;
  int argc;
  char **argv;
};
int rt_fit_main(const struct rt_fit_call *c); /* the exit status */
int rt_fit_team(struct rt_sim *s, uint32_t threads); /* 0: all */
const struct nsl_fit *rt_fit_named(const struct nsl_program *p, const char *name); /* NULL after rt_fail; name NULL: the only one */
int rt_fit_describe(const struct rt_fit_call *c, const struct nsl_fit *def, FILE *out);
/* ---- fit_api.c: what a struct nsl_fitting of nsl.h holds, for `nslc grad`. Its space is that of values; NULL after rt_fail. */
struct nsl_fitting;
const struct rt_fit *rt_fitting(struct nsl_fitting *n);
void rt_fitting_ask(struct nsl_fitting *n, const uint32_t *coordinates, uint32_t count); /* rt_fit.asked */

#endif

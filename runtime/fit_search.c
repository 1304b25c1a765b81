/* What the optimizers share: what is known of each start, and which of them goes on. */
#include "runtime/fit_search.h"

#include <math.h>
#include <string.h>

#include "runtime/error.h"

const char *const rt_why_diverges = "the model or its derivatives are not finite";
const char *const rt_why_least = "no step makes the objective smaller";
const char *const rt_why_converged = "converged";
const char *const rt_why_steps = "all steps taken";

int rt_points_make(struct rt_mem *m, enum rt_order order, uint32_t places, uint32_t n, uint32_t n_terms, struct rt_points *ret) {
  *ret = (struct rt_points){.loss = rt_alloc(m, places + 1, sizeof(double)),
                            .terms = rt_alloc(m, (uint64_t)places * n_terms + 1, sizeof(double))};
  if (order >= RT_GRADIENT) ret->gradient = rt_alloc(m, (uint64_t)places * n + 1, sizeof(double));
  if (order >= RT_CURVATURE) ret->curvature = rt_alloc(m, (uint64_t)places * n * n + 1, sizeof(double));
  bool full = ret->loss && ret->terms && (order < RT_GRADIENT || ret->gradient) && (order < RT_CURVATURE || ret->curvature);
  return full ? 0 : NSL_EMEMORY;
}

int rt_search_make(struct rt_mem *m, const struct rt_objective *f, uint32_t starts, struct rt_search *ret) {
  *ret = (struct rt_search){.f = f, .starts = starts};
  ret->x = rt_alloc(m, (uint64_t)starts * f->n + 1, sizeof *ret->x);
  ret->loss = rt_alloc(m, starts, sizeof *ret->loss);
  ret->terms = rt_alloc(m, (uint64_t)starts * f->n_terms + 1, sizeof *ret->terms);
  ret->steps = rt_alloc(m, starts, sizeof *ret->steps);
  ret->why = rt_alloc(m, starts, sizeof *ret->why);
  if (!ret->x || !ret->loss || !ret->terms || !ret->steps || !ret->why) return NSL_EMEMORY;
  for (uint32_t i = 0; i < starts; i++) ret->loss[i] = INFINITY;
  for (uint32_t i = 0; i < starts * f->n_terms; i++) ret->terms[i] = INFINITY;
  return 0;
}

double rt_search_option(const struct rt_search *s, const char *name) {
  for (uint32_t i = 0; i < s->n_options; i++)
    if (strcmp(s->options[i].name, name) == 0) return s->options[i].value;
  return NAN;
}

bool rt_search_better(struct rt_search *s, uint32_t start, uint32_t step, const double *x, const struct rt_points *p,
                      uint32_t place) {
  uint32_t n = s->f->n, n_terms = s->f->n_terms;
  if (!(p->loss[place] < s->loss[start])) return false;
  s->loss[start] = p->loss[place];
  s->steps[start] = step;
  double *to = s->x + (uint64_t)start * n;
  if (to != x) memcpy(to, x, n * sizeof *x);
  memcpy(s->terms + (uint64_t)start * n_terms, p->terms + (uint64_t)place * n_terms, n_terms * sizeof(double));
  return true;
}

uint32_t rt_search_active(const struct rt_search *s, uint32_t *ret) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->starts; i++)
    if (!s->why[i]) ret[n++] = i;
  return n;
}

int rt_search_look(const struct rt_search *s, uint32_t step) { return s->f->look ? s->f->look(s->f->context, s, step) : 0; }

static void held_clear(const struct rt_search *s, enum rt_order order, uint64_t place, struct rt_points *ret) {
  uint64_t n = s->f->n;
  for (uint32_t i = 0; i < n; i++) {
    if (!s->f->held[i]) continue;
    ret->gradient[place * n + i] = 0;
    for (uint64_t k = 0; order >= RT_CURVATURE && k < n; k++)
      ret->curvature[(place * n + i) * n + k] = ret->curvature[(place * n + k) * n + i] = 0;
  }
}

int rt_search_evaluate(const struct rt_search *s, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret) {
  int e = s->f->evaluate(s->f->context, order, places, x, ret);
  for (uint32_t i = 0; !e && s->f->held && order >= RT_GRADIENT && i < places; i++) held_clear(s, order, i, ret);
  return e;
}

int rt_search_run(struct rt_search *s, enum nsl_optimizer by) {
  static int (*const searches[])(struct rt_search *) = {
      [NSL_OPTIMIZER_LM] = rt_search_lm,           [NSL_OPTIMIZER_LBFGS] = rt_search_lbfgs, [NSL_OPTIMIZER_ADAM] = rt_search_adam,
      [NSL_OPTIMIZER_RMSPROP] = rt_search_rmsprop, [NSL_OPTIMIZER_SGD] = rt_search_sgd,     [NSL_OPTIMIZER_CMAES] = rt_search_cmaes,
      [NSL_OPTIMIZER_ADAMW] = rt_search_adamw};
  if ((size_t)by >= sizeof searches / sizeof *searches || !searches[by])
    return rt_fail(NSL_ECANNOT, "this program asks for an optimizer that its runtime does not have");
  int e = searches[by](s);
  for (uint32_t i = 0; !e && i < s->starts; i++)
    if (!s->why[i]) s->why[i] = rt_why_steps;
  return e;
}

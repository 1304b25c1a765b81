/* Levenberg-Marquardt: d = -(H + lambda diag H)^-1 g, where H is the Gauss-Newton matrix of a sum of squares.
 *
 * For each Jacobian four lambdas, a factor of 10 apart, are tried as further lanes of one evaluation, and the best of them is
 * taken: runs without derivatives are cheap beside the Jacobian, and the damping follows the objective without a
 * rule. If none of them is better, four larger ones are tried, up to ROUNDS times, with the same Jacobian.
 * Steps do not depend on the coordinates' scale, but how far they carry does: a coordinate with two bounds moves straight in its
 * share of the domain and stops at the ends, where it is left out of the equations if it wants on; in its own coordinate, which
 * stretches the ends to infinity, the search would creep along a bound. Any other moves by RT_REACH at most: where the
 * objective is flat, H says nothing of how far. */
#include <math.h>
#include <string.h>

#include "runtime/fit_search.h"

enum { TRIALS = 4, ROUNDS = 4 };
static const double factors[TRIALS] = {0.1, 1, 10, 100}, FIRST = 1e-2, LEAST = 1e-12, FLAT = 1e-14;
static const double END = 1e-3; /* of a domain: the least share */

struct lm {
  struct rt_search *s;
  uint32_t n, steps;
  double tolerance;
  uint32_t *active;     /* starts that go on */
  double *lambda, *g, *h; /* by start */
  double *x;            /* of the places of an evaluation */
  double *matrix, *root, *right; /* scratch */
  bool *held;
  struct rt_points jacobian, trial;
};

static int lm_make(struct lm *m, struct rt_mem *mem) {
  struct rt_search *s = m->s;
  uint64_t n = m->n = s->f->n, starts = s->starts;
  m->steps = (uint32_t)rt_search_option(s, "steps");
  m->tolerance = rt_search_option(s, "tolerance");
  m->active = rt_alloc(mem, starts, sizeof *m->active);
  m->lambda = rt_alloc(mem, starts, sizeof *m->lambda);
  m->g = rt_alloc(mem, starts * n + 1, sizeof *m->g);
  m->h = rt_alloc(mem, starts * n * n + 1, sizeof *m->h);
  m->x = rt_alloc(mem, starts * TRIALS * n + 1, sizeof *m->x);
  m->matrix = rt_alloc(mem, n * n + 1, sizeof *m->matrix);
  m->root = rt_alloc(mem, n + 1, sizeof *m->root);
  m->right = rt_alloc(mem, n + 1, sizeof *m->right);
  m->held = rt_alloc(mem, n + 1, sizeof *m->held);
  if (!m->active || !m->lambda || !m->g || !m->h || !m->x || !m->matrix || !m->root || !m->right || !m->held) return NSL_EMEMORY;
  for (uint64_t i = 0; i < starts; i++) m->lambda[i] = FIRST;
  int e = rt_points_make(mem, RT_CURVATURE, s->starts, m->n, s->f->n_terms, &m->jacobian);
  return e ? e : rt_points_make(mem, RT_PLAIN, s->starts * TRIALS, m->n, s->f->n_terms, &m->trial);
}

/* Gradient and Gauss-Newton matrix where the active starts are. */
static int jacobians(struct lm *m, uint32_t n_active, uint32_t step) {
  struct rt_search *s = m->s;
  uint64_t n = m->n;
  for (uint32_t i = 0; i < n_active; i++) memcpy(m->x + i * n, s->x + m->active[i] * n, n * sizeof *m->x);
  int e = rt_search_evaluate(s, RT_CURVATURE, n_active, m->x, &m->jacobian);
  if (e) return e;
  for (uint32_t i = 0; i < n_active; i++) {
    uint32_t start = m->active[i];
    if (isinf(m->jacobian.loss[i])) s->why[start] = rt_why_diverges;
    rt_search_better(s, start, step, m->x + i * n, &m->jacobian, i);
    memcpy(m->g + start * n, m->jacobian.gradient + i * n, n * sizeof *m->g);
    memcpy(m->h + start * n * n, m->jacobian.curvature + i * n * n, n * n * sizeof *m->h);
  }
  return 0;
}

/* The share of coordinate i at x; NAN: it has not two bounds. */
static double share_of(const struct rt_search *s, uint32_t i, double x, double *ret_slope) {
  return s->f->share ? s->f->share(s->f->context, i, x, ret_slope) : NAN;
}

static double moved(const struct rt_search *s, uint32_t i, double x, double step) {
  double slope, u = share_of(s, i, x, &slope);
  if (isnan(u)) return x + fmax(-RT_REACH, fmin(RT_REACH, step));
  return s->f->place(s->f->context, i, fmax(END, fmin(1 - END, u + slope * step)));
}

/* It stands at an end of its domain and would go on. */
static bool is_held(const struct rt_search *s, uint32_t i, double x, double step) {
  double slope, u = share_of(s, i, x, &slope);
  return !isnan(u) && ((u < 1.5 * END && slope * step < 0) || (u > 1 - 1.5 * END && slope * step > 0));
}

/* The step, in the scale in which H has a diagonal of ones; what is held does not move. false: H is singular. */
static bool solve(struct lm *m, const double *g, const double *h, double lambda) {
  uint32_t n = m->n;
  double *root = m->root, *b = m->right;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < n; j++) {
      bool out = m->held[i] || m->held[j];
      m->matrix[i * n + j] = (out ? 0 : h[i * n + j] / (root[i] * root[j])) + (i == j ? (out ? 1 : lambda) : 0);
    }
  for (uint32_t i = 0; i < n; i++) b[i] = m->held[i] ? 0 : -g[i] / root[i];
  if (!rt_cholesky(n, m->matrix)) return false;
  rt_cholesky_solve(n, m->matrix, b);
  for (uint32_t i = 0; i < n; i++) b[i] /= root[i];
  return true;
}

static void trial_place(struct lm *m, uint32_t start, double lambda, double *ret) {
  uint32_t n = m->n;
  const double *g = m->g + (uint64_t)start * n, *h = m->h + (uint64_t)start * n * n, *x = m->s->x + (uint64_t)start * n;
  double most = 0;
  for (uint32_t i = 0; i < n; i++) most = fmax(most, h[i * n + i]);
  memcpy(ret, x, n * sizeof *ret);
  if (!(most > 0)) return;
  for (uint32_t i = 0; i < n; i++) m->root[i] = sqrt(fmax(h[i * n + i], FLAT * most)), m->held[i] = rt_search_holds(m->s, i);
  for (bool more = true; more;) {
    if (!solve(m, g, h, lambda)) return;
    more = false;
    for (uint32_t i = 0; i < n; i++)
      if (!m->held[i] && is_held(m->s, i, x[i], m->right[i])) m->held[i] = more = true;
  }
  for (uint32_t i = 0; i < n; i++) ret[i] = m->held[i] ? x[i] : moved(m->s, i, x[i], m->right[i]);
}

/* Four lambdas for each of the starts in `of`; those that got no better stay in it. Gives how many. */
static int trials(struct lm *m, uint32_t *of, uint32_t *n_of, uint32_t step) {
  struct rt_search *s = m->s;
  uint32_t left = 0;
  for (uint32_t i = 0; i < *n_of; i++)
    for (uint32_t k = 0; k < TRIALS; k++)
      trial_place(m, of[i], m->lambda[of[i]] * factors[k], m->x + ((uint64_t)i * TRIALS + k) * m->n);
  int e = rt_search_evaluate(s, RT_PLAIN, *n_of * TRIALS, m->x, &m->trial);
  if (e) return e;
  for (uint32_t i = 0; i < *n_of; i++) {
    uint32_t start = of[i], best = i * TRIALS;
    double before = s->loss[start];
    for (uint32_t k = i * TRIALS; k < (i + 1) * TRIALS; k++)
      if (m->trial.loss[k] < m->trial.loss[best]) best = k;
    if (!rt_search_better(s, start, step, m->x + (uint64_t)best * m->n, &m->trial, best)) {
      m->lambda[start] *= 1e4;
      of[left++] = start;
      continue;
    }
    m->lambda[start] = fmax(m->lambda[start] * factors[best - i * TRIALS], LEAST);
    if (before - s->loss[start] <= m->tolerance * before) s->why[start] = rt_why_converged;
  }
  *n_of = left;
  return 0;
}

static int lm_step(struct lm *m, uint32_t step) {
  uint32_t n_active = rt_search_active(m->s, m->active);
  int e = jacobians(m, n_active, step);
  n_active = rt_search_active(m->s, m->active);
  for (int round = 0; !e && n_active && round < ROUNDS; round++) e = trials(m, m->active, &n_active, step);
  for (uint32_t i = 0; !e && i < n_active; i++) m->s->why[m->active[i]] = rt_why_least;
  return e ? e : rt_search_look(m->s, step);
}

int rt_search_lm(struct rt_search *s) {
  struct rt_mem mem = {0};
  struct lm m = {.s = s};
  int e = lm_make(&m, &mem);
  for (uint32_t step = 1; !e && step <= m.steps && rt_search_active(s, m.active); step++) e = lm_step(&m, step);
  rt_mem_free(&mem);
  return e;
}

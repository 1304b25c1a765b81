/* CMA-ES with cumulative step length adaptation, rank-one and rank-mu update (Hansen 2016, arXiv 1604.00772, with its defaults):
 * each start is a search of its own, and the candidates of all of them are evaluated together.
 *
 * Draws are functions of seed, start, generation, candidate and coordinate. Ends where the distribution has become narrow, or
 * the best of a generation have been equal for some time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/fit_search.h"

static const double NARROW = 1e-9, WIDE = 10;
enum { EQUAL = 20 };

struct start {
  double *mean, *c, *basis, *spread; /* c = basis spread^2 basis' */
  double *path_c, *path_s, sigma, last;
  uint32_t equal;
};
struct rank {
  double loss;
  uint32_t place;
};
struct cmaes {
  struct rt_search *s;
  uint32_t n, steps, lambda, mu, *of; /* of: the coordinates that are searched, n of them */
  double *weights, mu_eff, cc, cs, c1, cmu, damps, chi;
  uint32_t *active;
  struct start *starts;
  double *x, *scratch, *y; /* x: candidates of all; y: of one start, (x - mean) / sigma */
  struct rank *order;
  struct rt_points points;
};

static void constants(struct cmaes *c) {
  double n = c->n, sum = 0, squares = 0;
  for (uint32_t i = 0; i < c->mu; i++) sum += c->weights[i] = nslm_log_f64((c->lambda + 1) / 2.0) - nslm_log_f64(i + 1);
  for (uint32_t i = 0; i < c->mu; i++) {
    c->weights[i] /= sum;
    squares += c->weights[i] * c->weights[i];
  }
  double m = c->mu_eff = 1 / squares;
  c->cc = (4 + m / n) / (n + 4 + 2 * m / n);
  c->cs = (m + 2) / (n + m + 5);
  c->c1 = 2 / ((n + 1.3) * (n + 1.3) + m);
  c->cmu = fmin(1 - c->c1, 2 * (m - 2 + 1 / m) / ((n + 2) * (n + 2) + m));
  c->damps = 1 + 2 * fmax(0, sqrt((m - 1) / (n + 1)) - 1) + c->cs;
  c->chi = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
}

static int cmaes_make(struct cmaes *c, struct rt_mem *mem) {
  struct rt_search *s = c->s;
  c->of = rt_alloc(mem, (uint64_t)s->f->n + 1, sizeof *c->of);
  for (uint32_t i = 0; c->of && i < s->f->n; i++)
    if (!rt_search_holds(s, i)) c->of[c->n++] = i;
  uint64_t n = c->n, each = 4 * n + 2 * n * n;
  c->steps = (uint32_t)rt_search_option(s, "steps");
  c->lambda = (uint32_t)rt_search_option(s, "candidates");
  c->mu = c->lambda / 2;
  uint64_t places = (uint64_t)s->starts * c->lambda;
  c->weights = rt_alloc(mem, c->mu, sizeof *c->weights);
  c->active = rt_alloc(mem, s->starts, sizeof *c->active);
  c->starts = rt_alloc(mem, s->starts, sizeof *c->starts);
  c->x = rt_alloc(mem, places * s->f->n + 1, sizeof *c->x);
  c->y = rt_alloc(mem, c->lambda * n + 1, sizeof *c->y);
  c->scratch = rt_alloc(mem, n * n + 2 * n + 1, sizeof *c->scratch);
  c->order = rt_alloc(mem, c->lambda, sizeof *c->order);
  double *at = rt_alloc(mem, s->starts * each + 1, sizeof *at);
  if (!c->of || !c->weights || !c->active || !c->starts || !c->x || !c->y || !c->scratch || !c->order || !at) return NSL_EMEMORY;
  constants(c);
  for (uint32_t i = 0; i < s->starts; i++, at += each) {
    struct start *p = &c->starts[i];
    *p = (struct start){.mean = at, .spread = at + n, .path_c = at + 2 * n, .path_s = at + 3 * n, .c = at + 4 * n,
                        .basis = at + 4 * n + n * n, .sigma = rt_search_option(s, "sigma"), .last = INFINITY};
    for (uint64_t k = 0; k < n; k++) p->mean[k] = s->x[(uint64_t)i * s->f->n + c->of[k]];
    for (uint64_t k = 0; k < n; k++) p->spread[k] = p->c[k * n + k] = p->basis[k * n + k] = 1;
  }
  return rt_points_make(mem, RT_PLAIN, (uint32_t)places, s->f->n, s->f->n_terms, &c->points);
}

/* x = mean + sigma basis spread z. In the first generation candidate 0 is the start itself. */
static void candidates(struct cmaes *c, uint32_t start, uint32_t step, double *x) {
  const struct start *p = &c->starts[start];
  uint32_t n = c->n, all = c->s->f->n;
  for (uint32_t k = 0; k < c->lambda; k++, x += all) {
    memcpy(x, c->s->x + (uint64_t)start * all, all * sizeof *x);
    for (uint32_t i = 0; i < n; i++) x[c->of[i]] = p->mean[i];
    if (step == 1 && k == 0) continue;
    for (uint32_t j = 0; j < n; j++) {
      double z = nslm_draw_normal_f64(c->s->key, start, step, k * n + j, 0, 1) * p->spread[j] * p->sigma;
      for (uint32_t i = 0; i < n; i++) x[c->of[i]] += p->basis[i * n + j] * z;
    }
  }
}

static int by_loss(const void *a, const void *b) {
  const struct rank *x = a, *y = b;
  if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

/* The paths: where the mean has gone, in the distribution's own scale and as it is. Gives h_sigma. */
static double paths(struct cmaes *c, struct start *p, const double *shift, uint32_t step) {
  uint32_t n = c->n;
  double *z = c->scratch, length = 0;
  for (uint32_t j = 0; j < n; j++) {
    z[j] = 0;
    for (uint32_t i = 0; i < n; i++) z[j] += p->basis[i * n + j] * shift[i];
    z[j] /= p->spread[j];
  }
  for (uint32_t i = 0; i < n; i++) {
    double v = 0;
    for (uint32_t j = 0; j < n; j++) v += p->basis[i * n + j] * z[j];
    p->path_s[i] = (1 - c->cs) * p->path_s[i] + sqrt(c->cs * (2 - c->cs) * c->mu_eff) * v;
    length += p->path_s[i] * p->path_s[i];
  }
  length = sqrt(length);
  double usual = length / sqrt(1 - nslm_pow_f64(1 - c->cs, 2.0 * step)) / c->chi;
  double h = usual < 1.4 + 2 / (n + 1.0) ? 1 : 0;
  for (uint32_t i = 0; i < n; i++)
    p->path_c[i] = (1 - c->cc) * p->path_c[i] + h * sqrt(c->cc * (2 - c->cc) * c->mu_eff) * shift[i];
  p->sigma = fmin(WIDE, p->sigma * nslm_exp_f64(fmin(1, c->cs / c->damps * (length / c->chi - 1))));
  return h;
}

static void covariance(struct cmaes *c, struct start *p, double h) {
  uint32_t n = c->n;
  double keep = 1 - c->c1 - c->cmu + (1 - h) * c->c1 * c->cc * (2 - c->cc), *values = c->scratch, *copy = c->scratch + 2 * n;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j <= i; j++) {
      double v = keep * p->c[i * n + j] + c->c1 * p->path_c[i] * p->path_c[j];
      for (uint32_t k = 0; k < c->mu; k++) v += c->cmu * c->weights[k] * c->y[k * n + i] * c->y[k * n + j];
      p->c[i * n + j] = p->c[j * n + i] = v;
    }
  memcpy(copy, p->c, (uint64_t)n * n * sizeof *copy);
  rt_eigen(n, copy, values, p->basis);
  for (uint32_t i = 0; i < n; i++) p->spread[i] = sqrt(fmax(values[i], 1e-20));
}

static void start_update(struct cmaes *c, uint32_t start, uint32_t step, const double *x, const double *loss) {
  struct start *p = &c->starts[start];
  uint32_t n = c->n;
  double *shift = c->scratch + n, widest = 0;
  for (uint32_t k = 0; k < c->lambda; k++) c->order[k] = (struct rank){loss[k], k};
  qsort(c->order, c->lambda, sizeof *c->order, by_loss);
  if (isinf(c->order[0].loss)) { /* nothing to learn from: look nearer */
    p->sigma /= 2;
    if (p->sigma < NARROW) c->s->why[start] = rt_why_diverges;
    return;
  }
  for (uint32_t k = 0; k < c->mu; k++)
    for (uint32_t i = 0; i < n; i++) c->y[k * n + i] = (x[(uint64_t)c->order[k].place * c->s->f->n + c->of[i]] - p->mean[i]) / p->sigma;
  for (uint32_t i = 0; i < n; i++) {
    shift[i] = 0;
    for (uint32_t k = 0; k < c->mu; k++) shift[i] += c->weights[k] * c->y[k * n + i];
    p->mean[i] += p->sigma * shift[i];
  }
  covariance(c, p, paths(c, p, shift, step));
  for (uint32_t i = 0; i < n; i++) widest = fmax(widest, p->sigma * p->spread[i]);
  double best = c->order[0].loss, worst = c->order[c->mu - 1].loss;
  p->equal = fabs(worst - best) <= 1e-14 * fabs(best) && fabs(p->last - best) <= 1e-14 * fabs(best) ? p->equal + 1 : 0;
  p->last = best;
  if (widest < NARROW || p->equal >= EQUAL) c->s->why[start] = rt_why_converged;
}

static int generation(struct cmaes *c, uint32_t step) {
  struct rt_search *s = c->s;
  uint64_t all = s->f->n, each = c->lambda * all;
  uint32_t n_active = rt_search_active(s, c->active);
  for (uint32_t i = 0; i < n_active; i++) candidates(c, c->active[i], step, c->x + i * each);
  int e = rt_search_evaluate(s, RT_PLAIN, n_active * c->lambda, c->x, &c->points);
  if (e) return e;
  for (uint32_t i = 0; i < n_active; i++) {
    for (uint32_t k = 0; k < c->lambda; k++)
      rt_search_better(s, c->active[i], step, c->x + i * each + k * all, &c->points, i * c->lambda + k);
    start_update(c, c->active[i], step, c->x + i * each, c->points.loss + (uint64_t)i * c->lambda);
  }
  return rt_search_look(s, step);
}

int rt_search_cmaes(struct rt_search *s) {
  struct rt_mem mem = {0};
  struct cmaes c = {.s = s};
  int e = cmaes_make(&c, &mem);
  for (uint32_t step = 1; !e && step <= c.steps && rt_search_active(s, c.active); step++) e = generation(&c, step);
  rt_mem_free(&mem);
  return e;
}

/* First-order optimizers: Adam, AdamW, RMSProp, gradient descent with momentum. One gradient a step for every
 * start; the rate falls to 0 by a cosine over the steps.
 *
 * A gradient longer than CLIP times what the last ones were is shortened to that: where spikes appear or go, it is larger
 * by orders of magnitude, and says little. A start whose step leads to where the model diverges goes back to its best place
 * with half the rate and no memory. */
#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/fit_search.h"

static const double CLIP = 10, CLIP_MEMORY = 0.9, EPSILON = 1e-12, BETA1 = 0.9, BETA2 = 0.999, RMS = 0.9, PI = 3.14159265358979323846;
enum { MOST_BACK = 20 };

struct start {
  double *x, *m, *v; /* m, v: means of the gradient and of its square, or of steps */
  double rate, usual; /* usual: length of the gradient */
  uint32_t t, back;   /* steps since the memory is empty; how often it went back */
};
struct descent {
  struct rt_search *s;
  uint32_t n, steps;
  double rate, decay, momentum;
  void (*move)(const struct descent *d, struct start *p, const double *g, double rate);
  uint32_t *active;
  struct start *starts;
  double *x;
  struct rt_points points;
};

static void adam_move(const struct descent *d, struct start *p, const double *g, double rate) {
  double gone1 = 1 - nslm_pow_f64(BETA1, p->t), gone2 = 1 - nslm_pow_f64(BETA2, p->t);
  for (uint32_t i = 0; i < d->n; i++) {
    p->m[i] = BETA1 * p->m[i] + (1 - BETA1) * g[i];
    p->v[i] = BETA2 * p->v[i] + (1 - BETA2) * g[i] * g[i];
    p->x[i] -= rate * (p->m[i] / gone1 / (sqrt(p->v[i] / gone2) + EPSILON) + (rt_search_holds(d->s, i) ? 0 : d->decay * p->x[i]));
  }
}

static void rmsprop_move(const struct descent *d, struct start *p, const double *g, double rate) {
  double gone = 1 - nslm_pow_f64(RMS, p->t);
  for (uint32_t i = 0; i < d->n; i++) {
    p->v[i] = RMS * p->v[i] + (1 - RMS) * g[i] * g[i];
    p->x[i] -= rate * g[i] / (sqrt(p->v[i] / gone) + EPSILON);
  }
}

static void sgd_move(const struct descent *d, struct start *p, const double *g, double rate) {
  for (uint32_t i = 0; i < d->n; i++) {
    p->m[i] = d->momentum * p->m[i] - rate * g[i];
    p->x[i] += fmax(-RT_REACH, fmin(RT_REACH, p->m[i]));
  }
}

static int descent_make(struct descent *d, struct rt_mem *mem) {
  struct rt_search *s = d->s;
  uint64_t n = d->n = s->f->n;
  d->steps = (uint32_t)rt_search_option(s, "steps");
  d->rate = rt_search_option(s, "rate");
  d->active = rt_alloc(mem, s->starts, sizeof *d->active);
  d->starts = rt_alloc(mem, s->starts, sizeof *d->starts);
  d->x = rt_alloc(mem, s->starts * n + 1, sizeof *d->x);
  double *at = rt_alloc(mem, s->starts * n * 3 + 1, sizeof *at);
  s->here.x = rt_alloc(mem, s->starts * n + 1, sizeof *s->here.x);
  s->here.loss = rt_alloc(mem, s->starts, sizeof *s->here.loss);
  s->here.terms = rt_alloc(mem, (uint64_t)s->starts * s->f->n_terms + 1, sizeof *s->here.terms);
  if (!d->active || !d->starts || !d->x || !at || !s->here.x || !s->here.loss || !s->here.terms) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->starts; i++, at += 3 * n) {
    d->starts[i] = (struct start){.x = at, .m = at + n, .v = at + 2 * n, .rate = 1};
    memcpy(at, s->x + i * n, n * sizeof *at);
  }
  return rt_points_make(mem, RT_GRADIENT, s->starts, d->n, s->f->n_terms, &d->points);
}

static void clip(const struct descent *d, struct start *p, double *g) {
  double squares = 0;
  for (uint32_t i = 0; i < d->n; i++) squares += g[i] * g[i];
  double length = sqrt(squares), most = CLIP * p->usual;
  if (p->t > 1 && length > most)
    for (uint32_t i = 0; i < d->n; i++) g[i] *= most / length;
  length = p->t > 1 ? fmin(length, most) : length;
  p->usual = p->t > 1 ? CLIP_MEMORY * p->usual + (1 - CLIP_MEMORY) * length : length;
}

static void go_back(struct descent *d, uint32_t start) {
  struct start *p = &d->starts[start];
  struct rt_search *s = d->s;
  if (isinf(s->loss[start]) || ++p->back > MOST_BACK) {
    s->why[start] = rt_why_diverges;
    return;
  }
  memcpy(p->x, s->x + (uint64_t)start * d->n, d->n * sizeof *p->x);
  memset(p->m, 0, d->n * sizeof *p->m);
  memset(p->v, 0, d->n * sizeof *p->v);
  p->t = 0;
  p->rate /= 2;
}

static void here_set(struct rt_search *s, uint32_t start, const double *x, const struct rt_points *p, uint32_t place) {
  uint64_t n = s->f->n, n_terms = s->f->n_terms;
  memcpy(s->here.x + start * n, x, n * sizeof *x);
  memcpy(s->here.terms + start * n_terms, p->terms + place * n_terms, n_terms * sizeof *p->terms);
  s->here.loss[start] = p->loss[place];
}

static int descent_step(struct descent *d, uint32_t step) {
  struct rt_search *s = d->s;
  uint64_t n = d->n;
  uint32_t n_active = rt_search_active(s, d->active);
  double rate = d->rate * (1 + nslm_cos_f64(PI * (step - 1) / d->steps)) / 2;
  for (uint32_t i = 0; i < n_active; i++) memcpy(d->x + i * n, d->starts[d->active[i]].x, n * sizeof *d->x);
  int e = rt_search_evaluate(s, RT_GRADIENT, n_active, d->x, &d->points);
  if (e) return e;
  for (uint32_t i = 0; i < n_active; i++) {
    struct start *p = &d->starts[d->active[i]];
    rt_search_better(s, d->active[i], step, d->x + i * n, &d->points, i);
    here_set(s, d->active[i], d->x + i * n, &d->points, i);
    if (isinf(d->points.loss[i])) {
      go_back(d, d->active[i]);
      continue;
    }
    p->t++;
    clip(d, p, d->points.gradient + i * n);
    d->move(d, p, d->points.gradient + i * n, rate * p->rate);
  }
  return rt_search_look(s, step);
}

static int descent_run(struct descent *d) {
  struct rt_mem mem = {0};
  int e = descent_make(d, &mem);
  for (uint32_t step = 1; !e && step <= d->steps && rt_search_active(d->s, d->active); step++) e = descent_step(d, step);
  d->s->here.x = d->s->here.loss = d->s->here.terms = NULL;
  rt_mem_free(&mem);
  return e;
}

int rt_search_adam(struct rt_search *s) { return descent_run(&(struct descent){.s = s, .move = adam_move}); }
int rt_search_adamw(struct rt_search *s) {
  return descent_run(&(struct descent){.s = s, .move = adam_move, .decay = rt_search_option(s, "decay")});
}
int rt_search_rmsprop(struct rt_search *s) { return descent_run(&(struct descent){.s = s, .move = rmsprop_move}); }
int rt_search_sgd(struct rt_search *s) {
  return descent_run(&(struct descent){.s = s, .move = sgd_move, .momentum = rt_search_option(s, "momentum")});
}

/* Limited-memory BFGS: the two-loop recursion over the last pairs of steps and changes of the gradient, and a line search of
 * strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6: out until a minimum is
 * bracketed, then cubic interpolation inside).
 *
 * Each start is a state machine that asks for one gradient at a time, so all of them are evaluated together, whatever
 * each of them is doing. One that finds no better place forgets its pairs and goes down the gradient once, then ends. */
#include <math.h>
#include <string.h>

#include "runtime/fit_search.h"

static const double C1 = 1e-4, C2 = 0.9, FIRST_MOVE = 0.3, OUT = 4;
enum { TRIES = 20 };

struct side { /* of the bracket */
  double at, f, slope;
};
struct start {
  double *x, *g, *d, *trial; /* where it is, its gradient, the direction, the place that is asked for */
  double *s, *y, *rho;       /* pairs, the oldest overwritten */
  uint32_t pairs, next;
  double f, slope;           /* at x, along d */
  double a;                  /* trial = x + a d */
  bool bracketed, begun;
  struct side lo, hi;
  uint32_t tries;
};
struct lbfgs {
  struct rt_search *s;
  uint32_t n, memory, steps;
  double tolerance;
  uint32_t *active;
  struct start *starts;
  double *x, *alpha;
  struct rt_points points;
};

static double dot(uint32_t n, const double *a, const double *b) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double largest(uint32_t n, const double *a) {
  double most = 0;
  for (uint32_t i = 0; i < n; i++) most = fmax(most, fabs(a[i]));
  return most;
}

static int lbfgs_make(struct lbfgs *b, struct rt_mem *mem) {
  struct rt_search *s = b->s;
  uint64_t n = b->n = s->f->n;
  b->steps = (uint32_t)rt_search_option(s, "steps");
  b->memory = (uint32_t)rt_search_option(s, "memory");
  b->tolerance = rt_search_option(s, "tolerance");
  uint64_t each = 4 * n + 2 * n * b->memory + b->memory;
  b->active = rt_alloc(mem, s->starts, sizeof *b->active);
  b->starts = rt_alloc(mem, s->starts, sizeof *b->starts);
  b->x = rt_alloc(mem, s->starts * n + 1, sizeof *b->x);
  b->alpha = rt_alloc(mem, b->memory, sizeof *b->alpha);
  double *at = rt_alloc(mem, s->starts * each + 1, sizeof *at);
  if (!b->active || !b->starts || !b->x || !b->alpha || !at) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->starts; i++) {
    struct start *p = &b->starts[i];
    double **parts[] = {&p->x, &p->g, &p->d, &p->trial};
    for (int k = 0; k < 4; k++, at += n) *parts[k] = at;
    p->s = at, p->y = at + n * b->memory, p->rho = at + 2 * n * b->memory;
    at += 2 * n * b->memory + b->memory;
    memcpy(p->trial, s->x + i * n, n * sizeof *p->trial);
  }
  return rt_points_make(mem, RT_GRADIENT, s->starts, b->n, s->f->n_terms, &b->points);
}

/* ---- direction */

static void direction(struct lbfgs *b, struct start *p) {
  uint32_t n = b->n;
  for (uint32_t i = 0; i < n; i++) p->d[i] = -p->g[i];
  for (uint32_t k = 0; k < p->pairs; k++) { /* the newest first */
    uint32_t at = (p->next + b->memory - 1 - k) % b->memory;
    b->alpha[at] = p->rho[at] * dot(n, p->s + (uint64_t)at * n, p->d);
    for (uint32_t i = 0; i < n; i++) p->d[i] -= b->alpha[at] * p->y[(uint64_t)at * n + i];
  }
  if (p->pairs) {
    uint64_t last = (uint64_t)((p->next + b->memory - 1) % b->memory) * n;
    double scale = dot(n, p->s + last, p->y + last) / dot(n, p->y + last, p->y + last);
    for (uint32_t i = 0; i < n; i++) p->d[i] *= scale;
  }
  for (uint32_t k = p->pairs; k-- > 0;) {
    uint32_t at = (p->next + b->memory - 1 - k) % b->memory;
    double beta = p->rho[at] * dot(n, p->y + (uint64_t)at * n, p->d);
    for (uint32_t i = 0; i < n; i++) p->d[i] += (b->alpha[at] - beta) * p->s[(uint64_t)at * n + i];
  }
}

static void trial_set(struct lbfgs *b, struct start *p) {
  for (uint32_t i = 0; i < b->n; i++) p->trial[i] = p->x[i] + p->a * p->d[i];
}

/* A new line. false: there is nowhere to go. */
static bool line_begin(struct lbfgs *b, struct start *p) {
  direction(b, p);
  p->slope = dot(b->n, p->g, p->d);
  if (!(p->slope < 0) || !isfinite(p->slope)) { /* the pairs mislead */
    p->pairs = 0;
    direction(b, p);
    p->slope = dot(b->n, p->g, p->d);
  }
  double most = largest(b->n, p->d);
  if (!(p->slope < 0) || !isfinite(most)) return false;
  p->a = p->pairs ? fmin(1, RT_REACH / most) : FIRST_MOVE / most;
  p->lo = (struct side){0, p->f, p->slope};
  p->bracketed = false;
  p->tries = 0;
  trial_set(b, p);
  return true;
}

/* ---- the line search */

/* Where a cubic through values and slopes has its minimum; kept away from the ends. */
static double inside(const struct side *lo, const struct side *hi) {
  double width = hi->at - lo->at, at = lo->at + width / 2;
  if (isfinite(hi->f) && isfinite(hi->slope)) {
    double d1 = lo->slope + hi->slope - 3 * (lo->f - hi->f) / (lo->at - hi->at), under = d1 * d1 - lo->slope * hi->slope;
    double d2 = under > 0 ? copysign(sqrt(under), width) : 0;
    double cubic = hi->at - width * (hi->slope + d2 - d1) / (hi->slope - lo->slope + 2 * d2);
    if (under > 0 && isfinite(cubic)) at = cubic;
  }
  double share = (at - lo->at) / width;
  return lo->at + width * fmin(0.9, fmax(0.1, share));
}

enum verdict { ACCEPT, TRY, GIVE_UP };

static enum verdict line_judge(struct start *p, double f, double slope) {
  struct side now = {p->a, f, slope};
  bool low = f <= p->f + C1 * p->a * p->slope && f < (p->lo.at > 0 ? p->lo.f : INFINITY);
  if (low && fabs(slope) <= -C2 * p->slope) return ACCEPT;
  if (!low) {
    p->hi = now;
    p->bracketed = true;
  } else {
    if (p->bracketed ? slope * (p->hi.at - p->lo.at) >= 0 : slope >= 0) {
      p->hi = p->lo;
      p->bracketed = true;
    }
    p->lo = now;
  }
  bool narrow = p->bracketed && fabs(p->hi.at - p->lo.at) <= 1e-10 * fmax(p->hi.at, p->lo.at);
  if (++p->tries >= TRIES || narrow) return GIVE_UP;
  p->a = p->bracketed ? inside(&p->lo, &p->hi) : p->a * OUT;
  return TRY;
}

/* The trial place becomes the place. */
static void step_take(struct lbfgs *b, struct start *p, double f, const double *g) {
  uint32_t n = b->n;
  double *s = p->s + (uint64_t)p->next * n, *y = p->y + (uint64_t)p->next * n;
  for (uint32_t i = 0; i < n; i++) {
    s[i] = p->trial[i] - p->x[i];
    y[i] = g[i] - p->g[i];
  }
  double sy = dot(n, s, y);
  if (sy > 1e-14 * sqrt(dot(n, s, s) * dot(n, y, y))) {
    p->rho[p->next] = 1 / sy;
    p->next = (p->next + 1) % b->memory;
    if (p->pairs < b->memory) p->pairs++;
  }
  memcpy(p->x, p->trial, n * sizeof *p->x);
  memcpy(p->g, g, n * sizeof *p->g);
  p->f = f;
}

/* What a start does with the gradient that it asked for. */
static void start_go(struct lbfgs *b, uint32_t start, double f, const double *g) {
  struct rt_search *s = b->s;
  struct start *p = &b->starts[start];
  if (!p->begun) {
    p->begun = true;
    if (isinf(f)) {
      s->why[start] = rt_why_diverges;
      return;
    }
    step_take(b, p, f, g);
    p->pairs = p->next = 0;
    if (!line_begin(b, p)) s->why[start] = rt_why_least;
    return;
  }
  double before = p->f;
  switch (line_judge(p, f, isinf(f) ? INFINITY : dot(b->n, g, p->d))) {
    case TRY: trial_set(b, p); return;
    case ACCEPT: step_take(b, p, f, g); break;
    case GIVE_UP: /* steps that were shorter than the conditions ask for: the best place is kept in s->x */
      if (!p->pairs) {
        s->why[start] = s->loss[start] < p->f ? rt_why_converged : rt_why_least;
        return;
      }
      p->pairs = 0;
      if (!line_begin(b, p)) s->why[start] = rt_why_least;
      return;
  }
  bool small = before - p->f <= b->tolerance * fabs(before);
  if (small) s->why[start] = rt_why_converged;
  else if (!line_begin(b, p)) s->why[start] = rt_why_least;
}

static int lbfgs_step(struct lbfgs *b, uint32_t step) {
  struct rt_search *s = b->s;
  uint64_t n = b->n;
  uint32_t n_active = rt_search_active(s, b->active);
  for (uint32_t i = 0; i < n_active; i++) memcpy(b->x + i * n, b->starts[b->active[i]].trial, n * sizeof *b->x);
  int e = rt_search_evaluate(s, RT_GRADIENT, n_active, b->x, &b->points);
  if (e) return e;
  for (uint32_t i = 0; i < n_active; i++) {
    rt_search_better(s, b->active[i], step, b->x + i * n, &b->points, i);
    start_go(b, b->active[i], b->points.loss[i], b->points.gradient + i * n);
  }
  return rt_search_look(s, step);
}

int rt_search_lbfgs(struct rt_search *s) {
  struct rt_mem mem = {0};
  struct lbfgs b = {.s = s};
  int e = lbfgs_make(&b, &mem);
  for (uint32_t step = 1; !e && step <= b.steps && rt_search_active(s, b.active); step++) e = lbfgs_step(&b, step);
  rt_mem_free(&mem);
  return e;
}

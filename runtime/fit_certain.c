/* How sure the values are: the Gauss-Newton matrix H at the best place, where the objective is a sum of squares; where it is a
 * likelihood, -loglik(…) in nats, its second derivatives, whose inverse is the covariance of the coordinates.
 *
 * A weighted sum of likelihoods and mean squares is neither, whatever its weights: its least lies where its gradient g is 0, so the
 * coordinates vary by H^-1 times what g varies by, with the covariance H^-1 S H^-1 (Huber 1967). The noise of the terms is taken to be
 * independent, so S is a sum over them: of a likelihood with the weight a, a^2 times its second derivatives; of a mean of N squares with
 * the weight a, a^2 2 s^2 / N times those of the mean, where s^2 is what it leaves over; of a constraint nothing. A sum of squares alone and
 * a likelihood alone are the same formula's cases.
 *
 * With L the objective there, N observations and n parameters, the variance of an observation of weight one is L / (N - n)
 * and the covariance of the coordinates 2 L / (N - n) H^-1; values have it times dp/dx. This holds for errors that are
 * independent from one observation to the next; where they are not, what is given here is too small. Observations are counted
 * once for each sample of the file, not for each step, if steps are shorter.
 * A direction in which the uncertainty is more than WIDE in the search's own coordinates (about the whole domain), or H is nearly 0,
 * is not determined by the data: a warning names it, and its parameters have no uncertainty. Nor have those that the last stage does
 * not look for: they are taken for known. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit.h"

static const double WIDE = 3, SINGULAR = 1e-13, PART = 0.3;

static double observations_of(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k) {
  uint32_t march, term;
  double sum = 0;
  rt_stage_term(f, stage, k, &march, &term);
  const struct rt_march *m = &f->marches[march];
  for (uint32_t i = 0; i < f->n_fitted; i++) {
    const struct rt_trace *t = &f->traces[f->fitted[i]];
    double n = 0, interval = t->times[t->n - 1] / (double)(t->n - 1);
    for (uint32_t s = 0; s < m->def->n_samples; s++)
      if (m->def->samples[s].kind == NSL_SAMPLE_WEIGHT && m->def->samples[s].term == term)
        for (uint64_t at = 0; at < t->n_steps; at++) n += m->sweeps[f->fitted[i]].samples[s][at] > 0;
    sum += n * fmin(1, f->s->dt / interval);
  }
  return sum;
}

/* Weights of a network are not determined one by one. */
static const char *field_in_way(const struct rt_fit *f) {
  for (uint32_t i = 0; i < f->def->n_free; i++) {
    if (f->def->free[i].field) return "a field is free";
    if (rt_is_weights(f, i)) return "weights of single synapses are free";
  }
  return NULL;
}

const char *rt_squares_missing(const struct rt_fit *f, const struct nsl_stage *stage) {
  if (f->def->network) return rt_stage_can(f, stage, RT_CURVATURE) ? NULL : "the objective is no sum of squares";
  for (uint32_t k = 0; k < rt_stage_terms(f, stage); k++)
    if (!rt_stage_term(f, stage, k, NULL, NULL)->square) return "the objective is no sum of squares";
  return rt_stage_can(f, stage, RT_CURVATURE) ? NULL : "the program holds no Gauss-Newton matrix for this stage";
}

/* What the last stage has looked for: n coordinates and their numbers. */
struct searched {
  uint32_t n, *of;
};

static int searched_make(struct rt_mem *mem, const struct rt_fit_end *end, struct searched *ret) {
  *ret = (struct searched){.of = rt_alloc(mem, (uint64_t)end->f->space.n + 1, sizeof *ret->of)};
  for (uint32_t i = 0; ret->of && i < end->f->space.n; i++)
    if (!rt_stage_holds(end->f, end->last->def, i)) ret->of[ret->n++] = i;
  return ret->of ? 0 : NSL_EMEMORY;
}

static uint32_t searched_n(const struct rt_fit_end *end) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < end->f->space.n; i++) n += !rt_stage_holds(end->f, end->last->def, i);
  return n;
}

/* What changes together, with its signs. */
static void direction_warn(struct rt_fit_end *end, const struct searched *all, const double *vectors, uint32_t column) {
  struct rt_fit *f = end->f;
  uint32_t n = all->n, parts = 0;
  char text[400] = "", one[90];
  double most = 0;
  for (uint32_t i = 0; i < n; i++) most = fmax(most, fabs(vectors[i * n + column]));
  for (uint32_t i = 0; i < n; i++) {
    double v = vectors[i * n + column];
    const struct rt_coordinate *c = &f->space.at[all->of[i]];
    if (fabs(v) < PART * most) continue;
    end->certainty.sd[all->of[i]] = INFINITY;
    rt_space_name(f->def, c, one, sizeof one);
    size_t at = strlen(text);
    bool edge = rt_space_at_bound(c, rt_space_value(c, end->x[all->of[i]]));
    if (at < 250)
      snprintf(text + at, sizeof text - at, "%s%s%s%s", parts ? ", " : "", one, most < 1 - 1e-6 ? v > 0 ? " (+)" : " (-)" : "",
               edge ? ", at its bound" : "");
    parts++;
  }
  if (parts > 1) rt_warn(f->s, "the data do not determine these, which may change together: %s", text);
  else rt_warn(f->s, "the data do not determine %s", text);
}

/* All n by n, in the scale in which the matrix has a diagonal of ones. */
struct spectrum {
  uint32_t n;
  double *h, *values, *vectors, *scale;
  double *spread; /* covariance of the gradient; NULL: 2 noise h */
  double noise;
};

/* v' S v of vector q. */
static double spread_along(const struct spectrum *m, uint32_t q) {
  double sum = 0;
  if (!m->spread) return 2 * m->noise * m->values[q];
  for (uint32_t i = 0; i < m->n; i++)
    for (uint32_t k = 0; k < m->n; k++) sum += m->vectors[i * m->n + q] * m->spread[i * m->n + k] * m->vectors[k * m->n + q];
  return sum;
}

/* a = x y, or with `y` NULL a = c x */
static void product(uint32_t n, double *a, const double *x, const double *y, double c) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < n; k++) {
      double sum = y ? 0 : c * x[i * n + k];
      for (uint32_t j = 0; y && j < n; j++) sum += x[i * n + j] * y[j * n + k];
      a[i * n + k] = sum;
    }
}

/* The covariance of the coordinates, to m->h; directions that are not determined count for nothing there, and are warned of. */
static void covariance_make(struct rt_fit_end *end, const struct searched *all, struct spectrum *m, double *inverse, double *half) {
  uint32_t n = m->n;
  double most = m->values[n - 1];
  memset(inverse, 0, (uint64_t)n * n * sizeof *inverse);
  for (uint32_t q = 0; q < n; q++) {
    double length = 0, value = m->values[q], sd = sqrt(fmax(0, spread_along(m, q))) / fmax(value, 0);
    for (uint32_t i = 0; i < n; i++) length += m->vectors[i * n + q] * m->vectors[i * n + q] / (m->scale[i] * m->scale[i]);
    if (!(value > SINGULAR * most) || sd * sqrt(length) > WIDE) {
      direction_warn(end, all, m->vectors, q);
      continue;
    }
    for (uint32_t i = 0; i < n; i++)
      for (uint32_t k = 0; k < n; k++) inverse[i * n + k] += m->vectors[i * n + q] * m->vectors[k * n + q] / value;
  }
  product(n, half, inverse, m->spread, 2 * m->noise);
  if (m->spread) product(n, m->h, half, inverse, 0);
  else memcpy(m->h, half, (uint64_t)n * n * sizeof *half);
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < n; k++) m->h[i * n + k] /= m->scale[i] * m->scale[k];
}

/* Of what is searched, in the scale: from all coordinates. */
static double *part_of(struct rt_mem *mem, const struct searched *all, uint64_t whole, const double *scale, const double *from) {
  uint64_t n = all->n;
  double *part = rt_alloc(mem, n * n + 1, sizeof *part);
  for (uint64_t i = 0; part && i < n; i++)
    for (uint64_t k = 0; k < n; k++) part[i * n + k] = from[all->of[i] * whole + all->of[k]] / (scale[i] * scale[k]);
  return part;
}

/* p->curvature: second derivatives of the objective; spread: the covariance of its gradient, or NULL. */
static int certainty_make(struct rt_mem *mem, struct rt_fit_end *end, const struct rt_points *p, const double *spread) {
  const struct rt_fit *f = end->f;
  struct rt_certainty *c = &end->certainty;
  struct searched all;
  if (searched_make(mem, end, &all)) return NSL_EMEMORY;
  uint64_t n = all.n, whole = f->space.n;
  struct spectrum m = {.n = all.n, .noise = c->rise, .vectors = rt_alloc(mem, n * n + 1, sizeof *m.vectors),
                       .values = rt_alloc(mem, n + 1, sizeof *m.values), .scale = rt_alloc(mem, n + 1, sizeof *m.scale)};
  double *inverse = rt_alloc(mem, n * n + 1, sizeof *inverse), *half = rt_alloc(mem, n * n + 1, sizeof *half);
  if (!m.vectors || !m.values || !m.scale || !inverse || !half) return NSL_EMEMORY;
  for (uint64_t i = 0; i < n; i++) {
    double own = p->curvature[all.of[i] * whole + all.of[i]];
    m.scale[i] = own > 0 ? sqrt(own) : 1;
  }
  m.h = part_of(mem, &all, whole, m.scale, p->curvature);
  m.spread = spread ? part_of(mem, &all, whole, m.scale, spread) : NULL;
  if (!m.h || (spread && !m.spread)) return NSL_EMEMORY;
  rt_eigen((uint32_t)n, m.h, m.values, m.vectors);
  covariance_make(end, &all, &m, inverse, half);
  const double *h = m.h;
  for (uint64_t i = 0; i < whole; i++) {
    if (rt_stage_holds(f, end->last->def, (uint32_t)i)) c->sd[i] = NAN;
    for (uint64_t k = 0; k < whole; k++) c->correlation[i * whole + k] = NAN;
  }
  for (uint64_t i = 0; i < n; i++) {
    uint64_t a = all.of[i];
    if (c->sd[a] == 0) c->sd[a] = sqrt(h[i * n + i]) * fabs(rt_space_slope(&f->space.at[a], end->x[a]));
    for (uint64_t k = 0; k < n; k++) {
      double size = sqrt(h[i * n + i] * h[k * n + k]);
      c->correlation[a * whole + all.of[k]] = size > 0 ? h[i * n + k] / size : NAN;
    }
  }
  return 0;
}

/* Coordinates by which the derivative is 0: nothing says how they should change. */
static void idle_warn(const struct rt_fit_end *end, const double *gradient) {
  const struct rt_fit *f = end->f;
  char name[120];
  for (uint32_t i = 0; i < f->space.n; i++) {
    if (gradient[i] != 0 || rt_stage_holds(f, end->last->def, i)) continue;
    rt_space_name(f->def, &f->space.at[i], name, sizeof name);
    rt_warn(f->s, "%s: the derivative of the objective by %s is 0 at the best place", f->def->free[f->space.at[i].free].place, name);
  }
}

/* Is the objective -loglik(…), in nats? Slopes are those of the last evaluation. */
static bool is_likelihood(const struct rt_fit *f, const struct nsl_stage *stage) {
  bool all = !f->def->network;
  for (uint32_t k = 0; all && k < rt_stage_terms(f, stage); k++)
    all &= rt_stage_term(f, stage, k, NULL, NULL)->likelihood && f->G[stage->slopes[k]] == -1;
  return all;
}

/* Is it a weighted sum of likelihoods and mean squares? Why not, or NULL. */
static const char *mixed_missing(const struct rt_fit *f, const struct nsl_stage *stage) {
  if (f->def->network) return "a network's objective is no sum of squares of observations";
  for (uint32_t k = 0; k < rt_stage_terms(f, stage); k++) {
    const struct nsl_term *t = rt_stage_term(f, stage, k, NULL, NULL);
    double slope = f->G[stage->slopes[k]];
    if (!t->likelihood && !t->square) return "the objective has terms that are neither likelihoods nor means of squares";
    if (t->likelihood ? slope > 0 : slope < 0) return "a term counts in the objective with the wrong sign";
  }
  for (uint32_t i = 0; i < stage->n_bends; i++)
    if (stage->bends[i] != NSL_NONE && f->G[stage->bends[i]] != 0) return "the objective is no weighted sum of its terms";
  return NULL;
}

/* Second derivatives by differences of gradients, which are exact: errors are of order APART squared. */
static int curvature_make(struct rt_mem *mem, const struct rt_fit_end *end, struct rt_stage_at *at, struct rt_points *p) {
  static const double APART = 1e-4;
  uint64_t n = end->f->space.n;
  struct rt_points q;
  double *x = rt_alloc(mem, 2 * n * n + 1, sizeof *x);
  p->curvature = rt_alloc(mem, n * n + 1, sizeof *p->curvature);
  int e = x && p->curvature ? rt_points_make(mem, RT_GRADIENT, (uint32_t)(2 * n), (uint32_t)n, end->last->objective.n_terms, &q) : NSL_EMEMORY;
  for (uint64_t i = 0; !e && i < 2 * n; i++) {
    memcpy(x + i * n, end->x, n * sizeof *x);
    if (!rt_stage_holds(end->f, end->last->def, (uint32_t)(i / 2))) x[i * n + i / 2] += i % 2 ? -APART : APART;
  }
  if (!e) e = rt_stage_evaluate(at, RT_GRADIENT, (uint32_t)(2 * n), x, &q);
  for (uint64_t i = 0; !e && i < n; i++) {
    if (isinf(q.loss[2 * i]) || isinf(q.loss[2 * i + 1])) p->loss[0] = INFINITY;
    for (uint64_t k = 0; k < n; k++) {
      double half = (q.gradient[2 * i * n + k] - q.gradient[(2 * i + 1) * n + k]) / (4 * APART);
      p->curvature[i * n + k] += half;
      p->curvature[k * n + i] += half;
    }
  }
  return e;
}

/* By how much the gradient of term k varies, with the weight with which the term counts, in units of its second derivatives. */
static double noise_of(const struct rt_fit_end *end, uint32_t k, double weight) {
  const struct rt_fit *f = end->f;
  const struct nsl_stage *stage = end->last->def;
  const struct nsl_term *t = rt_stage_term(f, stage, k, NULL, NULL);
  if (t->constraint) return 0;
  if (t->likelihood) return weight * weight;
  double n = observations_of(f, stage, k), mean = end->last->search.terms[(uint64_t)end->last->best * end->last->objective.n_terms + k];
  return weight * weight * 2 * mean / fmax(1, n - (double)searched_n(end));
}

/* H and S, term by term. */
static int mixed_certainty(struct rt_mem *mem, struct rt_fit_end *end, struct rt_stage_at *at, struct rt_points *p) {
  const struct rt_fit *f = end->f;
  const struct nsl_stage *stage = end->last->def;
  uint64_t n = f->space.n, n_terms = rt_stage_terms(f, stage);
  double *h = rt_alloc(mem, n * n + 1, sizeof *h), *spread = rt_alloc(mem, n * n + 1, sizeof *spread);
  double *weight = rt_alloc(mem, n_terms + 1, sizeof *weight);
  int e = h && spread && weight ? 0 : NSL_EMEMORY;
  for (uint32_t k = 0; !e && k < n_terms; k++) weight[k] = f->G[stage->slopes[k]]; /* before they are those of other places */
  for (uint32_t k = 0; !e && k < n_terms; k++) {
    at->only = k + 1;
    e = curvature_make(mem, end, at, p);
    double sign = rt_stage_term(f, stage, k, NULL, NULL)->likelihood ? -1 : 1, noise = noise_of(end, k, weight[k]);
    for (uint64_t i = 0; !e && i < n * n; i++) {
      h[i] += weight[k] * p->curvature[i];
      spread[i] += noise * sign * p->curvature[i];
    }
  }
  at->only = 0;
  p->curvature = h;
  if (e || isinf(p->loss[0])) return e;
  end->certainty.why_not = NULL;
  end->certainty.mixed = true;
  end->certainty.rise = NAN;
  return certainty_make(mem, end, p, spread);
}

/* An objective that is no sum of squares: its gradient says what it does not depend on, and a likelihood how sure the rest is. */
static int other_certainty(struct rt_mem *mem, struct rt_fit_end *end, struct rt_stage_at *at) {
  const struct rt_fit *f = end->f;
  struct rt_certainty *c = &end->certainty;
  struct rt_points p;
  if (!rt_stage_can(f, end->last->def, RT_GRADIENT)) return 0;
  int e = rt_points_make(mem, RT_GRADIENT, 1, f->space.n, end->last->objective.n_terms, &p);
  if (!e) e = rt_stage_evaluate(at, RT_GRADIENT, 1, end->x, &p);
  if (e || isinf(p.loss[0])) return e;
  idle_warn(end, p.gradient);
  if (!is_likelihood(f, end->last->def)) {
    const char *missing = mixed_missing(f, end->last->def);
    if (missing) c->why_not = missing;
    return missing ? 0 : mixed_certainty(mem, end, at, &p);
  }
  e = curvature_make(mem, end, at, &p);
  if (e || isinf(p.loss[0])) return e;
  c->why_not = NULL;
  c->likelihood = true;
  c->rise = 0.5;
  return certainty_make(mem, end, &p, NULL);
}

static int squares_certainty(struct rt_mem *mem, struct rt_fit_end *end, struct rt_stage_at *at) {
  const struct rt_fit *f = end->f;
  const struct nsl_stage *stage = end->last->def;
  struct rt_certainty *c = &end->certainty;
  struct rt_points p;
  for (uint32_t k = 0; k < rt_stage_terms(f, stage); k++) /* what must hold was not observed */
    if (!rt_stage_term(f, stage, k, NULL, NULL)->constraint) c->observations += observations_of(f, stage, k);
  int e = rt_points_make(mem, RT_CURVATURE, 1, f->space.n, end->last->objective.n_terms, &p);
  if (!e) e = rt_stage_evaluate(at, RT_CURVATURE, 1, end->x, &p);
  if (e) return e;
  c->rise = p.loss[0] / fmax(1, c->observations - (double)searched_n(end));
  if (isfinite(p.loss[0])) return certainty_make(mem, end, &p, NULL);
  c->why_not = "the derivatives at the best place are not finite";
  return 0;
}

int rt_fit_certainty(struct rt_fit_end *end) {
  const struct rt_fit *f = end->f;
  struct rt_certainty *c = &end->certainty;
  struct rt_stage_at at = end->last->at; /* what the data say, without l2 */
  struct rt_mem mem = {0};
  uint64_t n = f->space.n;
  at.l2 = at.dropout = 0;
  *c = (struct rt_certainty){.why_not = field_in_way(f)};
  if (c->why_not) return 0;
  c->why_not = f->def->network ? "a network's objective is no sum of squares of observations" : rt_squares_missing(f, end->last->def);
  c->sd = rt_alloc(&f->s->mem, n + 1, sizeof *c->sd);
  c->correlation = rt_alloc(&f->s->mem, n * n + 1, sizeof *c->correlation);
  if (!c->sd || !c->correlation) return NSL_EMEMORY;
  int e = c->why_not ? other_certainty(&mem, end, &at) : squares_certainty(&mem, end, &at);
  rt_mem_free(&mem);
  return e;
}

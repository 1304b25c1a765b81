/* The objective of a stage at many places: sums of its marches over all sweeps, the terms' means, the kernel that makes the
 * objective and its slopes of them, and derivatives by the coordinates of the search.
 *
 * d loss / dx_i = sum over terms and sweeps of slope / W * gradient * dp/dx_i, where W is a term's sum of weights over all
 * sweeps; the Gauss-Newton matrix is the same sum of slope / W * 2 * curvature * dp/dx_i * dp/dx_j. Sums go over sweeps and
 * terms in their order. What is not finite has the loss INFINITY.
 *
 * The Hessian times a vector v: sum over terms and sweeps of slope / W * (Hessian v) + bend . (d mean / dx v) / W * gradient, where a
 * bend is the objective's second derivative by two means. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit_walk.h"

uint32_t rt_stage_terms(const struct rt_fit *f, const struct nsl_stage *stage) {
  uint32_t n = stage->n_measures;
  for (uint32_t i = 0; i < stage->n_marches; i++) n += f->def->marches[stage->marches[i]].n_terms;
  return n;
}

const struct nsl_term *rt_stage_term(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, uint32_t *ret_march,
                                     uint32_t *ret_term) {
  uint32_t march = 0;
  while (k >= f->def->marches[stage->marches[march]].n_terms) k -= f->def->marches[stage->marches[march++]].n_terms;
  if (ret_march) *ret_march = stage->marches[march];
  if (ret_term) *ret_term = k;
  return &f->def->marches[stage->marches[march]].terms[k];
}

bool rt_stage_can(const struct rt_fit *f, const struct nsl_stage *stage, enum rt_order order) {
  if (f->def->network) return order == RT_PLAIN || (f->def->has_derivatives && (order == RT_GRADIENT || stage->squares));
  for (uint32_t i = 0; i < stage->n_marches; i++)
    if (!f->marches[stage->marches[i]].forms[order]) return false;
  return true;
}

double rt_term_weight(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, bool validation) {
  if (f->def->network) return 1;
  uint32_t march, term, n = validation ? f->n_traces - f->n_fitted : f->n_fitted;
  const uint32_t *traces = validation ? f->validated : f->fitted;
  double sum = 0;
  rt_stage_term(f, stage, k, &march, &term);
  for (uint32_t i = 0; i < n; i++) sum += rt_march_weighed(&f->marches[march], traces[i])->weight[term];
  return sum;
}

uint32_t rt_stage_values(const struct rt_stage_at *at) { return rt_stage_terms(at->f, at->stage) + (at->l2 > 0); }

double rt_term_divisor(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t k, bool validation) {
  return rt_stage_term(f, stage, k, NULL, NULL)->summed ? 1 : rt_term_weight(f, stage, k, validation);
}

bool rt_stage_holds(const struct rt_fit *f, const struct nsl_stage *stage, uint32_t coordinate) {
  bool searched = stage->n_searched == 0;
  for (uint32_t i = 0; i < stage->n_searched; i++) searched |= stage->searched[i] == f->space.at[coordinate].free;
  return !searched;
}

static double stage_share(void *context, uint32_t i, double x, double *ret_slope) {
  const struct rt_stage_at *at = context;
  return rt_space_share(&at->f->space.at[i], x, ret_slope);
}

static double stage_place(void *context, uint32_t i, double share) {
  (void)context, (void)i;
  return rt_space_at_share(share);
}

struct rt_objective rt_stage_objective(struct rt_stage_at *at, const bool *held) {
  return (struct rt_objective){.n = at->f->space.n, .n_terms = rt_stage_values(at), .context = at, .evaluate = rt_stage_evaluate,
                               .share = stage_share, .place = stage_place, .held = held};
}

/* ---- tasks */

struct plan { /* tasks by march of the stage, by sweep, by block */
  struct rt_task *tasks;
  uint32_t n, n_sweeps, n_blocks;
};

struct asked { /* at which places; along: vectors, or NULL */
  uint32_t places;
  const double *x, *along;
};

static int plan_make(struct rt_mem *mem, const struct rt_stage_at *at, enum rt_order order, const struct asked *a, struct plan *ret) {
  struct rt_fit *f = at->f;
  const uint32_t *traces = at->validation ? f->validated : f->fitted;
  *ret = (struct plan){.n_sweeps = at->validation ? f->n_traces - f->n_fitted : f->n_fitted,
                       .n_blocks = (a->places + RT_BLOCK - 1) / RT_BLOCK};
  ret->tasks = rt_alloc(mem, (uint64_t)at->stage->n_marches * ret->n_sweeps * ret->n_blocks + 1, sizeof *ret->tasks);
  if (!ret->tasks) return NSL_EMEMORY;
  for (uint32_t i = 0; i < at->stage->n_marches; i++) {
    const struct rt_march *m = &f->marches[at->stage->marches[i]];
    uint32_t each = a->along ? 2 + 2 * f->def->n_free : rt_term_values(f, order);
    uint64_t values = (uint64_t)each * m->def->n_terms;
    double *sums = rt_alloc(mem, values * RT_BLOCK * ret->n_sweeps * ret->n_blocks + 1, sizeof *sums);
    if (!sums) return NSL_EMEMORY;
    for (uint32_t k = 0; k < ret->n_sweeps; k++)
      for (uint32_t b = 0; b < ret->n_blocks; b++, sums += values * RT_BLOCK) {
        uint32_t left = a->places - b * RT_BLOCK;
        uint64_t first = (uint64_t)b * RT_BLOCK * f->space.n;
        ret->tasks[ret->n++] = (struct rt_task){.march = m, .trace = traces[k], .sweep = at->validation ? at->f->n_fitted + k : k,
                                                .x = a->x + first, .along = a->along ? a->along + first : NULL,
                                                .n = left < RT_BLOCK ? left : RT_BLOCK, .each = each, .sums = sums};
      }
  }
  return 0;
}

static const struct rt_task *task_of(const struct plan *p, uint32_t march, uint32_t sweep, uint32_t place) {
  return &p->tasks[((uint64_t)march * p->n_sweeps + sweep) * p->n_blocks + place / RT_BLOCK];
}

/* ---- of one place */

struct place {
  const struct rt_stage_at *at;
  const struct plan *plan;
  enum rt_order order;
  uint32_t nth, n, n_free; /* n: coordinates */
  const double *x;
  double *slopes;          /* dp/dx by coordinate */
  double *gradient, *curvature, *product;
};

/* Where the values of term t begin in a task's sums, in lanes. */
static const double *values_of(const struct place *p, uint32_t march, uint32_t sweep, uint32_t term) {
  const struct rt_task *t = task_of(p->plan, march, sweep, p->nth);
  return t->sums + (uint64_t)term * t->each * RT_BLOCK + p->nth % RT_BLOCK;
}

static int objective_run(const struct place *p, const double *means, double *ret_loss) {
  struct rt_fit *f = p->at->f;
  const struct nsl_stage *stage = p->at->stage;
  memcpy(f->G, f->s->G, f->s->x->n_globals * sizeof *f->G);
  uint32_t n = rt_stage_terms(f, stage);
  for (uint32_t k = 0; k < n; k++) f->G[rt_stage_term(f, stage, k, NULL, NULL)->measure] = means[k];
  struct nsl_env env = {.slots = f->nowhere, .u = f->G, .set = f->s->set, .count = 1};
  rt_kernel(f->s, &stage->objective)(&env);
  *ret_loss = f->G[stage->loss];
  for (uint32_t k = 0; k < n; k++)
    if (p->order >= RT_CURVATURE && f->G[stage->slopes[k]] < 0)
      return rt_fail_at(NSL_EMODEL, stage->place, "the objective falls where `%s` rises: no sum of squares",
                        rt_stage_term(f, stage, k, NULL, NULL)->text);
  return 0;
}

/* One term in one sweep; factor = slope / W. */
static void derivatives_add(const struct place *p, const double *values, uint32_t sweep, double factor) {
  const uint32_t *of = p->at->f->space.of, n_sweeps = p->at->f->space.n_sweeps, n = p->n, m = p->n_free;
  const double *gradient = values + RT_BLOCK, *curvature = gradient + (uint64_t)m * RT_BLOCK;
  for (uint32_t i = 0; i < m; i++) {
    uint32_t a = of[i * n_sweeps + sweep];
    p->gradient[a] += factor * gradient[(uint64_t)i * RT_BLOCK] * p->slopes[a];
    for (uint32_t j = i; p->order >= RT_CURVATURE && j < m; j++, curvature += RT_BLOCK) {
      uint32_t b = of[j * n_sweeps + sweep];
      double v = 2 * factor * *curvature * p->slopes[a] * p->slopes[b];
      p->curvature[(uint64_t)a * n + b] += v;
      if (a != b) p->curvature[(uint64_t)b * n + a] += v;
    }
  }
}

static void derivatives_make(const struct place *p, double *loss) {
  struct rt_fit *f = p->at->f;
  const struct nsl_stage *stage = p->at->stage;
  memset(p->gradient, 0, p->n * sizeof *p->gradient);
  if (p->order >= RT_CURVATURE) memset(p->curvature, 0, (uint64_t)p->n * p->n * sizeof *p->curvature);
  for (uint32_t i = 0; i < p->n; i++) p->slopes[i] = rt_space_slope(&f->space.at[i], p->x[i]);
  uint32_t k = 0;
  for (uint32_t m = 0; m < stage->n_marches; m++)
    for (uint32_t t = 0; t < f->def->marches[stage->marches[m]].n_terms; t++, k++) {
      double slope = !p->at->only ? f->G[stage->slopes[k]] : p->at->only == k + 1;
      double factor = slope / rt_term_divisor(f, stage, k, false);
      for (uint32_t s = 0; s < p->plan->n_sweeps; s++) derivatives_add(p, values_of(p, m, s, t), s, factor);
    }
  for (uint32_t i = 0; i < p->n; i++)
    if (!isfinite(p->gradient[i])) *loss = INFINITY;
  for (uint64_t i = 0; p->order >= RT_CURVATURE && i < (uint64_t)p->n * p->n; i++)
    if (!isfinite(p->curvature[i])) *loss = INFINITY;
}

static uint32_t bend_at(uint32_t n, uint32_t i, uint32_t k) { return i <= k ? i * n - i * (i + 1) / 2 + k : bend_at(n, k, i); }

/* How the slope of the objective by term k changes along the vector. */
static double slope_along(const struct place *p, uint32_t k) {
  struct rt_fit *f = p->at->f;
  const struct nsl_stage *stage = p->at->stage;
  double sum = 0;
  for (uint32_t i = 0, m = 0, n = rt_stage_terms(f, stage); m < stage->n_marches; m++)
    for (uint32_t t = 0; t < f->def->marches[stage->marches[m]].n_terms; t++, i++) {
      uint32_t bend = stage->bends[bend_at(n, i, k)];
      double change = 0;
      for (uint32_t s = 0; bend != NSL_NONE && s < p->plan->n_sweeps; s++) change += values_of(p, m, s, t)[RT_BLOCK];
      if (bend != NSL_NONE) sum += f->G[bend] * change / rt_term_divisor(f, stage, i, false);
    }
  return sum;
}

static void product_make(const struct place *p, double *loss) {
  struct rt_fit *f = p->at->f;
  const struct nsl_stage *stage = p->at->stage;
  uint32_t k = 0, n = p->n_free;
  memset(p->product, 0, p->n * sizeof *p->product);
  for (uint32_t m = 0; m < stage->n_marches; m++)
    for (uint32_t t = 0; t < f->def->marches[stage->marches[m]].n_terms; t++, k++) {
      double weight = rt_term_divisor(f, stage, k, false), slope = f->G[stage->slopes[k]] / weight, along = slope_along(p, k) / weight;
      for (uint32_t s = 0; s < p->plan->n_sweeps; s++) {
        const double *second = values_of(p, m, s, t) + 2 * RT_BLOCK, *gradient = second + (uint64_t)n * RT_BLOCK;
        for (uint64_t i = 0; i < n; i++)
          p->product[f->space.of[i * f->space.n_sweeps + s]] += slope * second[i * RT_BLOCK] + along * gradient[i * RT_BLOCK];
      }
    }
  for (uint32_t i = 0; i < p->n; i++)
    if (!isfinite(p->product[i])) *loss = INFINITY;
}

/* The objective's slopes by means are those of its terms alone: this one has its own. */
static void l2_add(const struct place *p, double *means, double *loss) {
  double *gradient = p->order >= RT_GRADIENT ? p->gradient : NULL, *curvature = p->order >= RT_CURVATURE ? p->curvature : NULL;
  double sum = rt_space_pulls(&p->at->f->space, p->at->l2, p->x, gradient, curvature);
  means[rt_stage_terms(p->at->f, p->at->stage)] = sum;
  *loss += p->at->l2 * sum;
}

static int place_value(const struct place *p, double *means, double *ret_loss) {
  struct rt_fit *f = p->at->f;
  const struct nsl_stage *stage = p->at->stage;
  uint32_t k = 0;
  for (uint32_t m = 0; m < stage->n_marches; m++)
    for (uint32_t t = 0; t < f->def->marches[stage->marches[m]].n_terms; t++, k++) {
      double sum = 0;
      for (uint32_t s = 0; s < p->plan->n_sweeps; s++) sum += *values_of(p, m, s, t);
      means[k] = sum / rt_term_divisor(f, stage, k, p->at->validation);
      if (!isfinite(means[k])) means[k] = INFINITY;
    }
  int e = objective_run(p, means, ret_loss);
  for (uint32_t i = 0; i < k; i++)
    if (!isfinite(means[i])) *ret_loss = INFINITY;
  if (!isfinite(*ret_loss)) *ret_loss = INFINITY;
  if (!e && p->order >= RT_GRADIENT && isfinite(*ret_loss)) derivatives_make(p, ret_loss);
  if (!e && p->product && isfinite(*ret_loss)) product_make(p, ret_loss);
  if (!e && p->at->l2 > 0) l2_add(p, means, ret_loss);
  return e;
}

static int evaluate(const struct rt_stage_at *at, enum rt_order order, const struct asked *a, struct rt_points *ret,
                    double *ret_products) {
  struct rt_fit *f = at->f;
  struct rt_mem mem = {0};
  struct plan plan;
  uint64_t n = f->space.n, n_terms = rt_stage_values(at);
  double *slopes = rt_alloc(&mem, n + 1, sizeof *slopes);
  int e = slopes ? plan_make(&mem, at, order, a, &plan) : NSL_EMEMORY;
  if (!e) e = rt_tasks_run(f, order, plan.tasks, plan.n);
  for (uint32_t i = 0; !e && i < a->places; i++) {
    struct place p = {.at = at, .plan = &plan, .order = order, .nth = i, .n = (uint32_t)n, .n_free = f->def->n_free, .x = a->x + i * n,
                      .slopes = slopes, .gradient = ret->gradient ? ret->gradient + i * n : NULL,
                      .curvature = ret->curvature ? ret->curvature + i * n * n : NULL,
                      .product = ret_products ? ret_products + i * n : NULL};
    e = place_value(&p, ret->terms + i * n_terms, &ret->loss[i]);
  }
  f->evaluations[order] += a->places;
  rt_mem_free(&mem);
  return e;
}

/* With dropout the gradient is of what is left in, but objectives are always of all observations: or the best place would be one
 * with luck. */
int rt_stage_evaluate(void *context, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret) {
  const struct rt_stage_at *at = context;
  if (at->f->def->network) return rt_network_evaluate(at, order, places, x, ret);
  const struct asked asked = {places, x, NULL};
  if (order == RT_PLAIN || !(at->dropout > 0)) return evaluate(at, order, &asked, ret, NULL);
  struct rt_mem mem = {0};
  struct rt_points all;
  uint64_t n_terms = rt_stage_values(at);
  rt_thin(at, true);
  int e = evaluate(at, order, &asked, ret, NULL);
  rt_thin(at, false);
  if (!e) e = rt_points_make(&mem, RT_PLAIN, places, at->f->space.n, (uint32_t)n_terms, &all);
  if (!e) e = evaluate(at, RT_PLAIN, &asked, &all, NULL);
  for (uint32_t i = 0; !e && i < places; i++)
    if (isfinite(ret->loss[i])) ret->loss[i] = all.loss[i];
  if (!e) memcpy(ret->terms, all.terms, places * n_terms * sizeof *ret->terms);
  rt_mem_free(&mem);
  return e;
}

bool rt_stage_has_products(const struct rt_fit *f, const struct nsl_stage *stage) {
  bool all = !f->def->network;
  for (uint32_t i = 0; i < stage->n_marches; i++) all &= rt_way_back(f, &f->marches[stage->marches[i]], true).back != NULL;
  return all;
}

int rt_stage_product(const struct rt_stage_at *at, uint32_t places, const double *x, const double *vectors, struct rt_points *ret,
                     double *ret_products) {
  return evaluate(at, RT_PLAIN, &(struct asked){places, x, vectors}, ret, ret_products);
}

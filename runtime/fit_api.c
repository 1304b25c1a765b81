/* nsl.h, fits: the objective of a stage at many places and its derivatives, for an optimizer that is the caller's own.
 *
 * Places are values of the parameters, not coordinates of a search: the same functions run over a space in which each
 * coordinate is its value (rt_space_plain), so nothing is lost near a bound. What the search would do is kept beside it, for
 * its starts. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/fit_device.h"
#include "runtime/flush.h"
#include "runtime/options.h"
#include "runtime/quantity.h"
#include "runtime/setup.h"
#include "runtime/threads.h"

enum { MOST_FOLDERS = 64 };

struct nsl_fitting {
  struct rt_sim sim;
  struct rt_mem mem;
  struct rt_config config;
  const struct nsl_fit *def;
  struct rt_fit fit;
  struct rt_fit_device *device; /* NULL: threads of the processor */
  struct rt_space search;
  bool built, broken;
};

int nsl_fit_open(const struct nsl_program *program, const char *fit, struct nsl_fitting **ret_fit) {
  struct rt_mem mem = {0};
  struct nsl_fitting *n = rt_alloc(&mem, 1, sizeof *n);
  if (!n) return NSL_EMEMORY;
  n->mem = mem;
  n->sim.program = program;
  n->config.sets = rt_alloc(&n->mem, RT_MOST_SETS, sizeof *n->config.sets);
  n->config.allowed = rt_alloc(&n->mem, MOST_FOLDERS, sizeof *n->config.allowed);
  int e = n->config.sets && n->config.allowed ? rt_level_choose(&n->sim) : NSL_EMEMORY;
  if (!e && !(n->def = rt_fit_named(program, fit))) e = program->n_fits ? NSL_EINPUT : NSL_ECANNOT;
  if (e) {
    nsl_fit_close(n);
    return e;
  }
  n->sim.x = &n->def->x;
  *ret_fit = n;
  return NSL_OK;
}

void nsl_fit_close(struct nsl_fitting *n) {
  if (!n) return;
  rt_fit_device_close(n->device);
  rt_close(&n->sim);
  struct rt_mem mem = n->mem;
  rt_mem_free(&mem);
}

/* ---- before recordings are read */

static int not_built(const struct nsl_fitting *n) {
  return n->built ? rt_fail(NSL_EINPUT, "this cannot be set after the recordings were read") : NSL_OK;
}

int nsl_fit_set_text(struct nsl_fitting *n, const char *path, const char *value) {
  int e = not_built(n);
  return e ? e : rt_setting_add(&n->mem, n->sim.x, &n->config, &(struct rt_setting){path, value, 0});
}

int nsl_fit_set(struct nsl_fitting *n, const char *path, double value) {
  int e = not_built(n);
  return e ? e : rt_setting_add(&n->mem, n->sim.x, &n->config, &(struct rt_setting){path, NULL, value});
}

int nsl_fit_set_seed(struct nsl_fitting *n, uint64_t seed) {
  int e = not_built(n);
  if (e) return e;
  n->config.has_seed = true;
  n->config.seed = seed;
  return NSL_OK;
}

int nsl_fit_set_threads(struct nsl_fitting *n, unsigned threads) {
  int e = not_built(n);
  if (!e) n->config.threads = threads;
  return e;
}

int nsl_fit_set_device(struct nsl_fitting *n, const char *device) {
  int e = not_built(n);
  return e ? e : rt_options_device(n->sim.program, device, &n->config);
}

int nsl_fit_allow_read(struct nsl_fitting *n, const char *folder) {
  int e = not_built(n);
  if (e) return e;
  if (n->config.n_allowed == MOST_FOLDERS) return rt_fail(NSL_EINPUT, "more than %d folders", MOST_FOLDERS);
  const char *own = rt_text(&n->mem, folder);
  if (!own) return NSL_EMEMORY;
  n->config.allowed[n->config.n_allowed++] = own;
  return NSL_OK;
}

int nsl_fit_set_duration(struct nsl_fitting *n, double ms) {
  int e = not_built(n);
  if (!e && !(ms > 0 && isfinite(ms))) e = rt_fail(NSL_EINPUT, "a fit cannot run for %g ms", ms);
  if (e) return e;
  n->config.has_duration = true;
  n->config.duration = ms;
  return NSL_OK;
}

static int build(struct nsl_fitting *n) {
  n->sim.allowed = n->config.allowed;
  n->sim.n_allowed = n->config.n_allowed;
  int e = rt_setup(&n->sim, &n->config);
  if (!e && n->config.device) e = rt_fit_device_open(&n->sim, n->def, &n->config, &n->device);
  if (!e) e = rt_fit_team(&n->sim, n->config.threads);
  if (!e) e = rt_fit_open(&n->fit, &n->sim, n->def);
  if (!e && n->device) e = rt_fit_device_make(n->device, &n->fit);
  if (e) return e;
  n->search = n->fit.space;
  return rt_space_plain(&n->sim.mem, &n->search, &n->fit.space);
}

static int built(struct nsl_fitting *n) {
  if (n->built) return n->broken ? rt_fail(NSL_EINPUT, "the fit could not be set up") : NSL_OK;
  unsigned mode = rt_float_mode_flush();
  int e = build(n);
  rt_float_mode_restore(mode);
  n->built = true;
  n->broken = e != 0;
  return e;
}

const struct rt_fit *rt_fitting(struct nsl_fitting *n) { return built(n) ? NULL : &n->fit; }

void rt_fitting_ask(struct nsl_fitting *n, const uint32_t *coordinates, uint32_t count) {
  n->fit.asked = coordinates;
  n->fit.n_asked = count;
}

/* ---- what it is */

int nsl_fit_size(struct nsl_fitting *n, uint32_t *ret_parameters, uint32_t *ret_stages) {
  int e = built(n);
  if (e) return e;
  *ret_parameters = n->search.n;
  *ret_stages = n->def->n_stages;
  return NSL_OK;
}

int nsl_fit_parameter(struct nsl_fitting *n, uint32_t k, struct nsl_fit_parameter *ret) {
  int e = built(n);
  if (e) return e;
  if (k >= n->search.n) return rt_fail(NSL_EINPUT, "there is no free parameter number %u", k);
  const struct rt_coordinate *c = &n->search.at[k];
  const struct nsl_free *def = &n->def->free[c->free];
  *ret = (struct nsl_fit_parameter){def->path, def->unit, def->unit_scale, c->sweep == NSL_NONE ? NSL_SHARED : c->sweep,
                                    c->declared, c->lo, c->hi, c->cell == NSL_NONE ? NSL_SHARED : c->cell, NSL_SHARED, NSL_SHARED};
  rt_trained_ends(&n->fit, k, &ret->source, &ret->target);
  return NSL_OK;
}

static int stage_of(struct nsl_fitting *n, uint32_t stage, const struct nsl_stage **ret) {
  int e = built(n);
  if (e) return e;
  if (stage >= n->def->n_stages) return rt_fail(NSL_EINPUT, "fit %s has no stage number %u", n->def->name, stage);
  *ret = &n->def->stages[stage];
  return NSL_OK;
}

int nsl_fit_stage(struct nsl_fitting *n, uint32_t stage, struct nsl_fit_stage *ret) {
  const struct nsl_stage *def = NULL;
  int e = stage_of(n, stage, &def);
  if (!e) *ret = (struct nsl_fit_stage){def->name ? def->name : "", rt_stage_can(&n->fit, def, RT_GRADIENT),
                                        !rt_squares_missing(&n->fit, def), rt_stage_has_products(&n->fit, def)};
  return e;
}

int nsl_fit_start(struct nsl_fitting *n, uint32_t start, double *ret_values) {
  int e = built(n);
  if (e) return e;
  unsigned mode = rt_float_mode_flush();
  rt_space_start(&n->search, n->def, n->sim.seed, start, ret_values);
  for (uint32_t i = 0; i < n->search.n; i++)
    ret_values[i] = start ? rt_space_value(&n->search.at[i], ret_values[i]) : n->search.at[i].declared;
  rt_float_mode_restore(mode);
  return NSL_OK;
}

/* ---- the objective */

static int values_check(const struct nsl_fitting *n, uint32_t places, const double *values) {
  char value[80], lo[80], hi[80];
  for (uint64_t i = 0; i < (uint64_t)places * n->search.n; i++) {
    const struct rt_coordinate *c = &n->search.at[i % n->search.n];
    const struct nsl_free *def = &n->def->free[c->free];
    if (!isfinite(values[i]))
      return rt_fail(NSL_EINPUT, "set %u: %s is not a finite number", (unsigned)(i / n->search.n), def->path);
    if (values[i] >= c->lo && values[i] <= c->hi) continue;
    rt_quantity_text(values[i] / def->unit_scale, def->unit, value, sizeof value);
    rt_quantity_text(c->lo / def->unit_scale, def->unit, lo, sizeof lo);
    rt_quantity_text(c->hi / def->unit_scale, def->unit, hi, sizeof hi);
    return rt_fail(NSL_EINPUT, "set %u: %s = %s is not in [%s, %s]", (unsigned)(i / n->search.n), def->path, value,
                   isinf(c->lo) ? "-inf" : lo, isinf(c->hi) ? "inf" : hi);
  }
  return NSL_OK;
}

static int vectors_check(const struct nsl_fitting *n, uint32_t places, const double *vectors) {
  for (uint64_t i = 0; i < (uint64_t)places * n->search.n; i++)
    if (!isfinite(vectors[i])) return rt_fail(NSL_EINPUT, "vector %u: component %u is not a finite number", (unsigned)(i / n->search.n), (unsigned)(i % n->search.n));
  return NSL_OK;
}

static int order_check(const struct nsl_fitting *n, const struct nsl_stage *def, enum rt_order order) {
  const char *missing = order == RT_CURVATURE ? rt_squares_missing(&n->fit, def) : NULL;
  if (!missing && !rt_stage_can(&n->fit, def, order)) 
    missing = "the program was not built with derivatives of this stage: no optimizer of it asks for them";
  return missing ? rt_fail_at(NSL_ECANNOT, def->place, "%s", missing) : NSL_OK;
}

/* Without subnormal numbers; the caller's stay as they are. */
static int values_take(struct rt_mem *mem, uint64_t n, const double *values, const double **ret) {
  double *own = rt_alloc(mem, n + 1, sizeof *own);
  if (!own) return NSL_EMEMORY;
  memcpy(own, values, n * sizeof *own);
  rt_flush_all(own, n);
  *ret = own;
  return NSL_OK;
}

static void rows_copy(const struct rt_points *p, uint32_t places, uint64_t each, const double *from, double *ret) {
  for (uint64_t i = 0; i < places * each; i++) ret[i] = isfinite(p->loss[i / each]) ? from[i] : NAN;
}

static int evaluate(struct nsl_fitting *n, uint32_t stage, enum rt_order order, uint32_t places, const double *values,
                    double *const ret[RT_ORDERS]) {
  const struct nsl_stage *def = NULL;
  struct rt_mem mem = {0};
  struct rt_points p;
  int e = stage_of(n, stage, &def);
  if (!e) e = order_check(n, def, order);
  if (!e) e = values_check(n, places, values);
  if (!e) e = values_take(&mem, (uint64_t)places * n->search.n, values, &values);
  if (e) return e;
  uint64_t k = n->search.n;
  unsigned mode = rt_float_mode_flush();
  struct rt_stage_at at = {.f = &n->fit, .stage = def};
  e = rt_points_make(&mem, order, places, (uint32_t)k, rt_stage_terms(&n->fit, def), &p);
  if (!e) e = rt_stage_evaluate(&at, order, places, values, &p);
  rt_float_mode_restore(mode);
  if (!e) memcpy(ret[RT_PLAIN], p.loss, places * sizeof *p.loss);
  if (!e && order >= RT_GRADIENT) rows_copy(&p, places, k, p.gradient, ret[RT_GRADIENT]);
  if (!e && order >= RT_CURVATURE) rows_copy(&p, places, k * k, p.curvature, ret[RT_CURVATURE]);
  rt_mem_free(&mem);
  return e;
}

int nsl_fit_value(struct nsl_fitting *n, uint32_t stage, uint32_t places, const double *values, double *ret_objective) {
  return evaluate(n, stage, RT_PLAIN, places, values, (double *const[RT_ORDERS]){ret_objective, NULL, NULL});
}

int nsl_fit_gradient(struct nsl_fitting *n, uint32_t stage, uint32_t places, const double *values, double *ret_objective,
                     double *ret_gradient) {
  return evaluate(n, stage, RT_GRADIENT, places, values, (double *const[RT_ORDERS]){ret_objective, ret_gradient, NULL});
}

int nsl_fit_squares(struct nsl_fitting *n, uint32_t stage, uint32_t places, const double *values, double *ret_objective,
                    double *ret_gradient, double *ret_matrix) {
  return evaluate(n, stage, RT_CURVATURE, places, values, (double *const[RT_ORDERS]){ret_objective, ret_gradient, ret_matrix});
}

int nsl_fit_hessian_vector(struct nsl_fitting *n, uint32_t stage, uint32_t places, const double *values, const double *vectors,
                           double *ret_products) {
  const struct nsl_stage *def = NULL;
  struct rt_mem mem = {0};
  struct rt_points p;
  int e = stage_of(n, stage, &def);
  if (!e && !rt_stage_has_products(&n->fit, def))
    e = rt_fail_at(NSL_ECANNOT, def->place, "the program holds no second derivatives of this stage: `nslc build --lib` makes them where the model has any");
  if (!e) e = values_check(n, places, values);
  if (!e) e = vectors_check(n, places, vectors);
  if (!e) e = values_take(&mem, (uint64_t)places * n->search.n, values, &values);
  if (!e) e = values_take(&mem, (uint64_t)places * n->search.n, vectors, &vectors);
  if (e) {
    rt_mem_free(&mem);
    return e;
  }
  uint64_t k = n->search.n;
  unsigned mode = rt_float_mode_flush();
  e = rt_points_make(&mem, RT_PLAIN, places, (uint32_t)k, rt_stage_terms(&n->fit, def), &p);
  double *products = e ? NULL : rt_alloc(&mem, places * k + 1, sizeof *products);
  if (!e && !products) e = NSL_EMEMORY;
  if (!e) e = rt_stage_product(&(struct rt_stage_at){.f = &n->fit, .stage = def}, places, values, vectors, &p, products);
  rt_float_mode_restore(mode);
  if (!e) rows_copy(&p, places, k, products, ret_products);
  rt_mem_free(&mem);
  return e;
}

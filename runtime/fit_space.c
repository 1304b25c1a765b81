/* Free parameters and the coordinates in which they are searched.
 *
 * Bounds become a bijection onto the whole line, so no optimizer knows of them: with both bounds the logit of where the
 * value lies between them, of its logarithm where the lower one is above 0 (conductances, time constants, …); with one
 * bound the logarithm of the distance from it; without bounds the value in units of its declared size. Near a bound the
 * coordinate is held back at EDGE, where the value differs from the bound by 2e-9 of the domain. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/fit.h"
#include "runtime/quantity.h"

static const double EDGE = 20, INSIDE = 1e-3, FACTOR = 3, NEAR = 0.5; /* NEAR: of weights of synapses */

static double squash(double x) { return nslm_sigmoid_f64(fmax(-EDGE, fmin(EDGE, x))); }

double rt_space_value(const struct rt_coordinate *c, double x) {
  switch (c->kind) {
    case RT_PLAIN_SCALE: return c->origin + c->scale * x;
    case RT_ABOVE: return c->lo + c->scale * nslm_exp_f64(fmin(x, 500));
    case RT_BELOW: return c->hi - c->scale * nslm_exp_f64(fmin(x, 500));
    case RT_BETWEEN: return c->lo + (c->hi - c->lo) * squash(x);
    case RT_BETWEEN_LOG: return c->lo * nslm_exp_f64(c->scale * squash(x));
  }
  return NAN;
}

double rt_space_slope(const struct rt_coordinate *c, double x) {
  double u = squash(x);
  switch (c->kind) {
    case RT_PLAIN_SCALE: return c->scale;
    case RT_ABOVE: return c->scale * nslm_exp_f64(fmin(x, 500));
    case RT_BELOW: return -c->scale * nslm_exp_f64(fmin(x, 500));
    case RT_BETWEEN: return (c->hi - c->lo) * u * (1 - u);
    case RT_BETWEEN_LOG: return c->lo * nslm_exp_f64(c->scale * u) * c->scale * u * (1 - u);
  }
  return NAN;
}

static double logit(double u) {
  u = fmax(INSIDE, fmin(1 - INSIDE, u));
  return nslm_log_f64(u) - nslm_log_f64(1 - u);
}

double rt_space_place(const struct rt_coordinate *c, double value) {
  switch (c->kind) {
    case RT_PLAIN_SCALE: return (value - c->origin) / c->scale;
    case RT_ABOVE: return nslm_log_f64((value - c->lo) / c->scale);
    case RT_BELOW: return nslm_log_f64((c->hi - value) / c->scale);
    case RT_BETWEEN: return logit((value - c->lo) / (c->hi - c->lo));
    case RT_BETWEEN_LOG: return logit(nslm_log_f64(value / c->lo) / c->scale);
  }
  return NAN;
}

double rt_space_pull(const struct rt_coordinate *c, double x, double *ret_slope) {
  *ret_slope = 1;
  if (!(c->sd > 0)) return x;
  *ret_slope = rt_space_slope(c, x) / c->sd;
  return (rt_space_value(c, x) - c->mean) / c->sd;
}

double rt_space_pulls(const struct rt_space *p, double l2, const double *x, double *gradient, double *curvature) {
  double sum = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    double slope, z = rt_space_pull(&p->at[i], x[i], &slope);
    sum += z * z;
    if (gradient) gradient[i] += 2 * l2 * z * slope;
    if (curvature) curvature[(uint64_t)i * p->n + i] += 2 * l2 * slope * slope;
  }
  return sum;
}

double rt_space_share(const struct rt_coordinate *c, double x, double *ret_slope) {
  double u = squash(x);
  *ret_slope = u * (1 - u);
  return c->kind == RT_BETWEEN || c->kind == RT_BETWEEN_LOG ? u : NAN;
}

double rt_space_at_share(double share) { return logit(share); }

bool rt_space_at_bound(const struct rt_coordinate *c, double value) {
  double x = c->kind == RT_BETWEEN ? (value - c->lo) / (c->hi - c->lo)
             : c->kind == RT_BETWEEN_LOG ? nslm_log_f64(value / c->lo) / c->scale : 0.5;
  return x < 2e-3 || x > 1 - 2e-3;
}

/* ---- from the table */

int rt_space_prior(const struct rt_sim *s, const struct nsl_free *def, struct rt_coordinate *c) {
  if (def->mean == NSL_NONE) return 0;
  c->mean = s->G[def->mean];
  c->sd = s->G[def->sd];
  if (isfinite(c->mean) && c->sd > 0 && isfinite(c->sd)) return 0;
  return rt_fail_at(NSL_EMODEL, def->place, "free %s ~ normal(%.6g, %.6g): a mean, and a standard deviation above 0, are wanted", def->path,
                    c->mean / def->unit_scale, c->sd / def->unit_scale);
}

void rt_space_choose(struct rt_coordinate *c, double size) {
  bool low = isfinite(c->lo), high = isfinite(c->hi);
  c->scale = 1;
  c->kind = low && high ? (c->lo > 0 ? RT_BETWEEN_LOG : RT_BETWEEN) : low ? RT_ABOVE : high ? RT_BELOW : RT_PLAIN_SCALE;
  if (c->kind == RT_BETWEEN_LOG) c->scale = nslm_log_f64(c->hi / c->lo);
  if (c->kind == RT_ABOVE) c->scale = c->declared - c->lo;
  if (c->kind == RT_BELOW) c->scale = c->hi - c->declared;
  if (c->kind == RT_PLAIN_SCALE) {
    c->scale = c->declared != 0 ? fabs(c->declared) : size;
    c->origin = c->declared;
  }
}

static int coordinate_make(struct rt_sim *s, const struct nsl_free *def, struct rt_coordinate *c) {
  char lo[80], hi[80], value[80];
  bool low = def->lo != NSL_NONE && isfinite(s->G[def->lo]), high = def->hi != NSL_NONE && isfinite(s->G[def->hi]);
  c->lo = low ? s->G[def->lo] : -INFINITY;
  c->hi = high ? s->G[def->hi] : INFINITY;
  c->declared = s->G[def->value];
  rt_quantity_text(c->lo / def->unit_scale, def->unit, lo, sizeof lo);
  rt_quantity_text(c->hi / def->unit_scale, def->unit, hi, sizeof hi);
  rt_quantity_text(c->declared / def->unit_scale, def->unit, value, sizeof value);
  if (low && high && !(c->lo < c->hi))
    return rt_fail_at(NSL_EMODEL, def->place, "free %s in [%s, %s]: there is nothing between these bounds", def->path, lo, hi);
  if (!isfinite(c->declared))
    return rt_fail_at(NSL_EMODEL, def->place, "free %s: its declared value, where the search begins, is no number", def->path);
  bool one_sided = low != high;
  bool inside = one_sided ? c->declared > c->lo && c->declared < c->hi : c->declared >= c->lo && c->declared <= c->hi;
  if (!inside)
    return rt_fail_at(NSL_EMODEL, def->place, "free %s: its declared value %s, where the search begins, is not inside of [%s, %s]",
                      def->path, value, low ? lo : "-inf", high ? hi : "inf");
  rt_space_choose(c, def->unit_scale);
  return rt_space_prior(s, def, c);
}

/* Fitted sweeps, then the others. */
static int sweeps_order(struct rt_sim *s, const struct nsl_fit *def, struct rt_space *p) {
  const struct nsl_recording *rec = &def->data;
  uint32_t n = 0;
  p->n_sweeps = def->network ? 1 : rec->n_sweeps; /* a network's run counts as one */
  p->n_fitted = def->network;
  p->cells = rt_alloc(&s->mem, p->n_sweeps + 1, sizeof *p->cells);
  if (!p->cells) return NSL_EMEMORY;
  if (def->network) return 0;
  for (int validation = 0; validation < 2; validation++) {
    for (uint32_t i = 0; i < p->n_sweeps; i++)
      if ((rec->sweeps[i].validation != 0) == validation) p->cells[n++] = rec->sweeps[i].cell;
    if (!validation) p->n_fitted = n;
  }
  return 0;
}

static void free_spread(struct rt_space *p, const struct nsl_free *def, struct rt_coordinate c) {
  uint32_t *of = p->of + (uint64_t)c.free * p->n_sweeps;
  for (uint32_t i = 0; i < p->n_sweeps; i++) {
    uint32_t like = 0; /* the first sweep with the same coordinate */
    while (like < i && (def->per_sweep || (def->per_cell && p->cells[like] != p->cells[i]))) like++;
    c.sweep = def->per_sweep ? i : NSL_NONE;
    c.cell = def->per_cell ? p->cells[i] : NSL_NONE;
    if (def->per_sweep && i >= p->n_fitted) of[i] = NSL_NONE;
    else if (like < i) of[i] = of[like];
    else p->at[of[i] = p->n++] = c;
  }
}

int rt_space_make(struct rt_sim *s, const struct nsl_fit *def, struct rt_space *ret) {
  *ret = (struct rt_space){.n_free = def->n_free};
  int e = sweeps_order(s, def, ret);
  uint64_t most = (uint64_t)def->n_free * ret->n_sweeps;
  ret->at = rt_alloc(&s->mem, most + 1, sizeof *ret->at);
  ret->of = rt_alloc(&s->mem, most + 1, sizeof *ret->of);
  if (!ret->at || !ret->of) return NSL_EMEMORY;
  for (uint32_t k = 0; !e && k < def->n_free; k++) {
    ret->of[(uint64_t)k * ret->n_sweeps] = NSL_NONE;
    if (def->free[k].n_weights) continue; /* fit_weights.c */
    struct rt_coordinate c = {.free = k, .sweep = NSL_NONE, .cell = NSL_NONE};
    e = coordinate_make(s, &def->free[k], &c);
    if (!e) free_spread(ret, &def->free[k], c);
  }
  ret->n_plain = ret->n;
  return e;
}

void rt_space_name(const struct nsl_fit *def, const struct rt_coordinate *c, char *text, size_t size) {
  const char *path = def->free[c->free].path;
  if (c->sweep != NSL_NONE) snprintf(text, size, "%.60s of sweep %u", path, c->sweep + 1);
  else if (c->cell != NSL_NONE) snprintf(text, size, "%.60s of cell %u", path, c->cell + 1);
  else snprintf(text, size, "%.60s", path);
}

int rt_space_plain(struct rt_mem *m, const struct rt_space *p, struct rt_space *ret) {
  *ret = *p;
  ret->at = rt_alloc(m, (uint64_t)p->n + 1, sizeof *ret->at);
  if (!ret->at) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->n; i++)
    ret->at[i] = (struct rt_coordinate){.free = p->at[i].free, .sweep = p->at[i].sweep, .cell = p->at[i].cell,
                                        .kind = RT_PLAIN_SCALE, .scale = 1};
  return 0;
}

/* ---- starts */

void rt_space_start(const struct rt_space *p, const struct nsl_fit *def, uint64_t seed, uint32_t start, double *ret) {
  for (uint32_t i = 0; i < p->n; i++) {
    const struct rt_coordinate *c = &p->at[i];
    const char *path = def->free[c->free].path;
    uint64_t key = nslm_key(seed, nslm_hash(path, strlen(path), nslm_hash("start", 5, 0)));
    uint32_t sweep = c->sweep != NSL_NONE ? c->sweep : c->cell != NSL_NONE ? c->cell : 0;
    double u = nslm_draw_uniform_f64(key, start, 0, sweep, 0, 1), wide = nslm_log_f64(FACTOR);
    double spread = def->free[c->free].spread;
    if (i >= p->n_plain) ret[i] = rt_space_place(c, c->declared) + (start ? NEAR * nslm_draw_normal_f64(key, start, i, 0, 0, 1) : 0);
    else if (spread > 0) ret[i] = rt_space_place(c, c->declared + spread * nslm_draw_normal_f64(key, start, 0, sweep, 0, 1));
    else if (start == 0) ret[i] = rt_space_place(c, c->declared);
    else if (c->kind == RT_BETWEEN || c->kind == RT_BETWEEN_LOG) ret[i] = logit(u);
    else if (c->kind == RT_PLAIN_SCALE) ret[i] = u - 0.5;
    else ret[i] = (2 * u - 1) * wide;
  }
}

double rt_space_in(const struct rt_space *p, const double *x, uint32_t free, uint32_t sweep) {
  const uint32_t *of = p->of + (uint64_t)free * p->n_sweeps;
  if (of[sweep] != NSL_NONE) return rt_space_value(&p->at[of[sweep]], x[of[sweep]]);
  double sum = 0, n = 0;
  uint32_t any = of[0];
  for (uint32_t i = 0; i < p->n_fitted; i++)
    if (p->cells[i] == p->cells[sweep]) sum += x[any = of[i]], n++;
  return rt_space_value(&p->at[any], n > 0 ? sum / n : 0);
}

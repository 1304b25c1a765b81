/* Expressions of one population -> their values and slopes, as far as they are known when the model is
 * compiled.
 *
 * A slope is found by the rules of derivation for sums, and for products and quotients in which only one side
 * has the variable: what comes out is exact, or not given. */
#include <math.h>

#include "lang/check.h"
#include "lang/warn.h"

enum { BUDGET = 1 << 14, DEEPEST = 500 };

typedef struct {
  const WarnPoint *at;
  int budget, depth;
} Look;

static bool look(Look *k, const MExpr *e, double *ret);

static bool look_var(Look *k, const MVar *var, double *ret) {
  if (var->kind == VAR_LET) return look(k, var->value, ret);
  if (k->at->has && k->at->has[var->index]) {
    *ret = k->at->at[var->index];
    return true;
  }
  if (var->kind != VAR_PARAM) return false;
  for (uint32_t i = 0; i < k->at->pop->settings.n; i++) {
    const MSetting *set = &k->at->pop->settings.at[i];
    if (set->var == var) return !set->draw && look(k, set->value, ret);
  }
  return !var->draw && look(k, var->value, ret);
}

static bool look_call(Look *k, const MExpr *e, double *ret) {
  double args[4] = {0};
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!look(k, e->args[i], &args[i])) return false;
  *ret = builtin_value(e->builtin, args);
  return true;
}

static bool look_kind(Look *k, const MExpr *e, double *ret) {
  switch (e->kind) {
  case MX_NUM: *ret = e->num; return true;
  case MX_VAR: return look_var(k, e->var, ret);
  case MX_GLOBAL: return look(k, e->global->value, ret);
  case MX_CALL: return look_call(k, e, ret);
  case MX_ARG:
  case MX_DRAW:
  case MX_NOISE:
  case MX_TIME:
  case MX_PROCESS:
  case MX_SAMPLE:
  case MX_COLUMN:
  case MX_PAIR:
  case MX_DELAYED:
  case MX_DT: return false;
  }
  return false;
}

static bool look(Look *k, const MExpr *e, double *ret) {
  if (!e || --k->budget < 0 || k->depth >= DEEPEST) return false;
  k->depth++;
  bool known = look_kind(k, e, ret);
  k->depth--;
  return known;
}

bool warn_value(const WarnPoint *p, const MExpr *e, double *ret) {
  Look k = {p, BUDGET, 0};
  return look(&k, e, ret) && isfinite(*ret);
}

/* ---- slopes */

typedef struct {
  const WarnPoint *at;
  const MVar *var;
  int budget, depth;
} Slope;

static bool slope(Slope *k, const MExpr *e, double *ret);

/* a * b, where only one of them has the variable. */
static bool slope_product(Slope *k, const MExpr *e, double a, double b, double *ret) {
  double factor;
  if (a != 0 && b != 0) return false;
  *ret = 0;
  if (a == 0 && b == 0) return true;
  if (!warn_value(k->at, e->args[a != 0 ? 1 : 0], &factor)) return false;
  *ret = (a + b) * factor;
  return true;
}

static bool slope_call(Slope *k, const MExpr *e, double *ret) {
  double d[4] = {0}, divisor;
  bool none = true;
  for (uint32_t i = 0; i < e->n_args; i++) {
    if (!slope(k, e->args[i], &d[i])) return false;
    none &= d[i] == 0;
  }
  *ret = 0;
  if (none) return true;
  if (e->builtin == B_ADD)
    *ret = d[0] + d[1];
  else if (e->builtin == B_SUB)
    *ret = d[0] - d[1];
  else if (e->builtin == B_NEG)
    *ret = -d[0];
  else if (e->builtin == B_MUL)
    return slope_product(k, e, d[0], d[1], ret);
  else if (e->builtin == B_DIV) {
    if (d[1] != 0 || !warn_value(k->at, e->args[1], &divisor) || divisor == 0) return false;
    *ret = d[0] / divisor;
  } else
    return false;
  return true;
}

static bool slope(Slope *k, const MExpr *e, double *ret) {
  if (!e || --k->budget < 0 || k->depth >= DEEPEST) return false;
  k->depth++;
  bool known = true;
  *ret = 0;
  if (e->kind == MX_VAR && e->var == k->var)
    *ret = 1;
  else if (e->kind == MX_VAR && e->var->kind == VAR_LET)
    known = slope(k, e->var->value, ret);
  else if (e->kind == MX_CALL)
    known = slope_call(k, e, ret);
  k->depth--;
  return known;
}

bool warn_slope(const WarnPoint *p, const MExpr *e, const MVar *var, double *ret) {
  Slope k = {p, var, BUDGET, 0};
  return slope(&k, e, ret) && isfinite(*ret);
}

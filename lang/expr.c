/* Checked expressions: builders, constant values, copies with variables replaced.
 *
 * Every node is made here, so size and depth are bounded (model.h) whatever functions were inlined. */
#include <math.h>

#include "lang/check.h"

static MExpr *expr_node(Checker *c, MExprKind kind, Span span, Dim dim) {
  MExpr *e = NEW(c->arena, MExpr);
  e->kind = kind;
  e->span = span;
  e->dim = dim;
  e->size = e->depth = 1;
  return e;
}

MExpr *expr_number(Checker *c, double value, Dim dim, Span span) {
  MExpr *e = expr_node(c, MX_NUM, span, dim);
  e->num = value;
  return e;
}

MExpr *expr_var(Checker *c, MVar *var, Span span) {
  if (!var) return NULL;
  MExpr *e = expr_node(c, MX_VAR, span, var->dim);
  e->var = var;
  if (var->domain.labels.n) e->labels = &var->domain;
  return e;
}

MExpr *expr_global(Checker *c, MGlobal *global, Span span) {
  if (!global) return NULL;
  MExpr *e = expr_node(c, MX_GLOBAL, span, global->dim);
  e->global = global;
  if (global->domain.labels.n) e->labels = &global->domain;
  return e;
}

MExpr *expr_leaf(Checker *c, MExprKind kind, Dim dim, Span span) { return expr_node(c, kind, span, dim); }

/* Adds the arguments, with the bound on size and depth. NULL if an argument is. */
static MExpr *expr_args(Checker *c, MExpr *e, MExpr *const *args, uint32_t n) {
  uint64_t size = 1;
  for (uint32_t i = 0; i < n; i++) {
    e->args[i] = args[i];
    if (!args[i]) continue;
    size += args[i]->size;
    if (args[i]->depth >= e->depth) e->depth = args[i]->depth + 1;
  }
  if (size > MEXPR_SIZE || e->depth > MEXPR_DEPTH) {
    diag_expr_too_large(c->s, e->span);
    c->too_large = true;
    return NULL;
  }
  e->size = (uint32_t)size;
  e->n_args = n;
  return e;
}

MExpr *expr_call(Checker *c, Builtin builtin, Span span, Dim dim, MType type, MExpr *const *args,
                 uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (!args[i]) return NULL;
  MExpr *e = expr_node(c, MX_CALL, span, dim);
  e->builtin = builtin;
  e->type = type;
  return expr_args(c, e, args, n);
}

MExpr *expr_process(Checker *c, Span span, MExpr *decay, MExpr *fresh) {
  if (!decay || !fresh) return NULL;
  MExpr *args[2] = {decay, fresh};
  return expr_args(c, expr_node(c, MX_PROCESS, span, DIM_NONE), args, 2);
}

MExpr *expr_sample(Checker *c, Span span, Dim dim, uint32_t file) {
  MExpr *e = expr_node(c, MX_SAMPLE, span, dim);
  e->arg = file;
  return e;
}

MExpr *expr_draw(Checker *c, Dist dist, Span span, Dim dim, MExpr *const *args, uint32_t n) {
  MExpr *e = expr_node(c, MX_DRAW, span, dim);
  e->dist = dist;
  return expr_args(c, e, args, n);
}

MExpr *expr_delayed(Checker *c, Span span, MExpr *value, MExpr *delay) {
  if (!value || !delay) return NULL;
  MExpr *e = expr_node(c, MX_DELAYED, span, value->dim), *args[2] = {value, delay};
  return expr_args(c, e, args, 2);
}

MExpr *expr_with_dim(Checker *c, const MExpr *e, Dim dim) {
  MExpr *copy = NEW(c->arena, MExpr);
  *copy = *e;
  copy->dim = dim;
  return copy;
}

MExpr *expr_from_unit(Checker *c, MExpr *e, const Unit *unit) {
  if (!e || (dim_none(unit->dim) && unit->scale == 1)) return e;
  if (unit->offset != 0) {
    MExpr *shift[2] = {e, expr_number(c, unit->offset, unit->dim, e->span)};
    e = expr_call(c, B_SUB, e->span, unit->dim, M_REAL, shift, 2);
    if (!e) return NULL;
  }
  MExpr *args[2] = {e, expr_number(c, unit->scale, unit->dim, e->span)};
  return expr_call(c, B_DIV, e->span, DIM_NONE, M_REAL, args, 2);
}

MExpr *expr_to_unit(Checker *c, MExpr *e, const Unit *unit) {
  if (!e || (dim_none(unit->dim) && unit->scale == 1)) return e;
  MExpr *args[2] = {e, expr_number(c, unit->scale, unit->dim, e->span)};
  return expr_call(c, B_MUL, e->span, unit->dim, M_REAL, args, 2);
}

/* ---- constants */

double builtin_value(Builtin b, const double *a) {
  switch (b) {
    case B_ADD: return a[0] + a[1];
    case B_SUB: return a[0] - a[1];
    case B_MUL: return a[0] * a[1];
    case B_DIV: return a[0] / a[1];
    case B_NEG: return -a[0];
    case B_POW: return pow(a[0], a[1]);
    case B_LT: return a[0] < a[1];
    case B_LE: return a[0] <= a[1];
    case B_GT: return a[0] > a[1];
    case B_GE: return a[0] >= a[1];
    case B_EQ: return a[0] == a[1];
    case B_NE: return a[0] != a[1];
    case B_AND: return a[0] != 0 && a[1] != 0;
    case B_OR: return a[0] != 0 || a[1] != 0;
    case B_NOT: return a[0] == 0;
    case B_SELECT: return a[0] != 0 ? a[1] : a[2];
    case B_EXP: return exp(a[0]);
    case B_LOG: return log(a[0]);
    case B_LOG1P: return log1p(a[0]);
    case B_EXPM1: return expm1(a[0]);
    case B_EXPREL: return a[0] == 0 ? 1 : expm1(a[0]) / a[0];
    case B_SQRT: return sqrt(a[0]);
    case B_TANH: return tanh(a[0]);
    case B_SIGMOID: return 1 / (1 + exp(-a[0]));
    case B_SIN: return sin(a[0]);
    case B_COS: return cos(a[0]);
    case B_ABS: return fabs(a[0]);
    case B_MIN: return a[0] < a[1] ? a[0] : a[1];
    case B_MAX: return a[0] > a[1] ? a[0] : a[1];
    case B_CLIP: return a[0] < a[1] ? a[1] : a[0] > a[2] ? a[2] : a[0];
    case B_FLOOR: return floor(a[0]);
    case B_ROUND: return nearbyint(a[0]);
    case B_HEAVISIDE: return a[0] > 0;
    case B_COUNT: break;
  }
  return NAN;
}

/* Lets may double in size at each step of a chain: after so many nodes the value counts as not known. */
enum { CONSTANT_BUDGET = 1 << 18, DEEPEST_CONSTANT = 5000 };

typedef struct {
  bool defaults;
  int depth, budget;
} Constant;

static bool constant(Constant *k, const MExpr *e, double *ret);

static bool constant_call(Constant *k, const MExpr *e, double *ret) {
  double args[4] = {0};
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!constant(k, e->args[i], &args[i])) return false;
  *ret = builtin_value(e->builtin, args);
  return true;
}

static bool constant_kind(Constant *k, const MExpr *e, double *ret) {
  switch (e->kind) {
    case MX_NUM: *ret = e->num; return true;
    case MX_VAR:
      if (e->var->draw || (e->var->kind != VAR_LET && !(k->defaults && e->var->kind == VAR_PARAM)))
        return false;
      return constant(k, e->var->value, ret);
    case MX_GLOBAL: return (!e->global->settable || k->defaults) && constant(k, e->global->value, ret);
    case MX_CALL: return constant_call(k, e, ret);
    case MX_ARG:
    case MX_DRAW:
    case MX_NOISE:
    case MX_TIME:
    case MX_DELAYED:
    case MX_PROCESS:
    case MX_SAMPLE:
    case MX_COLUMN:
    case MX_PAIR:
    case MX_DT: return false;
  }
  return false;
}

static bool constant(Constant *k, const MExpr *e, double *ret) {
  if (!e || --k->budget < 0 || k->depth >= DEEPEST_CONSTANT) return false;
  k->depth++;
  bool known = constant_kind(k, e, ret);
  k->depth--;
  return known;
}

bool expr_constant(const MExpr *e, bool defaults, double *ret) {
  Constant k = {defaults, 0, CONSTANT_BUDGET};
  return constant(&k, e, ret) && !isnan(*ret);
}

bool expr_has(const MExpr *e, MExprKind kind) {
  if (!e) return false;
  if (e->kind == kind) return true;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (expr_has(e->args[i], kind)) return true;
  return false;
}

bool expr_varies(const MExpr *e) {
  if (!e) return false;
  if (e->kind == MX_TIME || e->kind == MX_NOISE || e->kind == MX_DELAYED || e->kind == MX_PROCESS ||
      e->kind == MX_SAMPLE || (e->kind == MX_VAR && e->var->varies))
    return true;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (expr_varies(e->args[i])) return true;
  return false;
}

bool expr_noisy(const MExpr *e) {
  if (!e) return false;
  if (e->kind == MX_NOISE || (e->kind == MX_VAR && e->var->noisy)) return true;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (expr_noisy(e->args[i])) return true;
  return false;
}

/* ---- copies */

/* Sharing is kept: a node that is reached twice is copied once. The table is open, keyed by address. */
typedef struct {
  Checker *c;
  MExpr *const *map;
  uint32_t n, n_slots;
  struct Copied {
    const MExpr *from;
    MExpr *to;
  } * slots;
} Replacer;

static struct Copied *copied_slot(const Replacer *r, const MExpr *e) {
  uint32_t i = (uint32_t)(((uintptr_t)e >> 4) * 2654435761u) & (r->n_slots - 1);
  while (r->slots[i].from && r->slots[i].from != e) i = (i + 1) & (r->n_slots - 1);
  return &r->slots[i];
}

static void copied_enter(Replacer *r, const MExpr *from, MExpr *to) {
  if (r->n * 2 >= r->n_slots) {
    Replacer grown = *r;
    grown.n_slots *= 2;
    grown.slots = NEW_ARRAY(r->c->arena, struct Copied, grown.n_slots);
    for (uint32_t i = 0; i < r->n_slots; i++)
      if (r->slots[i].from) *copied_slot(&grown, r->slots[i].from) = r->slots[i];
    *r = grown;
  }
  *copied_slot(r, from) = (struct Copied){from, to};
  r->n++;
}

static MExpr *replace(Replacer *r, const MExpr *e) {
  if (e->kind == MX_VAR) {
    MExpr *with = r->map[e->var->index];
    if (!with) return (MExpr *)e;
    if (with->kind != MX_VAR) return with;
    MExpr *copy = expr_with_dim(r->c, with, with->dim);
    copy->span = e->span;
    return copy;
  }
  if (e->n_args == 0 && e->kind != MX_NOISE) return (MExpr *)e;
  const struct Copied *before = copied_slot(r, e);
  if (before->from) return before->to;
  MExpr *copy = expr_with_dim(r->c, e, e->dim), *args[4] = {NULL};
  copy->depth = 1;
  for (uint32_t i = 0; i < e->n_args; i++) {
    args[i] = e->args[i] ? replace(r, e->args[i]) : NULL;
    if (e->args[i] && !args[i]) return NULL;
  }
  copy = expr_args(r->c, copy, args, e->n_args);
  copied_enter(r, e, copy);
  return copy;
}

MExpr *expr_replace(Checker *c, const MExpr *e, MExpr *const *map) {
  if (!e) return NULL;
  Replacer r = {.c = c, .map = map, .n_slots = 16};
  r.slots = NEW_ARRAY(c->arena, struct Copied, r.n_slots);
  return replace(&r, e);
}

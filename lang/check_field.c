/* `field u(t in [0 ms, 200 ms]) = mlp(8, scale = 100 pA)` -> an unknown function as a small network of the time, or of states.
 *
 * The fit has its own copy of the neuron's component, in which the weights are params that are free, each hidden unit is a
 * let, and `u` and its derivative `u'` are lets: so a field may stand wherever a let may, and is differentiated, printed and
 * compiled as the model's own equations are. Arguments enter as -1 … 1 between their bounds; hidden units are
 * tanh of a weighted sum, the value is `scale` times one. Weights begin at random, or where `weights` says. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

enum { MOST_LAYERS = 4, MOST_WIDTH = 64, MOST_ARGS = 4, MOST_WEIGHTS = 4096 };

/* A value and its derivative by time; slope NULL: it has none. */
typedef struct {
  MExpr *value, *slope;
} Signal;

typedef struct {
  FitContext *f;
  const AstFieldDecl *ast;
  MField *field;
  Span span;
  Signal in[MOST_WIDTH];
  uint32_t n_in, widths[MOST_LAYERS], n_layers;
  MExpr *scale;
  VEC(double) given; /* weights as they stand in the file */
  bool steady;       /* an argument has no derivative by time */
} Mlp;

/* ---- expressions */

static MExpr *number(Mlp *w, double v, Dim dim) { return expr_number(w->f->c, v, dim, w->span); }

static MExpr *call(Mlp *w, Builtin builtin, MExpr *a, MExpr *b) {
  MExpr *args[2] = {a, b};
  Dim dim = builtin == B_MUL ? dim_mul(a->dim, b->dim) : a->dim;
  return expr_call(w->f->c, builtin, w->span, dim, M_REAL, args, b ? 2 : 1);
}

/* ---- variables of the fit's own component */

static MComponent *own_component(FitContext *f) {
  MPopulation *pop = f->m->x->populations.at[0];
  if (f->m->fields.n) return pop->component;
  MComponent *own = NEW(f->s->arena, MComponent);
  const MComponent *shared = pop->component;
  *own = *shared;
  memset(&own->vars, 0, sizeof own->vars);
  for (uint32_t i = 0; i < shared->vars.n; i++) vec_push(f->s->arena, &own->vars, shared->vars.at[i]);
  return pop->component = own;
}

static MVar *var_new(Mlp *w, VarKind kind, Name name, MExpr *value) {
  MComponent *own = w->f->m->x->populations.at[0]->component;
  MVar *var = NEW(w->f->s->arena, MVar);
  *var = (MVar){.kind = kind, .name = name, .span = w->span, .index = own->vars.n, .dim = value->dim, .unit_scale = 1, .value = value,
                .unit = name_z(w->f->s, dim_coherent_unit(w->f->s, value->dim)), .varies = kind == VAR_LET};
  vec_push(w->f->s->arena, &own->vars, var);
  return var;
}

static MExpr *let(Mlp *w, Name name, MExpr *value) { return expr_var(w->f->c, var_new(w, VAR_LET, name, value), w->span); }

/* A weight: a param that is free. spread: of where it begins, if the file does not say. */
static MExpr *weight(Mlp *w, const char *what, double spread) {
  FitContext *f = w->f;
  uint32_t at = w->field->n_weights++;
  bool given = at < w->given.n;
  Name path = name_fmt(f->s, "%s.%s", name_str(f->s, w->field->name), what);
  MFree free = {.path = path, .span = w->span, .field = f->m->fields.n + 1, .spread = given ? 0 : spread};
  free.var = var_new(w, VAR_PARAM, path, number(w, given ? w->given.at[at] : 0, DIM_NONE));
  free.unit = free.var->unit;
  free.unit_scale = free.var->unit_scale;
  vec_push(f->s->arena, &f->m->free, free);
  return expr_var(f->c, free.var, w->span);
}

/* bias + the weighted sum of a layer's inputs, and its slope: the layer's number counts from 1, 0 is the output. */
static Signal weighted(Mlp *w, uint32_t layer, uint32_t unit, double spread) {
  const char *where = layer ? arena_printf(w->f->s->arena, "%u.%u", layer, unit + 1) : "out";
  bool first = layer == 1;
  Signal sum = {weight(w, arena_printf(w->f->s->arena, "b%s%s", layer ? "" : ".", where), first ? spread : 0), NULL};
  for (uint32_t i = 0; i < w->n_in; i++) {
    MExpr *k = weight(w, arena_printf(w->f->s->arena, "w%s%s.%u", layer ? "" : ".", where, i + 1), spread);
    sum.value = call(w, B_ADD, sum.value, call(w, B_MUL, k, w->in[i].value));
    if (!w->in[i].slope) continue;
    MExpr *slope = call(w, B_MUL, k, w->in[i].slope);
    sum.slope = sum.slope ? call(w, B_ADD, sum.slope, slope) : slope;
  }
  return sum;
}

/* The inputs of a first layer reach its units with slopes of either sign and kinks all over the interval. */
static void layer_add(Mlp *w, uint32_t layer, uint32_t width) {
  static const double STEEP = 3;
  Signal out[MOST_WIDTH];
  double spread = layer == 1 ? STEEP : 1 / sqrt(w->n_in);
  Session *s = w->f->s;
  const char *name = name_str(s, w->field->name);
  for (uint32_t i = 0; i < width; i++) {
    Signal sum = weighted(w, layer, i, spread);
    out[i] = (Signal){let(w, name_fmt(s, "%s.h%u.%u", name, layer, i + 1), call(w, B_TANH, sum.value, NULL)), NULL};
    if (!sum.slope) continue;
    MExpr *flat = call(w, B_SUB, number(w, 1, DIM_NONE), call(w, B_MUL, out[i].value, out[i].value));
    out[i].slope = let(w, name_fmt(s, "%s.h%u.%u'", name, layer, i + 1), call(w, B_MUL, flat, sum.slope));
  }
  memcpy(w->in, out, sizeof out);
  w->n_in = width;
}

/* ---- arguments */

static Signal normalized(Mlp *w, Signal x, double lo, double hi) {
  Dim one = x.value->dim, per = dim_div(DIM_NONE, one);
  MExpr *by = number(w, 2 / (hi - lo), per), *middle = number(w, (lo + hi) / 2, one);
  return (Signal){call(w, B_MUL, call(w, B_SUB, x.value, middle), by), x.slope ? call(w, B_MUL, x.slope, by) : NULL};
}

static bool argument_value(Mlp *w, const AstBinder *b, Signal *ret) {
  Session *s = w->f->s;
  Symbol *symbol = scope_find(w->f->names, b->name.name);
  if (!symbol && strcmp(name_str(s, b->name.name), "t") == 0) {
    *ret = (Signal){expr_leaf(w->f->c, MX_TIME, dim_time(1), b->name.span), number(w, 1, DIM_NONE)};
    return true;
  }
  const MVar *var = symbol && symbol->kind == SYM_VAR ? symbol->var : NULL;
  if (!var || var->kind == VAR_PARAM) {
    diag_field_argument(s, b->name.span, name_str(s, b->name.name));
    return false;
  }
  *ret = (Signal){expr_var(w->f->c, symbol->var, b->name.span), var->kind == VAR_STATE ? var->equation : NULL};
  return true;
}

static bool argument_read(Mlp *w, const AstBinder *b) {
  Session *s = w->f->s;
  MDomain in;
  double lo, hi;
  Signal x;
  if (w->n_in == MOST_ARGS || !b->set || b->set->kind != AST_INTERVAL) {
    diag_field_form(s, b->head.span, name_str(s, b->name.name));
    return false;
  }
  if (!argument_value(w, b, &x)) return false;
  const char *who = arena_printf(s->arena, "`%s`", name_str(s, b->name.name));
  if (!check_domain(w->f->c, w->f->n->scope, b->set, x.value->dim, who, &in)) return false;
  if (!in.lo || !in.hi || !expr_constant(in.lo, false, &lo) || !expr_constant(in.hi, false, &hi) || !(lo < hi) || isinf(hi - lo)) {
    diag_field_interval(s, b->set->span, name_str(s, b->name.name));
    return false;
  }
  w->steady |= !x.slope;
  w->in[w->n_in++] = normalized(w, x, lo, hi);
  return true;
}

/* ---- mlp(8, 8, scale = 100 pA, weights = […]) */

static bool weights_read(Mlp *w, const Ast *ast) {
  const AstListExpr *list = ast->kind == AST_LIST ? AST_AS(ListExpr, ast) : NULL;
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "a weight"};
  for (uint32_t i = 0; list && i < list->items.n; i++) {
    double v;
    const MExpr *e = check_expr(w->f->c, w->f->n->scope, list->items.at[i], &want);
    if (!e || !expr_constant(e, false, &v) || w->given.n == MOST_WEIGHTS) return false;
    vec_push(w->f->s->arena, &w->given, v);
  }
  return list != NULL;
}

static bool option_read(Mlp *w, const Ast *ast) {
  const AstNamed *named = ast->kind == AST_NAMED ? AST_AS(Named, ast) : NULL;
  const char *name = named ? name_str(w->f->s, named->name.name) : "";
  Want any = {0};
  double v;
  if (strcmp(name, "scale") == 0 && !w->scale) {
    w->scale = check_expr(w->f->c, w->f->n->scope, named->value, &any);
    return w->scale && expr_constant(w->scale, false, &v) && v > 0 && isfinite(v);
  }
  if (strcmp(name, "weights") == 0 && !w->given.n) return weights_read(w, named->value);
  if (named || w->n_layers == MOST_LAYERS) return false;
  const MExpr *e = check_expr(w->f->c, w->f->n->scope, ast, &any);
  if (!e || !dim_none(e->dim) || !expr_constant(e, false, &v) || v < 1 || v > MOST_WIDTH || v != floor(v)) return false;
  w->widths[w->n_layers++] = (uint32_t)v;
  return true;
}

static bool network_read(Mlp *w, const Ast *ast) {
  const AstCall *mlp = ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  bool good = mlp && mlp->callee->kind == AST_NAME && strcmp(name_str(w->f->s, AST_AS(NameRef, mlp->callee)->name.name), "mlp") == 0;
  uint32_t errors = w->f->s->errors;
  const Ast *where = ast;
  for (uint32_t i = 0; good && i < mlp->args.n; i++) good = option_read(w, where = mlp->args.at[i]);
  if (good && w->n_layers) return true;
  if (w->f->s->errors == errors) diag_field_network(w->f->s, good ? ast->span : where->span, MOST_LAYERS, MOST_WIDTH);
  return false;
}

/* ---- the statement */

static void declare(Mlp *w, const char *mark, MVar *var) {
  Symbol *symbol = scope_declare(w->f->c, w->f->names, SYM_VAR, name_fmt(w->f->s, "%s%s", name_str(w->f->s, w->field->name), mark), w->span);
  symbol->var = var;
}

static uint32_t weights_of(const Mlp *w) {
  uint32_t n = 0, in = w->n_in;
  for (uint32_t i = 0; i < w->n_layers; in = w->widths[i++]) n += w->widths[i] * (in + 1);
  return n + in + 1;
}

static void network_make(Mlp *w) {
  Session *s = w->f->s;
  const char *name = name_str(s, w->field->name);
  MExpr *scale = w->scale ? number(w, w->scale->num, w->scale->dim) : number(w, 1, DIM_NONE);
  if (w->scale) expr_constant(w->scale, false, &scale->num);
  for (uint32_t i = 0; i < w->n_layers; i++) layer_add(w, i + 1, w->widths[i]);
  Signal out = weighted(w, 0, 0, 0.1 / sqrt(w->n_in));
  w->field->value = var_new(w, VAR_LET, w->field->name, call(w, B_MUL, scale, out.value));
  declare(w, "", w->field->value);
  if (w->steady) return;
  declare(w, "'", var_new(w, VAR_LET, name_fmt(s, "%s'", name), call(w, B_MUL, scale, out.slope)));
}

void fit_field(FitContext *f, const AstFieldDecl *ast) {
  MField field = {.name = ast->name.name, .span = ast->name.span, .first = f->m->free.n};
  Mlp w = {.f = f, .ast = ast, .field = &field, .span = ast->name.span};
  const Symbol *before = scope_find(f->names, field.name);
  if (before) {
    diag_declared_twice(f->s, ast->name.span, name_str(f->s, field.name), before->span);
    return;
  }
  own_component(f);
  bool good = ast->args.n > 0;
  if (!good) diag_field_form(f->s, ast->head.span, "t");
  for (uint32_t i = 0; i < ast->args.n; i++) good &= argument_read(&w, AST_AS(Binder, ast->args.at[i]));
  if (!good || !ast->value || !network_read(&w, ast->value)) return;
  if (w.given.n && w.given.n != weights_of(&w)) {
    diag_field_weights(f->s, ast->value->span, weights_of(&w), w.given.n);
    return;
  }
  network_make(&w);
  vec_push(f->s->arena, &f->m->fields, field);
}

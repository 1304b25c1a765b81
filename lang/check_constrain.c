/* `constrain EXPR >= 0 weight 2` -> a term of each stage that it stands for; `force V towards rec.V at 5/ms` -> MForce.
 *
 * A constraint counts by how much EXPR lies outside of its bounds, in the unit that the names in it are declared in, so
 * that weights of order one balance: a product has the product of its factors' units, a sum the smallest of its parts'; where
 * none is declared, the coherent one. What is constrained is measured after every step of the stage's free run; where a stage has residuals
 * alone, along the first one's, whose state follows the recording. The derivation of the term is autodiff/constrain.c. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

/* ---- what counts 1 */

typedef struct {
  const FitContext *f;
  double *known; /* by variable; 0: not yet */
} Units;

static double unit_of(Units *u, const MExpr *e);

static double unit_of_var(Units *u, const MVar *var) {
  if (var->kind != VAR_LET) return var->unit_scale;
  double *known = var->index < u->f->pop->component->vars.n ? &u->known[var->index] : NULL;
  if (known && *known > 0) return *known;
  double unit = unit_of(u, var->value);
  if (known) *known = unit;
  return unit;
}

/* The smallest unit of the arguments that have the value's dimension; 0: none of them has one. */
static double unit_of_parts(Units *u, const MExpr *e) {
  double least = 0;
  for (uint32_t i = 0; i < e->n_args; i++) {
    const MExpr *part = e->args[i];
    if (!part || part->type != M_REAL || !dim_eq(part->dim, e->dim)) continue;
    double unit = unit_of(u, part);
    if (unit > 0 && (!least || unit < least)) least = unit;
  }
  return least;
}

/* 0: no name says it. */
static double unit_of(Units *u, const MExpr *e) {
  if (dim_none(e->dim)) return 1;
  if (e->kind == MX_VAR) return unit_of_var(u, e->var);
  if (e->kind == MX_GLOBAL) return e->global->unit_scale;
  if (e->kind == MX_SAMPLE) return u->f->m->data.columns.at[e->arg].unit_scale;
  if (e->kind != MX_CALL) return 0;
  bool product = e->builtin == B_MUL || e->builtin == B_DIV, power = e->builtin == B_POW;
  if (!product && !power && e->builtin != B_SQRT) return unit_of_parts(u, e);
  double a = unit_of(u, e->args[0]), b = product ? unit_of(u, e->args[1]) : 0, exponent = 0.5;
  if (power && !expr_constant(e->args[1], false, &exponent)) return 0;
  if (power || !product) return a > 0 ? pow(a, exponent) : 0;
  if (!(a > 0) && !(b > 0)) return 0;
  if (!(a > 0)) a = 1;
  if (!(b > 0)) b = 1;
  return e->builtin == B_MUL ? a * b : a / b;
}

static double unit_of_term(const FitContext *f, const MExpr *e) {
  Units u = {f, NEW_ARRAY(f->s->arena, double, f->pop->component->vars.n + 1)};
  double unit = unit_of(&u, e);
  return unit > 0 && isfinite(unit) ? unit : 1;
}

/* ---- bounds */

static const char *text_of(const FitContext *f, const Ast *ast) { return source_span_text(f->s, ast->span, f->s->arena); }

/* A number that is known now; false after a message. */
static bool bound_read(FitContext *f, const Ast *ast, const MExpr *value, const char *of, double *ret) {
  Want want = {.has_dim = true, .dim = value->dim, .who = arena_printf(f->s->arena, "`%s`", of), .allow = ALLOW_CHANGING};
  const MExpr *e = check_expr(f->c, f->names, ast, &want);
  if (!e) return false;
  if (expr_constant(e, false, ret) && !isnan(*ret)) return true;
  diag_constrain_bound(f->s, ast->span, of, text_of(f, ast));
  return false;
}

static MExpr *value_read(FitContext *f, const Ast *ast) {
  Want want = {.allow = ALLOW_CHANGING};
  MExpr *e = check_expr(f->c, f->names, ast, &want);
  return e && arithmetic_operand(f->c, e, "constrain") ? e : NULL;
}

static bool comparison_read(FitContext *f, const Ast *ast, MTerm *t) {
  int op = ast->kind == AST_BINARY ? AST_AS(Binary, ast)->op : OP_ADD;
  if (op != OP_EQ && op != OP_LE && op != OP_GE) {
    diag_constrain_form(f->s, ast->span, op == OP_LT ? "<=" : op == OP_GT ? ">=" : NULL);
    return false;
  }
  const AstBinary *b = AST_AS(Binary, ast);
  double bound;
  t->value = value_read(f, b->left);
  if (!t->value || !bound_read(f, b->right, t->value, text_of(f, b->left), &bound)) return false;
  t->lo = op == OP_LE ? -INFINITY : bound;
  t->hi = op == OP_GE ? INFINITY : bound;
  return true;
}

static bool interval_read(FitContext *f, const AstConstrain *ast, MTerm *t) {
  if (ast->domain->kind != AST_INTERVAL) {
    diag_constrain_form(f->s, ast->domain->span, NULL);
    return false;
  }
  const AstInterval *in = AST_AS(Interval, ast->domain);
  const char *of = text_of(f, ast->value);
  t->value = value_read(f, ast->value);
  if (!t->value || !bound_read(f, in->from, t->value, of, &t->lo) || !bound_read(f, in->to, t->value, of, &t->hi)) return false;
  if (isinf(t->lo) && isinf(t->hi)) {
    diag_constrain_form(f->s, ast->domain->span, NULL); /* nothing can violate it */
    return false;
  }
  if (t->lo <= t->hi) return true;
  diag_interval_empty(f->s, ast->domain->span);
  return false;
}

static bool weight_read(FitContext *f, const Ast *ast, double *ret) {
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "a weight"};
  *ret = 1;
  if (!ast) return true;
  const MExpr *e = check_expr(f->c, f->n->scope, ast, &want);
  if (!e) return false;
  if (expr_constant(e, false, ret) && *ret >= 0 && isfinite(*ret)) return true;
  diag_constrain_weight(f->s, ast->span);
  return false;
}

/* Detailed balance: a term for each loop. */
static void balances(FitContext *f, const AstConstrain *ast, const MTerm *like, MTermList *ret) {
  MExprList values = {0};
  if (ast->domain) {
    diag_constrain_form(f->s, ast->domain->span, NULL);
    return;
  }
  fit_reversible(f, ast->value, &values);
  for (uint32_t i = 0; i < values.n; i++) {
    MTerm *t = NEW(f->s->arena, MTerm);
    *t = *like;
    t->value = values.at[i];
    t->scale = 1;
    vec_push(f->s->arena, ret, t);
  }
}

void fit_constrain(FitContext *f, const AstConstrain *ast, MTermList *ret) {
  MTerm *t = NEW(f->s->arena, MTerm);
  *t = (MTerm){.kind = TERM_CONSTRAINT, .span = ast->head.span};
  if (!ast->value) return;
  bool loops = is_reversible(f, ast->value);
  if (!loops && !(ast->domain ? interval_read(f, ast, t) : comparison_read(f, ast->value, t))) return;
  if (!weight_read(f, ast->weight, &t->weight) || !fit_window(f, ast->after, ast->during)) return;
  t->from = f->from;
  t->to = f->to;
  if (loops) {
    balances(f, ast, t, ret);
    return;
  }
  t->scale = unit_of_term(f, t->value);
  vec_push(f->s->arena, ret, t);
}

/* ---- of a stage */

/* The state whose recording a stage without a free run follows. */
static MVar *along(const MStage *stage) {
  MVar *state = NULL;
  for (uint32_t i = 0; i < stage->terms.n; i++) {
    MTermKind kind = stage->terms.at[i]->kind;
    if (kind == TERM_MEAN || kind == TERM_LOGLIK || kind == TERM_FEATURE) return NULL;
    if (stage->terms.at[i]->kind == TERM_RESIDUAL && !state) state = stage->terms.at[i]->state;
  }
  return state;
}

/* The objective + weight * the mean square of what is violated. */
void fit_constrain_stage(FitContext *f, const MTerm *of, MVar *state) {
  MTerm *t = NEW(f->s->arena, MTerm);
  *t = *of;
  t->state = state;
  MExpr *sides[2] = {f->stage->objective, fit_term(f, t, DIM_NONE)};
  if (t->weight != 1) {
    MExpr *factors[2] = {expr_number(f->c, t->weight, DIM_NONE, t->span), sides[1]};
    sides[1] = expr_call(f->c, B_MUL, t->span, DIM_NONE, M_REAL, factors, 2);
  }
  f->stage->objective = expr_call(f->c, B_ADD, f->stage->objective->span, DIM_NONE, M_REAL, sides, 2);
}

void fit_constrain_all(FitContext *f, const MTermList *own) {
  if (!f->stage->objective) return;
  MVar *state = along(f->stage);
  for (uint32_t i = 0; i < f->constraints.n; i++) fit_constrain_stage(f, f->constraints.at[i], state);
  for (uint32_t i = 0; i < own->n; i++) fit_constrain_stage(f, own->at[i], state);
  if (!state) return;
  for (uint32_t i = 0; i < f->stage->forces.n; i++) diag_force_idle(f->s, f->stage->forces.at[i].span);
}

/* ---- teacher forcing */

static MVar *force_state(FitContext *f, const Ast *ast) {
  Symbol *symbol = check_path(f->c, f->names, ast);
  if (!symbol || !symbol_resolve(f->c, symbol, ast->span)) return NULL;
  MVar *var = symbol->kind == SYM_VAR ? symbol->var : NULL;
  if (var && var->kind == VAR_STATE && var->equation) return var;
  diag_force_state(f->s, ast->span, name_str(f->s, symbol->name), symbol_kind_text(f->c, symbol), symbol->span);
  return NULL;
}

static bool force_trace(FitContext *f, const Ast *ast, MForce *force) {
  const char *who = arena_printf(f->s->arena, "`%s`", name_str(f->s, force->state->name));
  Want want = {.has_dim = true, .dim = force->state->dim, .who = who, .allow = ALLOW_CHANGING};
  const MExpr *e = check_expr(f->c, f->names, ast, &want);
  if (!e) return false;
  if (e->kind != MX_SAMPLE) {
    diag_force_towards(f->s, ast->span, name_str(f->s, f->m->data.name), name_str(f->s, force->state->name));
    return false;
  }
  force->column = e->arg;
  force->trace = NEW(f->s->arena, MVar);
  const MSweepColumn *column = &f->m->data.columns.at[e->arg];
  Name name = name_fmt(f->s, "%s.%s", name_str(f->s, f->m->data.name), name_str(f->s, column->name));
  *force->trace = (MVar){.kind = VAR_INPUT, .name = name, .dim = e->dim, .unit = column->unit, .unit_scale = column->unit_scale,
                         .index = UINT32_MAX, .span = ast->span, .varies = true};
  return true;
}

static bool force_rate(FitContext *f, const Ast *ast, MForce *force) {
  Want want = {.has_dim = true, .dim = dim_time(-1), .who = "the rate of `force`"};
  force->rate = check_expr(f->c, f->n->scope, ast, &want);
  Known rate = net_known(f->n, force->rate);
  if (!force->rate || !rate.known || (rate.value > 0 && isfinite(rate.value))) return force->rate != NULL;
  diag_force_rate(f->s, ast->span);
  return false;
}

void fit_force(FitContext *f, const AstForce *ast) {
  MForce force = {.span = ast->head.span};
  if (!ast->state || !ast->trace || !ast->rate || !(force.state = force_state(f, ast->state))) return;
  for (uint32_t i = 0; i < f->stage->forces.n; i++)
    if (f->stage->forces.at[i].state == force.state) {
      diag_fit_twice(f->s, ast->head.span, "force", f->stage->forces.at[i].span);
      return;
    }
  if (force_trace(f, ast->trace, &force) && force_rate(f, ast->rate, &force)) vec_push(f->s->arena, &f->stage->forces, force);
}

/* `minimize EXPR after T except A..B around rec.s` -> the objective of a stage and its terms.
 *
 * A term is measured of a run: mean(…) over the steps of all sweeps, residual(…) of an equation, loglik(…) of spikes. In the objective it stands as
 * a global that gets its value when the runs are over, as a measure does in an `expect`. So the objective is a small expression
 * over numbers, and what is evaluated at every step is the terms' own. A residual is a mean square in units of V^2; in the
 * objective it is divided by the square of V's declared unit, so that it is a plain number of order one. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

/* ---- terms */

MExpr *fit_term(FitContext *f, MTerm *term, Dim dim) {
  MGlobal *global = NEW(f->s->arena, MGlobal);
  term->text = name_z(f->s, source_span_line(f->s, term->span, f->s->arena));
  term->global = global;
  Name path = name_fmt(f->s, "term%u", f->stage->terms.n + 1);
  *global = (MGlobal){.path = path, .index = UINT32_MAX, .dim = dim, .unit_scale = 1, .span = term->span};
  vec_push(f->s->arena, &f->stage->terms, term);
  return expr_global(f->c, global, term->span);
}

static MExpr *term_add(FitContext *f, MTerm *term, const AstCall *call, Dim dim) {
  term->span = call->head.span;
  term->from = f->from;
  term->to = f->to;
  for (int i = 0; i < 2 && term->kind != TERM_LOGLIK; i++) term->around[i] = f->around[i];
  term->except = f->except;
  return fit_term(f, term, dim);
}

/* The same value, read off the expressions; nothing is drawn in a fit. */
bool fit_same_value(const MExpr *a, const MExpr *b) {
  if (a == b) return true;
  if (a->kind != b->kind || a->size != b->size || a->n_args != b->n_args) return false;
  if (a->kind == MX_NUM) return a->num == b->num;
  if (a->kind == MX_VAR) return a->var == b->var;
  if (a->kind == MX_GLOBAL) return a->global == b->global;
  if (a->kind == MX_SAMPLE) return a->arg == b->arg;
  if (a->kind != MX_CALL || a->builtin != b->builtin) return false;
  for (uint32_t i = 0; i < a->n_args; i++)
    if (!fit_same_value(a->args[i], b->args[i])) return false;
  return true;
}

MExpr *fit_square_root(const MExpr *e) {
  if (e->kind != MX_CALL) return NULL;
  if (e->builtin == B_POW) return e->args[1]->kind == MX_NUM && e->args[1]->num == 2 ? e->args[0] : NULL;
  return e->builtin == B_MUL && fit_same_value(e->args[0], e->args[1]) ? e->args[0] : NULL;
}

static MExpr *term_mean(FitContext *f, const AstCall *call) {
  Want want = {.allow = ALLOW_CHANGING};
  const Ast *arg = call->args.n == 1 && call->args.at[0]->kind != AST_NAMED ? call->args.at[0] : NULL;
  if (!arg) {
    diag_term_arguments(f->s, call->head.span, "mean");
    return NULL;
  }
  MTerm *term = NEW(f->s->arena, MTerm);
  term->kind = TERM_MEAN;
  term->value = check_expr(f->c, f->names, arg, &want);
  if (!term->value || !arithmetic_operand(f->c, term->value, "mean")) return NULL;
  term->root = fit_square_root(term->value);
  return term_add(f, term, call, term->value->dim);
}

/* The state of a residual; NULL after a message. */
static MVar *residual_state(FitContext *f, const Ast *ast) {
  Symbol *symbol = check_path(f->c, f->names, ast);
  if (!symbol || !symbol_resolve(f->c, symbol, ast->span)) return NULL;
  MVar *var = symbol->kind == SYM_VAR ? symbol->var : NULL;
  if (var && var->kind == VAR_STATE && var->equation) return var;
  diag_residual_state(f->s, ast->span, name_str(f->s, symbol->name), symbol_kind_text(f->c, symbol), var && var->kind == VAR_STATE,
                      symbol->span);
  return NULL;
}

static bool residual_trace(FitContext *f, const Ast *ast, MTerm *term) {
  Want want = {.has_dim = true,
               .dim = term->state->dim,
               .who = arena_printf(f->s->arena, "`%s`", name_str(f->s, term->state->name)),
               .allow = ALLOW_CHANGING};
  const MExpr *given = check_expr(f->c, f->names, ast, &want);
  if (!given) return false;
  if (given->kind != MX_SAMPLE) {
    diag_residual_given(f->s, ast->span, name_str(f->s, f->m->data.name), name_str(f->s, term->state->name));
    return false;
  }
  term->column = given->arg;
  return true;
}

static bool residual_over(FitContext *f, const Ast *ast, MTerm *term) {
  term->over = net_time(f->n, ast, "`over` of `residual`", true);
  Known over = net_known(f->n, term->over);
  if (!term->over || !over.known || !f->n->dt.known || floor(over.value / f->n->dt.value + 0.5) >= 1) return term->over != NULL;
  diag_residual_over(f->s, ast->span, over.value, f->n->dt.value, f->m->x->dt->span);
  return false;
}

static MExpr *term_residual(FitContext *f, const AstCall *call) {
  static const char *const words[] = {"", "given", "over"};
  const Ast *args[COUNT_OF(words)] = {NULL};
  bool good = call->args.n == COUNT_OF(words);
  for (uint32_t i = 0; good && i < call->args.n; i++) {
    const AstNamed *named = call->args.at[i]->kind == AST_NAMED ? AST_AS(Named, call->args.at[i]) : NULL;
    size_t at = 0;
    while (named && at < COUNT_OF(words) && strcmp(words[at], name_str(f->s, named->name.name)) != 0) at++;
    good = at < COUNT_OF(words) && !args[at];
    if (good) args[at] = named ? named->value : call->args.at[i];
  }
  if (!good) {
    diag_term_arguments(f->s, call->head.span, "residual");
    return NULL;
  }
  MTerm *term = NEW(f->s->arena, MTerm);
  term->kind = TERM_RESIDUAL;
  term->state = residual_state(f, args[0]);
  if (!term->state || !residual_trace(f, args[1], term) || !residual_over(f, args[2], term)) return NULL;
  if (term->state->equation && expr_has(term->state->equation, MX_NOISE)) {
    diag_not_supported(f->s, call->head.span, "a residual of a state with white noise", "Take terms `mean(...)`.");
    return NULL;
  }
  Dim square = dim_mul(term->state->dim, term->state->dim);
  MExpr *sides[2] = {term_add(f, term, call, square), NULL};
  double unit = term->state->unit_scale;
  if (dim_none(square)) return sides[0];
  sides[1] = expr_number(f->c, unit * unit, square, call->head.span);
  return expr_call(f->c, B_DIV, call->head.span, DIM_NONE, M_REAL, sides, 2);
}

static MExpr *term_loglik(FitContext *f, const AstCall *call) {
  const AstNamed *given = call->args.n == 2 && call->args.at[1]->kind == AST_NAMED ? AST_AS(Named, call->args.at[1]) : NULL;
  const MSpike *spike = f->pop->component->spikes.n ? f->pop->component->spikes.at[0] : NULL;
  if (!given || strcmp(name_str(f->s, given->name.name), "given") != 0 || !fit_is_spike(f, call->args.at[0])) {
    diag_term_arguments(f->s, call->head.span, "loglik");
    return NULL;
  }
  MTerm *term = NEW(f->s->arena, MTerm);
  term->kind = TERM_LOGLIK;
  if (!fit_events_named(f, given->value, "`given` of `loglik`", &term->events)) return NULL;
  if (!fit_drive_spike(f, term->events, call->head.span)) return NULL;
  if (spike->form != SPIKE_RATE) {
    diag_loglik_threshold(f->s, call->head.span, name_str(f->s, f->pop->component->name), spike->span);
    return NULL;
  }
  return term_add(f, term, call, DIM_NONE);
}

/* A function of the file, of the language, or `sum` over indices. */
static bool is_function(const FitContext *f, const char *text, Name name) {
  const Symbol *own = scope_find(f->names, name);
#define BUILTIN(id, word, arity, dims, ir, doc)                                                              \
  if (*word && strcmp(text, word) == 0) return true;
#include "lang/builtins.def"
#undef BUILTIN
  return strcmp(text, "sum") == 0 || (own && own->kind == SYM_FN);
}

static MExpr *term_feature(FitContext *f, const AstCall *call, int feature) {
  MTerm *term = NEW(f->s->arena, MTerm);
  return fit_feature(f, call, feature, term) ? term_add(f, term, call, feature_dim(term)) : NULL;
}

MExpr *term_call(Checker *c, const AstCall *call, bool *ret_known) {
  static const char *const words[] = {"mean", "residual", "loglik",
#define FEATURE(id, word, takes, moves, counts, doc) word,
#include "lang/features.def"
#undef FEATURE
  };
  FitContext *f = c->fit;
  *ret_known = false;
  if (call->callee->kind != AST_NAME) return NULL;
  Name name = AST_AS(NameRef, call->callee)->name.name;
  const char *text = name_str(f->s, name);
  const Symbol *own = scope_find(f->names, name);
  if ((own && own->kind == SYM_FN) || (strcmp(text, "mean") != 0 && is_function(f, text, name))) return NULL;
  *ret_known = true;
  if (strcmp(text, "mean") == 0) return term_mean(f, call);
  if (strcmp(text, "residual") == 0) return term_residual(f, call);
  if (strcmp(text, "loglik") == 0) return term_loglik(f, call);
  if (feature_named(text) < FEATURES) return term_feature(f, call, feature_named(text));
  diag_unknown_term(f->s, call->callee->span, text, diag_nearest(text, words, COUNT_OF(words)));
  return NULL;
}

/* ---- the window */

bool fit_window(FitContext *f, const Ast *after, const Ast *between) {
  static const char begin[] = "the start of what counts", end[] = "the end of what counts";
  const AstRange *during = between && between->kind == AST_RANGE ? AST_AS(Range, between) : NULL;
  f->from = f->to = NULL;
  if ((between && !during) || (during && after)) {
    diag_during_form(f->s, between->span);
    return false;
  }
  if (after) f->from = net_time(f->n, after, begin, false);
  if (during) {
    f->from = net_time(f->n, during->from, begin, false);
    f->to = net_time(f->n, during->to, end, true);
  }
  if (((after || during) && !f->from) || (during && !f->to)) return false;
  Known from = net_known(f->n, f->from), to = net_known(f->n, f->to);
  if (!from.known || !to.known || from.value < to.value) return true;
  diag_window_empty(f->s, during->from->span, from.value, to.value);
  return false;
}

/* ---- the objective */

/* What may only stand inside of mean(…): a value of the neuron or of a recording. */
static const MExpr *of_a_step(const MExpr *e) {
  if (e->kind == MX_VAR || e->kind == MX_SAMPLE) return e;
  for (uint32_t i = 0; i < e->n_args; i++) {
    const MExpr *found = e->args[i] ? of_a_step(e->args[i]) : NULL;
    if (found) return found;
  }
  return NULL;
}

void fit_minimize(FitContext *f, const AstMinimize *ast) {
  Session *s = f->s;
  MStage *stage = f->stage;
  uint32_t errors = s->errors;
  if (!ast->value || !fit_window(f, ast->after, ast->during) || !fit_except(f, ast)) return;
  Want want = {.allow = ALLOW_MEASURE | ALLOW_CHANGING};
  f->c->fit = f;
  MExpr *e = check_expr(f->c, f->names, ast->value, &want);
  f->c->fit = NULL;
  if (!e || s->errors > errors) return;
  const MExpr *step = of_a_step(e);
  if (step) diag_objective_step(s, step->span, source_span_text(s, step->span, s->arena));
  else if (stage->terms.n == 0) diag_objective_constant(s, ast->value->span);
  else if (!dim_none(e->dim)) diag_objective_dimension(s, ast->value->span, e->dim);
  else if (e->type == M_BOOL || e->labels) arithmetic_operand(f->c, e, "minimize");
  else stage->objective = e;
}

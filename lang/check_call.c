/* Calls: builtin functions by their row in builtins.def, draws, and the model's own functions, which are
 * inlined.
 *
 * A function's arguments are checked once in the caller's scope and stand in the body as shared nodes, so an
 * argument is one value however often the body names it. An argument `in UNIT` enters the body as a plain
 * number (the quantity divided by one of the unit) and `-> UNIT` gives a plain result its unit: the border of
 * an empirical law. Recursion has no meaning for pure inlined functions and is refused. */
#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

enum { DEEPEST_CALLS = 64 };

/* ---- builtin functions */

typedef enum {
  DIMS_NUMBER,
  DIMS_SAME,
  DIMS_MUL,
  DIMS_DIV,
  DIMS_POW,
  DIMS_SQRT,
  DIMS_KEEP,
  DIMS_COMPARE,
  DIMS_LOGIC,
  DIMS_SIGN,
  DIMS_SELECT
} DimRule;

static const struct {
  const char *text;
  uint32_t arity;
  DimRule rule;
} builtins[] = {
#define BUILTIN(id, text, arity, dims, ir, doc) [B_##id] = {text, arity, DIMS_##dims},
#include "lang/builtins.def"
#undef BUILTIN
};

/* The builtin function of that name, B_COUNT if there is none (operators are not called by name). */
static Builtin builtin_named(const char *text) {
  for (int b = 0; b < B_COUNT; b++)
    if (text[0] >= 'a' && text[0] <= 'z' && strcmp(builtins[b].text, text) == 0 && b != B_AND && b != B_OR &&
        b != B_NOT)
      return (Builtin)b;
  return B_COUNT;
}

static bool plain_numbers(Checker *c, const char *fn, MExpr *const *args, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (dim_none(args[i]->dim)) continue;
    diag_plain_number_wanted(c->s, args[i]->span, fn, args[i]->dim);
    return false;
  }
  return true;
}

static MExpr *builtin_call(Checker *c, Scope *scope, const AstCall *call, Builtin b, const Want *want) {
  Span span = call->head.span;
  DimRule rule = builtins[b].rule;
  uint32_t n = builtins[b].arity;
  const char *fn = builtins[b].text;
  if (call->args.n != n) {
    diag_argument_count(c->s, span, fn, n, call->args.n, (Span){0, 0});
    return NULL;
  }
  Want w = {.allow = want->allow};
  if (rule == DIMS_SAME || rule == DIMS_KEEP) {
    w = *want;
    w.condition = false;
    w.labels = NULL;
  }
  MExpr *args[4] = {NULL};
  bool ok = true;
  for (uint32_t i = 0; i < n; i++) {
    args[i] = check_inner(c, scope, call->args.at[i], &w);
    ok = args[i] && arithmetic_operand(c, args[i], fn) && ok;
  }
  if (!ok) return NULL;
  Dim dim = args[0]->dim;
  switch (rule) {
    case DIMS_NUMBER:
      if (!plain_numbers(c, fn, args, n)) return NULL;
      break;
    case DIMS_SAME:
      if (!same_dims(c, &w, fn, span, args, n)) return NULL;
      dim = args[0]->dim;
      break;
    case DIMS_POW: return power_value(c, span, args[0], args[1]);
    case DIMS_SQRT:
      if (!dim_pow(dim, 1, 2, &dim)) {
        diag_exponent_broken(c->s, span, args[0]->dim, 0.5);
        return NULL;
      }
      break;
    case DIMS_SIGN: dim = DIM_NONE; break;
    case DIMS_KEEP:
    case DIMS_MUL:
    case DIMS_DIV:
    case DIMS_COMPARE:
    case DIMS_LOGIC:
    case DIMS_SELECT: break;
  }
  return expr_call(c, b, span, dim, M_REAL, args, n);
}

/* ---- draws */

static const struct {
  const char *text;
  Dist dist;
  uint32_t arity;
  bool numbers; /* plain numbers only */
} dists[] = {{"uniform", DIST_UNIFORM, 2, false},
             {"normal", DIST_NORMAL, 2, false},
             {"exponential", DIST_EXPONENTIAL, 1, false},
             {"lognormal", DIST_LOGNORMAL, 2, true}};

static bool dist_makes_sense(Checker *c, const AstCall *call, Dist dist, MExpr *const *args) {
  double a, b = 0;
  if (!expr_constant(args[0], false, &a) || (args[1] && !expr_constant(args[1], false, &b))) return true;
  bool ok = true;
  switch (dist) {
    case DIST_UNIFORM: ok = a <= b && isfinite(b - a); break;
    case DIST_NORMAL:
    case DIST_LOGNORMAL: ok = b >= 0 && isfinite(a) && isfinite(b); break;
    case DIST_EXPONENTIAL: ok = a >= 0 && isfinite(a); break;
    case DIST_COUNT: break;
  }
  if (!ok) diag_draw_arguments(c->s, call->head.span, dists[dist].text);
  return ok;
}

static MExpr *draw_call(Checker *c, Scope *scope, const AstCall *call, size_t row, const Want *want) {
  Span span = call->head.span;
  uint32_t n = dists[row].arity;
  if (!(want->allow & ALLOW_DRAW)) {
    diag_draw_misplaced(c->s, span, dists[row].text);
    return NULL;
  }
  if (call->args.n != n) {
    diag_argument_count(c->s, span, dists[row].text, n, call->args.n, (Span){0, 0});
    return NULL;
  }
  Want w = *want;
  w.allow &= ~(unsigned)ALLOW_DRAW;
  w.condition = false;
  w.labels = NULL;
  MExpr *args[4] = {NULL};
  for (uint32_t i = 0; i < n; i++) {
    args[i] = check_inner(c, scope, call->args.at[i], &w);
    if (!args[i] || !arithmetic_operand(c, args[i], dists[row].text)) return NULL;
  }
  if (dists[row].numbers && !plain_numbers(c, dists[row].text, args, n)) return NULL;
  if (!same_dims(c, &w, dists[row].text, span, args, n)) return NULL;
  if (!dist_makes_sense(c, call, dists[row].dist, args)) return NULL;
  return expr_draw(c, dists[row].dist, span, args[0]->dim, args, 4);
}

bool within_bounds(Checker *c, Scope *scope, const Ast *ast, Dim dim, const Want *want, MExpr **ret_lo, MExpr **ret_hi) {
  Want w = {.has_dim = true, .dim = dim, .who = "`within`", .allow = want->allow & ~(unsigned)ALLOW_DRAW};
  if (!ast || ast->kind != AST_INTERVAL) return false;
  const AstInterval *interval = AST_AS(Interval, ast);
  *ret_lo = check_expr(c, scope, interval->from, &w);
  *ret_hi = check_expr(c, scope, interval->to, &w);
  if (!*ret_lo || !*ret_hi) return false;
  double lo, hi;
  if (expr_constant(*ret_lo, false, &lo) && expr_constant(*ret_hi, false, &hi) && !(lo < hi)) {
    diag_interval_empty(c->s, interval->head.span);
    return false;
  }
  if ((*ret_lo)->kind == MX_NUM && isinf((*ret_lo)->num)) *ret_lo = NULL;
  if ((*ret_hi)->kind == MX_NUM && isinf((*ret_hi)->num)) *ret_hi = NULL;
  return true;
}

MExpr *within_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const AstWithin *within = AST_AS(Within, ast);
  if (is_choice(c, scope, within->draw)) return choice_within(c, scope, AST_AS(Call, within->draw), want, within->interval);
  MExpr *draw = check_inner(c, scope, within->draw, want);
  if (!draw) return NULL;
  if (draw->kind != MX_DRAW || draw->args[2] || draw->args[3]) {
    diag_within_wants_draw(c->s, within->draw->span);
    return NULL;
  }
  MExpr *args[4] = {draw->args[0], draw->args[1]};
  if (!within_bounds(c, scope, within->interval, draw->dim, want, &args[2], &args[3])) return NULL;
  return expr_draw(c, draw->dist, ast->span, draw->dim, args, 4);
}

/* ---- the model's functions */

static MExpr *fn_argument(Checker *c, Scope *scope, const AstFn *fn, const AstFnArg *arg, const Ast *given,
                          const Want *want) {
  Want w = {.allow = want->allow};
  Unit unit;
  if (arg->unit) {
    if (!check_unit(c, arg->unit, &unit)) return NULL;
    w.has_dim = true;
    w.dim = unit.dim;
    w.who =
        arena_printf(c->arena, "`%s` of `%s`", name_str(c->s, arg->name.name), name_str(c->s, fn->name.name));
  }
  MExpr *e = check_expr(c, scope, given, &w);
  return arg->unit ? expr_from_unit(c, e, &unit) : e;
}

/* The result in the declared unit: a plain number gets it, a quantity must have it. */
static MExpr *fn_result(Checker *c, const AstFn *fn, MExpr *body) {
  if (!body || !fn->unit) return body;
  Unit unit;
  if (!check_unit(c, fn->unit, &unit)) return NULL;
  if (body->type == M_BOOL) {
    diag_condition_misplaced(c->s, body->span,
                             arena_printf(c->arena, "the result of `%s`", name_str(c->s, fn->name.name)));
    return NULL;
  }
  if (unit.offset != 0) {
    diag_unit_celsius(c->s, fn->unit->span);
    return NULL;
  }
  if (dim_eq(body->dim, unit.dim)) return body;
  if (dim_none(body->dim)) return expr_to_unit(c, body, &unit);
  diag_unit_wanted(c->s, body->span,
                   arena_printf(c->arena, "the result of `%s`", name_str(c->s, fn->name.name)), unit.dim,
                   body->dim);
  return NULL;
}

static MExpr *fn_body(Checker *c, Scope *outer, const AstFn *fn, MExpr *const *args) {
  Scope *scope = scope_new(c, outer);
  for (uint32_t i = 0; i < fn->args.n; i++) {
    const AstFnArg *arg = AST_AS(FnArg, fn->args.at[i]);
    Symbol *symbol = scope_declare(c, scope, SYM_EXPR, arg->name.name, arg->name.span);
    symbol->expr = args[i];
    symbol->failed = !args[i];
  }
  Want want = {.allow = ALLOW_CHANGING};
  return fn_result(c, fn, check_inner(c, scope, fn->body, &want));
}

static MExpr *fn_call(Checker *c, Scope *scope, Symbol *symbol, const AstCall *call, const Want *want) {
  const AstFn *fn = AST_AS(Fn, symbol->ast);
  const char *name = name_str(c->s, symbol->name);
  Span span = call->head.span;
  if (symbol->failed) return NULL;
  if (call->args.n != fn->args.n) {
    diag_argument_count(c->s, span, name, fn->args.n, call->args.n, symbol->span);
    return NULL;
  }
  MExpr **args = NEW_ARRAY(c->arena, MExpr *, fn->args.n + 1);
  bool ok = true;
  for (uint32_t i = 0; i < fn->args.n; i++) {
    args[i] = fn_argument(c, scope, fn, AST_AS(FnArg, fn->args.at[i]), call->args.at[i], want);
    ok = args[i] && ok;
  }
  if (!ok) return NULL;
  if (symbol->status == SYM_BUSY || c->fn_depth >= DEEPEST_CALLS) {
    diag_fn_recursive(c->s, span, name, symbol->span);
    symbol->failed = c->too_large = true;
    return NULL;
  }
  uint32_t errors = c->s->errors;
  symbol->status = SYM_BUSY;
  c->fn_depth++;
  MExpr *e = fn_body(c, symbol->scope, fn, args);
  c->fn_depth--;
  symbol->status = SYM_DONE;
  /* what grew too large once is not tried again: functions that call each other twice would take for ever */
  if (!e && c->too_large) symbol->failed = true;
  if (!e && c->s->errors > errors && !symbol->failed)
    diag_note(c->s, c->s->diags.at[c->s->diags.n - 1], span, "in this call of `%s`", name);
  return e;
}

/* ---- functions with a meaning of their own */

/* `delayed(x, d)`: x a value of this component that changes, d constant in a run. Where time has a meaning. */
static MExpr *delayed_value(Checker *c, Scope *scope, const AstCall *call, const Want *want) {
  static const Dim time = {{DIM_ONE}};
  Span span = call->head.span;
  double d;
  if (call->args.n != 2) {
    diag_argument_count(c->s, span, "delayed", 2, call->args.n, (Span){0, 0});
    return NULL;
  }
  if (!(want->allow & ALLOW_TIME) || !(want->allow & ALLOW_CHANGING)) {
    diag_delayed_misplaced(c->s, span);
    return NULL;
  }
  Want value = *want, delay = {.has_dim = true, .dim = time, .who = "the time of `delayed`"};
  value.allow = ALLOW_CHANGING | ALLOW_TIME;
  value.condition = false;
  value.labels = NULL;
  MExpr *x = check_inner(c, scope, call->args.at[0], &value), *by = check_expr(c, scope, call->args.at[1], &delay);
  if (!x || !by || !arithmetic_operand(c, x, "delayed")) return NULL;
  bool known = expr_constant(by, false, &d);
  if (!expr_varies(x) || (known && !(d > 0 && isfinite(d)))) {
    diag_delayed_form(c->s, expr_varies(x) ? by->span : x->span, !expr_varies(x));
    return NULL;
  }
  return expr_delayed(c, span, x, by);
}

static bool reserved_call(Checker *c, Scope *scope, const AstCall *call, const char *name, const Want *want, MExpr **ret) {
  static const Dim per_root_time = {{-DIM_ONE / 2}};
  Span span = call->head.span;
  *ret = NULL;
  if (strcmp(name, "white_noise") == 0) {
    if (call->args.n != 0)
      diag_argument_count(c->s, span, name, 0, call->args.n, (Span){0, 0});
    else if (!(want->allow & ALLOW_NOISE))
      diag_noise_misplaced(c->s, span);
    else
      *ret = expr_leaf(c, MX_NOISE, per_root_time, span);
    return true;
  }
  if (strcmp(name, "delayed") == 0) {
    *ret = delayed_value(c, scope, call, want);
    return true;
  }
  if (strcmp(name, "sum") == 0 || strcmp(name, "mean") == 0) {
    *ret = total_value(c, scope, call, want);
    return true;
  }
  if (strcmp(name, "choice") == 0) {
    *ret = choice_value(c, scope, call, want);
    return true;
  }
  return false;
}

/* *ret_failed: a function of a file that could not be read. */
static Symbol *callee_symbol(Checker *c, Scope *scope, const Ast *callee, bool *ret_failed) {
  *ret_failed = false;
  if (callee->kind != AST_MEMBER) return scope_find(scope, path_name(c, callee));
  const AstMember *m = AST_AS(Member, callee);
  Name base_name = path_name(c, m->base);
  Symbol *base = name_none(base_name) ? NULL : scope_find(scope, base_name);
  *ret_failed = base && base->kind == SYM_MODULE && base->failed;
  if (base && base->kind == SYM_MODULE && !base->failed) return scope_find_here(base->module, m->name.name);
  return NULL;
}

MExpr *call_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const AstCall *call = AST_AS(Call, ast);
  Name name = path_name(c, call->callee);
  if (want->allow & ALLOW_MEASURE) {
    bool is_measure;
    MExpr *measure = c->fit ? term_call(c, call, &is_measure) : measure_call(c, call, &is_measure);
    if (is_measure) return measure;
  }
  const Symbol *own = name_none(name) ? NULL : scope_find(scope, name);
  if ((want->allow & ALLOW_SIGNAL) && !(own && own->kind == SYM_FN)) {
    bool is_signal;
    MExpr *signal = signal_call(c, scope, call, want, &is_signal);
    if (is_signal) return signal;
  }
  for (uint32_t i = 0; i < call->args.n; i++)
    if (call->args.at[i]->kind == AST_NAMED) {
      diag_named_argument(c->s, call->args.at[i]->span);
      return NULL;
    }
  if (name_none(name)) {
    diag_not_a_function(c->s, call->callee->span, "this", NULL, (Span){0, 0});
    return NULL;
  }
  bool failed;
  Symbol *symbol = callee_symbol(c, scope, call->callee, &failed);
  if (failed) return NULL;
  if (symbol && symbol->kind == SYM_FN) return fn_call(c, scope, symbol, call, want);
  const char *text = name_str(c->s, name);
  Builtin b = builtin_named(text);
  if (b != B_COUNT) return builtin_call(c, scope, call, b, want);
  for (size_t i = 0; i < COUNT_OF(dists); i++)
    if (strcmp(dists[i].text, text) == 0) return draw_call(c, scope, call, i, want);
  MExpr *value;
  if (reserved_call(c, scope, call, text, want, &value)) return value;
  if (symbol)
    diag_not_a_function(c->s, call->callee->span, text, symbol_kind_text(c, symbol), symbol->span);
  else
    unknown_function(c, scope, name, call->callee->span);
  return NULL;
}

void unknown_function(Checker *c, Scope *scope, Name name, Span span) {
  TextList names = {0};
  for (int b = 0; b < B_COUNT; b++)
    if (builtin_named(builtins[b].text) != B_COUNT) vec_push(c->arena, &names, builtins[b].text);
  for (size_t i = 0; i < COUNT_OF(dists); i++) vec_push(c->arena, &names, dists[i].text);
  vec_push(c->arena, &names, "white_noise");
  for (Scope *s = scope; s; s = s->parent)
    for (uint32_t i = 0; i < s->symbols.n; i++)
      if (s->symbols.at[i]->kind == SYM_FN)
        vec_push(c->arena, &names, name_str(c->s, s->symbols.at[i]->name));
  const char *word = name_str(c->s, name);
  diag_unknown_function(c->s, span, word, diag_nearest(word, names.at, names.n));
}

/* ---- fn declarations */

typedef struct {
  Checker *c;
  Scope *scope;
} NamesWalk;

static void names_known(Ast *ast, void *context) {
  NamesWalk *w = context;
  if (!ast || w->c->depth >= 1000) return;
  w->c->depth++;
  if (ast->kind == AST_NAME) {
    Name name = AST_AS(NameRef, ast)->name.name;
    const char *text = name_str(w->c->s, name);
    bool known = scope_find(w->scope, name) || strcmp(text, "inf") == 0;
    if (!known && (strcmp(text, "t") == 0 || strcmp(text, "dt") == 0))
      diag_time_misplaced(w->c->s, ast->span, text);
    else if (!known)
      unknown_name(w->c, w->scope, name, ast->span, NULL);
  } else if (ast->kind == AST_CALL) {
    const AstCall *call = AST_AS(Call, ast);
    for (uint32_t i = 0; i < call->args.n; i++) names_known(call->args.at[i], w);
  } else if (ast->kind != AST_MEMBER) {
    ast_each_child(ast, names_known, w);
  }
  w->c->depth--;
}

/* With units on all arguments the whole body can be checked; else its dimensions depend on the caller. */
void check_fn(Checker *c, Scope *scope, const AstFn *fn) {
  bool units = true;
  MExpr **args = NEW_ARRAY(c->arena, MExpr *, fn->args.n + 1);
  Scope *names = scope_new(c, scope);
  for (uint32_t i = 0; i < fn->args.n; i++) {
    const AstFnArg *arg = AST_AS(FnArg, fn->args.at[i]);
    Unit unit;
    if (arg->unit && !check_unit(c, arg->unit, &unit)) return;
    units = units && arg->unit;
    args[i] = expr_leaf(c, MX_ARG, DIM_NONE, arg->name.span);
    uint32_t errors = c->s->errors;
    scope_declare(c, names, SYM_EXPR, arg->name.name, arg->name.span);
    if (c->s->errors > errors) return;
  }
  Unit unit;
  if (fn->unit && !check_unit(c, fn->unit, &unit)) return;
  if (units) {
    fn_body(c, scope, fn, args);
  } else {
    NamesWalk walk = {c, names};
    names_known(fn->body, &walk);
  }
}

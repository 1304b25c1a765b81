/* `choice(a, b, …)` -> one uniform draw and a chain of selects: each alternative equally likely.
 *
 * A number between 0 and n decides, so all that knows draws knows choices: keys, ordinals, one value per element. The
 * alternatives are numbers and quantities of one dimension, or labels of one set; they are no draws themselves. */
#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

static bool alternatives(Checker *c, Scope *scope, const AstCall *call, const Want *want, MExpr **args) {
  Want w = *want;
  uint32_t n = call->args.n;
  w.allow &= ~(unsigned)ALLOW_DRAW;
  w.condition = false;
  for (uint32_t i = 0; i < n; i++) {
    args[i] = check_inner(c, scope, call->args.at[i], &w);
    if (!args[i]) return false;
    if (args[i]->type == M_BOOL) {
      diag_condition_misplaced(c->s, args[i]->span, "`choice`");
      return false;
    }
    if (args[i]->labels != args[0]->labels) {
      diag_labels_compared(c->s, call->head.span, true);
      return false;
    }
  }
  return same_dims_all(c, &w, "choice", call->head.span, args, n);
}

/* The alternatives of a choice; NULL after a message. */
static MExpr **alternatives_of(Checker *c, Scope *scope, const AstCall *call, const Want *want) {
  uint32_t n = call->args.n;
  if (!(want->allow & ALLOW_DRAW)) {
    diag_draw_misplaced(c->s, call->head.span, "choice");
    return NULL;
  }
  if (n < 2) {
    diag_argument_count(c->s, call->head.span, "choice", 2, n, (Span){0, 0});
    return NULL;
  }
  MExpr **args = NEW_ARRAY(c->arena, MExpr *, n);
  return alternatives(c, scope, call, want, args) ? args : NULL;
}

static MExpr *select_value(Checker *c, Span span, MExpr *cond, MExpr *then, MExpr *other) {
  MExpr *three[3] = {cond, then, other};
  return cond && then && other ? expr_call(c, B_SELECT, span, then->dim, M_REAL, three, 3) : NULL;
}

static MExpr *compare(Checker *c, Span span, Builtin op, MExpr *a, MExpr *b) {
  MExpr *two[2] = {a, b};
  return expr_call(c, op, span, DIM_NONE, M_BOOL, two, 2);
}

/* A uniform draw between 0 and the number of alternatives. */
static MExpr *place_drawn(Checker *c, Span span, MExpr *count) {
  MExpr *bounds[4] = {expr_number(c, 0, DIM_NONE, span), count};
  return count ? expr_draw(c, DIST_UNIFORM, span, DIM_NONE, bounds, 4) : NULL;
}

/* One of n, each equally likely. */
static MExpr *one_of(Checker *c, Span span, MExpr *const *args, uint32_t n) {
  MExpr *place = place_drawn(c, span, expr_number(c, n, DIM_NONE, span)), *chosen = args[n - 1];
  for (uint32_t i = n - 1; chosen && i-- > 0;)
    chosen = select_value(c, span, compare(c, span, B_LT, place, expr_number(c, i + 1, DIM_NONE, span)), args[i], chosen);
  return chosen;
}

MExpr *choice_value(Checker *c, Scope *scope, const AstCall *call, const Want *want) {
  MExpr **args = alternatives_of(c, scope, call, want);
  MExpr *chosen = args ? one_of(c, call->head.span, args, call->args.n) : NULL;
  if (chosen) chosen->labels = args[0]->labels;
  return chosen;
}

/* ---- `choice(a, b, …) within [lo, hi]`: to draw again until inside is to choose among those inside */

bool is_choice(const Checker *c, Scope *scope, const Ast *ast) {
  if (!ast || ast->kind != AST_CALL || AST_AS(Call, ast)->callee->kind != AST_NAME) return false;
  Name name = AST_AS(NameRef, AST_AS(Call, ast)->callee)->name.name;
  const Symbol *own = scope_find(scope, name);
  return strcmp(name_str(c->s, name), "choice") == 0 && !(own && own->kind == SYM_FN);
}

/* 1 or 0. A bound that is NULL bounds nothing. */
static MExpr *lies_inside(Checker *c, MExpr *of, const AstInterval *interval, MExpr *lo, MExpr *hi) {
  Span span = of->span;
  MExpr *e = expr_number(c, 1, DIM_NONE, span), *none = expr_number(c, 0, DIM_NONE, span);
  if (lo) e = select_value(c, span, compare(c, span, interval->open_from ? B_GT : B_GE, of, lo), e, none);
  if (hi) e = select_value(c, span, compare(c, span, interval->open_to ? B_LT : B_LE, of, hi), e, none);
  return e;
}

/* The i-th is taken where the place lies below the number of those inside up to there. None inside: not a number, which
 * ends the run as any draw does that finds nothing. */
static MExpr *one_inside(Checker *c, Span span, MExpr *const *args, MExpr *const *inside, uint32_t n) {
  MExpr **below = NEW_ARRAY(c->arena, MExpr *, n);
  MExpr *chosen = expr_number(c, NAN, args[0]->dim, span), *none = expr_number(c, 0, DIM_NONE, span);
  for (uint32_t i = 0; i < n; i++) {
    MExpr *sum[2] = {i ? below[i - 1] : none, inside[i]};
    below[i] = expr_call(c, B_ADD, span, DIM_NONE, M_REAL, sum, 2);
    chosen = select_value(c, span, compare(c, span, B_GT, inside[i], none), args[i], chosen);
  }
  MExpr *place = place_drawn(c, span, below[n - 1]);
  for (uint32_t i = n; chosen && i-- > 0;)
    chosen = select_value(c, span, compare(c, span, B_LT, place, below[i]), args[i], chosen);
  return chosen;
}

MExpr *choice_within(Checker *c, Scope *scope, const AstCall *call, const Want *want, const Ast *interval) {
  Span span = call->head.span;
  MExpr **args = alternatives_of(c, scope, call, want);
  if (!args) return NULL;
  if (args[0]->labels) {
    diag_labels_compared(c->s, span, false);
    return NULL;
  }
  MExpr *lo, *hi;
  if (!within_bounds(c, scope, interval, args[0]->dim, want, &lo, &hi)) return NULL;
  MExpr **inside = NEW_ARRAY(c->arena, MExpr *, call->args.n);
  uint32_t n = 0;
  bool all_known = true;
  for (uint32_t i = 0; i < call->args.n; i++) {
    double value = 1;
    MExpr *e = lies_inside(c, args[i], AST_AS(Interval, interval), lo, hi);
    bool known = e && expr_constant(e, false, &value);
    if (!e) return NULL;
    if (known && value == 0) continue;
    all_known = all_known && known;
    args[n] = args[i];
    inside[n++] = e;
  }
  if (n == 0) {
    diag_choice_outside(c->s, span, interval->span);
    return NULL;
  }
  return all_known ? one_of(c, span, args, n) : one_inside(c, span, args, inside, n);
}

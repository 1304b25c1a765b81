/* `choice(a, b, …)` -> one uniform draw and a chain of selects: each alternative equally likely.
 *
 * A number between 0 and n decides, so all that knows draws knows choices: keys, ordinals, one value per element. The
 * alternatives are numbers and quantities of one dimension, or labels of one set; they are no draws themselves. */
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

MExpr *choice_value(Checker *c, Scope *scope, const AstCall *call, const Want *want) {
  Span span = call->head.span;
  uint32_t n = call->args.n;
  if (!(want->allow & ALLOW_DRAW)) {
    diag_draw_misplaced(c->s, span, "choice");
    return NULL;
  }
  if (n < 2) {
    diag_argument_count(c->s, span, "choice", 2, n, (Span){0, 0});
    return NULL;
  }
  MExpr **args = NEW_ARRAY(c->arena, MExpr *, n);
  if (!alternatives(c, scope, call, want, args)) return NULL;
  MExpr *bounds[4] = {expr_number(c, 0, DIM_NONE, span), expr_number(c, n, DIM_NONE, span)};
  MExpr *where = expr_draw(c, DIST_UNIFORM, span, DIM_NONE, bounds, 4), *chosen = args[n - 1];
  for (uint32_t i = n - 1; chosen && i-- > 0;) {
    MExpr *below[2] = {where, expr_number(c, i + 1, DIM_NONE, span)};
    MExpr *three[3] = {expr_call(c, B_LT, span, DIM_NONE, M_BOOL, below, 2), args[i], chosen};
    chosen = expr_call(c, B_SELECT, span, args[0]->dim, M_REAL, three, 3);
  }
  if (chosen) chosen->labels = args[0]->labels;
  return chosen;
}

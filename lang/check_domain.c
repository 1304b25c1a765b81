/* Domains and units of declarations: `in (0, inf)`, `in [0 pA, w_max]`, `in {poisson, dc}`, `: mV`. */
#include <math.h>

#include "lang/check.h"

bool check_unit(Checker *c, const Ast *unit, Unit *ret) {
  *ret = (Unit){.scale = 1, .exact = true};
  if (!unit) return false;
  return unit_parse(c->s, unit->span, name_str(c->s, AST_AS(Unit, unit)->text), ret);
}

static bool check_interval(Checker *c, Scope *scope, const AstInterval *interval, Dim dim, const char *who,
                           MDomain *ret) {
  Want want = {.has_dim = true, .dim = dim, .who = who};
  MExpr *lo = check_expr(c, scope, interval->from, &want), *hi = check_expr(c, scope, interval->to, &want);
  if (!lo || !hi) return false;
  double a, b;
  if (expr_constant(lo, false, &a) && expr_constant(hi, false, &b)) {
    bool open = interval->open_from || interval->open_to;
    if (a > b || (a == b && open)) {
      diag_interval_empty(c->s, interval->head.span);
      return false;
    }
  }
  ret->lo = lo->kind == MX_NUM && lo->num == -INFINITY ? NULL : lo;
  ret->hi = hi->kind == MX_NUM && hi->num == INFINITY ? NULL : hi;
  ret->open_lo = interval->open_from;
  ret->open_hi = interval->open_to;
  return true;
}

bool check_domain(Checker *c, Scope *scope, const Ast *ast, Dim dim, const char *who, MDomain *ret) {
  *ret = (MDomain){0};
  if (!ast) return true;
  ret->span = ast->span;
  ret->has = true;
  if (ast->kind == AST_INTERVAL) return check_interval(c, scope, AST_AS(Interval, ast), dim, who, ret);
  if (ast->kind != AST_SET || AST_AS(SetExpr, ast)->items.n == 0) {
    diag_domain_wanted(c->s, ast->span);
    return false;
  }
  const AstSetExpr *set = AST_AS(SetExpr, ast);
  for (uint32_t i = 0; i < set->items.n; i++) {
    const Ast *item = set->items.at[i];
    if (item->kind != AST_NAME) {
      diag_label_wanted(c->s, item->span);
      return false;
    }
    Name label = path_name(c, item);
    for (uint32_t j = 0; j < i; j++)
      if (name_eq(ret->labels.at[j], label)) {
        diag_declared_twice(c->s, item->span, name_str(c->s, label), set->items.at[j]->span);
        return false;
      }
    vec_push(c->arena, &ret->labels, label);
  }
  return true;
}

/* 1 inside, 0 outside, -1 not known. */
static int bound_holds(const MExpr *bound, bool open, double value, int sign) {
  double b;
  if (!bound) return 1;
  if (!expr_constant(bound, true, &b)) return -1;
  return open ? sign * (value - b) > 0 : sign * (value - b) >= 0;
}

bool domain_holds(const MDomain *domain, const MExpr *value) {
  double v;
  if (!domain->has || domain->labels.n || !expr_constant(value, true, &v)) return true;
  return bound_holds(domain->lo, domain->open_lo, v, 1) != 0 &&
         bound_holds(domain->hi, domain->open_hi, v, -1) != 0;
}

void check_in_domain(Checker *c, const MDomain *domain, Name what, const MExpr *value) {
  for (uint32_t i = 0; value && value->kind == MX_COLUMN && i < value->column->n; i++)
    check_in_domain(c, domain, what, value->column->items[i]);
  if (!value || domain_holds(domain, value)) return;
  const char *text = source_span_text(c->s, value->span, c->arena);
  const char *interval = source_span_text(c->s, domain->span, c->arena);
  diag_outside_domain(c->s, value->span, name_str(c->s, what), text, interval, domain->span);
}

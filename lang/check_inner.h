/* Between the files that check expressions. */
#ifndef NSL_LANG_CHECK_INNER_H
#define NSL_LANG_CHECK_INNER_H

#include "lang/check.h"

/* The expression before it is held against what the place wants. */
MExpr *check_inner(Checker *c, Scope *scope, const Ast *ast, const Want *want);
MExpr *call_value(Checker *c, Scope *scope, const Ast *ast, const Want *want);
MExpr *within_value(Checker *c, Scope *scope, const Ast *ast, const Want *want);
MExpr *power_value(Checker *c, Span span, MExpr *base, MExpr *exponent);
/* `choice(a, b, …)`: a draw (check_choice.c). */
MExpr *choice_value(Checker *c, Scope *scope, const AstCall *call, const Want *want);
bool is_choice(const Checker *c, Scope *scope, const Ast *ast);
MExpr *choice_within(Checker *c, Scope *scope, const AstCall *call, const Want *want, const Ast *interval);
/* The ends of a `within`; NULL: that end is open. */
bool within_bounds(Checker *c, Scope *scope, const Ast *ast, Dim dim, const Want *want, MExpr **ret_lo, MExpr **ret_hi);
/* check_if.c */
MExpr *if_value(Checker *c, Scope *scope, const Ast *ast, const Want *want);
/* What an operand of something that is wanted may be; alike: it has the same dimension. */
Want operand_want(const Want *want, bool alike);
/* A literal 0 or inf. */
bool expr_fits_any(const MExpr *e);
/* Makes literals 0 and inf fit; false after a message when the dimensions differ. */
bool same_dims(Checker *c, const Want *want, const char *op, Span span, MExpr **args, uint32_t n);
/* The same for any number. */
bool same_dims_all(Checker *c, const Want *want, const char *op, Span span, MExpr **args, uint32_t n);
/* `sum(…)` or `mean(…)` (check_sum.c). */
bool is_total(Checker *c, const Ast *ast);
MExpr *total_value(Checker *c, Scope *scope, const AstCall *call, const Want *want);
/* Reports that e has not the wanted dimension. */
void blame(Checker *c, const MExpr *e, const Want *want);
/* No condition, no label. */
bool arithmetic_operand(Checker *c, const MExpr *e, const char *op);
/* `na.g`, `lab.f`; *ret_reported: a message was given. */
Symbol *path_member(Checker *c, Scope *scope, const AstMember *m, bool *ret_reported);
void unknown_name(Checker *c, Scope *scope, Name name, Span span, const MDomain *labels);
void unknown_function(Checker *c, Scope *scope, Name name, Span span);

#endif

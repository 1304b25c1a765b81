/* `if … then … else …` of expressions. Of one whose condition is one of indices each element has its own branch alone. */
#include "lang/check_inner.h"

typedef struct {
  const Scope *scope;
  bool found;
} IndexNamed;

static void index_named(Ast *ast, void *context) {
  IndexNamed *k = context;
  const Symbol *symbol = ast->kind == AST_NAME ? scope_find((Scope *)k->scope, AST_AS(NameRef, ast)->name.name) : NULL;
  k->found |= symbol && symbol->kind == SYM_ELEMENT;
  if (!k->found) ast_each_child(ast, index_named, k);
}

/* Which branch an element has, where the condition is one of its index: the other one may ask for elements that there are not, or that
 * need this one. NULL: both. */
static const Ast *branch_of_index(Scope *scope, const AstIfExpr *f, const MExpr *cond) {
  IndexNamed k = {.scope = scope};
  double holds;
  if (!cond || !f->other || !expr_constant(cond, false, &holds)) return NULL;
  index_named(f->cond, &k);
  return !k.found ? NULL : holds != 0 ? f->then : f->other;
}

static Want condition_want(const Want *want) {
  Want cond = operand_want(want, false);
  cond.condition = true;
  cond.who = "if";
  return cond;
}

const Ast *check_branch(Checker *c, Scope *scope, const Ast *ast) {
  Want any = {0}, cond = condition_want(&any);
  while (ast && ast->kind == AST_IF_EXPR) {
    const AstIfExpr *f = AST_AS(IfExpr, ast);
    IndexNamed k = {.scope = scope};
    index_named(f->cond, &k);
    const Ast *only = k.found ? branch_of_index(scope, f, check_expr(c, scope, f->cond, &cond)) : NULL;
    if (!only) break;
    ast = only;
  }
  return ast;
}

static MExpr *branch_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  MExpr *e = check_inner(c, scope, ast, want);
  if (!e || e->type != M_BOOL) return e;
  diag_condition_misplaced(c->s, e->span, "`if`");
  return NULL;
}

MExpr *if_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const AstIfExpr *f = AST_AS(IfExpr, ast);
  Want cond = condition_want(want), w = operand_want(want, true);
  w.labels = want->labels;
  MExpr *args[3] = {check_expr(c, scope, f->cond, &cond)};
  const Ast *only = branch_of_index(scope, f, args[0]);
  if (only) return branch_value(c, scope, only, &w);
  args[1] = check_inner(c, scope, f->then, &w);
  args[2] = f->other ? check_inner(c, scope, f->other, &w) : NULL;
  if (!args[0] || !args[1] || !args[2]) return NULL;
  for (int i = 1; i < 3; i++)
    if (args[i]->type == M_BOOL) {
      diag_condition_misplaced(c->s, args[i]->span, "`if`");
      return NULL;
    }
  if (args[1]->labels != args[2]->labels) {
    diag_labels_compared(c->s, ast->span, true);
    return NULL;
  }
  if (!same_dims(c, &w, "if", ast->span, args + 1, 2)) return NULL;
  MExpr *e = expr_call(c, B_SELECT, ast->span, args[1]->dim, M_REAL, args, 3);
  if (e) e->labels = args[1]->labels;
  return e;
}

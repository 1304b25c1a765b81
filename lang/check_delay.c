/* The two parts of a delay, `axonal(a) + dendritic(b)`, before and behind the synapse: a synapse without memory meets their sum. */
#include <string.h>

#include "lang/net.h"

static const AstCall *part_of(const Net *n, const Ast *ast, bool *ret_axonal) {
  if (!ast || ast->kind != AST_CALL || AST_AS(Call, ast)->callee->kind != AST_NAME) return NULL;
  const char *name = name_str(n->s, AST_AS(NameRef, AST_AS(Call, ast)->callee)->name.name);
  *ret_axonal = strcmp(name, "axonal") == 0;
  return *ret_axonal || strcmp(name, "dendritic") == 0 ? AST_AS(Call, ast) : NULL;
}

/* Does a part stand anywhere at the top of the expression? */
bool net_delay_has_parts(const Net *n, const Ast *ast) {
  bool axonal;
  if (part_of(n, ast, &axonal)) return true;
  if (!ast || ast->kind != AST_BINARY || ast->height > 100) return false;
  return net_delay_has_parts(n, AST_AS(Binary, ast)->left) || net_delay_has_parts(n, AST_AS(Binary, ast)->right);
}

static MExpr *delay_part(Net *n, Scope *scope, const AstCall *call, const Want *want) {
  if (call->args.n != 1) {
    diag_delay_parts(n->s, call->head.span);
    return NULL;
  }
  MExpr *e = check_expr(n->c, scope, call->args.at[0], want);
  Known k = net_known(n, e);
  if (e && k.known && k.value < 0) {
    diag_delay_not_positive(n->s, call->args.at[0]->span, k.value);
    return NULL;
  }
  return e;
}

MExpr *net_delay_parts(Net *n, Scope *scope, const Ast *ast, const Want *want) {
  const AstBinary *sum = ast->kind == AST_BINARY && AST_AS(Binary, ast)->op == OP_ADD ? AST_AS(Binary, ast) : NULL;
  bool first = false, second = true;
  const AstCall *a = part_of(n, sum ? sum->left : ast, &first), *b = sum ? part_of(n, sum->right, &second) : NULL;
  if (!a || (sum && (!b || first == second))) {
    diag_delay_parts(n->s, ast->span);
    return NULL;
  }
  MExpr *x = delay_part(n, scope, a, want), *y = b ? delay_part(n, scope, b, want) : NULL;
  if (!b || !x || !y) return b ? NULL : x;
  MExpr *args[2] = {x, y};
  return expr_call(n->c, B_ADD, ast->span, x->dim, M_REAL, args, 2);
}

bool net_delay_axonal(Net *n, Scope *scope, const AstAssign *delay, MExpr **ret) {
  const Ast *ast = delay->value;
  Want want = {.has_dim = true, .dim = dim_time(1), .who = "the axonal part of the delay", .allow = ALLOW_DT};
  if (!net_delay_has_parts(n, ast)) return true;
  const AstBinary *sum = ast->kind == AST_BINARY ? AST_AS(Binary, ast) : NULL;
  const Ast *parts[2] = {sum ? sum->left : ast, sum ? sum->right : NULL};
  for (int i = 0; i < 2; i++) {
    bool axonal = false;
    const AstCall *call = part_of(n, parts[i], &axonal);
    if (call && axonal && !(*ret = delay_part(n, scope, call, &want))) return false;
  }
  return true;
}

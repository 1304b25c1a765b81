/* What a file declares outside of all blocks: `let F = 96485 C/mol`, `index layer = { L4, L5 }`,
 * `let g[k in layer] = [1 nS, 2 nS]`.
 *
 * Constants are numbers that are known at compile time and are folded where they are used; a family is one constant for
 * each element. Index sets are declared after the plain constants, which may be the ends of ranges, and before the
 * families. */
#include <string.h>

#include "lang/check.h"

/* The element of a value written as a (nested) list, the value itself if it is none, NULL after a message. */
const Ast *family_list_element(Checker *c, const Ast *value, const Family *family, const uint32_t *position) {
  if (!value || value->kind != AST_LIST) return value;
  for (uint32_t axis = 0; axis < family->n_axes; axis++) {
    if (value->kind != AST_LIST || AST_AS(ListExpr, value)->items.n != family->axes[axis]->n) {
      uint32_t got = value->kind == AST_LIST ? AST_AS(ListExpr, value)->items.n : 1;
      diag_list_length(c->s, value->span, family->axes[axis]->n, got,
                       name_str(c->s, family->axes[axis]->name), family->axes[axis]->span);
      return NULL;
    }
    value = AST_AS(ListExpr, value)->items.at[position[axis]];
  }
  return value;
}

static bool literal_fits_any(Checker *c, const Ast *ast) {
  if (ast->kind == AST_UNARY && AST_AS(Unary, ast)->op == OP_NEG) ast = AST_AS(Unary, ast)->arg;
  if (ast->kind == AST_NAME) return strcmp(name_str(c->s, AST_AS(NameRef, ast)->name.name), "inf") == 0;
  return ast->kind == AST_NUMBER && !AST_AS(Number, ast)->unit && AST_AS(Number, ast)->value == 0;
}

const Symbol *family_model(Checker *c, const Family *family, const Symbol *member, const Ast *(*value)(const Symbol *)) {
  for (uint32_t i = 0; i < family->members.n; i++) {
    Symbol *other = family->members.at[i];
    const Ast *ast = check_branch(c, other->scope, value(other));
    if (!ast || literal_fits_any(c, ast)) continue;
    if (other == member || other->status == SYM_BUSY) return NULL;
    return symbol_resolve(c, other, other->span) ? other : NULL;
  }
  return NULL;
}

/* One constant: Symbol.context. */
typedef struct {
  const AstItem *item;
  const Ast *value; /* item's, or the element of its list */
  const Family *family;
} Constant;

static const Ast *constant_ast(const Symbol *symbol) { return ((const Constant *)symbol->context)->value; }

static void resolve_constant(Checker *c, Symbol *symbol) {
  const Constant *k = symbol->context;
  Want want = {.who = arena_printf(c->arena, "the constant `%s`", name_str(c->s, symbol->name))};
  Unit unit;
  double value;
  symbol->failed = true;
  if (k->item->unit) {
    if (!check_unit(c, k->item->unit, &unit)) return;
    want.has_dim = true;
    want.dim = unit.dim;
  }
  const Symbol *model = k->family && !k->item->unit ? family_model(c, k->family, symbol, constant_ast) : NULL;
  if (model && model->expr) {
    want.has_dim = true;
    want.dim = model->expr->dim;
  }
  if (!k->value) {
    diag_value_missing(c->s, k->item->name.span, "let", name_str(c->s, symbol->name));
    return;
  }
  MExpr *e = check_expr(c, symbol->scope, k->value, &want);
  if (!e) return;
  if (!expr_constant(e, false, &value)) {
    diag_constant_wanted(c->s, e->span, want.who, false);
    return;
  }
  symbol->expr = expr_number(c, value, e->dim, k->item->name.span);
  symbol->failed = false;
}

static void constant_new(Checker *c, Symbol *symbol, Scope *scope, const AstItem *item, const Ast *value,
                         const Family *family) {
  Constant *k = NEW(c->arena, Constant);
  *k = (Constant){item, value, family};
  symbol->kind = SYM_EXPR;
  symbol->span = item->name.span;
  symbol->scope = scope;
  symbol->ast = &item->head;
  symbol->context = k;
  symbol->status = SYM_NEW;
  symbol->resolve = resolve_constant;
}

enum { LARGEST_TABLE = 100000 };

static bool table_axes(Checker *c, Scope *scope, const AstItem *item, Family *family, Name *names) {
  uint64_t count = 1;
  if (item->binders.n > FAMILY_AXES) {
    diag_too_many_axes(c->s, item->binders.at[FAMILY_AXES]->span, FAMILY_AXES);
    return false;
  }
  for (uint32_t i = 0; i < item->binders.n; i++) {
    names[i] = (Name){0};
    family->axes[i] = binder_set(c, scope, AST_AS(Binder, item->binders.at[i]), &names[i]);
    if (!family->axes[i]) return false;
    count *= family->axes[i]->n;
  }
  family->n_axes = item->binders.n;
  if (count > LARGEST_TABLE) diag_network_too_large(c->s, item->head.span, (double)count, LARGEST_TABLE);
  return count <= LARGEST_TABLE;
}

static void declare_table(Checker *c, Scope *scope, const AstItem *item) {
  Symbol *symbol = scope_declare(c, scope, SYM_FAMILY, item->name.name, item->name.span);
  Family *family = symbol->family = NEW(c->arena, Family);
  Name names[FAMILY_AXES];
  symbol->failed = true;
  symbol->ast = &item->head;
  if (!table_axes(c, scope, item, family, names)) return;
  const Ast *whole = item->value ? table_of_file(c, item->value) : NULL;
  if (item->value && !whole) return;
  uint32_t count = 1, position[FAMILY_AXES];
  for (uint32_t i = 0; i < family->n_axes; i++) count *= family->axes[i]->n;
  for (uint32_t at = 0; at < count; at++) {
    Scope *inner = scope_new(c, scope);
    uint32_t rest = at;
    for (uint32_t i = family->n_axes; i-- > 0;) {
      position[i] = rest % family->axes[i]->n;
      rest /= family->axes[i]->n;
      scope_bind(c, inner, names[i], item->name.span, family->axes[i], position[i]);
    }
    const Ast *value = family_list_element(c, whole, family, position);
    if (item->value && !value) return;
    Symbol *member = NEW(c->arena, Symbol);
    member->name = family_member_name(c, item->name.name, family, at);
    constant_new(c, member, inner, item, value, family);
    vec_push(c->arena, &family->members, member);
  }
  symbol->failed = false;
}

typedef enum { PASS_PLAIN, PASS_INDEX, PASS_TABLE, PASSES } Pass;

static bool word_is(Checker *c, const AstDecl *decl, const char *text) {
  return strcmp(name_str(c->s, decl->what.name), text) == 0;
}

/* `let x' = …` and the like: what a constant cannot have. */
static bool plain_item(Checker *c, const AstItem *item) {
  if (item->primes > 0) diag_derivative_declared(c->s, item->head.span, name_str(c->s, item->name.name), true, 0);
  return item->primes == 0 && !name_none(item->name.name);
}

static void declare_items(Checker *c, Scope *scope, const AstDecl *decl, Pass pass) {
  bool index = word_is(c, decl, "index");
  for (uint32_t i = 0; i < decl->items.n; i++) {
    const AstItem *item = AST_AS(Item, decl->items.at[i]);
    Pass own = index ? PASS_INDEX : item->binders.n ? PASS_TABLE : PASS_PLAIN;
    if (own != pass || !plain_item(c, item)) continue;
    if (index) index_declare(c, scope, item);
    else if (item->binders.n) declare_table(c, scope, item);
    else constant_new(c, scope_declare(c, scope, SYM_EXPR, item->name.name, item->name.span), scope, item, item->value, NULL);
  }
}

void constants_declare(Checker *c, Scope *scope, const AstFile *file) {
  for (Pass pass = 0; pass < PASSES; pass++)
    for (uint32_t i = 0; file && i < file->items.n; i++)
      if (file->items.at[i]->kind == AST_DECL) declare_items(c, scope, AST_AS(Decl, file->items.at[i]), pass);
}

void check_constants(Checker *c, Scope *scope, const AstDecl *decl) {
  if (word_is(c, decl, "index")) return;
  for (uint32_t i = 0; i < decl->items.n; i++) {
    Symbol *symbol = scope_find_here(scope, AST_AS(Item, decl->items.at[i])->name.name);
    if (!symbol || symbol->ast != decl->items.at[i] || symbol->failed) continue;
    if (symbol->kind != SYM_FAMILY) symbol_resolve(c, symbol, symbol->span);
    for (uint32_t m = 0; symbol->kind == SYM_FAMILY && m < symbol->family->members.n; m++)
      if (!symbol_resolve(c, symbol->family->members.at[m], symbol->span)) break;
  }
}

/* `sum(g[k] * x[k])`, `mean(N[pop])` inside an expression: over the free indices of the argument.
 *
 * A free index means "for all", here as everywhere: a name of an index set that stands as an index in the argument.
 * The argument is checked once for each element (so each white_noise() in it is a source of its own) and added from
 * the first element to the last; very many elements are added in halves, which keeps the expression shallow. An inner sum
 * has its own free indices. Needs a scope in which index sets are names; gives ordinary sums. */
#include <string.h>

#include "lang/check_inner.h"

enum { MOST_INDICES = FAMILY_AXES, LONGEST_CHAIN = 64, MOST_TERMS = 1 << 16 };

typedef struct {
  Checker *c;
  Scope *scope;
  uint32_t depth, n, too_many;
  bool index; /* inside of an index */
  Name bound; /* an index that stands for one element here */
  AstWord word[MOST_INDICES];
  IndexSet *set[MOST_INDICES];
} Free;

bool is_total(Checker *c, const Ast *ast) {
  if (!ast || ast->kind != AST_CALL || AST_AS(Call, ast)->callee->kind != AST_NAME) return false;
  const char *name = name_str(c->s, AST_AS(NameRef, AST_AS(Call, ast)->callee)->name.name);
  return strcmp(name, "sum") == 0 || strcmp(name, "mean") == 0;
}

static void find_free(Ast *ast, void *context);

/* Is the name an index set further out? */
static bool scope_find_set(const Scope *scope, Name name) {
  for (; scope; scope = scope->parent) {
    const Symbol *symbol = scope_find_here(scope, name);
    if (symbol && symbol->kind == SYM_SET) return true;
  }
  return false;
}

static void note_name(Free *f, const AstNameRef *ref) {
  Symbol *symbol = scope_find(f->scope, ref->name.name);
  if (!symbol && f->c->fallback && f->c->fallback->scope)
    symbol = scope_find_here(f->c->fallback->scope, ref->name.name);
  if (symbol && symbol->kind == SYM_ELEMENT && scope_find_set(f->scope, ref->name.name)) f->bound = ref->name.name;
  if (!symbol || symbol->kind != SYM_SET || symbol->failed || !symbol->set) return;
  for (uint32_t i = 0; i < f->n; i++)
    if (name_eq(f->word[i].name, ref->name.name)) return;
  if (f->n == MOST_INDICES) {
    f->too_many++;
    return;
  }
  f->word[f->n] = ref->name;
  f->set[f->n++] = symbol->set;
}

static void find_free_in(Free *f, const AstList *indices) {
  bool before = f->index;
  f->index = true;
  for (uint32_t i = 0; i < indices->n; i++) find_free(indices->at[i], f);
  f->index = before;
}

static void find_free(Ast *ast, void *context) {
  Free *f = context;
  if (!ast || f->depth >= 1000 || is_total(f->c, ast)) return;
  f->depth++;
  if (ast->kind == AST_NAME && f->index) {
    note_name(f, AST_AS(NameRef, ast));
  } else if (ast->kind == AST_SUBSCRIPT) {
    find_free_in(f, &AST_AS(Subscript, ast)->indices);
    bool before = f->index;
    f->index = false;
    find_free(AST_AS(Subscript, ast)->base, f);
    f->index = before;
  } else if (ast->kind == AST_PRIMED) {
    find_free_in(f, &AST_AS(Primed, ast)->indices);
  } else if (ast->kind != AST_MEMBER) {
    ast_each_child(ast, find_free, f);
  }
  f->depth--;
}

static MExpr *add(Checker *c, Span span, MExpr **terms, uint32_t n) {
  if (n > LONGEST_CHAIN) {
    MExpr *halves[2] = {add(c, span, terms, n / 2), add(c, span, terms + n / 2, n - n / 2)};
    return expr_call(c, B_ADD, span, terms[0]->dim, M_REAL, halves, 2);
  }
  MExpr *e = terms[0];
  for (uint32_t i = 1; i < n; i++) {
    MExpr *args[2] = {e, terms[i]};
    e = expr_call(c, B_ADD, span, terms[0]->dim, M_REAL, args, 2);
  }
  return e;
}

/* One scope for each choice of elements, the last index fastest. */
static Scope *scope_at(const Free *f, uint32_t at) {
  Scope *scope = scope_new(f->c, f->scope);
  for (uint32_t i = f->n; i-- > 0;) {
    scope_bind(f->c, scope, f->word[i].name, f->word[i].span, f->set[i], at % f->set[i]->n);
    at /= f->set[i]->n;
  }
  return scope;
}

static MExpr *total(const Free *f, const AstCall *call, uint32_t count, const Want *want) {
  Checker *c = f->c;
  const char *name = name_str(c->s, path_name(c, call->callee));
  MExpr **terms = NEW_ARRAY(c->arena, MExpr *, count);
  Want w = *want;
  w.condition = false;
  w.labels = NULL;
  for (uint32_t i = 0; i < count; i++) {
    terms[i] = check_inner(c, scope_at(f, i), call->args.at[0], &w);
    if (!terms[i] || !arithmetic_operand(c, terms[i], name)) return NULL;
  }
  if (!same_dims_all(c, &w, name, call->head.span, terms, count)) return NULL;
  MExpr *e = add(c, call->head.span, terms, count);
  if (!e || strcmp(name, "sum") == 0) return e;
  MExpr *args[2] = {e, expr_number(c, count, DIM_NONE, call->head.span)};
  return expr_call(c, B_DIV, call->head.span, e->dim, M_REAL, args, 2);
}

MExpr *total_value(Checker *c, Scope *scope, const AstCall *call, const Want *want) {
  Span span = call->head.span;
  const char *name = name_str(c->s, path_name(c, call->callee));
  if (call->args.n != 1) {
    diag_argument_count(c->s, span, name, 1, call->args.n, (Span){0, 0});
    return NULL;
  }
  Free f = {.c = c, .scope = scope};
  find_free(call->args.at[0], &f);
  uint64_t count = 1;
  for (uint32_t i = 0; i < f.n; i++) count *= f.set[i]->n;
  bool known = false;
  MExpr *e = f.n == 0 && c->total ? c->total(c->total_context, call, &known) : NULL;
  if (known) return e;
  if (f.n == 0 || f.too_many || count > MOST_TERMS) {
    const char *bound = name_none(f.bound) ? NULL : name_str(c->s, f.bound);
    diag_total_over(c->s, call->args.at[0]->span, name, bound, f.n == 0, (double)count);
    return NULL;
  }
  return total(&f, call, (uint32_t)count, want);
}

/* Names as they are written, `a`, `o.x`, `w[k]`, `x[k]'`, to the symbols that they stand for.
 *
 * A family is one symbol with members; an index is a label, an index variable, or a whole number known at compile time.
 * The names of parts stand dotted in the host's scope, families among them. In settings the names of the component
 * that is set are visible behind all else (Checker.fallback). */
#include "lang/check_inner.h"

static const char prime_marks[] = "''''''''";

Name primed_name(Checker *c, Name base, int primes) {
  if (primes <= 0 || name_none(base)) return base;
  return name_fmt(c->s, "%s%.*s", name_str(c->s, base), primes, prime_marks);
}

Name path_name(Checker *c, const Ast *ast) {
  if (!ast) return (Name){0};
  if (ast->kind == AST_NAME) return AST_AS(NameRef, ast)->name.name;
  const AstPrimed *p = ast->kind == AST_PRIMED ? AST_AS(Primed, ast) : NULL;
  if (p && !p->base) return primed_name(c, p->name.name, p->primes);
  if (!p && ast->kind != AST_MEMBER) return (Name){0};
  Name base = path_name(c, p ? p->base : AST_AS(Member, ast)->base);
  Name last = p ? p->name.name : AST_AS(Member, ast)->name.name;
  if (name_none(base)) return base;
  return primed_name(c, name_fmt(c->s, "%s.%s", name_str(c->s, base), name_str(c->s, last)), p ? p->primes : 0);
}

const AstList *path_indices(const Ast *ast) {
  static const AstList none = {0};
  if (ast->kind == AST_SUBSCRIPT) return &AST_AS(Subscript, ast)->indices;
  return ast->kind == AST_PRIMED ? &AST_AS(Primed, ast)->indices : &none;
}

const AstAssign *check_assignment(Checker *c, const Ast *st) {
  if (st->kind == AST_ASSIGN) return AST_AS(Assign, st);
  if (st->kind != AST_EQUATION) return NULL;
  const AstEquation *eq = AST_AS(Equation, st);
  Span span = {st->span.from, eq->value ? eq->value->span.from : st->span.to};
  Ast *target = ast_new(c->s, AST_PRIMED, (Span){eq->name.span.from, eq->name.span.to + (uint32_t)eq->primes});
  if (eq->indices.n && span.to > span.from) target->span.to = eq->indices.at[eq->indices.n - 1]->span.to;
  AST_AS(Primed, target)->name = eq->name;
  AST_AS(Primed, target)->indices = eq->indices;
  AST_AS(Primed, target)->primes = eq->primes;
  Ast *assign = ast_new(c->s, AST_ASSIGN, st->span);
  AST_AS(Assign, assign)->target = target;
  AST_AS(Assign, assign)->op = ASSIGN_SET;
  AST_AS(Assign, assign)->value = eq->value;
  return AST_AS(Assign, assign);
}

/* `na.g`: a part's name stands dotted in the scope; `lab.f`: a name of an imported file. */
static Symbol *dotted_symbol(Checker *c, Scope *scope, Name path, const Ast *base_ast, AstWord last, bool *ret_reported) {
  *ret_reported = false;
  Symbol *symbol = name_none(path) ? NULL : scope_find(scope, path);
  if (symbol) return symbol;
  Name base_name = path_name(c, base_ast);
  Symbol *base = name_none(base_name) ? NULL : scope_find(scope, base_name);
  if (!base) return NULL;
  const char *word = name_str(c->s, last.name);
  *ret_reported = true;
  TextList names = {0};
  if (base->kind == SYM_MODULE && base->failed) return NULL;
  if (base->kind == SYM_MODULE) {
    symbol = scope_find_here(base->module, last.name);
    if (symbol) return symbol;
    scope_names(c, base->module, &names);
  } else if (base->kind == SYM_PART && base->part) {
    for (uint32_t i = 0; i < base->part->vars.n; i++)
      vec_push(c->arena, &names, name_str(c->s, base->part->vars.at[i]->name));
  } else if (base->kind == SYM_PART) {
    return NULL;
  } else if (base->kind == SYM_RECORDING) {
    for (uint32_t i = 0; i < base->recording->columns.n; i++)
      if (!base->recording->columns.at[i].time) vec_push(c->arena, &names, name_str(c->s, base->recording->columns.at[i].name));
    for (uint32_t i = 0; i < base->recording->events.n; i++)
      vec_push(c->arena, &names, name_str(c->s, base->recording->events.at[i].name));
  }
  diag_unknown_member(c->s, last.span, name_str(c->s, base_name), symbol_kind_text(c, base), word,
                      diag_nearest(word, names.at, names.n), base->span);
  return NULL;
}

Symbol *path_member(Checker *c, Scope *scope, const AstMember *m, bool *ret_reported) {
  return dotted_symbol(c, scope, path_name(c, &m->head), m->base, m->name, ret_reported);
}

/* ---- subscripts */

/* A label by its own set: settings name the labels of a component that the network does not see. */
static bool own_label(const IndexSet *set, Name name, int32_t *ret_value) {
  for (uint32_t i = 0; !set->range && i < set->n; i++) {
    if (!name_eq(set->labels[i], name)) continue;
    *ret_value = set->values[i];
    return true;
  }
  return false;
}

bool check_element(Checker *c, Scope *scope, const Ast *ast, const IndexSet *set, int32_t *ret_value) {
  Name name = path_name(c, ast);
  Symbol *symbol = ast->kind == AST_NAME ? scope_find(scope, name) : NULL;
  if (symbol && symbol->kind == SYM_ELEMENT && symbol->set->root == set->root) {
    *ret_value = symbol->value;
  } else if (ast->kind == AST_NAME && own_label(set, name, ret_value)) {
    return true;
  } else if (!set->range) {
    const char *word = source_span_text(c->s, ast->span, c->arena);
    TextList labels = {0};
    for (uint32_t i = 0; i < set->n; i++) vec_push(c->arena, &labels, name_str(c->s, set->labels[i]));
    diag_unknown_label(c->s, ast->span, word, name_str(c->s, set->name),
                       diag_nearest(word, labels.at, labels.n), set->span);
    return false;
  } else {
    Want want = {.has_dim = true, .who = "an index"};
    double value;
    MExpr *e = check_expr(c, scope, ast, &want);
    if (!e) return false;
    if (!expr_constant(e, false, &value) || value != (double)(int32_t)value) {
      diag_constant_wanted(c->s, ast->span, "an index", true);
      return false;
    }
    *ret_value = (int32_t)value;
  }
  if (index_position(set, *ret_value) >= 0) return true;
  const char *text = source_span_text(c->s, ast->span, c->arena);
  diag_not_in_set(c->s, ast->span, text, name_str(c->s, set->name), set->span);
  return false;
}

/* Whose indices are taken off; what is unknown is reported. */
static Symbol *base_symbol(Checker *c, Scope *scope, const Ast *ast, const Ast *base) {
  bool reported = false;
  Name name = path_name(c, base);
  Symbol *symbol = NULL;
  const AstPrimed *p = base->kind == AST_PRIMED ? AST_AS(Primed, base) : NULL;
  if (base->kind == AST_MEMBER)
    symbol = path_member(c, scope, AST_AS(Member, base), &reported);
  else
    symbol = name_none(name) ? NULL : scope_find(scope, name);
  if (!symbol && !reported && c->fallback && c->fallback->scope && !name_none(name))
    symbol = scope_find_here(c->fallback->scope, name);
  if (symbol || reported) return symbol;
  if (p) {
    const char *text = name_str(c->s, p->name.name);
    if (p->base) text = arena_printf(c->arena, "%s.%s", source_span_text(c->s, p->base->span, c->arena), text);
    diag_primed_not_state(c->s, base->span, text, p->primes);
  } else if (base->kind == AST_NAME || base->kind == AST_MEMBER) {
    unknown_name(c, scope, name, base->span, NULL);
  } else {
    diag_name_wanted(c->s, ast->span);
  }
  return NULL;
}

Symbol *check_path(Checker *c, Scope *scope, const Ast *ast) {
  const Ast *base = ast->kind == AST_SUBSCRIPT ? AST_AS(Subscript, ast)->base : ast;
  const AstList *indices = path_indices(ast);
  Symbol *symbol = base_symbol(c, scope, ast, base);
  if (!symbol) return NULL;
  if (!indices->n) return symbol_resolve(c, symbol, ast->span) ? symbol : NULL;
  if (symbol->kind != SYM_FAMILY) {
    if (!symbol->failed) diag_not_indexed(c->s, ast->span, name_str(c->s, symbol->name), symbol->span);
    return NULL;
  }
  if (symbol->failed || !symbol->family) return NULL;
  int32_t values[FAMILY_AXES] = {0};
  uint32_t n = indices->n;
  for (uint32_t i = 0; i < n && i < symbol->family->n_axes; i++)
    if (!check_element(c, scope, indices->at[i], symbol->family->axes[i], &values[i])) return NULL;
  Symbol *member = family_member(c, symbol, values, n, ast->span);
  return member && symbol_resolve(c, member, ast->span) ? member : NULL;
}

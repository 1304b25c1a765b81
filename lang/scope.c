/* Scopes: names -> symbols, index sets, families. Declared first, completed on first use; a cycle is found
 * where it closes and reported once with all its names. */
#include "lang/scope.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

/* ---- tables of names */

enum { LINEAR_UP_TO = 8 };

Scope *scope_new(Checker *c, Scope *parent) {
  Scope *scope = NEW(c->arena, Scope);
  scope->parent = parent;
  scope->model = true;
  return scope;
}

static uint32_t name_slot(Name name, uint32_t n_slots) { return (name.id * 2654435761u) & (n_slots - 1); }

static void slots_enter(Scope *scope, uint32_t index) {
  uint32_t i = name_slot(scope->symbols.at[index]->name, scope->n_slots);
  while (scope->slots[i]) i = (i + 1) & (scope->n_slots - 1);
  scope->slots[i] = index + 1;
}

void scope_enter(Checker *c, Scope *scope, Symbol *symbol) {
  vec_push(c->arena, &scope->symbols, symbol);
  if (scope->symbols.n <= LINEAR_UP_TO) return;
  if (scope->symbols.n * 2 <= scope->n_slots) {
    slots_enter(scope, scope->symbols.n - 1);
    return;
  }
  scope->n_slots = scope->n_slots ? scope->n_slots * 2 : 64;
  scope->slots = NEW_ARRAY(c->arena, uint32_t, scope->n_slots);
  for (uint32_t i = 0; i < scope->symbols.n; i++) slots_enter(scope, i);
}

Symbol *scope_find_here(const Scope *scope, Name name) {
  if (name_none(name)) return NULL;
  if (!scope->slots) {
    for (uint32_t i = 0; i < scope->symbols.n; i++)
      if (name_eq(scope->symbols.at[i]->name, name)) return scope->symbols.at[i];
    return NULL;
  }
  for (uint32_t i = name_slot(name, scope->n_slots); scope->slots[i]; i = (i + 1) & (scope->n_slots - 1)) {
    Symbol *s = scope->symbols.at[scope->slots[i] - 1];
    if (name_eq(s->name, name)) return s;
  }
  return NULL;
}

Symbol *scope_find(const Scope *scope, Name name) {
  for (; scope; scope = scope->parent) {
    Symbol *s = scope_find_here(scope, name);
    if (s) return s;
  }
  return NULL;
}

Symbol *scope_declare(Checker *c, Scope *scope, SymKind kind, Name name, Span span) {
  Symbol *s = NEW(c->arena, Symbol);
  s->kind = kind;
  s->status = SYM_DONE;
  s->name = name;
  s->span = span;
  s->scope = scope;
  Symbol *before = scope_find_here(scope, name);
  if (before)
    diag_declared_twice(c->s, span, name_str(c->s, name), before->span);
  else if (!name_none(name))
    scope_enter(c, scope, s);
  return s;
}

void scope_names(Checker *c, const Scope *scope, TextList *ret) {
  for (; scope; scope = scope->parent) {
    for (uint32_t i = 0; i < scope->symbols.n; i++)
      vec_push(c->arena, ret, name_str(c->s, scope->symbols.at[i]->name));
    if (scope->hook && scope->hook->names) scope->hook->names(scope->hook->context, ret);
  }
}

const char *symbol_kind_text(const Checker *c, const Symbol *symbol) {
  static const char *const vars[] = {
      [VAR_PARAM] = "a param", [VAR_STATE] = "a state", [VAR_LET] = "a let", [VAR_INPUT] = "an input"};
  switch (symbol->kind) {
    case SYM_VAR: return vars[symbol->var->kind];
    case SYM_GLOBAL: return !symbol->global ? "a value" : symbol->global->settable ? "a param" : "a let";
    case SYM_EXPR:
      if (symbol->ast) return "a constant";
      return symbol->context ? "an input of a part" : "an argument";
    case SYM_FAMILY: return "an indexed name";
    case SYM_SET: return "an index set";
    case SYM_ELEMENT: return symbol->set->range ? "an index" : "a label";
    case SYM_FN: return "a function";
    case SYM_BLOCK: {
      const char *what = name_str(c->s, AST_AS(Block, symbol->ast)->what.name);
      return arena_printf(c->arena, "%s %s", strchr("aeiou", what[0]) ? "an" : "a", what);
    }
    case SYM_MODULE: return "an imported file";
    case SYM_PART: return "a part";
    case SYM_POPULATION: return symbol->ast && symbol->ast->kind == AST_ITEM ? "a signal" : "a population";
    case SYM_PORT: return "a port";
    case SYM_RECORDING: return "a recording";
    case SYM_EVENTS: return "a list of events";
  }
  return "a name";
}

/* ---- completion on first use */

enum { LONGEST_CHAIN = 400 }; /* of declarations that each need a later one: bounds the recursion */

static void report_cycle(Checker *c, Symbol *symbol, Span use) {
  uint32_t from = c->busy.n;
  while (from > 0 && c->busy.at[from - 1] != symbol) from--;
  from = from ? from - 1 : 0;
  char *path = arena_text(c->arena, "", 0);
  for (uint32_t i = from; i < c->busy.n; i++) {
    path = arena_printf(c->arena, "%s%s -> ", path, name_str(c->s, c->busy.at[i]->name));
    c->busy.at[i]->failed = c->busy.at[i]->circle = true;
  }
  path = arena_printf(c->arena, "%s%s", path, name_str(c->s, symbol->name));
  symbol->failed = symbol->circle = true;
  diag_cycle(c->s, symbol->span.to ? symbol->span : use, path);
}

bool symbol_resolve(Checker *c, Symbol *symbol, Span use) {
  if (symbol->status == SYM_BUSY) {
    if (!symbol->circle) report_cycle(c, symbol, use);
    return false;
  }
  if (symbol->failed) return false;
  if (symbol->status == SYM_NEW && c->busy.n >= LONGEST_CHAIN) {
    if (!c->chain_reported) diag_chain_too_long(c->s, use, name_str(c->s, symbol->name), LONGEST_CHAIN);
    c->chain_reported = symbol->failed = true;
    return false;
  }
  if (symbol->status == SYM_NEW) {
    symbol->status = SYM_BUSY;
    vec_push(c->arena, &c->busy, symbol);
    if (symbol->resolve) symbol->resolve(c, symbol);
    if (symbol->circle) symbol->failed = true;
    c->busy.n--;
    symbol->status = SYM_DONE;
  }
  return !symbol->failed;
}

/* ---- index sets */

enum { LARGEST_SET = 100000 };

static IndexSet *set_new(Checker *c, AstWord word, uint32_t n) {
  IndexSet *set = NEW(c->arena, IndexSet);
  set->name = word.name;
  set->span = word.span;
  set->root = set;
  set->n = n;
  set->labels = NEW_ARRAY(c->arena, Name, n);
  set->values = NEW_ARRAY(c->arena, int32_t, n);
  return set;
}

static IndexSet *range_set(Checker *c, Scope *scope, AstWord word, const AstRange *range) {
  double from, to;
  const Ast *ends[2] = {range->from, range->to};
  double *values[2] = {&from, &to};
  for (int i = 0; i < 2; i++) {
    Want want = {.has_dim = true, .who = "an end of a range"};
    MExpr *e = check_expr(c, scope, ends[i], &want);
    if (!e) return NULL;
    if (!expr_constant(e, false, values[i]) || *values[i] != floor(*values[i])) {
      diag_constant_wanted(c->s, e->span, "an end of a range", true);
      return NULL;
    }
  }
  if (to < from || to - from >= LARGEST_SET || from < INT32_MIN || to > INT32_MAX) {
    diag_range_bad(c->s, range->head.span, from, to, LARGEST_SET);
    return NULL;
  }
  IndexSet *set = set_new(c, word, (uint32_t)(to - from) + 1);
  set->range = true;
  for (uint32_t i = 0; i < set->n; i++) {
    set->values[i] = (int32_t)from + (int32_t)i;
    set->labels[i] = name_fmt(c->s, "%d", set->values[i]);
  }
  return set;
}

static int32_t label_position(const IndexSet *set, Name label) {
  for (uint32_t i = 0; i < set->n; i++)
    if (name_eq(set->labels[i], label)) return (int32_t)i;
  return -1;
}

static IndexSet *label_set(Checker *c, Scope *scope, const AstItem *item, const AstSetExpr *labels) {
  IndexSet *set = set_new(c, item->name, labels->items.n), *of = NULL;
  if (!name_none(item->of.name)) {
    Symbol *symbol = scope_find(scope, item->of.name);
    if (!symbol || symbol->kind != SYM_SET) {
      diag_not_a_set(c->s, item->of.span, name_str(c->s, item->of.name));
      return NULL;
    }
    if (symbol->failed || !symbol->set) return NULL;
    of = symbol->set;
    set->root = of->root;
    set->range = of->range;
  }
  for (uint32_t i = 0; i < labels->items.n; i++) {
    const Ast *ast = labels->items.at[i];
    Name label = path_name(c, ast);
    if (ast->kind != AST_NAME) {
      diag_label_wanted(c->s, ast->span);
      return NULL;
    }
    int32_t at = of ? label_position(of, label) : (int32_t)i;
    if (at < 0) {
      diag_not_in_set(c->s, ast->span, name_str(c->s, label), name_str(c->s, of->name), of->span);
      return NULL;
    }
    set->labels[i] = label;
    set->values[i] = of ? of->values[at] : at;
    if (of) continue;
    Symbol *symbol = scope_declare(c, scope, SYM_ELEMENT, label, ast->span);
    symbol->set = set;
    symbol->value = at;
  }
  return set;
}

IndexSet *index_declare(Checker *c, Scope *scope, const AstItem *item) {
  const Ast *value = item->value ? item->value : item->domain;
  IndexSet *set = NULL;
  Symbol *symbol = scope_declare(c, scope, SYM_SET, item->name.name, item->name.span);
  if (!value)
    diag_set_wanted(c->s, item->head.span);
  else if (value->kind == AST_RANGE)
    set = range_set(c, scope, item->name, AST_AS(Range, value));
  else if (is_table_file(c, value)) {
    const Ast *labels = labels_of_file(c, value);
    set = labels ? label_set(c, scope, item, AST_AS(SetExpr, labels)) : NULL;
  } else if (value->kind == AST_SET)
    set = label_set(c, scope, item, AST_AS(SetExpr, value));
  else
    diag_set_wanted(c->s, value->span);
  symbol->set = set;
  symbol->failed = !set;
  return set;
}

/* `k in {A, B}`: a subset written in place, of the set that its first label belongs to. */
static IndexSet *written_subset(Checker *c, Scope *scope, AstWord word, const AstSetExpr *labels) {
  Symbol *first = labels->items.n ? scope_find(scope, path_name(c, labels->items.at[0])) : NULL;
  if (!first || first->kind != SYM_ELEMENT || first->set->range) {
    diag_set_wanted(c->s, labels->head.span);
    return NULL;
  }
  IndexSet *root = first->set->root, *set = set_new(c, word, labels->items.n);
  set->root = root;
  for (uint32_t i = 0; i < set->n; i++) {
    if (!check_element(c, scope, labels->items.at[i], root, &set->values[i])) return NULL;
    set->labels[i] = root->labels[index_position(root, set->values[i])];
    for (uint32_t k = 0; k < i; k++)
      if (set->values[k] == set->values[i]) {
        diag_declared_twice(c->s, labels->items.at[i]->span, name_str(c->s, set->labels[i]),
                            labels->items.at[k]->span);
        return NULL;
      }
  }
  return set;
}

IndexSet *binder_set(Checker *c, Scope *scope, const AstBinder *binder, Name *ret_name) {
  *ret_name = binder->name.name;
  if (binder->set && binder->set->kind == AST_RANGE)
    return range_set(c, scope, binder->name, AST_AS(Range, binder->set));
  if (binder->set && binder->set->kind == AST_SET)
    return written_subset(c, scope, binder->name, AST_AS(SetExpr, binder->set));
  Name name = binder->set ? path_name(c, binder->set) : binder->name.name;
  Span span = binder->set ? binder->set->span : binder->name.span;
  if (binder->set && name_none(name)) {
    diag_set_wanted(c->s, span);
    return NULL;
  }
  bool reported = false, imported = binder->set && binder->set->kind == AST_MEMBER; /* `lab.layer` */
  Symbol *symbol = imported ? path_member(c, scope, AST_AS(Member, binder->set), &reported) : scope_find(scope, name);
  if (symbol ? symbol->failed : reported) return NULL;
  if (symbol && symbol->kind == SYM_SET) return symbol->set;
  diag_not_a_set(c->s, span, name_str(c->s, name));
  return NULL;
}

int32_t index_position(const IndexSet *set, int32_t value) {
  if (set->range && set->n) {
    int64_t at = (int64_t)value - set->values[0];
    if (set->root == set) return at >= 0 && at < set->n ? (int32_t)at : -1;
  }
  for (uint32_t i = 0; i < set->n; i++)
    if (set->values[i] == value) return (int32_t)i;
  return -1;
}

void scope_bind(Checker *c, Scope *scope, Name name, Span span, IndexSet *set, uint32_t position) {
  Symbol *symbol = scope_declare(c, scope, SYM_ELEMENT, name, span);
  symbol->set = set;
  symbol->value = set->values[position];
}

/* ---- families */

Symbol *family_member(Checker *c, const Symbol *symbol, const int32_t *values, uint32_t n, Span span) {
  const Family *family = symbol->family;
  if (n != family->n_axes) {
    diag_index_count(c->s, span, name_str(c->s, symbol->name), family->n_axes, n, symbol->span);
    return NULL;
  }
  uint32_t at = 0;
  for (uint32_t i = 0; i < n; i++) {
    int32_t position = index_position(family->axes[i], values[i]);
    if (position < 0) {
      diag_not_in_set(c->s, span, arena_printf(c->arena, "%d", values[i]),
                      name_str(c->s, family->axes[i]->name), family->axes[i]->span);
      return NULL;
    }
    at = at * family->axes[i]->n + (uint32_t)position;
  }
  return at < family->members.n ? family->members.at[at] : NULL;
}

Name family_member_name(Checker *c, Name base, const Family *family, uint32_t member) {
  char *inside = arena_text(c->arena, "", 0);
  for (uint32_t axis = family->n_axes; axis-- > 0;) {
    const IndexSet *set = family->axes[axis];
    const char *label = name_str(c->s, set->labels[member % set->n]);
    member /= set->n;
    inside = *inside ? arena_printf(c->arena, "%s,%s", label, inside) : arena_printf(c->arena, "%s", label);
  }
  return name_fmt(c->s, "%s[%s]", name_str(c->s, base), inside);
}

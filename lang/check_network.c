/* A `network` block -> the globals, populations, projections and drives of an MExperiment.
 *
 * Names first (index sets in order, then params, lets and populations in any order), then values in order of
 * dependence, then populations, then what connects them. Each experiment checks its network anew, with its
 * own values for the params; messages that this repeats are dropped by the diagnostics. */
#include "lang/net.h"

#include <string.h>

/* ---- families */

bool net_count(Net *n, Span span, uint64_t more) {
  if (more > NET_MAX_ELEMENTS || n->elements + more > NET_MAX_ELEMENTS) {
    diag_network_too_large(n->s, span, (double)(n->elements + more), NET_MAX_ELEMENTS);
    return false;
  }
  n->elements += more;
  return true;
}

bool net_axes(Net *n, const AstList *binders, NetAxes *ret) {
  Session *s = n->s;
  uint64_t count = 1;
  *ret = (NetAxes){0};
  for (uint32_t i = 0; i < binders->n; i++) {
    if (binders->at[i]->kind != AST_BINDER) return false;
    const AstBinder *b = AST_AS(Binder, binders->at[i]);
    if (i == FAMILY_AXES) {
      diag_too_many_axes(s, b->head.span, FAMILY_AXES);
      return false;
    }
    Name name = {0};
    ret->sets[i] = binder_set(n->c, n->scope, b, &name);
    if (!ret->sets[i]) return false;
    ret->names[i] = b->set ? name : (Name){0};
    ret->spans[i] = b->head.span;
    count *= ret->sets[i]->n;
    if (count > NET_MAX_ELEMENTS) {
      diag_network_too_large(s, b->head.span, (double)count, NET_MAX_ELEMENTS);
      return false;
    }
    for (uint32_t k = 0; k < i; k++)
      if (b->set && name_eq(ret->names[k], name)) {
        diag_declared_twice(s, b->name.span, name_str(s, name), ret->spans[k]);
        return false;
      }
  }
  ret->n = binders->n;
  ret->count = (uint32_t)count;
  return true;
}

/* Row order: the last axis runs fastest. */
static void positions_of(const NetAxes *axes, uint32_t at, uint32_t *ret) {
  for (uint32_t i = axes->n; i-- > 0;) {
    ret[i] = at % axes->sets[i]->n;
    at /= axes->sets[i]->n;
  }
}

Scope *net_scope_at(Net *n, const NetAxes *axes, uint32_t at) {
  uint32_t position[FAMILY_AXES];
  if (axes->n == 0) return n->scope;
  Scope *scope = scope_new(n->c, n->scope);
  positions_of(axes, at, position);
  for (uint32_t i = 0; i < axes->n; i++)
    if (!name_none(axes->names[i]))
      scope_bind(n->c, scope, axes->names[i], axes->spans[i], axes->sets[i], position[i]);
  return scope;
}

Name net_element_name(Net *n, Name base, const NetAxes *axes, uint32_t at) {
  uint32_t position[FAMILY_AXES];
  if (axes->n == 0) return base;
  positions_of(axes, at, position);
  const char *text = "";
  for (uint32_t i = 0; i < axes->n; i++)
    text = arena_printf(n->s->arena, "%s%s%s", text, i ? "," : "",
                        name_str(n->s, axes->sets[i]->labels[position[i]]));
  return name_fmt(n->s, "%s[%s]", name_str(n->s, base), text);
}

NetValue *net_value(Net *n, Name name) {
  const Symbol *known = name_none(name) ? NULL : scope_find_here(n->scope, name);
  return known && known->context && *(const NetTag *)known->context == NET_VALUE ? known->context : NULL;
}

NetPop *net_pop(Net *n, Name name) {
  const Symbol *known = name_none(name) ? NULL : scope_find_here(n->scope, name);
  return known && known->context && *(const NetTag *)known->context == NET_POP ? known->context : NULL;
}

Name net_unique_path(Net *n, Name path, Span label) {
  Session *s = n->s;
  uint32_t same = 1;
  Symbol *first = scope_find_here(n->paths, path);
  if (first) {
    same = (uint32_t)++first->value + 1;
    return name_fmt(s, "%s#%u", name_str(s, path), same);
  }
  scope_declare(n->c, n->paths, SYM_ELEMENT, path, label);
  return path;
}

/* ---- the statements of a network */

/* "`state`", "`hold`", "an equation": what a statement is called in messages. */
static const char *statement_text(Net *n, const Ast *st) {
  Name word = st->kind == AST_DECL    ? AST_AS(Decl, st)->what.name
              : st->kind == AST_BLOCK ? AST_AS(Block, st)->what.name
                                      : (Name){0};
  if (st->kind == AST_EQUATION) return "an equation";
  if (st->kind == AST_ASSIGN) return "an assignment";
  if (st->kind == AST_IF_STMT) return "`if`";
  char *text =
      arena_printf(n->s->arena, "`%s`", name_none(word) ? ast_kinds[st->kind].name : name_str(n->s, word));
  for (char *p = text; *p; p++)
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + ('a' - 'A'));
  return text;
}

void net_misplaced(Net *n, const Ast *st, const char *where, const char *hint) {
  if (st->kind == AST_LATER)
    diag_not_supported(n->s, st->span,
                       arena_printf(n->s->arena, "`%s`", name_str(n->s, AST_AS(Later, st)->what.name)), NULL);
  else diag_net_misplaced(n->s, st->span, statement_text(n, st), where, hint);
}

static bool word_is(const Net *n, AstWord word, const char *text) {
  return strcmp(name_str(n->s, word.name), text) == 0;
}

/* Sets before their subsets, whatever the order in the text. */
static void declare_sets(Net *n, const AstBlock *block, bool subsets) {
  for (uint32_t i = 0; i < block->body.n; i++) {
    const Ast *st = block->body.at[i];
    if (st->kind != AST_DECL || !word_is(n, AST_AS(Decl, st)->what, "index")) continue;
    const AstList *items = &AST_AS(Decl, st)->items;
    for (uint32_t k = 0; k < items->n; k++) {
      if (items->at[k]->kind != AST_ITEM) continue;
      const AstItem *item = AST_AS(Item, items->at[k]);
      if (!name_none(item->name.name) && name_none(item->of.name) != subsets) index_declare(n->c, n->scope, item);
    }
  }
}

static const char network_has[] =
    "A network has `index`, `param`, `let`, `population`, `signal`, `connect` and `drive`; states, "
    "inputs and events belong to its neurons.";

static void declare_decl(Net *n, const AstDecl *decl) {
  if (word_is(n, decl->what, "param") || word_is(n, decl->what, "let")) net_declare_values(n, decl);
  else if (word_is(n, decl->what, "signal"))
    net_declare_signals(n, decl);
  else if (!word_is(n, decl->what, "index")) net_misplaced(n, &decl->head, "a network", network_has);
}

static void declare_statement(Net *n, const Ast *st) {
  if (st->kind == AST_DECL) declare_decl(n, AST_AS(Decl, st));
  else if (st->kind == AST_POPULATION) net_declare_population(n, AST_AS(Population, st));
  else if (st->kind != AST_CONNECT && st->kind != AST_DRIVE) net_misplaced(n, st, "a network", network_has);
}

static Net *net_new(Checker *c, Scope *parent, Name name, MExperiment *x) {
  Net *n = NEW(c->arena, Net);
  n->c = c;
  n->s = c->s;
  n->scope = scope_new(c, parent);
  n->scope->model = true;
  n->paths = scope_new(c, NULL);
  n->name = name;
  n->x = x;
  x->subject = name;
  return n;
}

static void override_all(Net *n, const AstBlock *block, const AstList *settings, bool values) {
  for (uint32_t i = 0; settings && i < settings->n; i++) {
    const Ast *st = settings->at[i];
    const AstAssign *assign = check_assignment(n->c, st);
    if (!assign) {
      if (values)
        net_misplaced(n, st, "the settings of a network", "Settings look like `g = 4.5` or `N[L4e] = 100`.");
      continue;
    }
    const Ast *target = assign->target; /* `g`, `w[2]`, or of a population: `E.tau`, `E.w[2]` */
    if (target->kind == AST_CALL) target = AST_AS(Call, target)->callee;
    if (target->kind == AST_SUBSCRIPT) target = AST_AS(Subscript, target)->base;
    bool member = target->kind == AST_MEMBER || (target->kind == AST_PRIMED && AST_AS(Primed, target)->base);
    if (values && !member) net_override(n, assign);
    if (!values && member && !net_override_link(n, &block->body, assign)) net_override_setting(n, assign);
  }
}

Net *net_check(Checker *c, Symbol *network, MExperiment *x, const AstList *overrides) {
  const AstBlock *block = AST_AS(Block, network->ast);
  Net *n = net_new(c, network->scope, block->name.name, x);
  n->span = block->name.span;
  declare_sets(n, block, false);
  declare_sets(n, block, true);
  for (uint32_t i = 0; i < block->body.n; i++) declare_statement(n, block->body.at[i]);
  override_all(n, block, overrides, true);
  net_check_values(n);
  for (uint32_t i = 0; i < n->pops.n; i++) net_check_population(n, n->pops.at[i]);
  net_check_signals(n);
  override_all(n, block, overrides, false);
  for (uint32_t i = 0; i < block->body.n; i++) {
    const Ast *st = block->body.at[i];
    if (st->kind == AST_CONNECT) net_connect(n, AST_AS(Connect, st));
    if (st->kind == AST_DRIVE) net_drive(n, AST_AS(Drive, st), NULL, NULL);
  }
  net_overrides_met(n);
  net_check_feeds(n);
  return n;
}

/* ---- a lone neuron: a population of one, whose names need no population before them */

Net *net_check_neuron(Checker *c, Scope *scope, const AstSubject *subject, MExperiment *x) {
  const Ast *ref = subject->component;
  MComponent *component = net_whole_component(c, scope, ref);
  if (!component) return NULL;
  if (!name_eq(component->what, subject->what.name)) {
    diag_subject_kind(c->s, subject->what.span, name_str(c->s, component->name), name_str(c->s, component->what), component->span);
    return NULL;
  }
  Net *n = net_new(c, scope, component->name, x);
  n->neuron = true;
  net_lone_population(n, component, ref->span, &subject->settings);
  return n;
}

/* `record weight of LABEL`, `freeze weight of LABEL`, `free weight of LABEL` -> the projections that the label's connections have made.
 *
 * `ee`, `ee[L4e, L5e]` (an index or a set on each axis of its `for`), `(ee, ei)`. They are kept in the order of the
 * model, not of the record, so that a file's order does not depend on how it was asked for. */
#include "lang/net.h"

#include <string.h>

static NetLabel *find_label(const Net *n, Name name) {
  for (uint32_t i = 0; i < n->labels.n; i++)
    if (name_eq(n->labels.at[i]->name, name)) return n->labels.at[i];
  return NULL;
}

/* The first name in `ee`, `ee[…]`, `(ee, …)`; empty: there is none. */
static Name first_name(const Ast *ast) {
  for (uint32_t depth = 0; depth < 8; depth++) {
    if (ast->kind == AST_SUBSCRIPT) ast = AST_AS(Subscript, ast)->base;
    else if (ast->kind == AST_TUPLE && AST_AS(Tuple, ast)->items.n) ast = AST_AS(Tuple, ast)->items.at[0];
    else break;
  }
  return ast->kind == AST_NAME ? AST_AS(NameRef, ast)->name.name : (Name){0};
}

/* Not of a population that has a variable `weight`. */
bool net_weights_meant(Net *n, const Ast *of, Name weight) {
  Name name = first_name(of);
  const NetPop *pop = find_label(n, name) ? NULL : net_pop(n, name);
  return !pop || !pop->component || !component_var(pop->component, weight);
}

static NetLabel *known_label(Net *n, const Ast *ast) {
  Session *s = n->s;
  if (ast->kind != AST_NAME) {
    diag_unknown_connections(s, ast->span, source_span_text(s, ast->span, s->arena), NULL, (Span){0, 0});
    return NULL;
  }
  Name name = AST_AS(NameRef, ast)->name.name;
  if (name_none(name)) return NULL;
  NetLabel *label = find_label(n, name);
  if (label) return label;
  TextList words = {0};
  for (uint32_t i = 0; i < n->labels.n; i++) vec_push(s->arena, &words, name_str(s, n->labels.at[i]->name));
  const NetPop *pop = net_pop(n, name);
  diag_unknown_connections(s, ast->span, name_str(s, name), diag_nearest(name_str(s, name), words.at, words.n),
                     pop && pop->symbol ? pop->symbol->span : (Span){0, 0});
  return NULL;
}

/* Marks what an element has made; false after a message. */
static bool take(Net *n, const NetLabel *label, uint32_t element, Span span, bool *taken) {
  Session *s = n->s;
  for (uint32_t i = 0; i < label->elements[element].n; i++) {
    const MProjection *p = label->elements[element].at[i];
    if (taken[p->index]) {
      diag_label_twice(s, span, name_str(s, p->path));
      return false;
    }
    if (!p->weight) {
      const MPort *port = p->target.pop->component->ports.at[p->port];
      diag_no_weights(s, span, name_str(s, p->path), name_str(s, port->name), port->span);
      return false;
    }
    taken[p->index] = true;
  }
  return true;
}

static bool take_members(Net *n, const Ast *ast, bool *taken) {
  const AstSubscript *sub = ast->kind == AST_SUBSCRIPT ? AST_AS(Subscript, ast) : NULL;
  const NetLabel *label = known_label(n, sub ? sub->base : ast);
  NetPositions at = {0};
  if (!label || label->failed) return false;
  if (sub && !net_members(n, n->scope, label->name, &label->axes, label->span, sub, &at)) return false;
  for (uint32_t i = 0; !sub && i < label->axes.count; i++) vec_push(n->s->arena, &at, i);
  uint32_t made = 0;
  for (uint32_t i = 0; i < at.n; i++) {
    if (!take(n, label, at.at[i], ast->span, taken)) return false;
    made += label->elements[at.at[i]].n;
  }
  if (!made) diag_no_weights(n->s, ast->span, source_span_text(n->s, ast->span, n->s->arena), NULL, label->span);
  return made > 0;
}

static bool take_all(Net *n, const Ast *ast, bool *taken, uint32_t depth) {
  if (ast->kind != AST_TUPLE || depth >= 8) return take_members(n, ast, taken);
  const AstTuple *t = AST_AS(Tuple, ast);
  for (uint32_t i = 0; i < t->items.n; i++)
    if (!take_all(n, t->items.at[i], taken, depth + 1)) return false;
  return t->items.n > 0;
}

bool *net_weights_of(Net *n, const Ast *of) {
  bool *taken = NEW_ARRAY(n->s->arena, bool, n->x->projections.n + 1u);
  return take_all(n, of, taken, 0) ? taken : NULL;
}

bool net_record_weights(Net *n, const AstRecord *ast, MRecord *r) {
  const bool *taken = net_weights_of(n, ast->of);
  for (uint32_t i = 0; taken && i < n->x->projections.n; i++)
    if (taken[i]) vec_push(n->s->arena, &r->projections, i);
  return taken != NULL;
}

/* ---- phases in which synapses do not learn */

static bool assigned(const MStmtList *list, const MVar *var) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    if (st->var == var || assigned(&st->then, var) || assigned(&st->other, var)) return true;
  }
  return false;
}

static bool weight_changes(const MProjection *p) {
  if (!p->plastic) return false;
  const MComponent *synapse = p->plastic->cells->component;
  const MVar *w = p->plastic->weight;
  return w->equation || assigned(&synapse->on_pre, w) || assigned(&synapse->on_post, w);
}

void net_freeze(Net *n, const AstFreeze *ast, MPhase *phase) {
  Session *s = n->s;
  bool *taken = NEW_ARRAY(s->arena, bool, n->x->projections.n + 1u);
  bool weight = ast->what->kind == AST_NAME && strcmp(name_str(s, AST_AS(NameRef, ast->what)->name.name), "weight") == 0;
  if (!weight || !ast->of) {
    net_misplaced(n, &ast->head, "a phase", "What can stand still is weights: `freeze weight of ee`, with the label of connections.");
    return;
  }
  for (uint32_t i = 0; i < phase->frozen.n; i++) taken[phase->frozen.at[i]] = true;
  if (!take_all(n, ast->of, taken, 0)) return;
  memset(&phase->frozen, 0, sizeof phase->frozen);
  for (uint32_t i = 0; i < n->x->projections.n; i++) {
    MProjection *p = n->x->projections.at[i];
    if (!taken[i]) continue;
    vec_push(s->arena, &phase->frozen, i);
    if (weight_changes(p)) p->plastic->cells->component->freezes = true;
    else diag_weights_fixed(s, ast->of->span, name_str(s, p->path), p->span);
  }
}

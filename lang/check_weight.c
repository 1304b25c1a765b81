/* `record weight of LABEL`, `record x of LABEL` (a state of the synapses), `freeze weight of LABEL`, `free weight of LABEL` -> the projections that the label's connections have made.
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

/* What is asked for, by index. */
typedef struct {
  bool *projections, *couplings;
  bool states;          /* … instead of weights */
  const char *events;   /* what goes with events alone; NULL: continuous synapses as well */
} Taken;

static Taken taken_begin(Net *n, const char *events) {
  return (Taken){NEW_ARRAY(n->s->arena, bool, n->x->projections.n + 1u), NEW_ARRAY(n->s->arena, bool, n->x->couplings.n + 1u), false, events};
}

static bool take_link(Net *n, const MProjection *p, Span span, bool *taken) {
  if (*taken) diag_label_twice(n->s, span, name_str(n->s, p->path));
  else return *taken = true;
  return false;
}

static bool take_events(Net *n, const MProjection *p, Span span, Taken *taken) {
  const MPort *port = p->target.pop->component->ports.at[p->port];
  if (p->weight || taken->states) return take_link(n, p, span, &taken->projections[p->index]);
  diag_no_weights(n->s, span, name_str(n->s, p->path), name_str(n->s, port->name), false, port->span);
  return false;
}

static bool take_stream(Net *n, uint32_t at, Span span, Taken *taken) {
  const MCoupling *c = n->x->couplings.at[at];
  if (taken->events) diag_not_supported(n->s, span, taken->events, "A `param` of the network that the weight follows from can be set.");
  else if (c->weight || taken->states) return take_link(n, &c->link, span, &taken->couplings[at]);
  else diag_no_weights(n->s, span, name_str(n->s, c->link.path), name_str(n->s, c->text), true, c->link.span);
  return false;
}

/* Marks what an element has made; false after a message. */
static bool take(Net *n, const NetLabel *label, uint32_t element, Span span, Taken *taken) {
  for (uint32_t i = 0; i < label->elements[element].n; i++)
    if (!take_events(n, label->elements[element].at[i], span, taken)) return false;
  for (uint32_t i = 0; i < label->streams[element].n; i++)
    if (!take_stream(n, label->streams[element].at[i], span, taken)) return false;
  return true;
}

static bool take_members(Net *n, const Ast *ast, Taken *taken) {
  const AstSubscript *sub = ast->kind == AST_SUBSCRIPT ? AST_AS(Subscript, ast) : NULL;
  const NetLabel *label = known_label(n, sub ? sub->base : ast);
  NetPositions at = {0};
  if (!label || label->failed) return false;
  if (sub && !net_members(n, n->scope, label->name, &label->axes, label->span, sub, &at)) return false;
  for (uint32_t i = 0; !sub && i < label->axes.count; i++) vec_push(n->s->arena, &at, i);
  uint32_t made = 0;
  for (uint32_t i = 0; i < at.n; i++) {
    if (!take(n, label, at.at[i], ast->span, taken)) return false;
    made += label->elements[at.at[i]].n + label->streams[at.at[i]].n;
  }
  if (!made) diag_no_weights(n->s, ast->span, source_span_text(n->s, ast->span, n->s->arena), NULL, false, label->span);
  return made > 0;
}

static bool take_all(Net *n, const Ast *ast, Taken *taken, uint32_t depth) {
  if (ast->kind != AST_TUPLE || depth >= 8) return take_members(n, ast, taken);
  const AstTuple *t = AST_AS(Tuple, ast);
  for (uint32_t i = 0; i < t->items.n; i++)
    if (!take_all(n, t->items.at[i], taken, depth + 1)) return false;
  return t->items.n > 0;
}

bool *net_weights_of(Net *n, const Ast *of) {
  Taken taken = taken_begin(n, "weights of continuous synapses as a free param");
  return take_all(n, of, &taken, 0) ? taken.projections : NULL;
}

/* ---- records */

bool net_record_weights(Net *n, const AstRecord *ast, MRecord *r) {
  Taken taken = taken_begin(n, NULL);
  if (!take_all(n, ast->of, &taken, 0)) return false;
  for (uint32_t i = 0; i < n->x->projections.n; i++)
    if (taken.projections[i]) vec_push(n->s->arena, &r->links, ((MRecorded){i, false, NULL}));
  for (uint32_t i = 0; i < n->x->couplings.n; i++)
    if (taken.couplings[i]) vec_push(n->s->arena, &r->links, ((MRecorded){i, true, NULL}));
  return true;
}

bool net_label_meant(Net *n, const Ast *of) {
  Name name = first_name(of);
  return find_label(n, name) && !net_pop(n, name);
}

/* Not what stands for variables of cells and for signals. */
static bool is_own_state(const MVar *var, const MVar *weight) {
  return var->kind == VAR_STATE && var != weight && var->per != PER_SIGNAL && !var->internal;
}

/* NULL after a message. */
static const MVar *state_of(Net *n, const AstRecord *ast, const MComponent *synapse, const MVar *weight, const MProjection *p, Name name) {
  Session *s = n->s;
  TextList words = {0};
  for (uint32_t i = 0; synapse && i < synapse->vars.n; i++) {
    const MVar *var = synapse->vars.at[i];
    if (!is_own_state(var, weight)) continue;
    if (name_eq(var->name, name)) return var;
    vec_push(s->arena, &words, name_str(s, var->name));
  }
  const char *word = source_span_text(s, ast->value->span, s->arena);
  diag_no_states(s, ast->value->span, name_str(s, p->path), word, diag_nearest(word, words.at, words.n), weight && name_eq(weight->name, name),
                 synapse ? synapse->span : p->span);
  return NULL;
}

bool net_record_states(Net *n, const AstRecord *ast, MRecord *r) {
  Taken taken = taken_begin(n, NULL);
  Name name = name_z(n->s, net_without_blanks(n, source_span_text(n->s, ast->value->span, n->s->arena)));
  taken.states = true;
  if (!take_all(n, ast->of, &taken, 0)) return false;
  for (uint32_t i = 0; i < n->x->projections.n; i++) {
    const MProjection *p = n->x->projections.at[i];
    if (!taken.projections[i]) continue;
    const MPlastic *with = p->plastic;
    const MVar *state = state_of(n, ast, with ? with->cells->component : NULL, with ? with->weight : NULL, p, name);
    if (!state) return false;
    vec_push(n->s->arena, &r->links, ((MRecorded){i, false, state}));
  }
  for (uint32_t i = 0; i < n->x->couplings.n; i++) {
    const MCoupling *c = n->x->couplings.at[i];
    if (!taken.couplings[i]) continue;
    const MVar *state = state_of(n, ast, c->gated ? c->gated->cells->component : NULL, c->weight, &c->link, name);
    if (!state) return false;
    vec_push(n->s->arena, &r->links, ((MRecorded){i, true, state}));
  }
  return true;
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
  Taken taken = taken_begin(n, "weights of continuous synapses that stand still");
  bool weight = ast->what->kind == AST_NAME && strcmp(name_str(s, AST_AS(NameRef, ast->what)->name.name), "weight") == 0;
  if (!weight || !ast->of) {
    net_misplaced(n, &ast->head, "a phase", "What can stand still is weights: `freeze weight of ee`, with the label of connections.");
    return;
  }
  for (uint32_t i = 0; i < phase->frozen.n; i++) taken.projections[phase->frozen.at[i]] = true;
  if (!take_all(n, ast->of, &taken, 0)) return;
  memset(&phase->frozen, 0, sizeof phase->frozen);
  for (uint32_t i = 0; i < n->x->projections.n; i++) {
    MProjection *p = n->x->projections.at[i];
    if (!taken.projections[i]) continue;
    vec_push(s->arena, &phase->frozen, i);
    if (weight_changes(p)) p->plastic->cells->component->freezes = true;
    else diag_weights_fixed(s, ast->of->span, name_str(s, p->path), p->span);
  }
}

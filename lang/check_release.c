/* What a synapse with memory sends to a third part depends on its states: `send w * u * x;  send u * x to astro.glu after t`.
 *
 * The states that the amount follows from are had a second time, at the third part: the projection from the source to it
 * gets a synapse with memory of its own, made of what changes these states in `on pre`. So nothing has to come from the target, wherever it lies.
 * Both are the same at every spike if all that moves them is the presynaptic spike and the third part itself, which both see alike: not
 * postsynaptic spikes, the weight, variables of cells, signals or draws. That is checked here. */
#include <string.h>

#include "lang/net.h"

typedef struct {
  Net *n;
  const MComponent *of;
  bool *needed;      /* by variable */
  bool changed;
  const MExpr *wrong; /* what it may not depend on; NULL: nothing */
} Slice;

static void need(Slice *x, const MExpr *e) {
  if (!e || x->wrong) return;
  if (e->kind == MX_DRAW || expr_noisy(e)) x->wrong = e;
  if (e->kind == MX_VAR && ((e->var->kind == VAR_INPUT && e->var->per != PER_THIRD) || e->var->per == PER_POST)) x->wrong = e;
  if (e->kind == MX_VAR && !x->wrong && !x->needed[e->var->index]) {
    x->needed[e->var->index] = x->changed = true;
    need(x, e->var->value);
    need(x, e->var->equation);
  }
  for (uint32_t i = 0; i < e->n_args; i++) need(x, e->args[i]);
}

/* Does the list change what is needed? Then what it reads is needed too. */
static bool need_list(Slice *x, const MStmtList *list) {
  bool any = false;
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    bool inner = need_list(x, &st->then);
    inner |= need_list(x, &st->other);
    inner |= st->kind == STMT_ASSIGN && x->needed[st->var->index];
    if (inner) need(x, st->value);
    any |= inner;
  }
  return any;
}

/* Statements that change what is needed. */
static MStmtList kept(const Slice *x, const MStmtList *list) {
  MStmtList made = {0};
  for (uint32_t i = 0; i < list->n; i++) {
    MStmt *st = NEW(x->n->s->arena, MStmt);
    *st = *list->at[i];
    st->then = kept(x, &list->at[i]->then);
    st->other = kept(x, &list->at[i]->other);
    if (st->then.n || st->other.n || (st->kind == STMT_ASSIGN && x->needed[st->var->index])) vec_push(x->n->s->arena, &made, st);
  }
  return made;
}

/* A state that nothing asks for stands still. */
static MVar *stilled(const Slice *x, const MVar *of) {
  MVar *var = NEW(x->n->s->arena, MVar);
  *var = *of;
  var->equation = NULL;
  var->per = PER_ELEMENT;
  if (of->kind == VAR_STATE) var->value = expr_number(x->n->c, 0, of->dim, of->span);
  return var;
}

static MComponent *component_of(const Slice *x, const MThirdSend *send) {
  Arena *a = x->n->s->arena;
  MComponent *m = NEW(a, MComponent);
  *m = *x->of;
  memset(&m->vars, 0, sizeof m->vars);
  memset(&m->on_post, 0, sizeof m->on_post);
  memset(&m->third_sends, 0, sizeof m->third_sends);
  memset(&m->third_streams, 0, sizeof m->third_streams);
  for (uint32_t i = 0; i < x->of->vars.n; i++) {
    MVar *var = x->of->vars.at[i];
    bool still = var == x->of->weight || (var->kind == VAR_STATE && !x->needed[i]);
    vec_push(a, &m->vars, still ? stilled(x, var) : var);
    if (var == x->of->weight) m->weight = m->vars.at[i];
  }
  MStmtList before = {0}, behind = {0};
  for (uint32_t i = 0; i < x->of->on_pre.n; i++) vec_push(a, i < send->at ? &before : &behind, x->of->on_pre.at[i]);
  MStmt *st = NEW(a, MStmt);
  *st = (MStmt){.kind = STMT_SEND, .span = send->span, .value = send->value};
  m->on_pre = kept(x, &before);
  vec_push(a, &m->on_pre, st);
  behind = kept(x, &behind);
  for (uint32_t i = 0; i < behind.n; i++) vec_push(a, &m->on_pre, behind.at[i]);
  return m;
}

bool net_release(Net *n, Scope *scope, const Sent *sent, const MThirdSend *send, const MPort *port, MProjection *p) {
  static const char hint[] = "Both ends follow from presynaptic spikes alone then, each where it lies.";
  Slice x = {.n = n, .of = sent->synapse, .needed = NEW_ARRAY(n->s->arena, bool, sent->synapse->vars.n + 1)};
  NetInline in = {0};
  need(&x, send->value);
  do {
    x.changed = false;
    need_list(&x, &x.of->on_pre);
  } while (x.changed && !x.wrong);
  if (x.wrong || need_list(&x, &x.of->on_post)) {
    diag_third_form(n->s, x.wrong ? x.wrong->span : send->value->span,
                    x.wrong ? "what goes to a third part cannot depend on this" : "what goes to a third part cannot depend on postsynaptic spikes", hint);
    return false;
  }
  if (!net_inline_begin(&in, n, scope, sent)) return false;
  for (uint32_t i = 0; i < x.of->vars.n; i++) {
    const MVar *var = x.of->vars.at[i];
    if (var->kind == VAR_INPUT && var != x.of->weight && var->per != PER_THIRD) {
      diag_third_form(n->s, send->value->span, "what goes to a third part cannot follow from states of a synapse that reads variables of cells or signals", hint);
      return false;
    }
    if (!x.needed[i] || var->kind != VAR_PARAM) continue;
    net_inline(&in, var);
    if (in.failed) return false;
    if (!expr_has(in.map[i], MX_DRAW)) continue;
    diag_third_form(n->s, in.map[i]->span, "what goes to a third part is the same for all synapses of a connection", "Give it a param of its own that is not drawn.");
    return false;
  }
  Sent own = *sent;
  own.synapse = component_of(&x, send);
  return net_plastic(n, scope, &own, port, p);
}

/* Continuous synapses with states, `s' = (steady(pre.V) - s) / tau;  stream g * s * (E - post.V)`: the synapse with the settings of a
 * connection -> MGated.
 *
 * As for synapses with memory, the block is checked with the two populations (check_sides.c) and copied; here the copy is a
 * component like any other, whose elements are the synapses: it is stepped by whatever integrator its equations need, and what it reads of its
 * cells are inputs. The weight is a state, which may have an equation. Needs: a synapse and populations that were checked without errors. */
#include "lang/net.h"

typedef struct {
  Net *n;
  NetInline in;
  MGated *made;
  MExpr **inner; /* by variable of the synapse: the same of the copy */
  bool *begun;   /* states that begin with what depends on the cells */
} Gated;

static MExpr *replaced(const Gated *k, const MExpr *e) { return e ? expr_replace(k->n->c, e, k->inner) : NULL; }

static bool third_refused(const Gated *k, const MComponent *synapse, const Sent *sent) {
  if (!(synapse->sided & SIDED_THIRD)) return false;
  diag_not_supported(k->n->s, sent->ast->synapse->span, "a third part of a continuous synapse with states", "It may stream to an input of the target, `stream astro.I to post.I`, whose variables are read.");
  return true;
}

static bool refused(const Gated *k, const Sent *sent) {
  Session *s = k->n->s;
  if (sent->ast->undirected)
    diag_not_supported(s, sent->ast->head.span, "an undirected connection of synapses with states", "Two connections, one each way, have a synapse for each direction.");
  else if (sent->delay)
    diag_not_supported(s, sent->delay->target->span, "a delay of continuous synapses with states", "A `let past = delayed(V, d)` of the neuron may be read.");
  else return third_refused(k, sent->synapse, sent);
  return true;
}

/* ---- the copy */

static MComponent *synapse_copy(Gated *k) {
  Arena *a = k->n->s->arena;
  const MComponent *from = k->in.synapse;
  MComponent *to = NEW(a, MComponent);
  *to = (MComponent){.name = from->name, .what = from->what, .doc = from->doc, .span = from->span, .gated = true};
  k->inner = NEW_ARRAY(a, MExpr *, from->vars.n + 1);
  for (uint32_t i = 0; i < from->vars.n; i++) {
    MVar *var = NEW(a, MVar);
    *var = *from->vars.at[i];
    var->per = PER_ELEMENT;
    if (from->vars.at[i] == from->weight) {
      k->made->weight = var;
      var->kind = VAR_STATE;
      var->value = expr_number(k->n->c, 0, var->dim, var->span);
    }
    vec_push(a, &to->vars, var);
    k->inner[i] = expr_var(k->n->c, var, var->span);
  }
  for (uint32_t i = 0; i < to->vars.n; i++) {
    MVar *var = to->vars.at[i];
    var->value = replaced(k, var->value);
    var->equation = replaced(k, var->equation);
    var->domain.lo = replaced(k, var->domain.lo);
    var->domain.hi = replaced(k, var->domain.hi);
  }
  return to;
}

static void find_sights(Gated *k) {
  const MComponent *from = k->in.synapse;
  for (uint32_t i = 0; i < from->vars.n; i++) {
    const MVar *var = from->vars.at[i];
    if (var->kind != VAR_INPUT || !var->of) continue;
    MSight sight = {k->inner[i]->var, expr_var(k->n->c, var->of, var->span), var->per == PER_PRE};
    vec_push(k->n->s->arena, &k->made->sights, sight);
  }
}

/* ---- the start */

static bool sees(const Gated *k, const MExpr *e) {
  if (!e) return false;
  const MVar *var = e->kind == MX_VAR ? e->var : NULL;
  bool any = var && (var->kind == VAR_INPUT || (var->kind == VAR_STATE && k->begun[var->index]) || (var->kind == VAR_LET && sees(k, var->value)));
  for (uint32_t i = 0; i < e->n_args; i++) any |= sees(k, e->args[i]);
  return any;
}

/* What begins with variables of the cells is computed when these are known. */
static bool find_begins(Gated *k) {
  Session *s = k->n->s;
  const MComponent *from = k->in.synapse;
  k->begun = NEW_ARRAY(s->arena, bool, from->vars.n + 1);
  for (uint32_t i = 0; i < from->init_order.n; i++) {
    MVar *var = k->inner[from->init_order.at[i]->index]->var;
    if (var->kind != VAR_STATE || !sees(k, var->value)) continue;
    if (expr_has(var->value, MX_DRAW)) {
      diag_not_supported(s, var->value->span, "a draw that depends on the cells", "Draw a param of the synapse, and let the state begin with both.");
      return false;
    }
    vec_push(s->arena, &k->made->begins, ((MBegin){var, var->value}));
    k->begun[var->index] = true;
    var->value = expr_number(k->n->c, 0, var->dim, var->span);
  }
  return true;
}

/* ---- what is streamed */

/* It is checked in the scope of the block, where `pre.V` becomes an input if no equation has read it. */
static MExpr *flow_of(Net *n, const MComponent *synapse, const MVar *input) {
  Want want = {.has_dim = true, .dim = input->dim, .allow = ALLOW_CHANGING | ALLOW_TIME, .who = arena_printf(n->s->arena, "the input `%s`", name_str(n->s, input->name))};
  MExpr *e = check_expr(n->c, (Scope *)synapse->scope, synapse->stream, &want);
  if (!e) return NULL;
  if (expr_has(e, MX_TIME)) diag_not_supported(n->s, e->span, "a continuous synapse that depends on t", "A `let` of the neuron may depend on it.");
  else if (expr_has(e, MX_DELAYED)) diag_not_supported(n->s, e->span, "`delayed` in a continuous synapse with states", "A `let past = delayed(V, d)` of the neuron may be read.");
  else if (expr_noisy(e)) diag_noise_misplaced(n->s, e->span);
  else return e;
  return NULL;
}

bool net_stream_gated(Net *n, Scope *scope, const Sent *sent, const MProjection *link, MVar *input) {
  Session *s = n->s;
  Gated k = {.n = n, .made = NEW(s->arena, MGated)};
  uint32_t errors = s->errors;
  Sent own = *sent;
  if (refused(&k, sent)) return false;
  own.synapse = net_synapse_between(n, sent, link->source.pop, link->target.pop);
  MExpr *flow = own.synapse ? flow_of(n, own.synapse, input) : NULL;
  if (own.synapse && third_refused(&k, own.synapse, sent)) return false;
  if (!flow) {
    if (own.synapse && s->errors > errors) diag_note(s, s->diags.at[s->diags.n - 1], sent->ast->head.span, "in this connection");
    return false;
  }
  MCoupling *c = NEW(s->arena, MCoupling);
  *c = (MCoupling){.link = *link, .input = input, .gated = k.made};
  k.made->cells = NEW(s->arena, MPopulation);
  *k.made->cells = (MPopulation){.path = link->path, .base = link->path, .span = link->span, .size = expr_number(n->c, 1, DIM_NONE, link->span)};
  if (!net_inline_begin(&k.in, n, scope, &own)) return false;
  k.made->cells->component = synapse_copy(&k);
  k.made->flow = replaced(&k, flow);
  find_sights(&k);
  if (!find_begins(&k) || !net_cells_settings(&k.in, k.inner, k.made->cells) || !net_stream_weight(n, scope, &own, &c->link)) return false;
  c->weight = k.made->weight;
  c->text = name_z(s, source_span_text(s, own.synapse->stream->span, s->arena));
  c->link.fields = n->c->pair->fields;
  vec_push(s->arena, &n->x->couplings, c);
  return true;
}

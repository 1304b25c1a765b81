/* Continuous synapses: `synapse gap { param g = 1 nS;  stream g * (pre.V - post.V) }`, and what a connection makes of one.
 *
 * What is streamed is checked for each pair of populations anew, since `pre.V` and `post.V` are measured in what their
 * neurons say. In it these names, and `delay`, stand as variables behind the synapse's own. The connection's settings are put
 * into it, and it is taken apart into products (check_products.c). `A -- B.I` becomes two couplings: what flows from B to A has the
 * same synapses, read the other way round. Synapses with states: check_gated.c. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

void synapse_stream(Comp *k, const AstStream *stream) {
  if (stream->to) synapse_third_stream(k, stream);
  else if (k->m->stream) diag_synapse_streams(k->s, stream->head.span, name_str(k->s, k->m->name), true);
  else if (stream->value) k->m->stream = stream->value;
}

/* ---- the names of a stream */

typedef struct {
  Net *n;
  const Sent *sent;
  const Ast *value;            /* what is streamed */
  const char *words[2];        /* before the names: "pre.", "post." */
  const MPopulation *sides[2]; /* whose they are */
  MComponent synapse;          /* a copy, with the names behind its own variables */
  StreamNames names;
} Streaming;

static MExpr *name_leaf(Streaming *x, MVar *of, bool post, const char *text, Span span) {
  Net *n = x->n;
  for (uint32_t i = 0; i < x->names.of.n; i++)
    if (x->names.of.at[i] == of && x->names.post.at[i] == post)
      return expr_var(n->c, x->synapse.vars.at[x->names.first + i], span);
  MVar *var = NEW(n->c->arena, MVar);
  *var = (MVar){.kind = VAR_INPUT, .name = name_z(n->s, text), .dim = of ? of->dim : dim_time(1), .span = span,
                .index = x->synapse.vars.n, .unit_scale = 1, .varies = of && of->varies, .noisy = of && of->noisy};
  vec_push(n->c->arena, &x->synapse.vars, var);
  vec_push(n->c->arena, &x->names.of, of);
  vec_push(n->c->arena, &x->names.post, post);
  return expr_var(n->c, var, span);
}

/* `pre.V`: which side, and the rest of the name; -1: neither. */
static int side_of(const Streaming *x, const char *path, const char **ret_rest) {
  for (int i = 0; i < 2; i++)
    if (strncmp(path, x->words[i], strlen(x->words[i])) == 0) {
      *ret_rest = path + strlen(x->words[i]);
      return i;
    }
  return -1;
}

/* ScopeHook.value. */
static MExpr *stream_name(void *context, Scope *scope, const Ast *ast, bool *ret_known) {
  Streaming *x = context;
  Net *n = x->n;
  (void)scope;
  Name name = path_name(n->c, ast);
  const char *path = name_none(name) ? "" : name_str(n->s, name), *rest = "";
  if (ast->kind == AST_NAME && strcmp(path, "delay") == 0) {
    *ret_known = true;
    if (!x->sent->delay) diag_delay_missing(n->s, x->sent->ast->head.span);
    return x->sent->delay ? name_leaf(x, NULL, false, path, ast->span) : NULL;
  }
  int side = ast->kind == AST_MEMBER ? side_of(x, path, &rest) : -1;
  if (side < 0 && !strncmp(path, "pre.", 4)) {
    *ret_known = true;
    diag_third_form(n->s, ast->span, "what a third part streams follows from it, the target and params", "The source may send to it.");
  }
  if (side < 0) return NULL;
  *ret_known = true;
  const MPopulation *pop = x->sides[side];
  MVar *var = component_var(pop->component, name_z(n->s, rest));
  if (var) return name_leaf(x, var, side == 1, path, ast->span);
  net_no_variable(n->s, pop, arena_text(n->s->arena, path, (size_t)(rest - path) - 1), rest, ast->span);
  return NULL;
}

static bool stream_visible(void *context, Name name) {
  const Streaming *x = context;
  return strcmp(name_str(x->n->s, name), "delay") == 0;
}

static void stream_names(void *context, TextList *ret) {
  const Streaming *x = context;
  vec_push(x->n->c->arena, ret, "delay");
}

/* ---- one direction */

/* The value of the stream, which is what the input is measured in. */
static MExpr *stream_value(Streaming *x, const MVar *input) {
  Net *n = x->n;
  const ScopeHook hook = {x, stream_name, stream_visible, stream_names};
  Scope *scope = scope_new(n->c, x->sent->synapse->scope);
  scope->hook = &hook;
  Want want = {.has_dim = true, .dim = input->dim, .allow = ALLOW_CHANGING | ALLOW_TIME,
               .who = arena_printf(n->s->arena, "the input `%s`", name_str(n->s, input->name))};
  uint32_t errors = n->s->errors;
  MExpr *e = check_expr(n->c, scope, x->value, &want);
  if (!e && n->s->errors > errors)
    diag_note(n->s, n->s->diags.at[n->s->diags.n - 1], x->sent->ast->head.span, "in this connection");
  if (!e) return NULL;
  if (expr_has(e, MX_TIME)) diag_not_supported(n->s, e->span, "a continuous synapse that depends on t", "A `let` of the neuron may depend on it.");
  else if (expr_noisy(e)) diag_noise_misplaced(n->s, e->span);
  else return e;
  return NULL;
}

/* The weight of the connection, and its bounds, as for any other. */
bool net_stream_weight(Net *n, Scope *scope, const Sent *sent, MProjection *link) {
  const MVar *w = sent->synapse->weight;
  const MPort none = {.name = sent->synapse->name, .span = sent->synapse->span};
  if (!w) return net_link_weight(n, scope, sent->ast->head.span, &none, sent->weight, &link->weight);
  const MPort as = {.name = sent->synapse->name, .n_args = 1, .arg_dim = w->dim, .span = w->span};
  link->weight_domain = w->domain;
  MExpr *bounds[2] = {w->domain.lo, w->domain.hi};
  if (!net_link_weight(n, scope, sent->ast->head.span, &as, sent->weight, &link->weight)) return false;
  if (!net_synapse_inline(n, scope, sent, bounds, 2)) return false;
  link->weight_domain.lo = bounds[0];
  link->weight_domain.hi = bounds[1];
  return true;
}

static bool stream_delay(Net *n, Scope *scope, const Sent *sent, MExpr **ret) {
  *ret = NULL;
  if (!sent->delay) return true;
  return net_link_delay(n, scope, sent->delay, false, ret);
}

static bool is_read(const StreamNames *names, const MVar *of) {
  for (uint32_t i = 0; i < names->of.n; i++)
    if (names->of.at[i] == of) return true;
  return false;
}

/* Both ends are of one population, whole or in parts that may overlap. */
static bool has_mirror(const MProjection *p) {
  return p->source.pop == p->target.pop && p->rule != RULE_ONE_TO_ONE;
}

static Streaming streaming(Net *n, const Sent *sent, const Ast *value, const char *pre) {
  Streaming x = {.n = n, .sent = sent, .value = value, .words = {pre, "post."}, .synapse = *sent->synapse};
  memset(&x.synapse.vars, 0, sizeof x.synapse.vars);
  for (uint32_t i = 0; i < sent->synapse->vars.n; i++) vec_push(n->c->arena, &x.synapse.vars, sent->synapse->vars.at[i]);
  x.names.first = x.synapse.vars.n;
  return x;
}

static bool coupling_end(Streaming *x, Scope *scope, MExpr *e, MExpr *delay, MCoupling *c) {
  Net *n = x->n;
  Sent own = *x->sent;
  own.synapse = &x->synapse;
  x->names.synapse = &x->synapse;
  if (!net_synapse_inline(n, scope, &own, &e, 1) || !net_stream_terms(n, e, &x->names, delay, c)) return false;
  c->text = name_z(n->s, source_span_text(n->s, x->value->span, n->s->arena));
  vec_push(n->s->arena, &n->x->couplings, c);
  return true;
}

static bool coupling_new(Net *n, Scope *scope, const Sent *sent, const MProjection *link, MVar *input, bool reversed) {
  MCoupling *c = NEW(n->s->arena, MCoupling);
  bool undirected = sent->ast->undirected;
  *c = (MCoupling){.link = *link, .input = input, .undirected = undirected, .reversed = reversed,
                   .once = undirected && has_mirror(link)};
  Streaming x = streaming(n, sent, sent->synapse->stream, "pre.");
  x.sides[0] = reversed ? link->target.pop : link->source.pop;
  x.sides[1] = reversed ? link->source.pop : link->target.pop;
  MExpr *e = stream_value(&x, input), *delay = NULL;
  if (!e) return false;
  if (!net_stream_weight(n, scope, sent, &c->link) || !stream_delay(n, scope, sent, &delay)) return false;
  if (delay && !is_read(&x.names, NULL)) {
    diag_stream_delay(n->s, sent->delay->target->span, name_str(n->s, sent->synapse->name), sent->synapse->stream->span);
    return false;
  }
  bool good = coupling_end(&x, scope, e, delay, c);
  c->link.fields = n->c->pair->fields; /* with those of the synapse's settings */
  return good;
}

/* ---- from a third part to the target */

/* What it reads of the synapse itself; NULL: nothing. */
static const MExpr *synapse_own(const Streaming *x, const MExpr *e) {
  if (!e) return NULL;
  if (e->kind == MX_VAR && e->var->index < x->names.first && (e->var->kind == VAR_STATE || e->var->kind == VAR_INPUT)) return e;
  const MExpr *found = e->kind == MX_VAR && e->var->kind == VAR_LET ? synapse_own(x, e->var->value) : NULL;
  for (uint32_t i = 0; i < e->n_args && !found; i++) found = synapse_own(x, e->args[i]);
  return found;
}

bool net_stream_third(Net *n, Scope *scope, const Sent *sent, const MProjection *link, const MThirdStream *stream, Name part) {
  MVar *input = net_input(n, scope, link->target.pop, (AstWord){stream->input, stream->input_span}, stream->input_span);
  MCoupling *c = NEW(n->s->arena, MCoupling);
  if (!input || !net_count(n, sent->ast->head.span, 1)) return false;
  *c = (MCoupling){.link = *link, .input = input};
  Streaming x = streaming(n, sent, stream->value, arena_printf(n->s->arena, "%s.", name_str(n->s, part)));
  x.names.alike = true;
  x.sides[0] = link->source.pop;
  x.sides[1] = link->target.pop;
  MExpr *e = stream_value(&x, input), *delay = NULL;
  const MExpr *own = synapse_own(&x, e);
  if (own) diag_third_form(n->s, own->span, "what a third part streams follows from it, the target and params", "The synapse's states and its weight are its own.");
  if (!e || own) return false;
  if (is_read(&x.names, NULL) && !stream_delay(n, scope, sent, &delay)) return false;
  if (delay && expr_has(delay, MX_DRAW)) {
    diag_third_form(n->s, delay->span, "a third part does not know a delay that is drawn", "Give the time as a param of the synapse: `delayed(astro.I_sic, t)`.");
    return false;
  }
  return coupling_end(&x, scope, e, delay, c);
}

/* ---- a pair of populations */

static MVar *end_input(Net *n, Scope *scope, const MPopulation *pop, AstWord word, const MVar *as, Span span) {
  MVar *input = net_input(n, scope, pop, word, span);
  if (!input || !as || dim_eq(input->dim, as->dim)) return input;
  diag_unit_wanted(n->s, span, arena_printf(n->s->arena, "the input `%s`", name_str(n->s, input->name)), as->dim, input->dim);
  return NULL;
}

bool net_stream_pair(Net *n, Scope *scope, const Sent *sent, const MProjection *base, AstWord word) {
  const MPopulation *from = base->source.pop, *to = base->target.pop;
  bool both = sent->ast->undirected;
  if (sent->synapse->send) {
    diag_synapse_streams(n->s, sent->ast->synapse->span, name_str(n->s, sent->synapse->name), false);
    return false;
  }
  MVar *input = end_input(n, scope, to, word, NULL, sent->ast->target->span), *back = NULL;
  if (!input || (both && !(back = end_input(n, scope, from, word, input, sent->ast->source->span)))) return false;
  if (!net_count(n, sent->ast->head.span, 1)) return false;
  MProjection link = *base;
  Name path = sent->label;
  if (name_none(path))
    path = name_fmt(n->s, "%s %s %s.%s", name_str(n->s, from->path), both ? "--" : "->", name_str(n->s, to->path),
                    name_str(n->s, input->name));
  link.path = net_unique_path(n, path, name_none(sent->label) ? (Span){0, 0} : sent->ast->label.span);
  if (sent->synapse->plastic) return net_stream_gated(n, scope, sent, &link, input);
  if (!coupling_new(n, scope, sent, &link, input, false)) return false;
  return !both || coupling_new(n, scope, sent, &link, back, true);
}

/* Third parts of synapses: `connect E -> E.exc by probability(0.1) with tri { astro = A by pool(10) }`, where the synapse says
 * `send d to astro.glu after t` and `stream k * astro.I_sic to post.I`.
 *
 * A synapse names its third parts by using them. A connection says who stands for each: one of the cells around the target (its pool),
 * chosen for each synapse. What is sent becomes a projection from the source to that cell, what is streamed a coupling from
 * that cell to the target; both are made of the rows of the connection they hang on (runtime/third.c), and all that holds for projections
 * and couplings holds for them. What handlers read, `astro.Ca`, is read by the synapses themselves, who know their cell by such a link (check_sides.c). What is sent follows from params, or from states that presynaptic spikes alone move (check_release.c). */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

/* ---- in the synapse */

/* `astro.glu`, taken apart; false after a message. */
static bool part_path(Session *s, const Ast *ast, AstWord *ret_part, AstWord *ret_name) {
  const AstMember *m = ast->kind == AST_MEMBER ? AST_AS(Member, ast) : NULL;
  if (!m || m->base->kind != AST_NAME) {
    diag_third_form(s, ast->span, "a part and what of it, as `astro.glu`, stands here", "`astro` is a name of your choice; a connection says who it is.");
    return false;
  }
  *ret_part = AST_AS(NameRef, m->base)->name;
  *ret_name = m->name;
  return true;
}

/* States of the synapse and its weight. */
static bool of_synapse(const MExpr *e) {
  if (!e) return false;
  if (e->kind == MX_VAR && (e->var->kind == VAR_STATE || e->var->kind == VAR_INPUT)) return true;
  if (e->kind == MX_VAR && e->var->kind == VAR_LET && of_synapse(e->var->value)) return true;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (of_synapse(e->args[i])) return true;
  return false;
}

bool synapse_third_named(Session *s, MComponent *m, AstWord part) {
  if (name_none(m->third)) {
    m->third = part.name;
    m->third_span = part.span;
  }
  if (name_eq(m->third, part.name)) return true;
  diag_third_form(s, part.span, "a synapse has one third part", "Another connection may have another one.");
  return false;
}

void synapse_third_send(Comp *k, Scope *scope, const AstSend *send) {
  AstWord part, port;
  Session *s = k->s;
  if (!part_path(s, send->port, &part, &port)) return;
  const char *word = name_str(s, part.name);
  if (!strcmp(word, "pre") || !strcmp(word, "post")) {
    diag_third_form(s, send->port->span, arena_printf(s->arena, "`send … to` reaches a third part, and `%s` is none", word),
                    "`send w` goes to the port that `connect` names.");
    return;
  }
  if (!send->after) {
    diag_third_form(s, send->head.span, "what goes to a third part takes a time of its own", "Add it: `send … to astro.glu after 1 ms`; the least is one step.");
    return;
  }
  if (!synapse_third_named(s, k->m, part)) return;
  Want want = {.allow = ALLOW_CHANGING, .who = "what is sent"};
  Want after = {.has_dim = true, .dim = dim_time(1), .who = "the time of `after`"};
  MThirdSend made = {.at = k->m->on_pre.n, .part = part.name, .port = port.name, .span = send->head.span, .port_span = port.span};
  unsigned sided = k->m->sided;
  k->m->sided = 0;
  made.value = check_expr(k->c, scope, send->value, &want);
  made.after = check_expr(k->c, scope, send->after, &after);
  bool of_cells = k->m->sided & SIDED_CELLS;
  k->m->sided |= sided;
  if (of_cells) {
    diag_third_form(s, send->head.span, "what goes to a third part does not follow from variables of the two cells", "It may follow from params, and from what the third part itself has.");
    return;
  }
  if (!made.value || !made.after) return; /* after a message, or `astro.Ca`: known in a connection only */
  if (made.value->type == M_BOOL) diag_condition_misplaced(s, send->value->span, "`send`");
  else if (of_synapse(made.after)) diag_third_form(s, send->after->span, "the time of what goes to a third part follows from params", "What is sent may follow from states.");
  else if (!k->m->plastic && of_synapse(made.value))
    diag_third_form(s, send->value->span, "what goes to a third part does not know the weight", "The weight is at the target.");
  else {
    made.stateful = of_synapse(made.value);
    vec_push(k->c->arena, &k->m->third_sends, made);
  }
}

void synapse_third_stream(Comp *k, const AstStream *stream) {
  AstWord side, input;
  if (!stream->value || !part_path(k->s, stream->to, &side, &input)) return;
  if (strcmp(name_str(k->s, side.name), "post") != 0) {
    diag_third_form(k->s, stream->to->span, "what a third part streams flows into the target", "Write `stream … to post.I`, an input of it.");
    return;
  }
  MThirdStream made = {.value = stream->value, .input = input.name, .span = stream->head.span, .input_span = stream->to->span};
  vec_push(k->c->arena, &k->m->third_streams, made);
}

/* ---- in a connection */

/* `astro = A by pool(10)` */
static const AstPick *pick_of(const Ast *st, AstWord *ret_part) {
  const AstAssign *a = st->kind == AST_ASSIGN ? AST_AS(Assign, st) : NULL;
  if (!a || !a->value || a->value->kind != AST_PICK || a->target->kind != AST_NAME) return NULL;
  *ret_part = AST_AS(NameRef, a->target)->name;
  return AST_AS(Pick, a->value);
}

bool net_is_pick(const Ast *st) {
  AstWord part;
  return pick_of(st, &part) != NULL;
}

static Span use_of(const MComponent *synapse) {
  return !name_none(synapse->third) ? synapse->third_span : synapse->third_streams.at[0].span;
}

bool net_has_third(const MComponent *synapse) { return !name_none(synapse->third) || synapse->third_streams.n; }

bool net_third_known(Net *n, const AstConnect *ast, const MComponent *synapse) {
  const AstPick *pick = NULL;
  bool has = net_has_third(synapse);
  AstWord part;
  const char *name = name_str(n->s, synapse->name);
  Name wanted = synapse->third;
  for (uint32_t i = 0; i < ast->synapse_settings.n; i++) {
    const AstPick *one = pick_of(ast->synapse_settings.at[i], &part);
    if (!one) continue;
    const char *word = name_str(n->s, part.name);
    if (pick) {
      diag_setting_twice(n->s, part.span, word, pick->head.span);
      return false;
    }
    if (!has || (!name_none(wanted) && !name_eq(part.name, wanted))) {
      diag_unknown_member(n->s, part.span, name, "a synapse", word, has ? name_str(n->s, wanted) : NULL, synapse->span);
      return false;
    }
    pick = one;
  }
  if (has && !pick) diag_third_missing(n->s, ast->synapse->span, name, name_none(wanted) ? "astro" : name_str(n->s, wanted), use_of(synapse));
  return !has || pick;
}

static bool share_read(Net *n, Scope *scope, const AstNamed *named, NetPick *k) {
  if (strcmp(name_str(n->s, named->name.name), "probability") != 0) return false;
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "a probability"};
  k->third.share = check_expr(n->c, scope, named->value, &want);
  Known p = net_known(n, k->third.share);
  if (k->third.share && p.known && !(p.value >= 0 && p.value <= 1)) {
    diag_not_a_probability(n->s, named->value->span, p.value);
    k->third.share = NULL;
  }
  return true;
}

/* `pool(10)`, `block(1)`, perhaps with `probability = 0.5`. */
static bool rule_read(Net *n, Scope *scope, const Ast *rule, NetPick *k) {
  const AstCall *call = rule->kind == AST_CALL ? AST_AS(Call, rule) : NULL;
  const char *name = call && call->callee->kind == AST_NAME ? name_str(n->s, AST_AS(NameRef, call->callee)->name.name) : "";
  bool pool = !strcmp(name, "pool"), more = call && call->args.n == 2;
  k->third.blocks = !strcmp(name, "block");
  k->span = rule->span;
  if ((!pool && !k->third.blocks) || !call->args.n || call->args.n > 2 || call->args.at[0]->kind == AST_NAMED ||
      (more && (call->args.at[1]->kind != AST_NAMED || !share_read(n, scope, AST_AS(Named, call->args.at[1]), k)))) {
    diag_pool_rule(n->s, rule->span);
    return false;
  }
  if (more && !k->third.share) return false;
  k->pool = net_count_expr(n, scope, call->args.at[0], "the size of a pool", 1, INT32_MAX);
  Known size = net_slice_size(n, &k->cells), least = net_known(n, k->pool);
  if (!k->pool || !size.known || !least.known || least.value <= size.value) return k->pool != NULL;
  diag_pool_too_large(n->s, call->args.at[0]->span, least.value, name_str(n->s, k->cells.pop->path), size.value);
  return false;
}

bool net_pick(Net *n, Scope *scope, const AstConnect *ast, NetPick *k) {
  const AstPick *pick = NULL;
  MSliceList cells = {0};
  *k = (NetPick){0};
  for (uint32_t i = 0; i < ast->synapse_settings.n && !pick; i++) pick = pick_of(ast->synapse_settings.at[i], &k->part);
  if (!pick || !pick->of || !pick->rule || !net_slices(n, scope, pick->of, &cells, NULL)) return false;
  if (cells.n != 1) {
    diag_third_form(n->s, pick->of->span, "a pool is of one population", "Give each its own connection, `for k in …`.");
    return false;
  }
  k->cells = cells.at[0];
  return !k->cells.pop->component->failed && rule_read(n, scope, pick->rule, k);
}

/* A link that hangs on p. */
static MProjection link_new(Net *n, const NetPick *k, const MProjection *p, bool back, Span span) {
  MThird *third = NEW(n->s->arena, MThird);
  *third = k->third;
  third->path = name_fmt(n->s, "%s: %s", name_str(n->s, p->path), name_str(n->s, k->part.name));
  third->of = p;
  third->back = back;
  return (MProjection){.path = third->path, .span = span, .rule = RULE_THIRD, .rule_span = k->span, .rule_arg = k->pool, .cond = p->cond, .third = third,
                       .source = back ? k->cells : p->source, .target = back ? p->target : k->cells};
}

static MProjection link_of(Net *n, const NetPick *k, const MProjection *p, bool back, Span span, Name what) {
  MProjection link = link_new(n, k, p, back, span);
  link.path = net_unique_path(n, name_fmt(n->s, back ? "%s -> %s" : "%s.%s", name_str(n->s, link.path), name_str(n->s, what)), (Span){0, 0});
  return link;
}

MProjection *net_third_link(Net *n, const NetPick *k, const MProjection *p) {
  MProjection *made = NEW(n->s->arena, MProjection);
  *made = link_new(n, k, p, true, k->span);
  return made;
}

static bool fits_port(Net *n, const Sent *sent, const MThirdSend *send, const MPort *port) {
  Session *s = n->s;
  const char *name = name_str(s, port->name);
  if (!port->n_args) diag_weight_not_taken(s, send->value->span, name, port->span);
  else if (dim_eq(send->value->dim, port->arg_dim)) return true;
  else diag_unit_wanted(s, send->value->span, arena_printf(s->arena, "the port `%s`", name), port->arg_dim, send->value->dim);
  diag_note(s, s->diags.at[s->diags.n - 1], sent->ast->synapse->span, "in this connection");
  return false;
}

/* The time until it is there: behind the axonal part of the delay. */
static bool time_of(Net *n, Scope *scope, const Sent *sent, MExpr *after, MExpr **ret) {
  MExpr *axonal = NULL;
  if (!net_delay_axonal(n, scope, sent->delay, &axonal)) return false;
  MExpr *args[2] = {axonal, after};
  *ret = axonal ? expr_call(n->c, B_ADD, after->span, after->dim, M_REAL, args, 2) : after;
  Known k = net_known(n, *ret);
  if (*ret && k.known && !(k.value > 0)) {
    diag_delay_not_positive(n->s, after->span, k.value);
    return false;
  }
  return *ret != NULL;
}

static bool send_link(Net *n, Scope *scope, const Sent *sent, const NetPick *k, const MThirdSend *send, const MProjection *p) {
  Session *s = n->s;
  MExpr *values[2] = {send->stateful ? send->after : send->value, send->after};
  uint32_t at, errors = s->errors;
  MPort *port = net_port(n, k->cells.pop, (AstWord){send->port, send->port_span}, send->port_span, &at);
  if (!port && s->errors > errors) diag_note(s, s->diags.at[s->diags.n - 1], sent->ast->synapse->span, "in this connection");
  if (!port || !fits_port(n, sent, send, port) || !net_synapse_inline(n, scope, sent, values, 2)) return false;
  for (int i = 0; i < 2; i++)
    if (expr_has(values[i], MX_DRAW) || expr_has(values[i], MX_PAIR)) {
      diag_third_form(s, values[i]->span, "what goes to a third part is the same for all synapses of a connection", "Give it a param of its own that is not drawn.");
      return false;
    }
  MProjection *made = NEW(s->arena, MProjection);
  *made = link_of(n, k, p, false, send->span, send->port);
  made->port = at;
  made->weight = values[0];
  if (!time_of(n, scope, sent, values[1], &made->delay) || !net_count(n, sent->ast->head.span, 1)) return false;
  if (send->stateful && !net_release(n, scope, sent, send, port, made)) return false;
  made->index = n->x->projections.n;
  vec_push(s->arena, &n->x->projections, made);
  return true;
}

bool net_third(Net *n, Scope *scope, const Sent *sent, const MProjection *p) {
  const MComponent *synapse = sent->synapse;
  const NetPick *k = sent->pick;
  for (uint32_t i = 0; i < synapse->third_sends.n; i++)
    if (!send_link(n, scope, sent, k, &synapse->third_sends.at[i], p)) return false;
  for (uint32_t i = 0; i < synapse->third_streams.n; i++) {
    const MThirdStream *stream = &synapse->third_streams.at[i];
    MProjection link = link_of(n, k, p, true, stream->span, stream->input);
    if (!net_stream_third(n, scope, sent, &link, stream, k->part.name)) return false;
  }
  return true;
}

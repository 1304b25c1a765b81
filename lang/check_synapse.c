/* The block `synapse`: with memory (states, `on post`, a weight that changes) or without, `synapse s { param …;
 * weight w : pA in [a, b];  on pre { send 2 * w } }`. And what a `connect … with s { … }` makes of one without: the weight
 * that arrives, as one expression (of one with memory: check_plastic.c).
 *
 * The block is checked as a component whose weight stands like an input. A projection puts its own weight, limited to
 * the declared domain, and its settings in the place of the weight and the params, so nothing of a synapse without memory is
 * left after the checker. Under a label a param becomes a value of the experiment that can be set (`--set label.gain=3`).
 *
 * Of a synapse with memory it is checked that everything is known where it is computed: what exists once for a cell (`per
 * pre`, `per post`) follows from what exists for that cell, and only its own handler changes it. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

/* ---- the block */

static const char *on_word(const Comp *k, const AstOn *on) {
  if (on->of || on->what.n != 1 || on->what.at[0]->kind != AST_NAME) return "";
  return name_str(k->s, AST_AS(NameRef, on->what.at[0])->name.name);
}

static bool is_pre(const Comp *k, const AstOn *on) { return strcmp(on_word(k, on), "pre") == 0; }

/* One value to the target, and whatever to a third part. */
static bool only_sends(const AstOn *on) {
  uint32_t own = 0;
  for (uint32_t i = 0; i < on->body.n; i++) {
    const AstSend *send = on->body.at[i]->kind == AST_SEND ? AST_AS(Send, on->body.at[i]) : NULL;
    if (!send || (!send->port && (send->after || own++))) return false;
  }
  return on->body.n > 0;
}

bool synapse_has_memory(const Comp *k) {
  for (uint32_t i = 0; i < k->block->body.n; i++) {
    const Ast *st = k->block->body.at[i];
    if (st->kind == AST_EQUATION || (st->kind == AST_ON && !(is_pre(k, AST_AS(On, st)) && only_sends(AST_AS(On, st))))) return true;
    const char *what = st->kind == AST_DECL ? name_str(k->s, AST_AS(Decl, st)->what.name) : "";
    if (strcmp(what, "state") == 0 || strcmp(what, "input") == 0) return true;
  }
  return false;
}

bool synapse_statement(Comp *k, const Ast *st) {
  static const char *const words[] = {"param", "let", "weight", "index", "state", "input"};
  if (st->kind == AST_EQUATION || st->kind == AST_STREAM) return true;
  if (st->kind == AST_ON && (is_pre(k, AST_AS(On, st)) || strcmp(on_word(k, AST_AS(On, st)), "post") == 0)) return true;
  if (st->kind == AST_DECL)
    for (size_t i = 0; i < COUNT_OF(words); i++)
      if (strcmp(name_str(k->s, AST_AS(Decl, st)->what.name), words[i]) == 0) return true;
  diag_not_supported(k->s, st->span, "this in a synapse",
                     "A synapse has params, states, a weight, equations, and the handlers `on pre` and `on post`.");
  return false;
}

void synapse_weight(Comp *k, const AstItem *item, MVar *var) {
  if (k->m->weight) diag_declared_twice(k->s, item->name.span, name_str(k->s, item->name.name), k->m->weight->span);
  k->m->weight = var;
}

VarPer synapse_per(Comp *k, const AstItem *item) {
  static const char *const words[] = {[PER_PRE] = "pre", [PER_POST] = "post"};
  const char *word = name_str(k->s, item->per.name);
  for (int per = PER_PRE; per <= PER_POST; per++)
    if (strcmp(words[per], word) == 0) return (VarPer)per;
  diag_unknown_name(k->s, item->per.span, word, diag_nearest(word, words + PER_PRE, 2), false);
  return PER_ELEMENT;
}

static void check_plain_send(Comp *k, const AstOn *on, const AstSend *send) {
  if (send->port) {
    synapse_third_send(k, k->scope, send);
    return;
  }
  if (k->m->send) {
    diag_synapse_sends(k->s, on->head.span, name_str(k->s, k->m->name), k->m->send->span);
    return;
  }
  Want want = {.allow = ALLOW_CHANGING, .who = "what is sent"};
  k->m->send = check_expr(k->c, k->scope, send->value, &want);
  if (k->m->send && k->m->send->type == M_BOOL) {
    diag_condition_misplaced(k->s, send->value->span, "`send`");
    k->m->send = NULL;
  }
}

void synapse_check_on(Comp *k, const AstOn *on) {
  bool pre = is_pre(k, on);
  if (!pre && strcmp(on_word(k, on), "post") != 0) return; /* there was a message */
  if (!k->m->plastic) {
    for (uint32_t i = 0; i < on->body.n; i++) check_plain_send(k, on, AST_AS(Send, on->body.at[i]));
    return;
  }
  MStmtList *list = pre ? &k->m->on_pre : &k->m->on_post;
  if (list->n) diag_declared_twice(k->s, on->head.span, pre ? "on pre" : "on post", list->at[0]->span);
  else comp_check_statements(k, k->scope, &on->body, list);
}

void synapse_check_send(Comp *k, Scope *scope, const AstSend *send, MStmtList *ret) {
  Dim time = dim_time(1);
  if (send->port && ret == &k->m->on_pre) {
    synapse_third_send(k, scope, send);
    return;
  }
  if (send->port) {
    diag_not_supported(k->s, send->port->span, "`send … to` under a condition, or in `on post`", "What goes to a third part stands in `on pre` itself.");
    return;
  }
  Want want = {.allow = ALLOW_CHANGING, .who = "what is sent"}, after = {.has_dim = true, .dim = time, .who = "the time of `after`"};
  MStmt *st = NEW(k->c->arena, MStmt);
  *st = (MStmt){.kind = STMT_SEND, .span = send->head.span, .value = check_expr(k->c, scope, send->value, &want)};
  if (send->after) st->after = check_expr(k->c, scope, send->after, &after);
  if (st->value && st->value->type == M_BOOL) diag_condition_misplaced(k->s, send->value->span, "`send`");
  else if (st->value && (st->after || !send->after)) vec_push(k->c->arena, ret, st);
}

/* ---- with memory: what is known where */

enum { OF_ELEMENT = 1, OF_PRE = 2, OF_POST = 4 };

static unsigned per_bit(const MVar *var) {
  static const unsigned bits[] = {[PER_ELEMENT] = OF_ELEMENT, [PER_PRE] = OF_PRE, [PER_POST] = OF_POST, [PER_THIRD] = OF_ELEMENT, [PER_SIGNAL] = OF_ELEMENT};
  return bits[var->per];
}

/* What an expression depends on; parameters and signals are known everywhere. */
static unsigned reads(const MExpr *e) {
  unsigned r = 0;
  if (!e) return 0;
  if (e->kind == MX_VAR && (e->var->kind == VAR_STATE || e->var->kind == VAR_INPUT)) r = e->var->everywhere ? 0 : per_bit(e->var);
  if (e->kind == MX_VAR && e->var->kind == VAR_LET) r = reads(e->var->value);
  for (uint32_t i = 0; i < e->n_args; i++) r |= reads(e->args[i]);
  return r;
}

static void check_reads(Comp *k, const MVar *var, const MExpr *e, unsigned around) {
  unsigned wrong = (reads(e) | around) & ~per_bit(var);
  if (var->per == PER_ELEMENT || !wrong) return;
  diag_synapse_scope(k->s, e->span, name_str(k->s, var->name), var->per == PER_PRE,
                     wrong & OF_ELEMENT ? "what each synapse has for itself" : wrong & OF_PRE ? "the presynaptic cell" : "the postsynaptic cell",
                     var->span);
}

static void refuse_time(Comp *k, const MExpr *e) {
  if (!e) return;
  if (e->kind == MX_TIME || e->kind == MX_DELAYED)
    diag_not_supported(k->s, e->span, e->kind == MX_TIME ? "`t` in a synapse" : "`delayed` in a synapse with memory",
                       "A synapse depends on its states and on spikes.");
  if (expr_noisy(e)) diag_noise_misplaced(k->s, e->span);
  for (uint32_t i = 0; i < e->n_args; i++) refuse_time(k, e->args[i]);
}

/* A variable of a cell or of the third part; NULL: none. */
static const MExpr *of_another(const MExpr *e) {
  if (!e) return NULL;
  if (e->kind == MX_VAR && e->var->kind == VAR_INPUT && e->var->of) return e;
  const MExpr *found = e->kind == MX_VAR && e->var->kind == VAR_LET ? of_another(e->var->value) : NULL;
  for (uint32_t i = 0; i < e->n_args && !found; i++) found = of_another(e->args[i]);
  return found;
}

/* Where cells begin is known to states that are theirs. */
static void check_beginning(Comp *k, const MVar *var) {
  const MExpr *e = var->kind == VAR_STATE && !k->m->stream ? of_another(var->value) : NULL;
  unsigned wrong = e ? reads(e) & ~per_bit(var) : 0;
  if (!e || (var->per != PER_ELEMENT && !wrong)) return;
  diag_not_supported(k->s, var->value->span, arena_printf(k->c->arena, "`%s` as the value with which a state of the synapse begins", name_str(k->s, e->var->name)),
                     "A state `per pre` may begin with the presynaptic cell's, one `per post` with the postsynaptic cell's.");
}

static uint32_t check_handler(Comp *k, const MStmtList *list, bool pre, unsigned around) {
  uint32_t sends = 0;
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    refuse_time(k, st->value);
    switch (st->kind) {
      case STMT_ASSIGN: {
        VarPer other = pre ? PER_POST : PER_PRE;
        if (st->var->per == other) diag_synapse_changes(k->s, st->span, name_str(k->s, st->var->name), !pre, st->var->span);
        else check_reads(k, st->var, st->value, around);
        if (st->var->per != PER_ELEMENT && expr_has(st->value, MX_DRAW))
          diag_not_supported(k->s, st->value->span, "a draw of a state that exists once for a cell", "A state of each synapse, without `per`, may be drawn.");
        break;
      }
      case STMT_IF: {
        unsigned inner = around | reads(st->value);
        sends += check_handler(k, &st->then, pre, inner) + check_handler(k, &st->other, pre, inner);
        break;
      }
      case STMT_HOLD: diag_not_supported(k->s, st->span, "`hold` in a synapse", NULL); break;
      case STMT_SEND:
        if (!pre) diag_not_supported(k->s, st->span, "`send` in `on post`", "A synapse sends when its presynaptic spike arrives: in `on pre`.");
        if (st->after && reads(st->after)) diag_not_supported(k->s, st->after->span, "a time of `after` that changes", "It follows from params.");
        sends++;
        break;
    }
  }
  return sends;
}

/* Of a synapse that streams: its own states follow from its cells, and nothing happens to it. */
static void check_continuous(Comp *k) {
  for (uint32_t i = 0; i < k->m->vars.n; i++) {
    const MVar *var = k->m->vars.at[i];
    if (var->internal || var == k->m->weight) continue;
    if (var->kind == VAR_STATE && var->per != PER_ELEMENT)
      diag_not_supported(k->s, var->span, "a state `per pre` or `per post` of a continuous synapse", "A state of the neuron is there once for each cell: `pre.s`.");
    if (var->kind == VAR_INPUT)
      diag_not_supported(k->s, var->span, "an `input` of a continuous synapse", "An input of the neuron may follow a signal, and a state or `let` of it be read.");
  }
  const MStmtList *handlers[] = {&k->m->on_pre, &k->m->on_post};
  for (int i = 0; i < 2; i++)
    if (handlers[i]->n)
      diag_not_supported(k->s, handlers[i]->at[0]->span, "handlers of spikes in a continuous synapse with states", "Two connections: one that sends, one that streams.");
}

void synapse_check_memory(Comp *k) {
  for (uint32_t i = 0; i < k->m->vars.n; i++) {
    const MVar *var = k->m->vars.at[i];
    refuse_time(k, var->equation);
    if (var->equation) check_reads(k, var, var->equation, 0);
    check_beginning(k, var);
  }
  if (k->m->stream) {
    check_continuous(k);
    return;
  }
  uint32_t sends = check_handler(k, &k->m->on_pre, true, 0);
  check_handler(k, &k->m->on_post, false, 0);
  if (k->m->sided && !k->c->sides) return; /* the rest when it is connected */
  if (!sends && !k->s->errors) diag_synapse_sends(k->s, k->m->span, name_str(k->s, k->m->name), (Span){0, 0});
  if (!k->m->weight && !k->s->errors)
    diag_not_supported(k->s, k->m->span, "a synapse with memory and without a weight", "Declare `weight w : pA`.");
}

/* ---- a projection with it */

/* One pair of braces holds the settings of both: `weight` and `delay` are the projection's. With two, the first are the
 * synapse's. */
void net_part_settings(Net *n, AstConnect *ast) {
  AstList own = {0}, link = {0};
  if (ast->settings.n) return;
  for (uint32_t i = 0; i < ast->synapse_settings.n; i++) {
    Ast *st = ast->synapse_settings.at[i];
    Name name = st->kind == AST_ASSIGN ? path_name(n->c, AST_AS(Assign, st)->target) : (Name){0};
    const char *word = name_none(name) ? "" : name_str(n->s, name);
    bool links = strcmp(word, "weight") == 0 || strcmp(word, "delay") == 0;
    vec_push(n->s->arena, links ? &link : &own, st);
  }
  ast->synapse_settings = own;
  ast->settings = link;
}

/* The names of the synapses that can be seen here; whether `name` is one of something. */
static bool synapse_names(Net *n, Name name, TextList *ret) {
  for (const Scope *at = n->scope; at; at = at->parent)
    for (uint32_t i = 0; i < at->symbols.n; i++) {
      const Symbol *symbol = at->symbols.at[i];
      if (symbol->kind == SYM_BLOCK && strcmp(name_str(n->s, AST_AS(Block, symbol->ast)->what.name), "synapse") == 0)
        vec_push(n->s->arena, ret, name_str(n->s, symbol->name));
    }
  return scope_find(n->scope, name) != NULL;
}

MComponent *net_synapse(Net *n, const AstConnect *ast) {
  TextList names = {0};
  Name name = ast->synapse->kind == AST_NAME ? AST_AS(NameRef, ast->synapse)->name.name : (Name){0};
  if (!name_none(name) && !synapse_names(n, name, &names)) {
    const char *word = name_str(n->s, name);
    diag_unknown_synapse(n->s, ast->synapse->span, word, diag_nearest(word, names.at, names.n));
    return NULL;
  }
  MComponent *synapse = check_component_ref(n->c, n->scope, ast->synapse);
  if (!synapse || synapse->failed) return NULL;
  if (strcmp(name_str(n->s, synapse->what), "synapse") != 0) {
    diag_synapse_wanted(n->s, ast->synapse->span, name_str(n->s, synapse->name), name_str(n->s, synapse->what),
                        synapse->span);
    return NULL;
  }
  if (!synapse->send && !synapse->plastic && !synapse->stream && !synapse->sided) {
    diag_synapse_sends(n->s, ast->synapse->span, name_str(n->s, synapse->name), (Span){0, 0});
    return NULL;
  }
  return synapse;
}

static bool is_signal(const Net *n, const MComponent *synapse, const AstAssign *assign) {
  const MVar *var = component_var(synapse, path_name(n->c, assign->target));
  return var && var->kind == VAR_INPUT && var != synapse->weight;
}

/* The settings of `with s { p = … }`, in the scope of the projection's binders. */
static bool settings(NetInline *in, Scope *scope, const AstConnect *ast, MComponent *synapse, MSettingList *ret) {
  Net *n = in->n;
  bool good = true, bound;
  for (uint32_t i = 0; i < ast->synapse_settings.n; i++) {
    const AstAssign *assign = check_assignment(n->c, ast->synapse_settings.at[i]);
    uint32_t from = ret->n;
    if (net_is_pick(ast->synapse_settings.at[i])) continue;
    if (!assign) {
      net_misplaced(n, ast->synapse_settings.at[i], "the settings of a synapse", "Settings look like `U = 0.5`.");
      return false;
    }
    if (in->cells && net_feed_setting(n, in->cells, assign, &bound)) {
      good &= bound;
      continue;
    }
    if (!in->cells && synapse->plastic && is_signal(n, synapse, assign)) continue; /* known to the synapse with memory itself */
    good &= check_setting(n->c, scope, synapse, assign, ret);
    for (uint32_t k = from; k < ret->n; k++)
      for (uint32_t j = 0; j < from; j++)
        if (ret->at[j].var == ret->at[k].var) {
          diag_setting_twice(n->s, ret->at[k].span, name_str(n->s, ret->at[k].var->name), ret->at[j].span);
          good = false;
        }
  }
  return good;
}

/* ---- what an experiment sets: `ee.gain = 3` */

const char *net_without_blanks(const Net *n, const char *text) {
  char *bare = NEW_ARRAY(n->s->arena, char, strlen(text) + 1), *to = bare;
  for (; *text; text++)
    if (!strchr(" \t\r\n", *text)) *to++ = *text;
  return bare;
}

static bool is_label(const AstList *body, Name name) {
  for (uint32_t i = 0; i < body->n; i++)
    if (body->at[i]->kind == AST_CONNECT && name_eq(AST_AS(Connect, body->at[i])->label.name, name)) return true;
  return false;
}

bool net_override_link(Net *n, const AstList *body, const AstAssign *assign) {
  NetLinkOverride o = {.assign = *assign, .span = assign->target->span};
  const Ast *base = net_split(n, assign->target, &o.assign.target), *root = base;
  if (root->kind == AST_SUBSCRIPT) root = AST_AS(Subscript, root)->base;
  Name name = root->kind == AST_NAME ? AST_AS(NameRef, root)->name.name : (Name){0};
  if (name_none(name) || net_pop(n, name) || !is_label(body, name)) return false;
  o.label = net_without_blanks(n, source_span_text(n->s, base->span, n->s->arena));
  const char *text = source_span_text(n->s, o.assign.target->span, n->s->arena);
  for (uint32_t i = 0; i < n->link_overrides.n; i++) {
    const NetLinkOverride *other = &n->link_overrides.at[i];
    if (!strcmp(other->label, o.label) && !strcmp(source_span_text(n->s, other->assign.target->span, n->s->arena), text))
      diag_setting_twice(n->s, o.span, text, other->span);
  }
  vec_push(n->s->arena, &n->link_overrides, o);
  return true;
}

/* `ee` means all of `ee[A,B]`, …. */
static bool label_means(const char *given, const char *label) {
  size_t length = strlen(given);
  return !strncmp(given, label, length) && (!label[length] || label[length] == '[');
}

static bool link_overrides(Net *n, const Sent *sent, MSettingList *ret) {
  const char *label = net_without_blanks(n, name_str(n->s, sent->label));
  for (uint32_t i = 0; i < n->link_overrides.n; i++) {
    NetLinkOverride *o = &n->link_overrides.at[i];
    MSettingList own = {0};
    if (!label_means(o->label, label)) continue;
    o->met = true;
    if (o->failed || !check_setting(n->c, n->scope, (MComponent *)sent->synapse, &o->assign, &own)) {
      o->failed = true;
      return false;
    }
    for (uint32_t k = 0; k < own.n; k++) {
      uint32_t at = 0;
      while (at < ret->n && ret->at[at].var != own.at[k].var) at++;
      if (at < ret->n) ret->at[at] = own.at[k];
      else vec_push(n->s->arena, ret, own.at[k]);
    }
  }
  return true;
}

void net_overrides_met(Net *n) {
  if (n->s->errors) return; /* what is wrong with the connections may be the cause */
  for (uint32_t i = 0; i < n->link_overrides.n; i++) {
    const NetLinkOverride *o = &n->link_overrides.at[i];
    if (o->met) continue;
    diag_unknown_member(n->s, o->span, o->label, "a label of connections",
                        source_span_text(n->s, o->assign.target->span, n->s->arena), NULL, (Span){0, 0});
  }
}

static MExpr *call2(Net *n, Builtin b, MExpr *x, MExpr *y) {
  MExpr *args[2] = {x, y};
  return x && y ? expr_call(n->c, b, x->span, x->dim, M_REAL, args, 2) : NULL;
}

static MExpr *value_inlined(NetInline *in, const MExpr *e);

/* Paths of the label would be those of something else. */
static bool label_taken(const Net *n, Name label) { return name_eq(label, n->name) || net_pop((Net *)n, label); }

/* All projections under one label share their params. */
static MGlobal *param_global(NetInline *in, const MVar *var, MExpr *value) {
  Net *n = in->n;
  Name path = name_fmt(n->s, "%s.%s", name_str(n->s, in->label), name_str(n->s, var->name));
  const Symbol *before = scope_find_here(n->paths, path);
  if (before) return before->global;
  MGlobal *g = NEW(n->s->arena, MGlobal);
  *g = (MGlobal){.path = path, .dim = var->dim, .unit = var->unit, .unit_scale = var->unit_scale,
                 .span = var->span, .doc = var->doc, .value = value, .settable = true, .domain = var->domain};
  if (var->domain.lo) g->domain.lo = value_inlined(in, var->domain.lo);
  if (var->domain.hi) g->domain.hi = value_inlined(in, var->domain.hi);
  g->index = n->x->globals.n;
  scope_declare(n->c, n->paths, SYM_GLOBAL, path, var->span)->global = g;
  vec_push(n->s->arena, &n->x->globals, g);
  Known known = net_known(n, value);
  vec_push(n->s->arena, &n->known, known);
  return g;
}

void net_inline(NetInline *in, const MVar *var) {
  if (var->kind == VAR_INPUT || in->map[var->index] || in->open[var->index]) return;
  in->open[var->index] = true; /* circles were reported with the synapse; one of settings stays open here */
  const MExpr *e = var->value;
  for (uint32_t i = 0; i < in->set.n; i++)
    if (in->set.at[i].var == var) e = in->set.at[i].value;
  in->map[var->index] = value_inlined(in, e);
  in->failed |= !in->map[var->index];
  if (in->failed || var->kind != VAR_PARAM || var->internal || name_none(in->label) || expr_has(in->map[var->index], MX_DRAW) ||
      expr_has(in->map[var->index], MX_PAIR))
    return;
  MGlobal *g = param_global(in, var, in->map[var->index]);
  in->map[var->index] = expr_global(in->n->c, g, e->span);
}

static void find_variables(NetInline *in, const MExpr *e) {
  if (!e) return;
  if (e->kind == MX_VAR) net_inline(in, e->var);
  for (uint32_t i = 0; i < e->n_args; i++) find_variables(in, e->args[i]);
}

static MExpr *value_inlined(NetInline *in, const MExpr *e) {
  find_variables(in, e);
  return in->failed ? NULL : expr_replace(in->n->c, e, in->map);
}

bool net_inline_begin(NetInline *in, Net *n, Scope *scope, const Sent *sent) {
  const MComponent *synapse = sent->synapse;
  *in = (NetInline){.n = n, .synapse = synapse, .cells = in->cells};
  if (!name_none(sent->label) && !label_taken(n, sent->label)) in->label = sent->label;
  in->map = NEW_ARRAY(n->s->arena, MExpr *, synapse->vars.n + 1);
  in->open = NEW_ARRAY(n->s->arena, bool, synapse->vars.n + 1);
  if (!settings(in, scope, sent->ast, (MComponent *)synapse, &in->set)) return false;
  return name_none(sent->label) || link_overrides(n, sent, &in->set);
}

bool net_synapse_weight(Net *n, Scope *scope, const Sent *sent, const MPort *port, MExpr **ret) {
  const MComponent *synapse = sent->synapse;
  const AstConnect *ast = sent->ast;
  NetInline in = {0};
  if (!net_inline_begin(&in, n, scope, sent)) return false;
  if (port->n_args == 0) {
    diag_weight_not_taken(n->s, ast->synapse->span, name_str(n->s, port->name), port->span);
    return false;
  }
  if (!dim_eq(synapse->send->dim, port->arg_dim)) {
    Diag *d = diag_unit_wanted(n->s, ast->synapse->span,
                               arena_printf(n->s->arena, "the port `%s`", name_str(n->s, port->name)), port->arg_dim,
                               synapse->send->dim);
    diag_note(n->s, d, synapse->send->span, "this is sent");
    return false;
  }
  const MVar *w = synapse->weight;
  if (!w && sent->weight) diag_weight_not_taken(n->s, sent->weight->target->span, name_str(n->s, synapse->name), synapse->span);
  if (w && !sent->weight) diag_weight_missing(n->s, ast->head.span, name_str(n->s, synapse->name), dim_text(n->s, w->dim), w->span);
  if (!w != !sent->weight) return false;
  if (w) {
    MPort as = {.name = synapse->name, .n_args = 1, .arg_dim = w->dim, .span = w->span};
    MExpr *given = NULL;
    if (!net_link_weight(n, scope, ast->head.span, &as, sent->weight, &given)) return false;
    in.map[w->index] = given;
    if (w->domain.lo) given = call2(n, B_MAX, given, value_inlined(&in, w->domain.lo));
    if (w->domain.hi) given = call2(n, B_MIN, given, value_inlined(&in, w->domain.hi));
    in.map[w->index] = given;
  }
  *ret = value_inlined(&in, synapse->send);
  if (!*ret && !n->s->errors) diag_not_supported(n->s, ast->synapse->span, "settings that depend on each other in a circle", NULL);
  return *ret != NULL;
}

bool net_synapse_inline(Net *n, Scope *scope, const Sent *sent, MExpr **values, uint32_t n_values) {
  NetInline in = {0};
  if (!net_inline_begin(&in, n, scope, sent)) return false;
  for (uint32_t i = 0; i < n_values; i++)
    if (values[i] && !(values[i] = value_inlined(&in, values[i]))) {
      if (!n->s->errors) diag_not_supported(n->s, sent->ast->synapse->span, "settings that depend on each other in a circle", NULL);
      return false;
    }
  return true;
}

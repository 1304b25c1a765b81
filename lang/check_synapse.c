/* Synapses without a state: `synapse s { param …;  weight w : pA in [a, b];  on pre { send 2 * w } }` and what a
 * `connect … with s { … }` makes of one: the weight that arrives, as one expression.
 *
 * The block is checked as a component whose weight stands like an input. A projection puts its own weight, limited to
 * the declared domain, and its settings in the place of the weight and the params, so nothing of the synapse is left
 * after the checker. Under a label a param becomes a value of the experiment that can be set (`--set label.gain=3`). What needs memory (states, `on post`, `stream`) is refused. Also the two parts of a delay, which a
 * synapse without memory meets as their sum. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

/* ---- the block */

static bool is_pre(const Comp *k, const AstOn *on) {
  if (on->of || on->what.n != 1 || on->what.at[0]->kind != AST_NAME) return false;
  return strcmp(name_str(k->s, AST_AS(NameRef, on->what.at[0])->name.name), "pre") == 0;
}

static void refuse_dynamic(Comp *k, Span span) {
  diag_not_supported(k->s, span, "synapses with dynamics of their own",
                     "A synapse without memory is `weight w : pA` and `on pre { send w }`, with params.");
}

bool synapse_statement(Comp *k, const Ast *st) {
  static const char *const words[] = {"param", "let", "weight", "index"};
  if (st->kind == AST_ON && is_pre(k, AST_AS(On, st))) return true;
  if (st->kind == AST_DECL)
    for (size_t i = 0; i < COUNT_OF(words); i++)
      if (strcmp(name_str(k->s, AST_AS(Decl, st)->what.name), words[i]) == 0) return true;
  refuse_dynamic(k, st->span);
  return false;
}

void synapse_weight(Comp *k, const AstItem *item, MVar *var) {
  if (k->m->weight) diag_declared_twice(k->s, item->name.span, name_str(k->s, item->name.name), k->m->weight->span);
  k->m->weight = var;
}

void comp_check_on_pre(Comp *k, const AstOn *on) {
  const AstSend *send = on->body.n == 1 && on->body.at[0]->kind == AST_SEND ? AST_AS(Send, on->body.at[0]) : NULL;
  if (!send || send->port || send->after) {
    refuse_dynamic(k, on->body.n ? on->body.at[on->body.n - 1]->span : on->head.span);
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
  if (!synapse->send) {
    diag_synapse_sends(n->s, ast->synapse->span, name_str(n->s, synapse->name), (Span){0, 0});
    return NULL;
  }
  return synapse;
}

/* The settings of `with s { p = … }`, in the scope of the projection's binders. */
static bool settings(Net *n, Scope *scope, const AstConnect *ast, MComponent *synapse, MSettingList *ret) {
  bool good = true;
  for (uint32_t i = 0; i < ast->synapse_settings.n; i++) {
    const AstAssign *assign = check_assignment(n->c, ast->synapse_settings.at[i]);
    uint32_t from = ret->n;
    if (!assign) {
      net_misplaced(n, ast->synapse_settings.at[i], "the settings of a synapse", "Settings look like `U = 0.5`.");
      return false;
    }
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

static const char *without_blanks(const Net *n, const char *text) {
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
  o.label = without_blanks(n, source_span_text(n->s, base->span, n->s->arena));
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
  const char *label = without_blanks(n, name_str(n->s, sent->label));
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

/* Every variable of the synapse as the projection has it, in order of dependence. */
typedef struct {
  Net *n;
  const MComponent *synapse;
  const MSettingList *set;
  Name label;
  MExpr **map;
  bool *open;
  bool failed;
} Inline;

static MExpr *value_inlined(Inline *in, const MExpr *e);

/* Paths of the label would be those of something else. */
static bool label_taken(const Net *n, Name label) { return name_eq(label, n->name) || net_pop((Net *)n, label); }

/* All projections under one label share their params. */
static MGlobal *param_global(Inline *in, const MVar *var, MExpr *value) {
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

static void variable_inlined(Inline *in, const MVar *var) {
  if (in->map[var->index] || in->open[var->index]) return;
  in->open[var->index] = true; /* circles were reported with the synapse; one of settings stays open here */
  const MExpr *e = var->value;
  for (uint32_t i = 0; i < in->set->n; i++)
    if (in->set->at[i].var == var) e = in->set->at[i].value;
  in->map[var->index] = value_inlined(in, e);
  in->failed |= !in->map[var->index];
  if (in->failed || var->kind != VAR_PARAM || name_none(in->label) || expr_has(in->map[var->index], MX_DRAW) ||
      expr_has(in->map[var->index], MX_PAIR))
    return;
  MGlobal *g = param_global(in, var, in->map[var->index]);
  in->map[var->index] = expr_global(in->n->c, g, e->span);
}

static void find_variables(Inline *in, const MExpr *e) {
  if (!e) return;
  if (e->kind == MX_VAR) variable_inlined(in, e->var);
  for (uint32_t i = 0; i < e->n_args; i++) find_variables(in, e->args[i]);
}

static MExpr *value_inlined(Inline *in, const MExpr *e) {
  find_variables(in, e);
  return in->failed ? NULL : expr_replace(in->n->c, e, in->map);
}

bool net_synapse_weight(Net *n, Scope *scope, const Sent *sent, const MPort *port, MExpr **ret) {
  const MComponent *synapse = sent->synapse;
  const AstConnect *ast = sent->ast;
  MSettingList set = {0};
  Inline in = {.n = n, .synapse = synapse, .set = &set};
  if (!name_none(sent->label) && !label_taken(n, sent->label)) in.label = sent->label;
  in.map = NEW_ARRAY(n->s->arena, MExpr *, synapse->vars.n + 1);
  in.open = NEW_ARRAY(n->s->arena, bool, synapse->vars.n + 1);
  if (!settings(n, scope, ast, (MComponent *)synapse, &set)) return false;
  if (!name_none(sent->label) && !link_overrides(n, sent, &set)) return false;
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

/* ---- the two parts of a delay */

static const AstCall *part_of(const Net *n, const Ast *ast, bool *ret_axonal) {
  if (!ast || ast->kind != AST_CALL || AST_AS(Call, ast)->callee->kind != AST_NAME) return NULL;
  const char *name = name_str(n->s, AST_AS(NameRef, AST_AS(Call, ast)->callee)->name.name);
  *ret_axonal = strcmp(name, "axonal") == 0;
  return *ret_axonal || strcmp(name, "dendritic") == 0 ? AST_AS(Call, ast) : NULL;
}

/* Does a part stand anywhere at the top of the expression? */
bool net_delay_has_parts(const Net *n, const Ast *ast) {
  bool axonal;
  if (part_of(n, ast, &axonal)) return true;
  if (!ast || ast->kind != AST_BINARY || ast->height > 100) return false;
  return net_delay_has_parts(n, AST_AS(Binary, ast)->left) || net_delay_has_parts(n, AST_AS(Binary, ast)->right);
}

static MExpr *delay_part(Net *n, Scope *scope, const AstCall *call, const Want *want) {
  if (call->args.n != 1) {
    diag_delay_parts(n->s, call->head.span);
    return NULL;
  }
  MExpr *e = check_expr(n->c, scope, call->args.at[0], want);
  Known k = net_known(n, e);
  if (e && k.known && k.value < 0) {
    diag_delay_not_positive(n->s, call->args.at[0]->span, k.value);
    return NULL;
  }
  return e;
}

MExpr *net_delay_parts(Net *n, Scope *scope, const Ast *ast, const Want *want) {
  const AstBinary *sum = ast->kind == AST_BINARY && AST_AS(Binary, ast)->op == OP_ADD ? AST_AS(Binary, ast) : NULL;
  bool first = false, second = true;
  const AstCall *a = part_of(n, sum ? sum->left : ast, &first), *b = sum ? part_of(n, sum->right, &second) : NULL;
  if (!a || (sum && (!b || first == second))) {
    diag_delay_parts(n->s, ast->span);
    return NULL;
  }
  MExpr *x = delay_part(n, scope, a, want), *y = b ? delay_part(n, scope, b, want) : NULL;
  if (!b || !x || !y) return b ? NULL : x;
  MExpr *args[2] = {x, y};
  return expr_call(n->c, B_ADD, ast->span, x->dim, M_REAL, args, 2);
}

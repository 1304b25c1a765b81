/* Signals, `signal da : nM { da' = -da / tau;  on spike of DA { da += b } }`: one value for the whole network.
 *
 * A signal becomes a population of one element whose component is made here from the body: its state, its equation, a port
 * for each `on spike of`, reached by a projection with a delay of one step, and an input for each `sum` or `mean` over a
 * population and for each other signal that it reads. What it names of the network (params, lets) becomes a param of its
 * own, set to that value. Inputs of neurons that are bound to it (`population E : cell[10] { n = da }`) and its own inputs
 * are feeds: values of T-dt, held over the step. Needs the populations' components; gives populations, projections and
 * feeds of the experiment. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

/* ---- declaration */

static NetSignal *signal_of(const Net *n, Name name) {
  for (uint32_t i = 0; i < n->signals.n; i++)
    if (name_eq(n->signals.at[i]->pop.name, name)) return n->signals.at[i];
  return NULL;
}

void net_declare_signals(Net *n, const AstDecl *decl) {
  for (uint32_t i = 0; i < decl->items.n; i++) {
    const AstItem *item = AST_AS(Item, decl->items.at[i]);
    if (name_none(item->name.name)) continue;
    NetSignal *signal = NEW(n->s->arena, NetSignal);
    signal->item = item;
    signal->pop.tag = NET_POP;
    signal->pop.name = item->name.name;
    signal->pop.axes.count = 1;
    signal->pop.symbol = scope_declare(n->c, n->scope, SYM_POPULATION, item->name.name, item->name.span);
    signal->pop.symbol->context = &signal->pop;
    signal->pop.symbol->ast = &item->head;
    signal->pop.symbol->failed = true; /* a value it is not */
    if (!item->unit && !item->value) diag_signal_form(n->s, item->head.span, "it needs a unit, `: nM`, or a value to start from");
    else if (item->domain || item->draw) diag_signal_form(n->s, item->head.span, "it has no domain and starts from one value");
    else if (net_count(n, item->head.span, 1)) vec_push(n->s->arena, &n->signals, signal);
  }
}

/* The text of what a name is made from, with one blank after each comma and no other, and without comments. */
static const char *bare_text(const Net *n, Span span) {
  const char *from = source_span_text(n->s, span, n->s->arena);
  char *text = NEW_ARRAY(n->s->arena, char, 2 * strlen(from) + 1), *to = text;
  for (const char *at = from; *at; at++) {
    if (*at == '#') at += strcspn(at, "\n");
    if (!*at) break;
    if (!strchr(" \t\r\n", *at)) *to++ = *at;
    if (*at == ',') *to++ = ' ';
  }
  *to = 0;
  return text;
}

/* ---- what is bound to a signal */

/* The signal is what the reader follows. */
static void reader_fill(Net *n, const NetSignal *signal, MFeed *feed) {
  MPopulation *pop = signal->pop.elements[0];
  MVar *state = component_var(pop->component, signal->pop.name);
  MSlice all = {.pop = pop, .span = feed->span};
  MRecordItem item = {all, expr_var(n->c, state, feed->span)};
  vec_push(n->s->arena, &feed->items, item);
  if (dim_eq(state->dim, feed->input->dim)) return;
  Diag *d = diag_unit_wanted(n->s, feed->span, arena_printf(n->s->arena, "the input `%s`", name_str(n->s, feed->input->name)),
                             feed->input->dim, state->dim);
  diag_note(n->s, d, signal->item->name.span, "`%s` is declared here", name_str(n->s, signal->pop.name));
}

bool net_feed_setting(Net *n, MPopulation *pop, const AstAssign *assign, bool *ret_good) {
  MVar *var = component_var(pop->component, path_name(n->c, assign->target));
  const Ast *value = assign->value;
  *ret_good = false;
  if (!var || var->kind != VAR_INPUT || !value || value->kind != AST_NAME) return false;
  NetSignal *signal = signal_of(n, AST_AS(NameRef, value)->name.name);
  if (!signal) return false;
  if (assign->op != ASSIGN_SET) {
    diag_setting_form(n->s, assign->head.span);
    return true;
  }
  for (uint32_t i = 0; i < n->x->feeds.n; i++)
    if (n->x->feeds.at[i]->to == pop && n->x->feeds.at[i]->input == var) {
      diag_setting_twice(n->s, assign->head.span, name_str(n->s, var->name), n->x->feeds.at[i]->span);
      return true;
    }
  MFeed *feed = NEW(n->s->arena, MFeed);
  *feed = (MFeed){.to = pop, .input = var, .span = assign->head.span};
  vec_push(n->s->arena, &n->x->feeds, feed);
  if (signal->pop.elements) reader_fill(n, signal, feed);
  else vec_push(n->s->arena, &signal->readers, feed);
  *ret_good = true;
  return true;
}

/* ---- sums and means over populations */

typedef struct {
  Net *n;
  MComponent *component;
  VEC(MFeed *) made;
} Totals;

static bool total_items(Net *n, const Ast *arg, MFeed *feed, Dim *ret_dim) {
  MSliceList slices = {0};
  AstWord member = {0};
  MRecord r = {0};
  if (arg->kind != AST_MEMBER) {
    bool good = net_cell_values(n, arg, feed->sum ? "sum" : "mean", &r, ret_dim);
    for (uint32_t i = 0; good && i < r.items.n; i++) vec_push(n->s->arena, &feed->items, r.items.at[i]);
    return good;
  }
  if (!net_slices(n, n->scope, arg, &slices, &member)) return false;
  for (uint32_t i = 0; i < slices.n; i++) {
    const MComponent *c = slices.at[i].pop->component;
    MVar *var = c->failed ? NULL : component_var(c, member.name);
    if (c->failed) return false;
    if (!var) {
      net_no_variable(n->s, slices.at[i].pop, NULL, name_str(n->s, member.name), member.span);
      return false;
    }
    if (i > 0 && !dim_eq(var->dim, *ret_dim)) {
      diag_unit_mismatch(n->s, arg->span, "sum", *ret_dim, var->dim);
      return false;
    }
    *ret_dim = var->dim;
    MRecordItem item = {slices.at[i], expr_var(n->c, var, arg->span)};
    vec_push(n->s->arena, &feed->items, item);
  }
  return slices.n > 0;
}

/* An input of the signal's component, and what it follows. */
static MVar *input_new(Totals *t, Name name, Dim dim, Span span) {
  MVar *var = NEW(t->n->c->arena, MVar);
  *var = (MVar){.kind = VAR_INPUT, .name = name, .span = span, .index = t->component->vars.n, .unit_scale = 1, .dim = dim,
                .varies = true};
  var->unit = name_z(t->n->s, dim_coherent_unit(t->n->s, dim));
  vec_push(t->n->c->arena, &t->component->vars, var);
  return var;
}

static void feed_add(Totals *t, MFeed *feed, MVar *input) {
  feed->input = input;
  vec_push(t->n->s->arena, &t->made, feed);
  vec_push(t->n->s->arena, &t->n->x->feeds, feed);
}

/* Checker.total: `mean(E.V)` is an input of the signal. */
static MExpr *population_total(void *context, const AstCall *call, bool *ret_known) {
  Totals *t = context;
  Net *n = t->n;
  const Ast *arg = call->args.at[0];
  *ret_known = arg->kind == AST_MEMBER || net_has_cells(n, arg);
  if (!*ret_known) return NULL;
  MFeed *feed = NEW(n->s->arena, MFeed);
  Dim dim = DIM_NONE;
  *feed = (MFeed){.span = call->head.span};
  feed->sum = strcmp(name_str(n->s, path_name(n->c, call->callee)), "sum") == 0;
  if (!total_items(n, arg, feed, &dim)) return NULL;
  MVar *var = input_new(t, name_z(n->s, bare_text(n, call->head.span)), dim, call->head.span);
  feed_add(t, feed, var);
  return expr_var(n->c, var, call->head.span);
}

/* What a signal is measured in, known before it is checked. */
static bool signal_dim(Net *n, const NetSignal *signal, Dim *ret) {
  Unit unit;
  if (signal->item->unit) {
    bool good = check_unit(n->c, signal->item->unit, &unit);
    *ret = unit.dim;
    return good;
  }
  Want want = {.who = "the start of a signal"};
  const MExpr *e = check_expr(n->c, n->scope, signal->item->value, &want);
  if (e) *ret = e->dim;
  return e != NULL;
}

/* Checker.signal_read: another signal is an input of this one, that of T-dt as all inputs. */
static MVar *other_signal(void *context, const Symbol *symbol, Span span) {
  Totals *t = context;
  Net *n = t->n;
  NetSignal *signal = signal_of(n, symbol->name);
  Dim dim;
  for (uint32_t i = 0; i < t->made.n; i++)
    if (name_eq(t->made.at[i]->input->name, symbol->name)) return t->made.at[i]->input;
  if (!signal || !signal_dim(n, signal, &dim)) return NULL;
  MVar *var = input_new(t, symbol->name, dim, span);
  MFeed *feed = NEW(n->s->arena, MFeed);
  *feed = (MFeed){.span = span};
  feed_add(t, feed, var);
  if (signal->pop.elements) reader_fill(n, signal, feed);
  else vec_push(n->s->arena, &signal->readers, feed);
  return var;
}

/* ---- what is the network's becomes a param */

typedef struct {
  Net *n;
  MComponent *component;
  MSettingList settings;
  VEC(MGlobal *) globals;
} Lift;

static MVar *lifted(Lift *l, MGlobal *global, Span span) {
  for (uint32_t i = 0; i < l->globals.n; i++)
    if (l->globals.at[i] == global) return l->settings.at[i].var;
  const char *path = name_str(l->n->s, global->path), *dot = strchr(path, '.');
  MVar *var = NEW(l->n->c->arena, MVar);
  *var = (MVar){.kind = VAR_PARAM, .name = name_z(l->n->s, dot ? dot + 1 : path), .doc = global->doc, .span = global->span,
                .index = l->component->vars.n, .dim = global->dim, .unit = global->unit,
                .unit_scale = global->unit_scale ? global->unit_scale : 1};
  vec_push(l->n->c->arena, &l->component->vars, var);
  MSetting set = {.var = var, .value = expr_global(l->n->c, global, span), .span = span};
  vec_push(l->n->s->arena, &l->settings, set);
  vec_push(l->n->s->arena, &l->globals, global);
  return var;
}

/* Trees are bounded (MEXPR_SIZE); what holds nothing of the network stays shared, white_noise() with it. */
static MExpr *lift(Lift *l, MExpr *e) {
  if (!e) return NULL;
  if (e->kind == MX_GLOBAL) return expr_var(l->n->c, lifted(l, e->global, e->span), e->span);
  MExpr *copy = e;
  for (uint32_t i = 0; i < e->n_args; i++) {
    MExpr *arg = lift(l, e->args[i]);
    if (arg == e->args[i]) continue;
    if (copy == e) copy = expr_with_dim(l->n->c, e, e->dim);
    copy->args[i] = arg;
  }
  return copy;
}

static void lift_statements(Lift *l, const MStmtList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    MStmt *st = list->at[i];
    st->value = lift(l, st->value);
    lift_statements(l, &st->then);
    lift_statements(l, &st->other);
  }
}

/* ---- the component */

static Name port_name(Net *n, const AstOn *on) {
  return name_fmt(n->s, "spike of %s", bare_text(n, on->of->span));
}

static bool on_spike(const Net *n, const AstOn *on) {
  if (!on->of || on->what.n != 1 || on->what.at[0]->kind != AST_NAME) return false;
  return strcmp(name_str(n->s, AST_AS(NameRef, on->what.at[0])->name.name), "spike") == 0;
}

static Ast *state_of(Net *n, const AstItem *item) {
  Ast *decl = ast_new(n->s, AST_DECL, item->head.span), *state = ast_new(n->s, AST_ITEM, item->head.span);
  *AST_AS(Item, state) = *item;
  memset(&AST_AS(Item, state)->body, 0, sizeof item->body);
  AST_AS(Decl, decl)->what = (AstWord){name_z(n->s, "state"), item->name.span};
  vec_push(n->s->arena, &AST_AS(Decl, decl)->items, state);
  return decl;
}

/* The body as a component's: state, equation, ports. NULL after a message. */
static const AstBlock *signal_block(Net *n, const NetSignal *signal) {
  const AstItem *item = signal->item;
  Ast *ast = ast_new(n->s, AST_BLOCK, item->head.span);
  AstBlock *block = AST_AS(Block, ast);
  bool good = true;
  block->what = (AstWord){name_z(n->s, "signal"), item->name.span};
  block->name = item->name;
  block->doc = item->doc;
  vec_push(n->s->arena, &block->body, state_of(n, item));
  for (uint32_t i = 0; i < item->body.n; i++) {
    Ast *st = item->body.at[i];
    if (st->kind == AST_ON && on_spike(n, AST_AS(On, st))) {
      Ast *receive = ast_new(n->s, AST_RECEIVE, st->span);
      AST_AS(Receive, receive)->name = (AstWord){port_name(n, AST_AS(On, st)), st->span};
      AST_AS(Receive, receive)->body = AST_AS(On, st)->body;
      st = receive;
    } else if (st->kind != AST_EQUATION) {
      diag_signal_form(n->s, st->span, "its braces hold its equation and `on spike of E { … }`");
      good = false;
      continue;
    }
    vec_push(n->s->arena, &block->body, st);
  }
  return good ? block : NULL;
}

static MComponent *signal_component(Net *n, const NetSignal *signal, Totals *totals, MSettingList *ret_settings) {
  const AstBlock *block = signal_block(n, signal);
  if (!block) return NULL;
  MComponent *m = NEW(n->c->arena, MComponent);
  totals->n = n;
  totals->component = m;
  n->c->total = population_total;
  n->c->signal_read = other_signal;
  n->c->total_context = totals;
  check_component_block(n->c, n->scope, block, m);
  n->c->total = NULL;
  n->c->signal_read = NULL;
  if (m->failed) return NULL;
  Lift l = {.n = n, .component = m};
  for (uint32_t i = 0; i < m->vars.n; i++) {
    m->vars.at[i]->value = lift(&l, m->vars.at[i]->value);
    m->vars.at[i]->equation = lift(&l, m->vars.at[i]->equation);
  }
  for (uint32_t i = 0; i < m->ports.n; i++) lift_statements(&l, &m->ports.at[i]->body);
  *ret_settings = l.settings;
  return m;
}

/* ---- its events */

static bool event_sources(Net *n, const AstOn *on, MPopulation *pop, uint32_t port) {
  MSliceList slices = {0};
  Dim time = dim_time(1);
  if (!net_slices(n, n->scope, on->of, &slices, NULL)) return false;
  for (uint32_t i = 0; i < slices.n; i++) {
    const MPopulation *from = slices.at[i].pop;
    if (from->component->failed) return false;
    if (from->component->spikes.n == 0) {
      diag_source_never_spikes(n->s, on->of->span, name_str(n->s, from->base), name_str(n->s, from->component->name),
                               from->component->span);
      return false;
    }
    MProjection *p = NEW(n->s->arena, MProjection);
    MSlice to = {.pop = pop, .span = on->head.span};
    *p = (MProjection){.span = on->head.span, .source = slices.at[i], .target = to, .port = port, .rule = RULE_ALL_TO_ALL,
                       .rule_span = on->head.span, .delay = expr_leaf(n->c, MX_DT, time, on->head.span)};
    p->path = net_unique_path(n, name_fmt(n->s, "%s -> %s", name_str(n->s, from->path), name_str(n->s, pop->path)),
                              (Span){0, 0});
    vec_push(n->s->arena, &n->x->projections, p);
  }
  return true;
}

static void check_signal(Net *n, NetSignal *signal) {
  Session *s = n->s;
  Totals totals = {0};
  MSettingList settings = {0};
  MComponent *m = signal_component(n, signal, &totals, &settings);
  if (!m) return;
  MPopulation *pop = NEW(s->arena, MPopulation);
  *pop = (MPopulation){.path = signal->pop.name, .base = signal->pop.name, .index = n->x->populations.n, .component = m,
                       .size = expr_number(n->c, 1, DIM_NONE, signal->item->name.span), .settings = settings,
                       .span = signal->item->name.span};
  vec_push(s->arena, &n->x->populations, pop);
  signal->pop.component = m;
  signal->pop.elements = NEW(s->arena, MPopulation *);
  signal->pop.elements[0] = pop;
  for (uint32_t i = 0; i < totals.made.n; i++) totals.made.at[i]->to = pop;
  uint32_t port = 0;
  for (uint32_t i = 0; i < signal->item->body.n; i++) {
    const Ast *st = signal->item->body.at[i];
    if (st->kind == AST_ON && !event_sources(n, AST_AS(On, st), pop, port++)) return;
  }
  for (uint32_t i = 0; i < signal->readers.n; i++) reader_fill(n, signal, signal->readers.at[i]);
}

void net_check_signals(Net *n) {
  for (uint32_t i = 0; i < n->signals.n; i++) check_signal(n, n->signals.at[i]);
}

/* An input that follows a signal is not driven as well: which of them would it be? */
void net_check_feeds(Net *n) {
  for (uint32_t i = 0; i < n->x->feeds.n; i++)
    for (uint32_t k = 0; k < n->x->drives.n; k++) {
      const MFeed *feed = n->x->feeds.at[i];
      const MDrive *drive = n->x->drives.at[k];
      if (drive->input && drive->input == feed->input && drive->target.pop == feed->to)
        diag_signal_driven(n->s, drive->span, name_str(n->s, feed->input->name), feed->span);
    }
}

MPopulation *net_signal_named(const Net *n, Name name) {
  const NetSignal *signal = signal_of(n, name);
  return signal && signal->pop.elements ? signal->pop.elements[0] : NULL;
}

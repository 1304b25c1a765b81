/* A projection whose synapses have memory: the synapse with the projection's settings -> MPlastic.
 *
 * The synapse's component is copied, with a state in the place of the weight, whose assignments are kept within its domain. What
 * exists once for each postsynaptic cell becomes part of the target: a copy of its component gets these states with their
 * equations, and their part of `on post` stands at the head of its spike handler, behind assignments that keep what they (and
 * whatever else the synapse sees of the cell) were just before the spike. So they are stepped, recorded and kept as all other
 * states are. States of a third part are read where they are. States per pre become part of the source in the same way, unless all have closed forms between spikes: then they
 * lie with the synapses. Needs: a synapse and populations that were checked without errors. */
#include <string.h>

#include "lang/net.h"

typedef struct {
  Net *n;
  NetInline in;
  MProjection *p;
  MPlastic *made;
  MExpr **inner; /* by variable of the synapse: the same of the copy */
  MPopulation *pop; /* the side whose cells get states; */
  VarPer per;
  MExpr **outer;    /* … the same there, once it was asked for */
  bool moved;       /* states per pre are the source's */
  uint32_t first_feed; /* of the signals that it reads */
} Plastic;

static MVar *var_copy(Plastic *k, const MVar *of, VarKind kind, Name name, MComponent *to) {
  MVar *var = NEW(k->n->s->arena, MVar);
  *var = *of;
  var->kind = kind;
  var->name = name;
  var->index = to->vars.n;
  vec_push(k->n->s->arena, &to->vars, var);
  return var;
}

static MExpr *replaced(Plastic *k, const MExpr *e, MExpr **map) { return e ? expr_replace(k->n->c, e, map) : NULL; }

static MDomain domain_of(Plastic *k, const MDomain *of, MExpr **map) {
  MDomain d = *of;
  d.lo = replaced(k, of->lo, map);
  d.hi = replaced(k, of->hi, map);
  return d;
}

static MExpr *call2(Plastic *k, Builtin b, MExpr *x, MExpr *y, Dim dim) {
  MExpr *args[2] = {x, y};
  return expr_call(k->n->c, b, x->span, dim, M_REAL, args, 2);
}

/* ---- the synapse */

/* `w += e` -> `w = min(max(w + e, lo), hi)` */
static void saturate(Plastic *k, MStmt *st) {
  static const Builtin op[] = {[ASSIGN_ADD] = B_ADD, [ASSIGN_SUB] = B_SUB, [ASSIGN_MUL] = B_MUL};
  const MVar *w = st->var;
  MExpr *v = st->value;
  if (st->op == ASSIGN_ADD || st->op == ASSIGN_SUB || st->op == ASSIGN_MUL)
    v = call2(k, op[st->op], expr_var(k->n->c, st->var, st->span), v, w->dim);
  if (w->domain.lo) v = call2(k, B_MAX, v, w->domain.lo, w->dim);
  if (w->domain.hi) v = call2(k, B_MIN, v, w->domain.hi, w->dim);
  st->value = v;
  st->op = ASSIGN_SET;
}

static MStmtList statements_of(Plastic *k, const MStmtList *of, MExpr **map) {
  MStmtList list = {0};
  for (uint32_t i = 0; i < of->n; i++) {
    MStmt *st = NEW(k->n->s->arena, MStmt);
    *st = *of->at[i];
    if (st->var) st->var = map[st->var->index]->var;
    st->value = replaced(k, st->value, map);
    st->after = replaced(k, st->after, map);
    st->then = statements_of(k, &of->at[i]->then, map);
    st->other = statements_of(k, &of->at[i]->other, map);
    if (st->kind == STMT_ASSIGN && st->var == k->made->weight && st->var->domain.has) saturate(k, st);
    vec_push(k->n->s->arena, &list, st);
  }
  return list;
}

static void copy_vars(Plastic *k, const MComponent *from, MComponent *to) {
  for (uint32_t i = 0; i < from->vars.n; i++) {
    const MVar *of = from->vars.at[i];
    bool seen = of->of && of->kind == VAR_INPUT;
    MVar *var = var_copy(k, of, of == from->weight || seen ? VAR_STATE : of->kind, of->name, to);
    if (seen) var->value = expr_number(k->n->c, 0, of->dim, of->span);
    k->inner[i] = expr_var(k->n->c, var, of->span);
    if (of == from->weight) k->made->weight = var;
  }
  for (uint32_t i = 0; i < from->vars.n; i++) {
    MVar *var = to->vars.at[i];
    var->value = replaced(k, var->value, k->inner);
    bool theirs = var->per == PER_POST || (var->per == PER_PRE && k->moved);
    if (theirs && var->kind == VAR_STATE && !var->of) var->of = var; /* the cell's own: set when it has it */
    var->equation = theirs ? NULL : replaced(k, var->equation, k->inner);
    var->domain = domain_of(k, &var->domain, k->inner);
  }
}

/* A param that is drawn has a value for each synapse; all others follow from globals. */
bool net_cells_settings(NetInline *in, MExpr **inner, MPopulation *cells) {
  Net *n = in->n;
  for (uint32_t i = 0; i < in->synapse->vars.n; i++) {
    const MVar *var = in->synapse->vars.at[i];
    if (var->kind != VAR_PARAM) continue;
    net_inline(in, var);
    if (in->failed) return false;
    MSetting set = {.var = inner[i]->var, .value = in->map[i], .span = var->span};
    if (expr_has(set.value, MX_PAIR)) {
      diag_not_supported(n->s, set.value->span, "numbers of a table of pairs in the params of a synapse with memory", "Its weight and its delay may have them.");
      return false;
    }
    if (expr_has(set.value, MX_DRAW)) {
      const MExpr *raw = var->value;
      for (uint32_t j = 0; j < in->set.n; j++)
        if (in->set.at[j].var == var) raw = in->set.at[j].value;
      set.value = raw ? expr_replace(n->c, raw, inner) : NULL;
      set.draw = true;
    }
    vec_push(n->s->arena, &cells->settings, set);
  }
  return true;
}

static MComponent *synapse_copy(Plastic *k) {
  const MComponent *from = k->in.synapse;
  MComponent *to = NEW(k->n->s->arena, MComponent);
  *to = (MComponent){.name = from->name, .what = from->what, .doc = from->doc, .span = from->span, .plastic = true};
  for (uint32_t i = 0; i < from->reads.n; i++) vec_push(k->n->s->arena, &to->reads, from->reads.at[i]);
  k->inner = NEW_ARRAY(k->n->s->arena, MExpr *, from->vars.n + 1);
  copy_vars(k, from, to);
  to->weight = k->made->weight;
  to->on_pre = statements_of(k, &from->on_pre, k->inner);
  to->on_post = statements_of(k, &from->on_post, k->inner);
  if (k->made->weight->equation && k->made->weight->domain.has) {
    MStmt *st = NEW(k->n->s->arena, MStmt);
    *st = (MStmt){.kind = STMT_ASSIGN, .op = ASSIGN_SET, .span = from->weight->span, .var = k->made->weight};
    st->value = expr_var(k->n->c, k->made->weight, st->span);
    saturate(k, st);
    vec_push(k->n->s->arena, &to->on_step, st);
  }
  return to;
}

/* ---- the target */

static void own_component(Plastic *k, MPopulation *pop) {
  Arena *a = k->n->s->arena;
  if (pop->extended) return;
  pop->extended = true;
  const MComponent *of = pop->component;
  MComponent *c = NEW(a, MComponent);
  *c = *of;
  memset(&c->vars, 0, sizeof c->vars);
  memset(&c->spikes, 0, sizeof c->spikes);
  for (uint32_t i = 0; i < of->vars.n; i++) vec_push(a, &c->vars, of->vars.at[i]);
  for (uint32_t i = 0; i < of->spikes.n; i++) {
    MSpike *spike = NEW(a, MSpike);
    *spike = *of->spikes.at[i];
    vec_push(a, &c->spikes, spike);
  }
  pop->component = c;
}

static MExpr *outside(Plastic *k, const MExpr *e);

/* A signal that the synapse knows is an input of the cell as well. */
static void feed_too(Plastic *k, const MVar *inner, MVar *outer) {
  for (uint32_t i = k->first_feed, n = k->n->x->feeds.n; i < n; i++) {
    const MFeed *of = k->n->x->feeds.at[i];
    if (of->to != k->made->cells || of->input != inner) continue;
    MFeed *feed = NEW(k->n->s->arena, MFeed);
    *feed = *of;
    feed->to = k->pop;
    feed->input = outer;
    vec_push(k->n->s->arena, &k->n->x->feeds, feed);
  }
}

static void drawn_refused(Plastic *k, const MVar *param, VarPer per) {
  Session *s = k->n->s;
  const char *what = arena_printf(s->arena, "a value of `%s` for each synapse where a state `per %s` depends on it", name_str(s, param->name), per == PER_POST ? "post" : "pre");
  diag_not_supported(s, param->span, what, "Without `per` each synapse has a state of its own.");
}

/* The variable of the synapse as one of the target; NULL after a message. */
static MExpr *outer_of(Plastic *k, const MVar *var) {
  Session *s = k->n->s;
  MPopulation *pop = k->pop;
  if (k->outer[var->index]) return k->outer[var->index];
  if (var->of && var->kind != VAR_STATE && var->per == k->per) return k->outer[var->index] = expr_var(k->n->c, var->of, var->span);
  if (var->kind == VAR_LET) return k->outer[var->index] = outside(k, var->value);
  if (var->kind == VAR_PARAM && expr_has(k->in.map[var->index], MX_DRAW)) {
    drawn_refused(k, var, k->per);
    return NULL;
  }
  MVar *made = var_copy(k, var, var->kind, name_fmt(s, "%s.%s", name_str(s, k->p->path), name_str(s, var->name)), pop->component);
  made->internal = true;
  k->outer[var->index] = expr_var(k->n->c, made, var->span);
  if (var->kind == VAR_PARAM) {
    MSetting set = {.var = made, .value = k->in.map[var->index], .span = var->span};
    made->value = NULL;
    made->domain = (MDomain){0}; /* checked with the synapse's */
    vec_push(s->arena, &pop->settings, set);
    return k->outer[var->index];
  }
  made->per = PER_ELEMENT;
  if (var->kind == VAR_INPUT) feed_too(k, k->inner[var->index]->var, made);
  made->value = outside(k, var->value);
  made->equation = outside(k, var->equation);
  return (var->value && !made->value) || (var->equation && !made->equation) ? NULL : k->outer[var->index];
}

static bool find_outer(Plastic *k, const MExpr *e) {
  if (!e) return true;
  if (e->kind == MX_VAR && !outer_of(k, e->var)) return false;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!find_outer(k, e->args[i])) return false;
  return true;
}

static MExpr *outside(Plastic *k, const MExpr *e) { return e && find_outer(k, e) ? replaced(k, e, k->outer) : NULL; }

/* The statements that change states of the cell. */
static bool cell_statements(Plastic *k, const MStmtList *of, MStmtList *ret) {
  for (uint32_t i = 0; i < of->n; i++) {
    MStmt *st = NEW(k->n->s->arena, MStmt);
    *st = *of->at[i];
    if (st->kind == STMT_ASSIGN ? st->var->per != k->per : st->kind != STMT_IF) continue;
    memset(&st->then, 0, sizeof st->then);
    memset(&st->other, 0, sizeof st->other);
    if (!cell_statements(k, &of->at[i]->then, &st->then) || !cell_statements(k, &of->at[i]->other, &st->other)) return false;
    if (st->kind == STMT_IF && !st->then.n && !st->other.n) continue;
    if (!(st->value = outside(k, st->value))) return false;
    if (st->kind == STMT_ASSIGN) {
      MExpr *to = outer_of(k, st->var);
      if (!to) return false;
      st->var = to->var;
    }
    vec_push(k->n->s->arena, ret, st);
  }
  return true;
}

/* The variable with this name among what synapses have added; NULL: there is none. */
static MVar *added(const MComponent *c, Name name) {
  MVar *var = component_var(c, name);
  return var && var->internal ? var : NULL;
}

/* Another projection may keep it already. */
static void keep_before(Plastic *k, MSeen *seen, MStmtList *head) {
  Session *s = k->n->s;
  MComponent *c = k->pop->component;
  Name name = name_fmt(s, "%s.before", name_str(s, seen->outer->name));
  seen->before = added(c, name);
  if (seen->before) return;
  seen->before = var_copy(k, seen->outer, VAR_STATE, name, c);
  seen->before->internal = true;
  seen->before->gate = seen->before->reacts = seen->before->counts = false;
  seen->before->domain = (MDomain){0};
  seen->before->equation = NULL;
  seen->before->value = expr_var(k->n->c, seen->outer, seen->outer->span);
  MStmt *st = NEW(s->arena, MStmt);
  *st = (MStmt){.kind = STMT_ASSIGN, .op = ASSIGN_SET, .span = seen->outer->span, .var = seen->before};
  st->value = expr_var(k->n->c, seen->outer, seen->outer->span);
  vec_push(s->arena, head, st);
}

static bool see(Plastic *k, const MVar *var, MStmtList *head) {
  MExpr *outer = outer_of(k, var);
  if (!outer) return false;
  MSeen seen = {.inner = k->inner[var->index]->var, .outer = outer->var, .side = k->per == PER_PRE ? SIDE_PRE : SIDE_POST};
  seen.inner->of = seen.outer;
  keep_before(k, &seen, head);
  vec_push(k->n->s->arena, &k->made->seen, seen);
  return true;
}

static void handlers_begin_with(Plastic *k, const MStmtList *head) {
  MComponent *c = k->pop->component;
  for (uint32_t i = 0; i < c->spikes.n; i++) {
    MStmtList *body = &c->spikes.at[i]->body, all = {0};
    for (uint32_t j = 0; j < head->n; j++) vec_push(k->n->s->arena, &all, head->at[j]);
    for (uint32_t j = 0; j < body->n; j++) vec_push(k->n->s->arena, &all, body->at[j]);
    *body = all;
  }
}

static bool is_seen(const MVar *var, VarPer per, bool states) {
  return var->per == per && (var->kind == VAR_STATE ? states : var->kind == VAR_INPUT && var->of);
}

/* What the synapse sees of the cells on one side: states of theirs, and its own states of that side. */
static bool extend_side(Plastic *k, MPopulation *pop, VarPer per) {
  const MComponent *from = k->in.synapse;
  bool states = per == PER_POST || k->moved, any = false;
  MStmtList head = {0};
  for (uint32_t i = 0; i < from->vars.n; i++) any |= is_seen(from->vars.at[i], per, states);
  if (!any) return true;
  own_component(k, pop);
  k->pop = pop;
  k->per = per;
  k->outer = NEW_ARRAY(k->n->s->arena, MExpr *, from->vars.n + 1);
  for (uint32_t i = 0; i < from->vars.n; i++)
    if (is_seen(from->vars.at[i], per, states) && !see(k, from->vars.at[i], &head)) return false;
  if (states && !cell_statements(k, per == PER_POST ? &from->on_post : &from->on_pre, &head)) return false;
  handlers_begin_with(k, &head);
  return true;
}

/* What it sees of its third part, as that is. */
static void see_third(Plastic *k, const Sent *sent) {
  const MComponent *from = k->in.synapse;
  for (uint32_t i = 0; i < from->vars.n; i++) {
    MVar *var = from->vars.at[i];
    if (var->kind != VAR_INPUT || var->per != PER_THIRD) continue;
    MSeen seen = {.inner = k->inner[i]->var, .outer = var->of == var ? NULL : var->of, .side = SIDE_THIRD};
    vec_push(k->n->s->arena, &k->made->seen, seen);
    if (!k->made->third && k->p->rule != RULE_THIRD) k->made->third = net_third_link(k->n, sent->pick, k->p);
  }
}

/* 0: constant in time, 1: linear in states per pre, 2: anything else. */
static int degree(const MExpr *e) {
  if (e->kind == MX_NUM || e->kind == MX_GLOBAL) return 0;
  if (e->kind == MX_VAR) return e->var->kind == VAR_PARAM ? 0 : e->var->kind == VAR_LET ? degree(e->var->value) : e->var->kind == VAR_STATE ? 1 : 2;
  if (e->kind != MX_CALL) return 2;
  int most = 0, sum = 0;
  for (uint32_t i = 0; i < e->n_args; i++) {
    int d = degree(e->args[i]);
    most = d > most ? d : most;
    sum += d;
  }
  bool added = e->builtin == B_ADD || e->builtin == B_SUB || e->builtin == B_NEG;
  bool scaled = e->builtin == B_MUL || (e->builtin == B_DIV && degree(e->args[1]) == 0);
  return !sum ? 0 : added ? most : scaled ? (sum < 2 ? sum : 2) : 2;
}

static bool reads_state(const MExpr *e, const MVar *but) {
  if (!e) return false;
  if (e->kind == MX_VAR && e->var->kind == VAR_STATE && e->var != but) return true;
  bool any = e->kind == MX_VAR && e->var->kind == VAR_LET && reads_state(e->var->value, but);
  for (uint32_t i = 0; i < e->n_args; i++) any |= reads_state(e->args[i], but);
  return any;
}

/* Is it driven by a state that is itself driven? */
static bool driven_twice(const MExpr *e, const MVar *by) {
  if (!e) return false;
  if (e->kind == MX_VAR && e->var->kind == VAR_STATE && e->var != by && reads_state(e->var->equation, e->var)) return true;
  bool any = e->kind == MX_VAR && e->var->kind == VAR_LET && driven_twice(e->var->value, by);
  for (uint32_t i = 0; i < e->n_args; i++) any |= driven_twice(e->args[i], by);
  return any;
}

static bool reads_cell(const MExpr *e) {
  if (!e) return false;
  if (e->kind == MX_VAR && e->var->kind == VAR_INPUT && e->var->of) return true;
  bool any = e->kind == MX_VAR && e->var->kind == VAR_LET && reads_cell(e->var->value);
  for (uint32_t i = 0; i < e->n_args; i++) any |= reads_cell(e->args[i]);
  return any;
}

/* Has some state per pre no closed form between spikes? Those have one that are linear and driven by such as nothing drives. One
 * that begins with a variable of the cell is the cell's as well. */
static bool has_no_closed_form(const MComponent *from) {
  bool none = false;
  for (uint32_t i = 0; i < from->vars.n; i++) {
    const MVar *var = from->vars.at[i];
    if (var->kind != VAR_STATE || var->per != PER_PRE) continue;
    none |= reads_cell(var->value);
    if (var->equation) none |= degree(var->equation) > 1 || driven_twice(var->equation, var);
  }
  return none;
}

/* What differs between a cell's synapses and is part of its own states. */
static const MVar *drawn_in(const Plastic *k, const MExpr *e) {
  if (!e) return NULL;
  const MVar *var = e->kind == MX_VAR ? e->var : NULL, *found = NULL;
  if (var && var->kind == VAR_LET) found = drawn_in(k, var->value);
  if (var && var->kind == VAR_PARAM && expr_has(k->in.map[var->index], MX_DRAW)) found = var;
  for (uint32_t i = 0; i < e->n_args && !found; i++) found = drawn_in(k, e->args[i]);
  return found;
}

static bool changes_cell(const MStmtList *list) {
  bool any = false;
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    any |= (st->kind == STMT_ASSIGN && st->var->per == PER_PRE) || changes_cell(&st->then) || changes_cell(&st->other);
  }
  return any;
}

static const MVar *drawn_for_cell(const Plastic *k, const MStmtList *list) {
  const MVar *found = NULL;
  for (uint32_t i = 0; i < list->n && !found; i++) {
    const MStmt *st = list->at[i];
    bool cells = st->kind == STMT_IF ? changes_cell(&st->then) || changes_cell(&st->other) : st->kind == STMT_ASSIGN && st->var->per == PER_PRE;
    if (cells) found = drawn_in(k, st->value);
    if (!found) found = drawn_for_cell(k, &st->then);
    if (!found) found = drawn_for_cell(k, &st->other);
  }
  return found;
}

/* States per pre that lie with the synapses: nothing that they follow from is drawn for each synapse. */
static bool cells_alike(Plastic *k) {
  const MComponent *from = k->in.synapse;
  const MVar *found = drawn_for_cell(k, &from->on_pre);
  for (uint32_t i = 0; i < from->vars.n && !found; i++) {
    const MVar *var = from->vars.at[i];
    if (var->kind == VAR_STATE && var->per == PER_PRE) found = drawn_in(k, var->equation);
    if (var->kind == VAR_STATE && var->per == PER_PRE && !found) found = drawn_in(k, var->value);
  }
  if (found) drawn_refused(k, found, PER_PRE);
  return !found;
}

/* ---- the projection */

static bool sends_fit(Plastic *k, const Sent *sent, const MPort *port, const MStmtList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    if (!sends_fit(k, sent, port, &st->then) || !sends_fit(k, sent, port, &st->other)) return false;
    if (st->kind != STMT_SEND || dim_eq(st->value->dim, port->arg_dim)) continue;
    Session *s = k->n->s;
    Diag *d = diag_unit_wanted(s, sent->ast->synapse->span, arena_printf(s->arena, "the port `%s`", name_str(s, port->name)),
                               port->arg_dim, st->value->dim);
    diag_note(s, d, st->value->span, "this is sent");
    return false;
  }
  return true;
}

static bool weight_of(Plastic *k, Scope *scope, const Sent *sent) {
  Net *n = k->n;
  const MComponent *synapse = sent->synapse;
  const MVar *w = synapse->weight;
  if (!sent->weight) {
    diag_weight_missing(n->s, sent->ast->head.span, name_str(n->s, synapse->name), dim_text(n->s, w->dim), w->span);
    return false;
  }
  MPort as = {.name = synapse->name, .n_args = 1, .arg_dim = w->dim, .span = w->span};
  if (!net_link_weight(n, scope, sent->ast->head.span, &as, sent->weight, &k->p->weight)) return false;
  k->p->weight_domain = w->domain;
  k->p->weight_domain.lo = replaced(k, w->domain.lo, k->in.map);
  k->p->weight_domain.hi = replaced(k, w->domain.hi, k->in.map);
  bool drawn = expr_has(k->p->weight_domain.lo, MX_DRAW) || expr_has(k->p->weight_domain.hi, MX_DRAW);
  if (drawn) diag_not_supported(n->s, w->span, "bounds of a weight that are drawn", NULL);
  return !drawn;
}

/* Cells may have inputs that nothing gives; what modulates a synapse is its point. */
static bool inputs_follow(const Plastic *k, const Sent *sent) {
  Session *s = k->n->s;
  bool good = true;
  for (uint32_t i = 0; i < sent->synapse->vars.n; i++) {
    const MVar *var = sent->synapse->vars.at[i];
    bool found = var->kind != VAR_INPUT || var->of || var == sent->synapse->weight;
    for (uint32_t j = k->first_feed; j < k->n->x->feeds.n; j++) found |= k->n->x->feeds.at[j]->input == var;
    if (!found)
      diag_synapse_input(s, sent->ast->synapse->span, name_str(s, sent->synapse->name), name_str(s, var->name), var->span);
    good &= found;
  }
  return good;
}

bool net_plastic(Net *n, Scope *scope, const Sent *sent, const MPort *port, MProjection *p) {
  Session *s = n->s;
  Plastic k = {.n = n, .p = p, .made = NEW(s->arena, MPlastic), .first_feed = n->x->feeds.n};
  if (port->n_args == 0) {
    diag_weight_not_taken(s, sent->ast->synapse->span, name_str(s, port->name), port->span);
    return false;
  }
  k.in.cells = k.made->cells = NEW(s->arena, MPopulation);
  *k.made->cells = (MPopulation){.path = p->path, .base = p->path, .span = p->span, .size = expr_number(n->c, 1, DIM_NONE, p->span)};
  k.made->cells->component = (MComponent *)sent->synapse;
  if (!net_inline_begin(&k.in, n, scope, sent) || !sends_fit(&k, sent, port, &sent->synapse->on_pre) || !inputs_follow(&k, sent)) return false;
  k.moved = has_no_closed_form(sent->synapse);
  k.made->cells->component = synapse_copy(&k);
  for (uint32_t i = k.first_feed; i < n->x->feeds.n; i++) n->x->feeds.at[i]->input = k.inner[n->x->feeds.at[i]->input->index]->var;
  if (!net_cells_settings(&k.in, k.inner, k.made->cells) || !cells_alike(&k) || !weight_of(&k, scope, sent)) return false;
  if (!extend_side(&k, p->source.pop, PER_PRE) || !extend_side(&k, p->target.pop, PER_POST)) return false;
  see_third(&k, sent);
  k.made->axonal = sent->axonal;
  p->plastic = k.made;
  return true;
}

/* What moves a component: equations, gates, ports, the spike condition and the handlers.
 *
 * A gate becomes a state between 0 and 1: from alpha and beta m' = alpha (1 - m) - beta m, starting at alpha
 * / (alpha + beta); from steady and tau m' = (steady - m) / tau, starting at steady. x'' = … sets the
 * equation of the state x', and x' is the equation of x. */
#include <string.h>

#include "lang/component.h"
#include "lang/net.h"

static const Dim time_dim = {{DIM_ONE}}, rate_dim = {{-DIM_ONE}};

/* ---- gates */

void comp_declare_gate(Comp *k, const AstGate *gate) {
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_VAR, gate->name.name, gate->name.span);
  symbol->var = comp_var_new(k, VAR_STATE, gate->name.name, gate->name.span);
  symbol->var->gate = true;
  symbol->var->unit = name_z(k->s, "1");
  GateUse use = {gate, symbol->var};
  vec_push(k->c->arena, &k->gates, use);
}

enum { GATE_ALPHA, GATE_BETA, GATE_STEADY, GATE_TAU, GATE_ENTRIES };
static const char *const gate_words[GATE_ENTRIES] = {"alpha", "beta", "steady", "tau"};

/* One entry of a gate's braces. false after a message. */
static bool gate_entry(Comp *k, const AstGate *gate, const Ast *st, MExpr **entries) {
  const AstAssign *a = st->kind == AST_ASSIGN ? AST_AS(Assign, st) : NULL;
  const char *word = a ? name_str(k->s, path_name(k->c, a->target)) : "";
  if (!a || a->op != ASSIGN_SET) {
    diag_statement_misplaced(k->s, st->span, "this", "the braces of a gate");
    return false;
  }
  for (int i = 0; i < GATE_ENTRIES; i++) {
    if (strcmp(gate_words[i], word) != 0) continue;
    if (entries[i]) {
      diag_setting_twice(k->s, st->span, word, entries[i]->span);
      return false;
    }
    Want want = {.has_dim = true, .allow = ALLOW_CHANGING | ALLOW_TIME};
    want.dim = i == GATE_STEADY ? DIM_NONE : i == GATE_TAU ? time_dim : rate_dim;
    want.who = arena_printf(k->c->arena, "`%s` of the gate `%s`", word, name_str(k->s, gate->name.name));
    entries[i] = check_expr(k->c, k->scope, a->value, &want);
    return entries[i] != NULL;
  }
  diag_gate_entry(k->s, a->target->span, name_str(k->s, gate->name.name), word);
  return false;
}

static MExpr *call2(Comp *k, Builtin b, Span span, Dim dim, MExpr *x, MExpr *y) {
  MExpr *args[2] = {x, y};
  return expr_call(k->c, b, span, dim, M_REAL, args, 2);
}

static void gate_from_rates(Comp *k, MVar *m, Span span, MExpr *alpha, MExpr *beta) {
  MExpr *one = expr_number(k->c, 1, DIM_NONE, span), *self = expr_var(k->c, m, span);
  MExpr *open = call2(k, B_MUL, span, rate_dim, alpha, call2(k, B_SUB, span, DIM_NONE, one, self));
  m->equation = call2(k, B_SUB, span, rate_dim, open, call2(k, B_MUL, span, rate_dim, beta, self));
  m->value = call2(k, B_DIV, span, DIM_NONE, alpha, call2(k, B_ADD, span, rate_dim, alpha, beta));
}

static void check_gate(Comp *k, const GateUse *use) {
  const AstGate *gate = use->ast;
  MExpr *entries[GATE_ENTRIES] = {NULL};
  bool ok = true;
  for (uint32_t i = 0; i < gate->body.n; i++) ok = gate_entry(k, gate, gate->body.at[i], entries) && ok;
  if (!ok) return;
  bool rates = entries[GATE_ALPHA] && entries[GATE_BETA], steady = entries[GATE_STEADY] && entries[GATE_TAU];
  bool any_rate = entries[GATE_ALPHA] || entries[GATE_BETA],
       any_steady = entries[GATE_STEADY] || entries[GATE_TAU];
  MVar *m = use->var;
  Span span = m->equation_span = gate->head.span;
  if ((rates && any_steady) || (steady && any_rate) || !(rates || steady)) {
    diag_gate_form(k->s, gate->name.span, name_str(k->s, gate->name.name));
  } else if (rates) {
    gate_from_rates(k, m, span, entries[GATE_ALPHA], entries[GATE_BETA]);
  } else {
    MExpr *away = call2(k, B_SUB, span, DIM_NONE, entries[GATE_STEADY], expr_var(k->c, m, span));
    m->equation = call2(k, B_DIV, span, rate_dim, away, entries[GATE_TAU]);
    m->value = entries[GATE_STEADY];
  }
}

void comp_check_gates(Comp *k) {
  for (uint32_t i = 0; i < k->gates.n; i++) check_gate(k, &k->gates.at[i]);
}

/* ---- equations */

static Symbol *equation_symbol(Comp *k, Scope *scope, const AstEquation *eq, Name name) {
  const char *word = name_str(k->s, name);
  Symbol *symbol = scope_find_here(k->scope, name), *base = scope_find_here(k->scope, eq->name.name);
  if (!symbol && base) symbol = base;
  if (!symbol) {
    word = name_str(k->s, eq->name.name);
    TextList names = {0};
    for (uint32_t i = 0; i < k->m->vars.n; i++)
      if (k->m->vars.at[i]->kind == VAR_STATE)
        vec_push(k->c->arena, &names, name_str(k->s, k->m->vars.at[i]->name));
    diag_unknown_name(k->s, eq->name.span, word, diag_nearest(word, names.at, names.n), false);
    return NULL;
  }
  if (symbol->kind == SYM_FAMILY) {
    if (symbol->failed) return NULL;
    if (eq->indices.n == 0) {
      diag_binder_needed(k->s, eq->name.span, word);
      return NULL;
    }
    int32_t values[FAMILY_AXES] = {0};
    for (uint32_t i = 0; i < eq->indices.n && i < symbol->family->n_axes; i++)
      if (!check_element(k->c, scope, eq->indices.at[i], symbol->family->axes[i], &values[i])) return NULL;
    symbol = family_member(k->c, symbol, values, eq->indices.n, eq->name.span);
  } else if (eq->indices.n > 0) {
    diag_not_indexed(k->s, eq->name.span, word, symbol->span);
    return NULL;
  }
  return symbol && symbol_resolve(k->c, symbol, eq->name.span) ? symbol : NULL;
}

static void check_equation_at(Comp *k, Scope *scope, const void *what) {
  const AstEquation *eq = what;
  Symbol *symbol = equation_symbol(k, scope, eq, primed_name(k->c, eq->name.name, eq->primes - 1));
  Want want = {.allow = ALLOW_CHANGING | ALLOW_TIME | ALLOW_NOISE};
  if (!symbol) {
    check_expr(k->c, scope, eq->value, &want); /* for its own mistakes */
    return;
  }
  const char *word = name_str(k->s, symbol->name);
  bool weight = symbol->kind == SYM_VAR && symbol->var == k->m->weight && k->m->plastic;
  if (symbol->kind != SYM_VAR || (symbol->var->kind != VAR_STATE && !weight)) {
    diag_equation_not_state(k->s, eq->name.span, word, symbol_kind_text(k->c, symbol), symbol->span);
    return;
  }
  MVar *var = symbol->var;
  Symbol *above = scope_find_here(k->scope, primed_name(k->c, eq->name.name, eq->primes));
  if (above && (above->kind == SYM_VAR || above->kind == SYM_FAMILY)) {
    diag_equation_order(k->s, eq->name.span, name_str(k->s, eq->name.name), eq->primes,
                        "its derivative is a state of its own", above->span);
    return;
  }
  if (var->gate || var->equation || var->equation_span.to > 0) {
    diag_equation_twice(k->s, eq->name.span, word, var->equation_span);
    return;
  }
  want.has_dim = true;
  want.dim = dim_div(var->dim, time_dim);
  want.who = arena_printf(k->c->arena, "%s'", word);
  var->equation = check_expr(k->c, scope, eq->value, &want);
  var->equation_span = eq->head.span;
}

void comp_check_equation(Comp *k, const AstEquation *eq) {
  if (eq->primes < 1 || eq->primes > 8) return;
  comp_each_index(k, k->scope, &eq->indices, check_equation_at, eq);
}

/* x' of `state x'` is the equation of x. */
void comp_link_derivatives(Comp *k) {
  for (uint32_t i = 0; i < k->declared.n; i++) {
    const Symbol *symbol = k->declared.at[i];
    if (symbol->kind != SYM_VAR || symbol->failed) continue;
    const VarDecl *decl = symbol->context;
    if (!decl->base || decl->base->failed) continue;
    if (decl->base->var->reacts || decl->base->var->counts) {
      diag_reaction_equation(k->s, decl->base->var->equation_span, name_str(k->s, decl->base->name), symbol->span);
      continue;
    }
    decl->base->var->equation = expr_var(k->c, symbol->var, symbol->span);
    decl->base->var->equation_span =
        symbol->var->equation_span.to ? symbol->var->equation_span : symbol->span;
  }
}

/* ---- handlers */

typedef struct {
  const Ast *st;
  MStmtList *list;
} StmtAt;


/* The state that a handler changes; in a part that is no neuron, also an input (its host's state). */
static MVar *changed_var(Comp *k, Scope *scope, const Ast *target,
                         void (*refuse)(Session *, Span, const char *, const char *, Span)) {
  Symbol *symbol = check_path(k->c, scope, target);
  if (!symbol) return NULL;
  if (symbol->kind == SYM_VAR && symbol->var->kind == VAR_STATE) return symbol->var;
  bool input = symbol->kind == SYM_VAR && symbol->var->kind == VAR_INPUT && !k->neuron;
  if (input && (!k->m->plastic || symbol->var == k->m->weight)) return comp_acts_on(k, symbol->var);
  refuse(k->s, target->span, name_str(k->s, symbol->name), symbol_kind_text(k->c, symbol), symbol->span);
  return NULL;
}

static MStmt *stmt_new(Comp *k, MStmtKind kind, Span span) {
  MStmt *st = NEW(k->c->arena, MStmt);
  st->kind = kind;
  st->span = span;
  return st;
}

static void check_assign_at(Comp *k, Scope *scope, const void *what) {
  const StmtAt *at = what;
  const AstAssign *a = AST_AS(Assign, at->st);
  bool draw = a->op == ASSIGN_DRAW;
  MVar *var = changed_var(k, scope, a->target, diag_assign_target);
  if (!var) return;
  Want want = {.has_dim = true,
               .dim = a->op == ASSIGN_MUL ? DIM_NONE : var->dim,
               .allow = ALLOW_CHANGING | ALLOW_TIME | (draw ? ALLOW_DRAW : 0)};
  want.who =
      arena_printf(k->c->arena, a->op == ASSIGN_MUL ? "a factor of `%s`" : "`%s`", name_str(k->s, var->name));
  MStmt *st = stmt_new(k, STMT_ASSIGN, at->st->span);
  st->var = var;
  st->op = a->op;
  st->value = check_expr(k->c, scope, a->value, &want);
  if (st->value && draw && !expr_has(st->value, MX_DRAW)) {
    diag_draw_missing(k->s, a->value->span);
    return;
  }
  if (st->value) vec_push(k->c->arena, at->list, st);
}

static void check_hold_at(Comp *k, Scope *scope, const void *what) {
  const StmtAt *at = what;
  const AstHold *hold = AST_AS(Hold, at->st);
  Want want = {
      .has_dim = true, .dim = time_dim, .who = "the time of a hold", .allow = ALLOW_CHANGING | ALLOW_TIME};
  MStmt *st = stmt_new(k, STMT_HOLD, at->st->span);
  st->var = changed_var(k, scope, hold->target, diag_hold_target);
  st->value = check_expr(k->c, scope, hold->duration, &want);
  if (!st->var || !st->value) return;
  double d;
  if (expr_constant(st->value, false, &d) && d < 0) {
    diag_outside_domain(k->s, st->value->span, "the time of a hold",
                        source_span_text(k->s, st->value->span, k->c->arena), "[0 ms, inf)", (Span){0, 0});
    return;
  }
  vec_push(k->c->arena, at->list, st);
}

static void check_if(Comp *k, Scope *scope, const AstIfStmt *f, MStmtList *list) {
  Want want = {.condition = true, .who = "if", .allow = ALLOW_CHANGING | ALLOW_TIME};
  MStmt *st = stmt_new(k, STMT_IF, f->head.span);
  st->value = check_expr(k->c, scope, f->cond, &want);
  comp_check_statements(k, scope, &f->then, &st->then);
  comp_check_statements(k, scope, &f->other, &st->other);
  if (st->value) vec_push(k->c->arena, list, st);
}

static void check_stmt(Comp *k, Scope *scope, const Ast *st, MStmtList *list) {
  const AstAssign *assign = check_assignment(k->c, st);
  if (assign) st = &assign->head;
  StmtAt at = {st, list};
  if (assign)
    comp_each_index(k, scope, path_indices(assign->target), check_assign_at, &at);
  else if (st->kind == AST_HOLD)
    comp_each_index(k, scope, path_indices(AST_AS(Hold, st)->target), check_hold_at, &at);
  else if (st->kind == AST_IF_STMT)
    check_if(k, scope, AST_AS(IfStmt, st), list);
  else if (st->kind == AST_SEND && k->m->plastic)
    synapse_check_send(k, scope, AST_AS(Send, st), list);
  else if (st->kind == AST_SEND)
    diag_statement_misplaced(k->s, st->span, "`send`", "this handler: only a synapse sends");
  else
    diag_statement_misplaced(k->s, st->span, "this statement", "a handler");
}

void comp_check_statements(Comp *k, Scope *scope, const AstList *body, MStmtList *ret) {
  for (uint32_t i = 0; i < body->n; i++) check_stmt(k, scope, body->at[i], ret);
}

void comp_check_receive(Comp *k, const AstReceive *receive) {
  const char *word = name_str(k->s, receive->name.name);
  MPort *before = component_port(k->m, receive->name.name, NULL), *port = NEW(k->c->arena, MPort);
  if (before) diag_declared_twice(k->s, receive->name.span, word, before->span);
  if (receive->args.n > 1) {
    diag_receive_arguments(k->s, receive->args.at[1]->span, word);
    return;
  }
  Scope *scope = scope_new(k->c, k->scope);
  *port = (MPort){
      .name = receive->name.name, .span = receive->name.span, .doc = receive->doc, .n_args = receive->args.n};
  port->arg_unit_scale = 1;
  if (receive->args.n == 1) {
    const AstFnArg *arg = AST_AS(FnArg, receive->args.at[0]);
    Unit unit;
    if (arg->unit && !check_unit(k->c, arg->unit, &unit)) return;
    port->arg_name = arg->name.name;
    if (arg->unit) {
      port->arg_dim = unit.dim;
      port->arg_unit = AST_AS(Unit, arg->unit)->text;
      port->arg_unit_scale = unit.scale;
    }
    Symbol *symbol = scope_declare(k->c, scope, SYM_EXPR, arg->name.name, arg->name.span);
    symbol->expr = expr_leaf(k->c, MX_ARG, port->arg_dim, arg->name.span);
  }
  comp_check_statements(k, scope, &receive->body, &port->body);
  if (!before) vec_push(k->c->arena, &k->m->ports, port);
}

/* ---- spikes */

static bool spike_condition(Comp *k, const AstSpike *spike, MSpike *m) {
  Want want = {.allow = ALLOW_CHANGING | ALLOW_TIME};
  switch ((SpikeForm)spike->form) {
    case SPIKE_WHEN:
      want.condition = true;
      want.who = "spike when";
      break;
    case SPIKE_PEAK: want.who = "`spike at peak of`"; break;
    case SPIKE_RATE:
      want.has_dim = true;
      want.dim = rate_dim;
      want.who = "the rate of spikes";
      break;
  }
  m->cond = check_expr(k->c, k->scope, spike->cond, &want);
  Known known = m->cond && spike->form == SPIKE_RATE ? known_literal(m->cond) : (Known){0};
  if (known.known && known.value < 0) diag_negative(k->s, m->cond->span, want.who, known.value * 1000, "Hz");
  if (!m->cond || !spike->level) return m->cond != NULL;
  Want level = {.has_dim = true,
                .dim = m->cond->dim,
                .who = "the level of a peak",
                .allow = ALLOW_CHANGING | ALLOW_TIME};
  m->level = check_expr(k->c, k->scope, spike->level, &level);
  return m->level != NULL;
}

void comp_check_spike(Comp *k, const AstSpike *spike) {
  if (k->m->spikes.n > 0) {
    diag_spike_twice(k->s, spike->head.span, k->m->spikes.at[0]->span);
    return;
  }
  if (spike->settings.n > 0)
    diag_not_supported(k->s, spike->settings.at[0]->span, "settings of a spike condition",
                       "They belong to fits.");
  MSpike *m = NEW(k->c->arena, MSpike);
  m->form = spike->form;
  m->span = spike->head.span;
  bool ok = spike_condition(k, spike, m);
  comp_check_statements(k, k->scope, &spike->body, &m->body);
  if (ok) vec_push(k->c->arena, &k->m->spikes, m);
}

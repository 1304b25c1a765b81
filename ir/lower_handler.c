/* Event handlers to kernels: receive, test, fire, and the lengths of holds. Statements run top to bottom on
 * the current values; `if` becomes selections. A receive handler must be additive, shown by data flow: each
 * state it changes becomes itself + coefficient * argument, the coefficient over params alone; then arriving
 * weights may be summed per step. */
#include "ir/lower.h"

#include "lang/diag.h"

static IrVal both(Scope *sc, IrVal mask, IrVal c) {
  return mask == IR_NONE ? c : ir_op2(&sc->b, IR_AND, mask, c);
}

static void lower_assign(Scope *sc, const MStmt *st, IrVal mask) {
  IrBuild *b = &sc->b;
  if (st->var->kind != VAR_STATE)
    BUG(sc->l->s, st->span, "assignment to %s", name_str(sc->l->s, st->var->name));
  uint32_t i = sc->shape->index[st->var->index];
  IrVal now = lower_var(sc, st->var), v = lower_expr(sc, st->value);
  b->span = st->span;
  switch ((AssignOp)st->op) {
    case ASSIGN_SET: v = lower_fit(sc, v, st->var->dim); break;
    case ASSIGN_ADD: v = ir_op2(b, IR_ADD, now, lower_fit(sc, v, st->var->dim)); break;
    case ASSIGN_SUB: v = ir_op2(b, IR_SUB, now, lower_fit(sc, v, st->var->dim)); break;
    case ASSIGN_MUL: v = ir_op2(b, IR_MUL, now, v); break;
    case ASSIGN_DRAW: break; /* the value is a draw */
  }
  sc->state[i] = mask == IR_NONE ? v : ir_op3(b, IR_SELECT, mask, v, now);
  lower_forget(sc);
}

static void lower_statements(Scope *sc, const MStmtList *list, IrVal mask, bool top) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    sc->b.span = st->span;
    switch (st->kind) {
      case STMT_ASSIGN: lower_assign(sc, st, mask); break;
      case STMT_HOLD:
        if (!top)
          diag_not_supported(sc->l->s, st->span, "`hold` under an `if` or outside of a spike handler",
                             "Write `hold` as a statement of the spike handler by itself.");
        break;
      case STMT_IF: {
        IrVal c = lower_expr(sc, st->value);
        MStmtList then = {.at = st->then.at, .n = st->then.n}, other = {.at = st->other.at, .n = st->other.n};
        sc->b.span = st->span;
        IrVal yes = both(sc, mask, c), no = other.n ? both(sc, mask, ir_op1(&sc->b, IR_NOT, c)) : IR_NONE;
        lower_statements(sc, &then, yes, false);
        if (other.n) lower_statements(sc, &other, no, false);
        break;
      }
    }
  }
}

static void store_states(Scope *sc) {
  const IrClass *c = sc->shape->c;
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    if (sc->state[i] == IR_NONE || sc->state[i] == ptr_get(&sc->fixed, var)) continue;
    sc->b.span = sc->b.k->ins.at[sc->state[i]].span;
    ir_store(&sc->b, ir_slot(&sc->b, SLOT_STATE, i, var->name, IR_REAL, var->dim), sc->state[i]);
  }
}

/* ---- receive */

static void refuse_port(Lower *l, Span span, const char *what) {
  diag_not_supported(
      l->s, span, what,
      "Handlers of arriving events may add `coefficient * weight` to states, coefficients made of params.");
}

/* One stored value: NULL if it is state + coefficient * argument, else what is wrong. */
static const char *not_additive(IrForms *f, IrVal arg, IrVal state, IrVal v) {
  const IrForm *form = ir_form(f, v);
  if (!form->linear) return "a handler that is not linear in states and weight";
  for (uint32_t i = 0; i < f->atoms.n; i++) {
    IrVal atom = f->atoms.at[i], c = form->coef[i];
    if (atom == state && (c == IR_NONE || !alg_is(f->b, c, 1)))
      return "a handler that sets a state instead of adding to it";
    if (atom != state && atom != arg && c != IR_NONE) return "a handler that adds one state to another";
  }
  if (arg != IR_NONE && form->rest != IR_NONE)
    return "a handler that adds something other than a multiple of the weight";
  for (uint32_t i = 0; i < f->atoms.n; i++)
    if (form->coef[i] != IR_NONE && ir_traits(f->b, form->coef[i]).time) return "a handler that depends on t";
  if (form->rest != IR_NONE && ir_traits(f->b, form->rest).time) return "a handler that depends on t";
  return NULL;
}

static void check_additive(Lower *l, IrKernel *k, const MPort *port) {
  IrBuild b = {.s = l->s, .arena = l->a, .k = k, .span = port->span};
  uint32_t n_ins = k->ins.n; /* forms make values; they are dropped again */
  VEC(IrVal) atoms = {0};
  IrVal arg = IR_NONE;
  for (uint32_t i = 0; i < n_ins; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ir_ops[ins->op].flags & IRF_DRAW)
      refuse_port(l, ins->span, "random numbers in a handler of arriving events");
    if (ins->op != IR_LOAD) continue;
    SlotKind kind = k->slots.at[ins->slot].kind;
    if (kind == SLOT_ARG) arg = i;
    if (kind == SLOT_ARG || kind == SLOT_STATE || kind == SLOT_INPUT) vec_push(l->a, &atoms, i);
  }
  IrForms f = ir_forms(&b, atoms.at, atoms.n);
  for (uint32_t i = 0; i < n_ins; i++) {
    const IrIns ins = k->ins.at[i];
    if (ins.op != IR_STORE) continue;
    IrVal state = IR_NONE;
    for (uint32_t j = 0; j < n_ins; j++)
      if (k->ins.at[j].op == IR_LOAD && k->ins.at[j].slot == ins.slot) state = j;
    const char *wrong = state == IR_NONE ? "a handler that sets a state instead of adding to it"
                                         : not_additive(&f, arg, state, ins.arg[0]);
    if (wrong) refuse_port(l, ins.span, wrong);
  }
  k->ins.n = n_ins;
}

void lower_receive(Lower *l, Shape *shape, uint32_t port) {
  const MPort *p = shape->c->ports.at[port].port;
  IrKernel *k =
      ir_kernel(l->s, l->a, KERNEL_RECEIVE,
                name_fmt(l->s, "receive.%s.%s", name_str(l->s, shape->c->name), name_str(l->s, p->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  sc.b.span = p->span;
  if (p->n_args) sc.arg = ir_load(&sc.b, ir_slot(&sc.b, SLOT_ARG, 0, p->arg_name, IR_REAL, p->arg_dim));
  uint32_t errors = l->s->errors;
  lower_statements(&sc, &p->body, IR_NONE, false);
  store_states(&sc);
  if (l->s->errors == errors) check_additive(l, k, p);
  shape->c->ports.at[port].additive = true;
  vec_push(l->a, &shape->c->receive, k);
}

/* ---- spike */

static IrVal peak(Scope *sc, Scope *before, const MSpike *spike) {
  IrVal now = lower_expr(sc, spike->cond);
  IrVal then = lower_expr(before, spike->cond);
  sc->b.span = spike->span;
  IrVal falls = ir_op2(&sc->b, IR_LT, now, then);
  if (!spike->level) return falls;
  IrVal level = lower_as(before, spike->level, sc->b.k->ins.at[then].dim);
  sc->b.span = spike->span;
  return ir_op2(&sc->b, IR_AND, falls, ir_op2(&sc->b, IR_GT, then, level));
}

static IrVal rate(Scope *sc, const MSpike *spike) {
  IrVal r = lower_expr(sc, spike->cond);
  sc->b.span = spike->span;
  IrVal x = ir_op1(&sc->b, IR_NEG, ir_op2(&sc->b, IR_MUL, r, ir_nullary(&sc->b, IR_DT)));
  IrVal p = ir_op1(&sc->b, IR_NEG, ir_op1(&sc->b, IR_EXPM1, x));
  const IrVal range[4] = {alg_num(&sc->b, 0), alg_num(&sc->b, 1), IR_NONE, IR_NONE};
  return ir_op2(&sc->b, IR_LT, ir_draw(&sc->b, IR_DRAW_UNIFORM, (*sc->draws)++, range, DIM_NONE), p);
}

static void lower_test(Lower *l, Shape *shape, const MSpike *spike) {
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_TEST, name_fmt(l->s, "test.%s", name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape), before = lower_scope(l, k, LEAF_ELEMENT, shape);
  before.old = true;
  IrVal c = IR_NONE;
  switch ((SpikeForm)spike->form) {
    case SPIKE_WHEN: c = lower_expr(&sc, spike->cond); break;
    case SPIKE_PEAK: c = peak(&sc, &before, spike); break;
    case SPIKE_RATE: c = rate(&sc, spike); break;
  }
  sc.b.span = spike->span;
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), c);
  shape->c->test = k;
  shape->c->has_spike = true;
  shape->c->has_prev = spike->form != SPIKE_RATE;
}

void lower_spike(Lower *l, Shape *shape, const MSpike *spike) {
  lower_test(l, shape, spike);
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_FIRE, name_fmt(l->s, "fire.%s", name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  lower_statements(&sc, &spike->body, IR_NONE, true);
  store_states(&sc);
  if (k->ins.n) shape->c->fire = k;
}

/* ---- lengths of holds: R = ceil(d/dt - 1e-6) */

static void lower_hold(Scope *sc, const MStmt *st) {
  IrBuild *b = &sc->b;
  IrClass *c = sc->shape->c;
  if (!lower_uniform(sc, st->value)) {
    diag_not_supported(sc->l->s, st->value->span, "a hold whose length differs between elements",
                       "Use a duration that is the same for the whole population.");
    return;
  }
  const MVar *var = st->var;
  Dim time = {{0}};
  time.e[DIM_TIME] = DIM_ONE;
  IrVal d = lower_as(sc, st->value, time);
  b->span = st->span;
  IrVal steps = ir_op2(b, IR_SUB, ir_op2(b, IR_DIV, d, ir_nullary(b, IR_DT)), alg_num(b, 1e-6));
  IrVal up = ir_op1(b, IR_NEG, ir_op1(b, IR_FLOOR, ir_op1(b, IR_NEG, steps)));
  IrVal r = ir_op2(b, IR_MAX, up, alg_num(b, 0));
  IrHold hold = {.steps_u = c->uniforms.n,
                 .steps_name = name_fmt(sc->l->s, "%%hold.%s", name_str(sc->l->s, var->name)),
                 .span = st->span};
  vec_push(sc->l->a, &hold.states, sc->shape->index[var->index]);
  vec_push(sc->l->a, &c->uniforms, ((IrUniform){.name = hold.steps_name}));
  vec_push(sc->l->a, &c->holds, hold);
  ir_store(b, ir_slot(b, SLOT_UNIFORM, hold.steps_u, hold.steps_name, IR_REAL, DIM_NONE), r);
}

void lower_derive(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_DERIVE, name_fmt(l->s, "derive.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  for (uint32_t i = 0; i < c->component->spikes.n; i++) {
    const MStmtList *body = &c->component->spikes.at[i]->body;
    for (uint32_t j = 0; j < body->n; j++)
      if (body->at[j]->kind == STMT_HOLD) lower_hold(&sc, body->at[j]);
  }
  c->derive = k;
}

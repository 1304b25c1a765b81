/* Statements of handlers, the spike condition and its handler to kernels. Statements run top to bottom on the
 * current values; `if` becomes selections. What is held keeps its value through all of it. */
#include "ir/lower.h"

static IrVal both(Scope *sc, IrVal mask, IrVal c) {
  return mask == IR_NONE ? c : ir_op2(&sc->b, IR_AND, mask, c);
}

/* A state that follows a recording: what handlers do to it, the recording has done. */
static bool is_given(const Scope *sc, const MVar *var) { return sc->shape->fit && var == sc->shape->given; }

static void lower_assign(Scope *sc, const MStmt *st, IrVal mask) {
  IrBuild *b = &sc->b;
  if (is_given(sc, st->var)) return;
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
    case ASSIGN_DRAW: v = lower_fit(sc, v, st->var->dim); break; /* the value is a draw */
  }
  IrVal held = lower_hold_guard(sc, i);
  if (held != IR_NONE) v = ir_op3(b, IR_SELECT, held, now, v);
  sc->state[i] = mask == IR_NONE ? v : ir_op3(b, IR_SELECT, mask, v, now);
  lower_forget(sc);
}

/* Of a synapse: 0, which adds nothing, where its condition does not hold. A handler that does more than add is told by a number beside
 * it whether there is an event. */
static void lower_send(Scope *sc, const MStmt *st, IrVal mask) {
  IrBuild *b = &sc->b;
  IrVal v = lower_expr(sc, st->value);
  b->span = st->span;
  if (mask != IR_NONE) v = ir_op3(b, IR_SELECT, mask, v, alg_zero_like(b, v));
  if (mask != IR_NONE && sc->sends_told) {
    IrVal is = ir_op3(b, IR_SELECT, mask, alg_num(b, 1), alg_num(b, 0));
    ir_store(b, ir_slot(b, SLOT_OUT, sc->sends_told + sc->n_sends, name_z(sc->l->s, "sends"), IR_REAL, DIM_NONE), is);
  }
  ir_store(b, ir_slot(b, SLOT_OUT, sc->n_sends++, name_z(sc->l->s, "send"), IR_REAL, b->k->ins.at[v].dim), v);
}

static void lower_statements(Scope *sc, const MStmtList *list, IrVal mask) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    sc->b.span = st->span;
    switch (st->kind) {
      case STMT_ASSIGN: lower_assign(sc, st, mask); break;
      case STMT_SEND: lower_send(sc, st, mask); break;
      case STMT_HOLD:
        if (!is_given(sc, st->var)) lower_hold_begin(sc, st, mask);
        break;
      case STMT_IF: {
        IrVal c = lower_expr(sc, st->value);
        MStmtList then = {.at = st->then.at, .n = st->then.n}, other = {.at = st->other.at, .n = st->other.n};
        sc->b.span = st->span;
        IrVal yes = both(sc, mask, c), no = other.n ? both(sc, mask, ir_op1(&sc->b, IR_NOT, c)) : IR_NONE;
        lower_statements(sc, &then, yes);
        if (other.n) lower_statements(sc, &other, no);
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

void lower_body(Scope *sc, const MStmtList *body) {
  lower_statements(sc, body, IR_NONE);
  store_states(sc);
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

static bool domain_from_zero(const MVar *var) {
  if (!var || !var->domain.has || !var->domain.lo) return false;
  return var->domain.lo->kind == MX_NUM && var->domain.lo->num >= 0;
}

/* Whatever its states do, the value is never below 0. */
static bool never_negative(const Scope *sc, const IrClass *c, IrVal v) {
  const IrKernel *k = sc->b.k;
  const IrIns *i = &k->ins.at[v];
  if (ir_ops[i->op].flags & IRF_POSITIVE) return true;
  switch ((int)i->op) {
    case IR_CONST: return i->num >= 0;
    case IR_ABS: case IR_SQRT: case IR_HEAVISIDE: return true;
    case IR_MAX: return never_negative(sc, c, i->arg[0]) || never_negative(sc, c, i->arg[1]);
    case IR_ADD: case IR_MUL: case IR_DIV:
      return never_negative(sc, c, i->arg[0]) && never_negative(sc, c, i->arg[1]);
    case IR_SELECT: return never_negative(sc, c, i->arg[1]) && never_negative(sc, c, i->arg[2]);
    case IR_LOAD: {
      const IrSlot *slot = &k->slots.at[i->slot];
      return slot->kind == SLOT_UNIFORM ? domain_from_zero(c->uniforms.at[slot->index].var)
             : slot->kind == SLOT_PARAM ? domain_from_zero(c->elem_params.at[slot->index])
                                        : false;
    }
  }
  return false;
}

/* A rate that may fall below 0 goes to OUT too: the step looks at it. */
static IrVal rate(Scope *sc, const IrClass *c, const MSpike *spike) {
  IrVal r = lower_expr(sc, spike->cond);
  sc->b.span = spike->span;
  if (!never_negative(sc, c, r))
    ir_store(&sc->b, ir_slot(&sc->b, SLOT_OUT, 0, (Name){0}, IR_REAL, sc->b.k->ins.at[r].dim), r);
  sc->b.span = spike->span;
  IrVal x = ir_op1(&sc->b, IR_NEG, ir_op2(&sc->b, IR_MUL, r, ir_nullary(&sc->b, IR_DT)));
  IrVal p = ir_op1(&sc->b, IR_NEG, ir_op1(&sc->b, IR_EXPM1, x));
  const IrVal range[4] = {alg_num(&sc->b, 0), alg_num(&sc->b, 1), IR_NONE, IR_NONE};
  return ir_op2(&sc->b, IR_LT, ir_draw(&sc->b, IR_DRAW_UNIFORM, (*sc->draws)++, range, DIM_NONE), p);
}

/* Where the recording has a spike; and the neuron's own rate there, of which its likelihood is made. */
static void test_fired(Scope *sc, IrClass *c, const MSpike *spike) {
  IrBuild *b = &sc->b;
  const MVar *spikes = c->inputs.at[c->inputs.n - 1];
  if (spike->form == SPIKE_RATE && !sc->shape->given) {
    IrVal r = lower_expr(sc, spike->cond);
    b->span = spike->span;
    ir_store(b, ir_slot(b, SLOT_OUT, 0, (Name){0}, IR_REAL, b->k->ins.at[r].dim), r);
  }
  b->span = spike->span;
  IrVal n = ir_load(b, ir_slot(b, SLOT_INPUT, c->inputs.n - 1, spikes->name, IR_REAL, DIM_NONE));
  ir_store(b, ir_slot(b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), ir_op2(b, IR_GT, n, alg_num(b, 0.5)));
  c->test = b->k;
  c->has_spike = true;
}

/* What rises through 0 where the condition begins to hold, over the width of a surrogate. */
static void guard(Scope *sc, const MSpike *spike, const MFitSpikes *how) {
  IrBuild *b = &sc->b;
  const MExpr *e = spike->cond;
  bool falls = e->builtin == B_LT || e->builtin == B_LE;
  IrVal x = lower_as(sc, e->args[falls ? 1 : 0], e->args[0]->dim), y = lower_as(sc, e->args[falls ? 0 : 1], e->args[0]->dim);
  b->span = spike->span;
  IrVal g = ir_op2(b, IR_SUB, x, y);
  if (how->width) g = ir_op2(b, IR_DIV, g, lower_as(sc, how->width, e->args[0]->dim));
  ir_store(b, ir_slot(b, SLOT_OUT, 0, (Name){0}, IR_REAL, b->k->ins.at[g].dim), g);
}

static void lower_test(Lower *l, Shape *shape, const MSpike *spike) {
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_TEST, name_fmt(l->s, "test.%s", name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape), before = lower_scope(l, k, LEAF_ELEMENT, shape);
  before.old = true;
  IrVal c = IR_NONE;
  if (shape->c->fired) {
    test_fired(&sc, shape->c, spike);
    return;
  }
  switch ((SpikeForm)spike->form) {
    case SPIKE_WHEN:
      c = lower_expr(&sc, spike->cond);
      if (shape->fit && shape->fit->own_spikes.gradient) guard(&sc, spike, &shape->fit->own_spikes);
      break;
    case SPIKE_PEAK: c = peak(&sc, &before, spike); break;
    case SPIKE_RATE: c = rate(&sc, shape->c, spike); break;
  }
  sc.b.span = spike->span;
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), c);
  shape->c->test = k;
  shape->c->has_spike = true;
  shape->c->has_prev = spike->form != SPIKE_RATE;
  if (shape->fit && spike->form == SPIKE_WHEN) shape->c->spikes = &shape->fit->own_spikes;
}

/* Holds on what the condition reads: while one is in force there is no spike, but for those of a recording. */
static const bool *idle_holds(Lower *l, const IrClass *c) {
  bool *idle = NEW_ARRAY(l->a, bool, c->holds.n + 1);
  if (c->fired) return idle;
  for (uint32_t i = 0; i < c->test->slots.n; i++) {
    const IrSlot *slot = &c->test->slots.at[i];
    if (slot->kind != SLOT_STATE && slot->kind != SLOT_OLD) continue;
    for (uint32_t k = 0; k < c->holds.n; k++)
      for (uint32_t j = 0; j < c->holds.at[k].states.n; j++)
        idle[k] |= c->holds.at[k].states.at[j] == slot->index;
  }
  return idle;
}

void lower_spike(Lower *l, Shape *shape, const MSpike *spike) {
  lower_test(l, shape, spike);
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_FIRE, name_fmt(l->s, "fire.%s", name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  sc.guarded = true;
  sc.idle = idle_holds(l, shape->c);
  lower_body(&sc, &spike->body);
  if (k->ins.n) shape->c->fire = k;
}

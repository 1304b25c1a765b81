/* `delayed(x, d)` in a march: a ring remembers x - x(0), which is 0 before the start as rings are, and is loaded as many whole steps
 * ago as each element's own lag says (IrLag). What x was at T - d lies on the line from there to the step before, which is carried,
 * as d / dt less these steps says; what it was at the step's begin, on the next line. So it is what a run has, but for rounding, and
 * its derivative by d is that line's slope, also where d is a whole number of steps and two lines meet.
 *
 * Needs the class's pasts in order, what is inside of another before it. */
#include "autodiff/ad.h"

#include <math.h>

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

static IrVal state_made(IrBuild *b, IrMarch *m, const char *name, Dim dim, uint32_t *ret_slot) {
  *ret_slot = ir_slot(b, SLOT_STATE, m->plain.n_states++, name_z(b->s, name), IR_REAL, dim);
  return ir_load(b, *ret_slot);
}

/* x0 + y + share (z - y) */
static IrVal on_line(IrBuild *b, IrVal x0, IrVal y, IrVal z, IrVal share) {
  return ir_op2(b, IR_ADD, x0, ir_op3(b, IR_FMA, share, ir_op2(b, IR_SUB, z, y), y));
}

static Dim dim_of(const IrKernel *record) {
  for (uint32_t i = 0; i < record->slots.n; i++)
    if (record->slots.at[i].kind == SLOT_OUT) return record->slots.at[i].dim;
  return DIM_NONE;
}

static bool loads_param(const IrKernel *k, const IrIns *ins) { return ins->op == IR_LOAD && k->slots.at[ins->slot].kind == SLOT_PARAM; }

static IrLag lag_of(const IrBuild *b, const IrPast *past, uint32_t delay_slot, uint32_t steps_slot) {
  const IrKernel *k = past->delay;
  IrLag lag = {.free = IR_NONE, .fixed = true, .name = past->name, .span = past->span};
  lag.delay = b->k->slots.at[delay_slot].index;
  lag.steps = b->k->slots.at[steps_slot].index;
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    lag.fixed &= !(ir_ops[ins->op].flags & IRF_DRAW) && !loads_param(k, ins);
    if (ins->op == IR_STORE && loads_param(k, &k->ins.at[ins->arg[0]])) lag.free = k->slots.at[k->ins.at[ins->arg[0]].slot].index;
  }
  return lag;
}

AdDelayed ad_past_begin(IrBuild *b, IrMarch *m, const IrPast *past) {
  AdDelayed d;
  Dim dim = dim_of(past->value);
  uint32_t delay_slot, steps_slot;
  b->span = past->span;
  d.x0 = state_made(b, m, "%first", dim, &d.first);
  IrVal delay = state_made(b, m, "%delay", TIME, &delay_slot), steps = state_made(b, m, "%steps", DIM_NONE, &steps_slot);
  d.one = state_made(b, m, "%one.ago", dim, &d.one_slot);
  IrVal two = state_made(b, m, "%two.ago", dim, &d.two_slot), share = ir_op2(b, IR_SUB, ir_op2(b, IR_DIV, delay, ir_nullary(b, IR_DT)), steps);
  vec_push(b->arena, &m->lags, lag_of(b, past, delay_slot, steps_slot));
  d.ring = ir_ring(b, m->plain.n_rings++, m->lags.n, past->name, dim);
  d.now = ir_load(b, d.ring);
  d.at_end = on_line(b, d.x0, d.now, d.one, share);
  d.at_begin = on_line(b, d.x0, d.one, two, share);
  d.first = b->k->slots.at[d.first].index;
  d.delay = b->k->slots.at[delay_slot].index;
  return d;
}

void ad_past_end(IrBuild *b, const AdDelayed *d, IrVal x) {
  ir_store(b, d->ring, ir_op2(b, IR_SUB, x, d->x0));
  ir_store(b, d->two_slot, d->one);
  ir_store(b, d->one_slot, d->now);
}

/* A delay of less than one step has no value: the start drops out. */
void ad_past_start(IrBuild *b, const AdDelayed *d, IrVal x, IrVal delay) {
  Dim dim = b->k->ins.at[x].dim;
  IrVal least = ir_op2(b, IR_MUL, ir_nullary(b, IR_DT), ir_const(b, 1 - 1e-6, DIM_NONE));
  IrVal first = ir_op3(b, IR_SELECT, ir_op2(b, IR_GE, delay, least), x, ir_const(b, NAN, dim));
  ir_store(b, ir_slot(b, SLOT_STATE, d->first, name_z(b->s, "%first"), IR_REAL, dim), first);
  ir_store(b, ir_slot(b, SLOT_STATE, d->delay, name_z(b->s, "%delay"), IR_REAL, TIME), delay);
}

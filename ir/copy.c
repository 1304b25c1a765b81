/* Copies the instructions of one kernel to the end of another, with other values for its loads: how flow,
 * receive, test and fire become parts of one step, once for each stage of an integrator. Stores are not
 * copied; their values are kept. */
#include "ir/algebra.h"

#include "lang/session.h"

IrVal ir_push(IrBuild *b, IrIns ins) {
  vec_push(b->arena, &b->k->ins, ins);
  return b->k->ins.n - 1;
}

IrCopy ir_copy_of(IrBuild *b, const IrKernel *k) {
  IrCopy c = {.b = b, .k = k, .arg = IR_NONE, .time = IR_NONE, .prev = IR_NONE};
  c.stored = NEW_ARRAY(b->arena, IrVal, k->slots.n + 1);
  c.map = NEW_ARRAY(b->arena, IrVal, k->ins.n + 1);
  return c;
}

static IrVal copy_load(IrCopy *c, const IrIns *ins) {
  const IrSlot *slot = &c->k->slots.at[ins->slot];
  if (slot->kind == SLOT_STATE && c->state) return c->state[slot->index];
  if (slot->kind == SLOT_OLD && c->old) return c->old[slot->index];
  if (slot->kind == SLOT_HELD && c->held) return c->held[slot->index];
  if (slot->kind == SLOT_INPUT && c->input) return c->input[slot->index];
  if (slot->kind == SLOT_SAMPLE && c->sample) return c->sample[slot->index];
  if (slot->kind == SLOT_PAST && c->past) return c->past[slot->index];
  if (slot->kind == SLOT_PREV && c->prev != IR_NONE) return c->prev;
  if (slot->kind == SLOT_ARG && c->arg != IR_NONE) return c->arg;
  return ir_load(c->b, ir_slot_again(c->b, slot));
}

static IrVal copy_ins(IrCopy *c, IrIns ins) {
  c->b->span = ins.span;
  if (ins.op == IR_LOAD) return copy_load(c, &ins);
  for (int i = 0; i < ir_ops[ins.op].arity; i++) ins.arg[i] = c->map[ins.arg[i]];
  if (ins.op == IR_STORE) return c->stored[ins.slot] = ins.arg[0];
  if (ins.op == IR_CHECK && c->unchecked) return IR_NONE;
  if (ins.op == IR_TIME && c->time != IR_NONE) return c->time;
  if (ins.op == IR_NOISE && c->quiet) return ir_const(c->b, 0, ins.dim);
  return ir_push(c->b, ins);
}

void ir_copy_run(IrCopy *c) {
  for (uint32_t i = 0; i < c->k->slots.n; i++) c->stored[i] = IR_NONE;
  for (uint32_t i = 0; i < c->k->ins.n; i++) c->map[i] = copy_ins(c, c->k->ins.at[i]);
}

IrVal ir_copy_stored(const IrCopy *c, SlotKind kind, uint32_t index) {
  for (uint32_t i = 0; i < c->k->slots.n; i++)
    if (c->k->slots.at[i].kind == kind && c->k->slots.at[i].index == index) return c->stored[i];
  return IR_NONE;
}

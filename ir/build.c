/* Makes kernels: slots and instructions, one by one. Nothing is folded here, so that what a caller writes is
 * what the printer shows; types and dimensions are inferred by the rows of ops.def, and a mistake of the
 * caller is a BUG at once, with the user's place, instead of a complaint of the verifier later. */
#include "ir/ir.h"
#include "lang/session.h"

IrKernel *ir_kernel(Session *s, Arena *a, KernelKind kind, Name name) {
  (void)s;
  IrKernel *k = NEW(a, IrKernel);
  k->kind = kind;
  k->name = name;
  k->index = IR_NONE;
  return k;
}

uint32_t ir_slot(IrBuild *b, SlotKind kind, uint32_t index, Name name, IrType type, Dim dim) {
  for (uint32_t i = 0; i < b->k->slots.n; i++) {
    const IrSlot *slot = &b->k->slots.at[i];
    if (slot->kind != kind || slot->index != index) continue;
    if (slot->type != type || !dim_eq(slot->dim, dim))
      BUG(b->s, b->span, "slot %s %u of %s has two types or dimensions", ir_slot_text[kind], index,
          name_str(b->s, b->k->name));
    return i;
  }
  vec_push(b->arena, &b->k->slots,
           ((IrSlot){.kind = kind, .index = index, .name = name, .type = type, .dim = dim}));
  return b->k->slots.n - 1;
}

uint32_t ir_ring(IrBuild *b, uint32_t index, uint32_t lag, Name name, Dim dim) {
  uint32_t slot = ir_slot(b, SLOT_RING, index, name, IR_REAL, dim);
  b->k->slots.at[slot].lag = lag;
  return slot;
}

uint32_t ir_slot_again(IrBuild *b, const IrSlot *slot) {
  if (slot->kind == SLOT_RING) return ir_ring(b, slot->index, slot->lag, slot->name, slot->dim);
  return ir_slot(b, slot->kind, slot->index, slot->name, slot->type, slot->dim);
}

static IrIns ins_new(const IrBuild *b, IrOp op) {
  return (IrIns){
      .op = (uint8_t)op, .slot = IR_NONE, .arg = {IR_NONE, IR_NONE, IR_NONE, IR_NONE}, .span = b->span};
}

static IrVal ins_add(IrBuild *b, IrIns ins) {
  for (int i = 0; i < 4; i++) {
    if (i < ir_ops[ins.op].arity ? ins.arg[i] >= b->k->ins.n : ins.arg[i] != IR_NONE)
      BUG(b->s, b->span, "%s in %s: argument %d is not a value", ir_ops[ins.op].text,
          name_str(b->s, b->k->name), i + 1);
  }
  IrType type;
  Dim dim;
  const char *wrong = ir_infer(b->s, b->k, &ins, &type, &dim);
  if (wrong) BUG(b->s, b->span, "%s in %s: %s", ir_ops[ins.op].text, name_str(b->s, b->k->name), wrong);
  ins.type = (uint8_t)type;
  ins.dim = dim;
  if (b->k->ins.n == IR_NONE - 1) BUG(b->s, b->span, "kernel %s is too long", name_str(b->s, b->k->name));
  vec_push(b->arena, &b->k->ins, ins);
  return b->k->ins.n - 1;
}

static IrIns ins_slot(const IrBuild *b, IrOp op, uint32_t slot) {
  if (slot >= b->k->slots.n)
    BUG(b->s, b->span, "%s in %s: no such slot", ir_ops[op].text, name_str(b->s, b->k->name));
  IrIns ins = ins_new(b, op);
  ins.slot = slot;
  return ins;
}

IrVal ir_const(IrBuild *b, double num, Dim dim) {
  IrIns ins = ins_new(b, IR_CONST);
  ins.num = num;
  ins.dim = dim;
  return ins_add(b, ins);
}

IrVal ir_load(IrBuild *b, uint32_t slot) { return ins_add(b, ins_slot(b, IR_LOAD, slot)); }

IrVal ir_take(IrBuild *b, uint32_t slot, IrVal scale) {
  IrIns ins = ins_slot(b, IR_TAKE, slot);
  ins.arg[0] = scale;
  return ins_add(b, ins);
}

void ir_store(IrBuild *b, uint32_t slot, IrVal v) {
  IrIns ins = ins_slot(b, IR_STORE, slot);
  ins.arg[0] = v;
  ins_add(b, ins);
}

static void arity_must_be(IrBuild *b, IrOp op, int n) {
  if (op >= IR_OPS || ir_ops[op].arity != n || !(ir_ops[op].flags & IRF_PURE) || op == IR_CONST)
    BUG(b->s, b->span, "%s is not an operation on %d values", op < IR_OPS ? ir_ops[op].text : "?", n);
}

IrVal ir_nullary(IrBuild *b, IrOp op) {
  arity_must_be(b, op, 0);
  return ins_add(b, ins_new(b, op));
}

IrVal ir_op1(IrBuild *b, IrOp op, IrVal a) {
  arity_must_be(b, op, 1);
  IrIns ins = ins_new(b, op);
  ins.arg[0] = a;
  return ins_add(b, ins);
}

IrVal ir_op2(IrBuild *b, IrOp op, IrVal a, IrVal c) {
  arity_must_be(b, op, 2);
  IrIns ins = ins_new(b, op);
  ins.arg[0] = a;
  ins.arg[1] = c;
  return ins_add(b, ins);
}

IrVal ir_op3(IrBuild *b, IrOp op, IrVal a, IrVal c, IrVal d) {
  arity_must_be(b, op, 3);
  IrIns ins = ins_new(b, op);
  ins.arg[0] = a;
  ins.arg[1] = c;
  ins.arg[2] = d;
  return ins_add(b, ins);
}

IrVal ir_draw(IrBuild *b, IrOp op, uint32_t ordinal, const IrVal *args, Dim dim) {
  if (op >= IR_OPS || !(ir_ops[op].flags & IRF_DRAW))
    BUG(b->s, b->span, "ir_draw of %s", op < IR_OPS ? ir_ops[op].text : "?");
  IrIns ins = ins_new(b, op);
  ins.slot = ordinal;
  ins.dim = dim;
  for (int i = 0; i < ir_ops[op].arity; i++) ins.arg[i] = args[i];
  IrVal v = ins_add(b, ins);
  if (!dim_eq(b->k->ins.at[v].dim, dim))
    BUG(b->s, b->span, "%s has another dimension than asked for", ir_ops[op].text);
  return v;
}

void ir_check(IrBuild *b, uint32_t state, IrVal v) {
  IrIns ins = ins_new(b, IR_CHECK);
  ins.slot = state;
  ins.arg[0] = v;
  ins_add(b, ins);
}

/* ---- loops */

IrVal ir_always(IrBuild *b) {
  IrVal zero = ir_const(b, 0, DIM_NONE);
  return ir_op2(b, IR_LE, zero, zero);
}

void ir_loop(IrBuild *b, uint32_t most, IrVal enters) {
  IrIns ins = ins_new(b, IR_LOOP);
  ins.slot = most;
  ins.arg[0] = enters;
  ins_add(b, ins);
}

static IrVal control(IrBuild *b, IrOp op, IrVal x, IrVal y) {
  IrIns ins = ins_new(b, op);
  ins.arg[0] = x;
  ins.arg[1] = y;
  return ins_add(b, ins);
}

IrVal ir_carry(IrBuild *b, IrVal init) { return control(b, IR_CARRY, init, IR_NONE); }
void ir_next(IrBuild *b, IrVal carry, IrVal v) { control(b, IR_NEXT, carry, v); }
void ir_again(IrBuild *b, IrVal cond) { control(b, IR_AGAIN, cond, IR_NONE); }

/* Exponentials of what is alike, as the lanes of one vector: where a vector's lanes are parameters of one
 * neuron, its own step is a chain of numbers, and of these the processor looks ahead less than a step.
 * Exponentials are most of them: those of all gates become one.
 *
 * Members of a group have the same number of exponentials before them, so none needs another. What they need
 * is built before the group, wherever it stands in the kernel. The bits are those of the single ones (math/).
 * Needs: kernels without loops (ir_alike_values). */
#include "codegen/emit.h"

/* What does not change from step to step stays alone, so that it is computed before the loop. */
bool *emit_changes(const Emit *e) {
  bool *changes = NEW_ARRAY(e->u->arena, bool, e->k->ins.n + 1);
  for (IrVal i = 0; i < e->k->ins.n; i++) {
    const IrIns *ins = &e->k->ins.at[i];
    if (ins->op == IR_LOAD)
      changes[i] = e->k->slots.at[ins->slot].kind != SLOT_PARAM &&
                   e->k->slots.at[ins->slot].kind != SLOT_UNIFORM;
    changes[i] |= ins->op == IR_TIME;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) changes[i] |= changes[ins->arg[j]];
  }
  return changes;
}

/* By instruction: exponentials on the longest way to it, itself counted (and that of a propagator, exprel:
 * whoever waits for one shall not be waited for). */
static uint32_t *depths(const Emit *e) {
  uint32_t *depth = NEW_ARRAY(e->u->arena, uint32_t, e->k->ins.n + 1);
  for (IrVal i = 0; i < e->k->ins.n; i++) {
    const IrIns *ins = &e->k->ins.at[i];
    for (int j = 0; j < ir_ops[ins->op].arity; j++)
      if (depth[ins->arg[j]] > depth[i]) depth[i] = depth[ins->arg[j]];
    depth[i] += ins->op == IR_EXP || ins->op == IR_EXPREL;
  }
  return depth;
}

const IrVal **emit_beside(const Emit *e) {
  Arena *a = e->u->arena;
  uint32_t n = e->k->ins.n, *depth = depths(e), *filled = NEW_ARRAY(a, uint32_t, n + 1);
  const bool *changes = emit_changes(e);
  IrVal **open = NEW_ARRAY(a, IrVal *, n + 1); /* by depth: the group that is being filled */
  const IrVal **beside = NEW_ARRAY(a, const IrVal *, n + 1);
  for (IrVal i = 0; i < n; i++) {
    uint32_t d = depth[i];
    if (e->k->ins.at[i].op != IR_EXP || !e->alike[i] || !changes[i]) continue;
    if (!open[d] || filled[d] == BESIDE) {
      open[d] = NEW_ARRAY(a, IrVal, BESIDE);
      for (int j = 0; j < BESIDE; j++) open[d][j] = IR_NONE;
      filled[d] = 0;
    }
    open[d][filled[d]++] = i;
    beside[i] = open[d];
  }
  for (IrVal i = 0; i < n; i++)
    if (beside[i] && beside[i][1] == IR_NONE) beside[i] = NULL;
  return beside;
}

void emit_needs(const Emit *e, bool *needed, IrVal n) {
  for (IrVal i = n; i-- > 0;)
    for (int j = 0; needed[i] && !e->value[i] && j < ir_ops[e->k->ins.at[i].op].arity; j++)
      needed[e->k->ins.at[i].arg[j]] = true;
}

/* The members' arguments and all that these are made of, in the kernel's order. */
static void build(Emit *e, const IrVal *members) {
  bool *needed = NEW_ARRAY(e->u->arena, bool, e->k->ins.n + 1);
  for (int j = 0; j < BESIDE && members[j] != IR_NONE; j++) needed[e->k->ins.at[members[j]].arg[0]] = true;
  emit_needs(e, needed, e->k->ins.n);
  for (IrVal i = 0; i < e->k->ins.n; i++)
    if (needed[i]) emit_instruction(e, i);
}

void emit_together(Emit *e, const IrVal *members) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef all = LLVMGetPoison(LLVMVectorType(e->lane, BESIDE));
  unsigned n = 0;
  build(e, members);
  while (n < BESIDE && members[n] != IR_NONE) n++;
  for (unsigned j = 0; j < BESIDE; j++) { /* no lane without a number: it would be computed too */
    LLVMValueRef x = e->value[e->k->ins.at[members[j < n ? j : 0]].arg[0]];
    all = LLVMBuildInsertElement(b, all, x, LLVMConstInt(e->u->i32, j, false), "");
  }
  all = emit_math(e, "nslm_exp_f64q", &all, 1);
  for (unsigned j = 0; j < n; j++)
    e->value[members[j]] = LLVMBuildExtractElement(b, all, LLVMConstInt(e->u->i32, j, false), "");
}

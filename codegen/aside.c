/* Choices of what is alike that are branches: where a side of a select is long and serves nothing else (the
 * series of x / (exp(x) - 1) near 0), it is computed only when it is chosen. A vector would compute both for
 * some lane; numbers need not, and the processor foresees which it is, since states move slowly. The bits are
 * the same.
 *
 * Needs: kernels without loops (ir_alike_values). */
#include "codegen/emit.h"

enum { LONG = 5 }; /* operations of a side that are worth a branch */

/* The instructions that only this side of the choice needs. */
static uint32_t side_find(const Emit *e, const uint32_t *uses, const bool *changes, IrVal choice, int side,
                          bool *ret) {
  uint32_t n = 0, *here = NEW_ARRAY(e->u->arena, uint32_t, choice + 1);
  here[e->k->ins.at[choice].arg[side]]++;
  for (IrVal i = choice; i-- > 0;) {
    const IrIns *ins = &e->k->ins.at[i];
    ret[i] = here[i] && here[i] == uses[i] && e->alike[i] && changes[i] && ins->op != IR_LOAD &&
             !(e->beside && e->beside[i]);
    if (!ret[i]) continue;
    n++;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) here[ins->arg[j]]++;
  }
  return n;
}

/* Of choices within each other the inner one has its own: from the last to the first. */
const IrVal *emit_aside(const Emit *e) {
  Arena *a = e->u->arena;
  uint32_t n = e->k->ins.n, *uses = NEW_ARRAY(a, uint32_t, n + 1);
  IrVal *aside = NEW_ARRAY(a, IrVal, n + 1);
  const bool *changes = emit_changes(e);
  bool *mine = NEW_ARRAY(a, bool, n + 1);
  for (IrVal i = 0; i < n; i++) {
    aside[i] = IR_NONE;
    for (int j = 0; j < ir_ops[e->k->ins.at[i].op].arity; j++) uses[e->k->ins.at[i].arg[j]]++;
  }
  for (IrVal i = n; i-- > 0;) {
    const IrIns *ins = &e->k->ins.at[i];
    if (ins->op != IR_SELECT || ins->type != IR_REAL || !e->alike[i] || !changes[ins->arg[0]]) continue;
    for (int side = 1; side <= 2; side++)
      if (side_find(e, uses, changes, i, side, mine) >= LONG)
        for (IrVal j = 0; j < i; j++)
          if (mine[j]) aside[j] = i;
  }
  return aside;
}

/* The value of a side, built where the builder stands. */
static LLVMValueRef side_build(Emit *e, IrVal choice, IrVal v) {
  IrVal outer = e->choice;
  bool *needed = NEW_ARRAY(e->u->arena, bool, v + 1); /* the other side has instructions of this choice too */
  needed[v] = true;
  emit_needs(e, needed, v + 1);
  for (IrVal i = 0; i <= v; i++) {
    e->choice = choice;
    if (needed[i] && e->aside[i] == choice) emit_instruction(e, i);
  }
  e->choice = outer;
  emit_width(e, 1);
  return e->value[v];
}

LLVMValueRef emit_choice(Emit *e, IrVal choice, LLVMValueRef cond) {
  LLVMBuilderRef b = e->u->builder;
  const IrIns *ins = &e->k->ins.at[choice];
  bool apart[3] = {0};
  for (int side = 1; side <= 2; side++) apart[side] = e->aside[ins->arg[side]] == choice;
  if (!apart[1] && !apart[2]) return NULL;
  LLVMBasicBlockRef block[3] = {LLVMGetInsertBlock(b)}, behind;
  for (int side = 1; side <= 2; side++)
    block[side] = LLVMAppendBasicBlockInContext(e->u->ctx, e->function, "side");
  behind = LLVMAppendBasicBlockInContext(e->u->ctx, e->function, "chosen");
  LLVMBuildCondBr(b, emit_bits(e, cond), block[1], block[2]);
  LLVMValueRef value[2];
  LLVMBasicBlockRef from[2];
  for (int side = 1; side <= 2; side++) {
    LLVMPositionBuilderAtEnd(b, block[side]);
    value[side - 1] = apart[side] ? side_build(e, choice, ins->arg[side]) : e->value[ins->arg[side]];
    from[side - 1] = LLVMGetInsertBlock(b);
    LLVMBuildBr(b, behind);
  }
  LLVMPositionBuilderAtEnd(b, behind);
  LLVMValueRef chosen = LLVMBuildPhi(b, e->lane, "");
  LLVMAddIncoming(chosen, value, from, 2);
  return chosen;
}

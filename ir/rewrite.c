/* The copying part of every pass (pass.h), and the analysis that several need: which values are uniform. */
#include "ir/pass.h"

#include "lang/session.h"

IrRewrite ir_rewrite(const IrKernel *in, Arena *out, Session *s) {
  IrKernel *k = ir_kernel(s, out, in->kind, in->name);
  k->index = in->index;
  for (uint32_t i = 0; i < in->slots.n; i++) vec_push(out, &k->slots, in->slots.at[i]);
  IrVal *map = NEW_ARRAY(out, IrVal, in->ins.n + 1);
  for (uint32_t i = 0; i < in->ins.n; i++) map[i] = IR_NONE;
  return (IrRewrite){.b = {.s = s, .arena = out, .k = k}, .in = in, .map = map};
}

void ir_rewrite_at(IrRewrite *r, IrVal i) { r->b.span = r->in->ins.at[i].span; }

/* The old type and dimension stay, so a pass that changes an argument's dimension is caught by the verifier. */
IrVal ir_rewrite_copy(IrRewrite *r, IrVal i) {
  IrIns ins = r->in->ins.at[i];
  for (int j = 0; j < ir_ops[ins.op].arity; j++) {
    ins.arg[j] = ir_rewrite_arg(r, i, j);
    if (ins.arg[j] == IR_NONE)
      BUG(r->b.s, ins.span, "%s of %s: argument %d was dropped", ir_ops[ins.op].text,
          name_str(r->b.s, r->in->name), j + 1);
  }
  vec_push(r->b.arena, &r->b.k->ins, ins);
  return r->map[i] = r->b.k->ins.n - 1;
}

bool *ir_uniform_values(const IrKernel *k, Arena *a) {
  bool *uniform = NEW_ARRAY(a, bool, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_LOAD) {
      SlotKind kind = k->slots.at[ins->slot].kind;
      uniform[i] = kind == SLOT_UNIFORM || kind == SLOT_GLOBAL;
      continue;
    }
    uniform[i] = (ir_ops[ins->op].flags & IRF_PURE) && ins->op != IR_TIME;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) uniform[i] &= uniform[ins->arg[j]];
  }
  return uniform;
}

bool *ir_alike_values(const IrKernel *k, Arena *a) {
  bool *alike = NEW_ARRAY(a, bool, k->ins.n + 1), some = false;
  for (uint32_t i = 0; i < k->slots.n; i++) some |= k->slots.at[i].alike;
  for (uint32_t i = 0; i < k->ins.n && some; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_LOAD) {
      const IrSlot *slot = &k->slots.at[ins->slot];
      alike[i] = slot->alike || slot->kind == SLOT_UNIFORM || slot->kind == SLOT_SAMPLE;
      continue;
    }
    some = !(ir_ops[ins->op].flags & IRF_CONTROL);
    alike[i] = (ir_ops[ins->op].flags & IRF_PURE) != 0;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) alike[i] &= alike[ins->arg[j]];
  }
  return some ? alike : NULL;
}

uint32_t *ir_loops(const IrKernel *k, Arena *a) {
  uint32_t *loop = NEW_ARRAY(a, uint32_t, k->ins.n + 1), n = 0;
  bool open = false;
  for (uint32_t i = 0; i < k->ins.n; i++) {
    if (k->ins.at[i].op == IR_LOOP) open = true, n++;
    loop[i] = open ? n : 0;
    if (k->ins.at[i].op == IR_AGAIN) open = false;
  }
  return loop;
}

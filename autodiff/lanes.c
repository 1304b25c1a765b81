/* What is the same in every step of a march (made of free parameters, uniforms and constants) is computed once by the compiled
 * function, before its loop over time. Where a step divides by such a value, it multiplies with the reciprocal instead: a
 * division costs as much as a dozen multiplications. Last bits change. Needs marches; touches nothing else. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"

/* By instruction: the same in every step, for each element. */
static bool *steady_values(const IrKernel *k, Arena *a) {
  bool *steady = NEW_ARRAY(a, bool, k->ins.n + 1);
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_LOAD) {
      SlotKind kind = k->slots.at[ins->slot].kind;
      steady[i] = kind == SLOT_UNIFORM || kind == SLOT_PARAM;
      continue;
    }
    steady[i] = (ir_ops[ins->op].flags & IRF_PURE) && ins->op != IR_TIME;
    for (int j = 0; j < ir_ops[ins->op].arity; j++) steady[i] &= steady[ins->arg[j]];
  }
  return steady;
}

static IrKernel *lanes_kernel(const IrKernel *k, Arena *out, Session *s) {
  if (k->kind != KERNEL_MARCH) return ir_kernel_copy(k, out);
  IrRewrite r = ir_rewrite(k, out, s);
  const bool *steady = steady_values(k, out);
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    ir_rewrite_at(&r, i);
    if (ins->op != IR_DIV || !steady[ins->arg[1]] || steady[ins->arg[0]]) {
      ir_rewrite_copy(&r, i);
      continue;
    }
    IrVal per = ir_op2(&r.b, IR_DIV, alg_num(&r.b, 1), ir_rewrite_arg(&r, i, 1));
    r.map[i] = ir_op2(&r.b, IR_MUL, ir_rewrite_arg(&r, i, 0), per);
  }
  return r.b.k;
}

IrModule *ad_pass_lanes(const IrModule *in, Arena *out, Session *s) { return ir_map_kernels(in, out, s, lanes_kernel); }

/* Takes out of a loop what is the same in every turn: values of the body that depend on no carried value are
 * computed once, before the loop. Method: one walk; at each `loop`, the invariant part of its body in its
 * order, then the rest. Draws too: they are functions of element and step. Exact: the same operations on the
 * same arguments. Needs nothing. */
#include "ir/pass.h"

static bool *find_invariant(const IrKernel *k, Arena *a) {
  bool *same = NEW_ARRAY(a, bool, k->ins.n + 1); /* in a loop, and the same in each turn */
  const uint32_t *loop = ir_loops(k, a);
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    same[i] = loop[i] && !(ir_ops[ins->op].flags & IRF_CONTROL);
    for (int j = 0; j < ir_ops[ins->op].arity; j++)
      same[i] &= loop[ins->arg[j]] != loop[i] || same[ins->arg[j]];
  }
  return same;
}

static void lift(IrRewrite *r, const bool *same, IrVal loop) {
  for (IrVal i = loop; r->in->ins.at[i].op != IR_AGAIN; i++) {
    ir_rewrite_at(r, i);
    if (same[i]) ir_rewrite_copy(r, i);
  }
}

static IrKernel *lift_kernel(const IrKernel *k, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  const bool *same = find_invariant(k, out);
  for (IrVal i = 0; i < k->ins.n; i++) {
    if (k->ins.at[i].op == IR_LOOP) lift(&r, same, i);
    ir_rewrite_at(&r, i);
    if (!same[i]) ir_rewrite_copy(&r, i);
  }
  return r.b.k;
}

IrModule *ir_pass_lift(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, lift_kernel);
}

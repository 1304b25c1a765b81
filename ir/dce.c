/* Dead code: keeps stores, checks and takes (a take clears its port) and what they need; of a loop, if something
 * behind it needs a carried value, that one and what it comes from; then drops slots that nothing names any more,
 * so that the kernel's bindings are what it touches. Needs nothing; exact. */
#include "ir/pass.h"

static void need_args(const IrKernel *k, bool *used, IrVal i) {
  for (int j = 0; used[i] && j < ir_ops[k->ins.at[i].op].arity; j++) used[k->ins.at[i].arg[j]] = true;
}

/* All users behind the loop have been seen. A carried value may be needed by one that stands above it. */
static void need_loop(const IrKernel *k, bool *used, IrVal again) {
  IrVal from = again;
  bool any = false;
  while (k->ins.at[from].op != IR_LOOP) {
    from--;
    any |= k->ins.at[from].op == IR_CARRY && used[from];
  }
  used[from] = used[again] = any;
  for (bool more = any; more;) {
    more = false;
    for (IrVal i = again + 1; i-- > from;) {
      const IrIns *ins = &k->ins.at[i];
      if (ins->op == IR_NEXT && used[ins->arg[0]] && !used[i]) used[i] = more = true;
      need_args(k, used, i);
    }
  }
}

static bool *values_used(const IrKernel *k, Arena *a) {
  bool *used = NEW_ARRAY(a, bool, k->ins.n + 1);
  for (IrVal i = k->ins.n; i-- > 0;) {
    if (k->ins.at[i].op == IR_AGAIN) need_loop(k, used, i);
    if (ir_ops[k->ins.at[i].op].flags & IRF_EFFECT) used[i] = true;
    need_args(k, used, i);
  }
  return used;
}

static bool names_slot(const IrIns *ins) {
  return ins->op == IR_LOAD || ins->op == IR_STORE || ins->op == IR_TAKE;
}

static void drop_slots(IrKernel *k, Arena *a) {
  uint32_t *to = NEW_ARRAY(a, uint32_t, k->slots.n + 1), n = 0;
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (names_slot(&k->ins.at[i])) to[k->ins.at[i].slot] = 1;
  for (uint32_t i = 0; i < k->slots.n; i++) {
    if (!to[i]) continue;
    to[i] = n;
    k->slots.at[n++] = k->slots.at[i];
  }
  k->slots.n = n;
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (names_slot(&k->ins.at[i])) k->ins.at[i].slot = to[k->ins.at[i].slot];
}

static IrKernel *dce_kernel(const IrKernel *k, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  const bool *used = values_used(k, out);
  for (IrVal i = 0; i < k->ins.n; i++)
    if (used[i]) ir_rewrite_copy(&r, i);
  drop_slots(r.b.k, out);
  return r.b.k;
}

IrModule *ir_pass_dce(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, dce_kernel);
}

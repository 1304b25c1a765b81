/* May cells of a class be passed over while nothing changes (runtime/rest.c)? If a step depends on nothing but states,
 * inputs, arrivals and what is constant, then a step that changed no bit would change none again. Needs: level 2. */
#include "ir/ir.h"

static const char *kernel_changes(const IrKernel *k) {
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_TIME) return "it depends on t";
    if (ir_ops[ins->op].flags & IRF_DRAW) return "it draws random numbers";
  }
  return NULL;
}

const char *ir_never_rests(const IrClass *c) {
  if (!c->step) return "there is nothing to compute";
  if (c->finish) return "its handlers run for each event";
  if (c->pasts.n) return "it reads delayed values";
  if (c->n_lanes) return "its spikes carry derivatives";
  return kernel_changes(c->step);
}

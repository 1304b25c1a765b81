/* `kinetic stochastic` -> a kernel with the rate of each reaction that jumps, as OUT by its place among them: how often it
 * happens, with the counts as they are. solve_jumps.c draws when and which. */
#include "ir/lower.h"

#include "lang/diag.h"

void lower_jumps(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  const MComponent *m = c->component;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_FLOW, name_fmt(l->s, "jumps.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  uint32_t n = 0;
  Dim often = {{0}};
  often.e[DIM_TIME] = -DIM_ONE;
  for (uint32_t i = 0; i < m->reactions.n; i++) {
    const MReaction *r = &m->reactions.at[i];
    if (!r->jumps) continue;
    if (!n && l->fitted) { /* of a network; of a neuron lang/ refuses it */
      diag_reaction_jumps(l->s, shape->pop->span, "a fit", r->span);
      return;
    }
    IrVal rate = lower_as(&sc, r->rate, often);
    sc.b.span = r->span;
    ir_store(&sc.b, ir_slot(&sc.b, SLOT_OUT, n++, name_z(l->s, "rate"), IR_REAL, often), rate);
  }
  if (n) c->jumps = k;
}

/* Constraints of a fit: the record kernel of what is constrained -> that of by how much it lies outside of its bounds, in
 * the unit that counts 1.
 *
 *   max(lo - x, 0) / scale below, max(x - hi, 0) / scale above; where both bounds are one, (x - lo) / scale.
 *
 * It is the root of the term: march.c sums its square over the steps, so that Gauss-Newton holds for it as for any mean of
 * a square, and its derivative is 0 where nothing is violated. Needs level 2. Gives terms that have a root. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"

#include <math.h>

static IrVal above_zero(IrBuild *b, IrVal v) { return ir_op2(b, IR_MAX, v, alg_zero_like(b, v)); }

static IrVal outside(IrBuild *b, const MTerm *t, IrVal x) {
  Dim dim = b->k->ins.at[x].dim;
  IrVal below = isfinite(t->lo) ? ir_op2(b, IR_SUB, ir_const(b, t->lo, dim), x) : IR_NONE;
  IrVal above = isfinite(t->hi) ? ir_op2(b, IR_SUB, x, ir_const(b, t->hi, dim)) : IR_NONE;
  if (below == IR_NONE && above == IR_NONE) return ir_const(b, 0, dim);
  if (t->lo == t->hi) return above;
  if (below == IR_NONE || above == IR_NONE) return above_zero(b, below == IR_NONE ? above : below);
  return ir_op2(b, IR_ADD, above_zero(b, below), above_zero(b, above));
}

static IrKernel *violation(Session *s, Arena *a, const IrTerm *t) {
  IrKernel *k = ir_kernel(s, a, KERNEL_RECORD, name_fmt(s, "violation.%s", name_str(s, t->value->name)));
  IrBuild b = {.s = s, .arena = a, .k = k};
  IrCopy c = ir_copy_of(&b, t->value);
  ir_copy_run(&c);
  b.span = t->term->span;
  IrVal x = ir_copy_stored(&c, SLOT_OUT, 0);
  IrVal root = ir_op2(&b, IR_DIV, outside(&b, t->term, x), ir_const(&b, t->term->scale, k->ins.at[x].dim));
  ir_store(&b, ir_slot(&b, SLOT_OUT, 0, name_z(s, "violation"), IR_REAL, DIM_NONE), root);
  return k;
}

IrModule *ad_pass_constrain(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) {
      IrMarch *march = m->fits.at[i]->marches.at[k];
      for (uint32_t t = 0; t < march->terms.n; t++)
        if (march->terms.at[t].term->kind == TERM_CONSTRAINT) march->terms.at[t].root = violation(s, out, &march->terms.at[t]);
    }
  ir_module_renumber(m, out);
  return m;
}

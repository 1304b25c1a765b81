/* In step kernels, x / u with u the same for all elements becomes x * (1/u): hoisting then computes 1/u once
 * for the population, and a division for each element and step (10 to 30 cycles) becomes a product (half a
 * cycle).
 *
 * Bits change (REASSOC): the product is within 1.5 units in the last place of x/u. It overflows where |u| <
 * 2^-1022, and so does what the user wrote; it is 0 where |u| > 2^1022 (in float 2^126), where the reciprocal
 * is no normal number. A uniform x is left alone, hoisting takes the whole division. Needs constants folded
 * (a division by a power of two is an exact product already). Gives one reciprocal for each divisor. */
#include "ir/pass.h"

typedef struct {
  IrRewrite r;
  const bool *uniform;
  IrVal *reciprocal; /* by old divisor, IR_NONE: not yet */
  uint32_t *made_in; /* its loop */
  uint32_t loop;     /* where we are */
} Divide;

static IrVal reciprocal(Divide *d, IrVal u) {
  if (d->reciprocal[u] != IR_NONE && (!d->made_in[u] || d->made_in[u] == d->loop)) return d->reciprocal[u];
  d->made_in[u] = d->loop;
  const IrIns *by = &d->r.in->ins.at[u];
  IrVal v = by->op == IR_CONST ? ir_const(&d->r.b, 1 / by->num, dim_div(DIM_NONE, by->dim))
                               : ir_op2(&d->r.b, IR_DIV, ir_const(&d->r.b, 1, DIM_NONE), d->r.map[u]);
  return d->reciprocal[u] = v;
}

static IrKernel *divide_kernel(const IrKernel *k, Arena *out, Session *s) {
  if (!ir_in_step(k->kind)) return ir_kernel_copy(k, out);
  Divide d = {.r = ir_rewrite(k, out, s),
              .uniform = ir_uniform_values(k, out),
              .reciprocal = NEW_ARRAY(out, IrVal, k->ins.n + 1)};
  for (IrVal i = 0; i < k->ins.n; i++) d.reciprocal[i] = IR_NONE;
  d.made_in = NEW_ARRAY(out, uint32_t, k->ins.n + 1);
  const uint32_t *loop = ir_loops(k, out);
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    d.loop = loop[i];
    ir_rewrite_at(&d.r, i);
    if (ins->op == IR_DIV && d.uniform[ins->arg[1]] && !d.uniform[ins->arg[0]])
      d.r.map[i] = ir_op2(&d.r.b, IR_MUL, ir_rewrite_arg(&d.r, i, 0), reciprocal(&d, ins->arg[1]));
    else
      ir_rewrite_copy(&d.r, i);
  }
  return d.r.b.k;
}

IrModule *ir_pass_divide(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, divide_kernel);
}

/* Powers with a small constant exponent become products, by repeated squaring in a fixed order:
 *   x^1 = x    x^(2n) = (x^n)*(x^n)    x^(2n+1) = (x^2n)*x    x^-n = 1/(x^n)    x^(n + 1/2) = x^n * sqrt(x)    x^0 = 1
 * for |exponent| <= 32. So m^3 is (m*m)*m and n^4 is (n*n)*(n*n).
 *
 * Bits change (REASSOC): x^n by k products is within k/2 + 1 units in the last place, pow within 1.5. At the
 * ends of the range it is the same or better but in two points: sqrt(-0) is -0 where pow gives 0, and
 * sqrt(-inf) is NaN where pow gives inf. A power with a half is defined as this by the language. Needs
 * constants folded. Gives no pow with such an exponent. */
#include <math.h>
#include <stdlib.h>

#include "ir/pass.h"

enum { LARGEST = 32 };

static IrVal whole_power(IrBuild *b, IrVal x, int n) {
  if (n == 1) return x;
  IrVal half = whole_power(b, x, n / 2);
  IrVal even = ir_op2(b, IR_MUL, half, half);
  return n % 2 ? ir_op2(b, IR_MUL, even, x) : even;
}

/* halves: twice the exponent, not 0 */
static IrVal power(IrBuild *b, IrVal x, int halves) {
  int n = abs(halves) / 2;
  IrVal v = n ? whole_power(b, x, n) : IR_NONE;
  if (halves % 2) {
    IrVal root = ir_op1(b, IR_SQRT, x);
    v = n ? ir_op2(b, IR_MUL, v, root) : root;
  }
  return halves > 0 ? v : ir_op2(b, IR_DIV, ir_const(b, 1, DIM_NONE), v);
}

static bool fits(const IrRewrite *r, IrVal i, int *ret_halves) {
  const IrIns *ins = &r->in->ins.at[i];
  if (ins->op != IR_POW) return false;
  const IrIns *e = &r->in->ins.at[ins->arg[1]];
  double halves = e->num * 2;
  Dim root;
  if (e->op != IR_CONST || !(fabs(halves) <= 2 * LARGEST) || halves != nearbyint(halves)) return false;
  *ret_halves = (int)halves;
  return *ret_halves % 2 == 0 || dim_pow(r->in->ins.at[ins->arg[0]].dim, 1, 2, &root);
}

static IrKernel *powers_kernel(const IrKernel *k, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(k, out, s);
  for (IrVal i = 0; i < k->ins.n; i++) {
    int halves;
    ir_rewrite_at(&r, i);
    if (!fits(&r, i, &halves))
      ir_rewrite_copy(&r, i);
    else if (halves == 0)
      r.map[i] = ir_const(&r.b, 1, DIM_NONE);
    else
      r.map[i] = power(&r.b, ir_rewrite_arg(&r, i, 0), halves);
  }
  return r.b.k;
}

IrModule *ir_pass_powers(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, powers_kernel);
}

/* Exponentials that share: exp(n y + c) is exp(y)^n * exp(c), so where exponents in a step are whole
 * multiples (1 to 8) of one linear form up to constants, one exponential serves all. Rates of Hodgkin-Huxley
 * type are the case: -(V + 40)/10, -(V + 35)/10, -(V + 55)/10, -(V + 65)/20 and -(V + 65)/80 need one, and
 * products.
 * exprelr(x) = x / (exp(x) - 1) takes part: by the quotient for |x| >= 1/4, else by its series to x^10.
 * In fits each of them has its own slope, by its own exponent: a derivative need not go through powers and choices.
 * Every exponent, shared or not, becomes what is uniform in it and one fma for each other value.
 *
 * Error: at most n + 3 units in the last place for exp, 4 n + 8 for exprelr, against 1 and 2 before; not
 * exact in the sense of passes.def. Steps only, after the integrator has been chosen. Needs `cse`; gives work
 * for `dce`. */
#include <math.h>

#include "ir/pass.h"
#include "ir/product.h"

enum { MOST = 8 };

typedef struct {
  IrVal at, arg;
  Sum form;      /* normalized, without its constant */
  double k, c;   /* the exponent is k * form + c */
  uint32_t base; /* position of the member whose exponential it uses; itself: none yet or it is the base */
  int n;         /* times the base's exponent; 0: alone */
} Member;

typedef struct {
  IrRewrite r;
  const bool *uniform; /* by instruction */
  const uint32_t *loop; /* by instruction: only exponentials of one place share */
  VEC(Member) members;
  uint32_t *member; /* by instruction, or IR_NONE */
  IrVal *exponent;  /* new value of a member's exponent, by member */
  IrVal *power;     /* new value of exp(base)^n: [base * (MOST + 1) + n] */
  bool fit;         /* it will be differentiated */
} Exps;

static void find_members(Exps *z, const IrKernel *k, Arena *a) {
  const Products forms = {.k = k};
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    z->member[i] = IR_NONE;
    if ((ins->op != IR_EXP && ins->op != IR_EXPRELR) || z->uniform[i]) continue;
    Member m = {.at = i, .arg = ins->arg[0], .base = z->members.n};
    bool bad = false;
    sum_add(&forms, ins->arg[0], 1, &m.form, &bad, 0);
    if (bad || !m.form.n || m.form.coef[0] == 0) continue;
    m.k = m.form.coef[0];
    m.c = m.form.constant;
    for (uint32_t j = 0; j < m.form.n; j++) m.form.coef[j] /= m.k;
    m.form.constant = 0;
    z->member[i] = z->members.n;
    vec_push(a, &z->members, m);
  }
}

/* n if member i has n times the exponent of base b, up to a constant; else 0 */
static int multiple(const Exps *z, uint32_t i, uint32_t b) {
  const Member *x = &z->members.at[i], *y = &z->members.at[b];
  double n = nearbyint(x->k / y->k);
  if (z->loop[x->at] != z->loop[y->at]) return 0;
  if (x->n || !(n >= 1 && n <= MOST) || !sum_near(x->k / y->k, n) || !sum_equal(&x->form, &y->form)) return 0;
  return fabs(x->c - n * y->c) < 20 ? (int)n
                                    : 0; /* a large factor would overflow before its exponential does */
}

/* Bases, the one with most members first; each member joins one. */
static void find_bases(Exps *z) {
  for (;;) {
    uint32_t best = IR_NONE, most = 1;
    for (uint32_t b = 0; b < z->members.n; b++) {
      uint32_t n = 0;
      for (uint32_t i = 0; i < z->members.n && !z->members.at[b].n; i++) n += multiple(z, i, b) > 0;
      if (n > most) best = b, most = n;
    }
    if (best == IR_NONE) return;
    for (uint32_t i = 0; i < z->members.n; i++) {
      int n = i == best ? 0 : multiple(z, i, best);
      if (n) z->members.at[i].base = best, z->members.at[i].n = n;
    }
    z->members.at[best].n = 1;
  }
}

static IrVal num(Exps *z, double x) { return ir_const(&z->r.b, x, DIM_NONE); }

static IrVal make(Exps *z, IrVal i);

/* The exponent as few operations: what is uniform in it, to be hoisted, and one fma for each other atom. */
static IrVal exponent(Exps *z, const Member *m) {
  IrBuild *b = &z->r.b;
  IrVal *at = &z->exponent[z->member[m->at]];
  if (*at != IR_NONE) return *at;
  IrVal sum = num(z, m->c);
  for (int varying = 0; varying < 2; varying++)
    for (uint32_t i = 0; i < m->form.n; i++) {
      IrVal atom = m->form.atom[i];
      if (z->uniform[atom] == (varying != 0)) continue;
      IrVal value = make(z, atom);
      IrVal k = ir_const(b, m->k * m->form.coef[i], dim_div(DIM_NONE, b->k->ins.at[value].dim));
      sum = alg_fma(b, k, value, sum);
    }
  return *at = sum;
}

/* exp(exponent of the base)^n */
static IrVal power(Exps *z, uint32_t base, int n) {
  IrVal *at = &z->power[base * (MOST + 1) + (uint32_t)n];
  if (*at != IR_NONE) return *at;
  if (n == 1) *at = ir_op1(&z->r.b, IR_EXP, exponent(z, &z->members.at[base]));
  else if (n % 2 == 0) *at = ir_op2(&z->r.b, IR_MUL, power(z, base, n / 2), power(z, base, n / 2));
  else *at = ir_op2(&z->r.b, IR_MUL, power(z, base, n - 1), power(z, base, 1));
  return *at;
}

static IrVal given(Exps *z, IrVal v) { return ir_op2(&z->r.b, IR_SOLVED, v, num(z, 0)); }

/* In fits: the derivative by the exponent is this one, not that of the powers and choices that the value is made of. */
static IrVal with_slope(Exps *z, IrVal value, IrVal slope, IrVal exponent) {
  if (!z->fit) return value;
  return ir_op2(&z->r.b, IR_SOLVED, value, ir_op2(&z->r.b, IR_MUL, given(z, slope), exponent));
}

/* The sum of c[i] x^i, the highest first. */
static IrVal horner(Exps *z, IrVal x, const double *c, size_t n) {
  IrVal p = num(z, c[0]);
  for (size_t i = 1; i < n; i++) p = ir_op3(&z->r.b, IR_FMA, p, x, num(z, c[i]));
  return p;
}

/* y = x / (e factor - 1) where e factor = exp(x) to some units in the last place. With r = 1 / (exp(x) - 1), y' = r - y (1 + r). */
static IrVal quotient(Exps *z, IrVal x, IrVal e, IrVal factor) {
  static const double series[] = {1.0 / 47900160, -1.0 / 1209600, 1.0 / 30240, -1.0 / 720, 1.0 / 12};
  static const double slopes[] = {10.0 / 47900160, -8.0 / 1209600, 6.0 / 30240, -4.0 / 720, 2.0 / 12};
  IrBuild *b = &z->r.b;
  IrVal square = ir_op2(b, IR_MUL, x, x), p = horner(z, square, series, COUNT_OF(series));
  IrVal linear = ir_op3(b, IR_FMA, num(z, -0.5), x, num(z, 1));
  IrVal near = ir_op3(b, IR_FMA, p, square, linear);
  IrVal less = alg_fma(b, e, factor, num(z, -1)), far = ir_op2(b, IR_DIV, x, less);
  IrVal is_near = ir_op2(b, IR_LT, ir_op1(b, IR_ABS, x), num(z, 0.25)), value = ir_op3(b, IR_SELECT, is_near, near, far);
  if (!z->fit) return value;
  IrVal slope_near = ir_op3(b, IR_FMA, horner(z, square, slopes, COUNT_OF(slopes)), x, num(z, -0.5));
  IrVal per = ir_op2(b, IR_DIV, num(z, 1), less);
  IrVal slope_far = ir_op3(b, IR_FMA, ir_op1(b, IR_NEG, far), ir_op2(b, IR_ADD, per, num(z, 1)), per);
  return with_slope(z, value, ir_op3(b, IR_SELECT, is_near, slope_near, slope_far), x);
}

static IrVal shared(Exps *z, const Member *m) {
  const Member *base = &z->members.at[m->base];
  IrVal e = power(z, m->base, m->n);
  double ratio = exp(m->c - m->n * base->c);
  IrVal factor = num(z, fabs(ratio - 1) > 1e-15 ? ratio : 1);
  if (z->r.in->ins.at[m->at].op == IR_EXP) {
    IrVal value = alg_mul(&z->r.b, e, factor);
    return m->n == 1 ? value : with_slope(z, value, value, exponent(z, m));
  }
  return quotient(z, exponent(z, m), e, factor);
}

/* The new value of old instruction i; what it needs first, since a base may stand below its first user. */
static IrVal make(Exps *z, IrVal i) {
  if (z->r.map[i] != IR_NONE) return z->r.map[i];
  const IrIns *ins = &z->r.in->ins.at[i];
  const Member *m = z->member[i] == IR_NONE ? NULL : &z->members.at[z->member[i]];
  IrVal made;
  if (m) {
    ir_rewrite_at(&z->r, i);
    made = m->n ? shared(z, m) : ir_op1(&z->r.b, (IrOp)ins->op, exponent(z, m));
  } else {
    for (int j = 0; j < ir_ops[ins->op].arity; j++) make(z, ins->arg[j]);
    ir_rewrite_at(&z->r, i);
    made = ir_rewrite_copy(&z->r, i);
  }
  return z->r.map[i] = made;
}

static IrKernel *exps_kernel(const IrKernel *k, bool fit, Arena *out, Session *s) {
  Exps z = {.fit = fit, .r = ir_rewrite(k, out, s), .member = NEW_ARRAY(out, uint32_t, k->ins.n + 1)};
  z.uniform = ir_uniform_values(k, out);
  z.loop = ir_loops(k, out);
  find_members(&z, k, out);
  find_bases(&z);
  z.exponent = NEW_ARRAY(out, IrVal, z.members.n + 1);
  for (uint32_t i = 0; i < z.members.n; i++) z.exponent[i] = IR_NONE;
  z.power = NEW_ARRAY(out, IrVal, (size_t)(z.members.n + 1) * (MOST + 1));
  for (uint32_t i = 0; i < z.members.n * (MOST + 1); i++) z.power[i] = IR_NONE;
  for (IrVal i = 0; i < k->ins.n; i++) make(&z, i);
  return z.r.b.k;
}

IrModule *ir_pass_exps(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  bool *fit = NEW_ARRAY(out, bool, in->kernels.n + 1);
  for (uint32_t i = 0; i < in->classes.n; i++)
    if (in->classes.at[i]->step && !in->classes.at[i]->init) fit[in->classes.at[i]->step->index] = true;
  for (uint32_t i = 0; i < in->kernels.n; i++) {
    const IrKernel *k = in->kernels.at[i];
    if (!ir_in_step(k->kind)) continue;
    *m->kernels.at[i] = *exps_kernel(k, fit[i], out, s);
    m->kernels.at[i]->index = k->index;
  }
  return m;
}

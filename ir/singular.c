/* Removable singularities: x / (exp(x) - 1) and x / (1 - exp(x)) become EXPRELR, (exp(x) - 1) / x becomes
 * EXPREL, sin(x) / x gets its limit at 0; also when x is scaled or shifted (0.1 * (V + 40) / (1 - exp(-(V +
 * 40) / 10))), when exp(x) - 1 is expm1(x), and when params stand among the factors (vtrap(x, y) = x / (exp(x
 * / y) - 1)).
 *
 * Method: a quotient is written as number * product of factors, each a normalized linear form over values
 * that are not sums or products themselves. A factor exp(u) - 1 is matched with a factor of u on the other
 * side of the fraction; forms are equal if all coefficients agree to 1e-14, which forgives the rounding of
 * literals and nothing else. Needs `cse` before it (equal values are one value). Gives: the same function,
 * now finite and accurate at and near 0.
 *
 * `limits` does the same for what is constant and would be folded to 0/0 (a state that begins at -40 mV in the
 * law above): one of the numbers at a time counts as a variable, and the first that makes a known quotient of it
 * is taken. Whichever it is, the limit is the same. */
#include <math.h>

#include "ir/pass.h"
#include "ir/product.h"
#include "lang/session.h"

typedef struct {
  IrRewrite r;
  const bool *uniform;
  Products forms; /* a rewritten value is opaque for what contains it */
} Singular;

static const IrIns *ins_at(const Singular *z, IrVal v) { return &z->r.in->ins.at[v]; }

/* The exponent u if the form is exp(u) - 1, the argument if it is sin(u); IR_NONE otherwise. */
static IrVal vanishing(const Singular *z, const Sum *f, bool *ret_sine) {
  if (f->n != 1) return IR_NONE;
  const IrIns *ins = ins_at(z, f->atom[0]);
  *ret_sine = ins->op == IR_SIN;
  if (ins->op == IR_EXP && f->constant == -1) return ins->arg[0];
  if ((ins->op == IR_EXPM1 || ins->op == IR_SIN) && f->constant == 0) return ins->arg[0];
  return IR_NONE;
}

static bool varies(const Singular *z, const Sum *f) {
  for (uint32_t i = 0; i < f->n; i++)
    if (!z->uniform[f->atom[i]]) return true;
  return false;
}

/* A factor of u that also stands in p with the given power; both positions. One that differs between elements
 * first. */
static bool find_pair(const Singular *z, const Product *p, int power, const Product *u, uint32_t *ret_p,
                      uint32_t *ret_u) {
  bool found = false;
  for (uint32_t j = 0; j < u->n; j++)
    for (uint32_t i = 0; i < p->n; i++) {
      bool first = !found || (varies(z, &u->at[j].form) && !varies(z, &u->at[*ret_u].form));
      if (!first || u->at[j].power != 1 || p->at[i].power != power ||
          !sum_equal(&u->at[j].form, &p->at[i].form))
        continue;
      *ret_p = i;
      *ret_u = j;
      found = true;
    }
  return found;
}

static IrVal times(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : alg_mul(b, x, y); }

/* number * product of the factors but `skip1` and `skip2`, times what is given; the number gets the missing
 * dimension. */
static IrVal rebuild(Singular *z, const Product *p, uint32_t skip1, uint32_t skip2, double num,
                     const Product *u, uint32_t skip_u, int u_power, IrVal core, Dim dim) {
  IrBuild *b = &z->r.b;
  IrVal up = IR_NONE, down = IR_NONE;
  const Product *const both[2] = {p, u};
  for (int k = 0; k < 2; k++)
    for (uint32_t i = 0; i < both[k]->n; i++) {
      if (k == 0 ? (i == skip1 || i == skip2) : i == skip_u) continue;
      const Factor *f = &both[k]->at[i];
      int power = k == 0 ? f->power : f->power * u_power;
      IrVal v = z->r.map[f->rep];
      num *= power > 0 ? 1 / f->scale : f->scale;
      if (power > 0) up = times(b, up, v);
      else down = times(b, down, v);
    }
  Dim have = DIM_NONE;
  if (up != IR_NONE) have = b->k->ins.at[up].dim;
  if (down != IR_NONE) have = dim_div(have, b->k->ins.at[down].dim);
  if (sum_near(num, nearbyint(num))) num = nearbyint(num); /* 0.1 * 10 */
  IrVal r = alg_mul(b, ir_const(b, num, dim_div(dim, have)), core);
  if (up != IR_NONE) r = alg_mul(b, r, up);
  return down == IR_NONE ? r : alg_div(b, r, down);
}

/* sin(u) / u */
static IrVal sinc(Singular *z, IrVal u) {
  IrBuild *b = &z->r.b;
  IrVal zero = ir_op2(b, IR_EQ, u, alg_num(b, 0)), one = alg_num(b, 1);
  IrVal safe = ir_op3(b, IR_SELECT, zero, one, u);
  return ir_op3(b, IR_SELECT, zero, one, ir_op2(b, IR_DIV, ir_op1(b, IR_SIN, safe), safe));
}

/* The new value of v, or IR_NONE: nothing is removable. */
static IrVal rewrite(Singular *z, IrVal v) {
  Product p = {.num = 1};
  product_add(&z->forms, v, 1, &p, 0);
  for (uint32_t i = 0; !p.bad && i < p.n; i++) {
    bool sine = false;
    IrVal u = vanishing(z, &p.at[i].form, &sine);
    int power = p.at[i].power;
    uint32_t at_p = 0, at_u = 0;
    Product q = {.num = 1};
    if (u == IR_NONE || (power != 1 && power != -1) || (sine && power < 0)) continue;
    product_add(&z->forms, u, 1, &q, 0);
    if (q.bad || !find_pair(z, &p, -power, &q, &at_p, &at_u)) continue;
    /* form = u / (q.num * other factors of u) */
    IrVal x = z->r.map[u];
    IrVal core = sine ? sinc(z, x) : ir_op1(&z->r.b, power < 0 ? IR_EXPRELR : IR_EXPREL, x);
    double num = power < 0 ? p.num / q.num : p.num * q.num;
    return rebuild(z, &p, i, at_p, num, &q, at_u, power < 0 ? -1 : 1, core, ins_at(z, v)->dim);
  }
  return IR_NONE;
}

static IrKernel *singular_kernel(const IrKernel *k, Arena *out, Session *s) {
  bool *done = NEW_ARRAY(out, bool, k->ins.n + 1);
  Singular z = {
      .r = ir_rewrite(k, out, s), .uniform = ir_uniform_values(k, out), .forms = {.k = k, .opaque = done}};
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&z.r, i);
    IrVal v = IR_NONE;
    if (k->ins.at[i].op == IR_DIV || k->ins.at[i].op == IR_MUL) v = rewrite(&z, i);
    done[i] = v != IR_NONE;
    if (v != IR_NONE) z.r.map[i] = v;
    else ir_rewrite_copy(&z.r, i);
  }
  return z.r.b.k;
}

IrModule *ir_pass_singular(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, singular_kernel);
}

/* ---- limits of constants */

/* The value of i if it follows from constants alone. */
static bool constant_at(const IrKernel *k, IrVal i, const bool *known, const double *num, double *ret) {
  const IrIns *ins = &k->ins.at[i];
  int n = ir_ops[ins->op].arity;
  double args[4];
  *ret = ins->num;
  if (ins->op == IR_CONST) return true;
  if (!(ir_ops[ins->op].flags & IRF_PURE) || n == 0) return false;
  for (int j = 0; j < n; j++) {
    if (!known[ins->arg[j]]) return false;
    args[j] = num[ins->arg[j]];
  }
  *ret = ir_eval_op((IrOp)ins->op, args);
  return true;
}

/* The limit of v, which would be 0/0, with one number of the kernel as the variable; or IR_NONE. */
static IrVal limit_at(Singular *z, bool *opaque, IrVal v) {
  IrVal found = IR_NONE;
  for (IrVal c = 0; c < v && found == IR_NONE; c++) {
    if (ins_at(z, c)->op != IR_CONST) continue;
    opaque[c] = true;
    found = rewrite(z, v);
    opaque[c] = false;
  }
  return found;
}

static IrKernel *limits_kernel(const IrKernel *k, Arena *out, Session *s) {
  bool *opaque = NEW_ARRAY(out, bool, k->ins.n + 1), *known = NEW_ARRAY(out, bool, k->ins.n + 1);
  double *num = NEW_ARRAY(out, double, k->ins.n + 1);
  Singular z = {
      .r = ir_rewrite(k, out, s), .uniform = ir_uniform_values(k, out), .forms = {.k = k, .opaque = opaque}};
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    IrVal v = IR_NONE;
    ir_rewrite_at(&z.r, i);
    known[i] = constant_at(k, i, known, num, &num[i]);
    if (known[i] && isnan(num[i]) && (ins->op == IR_DIV || ins->op == IR_MUL)) v = limit_at(&z, opaque, i);
    known[i] = known[i] && v == IR_NONE;
    if (v != IR_NONE) z.r.map[i] = v;
    else ir_rewrite_copy(&z.r, i);
  }
  return z.r.b.k;
}

IrModule *ir_pass_limits(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, limits_kernel);
}

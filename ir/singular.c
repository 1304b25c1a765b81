/* Removable singularities: x / (exp(x) - 1) and x / (1 - exp(x)) become EXPRELR, (exp(x) - 1) / x becomes EXPREL, sin(x) / x
 * gets its limit at 0; also when x is scaled or shifted (0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))), when exp(x) - 1
 * is expm1(x), and when params stand among the factors (vtrap(x, y) = x / (exp(x / y) - 1)).
 *
 * Method: a quotient is written as number * product of factors, each a normalized linear form over values that are not
 * sums or products themselves. A factor exp(u) - 1 is matched with a factor of u on the other side of the fraction; forms
 * are equal if all coefficients agree to 1e-14, which forgives the rounding of literals and nothing else.
 * Needs `cse` before it (equal values are one value). Gives: the same function, now finite and accurate at and near 0. */
#include <math.h>

#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/session.h"

enum { MAX_TERMS = 12, MAX_FACTORS = 16, MAX_DEPTH = 40 };

/* sum of coef * atom, plus constant; the first coefficient is 1 */
typedef struct {
  uint32_t n;
  IrVal atom[MAX_TERMS];
  double coef[MAX_TERMS], constant;
} Sum;
typedef struct {
  Sum form;
  IrVal rep;    /* a value that is scale * form */
  double scale;
  int power;
} Factor;
typedef struct {
  double num;
  uint32_t n;
  bool bad; /* too large for the tables */
  Factor at[MAX_FACTORS];
} Product;

typedef struct {
  IrRewrite r;
  const bool *uniform;
  bool *done; /* rewritten: opaque for what contains it */
} Singular;

static const IrIns *ins_at(const Singular *z, IrVal v) { return &z->r.in->ins.at[v]; }
static bool near(double a, double b) { return fabs(a - b) <= 1e-14 * fmax(fabs(a), fabs(b)); }

static void add_term(Sum *s, IrVal atom, double coef, bool *bad) {
  uint32_t i = 0;
  while (i < s->n && s->atom[i] < atom) i++;
  if (i < s->n && s->atom[i] == atom) {
    s->coef[i] += coef;
    return;
  }
  if (s->n == MAX_TERMS) {
    *bad = true;
    return;
  }
  for (uint32_t j = s->n++; j > i; j--) s->atom[j] = s->atom[j - 1], s->coef[j] = s->coef[j - 1];
  s->atom[i] = atom;
  s->coef[i] = coef;
}

static void flatten(const Singular *z, IrVal v, int power, Product *p, int depth);

/* s += factor * v */
static void add_sum(const Singular *z, IrVal v, double factor, Sum *s, bool *bad, int depth) {
  const IrIns *ins = ins_at(z, v);
  if (depth > MAX_DEPTH) *bad = true;
  if (*bad) return;
  if (ins->op == IR_CONST) {
    s->constant += factor * ins->num;
  } else if (ins->op == IR_NEG) {
    add_sum(z, ins->arg[0], -factor, s, bad, depth + 1);
  } else if ((ins->op == IR_ADD || ins->op == IR_SUB) && !z->done[v]) {
    add_sum(z, ins->arg[0], factor, s, bad, depth + 1);
    add_sum(z, ins->arg[1], ins->op == IR_ADD ? factor : -factor, s, bad, depth + 1);
  } else if ((ins->op == IR_MUL || ins->op == IR_DIV) && !z->done[v]) {
    Product p = {.num = 1};
    flatten(z, v, 1, &p, depth + 1);
    if (!p.bad && p.n == 1 && p.at[0].power == 1) { /* number * form: distribute */
      for (uint32_t i = 0; i < p.at[0].form.n; i++) add_term(s, p.at[0].form.atom[i], factor * p.num * p.at[0].form.coef[i], bad);
      s->constant += factor * p.num * p.at[0].form.constant;
    } else {
      add_term(s, v, factor, bad);
    }
  } else {
    add_term(s, v, factor, bad);
  }
}

static void add_factor(Product *p, Sum form, IrVal rep, int power) {
  double scale = form.coef[0];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < form.n; i++)
    if (form.coef[i] != 0) form.atom[kept] = form.atom[i], form.coef[kept++] = form.coef[i];
  form.n = kept;
  if (!kept || p->n == MAX_FACTORS) {
    p->bad = true;
    return;
  }
  scale = form.coef[0];
  for (uint32_t i = 0; i < form.n; i++) form.coef[i] /= scale;
  form.constant /= scale;
  p->num *= power > 0 ? scale : 1 / scale;
  p->at[p->n++] = (Factor){.form = form, .rep = rep, .scale = scale, .power = power};
}

static void flatten(const Singular *z, IrVal v, int power, Product *p, int depth) {
  const IrIns *ins = ins_at(z, v);
  Sum s = {0};
  if (depth > MAX_DEPTH) p->bad = true;
  if (p->bad) return;
  if (ins->op == IR_CONST && ins->num != 0) {
    p->num *= power > 0 ? ins->num : 1 / ins->num;
  } else if (ins->op == IR_NEG) {
    p->num = -p->num;
    flatten(z, ins->arg[0], power, p, depth + 1);
  } else if ((ins->op == IR_MUL || ins->op == IR_DIV) && !z->done[v]) {
    flatten(z, ins->arg[0], power, p, depth + 1);
    flatten(z, ins->arg[1], ins->op == IR_MUL ? power : -power, p, depth + 1);
  } else if (ins->op == IR_ADD || ins->op == IR_SUB) {
    add_sum(z, v, 1, &s, &p->bad, depth + 1);
    if (!p->bad) add_factor(p, s, v, power);
  } else {
    s.n = 1, s.atom[0] = v, s.coef[0] = 1;
    add_factor(p, s, v, power);
  }
}

static bool same_form(const Sum *a, const Sum *b) {
  if (a->n != b->n || !near(a->constant, b->constant)) return false;
  for (uint32_t i = 0; i < a->n; i++)
    if (a->atom[i] != b->atom[i] || !near(a->coef[i], b->coef[i])) return false;
  return true;
}

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

/* A factor of u that also stands in p with the given power; both positions. One that differs between elements first. */
static bool find_pair(const Singular *z, const Product *p, int power, const Product *u, uint32_t *ret_p, uint32_t *ret_u) {
  bool found = false;
  for (uint32_t j = 0; j < u->n; j++)
    for (uint32_t i = 0; i < p->n; i++) {
      bool first = !found || (varies(z, &u->at[j].form) && !varies(z, &u->at[*ret_u].form));
      if (!first || u->at[j].power != 1 || p->at[i].power != power || !same_form(&u->at[j].form, &p->at[i].form)) continue;
      *ret_p = i;
      *ret_u = j;
      found = true;
    }
  return found;
}

static IrVal times(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : alg_mul(b, x, y); }

/* number * product of the factors but `skip1` and `skip2`, times what is given; the number gets the missing dimension. */
static IrVal rebuild(Singular *z, const Product *p, uint32_t skip1, uint32_t skip2, double num, const Product *u, uint32_t skip_u,
                     int u_power, IrVal core, Dim dim) {
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
  if (near(num, nearbyint(num))) num = nearbyint(num); /* 0.1 * 10 */
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
  flatten(z, v, 1, &p, 0);
  for (uint32_t i = 0; !p.bad && i < p.n; i++) {
    bool sine = false;
    IrVal u = vanishing(z, &p.at[i].form, &sine);
    int power = p.at[i].power;
    uint32_t at_p, at_u;
    Product q = {.num = 1};
    if (u == IR_NONE || (power != 1 && power != -1) || (sine && power < 0)) continue;
    flatten(z, u, 1, &q, 0);
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
  Singular z = {.r = ir_rewrite(k, out, s), .uniform = ir_uniform_values(k, out), .done = NEW_ARRAY(out, bool, k->ins.n + 1)};
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&z.r, i);
    IrVal v = IR_NONE;
    if (k->ins.at[i].op == IR_DIV || k->ins.at[i].op == IR_MUL) v = rewrite(&z, i);
    z.done[i] = v != IR_NONE;
    if (v != IR_NONE) z.r.map[i] = v;
    else ir_rewrite_copy(&z.r, i);
  }
  return z.r.b.k;
}

IrModule *ir_pass_singular(const IrModule *in, Arena *out, Session *s) { return ir_map_kernels(in, out, s, singular_kernel); }

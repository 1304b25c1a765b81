/* Values as products of linear forms, by walking the instructions that make them: sums are collected term by
 * term, products and quotients factor by factor, numbers drawn out. A form is normalized so that its first
 * coefficient is 1; atoms are values that are neither sums nor products. Dimensions are not looked at: they
 * agree wherever the forms do. */
#include "ir/product.h"

#include <math.h>

enum { MAX_DEPTH = 40 };

static bool is_opaque(const Products *z, IrVal v) { return z->opaque && z->opaque[v]; }

bool sum_near(double a, double b) { return fabs(a - b) <= 1e-14 * fmax(fabs(a), fabs(b)); }

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

/* s += factor * v */
void sum_add(const Products *z, IrVal v, double factor, Sum *s, bool *bad, int depth) {
  const IrIns *ins = &z->k->ins.at[v];
  if (depth > MAX_DEPTH) *bad = true;
  if (*bad) return;
  if (ins->op == IR_CONST && !is_opaque(z, v)) {
    s->constant += factor * ins->num;
  } else if (ins->op == IR_NEG) {
    sum_add(z, ins->arg[0], -factor, s, bad, depth + 1);
  } else if ((ins->op == IR_ADD || ins->op == IR_SUB) && !is_opaque(z, v)) {
    sum_add(z, ins->arg[0], factor, s, bad, depth + 1);
    sum_add(z, ins->arg[1], ins->op == IR_ADD ? factor : -factor, s, bad, depth + 1);
  } else if ((ins->op == IR_MUL || ins->op == IR_DIV) && !is_opaque(z, v)) {
    Product p = {.num = 1};
    product_add(z, v, 1, &p, depth + 1);
    if (!p.bad && p.n == 1 && p.at[0].power == 1) { /* number * form: distribute */
      for (uint32_t i = 0; i < p.at[0].form.n; i++)
        add_term(s, p.at[0].form.atom[i], factor * p.num * p.at[0].form.coef[i], bad);
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

void product_add(const Products *z, IrVal v, int power, Product *p, int depth) {
  const IrIns *ins = &z->k->ins.at[v];
  Sum s = {0};
  if (depth > MAX_DEPTH) p->bad = true;
  if (p->bad) return;
  if (ins->op == IR_CONST && ins->num != 0 && !is_opaque(z, v)) {
    p->num *= power > 0 ? ins->num : 1 / ins->num;
  } else if (ins->op == IR_NEG) {
    p->num = -p->num;
    product_add(z, ins->arg[0], power, p, depth + 1);
  } else if ((ins->op == IR_MUL || ins->op == IR_DIV) && !is_opaque(z, v)) {
    product_add(z, ins->arg[0], power, p, depth + 1);
    product_add(z, ins->arg[1], ins->op == IR_MUL ? power : -power, p, depth + 1);
  } else if (ins->op == IR_ADD || ins->op == IR_SUB) {
    sum_add(z, v, 1, &s, &p->bad, depth + 1);
    if (!p->bad) add_factor(p, s, v, power);
  } else {
    s.n = 1, s.atom[0] = v, s.coef[0] = 1;
    add_factor(p, s, v, power);
  }
}

bool sum_equal(const Sum *a, const Sum *b) {
  if (a->n != b->n || !sum_near(a->constant, b->constant)) return false;
  for (uint32_t i = 0; i < a->n; i++)
    if (a->atom[i] != b->atom[i] || !sum_near(a->coef[i], b->coef[i])) return false;
  return true;
}

/* Formulas made with the obvious simplifications: zeros, ones, signs and constants disappear while a formula
 * is being built, so that what the solver passes derive (coefficients, propagators) looks as a person would
 * write it.
 *
 * Needs: values of one kernel. Gives: values equal in exact arithmetic wherever the argument is finite (0 * x
 * is 0). */
#include "ir/algebra.h"

#include <math.h>

static const IrIns *ins_of(const IrBuild *b, IrVal v) { return &b->k->ins.at[v]; }
static bool is_op(const IrBuild *b, IrVal v, IrOp op) { return ins_of(b, v)->op == op; }

bool alg_const(const IrBuild *b, IrVal v, double *ret) {
  if (!is_op(b, v, IR_CONST)) return false;
  *ret = ins_of(b, v)->num;
  return true;
}

bool alg_is(const IrBuild *b, IrVal v, double num) {
  double c;
  return alg_const(b, v, &c) && c == num;
}

IrVal alg_num(IrBuild *b, double num) { return ir_const(b, num, DIM_NONE); }
IrVal alg_zero_like(IrBuild *b, IrVal v) { return ir_const(b, 0, ins_of(b, v)->dim); }

/* The plain number 1, which may vanish from a product. */
static bool is_one(const IrBuild *b, IrVal v) { return alg_is(b, v, 1) && dim_none(ins_of(b, v)->dim); }
static bool is_minus_one(const IrBuild *b, IrVal v) { return alg_is(b, v, -1) && dim_none(ins_of(b, v)->dim); }

/* NEG, or a negative constant */
static bool is_minus(const IrBuild *b, IrVal x) {
  double c;
  return is_op(b, x, IR_NEG) || (alg_const(b, x, &c) && c < 0);
}

IrVal alg_neg(IrBuild *b, IrVal x) {
  const IrIns i = *ins_of(b, x);
  if (i.op == IR_CONST) return ir_const(b, -i.num, i.dim);
  if (i.op == IR_NEG) return i.arg[0];
  if (i.op == IR_SUB) return alg_sub(b, i.arg[1], i.arg[0]);
  if (i.op == IR_DIV && is_op(b, i.arg[0], IR_CONST)) return alg_div(b, alg_neg(b, i.arg[0]), i.arg[1]);
  if (i.op == IR_ADD && is_op(b, i.arg[0], IR_NEG) && is_op(b, i.arg[1], IR_NEG))
    return alg_add(b, alg_neg(b, i.arg[0]), alg_neg(b, i.arg[1]));
  if (i.op == IR_MUL && is_minus(b, i.arg[0])) return alg_mul(b, alg_neg(b, i.arg[0]), i.arg[1]);
  if (i.op == IR_MUL && is_minus(b, i.arg[1])) return alg_mul(b, i.arg[0], alg_neg(b, i.arg[1]));
  return ir_op1(b, IR_NEG, x);
}

/* A value with a sign that alg_neg takes away: NEG, a negative constant, or one as a factor. */
static bool is_negated(const IrBuild *b, IrVal x) {
  const IrIns *i = ins_of(b, x);
  if (is_minus(b, x)) return true;
  if (i->op == IR_MUL) return is_minus(b, i->arg[0]) || is_minus(b, i->arg[1]);
  return i->op == IR_DIV && is_op(b, i->arg[0], IR_CONST) && is_minus(b, i->arg[0]);
}

IrVal alg_add(IrBuild *b, IrVal x, IrVal y) {
  double p = 0, q = 0;
  if (alg_const(b, x, &p) && alg_const(b, y, &q)) return ir_const(b, p + q, ins_of(b, x)->dim);
  if (alg_is(b, x, 0)) return y;
  if (alg_is(b, y, 0)) return x;
  if (is_negated(b, x) && is_negated(b, y))
    return ir_op1(b, IR_NEG, alg_add(b, alg_neg(b, x), alg_neg(b, y)));
  if (is_negated(b, y)) return alg_sub(b, x, alg_neg(b, y));
  if (is_negated(b, x)) return alg_sub(b, y, alg_neg(b, x));
  return ir_op2(b, IR_ADD, x, y);
}

IrVal alg_sub(IrBuild *b, IrVal x, IrVal y) {
  double p = 0, q = 0;
  if (alg_const(b, x, &p) && alg_const(b, y, &q)) return ir_const(b, p - q, ins_of(b, x)->dim);
  if (x == y) return alg_zero_like(b, x);
  if (alg_is(b, y, 0)) return x;
  if (alg_is(b, x, 0)) return alg_neg(b, y);
  if (is_negated(b, y)) return alg_add(b, x, alg_neg(b, y));
  if (is_negated(b, x)) return ir_op1(b, IR_NEG, alg_add(b, alg_neg(b, x), y));
  return ir_op2(b, IR_SUB, x, y);
}

/* 1 / y, or IR_NONE */
static IrVal reciprocal(const IrBuild *b, IrVal v) {
  const IrIns *i = ins_of(b, v);
  return i->op == IR_DIV && is_one(b, i->arg[0]) ? i->arg[1] : IR_NONE;
}

IrVal alg_mul(IrBuild *b, IrVal x, IrVal y) {
  double p = 0, q = 0;
  Dim dim = dim_mul(ins_of(b, x)->dim, ins_of(b, y)->dim);
  bool cx = alg_const(b, x, &p), cy = alg_const(b, y, &q);
  if (cx && cy) return ir_const(b, p * q, dim);
  if ((cx && p == 0) || (cy && q == 0)) return ir_const(b, 0, dim);
  if (is_one(b, x)) return y;
  if (is_one(b, y)) return x;
  if (cx && p == -1 && dim_none(ins_of(b, x)->dim)) return alg_neg(b, y);
  if (cy && q == -1 && dim_none(ins_of(b, y)->dim)) return alg_neg(b, x);
  if (!cx && !cy && is_negated(b, x) && is_negated(b, y)) return alg_mul(b, alg_neg(b, x), alg_neg(b, y));
  if (!cx && !cy && is_negated(b, x)) return ir_op1(b, IR_NEG, alg_mul(b, alg_neg(b, x), y));
  if (!cx && !cy && is_negated(b, y)) return ir_op1(b, IR_NEG, alg_mul(b, x, alg_neg(b, y)));
  if (reciprocal(b, y) != IR_NONE) return alg_div(b, x, reciprocal(b, y));
  if (reciprocal(b, x) != IR_NONE) return alg_div(b, y, reciprocal(b, x));
  return ir_op2(b, IR_MUL, x, y);
}

IrVal alg_div(IrBuild *b, IrVal x, IrVal y) {
  double p = 0, q = 0;
  const IrIns ix = *ins_of(b, x), iy = *ins_of(b, y);
  if (alg_const(b, x, &p) && alg_const(b, y, &q) && q != 0)
    return ir_const(b, p / q, dim_div(ix.dim, iy.dim));
  if (alg_is(b, x, 0)) return ir_const(b, 0, dim_div(ix.dim, iy.dim));
  if (is_one(b, y)) return x;
  if (ix.op == IR_NEG && is_negated(b, y)) return alg_div(b, ix.arg[0], alg_neg(b, y));
  if (ix.op == IR_NEG) return alg_neg(b, alg_div(b, ix.arg[0], y));
  if (iy.op == IR_NEG) return alg_neg(b, alg_div(b, x, iy.arg[0]));
  if (ix.op == IR_DIV && iy.op == IR_DIV && ix.arg[1] == iy.arg[1]) return alg_div(b, ix.arg[0], iy.arg[0]);
  return ir_op2(b, IR_DIV, x, y);
}

IrVal alg_fma(IrBuild *b, IrVal x, IrVal y, IrVal z) {
  if (alg_is(b, x, 0) || alg_is(b, y, 0)) return z;
  if (alg_is(b, z, 0)) return alg_mul(b, x, y);
  if (is_one(b, x)) return alg_add(b, y, z);
  if (is_one(b, y)) return alg_add(b, x, z);
  if (is_minus_one(b, x)) return alg_sub(b, z, y);
  if (is_minus_one(b, y)) return alg_sub(b, z, x);
  return ir_op3(b, IR_FMA, x, y, z);
}

IrVal alg_select(IrBuild *b, IrVal c, IrVal x, IrVal y) { return x == y ? x : ir_op3(b, IR_SELECT, c, x, y); }

IrVal alg_exp(IrBuild *b, IrVal x) { return alg_is(b, x, 0) ? alg_num(b, 1) : ir_op1(b, IR_EXP, x); }
IrVal alg_exprel(IrBuild *b, IrVal x) { return alg_is(b, x, 0) ? alg_num(b, 1) : ir_op1(b, IR_EXPREL, x); }

bool alg_positive(const IrBuild *b, IrVal v) {
  const IrIns *i = ins_of(b, v);
  if (i->op == IR_CONST) return i->num > 0;
  uint32_t flags = ir_ops[i->op].flags;
  if (flags & IRF_POSITIVE) return true;
  if (flags & IRF_POSITIVE_BASE) return alg_positive(b, i->arg[0]);
  if (!(flags & IRF_KEEPS_POSITIVE)) return false;
  for (uint32_t k = 0; k < ir_ops[i->op].arity; k++)
    if (ins_of(b, i->arg[k])->type == IR_REAL && !alg_positive(b, i->arg[k])) return false;
  return true;
}

bool alg_nonzero(const IrBuild *b, IrVal v) {
  const IrIns *i = ins_of(b, v);
  if (i->op == IR_NEG) return alg_nonzero(b, i->arg[0]);
  if (i->op == IR_CONST) return i->num != 0;
  if (i->op == IR_DIV) return alg_nonzero(b, i->arg[0]);
  if (i->op == IR_MUL) return alg_nonzero(b, i->arg[0]) && alg_nonzero(b, i->arg[1]);
  return alg_positive(b, v);
}

/* Computes what is constant, and drops operations that change no bit. Method: one walk; an op on constants
 * goes through the op's own EVAL in float64, so its bits are those of a float64 program's run (in an f32
 * program the constant is the float64 result rounded once: as near or nearer to the exact value). Conditions
 * that are known choose their select.
 *
 * Identities, all exact in IEEE arithmetic with flushed subnormals (a NaN may differ in its payload only):
 *   x*1  1*x  x/1  -(-x)  x + -0  -0 + x  x - 0            -> x        (x + 0 is not: -0 + 0 is 0)
 *   x*-1  -1*x  x/-1                                       -> -x
 *   x + -y  -> x - y      -y + x -> x - y      x - -y -> x + y
 *   x / 2^n                                                -> x * 2^-n (|n| <= 100: 2^-n is normal in float too)
 *   fma(a, 1, c)  fma(1, b, c)                             -> a + c, b + c
 *   min(x, x)  max(x, x)  select(c, x, x)  and(p, p)  or(p, p)  not(not p)  clip(x, -inf, inf)   -> x, p
 *   select(not p, x, y)                                    -> select(p, y, x)
 *   exprel, exp, log1p, … of constants                     -> the constant
 * Not done: x - x, 0*x (wrong for inf and NaN), any reassociation. Needs nothing. Breaks nothing; leaves dead
 * code. */
#include <math.h>

#include "ir/pass.h"

typedef enum { UNKNOWN, FALSE_, TRUE_ } Known;

typedef struct {
  IrRewrite r;
  Known *known; /* of conditions, by old instruction */
} Fold;

/* The new instruction that stands for argument j of old instruction i. */
static const IrIns *arg(const Fold *f, IrVal i, int j) {
  return &f->r.b.k->ins.at[ir_rewrite_arg(&f->r, i, j)];
}
static IrVal arg_val(const Fold *f, IrVal i, int j) { return ir_rewrite_arg(&f->r, i, j); }
static bool is_const(const IrIns *x) { return x->op == IR_CONST; }
static bool is_num(const IrIns *x, double num) { return is_const(x) && x->num == num; }
static bool is_zero(const IrIns *x, bool minus) { return is_num(x, 0) && !signbit(x->num) == !minus; }
static bool is_pow2(const IrIns *x) {
  int e;
  return is_const(x) && fabs(frexp(x->num, &e)) == 0.5 && e > -99 && e <= 100;
}

/* ---- constants and known conditions */

static bool all_const(const Fold *f, IrVal i, double args[4]) {
  const IrIns *ins = &f->r.in->ins.at[i];
  int n = ir_ops[ins->op].arity;
  if (!(ir_ops[ins->op].flags & IRF_PURE) || n == 0) return false;
  for (int j = 0; j < n; j++) {
    if (arg(f, i, j)->type == IR_BOOL) {
      Known known = f->known[ins->arg[j]];
      if (known == UNKNOWN) return false;
      args[j] = known == TRUE_;
    } else {
      if (!is_const(arg(f, i, j))) return false;
      args[j] = arg(f, i, j)->num;
    }
  }
  return true;
}

static Known known_of(const Fold *f, IrVal i) {
  const IrIns *ins = &f->r.in->ins.at[i];
  double args[4];
  if (all_const(f, i, args)) return ir_eval_op((IrOp)ins->op, args) != 0 ? TRUE_ : FALSE_;
  Known p = UNKNOWN, q = UNKNOWN;
  if (ins->op != IR_AND && ins->op != IR_OR) return UNKNOWN;
  p = f->known[ins->arg[0]];
  q = f->known[ins->arg[1]];
  Known decides = ins->op == IR_AND ? FALSE_ : TRUE_;
  return p == decides || q == decides ? decides : UNKNOWN;
}

/* ---- identities: the value that stands for i, or IR_NONE */

static IrVal fold_mul(Fold *f, IrVal i) {
  for (int j = 0; j < 2; j++) {
    if (!dim_none(arg(f, i, j)->dim)) continue; /* 1 ms * x is not x */
    if (is_num(arg(f, i, j), 1)) return arg_val(f, i, 1 - j);
    if (is_num(arg(f, i, j), -1)) return ir_op1(&f->r.b, IR_NEG, arg_val(f, i, 1 - j));
  }
  return IR_NONE;
}

static IrVal fold_div(Fold *f, IrVal i) {
  const IrIns *by = arg(f, i, 1);
  if (dim_none(by->dim) && is_num(by, 1)) return arg_val(f, i, 0);
  if (dim_none(by->dim) && is_num(by, -1)) return ir_op1(&f->r.b, IR_NEG, arg_val(f, i, 0));
  if (!is_pow2(by)) return IR_NONE;
  return ir_op2(&f->r.b, IR_MUL, arg_val(f, i, 0),
                ir_const(&f->r.b, 1 / by->num, dim_div(DIM_NONE, by->dim)));
}

static IrVal fold_add(Fold *f, IrVal i) {
  for (int j = 0; j < 2; j++) {
    if (is_zero(arg(f, i, j), true)) return arg_val(f, i, 1 - j);
    if (arg(f, i, j)->op == IR_NEG)
      return ir_op2(&f->r.b, IR_SUB, arg_val(f, i, 1 - j), arg(f, i, j)->arg[0]);
  }
  return IR_NONE;
}

static IrVal fold_sub(Fold *f, IrVal i) {
  const IrIns *by = arg(f, i, 1);
  if (is_zero(by, false)) return arg_val(f, i, 0);
  return by->op == IR_NEG ? ir_op2(&f->r.b, IR_ADD, arg_val(f, i, 0), by->arg[0]) : IR_NONE;
}

static IrVal fold_fma(Fold *f, IrVal i) {
  for (int j = 0; j < 2; j++)
    if (dim_none(arg(f, i, j)->dim) && is_num(arg(f, i, j), 1))
      return ir_op2(&f->r.b, IR_ADD, arg_val(f, i, 1 - j), arg_val(f, i, 2));
  return IR_NONE;
}

static IrVal fold_select(Fold *f, IrVal i) {
  Known known = f->known[f->r.in->ins.at[i].arg[0]];
  IrVal yes = arg_val(f, i, 1), no = arg_val(f, i, 2);
  if (known != UNKNOWN) return known == TRUE_ ? yes : no;
  if (yes == no) return yes;
  if (arg(f, i, 0)->op != IR_NOT) return IR_NONE;
  return ir_op3(&f->r.b, IR_SELECT, arg(f, i, 0)->arg[0], no, yes);
}

/* and, or with one side known not to decide; p and p */
static IrVal fold_logic(Fold *f, IrVal i, Known neutral) {
  const IrIns *ins = &f->r.in->ins.at[i];
  if (arg_val(f, i, 0) == arg_val(f, i, 1)) return arg_val(f, i, 0);
  for (int j = 0; j < 2; j++)
    if (f->known[ins->arg[j]] == neutral) return arg_val(f, i, 1 - j);
  return IR_NONE;
}

static IrVal fold_identity(Fold *f, IrVal i) {
  const IrIns *ins = &f->r.in->ins.at[i];
  if (ins->op == IR_MUL) return fold_mul(f, i);
  if (ins->op == IR_DIV) return fold_div(f, i);
  if (ins->op == IR_ADD) return fold_add(f, i);
  if (ins->op == IR_SUB) return fold_sub(f, i);
  if (ins->op == IR_FMA) return fold_fma(f, i);
  if (ins->op == IR_SELECT) return fold_select(f, i);
  if (ins->op == IR_AND) return fold_logic(f, i, TRUE_);
  if (ins->op == IR_OR) return fold_logic(f, i, FALSE_);
  if (ins->op == IR_NEG || ins->op == IR_NOT)
    return arg(f, i, 0)->op == ins->op ? arg(f, i, 0)->arg[0] : IR_NONE;
  if (ins->op == IR_MIN || ins->op == IR_MAX)
    return arg_val(f, i, 0) == arg_val(f, i, 1) ? arg_val(f, i, 0) : IR_NONE;
  if (ins->op == IR_CLIP && is_num(arg(f, i, 1), -INFINITY) && is_num(arg(f, i, 2), INFINITY))
    return arg_val(f, i, 0);
  return IR_NONE;
}

static IrVal fold_ins(Fold *f, IrVal i) {
  const IrIns *ins = &f->r.in->ins.at[i];
  double args[4];
  if (ins->type == IR_BOOL) f->known[i] = known_of(f, i);
  if (ins->type == IR_REAL && all_const(f, i, args))
    return ir_const(&f->r.b, ir_eval_op((IrOp)ins->op, args), ins->dim);
  return fold_identity(f, i);
}

static IrKernel *fold_kernel(const IrKernel *k, Arena *out, Session *s) {
  Fold f = {.r = ir_rewrite(k, out, s), .known = NEW_ARRAY(out, Known, k->ins.n + 1)};
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&f.r, i);
    IrVal v = fold_ins(&f, i);
    if (v != IR_NONE)
      f.r.map[i] = v;
    else
      ir_rewrite_copy(&f.r, i);
  }
  return f.r.b.k;
}

IrModule *ir_pass_fold(const IrModule *in, Arena *out, Session *s) {
  return ir_map_kernels(in, out, s, fold_kernel);
}

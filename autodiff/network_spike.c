/* What stands for the derivative of a spike in a network: a smooth step of the two sides of its condition.
 *
 * The condition is one comparison and whatever else must hold (no hold in force, not true before); the smooth step is that of
 * (left - right) / width, where all else holds, and its slope damping * shape(…) / width. */
#include "autodiff/network.h"

static IrVal both(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : ir_op2(b, IR_AND, x, y); }

static void sides_find(IrBuild *b, IrVal v, AdGuard *g, uint32_t *n) {
  const IrIns ins = b->k->ins.at[v];
  bool rises = ins.op == IR_GT || ins.op == IR_GE, falls = ins.op == IR_LT || ins.op == IR_LE;
  if (ins.op == IR_AND) {
    sides_find(b, ins.arg[0], g, n);
    sides_find(b, ins.arg[1], g, n);
  } else if (rises || falls) {
    g->left = ins.arg[rises ? 0 : 1];
    g->right = ins.arg[rises ? 1 : 0];
    (*n)++;
  } else {
    g->gate = both(b, g->gate, v);
  }
}

IrVal ad_net_spike(const IrKernel *step) {
  for (IrVal i = 0; i < step->ins.n; i++)
    if (step->ins.at[i].op == IR_STORE && step->slots.at[step->ins.at[i].slot].kind == SLOT_SPIKE) return step->ins.at[i].arg[0];
  return IR_NONE;
}

static IrVal num(IrBuild *b, double x) { return alg_num(b, x); }
static IrVal times(IrBuild *b, IrVal x, IrVal y) { return ir_op2(b, IR_MUL, x, y); }
static const IrOp ops[SURROGATES] = { /* lang/surrogates.def: their partials are the shapes */
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = IR_SURROGATE_##id,
#include "lang/surrogates.def"
#undef SURROGATE
};

static IrVal shape_of(const AdNet *w, IrBuild *b, IrVal x) {
  const IrVal args[4] = {x, IR_NONE, IR_NONE, IR_NONE};
  const char *why = NULL;
  return ir_partial(b, ops[w->how->shape], args, IR_NONE, 0, &why);
}

/* The smooth step whose slope the shape is; IR_NONE: no operation of kernels gives it. Only what is used of these is made. */
#define X x
#define ONE num(b, 1)
#define HALF num(b, 0.5)
#define SIZE ir_op1(b, IR_ABS, x)
#define ADD(u, v) ir_op2(b, IR_ADD, u, v)
#define SUB(u, v) ir_op2(b, IR_SUB, u, v)
#define MUL(u, v) ir_op2(b, IR_MUL, u, v)
#define DIV(u, v) ir_op2(b, IR_DIV, u, v)
#define WITHIN(v) within(b, x, v) /* where |x| < 1; 0 and 1 on its sides */
#define NO_STEP IR_NONE
static IrVal within(IrBuild *b, IrVal x, IrVal inside) {
  IrVal side = ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, x, num(b, 0)), ONE, num(b, 0));
  return ir_op3(b, IR_SELECT, ir_op2(b, IR_LT, SIZE, ONE), inside, side);
}

#define SURROGATE(id, word, doc, step) \
  static IrVal step_##id(IrBuild *b, IrVal x) { (void)b, (void)x; return step; }
#include "lang/surrogates.def"
#undef SURROGATE

static IrVal step_of(const AdNet *w, IrBuild *b, IrVal x) {
  static IrVal (*const steps[SURROGATES])(IrBuild *, IrVal) = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = step_##id,
#include "lang/surrogates.def"
#undef SURROGATE
  };
  return steps[w->how->shape](b, x);
}

static IrVal gated(IrBuild *b, const AdGuard *g, IrVal v) {
  if (g->gate == IR_NONE) return v;
  return ir_op3(b, IR_SELECT, g->gate, v, ir_const(b, 0, b->k->ins.at[v].dim));
}

AdGuard ad_net_guard(AdNet *w, IrBuild *b, IrVal spike) {
  AdGuard g = AD_NO_GUARD;
  uint32_t n = 0;
  sides_find(b, spike, &g, &n);
  if (n != 1) {
    ad_net_refuse(w, b->span, "derivatives of spikes whose condition is not one comparison", "Write it as `spike when V >= V_th`.");
    return g;
  }
  Dim dim = b->k->ins.at[g.left].dim;
  if (!dim_eq(dim, w->how->dim)) {
    ad_net_refuse(w, w->how->span, "one width for spike conditions of different dimensions", NULL);
    return g;
  }
  IrVal width = ir_const(b, w->how->width, dim);
  g.x = ir_op2(b, IR_DIV, ir_op2(b, IR_SUB, g.left, g.right), width);
  g.slope = gated(b, &g, ir_op2(b, IR_DIV, times(b, num(b, w->how->damping), shape_of(w, b, g.x)), width));
  return g;
}

IrVal ad_net_smooth(AdNet *w, IrBuild *b, const AdGuard *g) {
  IrVal step = step_of(w, b, g->x);
  if (step != IR_NONE) return gated(b, g, times(b, num(b, w->how->damping), step));
  ad_net_refuse(w, w->how->span, "a smooth run with this shape", "Take `triangle`, `sigmoid`, `fast_sigmoid` or `box`.");
  return IR_NONE;
}

/* The surrogate's value is that of the plain step, so it and the plain step are 0 together: what is left is its derivative. */
IrVal ad_net_number(AdNet *w, IrBuild *b, const AdGuard *g, IrVal spike) {
  IrVal one = num(b, 1), zero = num(b, 0), own = ir_op3(b, IR_SELECT, spike, one, zero);
  IrVal plain = ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, g->x, zero), one, zero);
  IrVal none = ir_op2(b, IR_SUB, ir_op1(b, ops[w->how->shape], g->x), plain);
  return ir_op2(b, IR_ADD, own, gated(b, g, times(b, num(b, w->how->damping), none)));
}

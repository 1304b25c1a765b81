/* Forward derivatives of values, source to source: for each value that is asked for, its partial derivatives by
 * chosen values ("atoms": states, the time of a stage) as new values of the same kernel.
 *
 * Method: one walk over the instructions that the roots are made of; a row of tangents for each, by the partials
 * column of ops.def and the chain rule, zeros of the structure left out. Loads and draws are constants; so is
 * an atom for all but itself. Needs no loop between atoms and roots. An op without a derivative on an active
 * path is reported, never a zero. */
#include <math.h>

#include "ir/algebra.h"

/* ---- the partials column as formulas of the kernel */

typedef struct {
  IrBuild *b;
  IrVal a, c, d, y; /* arguments A, B, C and result Y */
  const char *why;  /* there is no derivative, and why */
} Partial;

#define A (p->a)
#define B (p->c)
#define C (p->d)
#define Y (p->y)
#define ONE alg_num(p->b, 1)
#define ZERO alg_num(p->b, 0)
#define K(x) alg_num(p->b, x)
#define LIKE(v, x) ir_const(p->b, x, p->b->k->ins.at[v].dim)
#define FLAT IR_NONE
#define NODIFF(reason) (p->why = reason, IR_NONE)
#define P0 IR_NONE
#define P1(x) (by == 0 ? (x) : IR_NONE)
#define P2(x, z) (by == 0 ? (x) : (z))
#define P3(x, z, w) (by == 0 ? (x) : by == 1 ? (z) : (w))
#define ADD(x, z) alg_add(p->b, x, z)
#define SUB(x, z) alg_sub(p->b, x, z)
#define MUL(x, z) alg_mul(p->b, x, z)
#define DIV(x, z) alg_div(p->b, x, z)
#define NEG(x) alg_neg(p->b, x)
#define LT(x, z) ir_op2(p->b, IR_LT, x, z)
#define GT(x, z) ir_op2(p->b, IR_GT, x, z)
#define SELECT(c, x, z) alg_select(p->b, c, x, z)
#define ABS(x) ir_op1(p->b, IR_ABS, x)
#define EXP(x) alg_exp(p->b, x)
#define SIN(x) ir_op1(p->b, IR_SIN, x)
#define COS(x) ir_op1(p->b, IR_COS, x)
#define LOG(x) ir_op1(p->b, IR_LOG, x)
#define POW(x, z) ir_op2(p->b, IR_POW, x, z)
/* Of one op by its argument `by`; IR_NONE: 0, or why. */
static IrVal partial_of(Partial *p, IrOp op, int by) {
  switch (op) {
#define OP(id, text, arity, type, dim, eval, partials, ...) \
  case IR_##id: return partials;
#include "ir/ops.def"
#undef OP
    case IR_OPS: break;
  }
  return IR_NONE;
}

IrVal ir_partial(IrBuild *b, IrOp op, const IrVal *args, IrVal y, int by, const char **ret_why) {
  Partial p = {.b = b, .a = args[0], .c = args[1], .d = args[2], .y = y};
  IrVal d = partial_of(&p, op, by);
  if (p.why) *ret_why = p.why;
  return d;
}

/* ---- the chain rule */

static IrVal sum(IrBuild *b, IrVal s, IrVal x, IrVal y) {
  if (y == IR_NONE) return s;
  return s == IR_NONE ? alg_mul(b, x, y) : alg_fma(b, x, y, s);
}

/* Both sides of a choice, never 0 * infinity of the other one. */
static void choice(IrTangents *t, IrVal *row, const IrIns *ins) {
  const IrVal *x = t->row[ins->arg[1]], *y = t->row[ins->arg[2]];
  for (uint32_t j = 0; j < t->n; j++) {
    IrVal p = x ? x[j] : IR_NONE, q = y ? y[j] : IR_NONE;
    if (p == IR_NONE && q == IR_NONE) continue;
    if (p == IR_NONE) p = alg_zero_like(t->b, q);
    if (q == IR_NONE) q = alg_zero_like(t->b, p);
    row[j] = alg_select(t->b, ins->arg[0], p, q);
  }
}

static void chain(IrTangents *t, IrVal *row, IrVal v, const IrIns *ins) {
  Partial p = {.b = t->b, .a = ins->arg[0], .c = ins->arg[1], .d = ins->arg[2], .y = v};
  for (int i = 0; i < ir_ops[ins->op].arity; i++) {
    const IrVal *of = t->row[ins->arg[i]];
    if (!of) continue;
    IrVal d = partial_of(&p, (IrOp)ins->op, i);
    if (p.why && !t->why) t->why = p.why, t->where = v;
    if (d == IR_NONE || alg_is(t->b, d, 0)) continue;
    for (uint32_t j = 0; j < t->n; j++) row[j] = sum(t->b, row[j], d, of[j]);
  }
}

static void tangents_of(IrTangents *t, IrVal v) {
  const IrIns ins = t->b->k->ins.at[v];
  bool active = false;
  for (uint32_t j = 0; t->atoms && j < t->n; j++) active |= t->atoms[j] == v;
  for (int i = 0; i < ir_ops[ins.op].arity; i++) active |= t->row[ins.arg[i]] != NULL;
  if (!active || ins.type != IR_REAL || (ir_ops[ins.op].flags & IRF_DRAW)) return;
  IrVal *row = NEW_ARRAY(t->b->arena, IrVal, t->n);
  for (uint32_t j = 0; j < t->n; j++) row[j] = IR_NONE;
  t->b->span = ins.span;
  bool atom = false;
  for (uint32_t j = 0; t->atoms && j < t->n; j++)
    if (t->atoms[j] == v) row[j] = alg_num(t->b, 1), atom = true;
  if (!atom && ins.op == IR_SELECT) choice(t, row, &ins);
  else if (!atom) chain(t, row, v, &ins);
  t->row[v] = row;
}

IrTangents ir_tangents(IrBuild *b, const IrVal *atoms, uint32_t n, const IrVal *roots, uint32_t n_roots) {
  uint32_t end = b->k->ins.n;
  IrTangents t = {.b = b, .atoms = atoms, .n = n, .row = NEW_ARRAY(b->arena, IrVal *, end + 1), .where = IR_NONE};
  bool *need = NEW_ARRAY(b->arena, bool, end + 1);
  for (uint32_t i = 0; i < n_roots; i++)
    if (roots[i] != IR_NONE) need[roots[i]] = true;
  for (uint32_t j = 0; j < n; j++)
    if (atoms[j] != IR_NONE) need[atoms[j]] = true;
  for (IrVal v = end; v-- > 0;)
    for (int i = 0; need[v] && i < ir_ops[b->k->ins.at[v].op].arity; i++) need[b->k->ins.at[v].arg[i]] = true;
  for (IrVal v = 0; v < end; v++)
    if (need[v]) tangents_of(&t, v);
  return t;
}

IrTangents ir_tangents_from(IrBuild *b, IrVal **row, uint32_t n, const IrVal *roots, uint32_t n_roots) {
  uint32_t end = b->k->ins.n;
  IrTangents t = {.b = b, .n = n, .row = row, .where = IR_NONE};
  bool *need = NEW_ARRAY(b->arena, bool, end + 1);
  for (uint32_t i = 0; i < n_roots; i++)
    if (roots[i] != IR_NONE) need[roots[i]] = true;
  for (IrVal v = end; v-- > 0;)
    for (int i = 0; need[v] && !row[v] && i < ir_ops[b->k->ins.at[v].op].arity; i++) need[b->k->ins.at[v].arg[i]] = true;
  for (IrVal v = 0; v < end; v++)
    if (need[v] && !row[v]) tangents_of(&t, v);
  return t;
}

IrVal ir_tangent(const IrTangents *t, IrVal v, uint32_t atom) {
  return v == IR_NONE || !t->row[v] ? IR_NONE : t->row[v][atom];
}

/* How likely connections can be in a part of space: the probability of a pair, over intervals instead of numbers. SLOT_COLUMN 2k and
 * 2k + 1 are the least and the largest value of field k among the pairs of a part; the kernel gives the hazard of a pair, -log(1 - q)
 * of an upper bound q of its probability: 0 where there can be no connection, infinite where there may be all, -1 where all are below 0.
 *
 * Every operation is monotone in each argument, and so are its roundings but for a few units in the last place, for which q has room.
 * What cannot be bounded so (numbers of files, quotients by what may be 0) has no bound: then all pairs are looked at. */
#include <math.h>

#include "ir/lower.h"

typedef struct {
  IrVal lo, hi;  /* of a condition: it holds for all, for some */
  bool positive, not_negative; /* sure before any run */
} Range;

typedef struct {
  Scope *sc;
  const MPairFieldList *fields;
  PtrMap memo; /* MExpr -> place in `made` */
  VEC(Range) made;
} Bound;

static const double ROOM = 1 + 0x1p-12; /* float32 programs compute it in float32 */

static bool range_of(Bound *b, const MExpr *e, Range *ret);

static IrVal least(Bound *b, IrVal x, IrVal y) { return ir_op2(&b->sc->b, IR_MIN, x, y); }
static IrVal most(Bound *b, IrVal x, IrVal y) { return ir_op2(&b->sc->b, IR_MAX, x, y); }

static bool is_number(const MExpr *e, double *ret) {
  *ret = e->kind == MX_NUM ? e->num : 0;
  return e->kind == MX_NUM;
}

/* ---- leaves */

static bool field_range(Bound *b, const MExpr *e, Range *ret) {
  const MPairField *f = &b->fields->at[e->arg];
  IrBuild *k = &b->sc->b;
  if (f->kind != FIELD_DISTANCE && f->kind != FIELD_PRE && f->kind != FIELD_POST) return false;
  Name lo = name_fmt(b->sc->l->s, "least%u", e->arg), hi = name_fmt(b->sc->l->s, "most%u", e->arg);
  *ret = (Range){ir_load(k, ir_slot(k, SLOT_COLUMN, 2 * e->arg, lo, IR_REAL, e->dim)),
                 ir_load(k, ir_slot(k, SLOT_COLUMN, 2 * e->arg + 1, hi, IR_REAL, e->dim)), false, f->kind == FIELD_DISTANCE};
  return true;
}

static bool uniform_range(Bound *b, const MExpr *e, Range *ret) {
  double value;
  IrVal v = lower_expr(b->sc, e);
  bool known = is_number(e, &value);
  *ret = (Range){v, v, known && value > 0, known && value >= 0};
  return true;
}

/* ---- operations; args: their ranges */

static void corners(Bound *b, IrOp op, const Range *x, const Range *y, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal a = ir_op2(k, op, x->lo, y->lo), c = ir_op2(k, op, x->lo, y->hi), d = ir_op2(k, op, x->hi, y->lo), f = ir_op2(k, op, x->hi, y->hi);
  ret->lo = least(b, least(b, a, c), least(b, d, f));
  ret->hi = most(b, most(b, a, c), most(b, d, f));
}

static void squared(Bound *b, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal lo = ir_op2(k, IR_MUL, x->lo, x->lo), hi = ir_op2(k, IR_MUL, x->hi, x->hi), none = alg_zero_like(k, lo);
  IrVal apart = ir_op2(k, IR_OR, ir_op2(k, IR_GT, x->lo, alg_zero_like(k, x->lo)), ir_op2(k, IR_LT, x->hi, alg_zero_like(k, x->hi)));
  *ret = (Range){ir_op3(k, IR_SELECT, apart, least(b, lo, hi), none), most(b, lo, hi), x->positive, true};
}

static bool power(Bound *b, const MExpr *e, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  double n;
  if (!is_number(e->args[1], &n)) return false;
  if (n == 2) return squared(b, x, ret), true;
  if (!x->not_negative || !(n > 0)) return false;
  IrVal exponent = ir_const(k, n, DIM_NONE);
  *ret = (Range){ir_op2(k, IR_POW, x->lo, exponent), ir_op2(k, IR_POW, x->hi, exponent), x->positive, true};
  return true;
}

static bool product(Bound *b, const MExpr *e, const Range *x, const Range *y, Range *ret) {
  if (e->args[0] == e->args[1]) return squared(b, x, ret), true;
  corners(b, IR_MUL, x, y, ret);
  ret->positive = x->positive && y->positive;
  ret->not_negative = x->not_negative && y->not_negative;
  return true;
}

static bool quotient(Bound *b, const MExpr *e, const Range *x, const Range *y, Range *ret) {
  if (!lower_uniform(b->sc, e->args[1]) && !y->positive) return false;
  corners(b, IR_DIV, x, y, ret);
  ret->not_negative = x->not_negative && y->positive;
  ret->positive = x->positive && y->positive;
  return true;
}

static bool absolute(Bound *b, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal zero = alg_zero_like(k, x->lo), from_below = ir_op2(k, IR_SUB, zero, x->hi);
  *ret = (Range){most(b, most(b, x->lo, from_below), zero), most(b, x->hi, ir_op2(k, IR_SUB, zero, x->lo)), x->positive, true};
  return true;
}

static bool chosen(Bound *b, const Range *c, const Range *x, const Range *y, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal some = ir_op3(k, IR_SELECT, c->hi, least(b, x->lo, y->lo), y->lo), all = ir_op3(k, IR_SELECT, c->hi, most(b, x->hi, y->hi), y->hi);
  *ret = (Range){ir_op3(k, IR_SELECT, c->lo, x->lo, some), ir_op3(k, IR_SELECT, c->lo, x->hi, all), x->positive && y->positive,
                 x->not_negative && y->not_negative};
  return true;
}

static bool monotone(Bound *b, IrOp op, const Range *x, bool positive, Range *ret) {
  *ret = (Range){ir_op1(&b->sc->b, op, x->lo), ir_op1(&b->sc->b, op, x->hi), positive, positive};
  return true;
}

/* less: `x < y` or `x <= y` */
static bool less(Bound *b, IrOp op, const Range *x, const Range *y, Range *ret) {
  *ret = (Range){.lo = ir_op2(&b->sc->b, op, x->hi, y->lo), .hi = ir_op2(&b->sc->b, op, x->lo, y->hi)};
  return true;
}

static bool logic(Bound *b, IrOp op, const Range *x, const Range *y, Range *ret) {
  *ret = (Range){.lo = ir_op2(&b->sc->b, op, x->lo, y->lo), .hi = ir_op2(&b->sc->b, op, x->hi, y->hi)};
  return true;
}

static bool ends(Bound *b, IrOp op, const Range *x, const Range *y, Range *ret) {
  IrBuild *k = &b->sc->b;
  *ret = (Range){ir_op2(k, op, x->lo, op == IR_SUB ? y->hi : y->lo), ir_op2(k, op, x->hi, op == IR_SUB ? y->lo : y->hi), false, false};
  ret->not_negative = op != IR_SUB && (op == IR_MAX ? x->not_negative || y->not_negative : x->not_negative && y->not_negative);
  ret->positive = op == IR_ADD ? (x->positive && y->not_negative) || (x->not_negative && y->positive)
                  : op == IR_MAX ? x->positive || y->positive : op == IR_MIN && x->positive && y->positive;
  return true;
}

/* A literal 0 or inf takes the dimension of what stands beside it. */
static void alike(Bound *b, Range *x, const Range *model) {
  Dim dim = b->sc->b.k->ins.at[model->lo].dim;
  x->lo = lower_fit(b->sc, x->lo, dim);
  x->hi = lower_fit(b->sc, x->hi, dim);
}

static bool call_range(Bound *b, const MExpr *e, Range *ret) {
  Range x[3] = {{0}};
  IrBuild *k = &b->sc->b;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!(e->builtin == B_POW && i == 1) && !range_of(b, e->args[i], &x[i])) return false;
  if (e->n_args > 1 && e->builtin != B_MUL && e->builtin != B_DIV && e->builtin != B_POW && e->args[1]->type == M_REAL) {
    uint32_t first = e->builtin == B_SELECT;
    alike(b, &x[first], &x[first + 1]), alike(b, &x[first + 1], &x[first]);
  }
  /* what has no row has no bound */
  if (e->builtin == B_ADD) return ends(b, IR_ADD, &x[0], &x[1], ret);
  if (e->builtin == B_SUB) return ends(b, IR_SUB, &x[0], &x[1], ret);
  if (e->builtin == B_MIN) return ends(b, IR_MIN, &x[0], &x[1], ret);
  if (e->builtin == B_MAX) return ends(b, IR_MAX, &x[0], &x[1], ret);
  if (e->builtin == B_MUL) return product(b, e, &x[0], &x[1], ret);
  if (e->builtin == B_DIV) return quotient(b, e, &x[0], &x[1], ret);
  if (e->builtin == B_POW) return power(b, e, &x[0], ret);
  if (e->builtin == B_ABS) return absolute(b, &x[0], ret);
  if (e->builtin == B_SELECT) return chosen(b, &x[0], &x[1], &x[2], ret);
  if (e->builtin == B_LT) return less(b, IR_LT, &x[0], &x[1], ret);
  if (e->builtin == B_LE) return less(b, IR_LE, &x[0], &x[1], ret);
  if (e->builtin == B_GT) return less(b, IR_LT, &x[1], &x[0], ret);
  if (e->builtin == B_GE) return less(b, IR_LE, &x[1], &x[0], ret);
  if (e->builtin == B_AND) return logic(b, IR_AND, &x[0], &x[1], ret);
  if (e->builtin == B_OR) return logic(b, IR_OR, &x[0], &x[1], ret);
  if (e->builtin == B_EXP) return monotone(b, IR_EXP, &x[0], true, ret);
  if (e->builtin == B_SIGMOID) return monotone(b, IR_SIGMOID, &x[0], true, ret);
  if (e->builtin == B_TANH) return monotone(b, IR_TANH, &x[0], false, ret);
  if (e->builtin == B_EXPM1) return monotone(b, IR_EXPM1, &x[0], false, ret);
  if (e->builtin == B_FLOOR) return monotone(b, IR_FLOOR, &x[0], false, ret);
  if (e->builtin == B_SQRT && x[0].not_negative) {
    bool positive = x[0].positive;
    monotone(b, IR_SQRT, &x[0], true, ret);
    return ret->positive = positive, true;
  }
  if (e->builtin == B_NEG) {
    *ret = (Range){ir_op2(k, IR_SUB, alg_zero_like(k, x[0].hi), x[0].hi), ir_op2(k, IR_SUB, alg_zero_like(k, x[0].lo), x[0].lo), false, false};
    return true;
  }
  if (e->builtin != B_NOT) return false;
  *ret = (Range){.lo = ir_op1(k, IR_NOT, x[0].hi), .hi = ir_op1(k, IR_NOT, x[0].lo)};
  return true;
}

static bool range_of(Bound *b, const MExpr *e, Range *ret) {
  uint32_t known = ptr_get(&b->memo, e);
  if (known != IR_NONE) return *ret = b->made.at[known], true;
  bool good = lower_uniform(b->sc, e) ? uniform_range(b, e, ret)
              : e->kind == MX_PAIR    ? field_range(b, e, ret)
              : e->kind == MX_CALL    ? call_range(b, e, ret)
                                      : false;
  if (!good) return false;
  ptr_set(b->sc->l->a, &b->memo, e, b->made.n);
  vec_push(b->sc->l->a, &b->made, *ret);
  return true;
}

/* ---- the kernel */

bool lower_bound(Scope *sc, const MExpr *e, const MPairFieldList *fields) {
  Bound b = {.sc = sc, .fields = fields};
  IrBuild *k = &sc->b;
  Range p;
  if (!range_of(&b, e, &p)) return false;
  k->span = e->span;
  IrVal zero = alg_num(k, 0), q = ir_op2(k, IR_MUL, p.hi, alg_num(k, ROOM));
  IrVal hazard = ir_op2(k, IR_SUB, zero, ir_op1(k, IR_LOG1P, ir_op2(k, IR_SUB, zero, q)));
  IrVal some = ir_op3(k, IR_SELECT, ir_op2(k, IR_LT, q, alg_num(k, 1 - 0x1p-10)), hazard, ir_const(k, HUGE_VAL, DIM_NONE));
  IrVal none = ir_op3(k, IR_SELECT, ir_op2(k, IR_LT, p.hi, zero), alg_num(k, -1), zero);
  IrVal v = ir_op3(k, IR_SELECT, ir_op2(k, IR_LE, p.hi, zero), none, some);
  ir_store(k, ir_slot(k, SLOT_OUT, 0, name_z(sc->l->s, "hazard"), IR_REAL, DIM_NONE), v);
  return true;
}

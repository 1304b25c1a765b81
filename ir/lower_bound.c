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

/* ---- operations: x, the ranges of the arguments */

static void corners(Bound *b, IrOp op, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal a = ir_op2(k, op, x[0].lo, x[1].lo), c = ir_op2(k, op, x[0].lo, x[1].hi), d = ir_op2(k, op, x[0].hi, x[1].lo), f = ir_op2(k, op, x[0].hi, x[1].hi);
  ret->lo = least(b, least(b, a, c), least(b, d, f));
  ret->hi = most(b, most(b, a, c), most(b, d, f));
}

static void squared(Bound *b, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  IrVal lo = ir_op2(k, IR_MUL, x->lo, x->lo), hi = ir_op2(k, IR_MUL, x->hi, x->hi), none = alg_zero_like(k, lo);
  IrVal apart = ir_op2(k, IR_OR, ir_op2(k, IR_GT, x->lo, alg_zero_like(k, x->lo)), ir_op2(k, IR_LT, x->hi, alg_zero_like(k, x->hi)));
  *ret = (Range){ir_op3(k, IR_SELECT, apart, least(b, lo, hi), none), most(b, lo, hi), x->positive, true};
}

typedef bool range_fn(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret);

static bool power(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  IrBuild *k = &b->sc->b;
  double n;
  if (!is_number(e->args[1], &n)) return false;
  if (n == 2) return squared(b, x, ret), true;
  if (!x->not_negative || !(n > 0)) return false;
  IrVal exponent = ir_const(k, n, DIM_NONE);
  *ret = (Range){ir_op2(k, op, x->lo, exponent), ir_op2(k, op, x->hi, exponent), x->positive, true};
  return true;
}

static bool product(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  if (e->args[0] == e->args[1]) return squared(b, x, ret), true;
  corners(b, op, x, ret);
  ret->positive = x[0].positive && x[1].positive;
  ret->not_negative = x[0].not_negative && x[1].not_negative;
  return true;
}

static bool quotient(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  if (!lower_uniform(b->sc, e->args[1]) && !x[1].positive) return false;
  corners(b, op, x, ret);
  ret->not_negative = x[0].not_negative && x[1].positive;
  ret->positive = x[0].positive && x[1].positive;
  return true;
}

static bool absolute(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e, (void)op;
  IrBuild *k = &b->sc->b;
  IrVal zero = alg_zero_like(k, x->lo), from_below = ir_op2(k, IR_SUB, zero, x->hi);
  *ret = (Range){most(b, most(b, x->lo, from_below), zero), most(b, x->hi, ir_op2(k, IR_SUB, zero, x->lo)), x->positive, true};
  return true;
}

static bool chosen(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  IrBuild *k = &b->sc->b;
  IrVal some = ir_op3(k, op, x[0].hi, least(b, x[1].lo, x[2].lo), x[2].lo), all = ir_op3(k, op, x[0].hi, most(b, x[1].hi, x[2].hi), x[2].hi);
  *ret = (Range){ir_op3(k, op, x[0].lo, x[1].lo, some), ir_op3(k, op, x[0].lo, x[1].hi, all), x[1].positive && x[2].positive,
                 x[1].not_negative && x[2].not_negative};
  return true;
}

static bool rises(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  *ret = (Range){ir_op1(&b->sc->b, op, x->lo), ir_op1(&b->sc->b, op, x->hi), false, false};
  return true;
}

static bool rises_above(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  rises(b, e, op, x, ret);
  return ret->positive = ret->not_negative = true;
}

static bool root(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  if (!x->not_negative) return false;
  rises(b, e, op, x, ret);
  ret->positive = x->positive;
  return ret->not_negative = true;
}

static bool minus(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e, (void)op;
  IrBuild *k = &b->sc->b;
  *ret = (Range){ir_op2(k, IR_SUB, alg_zero_like(k, x->hi), x->hi), ir_op2(k, IR_SUB, alg_zero_like(k, x->lo), x->lo), false, false};
  return true;
}

/* Conditions: they hold for all, for some. */
static bool less(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  *ret = (Range){.lo = ir_op2(&b->sc->b, op, x[0].hi, x[1].lo), .hi = ir_op2(&b->sc->b, op, x[0].lo, x[1].hi)};
  return true;
}

static bool more(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  return less(b, e, op, (const Range[]){x[1], x[0]}, ret);
}

static bool logic(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  *ret = (Range){.lo = ir_op2(&b->sc->b, op, x[0].lo, x[1].lo), .hi = ir_op2(&b->sc->b, op, x[0].hi, x[1].hi)};
  return true;
}

static bool negation(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  *ret = (Range){.lo = ir_op1(&b->sc->b, op, x->hi), .hi = ir_op1(&b->sc->b, op, x->lo)};
  return true;
}

static bool ends(Bound *b, const MExpr *e, IrOp op, const Range *x, Range *ret) {
  (void)e;
  IrBuild *k = &b->sc->b;
  const Range *y = &x[1];
  *ret = (Range){ir_op2(k, op, x->lo, op == IR_SUB ? y->hi : y->lo), ir_op2(k, op, x->hi, op == IR_SUB ? y->lo : y->hi), false, false};
  ret->not_negative = op != IR_SUB && (op == IR_MAX ? x->not_negative || y->not_negative : x->not_negative && y->not_negative);
  ret->positive = op == IR_ADD ? (x->positive && y->not_negative) || (x->not_negative && y->positive)
                  : op == IR_MAX ? x->positive || y->positive : op == IR_MIN && x->positive && y->positive;
  return true;
}

/* What has no row has no bound. alike: from this argument on two are of one dimension. */
typedef struct {
  range_fn *range;
  IrOp op;
  int alike;
} RangeRow;

enum { APART = -1 };
static const RangeRow range_rows[] = {
    [B_ADD] = {ends, IR_ADD, 0},          [B_SUB] = {ends, IR_SUB, 0},        [B_MIN] = {ends, IR_MIN, 0},
    [B_MAX] = {ends, IR_MAX, 0},          [B_MUL] = {product, IR_MUL, APART}, [B_DIV] = {quotient, IR_DIV, APART},
    [B_POW] = {power, IR_POW, APART},     [B_ABS] = {absolute, IR_ABS, APART}, [B_SELECT] = {chosen, IR_SELECT, 1},
    [B_LT] = {less, IR_LT, 0},            [B_LE] = {less, IR_LE, 0},          [B_GT] = {more, IR_LT, 0},
    [B_GE] = {more, IR_LE, 0},            [B_AND] = {logic, IR_AND, APART},   [B_OR] = {logic, IR_OR, APART},
    [B_EXP] = {rises_above, IR_EXP, APART}, [B_SIGMOID] = {rises_above, IR_SIGMOID, APART}, [B_TANH] = {rises, IR_TANH, APART},
    [B_EXPM1] = {rises, IR_EXPM1, APART}, [B_FLOOR] = {rises, IR_FLOOR, APART}, [B_SQRT] = {root, IR_SQRT, APART},
    [B_NEG] = {minus, IR_NEG, APART},     [B_NOT] = {negation, IR_NOT, APART},
};

/* A literal 0 or inf takes the dimension of what stands beside it. */
static void alike(Bound *b, Range *x, const Range *model) {
  Dim dim = b->sc->b.k->ins.at[model->lo].dim;
  x->lo = lower_fit(b->sc, x->lo, dim);
  x->hi = lower_fit(b->sc, x->hi, dim);
}

static bool call_range(Bound *b, const MExpr *e, Range *ret) {
  const RangeRow *row = (size_t)e->builtin < COUNT_OF(range_rows) ? &range_rows[e->builtin] : NULL;
  Range x[3] = {{0}};
  if (!row || !row->range) return false;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (!(e->builtin == B_POW && i == 1) && !range_of(b, e->args[i], &x[i])) return false;
  if (row->alike != APART && e->args[1]->type == M_REAL) {
    Range *y = &x[row->alike];
    alike(b, &y[0], &y[1]), alike(b, &y[1], &y[0]);
  }
  return row->range(b, e, row->op, x, ret);
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

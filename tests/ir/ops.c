/* Every row of ops.def: its evaluation in both precisions against the same formula in long double with the C
 * library's functions, within the row's bound, over the row's domain; its partials against five-point
 * differences in long double. Nothing here names an op: a new row is tested by being there (a new function of
 * math/ needs its ref_ below). */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lang/session.h"
#include "math/math.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { POINTS = 4000, DIFFERENCES = 500 };
typedef struct {
  uint64_t key, elem, step;
  uint32_t ordinal;
} DrawAt;

/* ---- the table in long double */

typedef long double Long;
#define REF1(name, value) \
  static Long ref_##name(Long x) { return value; }
REF1(exp, expl(x))
REF1(expm1, expm1l(x))
REF1(exprel, x == 0 ? 1 : expm1l(x) / x)
REF1(exprelr, x == 0 ? 1 : x / expm1l(x))
REF1(log, logl(x))
REF1(log1p, log1pl(x))
REF1(tanh, tanhl(x))
REF1(sigmoid, 1 / (1 + expl(-x)))
REF1(sin, sinl(x))
REF1(cos, cosl(x))
static Long ref_pow(Long x, Long y) { return powl(x, y); }
#define KEYED uint64_t key, uint64_t elem, uint64_t step, uint32_t ordinal
static Long ref_unit(KEYED) { return nslm_draw_uniform_f64(key, elem, step, ordinal, 0, 1); }
static Long ref_draw_normal(KEYED, Long a, Long b) {
  return a + b * (Long)nslm_draw_normal_f64(key, elem, step, ordinal, 0, 1);
}
static Long ref_draw_uniform(KEYED, Long a, Long b) {
  return a + (b - a) * ref_unit(key, elem, step, ordinal);
}
static Long ref_draw_exponential(KEYED, Long a) {
  return a * (Long)nslm_draw_exponential_f64(key, elem, step, ordinal, 1);
}
static Long ref_draw_lognormal(KEYED, Long a, Long b) {
  return expl(ref_draw_normal(key, elem, step, ordinal, a, b));
}
/* _within has no domain: not tested here */
static Long redraw(KEYED, Long a, ...) { return a + (Long)(key + elem + step + ordinal); }
#define ref_draw_uniform_within redraw
#define ref_draw_turn redraw
#define ref_draw_poisson redraw
#define ref_draw_binomial redraw
#define ref_draw_normal_within redraw
#define ref_draw_lognormal_within redraw
#define ref_draw_exponential_within redraw

#define AT at.key, at.elem, at.step, at.ordinal
#define NOEVAL 0
#define VALUE(T, NAME)                                                  \
  static T NAME(IrOp op, const T arg[4], DrawAt at) {                   \
    const T a = arg[0], b = arg[1], c = arg[2], d = arg[3];             \
    const bool p = a != 0, q = b != 0;                                  \
    (void)c, (void)d, (void)q, (void)at;                                \
    switch (op) {

#define OP(id, text, arity, type, dim, eval, ...) \
  case IR_##id: return eval;

#define real Long
#define M(f) ref_##f
#define N(f) f##l
VALUE(Long, value_long)
#include "ir/ops.def"
    case IR_OPS: break;
  }
  return 0;
}
#undef real
#undef M
#undef N

#define real double
#define M(f) nslm_##f##_f64
#define N(f) f
VALUE(double, value_double)
#include "ir/ops.def"
    case IR_OPS: break;
  }
  return 0;
}
#undef real
#undef M
#undef N

#define real float
#define M(f) nslm_##f##_f32
#define N(fn) fn##f
VALUE(float, value_float)
#include "ir/ops.def"
    case IR_OPS: break;
  }
  return 0;
}
#undef OP

/* ---- domains */

typedef struct {
  int n;
  double lo[4], hi[4];
} Domain;
static const Domain domains[IR_OPS] = {
#define DOM0 {0}
#define DOM1(l, h) {1, {l}, {h}}
#define DOM2(l, h, m, i) {2, {l, m}, {h, i}}
#define DOM3(l, h, m, i, n, j) {3, {l, m, n}, {h, i, j}}
#define OP(id, text, arity, type, dim, eval, partials, cpu, ptx, domain, ulp, flags) [IR_##id] = domain,
#include "ir/ops.def"
#undef OP
};

static double unit(uint64_t *rng) {
  *rng += 0x9e3779b97f4a7c15u;
  uint64_t z = (*rng ^ (*rng >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Evenly over the domain, or by order of magnitude from the end that is nearer to zero; conditions are 0 or
 * 1. */
static void point(IrOp op, uint64_t *rng, double x[4]) {
  const Domain *d = &domains[op];
  for (int i = 0; i < 4; i++) {
    double lo = i < d->n ? d->lo[i] : 0, hi = i < d->n ? d->hi[i] : 0;
    x[i] = lo + (hi - lo) * unit(rng);
    if (unit(rng) < 0.4) x[i] = (x[i] < 0 ? -1 : 1) * fabs(x[i]) * exp2(-20 * unit(rng));
    if (x[i] < lo || x[i] > hi) x[i] = lo + (hi - lo) * unit(rng);
    if (ir_ops[op].type == IRT_CHOICE && i == 0) x[i] = x[i] > 0.5;
  }
}

/* ---- evaluation */

static double ulps(Long got, Long want, int digits, Long least, Long most) {
  if (isnan(want) || isinf(want) || fabsl(want) < least || fabsl(want) > most) return 0;
  if (!isfinite(got)) return INFINITY;
  int e;
  frexpl(want, &e);
  return (double)(fabsl(got - want) / ldexpl(1, e - digits));
}

static void test_eval(IrOp op) {
  uint64_t rng = (uint64_t)op + 1;
  double worst = 0, worst_f = 0, bound = ir_ops[op].ulp ? ir_ops[op].ulp : 0.5000001;
  for (int i = 0; i < POINTS; i++) {
    double x[4];
    point(op, &rng, x);
    Long xl[4] = {x[0], x[1], x[2], x[3]}, xfl[4];
    float xf[4] = {(float)x[0], (float)x[1], (float)x[2], (float)x[3]};
    for (int j = 0; j < 4; j++) xfl[j] = xf[j];
    worst = fmax(
        worst, ulps(value_double(op, x, (DrawAt){0}), value_long(op, xl, (DrawAt){0}), 53, DBL_MIN, DBL_MAX));
    worst_f = fmax(worst_f, ulps(value_float(op, xf, (DrawAt){0}), value_long(op, xfl, (DrawAt){0}), 24,
                                 FLT_MIN, FLT_MAX));
  }
  tap_ok(worst <= bound && worst_f <= bound, "%s: within %g ulp in double (%.3f) and float (%.3f)",
         ir_ops[op].text, bound, worst, worst_f);
}

/* The evaluator of ir/ itself is the same table. */
static void test_same(void) {
  int same = 0, all = 0;
  for (IrOp op = (IrOp)0; op < IR_OPS; op++) {
    uint64_t rng = op;
    for (int i = 0; i < 50 && domains[op].n > 0 && (ir_ops[op].flags & IRF_PURE); i++, all++) {
      double x[4];
      point(op, &rng, x);
      same += ir_eval_op(op, x) == value_double(op, x, (DrawAt){0});
    }
  }
  tap_ok(same == all && all > 1000, "ir_eval_op is the table: %d of %d", same, all);
}

/* ---- partials: the algebra as C in double */

enum { HAS_NONE = -1, IS_FLAT = -2 };
#define A a[0]
#define B a[1]
#define C a[2]
#define Y y
#define ONE 1.0
#define ZERO 0.0
#define K(x) ((double)(x))
#define LIKE(v, x) ((double)(x))
#define FLAT IS_FLAT
#define NODIFF(reason) HAS_NONE
#define P0 0
#define P1(x) (d[0] = (x), 1)
#define P2(x, z) (d[0] = (x), d[1] = (z), 2)
#define P3(x, z, w) (d[0] = (x), d[1] = (z), d[2] = (w), 3)
#define ADD(x, z) ((x) + (z))
#define SUB(x, z) ((x) - (z))
#define MUL(x, z) ((x) * (z))
#define DIV(x, z) ((x) / (z))
#define NEG(x) (-(x))
#define LT(x, z) ((x) < (z))
#define GT(x, z) ((x) > (z))
#define SELECT(c, x, z) ((c) ? (x) : (z))
#define ABS(x) fabs(x)
#define EXP(x) nslm_exp_f64(x)
#define SIN(x) nslm_sin_f64(x)
#define COS(x) nslm_cos_f64(x)
#define LOG(x) nslm_log_f64(x)
#define POW(x, z) nslm_pow_f64(x, z)
static int partials(IrOp op, const double a[4], double y, double d[4]) {
  switch (op) {
#define OP(id, text, arity, type, dim, eval, p, ...) \
  case IR_##id: return p;
#include "ir/ops.def"
#undef OP
    case IR_OPS: break;
  }
  return 0;
}

static Long step_of(double x) { return 3e-5L * fminl(fmaxl(fabsl((Long)x), 1e-2L), 1); }

static Long difference(IrOp op, const double x[4], int by, DrawAt at) {
  Long h = step_of(x[by]), sum = 0;
  static const int weight[] = {1, -8, 0, 8, -1};
  for (int i = -2; i <= 2; i++) {
    Long z[4] = {x[0], x[1], x[2], x[3]};
    z[by] += i * h;
    if (i != 0) sum += weight[i + 2] * value_long(op, z, at);
  }
  return sum / (12 * h);
}

static bool near_kink(IrOp op, const double x[4], int by, DrawAt at) {
  Long h = 3 * step_of(x[by]), z[4] = {x[0], x[1], x[2], x[3]}, v[3];
  for (int i = 0; i < 3; i++) {
    z[by] = x[by] + (i - 1) * h;
    v[i] = value_long(op, z, at);
  }
  return fabsl(v[0] + v[2] - 2 * v[1]) > 0.1L * fabsl(v[2] - v[0]) && fabsl(v[0] + v[2] - 2 * v[1]) > 1e-9L;
}

/* A surrogate is the derivative of a smooth step from 0 to 1: its integral, by the substitution x = sinh(sinh(u)), is 1. */
static void test_surrogate(IrOp op) {
  double sum = 0, h = 1e-3, d[4] = {0};
  for (int i = -3200; i <= 3200; i++) {
    double u = i * h, x[4] = {sinh(sinh(u))};
    partials(op, x, value_double(op, x, (DrawAt){0}), d);
    sum += d[0] * cosh(sinh(u)) * cosh(u) * h;
  }
  tap_ok(fabs(sum - 1) < 1e-3, "%s: the integral of the derivative is %.6f", ir_ops[op].text, sum);
}

static void test_partials(IrOp op) {
  uint64_t rng = (uint64_t)op + 77;
  double worst = 0;
  int skipped = 0, n = 0;
  for (int i = 0; i < DIFFERENCES; i++) {
    double x[4], d[4] = {0};
    point(op, &rng, x);
    DrawAt at = {1, (uint64_t)i, 3, 4};
    double y = value_double(op, x, at);
    n = partials(op, x, y, d);
    if (n <= 0) break;
    for (int by = 0; by < n; by++) {
      if (d[by] == IS_FLAT && ir_ops[op].type == IRT_CHOICE && by == 0) continue;
      if ((ir_ops[op].flags & IRF_SURROGATE) && by == 0) continue;
      if (near_kink(op, x, by, at)) {
        skipped++;
        continue;
      }
      Long want = difference(op, x, by, at);
      double scale = fmax(fabs((double)want), fmax(1e-2 * fabs(y) / (fabs(x[by]) + 1), 1e-290));
      worst = fmax(worst, fabs((double)(d[by] - want)) / scale);
    }
  }
  if (n == HAS_NONE || n == IS_FLAT)
    tap_ok(1, "%s: no derivative, and says so", ir_ops[op].text);
  else
    tap_ok(worst < 1e-9 && skipped < DIFFERENCES / 10,
           "%s: partials, %.1e from differences, %d points left out", ir_ops[op].text, worst, skipped);
}

/* ---- the rows themselves */

static void test_rows(void) {
  int fine = 0;
  for (IrOp op = (IrOp)0; op < IR_OPS; op++) {
    bool one_text = true, pure = ir_ops[op].flags & IRF_PURE, draw = ir_ops[op].flags & IRF_DRAW,
         effect = ir_ops[op].flags & IRF_EFFECT;
    for (IrOp other = (IrOp)0; other < op; other++)
      one_text &= strcmp(ir_ops[op].text, ir_ops[other].text) != 0;
    bool domain = domains[op].n == 0 || domains[op].n == ir_ops[op].arity;
    bool control = ir_ops[op].flags & IRF_CONTROL;
    bool kind = pure + draw + effect + control == 1 || op == IR_LOAD;
    if (one_text && domain && kind && ir_ops[op].arity <= 4)
      fine++;
    else
      printf("# row %s\n", ir_ops[op].text);
  }
  tap_ok(fine == IR_OPS, "rows: own texts, domains by arity, one kind each");
}

/* Builtins of the language and ops go one to one. */
static void test_builtins(void) {
  int fine = 0;
  static const struct {
    IrOp op;
    int arity;
  } rows[] = {
#define BUILTIN(id, text, arity, dims, ir, doc) {IR_##ir, arity},
#include "lang/builtins.def"
#undef BUILTIN
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++)
    fine += ir_ops[rows[i].op].arity == rows[i].arity && (ir_ops[rows[i].op].flags & IRF_PURE);
  tap_ok(fine == (int)COUNT_OF(rows), "each builtin is a pure op of the same arity");
}

int main(void) {
  test_rows();
  test_builtins();
  test_same();
  for (IrOp op = (IrOp)0; op < IR_OPS; op++) {
    if (domains[op].n == 0) continue;
    if (!(ir_ops[op].flags & IRF_DRAW)) test_eval(op);
    if ((ir_ops[op].flags & IRF_SURROGATE) && ir_ops[op].arity == 1) test_surrogate(op);
    test_partials(op);
  }
  return tap_done();
}

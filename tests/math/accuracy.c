/* The error of every function of math/functions.def, in both precisions, against long double (64 bits of
 * mantissa): dense over the row's range, random bit patterns, near multiples of pi/2, and special values.
 * The bound is the row's; nothing else is tolerated. */
#include "math/math.h"
#include "tests/math/tap.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { SAMPLES = 300000 };

typedef struct {
  const char *name;
  int arity, flushes; /* flushes: results below the smallest normal number are 0 */
  double (*f1)(double), (*f2)(double, double);
  float (*g1)(float), (*g2)(float, float);
  long double (*exact)(long double x, long double y, int wide);
  double lo[2], hi[2], bound[2];
} Row;

typedef struct {
  double worst, x, y;
} Worst;

static long double exact_exp(long double x, long double y, int wide) { (void)y, (void)wide; return expl(x); }
static long double exact_expm1(long double x, long double y, int wide) { (void)y, (void)wide; return expm1l(x); }
static long double exact_exprel(long double x, long double y, int wide)
{
  (void)y, (void)wide;
  return x == 0 ? 1 : isinf(x) ? (x > 0 ? x : 0) : expm1l(x) / x;
}
static long double exact_exprelr(long double x, long double y, int wide)
{
  (void)y, (void)wide;
  return x == 0 ? 1 : isinf(x) ? (x > 0 ? 0 : -x) : x / expm1l(x);
}
static long double exact_log(long double x, long double y, int wide) { (void)y, (void)wide; return logl(x); }
static long double exact_log1p(long double x, long double y, int wide) { (void)y, (void)wide; return log1pl(x); }
static long double exact_tanh(long double x, long double y, int wide) { (void)y, (void)wide; return tanhl(x); }
static long double exact_sigmoid(long double x, long double y, int wide) { (void)y, (void)wide; return 1 / (1 + expl(-x)); }
static long double exact_sin(long double x, long double y, int wide)
{
  (void)y;
  return fabsl(x) <= (wide ? 0x1p40L : 0x1p20L) ? sinl(x) : NAN;
}
static long double exact_cos(long double x, long double y, int wide)
{
  (void)y;
  return fabsl(x) <= (wide ? 0x1p40L : 0x1p20L) ? cosl(x) : NAN;
}
static long double exact_pow(long double x, long double y, int wide) { (void)wide; return powl(x, y); }

#define FLUSH_exp 1
#define FLUSH_expm1 0
#define FLUSH_exprel 1
#define FLUSH_exprelr 1
#define FLUSH_log 0
#define FLUSH_log1p 0
#define FLUSH_tanh 0
#define FLUSH_sigmoid 1
#define FLUSH_sin 0
#define FLUSH_cos 0
#define FLUSH_pow 1
#define POINTERS_1(name) nslm_##name##_f64, 0, nslm_##name##_f32, 0
#define POINTERS_2(name) 0, nslm_##name##_f64, 0, nslm_##name##_f32

static const Row rows[] = {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  {#name, arity, FLUSH_##name, POINTERS_##arity(name), exact_##name, {lo32, lo64}, {hi32, hi64}, {ulp32, ulp64}},
#include "math/functions.def"
#undef M
};

/* Error in units of the last place; infinite where a special value is wrong. */
static double error_of(double got, uint64_t bits, long double want, int wide, int flushes)
{
  long double max = wide ? (long double)DBL_MAX : FLT_MAX, min = wide ? (long double)DBL_MIN : FLT_MIN;
  int digits = wide ? 53 : 24, bottom = wide ? -1021 : -125, e;
  if (isnan(want))
    return bits == (wide ? 0x7ff8000000000000u : 0x7fc00000u) ? 0 : INFINITY;
  if (isinf(got))
    return fabsl(want) >= max && (want > 0) == (got > 0) ? 0 : INFINITY;
  if (isnan(got) || fabsl(want) > max * (1 + 1 / ldexpl(1, digits)))
    return INFINITY;
  if (want == 0)
    return got == 0 && !signbit(got) == !signbit(want) ? 0 : INFINITY;
  if (flushes && fabsl(want) < min && (got == 0 || fabsl(got) == min))
    return !signbit(got) == !signbit(want) ? 0 : INFINITY;
  if (flushes && got != 0 && fabsl(got) < min)
    return INFINITY;
  frexpl(want, &e);
  return (double)(fabsl(got - want) / ldexpl(1, (e > bottom ? e : bottom) - digits));
}

static void check(const Row *row, int wide, double x, double y, Worst *worst)
{
  double got;
  uint64_t bits = 0;
  if (wide) {
    got = row->arity == 1 ? row->f1(x) : row->f2(x, y);
    memcpy(&bits, &got, 8);
  } else {
    float narrow = row->arity == 1 ? row->g1((float)x) : row->g2((float)x, (float)y);
    memcpy(&bits, &narrow, 4);
    got = narrow;
    x = (float)x;
    y = (float)y;
  }
  double error = error_of(got, bits, row->exact(x, y, wide), wide, row->flushes);
  if (error > worst->worst)
    *worst = (Worst){error, x, y};
}

/* Any bit pattern of the precision, as a double. */
static double pattern(uint64_t i, uint32_t which, int wide)
{
  uint64_t bits = nslm_draw_bits_u64(3, i, 0, which);
  double x;
  float narrow;
  memcpy(&x, &bits, 8);
  memcpy(&narrow, &bits, 4);
  return wide ? x : (double)narrow;
}

static void sweep(const Row *row, int wide, Worst *worst)
{
  double lo = row->lo[wide], hi = row->hi[wide];
  for (uint64_t i = 0; i < SAMPLES; i++) {
    double u = nslm_draw_unit_f64(1, i, 0, 0), y = nslm_draw_uniform_f64(1, i, 0, 1, -30, 30);
    double spread = lo > 0 ? lo * pow(hi / lo, u) : lo + (hi - lo) * u;
    check(row, wide, spread, y, worst);
    check(row, wide, pattern(i, 0, wide), pattern(i, 1, wide), worst);
    check(row, wide, pattern(i, 0, wide), y, worst);
    double sign = i & 1 ? -1 : 1, small = sign * exp2(-60 * u), turns = floor(exp2((wide ? 39 : 19) * u));
    check(row, wide, small, y, worst);
    check(row, wide, 1 + small, y / fabs(small), worst);
    check(row, wide, (double)(turns * 1.57079632679489661923132L), y, worst);
    if (!wide) {
      float near = (float)(turns * 1.57079632679489661923132L);
      check(row, wide, nextafterf(near, INFINITY), y, worst);
      check(row, wide, nextafterf(near, -INFINITY), y, worst);
    }
  }
}

static void special(const Row *row, int wide, Worst *worst)
{
  double max = wide ? DBL_MAX : (double)FLT_MAX, min = wide ? DBL_MIN : (double)FLT_MIN;
  double least = wide ? 0x1p-1074 : 0x1p-149, whole = wide ? 0x1p52 : 0x1p23, next = wide ? 0x1p-52 : 0x1p-23;
  double v[] = {0,         1,        2,        3,           4,          5,         0.5,       1.5,      2.5,  INFINITY,
                max,       min,      least,    3 * least,   min / 2,    whole,     whole + 1, whole - 1, 2 * whole - 1,
                2 * whole, 4 * whole, 1 + next, 1 - next / 2, whole / 2 - 0.5, whole / 2 + 0.5, 1e30, 1e-30, 709, 710, 745, 746, 88,
                89,        104,      20,       40,          1024,       1023,      1074,      0.1};
  int n = sizeof v / sizeof *v;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      for (int signs = 0; signs < 4; signs++)
        check(row, wide, signs & 1 ? -v[i] : v[i], signs & 2 ? -v[j] : v[j], worst);
  for (int i = 0; i < n; i++) {
    check(row, wide, NAN, v[i], worst);
    check(row, wide, -NAN, -v[i], worst);
    check(row, wide, v[i], -NAN, worst);
    check(row, wide, -v[i], NAN, worst);
  }
}

int main(void)
{
  int n = sizeof rows / sizeof *rows;
  for (int i = 0; i < n; i++)
    for (int wide = 1; wide >= 0; wide--) {
      Worst swept = {0}, at = {0};
      sweep(&rows[i], wide, &swept);
      tap_ok(swept.worst <= rows[i].bound[wide], "%s_%s: at most %.3f ulp of %.1f (x %a, y %a)", rows[i].name,
             wide ? "f64" : "f32", swept.worst, rows[i].bound[wide], swept.x, swept.y);
      special(&rows[i], wide, &at);
      tap_ok(at.worst <= rows[i].bound[wide], "%s_%s: special values (%.3f, x %a, y %a)", rows[i].name,
             wide ? "f64" : "f32", at.worst, at.x, at.y);
    }
  return tap_done();
}

/* The vector functions at one level of x86 (level.c, compiled by clang) give the bits of the scalar
 * library (the C compiler): every function over random bit patterns and ordinary numbers, every draw,
 * Poisson counts; and a lane's draw does not depend on its neighbours. The vectors run with subnormal numbers
 * flushed to zero every other time, the scalars never. Skipped where the processor has not that level. */
#include "math/math.h"
#include "tests/math/level.h"
#include "tests/math/tap.h"
#include <math.h>
#include <string.h>
#include <xmmintrin.h>

enum { N = 4096, BLOCKS = 256, DRAWS = 4096 };

static double x64[N], y64[N], out64[N], low[N], high[N];
static float x32[N], y32[N], out32[N];
static uint64_t elem[N];

/* Bit patterns, some of them subnormal, and numbers of ordinary size. */
static void fill(uint64_t block, double lo64, double hi64, double lo32, double hi32)
{
  for (uint64_t i = 0; i < N; i++) {
    uint64_t e = block * N + i, a = nslm_draw_bits_u64(1, e, 0, 0), b = nslm_draw_bits_u64(1, e, 0, 1);
    if (i % 16 == 4)
      a &= 0x800fffff807fffff;
    memcpy(&x64[i], &a, 8);
    memcpy(&y64[i], &b, 8);
    memcpy(&x32[i], &a, 4);
    memcpy(&y32[i], &b, 4);
    if (i % 2) {
      x64[i] = nslm_draw_uniform_f64(1, e, 0, 2, lo64, hi64);
      x32[i] = nslm_draw_uniform_f32(1, e, 0, 2, (float)lo32, (float)hi32);
    }
    if (i % 4 > 1)
      y32[i] = (float)(y64[i] = nslm_draw_uniform_f64(1, e, 0, 3, -40, 40));
    if (i % 64 == 62) {
      y64[i] = y32[i] = (float)round(y64[i]);
      x64[i] = -x64[i];
      x32[i] = -x32[i];
    }
  }
}

static void flush_subnormals(int yes)
{
  _mm_setcsr(yes ? _mm_getcsr() | 0x8040 : _mm_getcsr() & ~0x8040u);
}

#define SCALAR_1(name, s, i) nslm_##name##_##s(x[i])
#define SCALAR_2(name, s, i) nslm_##name##_##s(x[i], y[i])

static long differ_f64(int function, int flush)
{
  const double *x = x64, *y = y64;
  long bad = 0;
  flush_subnormals(flush);
  level_f64(function, x, y, out64, N);
  flush_subnormals(0);
  switch (function) {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  case FUNCTION_##name:                                           \
    for (int i = 0; i < N; i++) {                                 \
      double want = SCALAR_##arity(name, f64, i);                 \
      bad += memcmp(&want, &out64[i], 8) != 0;                    \
    }                                                             \
    break;
#include "math/functions.def"
#undef M
  }
  return bad;
}

static long differ_one(int flush)
{
  long bad = 0;
  flush_subnormals(flush);
  level_exp_one(x64, out64, N);
  flush_subnormals(0);
  for (int i = 0; i < N; i++) {
    double want = nslm_exp_f64(x64[i]);
    bad += memcmp(&want, &out64[i], 8) != 0;
  }
  return bad;
}

static long differ_f32(int function, int flush)
{
  const float *x = x32, *y = y32;
  long bad = 0;
  flush_subnormals(flush);
  level_f32(function, x, y, out32, N);
  flush_subnormals(0);
  switch (function) {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  case FUNCTION_##name:                                           \
    for (int i = 0; i < N; i++) {                                 \
      float want = SCALAR_##arity(name, f32, i);                  \
      bad += memcmp(&want, &out32[i], 4) != 0;                    \
    }                                                             \
    break;
#include "math/functions.def"
#undef M
  }
  return bad;
}

static void test_functions(void)
{
  static const struct {
    const char *name;
    double lo64, hi64, lo32, hi32;
  } rows[] = {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) {#name, lo64, hi64, lo32, hi32},
#include "math/functions.def"
#undef M
  };
  for (int f = 0; f < FUNCTION_COUNT; f++) {
    long bad64 = 0, bad32 = 0;
    for (uint64_t block = 0; block < BLOCKS; block++) {
      fill(block, rows[f].lo64, rows[f].hi64, rows[f].lo32, rows[f].hi32);
      bad64 += differ_f64(f, block % 2);
      if (f == FUNCTION_exp) bad64 += differ_one(block % 2);
      bad32 += differ_f32(f, block % 2);
    }
    tap_ok(bad64 == 0 && bad32 == 0, "%s: %d inputs, %ld and %ld bits differ", rows[f].name, N * BLOCKS, bad64, bad32);
  }
}

#define ARGS64_0
#define ARGS64_1 , d->a[i]
#define ARGS64_2 , d->a[i], d->b[i]
#define ARGS32_0
#define ARGS32_1 , (float)d->a[i]
#define ARGS32_2 , (float)d->a[i], (float)d->b[i]
#define KEYS d->key, d->elem[i], d->step, d->ordinal
#define WANT64_0(name, n) nslm_draw_##name##_f64(KEYS ARGS64_##n)
#define WANT64_1(name, n) (d->within ? nslm_draw_##name##_within_f64(KEYS ARGS64_##n, d->lo[i], d->hi[i]) : WANT64_0(name, n))
#define WANT32_0(name, n) nslm_draw_##name##_f32(KEYS ARGS32_##n)
#define WANT32_1(name, n)                                                                                 \
  (d->within ? nslm_draw_##name##_within_f32(KEYS ARGS32_##n, (float)d->lo[i], (float)d->hi[i]) : WANT32_0(name, n))

static long differ_draw(int draw, const LevelDraw *d)
{
  long bad = 0;
  level_draw_f64(draw, d, out64, DRAWS);
  level_draw_f32(draw, d, out32, DRAWS);
  for (int i = 0; i < DRAWS; i++) {
    double wide = 0;
    float narrow = 0;
    switch (draw) {
#define D(name, parameters, has_within, doc)       \
  case DRAW_##name:                                \
    wide = WANT64_##has_within(name, parameters);  \
    narrow = WANT32_##has_within(name, parameters); \
    break;
#include "math/draws.def"
#undef D
    }
    bad += memcmp(&wide, &out64[i], 8) != 0 || memcmp(&narrow, &out32[i], 4) != 0;
  }
  return bad;
}

static void test_draws(void)
{
  static const char *const names[] = {
#define D(name, parameters, within, doc) #name,
#include "math/draws.def"
#undef D
  };
  for (int i = 0; i < DRAWS; i++) {
    elem[i] = (i / 16 % 3 ? (uint64_t)i : nslm_draw_bits_u64(4, (uint64_t)i / 16, 0, 0) & ~(uint64_t)15) | (uint64_t)i % 16;
    x64[i] = 0.5f + (float)(i % 7);
    y64[i] = 1 + (float)(i % 5);
    low[i] = i % 2 ? 0 : -0.5;
    high[i] = i % 11 ? 6 : 3;
  }
  low[17] = NAN;
  low[18] = 9;
  x64[19] = NAN;
  for (int draw = 0; draw < DRAW_COUNT; draw++)
    for (int within = 0; within < 2; within++) {
      LevelDraw d = {nslm_key(7, 8), 0x123456789abcu, 3, within, elem, x64, y64, low, high};
      long bad = differ_draw(draw, &d);
      tap_ok(bad == 0, "draw %s%s: %d draws, %ld differ", names[draw], within ? " within" : "", DRAWS, bad);
    }
}

static void test_poisson(void)
{
  static const double means[] = {1e-4, 0.3, 2, 7.7, 12, 20, 50, 9000};
  static int64_t got[N], want[N];
  static int32_t got32[N], want32[N];
  static uint64_t room[1 << 13];
  for (int k = 0; k < 8; k++) {
    NslmPoisson t;
    int ok = nslm_poisson_room(means[k]) <= 1 << 13 && nslm_poisson_make(means[k], room, &t) == 0, ok32 = ok;
    for (uint64_t step = 0; step < 40; step++) {
      memset(got, 1, sizeof got);
      memset(want, 1, sizeof want);
      nslm_poisson_add_i64(want, 64, N - 128, -3000000000, 99, step << 30, &t);
      level_poisson_add_i64(got, 64, 64, -3000000000, 99, step << 30, &t);
      level_poisson_add_i64(got, 128, N - 192, -3000000000, 99, step << 30, &t);
      ok = ok && !memcmp(got, want, sizeof got);
      memset(got32, 1, sizeof got32);
      memset(want32, 1, sizeof want32);
      nslm_poisson_add_i32(want32, 64, N - 128, -30000, 99, step << 30, &t);
      level_poisson_add_i32(got32, 64, N - 128, -30000, 99, step << 30, &t);
      ok32 = ok32 && !memcmp(got32, want32, sizeof got32);
    }
    tap_ok(ok && ok32, "poisson %g: same counts, in one call or two", means[k]);
  }
}

static void test_poisson_each(void)
{
  static int64_t got[N], want[N];
  static double means[N];
  int ok = 1;
  for (uint64_t step = 0; step < 40; step++) {
    for (int i = 0; i < N; i++) /* some 0, some negative, from 1e-3 to 1e5 */
      means[i] = i % 11 == 10 ? 0 : i % 13 == 12 ? -1 : exp(nslm_draw_uniform_f64(5, (uint64_t)i, step, 0, -7, step < 20 ? 2 : 11));
    nslm_poisson_each_i64(want, 64, N - 64, 99, step << 30, means);
    level_poisson_each_i64(got, 64, N - 64, 99, step << 30, means);
    ok = ok && !memcmp(got, want, (N - 64) * sizeof *got);
  }
  tap_ok(ok, "poisson with a mean for each: same counts");
}

int main(void)
{
  __builtin_cpu_init();
  if (!__builtin_cpu_supports(LEVEL)) {
    printf("1..0 # SKIP this processor has no " LEVEL "\n");
    return 0;
  }
  test_functions();
  test_draws();
  test_poisson();
  test_poisson_each();
  return tap_done();
}

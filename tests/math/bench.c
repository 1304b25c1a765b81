/* Nanoseconds per element of each vector function over arrays in the first-level cache, at the level of
 * x86 that level.c was compiled for. The smallest of several runs. */
#include "math/math.h"
#include "tests/math/level.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { N = 1024, REPEATS = 200, RUNS = 15 };

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

#define TIMED(ret, count, work)                     \
  do {                                              \
    ret = 1e30;                                     \
    for (int run = 0; run < RUNS; run++) {          \
      double start = now();                         \
      for (int repeat = 0; repeat < REPEATS; repeat++) \
        work;                                       \
      double ns = (now() - start) / REPEATS / (count); \
      ret = ns < ret ? ns : ret;                    \
    }                                               \
  } while (0)

static double x64[N], y64[N], out64[N], low[N], high[N];
static float x32[N], y32[N], out32[N];
static uint64_t elem[N];
static int64_t acc[N];
static int32_t acc32[N];

static void fill(double lo, double hi)
{
  for (int i = 0; i < N; i++) {
    x64[i] = nslm_draw_uniform_f64(1, (uint64_t)i, 0, 0, lo, hi);
    y64[i] = nslm_draw_uniform_f64(1, (uint64_t)i, 0, 1, -3, 3);
    x32[i] = (float)x64[i];
    y32[i] = (float)y64[i];
  }
}

int main(void)
{
  double a, b;
  printf("%-12s %8s %8s  ns per element\n", "", "f64", "f32");
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc)           \
  fill(fmax((double)(lo64), -20), fmin((double)(hi64), 20));                \
  TIMED(a, N, level_f64(FUNCTION_##name, x64, y64, out64, N));              \
  TIMED(b, N, level_f32(FUNCTION_##name, x32, y32, out32, N));              \
  printf("%-12s %8.3f %8.3f\n", #name, a, b);
#include "math/functions.def"
#undef M
  for (int i = 0; i < N; i++) {
    elem[i] = (uint64_t)i;
    x64[i] = y64[i] = 1;
    low[i] = 0;
    high[i] = 1e9;
  }
  for (int within = 0; within < 2; within++) {
    LevelDraw d = {12345, 7, 1, within, elem, x64, y64, low, high};
#define D(name, parameters, has_within, doc)                       \
  TIMED(a, N, (d.step++, level_draw_f64(DRAW_##name, &d, out64, N))); \
  TIMED(b, N, (d.step++, level_draw_f32(DRAW_##name, &d, out32, N))); \
  printf("%-12s %8.3f %8.3f%s\n", #name, a, b, within && has_within ? "  within" : "");
#include "math/draws.def"
#undef D
  }
  static const double means[] = {0.1, 1, 2, 5, 9, 20, 50, 1000};
  for (int i = 0; i < 8; i++) {
    uint64_t step = 0, room[4096];
    NslmPoisson table;
    if (nslm_poisson_room(means[i]) > 4096 || nslm_poisson_make(means[i], room, &table))
      return 1;
    for (int k = 0; k < N; k++)
      x64[k] = means[i] * (0.5 + k / (double)N);
    TIMED(a, N, level_poisson_add_i64(acc, 0, N, 3, 99, step++, &table));
    TIMED(b, N, level_poisson_add_i32(acc32, 0, N, 3, 99, step++, &table));
    printf("poisson %-4g %8.3f %8.3f  accumulators of 64 and 32 bits\n", means[i], a, b);
    TIMED(a, N, level_poisson_each_i64(acc, 0, N, 99, step++, x64));
    printf("  each       %8.3f\n", a);
    TIMED(a, 1, nslm_poisson_make(means[i], room, &table));
    printf("  table      %8.3f us\n", a * 1e-3);
  }
  return 0;
}

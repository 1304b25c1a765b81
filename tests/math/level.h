/* The vector functions behind plain pointers: level.c is compiled by clang for one level of x86 (as
 * generated kernels are) and linked with tests compiled by the C compiler. Function numbers are rows of
 * math/functions.def and math/draws.def. */
#ifndef NSL_TESTS_MATH_LEVEL_H
#define NSL_TESTS_MATH_LEVEL_H
#include <stdint.h>

#include "math/math.h"

enum {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) FUNCTION_##name,
#include "math/functions.def"
#undef M
  FUNCTION_COUNT
};
enum {
#define D(name, parameters, within, doc) DRAW_##name,
#include "math/draws.def"
#undef D
  DRAW_COUNT
};

/* out[i] = f(x[i], y[i]); n a multiple of 16 */
void level_f64(int function, const double *x, const double *y, double *out, long n);
void level_f32(int function, const float *x, const float *y, float *out, long n);
/* exp(x[i]) in the form for one element, 4 at once; n a multiple of 4 */
void level_exp_one(const double *x, double *out, long n);

/* out[i] = the draw for element elem[i]; within: redrawn until in [lo[i], hi[i]] */
typedef struct {
  uint64_t key, step;
  uint32_t ordinal;
  int within;
  const uint64_t *elem;
  const double *a, *b, *lo, *hi;
} LevelDraw;
void level_draw_f64(int draw, const LevelDraw *d, double *out, long n);
void level_draw_f32(int draw, const LevelDraw *d, float *out, long n);

void level_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                           const NslmPoisson *table);
void level_poisson_add_i32(int32_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                           const NslmPoisson *table);
void level_poisson_each_i64(int64_t *out, int64_t first, int64_t n, uint64_t key, uint64_t step, const double *means);
#endif

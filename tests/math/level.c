/* See level.h. Includes the sources of math/ as the bitcode does, so that the loops below are vector loops
 * with everything inlined. */
#define nslm_poisson_add_i64 level_poisson_add_i64
#define nslm_poisson_add_i32 level_poisson_add_i32
#define nslm_poisson_each_i64 level_poisson_each_i64
#ifdef __AVX512BW__
#define NSLM_MASKS 1
#else
#define NSLM_MASKS 0
#endif
#define NSLM_VECTORS 1
#include "math/vector.c"

#include "math/poisson.c"
#include "tests/math/level.h"

typedef double LoadF64 __attribute__((ext_vector_type(8), aligned(8)));
typedef float LoadF32 __attribute__((ext_vector_type(16), aligned(4)));
typedef uint64_t LoadU64 __attribute__((ext_vector_type(8), aligned(8)));
#define F64(p) (*(const LoadF64 *)((p) + i))
#define F32(p) (*(const LoadF32 *)((p) + i))
#define CALL_1(name, s, LOAD) core_##name##_##s(LOAD(x))
#define CALL_2(name, s, LOAD) core_##name##_##s(LOAD(x), LOAD(y))

void level_f64(int function, const double *x, const double *y, double *out, long n)
{
  switch (function) {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  case FUNCTION_##name:                                           \
    for (long i = 0; i < n; i += 8)                               \
      *(LoadF64 *)(out + i) = CALL_##arity(name, f64v, F64);      \
    break;
#include "math/functions.def"
#undef M
  }
}

typedef double LoadOne __attribute__((ext_vector_type(4), aligned(8)));
void level_exp_one(const double *x, double *out, long n)
{
  for (long i = 0; i < n; i += 4)
    *(LoadOne *)(out + i) = core_exp_f64q(*(const LoadOne *)(x + i));
}

void level_f32(int function, const float *x, const float *y, float *out, long n)
{
  switch (function) {
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  case FUNCTION_##name:                                           \
    for (long i = 0; i < n; i += 16)                              \
      *(LoadF32 *)(out + i) = CALL_##arity(name, f32v, F32);      \
    break;
#include "math/functions.def"
#undef M
  }
}

#define WANTED(V, p) __builtin_convertvector(V(p), nslm_f64v)
#define DRAW64_0(name, n)                                                                              \
  case DRAW_##name:                                                                                    \
    for (long i = 0; i < count; i += 8)                                                                \
      *(LoadF64 *)(out + i) =                                                                          \
          nslm_draw_##name##_f64v(d->key, *(const LoadU64 *)(d->elem + i), d->step, d->ordinal LIST_##n); \
    break;
#define DRAW64_1(name, n)                                                                              \
  case DRAW_##name:                                                                                    \
    for (long i = 0; i < count; i += 8)                                                                \
      *(LoadF64 *)(out + i) =                                                                          \
          d->within ? nslm_draw_##name##_within_f64v(d->key, *(const LoadU64 *)(d->elem + i), d->step, \
                                                     d->ordinal LIST_##n, F64(d->lo), F64(d->hi))      \
                    : nslm_draw_##name##_f64v(d->key, *(const LoadU64 *)(d->elem + i), d->step,        \
                                              d->ordinal LIST_##n);                                    \
    break;
#define LIST_0
#define LIST_1 , F64(d->a)
#define LIST_2 , F64(d->a), F64(d->b)

void level_draw_f64(int draw, const LevelDraw *draws, double *out, long count)
{
  const LevelDraw copy = *draws, *d = &copy;
  switch (draw) {
#define D(name, parameters, within, doc) DRAW64_##within(name, parameters)
#include "math/draws.def"
#undef D
  }
}

typedef double WideF64 __attribute__((ext_vector_type(16), aligned(8)));
#define NARROWED(p) __builtin_convertvector(*(const WideF64 *)((p) + i), nslm_f32v)
#define LISTF_0
#define LISTF_1 , NARROWED(d->a)
#define LISTF_2 , NARROWED(d->a), NARROWED(d->b)
#define ELEMENTS *(const LoadU64 *)(d->elem + i), *(const LoadU64 *)(d->elem + i + 8)
#define DRAW32_0(name, n)                                                                             \
  case DRAW_##name:                                                                                   \
    for (long i = 0; i < count; i += 16)                                                              \
      *(LoadF32 *)(out + i) = nslm_draw_##name##_f32v(d->key, ELEMENTS, d->step, d->ordinal LISTF_##n); \
    break;
#define DRAW32_1(name, n)                                                                                    \
  case DRAW_##name:                                                                                          \
    for (long i = 0; i < count; i += 16)                                                                     \
      *(LoadF32 *)(out + i) =                                                                                \
          d->within ? nslm_draw_##name##_within_f32v(d->key, ELEMENTS, d->step, d->ordinal LISTF_##n, NARROWED(d->lo), \
                                                     NARROWED(d->hi))                                        \
                    : nslm_draw_##name##_f32v(d->key, ELEMENTS, d->step, d->ordinal LISTF_##n);              \
    break;

void level_draw_f32(int draw, const LevelDraw *draws, float *out, long count)
{
  const LevelDraw copy = *draws, *d = &copy;
  switch (draw) {
#define D(name, parameters, within, doc) DRAW32_##within(name, parameters)
#include "math/draws.def"
#undef D
  }
}

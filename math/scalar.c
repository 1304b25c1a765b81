/* The scalar functions: elementary functions, hashes, draws. Compiled by the C compiler into the nslmath
 * library and by clang into the bitcode (for scalar code and PTX). The bodies are in body_*.h; here they
 * get their public names. On x86 the library holds each function twice, with and without the fma
 * instruction, chosen when the program starts: the bits are the same, the speed is not. */
#include "math/math.h"
#include "math/random.h"

#if defined(__x86_64__) && !defined(__clang__) && !defined(__FMA__)
#define CLONES __attribute__((target_clones("default", "fma")))
#else
#define CLONES
#endif

#define FORM FORM_F64
#include "math/form.h"
#include "math/body_exp.h"
#include "math/body_log.h"
#include "math/body_trig.h"
#include "math/body_pow.h"
#include "math/body_draw.h"
#undef FORM
#define FORM FORM_F32
#include "math/form.h"
#include "math/body_exp.h"
#include "math/body_log.h"
#include "math/body_trig.h"
#include "math/body_pow.h"
#include "math/body_quick.h"
#undef FORM

#define DEFINE_1(name, s, T)              \
  CLONES T nslm_##name##_##s(T x)         \
  {                                       \
    return core_##name##_##s(x);          \
  }
#define DEFINE_2(name, s, T)              \
  CLONES T nslm_##name##_##s(T x, T y)    \
  {                                       \
    return core_##name##_##s(x, y);       \
  }
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  DEFINE_##arity(name, f64, double) DEFINE_##arity(name, f32, float)
#include "math/functions.def"
#undef M

#define ARGS_0
#define ARGS_1 , a
#define ARGS_2 , a, b
#define DRAW_0(name, n)                                                            \
  CLONES double nslm_draw_##name##_f64(NSLM_KEYED NSLM_PAR_##n(double))            \
  {                                                                                \
    return core_draw_##name##_f64(key, elem, step, ordinal ARGS_##n);              \
  }                                                                                \
  CLONES float nslm_draw_##name##_f32(NSLM_KEYED NSLM_PAR_##n(float))              \
  {                                                                                \
    return core_draw_##name##_f32(key, elem, step, ordinal ARGS_##n);              \
  }
#define DRAW_1(name, n)                                                                             \
  DRAW_0(name, n)                                                                                   \
  CLONES double nslm_draw_##name##_within_f64(NSLM_KEYED NSLM_PAR_##n(double), double lo, double hi) \
  {                                                                                                 \
    return core_draw_##name##_within_f64(key, elem, step, ordinal ARGS_##n, lo, hi);                \
  }                                                                                                 \
  CLONES float nslm_draw_##name##_within_f32(NSLM_KEYED NSLM_PAR_##n(float), float lo, float hi)    \
  {                                                                                                 \
    return core_draw_##name##_within_f32(key, elem, step, ordinal ARGS_##n, lo, hi);                \
  }
#define D(name, parameters, within, doc) DRAW_##within(name, parameters)
#include "math/draws.def"
#undef D

uint64_t nslm_hash(const char *text, size_t n, uint64_t h)
{
  h ^= 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++)
    h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
  return random_mix(h);
}

uint64_t nslm_key(uint64_t seed, uint64_t path_hash)
{
  return random_mix(random_mix(seed + 0x9e3779b97f4a7c15u) ^ path_hash);
}

NslmWords nslm_philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3)
{
  uint64_t a, b;
  random_philox(key, c0, c1, c2, c3, &a, &b);
  return (NslmWords){{(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)}};
}

uint64_t nslm_draw_bits_u64(NSLM_KEYED)
{
  uint64_t a, b;
  random_block(random_key(key, ordinal), elem, step, 0, &a, &b);
  return a;
}

/* The high half of bits times n. */
uint64_t nslm_draw_index_u64(NSLM_KEYED, uint64_t n)
{
  return (uint64_t)(((unsigned __int128)nslm_draw_bits_u64(key, elem, step, ordinal) * n) >> 64);
}

/* Elements of 16 share eight blocks, as in nslm_poisson_each_i64. */
CLONES int64_t nslm_draw_poisson_i64(NSLM_KEYED, double mean)
{
  uint64_t a, b, stream = random_key(key, ordinal);
  random_block(stream, elem / 16 * 8 + elem % 8, step, 0, &a, &b);
  return (int64_t)core_poisson_f64(stream, elem, step, elem / 8 % 2 ? b : a, mean);
}

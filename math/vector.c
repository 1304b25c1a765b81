/* The vector functions, 8 doubles or 16 floats, from the same bodies as the scalar ones. clang only: it
 * becomes bitcode that generated kernels inline. The vectors are LLVM's generic ones, so the same bitcode
 * gives SSE, AVX2 or AVX-512 code, and the same bits. */
#include "math/math.h"
#include "math/random.h"

#define FORM FORM_F64V
#include "math/form.h"
#include "math/body_exp.h"
#include "math/body_log.h"
#include "math/body_trig.h"
#include "math/body_pow.h"
#include "math/body_draw.h"
#undef FORM
#define FORM FORM_F64W
#include "math/form.h"
#include "math/body_exp.h"
#include "math/body_log.h"
#include "math/body_trig.h"
#include "math/body_draw.h"
#undef FORM
#define FORM FORM_F64Q
#include "math/form.h"
#include "math/body_exp.h"
#undef FORM
#define FORM FORM_F32V
#include "math/form.h"
#include "math/body_exp.h"
#include "math/body_log.h"
#include "math/body_trig.h"
#include "math/body_pow.h"
#include "math/body_quick.h"
#undef FORM

void nslm_philox_u64v(uint64_t key, const nslm_u64v w[4], nslm_u64v *ret_a, nslm_u64v *ret_b)
{
  random_philox_v(key, w[0], w[1], w[2], w[3], ret_a, ret_b);
}

#define DEFINE_1(name, s, T)       \
  T nslm_##name##_##s(T x)         \
  {                                \
    return core_##name##_##s(x);   \
  }
#define DEFINE_2(name, s, T)          \
  T nslm_##name##_##s(T x, T y)       \
  {                                   \
    return core_##name##_##s(x, y);   \
  }
#define M(name, arity, lo64, hi64, lo32, hi32, ulp64, ulp32, doc) \
  DEFINE_##arity(name, f64v, nslm_f64v) DEFINE_##arity(name, f32v, nslm_f32v)
#include "math/functions.def"
#undef M

nslm_f64q nslm_exp_f64q(nslm_f64q x)
{
  return core_exp_f64q(x);
}

#define ARGS_0
#define ARGS_1 , a
#define ARGS_2 , a, b
#define DRAW_0(name, n)                                                                       \
  nslm_f64v nslm_draw_##name##_f64v(NSLM_KEYED_f64v NSLM_PAR_##n(nslm_f64v))                  \
  {                                                                                           \
    return core_draw_##name##_f64v(key, elem, step, ordinal ARGS_##n);                        \
  }                                                                                           \
  nslm_f32v nslm_draw_##name##_f32v(NSLM_KEYED_f32v NSLM_PAR_##n(nslm_f32v))                  \
  {                                                                                           \
    return core_draw_##name##_f32v(key, elem, elem_high, step, ordinal ARGS_##n);             \
  }
#define DRAW_1(name, n)                                                                                      \
  DRAW_0(name, n)                                                                                            \
  nslm_f64v nslm_draw_##name##_within_f64v(NSLM_KEYED_f64v NSLM_PAR_##n(nslm_f64v), nslm_f64v lo, nslm_f64v hi) \
  {                                                                                                          \
    return core_draw_##name##_within_f64v(key, elem, step, ordinal ARGS_##n, lo, hi);                        \
  }                                                                                                          \
  nslm_f32v nslm_draw_##name##_within_f32v(NSLM_KEYED_f32v NSLM_PAR_##n(nslm_f32v), nslm_f32v lo, nslm_f32v hi) \
  {                                                                                                          \
    return core_draw_##name##_within_f32v(key, elem, elem_high, step, ordinal ARGS_##n, lo, hi);             \
  }
#define D(name, parameters, within, doc) DRAW_##within(name, parameters)
#include "math/draws.def"
#undef D

/* The words of the draws that are made of one, and these draws with their words given. */
nslm_u32v nslm_draw_word_f32v(NSLM_KEYED_f32v)
{
  return core_quick_word_f32v(key, elem, elem_high, step, ordinal);
}
#define OF_WORD(name, n, PARS, ARGS)                                                                           \
  nslm_f32v nslm_draw_##name##_of_f32v(nslm_u32v word, NSLM_KEYED_f32v NSLM_PAR_##n(nslm_f32v) PARS)           \
  {                                                                                                            \
    return core_draw_##name##_of_f32v(word, key, elem, elem_high, step, ordinal ARGS_##n ARGS);                \
  }
#define COMMA ,
OF_WORD(normal, 2, , )
OF_WORD(lognormal, 2, , )
OF_WORD(normal_within, 2, COMMA nslm_f32v lo COMMA nslm_f32v hi, COMMA lo COMMA hi)
OF_WORD(lognormal_within, 2, COMMA nslm_f32v lo COMMA nslm_f32v hi, COMMA lo COMMA hi)
#undef OF_WORD
#undef COMMA

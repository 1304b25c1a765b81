/* One form of number: sets up the names a body_*.h file is written in, for one of six forms. Included
 * several times, without a guard, with FORM defined to one of FORM_F64, FORM_F32 (scalars, any C
 * compiler), FORM_F64V, FORM_F32V (8 doubles, 16 floats, clang), FORM_F64W (16 doubles, draws), FORM_F64Q (4
 * doubles, which belong to one element: exp alone).
 *
 *   R, U, E    the real type, the unsigned integer of the same shape, the element type
 *   MASK       what a comparison gives: int for scalars, a vector of 0 and -1 for vectors; combine with & and |,
 *              negate with == 0
 *   C(name)    the name of a function in this form (core_exp_f64v)
 *   K(a, b)    a constant: a in the double forms, b in the float forms, spread over all lanes
 *   SIGNS(u)   all ones where the top bit of u is set, else 0
 *   FMA SEL ABS AS_U AS_R ANY ALL SQRT the operations C lacks; SEL chooses, it never branches on vectors
 *   FORM_ONE   1: of one element, whose chain of operations is waited for: may branch to what gives the same bits sooner
 *
 * Nothing here or in a body may be contracted, reordered, or call libm: the bits must be the same in every
 * form.
 */
#ifndef CORE
#define FORM_F64 1
#define FORM_F32 2
#define FORM_F64V 3
#define FORM_F32V 4
#define FORM_F64W 5
#define FORM_F64Q 6
#define CORE static inline __attribute__((always_inline, unused))
#endif

#undef R
#undef U
#undef E
#undef MASK
#undef RANDOM
#undef C
#undef K
#undef KU
#undef FMA
#undef ABS
#undef SQRT
#undef SEL
#undef ANY
#undef ALL
#undef AS_U
#undef AS_R
#undef SIGNS
#undef MANT
#undef BIAS
#undef MAGIC
#undef FORM_WIDE
#undef FORM_VECTOR
#undef FORM_ONE


#if FORM == FORM_F64
#define FORM_WIDE 1
#define FORM_VECTOR 0
#define R double
#define E double
#define U uint64_t
#define MASK int
#define RANDOM random_block
#define C(name) core_##name##_f64
#elif FORM == FORM_F32
#define FORM_WIDE 0
#define FORM_VECTOR 0
#define R float
#define E float
#define U uint32_t
#define MASK int
#define C(name) core_##name##_f32
#elif FORM == FORM_F64V
#define FORM_WIDE 1
#define FORM_VECTOR 1
#define R nslm_f64v
#define E double
#define U nslm_u64v
#define MASK nslm_i64v
#define C(name) core_##name##_f64v
#define RANDOM random_block_v
#elif FORM == FORM_F64W
#define FORM_WIDE 1
#define FORM_VECTOR 1
#define R nslm_f64w
#define E double
#define U nslm_u64w
#define MASK nslm_i64w
#define C(name) core_##name##_f64w
#define RANDOM random_block_w
#elif FORM == FORM_F64Q
#define FORM_WIDE 1
#define FORM_VECTOR 1
#define R nslm_f64q
#define E double
#define U nslm_u64q
#define MASK nslm_i64q
#define C(name) core_##name##_f64q
#elif FORM == FORM_F32V
#define FORM_WIDE 0
#define FORM_VECTOR 1
#define R nslm_f32v
#define E float
#define U nslm_u32v
#define MASK nslm_i32v
#define C(name) core_##name##_f32v
#endif

#define FORM_ONE (!FORM_VECTOR || FORM == FORM_F64Q)

#if FORM_WIDE
#define K(a, b) ((R)(E)(a))
#define KU(a, b) ((U)(uint64_t)(a))
#define MANT 52
#define BIAS 1023
#define MAGIC ((R)(E)0x1.8p52) /* adding it rounds to an integer held in the low mantissa bits */
#else
#define K(a, b) ((R)(E)(b))
#define KU(a, b) ((U)(uint32_t)(b))
#define MANT 23
#define BIAS 127
#define MAGIC ((R)(E)0x1.8p23)
#endif

#if FORM_VECTOR
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define ABS(a) __builtin_elementwise_abs(a)
#define SQRT(a) __builtin_elementwise_sqrt(a)
#define SEL(m, a, b) ((m) ? (a) : (b))
#define ANY(m) (__builtin_reduce_or(m) != 0)
#define ALL(m) (__builtin_reduce_and(m) != 0)
#define AS_U(x) ((U)(x))
#define AS_R(u) ((R)(u))
#define SIGNS(u) ((U)((MASK)(u) >> (FORM_WIDE ? 63 : 31)))
#else
#if FORM_WIDE
#define FMA(a, b, c) __builtin_fma(a, b, c)
#define ABS(a) __builtin_fabs(a)
#define SQRT(a) __builtin_sqrt(a)
#else
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define ABS(a) __builtin_fabsf(a)
#define SQRT(a) __builtin_sqrtf(a)
#endif
#define SEL(m, a, b) ((m) ? (a) : (b))
#define ANY(m) (m)
#define ALL(m) (m)
#define AS_U(x) C(bits)(x)
#define AS_R(u) C(real)(u)
#define SIGNS(u) ((U)0 - ((u) >> (FORM_WIDE ? 63 : 31)))
CORE U C(bits)(R x)
{
  U u;
  __builtin_memcpy(&u, &x, sizeof u);
  return u;
}
CORE R C(real)(U u)
{
  R x;
  __builtin_memcpy(&x, &u, sizeof x);
  return x;
}
#endif

#ifndef NSLM_NAN
#define NSLM_NAN ((R)(E)__builtin_nanf(""))
#define NSLM_INF ((R)(E)__builtin_inff())
#define SIGN_BIT (KU(1, 1) << (MANT + (FORM_WIDE ? 11 : 8)))
#endif

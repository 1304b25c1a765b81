/* The draws of the float forms (FORM_F32, FORM_F32V). Normal and lognormal: one 32-bit word each, so that a Philox
 * block serves four consecutive elements, by inversion in single precision; the others are the double draws,
 * rounded once.
 *
 * Resolution: the uniform behind a normal has 2^32 equal cells, of which the middle is taken, so tails reach 6.2
 * standard deviations; as a function of it the value is right to 6e-7 of itself. `within` needs no second attempt:
 * the word is scaled to the cells between the bounds, whose ends are rounded to whole cells. Where fewer than 2^24
 * cells are left (a probability below 1/256), or a parameter is not a number, the lane is drawn as in the double
 * form, again and again.
 *
 * Inversion: after M. Giles, "Approximating the erfinv function" (GPU Computing Gems, 2010), z = x Q(w), x = 2 u - 1,
 * w = -log(1 - x^2); our own polynomials, of degree 9 in w below 6 and of degree 8 in its root above; relative error
 * 7e-8 and 2e-7. 1 - x^2 comes from the word's own distance to the end, so nothing cancels. */

/* Signed integers to R. */
#undef SIGNED_R
#undef AT
#undef AT_LONG
#undef LONG
#undef LONG_OF
#undef SHORT_OF
#undef LONG_C
#undef LONG_U
#undef LONG_I
#undef SAME_AT
#undef UNUSED_AT
#if FORM_VECTOR
#define SIGNED_R(u) __builtin_convertvector((MASK)(u), R)
#define AT uint64_t key, nslm_u64v elem, nslm_u64v elem_high, uint64_t step, uint32_t ordinal
#define AT_LONG                                                                                             \
  key, __builtin_shufflevector(elem, elem_high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), step, \
    ordinal
#define SAME_AT key, elem, elem_high, step, ordinal
#define UNUSED_AT (void)key, (void)elem, (void)elem_high, (void)step, (void)ordinal
#define LONG nslm_f64w
#define LONG_U nslm_u64w
#define LONG_I nslm_i64w
#define LONG_OF(x) __builtin_convertvector(x, nslm_f64w)
#define SHORT_OF(x) __builtin_convertvector(x, R)
#define LONG_C(name) core_##name##_f64w
#else
#define SIGNED_R(u) ((R)(int32_t)(u))
#define AT uint64_t key, uint64_t elem, uint64_t step, uint32_t ordinal
#define AT_LONG key, elem, step, ordinal
#define SAME_AT key, elem, step, ordinal
#define UNUSED_AT (void)key, (void)elem, (void)step, (void)ordinal
#define LONG double
#define LONG_U uint64_t
#define LONG_I int64_t
#define LONG_OF(x) ((double)(x))
#define SHORT_OF(x) ((R)(x))
#define LONG_C(name) core_##name##_f64
#endif

/* The words of 16 consecutive elements, from a multiple of 4; or of one. */
#if FORM_VECTOR
CORE U C(quick_word)(AT)
{
  nslm_u64q a, b;
  (void)elem_high;
  random_block_7q(random_key(~key, ordinal), (elem[0] >> 2) + (nslm_u64q){0, 1, 2, 3}, step, 0, &a, &b);
  return (U)__builtin_shufflevector(a, b, 0, 4, 1, 5, 2, 6, 3, 7);
}
/* High halves of the products. */
CORE U C(quick_scale)(U word, U range)
{
  nslm_u64v w = (nslm_u64v)word, r = (nslm_u64v)range, low = (w & 0xffffffffu) * (r & 0xffffffffu);
  return (U)((low >> 32) | ((w >> 32) * (r >> 32) & ~(uint64_t)0xffffffffu));
}
#else
CORE U C(quick_word)(AT)
{
  uint64_t a, b;
  random_block_7(random_key(~key, ordinal), elem >> 2, step, 0, &a, &b);
  return (U)((elem & 2 ? b : a) >> (elem & 1 ? 32 : 0));
}
CORE U C(quick_scale)(U word, U range)
{
  return (U)((uint64_t)word * range >> 32);
}
#endif

/* -log(v), v in (2^-32, 1], absolute error 1e-7 (no division: see body_log.h for one that needs it). Here and below
 * polynomials in pairs of terms: what bounds these loops is how long one value takes, not how many operations. */
CORE R C(quick_log)(R v)
{
  U half = KU(0, 0x3f3504f3), u = AS_U(v) + ((KU(0, 127) << 23) - half);
  R k = SIGNED_R(u >> 23) - K(0, 127), f = AS_R((u & KU(0, 0x7fffff)) + half) - K(0, 1), g = f * f, h = g * g, a, b, c;
  a = FMA(f, K(0, 0x1.5d8646p-4), K(0, -0x1.243c02p-3));
  b = FMA(f, K(0, 0x1.32bcb8p-3), K(0, -0x1.53846ep-3));
  c = FMA(f, K(0, 0x1.98b29p-3), K(0, -0x1.00038cp-2));
  a = FMA(FMA(a, g, b), h, FMA(c, g, FMA(f, K(0, 0x1.555796p-2), K(0, -0x1.fffffep-2))));
  return -FMA(k, K(0, 0x1.62e430p-1), FMA(a, g, f));
}

/* The standard normal at (word + 1/2) 2^-32. Few words are far out: 16 together seldom need the tail. */
CORE R C(quick_normal)(U word)
{
  U s = word ^ KU(0, 0x80000000), left = KU(0, 0x7fffffff) - (s ^ SIGNS(s));
  R x = FMA(SIGNED_R(s), K(0, 0x1p-31), K(0, 0x1p-32)), q = FMA(SIGNED_R(left), K(0, 0x1p-31), K(0, 0x1p-32));
  R w = C(quick_log)(q * (K(0, 2) - q)), t = w - K(0, 3), u = t * t, a, b, p;
  a = FMA(t, K(0, -0x1.0a5508p-27), K(0, -0x1.9466f6p-28));
  a = FMA(a, u, FMA(t, K(0, 0x1.549456p-21), K(0, -0x1.66743ep-19)));
  b = FMA(t, K(0, -0x1.2d8faap-16), K(0, 0x1.21e668p-12));
  b = FMA(b, u, FMA(t, K(0, -0x1.35ffbp-10), K(0, -0x1.09eec8p-7)));
  p = FMA(FMA(a, u * u, b), u, FMA(t, K(0, 0x1.5deb1p-2), K(0, 0x1.25e47cp+1)));
  if (ANY(w >= K(0, 6))) {
    R r = SQRT(w) - K(0, 3.625), tail;
    tail = FMA(r, K(0, 0x1.edf5ep-15), K(0, -0x1.e4c36ep-13));
    tail = FMA(tail, r, K(0, 0x1.b60a92p-12));
    tail = FMA(tail, r, K(0, -0x1.39842p-11));
    tail = FMA(tail, r, K(0, 0x1.13b754p-10));
    tail = FMA(tail, r, K(0, -0x1.2993e8p-9));
    tail = FMA(tail, r, K(0, 0x1.e10a9cp-9));
    tail = FMA(tail, r, K(0, 0x1.6cf882p+0));
    tail = FMA(tail, r, K(0, 0x1.394b8ap+2));
    p = SEL(w >= K(0, 6), tail, p);
  }
  return x * p;
}

/* The cells from lo to hi, in standard deviations: the first and how many; true where that is enough. */
#if FORM_VECTOR
#define NARROW_TO(x, T) __builtin_convertvector(x, T)
#else
#define NARROW_TO(x, T) ((T)(x))
#endif
CORE MASK C(quick_cells)(LONG lo, LONG hi, U *first, U *n)
{
  LONG_U from = LONG_C(normal_cells)(lo), all = LONG_C(normal_cells)(hi) - from;
  *first = NARROW_TO(from, U);
  *n = NARROW_TO(all - (all >> 32), U);
  return NARROW_TO(((LONG_I)all >= (1 << 24)) & (lo <= hi), MASK);
}

/* Each draw from its word, which may have been drawn ahead (codegen/emit.c), and with it. */
#define WITH_WORD(name, PARS, ARGS)                            \
  CORE R C(draw_##name)(AT PARS)                               \
  {                                                            \
    return C(draw_##name##_of)(C(quick_word)(SAME_AT), SAME_AT ARGS); \
  }
#define COMMA ,

CORE R C(draw_normal_of)(U word, AT, R mu, R sd)
{
  UNUSED_AT;
  return FMA(C(quick_normal)(word), sd, mu);
}

CORE R C(draw_lognormal_of)(U word, AT, R mu, R sigma)
{
  UNUSED_AT;
  return C(exp)(FMA(C(quick_normal)(word), sigma, mu));
}
WITH_WORD(normal, COMMA R mu COMMA R sd, COMMA mu COMMA sd)
WITH_WORD(lognormal, COMMA R mu COMMA R sigma, COMMA mu COMMA sigma)

/* A normal between cells; `slow` where they are too few. */
#define QUICK_WITHIN(name, BOUND, VALUE)                                                           \
  CORE R C(draw_##name##_within_of)(U word, AT, R mu, R sd, R lo, R hi)                            \
  {                                                                                                \
    LONG m = LONG_OF(mu), s = LONG_OF(sd), from = (BOUND(LONG_OF(lo)) - m) / s;                    \
    U first, n;                                                                                    \
    MASK quick = C(quick_cells)(from, (BOUND(LONG_OF(hi)) - m) / s, &first, &n) & (sd > K(0, 0));  \
    R z = C(quick_normal)(first + C(quick_scale)(word, n)), y = VALUE;                             \
    y = SEL(y < lo, lo, y);                                                                        \
    y = SEL(y > hi, hi, y);                                                                        \
    if (ANY(quick == 0))                                                                           \
      y = SEL(quick, y, SHORT_OF(LONG_C(draw_##name##_within)(AT_LONG, m, s, LONG_OF(lo), LONG_OF(hi)))); \
    return y;                                                                                      \
  }                                                                                                \
  WITH_WORD(name##_within, COMMA R mu COMMA R sd COMMA R lo COMMA R hi, COMMA mu COMMA sd COMMA lo COMMA hi)
QUICK_WITHIN(normal, , FMA(z, sd, mu))
QUICK_WITHIN(lognormal, LONG_C(log_bound), C(exp)(FMA(z, sd, mu)))
#undef QUICK_WITHIN
#undef WITH_WORD

#define ROUNDED(name, PARS, ARGS)                                              \
  CORE R C(draw_##name)(AT PARS)                                               \
  {                                                                            \
    return SHORT_OF(LONG_C(draw_##name)(AT_LONG ARGS));                        \
  }
ROUNDED(unit, , )
ROUNDED(uniform, COMMA R a COMMA R b, COMMA LONG_OF(a) COMMA LONG_OF(b))
ROUNDED(exponential, COMMA R a, COMMA LONG_OF(a))
ROUNDED(turn, COMMA R a, COMMA LONG_OF(a))
ROUNDED(poisson, COMMA R a, COMMA LONG_OF(a))
ROUNDED(binomial, COMMA R a COMMA R b, COMMA LONG_OF(a) COMMA LONG_OF(b))
ROUNDED(uniform_within, COMMA R a COMMA R b COMMA R lo COMMA R hi,
        COMMA LONG_OF(a) COMMA LONG_OF(b) COMMA LONG_OF(lo) COMMA LONG_OF(hi))
ROUNDED(exponential_within, COMMA R a COMMA R lo COMMA R hi, COMMA LONG_OF(a) COMMA LONG_OF(lo) COMMA LONG_OF(hi))
#undef ROUNDED
#undef COMMA
#undef NARROW_TO

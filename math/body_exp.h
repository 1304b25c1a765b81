/* exp and its kin. Method: x = k ln2 + r with |r| <= ln2/2 (k by adding 1.5 * 2^52, k ln2 in two parts by
 * fma), a polynomial in r (minimax, so no table and no division), then 2^k by adding k to the exponent
 * bits. The polynomials in double are sums of even and of odd powers, two chains beside each other: a fit of one neuron
 * waits for them. Everything is selects; what is of one element alone also branches. */

/* k, in the low bits of the result too, and x - k (upper part of ln2), exact, for |x| below about 2^20. */
CORE R C(exp_reduce)(R x, R *k, R *r)
{
  R t = FMA(x, K(0x1.71547652b82fep+0, 0x1.715476p+0), MAGIC);
  *k = t - MAGIC;
  *r = FMA(*k, K(-0x1.62e42fefa39efp-1, -0x1.62e430p-1), x);
  return t;
}

#undef LN2_REST
#define LN2_REST K(-0x1.abc9e3b39803fp-56, 0x1.05c610p-29)

#if FORM_WIDE
/* c0 + c1 r + ... + c9 r^9, s = r^2. */
CORE R C(ten_powers)(R r, R s, R c0, R c1, R c2, R c3, R c4, R c5, R c6, R c7, R c8, R c9)
{
  R odd = FMA(s, c9, c7), even = FMA(s, c8, c6);
  odd = FMA(odd, s, c5);
  even = FMA(even, s, c4);
  odd = FMA(odd, s, c3);
  even = FMA(even, s, c2);
  odd = FMA(odd, s, c1);
  even = FMA(even, s, c0);
  return FMA(odd, r, even);
}
#endif

/* exp: degree 11 (6), relative error of the polynomial 2^-57.9 (2^-28.3); in all below 1 ulp. Results
 * below 2^-1022 (2^-126) are 0, also that of the smallest argument just above it. The exponent is added to
 * the bits of p in [0.7, 1.42], so that no product can overflow early. One floating comparison, |x -
 * middle| <= half (exact near both ends), parts ordinary arguments from special ones, for which inf, 0 or
 * NaN is made by integer work: comparisons take the units that multiply. */
CORE R C(exp)(R x)
{
  R k, r, t = C(exp_reduce)(x, &k, &r), p;
  r = FMA(k, LN2_REST, r);
#if FORM_WIDE
  p = C(ten_powers)(r, r * r, K(0x1.000000000000ap-1, 0), K(0x1.55555555554f8p-3, 0), K(0x1.5555555550755p-5, 0),
                    K(0x1.1111111128120p-7, 0), K(0x1.6c16c1846f7d9p-10, 0), K(0x1.a01a012918b5cp-13, 0),
                    K(0x1.a0199945355b2p-16, 0), K(0x1.71df26e5b0c9ep-19, 0), K(0x1.28ae33932eda5p-22, 0),
                    K(0x1.ad7ee186f7786p-26, 0));
#else
  p = K(0, 0x1.6a2244p-10);
  p = FMA(p, r, K(0, 0x1.123b02p-7));
  p = FMA(p, r, K(0, 0x1.5558f8p-5));
  p = FMA(p, r, K(0, 0x1.555490p-3));
  p = FMA(p, r, K(0, 0x1.fffffcp-2));
#endif
  p = FMA(p, r, K(1, 1));
#if FORM_ONE
  if (__builtin_expect(ALL(ABS(x) <= K(512, 64)), 1)) { /* 2^k is ready before p is, and times it nothing is rounded */
    R power = AS_R((AS_U(t) + BIAS) << MANT);
    return FMA(p, power * r, power);
  }
#endif
  p = FMA(p, r, K(1, 1));
  R y = AS_R(AS_U(p) + (AS_U(t) << MANT));
  MASK ordinary = ABS(x - K(0x1.62e42fefa3c00p-1, 0x1.62e4p-1)) <= K(0x1.628b76e3a7b60p+9, 0x1.601e66p+6);
  U inf = AS_U(NSLM_INF), nan = SIGNS(inf - (AS_U(x) & ~SIGN_BIT)) & AS_U(NSLM_NAN);
  return SEL(ordinary, y, AS_R((inf & ~SIGNS(AS_U(x))) | nan));
}

/* (exp(r) - 1 - r) / r^2, s = r^2: degree 9 (4), in even and odd powers as above. */
CORE R C(expm1_rest)(R r, R s)
{
  R p;
#if FORM_WIDE
  p = C(ten_powers)(r, s, K(0x1.0000000000005p-1, 0), K(0x1.5555555555539p-3, 0), K(0x1.55555555521f3p-5, 0),
                    K(0x1.1111111119178p-7, 0), K(0x1.6c16c17f12562p-10, 0), K(0x1.a01a0174a3bd2p-13, 0),
                    K(0x1.a019a6c062a1fp-16, 0), K(0x1.71de8880329b5p-19, 0), K(0x1.28a296eb8c2dbp-22, 0),
                    K(0x1.ae6bdebfc73e2p-26, 0));
  return p;
#else
  (void)s;
  p = FMA(r, K(0, 0x1.6bebeep-10), K(0, 0x1.122884p-7));
  p = FMA(p, r, K(0, 0x1.555676p-5));
  p = FMA(p, r, K(0, 0x1.5554aep-3));
  return FMA(p, r, K(0, 0x1.fffffep-2));
#endif
}

/* (exp(x) - 1) 2^-shift, for the functions below: with z = exp(r) - 1 it is s z + (s - 2^-shift), s = 2^(k
 * - shift), one rounding; z is made from r = h + c in two parts, so that r's own rounding does not count.
 * Below -40 (-20) it is -2^-shift; above the overflow limit of the caller it is rubbish. The shift leaves
 * room above. */
CORE R C(expm1_scaled)(R x, int shift, R *rest)
{
  R k, h;
  x = SEL(x < K(-40, -20), K(-40, -20), x);
  R t = C(exp_reduce)(x, &k, &h), c = k * LN2_REST, r = h + c, u = r * r;
  *rest = C(expm1_rest)(r, u);
  R z = h + FMA(u, *rest, c);
  R s = AS_R((AS_U(t) + KU(BIAS - shift, BIAS - shift)) << MANT);
  R one = AS_R(KU(BIAS - shift, BIAS - shift) << MANT);
  return FMA(s, z, s - one);
}

/* Below this the functions of x around 0 are their first term. */
#ifndef TINY
#define TINY K(0x1p-54, 0x1p-25)
#endif

/* expm1: below 1.75 ulp. */
CORE R C(expm1)(R x)
{
  R rest, y = C(expm1_scaled)(x, 1, &rest);
  y = y + y;
  y = SEL(ABS(x) < TINY, x, y);
  y = SEL(x > K(0x1.62e42fefa39efp+9, 0x1.62e42ep+6), NSLM_INF, y);
  return SEL(x != x, NSLM_NAN, y);
}

/* exprel: near 0, where k is 0, the polynomial itself; else expm1 and a division; below 2 ulp; 0 where the result is
 * below the smallest normal number; finite up to x = 716 (93), where exp itself has overflowed. */
CORE R C(exprel)(R x)
{
  MASK near = ABS(x) < K(0.34375, 0.34375);
#if !FORM_VECTOR
  if (near) return FMA(x, C(expm1_rest)(x, x * x), 1);
#endif
  R rest, y = C(expm1_scaled)(x, 16, &rest) / (x * K(0x1p-16, 0x1p-16));
  y = SEL(near, FMA(x, rest, K(1, 1)), y);
  y = SEL(x > K(0x1.662dae9df3737p+9, 0x1.750868p+6), NSLM_INF, y);
  y = SEL(x < K(-0x1p1022, -0x1p126), K(0, 0), y);
  return SEL(x != x, NSLM_NAN, y);
}

/* exprelr = 1 / exprel in one division, below 2 ulp; 0 where the result is below the smallest normal
 * number. */
CORE R C(exprelr)(R x)
{
  R rest, y = (x * K(0x1p-16, 0x1p-16)) / C(expm1_scaled)(x, 16, &rest);
  y = SEL(ABS(x) < TINY, K(1, 1), y);
  y = SEL(x > K(0x1.657bfcf5db0cbp+9, 0x1.6f6d56p+6), K(0, 0), y);
  return SEL(x != x, NSLM_NAN, y);
}

/* tanh|x| = -m / (2 + m) with m = expm1(-2|x|), which neither overflows nor cancels; below 2.75 ulp. */
CORE R C(tanh)(R x)
{
  R rest, a = ABS(x), m = C(expm1_scaled)(K(-2, -2) * a, 0, &rest);
  R y = -m / (K(2, 2) + m);
  y = SEL(a < TINY, a, y);
  y = AS_R(AS_U(y) | (AS_U(x) & SIGN_BIT));
  return SEL(x != x, NSLM_NAN, y);
}

/* sigmoid = 1 / (1 + e) for x >= 0, e / (1 + e) below, e = exp(-|x|): no overflow; below 2.5 ulp; 0 where
 * exp(x) is. */
CORE R C(sigmoid)(R x)
{
  R e = C(exp)(-ABS(x));
  R y = SEL(x < K(0, 0), e, K(1, 1)) / (K(1, 1) + e);
  return SEL(x != x, NSLM_NAN, y);
}

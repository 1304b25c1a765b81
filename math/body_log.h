/* log, log1p. Method: x = 2^k m, m in [sqrt 1/2, sqrt 2), f = m - 1, s = f / (2 + f); log m = f - (f^2/2 -
 * s (f^2/2 + R(s^2))) with R minimax of 7 (3) terms, error 2^-59 (2^-30), and k ln2 in two parts: below 1
 * ulp. Integer work only on the bits, so that subnormal arguments give the same bits in every mode of the
 * machine. */

/* x > 0 and finite (else rubbish): the mantissa m and the exponent k as a real. Subnormals are made normal
 * by an exact subtraction: or-ing their bits into 2^52 gives 2^52 + x 2^1074. */
#undef IS_ZERO
#define IS_ZERO K(-1100, -200) /* k of 0 is below it (x == 0 would depend on the subnormal mode) */
CORE R C(log_split)(R x, R *k)
{
  U u = AS_U(x), big = KU(BIAS + MANT, BIAS + MANT) << MANT;
  MASK small = u < (KU(1, 1) << MANT);
  R up = AS_R(u | big) - AS_R(big);
  u = SEL(small, AS_U(up), u);
  U half = KU(0x3fe6a09e667f3bcd, 0x3f3504f3); /* sqrt(1/2) */
  u = u + ((KU(BIAS, BIAS) << MANT) - half);
  R e = AS_R((u >> MANT) | big) - K(0x1p52 + 1023, 0x1p23 + 127);
  *k = e - SEL(small, K(1074, 149), K(0, 0));
  return AS_R((u & ((KU(1, 1) << MANT) - KU(1, 1))) + half);
}

/* log(1 + f) + k ln2 */
CORE R C(log_core)(R f, R k)
{
  R s = f / (K(2, 2) + f), z = s * s, p;
#if FORM_WIDE
  p = FMA(z, K(0x1.2f0d869763628p-3, 0), K(0x1.39a0f5d71d315p-3, 0));
  p = FMA(p, z, K(0x1.74664623a9556p-3, 0));
  p = FMA(p, z, K(0x1.c71c51e827c2dp-3, 0));
  p = FMA(p, z, K(0x1.24924942175c3p-2, 0));
#else
  p = K(0, 0x1.31e674p-2);
#endif
  p = FMA(p, z, K(0x1.999999997fb37p-2, 0x1.995e9cp-2));
  p = FMA(p, z, K(0x1.5555555555593p-1, 0x1.55557ap-1));
  R h = K(0.5, 0.5) * f * f;
  R w = FMA(k, K(0x1.abc9e3b39803fp-56, -0x1.05c610p-29), s * FMA(p, z, h));
  return FMA(k, K(0x1.62e42fefa39efp-1, 0x1.62e430p-1), f - (h - w));
}

CORE R C(log)(R x)
{
  R k, m = C(log_split)(ABS(x), &k);
  R y = C(log_core)(m - K(1, 1), k);
  y = SEL(x == NSLM_INF, NSLM_INF, y);
  MASK zero = k < IS_ZERO;
  y = SEL(zero, -NSLM_INF, y);
  MASK negative = (AS_U(x) & SIGN_BIT) != KU(0, 0), nonzero = zero == (MASK)0, nan = x != x;
  return SEL((negative & nonzero) | nan, NSLM_NAN, y);
}

/* log1p: k from 1 + x rounded, but f = 2^-k x + (2^-k - 1) by one fma from x itself, so nothing is lost
 * but that rounding; below 1.5 ulp. */
CORE R C(log1p)(R x)
{
  R k, u = K(1, 1) + x, m = C(log_split)(u, &k);
  U e = AS_U(k + MAGIC);
  R s = AS_R((KU(BIAS, BIAS) - e) << MANT);
  R f = FMA(s, x, s - K(1, 1));
  f = SEL(x > K(0x1p60, 0x1p30), m - K(1, 1), f);
  R y = C(log_core)(f, k);
  y = SEL(ABS(x) < TINY, x, y);
  y = SEL(x == NSLM_INF, NSLM_INF, y);
  y = SEL(x == K(-1, -1), -NSLM_INF, y);
  return SEL((x < K(-1, -1)) | (x != x), NSLM_NAN, y);
}

/* sin, cos. Method: n = x 2/pi rounded, r = x - n pi/2 with pi/2 in three (four) parts by fma, minimax
 * polynomials on [-pi/4, pi/4], swapped and signed by the low two bits of n. Below 1.75 ulp (r itself has
 * half an ulp), also near the multiples of pi/2, for |x| up to 2^40 (2^20); beyond, where such an argument
 * has lost its phase to rounding long before, the result is NaN rather than noise. */

CORE R C(sin_core)(R r)
{
  R z = r * r, p;
#if FORM_WIDE
  p = FMA(z, K(0x1.5d8dfdb9cb4b2p-33, 0), K(-0x1.ae5e54704e176p-26, 0));
  p = FMA(p, z, K(0x1.71de35603bcd5p-19, 0));
  p = FMA(p, z, K(-0x1.a01a019bf5784p-13, 0));
  p = FMA(p, z, K(0x1.111111110f78fp-7, 0));
#else
  p = K(0, 0x1.6ccf5ep-19);
  p = FMA(p, z, K(0, -0x1.a00f74p-13));
  p = FMA(p, z, K(0, 0x1.111108p-7));
#endif
  p = FMA(p, z, K(-0x1.5555555555548p-3, -0x1.555556p-3));
  return FMA(p, r * z, r);
}

CORE R C(cos_core)(R r)
{
  R z = r * r, p;
#if FORM_WIDE
  p = FMA(z, K(-0x1.8fa292815348cp-37, 0), K(0x1.1ee9d3dfd3ce9p-29, 0));
  p = FMA(p, z, K(-0x1.27e4f7e5437e7p-22, 0));
  p = FMA(p, z, K(0x1.a01a019c7ce1cp-16, 0));
#else
  p = K(0, 0x1.99e86cp-16);
#endif
  p = FMA(p, z, K(-0x1.6c16c16c14f47p-10, -0x1.6c0c28p-10));
  p = FMA(p, z, K(0x1.555555555554bp-5, 0x1.55554ap-5));
  p = FMA(p, z, K(-0.5, -0.5));
  return FMA(p, z, K(1, 1));
}

/* sin (turn 0) and cos (turn 1). */
CORE R C(sincos)(R x, unsigned turn)
{
  R t = FMA(x, K(0x1.45f306dc9c883p-1, 0x1.45f306p-1), MAGIC), n = t - MAGIC;
  R r = FMA(n, K(-0x1.921fb54442d18p+0, -0x1.921fb6p+0), x);
  r = FMA(n, K(-0x1.1a62633145c07p-54, 0x1.777a5cp-25), r);
  r = FMA(n, K(0x1.f1976b7ed8fbcp-110, 0x1.ee59dap-50), r);
#if !FORM_WIDE
  r = FMA(n, K(0, -0x1.98a2e0p-77), r);
#endif
  U q = AS_U(t) + KU(turn, turn);
  R y = SEL((q & KU(1, 1)) == KU(0, 0), C(sin_core)(r), C(cos_core)(r));
  y = AS_R(AS_U(y) ^ ((q & KU(2, 2)) << (MANT + (FORM_WIDE ? 10 : 7))));
  return SEL(ABS(x) <= K(0x1p40, 0x1p20), y, NSLM_NAN);
}

CORE R C(sin)(R x)
{
  R y = C(sincos)(x, 0);
  return SEL(ABS(x) < K(0x1p-28, 0x1p-13), x, y);
}

CORE R C(cos)(R x)
{
  return C(sincos)(x, 1);
}

/* cos(2 pi u) for u in [0, 1]: the quadrant is exact, so no reduction is needed beyond u - n/4. */
CORE R C(cos_turns)(R u)
{
  R t = FMA(u, K(4, 4), MAGIC), n = t - MAGIC;
  R r = FMA(n, K(-0.25, -0.25), u) * K(0x1.921fb54442d18p+2, 0x1.921fb6p+2);
  U q = AS_U(t) + KU(1, 1);
  R y = SEL((q & KU(1, 1)) == KU(0, 0), C(sin_core)(r), C(cos_core)(r));
  return AS_R(AS_U(y) ^ ((q & KU(2, 2)) << (MANT + (FORM_WIDE ? 10 : 7))));
}

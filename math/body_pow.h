/* pow. Method: log2|x| as an unevaluated sum h + l: with s = (m - 1) / (m + 1) in two parts, atanh s = s
 * (1 + z/3 + z^2 T(z)), z = s^2, everything up to z/3 carried in two parts (relative error about 2^-66,
 * 2^-37); y (h + l) in two parts; 2 to its fraction by a polynomial of degree 11 (6). Below 1.5 ulp. Then
 * all special cases of C99 annex F by selects. Results below the smallest normal number are 0. */

/* log2 of 2^k m as h + *l */
CORE R C(log2_pair)(R m, R k, R *l)
{
  R f = m - K(1, 1), d = m + K(1, 1), dl = m - (d - K(1, 1)), rc = K(1, 1) / d;
  R s = f * rc, e = FMA(-s, dl, FMA(-s, d, f)), sl = e * rc;
  R z = s * s, zl = FMA(s + s, sl, FMA(s, s, -z)), a;
#if FORM_WIDE
  a = FMA(z, K(0x1.0e4a3bc02f1d1p-4, 0), K(0x1.0f7f1f42cc73ap-4, 0));
  a = FMA(a, z, K(0x1.3b1ef47321e25p-4, 0));
  a = FMA(a, z, K(0x1.745ce9b64fa52p-4, 0));
  a = FMA(a, z, K(0x1.c71c722de4f76p-4, 0));
#else
  a = K(0, 0x1.dfa340p-4);
#endif
  a = FMA(a, z, K(0x1.24924924577efp-3, 0x1.245278p-3));
  a = FMA(a, z, K(0x1.9999999999b33p-3, 0x1.999a00p-3)) * z;
  R third = K(0x1.5555555555555p-2, 0x1.555556p-2);
  R v = third + a, vl = (third - v) + a + K(0x1.5555555555555p-56, -0x1.555556p-27);
  R w = z * v, wl = FMA(z, vl, FMA(z, v, -w)) + zl * v;
  R g = K(1, 1) + w, gl = (K(1, 1) - g) + w + wl;
  R p = s * g, pl = FMA(s, gl, FMA(s, g, -p)) + sl * g;
  R c = K(0x1.71547652b82fep+1, 0x1.715476p+1), cl = K(0x1.777d0ffda0d24p-55, 0x1.4ae0c0p-25);
  R q = p * c, ql = FMA(p, cl, FMA(p, c, -q)) + pl * c;
  R h = k + q;
  *l = (k - h) + q + ql;
  return h;
}

/* 2^(h + l), |l| small against 1; inf and 0 beyond the normal range */
CORE R C(exp2_pair)(R h, R l)
{
  R t = h + MAGIC, n = t - MAGIC, r = (h - n) + l, p;
#if FORM_WIDE
  p = FMA(r, K(0x1.e7c62fa33a166p-32, 0), K(0x1.e61901a15fa0bp-28, 0));
  p = FMA(p, r, K(0x1.b52654d148b99p-24, 0));
  p = FMA(p, r, K(0x1.62bfc94261178p-20, 0));
  p = FMA(p, r, K(0x1.ffcbfbc62b545p-17, 0));
  p = FMA(p, r, K(0x1.4309130e066c6p-13, 0));
#else
  p = K(0, 0x1.414d04p-13);
#endif
  p = FMA(p, r, K(0x1.5d87fe78c3e50p-10, 0x1.5f055ep-10));
  p = FMA(p, r, K(0x1.3b2ab6fba0672p-7, 0x1.3b2e12p-7));
  p = FMA(p, r, K(0x1.c6b08d704a043p-5, 0x1.c6af86p-5));
  p = FMA(p, r, K(0x1.ebfbdff82c5a1p-3, 0x1.ebfbdcp-3));
  p = FMA(p, r, K(0x1.62e42fefa39efp-1, 0x1.62e430p-1));
  p = FMA(p, r, K(1, 1));
  R y = AS_R(AS_U(p) + (AS_U(t) << MANT));
  R top = K(1024, 128), bottom = K(-1022, -126);
  y = SEL((h - top) + l >= K(0, 0), NSLM_INF, y);
  return SEL((h - bottom) + l < K(0, 0), K(0, 0), y);
}

/* Is |y| an integer (and odd)? |y| < 2^52: adding 2^52 rounds to an integer whose parity is the last bit. */
CORE MASK C(is_integer)(R ya, MASK *odd)
{
  R big = K(0x1p52, 0x1p23), t = ya + big;
  MASK small = ya < big;
  U last = SEL(small, AS_U(t), AS_U(ya)) & KU(1, 1);
  MASK whole = (small & (AS_U(t - big) == AS_U(ya))) | (ya >= big);
  *odd = whole & (last == KU(1, 1)) & (ya < K(0x1p53, 0x1p24));
  return whole;
}

CORE R C(pow)(R x, R y)
{
  R ax = ABS(x), ay = ABS(y), k, m = C(log_split)(ax, &k), l, h = C(log2_pair)(m, k, &l);
  R limit = K(0x1p66, 0x1p34), yc = SEL(y > limit, limit, SEL(y < -limit, -limit, y));
  R a = yc * h, al = FMA(yc, l, FMA(yc, h, -a));
  R p = C(exp2_pair)(a, al);
  MASK odd, whole = C(is_integer)(ay, &odd);
  MASK zero = k < IS_ZERO, negative = (AS_U(x) & SIGN_BIT) != KU(0, 0);
  MASK down = (AS_U(y) & SIGN_BIT) != KU(0, 0);
  p = SEL(zero, SEL(down, NSLM_INF, K(0, 0)), p);
  p = SEL(ax == NSLM_INF, SEL(down, K(0, 0), NSLM_INF), p);
  p = SEL(negative & odd, -p, p);
  p = SEL(negative & (whole == (MASK)0) & (zero == (MASK)0) & (ax != NSLM_INF), NSLM_NAN, p);
  p = SEL((x != x) | (y != y), NSLM_NAN, p);
  R big = K(0x1p52, 0x1p23); /* no comparison of y with 0: that would depend on the subnormal mode */
  MASK none = (AS_R(AS_U(ay) | AS_U(big)) == big) & (ay < K(0x1p-1022, 0x1p-126)), one = x == K(1, 1);
  return SEL(none | one, K(1, 1), p);
}

/* The draws, for the double forms (the float forms round these at the end). Each is a function of one
 * Philox block, whose four words make two uniforms of 52 bits: the generator is called once for a draw,
 * and a value depends on nothing but key, element, step, ordinal and attempt. Box-Muller for the normal,
 * with our own log and cos: tails reach 8.5 standard deviations. */

/* 52 bits to (0, 1): (i + 1/2) 2^-52, exact; never 0 or 1. */
CORE R C(unit_of)(U bits)
{
  return AS_R((bits >> 12) | KU(0x3ff0000000000000, 0)) - K(1.0 - 0x1p-53, 0);
}

CORE R C(standard_normal)(U a, U b)
{
  R radius = SQRT(K(-2, 0) * C(log)(C(unit_of)(a)));
  return radius * C(cos_turns)(C(unit_of)(b));
}

/* Of 2^32 equal cells of probability, those below x standard deviations, to the nearest. P(X <= -x) by J. F. Hart's
 * rational function ("Computer Approximations", 1968, algorithm 5666), right to 15 digits. */
CORE U C(normal_cells)(R x)
{
  R a = SEL(ABS(x) < K(8, 0), ABS(x), K(8, 0)), p, q;
  p = FMA(a, K(3.52624965998911e-2, 0), K(0.700383064443688, 0));
  p = FMA(p, a, K(6.37396220353165, 0));
  p = FMA(p, a, K(33.912866078383, 0));
  p = FMA(p, a, K(112.079291497871, 0));
  p = FMA(p, a, K(221.213596169931, 0));
  p = FMA(p, a, K(220.206867912376, 0));
  q = FMA(a, K(8.83883476483184e-2, 0), K(1.75566716318264, 0));
  q = FMA(q, a, K(16.064177579207, 0));
  q = FMA(q, a, K(86.7807322029461, 0));
  q = FMA(q, a, K(296.564248779674, 0));
  q = FMA(q, a, K(637.333633378831, 0));
  q = FMA(q, a, K(793.826512519948, 0));
  q = FMA(q, a, K(440.413735824752, 0));
  R below = C(exp)(K(-0.5, 0) * a * a) * p / q;
  below = SEL(x > K(0, 0), K(1, 0) - below, below);
  return AS_U(FMA(below, K(0x1p32, 0), K(0x1p52, 0))) ^ AS_U(K(0x1p52, 0));
}

/* A bound of a lognormal as one of its normal. */
CORE R C(log_bound)(R x)
{
  return SEL(x > K(0, 0), C(log)(x), -NSLM_INF);
}

CORE R C(shape_unit)(U a, U b)
{
  (void)b;
  return C(unit_of)(a);
}

CORE R C(shape_uniform)(U a, U b, R lo, R hi)
{
  (void)b;
  return FMA(C(unit_of)(a), hi - lo, lo);
}

CORE R C(shape_normal)(U a, U b, R mu, R sd)
{
  return FMA(C(standard_normal)(a, b), sd, mu);
}

CORE R C(shape_lognormal)(U a, U b, R mu, R sigma)
{
  return C(exp)(FMA(C(standard_normal)(a, b), sigma, mu));
}

CORE R C(shape_exponential)(U a, U b, R mean)
{
  (void)b;
  return -mean * C(log)(C(unit_of)(a));
}

/* x rounded down, |x| < 2^51 */
CORE R C(round_down)(R x)
{
  R r = (x + MAGIC) - MAGIC;
  return r - SEL(r > x, K(1, 0), K(0, 0));
}

/* Poisson counts of a mean above 12: transformed rejection (Hormann 1993, PTRS), 1.1 to 1.2 blocks of
 * random bits a count. log P(k) by Stirling's series for (k + 7)!, of which the product k + 1 … k + 7 is
 * taken again: error below 1e-13 + k 2^-52. Attempts count from 1. */
CORE R C(poisson_rejected)(uint64_t stream, U elem, uint64_t step, R mean, MASK open)
{
  R b = FMA(SQRT(mean), K(2.53, 0), K(0.931, 0)), a = FMA(b, K(0.02483, 0), K(-0.059, 0)), count = K(0, 0);
  R inverse = K(1.1239, 0) + K(1.1328, 0) / (b - K(3.4, 0)), sure = K(0.9277, 0) - K(3.6224, 0) / (b - K(2, 0));
  for (uint32_t attempt = 1; attempt < ATTEMPTS && ANY(open); attempt++) {
    U x, y;
    RANDOM(stream, elem, step, attempt, &x, &y);
    R u = C(unit_of)(x) - K(0.5, 0), v = C(unit_of)(y), us = K(0.5, 0) - ABS(u);
    R k = C(round_down)(FMA(K(2, 0) * a / us + b, u, mean + K(0.43, 0)));
    MASK taken = (us >= K(0.07, 0)) & (v <= sure);
    MASK asked = open & (taken == (MASK)0) & (k >= K(0, 0)) & ((us >= K(0.013, 0)) | (v <= us));
    if (ANY(asked)) {
      R z = SEL(asked, k, mean) + K(8, 0), i = K(1, 0) / z, ii = i * i, root = SQRT(z);
      R p = (z - K(1, 0)) * (z - K(2, 0)) * (z - K(3, 0)) * (z - K(4, 0)) * (z - K(5, 0)) * (z - K(6, 0)) * (z - K(7, 0));
      R z7 = z * z * z * z * z * z * z;
      R series = FMA(FMA(FMA(FMA(ii, K(1.0 / 1188, 0), K(-1.0 / 1680, 0)), ii, K(1.0 / 1260, 0)), ii, K(-1.0 / 360, 0)),
                     ii, K(1.0 / 12, 0)) * i;
      R left = C(log)(v * inverse / FMA(a, K(1, 0) / (us * us), b) * (z7 * root / p));
      R right = FMA(z - K(8, 0), C(log)(mean * i), (z - mean) - K(0x1.d67f1c864beb4p-1, 0) - series);
      taken = taken | (asked & (left <= right));
    }
    taken = taken & open;
    count = SEL(taken, k, count);
    open = open & (taken == (MASK)0);
  }
  return count;
}

/* A Poisson count from 64 random bits: up to a mean of 12 by inversion, P(count <= j) summed upwards until
 * it passes a uniform of 52 bits; above, the bits are not used. A mean that is not positive gives 0; it
 * must be below 1e12. */
CORE R C(poisson)(uint64_t stream, U elem, uint64_t step, U bits, R mean)
{
  MASK many = mean > K(12, 0), few = (mean > K(0, 0)) & (many == (MASK)0);
  R count = K(0, 0);
  if (ANY(few)) {
    R u = C(unit_of)(bits), p = C(exp)(-mean), sum = p;
    MASK open = few & (u > sum);
    for (int j = 1; j < 128 && ANY(open); j++) {
      count = SEL(open, K(j, 0), count);
      p = p * (mean * K(1.0 / j, 0));
      sum = sum + p;
      open = open & (u > sum);
    }
  }
  if (ANY(many)) {
    R other = C(poisson_rejected)(stream, elem, step, SEL(many, mean, K(100, 0)), many);
    count = SEL(many, other, count);
  }
  return count;
}

/* log k!, k whole: Stirling's series for (k + 7)!, of which the product k + 1 ... k + 7 is taken again. */
CORE R C(log_factorial)(R k)
{
  R z = k + K(8, 0), i = K(1, 0) / z, ii = i * i;
  R p = (z - K(1, 0)) * (z - K(2, 0)) * (z - K(3, 0)) * (z - K(4, 0)) * (z - K(5, 0)) * (z - K(6, 0)) * (z - K(7, 0));
  R series = FMA(FMA(FMA(FMA(ii, K(1.0 / 1188, 0), K(-1.0 / 1680, 0)), ii, K(1.0 / 1260, 0)), ii, K(-1.0 / 360, 0)),
                 ii, K(1.0 / 12, 0)) * i;
  return FMA(z - K(0.5, 0), C(log)(z), K(0x1.d67f1c864beb4p-1, 0) - z) + series - C(log)(p);
}

/* Binomial counts of n members with a chance p <= 1/2, n p above 12: transformed rejection (Hormann 1993, BTRS). */
CORE R C(binomial_rejected)(uint64_t stream, U elem, uint64_t step, R n, R p, MASK open)
{
  R q = K(1, 0) - p, spread = SQRT(n * p * q), b = FMA(spread, K(2.53, 0), K(1.15, 0)), count = K(0, 0);
  R a = FMA(b, K(0.0248, 0), FMA(p, K(0.01, 0), K(-0.0873, 0))), centre = FMA(n, p, K(0.5, 0));
  R sure = K(0.92, 0) - K(4.2, 0) / b, alpha = (K(2.83, 0) + K(5.1, 0) / b) * spread, odds = C(log)(p / q);
  R mode = C(round_down)((n + K(1, 0)) * p), top = C(log_factorial)(mode) + C(log_factorial)(n - mode);
  for (uint32_t attempt = 1; attempt < ATTEMPTS && ANY(open); attempt++) {
    U x, y;
    RANDOM(stream, elem, step, attempt, &x, &y);
    R u = C(unit_of)(x) - K(0.5, 0), v = C(unit_of)(y), us = K(0.5, 0) - ABS(u);
    R k = C(round_down)(FMA(K(2, 0) * a / us + b, u, centre));
    MASK inside = (k >= K(0, 0)) & (k <= n), taken = inside & (us >= K(0.07, 0)) & (v <= sure);
    MASK asked = open & inside & (taken == (MASK)0);
    if (ANY(asked)) {
      R z = SEL(asked, k, mode);
      R left = C(log)(v * alpha / FMA(a, K(1, 0) / (us * us), b));
      R right = FMA(z - mode, odds, top - C(log_factorial)(z) - C(log_factorial)(n - z));
      taken = taken | (asked & (left <= right));
    }
    taken = taken & open;
    count = SEL(taken, k, count);
    open = open & (taken == (MASK)0);
  }
  return count;
}

/* A binomial count: up to a mean of 12 of the rarer outcome by inversion, P(count <= j) summed upwards until it passes a
 * uniform of 52 bits. A chance below 0 or above 1 counts as 0 or 1; no number as 0. */
CORE R C(binomial)(uint64_t stream, U elem, uint64_t step, U bits, R n, R p)
{
  p = SEL(p > K(0, 0), SEL(p < K(1, 0), p, K(1, 0)), K(0, 0));
  MASK turned = p > K(0.5, 0);
  R r = SEL(turned, K(1, 0) - p, p), count = K(0, 0);
  MASK some = (n > K(0, 0)) & (r > K(0, 0)), many = some & (n * r > K(12, 0)), few = some & (many == (MASK)0);
  if (ANY(few)) {
    R u = C(unit_of)(bits), odds = r / (K(1, 0) - r), chance = C(exp)(n * C(log1p)(-r)), sum = chance;
    MASK open = few & (u > sum);
    for (int j = 1; j < 128 && ANY(open); j++) {
      count = SEL(open, K(j, 0), count);
      chance = chance * ((n - K(j - 1, 0)) * odds * K(1.0 / j, 0));
      sum = sum + chance;
      open = open & (u > sum) & (n > K(j, 0));
    }
  }
  if (ANY(many)) {
    R other = C(binomial_rejected)(stream, elem, step, SEL(many, n, K(100, 0)), SEL(many, r, K(0.25, 0)), many);
    count = SEL(many, other, count);
  }
  return SEL(turned, n - count, count);
}

/* A member of a sequence: its number stands in the upper half of the element, which no element reaches. */
CORE R C(draw_turn)(uint64_t key, U elem, uint64_t step, uint32_t ordinal, R turn)
{
  U a, b, number = AS_U(turn + K(0x1p52, 0)) ^ AS_U(K(0x1p52, 0));
  RANDOM(random_key(key, ordinal), elem + (number << 32), step, 0, &a, &b);
  return C(unit_of)(a);
}

CORE R C(draw_poisson)(uint64_t key, U elem, uint64_t step, uint32_t ordinal, R mean)
{
  U a, b;
  uint64_t stream = random_key(key, ordinal);
  RANDOM(stream, elem, step, 0, &a, &b);
  return C(poisson)(stream, elem, step, a, mean);
}

CORE R C(draw_binomial)(uint64_t key, U elem, uint64_t step, uint32_t ordinal, R n, R p)
{
  U a, b;
  uint64_t stream = random_key(key, ordinal);
  RANDOM(stream, elem, step, 0, &a, &b);
  return C(binomial)(stream, elem, step, a, n, p);
}

/* One draw, and one redrawn until lo <= value <= hi: attempt n uses the block with n in its counter, so
 * lanes do not disturb each other. NaN if no attempt of 10,000 is inside, or lo > hi. A NaN from NaN
 * parameters ends the search. */
#define DRAW(name, PARAMS, ARGS)                                                      \
  CORE R C(draw_##name)(uint64_t key, U elem, uint64_t step, uint32_t ordinal PARAMS) \
  {                                                                                   \
    U a, b;                                                                           \
    RANDOM(random_key(key, ordinal), elem, step, 0, &a, &b);                          \
    return C(shape_##name)(a, b ARGS);                                                \
  }
#define DRAW_WITHIN(name, PARAMS, ARGS)                                                                    \
  CORE R C(draw_##name##_within)(uint64_t key, U elem, uint64_t step, uint32_t ordinal PARAMS, R lo, R hi) \
  {                                                                                                        \
    uint64_t stream = random_key(key, ordinal);                                                            \
    R y = NSLM_NAN;                                                                                        \
    MASK open = lo <= hi;                                                                                  \
    for (uint32_t attempt = 0; attempt < ATTEMPTS && ANY(open); attempt++) {                               \
      U a, b;                                                                                              \
      RANDOM(stream, elem, step, attempt, &a, &b);                                                         \
      R v = C(shape_##name)(a, b ARGS);                                                                    \
      y = SEL(open, v, y);                                                                                 \
      open = open & ((v < lo) | (v > hi));                                                                 \
    }                                                                                                      \
    return SEL(open | (y != y), NSLM_NAN, y);                                                              \
  }
#define COMMA ,
DRAW(unit, , )
DRAW(uniform, COMMA R lo COMMA R hi, COMMA lo COMMA hi)
DRAW(normal, COMMA R mu COMMA R sd, COMMA mu COMMA sd)
DRAW(lognormal, COMMA R mu COMMA R sigma, COMMA mu COMMA sigma)
DRAW(exponential, COMMA R mean, COMMA mean)
DRAW_WITHIN(uniform, COMMA R from COMMA R to, COMMA from COMMA to)
DRAW_WITHIN(normal, COMMA R mu COMMA R sd, COMMA mu COMMA sd)
DRAW_WITHIN(lognormal, COMMA R mu COMMA R sigma, COMMA mu COMMA sigma)
DRAW_WITHIN(exponential, COMMA R mean, COMMA mean)
#undef DRAW
#undef DRAW_WITHIN
#undef COMMA

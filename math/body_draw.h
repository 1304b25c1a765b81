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

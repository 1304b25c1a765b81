/* Poisson counts with one mean for many elements. A count is the number of thresholds T_j = floor(2^64
 * P(count <= j)) that a 64-bit random number u reaches. The high 16 bits of u decide unless they equal
 * those of a threshold (an element in some thousand); only then the other 48 bits are made. One Philox
 * block so serves eight elements, and eight lanes of it serve 64.
 *
 * High bits of element e: counter (e / 64) 8 + (e % 32) / 4, attempt 0, word 2 (e / 32 % 2) + e % 4 / 2,
 * its low half for even e. Low 48 bits: counter e, attempt 1, the upper part of words 1 and 0. The ordinal
 * is the number of the part. The clang form (in the bitcode) does 64 elements at a time, the plain form
 * one by one; both give the same counts. */
#include "math/math.h"
#include "math/random.h"

/* a + b as an unevaluated sum, renormalized */
typedef struct {
  double h, l;
} Pair;

static Pair pair_add(Pair a, Pair b)
{
  double s = a.h + b.h, t = s - a.h, e = (a.h - (s - t)) + (b.h - t) + a.l + b.l;
  double h = s + e;
  return (Pair){h, (s - h) + e};
}

static Pair pair_mul(Pair a, Pair b)
{
  double p = a.h * b.h, e = __builtin_fma(a.h, b.h, -p) + a.h * b.l + a.l * b.h, h = p + e;
  return (Pair){h, (p - h) + e};
}

static Pair pair_div(Pair a, double d)
{
  double q = a.h / d, r = (__builtin_fma(-q, d, a.h) + a.l) / d, h = q + r;
  return (Pair){h, (q - h) + r};
}

/* exp(-x), 0 <= x <= 20, to about 100 bits: Taylor series of x / 2^8, squared 8 times */
static Pair pair_exp_minus(double x)
{
  Pair sum = {1, 0}, term = {1, 0}, y = {-x * 0x1p-8, 0};
  for (int i = 1; i < 24; i++) {
    term = pair_div(pair_mul(term, y), i);
    sum = pair_add(sum, term);
  }
  for (int i = 0; i < 8; i++)
    sum = pair_mul(sum, sum);
  return sum;
}

uint32_t nslm_poisson_parts(double mean)
{
  return mean > NSLM_POISSON_MAX && mean < 1e9 ? (uint32_t)(mean / NSLM_POISSON_MAX) + 1 : 1;
}

uint32_t nslm_poisson_table(double lambda, uint64_t *table, uint32_t n)
{
  if (!(lambda > 0 && lambda <= NSLM_POISSON_MAX))
    return 0;
  Pair p = pair_exp_minus(lambda), sum = p;
  uint32_t count = 0;
  for (;; count++) {
    double scaled = sum.h * 0x1p64, rest = sum.l * 0x1p64;
    /* the end: P(count > j) below 2^-64, or no longer growing */
    if (scaled >= 0x1p64 || p.h < 0x1p-70)
      if (count > lambda)
        break;
    if (count == n)
      return 0;
    uint64_t base = scaled >= 0x1p64 ? 0 : (uint64_t)scaled; /* 2^64 wraps to 0; rest is then negative */
    int64_t whole = (int64_t)rest;
    table[count] = base + (uint64_t)(whole - (rest < (double)whole));
    p = pair_div(pair_mul(p, (Pair){lambda, 0}), count + 1);
    sum = pair_add(sum, p);
  }
  for (; count % 4; count++) {
    if (count == n)
      return 0;
    table[count] = UINT64_MAX;
  }
  return count;
}

/* The count of element e, given its high 16 bits, by all 64. */
static int64_t poisson_exact(uint32_t high, uint64_t stream, uint64_t e, uint64_t step, const uint64_t *table,
                             uint32_t table_n)
{
  uint64_t a, b, u;
  int64_t count = 0;
  random_block(stream, e, step, 1, &a, &b);
  u = (uint64_t)high << 48 | a >> 16;
  while (count < table_n && u >= table[count])
    count++;
  return count;
}

#ifndef NSLM_VECTORS

static uint32_t poisson_high(uint64_t stream, uint64_t e, uint64_t step)
{
  uint64_t a, b, c = e / 64 * 8 + e % 32 / 4;
  random_block(stream, c, step, 0, &a, &b);
  return (uint32_t)((e / 32 % 2 ? b : a) >> (16 * (e % 4))) & 0xffffu;
}

void nslm_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const uint64_t *table, uint32_t table_n, uint32_t parts)
{
  for (uint32_t part = 0; part < parts; part++) {
    uint64_t stream = random_key(key, part);
    for (uint64_t e = (uint64_t)first; e < (uint64_t)(first + n); e++)
      acc[e] += poisson_exact(poisson_high(stream, e, step), stream, e, step, table, table_n) * weight;
  }
}

#else

/* The high bits, or the counts, of 32 elements. */
typedef uint16_t Lanes __attribute__((ext_vector_type(32)));
typedef int64_t Sum8 __attribute__((ext_vector_type(8), aligned(8)));

/* The elements whose high bits alone do not decide: at no distance from some threshold. */
static void poisson_ties(Lanes *count, Lanes value, Lanes distance, uint64_t stream, uint64_t e, uint64_t step,
                         const uint64_t *table, uint32_t table_n)
{
  for (uint32_t i = 0; i < 32; i++)
    if (distance[i] == 0)
      (*count)[i] = (uint16_t)poisson_exact(value[i], stream, e + i, step, table, table_n);
}

RANDOM_INLINE void poisson_accumulate(int64_t *acc, Lanes count, int64_t weight)
{
  Sum8 *to = (Sum8 *)acc;
  to[0] += __builtin_convertvector(count.lo.lo, nslm_i64v) * weight;
  to[1] += __builtin_convertvector(count.lo.hi, nslm_i64v) * weight;
  to[2] += __builtin_convertvector(count.hi.lo, nslm_i64v) * weight;
  to[3] += __builtin_convertvector(count.hi.hi, nslm_i64v) * weight;
}

/* How many of the high_n thresholds (high bits) each value exceeds; distance becomes 0 where it equals one.
 * Thresholds whose high bits are all ones are not among them: every value there is a tie. Subtraction that
 * stops at 0, and minimum, are cheaper than comparisons. */
RANDOM_INLINE void poisson_count(Lanes a, Lanes b, const uint16_t *high, uint32_t high_n, Lanes count[2],
                                 Lanes distance[2])
{
  Lanes one = 1, ca = 0, cb = 0, da = ~a, db = ~b;
  for (uint32_t j = 0; j < high_n; j++) {
    Lanes t = high[j];
    ca += __builtin_elementwise_min(__builtin_elementwise_sub_sat(a, t), one);
    cb += __builtin_elementwise_min(__builtin_elementwise_sub_sat(b, t), one);
    da = __builtin_elementwise_min(da, a ^ t);
    db = __builtin_elementwise_min(db, b ^ t);
  }
  count[0] = ca;
  count[1] = cb;
  distance[0] = da;
  distance[1] = db;
}

void nslm_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const uint64_t *table, uint32_t table_n, uint32_t parts)
{
  const nslm_u64v lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  uint16_t high[NSLM_POISSON_TABLE];
  uint32_t high_n = 0;
  for (; high_n < table_n && high_n < NSLM_POISSON_TABLE && table[high_n] >> 48 != 0xffff; high_n++)
    high[high_n] = (uint16_t)(table[high_n] >> 48);
  for (uint32_t part = 0; part < parts; part++) {
    uint64_t stream = random_key(key, part);
    for (uint64_t e = (uint64_t)first; e < (uint64_t)(first + n); e += 64) {
      nslm_u64v a, b;
      Lanes count[2], distance[2];
      random_block_v(stream, lanes + e / 8, step, 0, &a, &b);
      poisson_count((Lanes)a, (Lanes)b, high, high_n, count, distance);
      Lanes nearest = __builtin_elementwise_min(distance[0], distance[1]);
      if (__builtin_expect(__builtin_reduce_or(nearest == 0) != 0, 0)) {
        poisson_ties(&count[0], (Lanes)a, distance[0], stream, e, step, table, table_n);
        poisson_ties(&count[1], (Lanes)b, distance[1], stream, e + 32, step, table, table_n);
      }
      poisson_accumulate(acc + e, count[0], weight);
      poisson_accumulate(acc + e + 32, count[1], weight);
    }
  }
}
#endif

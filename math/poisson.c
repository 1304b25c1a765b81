/* Poisson counts with one mean for many elements. A count is the number of thresholds T_j = floor(2^64 P(count <= j)) that a 64-bit random
 * number u reaches. The high 32 bits of u decide except when they equal those of a threshold (about one element in 10^8); only then
 * the low 32 bits are made. One Philox block thus serves four elements, 8 blocks in vector lanes 32 elements.
 *
 * Element e: lane counter (e / 32) 8 + (e % 16) / 2, word (e % 2) + 2 (e / 16 % 2); attempt 0 for the high, 1 for the low bits; the ordinal is
 * the part. The clang form (in the bitcode) works on 16 elements at a time and stops at the first four thresholds that no element
 * reaches; the plain form does the same element by element. Both give the same counts. */
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

/* The 32 random bits of element e: high (attempt 0) or low (1). */
static uint32_t poisson_bits(uint64_t stream, uint64_t e, uint64_t step, uint64_t attempt)
{
  uint64_t c = e / 32 * 8 + e % 16 / 2;
  uint64_t w[4] = {c & 0xffffffffu, c >> 32, step & 0xffffffffu, ((step >> 32) & 0xffffu) | (attempt << 16)};
  random_philox(stream, w);
  return (uint32_t)w[e % 2 + 2 * (e / 16 % 2)];
}

#ifndef NSLM_VECTORS

void nslm_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const uint64_t *table, uint32_t table_n, uint32_t parts)
{
  for (uint32_t part = 0; part < parts; part++) {
    uint64_t stream = random_key(key, part);
    for (int64_t e = first; e < first + n; e++) {
      uint64_t u = (uint64_t)poisson_bits(stream, (uint64_t)e, step, 0) << 32;
      u |= poisson_bits(stream, (uint64_t)e, step, 1);
      int64_t count = 0;
      while (count < table_n && u >= table[count])
        count++;
      acc[e] += count * weight;
    }
  }
}

#else

/* The counts of the 16 elements from e on whose high bits are given, when one of them hits a threshold's high bits. */
static nslm_u32v poisson_exact(nslm_u32v high, uint64_t e, uint64_t stream, uint64_t step, const uint64_t *table,
                               uint32_t table_n)
{
  nslm_u32v count = 0;
#pragma clang loop unroll(disable)
  for (uint32_t i = 0; i < 16; i++) {
    uint64_t u = (uint64_t)high[i] << 32 | poisson_bits(stream, e + i, step, 1);
    uint32_t c = 0;
    while (c < table_n && u >= table[c])
      c++;
    count[i] = c;
  }
  return count;
}

RANDOM_INLINE nslm_u32v poisson_count(nslm_u32v high, uint64_t e, uint64_t stream, uint64_t step, const uint64_t *table,
                                      uint32_t table_n)
{
  nslm_i32v reached = 0, tie = 0, last;
  uint32_t j = 0;
  do {
    for (int i = 0; i < 4; i++) {
      nslm_u32v t = (nslm_u32v)(uint32_t)(table[j + i] >> 32);
      last = high >= t;
      reached += last;
      tie |= high == t;
    }
    j += 4;
  } while (j < table_n && __builtin_reduce_or(last) != 0);
  if (__builtin_expect(__builtin_reduce_or(tie) != 0, 0))
    return poisson_exact(high, e, stream, step, table, table_n);
  return (nslm_u32v)-reached;
}

void nslm_poisson_add_i64(int64_t *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,
                          const uint64_t *table, uint32_t table_n, uint32_t parts)
{
  const nslm_u64v lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  for (uint32_t part = 0; part < parts; part++) {
    uint64_t stream = random_key(key, part);
    for (uint64_t e = (uint64_t)first; e < (uint64_t)(first + n); e += 32) {
      nslm_u64v c = lanes + e / 4, w[4] = {c & 0xffffffffu, c >> 32, (nslm_u64v)(step & 0xffffffffu),
                                           (nslm_u64v)((step >> 32) & 0xffffu)};
      random_philox_v(stream, w);
      for (int half = 0; half < 2; half++) {
        nslm_u32v high = (nslm_u32v)(w[2 * half] | (w[2 * half + 1] << 32));
        nslm_u32v count = poisson_count(high, e + 16 * (uint64_t)half, stream, step, table, table_n);
        nslm_i64v *to = (nslm_i64v *)(acc + e + 16 * half);
        typedef nslm_i64v unaligned __attribute__((aligned(8)));
        ((unaligned *)to)[0] += __builtin_convertvector(count.lo, nslm_i64v) * weight;
        ((unaligned *)to)[1] += __builtin_convertvector(count.hi, nslm_i64v) * weight;
      }
    }
  }
}
#endif

/* A keyed permutation: position j of `n` targets with `each` places, n * each positions in all -> the target whose
 * place stands there. A different key is a different order; nothing is stored, and no position needs another.
 *
 * It is what rows by source rest on. indegree: every place of a target is a synapse that waits for its source; one
 * permutation of all places, cut into the sources' numbers of synapses, gives them all. `no multiple`: the first
 * k positions of an order of n are k different ones, every set equally likely.
 *
 * A Feistel network on two digits of nearly equal range (a, b), with addition modulo the range, so that the
 * domain is hardly larger than n * each; what falls beyond goes through once more (cycle walking). b is a multiple of
 * `each`, so that the target comes from a small division, by multiplication, of one digit. The round function is two
 * multiplications of 32 bits, keyed before each, with the high half of the first folded onto its low one between, and is reduced to
 * the range by a third. Chi-square tests of pairs and triples over 10^8 keys, and of pairs and differences in one order,
 * show on two digits of 32 something at 6 rounds and nothing at 8, on digits of 3,000 and 80,000 nothing from 4 (3) on;
 * a domain of less than 64 needs 24 until all its permutations are equally frequent (7! cells, 2 million keys).
 * We take 8, 12 below 1024 places, 32 below 64; 6 where both digits are at least 1024.
 *
 * SHUFFLE(name, T, K, LESS, HIGH) writes it for a 32-bit number or a vector of them, and keys of type K. */
#ifndef NSL_RUNTIME_SHUFFLE_H
#define NSL_RUNTIME_SHUFFLE_H

#include <stdint.h>

struct rt_shuffle {
  uint32_t n, each;    /* targets, places of each: below 2^32, 2^31 */
  uint32_t a, b, c;    /* ranges of the digits, at most 2^31; b = c * each: targets of one high digit */
  uint32_t rounds;     /* even */
  uint32_t mul, shift; /* 2 * low digit * mul >> 32 >> shift = low digit / each */
};

enum { SHUFFLE_FEWEST = 6 }; /* rounds */

/* n * each below 2^53. */
struct rt_shuffle rt_shuffle_of(uint32_t n, uint32_t each);

#define SHUFFLE_INLINE static inline __attribute__((always_inline, unused))
/* HIGH(x, range): the high half of the product; LESS(x, range): x, or x - range if that is not negative */
#define SHUFFLE(name, T, K, LESS, HIGH)                                                                        \
  SHUFFLE_INLINE T name##_round(T u, K k0, K k1, uint32_t range) {                                             \
    T x = (u ^ k0) * 0xD2511F53u;                                                                              \
    x ^= (x >> 16) ^ k1;                                                                                       \
    return HIGH(x * 0xCD9E8D57u, range);                                                                       \
  }                                                                                                            \
  /* two rounds, the i-th and the next, onto digits (high, low) */                                             \
  SHUFFLE_INLINE void name##_two(const struct rt_shuffle *d, K k0, K k1, uint32_t i, T *high, T *low) {        \
    T h = *high + name##_round(*low, k0 + i * 0x9E3779B9u, k1 + i * 0xBB67AE85u, d->a);                        \
    *high = LESS(h, d->a);                                                                                     \
    T l = *low + name##_round(*high, k0 + (i + 1) * 0x9E3779B9u, k1 + (i + 1) * 0xBB67AE85u, d->b);            \
    *low = LESS(l, d->b);                                                                                      \
  }                                                                                                            \
  SHUFFLE_INLINE void name##_pass(const struct rt_shuffle *d, K k0, K k1, T *high, T *low) {                   \
    T h = *high, l = *low;                                                                                     \
    name##_two(d, k0, k1, 0, &h, &l);                                                                          \
    name##_two(d, k0, k1, 2, &h, &l);                                                                          \
    name##_two(d, k0, k1, 4, &h, &l);                                                                          \
    for (uint32_t i = SHUFFLE_FEWEST; i < d->rounds; i += 2) name##_two(d, k0, k1, i, &h, &l);                 \
    *high = h;                                                                                                 \
    *low = l;                                                                                                  \
  }                                                                                                            \
  SHUFFLE_INLINE T name##_target(const struct rt_shuffle *d, T high, T low) {                                  \
    return high * d->c + (HIGH(low << 1, d->mul) >> d->shift);                                                 \
  }

SHUFFLE_INLINE uint32_t shuffle_less(uint32_t x, uint32_t range) { return x < range ? x : x - range; }
SHUFFLE_INLINE uint32_t shuffle_high(uint32_t x, uint32_t by) { return (uint32_t)((uint64_t)x * by >> 32); }
SHUFFLE(shuffle, uint32_t, uint32_t, shuffle_less, shuffle_high)

SHUFFLE_INLINE uint32_t shuffle_walk(const struct rt_shuffle *d, uint64_t key, uint32_t high, uint32_t low) {
  uint32_t target;
  do {
    shuffle_pass(d, (uint32_t)key, (uint32_t)(key >> 32), &high, &low);
    target = shuffle_target(d, high, low);
  } while (target >= d->n);
  return target;
}

/* An index without an order: the high 32 bits of a 64-bit draw times range, uniform to range * 2^-64. */
SHUFFLE_INLINE uint32_t shuffle_index(uint32_t low, uint32_t high, uint32_t range) {
  return (uint32_t)(((uint64_t)high * range + ((uint64_t)low * range >> 32)) >> 32);
}

/* The key of one owner's order. */
SHUFFLE_INLINE uint64_t shuffle_key(uint64_t key, uint64_t owner) {
  uint64_t x = key ^ (owner + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

#endif

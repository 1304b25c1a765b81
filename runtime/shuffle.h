/* A keyed permutation: position j of `n` targets with `each` places, n * each positions in all -> the target whose
 * place stands there. A different key is a different order; nothing is stored, and no position needs another.
 *
 * It is what rows by source rest on. indegree: every place of a target is a synapse that waits for its source; one
 * permutation of all places, cut into the sources' numbers of synapses, gives them all. `no multiple`: the first
 * k positions of an order of n are k different ones, every set equally likely.
 *
 * A Feistel network on two digits of nearly equal range (a, b), with addition modulo the range, so that the
 * domain is hardly larger than n * each; what falls beyond goes through once more (cycle walking). b is a multiple of
 * `each`, so that the target comes from a small division, by multiplication, of one digit. The round function is
 * two multiplications of 32 bits folded (as in Philox), keyed before each, reduced to the range by a third. With it 6
 * rounds show nothing to chi-square tests of pairs and triples on domains from 1000, single multiplications do
 * until 10; a domain of less than 64 needs 24 rounds until all its permutations are equally frequent (7! cells, 2
 * million keys). We take 8, 12 below 1024, 32 below 64.
 *
 * SHUFFLE(name, T, LESS) writes it for a scalar or a vector of 64-bit lanes that hold 32-bit numbers. */
#ifndef NSL_RUNTIME_SHUFFLE_H
#define NSL_RUNTIME_SHUFFLE_H

#include <stdint.h>

struct rt_shuffle {
  uint32_t n, each;    /* targets, places of each: below 2^32, 2^31 */
  uint32_t a, b, c;    /* ranges of the digits; b = c * each: targets of one high digit */
  uint32_t rounds;     /* even */
  uint32_t mul, shift; /* low digit * mul >> shift = low digit / each */
};

/* n * each below 2^53. */
struct rt_shuffle rt_shuffle_of(uint32_t n, uint32_t each);

#define SHUFFLE_INLINE static inline __attribute__((always_inline, unused))

/* u: a 32-bit number in 64 bits; h: hash of it, reduced to [0, range) */
#define SHUFFLE(name, T, LESS)                                                                                 \
  SHUFFLE_INLINE T name##_round(T u, T k0, T k1, uint64_t range) {                                             \
    T p = ((u ^ k0) & 0xffffffffu) * 0xD2511F53u;                                                              \
    T q = (((p >> 32) ^ p ^ k1) & 0xffffffffu) * 0xCD9E8D57u;                                                  \
    return (((q >> 32) ^ q) & 0xffffffffu) * range >> 32;                                                      \
  }                                                                                                            \
  /* one pass: digits (high, low) to digits; the key may differ from lane to lane */                           \
  SHUFFLE_INLINE void name##_pass(const struct rt_shuffle *d, T key, T *high, T *low) {                        \
    T k0 = key & 0xffffffffu, k1 = key >> 32, h = *high, l = *low;                                             \
    for (uint32_t i = 0; i < d->rounds; i += 2) {                                                              \
      h = LESS(h + name##_round(l, k0, k1, d->a), d->a);                                                       \
      k0 = k0 + 0x9E3779B9u;                                                                                   \
      k1 = k1 + 0xBB67AE85u;                                                                                   \
      l = LESS(l + name##_round(h, k0, k1, d->b), d->b);                                                       \
      k0 = k0 + 0x9E3779B9u;                                                                                   \
      k1 = k1 + 0xBB67AE85u;                                                                                   \
    }                                                                                                          \
    *high = h;                                                                                                 \
    *low = l;                                                                                                  \
  }                                                                                                            \
  SHUFFLE_INLINE T name##_target(const struct rt_shuffle *d, T high, T low) {                                  \
    return (high & 0xffffffffu) * d->c + ((low & 0xffffffffu) * d->mul >> d->shift);                                           \
  }

/* x, or x - range if that is not negative */
SHUFFLE_INLINE uint64_t shuffle_less(uint64_t x, uint64_t range) { return x < range ? x : x - range; }
SHUFFLE(shuffle, uint64_t, shuffle_less)

SHUFFLE_INLINE uint64_t shuffle_walk(const struct rt_shuffle *d, uint64_t key, uint64_t high, uint64_t low) {
  uint64_t target;
  do {
    shuffle_pass(d, key, &high, &low);
    target = shuffle_target(d, high, low);
  } while (target >= d->n);
  return target;
}

/* The key of one owner's order. */
SHUFFLE_INLINE uint64_t shuffle_key(uint64_t key, uint64_t owner) {
  uint64_t x = key ^ (owner + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

#endif

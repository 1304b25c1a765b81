/* Counter-based random bits: hashes of names to 64-bit keys, and Philox4x32-10 (Salmon, Moraes, Dror,
 * Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011), written for a scalar or a vector of 64-bit
 * lanes. Internal to this folder; math.h has the public functions.
 *
 * The counter of a draw:  word 0, 1   element, low and high half
 *                         word 2      step, low half
 *                         word 3      bits 32..47 of the step below, attempt (0..9999) above
 * and its key: the stream's key with the ordinal mixed in (random_key). So steps go to 2^48, elements and
 * ordinals are free. */
#ifndef NSL_MATH_RANDOM_H
#define NSL_MATH_RANDOM_H
#include "math/math.h"

#define RANDOM_INLINE static inline __attribute__((always_inline, unused))
#define ATTEMPTS 10000

/* A bijection of 64 bits in which every input bit reaches every output bit (Stafford's variant 13 of the
 * murmur3 finalizer). */
RANDOM_INLINE uint64_t random_mix(uint64_t x)
{
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

RANDOM_INLINE uint64_t random_key(uint64_t key, uint32_t ordinal)
{
  return random_mix(key ^ (((uint64_t)ordinal + 1) * 0x9e3779b97f4a7c15u));
}

/* Rounds on 64-bit lanes that hold 32-bit words, words 0 and 1 of the result in a, 2 and 3 in b. T is
 * uint64_t or a vector, WORDS puts the low halves of two together. Ten rounds, the authors' choice, for all
 * draws but two: the codes of Poisson counts (poisson.c) and the words of normals in single precision
 * (body_quick.h) have seven, the fewest that pass their tests. */
#define RANDOM_PHILOX(name, T, rounds, WORDS)                                       \
  RANDOM_INLINE void name(uint64_t key, T w0, T w1, T w2, T w3, T *a, T *b)         \
  {                                                                                 \
    uint64_t k0 = key & 0xffffffffu, k1 = key >> 32;                                \
    _Pragma("GCC unroll 10") for (int i = 0; i < rounds; i++)                       \
    {                                                                               \
      T p = (w0 & 0xffffffffu) * 0xD2511F53u, q = (w2 & 0xffffffffu) * 0xCD9E8D57u; \
      w0 = (q >> 32) ^ w1 ^ k0;                                                     \
      w1 = q;                                                                       \
      w2 = (p >> 32) ^ w3 ^ k1;                                                     \
      w3 = p;                                                                       \
      k0 = (k0 + 0x9E3779B9u) & 0xffffffffu;                                        \
      k1 = (k1 + 0xBB67AE85u) & 0xffffffffu;                                        \
    }                                                                               \
    *a = WORDS(w0, w1);                                                             \
    *b = WORDS(w2, w3);                                                             \
  }
#define RANDOM_WORDS(low, high) (((low) & 0xffffffffu) | ((high) << 32))

/* The block of a draw, by the layout above. */
#define RANDOM_BLOCK(name, philox, T)                                                        \
  RANDOM_INLINE void name(uint64_t key, T elem, uint64_t step, uint32_t attempt, T *a, T *b) \
  {                                                                                          \
    uint64_t last = ((step >> 32) & 0xffffu) | ((uint64_t)attempt << 16);                    \
    philox(key, elem & 0xffffffffu, elem >> 32, (T)(step & 0xffffffffu), (T)last, a, b);     \
  }

RANDOM_PHILOX(random_philox, uint64_t, 10, RANDOM_WORDS)
RANDOM_BLOCK(random_block, random_philox, uint64_t)
RANDOM_PHILOX(random_philox_7, uint64_t, 7, RANDOM_WORDS)
RANDOM_BLOCK(random_block_7, random_philox_7, uint64_t)
#ifdef NSLM_VECTORS
/* as a shuffle: a shift of a product would become a product with a shifted factor, which is slow */
#define RANDOM_WORDS_V(low, high)                                                                            \
  (nslm_u64v)__builtin_shufflevector((nslm_u32v)(low), (nslm_u32v)(high), 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, \
                                     10, 26, 12, 28, 14, 30)
RANDOM_PHILOX(random_philox_v, nslm_u64v, 10, RANDOM_WORDS_V)
RANDOM_BLOCK(random_block_v, random_philox_v, nslm_u64v)
#define RANDOM_WORDS_Q(low, high) \
  (nslm_u64q)__builtin_shufflevector((nslm_u32q)(low), (nslm_u32q)(high), 0, 8, 2, 10, 4, 12, 6, 14)
RANDOM_PHILOX(random_philox_7q, nslm_u64q, 7, RANDOM_WORDS_Q)
RANDOM_BLOCK(random_block_7q, random_philox_7q, nslm_u64q)
RANDOM_PHILOX(random_philox_w, nslm_u64w, 10, RANDOM_WORDS)
RANDOM_BLOCK(random_block_w, random_philox_w, nslm_u64w)
#endif
#endif

/* Part of hot.c: the synapses of a row into the buckets of their shards and delays (assemble.c). On the way a synapse
 * is a word: its element in the shard, and above these 16 bits the weight in whole grains (units.c). The low 2, 4, 6 or 8 bytes
 * of it are the cell that lies in memory. */
#ifndef NSL_RUNTIME_HOT_PACK_H
#define NSL_RUNTIME_HOT_PACK_H

#include "math/math.h"
#include "runtime/hot.h"

#define PACK_MAGIC 0x1.8p52 /* added, it leaves the nearest integer in the low bits, ties to even; |x| < 2^51 */

void rt_hot_synapse_grains(const double *weight, double per_grain, uint64_t n, uint64_t *words, double *ret_largest) {
  uint64_t i = 0, bits;
  double largest = 0;
#ifdef RT_HOT_BITCODE
  typedef nslm_f64v reals __attribute__((aligned(8)));
  typedef nslm_u64v few __attribute__((aligned(8)));
  nslm_f64v most = 0;
  for (; i + 8 <= n; i += 8) {
    nslm_f64v w = *(const reals *)(weight + i), size = __builtin_elementwise_abs(w);
    most = size > most ? size : most;
    *(few *)(words + i) = (nslm_u64v)(w * per_grain + PACK_MAGIC) << 16;
  }
  for (int k = 0; k < 8; k++) largest = most[k] > largest ? most[k] : largest;
#endif
  for (; i < n; i++) {
    double grains = weight[i] * per_grain + PACK_MAGIC, size = __builtin_fabs(weight[i]);
    largest = size > largest ? size : largest;
    __builtin_memcpy(&bits, &grains, sizeof bits);
    words[i] = bits << 16;
  }
  *ret_largest = largest;
}

void rt_hot_synapse_buckets(const struct rt_buckets *of, const uint32_t *target, const uint32_t *delay, uint64_t n,
                            uint64_t *words, uint32_t *bucket, uint64_t *ret_n) {
  uint32_t *count = of->count, log_span = of->log_span, own0 = of->own0, n_own = of->n_own;
  uint64_t kept = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct rt_lane lane = of->lanes[target[i] / 64];
    if (lane.shard - own0 >= n_own) continue;
    uint32_t to = (uint32_t)lane.shard << log_span | (delay ? delay[i] : of->delay);
    words[kept] = words[i] | (uint16_t)(lane.base + target[i] % 64);
    bucket[kept++] = to;
    count[to]++;
  }
  *ret_n = kept;
}

#define PUT_CELLS(T, bytes)                   \
  for (uint64_t i = 0; i < n; i++) {          \
    char *at = place[bucket[i]];              \
    const T cell = (T)words[i];               \
    place[bucket[i]] = at + (bytes);          \
    __builtin_memcpy(at, &cell, sizeof cell); \
  }

void rt_hot_synapse_put(const uint64_t *words, const uint32_t *bucket, uint64_t n, uint32_t bytes, char **place) {
  if (bytes == 2) {
    PUT_CELLS(uint16_t, 2)
  } else if (bytes == 4) {
    PUT_CELLS(uint32_t, 4)
  } else if (bytes == 8) {
    PUT_CELLS(uint64_t, 8)
  } else {
    for (uint64_t i = 0; i < n; i++) {
      char *at = place[bucket[i]];
      place[bucket[i]] = at + bytes;
      __builtin_memcpy(at, &words[i], 6);
    }
  }
}

#undef PUT_CELLS
#endif

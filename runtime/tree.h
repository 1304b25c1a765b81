/* Sums of many numbers, in one order for processors and devices, in which many threads can add: 1024 numbers are added in 64 lanes, x[l],
 * x[l + 64], …, then halves of the lanes onto each other; of more numbers each 1024 have a sum, and those are added in the same way. No libc.
 * On a device a thread has a lane: device/sums.c. */
#ifndef NSL_RUNTIME_TREE_H
#define NSL_RUNTIME_TREE_H

#include <stdint.h>

enum { RT_TREE_LANES = 64, RT_TREE_CHUNK = 1024 };

/* At most RT_TREE_CHUNK of them. */
static inline double rt_tree_chunk(const double *x, uint64_t n) {
  double lane[RT_TREE_LANES] = {0};
  uint64_t i = 0;
  for (; i + RT_TREE_LANES <= n; i += RT_TREE_LANES)
    for (uint32_t l = 0; l < RT_TREE_LANES; l++) lane[l] += x[i + l];
  for (uint32_t l = 0; i < n; i++, l++) lane[l] += x[i];
  for (uint32_t half = RT_TREE_LANES / 2; half; half /= 2)
    for (uint32_t l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

/* A sum of one number is that number, so where a tree is cut short does not show. */
static inline double rt_tree_sum(const double *x, uint64_t n) {
  double sums[RT_TREE_CHUNK];
  uint64_t size = RT_TREE_CHUNK, k = 0;
  if (n <= RT_TREE_CHUNK) return rt_tree_chunk(x, n);
  while (size < n / RT_TREE_CHUNK + (n % RT_TREE_CHUNK != 0)) size *= RT_TREE_CHUNK;
  for (uint64_t at = 0; at < n; at += size) sums[k++] = rt_tree_sum(x + at, n - at < size ? n - at : size);
  return rt_tree_chunk(sums, k);
}

#endif

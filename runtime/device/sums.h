/* Sums over many elements, as runtime/tree.h makes them: a block's first threads have a lane each. All threads of the block come by. */
#ifndef NSL_RUNTIME_DEVICE_SUMS_H
#define NSL_RUNTIME_DEVICE_SUMS_H

#include "runtime/device/dev.h"
#include "runtime/device/reals.h"
#include "runtime/tree.h"

struct numbers {
  const void *reals;     /* NULL, or in the program's precision; else */
  const double *doubles;
};

static inline double number_at(const struct dev_args *a, struct numbers x, uint64_t i) { return x.reals ? real_at(a, x.reals, i) : x.doubles[i]; }

/* At most RT_TREE_CHUNK numbers. */
static inline double chunk_sum(const struct dev_args *a, struct numbers x, uint64_t from, uint64_t n) {
  double *lanes = nsl_dev_shared(), sum = 0;
  uint32_t lane = nsl_dev_thread();
  if (lane < RT_TREE_LANES) {
    for (uint64_t i = lane; i < n; i += RT_TREE_LANES) sum += number_at(a, x, from + i);
    lanes[lane] = sum;
  }
  for (uint32_t half = RT_TREE_LANES / 2; half; half /= 2) {
    nsl_dev_barrier();
    if (lane < half) lanes[lane] += lanes[lane + half];
  }
  nsl_dev_barrier();
  sum = lanes[0];
  nsl_dev_barrier();
  return sum;
}

/* At most as many such pieces of them. */
static inline double tree_sum(const struct dev_args *a, struct numbers x, uint64_t from, uint64_t n) {
  double *sums = (double *)nsl_dev_shared() + RT_TREE_LANES;
  uint32_t k = 0;
  if (n <= RT_TREE_CHUNK) return chunk_sum(a, x, from, n);
  for (uint64_t at = 0; at < n; at += RT_TREE_CHUNK, k++) {
    double sum = chunk_sum(a, x, from + at, n - at < RT_TREE_CHUNK ? n - at : RT_TREE_CHUNK);
    if (!nsl_dev_thread()) sums[k] = sum;
  }
  nsl_dev_barrier();
  return chunk_sum(a, (struct numbers){.doubles = sums}, 0, k);
}

/* Of the elements of a total; x: what they show. */
static inline double part_sum(const struct dev_args *a, const struct dev_total *t, const double *x) {
  if (t->sums) return tree_sum(a, (struct numbers){.doubles = t->sums}, 0, (t->end - t->from + RT_TREE_CHUNK - 1) / RT_TREE_CHUNK);
  return tree_sum(a, (struct numbers){.doubles = x}, t->from, t->end > t->from ? t->end - t->from : 0);
}

/* The sums of RT_TREE_CHUNK numbers each of the first n trees. ahead: of what a trial shows, by its parity; else of what is shown now. */
static inline void chunks_sum(const struct dev_args *a, uint32_t n_chunks, int ahead, uint64_t step) {
  uint32_t k = 0;
  for (uint32_t c = nsl_dev_block(); c < n_chunks; c += nsl_dev_blocks()) {
    while (a->trees[k].chunk0 + a->trees[k].n_chunks <= c) k++;
    const struct dev_tree *t = &a->trees[k];
    uint64_t at = (uint64_t)(c - t->chunk0) * RT_TREE_CHUNK, n = t->n - at < RT_TREE_CHUNK ? t->n - at : RT_TREE_CHUNK;
    if (ahead >= 0 && !t->of->ahead[0]) continue;
    struct numbers x = {t->reals, !t->of ? 0 : ahead < 0 ? t->of->now[step & 1] : t->of->ahead[ahead]};
    double sum = chunk_sum(a, x, t->from + at, n);
    if (!nsl_dev_thread()) t->to[c - t->chunk0] = sum;
  }
}

#endif

/* Sums of many numbers: the tree of tree.h against the same built level by level, as its words say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/tree.h"
#include "tests/runtime/model.h"

/* 64 lanes by place; then the upper half of the lanes onto the lower one, until one is left. */
static double piece(const double *x, uint64_t n) {
  double now[64], next[64];
  for (int l = 0; l < 64; l++) {
    now[l] = 0;
    for (uint64_t i = 0; i < n; i++)
      if (i % 64 == (uint64_t)l) now[l] += x[i];
  }
  for (int size = 64; size > 1; size /= 2) {
    for (int l = 0; l < size / 2; l++) next[l] = now[l] + now[l + size / 2];
    memcpy(now, next, sizeof now);
  }
  return now[0];
}

static double by_levels(const double *x, uint64_t n) {
  double *level = malloc((n + 1) * sizeof *level);
  memcpy(level, x, n * sizeof *level);
  while (n > 1024) {
    uint64_t k = 0;
    for (uint64_t at = 0; at < n; at += 1024, k++) level[k] = piece(level + at, n - at < 1024 ? n - at : 1024);
    n = k;
  }
  double sum = piece(level, n);
  free(level);
  return sum;
}

int main(void) {
  static const uint64_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 1000, 1023, 1024, 1025, 2047, 2049, 65536, 99999, 1 << 20, (1 << 20) + 1, (1 << 20) + 77777};
  uint64_t most = (1 << 20) + 77777, seed = 1, same = 0, other = 0;
  double *x = malloc(most * sizeof *x);
  for (uint64_t i = 0; i < most; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = ((double)(seed >> 11) * 0x1p-53 - 0.3) * (i % 7 == 0 ? 1e6 : 1);
  }
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    double sum = rt_tree_sum(x, sizes[k]), plain = 0;
    for (uint64_t i = 0; i < sizes[k]; i++) plain += x[i];
    same += sum == by_levels(x, sizes[k]) && fabs(sum - plain) <= 1e-9 * (1 + fabs(plain));
    other += sum != plain;
  }
  ok(same == sizeof sizes / sizeof *sizes, "sums are those of the tree, and near plain ones: %llu", (unsigned long long)same);
  ok(other > 4, "in another order than plain ones: %llu", (unsigned long long)other);
  free(x);
  return done();
}

/* Correlations of all pairs of elements of a record, by Welford's sums: one pass, nothing is lost to large means. The first fifth of the run
 * does not count, since there all elements go together from where they began. Of more rows than are worth it each so-manieth is taken, so the
 * cost has a bound: MOST_ROWS * MOST_ELEMENTS^2 / 2 products. */
#include "runtime/covary.h"

#include <math.h>

#include "runtime/sim.h"

enum { LEAST_ELEMENTS = 4, MOST_ELEMENTS = 200, LEAST_ROWS = 20, MOST_ROWS = 4000 };

static uint64_t elements_of(const struct rt_variable *v) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < v->n_groups; i++) n += v->groups[i].pop->class->has_spike ? MOST_ELEMENTS + 1 : v->groups[i].cols;
  return n;
}

int rt_covary_open(const struct rt_sim *s, struct rt_mem *mem, const struct rt_variable *v, struct rt_covary **ret) {
  *ret = NULL;
  if (v->reduced || !v->every) return 0;
  uint64_t n = elements_of(v), rows = s->n_steps / v->every + 1, first = rows / 5;
  if (n < LEAST_ELEMENTS || n > MOST_ELEMENTS || rows - first < LEAST_ROWS) return 0;
  struct rt_covary *c = rt_alloc(mem, 1, sizeof *c);
  if (!c) return NSL_EMEMORY;
  *c = (struct rt_covary){.n = (uint32_t)n, .apart = s->ranks != NULL, .first = first, .stride = (rows - first + MOST_ROWS - 1) / MOST_ROWS};
  c->x = rt_alloc(mem, n, sizeof *c->x);
  c->mean = rt_alloc(mem, n, sizeof *c->mean);
  c->sum = rt_alloc(mem, n * (n + 1) / 2, sizeof *c->sum);
  if (!c->x || !c->mean || !c->sum) return NSL_EMEMORY;
  *ret = c;
  return 0;
}

static void row_add(struct rt_covary *c) {
  double part = 1 / (double)++c->used, *sum = c->sum;
  for (uint32_t i = 0; i < c->n; i++) {
    double before = c->x[i] - c->mean[i];
    c->mean[i] += before * part;
    for (uint32_t j = 0; j <= i; j++) *sum++ += before * (c->x[j] - c->mean[j]);
  }
}

void rt_covary_rows(struct rt_covary *c, const struct rt_variable *v, uint64_t n, bool narrow) {
  for (uint64_t row = 0; row < n && !c->apart; row++) {
    uint64_t at = c->seen++;
    if (at < c->first || (at - c->first) % c->stride) continue;
    double *x = c->x;
    for (uint32_t g = 0; g < v->n_groups; g++)
      for (uint64_t k = 0, from = row * v->groups[g].cols; k < v->groups[g].cols; k++)
        *x++ = narrow ? (double)((const float *)v->groups[g].rows)[from + k] : ((const double *)v->groups[g].rows)[from + k];
    row_add(c);
  }
}

double rt_covary_correlation(const struct rt_covary *c, uint32_t i, uint32_t j) {
  uint64_t a = i > j ? i : j, b = i > j ? j : i;
  double own = c->sum[a * (a + 1) / 2 + a] * c->sum[b * (b + 1) / 2 + b];
  return own > 0 ? c->sum[a * (a + 1) / 2 + b] / sqrt(own) : NAN;
}

void rt_covary_walk(struct rt_archive *a, struct rt_covary *c) {
  uint64_t n = c->n;
  rt_archive_u64(a, "pairs", &c->seen);
  rt_archive_u64(a, "pairs used", &c->used);
  rt_archive_data(a, "pairs", 1, c->mean, n * sizeof *c->mean);
  rt_archive_data(a, "pairs", 2, c->sum, n * (n + 1) / 2 * sizeof *c->sum);
}

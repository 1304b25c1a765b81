/* How the courses of a record's elements go with each other: their correlations over the run, gathered row by row. */
#ifndef NSL_RUNTIME_COVARY_H
#define NSL_RUNTIME_COVARY_H

#include "runtime/archive.h"
#include "runtime/record.h"

struct rt_covary {
  uint32_t n;                   /* elements */
  uint64_t first, stride, seen; /* of the rows that come, from `first` on each so-manieth counts */
  uint64_t used;
  bool apart; /* no rank has the whole rows */
  double *x, *mean, *sum; /* sum: of products of what is left of the means, for j <= i at i * (i + 1) / 2 + j */
};

/* NULL where nothing is to be shown: sums, cells that spike, few elements or very many. */
int rt_covary_open(const struct rt_sim *s, struct rt_mem *mem, const struct rt_variable *v, struct rt_covary **ret);
void rt_covary_rows(struct rt_covary *c, const struct rt_variable *v, uint64_t n, bool narrow);
double rt_covary_correlation(const struct rt_covary *c, uint32_t i, uint32_t j); /* NaN if one of them stands still */
void rt_covary_walk(struct rt_archive *a, struct rt_covary *c);

#endif

/* The targets of a projection by where they are: parts of space with a few cells each, and blocks of parts. */
#ifndef NSL_RUNTIME_NEARBY_H
#define NSL_RUNTIME_NEARBY_H

#include "runtime/sim.h"

struct rt_boxes {
  uint32_t n;
  double *size;          /* how many cells are in each */
  double *lo[3], *hi[3]; /* by axis: where they are; kernels may read up to 64 more */
};
struct rt_nearby {
  struct rt_boxes blocks, parts;
  uint32_t *first;             /* parts of block b: first[b] .. first[b + 1] */
  uint32_t *begin, *element;   /* elements of part k: element[begin[k]] .. element[begin[k + 1]] */
  double slack;                /* more than roundings of a coordinate */
};

int rt_nearby_make(struct rt_sim *s, const struct rt_proj *p, struct rt_nearby *ret);

#endif

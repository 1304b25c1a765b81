/* Connections that a file lists one by one. */
#ifndef NSL_RUNTIME_EDGES_H
#define NSL_RUNTIME_EDGES_H

#include "runtime/sim.h"

/* The file, in its order; all in the simulation's build memory. */
struct rt_edge_list {
  uint64_t n;
  const double *source, *target;         /* ids */
  const char *source_name, *target_name; /* of the columns or datasets */
  const uint64_t *lines;                 /* of a CSV file; NULL: edges are numbered from 0 */
  double **values;                       /* by field of the projection: numbers of edges; else NULL */
};

/* `by edges("net.h5")`: reads the file into p->edges, its numbers into the fields. */
int rt_edges_read(struct rt_sim *s, struct rt_proj *p);
int rt_edges_h5(struct rt_sim *s, const struct rt_proj *p, const char *path, struct rt_edge_list *ret); /* a SONATA file (edges_h5.c) */

#endif

/* Cells that a SONATA file of nodes describes. */
#ifndef NSL_RUNTIME_NODES_H
#define NSL_RUNTIME_NODES_H

#include "runtime/sim.h"

/* Coordinates of a population `at nodes("net.h5")`, into ret->at; sets ret->n_axes, 0 where the file does not say. */
int rt_nodes_places(struct rt_sim *s, const struct rt_pop *p, struct rt_places *ret);
/* A number of each of its cells, by its name in the file: p->size values in the build memory. */
int rt_nodes_number(struct rt_sim *s, const struct rt_pop *p, const char *name, const double **ret);

#endif

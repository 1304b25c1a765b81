/* Where the cells of populations are. */
#ifndef NSL_RUNTIME_PLACES_H
#define NSL_RUNTIME_PLACES_H

#include "runtime/sim.h"

/* Places of all populations that have some: a function of the seed, the population and the element. */
int rt_places_make(struct rt_sim *s);
bool rt_places_any(const struct rt_sim *s);
/* A SONATA file of nodes with the places. */
int rt_places_write(const struct rt_sim *s, const char *path);

#endif

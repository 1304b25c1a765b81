/* What options.c, describe.c and api.c need of setup.c. */
#ifndef NSL_RUNTIME_SETUP_H
#define NSL_RUNTIME_SETUP_H

#include "runtime/sim.h"

int rt_experiment_choose(struct rt_sim *s, const char *name); /* NULL: the only one */
int rt_set(struct rt_sim *s, const struct rt_setting *set);

#endif

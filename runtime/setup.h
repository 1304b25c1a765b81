/* What options.c, describe.c and api.c need of setup.c. */
#ifndef NSL_RUNTIME_SETUP_H
#define NSL_RUNTIME_SETUP_H

#include "runtime/sim.h"

int rt_experiment_choose(struct rt_sim *s, const char *name); /* NULL: the only one */
int rt_set(struct rt_sim *s, const struct rt_setting *set);
/* api.c: adds to c->sets, which has room for RT_MOST_SETS, copies of a path of `x` and its value. */
enum { RT_MOST_SETS = 4096 };
int rt_setting_add(struct rt_mem *m, const struct nsl_experiment *x, struct rt_config *c, const struct rt_setting *set);

#endif

/* What an experiment expects, over all its seeds. */
#ifndef NSL_RUNTIME_SEEDS_H
#define NSL_RUNTIME_SEEDS_H

#include <stdio.h>

#include "runtime/sim.h"

struct rt_seed_row { /* of one expect */
  const struct nsl_expect *def;
  uint32_t holds, with_value;
  double sum, squares, least, most; /* of values in the unit that is shown */
};
struct rt_seeds {
  struct rt_mem mem;
  uint64_t first;
  uint32_t n, n_rows; /* runs, expects */
  struct rt_seed_row *rows;
};
/* Takes the values of a run that is over. */
int rt_seeds_add(struct rt_seeds *t, const struct rt_sim *s);
/* The same from the run.json of a run that is over; gives its exit status. */
int rt_seeds_read(struct rt_seeds *t, const struct nsl_experiment *x, uint64_t seed, const char *folder, int *ret_exit);
/* The table on `out`, and FOLDER/seeds.json. */
int rt_seeds_report(const struct rt_seeds *t, const char *folder, FILE *out);

#endif

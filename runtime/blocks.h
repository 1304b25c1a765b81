/* A slice's step in blocks (blocks.c). */
#ifndef NSL_RUNTIME_BLOCKS_H
#define NSL_RUNTIME_BLOCKS_H

#include "runtime/sim.h"

int rt_blocks_make(struct rt_sim *s);
/* Poisson counts and the step kernel, for env's step. Nonzero: some state is not finite. */
uint64_t rt_blocks_step(struct rt_shard *h, struct rt_slice *c, struct nsl_env *env);

#endif

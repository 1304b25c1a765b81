/* A slice's step in blocks (blocks.c). */
#ifndef NSL_RUNTIME_BLOCKS_H
#define NSL_RUNTIME_BLOCKS_H

#include "runtime/sim.h"

enum { RT_BLOCK = 1024 }; /* elements */
int rt_blocks_make(struct rt_sim *s);
/* Poisson counts and the step kernel, for env's step. Nonzero: some state is not finite. */
uint64_t rt_blocks_step(struct rt_shard *h, struct rt_slice *c, struct nsl_env *env);
/* Is there nothing that could ever reach this port of the slice's population? */
bool rt_port_is_silent(const struct rt_sim *s, const struct rt_slice *c, uint32_t port);

#endif

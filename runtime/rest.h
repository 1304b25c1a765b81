/* Blocks of a slice in which nothing changes are passed over (rest.c). */
#ifndef NSL_RUNTIME_REST_H
#define NSL_RUNTIME_REST_H

#include "runtime/sim.h"

int rt_rest_make(struct rt_sim *s); /* after rt_blocks_make, for its blocks */
/* Who will be reached in this step, before spikes are delivered: before each part of them, if that is done in parts. */
void rt_rest_arrivals(struct rt_shard *h, uint64_t step);
/* All of the following only for slices with c->rest. At the beginning of the slice's step: */
void rt_rest_begin(struct rt_shard *h, struct rt_slice *c, uint64_t step);
/* Does the block of env rest in this step? Then its spikes are written (none), and there is nothing to compute. */
bool rt_rest_passes(struct rt_shard *h, struct rt_slice *c, const struct nsl_env *env);
/* Behind the step kernel of a block that did not. */
void rt_rest_look(struct rt_shard *h, struct rt_slice *c, const struct nsl_env *env);

#endif

/* What spikes carry beside their weights: the derivatives of networks (autodiff/network.c). */
#ifndef NSL_RUNTIME_CARRY_H
#define NSL_RUNTIME_CARRY_H

#include "runtime/sim.h"

/* Does something arrive in this input along synapses? */
bool rt_carry_reaches(const struct nsl_class *c, uint32_t input);
/* After rt_connect: what is under way, if some class has lanes. Needs rows by shard. */
extern const char *const rt_rows_wanted; /* why it fails where rows lie by source */
int rt_carry_make(struct rt_sim *s);
/* Before the step kernels: what is due at this step goes to the inputs. */
void rt_carry_arrive(struct rt_shard *h, uint64_t step);
/* When all shards have done the step: what their cells hold in their lanes goes under way to the targets in this shard. */
void rt_carry_send(struct rt_shard *h, uint64_t step);

#endif

/* What spikes carry beside their weights: the derivatives of networks (autodiff/network.c). */
#ifndef NSL_RUNTIME_CARRY_H
#define NSL_RUNTIME_CARRY_H

#include "runtime/sim.h"

struct rt_carry {
  uint32_t n_lanes, stride, mask; /* stride: lanes up to a multiple of 4 */
  uint32_t n_ports, n_reached;
  uint32_t *place; /* by number of a port in its class: its place among those of which some class has an input, or NSL_NONE */
  double **due;    /* by shard: [step & mask][place][element of the shard][lane], in units of the port; on a device: device_carry.c */
  double **sent;   /* by shard: by lane, of one cell; then the same times a weight */
};
/* Does something arrive in this input along synapses? */
bool rt_carry_reaches(const struct nsl_class *c, uint32_t input);
/* After rt_connect: what is under way, if some class has lanes. Needs rows by shard. */
extern const char *const rt_rows_wanted; /* why it fails where rows lie by source */
int rt_carry_make(struct rt_sim *s);
/* Before the step kernels: what is due at this step goes to the inputs. */
void rt_carry_arrive(struct rt_shard *h, uint64_t step);
/* Do spikes along these rows carry something that somebody takes? */
bool rt_carry_takes(const struct rt_carry *c, const struct rt_group *g);
/* When all shards have done the step: what their cells hold in their lanes goes under way to the targets in this shard. */
void rt_carry_send(struct rt_shard *h, uint64_t step);

#endif

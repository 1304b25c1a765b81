/* Events of handlers that do more than add. */
#ifndef NSL_RUNTIME_EVENTS_H
#define NSL_RUNTIME_EVENTS_H

#include "runtime/sim.h"

/* The handler of this port runs for each event. */
bool rt_port_each(const struct rt_pop *p, uint32_t port);
/* Projections in the order in which they are declared; all zero: begins. NULL behind the last. */
struct rt_declared {
  uint32_t plain, plastic;
};
struct rt_proj *rt_declared_next(const struct rt_sim *s, struct rt_declared *at);
void rt_events_rank(struct rt_sim *s);                         /* after the projections are prepared */
int rt_events_pop(struct rt_sim *s, struct rt_pop *p);        /* arrays */
int rt_events_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c); /* kernels */
int rt_events_room(struct rt_shard *h);                       /* the table of spikes under way has grown */

void rt_events_gather(struct rt_shard *h, uint64_t step); /* what is due, before the first slice */
/* Runs the handlers of a slice; env is that of its step. */
void rt_events_handle(struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env);
/* A population with a longer step: what is due at this step of the run waits; rt_events_handle takes what has waited. */
void rt_events_wait(struct rt_shard *h, const struct rt_slice *c, uint64_t step);
int rt_events_whole(const struct rt_shard *h); /* none was lost */
void rt_events_drop(struct rt_sim *s);
void rt_events_go_on(struct rt_shard *h, uint64_t step); /* after the last slice */

#endif

/* Populations with a step of their own (pace.c). */
#ifndef NSL_RUNTIME_PACE_H
#define NSL_RUNTIME_PACE_H

#include "runtime/sim.h"

/* Its last own step that ends at this step of the run, or before it. */
static inline uint64_t rt_own_step(const struct rt_pop *p, uint64_t step) { return step / p->every * p->within; }
static inline bool rt_has_own_step(const struct rt_pop *p) { return p->within > 1 || p->every > 1; }

int rt_pace_pop(struct rt_sim *s, struct rt_pop *p);                        /* arrays */
int rt_pace_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c); /* behind its kernels' slots */
void rt_pace_wait(const struct rt_shard *h, const struct rt_slice *c); /* what this step of the run has brought waits */
void rt_pace_take(const struct rt_shard *h, const struct rt_slice *c); /* all that has waited is there for the own step */
void rt_pace_idle(const struct rt_slice *c, bool idle);                /* finer steps but the last: nothing arrives */

#endif

/* The synapses of a projection, source by source. */
#ifndef NSL_RUNTIME_SYNAPSES_H
#define NSL_RUNTIME_SYNAPSES_H

#include "runtime/rules.h"
#include "runtime/sim.h"

struct rt_synapses { /* scratch of one thread; all zero but s: empty */
  struct rt_sim *s;
  const _Atomic uint32_t *failed; /* some other thread has: give up; NULL: there is none */
  struct rt_drawer drawer;
  uint32_t *partners, *steps;
  double *weights;
  size_t partners_cap, steps_cap, weights_cap;
  struct rt_mem lists; /* of rt_synapses_list; freed by the caller when it is through with the projection */
};
/* One source's synapses of one projection, valid until the next call. NULL: the same for all, of the projection. */
struct rt_row_of {
  uint64_t n;
  const uint32_t *target, *delay; /* elements, steps */
  const double *weight;
};
/* Makes p->csr if the rule needs it; before rt_synapses_of. */
int rt_synapses_list(struct rt_synapses *k, struct rt_proj *p);
/* In the order of ordinals; of a rule by targets, in that of targets and their ordinals. */
int rt_synapses_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, struct rt_row_of *ret);
void rt_synapses_drop(struct rt_synapses *k);

#endif

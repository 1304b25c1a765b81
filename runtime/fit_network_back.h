/* Reverse mode of a network's run: fit_network_back.c. */
#ifndef NSL_RUNTIME_FIT_NETWORK_BACK_H
#define NSL_RUNTIME_FIT_NETWORK_BACK_H

#include "runtime/fit_weights.h"
#include "runtime/track.h"

struct rt_adjoint;
struct rt_adjoint_of {
  uint32_t n;
  const uint32_t *measures;
  const double *slopes; /* of the objective by each measure */
  const struct rt_trained *trained;
  uint32_t n_trained, first, n_weights; /* coordinates of the trained weights: the first of all, and how many */
};
/* At the end of the run. */
int rt_adjoint_make(struct rt_mem *mem, const struct rt_sim *s, const struct rt_adjoint_of *of, struct rt_adjoint **ret);
int rt_adjoint_back(struct rt_adjoint *a, const struct rt_sim *s); /* through the steps that s->track has, the last first */
/* At the begin: derivatives by the n_free free parameters; `s` has the derivatives of what the run begins with. Those by the trained weights. */
const double *rt_adjoint_end(const struct rt_adjoint *a, const struct rt_sim *s, uint32_t n_free, double *ret);

#endif

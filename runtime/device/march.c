/* What the marches of a fit need between the launches of their kernels (runtime/fit_device.c). */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"

DEV_FUNCTION(move) {
  const struct dev_moves *a = arguments;
  uint64_t block = nsl_dev_block(), which = block / a->blocks, size = nsl_dev_block_size();
  if (which >= a->n) return;
  const struct dev_move *m = &a->moves[which];
  for (uint64_t i = block % a->blocks * size + nsl_dev_thread(); i < m->n; i += a->blocks * size) m->to[i] = m->from[i];
}

/* As rt_walk_diverges: in each lane some term is no finite number. A thread has a walk. */
DEV_FUNCTION(diverge) {
  const struct dev_diverge *a = arguments;
  uint64_t walk = (uint64_t)nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread();
  if (walk >= a->n || !a->n_sums) return;
  const double *states = a->rooms + walk * a->row + a->states;
  for (uint32_t lane = 0; lane < NSL_MARCH_LANES; lane++) {
    int good = 1;
    for (uint32_t t = 0; t < a->n_sums; t++) {
      double sum = states[(uint64_t)a->sums[t] * NSL_MARCH_LANES + lane];
      good &= sum - sum == 0;
    }
    if (good) return;
  }
  a->stopped[walk] = 1;
}

/* What each step of a network has read, kept for its way back: states before it, what has arrived, inputs, masks. */
#ifndef NSL_RUNTIME_TRACK_H
#define NSL_RUNTIME_TRACK_H

#include "runtime/sim.h"

struct rt_track {
  uint64_t from, to; /* steps (from, to] */
  struct rt_track_pop *pops;
};
struct rt_track_pop {
  uint32_t n_states, n_ports, n_inputs, n_holds;
  bool *taken;        /* by port: the step takes it */
  double *rows;       /* [step][state, port, input][element]; on a device: its address */
  uint64_t *masks;    /* [step][hold, prev][word] */
  uint64_t row, mask_row;
};
double rt_track_bytes(const struct rt_sim *s); /* of one step; after rt_build */
/* Before rt_run, and rt_device_make; room: for so many steps of so many bytes, on the device if the run is. */
int rt_track_make(struct rt_sim *s, uint64_t from, uint64_t to, double *room);
void rt_track_take(struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env);
/* Arrays over the elements of a population; of a step that is kept. */
const double *rt_track_state(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t state);
const double *rt_track_port(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t port);
const double *rt_track_input(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t input);
const uint64_t *rt_track_mask(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t hold); /* n_holds: prev */

#endif

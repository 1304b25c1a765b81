/* Recorded weights, and states, of synapses (weights.c). */
#ifndef NSL_RUNTIME_WEIGHTS_H
#define NSL_RUNTIME_WEIGHTS_H

#include "runtime/h5.h"
#include "runtime/sim.h"

struct rt_weight_set { /* one projection; its synapses in the order (source, target, ordinal) */
  const struct nsl_projection *def;
  struct rt_proj *proj; /* NULL: its condition is false, or no pair is connected */
  struct rt_plastic *plastic; /* NULL: synapses without memory, or none */
  const struct rt_coupling *coupling; /* continuous synapses; or NULL */
  bool moves;     /* it changes in the run */
  uint32_t state; /* of the synapses' class; NSL_NONE: the weight */
  const char *unit;
  double unit_scale;
  uint64_t n, again; /* synapses; weights that the journal has given back */
  hid_t source, target, delay, data;
};
struct rt_weights {
  const struct nsl_record *def;
  uint64_t every, rows; /* steps; rows already written */
  const char *what; /* "weight", or the state's name */
  bool moves; /* some of them have memory */
  uint32_t n_sets;
  struct rt_weight_set *sets;
  uint32_t writer; /* the rank */
  const char *path, *csv_path;
  struct rt_h5 h5;
  struct rt_weight_piece *piece; /* a buffer */
};

struct rt_recorder;
/* In all ranks; then in the one that writes. */
int rt_weights_names(struct rt_sim *s, struct rt_recorder *r, struct rt_weights *w);
int rt_weights_open(struct rt_sim *s, struct rt_recorder *r, struct rt_weights *w);
int rt_weights_begin(struct rt_sim *s, struct rt_weights *w); /* in all ranks: states at the start */
int rt_weights_flush(struct rt_sim *s, struct rt_weights *w, uint64_t step); /* the rows up to this step */
int rt_weights_again(struct rt_weights *w, uint32_t set, uint64_t n, const double *weights); /* out of the journal, in order */
int rt_weights_close(struct rt_sim *s, struct rt_weights *w);

#endif

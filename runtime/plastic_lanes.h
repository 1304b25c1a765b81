/* Arrays of synapses that a kernel of synapses with memory works on (plastic.h): scratch of one thread. */
#ifndef NSL_RUNTIME_PLASTIC_LANES_H
#define NSL_RUNTIME_PLASTIC_LANES_H

#include "runtime/plastic.h"

struct rt_lanes { /* all zero: empty */
  uint64_t room;
  void **states, **params;      /* by state, by param: reals */
  void *elapsed, *since, **out; /* reals; by send */
  void **inputs;                /* by input: reals, the same for all synapses */
  void **slots;                 /* of the kernel that runs next */
  uint32_t *lane, *first, *left; /* synapses for which there is something to do: which, from which spike on, how many */
  struct rt_mem mem;
};

int rt_lanes_room(struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, uint64_t n);
/* The pointers that a code's bindings mean: scratch, to be changed by who wants others. */
void rt_lanes_slots(struct rt_lanes *l, const struct nsl_code *code);
void rt_lanes_run(const struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, const struct rt_learn *learn, uint64_t n, uint64_t step);
/* plastic_signal.c: signals that are followed, and the time since their last event; that of step or, with a list, of each one's spike. */
void rt_signals_fill(const struct rt_plastic_shard *q, const struct rt_segment *g, const struct nsl_code *code, uint64_t step, bool list, uint32_t n);
/* plastic_draw.c: draws of the kernel's inputs, for all synapses of a segment at a presynaptic event; for those in the list at their spikes. */
void rt_draws_begin(const struct rt_sim *s, void *array, uint64_t n);
void rt_draws_pre(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step);
void rt_draws_post(const struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint32_t n);
void rt_lanes_drop(struct rt_lanes *l);
struct rt_row_of;
/* plastic_size.c: rows of a sample, one by one; what all will take. */
struct rt_sizes { /* all zero: empty */
  uint64_t *keys, synapses, slots, segments;
  size_t cap;
  uint32_t most; /* delay in steps */
};
int rt_sizes_add(const struct rt_sim *s, const struct rt_proj *proj, struct rt_sizes *z, const struct rt_row_of *row);
void rt_sizes_end(const struct rt_sim *s, struct rt_plastic *p, const struct rt_sizes *z);
/* plastic.c: the initial values of a row's synapses, in the order of their ordinals. */
int rt_lanes_init(struct rt_sim *s, const struct rt_plastic *p, struct rt_lanes *l, uint32_t source, const struct rt_row_of *row);
/* plastic_step.c: a state of a segment's synapses, when all rows have caught up. */
int rt_plastic_now(struct rt_plastic_shard *q, uint32_t row, const struct rt_segment *g, uint32_t state, double *ret);

static inline double rt_real(const struct rt_sim *s, const void *array, uint64_t i) {
  return s->program->f32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}
static inline void rt_real_set(const struct rt_sim *s, void *array, uint64_t i, double v) {
  if (s->program->f32) ((float *)array)[i] = (float)v;
  else ((double *)array)[i] = v;
}

#endif

/* The synapses of a projection, source by source.
 *
 * A row is a function of the model and the seed: whoever asks, on whichever thread, in whatever order and however
 * often, gets the same synapses in the same order. Stored rows, rows made at every spike, recorded weights and
 * checks all come from here. Each thread has a scratch of its own; nothing is shared but what rt_rules_make
 * left. Weights are those that were drawn, clipped to their bounds, not yet whole multiples of a grain. */
#ifndef NSL_RUNTIME_SYNAPSES_H
#define NSL_RUNTIME_SYNAPSES_H

#include "runtime/rules.h"
#include "runtime/sim.h"

struct rt_synapses { /* scratch of one thread; all zero but s: empty */
  struct rt_sim *s;
  uint32_t *partners, *steps;
  uint32_t *posts; /* of a third part: the targets of the synapses at which the partners stand */
  struct rt_delays delays; /* of the steps */
  double *weights;
  const double **pairs; /* by field of the projection: of this row */
  double *gathered;     /* where these are none of its own */
  double *coordinates;  /* of the row's targets, axis after axis */
  double *chances;      /* of some candidates (chance.c), */
  uint32_t *candidates; /* which are these */
  double *bounds, *hazards; /* by part of space: of its fields, of its pairs */
  size_t partners_cap, posts_cap, steps_cap, weights_cap, pairs_cap, gathered_cap, coordinates_cap, chances_cap, candidates_cap, bounds_cap, hazards_cap;
};
/* One source's synapses of one projection, in the order of their ordinals; valid until the next call. NULL: the
 * same for all, of the projection. */
struct rt_row_of {
  uint64_t n;
  const uint32_t *target, *delay; /* elements, steps */
  struct rt_delays delays;        /* if they are given one by one */
  const double *weight;
};
/* After rt_rules_make; the source is one of the projection's. NSL_EMODEL after rt_fail_at: a weight or delay that
 * cannot be. */
int rt_synapses_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, struct rt_row_of *ret);
/* Only how many, without making them: some nanoseconds. (indegree with `no multiple`: the row has to be made.) */
int rt_synapses_count(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n);
/* By what a delay that was drawn is multiplied before it becomes steps. */
double rt_delay_stretch(const struct rt_sim *s, const struct rt_proj *p);
/* Who they are alone, into k->partners. */
int rt_partners_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n);
/* ---- third.c: third parts of the synapses of a projection; source: of these */
enum { RT_THIRD_TAKES, RT_THIRD_WHICH }; /* ordinals of draws by the rule's key */
int rt_third_prepare(struct rt_sim *s, struct rt_proj *p);
void rt_third_join(struct rt_sim *s, struct rt_proj *p); /* when all projections are prepared: finds theirs */
/* Which of the cells of its slice stands at a synapse; NSL_NONE: nobody does. */
uint32_t rt_third_cell(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint64_t ordinal, uint32_t target);
int rt_third_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n); /* into k->partners, k->posts */
void rt_synapses_drop(struct rt_synapses *k);

#endif

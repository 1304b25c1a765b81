/* --verify: what the elements received, checked at sampled steps against the spikes and the rules; digests of the
 * state, and their comparison with those of another run. */
#ifndef NSL_RUNTIME_VERIFY_H
#define NSL_RUNTIME_VERIFY_H

#include "runtime/out.h"
#include "runtime/sim.h"

enum { RT_VERIFY_STEPS = 32 }; /* sampled in a run */

struct rt_taken { /* an event that a handler took */
  uint32_t port, element; /* of the model; of its population */
  double weight;
};
struct rt_sent { /* what a synapse with memory has sent to arrive in a sampled step */
  uint64_t arrival;
  uint32_t proj, source, target, delay, nth; /* among the plastic ones; nth: of its sends */
  uint32_t event;                            /* to a handler that does more than add: its number in the source's row, from 1 on */
  int64_t units;
  double weight;
};
/* What one shard received in one sampled step. */
struct rt_snapshot {
  uint64_t step;
  int64_t *sums;       /* its accumulators when spikes were delivered, before drives add to them: by slice, port, element */
  char *before, *after; /* states that events go straight to, by slice and port: around their delivery */
  struct rt_taken *taken;
  struct rt_sent *sent; /* of synapses with memory */
  size_t n_taken, n_sent, sums_cap, before_cap, after_cap, taken_cap, sent_cap;
};
struct rt_seen { /* of a shard, in the batch of one parity */
  struct rt_snapshot *at;
  size_t n, cap, made;
  size_t *from; /* by slice, and behind the last: where its sums lie */
};

/* After the build, before the first step. samples: check what elements receive; compare: folder of another run, or NULL.
 * Digests are taken in any case. */
int rt_verify_open(struct rt_sim *s, bool samples, const char *compare);
/* Called by shards: at h->next_check behind delivery; around the events that go straight to states; by handlers. */
void rt_verify_sums(struct rt_shard *h, uint64_t step, uint32_t parity);
void rt_verify_straight(struct rt_shard *h, bool after);
void rt_verify_event(struct rt_shard *h, uint32_t port, uint32_t element, double weight);
bool rt_verify_wants(const struct rt_sim *s, uint64_t step); /* is it a sampled one? */
/* By the first thread when the spikes of n steps are known: checks the sampled ones and compares digests. */
int rt_verify_batch(struct rt_sim *s, uint64_t from, uint32_t n, uint32_t parity);
void rt_verify_drop(struct rt_sim *s);
/* What was checked: steps, elements by port and step, events. */
void rt_verify_counts(const struct rt_sim *s, uint64_t ret[3]);

/* The sources of a projection that have spiked `least` to `most` steps before a sampled one: source << 32 | steps, sorted. */
struct rt_verify_due {
  uint64_t *at;
  size_t n, cap;
};
int rt_verify_due(const struct rt_sim *s, const struct rt_proj *p, uint64_t step, uint64_t least, uint64_t most, struct rt_verify_due *d);

/* ---- plastic_verify.c: synapses with memory */
uint32_t rt_plastic_reach(const struct rt_sim *s); /* the longest time from a spike to what it sends: steps */
int rt_plastic_sent(struct rt_shard *h, struct rt_snapshot *shot); /* those of its step, into the snapshot */
/* Of a sampled step: what a projection's synapses have sent to handlers that do more than add, in the order of sources and numbers. */
int rt_plastic_events(struct rt_sim *s, uint32_t parity, size_t which, const struct rt_proj *p,
                      int (*take)(void *context, const struct rt_proj *p, uint32_t target, double weight), void *context);
/* Of a sampled step: has each synapse that a spike has reached sent once, and no other? Takes what they sent off the sums. */
int rt_plastic_check(struct rt_sim *s, uint32_t parity, size_t which, uint64_t step);

/* ---- digest.c */
struct rt_digests;
int rt_digests_open(struct rt_sim *s, const char *compare, struct rt_digests **ret);
void rt_digest_take(struct rt_shard *h, uint64_t step); /* at h->next_digest, when the step is done */
uint64_t rt_digest_next(const struct rt_sim *s, uint64_t step); /* the first step behind this with a digest; RT_NO_STEP */
int rt_digests_compare(struct rt_sim *s, struct rt_digests *d, uint64_t until); /* those that are complete */
/* For checkpoints: the digests so far, row by row, and the steps between two rows; of a run that goes on, those that it
 * had: its rows are the same, or further apart if it is to be longer. */
uint64_t *rt_digests_so_far(const struct rt_sim *s, uint64_t *ret_n, uint64_t *ret_every);
int rt_digests_take_up(struct rt_sim *s, const uint64_t *values, uint64_t n, uint64_t every);
int rt_digests_write(struct rt_sim *s, struct rt_out *out);                     /* digests.csv; nothing without --verify */

struct rt_verify { /* of a sim; NULL: no --verify */
  struct rt_mem mem;
  struct rt_digests *digests;
  uint32_t n_steps, at; /* sampled steps; those before `at` are checked */
  uint64_t steps[RT_VERIFY_STEPS];
  uint64_t n_sums, n_events;
  struct rt_history *history;
  uint64_t history_mask;
  uint32_t **part_of; /* by population, by block of 64 elements */
  _Atomic int failed; /* a snapshot found no memory */
  bool over;          /* a difference was found: the run ends behind the next interval, which is not looked at */
};

#endif

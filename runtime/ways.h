/* Where spikes go when events come through queues (procedural.c): along a projection whose rows are made anew (anew.c), or
 * along a group of rows that are stored by source (streams.c). */
#ifndef NSL_RUNTIME_WAYS_H
#define NSL_RUNTIME_WAYS_H

#include "runtime/queue.h"
#include "runtime/synapses.h"

struct rt_maker { /* of one thread */
  _Alignas(64) struct rt_queue queue;
  struct rt_synapses synapses;
  uint64_t *words; /* weights in grains << 16 */
  uint32_t *targets, *delays; /* of a row of which not all is wanted */
  double *weights;
  size_t words_cap, targets_cap, delays_cap, weights_cap;
  uint32_t plan, portion;
};

struct rt_way {
  const struct rt_pop *source;
  const struct rt_proj *proj; /* a group: the first of its projections */
  uint32_t s0, sn;            /* sources */
  uint32_t index;             /* of the projection or the group: runs are labelled with it */
  uint32_t delay;             /* if late is false: of all synapses */
  uint32_t size;              /* bytes of an event */
  double row;                 /* synapses of a source, on average */
  enum rt_arrival arrival;
  bool late; /* synapses have delays of their own */
};

/* What arrives of a projection; where the handler or the state is the target's. */
enum rt_arrival rt_arrival(const struct rt_proj *p);

/* Events of one source's spike at `step` into the maker's queue, which is open for this way. */
typedef int rt_send_fn(struct rt_maker *m, const struct rt_way *way, uint32_t source, uint64_t step);
/* Events of a run onto accumulators, or to states; gives their number. */
typedef uint64_t rt_take_fn(struct rt_shard *h, const struct rt_run *run);

/* ---- anew.c: ways are projections */
uint32_t rt_anew_size(const struct rt_proj *p); /* bytes of an event */
int rt_anew_ways(struct rt_sim *s, struct rt_mem *mem, struct rt_way **ret, uint32_t *ret_n);
rt_send_fn rt_anew_send;
rt_take_fn rt_anew_add, rt_anew_behind;

/* The events in a run, which follow it. */
static inline uint64_t rt_run_bytes(const struct rt_run *run) {
  return run->end - (uint32_t)((uintptr_t)(run + 1) & (RT_CHUNK - 1));
}

#endif

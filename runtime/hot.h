/* The hot loops' data: a shard's synapses and the spikes under way to them.
 *
 * Row of a source in a shard: buckets in delay order, back to back in `store` (units of 8 bytes). A bucket is
 * a header (low 32 bits: number of synapses of the next bucket, 0 at the row's end; high: steps until it is
 * due) and the synapses: 16-bit accumulator numbers (rows with one weight), or words of accumulator | weight
 * << 16. Rows onto handlers that do more than add ("apart"; events.c): behind the header the number of the
 * source, then for each synapse accumulator | its number in the source's row << 16, and the weight as a
 * double. A spike under way is one rt_event; it hangs in the list of the step at which its next bucket is due.
 * Delivery walks the step's list, adds the bucket's weights and hangs the event into the list of its next
 * bucket: nothing is allocated, and no empty bucket is ever visited. All sums are of integers, or of equal
 * numbers (events that go straight to a state), so no order matters. */
#ifndef NSL_RUNTIME_HOT_H
#define NSL_RUNTIME_HOT_H

#include <stdint.h>

#include "math/math.h"

struct rt_event {
  uint32_t at, n;  /* bucket and its number of synapses */
  uint32_t next;   /* event in the same list; 0: the last */
  uint32_t weight; /* index into weights; apart: rank of the projection */
};

#define RT_UNITS_APART(n) (2 + 2 * (uint64_t)(n)) /* of a bucket */
/* Where the events of a group whose port has no accumulator go: a synapse's number counts from `to`. */
struct rt_straight {
  void *to; /* double * or float * */
  double weight;
};

struct rt_delivery {
  const uint64_t *store;
  struct rt_event *events;            /* [0] is not used */
  uint32_t *const_lists, *wide_lists, *straight_lists; /* by step & mask: the first event, or 0 */
  uint32_t *apart_lists;                               /* NULL: no such rows */
  uint32_t mask, free;                /* free: events not in use, linked by next */
  int64_t *acc;
  const int64_t *weights;
  const struct rt_straight *straight; /* by group */
  uint64_t n_delivered, n_read; /* synapses that spikes have reached; units of the buckets read for them */
};

struct rt_shuffle; /* shuffle.h */
#define HOT(name, arguments, doc) void rt_hot_##name arguments;
#include "runtime/hot.def"
#undef HOT

#endif

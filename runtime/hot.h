/* The hot loops' data: a shard's synapses and the spikes under way to them.
 *
 * A synapse names its target by the element's number in the shard. All synapses of a group (connect.c) have one form
 * (forms.def) and reach one array that these numbers index: a shard's accumulators of one port rank, or a state
 * (rt_reach). Row of a source in a shard and group: buckets in delay order, back to back in `store` (units of 8 bytes).
 * A bucket is a header (low 32 bits: number of synapses of the next bucket, 0 at the row's end; high: steps until it is
 * due) and the cells of its synapses; where these hold weights, a long bucket goes on with some without weight, onto the
 * target of the last, so that it can be read by fours (RT_CELLS). Rows onto handlers that do more than add ("apart"; events.c): behind the header
 * the number of the source, then for each synapse element | its number in the source's row << 16, and the weight as a
 * double. A spike under way is one rt_event; it hangs in the list of the step at which its next bucket is due.
 * Delivery walks the step's list, adds the bucket's weights and hangs the event into the list of its next
 * bucket: nothing is allocated, and no empty bucket is ever visited. All sums are of integers, or of equal
 * numbers (events that go straight to a state), so no order matters. */
#ifndef NSL_RUNTIME_HOT_H
#define NSL_RUNTIME_HOT_H

#include <stdint.h>

#include "math/math.h"

/* Continuous synapses with delays (coupling.c): by synapse, where its source's past begins, whole steps and part of its delay, and
 * weight. The past of a source turns: what was at a step lies at step & mask, and what is at its begin once more behind its end. */
struct rt_coupled {
  const double *ring;
  const uint32_t *at, *lag;
  const double *part, *weight; /* weight NULL: 1 */
  uint32_t mask;
  uint32_t lag_all; /* where `lag` and `part` are NULL */
  double part_all;
};
struct rt_coupled_rows { /* targets that have synapses, upwards, and which these are */
  uint32_t *target, n;
  uint64_t *begin, *end;
};
enum { RT_COUPLED_LANES = 8, RT_COUPLED_AHEAD = 32 }; /* most steps that are summed at once; of the past so much stands twice */

/* Cells: one synapse in memory. */
struct rt_cell_same {
  uint16_t target;
};
struct rt_cell_real { /* the same; the group's weight is a real number */
  uint16_t target;
};
struct rt_cell_narrow {
  uint16_t target;
  int16_t weight;
};
struct rt_cell_coarse { /* the weight in grains: whole numbers of units (units.c) */
  uint16_t target;
  int16_t weight;
};
struct __attribute__((packed)) rt_cell_middle {
  uint16_t target;
  int32_t weight;
};
struct rt_cell_wide {
  uint64_t target : 16;
  int64_t weight : 48;
};

enum rt_form_id {
#define FORM(id, cell, weight_bits, sum, behind, text) RT_FORM_##id,
#include "runtime/forms.def"
#undef FORM
  RT_N_FORMS,
  RT_APART = RT_N_FORMS /* no row of forms.def: see above */
};

/* Cells in a bucket of n synapses: the end of a loop that cannot be foreseen costs as much as some synapses. */
enum { RT_LONG = 16, RT_FOUR = 4 };
#define RT_CELLS(weight_bits, n) \
  ((weight_bits) && (n) >= RT_LONG ? ((n) + RT_FOUR - 1) / RT_FOUR * RT_FOUR : (n))

struct rt_event {
  uint32_t at, n; /* bucket and its number of synapses */
  uint32_t next;  /* event in the same list; 0: the last */
  uint32_t group; /* index into `reach`; apart: rank of the projection */
};

#define RT_UNITS_APART(n) (2 + 2 * (uint64_t)(n)) /* of a bucket */

struct rt_reach { /* what a group's synapses are added to, in this shard */
  void *to;       /* indexed by the element's number in the shard */
  int64_t units;  /* the weight, of a group with one; else units in a grain: 1 but of `coarse` cells; of `real` cells: */
  double real;
  uint32_t nth;   /* number of the port in its class */
};

struct rt_delivery {
  const uint64_t *store;
  struct rt_event *events;        /* [0] is not used */
  uint32_t *lists[RT_N_FORMS];    /* by step & mask: the first event, or 0; NULL: no group has this form */
  uint32_t *apart_lists;          /* NULL: no such rows */
  uint32_t mask, free;            /* free: events not in use, linked by next */
  const struct rt_reach *reach;   /* by group */
  uint64_t n_delivered, n_read; /* synapses that spikes have reached; units of the buckets read for them */
};

#define RT_MOST_STEPS 1e6 /* of a delay that is drawn, by the vector */
struct rt_delays { /* of a row, in steps */
  uint32_t least, most;
  uint32_t bad; /* some is less than one or from RT_MOST_STEPS: 1 stands for it */
};
struct rt_shuffle; /* shuffle.h */
/* Which shard owns an element of a population, computed: that of the part with number
 * ((element >> shift) * a + b) * m >> k, the quotient by the number of blocks (queue.c). */
struct rt_owner {
  uint64_t a, b, m;
  uint32_t shift, k, words;
  uint32_t log_shards, turn; /* shard 0 has part `turn` */
};

struct rt_lane { /* of 64 elements: their shard, and the number there of the first */
  uint16_t shard, base;
};
struct rt_buckets { /* of a row that is being packed (assemble.c): by shard and delay */
  const struct rt_lane *lanes; /* of the target population */
  uint32_t *count;             /* synapses in bucket shard << log_span | delay */
  uint32_t log_span, delay;    /* delay: of all, where they are not given one by one */
  uint32_t own0, n_own;        /* shards of this rank */
};

/* Events of one projection on their way into chunks by shard (queue.h). */
enum { RT_CHUNK = 1024 }; /* bytes */
struct rt_scatter {
  uint32_t *at; /* by bin: where its next event goes, in events from `pool`; a multiple of a chunk: `more` sets it */
  char *pool;
  struct rt_owner owner;
  uint32_t late; /* drawn delays: delay 0 is this step; bins by (step & mask) and shard; else by shard */
  uint32_t mask;
  void (*more)(struct rt_scatter *to, uint32_t bin);
};

/* Head of a row that is stored by source (streams.c). Behind it: for each of the rank's shards how many synapses it has, a
 * byte each, RT_STREAM_MORE of them: there are more, the next byte is of the same shard; cells in the order of shards and
 * delays, from a multiple of 8 bytes; then from another their delays. */
enum { RT_STREAM_MORE = 255 };
struct rt_stream_row {
  uint32_t n, least;    /* synapses; the shortest delay */
  uint32_t counts;      /* bytes of the counts, a multiple of 8 */
  uint32_t delay_bytes; /* of each delay beyond the shortest; 0: all have that */
};

#define HOT(name, arguments, doc) void rt_hot_##name arguments;
#include "runtime/hot.def"
#undef HOT

#endif

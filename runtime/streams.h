/* Stored rows by source: all synapses of a source and group in one piece of memory (streams.c). */
#ifndef NSL_RUNTIME_STREAMS_H
#define NSL_RUNTIME_STREAMS_H

#include "runtime/ways.h"

struct rt_streams {
  uint64_t *store; /* units of 8 bytes */
  uint64_t cap;
  _Atomic uint64_t used;
  uint64_t *at; /* by source and group, as rt_pop.row0 numbers them: the row; 0: no synapses */
  const struct rt_group **groups; /* by index */
};

struct rt_stream_segment { /* of the store, that one thread fills */
  uint64_t at, end;
};
struct rt_stream_buckets { /* of one row: by shard << log_span | delay */
  const uint32_t *count;
  char **place; /* is filled: where the bucket's cells begin */
  uint32_t log_span, shortest, longest;
};

uint32_t rt_stream_bytes(uint32_t form); /* of a synapse's cell; also of RT_APART */
/* Expected bytes of a projection's rows, their table not counted in. */
double rt_stream_estimate(const struct rt_sim *s, const struct rt_proj *p);
int rt_streams_make(struct rt_sim *s, double bytes);
/* A row begins: its head, delays, and the places of its cells. NSL_EMEMORY after rt_fail. */
int rt_stream_begin(struct rt_sim *s, struct rt_stream_segment *seg, const struct rt_pop *pop, uint32_t group,
                    uint32_t source, const struct rt_stream_buckets *of);

/* Ways are groups. */
int rt_stream_ways(struct rt_sim *s, struct rt_mem *mem, struct rt_way **ret, uint32_t *ret_n);
/* Asks the memory for the beginning of the row of ids[0], and where that of one of the next is; of n spikes. */
void rt_stream_ask(const struct rt_sim *s, const struct rt_way *way, const uint32_t *ids, uint32_t n);
rt_send_fn rt_stream_send;
rt_take_fn rt_stream_add, rt_stream_behind;

#endif

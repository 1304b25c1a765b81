/* Events made anew on their way from the thread that makes them to the shard that owns their targets.
 *
 * A queue belongs to one thread, which puts events into it; the owners of shards take them out, when all threads
 * have met. A bin holds the events of one kind, step and shard, as a chain of chunks; a chunk holds runs, each the
 * events of one projection: 2 bytes an event (the low 16 bits of the element; a shard's part of a population
 * has at most 65,536), 8 with a weight of its own, 24 onto handlers that do more than add. Chunks come from one
 * pool, whose size is known beforehand, and go back to it chain by chain. */
#ifndef NSL_RUNTIME_QUEUE_H
#define NSL_RUNTIME_QUEUE_H

#include "runtime/sim.h"

enum rt_arrival { RT_ARRIVE_ADD, RT_ARRIVE_BEHIND, RT_ARRIVE_APART, RT_N_ARRIVALS }; /* accumulators, states, handlers */

struct rt_run { /* in a chunk, before its events */
  uint32_t proj, end; /* bytes from the chunk's begin */
};
struct rt_chunk {
  uint32_t next; /* 0 is none */
  union {
    struct {
      uint16_t begin, used; /* bytes: where the first run begins, and the last one ends */
    };
    uint32_t chain; /* of the first chunk of a free chain: the next chain */
  };
};
struct rt_bin {
  uint32_t first, last, used, run; /* chunks; bytes of the last one; where its open run begins */
};
struct rt_apart { /* an event for a handler that does more than add */
  uint64_t key;   /* rank of the projection << 32 | source */
  uint32_t number, element;
  double weight;
};

struct rt_pool { /* of chunks; number 0 takes what does not fit */
  char *at;
  uint32_t n;    /* chunks */
  _Atomic uint32_t used, lock;
  uint32_t free; /* chains */
};
struct rt_queue {
  struct rt_scatter scatter; /* first: `more` gets it */
  struct rt_pool *pool;
  struct rt_bin *bins[RT_N_ARRIVALS]; /* by step & mask, by shard; NULL: no such events */
  uint32_t *at;                       /* likewise: of the open runs; 0: none is open */
  uint32_t free;                      /* a chain of its own to take chunks from */
  uint32_t shards, steps;
  /* the run that is open */
  enum rt_arrival kind;
  uint32_t proj, size, unit; /* bytes of an event; what `at` counts in */
  uint32_t from, to;   /* its bins */
  bool open;
  bool full; /* the pool was empty: events are missing */
};

/* Memory for chunks, of which `usual` bytes will be touched. */
int rt_pool_make(struct rt_pool *p, struct rt_mem *mem, uint64_t bytes, uint64_t usual);
int rt_queue_make(struct rt_queue *q, struct rt_mem *mem, struct rt_pool *pool, uint32_t shards, uint32_t steps,
                  const bool kinds[RT_N_ARRIVALS]);
/* What follows is of this projection and kind; all of it is for `step`, or, if late, for steps from it on. */
void rt_queue_open(struct rt_queue *q, enum rt_arrival kind, uint32_t proj, uint32_t size, uint64_t step, bool late);
void rt_queue_close(struct rt_queue *q);
void rt_queue_apart(struct rt_queue *q, const struct rt_apart *event, uint64_t step, uint32_t shard);
/* The shard that owns an element. */
int rt_owner_make(const struct rt_sim *s, const struct rt_pop *p, struct rt_owner *ret);

/* Walks over the runs of a bin: zero `at` for the first. NULL after the last. */
struct rt_walk {
  const struct rt_chunk *chunk;
  uint32_t at;
};
const struct rt_run *rt_queue_next(const struct rt_queue *q, const struct rt_bin *bin, struct rt_walk *w);
struct rt_bin *rt_queue_bin(const struct rt_queue *q, enum rt_arrival kind, uint64_t step, uint32_t shard);
void rt_queue_empty(struct rt_queue *q, struct rt_bin *bin); /* its chunks are free again */

#endif

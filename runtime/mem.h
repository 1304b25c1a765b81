/* Memory of the runtime: pools that are freed whole, huge-page maps, growing buffers. */
#ifndef NSL_RUNTIME_MEM_H
#define NSL_RUNTIME_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_block;
struct rt_mem { /* a pool; all zero: empty */
  struct rt_block *blocks;
  bool close;     /* what is in it is walked over in every step: beyond the first MiB it lies in chunks of huge pages */
  uint64_t total; /* bytes, if so */
  char *next;     /* what is left of the last chunk */
  uint64_t left;
};
/* n * size bytes, zeroed, aligned to 64; with huge pages when large. NULL after rt_fail. */
void *rt_alloc(struct rt_mem *m, uint64_t n, uint64_t size);
char *rt_text(struct rt_mem *m, const char *text);
void rt_mem_free(struct rt_mem *m);

/* Address space that costs memory only where it is touched; zeroed. `used`: how much of it will be, about:
 * with huge pages if that is many of them. NULL after rt_fail. */
void *rt_reserve(struct rt_mem *m, uint64_t bytes, uint64_t used);

/* A growing array outside of any pool: room for `want` items, contents kept. 0 or NSL_EMEMORY. */
int rt_grow(void *array, size_t *cap, size_t want, size_t size);
void rt_drop(void *array); /* frees *(void **)array and clears it */

/* Bytes that this process may still use: what is free on the machine, or what its group of processes is
 * limited to. */
uint64_t rt_memory_left(void);
/* All that this process could use at once, what it holds now included. */
uint64_t rt_memory_limit(void);
uint64_t rt_memory_peak(void);

#endif

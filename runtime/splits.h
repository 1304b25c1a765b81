/* A total thrown on sources: how many each gets, and how many all before it. */
#ifndef NSL_RUNTIME_SPLITS_H
#define NSL_RUNTIME_SPLITS_H

#include <stdbool.h>

#include "runtime/mem.h"

struct rt_split {
  uint32_t n;                /* sources */
  uint64_t total, each;      /* what is thrown; places of a source, but for */
  uint32_t less, less_end;   /* these sources, which have one less */
  bool distinct;             /* no place twice */
  uint64_t key;
  uint32_t level;            /* 2^level sources for each number kept */
  uint64_t *before;          /* by block of sources: how many all before it have; and the total */
};
/* Level and memory for `before`; all else is given. NSL_EMEMORY. */
int rt_split_alloc(struct rt_mem *mem, struct rt_split *t);
void rt_split_fill(struct rt_split *t);
/* How many source i has; *ret_before: how many those before it. */
uint64_t rt_split_of(const struct rt_split *t, uint32_t i, uint64_t *ret_before);
void rt_split_ask(const struct rt_split *t, uint32_t i); /* soon: from memory to cache */

#endif

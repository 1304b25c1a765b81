/* What is kept shard by shard in a checkpoint: arrays that differ in length from one shard to another. */
#ifndef NSL_RUNTIME_SHELF_H
#define NSL_RUNTIME_SHELF_H

#include "runtime/checkpoint.h"

struct rt_shelf { /* a shard's part */
  struct rt_archive *a;
  struct rt_sim *s;
  uint32_t owner; /* rank */
  bool mine;
  char *piece; /* what belongs to others passes through here */
  struct rt_mem mem;
};

/* needed: there is something to be kept. Not 0: nothing may be; the archive knows. */
int rt_shelf_open(struct rt_shelf *k, struct rt_archive *a, struct rt_sim *s, bool needed);
void rt_shelf_at(struct rt_shelf *k, uint32_t shard); /* the next are this shard's */
/* At most RT_PIECE_BYTES; gives where they are. own: NULL, if not mine. */
enum { RT_PIECE_BYTES = 1 << 20 };
void *rt_shelf_piece(struct rt_shelf *k, const char *name, uint32_t index, void *own, uint64_t bytes);
void rt_shelf_whole(struct rt_shelf *k, const char *name, void *array, uint64_t bytes); /* of any length */
void rt_shelf_close(struct rt_shelf *k);

/* Events that wait for the end of a longer step (events.c). */
void rt_later_walk(struct rt_archive *a, struct rt_sim *s);

#endif

/* Several processes that run one simulation (ranks), each with a contiguous range of its shards.
 *
 * A `struct rt_ranks *` that is NULL stands for one process alone: then every function here does what is
 * right for one, which is mostly nothing. Except rt_ranks_rank and the like, all functions must be called by all ranks in
 * the same order; only the first thread of a rank calls them. */
#ifndef NSL_RUNTIME_RANKS_H
#define NSL_RUNTIME_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/mem.h"
#include "runtime/wire.h"

struct rt_ranks {
  const struct rt_wire *wire;
  uint32_t rank, n, here; /* here: ranks of this machine */
  bool crowded;           /* more threads than processors here: who waits lets others run */
  bool lost;              /* another rank is: nothing can be asked of them any more */
  int over;               /* all have agreed on this failure: nothing is asked until rt_ranks_go_on */
  const volatile int *interrupt;
  char library[80];
};

/* ---- beginning and end */
/* *ret_ranks stays NULL in a program without MPI, or if there is one rank. */
int rt_ranks_begin(struct rt_mem *m, const volatile int *interrupt, struct rt_ranks **ret_ranks);
/* Ends the process if a rank is lost: then MPI cannot end in order. */
void rt_ranks_end(struct rt_ranks *r, int status);
static inline bool rt_ranks_first(const struct rt_ranks *r) { return !r || r->rank == 0; }
/* The first shard of a rank. */
static inline uint32_t rt_ranks_shard(const struct rt_ranks *r, uint32_t n_shards, uint32_t rank) {
  return (uint32_t)((uint64_t)n_shards * rank / r->n);
}
static inline void rt_ranks_shards(const struct rt_ranks *r, uint32_t n_shards, uint32_t *ret_from, uint32_t *ret_to) {
  *ret_from = r ? rt_ranks_shard(r, n_shards, r->rank) : 0;
  *ret_to = r ? rt_ranks_shard(r, n_shards, r->rank + 1) : n_shards;
}
static inline uint32_t rt_ranks_here(const struct rt_ranks *r) { return r ? r->here : 1; }

/* ---- what all agree upon */
/* A failure of any rank becomes that of all: the lowest rank's code and message. Whoever calls what follows here must
 * have agreed that nobody has failed. Once all have failed, asking again gives the same. */
int rt_ranks_agree(struct rt_ranks *r, int e);
void rt_ranks_go_on(struct rt_ranks *r);
/* The message and code of the rank with the smallest key; UINT64_MAX: this one has none. 0 if none has. */
int rt_ranks_choose(struct rt_ranks *r, uint64_t key, int e);
int rt_ranks_combine(struct rt_ranks *r, void *at, uint64_t n, enum rt_combine how);
/* The same, but only the first rank gets the result; others keep what they have. */
int rt_ranks_collect(struct rt_ranks *r, void *at, uint64_t n, enum rt_combine how);
int rt_ranks_tell(struct rt_ranks *r, void *at, uint32_t bytes, uint32_t from);
/* From one rank to another: only these two call, each its own. */
int rt_ranks_send(struct rt_ranks *r, const void *from, uint64_t bytes, uint32_t to);
int rt_ranks_receive(struct rt_ranks *r, void *at, uint64_t bytes, uint32_t from);
int rt_ranks_share(struct rt_ranks *r, const void *own, void *all, uint32_t bytes);
/* Waits for what start_share of the wire began. */
int rt_ranks_wait(struct rt_ranks *r);

/* A text that must be the same on all ranks; `what` is for the message: "the seed". */
int rt_ranks_same(struct rt_ranks *r, const char *what, const char *text);

/* ---- compare.c: do all ranks run the same? */
struct nsl_program;
struct rt_config;
struct rt_sim;
int rt_ranks_program(struct rt_ranks *r, const struct nsl_program *p);
/* Refuses what is not there yet for several ranks. */
int rt_ranks_options(const struct rt_ranks *r, const struct rt_config *config);
int rt_ranks_compare(struct rt_sim *s, const struct rt_config *config);
/* ---- collect.c: what the report needs of all ranks, to the first; of one process: hash and costs. */
int rt_collect(struct rt_sim *s);

#endif

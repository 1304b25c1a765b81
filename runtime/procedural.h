/* Events through queues: rows that are made anew at each spike, or stored by source (procedural.c). */
#ifndef NSL_RUNTIME_PROCEDURAL_H
#define NSL_RUNTIME_PROCEDURAL_H

#include "runtime/sim.h"

struct rt_need { /* bytes */
  double stored; /* all synapses, as rows in memory */
  double most;   /* of them this projection's */
  const struct rt_proj *worst;
};
/* Sets s->rows, and why: how rows are stored, if they are (choice.c). */
int rt_rows_choose(struct rt_sim *s);
/* Sets s->connectivity, and why; refuses what does not fit (choice.c). */
int rt_connectivity_choose(struct rt_sim *s, const struct rt_need *need);

/* Bytes beyond those of the populations, about. */
double rt_procedural_bytes(const struct rt_sim *s);
int rt_procedural_make(struct rt_sim *s); /* after the units and the interval are known */
void rt_procedural_drop(struct rt_sim *s);

/* Spikes of these steps, in the lists of all shards, go under way. */
int rt_procedural_spikes(struct rt_sim *s, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity);
/* Those of a population in a step that is not longer ago than a delay may last. */
const uint32_t *rt_procedural_past(const struct rt_sim *s, const struct rt_pop *p, uint64_t step, uint64_t *ret_n);
/* What has to be made for steps [from, from + n) and in what portions; by one thread, before all meet. */
int rt_procedural_plan(struct rt_sim *s, uint64_t from, uint32_t n);
/* All threads: makes the next portion. Gives the number of steps that can now be run; 0: a thread has failed. */
uint32_t rt_procedural_next(struct rt_sim *s, uint32_t thread, uint64_t step, int *ret_e);

/* What arrives at this step in a shard: in accumulators, in states behind the step kernels. */
void rt_procedural_add(struct rt_shard *h, uint64_t step);
void rt_procedural_behind(struct rt_shard *h, uint64_t step);
/* For handlers that do more than add: all events of the step, sorted. */
void rt_procedural_gather(struct rt_shard *h, uint64_t step);

/* 0, or NSL_EMEMORY: some events could not be gathered. */
int rt_procedural_whole(const struct rt_sim *s);

/* Of the spikes under way, as hash.c has it for stored rows. */
uint64_t rt_procedural_hash(const struct rt_sim *s);

#endif

/* Spikes between ranks, once for each interval (trade.c). */
#ifndef NSL_RUNTIME_TRADE_H
#define NSL_RUNTIME_TRADE_H

#include "runtime/ranks.h"
#include "runtime/sim.h"

struct rt_trade {
  struct rt_ranks *ranks;
  uint8_t *own, *all;
  size_t own_cap, all_cap;
  uint32_t block; /* bytes of one rank that are exchanged at once; the same on all ranks */
  uint32_t n, quiet; /* bytes of the own message; intervals since a message was nearly as long as a block */
  bool stop;      /* asks all to stop after the next interval */
  double began;
  /* what it costs, for run.json */
  uint64_t intervals, bytes, most, spikes;
  double wait_s;
};
int rt_trade_make(struct rt_sim *s); /* s->trade; nothing for one process */
void rt_trade_drop(struct rt_sim *s);
/* Own spikes go off: steps from, from + 1, … of an interval, which are those from `in_batch` on in the lists. */
int rt_trade_begin(struct rt_sim *s, uint32_t in_batch, uint32_t n_steps, uint32_t parity);
/* Those of others are in the lists of their shards, their first step that went wrong in the `bad` of one of them.
 * *ret_stop: a rank has asked to stop. */
int rt_trade_end(struct rt_sim *s, uint32_t in_batch, uint32_t n_steps, uint32_t parity, bool *ret_stop);

#endif

/* What the report says of a run, of all its ranks: counts, looks of measures, the hash of the final state, costs. */
#include "runtime/ranks.h"
#include "runtime/sim.h"
#include "runtime/trade.h"

static int costs_collect(struct rt_sim *s) {
  struct rt_costs *c = &s->costs;
  uint64_t sums[] = {c->events, c->bytes, c->synapse_bytes, s->trade->bytes};
  int e = rt_ranks_collect(s->ranks, sums, 4, RT_SUM_U64);
  if (!e) e = rt_ranks_collect(s->ranks, &s->trade->most, 1, RT_MAX_U64);
  if (!e) e = rt_ranks_collect(s->ranks, &c->peak, 1, RT_MAX_F64);
  c->events = sums[0];
  c->bytes = sums[1];
  c->synapse_bytes = sums[2];
  s->trade->bytes = sums[3];
  return e;
}

int rt_collect(struct rt_sim *s) {
  rt_costs(s, &s->costs);
  s->state_hash = rt_state_hash(s);
  if (!s->ranks) return 0;
  int e = rt_meters_collect(s);
  return e ? e : costs_collect(s);
}

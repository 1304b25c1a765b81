/* What connect.c (which projections, with which units) and assemble.c (their synapses, packed) share. */
#ifndef NSL_RUNTIME_CONNECT_H
#define NSL_RUNTIME_CONNECT_H

#include "runtime/rules.h"
#include "runtime/sim.h"

enum { RT_WIDE_BITS = 47, RT_FAN_SHIFT = 16, RT_SUM_BITS = 62 };

/* Units of a set of ports that must be equal; at the index of its first port. */
struct rt_unit {
  bool wide;      /* some row onto it has a weight for each synapse */
  double largest; /* weight, as far as it is known beforehand */
  double unit;    /* wide: fixed before the synapses are packed */
  double quantum; /* fan-in is counted in units of this */
  double need;    /* bound of a sum in one step */
};

struct rt_build {
  struct rt_sim *s;
  struct rt_unit *units;         /* by port: that of rt_same(port) */
  double store_bytes;            /* estimate for all shards */
  _Atomic uint32_t next, failed; /* work not yet taken; some thread has failed */
  _Atomic uint32_t coarser;      /* a weight did not fit: try again with larger units */
  uint64_t **fan;                /* by shard: largest sum in quanta, by accumulator, of all threads */
  _Atomic uint32_t merging;      /* lock of what follows */
  uint32_t min_delay, max_delay;
  uint64_t n_synapses;
};

uint32_t rt_same(const struct rt_sim *s, uint32_t port);
/* Weights or delays of synapses 0 .. n of a source; out has room for the next multiple of 64. */
void rt_synapse_values(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *code,
                       uint32_t source, uint64_t n, double *out);
double rt_weight_clip(const struct rt_proj *p, double w);
/* Delay in steps; 0 after rt_fail: less than one, or not a number. */
uint32_t rt_delay_steps(const struct rt_sim *s, const struct rt_proj *p, double delay);
void rt_connections_advise(struct rt_sim *s); /* advise.c: warnings */
int rt_assemble(struct rt_build *b);

#endif

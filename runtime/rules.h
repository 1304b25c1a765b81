/* Who is connected with whom: the rules of `connect … by`, source by source, exact in distribution. */
#ifndef NSL_RUNTIME_RULES_H
#define NSL_RUNTIME_RULES_H

#include "runtime/shuffle.h"
#include "runtime/sim.h"
#include "runtime/splits.h"

/* What a rule keeps of a projection. Of two parts the second is for indegree with `no self`: targets that are also
 * sources. */
struct rt_rule {
  struct rt_split counts[2];  /* total_number, indegree with repetition; total 0: unused */
  struct rt_shuffle order[2]; /* indegree */
  uint64_t order_key[2];
  uint32_t both, both_end; /* elements on both sides, if `no self` matters */
  uint32_t *own;           /* targets that drew themselves, ascending: the last source stands in for them */
  uint64_t n_own;
  size_t own_cap;
  _Atomic uint32_t next, merging; /* while they are sought */
};

/* Checks the rule's numbers; sets expected. */
int rt_rule_prepare(struct rt_sim *s, struct rt_proj *p);
/* Once for all projections, with all threads: what rt_rule_row needs. */
int rt_rules_make(struct rt_sim *s, struct rt_proj *projs, uint32_t n);
/* How many targets a source has. Not for indegree with `no multiple` and where it is drawn pair by pair: UINT64_MAX, count its row. */
uint64_t rt_rule_count(const struct rt_proj *p, uint32_t source);
/* Its row will be asked for soon: what that reads goes from memory to cache. */
void rt_rule_ask(const struct rt_proj *p, uint32_t source);
/* A source's targets (elements) in the order of their ordinals. *out grows as needed (rt_grow). */
int rt_rule_row(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint32_t **out, size_t *cap,
                uint64_t *ret_n);

#endif

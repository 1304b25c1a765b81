/* Who is connected with whom: the rules of `connect … by`, exact in distribution; each synapse is a function
 * of (seed, projection, owner, ordinal). */
#ifndef NSL_RUNTIME_RULES_H
#define NSL_RUNTIME_RULES_H

#include "runtime/sim.h"

struct rt_marks;   /* one bit for each possible partner */
struct rt_drawer { /* scratch of one thread */
  uint32_t *draws;
  size_t draws_cap;
  uint64_t *marks;
  size_t marks_cap;
};
void rt_drawer_drop(struct rt_drawer *d);

/* Partners of one owner by the projection's rule: elements of the other side's population, the ordinal is the
 * position. *ret_n of them go to out, which has room for rt_rule_room. Owner: a source element (indegree: a
 * target element). total_number and every rule by targets come as lists (csr) instead. */
int rt_rule_partners(struct rt_sim *s, const struct rt_proj *p, struct rt_drawer *d, uint32_t owner,
                     uint64_t n, uint32_t *out, uint64_t *ret_n);
/* Is the owner the target, or are rows made together? Then the rows come from a csr. */
bool rt_rule_by_target(const struct rt_proj *p);
bool rt_rule_lists(const struct rt_proj *p);
/* How many each source has, for total_number with repetition: counts by source of the slice. */
int rt_rule_total(struct rt_sim *s, const struct rt_proj *p, uint64_t *counts);
/* total_number without repetition: sorted pairs (source position << 32 | target position). */
int rt_rule_distinct(struct rt_sim *s, const struct rt_proj *p, uint64_t *pairs);
/* Checks the rule's numbers; sets expected and max_row. */
int rt_rule_prepare(struct rt_sim *s, struct rt_proj *p);

#endif

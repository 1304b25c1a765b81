/* Rules that draw a number of partners, among the pairs that a condition lets pass. */
#ifndef NSL_RUNTIME_AMONG_H
#define NSL_RUNTIME_AMONG_H

#include "runtime/synapses.h"

bool rt_is_among(const struct rt_proj *p);
/* Before anything is built, behind the fields. Of indegree it leaves a list of connections in p->edges. */
int rt_among_prepare(struct rt_synapses *k, struct rt_proj *p);
/* Not of indegree: what is drawn of the n targets that pass, in k->partners. */
int rt_among_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *n);

#endif

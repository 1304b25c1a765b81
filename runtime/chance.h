/* Rules whose outcome depends on the pair: a probability of distance or place, a condition over pairs. */
#ifndef NSL_RUNTIME_CHANCE_H
#define NSL_RUNTIME_CHANCE_H

#include "runtime/synapses.h"

/* Are its rows drawn pair by pair? */
static inline bool rt_by_chance(const struct rt_proj *p) { return p->def->chance.kernel != NSL_NONE && !p->edges; }
/* After the fields: leaves out connections of a file; else about how many synapses there will be. */
int rt_chance_prepare(struct rt_sim *s, struct rt_proj *p);
/* Those that a condition lets pass, or that are drawn pair by pair, before a rule draws a number of them. */
int rt_chance_passing(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n);
/* A source's targets into k->partners. NSL_EMODEL after rt_fail_at: a pair has no probability. */
int rt_chance_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n);

#endif

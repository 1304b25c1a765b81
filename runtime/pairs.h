/* What is given of each synapse of a projection, not drawn: who is connected by a file, and the numbers that its weights
 * and delays are made of. Numbers of a field lie by edge (those of the rule's file) or by pair, source after source
 * (tables of their own); `rt_pairs_of` brings those of a row to where the kernels read them. */
#ifndef NSL_RUNTIME_PAIRS_H
#define NSL_RUNTIME_PAIRS_H

#include "runtime/sim.h"
#include "runtime/synapses.h"

/* `by matrix("w.csv")`: reads the file into p->edges, the numbers into the field of the rule, if there is one. */
int rt_matrix_read(struct rt_sim *s, struct rt_proj *p);
/* The fields that are files of their own. */
int rt_fields_prepare(struct rt_sim *s, struct rt_proj *p);
/* Where a population is coupled with itself, each pair once: whether the rule's matrix and all tables say the same of a pair from both sides. */
int rt_pairs_symmetric(const struct rt_proj *p);
/* Into k->pairs: the numbers of n pairs of a source, which has the rule's connections 0 .. n, or no such numbers; behind each, room up
 * to the next multiple of 64. */
int rt_pairs_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, const uint32_t *targets, uint64_t n);

#endif

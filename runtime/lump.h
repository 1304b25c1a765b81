/* States that are advanced as their sum (lump.c). */
#ifndef NSL_RUNTIME_LUMP_H
#define NSL_RUNTIME_LUMP_H

#include "runtime/sim.h"

/* Decides by the parameters of each population; before drives and connections. */
int rt_lumps_find(struct rt_sim *s);
const struct nsl_code *rt_step_code(const struct rt_pop *p);
/* The same, onto the port that takes its events; NULL: memory is out. */
const struct nsl_projection *rt_lump_projection(struct rt_sim *s, const struct nsl_projection *def);
const struct nsl_drive *rt_lump_drive(struct rt_sim *s, const struct nsl_drive *def);
void rt_lumps_begin(struct rt_sim *s); /* initial values */
/* 0, or an error: the state is not there by itself. */
int rt_lump_reads(const struct rt_pop *p, uint32_t state);

#endif

/* What connect.c (which projections, with which units) and assemble.c (their synapses, packed) share. */
#ifndef NSL_RUNTIME_CONNECT_H
#define NSL_RUNTIME_CONNECT_H

#include "runtime/rules.h"
#include "runtime/sim.h"

struct rt_build {
  struct rt_sim *s;
  double store_bytes;            /* estimate for the own shards */
  _Atomic uint32_t next, failed; /* work not yet taken; some thread has failed */
  _Atomic uint32_t merging;      /* lock of what follows */
  double *largest;               /* |weight| found, by projection */
  uint32_t min_delay, max_delay;
  uint64_t n_synapses;
};

uint32_t rt_same(const struct rt_sim *s, uint32_t port);
/* Weights or delays of synapses 0 .. n of a source; pairs: what they are made of by field (pairs.h), NULL: there is none; out has room for the next multiple of 64. */
void rt_synapse_values(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *code,
                       uint32_t source, uint64_t n, const double *const *pairs, double *out);
/* A projection by its table: slices, rule, weight; neither port nor delay. */
int rt_link_prepare(struct rt_sim *s, struct rt_proj *p, const struct nsl_projection *d, uint32_t index);
double rt_weight_clip(const struct rt_proj *p, double w);
/* Delay in steps; 0 after rt_fail: less than one, or not a number. */
uint32_t rt_delay_steps(const struct rt_sim *s, const struct rt_proj *p, double delay);
void rt_connections_advise(struct rt_sim *s); /* advise.c: warnings */
/* What one thread has found in its rows (largest: by projection) into what all have; any thread, any time. */
void rt_build_merge(struct rt_build *b, const double *largest, uint32_t min_delay, uint32_t max_delay, uint64_t n);
int rt_assemble(struct rt_build *b);
int rt_survey(struct rt_build *b); /* the same facts of synapses that are not stored */
/* ---- laws.c, units.c */
enum { RT_FINE_LAW = 7 }; /* what is rounded is rounded to 2^-RT_FINE_LAW of its law's standard deviation, or finer */
int rt_laws_look(struct rt_sim *s); /* the size of the weights, which kernel draws delays; p->form tells who is apart */
int rt_units_choose(struct rt_sim *s);  /* units of ports, forms of projections */
/* What reasons.c tells: the unit that int32 sums of a port would have; the least unit in which a weight fits into a form;
 * the form with fewer bits of weight, RT_N_FORMS: none. */
/* A weight as its port's accumulators count it: grains and units are powers of two, so nothing is rounded twice. */
int64_t rt_weight_units(const struct rt_proj *p, double weight);
/* What acts of a weight: a whole number of grains, where it is summed. */
double rt_weight_held(const struct rt_proj *p, double weight);
double rt_unit_narrow(const struct rt_port *port);
double rt_form_unit(uint32_t form, double largest);
uint32_t rt_form_narrower(uint32_t form);
double rt_weights_typical(const double *weights, uint32_t n); /* the median of those that are not 0 */

#endif

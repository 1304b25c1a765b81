/* The synapses of one projection, source by source: who, after how long, with what weight. All of it is a function
 * of (seed, projection, source, ordinal), so it can be made as often as wanted: once to be packed (assemble.c),
 * again to be written (weights.c), or at every spike. */
#include "runtime/synapses.h"

#include <math.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"

/* Delays and weights of a source's n synapses into the scratch, where they are drawn. */
static int values_draw(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n) {
  if (rt_grow(&k->weights, &k->weights_cap, n + 64, sizeof *k->weights) ||
      rt_grow(&k->steps, &k->steps_cap, n + 64, sizeof *k->steps))
    return NSL_EMEMORY;
  if (p->drawn_delay) {
    rt_synapse_values(k->s, p, &p->def->delay_code, source, n, k->weights);
    for (uint64_t i = 0; i < n; i++) {
      double steps = k->weights[i] / k->s->dt + (0.5 + 1e-9);
      k->steps[i] = steps >= 1 && steps < 1e6 ? (uint32_t)steps : rt_delay_steps(k->s, p, k->weights[i]);
      if (!k->steps[i]) return NSL_EMODEL;
    }
  }
  if (!p->drawn_weight) return 0;
  rt_synapse_values(k->s, p, &p->def->weight_code, source, n, k->weights);
  for (uint64_t i = 0; i < n; i++) {
    k->weights[i] = rt_weight_clip(p, k->weights[i]);
    if (!isfinite(k->weights[i]))
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: a weight is %s (source %u, synapse %llu)", p->def->path,
                        rt_not_finite(k->weights[i]), source, (unsigned long long)i);
  }
  return 0;
}

/* ---- one source */

int rt_synapses_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, struct rt_row_of *ret) {
  uint64_t n = 0;
  int e = rt_rule_row(k->s, p, source, &k->partners, &k->partners_cap, &n);
  if (!e) e = values_draw(k, p, source, n);
  *ret = (struct rt_row_of){n, k->partners, p->drawn_delay ? k->steps : NULL, p->drawn_weight ? k->weights : NULL};
  return e;
}

int rt_synapses_count(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  *ret_n = rt_rule_count(p, source);
  if (*ret_n != UINT64_MAX) return 0;
  return rt_rule_row(k->s, p, source, &k->partners, &k->partners_cap, ret_n);
}

void rt_synapses_drop(struct rt_synapses *k) {
  rt_drop(&k->partners);
  rt_drop(&k->steps);
  rt_drop(&k->weights);
}

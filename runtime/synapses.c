/* The synapses of one projection, source by source: who, after how long, with what weight. All of it is a function
 * of (seed, projection, owner, ordinal), so it can be made as often as wanted: once to be packed (assemble.c),
 * again to be written (weights.c). */
#include "runtime/synapses.h"

#include <math.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"

static bool stopped(const struct rt_synapses *k) {
  return (k->failed && *k->failed) || (k->s->interrupt && *k->s->interrupt);
}

/* Delays and weights of an owner's n synapses into the scratch, where they are drawn. */
static int values_draw(struct rt_synapses *k, const struct rt_proj *p, uint32_t owner, uint64_t n) {
  if (rt_grow(&k->weights, &k->weights_cap, n + 64, sizeof *k->weights) ||
      rt_grow(&k->steps, &k->steps_cap, n + 64, sizeof *k->steps))
    return NSL_EMEMORY;
  if (p->drawn_delay) {
    rt_synapse_values(k->s, p, &p->def->delay_code, owner, n, k->weights);
    for (uint64_t i = 0; i < n; i++) {
      double steps = k->weights[i] / k->s->dt + (0.5 + 1e-9);
      k->steps[i] = steps >= 1 && steps < 1e6 ? (uint32_t)steps : rt_delay_steps(k->s, p, k->weights[i]);
      if (!k->steps[i]) return NSL_EMODEL;
    }
  }
  if (!p->drawn_weight) return 0;
  rt_synapse_values(k->s, p, &p->def->weight_code, owner, n, k->weights);
  for (uint64_t i = 0; i < n; i++) {
    k->weights[i] = rt_weight_clip(p, k->weights[i]);
    if (!isfinite(k->weights[i]))
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: a weight is %s (owner %u, synapse %llu)", p->def->path,
                        rt_not_finite(k->weights[i]), owner, (unsigned long long)i);
  }
  return 0;
}

/* ---- lists by source of one projection */

/* Twice over the targets: to count, then to fill. */
static int csr_pass(struct rt_synapses *k, struct rt_proj *p, bool fill) {
  struct rt_csr *c = &p->csr;
  for (uint32_t i = 0; i < p->tn && !stopped(k); i++) {
    uint64_t n;
    int e = rt_rule_partners(k->s, p, &k->drawer, p->t0 + i, p->n, k->partners, &n);
    if (!e && fill) e = values_draw(k, p, p->t0 + i, n);
    if (e) return e;
    for (uint64_t j = 0; j < n; j++) {
      uint32_t source = k->partners[j] - p->s0;
      if (!fill) {
        c->begin[source + 2]++;
        continue;
      }
      uint64_t at = c->begin[source + 1]++;
      c->target[at] = p->t0 + i;
      if (c->delay) c->delay[at] = k->steps[j];
      if (c->weight) c->weight[at] = k->weights[j];
    }
  }
  return 0;
}

static int csr_alloc(struct rt_synapses *k, struct rt_proj *p, uint64_t n) {
  struct rt_csr *c = &p->csr;
  bool by_target = rt_rule_by_target(p);
  c->begin = rt_alloc(&k->lists, (uint64_t)p->sn + 2, sizeof *c->begin);
  c->target = rt_alloc(&k->lists, n, sizeof *c->target);
  c->delay = p->drawn_delay && by_target ? rt_alloc(&k->lists, n, sizeof *c->delay) : NULL;
  c->weight = p->drawn_weight && by_target ? rt_alloc(&k->lists, n, sizeof *c->weight) : NULL;
  bool whole = c->begin && c->target &&
               (!by_target || ((!p->drawn_delay || c->delay) && (!p->drawn_weight || c->weight)));
  return whole ? 0 : NSL_EMEMORY;
}

static int csr_by_target(struct rt_synapses *k, struct rt_proj *p) {
  int e = csr_alloc(k, p, p->n * p->tn);
  if (!e) e = rt_grow(&k->partners, &k->partners_cap, p->n + 1, sizeof *k->partners);
  if (!e) e = csr_pass(k, p, false);
  if (e) return e;
  for (uint32_t i = 2; i < p->sn + 2; i++) p->csr.begin[i] += p->csr.begin[i - 1];
  return csr_pass(k, p, true); /* moves begin[i + 1] from the beginning of source i to its end */
}

static int csr_distinct(struct rt_synapses *k, struct rt_proj *p) {
  struct rt_mem mem = {0};
  uint64_t *pairs = rt_alloc(&mem, p->n, sizeof *pairs);
  int e = pairs ? csr_alloc(k, p, p->n) : NSL_EMEMORY;
  if (!e) e = rt_rule_distinct(k->s, p, pairs);
  for (uint64_t i = 0; !e && i < p->n; i++) {
    p->csr.begin[(pairs[i] >> 32) + 1]++;
    p->csr.target[i] = p->t0 + (uint32_t)pairs[i];
  }
  for (uint32_t i = 1; !e && i < p->sn + 1; i++) p->csr.begin[i] += p->csr.begin[i - 1];
  rt_mem_free(&mem);
  return e;
}

int rt_synapses_list(struct rt_synapses *k, struct rt_proj *p) {
  if (rt_rule_by_target(p)) return csr_by_target(k, p);
  if (rt_rule_lists(p)) return csr_distinct(k, p);
  if (p->def->rule != NSL_TOTAL_NUMBER) return 0;
  p->csr.begin = rt_alloc(&k->lists, p->sn, sizeof *p->csr.begin); /* only how many */
  return p->csr.begin ? rt_rule_total(k->s, p, p->csr.begin) : NSL_EMEMORY;
}

/* ---- one source */

int rt_synapses_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, struct rt_row_of *ret) {
  uint32_t i = source - p->s0;
  const struct rt_csr *c = &p->csr;
  if (rt_rule_by_target(p)) {
    uint64_t at = c->begin[i];
    *ret = (struct rt_row_of){c->begin[i + 1] - at, c->target + at, c->delay ? c->delay + at : NULL,
                              c->weight ? c->weight + at : NULL};
    return 0;
  }
  uint64_t n = p->max_row;
  const uint32_t *targets = NULL;
  int e = 0;
  if (rt_rule_lists(p)) {
    targets = c->target + c->begin[i];
    n = c->begin[i + 1] - c->begin[i];
  } else {
    if (p->def->rule == NSL_TOTAL_NUMBER) n = c->begin[i];
    e = rt_grow(&k->partners, &k->partners_cap, n + 2, sizeof *k->partners);
    targets = k->partners;
    if (!e) e = rt_rule_partners(k->s, p, &k->drawer, source, n, k->partners, &n);
  }
  if (!e) e = values_draw(k, p, source, n);
  *ret = (struct rt_row_of){n, targets, p->drawn_delay ? k->steps : NULL, p->drawn_weight ? k->weights : NULL};
  return e;
}

void rt_synapses_drop(struct rt_synapses *k) {
  rt_drawer_drop(&k->drawer);
  rt_drop(&k->partners);
  rt_drop(&k->steps);
  rt_drop(&k->weights);
  rt_mem_free(&k->lists);
}

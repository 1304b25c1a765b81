/* Third parts of synapses: which astrocyte stands at which synapse of a projection.
 *
 * Every synapse of a projection, source by source, takes one of the astrocytes that its target has around it (its pool), or
 * none, with the share that is given. Three things hang on it: what a spike sends to the astrocyte, a projection from
 * the source to it; what the astrocyte lets flow into the target, a coupling from it; and what a synapse with memory reads of it. All ask here, and nothing is kept: who it
 * is follows from the seed, the path of the part, the source and the ordinal of the synapse in its row, and a pool from the path and the
 * target. So they agree with each other on every thread and rank, and with the rows they hang on, stored or made anew. */
#include <math.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/synapses.h"

enum { BATCH = 64 };

static uint32_t cells_of(const struct rt_proj *p) { return p->def->back ? p->sn : p->tn; }

int rt_third_prepare(struct rt_sim *s, struct rt_proj *p) {
  double n = rt_value(s, p->def->rule_arg, NAN);
  p->p = rt_value(s, p->def->share, 1);
  p->rule_key = nslm_key(s->seed, nslm_hash("rule", 4, p->def->third_hash));
  p->expected = 1; /* until it is known whose synapses they are */
  if (!(p->p >= 0 && p->p <= 1))
    return rt_fail_at(NSL_EMODEL, p->def->place, "%s: a probability of %g is not from 0 to 1", p->def->path, p->p);
  if (!(n >= 1) || n != floor(n) || n > cells_of(p))
    return rt_fail_at(NSL_EMODEL, p->def->place, "%s: a pool of %g cells among %u needs a whole number from 1 to %u", p->def->path, n,
                      cells_of(p), cells_of(p));
  p->n = (uint64_t)n;
  return 0;
}

void rt_third_join(struct rt_sim *s, struct rt_proj *p) {
  for (uint32_t i = 0; i < s->n_projs + s->n_plastic; i++)
    if (s->projs[i].index == p->def->of - 1) p->of = &s->projs[i];
  p->expected = p->of ? p->of->expected * p->p : 0;
}

/* Number `which` of the pool of a target. */
static uint32_t pool_cell(const struct rt_sim *s, const struct rt_proj *p, uint32_t target, uint64_t which) {
  uint32_t n = cells_of(p), out[BATCH];
  uint64_t first = (uint64_t)(target - p->of->t0) * n / p->of->tn;
  if (p->def->blocks) return (uint32_t)((first + p->n > n ? n - p->n : first) + which);
  s->hot.shuffle(&p->rule->order[0], shuffle_key(p->rule->order_key[0], target), which, 1, out);
  return out[0];
}

uint32_t rt_third_cell(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint64_t ordinal, uint32_t target) {
  if (p->p < 1 && !(nslm_draw_unit_f64(p->rule_key, source, ordinal, RT_THIRD_TAKES) < p->p)) return NSL_NONE;
  uint64_t which = p->n > 1 ? nslm_draw_index_u64(p->rule_key, source, ordinal, RT_THIRD_WHICH, p->n) : 0;
  return pool_cell(s, p, target, which);
}

int rt_third_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  uint32_t first = p->def->back ? p->s0 : p->t0;
  uint64_t n = 0, kept = 0;
  *ret_n = 0;
  int e = p->of ? rt_partners_of(k, p->of, source, &n) : 0;
  if (e || !n) return e;
  if (rt_grow(&k->posts, &k->posts_cap, n, sizeof *k->posts)) return NSL_EMEMORY;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t target = k->partners[i], cell = rt_third_cell(k->s, p, source, i, target);
    if (cell == NSL_NONE) continue;
    k->posts[kept] = target;
    k->partners[kept++] = first + cell;
  }
  *ret_n = kept;
  return 0;
}

/* The synapses of one projection, source by source: who, after how long, with what weight. All of it is a function
 * of (seed, projection, source, ordinal), so it can be made as often as wanted: once to be packed (assemble.c),
 * again to be written (weights.c), or at every spike. */
#include "runtime/synapses.h"

#include <math.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/chance.h"
#include "runtime/pairs.h"

/* Drawn in float32, a delay bounded by half a step may lie a little below it. */
double rt_delay_stretch(const struct rt_sim *s, const struct rt_proj *p) {
  return s->program->f32 || p->delay_code == &p->def->delay_f32 ? 1 + 0x1p-22 : 1;
}

/* The delays in `weights`, some of which are no number of steps that is usual, to steps. */
static int delays_careful(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n, double stretch) {
  k->delays = (struct rt_delays){UINT32_MAX, 0, 0};
  for (uint64_t i = 0; i < n; i++) {
    if (p->def->n_fields && rt_steps(k->weights[i] * stretch, k->s->dt) < 1)
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: the delay from source %u to target %u is %g ms, less than one step of %g ms; `max(…, dt)` says what is meant",
                        p->def->path, source - p->s0, k->partners[i] - p->t0, k->weights[i], k->s->dt);
    if (!(k->steps[i] = rt_delay_steps(k->s, p, k->weights[i] * stretch))) return NSL_EMODEL;
    if (k->steps[i] < k->delays.least) k->delays.least = k->steps[i];
    if (k->steps[i] > k->delays.most) k->delays.most = k->steps[i];
  }
  return 0;
}

static int delays_draw(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n) {
  double stretch = rt_delay_stretch(k->s, p);
  if (rt_grow(&k->steps, &k->steps_cap, n + 64, sizeof *k->steps)) return NSL_EMEMORY;
  rt_synapse_values(k->s, p, p->delay_code, source, n, k->pairs, k->weights);
  k->s->hot.delay_steps(k->weights, n, stretch, k->s->dt, k->steps, &k->delays);
  return k->delays.bad ? delays_careful(k, p, source, n, stretch) : 0;
}

static int weights_draw(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n) {
  uint32_t bad;
  rt_synapse_values(k->s, p, p->weight_code, source, n, k->pairs, k->weights);
  k->s->hot.weights_clip(k->weights, n, p->lo, p->hi, &bad);
  for (uint64_t i = 0; bad && i < n; i++)
    if (!isfinite(k->weights[i]))
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: a weight is %s (source %u, synapse %llu)", p->def->path,
                        rt_not_finite(k->weights[i]), source, (unsigned long long)i);
  return 0;
}

/* Delays and weights of a source's n synapses into the scratch, where they are drawn. */
static int values_draw(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n) {
  if (!n) return 0;
  if (rt_grow(&k->weights, &k->weights_cap, n + 64, sizeof *k->weights)) return NSL_EMEMORY;
  int e = p->drawn_delay ? delays_draw(k, p, source, n) : 0;
  return !e && p->drawn_weight && !p->given ? weights_draw(k, p, source, n) : e;
}

/* ---- one source */

int rt_partners_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  if (p->def->rule == NSL_THIRD) return rt_third_row(k, p, source, ret_n);
  if (rt_by_chance(p)) return rt_chance_row(k, p, source, ret_n);
  return rt_rule_row(k->s, p, source, &k->partners, &k->partners_cap, ret_n);
}

int rt_synapses_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, struct rt_row_of *ret) {
  uint64_t n = 0;
  int e = rt_partners_of(k, p, source, &n);
  if (!e && p->def->n_fields) e = rt_pairs_of(k, p, source, k->partners, n);
  if (!e) e = values_draw(k, p, source, n);
  const double *weights = p->given ? p->given->weights + p->given->begin[source - p->s0] : k->weights;
  *ret = (struct rt_row_of){n, k->partners, p->drawn_delay ? k->steps : NULL, k->delays, p->drawn_weight ? weights : NULL};
  return e;
}

int rt_synapses_count(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  *ret_n = rt_rule_count(p, source);
  if (*ret_n != UINT64_MAX) return 0;
  return rt_partners_of(k, p, source, ret_n);
}

void rt_synapses_drop(struct rt_synapses *k) {
  rt_drop(&k->partners);
  rt_drop(&k->posts);
  rt_drop(&k->steps);
  rt_drop(&k->weights);
  rt_drop(&k->pairs);
  rt_drop(&k->gathered);
  rt_drop(&k->coordinates);
  rt_drop(&k->chances);
  rt_drop(&k->candidates);
  rt_drop(&k->bounds);
  rt_drop(&k->hazards);
}

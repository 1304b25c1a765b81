/* Projections before and after their synapses are made: slices, rules, groups, memory.
 *
 * Projections of one source population whose synapses have one form and reach the same array of accumulators share rows
 * (a group). Which form is a matter of the units (units.c), which are chosen before. Should a weight turn out to be
 * larger than was allowed for, all is built again with what is known then. */
#include "runtime/connect.h"

#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/chance.h"
#include "runtime/lump.h"
#include "runtime/pairs.h"
#include "runtime/places.h"
#include "runtime/plastic.h"
#include "runtime/procedural.h"
#include "runtime/ranks.h"
#include "runtime/streams.h"
#include "runtime/threads.h"

enum { CONST_GROUPS = 4, ATTEMPTS = 3, MOST_DELAY = 1 << 20 };

/* ---- values of synapses */

void rt_synapse_values(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *code,
                       uint32_t source, uint64_t n, const double *const *pairs, double *out) {
  void *few[8], **slots = few;
  struct rt_mem mem = {0};
  if (code->n_bindings > 8 && !(slots = rt_alloc(&mem, code->n_bindings, sizeof *slots))) return;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    slots[i] = code->bindings[i].kind == NSL_SLOT_OUT      ? (void *)out
               : code->bindings[i].kind == NSL_SLOT_COLUMN ? (void *)(uintptr_t)pairs[code->bindings[i].index]
                                                           : NULL;
  struct nsl_env env = {
      .slots = slots, .u = p->u, .key = p->key, .step = source, .count = (int64_t)n, .dt = s->dt};
  if (n) rt_kernel(s, code)(&env);
  rt_mem_free(&mem);
}

double rt_weight_clip(const struct rt_proj *p, double w) { return w < p->lo ? p->lo : w > p->hi ? p->hi : w; }

uint32_t rt_delay_steps(const struct rt_sim *s, const struct rt_proj *p, double delay) {
  double steps = rt_steps(delay, s->dt);
  if (steps >= 1 && steps <= MOST_DELAY) return (uint32_t)steps;
  if (isnan(delay))
    rt_fail_at(NSL_EMODEL, p->def->place, "%s: a delay is %s", p->def->path, rt_not_finite(delay));
  else if (steps > MOST_DELAY)
    rt_fail_at(NSL_EMODEL, p->def->place, "%s: a delay of %g ms is more than %d steps of %g ms", p->def->path,
               delay, MOST_DELAY, s->dt);
  else
    rt_fail_at(NSL_EMODEL, p->def->place, "%s: a delay of %g ms is less than one step of %g ms%s",
               p->def->path, delay, s->dt, p->drawn_delay ? "; draw it `within [dt, inf)`" : "");
  return 0;
}

/* ---- preparing a projection */

static int weight_value(struct rt_sim *s, struct rt_proj *p) {
  const struct nsl_projection *d = p->def;
  p->drawn_weight = d->weight_code.kernel != NSL_NONE;
  p->lo = rt_value(s, d->weight_lo, -INFINITY);
  p->hi = rt_value(s, d->weight_hi, INFINITY);
  p->weight = rt_weight_clip(p, rt_value(s, d->weight, 1));
  p->given = s->given && s->given[p->index].weights ? &s->given[p->index] : NULL;
  p->drawn_weight |= p->given != NULL;
  if (p->drawn_weight || isfinite(p->weight)) return 0;
  return rt_fail_at(NSL_EMODEL, d->place, "%s: the weight is %s", d->path, rt_not_finite(p->weight));
}

static int delay_value(struct rt_sim *s, struct rt_proj *p) {
  p->drawn_delay = p->def->delay_code.kernel != NSL_NONE;
  if (p->drawn_delay) return 0;
  p->delay = rt_value(s, p->def->delay, NAN);
  p->delay_steps = rt_delay_steps(s, p, p->delay);
  return p->delay_steps ? 0 : NSL_EMODEL;
}

int rt_link_prepare(struct rt_sim *s, struct rt_proj *p, const struct nsl_projection *d, uint32_t index) {
  *p = (struct rt_proj){
      .def = d, .index = index, .source = &s->pops[d->source.pop], .target = &s->pops[d->target.pop]};
  int e = rt_slice_range(s, &d->source, d->place, &p->s0, &p->sn);
  if (!e) e = rt_slice_range(s, &d->target, d->place, &p->t0, &p->tn);
  if (e) return e;
  p->self = d->no_self && p->source == p->target;
  p->key = nslm_key(s->seed, d->path_hash);
  p->rule_key = nslm_key(s->seed, nslm_hash("rule", 4, d->path_hash));
  p->u = s->G + (d->block == NSL_NONE ? 0 : d->block);
  e = weight_value(s, p);
  if (!e) e = rt_rule_prepare(s, p);
  if (!e) e = rt_fields_prepare(s, p);
  return e ? e : rt_chance_prepare(s, p);
}

static int proj_prepare(struct rt_sim *s, struct rt_proj *p, const struct nsl_projection *d, uint32_t index) {
  int e = rt_link_prepare(s, p, d, index);
  p->port = p->target->port0 + d->port;
  if (p->given) s->ports[p->port].exact = true;
  return e ? e : delay_value(s, p);
}

static int projs_of(struct rt_sim *s, bool plastic, uint32_t *ret_n) {
  for (uint32_t i = 0; i < s->x->n_projections; i++) {
    const struct nsl_projection *d = &s->x->projections[i];
    if (rt_is_plastic(d) != plastic || (d->cond != NSL_NONE && s->G[d->cond] == 0)) continue;
    d = rt_lump_projection(s, d);
    struct rt_proj *p = &s->projs[s->n_projs + s->n_plastic];
    int e = d ? proj_prepare(s, p, d, i) : NSL_EMEMORY;
    if (e) return e;
    if (p->expected > 0) ++*ret_n;
  }
  return 0;
}

/* Those whose synapses have memory behind the others. */
static int projs_prepare(struct rt_sim *s) {
  s->projs = rt_alloc(&s->mem, s->x->n_projections, sizeof *s->projs);
  if (!s->projs) return NSL_EMEMORY;
  int e = projs_of(s, false, &s->n_projs);
  if (!e) e = projs_of(s, true, &s->n_plastic);
  for (uint32_t i = 0; !e && i < s->n_projs + s->n_plastic; i++)
    if (s->projs[i].def->rule == NSL_THIRD) rt_third_join(s, &s->projs[i]);
  return e;
}

/* ---- groups: projections whose synapses share rows */

uint32_t rt_same(const struct rt_sim *s, uint32_t port) {
  while (s->ports[port].same != port) port = s->ports[port].same;
  return port;
}

static void ports_join(struct rt_sim *s, uint32_t a, uint32_t b) {
  a = rt_same(s, a);
  b = rt_same(s, b);
  s->ports[a > b ? a : b].same = a > b ? b : a;
}

static bool is_straight(const struct rt_proj *p) { return p->target->class->ports[p->def->port].straight; }

static int groups_alloc(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_projs; i++) s->projs[i].source->n_out++;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    s->pops[i].groups = rt_alloc(&s->mem, s->pops[i].n_out, sizeof *s->pops[i].groups);
    if (!s->pops[i].groups) return NSL_EMEMORY;
  }
  return 0;
}

/* Ports that get the same weight from one population should have the same unit, so that they can share rows. A source
 * with many different weights has them at the synapses: every group is a row of its own. `groups` serves as a list. */
static void weight_share(struct rt_sim *s, struct rt_proj *p) {
  struct rt_pop *pop = p->source;
  uint32_t others = 0;
  for (uint32_t i = 0; i < pop->n_groups; i++) {
    const struct rt_group *g = &pop->groups[i];
    if (g->nth != p->def->port) continue;
    if (g->weight == p->weight) {
      ports_join(s, g->port, p->port);
      return;
    }
    others++;
  }
  p->each = others >= CONST_GROUPS;
  if (!p->each)
    pop->groups[pop->n_groups++] = (struct rt_group){.nth = p->def->port, .weight = p->weight, .port = p->port};
}

/* What each projection is, as far as units do not matter. */
static int kinds_find(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    p->each = p->drawn_weight;
    if (rt_port_each(p->target, p->def->port)) {
      p->form = RT_APART;
    } else if (is_straight(p)) {
      p->form = s->program->f32 ? RT_FORM_straight_f32 : RT_FORM_straight_f64;
      if (p->drawn_weight)
        return rt_fail_at(NSL_EINPUT, p->def->place, "%s: the program has no accumulators for this port", p->def->path);
    } else if (!p->drawn_weight) {
      weight_share(s, p);
    }
  }
  return 0;
}

static struct rt_group group_of(const struct rt_sim *s, const struct rt_proj *p) {
  struct rt_group g = {.form = p->form, .nth = p->def->port, .delay = p->delay_steps};
  bool straight = p->form != RT_APART && rt_forms[p->form].behind;
  if (p->form == RT_APART) g.rank = p->rank;
  if (straight) g.port = p->port; /* the weight is that of all others there */
  if (straight) g.weight = p->weight;
  else if (p->form != RT_APART) g.units = p->each ? p->grain_units : rt_weight_units(p, p->weight);
  return g;
}

static bool group_same(const struct rt_group *a, const struct rt_group *b) {
  return a->form == b->form && a->nth == b->nth && a->units == b->units && a->port == b->port && a->rank == b->rank;
}

static int groups_make(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) s->pops[i].n_groups = 0;
  s->n_groups = 0;
  s->n_rows = 0;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    struct rt_group g = group_of(s, p);
    for (p->group = 0; p->group < p->source->n_groups; p->group++)
      if (group_same(&p->source->groups[p->group], &g)) break;
    if (p->group == p->source->n_groups) p->source->groups[p->source->n_groups++] = g;
    struct rt_group *its = &p->source->groups[p->group];
    its->late |= p->drawn_delay || p->delay_steps != its->delay;
  }
  for (uint32_t i = 0; i < s->n_pops; i++) {
    struct rt_pop *p = &s->pops[i];
    p->row0 = s->n_rows;
    s->n_rows += (uint64_t)p->n_groups * p->size;
    for (uint32_t g = 0; g < p->n_groups; g++) p->groups[g].index = s->n_groups++;
  }
  return 0;
}

/* ---- memory */

static double proj_bytes(const struct rt_sim *s, const struct rt_proj *p) {
  if (s->rows == RT_ROWS_BY_SOURCE) return rt_stream_estimate(s, p);
  double row_parts = (double)p->sn * s->n_shards,
         buckets = p->drawn_delay ? fmin(p->expected, row_parts * 50) : row_parts;
  if (p->form == RT_APART) return p->expected * 16 + buckets * 16;
  return p->expected * rt_forms[p->form].bytes + buckets * (8 + 3.5);
}

static int memory_check(struct rt_build *b) {
  struct rt_sim *s = b->s;
  const struct rt_proj *worst = NULL;
  double most = 0, rows = (double)s->n_rows * (s->rows == RT_ROWS_BY_SOURCE ? 0 : s->n_shards * sizeof(struct rt_row));
  b->store_bytes = 0;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    double own = proj_bytes(s, &s->projs[i]);
    b->store_bytes += own;
    if (own > most) most = own, worst = &s->projs[i];
  }
  double share = (double)(s->own1 - s->own0) / s->n_shards;
  b->store_bytes *= share; /* of this rank; the other ranks of the machine need as much */
  const struct rt_need need = {(b->store_bytes + rows * share) * rt_ranks_here(s->ranks), most, worst};
  int e = rt_ranks_agree(s->ranks, rt_connectivity_choose(s, &need));
  uint64_t kind = s->connectivity;
  if (!e) e = rt_ranks_combine(s->ranks, &kind, 1, RT_MAX_U64); /* procedural, if one has to */
  s->connectivity = (uint32_t)kind;
  s->by_source = kind == NSL_PROCEDURAL || s->rows == RT_ROWS_BY_SOURCE;
  return e;
}

static int stores_reserve(struct rt_build *b) {
  struct rt_sim *s = b->s;
  if (s->by_source) return rt_streams_make(s, b->store_bytes);
  for (uint32_t i = s->own0; i < s->own1; i++) {
    struct rt_shard *h = &s->shards[i];
    double mean = b->store_bytes / (s->own1 - s->own0), bytes = mean * 2 + 0x1p28;
    h->store_cap = (uint64_t)fmin(bytes / 8, 4294967290.0);
    h->store = rt_reserve(&s->build_mem, h->store_cap * 8, (uint64_t)mean);
    h->rows = rt_alloc(&s->build_mem, s->n_rows, sizeof *h->rows);
    if (!h->store || !h->rows) return NSL_EMEMORY;
    h->store_used = 1;
  }
  return 0;
}

/* ---- the whole */

/* What ranks have found in their shards becomes what there is in all. */
static int counts_combine(struct rt_build *b) {
  struct rt_sim *s = b->s;
  uint64_t most = b->max_delay, least = b->min_delay;
  int e = rt_ranks_combine(s->ranks, &most, 1, RT_MAX_U64);
  if (!e) e = rt_ranks_combine(s->ranks, &least, 1, RT_MIN_U64);
  if (!e) e = rt_ranks_combine(s->ranks, &b->n_synapses, 1, RT_SUM_U64);
  if (!e) e = rt_ranks_combine(s->ranks, b->largest, s->n_projs, RT_MAX_F64);
  b->max_delay = (uint32_t)most;
  b->min_delay = (uint32_t)least;
  return e;
}

static int attempt(struct rt_build *b) {
  struct rt_sim *s = b->s;
  int e = rt_units_choose(s);
  if (!e) e = groups_make(s);
  if (!e) e = rt_rows_choose(s);
  if (!e) e = memory_check(b);
  bool stored = s->connectivity == NSL_STORED;
  if (!e && stored) e = stores_reserve(b);
  if (!e && !(b->largest = rt_alloc(&s->build_mem, s->n_projs, sizeof *b->largest))) e = NSL_EMEMORY;
  b->min_delay = UINT32_MAX;
  b->max_delay = 0;
  b->n_synapses = 0;
  if (!e) e = stored ? rt_assemble(b) : rt_survey(b);
  e = rt_ranks_agree(s->ranks, e);
  return e ? e : counts_combine(b);
}

void rt_build_merge(struct rt_build *b, const double *largest, uint32_t min_delay, uint32_t max_delay, uint64_t n) {
  rt_lock(&b->merging);
  for (uint32_t i = 0; i < b->s->n_projs; i++)
    if (largest[i] > b->largest[i]) b->largest[i] = largest[i];
  b->min_delay = min_delay < b->min_delay ? min_delay : b->min_delay;
  b->max_delay = max_delay > b->max_delay ? max_delay : b->max_delay;
  b->n_synapses += n;
  rt_unlock(&b->merging);
}

/* Weights larger than was allowed for? Then the largest are known now. */
static bool weights_fit(struct rt_build *b) {
  bool fit = true;
  for (uint32_t i = 0; i < b->s->n_projs; i++) {
    struct rt_proj *p = &b->s->projs[i];
    if (p->form == RT_APART || !(b->largest[i] > p->largest)) continue;
    p->largest = b->largest[i];
    fit = false;
  }
  return fit;
}

static int events_prepare(struct rt_sim *s, struct rt_shard *h) {
  uint32_t n = 2;
  while (n < s->max_delay + 1) n *= 2;
  struct rt_delivery *d = &h->delivery;
  d->store = h->store;
  d->mask = n - 1;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    uint32_t form = s->projs[i].form;
    if (form == RT_APART || d->lists[form]) continue;
    if (!(d->lists[form] = rt_alloc(&s->mem, n, sizeof **d->lists))) return NSL_EMEMORY;
  }
  if (s->n_ranks && !(d->apart_lists = rt_alloc(&s->mem, n, sizeof *d->apart_lists))) return NSL_EMEMORY;
  return 0;
}

/* Sums of ports whose int32 accumulators are not enough; with the same numbers of elements. */
static int sums_prepare(struct rt_sim *s, struct rt_shard *h) {
  if (!s->long_sums) return 0;
  h->sums_bytes = (uint64_t)h->n_ports * h->n_elements * sizeof **h->sums;
  h->sums = rt_alloc(&s->mem, h->n_ports, sizeof *h->sums);
  h->sums_block = rt_alloc(&s->mem, h->sums_bytes, 1);
  if (!h->sums || !h->sums_block) return NSL_EMEMORY;
  for (uint32_t k = 0; k < h->n_ports; k++) h->sums[k] = h->sums_block + (uint64_t)k * h->n_elements;
  return 0;
}

/* Where the numbers of a straight port's synapses lead in this shard; NULL: to none of its elements. */
static void *straight_to(const struct rt_sim *s, const struct rt_shard *h, uint32_t port) {
  const struct rt_pop *pop = &s->pops[s->ports[port].pop];
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (c->pop != pop) continue;
    uintptr_t state = (uintptr_t)pop->states[pop->class->ports[s->ports[port].port].straight - 1];
    return (void *)(state + ((size_t)c->first - c->base) * s->real_size);
  }
  return NULL;
}

static void *group_to(const struct rt_sim *s, const struct rt_shard *h, const struct rt_group *g) {
  if (rt_forms[g->form].behind) return straight_to(s, h, g->port);
  if (g->nth >= h->n_ports) return NULL; /* no target of it lies here */
  return s->program->f32 && rt_forms[g->form].sum_bytes == sizeof(int64_t) ? (void *)h->sums[g->nth] : h->acc[g->nth];
}

static int reach_prepare(struct rt_sim *s, struct rt_shard *h) {
  struct rt_reach *reach = rt_alloc(&s->mem, s->n_groups, sizeof *reach);
  if (!reach) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; k < s->pops[i].n_groups; k++) {
      const struct rt_group *g = &s->pops[i].groups[k];
      if (g->form != RT_APART)
        reach[g->index] = (struct rt_reach){group_to(s, h, g), g->units, g->weight, g->nth};
    }
  h->delivery.reach = reach;
  return 0;
}

static int finish(struct rt_build *b) {
  struct rt_sim *s = b->s;
  s->n_synapses = b->n_synapses;
  s->max_delay = b->max_delay;
  s->min_delay = b->n_synapses ? b->min_delay : 0;
  int e = 0;
  for (uint32_t i = s->own0; !e && i < s->own1; i++) {
    e = events_prepare(s, &s->shards[i]);
    if (!e) e = sums_prepare(s, &s->shards[i]);
    if (!e) e = reach_prepare(s, &s->shards[i]);
  }
  return e;
}

int rt_connect(struct rt_sim *s) {
  struct rt_build b = {.s = s};
  int e = rt_places_make(s);
  if (!e) e = projs_prepare(s);
  if (!e) rt_connections_advise(s);
  if (!e) rt_events_rank(s);
  if (!e) e = groups_alloc(s);
  if (!e) e = kinds_find(s);
  if (!e) e = rt_rules_make(s, s->projs, s->n_projs + s->n_plastic);
  if (!e) e = rt_laws_look(s);
  if (!e) e = rt_plastic_prepare(s);
  e = rt_ranks_agree(s->ranks, e);
  if (!e && s->n_plastic) e = rt_plastic_fits(s);
  if (e) return e;
  bool fits = false;
  for (int i = 0; !e && !fits && i < ATTEMPTS; i++) {
    rt_mem_free(&s->build_mem);
    e = attempt(&b);
    fits = !e && weights_fit(&b);
  }
  if (!e) e = finish(&b);
  return e ? e : rt_plastic_build(s);
}

/* Projections before and after their synapses are made: slices, rules, groups, memory, units of the
 * accumulators.
 *
 * Accumulators are 64-bit integers, so that no order of additions matters. One unit is a power of two for
 * each port, as fine as the exact bound of a sum in one step allows: all synapses onto one element, plus what
 * drives may add. Rows with one weight keep it apart from the synapses, so their unit is chosen when the
 * fan-in has been counted. Rows with a weight for each synapse hold 48 bits, so their unit is fixed before,
 * from a sample of the weights; should one not fit, all is built again, coarser. */
#include "runtime/connect.h"

#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/threads.h"

enum {
  CONST_GROUPS = 4,
  SAMPLE_SOURCES = 16,
  SAMPLE_EACH = 256,
  HEADROOM = 3,
  HEADROOM_MORE = 8,
  ATTEMPTS = 8,
  MOST_DELAY = 1 << 20
};

/* ---- values of synapses */

void rt_synapse_values(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *code,
                       uint32_t source, uint64_t n, double *out) {
  void *few[8], **slots = few;
  struct rt_mem mem = {0};
  if (code->n_bindings > 8 && !(slots = rt_alloc(&mem, code->n_bindings, sizeof *slots))) return;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    slots[i] = code->bindings[i].kind == NSL_SLOT_OUT ? out : NULL;
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

static int proj_values(struct rt_sim *s, struct rt_proj *p) {
  const struct nsl_projection *d = p->def;
  p->drawn_weight = d->weight_code.kernel != NSL_NONE;
  p->drawn_delay = d->delay_code.kernel != NSL_NONE;
  p->lo = rt_value(s, d->weight_lo, -INFINITY);
  p->hi = rt_value(s, d->weight_hi, INFINITY);
  p->weight = rt_weight_clip(p, rt_value(s, d->weight, 1));
  if (!p->drawn_weight && !isfinite(p->weight))
    return rt_fail_at(NSL_EMODEL, d->place, "%s: the weight is %s", d->path, rt_not_finite(p->weight));
  if (p->drawn_delay) return 0;
  p->delay = rt_value(s, d->delay, NAN);
  p->delay_steps = rt_delay_steps(s, p, p->delay);
  return p->delay_steps ? 0 : NSL_EMODEL;
}

static int proj_prepare(struct rt_sim *s, struct rt_proj *p, const struct nsl_projection *d, uint32_t index) {
  *p = (struct rt_proj){
      .def = d, .index = index, .source = &s->pops[d->source.pop], .target = &s->pops[d->target.pop]};
  int e = rt_slice_range(s, &d->source, d->place, &p->s0, &p->sn);
  if (!e) e = rt_slice_range(s, &d->target, d->place, &p->t0, &p->tn);
  if (e) return e;
  p->self = d->no_self && p->source == p->target;
  p->key = nslm_key(s->seed, d->path_hash);
  p->rule_key = nslm_key(s->seed, nslm_hash("rule", 4, d->path_hash));
  p->u = s->G + (d->block == NSL_NONE ? 0 : d->block);
  p->port = p->target->port0 + d->port;
  e = proj_values(s, p);
  return e ? e : rt_rule_prepare(s, p);
}

static int projs_prepare(struct rt_sim *s) {
  s->projs = rt_alloc(&s->mem, s->x->n_projections, sizeof *s->projs);
  if (!s->projs) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->x->n_projections; i++) {
    const struct nsl_projection *d = &s->x->projections[i];
    if (d->cond != NSL_NONE && s->G[d->cond] == 0) continue;
    int e = proj_prepare(s, &s->projs[s->n_projs], d, i);
    if (e) return e;
    if (s->projs[s->n_projs].expected > 0) s->n_projs++;
  }
  return 0;
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

static void group_apart(struct rt_proj *p) {
  p->group = p->source->n_groups++;
  p->source->groups[p->group] = (struct rt_group){.apart = true, .rank = p->rank, .port = p->port};
}

static bool is_straight(const struct rt_proj *p) { return p->target->class->ports[p->def->port].straight; }

/* Its own group for each port; the weight is that of all others there. */
static void group_straight(struct rt_proj *p) {
  struct rt_pop *pop = p->source;
  for (p->group = 0; p->group < pop->n_groups; p->group++)
    if (pop->groups[p->group].straight && pop->groups[p->group].port == p->port) return;
  pop->groups[pop->n_groups++] = (struct rt_group){.straight = true, .weight = p->weight, .port = p->port};
}

static void group_find(struct rt_sim *s, struct rt_proj *p) {
  struct rt_pop *pop = p->source;
  uint32_t n_const = 0;
  if (rt_port_each(p->target, p->def->port)) {
    group_apart(p);
    return;
  }
  if (is_straight(p)) {
    group_straight(p);
    return;
  }
  for (uint32_t i = 0; i < pop->n_groups; i++)
    n_const += !pop->groups[i].wide && !pop->groups[i].apart && !pop->groups[i].straight;
  for (int wide = p->drawn_weight; wide < 2; wide++) {
    for (p->group = 0; p->group < pop->n_groups; p->group++) {
      struct rt_group *g = &pop->groups[p->group];
      if (g->apart || g->straight || g->wide != wide || (!wide && g->weight != p->weight)) continue;
      if (!wide) ports_join(s, g->port, p->port);
      return;
    }
    if (!wide && n_const == CONST_GROUPS) continue; /* many weights: each synapse holds its own */
    pop->groups[pop->n_groups++] = (struct rt_group){.wide = wide, .weight = p->weight, .port = p->port};
    return;
  }
}

static int groups_make(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    p->source->n_groups += rt_port_each(p->target, p->def->port) || is_straight(p);
  }
  for (uint32_t i = 0; i < s->n_pops; i++) {
    uint64_t most = CONST_GROUPS + 1 + (uint64_t)s->pops[i].n_groups;
    s->pops[i].groups = rt_alloc(&s->mem, most, sizeof *s->pops[i].groups);
    if (!s->pops[i].groups) return NSL_EMEMORY;
    s->pops[i].n_groups = 0;
  }
  for (uint32_t i = 0; i < s->n_projs; i++) {
    if (is_straight(&s->projs[i]) && s->projs[i].drawn_weight)
      return rt_fail_at(NSL_EINPUT, s->projs[i].def->place, "%s: the program has no accumulators for this port",
                        s->projs[i].def->path);
    group_find(s, &s->projs[i]);
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
  const struct rt_group *group = &p->source->groups[p->group];
  bool wide = group->wide;
  double row_parts = (double)p->sn * s->n_shards,
         buckets = p->drawn_delay ? fmin(p->expected, row_parts * 50) : row_parts;
  if (group->apart) return p->expected * 16 + buckets * 16;
  return p->expected * (wide ? 8 : 2) + buckets * (wide ? 8 : 14);
}

static int memory_check(struct rt_build *b) {
  struct rt_sim *s = b->s;
  const struct rt_proj *worst = NULL;
  double most = 0, rows = (double)s->n_rows * s->n_shards * sizeof(struct rt_row),
         left = (double)rt_memory_left();
  for (uint32_t i = 0; i < s->n_projs; i++) {
    double own = proj_bytes(s, &s->projs[i]);
    b->store_bytes += own;
    if (own > most) most = own, worst = &s->projs[i];
  }
  if (b->store_bytes + rows <= left) return 0;
  if (!worst) return rt_fail(NSL_EMEMORY, "the rows of synapses do not fit in memory");
  return rt_fail_at(NSL_EMEMORY, worst->def->place,
                    "the synapses need about %.3g GB of memory, of which %s with its %.3g synapses %.3g GB; "
                    "%.3g GB are free on this machine",
                    (b->store_bytes + rows) / 1e9, worst->def->path, worst->expected, most / 1e9,
                    left / 1e9);
}

static int stores_reserve(struct rt_build *b) {
  struct rt_sim *s = b->s;
  for (uint32_t i = s->own0; i < s->own1; i++) {
    struct rt_shard *h = &s->shards[i];
    double bytes = b->store_bytes / s->n_shards * 2 + 0x1p28;
    h->store_cap = (uint64_t)fmin(bytes / 8, 4294967290.0);
    h->store = rt_reserve(&s->build_mem, h->store_cap * 8, (uint64_t)(b->store_bytes / s->n_shards));
    h->rows = rt_alloc(&s->build_mem, s->n_rows, sizeof *h->rows);
    if (!h->store || !h->rows) return NSL_EMEMORY;
    h->store_used = 1;
  }
  return 0;
}

/* ---- units */

static double sample_largest(struct rt_sim *s, const struct rt_proj *p) {
  double w[SAMPLE_EACH], largest = 0;
  uint32_t sources = p->sn < SAMPLE_SOURCES ? p->sn : SAMPLE_SOURCES;
  for (uint32_t i = 0; i < sources; i++) {
    rt_synapse_values(s, p, &p->def->weight_code, p->s0 + (uint32_t)((uint64_t)p->sn * i / sources), SAMPLE_EACH,
                      w);
    for (uint32_t k = 0; k < SAMPLE_EACH; k++) {
      double a = fabs(rt_weight_clip(p, w[k]));
      if (isfinite(a) && a > largest) largest = a;
    }
  }
  return largest;
}

static int units_before(struct rt_build *b, int headroom) {
  struct rt_sim *s = b->s;
  memset(b->units, 0, s->n_ports * sizeof *b->units);
  for (uint32_t i = 0; i < s->n_projs; i++) {
    struct rt_proj *p = &s->projs[i];
    struct rt_unit *u = &b->units[rt_same(s, p->port)];
    if (p->source->groups[p->group].apart) continue;
    double largest = p->drawn_weight ? sample_largest(s, p) : fabs(p->weight);
    u->wide |= p->source->groups[p->group].wide;
    u->largest = fmax(u->largest, largest);
  }
  for (uint32_t i = 0; i < s->n_ports; i++) {
    struct rt_unit *u = &b->units[i];
    int e = (u->largest > 0 ? ilogb(u->largest) + 1 : 0) + headroom;
    if (e > 900 || e < -900)
      return rt_fail(NSL_EMODEL, "population %s: weights of %g cannot be summed",
                     s->pops[s->ports[i].pop].def->path, u->largest);
    u->unit = ldexp(1, e - RT_WIDE_BITS);
    u->quantum = ldexp(1, e - RT_WIDE_BITS + RT_FAN_SHIFT);
  }
  return 0;
}

/* Largest sums from the counted fan-in and the drives. */
static void units_need(struct rt_build *b) {
  struct rt_sim *s = b->s;
  for (uint32_t h = s->own0; h < s->own1; h++)
    for (uint32_t c = 0; c < s->shards[h].n_slices; c++) {
      const struct rt_slice *slice = &s->shards[h].slices[c];
      for (uint32_t q = 0; q < slice->pop->class->n_ports; q++) {
        uint32_t port = slice->pop->port0 + q;
        struct rt_unit *u = &b->units[rt_same(s, port)];
        uint64_t most = 0, *fan = b->fan[h] + slice->acc0 + q * slice->count;
        for (uint32_t i = 0; i < slice->count; i++) most = fan[i] > most ? fan[i] : most;
        u->need = fmax(u->need, (double)most * u->quantum + s->ports[port].drive_sum);
      }
    }
}

/* false: a sum would not fit into the fixed units. */
static bool units_after(struct rt_build *b) {
  struct rt_sim *s = b->s;
  for (uint32_t i = 0; i < s->n_ports; i++) {
    struct rt_unit *u = &b->units[rt_same(s, i)];
    double least = u->need > 0 ? ldexp(1, ilogb(u->need) + 1 - RT_SUM_BITS) : 1;
    if (u->wide && least > u->unit) return false;
    s->ports[i].unit = u->wide ? u->unit : least;
  }
  return true;
}

/* ---- the whole */

static int attempt(struct rt_build *b, int headroom, bool *ret_fits) {
  struct rt_sim *s = b->s;
  int e = units_before(b, headroom);
  if (!e) e = stores_reserve(b);
  b->fan = rt_alloc(&s->build_mem, s->n_shards, sizeof *b->fan);
  if (!e && !b->fan) e = NSL_EMEMORY;
  for (uint32_t i = s->own0; !e && i < s->own1; i++)
    if (!(b->fan[i] = rt_alloc(&s->build_mem, s->shards[i].n_acc, sizeof **b->fan))) e = NSL_EMEMORY;
  b->min_delay = UINT32_MAX;
  b->max_delay = 0;
  b->n_synapses = 0;
  b->coarser = 0;
  if (!e) e = rt_assemble(b);
  if (e) return e;
  units_need(b);
  *ret_fits = !b->coarser && units_after(b);
  return 0;
}

static int events_prepare(struct rt_sim *s, struct rt_shard *h) {
  uint32_t n = 2;
  while (n < s->max_delay + 1) n *= 2;
  struct rt_delivery *d = &h->delivery;
  d->store = h->store;
  d->mask = n - 1;
  d->acc = h->acc;
  d->weights = s->weights;
  d->const_lists = rt_alloc(&s->mem, n, sizeof *d->const_lists);
  d->wide_lists = rt_alloc(&s->mem, n, sizeof *d->wide_lists);
  d->straight_lists = rt_alloc(&s->mem, n, sizeof *d->straight_lists);
  if (s->n_ranks && !(d->apart_lists = rt_alloc(&s->mem, n, sizeof *d->apart_lists))) return NSL_EMEMORY;
  return d->const_lists && d->wide_lists && d->straight_lists ? 0 : NSL_EMEMORY;
}

/* Where the numbers of a straight port's synapses lead in this shard; NULL: to none of its elements. */
static void *straight_to(const struct rt_sim *s, const struct rt_shard *h, uint32_t port) {
  const struct rt_pop *pop = &s->pops[s->ports[port].pop];
  uint32_t q = s->ports[port].port;
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (c->pop != pop) continue;
    uintptr_t state = (uintptr_t)pop->states[pop->class->ports[q].straight - 1];
    return (void *)(state + ((size_t)c->first - c->acc0 - (size_t)q * c->count) * s->real_size);
  }
  return NULL;
}

static int straight_prepare(struct rt_sim *s, struct rt_shard *h) {
  struct rt_straight *to = rt_alloc(&s->mem, s->n_groups, sizeof *to);
  if (!to) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t g = 0; g < s->pops[i].n_groups; g++) {
      const struct rt_group *group = &s->pops[i].groups[g];
      if (group->straight)
        to[group->index] = (struct rt_straight){straight_to(s, h, group->port), group->weight};
    }
  h->delivery.straight = to;
  return 0;
}

static int finish(struct rt_build *b) {
  struct rt_sim *s = b->s;
  s->n_synapses = b->n_synapses;
  s->max_delay = b->max_delay;
  s->min_delay = b->n_synapses ? b->min_delay : 0;
  s->weights = rt_alloc(&s->mem, s->n_groups, sizeof *s->weights);
  if (!s->weights) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t g = 0; g < s->pops[i].n_groups; g++) {
      const struct rt_group *group = &s->pops[i].groups[g];
      if (!group->wide && !group->apart) s->weights[group->index] = llrint(group->weight / s->ports[group->port].unit);
    }
  int e = 0;
  for (uint32_t i = s->own0; !e && i < s->own1; i++) {
    e = events_prepare(s, &s->shards[i]);
    if (!e) e = straight_prepare(s, &s->shards[i]);
  }
  return e;
}

int rt_connect(struct rt_sim *s) {
  struct rt_build b = {.s = s};
  int e = projs_prepare(s);
  if (!e) rt_connections_advise(s);
  if (!e) rt_events_rank(s);
  if (!e) e = groups_make(s);
  if (!e) e = memory_check(&b);
  if (!e) e = rt_rules_make(s);
  if (e) return e;
  b.units = rt_alloc(&s->mem, s->n_ports, sizeof *b.units);
  if (!b.units) return NSL_EMEMORY;
  bool fits = false;
  for (int i = 0; !e && !fits && i < ATTEMPTS; i++) {
    rt_mem_free(&s->build_mem);
    e = attempt(&b, HEADROOM + HEADROOM_MORE * i, &fits);
  }
  if (!e && !fits) e = rt_fail(NSL_EMODEL, "the weights differ too much in size to be summed exactly");
  return e ? e : finish(&b);
}

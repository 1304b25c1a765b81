/* Who flows into whom: the synapses of couplings, gathered by target.
 *
 * The rules give a source's targets (synapses.h); every shard keeps those of its own elements, by target, then in the order of sources and
 * ordinals, which is the order of the sums. The two directions of an undirected coupling have the same synapses. Of
 * one population with itself, a pair and its mirror image are one: where a rule looks at all pairs, that of the lower number
 * first, where it draws, each that is drawn; nobody is coupled with itself.
 *
 * Delays are numbers of steps with a part; at least one step. */
#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/chance.h"
#include "runtime/connect.h"
#include "runtime/coupling.h"
#include "runtime/error.h"
#include "runtime/gating.h"
#include "runtime/pairs.h"
#include "runtime/ranks.h"
#include "runtime/rules.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { MOST_LAG = 1 << 24 };

/* ---- delays */

static int lag_of(const struct rt_sim *s, const struct rt_coupling *c, double delay, uint32_t *ret_lag, double *ret_part) {
  double steps = delay / s->dt, whole = nearbyint(steps);
  if (!(steps >= 1 - 1e-6) || steps > MOST_LAG)
    return rt_fail_at(NSL_EMODEL, c->def->link.place, "%s: a delay of %.12g ms is %s of %g ms", c->def->link.path, delay,
                      steps > MOST_LAG ? "too many steps" : "less than one step", s->dt);
  if (fabs(steps - whole) > 1e-6 * whole) whole = floor(steps);
  else steps = whole;
  *ret_lag = (uint32_t)whole;
  *ret_part = steps - whole;
  return 0;
}

/* ---- preparing */

/* Nobody is its own source: pairs of an undirected coupling, or `no self`. */
static bool leaves_own(const struct rt_coupling *c) { return c->def->once || c->link.self; }

static bool whole_mirror(const struct rt_proj *p) { return p->source == p->target && p->s0 == p->t0 && p->sn == p->tn; }

static int timed_prepare(struct rt_sim *s, struct rt_coupling *c) {
  for (uint32_t k = 0; k < c->def->n_terms; k++)
    if (c->def->terms[k].delayed) c->timed = &c->def->terms[k];
  if (!c->timed || c->timed->delay == NSL_NONE) return 0;
  return lag_of(s, c, s->G[c->timed->delay], &c->lag, &c->part);
}

int rt_coupling_prepare(struct rt_sim *s, struct rt_coupling *c, const struct nsl_coupling *def, uint32_t index) {
  struct rt_proj *p = &c->link;
  c->def = def;
  int e = rt_link_prepare(s, p, &def->link, index);
  if (e) return e;
  if (def->once && !def->reversed && (e = rt_pairs_symmetric(p))) return e;
  if (def->link.rule == NSL_THIRD) rt_third_join(s, p);
  p->weight_code = &def->link.weight_code;
  c->from = def->reversed ? p->target : p->source;
  c->to = def->reversed ? p->source : p->target;
  c->first = def->reversed ? p->s0 : p->t0;
  c->n = def->reversed ? p->sn : p->tn;
  e = timed_prepare(s, c);
  if (!e) e = rt_gating_make(s, c);
  bool alike = !c->gating && def->link.rule == NSL_ALL_TO_ALL && !rt_by_chance(p) && !p->drawn_weight && (!c->timed || c->lag);
  c->but_own = leaves_own(c);
  c->summed = alike && !(c->but_own && c->timed) && (!def->once || whole_mirror(p));
  c->empty = c->summed && def->once && def->reversed;
  return e;
}

/* ---- rows */

static bool in_range(uint32_t e, uint32_t first, uint32_t n) { return e >= first && e - first < n; }

bool rt_pair_counts(const struct rt_coupling *c, uint32_t source, uint32_t target) {
  const struct rt_proj *p = &c->link;
  if (!c->def->once) return true;
  if (source == target) return false;
  uint32_t rule = c->def->link.rule;
  bool all = rule == NSL_ALL_TO_ALL || rule == NSL_PROBABILITY || rule == NSL_MATRIX;
  return !all || source < target || !in_range(target, p->s0, p->sn) || !in_range(source, p->t0, p->tn);
}

struct rows { /* while they are made */
  struct rt_sim *s;
  struct rt_mem *mem; /* of the shard */
  struct rt_synapses synapses;
  struct rt_coupled_delays delays;
  struct rt_gate_row gates;
};

int rt_coupled_delays_of(struct rt_sim *s, const struct rt_coupling *c, const struct rt_synapses *synapses, uint32_t source, uint64_t n,
                         struct rt_coupled_delays *ret) {
  if (rt_grow(&ret->ms, &ret->cap, n + 64, sizeof *ret->ms)) return NSL_EMEMORY;
  if (c->timed && !c->lag) rt_synapse_values(s, &c->link, &c->timed->delay_code, source, n, c->link.def->n_fields ? synapses->pairs : NULL, ret->ms);
  else
    for (uint64_t i = 0; i < n; i++) ret->ms[i] = (c->lag + c->part) * s->dt;
  return 0;
}

/* Puts one source's synapses where they belong; without arrays it only counts them. */
static int source_put(struct rows *r, struct rt_inflow *f, uint32_t source, uint64_t *at) {
  const struct rt_coupling *c = f->coupling;
  struct rt_row_of row;
  bool third = c->def->link.rule == NSL_THIRD; /* the row is that of the synapses at which the third part stands */
  int e = rt_synapses_of(&r->synapses, &c->link, source, &row);
  if (!e && at && c->timed && !c->lag) e = rt_coupled_delays_of(r->s, c, &r->synapses, source, row.n, &r->delays);
  if (!e && at && c->gating) e = rt_gates_row(r->s, c, &r->gates, source, row.n);
  for (uint64_t i = 0; !e && i < row.n; i++) {
    uint32_t to = third ? r->synapses.posts[i] : c->def->reversed ? source : row.target[i];
    if (!in_range(to, f->first, f->n) || !rt_pair_counts(c, source, row.target[i])) continue;
    if (!at) {
      f->start[to - f->first + 1]++;
      continue;
    }
    uint64_t k = at[to - f->first]++;
    f->source[k] = third || c->def->reversed ? row.target[i] : source;
    if (f->weight) f->weight[k] = row.weight[i];
    if (f->gates) rt_gates_put(r->s, f, &r->gates, i, k, row.weight ? row.weight[i] : c->link.weight);
    if (!f->lag) continue;
    double part;
    e = lag_of(r->s, c, r->delays.ms[i], &f->lag[k], &part);
    f->part[k] = part;
  }
  return e;
}

static int sources_put(struct rows *r, struct rt_inflow *f, uint64_t *at) {
  const struct rt_proj *p = f->coupling->link.of ? f->coupling->link.of : &f->coupling->link;
  int e = 0;
  for (uint32_t source = p->s0; !e && source < p->s0 + p->sn; source++) {
    if (r->s->interrupt && *r->s->interrupt) return rt_fail(NSL_ESTOPPED, "interrupted while connecting");
    if (f->coupling->def->reversed && !in_range(source, f->first, f->n)) continue;
    e = source_put(r, f, source, at);
  }
  return e;
}

static int arrays_alloc(struct rt_mem *mem, struct rt_inflow *f) {
  const struct rt_coupling *c = f->coupling;
  uint64_t n = f->start[f->n];
  bool late = c->timed && !c->lag;
  bool weights = c->link.drawn_weight && !c->gating; /* else they are a state */
  double bytes = (double)n * (sizeof *f->source + (weights ? sizeof *f->weight : 0) + (late ? sizeof *f->lag + sizeof *f->part : 0));
  if (bytes > 0.5 * (double)rt_memory_left())
    return rt_fail_at(NSL_EMEMORY, c->def->link.place, "%s: %.3g continuous synapses need %.3g GB", c->def->link.path, (double)n, bytes / 1e9);
  f->source = rt_alloc(mem, n + 1, sizeof *f->source);
  if (weights && !(f->weight = rt_alloc(mem, n + 1, sizeof *f->weight))) return NSL_EMEMORY;
  if (late && !(f->lag = rt_alloc(mem, n + 1, sizeof *f->lag))) return NSL_EMEMORY;
  if (late && !(f->part = rt_alloc(mem, n + 1, sizeof *f->part))) return NSL_EMEMORY;
  return f->source ? 0 : NSL_EMEMORY;
}

static int rows_make(struct rows *r, struct rt_inflow *f) {
  struct rt_mem *mem = r->mem;
  f->start = rt_alloc(mem, (uint64_t)f->n + 1, sizeof *f->start);
  uint64_t *at = rt_alloc(mem, (uint64_t)f->n + 1, sizeof *at);
  if (!f->start || !at) return NSL_EMEMORY;
  int e = sources_put(r, f, NULL);
  for (uint32_t i = 0; i < f->n; i++) {
    f->start[i + 1] += f->start[i];
    at[i] = f->start[i];
  }
  if (!e) e = arrays_alloc(mem, f);
  if (!e && f->coupling->gating) e = rt_gates_alloc(r->s, mem, f);
  return e ? e : sources_put(r, f, at);
}

/* How many synapses a target has, and the sum of their weights. */
static int numbers_make(struct rt_mem *mem, struct rt_inflow *f) {
  const struct rt_coupling *c = f->coupling;
  const struct rt_proj *p = &c->link;
  uint32_t s0 = c->def->reversed ? p->t0 : p->s0, sn = c->def->reversed ? p->tn : p->sn;
  for (int k = 0; k < 2; k++)
    if (!(f->number[k] = rt_alloc(mem, f->n + 1, sizeof **f->number))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < f->n; i++) {
    bool own = c->but_own && c->from == c->to && in_range(f->first + i, s0, sn);
    f->number[0][i] = c->summed ? (double)sn - own : (double)(f->start[i + 1] - f->start[i]);
    for (uint64_t k = f->weight ? f->start[i] : 0; f->weight && k < f->start[i + 1]; k++) f->number[1][i] += f->weight[k];
  }
  return 0;
}

static void inflow_begin(const struct rt_slice *slice, const struct rt_coupling *c, struct rt_inflow *f) {
  uint32_t end = slice->first + slice->count;
  f->coupling = c;
  f->first = slice->first > c->first ? slice->first : c->first;
  if (end > c->first + c->n) end = c->first + c->n;
  f->n = end > f->first ? end - f->first : 0;
}

/* ---- a shard's */

static int sink_make(struct rt_sim *s, struct rt_slice *slice, uint32_t input, struct rt_sink *sink) {
  struct rt_couplings *all = s->couplings;
  *sink = (struct rt_sink){.slice = slice, .input = input};
  sink->inflows = rt_alloc(&s->mem, all->n, sizeof *sink->inflows);
  if (!sink->inflows) return NSL_EMEMORY;
  for (uint32_t i = 0; i < all->n; i++)
    if (all->all[i].to == slice->pop && all->all[i].def->input == input)
      inflow_begin(slice, &all->all[i], &sink->inflows[sink->n++]);
  return 0;
}

static int sinks_make(struct rt_sim *s, struct rt_shard *h) {
  struct rt_couplings *all = s->couplings;
  uint32_t n = 0;
  int e = 0;
  for (uint32_t i = 0; i < h->n_slices; i++) n += h->slices[i].pop->class->n_inputs;
  struct rt_sink *sinks = all->sinks[h->index] = rt_alloc(&s->mem, n, sizeof *sinks);
  if (!sinks) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < h->n_slices; i++)
    for (uint32_t k = 0; !e && k < h->slices[i].pop->class->n_inputs; k++)
      if (rt_coupling_reaches(s, h->slices[i].pop, k)) e = sink_make(s, &h->slices[i], k, &sinks[all->n_sinks[h->index]++]);
  return e;
}

static int shard_rows(struct rows *r, uint32_t shard) {
  const struct rt_couplings *all = r->s->couplings;
  int e = 0;
  r->mem = &all->mem[shard];
  for (uint32_t i = 0; !e && i < all->n_sinks[shard]; i++)
    for (uint32_t k = 0; !e && k < all->sinks[shard][i].n; k++) {
      struct rt_inflow *f = &all->sinks[shard][i].inflows[k];
      if (!f->n) continue;
      if (!f->coupling->summed) e = rows_make(r, f);
      if (!e) e = numbers_make(r->mem, f);
    }
  return e;
}

static int rows_job(void *context, uint32_t thread) {
  struct rt_sim *s = context;
  struct rows r = {.s = s, .synapses = {.s = s}};
  int e = 0;
  for (uint32_t i = s->own0 + thread; !e && i < s->own1; i += s->threads) e = shard_rows(&r, i);
  rt_synapses_drop(&r.synapses);
  rt_drop(&r.delays.ms);
  rt_mem_free(&r.gates.mem);
  return e;
}

/* Where the pasts of the sources begin, when it is known how long they are: all that is delayed in a stream is remembered equally long. */
static int begins_make(struct rt_mem *mem, struct rt_inflow *f) {
  const struct rt_coupling *c = f->coupling;
  uint32_t row = 0;
  for (uint32_t t = 0; t < c->def->n_terms; t++)
    if (c->flows[t].delayed && c->flows[t].shown) row = c->flows[t].shown->values.row;
  if (!(f->at = rt_alloc(mem, f->start[f->n] + 1, sizeof *f->at))) return NSL_EMEMORY;
  for (uint64_t n = 0; n < f->start[f->n]; n++) f->at[n] = f->source[n] * row; /* fits: coupling.c */
  return 0;
}

static uint32_t reach_of(uint32_t lag) {
  uint32_t reach = 0;
  while (reach + 1 < RT_REACHES && lag >= (uint32_t)RT_COUPLED_LANES << reach) reach++;
  return reach;
}

struct late {
  uint32_t source, lag;
  double part, weight;
};

/* A row's synapses by reach, and as they were among equals; where each reach ends. */
static void row_sort(struct rt_inflow *f, uint64_t from, uint64_t to, struct late *row, uint64_t *const ends[RT_REACHES], uint32_t target) {
  uint64_t at = from;
  for (uint64_t k = from; k < to; k++) row[k - from] = (struct late){f->source[k], f->lag[k], f->part[k], f->weight ? f->weight[k] : 0};
  for (uint32_t reach = 0; reach < RT_REACHES; reach++) {
    for (uint64_t k = 0; k < to - from; k++) {
      if (reach_of(row[k].lag) != reach) continue;
      f->source[at] = row[k].source;
      f->lag[at] = row[k].lag;
      f->part[at] = row[k].part;
      if (f->weight) f->weight[at] = row[k].weight;
      at++;
    }
    ends[reach][target] = at;
  }
}

static int rows_sort(struct rt_inflow *f, uint64_t *const ends[RT_REACHES]) {
  struct late *row = NULL;
  size_t cap = 0;
  int e = 0;
  for (uint32_t i = 0; !e && i < f->n; i++) {
    e = rt_grow(&row, &cap, f->start[i + 1] - f->start[i] + 1, sizeof *row);
    if (!e) row_sort(f, f->start[i], f->start[i + 1], row, ends, i);
  }
  rt_drop(&row);
  return e;
}

/* Steps are summed together as far as the shortest delay lets, and the memory. */
static int sums_alloc(struct rt_mem *mem, const struct rt_inflow *f, struct rt_reached *r) {
  const struct rt_coupling *c = f->coupling;
  uint32_t n = r->least < RT_COUPLED_AHEAD ? r->least : RT_COUPLED_AHEAD;
  if (n > RT_COUPLED_LANES) n = (uint64_t)f->n * n > RT_STREAM_AHEAD_ROOM ? RT_COUPLED_LANES : n - n % RT_COUPLED_LANES;
  r->room = n;
  if (!(r->sums = rt_alloc(mem, c->def->n_terms, sizeof *r->sums))) return NSL_EMEMORY;
  for (uint32_t k = 0; k < c->def->n_terms; k++)
    if (c->flows[k].delayed && c->flows[k].shown && !(r->sums[k] = rt_alloc(mem, (uint64_t)f->n * r->room, sizeof **r->sums)))
      return NSL_EMEMORY;
  return 0;
}

/* The targets that have synapses of this reach. */
static int reached_make(struct rt_mem *mem, const struct rt_inflow *f, const uint64_t *begin, const uint64_t *end, struct rt_reached *r) {
  struct rt_coupled_rows *rows = &r->rows;
  uint32_t n = 0;
  for (uint32_t i = 0; i < f->n; i++) n += begin[i] < end[i];
  if (!n) return 0;
  rows->target = rt_alloc(mem, n, sizeof *rows->target);
  rows->begin = rt_alloc(mem, n, sizeof *rows->begin);
  rows->end = rt_alloc(mem, n, sizeof *rows->end);
  if (!rows->target || !rows->begin || !rows->end) return NSL_EMEMORY;
  r->least = f->lag ? UINT32_MAX : f->coupling->lag;
  for (uint32_t i = 0; i < f->n; i++) {
    if (begin[i] == end[i]) continue;
    rows->target[rows->n] = i;
    rows->begin[rows->n] = begin[i];
    rows->end[rows->n++] = end[i];
    for (uint64_t j = begin[i]; f->lag && j < end[i]; j++)
      if (f->lag[j] < r->least) r->least = f->lag[j];
  }
  return sums_alloc(mem, f, r);
}

static int reaches_make(struct rt_mem *mem, struct rt_inflow *f) {
  struct rt_mem scratch = {0};
  uint64_t *ends[RT_REACHES];
  int e = 0;
  for (uint32_t k = 0; k < RT_REACHES; k++)
    if (!(ends[k] = rt_alloc(&scratch, f->n, sizeof *ends[k]))) e = NSL_EMEMORY;
  if (!e && f->lag) e = rows_sort(f, ends);
  for (uint32_t k = 0; !e && !f->lag && k < RT_REACHES; k++)
    for (uint32_t i = 0; i < f->n; i++) ends[k][i] = f->start[i + (k >= reach_of(f->coupling->lag))];
  for (uint32_t k = 0; !e && k < RT_REACHES; k++) e = reached_make(mem, f, k ? ends[k - 1] : f->start, ends[k], &f->reached[k]);
  rt_mem_free(&scratch);
  return e ? e : begins_make(mem, f);
}

int rt_coupling_reaches_make(struct rt_sim *s) {
  struct rt_couplings *all = s->couplings;
  int e = 0;
  for (uint32_t i = s->own0; i < s->own1; i++)
    for (uint32_t k = 0; k < all->n_sinks[i]; k++)
      for (uint32_t j = 0; !e && j < all->sinks[i][k].n; j++) {
        struct rt_inflow *f = &all->sinks[i][k].inflows[j];
        if (f->n && f->coupling->timed && !f->coupling->summed) e = reaches_make(&all->mem[i], f);
      }
  return e;
}

/* How far back is looked, and for how many steps nobody needs to know what others do. */
static void lags_look(struct rt_couplings *all, const struct rt_inflow *f) {
  const struct rt_coupling *c = f->coupling;
  uint32_t least = c->lag, most = c->lag;
  if (c->gating) all->interval = 1;
  for (uint64_t k = 0; f->lag && k < f->start[f->n]; k++) {
    if (!k || f->lag[k] < least) least = f->lag[k];
    if (f->lag[k] > most) most = f->lag[k];
  }
  for (uint32_t k = 0; k < c->def->n_terms; k++) {
    const struct rt_flow *flow = &c->flows[k];
    if (!flow->shown) continue;
    uint32_t now = flow->delayed ? least : 1;
    if (now && now < all->interval) all->interval = now;
    struct rt_values *x = flow->total ? &flow->total->values : &flow->shown->values;
    if (flow->delayed && most > x->longest) x->longest = most;
  }
}

/* Of both directions of a gap junction the first. One sum for all, of a population with itself, has each pair twice. */
static int flows_count(struct rt_sim *s) {
  double n = 0;
  for (uint32_t i = s->own0; i < s->own1; i++)
    for (uint32_t k = 0; k < s->couplings->n_sinks[i]; k++)
      for (uint32_t j = 0; j < s->couplings->sinks[i][k].n; j++) {
        const struct rt_inflow *f = &s->couplings->sinks[i][k].inflows[j];
        for (uint32_t t = 0; t < f->n && !f->coupling->def->reversed; t++)
          n += f->number[0][t] * (f->coupling->summed && f->coupling->def->once ? 0.5 : 1);
      }
  uint64_t halves = (uint64_t)(2 * n);
  int e = rt_ranks_combine(s->ranks, &halves, 1, RT_SUM_U64);
  s->n_flows = halves / 2;
  return e;
}

int rt_coupling_rows(struct rt_sim *s) {
  struct rt_couplings *all = s->couplings;
  struct rt_proj *links = rt_alloc(&s->mem, all->n, sizeof *links);
  if (!links) return NSL_EMEMORY;
  for (uint32_t i = 0; i < all->n; i++) links[i] = all->all[i].link;
  int e = rt_rules_make(s, links, all->n);
  for (uint32_t i = 0; i < all->n; i++) all->all[i].link.rule = links[i].rule;
  for (uint32_t i = s->own0; !e && i < s->own1; i++) e = sinks_make(s, &s->shards[i]);
  if (!e) e = rt_team_run(s->team, rows_job, s);
  return e;
}

int rt_coupling_lags(struct rt_sim *s) {
  struct rt_couplings *all = s->couplings;
  struct rt_values *x;
  int e = flows_count(s);
  all->interval = s->ranks || s->x->joint > 0 ? 1 : RT_STREAM_INTERVAL;
  for (uint32_t i = s->own0; i < s->own1; i++)
    for (uint32_t k = 0; k < all->n_sinks[i]; k++)
      for (uint32_t j = 0; j < all->sinks[i][k].n; j++) lags_look(all, &all->sinks[i][k].inflows[j]);
  uint64_t longest = 0; /* one for all: products of one stream look into several pasts at the same places */
  for (uint32_t i = 0; rt_coupling_values(s, i, &x); i++) longest = x->longest > longest ? x->longest : longest;
  e = rt_ranks_combine(s->ranks, &longest, 1, RT_MAX_U64);
  for (uint32_t i = 0; !e && rt_coupling_values(s, i, &x); i++) {
    uint64_t delayed = x->longest > 0;
    e = rt_ranks_combine(s->ranks, &delayed, 1, RT_MAX_U64);
    x->longest = delayed ? (uint32_t)longest : 0;
  }
  return e;
}

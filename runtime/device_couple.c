/* Continuous synapses on a device (coupling.c): what elements show to others, what flows, and joint steps (agree.c). Structures are those of
 * the host, array by array; what does not change is copied once, the rest when a run begins and ends. */
#include <stddef.h>
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/error.h"

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

static uint64_t reals(const struct rt_device *d, const struct rt_pop *p) { return (uint64_t)p->padded * d->s->real_size; }

/* Without padding. */
static uint32_t real_count(const struct rt_slice *c) {
  return c->first + c->count <= c->pop->size ? c->count : c->pop->size - c->first;
}

/* ---- plan */

static void values_plan(struct rt_device *d, struct rt_values *x, struct dev_values_place *at) {
  at->values = x;
  for (int k = 0; k < 2; k++) at->now[k] = rt_device_reserve(d, DEV_USE_STATES, x->n * sizeof **x->now);
  at->ring = x->ring ? rt_device_reserve(d, DEV_USE_STATES, (uint64_t)x->n * x->row * sizeof *x->ring) : 0;
}

/* Of which elements of a part it is the sum; gives their end. */
static uint32_t total_part(const struct rt_device *d, const struct rt_total *t, uint32_t part, uint32_t *ret_from) {
  const struct rt_pop *p = t->shown->pop;
  const struct rt_slice *c = &d->s->shards[p->parts[part].shard].slices[p->parts[part].slice];
  uint32_t end = c->first + real_count(c);
  *ret_from = c->first > t->first ? c->first : t->first;
  return end < t->first + t->n ? end : t->first + t->n;
}

static int totals_plan(struct rt_device *d) {
  const struct rt_couplings *c = d->s->couplings;
  uint32_t n = 0, from;
  for (uint32_t i = 0; i < c->n_totals; i++) n += c->totals[i].shown->pop->n_parts;
  if (!(d->total_sums = rt_alloc(&d->mem, n + 1ull, sizeof *d->total_sums))) return NSL_EMEMORY;
  n = 0;
  for (uint32_t i = 0; i < c->n_totals; i++) {
    d->sums_shown |= c->totals[i].n > RT_TREE_CHUNK;
    for (uint32_t k = 0; k < c->totals[i].shown->pop->n_parts; k++) {
      uint32_t end = total_part(d, &c->totals[i], k, &from);
      d->total_sums[n++] = rt_device_sums_plan(d, end > from ? end - from : 0);
    }
  }
  d->sums |= d->sums_shown;
  return 0;
}

/* What a trial of a joint step shows, and sums of it. */
static void aheads_plan(struct rt_device *d) {
  const struct rt_couplings *c = d->s->couplings;
  for (uint32_t i = 0; c->agree && i < d->n_values; i++) {
    struct dev_values_place *at = &d->shown_values[i];
    const struct rt_shown *of = i < c->n_shown ? &c->shown[i] : c->totals[i - c->n_shown].shown;
    for (int k = 0; k < 2 && of->ahead; k++) at->ahead[k] = rt_device_reserve(d, DEV_USE_STATES, at->values->n * sizeof(double));
  }
  if (c->agree) d->agree_at = rt_device_reserve(d, DEV_USE_STATES, sizeof(struct dev_agree));
}

/* Where each target's synapses of a reach begin and end. */
static int reach_plan(struct rt_device *d, const struct rt_inflow *f, uint32_t reach, struct dev_inflow_place *at) {
  const struct rt_coupled_rows *rows = &f->reached[reach].rows;
  if (!rows->n) return 0;
  uint64_t *begin = rt_alloc(&d->mem, f->n, sizeof *begin), *end = rt_alloc(&d->mem, f->n, sizeof *end);
  if (!begin || !end) return NSL_EMEMORY;
  for (uint32_t i = 0; i < rows->n; i++) begin[rows->target[i]] = rows->begin[i], end[rows->target[i]] = rows->end[i];
  at->begin[reach] = rt_device_keep(d, begin, f->n * sizeof *begin);
  at->end[reach] = rt_device_keep(d, end, f->n * sizeof *end);
  return 0;
}

static int inflow_plan(struct rt_device *d, const struct rt_inflow *f, struct dev_inflow_place *at) {
  uint64_t n = f->start ? f->start[f->n] : 0;
  int e = 0;
  at->inflow = f;
  at->start = rt_device_keep(d, f->start, f->start ? (f->n + 1ull) * sizeof *f->start : 0);
  at->source = rt_device_keep(d, f->source, n * sizeof *f->source);
  at->lag = rt_device_keep(d, f->lag, n * sizeof *f->lag);
  at->at = rt_device_keep(d, f->at, n * sizeof *f->at);
  at->weight = rt_device_keep(d, f->weight, n * sizeof *f->weight);
  at->part = rt_device_keep(d, f->part, n * sizeof *f->part);
  for (int k = 0; k < 2; k++) at->number[k] = rt_device_keep(d, f->number[k], f->n * sizeof **f->number);
  for (uint32_t k = 0; !e && k < RT_REACHES; k++) e = reach_plan(d, f, k, at);
  return e;
}

int rt_device_couplings_plan(struct rt_device *d) {
  struct rt_couplings *c = d->s->couplings;
  struct rt_values *x;
  uint64_t inflows = 0;
  int e = 0;
  if (!c) return 0;
  while (rt_coupling_values(d->s, d->n_values, &x)) d->n_values++;
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < c->n_sinks[k]; i++) inflows += c->sinks[k][i].n;
  d->shown_values = rt_alloc(&d->mem, d->n_values + 1ull, sizeof *d->shown_values);
  d->inflows = rt_alloc(&d->mem, inflows + 1, sizeof *d->inflows);
  d->shown_at = rt_alloc(&d->mem, c->n_shown + 1ull, sizeof *d->shown_at);
  if (!d->shown_values || !d->inflows || !d->shown_at) return NSL_EMEMORY;
  for (uint32_t i = 0; rt_coupling_values(d->s, i, &x); i++) values_plan(d, x, &d->shown_values[i]);
  aheads_plan(d);
  if (!e) e = totals_plan(d);
  if (!e) e = rt_device_gates_plan(d);
  for (uint32_t i = 0; i < c->n_shown; i++) d->shown_at[i] = rt_device_reserve(d, DEV_USE_STATES, reals(d, c->shown[i].pop));
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < c->n_sinks[k]; i++)
      for (uint32_t j = 0; !e && j < c->sinks[k][i].n; j++) e = inflow_plan(d, &c->sinks[k][i].inflows[j], &d->inflows[d->n_inflows++]);
  for (uint32_t k = 0; c->agree && k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < c->n_sinks[k]; i++) d->flows_bytes += 2 * real_count(c->sinks[k][i].slice) * sizeof(double);
  d->flows_at = rt_device_reserve(d, DEV_USE_STATES, d->flows_bytes);
  return e;
}

/* ---- launches */

/* Of what is shown at the end of a step; or, joint steps, of what a trial would show. */
int rt_device_couplings_launches(struct rt_device *d, bool ahead, dev_late_fn *add) {
  const struct rt_couplings *c = d->s->couplings;
  int e = 0;
  for (uint32_t i = 0; !e && c && i < c->n_shown; i++) {
    const struct nsl_code *code = ahead ? c->shown[i].ahead : c->shown[i].code;
    if (code) e = add(d, code, c->shown[i].pop->index, d->shown_at[i]);
  }
  return e;
}

/* ---- tables */

/* Addresses of the tables of values, by number. */
static const struct dev_values *values_put(struct rt_device *d, uint64_t *ret_first) {
  struct dev_values *list = rt_alloc(&d->mem, d->n_values + 1ull, sizeof *list);
  for (uint32_t i = 0; list && i < d->n_values; i++) {
    const struct dev_values_place *at = &d->shown_values[i];
    list[i] = (struct dev_values){
        .now = {address(d, at->now[0]), address(d, at->now[1])}, .ahead = {address(d, at->ahead[0]), address(d, at->ahead[1])}, .ring = address(d, at->ring), .mask = at->values->mask, .row = at->values->row};
  }
  d->image.failed |= !list;
  *ret_first = list ? rt_image_put(d, list, d->n_values * sizeof *list) : 0;
  return (const struct dev_values *)(uintptr_t)*ret_first;
}

/* Of rt_values that somebody points to; NULL of NULL. */
const struct dev_values *rt_device_values_of(const struct rt_device *d, const struct dev_values *first, const struct rt_values *x) {
  for (uint32_t i = 0; x && i < d->n_values; i++)
    if (d->shown_values[i].values == x) return (const struct dev_values *)(uintptr_t)((uint64_t)(uintptr_t)first + i * sizeof *first);
  return NULL;
}

static void shown_put(struct rt_device *d, struct dev_args *a, const struct dev_values *first) {
  const struct rt_couplings *c = d->s->couplings;
  uint32_t n_parts = 0, blocks = 0;
  for (uint32_t i = 0; i < c->n_totals; i++) n_parts += c->totals[i].shown->pop->n_parts;
  struct dev_shown *shown = rt_alloc(&d->mem, c->n_shown + 1ull, sizeof *shown);
  struct dev_total *totals = rt_alloc(&d->mem, n_parts + 1ull, sizeof *totals);
  if (!shown || !totals) {
    d->image.failed = true;
    return;
  }
  for (uint32_t i = 0; i < c->n_shown; i++) {
    uint32_t n = c->shown[i].pop->size;
    shown[i] = (struct dev_shown){address(d, d->shown_at[i]), rt_device_values_of(d, first, &c->shown[i].values), blocks, n};
    blocks += (n + d->threads - 1) / d->threads;
  }
  for (uint32_t i = 0; i < c->n_totals; i++)
    for (uint32_t k = 0; k < c->totals[i].shown->pop->n_parts; k++) {
      const struct rt_total *t = &c->totals[i];
      struct dev_tree tree = {.of = rt_device_values_of(d, first, &t->shown->values)};
      uint32_t end = total_part(d, t, k, &tree.from);
      tree.n = end > tree.from ? end - tree.from : 0;
      const double *sums = rt_image_sum(d, d->total_sums[a->n_totals], tree);
      totals[a->n_totals++] = (struct dev_total){tree.of, rt_device_values_of(d, first, &t->values), k, tree.from, end, 0, sums};
    }
  if (d->n_trees) a->n_shown_chunks = d->trees[d->n_trees - 1].chunk0 + d->trees[d->n_trees - 1].n_chunks;
  d->show_blocks = blocks;
  a->n_shown = c->n_shown;
  a->shown = PUT(d, shown, c->n_shown);
  a->totals = PUT(d, totals, a->n_totals);
}

static const struct dev_flow *flows_put(struct rt_device *d, const struct rt_inflow *f, const struct dev_values *first) {
  const struct rt_coupling *c = f->coupling;
  struct dev_flow *list = rt_alloc(&d->mem, c->def->n_terms + 1ull, sizeof *list);
  for (uint32_t k = 0; list && k < c->def->n_terms; k++) {
    const struct rt_flow *flow = &c->flows[k];
    bool each = flow->weighted && f->weight, sum = c->summed && flow->shown;
    list[k] = (struct dev_flow){.factor = flow->factor, .scale = flow->weighted && !f->weight ? c->link.weight : 1, .delayed = flow->delayed, .weighted = each,
                                .shown = flow->shown ? rt_device_values_of(d, first, &flow->shown->values) : NULL,
                                .post = flow->post ? rt_device_values_of(d, first, &flow->post->values) : NULL,
                                .total = sum ? rt_device_values_of(d, first, &flow->total->values) : NULL, .but_own = c->but_own};
    if (sum) list[k].n_parts = flow->total->values.n, list[k].first = flow->total->first, list[k].end = flow->total->first + flow->total->n;
  }
  d->image.failed |= !list;
  return list ? PUT(d, list, c->def->n_terms) : NULL;
}

static struct dev_inflow inflow_of(struct rt_device *d, const struct dev_inflow_place *at, const struct dev_values *first, const struct dev_gates *gates) {
  const struct rt_inflow *f = at->inflow;
  struct dev_inflow to = {.gates = rt_device_gates_of(d, gates, f), .flows = flows_put(d, f, first), .n_flows = f->coupling->def->n_terms, .first = f->first, .n = f->n, .lag_all = f->coupling->lag,
                          .part_all = f->coupling->part, .start = address(d, at->start), .source = address(d, at->source), .lag = address(d, at->lag),
                          .at = address(d, at->at), .weight = address(d, at->weight), .part = address(d, at->part),
                          .number = {address(d, at->number[0]), address(d, at->number[1])}};
  for (uint32_t k = 0; k < RT_REACHES; k++) {
    to.begin[k] = address(d, at->begin[k]);
    to.end[k] = address(d, at->end[k]);
    to.alone[k] = f->reached[k].room == 1;
  }
  return to;
}

static void sinks_put(struct rt_device *d, struct dev_args *a, const struct dev_values *first) {
  const struct rt_couplings *c = d->s->couplings;
  uint64_t flows = d->flows_at;
  uint32_t n = 0, blocks = 0, at = 0;
  for (uint32_t k = 0; k < d->s->n_shards; k++) n += c->n_sinks[k];
  struct dev_sink *sinks = rt_alloc(&d->mem, n + 1ull, sizeof *sinks);
  struct dev_inflow *inflows = rt_alloc(&d->mem, d->n_inflows + 1ull, sizeof *inflows);
  if (!sinks || !inflows) {
    d->image.failed = true;
    return;
  }
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < c->n_sinks[k]; i++) {
      const struct rt_sink *sink = &c->sinks[k][i];
      const struct rt_slice *slice = sink->slice;
      const struct dev_place *place = &d->places[slice->pop->index];
      for (uint32_t j = 0; j < sink->n; j++) inflows[j] = inflow_of(d, &d->inflows[at + j], first, a->gates);
      at += sink->n;
      uint32_t real = real_count(slice);
      struct dev_sink *to = &sinks[a->n_sinks++];
      *to = (struct dev_sink){.input = address(d, place->inputs + sink->input * place->real_stride), .inflows = PUT(d, inflows, sink->n),
                              .n_inflows = sink->n, .block0 = blocks, .first = slice->first, .n = real};
      if (c->agree) to->begin = address(d, flows), to->flow = address(d, flows + real * sizeof(double)), flows += 2 * real * sizeof(double);
      blocks += (real + d->threads - 1) / d->threads;
    }
  d->couple_blocks = blocks;
  a->sinks = PUT(d, sinks, a->n_sinks);
}

void rt_image_couplings(struct rt_device *d, struct dev_args *a) {
  uint64_t first;
  if (!d->s->couplings) return;
  const struct dev_values *values = values_put(d, &first);
  shown_put(d, a, values);
  rt_image_gates(d, a, values);
  sinks_put(d, a, values);
  a->tolerance = d->s->x->joint;
  a->agree = address(d, d->agree_at);
}

/* ---- when a run begins and ends */

static int values_move(struct rt_device *d, bool up) {
  int e = 0;
  for (uint32_t i = 0; i < d->n_values && !e; i++) {
    const struct dev_values_place *at = &d->shown_values[i];
    const struct rt_values *x = at->values;
    for (int k = 0; k < 2 && !e; k++) e = rt_device_move(d, up, at->now[k], x->now[k], x->n * sizeof **x->now, "what is shown");
    if (!e && x->ring) e = rt_device_move(d, up, at->ring, x->ring, (uint64_t)x->n * x->row * sizeof *x->ring, "what was shown");
  }
  return e;
}

int rt_device_couplings_up(struct rt_device *d) {
  struct dev_agree *g = d->agreed;
  int e = values_move(d, true);
  if (!e) e = rt_device_gates_move(d, true);
  if (e || !g) return e;
  *g = (struct dev_agree){.next = UINT32_MAX, .trial = UINT32_MAX, .trials = g->trials, .steps = g->steps};
  return rt_device_copy_to(d, d->agree_at, g, sizeof *g, "joint steps");
}

int rt_device_couplings_back(struct rt_device *d) {
  int e = values_move(d, false);
  return e ? e : rt_device_gates_move(d, false);
}

double rt_device_trials(const struct rt_device *d) {
  const struct dev_agree *g = d->agreed;
  return g->steps ? (double)g->trials / (double)g->steps : 0;
}

int rt_device_agreed(struct rt_device *d, uint64_t *ret_done) {
  struct dev_agree *agree = d->agreed;
  struct dev_clock *clock = (void *)(agree + 1);
  int e = rt_device_copy_from(d, agree, d->agree_at, sizeof *agree, "joint steps");
  if (!e) e = rt_device_copy_from(d, clock, d->clock_at, sizeof *clock, "the clock");
  if (!e) e = rt_device_wait(d, "computing steps");
  if (e) return e;
  *ret_done = (clock->step ? clock->step : agree->step) - 1;
  d->failed = agree->failed;
  return 0;
}

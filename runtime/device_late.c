/* What elements see of others and of their own past, on a device: delayed values (past.c), continuous synapses (coupling.c) and inputs that
 * follow sums (feed.c). Kernels of what is shown run at the end of a step, behind `collect`. Structures are those of the host, array by
 * array; what does not change is copied once, the rest when a run begins and ends. */
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/error.h"

/* An array of the host that stays as it is; its offset. */
static uint64_t keep(struct rt_device *d, const void *data, uint64_t bytes) {
  if (!data || !bytes) return 0;
  if (rt_grow(&d->kept, &d->kept_cap, d->n_kept + 1, sizeof *d->kept)) d->image.failed = true;
  else d->kept[d->n_kept++] = (struct dev_kept){rt_device_reserve(d, DEV_USE_SYNAPSES, bytes), data, bytes};
  return d->image.failed ? 0 : d->kept[d->n_kept - 1].at;
}

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

static uint64_t reals(const struct rt_device *d, const struct rt_pop *p) { return (uint64_t)p->padded * d->s->real_size; }

/* ---- plan */

static int pasts_plan(struct rt_device *d, const struct rt_pop *p) {
  uint32_t n = p->class->n_pasts;
  struct dev_past_place *at = d->places[p->index].pasts = rt_alloc(&d->mem, n + 1ull, sizeof *at);
  if (!at) return NSL_EMEMORY;
  for (uint32_t k = 0; k < n; k++) {
    at[k].ring = rt_device_reserve(d, DEV_USE_STATES, p->pasts[k].rows * reals(d, p));
    at[k].value = rt_device_reserve(d, DEV_USE_STATES, reals(d, p));
    at[k].lag = keep(d, p->pasts[k].lag, p->padded * sizeof *p->pasts[k].lag);
    at[k].part = keep(d, p->pasts[k].part, p->padded * sizeof *p->pasts[k].part);
  }
  return 0;
}

static void values_plan(struct rt_device *d, struct rt_values *x, struct dev_values_place *at) {
  at->values = x;
  for (int k = 0; k < 2; k++) at->now[k] = rt_device_reserve(d, DEV_USE_STATES, x->n * sizeof **x->now);
  at->ring = x->ring ? rt_device_reserve(d, DEV_USE_STATES, (uint64_t)x->n * x->row * sizeof *x->ring) : 0;
}

/* Where each target's synapses of a reach begin and end. */
static int reach_plan(struct rt_device *d, const struct rt_inflow *f, uint32_t reach, struct dev_inflow_place *at) {
  const struct rt_coupled_rows *rows = &f->reached[reach].rows;
  if (!rows->n) return 0;
  uint64_t *begin = rt_alloc(&d->mem, f->n, sizeof *begin), *end = rt_alloc(&d->mem, f->n, sizeof *end);
  if (!begin || !end) return NSL_EMEMORY;
  for (uint32_t i = 0; i < rows->n; i++) begin[rows->target[i]] = rows->begin[i], end[rows->target[i]] = rows->end[i];
  at->begin[reach] = keep(d, begin, f->n * sizeof *begin);
  at->end[reach] = keep(d, end, f->n * sizeof *end);
  return 0;
}

static int inflow_plan(struct rt_device *d, const struct rt_inflow *f, struct dev_inflow_place *at) {
  uint64_t n = f->start ? f->start[f->n] : 0;
  int e = 0;
  at->inflow = f;
  at->start = keep(d, f->start, f->start ? (f->n + 1ull) * sizeof *f->start : 0);
  at->source = keep(d, f->source, n * sizeof *f->source);
  at->lag = keep(d, f->lag, n * sizeof *f->lag);
  at->at = keep(d, f->at, n * sizeof *f->at);
  at->weight = keep(d, f->weight, n * sizeof *f->weight);
  at->part = keep(d, f->part, n * sizeof *f->part);
  for (int k = 0; k < 2; k++) at->number[k] = keep(d, f->number[k], f->n * sizeof **f->number);
  for (uint32_t k = 0; !e && k < RT_REACHES; k++) e = reach_plan(d, f, k, at);
  return e;
}

static int couplings_plan(struct rt_device *d) {
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
  for (uint32_t i = 0; i < c->n_shown; i++) d->shown_at[i] = rt_device_reserve(d, DEV_USE_STATES, reals(d, c->shown[i].pop));
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < c->n_sinks[k]; i++)
      for (uint32_t j = 0; !e && j < c->sinks[k][i].n; j++) e = inflow_plan(d, &c->sinks[k][i].inflows[j], &d->inflows[d->n_inflows++]);
  return e;
}

static int feeds_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_feeds; i++) n += s->feeds[i].def->n_items;
  d->feeds_at = rt_device_reserve(d, DEV_USE_STATES, s->n_feeds * sizeof(double));
  if (!(d->feed_items = rt_alloc(&d->mem, n + 1, sizeof *d->feed_items))) return NSL_EMEMORY;
  n = 0;
  for (uint32_t i = 0; i < s->n_feeds; i++)
    for (uint32_t k = 0; k < s->feeds[i].def->n_items; k++)
      d->feed_items[n++] = rt_device_reserve(d, DEV_USE_STATES, reals(d, s->feeds[i].items[k].pop));
  return 0;
}

int rt_device_late_plan(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->s->n_pops; i++) e = pasts_plan(d, &d->s->pops[i]);
  if (!e) e = couplings_plan(d);
  if (!e) e = feeds_plan(d);
  return e ? e : d->image.failed ? NSL_EMEMORY : 0;
}

int rt_device_late_write(struct rt_device *d) {
  int e = 0;
  for (size_t i = 0; !e && i < d->n_kept; i++) e = rt_device_copy_to(d, d->kept[i].at, d->kept[i].data, d->kept[i].bytes, "what does not change");
  return e ? e : rt_device_wait(d, "copying what does not change");
}

/* ---- launches */

int rt_device_late_launches(struct rt_device *d, dev_late_fn *add) {
  const struct rt_sim *s = d->s;
  const struct rt_couplings *c = s->couplings;
  uint32_t item = 0;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].class->n_pasts; k++) e = add(d, &s->pops[i].class->pasts[k].value, i, d->places[i].pasts[k].value);
  for (uint32_t i = 0; !e && c && i < c->n_shown; i++) e = add(d, c->shown[i].code, c->shown[i].pop->index, d->shown_at[i]);
  for (uint32_t i = 0; i < s->n_feeds; i++)
    for (uint32_t k = 0; !e && k < s->feeds[i].def->n_items; k++)
      e = add(d, &s->feeds[i].items[k].def->code, s->feeds[i].items[k].pop->index, d->feed_items[item++]);
  return e;
}

/* ---- tables */

uint64_t rt_image_pasts(struct rt_device *d, const struct rt_pop *p) {
  uint32_t n = p->class->n_pasts;
  struct dev_past *list = rt_alloc(&d->mem, n + 1ull, sizeof *list);
  const struct dev_place *at = &d->places[p->index];
  for (uint32_t k = 0; list && k < n; k++)
    list[k] = (struct dev_past){.ring = address(d, at->pasts[k].ring), .begin = address(d, at->past_live + 2 * k * at->real_stride),
                                .end = address(d, at->past_live + (2 * k + 1) * at->real_stride), .value = address(d, at->pasts[k].value),
                                .lag = address(d, at->pasts[k].lag), .part = address(d, at->pasts[k].part), .rows = p->pasts[k].rows};
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, n * sizeof *list) : 0;
}

uint64_t rt_image_fed(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n) {
  const struct rt_sim *s = d->s;
  struct dev_fed *list = rt_alloc(&d->mem, s->n_feeds + 1ull, sizeof *list);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < s->n_feeds; i++)
    if (s->feeds[i].def->to == p->index)
      list[(*ret_n)++] = (struct dev_fed){address(d, d->feeds_at + i * sizeof(double)), s->feeds[i].def->input, 0};
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, *ret_n * sizeof *list) : 0;
}

/* Addresses of the tables of values, by number. */
static const struct dev_values *values_put(struct rt_device *d, uint64_t *ret_first) {
  struct dev_values *list = rt_alloc(&d->mem, d->n_values + 1ull, sizeof *list);
  for (uint32_t i = 0; list && i < d->n_values; i++) {
    const struct dev_values_place *at = &d->shown_values[i];
    list[i] = (struct dev_values){.now = {address(d, at->now[0]), address(d, at->now[1])}, .ring = address(d, at->ring), .mask = at->values->mask, .row = at->values->row};
  }
  d->image.failed |= !list;
  *ret_first = list ? rt_image_put(d, list, d->n_values * sizeof *list) : 0;
  return (const struct dev_values *)(uintptr_t)*ret_first;
}

/* Of rt_values that somebody points to; NULL of NULL. */
static const struct dev_values *values_of(const struct rt_device *d, const struct dev_values *first, const struct rt_values *x) {
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
    shown[i] = (struct dev_shown){address(d, d->shown_at[i]), values_of(d, first, &c->shown[i].values), blocks, n};
    blocks += (n + d->threads - 1) / d->threads;
  }
  for (uint32_t i = 0; i < c->n_totals; i++)
    for (uint32_t k = 0; k < c->totals[i].shown->pop->n_parts; k++) {
      const struct rt_total *t = &c->totals[i];
      const struct rt_pop *p = t->shown->pop;
      const struct rt_slice *part = &d->s->shards[p->parts[k].shard].slices[p->parts[k].slice];
      uint32_t from = part->first > t->first ? part->first : t->first, end = part->first + part->count;
      if (end > p->size) end = p->size;
      if (end > t->first + t->n) end = t->first + t->n;
      totals[a->n_totals++] = (struct dev_total){values_of(d, first, &t->shown->values), values_of(d, first, &t->values), k, from, end, 0};
    }
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
                                .shown = flow->shown ? values_of(d, first, &flow->shown->values) : NULL,
                                .post = flow->post ? values_of(d, first, &flow->post->values) : NULL,
                                .total = sum ? values_of(d, first, &flow->total->values) : NULL, .but_own = c->but_own};
    if (sum) list[k].n_parts = flow->total->values.n, list[k].first = flow->total->first, list[k].end = flow->total->first + flow->total->n;
  }
  d->image.failed |= !list;
  return list ? PUT(d, list, c->def->n_terms) : NULL;
}

static struct dev_inflow inflow_of(struct rt_device *d, const struct dev_inflow_place *at, const struct dev_values *first) {
  const struct rt_inflow *f = at->inflow;
  struct dev_inflow to = {.flows = flows_put(d, f, first), .n_flows = f->coupling->def->n_terms, .first = f->first, .n = f->n, .lag_all = f->coupling->lag,
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
      for (uint32_t j = 0; j < sink->n; j++) inflows[j] = inflow_of(d, &d->inflows[at + j], first);
      at += sink->n;
      uint32_t real = slice->first + slice->count <= slice->pop->size ? slice->count : slice->pop->size - slice->first;
      sinks[a->n_sinks++] = (struct dev_sink){address(d, place->inputs + sink->input * place->real_stride), PUT(d, inflows, sink->n), sink->n, blocks,
                                              slice->first, real};
      blocks += (real + d->threads - 1) / d->threads;
    }
  d->couple_blocks = blocks;
  a->sinks = PUT(d, sinks, a->n_sinks);
}

static void feeds_put(struct rt_device *d, struct dev_args *a) {
  const struct rt_sim *s = d->s;
  struct dev_feed *feeds = rt_alloc(&d->mem, s->n_feeds + 1ull, sizeof *feeds);
  uint32_t at = 0;
  for (uint32_t i = 0; feeds && i < s->n_feeds; i++) {
    const struct rt_feed *f = &s->feeds[i];
    struct dev_feed_item *items = rt_alloc(&d->mem, f->def->n_items + 1ull, sizeof *items);
    for (uint32_t k = 0; items && k < f->def->n_items; k++)
      items[k] = (struct dev_feed_item){address(d, d->feed_items[at++]), f->items[k].first, f->items[k].n};
    d->image.failed |= !items;
    if (items) feeds[i] = (struct dev_feed){PUT(d, items, f->def->n_items), address(d, d->feeds_at + i * sizeof(double)),
                                            f->def->sum ? 1 : (double)f->elements, f->def->n_items, 0};
  }
  d->image.failed |= !feeds;
  a->n_feeds = s->n_feeds;
  if (feeds) a->feeds = PUT(d, feeds, s->n_feeds);
}

void rt_image_late(struct rt_device *d, struct dev_args *a) {
  uint64_t first;
  feeds_put(d, a);
  if (!d->s->couplings) return;
  const struct dev_values *values = values_put(d, &first);
  shown_put(d, a, values);
  sinks_put(d, a, values);
}

/* ---- when a run begins and ends */

static uint64_t past_row(const struct rt_past *past, uint64_t step) { return step % past->rows; }

static int move(struct rt_device *d, bool up, uint64_t at, void *host, uint64_t bytes, const char *what) {
  return up ? rt_device_copy_to(d, at, host, bytes, what) : rt_device_copy_from(d, host, at, bytes, what);
}

/* What steps change, up or back; feeds are read again here. */
static int late_move(struct rt_device *d, bool up) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].class->n_pasts; k++) {
      const struct rt_past *past = &s->pops[i].pasts[k];
      const struct dev_past_place *at = &d->places[i].pasts[k];
      uint64_t row = reals(d, &s->pops[i]);
      e = move(d, up, at->ring, past->ring, past->rows * row, "past values");
      if (!e) e = move(d, up, at->value, past->ring + past_row(past, s->step) * row, row, "past values");
    }
  for (uint32_t i = 0; i < d->n_values && !e; i++) {
    const struct dev_values_place *at = &d->shown_values[i];
    const struct rt_values *x = at->values;
    for (int k = 0; k < 2 && !e; k++) e = move(d, up, at->now[k], x->now[k], x->n * sizeof **x->now, "what is shown");
    if (!e && x->ring) e = move(d, up, at->ring, x->ring, (uint64_t)x->n * x->row * sizeof *x->ring, "what was shown");
  }
  return e;
}

int rt_device_late_up(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = late_move(d, true);
  for (uint32_t i = 0; i < s->n_feeds && !e; i++)
    e = rt_device_copy_to(d, d->feeds_at + i * sizeof(double), &s->feeds[i].value, sizeof(double), "inputs that follow others");
  return e;
}

int rt_device_late_back(struct rt_device *d) { return late_move(d, false); }

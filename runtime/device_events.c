/* Handlers that do more than add, on a device (runtime/device/events.c): rows of their projections in the order of delays, room for the
 * events of a step, and spikes that are under way to them, which there are the masks of the steps at which they were emitted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/procedural.h"
#include "runtime/plastic.h"

struct pair { /* a synapse */
  uint32_t delay, number, target;
  double weight;
};

/* ---- rows as the shards have them (hot.h) */

static struct rt_row row_of(const struct rt_shard *h, const struct dev_apart_rows *g, uint32_t source) {
  const struct rt_pop *p = g->proj->source;
  return h->rows[p->row0 + (uint64_t)source * p->n_groups + (uint32_t)(g->group - p->groups)];
}

static const struct rt_slice *slice_in(const struct rt_shard *h, const struct rt_pop *p) {
  for (uint32_t i = 0; i < h->n_slices; i++)
    if (h->slices[i].pop == p) return &h->slices[i];
  return NULL;
}

/* Those of a source in one shard; out NULL: counted only. */
static uint64_t pairs_of(const struct rt_shard *h, struct dev_apart_rows *g, uint32_t source, struct pair *out) {
  const struct rt_slice *c = slice_in(h, g->proj->target);
  struct rt_row row = row_of(h, g, source);
  uint64_t count = 0, at = row.at;
  uint32_t delay = row.delay;
  for (uint32_t n = row.n; n;) {
    const uint64_t *bucket = h->store + at;
    for (uint32_t i = 0; out && i < n; i++) {
      struct pair *x = &out[count + i];
      *x = (struct pair){delay, (uint32_t)(bucket[2 + 2 * i] >> 16), c->first + (uint16_t)bucket[2 + 2 * i] - c->base, 0};
      memcpy(&x->weight, &bucket[3 + 2 * i], sizeof x->weight);
    }
    if (delay < g->least) g->least = delay;
    if (delay > g->most) g->most = delay;
    count += n;
    at += RT_UNITS_APART(n);
    n = (uint32_t)bucket[0];
    delay += (uint32_t)(bucket[0] >> 32);
  }
  return count;
}

static int pair_order(const void *a, const void *b) {
  const struct pair *x = a, *y = b;
  if (x->delay != y->delay) return x->delay < y->delay ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

/* ---- how much there is */

static int rows_count(struct rt_device *d, struct dev_apart_rows *g) {
  const struct rt_sim *s = d->s;
  uint32_t size = g->proj->source->size;
  if (!(g->begin = rt_alloc(&d->mem, size + 1ull, sizeof *g->begin))) return NSL_EMEMORY;
  g->least = UINT32_MAX;
  for (uint32_t i = 0; i < size; i++) {
    g->begin[i] = g->n;
    for (uint32_t k = 0; k < s->n_shards; k++) g->n += pairs_of(&s->shards[k], g, i, NULL);
    d->degrees[d->degree0[g->proj->source->index] + i] += (uint32_t)(g->n - g->begin[i]);
  }
  g->begin[size] = g->n;
  if (!g->n) g->least = g->most = 1;
  g->begin_at = rt_device_reserve(d, DEV_USE_SYNAPSES, (size + 1ull) * sizeof *g->begin);
  g->targets_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n * sizeof(uint32_t));
  g->numbers_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n * sizeof(uint32_t));
  g->delays_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n * sizeof(uint32_t));
  g->weights_at = rt_device_reserve(d, DEV_USE_SYNAPSES, g->n * sizeof(double));
  return 0;
}

/* Rows that are made anew have parts; synapses and delays are those of the projection, synapses in its first part. No step has as many events as
 * there are synapses, where these are many. */
enum { ALL_AT_ONCE = 1 << 24 };
static uint64_t made_most(uint64_t n) { return n <= ALL_AT_ONCE ? n : n / 4 < ALL_AT_ONCE ? ALL_AT_ONCE : n / 4; }

static void made_add(struct rt_device *d, struct dev_rows *g) {
  bool none = g->least > g->most;
  d->aparts[d->n_aparts++] = (struct dev_apart_rows){.proj = g->proj, .made = g, .begin = g->begin, .n = made_most(g->synapses), .least = none ? 1 : g->least,
                                                     .most = none ? 1 : g->most, .begin_at = g->begin_at};
}

/* Most events that a drive gives to all its targets in one step: no chance run has more. */
static uint64_t drive_most(const struct rt_drive *drive) {
  double mean = rt_drive_most(drive) * drive->tn;
  uint64_t most = 0, same = 0;
  if (drive->def->kind == NSL_POISSON) return (uint64_t)(mean + 40 * sqrt(mean) + 100);
  for (uint64_t i = 0; i < drive->n_events; i++) {
    bool again = drive->delays || (i && drive->events[i].step == drive->events[i - 1].step); /* with delays of their own all may meet */
    same = again ? same : 0;
    same += drive->events[i].element == NSL_NONE ? drive->tn : 1;
    most = same > most ? same : most;
  }
  return most;
}

static uint64_t port_most(const struct rt_device *d, const struct rt_pop *p, uint32_t q) {
  const struct rt_sim *s = d->s;
  uint64_t n = 0;
  for (uint32_t i = 0; i < d->n_aparts; i++)
    if (d->aparts[i].proj->port == p->port0 + q) n += d->aparts[i].n * d->aparts[i].proj->source->within;
  for (uint32_t i = 0; i < s->n_plastic; i++) /* each of them, once for each `send` */
    for (uint32_t h = 0; s->plastics[i].proj->port == p->port0 + q && h < s->n_shards; h++)
      n += s->plastics[i].shards[h].n * s->plastics[i].proj->def->n_afters;
  for (uint32_t i = 0; i < s->n_drives; i++)
    if (s->drives[i].target == p && !rt_drive_is_current(&s->drives[i]) && s->drives[i].def->port == q) n += drive_most(&s->drives[i]);
  return n;
}

static void port_add(struct rt_device *d, const struct rt_pop *p, uint32_t q) {
  struct dev_handled_port *h = &d->handled[d->n_handled++];
  uint64_t most = port_most(d, p, q);
  *h = (struct dev_handled_port){.pop = p, .port = q, .most = most * p->every};
  h->events_at = rt_device_reserve(d, DEV_USE_EVENTS, h->most * sizeof(struct nsl_event));
  d->most_nodes += most;
  if (p->every == 1) return;
  h->later = rt_device_reserve(d, DEV_USE_EVENTS, h->most * sizeof(struct dev_node));
  h->steps = rt_device_reserve(d, DEV_USE_EVENTS, h->most * sizeof(uint64_t));
  h->ends = rt_device_reserve(d, DEV_USE_EVENTS, 2ull * p->padded * sizeof(uint32_t));
  h->n_at = rt_device_reserve(d, DEV_USE_EVENTS, sizeof(uint32_t));
}

int rt_device_events_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t ports = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) ports += s->pops[i].class->n_ports;
  d->aparts = rt_alloc(&d->mem, s->n_projs + d->n_rows + 1ull, sizeof *d->aparts);
  d->handled = rt_alloc(&d->mem, ports + 1, sizeof *d->handled);
  if (!d->aparts || !d->handled) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; i < d->n_rows; i++)
    if (rt_device_is_apart(&d->rows[i])) made_add(d, &d->rows[i]);
  for (uint32_t i = 0; !e && s->connectivity != NSL_PROCEDURAL && i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    if (p->form != RT_APART) continue;
    d->aparts[d->n_aparts] = (struct dev_apart_rows){.proj = p, .group = &p->source->groups[p->group]};
    e = rows_count(d, &d->aparts[d->n_aparts++]);
  }
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    for (uint32_t q = 0; q < s->pops[i].class->n_ports; q++)
      if (rt_port_each(&s->pops[i], q)) port_add(d, &s->pops[i], q);
  if (d->most_nodes >= UINT32_MAX || d->n_lists >= UINT32_MAX)
    return rt_fail(NSL_ECANNOT, "more than 4294967294 events may come in one step, which is the most on a device");
  d->nodes_at = rt_device_reserve(d, DEV_USE_EVENTS, d->most_nodes * sizeof(struct dev_node));
  d->lists_at = rt_device_reserve(d, DEV_USE_EVENTS, (d->n_lists + 1) * sizeof(uint32_t)); /* the first one: the number of nodes */
  return e;
}

/* ---- to the device */

static int rows_write(struct rt_device *d, struct dev_apart_rows *g) {
  const struct rt_sim *s = d->s;
  struct rt_mem mem = {0};
  struct pair *all = rt_alloc(&mem, g->n + 1, sizeof *all);
  uint32_t *numbers = rt_alloc(&mem, 3 * g->n + 1, sizeof *numbers);
  double *weights = rt_alloc(&mem, g->n + 1, sizeof *weights);
  if (!all || !numbers || !weights) {
    rt_mem_free(&mem);
    return NSL_EMEMORY;
  }
  for (uint32_t i = 0; i < g->proj->source->size; i++) {
    struct pair *row = all + g->begin[i], *at = row;
    for (uint32_t k = 0; k < s->n_shards; k++) at += pairs_of(&s->shards[k], g, i, at);
    qsort(row, (size_t)(at - row), sizeof *row, pair_order);
  }
  for (uint64_t i = 0; i < g->n; i++) {
    numbers[i] = all[i].number;
    numbers[g->n + i] = all[i].target;
    numbers[2 * g->n + i] = all[i].delay;
    weights[i] = all[i].weight;
  }
  int e = rt_device_copy_to(d, g->begin_at, g->begin, (g->proj->source->size + 1ull) * sizeof *g->begin, "rows");
  if (!e) e = rt_device_copy_to(d, g->numbers_at, numbers, g->n * sizeof *numbers, "synapses");
  if (!e) e = rt_device_copy_to(d, g->targets_at, numbers + g->n, g->n * sizeof *numbers, "synapses");
  if (!e) e = rt_device_copy_to(d, g->delays_at, numbers + 2 * g->n, g->n * sizeof *numbers, "delays");
  if (!e) e = rt_device_copy_to(d, g->weights_at, weights, g->n * sizeof *weights, "weights");
  if (!e) e = rt_device_wait(d, "copying synapses");
  rt_mem_free(&mem);
  return e;
}

int rt_device_events_write(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_aparts; i++)
    if (!d->aparts[i].made) e = rows_write(d, &d->aparts[i]);
  return e;
}

/* ---- tables */

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

uint64_t rt_image_handled(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n) {
  struct dev_handled *list = rt_alloc(&d->mem, p->class->n_ports + 1ull, sizeof *list);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < d->n_handled; i++) {
    const struct dev_handled_port *h = &d->handled[i];
    if (h->pop != p || !h->most) continue;
    list[(*ret_n)++] = (struct dev_handled){.events = address(d, h->events_at), .n = (int64_t *)(uintptr_t)h->count, .most = h->most,
                                            .later = (const struct dev_later *)(uintptr_t)rt_image_later(d, h), .list_at = d->places[p->index].list_at[h->port]};
  }
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, *ret_n * sizeof *list) : 0;
}

void rt_image_aparts(struct rt_device *d, struct dev_args *a) {
  struct dev_apart *list = rt_alloc(&d->mem, d->n_aparts + 1ull, sizeof *list);
  a->n_tasks = 0;
  for (uint32_t i = 0; list && i < d->n_aparts; i++) {
    const struct dev_apart_rows *g = &d->aparts[i];
    const struct rt_proj *p = g->proj;
    list[i] = (struct dev_apart){.begin = address(d, g->begin_at), .made = g->made ? (const void *)(uintptr_t)rt_image_made(d, g->made) : NULL,
                                 .weight = p->weight, .targets = address(d, g->targets_at), .numbers = address(d, g->numbers_at),
                                 .delays = address(d, g->delays_at), .weights = address(d, g->weights_at),
                                 .mask_at = d->places[p->source->index].mask_at, .task0 = a->n_tasks, .words = p->source->words,
                                 .least = g->least, .most = g->most, .within = p->source->within, .rank = p->rank, .list_at = d->places[p->target->index].list_at[p->def->port]};
    a->n_tasks += (g->most - g->least + 1ull) * p->source->words;
  }
  d->image.failed |= !list;
  a->aparts = list ? (const void *)(uintptr_t)rt_image_put(d, list, d->n_aparts * sizeof *list) : NULL;
  a->n_aparts = d->n_aparts;
  a->most_nodes = (uint32_t)d->most_nodes;
  a->nodes = address(d, d->nodes_at);
  a->n_nodes = address(d, d->lists_at);
  a->lists = a->n_nodes + 1;
  a->lost = (uint32_t *)address(d, d->bad_at + (d->n_launches + DEV_BAD_LOST) * sizeof(uint64_t));
}

/* ---- spikes under way */

/* The delay of the bucket at `at` of a row. */
static uint32_t delay_at(const struct rt_shard *h, struct rt_row row, uint64_t at) {
  uint64_t k = row.at;
  for (uint32_t n = row.n; k != at;) {
    uint64_t header = h->store[k];
    k += RT_UNITS_APART(n);
    n = (uint32_t)header;
    row.delay += (uint32_t)(header >> 32);
  }
  return row.delay;
}

/* Emission, relative to the rows of the device, and source of what hangs in the list of a shard. */
static uint32_t event_source(const struct rt_device *d, const struct rt_shard *h, const struct dev_apart_rows *g, const struct rt_event *e, uint64_t step, uint64_t *ret_row) {
  uint32_t source = (uint32_t)h->store[e->at + 1];
  *ret_row = (step - delay_at(h, row_of(h, g, source), e->at)) & d->mask_mask;
  return source;
}

/* So many spikes of a source in one step: those that the masks do not know were in the first of its own steps, whose masks nobody kept. */
static void spikes_add(const struct rt_device *d, const struct rt_pop *p, uint64_t *row, uint32_t source, uint32_t n) {
  uint64_t *word = row + d->places[p->index].mask_at + source / 64, bit = (uint64_t)1 << source % 64;
  for (uint32_t k = 0; k < p->within; k++)
    if (n && word[(uint64_t)k * p->words] & bit) n--;
  for (uint32_t k = 0; k < p->within && n; k++) {
    uint64_t *own = &word[(uint64_t)k * p->words];
    n -= !(*own & bit);
    *own |= bit;
  }
}

/* Who spiked, and when, of what hangs in the lists of a shard; `n` counts, by row and source. */
static void shard_masks(const struct rt_device *d, const struct rt_shard *h, const struct dev_apart_rows *g, uint32_t *n, uint64_t *rows) {
  const struct rt_delivery *v = &h->delivery;
  const struct rt_pop *p = g->proj->source;
  uint64_t row = 0, from = d->s->step + 1, until = d->s->step + v->mask + 1;
  for (int pass = 0; v->apart_lists && pass < 2; pass++)
    for (uint64_t step = from; step <= until; step++)
      for (uint32_t i = v->apart_lists[step & v->mask]; i; i = v->events[i].next) {
        if (v->events[i].group != g->proj->rank) continue;
        uint32_t source = event_source(d, h, g, &v->events[i], step, &row), *count = &n[row * p->size + source];
        if (pass) spikes_add(d, p, rows + row * d->mask_row, source, *count), *count = 0;
        else ++*count;
      }
}

/* Of rows that are made anew the host keeps the spikes. */
static void past_masks(const struct rt_device *d, const struct rt_pop *p, uint32_t *n, uint64_t *rows) {
  const struct rt_sim *s = d->s;
  for (uint64_t step = s->step > s->max_delay ? s->step - s->max_delay + 1 : 1; step <= s->step; step++) {
    uint64_t n_ids;
    const uint32_t *ids = rt_procedural_past(s, p, step, &n_ids);
    for (uint64_t i = 0; i < n_ids; i++) n[ids[i]]++;
    for (uint64_t i = 0; i < n_ids; i++) {
      spikes_add(d, p, rows + (step & d->mask_mask) * d->mask_row, ids[i], n[ids[i]]);
      n[ids[i]] = 0;
    }
  }
}

int rt_device_events_masks(struct rt_device *d, uint64_t *rows) {
  for (uint32_t i = 0; i < d->n_aparts; i++) {
    const struct dev_apart_rows *g = &d->aparts[i];
    uint32_t *n = rt_alloc(&d->pass, (d->mask_mask + 1) * g->proj->source->size, sizeof *n);
    if (!n) return NSL_EMEMORY;
    if (g->made) past_masks(d, g->proj->source, n, rows);
    for (uint32_t k = 0; !d->s->procedural && k < d->s->n_shards; k++) shard_masks(d, &d->s->shards[k], g, n, rows);
  }
  return 0;
}

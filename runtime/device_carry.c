/* What spikes carry beside their weights, on a device (runtime/device/carry.c): the synapses of each target in the order in which
 * carry.c adds what arrives along them. That is: by the step of the spike, so the longest delay first; then as the rows lie, by
 * population, cell, group and bucket. Two stable sorts of the rows as they are read bring that about: by delay, then by target. */
#include <string.h>

#include "runtime/carry.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/track.h"

struct read { /* one synapse */
  struct dev_carried x;
  uint64_t to; /* number of the target's list */
};

struct reader {
  struct rt_device *d;
  struct read *all;        /* NULL: they are counted */
  uint64_t n;
  const uint64_t *list0;   /* by shard and place of a port: number of the list of element 0 */
};

static struct dev_carry_place *place(struct rt_device *d) { return &d->carry; }

static void bucket_read(struct reader *r, const struct rt_shard *h, const struct rt_group *g, const uint64_t *bucket, uint32_t n, struct dev_carried x) {
  const struct rt_carry *c = r->d->s->carry;
  uint64_t list = r->list0[(uint64_t)h->index * c->n_reached + c->place[g->nth]];
  for (uint32_t i = 0; i < n; i++) {
    struct rt_synapse y = rt_synapse_at(g->form, bucket, i);
    x.weight = (double)(rt_forms[g->form].weight_bits ? y.grains * g->units : g->units);
    r->all[r->n + i] = (struct read){x, list + y.element};
  }
}

static void row_read(struct reader *r, const struct rt_shard *h, const struct rt_group *g, struct rt_row row, uint32_t sender) {
  uint64_t at = row.at;
  for (uint32_t n = row.n, delay = row.delay; n;) {
    const uint64_t *bucket = h->store + at;
    if (r->all) bucket_read(r, h, g, bucket, n, (struct dev_carried){.sender = sender, .delay = delay});
    r->n += n;
    at += rt_bucket_units(g->form, n);
    n = (uint32_t)bucket[0];
    delay += (uint32_t)(bucket[0] >> 32);
  }
}

static bool sends(const struct rt_pop *p) { return p->class->n_lanes && p->n_groups; }

static void rows_read(struct reader *r) {
  const struct rt_sim *s = r->d->s;
  r->n = 0;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    uint32_t sender = 0;
    for (uint32_t i = 0; i < s->n_pops; i++) {
      const struct rt_pop *p = &s->pops[i];
      for (uint32_t cell = 0; sends(p) && cell < p->size; cell++, sender++) {
        const struct rt_row *rows = s->shards[k].rows + p->row0 + (uint64_t)cell * p->n_groups;
        for (uint32_t g = 0; g < p->n_groups; g++)
          if (rows[g].n && rt_carry_takes(s->carry, &p->groups[g])) row_read(r, &s->shards[k], &p->groups[g], rows[g], sender);
      }
    }
  }
}

/* Stable, by a key below `most`; `begin`: where each key begins, one more at the end. */
static void sorted(const struct read *from, struct read *to, uint64_t n, uint64_t most, uint64_t *begin, bool by_delay) {
#define KEY(i) (by_delay ? most - 1 - from[i].x.delay : from[i].to)
  memset(begin, 0, (most + 1) * sizeof *begin);
  for (uint64_t i = 0; i < n; i++) begin[KEY(i) + 1]++;
  for (uint64_t k = 0; k < most; k++) begin[k + 1] += begin[k];
  for (uint64_t i = 0; i < n; i++) to[begin[KEY(i)]++] = from[i];
  for (uint64_t k = most; k; k--) begin[k] = begin[k - 1];
  begin[0] = 0;
#undef KEY
}

/* Lists are those of targets in this order: shard, place of the port, element of the shard. */
static int lists_plan(struct rt_device *d, uint64_t **ret) {
  const struct rt_sim *s = d->s;
  const struct rt_carry *c = s->carry;
  uint64_t *list0 = rt_alloc(&d->mem, (uint64_t)s->n_shards * c->n_reached + 1, sizeof *list0);
  struct dev_carry_place *at = place(d);
  for (uint32_t k = 0; list0 && k < s->n_shards; k++)
    for (uint32_t q = 0; q < c->n_reached; q++) {
      list0[(uint64_t)k * c->n_reached + q] = at->n_lists;
      at->n_lists += s->shards[k].n_elements;
    }
  *ret = list0;
  return list0 ? 0 : NSL_EMEMORY;
}

static int synapses_sort(struct rt_device *d, struct reader *r) {
  struct dev_carry_place *at = place(d);
  struct rt_mem mem = {0};
  uint64_t delays = d->s->max_delay + 1ull, most = delays > at->n_lists ? delays : at->n_lists;
  struct read *one = rt_alloc(&mem, at->n + 1, sizeof *one), *two = rt_alloc(&mem, at->n + 1, sizeof *two);
  at->begin = rt_alloc(&d->mem, most + 2, sizeof *at->begin);
  at->synapses = rt_alloc(&d->mem, at->n + 1, sizeof *at->synapses);
  int e = one && two && at->begin && at->synapses ? 0 : NSL_EMEMORY;
  if (!e) {
    r->all = one;
    rows_read(r);
    sorted(one, two, at->n, delays, at->begin, true);
    sorted(two, one, at->n, at->n_lists, at->begin, false);
    for (uint64_t i = 0; i < at->n; i++) at->synapses[i] = one[i].x;
  }
  rt_mem_free(&mem);
  return e;
}

int rt_device_carry_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  struct dev_carry_place *at = place(d);
  if (!s->carry) return 0;
  if (s->step) return rt_fail(NSL_ECANNOT, "derivatives of a network begin at time 0");
  struct reader r = {.d = d};
  int e = lists_plan(d, &at->list0);
  if (e) return e;
  r.list0 = at->list0;
  rows_read(&r);
  at->n = r.n;
  if ((e = synapses_sort(d, &r))) return e;
  for (uint32_t i = 0; i < s->n_pops; i++) at->n_senders += sends(&s->pops[i]) ? s->pops[i].size : 0;
  at->length = 2;
  while (at->length < s->max_delay + 1ull) at->length *= 2;
  uint64_t kept = at->length * at->n_senders;
  at->begin_at = rt_device_reserve(d, DEV_USE_CARRIED, (at->n_lists + 1) * sizeof *at->begin);
  at->synapses_at = rt_device_reserve(d, DEV_USE_CARRIED, at->n * sizeof *at->synapses);
  at->kept_at = rt_device_reserve(d, DEV_USE_CARRIED, kept * s->carry->n_lanes * sizeof(double));
  at->any_bytes = kept * sizeof(uint32_t);
  at->any_at = rt_device_reserve(d, DEV_USE_CARRIED, at->any_bytes);
  return 0;
}

int rt_device_carry_write(struct rt_device *d) {
  const struct dev_carry_place *at = place(d);
  if (!d->s->carry) return 0;
  int e = rt_device_copy_to(d, at->begin_at, at->begin, (at->n_lists + 1) * sizeof *at->begin, "rows of derivatives");
  if (!e) e = rt_device_copy_to(d, at->synapses_at, at->synapses, at->n * sizeof *at->synapses, "rows of derivatives");
  return e ? e : rt_device_wait(d, "copying rows of derivatives");
}

/* Nothing has been sent before the first step. */
int rt_device_carry_up(struct rt_device *d) {
  const struct dev_carry_place *at = place(d);
  if (!at->any_bytes) return 0;
  return gpu_try(&d->gpu, cuMemsetD8Async, (d->block + at->any_at, 0, at->any_bytes, d->stream), "clearing derivatives under way");
}

/* ---- arguments */

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

/* Of a slice's elements, with their padding. */
static struct dev_carried_input input_of(struct rt_device *d, const struct rt_shard *h, const struct rt_slice *slice, uint32_t k) {
  const struct rt_sim *s = d->s;
  const struct rt_carry *c = s->carry;
  const struct rt_pop *p = slice->pop;
  const struct dev_place *own = &d->places[p->index];
  uint32_t port = k / c->n_lanes;
  double *input = address(d, own->inputs + p->class->carried[k] * own->real_stride);
  uint64_t list = place(d)->list0[(uint64_t)h->index * c->n_reached + c->place[port]] + slice->base;
  return (struct dev_carried_input){.to = input + slice->first, .begin = (const uint64_t *)address(d, place(d)->begin_at) + list, .lane = k % c->n_lanes,
                                    .unit = s->ports[p->port0 + port].unit};
}

static uint64_t inputs_put(struct rt_device *d, struct dev_carry *to) {
  const struct rt_sim *s = d->s;
  uint64_t most = 0;
  for (uint32_t k = 0; k < s->n_shards; k++)
    for (uint32_t i = 0; i < s->shards[k].n_slices; i++) most += s->shards[k].slices[i].pop->class->n_carried;
  struct dev_carried_input *list = rt_alloc(&d->mem, most + 1, sizeof *list);
  if (!list) return 0;
  for (uint32_t k = 0; k < s->n_shards; k++)
    for (uint32_t i = 0; i < s->shards[k].n_slices; i++) {
      const struct rt_slice *slice = &s->shards[k].slices[i];
      for (uint32_t q = 0; q < slice->pop->class->n_carried; q++) {
        if (slice->pop->class->carried[q] == NSL_NONE) continue;
        list[to->n_inputs] = input_of(d, &s->shards[k], slice, q);
        list[to->n_inputs++].task0 = to->n_tasks;
        to->n_tasks += slice->count;
      }
    }
  return rt_image_put(d, list, (to->n_inputs + 1ull) * sizeof *list);
}

const struct dev_carry *rt_image_carry(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  const struct dev_carry_place *at = place(d);
  if (!s->carry) return NULL;
  struct dev_carry to = {.n_lanes = s->carry->n_lanes, .n_senders = at->n_senders, .mask = at->length - 1, .synapses = address(d, at->synapses_at),
                         .kept = address(d, at->kept_at), .any = address(d, at->any_at)};
  struct dev_sender *pops = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *pops);
  uint32_t n = 0, first = 0;
  for (uint32_t i = 0; pops && i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    const struct dev_place *own = &d->places[i];
    if (!sends(p)) continue;
    pops[n++] = (struct dev_sender){address(d, own->states + p->class->lane * own->real_stride), own->real_stride / sizeof(double), first, p->size};
    first += p->size;
  }
  d->image.failed |= !pops;
  to.pops = pops ? (const struct dev_sender *)(uintptr_t)rt_image_put(d, pops, (n + 1ull) * sizeof *pops) : NULL;
  to.inputs = (const struct dev_carried_input *)(uintptr_t)inputs_put(d, &to);
  d->image.failed |= !to.inputs;
  return (const struct dev_carry *)(uintptr_t)rt_image_put(d, &to, sizeof to);
}

/* ---- what steps have read */

static struct dev_track track_of(struct rt_device *d, const struct rt_pop *p) {
  const struct rt_track *t = d->s->track;
  const struct rt_track_pop *q = &t->pops[p->index];
  const struct dev_place *at = &d->places[p->index];
  struct dev_track_port *ports = rt_alloc(&d->mem, q->n_ports + 1ull, sizeof *ports);
  struct dev_track to = {.states = address(d, at->states), .inputs = address(d, at->inputs), .held = address(d, at->held),
                         .prev = p->prev ? address(d, at->prev) : NULL, .state_stride = at->real_stride / sizeof(double),
                         .input_stride = at->real_stride / sizeof(double), .held_stride = at->mask_stride / sizeof(uint64_t), .row = q->row, .mask_row = q->mask_row,
                         .rows = q->rows, .masks = q->masks, .from = t->from, .to = t->to, .n_states = q->n_states, .n_ports = q->n_ports,
                         .n_inputs = q->n_inputs, .n_holds = q->n_holds, .padded = p->padded, .words = p->words};
  d->image.failed |= !ports;
  for (uint32_t i = 0; ports && i < q->n_ports; i++)
    ports[i] = (struct dev_track_port){at->sum_at[i], d->s->ports[p->port0 + i].unit, q->taken[i], 0};
  to.ports = ports ? (const struct dev_track_port *)(uintptr_t)rt_image_put(d, ports, (q->n_ports + 1ull) * sizeof *ports) : NULL;
  return to;
}

const struct dev_track *rt_image_track(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  if (!s->track) return NULL;
  struct dev_track *list = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *list);
  d->image.failed |= !list;
  for (uint32_t i = 0; list && i < s->n_pops; i++)
    if (s->track->pops[i].row) list[i] = track_of(d, &s->pops[i]);
  return list ? (const struct dev_track *)(uintptr_t)rt_image_put(d, list, (s->n_pops + 1ull) * sizeof *list) : NULL;
}

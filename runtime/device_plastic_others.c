/* What synapses with memory are told on a device besides states of their targets (runtime/device/learn_see.h): draws, and signals
 * that are followed, states of cells that are no targets, their sources and third parts. Of those, rows of all cells are kept by step as the host keeps them (rt_others). */
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/plastic.h"

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

/* ---- signals that are followed: the step of their last event; by signal its value then; how many there were */

struct event {
  uint64_t signalled;
  double numbers[];
};

static uint64_t event_bytes(const struct nsl_projection *def) { return sizeof(struct event) + 2ull * def->n_follows * sizeof(double); }

bool rt_device_follows(const struct rt_device *d) {
  bool any = false;
  for (uint32_t i = 0; i < d->s->n_plastic; i++) any |= d->s->plastics[i].proj->def->n_follows != 0;
  return any;
}

static void follows_plan(struct rt_device *d, struct dev_plastic_place *at) {
  const struct nsl_projection *def = at->p->proj->def;
  uint64_t bytes = (at->n + 1) * d->s->real_size;
  at->follow = rt_device_reserve(d, DEV_USE_SYNAPSES, event_bytes(def));
  at->told[at->p->class->signalled] = rt_device_reserve(d, DEV_USE_SYNAPSES, bytes);
  for (uint32_t i = 0; i < def->n_follows; i++) at->sees[def->follows[i].state] = rt_device_reserve(d, DEV_USE_SYNAPSES, bytes);
}

/* All shards know the same. */
static int follows_move(struct rt_device *d, const struct dev_plastic_place *at, bool back) {
  const struct nsl_projection *def = at->p->proj->def;
  uint64_t bytes = event_bytes(def), half = def->n_follows * sizeof(double);
  struct event *event = rt_alloc(&d->pass, bytes, 1);
  if (!event) return NSL_EMEMORY;
  int e = back ? rt_device_copy_from(d, event, at->follow, bytes, "signals") : 0;
  if (back && !e) e = rt_device_wait(d, "copying signals");
  for (uint32_t i = 0; !e && i < at->n_parts; i++) {
    struct rt_plastic_shard *q = at->parts[i].q;
    if (back) {
      q->signalled = event->signalled;
      memcpy(q->signals, event->numbers, half);
      memcpy(q->counts, event->numbers + def->n_follows, half);
    } else {
      event->signalled = q->signalled;
      memcpy(event->numbers, q->signals, half);
      memcpy(event->numbers + def->n_follows, q->counts, half);
    }
  }
  if (!back && !e) e = rt_device_copy_to(d, at->follow, event, bytes, "signals");
  return e || back ? e : rt_device_wait(d, "copying signals");
}

static void follows_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  const struct nsl_projection *def = at->p->proj->def;
  struct dev_follow *list = rt_alloc(&d->mem, def->n_follows + 1ull, sizeof *list);
  double *kept = address(d, at->follow + sizeof(struct event));
  d->image.failed |= !list;
  for (uint32_t i = 0; list && i < def->n_follows; i++) {
    const struct nsl_followed *f = &def->follows[i];
    list[i] = (struct dev_follow){.value = address(d, d->feeds_at + f->value * sizeof(double)), .count = address(d, d->feeds_at + f->count * sizeof(double)),
                                  .kept = kept + i, .counted = kept + def->n_follows + i, .to = address(d, at->sees[f->state])};
  }
  to->signalled = address(d, at->follow);
  to->since_signal = address(d, at->told[at->p->class->signalled]);
  to->n_follows = def->n_follows;
  if (list) to->follows = PUT(d, list, def->n_follows);
}

/* ---- cells that are no targets */

static uint64_t ring_bytes(const struct rt_device *d, const struct rt_plastic *p, const struct rt_others *o) {
  return (uint64_t)o->n * p->pre_ring * d->s->real_size;
}

int rt_device_others_plan(struct rt_device *d, struct dev_plastic_place *at) {
  const struct rt_plastic *p = at->p;
  uint32_t n = p->proj->def->n_seen;
  if (!(at->before = rt_alloc(&d->mem, 3ull * n + 1, sizeof *at->before))) return NSL_EMEMORY;
  at->after = at->before + n;
  at->rows_see = at->after + n;
  for (uint32_t i = 0; i < n; i++) {
    const struct rt_others *o = &p->others[i];
    if (o->before) at->before[i] = rt_device_reserve(d, DEV_USE_SYNAPSES, ring_bytes(d, p, o));
    if (o->before) at->rows_see[i] = rt_device_reserve(d, DEV_USE_SYNAPSES, (at->n_rows + 1) * d->s->real_size);
    if (o->after) at->after[i] = rt_device_reserve(d, DEV_USE_SYNAPSES, ring_bytes(d, p, o));
  }
  if (p->third_pop) at->third = rt_device_reserve(d, DEV_USE_SYNAPSES, (at->n + 1) * sizeof(uint32_t));
  if (p->proj->def->n_follows) follows_plan(d, at);
  return 0;
}

/* Who the third parts are, once. */
int rt_device_others_write(struct rt_device *d, const struct dev_plastic_place *at) {
  int e = 0;
  for (uint32_t i = 0; !e && at->third && i < at->n_parts; i++) {
    const struct rt_plastic_shard *q = at->parts[i].q;
    if (q->n) e = rt_device_copy_to(d, at->third + at->parts[i].base * sizeof *q->third, q->third, q->n * sizeof *q->third, "third parts");
  }
  return e;
}

int rt_device_others_move(struct rt_device *d, const struct dev_plastic_place *at, bool back) {
  const struct rt_plastic *p = at->p;
  int e = at->follow ? follows_move(d, at, back) : 0;
  for (uint32_t i = 0; i < 2 * p->proj->def->n_seen; i++) {
    const struct rt_others *o = &p->others[i / 2];
    uint64_t there = i % 2 ? at->after[i / 2] : at->before[i / 2], bytes = ring_bytes(d, p, o);
    char *here = i % 2 ? o->after : o->before;
    if (e || !there) continue;
    e = back ? rt_device_copy_from(d, here, there, bytes, "states that synapses look at") : rt_device_copy_to(d, there, here, bytes, "states that synapses look at");
  }
  return e;
}

static void others_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  const struct rt_plastic *p = at->p;
  const struct nsl_projection *def = p->proj->def;
  struct dev_other *list = rt_alloc(&d->mem, def->n_seen + 1ull, sizeof *list);
  d->image.failed |= !list;
  for (uint32_t i = 0; list && i < def->n_seen; i++) {
    const struct nsl_seen *seen = &def->seen[i];
    const struct rt_others *o = &p->others[i];
    const struct dev_place *place = o->pop ? &d->places[o->pop->index] : NULL;
    if (seen->side == NSL_SIDE_POST) continue;
    struct dev_other *one = &list[to->n_others++];
    *one = (struct dev_other){.before = address(d, at->before[i]), .after = address(d, at->after[i]), .to = address(d, at->sees[seen->inner]), .row_to = address(d, at->rows_see[i]),
                              .first = o->first, .n = o->n};
    if (place) one->now = address(d, place->states + seen->outer * place->real_stride);
    if (o->before) one->spiked = address(d, place->states + seen->before * place->real_stride), one->spikes = address(d, place->now);
  }
  to->others_ring = p->pre_ring;
  to->third = address(d, at->third);
  if (list) to->others = PUT(d, list, to->n_others);
}

/* ---- draws */

static void draws_put(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  const struct nsl_class *c = at->p->class;
  void **draws = rt_alloc(&d->mem, c->n_drawn + 1ull, sizeof *draws);
  d->image.failed |= !draws;
  for (uint32_t i = 0; draws && i < c->n_drawn; i++) draws[i] = address(d, at->told[c->drawn[i]]);
  to->key = at->p->key;
  to->n_draws = c->n_drawn;
  if (draws) to->draws = PUT(d, draws, to->n_draws);
}

void rt_image_learn_others(struct rt_device *d, const struct dev_plastic_place *at, struct dev_plastic *to) {
  draws_put(d, at, to);
  others_put(d, at, to);
  if (at->follow) follows_put(d, at, to);
}

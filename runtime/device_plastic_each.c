/* Synapses with memory onto handlers that do more than add, on a device (runtime/device/learn_each.h): what each has sent stays with it there, for
 * as many steps as it may take to arrive. The host has it as events by step of arrival (plastic_each.c); between the two it is
 * known from the masks of spikes when a synapse has sent, and from when an event arrives. */
#include <math.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/plastic.h"
#include "runtime/plastic_lanes.h"
#include "runtime/queue.h"

static const char copying[] = "events of synapses with memory";

void rt_device_plastic_each_plan(struct rt_device *d, struct dev_plastic_place *at) {
  const struct rt_plastic *p = at->p;
  at->each_length = (at->n ? p->most : 0) + p->most_after + 1;
  at->each_waits = rt_device_reserve(d, DEV_USE_SYNAPSES, p->proj->def->n_afters * at->each_length * at->n * d->s->real_size);
  at->each_number = rt_device_reserve(d, DEV_USE_SYNAPSES, at->n * sizeof(uint32_t));
}

int rt_device_plastic_each_write(struct rt_device *d, const struct dev_plastic_place *at) {
  int e = 0;
  for (uint32_t i = 0; !e && i < at->n_parts; i++) {
    const struct dev_part *part = &at->parts[i];
    if (part->q->n) e = rt_device_copy_to(d, at->each_number + part->base * sizeof(uint32_t), part->q->number, part->q->n * sizeof(uint32_t), copying);
  }
  return e;
}

uint64_t rt_image_plastic_each(struct rt_device *d, const struct dev_plastic_place *at) {
  const struct rt_plastic *p = at->p;
  uint32_t n = p->proj->def->n_afters;
  const void **told = rt_alloc(&d->mem, n + 1ull, sizeof *told);
  d->image.failed |= !told;
  if (!told) return 0;
  for (uint32_t i = 0; i < n; i++) told[i] = p->told[i] ? (void *)(uintptr_t)(d->block + at->out[n + i]) : NULL;
  struct dev_learn_each to = {.waits = (void *)(uintptr_t)(d->block + at->each_waits), .number = (const uint32_t *)(uintptr_t)(d->block + at->each_number),
                              .told = (const void *const *)(uintptr_t)rt_image_put(d, told, n * sizeof *told), .n = at->n, .length = at->each_length,
                              .list_at = d->places[p->proj->target->index].list_at[p->proj->def->port], .rank = p->proj->rank};
  return rt_image_put(d, &to, sizeof to);
}

/* ---- to the device */

struct sent { /* an event under way */
  uint64_t y, step; /* the synapse, among all on the device; when it has sent */
  uint32_t nth, row;
  double weight;
};

/* Which synapse of a part it was. */
static struct sent sent_of(const struct dev_plastic_place *at, const struct dev_part *part, const struct rt_apart *x, uint64_t arrival) {
  const struct rt_plastic *p = at->p;
  const struct rt_plastic_shard *q = part->q;
  uint32_t n = p->proj->def->n_afters, row = (uint32_t)x->key - p->proj->s0, number = x->number / n, g = q->row[row];
  uint64_t y = q->segments[g].at;
  while (q->number[y] != number)
    if (++y == q->segments[g].at + q->segments[g].n) y = q->segments[++g].at;
  return (struct sent){part->base + y, arrival - q->segments[g].dendritic - p->after[x->number % n], x->number % n, row, x->weight};
}

typedef int sent_fn(void *context, const struct sent *x);

/* All that the host has. */
static int sent_each(const struct rt_device *d, const struct dev_plastic_place *at, sent_fn *take, void *context) {
  const struct rt_plastic *p = at->p;
  int e = 0;
  for (uint32_t k = 0; k < at->n_parts; k++)
    for (uint64_t arrival = d->s->step + 1; arrival < d->s->step + p->sums; arrival++) {
      const struct rt_waiting *w = &at->parts[k].q->waiting[arrival & (p->sums - 1)];
      for (uint32_t i = 0; !e && i < w->n; i++) {
        struct sent x = sent_of(at, &at->parts[k], &w->at[i], arrival);
        e = take(context, &x);
      }
    }
  return e;
}

struct sents {
  struct sent *at;
  size_t n, cap;
};

static int sent_add(void *context, const struct sent *x) {
  struct sents *all = context;
  if (rt_grow(&all->at, &all->cap, all->n + 1, sizeof *all->at)) return NSL_EMEMORY;
  all->at[all->n++] = *x;
  return 0;
}

/* One send of one step, or of another one so many steps apart, of all synapses. */
static uint64_t waits_at(const struct rt_device *d, const struct dev_plastic_place *at, uint32_t nth, uint64_t step) {
  return at->each_waits + (nth * (uint64_t)at->each_length + step % at->each_length) * at->n * d->s->real_size;
}

static int slot_up(struct rt_device *d, const struct dev_plastic_place *at, const struct sents *all, uint32_t nth, uint64_t step, char *image) {
  uint64_t bytes = at->n * d->s->real_size;
  memset(image, 0xff, bytes); /* no numbers */
  for (size_t i = 0; i < all->n; i++)
    if (all->at[i].nth == nth && all->at[i].step % at->each_length == step % at->each_length) rt_real_set(d->s, image, all->at[i].y, all->at[i].weight);
  int e = rt_device_copy_to(d, waits_at(d, at, nth, step), image, bytes, copying);
  return e ? e : rt_device_wait(d, "copying events of synapses with memory");
}

int rt_device_plastic_each_up(struct rt_device *d, const struct dev_plastic_place *at) {
  struct sents all = {0};
  char *image = rt_alloc(&d->pass, at->n + 1, d->s->real_size);
  int e = image ? sent_each(d, at, sent_add, &all) : NSL_EMEMORY;
  for (uint32_t nth = 0; nth < at->p->proj->def->n_afters; nth++)
    for (uint32_t step = 0; !e && step < at->each_length; step++) e = slot_up(d, at, &all, nth, step, image);
  rt_drop(&all.at);
  return e;
}

struct marks {
  const struct rt_device *d;
  const struct dev_plastic_place *at;
  uint64_t *rows;
};

static int spike_mark(void *context, const struct sent *x) {
  const struct marks *m = context;
  const struct rt_proj *proj = m->at->p->proj;
  uint64_t step = x->step - m->at->p->axonal;
  uint32_t source = proj->s0 + x->row;
  m->rows[(step & m->d->mask_mask) * m->d->mask_row + m->d->places[proj->source->index].mask_at + source / 64] |= (uint64_t)1 << source % 64;
  return 0;
}

void rt_device_plastic_each_masks(const struct rt_device *d, const struct dev_plastic_place *at, uint64_t *rows) {
  sent_each(d, at, spike_mark, &(struct marks){d, at, rows});
}

/* ---- back */

static int event_put(struct rt_device *d, const struct rt_plastic *p, struct rt_plastic_shard *q, uint64_t arrival, struct rt_apart event) {
  struct rt_waiting *to = &q->waiting[arrival & (p->sums - 1)];
  if (arrival <= d->s->step || isnan(event.weight)) return 0;
  if (rt_grow(&to->at, &to->cap, to->n + 1ull, sizeof *to->at)) return NSL_EMEMORY;
  to->at[to->n++] = event;
  if (to->n > q->most_waiting) q->most_waiting = to->n;
  return 0;
}

/* What a source's synapses have sent in a step. */
static int row_back(struct rt_device *d, const struct dev_plastic_place *at, const struct dev_part *part, uint32_t row, uint32_t nth, uint64_t step,
                    const char *image) {
  const struct rt_plastic *p = at->p;
  struct rt_plastic_shard *q = part->q;
  int e = 0;
  for (uint32_t g = q->row[row]; g < q->row[row + 1]; g++)
    for (uint64_t y = q->segments[g].at; !e && y < q->segments[g].at + q->segments[g].n; y++)
      e = event_put(d, p, q, step + q->segments[g].dendritic + p->after[nth],
                    (struct rt_apart){(uint64_t)p->proj->rank << 32 | (p->proj->s0 + row), q->number[y] * p->proj->def->n_afters + nth,
                                      q->slice->first + q->target[y], rt_real(d->s, image, part->base + y)});
  return e;
}

static int slot_back(struct rt_device *d, const struct dev_plastic_place *at, const uint64_t *rows, uint32_t nth, uint64_t step, char *image) {
  const struct rt_proj *proj = at->p->proj;
  const uint64_t *mask = rows + ((step - at->p->axonal) & d->mask_mask) * d->mask_row + d->places[proj->source->index].mask_at;
  int e = rt_device_copy_from(d, image, waits_at(d, at, nth, step), at->n * d->s->real_size, copying);
  if (!e) e = rt_device_wait(d, "copying events of synapses with memory");
  for (uint32_t row = 0; row < proj->sn; row++) {
    uint32_t source = proj->s0 + row;
    if (!(mask[source / 64] >> source % 64 & 1)) continue;
    for (uint32_t k = 0; !e && k < at->n_parts; k++) e = row_back(d, at, &at->parts[k], row, nth, step, image);
  }
  return e;
}

int rt_device_plastic_each_back(struct rt_device *d, const struct dev_plastic_place *at, const uint64_t *rows) {
  const struct rt_plastic *p = at->p;
  char *image = rt_alloc(&d->pass, at->n + 1, d->s->real_size);
  int e = image ? 0 : NSL_EMEMORY;
  for (uint32_t k = 0; k < at->n_parts; k++)
    for (uint32_t i = 0; i < p->sums; i++) at->parts[k].q->waiting[i].n = 0;
  uint64_t first = d->s->step > at->each_length ? d->s->step - at->each_length + 1 : 1;
  for (uint64_t step = first > p->axonal ? first : p->axonal + 1ull; step <= d->s->step; step++)
    for (uint32_t nth = 0; !e && nth < p->proj->def->n_afters; nth++) e = slot_back(d, at, rows, nth, step, image);
  for (uint32_t k = 0; !e && k < at->n_parts; k++) e = rt_each_room(at->parts[k].q->shard);
  return e;
}

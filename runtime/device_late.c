/* What elements see of others and of their own past, on a device: delayed values (past.c) and inputs that follow sums (feed.c); continuous
 * synapses in device_couple.c. Kernels of what is shown run at the end of a step, behind `collect`. Structures are those of the host, array by
 * array; what does not change is copied once, the rest when a run begins and ends. */
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/pace.h"

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
    at[k].lag = rt_device_keep(d, p->pasts[k].lag, p->padded * sizeof *p->pasts[k].lag);
    at[k].part = rt_device_keep(d, p->pasts[k].part, p->padded * sizeof *p->pasts[k].part);
  }
  return 0;
}

static int feeds_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_feeds; i++) n += s->feeds[i].def->n_items;
  d->feeds_at = rt_device_reserve(d, DEV_USE_STATES, s->n_feeds * sizeof(double));
  if (!(d->feed_items = rt_alloc(&d->mem, n + 1, sizeof *d->feed_items))) return NSL_EMEMORY;
  if (!(d->feed_sums = rt_alloc(&d->mem, n + 1, sizeof *d->feed_sums))) return NSL_EMEMORY;
  n = 0;
  for (uint32_t i = 0; i < s->n_feeds; i++)
    for (uint32_t k = 0; k < s->feeds[i].def->n_items; k++) {
      d->feed_sums[n] = rt_device_sums_plan(d, s->feeds[i].items[k].n);
      d->feed_items[n++] = rt_device_reserve(d, DEV_USE_STATES, reals(d, s->feeds[i].items[k].pop));
    }
  return 0;
}

int rt_device_late_plan(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->s->n_pops; i++) e = pasts_plan(d, &d->s->pops[i]);
  if (!e) e = rt_device_couplings_plan(d);
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
  uint32_t item = 0;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].class->n_pasts; k++) e = add(d, &s->pops[i].class->pasts[k].value, i, d->places[i].pasts[k].value);
  if (!e) e = rt_device_couplings_launches(d, false, add);
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

static void feeds_put(struct rt_device *d, struct dev_args *a) {
  const struct rt_sim *s = d->s;
  struct dev_feed *feeds = rt_alloc(&d->mem, s->n_feeds + 1ull, sizeof *feeds);
  uint32_t at = 0;
  for (uint32_t i = 0; feeds && i < s->n_feeds; i++) {
    const struct rt_feed *f = &s->feeds[i];
    struct dev_feed_item *items = rt_alloc(&d->mem, f->def->n_items + 1ull, sizeof *items);
    for (uint32_t k = 0; items && k < f->def->n_items; k++, at++) {
      const void *out = address(d, d->feed_items[at]);
      const struct dev_tree tree = {.reals = out, .from = f->items[k].first, .n = f->items[k].n};
      items[k] = (struct dev_feed_item){out, f->items[k].first, f->items[k].n, rt_image_sum(d, d->feed_sums[at], tree)};
    }
    d->image.failed |= !items;
    if (items) feeds[i] = (struct dev_feed){PUT(d, items, f->def->n_items), address(d, d->feeds_at + i * sizeof(double)),
                                            f->def->sum ? 1 : (double)f->elements, f->def->n_items, 0};
  }
  d->image.failed |= !feeds;
  a->n_feeds = s->n_feeds;
  if (feeds) a->feeds = PUT(d, feeds, s->n_feeds);
}

void rt_image_late(struct rt_device *d, struct dev_args *a) {
  rt_image_sums_begin(d);
  rt_image_couplings(d, a);
  feeds_put(d, a);
  rt_image_sums_end(d, a);
}

/* ---- when a run begins and ends */

static uint64_t past_row(const struct rt_past *past, uint64_t step) { return step % past->rows; }

/* What steps change, up or back; feeds are read again here. */
static int late_move(struct rt_device *d, bool up) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].class->n_pasts; k++) {
      const struct rt_past *past = &s->pops[i].pasts[k];
      const struct dev_past_place *at = &d->places[i].pasts[k];
      uint64_t row = reals(d, &s->pops[i]);
      e = rt_device_move(d, up, at->ring, past->ring, past->rows * row, "past values");
      if (!e) e = rt_device_move(d, up, at->value, past->ring + past_row(past, rt_own_step(&s->pops[i], s->step)) * row, row, "past values");
    }
  return e;
}

int rt_device_late_up(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = late_move(d, true);
  if (!e) e = rt_device_couplings_up(d);
  for (uint32_t i = 0; i < s->n_feeds && !e; i++)
    e = rt_device_copy_to(d, d->feeds_at + i * sizeof(double), &s->feeds[i].value, sizeof(double), "inputs that follow others");
  return e;
}

int rt_device_late_back(struct rt_device *d) {
  int e = late_move(d, false);
  return e ? e : rt_device_couplings_back(d);
}

/* Events of handlers that do more than add, of populations with longer steps than the run's: what waits for the end of such a step, between the
 * host's lists (events.c), which lie by slice, and the device's, by element. */
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

uint64_t rt_image_later(struct rt_device *d, const struct dev_handled_port *h) {
  if (h->pop->every == 1) return 0;
  uint32_t *ends = address(d, h->ends);
  struct dev_later to = {.nodes = address(d, h->later), .steps = address(d, h->steps), .n = address(d, h->n_at), .first = ends, .last = ends + h->pop->padded,
                         .most = h->most};
  return rt_image_put(d, &to, sizeof to);
}

static struct rt_later *later_of(const struct rt_device *d, const struct dev_handled_port *h, uint32_t part) {
  const struct rt_part *at = &h->pop->parts[part];
  struct rt_slice *c = &d->s->shards[at->shard].slices[at->slice];
  return &c->later[h->port];
}

/* ---- up: in the order in which they lie there */

static int port_up(struct rt_device *d, const struct dev_handled_port *h) {
  uint64_t n = 0, padded = h->pop->padded;
  for (uint32_t k = 0; k < h->pop->n_parts; k++) n += later_of(d, h, k)->n;
  if (n > h->most) return rt_fail(NSL_ECANNOT, "more events wait for the end of a longer step than the device has room for; run it with --device cpu");
  struct dev_node *nodes = rt_alloc(&d->pass, n + 1, sizeof *nodes);
  uint64_t *steps = rt_alloc(&d->pass, n + 1, sizeof *steps);
  uint32_t *ends = rt_alloc(&d->pass, 2 * padded, sizeof *ends), *count = rt_alloc(&d->pass, 1, sizeof *count), at = 0;
  if (!nodes || !steps || !ends || !count) return NSL_EMEMORY;
  *count = (uint32_t)n;
  for (uint32_t k = 0; k < h->pop->n_parts; k++) {
    const struct rt_later *l = later_of(d, h, k);
    for (uint64_t i = 0; i < l->n; i++) {
      uint32_t element = l->at[i].element, *last = &ends[padded + element];
      nodes[at] = (struct dev_node){.key = at, .weight = l->at[i].weight, .count = 1, .element = element};
      if (*last) nodes[*last - 1].next = at + 1;
      else ends[element] = at + 1;
      *last = ++at;
    }
  }
  int e = rt_device_copy_to(d, h->later, nodes, n * sizeof *nodes, "events that wait");
  if (!e) e = rt_device_copy_to(d, h->steps, steps, n * sizeof *steps, "events that wait");
  if (!e) e = rt_device_copy_to(d, h->ends, ends, 2 * padded * sizeof *ends, "events that wait");
  return e ? e : rt_device_copy_to(d, h->n_at, count, sizeof *count, "events that wait");
}

int rt_device_later_up(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_handled; i++)
    if (d->handled[i].pop->every > 1) e = port_up(d, &d->handled[i]);
  return e;
}

/* ---- back */

struct waiting {
  struct dev_node node;
  uint64_t step;
};

/* As the host handles them, or gives them to its lists. */
static int waiting_order(const void *a, const void *b) {
  const struct waiting *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  if (x->node.key != y->node.key) return x->node.key < y->node.key ? -1 : 1;
  if (x->node.number != y->node.number) return x->node.number < y->node.number ? -1 : 1;
  return x->node.element < y->node.element ? -1 : x->node.element > y->node.element;
}

static int waiting_add(struct rt_device *d, const struct dev_handled_port *h, const struct dev_node *node) {
  const struct rt_pop *p = h->pop;
  uint32_t k = 0;
  while (node->element >= d->s->shards[p->parts[k].shard].slices[p->parts[k].slice].first + d->s->shards[p->parts[k].shard].slices[p->parts[k].slice].count) k++;
  struct rt_later *l = later_of(d, h, k);
  int e = rt_grow(&l->at, &l->cap, l->n + node->count, sizeof *l->at);
  for (uint32_t i = 0; !e && i < node->count; i++) l->at[l->n++] = (struct nsl_event){node->element, 0, node->weight};
  return e;
}

static int port_back(struct rt_device *d, const struct dev_handled_port *h) {
  uint32_t n = 0;
  int e = rt_device_copy_from(d, &n, h->n_at, sizeof n, "events that wait");
  if (!e) e = rt_device_wait(d, "copying events that wait");
  struct dev_node *nodes = rt_alloc(&d->pass, n + 1ull, sizeof *nodes);
  uint64_t *steps = rt_alloc(&d->pass, n + 1ull, sizeof *steps);
  struct waiting *all = rt_alloc(&d->pass, n + 1ull, sizeof *all);
  if (!e && (!nodes || !steps || !all)) e = NSL_EMEMORY;
  if (!e) e = rt_device_copy_from(d, nodes, h->later, n * sizeof *nodes, "events that wait");
  if (!e) e = rt_device_copy_from(d, steps, h->steps, n * sizeof *steps, "events that wait");
  if (!e) e = rt_device_wait(d, "copying events that wait");
  if (e) return e;
  for (uint32_t i = 0; i < n; i++) all[i] = (struct waiting){nodes[i], steps[i]};
  if (n) qsort(all, n, sizeof *all, waiting_order);
  for (uint32_t k = 0; k < h->pop->n_parts; k++) later_of(d, h, k)->n = 0;
  for (uint32_t i = 0; !e && i < n; i++) e = waiting_add(d, h, &all[i].node);
  return e;
}

int rt_device_later_back(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_handled; i++)
    if (d->handled[i].pop->every > 1) e = port_back(d, &d->handled[i]);
  return e;
}

/* Feeds: inputs that follow one number of other populations, a sum or mean over elements, or the value of a signal.
 *
 * The numbers are those of the end of a step and act in the next one. They are read by one thread while all others wait,
 * in the order of elements, so a sum is the same for any number of threads; every shard then writes them into its part
 * of the inputs. A model with feeds meets after every step. */
#include <string.h>

#include "runtime/error.h"
#include "runtime/sim.h"

enum { CHUNK = 1024 }; /* elements for which a kernel runs at once */

static int item_make(struct rt_sim *s, const struct nsl_record_item *def, struct rt_feed_item *item) {
  item->def = def;
  item->pop = &s->pops[def->slice.pop];
  int e = rt_slice_range(s, &def->slice, NULL, &item->first, &item->n);
  return e ? e : rt_slots(s, item->pop, &def->code, &item->slots);
}

int rt_feeds_make(struct rt_sim *s) {
  s->n_feeds = s->x->n_feeds;
  s->feeds = rt_alloc(&s->mem, s->n_feeds, sizeof *s->feeds);
  s->feed_scratch = rt_alloc(&s->mem, CHUNK, sizeof(double));
  if (!s->feeds || !s->feed_scratch) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_feeds; i++) {
    struct rt_feed *f = &s->feeds[i];
    f->def = &s->x->feeds[i];
    f->items = rt_alloc(&s->mem, f->def->n_items, sizeof *f->items);
    if (!f->items) return NSL_EMEMORY;
    for (uint32_t k = 0; !e && k < f->def->n_items; k++) {
      e = item_make(s, &f->def->items[k], &f->items[k]);
      f->elements += f->items[k].n;
    }
  }
  if (!e && s->n_feeds) rt_feeds_read(s, 0);
  return e;
}

static double item_sum(struct rt_sim *s, const struct rt_feed_item *item, uint64_t step) {
  const struct rt_pop *p = item->pop;
  const struct nsl_code *code = &item->def->code;
  uint32_t end = item->first + item->n, from = item->first / NSL_LANES * NSL_LANES;
  double sum = 0;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT) item->slots[i] = s->feed_scratch;
  for (uint32_t at = from; at < end; at += CHUNK) {
    uint32_t count = p->padded - at < CHUNK ? p->padded - at : CHUNK;
    struct nsl_env env = {.slots = item->slots, .u = p->u, .key = p->key, .step = step, .first = at, .count = count,
                          .t = (double)step * s->dt, .dt = s->dt};
    rt_kernel(s, code)(&env);
    for (uint32_t e = at < item->first ? item->first : at; e < at + count && e < end; e++)
      sum += s->program->f32 ? (double)((const float *)s->feed_scratch)[e - at] : ((const double *)s->feed_scratch)[e - at];
  }
  return sum;
}

void rt_feeds_read(struct rt_sim *s, uint64_t step) {
  for (uint32_t i = 0; i < s->n_feeds; i++) {
    struct rt_feed *f = &s->feeds[i];
    double sum = 0;
    for (uint32_t k = 0; k < f->def->n_items; k++) sum += item_sum(s, &f->items[k], step);
    f->value = f->def->sum ? sum : sum / (double)f->elements;
  }
}

void rt_feeds_write(const struct rt_shard *h) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_feeds; i++) {
    const struct rt_feed *f = &s->feeds[i];
    for (uint32_t k = 0; k < h->n_slices; k++) {
      const struct rt_slice *c = &h->slices[k];
      if (c->pop->index != f->def->to) continue;
      void *array = c->pop->inputs[f->def->input];
      for (uint32_t e = c->first; e < c->first + c->count; e++)
        if (s->program->f32) ((float *)array)[e] = (float)f->value;
        else ((double *)array)[e] = f->value;
    }
  }
}

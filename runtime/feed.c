/* Feeds: inputs that follow one number of other populations, a sum or mean over elements, or the value of a signal.
 *
 * The numbers are those of the end of a step and act in the next one. They are read by one thread while all others wait,
 * as a tree over the elements (tree.h), so a sum is the same for any number of threads; ranks tell each other the values of their
 * elements before. Every shard then writes the sums into its part of the inputs. A model with feeds meets after every step. */
#include <string.h>

#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"
#include "runtime/tree.h"

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
      f->items[k].at = s->n_feed_values;
      s->n_feed_values += f->items[k].n;
    }
  }
  s->feed_values = rt_alloc(&s->mem, s->n_feed_values, sizeof *s->feed_values);
  if (!s->feed_values) e = NSL_EMEMORY;
  e = s->n_feeds ? rt_ranks_agree(s->ranks, e) : e;
  if (!e && s->n_feeds) rt_feeds_read(s, 0);
  return e;
}

/* The values of the own elements of a slice. */
static void slice_values(struct rt_sim *s, const struct rt_feed_item *item, const struct rt_slice *c, uint64_t step) {
  const struct nsl_code *code = &item->def->code;
  uint32_t end = item->first + item->n < c->first + c->count ? item->first + item->n : c->first + c->count;
  uint32_t begin = item->first > c->first ? item->first : c->first;
  double *values = s->feed_values + item->at - item->first;
  for (uint32_t at = begin / NSL_LANES * NSL_LANES; at < end; at += CHUNK) {
    uint32_t left = c->first + c->count - at, count = left < CHUNK ? left : CHUNK;
    struct nsl_env env = {.slots = item->slots, .u = c->pop->u, .key = c->pop->key, .step = step, .first = at,
                          .count = count, .t = (double)step * s->dt, .dt = s->dt};
    rt_kernel(s, code)(&env);
    for (uint32_t e = at < begin ? begin : at; e < at + count && e < end; e++)
      values[e] = s->program->f32 ? (double)((const float *)s->feed_scratch)[e - at] : ((const double *)s->feed_scratch)[e - at];
  }
}

static void item_values(struct rt_sim *s, const struct rt_feed_item *item, uint64_t step) {
  const struct rt_pop *p = item->pop;
  const struct nsl_code *code = &item->def->code;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT) item->slots[i] = s->feed_scratch;
  for (uint32_t i = 0; i < p->n_parts; i++) {
    const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    if (rt_is_own(s, p->parts[i].shard) && c->first < item->first + item->n && item->first < c->first + c->count)
      slice_values(s, item, c, step);
  }
}

/* A failure of the ranks shows when they next meet. */
void rt_feeds_read(struct rt_sim *s, uint64_t step) {
  if (s->ranks) memset(s->feed_values, 0, s->n_feed_values * sizeof *s->feed_values); /* others fill in theirs */
  for (uint32_t i = 0; i < s->n_feeds; i++)
    for (uint32_t k = 0; k < s->feeds[i].def->n_items; k++) item_values(s, &s->feeds[i].items[k], step);
  rt_ranks_combine(s->ranks, s->feed_values, s->n_feed_values, RT_OR_U64);
  const double *x = s->feed_values;
  for (uint32_t i = 0; i < s->n_feeds; i++) {
    struct rt_feed *f = &s->feeds[i];
    double sum = 0;
    for (uint32_t k = 0; k < f->def->n_items; k++) {
      sum += rt_tree_sum(x, f->items[k].n);
      x += f->items[k].n;
    }
    f->value = f->shown[step & 1] = f->def->sum ? sum : sum / (double)f->elements;
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

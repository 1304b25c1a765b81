/* Rows for a device: of each group, the synapses of a source side by side, targets, delays and weights in arrays of their own, so that
 * the threads of a warp read neighbours. They are made from the shards' rows (hot.h): which shard has a target does not matter there,
 * a synapse names one of all sums of a step. Delays that all synapses of a group share, and weights, stand once. */
#include <string.h>

#include "runtime/device.h"
#include "runtime/error.h"

/* Of a shard, by 64 elements: which population's, and which of it. */
struct lane {
  uint32_t pop, first;
};

struct reader {
  const struct rt_sim *s;
  struct lane **lanes; /* by shard */
};

static int reader_open(struct rt_device *d, struct rt_mem *mem, struct reader *r) {
  const struct rt_sim *s = d->s;
  r->s = s;
  r->lanes = rt_alloc(mem, s->n_shards, sizeof *r->lanes);
  for (uint32_t k = 0; r->lanes && k < s->n_shards; k++) {
    const struct rt_shard *h = &s->shards[k];
    if (!(r->lanes[k] = rt_alloc(mem, h->n_elements / 64 + 1, sizeof **r->lanes))) return NSL_EMEMORY;
    for (uint32_t i = 0; i < h->n_slices; i++)
      for (uint32_t e = 0; e < h->slices[i].count; e += 64)
        r->lanes[k][(h->slices[i].base + e) / 64] = (struct lane){h->slices[i].pop->index, h->slices[i].first + e};
  }
  return r->lanes ? 0 : NSL_EMEMORY;
}

struct synapse {
  uint32_t pop, element, delay;
  int64_t grains;
};
typedef void take_fn(void *context, const struct synapse *x);

/* The synapses of a source in a group: shard by shard, in the order of their delays. */
static void row_walk(const struct reader *r, const struct dev_rows *g, uint32_t source, take_fn *take, void *context) {
  const struct rt_pop *p = g->pop;
  for (uint32_t k = 0; k < r->s->n_shards; k++) {
    const struct rt_shard *h = &r->s->shards[k];
    struct rt_row row = h->rows[p->row0 + (uint64_t)source * p->n_groups + (uint32_t)(g->group - p->groups)];
    uint64_t at = row.at;
    struct synapse x = {.delay = row.delay};
    for (uint32_t n = row.n; n;) {
      const uint64_t *bucket = h->store + at;
      for (uint32_t i = 0; i < n; i++) {
        struct rt_synapse one = rt_synapse_at(g->group->form, bucket, i);
        const struct lane *lane = &r->lanes[k][one.element / 64];
        x.pop = lane->pop;
        x.element = lane->first + one.element % 64;
        x.grains = one.grains;
        take(context, &x);
      }
      at += rt_bucket_units(g->group->form, n);
      n = (uint32_t)bucket[0];
      x.delay += (uint32_t)(bucket[0] >> 32);
    }
  }
}

/* ---- how much there is */

struct counts {
  uint64_t n;
  uint32_t least, most; /* delays */
};

static void row_count(const struct reader *r, const struct dev_rows *g, uint32_t source, struct counts *c) {
  const struct rt_pop *p = g->pop;
  for (uint32_t k = 0; k < r->s->n_shards; k++) {
    const struct rt_shard *h = &r->s->shards[k];
    struct rt_row row = h->rows[p->row0 + (uint64_t)source * p->n_groups + (uint32_t)(g->group - p->groups)];
    uint32_t delay = row.delay;
    uint64_t at = row.at;
    if (row.n && row.delay < c->least) c->least = row.delay;
    for (uint32_t n = row.n; n;) {
      uint64_t header = h->store[at];
      c->n += n;
      if (delay > c->most) c->most = delay;
      at += rt_bucket_units(g->group->form, n);
      n = (uint32_t)header;
      delay += (uint32_t)(header >> 32);
    }
  }
}

static int group_count(struct rt_device *d, const struct reader *r, struct dev_rows *g) {
  const struct rt_form *form = &rt_forms[g->group->form];
  struct counts c = {.least = UINT32_MAX};
  if (!(g->begin = rt_alloc(&d->mem, g->pop->size + 1ull, sizeof *g->begin))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < g->pop->size; i++) {
    uint64_t had = c.n;
    g->begin[i] = had;
    row_count(r, g, i, &c);
    d->degrees[d->degree0[g->pop->index] + i] += (uint32_t)(c.n - had);
  }
  g->begin[g->pop->size] = g->n = c.n;
  g->ring = form->behind ? DEV_COUNTS : d->s->program->f32 && form->sum_bytes == 8 ? DEV_LONG_SUMS : DEV_SUMS;
  g->delay = c.most;
  g->delay_bytes = c.n == 0 || c.least == c.most ? 0 : c.most < 256 ? 1 : c.most < 65536 ? 2 : 4;
  g->weight_bytes = form->weight_bits == 0 ? 0 : form->weight_bits <= 16 ? 2 : form->weight_bits <= 32 ? 4 : 8;
  return 0;
}

int rt_device_rows_count(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  struct rt_mem mem = {0};
  struct reader r;
  uint64_t elements = 0;
  d->rows = rt_alloc(&d->mem, s->n_groups + 1ull, sizeof *d->rows);
  d->degree0 = rt_alloc(&d->mem, s->n_pops, sizeof *d->degree0);
  if (!d->rows || !d->degree0) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    d->degree0[i] = elements;
    elements += s->pops[i].size;
  }
  if (!(d->degrees = rt_alloc(&d->mem, elements, sizeof *d->degrees))) return NSL_EMEMORY;
  int e = reader_open(d, &mem, &r);
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].n_groups; k++) {
      const struct rt_group *group = &s->pops[i].groups[k];
      if (group->form == RT_APART) continue; /* device_events.c */
      d->rows[group->index] = (struct dev_rows){.group = group, .pop = &s->pops[i]};
      e = group_count(d, &r, &d->rows[group->index]);
    }
  rt_mem_free(&mem);
  return e;
}

/* ---- to the device */

struct writer {
  const struct rt_device *d;
  const struct dev_rows *g;
  uint64_t n;
  uint32_t *targets;
  void *delays, *weights;
};

static void synapse_put(void *context, const struct synapse *x) {
  struct writer *w = context;
  const struct dev_place *at = &w->d->places[x->pop];
  uint32_t nth = w->g->group->nth;
  const uint32_t *sums = w->g->ring == DEV_COUNTS ? at->count_at : w->g->ring == DEV_LONG_SUMS ? at->long_at : at->sum_at;
  w->targets[w->n] = sums[nth] + x->element;
  switch (w->g->delay_bytes) {
    case 1: ((uint8_t *)w->delays)[w->n] = (uint8_t)x->delay; break;
    case 2: ((uint16_t *)w->delays)[w->n] = (uint16_t)x->delay; break;
    case 4: ((uint32_t *)w->delays)[w->n] = x->delay; break;
  }
  switch (w->g->weight_bytes) {
    case 2: ((int16_t *)w->weights)[w->n] = (int16_t)x->grains; break;
    case 4: ((int32_t *)w->weights)[w->n] = (int32_t)x->grains; break;
    case 8: ((int64_t *)w->weights)[w->n] = x->grains; break;
  }
  w->n++;
}

static int group_write(struct rt_device *d, const struct reader *r, const struct dev_rows *g) {
  struct rt_mem mem = {0};
  struct writer w = {.d = d, .g = g};
  w.targets = rt_alloc(&mem, g->n + 1, sizeof *w.targets);
  w.delays = rt_alloc(&mem, g->n + 1, g->delay_bytes + 1);
  w.weights = rt_alloc(&mem, g->n + 1, g->weight_bytes + 1);
  int e = w.targets && w.delays && w.weights ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < g->pop->size; i++) row_walk(r, g, i, synapse_put, &w);
  if (!e) e = rt_device_copy_to(d, g->begin_at, g->begin, (g->pop->size + 1ull) * sizeof *g->begin, "rows");
  if (!e) e = rt_device_copy_to(d, g->targets_at, w.targets, g->n * sizeof *w.targets, "synapses");
  if (!e) e = rt_device_copy_to(d, g->delays_at, w.delays, g->n * g->delay_bytes, "delays");
  if (!e) e = rt_device_copy_to(d, g->weights_at, w.weights, g->n * g->weight_bytes, "weights");
  if (!e) e = rt_device_wait(d, "copying synapses");
  rt_mem_free(&mem);
  return e;
}

int rt_device_rows_write(struct rt_device *d) {
  struct rt_mem mem = {0};
  struct reader r;
  int e = reader_open(d, &mem, &r);
  for (uint32_t g = 0; !e && g < d->s->n_groups; g++)
    if (d->rows[g].begin) e = group_write(d, &r, &d->rows[g]);
  rt_mem_free(&mem);
  return e;
}

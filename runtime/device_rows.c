/* Rows for a device: of each group, the synapses of a source side by side, targets, delays and weights in arrays of their own, so that
 * the threads of a warp read neighbours. They are made from the shards' rows (hot.h): which shard has a target does not matter there,
 * a synapse names one of all sums of a step. Delays that all synapses of a group share, and weights, stand once. */
#include <string.h>

#include "runtime/device.h"
#include "runtime/threads.h"

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

/* ---- how much there is */

struct counts {
  uint64_t n;
  uint32_t least, most; /* delays */
};

static struct rt_row row_of(const struct rt_shard *h, const struct dev_rows *g, uint32_t source) {
  return h->rows[g->pop->row0 + (uint64_t)source * g->pop->n_groups + (uint32_t)(g->group - g->pop->groups)];
}

static void row_count(const struct rt_sim *s, const struct dev_rows *g, uint32_t source, struct counts *c) {
  for (uint32_t k = 0; k < s->n_shards; k++) {
    const struct rt_shard *h = &s->shards[k];
    struct rt_row row = row_of(h, g, source);
    uint64_t at = row.at;
    if (row.n && row.delay < c->least) c->least = row.delay;
    for (uint32_t n = row.n; n;) {
      uint64_t header = h->store[at];
      c->n += n;
      if (row.delay > c->most) c->most = row.delay;
      at += rt_bucket_units(g->group->form, n);
      n = (uint32_t)header;
      row.delay += (uint32_t)(header >> 32);
    }
  }
}

/* Sources of a group, shared out to all threads. */
struct work {
  struct rt_device *d;
  struct dev_rows *rows;
  const struct reader *reader;
  struct counts *counts; /* by thread */
  uint32_t *targets;
  void *delays, *weights;
};

static uint32_t share(const struct work *w, uint32_t thread) { return (uint32_t)((uint64_t)w->rows->pop->size * thread / w->d->s->threads); }

static int count_job(void *context, uint32_t thread) {
  struct work *w = context;
  struct dev_rows *g = w->rows;
  struct counts c = {.least = UINT32_MAX};
  for (uint32_t i = share(w, thread); i < share(w, thread + 1); i++) {
    uint64_t had = c.n;
    row_count(w->d->s, g, i, &c);
    g->begin[i + 1] = c.n - had;
  }
  w->counts[thread] = c;
  return 0;
}

static int group_count(struct rt_device *d, struct dev_rows *g, struct counts *counts) {
  const struct rt_form *form = &rt_forms[g->group->form];
  struct counts c = {.least = UINT32_MAX};
  if (!(g->begin = rt_alloc(&d->mem, g->pop->size + 1ull, sizeof *g->begin))) return NSL_EMEMORY;
  int e = rt_team_run(d->s->team, count_job, &(struct work){.d = d, .rows = g, .counts = counts});
  for (uint32_t t = 0; t < d->s->threads; t++) {
    c.n += counts[t].n;
    c.least = counts[t].least < c.least ? counts[t].least : c.least;
    c.most = counts[t].most > c.most ? counts[t].most : c.most;
  }
  for (uint32_t i = 0; i < g->pop->size; i++) {
    d->degrees[d->degree0[g->pop->index] + i] += (uint32_t)g->begin[i + 1];
    g->begin[i + 1] += g->begin[i];
  }
  g->n = c.n;
  g->units = g->group->units;
  g->ring = form->behind ? DEV_COUNTS : d->s->program->f32 && form->sum_bytes == 8 ? DEV_LONG_SUMS : DEV_SUMS;
  g->delay = c.most;
  g->delay_bytes = c.n == 0 || c.least == c.most ? 0 : c.most < 256 ? 1 : c.most < 65536 ? 2 : 4;
  g->weight_bytes = form->weight_bits == 0 ? 0 : form->weight_bits <= 16 ? 2 : form->weight_bits <= 32 ? 4 : 8;
  return e;
}

int rt_device_rows_count(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  uint64_t elements = 0;
  d->degree0 = rt_alloc(&d->mem, s->n_pops, sizeof *d->degree0);
  struct counts *counts = rt_alloc(&d->mem, s->threads, sizeof *counts);
  d->rows_of = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *d->rows_of);
  if (!d->rows_of || !d->degree0 || !counts) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    d->degree0[i] = elements;
    elements += s->pops[i].size;
  }
  if (!(d->degrees = rt_alloc(&d->mem, elements, sizeof *d->degrees))) return NSL_EMEMORY;
  if (s->connectivity == NSL_PROCEDURAL) return rt_device_made_count(d);
  d->n_rows = s->n_groups;
  if (!(d->rows = rt_alloc(&d->mem, d->n_rows + 1ull, sizeof *d->rows))) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) d->rows_of[i + 1] = d->rows_of[i] + s->pops[i].n_groups;
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].n_groups; k++) {
      const struct rt_group *group = &s->pops[i].groups[k];
      if (group->form == RT_APART) continue; /* device_events.c */
      d->rows[group->index] = (struct dev_rows){.group = group, .pop = &s->pops[i]};
      e = group_count(d, &d->rows[group->index], counts);
    }
  return e;
}

/* ---- to the device */

static void synapse_put(const struct work *w, uint64_t at, const struct lane *lane, struct rt_synapse x, uint32_t delay) {
  const struct dev_place *place = &w->d->places[lane->pop];
  const struct dev_rows *g = w->rows;
  const uint32_t *sums = g->ring == DEV_COUNTS ? place->count_at : g->ring == DEV_LONG_SUMS ? place->long_at : place->sum_at;
  w->targets[at] = sums[g->group->nth] + lane->first + x.element % 64;
  switch (g->delay_bytes) {
    case 1: ((uint8_t *)w->delays)[at] = (uint8_t)delay; break;
    case 2: ((uint16_t *)w->delays)[at] = (uint16_t)delay; break;
    case 4: ((uint32_t *)w->delays)[at] = delay; break;
  }
  switch (g->weight_bytes) {
    case 2: ((int16_t *)w->weights)[at] = (int16_t)x.grains; break;
    case 4: ((int32_t *)w->weights)[at] = (int32_t)x.grains; break;
    case 8: ((int64_t *)w->weights)[at] = x.grains; break;
  }
}

/* The synapses of a source: shard by shard, in the order of their delays. */
static void row_write(const struct work *w, uint32_t source) {
  const struct rt_sim *s = w->d->s;
  uint32_t form = w->rows->group->form;
  uint64_t to = w->rows->begin[source];
  for (uint32_t k = 0; k < s->n_shards; k++) {
    const struct rt_shard *h = &s->shards[k];
    struct rt_row row = row_of(h, w->rows, source);
    uint64_t at = row.at;
    for (uint32_t n = row.n; n;) {
      const uint64_t *bucket = h->store + at;
      for (uint32_t i = 0; i < n; i++) {
        struct rt_synapse x = rt_synapse_at(form, bucket, i);
        synapse_put(w, to++, &w->reader->lanes[k][x.element / 64], x, row.delay);
      }
      at += rt_bucket_units(form, n);
      n = (uint32_t)bucket[0];
      row.delay += (uint32_t)(bucket[0] >> 32);
    }
  }
}

static int write_job(void *context, uint32_t thread) {
  const struct work *w = context;
  for (uint32_t i = share(w, thread); i < share(w, thread + 1); i++) row_write(w, i);
  return 0;
}

static int group_write(struct rt_device *d, const struct reader *r, struct dev_rows *g) {
  struct rt_mem mem = {0};
  struct work w = {.d = d, .rows = g, .reader = r};
  w.targets = rt_alloc(&mem, g->n + 1, sizeof *w.targets);
  w.delays = rt_alloc(&mem, g->n + 1, g->delay_bytes + 1);
  w.weights = rt_alloc(&mem, g->n + 1, g->weight_bytes + 1);
  int e = w.targets && w.delays && w.weights ? rt_team_run(d->s->team, write_job, &w) : NSL_EMEMORY;
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
  for (uint32_t g = 0; !e && g < d->n_rows; g++)
    if (d->rows[g].begin) e = d->rows[g].proj ? rt_device_made_write(d, &d->rows[g]) : group_write(d, &r, &d->rows[g]);
  rt_mem_free(&mem);
  return e;
}

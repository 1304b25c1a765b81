/* What changes in a run, as items of a checkpoint: one walk over it, which writes or reads.
 *
 * Everything goes by population and element, or is the same for all; nothing shows shards, threads or ranks. What the
 * seed and the rules give again on any start is not here: parameters of elements, synapses, tables of drives, spikes
 * under way (checkpoint.c sends them again). Accumulators and inputs are not either: between two steps the former are
 * empty, and the latter are made anew in the next step.
 *
 * Whatever a run keeps from one step to the next belongs here; the state hash, which a resumed run compares, tells of
 * what was forgotten. */
#include <math.h>
#include <string.h>

#include "runtime/checkpoint.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/verify.h"

/* ---- meters */

static void meter_walk(struct rt_archive *a, struct rt_meter *m, uint32_t index, uint64_t elements) {
  uint64_t counts[3] = {m->spikes, m->first, m->n_marks};
  rt_archive_data(a, "meter", index, counts, sizeof counts);
  if (m->isi) rt_archive_data(a, "intervals", index, m->isi, elements * sizeof *m->isi);
  m->spikes = counts[0];
  m->first = counts[1];
  if (m->n_marks != counts[2]) rt_archive_odd(a, "a meter"); /* the journal has given the marks back */
}

static void meters_walk(struct rt_archive *a, struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) meter_walk(a, s->pop_meters[i], i, s->pops[i].size);
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].meter) meter_walk(a, s->measures[i].meter, s->n_pops + i, (uint64_t)s->measures[i].elements);
}

/* ---- recorder: what is in its buffers; the journal has the rest */

static void marks_walk(struct rt_archive *a, struct rt_sim *s, struct rt_spike_file *f) {
  struct rt_mark *marks = f->marks;
  uint64_t n = f->n;
  rt_archive_array(a, "spikes", 0, &marks, &n, sizeof *marks);
  if (a->writes || a->error) return;
  for (uint64_t i = 0; i < n; i++)
    if (marks[i].pop >= s->n_pops || marks[i].id >= s->pops[marks[i].pop].size) {
      rt_archive_odd(a, "a recorded spike");
      return;
    }
  if (rt_grow(&f->marks, &f->cap, n, sizeof *f->marks)) {
    a->error = NSL_EMEMORY;
    return;
  }
  if (n) memcpy(f->marks, marks, n * sizeof *marks);
  f->n = n;
}

static uint64_t row_bytes(const struct rt_sim *s, const struct rt_variable *v, const struct rt_column_group *group) {
  return group->cols * (v->reduced ? sizeof(double) : s->real_size);
}

static void variable_walk(struct rt_archive *a, struct rt_sim *s, struct rt_variable *v, uint32_t index) {
  uint64_t flushed = v->flushed, n = rt_samples_until(s, v->every, s->step) - v->flushed;
  rt_archive_data(a, "record", index, &flushed, sizeof flushed);
  if (flushed != v->flushed || n > v->row_cap) rt_archive_odd(a, "a record");
  for (uint32_t g = 0; g < v->n_groups && !a->error; g++) {
    uint64_t row = row_bytes(s, v, &v->groups[g]);
    if (!a->writes) memset(v->groups[g].rows, 0, v->row_cap * row);
    rt_archive_data(a, "rows", g, v->groups[g].rows, n * row);
  }
}

static void recorder_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_recorder *r = s->recorder;
  marks_walk(a, s, &r->spikes);
  for (uint32_t i = 0; i < r->n_variables; i++) variable_walk(a, s, &r->variables[i], i);
}

/* ---- what a report shows */

static void cells_walk(struct rt_archive *a, const struct rt_sim *s, struct rt_cells *c) {
  rt_archive_u64(a, "width", &c->width);
  if (!c->width) rt_archive_odd(a, "a raster");
  if (a->error) return;
  uint64_t used = s->step ? (s->step - 1) / c->width + 1 : 0;
  if (used > RT_RASTER_COLS) used = RT_RASTER_COLS;
  rt_archive_data(a, "cells", 0, c->at, used * c->n_rows);
}

static void raster_walk(struct rt_archive *a, const struct rt_sim *s, struct rt_raster *r) {
  uint64_t n[3] = {r->n_held, r->n_counted, r->n_dots};
  cells_walk(a, s, &r->fine);
  cells_walk(a, s, &r->binned);
  rt_archive_data(a, "dots", 0, n, sizeof n);
  if (n[0] > RT_RASTER_HELD || n[1] > n[0] || n[2] < n[0]) rt_archive_odd(a, "a raster");
  if (a->error) return;
  rt_archive_data(a, "dots", 1, r->dots, n[0] * sizeof *r->dots);
  for (uint64_t i = 0; i < n[0]; i++)
    if (r->dots[i].row >= r->n_rows || r->dots[i].step < 1 || r->dots[i].step > s->step) {
      rt_archive_odd(a, "a raster");
      return;
    }
  r->n_held = (uint32_t)n[0];
  r->n_counted = (uint32_t)n[1];
  r->n_dots = n[2];
}

static void series_walk(struct rt_archive *a, struct rt_series *one) {
  rt_archive_u64(a, "width", &one->width);
  rt_archive_u64(a, "samples", &one->n);
  if (!one->width || one->n / one->width > RT_TRACE_POINTS) rt_archive_odd(a, "a trace");
  rt_archive_data(a, "least", 0, one->lo, RT_TRACE_POINTS * sizeof *one->lo);
  rt_archive_data(a, "most", 0, one->hi, RT_TRACE_POINTS * sizeof *one->hi);
}

static void gather_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_gather *g = s->gather;
  uint64_t rates[2] = {g->rates.width, g->rates.merges};
  raster_walk(a, s, &g->raster);
  rt_archive_data(a, "rates", 0, rates, sizeof rates);
  if (!rates[0]) rt_archive_odd(a, "a rate");
  g->rates.width = rates[0];
  g->rates.merges = (uint32_t)rates[1];
  rt_archive_data(a, "rates", 1, g->rates.counts, (uint64_t)g->rates.n_rows * g->rates.n_bins * sizeof *g->rates.counts);
  for (uint32_t i = 0; i < g->n_traced; i++)
    for (uint32_t k = 0; k < g->traced[i].n_series; k++) series_walk(a, &g->traced[i].series[k]);
}

/* ---- all that is no element's */

static void counters_walk(struct rt_archive *a, struct rt_sim *s) {
  uint64_t sums[2] = {0};
  for (uint32_t i = 0; i < s->n_shards; i++) {
    sums[0] += s->shards[i].delivery.n_delivered;
    sums[1] += s->shards[i].delivery.n_read;
  }
  rt_archive_data(a, "events", 0, sums, sizeof sums);
  for (uint32_t i = 0; !a->writes && i < s->n_shards; i++) {
    s->shards[i].delivery.n_delivered = i ? 0 : sums[0];
    s->shards[i].delivery.n_read = i ? 0 : sums[1];
  }
}

static void digests_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_checkpoint *c = s->checkpoint;
  if (s->verify) c->digests = rt_digests_so_far(s, &c->n_digests, &c->digest_every);
  rt_archive_u64(a, "every", &c->digest_every);
  if (!a->writes) a->into = &c->mem;
  rt_archive_array(a, "digests", 0, &c->digests, &c->n_digests, sizeof *c->digests);
}

void rt_state_shared(struct rt_archive *a, struct rt_sim *s) {
  meters_walk(a, s);
  recorder_walk(a, s);
  if (s->gather) gather_walk(a, s);
  counters_walk(a, s);
  digests_walk(a, s);
  rt_archive_real(a, "simulate_s", &s->simulate_s);
  rt_archive_real(a, "output_s", &s->output_s);
}

/* ---- populations */

/* An array over the blocks of 64 elements of a population. */
static void blocks(struct rt_archive *a, const struct rt_pop *p, const char *name, uint32_t index, void *array,
                   uint64_t block_bytes) {
  rt_archive_data(a, name, index, array, p->words * block_bytes);
}

static void pop_walk(struct rt_archive *a, const struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  uint64_t reals = 64 * s->real_size, masks = sizeof(uint64_t);
  const char *path = p->def->path;
  rt_archive_text(a, "population", &path);
  if (strcmp(path, p->def->path) != 0) rt_archive_odd(a, "a population");
  for (uint32_t i = 0; i < c->n_states; i++) blocks(a, p, "state", i, p->states[i], reals);
  for (uint32_t i = 0; i < c->n_holds; i++) blocks(a, p, "held", i, p->held[i], masks);
  blocks(a, p, "before", 0, p->prev, masks);
  for (uint32_t i = 0; i <= p->ring_mask; i++) blocks(a, p, "spiked", i, p->ring + (uint64_t)i * p->stride, masks);
  for (uint32_t k = 0; k < c->n_pasts; k++) {
    const struct rt_past *past = &p->pasts[k];
    for (uint32_t i = 0; i < past->rows; i++)
      blocks(a, p, "past", i, past->ring + (uint64_t)i * p->padded * s->real_size, reals);
    blocks(a, p, "delayed", k, past->end, reals);
  }
}

static void probe_walk(struct rt_archive *a, const struct rt_sim *s, const struct rt_measure *m) {
  for (uint32_t i = 0; i < m->def->n_items; i++) {
    const struct rt_pop *p = &s->pops[m->def->items[i].slice.pop];
    struct rt_probe_sums sums = rt_probe_sums(m, i);
    blocks(a, p, "sum", i, sums.sums, sizeof(double));
    blocks(a, p, "least", i, sums.least, sizeof(double));
    blocks(a, p, "most", i, sums.most, sizeof(double));
  }
}

/* ---- drives: a shard has a part of one, which is put together over the elements */

struct whole { /* of one drive */
  struct rt_sim *s;
  const struct rt_drive *drive;
  int64_t *waits; /* by target */
  double *values; /* by element of the population's blocks */
};

typedef void part_fn(struct rt_drive_part *part, const struct whole *w, uint32_t k, bool writes);

static void parts_each(const struct whole *w, part_fn *fn, uint32_t k, bool writes) {
  for (uint32_t h = 0; h < w->s->n_shards; h++)
    for (uint32_t i = 0; i < w->s->shards[h].n_drives; i++)
      if (w->s->shards[h].drives[i].drive == w->drive) fn(&w->s->shards[h].drives[i], w, k, writes);
}

/* A process that all elements share has one block. */
static void part_process(struct rt_drive_part *part, const struct whole *w, uint32_t k, bool writes) {
  uint32_t first = rt_part_first(part), n = rt_part_last(part) - first;
  double *whole = w->values + first, *own = part->states[k] + first;
  memcpy(writes ? whole : own, writes ? own : whole, n * sizeof *own);
}

static void part_waits(struct rt_drive_part *part, const struct whole *w, uint32_t k, bool writes) {
  uint32_t n = part->to - part->from;
  int64_t *own = part->ring + ((w->s->step + k) & part->ring_mask) * n, *whole = w->waits + (part->from - w->drive->t0);
  memcpy(writes ? whole : own, writes ? own : whole, n * sizeof *own);
}

static bool is_zero(const int64_t *at, uint64_t n) {
  while (n && !at[n - 1]) n--;
  return !n;
}

/* Events that wait, step by step; most steps far ahead have none. */
static void waits_walk(struct rt_archive *a, const struct whole *w) {
  const struct rt_drive *d = w->drive;
  for (uint32_t k = 1; k <= d->most_delay && !a->error; k++) {
    if (a->writes) parts_each(w, part_waits, k, true);
    uint64_t any = a->writes && !is_zero(w->waits, d->tn);
    rt_archive_u64(a, "wait", &any);
    if (!a->writes) memset(w->waits, 0, d->tn * sizeof *w->waits);
    if (any) rt_archive_data(a, "waits", k, w->waits, d->tn * sizeof *w->waits);
    if (!a->writes && !a->error) parts_each(w, part_waits, k, false);
  }
}

static void drive_walk(struct rt_archive *a, struct rt_sim *s, const struct rt_drive *d) {
  struct rt_mem mem = {0};
  const struct rt_pop *p = d->target;
  struct whole w = {.s = s, .drive = d};
  w.waits = d->delays ? rt_alloc(&mem, d->tn, sizeof *w.waits) : NULL;
  w.values = d->def->n_processes ? rt_alloc(&mem, p->padded, sizeof *w.values) : NULL;
  if ((d->delays && !w.waits) || (d->def->n_processes && !w.values)) a->error = a->error ? a->error : NSL_EMEMORY;
  for (uint32_t k = 0; k < d->def->n_processes && !a->error; k++) {
    if (a->writes) parts_each(&w, part_process, k, true);
    blocks(a, p, "process", k, w.values, 64 * sizeof *w.values);
    if (!a->writes && !a->error) parts_each(&w, part_process, k, false);
  }
  if (w.waits) waits_walk(a, &w);
  rt_mem_free(&mem);
}

void rt_state_elements(struct rt_archive *a, struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) pop_walk(a, s, &s->pops[i]);
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].probe) probe_walk(a, s, &s->measures[i]);
  for (uint32_t i = 0; i < s->n_drives; i++) drive_walk(a, s, &s->drives[i]);
}

/* ---- out of the journal */

static int spikes_again(struct rt_sim *s, const struct rt_mark *marks, uint64_t n) {
  struct rt_spike_file *f = &s->recorder->spikes;
  for (uint64_t i = 0; i < n; i++)
    if (marks[i].pop >= s->n_pops) return rt_fail(NSL_EINPUT, "the records of the checkpoint do not fit this program");
  int e = rt_grow(&f->marks, &f->cap, n, sizeof *f->marks);
  if (e) return e;
  if (n) memcpy(f->marks, marks, n * sizeof *marks);
  f->n = n;
  return rt_spikes_flush(s, s->recorder, n);
}

static int marks_again(struct rt_meter *m, const uint64_t *marks, uint64_t n) {
  int e = rt_grow(&m->marks, &m->marks_cap, m->n_marks + n, sizeof *m->marks);
  if (e) return e;
  if (n) memcpy(m->marks + m->n_marks, marks, n * sizeof *marks);
  m->n_marks += n;
  return 0;
}

int rt_state_replay(void *sim, const struct rt_journal_block *b, const void *data) {
  struct rt_sim *s = sim;
  struct rt_recorder *r = s->recorder;
  if (b->kind == RT_JOURNAL_SPIKES && b->bytes == b->n * sizeof(struct rt_mark) && r->spikes.open)
    return spikes_again(s, data, b->n);
  if (b->kind == RT_JOURNAL_MARKS && b->index < s->n_measures && s->measures[b->index].meter &&
      b->bytes == b->n * sizeof(uint64_t))
    return marks_again(s->measures[b->index].meter, data, b->n);
  if (b->kind == RT_JOURNAL_ROWS && b->index < r->n_variables && b->sub < r->variables[b->index].n_groups)
    return rt_record_again(s, &r->variables[b->index], b->sub, b->n, data, b->bytes);
  return rt_fail(NSL_EINPUT, "the records of the checkpoint do not fit this program");
}

/* ---- what follows from the step */

void rt_state_settle(struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_shards; i++) {
    struct rt_shard *h = &s->shards[i];
    for (uint32_t k = 0; k < h->n_drives; k++) {
      struct rt_drive_part *part = &h->drives[k];
      const struct rt_drive *d = part->drive;
      uint64_t delay = part->ring ? 0 : d->delay_steps;
      part->now = NAN;
      part->known = false;
      for (part->at = 0; part->at < d->n_events && d->events[part->at].step + delay <= s->step; part->at++) continue;
    }
    for (uint32_t k = 0; k < h->n_slices; k++) h->slices[k].again = s->step; /* it may be so: asking costs little */
    h->next_input = h->next_probe = h->next_record = s->step + 1;
  }
}

/* What changes in a run, as items of a checkpoint: one walk over it, which writes or reads.
 *
 * Everything goes by population and element, or is the same for all; nothing shows shards, threads or ranks, so a
 * run may be resumed on other numbers of them. What the
 * seed and the rules give again on any start is not here: parameters of elements, synapses, tables of drives, spikes
 * under way (checkpoint.c sends them again). Accumulators and inputs are not either: between two steps the former are
 * empty, and the latter are made anew in the next step.
 *
 * Whatever a run keeps from one step to the next belongs here; the state hash, which a resumed run compares, tells of
 * what was forgotten. */
#include <math.h>
#include <string.h>

#include "runtime/checkpoint.h"
#include "runtime/coupling.h"
#include "runtime/covary.h"
#include "runtime/gating.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/plastic.h"
#include "runtime/ranks.h"
#include "runtime/shelf.h"
#include "runtime/verify.h"

/* ---- ranks: the first one writes, and has what belongs to no element; all read what belongs to theirs. Of an array of
 * which each rank has a part, the others have zeros in a copy, and the bits are combined. All ranks take every step, one
 * that has failed as well, so that none waits for another. */

static void combine(struct rt_archive *a, const struct rt_sim *s, void *array, uint64_t bytes) {
  int e = a->writes ? rt_ranks_collect(s->ranks, array, (bytes + 7) / 8, RT_OR_U64) : 0;
  if (e && !a->error) a->error = e;
}

/* Bytes for each block of 64 elements: those of own slices. */
static void own_copy(const struct rt_sim *s, const struct rt_pop *p, void *to, const void *from, uint64_t block_bytes) {
  for (uint32_t i = 0; i < p->n_parts; i++) {
    if (!rt_is_own(s, p->parts[i].shard)) continue;
    const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    uint64_t at = c->first / 64 * block_bytes;
    memcpy((char *)to + at, (const char *)from + at, c->count / 64 * block_bytes);
  }
}

/* An array over the blocks of 64 elements of a population. */
static void blocks(struct rt_archive *a, const struct rt_sim *s, const struct rt_pop *p, const char *name, uint32_t index,
                   void *array, uint64_t block_bytes) {
  uint64_t bytes = p->words * block_bytes;
  if (!s->ranks) {
    rt_archive_data(a, name, index, array, bytes);
    return;
  }
  void *whole = s->checkpoint->whole;
  memset(whole, 0, bytes);
  if (a->writes) own_copy(s, p, whole, array, block_bytes);
  combine(a, s, whole, bytes);
  rt_archive_data(a, name, index, whole, bytes);
  if (!a->writes && !a->error) own_copy(s, p, array, whole, block_bytes);
}

/* The largest array that is put together. */
uint64_t rt_state_largest(const struct rt_sim *s) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    uint64_t n = (uint64_t)s->pops[i].padded * sizeof(struct rt_isi);
    most = n > most ? n : most;
  }
  for (uint32_t i = 0; i < s->n_measures; i++) {
    uint64_t n = (uint64_t)s->measures[i].elements * sizeof(struct rt_isi);
    most = n > most ? n : most;
  }
  return most + 8;
}

/* ---- meters */

static void meter_walk(struct rt_archive *a, struct rt_sim *s, struct rt_meter *m, uint32_t index) {
  uint64_t counts[3] = {m->spikes, m->n_marks, m->first ? m->first : UINT64_MAX};
  int e = a->writes ? rt_ranks_collect(s->ranks, counts, 2, RT_SUM_U64) : 0;
  if (!e && a->writes) e = rt_ranks_collect(s->ranks, &counts[2], 1, RT_MIN_U64);
  if (e && !a->error) a->error = e;
  rt_archive_data(a, "meter", index, counts, sizeof counts);
  if (a->writes || !rt_ranks_first(s->ranks)) return;
  m->spikes = counts[0];
  m->first = counts[2] == UINT64_MAX ? 0 : counts[2];
  if (m->n_marks != counts[1]) rt_archive_odd(a, "a meter"); /* the journal has given the marks back */
}

static void meters_walk(struct rt_archive *a, struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) meter_walk(a, s, s->pop_meters[i], i);
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].meter) meter_walk(a, s, s->measures[i].meter, s->n_pops + i);
}

/* Of intervals a rank keeps those of its elements: others count on theirs. */
static void others_forget(const struct rt_sim *s, struct rt_meter *m) {
  for (uint32_t k = 0; k < s->n_watches; k++) {
    const struct rt_watch *w = &s->watches[k];
    const struct rt_pop *p = &s->pops[w->pop];
    for (uint32_t i = 0; w->meter == m && i < p->n_parts; i++) {
      const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
      uint32_t from = c->first > w->from ? c->first : w->from, end = c->first + c->count;
      uint32_t to = end < w->to + 1 ? end : w->to + 1;
      if (!rt_is_own(s, p->parts[i].shard) && from < to)
        memset(&m->isi[w->isi0 + from - w->from], 0, (to - from) * sizeof *m->isi);
    }
  }
}

static void intervals_walk(struct rt_archive *a, struct rt_sim *s, struct rt_meter *m, uint32_t index, uint64_t elements) {
  uint64_t bytes = elements * sizeof *m->isi;
  if (!m->isi) return;
  void *at = m->isi;
  if (s->ranks && a->writes) at = memcpy(s->checkpoint->whole, m->isi, bytes);
  combine(a, s, at, bytes);
  rt_archive_data(a, "intervals", index, at, bytes);
  if (s->ranks && !a->writes) others_forget(s, m);
}

/* ---- recorder: what is in its buffers; the journal has the rest */

static void marks_walk(struct rt_archive *a, struct rt_sim *s, struct rt_spike_file *f) {
  struct rt_mark *marks = f->marks;
  uint64_t n = f->n;
  rt_archive_array(a, "spikes", 0, &marks, &n, sizeof *marks);
  if (a->writes || a->error || !rt_ranks_first(s->ranks)) return;
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
  bool first = rt_ranks_first(s->ranks);
  uint64_t flushed = v->flushed;
  rt_archive_data(a, "record", index, &flushed, sizeof flushed);
  if (!first) v->flushed = flushed; /* the first rank has replayed it */
  uint64_t n = rt_samples_until(s, v->every, s->step) - v->flushed;
  if (flushed != v->flushed || n > v->row_cap) rt_archive_odd(a, "a record");
  if (a->error && !a->writes) return;
  int e = a->writes ? rt_share_collect(s, v, n) : 0;
  if (e && !a->error) a->error = e;
  for (uint32_t g = 0; g < v->n_groups; g++) {
    uint64_t row = row_bytes(s, v, &v->groups[g]);
    if (!a->writes) memset(v->groups[g].rows, 0, v->row_cap * row);
    rt_archive_data(a, "rows", g, v->groups[g].rows, n * row);
  }
}

/* The journal has all rows of weights that change. */
static void weights_settle(struct rt_archive *a, struct rt_sim *s, struct rt_weights *w) {
  uint64_t until = rt_samples_until(s, w->every, s->step);
  if (a->writes || !w->moves) return;
  for (uint32_t i = 0; rt_ranks_first(s->ranks) && i < w->n_sets; i++)
    if (w->sets[i].again != (until - 1) * w->sets[i].n) rt_archive_odd(a, "a record of weights");
  w->rows = until;
}

static void recorder_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_recorder *r = s->recorder;
  for (uint32_t i = 0; i < r->n_weights; i++) weights_settle(a, s, &r->weights[i]);
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
  for (uint32_t i = 0; i < g->n_traced; i++) {
    for (uint32_t k = 0; k < g->traced[i].n_series; k++) series_walk(a, &g->traced[i].series[k]);
    if (g->traced[i].pairs) rt_covary_walk(a, g->traced[i].pairs);
  }
}

/* ---- all that is no element's */

static void counters_walk(struct rt_archive *a, struct rt_sim *s) {
  uint64_t sums[2] = {0};
  for (uint32_t i = s->own0; i < s->own1; i++) {
    sums[0] += s->shards[i].delivery.n_delivered;
    sums[1] += s->shards[i].delivery.n_read;
  }
  int e = a->writes ? rt_ranks_collect(s->ranks, sums, 2, RT_SUM_U64) : 0;
  if (e && !a->error) a->error = e;
  rt_archive_data(a, "events", 0, sums, sizeof sums);
  for (uint32_t i = s->own0; !a->writes && i < s->own1; i++) {
    bool here = rt_ranks_first(s->ranks) && i == s->own0;
    s->shards[i].delivery.n_delivered = here ? sums[0] : 0;
    s->shards[i].delivery.n_read = here ? sums[1] : 0;
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
  uint64_t shown = s->gather != NULL;
  if (s->gather) gather_walk(a, s);
  if (a->writes || shown || !s->ranks) rt_archive_u64(a, "shown", &shown);
  else rt_archive_pass(a, "shown"); /* the first rank's alone */
  counters_walk(a, s);
  digests_walk(a, s);
  rt_archive_real(a, "simulate_s", &s->simulate_s);
  rt_archive_real(a, "simulate_cpu_s", &s->simulate_cpu_s);
  rt_archive_real(a, "output_s", &s->output_s);
}

/* ---- populations */

static void pop_walk(struct rt_archive *a, const struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  uint64_t reals = 64 * s->real_size, masks = sizeof(uint64_t);
  const char *path = p->def->path;
  rt_archive_text(a, "population", &path);
  if (strcmp(path, p->def->path) != 0) rt_archive_odd(a, "a population");
  for (uint32_t i = 0; i < c->n_states; i++) blocks(a, s, p, "state", i, p->states[i], reals);
  for (uint32_t i = 0; i < c->n_holds; i++) blocks(a, s, p, "held", i, p->held[i], masks);
  blocks(a, s, p, "before", 0, p->prev, masks);
  for (uint32_t i = 0; i <= p->ring_mask; i++) blocks(a, s, p, "spiked", i, p->ring + (uint64_t)i * p->stride, masks);
  for (uint32_t q = 0; p->every > 1 && q < c->n_ports; q++) blocks(a, s, p, "waiting", q, p->waiting[q], 64 * sizeof **p->waiting);
  for (uint32_t i = 0; p->every > 1 && i < c->n_inputs; i++) blocks(a, s, p, "sum", i, p->sums[i], 64 * sizeof **p->sums);
  for (uint32_t k = 0; k < c->n_pasts; k++) {
    const struct rt_past *past = &p->pasts[k];
    for (uint32_t i = 0; i < past->rows; i++)
      blocks(a, s, p, "past", i, past->ring + (uint64_t)i * p->padded * s->real_size, reals);
    blocks(a, s, p, "delayed", k, past->end, reals);
  }
}

/* What elements have shown to others through continuous synapses. */
static void shown_walk(struct rt_archive *a, const struct rt_values *x, uint32_t index) {
  for (int k = 0; k < 2; k++) rt_archive_data(a, "shown now", index, x->now[k], x->n * sizeof **x->now);
  if (x->ring) rt_archive_data(a, "shown", index, x->ring, (uint64_t)x->n * x->row * sizeof *x->ring);
}

static void probe_walk(struct rt_archive *a, const struct rt_sim *s, const struct rt_measure *m) {
  for (uint32_t i = 0; i < m->def->n_items; i++) {
    const struct rt_pop *p = &s->pops[m->def->items[i].slice.pop];
    struct rt_probe_sums sums = rt_probe_sums(m, i);
    blocks(a, s, p, "sum", i, sums.sums, sizeof(double));
    blocks(a, s, p, "least", i, sums.least, sizeof(double));
    blocks(a, s, p, "most", i, sums.most, sizeof(double));
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
  for (uint32_t h = w->s->own0; h < w->s->own1; h++)
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

/* Events that wait, step by step; most steps far ahead have none. Ranks agree on the last that has some. */
static void waits_walk(struct rt_archive *a, const struct whole *w) {
  uint64_t last = 0, n = w->drive->tn * sizeof *w->waits;
  for (uint32_t k = 1; a->writes && k <= w->drive->most_delay; k++) {
    parts_each(w, part_waits, k, true);
    if (!is_zero(w->waits, w->drive->tn)) last = k;
  }
  int e = a->writes ? rt_ranks_combine(w->s->ranks, &last, 1, RT_MAX_U64) : 0;
  if (e && !a->error) a->error = e;
  rt_archive_u64(a, "wait", &last);
  if (last > w->drive->most_delay) rt_archive_odd(a, "a drive");
  if (a->error && !a->writes) return;
  for (uint32_t k = 1; k <= last; k++) {
    if (w->s->ranks) memset(w->waits, 0, n); /* those of others came in */
    if (a->writes) parts_each(w, part_waits, k, true);
    combine(a, w->s, w->waits, n);
    rt_archive_data(a, "waits", k, w->waits, n);
    if (a->error && !a->writes) return;
    if (!a->writes) parts_each(w, part_waits, k, false);
  }
}

static void drive_walk(struct rt_archive *a, struct rt_sim *s, const struct rt_drive *d) {
  struct rt_mem mem = {0};
  const struct rt_pop *p = d->target;
  struct whole w = {.s = s, .drive = d};
  w.waits = d->delays ? rt_alloc(&mem, d->tn, sizeof *w.waits) : NULL;
  w.values = d->def->n_processes ? rt_alloc(&mem, p->padded, sizeof *w.values) : NULL;
  bool lacks = (d->delays && !w.waits) || (d->def->n_processes && !w.values);
  int e = a->writes ? rt_ranks_agree(s->ranks, lacks ? NSL_EMEMORY : 0) : lacks ? NSL_EMEMORY : 0;
  if (e && !a->error) a->error = e;
  for (uint32_t k = 0; k < d->def->n_processes && !e; k++) {
    if (a->writes) memset(w.values, 0, p->padded * sizeof *w.values);
    if (a->writes) parts_each(&w, part_process, k, true);
    combine(a, s, w.values, p->padded * sizeof *w.values);
    rt_archive_data(a, "process", k, w.values, p->padded * sizeof *w.values);
    if (!a->writes && !a->error) parts_each(&w, part_process, k, false);
  }
  if (w.waits && !e) waits_walk(a, &w);
  rt_mem_free(&mem);
}

void rt_state_elements(struct rt_archive *a, struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) {
    pop_walk(a, s, &s->pops[i]);
    intervals_walk(a, s, s->pop_meters[i], i, s->pops[i].size);
  }
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].meter) intervals_walk(a, s, s->measures[i].meter, s->n_pops + i, (uint64_t)s->measures[i].elements);
  for (uint32_t i = 0; i < s->n_measures; i++)
    if (s->measures[i].probe) probe_walk(a, s, &s->measures[i]);
  for (uint32_t i = 0; i < s->n_drives; i++) drive_walk(a, s, &s->drives[i]);
  struct rt_values *x;
  for (uint32_t i = 0; s->couplings && rt_coupling_values(s, i, &x); i++) shown_walk(a, x, i);
  rt_later_walk(a, s);
  rt_gates_walk(a, s);
  rt_plastic_walk(a, s);
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
  if (b->kind == RT_JOURNAL_WEIGHTS && b->index < r->n_weights && b->sub < r->weights[b->index].n_sets && b->bytes == b->n * sizeof(double))
    return rt_weights_again(&r->weights[b->index], b->sub, b->n, data);
  if (b->kind == RT_JOURNAL_ROWS && b->index < r->n_variables && b->sub < r->variables[b->index].n_groups)
    return rt_record_again(s, &r->variables[b->index], b->sub, b->n, data, b->bytes);
  return rt_fail(NSL_EINPUT, "the records of the checkpoint do not fit this program");
}

/* ---- what follows from the step */

void rt_state_settle(struct rt_sim *s) {
  for (uint32_t i = s->own0; i < s->own1; i++) {
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

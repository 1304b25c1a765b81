/* Between the host's simulation and the device's: states and masks up before the first step, and back behind the last one; spikes that
 * are still under way. On the host those hang in the lists of their shards (hot.h), on the device they have been added to the sums
 * of steps to come. Up: the lists are walked, and stay. Back: what was in them passes, and the last spikes are sent again by
 * the ordinary exchange, as in a resumed run. Where rows are made anew, the host keeps those spikes themselves. So whatever looks at the host's simulation afterwards finds it as if it had run here. */
#include <string.h>

#include "runtime/connect.h"
#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/pace.h"
#include "runtime/procedural.h"
#include "runtime/synapses.h"

/* ---- arrays that steps change */

typedef void copy_fn(char *live, void *host, uint64_t bytes);

static void to_live(char *live, void *host, uint64_t bytes) { memcpy(live, host, bytes); }
static void from_live(char *live, void *host, uint64_t bytes) { memcpy(host, live, bytes); }

static void live_each(const struct rt_device *d, char *live, copy_fn *copy, const bool *which) {
  const struct rt_sim *s = d->s;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    const struct nsl_class *k = p->class;
    const struct dev_place *at = &d->places[i];
    if (which && !which[i]) continue;
    char *own = live - d->live;
    uint64_t reals = (uint64_t)p->padded * s->real_size, words = p->words * 8ull;
    for (uint32_t j = 0; j < k->n_states; j++) copy(own + at->states + j * at->real_stride, p->states[j], reals);
    for (uint32_t j = 0; j < k->n_inputs; j++) copy(own + at->inputs + j * at->real_stride, p->inputs[j], reals);
    for (uint32_t j = 0; j < k->n_pasts; j++) {
      copy(own + at->past_live + 2 * j * at->real_stride, p->pasts[j].begin, reals);
      copy(own + at->past_live + (2 * j + 1) * at->real_stride, p->pasts[j].end, reals);
    }
    for (uint32_t j = 0; j < k->n_holds; j++) copy(own + at->held + j * at->mask_stride, p->held[j], words);
    copy(own + at->prev, p->prev, words);
    for (uint32_t j = 0; p->every > 1 && j < k->n_ports; j++) copy(own + at->waiting + j * p->padded * 8ull, p->waiting[j], p->padded * 8ull);
    for (uint32_t j = 0; p->every > 1 && j < k->n_inputs; j++) copy(own + at->sums + j * p->padded * 8ull, p->sums[j], p->padded * 8ull);
  }
}

void rt_device_take(const struct rt_device *d, char *live) { live_each(d, live, from_live, d->looked); }

static int params_copy(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && k < s->pops[i].class->n_params; k++)
      e = rt_device_copy_to(d, d->places[i].params + k * d->places[i].real_stride, s->pops[i].params[k],
                            (uint64_t)s->pops[i].padded * s->real_size, "parameters");
  return e;
}

/* ---- masks of recent steps: the host has as many as the longest hold needs */

static uint64_t *host_mask(const struct rt_pop *p, uint64_t step) { return p->ring + (step & p->ring_mask) * p->stride; }

/* Of an own step, in the device's rows: see own_mask (device/step.c). */
static uint64_t mask_at(const struct rt_device *d, const struct rt_pop *p, uint64_t own) {
  uint64_t row = (own - 1) / p->within + 1, nth = (own - 1) % p->within;
  return ((row * p->every) & d->mask_mask) * d->mask_row + d->places[p->index].mask_at + nth * p->words;
}

static int masks_up(struct rt_device *d, struct rt_mem *mem) {
  const struct rt_sim *s = d->s;
  uint64_t *rows = rt_alloc(mem, (d->mask_mask + 1) * d->mask_row, sizeof *rows);
  if (!rows) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint64_t back = 0, own = rt_own_step(&s->pops[i], s->step); back <= s->pops[i].ring_mask && back < own; back++)
      memcpy(rows + mask_at(d, &s->pops[i], own - back), host_mask(&s->pops[i], own - back), s->pops[i].words * 8ull);
  int e = rt_device_events_masks(d, rows);
  rt_device_plastic_masks(d, rows);
  return e ? e : rt_device_copy_to(d, d->masks_at, rows, (d->mask_mask + 1) * d->mask_row * 8, "spikes of recent steps");
}

/* All rows of the device. */
static int masks_back(struct rt_device *d, uint64_t **ret) {
  uint64_t n = (d->mask_mask + 1) * d->mask_row;
  *ret = rt_alloc(&d->pass, n, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  int e = rt_device_copy_from(d, *ret, d->masks_at, n * 8, "spikes of recent steps");
  return e ? e : rt_device_wait(d, "copying spikes");
}

void rt_device_masks_take(const struct rt_device *d, const uint64_t *row, uint64_t step) {
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    const struct rt_pop *p = &d->s->pops[i];
    uint64_t own = rt_own_step(p, step) - p->within + 1;
    for (uint32_t k = 0; k < p->within && step % p->every == 0; k++)
      memcpy(host_mask(p, own + k), row + d->places[i].mask_at + (uint64_t)k * p->words, p->words * 8ull);
  }
}

/* ---- what is under way */

struct sums {
  struct rt_device *d;
  char *at[DEV_RINGS]; /* NULL: all are zero */
};

static int sum_add(struct sums *to, uint32_t kind, uint32_t sum, uint64_t step, int64_t units) {
  struct rt_device *d = to->d;
  if (!to->at[kind] && !(to->at[kind] = rt_alloc(&d->pass, d->ring_bytes[kind], 1))) return NSL_EMEMORY;
  uint64_t i = (step & d->ring_mask) * d->ring_row[kind] + sum;
  if (rt_device_sum_bytes(d, kind) == 8) ((int64_t *)(void *)to->at[kind])[i] += units;
  else ((int32_t *)(void *)to->at[kind])[i] += (int32_t)units;
  return 0;
}

static const struct rt_slice *slice_of(const struct rt_shard *h, uint32_t element) {
  uint32_t i = 0;
  while (element - h->slices[i].base >= h->slices[i].count) i++;
  return &h->slices[i];
}

/* All buckets that a spike has still to visit, from this step on. */
static int event_add(struct sums *to, const struct rt_shard *h, struct rt_event event, uint64_t step) {
  const struct dev_rows *g = &to->d->rows[event.group];
  const struct rt_group *group = g->group;
  uint64_t at = event.at;
  int e = 0;
  for (uint32_t n = event.n; n && !e;) {
    const uint64_t *bucket = h->store + at;
    for (uint32_t i = 0; i < n && !e; i++) {
      struct rt_synapse x = rt_synapse_at(group->form, bucket, i);
      const struct rt_slice *c = slice_of(h, x.element);
      const struct dev_place *place = &to->d->places[c->pop->index];
      const uint32_t *sums = g->ring == DEV_COUNTS ? place->count_at : g->ring == DEV_LONG_SUMS ? place->long_at : place->sum_at;
      int64_t units = g->ring == DEV_COUNTS ? 1 : rt_forms[group->form].weight_bits ? x.grains * group->units : group->units;
      e = sum_add(to, g->ring, sums[group->nth] + c->first + x.element - c->base, step, units);
    }
    at += rt_bucket_units(group->form, n);
    n = (uint32_t)bucket[0];
    step += bucket[0] >> 32;
  }
  return e;
}

static int shard_add(struct sums *to, const struct rt_shard *h) {
  const struct rt_delivery *v = &h->delivery;
  int e = 0;
  for (uint64_t step = to->d->s->step + 1; step <= to->d->s->step + v->mask + 1; step++)
    for (uint32_t form = 0; form < RT_N_FORMS; form++)
      for (uint32_t i = v->lists[form] ? v->lists[form][step & v->mask] : 0; i && !e; i = v->events[i].next)
        e = event_add(to, h, v->events[i], step);
  return e;
}

/* A row that is made anew: what has not arrived yet. */
static int made_add(struct sums *to, struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t step) {
  struct rt_row_of row;
  uint32_t ring, sum = rt_device_made_sum(to->d, p, &ring);
  int e = rt_synapses_of(k, p, source, &row);
  for (uint64_t i = 0; !e && i < row.n; i++) {
    uint64_t due = step + (row.delay ? row.delay[i] : p->delay_steps);
    int64_t units = ring == DEV_COUNTS ? 1 : rt_weight_units(p, row.weight ? row.weight[i] : p->weight);
    if (due > to->d->s->step) e = sum_add(to, ring, sum + row.target[i], due, units);
  }
  return e;
}

static int mades_add(struct sums *to) {
  struct rt_sim *s = to->d->s;
  struct rt_synapses k = {.s = s};
  uint64_t n = 0;
  int e = 0;
  for (uint64_t step = s->step > s->max_delay ? s->step - s->max_delay + 1 : 1; step <= s->step; step++)
    for (uint32_t i = 0; i < s->n_projs; i++) {
      const struct rt_proj *p = &s->projs[i];
      if (p->form == RT_APART) continue; /* there it is who spiked, and when: device_events.c */
      const uint32_t *ids = rt_procedural_past(s, p->source, step, &n);
      for (uint64_t j = 0; !e && j < n; j++)
        if (ids[j] >= p->s0 && ids[j] - p->s0 < p->sn) e = made_add(to, &k, p, ids[j], step);
    }
  rt_synapses_drop(&k);
  return e;
}

/* Events of a Poisson drive whose targets have delays of their own; given ones are in a list. */
static int waiting_add(struct sums *to, const struct rt_drive_part *part) {
  const struct rt_drive *drive = part->drive;
  const struct dev_place *at = &to->d->places[drive->target->index];
  uint32_t q = drive->def->port, n = part->to - part->from;
  bool longs = !drive->each && at->long_at[q] != NSL_NONE;
  uint32_t ring = drive->each ? DEV_COUNTS : longs ? DEV_LONG_SUMS : DEV_SUMS;
  uint32_t first = drive->each ? to->d->waits[drive->index] - drive->t0 : (longs ? at->long_at : at->sum_at)[q];
  int e = 0;
  for (uint32_t k = 1; k <= part->ring_mask; k++) {
    const int64_t *row = part->ring + ((to->d->s->step + k) & part->ring_mask) * n;
    for (uint32_t i = 0; i < n && !e; i++)
      if (row[i]) e = sum_add(to, ring, first + part->from + i, to->d->s->step + k, row[i]);
  }
  return e;
}

static int sums_up(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  struct sums to = {.d = d};
  int e = s->procedural ? mades_add(&to) : 0;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    if (!e && s->max_delay && !s->procedural) e = shard_add(&to, &s->shards[k]);
    for (uint32_t i = 0; !e && i < s->shards[k].n_drives; i++)
      if (s->shards[k].drives[i].ring && s->shards[k].drives[i].drive->def->kind == NSL_POISSON) e = waiting_add(&to, &s->shards[k].drives[i]);
  }
  for (int k = 0; !e && k < DEV_RINGS; k++) {
    if (to.at[k]) e = rt_device_copy_to(d, d->ring_at[k], to.at[k], d->ring_bytes[k], "spikes under way");
    else if (d->ring_bytes[k])
      e = gpu_try(&d->gpu, cuMemsetD8Async, (d->block + d->ring_at[k], 0, d->ring_bytes[k], d->stream), "clearing sums");
  }
  return e;
}

/* ---- up */

int rt_device_upload(struct rt_device *d) {
  struct rt_sim *s = d->s;
  struct dev_clock clock = {.step = s->step + 1};
  if (s->n_feeds) rt_feeds_read(s, s->step); /* a phase begins where the last one ended */
  memset(d->staging, 0, d->live_bytes);
  live_each(d, d->staging, to_live, NULL);
  int e = rt_device_copy_to(d, d->live, d->staging, d->live_bytes, "states");
  if (!e) e = params_copy(d);
  if (!e) e = rt_device_copy_to(d, d->globals_at, s->G, s->x->n_globals * sizeof *s->G, "parameters");
  if (!e) e = rt_device_copy_to(d, d->clock_at, &clock, sizeof clock, "the clock");
  if (!e) e = gpu_try(&d->gpu, cuMemsetD8Async, (d->block + d->bad_at, 0xff, rt_device_bad_bytes(d), d->stream), "clearing");
  if (!e) e = gpu_try(&d->gpu, cuMemsetD8Async, (d->block + d->lists_at, 0, (d->n_lists + 1) * sizeof(uint32_t), d->stream), "clearing");
  if (!e) e = rt_device_late_up(d);
  if (!e) e = rt_device_carry_up(d);
  if (!e) e = rt_device_draws_up(d);
  if (!e) e = rt_device_paces_up(d);
  if (!e) e = rt_device_later_up(d);
  if (!e) e = rt_device_plastic_up(d);
  if (!e) e = masks_up(d, &d->pass);
  if (!e) e = sums_up(d);
  if (!e) e = rt_device_wait(d, "copying the state");
  rt_mem_free(&d->pass);
  return e;
}

/* ---- back */

static void lists_fill(const struct rt_sim *s, const struct rt_device *d, const uint64_t *rows, uint64_t step) {
  for (uint32_t k = 0; k < s->n_shards; k++) {
    struct rt_shard *h = &s->shards[k];
    uint64_t end = 0;
    for (uint32_t i = 0; i < h->n_slices; i++)
      h->spikes[0].ends[i] = end = rt_device_spikes(d, &h->slices[i], rows + (step & d->mask_mask) * d->mask_row, h->spikes[0].ids, end);
  }
}

static int step_again(struct rt_sim *s, const struct rt_device *d, const uint64_t *rows, uint64_t step, bool sends) {
  int e = 0;
  for (uint32_t k = 0; k < s->n_shards; k++) rt_arrivals_pass(&s->shards[k], step);
  if (sends) lists_fill(s, d, rows, step);
  for (uint32_t k = 0; sends && !e && k < s->n_shards; k++) e = rt_exchange(&s->shards[k], step, 0, 1, 0);
  return e;
}

/* What waited before the call passes, the spikes of the last steps go under way. */
static int spikes_again(struct rt_device *d, const uint64_t *rows, uint64_t began) {
  struct rt_sim *s = d->s;
  uint64_t last = s->step > s->max_delay ? s->step - s->max_delay : 0, delivered = 0, read = 0;
  int e = 0;
  for (uint32_t k = 0; k < s->n_shards; k++) delivered += s->shards[k].delivery.n_delivered, read += s->shards[k].delivery.n_read;
  for (uint64_t step = began + 1; !e && step <= s->step; step++) {
    if (step > began + s->max_delay && step <= last) step = last + 1;
    e = step_again(s, d, rows, step, step > last);
  }
  for (uint32_t k = 0; k < s->n_shards; k++) s->shards[k].delivery.n_delivered = s->shards[k].delivery.n_read = 0;
  s->shards[0].delivery.n_delivered = delivered;
  s->shards[0].delivery.n_read = read;
  return e;
}

static void nobody(void *context, uint32_t element, int64_t count, double weight) {
  (void)context, (void)element, (void)count, (void)weight;
}

/* Drives whose events wait in a ring of their own: those of the last steps are drawn again. */
static void waiting_again(struct rt_sim *s, struct rt_shard *h) {
  for (uint32_t i = 0; i < h->n_events; i++) {
    struct rt_drive_part *part = &h->drives[i];
    const struct rt_drive *d = part->drive;
    if (!part->ring) continue;
    uint64_t step = s->step > d->most_delay ? s->step - d->most_delay + 1 : 1;
    memset(part->ring, 0, (part->ring_mask + 1ull) * (part->to - part->from) * sizeof *part->ring);
    for (part->at = 0; part->at < d->n_events && d->events[part->at].step < step; part->at++) continue;
    for (; step <= s->step; step++) rt_drive_give(h, part, step, d->each ? &(struct rt_taker){nobody, NULL} : NULL);
  }
  rt_sums_clear(h);
}

int rt_device_download(struct rt_device *d, uint64_t began) {
  struct rt_sim *s = d->s;
  uint64_t *rows = NULL;
  int e = masks_back(d, &rows);
  for (uint64_t step = s->step - began > d->mask_mask ? s->step - d->mask_mask : began + 1; !e && step <= s->step; step++)
    rt_device_masks_take(d, rows + (step & d->mask_mask) * d->mask_row, step);
  if (!e && s->max_delay) e = spikes_again(d, rows, began); /* before the states: what passes may be added to them */
  for (uint32_t k = 0; !e && k < s->n_shards; k++) waiting_again(s, &s->shards[k]);
  if (!e) e = rt_device_late_back(d);
  if (!e) e = rt_device_draws_back(d);
  if (!e) e = rt_device_later_back(d);
  if (!e) e = rt_device_plastic_back(d);
  if (!e) e = rt_device_plastic_queues(d, rows);
  if (!e) e = rt_device_copy_from(d, d->staging, d->live, d->live_bytes, "states");
  if (!e) e = rt_device_wait(d, "copying the state");
  if (!e) live_each(d, d->staging, from_live, NULL);
  if (!e && s->n_feeds) rt_feeds_read(s, s->step);
  rt_mem_free(&d->pass);
  return e;
}

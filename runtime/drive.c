/* Drives: what comes from outside of the network. Poisson trains and given times add to accumulators;
 * constant and step currents fill input arrays, which are rewritten only at the steps where a value changes.
 *
 * Poisson events are counted in (T-dt, T] and handled at T + delay: in step n the draw of step n - delay is
 * used, so nothing is stored. A current given from a to b acts on the steps that end in (a, b]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/events.h"

static const double on_grid = 1e-6; /* of a step: times this near to a grid point are on it */

/* ---- before the run */

static int poisson_prepare(struct rt_sim *s, struct rt_drive *d) {
  double rate = rt_value(s, d->def->arg0, NAN);
  d->mean = rate * s->dt;
  if (!(rate >= 0) || !(d->mean < 1e9))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: a rate of %g Hz cannot be drawn", d->def->path,
                      rate * 1000);
  if (d->mean == 0) return 0;
  d->parts = nslm_poisson_parts(d->mean);
  d->table = rt_alloc(&s->mem, NSLM_POISSON_TABLE, sizeof *d->table);
  if (!d->table) return NSL_EMEMORY;
  d->table_n = nslm_poisson_table(d->mean / d->parts, d->table, NSLM_POISSON_TABLE);
  if (!d->table_n)
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: a rate of %g Hz cannot be drawn", d->def->path,
                      rate * 1000);
  return 0;
}

static int step_order(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static int times_prepare(struct rt_sim *s, struct rt_drive *d) {
  d->n_times = d->def->n_times;
  d->times = rt_alloc(&s->mem, d->n_times, sizeof *d->times);
  if (!d->times) return NSL_EMEMORY;
  for (uint32_t i = 0; i < d->n_times; i++) {
    double t = s->G[d->def->times[i]], step = rt_steps(t, s->dt) + d->delay_steps;
    if (!(step >= 1))
      return rt_fail_at(NSL_EMODEL, d->def->place,
                        "%s: an event at %g ms would arrive before the first step ends", d->def->path, t);
    d->times[i] = step < 0x1p63 ? (uint64_t)step : RT_NO_STEP;
  }
  qsort(d->times, d->n_times, sizeof *d->times, step_order);
  return 0;
}

/* The last step that ends at or before t. */
static uint64_t step_before(double t, double dt) {
  double n = floor(t / dt + on_grid);
  return n < 0 ? 0 : n < 0x1p63 ? (uint64_t)n : RT_NO_STEP - 1;
}

static int current_prepare(struct rt_sim *s, struct rt_drive *d) {
  d->value = rt_value(s, d->def->arg0, NAN);
  if (!isfinite(d->value))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: the value is not a finite number", d->def->path);
  d->to = RT_NO_STEP - 1;
  if (d->def->kind == NSL_CONSTANT) return 0;
  double from = rt_value(s, d->def->arg1, 0), to = rt_value(s, d->def->arg2, INFINITY);
  if (isnan(from) || isnan(to))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: from and to must be times", d->def->path);
  d->from = step_before(from, s->dt);
  d->to = step_before(to, s->dt);
  return 0;
}

static double drive_bound(const struct rt_drive *d) {
  double events = d->def->kind == NSL_POISSON ? d->mean + 40 * sqrt(d->mean) + 100 : 0;
  uint32_t same = 0;
  for (uint32_t i = 0; i < d->n_times; i++) {
    same = i && d->times[i] == d->times[i - 1] ? same + 1 : 1;
    if (same > events) events = same;
  }
  return events * fabs(d->weight);
}

static int drive_prepare(struct rt_sim *s, struct rt_drive *d, const struct nsl_drive *def, uint32_t index) {
  *d = (struct rt_drive){
      .def = def, .index = index, .target = &s->pops[def->target.pop], .weight = rt_value(s, def->weight, 1)};
  int e = rt_slice_range(s, &def->target, def->place, &d->t0, &d->tn);
  if (e) return e;
  d->key = nslm_key(s->seed, def->path_hash);
  double delay = rt_steps(rt_value(s, def->delay, 0), s->dt);
  if (!(delay >= 0 && delay < 1e9))
    return rt_fail_at(NSL_EMODEL, def->place, "%s: the delay must be a time from 0", def->path);
  if (!isfinite(d->weight))
    return rt_fail_at(NSL_EMODEL, def->place, "%s: the weight is not a finite number", def->path);
  d->delay_steps = (uint32_t)delay;
  switch ((enum nsl_drive_kind)def->kind) {
    case NSL_POISSON: e = poisson_prepare(s, d); break;
    case NSL_TIMES: e = times_prepare(s, d); break;
    case NSL_CONSTANT:
    case NSL_STEP: return current_prepare(s, d);
  }
  d->each = rt_port_each(d->target, def->port);
  if (!e && d->target->class->ports[def->port].straight)
    e = rt_fail_at(NSL_EINPUT, def->place, "%s: the program has no accumulators for this port", def->path);
  if (!e && !d->each) s->ports[d->target->port0 + def->port].drive_sum += drive_bound(d);
  return e;
}

int rt_drives_prepare(struct rt_sim *s) {
  s->drives = rt_alloc(&s->mem, s->x->n_drives, sizeof *s->drives);
  if (!s->drives) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->x->n_drives; i++) {
    const struct nsl_drive *def = &s->x->drives[i];
    if (def->cond != NSL_NONE && s->G[def->cond] == 0) continue;
    int e = drive_prepare(s, &s->drives[s->n_drives++], def, i);
    if (e) return e;
  }
  return 0;
}

static bool is_current(const struct rt_drive *d) {
  return d->def->kind == NSL_CONSTANT || d->def->kind == NSL_STEP;
}

/* The parts of one drive in a shard's slices go to the end of its list. */
static void parts_add(struct rt_shard *h, const struct rt_drive *d) {
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (c->pop != d->target) continue;
    uint32_t end = c->first + c->count, d_end = d->t0 + d->tn;
    struct rt_drive_part part = {
        .drive = d, .slice = c, .from = d->t0 > c->first ? d->t0 : c->first, .to = d_end < end ? d_end : end};
    if (part.from < part.to) h->drives[h->n_drives++] = part;
  }
}

static int parts_make(struct rt_sim *s, struct rt_shard *h) {
  h->drives = rt_alloc(&s->mem, s->n_drives, sizeof *h->drives); /* a population has one slice in a shard */
  if (!h->drives) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_drives; i++)
    if (!is_current(&s->drives[i])) parts_add(h, &s->drives[i]);
  h->n_events = h->n_drives;
  for (uint32_t i = 0; i < s->n_drives; i++)
    if (is_current(&s->drives[i])) parts_add(h, &s->drives[i]);
  return 0;
}

int rt_drives_units(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; i < s->n_drives; i++) {
    struct rt_drive *d = &s->drives[i];
    if (!is_current(d)) d->weight_units = llrint(d->weight / s->ports[d->target->port0 + d->def->port].unit);
  }
  for (uint32_t i = 0; !e && i < s->n_shards; i++) {
    e = parts_make(s, &s->shards[i]);
    if (!e) rt_inputs_step(&s->shards[i], 0);
  }
  return e;
}

/* ---- in the run */

/* Whole blocks go straight to the accumulators; of a block that is only partly driven, the driven elements
 * are copied. */
static void poisson_add(struct rt_shard *h, const struct rt_drive_part *part, uint64_t step) {
  const struct rt_slice *c = part->slice;
  const struct rt_drive *d = part->drive;
  int64_t *acc = h->acc + c->acc0 + (size_t)d->def->port * c->count;
  uint32_t from = part->from,
           to = part->to == c->pop->size ? c->first + c->count : part->to; /* padding lanes are inert */
  uint32_t first = from / 64 * 64, last = (to + 63) / 64 * 64;
  while (first < last) {
    bool partly = first < from || first + 64 > to;
    uint32_t n = partly ? 64 : (to / 64 * 64) - first;
    int64_t block[64] = {0}, *at = partly ? block : acc + (first - c->first);
    h->sim->hot.poisson((int64_t *)((uintptr_t)at - (uintptr_t)first * sizeof *at), first, n, d->weight_units,
                        d->key, step, d->table, d->table_n, d->parts);
    for (uint32_t i = first; partly && i < first + 64; i++)
      if (i >= from && i < to) acc[i - c->first] += block[i - first];
    first += n;
  }
}

static void times_add(struct rt_shard *h, struct rt_drive_part *part, uint64_t step) {
  const struct rt_slice *c = part->slice;
  const struct rt_drive *d = part->drive;
  int64_t *acc = h->acc + c->acc0 + (size_t)d->def->port * c->count;
  for (; part->at < d->n_times && d->times[part->at] <= step; part->at++)
    for (uint32_t i = part->from; i < part->to; i++) acc[i - c->first] += d->weight_units;
}

void rt_drives_step(struct rt_shard *h, uint64_t step) {
  for (uint32_t i = 0; i < h->n_events; i++) {
    struct rt_drive_part *part = &h->drives[i];
    const struct rt_drive *d = part->drive;
    if (d->each) continue; /* events.c */
    if (d->def->kind == NSL_TIMES)
      times_add(h, part, step);
    else if (d->mean > 0 && step > d->delay_steps)
      poisson_add(h, part, step - d->delay_steps);
  }
}

static void input_add(struct rt_sim *s, void *array, uint32_t from, uint32_t to, double value) {
  if (s->program->f32)
    for (uint32_t i = from; i < to; i++) ((float *)array)[i] += (float)value;
  else
    for (uint32_t i = from; i < to; i++) ((double *)array)[i] += value;
}

void rt_inputs_step(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  for (uint32_t k = 0; k < h->n_slices; k++) {
    const struct rt_slice *c = &h->slices[k];
    for (uint32_t i = 0; i < c->pop->class->n_inputs; i++)
      memset((char *)c->pop->inputs[i] + (size_t)c->first * s->real_size, 0, (size_t)c->count * s->real_size);
  }
  h->next_input = RT_NO_STEP;
  for (uint32_t i = h->n_events; i < h->n_drives; i++) {
    const struct rt_drive *d = h->drives[i].drive;
    bool from_to = d->def->kind == NSL_STEP, acts = !from_to || (step > d->from && step <= d->to);
    if (acts) input_add(s, d->target->inputs[d->def->input], h->drives[i].from, h->drives[i].to, d->value);
    uint64_t changes[] = {d->from + 1, d->to + 1};
    for (int j = 0; from_to && j < 2; j++)
      if (changes[j] > step && changes[j] < h->next_input) h->next_input = changes[j];
  }
}

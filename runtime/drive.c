/* Drives before the run: values, weights, delays, given events, files; a drive's parts in the shards.
 *
 * A drive has its targets' weights and delays as numbers for all, or as arrays. What its kernel needs (numbers drawn
 * once, states of its noise, samples of its files) belongs to the part, so a shard's thread touches only its own.
 * The largest rate is looked for before the run: the units of accumulators depend on how many events may come in
 * one step. */
#include "runtime/drive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/lump.h"
#include "runtime/ranks.h"

enum { FIRST_PROCESS = 1024, LOOKS = 1 << 19 };

bool rt_drive_is_current(const struct rt_drive *d) { return d->def->kind == NSL_CURRENT; }

/* ---- weights and delays */

/* A synapse kernel of the drive for its elements [first, first + n), into `out` (room to a multiple of 64). */
static int drawn(struct rt_sim *s, const struct rt_drive *d, const struct nsl_code *code, uint32_t first, uint32_t n,
                 double *out) {
  void **slots = rt_alloc(&s->build_mem, code->n_bindings + 1, sizeof *slots);
  if (!slots) return NSL_EMEMORY;
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT) slots[i] = out;
  struct nsl_env env = {.slots = slots,
                        .u = s->G + d->def->block,
                        .key = d->key,
                        .first = first,
                        .count = n,
                        .dt = s->dt};
  rt_kernel(s, code)(&env);
  return 0;
}

static int weights_make(struct rt_sim *s, struct rt_drive *d) {
  const struct nsl_drive *def = d->def;
  d->weight = rt_value(s, def->weight, 1);
  if (def->n_weights && !(d->given = rt_alloc(&s->mem, def->n_weights, sizeof *d->given))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < def->n_weights; i++) {
    d->given[i] = s->G[def->weights[i]];
    d->weight = fmax(i ? d->weight : 0, fabs(d->given[i]));
  }
  for (uint32_t i = 0; i < def->n_weights; i++)
    if (!isfinite(d->given[i])) d->weight = d->given[i];
  if (def->weight_code.kernel != NSL_NONE) {
    d->weights = rt_alloc(&s->mem, d->tn + NSL_LANES, sizeof *d->weights);
    if (!d->weights || drawn(s, d, &def->weight_code, d->t0, d->tn, d->weights)) return NSL_EMEMORY;
    for (uint32_t i = 0; i < d->tn; i++) d->weight = fmax(i ? d->weight : 0, fabs(d->weights[i]));
    for (uint32_t i = 0; i < d->tn; i++)
      if (!isfinite(d->weights[i])) d->weight = d->weights[i];
  }
  if (isfinite(d->weight)) return 0;
  return rt_fail_at(NSL_EMODEL, def->place, "%s: the weight is %s", def->path, rt_not_finite(d->weight));
}

static int delays_make(struct rt_sim *s, struct rt_drive *d) {
  const struct nsl_drive *def = d->def;
  double most = rt_steps(rt_value(s, def->delay, 0), s->dt), least = most;
  bool missing = isnan(most);
  if (def->delay_code.kernel != NSL_NONE) {
    double *times = rt_alloc(&s->build_mem, d->tn + NSL_LANES, sizeof *times);
    d->delays = rt_alloc(&s->mem, d->tn, sizeof *d->delays);
    if (!times || !d->delays || drawn(s, d, &def->delay_code, d->t0, d->tn, times)) return NSL_EMEMORY;
    for (uint32_t i = 0; i < d->tn; i++) {
      double steps = rt_steps(times[i], s->dt);
      most = i ? fmax(most, steps) : steps;
      least = i ? fmin(least, steps) : steps;
      missing |= isnan(steps);
      if (steps >= 0 && steps < 1e6) d->delays[i] = (uint32_t)steps;
    }
  }
  if (missing) return rt_fail_at(NSL_EMODEL, def->place, "%s: the delay is %s", def->path, rt_not_finite(NAN));
  if (!(least >= 0 && most < (def->delay_code.kernel != NSL_NONE ? 1e6 : 1e9)))
    return rt_fail_at(NSL_EMODEL, def->place, "%s: the delay must be a time from 0", def->path);
  d->delay_steps = (uint32_t)least;
  d->most_delay = (uint32_t)most;
  return 0;
}

/* The last step that ends at or before t; times within a millionth of a step of a grid point are on it. */
static uint64_t step_before(double t, double dt) {
  double n = floor(t / dt + 1e-6);
  return n < 0 ? 0 : n < 0x1p63 ? (uint64_t)n : RT_NO_STEP - 1;
}

static int current_prepare(struct rt_sim *s, struct rt_drive *d) {
  double from = rt_value(s, d->def->from, 0), to = rt_value(s, d->def->to, INFINITY);
  if (isnan(from) || isnan(to))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: from and to must be times", d->def->path);
  d->from = step_before(from, s->dt);
  d->to = step_before(to, s->dt);
  if (d->kernel || isfinite(d->value)) return 0;
  return rt_fail_at(NSL_EMODEL, d->def->place, "%s: the value is not a finite number", d->def->path);
}

/* ---- given events */

static int event_order(const void *a, const void *b) {
  const struct rt_event_at *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  if (x->element != y->element) return x->element < y->element ? -1 : 1;
  return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/* Events of a phase's drive outside of the phase do not count. */
static bool in_phase(const struct rt_sim *s, const struct rt_drive *d, double step) {
  double from = rt_value(s, d->def->from, -INFINITY), to = rt_value(s, d->def->to, INFINITY);
  return step > from / s->dt + 1e-6 && step <= to / s->dt + 1e-6;
}

static int event_add(struct rt_sim *s, struct rt_drive *d, double t, uint32_t element, uint32_t nth) {
  double step = rt_steps(t, s->dt);
  if (!in_phase(s, d, step)) return 0;
  if (!(step + d->delay_steps >= 1))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: an event at %g ms would arrive before the first step ends",
                      d->def->path, t);
  d->events[d->n_events++] = (struct rt_event_at){step < 0x1p63 ? (uint64_t)step : RT_NO_STEP - 1, element, nth};
  return 0;
}

static int times_prepare(struct rt_sim *s, struct rt_drive *d) {
  int e = 0;
  d->events = rt_alloc(&s->mem, d->def->n_times, sizeof *d->events);
  if (!d->events) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < d->def->n_times; i++) e = event_add(s, d, s->G[d->def->times[i]], NSL_NONE, i);
  qsort(d->events, d->n_events, sizeof *d->events, event_order);
  return e;
}

static int spikes_prepare(struct rt_sim *s, struct rt_drive *d) {
  const struct nsl_data *data = &d->def->data[0];
  struct rt_given_spikes given;
  int e = rt_data_spikes(s, data, &given);
  if (e) return e;
  if (!(d->events = rt_alloc(&s->mem, given.n, sizeof *d->events))) return NSL_EMEMORY;
  uint64_t late = 0;
  for (uint64_t i = 0; !e && i < given.n; i++) {
    if (given.ids[i] < d->t0 || given.ids[i] >= (uint64_t)d->t0 + d->tn)
      return rt_fail_at(NSL_EINPUT, data->place, "%s: spike %llu is of element %llu, but %s[%u..%u] is driven", data->path,
                        (unsigned long long)i + 1, (unsigned long long)given.ids[i], d->target->def->path, d->t0,
                        d->t0 + d->tn - 1);
    late += rt_steps(given.times[i], s->dt) > (double)s->n_steps;
    e = event_add(s, d, given.times[i], (uint32_t)given.ids[i], 0);
  }
  if (late)
    rt_warn(s, "%s: %llu of %llu spikes come after the end of the run", data->path, (unsigned long long)late,
            (unsigned long long)given.n);
  qsort(d->events, d->n_events, sizeof *d->events, event_order);
  return e;
}

/* ---- parts */

uint32_t rt_part_first(const struct rt_drive_part *part) { return part->drive->def->each ? part->from / 64 * 64 : 0; }
uint32_t rt_part_last(const struct rt_drive_part *part) {
  return part->drive->def->each ? (part->to + 63) / 64 * 64 : 64;
}

/* An array for the part's blocks, by element: arrays of kernels begin at element 0. */
static double *array_make(struct rt_sim *s, const struct rt_drive_part *part) {
  uint32_t first = rt_part_first(part);
  double *own = rt_alloc(&s->mem, rt_part_last(part) - first, sizeof *own);
  return own ? (double *)((uintptr_t)own - (uintptr_t)first * sizeof *own) : NULL;
}

/* Which column of a file each element of the part has. */
static int columns_make(struct rt_sim *s, struct rt_drive_part *part, uint32_t file) {
  const struct rt_samples *d = &part->drive->samples[file];
  const struct nsl_data *data = &part->drive->def->data[file];
  if (!d->ids) return 0;
  uint32_t n = part->to - part->from, *columns = rt_alloc(&s->mem, n, sizeof *columns);
  if (!columns) return NSL_EMEMORY;
  memset(columns, 0xff, n * sizeof *columns);
  for (uint64_t c = 0; c < d->cols; c++)
    if (d->ids[c] >= part->from && d->ids[c] < part->to) columns[d->ids[c] - part->from] = (uint32_t)c;
  for (uint32_t i = 0; i < n; i++)
    if (columns[i] == NSL_NONE)
      return rt_fail_at(NSL_EINPUT, data->place, "%s has no column for element %u of %s", data->path, part->from + i,
                        part->slice->pop->def->path);
  part->columns[file] = columns;
  return 0;
}

static int arrays_make(struct rt_sim *s, struct rt_drive_part *part) {
  const struct nsl_drive *def = part->drive->def;
  uint32_t first = rt_part_first(part), n = rt_part_last(part) - first;
  part->inputs = rt_alloc(&s->mem, def->n_data, sizeof *part->inputs);
  part->states = rt_alloc(&s->mem, def->n_processes, sizeof *part->states);
  part->columns = rt_alloc(&s->mem, def->n_data, sizeof *part->columns);
  part->out = rt_alloc(&s->mem, n, sizeof *part->out);
  if (!part->inputs || !part->states || !part->columns || !part->out) return NSL_EMEMORY;
  for (uint32_t i = 0; i < def->n_data; i++) {
    int e = columns_make(s, part, i);
    if (e) return e;
    if (!(part->inputs[i] = array_make(s, part))) return NSL_EMEMORY;
  }
  for (uint32_t i = 0; i < def->n_processes; i++) {
    if (!(part->states[i] = array_make(s, part))) return NSL_EMEMORY;
    for (uint32_t k = first; k < first + n; k++)
      part->states[i][k] = nslm_draw_normal_f64(part->drive->key, k, 0, FIRST_PROCESS + i, 0, 1);
  }
  return 0;
}

static int kernel_make(struct rt_sim *s, struct rt_drive_part *part) {
  const struct nsl_drive *def = part->drive->def;
  int e = arrays_make(s, part);
  part->slots = rt_alloc(&s->mem, def->code.n_bindings + 1, sizeof *part->slots);
  if (e || !part->slots) return NSL_EMEMORY;
  for (uint32_t i = 0; i < def->code.n_bindings; i++) {
    uint32_t at = def->code.bindings[i].index, kind = def->code.bindings[i].kind;
    if (kind == NSL_SLOT_OUT) part->slots[i] = part->out;
    if (kind == NSL_SLOT_STATE) part->slots[i] = part->states[at];
    if (kind == NSL_SLOT_INPUT) part->slots[i] = part->inputs[at];
    if (kind != NSL_SLOT_PARAM) continue;
    double *own = array_make(s, part);
    if (!own) return NSL_EMEMORY;
    uint32_t first = rt_part_first(part);
    e = drawn(s, part->drive, &def->drawn[at], first, rt_part_last(part) - first, own + first);
    if (e) return e;
    part->slots[i] = own;
  }
  return 0;
}

static int part_make(struct rt_sim *s, struct rt_drive_part *part) {
  const struct rt_drive *d = part->drive;
  part->now = NAN;
  if (d->delays) {
    uint64_t length = 1;
    while (length < (uint64_t)d->most_delay + 1) length *= 2;
    part->ring_mask = (uint32_t)(length - 1);
    part->ring = rt_alloc(&s->mem, length * (part->to - part->from), sizeof *part->ring);
    if (!part->ring) return NSL_EMEMORY;
  }
  if (!d->kernel) return 0;
  return kernel_make(s, part);
}

/* The parts of one drive in a shard's slices go to the end of its list. */
static int parts_add(struct rt_sim *s, struct rt_shard *h, const struct rt_drive *d) {
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (c->pop != d->target) continue;
    uint32_t end = c->first + c->count, d_end = d->t0 + d->tn;
    struct rt_drive_part part = {
        .drive = d, .slice = c, .from = d->t0 > c->first ? d->t0 : c->first, .to = d_end < end ? d_end : end};
    if (part.from >= part.to) continue;
    h->drives[h->n_drives] = part;
    int e = part_make(s, &h->drives[h->n_drives++]);
    if (e) return e;
  }
  return 0;
}

static int parts_make(struct rt_sim *s, struct rt_shard *h) {
  int e = 0;
  h->drives = rt_alloc(&s->mem, s->n_drives, sizeof *h->drives); /* a population has one slice in a shard */
  if (!h->drives) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_drives; i++)
    if (!rt_drive_is_current(&s->drives[i])) e = parts_add(s, h, &s->drives[i]);
  h->n_events = h->n_drives;
  for (uint32_t i = 0; !e && i < s->n_drives; i++)
    if (rt_drive_is_current(&s->drives[i])) e = parts_add(s, h, &s->drives[i]);
  return e;
}

/* ---- rates */

static int rate_wrong(const struct rt_drive *d, double rate, double t) {
  return rt_fail_at(NSL_EMODEL, d->def->place, "%s: the rate is %g Hz at t = %.6g ms%s", d->def->path, rate * 1000, t,
                    rate < 0 ? "; max(0 Hz, …) keeps it from falling below 0" : "");
}

/* The largest mean count of a part's elements in one step, over all steps or as many as there is time for; over one,
 * if they are alike. */
static int rate_look(struct rt_sim *s, struct rt_drive *d, struct rt_drive_part *part) {
  uint32_t first = rt_part_first(part), blocks = (rt_part_last(part) - first) / 64;
  bool steady = d->def->steady;
  uint64_t stride = steady ? s->n_steps : s->n_steps * blocks / LOOKS + 1;
  d->all_looked &= steady || stride == 1;
  for (uint64_t step = 1; step <= s->n_steps; step += stride) {
    rt_part_values(s, part, step);
    uint32_t from = d->def->each ? part->from - first : 0, to = d->def->each ? part->to - first : 1;
    for (uint32_t i = from; i < to; i++) {
      double mean = part->out[i] * s->dt;
      if (!(mean >= 0) || !(mean < 1e9)) return rate_wrong(d, part->out[i], ((double)step - 0.5) * s->dt);
      if (mean > d->mean) d->mean = mean;
    }
  }
  return 0;
}

static int rates_look(struct rt_sim *s) {
  for (uint32_t h = s->own0; h < s->own1; h++)
    for (uint32_t i = 0; i < s->shards[h].n_events; i++) {
      struct rt_drive_part *part = &s->shards[h].drives[i];
      struct rt_drive *d = &s->drives[part->drive - s->drives];
      int e = d->kernel && d->def->kind == NSL_POISSON ? rate_look(s, d, part) : 0;
      if (e) return e;
    }
  return 0;
}

/* Of all ranks. */
static int rates_combine(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_drives; i++) {
    struct rt_drive *d = &s->drives[i];
    uint64_t all_looked = d->all_looked;
    e = rt_ranks_combine(s->ranks, &d->mean, 1, RT_MAX_F64);
    if (!e) e = rt_ranks_combine(s->ranks, &all_looked, 1, RT_MIN_U64);
    d->all_looked = all_looked;
  }
  return e;
}

static int poisson_prepare(struct rt_sim *s, struct rt_drive *d) {
  d->all_looked = true;
  if (d->kernel) return 0;
  double rate = d->value;
  d->mean = rate * s->dt;
  if (!(rate >= 0) || !(d->mean < 1e9))
    return rt_fail_at(NSL_EMODEL, d->def->place, "%s: a rate of %g Hz cannot be drawn", d->def->path,
                      rate * 1000);
  if (d->mean == 0) return 0;
  uint64_t *room = rt_alloc(&s->mem, nslm_poisson_room(d->mean), sizeof *room);
  if (!room) return NSL_EMEMORY;
  nslm_poisson_make(d->mean, room, &d->table);
  return 0;
}

/* Room for the tables of changing rates, once the largest is known. */
static int poisson_rooms(struct rt_sim *s) {
  for (uint32_t h = s->own0; h < s->own1; h++)
    for (uint32_t i = 0; i < s->shards[h].n_events; i++) {
      struct rt_drive_part *part = &s->shards[h].drives[i];
      const struct rt_drive *d = part->drive;
      if (!d->kernel || d->def->kind != NSL_POISSON || d->def->each || d->mean == 0) continue;
      part->room = rt_alloc(&s->mem, nslm_poisson_room(rt_drive_most(d)), sizeof *part->room);
      if (!part->room) return NSL_EMEMORY;
    }
  return 0;
}

/* ---- the whole */

double rt_drive_most(const struct rt_drive *d) { return d->all_looked ? d->mean * (1 + 1e-9) : 2 * d->mean; }

static double drive_bound(const struct rt_drive *d) {
  double mean = rt_drive_most(d);
  double events = d->def->kind == NSL_POISSON ? mean + 40 * sqrt(mean) + 100 : 0;
  uint32_t same = 0;
  for (uint64_t i = 0; i < d->n_events; i++) {
    bool again = i && d->events[i].step == d->events[i - 1].step && d->events[i].element == d->events[i - 1].element;
    same = again ? same + 1 : 1;
    if (same > events) events = same;
  }
  return events * fabs(d->weight);
}

/* Columns of elements that there are not, or that are not driven. */
static int columns_check(struct rt_sim *s, const struct rt_drive *d, uint32_t file) {
  const struct rt_samples *f = &d->samples[file];
  const struct nsl_data *data = &d->def->data[file];
  uint64_t idle = 0;
  for (uint64_t c = 0; f->ids && c < f->cols; c++) {
    if (f->ids[c] >= d->target->size)
      return rt_fail_at(NSL_EINPUT, data->place, "%s has a column for element %llu, but %s has the elements 0..%u",
                        data->path, (unsigned long long)f->ids[c], d->target->def->path, d->target->size - 1);
    idle += f->ids[c] < d->t0 || f->ids[c] >= (uint64_t)d->t0 + d->tn;
  }
  if (idle)
    rt_warn(s, "%s: %llu of %llu columns are of elements that are not driven (%s drives %s[%u..%u])", data->path,
            (unsigned long long)idle, (unsigned long long)f->cols, d->def->path, d->target->def->path, d->t0,
            d->t0 + d->tn - 1);
  return 0;
}

/* What units.c must know of a drive onto a port. */
static void port_bound(struct rt_port *port, const struct rt_drive *d) {
  double typical = d->given     ? rt_weights_typical(d->given, d->def->n_weights)
                   : d->weights ? rt_weights_typical(d->weights, d->tn)
                                : fabs(d->weight);
  port->drive_sum += drive_bound(d);
  if (typical == 0 || (port->drive_typical > 0 && port->drive_typical <= typical)) return;
  port->drive_typical = typical;
  port->drive_path = d->def->path;
  port->drive_place = d->def->place;
}

static int samples_read(struct rt_sim *s, struct rt_drive *d) {
  if (d->def->kind == NSL_SPIKES) return 0;
  d->samples = rt_alloc(&s->mem, d->def->n_data, sizeof *d->samples);
  if (!d->samples) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < d->def->n_data; i++) {
    e = rt_data_samples(s, &d->def->data[i], &d->samples[i]);
    if (!e) e = columns_check(s, d, i);
  }
  return e;
}

static int drive_prepare(struct rt_sim *s, struct rt_drive *d, const struct nsl_drive *def, uint32_t index) {
  *d = (struct rt_drive){.def = def, .index = index, .target = &s->pops[def->target.pop]};
  int e = rt_slice_range(s, &def->target, def->place, &d->t0, &d->tn);
  if (e) return e;
  d->key = nslm_key(s->seed, def->path_hash);
  d->value = rt_value(s, def->value, NAN);
  if (def->code.kernel != NSL_NONE) d->kernel = rt_kernel(s, &def->code);
  if (!e) e = weights_make(s, d);
  if (!e) e = delays_make(s, d);
  if (!e) e = samples_read(s, d);
  if (e) return e;
  d->each = !rt_drive_is_current(d) && rt_port_each(d->target, def->port);
  if (!rt_drive_is_current(d) && d->target->class->ports[def->port].straight)
    return rt_fail_at(NSL_EINPUT, def->place, "%s: the program has no accumulators for this port", def->path);
  switch ((enum nsl_drive_kind)def->kind) {
    case NSL_POISSON: return poisson_prepare(s, d);
    case NSL_TIMES: return times_prepare(s, d);
    case NSL_SPIKES: return spikes_prepare(s, d);
    case NSL_CURRENT: return current_prepare(s, d);
  }
  return 0;
}

int rt_drives_prepare(struct rt_sim *s) {
  s->drives = rt_alloc(&s->mem, s->x->n_drives, sizeof *s->drives);
  if (!s->drives) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->x->n_drives; i++) {
    const struct nsl_drive *def = &s->x->drives[i];
    if (def->cond != NSL_NONE && s->G[def->cond] == 0) continue;
    def = rt_lump_drive(s, def);
    e = def ? drive_prepare(s, &s->drives[s->n_drives++], def, i) : NSL_EMEMORY;
  }
  for (uint32_t i = s->own0; !e && i < s->own1; i++) e = parts_make(s, &s->shards[i]);
  if (!e) e = rates_look(s);
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rates_combine(s);
  if (!e) e = poisson_rooms(s);
  for (uint32_t i = 0; !e && i < s->n_drives; i++) {
    const struct rt_drive *d = &s->drives[i];
    if (!rt_drive_is_current(d) && !d->each) port_bound(&s->ports[d->target->port0 + d->def->port], d);
  }
  return e;
}

static int units_make(struct rt_sim *s, const double *weights, uint32_t n, double unit, int64_t **ret) {
  if (!weights) return 0;
  if (!(*ret = rt_alloc(&s->mem, n, sizeof **ret))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++) (*ret)[i] = llrint(weights[i] / unit);
  return 0;
}

int rt_drives_units(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_drives; i++) {
    struct rt_drive *d = &s->drives[i];
    if (rt_drive_is_current(d)) continue;
    double unit = s->ports[d->target->port0 + d->def->port].unit;
    d->weight_units = llrint(d->weight / unit);
    e = units_make(s, d->weights, d->tn, unit, &d->units);
    if (!e) e = units_make(s, d->given, d->def->n_weights, unit, &d->given_units);
  }
  if (e) return e;
  for (uint32_t i = s->own0; i < s->own1; i++) rt_inputs_step(&s->shards[i], 0);
  return 0;
}

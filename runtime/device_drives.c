/* Drives on a device. Poisson counts are drawn there; given events are a list by step of arrival. Of currents and rates that are one number
 * for all elements the host computes the numbers (tables) of a batch of steps before it begins: some hundred bytes a step. */
#include <stdlib.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"

static bool changes(const struct rt_drive *d) { return d->def->kind == NSL_POISSON && d->kernel && !d->def->each; }

static uint32_t ring_of(const struct rt_device *d, const struct rt_drive *drive) {
  const struct dev_place *at = &d->places[drive->target->index];
  if (drive->each) return DEV_LISTS;
  return at->long_at[drive->def->port] != NSL_NONE ? DEV_LONG_SUMS : DEV_SUMS;
}

static uint32_t sum_of(const struct rt_device *d, const struct rt_drive *drive) {
  const struct dev_place *at = &d->places[drive->target->index];
  if (drive->each) return at->list_at[drive->def->port];
  return ring_of(d, drive) == DEV_LONG_SUMS ? at->long_at[drive->def->port] : at->sum_at[drive->def->port];
}

/* ---- given events */

/* Behind all connections. */
static uint64_t rank_of(const struct rt_device *d, const struct rt_drive *drive) { return d->s->n_ranks + drive->index; }

static int event_add(struct rt_device *d, const struct rt_drive *drive, uint64_t nth, uint32_t target) {
  const struct rt_event_at *event = &drive->events[nth];
  int e = rt_grow(&d->given, &d->given_cap, d->n_given + 1, sizeof *d->given);
  if (e) return e;
  uint64_t delay = drive->delays ? drive->delays[target] : drive->delay_steps;
  struct dev_given *g = &d->given[d->n_given++];
  *g = (struct dev_given){.step = event->step + delay, .ring = ring_of(d, drive), .element = drive->t0 + target};
  g->at = sum_of(d, drive) + g->element;
  g->key = rank_of(d, drive) << 32 | (drive->delays ? 0 : nth & UINT32_MAX); /* those that wait come by element (drive_step.c) */
  g->weight = drive->given ? drive->given[event->nth] : drive->weights ? drive->weights[target] : drive->weight;
  if (!drive->each) g->units = drive->given ? drive->given_units[event->nth] : drive->units ? drive->units[target] : drive->weight_units;
  return 0;
}

static int events_list(struct rt_device *d, const struct rt_drive *drive) {
  int e = 0;
  for (uint64_t i = 0; !e && i < drive->n_events; i++) {
    const struct rt_event_at *event = &drive->events[i];
    uint32_t from = event->element == NSL_NONE ? 0 : event->element - drive->t0;
    uint32_t to = event->element == NSL_NONE ? drive->tn : from + 1;
    if (event->step > d->s->n_steps) continue;
    if (event->element != NSL_NONE && (event->element < drive->t0 || from >= drive->tn)) continue;
    for (uint32_t k = from; !e && k < to; k++) e = event_add(d, drive, i, k);
  }
  return e;
}

static int given_order(const void *a, const void *b) {
  const struct dev_given *x = a, *y = b;
  return x->step < y->step ? -1 : x->step > y->step;
}

/* ---- room */

static int column_add(struct rt_device *d, const struct rt_drive *drive) {
  struct dev_column *c = &d->columns[d->n_columns++];
  *c = (struct dev_column){.drive = drive};
  if (drive->kernel && drive->def->each && !rt_device_draws(drive)) c->each_at = rt_device_reserve(d, DEV_USE_DRIVES, drive->tn * sizeof(double));
  return 0;
}

static void table_add(struct rt_device *d, const struct rt_drive *drive) {
  struct dev_table *t = &d->tables[d->n_tables++];
  *t = (struct dev_table){.drive = drive, .room = drive->mean > 0 ? nslm_poisson_room(rt_drive_most(drive)) : 0};
}

static void table_reserve(struct rt_device *d, struct dev_table *t) {
  t->at = rt_device_reserve(d, DEV_USE_DRIVES, DEV_BATCH * sizeof(NslmPoisson));
  t->room_at = rt_device_reserve(d, DEV_USE_DRIVES, DEV_BATCH * t->room * sizeof(uint64_t));
}

int rt_device_drives_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = rt_device_draws_plan(d);
  d->columns = rt_alloc(&d->mem, s->n_drives + 1ull, sizeof *d->columns);
  d->tables = rt_alloc(&d->mem, s->n_drives + 1ull, sizeof *d->tables);
  if (!d->columns || !d->tables) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_drives; i++) {
    const struct rt_drive *drive = &s->drives[i];
    if (rt_drive_is_current(drive)) e = column_add(d, drive);
    else if (changes(drive)) table_add(d, drive);
    else if (drive->def->kind != NSL_POISSON) e = events_list(d, drive);
  }
  if (e) return e;
  if (d->n_given) qsort(d->given, d->n_given, sizeof *d->given, given_order);
  d->given_at = rt_device_reserve(d, DEV_USE_DRIVES, d->n_given * sizeof *d->given);
  d->say_at = rt_device_reserve(d, DEV_USE_DRIVES, 0);
  d->changed_at = rt_device_reserve(d, DEV_USE_DRIVES, DEV_BATCH * sizeof(uint32_t));
  d->values_at = rt_device_reserve(d, DEV_USE_DRIVES, DEV_BATCH * d->n_columns * sizeof(double));
  for (uint32_t i = 0; i < d->n_tables; i++) table_reserve(d, &d->tables[i]);
  rt_device_draws_reserve(d);
  d->say_bytes = d->bytes - d->say_at;
  return 0;
}

/* ---- parts of a drive: a shard has some of its elements, and computes their values */

typedef int part_fn(struct rt_device *d, struct rt_shard *h, struct rt_drive_part *part, void *context);

static int parts_each(struct rt_device *d, const struct rt_drive *drive, part_fn *fn, void *context) {
  struct rt_sim *s = d->s;
  int e = 0;
  for (uint32_t k = 0; k < s->n_shards; k++)
    for (uint32_t i = 0; !e && i < s->shards[k].n_drives; i++)
      if (s->shards[k].drives[i].drive == drive) e = fn(d, &s->shards[k], &s->shards[k].drives[i], context);
  return e;
}

/* Values of each element that never change: those of step 1. */
static int values_copy(struct rt_device *d, struct rt_shard *h, struct rt_drive_part *part, void *context) {
  double *to = context;
  rt_part_values(h->sim, part, 1);
  memcpy(to + (part->from - part->drive->t0), part->out + (part->from - rt_part_first(part)), (part->to - part->from) * sizeof *to);
  (void)d;
  return 0;
}

static double *values_each(struct rt_device *d, const struct rt_drive *drive) {
  double *values = rt_alloc(&d->mem, drive->tn + 1ull, sizeof *values);
  if (values) parts_each(d, drive, values_copy, values);
  return values;
}

int rt_device_drives_write(struct rt_device *d) {
  int e = rt_device_copy_to(d, d->given_at, d->given, d->n_given * sizeof *d->given, "given events");
  for (uint32_t i = 0; !e && i < d->n_columns; i++) {
    const struct dev_column *c = &d->columns[i];
    double *values = c->each_at ? values_each(d, c->drive) : NULL;
    if (c->each_at && !values) return NSL_EMEMORY;
    if (values) e = rt_device_copy_to(d, c->each_at, values, c->drive->tn * sizeof *values, "currents");
  }
  return e ? e : rt_device_wait(d, "copying drives");
}

/* ---- tables for the kernels */

static uint64_t put(struct rt_device *d, const void *data, uint64_t n, uint64_t size) {
  return rt_image_put(d, data, n * size);
}

static NslmPoisson table_put(struct rt_device *d, const NslmPoisson *t) {
  NslmPoisson to = *t;
  bool large = t->parts && t->cells != NSLM_POISSON_CELLS;
  to.large = large ? (uint64_t *)(uintptr_t)put(d, t->large, t->cells, sizeof *t->large) : NULL;
  to.rest = t->parts ? (uint64_t *)(uintptr_t)put(d, t->rest, t->rest_n, sizeof *t->rest) : NULL;
  return to;
}

/* The mean of each element, where the rates are known. */
static uint64_t means_put(struct rt_device *d, const struct rt_drive *drive) {
  double *means = values_each(d, drive);
  if (!means) {
    d->image.failed = true;
    return 0;
  }
  for (uint32_t i = 0; i < drive->tn; i++) means[i] *= d->s->dt;
  return put(d, means, drive->tn, sizeof *means);
}

static struct dev_poisson poisson_of(struct rt_device *d, const struct rt_drive *drive) {
  struct dev_poisson to = {.from = drive->t0, .to = drive->t0 + drive->tn, .ring = ring_of(d, drive), .at = sum_of(d, drive),
                           .key = drive->key, .delay = drive->delays ? 0 : drive->delay_steps, .units = drive->weight_units,
                           .waits_at = d->waits[drive->index], .weight = drive->weight, .rank = rank_of(d, drive)};
  if (drive->each && drive->weights) to.own_weights = (const double *)(uintptr_t)put(d, drive->weights, drive->tn, sizeof *drive->weights);
  if (drive->units) to.own_units = (const int64_t *)(uintptr_t)put(d, drive->units, drive->tn, sizeof *drive->units);
  if (drive->delays) to.delays = (const uint32_t *)(uintptr_t)put(d, drive->delays, drive->tn, sizeof *drive->delays);
  const struct dev_draw *draw = rt_device_draw_of(d, drive);
  if (draw) {
    to.rates = (const double *)(uintptr_t)(d->block + draw->out) + (drive->t0 - draw->first);
    to.dt = d->s->dt;
    to.most = rt_drive_most(drive);
    to.bad = (uint64_t *)(uintptr_t)(d->block + d->bad_at) + rt_device_rate_at(d, draw);
    return to;
  }
  if (drive->kernel && drive->def->each) {
    to.means = (const double *)(uintptr_t)means_put(d, drive);
    return to;
  }
  for (uint32_t i = 0; i < d->n_tables; i++)
    if (d->tables[i].drive == drive) {
      to.tables = (const NslmPoisson *)(uintptr_t)(d->block + d->tables[i].at);
      to.table_mask = DEV_BATCH - 1;
      return to;
    }
  NslmPoisson one = table_put(d, &drive->table);
  to.tables = (const NslmPoisson *)(uintptr_t)put(d, &one, 1, sizeof one);
  return to;
}

uint64_t rt_image_poisson(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n) {
  const struct rt_sim *s = d->s;
  struct dev_poisson *list = rt_alloc(&d->mem, s->n_drives + 1ull, sizeof *list);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < s->n_drives; i++)
    if (s->drives[i].target == p && s->drives[i].def->kind == NSL_POISSON && s->drives[i].mean > 0)
      list[(*ret_n)++] = poisson_of(d, &s->drives[i]);
  d->image.failed |= !list;
  return list ? put(d, list, *ret_n, sizeof *list) : 0;
}

uint64_t rt_image_terms(struct rt_device *d, const struct rt_pop *p, uint32_t *ret_n) {
  struct dev_term *list = rt_alloc(&d->mem, d->n_columns + 1ull, sizeof *list);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < d->n_columns; i++) {
    const struct dev_column *c = &d->columns[i];
    if (c->drive->target != p) continue;
    const struct dev_draw *draw = rt_device_draw_of(d, c->drive);
    uint64_t values = draw ? draw->out + (c->drive->t0 - draw->first) * sizeof(double) : c->each_at;
    list[(*ret_n)++] = (struct dev_term){.input = c->drive->def->input, .from = c->drive->t0, .to = c->drive->t0 + c->drive->tn, .column = i,
                                         .values = values ? (const double *)(uintptr_t)(d->block + values) : NULL};
  }
  d->image.failed |= !list;
  return list ? put(d, list, *ret_n, sizeof *list) : 0;
}

/* ---- a batch of steps */

struct moment {
  uint64_t step;
  double value;
  bool changed;
  const NslmPoisson *table;
  const uint64_t *room;
};

/* Every part has a state of its own to keep up; what they give is the same. */
static int current_look(struct rt_device *d, struct rt_shard *h, struct rt_drive_part *part, void *context) {
  struct moment *m = context;
  m->changed |= rt_current_changes(h, part, m->step);
  m->value = part->now;
  (void)d;
  return 0;
}

static int table_look(struct rt_device *d, struct rt_shard *h, struct rt_drive_part *part, void *context) {
  struct moment *m = context;
  m->table = rt_drive_table(h, part, m->step);
  m->room = part->room;
  (void)d;
  return 0;
}

/* Where the host keeps what goes to this place of the device before the batch. */
static void *kept(const struct rt_device *d, const struct dev_batch *b, uint64_t at) { return b->say + (at - d->say_at); }

static void currents_write(struct rt_device *d, const struct dev_batch *b) {
  uint32_t *changed = kept(d, b, d->changed_at);
  double *values = kept(d, b, d->values_at);
  for (uint32_t j = 0; j < b->n; j++) {
    uint64_t step = b->from + 1 + j, row = step & (DEV_BATCH - 1);
    changed[row] = step == d->began + 1;
    for (uint32_t i = 0; i < d->n_columns; i++) {
      struct moment m = {.step = step, .changed = rt_device_draws(d->columns[i].drive)};
      if (!m.changed) parts_each(d, d->columns[i].drive, current_look, &m);
      changed[row] |= m.changed;
      values[row * d->n_columns + i] = m.value;
    }
  }
}

/* Events of these steps were emitted `delay` before. */
static void tables_write(struct rt_device *d, const struct dev_table *t, const struct dev_batch *b) {
  uint64_t delay = t->drive->delays ? 0 : t->drive->delay_steps;
  for (uint32_t j = 0; j < b->n && t->drive->mean > 0; j++) {
    struct moment m = {.step = b->from + 1 + j - delay};
    if (b->from + 1 + j <= delay) continue;
    parts_each(d, t->drive, table_look, &m);
    uint64_t row = m.step & (DEV_BATCH - 1), room = t->room_at + row * t->room * sizeof(uint64_t);
    NslmPoisson to = m.table ? *m.table : (NslmPoisson){0};
    if (m.table) memcpy(kept(d, b, room), m.room, t->room * sizeof(uint64_t));
    to.large = to.large ? (uint64_t *)(uintptr_t)(d->block + room) + (to.large - m.room) : NULL;
    to.rest = to.rest ? (uint64_t *)(uintptr_t)(d->block + room) + (to.rest - m.room) : NULL;
    ((NslmPoisson *)kept(d, b, t->at))[row] = to;
  }
}

/* Of a short batch: its rows alone, by step & (DEV_BATCH - 1), of the steps so long ago. */
int rt_device_say_rows(struct rt_device *d, const struct dev_batch *b, uint64_t at, uint64_t row, uint64_t delay) {
  uint64_t first = b->from + 1 > delay ? b->from + 1 - delay : 1, end = b->from + 1 + b->n > delay ? b->from + 1 + b->n - delay : 1;
  int e = 0;
  for (uint64_t next; !e && first < end; first = next) {
    next = (first | (DEV_BATCH - 1)) + 1 < end ? (first | (DEV_BATCH - 1)) + 1 : end;
    uint64_t from = at + (first & (DEV_BATCH - 1)) * row;
    e = rt_device_copy_to(d, from, kept(d, b, from), (next - first) * row, "currents and rates");
  }
  return e;
}

int rt_device_drives_batch(struct rt_device *d, const struct dev_batch *b) {
  if (!d->n_columns && !d->n_tables && !d->n_samples) return 0;
  currents_write(d, b);
  rt_device_draws_batch(d, b);
  for (uint32_t i = 0; i < d->n_tables; i++) tables_write(d, &d->tables[i], b);
  if (b->n > DEV_BATCH / 4) return rt_device_copy_to(d, d->say_at, b->say, d->say_bytes, "currents and rates");
  int e = rt_device_say_rows(d, b, d->changed_at, sizeof(uint32_t), 0);
  if (!e) e = rt_device_say_rows(d, b, d->values_at, d->n_columns * sizeof(double), 0);
  for (uint32_t i = 0; !e && i < d->n_tables; i++) {
    const struct dev_table *t = &d->tables[i];
    uint64_t delay = t->drive->delays ? 0 : t->drive->delay_steps;
    e = rt_device_say_rows(d, b, t->at, sizeof(NslmPoisson), delay);
    if (!e) e = rt_device_say_rows(d, b, t->room_at, t->room * sizeof(uint64_t), delay);
  }
  return e ? e : rt_device_draws_say(d, b);
}

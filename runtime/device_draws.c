/* Drives whose kernels run on the device: a value for each element that changes from step to step (noise, rates). The parts of a drive in
 * the shards become one piece over its elements. A rate with a delay is that of so many steps ago: its kernel has a clock of its own, and
 * no elements before that has begun. */
#include <stddef.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/drive.h"
#include "runtime/error.h"

bool rt_device_draws(const struct rt_drive *drive) { return drive->kernel && drive->def->each && !drive->def->steady; }

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

static const struct nsl_code *code_of(const struct dev_draw *w) { return &w->drive->def->code; }

int rt_device_draws_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  if (!(d->draws = rt_alloc(&d->mem, s->n_drives + 1ull, sizeof *d->draws))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_drives; i++) {
    const struct rt_drive *drive = &s->drives[i];
    if (!rt_device_draws(drive)) continue;
    struct dev_draw *w = &d->draws[d->n_draws++];
    *w = (struct dev_draw){.drive = drive, .first = drive->t0 / 64 * 64, .delay = drive->delays || drive->def->kind != NSL_POISSON ? 0 : drive->delay_steps};
    w->n = (drive->t0 + drive->tn + 63) / 64 * 64 - w->first;
    w->stride = (w->n * sizeof(double) + 127) / 128 * 128;
    w->arrays = rt_device_reserve(d, DEV_USE_DRIVES, code_of(w)->n_bindings * w->stride);
    w->out = rt_device_reserve(d, DEV_USE_DRIVES, w->stride);
    w->clock = rt_device_reserve(d, DEV_USE_TABLES, sizeof(struct dev_clock));
    d->n_samples += drive->def->n_data;
  }
  return 0;
}

static void part_samples(const struct dev_draw *w, const struct rt_drive_part *part, uint64_t step, double *rows) {
  for (uint32_t k = 0; k < w->drive->def->n_data; k++) {
    double *row = rows + (k * (uint64_t)DEV_BATCH + (step & (DEV_BATCH - 1))) * w->n;
    memcpy(row + (part->from - w->first), part->inputs[k] + part->from, (part->to - part->from) * sizeof *row);
  }
}

static void samples_write(struct rt_device *d, const struct dev_draw *w, uint64_t step, double *rows) {
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < d->s->shards[k].n_drives; i++) {
      const struct rt_drive_part *part = &d->s->shards[k].drives[i];
      if (part->drive != w->drive) continue;
      rt_part_samples(d->s, part, step);
      part_samples(w, part, step, rows);
    }
}

/* With what the host says before each batch. */
void rt_device_draws_reserve(struct rt_device *d) {
  for (uint32_t i = 0; i < d->n_draws; i++)
    d->draws[i].samples = rt_device_reserve(d, DEV_USE_DRIVES, d->draws[i].drive->def->n_data * (uint64_t)DEV_BATCH * d->draws[i].n * sizeof(double));
}

/* Samples of the steps that these kernels see in a batch. */
void rt_device_draws_batch(struct rt_device *d, const struct dev_batch *b) {
  for (uint32_t i = 0; i < d->n_draws; i++) {
    const struct dev_draw *w = &d->draws[i];
    double *rows = (double *)(void *)(b->say + (w->samples - d->say_at));
    for (uint64_t at = b->from + 1; w->drive->def->n_data && at <= b->from + b->n; at++)
      if (at > w->delay) samples_write(d, w, at - w->delay, rows);
  }
}

int rt_device_draws_say(struct rt_device *d, const struct dev_batch *b) {
  int e = 0;
  for (uint32_t i = 0; i < d->n_draws; i++) {
    const struct dev_draw *w = &d->draws[i];
    uint64_t row = w->n * sizeof(double);
    for (uint32_t k = 0; !e && k < w->drive->def->n_data; k++) e = rt_device_say_rows(d, b, w->samples + k * (uint64_t)DEV_BATCH * row, row, w->delay);
  }
  return e;
}

const struct dev_draw *rt_device_draw_of(const struct rt_device *d, const struct rt_drive *drive) {
  for (uint32_t i = 0; i < d->n_draws; i++)
    if (d->draws[i].drive == drive) return &d->draws[i];
  return NULL;
}

int rt_device_draws_launches(struct rt_device *d, dev_late_fn *add) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_draws; i++) e = add(d, code_of(&d->draws[i]), i, d->draws[i].out);
  return e;
}

/* The launch's only env; arrays begin at element 0. */
struct nsl_env rt_device_draw_env(struct rt_device *d, uint32_t i) {
  const struct dev_draw *w = &d->draws[i];
  const struct nsl_code *code = code_of(w);
  void **slots = rt_alloc(&d->mem, code->n_bindings + 1ull, sizeof *slots);
  if (!slots) {
    d->image.failed = true;
    return (struct nsl_env){0};
  }
  for (uint32_t k = 0; k < code->n_bindings; k++) {
    uint32_t kind = code->bindings[k].kind;
    if (kind == NSL_SLOT_OUT) slots[k] = address(d, w->out);
    if (kind == NSL_SLOT_STATE || kind == NSL_SLOT_PARAM || kind == NSL_SLOT_INPUT) slots[k] = address(d, w->arrays + k * w->stride - w->first * sizeof(double));
  }
  return (struct nsl_env){.slots = (void *const *)(uintptr_t)rt_image_put(d, slots, (code->n_bindings + 1ull) * sizeof *slots),
                          .u = address(d, d->globals_at + w->drive->def->block * sizeof(double)), .key = w->drive->key, .first = w->first,
                          .count = w->n, .dt = d->s->dt};
}

/* Where those that are wrong are told, and kept. */
uint64_t rt_image_bad_rates(struct rt_device *d, uint64_t *ret_n) {
  struct dev_bad_rate *list = rt_alloc(&d->mem, d->n_draws + 1ull, sizeof *list);
  const uint64_t *bad = address(d, d->bad_at);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < d->n_draws; i++) {
    const struct dev_draw *w = &d->draws[i];
    uint64_t at = rt_device_rate_at(d, w);
    if (w->drive->def->kind == NSL_POISSON)
      list[(*ret_n)++] = (struct dev_bad_rate){.bad = bad + at, .rates = address(d, w->out), .value = (double *)address(d, d->bad_at) + at + 1, .from = w->first};
  }
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, *ret_n * sizeof *list) : 0;
}

uint64_t rt_image_samples(struct rt_device *d, uint32_t *ret_n) {
  struct dev_samples *list = rt_alloc(&d->mem, d->n_samples + 1ull, sizeof *list);
  *ret_n = 0;
  for (uint32_t i = 0; list && i < d->n_draws; i++) {
    const struct dev_draw *w = &d->draws[i];
    const struct nsl_code *code = code_of(w);
    for (uint32_t k = 0; k < code->n_bindings; k++) {
      if (code->bindings[k].kind != NSL_SLOT_INPUT) continue;
      uint64_t rows = w->samples + code->bindings[k].index * (uint64_t)DEV_BATCH * w->n * sizeof(double);
      list[(*ret_n)++] = (struct dev_samples){address(d, rows), address(d, w->arrays + k * w->stride), address(d, w->delay ? w->clock : d->clock_at),
                                              DEV_BATCH - 1, w->n, 0};
    }
  }
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, *ret_n * sizeof *list) : 0;
}

/* Clocks that are late, for the kernel that lets all go on. */
uint64_t rt_image_late_clocks(struct rt_device *d, uint32_t *ret_n) {
  struct dev_late_clock *list = rt_alloc(&d->mem, d->n_draws + rt_device_pace_clocks(d) + 1ull, sizeof *list);
  *ret_n = list ? rt_image_pace_clocks(d, list) : 0;
  for (uint32_t i = 0; list && i < d->n_draws; i++)
    if (d->draws[i].delay)
      list[(*ret_n)++] = (struct dev_late_clock){.clock = address(d, d->draws[i].clock), .count = (int64_t *)(uintptr_t)d->draws[i].count, .delay = d->draws[i].delay, .n = d->draws[i].n};
  d->image.failed |= !list;
  return list ? rt_image_put(d, list, *ret_n * sizeof *list) : 0;
}

/* ---- arrays, up and back */

static void part_copy(const struct dev_draw *w, struct rt_drive_part *part, uint32_t binding, double *whole, bool up) {
  double *own = (double *)part->slots[binding] + part->from, *at = whole + (part->from - w->first);
  memcpy(up ? at : own, up ? own : at, (part->to - part->from) * sizeof *own);
}

static void array_copy(struct rt_device *d, const struct dev_draw *w, uint32_t binding, double *whole, bool up) {
  for (uint32_t k = 0; k < d->s->n_shards; k++)
    for (uint32_t i = 0; i < d->s->shards[k].n_drives; i++)
      if (d->s->shards[k].drives[i].drive == w->drive) part_copy(w, &d->s->shards[k].drives[i], binding, whole, up);
}

/* What the kernel keeps; params too, up. */
static int arrays_copy(struct rt_device *d, const struct dev_draw *w, bool up) {
  const struct nsl_code *code = code_of(w);
  int e = 0;
  for (uint32_t k = 0; !e && k < code->n_bindings; k++) {
    uint32_t kind = code->bindings[k].kind;
    if (kind != NSL_SLOT_STATE && (kind != NSL_SLOT_PARAM || !up)) continue;
    double *whole = rt_alloc(&d->pass, w->n, sizeof *whole);
    if (!whole) return NSL_EMEMORY;
    if (up) array_copy(d, w, k, whole, true);
    e = up ? rt_device_copy_to(d, w->arrays + k * w->stride, whole, w->n * sizeof *whole, "noise")
           : rt_device_copy_from(d, whole, w->arrays + k * w->stride, w->n * sizeof *whole, "noise");
    if (!e && !up && !(e = rt_device_wait(d, "copying noise"))) array_copy(d, w, k, whole, false);
  }
  return e;
}

int rt_device_draws_up(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_draws; i++) {
    const struct dev_draw *w = &d->draws[i];
    uint64_t step = d->s->step + 1;
    struct dev_clock *clock = rt_alloc(&d->pass, 1, sizeof *clock);
    int64_t *count = rt_alloc(&d->pass, 1, sizeof *count);
    if (!clock || !count) return NSL_EMEMORY;
    clock->step = step > w->delay ? step - w->delay : 0;
    *count = step > w->delay ? w->n : 0;
    e = arrays_copy(d, w, true);
    if (!e) e = rt_device_copy_to(d, w->clock, clock, sizeof *clock, "a clock");
    if (!e) e = rt_device_copy_to(d, w->count - d->block, count, sizeof *count, "a clock");
  }
  return e;
}

int rt_device_draws_back(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_draws; i++) e = arrays_copy(d, &d->draws[i], false);
  return e;
}

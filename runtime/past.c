/* Delayed values, `delayed(x, d)`: a ring of past values for each element, and what a step sees of it. Steps are the population's own.
 *
 * Row r of a ring holds x at the grid times r, r + rows, …; it has one row more than the longest delay needs, and all rows
 * begin as the value at the start, which is what x was before 0. Before a step to T, `begin` becomes what `end` was, and
 * `end` becomes x(T - d), on the line between the two grid points around T - d; after the step x(T) enters the ring.
 * Everything is done slice by slice, so threads share nothing. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"

static double real_at(const struct rt_sim *s, const void *array, uint64_t i) {
  return s->program->f32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void kernel_run(const struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void **slots,
                       char *out, uint32_t first, uint32_t count, uint64_t step) {
  struct nsl_env env = {.slots = slots,
                        .u = p->u,
                        .key = p->key,
                        .step = step,
                        .first = first,
                        .count = count,
                        .t = (double)step * p->dt,
                        .dt = p->dt};
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT) slots[i] = out;
  rt_kernel(s, code)(&env);
}

/* The same for the elements that this process owns, of all shards. */
static void kernel_run_own(const struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void **slots,
                           char *array) {
  for (uint32_t i = 0; i < p->n_parts; i++) {
    const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    if (rt_is_own(s, p->parts[i].shard))
      kernel_run(s, p, code, slots, array + (size_t)c->first * s->real_size, c->first, c->count, 0);
  }
}

/* Whole steps and the rest; what is a whole number but for rounding is one. */
static int lag_set(const struct rt_sim *s, struct rt_pop *p, struct rt_past *past, const struct nsl_past *def, uint32_t e,
                   double d) {
  double steps = d / p->dt, whole = nearbyint(steps);
  if (!(steps >= 1 - 1e-6) || steps > 1e9)
    return rt_fail_at(NSL_EINPUT, def->place, "%s of %s[%u]: a delay of %.12g ms is %s", def->name, p->def->path, e, d,
                      steps > 1e9 ? "too long" : "less than one step");
  if (fabs(steps - whole) > 1e-6 * whole) whole = floor(steps);
  else steps = whole;
  past->lag[e] = (uint32_t)whole;
  past->part[e] = steps - whole;
  if (past->lag[e] > past->longest) past->longest = past->lag[e];
  return 0;
}

static int slice_lags(struct rt_sim *s, struct rt_past *past, const struct nsl_past *def, const struct rt_slice *c) {
  uint32_t end = c->first + c->count;
  int e = 0;
  for (uint32_t i = c->first; !e && i < end && i < c->pop->size; i++)
    e = lag_set(s, c->pop, past, def, i, real_at(s, past->end, i));
  for (uint32_t i = c->pop->size; i < end; i++) { /* padding */
    past->lag[i] = past->lag[c->first];
    past->part[i] = past->part[c->first];
  }
  for (uint32_t i = c->first; !e && i < end; i++)
    past->uniform &= past->lag[i] == past->lag[c->first] && past->part[i] == past->part[c->first];
  return e;
}

static int lags_make(struct rt_sim *s, struct rt_pop *p, struct rt_past *past, const struct nsl_past *def) {
  void **slots;
  int e = rt_slots(s, p, &def->delay, &slots);
  if (e) return e;
  past->lag = rt_alloc(&s->mem, p->padded, sizeof *past->lag);
  past->part = rt_alloc(&s->mem, p->padded, sizeof *past->part);
  if (!past->lag || !past->part) return NSL_EMEMORY;
  kernel_run_own(s, p, &def->delay, slots, past->end);
  past->uniform = true;
  for (uint32_t i = 0; !e && i < p->n_parts; i++)
    if (rt_is_own(s, p->parts[i].shard))
      e = slice_lags(s, past, def, &s->shards[p->parts[i].shard].slices[p->parts[i].slice]);
  e = rt_ranks_agree(s->ranks, e);
  uint64_t longest = past->longest;
  if (!e) e = rt_ranks_combine(s->ranks, &longest, 1, RT_MAX_U64);
  past->longest = (uint32_t)longest;
  return e;
}

static int ring_make(struct rt_sim *s, struct rt_pop *p, struct rt_past *past, const struct nsl_past *def) {
  uint64_t row = (uint64_t)p->padded * s->real_size;
  past->rows = past->longest + 2;
  if ((double)past->rows * (double)row > 0.5 * (double)rt_memory_left())
    return rt_fail_at(NSL_EMEMORY, def->place, "population %s: %u steps of %s do not fit in memory", p->def->path,
                      past->longest, def->name);
  past->ring = rt_alloc(&s->mem, past->rows, row);
  if (!past->ring) return NSL_EMEMORY;
  void **slots;
  int e = rt_slots(s, p, &def->value, &slots);
  if (e) return e;
  kernel_run_own(s, p, &def->value, slots, past->ring);
  for (uint32_t r = 1; r < past->rows; r++) memcpy(past->ring + r * row, past->ring, row);
  memcpy(past->begin, past->ring, row);
  memcpy(past->end, past->ring, row);
  return 0;
}

int rt_pasts_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c) {
  const struct rt_pop *p = c->pop;
  int e = 0;
  h->has_pasts = true;
  c->past_slots = rt_alloc(&s->mem, p->class->n_pasts, sizeof *c->past_slots);
  if (!c->past_slots) return NSL_EMEMORY;
  for (uint32_t k = 0; !e && k < p->class->n_pasts; k++)
    e = rt_slots(s, p, &p->class->pasts[k].value, &c->past_slots[k]);
  return e;
}

int rt_pasts_make(struct rt_sim *s, struct rt_pop *p) {
  uint32_t n = p->class->n_pasts;
  p->pasts = rt_alloc(&s->mem, n, sizeof *p->pasts);
  if (!p->pasts) return NSL_EMEMORY;
  for (uint32_t k = 0; k < n; k++) {
    p->pasts[k].begin = rt_alloc(&s->mem, p->padded, s->real_size);
    p->pasts[k].end = rt_alloc(&s->mem, p->padded, s->real_size);
    if (!p->pasts[k].begin || !p->pasts[k].end) return NSL_EMEMORY;
  }
  int e = 0;
  for (uint32_t k = 0; !e && k < n; k++) {
    e = lags_make(s, p, &p->pasts[k], &p->class->pasts[k]);
    if (!e) e = ring_make(s, p, &p->pasts[k], &p->class->pasts[k]);
  }
  return e;
}

/* ---- in the loop */

/* The row of the grid time `back` steps before `step`; before the start every row still holds the first value. */
static uint64_t row_of(const struct rt_past *past, uint64_t step, uint64_t back) {
  return (step + past->rows - back % past->rows) % past->rows;
}

#define AT_DELAY(T)                                                                                             \
  static void at_delay_##T(const struct rt_past *past, uint64_t padded, uint64_t step, uint32_t from, uint32_t to) { \
    const T *ring = (const T *)(const void *)past->ring;                                                        \
    T *end = (T *)(void *)past->end;                                                                            \
    for (uint32_t e = from; e < to; e++) {                                                                      \
      T x = ring[row_of(past, step, past->lag[e]) * padded + e], part = (T)past->part[e];                        \
      if (part != 0) x += part * (ring[row_of(past, step, past->lag[e] + 1) * padded + e] - x);                  \
      end[e] = x;                                                                                               \
    }                                                                                                           \
  }                                                                                                             \
  static void at_delay_of_all_##T(const struct rt_past *past, uint64_t padded, uint64_t step, uint32_t from,    \
                                  uint32_t to) {                                                                \
    const T *ring = (const T *)(const void *)past->ring, *x = ring + row_of(past, step, past->lag[from]) * padded, \
            *y = ring + row_of(past, step, past->lag[from] + 1) * padded;                                          \
    T *end = (T *)(void *)past->end, part = (T)past->part[from];                                                   \
    for (uint32_t e = from; e < to; e++) end[e] = part != 0 ? x[e] + part * (y[e] - x[e]) : x[e];               \
  }
AT_DELAY(double)
AT_DELAY(float)

void rt_pasts_begin(const struct rt_sim *s, const struct rt_slice *c, uint64_t step) {
  const struct rt_pop *p = c->pop;
  size_t from = (size_t)c->first * s->real_size, bytes = (size_t)c->count * s->real_size;
  for (uint32_t k = 0; k < p->class->n_pasts; k++) {
    const struct rt_past *past = &p->pasts[k];
    memcpy(past->begin + from, past->end + from, bytes);
    if (s->program->f32)
      (past->uniform ? at_delay_of_all_float : at_delay_float)(past, p->padded, step, c->first, c->first + c->count);
    else
      (past->uniform ? at_delay_of_all_double : at_delay_double)(past, p->padded, step, c->first, c->first + c->count);
  }
}

void rt_pasts_end(const struct rt_sim *s, const struct rt_slice *c, uint64_t step) {
  const struct rt_pop *p = c->pop;
  if (!c->past_slots) return;
  for (uint32_t k = 0; k < p->class->n_pasts; k++) {
    const struct rt_past *past = &p->pasts[k];
    uint64_t row = row_of(past, step, 0) * p->padded + c->first;
    const struct nsl_code *code = &p->class->pasts[k].value;
    kernel_run(s, p, code, c->past_slots[k], past->ring + row * s->real_size, c->first, c->count, step);
  }
}

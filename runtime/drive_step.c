/* Drives in the run: what each adds to the accumulators and inputs of a shard in one step.
 *
 * Poisson events are counted in (T-dt, T] and handled at T + delay: in step n the draw of step n - delay is used, so
 * nothing is stored. Only where the delays of one drive differ, weights wait in a ring. A current of a step is one
 * number for each element; inputs are rewritten only where one of their values has changed. */
#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/drive.h"

/* ---- values of kernels */

static void samples_take(const struct rt_sim *s, const struct rt_drive_part *part, uint32_t file, uint64_t step) {
  const struct rt_samples *d = &part->drive->samples[file];
  double from = (double)(step - 1) * s->dt, to = (double)step * s->dt, *at = part->inputs[file];
  if (!part->columns[file]) {
    double value = rt_samples_mean(d, 0, from, to);
    for (uint32_t i = rt_part_first(part); i < rt_part_last(part); i++) at[i] = value;
    return;
  }
  for (uint32_t i = part->from; i < part->to; i++)
    at[i] = rt_samples_mean(d, part->columns[file][i - part->from], from, to);
}

void rt_part_samples(const struct rt_sim *s, const struct rt_drive_part *part, uint64_t step) {
  for (uint32_t i = 0; i < part->drive->def->n_data; i++) samples_take(s, part, i, step);
}

void rt_part_values(const struct rt_sim *s, struct rt_drive_part *part, uint64_t step) {
  const struct rt_drive *d = part->drive;
  if (part->known) return;
  part->known = d->def->steady;
  rt_part_samples(s, part, step);
  uint32_t first = rt_part_first(part);
  struct nsl_env env = {.slots = part->slots,
                        .u = s->G + d->def->block,
                        .key = d->key,
                        .step = step,
                        .first = first,
                        .count = rt_part_last(part) - first,
                        .t = ((double)step - 0.5) * s->dt,
                        .dt = s->dt};
  d->kernel(&env);
}

/* In the step in which it would act: steps before have been, or are yet to come elsewhere. */
static void wrong_at(struct rt_shard *h, const struct rt_drive *d, uint32_t element, double value, uint64_t step) {
  step += rt_drive_late(d);
  if (h->bad.step <= step) return;
  h->bad.drive = d;
  h->bad.element = element;
  h->bad.value = value;
  h->bad.step = step;
}

/* ---- events */

static struct rt_acc accumulators(const struct rt_shard *h, const struct rt_drive_part *part) {
  return rt_acc(h, part->slice, part->drive->def->port);
}

struct giving {
  struct rt_shard *h;
  struct rt_drive_part *part;
  const struct rt_taker *taker; /* NULL: the accumulators */
};

static inline void add(struct rt_acc acc, uint32_t i, int64_t sum) {
  if (acc.narrow) acc.narrow[i] += (int32_t)sum;
  else acc.wide[i] += sum;
}

/* `count` events for an element, emitted at `step`. */
static inline void deliver(const struct giving *g, uint32_t element, int64_t count, uint64_t step) {
  struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  uint32_t target = element - d->t0;
  int64_t sum = g->taker ? count : count * (d->units ? d->units[target] : d->weight_units);
  if (part->ring) {
    uint64_t at = (step + d->delays[target]) & part->ring_mask;
    part->ring[at * (part->to - part->from) + element - part->from] += sum;
  } else if (g->taker) {
    g->taker->take(g->taker->context, element, count, d->weights ? d->weights[target] : d->weight);
  } else {
    add(accumulators(g->h, part), element - part->slice->first, sum);
  }
}

/* What waits for this step is handled. */
static void ring_take(const struct giving *g, uint64_t step) {
  const struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  struct rt_acc acc = accumulators(g->h, part);
  uint32_t n = part->to - part->from;
  int64_t *row = part->ring + (step & part->ring_mask) * n;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t target = part->from + i - d->t0;
    if (!row[i]) continue;
    if (g->taker) g->taker->take(g->taker->context, part->from + i, row[i], d->weights ? d->weights[target] : d->weight);
    else add(acc, part->from - part->slice->first + i, row[i]);
    row[i] = 0;
  }
}

/* Whole blocks go straight to the accumulators; of a block that is only partly driven, and where targets have
 * weights or delays of their own, the counts are taken one by one. */
static void poisson_add(const struct giving *g, uint64_t step, const NslmPoisson *table, uint32_t from, uint32_t to) {
  const struct rt_drive_part *part = g->part;
  const struct rt_slice *c = part->slice;
  const struct rt_drive *d = part->drive;
  bool own = d->units || part->ring || g->taker;
  struct rt_acc acc = accumulators(g->h, part);
  if (to == c->pop->size && !own) to = c->first + c->count; /* padding lanes are inert */
  uint32_t first = from / 64 * 64, last = (to + 63) / 64 * 64;
  while (first < last) {
    bool partly = own || first < from || first + 64 > to;
    uint32_t n = partly ? 64 : (to / 64 * 64) - first;
    int64_t block[64] = {0};
    if (!partly && acc.narrow)
      g->h->sim->hot.poisson_i32((void *)((uintptr_t)acc.narrow - c->first * sizeof *acc.narrow), first, n,
                                 d->weight_units, d->key, step, table);
    else
      g->h->sim->hot.poisson_i64((void *)(partly ? (uintptr_t)block - first * sizeof *block
                                                 : (uintptr_t)acc.wide - c->first * sizeof *acc.wide),
                                 first, n, partly ? 1 : d->weight_units, d->key, step, table);
    for (uint32_t i = first; partly && i < first + 64; i++)
      if (i >= from && i < to && block[i - first]) deliver(g, i, block[i - first], step);
    first += n;
  }
}

/* Is this a rate that the units allow for? */
static bool rate_good(struct rt_shard *h, const struct rt_drive *d, uint32_t element, double rate, uint64_t step) {
  double mean = rate * h->sim->dt;
  if (mean >= 0 && mean <= rt_drive_most(d)) return true;
  wrong_at(h, d, element, rate, step);
  return false;
}

/* Each element has its own rate. */
static void poisson_each(const struct giving *g, const double *rates, uint64_t step) {
  const struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  for (uint32_t first = part->from / 64 * 64; first < part->to; first += 64) {
    double means[64] = {0};
    int64_t counts[64];
    uint32_t from = part->from > first ? part->from : first, to = part->to < first + 64 ? part->to : first + 64;
    for (uint32_t i = from; i < to; i++) {
      if (!rate_good(g->h, d, i, rates[i], step)) return;
      means[i - first] = rates[i] * g->h->sim->dt;
    }
    g->h->sim->hot.poisson_each(counts, first, 64, d->key, step, means);
    for (uint32_t i = from; i < to; i++)
      if (counts[i - first]) deliver(g, i, counts[i - first], step);
  }
}

/* The table of this step for a rate that changes but is the same for all; NULL: no events. */
static const NslmPoisson *table_changing(const struct giving *g, uint64_t step) {
  struct rt_drive_part *part = g->part;
  rt_part_values(g->h->sim, part, step);
  double rate = part->out[0];
  if (!rate_good(g->h, part->drive, part->drive->t0, rate, step)) return NULL;
  if (rate != part->now) nslm_poisson_make(rate * g->h->sim->dt, part->room, &part->table);
  part->now = rate;
  return part->table.parts ? &part->table : NULL;
}

const NslmPoisson *rt_drive_table(struct rt_shard *h, struct rt_drive_part *part, uint64_t step) {
  const struct giving g = {h, part, NULL};
  return table_changing(&g, step);
}

/* The events that are emitted in `step`. */
static void poisson_give(const struct giving *g, uint64_t step) {
  struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  if (d->kernel && d->def->each) {
    rt_part_values(g->h->sim, part, step);
    poisson_each(g, part->out - rt_part_first(part), step);
    return;
  }
  part->drawn = d->kernel ? table_changing(g, step) : &d->table;
  if (part->drawn && !part->in_blocks) poisson_add(g, step, part->drawn, part->from, part->to);
}

void rt_drive_draw(struct rt_shard *h, struct rt_drive_part *part, uint64_t step, uint32_t first, uint32_t n) {
  const struct giving g = {h, part, NULL};
  uint32_t from = part->from > first ? part->from : first, to = part->to < first + n ? part->to : first + n;
  if (part->drawn && from < to) poisson_add(&g, step - part->drive->delay_steps, part->drawn, from, to);
}

/* A given event with a weight of its own; such have one delay. */
static void deliver_given(const struct giving *g, uint32_t element, uint32_t nth) {
  const struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  if (g->taker) g->taker->take(g->taker->context, element, 1, d->given[nth]);
  else add(accumulators(g->h, part), element - part->slice->first, d->given_units[nth]);
}

static void given_add(const struct giving *g, uint64_t step) {
  struct rt_drive_part *part = g->part;
  const struct rt_drive *d = part->drive;
  for (; part->at < d->n_events && d->events[part->at].step <= step; part->at++) {
    struct rt_event_at event = d->events[part->at];
    uint32_t from = event.element == NSL_NONE ? part->from : event.element;
    uint32_t to = event.element == NSL_NONE ? part->to : event.element + 1;
    if (from < part->from || to > part->to) continue;
    for (uint32_t i = from; i < to; i++)
      if (d->given) deliver_given(g, i, event.nth);
      else deliver(g, i, 1, event.step);
  }
}

void rt_drive_give(struct rt_shard *h, struct rt_drive_part *part, uint64_t step, const struct rt_taker *taker) {
  const struct giving g = {h, part, taker};
  const struct rt_drive *d = part->drive;
  uint64_t delay = part->ring ? 0 : d->delay_steps;
  if (d->def->kind != NSL_POISSON) {
    if (step >= delay) given_add(&g, step - delay);
  } else if (d->mean > 0 && step > delay) {
    poisson_give(&g, step - delay);
  }
  if (part->ring) ring_take(&g, step);
}

void rt_drives_step(struct rt_shard *h, uint64_t step) {
  for (uint32_t i = 0; i < h->n_events; i++)
    if (!h->drives[i].drive->each) rt_drive_give(h, &h->drives[i], step, NULL); /* else events.c */
}

/* ---- currents */

/* Values of this step; true if one is not that of the step before. */
bool rt_current_changes(struct rt_shard *h, struct rt_drive_part *part, uint64_t step) {
  const struct rt_drive *d = part->drive;
  if (!d->kernel) {
    double now = (step > d->from || d->from == 0) && step <= d->to ? d->value : 0;
    bool other = now != part->now;
    part->now = now;
    return other;
  }
  if (step == 0) return false;
  bool known = part->known;
  rt_part_values(h->sim, part, step);
  if (d->def->each) return !known;
  double value = part->out[0];
  if (!isfinite(value)) wrong_at(h, d, d->t0, value, step);
  bool changed = value != part->now;
  part->now = value;
  return changed;
}

static void input_add(const struct rt_sim *s, void *array, const struct rt_drive_part *part) {
  const double *values = part->drive->kernel && part->drive->def->each ? part->out - rt_part_first(part) : NULL;
  double *wide = array, now = part->now;
  float *narrow = array;
  for (uint32_t i = part->from; i < part->to; i++)
    if (s->program->f32) narrow[i] += (float)(values ? values[i] : now);
    else wide[i] += values ? values[i] : now;
}

void rt_inputs_step(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  bool changed = false;
  h->next_input = RT_NO_STEP;
  for (uint32_t i = h->n_events; i < h->n_drives; i++) {
    const struct rt_drive *d = h->drives[i].drive;
    changed |= rt_current_changes(h, &h->drives[i], step);
    bool may = d->kernel && !h->drives[i].known;
    uint64_t changes[] = {may ? step + 1 : d->from + 1, d->to < RT_NO_STEP - 1 ? d->to + 1 : RT_NO_STEP};
    for (int j = 0; j < 2; j++)
      if (changes[j] > step && changes[j] < h->next_input) h->next_input = changes[j];
  }
  if (!changed) return;
  h->n_input_changes++;
  for (uint32_t k = 0; k < h->n_slices; k++) {
    const struct rt_slice *c = &h->slices[k];
    for (uint32_t i = 0; i < c->pop->class->n_inputs; i++)
      memset((char *)c->pop->inputs[i] + (size_t)c->first * s->real_size, 0, (size_t)c->count * s->real_size);
  }
  for (uint32_t i = h->n_events; i < h->n_drives; i++) {
    const struct rt_drive *d = h->drives[i].drive;
    if (step > 0 || !d->kernel) input_add(s, d->target->inputs[d->def->input], &h->drives[i]);
  }
}

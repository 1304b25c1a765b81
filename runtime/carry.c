/* Real numbers along the synapses of a network: what its spikes carry for derivatives.
 *
 * Each cell of a class with lanes holds after every step, in `n_lanes` of its states, what it sends beside its spike: mostly
 * zeros. A number reaches the cells onto which the cell has synapses, times their weights and after their delays, and is added up
 * in an input of theirs that the class names for each port and lane (`carried`). The rows are those in which spikes find their
 * targets, bucket by bucket, so that nothing is delivered that a spike would not be.
 *
 * Sums are of reals: for each target they run over populations, cells, groups and buckets in their order, and one shard's
 * are made by one thread. So the bits are the same for any number of threads. An interval is one step (run.c): the
 * lanes are states, which the next step overwrites. */
#include "runtime/carry.h"

#include <string.h>

#include "runtime/error.h"

enum { LANES = 4 };

const char *const rt_rows_wanted = "derivatives of a network need its synapses stored by shard: there is no memory for that, or "
                                   "`connectivity = procedural` was asked for";

bool rt_carry_reaches(const struct nsl_class *c, uint32_t input) {
  for (uint32_t i = 0; i < c->n_carried; i++)
    if (c->carried[i] == input) return true;
  return false;
}

static uint32_t steps_ahead(uint32_t longest) {
  uint32_t n = 2;
  while (n < longest + 1) n *= 2;
  return n;
}

static int reached_find(struct rt_sim *s, struct rt_carry *c) {
  c->place = rt_alloc(&s->mem, (uint64_t)c->n_ports + 1, sizeof *c->place);
  if (!c->place) return NSL_EMEMORY;
  for (uint32_t q = 0; q < c->n_ports; q++) c->place[q] = NSL_NONE;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; k < s->pops[i].class->n_carried; k++) {
      uint32_t *place = &c->place[k / c->n_lanes];
      if (s->pops[i].class->carried[k] != NSL_NONE && *place == NSL_NONE) *place = c->n_reached++;
    }
  return 0;
}

static uint64_t row_numbers(const struct rt_carry *c, const struct rt_shard *h) {
  return (uint64_t)c->n_reached * h->n_elements * c->stride;
}

int rt_carry_make(struct rt_sim *s) {
  struct rt_carry *c = rt_alloc(&s->mem, 1, sizeof *c);
  double bytes = 0;
  if (!c) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct nsl_class *k = s->pops[i].class;
    if (k->n_lanes > c->n_lanes) c->n_lanes = k->n_lanes;
    if (k->n_ports > c->n_ports) c->n_ports = k->n_ports;
  }
  if (!c->n_lanes) return 0;
  if (s->program->f32) return rt_fail(NSL_ECANNOT, "derivatives of a network need a float64 program: build it without --precision f32");
  if (s->by_source) return rt_fail(NSL_ECANNOT, "%s", rt_rows_wanted);
  c->mask = steps_ahead(s->max_delay) - 1;
  c->stride = (c->n_lanes + LANES - 1) / LANES * LANES;
  c->due = rt_alloc(&s->mem, s->n_shards, sizeof *c->due);
  c->sent = rt_alloc(&s->mem, s->n_shards, sizeof *c->sent);
  if (!c->due || !c->sent || reached_find(s, c)) return NSL_EMEMORY;
  s->carry = c;
  if (s->device) return 0;
  for (uint32_t i = s->own0; i < s->own1; i++) bytes += (double)row_numbers(c, &s->shards[i]) * (c->mask + 1.0) * sizeof **c->due;
  if (bytes > 0.5 * (double)rt_memory_left())
    return rt_fail(NSL_EMEMORY, "the derivatives under way along synapses of up to %u steps need %.3g GB", s->max_delay, bytes / 1e9);
  for (uint32_t i = s->own0; i < s->own1; i++) {
    c->due[i] = rt_alloc(&s->mem, row_numbers(c, &s->shards[i]) * (c->mask + 1) + 1, sizeof **c->due);
    c->sent[i] = rt_alloc(&s->mem, 2 * (uint64_t)c->stride, sizeof **c->sent);
    if (!c->due[i] || !c->sent[i]) return NSL_EMEMORY;
  }
  return 0;
}

/* ---- arrival */

static void slice_arrive(const struct rt_sim *s, const struct rt_slice *slice, const double *due, uint64_t elements) {
  const struct rt_carry *c = s->carry;
  const struct rt_pop *p = slice->pop;
  for (uint32_t k = 0; k < p->class->n_carried; k++) {
    uint32_t input = p->class->carried[k], port = k / c->n_lanes, lane = k % c->n_lanes;
    if (input == NSL_NONE) continue;
    const double *from = due + (c->place[port] * elements + slice->base) * c->stride + lane;
    double *to = (double *)p->inputs[input] + slice->first, unit = s->ports[p->port0 + port].unit;
    for (uint32_t i = 0; i < slice->count; i++) to[i] = from[(uint64_t)i * c->stride] * unit;
  }
}

void rt_carry_arrive(struct rt_shard *h, uint64_t step) {
  const struct rt_carry *c = h->sim->carry;
  uint64_t n = row_numbers(c, h);
  double *due = c->due[h->index] + (step & c->mask) * n;
  for (uint32_t i = 0; i < h->n_slices; i++) slice_arrive(h->sim, &h->slices[i], due, h->n_elements);
  memset(due, 0, n * sizeof *due);
}

/* ---- sending */

static inline void lanes_add(double *to, const double *lanes, uint32_t stride) {
  for (uint32_t k = 0; k < stride; k += LANES)
    for (uint32_t q = 0; q < LANES; q++) to[k + q] += lanes[k + q];
}

/* lanes: of the cell; behind them room for what arrives at one synapse. */
static void bucket_add(const struct rt_shard *h, const struct rt_group *g, const uint64_t *bucket, uint32_t n, double *lanes, double *due) {
  const struct rt_carry *c = h->sim->carry;
  uint32_t stride = c->stride;
  double *times = lanes + stride;
  due += (uint64_t)c->place[g->nth] * h->n_elements * stride;
  if (g->form == RT_FORM_same64) { /* one weight for all */
    const struct rt_cell_same *cells = (const void *)(bucket + 1);
    for (uint32_t k = 0; k < stride; k++) times[k] = (double)g->units * lanes[k];
    for (uint32_t i = 0; i < n; i++) lanes_add(due + (uint64_t)cells[i].target * stride, times, stride);
    return;
  }
  for (uint32_t i = 0; i < n; i++) {
    struct rt_synapse x = rt_synapse_at(g->form, bucket, i);
    double weight = (double)(rt_forms[g->form].weight_bits ? x.grains * g->units : g->units);
    for (uint32_t k = 0; k < stride; k++) times[k] = weight * lanes[k];
    lanes_add(due + (uint64_t)x.element * stride, times, stride);
  }
}

static void row_add(const struct rt_shard *h, const struct rt_group *g, struct rt_row row, uint64_t step, double *lanes) {
  const struct rt_carry *c = h->sim->carry;
  uint64_t numbers = row_numbers(c, h), at = row.at;
  for (uint32_t n = row.n, delay = row.delay; n;) {
    const uint64_t *bucket = h->store + at;
    bucket_add(h, g, bucket, n, lanes, c->due[h->index] + ((step + delay) & c->mask) * numbers);
    at += rt_bucket_units(g->form, n);
    n = (uint32_t)bucket[0];
    delay += (uint32_t)(bucket[0] >> 32);
  }
}

bool rt_carry_takes(const struct rt_carry *c, const struct rt_group *g) {
  return g->form != RT_APART && c->place[g->nth] != NSL_NONE;
}

static void cell_send(struct rt_shard *h, const struct rt_pop *p, uint32_t cell, uint64_t step) {
  const struct rt_carry *c = h->sim->carry;
  double *lanes = c->sent[h->index];
  const struct rt_row *rows = h->rows + p->row0 + (uint64_t)cell * p->n_groups;
  bool any = false;
  for (uint32_t k = 0; k < c->n_lanes; k++) {
    lanes[k] = ((const double *)p->states[p->class->lane + k])[cell];
    any |= lanes[k] != 0; /* NaN goes on its way */
  }
  for (uint32_t g = 0; any && g < p->n_groups; g++)
    if (rows[g].n && rt_carry_takes(c, &p->groups[g])) row_add(h, &p->groups[g], rows[g], step, lanes);
}

void rt_carry_send(struct rt_shard *h, uint64_t step) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    for (uint32_t cell = 0; p->class->n_lanes && p->n_groups && cell < p->size; cell++) cell_send(h, p, cell, step);
  }
}

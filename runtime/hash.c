/* The hash of a simulation's full state: equal for equal model, parameters, seed and time, whatever the
 * threads, shards and CPU.
 *
 * It is a sum over all that there is, each with its place: states, parameters of elements and masks by array and
 * element, real lanes only; spikes under way by synapse (port, element, arrival, weight). So neither order nor packing
 * shows, and shards, threads and ranks add what they own. */
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/gating.h"
#include "runtime/mix.h"
#include "runtime/pace.h"
#include "runtime/plastic.h"
#include "runtime/procedural.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"

static const uint64_t SPREAD = 0x9e3779b97f4a7c15u; /* numbers of elements differ in all bits */

/* What a sum of hashes is taken of: the numbers of one array, each with its place. */
static uint64_t hash_reals(uint64_t key, const struct rt_sim *s, const struct rt_slice *c, const void *array) {
  uint64_t sum = 0, bits = 0;
  for (uint32_t i = c->first; i < c->first + c->count && i < c->pop->size; i++) {
    memcpy(&bits, (const char *)array + (size_t)i * s->real_size, s->real_size);
    sum += rt_mix(key + i * SPREAD, bits);
  }
  return sum;
}

/* The same of 8 bytes each, whatever the program's precision. */
static uint64_t hash_words(uint64_t key, const struct rt_slice *c, const void *array) {
  uint64_t sum = 0;
  for (uint32_t i = c->first; i < c->first + c->count && i < c->pop->size; i++) sum += rt_mix(key + i * SPREAD, ((const uint64_t *)array)[i]);
  return sum;
}

static uint64_t hash_mask(uint64_t key, const struct rt_slice *c, const uint64_t *mask) {
  uint64_t sum = 0;
  for (uint32_t w = c->first / 64; w < (c->first + c->count) / 64; w++) {
    uint32_t real = c->pop->size - w * 64;
    sum += rt_mix(key + w * SPREAD, real < 64 ? mask[w] & (((uint64_t)1 << real) - 1) : mask[w]);
  }
  return sum;
}

/* From the oldest row that a delay reaches to the newest. */
static uint64_t hash_past(uint64_t key, const struct rt_sim *s, const struct rt_slice *c, const struct rt_past *past) {
  uint64_t sum = 0;
  for (uint32_t back = past->rows; back-- > 0;) {
    uint64_t row = (rt_own_step(c->pop, s->step) + past->rows - back) % past->rows * c->pop->padded * s->real_size;
    sum += hash_reals(rt_mix(key, back), s, c, past->ring + row);
  }
  return sum;
}

static uint64_t hash_later(uint64_t key, const struct rt_later *later) {
  uint64_t sum = 0, bits;
  for (uint64_t i = 0; i < later->n; i++) {
    memcpy(&bits, &later->at[i].weight, sizeof bits);
    sum += rt_mix(rt_mix(key + i * SPREAD, later->at[i].element), bits);
  }
  return sum;
}

enum { HASH_STATE = 1, HASH_PARAM, HASH_HELD, HASH_PREV, HASH_PAST, HASH_SPIKE, HASH_WAITING, HASH_SUM, HASH_LATER };

static uint64_t hash_slice(const struct rt_sim *s, const struct rt_slice *c) {
  const struct rt_pop *p = c->pop;
  const struct nsl_class *k = p->class;
  uint64_t sum = 0;
#define KEY(what, i) rt_mix(rt_mix(p->index, what), i)
  for (uint32_t i = 0; i < k->n_states; i++) sum += hash_reals(KEY(HASH_STATE, i), s, c, p->states[i]);
  for (uint32_t i = 0; i < k->n_params; i++) sum += hash_reals(KEY(HASH_PARAM, i), s, c, p->params[i]);
  for (uint32_t i = 0; i < k->n_holds; i++) sum += hash_mask(KEY(HASH_HELD, i), c, p->held[i]);
  for (uint32_t i = 0; i < k->n_pasts; i++) sum += hash_past(KEY(HASH_PAST, i), s, c, &p->pasts[i]);
  for (uint32_t i = 0; p->every > 1 && i < k->n_ports; i++) sum += hash_words(KEY(HASH_WAITING, i), c, p->waiting[i]);
  for (uint32_t i = 0; p->every > 1 && i < k->n_inputs; i++) sum += hash_words(KEY(HASH_SUM, i), c, p->sums[i]);
  for (uint32_t i = 0; c->later && i < k->n_ports; i++) sum += hash_later(rt_mix(KEY(HASH_LATER, i), c->first), &c->later[i]);
  sum += hash_mask(KEY(HASH_PREV, 0), c, p->prev);
  if (k->has_spike) sum += hash_mask(KEY(HASH_SPIKE, 0), c, p->ring + (rt_own_step(p, s->step) & p->ring_mask) * p->stride);
#undef KEY
  return sum;
}

/* What an element of a shard is to the port with this number in its class: (port of the model) << 32 | element. */
static uint64_t target_of(const struct rt_shard *h, uint32_t element, uint32_t nth) {
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (element >= c->base && element - c->base < c->count)
      return (uint64_t)(c->pop->port0 + nth) << 32 | (c->first + element - c->base);
  }
  return UINT64_MAX;
}

/* The number in its class of the port that a projection reaches, by its rank. */
static uint32_t port_of_rank(const struct rt_sim *s, uint32_t rank) {
  uint32_t i = 0;
  while (rank < s->ports[i].rank0 || rank - s->ports[i].rank0 >= s->ports[i].n_ranks) i++;
  return s->ports[i].port;
}

uint64_t rt_hash_event(uint64_t target, uint64_t step, uint64_t units) {
  return rt_mix(rt_mix(rt_mix(1, target), step), units);
}

uint64_t rt_hash_apart(uint64_t target, uint64_t step, uint64_t number, uint64_t source, uint64_t weight) {
  return rt_mix(rt_mix(rt_mix(rt_mix(rt_mix(2, target), step), number), source), weight);
}

static uint64_t hash_apart(const struct rt_shard *h, struct rt_event e, uint64_t step) {
  const struct rt_delivery *d = &h->delivery;
  uint64_t sum = 0, at = e.at;
  uint32_t nth = port_of_rank(h->sim, e.group);
  for (uint32_t n = e.n; n;) {
    const uint64_t *bucket = d->store + at;
    for (uint32_t i = 0; i < n; i++) {
      uint64_t target = target_of(h, (uint16_t)bucket[2 + 2 * i], nth), which = bucket[2 + 2 * i] >> 16;
      sum += rt_hash_apart(target, step, which, bucket[1], bucket[3 + 2 * i]);
    }
    at += RT_UNITS_APART(n);
    n = (uint32_t)bucket[0];
    step += bucket[0] >> 32;
  }
  return sum;
}

/* All buckets that a spike has still to visit. */
static uint64_t hash_event(const struct rt_shard *h, struct rt_event e, uint64_t step, uint32_t form) {
  const struct rt_delivery *d = &h->delivery;
  const struct rt_reach *reach = &d->reach[e.group];
  uint64_t sum = 0, at = e.at, real;
  memcpy(&real, &reach->real, sizeof real);
  for (uint32_t n = e.n; n;) {
    const uint64_t *bucket = d->store + at;
    for (uint32_t i = 0; i < n; i++) {
      struct rt_synapse x = rt_synapse_at(form, bucket, i);
      int64_t units = rt_forms[form].weight_bits ? x.grains * reach->units : reach->units;
      uint64_t weight = rt_forms[form].behind ? real : (uint64_t)units;
      sum += rt_hash_event(target_of(h, x.element, reach->nth), step, weight);
    }
    at += rt_bucket_units(form, n);
    n = (uint32_t)bucket[0];
    step += bucket[0] >> 32;
  }
  return sum;
}

static uint64_t hash_under_way(const struct rt_sim *s, const struct rt_shard *h) {
  const struct rt_delivery *d = &h->delivery;
  uint64_t sum = 0;
  for (uint64_t step = s->step + 1; step <= s->step + d->mask + 1; step++) {
    for (uint32_t form = 0; form < RT_N_FORMS; form++)
      for (uint32_t i = d->lists[form] ? d->lists[form][step & d->mask] : 0; i; i = d->events[i].next)
        sum += hash_event(h, d->events[i], step, form);
    for (uint32_t i = d->apart_lists ? d->apart_lists[step & d->mask] : 0; i; i = d->events[i].next)
      sum += hash_apart(h, d->events[i], step);
  }
  return sum;
}

/* Noise with a memory, and events of drives that wait: by drive and element, so the shards do not show. */
static uint64_t hash_drives(const struct rt_sim *s, const struct rt_shard *h) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < h->n_drives; i++) {
    const struct rt_drive_part *part = &h->drives[i];
    uint64_t drive = rt_mix(part->drive->index, 0x6472);
    for (uint32_t e = part->from; e < part->to; e++) {
      for (uint32_t k = 0; k < part->drive->def->n_processes; k++) {
        uint64_t bits;
        memcpy(&bits, &part->states[k][e], sizeof bits);
        sum += rt_mix(rt_mix(rt_mix(drive, k), e), bits);
      }
      for (uint32_t k = 1; part->ring && k <= part->ring_mask; k++) {
        uint64_t at = (s->step + k) & part->ring_mask;
        int64_t waits = part->ring[at * (part->to - part->from) + e - part->from];
        if (waits) sum += rt_mix(rt_mix(rt_mix(drive, k), e), (uint64_t)waits);
      }
    }
  }
  return sum;
}

/* What elements have shown, as far as it is remembered. */
static uint64_t hash_shown(const struct rt_sim *s) {
  struct rt_values *x;
  uint64_t sum = 0, bits;
  for (uint32_t k = 0; s->couplings && rt_coupling_values(s, k, &x); k++)
    for (uint64_t i = 0; i < x->n_real; i++) {
      if (!x->mine[i]) continue;
      uint64_t key = rt_mix(rt_mix(0x7368, k), i);
      memcpy(&bits, &x->now[s->step & 1][i], sizeof bits);
      sum += rt_mix(key, bits);
      for (uint32_t back = 0; x->ring && back <= x->longest; back++) {
        memcpy(&bits, &x->ring[i * x->row + ((s->step - back) & x->mask)], sizeof bits);
        sum += rt_mix(key + back * SPREAD, bits);
      }
    }
  return sum;
}

uint64_t rt_state_sum(const struct rt_sim *s) {
  uint64_t sum = hash_shown(s) + rt_gates_hash(s) + (s->procedural ? rt_procedural_hash(s) : 0);
  for (uint32_t h = s->own0; h < s->own1; h++) {
    const struct rt_shard *shard = &s->shards[h];
    for (uint32_t i = 0; i < shard->n_slices; i++) sum += hash_slice(s, &shard->slices[i]);
    if (s->max_delay && !s->procedural) sum += hash_under_way(s, shard);
    sum += hash_drives(s, shard);
  }
  return sum + rt_plastic_sum(s);
}

uint64_t rt_state_hash(const struct rt_sim *s) {
  uint64_t h = rt_mix(0x4e534c, s->step);
  for (uint32_t i = 0; i < s->n_pops; i++) h = rt_mix(h, s->pops[i].size);
  uint64_t sum = rt_state_sum(s);
  rt_ranks_combine(s->ranks, &sum, 1, RT_SUM_U64);
  return rt_mix(h, sum);
}

/* One step of one shard, and what shards tell each other after an interval.
 *
 * Order of a step (language.md, time): inputs change, holds end, arrivals and drives are added to the
 * accumulators, the step kernel integrates to T, takes the accumulators, tests, fires; its spike mask
 * becomes holds and a list; then arrivals that no condition and no handler sees are added to their states.
 * Where handlers do more than add, they run behind the step kernel (events.c), and a second kernel tests
 * and fires. A hold of R steps after a spike at T is in force at T+1 … T+R: the masks of the last R+1
 * steps are kept in a ring, so there is no counter for each element. Nothing here allocates but
 * rt_exchange, which lets the table of spikes under way grow. */
#include <math.h>
#include <string.h>

#include "runtime/blocks.h"
#include "runtime/carry.h"
#include "runtime/coupling.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/pace.h"
#include "runtime/plastic.h"
#include "runtime/procedural.h"
#include "runtime/rest.h"
#include "runtime/verify.h"

enum { ASK_SHARDS = 4, ASK_EVENTS = 16, ASK_LINES = 8 };

/* Who of these 64 has spiked in the last n steps. */
static uint64_t spiked_since(const struct rt_pop *p, uint32_t word, uint64_t step, uint32_t n) {
  uint64_t spiked = 0;
  for (uint32_t k = 1; k <= n; k++) spiked |= p->ring[((step - k) & p->ring_mask) * p->stride + word];
  return spiked;
}

/* The next word from w on that is not zero; n: none. Spikes are rare, so blocks of eight are passed over. */
static inline uint32_t word_next(const uint64_t *m, uint32_t w, uint32_t n) {
  for (; w < n; w++) {
    if (w % 8 == 0)
      for (; w + 8 <= n; w += 8)
        if (m[w] | m[w + 1] | m[w + 2] | m[w + 3] | m[w + 4] | m[w + 5] | m[w + 6] | m[w + 7]) break;
    if (w < n && m[w]) return w;
  }
  return n;
}

/* Ends the holds of those that spiked R+1 steps ago; but not of who has spiked again, which only what is held
 * in another state can. */
static void holds_release(const struct rt_slice *c, uint64_t step) {
  struct rt_pop *p = c->pop;
  for (uint32_t i = 0; i < p->class->n_holds; i++) {
    uint32_t steps = p->hold_steps[i], w0 = c->first / 64, n = c->count / 64;
    if (!steps || step < (uint64_t)steps + 2) continue;
    bool again = c->again && c->again + steps >= step;
    const uint64_t *ended = p->ring + ((step - steps - 1) & p->ring_mask) * p->stride + w0;
    uint64_t *held = p->held[i] + w0;
    for (uint32_t w = word_next(ended, 0, n); w < n; w = word_next(ended, w + 1, n))
      held[w] = again ? spiked_since(p, w0 + w, step, steps) : held[w] & ~ended[w];
  }
}

/* What the exchange will read of a spike is in no cache: asked for now, it comes while others still step. */
static inline void spike_ask(const struct rt_shard *h, const struct rt_pop *p, uint32_t id) {
  const struct rt_sim *s = h->sim;
  uint32_t from = s->threads == 1 ? s->own0 : h->index, to = s->threads == 1 ? s->own1 : from + 1;
  for (uint32_t k = from; p->n_groups && !s->procedural && k < to && k < from + ASK_SHARDS; k++)
    __builtin_prefetch(&s->shards[k].rows[p->row0 + (uint64_t)id * p->n_groups]);
  const struct rt_isi *isi = s->pop_meters[p->index]->isi;
  if (isi) __builtin_prefetch(&isi[id], 1);
}

/* The same for the first events that are due behind the step kernels. */
static inline void events_ask(const struct rt_delivery *d, uint32_t form, uint64_t step) {
  uint32_t i = d->lists[form] ? d->lists[form][step & d->mask] : 0;
  for (uint32_t k = 0; i && k < ASK_EVENTS; k++, i = d->events[i].next) {
    const char *bucket = (const char *)(d->store + d->events[i].at);
    for (uint32_t line = 0; line < ASK_LINES && 32 * line < d->events[i].n + 8; line++)
      __builtin_prefetch(bucket + 64 * line);
  }
}

/* Spikes of a slice: padding masked, holds begun, elements appended to the list; gives its new end. */
static uint64_t spikes_collect(const struct rt_shard *h, struct rt_slice *c, uint64_t *mask, uint32_t *ids,
                               uint64_t end, uint64_t step) {
  struct rt_pop *p = c->pop;
  uint32_t w0 = c->first / 64, n = c->count / 64;
  mask[w0 + n - 1] &= c->last_mask;
  for (uint32_t k = word_next(mask + w0, 0, n); k < n; k = word_next(mask + w0, k + 1, n)) {
    uint32_t w = w0 + k;
    uint64_t m = mask[w];
    for (uint32_t i = 0; i < p->class->n_holds; i++) {
      if (!p->hold_steps[i]) continue;
      if (p->held[i][w] & m) c->again = step;
      p->held[i][w] |= m;
    }
    for (; m; m &= m - 1) {
      uint32_t id = w * 64 + (uint32_t)__builtin_ctzll(m);
      ids[end++] = id;
      spike_ask(h, p, id);
    }
  }
  return end;
}

static bool is_finite_at(const struct rt_sim *s, const void *array, uint32_t i) {
  return s->program->f32 ? isfinite(((const float *)array)[i]) : isfinite(((const double *)array)[i]);
}

/* Padding lanes that ran away become copies of the last real element. */
static void padding_calm(struct rt_sim *s, const struct rt_pop *p) {
  for (uint32_t i = 0; i < p->class->n_states; i++)
    for (uint32_t e = p->size; e < p->padded; e++)
      memcpy((char *)p->states[i] + (size_t)e * s->real_size,
             (char *)p->states[i] + (size_t)(p->size - 1) * s->real_size, s->real_size);
}

static double real_at(const struct rt_sim *s, const void *array, uint32_t i) {
  return s->program->f32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

/* Who became NaN or infinite, in which of the kernels of the step; padding lanes do not count. The first of all stays. */
static void bad_find(struct rt_shard *h, const struct rt_slice *c, uint64_t step, uint32_t stage) {
  const struct rt_pop *p = c->pop;
  for (uint32_t e = c->first; e < c->first + c->count && e < p->size; e++)
    for (uint32_t i = 0; i < p->class->n_states; i++) {
      if (is_finite_at(h->sim, p->states[i], e)) continue;
      if (h->bad.step <= step) return;
      h->bad.pop = p->index;
      h->bad.element = e;
      h->bad.state = i;
      h->bad.stage = stage;
      h->bad.value = real_at(h->sim, p->states[i], e);
      h->bad.step = step;
      return;
    }
  if (c->first + c->count == p->padded) padding_calm(h->sim, p);
}

static inline void deliver(struct rt_shard *h, uint64_t step, bool behind) {
  struct rt_delivery *d = &h->delivery;
#define FORM(id, cell, weight_bits, sum, is_behind, text)                              \
  if (is_behind == behind && d->lists[RT_FORM_##id] && d->lists[RT_FORM_##id][step & d->mask]) \
    h->sim->hot.deliver_##id(d, step);
#include "runtime/forms.def"
#undef FORM
}

/* What arrives in accumulators. */
static void arrivals_add(struct rt_shard *h, uint64_t step) {
  rt_rest_arrivals(h, step);
  if (h->sim->procedural) {
    rt_procedural_add(h, step);
    return;
  }
  deliver(h, step, false);
}

/* What is added to states, behind the step kernels. */
static void arrivals_behind(struct rt_shard *h, uint64_t step) {
  if (h->sim->procedural) {
    rt_procedural_behind(h, step);
    return;
  }
  deliver(h, step, true);
}

void rt_arrivals_early(struct rt_shard *h, uint64_t step) {
  if (h->bad.step == RT_NO_STEP) arrivals_add(h, step);
}

void rt_arrivals_pass(struct rt_shard *h, uint64_t step) {
  arrivals_add(h, step);
  if (h->batch) {
    rt_events_gather(h, step);
    rt_events_go_on(h, step);
  }
  arrivals_behind(h, step);
  rt_sums_clear(h);
}

/* A population's own step, the last but `left` of those that end by this step of the run; gives the new end of the list of spikes. */
static uint64_t slice_step(struct rt_shard *h, struct rt_slice *c, uint64_t step, uint32_t left, bool begun, uint32_t *ids, uint64_t end) {
  struct rt_sim *s = h->sim;
  struct rt_pop *p = c->pop;
  uint64_t own = rt_own_step(p, step) - left, *mask = p->ring + (own & p->ring_mask) * p->stride;
  if (!begun && p->class->n_holds) holds_release(c, own);
  for (uint32_t k = 0; k < c->n_spike_at; k++) *c->spike_at[k] = mask;
  struct nsl_env env = {.slots = c->slots,
                        .u = p->u,
                        .key = p->key,
                        .step = own,
                        .first = c->first,
                        .count = c->count,
                        .t = (double)own * p->dt,
                        .dt = p->dt};
  if (p->within > 1) rt_pace_idle(c, left > 0);
  if (h->sums && !left) rt_sums_turn(h, c);
  if (!begun && p->class->n_pasts) rt_pasts_begin(s, c, own);
  if (rt_blocks_step(h, c, &env)) bad_find(h, c, step, 2 * (p->within - 1 - left));
  if (c->finish) {
    struct nsl_env handled = env;
    handled.step = step;
    rt_lap(&h->laps, RT_UPDATE);
    if (!left) rt_events_handle(h, c, &handled);
    rt_lap(&h->laps, RT_DELIVERY);
    env.slots = c->finish_slots;
    if (c->finish(&env)) bad_find(h, c, step, 2 * (p->within - 1 - left) + 1);
  }
  if (left && p->class->n_pasts) rt_pasts_end(s, c, own);
  uint64_t begin = end;
  if (c->n_spike_at) end = spikes_collect(h, c, mask, ids, end, own);
  if (p->within > 1 && s->n_plastic && end > begin) rt_plastic_within(h, c, step, ids + begin, end - begin);
  return end;
}

void rt_shard_begin(struct rt_shard *h, uint64_t step) {
  const struct rt_sim *s = h->sim;
  if (h->bad.step != RT_NO_STEP) return;
  if (step >= h->next_input) rt_inputs_step(h, step);
  if (s->n_feeds) rt_feeds_write(h);
  for (uint32_t i = 0; i < h->n_slices; i++) {
    const struct rt_slice *c = &h->slices[i];
    if (c->step && c->pop->class->n_holds) holds_release(c, step);
    if (c->step && c->pop->class->n_pasts) rt_pasts_begin(s, c, step);
  }
}

void rt_shard_step(struct rt_shard *h, uint64_t step, uint32_t in_batch, uint32_t parity) {
  struct rt_sim *s = h->sim;
  struct rt_spikes *out = &h->spikes[parity];
  uint64_t *ends = out->ends + (size_t)in_batch * h->n_slices,
           end = in_batch && h->n_slices ? ends[-1] : 0;
  if (h->bad.step != RT_NO_STEP) {
    for (uint32_t i = 0; i < h->n_slices; i++) ends[i] = end;
    return;
  }
  struct rt_delivery *d = &h->delivery;
  events_ask(d, RT_FORM_straight_f32, step);
  events_ask(d, RT_FORM_straight_f64, step);
  bool begun = s->couplings && s->couplings->agree;
  if (!begun && step >= h->next_input) rt_inputs_step(h, step);
  if (!begun && s->n_feeds) rt_feeds_write(h);
  if (!begun && s->couplings) rt_couplings_write(h, step);
  if (s->carry) rt_carry_arrive(h, step);
  arrivals_add(h, step);
  if (s->n_plastic) rt_plastic_arrive(h, step);
  rt_lap(&h->laps, RT_DELIVERY);
  if (step == h->next_check) rt_verify_sums(h, step, parity);
  if (h->n_events) rt_drives_step(h, step);
  if (h->batch) rt_events_gather(h, step);
  if (h->batch && s->n_plastic) rt_each_gather(h, step);
  for (uint32_t i = 0; i < h->n_slices; i++) {
    struct rt_slice *c = &h->slices[i];
    struct rt_pop *p = c->pop;
    ends[i] = end;
    if (!c->step) continue;
    if (p->every > 1) {
      rt_pace_wait(h, c);
      rt_events_wait(h, c, step);
      if (step % p->every) continue;
      rt_pace_take(h, c);
    }
    for (uint32_t left = p->within; left--;) end = slice_step(h, c, step, left, begun, out->ids, end);
    ends[i] = end;
  }
  rt_lap(&h->laps, RT_UPDATE);
  if (s->n_plastic) rt_plastic_after(h, step, out->ids, ends, in_batch && h->n_slices ? ends[-1] : 0);
  if (h->batch) rt_events_go_on(h, step);
  if (h->snapshot) rt_verify_straight(h, false);
  arrivals_behind(h, step);
  if (h->snapshot) rt_verify_straight(h, true);
  rt_lap(&h->laps, RT_DELIVERY);
  for (uint32_t i = 0; h->has_pasts && i < h->n_slices; i++)
    if (step % h->slices[i].pop->every == 0) rt_pasts_end(s, &h->slices[i], rt_own_step(h->slices[i].pop, step));
  if (s->couplings) rt_couplings_show(h, step);
  if (s->n_plastic) rt_third_keep(h, step);
  if (step >= h->next_probe && h->bad.step == RT_NO_STEP) rt_probes_step(h, step);
  if (step >= h->next_record && h->bad.step == RT_NO_STEP) rt_record_step(h, step);
  if (step == h->next_digest && h->bad.step == RT_NO_STEP) rt_digest_take(h, step);
  rt_lap(&h->laps, RT_OUTPUT);
}

/* ---- exchange */

static int events_more(struct rt_shard *h) {
  struct rt_delivery *d = &h->delivery;
  size_t had = h->events_cap;
  int e = rt_grow(&d->events, &h->events_cap, had + 1, sizeof *d->events);
  if (e) return e;
  for (size_t i = had ? had : 1; i < h->events_cap; i++) {
    d->events[i].next = d->free;
    d->free = (uint32_t)i;
  }
  return rt_events_room(h);
}

/* A spike goes under way along one row. */
static int row_send(struct rt_shard *h, const struct rt_group *group, struct rt_row row, uint64_t step) {
  struct rt_delivery *d = &h->delivery;
  bool apart = group->form == RT_APART;
  uint32_t *lists = apart ? d->apart_lists : d->lists[group->form];
  if (!d->free) {
    int e = events_more(h);
    if (e) return e;
  }
  uint32_t at = d->free, *list = &lists[(step + row.delay) & d->mask];
  d->free = d->events[at].next;
  d->events[at] = (struct rt_event){row.at, row.n, *list, apart ? group->rank : group->index};
  *list = at;
  return 0;
}

/* The spikes of one population in one step go under way to the synapses in shard h. */
static int spikes_send(struct rt_shard *h, const struct rt_pop *p, const uint32_t *ids, uint64_t n,
                       uint64_t step) {
  const struct rt_row *rows = h->rows + p->row0;
  if (!p->n_groups) return 0;
  for (uint64_t i = 0; i < n; i++) {
    if (i + 8 < n) __builtin_prefetch(&rows[(uint64_t)ids[i + 8] * p->n_groups]);
    const struct rt_row *own = &rows[(uint64_t)ids[i] * p->n_groups];
    for (uint32_t g = 0; g < p->n_groups; g++) {
      int e = own[g].n ? row_send(h, &p->groups[g], own[g], step) : 0;
      if (e) return e;
    }
  }
  return 0;
}

int rt_exchange(struct rt_shard *h, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  return rt_exchange_with(h, 0, h->sim->n_shards, from, in_batch, n_steps, parity);
}

int rt_exchange_with(struct rt_shard *h, uint32_t k0, uint32_t k1, uint64_t from, uint32_t in_batch, uint32_t n_steps,
                     uint32_t parity) {
  struct rt_sim *s = h->sim;
  if (!s->max_delay) return 0;
  if (s->procedural) return h->index == s->own0 ? rt_procedural_spikes(s, from, in_batch, n_steps, parity) : 0;
  for (uint32_t k = k0; k < k1; k++) {
    const struct rt_shard *other = &s->shards[k];
    const struct rt_spikes *in = &other->spikes[parity];
    const uint64_t *ends = in->ends + (size_t)in_batch * other->n_slices;
    uint64_t begin = in_batch && other->n_slices ? ends[-1] : 0;
    for (uint32_t j = 0; j < n_steps; j++)
      for (uint32_t i = 0; i < other->n_slices; i++) {
        uint64_t end = ends[(size_t)j * other->n_slices + i];
        if (end == begin) continue;
        int e = spikes_send(h, other->slices[i].pop, in->ids + begin, end - begin, from + j);
        if (e) return e;
        begin = end;
      }
  }
  return 0;
}

/* Spikes under way: how many synapses they have still to reach. A device counts all synapses of a spike when it sends it, the processor each
 * where it is reached (run.json's `events`); between calls the host's count is the processor's. */
#include "runtime/device.h"
#include "runtime/procedural.h"
#include "runtime/synapses.h"

static uint64_t event_left(const struct rt_shard *h, uint32_t form, const struct rt_event *event) {
  uint64_t left = 0, at = event->at;
  for (uint32_t n = event->n; n; n = (uint32_t)h->store[at - rt_bucket_units(form, n)]) left += n, at += rt_bucket_units(form, n);
  return left;
}

static uint64_t shard_left(const struct rt_shard *h) {
  const struct rt_delivery *v = &h->delivery;
  uint64_t left = 0;
  for (uint32_t form = 0; form <= RT_N_FORMS; form++) {
    uint32_t kind = form < RT_N_FORMS ? form : RT_APART;
    const uint32_t *lists = form < RT_N_FORMS ? v->lists[form] : v->apart_lists;
    for (uint32_t step = 0; lists && step <= v->mask; step++)
      for (uint32_t i = lists[step]; i; i = v->events[i].next) left += event_left(h, kind, &v->events[i]);
  }
  return left;
}

/* Of a row that is made anew. */
static int made_left(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t step, uint64_t *ret) {
  struct rt_row_of row;
  int e = rt_synapses_of(k, p, source, &row);
  for (uint64_t i = 0; !e && i < row.n; i++) *ret += step + (row.delay ? row.delay[i] : p->delay_steps) > k->s->step;
  return e;
}

static int mades_left(struct rt_sim *s, uint64_t *ret) {
  struct rt_synapses k = {.s = s};
  uint64_t n = 0;
  int e = 0;
  for (uint64_t step = s->step > s->max_delay ? s->step - s->max_delay + 1 : 1; step <= s->step; step++)
    for (uint32_t i = 0; i < s->n_projs; i++) {
      const struct rt_proj *p = &s->projs[i];
      const uint32_t *ids = rt_procedural_past(s, p->source, step, &n);
      for (uint64_t j = 0; !e && j < n; j++)
        if (ids[j] >= p->s0 && ids[j] - p->s0 < p->sn) e = made_left(&k, p, ids[j], step, ret);
    }
  rt_synapses_drop(&k);
  return e;
}

int rt_device_left(struct rt_sim *s, uint64_t *ret) {
  *ret = 0;
  if (!s->max_delay) return 0;
  if (s->procedural) return mades_left(s, ret);
  for (uint32_t k = 0; k < s->n_shards; k++) *ret += shard_left(&s->shards[k]);
  return 0;
}

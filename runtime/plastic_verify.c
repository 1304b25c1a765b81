/* --verify of synapses with memory: what they sent to arrive in a sampled step is held against the spikes and the rules, by which it
 * is known which synapses a spike has reached and when. Each must have sent once, and no other; what they sent must be what arrived.
 * How a weight came about is not computed again: --compare holds a run against another one. See verify.h. */
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/plastic.h"
#include "runtime/synapses.h"
#include "runtime/verify.h"

uint32_t rt_plastic_reach(const struct rt_sim *s) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    uint32_t own = p->least == UINT32_MAX ? 0 : p->axonal + p->most + p->most_after;
    most = own > most ? own : most;
  }
  return most;
}

int rt_plastic_note(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step, uint32_t nth, uint32_t lane, int64_t units,
                    double sent) {
  const struct rt_plastic *p = q->of;
  if (rt_grow(&q->sent, &q->sent_cap, q->n_sent + 1, sizeof *q->sent)) return NSL_EMEMORY;
  q->sent[q->n_sent++] = (struct rt_sent){.arrival = step + g->dendritic + p->after[nth], .proj = (uint32_t)(p - q->shard->sim->plastics), .source = p->proj->s0 + row,
                                          .target = q->slice->first + q->target[g->at + lane], .delay = g->dendritic + p->axonal, .nth = nth, .units = units};
  if (p->each && rt_each_sends(q, nth, lane)) {
    struct rt_sent *one = &q->sent[q->n_sent - 1];
    one->event = 1 + q->number[g->at + lane] * p->proj->def->n_afters + nth;
    one->weight = sent;
  }
  return 0;
}

int rt_plastic_sent(struct rt_shard *h, struct rt_snapshot *shot) {
  for (uint32_t i = 0; i < h->sim->n_plastic; i++) {
    struct rt_plastic_shard *q = &h->sim->plastics[i].shards[h->index];
    size_t kept = 0;
    if (rt_grow(&shot->sent, &shot->sent_cap, shot->n_sent + q->n_sent, sizeof *shot->sent)) return NSL_EMEMORY;
    for (size_t k = 0; k < q->n_sent; k++) {
      if (q->sent[k].arrival == shot->step) shot->sent[shot->n_sent++] = q->sent[k];
      else q->sent[kept++] = q->sent[k];
    }
    q->n_sent = kept;
  }
  return 0;
}

/* ---- what should have been sent */

struct key {
  uint64_t who, when; /* source << 32 | target; delay << 32 | which send */
};
struct keys {
  struct key *at;
  size_t n, cap;
};

static int key_add(struct keys *k, uint32_t source, uint32_t target, uint32_t delay, uint32_t nth) {
  if (rt_grow(&k->at, &k->cap, k->n + 1, sizeof *k->at)) return NSL_EMEMORY;
  k->at[k->n++] = (struct key){(uint64_t)source << 32 | target, (uint64_t)delay << 32 | nth};
  return 0;
}

static int by_key(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  if (x->who != y->who) return x->who < y->who ? -1 : 1;
  return (x->when > y->when) - (x->when < y->when);
}

static void keys_sort(struct keys *k) {
  if (k->n) qsort(k->at, k->n, sizeof *k->at, by_key);
}

/* One source, which spiked `lag` steps before. */
static int row_expect(struct rt_synapses *of, const struct rt_plastic *p, uint32_t source, uint32_t lag, uint32_t nth, struct keys *k) {
  struct rt_row_of row;
  const struct rt_sim *s = of->s;
  int e = rt_synapses_of(of, p->proj, source, &row);
  for (uint64_t i = 0; !e && i < row.n; i++) {
    uint32_t delay = row.delay ? row.delay[i] : p->proj->delay_steps;
    if (delay + p->after[nth] == lag && rt_is_own(s, p->proj->target->lanes[row.target[i] / 64].shard)) e = key_add(k, source, row.target[i], delay, nth);
  }
  return e;
}

static int expect(struct rt_sim *s, const struct rt_plastic *p, uint64_t step, struct keys *k) {
  struct rt_synapses of = {.s = s};
  struct rt_verify_due due = {0};
  int e = 0;
  for (uint32_t nth = 0; !e && p->least != UINT32_MAX && nth < p->proj->def->n_afters; nth++) {
    uint64_t more = (uint64_t)p->axonal + p->after[nth];
    e = rt_verify_due(s, p->proj, step, p->least + more, p->most + more, &due);
    for (size_t i = 0; !e && i < due.n; i++) e = row_expect(&of, p, (uint32_t)(due.at[i] >> 32), (uint32_t)due.at[i], nth, k);
  }
  rt_synapses_drop(&of);
  rt_drop(&due.at);
  return e;
}

/* ---- what goes to handlers one by one */

struct order {
  uint64_t key; /* source << 32 | number */
  size_t nth;   /* in the snapshot: equal ones keep their order */
  const struct rt_sent *sent;
};

static int by_order(const void *a, const void *b) {
  const struct order *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->nth > y->nth) - (x->nth < y->nth);
}

static int shard_events(const struct rt_snapshot *shot, uint32_t proj, int (*take)(void *context, const struct rt_proj *p, uint32_t target, double weight),
                        const struct rt_proj *of, void *context) {
  struct order *at = NULL;
  size_t cap = 0, n = 0;
  int e = rt_grow(&at, &cap, shot->n_sent + 1, sizeof *at);
  for (size_t i = 0; !e && i < shot->n_sent; i++) {
    const struct rt_sent *one = &shot->sent[i];
    if (one->proj == proj && one->event) at[n++] = (struct order){(uint64_t)one->source << 32 | one->event, i, one};
  }
  if (n) qsort(at, n, sizeof *at, by_order);
  for (size_t i = 0; !e && i < n; i++) e = take(context, of, at[i].sent->target, at[i].sent->weight);
  rt_drop(&at);
  return e;
}

int rt_plastic_events(struct rt_sim *s, uint32_t parity, size_t which, const struct rt_proj *p,
                      int (*take)(void *context, const struct rt_proj *p, uint32_t target, double weight), void *context) {
  uint32_t proj = (uint32_t)(p - s->projs) - s->n_projs;
  int e = 0;
  for (uint32_t h = s->own0; !e && s->plastics[proj].each && h < s->own1; h++) e = shard_events(&s->shards[h].seen[parity].at[which], proj, take, p, context);
  return e;
}

/* ---- a sampled step */

static int differs(const struct rt_sim *s, const struct rt_plastic *p, uint64_t step, const struct key *one, bool missing) {
  return rt_fail_at(NSL_EVERIFY, p->proj->def->place, "verify: %s at step %llu (t = %.12g ms): the synapse from source %u to target %u with a delay of %u steps %s",
                    p->proj->def->path, (unsigned long long)step, (double)step * s->dt, (uint32_t)(one->who >> 32) - p->proj->s0, (uint32_t)one->who,
                    (uint32_t)(one->when >> 32), missing ? "should have sent, and has not" : "has sent what no spike explains, or once more than it should have");
}

static int keys_compare(const struct rt_sim *s, const struct rt_plastic *p, uint64_t step, struct keys *sent, struct keys *want) {
  keys_sort(sent);
  keys_sort(want);
  for (size_t i = 0; i < sent->n || i < want->n; i++) {
    int order = i >= sent->n ? 1 : i >= want->n ? -1 : by_key(&sent->at[i], &want->at[i]);
    if (order) return differs(s, p, step, order < 0 ? &sent->at[i] : &want->at[i], order > 0);
  }
  if (!p->each) s->verify->n_events += want->n;
  return 0;
}

/* What this projection sent, by a shard: taken off what its accumulators had. */
static int sent_take(struct rt_shard *h, const struct rt_snapshot *shot, uint32_t proj, struct keys *k) {
  const struct rt_plastic *p = &h->sim->plastics[proj];
  const struct rt_slice *c = p->shards[h->index].slice;
  int e = 0;
  for (size_t i = 0; !e && i < shot->n_sent; i++) {
    const struct rt_sent *one = &shot->sent[i];
    if (one->proj != proj) continue;
    if (!p->each) shot->sums[h->seen->from[c - h->slices] + (size_t)p->proj->def->port * c->count + one->target - c->first] -= one->units;
    e = key_add(k, one->source, one->target, one->delay, one->nth);
  }
  return e;
}

int rt_plastic_check(struct rt_sim *s, uint32_t parity, size_t which, uint64_t step) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) {
    struct keys sent = {0}, want = {0};
    for (uint32_t h = s->own0; !e && h < s->own1; h++) e = sent_take(&s->shards[h], &s->shards[h].seen[parity].at[which], i, &sent);
    if (!e) e = expect(s, &s->plastics[i], step, &want);
    if (!e) e = keys_compare(s, &s->plastics[i], step, &sent, &want);
    rt_drop(&sent.at);
    rt_drop(&want.at);
  }
  return e;
}

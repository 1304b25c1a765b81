/* Synapses with memory onto handlers that do more than add: what they send waits as single events, by the step in which it arrives. There
 * the handlers take it among the events of all other synapses, in the order of language.md (events.c): projections as declared, sources,
 * numbers in the source's row, then which of its sends. Nothing of that depends on shards, threads or ranks.
 *
 * A send under a condition that does not hold is no event; the kernel tells so beside the value (lower_send). */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/plastic_lanes.h"
#include "runtime/queue.h"

enum { MOST_SENDS = 256 }; /* rows have less than 2^24 synapses */

/* ---- before the run */

static bool stores_out(const struct nsl_code *code, uint32_t index) {
  for (uint32_t i = 0; code->kernel != NSL_NONE && i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_OUT && code->bindings[i].index == index) return true;
  return false;
}

int rt_each_make(struct rt_sim *s, struct rt_plastic *p) {
  const struct nsl_projection *d = p->proj->def;
  if (d->n_afters > MOST_SENDS)
    return rt_fail_at(NSL_EMODEL, d->place, "%s: more than %d `send` in a handler", d->path, MOST_SENDS);
  p->told = rt_alloc(&s->mem, d->n_afters + 1, sizeof *p->told);
  if (!p->told) return NSL_EMEMORY;
  for (uint32_t i = 0; i < d->n_afters; i++)
    p->told[i] = stores_out(&p->class->learn[NSL_LEARN_PRE], d->n_afters + i) ||
                 stores_out(&p->class->learn[NSL_LEARN_PRE_FROZEN], d->n_afters + i);
  return 0;
}

int rt_each_begin(struct rt_sim *s, struct rt_plastic_shard *q) {
  q->waiting = rt_alloc(&s->mem, q->of->sums, sizeof *q->waiting);
  return q->waiting ? 0 : NSL_EMEMORY;
}

void rt_each_drop(struct rt_plastic_shard *q) {
  for (uint32_t k = 0; q->waiting && k < q->of->sums; k++) rt_drop(&q->waiting[k].at);
  rt_drop(&q->number);
}

/* ---- what is sent */

bool rt_each_sends(const struct rt_plastic_shard *q, uint32_t nth, uint32_t lane) {
  return !q->of->told[nth] ||
         rt_real(q->shard->sim, q->lanes->out[q->of->proj->def->n_afters + nth], lane) != 0;
}

static int put(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step,
               uint32_t nth) {
  const struct rt_proj *proj = q->of->proj;
  const struct rt_sim *s = q->shard->sim;
  uint64_t arrival = step + g->dendritic + q->of->after[nth];
  struct rt_waiting *to = &q->waiting[arrival & (q->of->sums - 1)];
  if (rt_grow(&to->at, &to->cap, (size_t)to->n + g->n, sizeof *to->at)) return NSL_EMEMORY;
  for (uint32_t i = 0; i < g->n; i++) {
    double weight = rt_real(s, q->lanes->out[nth], i);
    if (!rt_each_sends(q, nth, i)) continue;
    if (!isfinite(weight)) return rt_plastic_odd(q->of, step);
    to->at[to->n++] = (struct rt_apart){(uint64_t)proj->rank << 32 | (proj->s0 + row),
                                        q->number[g->at + i] * proj->def->n_afters + nth,
                                        q->slice->first + q->target[g->at + i], weight};
  }
  if (to->n > q->most_waiting) q->most_waiting = to->n;
  return 0;
}

int rt_each_send(struct rt_plastic_shard *q, const struct rt_segment *g, uint32_t row, uint64_t step) {
  int e = 0;
  for (uint32_t nth = 0; !e && nth < q->of->proj->def->n_afters; nth++) e = put(q, g, row, step, nth);
  return e;
}

/* For all that is due in a step, and as much again to sort it. */
int rt_each_room(struct rt_shard *h) {
  size_t n = 0;
  for (uint32_t i = 0; i < h->sim->n_plastic; i++) n += h->sim->plastics[i].shards[h->index].most_waiting;
  return rt_grow(&h->learnt, &h->learnt_cap, 2 * n, sizeof *h->learnt);
}

/* ---- what is due */

static bool is_before(const struct rt_apart *a, const struct rt_apart *b) {
  return a->key < b->key || (a->key == b->key && a->number < b->number);
}

/* From runs of `width` in one array to runs of twice that in the other. Equal ones keep their order: a cell with a finer step may spike
 * twice within a step. */
static void merge(const struct rt_apart *from, struct rt_apart *to, uint32_t n, uint32_t width) {
  for (uint32_t at = 0; at < n; at += 2 * width) {
    uint32_t i = at, middle = width < n - at ? at + width : n, j = middle,
             end = 2 * width < n - at ? at + 2 * width : n;
    for (uint32_t k = at; k < end; k++)
      to[k] = i < middle && (j == end || !is_before(&from[j], &from[i])) ? from[i++] : from[j++];
  }
}

static bool is_sorted(const struct rt_apart *a, uint32_t n) {
  for (uint32_t i = 1; i < n; i++)
    if (is_before(&a[i], &a[i - 1])) return false;
  return true;
}

void rt_each_gather(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  uint32_t n = 0;
  h->at_learnt = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    struct rt_plastic_shard *q = &p->shards[h->index];
    struct rt_waiting *due = q->waiting ? &q->waiting[step & (p->sums - 1)] : NULL;
    if (!due || !due->n) continue;
    memcpy(h->learnt + n, due->at, due->n * sizeof *due->at);
    n += due->n;
    due->n = 0;
  }
  h->n_learnt = n;
  if (is_sorted(h->learnt, n)) return;
  struct rt_apart *own = h->learnt, *other = h->learnt + n;
  for (uint32_t width = 1; width < n; width *= 2) {
    merge(own, other, n, width);
    struct rt_apart *done = other;
    other = own;
    own = done;
  }
  if (own != h->learnt) memcpy(h->learnt, own, n * sizeof *own);
}

/* ---- the state hash */

uint64_t rt_each_hash(const struct rt_plastic_shard *q) {
  const struct rt_sim *s = q->shard->sim;
  uint64_t sum = 0, bits;
  for (uint32_t k = 1; k < q->of->sums; k++) {
    const struct rt_waiting *waiting = &q->waiting[(s->step + k) & (q->of->sums - 1)];
    for (uint32_t i = 0; i < waiting->n; i++) {
      memcpy(&bits, &waiting->at[i].weight, sizeof bits);
      sum += rt_hash_apart((uint64_t)q->of->proj->port << 32 | waiting->at[i].element, s->step + k,
                           waiting->at[i].number, waiting->at[i].key, bits);
    }
  }
  return sum;
}

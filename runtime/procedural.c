/* Events through queues: rows that are not stored (anew.c), or stored by source (streams.c).
 *
 * Of each step the spikes are kept as long as a delay may last. Where all synapses of a way (ways.h) have one delay,
 * a spike waits until it is due in the interval that comes, and its row is made or read then; with more delays
 * behind the interval in which the cell spiked. A plan, written by one thread, cuts this work into items (some
 * spikes of one step along one way), which all threads take, and puts the events into queues by shard and step
 * (queue.h). When all have met, each owner adds what is there for its shards: sums of integers, so the order of the
 * events does not show. Where a step has so many events that they would not fit, they come in portions, and owners
 * add between them. */
#include "runtime/procedural.h"

#include <math.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/events.h"
#include "runtime/rules.h"
#include "runtime/streams.h"
#include "runtime/threads.h"

enum { ITEM_EVENTS = 1 << 16, ITEM_SHARD = 1 << 11, POOL_MOST_MB = 8192, PLANNED_MB = 256, LEAST_MB = 16, AHEAD = 4 };

struct past { /* spikes of one step */
  uint32_t *ids;
  size_t cap;
  uint32_t *ends; /* by population */
};
struct item {
  uint64_t step; /* of the spikes */
  uint32_t way, from, to;
};
struct portion {
  uint32_t begin, end, steps; /* items; steps that can be run behind it, 0: events are to be added first */
  _Atomic uint32_t next;
};

struct rt_procedural {
  struct rt_mem mem;
  struct rt_pool pool;
  struct rt_way *ways;
  uint32_t n_ways;
  rt_send_fn *send;
  rt_take_fn *add, *behind;
  struct rt_maker *makers;
  struct rt_owner *owners; /* by population */
  struct past *past;       /* by step & mask */
  uint32_t past_mask;
  struct item *items;
  struct portion *portions;
  size_t items_cap, portions_cap;
  uint32_t n_items, n_portions, plan;
  uint64_t done;    /* spikes with drawn delays have been made up to this step */
  double planned;   /* bytes of one portion */
  uint32_t item_events;
  _Atomic uint32_t failed, torn; /* torn: events were lost in a step; told at the next meeting */
};

/* ---- memory */

static uint32_t steps_queued(const struct rt_sim *s, const struct rt_procedural *q) {
  uint32_t late = 0, n = 2;
  for (uint32_t i = 0; i < q->n_ways; i++)
    if (q->ways[i].late) late = s->max_delay;
  while (n < s->interval + late + 1) n *= 2;
  return n;
}

/* One row, bins, and the least memory for events in which portions are still large. */
double rt_procedural_bytes(const struct rt_sim *s) {
  double events = 0, steps = 64, row = 0;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    events += p->expected * rt_anew_size(p);
    if (p->drawn_delay) steps = 256; /* roughly */
    row = fmax(row, p->sn ? p->expected / p->sn : 0);
  }
  double rows = row * s->threads * (2 * sizeof(uint32_t) + 2 * sizeof(double));
  return fmin(events, LEAST_MB * 1e6) + rows + steps * s->n_shards * s->threads * (sizeof(struct rt_bin) + sizeof(uint32_t));
}

static int past_make(struct rt_sim *s, struct rt_procedural *q) {
  uint32_t n = 2;
  while (n < s->max_delay + s->batch + 1) n *= 2;
  q->past_mask = n - 1;
  q->past = rt_alloc(&q->mem, n, sizeof *q->past);
  uint32_t *ends = rt_alloc(&q->mem, (uint64_t)n * s->n_pops, sizeof *ends);
  if (!q->past || !ends) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++) q->past[i].ends = ends + (uint64_t)i * s->n_pops;
  return 0;
}

static int makers_make(struct rt_sim *s, struct rt_procedural *q) {
  bool kinds[RT_N_ARRIVALS] = {false};
  for (uint32_t i = 0; i < s->n_projs; i++) kinds[rt_arrival(&s->projs[i])] = true;
  q->makers = rt_alloc(&q->mem, s->threads, sizeof *q->makers);
  q->owners = rt_alloc(&q->mem, s->n_pops, sizeof *q->owners);
  if (!q->makers || !q->owners) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) e = rt_owner_make(s, &s->pops[i], &q->owners[i]);
  for (uint32_t i = 0; !e && i < s->threads; i++) {
    q->makers[i].synapses = (struct rt_synapses){.s = s};
    e = rt_queue_make(&q->makers[i].queue, &q->mem, &q->pool, s->n_shards, steps_queued(s, q), kinds);
  }
  return e;
}

int rt_procedural_make(struct rt_sim *s) {
  struct rt_procedural *q = rt_alloc(&s->mem, 1, sizeof *q);
  if (!q) return NSL_EMEMORY;
  s->procedural = q;
  double most = fmin((double)rt_memory_left() / 2, POOL_MOST_MB * 1e6);
  q->planned = fmin(most / 2, PLANNED_MB * 1e6);
  q->item_events = s->n_shards * ITEM_SHARD > ITEM_EVENTS ? s->n_shards * ITEM_SHARD : ITEM_EVENTS;
  q->done = s->step;
  int e = rt_pool_make(&q->pool, &q->mem, (uint64_t)most, (uint64_t)q->planned);
  if (!e) e = past_make(s, q);
  if (!e) e = s->streams ? rt_stream_ways(s, &q->mem, &q->ways, &q->n_ways) : rt_anew_ways(s, &q->mem, &q->ways, &q->n_ways);
  q->send = s->streams ? rt_stream_send : rt_anew_send;
  q->add = s->streams ? rt_stream_add : rt_anew_add;
  q->behind = s->streams ? rt_stream_behind : rt_anew_behind;
  return e ? e : makers_make(s, q);
}

void rt_procedural_drop(struct rt_sim *s) {
  struct rt_procedural *q = s->procedural;
  if (!q) return;
  for (uint32_t i = 0; q->makers && i < s->threads; i++) {
    struct rt_maker *m = &q->makers[i];
    rt_synapses_drop(&m->synapses);
    void *scratch[] = {&m->words, &m->targets, &m->delays, &m->weights};
    for (size_t k = 0; k < sizeof scratch / sizeof *scratch; k++) rt_drop(scratch[k]);
  }
  for (uint32_t i = 0; q->past && i <= q->past_mask; i++) rt_drop(&q->past[i].ids);
  rt_drop(&q->items);
  rt_drop(&q->portions);
  rt_mem_free(&q->mem);
  s->procedural = NULL;
}

/* ---- spikes */

static int past_take(struct past *to, const uint32_t *ids, uint64_t n, uint64_t *at) {
  if (rt_grow(&to->ids, &to->cap, *at + n, sizeof *to->ids)) return NSL_EMEMORY;
  memcpy(to->ids + *at, ids, n * sizeof *ids);
  *at += n;
  return 0;
}

/* Spikes of one population in one step: those of its parts, in order. */
static int pop_take(struct rt_sim *s, const struct rt_pop *p, struct past *to, uint64_t *at, uint32_t in_batch,
                    uint32_t parity) {
  for (uint32_t i = 0; p->n_groups && i < p->n_parts; i++) {
    const struct rt_shard *h = &s->shards[p->parts[i].shard];
    const struct rt_spikes *in = &h->spikes[parity];
    const uint64_t *end = in->ends + (size_t)in_batch * h->n_slices + p->parts[i].slice;
    uint64_t begin = end == in->ends ? 0 : end[-1];
    if (*end > begin && past_take(to, in->ids + begin, *end - begin, at)) return NSL_EMEMORY;
  }
  return 0;
}

int rt_procedural_spikes(struct rt_sim *s, uint64_t from, uint32_t in_batch, uint32_t n_steps, uint32_t parity) {
  struct rt_procedural *q = s->procedural;
  for (uint32_t j = 0; j < n_steps; j++) {
    struct past *to = &q->past[(from + j) & q->past_mask];
    uint64_t at = 0;
    for (uint32_t i = 0; i < s->n_pops; i++) {
      if (pop_take(s, &s->pops[i], to, &at, in_batch + j, parity)) return NSL_EMEMORY;
      to->ends[i] = (uint32_t)at;
    }
  }
  return 0;
}

/* Spikes of a population in a step. */
static void spikes_of(const struct rt_procedural *q, const struct rt_pop *p, uint64_t step, uint32_t *ret_from,
                      uint32_t *ret_to) {
  const struct past *at = &q->past[step & q->past_mask];
  uint32_t pop = p->index;
  *ret_from = pop ? at->ends[pop - 1] : 0;
  *ret_to = at->ends[pop];
}

const uint32_t *rt_procedural_past(const struct rt_sim *s, const struct rt_pop *p, uint64_t step, uint64_t *ret_n) {
  const struct rt_procedural *q = s->procedural;
  uint32_t from, to;
  spikes_of(q, p, step, &from, &to);
  *ret_n = to - from;
  return to > from ? q->past[step & q->past_mask].ids + from : NULL;
}

/* ---- the plan */

static int portion_end(struct rt_procedural *q, uint32_t steps) {
  if (rt_grow(&q->portions, &q->portions_cap, q->n_portions + 1, sizeof *q->portions)) return NSL_EMEMORY;
  struct portion *p = &q->portions[q->n_portions];
  p->begin = q->n_portions ? p[-1].end : 0;
  p->end = q->n_items;
  p->steps = steps;
  p->next = p->begin;
  q->n_portions++;
  return 0;
}

/* Items of one step's spikes along one way. *had: bytes in this portion; with `cut` it ends when it is full. */
static int items_add(struct rt_procedural *q, const struct rt_way *w, uint64_t step, bool cut, double *had) {
  uint32_t from, to;
  double row = fmax(w->row, 1);
  uint32_t most = (uint32_t)fmax(1, q->item_events / row);
  spikes_of(q, w->source, step, &from, &to);
  for (; from < to; from += most) {
    uint32_t end = to - from < most ? to : from + most;
    if (rt_grow(&q->items, &q->items_cap, q->n_items + 1, sizeof *q->items)) return NSL_EMEMORY;
    q->items[q->n_items++] = (struct item){step, (uint32_t)(w - q->ways), from, end};
    *had += (end - from) * row * w->size;
    if (!cut || *had < q->planned) continue;
    if (portion_end(q, 0)) return NSL_EMEMORY;
    *had = 0;
  }
  return 0;
}

/* Bytes of the events that are due at a step and have still to be made. */
static double due_bytes(const struct rt_procedural *q, uint64_t step) {
  double bytes = 0;
  for (uint32_t i = 0; i < q->n_ways; i++) {
    const struct rt_way *w = &q->ways[i];
    uint32_t from, to;
    if (w->late || step <= w->delay) continue;
    spikes_of(q, w->source, step - w->delay, &from, &to);
    bytes += (to - from) * w->row * w->size;
  }
  return bytes;
}

/* All that is due at a step; if it is too much, what accumulators take first, in portions. */
static int step_plan(struct rt_procedural *q, uint64_t step, bool cut, double *had) {
  for (int add = 1; add >= 0; add--)
    for (uint32_t i = 0; i < q->n_ways; i++) {
      const struct rt_way *w = &q->ways[i];
      if (w->late || step <= w->delay || (w->arrival == RT_ARRIVE_ADD) != add) continue;
      if (items_add(q, w, step - w->delay, cut && add, had)) return NSL_EMEMORY;
    }
  return 0;
}

static int late_plan(struct rt_sim *s, uint64_t until) {
  struct rt_procedural *q = s->procedural;
  double had = 0;
  uint64_t first = until > s->max_delay ? until - s->max_delay : 0;
  if (q->done > first) first = q->done;
  for (uint64_t step = first + 1; step <= until; step++)
    for (uint32_t i = 0; i < q->n_ways; i++)
      if (q->ways[i].late && items_add(q, &q->ways[i], step, false, &had)) return NSL_EMEMORY;
  q->done = until;
  return 0;
}

int rt_procedural_plan(struct rt_sim *s, uint64_t from, uint32_t n) {
  struct rt_procedural *q = s->procedural;
  q->n_items = q->n_portions = 0;
  q->plan++;
  int e = late_plan(s, from - 1);
  double had = 0;
  uint32_t steps = 0;
  for (uint32_t i = 0; !e && i < n; i++) {
    double bytes = due_bytes(q, from + i);
    if (steps && had + bytes > q->planned) {
      e = portion_end(q, steps);
      steps = 0;
      had = 0;
    }
    if (!e) e = step_plan(q, from + i, bytes > q->planned, &had);
    steps++;
  }
  if (!e) e = portion_end(q, steps);
  if (!e) e = rt_procedural_whole(s);
  if (e) q->failed = 1;
  return e;
}

/* ---- making events */

static int item_make(struct rt_maker *m, const struct item *item) {
  const struct rt_sim *s = m->synapses.s;
  const struct rt_procedural *q = s->procedural;
  const struct rt_way *w = &q->ways[item->way];
  const uint32_t *ids = q->past[item->step & q->past_mask].ids;
  uint64_t step = w->late ? item->step : item->step + w->delay;
  rt_queue_open(&m->queue, w->arrival, w->index, w->size, step, w->late);
  m->queue.scatter.owner = q->owners[w->proj->target->index];
  for (uint32_t i = item->from; s->streams && i < item->from + AHEAD && i < item->to; i++) rt_stream_ask(s, w, ids + i, item->to - i);
  for (uint32_t i = item->from; i < item->to; i++) {
    uint32_t left = i + AHEAD < item->to ? item->to - i - AHEAD : 0;
    if (left && s->streams) rt_stream_ask(s, w, ids + i + AHEAD, left);
    else if (left) rt_rule_ask(w->proj, ids[i + AHEAD]);
    if (ids[i] < w->s0 || ids[i] - w->s0 >= w->sn) continue;
    int e = q->send(m, w, ids[i], item->step);
    if (e) return e;
  }
  return 0;
}

static int queue_full(const struct rt_sim *s) {
  return rt_fail(NSL_EMEMORY,
                 "at t = %.6g ms the events under way need more than the %.3g GB of memory that are left for them; with "
                 "shorter delays, or fewer spikes, there are fewer",
                 (double)s->step * s->dt, (double)s->procedural->pool.n * RT_CHUNK / 1e9);
}

static int portion_make(struct rt_sim *s, struct rt_maker *m, struct portion *p) {
  struct rt_procedural *q = s->procedural;
  int e = 0;
  for (uint32_t i; !e && !q->failed && (i = atomic_fetch_add(&p->next, 1)) < p->end;) {
    e = item_make(m, &q->items[i]);
    if (!e && m->queue.full) e = queue_full(s);
  }
  rt_queue_close(&m->queue);
  if (e) q->failed = 1;
  return e;
}

uint32_t rt_procedural_next(struct rt_sim *s, uint32_t thread, uint64_t step, int *ret_e) {
  struct rt_procedural *q = s->procedural;
  struct rt_maker *m = &q->makers[thread];
  if (m->plan != q->plan) m->portion = 0;
  m->plan = q->plan;
  uint32_t n = s->own1 - s->own0, h0 = s->own0 + n * thread / s->threads, h1 = s->own0 + n * (thread + 1) / s->threads;
  for (;;) {
    struct portion *p = &q->portions[m->portion++];
    int e = q->failed ? 0 : portion_make(s, m, p);
    rt_barrier(s->team, thread);
    if (q->failed) {
      *ret_e = e;
      return 0;
    }
    if (p->steps) return p->steps;
    for (uint32_t h = h0; h < h1; h++) rt_procedural_add(&s->shards[h], step);
    rt_barrier(s->team, thread);
  }
}

/* ---- taking them */

static void runs_take(struct rt_shard *h, uint64_t step, enum rt_arrival kind, rt_take_fn *take) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->threads; i++) {
    struct rt_queue *q = &s->procedural->makers[i].queue;
    struct rt_bin *bin = rt_queue_bin(q, kind, step, h->index);
    struct rt_walk w = {0};
    if (!bin) continue;
    for (const struct rt_run *run; (run = rt_queue_next(q, bin, &w));) h->delivery.n_delivered += take(h, run);
    rt_queue_empty(q, bin);
  }
}

void rt_procedural_add(struct rt_shard *h, uint64_t step) { runs_take(h, step, RT_ARRIVE_ADD, h->sim->procedural->add); }

void rt_procedural_behind(struct rt_shard *h, uint64_t step) {
  runs_take(h, step, RT_ARRIVE_BEHIND, h->sim->procedural->behind);
}

static uint64_t run_apart(struct rt_shard *h, const struct rt_run *run) {
  const struct rt_apart *events = (const struct rt_apart *)(const void *)(run + 1);
  uint64_t n = rt_run_bytes(run) / sizeof *events;
  if (rt_grow(&h->apart, &h->apart_cap, h->n_apart + n, sizeof *h->apart)) {
    h->sim->procedural->torn = 1;
    return 0;
  }
  memcpy(h->apart + h->n_apart, events, n * sizeof *events);
  h->n_apart += (uint32_t)n;
  return n;
}

static bool apart_before(const struct rt_apart *a, const struct rt_apart *b) {
  return a->key < b->key || (a->key == b->key && a->number < b->number);
}

static void apart_sift(struct rt_apart *a, uint32_t at, uint32_t n) {
  struct rt_apart x = a[at];
  for (uint32_t k; (k = 2 * at + 1) < n; at = k) {
    if (k + 1 < n && apart_before(&a[k], &a[k + 1])) k++;
    if (!apart_before(&x, &a[k])) break;
    a[at] = a[k];
  }
  a[at] = x;
}

/* Heapsort: no memory, no bad case; no two events are equal. */
void rt_procedural_gather(struct rt_shard *h, uint64_t step) {
  h->n_apart = h->at_apart = 0;
  runs_take(h, step, RT_ARRIVE_APART, run_apart);
  for (uint32_t i = h->n_apart / 2; i-- > 0;) apart_sift(h->apart, i, h->n_apart);
  for (uint32_t i = h->n_apart; i-- > 1;) {
    struct rt_apart x = h->apart[0];
    h->apart[0] = h->apart[i];
    h->apart[i] = x;
    apart_sift(h->apart, 0, i);
  }
}

int rt_procedural_whole(const struct rt_sim *s) {
  if (!s->procedural || !s->procedural->torn) return 0;
  return rt_fail(NSL_EMEMORY, "out of memory: the events of one step do not fit");
}

/* ---- spikes under way, for the hash of the state */

static uint64_t row_hash(struct rt_sim *s, struct rt_maker *m, const struct rt_proj *p, uint32_t source, uint64_t step) {
  struct rt_row_of row;
  uint64_t sum = 0;
  if (rt_synapses_of(&m->synapses, p, source, &row)) return 0;
  bool apart = rt_arrival(p) == RT_ARRIVE_APART, behind = rt_arrival(p) == RT_ARRIVE_BEHIND;
  for (uint64_t i = 0; i < row.n; i++) {
    uint64_t due = step + (row.delay ? row.delay[i] : p->delay_steps);
    double weight = row.weight ? row.weight[i] : p->weight;
    uint64_t bits, target = (uint64_t)p->port << 32 | row.target[i];
    memcpy(&bits, &weight, sizeof bits);
    if (due <= s->step || !rt_is_own(s, p->target->lanes[row.target[i] / 64].shard)) continue;
    sum += apart ? rt_hash_apart(target, due, i, source, bits)
                 : rt_hash_event(target, due, behind ? bits : (uint64_t)rt_weight_units(p, weight));
  }
  return sum;
}

uint64_t rt_procedural_hash(const struct rt_sim *sim) {
  struct rt_sim *s = (struct rt_sim *)sim;
  struct rt_procedural *q = s->procedural;
  uint64_t sum = 0;
  for (uint64_t step = s->step > s->max_delay ? s->step - s->max_delay + 1 : 1; step <= s->step; step++)
    for (uint32_t k = 0; k < s->n_projs; k++) {
      const struct rt_proj *p = &s->projs[k];
      uint32_t from, to;
      spikes_of(q, p->source, step, &from, &to);
      for (uint32_t i = from; i < to; i++) {
        uint32_t id = q->past[step & q->past_mask].ids[i];
        if (id >= p->s0 && id - p->s0 < p->sn) sum += row_hash(s, &q->makers[0], p, id, step);
      }
    }
  return sum;
}

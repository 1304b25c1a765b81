/* Handlers that do more than add: each event runs its handler, in the order of language.md (port,
 * `connect` as declared, source, number in the source's row), behind them those of drives in their order.
 *
 * Synapses onto such ports lie apart (hot.h): every projection has rows of its own, a synapse its number
 * in the row and its weight as it was given. What is due in a step is gathered from the list of spikes
 * under way and sorted by (rank of the projection, source); buckets of one row that are due at once, with
 * different delays, are merged by number. Events go to the generated handler in batches; nothing here
 * depends on shards or threads, since a target has all its events in one shard.
 *
 * Of a population with a longer step what arrives within it waits, by port and in this order step by step, and is handled at its end. */
#include "runtime/events.h"

#include <string.h>

#include "runtime/drive.h"
#include "runtime/error.h"
#include "runtime/procedural.h"
#include "runtime/queue.h"
#include "runtime/verify.h"

enum { BATCH = 256, PREFETCH = 4, LINES = 16 };

/* ---- before the run */

bool rt_port_each(const struct rt_pop *p, uint32_t port) { return p->class->ports[port].each != 0; }

struct rt_proj *rt_declared_next(const struct rt_sim *s, struct rt_declared *at) {
  struct rt_proj *a = at->plain < s->n_projs ? &s->projs[at->plain] : NULL;
  struct rt_proj *b = at->plastic < s->n_plastic ? &s->projs[s->n_projs + at->plastic] : NULL;
  if (a && (!b || a->index < b->index)) {
    at->plain++;
    return a;
  }
  if (b) at->plastic++;
  return b;
}

/* Numbers the projections onto such ports in the order in which their events are handled. */
void rt_events_rank(struct rt_sim *s) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->n_projs + s->n_plastic; i++) {
    struct rt_proj *p = &s->projs[i];
    if (rt_port_each(p->target, p->def->port)) s->ports[p->port].n_ranks++;
  }
  for (uint32_t i = 0; i < s->n_ports; i++) {
    s->ports[i].rank0 = n;
    n += s->ports[i].n_ranks;
    s->ports[i].n_ranks = 0;
  }
  struct rt_declared at = {0};
  for (struct rt_proj *p; (p = rt_declared_next(s, &at));) {
    if (rt_port_each(p->target, p->def->port))
      p->rank = s->ports[p->port].rank0 + s->ports[p->port].n_ranks++;
  }
  s->n_ranks = n;
}

int rt_events_pop(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *c = p->class;
  if (!c->has_finish) return 0;
  p->olds = rt_alloc(&s->mem, c->n_states, sizeof *p->olds);
  if (!p->olds) return NSL_EMEMORY;
  for (uint32_t i = 0; i < c->finish.n_bindings; i++) {
    if (c->finish.bindings[i].kind != NSL_SLOT_OLD) continue;
    void **old = &p->olds[c->finish.bindings[i].index];
    if (!(*old = rt_alloc(&s->mem, p->padded, s->real_size))) return NSL_EMEMORY;
  }
  if (!c->numbered) return 0;
  p->counts = rt_alloc(&s->mem, p->padded, sizeof *p->counts);
  return p->counts ? 0 : NSL_EMEMORY;
}

int rt_events_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c) {
  const struct nsl_class *k = c->pop->class;
  if (!k->has_finish) return 0;
  c->receive = rt_alloc(&s->mem, k->n_ports, sizeof *c->receive);
  if (!c->receive) return NSL_EMEMORY;
  for (uint32_t q = 0; q < k->n_ports; q++) {
    if (!k->ports[q].each) continue;
    c->receive[q].kernel = rt_kernel(s, &k->ports[q].receive);
    int e = rt_slots(s, c->pop, &k->ports[q].receive, &c->receive[q].slots);
    if (e) return e;
  }
  if (!h->batch) h->batch = rt_alloc(&s->mem, BATCH, sizeof *h->batch);
  if (c->pop->every > 1 && !(c->later = rt_alloc(&s->mem, k->n_ports, sizeof *c->later))) return NSL_EMEMORY;
  return h->batch ? 0 : NSL_EMEMORY;
}

int rt_events_room(struct rt_shard *h) {
  return h->batch ? rt_grow(&h->due, &h->due_cap, h->events_cap, sizeof *h->due) : 0;
}

/* ---- what is due */

static void sift(struct rt_due *a, uint32_t at, uint32_t n) {
  struct rt_due x = a[at];
  for (uint32_t k; (k = 2 * at + 1) < n; at = k) {
    if (k + 1 < n && a[k + 1].key > a[k].key) k++;
    if (a[k].key <= x.key) break;
    a[at] = a[k];
  }
  a[at] = x;
}

/* Heapsort: no memory, no bad case. Keys that are equal are merged later. */
static void due_sort(struct rt_due *a, uint32_t n) {
  for (uint32_t i = n / 2; i-- > 0;) sift(a, i, n);
  for (uint32_t i = n; i-- > 1;) {
    struct rt_due x = a[0];
    a[0] = a[i];
    a[i] = x;
    sift(a, 0, i);
  }
}

void rt_events_gather(struct rt_shard *h, uint64_t step) {
  const struct rt_delivery *d = &h->delivery;
  h->n_due = h->at_due = h->at_apart = 0;
  if (h->sim->procedural) rt_procedural_gather(h, step);
  if (!d->apart_lists || h->sim->procedural) return;
  for (uint32_t i = d->apart_lists[step & d->mask]; i; i = d->events[i].next) {
    const struct rt_event *e = &d->events[i];
    h->due[h->n_due++] = (struct rt_due){(uint64_t)e->group << 32 | d->store[e->at + 1], i, 0};
  }
  due_sort(h->due, h->n_due);
}

/* Events go into the lists of their next buckets, or are free. */
void rt_events_go_on(struct rt_shard *h, uint64_t step) {
  struct rt_delivery *d = &h->delivery;
  if (!d->apart_lists || h->sim->procedural) return;
  d->apart_lists[step & d->mask] = 0;
  for (uint32_t i = 0; i < h->n_due; i++) {
    struct rt_event *e = &d->events[h->due[i].event];
    uint64_t header = d->store[e->at];
    uint32_t n = (uint32_t)header, *list = &d->free;
    d->n_delivered += e->n;
    d->n_read += RT_UNITS_APART(e->n);
    if (n) {
      e->at += RT_UNITS_APART(e->n);
      e->n = n;
      list = &d->apart_lists[(step + (header >> 32)) & d->mask];
    }
    e->next = *list;
    *list = h->due[i].event;
  }
}

/* ---- to the handlers */

struct handling {
  struct rt_shard *h;
  const struct rt_slice *slice;
  struct nsl_env env;
  uint32_t port, n;
  struct rt_later *later; /* NULL: they are handled now */
};

static void flush(struct handling *g) {
  if (!g->n) return;
  g->env.slots = g->slice->receive[g->port].slots;
  g->env.count = g->n;
  g->slice->receive[g->port].kernel(&g->env);
  g->n = 0;
}

static void wait(struct handling *g, uint32_t element, double weight) {
  struct rt_later *to = g->later;
  if (rt_grow(&to->at, &to->cap, to->n + 1, sizeof *to->at)) g->h->torn = true;
  else to->at[to->n++] = (struct nsl_event){element, 0, weight};
}

static void push(struct handling *g, uint32_t element, double weight) {
  if (g->later) {
    wait(g, element, weight);
    return;
  }
  struct rt_count *count = g->slice->pop->counts ? &g->slice->pop->counts[element] : NULL;
  if (count) {
    count->n = count->step == (uint32_t)g->env.step ? count->n + 1 : 0;
    count->step = (uint32_t)g->env.step;
  }
  if (g->n == BATCH) flush(g);
  g->h->batch[g->n++] = (struct nsl_event){element, count ? count->n : 0, weight};
}

/* An event of a synapse, not of a drive. */
static void arrive(struct handling *g, uint32_t element, double weight) {
  if (g->h->snapshot) rt_verify_event(g->h, g->slice->pop->port0 + g->port, element, weight);
  push(g, element, weight);
}

static void synapse(struct handling *g, const uint64_t *at) {
  const struct rt_slice *c = g->slice;
  double weight;
  memcpy(&weight, &at[1], sizeof weight);
  arrive(g, c->first + (uint16_t)at[0] - c->base, weight);
}

static void bucket(struct handling *g, const struct rt_event *e) {
  const uint64_t *at = g->h->delivery.store + e->at + RT_UNITS_APART(0);
  for (uint32_t i = 0; i < e->n; i++, at += 2) synapse(g, at);
}

/* All buckets of one row that are due: their synapses in order of number. */
static void row(struct handling *g, struct rt_due *due, uint32_t n) {
  const struct rt_delivery *d = &g->h->delivery;
  if (n == 1) {
    bucket(g, &d->events[due->event]);
    return;
  }
  for (;;) {
    struct rt_due *first = NULL;
    const uint64_t *best = NULL;
    for (uint32_t i = 0; i < n; i++) {
      const struct rt_event *e = &d->events[due[i].event];
      const uint64_t *at = d->store + e->at + RT_UNITS_APART(due[i].at);
      if (due[i].at == e->n || (best && at[0] >> 16 >= best[0] >> 16)) continue;
      best = at;
      first = &due[i];
    }
    if (!first) return;
    first->at++;
    synapse(g, best);
  }
}

static void prefetch(const struct rt_delivery *d, const struct rt_event *e) {
  const char *line = (const char *)(d->store + e->at), *end = line + RT_UNITS_APART(e->n) * sizeof *d->store;
  for (int i = 0; i < LINES && line < end; i++, line += 64) __builtin_prefetch(line, 0, 3);
}

/* The next row that is stored by shard. */
static void due_row(struct handling *g) {
  struct rt_shard *h = g->h;
  struct rt_due *due = &h->due[h->at_due];
  uint32_t n = 1, ahead = h->at_due + PREFETCH;
  if (ahead < h->n_due) prefetch(&h->delivery, &h->delivery.events[h->due[ahead].event]);
  while (h->at_due + n < h->n_due && due[n].key == due->key) n++;
  row(g, due, n);
  h->at_due += n;
}

/* Three lists, each sorted; no projection is in two of them. */
static void connections(struct handling *g) {
  struct rt_shard *h = g->h;
  const struct rt_port *port = &h->sim->ports[g->slice->pop->port0 + g->port];
  uint64_t end = (uint64_t)(port->rank0 + port->n_ranks) << 32;
  for (;;) {
    uint64_t due = h->at_due < h->n_due ? h->due[h->at_due].key : end, apart = h->at_apart < h->n_apart ? h->apart[h->at_apart].key : end;
    uint64_t learnt = h->at_learnt < h->n_learnt ? h->learnt[h->at_learnt].key : end, other = apart < learnt ? apart : learnt;
    if (due >= end && other >= end) return;
    if (due < other) {
      due_row(g);
      continue;
    }
    const struct rt_apart *one = apart < learnt ? &h->apart[h->at_apart++] : &h->learnt[h->at_learnt++];
    arrive(g, one->element, one->weight);
  }
}

static void push_drive(void *context, uint32_t element, int64_t count, double weight) {
  for (int64_t k = 0; k < count; k++) push(context, element, weight);
}

static void drives(struct handling *g, uint64_t step) {
  for (uint32_t k = 0; k < g->h->n_events; k++) {
    struct rt_drive_part *part = &g->h->drives[k];
    if (part->slice == g->slice && part->drive->def->port == g->port)
      rt_drive_give(g->h, part, step, &(struct rt_taker){push_drive, g});
  }
}

void rt_events_wait(struct rt_shard *h, const struct rt_slice *c, uint64_t step) {
  struct handling g = {.h = h, .slice = c};
  for (g.port = 0; c->later && g.port < c->pop->class->n_ports; g.port++) {
    if (!rt_port_each(c->pop, g.port)) continue;
    g.later = &c->later[g.port];
    connections(&g);
    drives(&g, step);
  }
}

void rt_events_handle(struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env) {
  struct handling g = {.h = h, .slice = c, .env = *env};
  g.env.first = 0;
  g.env.events = h->batch;
  for (g.port = 0; g.port < c->pop->class->n_ports; g.port++) {
    if (!rt_port_each(c->pop, g.port)) continue;
    struct rt_later *later = c->later ? &c->later[g.port] : NULL;
    for (uint64_t i = 0; later && i < later->n; i++) push(&g, later->at[i].element, later->at[i].weight);
    if (later) later->n = 0;
    if (!later) connections(&g);
    if (!later) drives(&g, env->step);
    flush(&g);
  }
}

int rt_events_whole(const struct rt_shard *h) {
  return h->torn ? rt_fail(NSL_EMEMORY, "out of memory: the events that wait for the end of a longer step do not fit") : 0;
}

void rt_events_drop(struct rt_sim *s) {
  for (uint32_t h = 0; s->shards && h < s->n_shards; h++)
    for (uint32_t i = 0; s->shards[h].slices && i < s->shards[h].n_slices; i++) {
      const struct rt_slice *c = &s->shards[h].slices[i];
      for (uint32_t q = 0; c->later && q < c->pop->class->n_ports; q++) rt_drop(&c->later[q].at);
    }
}

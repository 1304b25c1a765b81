/* Synapses with memory in a checkpoint: one walk over what they keep, which writes or reads. See state.c.
 *
 * What is kept lies shard by shard, and shards are a property of the model: any number of threads and ranks reads what any other has
 * written. Arrays go piece by piece. Of several ranks the owner of a shard sends its pieces to the first, which writes; all read
 * everything and keep what is theirs (shelf.c). All rows have caught up with the step, so their postsynaptic spikes are those behind it. */
#include <string.h>

#include "runtime/checkpoint.h"
#include "runtime/plastic.h"
#include "runtime/queue.h"
#include "runtime/shelf.h"

static bool waits_well(const struct rt_proj *p, const struct rt_slice *c, const struct rt_apart *one) {
  return one->key >> 32 == p->rank && (uint32_t)one->key - p->s0 < p->sn && one->element - c->first < c->count;
}

/* Events under way to handlers that take them one by one. */
static void waiting_walk(struct rt_shelf *k, const struct rt_plastic *p, struct rt_plastic_shard *q) {
  struct rt_archive *a = k->a;
  for (uint32_t i = 0; i < p->sums && (a->writes || !a->error); i++) {
    struct rt_waiting *own = k->mine ? &q->waiting[i] : NULL;
    uint64_t n = own ? own->n : 0;
    memcpy(&n, rt_shelf_piece(k, "events", i, &n, sizeof n), sizeof n);
    if (n > UINT32_MAX / 2) rt_archive_odd(a, "an event");
    if (!a->writes && own && !a->error && rt_grow(&own->at, &own->cap, n, sizeof *own->at)) a->error = NSL_EMEMORY;
    if (n && (a->writes || !a->error)) rt_shelf_whole(k, "waiting", own ? own->at : NULL, n * sizeof *own->at);
    if (a->writes || !own || a->error) continue;
    own->n = (uint32_t)n;
    if (own->n > q->most_waiting) q->most_waiting = own->n;
    for (uint32_t j = 0; j < own->n; j++)
      if (!waits_well(p->proj, q->slice, &own->at[j])) rt_archive_odd(a, "an event");
  }
  if (!a->writes && k->mine && !a->error && rt_each_room(q->shard)) a->error = NSL_EMEMORY;
}

static void rings_walk(struct rt_shelf *k, struct rt_plastic *p, struct rt_plastic_shard *q, uint64_t n) {
  uint64_t real = k->s->real_size;
  rt_shelf_whole(k, "post spikes", q->spikes, n * p->ring * sizeof *q->spikes);
  rt_shelf_whole(k, "post spiked", q->n_spiked, n * sizeof *q->n_spiked);
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) {
    if (p->proj->def->seen[i].side != NSL_SIDE_POST) continue;
    rt_shelf_whole(k, "before spikes", k->mine ? q->before[i] : NULL, n * p->ring * real);
    rt_shelf_whole(k, "history", k->mine ? q->history[i] : NULL, n * p->history * real);
    if (p->looks_back) rt_shelf_whole(k, "later", k->mine ? q->later[i] : NULL, n * p->history * real);
  }
  if (p->each) {
    waiting_walk(k, p, q);
    return;
  }
  rt_shelf_whole(k, "sums", q->sums, n * p->sums * sizeof *q->sums);
  rt_shelf_whole(k, "sums there", q->dirty, p->sums);
}

static void queue_walk(struct rt_shelf *k, struct rt_plastic_shard *q, uint64_t n, uint32_t sources) {
  if (!k->a->writes && k->mine && !k->a->error && rt_grow(&q->queue, &q->queue_cap, n, sizeof *q->queue)) k->a->error = NSL_EMEMORY;
  rt_shelf_whole(k, "pre spikes", q->queue, n * sizeof *q->queue);
  if (k->a->writes || !k->mine || k->a->error) return;
  q->n_queue = (uint32_t)n;
  for (uint64_t i = 0; i < n; i++)
    if (q->queue[i].source >= sources || q->queue[i].step <= k->s->step) {
      rt_archive_odd(k->a, "a presynaptic spike");
      return;
    }
}

static void shard_walk(struct rt_shelf *k, struct rt_plastic *p, struct rt_plastic_shard *q, uint64_t n_cells) {
  uint64_t sizes[2] = {q->n, q->n_queue}, real = k->s->real_size, sources = p->proj->sn;
  memcpy(sizes, rt_shelf_piece(k, "synapses", p->proj->index, sizes, sizeof sizes), sizeof sizes);
  if (k->mine && sizes[0] != q->n) rt_archive_odd(k->a, "synapses with memory");
  if (k->a->error && !k->a->writes) return;
  for (uint32_t i = 0; i < p->class->n_states; i++) {
    uint32_t per = p->class->states[i].per;
    if (per == NSL_PER_ELEMENT) rt_shelf_whole(k, "synapse state", k->mine ? q->states[i] : NULL, sizes[0] * real);
    if (per == NSL_PER_PRE && p->seen[i] == NSL_NONE) rt_shelf_whole(k, "source state", k->mine ? q->cells[i] : NULL, sources * real);
  }
  rt_shelf_whole(k, "source spiked", q->last, sources * sizeof *q->last);
  if (p->proj->def->n_follows) {
    rt_shelf_whole(k, "signalled", &q->signalled, sizeof q->signalled);
    rt_shelf_whole(k, "signals", q->signals, p->proj->def->n_follows * sizeof *q->signals);
    rt_shelf_whole(k, "signals counted", q->counts, p->proj->def->n_follows * sizeof *q->counts);
    if (k->mine && q->signalled > k->s->step) rt_archive_odd(k->a, "a signal's event");
  }
  rings_walk(k, p, q, n_cells);
  queue_walk(k, q, sizes[1], p->proj->sn);
  if (k->a->writes || !k->mine || k->a->error) return;
  memcpy(q->n_swept, q->n_spiked, n_cells * sizeof *q->n_swept);
  q->swept = k->s->step;
  q->full = false;
}

/* What is seen of the sources and of third parts, for all shards together: all ranks have all of it. */
static void others_walk(struct rt_shelf *k, const struct rt_plastic *p) {
  k->mine = true;
  k->owner = 0;
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++) {
    const struct rt_others *o = &p->others[i];
    uint64_t bytes = (uint64_t)o->n * p->pre_ring * k->s->real_size;
    if (o->before) rt_shelf_whole(k, "others before", o->before, bytes);
    if (o->after) rt_shelf_whole(k, "others after", o->after, bytes);
  }
}

void rt_plastic_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_shelf k;
  int e = rt_shelf_open(&k, a, s, s->n_plastic != 0);
  for (uint32_t i = 0; !e && i < s->n_plastic; i++) {
    others_walk(&k, &s->plastics[i]);
    for (uint32_t h = 0; h < s->n_shards; h++) {
      const struct rt_slice *c = rt_slice_of(&s->shards[h], s->plastics[i].proj->target);
      if (!c) continue;
      rt_shelf_at(&k, h);
      shard_walk(&k, &s->plastics[i], &s->plastics[i].shards[h], c->count);
      if (a->error && !a->writes) break;
    }
  }
  rt_shelf_close(&k);
}

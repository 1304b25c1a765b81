/* A checkpoint's arrays by shard. Shards are a property of the model: any number of threads and ranks reads what any other has written.
 * Arrays go piece by piece. Of several ranks the owner of a shard sends its pieces to the first, which writes; all read everything and
 * keep what is theirs. */
#include "runtime/shelf.h"

#include <string.h>

#include "runtime/events.h"
#include "runtime/ranks.h"

int rt_shelf_open(struct rt_shelf *k, struct rt_archive *a, struct rt_sim *s, bool needed) {
  *k = (struct rt_shelf){.a = a, .s = s};
  k->piece = needed && s->ranks ? rt_alloc(&k->mem, RT_PIECE_BYTES, 1) : NULL;
  bool lacks = needed && s->ranks && !k->piece;
  int e = a->writes ? rt_ranks_agree(s->ranks, lacks ? NSL_EMEMORY : 0) : lacks ? NSL_EMEMORY : 0;
  if (e && !a->error) a->error = e;
  return e;
}

void rt_shelf_close(struct rt_shelf *k) { rt_mem_free(&k->mem); }

void rt_shelf_at(struct rt_shelf *k, uint32_t shard) {
  k->mine = rt_is_own(k->s, shard);
  k->owner = 0;
  while (k->s->ranks && shard >= rt_ranks_shard(k->s->ranks, k->s->n_shards, k->owner + 1)) k->owner++;
}

void *rt_shelf_piece(struct rt_shelf *k, const char *name, uint32_t index, void *own, uint64_t bytes) {
  struct rt_archive *a = k->a;
  void *at = k->mine ? own : k->piece;
  int e = 0;
  if (a->writes && k->owner && k->mine) e = rt_ranks_send(k->s->ranks, own, bytes, 0);
  else if (a->writes && k->owner && rt_ranks_first(k->s->ranks))
    e = rt_ranks_receive(k->s->ranks, at, bytes, k->owner);
  if (e && !a->error) a->error = e;
  rt_archive_data(a, name, index, at, bytes);
  return at;
}

void rt_shelf_whole(struct rt_shelf *k, const char *name, void *array, uint64_t bytes) {
  for (uint64_t from = 0; from < bytes && (k->a->writes || !k->a->error); from += RT_PIECE_BYTES)
    rt_shelf_piece(k, name, (uint32_t)(from / RT_PIECE_BYTES), k->mine ? (char *)array + from : NULL,
                   bytes - from < RT_PIECE_BYTES ? bytes - from : RT_PIECE_BYTES);
}

/* ---- events that wait for the end of a longer step */

static void port_walk(struct rt_shelf *k, const struct rt_slice *c, struct rt_later *later) {
  struct rt_archive *a = k->a;
  uint64_t n = k->mine ? later->n : 0;
  memcpy(&n, rt_shelf_piece(k, "later", c->pop->index, &n, sizeof n), sizeof n);
  if (n > UINT32_MAX) rt_archive_odd(a, "events that wait");
  if (a->error && !a->writes) return;
  if (!a->writes && k->mine && rt_grow(&later->at, &later->cap, n, sizeof *later->at)) a->error = NSL_EMEMORY;
  rt_shelf_whole(k, "events", k->mine ? later->at : NULL, n * sizeof *later->at);
  if (a->writes || !k->mine || a->error) return;
  later->n = n;
  for (uint64_t i = 0; i < n; i++)
    if (later->at[i].element < c->first || later->at[i].element - c->first >= c->count)
      rt_archive_odd(a, "an event that waits");
}

static bool waits(const struct rt_pop *p, uint32_t port) { return p->every > 1 && rt_port_each(p, port); }

void rt_later_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_shelf k;
  bool any = false;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t q = 0; q < s->pops[i].class->n_ports; q++) any |= waits(&s->pops[i], q);
  int e = rt_shelf_open(&k, a, s, any);
  struct rt_later none = {0};
  for (uint32_t h = 0; !e && h < s->n_shards; h++)
    for (uint32_t i = 0; i < s->shards[h].n_slices; i++) {
      const struct rt_slice *c = &s->shards[h].slices[i];
      rt_shelf_at(&k, h);
      for (uint32_t q = 0; q < c->pop->class->n_ports; q++)
        if (waits(c->pop, q)) port_walk(&k, c, c->later ? &c->later[q] : &none);
    }
  rt_shelf_close(&k);
}

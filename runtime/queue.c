/* Bins, runs and chunks of events (queue.h), and who owns an element.
 *
 * The loops that put events into chunks are in hot.c; they come here when a chunk is full or a bin is first used.
 * Chains go back to the pool as they are and are taken from it as they are, so the lock is held for a few
 * instructions whatever their length. An owner's part of a population is found by one multiplication, since
 * the parts are cut evenly (layout.c); that this is exact is checked at every border when the run begins. */
#include "runtime/queue.h"

#include <string.h>

#include "runtime/error.h"
#include "runtime/threads.h"

enum { AT_ONCE = 32, STAGGERED = 8 };

static struct rt_chunk *chunk_at(const struct rt_pool *p, uint32_t i) {
  return (struct rt_chunk *)(void *)(p->at + (uint64_t)i * RT_CHUNK);
}

int rt_pool_make(struct rt_pool *p, struct rt_mem *mem, uint64_t bytes, uint64_t usual) {
  uint64_t most = (uint64_t)UINT32_MAX * sizeof(uint16_t) / RT_CHUNK, n = bytes / RT_CHUNK;
  p->n = (uint32_t)(n < most ? n : most);
  p->used = 1;
  p->at = rt_reserve(mem, (uint64_t)p->n * RT_CHUNK, usual);
  return p->at ? 0 : NSL_EMEMORY;
}

/* A chain of free chunks; 0: there are none. */
static uint32_t pool_take(struct rt_pool *p) {
  rt_lock(&p->lock);
  uint32_t chain = p->free;
  if (chain) p->free = chunk_at(p, chain)->chain;
  rt_unlock(&p->lock);
  if (chain) return chain;
  uint32_t at = atomic_fetch_add(&p->used, AT_ONCE);
  if (p->n < AT_ONCE || at > p->n - AT_ONCE) {
    p->used = p->n;
    return 0;
  }
  for (uint32_t i = 0; i < AT_ONCE; i++) chunk_at(p, at + i)->next = i + 1 < AT_ONCE ? at + i + 1 : 0;
  return at;
}

void rt_queue_empty(struct rt_queue *q, struct rt_bin *bin) {
  if (bin->first) {
    rt_lock(&q->pool->lock);
    chunk_at(q->pool, bin->first)->chain = q->pool->free;
    q->pool->free = bin->first;
    rt_unlock(&q->pool->lock);
  }
  *bin = (struct rt_bin){0};
}

/* ---- putting in */

/* A chunk for a bin. Bins fill evenly, so their first chunks begin at different lines: else the lines that are written to would all
 * fall into a few sets of the nearest cache. */
static uint32_t bin_chunk(struct rt_queue *q, struct rt_bin *b, uint32_t bin) {
  if (!q->free) q->free = pool_take(q->pool);
  uint32_t i = q->free;
  if (!i) {
    q->full = true;
    return 0;
  }
  struct rt_chunk *c = chunk_at(q->pool, i);
  q->free = c->next;
  uint32_t begin = sizeof *c + (b->last ? 0 : bin % STAGGERED * 64);
  *c = (struct rt_chunk){.begin = (uint16_t)begin, .used = (uint16_t)begin};
  for (uint32_t line = 0; q->free && line < RT_CHUNK; line += 64) /* the next one's turn is some hundred events away */
    __builtin_prefetch((char *)chunk_at(q->pool, q->free) + line, 1, 2);
  if (b->last) chunk_at(q->pool, b->last)->next = i;
  else b->first = i;
  b->last = i;
  b->used = begin;
  return i;
}

static void run_close(struct rt_queue *q, uint32_t bin) {
  struct rt_bin *b = &q->bins[q->kind][bin];
  if (!q->at[bin] || !b->run) return;
  struct rt_chunk *c = chunk_at(q->pool, b->last);
  struct rt_run *run = (struct rt_run *)(void *)((char *)c + b->run);
  run->end = (uint32_t)((uint64_t)q->at[bin] * q->unit - (uint64_t)b->last * RT_CHUNK);
  b->used = (run->end + 7) & ~7u;
  c->used = (uint16_t)b->used;
  b->run = 0;
}

/* A run begins, or goes on in another chunk. Without memory its events go to chunk 0, and `full` says so. */
static void run_more(struct rt_scatter *to, uint32_t bin) {
  struct rt_queue *q = (struct rt_queue *)(void *)to;
  bin += (uint32_t)(to->at - q->at);
  struct rt_bin *b = &q->bins[q->kind][bin];
  run_close(q, bin);
  uint32_t i = b->last;
  if ((!i || RT_CHUNK - b->used < sizeof(struct rt_run) + (q->size + 7)) && !(i = bin_chunk(q, b, bin))) {
    q->at[bin] = RT_CHUNK / 2 / q->unit;
    return;
  }
  struct rt_run *run = (struct rt_run *)(void *)((char *)chunk_at(q->pool, i) + b->used);
  *run = (struct rt_run){q->proj, 0};
  b->run = b->used;
  q->at[bin] = (uint32_t)(((uint64_t)i * RT_CHUNK + b->used + sizeof *run) / q->unit);
}

void rt_queue_open(struct rt_queue *q, enum rt_arrival kind, uint32_t proj, uint32_t size, uint64_t step, bool late) {
  uint32_t from = late ? 0 : (uint32_t)(step & (q->steps - 1)) * q->shards;
  if (q->open && q->kind == kind && q->proj == proj && q->from == from) {
    q->scatter.late = (uint32_t)(step & (q->steps - 1));
    return;
  }
  rt_queue_close(q);
  q->open = true;
  q->kind = kind;
  q->proj = proj;
  q->size = size;
  q->unit = size < sizeof(uint64_t) ? size : (uint32_t)sizeof(uint64_t);
  q->from = from;
  q->to = late ? q->steps * q->shards : from + q->shards;
  q->scatter.at = q->at + from;
  q->scatter.late = (uint32_t)(step & (q->steps - 1));
}

void rt_queue_close(struct rt_queue *q) {
  for (uint32_t bin = q->from; q->open && bin < q->to; bin++) {
    if (!q->at[bin]) continue;
    run_close(q, bin);
    q->at[bin] = 0;
  }
  q->open = false;
}

void rt_queue_apart(struct rt_queue *q, const struct rt_apart *event, uint64_t step, uint32_t shard) {
  enum { UNITS = sizeof *event / sizeof(uint64_t), MOST = RT_CHUNK / sizeof(uint64_t) };
  uint32_t bin = (uint32_t)(step & (q->steps - 1)) * q->shards + shard, used = q->at[bin] % MOST;
  if (!used || MOST - used < UNITS) run_more(&q->scatter, bin - (uint32_t)(q->scatter.at - q->at));
  memcpy(q->pool->at + (uint64_t)q->at[bin] * sizeof(uint64_t), event, sizeof *event);
  q->at[bin] += UNITS;
}

/* ---- taking out */

struct rt_bin *rt_queue_bin(const struct rt_queue *q, enum rt_arrival kind, uint64_t step, uint32_t shard) {
  if (!q->bins[kind]) return NULL;
  struct rt_bin *bin = &q->bins[kind][(uint32_t)(step & (q->steps - 1)) * q->shards + shard];
  return bin->first ? bin : NULL;
}

static void chunk_ask(const struct rt_pool *p, uint32_t i) {
  for (uint32_t line = 0; i && line < RT_CHUNK; line += 64) __builtin_prefetch((char *)chunk_at(p, i) + line, 0, 3);
}

const struct rt_run *rt_queue_next(const struct rt_queue *q, const struct rt_bin *bin, struct rt_walk *w) {
  if (!w->chunk) {
    w->chunk = chunk_at(q->pool, bin->first);
    w->at = w->chunk->begin;
    chunk_ask(q->pool, w->chunk->next);
  } else {
    const struct rt_run *last = (const struct rt_run *)(const void *)((const char *)w->chunk + w->at);
    w->at = (last->end + 7) & ~7u;
  }
  while (w->at >= w->chunk->used) {
    if (!w->chunk->next) return NULL;
    w->chunk = chunk_at(q->pool, w->chunk->next);
    w->at = w->chunk->begin;
    chunk_ask(q->pool, w->chunk->next);
  }
  return (const struct rt_run *)(const void *)((const char *)w->chunk + w->at);
}

/* ---- making */

int rt_queue_make(struct rt_queue *q, struct rt_mem *mem, struct rt_pool *pool, uint32_t shards, uint32_t steps,
                  const bool kinds[RT_N_ARRIVALS]) {
  *q = (struct rt_queue){.pool = pool, .shards = shards, .steps = steps};
  uint64_t n = (uint64_t)shards * steps;
  q->at = rt_alloc(mem, n, sizeof *q->at);
  if (!q->at) return NSL_EMEMORY;
  for (int k = 0; k < RT_N_ARRIVALS; k++)
    if (kinds[k] && !(q->bins[k] = rt_alloc(mem, n, sizeof *q->bins[k]))) return NSL_EMEMORY;
  q->scatter = (struct rt_scatter){.at = q->at, .pool = pool->at, .mask = steps - 1, .more = run_more};
  return 0;
}

static uint32_t owner_of(const struct rt_owner *o, uint32_t element) {
  uint64_t n = (uint64_t)(element >> o->shift) * o->a + o->b;
  uint32_t part = (uint32_t)(o->m ? n * o->m >> o->k : n / o->words);
  part -= part >> o->log_shards;
  return (part - o->turn) & ((1u << o->log_shards) - 1);
}

/* Part g begins at block words * g / shards, in large populations rounded to a multiple of 8 (layout.c), so that of
 * a block is the largest g with words * g < shards * (block + 1). */
int rt_owner_make(const struct rt_sim *s, const struct rt_pop *p, struct rt_owner *ret) {
  struct rt_owner o = {.shift = rt_cut_at_pages(p, s->n_shards) ? 9 : 6, .words = p->words};
  while (1u << o.log_shards < s->n_shards) o.log_shards++;
  o.a = o.shift == 9 ? 8 * (uint64_t)s->n_shards : s->n_shards;
  o.b = (o.shift == 9 ? o.a / 2 : o.a) - 1;
  o.turn = rt_part_of(p, 0, s->n_shards);
  uint64_t most = (uint64_t)(p->padded >> o.shift) * o.a + o.b;
  if (most < (uint64_t)1 << 31) { /* n * m < 2^64, and its error is less than 1 / words */
    while ((uint64_t)1 << o.k <= most * o.words) o.k++;
    o.m = ((uint64_t)1 << o.k) / o.words + 1;
  }
  for (uint32_t i = 0; i < p->n_parts; i++) {
    const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    if (owner_of(&o, c->first) == p->parts[i].shard && owner_of(&o, c->first + c->count - 1) == p->parts[i].shard) continue;
    return rt_fail(NSL_EMODEL, "population %s: part %u is not where it should be", p->def->path, i);
  }
  *ret = o;
  return 0;
}

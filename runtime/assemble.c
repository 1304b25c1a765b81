/* Synapses as packed rows. For each source population in turn, source by source and group by group: the synapses of
 * its projections (synapses.c), sorted by shard and delay, and written as buckets (hot.h) to the shards' stores.
 *
 * A row is made in two passes, in the loops of hot_pack.h. The first finds each synapse's bucket (shard and delay) and
 * counts; then the headers are written; the second puts each synapse into the next place of its bucket. Threads take
 * blocks of sources; each appends to segments of its own in every store, so where a row lies depends on the threads but
 * what is in it does not. Rows by source (streams.c) are made in the same way, all shards' in one piece. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/streams.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SOURCES = 32, SEGMENT = 1 << 18, SMALL_SEGMENT = 1 << 12, FIRST_SPAN = 64 };

struct segment {
  uint64_t at, end;
};

struct packer { /* one thread's scratch */
  struct rt_build *b;
  struct rt_sim *s;
  struct rt_synapses synapses;
  /* the row's n synapses: words (hot_pack.h; apart: the number in the projection's row instead of the weight), buckets */
  uint64_t *words;
  uint32_t *bucket;
  size_t words_cap, bucket_cap;
  uint64_t n;
  struct rt_row_of last; /* the last projection's */
  double same;           /* its weight, if all have one */
  uint32_t log_span; /* delays below 2^log_span have buckets */
  uint32_t shortest, longest; /* of this row */
  uint32_t *count; /* by bucket: synapses, and where the next one goes */
  char **place;
  size_t count_cap, place_cap;
  struct segment *segments; /* by shard */
  struct rt_stream_segment stream;
  double *largest; /* |weight| found, by projection */
  struct rt_mem mem;
  uint32_t min_delay, max_delay;
  uint64_t n_synapses;
};

static bool stopped(const struct rt_build *b) { return b->failed || (b->s->interrupt && *b->s->interrupt); }

/* ---- one source's row of one group: all its synapses in the order of projections */

/* Counts with room for delays up to `longest`; what was counted moves along. */
static int span_grow(struct packer *k, uint32_t longest) {
  uint32_t had = k->log_span;
  if (longest >> had == 0) return 0;
  while (longest >> k->log_span) k->log_span++;
  uint64_t table = (uint64_t)k->s->n_shards << k->log_span;
  if (rt_grow(&k->count, &k->count_cap, table, sizeof *k->count) ||
      rt_grow(&k->place, &k->place_cap, table, sizeof *k->place))
    return NSL_EMEMORY;
  memset(k->count, 0, table * sizeof *k->count);
  for (uint64_t i = 0; i < k->n; i++) {
    uint32_t shard = k->bucket[i] >> had, delay = k->bucket[i] & ((1u << had) - 1);
    k->bucket[i] = shard << k->log_span | delay;
    k->count[k->bucket[i]]++;
  }
  return 0;
}

static int delays_look(struct packer *k, const struct rt_proj *p, const struct rt_row_of *row) {
  uint32_t least = row->delay ? row->delays.least : p->delay_steps, most = row->delay ? row->delays.most : p->delay_steps;
  if (!row->n) return 0;
  if (least < k->shortest) k->shortest = least;
  if (most > k->longest) k->longest = most;
  return span_grow(k, most);
}

/* The words of a projection's synapses, but for their elements. */
static void words_begin(struct packer *k, const struct rt_proj *p, const struct rt_row_of *row) {
  uint64_t *words = k->words + k->n, same = 0;
  double largest = 0;
  if (p->form != RT_APART && row->weight) {
    k->s->hot.synapse_grains(row->weight, 1 / p->grain, row->n, words, &largest);
  } else if (p->form == RT_APART) {
    for (uint64_t i = 0; i < row->n; i++) words[i] = i << 16;
  } else {
    if (p->each) k->s->hot.synapse_grains(&p->weight, 1 / p->grain, 1, &same, &largest);
    for (uint64_t i = 0; i < row->n; i++) words[i] = same;
    largest = 0; /* not drawn: known before */
  }
  if (largest > k->largest[p - k->s->projs]) k->largest[p - k->s->projs] = largest;
}

static int row_append(struct packer *k, const struct rt_proj *p, const struct rt_row_of *row) {
  uint64_t all = k->n + row->n, n;
  if (rt_grow(&k->words, &k->words_cap, all, sizeof *k->words) ||
      rt_grow(&k->bucket, &k->bucket_cap, all, sizeof *k->bucket) || delays_look(k, p, row))
    return NSL_EMEMORY;
  words_begin(k, p, row);
  const struct rt_buckets of = {p->target->lanes, k->count, k->log_span, p->delay_steps, k->s->own0,
                                k->s->own1 - k->s->own0};
  k->s->hot.synapse_buckets(&of, row->target, row->delay, row->n, k->words + k->n, k->bucket + k->n, &n);
  k->n += n;
  k->last = *row;
  k->same = p->weight;
  return 0;
}

static int row_projection(struct packer *k, const struct rt_proj *p, uint32_t source) {
  struct rt_row_of row;
  int e = rt_synapses_of(&k->synapses, p, source, &row);
  return e ? e : row_append(k, p, &row);
}

/* ---- packing */

/* Room for `units` in a shard's store; 0 after rt_fail. */
static uint64_t store_take(struct packer *k, uint32_t shard, uint64_t units) {
  struct rt_shard *h = &k->s->shards[shard];
  struct segment *g = &k->segments[shard];
  if (g->end - g->at < units) {
    uint64_t size = h->store_cap > 64 * SEGMENT ? SEGMENT : SMALL_SEGMENT;
    if (units > size) size = units;
    g->at = atomic_fetch_add(&h->store_used, size);
    g->end = g->at + size;
    if (g->end > h->store_cap) {
      rt_fail(NSL_EMEMORY, "the synapses of one shard do not fit (%.3g GB are reserved)",
              (double)h->store_cap * 8e-9);
      return 0;
    }
  }
  uint64_t at = g->at;
  g->at += units;
  return at;
}

/* Headers of a shard's part of the row; fills `place`, where each bucket's cells begin. */
static int row_headers(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source, uint32_t shard) {
  uint32_t *count = k->count + ((uint64_t)shard << k->log_span), form = pop->groups[group].form;
  struct rt_shard *h = &k->s->shards[shard];
  uint64_t units = 0, *header = NULL;
  for (uint32_t d = k->shortest; d <= k->longest; d++)
    if (count[d]) units += rt_bucket_units(form, count[d]);
  if (!units) return 0;
  uint64_t at = store_take(k, shard, units);
  if (!at) return NSL_EMEMORY;
  uint32_t last = 0;
  for (uint32_t d = k->shortest; d <= k->longest; d++) {
    if (!count[d]) continue;
    if (header) *header = count[d] | (uint64_t)(d - last) << 32;
    else h->rows[pop->row0 + (uint64_t)source * pop->n_groups + group] = (struct rt_row){(uint32_t)at, count[d], d};
    header = &h->store[at];
    *header = 0;
    if (form == RT_APART) header[1] = source;
    k->place[((uint64_t)shard << k->log_span) + d] = (char *)(h->store + at + rt_bucket_units(form, 0));
    at += rt_bucket_units(form, count[d]);
    last = d;
  }
  return 0;
}

/* Every synapse into its place. Apart: one projection's, with the weights as they were drawn. */
static void row_put(struct packer *k, uint32_t form) {
  if (form != RT_APART) {
    uint32_t bytes = k->s->by_source ? rt_stream_bytes(form) : rt_forms[form].bytes;
    k->s->hot.synapse_put(k->words, k->bucket, k->n, bytes, k->place);
    return;
  }
  for (uint64_t i = 0; i < k->n; i++) {
    char **at = &k->place[k->bucket[i]];
    memcpy(*at, &k->words[i], sizeof *k->words);
    memcpy(*at + 8, k->last.weight ? &k->last.weight[k->words[i] >> 16] : &k->same, sizeof k->same);
    *at += 16;
  }
}

/* The cells without weight at the end of long buckets; no bucket has synapses then. */
static void row_end(struct packer *k, uint32_t form, uint32_t shard) {
  uint32_t *count = k->count + ((uint64_t)shard << k->log_span), bits = form == RT_APART ? 0 : rt_forms[form].weight_bits;
  char **place = k->place + ((uint64_t)shard << k->log_span);
  for (uint32_t d = k->shortest; d <= k->longest; d++) {
    for (uint32_t i = count[d]; i < RT_CELLS(bits, count[d]); i++) {
      char *last = place[d] - rt_forms[form].bytes;
      memcpy(place[d] + (i - count[d]) * rt_forms[form].bytes, last, sizeof(uint16_t)); /* its target; the rest is 0 */
    }
    count[d] = 0;
  }
}

static int row_by_shard(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source) {
  for (uint32_t shard = k->s->own0; shard < k->s->own1; shard++)
    if (row_headers(k, pop, group, source, shard)) return NSL_EMEMORY;
  row_put(k, pop->groups[group].form);
  for (uint32_t shard = k->s->own0; shard < k->s->own1; shard++) row_end(k, pop->groups[group].form, shard);
  return 0;
}

static int row_by_source(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source) {
  const struct rt_stream_buckets of = {k->count, k->place, k->log_span, k->shortest, k->longest};
  int e = rt_stream_begin(k->s, &k->stream, pop, group, source, &of);
  if (e) return e;
  row_put(k, pop->groups[group].form);
  for (uint32_t shard = k->s->own0; shard < k->s->own1; shard++)
    memset(k->count + ((uint64_t)shard << k->log_span) + k->shortest, 0, (k->longest - k->shortest + 1) * sizeof *k->count);
  return 0;
}

static int row_pack(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source) {
  int e = k->s->by_source ? row_by_source(k, pop, group, source) : row_by_shard(k, pop, group, source);
  if (e) return e;
  k->n_synapses += k->n;
  k->min_delay = k->shortest < k->min_delay ? k->shortest : k->min_delay;
  k->max_delay = k->longest > k->max_delay ? k->longest : k->max_delay;
  return 0;
}

static int row_make(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source) {
  k->n = 0;
  k->shortest = UINT32_MAX;
  k->longest = 0;
  for (uint32_t i = 0; i < k->s->n_projs; i++) {
    struct rt_proj *p = &k->s->projs[i];
    if (p->source != pop || p->group != group || source < p->s0 || source - p->s0 >= p->sn) continue;
    int e = row_projection(k, p, source);
    if (e) return e;
  }
  return k->n ? row_pack(k, pop, group, source) : 0;
}

/* ---- the job of one thread */

static int pop_rows(struct packer *k, const struct rt_pop *pop) {
  for (uint64_t from;
       !stopped(k->b) && (from = (uint64_t)atomic_fetch_add(&k->b->next, 1) * SOURCES) < pop->size;)
    for (uint64_t i = from; i < from + SOURCES && i < pop->size; i++) {
      int e = 0;
      for (uint32_t group = 0; !e && group < pop->n_groups; group++) e = row_make(k, pop, group, (uint32_t)i);
      if (e) return e;
    }
  return 0;
}

/* Between two stages: nobody may still take work of the last when the counter is set back. */
static void stage_end(struct packer *k, uint32_t thread, int e) {
  if (e) k->b->failed = 1;
  rt_barrier(k->s->team, thread);
  if (!thread) k->b->next = 0;
  rt_barrier(k->s->team, thread);
}

static int packer_work(struct packer *k, uint32_t thread) {
  int e = 0, first = 0;
  for (uint32_t i = 0; i < k->s->n_pops; i++) {
    const struct rt_pop *pop = &k->s->pops[i];
    if (!pop->n_groups) continue;
    if (!e) e = pop_rows(k, pop);
    stage_end(k, thread, e);
    first = first ? first : e;
  }
  return first;
}

static int packer_job(void *context, uint32_t thread) {
  struct rt_build *b = context;
  struct packer k = {.b = b, .s = b->s, .synapses = {.s = b->s}, .min_delay = UINT32_MAX};
  k.segments = rt_alloc(&k.mem, b->s->n_shards, sizeof *k.segments);
  k.largest = rt_alloc(&k.mem, b->s->n_projs, sizeof *k.largest);
  int e = k.segments && k.largest && !span_grow(&k, FIRST_SPAN - 1) ? 0 : NSL_EMEMORY;
  if (e) b->failed = 1;
  rt_barrier(b->s->team, thread);
  bool all = !b->failed;
  rt_barrier(b->s->team, thread);
  if (all) e = packer_work(&k, thread);
  if (!e && all) rt_build_merge(b, k.largest, k.min_delay, k.max_delay, k.n_synapses);
  rt_synapses_drop(&k.synapses);
  void *scratch[] = {&k.words, &k.bucket, &k.count, &k.place};
  for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++) rt_drop(scratch[i]);
  rt_mem_free(&k.mem);
  return e;
}

int rt_assemble(struct rt_build *b) {
  b->next = b->failed = 0;
  int e = rt_team_run(b->s->team, packer_job, b);
  if (!e && b->s->interrupt && *b->s->interrupt) e = rt_fail(NSL_ESTOPPED, "interrupted while connecting");
  return e;
}

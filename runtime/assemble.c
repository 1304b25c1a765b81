/* Synapses as packed rows. For each source population in turn, source by source and group by group: the synapses of
 * its projections (synapses.c), sorted by shard and delay, and written as buckets (hot.h) to the shards' stores.
 *
 * A row is made in two passes. The first finds of each synapse its bucket (shard and delay) and how many came before it
 * there; then the headers are written; the second puts each synapse into its place. Threads take blocks of sources; each
 * appends to segments of its own in every store, so where a row lies depends on the threads but what is in it does not. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SOURCES = 32, SEGMENT = 1 << 18, SMALL_SEGMENT = 1 << 12, FIRST_SPAN = 64 };

struct segment {
  uint64_t at, end;
};

struct synapse { /* of the row that is being made */
  uint32_t bucket; /* shard and delay */
  uint32_t before; /* in its bucket */
  uint32_t element, number; /* in the shard; apart: in the row of the projection */
  int64_t units;            /* the weight; apart: its bits */
};

struct packer { /* one thread's scratch */
  struct rt_build *b;
  struct rt_sim *s;
  struct rt_synapses synapses;
  struct synapse *row;
  size_t row_cap;
  uint64_t n;
  uint32_t span; /* delays 0 .. span - 1 have buckets; a power of two */
  uint32_t shortest, longest; /* of this row */
  /* by shard and delay: how many, and the first of the bucket's cells (bytes) */
  uint32_t *count;
  uint64_t *place;
  size_t count_cap, place_cap;
  struct segment *segments; /* by shard */
  double *largest; /* |weight| found, by projection */
  struct rt_mem mem;
  uint32_t min_delay, max_delay;
  uint64_t n_synapses;
};

static bool stopped(const struct rt_build *b) { return b->failed || (b->s->interrupt && *b->s->interrupt); }

/* ---- one source's row of one group: all its synapses in the order of projections */

/* Counts with room for delays up to `longest`; what was counted moves along. */
static int span_grow(struct packer *k, uint32_t longest) {
  uint32_t had = k->span, shards = k->s->n_shards;
  if (longest < had) return 0;
  while (k->span <= longest) k->span *= 2;
  uint64_t table = (uint64_t)shards * k->span;
  if (rt_grow(&k->count, &k->count_cap, table, sizeof *k->count) ||
      rt_grow(&k->place, &k->place_cap, table, sizeof *k->place))
    return NSL_EMEMORY;
  memset(k->count, 0, table * sizeof *k->count);
  for (uint64_t i = 0; i < k->n; i++) {
    struct synapse *x = &k->row[i];
    x->bucket = x->bucket / had * k->span + x->bucket % had;
    k->count[x->bucket]++;
  }
  return 0;
}

static int delays_look(struct packer *k, const struct rt_proj *p, const struct rt_row_of *row) {
  uint32_t least = row->delay ? UINT32_MAX : p->delay_steps, most = row->delay ? 0 : p->delay_steps;
  for (uint64_t i = 0; row->delay && i < row->n; i++) {
    least = row->delay[i] < least ? row->delay[i] : least;
    most = row->delay[i] > most ? row->delay[i] : most;
  }
  if (!row->n) return 0;
  if (least < k->shortest) k->shortest = least;
  if (most > k->longest) k->longest = most;
  return span_grow(k, most);
}

/* The nearest integer, ties to even; |x| < 2^51. */
static inline int64_t nearest(double x) {
  double shifted = x + 0x1.8p52;
  int64_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  return (int64_t)((uint64_t)bits << 12) >> 12;
}

static int row_append(struct packer *k, const struct rt_proj *p, const struct rt_row_of *row) {
  if (rt_grow(&k->row, &k->row_cap, k->n + row->n, sizeof *k->row) || delays_look(k, p, row)) return NSL_EMEMORY;
  const struct rt_lane *lanes = p->target->lanes;
  bool apart = p->form == RT_APART, all_own = k->s->own1 - k->s->own0 == k->s->n_shards;
  double per_unit = apart ? 1 : 1 / k->s->ports[p->port].unit, largest = 0;
  int64_t same = p->each && !apart ? nearest(p->weight * per_unit) : 0;
  uint32_t span = k->span, *count = k->count;
  struct synapse *x = k->row + k->n;
  for (uint64_t i = 0; i < row->n; i++) {
    uint32_t target = row->target[i];
    struct rt_lane lane = lanes[target / 64];
    int64_t units = same;
    if (apart) {
      memcpy(&units, row->weight ? &row->weight[i] : &p->weight, sizeof units);
    } else if (row->weight) {
      double w = row->weight[i];
      largest = fabs(w) > largest ? fabs(w) : largest;
      units = nearest(w * per_unit);
    }
    if (!all_own && !rt_is_own(k->s, lane.shard)) continue;
    uint32_t bucket = lane.shard * span + (row->delay ? row->delay[i] : p->delay_steps);
    *x++ = (struct synapse){bucket, count[bucket]++, lane.base + target % 64, (uint32_t)i, units};
  }
  k->n = (uint64_t)(x - k->row);
  if (largest > k->largest[p - k->s->projs]) k->largest[p - k->s->projs] = largest;
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
  uint32_t *count = k->count + (uint64_t)shard * k->span, form = pop->groups[group].form;
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
    k->place[(uint64_t)shard * k->span + d] = (at + rt_bucket_units(form, 0)) * sizeof *h->store;
    at += rt_bucket_units(form, count[d]);
    last = d;
  }
  return 0;
}

#define MAKE_same(x) {(uint16_t)(x)->element}
#define MAKE_real(x) {(uint16_t)(x)->element}
#define MAKE_narrow(x) {(uint16_t)(x)->element, (int16_t)(x)->units}
#define MAKE_middle(x) {(uint16_t)(x)->element, (int32_t)(x)->units}
#define MAKE_wide(x) {(x)->element, (x)->units}

/* Every synapse into its place. */
static void row_put(struct packer *k, uint32_t form) {
  const struct synapse *x = k->row, *end = x + k->n;
  const uint64_t *place = k->place;
  const struct rt_shard *shards = k->s->shards;
  uint32_t shift = (uint32_t)__builtin_ctz(k->span);
  switch (form) {
#define FORM(id, cell, weight_bits, sum, behind, text)                                             \
  case RT_FORM_##id:                                                                               \
    for (; x < end; x++) {                                                                         \
      const struct rt_cell_##cell c = MAKE_##cell(x);                                              \
      char *store = (char *)shards[x->bucket >> shift].store;                                      \
      memcpy(store + place[x->bucket] + (uint64_t)x->before * sizeof c, &c, sizeof c);             \
    }                                                                                              \
    break;
#include "runtime/forms.def"
#undef FORM
    case RT_APART:
      for (; x < end; x++) {
        uint64_t *at = shards[x->bucket >> shift].store + place[x->bucket] / sizeof(uint64_t) + 2 * (uint64_t)x->before;
        at[0] = (uint64_t)x->number << 16 | x->element;
        at[1] = (uint64_t)x->units;
      }
      break;
  }
}

/* The cells without weight at the end of long buckets; no bucket has synapses then. */
static void row_end(struct packer *k, uint32_t form, uint32_t shard) {
  uint32_t *count = k->count + (uint64_t)shard * k->span, bits = form == RT_APART ? 0 : rt_forms[form].weight_bits;
  const uint64_t *place = k->place + (uint64_t)shard * k->span;
  for (uint32_t d = k->shortest; d <= k->longest; d++) {
    for (uint32_t i = count[d]; i < RT_CELLS(bits, count[d]); i++) {
      uint64_t bytes = rt_forms[form].bytes, last = place[d] + (count[d] - 1) * bytes;
      char *store = (char *)k->s->shards[shard].store;
      memcpy(store + place[d] + i * bytes, store + last, sizeof(uint16_t)); /* its target; the rest is 0 */
    }
    count[d] = 0;
  }
}

static int row_pack(struct packer *k, const struct rt_pop *pop, uint32_t group, uint32_t source) {
  for (uint32_t shard = k->s->own0; shard < k->s->own1; shard++)
    if (row_headers(k, pop, group, source, shard)) return NSL_EMEMORY;
  row_put(k, pop->groups[group].form);
  for (uint32_t shard = k->s->own0; shard < k->s->own1; shard++) row_end(k, pop->groups[group].form, shard);
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
  k.span = FIRST_SPAN / 2;
  int e = k.segments && k.largest && !span_grow(&k, k.span) ? 0 : NSL_EMEMORY;
  if (e) b->failed = 1;
  rt_barrier(b->s->team, thread);
  bool all = !b->failed;
  rt_barrier(b->s->team, thread);
  if (all) e = packer_work(&k, thread);
  if (!e && all) rt_build_merge(b, k.largest, k.min_delay, k.max_delay, k.n_synapses);
  rt_synapses_drop(&k.synapses);
  void *scratch[] = {&k.row, &k.count, &k.place};
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

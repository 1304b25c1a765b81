/* Synapses as packed rows. For each source population in turn, source by source: the synapses of all its
 * projections (synapses.c), sorted by shard, group and delay, and written as buckets (hot.h) to the shards' stores.
 *
 * Threads take blocks of sources; each appends to segments of its own in every store, so where a row lies
 * depends on the threads but what is in it does not. Fan-in is counted in whole quanta, so that the bound on
 * sums is exact and independent of order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { SOURCES = 32, SEGMENT = 1 << 18, SMALL_SEGMENT = 1 << 12 };

struct segment {
  uint64_t at, end;
};

struct packer { /* one thread's scratch */
  struct rt_build *b;
  struct rt_sim *s;
  struct rt_synapses synapses;
  /* of the row being made, by synapse; cell: shard and group */
  uint32_t *cell, *delay;
  uint16_t *acc;
  int64_t *units;   /* rows apart: the weight's bits */
  uint32_t *number; /* rows apart: in the row of the projection */
  size_t cell_cap, delay_cap, acc_cap, units_cap, number_cap;
  uint64_t n;
  uint32_t shortest, longest;
  /* by cell and delay: how many, and where the next goes (2-byte or 8-byte units) */
  uint32_t *count;
  uint64_t *place;
  size_t count_cap, place_cap;
  struct segment *segments; /* by shard */
  uint64_t **fan;
  struct rt_mem mem;
  uint32_t min_delay, max_delay;
  uint64_t n_synapses;
};

static bool stopped(const struct rt_build *b) { return b->failed || (b->s->interrupt && *b->s->interrupt); }

/* ---- one source's row: all its synapses in the order of projections */

static int row_room(struct packer *k, uint64_t n) {
  n += k->n;
  return rt_grow(&k->cell, &k->cell_cap, n, sizeof *k->cell) ||
                 rt_grow(&k->delay, &k->delay_cap, n, sizeof *k->delay) ||
                 rt_grow(&k->acc, &k->acc_cap, n, sizeof *k->acc) ||
                 rt_grow(&k->units, &k->units_cap, n, sizeof *k->units) ||
                 (k->s->n_ranks && rt_grow(&k->number, &k->number_cap, n, sizeof *k->number))
             ? NSL_EMEMORY
             : 0;
}

static int row_append(struct packer *k, const struct rt_proj *p, const uint32_t *targets,
                      const uint32_t *steps, const double *weights, uint64_t n) {
  if (row_room(k, n)) return NSL_EMEMORY;
  const struct rt_unit *unit = &k->b->units[rt_same(k->s, p->port)];
  const struct rt_lane *lanes = p->target->lanes[p->def->port];
  uint32_t n_groups = p->source->n_groups;
  bool wide = p->source->groups[p->group].wide, apart = p->source->groups[p->group].apart;
  double per_unit = 1 / unit->unit, limit = ldexp(1, RT_WIDE_BITS);
  uint64_t fan = (uint64_t)ceil(fabs(p->weight) / unit->quantum);
  int64_t same = wide && !weights ? llrint(p->weight * per_unit) : 0;
  uint64_t at = k->n;
  for (uint64_t i = 0; i < n; i++) {
    struct rt_lane lane = lanes[targets[i] / 64];
    if (!rt_is_own(k->s, lane.shard)) continue;
    uint32_t delay = steps ? steps[i] : p->delay_steps;
    k->cell[at] = lane.shard * n_groups + p->group;
    k->acc[at] = (uint16_t)(lane.base + targets[i] % 64);
    k->delay[at] = delay;
    k->shortest = delay < k->shortest ? delay : k->shortest;
    k->longest = delay > k->longest ? delay : k->longest;
    if (wide) {
      double units = weights ? weights[i] * per_unit : 0;
      bool fits = fabs(units) < limit;
      if (!fits) k->b->coarser = 1;
      k->units[at] = !weights ? same : fits ? llrint(units) : 0;
      fan = ((uint64_t)llabs(k->units[at]) >> RT_FAN_SHIFT) + 1;
    }
    if (apart) {
      memcpy(&k->units[at], weights ? &weights[i] : &p->weight, sizeof *k->units);
      k->number[at] = (uint32_t)i;
    } else {
      k->fan[lane.shard][k->acc[at]] += fan;
    }
    at++;
  }
  k->n = at;
  return 0;
}

static int row_projection(struct packer *k, const struct rt_proj *p, uint32_t source) {
  struct rt_row_of row;
  int e = rt_synapses_of(&k->synapses, p, source, &row);
  return e ? e : row_append(k, p, row.target, row.delay, row.weight, row.n);
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

static uint64_t bucket_units(const struct rt_group *group, uint32_t n) {
  if (group->apart) return RT_UNITS_APART(n);
  return group->wide ? 1 + (uint64_t)n : 1 + ((uint64_t)n + 3) / 4;
}

/* Headers of one row's buckets; fills `place`, where each bucket's synapses go. */
static int row_headers(struct packer *k, const struct rt_pop *pop, uint32_t cell, uint32_t source,
                       uint32_t span) {
  const uint32_t *count = k->count + (uint64_t)cell * span;
  uint32_t shard = cell / pop->n_groups, group = cell % pop->n_groups;
  const struct rt_group *form = &pop->groups[group];
  uint64_t units = 0;
  for (uint32_t d = 0; d < span; d++)
    if (count[d]) units += bucket_units(form, count[d]);
  if (!units) return 0;
  uint64_t at = store_take(k, shard, units);
  if (!at) return NSL_EMEMORY;
  uint64_t *store = k->s->shards[shard].store, *header = NULL;
  uint32_t last = 0;
  for (uint32_t d = 0; d < span; d++) {
    if (!count[d]) continue;
    if (header)
      *header = count[d] | (uint64_t)(d - last) << 32;
    else
      k->s->shards[shard].rows[pop->row0 + (uint64_t)source * pop->n_groups + group] = (struct rt_row){
          (uint32_t)at, count[d], k->shortest + d};
    header = &store[at];
    *header = 0;
    if (form->apart) header[1] = source;
    k->place[(uint64_t)cell * span + d] = form->apart ? at + 2 : form->wide ? at + 1 : (at + 1) * 4;
    at += bucket_units(form, count[d]);
    last = d;
  }
  return 0;
}

static int row_pack(struct packer *k, const struct rt_pop *pop, uint32_t source) {
  uint32_t span = k->longest - k->shortest + 1, cells = k->s->n_shards * pop->n_groups;
  uint64_t table = (uint64_t)cells * span;
  if (rt_grow(&k->count, &k->count_cap, table, sizeof *k->count) ||
      rt_grow(&k->place, &k->place_cap, table, sizeof *k->place))
    return NSL_EMEMORY;
  memset(k->count, 0, table * sizeof *k->count);
  for (uint64_t i = 0; i < k->n; i++) k->count[(uint64_t)k->cell[i] * span + k->delay[i] - k->shortest]++;
  for (uint32_t cell = 0; cell < cells; cell++)
    if (row_headers(k, pop, cell, source, span)) return NSL_EMEMORY;
  for (uint64_t i = 0; i < k->n; i++) {
    uint64_t *store = k->s->shards[k->cell[i] / pop->n_groups].store;
    uint64_t at = k->place[(uint64_t)k->cell[i] * span + k->delay[i] - k->shortest]++;
    const struct rt_group *form = &pop->groups[k->cell[i] % pop->n_groups];
    if (form->apart) {
      store[at] = (uint64_t)k->number[i] << 16 | k->acc[i];
      store[at + 1] = (uint64_t)k->units[i];
      k->place[(uint64_t)k->cell[i] * span + k->delay[i] - k->shortest]++;
    } else if (form->wide)
      store[at] = (uint64_t)k->units[i] << 16 | k->acc[i];
    else
      ((uint16_t *)store)[at] = k->acc[i];
  }
  k->n_synapses += k->n;
  k->min_delay = k->shortest < k->min_delay ? k->shortest : k->min_delay;
  k->max_delay = k->longest > k->max_delay ? k->longest : k->max_delay;
  return 0;
}

static int row_make(struct packer *k, const struct rt_pop *pop, uint32_t source) {
  k->n = 0;
  k->shortest = UINT32_MAX;
  k->longest = 0;
  for (uint32_t i = 0; i < k->s->n_projs; i++) {
    struct rt_proj *p = &k->s->projs[i];
    if (p->source != pop || source < p->s0 || source - p->s0 >= p->sn) continue;
    int e = row_projection(k, p, source);
    if (e) return e;
  }
  return k->n ? row_pack(k, pop, source) : 0;
}

/* ---- the job of one thread */

static int pop_rows(struct packer *k, const struct rt_pop *pop) {
  for (uint64_t from;
       !stopped(k->b) && (from = (uint64_t)atomic_fetch_add(&k->b->next, 1) * SOURCES) < pop->size;)
    for (uint64_t i = from; i < from + SOURCES && i < pop->size; i++) {
      int e = row_make(k, pop, (uint32_t)i);
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

static void packer_merge(struct packer *k) {
  struct rt_build *b = k->b;
  for (uint32_t free_now = 0; !atomic_compare_exchange_weak(&b->merging, &free_now, 1); free_now = 0)
    continue;
  for (uint32_t h = k->s->own0; h < k->s->own1; h++)
    for (uint32_t i = 0; i < k->s->shards[h].n_acc; i++) b->fan[h][i] += k->fan[h][i];
  b->min_delay = k->min_delay < b->min_delay ? k->min_delay : b->min_delay;
  b->max_delay = k->max_delay > b->max_delay ? k->max_delay : b->max_delay;
  b->n_synapses += k->n_synapses;
  b->merging = 0;
}

static int packer_job(void *context, uint32_t thread) {
  struct rt_build *b = context;
  struct packer k = {.b = b, .s = b->s, .synapses = {.s = b->s}, .min_delay = UINT32_MAX};
  k.segments = rt_alloc(&k.mem, b->s->n_shards, sizeof *k.segments);
  k.fan = rt_alloc(&k.mem, b->s->n_shards, sizeof *k.fan);
  int e = k.segments && k.fan ? 0 : NSL_EMEMORY;
  for (uint32_t h = b->s->own0; !e && h < b->s->own1; h++)
    if (!(k.fan[h] = rt_alloc(&k.mem, b->s->shards[h].n_acc, sizeof **k.fan))) e = NSL_EMEMORY;
  if (e) b->failed = 1;
  rt_barrier(b->s->team, thread);
  bool all = !b->failed;
  rt_barrier(b->s->team, thread);
  if (all) e = packer_work(&k, thread);
  if (!e && all) packer_merge(&k);
  rt_synapses_drop(&k.synapses);
  void *scratch[] = {&k.cell, &k.delay, &k.acc, &k.units, &k.number, &k.count, &k.place};
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

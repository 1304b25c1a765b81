/* Stored rows by source: all synapses of a source and group in one piece of memory, sorted by shard (hot.h).
 *
 * In a network of many shards the rows of hot.h become short pieces, each in a place of its own, and a spike costs some lines
 * of memory for every shard. Here it costs one stream. At a spike the row goes through the queues of procedural.c, piece by
 * piece to the chunks of the shards' owners, as rows made anew do; there is nothing to be drawn, and the cells are those of
 * the stored forms: the element's number in the shard with 0, 16 or 48 bits of weight above, so that a chunk is added
 * by the group's `reach`. Handlers that do more than add get 16 bytes: element and number in the source's row, the weight as it was drawn. */
#include "runtime/streams.h"

#include <math.h>
#include <string.h>

#include "runtime/connect.h"
#include "runtime/error.h"

enum { SEGMENT = 1 << 18, SMALL_SEGMENT = 1 << 12, BEHIND = 128, LINE = 64, ASKED = 512, ASKED_AT = 8, APART_BYTES = 16 };

uint32_t rt_stream_bytes(uint32_t form) {
  if (form == RT_APART) return APART_BYTES;
  return rt_forms[form].weight_bits == 0 ? 2 : rt_forms[form].weight_bits == 16 ? 4 : 8;
}

/* ---- building */

double rt_stream_estimate(const struct rt_sim *s, const struct rt_proj *p) {
  double head = sizeof(struct rt_stream_row) + sizeof(uint64_t) + s->own1 - s->own0 + 12;
  return p->expected * (rt_stream_bytes(p->form) + (p->drawn_delay ? 1.05 : 0)) + p->sn * head;
}

int rt_streams_make(struct rt_sim *s, double bytes) {
  struct rt_streams *t = rt_alloc(&s->build_mem, 1, sizeof *t);
  if (!t) return NSL_EMEMORY;
  t->cap = (uint64_t)((bytes * 2 + 0x1p28) / sizeof *t->store);
  t->store = rt_reserve(&s->build_mem, t->cap * sizeof *t->store, (uint64_t)bytes);
  t->at = rt_alloc(&s->build_mem, s->n_rows, sizeof *t->at);
  t->groups = rt_alloc(&s->build_mem, s->n_groups, sizeof *t->groups);
  if (!t->store || !t->at || !t->groups) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; k < s->pops[i].n_groups; k++) t->groups[s->pops[i].groups[k].index] = &s->pops[i].groups[k];
  t->used = 1; /* 0: no row */
  s->streams = t;
  return 0;
}

static uint64_t units(uint64_t bytes) { return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t); }

static uint64_t store_take(struct rt_streams *t, struct rt_stream_segment *g, uint64_t n) {
  if (g->end - g->at < n) {
    uint64_t size = t->cap > 64 * SEGMENT ? SEGMENT : SMALL_SEGMENT;
    if (n > size) size = n;
    g->at = atomic_fetch_add(&t->used, size);
    g->end = g->at + size;
    if (g->end + BEHIND > t->cap) {
      rt_fail(NSL_EMEMORY, "the synapses do not fit (%.3g GB are reserved)", (double)t->cap * 8e-9);
      return 0;
    }
  }
  uint64_t at = g->at;
  g->at += n;
  return at;
}

/* How many synapses each own shard has, as hot.h says; gives the bytes, writes them if there is where. */
static uint32_t counts_write(const struct rt_sim *s, const struct rt_stream_buckets *of, uint8_t *out, uint32_t *ret_n) {
  uint32_t bytes = 0, all = 0;
  for (uint32_t shard = s->own0; shard < s->own1; shard++) {
    const uint32_t *count = of->count + ((uint64_t)shard << of->log_span);
    uint32_t n = 0;
    for (uint32_t d = of->shortest; d <= of->longest; d++) n += count[d];
    all += n;
    for (; n >= RT_STREAM_MORE; n -= RT_STREAM_MORE, bytes++)
      if (out) out[bytes] = RT_STREAM_MORE;
    if (out) out[bytes] = (uint8_t)n;
    bytes++;
  }
  *ret_n = all;
  return bytes;
}

static void delays_write(char *at, uint32_t bytes, uint32_t delay, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) memcpy(at + (uint64_t)i * bytes, &delay, bytes); /* its low bytes */
}

/* The places of the buckets' cells, and the delays behind all cells. */
static void places_write(const struct rt_sim *s, const struct rt_stream_buckets *of, const struct rt_stream_row *row,
                         uint32_t cell) {
  char *at = (char *)(row + 1) + row->counts, *delays = at + units((uint64_t)row->n * cell) * sizeof(uint64_t);
  for (uint32_t shard = s->own0; shard < s->own1; shard++)
    for (uint32_t d = of->shortest; d <= of->longest; d++) {
      uint64_t bucket = ((uint64_t)shard << of->log_span) + d;
      uint32_t n = of->count[bucket];
      of->place[bucket] = at;
      at += (uint64_t)n * cell;
      if (row->delay_bytes) delays_write(delays, row->delay_bytes, d - row->least, n);
      delays += (uint64_t)n * row->delay_bytes;
    }
}

int rt_stream_begin(struct rt_sim *s, struct rt_stream_segment *seg, const struct rt_pop *pop, uint32_t group,
                    uint32_t source, const struct rt_stream_buckets *of) {
  struct rt_streams *t = s->streams;
  uint32_t n, spread = of->longest - of->shortest, cell = rt_stream_bytes(pop->groups[group].form);
  uint32_t counts = (uint32_t)units(counts_write(s, of, NULL, &n)) * (uint32_t)sizeof(uint64_t);
  uint32_t delay_bytes = !pop->groups[group].late ? 0 : spread <= UINT8_MAX ? 1 : spread <= UINT16_MAX ? 2 : 4;
  uint64_t all = units(sizeof(struct rt_stream_row) + counts) + units((uint64_t)n * cell) + units((uint64_t)n * delay_bytes);
  if (!n) return 0;
  uint64_t at = store_take(t, seg, all);
  if (!at) return NSL_EMEMORY;
  struct rt_stream_row *row = (struct rt_stream_row *)(void *)(t->store + at);
  *row = (struct rt_stream_row){n, of->shortest, counts, delay_bytes};
  counts_write(s, of, (uint8_t *)(row + 1), &n);
  places_write(s, of, row, cell);
  t->at[pop->row0 + (uint64_t)source * pop->n_groups + group] = at;
  return 0;
}

/* ---- spikes */

int rt_stream_ways(struct rt_sim *s, struct rt_mem *mem, struct rt_way **ret, uint32_t *ret_n) {
  struct rt_way *ways = rt_alloc(mem, s->n_groups, sizeof *ways);
  if (!ways) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    const struct rt_group *g = &p->source->groups[p->group];
    struct rt_way *w = &ways[g->index];
    double row = w->row + p->expected / p->source->size;
    if (!w->source)
      *w = (struct rt_way){.source = p->source, .proj = p, .sn = p->source->size, .index = g->index, .delay = g->delay,
                           .size = g->form == RT_APART ? sizeof(struct rt_apart) : rt_stream_bytes(g->form), .arrival = rt_arrival(p),
                           .late = g->late};
    w->row = row;
  }
  *ret = ways;
  *ret_n = s->n_groups;
  return 0;
}

static uint64_t *row_at(const struct rt_sim *s, const struct rt_way *w, uint32_t source) {
  return &s->streams->at[w->source->row0 + (uint64_t)source * w->source->n_groups + w->proj->group];
}

void rt_stream_ask(const struct rt_sim *s, const struct rt_way *way, const uint32_t *ids, uint32_t n) {
  if (ASKED_AT < n) __builtin_prefetch(row_at(s, way, ids[ASKED_AT]));
  uint64_t at = *row_at(s, way, *ids);
  const char *row = (const char *)(s->streams->store + at);
  for (uint32_t k = 0; at && k < ASKED; k += LINE) __builtin_prefetch(row + k);
}

/* The number of an event's element in its population. */
static uint32_t element_of(const struct rt_shard *h, const struct rt_pop *p, uint32_t number) {
  for (uint32_t i = 0; i < h->n_slices; i++)
    if (h->slices[i].pop == p) return number - h->slices[i].base + h->slices[i].first;
  return 0;
}

static uint32_t delay_at(const struct rt_stream_row *row, const char *delays, uint64_t i) {
  uint32_t beyond = 0;
  memcpy(&beyond, delays + i * row->delay_bytes, row->delay_bytes);
  return row->least + beyond;
}

/* For handlers that do more than add. Synapses of one shard follow each other, as the counts say. */
static void apart_send(struct rt_maker *m, const struct rt_way *w, uint32_t source, uint64_t step, const struct rt_stream_row *row) {
  const struct rt_sim *s = m->synapses.s;
  const uint8_t *counts = (const uint8_t *)(row + 1);
  const uint64_t *cell = (const uint64_t *)(const void *)(counts + row->counts);
  const char *delays = (const char *)(cell + 2 * (uint64_t)row->n);
  uint64_t i = 0, end = 0;
  for (uint32_t shard = s->own0; shard < s->own1; counts++) {
    for (end += *counts; i < end; i++) {
      uint64_t due = step + delay_at(row, delays, i);
      struct rt_apart event = {.key = (uint64_t)w->proj->rank << 32 | source, .number = (uint32_t)(cell[2 * i] >> 16),
                               .element = element_of(&s->shards[shard], w->proj->target, (uint16_t)cell[2 * i])};
      memcpy(&event.weight, &cell[2 * i + 1], sizeof event.weight);
      if (due > s->step) rt_queue_apart(&m->queue, &event, due, shard);
    }
    shard += *counts < RT_STREAM_MORE;
  }
}

int rt_stream_send(struct rt_maker *m, const struct rt_way *way, uint32_t source, uint64_t step) {
  const struct rt_sim *s = m->synapses.s;
  uint64_t at = *row_at(s, way, source);
  const struct rt_stream_row *row = (const void *)(s->streams->store + at);
  uint32_t past = s->step > step ? (uint32_t)(s->step - step) : 0;
  if (!at) return 0;
  if (way->arrival == RT_ARRIVE_APART) apart_send(m, way, source, step, row);
  else if (way->late) s->hot.stream_late(&m->queue.scatter, row, way->size, s->own0, s->own1 - s->own0, past);
  else s->hot.stream_send(&m->queue.scatter, row, way->size, s->own0, s->own1 - s->own0);
  return 0;
}

/* ---- events of a run */

static void read_count(struct rt_shard *h, const struct rt_run *run) {
  h->delivery.n_read += units(rt_run_bytes(run));
}

uint64_t rt_stream_add(struct rt_shard *h, const struct rt_run *run) {
  const struct rt_sim *s = h->sim;
  const struct rt_reach *r = &h->delivery.reach[run->proj];
  uint32_t form = s->streams->groups[run->proj]->form, bytes = rt_stream_bytes(form);
  uint64_t n = rt_run_bytes(run) / bytes;
  const void *events = run + 1;
  bool narrow = rt_forms[form].sum_bytes == sizeof(int32_t);
  if (bytes == 2 && narrow) s->hot.gather_same_i32(r->to, 0, events, n, r->units);
  else if (bytes == 2) s->hot.gather_same_i64(r->to, 0, events, n, r->units);
  else if (bytes == 4 && narrow) s->hot.gather_cells_i32(r->to, events, n, r->units);
  else if (bytes == 4) s->hot.gather_cells_i64(r->to, events, n, r->units);
  else if (narrow) s->hot.gather_words_i32(r->to, 0, events, n, r->units);
  else s->hot.gather_words_i64(r->to, 0, events, n, r->units);
  read_count(h, run);
  return n;
}

uint64_t rt_stream_behind(struct rt_shard *h, const struct rt_run *run) {
  const struct rt_reach *r = &h->delivery.reach[run->proj];
  const uint16_t *events = (const uint16_t *)(const void *)(run + 1);
  uint64_t n = rt_run_bytes(run) / sizeof *events;
  for (uint64_t i = 0; i < n; i++) {
    if (h->sim->program->f32) ((float *)r->to)[events[i]] += (float)r->real;
    else ((double *)r->to)[events[i]] += r->real;
  }
  read_count(h, run);
  return n;
}

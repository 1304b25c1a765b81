/* Rows made anew: at a spike, by the same function that would have stored them (synapses.c), and put into the queue of the
 * thread that makes them; and what the owners of the targets do with such events. */
#include <string.h>

#include "runtime/connect.h"
#include "runtime/ways.h"

/* ---- projections */

enum rt_arrival rt_arrival(const struct rt_proj *p) {
  if (p->form == RT_APART) return RT_ARRIVE_APART;
  return rt_forms[p->form].behind ? RT_ARRIVE_BEHIND : RT_ARRIVE_ADD;
}

uint32_t rt_anew_size(const struct rt_proj *p) {
  enum rt_arrival kind = rt_arrival(p);
  if (kind == RT_ARRIVE_APART) return sizeof(struct rt_apart);
  return kind == RT_ARRIVE_ADD && p->drawn_weight ? sizeof(uint64_t) : sizeof(uint16_t);
}

int rt_anew_ways(struct rt_sim *s, struct rt_mem *mem, struct rt_way **ret, uint32_t *ret_n) {
  struct rt_way *ways = rt_alloc(mem, s->n_projs, sizeof *ways);
  if (!ways) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    ways[i] = (struct rt_way){p->source,      p, p->s0,         p->sn, i, p->delay_steps, rt_anew_size(p), p->sn ? p->expected / p->sn : 0,
                              rt_arrival(p), p->drawn_delay};
  }
  *ret = ways;
  *ret_n = s->n_projs;
  return 0;
}

/* ---- rows into the queue */

/* Leaves of a row what goes to this process and is not due yet. */
static int row_thin(struct rt_maker *m, const struct rt_proj *p, uint64_t step, struct rt_row_of *row) {
  const struct rt_sim *s = m->synapses.s;
  uint64_t n = 0;
  if (rt_grow(&m->targets, &m->targets_cap, row->n + 1, sizeof *m->targets) ||
      rt_grow(&m->delays, &m->delays_cap, row->n + 1, sizeof *m->delays) ||
      rt_grow(&m->weights, &m->weights_cap, row->n + 1, sizeof *m->weights))
    return NSL_EMEMORY;
  for (uint64_t i = 0; i < row->n; i++) {
    if (!rt_is_own(s, p->target->lanes[row->target[i] / 64].shard)) continue;
    if (row->delay && step + row->delay[i] <= s->step) continue;
    m->targets[n] = row->target[i];
    if (row->delay) m->delays[n] = row->delay[i];
    if (row->weight) m->weights[n] = row->weight[i];
    n++;
  }
  *row = (struct rt_row_of){n, m->targets, row->delay ? m->delays : NULL, row->delays, row->weight ? m->weights : NULL};
  return 0;
}

/* Numbers in the row are those of the whole row, so this thins by itself. */
static void row_apart(struct rt_maker *m, const struct rt_proj *p, uint32_t source, uint64_t step,
                      const struct rt_row_of *row) {
  const struct rt_sim *s = m->synapses.s;
  for (uint64_t i = 0; i < row->n; i++) {
    uint32_t shard = p->target->lanes[row->target[i] / 64].shard;
    uint64_t due = step + (row->delay ? row->delay[i] : p->delay_steps);
    if (due <= s->step || !rt_is_own(s, shard)) continue;
    const struct rt_apart event = {(uint64_t)p->rank << 32 | source, (uint32_t)i, row->target[i],
                                   row->weight ? row->weight[i] : p->weight};
    rt_queue_apart(&m->queue, &event, due, shard);
  }
}

static int row_words(struct rt_maker *m, const struct rt_proj *p, const struct rt_row_of *row) {
  double largest; /* known from the survey */
  if (rt_grow(&m->words, &m->words_cap, row->n + 1, sizeof *m->words)) return NSL_EMEMORY;
  m->synapses.s->hot.synapse_grains(row->weight, 1 / p->grain, row->n, m->words, &largest);
  return 0;
}

int rt_anew_send(struct rt_maker *m, const struct rt_way *way, uint32_t source, uint64_t step) {
  const struct rt_proj *p = way->proj;
  struct rt_sim *s = m->synapses.s;
  struct rt_row_of row;
  int e = rt_synapses_of(&m->synapses, p, source, &row);
  if (e || !row.n) return e;
    if (way->arrival == RT_ARRIVE_APART) {
    row_apart(m, p, source, step, &row);
    return 0;
  }
  bool whole = s->own0 == 0 && s->own1 == s->n_shards && (!row.delay || step + s->min_delay > s->step);
  if (!whole && (e = row_thin(m, p, step, &row))) return e;
  bool words = way->arrival == RT_ARRIVE_ADD && row.weight;
  if (words && (e = row_words(m, p, &row))) return e;
  struct rt_scatter *to = &m->queue.scatter;
  if (words && row.delay) s->hot.scatter_words_late(to, row.target, row.delay, m->words, row.n);
  else if (words) s->hot.scatter_words(to, row.target, m->words, row.n);
  else if (row.delay) s->hot.scatter_same_late(to, row.target, row.delay, row.n);
  else s->hot.scatter_same(to, row.target, row.n);
  return 0;
}

/* ---- events of a run */

static const struct rt_slice *slice_of(const struct rt_shard *h, const struct rt_pop *p) {
  for (uint32_t i = 0; i < h->n_slices; i++)
    if (h->slices[i].pop == p) return &h->slices[i];
  return NULL;
}

uint64_t rt_anew_add(struct rt_shard *h, const struct rt_run *run) {
  const struct rt_sim *s = h->sim;
  const struct rt_proj *p = &s->projs[run->proj];
  const struct rt_slice *c = slice_of(h, p->target);
  struct rt_acc acc = rt_acc(h, c, p->def->port);
  uint64_t n = rt_run_bytes(run) / rt_anew_size(p);
  int64_t same = p->drawn_weight ? 0 : rt_weight_units(p, p->weight);
  const void *events = run + 1;
  if (acc.narrow && p->drawn_weight) s->hot.gather_words_i32(acc.narrow, c->first, events, n, p->grain_units);
  else if (acc.narrow) s->hot.gather_same_i32(acc.narrow, c->first, events, n, same);
  else if (p->drawn_weight) s->hot.gather_words_i64(acc.wide, c->first, events, n, p->grain_units);
  else s->hot.gather_same_i64(acc.wide, c->first, events, n, same);
  return n;
}

uint64_t rt_anew_behind(struct rt_shard *h, const struct rt_run *run) {
  const struct rt_sim *s = h->sim;
  const struct rt_proj *p = &s->projs[run->proj];
  const struct rt_slice *c = slice_of(h, p->target);
  void *state = p->target->states[p->target->class->ports[p->def->port].straight - 1];
  const uint16_t *events = (const uint16_t *)(const void *)(run + 1);
  uint64_t n = rt_run_bytes(run) / sizeof *events;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t element = c->first + (uint16_t)(events[i] - c->first);
    if (s->program->f32) ((float *)state)[element] += (float)p->weight;
    else ((double *)state)[element] += p->weight;
  }
  return n;
}

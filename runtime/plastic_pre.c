/* What synapses with memory see of cells that are not their targets. Of presynaptic cells: states of the source's own (`pre.V`, states
 * per pre without a closed form), as they were when a spike left, or would have. Of third parts: states as a step has left them when all of it is
 * over, for events of the step behind it. Kept by step, for all shards together: each writes its own cells behind its step,
 * and all read them when the interval is over. A fast thread is then at most one interval ahead. Ranks put together what each has of the rows of an interval when they meet. See plastic.h. */
#include <string.h>

#include "runtime/error.h"
#include "runtime/plastic.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"

static struct rt_others others_of(const struct rt_plastic *p, const struct nsl_seen *seen) {
  const struct rt_proj *proj = p->proj;
  switch ((enum nsl_side)seen->side) {
    case NSL_SIDE_PRE: return (struct rt_others){.pop = proj->source, .first = proj->s0, .n = proj->sn};
    case NSL_SIDE_THIRD: return (struct rt_others){.pop = seen->outer == NSL_NONE ? NULL : p->third_pop, .first = p->third0, .n = p->third_n};
    case NSL_SIDE_POST: break;
  }
  return (struct rt_others){0};
}

static int ring_alloc(struct rt_sim *s, const struct rt_plastic *p, const struct rt_others *o, const char *state, char **ret) {
  if (!(*ret = rt_alloc(&s->mem, (uint64_t)o->n * p->pre_ring, s->real_size))) return NSL_EMEMORY;
  memcpy(*ret, state + o->first * s->real_size, o->n * s->real_size);
  return 0;
}

int rt_pre_make(struct rt_sim *s, struct rt_plastic *p) {
  const struct nsl_projection *def = p->proj->def;
  uint64_t most = 0;
  bool finer = false;
  int e = 0;
  p->pre_ring = rt_power_of_two((uint64_t)p->axonal + 2 * s->interval + 3);
  p->others = rt_alloc(&s->mem, def->n_seen + 1, sizeof *p->others);
  if (!p->others) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < def->n_seen; i++) {
    struct rt_others *o = &p->others[i];
    *o = others_of(p, &def->seen[i]);
    if (!o->pop) continue;
    const char *state = o->pop->states[def->seen[i].outer];
    e = ring_alloc(s, p, o, state, &o->after);
    if (!e && def->seen[i].side == NSL_SIDE_PRE) e = ring_alloc(s, p, o, state, &o->before);
    finer |= o->before && o->pop->within > 1;
    most = o->n > most ? o->n : most;
  }
  if (!e && finer && !(p->pre_spiked = rt_alloc(&s->mem, p->proj->sn, sizeof *p->pre_spiked))) e = NSL_EMEMORY;
  if (!e && most && !(p->pre_whole = rt_alloc(&s->mem, most + 1, sizeof *p->pre_whole))) e = NSL_EMEMORY;
  return e;
}

/* The part of a slice of their population that is kept; false: none. */
static bool part_of(const struct rt_others *o, const struct rt_slice *c, uint32_t *ret_begin, uint32_t *ret_end) {
  uint32_t end = c->first + c->count;
  *ret_begin = c->first > o->first ? c->first : o->first;
  *ret_end = end > o->first + o->n ? o->first + o->n : end;
  return c->pop == o->pop && *ret_begin < *ret_end;
}

/* One slice of the source at the end of a step; ids: those that have spiked. */
static void slice_keep(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n) {
  const struct rt_others *o = &p->others[nth];
  uint32_t begin, end;
  if (!o->before || !part_of(o, c, &begin, &end)) return;
  uint64_t row = (step & (p->pre_ring - 1)) * o->n;
  const char *state = o->pop->states[p->proj->def->seen[nth].outer];
  size_t to = (row + begin - o->first) * s->real_size, bytes = (end - begin) * s->real_size;
  memcpy(o->before + to, state + begin * s->real_size, bytes);
  const void *before = o->pop->states[p->proj->def->seen[nth].before];
  for (uint64_t k = 0; k < n; k++) {
    if (ids[k] < begin || ids[k] >= end) continue;
    uint64_t at = row + ids[k] - o->first;
    rt_real_set(s, o->before, at, p->pre_spiked ? rt_real(s, o->after, at) : rt_real(s, before, ids[k]));
  }
  memcpy(o->after + to, state + begin * s->real_size, bytes);
}

/* Within a step of the run the first spike counts. What it had before waits where the step's end will be. */
void rt_pre_within(struct rt_shard *h, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    const struct rt_proj *proj = p->proj;
    for (uint64_t k = 0; p->pre_spiked && c->pop == proj->source && k < n; k++) {
      uint64_t from = ids[k] - proj->s0;
      if (ids[k] < proj->s0 || from >= proj->sn || p->pre_spiked[from] == step) continue;
      p->pre_spiked[from] = step;
      for (uint32_t j = 0; j < proj->def->n_seen; j++)
        if (p->others[j].before)
          rt_real_set(s, p->others[j].after, (step & (p->pre_ring - 1)) * proj->sn + from, rt_real(s, proj->source->states[proj->def->seen[j].before], ids[k]));
    }
  }
}

void rt_pre_keep(struct rt_shard *h, uint64_t step, const uint32_t *ids, const uint64_t *ends, uint64_t begin) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_plastic; i++)
    for (uint32_t k = 0; k < h->n_slices; k++) {
      uint64_t from = k ? ends[k - 1] : begin;
      for (uint32_t j = 0; j < s->plastics[i].proj->def->n_seen; j++)
        slice_keep(s, &s->plastics[i], j, &h->slices[k], step, ids + from, ends[k] - from);
    }
}

void rt_third_keep(struct rt_shard *h, uint64_t step) {
  const struct rt_sim *s = h->sim;
  uint32_t begin, end;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    for (uint32_t k = 0; p->third_pop && k < h->n_slices; k++)
      for (uint32_t j = 0; j < p->proj->def->n_seen; j++) {
        const struct rt_others *o = &p->others[j];
        if (o->before || !part_of(o, &h->slices[k], &begin, &end)) continue;
        const char *state = o->pop->states[p->proj->def->seen[j].outer];
        memcpy(o->after + ((step & (p->pre_ring - 1)) * o->n + begin - o->first) * s->real_size, state + begin * s->real_size, (end - begin) * s->real_size);
      }
  }
}

/* Of a row of reals the parts that other ranks own. */
static void others_clear(const struct rt_sim *s, const struct rt_others *o, char *row) {
  uint32_t begin, end;
  for (uint32_t i = 0; i < o->pop->n_parts; i++) {
    const struct rt_slice *c = &s->shards[o->pop->parts[i].shard].slices[o->pop->parts[i].slice];
    if (!rt_is_own(s, o->pop->parts[i].shard) && part_of(o, c, &begin, &end)) memset(row + (begin - o->first) * s->real_size, 0, (end - begin) * s->real_size);
  }
}

static int row_trade(struct rt_sim *s, const struct rt_plastic *p, const struct rt_others *o, char *ring, uint64_t step) {
  uint64_t bytes = o->n * s->real_size, *whole = p->pre_whole;
  char *row = ring + (step & (p->pre_ring - 1)) * bytes;
  if (!ring || !bytes) return 0;
  others_clear(s, o, row);
  memcpy(whole, row, bytes);
  int e = rt_ranks_combine(s->ranks, whole, (bytes + 7) / 8, RT_OR_U64);
  memcpy(row, whole, bytes);
  return e;
}

int rt_pre_trade(struct rt_sim *s, uint64_t from, uint32_t n) {
  int e = 0;
  for (uint32_t i = 0; s->ranks && i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    for (uint32_t k = 0; k < p->proj->def->n_seen; k++)
      for (uint32_t j = 0; !e && p->others[k].pop && j < n; j++) {
        e = row_trade(s, p, &p->others[k], p->others[k].before, from + j);
        if (!e) e = row_trade(s, p, &p->others[k], p->others[k].after, from + j);
      }
  }
  return e;
}

double rt_pre_seen(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, bool after, uint32_t row, uint64_t step) {
  uint64_t left = step > p->axonal ? step - p->axonal : 0;
  const struct rt_others *o = &p->others[nth];
  return rt_real(s, after ? o->after : o->before, (left & (p->pre_ring - 1)) * o->n + row);
}

const void *rt_third_row_at(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, uint64_t step) {
  const struct rt_others *o = &p->others[nth];
  return o->after ? o->after + ((step - 1) & (p->pre_ring - 1)) * o->n * s->real_size : NULL;
}

/* What synapses with memory see of presynaptic cells: states of the source's own (`pre.V`, states per pre without a closed form), as
 * they were when a spike left, or would have. Kept by step, for all shards together: each writes its own cells behind its step,
 * and all read them when the interval is over. A fast thread is then at most one interval ahead. Ranks put together what each has of the rows of an interval when they meet. See plastic.h. */
#include <string.h>

#include "runtime/error.h"
#include "runtime/plastic.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"

bool rt_sees_pre(const struct rt_plastic *p) {
  for (uint32_t i = 0; i < p->proj->def->n_seen; i++)
    if (p->proj->def->seen[i].pre) return true;
  return false;
}

int rt_pre_make(struct rt_sim *s, struct rt_plastic *p) {
  const struct rt_proj *proj = p->proj;
  if (!rt_sees_pre(p)) return 0;
  p->pre_ring = rt_power_of_two((uint64_t)p->axonal + 2 * s->interval + 3);
  p->pre = rt_alloc(&s->mem, proj->def->n_seen, sizeof *p->pre);
  p->pre_whole = rt_alloc(&s->mem, proj->sn + 1, sizeof *p->pre_whole);
  if (!p->pre || !p->pre_whole) return NSL_EMEMORY;
  if (proj->source->within > 1 && !(p->pre_spiked = rt_alloc(&s->mem, proj->sn, sizeof *p->pre_spiked))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < proj->def->n_seen; i++) {
    if (!proj->def->seen[i].pre) continue;
    const char *state = proj->source->states[proj->def->seen[i].outer];
    size_t row = proj->sn * s->real_size;
    p->pre[i].before = rt_alloc(&s->mem, (uint64_t)proj->sn * p->pre_ring, s->real_size);
    p->pre[i].after = rt_alloc(&s->mem, (uint64_t)proj->sn * p->pre_ring, s->real_size);
    if (!p->pre[i].before || !p->pre[i].after) return NSL_EMEMORY;
    memcpy(p->pre[i].before, state + proj->s0 * s->real_size, row);
    memcpy(p->pre[i].after, p->pre[i].before, row);
  }
  return 0;
}

/* One slice of the source at the end of a step; ids: those that have spiked. */
static void slice_keep(const struct rt_sim *s, const struct rt_plastic *p, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n) {
  const struct rt_proj *proj = p->proj;
  uint32_t begin = c->first > proj->s0 ? c->first : proj->s0, end = c->first + c->count;
  if (end > proj->s0 + proj->sn) end = proj->s0 + proj->sn;
  if (begin >= end) return;
  uint64_t row = (step & (p->pre_ring - 1)) * proj->sn;
  for (uint32_t i = 0; i < proj->def->n_seen; i++) {
    if (!proj->def->seen[i].pre) continue;
    const char *state = proj->source->states[proj->def->seen[i].outer];
    size_t to = (row + begin - proj->s0) * s->real_size, bytes = (end - begin) * s->real_size;
    memcpy(p->pre[i].before + to, state + begin * s->real_size, bytes);
    const void *before = proj->source->states[proj->def->seen[i].before];
    for (uint64_t k = 0; k < n; k++) {
      if (ids[k] < begin || ids[k] >= end) continue;
      uint64_t at = row + ids[k] - proj->s0;
      rt_real_set(s, p->pre[i].before, at, p->pre_spiked ? rt_real(s, p->pre[i].after, at) : rt_real(s, before, ids[k]));
    }
    memcpy(p->pre[i].after + to, state + begin * s->real_size, bytes);
  }
}

/* Within a step of the run the first spike counts. What it had before waits where the step's end will be. */
void rt_pre_within(struct rt_shard *h, const struct rt_slice *c, uint64_t step, const uint32_t *ids, uint64_t n) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    const struct rt_proj *proj = p->proj;
    for (uint64_t k = 0; p->pre && c->pop == proj->source && k < n; k++) {
      uint64_t from = ids[k] - proj->s0;
      if (ids[k] < proj->s0 || from >= proj->sn || p->pre_spiked[from] == step) continue;
      p->pre_spiked[from] = step;
      for (uint32_t j = 0; j < proj->def->n_seen; j++)
        if (proj->def->seen[j].pre)
          rt_real_set(s, p->pre[j].after, (step & (p->pre_ring - 1)) * proj->sn + from, rt_real(s, proj->source->states[proj->def->seen[j].before], ids[k]));
    }
  }
}

void rt_pre_keep(struct rt_shard *h, uint64_t step, const uint32_t *ids, const uint64_t *ends, uint64_t begin) {
  const struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    for (uint32_t k = 0; p->pre && k < h->n_slices; k++) {
      uint64_t from = k ? ends[k - 1] : begin;
      if (h->slices[k].pop == p->proj->source) slice_keep(s, p, &h->slices[k], step, ids + from, ends[k] - from);
    }
  }
}

/* Of a row of reals, one for each source, the parts that other ranks own. */
static void others_clear(const struct rt_sim *s, const struct rt_proj *proj, char *row) {
  for (uint32_t i = 0; i < proj->source->n_parts; i++) {
    const struct rt_slice *c = &s->shards[proj->source->parts[i].shard].slices[proj->source->parts[i].slice];
    uint32_t begin = c->first > proj->s0 ? c->first : proj->s0, end = c->first + c->count;
    if (end > proj->s0 + proj->sn) end = proj->s0 + proj->sn;
    if (!rt_is_own(s, proj->source->parts[i].shard) && begin < end) memset(row + (begin - proj->s0) * s->real_size, 0, (end - begin) * s->real_size);
  }
}

static int row_trade(struct rt_sim *s, const struct rt_plastic *p, char *ring, uint64_t step, uint64_t *whole) {
  uint64_t bytes = p->proj->sn * s->real_size;
  char *row = ring + (step & (p->pre_ring - 1)) * bytes;
  others_clear(s, p->proj, row);
  memcpy(whole, row, bytes);
  int e = rt_ranks_combine(s->ranks, whole, (bytes + 7) / 8, RT_OR_U64);
  memcpy(row, whole, bytes);
  return e;
}

int rt_pre_trade(struct rt_sim *s, uint64_t from, uint32_t n) {
  int e = 0;
  for (uint32_t i = 0; s->ranks && i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    for (uint32_t k = 0; p->pre && k < p->proj->def->n_seen; k++)
      for (uint32_t j = 0; !e && p->proj->def->seen[k].pre && j < n; j++) {
        e = row_trade(s, p, p->pre[k].before, from + j, p->pre_whole);
        if (!e) e = row_trade(s, p, p->pre[k].after, from + j, p->pre_whole);
      }
  }
  return e;
}

double rt_pre_seen(const struct rt_sim *s, const struct rt_plastic *p, uint32_t nth, bool after, uint32_t row, uint64_t step) {
  uint64_t left = step > p->axonal ? step - p->axonal : 0;
  const char *ring = after ? p->pre[nth].after : p->pre[nth].before;
  return rt_real(s, ring, (left & (p->pre_ring - 1)) * p->proj->sn + row);
}

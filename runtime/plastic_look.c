/* Synapses with memory as they are now, when all rows have caught up: what is recorded of them, the state hash. See plastic.h. */
#include <string.h>

#include "runtime/mix.h"
#include "runtime/plastic_lanes.h"

/* ---- the weights of now */

int rt_weight_row(struct rt_sim *s, struct rt_weight_walk *w, uint32_t source) {
  if (!w->row_of && !(w->row_of = rt_alloc(&w->mem, s->n_shards, sizeof *w->row_of))) return NSL_EMEMORY;
  uint32_t row = source - w->p->proj->s0;
  int e = 0;
  for (uint32_t h = 0; !e && h < s->n_shards; h++) {
    struct rt_plastic_shard *q = &w->p->shards[h];
    struct rt_weight_part *part = &w->row_of[h];
    part->first = q->slice ? q->segments + q->row[row] : NULL;
    part->n = q->slice ? q->row[row + 1] - q->row[row] : 0;
    if (!part->n) continue;
    const struct rt_segment *last = part->first + part->n - 1;
    e = rt_grow(&part->next, &part->next_cap, part->n, sizeof *part->next);
    if (!e) e = rt_grow(&part->weight, &part->weight_cap, last->at + last->n - part->first->at, sizeof *part->weight);
    for (uint32_t g = 0; !e && g < part->n; g++) {
      const struct rt_segment *x = part->first + g;
      part->next[g] = 0;
      e = rt_plastic_now(q, row, x, w->state, part->weight + (x->at - part->first->at));
    }
  }
  return e;
}

double rt_weight_next(struct rt_sim *s, struct rt_weight_walk *w, uint32_t target, uint32_t delay) {
  for (uint32_t h = 0; h < s->n_shards; h++) {
    const struct rt_plastic_shard *q = &w->p->shards[h];
    const struct rt_weight_part *part = &w->row_of[h];
    if (!q->slice || target < q->slice->first || target - q->slice->first >= q->slice->count) continue;
    for (uint32_t g = 0; g < part->n; g++) {
      const struct rt_segment *x = part->first + g;
      uint32_t *at = &part->next[g];
      if (x->dendritic + w->p->axonal != delay) continue;
      while (*at < x->n && q->target[x->at + *at] < target - q->slice->first) ++*at;
      return part->weight[x->at - part->first->at + (*at)++];
    }
  }
  return 0; /* another rank has it */
}

void rt_weight_drop(struct rt_sim *s, struct rt_weight_walk *w) {
  for (uint32_t h = 0; w->row_of && h < s->n_shards; h++) {
    rt_drop(&w->row_of[h].next);
    rt_drop(&w->row_of[h].weight);
  }
  rt_mem_free(&w->mem);
}

/* ---- the state hash */

static uint64_t bits_of(const struct rt_sim *s, const void *array, uint64_t i) {
  uint64_t bits = 0;
  memcpy(&bits, (const char *)array + i * s->real_size, s->real_size);
  return bits;
}

/* Of a synapse: the row, its place among those of one delay onto one target; each is added with all its states. */
static uint64_t synapses_hash(const struct rt_sim *s, const struct rt_plastic_shard *q, uint64_t key) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < q->of->proj->sn; row++)
    for (uint32_t g = q->row[row]; g < q->row[row + 1]; g++) {
      const struct rt_segment *x = &q->segments[g];
      for (uint64_t i = x->at, nth = 0; i < x->at + x->n; i++) {
        nth = i > x->at && q->target[i] == q->target[i - 1] ? nth + 1 : 0;
        uint64_t h = rt_mix(rt_mix(key, row), (uint64_t)x->dendritic << 32 | (q->target[i] + q->slice->first));
        h = rt_mix(h, nth);
        for (uint32_t k = 0; k < q->of->class->n_states; k++)
          if (q->states[k]) h = rt_mix(h, bits_of(s, q->states[k], i));
        sum += h;
      }
    }
  return sum;
}

/* What is under way to the targets. (Presynaptic cells' states follow from their spikes, and lie with every shard.) */
static uint64_t sums_hash(const struct rt_sim *s, const struct rt_plastic_shard *q, uint64_t key) {
  uint64_t sum = 0;
  if (q->of->each) return rt_each_hash(q);
  for (uint32_t k = 1; k < q->of->sums; k++) {
    uint32_t at = (uint32_t)(s->step + k) & (q->of->sums - 1);
    for (uint32_t t = 0; q->dirty[at] && t < q->slice->count; t++) {
      int64_t waits = q->sums[(uint64_t)at * q->slice->count + t];
      if (waits) sum += rt_mix(rt_mix(rt_mix(key, k), t + q->slice->first), (uint64_t)waits);
    }
  }
  return sum;
}

/* Spikes that synapses have not seen yet. */
static uint64_t spikes_hash(const struct rt_sim *s, const struct rt_plastic_shard *q, uint64_t key) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < q->n_queue; i++) sum += rt_mix(rt_mix(key, q->queue[i].step), q->queue[i].source);
  for (uint32_t t = 0; t < q->slice->count; t++)
    for (uint32_t k = q->n_spiked[t], n = 0; k && n < q->of->ring; k--, n++) {
      uint64_t step = q->spikes[(uint64_t)t * q->of->ring + ((k - 1) & (q->of->ring - 1))];
      if (step + q->of->most <= s->step) break;
      sum += rt_mix(rt_mix(key + 1, step), t + q->slice->first);
    }
  return sum;
}

uint64_t rt_plastic_sum(const struct rt_sim *s) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++)
    for (uint32_t h = s->own0; h < s->own1; h++) {
      const struct rt_plastic_shard *q = &s->plastics[i].shards[h];
      if (!q->slice) continue;
      uint64_t key = rt_mix(0x706c, q->of->proj->index);
      sum += synapses_hash(s, q, key) + sums_hash(s, q, rt_mix(key, 1)) + spikes_hash(s, q, rt_mix(key, 2));
    }
  return sum;
}

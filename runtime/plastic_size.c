/* What synapses with memory will take, before any of them is made: of a sample of rows it is known how many slots they fill, since
 * segments are filled up (plastic_rows.c). What does not fit is refused with the estimate. Afterwards: what they have taken. */
#include <math.h>
#include <stdlib.h>

#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/plastic_lanes.h"
#include "runtime/ranks.h"
#include "runtime/synapses.h"

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

int rt_sizes_add(const struct rt_sim *s, const struct rt_proj *proj, struct rt_sizes *z, const struct rt_row_of *row) {
  if (rt_grow(&z->keys, &z->cap, row->n + 1, sizeof *z->keys)) return NSL_EMEMORY;
  for (uint64_t i = 0; i < row->n; i++) {
    uint32_t delay = row->delay ? row->delay[i] : proj->delay_steps;
    z->keys[i] = (uint64_t)proj->target->lanes[row->target[i] / 64].shard << 32 | delay;
    z->most = delay > z->most ? delay : z->most;
  }
  qsort(z->keys, row->n, sizeof *z->keys, by_value);
  for (uint64_t i = 0, end; i < row->n; i = end) {
    for (end = i; end < row->n && z->keys[end] == z->keys[i];) end++;
    z->slots += (end - i + RT_LEARN_LANES - 1) / RT_LEARN_LANES * RT_LEARN_LANES;
    z->segments++;
  }
  z->synapses += row->n;
  return 0;
}

/* Of one synapse: its target and its third part, its number where what it sends is handled one by one, its own states and drawn params. */
static double slot_bytes(const struct rt_sim *s, const struct rt_plastic *p) {
  const struct nsl_class *c = p->class;
  uint32_t n = c->n_params;
  for (uint32_t i = 0; i < c->n_states; i++) n += c->states[i].per == NSL_PER_ELEMENT;
  return 4.0 + (p->each ? 4.0 : 0) + (p->third_pop ? 4.0 : 0) + n * (double)s->real_size;
}

static double cell_bytes(const struct rt_sim *s, const struct rt_plastic *p, uint32_t most) {
  double reals = 0, real = (double)s->real_size;
  for (uint32_t i = 0; i < p->class->n_states; i++) reals += p->class->states[i].per == NSL_PER_PRE;
  double sources = (double)p->proj->sn * s->n_shards * (4 + 8 + reals * real);
  double steps = rt_power_of_two(2ull * most * p->proj->target->within + 16), seen = p->proj->def->n_seen;
  double thirds = p->third_pop ? (double)p->third_n * steps * seen * real : 0;
  return sources + thirds + (double)p->proj->target->padded * (steps * (4 + 8 + seen * 2 * real) + 8);
}

void rt_sizes_end(const struct rt_sim *s, struct rt_plastic *p, const struct rt_sizes *z) {
  double scale = z->synapses ? p->proj->expected / (double)z->synapses : 0;
  p->expected_bytes = scale * ((double)z->slots * slot_bytes(s, p) + (double)z->segments * sizeof(struct rt_segment)) + cell_bytes(s, p, z->most);
}

int rt_plastic_fits(struct rt_sim *s) {
  const struct rt_plastic *worst = NULL;
  double all = 0, n = 0, left = (double)rt_memory_left();
  for (uint32_t i = 0; i < s->n_plastic; i++) {
    const struct rt_plastic *p = &s->plastics[i];
    all += p->expected_bytes;
    n += p->proj->expected;
    if (!worst || p->expected_bytes > worst->expected_bytes) worst = p;
  }
  s->plastic_bytes = all * (s->own1 - s->own0) / s->n_shards * rt_ranks_here(s->ranks);
  int e = 0;
  if (worst && s->plastic_bytes > left)
    e = rt_fail_at(NSL_EMEMORY, worst->proj->def->place,
                   "synapses with memory need about %.3g GB of memory, of which %s with its %.3g synapses %.3g GB; they are always stored, and "
                   "%.3g GB are free on this machine: about %.2g synapses would fit", s->plastic_bytes / 1e9, worst->proj->def->path,
                   worst->proj->expected, worst->expected_bytes / 1e9, left / 1e9, n * left / s->plastic_bytes);
  return rt_ranks_agree(s->ranks, e);
}

uint64_t rt_plastic_bytes(const struct rt_sim *s) {
  double bytes = 0;
  for (uint32_t i = 0; i < s->n_plastic; i++)
    for (uint32_t h = s->own0; s->plastics[i].shards && h < s->own1; h++) {
      const struct rt_plastic_shard *q = &s->plastics[i].shards[h];
      if (q->row) bytes += (double)q->n * slot_bytes(s, &s->plastics[i]) + (double)q->row[s->plastics[i].proj->sn] * sizeof(struct rt_segment);
    }
  return (uint64_t)bytes;
}

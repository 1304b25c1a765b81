/* Measures of variables: record kernels run at every step of the window (or at one), reduced at once.
 *
 * Sums are kept for each block of 64 elements by the shard that owns it, and added in the order of elements when they
 * are asked for: the same bits for any number of threads. */
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/ranks.h"
#include "runtime/sim.h"

struct probe_item {
  uint32_t first, n;
  double *sums; /* by block of the population, over all steps */
  double *least, *most;
};
struct probe_part { /* an item in a slice of a shard */
  uint32_t item, from, to;
  void **slots;
  nsl_kernel_fn *kernel;
};
struct rt_probe {
  uint64_t at; /* the only step, or RT_NO_STEP: all in the window */
  struct probe_item *items;
  struct probe_part **parts; /* by shard */
  uint32_t *n_parts;
  void **scratch; /* by shard */
};

int rt_probe_make(struct rt_sim *s, struct rt_measure *m) {
  struct rt_probe *p = m->probe = rt_alloc(&s->mem, 1, sizeof *p);
  if (!p) return NSL_EMEMORY;
  p->at = RT_NO_STEP;
  p->items = rt_alloc(&s->mem, m->def->n_items, sizeof *p->items);
  if (!p->items) return NSL_EMEMORY;
  for (uint32_t i = 0; i < m->def->n_items; i++) {
    struct probe_item *item = &p->items[i];
    uint32_t words = s->pops[m->def->items[i].slice.pop].words;
    int e = rt_slice_range(s, &m->def->items[i].slice, m->def->place, &item->first, &item->n);
    if (e) return e;
    item->sums = rt_alloc(&s->mem, words, sizeof *item->sums);
    item->least = rt_alloc(&s->mem, words, sizeof *item->least);
    item->most = rt_alloc(&s->mem, words, sizeof *item->most);
    if (!item->sums || !item->least || !item->most) return NSL_EMEMORY;
    for (uint32_t w = 0; w < words; w++) item->least[w] = INFINITY, item->most[w] = -INFINITY;
  }
  if (m->def->argument == NSL_NONE) return 0;
  double at = rt_steps(s->G[m->def->argument], s->dt);
  if (!(at >= 0 && at <= (double)s->n_steps))
    return rt_fail_at(NSL_EMODEL, m->def->place, "%s: the run ends at %g ms", m->def->text, (double)s->n_steps * s->dt);
  p->at = (uint64_t)at;
  return 0;
}

static int parts_make(struct rt_sim *s, const struct rt_measure *m, uint32_t shard) {
  struct rt_probe *p = m->probe;
  const struct rt_shard *h = &s->shards[shard];
  uint32_t most = 64;
  p->parts[shard] = rt_alloc(&s->mem, m->def->n_items, sizeof **p->parts);
  for (uint32_t k = 0; k < h->n_slices; k++) most = h->slices[k].count > most ? h->slices[k].count : most;
  p->scratch[shard] = rt_alloc(&s->mem, most, sizeof(double));
  if (!p->parts[shard] || !p->scratch[shard]) return NSL_EMEMORY;
  for (uint32_t i = 0; i < m->def->n_items; i++)
    for (uint32_t k = 0; k < h->n_slices; k++) {
      const struct rt_slice *c = &h->slices[k];
      const struct nsl_code *code = &m->def->items[i].code;
      uint32_t end = p->items[i].first + p->items[i].n;
      uint32_t from = p->items[i].first > c->first ? p->items[i].first : c->first;
      uint32_t to = end < c->first + c->count ? end : c->first + c->count;
      if (c->pop->index != m->def->items[i].slice.pop || from >= to) continue;
      struct probe_part *part = &p->parts[shard][p->n_parts[shard]++];
      *part = (struct probe_part){.item = i, .from = from, .to = to, .kernel = rt_kernel(s, code)};
      int e = rt_slots(s, c->pop, code, &part->slots);
      if (e) return e;
      for (uint32_t b = 0; b < code->n_bindings; b++)
        if (code->bindings[b].kind == NSL_SLOT_OUT) part->slots[b] = p->scratch[shard];
    }
  return 0;
}

int rt_probes_begin(struct rt_sim *s) {
  bool any = false;
  for (uint32_t i = 0; i < s->n_measures; i++) {
    struct rt_probe *p = s->measures[i].probe;
    if (!p) continue;
    any = true;
    p->parts = rt_alloc(&s->mem, s->n_shards, sizeof *p->parts);
    p->n_parts = rt_alloc(&s->mem, s->n_shards, sizeof *p->n_parts);
    p->scratch = rt_alloc(&s->mem, s->n_shards, sizeof *p->scratch);
    if (!p->parts || !p->n_parts || !p->scratch) return NSL_EMEMORY;
    for (uint32_t h = s->own0; h < s->own1; h++)
      if (parts_make(s, &s->measures[i], h)) return NSL_EMEMORY;
  }
  for (uint32_t h = s->own0; h < s->own1; h++) {
    s->shards[h].next_probe = RT_NO_STEP;
    if (any) rt_probes_step(&s->shards[h], 0);
  }
  return 0;
}

static bool looks_at(const struct rt_measure *m, uint64_t step) {
  uint64_t at = m->probe->at;
  return at == RT_NO_STEP ? step > m->after && step <= m->until : step == at;
}

static void part_look(struct rt_shard *h, const struct rt_measure *m, const struct probe_part *part, uint64_t step) {
  struct rt_sim *s = h->sim;
  struct probe_item *item = &m->probe->items[part->item];
  const struct rt_pop *p = &s->pops[m->def->items[part->item].slice.pop];
  uint32_t first = part->from / 64 * 64;
  const double *wide = m->probe->scratch[h->index];
  const float *narrow = m->probe->scratch[h->index];
  struct nsl_env env = {.slots = part->slots,
                        .u = p->u,
                        .key = p->key,
                        .step = step,
                        .first = first,
                        .count = (part->to + 63) / 64 * 64 - first,
                        .t = (double)step * s->dt,
                        .dt = s->dt};
  part->kernel(&env);
  for (uint32_t i = part->from; i < part->to; i++) {
    double x = s->program->f32 ? (double)narrow[i - first] : wide[i - first];
    item->sums[i / 64] += x;
    item->least[i / 64] = x < item->least[i / 64] ? x : item->least[i / 64];
    item->most[i / 64] = x > item->most[i / 64] ? x : item->most[i / 64];
  }
}

/* The first step after this one at which the measure looks. */
static uint64_t next_look(const struct rt_measure *m, uint64_t step) {
  uint64_t at = m->probe->at, next = step > m->after ? step + 1 : m->after + 1;
  if (at != RT_NO_STEP) return at > step ? at : RT_NO_STEP;
  return next <= m->until ? next : RT_NO_STEP;
}

uint64_t rt_probes_next(const struct rt_sim *s, uint64_t step) {
  uint64_t first = RT_NO_STEP;
  for (uint32_t i = 0; i < s->n_measures; i++) {
    uint64_t next = s->measures[i].probe ? next_look(&s->measures[i], step) : RT_NO_STEP;
    if (next < first) first = next;
  }
  return first;
}

void rt_probes_step(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  for (uint32_t i = 0; i < s->n_measures; i++) {
    const struct rt_measure *m = &s->measures[i];
    if (!m->probe) continue;
    if (looks_at(m, step))
      for (uint32_t k = 0; k < m->probe->n_parts[h->index]; k++) part_look(h, m, &m->probe->parts[h->index][k], step);
  }
  h->next_probe = rt_probes_next(s, step);
}

struct rt_probe_sums rt_probe_sums(const struct rt_measure *m, uint32_t item) {
  const struct probe_item *at = &m->probe->items[item];
  return (struct rt_probe_sums){at->sums, at->least, at->most};
}

/* Of a block all ranks but its owner have what they began with. */
int rt_probe_collect(struct rt_sim *s, struct rt_measure *m) {
  int e = 0;
  for (uint32_t i = 0; !e && i < m->def->n_items; i++) {
    const struct probe_item *item = &m->probe->items[i];
    uint32_t words = s->pops[m->def->items[i].slice.pop].words;
    e = rt_ranks_collect(s->ranks, item->sums, words, RT_SUM_F64);
    if (!e) e = rt_ranks_collect(s->ranks, item->least, words, RT_MIN_F64);
    if (!e) e = rt_ranks_collect(s->ranks, item->most, words, RT_MAX_F64);
  }
  return e;
}

double rt_probe_value(const struct rt_sim *s, const struct rt_measure *m) {
  const struct rt_probe *p = m->probe;
  uint64_t end = m->until < s->step ? m->until : s->step;
  double looks = p->at == RT_NO_STEP ? end > m->after ? (double)(end - m->after) : 0 : p->at <= s->step ? 1 : 0;
  double sum = 0, least = INFINITY, most = -INFINITY;
  if (looks == 0) return NAN;
  for (uint32_t i = 0; i < m->def->n_items; i++)
    for (uint32_t w = 0; w < s->pops[m->def->items[i].slice.pop].words; w++) {
      sum += p->items[i].sums[w];
      least = fmin(least, p->items[i].least[w]);
      most = fmax(most, p->items[i].most[w]);
    }
  if (m->def->kind == NSL_MEASURE_MIN) return least;
  if (m->def->kind == NSL_MEASURE_MAX) return most;
  return sum / (m->elements * looks);
}

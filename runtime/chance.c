/* Connections that are drawn pair by pair. The kernel `chance` compares each pair's probability with a number drawn from 0 to 1, a
 * function of (projection, source, target): so a row is the same whoever makes it, and exact in distribution. */
#include "runtime/chance.h"

#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/pairs.h"

enum { CHUNK = 1024, SAMPLES = 16 };

/* What the kernel says of n candidates, numbers first .. first + n of this source's, whose fields are k->pairs. */
static int chances_find(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t first, uint64_t n) {
  const struct nsl_code *code = &p->def->chance;
  void *few[16], **slots = few;
  struct rt_mem mem = {0};
  if (rt_grow(&k->chances, &k->chances_cap, n + 64, sizeof *k->chances)) return NSL_EMEMORY;
  if (code->n_bindings > 16 && !(slots = rt_alloc(&mem, code->n_bindings, sizeof *slots))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    const struct nsl_binding *b = &code->bindings[i];
    slots[i] = b->kind == NSL_SLOT_OUT ? (void *)k->chances : NULL; /* others begin at candidate 0 */
    if (b->kind == NSL_SLOT_COLUMN) slots[i] = (void *)((uintptr_t)k->pairs[b->index] - first * sizeof(double));
  }
  struct nsl_env env = {.slots = slots, .u = p->u, .key = p->key, .step = source, .first = (int64_t)first, .count = (int64_t)n,
                        .dt = k->s->dt};
  rt_kernel(k->s, code)(&env);
  rt_mem_free(&mem);
  return 0;
}

static int no_chance(const struct rt_proj *p, uint32_t source, uint32_t target) {
  return rt_fail_at(NSL_EMODEL, p->def->place, "%s: the probability of source %u and target %u is not from 0 to 1; `min(p, 1)` says what is meant",
                    p->def->path, source - p->s0, target - p->t0);
}

int rt_chance_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  uint64_t n = 0;
  if (rt_grow(&k->candidates, &k->candidates_cap, CHUNK, sizeof *k->candidates)) return NSL_EMEMORY;
  for (uint32_t from = 0; from < p->tn; from += CHUNK) {
    uint32_t now = p->tn - from < CHUNK ? p->tn - from : CHUNK;
    for (uint32_t i = 0; i < now; i++) k->candidates[i] = p->t0 + from + i;
    int e = rt_pairs_of(k, p, source, k->candidates, now);
    if (!e) e = chances_find(k, p, source, from, now);
    if (!e) e = rt_grow(&k->partners, &k->partners_cap, n + now + 64, sizeof *k->partners);
    if (e) return e;
    double least = 0;
    for (uint32_t i = 0; i < now; i++) {
      k->partners[n] = k->candidates[i];
      n += k->chances[i] > 0 && !(p->self && k->candidates[i] == source);
      least = k->chances[i] < least ? k->chances[i] : least;
    }
    for (uint32_t i = 0; least < 0 && i < now; i++)
      if (k->chances[i] < 0) return no_chance(p, source, k->candidates[i]);
  }
  *ret_n = n;
  return 0;
}

/* ---- before anything is built */

/* Those of the file that the condition lets pass. */
static int edges_filter(struct rt_synapses *k, struct rt_proj *p) {
  struct rt_edges *g = p->edges;
  uint64_t to = 0, begin = 0;
  for (uint32_t i = 0; i < p->sn; i++) {
    uint64_t n = g->begin[i + 1] - g->begin[i];
    int e = rt_pairs_of(k, p, p->s0 + i, g->target + g->begin[i], n);
    if (!e) e = chances_find(k, p, p->s0 + i, 0, n);
    if (e) return e;
    uint64_t from = g->begin[i];
    g->begin[i] = begin;
    for (uint64_t j = 0; j < n; j++) {
      if (!(k->chances[j] > 0)) continue;
      g->target[to] = g->target[from + j];
      for (uint32_t f = 0; f < p->def->n_fields; f++)
        if (p->def->fields[f].kind == NSL_FIELD_EDGE) ((double *)(uintptr_t)p->fields[f])[to] = p->fields[f][from + j];
      to++;
    }
    begin = to;
  }
  g->begin[p->sn] = g->n = to;
  p->expected = (double)to;
  return 0;
}

/* A sample of the sources; one synapse at least, so that none is taken for none. */
static int expected_find(struct rt_synapses *k, struct rt_proj *p) {
  double sum = 0;
  uint32_t samples = p->sn < SAMPLES ? p->sn : SAMPLES;
  for (uint32_t i = 0; i < samples; i++) {
    uint64_t n;
    int e = rt_chance_row(k, p, p->s0 + (uint32_t)((uint64_t)p->sn * i / samples), &n);
    if (e) return e;
    sum += (double)n;
  }
  p->expected = fmax(1, sum * p->sn / fmax(samples, 1));
  return 0;
}

int rt_chance_prepare(struct rt_sim *s, struct rt_proj *p) {
  struct rt_synapses k = {.s = s};
  if (p->def->chance.kernel == NSL_NONE) return 0;
  int e = p->edges ? edges_filter(&k, p) : expected_find(&k, p);
  rt_synapses_drop(&k);
  return e;
}

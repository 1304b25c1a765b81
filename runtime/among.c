/* Rules that draw a number of partners, among the pairs that a condition lets pass: `indegree(n) if distance < 0.3 mm`. Every choice of
 * that number among the pairs that pass is equally likely, as it is among all pairs without a condition.
 *
 *   outdegree      a source draws among its targets that pass: row by row, whenever a row is asked for.
 *   total_number   the numbers by source are drawn once, one after the other: binomial, or with `no multiple` hypergeometric, by how many
 *                  pairs of each source pass. The rest is as outdegree.
 *   indegree       a target draws which of its sources that pass it has, counted in their order: numbers that are drawn before anything
 *                  is known of the sources, and sorted. A walk over all sources finds who these are; what it finds is kept as a list of
 *                  connections, as of rules that read one.
 *
 * One walk before that counts how many pass. What is drawn is a function of (seed, projection, source or target). */
#include "runtime/among.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/chance.h"
#include "runtime/error.h"
#include "runtime/shuffle.h"

enum { ORDINAL_COUNT, ORDINAL_ORDER = 3, BATCH = 64 }; /* of draws by the rule's key: others are in rules.c */

bool rt_is_among(const struct rt_proj *p) {
  uint32_t rule = p->def->rule;
  return p->def->chance.kernel != NSL_NONE &&
         (rule == NSL_INDEGREE || rule == NSL_OUTDEGREE || rule == NSL_TOTAL_NUMBER);
}

/* n places of `of`, different ones if the rule says so. */
static int places_draw(const struct rt_sim *s, const struct rt_proj *p, uint32_t owner, uint64_t n,
                       uint32_t of, uint32_t **out, size_t *cap) {
  if (rt_grow(out, cap, n + BATCH, sizeof **out)) return NSL_EMEMORY;
  if (!n) return 0;
  if (!p->def->no_multiple) {
    s->hot.draw_index(p->rule_key, owner, 0, n, of, *out);
  } else {
    struct rt_shuffle order = rt_shuffle_of(of, 1);
    s->hot.shuffle(&order, shuffle_key(nslm_draw_bits_u64(p->rule_key, 0, 0, ORDINAL_ORDER), owner), 0, n,
                   *out);
  }
  return 0;
}

/* ---- rows that choose targets */

int rt_among_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *n) {
  uint64_t wanted = p->def->rule == NSL_TOTAL_NUMBER ? p->counts[source - p->s0] : p->n, pass = *n;
  int e = places_draw(k->s, p, source, wanted, (uint32_t)pass, &k->posts, &k->posts_cap);
  if (e) return e;
  for (uint64_t i = 0; i < wanted; i++) k->posts[i] = k->partners[k->posts[i]];
  if (rt_grow(&k->partners, &k->partners_cap, wanted + BATCH, sizeof *k->partners)) return NSL_EMEMORY;
  memcpy(k->partners, k->posts, wanted * sizeof *k->partners);
  *n = wanted;
  return 0;
}

/* ---- how many pass */

struct passing {
  struct rt_mem mem;
  uint64_t *by_source, all;
  uint32_t *by_target;
  double *share; /* by target: the sum over its sources of 1 / how many they have */
};

static int few(const struct rt_proj *p, const char *what, uint32_t who, uint64_t pass, uint64_t wanted) {
  return rt_fail_at(NSL_EMODEL, p->def->place,
                    "%s: %s %u is to have %llu partners, but the condition lets %llu pass%s; "
                    "`probability(p)` takes as many as there are",
                    p->def->path, what, who, (unsigned long long)wanted, (unsigned long long)pass,
                    p->def->no_multiple && pass ? ", and each may be taken once" : "");
}

static bool too_few(const struct rt_proj *p, uint64_t pass, uint64_t wanted) {
  return wanted && (!pass || (p->def->no_multiple && pass < wanted));
}

static int passing_find(struct rt_synapses *k, const struct rt_proj *p, struct passing *x) {
  x->by_source = rt_alloc(&x->mem, p->sn + 1, sizeof *x->by_source);
  x->by_target = rt_alloc(&x->mem, p->tn + 1, sizeof *x->by_target);
  x->share = rt_alloc(&x->mem, p->tn + 1, sizeof *x->share);
  if (!x->by_source || !x->by_target || !x->share) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->sn; i++) {
    uint64_t n;
    int e = rt_chance_passing(k, p, p->s0 + i, &n);
    if (e) return e;
    if (p->def->rule == NSL_OUTDEGREE && too_few(p, n, p->n)) return few(p, "source", i, n, p->n);
    for (uint64_t j = 0; j < n; j++) {
      x->by_target[k->partners[j] - p->t0]++;
      x->share[k->partners[j] - p->t0] += 1 / (double)n;
    }
    x->by_source[i] = n;
    x->all += n;
  }
  return 0;
}

/* The most synapses that a target has on the average over draws: what units are made for. */
static void crowd_find(struct rt_proj *p, const struct passing *x) {
  p->crowd = 0;
  for (uint32_t t = 0; t < p->tn; t++) {
    double mean =
        p->def->rule == NSL_OUTDEGREE ? x->share[t] : (double)x->by_target[t] / fmax((double)x->all, 1);
    p->crowd = fmax(p->crowd, mean * (double)p->n);
  }
}

/* ---- a total */

static int counts_draw(struct rt_sim *s, struct rt_proj *p, const struct passing *x) {
  uint64_t left = p->n, pairs = x->all;
  if (too_few(p, pairs, left))
    return rt_fail_at(NSL_EMODEL, p->def->place,
                      "%s: total_number(%llu), but the condition lets %llu pairs pass%s", p->def->path,
                      (unsigned long long)left, (unsigned long long)pairs,
                      pairs ? ", and each may be taken once" : "");
  if (!(p->counts = rt_alloc(&s->mem, p->sn + 1, sizeof *p->counts))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->sn; i++) {
    uint64_t own = x->by_source[i], other = pairs - own;
    uint64_t n = !left || !own         ? 0
                 : !other              ? left
                 : p->def->no_multiple ? nslm_draw_hypergeometric_u64(p->rule_key, p->s0 + i, 0,
                                                                      ORDINAL_COUNT, own, other, left)
                                       : nslm_draw_binomial_u64(p->rule_key, p->s0 + i, 0, ORDINAL_COUNT,
                                                                left, (double)own / (double)pairs);
    p->counts[i] = n;
    left -= n;
    pairs = other;
  }
  return 0;
}

/* ---- indegree */

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* By target, sorted: which of the sources that pass. */
static int chosen_draw(struct rt_sim *s, const struct rt_proj *p, const struct passing *x, uint32_t *chosen) {
  uint32_t *out = NULL;
  size_t cap = 0;
  int e = 0;
  for (uint32_t t = 0; !e && t < p->tn; t++) {
    if (too_few(p, x->by_target[t], p->n)) e = few(p, "target", t, x->by_target[t], p->n);
    if (!e) e = places_draw(s, p, p->t0 + t, p->n, x->by_target[t], &out, &cap);
    if (e) break;
    qsort(out, p->n, sizeof *out, ascending);
    memcpy(chosen + t * p->n, out, p->n * sizeof *out);
  }
  rt_drop(&out);
  return e;
}

static int edges_find(struct rt_synapses *k, struct rt_proj *p, struct rt_edges *g, const uint32_t *chosen,
                      struct passing *x) {
  uint32_t *passed = rt_alloc(&x->mem, p->tn + 1, sizeof *passed),
           *had = rt_alloc(&x->mem, p->tn + 1, sizeof *had);
  if (!passed || !had) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->sn; i++) {
    uint64_t n;
    int e = rt_chance_passing(k, p, p->s0 + i, &n);
    if (e) return e;
    g->begin[i] = g->n;
    for (uint64_t j = 0; j < n; j++) {
      uint32_t t = k->partners[j] - p->t0;
      for (; had[t] < p->n && chosen[t * p->n + had[t]] == passed[t]; had[t]++) g->target[g->n++] = p->t0 + t;
      passed[t]++;
    }
  }
  g->begin[p->sn] = g->n;
  return 0;
}

static int indegree_make(struct rt_synapses *k, struct rt_proj *p, struct passing *x) {
  struct rt_sim *s = k->s;
  struct rt_edges *g = rt_alloc(&s->mem, 1, sizeof *g);
  uint64_t n = p->n * p->tn;
  uint32_t *chosen = rt_alloc(&x->mem, n + 1, sizeof *chosen);
  if (!g || !chosen || !(g->begin = rt_alloc(&s->mem, p->sn + 1, sizeof *g->begin)) ||
      !(g->target = rt_alloc(&s->mem, n + 1, sizeof *g->target)))
    return NSL_EMEMORY;
  int e = chosen_draw(s, p, x, chosen);
  if (!e) e = edges_find(k, p, g, chosen, x);
  if (e) return e;
  g->most = (uint32_t)p->n;
  p->edges = g;
  return 0;
}

int rt_among_prepare(struct rt_synapses *k, struct rt_proj *p) {
  struct passing x = {0};
  int e = passing_find(k, p, &x);
  if (!e) crowd_find(p, &x);
  if (!e && p->def->rule == NSL_TOTAL_NUMBER) e = counts_draw(k->s, p, &x);
  if (!e && p->def->rule == NSL_INDEGREE) e = indegree_make(k, p, &x);
  rt_mem_free(&x.mem);
  return e;
}

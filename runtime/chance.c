/* Connections that are drawn pair by pair: exactly, and a row is a function of (seed, projection, source).
 *
 * Few targets: the kernel `chance` compares each pair's probability with a number drawn from 0 to 1.
 *
 * Many targets that have places: by parts of space, in blocks (nearby.c). For each the kernel `bound` gives the hazard h of a pair, -log(1 - q)
 * where no pair's probability is above q. Candidates, each pair with probability q on its own, are found by exponential numbers: of
 * one with mean 1, each pair uses up its h, and where it is used up is the next candidate. Parts where nothing can be connected
 * use nothing up. Then the kernel `likely` keeps a candidate with probability p / q. */
#include "runtime/chance.h"

#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/among.h"
#include "runtime/error.h"
#include "runtime/nearby.h"
#include "runtime/pairs.h"

enum { CHUNK = 1024, SAMPLES = 16, MANY = 256, IN_BLOCK = 64 };
static const double FEW = 0.1; /* candidates */

/* What a kernel says of n candidates, parts or pairs, numbers first .. first + n of this source's; column c begins at columns[c]. */
static int chances_find(struct rt_synapses *k, const struct rt_proj *p, const struct nsl_code *code, uint32_t source, uint64_t first, uint64_t n,
                        const double *const *columns, double *out) {
  void *few[16], **slots = few;
  struct rt_mem mem = {0};
  if (code->n_bindings > 16 && !(slots = rt_alloc(&mem, code->n_bindings, sizeof *slots))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    const struct nsl_binding *b = &code->bindings[i];
    slots[i] = b->kind == NSL_SLOT_OUT ? (void *)out : NULL; /* others begin at candidate 0 */
    if (b->kind == NSL_SLOT_COLUMN) slots[i] = (void *)((uintptr_t)columns[b->index] - first * sizeof(double));
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

/* Those of `now` candidates whose chance has come, behind the n partners that there are. */
static int partners_add(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint32_t now, uint64_t *n) {
  if (rt_grow(&k->partners, &k->partners_cap, *n + now + 64, sizeof *k->partners)) return NSL_EMEMORY;
  double least = 0;
  uint64_t at = *n;
  for (uint32_t i = 0; i < now; i++) {
    k->partners[at] = k->candidates[i];
    at += k->chances[i] > 0 && !(p->self && k->candidates[i] == source);
    least = k->chances[i] < least ? k->chances[i] : least;
  }
  *n = at;
  for (uint32_t i = 0; least < 0 && i < now; i++) {
    if (k->chances[i] == -1) return no_chance(p, source, k->candidates[i]);
    if (k->chances[i] < 0) return rt_fail_at(NSL_EMODEL, p->def->place, "%s: a bound of the probability does not hold; this is a mistake of nslc", p->def->path);
  }
  return 0;
}

static int scratch_make(struct rt_synapses *k) {
  return rt_grow(&k->candidates, &k->candidates_cap, CHUNK, sizeof *k->candidates) ||
                 rt_grow(&k->chances, &k->chances_cap, 2 * CHUNK + 64, sizeof *k->chances)
             ? NSL_EMEMORY
             : 0;
}

/* ---- all pairs */

static int row_of_all(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  int e = 0;
  for (uint32_t from = 0; !e && from < p->tn; from += CHUNK) {
    uint32_t now = p->tn - from < CHUNK ? p->tn - from : CHUNK;
    for (uint32_t i = 0; i < now; i++) k->candidates[i] = p->t0 + from + i;
    e = rt_pairs_of(k, p, source, k->candidates, now);
    if (!e) e = chances_find(k, p, &p->def->chance, source, from, now, k->pairs, k->chances);
    if (!e) e = partners_add(k, p, source, now, ret_n);
  }
  return e;
}

/* ---- by parts of space */

/* The hazards of n boxes from `first` on, into `ret`. */
static int hazards_find(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, const struct rt_boxes *boxes, uint32_t first, uint32_t n,
                        double *ret) {
  const struct rt_places *from = p->source->places;
  uint64_t each = (n + 64u) / 64 * 64;
  uint32_t n_fields = p->def->n_fields;
  const double at[3] = {from->at[0][source], from->at[1][source], from->at[2][source]};
  const double *lo[3], *hi[3];
  if (rt_grow(&k->bounds, &k->bounds_cap, 2 * each * n_fields, sizeof *k->bounds) || rt_grow(&k->pairs, &k->pairs_cap, 2u * n_fields + 1, sizeof *k->pairs))
    return NSL_EMEMORY;
  for (int a = 0; a < 3; a++) lo[a] = boxes->lo[a] + first, hi[a] = boxes->hi[a] + first;
  for (uint32_t i = 0; i < n_fields; i++) {
    const struct nsl_field *f = &p->def->fields[i];
    double *least = k->bounds + 2 * i * each, *most = least + each;
    k->pairs[2 * i] = f->kind == NSL_FIELD_POST ? lo[f->axis] : least;
    k->pairs[2 * i + 1] = f->kind == NSL_FIELD_POST ? hi[f->axis] : most;
    if (f->kind == NSL_FIELD_DISTANCE) k->s->hot.box_distances(lo, hi, at, from->period, p->nearby->slack, n, least, most);
    for (uint32_t j = 0; f->kind == NSL_FIELD_PRE && j < n; j++) least[j] = most[j] = at[f->axis];
  }
  return chances_find(k, p, &p->def->bound, source, 0, n, k->pairs, ret);
}

struct thinning {
  struct rt_synapses *k;
  const struct rt_proj *p;
  uint32_t source, now; /* candidates that wait */
  uint64_t done, drawn; /* candidates before them; exponential numbers */
  double left;          /* of the last one */
};

static void number_draw(struct thinning *t) { t->left = nslm_draw_exponential_f64(t->p->rule_key, t->drawn++, t->source, 0, 1); }

/* The waiting candidates; k->chances + CHUNK: their bounds. */
static int candidates_keep(struct thinning *t, uint64_t *n) {
  struct rt_synapses *k = t->k;
  uint32_t n_fields = t->p->def->n_fields;
  int e = rt_pairs_of(k, t->p, t->source, k->candidates, t->now);
  if (!e && rt_grow(&k->pairs, &k->pairs_cap, n_fields + 1, sizeof *k->pairs)) e = NSL_EMEMORY;
  if (!e) k->pairs[n_fields] = k->chances + CHUNK;
  if (!e) e = chances_find(k, t->p, &t->p->def->likely, t->source, t->done, t->now, k->pairs, k->chances);
  if (!e) e = partners_add(k, t->p, t->source, t->now, n);
  t->done += CHUNK; /* a kernel begins at multiples of 4 */
  t->now = 0;
  return e;
}

/* The candidates among the sorted elements at..end, whose pairs have hazard h. */
static int walk(struct thinning *t, uint32_t at, uint32_t end, double h, uint64_t *n) {
  bool all = isinf(h);
  double q = all ? 1 : -nslm_expm1_f64(-h);
  for (int e = 0; !e; at++) {
    double skip = all ? 0 : t->left / h;
    if (skip >= end - at) {
      if (!all) t->left -= (end - at) * h;
      return 0;
    }
    at += (uint32_t)skip;
    t->k->candidates[t->now] = t->p->nearby->element[at];
    t->k->chances[CHUNK + t->now++] = q;
    if (!all) number_draw(t);
    if (t->now == CHUNK) e = candidates_keep(t, n);
    if (e) return e;
  }
  return 0;
}

/* Part by part. */
static int block_walk(struct thinning *t, uint32_t block, uint64_t *n) {
  const struct rt_nearby *d = t->p->nearby;
  uint32_t first = d->first[block], end = d->first[block + 1];
  double h[IN_BLOCK + 64];
  int e = hazards_find(t->k, t->p, t->source, &d->parts, first, end - first, h);
  for (uint32_t i = first; !e && i < end; i++) {
    double whole = h[i - first] * d->parts.size[i];
    if (whole < 0) return no_chance(t->p, t->source, d->element[d->begin[i]]);
    if (t->left >= whole) t->left -= whole;
    else e = walk(t, d->begin[i], d->begin[i + 1], h[i - first], n);
  }
  return e;
}

/* A block with few candidates is one part. */
static int row_of_parts(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  const struct rt_nearby *d = p->nearby;
  struct thinning t = {.k = k, .p = p, .source = source};
  int e = rt_grow(&k->hazards, &k->hazards_cap, d->blocks.n + 64, sizeof *k->hazards) ? NSL_EMEMORY : 0;
  if (!e) e = hazards_find(k, p, source, &d->blocks, 0, d->blocks.n, k->hazards);
  number_draw(&t);
  for (uint32_t i = 0; !e && i < d->blocks.n; i++) {
    double whole = k->hazards[i] * d->blocks.size[i];
    if (whole < 0) return no_chance(p, source, d->element[d->begin[d->first[i]]]);
    if (whole >= FEW) e = block_walk(&t, i, ret_n);
    else if (t.left >= whole) t.left -= whole;
    else e = walk(&t, d->begin[d->first[i]], d->begin[d->first[i + 1]], k->hazards[i], ret_n);
  }
  return e || !t.now ? e : candidates_keep(&t, ret_n);
}

int rt_chance_passing(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  *ret_n = 0;
  if (scratch_make(k)) return NSL_EMEMORY;
  return p->nearby ? row_of_parts(k, p, source, ret_n) : row_of_all(k, p, source, ret_n);
}

int rt_chance_row(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t *ret_n) {
  int e = rt_chance_passing(k, p, source, ret_n);
  return e || !rt_is_among(p) ? e : rt_among_row(k, p, source, ret_n);
}

/* ---- before anything is built */

/* Those of the file that the condition lets pass. */
static int edges_filter(struct rt_synapses *k, struct rt_proj *p) {
  struct rt_edges *g = p->edges;
  uint64_t to = 0, begin = 0;
  for (uint32_t i = 0; i < p->sn; i++) {
    uint64_t n = g->begin[i + 1] - g->begin[i];
    int e = rt_pairs_of(k, p, p->s0 + i, g->target + g->begin[i], n);
    if (!e && rt_grow(&k->chances, &k->chances_cap, n + 64, sizeof *k->chances)) e = NSL_EMEMORY;
    if (!e) e = chances_find(k, p, &p->def->chance, p->s0 + i, 0, n, k->pairs, k->chances);
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

/* Targets by place, where that can help. */
static int nearby_prepare(struct rt_sim *s, struct rt_proj *p) {
  if (p->edges || p->def->bound.kernel == NSL_NONE || p->tn < MANY || !p->target->places) return 0;
  p->nearby = rt_alloc(&s->mem, 1, sizeof *p->nearby);
  return p->nearby ? rt_nearby_make(s, p, p->nearby) : NSL_EMEMORY;
}

int rt_chance_prepare(struct rt_sim *s, struct rt_proj *p) {
  struct rt_synapses k = {.s = s};
  if (p->def->chance.kernel == NSL_NONE) return 0;
  int e = nearby_prepare(s, p);
  if (!e) e = rt_is_among(p) ? rt_among_prepare(&k, p) : p->edges ? edges_filter(&k, p) : expected_find(&k, p);
  rt_synapses_drop(&k);
  return e;
}

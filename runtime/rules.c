/* The connection rules, source by source. A row is a function of (seed, projection, source) alone, so it can be made
 * by any thread, in any order, as often as wanted; no rule makes other rows on the way.
 *
 *   total_number   numbers by source: a tree of binomial draws (splits.c); then every synapse draws its target.
 *                  With `no multiple`: hypergeometric draws; then as many different targets.
 *   outdegree      every synapse draws its target; with `no multiple`: different ones.
 *   probability    a binomial number of different targets: the same as a trial for every pair.
 *   indegree       every synapse draws its source. So the numbers by source are multinomial (splits.c), and which
 *                  synapses a source has is its share of a random order of all of them (shuffle.h).
 *                  With `no multiple`: each target has a random order of the sources and takes the first; a row asks
 *                  every target where the source stands, O(targets).
 *   different ones are the first of a random order of all targets, a keyed permutation.
 *
 * `no self` is exact. By sources: the source itself is not among its targets, and has fewer places in the tree.
 * indegree: targets that are sources too are a part of their own. Their synapses draw among the sources but for the
 * last; one that draws its own target goes to the last instead, which stands in for it: for each target that is a
 * one-to-one map onto all others. So the last source has the synapses that drew themselves, about as many as any
 * other source. To know them, all rows of this part are made once, with all threads, when the network is built;
 * they are kept as a list. With `no multiple` a target orders the sources without itself. */
#include "runtime/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/among.h"
#include "runtime/chance.h"
#include "runtime/edges.h"
#include "runtime/error.h"
#include "runtime/pairs.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"

enum { ORDINAL_COUNT, ORDINAL_TREE, ORDINAL_ORDER }; /* of draws by the rule's key */
enum { SOURCES = 64, TARGETS = 1 << 16, BATCH = 64 };

static bool in_slice(uint32_t e, uint32_t first, uint32_t n) { return e >= first && e - first < n; }

/* Targets that a source may have. */
static uint32_t eligible(const struct rt_proj *p, uint32_t source) {
  return p->self && in_slice(source, p->t0, p->tn) ? p->tn - 1 : p->tn;
}

/* Positions among them to elements. */
static void positions_to_elements(const struct rt_proj *p, uint32_t source, uint32_t *at, uint64_t n) {
  uint32_t first = p->t0;
  if (!p->self || !in_slice(source, p->t0, p->tn)) {
    for (uint64_t i = 0; i < n; i++) at[i] += first;
    return;
  }
  for (uint64_t i = 0; i < n; i++) {
    uint32_t e = first + at[i];
    at[i] = e + (e >= source);
  }
}

static int room(uint32_t **out, size_t *cap, uint64_t n) { return rt_grow(out, cap, n + BATCH, sizeof **out); }

/* ---- rows that choose targets */

static int choose(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint64_t n, bool different,
                  uint32_t **out, size_t *cap) {
  uint32_t range = eligible(p, source);
  if (room(out, cap, n)) return NSL_EMEMORY;
  if (!n) return 0;
  if (different && n == range) {
    for (uint32_t i = 0; i < range; i++) (*out)[i] = i;
  } else if (different) {
    struct rt_shuffle order = rt_shuffle_of(range, 1);
    s->hot.shuffle(&order, shuffle_key(p->rule->order_key[0], source), 0, n, *out);
  } else {
    s->hot.draw_index(p->rule_key, source, 0, n, range, *out);
  }
  positions_to_elements(p, source, *out, n);
  return 0;
}

/* ---- indegree with repetition */

/* Numbers of targets of a part to elements. */
static void part_elements(const struct rt_proj *p, int part, uint32_t *at, uint64_t n) {
  const struct rt_rule *r = p->rule;
  uint32_t first = part ? r->both : p->t0, gap = part ? 0 : r->both_end - r->both, from = r->both - p->t0;
  if (!first && !gap) return;
  for (uint64_t i = 0; i < n; i++) at[i] = first + at[i] + (gap && at[i] >= from ? gap : 0);
}

/* Which part of the list of those that drew themselves is a source's. */
static uint64_t own_of(const struct rt_rule *r, uint32_t source) {
  uint64_t from = 0, to = r->n_own, end = r->n_own;
  while (from < to) {
    uint64_t middle = (from + to) / 2;
    if (r->own[middle] < source) from = middle + 1;
    else to = middle;
  }
  for (to = from; to < end && r->own[to] == source;) to++;
  return to - from;
}

static bool stands_in(const struct rt_proj *p, uint32_t source) { return source == p->s0 + p->sn - 1; }

/* Targets of one part whose synapses drew this source, itself among them; appended. */
static int part_row(const struct rt_sim *s, const struct rt_proj *p, int part, uint32_t source, uint32_t **out,
                    size_t *cap, uint64_t *n) {
  const struct rt_rule *r = p->rule;
  if (!r->counts[part].total || source - p->s0 >= r->counts[part].n) return 0;
  uint64_t before, own = rt_split_of(&r->counts[part], source - p->s0, &before);
  if (room(out, cap, *n + own)) return NSL_EMEMORY;
  s->hot.shuffle(&r->order[part], r->order_key[part], before, own, *out + *n);
  part_elements(p, part, *out + *n, own);
  *n += own;
  return 0;
}

static int indegree_row(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint32_t **out, size_t *cap,
                        uint64_t *ret_n) {
  const struct rt_rule *r = p->rule;
  uint64_t n = 0;
  if (part_row(s, p, 1, source, out, cap, &n)) return NSL_EMEMORY;
  uint64_t kept = 0;
  for (uint64_t i = 0; i < n; i++)
    if ((*out)[i] != source) (*out)[kept++] = (*out)[i];
  if (stands_in(p, source) && r->n_own) {
    if (room(out, cap, r->n_own)) return NSL_EMEMORY;
    memcpy(*out, r->own, r->n_own * sizeof *r->own);
    kept = r->n_own;
  }
  if (part_row(s, p, 0, source, out, cap, &kept)) return NSL_EMEMORY;
  *ret_n = kept;
  return 0;
}

/* ---- indegree without */

/* Targets of [from, to) that have this source, the one at a position among those they may have. */
static int asked(const struct rt_sim *s, const struct rt_proj *p, int part, uint32_t position, uint64_t from, uint64_t to,
                 uint32_t **out, size_t *cap, uint64_t *n) {
  for (; from < to; from += TARGETS) {
    uint32_t now = to - from < TARGETS ? (uint32_t)(to - from) : TARGETS, found;
    if (room(out, cap, *n + now)) return NSL_EMEMORY;
    s->hot.shuffle_owners(&p->rule->order[part], p->rule->order_key[0], position, (uint32_t)p->n, (uint32_t)from, now,
                          *out + *n, &found);
    *n += found;
  }
  return 0;
}

static int different_row(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint32_t **out, size_t *cap,
                         uint64_t *ret_n) {
  uint64_t t0 = p->t0, end = t0 + p->tn, a = p->rule->both, b = p->rule->both_end, n = 0, next = (uint64_t)source + 1;
  uint32_t at = source - p->s0;
  uint64_t below = source < a ? a : source > b ? b : source, above = next < a ? a : next > b ? b : next;
  int e = asked(s, p, 0, at, t0, a, out, cap, &n);
  if (!e && below > a) e = asked(s, p, 1, at - 1, a, below, out, cap, &n);
  if (!e) e = asked(s, p, 1, at, above, b, out, cap, &n);
  if (!e) e = asked(s, p, 0, at, b, end, out, cap, &n);
  *ret_n = n;
  return e;
}

/* ---- given ones */

static int given_row(const struct rt_proj *p, uint32_t source, uint64_t n, uint32_t **out, size_t *cap) {
  if (room(out, cap, n)) return NSL_EMEMORY;
  if (n) memcpy(*out, p->edges->target + p->edges->begin[source - p->s0], n * sizeof **out);
  return 0;
}

/* ---- any */

uint64_t rt_rule_count(const struct rt_proj *p, uint32_t source) {
  uint32_t i = source - p->s0;
  uint64_t n = 0, before;
  if (rt_by_chance(p)) return UINT64_MAX;
  if (p->edges) return p->edges->begin[i + 1] - p->edges->begin[i];
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ALL_TO_ALL: return eligible(p, source);
    case NSL_ONE_TO_ONE: return p->self && p->t0 + i == source ? 0 : 1;
    case NSL_PROBABILITY:
      return nslm_draw_binomial_u64(p->rule_key, source, 0, ORDINAL_COUNT, eligible(p, source), p->p);
    case NSL_OUTDEGREE: return p->n;
    case NSL_TOTAL_NUMBER: return rt_split_of(&p->rule->counts[0], i, &before);
    case NSL_EDGES:
    case NSL_MATRIX:
    case NSL_THIRD: return UINT64_MAX;
    case NSL_INDEGREE: break;
  }
  const struct rt_rule *r = p->rule;
  if (p->def->no_multiple) return UINT64_MAX;
  if (r->counts[0].total) n = rt_split_of(&r->counts[0], i, &before);
  if (r->counts[1].total) n += stands_in(p, source) ? r->n_own : rt_split_of(&r->counts[1], i, &before) - own_of(r, source);
  return n;
}

void rt_rule_ask(const struct rt_proj *p, uint32_t source) {
  for (int part = 0; part < 2; part++) {
    const struct rt_split *t = &p->rule->counts[part];
    if (t->total && source - p->s0 < t->n) rt_split_ask(t, source - p->s0);
  }
}

int rt_rule_row(const struct rt_sim *s, const struct rt_proj *p, uint32_t source, uint32_t **out, size_t *cap,
                uint64_t *ret_n) {
  uint32_t rule = p->def->rule;
  if (rule == NSL_INDEGREE && !p->edges)
    return (p->def->no_multiple ? different_row : indegree_row)(s, p, source, out, cap, ret_n);
  *ret_n = rt_rule_count(p, source);
  if (p->edges) return given_row(p, source, *ret_n, out, cap);
  if (rule != NSL_ONE_TO_ONE)
    return choose(s, p, source, *ret_n, rule == NSL_ALL_TO_ALL || rule == NSL_PROBABILITY || p->def->no_multiple, out,
                  cap);
  if (room(out, cap, 1)) return NSL_EMEMORY;
  (*out)[0] = p->t0 + (source - p->s0);
  return 0;
}

/* ---- made once */

/* The elements on both sides; none at the end of the targets if it does not matter that there are. */
static void both_sides(struct rt_proj *p) {
  struct rt_rule *r = p->rule;
  uint64_t end = (uint64_t)p->t0 + p->tn, s_end = (uint64_t)p->s0 + p->sn;
  r->both = r->both_end = (uint32_t)end;
  if (!p->self) return;
  r->both = p->s0 > p->t0 ? p->s0 : p->t0;
  r->both_end = (uint32_t)(s_end < end ? s_end : end);
}

static void counts_prepare(struct rt_proj *p) {
  struct rt_rule *r = p->rule;
  struct rt_split *t = r->counts;
  uint32_t n_both = r->both_end - r->both;
  if (rt_is_among(p)) return;
  if (p->def->rule == NSL_THIRD) {
    r->order[0] = rt_shuffle_of(p->def->back ? p->sn : p->tn, 1);
  } else if (p->def->rule == NSL_TOTAL_NUMBER) {
    t[0] = (struct rt_split){.n = p->sn, .total = p->n, .each = p->tn, .distinct = p->def->no_multiple};
    if (n_both) t[0].less = r->both - p->s0, t[0].less_end = r->both_end - p->s0;
  } else if (p->def->rule == NSL_INDEGREE && p->def->no_multiple) {
    r->order[0] = rt_shuffle_of(p->sn, 1);
    if (n_both) r->order[1] = rt_shuffle_of(p->sn - 1, 1);
  } else if (p->def->rule == NSL_INDEGREE) {
    uint32_t apart = p->tn - n_both, each = (uint32_t)p->n;
    t[0] = (struct rt_split){.n = p->sn, .total = p->n * apart, .each = 1};
    t[1] = (struct rt_split){.n = p->sn - 1, .total = p->n * n_both, .each = 1};
    if (t[0].total) r->order[0] = rt_shuffle_of(apart, each);
    if (t[1].total) r->order[1] = rt_shuffle_of(n_both, each);
  }
}

static int rule_alloc(struct rt_sim *s, struct rt_proj *p) {
  p->rule = rt_alloc(&s->mem, 1, sizeof *p->rule);
  if (!p->rule) return NSL_EMEMORY;
  both_sides(p);
  counts_prepare(p);
  for (uint32_t part = 0; part < 2; part++) {
    struct rt_split *t = &p->rule->counts[part];
    t->key = nslm_draw_bits_u64(p->rule_key, part, 0, ORDINAL_TREE);
    p->rule->order_key[part] = nslm_draw_bits_u64(p->rule_key, part, 0, ORDINAL_ORDER);
    if (t->total && rt_split_alloc(&s->mem, t)) return NSL_EMEMORY;
  }
  return 0;
}

struct making {
  struct rt_sim *s;
  struct rt_proj *projs;
  uint32_t n;
  _Atomic uint32_t next;
};

static int own_append(struct rt_rule *r, const uint32_t *own, uint64_t n) {
  rt_lock(&r->merging);
  int e = rt_grow(&r->own, &r->own_cap, r->n_own + n, sizeof *r->own);
  if (!e && n) memcpy(r->own + r->n_own, own, n * sizeof *own);
  if (!e) r->n_own += n;
  rt_unlock(&r->merging);
  return e;
}

/* A thread's share of the sources: which of their synapses drew themselves. */
static int own_seek(struct rt_sim *s, struct rt_proj *p, uint32_t **row, size_t *cap) {
  struct rt_rule *r = p->rule;
  uint64_t from, end = r->both_end < p->s0 + p->sn - 1 ? r->both_end : p->s0 + p->sn - 1;
  int e = 0;
  while (!e && (from = r->both + (uint64_t)atomic_fetch_add(&r->next, 1) * SOURCES) < end) {
    if (s->interrupt && *s->interrupt) return rt_fail(NSL_ESTOPPED, "interrupted while connecting");
    for (uint64_t i = from; !e && i < from + SOURCES && i < end; i++) {
      uint64_t n = 0, own = 0;
      e = part_row(s, p, 1, (uint32_t)i, row, cap, &n);
      for (uint64_t k = 0; k < n; k++)
        if ((*row)[k] == i) (*row)[own++] = (uint32_t)i;
      if (!e && own) e = own_append(r, *row, own);
    }
  }
  return e;
}


static int rules_job(void *context, uint32_t thread) {
  struct making *m = context;
  struct rt_sim *s = m->s;
  uint32_t *row = NULL;
  size_t cap = 0;
  int e = 0;
  for (uint32_t i; (i = atomic_fetch_add(&m->next, 1)) < 2 * m->n;) {
    struct rt_split *t = &m->projs[i / 2].rule->counts[i % 2];
    if (t->total) rt_split_fill(t);
  }
  rt_barrier(s->team, thread);
  for (uint32_t i = 0; !e && i < m->n; i++)
    if (m->projs[i].rule->counts[1].total) e = own_seek(s, &m->projs[i], &row, &cap);
  rt_drop(&row);
  return e;
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* The list sorted, in memory of the simulation. */
static int own_keep(struct rt_sim *s, struct rt_rule *r) {
  uint32_t *kept = rt_alloc(&s->mem, r->n_own + 1, sizeof *kept);
  if (kept && r->n_own) {
    memcpy(kept, r->own, r->n_own * sizeof *kept);
    qsort(kept, r->n_own, sizeof *kept, ascending);
  }
  rt_drop(&r->own);
  r->own = kept;
  return kept ? 0 : NSL_EMEMORY;
}

int rt_rules_make(struct rt_sim *s, struct rt_proj *projs, uint32_t n) {
  struct making m = {.s = s, .projs = projs, .n = n};
  int e = 0;
  for (uint32_t i = 0; !e && i < n; i++) e = rule_alloc(s, &projs[i]);
  if (!e) e = rt_team_run(s->team, rules_job, &m);
  for (uint32_t i = 0; i < n && projs[i].rule; i++) {
    int bad = own_keep(s, projs[i].rule);
    e = e ? e : bad;
  }
  return e;
}

/* ---- what a rule may be asked for */

static int count_read(struct rt_sim *s, struct rt_proj *p, const char *rule) {
  double n = rt_value(s, p->def->rule_arg, NAN);
  if (!(n >= 0) || n != floor(n) || n >= 0x1p53)
    return rt_fail_at(NSL_EMODEL, p->def->place, "%s: %s(%g) needs a whole number from 0", p->def->path, rule,
                      n);
  p->n = (uint64_t)n;
  return 0;
}

/* Enough partners for `each` draws of one owner? */
static int partners_check(const struct rt_proj *p, const char *rule, uint64_t each, uint32_t others) {
  uint32_t fewest = others - (p->self && others ? 1 : 0);
  if (each && !fewest)
    return rt_fail_at(NSL_EMODEL, p->def->place, "%s: %s has nobody to connect with", p->def->path, rule);
  if (p->def->no_multiple && each > fewest)
    return rt_fail_at(NSL_EMODEL, p->def->place,
                      "%s: %s(%llu) with `no multiple` needs more partners than the %u there are",
                      p->def->path, rule, (unsigned long long)each, fewest);
  return 0;
}

int rt_rule_prepare(struct rt_sim *s, struct rt_proj *p) {
  double sn = p->sn, tn = p->tn;
  int e = 0;
  if ((uint64_t)p->s0 + p->sn <= p->t0 || (uint64_t)p->t0 + p->tn <= p->s0) p->self = false;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ALL_TO_ALL: p->expected = sn * tn; return 0;
    case NSL_ONE_TO_ONE:
      p->expected = sn;
      if (p->sn == p->tn) return 0;
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: one_to_one needs two sides of equal size, not %u and %u", p->def->path, p->sn,
                        p->tn);
    case NSL_PROBABILITY:
      p->p = rt_value(s, p->def->rule_arg, 1);
      if (!(p->p >= 0 && p->p <= 1))
        return rt_fail_at(NSL_EMODEL, p->def->place, "%s: probability(%g) is not from 0 to 1", p->def->path,
                          p->p);
      p->expected = sn * tn * p->p;
      return 0;
    case NSL_INDEGREE:
      if ((e = count_read(s, p, "indegree"))) return e;
      p->expected = tn * (double)p->n;
      if (p->n > INT32_MAX || p->expected >= 0x1p53)
        return rt_fail_at(NSL_EMODEL, p->def->place, "%s: indegree(%.17g) onto %u targets is too much to count",
                          p->def->path, (double)p->n, p->tn);
      return p->tn ? partners_check(p, "indegree", p->n, p->sn) : 0;
    case NSL_OUTDEGREE:
      if ((e = count_read(s, p, "outdegree"))) return e;
      p->expected = sn * (double)p->n;
      return p->sn ? partners_check(p, "outdegree", p->n, p->tn) : 0;
    case NSL_MATRIX: return rt_matrix_read(s, p);
    case NSL_EDGES: return rt_edges_read(s, p);
    case NSL_THIRD: return rt_third_prepare(s, p);
    case NSL_TOTAL_NUMBER: break;
  }
  if ((e = count_read(s, p, "total_number"))) return e;
  p->expected = (double)p->n;
  double pairs = sn * tn - (p->self ? fmin(sn, tn) : 0);
  if (p->n && !(pairs > 0))
    return rt_fail_at(NSL_EMODEL, p->def->place, "%s: total_number has nobody to connect with", p->def->path);
  if (p->def->no_multiple && (double)p->n > pairs)
    return rt_fail_at(NSL_EMODEL, p->def->place,
                      "%s: total_number(%llu) with `no multiple` is more than the %.0f pairs there are",
                      p->def->path, (unsigned long long)p->n, pairs);
  return 0;
}

/* The connection rules. What is drawn is a function of (seed, projection, owner, ordinal) alone, so rows can
 * be made by any thread, in any order, for any number of shards.
 *
 * Without repetition, partners are drawn until enough different ones are there; when more than half of all
 * are wanted, those left out are drawn instead. Every set of that size is equally likely, since the procedure
 * treats all partners alike. total_number throws its n balls on the sources, then each source draws as many
 * targets: the same as n independent pairs. probability walks over the pairs of a source with geometric
 * jumps. */
#include "runtime/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"

enum { BATCH = 1024 };

void rt_drawer_drop(struct rt_drawer *d) {
  rt_drop(&d->draws);
  rt_drop(&d->marks);
}

bool rt_rule_by_target(const struct rt_proj *p) { return p->def->rule == NSL_INDEGREE; }

bool rt_rule_lists(const struct rt_proj *p) {
  return rt_rule_by_target(p) || (p->def->rule == NSL_TOTAL_NUMBER && p->def->no_multiple);
}

static bool in_slice(uint32_t e, uint32_t first, uint32_t n) { return e >= first && e - first < n; }

/* Partners an owner may have: those of the other slice but, with `no self`, itself. */
static uint32_t eligible(const struct rt_proj *p, uint32_t owner) {
  bool by_target = rt_rule_by_target(p);
  uint32_t first = by_target ? p->s0 : p->t0, n = by_target ? p->sn : p->tn;
  return p->self && in_slice(owner, first, n) ? n - 1 : n;
}

/* The element at a position among an owner's eligible partners. */
static uint32_t partner(const struct rt_proj *p, uint32_t owner, uint32_t position) {
  uint32_t first = rt_rule_by_target(p) ? p->s0 : p->t0, e = first + position;
  return p->self && owner >= first && e >= owner ? e + 1 : e;
}

/* ---- n partners, with and without repetition */

static int draws_some(struct rt_sim *s, struct rt_drawer *d, uint64_t key, uint64_t owner, uint64_t first,
                      uint64_t n, uint32_t range) {
  if (rt_grow(&d->draws, &d->draws_cap, n + 2, sizeof *d->draws)) return NSL_EMEMORY;
  s->hot.draw_index(key, owner, first, n, range, d->draws);
  return 0;
}

static int draw_repeated(struct rt_sim *s, const struct rt_proj *p, struct rt_drawer *d, uint32_t owner,
                         uint64_t n, uint32_t range, uint32_t *out) {
  for (uint64_t done = 0; done < n; done += BATCH) {
    uint64_t now = n - done < BATCH ? n - done : BATCH;
    if (draws_some(s, d, p->rule_key, owner, done, now, range)) return NSL_EMEMORY;
    for (uint64_t i = 0; i < now; i++) out[done + i] = partner(p, owner, d->draws[i]);
  }
  return 0;
}

static int draw_distinct(struct rt_sim *s, const struct rt_proj *p, struct rt_drawer *d, uint32_t owner,
                         uint64_t n, uint32_t range, uint32_t *out) {
  bool complement = n > range / 2;
  uint64_t want = complement ? range - n : n, got = 0, used = 0, k = 0;
  if (rt_grow(&d->marks, &d->marks_cap, range / 64 + 1, sizeof *d->marks)) return NSL_EMEMORY;
  memset(d->marks, 0, (range / 64 + 1) * sizeof *d->marks);
  while (got < want) {
    uint64_t batch = (want - got + 3) / 2 * 2;
    if (draws_some(s, d, p->rule_key, owner, used, batch, range)) return NSL_EMEMORY;
    used += batch;
    for (uint64_t i = 0; i < batch && got < want; i++) {
      uint32_t x = d->draws[i];
      if (d->marks[x / 64] >> (x % 64) & 1) continue;
      d->marks[x / 64] |= (uint64_t)1 << (x % 64);
      if (!complement) out[got] = partner(p, owner, x);
      got++;
    }
  }
  for (uint32_t x = 0; complement && x < range; x++)
    if (!(d->marks[x / 64] >> (x % 64) & 1)) out[k++] = partner(p, owner, x);
  return 0;
}

/* ---- probability */

/* The position after `at` of the next pair that is connected: jumps are geometric. */
static uint64_t draw_probable(const struct rt_proj *p, uint32_t owner, uint32_t range, uint32_t *out) {
  if (p->p <= 0) return 0;
  double log_q = p->p < 1 ? nslm_log1p_f64(-p->p) : 0;
  uint64_t n = 0, k = 0;
  for (double at = 0; at < range; at++) {
    if (p->p < 1) at += floor(nslm_log_f64(nslm_draw_unit_f64(p->rule_key, owner, k++, 0)) / log_q);
    if (at < range) out[n++] = partner(p, owner, (uint32_t)at);
  }
  return n;
}

int rt_rule_partners(struct rt_sim *s, const struct rt_proj *p, struct rt_drawer *d, uint32_t owner,
                     uint64_t n, uint32_t *out, uint64_t *ret_n) {
  uint32_t range = eligible(p, owner);
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ALL_TO_ALL:
      for (uint32_t i = 0; i < range; i++) out[i] = partner(p, owner, i);
      *ret_n = range;
      return 0;
    case NSL_ONE_TO_ONE:
      out[0] = p->t0 + (owner - p->s0);
      *ret_n = p->self && out[0] == owner ? 0 : 1;
      return 0;
    case NSL_PROBABILITY: *ret_n = draw_probable(p, owner, range, out); return 0;
    case NSL_INDEGREE:
    case NSL_OUTDEGREE:
    case NSL_TOTAL_NUMBER: break;
  }
  *ret_n = n;
  if (p->def->no_multiple) return draw_distinct(s, p, d, owner, n, range, out);
  return draw_repeated(s, p, d, owner, n, range, out);
}

/* ---- total_number */

int rt_rule_total(struct rt_sim *s, const struct rt_proj *p, uint64_t *counts) {
  struct rt_drawer d = {0};
  uint32_t most = p->tn;
  for (uint64_t done = 0, used = 0; done < p->n;) {
    uint64_t now = p->n - done < BATCH ? p->n - done : BATCH;
    if (draws_some(s, &d, p->rule_key, UINT64_MAX, used, BATCH, p->sn)) return NSL_EMEMORY;
    used += BATCH;
    if (!p->self) {
      for (uint64_t i = 0; i < now; i++) counts[d.draws[i]]++;
      done += now;
      continue;
    }
    for (uint64_t i = 0; i < BATCH && done < p->n;
         i++) { /* a source with fewer eligible targets is that much rarer */
      uint32_t fits = eligible(p, p->s0 + d.draws[i]);
      if (fits < most && nslm_draw_index_u64(p->rule_key, UINT64_MAX - 1, used + i, 0, most) >= fits)
        continue;
      counts[d.draws[i]]++;
      done++;
    }
  }
  rt_drawer_drop(&d);
  return 0;
}

static int pair_order(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static bool pair_self(const struct rt_proj *p, uint64_t pair) {
  return p->self && p->s0 + (uint32_t)(pair >> 32) == p->t0 + (uint32_t)pair;
}

static uint64_t pairs_distinct(uint64_t *pairs, uint64_t n) {
  qsort(pairs, n, sizeof *pairs, pair_order);
  uint64_t k = 0;
  for (uint64_t i = 0; i < n; i++)
    if (!k || pairs[i] != pairs[k - 1]) pairs[k++] = pairs[i];
  return k;
}

int rt_rule_distinct(struct rt_sim *s, const struct rt_proj *p, uint64_t *pairs) {
  uint64_t all = 0, used = 0, got = 0;
  for (uint32_t i = 0; i < p->sn; i++) all += eligible(p, p->s0 + i);
  bool complement = p->n > all / 2;
  uint64_t want = complement ? all - p->n : p->n;
  struct rt_mem mem = {0};
  uint64_t *drawn = complement ? rt_alloc(&mem, want, sizeof *drawn) : pairs;
  if (!drawn) return NSL_EMEMORY;
  (void)s;
  while (got < want) {
    uint64_t n = got;
    while (n < want) {
      uint64_t from = nslm_draw_index_u64(p->rule_key, UINT64_MAX, used, 0, p->sn);
      uint64_t to = nslm_draw_index_u64(p->rule_key, UINT64_MAX, used++, 1, p->tn);
      if (!pair_self(p, from << 32 | to)) drawn[n++] = from << 32 | to;
    }
    got = pairs_distinct(drawn, n);
  }
  uint64_t k = 0, skip = 0;
  for (uint64_t from = 0; complement && from < p->sn; from++)
    for (uint64_t to = 0; to < p->tn; to++) {
      uint64_t pair = from << 32 | to;
      bool left_out = skip < want && drawn[skip] == pair;
      skip += left_out;
      if (!left_out && !pair_self(p, pair)) pairs[k++] = pair;
    }
  rt_mem_free(&mem);
  return 0;
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
  p->max_row = p->tn;
  switch ((enum nsl_rule)p->def->rule) {
    case NSL_ALL_TO_ALL: p->expected = sn * tn; return 0;
    case NSL_ONE_TO_ONE:
      p->expected = sn;
      p->max_row = 1;
      if (p->sn == p->tn) return 0;
      return rt_fail_at(NSL_EMODEL, p->def->place,
                        "%s: one_to_one needs two sides of equal size, not %u and %u", p->def->path, p->sn,
                        p->tn);
    case NSL_PROBABILITY:
      p->p = rt_value(s, p->def->rule_arg, NAN);
      if (!(p->p >= 0 && p->p <= 1))
        return rt_fail_at(NSL_EMODEL, p->def->place, "%s: probability(%g) is not from 0 to 1", p->def->path,
                          p->p);
      p->expected = sn * tn * p->p;
      return 0;
    case NSL_INDEGREE:
      if ((e = count_read(s, p, "indegree"))) return e;
      p->expected = tn * (double)p->n;
      return p->tn ? partners_check(p, "indegree", p->n, p->sn) : 0;
    case NSL_OUTDEGREE:
      if ((e = count_read(s, p, "outdegree"))) return e;
      p->expected = sn * (double)p->n;
      p->max_row = p->n;
      return p->sn ? partners_check(p, "outdegree", p->n, p->tn) : 0;
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

/* Who stands at a position of a source's row, where rows are not stored: the same targets as those of rules.c, in the scalar forms of
 * hot_rows.h. All arithmetic is on integers. No position needs another, so a thread makes one without its neighbours. */
#ifndef NSL_RUNTIME_DEVICE_MADE_H
#define NSL_RUNTIME_DEVICE_MADE_H

#include <stdbool.h>

#include "runtime/device/args.h"

enum { DEV_NOBODY = UINT32_MAX };

static inline uint32_t ordered(const struct rt_shuffle *d, uint64_t key, uint64_t position) {
  return shuffle_walk(d, key, (uint32_t)(position / d->b), (uint32_t)(position % d->b));
}

static inline uint32_t drawn(uint64_t key, uint32_t source, uint32_t ordinal, uint32_t range) {
  NslmWords r = nslm_philox(key, source, 0, ordinal / 2, 0);
  return ordinal % 2 ? shuffle_index(r.w[2], r.w[3], range) : shuffle_index(r.w[0], r.w[1], range);
}

/* A target that orders the sources, without itself, and takes the first n. */
static inline bool takes(const struct dev_made *m, uint32_t target, uint32_t source) {
  bool both = target >= m->both && target < m->both_end;
  if (both && target == source) return false;
  uint32_t at = source - m->s0 - (both && target < source);
  return ordered(&m->orders[both], shuffle_key(m->key, target), at) < m->n;
}

/* position: in the order of all rows; ordinal: among the n of the source's. DEV_NOBODY: there is no synapse. */
static inline uint32_t made_target(const struct dev_made *m, uint32_t source, uint64_t position, uint32_t ordinal, uint32_t n) {
  bool fewer = m->no_self && source - m->t0 < m->tn; /* itself is not among the targets */
  uint32_t at = ordinal, gap = m->both_end - m->both;
  switch ((enum dev_rule)m->rule) {
    case DEV_PARTNER: return m->t0 + (source - m->s0);
    case DEV_PLACES:
      at = ordered(&m->orders[0], m->key, position);
      return m->t0 + at + (at >= m->both - m->t0 ? gap : 0);
    case DEV_BOTH:
      at = m->both + ordered(&m->orders[0], m->key, position);
      return at == source ? DEV_NOBODY : at;
    case DEV_ASKED: return takes(m, m->t0 + at, source) ? m->t0 + at : DEV_NOBODY;
    case DEV_DRAWN: at = drawn(m->key, source, ordinal, m->tn - fewer); break;
    case DEV_DIFFERENT: /* all of them: in order */
      if (n < m->tn - fewer) at = ordered(&m->orders[fewer], shuffle_key(m->key, source), ordinal);
      break;
    case DEV_LISTED: return m->listed[position];
    case DEV_ALL: break;
  }
  at += m->t0;
  return at + (fewer && at >= source);
}

#endif

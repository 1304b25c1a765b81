/* Who stands at a position of a source's row, where rows are not stored: the same targets as those of
 * rules.c, in the scalar forms of hot_rows.h. All arithmetic is on integers. No position needs another, so a
 * thread makes one without its neighbours. */
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

/* DEV_NOBODY: nobody stands there. */
static inline uint32_t third_cell(const struct dev_third *d, uint32_t source, uint32_t ordinal,
                                  uint32_t target) {
  if (d->share < 1 && !(nslm_draw_unit_f64(d->key, source, ordinal, DEV_TAKES) < d->share)) return DEV_NOBODY;
  uint64_t which = d->pool > 1 ? nslm_draw_index_u64(d->key, source, ordinal, DEV_WHICH, d->pool) : 0,
           first = (uint64_t)(target - d->t0) * d->cells / d->tn;
  if (!d->blocks) return d->first + ordered(&d->order, shuffle_key(d->order_key, target), which);
  return d->first + (uint32_t)((first + d->pool > d->cells ? d->cells - d->pool : first) + which);
}

/* A target that orders the sources, without itself, takes the first n: where the source stands there, or
 * NULL. */
static inline const struct rt_shuffle *asked(const struct dev_made *m, uint32_t target, uint32_t source,
                                             uint64_t *ret_position) {
  bool both = target >= m->both && target < m->both_end;
  *ret_position = source - m->s0 - (both && target < source);
  return both && target == source ? NULL : &m->orders[both];
}

/* position: in the order of all rows; ordinal: among the n of the source's. DEV_NOBODY: there is no synapse.
 * One look into an order: it is long. */
static inline uint32_t made_target(const struct dev_made *m, uint32_t source, uint64_t position,
                                   uint32_t ordinal, uint32_t n) {
  bool fewer = m->no_self && source - m->t0 < m->tn; /* itself is not among the targets */
  const struct rt_shuffle *order = NULL;
  uint64_t key = m->key;
  uint32_t at = ordinal;
  switch ((enum dev_rule)m->rule) {
    case DEV_PARTNER: return m->t0 + (source - m->s0);
    case DEV_LISTED: return m->listed[position];
    case DEV_PLACES:
    case DEV_BOTH: order = &m->orders[0]; break;
    case DEV_ASKED:
      order = asked(m, m->t0 + ordinal, source, &position);
      if (!order) return DEV_NOBODY;
      key = shuffle_key(key, m->t0 + ordinal);
      break;
    case DEV_DRAWN: at = drawn(key, source, ordinal, m->tn - fewer); break;
    case DEV_DIFFERENT: /* all of them: in order */
      if (n >= m->tn - fewer) break;
      order = &m->orders[fewer];
      key = shuffle_key(key, source);
      position = ordinal;
      break;
    case DEV_ALL: break;
  }
  if (order) at = ordered(order, key, position);
  if (m->rule == DEV_PLACES) return m->t0 + at + (at >= m->both - m->t0 ? m->both_end - m->both : 0);
  if (m->rule == DEV_BOTH) return m->both + at == source ? DEV_NOBODY : m->both + at;
  if (m->rule == DEV_ASKED) return at < m->n ? m->t0 + ordinal : DEV_NOBODY;
  return m->t0 + at + (fewer && m->t0 + at >= source);
}

#endif

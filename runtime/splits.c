/* Numbers of synapses by source where a rule gives their total: a binary tree over the sources. A node's number is
 * split between its halves by one draw, binomial (synapses choose their places independently) or hypergeometric
 * (no place twice), with probability or number as the halves have places: together exactly the multinomial or
 * multivariate hypergeometric distribution. The draw is keyed by the node, so any path can be gone again alone.
 *
 * Up to 2^24 sources every one's number is kept, 8 bytes each, since rows that are made anew ask for it at every spike; beyond
 * only each sixteenth: half a byte a source, and four draws (about 0.3 us) to go down to one of them. */
#include "runtime/splits.h"

#include "math/math.h"
#include "runtime/nsl.h"

enum { KEEP_ALL = 1 << 24, LEVEL = 4 };

/* Sources in [from, to) of those with one place less. */
static uint64_t overlap(const struct rt_split *t, uint64_t from, uint64_t to) {
  uint64_t a = from > t->less ? from : t->less, b = to < t->less_end ? to : t->less_end;
  return a < b ? b - a : 0;
}

static uint64_t places(const struct rt_split *t, uint64_t from, uint64_t to) {
  return (to - from) * t->each - overlap(t, from, to);
}

/* Of the n in [from, from + 2^level): those in the lower half. */
static uint64_t lower_half(const struct rt_split *t, uint64_t from, uint32_t level, uint64_t n) {
  uint64_t middle = from + ((uint64_t)1 << (level - 1)), end = from + ((uint64_t)1 << level);
  if (middle >= t->n) return n;
  end = end < t->n ? end : t->n;
  uint64_t low = places(t, from, middle), high = places(t, middle, end);
  if (t->distinct) return nslm_draw_hypergeometric_u64(t->key, from, level, 0, low, high, n);
  return nslm_draw_binomial_u64(t->key, from, level, 0, n, (double)low / ((double)low + (double)high));
}

static void fill(struct rt_split *t, uint64_t from, uint32_t level, uint64_t n, uint64_t before) {
  if (from >= t->n) return;
  if (level == t->level) {
    t->before[from >> level] = before;
    return;
  }
  uint64_t low = lower_half(t, from, level, n);
  fill(t, from, level - 1, low, before);
  fill(t, from + ((uint64_t)1 << (level - 1)), level - 1, n - low, before + low);
}

static uint64_t blocks_of(const struct rt_split *t) {
  return ((uint64_t)t->n + ((uint64_t)1 << t->level) - 1) >> t->level;
}

int rt_split_alloc(struct rt_mem *mem, struct rt_split *t) {
  t->level = t->n <= KEEP_ALL ? 0 : LEVEL;
  t->before = rt_alloc(mem, blocks_of(t) + 1, sizeof *t->before);
  return t->before ? 0 : NSL_EMEMORY;
}

void rt_split_fill(struct rt_split *t) {
  uint32_t top = 0;
  while (((uint64_t)1 << top) < t->n) top++;
  fill(t, 0, top, t->total, 0);
  t->before[blocks_of(t)] = t->total;
}

uint64_t rt_split_of(const struct rt_split *t, uint32_t i, uint64_t *ret_before) {
  uint32_t block = i >> t->level;
  uint64_t before = t->before[block], n = t->before[block + 1] - before, from = (uint64_t)block << t->level;
  for (uint32_t level = t->level; level; level--) {
    uint64_t low = lower_half(t, from, level, n), half = (uint64_t)1 << (level - 1);
    if (i < from + half) {
      n = low;
    } else {
      n -= low;
      before += low;
      from += half;
    }
  }
  *ret_before = before;
  return n;
}

void rt_split_ask(const struct rt_split *t, uint32_t i) {
  const char *at = (const char *)&t->before[i >> t->level];
  __builtin_prefetch(at, 0, 3);
  __builtin_prefetch(at + sizeof *t->before, 0, 3);
}

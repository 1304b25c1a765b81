/* What a Poisson count of one mean is drawn from: its probabilities as integers of 2^-64, in two forms.
 *
 * A code of 16 (or 32) random bits decides nearly always. Of each probability as many whole codes as it
 * holds go into an alias table (Walker 1977; Vose 1991), whose cells hold equally many codes, each of at
 * most two counts. What is left of all probabilities together is a whole number of codes too; they say
 * "rest". Who draws one (below one in a thousand; one in 10^6 of 32 bits) takes 64 further bits and inverts
 * the distribution function of what is left. So a count is decided by at least 64 bits, and no probability
 * is off by more than 2^-63.
 *
 * Probabilities by the recursion p(k) = p(k - 1) mean / k from the mode both ways, in pairs of doubles,
 * divided by their sum: neither an exponential that underflows nor a logarithm. Small means take the small
 * table, up to four times; larger ones the large table, whose size grows with the standard deviation. */
#include <stdbool.h>

#include "math/math.h"

enum { SMALL_PARTS = 4, MOST = 2048 };
#define LARGE_MEAN 8192.0 /* of a part: fewer than MOST counts, MOST cells */

/* a + b as an unevaluated sum, renormalized */
typedef struct {
  double h, l;
} Pair;

static Pair pair_add(Pair a, Pair b)
{
  double s = a.h + b.h, t = s - a.h, e = (a.h - (s - t)) + (b.h - t) + a.l + b.l;
  double h = s + e;
  return (Pair){h, (s - h) + e};
}

static Pair pair_mul(Pair a, double b)
{
  double p = a.h * b, e = __builtin_fma(a.h, b, -p) + a.l * b, h = p + e;
  return (Pair){h, (p - h) + e};
}

static Pair pair_div(Pair a, double d)
{
  double q = a.h / d, r = (__builtin_fma(-q, d, a.h) + a.l) / d, h = q + r;
  return (Pair){h, (q - h) + r};
}

/* a / b to the error of a pair */
static Pair pair_ratio(Pair a, Pair b)
{
  double q = a.h / b.h;
  Pair back = pair_mul(b, -q), r = pair_add(a, back);
  double more = (r.h + r.l) / b.h, h = q + more;
  return (Pair){h, (q - h) + more};
}

/* floor(x 2^64) for x in [0, 1), or 2^64 - 1 */
static uint64_t pair_scaled(Pair x)
{
  double scaled = x.h * 0x1p64, low = x.l * 0x1p64;
  if (scaled >= 0x1p64)
    return low < 0 ? (uint64_t)0 - (uint64_t)__builtin_ceil(-low) : UINT64_MAX;
  uint64_t floor = (uint64_t)scaled;
  low += scaled - (double)floor;
  int64_t whole = (int64_t)low;
  whole -= low < (double)whole;
  return whole < 0 && floor < (uint64_t)-whole ? 0 : floor + (uint64_t)whole;
}

/* How far from the mean counts have a probability of 2^-64 (Chernoff's bound), generously. */
static double reach(double mean)
{
  return 10 * __builtin_sqrt(mean) + 50;
}

static uint32_t least_of(double mean)
{
  double least = mean - reach(mean);
  return least > 0 ? (uint32_t)least : 0;
}

static uint32_t counts_of(double mean)
{
  return (uint32_t)(mean + reach(mean)) - least_of(mean) + 1;
}

static int is_small(double mean)
{
  return mean <= SMALL_PARTS * NSLM_POISSON_SMALL;
}

/* A power of two above the number of counts. */
static uint32_t cells_of(double mean)
{
  uint32_t cells = NSLM_POISSON_CELLS;
  while (!is_small(mean) && cells <= counts_of(mean))
    cells *= 2;
  return cells;
}

static uint32_t parts_of(double mean)
{
  double parts = __builtin_ceil(mean / (is_small(mean) ? NSLM_POISSON_SMALL : LARGE_MEAN));
  return parts < 1 ? 1 : (uint32_t)parts;
}

size_t nslm_poisson_room(double most)
{
  double part = most < LARGE_MEAN ? most : LARGE_MEAN;
  return part > 0 ? cells_of(part) + counts_of(part) : 0;
}

/* p[i] = 2^64 P(least + i), integers with the sum 2^64 (that is, 0). */
static void probabilities(double mean, uint32_t least, uint32_t n, uint64_t *p)
{
  Pair q[MOST], sum = {0, 0}, below = {0, 0};
  uint32_t mode = (uint32_t)mean - least;
  q[mode] = (Pair){1, 0};
  for (uint32_t i = mode; i > 0; i--)
    q[i - 1] = pair_div(pair_mul(q[i], least + i), mean);
  for (uint32_t i = mode + 1; i < n; i++)
    q[i] = pair_div(pair_mul(q[i - 1], mean), least + i);
  for (uint32_t i = 0; i < n; i++)
    sum = pair_add(sum, q[i]);
  uint64_t before = 0;
  for (uint32_t i = 0; i < n; i++) {
    below = pair_add(below, q[i]);
    uint64_t upto = pair_scaled(pair_ratio(below, sum));
    if (i + 1 == n)
      upto = 0;
    else if (upto < before)
      upto = before;
    p[i] = upto - before;
    before = upto;
  }
}

static uint32_t poor_from(const uint32_t *have, uint32_t i, uint32_t cells, uint32_t share)
{
  while (i < cells && have[i] >= share)
    i++;
  return i;
}

static uint32_t rich_from(const uint32_t *have, uint32_t i, uint32_t cells, uint32_t share)
{
  while (i < cells && have[i] <= share)
    i++;
  return i;
}

/* Each poor cell is filled up from a rich one, which may become the next poor one. A code u belongs to cell
 * u % cells, and there to the cell's own count if u < limit. */
static void alias(uint32_t *have, uint32_t cells, uint32_t share, uint32_t *limit, uint32_t *other)
{
  for (uint32_t i = 0; i < cells; i++) {
    limit[i] = 0;
    other[i] = i;
  }
  uint32_t seen = poor_from(have, 0, cells, share), poor = seen, rich = rich_from(have, 0, cells, share);
  while (poor < cells && rich < cells) {
    limit[poor] = have[poor] * cells;
    other[poor] = rich;
    have[rich] -= share - have[poor];
    have[poor] = share;
    if (have[rich] < share && rich < seen)
      poor = rich;
    else
      poor = seen = poor_from(have, seen, cells, share);
    rich = rich_from(have, rich, cells, share);
  }
}

/* Whole codes to the cells, from `first` on, the last cell for the rest; what is left of each count to
 * `rest`. */
static void codes_share(NslmPoisson *t, const uint64_t *p, uint32_t n, uint32_t mode, uint32_t bits, uint32_t *have)
{
  uint32_t first = 0;
  uint64_t codes = (uint64_t)1 << bits, left = 0;
  while (first < mode && p[first] >> (64 - bits) == 0)
    first++;
  for (uint32_t i = 0; i < t->cells; i++)
    have[i] = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t whole = p[i] >> (64 - bits);
    if (i >= first && i - first < t->cells - 1)
      have[i - first] = (uint32_t)whole;
    else
      whole = 0;
    codes -= whole;
    left += p[i] - (whole << (64 - bits));
    t->rest[i] = left;
  }
  have[t->cells - 1] = (uint32_t)codes;
  t->first = t->rest_first + first;
  t->rest_n = n;
}

int nslm_poisson_make(double mean, uint64_t *room, NslmPoisson *ret)
{
  uint64_t p[MOST];
  uint32_t have[MOST], limit[MOST], other[MOST];
  *ret = (NslmPoisson){0};
  if (!(mean >= 0 && mean < 1e9))
    return -1;
  if (mean == 0)
    return 0;
  ret->parts = parts_of(mean);
  double part = mean / ret->parts;
  bool small = is_small(mean);
  ret->cells = small ? NSLM_POISSON_CELLS : cells_of(part);
  ret->large = room;
  ret->rest = room + (small ? 0 : ret->cells);
  ret->rest_first = least_of(part);
  uint32_t n = counts_of(part), bits = small ? 16 : 32;
  probabilities(part, ret->rest_first, n, p);
  codes_share(ret, p, n, (uint32_t)part - ret->rest_first, bits, have);
  alias(have, ret->cells, (uint32_t)(((uint64_t)1 << bits) / ret->cells), limit, other);
  for (uint32_t i = 0; i < ret->cells; i++) {
    if (small) {
      ret->limit[i] = (uint16_t)limit[i];
      ret->other[i] = (uint16_t)other[i];
    } else {
      room[i] = (uint64_t)other[i] << 32 | limit[i];
    }
  }
  return 0;
}

/* The digits of a keyed order (shuffle.h): as near to a square as a whole number of targets in one high digit
 * allows. */
#include "runtime/shuffle.h"

#include <math.h>
#include <stdbool.h>

enum { TINY = 64, SMALL = 1024, LARGE_DIGIT = 1024 };

/* Division of a number below 2^31 as a product of 32-bit numbers: exact, since the rounded reciprocal errs by at
 * most `by` of its last place, and by < 2^(bits + 1). */
static void divide_by(struct rt_shuffle *d, uint32_t by) {
  uint32_t bits = 31 - (uint32_t)__builtin_clz(by);
  bool power = (by & (by - 1)) == 0;
  d->shift = power ? bits : bits + 1;
  d->mul = power ? 1u << 31 : (uint32_t)(((uint64_t)1 << (32 + bits)) / by) + 1;
}

struct rt_shuffle rt_shuffle_of(uint32_t n, uint32_t each) {
  double places = (double)n * each;
  struct rt_shuffle d = {.n = n, .each = each};
  d.c = (uint32_t)fmax(1, ceil(sqrt(places) / each));
  if (d.c > 1 && d.c * each % 2) d.c++; /* an even digit: odd permutations too */
  if (n > 1u << 31)
    while (d.c & (d.c - 1)) d.c += d.c & -d.c; /* a power of two: c * a is no more than 2^32 */
  d.b = d.c * each;
  d.a = (uint32_t)(((uint64_t)n + d.c - 1) / d.c);
  d.rounds = places < TINY ? 32 : places < SMALL ? 12 : d.a < LARGE_DIGIT || d.b < LARGE_DIGIT ? 8 : SHUFFLE_FEWEST;
  divide_by(&d, each);
  return d;
}

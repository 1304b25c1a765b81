/* The inner loops of the connection rules, part of hot.c: index draws and keyed permutations (shuffle.h), many
 * lanes at a time where clang compiles them. The same bits as the scalar forms beside them: all arithmetic is on
 * integers. */
#ifndef NSL_RUNTIME_HOT_ROWS_H
#define NSL_RUNTIME_HOT_ROWS_H

#include <stdbool.h>

#include "math/math.h"
#include "runtime/hot.h"
#include "runtime/shuffle.h"

/* The high 32 bits of a 64-bit draw times range: uniform to range * 2^-64. */
static inline uint32_t index_of(uint32_t low, uint32_t high, uint32_t range) {
  return (uint32_t)(((uint64_t)high * range + ((uint64_t)low * range >> 32)) >> 32);
}

#ifdef RT_HOT_BITCODE /* with math.bc beside it */
#pragma clang diagnostic ignored "-Wpsabi" /* vectors are passed between functions that are always inlined */
enum { LANES = 32 }; /* four registers of 512 bits: a pass is one long chain, so some have to run side by side */
typedef uint64_t lanes __attribute__((ext_vector_type(LANES)));
typedef uint32_t words __attribute__((ext_vector_type(LANES)));
typedef uint32_t halves __attribute__((ext_vector_type(2 * LANES)));

/* x - range where that is not negative: as 32-bit numbers, of which the upper ones are 0 */
SHUFFLE_INLINE lanes lanes_less(lanes x, uint64_t range) {
  lanes less = (lanes)((halves)x - (halves)(lanes)range);
  return (lanes)__builtin_elementwise_min((halves)x, (halves)less);
}
SHUFFLE(lanes, lanes, lanes_less)

SHUFFLE_INLINE lanes lane_numbers(void) {
  return (lanes){0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
}

/* The digits of the next positions, of which `left` are wanted; the others are any in the domain. */
SHUFFLE_INLINE void lanes_next(const struct rt_shuffle *d, uint64_t *high, uint64_t *low, uint64_t left, lanes *h,
                               lanes *l) {
  if (*low + LANES <= d->b && left >= LANES) {
    *h = (lanes)*high;
    *l = *low + lane_numbers();
    *low += LANES;
  } else if (d->b >= LANES) {
    lanes number = lane_numbers(), wanted = (lanes)(number < left), l0 = *low + number, over = (lanes)(l0 >= d->b);
    *h = (*high - over) & wanted; /* all bits of `over` are 1: one more */
    *l = (l0 - (over & d->b)) & wanted;
    *low += left < LANES ? left : LANES;
    if (*low > d->b) ++*high, *low -= d->b;
  } else {
    for (int i = 0; i < LANES; i++) {
      if (*low >= d->b) ++*high, *low = 0;
      (*h)[i] = (uint64_t)i < left ? *high : 0;
      (*l)[i] = (uint64_t)i < left ? (*low)++ : 0;
    }
  }
  if (*low >= d->b) ++*high, *low = 0;
}

/* Those that fell beyond the targets go on, one by one. */
SHUFFLE_INLINE lanes lanes_walk(const struct rt_shuffle *d, lanes key, lanes h, lanes l) {
  lanes_pass(d, key, &h, &l);
  lanes target = lanes_target(d, h, l);
  if (!(__builtin_reduce_or((uint64_t)d->n - 1 - target) >> 63)) return target;
  for (int i = 0; i < LANES; i++)
    if (target[i] >= d->n) target[i] = shuffle_walk(d, key[i], h[i], l[i]);
  return target;
}

/* Sixteen draws: eight blocks, of which each gives two. The same bits as below. */
SHUFFLE_INLINE void draw_sixteen(uint64_t key, uint64_t owner, uint64_t block, uint32_t range, uint32_t *out) {
  nslm_u64v blocks = block + (nslm_u64v){0, 1, 2, 3, 4, 5, 6, 7}, zero = {0};
  nslm_u64v w[4] = {zero + (uint32_t)owner, zero + (owner >> 32), blocks & 0xffffffffu, blocks >> 32};
  nslm_u64v a, b;
  nslm_philox_u64v(key, w, &a, &b);
  nslm_u64v even = ((a >> 32) * range + ((a & 0xffffffffu) * range >> 32)) >> 32;
  nslm_u64v odd = ((b >> 32) * range + ((b & 0xffffffffu) * range >> 32)) >> 32;
  nslm_u64v pairs = even | odd << 32;
  __builtin_memcpy(out, &pairs, sizeof pairs);
}
#endif

void rt_hot_draw_index(uint64_t key, uint64_t owner, uint64_t first, uint64_t count, uint32_t range,
                       uint32_t *out) {
  uint64_t i = 0;
#ifdef RT_HOT_BITCODE
  for (; i < count; i += 16) draw_sixteen(key, owner, (first + i) / 2, range, out + i);
#endif
  for (; i < count; i += 2) {
    uint64_t block = (first + i) / 2;
    NslmWords r = nslm_philox(key, (uint32_t)owner, (uint32_t)(owner >> 32), (uint32_t)block,
                              (uint32_t)(block >> 32));
    out[i] = index_of(r.w[0], r.w[1], range);
    out[i + 1] = index_of(r.w[2], r.w[3], range);
  }
}

void rt_hot_shuffle(const struct rt_shuffle *d, uint64_t key, uint64_t first, uint64_t count, uint32_t *out) {
  uint64_t i = 0, high = first / d->b, low = first % d->b;
#ifdef RT_HOT_BITCODE
  for (; i < count; i += LANES) {
    lanes h, l;
    lanes_next(d, &high, &low, count - i, &h, &l);
    lanes target = lanes_walk(d, (lanes)key, h, l);
    words few = __builtin_convertvector(target, words);
    __builtin_memcpy(out + i, &few, sizeof few);
  }
#endif
  for (; i < count; i++) {
    out[i] = (uint32_t)shuffle_walk(d, key, high, low);
    if (++low == d->b) low = 0, high++;
  }
}

void rt_hot_shuffle_owners(const struct rt_shuffle *d, uint64_t key, uint32_t position, uint32_t below,
                           uint32_t first, uint32_t count, uint32_t *out, uint32_t *ret_n) {
  uint32_t i = 0, n = 0, high = position / d->b, low = position % d->b;
#ifdef RT_HOT_BITCODE
  for (; i + LANES <= count; i += LANES) {
    lanes owner = (uint64_t)first + i + lane_numbers();
    lanes x = key ^ (owner + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    lanes value = lanes_walk(d, x ^ (x >> 31), (lanes)(uint64_t)high, (lanes)(uint64_t)low);
    if (__builtin_reduce_min(value) >= below) continue;
    for (int k = 0; k < LANES; k++) {
      out[n] = (uint32_t)owner[k];
      n += value[k] < below;
    }
  }
#endif
  for (; i < count; i++) {
    out[n] = first + i;
    n += shuffle_walk(d, shuffle_key(key, (uint64_t)first + i), high, low) < below;
  }
  *ret_n = n;
}

/* One synapse: its delay in steps, to the nearest; 1 where *bad says that it is none or too many. */
static inline uint32_t steps_of(double delay, double stretch, double dt, uint32_t *bad) {
  double steps = delay * stretch / dt + (0.5 + 1e-9);
  bool good = steps >= 1 && steps < RT_MOST_STEPS;
  *bad |= !good;
  return good ? (uint32_t)steps : 1;
}

void rt_hot_delay_steps(const double *delay, uint64_t n, double stretch, double dt, uint32_t *steps, uint32_t *ret_bad) {
  uint64_t i = 0;
  uint32_t bad = 0;
#ifdef RT_HOT_BITCODE
  typedef double reals __attribute__((ext_vector_type(LANES), aligned(8)));
  typedef int32_t whole __attribute__((ext_vector_type(LANES)));
  lanes any = 0;
  for (; i + LANES <= n; i += LANES) {
    reals x = *(const reals *)(delay + i) * stretch / dt + (0.5 + 1e-9);
    lanes good = (lanes)((x >= 1) & (x < RT_MOST_STEPS));
    any |= ~good;
    whole k = __builtin_convertvector((reals)(good ? x : (reals)1.0), whole);
    __builtin_memcpy(steps + i, &k, sizeof k);
  }
  bad = __builtin_reduce_or(any) != 0;
#endif
  for (; i < n; i++) steps[i] = steps_of(delay[i], stretch, dt, &bad);
  *ret_bad = bad;
}

void rt_hot_weights_clip(double *w, uint64_t n, double lo, double hi, uint32_t *ret_bad) {
  uint64_t i = 0;
  uint32_t bad = 0;
#ifdef RT_HOT_BITCODE
  typedef double reals __attribute__((ext_vector_type(LANES), aligned(8)));
  lanes any = 0;
  for (; i + LANES <= n; i += LANES) {
    reals x = *(const reals *)(w + i);
    x = x < lo ? (reals)lo : x > hi ? (reals)hi : x;
    any |= ~(lanes)(__builtin_elementwise_abs(x) < (reals)__builtin_inf());
    *(reals *)(w + i) = x;
  }
  bad = __builtin_reduce_or(any) != 0;
#endif
  for (; i < n; i++) {
    w[i] = w[i] < lo ? lo : w[i] > hi ? hi : w[i];
    bad |= !(__builtin_fabs(w[i]) < __builtin_inf());
  }
  *ret_bad = bad;
}

#endif

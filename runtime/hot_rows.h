/* The inner loops of the connection rules, part of hot.c: index draws and keyed permutations (shuffle.h), many
 * lanes at a time where clang compiles them. The same bits as the scalar forms beside them: all arithmetic is on
 * integers. */
#ifndef NSL_RUNTIME_HOT_ROWS_H
#define NSL_RUNTIME_HOT_ROWS_H

#include <stdbool.h>

#include "math/math.h"
#include "runtime/hot.h"
#include "runtime/shuffle.h"

#ifdef RT_HOT_BITCODE /* with math.bc beside it */
#pragma clang diagnostic ignored "-Wpsabi" /* vectors are passed between functions that are always inlined */
/* A pass is one long chain, so some registers have to go through it side by side: four of 512 bits, two at the end of a row. */
#define LANES(name, N)                                                                                              \
  typedef uint32_t name __attribute__((ext_vector_type(N)));                                                        \
  typedef uint64_t name##_pairs __attribute__((ext_vector_type(N / 2)));                                            \
  SHUFFLE_INLINE name name##_less(name x, uint32_t range) { return __builtin_elementwise_min(x, x - range); }       \
  SHUFFLE_INLINE name name##_high(name x, uint32_t by) {                                                            \
    name##_pairs p = (name##_pairs)x, even = (p & 0xffffffffu) * (uint64_t)by, odd = (p >> 32) * (uint64_t)by;      \
    return (name)(even >> 32 | (odd & ~(uint64_t)0xffffffffu));                                                     \
  }                                                                                                                 \
  SHUFFLE_INLINE name name##_numbers(void) {                                                                        \
    name n;                                                                                                         \
    __builtin_memcpy(&n, lane_numbers, sizeof n);                                                                   \
    return n;                                                                                                       \
  }                                                                                                                 \
  /* The digits of the next positions, of which `left` are wanted; the others are any in the domain. */             \
  SHUFFLE_INLINE void name##_next(const struct rt_shuffle *d, uint32_t *high, uint32_t *low, uint64_t left,         \
                                  name *h, name *l) {                                                               \
    if (*low + N <= d->b && left >= N) {                                                                            \
      *h = (name)*high;                                                                                             \
      *l = *low + name##_numbers();                                                                                 \
      *low += N;                                                                                                    \
    } else if (d->b >= N) {                                                                                         \
      uint32_t few = left < N ? (uint32_t)left : N;                                                                 \
      name number = name##_numbers(), wanted = (name)(number < few), l0 = *low + number, over = (name)(l0 >= d->b); \
      *h = (*high - over) & wanted; /* all bits of `over` are 1: one more */                                        \
      *l = (l0 - (over & d->b)) & wanted;                                                                           \
      *low += few;                                                                                                  \
      if (*low > d->b) ++*high, *low -= d->b;                                                                       \
    } else {                                                                                                        \
      for (uint32_t i = 0; i < N; i++) {                                                                            \
        if (*low >= d->b) ++*high, *low = 0;                                                                        \
        (*h)[i] = i < left ? *high : 0;                                                                             \
        (*l)[i] = i < left ? (*low)++ : 0;                                                                          \
      }                                                                                                             \
    }                                                                                                               \
    if (*low >= d->b) ++*high, *low = 0;                                                                            \
  }                                                                                                                 \
  SHUFFLE_INLINE bool name##_beyond(const struct rt_shuffle *d, name target) {                                      \
    return __builtin_reduce_max(target) >= d->n;                                                                    \
  }
static const uint32_t lane_numbers[64] __attribute__((aligned(64))) = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

enum { MANY = 64, SOME = 32 };
LANES(many, MANY)
LANES(some, SOME)
typedef some keys; /* one for each lane */
SHUFFLE(many, many, uint32_t, many_less, many_high)
SHUFFLE(some, some, uint32_t, some_less, some_high)
SHUFFLE(each, some, keys, some_less, some_high)

/* Targets at the next positions; those that fell beyond the targets go on, one by one. */
#define SHUFFLE_NEXT(name, N)                                                                                    \
  SHUFFLE_INLINE void name##_shuffle(const struct rt_shuffle *d, uint64_t key, uint32_t *high, uint32_t *low,    \
                                     uint64_t left, uint32_t *out) {                                             \
    name h, l;                                                                                                   \
    name##_next(d, high, low, left, &h, &l);                                                                     \
    name##_pass(d, (uint32_t)key, (uint32_t)(key >> 32), &h, &l);                                                \
    name target = name##_target(d, h, l);                                                                        \
    for (uint32_t i = 0; name##_beyond(d, target) && i < N; i++)                                                 \
      if (target[i] >= d->n) target[i] = shuffle_walk(d, key, h[i], l[i]);                                       \
    __builtin_memcpy(out, &target, sizeof target);                                                               \
  }
SHUFFLE_NEXT(many, MANY)
SHUFFLE_NEXT(some, SOME)

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
    out[i] = shuffle_index(r.w[0], r.w[1], range);
    out[i + 1] = shuffle_index(r.w[2], r.w[3], range);
  }
}

void rt_hot_shuffle(const struct rt_shuffle *d, uint64_t key, uint64_t first, uint64_t count, uint32_t *out) {
  uint64_t i = 0;
  uint32_t high = (uint32_t)(first / d->b), low = (uint32_t)(first % d->b);
#ifdef RT_HOT_BITCODE
  for (; i + SOME < count; i += MANY) many_shuffle(d, key, &high, &low, count - i, out + i);
  for (; i < count; i += SOME) some_shuffle(d, key, &high, &low, count - i, out + i);
#endif
  for (; i < count; i++) {
    out[i] = shuffle_walk(d, key, high, low);
    if (++low == d->b) low = 0, high++;
  }
}

#ifdef RT_HOT_BITCODE
/* Values of owners at one position of their orders. */
SHUFFLE_INLINE some owners_values(const struct rt_shuffle *d, uint64_t key, uint64_t first, uint32_t high, uint32_t low) {
  typedef uint64_t longs __attribute__((ext_vector_type(SOME)));
  longs x = key ^ (first + 1 + __builtin_convertvector(some_numbers(), longs)) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  x ^= x >> 31;
  some h = (some)high, l = (some)low;
  each_pass(d, __builtin_convertvector(x, keys), __builtin_convertvector(x >> 32, keys), &h, &l);
  some value = each_target(d, h, l);
  for (uint32_t i = 0; some_beyond(d, value) && i < SOME; i++)
    if (value[i] >= d->n) value[i] = shuffle_walk(d, x[i], h[i], l[i]);
  return value;
}
#endif

void rt_hot_shuffle_owners(const struct rt_shuffle *d, uint64_t key, uint32_t position, uint32_t below,
                           uint32_t first, uint32_t count, uint32_t *out, uint32_t *ret_n) {
  uint32_t i = 0, n = 0, high = position / d->b, low = position % d->b;
#ifdef RT_HOT_BITCODE
  for (; i + SOME <= count; i += SOME) {
    some value = owners_values(d, key, (uint64_t)first + i, high, low);
    if (__builtin_reduce_min(value) >= below) continue;
    for (uint32_t k = 0; k < SOME; k++) {
      out[n] = first + i + k;
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

/* Along one axis, squared. */
#define AXIS(reals, a, b, period) \
  reals d##a = at_##a - (b);      \
  d##a = d##a < 0 ? -d##a : d##a; \
  d##a = d##a < (period)-d##a ? d##a : (period)-d##a;

void rt_hot_distances(const double *const *at, const double *from, const double *period, uint64_t n, double *out) {
  uint64_t i = 0;
  double around[3]; /* without a period no other way is shorter */
  for (int a = 0; a < 3; a++) around[a] = period[a] > 0 ? period[a] : __builtin_inf();
#ifdef RT_HOT_BITCODE
  typedef double reals __attribute__((ext_vector_type(SOME), aligned(8)));
  for (; i + SOME <= n; i += SOME) {
    reals at_0 = *(const reals *)(at[0] + i), at_1 = *(const reals *)(at[1] + i), at_2 = *(const reals *)(at[2] + i);
    AXIS(reals, 0, from[0], around[0])
    AXIS(reals, 1, from[1], around[1])
    AXIS(reals, 2, from[2], around[2])
    *(reals *)(out + i) = __builtin_elementwise_sqrt(d0 * d0 + d1 * d1 + d2 * d2);
  }
#endif
  for (; i < n; i++) {
    double at_0 = at[0][i], at_1 = at[1][i], at_2 = at[2][i];
    AXIS(double, 0, from[0], around[0])
    AXIS(double, 1, from[1], around[1])
    AXIS(double, 2, from[2], around[2])
    out[i] = __builtin_sqrt(d0 * d0 + d1 * d1 + d2 * d2);
  }
}
#undef AXIS

/* Along axis a, from the middle of box i; added to the squares. */
#define BOX(reals)                                                                                                      \
  reals half = (h - l) * 0.5 + slack, far = x - (l + h) * 0.5, least, most;                                             \
  far = far < 0 ? -far : far;                                                                                           \
  far = far < around - far ? far : around - far;                                                                        \
  least = far - half > 0 ? far - half : 0 * far;                                                                        \
  most = far + half < around * 0.5 ? far + half : around * 0.5 + slack + 0 * far;

void rt_hot_box_distances(const double *const *lo, const double *const *hi, const double *from, const double *period, double slack, uint64_t n,
                          double *ret_lo, double *ret_hi) {
  for (int a = 0; a < 3; a++) {
    double x = from[a], around = period[a] > 0 ? period[a] : 1e300; /* without a period no other way is shorter */
    uint64_t i = 0;
#ifdef RT_HOT_BITCODE
    typedef double reals __attribute__((ext_vector_type(SOME), aligned(8)));
    for (; i + SOME <= n; i += SOME) {
      reals l = *(const reals *)(lo[a] + i), h = *(const reals *)(hi[a] + i), had_lo = 0, had_hi = 0;
      if (a) had_lo = *(const reals *)(ret_lo + i), had_hi = *(const reals *)(ret_hi + i);
      BOX(reals)
      least = had_lo + least * least;
      most = had_hi + most * most;
      if (a == 2) {
        least = __builtin_elementwise_sqrt(least) - slack;
        least = least > 0 ? least : 0 * least;
        most = __builtin_elementwise_sqrt(most) + slack;
      }
      *(reals *)(ret_lo + i) = least;
      *(reals *)(ret_hi + i) = most;
    }
#endif
    for (; i < n; i++) {
      double l = lo[a][i], h = hi[a][i];
      BOX(double)
      least = (a ? ret_lo[i] : 0) + least * least;
      most = (a ? ret_hi[i] : 0) + most * most;
      if (a == 2) {
        least = __builtin_sqrt(least) - slack;
        least = least > 0 ? least : 0;
        most = __builtin_sqrt(most) + slack;
      }
      ret_lo[i] = least;
      ret_hi[i] = most;
    }
  }
}
#undef BOX

void rt_hot_delay_steps(const double *delay, uint64_t n, double stretch, double dt, uint32_t *steps, struct rt_delays *ret) {
  uint64_t i = 0;
  *ret = (struct rt_delays){UINT32_MAX, 0, 0};
#ifdef RT_HOT_BITCODE
  typedef double reals __attribute__((ext_vector_type(SOME), aligned(8)));
  typedef uint64_t longs __attribute__((ext_vector_type(SOME)));
  typedef int32_t whole __attribute__((ext_vector_type(SOME)));
  longs any = 0;
  whole least = INT32_MAX, most = 0;
  for (; i + SOME <= n; i += SOME) {
    reals x = *(const reals *)(delay + i) * stretch / dt + (0.5 + 1e-9);
    longs good = (longs)((x >= 1) & (x < RT_MOST_STEPS));
    any |= ~good;
    whole k = __builtin_convertvector((reals)(good ? x : (reals)1.0), whole);
    least = __builtin_elementwise_min(least, k);
    most = __builtin_elementwise_max(most, k);
    __builtin_memcpy(steps + i, &k, sizeof k);
  }
  if (i) *ret = (struct rt_delays){(uint32_t)__builtin_reduce_min(least), (uint32_t)__builtin_reduce_max(most),
                                   __builtin_reduce_or(any) != 0};
#endif
  for (; i < n; i++) {
    steps[i] = steps_of(delay[i], stretch, dt, &ret->bad);
    ret->least = steps[i] < ret->least ? steps[i] : ret->least;
    ret->most = steps[i] > ret->most ? steps[i] : ret->most;
  }
}

void rt_hot_weights_clip(double *w, uint64_t n, double lo, double hi, uint32_t *ret_bad) {
  uint64_t i = 0;
  uint32_t bad = 0;
#ifdef RT_HOT_BITCODE
  typedef double reals __attribute__((ext_vector_type(SOME), aligned(8)));
  typedef uint64_t longs __attribute__((ext_vector_type(SOME)));
  longs any = 0;
  for (; i + SOME <= n; i += SOME) {
    reals x = *(const reals *)(w + i);
    x = x < lo ? (reals)lo : x > hi ? (reals)hi : x;
    any |= ~(longs)(__builtin_elementwise_abs(x) < (reals)__builtin_inf());
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

/* Poisson counts of many elements: with one mean, from tables (poisson_table.c), or each with its own.
 *
 * Small tables take 16 random bits an element, so one Philox block serves eight elements and eight lanes of
 * it serve 64: the bits of element e are counter (e / 64) 8 + (e % 32) / 4, attempt 0, word 2 (e / 32 % 2)
 * + e % 4 / 2, its low half for even e. Large tables take 32 bits: counter (e / 32) 8 + e % 8, word e / 8 %
 * 4. Those of the rest: counter e, attempt 1, words 0 and 1. The ordinal is the number of the part. Tables
 * of 32 numbers of 16 bits are looked up in registers: by one permutation of words where the processor has
 * it (nslm_masks), else in halves, by permutations of bytes. Where means differ, elements of 16 share eight
 * blocks: e has counter (e / 16) 8 + e % 8, words 0 and 1, or 2 and 3 (e / 8 % 2). The clang form (in the
 * bitcode) does 64 elements (16) at a time, the plain form one by one; both give the same counts. */
#include "math/math.h"
#include "math/random.h"

/* Who has drawn the rest. */
static uint32_t poisson_rest(const NslmPoisson *t, uint64_t stream, uint64_t e, uint64_t step)
{
  uint64_t a, b;
  random_block(stream, e, step, 1, &a, &b);
  uint64_t u = (uint64_t)((unsigned __int128)a * t->rest[t->rest_n - 1] >> 64);
  uint32_t from = 0, to = t->rest_n - 1;
  while (from < to) {
    uint32_t half = (from + to) / 2;
    if (u < t->rest[half])
      to = half;
    else
      from = half + 1;
  }
  return t->rest_first + from;
}

static inline uint32_t poisson_large(const NslmPoisson *t, uint32_t code)
{
  uint32_t cell = code & (t->cells - 1);
  uint64_t entry = t->large[cell];
  return code < (uint32_t)entry ? cell : (uint32_t)(entry >> 32);
}

#ifndef NSLM_VECTORS

static uint32_t poisson_small(const NslmPoisson *t, uint64_t stream, uint64_t e, uint64_t step)
{
  uint64_t a, b, c = e / 64 * 8 + e % 32 / 4;
  random_block_7(stream, c, step, 0, &a, &b);
  uint32_t code = (uint32_t)((e / 32 % 2 ? b : a) >> (16 * (e % 4))) & 0xffffu, cell = code % NSLM_POISSON_CELLS;
  return code < t->limit[cell] ? cell : t->other[cell];
}

static int64_t poisson_count(const NslmPoisson *t, uint64_t stream, uint64_t e, uint64_t step)
{
  uint64_t a, b;
  uint32_t cell;
  if (t->cells == NSLM_POISSON_CELLS) {
    cell = poisson_small(t, stream, e, step);
  } else {
    random_block_7(stream, e / 32 * 8 + e % 8, step, 0, &a, &b);
    cell = poisson_large(t, (uint32_t)((e / 16 % 2 ? b : a) >> (e / 8 % 2 * 32)));
  }
  return cell == t->cells - 1 ? poisson_rest(t, stream, e, step) : t->first + cell;
}

#define POISSON_ADD(name, INT)                                                                              \
  void name(INT *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,                \
            const NslmPoisson *t)                                                                           \
  {                                                                                                         \
    for (uint32_t part = 0; part < t->parts; part++)                                                        \
      for (uint64_t e = (uint64_t)first; e < (uint64_t)(first + n); e++)                                    \
        acc[e] += (INT)(poisson_count(t, random_key(key, part), e, step) * weight);                         \
  }
POISSON_ADD(nslm_poisson_add_i64, int64_t)
POISSON_ADD(nslm_poisson_add_i32, int32_t)

void nslm_poisson_each_i64(int64_t *out, int64_t first, int64_t n, uint64_t key, uint64_t step, const double *means)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = nslm_draw_poisson_i64(key, (uint64_t)(first + i), step, 0, means[i]);
}

#else

#ifndef NSLM_MASKS /* else who includes this knows */
extern const uint8_t nslm_masks; /* the level has AVX-512: defined by codegen/ for each level */
#define NSLM_MASKS nslm_masks
#endif

typedef uint16_t Lanes16 __attribute__((ext_vector_type(16)));
typedef uint16_t Lanes __attribute__((ext_vector_type(32)));
typedef int64_t Sum8 __attribute__((ext_vector_type(8), aligned(8)));
typedef int32_t Sum16 __attribute__((ext_vector_type(16), aligned(4)));

RANDOM_PHILOX(random_philox_7v, nslm_u64v, 7, RANDOM_WORDS_V)
RANDOM_BLOCK(random_block_7v, random_philox_7v, nslm_u64v)

/* Entries of a table of 32 by the low five bits of each index, in halves. */
RANDOM_INLINE Lanes16 pick_half(Lanes table, Lanes16 index)
{
  Lanes16 low = __builtin_shufflevector(table.lo, index & 15), high = __builtin_shufflevector(table.hi, index & 15);
  return (index & 16) != 0 ? high : low;
}

RANDOM_INLINE Lanes pick_halves(Lanes table, Lanes index)
{
  Lanes16 a = pick_half(table, index.lo), b = pick_half(table, index.hi);
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}

typedef struct {
  Lanes limit, other;
} Small;

RANDOM_INLINE Lanes small_wide(Small t, Lanes code)
{
  Lanes cell = code & 31;
  return code < __builtin_shufflevector(t.limit, cell) ? cell : __builtin_shufflevector(t.other, cell);
}

RANDOM_INLINE Lanes small_halves(Small t, Lanes code)
{
  return code < pick_halves(t.limit, code) ? code & 31 : pick_halves(t.other, code);
}

/* Those of 32 elements that have drawn the rest; all others get the first count. */
static void poisson_rests(const NslmPoisson *t, Lanes *count, uint64_t stream, uint64_t e, uint64_t step)
{
  for (uint32_t i = 0; i < 32; i++)
    if ((*count)[i] == NSLM_POISSON_CELLS - 1)
      (*count)[i] = (uint16_t)(poisson_rest(t, stream, e + i, step) - t->first);
}

RANDOM_INLINE void accumulate_i64(int64_t *acc, Lanes count, uint32_t first, int64_t weight)
{
  Sum8 *to = (Sum8 *)acc;
  count += (uint16_t)first;
  to[0] += __builtin_convertvector(count.lo.lo, nslm_i64v) * weight;
  to[1] += __builtin_convertvector(count.lo.hi, nslm_i64v) * weight;
  to[2] += __builtin_convertvector(count.hi.lo, nslm_i64v) * weight;
  to[3] += __builtin_convertvector(count.hi.hi, nslm_i64v) * weight;
}

RANDOM_INLINE void accumulate_i32(int32_t *acc, Lanes count, uint32_t first, int64_t weight)
{
  Sum16 *to = (Sum16 *)acc;
  count += (uint16_t)first;
  to[0] += __builtin_convertvector(count.lo, nslm_i32v) * (int32_t)weight;
  to[1] += __builtin_convertvector(count.hi, nslm_i32v) * (int32_t)weight;
}

/* The cells of 64 elements by a large table. */
static void cells_large(const NslmPoisson *t, uint64_t stream, uint64_t e, uint64_t step, uint32_t *cell)
{
  const nslm_u64v lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  typedef uint32_t Words __attribute__((ext_vector_type(8), aligned(4)));
  for (uint64_t i = 0; i < 64; i += 32) {
    nslm_u64v a, b;
    random_block_7v(stream, lanes + (e + i) / 4, step, 0, &a, &b);
    Words *to = (Words *)(cell + i);
    to[0] = __builtin_convertvector(a, Words);
    to[1] = __builtin_convertvector(a >> 32, Words);
    to[2] = __builtin_convertvector(b, Words);
    to[3] = __builtin_convertvector(b >> 32, Words);
  }
  for (uint32_t i = 0; i < 64; i++)
    cell[i] = poisson_large(t, cell[i]);
}

/* Blocks of 64 elements: their random bits first, so that the generators' chains run side by side. */
#define POISSON_BLOCKS(name, INT, accumulate, pick, BLOCKS)                                                 \
  RANDOM_INLINE void name(INT *acc, uint64_t e, int64_t weight, uint64_t stream, uint64_t step,             \
                          const NslmPoisson *t, Small table)                                                \
  {                                                                                                         \
    const nslm_u64v lanes = {0, 1, 2, 3, 4, 5, 6, 7};                                                       \
    nslm_u64v a[BLOCKS], b[BLOCKS];                                                                         \
    Lanes x[BLOCKS], y[BLOCKS], rest = 0;                                                                   \
    _Pragma("GCC unroll 4") for (uint32_t k = 0; k < BLOCKS; k++)                                           \
      random_block_7v(stream, lanes + (e / 8 + 8 * k), step, 0, &a[k], &b[k]);                              \
    _Pragma("GCC unroll 4") for (uint32_t k = 0; k < BLOCKS; k++)                                           \
    {                                                                                                       \
      x[k] = pick(table, (Lanes)a[k]);                                                                      \
      y[k] = pick(table, (Lanes)b[k]);                                                                      \
      rest |= (Lanes)((x[k] == NSLM_POISSON_CELLS - 1) | (y[k] == NSLM_POISSON_CELLS - 1));                 \
    }                                                                                                       \
    if (__builtin_expect(__builtin_reduce_or(rest) != 0, 0))                                                \
      _Pragma("GCC unroll 4") for (uint32_t k = 0; k < BLOCKS; k++)                                         \
      {                                                                                                     \
        poisson_rests(t, &x[k], stream, e + 64 * k, step);                                                  \
        poisson_rests(t, &y[k], stream, e + 64 * k + 32, step);                                             \
      }                                                                                                     \
    _Pragma("GCC unroll 4") for (uint32_t k = 0; k < BLOCKS; k++)                                           \
    {                                                                                                       \
      accumulate(acc + e + 64 * k, x[k], t->first, weight);                                                 \
      accumulate(acc + e + 64 * k + 32, y[k], t->first, weight);                                            \
    }                                                                                                       \
  }
#define POISSON_SMALL(name, INT, accumulate, pick)                                                          \
  POISSON_BLOCKS(name##_four, INT, accumulate, pick, 4)                                                     \
  POISSON_BLOCKS(name##_one, INT, accumulate, pick, 1)                                                      \
  static void name(INT *acc, uint64_t first, uint64_t end, int64_t weight, uint64_t stream, uint64_t step,  \
                   const NslmPoisson *t)                                                                    \
  {                                                                                                         \
    Small table;                                                                                            \
    __builtin_memcpy(&table.limit, t->limit, sizeof table.limit);                                           \
    __builtin_memcpy(&table.other, t->other, sizeof table.other);                                           \
    uint64_t e = first;                                                                                     \
    for (; e + 256 <= end; e += 256) name##_four(acc, e, weight, stream, step, t, table);                   \
    for (; e < end; e += 64) name##_one(acc, e, weight, stream, step, t, table);                            \
  }
#define POISSON_LARGE(name, INT)                                                                            \
  static void name(INT *acc, uint64_t first, uint64_t end, int64_t weight, uint64_t stream, uint64_t step,  \
                   const NslmPoisson *t)                                                                    \
  {                                                                                                         \
    for (uint64_t e = first; e < end; e += 64) {                                                            \
      uint32_t cell[64];                                                                                    \
      cells_large(t, stream, e, step, cell);                                                                \
      for (uint32_t i = 0; i < 64; i++) {                                                                   \
        uint32_t count = t->first + cell[i];                                                                \
        if (__builtin_expect(cell[i] == t->cells - 1, 0))                                                   \
          count = poisson_rest(t, stream, e + i, step);                                                     \
        acc[e + i] += (INT)(count * weight);                                                                \
      }                                                                                                     \
    }                                                                                                       \
  }
#define POISSON_ADD(s, INT)                                                                                 \
  POISSON_SMALL(small_wide_##s, INT, accumulate_##s, small_wide)                                            \
  POISSON_SMALL(small_halves_##s, INT, accumulate_##s, small_halves)                                        \
  POISSON_LARGE(large_##s, INT)                                                                             \
  void nslm_poisson_add_##s(INT *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step, \
                            const NslmPoisson *t)                                                           \
  {                                                                                                         \
    uint64_t from = (uint64_t)first, end = (uint64_t)(first + n);                                           \
    for (uint32_t part = 0; part < t->parts; part++)                                                        \
      if (t->cells != NSLM_POISSON_CELLS)                                                                   \
        large_##s(acc, from, end, weight, random_key(key, part), step, t);                                  \
      else if (NSLM_MASKS)                                                                                  \
        small_wide_##s(acc, from, end, weight, random_key(key, part), step, t);                             \
      else                                                                                                  \
        small_halves_##s(acc, from, end, weight, random_key(key, part), step, t);                           \
  }
POISSON_ADD(i64, int64_t)
POISSON_ADD(i32, int32_t)

void nslm_poisson_each_i64(int64_t *out, int64_t first, int64_t n, uint64_t key, uint64_t step, const double *means)
{
  const nslm_u64w lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  typedef double Means __attribute__((ext_vector_type(16), aligned(8)));
  typedef int64_t Counts __attribute__((ext_vector_type(16), aligned(8)));
  uint64_t stream = random_key(key, 0);
  for (int64_t i = 0; i < n; i += 16) {
    uint64_t e = (uint64_t)(first + i);
    nslm_u64v a, b;
    random_block_v(stream, lanes.lo + e / 2, step, 0, &a, &b);
    nslm_u64w bits = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    nslm_f64w count = core_poisson_f64w(stream, lanes + e, step, bits, *(const Means *)(means + i));
    /* whole numbers below 2^52: there is an instruction for them only with AVX-512 */
    *(Counts *)(out + i) = (nslm_i64w)(count + 0x1p52) & (((int64_t)1 << 52) - 1);
  }
}
#endif

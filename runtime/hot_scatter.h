/* Part of hot.c: events of rows made anew, into chunks by shard, and from the chunks onto accumulators (queue.h). The
 * shards of 8 elements are computed at once; what is left for each event is one store and the move of its bin's end. */
#ifndef NSL_RUNTIME_HOT_SCATTER_H
#define NSL_RUNTIME_HOT_SCATTER_H

#include "math/math.h"
#include "runtime/hot.h"

enum { SCATTERED = 64 };

static inline uint32_t owner_of(const struct rt_owner *o, uint32_t element) {
  uint64_t n = (uint64_t)(element >> o->shift) * o->a + o->b;
  uint32_t part = (uint32_t)(o->m ? n * o->m >> o->k : n / o->words);
  part -= part >> o->log_shards; /* what is rounded down at the end belongs to the last part */
  return (part - o->turn) & ((1u << o->log_shards) - 1);
}

#define PUT(T, bin, value)                                         \
  do {                                                             \
    uint32_t b_ = (bin), p_ = at[b_];                              \
    if (!(p_ & (RT_CHUNK / sizeof(T) - 1))) {                      \
      to->more(to, b_);                                            \
      p_ = at[b_];                                                 \
    }                                                              \
    ((T *)(void *)pool)[p_] = (value);                             \
    at[b_] = p_ + 1;                                               \
  } while (0)

#ifdef RT_HOT_BITCODE
typedef uint32_t u32x8 __attribute__((vector_size(32), aligned(4)));

/* shard << 16 | low bits, of eight. */
static inline void owners_eight(const struct rt_owner *o, const uint32_t *elements, uint32_t *out) {
  u32x8 short8;
  __builtin_memcpy(&short8, elements, sizeof short8);
  nslm_u64v e = __builtin_convertvector(short8, nslm_u64v);
  nslm_u64v part = ((e >> o->shift) * o->a + o->b) * o->m >> o->k;
  part -= part >> o->log_shards;
  nslm_u64v shard = (part - o->turn) & (((uint64_t)1 << o->log_shards) - 1);
  short8 = __builtin_convertvector(shard << 16 | (e & 0xffffu), u32x8);
  __builtin_memcpy(out, &short8, sizeof short8);
}
#endif

static inline void owners(const struct rt_owner *o, const uint32_t *elements, uint32_t n, uint32_t *out) {
  uint32_t i = 0;
#ifdef RT_HOT_BITCODE
  for (; o->m && i + 8 <= n; i += 8) owners_eight(o, elements + i, out + i);
#endif
  for (; i < n; i++) out[i] = owner_of(o, elements[i]) << 16 | (elements[i] & 0xffffu);
}

#define SCATTER(T, bin, value)                                             \
  uint32_t *at = to->at, own[SCATTERED];                                   \
  char *pool = to->pool;                                                   \
  for (uint64_t done = 0; done < n; done += SCATTERED) {                   \
    uint32_t now = n - done < SCATTERED ? (uint32_t)(n - done) : SCATTERED; \
    owners(&to->owner, targets + done, now, own);                          \
    for (uint32_t i = 0; i < now; i++) PUT(T, bin, value);                 \
  }

#define LATE (((to->late + delays[done + i]) & to->mask) << to->owner.log_shards | own[i] >> 16)
#define WORD (words[done + i] | (uint16_t)own[i])

void rt_hot_scatter_same(struct rt_scatter *to, const uint32_t *targets, uint64_t n) {
  SCATTER(uint16_t, own[i] >> 16, (uint16_t)own[i])
}

void rt_hot_scatter_words(struct rt_scatter *to, const uint32_t *targets, const uint64_t *words, uint64_t n) {
  SCATTER(uint64_t, own[i] >> 16, WORD)
}

void rt_hot_scatter_same_late(struct rt_scatter *to, const uint32_t *targets, const uint32_t *delays, uint64_t n) {
  SCATTER(uint16_t, LATE, (uint16_t)own[i])
}

void rt_hot_scatter_words_late(struct rt_scatter *to, const uint32_t *targets, const uint32_t *delays,
                               const uint64_t *words, uint64_t n) {
  SCATTER(uint64_t, LATE, WORD)
}

#define GATHER(name, INT)                                                                                            \
  void rt_hot_gather_same_##name(INT *acc, uint32_t first, const uint16_t *events, uint64_t n, int64_t weight) {     \
    uint16_t low = (uint16_t)first;                                                                                  \
    INT w = (INT)weight;                                                                                             \
    uint64_t i = 0;                                                                                                  \
    for (; i + 4 <= n; i += 4) {                                                                                     \
      acc[(uint16_t)(events[i] - low)] += w;                                                                         \
      acc[(uint16_t)(events[i + 1] - low)] += w;                                                                     \
      acc[(uint16_t)(events[i + 2] - low)] += w;                                                                     \
      acc[(uint16_t)(events[i + 3] - low)] += w;                                                                     \
    }                                                                                                                \
    for (; i < n; i++) acc[(uint16_t)(events[i] - low)] += w;                                                        \
  }                                                                                                                  \
  void rt_hot_gather_words_##name(INT *acc, uint32_t first, const uint64_t *events, uint64_t n, int64_t grain) {     \
    for (uint64_t i = 0; i < n; i++) acc[(uint16_t)(events[i] - first)] += (INT)(((int64_t)events[i] >> 16) * grain); \
  }
GATHER(i64, int64_t)
GATHER(i32, int32_t)

#endif

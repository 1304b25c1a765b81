/* Part of hot.c: rows that are stored by source (streams.c) into chunks by shard, and chunks of 4-byte cells onto
 * accumulators. A source's synapses lie side by side, sorted by shard, so a row goes by in one stream of memory; what is done
 * for a shard is to copy some cells to the end of its chunk. Where synapses have delays of their own, they go one by one to
 * the chunk of their step, which the delays before them have mostly brought near. */
#ifndef NSL_RUNTIME_HOT_STREAM_H
#define NSL_RUNTIME_HOT_STREAM_H

#include "math/math.h"
#include "runtime/hot.h"

enum { COPIED = 32 }; /* bytes at once: most pieces; there is as much room behind the last row */

/* n cells to the end of a bin. */
#define PIECE(T)                                                                                                    \
  static inline void piece_##T(struct rt_scatter *to, uint32_t bin, const char *cells, uint32_t n) {                \
    const uint32_t most = RT_CHUNK / sizeof(T);                                                                     \
    uint32_t *at = to->at;                                                                                          \
    while (n) {                                                                                                     \
      if (!(at[bin] & (most - 1))) to->more(to, bin);                                                               \
      uint32_t p = at[bin], left = most - (p & (most - 1)), now = n < left ? n : left;                              \
      uint32_t bytes = now * (uint32_t)sizeof(T);                                                                   \
      char *out = to->pool + (uint64_t)p * sizeof(T);                                                               \
      uint32_t room = left * (uint32_t)sizeof(T), k = 0;                                                            \
      for (; k < bytes && k + COPIED <= room; k += COPIED) __builtin_memcpy(out + k, cells + k, COPIED);            \
      for (; k < bytes && k + 8 <= room; k += 8) __builtin_memcpy(out + k, cells + k, 8);                           \
      for (; k < bytes; k += (uint32_t)sizeof(T)) __builtin_memcpy(out + k, cells + k, sizeof(T));                  \
      at[bin] = p + now;                                                                                            \
      cells += bytes;                                                                                               \
      n -= now;                                                                                                     \
    }                                                                                                               \
  }                                                                                                                 \
  static inline void row_##T(struct rt_scatter *to, const uint8_t *counts, const char *cells, uint32_t bin,         \
                             uint32_t n_shards) {                                                                   \
    for (uint32_t end = bin + n_shards; bin < end;) {                                                               \
      uint32_t n = *counts++;                                                                                       \
      piece_##T(to, bin, cells, n);                                                                                 \
      cells += n * sizeof(T);                                                                                       \
      bin += n < RT_STREAM_MORE;                                                                                    \
    }                                                                                                               \
  }
PIECE(uint16_t)
PIECE(uint32_t)
PIECE(uint64_t)
#undef PIECE

void rt_hot_stream_send(struct rt_scatter *to, const struct rt_stream_row *row, uint32_t bytes, uint32_t from,
                        uint32_t n_shards) {
  const uint8_t *counts = (const uint8_t *)(row + 1);
  const char *cells = (const char *)counts + row->counts;
  if (bytes == sizeof(uint16_t)) row_uint16_t(to, counts, cells, from, n_shards);
  else if (bytes == sizeof(uint32_t)) row_uint32_t(to, counts, cells, from, n_shards);
  else row_uint64_t(to, counts, cells, from, n_shards);
}

/* One by one. Delays of up to `past` are over. */
#define LATE_ROW(T, D)                                                                                              \
  static inline void late_##T##_##D(struct rt_scatter *to, const struct rt_stream_row *row, uint32_t shard,         \
                                    uint32_t n_shards, uint32_t past) {                                             \
    const uint8_t *counts = (const uint8_t *)(row + 1);                                                             \
    const T *cells = (const T *)(const void *)(counts + row->counts);                                               \
    const D *delays = (const D *)(const void *)((const uint64_t *)(const void *)cells +                             \
                                                ((uint64_t)row->n * sizeof(T) + 7) / 8);                            \
    uint32_t *at = to->at, first = to->late + row->least, log_shards = to->owner.log_shards, mask = to->mask;       \
    char *pool = to->pool;                                                                                          \
    for (uint32_t end = shard + n_shards; shard < end;) {                                                           \
      uint32_t n = *counts++;                                                                                       \
      for (uint32_t i = 0; i < n; i++) {                                                                            \
        if (row->least + delays[i] > past) PUT(T, ((first + delays[i]) & mask) << log_shards | shard, cells[i]);    \
      }                                                                                                             \
      cells += n;                                                                                                   \
      delays += n;                                                                                                  \
      shard += n < RT_STREAM_MORE;                                                                                  \
    }                                                                                                               \
  }
#define LATE_ROWS(T) LATE_ROW(T, uint8_t) LATE_ROW(T, uint16_t) LATE_ROW(T, uint32_t)
LATE_ROWS(uint16_t)
LATE_ROWS(uint32_t)
LATE_ROWS(uint64_t)

#define LATE_SEND(T)                                                                                                \
  static inline void late_##T(struct rt_scatter *to, const struct rt_stream_row *row, uint32_t from, uint32_t n,    \
                              uint32_t past) {                                                                      \
    if (row->delay_bytes == 1) late_##T##_uint8_t(to, row, from, n, past);                                          \
    else if (row->delay_bytes == 2) late_##T##_uint16_t(to, row, from, n, past);                                    \
    else late_##T##_uint32_t(to, row, from, n, past);                                                               \
  }
LATE_SEND(uint16_t)
LATE_SEND(uint32_t)
LATE_SEND(uint64_t)
#undef LATE_ROW
#undef LATE_ROWS
#undef LATE_SEND

void rt_hot_stream_late(struct rt_scatter *to, const struct rt_stream_row *row, uint32_t bytes, uint32_t from,
                        uint32_t n_shards, uint32_t past) {
  if (bytes == sizeof(uint16_t)) late_uint16_t(to, row, from, n_shards, past);
  else if (bytes == sizeof(uint32_t)) late_uint32_t(to, row, from, n_shards, past);
  else late_uint64_t(to, row, from, n_shards, past);
}

#define GATHER_CELLS(name, INT)                                                                                      \
  void rt_hot_gather_cells_##name(INT *acc, const uint32_t *events, uint64_t n, int64_t grain) {                     \
    INT g = (INT)grain;                                                                                              \
    uint64_t i = 0;                                                                                                  \
    for (; i + 4 <= n; i += 4) {                                                                                     \
      acc[(uint16_t)events[i]] += (INT)((int32_t)events[i] >> 16) * g;                                               \
      acc[(uint16_t)events[i + 1]] += (INT)((int32_t)events[i + 1] >> 16) * g;                                       \
      acc[(uint16_t)events[i + 2]] += (INT)((int32_t)events[i + 2] >> 16) * g;                                       \
      acc[(uint16_t)events[i + 3]] += (INT)((int32_t)events[i + 3] >> 16) * g;                                       \
    }                                                                                                                \
    for (; i < n; i++) acc[(uint16_t)events[i]] += (INT)((int32_t)events[i] >> 16) * g;                              \
  }
GATHER_CELLS(i64, int64_t)
GATHER_CELLS(i32, int32_t)
#undef GATHER_CELLS

#endif

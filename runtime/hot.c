/* The loops that a run spends its time in, apart from the generated kernels: delivery of spikes, Poisson
 * input, and the connection rules' draws (hot_rows.h). Compiled to bitcode and, by codegen/, to machine code of every
 * x86 level; the same bits in each, since all arithmetic is on integers. Delivery is scalar (gather and
 * scatter lose) and prefetches PREFETCH events ahead, since latency, not bandwidth, bounds it. */
#ifdef RT_HOT_BITCODE
#define NSLM_VECTORS 1
#endif
#include "runtime/hot.h"

#include "math/math.h"
#include "runtime/hot_couple.h"
#include "runtime/hot_pack.h"
#include "runtime/hot_rows.h"
#include "runtime/hot_scatter.h"
#include "runtime/hot_stream.h"

enum { PREFETCH = 8, LINE = 64, LINES = 24 };

/* Its lines, the first four without a test. */
static inline void bucket_prefetch(const uint64_t *bucket, uint32_t units) {
  const char *at = (const char *)bucket, *last = (const char *)(bucket + units) - 1;
  __builtin_prefetch(at, 0, 3);
  __builtin_prefetch(at + LINE < last ? at + LINE : last, 0, 3);
  __builtin_prefetch(at + 2 * LINE < last ? at + 2 * LINE : last, 0, 3);
  __builtin_prefetch(at + 3 * LINE < last ? at + 3 * LINE : last, 0, 3);
  at += 4 * LINE;
  for (int i = 4; i < LINES && at < last + LINE; i++, at += LINE) __builtin_prefetch(at, 0, 3);
}

/* Events of a list were mostly taken from the free ones in a row, upwards or downwards: so the line after next is known. */
static inline uint32_t event_next(const struct rt_event *events, uint32_t i) {
  uint32_t next = events[i].next, stride = next - i;
  __builtin_prefetch((const char *)events + (uint64_t)(next + PREFETCH * stride) * sizeof *events, 0, 3);
  return next;
}

/* Hangs the event into the list of its next bucket, or frees it. */
static inline void event_go_on(struct rt_delivery *d, uint32_t *lists, uint32_t i, uint32_t units,
                               uint64_t header, uint64_t step) {
  struct rt_event *e = &d->events[i];
  uint32_t n = (uint32_t)header, *list = &d->free;
  if (n) {
    e->at += units;
    e->n = n;
    list = &lists[(step + (header >> 32)) & d->mask];
  }
  e->next = *list;
  *list = i;
}

#define WEIGHT_same(c, reach) ((reach)->units)
#define WEIGHT_real(c, reach) ((reach)->real)
#define WEIGHT_narrow(c, reach) ((c).weight)
#define WEIGHT_coarse(c, reach) ((c).weight * (reach)->units)
#define WEIGHT_middle(c, reach) ((c).weight)
#define WEIGHT_wide(c, reach) ((c).weight)

/* Adds one bucket. Of `real` cells all weights are equal: whatever the order, the bits are the same. */
#define ADD(id, cell, bits, sum)                                                                  \
  static inline void add_##id(const struct rt_reach *reach, const uint64_t *bucket, uint32_t n) { \
    const struct rt_cell_##cell *c = (const void *)(bucket + 1);                                  \
    sum *to = reach->to;                                                                          \
    uint32_t i = 0;                                                                               \
    for (uint32_t fours = RT_CELLS(bits, n) / 4 * 4; i < fours; i += 4) {                         \
      to[c[i].target] += (sum)WEIGHT_##cell(c[i], reach);                                         \
      to[c[i + 1].target] += (sum)WEIGHT_##cell(c[i + 1], reach);                                 \
      to[c[i + 2].target] += (sum)WEIGHT_##cell(c[i + 2], reach);                                 \
      to[c[i + 3].target] += (sum)WEIGHT_##cell(c[i + 3], reach);                                 \
    }                                                                                             \
    for (; i < n; i++) to[c[i].target] += (sum)WEIGHT_##cell(c[i], reach);                        \
  }

#define UNITS(cell, bits, n) (1 + (uint32_t)(((uint64_t)RT_CELLS(bits, n) * sizeof(struct rt_cell_##cell) + 7) / 8))

#define DELIVER(id, cell, bits)                                                        \
  void rt_hot_deliver_##id(struct rt_delivery *d, uint64_t step) {                     \
    const uint64_t *store = d->store;                                                  \
    struct rt_event *events = d->events;                                               \
    uint32_t *lists = d->lists[RT_FORM_##id], *list = &lists[step & d->mask];          \
    uint32_t i = *list, ahead = i;                                                     \
    uint64_t delivered = 0, read = 0;                                                  \
    *list = 0;                                                                         \
    for (int k = 0; k < PREFETCH && ahead; k++, ahead = events[ahead].next)            \
      bucket_prefetch(store + events[ahead].at, UNITS(cell, bits, events[ahead].n));   \
    while (i) {                                                                        \
      uint32_t next = events[i].next, n = events[i].n, units = UNITS(cell, bits, n);   \
      if (ahead) {                                                                     \
        bucket_prefetch(store + events[ahead].at, UNITS(cell, bits, events[ahead].n)); \
        ahead = event_next(events, ahead);                                             \
      }                                                                                \
      const uint64_t *bucket = store + events[i].at;                                   \
      delivered += n;                                                                  \
      read += units;                                                                   \
      add_##id(&d->reach[events[i].group], bucket, n);                                 \
      event_go_on(d, lists, i, units, bucket[0], step);                                \
      i = next;                                                                        \
    }                                                                                  \
    d->n_delivered += delivered;                                                       \
    d->n_read += read;                                                                 \
  }

#define FORM(id, cell, weight_bits, sum, behind, text) ADD(id, cell, weight_bits, sum) DELIVER(id, cell, weight_bits)
#include "runtime/forms.def"
#undef FORM

void rt_hot_turn(int64_t *sums, float *to, int64_t n, double unit) {
  for (int64_t i = 0; i < n; i++) {
    to[i] = (float)((double)sums[i] * unit);
    sums[i] = 0;
  }
}

#define POISSON(s, INT)                                                                                        \
  void rt_hot_poisson_##s(INT *acc, int64_t first, int64_t n, int64_t weight, uint64_t key, uint64_t step,     \
                          const NslmPoisson *table) {                                                          \
    nslm_poisson_add_##s(acc, first, n, weight, key, step, table);                                             \
  }
POISSON(i64, int64_t)
POISSON(i32, int32_t)

void rt_hot_poisson_each(int64_t *out, int64_t first, int64_t n, uint64_t key, uint64_t step, const double *means) {
  nslm_poisson_each_i64(out, first, n, key, step, means);
}

/* The loops that a run spends its time in, apart from the generated kernels: delivery of spikes, Poisson
 * input, and the connection rules' draws (hot_rows.h). Compiled to bitcode and, by codegen/, to machine code of every
 * x86 level; the same bits in each, since all arithmetic is on integers. Delivery is scalar (gather and
 * scatter lose) and prefetches PREFETCH events ahead, since latency, not bandwidth, bounds it. */
#include "runtime/hot.h"

#include "math/math.h"
#include "runtime/hot_rows.h"

enum { PREFETCH = 4, LINES = 24 };

static inline void bucket_prefetch(const uint64_t *bucket, uint32_t units) {
  const char *line = (const char *)((uintptr_t)bucket & ~(uintptr_t)63),
             *end = (const char *)(bucket + units);
  for (int i = 0; i < LINES && line < end; i++, line += 64) __builtin_prefetch(line, 0, 3);
}

static inline uint32_t units_const(uint32_t n) { return 1 + (n + 3) / 4; }
static inline uint32_t units_wide(uint32_t n) { return 1 + n; }

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

static inline void add_const(int64_t *acc, const uint16_t *t, uint32_t n, int64_t w) {
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    acc[t[i]] += w;
    acc[t[i + 1]] += w;
    acc[t[i + 2]] += w;
    acc[t[i + 3]] += w;
  }
  for (; i < n; i++) acc[t[i]] += w;
}

static inline void add_wide(int64_t *acc, const uint64_t *s, uint32_t n) {
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    acc[(uint16_t)s[i]] += (int64_t)s[i] >> 16;
    acc[(uint16_t)s[i + 1]] += (int64_t)s[i + 1] >> 16;
    acc[(uint16_t)s[i + 2]] += (int64_t)s[i + 2] >> 16;
    acc[(uint16_t)s[i + 3]] += (int64_t)s[i + 3] >> 16;
  }
  for (; i < n; i++) acc[(uint16_t)s[i]] += (int64_t)s[i] >> 16;
}

/* Equal numbers: whatever the order, the bits are the same. */
#define ADD_STRAIGHT(real, name)                                                     \
  static inline void name(const struct rt_straight *s, const uint16_t *t, uint32_t n) { \
    real *to = s->to, w = (real)s->weight;                                           \
    uint32_t i = 0;                                                                  \
    for (; i + 4 <= n; i += 4) {                                                     \
      to[t[i]] += w;                                                                 \
      to[t[i + 1]] += w;                                                             \
      to[t[i + 2]] += w;                                                             \
      to[t[i + 3]] += w;                                                             \
    }                                                                                \
    for (; i < n; i++) to[t[i]] += w;                                                \
  }
ADD_STRAIGHT(double, add_f64)
ADD_STRAIGHT(float, add_f32)

#define DELIVER(form, lists, units, ADD)                                   \
  void rt_hot_deliver_##form(struct rt_delivery *d, uint64_t step) {       \
    const uint64_t *store = d->store;                                      \
    struct rt_event *events = d->events;                                   \
    uint32_t *list = &d->lists[step & d->mask];                            \
    uint32_t i = *list, ahead = i;                                         \
    uint64_t delivered = 0, read = 0;                                      \
    *list = 0;                                                             \
    for (int k = 0; k < PREFETCH && ahead; k++, ahead = events[ahead].next) \
      bucket_prefetch(store + events[ahead].at, units(events[ahead].n));   \
    while (i) {                                                            \
      uint32_t next = events[i].next, n = events[i].n;                     \
      if (ahead) {                                                         \
        bucket_prefetch(store + events[ahead].at, units(events[ahead].n)); \
        ahead = events[ahead].next;                                        \
      }                                                                    \
      const uint64_t *bucket = store + events[i].at;                       \
      const uint16_t *targets = (const uint16_t *)(bucket + 1);            \
      (void)targets;                                                       \
      delivered += n;                                                      \
      read += units(n);                                                    \
      ADD;                                                                 \
      event_go_on(d, d->lists, i, units(n), bucket[0], step);              \
      i = next;                                                            \
    }                                                                      \
    d->n_delivered += delivered;                                           \
    d->n_read += read;                                                     \
  }
DELIVER(const, const_lists, units_const, add_const(d->acc, targets, n, d->weights[events[i].weight]))
DELIVER(wide, wide_lists, units_wide, add_wide(d->acc, bucket + 1, n))
DELIVER(straight_f64, straight_lists, units_const, add_f64(&d->straight[events[i].weight], targets, n))
DELIVER(straight_f32, straight_lists, units_const, add_f32(&d->straight[events[i].weight], targets, n))

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

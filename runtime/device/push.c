/* Spikes along their rows: a warp takes a piece of a row, its threads one synapse each, side by side in memory; each adds its weight
 * to its target's sum of the step at which it arrives. Rows are cut into pieces of equal length (collect), so a source with many
 * targets keeps many warps busy, and one with few only one. */
#include "runtime/device/args.h"
#include "runtime/device/dev.h"
#include "runtime/device/made.h"

static inline uint32_t delay_at(const struct dev_group *g, uint64_t i) {
  switch (g->delay_bytes) {
    case 1: return ((const uint8_t *)g->delays)[i];
    case 2: return ((const uint16_t *)g->delays)[i];
    case 4: return ((const uint32_t *)g->delays)[i];
    default: return g->delay;
  }
}

static inline int64_t units_at(const struct dev_group *g, uint64_t i) {
  switch (g->weight_bytes) {
    case 2: return ((const int16_t *)g->weights)[i] * g->units;
    case 4: return ((const int32_t *)g->weights)[i] * g->units;
    case 8: return ((const int64_t *)g->weights)[i] * g->units;
    default: return g->units;
  }
}

struct arrival {
  uint64_t at;
  int64_t units;
};

static inline struct arrival arrival_of(const struct dev_group *g, const struct dev_ring *r, uint64_t i, uint64_t step) {
  return (struct arrival){((step + delay_at(g, i)) & r->mask) * r->row + g->targets[i], units_at(g, i)};
}

static inline void arrival_add(const struct dev_ring *r, struct arrival x) {
  if (r->bytes == 8) dev_add_i64((int64_t *)r->at + x.at, x.units);
  else dev_add_i32((int32_t *)r->at + x.at, (int32_t)x.units);
}

/* A row that is made here and now. */
static void piece_make(const struct dev_group *g, const struct dev_ring *r, const struct dev_piece *piece, uint32_t lane, uint64_t step) {
  uint64_t row = ((step + g->delay) & r->mask) * r->row + g->made->sum, begin = g->begin[piece->source], n = g->begin[piece->source + 1] - begin;
  for (uint64_t i = piece->begin + lane; i < piece->begin + piece->n; i += DEV_WARP) {
    uint32_t target = made_target(g->made, piece->source, i, i - begin, n);
    if (target != DEV_NOBODY) arrival_add(r, (struct arrival){row + target, g->units});
  }
}

/* All loads of a thread first: a piece takes about as long as one of them. */
static void piece_send(const struct dev_args *a, const struct dev_piece *piece, uint32_t lane, uint64_t step) {
  const struct dev_group *g = &a->groups[piece->group];
  const struct dev_ring *r = &a->rings[g->ring];
  uint64_t i = piece->begin + lane;
  if (g->made) {
    piece_make(g, r, piece, lane, step);
    return;
  }
  if (piece->n == DEV_PIECE) {
    struct arrival x = arrival_of(g, r, i, step), y = arrival_of(g, r, i + DEV_WARP, step);
    struct arrival z = arrival_of(g, r, i + 2 * DEV_WARP, step), w = arrival_of(g, r, i + 3 * DEV_WARP, step);
    arrival_add(r, x);
    arrival_add(r, y);
    arrival_add(r, z);
    arrival_add(r, w);
    return;
  }
  for (; i < piece->begin + piece->n; i += DEV_WARP) arrival_add(r, arrival_of(g, r, i, step));
}

DEV_KERNEL(push) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  uint32_t n = *a->n_pieces, thread = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread();
  uint32_t warps = nsl_dev_blocks() * nsl_dev_block_size() / DEV_WARP;
  for (uint32_t i = thread / DEV_WARP; i < n; i += warps) piece_send(a, &a->pieces[i], thread % DEV_WARP, step);
}

/* Spikes along their rows: a warp takes a piece of a row, its threads one synapse each, side by side in memory; each adds its weight
 * to its target's sum of the step at which it arrives. Rows are cut into pieces of equal length (collect), so a source with many
 * targets keeps many warps busy, and one with few only one. */
#include "runtime/device/arrive.h"

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

static inline struct arrival arrival_of(const struct dev_group *g, const struct dev_ring *r, uint64_t i, uint64_t step) {
  return (struct arrival){((step + delay_at(g, i)) & r->mask) * r->row + g->targets[i], units_at(g, i)};
}

/* All loads of a thread first: a piece takes about as long as one of them. */
static void piece_send(const struct dev_args *a, const struct dev_piece *piece, uint32_t lane, uint64_t step) {
  const struct dev_group *g = &a->groups[piece->group];
  const struct dev_ring *r = &a->rings[g->ring];
  uint64_t i = piece->begin + lane;
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

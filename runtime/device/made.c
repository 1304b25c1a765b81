/* Spikes along rows that are made anew: a warp makes a piece of a row, its threads a synapse each. Compiled with each model, whose kernels
 * draw weights and delays (codegen/made.c); they become grains and steps as on the host: hot_rows.h, hot_pack.h. */
#include "runtime/device/arrive.h"
#include "runtime/device/made.h"

/* A number that is drawn, and what a synapse was given: by code of the model; by `rows`, for it. */
double nsl_dev_value(uint32_t kernel, const double *u, uint64_t key, double dt, uint64_t source, uint64_t ordinal, const void *rows, uint32_t target,
                     uint64_t position);
double nsl_dev_pair(const void *rows, uint32_t field, uint32_t source, uint32_t target, uint64_t position);

struct synapse {
  uint32_t source, target, ordinal; /* ordinal: in its row */
  uint64_t position;
};

/* As rt_hot_distances. */
static double distance(const struct dev_field *f, uint32_t source, uint32_t target) {
  double d[3];
#pragma clang loop unroll(full)
  for (int a = 0; a < 3; a++) {
    d[a] = f->to[a][target] - f->from[a][source];
    d[a] = d[a] < 0 ? -d[a] : d[a];
    d[a] = d[a] < f->around[a] - d[a] ? d[a] : f->around[a] - d[a];
  }
  return __builtin_sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

double nsl_dev_pair(const void *rows, uint32_t field, uint32_t source, uint32_t target, uint64_t position) {
  const struct dev_made *m = rows;
  const struct dev_field *f = &m->fields[field];
  switch ((enum nsl_field_kind)f->kind) {
    case NSL_FIELD_EDGE: return f->values[position];
    case NSL_FIELD_TABLE: return f->values[(uint64_t)(source - m->s0) * m->tn + (target - m->t0)];
    case NSL_FIELD_DISTANCE: return distance(f, source, target);
    case NSL_FIELD_PRE: return f->from[f->axis][source];
    case NSL_FIELD_POST: return f->to[f->axis][target];
  }
  return 0;
}

/* That it is one at all was seen when the network was built. */
static inline uint32_t steps_of(const struct dev_made *m, double delay) { return (uint32_t)(delay * m->stretch / m->dt + (0.5 + 1e-9)); }

static inline int64_t grains_of(const struct dev_made *m, double weight) {
  double clipped = weight < m->lo ? m->lo : weight > m->hi ? m->hi : weight, grains = clipped * m->per_grain + 0x1.8p52; /* the nearest, in the low bits */
  uint64_t bits;
  __builtin_memcpy(&bits, &grains, sizeof bits);
  return (int64_t)(bits << 16) >> 16;
}

/* One call for both: what it draws stands there once. */
static void synapse_send(const struct dev_group *g, const struct dev_ring *r, const struct synapse *x, uint64_t step) {
  const struct dev_made *m = g->made;
  int64_t units = g->units;
  uint32_t delay = g->delay;
#pragma clang loop unroll(disable)
  for (uint32_t k = 0; k < 2; k++) {
    uint32_t kernel = k ? m->delay : m->weight;
    if (kernel == NSL_NONE) continue;
    double value = nsl_dev_value(kernel, m->u, m->value_key, m->dt, x->source, x->ordinal, m, x->target, x->position);
    if (k) delay = steps_of(m, value);
    else units = grains_of(m, value) * g->units;
  }
  arrival_add(r, (struct arrival){((step + delay) & r->mask) * r->row + m->sum + x->target, units});
}

static void piece_make(const struct dev_group *g, const struct dev_ring *r, const struct dev_piece *piece, uint32_t lane, uint64_t step) {
  const struct dev_made *m = g->made;
  uint64_t begin = g->begin[piece->source];
  uint32_t n = (uint32_t)(g->begin[piece->source + 1] - begin), first = (uint32_t)(piece->begin - begin);
  uint32_t counted = m->ordinals ? m->ordinals[m->piece0[piece->source] + first / DEV_MADE_PIECE] : 0;
#pragma clang loop unroll(disable)
  for (uint32_t k = lane; k < piece->n + lane; k += DEV_WARP) { /* all threads come as often */
    struct synapse x = {piece->source, DEV_NOBODY, first + k, piece->begin + k};
    if (k < piece->n) x.target = made_target(m, x.source, x.position, x.ordinal, n);
    if (m->ordinals) {
      uint32_t there = nsl_dev_ballot(x.target != DEV_NOBODY);
      x.ordinal = counted + (uint32_t)__builtin_popcount(there & (((uint32_t)1 << lane) - 1));
      counted += (uint32_t)__builtin_popcount(there);
    }
    if (x.target != DEV_NOBODY) synapse_send(g, r, &x, step);
  }
}

DEV_KERNEL(push_made) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->now;
  uint32_t n = *a->n_pieces, thread = nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread();
  uint32_t warps = nsl_dev_blocks() * nsl_dev_block_size() / DEV_WARP;
  for (uint32_t i = thread / DEV_WARP; i < n; i += warps) {
    const struct dev_group *g = &a->groups[a->pieces[i].group];
    piece_make(g, &a->rings[g->ring], &a->pieces[i], thread % DEV_WARP, step);
  }
}

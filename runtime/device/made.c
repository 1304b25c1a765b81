/* Spikes along rows that are made anew: a warp makes a piece of a row, its threads a synapse each. Compiled
 * with each model, whose kernels draw weights and delays (codegen/made.c); they become grains and steps as on
 * the host: hot_rows.h, hot_pack.h. */
#include "runtime/device/arrive.h"
#include "runtime/device/events.h"
#include "runtime/device/made.h"

/* A number that is drawn, and what a synapse was given: by code of the model; by `rows`, for it. */
double nsl_dev_value(uint32_t kernel, const double *u, uint64_t key, double dt, uint64_t source,
                     uint64_t ordinal, const void *rows, uint32_t target, uint64_t position);
double nsl_dev_pair(const void *rows, uint32_t field, uint32_t source, uint32_t target, uint64_t position);

uint32_t nsl_dev_thirds(void); /* has the model third parts? */

/* ---- rows by the threads of a warp, one synapse each */

struct synapse {
  uint32_t source, target, ordinal; /* ordinal: in its row */
  uint64_t position;
};
struct numbers { /* of the next synapses, in the row of targets and in that of third parts */
  uint32_t next, third;
};

static inline struct numbers numbers_of(const struct dev_made *m, uint32_t source, uint32_t piece) {
  uint32_t at = m->ordinals || m->third_ordinals ? m->piece0[source] + piece : 0;
  return (struct numbers){m->ordinals ? m->ordinals[at] : 0,
                          nsl_dev_thirds() && m->third_ordinals ? m->third_ordinals[at] : 0};
}

static inline uint32_t number_of(uint32_t *next, int there, uint32_t lane) {
  uint32_t all = nsl_dev_ballot((uint32_t)there),
           mine = *next + (uint32_t)__builtin_popcount(all & (((uint32_t)1 << lane) - 1));
  *next += (uint32_t)__builtin_popcount(all);
  return mine;
}

/* All threads of a warp come here, with positions side by side; n: how long the row is. */
static inline struct synapse synapse_find(const struct dev_made *m, uint32_t source, uint64_t position,
                                          uint32_t at, uint32_t n, int there, uint32_t lane,
                                          struct numbers *numbers) {
  struct synapse x = {source, DEV_NOBODY, at, position};
  if (there) x.target = made_target(m, source, position, at, n);
  if (m->ordinals) x.ordinal = number_of(&numbers->next, x.target != DEV_NOBODY, lane);
  if (!nsl_dev_thirds() || !m->third) return x;
  if (x.target != DEV_NOBODY) x.target = third_cell(m->third, source, x.ordinal, x.target);
  if (m->third_ordinals) x.ordinal = number_of(&numbers->third, x.target != DEV_NOBODY, lane);
  return x;
}

/* ---- what is drawn for a synapse */

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
static inline uint32_t steps_of(const struct dev_made *m, double delay) {
  return (uint32_t)(delay * m->stretch / m->dt + (0.5 + 1e-9));
}

static inline double clipped(const struct dev_made *m, double weight) {
  return weight < m->lo ? m->lo : weight > m->hi ? m->hi : weight;
}

static inline double given_of(const struct dev_made *m, const struct synapse *x) {
  return m->given[m->given_begin[x->source - m->s0] + x->ordinal];
}

static inline int64_t grains_of(const struct dev_made *m, double weight) {
  double grains = weight * m->per_grain + 0x1.8p52; /* the nearest, in the low bits */
  uint64_t bits;
  __builtin_memcpy(&bits, &grains, sizeof bits);
  return (int64_t)(bits << 16) >> 16;
}

/* One call for both: what it draws stands there once. */
static void synapse_send(const struct dev_group *g, const struct dev_ring *r, const struct synapse *x,
                         uint64_t step) {
  const struct dev_made *m = g->made;
  int64_t units = g->units;
  uint32_t delay = g->delay;
#pragma clang loop unroll(disable)
  for (uint32_t k = 0; k < 2; k++) {
    uint32_t kernel = k ? m->delay : m->weight;
    if (kernel == NSL_NONE) continue;
    double value =
        nsl_dev_value(kernel, m->u, m->value_key, m->dt, x->source, x->ordinal, m, x->target, x->position);
    if (k) delay = steps_of(m, value);
    else units = grains_of(m, clipped(m, value)) * g->units;
  }
  if (m->given) units = grains_of(m, given_of(m, x)) * g->units;
  arrival_add(r, (struct arrival){((step + delay) & r->mask) * r->row + m->sum + x->target, units});
}

/* ---- onto sums */

static void piece_make(const struct dev_group *g, const struct dev_ring *r, const struct dev_piece *piece,
                       uint32_t lane, uint64_t step) {
  uint64_t begin = g->begin[piece->source];
  uint32_t n = (uint32_t)(g->begin[piece->source + 1] - begin), first = (uint32_t)(piece->begin - begin);
  struct numbers numbers = numbers_of(g->made, piece->source, first / DEV_MADE_PIECE);
#pragma clang loop unroll(disable)
  for (uint32_t k = lane; k < piece->n + lane; k += DEV_WARP) { /* all threads come as often */
    struct synapse x =
        synapse_find(g->made, piece->source, piece->begin + k, first + k, n, k < piece->n, lane, &numbers);
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

/* ---- onto handlers that do more than add: as in events.c, but of a row that is made those that have the delay */

static void synapse_due(const struct dev_args *a, const struct dev_apart *g, const struct synapse *x,
                        uint32_t delay) {
  const struct dev_made *m = g->made;
  double weight = g->weight;
#pragma clang loop unroll(disable)
  for (uint32_t k = 0; k < 2; k++) {
    uint32_t kernel = k ? m->weight : m->delay;
    if (kernel == NSL_NONE) continue;
    double value =
        nsl_dev_value(kernel, m->u, m->value_key, m->dt, x->source, x->ordinal, m, x->target, x->position);
    if (k) weight = clipped(m, value);
    else if (steps_of(m, value) != delay) return;
  }
  if (m->given) weight = given_of(m, x);
  node_add(a, g->list_at + x->target,
           (struct dev_node){.key = (uint64_t)g->rank << 32 | x->source,
                             .weight = weight,
                             .number = x->ordinal,
                             .count = 1,
                             .element = x->target});
}

static void row_due(const struct dev_args *a, const struct dev_apart *g, uint32_t source, uint32_t delay,
                    uint32_t lane) {
  uint64_t begin = g->begin[source];
  uint32_t n = (uint32_t)(g->begin[source + 1] - begin);
  struct numbers numbers = numbers_of(g->made, source, 0);
#pragma clang loop unroll(disable)
  for (uint32_t k = lane; k < n + lane; k += DEV_WARP) {
    struct synapse x = synapse_find(g->made, source, begin + k, k, n, k < n, lane, &numbers);
    if (x.target != DEV_NOBODY) synapse_due(a, g, &x, delay);
  }
}

DEV_KERNEL(due_made) {
  const struct dev_args *a = arguments;
  uint64_t step = a->clock->step,
           thread = (uint64_t)nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread();
  uint64_t warps = (uint64_t)nsl_dev_blocks() * nsl_dev_block_size() / DEV_WARP;
  uint32_t k = 0, lane = (uint32_t)(thread % DEV_WARP);
  for (uint64_t task = thread / DEV_WARP; task < a->n_tasks; task += warps) {
    while (k + 1 < a->n_aparts && task >= a->aparts[k + 1].task0) k++;
    const struct dev_apart *g = &a->aparts[k];
    uint32_t delay = g->least + (uint32_t)((task - g->task0) / g->words),
             word = (uint32_t)((task - g->task0) % g->words);
    if (delay >= step) continue; /* nobody spikes before the first step */
    const uint64_t *masks = a->masks + ((step - delay) & a->mask_mask) * a->mask_row + g->mask_at + word;
    for (uint32_t i = 0; i < g->within; i++)
      for (uint64_t mask = masks[(uint64_t)i * g->words]; mask; mask &= mask - 1) row_due(a, g, word * 64 + (uint32_t)__builtin_ctzll(mask), delay, lane);
  }
}

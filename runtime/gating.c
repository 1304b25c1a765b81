/* Continuous synapses with states of their own: a gating variable of each synapse, or a weight that moves.
 *
 * They lie with their targets, in the rows of the coupling (coupling_rows.c): by target, source, ordinal. In a step from T - dt to T every
 * synapse sees its two cells as they were shown at T - dt; its kernel of what flows gives what it streams over the step, from its
 * states of T - dt, and its step kernel then takes the states to T. So a synapse is to its cells what any element is to those it is coupled with.
 * Synapses are taken in runs of RT_STREAM_CHUNK; the inputs of a run are scratch. A row's sum is made in eight lanes by its order, and draws
 * are keyed by source and ordinal: bits are the same for any number of threads and ranks.
 *
 * Needs: rows; at the start, what cells show. Gives: sums of a step; states for records, the state hash and checkpoints. */
#include "runtime/gating.h"

#include <math.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/mix.h"
#include "runtime/plastic_lanes.h"
#include "runtime/shelf.h"

enum { ROOM = RT_STREAM_CHUNK + NSL_LANES };

static uint64_t padded(uint64_t n) { return (n + 2 * NSL_LANES - 1) / NSL_LANES * NSL_LANES; }

bool rt_any_gates(const struct rt_sim *s) {
  for (uint32_t i = 0; s->couplings && i < s->couplings->n; i++)
    if (s->couplings->all[i].gating) return true;
  return false;
}

/* ---- a coupling's */

static int derive(struct rt_sim *s, const struct rt_gating *g) {
  const struct nsl_code *code = &g->class->derive;
  if (code->kernel == NSL_NONE) return 0;
  void **none = rt_alloc(&s->mem, code->n_bindings + 1, sizeof *none);
  if (!none) return NSL_EMEMORY;
  struct nsl_env env = {.slots = none, .u = g->u, .count = 1, .dt = s->dt};
  rt_kernel(s, code)(&env);
  return 0;
}

int rt_gating_make(struct rt_sim *s, struct rt_coupling *c) {
  if (!c->def->link.cells) return 0;
  struct rt_gating *g = c->gating = rt_alloc(&s->mem, 1, sizeof *g);
  if (!g) return NSL_EMEMORY;
  const struct nsl_population *def = &s->x->synapses[c->def->link.cells - 1];
  g->class = &s->program->classes[def->class_index];
  g->u = s->G + def->block;
  g->key = nslm_key(s->seed, nslm_hash("synapse", 7, def->path_hash));
  g->seen = rt_alloc(&s->mem, c->def->n_sights + 1, sizeof *g->seen);
  return g->seen ? derive(s, g) : NSL_EMEMORY;
}

/* ---- an inflow's arrays */

static int arrays_make(struct rt_mem *mem, uint32_t n, uint64_t each, size_t size, void ***ret) {
  *ret = rt_alloc(mem, n + 1, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n; i++)
    if (!((*ret)[i] = rt_alloc(mem, each, size))) return NSL_EMEMORY;
  return 0;
}

static uint32_t most_bindings(const struct rt_coupling *c) {
  const struct nsl_class *class = c->gating->class;
  uint32_t most = class->step.n_bindings > class->init.n_bindings ? class->step.n_bindings : class->init.n_bindings;
  if (c->def->flow.n_bindings > most) most = c->def->flow.n_bindings;
  for (uint32_t i = 0; i < c->def->n_begins; i++)
    if (c->def->begins[i].code.n_bindings > most) most = c->def->begins[i].code.n_bindings;
  return most;
}

int rt_gates_alloc(struct rt_sim *s, struct rt_mem *mem, struct rt_inflow *f) {
  const struct nsl_class *class = f->coupling->gating->class;
  uint64_t n = f->start[f->n], room = padded(n);
  double bytes = (double)room * ((class->n_states + class->n_params) * (double)s->real_size + sizeof(double));
  if (bytes > 0.5 * (double)rt_memory_left())
    return rt_fail_at(NSL_EMEMORY, f->coupling->def->link.place, "%s: %.3g continuous synapses with states need %.3g GB",
                      f->coupling->def->link.path, (double)n, bytes / 1e9);
  struct rt_gates *g = f->gates = rt_alloc(mem, 1, sizeof *g);
  if (!g) return NSL_EMEMORY;
  g->n = n;
  int e = arrays_make(mem, class->n_states, room, s->real_size, &g->states);
  if (!e) e = arrays_make(mem, class->n_params, room, s->real_size, &g->params);
  if (!e) e = arrays_make(mem, class->n_inputs, ROOM, s->real_size, &g->inputs);
  g->out = rt_alloc(mem, ROOM, sizeof *g->out);
  g->flows = rt_alloc(mem, room, sizeof *g->flows);
  g->slots = rt_alloc(mem, most_bindings(f->coupling) + 1, sizeof *g->slots);
  return e ? e : g->out && g->flows && g->slots ? 0 : NSL_EMEMORY;
}

/* What a code's bindings mean for the synapses from `at` on. */
static void **slots_of(const struct rt_sim *s, const struct rt_gates *g, const struct nsl_code *code, uint64_t at) {
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    uint32_t kind = code->bindings[i].kind, k = code->bindings[i].index;
    g->slots[i] = kind == NSL_SLOT_STATE   ? (char *)g->states[k] + at * s->real_size
                  : kind == NSL_SLOT_PARAM ? (char *)g->params[k] + at * s->real_size
                  : kind == NSL_SLOT_INPUT ? g->inputs[k]
                  : kind == NSL_SLOT_OUT   ? (void *)g->out
                                           : NULL;
  }
  return g->slots;
}

/* ---- one source's synapses at the start: params and states that are drawn, by ordinal */

int rt_gates_row(struct rt_sim *s, const struct rt_coupling *c, struct rt_gate_row *r, uint32_t source, uint64_t n) {
  const struct rt_gating *g = c->gating;
  const struct nsl_class *class = g->class;
  if (r->of != c || padded(n) > r->room) {
    rt_mem_free(&r->mem);
    *r = (struct rt_gate_row){.of = c, .room = padded(n + n / 2)};
    int e = arrays_make(&r->mem, class->n_states, r->room, s->real_size, &r->gates.states);
    if (!e) e = arrays_make(&r->mem, class->n_params, r->room, s->real_size, &r->gates.params);
    if (e || !(r->gates.slots = rt_alloc(&r->mem, most_bindings(c) + 1, sizeof *r->gates.slots))) return NSL_EMEMORY;
  }
  if (class->init.kernel == NSL_NONE || !n) return 0;
  struct nsl_env env = {.slots = slots_of(s, &r->gates, &class->init, 0), .u = g->u, .key = g->key, .step = source, .dt = s->dt,
                        .count = (int64_t)((n + NSL_LANES - 1) / NSL_LANES * NSL_LANES)};
  rt_kernel(s, &class->init)(&env);
  return 0;
}

/* Its i-th synapse is the inflow's k-th. */
void rt_gates_put(const struct rt_sim *s, const struct rt_inflow *f, const struct rt_gate_row *r, uint64_t i, uint64_t k, double weight) {
  const struct nsl_class *class = f->coupling->gating->class;
  uint32_t at = f->coupling->def->link.weight_state;
  size_t size = s->real_size;
  for (uint32_t j = 0; j < class->n_states; j++) memcpy((char *)f->gates->states[j] + k * size, (char *)r->gates.states[j] + i * size, size);
  for (uint32_t j = 0; j < class->n_params; j++) memcpy((char *)f->gates->params[j] + k * size, (char *)r->gates.params[j] + i * size, size);
  if (at != NSL_NONE) rt_real_set(s, f->gates->states[at], k, weight);
}

/* ---- a run of synapses */

/* The cells as they were shown with this parity. Behind the last synapse stand copies of it: padding lanes do as it does. */
static void inputs_fill(const struct rt_sim *s, const struct rt_inflow *f, uint64_t at, uint32_t n, uint32_t target, uint32_t parity) {
  const struct nsl_coupling *def = f->coupling->def;
  for (uint32_t i = 0; i < def->n_sights; i++) {
    void *to = f->gates->inputs[def->sights[i].input];
    const double *now = f->coupling->gating->seen[i]->values.now[parity];
    uint32_t e = target;
    for (uint32_t k = 0; k < n; k++) {
      while (f->start[e + 1] <= at + k) e++;
      rt_real_set(s, to, k, now[def->sights[i].pre ? f->source[at + k] : f->first + e]);
    }
    for (uint32_t k = n; k < ROOM && k % NSL_LANES; k++) rt_real_set(s, to, k, rt_real(s, to, n - 1));
  }
}

static struct nsl_env env_of(const struct rt_sim *s, const struct rt_coupling *c, uint64_t step, uint32_t n) {
  return (struct nsl_env){.u = c->gating->u, .key = c->gating->key, .step = step, .t = (double)step * s->dt, .dt = s->dt,
                          .count = (int64_t)((n + NSL_LANES - 1) / NSL_LANES * NSL_LANES)};
}

static void bad_find(struct rt_shard *h, const struct rt_inflow *f, uint64_t at, uint32_t n, uint64_t step) {
  const struct rt_sim *s = h->sim;
  const struct nsl_class *class = f->coupling->gating->class;
  if (h->bad.drive && h->bad.step <= step) return; /* it was first */
  if (h->bad.inflow && h->bad.inflow->coupling->link.index <= f->coupling->link.index) return; /* the first is told of */
  for (uint64_t k = at; k < at + n; k++)
    for (uint32_t i = 0; i < class->n_states; i++) {
      if (isfinite(rt_real(s, f->gates->states[i], k))) continue;
      h->bad.inflow = f;
      h->bad.synapse = k;
      h->bad.state = i;
      h->bad.step = step;
      return;
    }
}

/* A weight that moves stays within its bounds. */
static void weights_clip(const struct rt_sim *s, const struct rt_inflow *f, uint64_t at, uint32_t n) {
  const struct rt_proj *p = &f->coupling->link;
  uint32_t w = f->coupling->def->link.weight_state;
  if (w == NSL_NONE || (isinf(p->lo) && isinf(p->hi))) return;
  for (uint64_t k = at; k < at + n; k++) {
    double v = rt_real(s, f->gates->states[w], k);
    if (isfinite(v) && (v < p->lo || v > p->hi)) rt_real_set(s, f->gates->states[w], k, v < p->lo ? p->lo : p->hi);
  }
}

void rt_gates_step(struct rt_shard *h, const struct rt_inflow *f, uint64_t step) {
  const struct rt_sim *s = h->sim;
  const struct rt_gates *g = f->gates;
  const struct nsl_code *flow = &f->coupling->def->flow, *move = &f->coupling->gating->class->step;
  uint32_t target = 0;
  for (uint64_t at = 0; at < g->n; at += RT_STREAM_CHUNK) {
    uint32_t n = g->n - at < RT_STREAM_CHUNK ? (uint32_t)(g->n - at) : RT_STREAM_CHUNK;
    while (f->start[target + 1] <= at) target++;
    inputs_fill(s, f, at, n, target, (step + 1) & 1);
    struct nsl_env env = env_of(s, f->coupling, step, n);
    env.slots = slots_of(s, g, flow, at);
    rt_kernel(s, flow)(&env);
    for (uint32_t k = 0; k < n; k++) g->flows[at + k] = rt_real(s, g->out, k);
    if (move->kernel == NSL_NONE) continue;
    env.slots = slots_of(s, g, move, at);
    if (rt_kernel(s, move)(&env)) bad_find(h, f, at, n, step);
    weights_clip(s, f, at, n);
  }
}

void rt_gates_sum(const struct rt_inflow *f, uint32_t from, uint32_t to, double *acc) {
  for (uint32_t e = from; e < to; e++) {
    double a[8] = {0};
    uint64_t begin = f->start[e - f->first], end = f->start[e - f->first + 1];
    for (uint64_t k = begin; k < end; k++) a[(k - begin) % 8] += f->gates->flows[k];
    acc[e - from] += ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
  }
}

/* ---- the start */

static int begin_check(const struct rt_sim *s, const struct rt_inflow *f) {
  const struct nsl_class *class = f->coupling->gating->class;
  for (uint32_t k = 0; k < class->n_states + class->n_params; k++) {
    bool param = k >= class->n_states;
    const void *array = param ? f->gates->params[k - class->n_states] : f->gates->states[k];
    for (uint64_t i = 0; i < f->gates->n; i++)
      if (!isfinite(rt_real(s, array, i)))
        return rt_fail_at(NSL_EINPUT, f->coupling->def->link.place, "%s: %s of a synapse begins as %s%s", f->coupling->def->link.path,
                          param ? class->params[k - class->n_states] : class->states[k].name, rt_not_finite(rt_real(s, array, i)),
                          param ? ": it lies outside of its domain" : "");
  }
  return 0;
}

static void begin(const struct rt_sim *s, const struct rt_inflow *f) {
  const struct nsl_coupling *def = f->coupling->def;
  const struct rt_gates *g = f->gates;
  for (uint64_t at = 0; at < g->n; at += RT_STREAM_CHUNK) {
    uint32_t n = g->n - at < RT_STREAM_CHUNK ? (uint32_t)(g->n - at) : RT_STREAM_CHUNK;
    inputs_fill(s, f, at, n, 0, 0);
    for (uint32_t i = 0; i < def->n_begins; i++) {
      struct nsl_env env = env_of(s, f->coupling, 0, n);
      env.slots = slots_of(s, g, &def->begins[i].code, at);
      rt_kernel(s, &def->begins[i].code)(&env);
      memcpy((char *)g->states[def->begins[i].state] + at * s->real_size, g->out, n * s->real_size);
    }
  }
  size_t size = s->real_size;
  const struct nsl_class *class = f->coupling->gating->class;
  for (uint32_t j = 0; g->n && j < class->n_states + class->n_params; j++) { /* padding is as the last one */
    char *array = j < class->n_states ? g->states[j] : g->params[j - class->n_states];
    for (uint64_t k = g->n; k % NSL_LANES; k++) memcpy(array + k * size, array + (g->n - 1) * size, size);
  }
}

/* Of all own synapses. */
typedef int each_fn(struct rt_sim *s, const struct rt_inflow *f, void *context);
static int gates_each(struct rt_sim *s, each_fn *fn, void *context) {
  const struct rt_couplings *all = s->couplings;
  int e = 0;
  for (uint32_t h = s->own0; all && !e && h < s->own1; h++)
    for (uint32_t i = 0; i < all->n_sinks[h]; i++)
      for (uint32_t k = 0; !e && k < all->sinks[h][i].n; k++)
        if (all->sinks[h][i].inflows[k].gates) e = fn(s, &all->sinks[h][i].inflows[k], context);
  return e;
}

static int begin_one(struct rt_sim *s, const struct rt_inflow *f, void *context) {
  (void)context;
  begin(s, f);
  return begin_check(s, f);
}

int rt_gates_begin(struct rt_sim *s) { return gates_each(s, begin_one, NULL); }

/* ---- what is looked at */

bool rt_gate_moves(const struct rt_coupling *c, uint32_t state) {
  const char *method = c->gating->class->states[state].method;
  return state != c->def->link.weight_state || (method && *method);
}

int rt_gate_walk_begin(struct rt_sim *s, struct rt_gate_walk *w, const struct rt_coupling *c) {
  *w = (struct rt_gate_walk){.of = c};
  w->next = rt_alloc(&w->mem, (uint64_t)c->n + 1, sizeof *w->next);
  return w->next ? 0 : NSL_EMEMORY;
}

double rt_gate_next(const struct rt_sim *s, struct rt_gate_walk *w, uint32_t state, uint32_t target) {
  const struct rt_couplings *all = s->couplings;
  for (uint32_t h = s->own0; h < s->own1; h++)
    for (uint32_t i = 0; i < all->n_sinks[h]; i++)
      for (uint32_t k = 0; k < all->sinks[h][i].n; k++) {
        const struct rt_inflow *f = &all->sinks[h][i].inflows[k];
        if (f->coupling != w->of || target < f->first || target - f->first >= f->n) continue;
        return rt_real(s, f->gates->states[state], f->start[target - f->first] + w->next[target - w->of->first]++);
      }
  return 0; /* another rank has it */
}

void rt_gate_walk_end(struct rt_gate_walk *w) { rt_mem_free(&w->mem); }

static int hash_one(struct rt_sim *s, const struct rt_inflow *f, void *context) {
  uint64_t *sum = context, bits;
  for (uint32_t e = 0; e < f->n; e++)
    for (uint64_t k = f->start[e]; k < f->start[e + 1]; k++) {
      uint64_t h = rt_mix(rt_mix(rt_mix(0x6761, f->coupling->link.index), f->first + e), k - f->start[e]);
      for (uint32_t j = 0; j < f->coupling->gating->class->n_states; j++) {
        bits = 0;
        memcpy(&bits, (char *)f->gates->states[j] + k * s->real_size, s->real_size);
        h = rt_mix(h, bits);
      }
      *sum += h;
    }
  return 0;
}

uint64_t rt_gates_hash(const struct rt_sim *s) {
  uint64_t sum = 0;
  gates_each((struct rt_sim *)s, hash_one, &sum);
  return sum;
}

/* ---- a checkpoint */

static void inflow_walk(struct rt_shelf *k, const struct rt_inflow *f) {
  const struct rt_gates *g = f->gates;
  uint64_t n = k->mine && g ? g->n : 0, real = k->s->real_size;
  memcpy(&n, rt_shelf_piece(k, "gated", f->coupling->link.index, &n, sizeof n), sizeof n);
  if (k->mine && n != (g ? g->n : 0)) rt_archive_odd(k->a, "continuous synapses with states");
  if (k->a->error && !k->a->writes) return;
  for (uint32_t i = 0; i < f->coupling->gating->class->n_states; i++) rt_shelf_whole(k, "gate", k->mine && g ? g->states[i] : NULL, n * real);
}

/* Of shards of others the sinks are known by the model alone: who has one is asked for each coupling and slice of its targets. */
static const struct rt_inflow *inflow_of(const struct rt_sim *s, uint32_t shard, const struct rt_coupling *c) {
  const struct rt_couplings *all = s->couplings;
  for (uint32_t i = 0; i < all->n_sinks[shard]; i++)
    for (uint32_t k = 0; k < all->sinks[shard][i].n; k++)
      if (all->sinks[shard][i].inflows[k].coupling == c) return &all->sinks[shard][i].inflows[k];
  return NULL;
}

void rt_gates_walk(struct rt_archive *a, struct rt_sim *s) {
  struct rt_shelf k;
  int e = rt_shelf_open(&k, a, s, rt_any_gates(s));
  for (uint32_t i = 0; !e && s->couplings && i < s->couplings->n; i++) {
    const struct rt_coupling *c = &s->couplings->all[i];
    for (uint32_t h = 0; c->gating && h < s->n_shards; h++) {
      if (!rt_slice_of(&s->shards[h], c->to)) continue;
      rt_shelf_at(&k, h);
      const struct rt_inflow *f = k.mine ? inflow_of(s, h, c) : NULL, none = {.coupling = c};
      inflow_walk(&k, f ? f : &none);
      if (a->error && !a->writes) break;
    }
  }
  rt_shelf_close(&k);
}

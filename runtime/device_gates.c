/* Continuous synapses with states on a device (gating.c): a thread for each. In a step `sights` gives them their cells as they were shown at
 * T - dt, their kernel of what flows runs, then their step; `couple` sums what flows, and keeps weights within their bounds. */
#include "runtime/gating.h"

#include <math.h>
#include <string.h>

#include "runtime/coupling.h"
#include "runtime/device.h"
#include "runtime/error.h"

static void *address(const struct rt_device *d, uint64_t at) { return at ? (void *)(uintptr_t)(d->block + at) : NULL; }
#define PUT(d, list, n) ((const void *)(uintptr_t)rt_image_put(d, list, (uint64_t)(n) * sizeof *(list)))

static const struct nsl_class *class_of(const struct dev_gate_place *g) { return g->inflow->coupling->gating->class; }

/* ---- plan */

/* Which element each synapse is onto. */
static int targets_plan(struct rt_device *d, struct dev_gate_place *g) {
  const struct rt_inflow *f = g->inflow;
  uint32_t *target = rt_alloc(&d->mem, g->n, sizeof *target);
  if (!target) return NSL_EMEMORY;
  for (uint32_t e = 0; e < f->n; e++)
    for (uint64_t k = f->start[e]; k < f->start[e + 1]; k++) target[k] = f->first + e;
  g->target = rt_device_keep(d, target, g->n * sizeof *target);
  return 0;
}

static int gate_plan(struct rt_device *d, const struct rt_inflow *f, struct dev_gate_place *g) {
  g->inflow = f;
  g->n = f->gates->n;
  g->count = (g->n + NSL_LANES - 1) / NSL_LANES * NSL_LANES;
  g->stride = g->count * d->s->real_size;
  const struct nsl_class *class = class_of(g);
  g->states = rt_device_reserve(d, DEV_USE_SYNAPSES, class->n_states * g->stride);
  g->inputs = rt_device_reserve(d, DEV_USE_SYNAPSES, class->n_inputs * g->stride);
  g->out = rt_device_reserve(d, DEV_USE_SYNAPSES, g->stride);
  if (!(g->params = rt_alloc(&d->mem, class->n_params + 1ull, sizeof *g->params))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < class->n_params; i++) g->params[i] = rt_device_keep(d, f->gates->params[i], g->stride);
  g->source = rt_device_keep(d, f->source, g->n * sizeof *f->source);
  return targets_plan(d, g);
}

typedef int each_fn(struct rt_device *d, const struct rt_inflow *f);

/* By coupling and shard: so the first thread of a launch that something happens to is the first to be told of. */
static int gates_each(struct rt_device *d, each_fn *fn) {
  const struct rt_couplings *c = d->s->couplings;
  int e = 0;
  for (uint32_t i = 0; i < c->n; i++)
    for (uint32_t h = 0; c->all[i].gating && h < d->s->n_shards; h++)
      for (uint32_t k = 0; k < c->n_sinks[h]; k++)
        for (uint32_t j = 0; !e && j < c->sinks[h][k].n; j++) {
          const struct rt_inflow *f = &c->sinks[h][k].inflows[j];
          if (f->coupling == &c->all[i] && f->gates && f->gates->n) e = fn(d, f);
        }
  return e;
}

static int gate_count(struct rt_device *d, const struct rt_inflow *f) {
  (void)f;
  d->n_gates++;
  return 0;
}

static int gate_add(struct rt_device *d, const struct rt_inflow *f) {
  uint32_t n = class_of(&(struct dev_gate_place){.inflow = f})->n_states;
  if (n > d->most_states) d->most_states = n;
  return gate_plan(d, f, &d->gates[d->n_gates++]);
}

int rt_device_gates_plan(struct rt_device *d) {
  int e = gates_each(d, gate_count);
  if (!(d->gates = rt_alloc(&d->mem, d->n_gates + 1ull, sizeof *d->gates))) return NSL_EMEMORY;
  d->n_gates = 0;
  return e ? e : gates_each(d, gate_add);
}

/* ---- launches: `pop` is the number of the gates */

int rt_device_gates_launches(struct rt_device *d, bool step, dev_late_fn *add) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_gates; i++) {
    const struct nsl_code *code = step ? &class_of(&d->gates[i])->step : &d->gates[i].inflow->coupling->def->flow;
    if (code->kernel != NSL_NONE) e = add(d, code, i, d->gates[i].out);
  }
  return e;
}

/* ---- tables */

static void *slot_at(const struct rt_device *d, const struct dev_gate_place *g, const struct nsl_binding *b) {
  return b->kind == NSL_SLOT_STATE   ? address(d, g->states + b->index * g->stride)
         : b->kind == NSL_SLOT_PARAM ? address(d, g->params[b->index])
         : b->kind == NSL_SLOT_INPUT ? address(d, g->inputs + b->index * g->stride)
         : b->kind == NSL_SLOT_OUT   ? address(d, g->out)
                                     : NULL; /* what is no array */
}

struct nsl_env rt_device_gate_env(struct rt_device *d, uint32_t number, const struct nsl_code *code) {
  const struct dev_gate_place *g = &d->gates[number];
  const struct rt_gating *of = g->inflow->coupling->gating;
  void **slots = rt_alloc(&d->mem, code->n_bindings + 1ull, sizeof *slots);
  d->image.failed |= !slots;
  for (uint32_t i = 0; slots && i < code->n_bindings; i++) slots[i] = slot_at(d, g, &code->bindings[i]);
  return (struct nsl_env){.u = address(d, d->globals_at + (uint64_t)(of->u - d->s->G) * sizeof *of->u), .key = of->key, .count = (int64_t)g->count,
                          .padding = g->count - g->n, .dt = d->s->dt, .slots = slots ? PUT(d, slots, code->n_bindings + 1) : NULL};
}

struct dev_watched rt_device_gate_watched(const struct rt_device *d, uint32_t number) {
  const struct dev_gate_place *g = &d->gates[number];
  return (struct dev_watched){address(d, g->states), g->stride, class_of(g)->n_states, 1};
}

static const struct dev_sight *sights_put(struct rt_device *d, const struct dev_gate_place *g, const struct dev_values *values) {
  const struct nsl_coupling *def = g->inflow->coupling->def;
  struct dev_sight *list = rt_alloc(&d->mem, def->n_sights + 1ull, sizeof *list);
  d->image.failed |= !list;
  for (uint32_t i = 0; list && i < def->n_sights; i++)
    list[i] = (struct dev_sight){.of = rt_device_values_of(d, values, &g->inflow->coupling->gating->seen[i]->values),
                                 .to = address(d, g->inputs + def->sights[i].input * g->stride), .pre = def->sights[i].pre};
  return list ? PUT(d, list, def->n_sights) : NULL;
}

static struct dev_gates gates_of(struct rt_device *d, const struct dev_gate_place *g, const struct dev_values *values) {
  const struct rt_proj *p = &g->inflow->coupling->link;
  uint32_t weight = g->inflow->coupling->def->link.weight_state;
  bool bounded = weight != NSL_NONE && !(isinf(p->lo) && isinf(p->hi));
  return (struct dev_gates){.sights = sights_put(d, g, values), .source = address(d, g->source), .target = address(d, g->target), .n = g->n, .count = g->count,
                            .n_sights = g->inflow->coupling->def->n_sights, .flows = address(d, g->out),
                            .weights = bounded ? address(d, g->states + weight * g->stride) : NULL, .lo = p->lo, .hi = p->hi};
}

void rt_image_gates(struct rt_device *d, struct dev_args *a, const struct dev_values *values) {
  struct dev_gates *list = rt_alloc(&d->mem, d->n_gates + 1ull, sizeof *list);
  uint32_t blocks = 0;
  for (uint32_t i = 0; list && i < d->n_gates; i++) {
    list[i] = gates_of(d, &d->gates[i], values);
    list[i].block0 = blocks;
    blocks += (uint32_t)((d->gates[i].count + d->threads - 1) / d->threads);
  }
  d->image.failed |= !list;
  d->gate_blocks = blocks;
  a->n_gates = d->n_gates;
  if (list) a->gates = PUT(d, list, d->n_gates);
}

const struct dev_gates *rt_device_gates_of(const struct rt_device *d, const struct dev_gates *list, const struct rt_inflow *f) {
  for (uint32_t i = 0; i < d->n_gates; i++)
    if (d->gates[i].inflow == f) return (const struct dev_gates *)(uintptr_t)((uint64_t)(uintptr_t)list + i * sizeof *list);
  return NULL;
}

/* ---- when a run begins and ends, and where states are looked at */

int rt_device_gates_move(struct rt_device *d, bool up) {
  int e = 0;
  for (uint32_t i = 0; i < d->n_gates; i++)
    for (uint32_t k = 0; !e && k < class_of(&d->gates[i])->n_states; k++)
      e = rt_device_move(d, up, d->gates[i].states + k * d->gates[i].stride, d->gates[i].inflow->gates->states[k], d->gates[i].stride, "synapses with states");
  return e;
}

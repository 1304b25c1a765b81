/* Populations with a step of their own (pace.c), on a device. Their kernels have clocks that count own steps: one for each of those that
 * end by a step of the run. Coarser ones: behind each step of the run a function lets what has arrived wait (`wait`), and gives it to the
 * population where an own step ends; their kernels are launched in every step, on no elements between. Finer ones: their kernels are
 * launched once for each own step, and `between` ends one and begins the next; what arrives is taken by the last of them, as inputs are what they
 * are over the whole step. */
#include <stddef.h>
#include <string.h>

#include "runtime/device.h"
#include "runtime/pace.h"

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

static int clocks_plan(struct rt_device *d, struct dev_pace *w) {
  w->clocks = rt_alloc(&d->mem, w->pop->within, sizeof *w->clocks);
  if (!w->clocks) return NSL_EMEMORY;
  for (uint32_t i = 0; i < w->pop->within; i++) {
    struct dev_own_clock *c = &w->clocks[i];
    c->at = rt_device_reserve(d, DEV_USE_TABLES, sizeof(struct dev_clock));
    if (!(c->counts = rt_alloc(&d->mem, w->pop->class->n_pasts + 2ull, sizeof *c->counts))) return NSL_EMEMORY;
  }
  return 0;
}

int rt_device_paces_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  int e = 0;
  if (!(d->paces = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *d->paces))) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    if (!rt_has_own_step(p) || p->class->step.kernel == NSL_NONE || !p->size) continue;
    struct dev_pace *w = &d->paces[d->n_paces++];
    *w = (struct dev_pace){.pop = p, .stride = p->padded * 8ull};
    e = clocks_plan(d, w);
    d->waits_at_all |= p->every > 1;
    if (p->within > d->most_within) d->most_within = p->within;
    if (p->within > 1) w->taken = rt_device_reserve(d, DEV_USE_STATES, w->stride);
    if (p->every == 1) continue;
    w->taken = rt_device_reserve(d, DEV_USE_STATES, p->class->n_ports * w->stride);
    w->means = rt_device_reserve(d, DEV_USE_STATES, p->class->n_inputs * w->stride);
  }
  return e;
}

struct dev_pace *rt_device_pace_of(const struct rt_device *d, const struct rt_pop *p) {
  for (uint32_t i = 0; i < d->n_paces; i++)
    if (d->paces[i].pop == p) return &d->paces[i];
  return NULL;
}

/* Other arrays than those of the run's steps. All ports of finer steps but the last take from one array of zeros. */
static void slots_set(struct rt_device *d, const struct dev_launch *l, const struct nsl_code *code, void **slots) {
  const struct dev_pace *w = l->pace;
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    const struct nsl_binding *b = &code->bindings[i];
    if (b->kind == NSL_SLOT_INPUT && w->means && l->kind == DEV_STEP) slots[i] = address(d, w->means + b->index * w->stride);
    if (b->kind == NSL_SLOT_PORT) slots[i] = address(d, w->taken + (w->means ? b->index * w->stride : 0));
  }
}

void rt_device_pace_env(struct rt_device *d, const struct dev_launch *l, const struct nsl_code *code, void **slots, struct nsl_env *env) {
  if (l->pace->pop->every == 1 && l->nth + 1 == l->pace->pop->within) return; /* as if there were no others */
  slots_set(d, l, code, slots);
  env->ring_mask = env->ring_row = 0;
}

const struct nsl_clock *rt_device_pace_launch(struct rt_device *d, const struct dev_launch *l, uint64_t envs) {
  struct dev_own_clock *c = &l->pace->clocks[l->nth];
  bool counted = l->pace->pop->every > 1 && l->kind != DEV_RECEIVE; /* those have as many as there are events */
  for (uint32_t i = 0; counted && i < l->n_entries; i++) c->counts[c->n_counts++] = envs + i * sizeof(struct nsl_env) + offsetof(struct nsl_env, count);
  return address(d, c->at);
}

void rt_device_paces_again(struct rt_device *d) {
  for (uint32_t i = 0; i < d->n_paces; i++)
    for (uint32_t k = 0; k < d->paces[i].pop->within; k++) d->paces[i].clocks[k].n_counts = 0;
}

uint64_t rt_image_waits(struct rt_device *d, const struct rt_pop *p) {
  const struct dev_pace *w = rt_device_pace_of(d, p);
  const struct dev_place *at = &d->places[p->index];
  const struct nsl_class *k = p->class;
  if (!w || p->every == 1) return 0;
  struct dev_waiting *ports = rt_alloc(&d->mem, k->n_ports + 1ull, sizeof *ports);
  struct dev_mean *inputs = rt_alloc(&d->mem, k->n_inputs + 1ull, sizeof *inputs);
  if (!ports || !inputs) {
    d->image.failed = true;
    return 0;
  }
  uint32_t n = 0;
  for (uint32_t q = 0; q < k->n_ports; q++) {
    bool longs = at->long_at[q] != NSL_NONE;
    if (at->sum_at[q] == NSL_NONE) continue;
    ports[n++] = (struct dev_waiting){.waiting = address(d, at->waiting + q * w->stride), .taken = address(d, w->taken + q * w->stride),
                                      .ring = longs ? DEV_LONG_SUMS : DEV_SUMS, .at = longs ? at->long_at[q] : at->sum_at[q],
                                      .unit = longs ? d->s->ports[p->port0 + q].unit : 0};
  }
  for (uint32_t i = 0; i < k->n_inputs; i++)
    inputs[i] = (struct dev_mean){address(d, at->inputs + i * at->real_stride), address(d, at->sums + i * w->stride), address(d, w->means + i * w->stride)};
  struct dev_waits to = {.n_ports = n, .n_inputs = k->n_inputs};
  to.ports = (const struct dev_waiting *)(uintptr_t)rt_image_put(d, ports, n * sizeof *ports);
  to.inputs = (const struct dev_mean *)(uintptr_t)rt_image_put(d, inputs, k->n_inputs * sizeof *inputs);
  return rt_image_put(d, &to, sizeof to);
}

/* ---- clocks */

uint32_t rt_device_pace_clocks(const struct rt_device *d) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->n_paces; i++) n += d->paces[i].pop->within * (d->paces[i].pop->class->n_pasts + 2);
  return n;
}

/* One for each count, and at least one. */
uint32_t rt_image_pace_clocks(const struct rt_device *d, struct dev_late_clock *list) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->n_paces; i++)
    for (uint32_t k = 0; k < d->paces[i].pop->within; k++) {
      const struct rt_pop *p = d->paces[i].pop;
      const struct dev_own_clock *c = &d->paces[i].clocks[k];
      for (uint32_t j = 0; j < c->n_counts || !j; j++)
        list[n++] = (struct dev_late_clock){.clock = address(d, c->at), .count = j < c->n_counts ? (int64_t *)(uintptr_t)c->counts[j] : NULL, .n = p->padded,
                                            .every = p->every, .within = p->within, .left = p->within - 1 - k};
    }
  return n;
}

static int clock_up(struct rt_device *d, const struct dev_pace *w, uint32_t nth) {
  const struct dev_own_clock *c = &w->clocks[nth];
  uint64_t step = d->s->step + 1;
  struct dev_clock *clock = rt_alloc(&d->pass, 1, sizeof *clock);
  int64_t *count = rt_alloc(&d->pass, 1, sizeof *count);
  if (!clock || !count) return NSL_EMEMORY;
  *clock = (struct dev_clock){rt_own_step(w->pop, step) - (w->pop->within - 1 - nth), step};
  *count = step % w->pop->every ? 0 : w->pop->padded;
  int e = rt_device_copy_to(d, c->at, clock, sizeof *clock, "a clock");
  for (uint32_t i = 0; !e && i < c->n_counts; i++) e = rt_device_copy_to(d, c->counts[i] - d->block, count, sizeof *count, "a clock");
  return e;
}

int rt_device_paces_up(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_paces; i++) {
    const struct dev_pace *w = &d->paces[i];
    for (uint32_t k = 0; !e && k < w->pop->within; k++) e = clock_up(d, w, k);
    if (!e && w->pop->within > 1) e = gpu_try(&d->gpu, cuMemsetD8Async, (d->block + w->taken, 0, w->stride, d->stream), "clearing");
  }
  return e;
}

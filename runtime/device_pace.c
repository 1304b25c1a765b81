/* Populations with one step of their own for several of the run (pace.c), on a device. Behind each step of the run a function lets what has
 * arrived wait (`wait`), and gives it to the population where an own step ends; their kernels are launched in every step, each with a
 * clock that counts own steps, on no elements between them. */
#include <stddef.h>

#include "runtime/device.h"
#include "runtime/pace.h"

static void *address(const struct rt_device *d, uint64_t at) { return (void *)(uintptr_t)(d->block + at); }

int rt_device_paces_plan(struct rt_device *d) {
  const struct rt_sim *s = d->s;
  if (!(d->paces = rt_alloc(&d->mem, s->n_pops + 1ull, sizeof *d->paces))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    if (p->every == 1 || p->class->step.kernel == NSL_NONE || !p->size) continue;
    struct dev_pace *w = &d->paces[d->n_paces++];
    *w = (struct dev_pace){.pop = p, .stride = p->padded * 8ull};
    w->clock = rt_device_reserve(d, DEV_USE_TABLES, sizeof(struct dev_clock));
    w->taken = rt_device_reserve(d, DEV_USE_STATES, p->class->n_ports * w->stride);
    w->means = rt_device_reserve(d, DEV_USE_STATES, p->class->n_inputs * w->stride);
  }
  return 0;
}

struct dev_pace *rt_device_pace_of(const struct rt_device *d, const struct rt_pop *p) {
  for (uint32_t i = 0; i < d->n_paces; i++)
    if (d->paces[i].pop == p) return &d->paces[i];
  return NULL;
}

/* Other arrays than those of the run's steps. */
void rt_device_pace_env(struct rt_device *d, struct dev_pace *w, const struct nsl_code *code, void **slots, struct nsl_env *env) {
  for (uint32_t i = 0; i < code->n_bindings; i++) {
    const struct nsl_binding *b = &code->bindings[i];
    if (b->kind == NSL_SLOT_INPUT) slots[i] = address(d, w->means + b->index * w->stride);
    if (b->kind == NSL_SLOT_PORT) slots[i] = address(d, w->taken + b->index * w->stride);
  }
  env->ring_mask = env->ring_row = 0;
}

uint64_t rt_image_waits(struct rt_device *d, const struct rt_pop *p) {
  const struct dev_pace *w = rt_device_pace_of(d, p);
  const struct dev_place *at = &d->places[p->index];
  const struct nsl_class *k = p->class;
  if (!w) return 0;
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

/* Its clock, for the kernel that lets all go on. */
struct dev_late_clock rt_device_pace_clock(const struct rt_device *d, uint32_t i) {
  const struct dev_pace *w = &d->paces[i];
  return (struct dev_late_clock){.clock = address(d, w->clock), .count = (int64_t *)(uintptr_t)w->count, .n = w->pop->padded, .every = w->pop->every};
}

int rt_device_paces_up(struct rt_device *d) {
  int e = 0;
  for (uint32_t i = 0; !e && i < d->n_paces; i++) {
    const struct dev_pace *w = &d->paces[i];
    uint64_t step = d->s->step + 1;
    struct dev_clock *clock = rt_alloc(&d->pass, 1, sizeof *clock);
    int64_t *count = rt_alloc(&d->pass, 1, sizeof *count);
    if (!clock || !count) return NSL_EMEMORY;
    clock->step = step / w->pop->every;
    *count = step % w->pop->every ? 0 : w->pop->padded;
    e = rt_device_copy_to(d, w->clock, clock, sizeof *clock, "a clock");
    if (!e) e = rt_device_copy_to(d, w->count - d->block, count, sizeof *count, "a clock");
  }
  return e;
}

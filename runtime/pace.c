/* Populations with a step of their own: several within a step of the run (within), or one for several (every).
 *
 * All that populations have to do with each other, with drives and records stays on the run's grid. Within its finer steps a
 * population sees inputs as they are over the whole step, and what arrives at T is taken by the last of them, which ends at T; its spikes
 * have the time T. Of a coarser step what arrives within it waits and is taken at its end, as sums of integers, so that no order matters;
 * an input is the mean over the steps of the run in it, so no charge is lost.
 *
 * What waits is state: it is hashed and kept in checkpoints. Kernels know nothing of all this: they are given other
 * arrays, and a dt and a number of the step which are the population's. */
#include "runtime/pace.h"

#include <string.h>

#include "runtime/lump.h"

int rt_pace_pop(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_class *k = p->class;
  if (p->every == 1) return 0;
  p->waiting = rt_alloc(&s->mem, k->n_ports, sizeof *p->waiting);
  p->sums = rt_alloc(&s->mem, k->n_inputs, sizeof *p->sums);
  p->means = rt_alloc(&s->mem, k->n_inputs, sizeof *p->means);
  if (!p->waiting || !p->sums || !p->means) return NSL_EMEMORY;
  for (uint32_t q = 0; q < k->n_ports; q++)
    if (!(p->waiting[q] = rt_alloc(&s->mem, p->padded, sizeof **p->waiting))) return NSL_EMEMORY;
  for (uint32_t i = 0; i < k->n_inputs; i++) {
    p->sums[i] = rt_alloc(&s->mem, p->padded, sizeof **p->sums);
    p->means[i] = rt_alloc(&s->mem, p->padded, s->real_size);
    if (!p->sums[i] || !p->means[i]) return NSL_EMEMORY;
  }
  return 0;
}

static void ports_find(struct rt_slice *c, const struct nsl_code *code, void **slots) {
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_PORT) c->ports_at[c->n_ports_at++] = (struct rt_flat){&slots[i], slots[i]};
}

int rt_pace_slice(struct rt_sim *s, struct rt_shard *h, struct rt_slice *c) {
  const struct rt_pop *p = c->pop;
  const struct nsl_code *step = rt_step_code(p), *finish = &p->class->finish;
  for (uint32_t i = 0; p->every > 1 && i < step->n_bindings; i++)
    if (step->bindings[i].kind == NSL_SLOT_INPUT) c->slots[i] = p->means[step->bindings[i].index];
  if (p->within == 1) return 0;
  uint32_t n = step->n_bindings + (c->finish ? finish->n_bindings : 0);
  c->ports_at = rt_alloc(&s->mem, n, sizeof *c->ports_at);
  if (!h->nothing) h->nothing = rt_alloc(&s->mem, h->n_elements, sizeof(uint64_t));
  if (!c->ports_at || !h->nothing) return NSL_EMEMORY;
  ports_find(c, step, c->slots);
  if (c->finish) ports_find(c, finish, c->finish_slots);
  c->nothing = (void *)((uintptr_t)h->nothing - (uintptr_t)c->first * s->real_size);
  return 0;
}

void rt_pace_wait(const struct rt_shard *h, const struct rt_slice *c) {
  const struct rt_pop *p = c->pop;
  for (uint32_t q = 0; q < p->class->n_ports; q++) {
    struct rt_acc acc = rt_acc(h, c, q);
    int64_t *waiting = p->waiting[q] + c->first;
    for (uint32_t i = 0; i < c->count; i++) waiting[i] += acc.narrow ? acc.narrow[i] : acc.wide[i];
    if (acc.narrow) memset(acc.narrow, 0, c->count * sizeof *acc.narrow);
    else memset(acc.wide, 0, c->count * sizeof *acc.wide);
  }
  for (uint32_t k = 0; k < p->class->n_inputs; k++) {
    double *sum = p->sums[k] + c->first;
    if (h->sim->program->f32)
      for (uint32_t i = 0; i < c->count; i++) sum[i] += (double)((const float *)p->inputs[k])[c->first + i];
    else
      for (uint32_t i = 0; i < c->count; i++) sum[i] += ((const double *)p->inputs[k])[c->first + i];
  }
}

void rt_pace_take(const struct rt_shard *h, const struct rt_slice *c) {
  const struct rt_pop *p = c->pop;
  for (uint32_t q = 0; q < p->class->n_ports; q++) {
    struct rt_acc acc = rt_acc(h, c, q);
    int64_t *waiting = p->waiting[q] + c->first;
    for (uint32_t i = 0; i < c->count; i++)
      if (acc.narrow) acc.narrow[i] = (int32_t)waiting[i];
      else acc.wide[i] = waiting[i];
    memset(waiting, 0, c->count * sizeof *waiting);
  }
  for (uint32_t k = 0; k < p->class->n_inputs; k++) {
    double *sum = p->sums[k] + c->first, n = (double)p->every;
    if (h->sim->program->f32)
      for (uint32_t i = 0; i < c->count; i++) ((float *)p->means[k])[c->first + i] = (float)(sum[i] / n);
    else
      for (uint32_t i = 0; i < c->count; i++) ((double *)p->means[k])[c->first + i] = sum[i] / n;
    memset(sum, 0, c->count * sizeof *sum);
  }
}

void rt_pace_idle(const struct rt_slice *c, bool idle) {
  for (uint32_t i = 0; i < c->n_ports_at; i++) *c->ports_at[i].slot = idle ? c->nothing : c->ports_at[i].array;
}

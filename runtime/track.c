/* The history of a network's run for reverse mode: before each step kernel runs, what it is going to read is copied, block by
 * block, when events and Poisson counts of the step are in the accumulators.
 *
 * Ports that the step does not take are those of derivatives of weights (autodiff/network.c): what arrives there is kept and
 * cleared. Each slice writes the elements that it owns, so threads do not meet. float64 programs alone. */
#include "runtime/track.h"

#include <string.h>

#include "runtime/carry.h"
#include "runtime/error.h"
#include "runtime/lump.h"

static struct rt_track_pop shape_of(const struct rt_pop *p) {
  const struct nsl_net_back *b = &p->class->back;
  struct rt_track_pop t = {.n_ports = p->class->n_ports, .n_inputs = p->class->n_inputs, .n_holds = p->class->n_holds};
  if (b->record.kernel == NSL_NONE) return (struct rt_track_pop){0};
  t.n_states = b->n_states - 2 - b->n_measures / 2;
  t.row = (uint64_t)(t.n_states + t.n_ports + t.n_inputs) * p->padded;
  t.mask_row = (uint64_t)(t.n_holds + 1) * p->words;
  return t;
}

double rt_track_bytes(const struct rt_sim *s) {
  double bytes = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    struct rt_track_pop t = shape_of(&s->pops[i]);
    bytes += 8.0 * (double)(t.row + t.mask_row);
  }
  return bytes;
}

int rt_track_make(struct rt_sim *s, uint64_t from, uint64_t to, double *room) {
  struct rt_track *t = rt_alloc(&s->mem, 1, sizeof *t);
  if (s->program->f32) return rt_fail(NSL_ECANNOT, "derivatives of a network need a float64 program: build it without --precision f32");
  if (s->by_source) return rt_fail(NSL_ECANNOT, "%s", rt_rows_wanted);
  if (t) t->pops = rt_alloc(&s->mem, s->n_pops + 1, sizeof *t->pops);
  if (!t || !t->pops) return NSL_EMEMORY;
  t->from = from;
  t->to = to;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    struct rt_track_pop *q = &t->pops[i];
    *q = shape_of(p);
    if (!q->row) continue;
    q->taken = rt_alloc(&s->mem, q->n_ports + 1, sizeof *q->taken);
    if (!q->taken) return NSL_EMEMORY;
    q->rows = room;
    q->masks = (uint64_t *)(room + q->row * (to - from));
    room += (q->row + q->mask_row) * (to - from);
    const struct nsl_code *code = rt_step_code(p);
    for (uint32_t k = 0; k < code->n_bindings; k++)
      if (code->bindings[k].kind == NSL_SLOT_PORT) q->taken[code->bindings[k].index] = true;
  }
  s->track = t;
  return 0;
}

static void port_take(struct rt_shard *h, const struct rt_slice *c, const struct rt_track_pop *q, uint32_t port, uint32_t first, uint32_t n,
                      double *to) {
  int64_t *from = rt_acc(h, c, port).wide + (first - c->first);
  double unit = h->sim->ports[c->pop->port0 + port].unit;
  for (uint32_t i = 0; to && i < n; i++) to[first + i] = (double)from[i] * unit;
  if (!q->taken[port]) memset(from, 0, n * sizeof *from);
}

void rt_track_take(struct rt_shard *h, const struct rt_slice *c, const struct nsl_env *env) {
  const struct rt_track *t = h->sim->track;
  const struct rt_pop *p = c->pop;
  const struct rt_track_pop *q = &t->pops[p->index];
  uint32_t first = (uint32_t)env->first, n = (uint32_t)env->count;
  if (!q->row) return;
  bool kept = env->step > t->from && env->step <= t->to;
  double *row = kept ? q->rows + (env->step - t->from - 1) * q->row : NULL;
  for (uint32_t i = 0; i < q->n_ports; i++)
    port_take(h, c, q, i, first, n, kept ? row + (uint64_t)(q->n_states + i) * p->padded : NULL);
  if (!kept) return;
  for (uint32_t i = 0; i < q->n_states; i++)
    memcpy(row + (uint64_t)i * p->padded + first, (const double *)p->states[i] + first, n * sizeof *row);
  for (uint32_t i = 0; i < q->n_inputs; i++)
    memcpy(row + (uint64_t)(q->n_states + q->n_ports + i) * p->padded + first, (const double *)p->inputs[i] + first, n * sizeof *row);
  uint64_t *mask = q->masks + (env->step - t->from - 1) * q->mask_row;
  for (uint32_t i = 0; i < q->n_holds; i++) memcpy(mask + (uint64_t)i * p->words + first / 64, p->held[i] + first / 64, n / 64 * sizeof *mask);
  if (p->prev) memcpy(mask + (uint64_t)q->n_holds * p->words + first / 64, p->prev + first / 64, n / 64 * sizeof *mask);
}

static const double *array_of(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint64_t quantity) {
  const struct rt_track_pop *q = &t->pops[p->index];
  return q->rows + (step - t->from - 1) * q->row + quantity * p->padded;
}

const double *rt_track_state(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t state) {
  return array_of(t, p, step, state);
}

const double *rt_track_port(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t port) {
  return array_of(t, p, step, (uint64_t)t->pops[p->index].n_states + port);
}

const double *rt_track_input(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t input) {
  const struct rt_track_pop *q = &t->pops[p->index];
  return array_of(t, p, step, (uint64_t)q->n_states + q->n_ports + input);
}

const uint64_t *rt_track_mask(const struct rt_track *t, const struct rt_pop *p, uint64_t step, uint32_t hold) {
  const struct rt_track_pop *q = &t->pops[p->index];
  return q->masks + (step - t->from - 1) * q->mask_row + (uint64_t)hold * p->words;
}

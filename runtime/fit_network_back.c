/* The way back through a network's run, step by step: adjoints of the cells' states by the kernels that the compiler has made
 * (autodiff/network_back.c), and along the synapses from targets to sources.
 *
 * The adjoint of a sum that arrives at a port at T + d goes to the sources of the spikes that would have arrived then, times the
 * weights: that of a cell's spike at T is the sum over its synapses of weight * adjoint at T + delay (transposed delivery). It is read
 * along the rows in which spikes find their targets, shard by shard, and only for cells that stand near their threshold at T:
 * elsewhere the spike's derivative is 0. Adjoints of arrivals are kept for as many steps as the longest delay.
 *
 * Free parameters get theirs from what follows them: weights (what their derivatives have brought at the same steps, on ports of
 * their own), driven inputs, uniforms, values at the start. A weight of a single synapse that is free gets, at each spike of its source at T,
 * the adjoint of what arrives at T + delay (fit_weights.h says who is connected). Sums are over elements in order: one thread goes back through one
 * run, so the bits are the same for any number of them. */
#include "runtime/fit_network_back.h"

#include <math.h>
#include <string.h>

#include "runtime/error.h"

/* ---- memory */

static double **arrays_new(struct rt_mem *mem, uint32_t n, uint64_t elements) {
  double **a = rt_alloc(mem, (uint64_t)n + 1, sizeof *a);
  for (uint32_t i = 0; a && i < n; i++)
    if (!(a[i] = rt_alloc(mem, elements + 8, sizeof **a))) return NULL;
  return a;
}

/* What it reads of a step's history is found there (step_restore). */
static void **slots_new(struct rt_mem *mem, const struct rt_adjoint_cells *c, const struct nsl_code *code, double *const *states) {
  void **slots = rt_alloc(mem, code->n_bindings + 1, sizeof *slots);
  for (uint32_t i = 0; slots && i < code->n_bindings; i++) {
    uint32_t at = code->bindings[i].index, kind = code->bindings[i].kind;
    if (kind == NSL_SLOT_STATE) slots[i] = states[at];
    if (kind == NSL_SLOT_PARAM) slots[i] = c->param[at];
    if (kind == NSL_SLOT_TAPE) slots[i] = c->tape[at];
    if (kind == NSL_SLOT_SAMPLE) slots[i] = &c->counts[at];
  }
  return slots;
}

static int cells_make(struct rt_mem *mem, const struct rt_pop *p, struct rt_adjoint_cells *c) {
  const struct nsl_net_back *def = &p->class->back;
  if (def->record.kernel == NSL_NONE) return 0;
  *c = (struct rt_adjoint_cells){.def = def, .n_sums = def->n_measures / 2, .n_states = def->n_states - 2 - def->n_measures / 2};
  c->adjoint = arrays_new(mem, def->n_states + def->n_active, p->padded);
  c->state = arrays_new(mem, def->n_states, p->padded);
  c->param = arrays_new(mem, def->n_params, p->padded);
  c->tape = arrays_new(mem, def->n_tape, p->padded);
  c->read = rt_alloc(mem, (uint64_t)def->n_params + 1, sizeof *c->read);
  if (!c->param || !c->read) return NSL_EMEMORY;
  for (uint32_t i = 0; i < def->n_params; i++) c->read[i] = c->param[i];
  c->counts = rt_alloc(mem, c->n_sums + 1, sizeof *c->counts);
  c->sums = rt_alloc(mem, c->n_sums + 1, sizeof *c->sums);
  c->by = rt_alloc(mem, def->n_by + 1, sizeof *c->by);
  if (!c->adjoint || !c->state || !c->param || !c->tape || !c->counts || !c->sums || !c->by) return NSL_EMEMORY;
  c->record = slots_new(mem, c, &def->record, c->state);
  c->back = slots_new(mem, c, &def->back, c->adjoint);
  return c->record && c->back ? 0 : NSL_EMEMORY;
}

/* ---- what is measured */

/* Each element's share of a measure has the adjoint slope / (elements * looks); of a rate over dt as well. */
static int measure_seed(const struct rt_sim *s, uint32_t measure, double slope, struct rt_adjoint_cells *c, const struct rt_pop *p) {
  const struct rt_measure *m = &s->measures[measure];
  uint64_t end = m->until < s->n_steps ? m->until : s->n_steps, at = RT_NO_STEP;
  bool rate = m->def->kind == NSL_MEASURE_RATE;
  if (m->def->argument != NSL_NONE) at = (uint64_t)rt_steps(s->G[m->def->argument], s->dt);
  if (at == 0) return rt_fail_at(NSL_ECANNOT, m->def->place, "%s: at time 0 there is no way back: take `gradient = forward`", m->def->text);
  double looks = at != RT_NO_STEP ? 1 : (double)(end - m->after);
  for (uint32_t k = 0; k < c->n_sums; k++) {
    if (c->def->measures[2 * k] != measure) continue;
    const struct nsl_slice *slice = &m->def->items[c->def->measures[2 * k + 1]].slice;
    uint32_t first, n;
    if (slice->pop != p->index) continue;
    int e = rt_slice_range((struct rt_sim *)(uintptr_t)s, slice, m->def->place, &first, &n);
    if (e) return e;
    c->sums[k] = (struct rt_counted){m->after, end, at};
    for (uint32_t i = first; i < first + n; i++)
      c->adjoint[c->n_states + 2 + k][i] = slope / (m->elements * looks * (rate ? s->dt : 1));
  }
  return 0;
}

/* ---- trained weights */

static struct rt_seat *seats_new(struct rt_mem *mem, const struct rt_sim *s, const struct rt_pop *p) {
  struct rt_seat *seats = rt_alloc(mem, p->padded, sizeof *seats);
  for (uint32_t i = 0; seats && i < p->n_parts; i++) {
    const struct rt_slice *c = &s->shards[p->parts[i].shard].slices[p->parts[i].slice];
    for (uint32_t e = 0; e < c->count; e++) seats[c->first + e] = (struct rt_seat){p->parts[i].shard, c->base + e};
  }
  return seats;
}

static int weights_make(struct rt_adjoint *a, const struct rt_sim *s, const struct rt_adjoint_of *of) {
  a->weights = rt_alloc(a->mem, (uint64_t)of->n_trained + 1, sizeof *a->weights);
  a->by_weights = rt_alloc(a->mem, (uint64_t)of->n_weights + 1, sizeof *a->by_weights);
  if (!a->weights || !a->by_weights) return NSL_EMEMORY;
  for (uint32_t i = 0; i < of->n_trained; i++) {
    const struct rt_trained *t = &of->trained[i];
    struct rt_adjoint_weights w = {t, t->n ? seats_new(a->mem, s, &s->pops[t->target]) : NULL, a->by_weights + (t->first - of->first)};
    if (!t->n) continue;
    if (!w.seats) return NSL_EMEMORY;
    a->weights[a->n_weights++] = w;
  }
  return 0;
}

int rt_adjoint_make(struct rt_mem *mem, const struct rt_sim *s, const struct rt_adjoint_of *of, double share, struct rt_adjoint **ret) {
  struct rt_adjoint *a = rt_alloc(mem, 1, sizeof *a);
  if (!a) return NSL_EMEMORY;
  *a = (struct rt_adjoint){.mem = mem, .n_pops = s->n_pops, .n_shards = s->n_shards, .mask = 1};
  while (a->mask < s->max_delay + 1) a->mask = 2 * a->mask + 1;
  a->cells = rt_alloc(mem, s->n_pops + 1, sizeof *a->cells);
  if (!a->cells) return NSL_EMEMORY;
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++) {
    const struct rt_pop *p = &s->pops[i];
    if (p->class->n_ports > a->n_ports) a->n_ports = p->class->n_ports;
    e = cells_make(mem, p, &a->cells[i]);
  }
  a->reached = rt_alloc(mem, a->n_ports + 1, sizeof *a->reached);
  a->due = rt_alloc(mem, s->n_shards + 1, sizeof *a->due);
  if (!e && (!a->reached || !a->due)) e = NSL_EMEMORY;
  for (uint32_t i = 0; !e && !s->device && i < s->n_shards; i++)
    if (!(a->due[i] = rt_alloc(mem, (uint64_t)a->n_ports * s->shards[i].n_elements * (a->mask + 1) + 1, sizeof **a->due))) e = NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    for (uint32_t k = 0; a->cells[i].def && k < a->cells[i].def->n_active; k++)
      if (a->cells[i].def->params[k].kind == NSL_BACK_PORT) a->reached[a->cells[i].def->params[k].index] = true;
  if (!e) e = weights_make(a, s, of);
  *ret = a;
  return e || !s->device ? e : rt_adjoint_device_make(a, s, share);
}

int rt_adjoint_seed(struct rt_adjoint *a, const struct rt_sim *s, uint32_t n, const uint32_t *measures, const double *slopes) {
  int e = 0;
  for (uint32_t i = 0; i < s->n_pops; i++)
    for (uint32_t k = 0; !e && a->cells[i].def && k < n; k++) e = measure_seed(s, measures[k], slopes[k], &a->cells[i], &s->pops[i]);
  return e;
}

void rt_adjoint_drop(struct rt_adjoint *a) {
  if (a) rt_adjoint_device_drop(a->device);
}

/* ---- transposed delivery */

static double *due_row(const struct rt_adjoint *a, const struct rt_shard *h, uint64_t step, uint32_t port) {
  return a->due[h->index] + ((step & a->mask) * a->n_ports + port) * h->n_elements;
}

/* Of a bucket's synapses, in units of their group. Four sums, whatever the processor; by name, so that they stay in registers. */
#define BUCKET_SUM(cell, TERM)                                                                             \
  static double cell##_sum(const struct rt_cell_##cell *cells, uint32_t n, const double *due) {            \
    double a = 0, b = 0, c = 0, d = 0;                                                                     \
    uint32_t i = 0;                                                                                        \
    for (; i + 4 <= n; i += 4) a += TERM(i), b += TERM(i + 1), c += TERM(i + 2), d += TERM(i + 3);         \
    for (; i < n; i++) a += TERM(i);                                                                       \
    return (a + b) + (c + d);                                                                              \
  }
#define ALONE(i) due[cells[i].target] /* one weight for all */
#define WEIGHED(i) (double)cells[i].weight *due[cells[i].target]
BUCKET_SUM(same, ALONE)
BUCKET_SUM(coarse, WEIGHED)
BUCKET_SUM(middle, WEIGHED)
BUCKET_SUM(wide, WEIGHED)

static double bucket_sum(const struct rt_group *g, const uint64_t *bucket, uint32_t n, const double *due) {
  const void *cells = bucket + 1;
  double sum = 0;
  if (g->form == RT_FORM_same64) return (double)g->units * same_sum(cells, n, due);
  if (g->form == RT_FORM_narrow64) return (double)g->units * coarse_sum(cells, n, due); /* of many a power of two */
  if (g->form == RT_FORM_middle64) return (double)g->units * middle_sum(cells, n, due);
  if (g->form == RT_FORM_wide64) return (double)g->units * wide_sum(cells, n, due);
  for (uint32_t i = 0; i < n; i++) {
    struct rt_synapse x = rt_synapse_at(g->form, bucket, i);
    sum += (double)(rt_forms[g->form].weight_bits ? x.grains * g->units : g->units) * due[x.element];
  }
  return sum;
}

static double row_sum(const struct rt_adjoint *a, const struct rt_shard *h, const struct rt_group *g, struct rt_row row, uint64_t step) {
  double sum = 0;
  uint64_t at = row.at;
  for (uint32_t n = row.n, delay = row.delay; n;) {
    const uint64_t *bucket = h->store + at;
    sum += bucket_sum(g, bucket, n, due_row(a, h, step + delay, g->nth));
    at += rt_bucket_units(g->form, n);
    n = (uint32_t)bucket[0];
    delay += (uint32_t)(bucket[0] >> 32);
  }
  return sum;
}

/* What the targets of a cell's spike at this step send back. */
static double sent_back(const struct rt_adjoint *a, const struct rt_sim *s, const struct rt_pop *p, uint32_t cell, uint64_t step) {
  double sum = 0;
  for (uint32_t k = 0; k < s->n_shards; k++) {
    const struct rt_shard *h = &s->shards[k];
    const struct rt_row *rows = h->rows + p->row0 + (uint64_t)cell * p->n_groups;
    for (uint32_t g = 0; g < p->n_groups; g++)
      if (rows[g].n && p->groups[g].form != RT_APART && a->reached[p->groups[g].nth]) sum += row_sum(a, h, &p->groups[g], rows[g], step);
  }
  return sum;
}

/* What each synapse of the cells that spike at this step has brought. */
static void weights_add(const struct rt_adjoint *a, const struct rt_sim *s, const struct rt_adjoint_weights *w, const double *spikes, uint64_t step) {
  const struct rt_trained *t = w->of;
  for (uint32_t i = 0; i < t->sn; i++) {
    double z = spikes[t->s0 + i];
    for (uint64_t k = t->begin[i]; z != 0 && k < t->begin[i + 1]; k++) {
      const struct rt_seat *seat = &w->seats[t->to[k]];
      w->by[k] += z * due_row(a, &s->shards[seat->shard], step + (t->delay ? t->delay[k] : t->delay_steps), t->port)[seat->at];
    }
  }
}

static void due_put(const struct rt_adjoint *a, const struct rt_sim *s, const struct rt_pop *p, uint64_t step, uint32_t port,
                    const double *adjoint) {
  double unit = s->ports[p->port0 + port].unit;
  for (uint32_t i = 0; i < p->n_parts; i++) {
    const struct rt_shard *h = &s->shards[p->parts[i].shard];
    const struct rt_slice *c = &h->slices[p->parts[i].slice];
    double *to = due_row(a, h, step, port) + c->base;
    for (uint32_t e = 0; e < c->count; e++) to[e] = c->first + e < p->size ? adjoint[c->first + e] * unit : 0;
  }
}

/* ---- a step */

static void mask_unpack(const uint64_t *mask, uint32_t n, double *to) {
  for (uint32_t i = 0; i < n; i++) to[i] = (double)(mask[i / 64] >> i % 64 & 1);
}

static void slots_point(const struct rt_adjoint_cells *c, const struct nsl_code *code, void **slots) {
  for (uint32_t i = 0; i < code->n_bindings; i++)
    if (code->bindings[i].kind == NSL_SLOT_PARAM) slots[i] = (void *)(uintptr_t)c->read[code->bindings[i].index];
}

/* What the step had before it. */
static void step_restore(const struct rt_adjoint_cells *c, const struct rt_sim *s, const struct rt_pop *p, uint64_t step) {
  const struct rt_track *t = s->track;
  uint64_t bytes = (uint64_t)p->padded * sizeof(double);
  for (uint32_t i = 0; i < c->n_states; i++) memcpy(c->state[i], rt_track_state(t, p, step, i), bytes);
  for (uint32_t i = 0; i < c->def->n_params; i++) {
    uint32_t at = c->def->params[i].index;
    switch ((enum nsl_back_kind)c->def->params[i].kind) {
      case NSL_BACK_UNIFORM: break; /* always the same */
      case NSL_BACK_PORT: c->read[i] = rt_track_port(t, p, step, at); break;
      case NSL_BACK_INPUT: c->read[i] = rt_track_input(t, p, step, at); break;
      case NSL_BACK_HELD: mask_unpack(rt_track_mask(t, p, step, at), p->padded, c->param[i]); break;
      case NSL_BACK_PREV: mask_unpack(rt_track_mask(t, p, step, p->class->n_holds), p->padded, c->param[i]); break;
      case NSL_BACK_PARAM: c->read[i] = p->params[at]; break;
    }
  }
  slots_point(c, &c->def->record, c->record);
  slots_point(c, &c->def->back, c->back);
  for (uint32_t k = 0; k < c->n_sums; k++) {
    const struct rt_counted *q = &c->sums[k];
    c->counts[k] = q->at != RT_NO_STEP ? step == q->at : step > q->after && step <= q->until;
  }
}

static void kernel_run(const struct rt_sim *s, const struct rt_pop *p, const struct nsl_code *code, void **slots, uint64_t step) {
  struct nsl_env env = {.slots = slots, .u = p->u, .step = step, .steps = 1, .count = p->padded, .t = (double)step * s->dt, .dt = s->dt};
  rt_kernel(s, code)(&env);
}

/* What arrives at ports, and inputs, begin anew with each step; other parameters' adjoints are sums over all. */
static bool of_step(const struct rt_adjoint_cells *c, uint32_t param) {
  return c->def->params[param].kind == NSL_BACK_PORT || c->def->params[param].kind == NSL_BACK_INPUT;
}

static double product_sum(const double *x, const double *y, uint32_t n) {
  double a = 0, b = 0, c = 0, d = 0;
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    a += x[i] * y[i];
    b += x[i + 1] * y[i + 1];
    c += x[i + 2] * y[i + 2];
    d += x[i + 3] * y[i + 3];
  }
  for (; i < n; i++) a += x[i] * y[i];
  return (a + b) + (c + d);
}

static void params_add(const struct rt_adjoint_cells *c, const struct rt_sim *s, const struct rt_pop *p, uint64_t step, uint32_t n_free) {
  for (uint32_t i = 0; i < c->def->n_active; i++)
    for (uint32_t k = 0; of_step(c, i) && k < n_free; k++) {
      uint32_t at = c->def->by[(uint64_t)i * n_free + k];
      if (at == NSL_NONE) continue;
      bool port = c->def->params[i].kind == NSL_BACK_PORT;
      const double *d = port ? rt_track_port(s->track, p, step, at) : rt_track_input(s->track, p, step, at);
      const double *adjoint = c->adjoint[c->def->n_states + i];
      c->by[(uint64_t)i * n_free + k] += product_sum(adjoint, d, p->size);
    }
}

static void cells_back(struct rt_adjoint *a, const struct rt_sim *s, const struct rt_pop *p, uint64_t step) {
  struct rt_adjoint_cells *c = &a->cells[p->index];
  const struct nsl_net_back *def = c->def;
  step_restore(c, s, p, step);
  kernel_run(s, p, &def->record, c->record, step);
  const double *slope = c->state[c->n_states + 1];
  double *spike = c->adjoint[c->n_states];
  for (uint32_t e = 0; e < p->size; e++) spike[e] = slope[e] != 0 ? sent_back(a, s, p, e, step) : 0; /* NaN goes on its way */
  for (uint32_t i = 0; i < a->n_weights; i++)
    if (a->weights[i].of->source == p->index) weights_add(a, s, &a->weights[i], c->state[c->n_states], step);
  for (uint32_t i = 0; i < def->n_active; i++)
    if (of_step(c, i)) memset(c->adjoint[def->n_states + i], 0, (uint64_t)p->padded * sizeof(double));
  kernel_run(s, p, &def->back, c->back, step);
  if (def->n_active) params_add(c, s, p, step, def->n_by / def->n_active);
}

static void uniforms_put(const struct rt_adjoint_cells *c, const struct rt_pop *p) {
  for (uint32_t i = 0; c->def && i < c->def->n_params; i++)
    for (uint32_t e = 0; c->def->params[i].kind == NSL_BACK_UNIFORM && e < p->padded; e++) c->param[i][e] = p->u[c->def->params[i].index];
}

int rt_adjoint_back(struct rt_adjoint *a, const struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++) uniforms_put(&a->cells[i], &s->pops[i]);
  if (a->device) return rt_adjoint_device_back(a, s);
  for (uint64_t step = s->track->to; step > s->track->from; step--) {
    if (s->interrupt && *s->interrupt) return rt_fail(NSL_ESTOPPED, "stopped");
    for (uint32_t i = 0; i < s->n_pops; i++)
      if (a->cells[i].def) cells_back(a, s, &s->pops[i], step);
    for (uint32_t i = 0; i < s->n_pops; i++)
      for (uint32_t k = 0; a->cells[i].def && k < a->cells[i].def->n_active; k++)
        if (a->cells[i].def->params[k].kind == NSL_BACK_PORT)
          due_put(a, s, &s->pops[i], step, a->cells[i].def->params[k].index, a->cells[i].adjoint[a->cells[i].def->n_states + k]);
  }
  return 0;
}

/* ---- the begin */

static double over_elements(const struct rt_pop *p, const double *x, const double *y) {
  double sum = 0;
  for (uint32_t e = 0; e < p->size; e++) sum += x[e] * (y ? y[e] : 1);
  return sum;
}

static const double *weights_end(const struct rt_adjoint *a, const struct rt_sim *s) {
  for (uint32_t i = 0; i < a->n_weights; i++) {
    const struct rt_trained *t = a->weights[i].of;
    double unit = s->ports[s->pops[t->target].port0 + t->port].unit; /* a power of two */
    for (uint64_t k = 0; k < t->n; k++) a->weights[i].by[k] /= unit;
  }
  return a->by_weights;
}

const double *rt_adjoint_end(const struct rt_adjoint *a, const struct rt_sim *s, uint32_t n_free, double *ret) {
  memset(ret, 0, n_free * sizeof *ret);
  for (uint32_t q = 0; q < s->n_pops; q++) {
    const struct rt_pop *p = &s->pops[q];
    const struct rt_adjoint_cells *c = &a->cells[q];
    if (!c->def) continue;
    for (uint32_t i = 0; i < c->def->n_active; i++) {
      double uniform = of_step(c, i) ? 0 : over_elements(p, c->adjoint[c->def->n_states + i], NULL);
      for (uint32_t k = 0; k < n_free; k++) {
        uint32_t at = c->def->by[(uint64_t)i * n_free + k];
        if (at != NSL_NONE) ret[k] += of_step(c, i) ? c->by[(uint64_t)i * n_free + k] : uniform * p->u[at];
      }
    }
    for (uint32_t i = 0; i < c->n_states; i++)
      for (uint32_t k = 0; k < n_free; k++) {
        uint32_t at = c->def->begin[(uint64_t)i * n_free + k];
        if (at != NSL_NONE) ret[k] += over_elements(p, c->adjoint[i], p->states[at]);
      }
  }
  return weights_end(a, s);
}

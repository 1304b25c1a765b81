/* A stage's objective in 113-bit arithmetic, by the reference evaluator: central differences by each
 * parameter, and forward mode.
 *
 * A difference of 10^-12 of a parameter leaves 10^-22 of rounding and 10^-24 of curvature, so what a program
 * deviates by is its own. All places p +- h run side by side as lanes, step by step. The Gauss-Newton
 * diagonal needs d root / dp of each step: with s = weight * root^2, what a step adds to a term's sum, weight
 * * (d root / dp)^2 = (ds / dp)^2 / (4 s), whatever the root's sign.
 *
 * Second differences, of 10^-8 in both ways, leave 10^-16 of either. */
#include <math.h>
#include <string.h>

#include "tools/grad.h"

static const Quad STEP = 1e-12Q, SECOND = 1e-8Q;

typedef struct {
  const GradFit *g;
  const struct rt_march *m;
  const IrMarchForm *form;
  uint64_t n_samples, n_steps;
  int64_t lanes;
  Quad *states, *params, *rings, *samples, *u;
  void **slots;
  int64_t *lags;        /* [lag][lane] */
  const int64_t **lag_at; /* by slot */
} Walk;

static Quad *quads(Arena *a, uint64_t n) {
  char *at = NEW_ARRAY(a, char, (n + 2) * sizeof(Quad));
  return (Quad *)(void *)(at + (-(uintptr_t)at & (sizeof(Quad) - 1)));
}

static Quad *quads_of(Arena *a, const double *from, uint64_t n) {
  Quad *q = quads(a, n);
  for (uint64_t i = 0; i < n; i++) q[i] = from[i];
  return q;
}

/* ---- a march over a sweep */

static Walk walk_new(const GradFit *g, Arena *a, uint32_t march, const IrMarchForm *form, uint32_t trace,
                     int64_t lanes) {
  const struct rt_march *m = &g->fit->marches[march];
  Walk w = {.g = g,
            .m = m,
            .form = form,
            .n_samples = m->def->n_samples,
            .n_steps = g->fit->traces[trace].n_steps,
            .lanes = lanes};
  w.states = quads(a, form->n_states * (uint64_t)lanes);
  w.rings = quads(a, form->n_rings * (m->ring_mask + 1) * (uint64_t)lanes);
  w.params = quads(a, g->ir->free.n * (uint64_t)lanes);
  w.samples = quads(a, w.n_samples * w.n_steps);
  for (uint64_t i = 0; i < w.n_samples; i++)
    for (uint64_t k = 0; k < w.n_steps; k++) w.samples[i * w.n_steps + k] = m->sweeps[trace].samples[i][k];
  uint32_t begin = form->begin ? form->begin->slots.n : 0,
           slots = form->march->slots.n > begin ? form->march->slots.n : begin;
  w.slots = NEW_ARRAY(a, void *, slots + 1);
  w.lag_at = NEW_ARRAY(a, const int64_t *, slots + 1);
  w.lags = NEW_ARRAY(a, int64_t, m->def->n_lags * (uint64_t)lanes + 1);
  w.u = quads_of(a, m->u, g->fit->s->program->classes[m->def->class_index].n_uniforms);
  return w;
}

static void walk_call(const Walk *w, const IrKernel *k, uint64_t step) {
  double dt = w->g->fit->s->dt;
  if (!k) return;
  void **slots = w->slots;
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    uint64_t at = slot->index, lanes = (uint64_t)w->lanes;
    slots[i] = NULL;
    w->lag_at[i] = slot->lag ? w->lags + (slot->lag - 1) * lanes : NULL;
    if (slot->kind == SLOT_STATE) slots[i] = w->states + at * lanes;
    if (slot->kind == SLOT_PARAM) slots[i] = w->params + at * lanes;
    if (slot->kind == SLOT_RING) slots[i] = w->rings + at * (w->m->ring_mask + 1) * lanes;
    if (slot->kind == SLOT_SAMPLE) slots[i] = w->samples + at * w->n_steps + (step ? step - 1 : 0);
  }
  IrEnv env = {.slots = slots,
               .u = (double *)(void *)w->u,
               .step = step,
               .steps = 1,
               .count = w->lanes,
               .t = (double)step * dt,
               .dt = dt,
               .lag = w->m->lag,
               .ring_mask = w->m->ring_mask,
               .ring_row = (uint64_t)w->lanes,
               .lags = w->lag_at};
  w->g->backend->ir_eval_quad(k, &env);
}

/* As rt_lags_set does. */
static void walk_begin(const Walk *w, const IrKernel *k) {
  walk_call(w, k, 0);
  for (uint32_t i = 0; i < w->m->def->n_lags; i++)
    for (int64_t lane = 0; lane < w->lanes; lane++) {
      const struct nsl_lag *lag = &w->m->def->lags[i];
      Quad steps = w->states[lag->delay * w->lanes + lane] / (Quad)w->g->fit->s->dt;
      double whole = rt_lag_steps((double)steps, w->m->ring_mask);
      w->states[lag->steps * w->lanes + lane] = whole;
      w->lags[i * w->lanes + lane] = (int64_t)whole;
    }
}

static Quad *state(const Walk *w, uint32_t at) {
  return w->states + (uint64_t)at * (uint64_t)w->lanes;
}

/* ---- sums of a stage: by term, by lane */

typedef struct {
  uint32_t n_terms;
  int64_t lanes;
  Quad *offsets;  /* [lane][parameter]: what the lane's place is beside the place */
  Quad *sums;     /* [term][lane]; of p +- h: lanes 2i and 2i + 1 of parameter i */
  Quad *products; /* [term][parameter]: of the root's derivatives; NULL: not asked for */
  Quad *centre;   /* [term]: at the place itself, */
  Quad *slopes;   /* [term][parameter]: by forward mode */
} Sums;

static Quad step_of(const double *sizes, uint32_t i) {
  return STEP * sizes[i];
}

static void params_set(const Walk *w, uint32_t sweep, const double *values, const Quad *offsets) {
  const struct rt_space *space = &w->g->fit->space;
  for (uint32_t k = 0; k < space->n_free; k++)
    for (int64_t lane = 0; lane < w->lanes; lane++) {
      uint32_t at = space->of[k * space->n_sweeps + sweep];
      Quad *p = &w->params[(int64_t)k * w->lanes + lane];
      *p = values[at];
      if (offsets) *p += offsets[lane * (int64_t)w->g->n + at];
    }
}

/* What the step has added to the term's sum, which was `before`. */
static void step_take(const Walk *w, const IrTerm *t, const double *sizes, Quad *before, Quad *products) {
  const Quad *sum = state(w, t->sum);
  for (int64_t i = 0; products && i < w->lanes / 2; i++) {
    Quad up = sum[2 * i] - before[2 * i], down = sum[2 * i + 1] - before[2 * i + 1];
    Quad slope = (up - down) / (2 * step_of(sizes, (uint32_t)i));
    if (up + down != 0) products[i] += slope * slope / (2 * (up + down));
  }
  for (int64_t i = 0; i < w->lanes; i++) before[i] = sum[i];
}

static void march_differences(const GradFit *g, uint32_t march, uint32_t sweep, const double *values,
                              const double *sizes, uint32_t first, Sums *s) {
  Arena *a = arena_new();
  const IrMarch *m = g->ir->marches.at[march];
  Walk w = walk_new(g, a, march, &m->plain, g->fit->fitted[sweep], s->lanes);
  params_set(&w, sweep, values, s->offsets);
  Quad *before = quads(a, m->terms.n * (uint64_t)s->lanes);
  walk_begin(&w, m->plain.begin);
  for (uint64_t step = 1; step <= w.n_steps; step++) {
    walk_call(&w, m->plain.march, step);
    for (uint32_t t = 0; t < m->terms.n; t++)
      step_take(&w, &m->terms.at[t], sizes, before + t * s->lanes,
                s->products ? s->products + (uint64_t)(first + t) * g->n : NULL);
  }
  for (int64_t i = 0; i < m->terms.n * s->lanes; i++) s->sums[first * s->lanes + i] += before[i];
  arena_free(a);
}

/* NULL: nothing asks for forward mode in this march. */
static const IrMarchForm *forward_of(const IrMarch *m) {
  return m->gradient.march ? &m->gradient : m->curvature.march ? &m->curvature : NULL;
}

static void march_forward(const GradFit *g, uint32_t march, uint32_t sweep, const double *values,
                          uint32_t first, Sums *s) {
  Arena *a = arena_new();
  const IrMarch *m = g->all->marches.at[march];
  const struct rt_space *space = &g->fit->space;
  const IrMarchForm *form = forward_of(m) ? forward_of(m) : &m->plain;
  Walk w = walk_new(g, a, march, form, g->fit->fitted[sweep], 1);
  params_set(&w, sweep, values, NULL);
  walk_begin(&w, form->begin);
  for (uint64_t step = 1; step <= w.n_steps; step++) walk_call(&w, form->march, step);
  for (uint32_t t = 0; t < m->terms.n; t++) {
    s->centre[first + t] += *state(&w, m->terms.at[t].sum);
    for (uint32_t k = 0; forward_of(m) && k < space->n_free; k++)
      s->slopes[(uint64_t)(first + t) * g->n + space->of[k * space->n_sweeps + sweep]] +=
          *state(&w, m->terms.at[t].gradient + k);
  }
  arena_free(a);
}

/* ---- the objective of the terms' means */

static Quad objective(const GradFit *g, const IrStage *stage, const Quad *means) {
  Arena *a = arena_new();
  const struct rt_sim *s = g->fit->s;
  Quad *G = quads_of(a, s->G, s->x->n_globals);
  uint32_t k = 0;
  for (uint32_t i = 0; i < stage->marches.n; i++)
    for (uint32_t t = 0; t < g->ir->marches.at[stage->marches.at[i]]->terms.n; t++)
      G[g->ir->marches.at[stage->marches.at[i]]->terms.at[t].measure] = means[k++];
  IrEnv env = {.u = (double *)(void *)G, .set = s->set, .count = 1};
  g->backend->ir_eval_quad(stage->objective, &env);
  Quad value = G[stage->loss];
  arena_free(a);
  return value;
}

/* d objective / d mean of each term, at the place. */
static void slopes_find(const GradFit *g, const IrStage *stage, const Sums *s, const double *weights,
                        Quad *ret) {
  Quad *means = quads(g->arena, s->n_terms);
  for (uint32_t k = 0; k < s->n_terms; k++) means[k] = s->centre[k] / weights[k];
  for (uint32_t k = 0; k < s->n_terms; k++) {
    Quad at = means[k], h = STEP * (at == 0 ? 1 : at);
    means[k] = at + h;
    Quad up = objective(g, stage, means);
    means[k] = at - h;
    ret[k] = (up - objective(g, stage, means)) / (2 * h);
    means[k] = at;
  }
}

static Quad lane_objective(const GradFit *g, const IrStage *stage, const Sums *s, const double *weights,
                           int64_t lane, Quad *means) {
  for (uint32_t k = 0; k < s->n_terms; k++) means[k] = s->sums[k * s->lanes + lane] / weights[k];
  return objective(g, stage, means);
}

static GradFound found_of(const GradFit *g, const IrStage *stage, const Sums *s, const double *weights,
                          const double *sizes, bool squares) {
  Arena *a = g->arena;
  Quad *slopes = quads(a, s->n_terms), *means = quads(a, s->n_terms);
  GradFound f = {quads(a, g->n), quads(a, g->n), squares ? quads(a, g->n) : NULL};
  bool forward = true;
  for (uint32_t i = 0; i < stage->marches.n; i++)
    forward &= forward_of(g->all->marches.at[stage->marches.at[i]]) != NULL;
  slopes_find(g, stage, s, weights, slopes);
  for (uint32_t i = 0; i < g->n; i++) {
    Quad up = lane_objective(g, stage, s, weights, 2 * i, means),
         down = lane_objective(g, stage, s, weights, 2 * i + 1, means);
    f.difference[i] = (up - down) / (2 * step_of(sizes, i));
    for (uint32_t k = 0; k < s->n_terms; k++) {
      f.forward[i] += slopes[k] * s->slopes[(uint64_t)k * g->n + i] / weights[k];
      if (squares) f.diagonal[i] += 2 * slopes[k] * s->products[(uint64_t)k * g->n + i] / weights[k];
    }
  }
  if (!forward) f.forward = NULL;
  return f;
}

/* Runs the marches of the stage over all fitted sweeps. */
static void differences(const GradFit *g, const IrStage *stage, const double *values, const double *sizes, Sums *s) {
  for (uint32_t i = 0, first = 0; i < stage->marches.n; first += g->ir->marches.at[stage->marches.at[i]]->terms.n, i++)
    for (uint32_t k = 0; k < g->fit->n_fitted; k++) {
      march_differences(g, stage->marches.at[i], k, values, sizes, first, s);
      if (s->centre) march_forward(g, stage->marches.at[i], k, values, first, s);
    }
}

/* With its terms' weights. */
static Sums sums_of(const GradFit *g, uint32_t at, int64_t lanes, double **ret_weights) {
  const IrStage *stage = &g->ir->stages.at[at];
  Sums s = {.lanes = lanes};
  for (uint32_t i = 0; i < stage->marches.n; i++)
    s.n_terms += g->ir->marches.at[stage->marches.at[i]]->terms.n;
  s.offsets = quads(g->arena, (uint64_t)lanes * g->n);
  s.sums = quads(g->arena, s.n_terms * (uint64_t)lanes);
  *ret_weights = NEW_ARRAY(g->arena, double, s.n_terms + 1);
  for (uint32_t k = 0; k < s.n_terms; k++)
    (*ret_weights)[k] = g->backend->rt_term_divisor(g->fit, &g->fit->def->stages[at], k, false);
  return s;
}

GradFound grad_quad(const GradFit *g, uint32_t at, const double *values, const double *sizes, bool squares) {
  const IrStage *stage = &g->ir->stages.at[at];
  double *weights;
  Sums s = sums_of(g, at, 2 * (int64_t)g->n, &weights);
  for (uint32_t i = 0; i < g->n; i++) {
    s.offsets[2 * i * g->n + i] = step_of(sizes, i);
    s.offsets[(2 * i + 1) * g->n + i] = -step_of(sizes, i);
  }
  s.products = quads(g->arena, (uint64_t)s.n_terms * g->n);
  s.centre = quads(g->arena, s.n_terms);
  s.slopes = quads(g->arena, (uint64_t)s.n_terms * g->n);
  differences(g, stage, values, sizes, &s);
  return found_of(g, stage, &s, weights, sizes, squares);
}

const Quad *grad_quad_product(const GradFit *g, uint32_t at, const double *values, const double *sizes, const double *v) {
  const IrStage *stage = &g->ir->stages.at[at];
  double *weights;
  Sums s = sums_of(g, at, 4 * (int64_t)g->n, &weights);
  for (uint32_t i = 0; i < g->n; i++)
    for (uint32_t corner = 0; corner < 4; corner++) {
      Quad *offset = s.offsets + (uint64_t)(4 * i + corner) * g->n;
      for (uint32_t k = 0; k < g->n; k++) offset[k] = (corner < 2 ? SECOND : -SECOND) * v[k];
      offset[i] += (corner % 2 ? -SECOND : SECOND) * sizes[i];
    }
  differences(g, stage, values, sizes, &s);
  Quad *product = quads(g->arena, g->n), *means = quads(g->arena, s.n_terms), of[4];
  for (uint32_t i = 0; i < g->n; i++) {
    for (uint32_t corner = 0; corner < 4; corner++)
      of[corner] = lane_objective(g, stage, &s, weights, 4 * i + corner, means);
    product[i] = (of[0] - of[1] - of[2] + of[3]) / (4 * SECOND * SECOND * sizes[i]);
  }
  return product;
}

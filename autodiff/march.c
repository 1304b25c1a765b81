/* A march: the step of a fit's neuron, then what its objective sums, as one kernel over time. Inputs become samples of the
 * recording; the memory of the spike condition becomes a state; checks go, since a start that diverges is its own affair.
 *
 * A mean:      sum += weight * value, over the states after the step.
 * A likelihood of spikes: the same of the rate in this step, before the handler of a recorded spike.
 * A residual:  the state V comes from the recording, so the class has no equation for it. Its right-hand side, with the
 *              recording's mean over the step and the other states' means over the step (the midpoint rule, of second order),
 *              is summed up to F; what is left over of V(t) - V(t - w) is r = change - (F - F of `lag` steps before), which a
 *              ring remembers. In this form, integrated and divided by C, the residual has no trivial minimum at zero
 *              conductance, and noise of the recording is not differentiated.
 *
 * Draws: what is drawn in a step is a sample too, of standard numbers that depend on seed, sweep and step alone, and what the
 *              kernel does with them (mean + sd * z) is arithmetic: derivatives go through means and widths, at fixed numbers.
 *
 * Needs level 2. Gives plain.march, its number of states and rings, the samples of each march, and where the sums are. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/diag.h"
#include "lang/session.h"

#include <math.h>

typedef struct {
  IrBuild b;
  const IrFit *f;
  IrMarch *m;
  IrVal *input;     /* by the class's input: its sample */
  IrVal *old, *now; /* by the class's state */
  IrVal *past;      /* by SLOT_PAST */
  AdDelayed *delayed; /* by the class's past */
  uint32_t drawn;   /* where the slots of what is drawn begin: in terms behind the columns */
  IrVal rate;       /* of spikes, before their handler; IR_NONE: has none */
  const IrCopy *step;
  AdCourses *courses; /* by term: the first of those that are alike */
} March;

static uint32_t sample_of(March *w, IrSampleKind kind, uint32_t column, uint32_t term) {
  for (uint32_t i = 0; i < w->m->samples.n; i++) {
    const IrSample *p = &w->m->samples.at[i];
    if (p->kind == kind && p->column == column && p->term == term) return i;
  }
  vec_push(w->b.arena, &w->m->samples, ((IrSample){kind, column, term}));
  return w->m->samples.n - 1;
}

static IrVal sample(March *w, IrSampleKind kind, uint32_t column, uint32_t term) {
  const MRecording *data = &w->f->fit->data;
  bool of_column = kind != SAMPLE_WEIGHT && kind != SAMPLE_EVENTS;
  const MSweepColumn *c = of_column ? &data->columns.at[column] : NULL;
  uint32_t at = sample_of(w, kind, column, term);
  Name name = c ? c->name : kind == SAMPLE_EVENTS ? data->events.at[column].name : name_fmt(w->b.s, "weight%u", term);
  return ir_load(&w->b, ir_slot(&w->b, SLOT_SAMPLE, at, name, IR_REAL, c ? c->dim : DIM_NONE));
}

/* What drives an input: the residual's trace, what a state is forced towards, or the column of a `drive`. */
static IrVal input_of(March *w, const MVar *input) {
  if (!name_none(w->m->given) && name_eq(input->name, w->m->given)) return sample(w, SAMPLE_TRACE, w->m->terms.at[0].term->column, IR_NONE);
  for (uint32_t i = 0; w->m->forced && i < w->m->forced->forces.n; i++)
    if (w->m->forced->forces.at[i].trace == input) return sample(w, SAMPLE_TRACE, w->m->forced->forces.at[i].column, IR_NONE);
  for (uint32_t i = 0; i < w->f->fit->drives.n; i++)
    if (w->f->fit->drives.at[i].input == input) return sample(w, SAMPLE_MEAN, w->f->fit->drives.at[i].column, IR_NONE);
  BUG(w->b.s, input->span, "nothing drives %s", name_str(w->b.s, input->name));
}

static uint32_t state_new(March *w, const char *name, Dim dim, uint32_t *ret_slot) {
  uint32_t index = w->m->plain.n_states++;
  *ret_slot = ir_slot(&w->b, SLOT_STATE, index, name_z(w->b.s, name), IR_REAL, dim);
  return index;
}

/* ---- the step */

static IrVal prev_begin(March *w, uint32_t *ret_slot) {
  if (!w->m->class->has_prev) return IR_NONE;
  state_new(w, "%prev", DIM_NONE, ret_slot);
  return ir_op2(&w->b, IR_GT, ir_load(&w->b, *ret_slot), alg_num(&w->b, 0.5));
}

static void prev_end(March *w, const IrCopy *step, uint32_t slot) {
  IrVal prev = ir_copy_stored(step, SLOT_PREV, 0);
  if (prev == IR_NONE) return;
  ir_store(&w->b, slot, ir_op3(&w->b, IR_SELECT, prev, alg_num(&w->b, 1), alg_num(&w->b, 0)));
}

/* ---- draws */

static IrVal drawn(March *w, IrBuild *b, IrDrawn what, uint32_t ordinal) {
  uint32_t at = sample_of(w, SAMPLE_DRAWN, what, ordinal);
  return ir_load(b, ir_slot(b, SLOT_SAMPLE, w->drawn + at, name_fmt(w->b.s, ordinal & IR_DRAWN_ONCE ? "drawn.once%u" : "drawn%u", ordinal & (IR_DRAWN_ONCE - 1)), IR_REAL, DIM_NONE));
}

/* The draw at i as arithmetic on a standard number; IR_NONE: its bounds make it jump. */
static IrVal draw_made(March *w, IrRewrite *r, IrVal i) {
  const IrIns *ins = &r->in->ins.at[i];
  IrBuild *b = &r->b;
  IrVal x = ir_ops[ins->op].arity > 0 ? ir_rewrite_arg(r, i, 0) : IR_NONE, y = ir_ops[ins->op].arity > 1 ? ir_rewrite_arg(r, i, 1) : IR_NONE;
  if (ins->op == IR_NOISE) return alg_mul(b, drawn(w, b, DRAWN_NORMAL, ins->slot), ir_const(b, 1, ins->dim));
  if (ins->op == IR_DRAW_NORMAL) return alg_fma(b, drawn(w, b, DRAWN_NORMAL, ins->slot), y, x);
  if (ins->op == IR_DRAW_LOGNORMAL) return alg_exp(b, alg_fma(b, drawn(w, b, DRAWN_NORMAL, ins->slot), y, x));
  if (ins->op == IR_DRAW_UNIFORM) return alg_fma(b, drawn(w, b, DRAWN_UNIFORM, ins->slot), alg_sub(b, y, x), x);
  if (ins->op == IR_DRAW_EXPONENTIAL) return alg_mul(b, drawn(w, b, DRAWN_EXPONENTIAL, ins->slot), x);
  return IR_NONE;
}

/* Whether it comes to a spike is drawn: no derivative of the rate sees that. */
static bool decides(const IrKernel *k, IrVal draw) {
  for (IrVal i = draw; i < k->ins.n; i++)
    for (int j = 0; ir_ops[k->ins.at[i].op].type == IRT_COMPARE && j < 2; j++)
      if (k->ins.at[i].arg[j] == draw) return true;
  return false;
}

/* The kernel with samples for its draws; NULL after a message. */
static const IrKernel *without_draws(March *w, const IrKernel *k) {
  IrRewrite r = ir_rewrite(k, w->b.arena, w->b.s);
  for (IrVal i = 0; i < k->ins.n; i++) {
    ir_rewrite_at(&r, i);
    if (!(ir_ops[k->ins.at[i].op].flags & IRF_DRAW)) {
      ir_rewrite_copy(&r, i);
      continue;
    }
    bool spikes = decides(k, i);
    if (!spikes) r.map[i] = draw_made(w, &r, i);
    if (!spikes && r.map[i] != IR_NONE) continue;
    diag_not_supported(w->b.s, k->ins.at[i].span, spikes ? "spikes drawn at a rate in a neuron that is fitted" : "a draw within bounds in a neuron that is fitted",
                       spikes ? "Let recorded spikes fire it: `drive spike with rec.s`." : NULL);
    return NULL;
  }
  return r.b.k;
}

static uint32_t state_slot(March *w, uint32_t i) {
  const MVar *var = w->m->class->states.at[i].var;
  return ir_slot(&w->b, SLOT_STATE, i, var->name, IR_REAL, var->dim);
}

static IrVal state_old(March *w, uint32_t i) {
  if (w->old[i] == IR_NONE) w->old[i] = ir_load(&w->b, state_slot(w, i));
  return w->old[i];
}

static void step(March *w, IrCopy *c) {
  const IrClass *k = w->m->class;
  uint32_t n = k->states.n;
  w->input = NEW_ARRAY(w->b.arena, IrVal, k->inputs.n + 1);
  for (uint32_t i = 0; i < k->inputs.n; i++)
    w->input[i] = k->fired && i + 1 == k->inputs.n ? sample(w, SAMPLE_EVENTS, (uint32_t)w->f->fit->spikes, IR_NONE)
                                                   : input_of(w, k->inputs.at[i]);
  w->old = NEW_ARRAY(w->b.arena, IrVal, n + 1);
  w->now = NEW_ARRAY(w->b.arena, IrVal, n + 1);
  for (uint32_t i = 0; i < n; i++) w->old[i] = IR_NONE, state_old(w, i);
  c->state = w->old;
  c->input = w->input;
  c->past = w->past;
  c->unchecked = true;
  ir_copy_run(c);
  w->rate = k->fired ? ir_copy_stored(c, SLOT_OUT, 0) : IR_NONE;
  w->step = c;
  for (uint32_t i = 0; i < n; i++) {
    w->now[i] = ir_copy_stored(c, SLOT_STATE, i);
    if (w->now[i] == IR_NONE) w->now[i] = w->old[i];
  }
}

/* ---- delayed values */

static void pasts_begin(March *w) {
  const IrClass *c = w->m->class;
  w->delayed = NEW_ARRAY(w->b.arena, AdDelayed, c->pasts.n + 1);
  w->past = NEW_ARRAY(w->b.arena, IrVal, 2 * c->pasts.n + 1);
  for (uint32_t k = 0; k < c->pasts.n; k++) {
    w->delayed[k] = ad_past_begin(&w->b, w->m, &c->pasts.at[k]);
    w->past[2 * k] = w->delayed[k].at_end;
    w->past[2 * k + 1] = w->delayed[k].at_begin;
  }
}

static IrVal term_value(March *w, const IrKernel *k, const IrVal *states, IrVal time);

static void pasts_end(March *w) {
  for (uint32_t k = 0; k < w->m->class->pasts.n; k++)
    ad_past_end(&w->b, &w->delayed[k], term_value(w, w->m->class->pasts.at[k].value, w->now, IR_NONE));
}

/* The value of a record kernel at the start. */
static IrVal at_start(March *w, const IrKernel *k, const IrVal *states, const IrVal *past) {
  const IrKernel *undrawn = without_draws(w, k);
  IrCopy c = ir_copy_of(&w->b, undrawn ? undrawn : k);
  IrVal *input = NEW_ARRAY(w->b.arena, IrVal, w->m->class->inputs.n + 1);
  for (uint32_t i = 0; i < c.k->slots.n; i++)
    if (c.k->slots.at[i].kind == SLOT_INPUT) input[c.k->slots.at[i].index] = input_of(w, w->m->class->inputs.at[c.k->slots.at[i].index]);
  c.input = input;
  c.state = states;
  c.past = past;
  ir_copy_run(&c);
  return ir_copy_stored(&c, SLOT_OUT, 0);
}

static void pasts_start(March *w, const IrCopy *begin) {
  const IrClass *c = w->m->class;
  IrVal *states = NEW_ARRAY(w->b.arena, IrVal, c->states.n + 1), *past = NEW_ARRAY(w->b.arena, IrVal, 2 * c->pasts.n + 1);
  for (uint32_t i = 0; i < c->states.n; i++) states[i] = ir_copy_stored(begin, SLOT_STATE, i);
  for (uint32_t k = 0; k < c->pasts.n; k++) {
    w->b.span = c->pasts.at[k].span;
    past[2 * k] = past[2 * k + 1] = at_start(w, c->pasts.at[k].value, states, past);
    ad_past_start(&w->b, &w->delayed[k], past[2 * k], at_start(w, c->pasts.at[k].delay, states, past));
  }
}

/* ---- terms */

/* A term's expression over these states. Its samples are numbered by column: values at the end of the step. */
static IrVal term_value(March *w, const IrKernel *k, const IrVal *states, IrVal time) {
  w->drawn = w->f->fit->data.columns.n;
  const IrKernel *undrawn = without_draws(w, k);
  IrCopy c = ir_copy_of(&w->b, undrawn ? undrawn : k); /* or an error was reported */
  IrVal *at = NEW_ARRAY(w->b.arena, IrVal, w->drawn + w->m->samples.n + 1);
  for (uint32_t i = 0; i < c.k->slots.n; i++) {
    const IrSlot *slot = &c.k->slots.at[i];
    if (slot->kind != SLOT_SAMPLE) continue;
    if (slot->index < w->drawn) at[slot->index] = sample(w, SAMPLE_AT, slot->index, IR_NONE);
    else at[slot->index] = ir_load(&w->b, ir_slot(&w->b, SLOT_SAMPLE, slot->index - w->drawn, slot->name, IR_REAL, slot->dim));
  }
  w->drawn = 0;
  c.state = states;
  c.time = time;
  c.input = w->input;
  c.past = w->past;
  c.sample = at;
  ir_copy_run(&c);
  return ir_copy_stored(&c, SLOT_OUT, 0);
}

/* A state of the integrator becomes NaN where it could not take its step: what is summed then is, too. */
static IrVal or_failed(March *w, IrVal value) {
  IrBuild *b = &w->b;
  for (uint32_t i = 0; i < w->m->class->states.n; i++) {
    if (name_none(w->m->class->states.at[i].failure)) continue;
    Dim dim = dim_div(b->k->ins.at[value].dim, b->k->ins.at[w->now[i]].dim);
    value = ir_op3(b, IR_FMA, w->now[i], ir_const(b, 0, dim), value);
  }
  return value;
}

/* more: added apart, so that the square stays in sight (forward.c); or IR_NONE. */
static void add_up(March *w, uint32_t term, IrVal value, IrVal more) {
  IrBuild *b = &w->b;
  uint32_t slot;
  w->m->terms.at[term].sum = state_new(w, "%sum", b->k->ins.at[value].dim, &slot);
  IrVal weight = sample(w, SAMPLE_WEIGHT, IR_NONE, term), sum = ir_load(b, slot);
  if (more != IR_NONE) sum = ir_op3(b, IR_FMA, weight, more, sum);
  ir_store(b, slot, ir_op3(b, IR_FMA, weight, value, sum));
}

static IrVal square_of(March *w, const IrTerm *t, IrVal v) { return t->root ? ir_op2(&w->b, IR_MUL, v, v) : v; }

/* A step in which the states jump counts by its parts: up to the spike as they were just before it. What this adds to the value
 * behind it, or IR_NONE. So the mean is smooth in the time of the spike, also where that passes from step to step. */
static IrVal before_spike(March *w, const IrTerm *t, IrVal behind) {
  IrBuild *b = &w->b;
  IrVal when = ir_copy_stored(w->step, SLOT_OUT, IR_OUT_WHEN);
  uint32_t n = w->m->class->states.n, changed = 0;
  IrVal *was = NEW_ARRAY(b->arena, IrVal, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    IrVal v = when == IR_NONE ? IR_NONE : ir_copy_stored(w->step, SLOT_OUT, IR_OUT_WAS + i);
    was[i] = v == IR_NONE ? w->now[i] : v;
    changed += v != IR_NONE;
  }
  if (!changed) return IR_NONE;
  IrVal spikes = ir_copy_stored(w->step, SLOT_SPIKE, 0);
  IrVal value = square_of(w, t, term_value(w, t->root ? t->root : t->value, was, IR_NONE));
  IrVal more = ir_op2(b, IR_MUL, when, ir_op2(b, IR_SUB, value, behind));
  return ir_op3(b, IR_SELECT, spikes, more, alg_zero_like(b, more));
}

static void mean(March *w, uint32_t term) {
  IrTerm *t = &w->m->terms.at[term];
  IrVal v = or_failed(w, term_value(w, t->root ? t->root : t->value, w->now, IR_NONE));
  IrVal value = square_of(w, t, v);
  add_up(w, term, value, before_spike(w, t, value));
}

/* log(1 - exp(-rate dt)) where there is a spike, -rate dt where there is none: what a run fires by. With expm1 it holds for
 * the smallest rates. A rate below 0 has no likelihood. */
static void loglik(March *w, uint32_t term) {
  IrBuild *b = &w->b;
  const IrTerm *t = &w->m->terms.at[term];
  IrVal spikes = sample(w, SAMPLE_EVENTS, t->term->events, IR_NONE), zero = alg_num(b, 0);
  IrVal x = ir_op1(b, IR_NEG, ir_op2(b, IR_MUL, w->rate, ir_nullary(b, IR_DT)));
  IrVal fires = ir_op1(b, IR_LOG, ir_op1(b, IR_NEG, ir_op1(b, IR_EXPM1, x)));
  IrVal value = ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, spikes, alg_num(b, 0.5)), fires, x);
  value = ir_op3(b, IR_SELECT, ir_op2(b, IR_LE, x, zero), value, ir_const(b, NAN, DIM_NONE));
  add_up(w, term, or_failed(w, value), IR_NONE);
}

static void set_sum(March *w, uint32_t term, IrVal value) {
  uint32_t slot;
  w->m->terms.at[term].sum = state_new(w, "%sum", w->b.k->ins.at[value].dim, &slot);
  ir_store(&w->b, slot, value);
}

static void course(March *w, uint32_t term) {
  const IrTerm *t = &w->m->terms.at[term];
  uint32_t first = 0;
  while (w->m->terms.at[first].term != (t->term->like ? t->term->like : t->term)) first++;
  AdCourses *c = &w->courses[first];
  IrVal weight = sample(w, SAMPLE_WEIGHT, IR_NONE, term); /* that of the first, which the runtime makes for each term */
  if (first == term) {
    static const AdCourse none = {.v = IR_NONE, .p = IR_NONE, .n = IR_NONE, .height = IR_NONE};
    *c = (AdCourses){none, none, weight};
    c->model.v = term_value(w, t->value, w->now, IR_NONE);
    if (t->given) c->given.v = term_value(w, t->given, w->now, IR_NONE);
  }
  set_sum(w, term, or_failed(w, ad_trace_feature(&w->b, w->m, t->term, c)));
}

static void feature(March *w, uint32_t term) {
  const MTerm *t = w->m->terms.at[term].term;
  if (term_is_course(t)) {
    course(w, term);
    return;
  }
  AdSpike is = {.spike = ir_copy_stored(w->step, SLOT_OUT, IR_OUT_SPIKE), .when = ir_copy_stored(w->step, SLOT_OUT, IR_OUT_WHEN)};
  is.recorded = sample(w, SAMPLE_EVENTS, t->events, IR_NONE);
  is.weight = sample(w, SAMPLE_WEIGHT, IR_NONE, term);
  IrVal v = or_failed(w, ad_feature(&w->b, w->m, t, &is));
  if (t->feature == FEATURE_VAN_ROSSUM) add_up(w, term, v, IR_NONE);
  else set_sum(w, term, v);
}

static void residual(March *w, uint32_t term) {
  IrBuild *b = &w->b;
  IrTerm *t = &w->m->terms.at[term];
  uint32_t n = w->m->class->states.n, slot;
  IrVal *middle = NEW_ARRAY(b->arena, IrVal, n + 1);
  for (uint32_t i = 0; i < n; i++)
    middle[i] = w->now[i] == w->old[i] ? w->old[i]
                                       : alg_mul(b, alg_num(b, 0.5), alg_add(b, w->old[i], w->now[i]));
  IrVal half = alg_mul(b, alg_num(b, 0.5), ir_nullary(b, IR_DT));
  IrVal slope = term_value(w, t->value, middle, alg_sub(b, ir_nullary(b, IR_TIME), half));
  state_new(w, "%integral", t->term->state->dim, &slot);
  IrVal sum = ir_op3(b, IR_FMA, slope, ir_nullary(b, IR_DT), ir_load(b, slot));
  ir_store(b, slot, sum);
  uint32_t ring = ir_slot(b, SLOT_RING, w->m->plain.n_rings++, t->term->state->name, IR_REAL, t->term->state->dim);
  IrVal before = ir_load(b, ring), change = sample(w, SAMPLE_CHANGE, t->term->column, term);
  ir_store(b, ring, sum);
  IrVal r = or_failed(w, ir_op2(b, IR_SUB, change, ir_op2(b, IR_SUB, sum, before)));
  add_up(w, term, ir_op2(b, IR_MUL, r, r), IR_NONE);
}

static IrKernel *march_kernel(March *w, const IrKernel *step_kernel) {
  IrMarch *m = w->m;
  Session *s = w->b.s;
  const char *name = name_str(s, m->class->name);
  w->b.k = ir_kernel(s, w->b.arena, KERNEL_MARCH, name_fmt(s, "march.%s", name));
  m->plain.n_states = m->class->states.n;
  IrCopy c = ir_copy_of(&w->b, step_kernel);
  uint32_t prev = IR_NONE;
  c.prev = prev_begin(w, &prev);
  pasts_begin(w);
  step(w, &c);
  if (prev != IR_NONE) prev_end(w, &c, prev);
  w->courses = NEW_ARRAY(w->b.arena, AdCourses, m->terms.n + 1);
  for (uint32_t i = 0; i < m->terms.n; i++) {
    w->b.span = m->terms.at[i].term->span;
    switch (m->terms.at[i].term->kind) {
      case TERM_RESIDUAL: residual(w, i); break;
      case TERM_LOGLIK: loglik(w, i); break;
      case TERM_FEATURE: feature(w, i); break;
      case TERM_MEAN:
      case TERM_CONSTRAINT: mean(w, i); break;
    }
  }
  pasts_end(w);
  for (uint32_t i = 0; i < m->class->states.n; i++)
    if (w->now[i] != w->old[i]) ir_store(&w->b, state_slot(w, i), w->now[i]);
  return w->b.k;
}

/* Initial states; what a recording drives begins with the recording. */
static IrKernel *begin_kernel(March *w, const IrKernel *begin) {
  w->b.k = ir_kernel(w->b.s, w->b.arena, KERNEL_BEGIN, begin->name);
  w->b.k->index = begin->index;
  IrVal *input = NEW_ARRAY(w->b.arena, IrVal, w->m->class->inputs.n + 1);
  for (uint32_t i = 0; i < begin->slots.n; i++)
    if (begin->slots.at[i].kind == SLOT_INPUT)
      input[begin->slots.at[i].index] = input_of(w, w->m->class->inputs.at[begin->slots.at[i].index]);
  IrCopy c = ir_copy_of(&w->b, begin);
  c.input = input;
  ir_copy_run(&c);
  for (uint32_t i = 0; i < begin->slots.n; i++) {
    const IrSlot *slot = &begin->slots.at[i];
    if (c.stored[i] == IR_NONE) continue;
    w->b.span = w->b.k->ins.at[c.stored[i]].span;
    ir_store(&w->b, ir_slot(&w->b, slot->kind, slot->index, slot->name, slot->type, slot->dim), c.stored[i]);
  }
  pasts_start(w, &c);
  return w->b.k;
}

/* What lives on in the marches. */
static void class_done(IrClass *c) {
  c->step = NULL;
  c->pasts.n = 0;
}

IrModule *ad_pass_march(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) {
      IrMarch *march = m->fits.at[i]->marches.at[k];
      March w = {.b = {.s = s, .arena = out}, .f = m->fits.at[i], .m = march};
      const IrKernel *step = without_draws(&w, march->class->step), *begin = step ? without_draws(&w, march->plain.begin) : NULL;
      if (!begin) continue;
      march->plain.march = march_kernel(&w, step);
      march->plain.begin = begin_kernel(&w, begin);
      for (uint32_t t = 0; t < march->terms.n; t++) march->terms.at[t].value = march->terms.at[t].root = march->terms.at[t].given = NULL;
    }
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) class_done(m->fits.at[i]->marches.at[k]->class);
  ir_module_renumber(m, out);
  return m;
}

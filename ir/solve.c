/* Level 1 to level 2: one fused `step` for each class, in the order of language.md:
 *   integrate from T-dt to T, add what arrived at T, check, test the spike condition, run the handler, store.
 * In a class with handlers that do more than add, these run between two kernels: `step` integrates and adds what
 * the ports before them have summed, `finish` adds what those behind them have, checks, tests, fires. What `finish`
 * needs of the time before goes through memory: which counted holds are in force (HELD), and of states that a
 * test compares with their value at T-dt, that value (OLD).
 *
 * Needs: flow, receive, test, fire of level 1; each state stored at most once in each. Gives: kernels with each
 * state loaded once and stored once, and the methods with their reasons in the class. Everything uniform still
 * stands in them; hoist.c moves it. A held state keeps its value whatever happens, except that the handler which
 * starts a hold still acts at its own T. */
#include "ir/solve.h"

#include <string.h>

#include "ir/pass.h"
#include "lang/diag.h"
#include "lang/session.h"

static IrVal load(Solve *v, SlotKind kind, uint32_t index, Name name, IrType type, Dim dim) {
  return ir_load(&v->b, ir_slot(&v->b, kind, index, name, type, dim));
}

static IrVal either(IrBuild *b, IrVal x, IrVal y) {
  return x == IR_NONE ? y : y == IR_NONE ? x : x == y ? x : ir_op2(b, IR_OR, x, y);
}

static Name hold_name(Solve *v, uint32_t k) {
  const IrHold *h = &v->in->holds.at[k];
  return v->in->states.at[h->states.at[0]].var->name;
}

/* In `finish` every hold is a mask. */
static IrVal in_force(Solve *v, uint32_t k) {
  const IrHold *h = &v->in->holds.at[k];
  v->b.span = h->span;
  if (h->left == IR_NONE || v->b.k->kind == KERNEL_FINISH)
    return load(v, SLOT_HELD, k, hold_name(v, k), IR_BOOL, DIM_NONE);
  return ir_op2(&v->b, IR_GE, v->old[h->left], alg_num(&v->b, 1));
}

static void load_states(Solve *v) {
  Arena *a = v->b.arena;
  v->first = NEW_ARRAY(a, IrVal, v->n + 1);
  v->now = NEW_ARRAY(a, IrVal, v->n + 1);
  v->held = NEW_ARRAY(a, IrVal, v->n + 1);
  v->in_force = NEW_ARRAY(a, IrVal, v->in->holds.n + 1);
  v->old = v->b.k->kind == KERNEL_FINISH ? NULL : v->first;
  for (uint32_t i = 0; i < v->n; i++) {
    const MVar *var = v->in->states.at[i].var;
    v->b.span = var->equation ? var->equation_span : var->span;
    v->first[i] = v->now[i] = load(v, SLOT_STATE, i, var->name, IR_REAL, var->dim);
    v->held[i] = IR_NONE;
  }
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    const IrHold *h = &v->in->holds.at[k];
    v->in_force[k] = in_force(v, k);
    for (uint32_t j = 0; j < h->states.n; j++) {
      IrVal *held = &v->held[h->states.at[j]];
      *held = either(&v->b, *held, v->in_force[k]);
    }
  }
}

static void load_times(Solve *v) {
  v->dt = ir_nullary(&v->b, IR_DT);
  v->half = alg_mul(&v->b, v->dt, alg_num(&v->b, 0.5));
  v->begin = alg_sub(&v->b, ir_nullary(&v->b, IR_TIME), v->dt);
  v->end = ir_nullary(&v->b, IR_TIME);
  v->whole = v->dt;
}

/* Right-hand sides at T-dt, without noise, and their forms over the states. */
void solve_read_flow(Solve *v) {
  Arena *a = v->b.arena;
  v->der = NEW_ARRAY(a, IrVal, v->n + 1);
  v->atom = NEW_ARRAY(a, uint32_t, v->n + 1);
  v->form = NEW_ARRAY(a, const IrForm *, v->n + 1);
  v->noise_form = NEW_ARRAY(a, const IrForm *, v->n + 1);
  v->method = NEW_ARRAY(a, SolveMethod, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) v->der[i] = v->atom[i] = IR_NONE;
  if (!v->in->flow) return;
  IrCopy flow = ir_copy_of(&v->b, v->in->flow);
  flow.state = v->old;
  flow.time = v->begin;
  uint32_t from = v->b.k->ins.n;
  ir_copy_run(&flow);
  for (uint32_t k = from; k < v->b.k->ins.n; k++)
    if (v->b.k->ins.at[k].op == IR_NOISE) vec_push(a, &v->noise, k);
  IrForms noise = ir_forms(&v->b, v->noise.at, v->noise.n);
  IrVal *atoms = NEW_ARRAY(a, IrVal, v->n + 1);
  uint32_t n = 0;
  for (uint32_t i = 0; i < v->n; i++) {
    v->der[i] = v->follows[i] ? IR_NONE : ir_copy_stored(&flow, SLOT_DER, i);
    if (v->der[i] == IR_NONE) continue;
    v->noise_form[i] = ir_form(&noise, v->der[i]);
    if (v->noise.n && v->noise_form[i]->linear) {
      IrVal drift = v->noise_form[i]->rest;
      v->der[i] = drift == IR_NONE ? alg_zero_like(&v->b, v->der[i]) : drift;
    }
    v->atom[i] = n;
    atoms[n++] = v->old[i];
  }
  v->forms = ir_forms(&v->b, atoms, n);
  for (uint32_t i = 0; i < v->n; i++)
    if (v->der[i] != IR_NONE) v->form[i] = ir_form(&v->forms, v->der[i]);
}

/* Counted holds lose a step. */
static void count_down(Solve *v, IrVal *now) {
  IrBuild *b = &v->b;
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    const IrHold *h = &v->in->holds.at[k];
    if (h->left == IR_NONE) continue;
    b->span = h->span;
    IrVal less = ir_op2(b, IR_SUB, now[h->left], alg_num(b, 1));
    now[h->left] = ir_op2(b, IR_MAX, less, alg_num(b, 0));
  }
}

void solve_integrate(Solve *v) {
  IrVal *next = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  bool rk4 = false;
  SolveMethod by = SOLVE_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    next[i] = v->old[i];
    rk4 |= v->method[i] == SOLVE_RK4;
    if (v->der[i] != IR_NONE) v->b.span = v->in->states.at[i].var->equation_span;
    switch (v->method[i]) {
      case SOLVE_EXACT: next[i] = solve_exact(v, i, v->dt); break;
      case SOLVE_EXP_EULER: next[i] = solve_exp_euler(v, i); break;
      case SOLVE_EULER: next[i] = solve_euler(v, i); break;
      case SOLVE_RK45:
      case SOLVE_TAYLOR:
      case SOLVE_ROSENBROCK:
      case SOLVE_BACKWARD_EULER:
      case SOLVE_RK4:
      case SOLVE_NONE: break;
    }
    if (v->stepped[i]) by = v->method[i];
  }
  if (rk4) solve_rk4(v, next);
  if (v->events && !v->located) count_down(v, next); /* the handler may set a counter within the step */
  if (by == SOLVE_BACKWARD_EULER) solve_backward_euler(v, next);
  else if (by == SOLVE_TAYLOR) solve_taylor(v, next);
  else if (by != SOLVE_NONE) solve_adaptive(v, by, next);
  solve_jumps(v, next);
  for (uint32_t i = 0; i < v->n; i++) v->now[i] = v->form[i] ? solve_add_noise(v, i, next[i]) : next[i];
  solve_dependents(v, v->now);
}

/* A handler that only adds: each stored value is state + coefficient * argument. */
static void receive(Solve *v, uint32_t port) {
  IrBuild *b = &v->b;
  const MPort *p = v->in->ports.at[port].port;
  b->span = p->span;
  IrVal scale = load(v, SLOT_UNIFORM, v->in->ports.at[port].scale_u,
                     v->in->uniforms.at[v->in->ports.at[port].scale_u].name, IR_REAL, p->arg_dim);
  IrVal sum = ir_take(b, ir_slot(b, SLOT_PORT, port, p->name, IR_REAL, p->arg_dim), scale);
  IrCopy body = ir_copy_of(b, v->in->receive.at[port]);
  body.state = v->now;
  body.arg = p->n_args ? sum : IR_NONE;
  ir_copy_run(&body);
  for (uint32_t i = 0; i < v->n; i++) {
    IrVal to = ir_copy_stored(&body, SLOT_STATE, i);
    if (to == IR_NONE) continue;
    IrForms over = ir_forms(b, &v->now[i], 1);
    IrVal change = ir_form(&over, to)->rest;
    if (change == IR_NONE) continue;
    IrVal x = p->n_args ? alg_add(b, v->now[i], change) : alg_fma(b, change, sum, v->now[i]);
    v->now[i] = v->held[i] == IR_NONE ? x : alg_select(b, v->held[i], v->now[i], x);
  }
}

static IrVal condition(Solve *v, const IrVal *states) {
  IrCopy test = ir_copy_of(&v->b, v->in->test);
  test.state = states;
  test.old = v->old;
  test.held = v->in_force;
  ir_copy_run(&test);
  v->rate = v->guard = ir_copy_stored(&test, SLOT_OUT, 0);
  return ir_copy_stored(&test, SLOT_SPIKE, 0);
}

/* Some hold on a state that the spike condition reads is in force; IR_NONE: never. */
static IrVal untested(Solve *v) {
  IrVal r = IR_NONE;
  const IrKernel *k = v->in->test;
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_STATE || k->slots.at[i].kind == SLOT_OLD)
      r = either(&v->b, r, v->held[k->slots.at[i].index]);
  return r;
}

static IrVal but_not(IrBuild *b, IrVal x, IrVal never) {
  return never == IR_NONE ? x : ir_op2(b, IR_AND, x, ir_op1(b, IR_NOT, never));
}

IrVal solve_condition(Solve *v) { return but_not(&v->b, condition(v, v->now), untested(v)); }

/* Masks hold from the next step on, for R steps; within the step of the spike if R is not 0. */
void solve_no_holds(Solve *v) {
  v->in_force = NEW_ARRAY(v->b.arena, IrVal, v->in->holds.n + 1);
  v->held = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) v->held[i] = IR_NONE;
}

void solve_hold(Solve *v, uint32_t hold, IrVal in_force) {
  const IrHold *h = &v->in->holds.at[hold];
  v->in_force[hold] = in_force;
  for (uint32_t j = 0; j < h->states.n; j++) {
    IrVal *held = &v->held[h->states.at[j]];
    *held = either(&v->b, *held, in_force);
  }
}

void solve_holds(Solve *v, const IrVal *in_force, IrVal begun) {
  IrBuild *b = &v->b;
  solve_no_holds(v);
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    const IrHold *h = &v->in->holds.at[k];
    b->span = h->span;
    IrVal steps = h->left != IR_NONE ? v->now[h->left]
                                     : load(v, SLOT_UNIFORM, h->steps_u, h->steps_name, IR_REAL, DIM_NONE);
    IrVal now = ir_op2(b, IR_AND, begun, ir_op2(b, IR_GT, steps, alg_num(b, 0)));
    solve_hold(v, k, either(b, in_force[k], now));
  }
}

/* The handler itself leaves what is held (lower_hold.c). */
void solve_fire(Solve *v, IrVal spike) {
  if (!v->in->fire) return;
  IrCopy body = ir_copy_of(&v->b, v->in->fire);
  body.state = v->now;
  body.held = v->in_force;
  ir_copy_run(&body);
  IrVal *after = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    IrVal to = ir_copy_stored(&body, SLOT_STATE, i);
    after[i] = v->now[i];
    if (to == IR_NONE) continue;
    v->b.span = v->b.k->ins.at[to].span;
    after[i] = v->soft == IR_NONE ? alg_select(&v->b, spike, to, v->now[i]) : ir_op3(&v->b, IR_BLEND, v->soft, to, v->now[i]);
  }
  v->now = after;
}

/* A rate of spikes below 0, or none at all (NaN), while the condition is tested: the run ends. */
static void check_rate(Solve *v) {
  IrBuild *b = &v->b;
  IrVal zero = alg_zero_like(b, v->rate), never = untested(v);
  IrVal wrong = but_not(b, ir_op1(b, IR_NOT, ir_op2(b, IR_GE, v->rate, zero)), never);
  MVar *var = NEW(v->s->arena, MVar);
  *var = (MVar){.kind = VAR_STATE, .name = name_z(v->s, "%spikes"), .unit_scale = 1, .span = b->span};
  uint32_t state = solve_add_state(v, var, "their rate is below 0 at");
  solve_keep_own(v, state, alg_num(b, 0), wrong);
}

/* A recording says where: what is held does not hinder it, but has no rate of spikes. */
static void spike_fired(Solve *v) {
  IrBuild *b = &v->b;
  b->span = v->in->component->spikes.at[0]->span;
  IrVal spikes = condition(v, v->now), never = untested(v);
  if (v->rate != IR_NONE) {
    IrVal r = never == IR_NONE ? v->rate : alg_select(b, never, alg_zero_like(b, v->rate), v->rate);
    ir_store(b, ir_slot(b, SLOT_OUT, 0, (Name){0}, IR_REAL, b->k->ins.at[r].dim), r);
  }
  solve_fire(v, spikes);
  ir_store(b, ir_slot(b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), spikes);
}

static uint32_t mask_slot(Solve *v, SlotKind kind) {
  return ir_slot(&v->b, kind, 0, (Name){0}, IR_BOOL, DIM_NONE);
}

/* A spike that was located has been dealt with. */
static void spike_located(Solve *v) {
  IrBuild *b = &v->b;
  ir_store(b, mask_slot(v, SLOT_PREV), v->before);
  ir_store(b, mask_slot(v, SLOT_SPIKE), v->spiked);
  solve_spike_out(v, alg_select(b, v->spiked, alg_num(b, 1), alg_num(b, 0)), v->when);
}

/* In fits: as a number, for terms; with a surrogate it has a derivative, and what the handler does, too, if it is not detached. */
static void spike_as_number(Solve *v, IrVal spikes, IrVal guard, IrVal prev) {
  IrBuild *b = &v->b;
  const MFitSpikes *how = v->in->spikes;
  IrVal one = alg_num(b, 1), number;
  if (how->gradient == SPIKES_SURROGATE) {
    IrVal never = untested(v), possible = ir_op1(b, IR_NOT, never == IR_NONE ? prev : ir_op2(b, IR_OR, prev, never));
    number = solve_surrogate(v, guard, possible);
    if (!how->detached) v->soft = number;
  } else {
    number = alg_select(b, spikes, one, alg_num(b, 0));
  }
  solve_spike_out(v, number, one);
}

static void spike(Solve *v) {
  if (v->in->fired) {
    spike_fired(v);
    return;
  }
  IrBuild *b = &v->b;
  Span span = v->in->component->spikes.at[0]->span;
  b->span = span;
  if (v->located) {
    spike_located(v);
    return;
  }
  IrVal spikes = solve_condition(v), guard = v->guard, waits = IR_NONE;
  uint32_t prev = IR_NONE;
  b->span = span;
  if (v->rate != IR_NONE && !v->in->spikes) check_rate(v);
  if (v->in->has_prev) {
    prev = ir_slot(b, SLOT_PREV, 0, (Name){0}, IR_BOOL, DIM_NONE);
    spikes = but_not(b, spikes, v->events ? v->before : ir_load(b, prev));
  }
  if (v->events) { /* one spike in a step: a second waits for the next */
    waits = ir_op2(b, IR_AND, spikes, v->spiked);
    spikes = but_not(b, spikes, v->spiked);
  }
  if (v->in->spikes && prev != IR_NONE) spike_as_number(v, spikes, guard, ir_load(b, prev));
  solve_fire(v, spikes);
  if (prev != IR_NONE) ir_store(b, prev, but_not(b, solve_condition(v), waits));
  b->span = span;
  if (v->events) spikes = ir_op2(b, IR_OR, spikes, v->spiked);
  ir_store(b, ir_slot(b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), spikes);
}

static Span span_of(const MVar *var) { return var->equation ? var->equation_span : var->span; }

static void store_states(Solve *v) {
  for (uint32_t i = 0; i < v->n; i++) {
    if (v->now[i] == v->first[i]) continue;
    const MVar *var = v->in->states.at[i].var;
    v->b.span = span_of(var);
    ir_store(&v->b, ir_slot(&v->b, SLOT_STATE, i, var->name, IR_REAL, var->dim), v->now[i]);
  }
}

static bool changed(const Solve *v, uint32_t i) {
  bool by_event = false;
  for (uint32_t p = v->each_from; p < v->each_to; p++) {
    const IrKernel *k = v->in->receive.at[p];
    for (uint32_t j = 0; j < k->ins.n; j++) {
      const IrSlot *slot = k->ins.at[j].op == IR_STORE ? &k->slots.at[k->ins.at[j].slot] : NULL;
      by_event |= slot && slot->kind == SLOT_STATE && slot->index == i;
    }
  }
  return by_event || v->now[i] != v->first[i] ||
         (v->b.k->kind == KERNEL_FINISH && v->in->states.at[i].var->equation);
}

static void check_states(Solve *v) {
  for (uint32_t i = 0; i < v->n; i++) {
    if (v->in->states.at[i].counter || !changed(v, i)) continue;
    v->b.span = span_of(v->in->states.at[i].var);
    ir_check(&v->b, i, v->now[i]);
  }
}

/* What `finish` and handlers of events need of the step, through memory: also of spikes within the step. */
static void keep(Solve *v) {
  IrBuild *b = &v->b;
  if (v->events) {
    b->span = v->in->component->spikes.at[0]->span;
    ir_store(b, mask_slot(v, SLOT_PREV), v->before);
    ir_store(b, mask_slot(v, SLOT_SPIKE), v->spiked);
  }
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    if (v->in->holds.at[k].left == IR_NONE && !v->events) continue;
    b->span = v->in->holds.at[k].span;
    ir_store(b, ir_slot(b, SLOT_HELD, k, hold_name(v, k), IR_BOOL, DIM_NONE), v->in_force[k]);
  }
  for (uint32_t i = 0; v->in->test && i < v->in->test->slots.n; i++) {
    const IrSlot *slot = &v->in->test->slots.at[i];
    if (slot->kind != SLOT_OLD) continue;
    b->span = v->in->component->spikes.at[0]->span;
    ir_store(b, ir_slot(b, SLOT_OLD, slot->index, slot->name, IR_REAL, slot->dim), v->old[slot->index]);
  }
}

static void finish(Solve *v) {
  for (uint32_t i = v->each_to; i < v->in->ports.n; i++) receive(v, i);
  check_states(v);
  if (v->in->test) spike(v);
  store_states(v);
}

/* The kernel behind the events of each_from .. each_to. */
static IrKernel *finish_apart(const Solve *step) {
  Solve v = {.s = step->s, .c = step->c, .in = step->in, .n = step->n, .guard = IR_NONE, .soft = IR_NONE};
  v.each_from = step->each_from;
  v.each_to = step->each_to;
  v.b = (IrBuild){.s = v.s, .arena = step->b.arena};
  v.b.k = ir_kernel(v.s, v.b.arena, KERNEL_FINISH, name_fmt(v.s, "finish.%s", name_str(v.s, v.c->name)));
  load_states(&v);
  v.events = step->events;
  if (v.events) {
    v.b.span = v.in->component->spikes.at[0]->span;
    v.before = ir_load(&v.b, mask_slot(&v, SLOT_PREV));
    v.spiked = ir_load(&v.b, mask_slot(&v, SLOT_SPIKE));
  }
  finish(&v);
  return v.b.k;
}

static void find_each(Solve *v) {
  const IrClass *c = v->in;
  v->each_from = v->each_to = c->ports.n;
  for (uint32_t i = c->ports.n; i-- > 0;) {
    if (c->ports.at[i].additive) continue;
    if (v->each_from == c->ports.n) v->each_to = i + 1;
    v->each_from = i;
  }
}

/* Ways to differentiate spikes that do not go together with how the states are integrated. */
static bool spikes_possible(Solve *v) {
  const MFitSpikes *how = v->in->test ? v->in->spikes : NULL;
  if (!how) return true;
  bool implicit = false;
  for (uint32_t i = 0; i < v->n; i++) implicit |= v->method[i] == SOLVE_BACKWARD_EULER;
  if (how->gradient == SPIKES_LOCATED && implicit)
    diag_not_supported(v->s, how->span, "`exact_events` with `method = backward_euler`", "Take another method, such as `rosenbrock`.");
  else if (how->gradient == SPIKES_SURROGATE && v->events)
    diag_not_supported(v->s, how->span, "a surrogate where spikes are looked for within the step, as a state may run away in it",
                       "Take `gradient = exact_events`, or a method of fixed steps, `with method = exponential_euler`.");
  else return true;
  return false;
}

/* The step kernel, as far as methods are chosen. false: once more, without conservation laws. */
static bool choose_methods(Solve *v) {
  load_states(v);
  load_times(v);
  solve_laws_begin(v);
  solve_read_flow(v);
  solve_choose(v);
  bool apart = v->events, laws = false;
  for (uint32_t i = 0; i < v->n; i++) apart |= v->method[i] == SOLVE_TAYLOR, laws |= v->follows[i];
  return !laws || !apart;
}

static Solve solve_new(Session *s, Arena *out, IrClass *c) {
  Solve v = {.s = s, .c = c, .in = c, .n = c->states.n, .guard = IR_NONE, .soft = IR_NONE};
  v.located = c->test && c->spikes && c->spikes->gradient == SPIKES_LOCATED;
  v.b = (IrBuild){.s = s,
                  .arena = out,
                  .k = ir_kernel(s, out, KERNEL_STEP, name_fmt(s, "step.%s", name_str(s, c->name)))};
  find_each(&v);
  return v;
}

static void solve_class(Session *s, Arena *out, IrClass *c) {
  Solve v = solve_new(s, out, c);
  if (!choose_methods(&v) && !v.failed) {
    v = solve_new(s, out, c);
    v.lawless = true;
    choose_methods(&v);
  }
  if (v.failed || !spikes_possible(&v)) return;
  solve_integrate(&v);
  if (v.failed) return;
  if (v.located && !v.events) solve_parts(&v);
  else if (!v.events) count_down(&v, v.now);
  solve_aheads(&v);
  for (uint32_t i = 0; i < v.each_from; i++) receive(&v, i);
  if (v.each_from == v.each_to) {
    finish(&v);
  } else {
    store_states(&v);
    keep(&v);
    c->finish = finish_apart(&v);
  }
  c->step = v.b.k;
}

/* Kernels of level 1 alone go, steps come. */
static void replace_kernels(IrModule *m, Arena *out) {
  const IrModule before = *m;
  memset(&m->kernels, 0, sizeof m->kernels);
  for (uint32_t i = 0; i < before.kernels.n; i++)
    if (before.kernels.at[i]->kind != KERNEL_RECEIVE && before.kernels.at[i]->kind != KERNEL_LEARN && (ir_kernel_levels(before.kernels.at[i]->kind) & 2))
      ir_module_add(m, out, before.kernels.at[i]);
  for (uint32_t i = 0; i < m->classes.n; i++) {
    IrClass *c = m->classes.at[i];
    if (c->step) ir_module_add(m, out, c->step);
    for (uint32_t j = 0; j < LEARNS; j++)
      if (c->learn[j]) ir_module_add(m, out, c->learn[j]);
    for (uint32_t j = 0; j < c->receive.n; j++)
      if (c->receive.at[j]) ir_module_add(m, out, c->receive.at[j]);
    if (c->finish) ir_module_add(m, out, c->finish);
    for (uint32_t j = 0; j < c->aheads.n; j++) ir_module_add(m, out, c->aheads.at[j].kernel);
  }
}

static void check_tolerance(Session *s, const IrExperiment *x) {
  if (!x->experiment->tolerance || x->experiment->joint || s->errors) return;
  for (uint32_t i = 0; i < x->populations.n; i++) {
    const IrClass *c = x->populations.at[i].class;
    for (uint32_t j = 0; j < c->states.n; j++) {
      const char *method = name_str(s, c->states.at[j].method);
      if (!strcmp(method, "rk45") || !strcmp(method, "taylor") || !strcmp(method, "rosenbrock")) return;
    }
  }
  diag_tolerance_unused(s, x->experiment->tolerance_span, name_str(s, x->experiment->name));
}

IrModule *ir_pass_solve(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; m->level == 1 && i < m->classes.n; i++) {
    IrClass *c = m->classes.at[i];
    solve_find_shown(m, out, c);
    if (!solve_synapses(s, out, c)) solve_class(s, out, c);
    c->flow = c->test = c->fire = c->jumps = NULL;
    for (uint32_t j = 0; j < c->receive.n; j++)
      if (c->ports.at[j].additive) c->receive.at[j] = NULL;
  }
  for (uint32_t i = 0; m->level == 1 && i < m->experiments.n; i++) check_tolerance(s, m->experiments.at[i]);
  if (m->level == 1) replace_kernels(m, out);
  m->level = 2;
  return m;
}

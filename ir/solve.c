/* Level 1 to level 2: one fused `step` for each class, in the order of language.md:
 *   integrate from T-dt to T, add what arrived at T, check, test the spike condition, run the handler, store.
 *
 * Needs: flow, receive (additive), test, fire of level 1; each state stored at most once in each. Gives:
 * `step` with each state loaded once and stored once, and the methods with their reasons in the class.
 * Everything uniform still stands in `step`; hoist.c moves it. A held state keeps its value whatever happens,
 * except that the handler which starts a hold still acts at its own T. */
#include "ir/solve.h"

#include <string.h>

#include "ir/pass.h"
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

static void load_states(Solve *v) {
  Arena *a = v->b.arena;
  v->old = NEW_ARRAY(a, IrVal, v->n + 1);
  v->now = NEW_ARRAY(a, IrVal, v->n + 1);
  v->held = NEW_ARRAY(a, IrVal, v->n + 1);
  v->in_force = NEW_ARRAY(a, IrVal, v->in->holds.n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    const MVar *var = v->in->states.at[i].var;
    v->b.span = var->equation ? var->equation_span : var->span;
    v->old[i] = v->now[i] = load(v, SLOT_STATE, i, var->name, IR_REAL, var->dim);
    v->held[i] = IR_NONE;
  }
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    const IrHold *h = &v->in->holds.at[k];
    v->b.span = h->span;
    v->in_force[k] = load(v, SLOT_HELD, k, hold_name(v, k), IR_BOOL, DIM_NONE);
    for (uint32_t j = 0; j < h->states.n; j++) {
      IrVal *held = &v->held[h->states.at[j]];
      *held = either(&v->b, *held, v->in_force[k]);
    }
  }
  v->dt = ir_nullary(&v->b, IR_DT);
  v->half = alg_mul(&v->b, v->dt, alg_num(&v->b, 0.5));
  v->begin = alg_sub(&v->b, ir_nullary(&v->b, IR_TIME), v->dt);
}

/* Right-hand sides at T-dt, without noise, and their forms over the states. */
static void read_flow(Solve *v) {
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
    v->der[i] = ir_copy_stored(&flow, SLOT_DER, i);
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

/* What one step of noise adds to state i. */
static IrVal add_noise(Solve *v, uint32_t i, IrVal x) {
  IrBuild *b = &v->b;
  const IrForm *f = v->noise_form[i];
  for (uint32_t k = 0; k < v->noise.n; k++) {
    if (f->coef[k] == IR_NONE) continue;
    const IrIns *source = &b->k->ins.at[v->noise.at[k]];
    b->span = source->span;
    IrVal normal = ir_draw(b, IR_NOISE, source->slot, NULL, DIM_NONE), variance = v->dt;
    bool *reach = NEW_ARRAY(b->arena, bool, v->n + 1);
    IrVal own = v->form[i]->linear ? v->form[i]->coef[v->atom[i]] : IR_NONE;
    if (v->method[i] == SOLVE_EXACT && own != IR_NONE && solve_reach(v, i, IR_NONE, reach) == 1)
      variance = alg_mul(b, v->dt, alg_exprel(b, alg_mul(b, alg_num(b, 2), alg_mul(b, own, v->dt))));
    x = alg_fma(b, alg_mul(b, f->coef[k], ir_op1(b, IR_SQRT, variance)), normal, x);
  }
  return v->held[i] == IR_NONE || !v->noise.n ? x : alg_select(b, v->held[i], v->old[i], x);
}

static void integrate(Solve *v) {
  IrVal *next = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  bool rk4 = false;
  for (uint32_t i = 0; i < v->n; i++) {
    next[i] = v->old[i];
    rk4 |= v->method[i] == SOLVE_RK4;
    if (v->der[i] != IR_NONE) v->b.span = v->in->states.at[i].var->equation_span;
    switch (v->method[i]) {
      case SOLVE_EXACT: next[i] = solve_exact(v, i, v->dt); break;
      case SOLVE_EXP_EULER: next[i] = solve_exp_euler(v, i); break;
      case SOLVE_EULER: next[i] = solve_euler(v, i); break;
      case SOLVE_RK4:
      case SOLVE_NONE: break;
    }
  }
  if (rk4) solve_rk4(v, next);
  for (uint32_t i = 0; i < v->n; i++) v->now[i] = v->form[i] ? add_noise(v, i, next[i]) : next[i];
}

/* Handlers are additive (lower_class.c): each stored value is state + coefficient * argument. */
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
  ir_copy_run(&test);
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

static void fire(Solve *v, IrVal spike, IrVal never) {
  if (!v->in->fire) return;
  IrCopy body = ir_copy_of(&v->b, v->in->fire);
  body.state = v->now;
  ir_copy_run(&body);
  IrVal *after = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    IrVal to = ir_copy_stored(&body, SLOT_STATE, i);
    after[i] = v->now[i];
    if (to == IR_NONE) continue;
    v->b.span = v->b.k->ins.at[to].span;
    /* a spike is impossible while `never`; another hold on this state needs its own guard */
    IrVal when = v->held[i] == IR_NONE || v->held[i] == never ? spike : but_not(&v->b, spike, v->held[i]);
    after[i] = alg_select(&v->b, when, to, v->now[i]);
  }
  v->now = after;
}

static void spike(Solve *v) {
  IrBuild *b = &v->b;
  Span span = v->in->component->spikes.at[0]->span;
  b->span = span;
  IrVal never = untested(v), now = but_not(b, condition(v, v->now), never), spikes = now;
  uint32_t prev = IR_NONE;
  b->span = span;
  if (v->in->has_prev) {
    prev = ir_slot(b, SLOT_PREV, 0, (Name){0}, IR_BOOL, DIM_NONE);
    spikes = but_not(b, now, ir_load(b, prev));
  }
  fire(v, spikes, never);
  if (prev != IR_NONE) ir_store(b, prev, but_not(b, condition(v, v->now), never));
  b->span = span;
  ir_store(b, ir_slot(b, SLOT_SPIKE, 0, (Name){0}, IR_BOOL, DIM_NONE), spikes);
}

static void solve_class(Session *s, Arena *out, IrClass *c) {
  Solve v = {.s = s, .c = c, .in = c, .n = c->states.n};
  v.b = (IrBuild){.s = s,
                  .arena = out,
                  .k = ir_kernel(s, out, KERNEL_STEP, name_fmt(s, "step.%s", name_str(s, c->name)))};
  load_states(&v);
  read_flow(&v);
  solve_choose(&v);
  if (v.failed) return;
  integrate(&v);
  for (uint32_t i = 0; i < c->ports.n; i++) receive(&v, i);
  for (uint32_t i = 0; i < v.n; i++) {
    if (v.now[i] == v.old[i]) continue;
    const MVar *var = c->states.at[i].var;
    v.b.span = var->equation ? var->equation_span : var->span;
    ir_check(&v.b, i, v.now[i]);
  }
  if (c->test) spike(&v);
  for (uint32_t i = 0; i < v.n; i++) {
    if (v.now[i] == v.old[i]) continue;
    const MVar *var = c->states.at[i].var;
    v.b.span = var->equation ? var->equation_span : var->span;
    ir_store(&v.b, ir_slot(&v.b, SLOT_STATE, i, var->name, IR_REAL, var->dim), v.now[i]);
  }
  c->step = v.b.k;
}

/* Kernels of level 1 alone go, steps come. */
static void replace_kernels(IrModule *m, Arena *out) {
  const IrModule before = *m;
  memset(&m->kernels, 0, sizeof m->kernels);
  for (uint32_t i = 0; i < before.kernels.n; i++)
    if (ir_kernel_levels(before.kernels.at[i]->kind) & 2) ir_module_add(m, out, before.kernels.at[i]);
  for (uint32_t i = 0; i < m->classes.n; i++)
    if (m->classes.at[i]->step) ir_module_add(m, out, m->classes.at[i]->step);
}

IrModule *ir_pass_solve(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; m->level == 1 && i < m->classes.n; i++) {
    IrClass *c = m->classes.at[i];
    solve_class(s, out, c);
    c->flow = c->test = c->fire = NULL;
    memset(&c->receive, 0, sizeof c->receive);
  }
  if (m->level == 1) replace_kernels(m, out);
  m->level = 2;
  return m;
}

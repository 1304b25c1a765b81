/* Steps of their own length: an embedded pair is repeated within dt until T is reached, each element with its own
 * step, which it keeps for the next dt. Three schemes share the loop: rk45 (Cash-Karp 5(4), here), rosenbrock
 * (solve_implicit.c) and taylor (solve_taylor.c), which says itself what is different.
 *
 * Why Cash-Karp: what arrives at T changes the right-hand side, so the last stage of one dt is never the first
 * of the next, and most elements need one or two steps a dt. Then Dormand-Prince costs 7 evaluations to 6, for
 * an error constant 2.4 times less, which at order 5 is a step 15 % longer: no gain.
 *
 * Error: for each state |e| <= tolerance * (s + max |x|), s the natural unit of its dimension (1 mV, 1 pA, 1 uM,
 * 1 uA/cm^2 ...); the squares are summed over states and must stay below 1. Accepted is the higher order. A step
 * never crosses T; the last two are halved rather than one be tiny. After SOLVE_MOST_STEPS steps the element is given up:
 * its step becomes NaN, which stops the run with the names.
 *
 * Events within dt: where a state of the spike condition can run to infinity in finite time (its own equation
 * grows exponentially with it), the condition is tested before each step as well, the handler runs at once and
 * the rest of dt is integrated from there, a hold being in force already. There is one spike in a dt: a second
 * one waits at the condition for the next dt. */
#include <math.h>

#include "ir/solve.h"
#include "lang/session.h"

enum { STAGES = 6 };

/* 1 mV, 1 pA, 1 ms, 1 uM, 1 K; 10 um, so that densities count in uA/cm^2 and mS/cm^2 */
double solve_scale(Dim d) {
  static const double unit[DIM_BASES] = {[DIM_TIME] = 1,    [DIM_VOLTAGE] = 1, [DIM_CURRENT] = 1,
                                         [DIM_LENGTH] = 10, [DIM_CONC] = 1e-3, [DIM_TEMP] = 1};
  double s = 1;
  for (int i = 0; i < DIM_BASES; i++) s *= pow(unit[i], (double)d.e[i] / DIM_ONE);
  return s;
}

IrVal solve_error_squared(Solve *v, uint32_t i, IrVal error, IrVal x, IrVal y, double tolerance) {
  IrBuild *b = &v->b;
  Dim dim = v->in->states.at[i].var->dim;
  IrVal largest = ir_op2(b, IR_MAX, ir_op1(b, IR_ABS, x), ir_op1(b, IR_ABS, y));
  IrVal scale = alg_fma(b, alg_num(b, tolerance), largest, ir_const(b, tolerance * solve_scale(dim), dim));
  IrVal r = ir_op2(b, IR_DIV, error, scale);
  return ir_op2(b, IR_MUL, r, r);
}

/* ---- the right-hand sides */

void solve_slopes(Solve *v, const SolveStage *at, IrVal *ret) {
  IrBuild *b = &v->b;
  IrVal *x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) x[i] = at->x[i];
  solve_dependents(v, x);
  IrCopy flow = ir_copy_of(b, v->in->flow);
  flow.state = x;
  flow.time = at->time;
  flow.quiet = true;
  ir_copy_run(&flow);
  for (uint32_t i = 0; i < v->n; i++) {
    ret[i] = v->stepped[i] ? ir_copy_stored(&flow, SLOT_DER, i) : IR_NONE;
    if (ret[i] != IR_NONE && v->held[i] != IR_NONE)
      ret[i] = alg_select(b, v->held[i], alg_zero_like(b, ret[i]), ret[i]);
  }
}

IrVal solve_after(Solve *v, IrVal time, double share, IrVal h) {
  return share == 0 ? time : alg_fma(&v->b, alg_num(&v->b, share), h, time);
}

/* ---- Cash-Karp */

static const double c_node[STAGES] = {0, 1.0 / 5, 3.0 / 10, 3.0 / 5, 1, 7.0 / 8};
static const double a_stage[STAGES][STAGES - 1] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {3.0 / 10, -9.0 / 10, 6.0 / 5},
    {-11.0 / 54, 5.0 / 2, -70.0 / 27, 35.0 / 27},
    {1631.0 / 55296, 175.0 / 512, 575.0 / 13824, 44275.0 / 110592, 253.0 / 4096}};
static const double b_fifth[STAGES] = {37.0 / 378, 0, 250.0 / 621, 125.0 / 594, 0, 512.0 / 1771};
static const double b_fourth[STAGES] = {2825.0 / 27648, 0, 18575.0 / 48384, 13525.0 / 55296, 277.0 / 14336, 1.0 / 4};

/* sum of weight * slope of state i, over the first n stages */
static IrVal blend(IrBuild *b, const double *weight, IrVal *const *k, uint32_t n, uint32_t i) {
  IrVal sum = IR_NONE;
  for (uint32_t s = 0; s < n; s++) {
    if (weight[s] == 0) continue;
    IrVal w = alg_num(b, weight[s]);
    sum = sum == IR_NONE ? alg_mul(b, w, k[s][i]) : alg_fma(b, w, k[s][i], sum);
  }
  return sum;
}

static void cash_karp(Solve *v, const SolveStage *from, IrVal h, IrVal *ret_x, IrVal *ret_error) {
  IrBuild *b = &v->b;
  IrVal *k[STAGES];
  SolveStage at = *from;
  double e[STAGES];
  at.x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t s = 0; s < STAGES; s++) {
    k[s] = NEW_ARRAY(b->arena, IrVal, v->n + 1);
    e[s] = b_fifth[s] - b_fourth[s];
    for (uint32_t i = 0; i < v->n; i++)
      at.x[i] = s && v->stepped[i] ? alg_fma(b, h, blend(b, a_stage[s], k, s, i), from->x[i]) : from->x[i];
    at.time = solve_after(v, from->time, c_node[s], h);
    solve_slopes(v, &at, k[s]);
  }
  for (uint32_t i = 0; i < v->n; i++) {
    ret_x[i] = from->x[i];
    if (!v->stepped[i]) continue;
    ret_x[i] = alg_fma(b, h, blend(b, b_fifth, k, STAGES, i), from->x[i]);
    ret_error[i] = alg_mul(b, h, blend(b, e, k, STAGES, i));
  }
}

/* ---- the loop over the steps within one dt */

SolveLoop solve_loop(Solve *v) {
  SolveLoop a = {.v = v, .in_force = v->in_force, .before = IR_NONE, .spiked = IR_NONE, .when = IR_NONE, .waits = IR_NONE};
  a.at.x = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  a.carry = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  return a;
}

void solve_loop_begin(SolveLoop *a, const SolveFirst *first) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  IrVal no = alg_num(b, 0);
  ir_loop(b, SOLVE_MOST_STEPS, first->enters);
  for (uint32_t i = 0; i < v->n; i++)
    a->carry[i] = v->stepped[i] || v->events ? ir_carry(b, first->x[i]) : IR_NONE;
  a->h = ir_carry(b, first->h);
  a->left = ir_carry(b, first->left);
  if (!v->events) return;
  a->before = ir_carry(b, first->before);
  a->spiked = ir_carry(b, no);
  if (!v->located) return;
  a->when = ir_carry(b, no);
  a->was = solve_carry_was(v, first->x);
}

static IrVal has_spiked(const SolveLoop *a) { return ir_op2(&a->v->b, IR_GT, a->spiked, alg_num(&a->v->b, 0.5)); }

/* Tests the condition where the step begins, and runs the handler. */
static void event(SolveLoop *a, IrVal *ret_before, IrVal *ret_spiked) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  IrVal had = has_spiked(a);
  v->now = a->at.x;
  solve_holds(v, a->in_force, had);
  IrVal c = solve_condition(v), rises = ir_op2(b, IR_AND, c, ir_op1(b, IR_NOT, a->before));
  IrVal fires = ir_op2(b, IR_AND, rises, ir_op1(b, IR_NOT, had));
  a->waits = ir_op2(b, IR_AND, rises, had);
  solve_fire(v, fires);
  solve_holds(v, a->in_force, ir_op2(b, IR_OR, had, fires));
  IrVal after = solve_condition(v);
  a->at.x = v->now;
  *ret_before = ir_op3(b, IR_SELECT, fires, after, ir_op3(b, IR_SELECT, a->waits, a->before, c));
  *ret_spiked = ir_op3(b, IR_SELECT, fires, alg_num(b, 1), a->spiked);
  a->at.h = ir_op3(b, IR_SELECT, fires, v->dt, a->h); /* what was right before the spike is not behind it */
}

void solve_loop_step(SolveLoop *a, IrVal *ret_before, IrVal *ret_spiked) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  for (uint32_t i = 0; i < v->n; i++) a->at.x[i] = a->carry[i] == IR_NONE ? v->old[i] : a->carry[i];
  *ret_before = *ret_spiked = IR_NONE;
  a->at.h = a->h;
  if (v->located) {
    solve_holds_left(v, a->at.x);
    *ret_before = a->before, *ret_spiked = a->spiked;
  } else if (v->events) {
    event(a, ret_before, ret_spiked);
  }
  a->at.time = alg_sub(b, ir_nullary(b, IR_TIME), a->left);
}

IrVal solve_loop_cut(const SolveLoop *a, IrVal wanted) {
  IrBuild *b = &a->v->b;
  IrVal half = alg_mul(b, a->left, alg_num(b, 0.5));
  IrVal h = ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, wanted, half), half, wanted);
  IrVal reaches = ir_op2(b, IR_GE, alg_mul(b, wanted, alg_num(b, 1.05)), a->left);
  h = ir_op3(b, IR_SELECT, reaches, a->left, h);
  return a->v->located ? solve_cut_at_holds(a->v, a->at.x, h) : h;
}

/* The end of a turn with spikes where they are within it: fills x. */
static SolveSpiked located_end(SolveLoop *a, IrVal h, IrVal good, IrVal *x) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  for (uint32_t i = 0; i < v->n; i++)
    if (!v->stepped[i]) x[i] = a->at.x[i];
  solve_count_down_by(v, a->at.x, h, x);
  v->now = x;
  SolveSpiked is = {.before = a->before, .spiked = a->spiked, .when = a->when, .was = solve_was_of(v, a->was)};
  SolvePart part = {.from = a->at.x, .begin = a->at.time, .h = h, .left = a->left, .good = good};
  solve_part_end(v, &part, &is);
  for (uint32_t i = 0; i < v->n; i++) x[i] = alg_select(b, good, v->now[i], a->at.x[i]);
  is.left = alg_select(b, good, is.left, a->left);
  return is;
}

void solve_loop_end(SolveLoop *a, IrVal h_next, IrVal h, IrVal good, IrVal *x, IrVal before, IrVal spiked) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  IrVal zero = alg_zero_like(b, a->left), left = IR_NONE;
  SolveSpiked is = {.when = IR_NONE};
  if (v->located) {
    is = located_end(a, h, good, x);
    left = is.left, before = is.before, spiked = is.spiked;
    h_next = ir_op3(b, IR_SELECT, is.fires, v->whole, h_next); /* what was right before the spike is not behind it */
  } else {
    left = alg_select(b, good, alg_sub(b, a->left, h), a->left);
    if (v->events) {
      good = ir_op2(b, IR_AND, good, ir_op1(b, IR_NOT, a->waits));
      left = ir_op3(b, IR_SELECT, a->waits, zero, left);
    }
    for (uint32_t i = 0; i < v->n; i++) x[i] = v->stepped[i] ? alg_select(b, good, x[i], a->at.x[i]) : a->at.x[i];
  }
  IrVal more = ir_op2(b, IR_GT, left, zero);
  for (uint32_t i = 0; i < v->n; i++)
    if (a->carry[i] != IR_NONE) ir_next(b, a->carry[i], x[i]);
  ir_next(b, a->h, h_next);
  ir_next(b, a->left, left);
  if (v->events) ir_next(b, a->before, before);
  if (v->events) ir_next(b, a->spiked, spiked);
  if (v->located) ir_next(b, a->when, is.when);
  if (v->located) solve_next_was(v, a->was, is.was);
  ir_again(b, more);
}

void solve_loop_done(SolveLoop *a, IrVal *ret) {
  Solve *v = a->v;
  for (uint32_t i = 0; i < v->n; i++)
    if (a->carry[i] != IR_NONE) ret[i] = a->carry[i];
  if (!v->events) return;
  v->before = a->before;
  v->spiked = has_spiked(a);
  v->now = ret;
  if (!v->located) {
    solve_holds(v, a->in_force, v->spiked);
    return;
  }
  v->when = a->when;
  v->was = a->was;
  solve_holds_left(v, ret);
}

/* ---- embedded pairs in it */

/* The step after this one. NaN in the error: max takes its second argument, the shortest. */
static IrVal next_step(SolveLoop *a, IrVal h, IrVal squared, IrVal accepted, double order) {
  IrBuild *b = &a->v->b;
  IrVal power = alg_exp(b, alg_mul(b, alg_num(b, -0.5 / order), ir_op1(b, IR_LOG, squared)));
  IrVal factor = alg_mul(b, alg_num(b, 0.9), power);
  factor = ir_op2(b, IR_MIN, ir_op2(b, IR_MAX, factor, alg_num(b, 0.2)), alg_num(b, 5));
  IrVal wanted = alg_mul(b, h, factor), kept = ir_op2(b, IR_MAX, a->at.h, wanted);
  IrVal was_cut = ir_op2(b, IR_AND, accepted, ir_op2(b, IR_LT, h, a->at.h));
  return ir_op2(b, IR_MIN, ir_op3(b, IR_SELECT, was_cut, kept, wanted), a->v->dt);
}

static IrVal squared_error(Solve *v, const IrVal *from, const IrVal *to, const IrVal *error) {
  IrVal sum = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i]) continue;
    IrVal e = solve_error_squared(v, i, error[i], from[i], to[i], v->tolerance);
    sum = sum == IR_NONE ? e : alg_add(&v->b, sum, e);
  }
  return sum;
}

static void body(SolveLoop *a, bool implicit) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  IrVal *x = NEW_ARRAY(b->arena, IrVal, v->n + 1), *error = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal before, spiked;
  solve_loop_step(a, &before, &spiked);
  IrVal h = solve_loop_cut(a, a->at.h);
  if (implicit) solve_rosenbrock(v, &a->at, h, x, error);
  else cash_karp(v, &a->at, h, x, error);
  IrVal squared = squared_error(v, a->at.x, x, error);
  IrVal good = ir_op2(b, IR_LE, squared, alg_num(b, 1));
  solve_loop_end(a, next_step(a, h, squared, good, implicit ? 3 : 5), h, good, x, before, spiked);
}

uint32_t solve_own_state(Solve *v, Dim dim, const char *failure) {
  Arena *a = v->b.arena;
  MVar *var = NEW(v->s->arena, MVar); /* as all of the checked model: it outlives the passes */
  const char *names = "";
  Span span = {0, 0};
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i]) continue;
    const MVar *of = v->in->states.at[i].var;
    names = arena_printf(a, "%s%s%s", names, *names ? ", " : "", name_str(v->s, of->name));
    if (!span.to) span = of->equation_span;
  }
  *var = (MVar){.kind = VAR_STATE, .name = name_fmt(v->s, "%%%s", names), .dim = dim, .unit_scale = 1, .span = span};
  return solve_add_state(v, var, failure);
}

uint32_t solve_add_state(Solve *v, MVar *var, const char *failure) {
  vec_push(v->b.arena, &v->c->states, ((IrState){.var = var, .failure = name_z(v->s, failure)}));
  uint32_t at = v->c->states.n - 1;
  if (!v->c->init) return at; /* of a fit: what `begin` does not store begins as 0 */
  IrBuild init = {.s = v->s, .arena = v->b.arena, .k = v->c->init, .span = var->span};
  ir_store(&init, ir_slot(&init, SLOT_STATE, at, var->name, IR_REAL, var->dim), ir_const(&init, 0, var->dim));
  return at;
}

void solve_keep_own(Solve *v, uint32_t state, IrVal value, IrVal failed) {
  IrBuild *b = &v->b;
  Dim dim = b->k->ins.at[value].dim;
  IrVal kept = ir_op3(b, IR_SELECT, failed, ir_const(b, NAN, dim), value);
  ir_check(b, state, kept);
  ir_store(b, ir_slot(b, SLOT_STATE, state, v->c->states.at[state].var->name, IR_REAL, dim), kept);
}

static SolveFirst first_of(Solve *v, uint32_t step_state, const IrVal *x) {
  IrBuild *b = &v->b;
  IrVal kept = ir_load(b, ir_slot(b, SLOT_STATE, step_state, v->c->states.at[step_state].var->name, IR_REAL,
                                  b->k->ins.at[v->dt].dim));
  IrVal zero = alg_zero_like(b, v->dt);
  SolveFirst first = {.x = x, .left = v->dt, .enters = ir_always(b)};
  first.h = ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, kept, zero), ir_op2(b, IR_MIN, kept, v->dt), v->dt);
  if (v->events) first.before = ir_load(b, ir_slot(b, SLOT_PREV, 0, (Name){0}, IR_BOOL, DIM_NONE));
  return first;
}

void solve_adaptive(Solve *v, SolveMethod by, IrVal *ret) {
  IrBuild *b = &v->b;
  SolveLoop a = solve_loop(v);
  const char *name = by == SOLVE_ROSENBROCK ? "rosenbrock" : "rk45";
  uint32_t step_state = solve_own_state(v, b->k->ins.at[v->dt].dim,
                                        arena_printf(b->arena, "%d steps of %s with tolerance %g did not reach",
                                                     SOLVE_MOST_STEPS, name, v->tolerance));
  SolveFirst first = first_of(v, step_state, ret);
  solve_loop_begin(&a, &first);
  body(&a, by == SOLVE_ROSENBROCK);
  solve_keep_own(v, step_state, a.h, ir_op2(b, IR_GT, a.left, alg_zero_like(b, a.left)));
  solve_loop_done(&a, ret);
}

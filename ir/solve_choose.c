/* Chooses an integrator for each state, by data flow on the right-hand sides:
 *
 * 1. The largest set of states that is closed and linear with coefficients constant over a step is solved
 *    exactly. Coefficients that differ between elements are allowed where the closed form needs no matrix
 *    exponential.
 * 2. The rest falls into groups that do not depend on each other. A group in which every equation is linear
 *    in its own state and that needs exp, tanh or the like (gates) is stepped by exponential Euler: there a
 *    further evaluation would cost as much as a smaller step. Any other group by RK4: without such functions
 *    its stages are cheap, equations that are not linear in their own state leave no exponential form, and where all decays
 *    are constant (a mean field: the functions stand in its drive alone) the exponential form is no better than Euler's.
 * 3. A group with a state whose own equation grows exponentially with it (the spike current of an AdEx cell) can
 *    run to infinity within a step: steps of their own length, by Taylor series, or by RK45 if some function
 *    has no series; and the states that it depends on join it. Where the spike condition reads such a state, all states join, so
 *    that the handler can act within the step (solve_adaptive.c). White noise leaves only rule 2.
 * 4. A group of RK4 with a decay that is known to be too fast for it (dt beyond 2.785 time constants) is stiff:
 *    Rosenbrock, if every function in it has a derivative.
 * 5. `method = ...` of the run overrides all; what it cannot do is an error with the reason.
 *
 * White noise enters linearly. It is added after the drift (solve_noise.c), and for a state
 * that is solved exactly and stands alone with the exact variance, sqrt(dt exprel(2 a dt)). A coefficient that depends
 * on states is taken at T-dt, which is the integral of Ito. */
#include "ir/solve.h"

#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"

bool solve_depends(const Solve *v, uint32_t i, uint32_t j) {
  return v->form[i] && v->atom[j] != IR_NONE && v->form[i]->depends[v->atom[j]];
}

bool solve_frozen(const Solve *v, uint32_t hold, uint32_t state) {
  if (hold == IR_NONE) return false;
  const IrHold *h = &v->in->holds.at[hold];
  for (uint32_t k = 0; k < h->states.n; k++)
    if (h->states.at[k] == state) return true;
  return false;
}

static const char *state_name(const Solve *v, uint32_t i) {
  return name_str(v->s, v->in->states.at[i].var->name);
}

static void set(Solve *v, uint32_t i, SolveMethod method, const char *text, Name reason) {
  v->method[i] = method;
  v->c->states.at[i].method = name_z(v->s, text);
  v->c->states.at[i].reason = reason;
}

/* ---- linear with constant coefficients */

static bool is_uniform(Solve *v, IrVal x) { return x == IR_NONE || !ir_traits(&v->b, x).element; }

/* NULL, or why state i by itself cannot be part of an exact system. */
static const char *not_linear(Solve *v, uint32_t i) {
  const IrForm *f = v->form[i];
  if (!f->linear) return "its equation is not linear";
  for (uint32_t k = 0; k < v->forms.atoms.n; k++)
    if (f->coef[k] != IR_NONE && ir_traits(&v->b, f->coef[k]).time) return "its coefficients depend on t";
  if (f->rest != IR_NONE && ir_traits(&v->b, f->rest).time) return "its drive depends on t within the step";
  return NULL;
}

static bool uniform_rows(Solve *v, const bool *rows) {
  for (uint32_t i = 0; i < v->n; i++)
    for (uint32_t k = 0; rows[i] && k < v->forms.atoms.n; k++)
      if (!is_uniform(v, v->form[i]->coef[k])) return false;
  return true;
}

/* NULL, or why the closed linear system around state i has no propagator here. */
static const char *not_solvable(Solve *v, uint32_t i) {
  bool *reach = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  uint32_t size = solve_reach(v, i, IR_NONE, reach), holds = 0;
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    bool touched = false;
    for (uint32_t j = 0; j < v->n; j++) touched |= j != i && reach[j] && solve_frozen(v, k, j);
    holds += touched;
  }
  if (holds > 1) return "several holds change the system that it belongs to";
  if (solve_closed_form(v, i, IR_NONE)) return NULL;
  if (size > SOLVE_MAX_SYSTEM) return "more than 8 coupled states";
  return uniform_rows(v, reach) ? NULL : "the coefficients of coupled equations differ between elements";
}

/* The largest exact set: why[i] is NULL for its members, else the reason. */
static void find_exact(Solve *v, const char **why) {
  for (uint32_t i = 0; i < v->n; i++) why[i] = v->form[i] ? not_linear(v, i) : "it has no equation";
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = 0; i < v->n; i++) {
      for (uint32_t j = 0; !why[i] && j < v->n; j++)
        if (v->form[j] && why[j] && solve_depends(v, i, j)) {
          why[i] = arena_printf(v->s->arena, "it depends on %s: %s", state_name(v, j), why[j]);
          changed = true;
        }
    }
    for (uint32_t i = 0; !changed && i < v->n; i++) {
      if (why[i]) continue;
      why[i] = not_solvable(v, i);
      changed |= why[i] != NULL;
    }
  }
}

static Name exact_reason(Solve *v, uint32_t i) {
  bool *reach = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  uint32_t n = solve_reach(v, i, IR_NONE, reach);
  if (!uniform_rows(v, reach))
    return name_z(
        v->s, "linear; its coefficients differ between elements, so its factors are computed in every step");
  if (n == 1) return name_z(v->s, "linear with constant coefficients");
  if (solve_closed_form(v, i, IR_NONE))
    return name_fmt(v->s, "linear with constant coefficients, one of %u states", n);
  return name_fmt(v->s, "linear with constant coefficients, %u states by one matrix exponential", n);
}

/* ---- the rest, group by group */

static uint32_t root(uint32_t *group, uint32_t i) {
  while (group[i] != i) i = group[i] = group[group[i]];
  return i;
}

/* The spike condition and its handler can be moved into the step. */
static bool can_test(const Solve *v) {
  const IrKernel *k = v->in->test;
  if (!k || !v->in->fire || !v->in->has_prev) return false;
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (ir_ops[k->ins.at[i].op].flags & IRF_DRAW) return false;
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_OLD) return false;
  return true;
}

/* The spike condition reads the state. */
static bool tested(const Solve *v, uint32_t state) {
  const IrKernel *k = v->in->test;
  for (uint32_t i = 0; k && i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_STATE && k->slots.at[i].index == state) return true;
  return false;
}

/* What runs away is stopped by its spike within the step, or by nothing. */
static bool can_adapt(const Solve *v, uint32_t state) { return !tested(v, state) || can_test(v); }

static Name adaptive_reason(Solve *v, uint32_t i) {
  return name_fmt(v->s, "the equation of %s grows exponentially with it: steps of its own within dt, tolerance %g",
                  state_name(v, i), v->tolerance);
}

/* A decay of the group is too fast for an explicit method: the state, or IR_NONE. */
static uint32_t stiff_state(Solve *v, const uint32_t *group, uint32_t g) {
  uint32_t found = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    if (v->in->states.at[i].stiff) found = i;
    IrTangents t = ir_tangents(&v->b, v->old, v->n, &v->der[i], 1);
    if (t.why || v->noise.n) return IR_NONE;
  }
  return found;
}

static void choose_rk4(Solve *v, const uint32_t *group, uint32_t g, Name reason) {
  uint32_t stiff = stiff_state(v, group, g);
  if (stiff != IR_NONE)
    reason = name_fmt(v->s, "stiff: the time constant of %s is less than dt / 2.785; tolerance %g", state_name(v, stiff),
                      v->tolerance);
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    if (stiff == IR_NONE) set(v, i, SOLVE_RK4, "rk4", reason);
    else set(v, i, SOLVE_ROSENBROCK, "rosenbrock", reason);
  }
}

/* ---- reactions */

/* A state of the group reacts in a way that no method of fixed steps is known to follow: IR_NONE, or the state. Where each
 * state alone relaxes to what the others give (a channel that is open or closed), it is a gate. */
static uint32_t fast_reaction(Solve *v, const uint32_t *group, uint32_t g) {
  uint32_t found = IR_NONE;
  bool coupled = false;
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g || !v->in->states.at[i].var->reacts) continue;
    if (!v->in->states.at[i].slow && found == IR_NONE) found = i;
    coupled |= !solve_own_form(v, i)->linear;
    for (uint32_t j = 0; j < v->n; j++)
      coupled |= j != i && group[j] == g && v->in->states.at[j].var->reacts && solve_depends(v, i, j);
  }
  return coupled ? found : IR_NONE;
}

/* Implicit, if all functions have a derivative. */
static bool choose_reactions(Solve *v, const uint32_t *group, uint32_t g) {
  uint32_t fast = fast_reaction(v, group, g);
  if (fast == IR_NONE) return false;
  for (uint32_t i = 0; i < v->n; i++)
    if (group[i] == g && ir_tangents(&v->b, v->old, v->n, &v->der[i], 1).why) return false;
  bool noise = v->noise.n > 0;
  Name reason = noise ? name_fmt(v->s, "the reactions of %s may be faster than dt, and white noise has no error that a step could be chosen by",
                                 state_name(v, fast))
                      : name_fmt(v->s, "the reactions of %s may be faster than dt: steps of its own within it, tolerance %g", state_name(v, fast),
                                 v->tolerance);
  for (uint32_t i = 0; i < v->n; i++)
    if (group[i] == g) set(v, i, noise ? SOLVE_BACKWARD_EULER : SOLVE_ROSENBROCK, noise ? "backward euler" : "rosenbrock", reason);
  return true;
}

/* Every equation of the group has a constant as the factor of its own state, 0 included. */
static bool constant_decays(Solve *v, const uint32_t *group, uint32_t g) {
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    IrVal own = solve_own_form(v, i)->coef[0];
    if (own != IR_NONE && (!is_uniform(v, own) || ir_traits(&v->b, own).time)) return false;
  }
  return true;
}

static void choose_group(Solve *v, const uint32_t *group, uint32_t g) {
  bool functions = false;
  uint32_t bent = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g || !v->explosive[i] || v->noise.n || !can_adapt(v, i)) continue;
    for (uint32_t j = 0; j < v->n; j++)
      if (group[j] == g) set(v, j, SOLVE_RK45, "rk45", adaptive_reason(v, i));
    return;
  }
  if (choose_reactions(v, group, g)) return;
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    functions |= ir_traits(&v->b, v->der[i]).transcendental;
    if (!solve_own_form(v, i)->linear && bent == IR_NONE) bent = i;
  }
  if (bent != IR_NONE) {
    choose_rk4(v, group, g,
               name_fmt(v->s, "the equation of %s is not linear in %s", state_name(v, bent), state_name(v, bent)));
    return;
  }
  if (!functions) {
    choose_rk4(v, group, g,
               name_z(v->s, "no exp or other costly function in its equations, so four evaluations are cheap"));
    return;
  }
  if (constant_decays(v, group, g)) {
    choose_rk4(v, group, g, name_z(v->s, "every decay in its equations is constant: what is costly stands in their drive, which an exponential step would hold"));
    return;
  }
  for (uint32_t i = 0; i < v->n; i++)
    if (group[i] == g)
      set(v, i, SOLVE_EXP_EULER, "exponential euler",
          name_fmt(v->s, "linear in %s given the others; rates need exp or the like", state_name(v, i)));
}

static void choose_rest(Solve *v, const char *const *why) {
  uint32_t *group = NEW_ARRAY(v->b.arena, uint32_t, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) group[i] = v->form[i] && why[i] ? i : IR_NONE;
  for (uint32_t i = 0; i < v->n; i++)
    for (uint32_t j = 0; j < v->n; j++)
      if (group[i] != IR_NONE && group[j] != IR_NONE && solve_depends(v, i, j))
        group[root(group, i)] = root(group, j);
  for (uint32_t i = 0; i < v->n; i++)
    if (group[i] != IR_NONE) group[i] = root(group, i);
  for (uint32_t i = 0; i < v->n; i++)
    if (group[i] == i) choose_group(v, group, i);
}

/* ---- steps of their own */

/* How a value grows with one state. */
typedef enum { GROWS_NOT, GROWS_BOUNDED, GROWS_LINEAR, GROWS_FASTER, GROWS_EXPONENTIAL } Growth;

static Growth largest(Growth a, Growth b) { return a > b ? a : b; }

static Growth growth_of(IrOp op, const Growth a[4]) {
  Growth all = GROWS_NOT;
  for (int i = 0; i < ir_ops[op].arity; i++) all = largest(all, a[i]);
  if (all == GROWS_NOT) return GROWS_NOT;
  if (op == IR_TANH || op == IR_SIGMOID || op == IR_SIN || op == IR_COS || op == IR_HEAVISIDE) return GROWS_BOUNDED;
  if (op == IR_CLIP && a[1] == GROWS_NOT && a[2] == GROWS_NOT) return GROWS_BOUNDED;
  if (op == IR_EXP || op == IR_EXPM1 || op == IR_EXPREL) return all >= GROWS_LINEAR ? GROWS_EXPONENTIAL : all;
  if (op == IR_LOG || op == IR_LOG1P || op == IR_EXPRELR) return all >= GROWS_LINEAR ? GROWS_LINEAR : all;
  if (op == IR_POW) return a[1] >= GROWS_LINEAR ? GROWS_EXPONENTIAL : GROWS_FASTER;
  if (op == IR_DIV && a[1] == GROWS_EXPONENTIAL) return GROWS_LINEAR; /* 1 / (1 + exp(V)), and ratios of such */
  if ((op == IR_MUL || op == IR_FMA) && a[0] >= GROWS_LINEAR && a[1] >= GROWS_LINEAR) return largest(all, GROWS_FASTER);
  return all;
}

/* Of the right-hand side of state i with the state itself. */
static Growth own_growth(Solve *v, uint32_t i) {
  if (!v->form[i]) return GROWS_NOT;
  Growth *grows = NEW_ARRAY(v->b.arena, Growth, v->der[i] + 1);
  for (IrVal k = 0; k <= v->der[i]; k++) {
    const IrIns *ins = &v->b.k->ins.at[k];
    Growth a[4] = {GROWS_NOT};
    for (int j = 0; j < ir_ops[ins->op].arity; j++) a[j] = grows[ins->arg[j]];
    grows[k] = k == v->old[i] ? GROWS_LINEAR : growth_of((IrOp)ins->op, a);
  }
  return grows[v->der[i]];
}

static bool is_stepped(SolveMethod m) {
  return m == SOLVE_RK45 || m == SOLVE_TAYLOR || m == SOLVE_ROSENBROCK || m == SOLVE_BACKWARD_EULER;
}

/* What stepped states depend on is stepped with them, in one loop. */
static void join_stepped(Solve *v) {
  uint32_t of = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    v->stepped[i] = is_stepped(v->method[i]);
    if (v->stepped[i] && (of == IR_NONE || v->method[i] == SOLVE_ROSENBROCK)) of = i;
  }
  for (uint32_t i = 0; i < v->n; i++) /* one loop: what is stiff decides */
    if (v->stepped[i] && v->method[i] != v->method[of])
      set(v, i, v->method[of], name_str(v->s, v->c->states.at[of].method),
          name_fmt(v->s, "integrated together with %s", state_name(v, of)));
  v->events = false;
  for (uint32_t i = 0; i < v->n; i++)
    v->events |= (v->located && v->stepped[i] && v->method[i] != SOLVE_BACKWARD_EULER) || (v->runaway[i] && v->stepped[i] && v->method[i] != SOLVE_BACKWARD_EULER && tested(v, i) && can_test(v));
  for (bool changed = of != IR_NONE; changed;) {
    changed = false;
    for (uint32_t j = 0; j < v->n; j++) {
      bool joins = v->events;
      for (uint32_t i = 0; i < v->n; i++) joins |= v->stepped[i] && solve_depends(v, i, j);
      if (!joins || v->stepped[j] || !v->form[j]) continue;
      set(v, j, v->method[of], name_str(v->s, v->c->states.at[of].method),
          name_fmt(v->s, "integrated together with %s", state_name(v, of)));
      v->stepped[j] = changed = true;
    }
  }
  if (v->events)
    for (uint32_t i = 0; i < v->n; i++)
      if (v->runaway[i] && v->stepped[i] && tested(v, i))
        v->c->states.at[i].reason = name_fmt(v->s, "%s; the spike condition is tested at each of them",
                                             name_str(v->s, v->c->states.at[i].reason));
  if (of != IR_NONE) v->method_text = name_str(v->s, v->c->states.at[of].method);
}

static void refuse(Solve *v, uint32_t i, const char *method, const char *why) {
  diag_method_impossible(v->s, v->in->states.at[i].var->equation_span, method, state_name(v, i),
                         name_str(v->s, v->in->name), why);
  v->failed = true;
}

/* Steps of their own that the compiler has chosen are Taylor's if all functions have a series. */
static void choose_taylor(Solve *v, const char *const *why) {
  const char *none = v->in->flow ? ir_series_none(v->b.arena, v->in->flow, v->stepped) : NULL;
  bool asked = !name_none(v->in->method);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i]) continue;
    v->exact[i] = !asked && !why[i];
    if (v->method[i] == SOLVE_TAYLOR && none) {
      refuse(v, i, "taylor", arena_printf(v->s->arena, "there is no series for %s", none));
      return;
    }
    if (v->method[i] != SOLVE_RK45 || asked || none) continue;
    set(v, i, SOLVE_TAYLOR, "taylor", v->c->states.at[i].reason);
    v->method_text = "taylor";
  }
}

/* ---- noise */

/* The factor of the noise depends on states. */
static bool is_ito(Solve *v, uint32_t i) {
  const IrForm *f = v->noise_form[i];
  bool r = false;
  for (uint32_t k = 0; k < v->noise.n; k++) {
    if (!f->linear || f->coef[k] == IR_NONE) continue;
    const IrForm *c = ir_form(&v->forms, f->coef[k]);
    for (uint32_t j = 0; j < v->forms.atoms.n; j++) r |= c->depends[j];
  }
  return r;
}

static void shared_reason(Solve *v, uint32_t i, const SolveNoise *g) {
  const char *with = "";
  for (uint32_t p = 0; p < g->n; p++)
    if (g->state[p] != i) with = arena_printf(v->s->arena, "%s%s%s", with, *with ? ", " : "", state_name(v, g->state[p]));
  v->c->states.at[i].reason = name_fmt(v->s, "%s; noise with its exact covariance over a step, together with %s",
                                       name_str(v->s, v->c->states.at[i].reason), with);
}

static void choose_noise(Solve *v, uint32_t i) {
  const IrForm *f = v->noise_form[i];
  const SolveNoise *g = v->shared[i];
  bool any = false;
  Span span = v->in->states.at[i].var->equation_span;
  for (uint32_t k = 0; k < v->noise.n; k++) any |= f->depends[k];
  if (g && g->exact && g->n > 1) {
    shared_reason(v, i, g);
    return;
  }
  if (!any) return;
  if (v->method[i] == SOLVE_RK45 || v->method[i] == SOLVE_TAYLOR || v->method[i] == SOLVE_ROSENBROCK) {
    diag_method_impossible(v->s, v->in->states.at[i].var->equation_span, v->method_text, state_name(v, i),
                           name_str(v->s, v->in->name),
                           "white noise has no error estimate that a step could be chosen by");
    v->failed = true;
    return;
  }
  if (!f->linear) {
    diag_noise_not_linear(v->s, span, state_name(v, i));
    v->failed = true;
    return;
  }
  IrState *state = &v->c->states.at[i];
  if (v->ito[i]) {
    state->reason = name_fmt(v->s, "noise that depends on the state, in the sense of Ito: sqrt(dt) * normal times its factor "
                                   "at the start of the step; drift by %s: %s",
                             name_str(v->s, state->method), name_str(v->s, state->reason));
    state->method = name_z(v->s, "euler-maruyama");
    return;
  }
  if (g && g->exact) {
    state->reason = name_fmt(v->s, "%s; noise with its exact variance over a step",
                             name_str(v->s, state->reason));
    return;
  }
  state->reason = name_fmt(v->s, "additive noise, sqrt(dt) * normal for each step; drift by %s: %s",
                           name_str(v->s, state->method), name_str(v->s, state->reason));
  state->method = name_z(v->s, "euler-maruyama");
}

/* ---- `method = …` */

static void choose_asked(Solve *v, const char *asked, const char *const *why) {
  Name reason = name_fmt(v->s, "asked for by `method = %s`", asked);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->form[i]) continue;
    if (!strcmp(asked, "rk4")) set(v, i, SOLVE_RK4, "rk4", reason);
    else if (!strcmp(asked, "rk45"))
      set(v, i, SOLVE_RK45, "rk45", name_fmt(v->s, "%s, tolerance %g", name_str(v->s, reason), v->tolerance));
    else if (!strcmp(asked, "taylor"))
      set(v, i, SOLVE_TAYLOR, "taylor", name_fmt(v->s, "%s, tolerance %g", name_str(v->s, reason), v->tolerance));
    else if (!strcmp(asked, "rosenbrock"))
      set(v, i, SOLVE_ROSENBROCK, "rosenbrock",
          name_fmt(v->s, "%s, tolerance %g", name_str(v->s, reason), v->tolerance));
    else if (!strcmp(asked, "backward_euler")) set(v, i, SOLVE_BACKWARD_EULER, "backward euler", reason);
    else if (!strncmp(asked, "euler", 5))
      set(v, i, SOLVE_EULER, "euler", reason); /* euler_maruyama: see choose_noise */
    else if (!strcmp(asked, "exact")) {
      if (why[i]) refuse(v, i, asked, why[i]);
      set(v, i, SOLVE_EXACT, "exact", reason);
    } else {
      if (!solve_own_form(v, i)->linear)
        refuse(v, i, asked, arena_printf(v->s->arena, "its equation is not linear in %s", state_name(v, i)));
      set(v, i, SOLVE_EXP_EULER, "exponential euler", reason);
    }
  }
}

void solve_choose(Solve *v) {
  v->ito = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  const char **why = NEW_ARRAY(v->b.arena, const char *, v->n + 1);
  v->tolerance = v->in->tolerance > 0 ? v->in->tolerance : 1e-6;
  v->stepped = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  v->exact = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  v->explosive = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  v->runaway = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    Growth g = own_growth(v, i);
    v->explosive[i] = g == GROWS_EXPONENTIAL;
    v->runaway[i] = g >= GROWS_FASTER;
  }
  find_exact(v, why);
  for (uint32_t i = 0; i < v->n; i++)
    if (v->in->states.at[i].var->counts && v->in->leaps)
      set(v, i, SOLVE_NONE, "tau-leaping",
          name_z(v->s, "asked for by `jumps = tau_leaping`: dt is one leap with the rates at its begin, Poisson and binomial numbers of jumps"));
    else if (v->in->states.at[i].var->counts)
      set(v, i, SOLVE_NONE, "jump by jump",
          name_fmt(v->s, "whole numbers: each reaction at its own time (Gillespie's direct method), %s; what else is in the rates is held over dt",
                   solve_jumps_cost(v)));
    else if (v->follows[i]) set(v, i, SOLVE_NONE, "conservation", name_z(v->s, "what is left of a total that no reaction changes"));
    else if (!v->form[i]) set(v, i, SOLVE_NONE, "none", name_z(v->s, "no equation: changed by events only"));
  if (!name_none(v->in->method)) {
    choose_asked(v, name_str(v->s, v->in->method), why);
  } else {
    for (uint32_t i = 0; i < v->n; i++)
      if (v->form[i] && !why[i]) set(v, i, SOLVE_EXACT, "exact", exact_reason(v, i));
    choose_rest(v, why);
  }
  join_stepped(v);
  choose_taylor(v, why);
  for (uint32_t i = 0; i < v->n; i++) v->ito[i] = v->form[i] && is_ito(v, i);
  solve_find_noise(v);
  for (uint32_t i = 0; i < v->n && !v->failed; i++)
    if (v->form[i]) choose_noise(v, i);
}

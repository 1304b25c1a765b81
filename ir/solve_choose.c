/* Chooses an integrator for each state, by data flow on the right-hand sides:
 *
 * 1. The largest set of states that is closed and linear with coefficients constant over a step is solved
 *    exactly. Coefficients that differ between elements are allowed where the closed form needs no matrix
 *    exponential.
 * 2. The rest falls into groups that do not depend on each other. A group in which every equation is linear
 *    in its own state and that needs exp, tanh or the like (gates) is stepped by exponential Euler: there a
 *    further evaluation would cost as much as a smaller step. Any other group by RK4: without such functions
 *    its stages are cheap, and equations that are not linear in their own state leave no exponential form.
 * 3. `method = ...` of the run overrides all; what it cannot do is an error with the reason.
 *
 * White noise enters linearly. It is added after the drift: coefficient * sqrt(dt) * normal, and for a state
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

static void choose_group(Solve *v, const uint32_t *group, uint32_t g) {
  bool functions = false;
  uint32_t bent = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    functions |= ir_traits(&v->b, v->der[i]).transcendental;
    if (!solve_own_form(v, i)->linear && bent == IR_NONE) bent = i;
  }
  for (uint32_t i = 0; i < v->n; i++) {
    if (group[i] != g) continue;
    if (bent != IR_NONE)
      set(v, i, SOLVE_RK4, "rk4",
          name_fmt(v->s, "the equation of %s is not linear in %s", state_name(v, bent), state_name(v, bent)));
    else if (functions)
      set(v, i, SOLVE_EXP_EULER, "exponential euler",
          name_fmt(v->s, "linear in %s given the others; rates need exp or the like", state_name(v, i)));
    else
      set(v, i, SOLVE_RK4, "rk4",
          name_z(v->s, "no exp or other costly function in its equations, so four evaluations are cheap"));
  }
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

/* ---- noise */

static void choose_noise(Solve *v, uint32_t i) {
  const IrForm *f = v->noise_form[i];
  bool any = false;
  Span span = v->in->states.at[i].var->equation_span;
  for (uint32_t k = 0; k < v->noise.n; k++) {
    any |= f->depends[k];
    if (!f->linear || f->coef[k] == IR_NONE) continue;
    const IrForm *c = ir_form(&v->forms, f->coef[k]);
    for (uint32_t j = 0; j < v->forms.atoms.n; j++) v->ito[i] |= c->depends[j];
  }
  if (!any) return;
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
  bool *reach = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  if (v->method[i] == SOLVE_EXACT && solve_reach(v, i, IR_NONE, reach) == 1) {
    state->reason = name_fmt(v->s, "%s; noise with its exact variance over a step",
                             name_str(v->s, state->reason));
    return;
  }
  state->reason = name_fmt(v->s, "additive noise, sqrt(dt) * normal for each step; drift by %s: %s",
                           name_str(v->s, state->method), name_str(v->s, state->reason));
  state->method = name_z(v->s, "euler-maruyama");
}

/* ---- `method = …` */

static void refuse(Solve *v, uint32_t i, const char *method, const char *why) {
  diag_method_impossible(v->s, v->in->states.at[i].var->equation_span, method, state_name(v, i),
                         name_str(v->s, v->in->name), why);
  v->failed = true;
}

static void choose_asked(Solve *v, const char *asked, const char *const *why) {
  Name reason = name_fmt(v->s, "asked for by `method = %s`", asked);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->form[i]) continue;
    if (!strcmp(asked, "rk4")) set(v, i, SOLVE_RK4, "rk4", reason);
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
  find_exact(v, why);
  for (uint32_t i = 0; i < v->n; i++)
    if (!v->form[i]) set(v, i, SOLVE_NONE, "none", name_z(v->s, "no equation: changed by events only"));
  if (!name_none(v->in->method)) {
    choose_asked(v, name_str(v->s, v->in->method), why);
  } else {
    for (uint32_t i = 0; i < v->n; i++)
      if (v->form[i] && !why[i]) set(v, i, SOLVE_EXACT, "exact", exact_reason(v, i));
    choose_rest(v, why);
  }
  for (uint32_t i = 0; i < v->n && !v->failed; i++)
    if (v->form[i]) choose_noise(v, i);
}

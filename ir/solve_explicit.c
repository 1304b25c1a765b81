/* The schemes that evaluate the right-hand sides: classical Runge-Kutta of order 4, exponential Euler, and
 * Euler where a model asks for it. Inputs and everything that has no equation stand still within the step.
 *
 * RK4 sees states with an exact solution at the times of its stages (T-dt, T-dt/2, T), so the order 4 is kept
 * when, say, conductances decay exactly. Exponential Euler solves each state exactly with all others frozen
 * at T-dt: order 1, stable for any dt; x_inf + (x - x_inf) exp(a dt) where a surely is not 0, else x + f dt
 * exprel(a dt), which holds for a = 0 too. */
#include "ir/solve.h"

#include "lang/session.h"

const IrForm *solve_own_form(Solve *v, uint32_t i) {
  IrForms own = ir_forms(&v->b, &v->old[i], 1);
  return ir_form(&own, v->der[i]);
}

IrVal solve_euler(Solve *v, uint32_t i) {
  v->b.span = v->b.k->ins.at[v->der[i]].span;
  IrVal r = alg_fma(&v->b, v->der[i], v->dt, v->old[i]);
  return v->held[i] == IR_NONE ? r : alg_select(&v->b, v->held[i], v->old[i], r);
}

IrVal solve_exp_euler(Solve *v, uint32_t i) {
  IrBuild *b = &v->b;
  const IrForm *f = solve_own_form(v, i);
  IrVal a = f->coef[0], x = v->old[i], r;
  b->span = b->k->ins.at[v->der[i]].span;
  if (a == IR_NONE) return solve_euler(v, i);
  IrVal z = alg_mul(b, a, v->dt);
  if (f->rest == IR_NONE) {
    r = alg_mul(b, x, alg_exp(b, z));
  } else if (alg_nonzero(b, a)) {
    IrVal steady = alg_div(b, f->rest, alg_neg(b, a));
    r = alg_fma(b, alg_sub(b, x, steady), alg_exp(b, z), steady);
  } else {
    r = alg_fma(b, alg_mul(b, v->der[i], v->dt), alg_exprel(b, z), x);
  }
  return v->held[i] == IR_NONE ? r : alg_select(b, v->held[i], x, r);
}

/* Some other state of the scheme sees state i, so while it is held its stages must stand still too. */
static bool is_seen(const Solve *v, uint32_t i) {
  for (uint32_t j = 0; j < v->n; j++)
    if (j != i && v->method[j] == SOLVE_RK4 && solve_depends(v, j, i)) return true;
  return false;
}

/* The slopes at one stage; `at` are the states, exact ones advanced by h (IR_NONE: 0). */
static void stage(Solve *v, IrVal *at, IrVal h, IrVal time, IrVal *ret_slope) {
  IrVal *state = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    state[i] = v->method[i] == SOLVE_RK4 ? at[i] : v->old[i];
    if (v->method[i] == SOLVE_EXACT && h != IR_NONE) state[i] = solve_exact(v, i, h);
  }
  solve_dependents(v, state);
  IrCopy flow = ir_copy_of(&v->b, v->in->flow);
  flow.state = state;
  flow.time = time;
  flow.quiet = true;
  ir_copy_run(&flow);
  for (uint32_t i = 0; i < v->n; i++) {
    if (v->method[i] != SOLVE_RK4) continue;
    IrVal k = ir_copy_stored(&flow, SLOT_DER, i);
    ret_slope[i] = v->held[i] == IR_NONE || !is_seen(v, i)
                     ? k
                     : alg_select(&v->b, v->held[i], alg_zero_like(&v->b, k), k);
  }
}

static void stage_states(Solve *v, IrVal h, const IrVal *slope, IrVal *ret_at) {
  for (uint32_t i = 0; i < v->n; i++)
    if (v->method[i] == SOLVE_RK4) ret_at[i] = alg_fma(&v->b, h, slope[i], v->old[i]);
}

void solve_rk4(Solve *v, IrVal *ret) {
  IrBuild *b = &v->b;
  IrVal *k[4], *at = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (int n = 0; n < 4; n++) k[n] = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal middle = alg_sub(b, v->end, v->half), end = v->end;
  for (uint32_t i = 0; i < v->n; i++) at[i] = v->old[i];
  stage(v, at, IR_NONE, v->begin, k[0]);
  stage_states(v, v->half, k[0], at);
  stage(v, at, v->half, middle, k[1]);
  stage_states(v, v->half, k[1], at);
  stage(v, at, v->half, middle, k[2]);
  stage_states(v, v->dt, k[2], at);
  stage(v, at, v->dt, end, k[3]);
  IrVal sixth = alg_mul(b, v->dt, alg_num(b, 1.0 / 6)), two = alg_num(b, 2);
  for (uint32_t i = 0; i < v->n; i++) {
    if (v->method[i] != SOLVE_RK4) continue;
    IrVal sum = alg_fma(b, two, alg_add(b, k[1][i], k[2][i]), alg_add(b, k[0][i], k[3][i]));
    IrVal r = alg_fma(b, sixth, sum, v->old[i]);
    ret[i] = v->held[i] == IR_NONE ? r : alg_select(b, v->held[i], v->old[i], r);
  }
}

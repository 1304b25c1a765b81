/* Exact propagators for linear systems with coefficients that are constant over the step: x(T) = P x(T-h) +
 * Phi c.
 *
 * Closed forms where a state depends directly on states that decay on their own (synaptic currents): the
 * entry is a divided difference of the exponential, exp[a, b] = h exp(max(a, b) h) exprel(-|a - b| h), which
 * has no cancellation for nearly equal a and b (relative error: a few units in the last place, for any a, b
 * <= 0). Everything else (chains such as alpha functions, coupled states) by one matrix exponential, written
 * out as scalar operations with the zeros of the structure left out: expm1 by its Taylor polynomial of degree
 * 10 of A h / 2^10, then ten squarings E <- 2 E + E E, which keep small entries accurate. Truncation: 6e-15
 * for |A| h = 256, 3e-8 for 1000. What is uniform here moves to `derive` (hoist.c), so it is computed once,
 * in float64. */
#include "ir/solve.h"

#include "lang/session.h"

enum { TAYLOR_DEGREE = 10, SQUARINGS = 10 };

static IrVal coef_of(const Solve *v, uint32_t i, uint32_t j, uint32_t frozen) {
  if (solve_frozen(v, frozen, i) || v->atom[j] == IR_NONE) return IR_NONE;
  return v->form[i]->coef[v->atom[j]];
}
static IrVal rest_of(const Solve *v, uint32_t i, uint32_t frozen) {
  return solve_frozen(v, frozen, i) ? IR_NONE : v->form[i]->rest;
}

static bool stands_alone(const Solve *v, uint32_t j, uint32_t frozen) {
  for (uint32_t k = 0; k < v->n; k++)
    if (k != j && coef_of(v, j, k, frozen) != IR_NONE) return false;
  return rest_of(v, j, frozen) == IR_NONE;
}

bool solve_closed_form(const Solve *v, uint32_t i, uint32_t frozen) {
  for (uint32_t j = 0; j < v->n; j++)
    if (j != i && coef_of(v, i, j, frozen) != IR_NONE && !stands_alone(v, j, frozen)) return false;
  return true;
}

uint32_t solve_reach(const Solve *v, uint32_t i, uint32_t frozen, bool *ret) {
  uint32_t n = 1;
  for (uint32_t j = 0; j < v->n; j++) ret[j] = j == i;
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t j = 0; j < v->n; j++) {
      if (!ret[j]) continue;
      for (uint32_t k = 0; k < v->n; k++) {
        if (ret[k] || coef_of(v, j, k, frozen) == IR_NONE) continue;
        ret[k] = grown = true;
        n++;
      }
    }
  }
  return n;
}

/* exp(a h); a may be absent */
static IrVal decay(IrBuild *b, IrVal a, IrVal h) {
  return a == IR_NONE ? alg_num(b, 1) : alg_exp(b, alg_mul(b, a, h));
}

/* The divided difference of exp(. h) at a and b. */
static IrVal divided(IrBuild *b, IrVal p, IrVal q, IrVal h) {
  if (p == IR_NONE && q == IR_NONE) return h;
  if (p == IR_NONE || q == IR_NONE) return alg_mul(b, h, alg_exprel(b, alg_mul(b, p == IR_NONE ? q : p, h)));
  if (p == q) return alg_mul(b, h, alg_exp(b, alg_mul(b, p, h)));
  IrVal largest = ir_op2(b, IR_MAX, p, q), apart = ir_op1(b, IR_ABS, alg_sub(b, p, q));
  IrVal rel = alg_exprel(b, alg_neg(b, alg_mul(b, apart, h)));
  return alg_mul(b, alg_mul(b, h, alg_exp(b, alg_mul(b, largest, h))), rel);
}

static IrVal plus(IrBuild *b, IrVal sum, IrVal x, IrVal y) {
  return sum == IR_NONE ? alg_mul(b, x, y) : alg_fma(b, x, y, sum);
}

/* sum + factor * (the constant drive `rest`), term by term of its sources, so that factor * coefficient can
 * be hoisted */
static IrVal plus_drive(Solve *v, IrVal sum, IrVal factor, IrVal rest) {
  IrBuild *b = &v->b;
  IrVal sources[64];
  uint32_t n = 0;
  bool *seen = NEW_ARRAY(b->arena, bool, rest + 1);
  seen[rest] = true;
  for (uint32_t k = rest + 1; k-- > 0;) {
    const IrIns *ins = &b->k->ins.at[k];
    if (!seen[k]) continue;
    for (int i = 0; i < ir_ops[ins->op].arity; i++) seen[ins->arg[i]] = true;
    if (ins->op == IR_LOAD && b->k->slots.at[ins->slot].kind != SLOT_UNIFORM && n < COUNT_OF(sources))
      sources[n++] = k;
  }
  IrForms forms = ir_forms(b, sources, n);
  const IrForm *f = ir_form(&forms, rest);
  if (!f->linear) return plus(b, sum, factor, rest);
  if (f->rest != IR_NONE) {
    IrVal constant = alg_mul(b, factor, f->rest);
    sum = sum == IR_NONE ? constant : alg_add(b, sum, constant);
  }
  for (uint32_t i = 0; i < n; i++)
    if (f->coef[i] != IR_NONE) sum = plus(b, sum, alg_mul(b, factor, f->coef[i]), sources[i]);
  return sum;
}

static IrVal closed_form(Solve *v, uint32_t i, IrVal h, uint32_t frozen) {
  IrBuild *b = &v->b;
  IrVal own = coef_of(v, i, i, frozen), rest = rest_of(v, i, frozen), sum = IR_NONE;
  if (rest != IR_NONE) sum = plus_drive(v, sum, divided(b, own, IR_NONE, h), rest);
  for (uint32_t j = 0; j < v->n; j++) {
    IrVal c = coef_of(v, i, j, frozen);
    if (j == i || c == IR_NONE) continue;
    sum = plus(b, sum, alg_mul(b, c, divided(b, own, coef_of(v, j, j, frozen), h)), v->old[j]);
  }
  return plus(b, sum, decay(b, own, h), v->old[i]);
}

/* ---- the matrix exponential, entries absent where the structure has zeros */

IrVal *solve_matrix(Solve *v, uint32_t n) {
  IrVal *m = NEW_ARRAY(v->b.arena, IrVal, (size_t)n * n);
  for (uint32_t i = 0; i < n * n; i++) m[i] = IR_NONE;
  return m;
}

/* start + x y */
IrVal *solve_matrix_mul_add(Solve *v, uint32_t n, const IrVal *start, const IrVal *x, const IrVal *y) {
  IrVal *r = solve_matrix(v, n);
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = 0; j < n; j++) {
      IrVal sum = start[i * n + j];
      for (uint32_t k = 0; k < n; k++)
        if (x[i * n + k] != IR_NONE && y[k * n + j] != IR_NONE)
          sum = plus(&v->b, sum, x[i * n + k], y[k * n + j]);
      r[i * n + j] = sum;
    }
  return r;
}

IrVal *solve_matrix_scaled(Solve *v, uint32_t n, const IrVal *x, IrVal factor) {
  IrVal *r = solve_matrix(v, n);
  for (uint32_t i = 0; i < n * n; i++)
    if (x[i] != IR_NONE) r[i] = alg_mul(&v->b, x[i], factor);
  return r;
}

static IrVal *matrix_expm1(Solve *v, uint32_t n, const IrVal *a, IrVal h) {
  IrBuild *b = &v->b;
  IrVal *x = solve_matrix_scaled(v, n, a, alg_mul(b, h, alg_num(b, 1.0 / (1 << SQUARINGS))));
  IrVal *e = solve_matrix_scaled(v, n, x, alg_num(b, 1.0 / TAYLOR_DEGREE));
  for (int k = TAYLOR_DEGREE - 1; k >= 1; k--)
    e = solve_matrix_scaled(v, n, solve_matrix_mul_add(v, n, x, x, e), alg_num(b, 1.0 / k));
  for (int k = 0; k < SQUARINGS; k++) e = solve_matrix_mul_add(v, n, solve_matrix_scaled(v, n, e, alg_num(b, 2)), e, e);
  return e;
}

static SolveSystem *system_find(Solve *v, uint32_t i, uint32_t frozen, IrVal h) {
  for (uint32_t k = 0; k < v->systems.n; k++) {
    SolveSystem *y = &v->systems.at[k];
    if (y->frozen != frozen || y->h != h) continue;
    for (uint32_t j = 0; j < y->n_members; j++)
      if (y->state[j] == i) return y;
  }
  return NULL;
}

static SolveSystem *system_new(Solve *v, uint32_t i, uint32_t frozen, IrVal h) {
  IrBuild *b = &v->b;
  bool *reach = NEW_ARRAY(b->arena, bool, v->n);
  SolveSystem y = {.frozen = frozen, .h = h, .n_members = solve_reach(v, i, frozen, reach)};
  y.state = NEW_ARRAY(b->arena, uint32_t, 2 * (size_t)y.n_members);
  for (uint32_t j = 0; j < v->n; j++)
    if (reach[j]) y.state[y.n++] = j;
  for (uint32_t j = 0; j < y.n_members; j++)
    if (rest_of(v, y.state[j], frozen) != IR_NONE) y.state[y.n++] = y.state[j];
  IrVal *a = solve_matrix(v, y.n);
  for (uint32_t p = 0; p < y.n_members; p++)
    for (uint32_t q = 0; q < y.n; q++) {
      if (q < y.n_members) a[p * y.n + q] = coef_of(v, y.state[p], y.state[q], frozen);
      else if (y.state[q] == y.state[p]) a[p * y.n + q] = alg_num(b, 1);
    }
  y.p = matrix_expm1(v, y.n, a, h);
  for (uint32_t p = 0; p < y.n; p++) {
    IrVal *d = &y.p[p * y.n + p];
    bool coupled = false; /* in a cycle with another member: then only the matrix knows the diagonal */
    for (uint32_t q = 0; q < y.n_members && p < y.n_members; q++) {
      bool *back = NEW_ARRAY(b->arena, bool, v->n);
      if (q == p || coef_of(v, y.state[p], y.state[q], frozen) == IR_NONE) continue;
      solve_reach(v, y.state[q], frozen, back);
      coupled |= back[y.state[p]];
    }
    if (coupled) *d = *d == IR_NONE ? alg_num(b, 1) : alg_add(b, *d, alg_num(b, 1));
    else *d = decay(b, p < y.n_members ? coef_of(v, y.state[p], y.state[p], frozen) : IR_NONE, h);
  }
  vec_push(b->arena, &v->systems, y);
  return &v->systems.at[v->systems.n - 1];
}

static IrVal by_matrix(Solve *v, uint32_t i, IrVal h, uint32_t frozen) {
  SolveSystem *found = system_find(v, i, frozen, h);
  SolveSystem y = found ? *found : *system_new(v, i, frozen, h);
  uint32_t row = 0;
  while (y.state[row] != i) row++;
  IrVal sum = IR_NONE;
  for (uint32_t q = y.n; q-- > 0;) {
    IrVal p = y.p[row * y.n + q];
    if (p == IR_NONE) continue;
    if (q >= y.n_members) sum = plus_drive(v, sum, p, rest_of(v, y.state[q], frozen));
    else if (y.state[q] != i) sum = plus(&v->b, sum, p, v->old[y.state[q]]);
  }
  return plus(&v->b, sum, y.p[row * y.n + row], v->old[i]);
}

static IrVal advance(Solve *v, uint32_t i, IrVal h, uint32_t frozen) {
  if (solve_frozen(v, frozen, i)) return v->old[i];
  return solve_closed_form(v, i, frozen) ? closed_form(v, i, h, frozen) : by_matrix(v, i, h, frozen);
}

/* While a hold is in force, its states are constants for all others. */
IrVal solve_exact(Solve *v, uint32_t i, IrVal h) {
  bool *reach = NEW_ARRAY(v->b.arena, bool, v->n);
  solve_reach(v, i, IR_NONE, reach);
  IrVal r = advance(v, i, h, IR_NONE);
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    bool touched = false;
    for (uint32_t j = 0; j < v->n; j++) touched |= j != i && reach[j] && solve_frozen(v, k, j);
    if (!touched) continue;
    r = alg_select(&v->b, v->in_force[k], advance(v, i, h, k), r);
  }
  return v->held[i] == IR_NONE ? r : alg_select(&v->b, v->held[i], v->old[i], r);
}

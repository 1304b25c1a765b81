/* What one step of white noise adds to the states.
 *
 * Exact where it can be: states that are solved exactly and additive noise of constant strength are a Gaussian
 * process, whose increment over dt has mean 0 and covariance Q(dt) = integral of exp(A s) G G' exp(A' s). States
 * that noise reaches together (a filtered current and the voltage behind it) get correlated increments L z, where
 * L L' = Q (Cholesky) and z are independent normal numbers; one state by itself has the closed form
 * dt exprel(2 a dt).
 *
 * Method for Q: its Taylor polynomial at dt / 2^10 (degree 10 of the Lyapunov operator; truncation 2e-11 for
 * |A| dt = 256), then ten doublings Q <- Q + P Q P', P <- P P with P = 1 + E and E <- 2 E + E E: sums of
 * covariances, without the cancellation of Van Loan's block exponential for stiff A. All of it is uniform, so it is
 * computed once, in setup and in float64. A pivot of 0 (no noise) makes its column 0.
 *
 * Else Euler-Maruyama: factor * sqrt(dt) * normal, the factor taken at T-dt (Ito). */
#include "ir/solve.h"

#include "lang/session.h"

enum { SQUARINGS = 10, DEGREE = 10, MOST = 6 };

/* ---- which states share noise */

static bool has_noise(const Solve *v, uint32_t i) {
  for (uint32_t k = 0; k < v->noise.n; k++)
    if (v->noise_form[i]->depends[k]) return true;
  return false;
}

static bool constant(Solve *v, IrVal x) {
  if (x == IR_NONE) return true;
  IrTraits t = ir_traits(&v->b, x);
  return !t.element && !t.time && !t.noise;
}

/* Exact, noise constant and additive, or none. */
static bool takes_part(const Solve *v, uint32_t i) {
  return v->form[i] && v->method[i] == SOLVE_EXACT && v->noise_form[i]->linear && !v->ito[i];
}

static bool coupled(const Solve *v, uint32_t i, uint32_t j) {
  if (solve_depends(v, i, j) || solve_depends(v, j, i)) return true;
  for (uint32_t k = 0; k < v->noise.n; k++)
    if (v->noise_form[i]->coef[k] != IR_NONE && v->noise_form[j]->coef[k] != IR_NONE) return true;
  return false;
}

/* Rates and strengths that are the same for all elements and at all times. */
static bool all_constant(Solve *v, const SolveNoise *g) {
  for (uint32_t p = 0; p < g->n; p++) {
    uint32_t i = g->state[p];
    for (uint32_t q = 0; q < g->n; q++)
      if (!constant(v, v->form[i]->coef[v->atom[g->state[q]]])) return false;
    for (uint32_t k = 0; k < v->noise.n; k++)
      if (!constant(v, v->noise_form[i]->coef[k])) return false;
  }
  return true;
}

static void find_group(Solve *v, const bool *reached, uint32_t first) {
  Arena *a = v->b.arena;
  SolveNoise *g = NEW(a, SolveNoise);
  bool *in = NEW_ARRAY(a, bool, v->n + 1);
  in[first] = true;
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t i = 0; i < v->n; i++)
      for (uint32_t j = 0; in[i] && j < v->n; j++)
        if (reached[j] && !in[j] && coupled(v, i, j)) in[j] = grown = true;
  }
  g->state = NEW_ARRAY(a, uint32_t, v->n + 1);
  for (int noisy = 1; noisy >= 0; noisy--) /* sources first: their increments do not depend on a hold of the others */
    for (uint32_t i = 0; i < v->n; i++)
      if (in[i] && has_noise(v, i) == (noisy != 0)) g->state[g->n++] = i;
  g->exact = g->n == 1 || (g->n <= MOST && all_constant(v, g));
  for (uint32_t p = 0; p < g->n; p++) v->shared[g->state[p]] = g;
}

void solve_find_noise(Solve *v) {
  v->shared = NEW_ARRAY(v->b.arena, SolveNoise *, v->n + 1);
  bool *reached = NEW_ARRAY(v->b.arena, bool, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) reached[i] = v->noise.n && takes_part(v, i) && has_noise(v, i);
  for (bool grown = true; grown;) {
    grown = false;
    for (uint32_t i = 0; i < v->n; i++)
      for (uint32_t j = 0; !reached[i] && j < v->n; j++)
        if (reached[j] && takes_part(v, i) && solve_depends(v, i, j)) reached[i] = grown = true;
  }
  for (uint32_t i = 0; i < v->n; i++)
    if (reached[i] && !v->shared[i]) find_group(v, reached, i);
}

/* ---- Q and its factor */

static IrVal plus(IrBuild *b, IrVal sum, IrVal x, IrVal y) {
  if (x == IR_NONE || y == IR_NONE) return sum;
  return sum == IR_NONE ? alg_mul(b, x, y) : alg_fma(b, x, y, sum);
}

static IrVal *strengths(Solve *v, const SolveNoise *g, uint32_t frozen) {
  IrVal *q = solve_matrix(v, g->n);
  for (uint32_t p = 0; p < g->n; p++)
    for (uint32_t r = 0; r < g->n; r++)
      for (uint32_t k = 0; k < v->noise.n; k++) {
        if (solve_frozen(v, frozen, g->state[p]) || solve_frozen(v, frozen, g->state[r])) continue;
        IrVal *to = &q[p * g->n + r];
        *to = plus(&v->b, *to, v->noise_form[g->state[p]]->coef[k], v->noise_form[g->state[r]]->coef[k]);
      }
  return q;
}

static IrVal *transposed(Solve *v, uint32_t n, const IrVal *x) {
  IrVal *r = solve_matrix(v, n);
  for (uint32_t p = 0; p < n; p++)
    for (uint32_t q = 0; q < n; q++) r[p * n + q] = x[q * n + p];
  return r;
}

static IrVal *covariance(Solve *v, const SolveNoise *g, uint32_t frozen) {
  IrBuild *b = &v->b;
  uint32_t n = g->n;
  IrVal *a = solve_matrix(v, n), *none = solve_matrix(v, n);
  for (uint32_t p = 0; p < n; p++)
    for (uint32_t q = 0; q < n; q++)
      if (!solve_frozen(v, frozen, g->state[p])) a[p * n + q] = v->form[g->state[p]]->coef[v->atom[g->state[q]]];
  IrVal h = alg_mul(b, v->dt, alg_num(b, 1.0 / (1 << SQUARINGS)));
  IrVal *x = solve_matrix_scaled(v, n, a, h), *xt = transposed(v, n, x);
  IrVal *first = solve_matrix_scaled(v, n, strengths(v, g, frozen), h), *q = first;
  for (int k = DEGREE; k >= 1; k--) { /* Horner: q = first + (x q + q x') / (k + 1) */
    IrVal *both = solve_matrix_mul_add(v, n, solve_matrix_mul_add(v, n, none, x, q), q, xt);
    IrVal *part = solve_matrix_scaled(v, n, both, alg_num(b, 1.0 / (k + 1)));
    q = solve_matrix(v, n);
    for (uint32_t i = 0; i < n * n; i++)
      q[i] = first[i] == IR_NONE ? part[i] : part[i] == IR_NONE ? first[i] : alg_add(b, first[i], part[i]);
  }
  IrVal *e = solve_matrix_scaled(v, n, x, alg_num(b, 1.0 / DEGREE));
  for (int k = DEGREE - 1; k >= 1; k--)
    e = solve_matrix_scaled(v, n, solve_matrix_mul_add(v, n, x, x, e), alg_num(b, 1.0 / k));
  for (int k = 0; k < SQUARINGS; k++) {
    IrVal *pq = solve_matrix_mul_add(v, n, q, e, q);            /* P Q */
    IrVal *pqp = solve_matrix_mul_add(v, n, pq, pq, transposed(v, n, e)); /* P Q P' */
    for (uint32_t i = 0; i < n * n; i++)
      if (pqp[i] != IR_NONE) q[i] = q[i] == IR_NONE ? pqp[i] : alg_add(b, q[i], pqp[i]);
    e = solve_matrix_mul_add(v, n, solve_matrix_scaled(v, n, e, alg_num(b, 2)), e, e);
  }
  return q;
}

/* x / by, 0 where by is 0 */
static IrVal over(IrBuild *b, IrVal x, IrVal by) {
  IrVal r = ir_op2(b, IR_DIV, x, by);
  return ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, by, alg_zero_like(b, by)), r, alg_zero_like(b, r));
}

static IrVal *cholesky(Solve *v, uint32_t n, const IrVal *q) {
  IrBuild *b = &v->b;
  IrVal *l = solve_matrix(v, n);
  for (uint32_t j = 0; j < n; j++)
    for (uint32_t i = j; i < n; i++) {
      IrVal rest = q[i * n + j];
      for (uint32_t k = 0; k < j; k++) {
        if (l[i * n + k] == IR_NONE || l[j * n + k] == IR_NONE) continue;
        IrVal product = alg_mul(b, l[i * n + k], l[j * n + k]);
        rest = rest == IR_NONE ? alg_neg(b, product) : alg_sub(b, rest, product);
      }
      if (rest == IR_NONE) continue;
      if (i == j) l[i * n + j] = ir_op1(b, IR_SQRT, ir_op2(b, IR_MAX, rest, alg_zero_like(b, rest)));
      else if (l[j * n + j] != IR_NONE) l[i * n + j] = over(b, rest, l[j * n + j]);
    }
  return l;
}

/* ---- the increments */

static void factor(Solve *v, SolveNoise *g) {
  IrBuild *b = &v->b;
  g->l = NEW_ARRAY(b->arena, IrVal *, v->in->holds.n + 1);
  g->z = NEW_ARRAY(b->arena, IrVal, g->n + 1);
  for (uint32_t k = 0; k <= v->in->holds.n; k++) {
    uint32_t frozen = k ? k - 1 : IR_NONE;
    bool touched = k == 0;
    for (uint32_t p = 0; p < g->n; p++) touched |= k && solve_frozen(v, frozen, g->state[p]);
    if (touched) g->l[k] = cholesky(v, g->n, covariance(v, g, frozen));
  }
  for (uint32_t p = 0; p < g->n; p++) g->z[p] = ir_draw(b, IR_NOISE, v->c->draws++, NULL, DIM_NONE);
}

static IrVal with_increment(Solve *v, const SolveNoise *g, const IrVal *l, uint32_t row, IrVal x) {
  for (uint32_t k = 0; k <= row; k++)
    if (l[row * g->n + k] != IR_NONE) x = alg_fma(&v->b, l[row * g->n + k], g->z[k], x);
  return x;
}

static IrVal add_shared(Solve *v, uint32_t i, IrVal x) {
  SolveNoise *g = v->shared[i];
  uint32_t row = 0;
  if (!g->l) factor(v, g);
  while (g->state[row] != i) row++;
  IrVal r = with_increment(v, g, g->l[0], row, x);
  for (uint32_t k = 1; k <= v->in->holds.n; k++)
    if (g->l[k] && !solve_frozen(v, k - 1, i))
      r = alg_select(&v->b, v->in_force[k - 1], with_increment(v, g, g->l[k], row, x), r);
  return r;
}

static IrVal add_own(Solve *v, uint32_t i, IrVal x) {
  IrBuild *b = &v->b;
  const IrForm *f = v->noise_form[i];
  for (uint32_t k = 0; k < v->noise.n; k++) {
    if (f->coef[k] == IR_NONE) continue;
    const IrIns *source = &b->k->ins.at[v->noise.at[k]];
    b->span = source->span;
    IrVal normal = ir_draw(b, IR_NOISE, source->slot, NULL, DIM_NONE), variance = v->dt;
    IrVal own = v->form[i]->linear ? v->form[i]->coef[v->atom[i]] : IR_NONE;
    if (v->shared[i] && v->shared[i]->exact && own != IR_NONE)
      variance = alg_mul(b, v->dt, alg_exprel(b, alg_mul(b, alg_num(b, 2), alg_mul(b, own, v->dt))));
    x = alg_fma(b, alg_mul(b, f->coef[k], ir_op1(b, IR_SQRT, variance)), normal, x);
  }
  return x;
}

IrVal solve_add_noise(Solve *v, uint32_t i, IrVal x) {
  const SolveNoise *g = v->shared[i];
  if (!v->noise.n) return x;
  v->b.span = v->in->states.at[i].var->equation_span;
  IrVal r = g && g->exact && g->n > 1 ? add_shared(v, i, x) : add_own(v, i, x);
  return v->held[i] == IR_NONE ? r : alg_select(&v->b, v->held[i], v->old[i], r);
}

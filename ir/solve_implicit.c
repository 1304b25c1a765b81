/* Schemes for stiff systems: Rodas3 (a Rosenbrock method with adaptive steps) and backward Euler (Newton, one step
 * a dt). Both are L-stable: what decays within dt is gone, whatever its rate.
 *
 * The Jacobian comes from the flow kernel (differentiate.c), of the states and, for Rodas3, of t. The matrix
 * 1/(h gamma) - J is factored as written out scalar operations in an order chosen here: pivots stay on the
 * diagonal, the next is the one whose row and column have fewest entries, so that gates go before the voltage
 * that couples them (no fill) and independent blocks stay independent. Rows are not exchanged: for decaying
 * systems the symmetric part of the matrix is positive definite, for others it becomes so as the error control
 * shortens h; a pivot that fails all the same gives a step that is refused. */
#include "ir/solve.h"

#include "lang/diag.h"

typedef struct {
  Solve *v;
  uint32_t n;
  uint32_t *state; /* by position */
  IrVal *a;        /* n x n, IR_NONE: 0; factored in place: below the pivots the multipliers */
  IrVal *inverse;  /* of the pivots */
  uint32_t *order; /* positions as they were eliminated */
  IrVal *by_time;  /* derivative of the slopes by t, or IR_NONE */
} Matrix;

/* ---- 1/(h gamma) - J */

static void refuse(Solve *v, const IrTangents *t) {
  const IrIns *ins = &v->b.k->ins.at[t->where];
  diag_no_derivative(v->s, ins->span, ir_ops[ins->op].text, t->why, v->method_text);
  v->failed = true;
}

static void read_jacobian(Matrix *m, const SolveStage *at, const IrVal *slope, IrVal diagonal) {
  Solve *v = m->v;
  IrBuild *b = &v->b;
  IrVal *atoms = NEW_ARRAY(b->arena, IrVal, m->n + 1), *roots = NEW_ARRAY(b->arena, IrVal, m->n + 1);
  for (uint32_t p = 0; p < m->n; p++) atoms[p] = at->x[m->state[p]], roots[p] = slope[m->state[p]];
  atoms[m->n] = at->time;
  IrTangents t = ir_tangents(b, atoms, m->n + 1, roots, m->n);
  if (t.why && !v->failed) refuse(v, &t);
  for (uint32_t p = 0; p < m->n; p++) {
    for (uint32_t q = 0; q < m->n; q++) {
      IrVal d = ir_tangent(&t, roots[p], q);
      IrVal *to = &m->a[p * m->n + q];
      *to = d == IR_NONE ? IR_NONE : alg_neg(b, d);
      if (p == q) *to = d == IR_NONE ? diagonal : alg_sub(b, diagonal, d);
    }
    m->by_time[p] = ir_tangent(&t, roots[p], m->n);
  }
}

/* Entries that eliminating p would touch. */
static uint32_t cost(const Matrix *m, const bool *done, uint32_t p) {
  uint32_t row = 0, column = 0;
  for (uint32_t q = 0; q < m->n; q++) {
    if (done[q] || q == p) continue;
    row += m->a[p * m->n + q] != IR_NONE;
    column += m->a[q * m->n + p] != IR_NONE;
  }
  return row * column;
}

static void eliminate(Matrix *m, const bool *done, uint32_t p) {
  IrBuild *b = &m->v->b;
  uint32_t n = m->n;
  m->inverse[p] = alg_div(b, alg_num(b, 1), m->a[p * n + p]);
  for (uint32_t i = 0; i < n; i++) {
    if (done[i] || i == p || m->a[i * n + p] == IR_NONE) continue;
    IrVal factor = m->a[i * n + p] = alg_mul(b, m->a[i * n + p], m->inverse[p]);
    for (uint32_t j = 0; j < n; j++) {
      if (done[j] || j == p || m->a[p * n + j] == IR_NONE) continue;
      IrVal minus = alg_neg(b, factor), *to = &m->a[i * n + j];
      *to = *to == IR_NONE ? alg_mul(b, minus, m->a[p * n + j]) : alg_fma(b, minus, m->a[p * n + j], *to);
    }
  }
}

static void factor(Matrix *m) {
  bool *done = NEW_ARRAY(m->v->b.arena, bool, m->n + 1);
  for (uint32_t k = 0; k < m->n; k++) {
    uint32_t best = IR_NONE;
    for (uint32_t p = 0; p < m->n; p++)
      if (!done[p] && (best == IR_NONE || cost(m, done, p) < cost(m, done, best))) best = p;
    eliminate(m, done, best);
    done[best] = true;
    m->order[k] = best;
  }
}

/* x becomes the solution of matrix * x = x; IR_NONE: 0 */
static void substitute(const Matrix *m, IrVal *x) {
  IrBuild *b = &m->v->b;
  for (uint32_t k = 0; k < m->n; k++)
    for (uint32_t l = k + 1; l < m->n; l++) {
      uint32_t p = m->order[k], i = m->order[l];
      if (m->a[i * m->n + p] == IR_NONE || x[p] == IR_NONE) continue;
      IrVal minus = alg_neg(b, m->a[i * m->n + p]);
      x[i] = x[i] == IR_NONE ? alg_mul(b, minus, x[p]) : alg_fma(b, minus, x[p], x[i]);
    }
  for (uint32_t k = m->n; k-- > 0;) {
    uint32_t p = m->order[k];
    for (uint32_t l = k + 1; l < m->n; l++) {
      uint32_t j = m->order[l];
      if (m->a[p * m->n + j] == IR_NONE || x[j] == IR_NONE) continue;
      IrVal minus = alg_neg(b, m->a[p * m->n + j]);
      x[p] = x[p] == IR_NONE ? alg_mul(b, minus, x[j]) : alg_fma(b, minus, x[j], x[p]);
    }
    if (x[p] != IR_NONE) x[p] = alg_mul(b, x[p], m->inverse[p]);
  }
}

static Matrix matrix_of(Solve *v, const SolveStage *at, const IrVal *slope, IrVal diagonal) {
  Arena *a = v->b.arena;
  Matrix m = {.v = v, .state = NEW_ARRAY(a, uint32_t, v->n + 1)};
  for (uint32_t i = 0; i < v->n; i++)
    if (v->stepped[i]) m.state[m.n++] = i;
  m.a = NEW_ARRAY(a, IrVal, (size_t)m.n * m.n + 1);
  m.inverse = NEW_ARRAY(a, IrVal, m.n + 1);
  m.by_time = NEW_ARRAY(a, IrVal, m.n + 1);
  m.order = NEW_ARRAY(a, uint32_t, m.n + 1);
  read_jacobian(&m, at, slope, diagonal);
  factor(&m);
  return m;
}

/* ---- Rodas3 (Sandu, Verwer, Blom, Spee, Carmichael, Potra 1997): order 3(2), stiffly accurate; the stages K in
 * the form (1/(h gamma) - J) K_i = f(x + sum a K) + sum c K / h + h g f_t */
enum { RODAS = 4 };
static const double r_gamma = 0.5;
static const double r_a[RODAS][RODAS] = {{0}, {0}, {2, 0}, {2, 0, 1}};
static const double r_c[RODAS][RODAS] = {{0}, {4}, {1, -1}, {1, -1, -8.0 / 3}};
static const double r_node[RODAS] = {0, 0, 1, 1}, r_time[RODAS] = {0.5, 1.5, 0, 0}, r_result[RODAS] = {2, 0, 1, 1};
static const bool r_again[RODAS] = {true, false, true, true}; /* the slopes are evaluated anew */

static IrVal add_multiple(IrBuild *b, IrVal sum, double weight, IrVal x) {
  if (weight == 0 || x == IR_NONE) return sum;
  return sum == IR_NONE ? alg_mul(b, alg_num(b, weight), x) : alg_fma(b, alg_num(b, weight), x, sum);
}

static IrVal stage_right(const Matrix *m, uint32_t s, IrVal *const *k, IrVal slope, uint32_t p, IrVal h, IrVal rate) {
  IrBuild *b = &m->v->b;
  IrVal sum = IR_NONE, r = slope;
  for (uint32_t j = 0; j < s; j++) sum = add_multiple(b, sum, r_c[s][j], k[j][p]);
  if (sum != IR_NONE) r = alg_fma(b, sum, rate, r);
  if (m->by_time[p] != IR_NONE && r_time[s] != 0)
    r = alg_fma(b, alg_mul(b, alg_num(b, r_time[s]), h), m->by_time[p], r);
  return r;
}

void solve_rosenbrock(Solve *v, const SolveStage *from, IrVal h, IrVal *ret_x, IrVal *ret_error) {
  IrBuild *b = &v->b;
  IrVal *k[RODAS], *slope = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal rate = alg_div(b, alg_num(b, 1), h), diagonal = alg_mul(b, alg_num(b, 1 / r_gamma), rate);
  SolveStage at = *from;
  at.x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  solve_slopes(v, from, slope);
  Matrix m = matrix_of(v, from, slope, diagonal);
  for (uint32_t s = 0; s < RODAS; s++) {
    k[s] = NEW_ARRAY(b->arena, IrVal, m.n + 1);
    for (uint32_t i = 0; i < v->n; i++) at.x[i] = from->x[i];
    for (uint32_t p = 0; p < m.n; p++)
      for (uint32_t j = 0; j < s; j++)
        at.x[m.state[p]] = add_multiple(b, at.x[m.state[p]], r_a[s][j], k[j][p]);
    at.time = solve_after(v, from->time, r_node[s], h);
    if (s && r_again[s]) solve_slopes(v, &at, slope);
    for (uint32_t p = 0; p < m.n; p++) k[s][p] = stage_right(&m, s, k, slope[m.state[p]], p, h, rate);
    substitute(&m, k[s]);
  }
  for (uint32_t i = 0; i < v->n; i++) ret_x[i] = from->x[i];
  for (uint32_t p = 0; p < m.n; p++) {
    uint32_t i = m.state[p];
    for (uint32_t j = 0; j < RODAS; j++) ret_x[i] = add_multiple(b, ret_x[i], r_result[j], k[j][p]);
    ret_error[i] = k[RODAS - 1][p];
  }
}

/* ---- backward Euler: x - from = h f(x, t + h) by Newton's method, h = dt. The last correction must be within 1e-6
 * of the state's scale: the next one would be its square. Where 12 turns do not lead there (x jumps far within
 * dt), h is halved, and doubled again after a step that did. */
enum { TURNS = 1000, PATIENCE = 12 };
static const double correction = 1e-6;

typedef struct {
  Solve *v;
  SolveStage at; /* x: as Newton's method has it */
  IrVal *from;   /* by state: the beginning of the step */
  IrVal left, h, turn;
  bool fit;
} Newton;

/* ---- in fits: derivatives of the solution, not of the way to it. With x the solution and A = 1/h - J there,
 *   A dx = d from / h + f_p dp,
 * which is what one correction more, at x, with x and A as given numbers, has as its derivative. What Newton's method does before carries
 * no derivatives at all. */

static IrVal given(Newton *w, IrVal v) { return w->fit ? ir_op2(&w->v->b, IR_SOLVED, v, alg_zero_like(&w->v->b, v)) : v; }

static void solution(Newton *w, IrVal *x) {
  Solve *v = w->v;
  IrBuild *b = &v->b;
  IrVal *slope = NEW_ARRAY(b->arena, IrVal, v->n + 1), *change = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  SolveStage at = w->at;
  at.x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) at.x[i] = v->stepped[i] ? given(w, x[i]) : w->at.x[i];
  solve_slopes(v, &at, slope);
  IrVal rate = alg_div(b, alg_num(b, 1), w->h);
  Matrix m = matrix_of(v, &at, slope, rate);
  for (uint32_t p = 0; p < m.n * m.n; p++)
    if (m.a[p] != IR_NONE) m.a[p] = given(w, m.a[p]);
  for (uint32_t p = 0; p < m.n; p++) {
    m.inverse[p] = given(w, m.inverse[p]);
    change[p] = alg_fma(b, alg_sub(b, w->from[m.state[p]], at.x[m.state[p]]), rate, slope[m.state[p]]);
  }
  substitute(&m, change);
  for (uint32_t p = 0; p < m.n; p++) {
    uint32_t i = m.state[p];
    x[i] = ir_op2(b, IR_SOLVED, x[i], alg_add(b, at.x[i], change[p]));
  }
}

static void newton_begin(Newton *w) {
  Solve *v = w->v;
  IrBuild *b = &v->b;
  IrVal none = alg_num(b, 0);
  IrVal *first = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) first[i] = v->stepped[i] ? given(w, v->old[i]) : v->old[i];
  ir_loop(b, TURNS, ir_always(b));
  for (uint32_t i = 0; i < v->n; i++) {
    w->at.x[i] = v->stepped[i] ? ir_carry(b, first[i]) : v->old[i];
    w->from[i] = v->stepped[i] ? ir_carry(b, v->old[i]) : v->old[i];
  }
  w->left = ir_carry(b, v->dt);
  w->h = ir_carry(b, v->dt);
  w->turn = ir_carry(b, none);
}

/* One correction; gives whether it was small. */
static IrVal correct(Newton *w, IrVal *ret_x) {
  Solve *v = w->v;
  IrBuild *b = &v->b;
  IrVal *slope = NEW_ARRAY(b->arena, IrVal, v->n + 1), *change = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal rate = alg_div(b, alg_num(b, 1), w->h), sum = IR_NONE;
  w->at.time = alg_add(b, alg_sub(b, ir_nullary(b, IR_TIME), w->left), w->h);
  solve_slopes(v, &w->at, slope);
  Matrix m = matrix_of(v, &w->at, slope, rate);
  for (uint32_t p = 0; p < m.n; p++) {
    uint32_t i = m.state[p];
    change[p] = alg_fma(b, alg_sub(b, w->from[i], w->at.x[i]), rate, slope[i]);
  }
  substitute(&m, change);
  for (uint32_t p = 0; p < m.n; p++) {
    uint32_t i = m.state[p];
    ret_x[i] = alg_add(b, w->at.x[i], change[p]);
    IrVal e = solve_error_squared(v, i, change[p], w->at.x[i], ret_x[i], correction);
    sum = sum == IR_NONE ? e : alg_add(b, sum, e);
  }
  return ir_op2(b, IR_LE, sum, alg_num(b, 1));
}

static void newton_end(Newton *w, const IrVal *x, IrVal good) {
  Solve *v = w->v;
  IrBuild *b = &v->b;
  IrVal turn = alg_add(b, w->turn, alg_num(b, 1)), zero = alg_zero_like(b, w->left), none = alg_num(b, 0);
  IrVal over = ir_op2(b, IR_GE, turn, alg_num(b, PATIENCE));
  IrVal stuck = ir_op2(b, IR_AND, ir_op1(b, IR_NOT, good), over), anew = ir_op2(b, IR_OR, good, stuck);
  IrVal left = ir_op3(b, IR_SELECT, good, alg_sub(b, w->left, w->h), w->left);
  IrVal longer = ir_op2(b, IR_MIN, alg_mul(b, w->h, alg_num(b, 2)), left);
  IrVal h = ir_op3(b, IR_SELECT, good, longer,
                   ir_op3(b, IR_SELECT, stuck, alg_mul(b, w->h, alg_num(b, 0.5)), w->h));
  IrVal more = ir_op2(b, IR_GT, left, zero);
  IrVal *next = NEW_ARRAY(b->arena, IrVal, 2 * (size_t)v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i]) continue;
    next[2 * i] = given(w, ir_op3(b, IR_SELECT, stuck, w->from[i], x[i]));
    next[2 * i + 1] = ir_op3(b, IR_SELECT, good, x[i], w->from[i]);
  }
  turn = ir_op3(b, IR_SELECT, anew, none, turn);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i]) continue;
    ir_next(b, w->at.x[i], next[2 * i]);
    ir_next(b, w->from[i], next[2 * i + 1]);
  }
  ir_next(b, w->left, left);
  ir_next(b, w->h, h);
  ir_next(b, w->turn, turn);
  ir_again(b, more);
}

void solve_backward_euler(Solve *v, IrVal *ret) {
  IrBuild *b = &v->b;
  Newton w = {.v = v, .fit = !v->c->init};
  w.at.x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  w.from = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal *x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  uint32_t own = solve_own_state(
      v, b->k->ins.at[v->dt].dim,
      arena_printf(b->arena, "%d turns of Newton's method for backward_euler did not reach", TURNS));
  newton_begin(&w);
  IrVal good = correct(&w, x);
  if (w.fit) solution(&w, x);
  newton_end(&w, x, good);
  for (uint32_t i = 0; i < v->n; i++)
    if (v->stepped[i]) ret[i] = w.from[i];
  solve_keep_own(v, own, w.left, ir_op2(b, IR_GT, w.left, alg_zero_like(b, w.left)));
}

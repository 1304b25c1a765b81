/* Taylor series with steps of their own within dt: x(t + s) = sum c_k (s / h)^k, the coefficients by
 * recursion through the right-hand sides (series.c), exp(V) of a spike current once for all orders.
 *
 * Why: an embedded pair of order 5 evaluates the right-hand sides six times, each time an exponential
 * behind the one before, and knows of a step that was too long only after it. A series costs one
 * evaluation and some products, and its last term says how long the step may be before it is taken.
 * Where a spike runs away as -log(T - t) the series' radius is the time that is left, and steps shrink
 * with it, none of them in vain.
 *
 * Error: for each state the last term is at most a quarter of tolerance * (s + |x| + |x'| dt), s the
 * natural unit as in solve_adaptive.c, so that the rest of the series is below the whole if its terms
 * fall by a fifth or more; in steps within dt the squares are summed over states. The last term is
 * kept. What a state moves in dt belongs to its size: in a spike, where V rises without bound, the
 * error is one of time, of tolerance * dt.
 *
 * One whole dt is tried first, by order 7, with constants for its length; states with an exact solution
 * take that. Most elements are done then. The others go through the loop of solve_adaptive.c, by order
 * 9; it is left out where there are none. Nothing is kept from one dt to the next.
 *
 * A choice in the equations (min(V, V_peak)) may change sides within a step, which no term tells. Where
 * it differs at the step's end, the step is tried again at a quarter of its length, until the element
 * spikes there, which ends what was wrong, or it is shorter than tolerance * dt. Only continuous
 * choices have a series.
 *
 * Sources: Jorba A, Zou M (2005) Exp Math 14:99-117, doi 10.1080/10586458.2005.10128904; for spiking
 * neurons: Stewart RD, Bair W (2009) J Comput Neurosci 27:115-133, doi 10.1007/s10827-008-0131-5. */
#include "ir/solve.h"

#include "lang/session.h"

enum { WHOLE = 7, PARTS = 9 }; /* orders */
static const double shortest = 0.01, longest = 4; /* of a step to the next */
static const double last_term = 0.25;             /* of the tolerance */

typedef struct {
  uint32_t order;
  IrVal **c;     /* by state: coefficients */
  IrVal *scale;  /* by state: what its error may be */
  IrSeries series;
} Expansion;

static IrVal plus(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : y == IR_NONE ? x : alg_add(b, x, y); }

static bool by_series(const Solve *v, uint32_t i, bool whole) { return v->stepped[i] && !(whole && v->exact[i]); }

static IrCopy flow_at(Solve *v, const SolveStage *at) {
  IrCopy flow = ir_copy_of(&v->b, v->in->flow);
  flow.state = at->x;
  flow.time = at->time;
  flow.quiet = true;
  ir_copy_run(&flow);
  return flow;
}

static IrVal unless_held(Solve *v, uint32_t i, IrVal x) {
  if (x == IR_NONE || v->held[i] == IR_NONE) return x;
  return alg_select(&v->b, v->held[i], alg_zero_like(&v->b, x), x);
}

static IrVal scale_of(Solve *v, uint32_t i, IrVal x, IrVal slope) {
  IrBuild *b = &v->b;
  double tolerance = last_term * v->tolerance;
  IrVal size = ir_op1(b, IR_ABS, x);
  slope = unless_held(v, i, slope);
  if (slope != IR_NONE) size = alg_add(b, size, ir_op1(b, IR_ABS, alg_mul(b, slope, v->dt)));
  Dim dim = v->in->states.at[i].var->dim;
  return alg_fma(b, alg_num(b, tolerance), size, ir_const(b, tolerance * solve_scale(dim), dim));
}

/* Coefficients in units of h. */
static Expansion expand(Solve *v, const SolveStage *at, IrVal h, uint32_t order) {
  IrBuild *b = &v->b;
  IrCopy flow = flow_at(v, at);
  Expansion e = {.order = order, .c = NEW_ARRAY(b->arena, IrVal *, v->n + 1)};
  e.scale = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    e.c[i] = NEW_ARRAY(b->arena, IrVal, order + 1);
    e.c[i][0] = at->x[i];
  }
  e.series = ir_series_of(b, v->in->flow, v->stepped, flow.map, order);
  e.series.state = e.c;
  e.series.h = h;
  for (uint32_t k = 1; k <= order; k++) {
    IrVal part = alg_mul(b, h, alg_num(b, 1.0 / k));
    for (uint32_t i = 0; i < v->n; i++) {
      if (!v->stepped[i]) continue;
      b->span = v->in->states.at[i].var->equation_span;
      if (k == 1) e.scale[i] = scale_of(v, i, at->x[i], ir_series_stored(&e.series, SLOT_DER, i, 0, IR_NONE));
      e.c[i][k] = unless_held(v, i, ir_series_stored(&e.series, SLOT_DER, i, k - 1, part));
    }
    if (k < order) ir_series_next(&e.series, k);
  }
  return e;
}

/* sum c_k r^k, r IR_NONE: 1 */
static IrVal value_at(IrBuild *b, const Expansion *e, uint32_t state, IrVal r) {
  const IrVal *c = e->c[state];
  IrVal sum = IR_NONE;
  for (uint32_t k = e->order + 1; k-- > 0;) {
    if (sum != IR_NONE && r != IR_NONE) sum = c[k] == IR_NONE ? alg_mul(b, sum, r) : alg_fma(b, sum, r, c[k]);
    else sum = plus(b, c[k], sum);
  }
  return sum;
}

/* ---- the whole dt */

static IrVal both(IrBuild *b, IrVal p, IrVal q) {
  return p == IR_NONE ? q : q == IR_NONE ? p : ir_op2(b, IR_AND, p, q);
}

/* Nothing has made the condition hold that did not before: then the element may go through the loop. */
static IrVal no_event(Solve *v, IrVal prev, IrVal *ret_before) {
  IrBuild *b = &v->b;
  IrVal c = solve_condition(v);
  *ret_before = c;
  return ir_op2(b, IR_OR, prev, ir_op1(b, IR_NOT, c));
}

/* Fills x with the states at T; gives where they are right. */
static IrVal whole(Solve *v, const IrVal *from, IrVal *x) {
  IrBuild *b = &v->b;
  SolveStage at = {.x = NEW_ARRAY(b->arena, IrVal, v->n + 1), .time = v->begin};
  for (uint32_t i = 0; i < v->n; i++) at.x[i] = v->stepped[i] || v->events ? from[i] : v->old[i];
  Expansion e = expand(v, &at, v->dt, WHOLE);
  IrVal good = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    x[i] = from[i];
    if (!v->stepped[i]) continue;
    b->span = v->in->states.at[i].var->equation_span;
    x[i] = by_series(v, i, true) ? value_at(b, &e, i, IR_NONE) : solve_exact(v, i, v->dt);
    if (!by_series(v, i, true) || e.c[i][WHOLE] == IR_NONE) continue;
    good = both(b, good, ir_op2(b, IR_LE, ir_op1(b, IR_ABS, e.c[i][WHOLE]), e.scale[i]));
  }
  SolveStage end = {.x = x, .time = ir_nullary(b, IR_TIME)};
  IrVal other = ir_series_choices(&e.series, flow_at(v, &end).map);
  return other == IR_NONE ? good : both(b, good, ir_op1(b, IR_NOT, other));
}

/* And no hold may end. */
static IrVal whole_located(Solve *v, IrVal done, const IrVal *from, IrVal *x) {
  IrVal ends = solve_hold_ends(v, from);
  solve_count_down_by(v, from, v->dt, x);
  return ends == IR_NONE ? done : both(&v->b, done, ir_op1(&v->b, IR_NOT, ends));
}

/* ---- steps within dt */

static IrVal squared_error(Solve *v, const Expansion *e) {
  IrBuild *b = &v->b;
  IrVal sum = alg_num(b, 0);
  for (uint32_t i = 0; i < v->n; i++) {
    if (!v->stepped[i] || e->c[i][PARTS] == IR_NONE) continue;
    IrVal r = ir_op2(b, IR_DIV, e->c[i][PARTS], e->scale[i]);
    sum = alg_fma(b, r, r, sum);
  }
  return sum;
}

/* A choice has another side at the step's end, and the element does not spike there. IR_NONE: never. */
static IrVal misled(SolveLoop *a, const Expansion *e, IrVal *x, IrVal h, IrVal spiked) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  SolveStage end = {.x = x, .time = alg_add(b, a->at.time, h)};
  IrVal other = ir_series_choices(&e->series, flow_at(v, &end).map);
  if (other == IR_NONE) return IR_NONE;
  other = ir_op2(b, IR_AND, other, ir_op2(b, IR_GT, h, alg_mul(b, alg_num(b, v->tolerance), v->dt)));
  if (!v->events) return other;
  v->now = x;
  IrVal spikes = ir_op2(b, IR_AND, solve_condition(v), ir_op2(b, IR_LT, spiked, alg_num(b, 0.5)));
  return ir_op2(b, IR_AND, other, ir_op1(b, IR_NOT, spikes));
}

static void turn(SolveLoop *a) {
  Solve *v = a->v;
  IrBuild *b = &v->b;
  IrVal before, spiked, *x = NEW_ARRAY(b->arena, IrVal, v->n + 1), one = alg_num(b, 1);
  solve_loop_step(a, &before, &spiked);
  IrVal unit = a->at.h;
  Expansion e = expand(v, &a->at, unit, PARTS);
  IrVal power = alg_mul(b, alg_num(b, -0.5 / PARTS), ir_op1(b, IR_LOG, squared_error(v, &e)));
  IrVal reach = alg_mul(b, alg_num(b, 0.95), alg_exp(b, power));
  IrVal good = ir_op2(b, IR_GE, reach, alg_num(b, shortest));
  IrVal h = solve_loop_cut(a, alg_mul(b, unit, ir_op2(b, IR_MIN, reach, one)));
  IrVal ratio = ir_op2(b, IR_DIV, h, unit);
  for (uint32_t i = 0; i < v->n; i++) x[i] = v->stepped[i] ? value_at(b, &e, i, ratio) : a->at.x[i];
  IrVal longer = ir_op2(b, IR_MIN, reach, alg_num(b, longest));
  IrVal factor = ir_op3(b, IR_SELECT, good, longer, alg_num(b, shortest));
  IrVal next = ir_op2(b, IR_MIN, alg_mul(b, unit, factor), v->dt);
  IrVal wrong = misled(a, &e, x, h, spiked);
  if (wrong != IR_NONE) {
    next = ir_op3(b, IR_SELECT, ir_op2(b, IR_AND, good, wrong), alg_mul(b, h, alg_num(b, 0.25)), next);
    good = ir_op2(b, IR_AND, good, ir_op1(b, IR_NOT, wrong));
  }
  solve_loop_end(a, next, h, good, x, before, spiked);
}

/* A state that is NaN where a loop's turns were not enough. */
static void check_end(Solve *v, const SolveLoop *a) {
  IrBuild *b = &v->b;
  uint32_t own = solve_own_state(v, DIM_NONE,
                                 arena_printf(b->arena, "%d steps of taylor with tolerance %g did not reach",
                                              SOLVE_MOST_STEPS, v->tolerance));
  IrVal reached = ir_op2(b, IR_LE, a->left, alg_zero_like(b, a->left));
  solve_keep_own(v, own, alg_num(b, 0), ir_op1(b, IR_NOT, reached));
}

void solve_taylor(Solve *v, IrVal *ret) {
  IrBuild *b = &v->b;
  SolveLoop a = solve_loop(v);
  IrVal *x = NEW_ARRAY(b->arena, IrVal, v->n + 1), *now = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal done = whole(v, ret, x), none = alg_zero_like(b, v->dt);
  SolveFirst first = {.x = x, .h = v->dt, .left = v->dt, .before = IR_NONE};
  if (v->events) {
    IrVal prev = ir_load(b, ir_slot(b, SLOT_PREV, 0, (Name){0}, IR_BOOL, DIM_NONE));
    for (uint32_t i = 0; i < v->n; i++) now[i] = v->located ? x[i] : ret[i];
    v->now = now;
    done = both(b, done, no_event(v, prev, &first.before));
    if (v->located) done = whole_located(v, done, ret, x);
    first.before = ir_op3(b, IR_SELECT, done, first.before, prev);
  }
  if (done != IR_NONE) {
    first.left = ir_op3(b, IR_SELECT, done, none, v->dt);
    for (uint32_t i = 0; i < v->n; i++) x[i] = alg_select(b, done, x[i], ret[i]);
  }
  first.enters = done == IR_NONE ? ir_always(b) : ir_op1(b, IR_NOT, done);
  solve_loop_begin(&a, &first);
  turn(&a);
  check_end(v, &a);
  solve_loop_done(&a, ret);
}

/* `kinetic stochastic`: whole numbers that jump within the step, whatever integrates the rest.
 *
 * Exact (the default): Gillespie's direct method (1977, doi 10.1021/j100540a008) in a loop within dt, each element for itself.
 * A turn takes the time to the next reaction from one uniform number and which one it is from another; both are members of
 * sequences that element and step begin anew, so they depend on no other element. The rates are those of the counts at
 * that time; whatever else is in them (V, t) is held at its value at T-dt.
 * Tau-leaping (`jumps = tau_leaping`): dt is one leap with the rates at T-dt. A reaction without partners happens a Poisson number
 * of times; else binomial, out of what is left of its scarcest partner, so that no count falls below 0. First-order
 * reactions that compete for a state share its members as they would if nothing came back: their chance to leave at all is 1 -
 * exp(-sum dt), and of those that leave each takes its part. Gives the right means and variances to first order in dt.
 * What is wrong (a rate below 0, a count that is not whole or beyond 2^24, more than MOST_JUMPS jumps in dt) ends the run. */
#include <math.h>

#include "ir/solve.h"
#include "lang/diag.h"
#include "lang/warn.h"

enum { MOST_JUMPS = 1000000, LARGEST_COUNT = 1 << 24 };

typedef struct {
  Solve *v;
  VEC(const MReaction *) reactions;
  IrVal *rate;  /* by reaction */
  uint32_t *of; /* by variable of the component: the state, or IR_NONE */
  uint32_t own; /* the state that fails */
  uint32_t ordinal;
} Jumps;

static bool counts(const Solve *v, uint32_t i) { return !v->in->states.at[i].counter && v->in->states.at[i].var->counts; }

static IrVal both(IrBuild *b, IrVal x, IrVal y) { return x == IR_NONE ? y : ir_op2(b, IR_AND, x, y); }

static IrVal not_of(IrBuild *b, IrVal x) { return ir_op1(b, IR_NOT, x); }

/* All rates, at these states; gives whether none is below 0 or no number. */
static IrVal read_rates(Jumps *j, const IrVal *x) {
  Solve *v = j->v;
  IrBuild *b = &v->b;
  IrVal good = IR_NONE;
  IrCopy copy = ir_copy_of(b, v->in->jumps);
  copy.state = x;
  copy.time = v->begin;
  ir_copy_run(&copy);
  for (uint32_t r = 0; r < j->reactions.n; r++) {
    j->rate[r] = ir_copy_stored(&copy, SLOT_OUT, r);
    good = both(b, good, ir_op2(b, IR_GE, j->rate[r], alg_zero_like(b, j->rate[r])));
  }
  return good;
}

static IrVal whole_counts(Jumps *j, const IrVal *x) {
  IrBuild *b = &j->v->b;
  IrVal good = IR_NONE;
  for (uint32_t i = 0; i < j->v->n; i++) {
    if (!counts(j->v, i)) continue;
    good = both(b, good, ir_op2(b, IR_EQ, ir_op1(b, IR_FLOOR, x[i]), x[i]));
    good = both(b, good, ir_op2(b, IR_GE, x[i], alg_num(b, 0)));
    good = both(b, good, ir_op2(b, IR_LE, x[i], alg_num(b, LARGEST_COUNT)));
  }
  return good;
}

static Jumps jumps_of(Solve *v) {
  Arena *a = v->b.arena;
  const MComponent *m = v->in->component;
  Jumps j = {.v = v, .of = NEW_ARRAY(a, uint32_t, m->vars.n + 1), .ordinal = v->c->draws};
  const char *names = "";
  Span span = {0, 0};
  for (uint32_t i = 0; i < m->vars.n; i++) j.of[i] = IR_NONE;
  for (uint32_t i = 0; i < v->n; i++) {
    if (!counts(v, i)) continue;
    const MVar *var = v->in->states.at[i].var;
    j.of[var->index] = i;
    names = arena_printf(a, "%s%s%s", names, *names ? ", " : "", name_str(v->s, var->name));
    if (!span.to) span = var->equation_span;
  }
  for (uint32_t i = 0; i < m->reactions.n; i++)
    if (m->reactions.at[i].jumps) vec_push(a, &j.reactions, &m->reactions.at[i]);
  j.rate = NEW_ARRAY(a, IrVal, j.reactions.n + 1);
  v->b.span = span;
  MVar *var = NEW(v->s->arena, MVar);
  *var = (MVar){.kind = VAR_STATE, .name = name_fmt(v->s, "%%%s", names), .unit_scale = 1, .span = span};
  j.own = solve_add_state(v, var, "a rate below 0, a count that is not whole, or too many jumps in one step: they did not reach");
  return j;
}

/* state + change of the reaction, times n if that is not IR_NONE */
static void change(Jumps *j, const MReaction *r, IrVal n, IrVal *x) {
  IrBuild *b = &j->v->b;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    uint32_t state = one->var->kind == VAR_STATE ? j->of[one->var->index] : IR_NONE;
    double net = (double)one->made - one->taken;
    if (state == IR_NONE || net == 0) continue;
    x[state] = n == IR_NONE ? alg_add(b, x[state], alg_num(b, net)) : alg_fma(b, alg_num(b, net), n, x[state]);
  }
}

/* ---- one by one */

/* The states after the reaction whose share of the rates x falls into. */
static void happen(Jumps *j, IrVal x, IrVal happens, IrVal *states) {
  Solve *v = j->v;
  IrBuild *b = &v->b;
  IrVal sum = IR_NONE, before = IR_NONE;
  IrVal *after = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t r = 0; r < j->reactions.n; r++) {
    sum = sum == IR_NONE ? j->rate[r] : ir_op2(b, IR_ADD, sum, j->rate[r]);
    IrVal below = ir_op2(b, IR_LT, x, sum), fires = both(b, happens, below);
    if (before != IR_NONE) fires = ir_op2(b, IR_AND, fires, not_of(b, before));
    before = below;
    for (uint32_t i = 0; i < v->n; i++) after[i] = states[i];
    change(j, j->reactions.at[r], IR_NONE, after);
    for (uint32_t i = 0; i < v->n; i++)
      if (after[i] != states[i]) states[i] = ir_op3(b, IR_SELECT, fires, after[i], states[i]);
  }
}

static void one_by_one(Jumps *j, IrVal *ret) {
  Solve *v = j->v;
  IrBuild *b = &v->b;
  IrVal *carry = NEW_ARRAY(b->arena, IrVal, v->n + 1), *x = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  IrVal none = alg_num(b, 0), fit = whole_counts(j, v->old), zero = alg_zero_like(b, v->dt);
  v->c->draws += 2;
  ir_loop(b, MOST_JUMPS, fit);
  for (uint32_t i = 0; i < v->n; i++) x[i] = carry[i] = counts(v, i) ? ir_carry(b, v->old[i]) : v->old[i];
  IrVal left = ir_carry(b, v->dt), turn = ir_carry(b, none);
  IrVal good = read_rates(j, x), all = j->rate[0];
  for (uint32_t r = 1; r < j->reactions.n; r++) all = ir_op2(b, IR_ADD, all, j->rate[r]);
  IrVal wait = ir_op2(b, IR_DIV, ir_op1(b, IR_NEG, ir_op1(b, IR_LOG, ir_draw(b, IR_DRAW_TURN, j->ordinal, &turn, DIM_NONE))), all);
  IrVal happens = both(b, good, ir_op2(b, IR_LT, wait, left));
  happen(j, ir_op2(b, IR_MUL, ir_draw(b, IR_DRAW_TURN, j->ordinal + 1, &turn, DIM_NONE), all), happens, x);
  IrVal rest = ir_op3(b, IR_SELECT, happens, ir_op2(b, IR_SUB, left, wait), ir_op3(b, IR_SELECT, good, zero, left));
  IrVal next = ir_op2(b, IR_ADD, turn, alg_num(b, 1));
  for (uint32_t i = 0; i < v->n; i++)
    if (counts(v, i)) ir_next(b, carry[i], x[i]);
  ir_next(b, left, rest);
  ir_next(b, turn, next);
  ir_again(b, happens);
  for (uint32_t i = 0; i < v->n; i++)
    if (counts(v, i)) ret[i] = carry[i];
  solve_keep_own(v, j->own, none, ir_op2(b, IR_GT, left, zero));
}

/* ---- leaps */

/* Of first-order reactions of one state: how many leave it per member and time; IR_NONE: the reaction is no such. */
static uint32_t only_partner(const Jumps *j, const MReaction *r) {
  uint32_t found = IR_NONE, n = 0;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    if (one->taken) n += one->taken, found = one->taken > one->made && one->var->kind == VAR_STATE ? j->of[one->var->index] : IR_NONE;
  }
  return n == 1 ? found : IR_NONE;
}

/* How often the reaction can still happen; IR_NONE: it takes nothing. */
static IrVal available(Jumps *j, const MReaction *r, const IrVal *x) {
  IrBuild *b = &j->v->b;
  IrVal least = IR_NONE;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    uint32_t state = one->var->kind == VAR_STATE ? j->of[one->var->index] : IR_NONE;
    if (state == IR_NONE || one->taken <= one->made) continue;
    uint32_t net = one->taken - one->made;
    IrVal n = net == 1 ? x[state] : ir_op1(b, IR_FLOOR, ir_op2(b, IR_MUL, x[state], alg_num(b, 1.0 / net)));
    least = least == IR_NONE ? n : ir_op2(b, IR_MIN, least, n);
  }
  return least;
}

typedef struct {
  IrVal *left;  /* by state: members that have not left yet */
  IrVal *leave; /* by state: sum of the rates at which first-order reactions take members of it, or IR_NONE */
  IrVal *gone;  /* by state: the part of those rates that is done, or IR_NONE */
} Leap;

static IrVal share(IrBuild *b, IrVal x, IrVal of) { /* x / of, 0 where nothing is */
  IrVal zero = alg_zero_like(b, of);
  return ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, of, zero), ir_op2(b, IR_DIV, x, of), alg_num(b, 0));
}

/* The chance of one member to go by reaction r, given that none of the reactions before it took it. */
static IrVal chance(Jumps *j, Leap *l, uint32_t r, uint32_t state, IrVal all) {
  Solve *v = j->v;
  IrBuild *b = &v->b;
  if (state == IR_NONE) /* of what is there */
    return ir_op1(b, IR_NEG, ir_op1(b, IR_EXPM1, ir_op1(b, IR_NEG, share(b, ir_op2(b, IR_MUL, j->rate[r], v->dt), all))));
  IrVal n = v->old[state], leaves = ir_op1(b, IR_NEG, ir_op1(b, IR_EXPM1, ir_op1(b, IR_NEG, share(b, ir_op2(b, IR_MUL, l->leave[state], v->dt), n))));
  IrVal own = ir_op2(b, IR_MUL, leaves, share(b, j->rate[r], l->leave[state]));
  IrVal before = l->gone[state];
  l->gone[state] = before == IR_NONE ? own : ir_op2(b, IR_ADD, before, own);
  if (before == IR_NONE) return own;
  return ir_op2(b, IR_MIN, share(b, own, ir_op2(b, IR_SUB, alg_num(b, 1), before)), alg_num(b, 1));
}

static void take(Jumps *j, const MReaction *r, IrVal n, Leap *l) {
  IrBuild *b = &j->v->b;
  for (uint32_t i = 0; i < r->species.n; i++) {
    const MSpecies *one = &r->species.at[i];
    uint32_t state = one->var->kind == VAR_STATE ? j->of[one->var->index] : IR_NONE;
    if (state == IR_NONE || one->taken <= one->made) continue;
    l->left[state] = alg_fma(b, alg_num(b, -(double)(one->taken - one->made)), n, l->left[state]);
  }
}

static void leap(Jumps *j, IrVal *ret) {
  Solve *v = j->v;
  IrBuild *b = &v->b;
  Arena *a = b->arena;
  Leap l = {NEW_ARRAY(a, IrVal, v->n + 1), NEW_ARRAY(a, IrVal, v->n + 1), NEW_ARRAY(a, IrVal, v->n + 1)};
  IrVal good = both(b, whole_counts(j, v->old), read_rates(j, v->old));
  v->c->draws += j->reactions.n;
  for (uint32_t i = 0; i < v->n; i++) l.left[i] = v->old[i], l.leave[i] = l.gone[i] = IR_NONE;
  for (uint32_t r = 0; r < j->reactions.n; r++) {
    uint32_t state = only_partner(j, j->reactions.at[r]);
    if (state != IR_NONE) l.leave[state] = l.leave[state] == IR_NONE ? j->rate[r] : ir_op2(b, IR_ADD, l.leave[state], j->rate[r]);
  }
  for (uint32_t r = 0; r < j->reactions.n; r++) {
    const MReaction *of = j->reactions.at[r];
    IrVal most = available(j, of, l.left), mean = ir_op2(b, IR_MUL, j->rate[r], v->dt), n;
    b->span = of->span;
    if (most == IR_NONE) {
      n = ir_draw(b, IR_DRAW_POISSON, j->ordinal + r, &mean, DIM_NONE);
    } else {
      IrVal args[2] = {most, chance(j, &l, r, only_partner(j, of), available(j, of, v->old))};
      n = ir_draw(b, IR_DRAW_BINOMIAL, j->ordinal + r, args, DIM_NONE);
    }
    take(j, of, n, &l);
    change(j, of, n, ret);
  }
  solve_keep_own(v, j->own, alg_num(b, 0), not_of(b, good));
}

/* ---- */

/* How many reactions happen, as text: with the declared params, at the start, without input. */
const char *solve_jumps_cost(const Solve *v) {
  const MComponent *m = v->in->component;
  const WarnPoint nowhere = {&(MPopulation){.size = NULL}, NULL, NULL};
  double *at = NEW_ARRAY(v->b.arena, double, m->vars.n + 1), sum = 0, rate;
  bool *has = NEW_ARRAY(v->b.arena, bool, m->vars.n + 1);
  for (uint32_t i = 0; i < m->vars.n; i++) {
    const MVar *var = m->vars.at[i];
    has[i] = var->kind == VAR_INPUT || (var->kind == VAR_STATE && !var->draw && warn_value(&nowhere, var->value, &at[i]));
  }
  for (uint32_t i = 0; i < m->reactions.n; i++) {
    if (!m->reactions.at[i].jumps) continue;
    if (!warn_value(&(WarnPoint){nowhere.pop, has, at}, m->reactions.at[i].rate, &rate)) return "as many turns a step as happen";
    sum += rate;
  }
  return arena_printf(v->b.arena, "as many turns a step as happen: %.3g/ms of an element at the start", sum);
}

void solve_jumps(Solve *v, IrVal *ret) {
  if (!v->in->jumps) return;
  for (uint32_t k = 0; k < v->in->holds.n; k++)
    for (uint32_t i = 0; i < v->in->holds.at[k].states.n; i++) {
      if (!counts(v, v->in->holds.at[k].states.at[i])) continue;
      diag_not_supported(v->s, v->in->holds.at[k].span, "`hold` of a count that jumps", "Make its rates 0 for that time.");
      v->failed = true;
      return;
    }
  Jumps j = jumps_of(v);
  if (v->in->leaps) leap(&j, ret);
  else one_by_one(&j, ret);
}

/* Spikes where they are, within the step: for fits with `gradient = exact_events`, whose derivatives must see that a spike moves.
 *
 * The crossing lies where the line between the sides' difference at the begin and at the end of a step meets 0; there the states
 * are on the line between theirs. The handler runs on these, and the rest of the step is integrated from what it leaves. A
 * hold ends d after the spike, not at the end of a step: its counter is a number of steps that need not be whole, and a step
 * in which it runs out is cut there. So all that follows is a smooth function of the time of the spike, also where that
 * passes from one step to the next, and what differentiates the program finds by the chain rule what is otherwise derived by
 * hand (jump of the derivatives at a spike): with g the difference, dt = -(g_x dx + g_p dp) / (g_x f + g_t).
 *
 * Order: the line is wrong by dt^2 g'' / (8 g') of time at each spike, so 2, if the method between spikes has no less. A
 * condition that holds as soon as a hold ends fires then. One spike in a dt: a second waits for the next.
 *
 * Cost: with methods of fixed steps the whole dt is done first; who spikes in it, or whose hold ends, goes through a loop over
 * the parts, which is left out where there are none. Methods that choose their steps have their loop already. */
#include <string.h>

#include "ir/solve.h"

#include "lang/session.h"

static IrVal counter(Solve *v, uint32_t hold, const IrVal *x) { return x[v->in->holds.at[hold].left]; }

/* Holds whose counters, among the states x, have something left. */
void solve_holds_left(Solve *v, const IrVal *x) {
  IrBuild *b = &v->b;
  solve_no_holds(v);
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    b->span = v->in->holds.at[k].span;
    solve_hold(v, k, ir_op2(b, IR_GT, counter(v, k, x), alg_num(b, 0)));
  }
}

/* h, or what is left of a hold in force if that is less. */
IrVal solve_cut_at_holds(Solve *v, const IrVal *x, IrVal h) {
  IrBuild *b = &v->b;
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    IrVal end = ir_op2(b, IR_MUL, counter(v, k, x), v->whole);
    h = ir_op3(b, IR_SELECT, v->in_force[k], ir_op2(b, IR_MIN, end, h), h);
  }
  return h;
}

/* The counters behind a part of length h. */
void solve_count_down_by(Solve *v, const IrVal *x, IrVal h, IrVal *ret) {
  IrBuild *b = &v->b;
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    IrVal left = counter(v, k, x), zero = alg_num(b, 0);
    IrVal ends = ir_op2(b, IR_LE, ir_op2(b, IR_MUL, left, v->whole), h);
    IrVal less = ir_op2(b, IR_SUB, left, ir_op2(b, IR_DIV, h, v->whole));
    ret[v->in->holds.at[k].left] = ir_op3(b, IR_SELECT, ends, zero, less);
  }
}

/* Some hold ends before T; IR_NONE: there is none. */
IrVal solve_hold_ends(Solve *v, const IrVal *x) {
  IrBuild *b = &v->b;
  IrVal some = IR_NONE;
  for (uint32_t k = 0; k < v->in->holds.n; k++) {
    IrVal left = counter(v, k, x);
    IrVal ends = ir_op2(b, IR_AND, ir_op2(b, IR_GT, left, alg_num(b, 0)), ir_op2(b, IR_LT, left, alg_num(b, 1)));
    some = some == IR_NONE ? ends : ir_op2(b, IR_OR, some, ends);
  }
  return some;
}

/* The difference of the condition's sides at these states and this time; v->guard after a condition is that at the end. */
static IrVal guard_at(Solve *v, const IrVal *x, IrVal time) {
  IrCopy test = ir_copy_of(&v->b, v->in->test);
  test.state = x;
  test.old = x;
  test.held = v->in_force;
  test.time = time;
  ir_copy_run(&test);
  return ir_copy_stored(&test, SLOT_OUT, 0);
}

/* The share of the part from `from` to v->now that lies before the crossing. */
static IrVal share_of(Solve *v, const IrVal *from, IrVal begin, IrVal end) {
  IrBuild *b = &v->b;
  IrVal g = guard_at(v, from, begin), zero = alg_zero_like(b, g), apart = ir_op2(b, IR_SUB, g, end);
  IrVal below = ir_op2(b, IR_LT, g, zero);
  return ir_op3(b, IR_SELECT, below, ir_op2(b, IR_DIV, g, ir_op3(b, IR_SELECT, below, apart, ir_const(b, 1, b->k->ins.at[g].dim))),
                alg_num(b, 0));
}

void solve_part_end(Solve *v, const SolvePart *p, SolveSpiked *io) {
  IrBuild *b = &v->b;
  IrVal *to = NEW_ARRAY(b->arena, IrVal, v->n + 1), one = alg_num(b, 1);
  IrVal *at = v->now, had = ir_op2(b, IR_GT, io->spiked, alg_num(b, 0.5));
  IrVal c = solve_condition(v), end = v->guard;
  b->span = v->in->component->spikes.at[0]->span;
  IrVal rises = ir_op2(b, IR_AND, c, ir_op1(b, IR_NOT, io->before));
  if (p->good != IR_NONE) rises = ir_op2(b, IR_AND, rises, p->good);
  IrVal fires = ir_op2(b, IR_AND, rises, ir_op1(b, IR_NOT, had)), waits = ir_op2(b, IR_AND, rises, had);
  IrVal share = ir_op3(b, IR_SELECT, fires, share_of(v, p->from, p->begin, end), one);
  for (uint32_t i = 0; i < v->n; i++) {
    to[i] = at[i];
    if (at[i] == p->from[i]) continue;
    IrVal there = ir_op3(b, IR_FMA, share, ir_op2(b, IR_SUB, at[i], p->from[i]), p->from[i]);
    to[i] = ir_op3(b, IR_SELECT, fires, there, at[i]);
  }
  for (uint32_t i = 0; i < v->n; i++)
    if (io->was[i] != IR_NONE) io->was[i] = ir_op3(b, IR_SELECT, fires, to[i], io->was[i]);
  v->now = to;
  solve_fire(v, fires);
  solve_holds_left(v, v->now);
  IrVal after = solve_condition(v), took = ir_op3(b, IR_SELECT, fires, ir_op2(b, IR_MUL, share, p->h), p->h);
  IrVal left = ir_op2(b, IR_SUB, p->left, took);
  IrVal before = ir_op3(b, IR_SELECT, fires, after, ir_op3(b, IR_SELECT, waits, io->before, c));
  io->before = p->good == IR_NONE ? before : ir_op3(b, IR_SELECT, p->good, before, io->before);
  io->spiked = ir_op3(b, IR_SELECT, fires, one, io->spiked);
  io->when = ir_op3(b, IR_SELECT, fires, ir_op2(b, IR_SUB, one, ir_op2(b, IR_DIV, left, v->whole)), io->when);
  io->fires = fires;
  io->left = left;
}

/* By state that the handler changes: carried, what it was just before. */
IrVal *solve_carry_was(Solve *v, const IrVal *first) {
  IrVal *was = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    bool changes = false;
    for (uint32_t k = 0; v->in->fire && k < v->in->fire->slots.n; k++) {
      const IrSlot *slot = &v->in->fire->slots.at[k];
      changes |= slot->kind == SLOT_STATE && slot->index == i && !v->in->states.at[i].counter;
    }
    was[i] = changes ? ir_carry(&v->b, first[i]) : IR_NONE;
  }
  return was;
}

IrVal *solve_was_of(Solve *v, const IrVal *carried) {
  IrVal *was = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) was[i] = carried[i];
  return was;
}

void solve_next_was(Solve *v, const IrVal *carried, const IrVal *was) {
  for (uint32_t i = 0; i < v->n; i++)
    if (carried[i] != IR_NONE) ir_next(&v->b, carried[i], was[i]);
}

/* ---- methods of fixed steps: the parts of a step in which something happens */

/* The states that the loop carries, as a solver of a part of length h that begins where `left` is left of dt. */
static Solve part_of(const Solve *v, IrVal *carry, IrVal left) {
  Solve w = *v;
  IrBuild *b = &w.b;
  SolveMethod *method = w.method;
  w.old = w.first = carry;
  solve_holds_left(&w, carry);
  w.dt = solve_cut_at_holds(&w, carry, left);
  w.half = alg_mul(b, w.dt, alg_num(b, 0.5));
  w.begin = ir_op2(b, IR_SUB, ir_nullary(b, IR_TIME), left);
  w.end = ir_op2(b, IR_ADD, w.begin, w.dt);
  memset(&w.systems, 0, sizeof w.systems);
  memset(&w.noise, 0, sizeof w.noise);
  solve_read_flow(&w);
  w.method = method;
  return w;
}

void solve_parts(Solve *v) {
  IrBuild *b = &v->b;
  Span span = v->in->component->spikes.at[0]->span;
  IrVal c = solve_condition(v), prev = ir_load(b, ir_slot(b, SLOT_PREV, 0, (Name){0}, IR_BOOL, DIM_NONE));
  IrVal enters = ir_op2(b, IR_AND, c, ir_op1(b, IR_NOT, prev)), ends = solve_hold_ends(v, v->old);
  if (ends != IR_NONE) enters = ir_op2(b, IR_OR, enters, ends);
  IrVal *carry = NEW_ARRAY(b->arena, IrVal, v->n + 1), zero = alg_num(b, 0);
  solve_count_down_by(v, v->old, v->whole, v->now);
  IrVal *begin = NEW_ARRAY(b->arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) begin[i] = ir_op3(b, IR_SELECT, enters, v->old[i], v->now[i]);
  IrVal first = ir_op3(b, IR_SELECT, enters, prev, c);
  b->span = span;
  ir_loop(b, 3 + 2 * v->in->holds.n, enters);
  for (uint32_t i = 0; i < v->n; i++) carry[i] = ir_carry(b, begin[i]);
  IrVal left = ir_carry(b, v->whole), before = ir_carry(b, first), spiked = ir_carry(b, zero), when = ir_carry(b, zero);
  IrVal *was = solve_carry_was(v, begin);
  Solve w = part_of(v, carry, left);
  solve_integrate(&w);
  solve_count_down_by(&w, carry, w.dt, w.now);
  SolveSpiked is = {.before = before, .spiked = spiked, .when = when, .was = solve_was_of(v, was)};
  SolvePart part = {.from = carry, .begin = w.begin, .h = w.dt, .left = left, .good = IR_NONE};
  solve_part_end(&w, &part, &is);
  b->span = span;
  IrVal more = ir_op2(b, IR_GT, is.left, alg_zero_like(b, is.left));
  for (uint32_t i = 0; i < v->n; i++) ir_next(b, carry[i], w.now[i]);
  ir_next(b, left, is.left);
  ir_next(b, before, is.before);
  ir_next(b, spiked, is.spiked);
  ir_next(b, when, is.when);
  solve_next_was(v, was, is.was);
  ir_again(b, more);
  v->now = carry;
  v->before = before;
  v->when = when;
  v->was = was;
  v->spiked = ir_op2(b, IR_GT, spiked, alg_num(b, 0.5));
}

/* The spike as a number, where in the step it was, and what was there before it. */
void solve_spike_out(Solve *v, IrVal spike, IrVal when) {
  IrBuild *b = &v->b;
  ir_store(b, ir_slot(b, SLOT_OUT, IR_OUT_SPIKE, name_z(v->s, "spike"), IR_REAL, DIM_NONE), spike);
  ir_store(b, ir_slot(b, SLOT_OUT, IR_OUT_WHEN, name_z(v->s, "when"), IR_REAL, DIM_NONE), when);
  for (uint32_t i = 0; v->was && i < v->n; i++) {
    const MVar *var = v->in->states.at[i].var;
    if (v->was[i] != IR_NONE) ir_store(b, ir_slot(b, SLOT_OUT, IR_OUT_WAS + i, var->name, IR_REAL, var->dim), v->was[i]);
  }
}

/* ---- surrogates: the spike as a number whose derivative is that of a smooth step */

IrVal solve_surrogate(Solve *v, IrVal guard, IrVal possible) {
  IrBuild *b = &v->b;
  static const IrOp ops[SURROGATES] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = IR_SURROGATE_##id,
#include "lang/surrogates.def"
#undef SURROGATE
  };
  IrVal z = ir_op1(b, ops[v->in->spikes->shape], guard), zero = alg_num(b, 0);
  return possible == IR_NONE ? z : ir_op3(b, IR_SELECT, possible, z, zero);
}

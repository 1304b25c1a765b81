/* Level 1 to level 2 for synapses with memory: the kernels of a class of synapses (IrLearn), each of which first moves states
 * to the time of what happens.
 *
 * From event to event: where a synapse's own states have closed forms between events (linear, with sources that decay on their
 * own), they are advanced by the time since its last event, an input of the kernel, and nothing runs in between. So are the
 * states of presynaptic cells, always. Else the synapses' own states are stepped, by whatever integrator they need, and the
 * handlers act on them as they are. A propagator of a system with a matrix exponential is right for times of some time constants
 * alone, so states that need one are stepped.
 *
 * Where weights stand still for a phase, assignments to them and their equation do; everything else goes on. A weight with an
 * equation is stepped then: the time since its last event would hold both.
 *
 * Postsynaptic states and inputs are given by the runtime, as the synapse sees them at that time. */
#include "ir/solve.h"

#include "ir/pass.h"
#include "lang/diag.h"

static VarPer per_of(const Solve *v, uint32_t i) { return v->in->states.at[i].var->per; }

static uint32_t state_of(const Solve *v, const MVar *var) {
  uint32_t i = 0;
  while (i < v->n && v->in->states.at[i].var != var) i++;
  if (i == v->n) BUG(v->s, var->span, "a factor that is no state");
  return i;
}

static IrVal input(Solve *v, uint32_t i) {
  const MVar *var = v->in->inputs.at[i];
  return ir_load(&v->b, ir_slot(&v->b, SLOT_INPUT, i, var->name, IR_REAL, var->dim));
}

static Solve kernel_begin(Session *s, Arena *out, IrClass *c, const char *name) {
  Solve v = {.s = s, .c = c, .in = c, .n = c->states.n, .guard = IR_NONE, .soft = IR_NONE};
  IrKernel *k = ir_kernel(s, out, KERNEL_LEARN, name_fmt(s, "%s.%s", name, name_str(s, c->name)));
  v.b = (IrBuild){.s = s, .arena = out, .k = k, .span = c->component->span};
  v.old = NEW_ARRAY(out, IrVal, v.n + 1);
  v.now = NEW_ARRAY(out, IrVal, v.n + 1);
  v.held = NEW_ARRAY(out, IrVal, v.n + 1);
  v.in_force = NEW_ARRAY(out, IrVal, 1);
  v.follows = NEW_ARRAY(out, bool, v.n + 1);
  v.first = v.old;
  for (uint32_t i = 0; i < v.n; i++) {
    const MVar *var = c->states.at[i].var;
    v.old[i] = v.now[i] = ir_load(&v.b, ir_slot(&v.b, SLOT_STATE, i, var->name, IR_REAL, var->dim));
    v.held[i] = IR_NONE;
  }
  v.dt = v.whole = ir_nullary(&v.b, IR_DT);
  v.half = alg_mul(&v.b, v.dt, alg_num(&v.b, 0.5));
  v.begin = alg_sub(&v.b, ir_nullary(&v.b, IR_TIME), v.dt);
  v.end = ir_nullary(&v.b, IR_TIME);
  solve_read_flow(&v);
  solve_choose(&v);
  return v;
}

static bool is_weight(const IrClass *c, uint32_t i) { return name_eq(c->states.at[i].var->name, c->component->weight->name); }

/* Does the slope read what others have: of other sides, which change between the synapse's events, or any other state? */
static bool reads_others(const Solve *v, uint32_t i, bool any) {
  const IrKernel *k = v->b.k;
  bool *seen = NEW_ARRAY(v->b.arena, bool, v->der[i] + 1), others = false;
  seen[v->der[i]] = true;
  for (IrVal at = v->der[i] + 1; at-- > 0;) {
    if (!seen[at]) continue;
    const IrIns *ins = &k->ins.at[at];
    for (int j = 0; j < ir_ops[ins->op].arity; j++) seen[ins->arg[j]] = true;
    if (ins->op != IR_LOAD) continue;
    const IrSlot *slot = &k->slots.at[ins->slot];
    others |= slot->kind == SLOT_INPUT || (slot->kind == SLOT_STATE && (any ? slot->index != i : per_of(v, slot->index) != per_of(v, i) && per_of(v, slot->index) != PER_SIGNAL));
  }
  return others;
}

/* One state that decays on its own drives it, and nothing else: so it moves in one direction. */
static bool only_driven(const Solve *v, uint32_t i) {
  uint32_t drivers = 0;
  for (uint32_t j = 0; v->form[i] && v->form[i]->linear && j < v->n; j++)
    drivers += v->atom[j] != IR_NONE && v->form[i]->coef[v->atom[j]] != IR_NONE ? (j == i ? 2 : 1) : 0;
  return drivers == 1 && v->form[i]->rest == IR_NONE;
}

/* NULL: the state has a closed form between events. */
static const char *not_closed(Solve *v, uint32_t i) {
  if (v->der[i] == IR_NONE || per_of(v, i) == PER_SIGNAL) return NULL;
  if (reads_others(v, i, false)) return "its equation reads what changes between the synapse's events";
  if (v->method[i] != SOLVE_EXACT) return name_str(v->s, v->c->states.at[i].reason);
  if (!solve_closed_form(v, i, IR_NONE)) return "it is driven by a state that is itself driven";
  if (!is_weight(v->c, i)) return NULL;
  if (v->c->component->freezes) return "it stands still in some phases";
  return v->c->component->weight->domain.has && reads_others(v, i, true) && !only_driven(v, i) ? "what drives it may take it out of its domain and back" : NULL;
}

static void find_stepped(Solve *v) {
  for (uint32_t i = 0; i < v->n; i++) {
    IrState *state = &v->c->states.at[i];
    const char *why = not_closed(v, i);
    if (!why && v->der[i] != IR_NONE) {
      state->method = name_z(v->s, "exact");
      state->reason = name_z(v->s, "linear with constant coefficients: in one piece from event to event");
    }
    if (!why || v->failed) continue;
    if (per_of(v, i) == PER_PRE) {
      diag_not_supported(v->s, state->var->equation_span, name_str(v->s, name_fmt(v->s, "a state `per pre` that has no closed form between spikes (%s)", why)),
                         "Leave out `per pre`: each synapse has one of its own then, which is stepped.");
      v->failed = true;
    } else {
      v->c->stepped = true;
    }
  }
}

/* ---- the kernels */

static void advance(Solve *v, VarPer per, IrVal by) {
  for (uint32_t i = 0; i < v->n; i++)
    if (per_of(v, i) == per && v->der[i] != IR_NONE) {
      v->b.span = v->in->states.at[i].var->equation_span;
      v->now[i] = solve_exact(v, i, by);
    }
}

static void handle(Solve *v, const IrKernel *body) {
  if (!body) return;
  IrCopy copy = ir_copy_of(&v->b, body);
  copy.state = v->now;
  ir_copy_run(&copy);
  IrVal *after = NEW_ARRAY(v->b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) {
    IrVal to = ir_copy_stored(&copy, SLOT_STATE, i);
    after[i] = to == IR_NONE ? v->now[i] : to;
  }
  for (uint32_t i = 0; i < body->slots.n; i++) {
    const IrSlot *slot = &body->slots.at[i];
    IrVal sent = slot->kind == SLOT_OUT ? ir_copy_stored(&copy, SLOT_OUT, slot->index) : IR_NONE;
    if (sent != IR_NONE) ir_store(&v->b, ir_slot(&v->b, SLOT_OUT, slot->index, slot->name, IR_REAL, slot->dim), sent);
  }
  v->now = after;
}

/* Stores what has changed of one side; NULL if that is nothing, and nothing was sent. */
static IrKernel *kernel_end(Solve *v, VarPer per) {
  bool any = false;
  for (uint32_t i = 0; i < v->b.k->slots.n; i++) any |= v->b.k->slots.at[i].kind == SLOT_OUT;
  for (uint32_t i = 0; i < v->n; i++) {
    if (per_of(v, i) != per || v->now[i] == v->old[i]) continue;
    const MVar *var = v->in->states.at[i].var;
    v->b.span = var->span;
    ir_store(&v->b, ir_slot(&v->b, SLOT_STATE, i, var->name, IR_REAL, var->dim), v->now[i]);
    any = true;
  }
  return any ? v->b.k : NULL;
}

/* Signals as they were at the synapse's last event, and their products with what the synapse was then. */
static void signals_begin(Solve *v, const IrClass *c, IrVal elapsed) {
  for (uint32_t i = 0; i < v->n; i++)
    if (per_of(v, i) == PER_SIGNAL && !v->in->states.at[i].var->product[0])
      v->now[i] = solve_exact(v, i, alg_sub(&v->b, input(v, c->signalled), elapsed));
  for (uint32_t i = 0; i < v->n; i++)
    if (per_of(v, i) == PER_SIGNAL) v->old[i] = v->now[i];
  for (uint32_t i = 0; i < v->n; i++) {
    MVar *const *of = v->in->states.at[i].var->product;
    if (of[0]) v->old[i] = v->now[i] = alg_mul(&v->b, v->old[state_of(v, of[0])], v->old[state_of(v, of[1])]);
  }
}

/* A synapse's own states, from its last event to this one; a weight that moves towards a value stops where its domain ends. */
static void advance_own(Solve *v, const IrClass *c) {
  if (c->stepped) return;
  IrVal elapsed = input(v, c->elapsed);
  signals_begin(v, c, elapsed);
  advance(v, PER_ELEMENT, elapsed);
  advance(v, PER_SIGNAL, elapsed);
  handle(v, c->learn[LEARN_STEP]);
}

/* Of LEARN_POST, or where weights stand still: states are advanced by both alike. */
static IrKernel *at_post(Session *s, Arena *out, IrClass *c, IrLearn which) {
  Solve v = kernel_begin(s, out, c, which == LEARN_POST ? "on_post" : "on_post_frozen");
  if (!c->learn[LEARN_POST]) return NULL;
  advance_own(&v, c);
  advance(&v, PER_PRE, input(&v, c->since));
  handle(&v, c->learn[which]);
  return kernel_end(&v, PER_ELEMENT);
}

static IrKernel *at_pre(Session *s, Arena *out, IrClass *c, IrLearn which) {
  Solve v = kernel_begin(s, out, c, which == LEARN_PRE ? "on_pre" : "on_pre_frozen");
  advance_own(&v, c);
  handle(&v, c->learn[which]);
  return kernel_end(&v, PER_ELEMENT);
}

static IrKernel *cell_spikes(Session *s, Arena *out, IrClass *c) {
  Solve v = kernel_begin(s, out, c, "cell");
  handle(&v, c->learn[LEARN_CELL]);
  return kernel_end(&v, PER_PRE);
}

static IrKernel *cell_advances(Session *s, Arena *out, IrClass *c) {
  Solve v = kernel_begin(s, out, c, "advance");
  advance(&v, PER_PRE, input(&v, c->since));
  return kernel_end(&v, PER_PRE);
}

static IrKernel *as_of_now(Session *s, Arena *out, IrClass *c) {
  Solve v = kernel_begin(s, out, c, "now");
  advance_own(&v, c);
  return kernel_end(&v, PER_ELEMENT);
}

/* The right-hand sides of the synapses' own states alone; frozen: without the weight's. */
static IrKernel *own_flow(Session *s, Arena *out, const IrClass *c, bool frozen) {
  if (!c->flow) return NULL;
  IrBuild b = {.s = s, .arena = out, .k = ir_kernel(s, out, KERNEL_FLOW, c->flow->name)};
  IrCopy copy = ir_copy_of(&b, c->flow);
  ir_copy_run(&copy);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    IrVal v = var->per == PER_ELEMENT ? ir_copy_stored(&copy, SLOT_DER, i) : IR_NONE;
    if (v == IR_NONE || (frozen && is_weight(c, i))) continue;
    b.span = var->equation_span;
    ir_store(&b, ir_slot(&b, SLOT_DER, i, var->name, IR_REAL, b.k->ins.at[v].dim), v);
  }
  return b.k;
}

/* What the other sides' states do meanwhile is theirs: as couplings, they are held over the step. */
static IrKernel *stepped(Session *s, Arena *out, IrClass *c, bool frozen) {
  if (!c->stepped) return NULL;
  IrKernel *flow = c->flow;
  c->flow = own_flow(s, out, c, frozen);
  Solve v = kernel_begin(s, out, c, frozen ? "learn_frozen" : "learn");
  c->flow = flow;
  solve_integrate(&v);
  if (!frozen) handle(&v, c->learn[LEARN_STEP]); /* it keeps the weight within its domain */
  return kernel_end(&v, PER_ELEMENT);
}

bool solve_synapses(Session *s, Arena *out, IrClass *c) {
  if (!c->synaptic) return false;
  Solve look = kernel_begin(s, out, c, "look");
  find_stepped(&look);
  if (look.failed) return true;
  IrKernel *made[LEARNS] = {
      [LEARN_POST] = at_post(s, out, c, LEARN_POST),
      [LEARN_PRE] = at_pre(s, out, c, LEARN_PRE),
      [LEARN_CELL] = cell_spikes(s, out, c),
      [LEARN_ADVANCE] = cell_advances(s, out, c),
      [LEARN_STEP] = stepped(s, out, c, false),
      [LEARN_NOW] = as_of_now(s, out, c),
  };
  if (c->component->freezes) {
    made[LEARN_POST_FROZEN] = at_post(s, out, c, LEARN_POST_FROZEN);
    made[LEARN_PRE_FROZEN] = at_pre(s, out, c, LEARN_PRE_FROZEN);
    made[LEARN_STEP_FROZEN] = stepped(s, out, c, true);
  }
  for (uint32_t i = 0; i < LEARNS; i++) c->learn[i] = made[i];
  return true;
}

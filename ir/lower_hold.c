/* Which states a component holds, and how: the steps that are left.
 *
 * A state that only the spike handler holds, by one statement, always and for the same time in all
 * elements, needs no counter: who is held follows from the masks of the last spikes, which the runtime
 * keeps. Any other held state (in an `if`, in a handler of events, for a time that differs between
 * elements, in several places) has a state of the compiler's own, "%left.V": a hold of R steps sets it to
 * at least R, so of two holds the one that ends later counts; every step takes one off. */
#include "ir/lower.h"

typedef struct {
  const MVar *var;
  const MStmt *first;
  bool counted;
} Held;

typedef struct {
  Lower *l;
  Scope *sc;
  VEC(Held) held; /* in order of appearance */
} Holds;

static void find_hold(Holds *h, const MStmt *st, bool always) {
  if (h->sc->shape->fit && st->var == h->sc->shape->given) return; /* it follows the recording */
  bool counted = h->sc->shape->fit || !always || !lower_uniform(h->sc, st->value);
  for (uint32_t i = 0; i < h->held.n; i++) {
    Held *held = &h->held.at[i];
    if (held->var != st->var) continue;
    held->counted = true;
    return;
  }
  vec_push(h->l->a, &h->held, ((Held){st->var, st, counted}));
}

static void find_holds(Holds *h, const MStmtList *list, bool always) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    if (st->kind == STMT_HOLD) find_hold(h, st, always);
    MStmtList then = {.at = st->then.at, .n = st->then.n}, other = {.at = st->other.at, .n = st->other.n};
    find_holds(h, &then, false);
    find_holds(h, &other, false);
  }
}

/* d/dt - 1e-6, rounded up, at least 0. */
static IrVal steps_of(Scope *sc, const MStmt *st) {
  IrBuild *b = &sc->b;
  Dim time = {{0}};
  time.e[DIM_TIME] = DIM_ONE;
  IrVal d = lower_as(sc, st->value, time);
  b->span = st->span;
  if (sc->shape->fit && sc->shape->fit->own_spikes.gradient == SPIKES_LOCATED) /* solve_events.c */
    return ir_op2(b, IR_MAX, ir_op2(b, IR_DIV, d, ir_nullary(b, IR_DT)), alg_num(b, 0));
  IrVal steps = ir_op2(b, IR_SUB, ir_op2(b, IR_DIV, d, ir_nullary(b, IR_DT)), alg_num(b, 1e-6));
  return ir_op2(b, IR_MAX, ir_op1(b, IR_HOLD, steps), alg_num(b, 0));
}

static void add_masks(Scope *sc, const Held *held) {
  IrBuild *b = &sc->b;
  IrClass *c = sc->shape->c;
  IrVal r = steps_of(sc, held->first);
  IrHold hold = {.steps_u = c->uniforms.n,
                 .left = IR_NONE,
                 .steps_name = name_fmt(sc->l->s, "%%hold.%s", name_str(sc->l->s, held->var->name)),
                 .span = held->first->span};
  vec_push(sc->l->a, &hold.states, sc->shape->index[held->var->index]);
  vec_push(sc->l->a, &c->uniforms, ((IrUniform){.name = hold.steps_name}));
  vec_push(sc->l->a, &c->holds, hold);
  ir_store(b, ir_slot(b, SLOT_UNIFORM, hold.steps_u, hold.steps_name, IR_REAL, DIM_NONE), r);
}

/* The counter is numbered behind the component's own variables (Shape has room for it). */
static void add_counter(Scope *sc, const Held *held) {
  Lower *l = sc->l;
  Shape *shape = sc->shape;
  IrClass *c = shape->c;
  uint32_t state = shape->index[held->var->index];
  MVar *left = NEW(l->a, MVar);
  *left = (MVar){.kind = VAR_STATE,
                 .index = c->component->vars.n + held->var->index,
                 .name = name_fmt(l->s, "%%left.%s", name_str(l->s, held->var->name)),
                 .unit_scale = 1,
                 .span = held->first->span};
  IrHold hold = {
      .steps_u = IR_NONE, .left = c->states.n, .steps_name = left->name, .span = held->first->span};
  shape->index[left->index] = c->states.n;
  shape->left[state] = left;
  vec_push(l->a, &hold.states, state);
  vec_push(l->a, &c->states, ((IrState){.var = left, .counter = true}));
  vec_push(l->a, &c->holds, hold);
}

void lower_holds(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_DERIVE, name_fmt(l->s, "derive.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  Holds h = {.l = l, .sc = &sc};
  for (uint32_t i = 0; i < c->component->spikes.n; i++) {
    const MStmtList *body = &c->component->spikes.at[i]->body;
    find_holds(&h, body, true);
  }
  for (uint32_t i = 0; i < c->component->ports.n; i++)
    find_holds(&h, &c->component->ports.at[i]->body, false);
  shape->left = NEW_ARRAY(l->a, const MVar *, c->states.n + 1);
  for (uint32_t i = 0; i < h.held.n; i++)
    if (h.held.at[i].counted) add_counter(&sc, &h.held.at[i]);
    else add_masks(&sc, &h.held.at[i]);
  c->derive = k;
}

/* A hold of a billion steps is for ever. */
void lower_hold_begin(Scope *sc, const MStmt *st, IrVal mask) {
  const MVar *left = sc->shape->left[sc->shape->index[st->var->index]];
  if (!left) return; /* the spike itself begins it */
  IrBuild *b = &sc->b;
  uint32_t i = sc->shape->index[left->index];
  IrVal now = lower_var(sc, left), r = ir_op2(b, IR_MIN, steps_of(sc, st), alg_num(b, 1e9));
  IrVal v = ir_op2(b, IR_MAX, now, r);
  sc->state[i] = mask == IR_NONE ? v : ir_op3(b, IR_SELECT, mask, v, now);
}

IrVal lower_hold_guard(Scope *sc, uint32_t state) {
  const IrClass *c = sc->shape->c;
  IrVal r = IR_NONE;
  for (uint32_t k = 0; sc->guarded && k < c->holds.n; k++) {
    const IrHold *h = &c->holds.at[k];
    bool mine = false;
    for (uint32_t j = 0; j < h->states.n; j++) mine |= h->states.at[j] == state;
    if (!mine || (sc->idle && sc->idle[k])) continue;
    Name name = c->states.at[h->states.at[0]].var->name;
    IrVal held = ir_load(&sc->b, ir_slot(&sc->b, SLOT_HELD, k, name, IR_BOOL, DIM_NONE));
    r = r == IR_NONE ? held : ir_op2(&sc->b, IR_OR, r, held);
  }
  return r;
}

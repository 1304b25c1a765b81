/* Synapses with memory to kernels: those of one projection are the elements of a class of their own, whose states are the
 * synapse's, those of its presynaptic cell and those of its postsynaptic cell. Here the handlers as they are written (`learn`
 * kernels of level 1); when they run, and how far states have moved until then, solve_synapse.c adds.
 *
 * The handlers of a synapse run whole, with values of the cells' states that are theirs alone: what follows on `x += 1` sees
 * it. The presynaptic cell's own statements are a kernel beside them. */
#include "ir/lower.h"

#include "lang/diag.h"

/* Those that change states that a cell has here (others are its component's), with the conditions around them. */
static MStmtList cell_statements(Lower *l, MStmt *const *at, uint32_t n, VarPer per) {
  MStmtList list = {0};
  for (uint32_t i = 0; i < n; i++) {
    if (at[i]->kind == STMT_ASSIGN && at[i]->var->per == per && !at[i]->var->of) vec_push(l->a, &list, at[i]);
    if (at[i]->kind != STMT_IF) continue;
    MStmt *st = NEW(l->a, MStmt);
    *st = *at[i];
    st->then = cell_statements(l, at[i]->then.at, at[i]->then.n, per);
    st->other = cell_statements(l, at[i]->other.at, at[i]->other.n, per);
    if (st->then.n || st->other.n) vec_push(l->a, &list, st);
  }
  return list;
}

/* The same handler where weights stand still: all but what is assigned to the weight. */
static MStmtList frozen_statements(Lower *l, MStmt *const *at, uint32_t n, const MVar *weight) {
  MStmtList list = {0};
  for (uint32_t i = 0; i < n; i++) {
    if (at[i]->kind == STMT_ASSIGN && at[i]->var == weight) continue;
    MStmt *st = NEW(l->a, MStmt);
    *st = *at[i];
    st->then = frozen_statements(l, at[i]->then.at, at[i]->then.n, weight);
    st->other = frozen_statements(l, at[i]->other.at, at[i]->other.n, weight);
    vec_push(l->a, &list, st);
  }
  return list;
}

static uint32_t sends_count(MStmt *const *at, uint32_t n) {
  uint32_t sends = 0;
  for (uint32_t i = 0; i < n; i++)
    sends += (at[i]->kind == STMT_SEND) + sends_count(at[i]->then.at, at[i]->then.n) + sends_count(at[i]->other.at, at[i]->other.n);
  return sends;
}

static IrKernel *handler(Lower *l, Shape *shape, const MStmtList *body, const char *name) {
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_LEARN, name_fmt(l->s, "%s.%s", name, name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  if (shape->pop->component->apart) sc.sends_told = sends_count(body->at, body->n);
  lower_body(&sc, body);
  return k->ins.n ? k : NULL;
}

static uint32_t input_new(Lower *l, Shape *shape, const char *name, Dim dim) {
  MVar *var = NEW(l->a, MVar);
  *var = (MVar){.kind = VAR_INPUT, .name = name_z(l->s, name), .dim = dim, .unit_scale = 1, .span = shape->pop->span};
  vec_push(l->a, &shape->c->inputs, var);
  return shape->c->inputs.n - 1;
}

static IrVal drawn_input(Scope *sc, uint32_t at) {
  const MVar *var = sc->shape->c->inputs.at[at];
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_INPUT, at, var->name, IR_REAL, DIM_NONE));
}

/* Which synapse it is, its place does not tell: so the runtime draws, uniformly between 0 and 1, and the law is made of that. Handlers
 * that stand for each other (where weights are frozen) draw the same. */
IrVal lower_learn_draw(Scope *sc, const MExpr *e, const IrVal *args) {
  Lower *l = sc->l;
  IrBuild *b = &sc->b;
  IrClass *c = sc->shape->c;
  bool normal = e->dist == DIST_NORMAL || e->dist == DIST_LOGNORMAL;
  if ((e->n_args > 2 && e->args[2]) || (e->n_args > 3 && e->args[3])) {
    diag_not_supported(l->s, e->span, "`within` behind a draw of a synapse's handler", "`clip` keeps a number within bounds.");
    return ir_const(b, 0, e->dim);
  }
  uint32_t at = ptr_get(&sc->shape->drawn, e);
  if (at == IR_NONE) {
    at = c->inputs.n;
    for (int i = 0; i < (normal ? 2 : 1); i++) {
      vec_push(l->a, &c->drawn, c->inputs.n);
      input_new(l, sc->shape, name_str(l->s, name_fmt(l->s, "%%draw%u", c->drawn.n - 1)), DIM_NONE);
    }
    ptr_set(l->a, &sc->shape->drawn, e, at);
  }
  IrVal u = drawn_input(sc, at);
  if (e->dist == DIST_UNIFORM) return alg_add(b, args[0], alg_mul(b, alg_sub(b, args[1], args[0]), u));
  IrVal minus_log = ir_op1(b, IR_NEG, ir_op1(b, IR_LOG, u));
  if (e->dist == DIST_EXPONENTIAL) return alg_mul(b, args[0], minus_log);
  IrVal angle = alg_mul(b, alg_num(b, 6.283185307179586), drawn_input(sc, at + 1));
  IrVal z = alg_mul(b, ir_op1(b, IR_SQRT, alg_mul(b, alg_num(b, 2), minus_log)), ir_op1(b, IR_COS, angle));
  IrVal x = alg_add(b, args[0], alg_mul(b, args[1], z));
  return e->dist == DIST_LOGNORMAL ? ir_op1(b, IR_EXP, x) : x;
}

void lower_learn(Lower *l, Shape *shape) {
  IrClass *c = shape->c;
  const MComponent *m = shape->pop->component;
  Dim time = {{[DIM_TIME] = DIM_ONE}};
  c->synaptic = true;
  c->elapsed = input_new(l, shape, "%elapsed", time);
  c->since = input_new(l, shape, "%since", time);
  c->signalled = input_new(l, shape, "%signalled", time);
  c->learn[LEARN_POST] = handler(l, shape, &m->on_post, "on_post");
  c->learn[LEARN_PRE] = handler(l, shape, &m->on_pre, "on_pre");
  c->learn[LEARN_STEP] = handler(l, shape, &m->on_step, "bounds");
  MStmtList cell = cell_statements(l, m->on_pre.at, m->on_pre.n, PER_PRE);
  c->learn[LEARN_CELL] = handler(l, shape, &cell, "cell");
  if (!m->freezes) return;
  MStmtList post = frozen_statements(l, m->on_post.at, m->on_post.n, m->weight), pre = frozen_statements(l, m->on_pre.at, m->on_pre.n, m->weight);
  c->learn[LEARN_POST_FROZEN] = handler(l, shape, &post, "on_post_frozen");
  c->learn[LEARN_PRE_FROZEN] = handler(l, shape, &pre, "on_pre_frozen");
}

static void sends_of(Lower *l, Setup *st, MStmt *const *at, uint32_t n, IrProjection *p) {
  Dim time = {{[DIM_TIME] = DIM_ONE}};
  for (uint32_t i = 0; i < n; i++) {
    if (at[i]->kind == STMT_SEND) vec_push(l->a, &p->afters, at[i]->after ? setup_slot_as(st, at[i]->after, time, "after") : IR_NONE);
    sends_of(l, st, at[i]->then.at, at[i]->then.n, p);
    sends_of(l, st, at[i]->other.at, at[i]->other.n, p);
  }
}

static uint32_t feed_index(const MExperiment *x, const MFeed *feed) {
  uint32_t at = 0;
  while (x->feeds.at[at] != feed) at++;
  return at;
}

void lower_plastic(Setup *st, const MProjection *m, Shape *const *shapes, IrProjection *p) {
  Lower *l = st->l;
  const MPlastic *plastic = m->plastic;
  p->cells = IR_NONE;
  p->axonal = IR_NONE;
  if (!plastic) return;
  if (l->fitted) {
    diag_not_supported(l->s, m->span, "synapses with memory in a network that is fitted", "An experiment runs it; `--set` tries values of its params.");
    return;
  }
  plastic->cells->component->apart = !shapes[m->target.pop->index]->c->ports.at[m->port].additive;
  Shape *shape = lower_class(l, st->mx, plastic->cells);
  if (!shape) return;
  p->cells = st->x->synapses.n;
  p->axonal = setup_slot_as(st, plastic->axonal, (Dim){{[DIM_TIME] = DIM_ONE}}, "axonal");
  p->weight_state = shape->index[plastic->weight->index];
  const MPopulation *third = plastic->third ? plastic->third->source.pop : m->target.pop;
  const Shape *sides[] = {[SIDE_PRE] = shapes[m->source.pop->index], [SIDE_POST] = shapes[m->target.pop->index], [SIDE_THIRD] = shapes[third->index]};
  for (uint32_t i = 0; i < plastic->seen.n; i++) {
    const MSeen *seen = &plastic->seen.at[i];
    const uint32_t *of = sides[seen->side]->index;
    vec_push(l->a, &p->seen, ((IrSeen){shape->index[seen->inner->index], seen->outer ? of[seen->outer->index] : IR_NONE,
                                       seen->before ? of[seen->before->index] : IR_NONE, seen->side}));
  }
  if (plastic->third) {
    Scope sc = {.l = l};
    p->third = NEW(l->a, IrProjection);
    lower_link(st, &sc, plastic->third, DIM_NONE, p->third);
    p->third->block = lower_block(st, &sc, plastic->third->path);
    p->third->cells = IR_NONE;
    p->third->axonal = IR_NONE;
  }
  for (uint32_t i = 0; i < shape->c->inputs.n; i++) vec_push(l->a, &p->fed, IR_NONE);
  for (uint32_t i = 0; i < st->mx->feeds.n; i++)
    if (st->mx->feeds.at[i]->to == plastic->cells && st->mx->feeds.at[i]->input->kind == VAR_INPUT) p->fed.at[shape->index[st->mx->feeds.at[i]->input->index]] = i;
  for (uint32_t i = 0; i < plastic->follows.n; i++) {
    const MFollowed *x = &plastic->follows.at[i];
    vec_push(l->a, &p->follows, ((IrFollowed){shape->index[x->state->index], feed_index(st->mx, x->value), feed_index(st->mx, x->count)}));
  }
  setup_population(st, plastic->cells, shape);
  IrPopulation cells = st->x->populations.at[--st->x->populations.n]; /* it is none of the network's */
  vec_push(l->a, &st->x->synapses, cells);
  setup_again(st, shape, cells.block);
  sends_of(l, st, plastic->cells->component->on_pre.at, plastic->cells->component->on_pre.n, p);
  setup_enter(st, NULL, 0);
}

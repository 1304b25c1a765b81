/* The rest of an experiment to tables of G slots: projections with their weight and delay kernels, drives,
 * records, phases, expectations. Kernels that come out equal are shared: the 64 projections of a cortical
 * microcircuit need few. */
#include "ir/lower.h"
#include "ir/pass.h"

#include "lang/diag.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

IrSlice lower_slice(Setup *st, const MSlice *m) {
  return (IrSlice){
      .pop = m->pop->index, .from = setup_slot(st, m->from, "from"), .to = setup_slot(st, m->to, "to")};
}

/* ---- projections */

IrKernel *lower_share(Lower *l, IrKernel *k, bool record) {
  IrKernel **at = record ? l->record.at : l->synapse.at;
  uint32_t n = record ? l->record.n : l->synapse.n;
  for (uint32_t i = 0; i < n; i++)
    if (ir_kernel_equal(at[i], k)) return at[i];
  if (record) vec_push(l->a, &l->record, k);
  else vec_push(l->a, &l->synapse, k);
  return k;
}

IrKernel *lower_synapse(Setup *st, Scope *sc, const MExpr *e, Dim dim, const char *name,
                                uint32_t first_ordinal) {
  Lower *l = st->l;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_SYNAPSE, name_fmt(l->s, "%s.%u", name, l->synapse.n));
  uint32_t draws = first_ordinal;
  Scope own = lower_scope(l, k, LEAF_SYNAPSE, NULL);
  own.lifting = true;
  own.draws = &draws;
  own.lifted.at = sc->lifted.at, own.lifted.n = sc->lifted.n, own.lifted.cap = sc->lifted.cap;
  IrVal v = lower_as(&own, e, dim);
  own.b.span = e->span;
  ir_store(&own.b, ir_slot(&own.b, SLOT_OUT, 0, name_z(l->s, name), IR_REAL, dim), v);
  sc->lifted.at = own.lifted.at, sc->lifted.n = own.lifted.n, sc->lifted.cap = own.lifted.cap;
  if (first_ordinal < DELAY_ORDINALS && draws > DELAY_ORDINALS)
    diag_not_supported(l->s, e->span, "a weight of more than 64 draws", NULL);
  return lower_share(l, k, false);
}

/* The same kernel in float32, where that is worth while and loses nothing but rounding: normal draws, and products with them.
 * NULL: it is not. */
static IrKernel *lower_single(Lower *l, const IrKernel *k) {
  bool normal = false;
  for (uint32_t i = 0; i < k->ins.n; i++) {
    IrOp op = (IrOp)k->ins.at[i].op;
    if (op == IR_LOAD && k->slots.at[k->ins.at[i].slot].kind == SLOT_COLUMN) return NULL; /* given, not drawn from one law */
    bool draw = op == IR_DRAW_NORMAL || op == IR_DRAW_NORMAL_WITHIN || op == IR_DRAW_LOGNORMAL || op == IR_DRAW_LOGNORMAL_WITHIN;
    bool exact = op == IR_CONST || op == IR_LOAD || op == IR_STORE || op == IR_MUL || op == IR_NEG;
    if (!draw && !exact) return NULL;
    normal |= draw;
  }
  if (!normal) return NULL;
  IrKernel *single = ir_kernel_copy(k, l->a);
  single->kind = KERNEL_SYNAPSE_F32;
  single->name = name_fmt(l->s, "%s.f32", name_str(l->s, k->name));
  return lower_share(l, single, false);
}

IrKernel *lower_double(Lower *l, const IrKernel *k) {
  if (!k) return NULL;
  IrKernel *exact = ir_kernel_copy(k, l->a);
  exact->kind = KERNEL_SYNAPSE_F64;
  return lower_share(l, exact, false);
}

bool lower_draws(Setup *st, const MExpr *e) {
  Scope sc = {.l = st->l};
  return e && !lower_uniform(&sc, e);
}

/* What was lifted out of the kernels of a projection or a drive: its block of G. */
uint32_t lower_block(Setup *st, const Scope *sc, Name path) {
  uint32_t block = setup_new(st, sc->lifted.n);
  for (uint32_t i = 0; i < sc->lifted.n; i++) {
    IrVal v = lower_expr(&st->scope, sc->lifted.at[i]);
    st->scope.b.span = sc->lifted.at[i]->span;
    setup_store(st, block + i, name_fmt(st->l->s, "%s.%%%u", name_str(st->l->s, path), i), v, false);
  }
  return block;
}

enum { CHANCE_ORDINAL = 2 * DELAY_ORDINALS };

/* The scope of a synapse kernel of a projection; what it lifts goes to sc in the end. */
static Scope chance_scope(Lower *l, const Scope *sc, const char *name, uint32_t *draws) {
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_SYNAPSE, name_fmt(l->s, "%s.%u", name, l->synapse.n));
  Scope own = lower_scope(l, k, LEAF_SYNAPSE, NULL);
  own.lifting = true;
  own.draws = draws;
  own.lifted.at = sc->lifted.at, own.lifted.n = sc->lifted.n, own.lifted.cap = sc->lifted.cap;
  return own;
}

static IrKernel *chance_end(Scope *sc, const Scope *own) {
  sc->lifted.at = own->lifted.at, sc->lifted.n = own->lifted.n, sc->lifted.cap = own->lifted.cap;
  return lower_share(own->l, own->b.k, false);
}

/* A pair is connected if a number drawn from 0 to 1 is less than its p. What is no probability is -1. thinned: the pair is one
 * of candidates that were drawn with the probability in the column behind the fields, so p is divided by it; -2: it is too small. */
static IrKernel *lower_chance(Setup *st, Scope *sc, const MProjection *m, bool thinned) {
  uint32_t draws = CHANCE_ORDINAL;
  Scope own = chance_scope(st->l, sc, thinned ? "likely" : "chance", &draws);
  IrBuild *b = &own.b;
  IrVal p = lower_as(&own, m->chance, DIM_NONE);
  b->span = m->chance->span;
  IrVal zero = alg_num(b, 0), one = alg_num(b, 1), minus = alg_num(b, -1), range[2] = {zero, one}, bound = one;
  if (thinned) bound = ir_load(b, ir_slot(b, SLOT_COLUMN, m->fields.n, name_z(st->l->s, "bound"), IR_REAL, DIM_NONE));
  IrVal u = ir_draw(b, IR_DRAW_UNIFORM, CHANCE_ORDINAL + thinned, range, DIM_NONE);
  IrVal drawn = ir_op3(b, IR_SELECT, ir_op2(b, IR_LT, thinned ? ir_op2(b, IR_MUL, u, bound) : u, p), one, zero);
  IrVal sure = ir_op3(b, IR_SELECT, ir_op2(b, IR_GE, p, bound), thinned ? ir_op3(b, IR_SELECT, ir_op2(b, IR_GT, p, bound), alg_num(b, -2), one) : one, drawn);
  IrVal below = ir_op3(b, IR_SELECT, ir_op2(b, IR_LE, p, one), sure, minus);
  IrVal v = ir_op3(b, IR_SELECT, ir_op2(b, IR_GE, p, zero), below, minus);
  ir_store(b, ir_slot(b, SLOT_OUT, 0, name_z(st->l->s, "chance"), IR_REAL, DIM_NONE), v);
  return chance_end(sc, &own);
}

static void lower_chances(Setup *st, Scope *sc, const MProjection *m, IrProjection *ret) {
  uint32_t draws = CHANCE_ORDINAL;
  ret->chance = lower_chance(st, sc, m, false);
  if (!name_none(m->file.path)) return; /* pairs of a file */
  Scope own = chance_scope(st->l, sc, "bound", &draws);
  if (!lower_bound(&own, m->chance, &m->fields)) return;
  ret->bound = chance_end(sc, &own);
  ret->likely = lower_chance(st, sc, m, true);
}

void lower_link(Setup *st, Scope *sc, MProjection *m, Dim unit, IrProjection *ret) {
  *ret = (IrProjection){.proj = m,
                        .source = lower_slice(st, &m->source),
                        .target = lower_slice(st, &m->target),
                        .weight = IR_NONE,
                        .delay = IR_NONE};
  ret->rule_arg = setup_slot(st, m->rule_arg, "rule");
  ret->cond = setup_slot(st, m->cond, "if");
  ret->share = setup_slot(st, m->third ? m->third->share : NULL, "share");
  if (lower_draws(st, m->weight)) ret->weight_kernel = lower_synapse(st, sc, m->weight, unit, "weight", 0);
  else if (m->weight) ret->weight = setup_slot_as(st, m->weight, unit, "weight");
  const MDomain *d = &m->weight_domain;
  ret->weight_lo = d->has && d->lo ? setup_slot_as(st, d->lo, unit, "lo") : IR_NONE;
  ret->weight_hi = d->has && d->hi ? setup_slot_as(st, d->hi, unit, "hi") : IR_NONE;
  if (m->chance) lower_chances(st, sc, m, ret);
  for (uint32_t i = 0; i < 2; i++) {
    ret->first[i] = setup_slot(st, m->first[i], "first");
    ret->ids[i] = setup_slot(st, m->ids[i], "ids");
  }
}

static void lower_projection(Setup *st, MProjection *m, Shape *const *shapes) {
  IrProjection p;
  Scope sc = {.l = st->l};
  Dim unit = m->plastic ? m->plastic->weight->dim : m->target.pop->component->ports.at[m->port]->arg_dim;
  lower_link(st, &sc, m, unit, &p);
  if (lower_draws(st, m->delay)) p.delay_kernel = lower_synapse(st, &sc, m->delay, TIME, "delay", DELAY_ORDINALS);
  else if (m->delay) p.delay = setup_slot_as(st, m->delay, TIME, "delay");
  if (p.weight_kernel) p.weight_f32 = lower_single(st->l, p.weight_kernel);
  if (p.delay_kernel) p.delay_f32 = lower_single(st->l, p.delay_kernel);
  p.block = lower_block(st, &sc, m->path);
  lower_plastic(st, m, shapes, &p);
  vec_push(st->l->a, &st->x->projections, p);
}

/* ---- records */

IrKernel *lower_recorded(Setup *st, Name name, const MExpr *e, Shape *shape) {
  Lower *l = st->l;
  IrKernel *k =
      ir_kernel(l->s, l->a, KERNEL_RECORD,
                name_fmt(l->s, "record.%s.%s", name_str(l->s, name), name_str(l->s, shape->c->name)));
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  IrVal v = lower_expr(&sc, e);
  sc.b.span = e->span;
  if (k->ins.at[v].type == IR_BOOL) v = ir_op3(&sc.b, IR_SELECT, v, alg_num(&sc.b, 1), alg_num(&sc.b, 0));
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_OUT, 0, name, IR_REAL, k->ins.at[v].dim), v);
  return lower_share(l, k, true);
}

static uint32_t recorded_state(Setup *st, const MRecorded *m) {
  uint32_t cells = m->streams ? st->x->couplings.at[m->index].link.cells : st->x->projections.at[m->index].cells, at = 0;
  if (!m->state || cells == IR_NONE) return IR_NONE;
  const IrClass *c = st->x->synapses.at[cells].class;
  while (at < c->states.n && !name_eq(c->states.at[at].var->name, m->state->name)) at++;
  if (at == c->states.n) BUG(st->l->s, m->state->span, "a recorded state that the synapses' class lacks");
  return at;
}

static void lower_record(Setup *st, MRecord *m, Shape *const *shapes) {
  IrRecord r = {.record = m, .every = m->every ? setup_slot_as(st, m->every, TIME, "every") : IR_NONE};
  for (uint32_t i = 0; i < m->items.n; i++) {
    const MRecordItem *item = &m->items.at[i];
    IrRecordItem made = {.slice = lower_slice(st, &item->slice)};
    if (item->value) made.kernel = lower_recorded(st, m->name, item->value, shapes[item->slice.pop->index]);
    vec_push(st->l->a, &r.items, made);
  }
  for (uint32_t i = 0; i < m->links.n; i++) vec_push(st->l->a, &r.states, recorded_state(st, &m->links.at[i]));
  vec_push(st->l->a, &st->x->records, r);
}

static void lower_feed(Setup *st, MFeed *m, Shape *const *shapes) {
  IrFeed feed = {.feed = m, .to = IR_NONE, .input = IR_NONE};
  if (!m->to->component->plastic) {
    feed.to = m->to->index;
    feed.input = shapes[m->to->index]->index[m->input->index];
  }
  for (uint32_t i = 0; i < m->items.n; i++) {
    const MRecordItem *item = &m->items.at[i];
    IrRecordItem made = {.slice = lower_slice(st, &item->slice)};
    made.kernel = lower_recorded(st, m->input->name, item->value, shapes[item->slice.pop->index]);
    vec_push(st->l->a, &feed.items, made);
  }
  vec_push(st->l->a, &st->x->feeds, feed);
}

/* ---- the experiment */

void lower_network(Setup *st) {
  const MExperiment *mx = st->mx;
  Lower *l = st->l;
  uint32_t errors = l->s->errors;
  Shape **shapes = NEW_ARRAY(l->a, Shape *, mx->populations.n + 1);
  for (uint32_t i = 0; i < mx->populations.n; i++) {
    if (mx->populations.at[i]->index != i)
      BUG(l->s, mx->populations.at[i]->span, "population %u has index %u", i, mx->populations.at[i]->index);
    shapes[i] = lower_class(l, mx, mx->populations.at[i]);
    if (shapes[i]) setup_population(st, mx->populations.at[i], shapes[i]);
  }
  if (l->s->errors > errors) return;
  for (uint32_t i = 0; i < mx->projections.n; i++) lower_projection(st, mx->projections.at[i], shapes);
  for (uint32_t i = 0; i < mx->drives.n; i++)
    lower_drive(st, mx->drives.at[i], shapes[mx->drives.at[i]->target.pop->index]);
  for (uint32_t i = 0; i < mx->couplings.n; i++) lower_coupling(st, mx->couplings.at[i], shapes);
  if (l->s->errors > errors) return;
  for (uint32_t i = 0; i < mx->records.n; i++) lower_record(st, mx->records.at[i], shapes);
  for (uint32_t i = 0; i < mx->feeds.n; i++) lower_feed(st, mx->feeds.at[i], shapes);
  for (uint32_t i = 0; i < mx->phases.n; i++)
    vec_push(l->a, &st->x->phases, setup_slot_as(st, mx->phases.at[i].duration, TIME, "duration"));
  lower_expects(st, shapes);
}

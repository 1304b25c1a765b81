/* `delayed(x, d)` -> a memory of the class, and loads of what it gives.
 *
 * Each delayed value of a component has two record kernels: one for x, which the runtime keeps at every grid time, and
 * one for d, evaluated once. The kernels of a step load x(T - d) and x(T - dt - d), both interpolated by the runtime: what
 * happens at T (tests, handlers, records) sees the first, the equations, which are integrated from T-dt to T, the mean
 * of both, which is what a linear course comes to over the step. At the start the past is x itself. */
#include "ir/lower.h"

static IrKernel *record_of(Lower *l, Shape *shape, const MExpr *e, const char *what) {
  IrClass *c = shape->c;
  Name name = name_fmt(l->s, "past.%s.%s%u", name_str(l->s, c->name), what, c->pasts.n);
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_RECORD, name);
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  IrVal v = lower_expr(&sc, e);
  sc.b.span = e->span;
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_OUT, 0, name_z(l->s, what), IR_REAL, k->ins.at[v].dim), v);
  return k;
}

/* Inner ones first: what is delayed may itself hold a delayed value. */
static void find(Lower *l, Shape *shape, PtrMap *seen, const MExpr *e) {
  if (!e || ptr_get(seen, e) != IR_NONE) return;
  ptr_set(l->a, seen, e, 1);
  if (e->kind == MX_VAR && e->var->kind == VAR_LET) find(l, shape, seen, e->var->value);
  for (uint32_t i = 0; i < e->n_args; i++) find(l, shape, seen, e->args[i]);
  if (e->kind != MX_DELAYED) return;
  IrPast past = {.value = record_of(l, shape, e->args[0], "x"),
                 .delay = record_of(l, shape, e->args[1], "d"),
                 .name = name_z(l->s, source_span_text(l->s, e->span, l->a)),
                 .span = e->span};
  ptr_set(l->a, &shape->past, e, shape->c->pasts.n);
  vec_push(l->a, &shape->c->pasts, past);
}

static void find_in(Lower *l, Shape *shape, PtrMap *seen, const MStmtList *list) {
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    MStmtList then = {.at = st->then.at, .n = st->then.n}, other = {.at = st->other.at, .n = st->other.n};
    find(l, shape, seen, st->value);
    find_in(l, shape, seen, &then);
    find_in(l, shape, seen, &other);
  }
}

void lower_pasts(Lower *l, Shape *shape) {
  const MComponent *comp = shape->c->component;
  PtrMap seen = {0};
  for (uint32_t i = 0; i < comp->vars.n; i++) {
    const MVar *var = comp->vars.at[i];
    if (var->kind == VAR_LET) find(l, shape, &seen, var->value);
    if (var->kind == VAR_STATE) find(l, shape, &seen, var->equation);
  }
  for (uint32_t i = 0; i < comp->ports.n; i++) find_in(l, shape, &seen, &comp->ports.at[i]->body);
  for (uint32_t i = 0; i < comp->spikes.n; i++) {
    find(l, shape, &seen, comp->spikes.at[i]->cond);
    find(l, shape, &seen, comp->spikes.at[i]->level);
    find_in(l, shape, &seen, &comp->spikes.at[i]->body);
  }
}

static IrVal load(Scope *sc, const MExpr *e, uint32_t index) {
  Name name = sc->shape->c->pasts.at[index / 2].name;
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_PAST, index, name, IR_REAL, e->dim));
}

IrVal lower_past(Scope *sc, const MExpr *e) {
  if (sc->leaf == LEAF_INIT) return lower_expr(sc, e->args[0]);
  uint32_t k = sc->leaf == LEAF_ELEMENT && sc->shape ? ptr_get(&sc->shape->past, e) : IR_NONE;
  if (k == IR_NONE) BUG(sc->l->s, e->span, "a delayed value that its class does not keep");
  if (sc->b.k->kind != KERNEL_FLOW) return load(sc, e, 2 * k + sc->old);
  IrVal sum = ir_op2(&sc->b, IR_ADD, load(sc, e, 2 * k + 1), load(sc, e, 2 * k));
  return ir_op2(&sc->b, IR_MUL, sum, ir_const(&sc->b, 0.5, DIM_NONE));
}

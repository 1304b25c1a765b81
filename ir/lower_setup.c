/* The setup kernel of an experiment: computes every global number from what the user has set. A settable
 * value is stored under the slot's guard and loaded again, so everything after it sees what the user gave.
 *
 * G is laid out as: params and lets of the network in order, then dt, then for each population its size and
 * its block (the uniforms of its class), then what projections, drives, records and expectations need. */
#include "ir/lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"
#include "math/math.h"

uint32_t setup_new(Setup *st, uint32_t n) {
  uint32_t first = st->x->n_globals;
  st->x->n_globals += n;
  return first;
}

static uint32_t kernel_slot(Setup *st, uint32_t slot, Name name, Dim dim) {
  IrKernel *k = st->scope.b.k;
  while (st->kernel_slots.n <= slot) vec_push(st->l->a, &st->kernel_slots, IR_NONE);
  uint32_t *at = &st->kernel_slots.at[slot];
  if (*at == IR_NONE) {
    *at = k->slots.n;
    vec_push(st->l->a, &k->slots,
             ((IrSlot){.kind = SLOT_GLOBAL, .index = slot, .name = name, .type = IR_REAL, .dim = dim}));
  }
  return *at;
}

void setup_store(Setup *st, uint32_t slot, Name name, IrVal v, bool settable) {
  IrBuild *b = &st->scope.b;
  if (b->k->ins.at[v].type == IR_BOOL) v = ir_op3(b, IR_SELECT, v, alg_num(b, 1), alg_num(b, 0));
  uint32_t at = kernel_slot(st, slot, name, b->k->ins.at[v].dim);
  b->k->slots.at[at].settable = settable;
  ir_store(b, at, v);
}

IrVal setup_load(Setup *st, uint32_t slot, Name name, Dim dim) {
  return ir_load(&st->scope.b, kernel_slot(st, slot, name, dim));
}

void setup_see(Setup *st, const MExpr *e) {
  if (!e) return;
  if (e->kind == MX_GLOBAL && ptr_get(&st->slots, e->global) == IR_NONE) {
    uint32_t slot = ptr_get(&st->numbers, e->global);
    ptr_set(st->l->a, &st->slots, e->global, setup_load(st, slot, e->global->path, e->global->dim));
  }
  for (uint32_t i = 0; i < e->n_args; i++) setup_see(st, e->args[i]);
}

/* Constants are stored once for each value and dimension. */
static uint32_t const_slot(Setup *st, IrVal v, Name name) {
  const IrKernel *k = st->scope.b.k;
  const IrIns *ins = &k->ins.at[v];
  for (uint32_t i = 0; i < st->consts.n; i++) {
    const IrIns *other = &k->ins.at[st->consts.at[i]];
    if (other->num == ins->num && signbit(other->num) == signbit(ins->num) && dim_eq(other->dim, ins->dim))
      return st->const_slots.at[i];
  }
  uint32_t slot = setup_new(st, 1);
  setup_store(st, slot, name, v, false);
  if (st->consts.n < 256) { /* enough: tables of one model repeat few numbers */
    vec_push(st->l->a, &st->consts, v);
    vec_push(st->l->a, &st->const_slots, slot);
  }
  return slot;
}

uint32_t setup_slot_as(Setup *st, const MExpr *e, Dim dim, const char *name) {
  if (!e) return IR_NONE;
  if (e->kind == MX_GLOBAL && e->type == M_REAL) return ptr_get(&st->numbers, e->global);
  IrVal v = lower_as(&st->scope, e, dim);
  st->scope.b.span = e->span;
  if (st->scope.b.k->ins.at[v].op == IR_CONST) return const_slot(st, v, name_z(st->l->s, name));
  uint32_t slot = setup_new(st, 1);
  setup_store(st, slot, name_z(st->l->s, name), v, false);
  return slot;
}

uint32_t setup_slot(Setup *st, const MExpr *e, const char *name) {
  return e ? setup_slot_as(st, e, e->dim, name) : IR_NONE;
}

/* ---- what can be set */

static void add_param(Setup *st, IrParam p, const MDomain *domain, const char *path) {
  p.lo = p.hi = IR_NONE;
  if (domain->has) {
    p.open_lo = domain->open_lo;
    p.open_hi = domain->open_hi;
    p.lo = domain->lo ? setup_slot_as(st, domain->lo, p.dim, path) : IR_NONE;
    p.hi = domain->hi ? setup_slot_as(st, domain->hi, p.dim, path) : IR_NONE;
    for (uint32_t i = 0; i < domain->labels.n; i++) vec_push(st->l->a, &p.labels, domain->labels.at[i]);
  }
  vec_push(st->l->a, &st->x->params, p);
}

static int drawn_order(const void *a, const void *b) {
  const DrawnRange *x = a, *y = b;
  return x->first < y->first ? -1 : x->first > y->first;
}

/* The ordinals that a value has drawn with must be no other's. */
static void check_drawn(Setup *st) {
  Session *s = st->l->s;
  uint32_t n = st->drawn.n;
  if (n) qsort(st->drawn.at, n, sizeof *st->drawn.at, drawn_order);
  for (uint32_t i = 1; i < n; i++) {
    const DrawnRange *a = &st->drawn.at[i - 1], *b = &st->drawn.at[i];
    if (b->first - a->first >= a->n) continue;
    const MGlobal *early = a->of->span.from < b->of->span.from ? a->of : b->of, *late = early == a->of ? b->of : a->of;
    diag_draws_alike(s, late->span, name_str(s, late->path), name_str(s, early->path), early->span);
  }
}

void setup_globals(Setup *st) {
  const MExperiment *mx = st->mx;
  setup_new(st, mx->globals.n);
  for (uint32_t i = 0; i < mx->globals.n; i++) {
    const MGlobal *g = mx->globals.at[i];
    st->scope.b.span = g->span;
    const char *path = name_str(st->l->s, g->path);
    uint32_t first = (uint32_t)nslm_hash(path, strlen(path), 0), ordinal = first; /* its draws depend on its name alone */
    st->scope.draws = &ordinal;
    IrVal v = g->value ? lower_as(&st->scope, g->value, g->dim) : ir_const(&st->scope.b, NAN, g->dim);
    st->scope.b.span = g->span;
    if (ordinal != first) vec_push(st->l->a, &st->drawn, ((DrawnRange){g, first, ordinal - first}));
    setup_store(st, i, g->path, v, g->settable);
    ptr_set(st->l->a, &st->slots, g, setup_load(st, i, g->path, g->dim));
    ptr_set(st->l->a, &st->numbers, g, i);
    st->scope.draws = NULL;
  }
  check_drawn(st);
  for (uint32_t i = 0; i < mx->globals.n; i++) {
    const MGlobal *g = mx->globals.at[i];
    if (!g->settable) continue;
    IrParam p = {.path = g->path,
                 .doc = g->doc,
                 .unit = g->unit,
                 .unit_scale = g->unit_scale,
                 .dim = g->dim,
                 .span = g->span,
                 .slot = i,
                 .integer = g->integer_like};
    add_param(st, p, &g->domain, "domain");
  }
}

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

void setup_begin(Setup *st) {
  Lower *l = st->l;
  st->x->experiment = st->mx;
  st->x->setup = ir_kernel(l->s, l->a, KERNEL_SETUP, name_fmt(l->s, "setup.%s", name_str(l->s, st->mx->name)));
  st->scope = lower_scope(l, st->x->setup, LEAF_SETUP, NULL);
  st->scope.setup = st;
  setup_globals(st);
  st->x->dt = setup_slot_as(st, st->mx->dt, TIME, "dt");
  st->x->seed = setup_slot(st, st->mx->seed, "seed");
  st->x->seed_last = setup_slot(st, st->mx->seed_last, "seed_last");
}

/* ---- a population: its params in order of dependence, then what its initial values need */

static Name param_path(const Setup *st, const MVar *var) {
  Session *s = st->l->s;
  return name_fmt(s, "%s.%s", name_str(s, st->shape->pop->path), name_str(s, var->name));
}

static IrVal twin_param(Setup *st, const MVar *var) {
  uint32_t from = st->twin_block + st->twin_of->index[var->index], to = st->block + st->shape->index[var->index];
  IrVal v = setup_load(st, from, param_path(st, var), var->dim);
  setup_store(st, to, name_fmt(st->l->s, "%s'", name_str(st->l->s, param_path(st, var))), v, false);
  ptr_set(st->l->a, &st->params, var, v);
  return v;
}

IrVal setup_param(Setup *st, const MVar *var) {
  Session *s = st->l->s;
  if (var->kind != VAR_PARAM || !st->shape || st->shape->elem[var->index])
    BUG(s, var->span, "%s is not known in setup", name_str(s, var->name));
  uint32_t known = ptr_get(&st->params, var);
  if (known != IR_NONE) return known;
  const MSetting *set = st->shape->setting[var->index];
  if (st->twin_of) return twin_param(st, var);
  if (ptr_get(&st->scope.open, var) != IR_NONE) {
    diag_not_supported(s, set ? set->span : var->span, "settings that depend on each other in a circle",
                       NULL);
    return ir_const(&st->scope.b, 0, var->dim);
  }
  ptr_set(st->l->a, &st->scope.open, var, 1);
  const MExpr *e = set ? set->value : var->value;
  Span before = st->scope.b.span;
  st->scope.b.span = set ? set->span : var->span;
  IrVal v = e ? lower_as(&st->scope, e, var->dim) : ir_const(&st->scope.b, NAN, var->dim);
  st->scope.b.span = set ? set->span : var->span;
  Name path = param_path(st, var);
  uint32_t slot = st->block + st->shape->index[var->index];
  setup_store(st, slot, path, v, true);
  IrVal r = setup_load(st, slot, path, var->dim);
  ptr_set(st->l->a, &st->params, var, r);
  st->scope.b.span = before;
  return r;
}

static void list_param(Setup *st, const MVar *var) {
  IrParam p = {.path = param_path(st, var),
               .doc = var->doc,
               .unit = var->unit,
               .unit_scale = var->unit_scale,
               .dim = var->dim,
               .span = var->span,
               .slot = st->block + st->shape->index[var->index]};
  add_param(st, p, &var->domain, "domain");
}

/* What was lowered for another population may depend on its params. */
void setup_enter(Setup *st, Shape *shape, uint32_t block) {
  st->shape = st->scope.shape = shape;
  st->block = block;
  ptr_clear(&st->params);
  ptr_clear(&st->scope.open);
  ptr_clear(&st->scope.memo);
  ptr_clear(&st->scope.fixed);
  ptr_clear(&st->scope.uniform);
}

/* A population whose params are stored already: what reads them loads them. */
void setup_again(Setup *st, Shape *shape, uint32_t block) {
  setup_enter(st, shape, block);
  for (uint32_t i = 0; i < shape->pop->component->vars.n; i++) {
    const MVar *var = shape->pop->component->vars.at[i];
    if (var->kind != VAR_PARAM || shape->elem[i]) continue;
    ptr_set(st->l->a, &st->params, var, setup_load(st, block + shape->index[i], param_path(st, var), var->dim));
  }
}

static void places_slots(Setup *st, const MPlace *place, uint32_t *ret) {
  for (uint32_t i = 0; i < 3; i++) {
    ret[i] = setup_slot(st, place->extent[i], "extent");
    ret[4 + i] = setup_slot(st, place->origin[i], "origin");
  }
  ret[3] = setup_slot(st, place->spacing, "spacing");
}

void setup_population(Setup *st, const MPopulation *pop, Shape *shape) {
  IrPopulation p = {.pop = (MPopulation *)pop, .class = shape->c};
  p.size = setup_slot(st, pop->size, "size");
  p.block = setup_new(st, shape->c->uniforms.n);
  setup_enter(st, shape, p.block);
  for (uint32_t i = 0; i < pop->component->vars.n; i++) {
    const MVar *var = pop->component->vars.at[i];
    if (var->kind == VAR_PARAM && !shape->elem[i]) setup_param(st, var);
  }
  for (uint32_t i = 0; i < pop->component->vars.n; i++) {
    const MVar *var = pop->component->vars.at[i];
    bool shown = !var->internal && !pop->component->plastic && !pop->component->gated && !st->twin_of;
    if (var->kind == VAR_PARAM && !shape->elem[i] && shown) list_param(st, var);
  }
  for (uint32_t i = 0; i < shape->lifted.n; i++) {
    const MExpr *e = shape->lifted.at[i];
    uint32_t u = shape->lifted_u.at[i];
    IrVal v = lower_expr(&st->scope, e);
    st->scope.b.span = e->span;
    setup_store(st, p.block + u,
                name_fmt(st->l->s, "%s.%s", name_str(st->l->s, pop->path),
                         name_str(st->l->s, shape->c->uniforms.at[u].name)),
                v, false);
  }
  setup_enter(st, NULL, 0);
  for (uint32_t i = 0; i < shape->columns.n; i++) {
    const MColumn *column = shape->columns.at[i];
    IrColumn made = {column, setup_slot(st, column->from, "from"), setup_slot(st, column->to, "to")};
    vec_push(st->l->a, &p.columns, made);
  }
  places_slots(st, &pop->place, p.place);
  vec_push(st->l->a, &st->x->populations, p);
}

void setup_twin(Setup *st, const MPopulation *pop, Shape *shape, uint32_t first, const Shape *as) {
  st->twin_of = as;
  st->twin_block = first;
  setup_population(st, pop, shape);
  st->twin_of = NULL;
}

/* Checked expressions to values of a kernel. Expressions are graphs, so each node is lowered once; where a
 * name leads depends on the kernel: states, params and inputs of the element, initial values, or globals of
 * the experiment.
 *
 * In init and synapse kernels of a setting, the largest uniform subexpressions are computed in setup and
 * become uniforms
 * ("%init0"), so that populations which differ only in numbers share one kernel. */
#include "ir/lower.h"

#include <math.h>
#include <string.h>

#include "lang/diag.h"

/* ---- pointer maps */

static uint32_t ptr_place(const PtrMap *m, const void *key) {
  uint64_t h = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;
  uint32_t at = (uint32_t)(h >> 32) & (m->size - 1);
  while (m->key[at] && m->key[at] != key) at = (at + 1) & (m->size - 1);
  return at;
}

uint32_t ptr_get(const PtrMap *m, const void *key) {
  if (!m->size) return IR_NONE;
  uint32_t at = ptr_place(m, key);
  return m->key[at] ? m->value[at] : IR_NONE;
}

static void ptr_grow(Arena *a, PtrMap *m) {
  PtrMap old = *m;
  m->size = old.size ? old.size * 2 : 16;
  m->key = NEW_ARRAY(a, const void *, m->size);
  m->value = NEW_ARRAY(a, uint32_t, m->size);
  for (uint32_t i = 0; i < old.size; i++) {
    if (!old.key[i]) continue;
    uint32_t at = ptr_place(m, old.key[i]);
    m->key[at] = old.key[i];
    m->value[at] = old.value[i];
  }
}

void ptr_set(Arena *a, PtrMap *m, const void *key, uint32_t value) {
  if (2 * m->n >= m->size) ptr_grow(a, m);
  uint32_t at = ptr_place(m, key);
  if (!m->key[at]) m->n++;
  m->key[at] = key;
  m->value[at] = value;
}

void ptr_clear(PtrMap *m) {
  if (m->size) memset(m->key, 0, m->size * sizeof *m->key);
  m->n = 0;
}

/* ---- scopes */

Scope lower_scope(Lower *l, IrKernel *k, LeafKind leaf, Shape *shape) {
  Scope sc = {.l = l, .b = {.s = l->s, .arena = l->a, .k = k}, .leaf = leaf, .shape = shape, .arg = IR_NONE};
  if (shape) {
    sc.draws = &shape->c->draws;
    sc.state = NEW_ARRAY(l->a, IrVal, shape->c->states.n + 1);
    for (uint32_t i = 0; i < shape->c->states.n; i++) sc.state[i] = IR_NONE;
  }
  return sc;
}

void lower_forget(Scope *sc) { ptr_clear(&sc->memo); }

/* ---- uniform or not */

static bool var_uniform(Scope *sc, const MVar *var) {
  switch (var->kind) {
    case VAR_PARAM: return !sc->shape || !sc->shape->elem[var->index];
    case VAR_STATE:
    case VAR_INPUT: return false;
    case VAR_LET: return lower_uniform(sc, var->value);
  }
  return false;
}

bool lower_uniform(Scope *sc, const MExpr *e) {
  uint32_t known = ptr_get(&sc->uniform, e);
  if (known != IR_NONE) return known;
  bool r = true;
  switch (e->kind) {
    case MX_NUM:
    case MX_GLOBAL:
    case MX_DT: break;
    case MX_VAR: r = var_uniform(sc, e->var); break;
    case MX_ARG:
    case MX_DRAW:
    case MX_NOISE:
    case MX_DELAYED:
    case MX_PROCESS:
    case MX_SAMPLE:
    case MX_COLUMN:
    case MX_PAIR:
    case MX_TIME: r = false; break;
    case MX_CALL: break;
  }
  for (uint32_t i = 0; r && i < e->n_args; i++) r = !e->args[i] || lower_uniform(sc, e->args[i]);
  ptr_set(sc->l->a, &sc->uniform, e, r);
  return r;
}

/* ---- leaves */

static IrVal load(Scope *sc, SlotKind kind, uint32_t index, const MVar *var) {
  uint32_t known = ptr_get(&sc->fixed, var);
  if (known != IR_NONE) return known;
  IrVal v = ir_load(&sc->b, ir_slot(&sc->b, kind, index, var->name, IR_REAL, var->dim));
  ptr_set(sc->l->a, &sc->fixed, var, v);
  return v;
}

/* The initial value of a state, or a param with one value per element: its setting, or what the component
 * says. */
static IrVal start_value(Scope *sc, const MVar *var) {
  const MSetting *set = sc->shape->setting[var->index];
  const MExpr *e = set ? set->value : var->value;
  if (ptr_get(&sc->open, var) != IR_NONE) {
    diag_not_supported(sc->l->s, set ? set->span : var->span,
                       "settings that depend on each other in a circle", NULL);
    return ir_const(&sc->b, 0, var->dim);
  }
  if (!e) return ir_const(&sc->b, 0, var->dim);
  ptr_set(sc->l->a, &sc->open, var, 1);
  bool lifting = sc->lifting;
  const MVar *starting = sc->starting;
  uint32_t n_started = sc->n_started;
  sc->lifting = set != NULL;
  sc->starting = sc->shape->fit ? var : NULL;
  sc->n_started = 0;
  IrVal v = lower_as(sc, e, var->dim);
  sc->lifting = lifting;
  sc->starting = starting;
  sc->n_started = n_started;
  return v;
}

/* In a fit what a param or a state begins with is drawn once for a sweep, whichever kernel asks for it. */
static uint32_t draw_ordinal(Scope *sc, Span span) {
  if (!sc->starting) return (*sc->draws)++;
  if (sc->n_started >= IR_DRAWS_OF_VAR || sc->starting->index >= IR_DRAWN_ONCE / IR_DRAWS_OF_VAR)
    diag_not_supported(sc->l->s, span, "so many draws in a value of a neuron that is fitted", NULL);
  return IR_DRAWN_ONCE + sc->starting->index * IR_DRAWS_OF_VAR + sc->n_started++ % IR_DRAWS_OF_VAR;
}

static IrVal leaf_state(Scope *sc, const MVar *var) {
  uint32_t i = sc->shape->index[var->index];
  if (sc->shape->fit && var == sc->shape->given) return load(sc, SLOT_INPUT, i, var);
  if (sc->leaf != LEAF_INIT) {
    if (sc->state[i] == IR_NONE) sc->state[i] = load(sc, sc->old ? SLOT_OLD : SLOT_STATE, i, var);
    return sc->state[i];
  }
  if (sc->state[i] == IR_NONE) {
    bool is_free = sc->shape->fit && sc->shape->initial[var->index] != IR_NONE;
    IrVal v = is_free ? load(sc, SLOT_PARAM, sc->shape->initial[var->index], var) : start_value(sc, var);
    sc->state[i] = v;
  }
  return sc->state[i];
}

static IrVal leaf_param(Scope *sc, const MVar *var) {
  uint32_t i = sc->shape->index[var->index];
  if (!sc->shape->elem[var->index]) return load(sc, SLOT_UNIFORM, i, var);
  bool computed = sc->shape->fit && sc->shape->free[var->index] == IR_NONE; /* from those that are free */
  if (sc->shape->fit && !computed) return load(sc, SLOT_PARAM, sc->shape->free[var->index], var);
  if (sc->leaf != LEAF_INIT && !computed) return load(sc, SLOT_PARAM, i, var);
  uint32_t known = ptr_get(&sc->fixed, var);
  if (known != IR_NONE) return known;
  IrVal v = start_value(sc, var);
  ptr_set(sc->l->a, &sc->fixed, var, v);
  return v;
}

IrVal lower_once(Scope *sc, const MExpr *e, Name name) {
  Shape *shape = sc->shape;
  uint32_t k = 0, known = ptr_get(&sc->fixed, e);
  if (known != IR_NONE) return known;
  while (k < shape->lifted.n && shape->lifted.at[k] != e) k++;
  if (k == shape->lifted.n) {
    vec_push(sc->l->a, &shape->lifted_u, shape->c->uniforms.n);
    vec_push(sc->l->a, &shape->lifted, e);
    vec_push(sc->l->a, &shape->c->uniforms, ((IrUniform){.name = name, .dim = e->dim}));
  }
  uint32_t u = shape->lifted_u.at[k];
  IrVal v = ir_load(&sc->b, ir_slot(&sc->b, SLOT_UNIFORM, u, shape->c->uniforms.at[u].name, IR_REAL, shape->c->uniforms.at[u].dim));
  ptr_set(sc->l->a, &sc->fixed, e, v);
  return v;
}

/* A number of the network in a kernel of elements: a uniform, one for each global. */
static IrVal lower_global(Scope *sc, const MExpr *e) {
  Shape *shape = sc->shape;
  for (uint32_t k = 0; k < shape->lifted.n; k++)
    if (shape->lifted.at[k]->kind == MX_GLOBAL && shape->lifted.at[k]->global == e->global && shape->lifted.at[k]->type == e->type)
      e = shape->lifted.at[k];
  return lower_once(sc, e, name_fmt(sc->l->s, "%%stream%u", shape->lifted.n));
}

/* A fit's input that is one number for the whole run. */
static IrVal lower_driven_by(Scope *sc, const MVar *var, const MExpr *e) {
  return lower_once(sc, e, name_fmt(sc->l->s, "%%drive.%s", name_str(sc->l->s, var->name)));
}

/* A fit's input that is unknown, or has an unknown part. */
static IrVal lower_field(Scope *sc, const MVar *var, const MFitDrive *d) {
  IrVal field = lower_as(sc, d->field, var->dim);
  if (d->column == UINT32_MAX) return field;
  return ir_op2(&sc->b, IR_ADD, load(sc, SLOT_INPUT, sc->shape->index[var->index], var), field);
}

/* What drives it, and what flows into it through continuous synapses. */
static IrVal leaf_input(Scope *sc, const MVar *var) {
  const Shape *shape = sc->shape;
  const MVar *streamed = shape->streamed ? shape->streamed[var->index] : NULL;
  bool driven = shape->driven[var->index];
  IrVal v = driven ? load(sc, SLOT_INPUT, shape->index[var->index], var) : IR_NONE;
  if (!streamed) return driven ? v : ir_const(&sc->b, 0, var->dim);
  IrVal flows = load(sc, SLOT_INPUT, shape->stream_input[var->index], streamed);
  return driven ? ir_op2(&sc->b, IR_ADD, v, flows) : flows;
}

IrVal lower_var(Scope *sc, const MVar *var) {
  if (sc->leaf == LEAF_SETUP && var->kind != VAR_LET) return setup_param(sc->setup, var);
  switch (var->kind) {
    case VAR_STATE: return leaf_state(sc, var);
    case VAR_PARAM: return leaf_param(sc, var);
    case VAR_INPUT:
      if (sc->shape->fit && sc->shape->drive[var->index] && sc->shape->drive[var->index]->value)
        return lower_driven_by(sc, var, sc->shape->drive[var->index]->value);
      if (sc->shape->fit && sc->shape->drive[var->index] && sc->shape->drive[var->index]->field && sc->leaf != LEAF_INIT)
        return lower_field(sc, var, sc->shape->drive[var->index]);
      if (sc->leaf == LEAF_INIT) return ir_const(&sc->b, 0, var->dim);
      return leaf_input(sc, var);
    case VAR_LET: {
      uint32_t known = ptr_get(&sc->memo, var);
      if (known != IR_NONE) return known;
      bool lifting = sc->lifting;
      sc->lifting = false; /* its literals are the component's own */
      IrVal v = lower_as(sc, var->value, var->dim);
      sc->lifting = lifting;
      ptr_set(sc->l->a, &sc->memo, var, v);
      return v;
    }
  }
  BUG(sc->l->s, var->span, "a variable of no kind");
}

static IrVal load_lifted(Scope *sc, uint32_t u, const MExpr *e) {
  Name name = sc->leaf == LEAF_INIT ? sc->shape->c->uniforms.at[u].name : name_fmt(sc->l->s, "%%%u", u);
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_UNIFORM, u, name, IR_REAL, e->dim));
}

static IrVal lift(Scope *sc, const MExpr *e) {
  if (sc->leaf == LEAF_SYNAPSE || sc->leaf == LEAF_DRIVE) {
    vec_push(sc->l->a, &sc->lifted, e);
    return load_lifted(sc, sc->lifted.n - 1, e);
  }
  uint32_t u = sc->shape->c->uniforms.n;
  Name name = name_fmt(sc->l->s, "%%init%u", sc->shape->lifted.n);
  vec_push(sc->l->a, &sc->shape->c->uniforms, ((IrUniform){.name = name, .dim = e->dim}));
  vec_push(sc->l->a, &sc->shape->lifted, e);
  vec_push(sc->l->a, &sc->shape->lifted_u, u);
  return load_lifted(sc, u, e);
}

/* ---- inner nodes */

IrVal lower_fit(Scope *sc, IrVal v, Dim dim) {
  const IrIns *ins = &sc->b.k->ins.at[v];
  if (ins->op == IR_CONST && !dim_eq(ins->dim, dim) && (ins->num == 0 || isinf(ins->num)))
    return ir_const(&sc->b, ins->num, dim);
  return v;
}

static bool is_bare(Scope *sc, IrVal v) {
  const IrIns *ins = &sc->b.k->ins.at[v];
  return ins->op == IR_CONST && (ins->num == 0 || isinf(ins->num));
}

/* Arguments that must be alike: a literal 0 or inf fits any dimension. */
static void make_alike(Scope *sc, IrVal *v, uint32_t from, uint32_t n) {
  uint32_t model = from;
  while (model + 1 < n && is_bare(sc, v[model])) model++;
  Dim dim = sc->b.k->ins.at[v[model]].dim;
  for (uint32_t i = from; i < n; i++) v[i] = lower_fit(sc, v[i], dim);
}

static const uint8_t builtin_op[B_COUNT] = {
#define BUILTIN(id, text, arity, dims, ir, doc) [B_##id] = IR_##ir,
#include "lang/builtins.def"
#undef BUILTIN
};

static IrVal lower_call(Scope *sc, const MExpr *e) {
  IrVal v[4] = {IR_NONE, IR_NONE, IR_NONE, IR_NONE};
  bool lifting = sc->lifting;
  for (uint32_t i = 0; i < e->n_args; i++) {
    sc->lifting = lifting && !(e->builtin == B_POW && i == 1); /* an exponent stays a constant */
    v[i] = lower_expr(sc, e->args[i]);
  }
  sc->lifting = lifting;
  sc->b.span = e->span;
  IrOp op = (IrOp)builtin_op[e->builtin];
  IrDimRule rule = (IrDimRule)ir_ops[op].dim;
  if (rule == IRD_SAME || (rule == IRD_COMPARE)) make_alike(sc, v, 0, e->n_args);
  if (rule == IRD_SELECT && e->type == M_REAL) make_alike(sc, v, 1, 3);
  if (op == IR_NEG && sc->b.k->ins.at[v[0]].op == IR_CONST) return alg_neg(&sc->b, v[0]);
  if (op == IR_ADD && (alg_is(&sc->b, v[0], 0) || alg_is(&sc->b, v[1], 0)))
    return alg_add(&sc->b, v[0], v[1]);
  if (op == IR_SUB && (alg_is(&sc->b, v[0], 0) || alg_is(&sc->b, v[1], 0)))
    return alg_sub(&sc->b, v[0], v[1]);
  if (e->n_args == 1) return ir_op1(&sc->b, op, v[0]);
  return e->n_args == 2 ? ir_op2(&sc->b, op, v[0], v[1]) : ir_op3(&sc->b, op, v[0], v[1], v[2]);
}

/* In a drive what is drawn is drawn once, by a kernel of its own. */
static IrVal drawn_once(Scope *sc, const MExpr *e) {
  uint32_t at = sc->drawn.n;
  vec_push(sc->l->a, &sc->drawn, e);
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_PARAM, at, name_fmt(sc->l->s, "draw%u", at), IR_REAL, e->dim));
}

static IrVal lower_draw(Scope *sc, const MExpr *e) {
  if (sc->leaf == LEAF_DRIVE) return drawn_once(sc, e);
  static const uint8_t plain[DIST_COUNT] = {[DIST_UNIFORM] = IR_DRAW_UNIFORM,
                                            [DIST_NORMAL] = IR_DRAW_NORMAL,
                                            [DIST_EXPONENTIAL] = IR_DRAW_EXPONENTIAL,
                                            [DIST_LOGNORMAL] = IR_DRAW_LOGNORMAL};
  static const uint8_t within[DIST_COUNT] = {[DIST_UNIFORM] = IR_DRAW_UNIFORM_WITHIN,
                                             [DIST_NORMAL] = IR_DRAW_NORMAL_WITHIN,
                                             [DIST_EXPONENTIAL] = IR_DRAW_EXPONENTIAL_WITHIN,
                                             [DIST_LOGNORMAL] = IR_DRAW_LOGNORMAL_WITHIN};
  IrVal v[4];
  uint32_t n = 0, params = e->dist == DIST_EXPONENTIAL ? 1 : 2;
  bool lifting = sc->lifting;
  bool bounded = (e->n_args > 2 && e->args[2]) || (e->n_args > 3 && e->args[3]);
  for (uint32_t i = 0; i < params; i++) {
    bool second = e->dist == DIST_LOGNORMAL && i == 1;
    v[n++] = lower_as(sc, e->args[i], second ? DIM_NONE : e->dim);
  }
  for (uint32_t i = 2; bounded && i < 4; i++) {
    bool given = i < e->n_args && e->args[i];
    v[n++] = given ? lower_as(sc, e->args[i], e->dim)
                   : ir_const(&sc->b, i == 2 ? -HUGE_VAL : HUGE_VAL, e->dim);
  }
  sc->lifting = lifting;
  sc->b.span = e->span;
  if (sc->leaf == LEAF_ELEMENT && sc->shape->c->synaptic) return lower_learn_draw(sc, e, v);
  return ir_draw(&sc->b, (IrOp)(bounded ? within : plain)[e->dist], draw_ordinal(sc, e->span), v, e->dim);
}

/* z = decay * z + fresh * N */
static IrVal lower_process(Scope *sc, const MExpr *e) {
  IrVal decay = lower_expr(sc, e->args[0]), fresh = lower_expr(sc, e->args[1]);
  uint32_t at = sc->n_processes++;
  sc->b.span = e->span;
  uint32_t slot = ir_slot(&sc->b, SLOT_STATE, at, name_fmt(sc->l->s, "process%u", at), IR_REAL, DIM_NONE);
  IrVal normal = ir_draw(&sc->b, IR_NOISE, (*sc->draws)++, NULL, DIM_NONE);
  IrVal z = ir_op2(&sc->b, IR_ADD, ir_op2(&sc->b, IR_MUL, decay, ir_load(&sc->b, slot)),
                   ir_op2(&sc->b, IR_MUL, fresh, normal));
  ir_store(&sc->b, slot, z);
  return z;
}

static IrVal lower_sample(Scope *sc, const MExpr *e) {
  if (sc->shape && sc->shape->fit) { /* a term: by column; autodiff/march.c gives it the march's number */
    Name name = sc->shape->fit->data.columns.at[e->arg].name;
    return ir_load(&sc->b, ir_slot(&sc->b, SLOT_SAMPLE, e->arg, name, IR_REAL, e->dim));
  }
  sc->n_samples++;
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_INPUT, e->arg, name_fmt(sc->l->s, "sample%u", e->arg), IR_REAL, e->dim));
}

static IrVal lower_column(Scope *sc, const MExpr *e) {
  if (sc->leaf != LEAF_INIT) BUG(sc->l->s, e->span, "a column outside of init");
  Shape *shape = sc->shape;
  uint32_t at = 0;
  while (at < shape->columns.n && shape->columns.at[at] != e->column) at++;
  if (at == shape->columns.n) {
    vec_push(sc->l->a, &shape->columns, e->column);
    shape->c->n_columns = shape->columns.n;
  }
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_COLUMN, at, name_fmt(sc->l->s, "column%u", at), IR_REAL, e->dim));
}

static IrVal lower_pair(Scope *sc, const MExpr *e) {
  if (sc->leaf != LEAF_SYNAPSE) BUG(sc->l->s, e->span, "a number of synapses outside of a connection");
  return ir_load(&sc->b, ir_slot(&sc->b, SLOT_COLUMN, e->arg, name_fmt(sc->l->s, "pair%u", e->arg), IR_REAL, e->dim));
}

/* White noise that is held over a step has the variance 1/dt. */
static IrVal drive_noise(Scope *sc) {
  IrVal normal = ir_draw(&sc->b, IR_NOISE, (*sc->draws)++, NULL, DIM_NONE);
  return ir_op2(&sc->b, IR_DIV, normal, ir_op1(&sc->b, IR_SQRT, ir_nullary(&sc->b, IR_DT)));
}

static IrVal lower_noise(Scope *sc, const MExpr *e) {
  if (sc->leaf == LEAF_DRIVE) return drive_noise(sc);
  if (!sc->noise) {
    diag_noise_misplaced(sc->l->s, e->span);
    return ir_const(&sc->b, 0, e->dim);
  }
  return ir_draw(&sc->b, IR_NOISE, (*sc->draws)++, NULL, e->dim);
}

/* Globals are numbers; a condition is 0 or 1. */
static IrVal global_value(Scope *sc, const MExpr *e) {
  IrVal v = ptr_get(&sc->setup->slots, e->global);
  if (v == IR_NONE)
    BUG(sc->l->s, e->span, "global %s stands after its use", name_str(sc->l->s, e->global->path));
  return e->type == M_BOOL ? ir_op2(&sc->b, IR_NE, v, alg_zero_like(&sc->b, v)) : v;
}

static IrVal lower_node(Scope *sc, const MExpr *e) {
  switch (e->kind) {
    case MX_NUM: return ir_const(&sc->b, e->num, e->dim);
    case MX_VAR: return lower_var(sc, e->var);
    case MX_ARG: return sc->arg;
    case MX_GLOBAL:
      if (sc->globals) return lower_global(sc, e);
      if (sc->leaf != LEAF_SETUP) BUG(sc->l->s, e->span, "a global in a kernel of elements");
      return global_value(sc, e);
    case MX_CALL: return lower_call(sc, e);
    case MX_DRAW: return lower_draw(sc, e);
    case MX_NOISE: return lower_noise(sc, e);
    case MX_TIME: return ir_nullary(&sc->b, IR_TIME);
    case MX_DELAYED: return lower_past(sc, e);
    case MX_PROCESS: return lower_process(sc, e);
    case MX_SAMPLE: return lower_sample(sc, e);
    case MX_COLUMN: return lower_column(sc, e);
    case MX_PAIR: return lower_pair(sc, e);
    case MX_DT:
      if (sc->leaf != LEAF_SETUP) return ir_nullary(&sc->b, IR_DT);
      return setup_load(sc->setup, sc->setup->x->dt, name_z(sc->l->s, "dt"), e->dim);
  }
  BUG(sc->l->s, e->span, "an expression of no kind");
}

IrVal lower_expr(Scope *sc, const MExpr *e) {
  /* one source wherever it is used; the past does not change with a state */
  bool random = e->kind == MX_DRAW || e->kind == MX_NOISE || e->kind == MX_PROCESS ||
                 (e->kind == MX_DELAYED && sc->leaf == LEAF_ELEMENT);
  uint32_t known = ptr_get(random ? &sc->fixed : &sc->memo, e);
  if (known != IR_NONE) return known;
  Span before = sc->b.span;
  sc->b.span = e->span;
  bool whole = sc->lifting && e->type == M_REAL && lower_uniform(sc, e) &&
               !(e->kind == MX_VAR && e->var->kind == VAR_PARAM) &&
               !(e->kind == MX_NUM && (e->num == 0 || isinf(e->num)));
  IrVal v = whole ? lift(sc, e) : lower_node(sc, e);
  sc->b.span = before;
  ptr_set(sc->l->a, random ? &sc->fixed : &sc->memo, e, v);
  return v;
}

IrVal lower_as(Scope *sc, const MExpr *e, Dim dim) { return lower_fit(sc, lower_expr(sc, e), dim); }

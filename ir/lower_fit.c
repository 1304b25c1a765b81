/* A fit to IrFit, level 1: the setup of its neuron, a class for the free run and one for each residual, begin kernels,
 * terms as record kernels, stages with a kernel that makes their objective of the terms' means.
 *
 * The neuron's declared params stand in G once, in the block of a first population without kernels: there they are set and
 * there the fit begins. Each class of the fit has them in its own block as well, without those that are free. */
#include "ir/lower.h"

#include "lang/diag.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

typedef struct {
  Setup *st;
  const MFit *fit;
  IrFit *f;
  Shape *declared;
  uint32_t block; /* of the declared params */
  Shape *run;     /* free run; NULL: no stage needs it yet */
  VEC(Shape *) driven; /* by a recording: as a given state, or by a stage's forces */
} FitLower;

/* ---- classes */

/* given: the state of a residual, or NULL; stage: whose forces count in a free run. */
static Shape *class_of(FitLower *w, const MVar *given, const MStage *stage) {
  const MStage *forced = !given && stage->forces.n ? stage : NULL;
  if (!given && !forced && w->run) return w->run;
  for (uint32_t i = 0; (given || forced) && i < w->driven.n; i++)
    if (w->driven.at[i]->given == given && w->driven.at[i]->forced == forced) return w->driven.at[i];
  Lower *l = w->st->l;
  Shape *shape = lower_fit_class(l, w->fit, given, forced);
  if (!shape) return NULL;
  if (given && shape->c->pasts.n) {
    diag_not_supported(l->s, shape->c->pasts.at[0].span, "`delayed` in a neuron that a residual is taken of", "Take terms `mean(...)`, or `force` in a stage.");
    return NULL;
  }
  if (given || forced) vec_push(l->a, &w->driven, shape);
  else w->run = shape;
  return shape;
}

/* Initial states by the parameters; where a recording drives a state, it begins with the recording. */
static IrKernel *lower_begin(FitLower *w, Shape *shape) {
  Lower *l = w->st->l;
  IrClass *c = shape->c;
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_BEGIN, name_fmt(l->s, "begin.%s", name_str(l->s, c->name)));
  Scope sc = lower_scope(l, k, LEAF_INIT, shape);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *var = c->states.at[i].var;
    sc.b.span = var->span;
    IrVal v = c->states.at[i].counter ? alg_num(&sc.b, 0) : lower_var(&sc, var);
    sc.b.span = var->span;
    ir_store(&sc.b, ir_slot(&sc.b, SLOT_STATE, i, var->name, IR_REAL, var->dim), v);
  }
  return k;
}

/* ---- terms */

static IrKernel *term_kernel(FitLower *w, Shape *shape, const char *what, const MExpr *e) {
  Lower *l = w->st->l;
  Name name = name_fmt(l->s, "%s.%s", what, name_str(l->s, shape->c->name));
  IrKernel *k = ir_kernel(l->s, l->a, KERNEL_RECORD, name);
  Scope sc = lower_scope(l, k, LEAF_ELEMENT, shape);
  IrVal v = lower_expr(&sc, e);
  sc.b.span = e->span;
  if (k->ins.at[v].type == IR_BOOL) v = ir_op3(&sc.b, IR_SELECT, v, alg_num(&sc.b, 1), alg_num(&sc.b, 0));
  ir_store(&sc.b, ir_slot(&sc.b, SLOT_OUT, 0, name_z(l->s, what), IR_REAL, k->ins.at[v].dim), v);
  return k;
}

/* Its states jump within steps, where a mean is one of parts and no longer of squares. */
static bool jumps(const MFit *fit) {
  const MComponent *c = fit->x->populations.at[0]->component;
  return fit->own_spikes.gradient == SPIKES_LOCATED && c->spikes.at[0]->body.n;
}

static bool squares_possible(FitLower *w, const MStage *stage) {
  if (stage->by != OPTIMIZER_LM || !jumps(w->fit)) return true;
  diag_not_supported(w->st->l->s, stage->by_span, "`lm` with `exact_events`, where spikes change states",
                     "Take an optimizer that needs the gradient alone: `lbfgs` or `adam`.");
  return false;
}

static IrTerm lower_term(FitLower *w, Shape *shape, const MTerm *m) {
  Setup *st = w->st;
  IrTerm t = {.term = m, .measure = setup_new(st, 1), .sum = IR_NONE, .gradient = IR_NONE, .curvature = IR_NONE};
  t.over = setup_slot_as(st, m->over, TIME, "over");
  t.from = setup_slot_as(st, m->from, TIME, "from");
  t.to = setup_slot_as(st, m->to, TIME, "to");
  for (int i = 0; i < 2; i++) t.around[i] = setup_slot_as(st, m->around[i], TIME, i ? "except.to" : "except.from");
  if (m->kind == TERM_RESIDUAL || m->value) t.value = term_kernel(w, shape, "term", m->kind == TERM_RESIDUAL ? m->state->equation : m->value);
  if (m->given) t.given = term_kernel(w, shape, "given", m->given);
  if (m->root && !jumps(w->fit)) t.root = term_kernel(w, shape, "root", m->root);
  t.squared = term_is_square(m) && !(m->root && jumps(w->fit));
  ptr_set(st->l->a, &st->numbers, m->global, t.measure);
  return t;
}

static IrMarch *march_new(FitLower *w, const MVar *given, const MStage *stage) {
  Shape *shape = class_of(w, given, stage);
  if (!shape) return NULL;
  IrMarch *march = NEW(w->st->l->a, IrMarch);
  march->class = shape->c;
  if (given) march->given = given->name;
  march->forced = shape->forced;
  march->plain.begin = lower_begin(w, shape);
  return march;
}

/* A residual of a neuron whose spikes change states would need them fired by the recording. */
static bool residual_possible(FitLower *w, const MTerm *m) {
  const MComponent *c = w->fit->x->populations.at[0]->component;
  if (!c->spikes.n || !c->spikes.at[0]->body.n || w->fit->spikes != MODEL_NO_EVENTS) return true;
  diag_not_supported(w->st->l->s, m->span, "a residual of a neuron whose spikes change its states, without knowing them",
                     "Let it fire as it did in the recording, with `events s = crossings(V, 0 mV)` in the braces of `data`: "
                     "`drive spike with rec.s`.");
  return false;
}

/* The march on which a term is measured: one run for all means and likelihoods, one for each residual, whose constraints stand behind it. */
static IrMarch *march_of(FitLower *w, IrStage *stage, const MTerm *m) {
  for (uint32_t i = 0; m->kind != TERM_RESIDUAL && i < stage->marches.n; i++) {
    IrMarch *march = w->f->marches.at[stage->marches.at[i]];
    if (m->state ? name_eq(march->given, m->state->name) : name_none(march->given)) return march;
  }
  IrMarch *march = march_new(w, m->state, stage->stage);
  if (!march) return NULL;
  vec_push(w->st->l->a, &stage->marches, w->f->marches.n);
  vec_push(w->st->l->a, &w->f->marches, march);
  return march;
}

static void lower_terms(FitLower *w, IrStage *stage) {
  for (uint32_t i = 0; i < stage->stage->terms.n; i++) {
    const MTerm *m = stage->stage->terms.at[i];
    if (m->kind == TERM_RESIDUAL && !residual_possible(w, m)) continue;
    IrMarch *march = march_of(w, stage, m);
    if (!march) return;
    IrTerm t = lower_term(w, class_of(w, m->state, stage->stage), m);
    vec_push(w->st->l->a, &march->terms, t);
  }
}

/* ---- objectives: a second setup kernel, run for each start with its terms */

static uint32_t store_new(Setup *to, Setup *st, Name name, IrVal v) {
  uint32_t slot = setup_new(st, 1);
  setup_store(to, slot, name, v, false);
  return slot;
}

/* Of a sum of factor * root^2: 2 factor * (d root / d i) * (d root / d k). */
static IrVal *squares_bends(Setup *to, const MStage *m, const IrVal *atoms, uint32_t n) {
  Arena *a = to->l->a;
  IrBuild *b = &to->scope.b;
  IrVal *roots = NEW_ARRAY(a, IrVal, m->squares.n + 1), *factors = NEW_ARRAY(a, IrVal, m->squares.n + 1);
  IrVal *bends = NEW_ARRAY(a, IrVal, n * n + 1);
  for (uint32_t i = 0; i < m->squares.n; i++) {
    roots[i] = lower_expr(&to->scope, m->squares.at[i].root);
    factors[i] = m->squares.at[i].factor ? lower_expr(&to->scope, m->squares.at[i].factor) : alg_num(b, 1);
  }
  IrTangents t = ir_tangents(b, atoms, n, roots, m->squares.n);
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = i; k < n; k++) {
      IrVal sum = IR_NONE;
      for (uint32_t j = 0; j < m->squares.n; j++) {
        IrVal x = ir_tangent(&t, roots[j], i), y = ir_tangent(&t, roots[j], k);
        if (x == IR_NONE || y == IR_NONE) continue;
        IrVal bend = alg_mul(b, alg_mul(b, alg_num(b, 2), factors[j]), alg_mul(b, x, y));
        sum = sum == IR_NONE ? bend : alg_add(b, sum, bend);
      }
      bends[i * n + k] = sum;
    }
  return bends;
}

void lower_objective(Setup *st, const MFit *fit, IrStage *stage, const MGlobal *const *terms, uint32_t n) {
  Lower *l = st->l;
  Setup to = {.l = l, .mx = st->mx, .x = st->x, .numbers = st->numbers};
  const char *name = name_none(stage->stage->name) ? name_str(l->s, fit->name) : name_str(l->s, stage->stage->name);
  stage->objective = ir_kernel(l->s, l->a, KERNEL_SETUP, name_fmt(l->s, "objective.%s", name));
  to.scope = lower_scope(l, stage->objective, LEAF_SETUP, NULL);
  to.scope.setup = &to;
  setup_see(&to, stage->stage->objective);
  IrBuild *b = &to.scope.b;
  IrVal loss = lower_expr(&to.scope, stage->stage->objective), *atoms = NEW_ARRAY(l->a, IrVal, n + 1);
  for (uint32_t i = 0; i < n; i++) atoms[i] = ptr_get(&to.slots, terms[i]);
  IrTangents t = ir_tangents(b, atoms, n, &loss, 1);
  IrVal *slopes = NEW_ARRAY(l->a, IrVal, n + 1);
  for (uint32_t i = 0; i < n; i++) slopes[i] = ir_tangent(&t, loss, i);
  uint32_t n_squares = stage->stage->squares.n;
  IrVal *bends = n_squares ? squares_bends(&to, stage->stage, atoms, n) : NULL;
  IrTangents second = bends ? t : ir_tangents(b, atoms, n, slopes, n);
  const IrTangents *failed = t.why ? &t : &second;
  b->span = stage->stage->objective->span;
  if (failed->why)
    diag_no_gradient(l->s, b->k->ins.at[failed->where].span, ir_ops[b->k->ins.at[failed->where].op].text, failed->why);
  stage->loss = setup_new(st, 1);
  setup_store(&to, stage->loss, name_z(l->s, "loss"), loss, false);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t slot = store_new(&to, st, name_fmt(l->s, "slope%u", i), slopes[i] == IR_NONE ? alg_num(b, 0) : slopes[i]);
    vec_push(l->a, &stage->slopes, slot);
  }
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = i; k < n; k++) {
      IrVal bend = bends ? bends[i * n + k] : ir_tangent(&second, slopes[i], k);
      uint32_t slot = bend == IR_NONE ? IR_NONE : store_new(&to, st, name_fmt(l->s, "bend%u.%u", i, k), bend);
      vec_push(l->a, &stage->bends, slot);
    }
}

static void march_objective(FitLower *w, IrStage *stage) {
  Arena *a = w->st->l->a;
  VEC(const MGlobal *) terms = {0};
  for (uint32_t i = 0; i < stage->marches.n; i++) {
    const IrMarch *march = w->f->marches.at[stage->marches.at[i]];
    for (uint32_t k = 0; k < march->terms.n; k++) vec_push(a, &terms, march->terms.at[k].term->global);
  }
  lower_objective(w->st, w->fit, stage, terms.at, terms.n);
}

/* ---- free parameters */

static void lower_free(FitLower *w) {
  Setup *st = w->st;
  setup_again(st, w->declared, w->block);
  for (uint32_t i = 0; i < w->fit->free.n; i++) {
    const MFree *m = &w->fit->free.at[i];
    const MSetting *set = w->declared->setting[m->var->index];
    if (w->declared->elem[m->var->index] || (m->initial && (set ? set->draw : m->var->draw))) {
      diag_fit_random(st->l->s, m->span, name_str(st->l->s, m->path), set ? set->span : m->var->span);
      continue;
    }
    const MExpr *start = set ? set->value : m->var->value;
    IrFree f = {.lo = IR_NONE, .hi = IR_NONE, .mean = IR_NONE, .sd = IR_NONE};
    f.value = m->initial ? start ? setup_slot_as(st, start, m->var->dim, "start") : setup_new(st, 1)
                         : w->block + w->declared->index[m->var->index];
    if (m->domain.has && m->domain.lo) f.lo = setup_slot_as(st, m->domain.lo, m->var->dim, "lo");
    if (m->domain.has && m->domain.hi) f.hi = setup_slot_as(st, m->domain.hi, m->var->dim, "hi");
    if (m->mean) f.mean = setup_slot_as(st, m->mean, m->var->dim, "mean");
    if (m->sd) f.sd = setup_slot_as(st, m->sd, m->var->dim, "sd");
    vec_push(st->l->a, &w->f->free, f);
  }
  setup_enter(st, NULL, 0);
}

static void declare(FitLower *w) {
  Setup *st = w->st;
  w->declared = lower_declared(st->l, w->fit);
  setup_population(st, w->fit->x->populations.at[0], w->declared);
  w->block = st->x->populations.at[0].block;
}

static void lower_fit_of(Lower *l, const MFit *fit) {
  Setup st = {.l = l, .mx = fit->x, .x = NEW(l->a, IrExperiment)};
  uint32_t errors = l->s->errors;
  setup_begin(&st);
  FitLower w = {.st = &st, .fit = fit, .f = NEW(l->a, IrFit)};
  w.f->fit = fit;
  w.f->x = st.x;
  declare(&w);
  lower_free(&w);
  if (l->s->errors > errors) return;
  for (uint32_t i = 0; i < fit->stages.n; i++) {
    IrStage stage = {.stage = fit->stages.at[i]};
    if (squares_possible(&w, stage.stage)) lower_terms(&w, &stage);
    if (l->s->errors > errors) return;
    march_objective(&w, &stage);
    vec_push(l->a, &w.f->stages, stage);
  }
  if (w.run) setup_twin(&st, fit->x->populations.at[0], w.run, w.block, w.declared);
  for (uint32_t i = 0; i < w.driven.n; i++)
    setup_twin(&st, fit->x->populations.at[0], w.driven.at[i], w.block, w.declared);
  vec_push(l->a, &l->m->fits, w.f);
}

void lower_fits(Lower *l) {
  for (uint32_t i = 0; i < l->m->model->fits.n; i++) {
    const MFit *fit = l->m->model->fits.at[i];
    if (fit->network) lower_network_fit(l, fit);
    else lower_fit_of(l, fit);
  }
}

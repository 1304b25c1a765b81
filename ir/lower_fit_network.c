/* A fit of a network to IrFit, level 1: the network as an experiment, whose params are set anew for each place of the search,
 * and for each stage a kernel that makes its objective of measures of the run. */
#include "ir/lower.h"

#include "lang/session.h"

static uint32_t param_slot(Setup *st, const MFree *m, Name path) {
  if (m->global) return ptr_get(&st->numbers, m->global);
  for (uint32_t i = 0; i < st->x->params.n; i++)
    if (name_eq(st->x->params.at[i].path, path)) return st->x->params.at[i].slot;
  BUG(st->l->s, m->span, "%s is no param of the network", name_str(st->l->s, path));
}

static void lower_free(Setup *st, IrFit *f) {
  for (uint32_t i = 0; i < f->fit->free.n; i++) {
    const MFree *m = &f->fit->free.at[i];
    IrFree made = {.value = m->weights.n ? IR_NONE : param_slot(st, m, m->path), .lo = IR_NONE, .hi = IR_NONE, .mean = IR_NONE, .sd = IR_NONE};
    if (m->domain.has && m->domain.lo) made.lo = setup_slot_as(st, m->domain.lo, m->dim, "lo");
    if (m->domain.has && m->domain.hi) made.hi = setup_slot_as(st, m->domain.hi, m->dim, "hi");
    if (m->mean) made.mean = setup_slot_as(st, m->mean, m->dim, "mean");
    if (m->sd) made.sd = setup_slot_as(st, m->sd, m->dim, "sd");
    for (uint32_t k = 0; k < m->others.n; k++) {
      Session *s = st->l->s;
      Name path = name_fmt(s, "%s.%s", name_str(s, m->others.at[k]->path), name_str(s, m->var->name));
      vec_push(st->l->a, &made.others, param_slot(st, m, path));
    }
    for (uint32_t k = 0; k < m->weights.n; k++) vec_push(st->l->a, &made.weights, m->weights.at[k]);
    vec_push(st->l->a, &f->free, made);
  }
}

/* Does a free parameter change it before the run? */
static bool follows(const MFit *fit, const MExpr *e) {
  bool any = false;
  if (e->kind == MX_GLOBAL) {
    for (uint32_t i = 0; i < fit->free.n; i++) any |= fit->free.at[i].global == e->global;
    return any || (e->global->value && e->global->index != UINT32_MAX && follows(fit, e->global->value));
  }
  for (uint32_t i = 0; i < e->n_args; i++) any |= e->args[i] && follows(fit, e->args[i]);
  return any;
}

typedef VEC(const MGlobal *) Atoms;

/* What an objective names that free parameters change, once each. */
static void named_find(Setup *st, const MFit *fit, const MExpr *e, IrStage *stage, Atoms *atoms) {
  if (e->kind == MX_GLOBAL && e->global->index != UINT32_MAX && follows(fit, e)) {
    for (uint32_t i = 0; i < atoms->n; i++)
      if (atoms->at[i] == e->global) return;
    vec_push(st->l->a, atoms, e->global);
    vec_push(st->l->a, &stage->named, ptr_get(&st->numbers, e->global));
  }
  for (uint32_t i = 0; i < e->n_args; i++)
    if (e->args[i]) named_find(st, fit, e->args[i], stage, atoms);
}

static IrStage lower_stage(Setup *st, const MFit *fit, const MStage *m) {
  Lower *l = st->l;
  IrStage stage = {.stage = m};
  Atoms atoms = {0};
  for (uint32_t i = 0; i < m->n_measures; i++) {
    vec_push(l->a, &atoms, fit->x->measures.at[m->first_measure + i]->global);
    vec_push(l->a, &stage.measures, m->first_measure + i);
  }
  named_find(st, fit, m->objective, &stage, &atoms);
  lower_objective(st, fit, &stage, atoms.at, atoms.n);
  return stage;
}

void lower_network_fit(Lower *l, const MFit *fit) {
  Setup st = {.l = l, .mx = fit->x, .x = NEW(l->a, IrExperiment)};
  uint32_t errors = l->s->errors;
  IrFit *f = NEW(l->a, IrFit);
  f->fit = fit;
  f->x = st.x;
  l->fitted = true;
  setup_begin(&st);
  lower_network(&st);
  l->fitted = false;
  if (l->s->errors > errors) return;
  lower_free(&st, f);
  for (uint32_t i = 0; i < fit->stages.n; i++) {
    IrStage stage = lower_stage(&st, fit, fit->stages.at[i]);
    vec_push(l->a, &f->stages, stage);
  }
  vec_push(l->a, &l->m->fits, f);
}

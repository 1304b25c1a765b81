/* A fit of a network to IrFit, level 1: the network as an experiment, whose params are set anew for each place of the search,
 * and for each stage a kernel that makes its objective of measures of the run. */
#include "ir/lower.h"

#include "lang/session.h"

static uint32_t param_slot(Setup *st, const MFree *m) {
  if (m->global) return ptr_get(&st->numbers, m->global);
  for (uint32_t i = 0; i < st->x->params.n; i++)
    if (name_eq(st->x->params.at[i].path, m->path)) return st->x->params.at[i].slot;
  BUG(st->l->s, m->span, "%s is no param of the network", name_str(st->l->s, m->path));
}

static void lower_free(Setup *st, IrFit *f) {
  for (uint32_t i = 0; i < f->fit->free.n; i++) {
    const MFree *m = &f->fit->free.at[i];
    IrFree made = {.value = param_slot(st, m), .lo = IR_NONE, .hi = IR_NONE, .mean = IR_NONE, .sd = IR_NONE};
    if (m->domain.has && m->domain.lo) made.lo = setup_slot_as(st, m->domain.lo, m->dim, "lo");
    if (m->domain.has && m->domain.hi) made.hi = setup_slot_as(st, m->domain.hi, m->dim, "hi");
    if (m->mean) made.mean = setup_slot_as(st, m->mean, m->dim, "mean");
    if (m->sd) made.sd = setup_slot_as(st, m->sd, m->dim, "sd");
    vec_push(st->l->a, &f->free, made);
  }
}

static IrStage lower_stage(Setup *st, const MFit *fit, const MStage *m) {
  Lower *l = st->l;
  IrStage stage = {.stage = m};
  const MGlobal **terms = NEW_ARRAY(l->a, const MGlobal *, m->n_measures + 1);
  for (uint32_t i = 0; i < m->n_measures; i++) {
    terms[i] = fit->x->measures.at[m->first_measure + i]->global;
    vec_push(l->a, &stage.measures, m->first_measure + i);
  }
  lower_objective(st, fit, &stage, terms, m->n_measures);
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

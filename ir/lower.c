/* Model to level 1: every experiment with its setup kernel and tables, and the classes that its populations
 * share.
 *
 * Needs: a model that was checked without errors. Gives: dynamics kernels with dimensions and spans, in which
 * names are slots. Refuses, with the place, what this version cannot run. */
#include "ir/lower.h"

#include "ir/pass.h"
#include "lang/session.h"

static void lower_experiment(Lower *l, MExperiment *mx) {
  Setup st = {.l = l, .mx = mx, .x = NEW(l->a, IrExperiment)};
  setup_begin(&st);
  lower_network(&st);
  vec_push(l->a, &l->m->experiments, st.x);
}

IrModule *ir_lower(Session *s, Arena *a, const Model *m) {
  Lower l = {.s = s, .a = a, .m = NEW(a, IrModule)};
  l.m->level = 1;
  l.m->model = m;
  for (uint32_t i = 0; i < m->experiments.n; i++) lower_experiment(&l, m->experiments.at[i]);
  lower_fits(&l);
  ir_module_renumber(l.m, a);
  return l.m;
}

/* Model to level 1: every experiment with its setup kernel and tables, and the classes that its populations
 * share.
 *
 * Needs: a model that was checked without errors. Gives: dynamics kernels with dimensions and spans, in which
 * names are slots. Refuses, with the place, what this version cannot run. */
#include "ir/lower.h"

#include "ir/pass.h"
#include "lang/session.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

static void lower_experiment(Lower *l, MExperiment *mx) {
  Setup st = {.l = l, .mx = mx, .x = NEW(l->a, IrExperiment)};
  st.x->experiment = mx;
  st.x->setup = ir_kernel(l->s, l->a, KERNEL_SETUP, name_fmt(l->s, "setup.%s", name_str(l->s, mx->name)));
  st.scope = lower_scope(l, st.x->setup, LEAF_SETUP, NULL);
  st.scope.setup = &st;
  setup_globals(&st);
  st.x->dt = setup_slot_as(&st, mx->dt, TIME, "dt");
  st.x->seed = setup_slot(&st, mx->seed, "seed");
  st.x->seed_last = setup_slot(&st, mx->seed_last, "seed_last");
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

/* What elements will show to others through continuous synapses at the end of a step, without taking it: the step as it is after
 * integration, before events, spikes and their handlers, which act at T and not before. Runs that solve coupled steps jointly
 * (`coupling = joint`) ask for it again and again with other inputs, until all agree (runtime/agree.c).
 *
 * Needs: the step kernel, integrated. Gives: kernels of their own, which store nothing else. */
#include "ir/pass.h"
#include "ir/solve.h"
#include "lang/session.h"

const IrKernel *ir_ahead(const IrClass *c, const IrKernel *shown) {
  for (uint32_t i = 0; shown && i < c->aheads.n; i++)
    if (c->aheads.at[i].shown == shown) return c->aheads.at[i].kernel;
  return NULL;
}

static void shown_add(Arena *out, IrClass *c, IrKernel *shown) {
  for (uint32_t i = 0; i < c->aheads.n; i++)
    if (c->aheads.at[i].shown == shown) return;
  vec_push(out, &c->aheads, ((IrAhead){shown, NULL}));
}

/* Of what is delayed the past alone is seen. */
void solve_find_shown(const IrModule *m, Arena *out, IrClass *c) {
  for (uint32_t e = 0; e < m->experiments.n; e++) {
    const IrExperiment *x = m->experiments.at[e];
    for (uint32_t i = 0; x->experiment->joint && i < x->couplings.n; i++) {
      const IrCoupling *of = &x->couplings.at[i];
      const IrClass *ends[2] = {x->populations.at[of->link.source.pop].class, x->populations.at[of->link.target.pop].class};
      bool reversed = of->coupling->reversed;
      for (uint32_t k = 0; k < of->terms.n; k++) {
        const IrStreamTerm *t = &of->terms.at[k];
        if (t->pre && !t->delayed && ends[reversed] == c) shown_add(out, c, t->pre);
        if (t->post && ends[!reversed] == c) shown_add(out, c, t->post);
      }
    }
  }
}

static IrKernel *ahead(const Solve *v, const IrKernel *shown) {
  IrBuild b = {.s = v->s, .arena = v->b.arena, .span = v->b.span};
  b.k = ir_kernel(b.s, b.arena, KERNEL_AHEAD, name_fmt(b.s, "ahead.%s", name_str(b.s, shown->name)));
  IrCopy step = ir_copy_of(&b, v->b.k);
  step.unchecked = true;
  ir_copy_run(&step);
  IrVal *states = NEW_ARRAY(b.arena, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) states[i] = step.map[v->now[i]];
  IrCopy value = ir_copy_of(&b, shown);
  value.state = states;
  ir_copy_run(&value);
  IrVal x = ir_copy_stored(&value, SLOT_OUT, 0);
  ir_store(&b, ir_slot(&b, SLOT_OUT, 0, name_z(b.s, "flows"), IR_REAL, b.k->ins.at[x].dim), x);
  return b.k;
}

void solve_aheads(const Solve *v) {
  for (uint32_t i = 0; i < v->c->aheads.n; i++) v->c->aheads.at[i].kernel = ahead(v, v->c->aheads.at[i].shown);
}

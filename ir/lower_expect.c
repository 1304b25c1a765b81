/* Measures and expects to G slots, record kernels and one kernel that judges.
 *
 * A measure has a slot that the runtime writes when the run is over; then `judge`, a second setup kernel, computes
 * every expect's value and interval from the network's values and the measures. So arithmetic with measures is the
 * same arithmetic as everywhere. */
#include "ir/lower.h"

#include "lang/session.h"

static const Dim TIME = {{[DIM_TIME] = DIM_ONE}};

static void lower_measure(Setup *st, MMeasure *m, Shape *const *shapes) {
  IrMeasure r = {.measure = m, .slot = setup_new(st, 1), .argument = setup_slot_as(st, m->argument, TIME, "argument")};
  r.after = setup_slot_as(st, m->after, TIME, "after");
  r.until = setup_slot_as(st, m->until, TIME, "until");
  for (uint32_t i = 0; i < m->items.n; i++) {
    const MRecordItem *item = &m->items.at[i];
    IrRecordItem made = {.slice = lower_slice(st, &item->slice)};
    if (item->value)
      made.kernel = lower_recorded(st, name_z(st->l->s, "measure"), item->value, shapes[item->slice.pop->index]);
    vec_push(st->l->a, &r.items, made);
  }
  ptr_set(st->l->a, &st->numbers, m->global, r.slot);
  vec_push(st->l->a, &st->x->measures, r);
}

static uint32_t judged(Setup *judge, const MExpr *e, Dim dim, const char *name) {
  setup_see(judge, e);
  return setup_slot_as(judge, e, dim, name);
}

static void lower_expect(Setup *judge, MExpect *m) {
  IrExpect e = {.expect = m, .value = judged(judge, m->value, m->dim, "value"), .lo = IR_NONE, .hi = IR_NONE};
  if (m->interval.has && m->interval.lo) e.lo = judged(judge, m->interval.lo, m->dim, "lo");
  if (m->interval.has && m->interval.hi) e.hi = judged(judge, m->interval.hi, m->dim, "hi");
  vec_push(judge->l->a, &judge->x->expects, e);
}

void lower_expects(Setup *st, Shape *const *shapes) {
  Lower *l = st->l;
  const MExperiment *mx = st->mx;
  for (uint32_t i = 0; i < mx->measures.n; i++) lower_measure(st, mx->measures.at[i], shapes);
  if (!mx->expects.n) return;
  Setup judge = {.l = l, .mx = mx, .x = st->x, .numbers = st->numbers};
  st->x->judge = ir_kernel(l->s, l->a, KERNEL_SETUP, name_fmt(l->s, "judge.%s", name_str(l->s, mx->name)));
  judge.scope = lower_scope(l, st->x->judge, LEAF_SETUP, NULL);
  judge.scope.setup = &judge;
  for (uint32_t i = 0; i < mx->expects.n; i++) lower_expect(&judge, mx->expects.at[i]);
}

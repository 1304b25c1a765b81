/* Conservation laws in the step: of each law one state is not integrated but follows from the others,
 *   x = total - sum of weight * other,   total = the same sum at T-dt, in the same order.
 *
 * So rounding errors do not add up: where x = fl(total - s), 0 <= x <= total, the next step finds fl(x + s) = total again (x
 * is off by at most half a unit in the last place of the total; a tie goes to the even one, after which it stays). What a
 * handler adds between two steps is in the next total. The total stands still while states move: for forms and Jacobians
 * states are values of their own, behind a select that later passes remove. Not where steps of other lengths
 * meet handlers (Solve.events), where a Taylor series needs the states themselves, or where a member can be held. */
#include "ir/solve.h"

static bool can_be_held(const Solve *v, const IrLaw *law) {
  for (uint32_t i = 0; i < law->members.n; i++)
    for (uint32_t k = 0; k < v->in->holds.n; k++)
      if (solve_frozen(v, k, law->members.at[i].state)) return true;
  return false;
}

/* Sum of the members but the dependent one, IR_NONE: there are none. */
static IrVal others(Solve *v, const IrLaw *law, const IrVal *x) {
  IrVal sum = IR_NONE;
  for (uint32_t i = 0; i < law->members.n; i++) {
    const IrLawMember *m = &law->members.at[i];
    if (m->state == law->dependent) continue;
    IrVal term = m->weight == 1 ? x[m->state] : ir_op2(&v->b, IR_MUL, alg_num(&v->b, m->weight), x[m->state]);
    sum = sum == IR_NONE ? term : ir_op2(&v->b, IR_ADD, sum, term);
  }
  return sum;
}

/* A value of its own, which is x. */
static IrVal apart(IrBuild *b, IrVal x) { return ir_op3(b, IR_SELECT, ir_always(b), x, x); }

void solve_laws_begin(Solve *v) {
  Arena *a = v->b.arena;
  v->total = NEW_ARRAY(a, IrVal, v->c->laws.n + 1);
  v->follows = NEW_ARRAY(a, bool, v->n + 1);
  bool any = false;
  for (uint32_t k = 0; k < v->c->laws.n; k++) {
    IrLaw *law = &v->c->laws.at[k];
    law->used = !v->lawless && law->dependent != IR_NONE && !can_be_held(v, law);
    if (!law->used) continue;
    v->b.span = v->in->states.at[law->dependent].var->equation_span;
    IrVal sum = others(v, law, v->first), own = v->first[law->dependent];
    v->total[k] = sum == IR_NONE ? own : ir_op2(&v->b, IR_ADD, own, sum);
    v->follows[law->dependent] = any = true;
  }
  if (!any) return;
  v->old = NEW_ARRAY(a, IrVal, v->n + 1);
  for (uint32_t i = 0; i < v->n; i++) v->old[i] = v->in->states.at[i].var->reacts ? apart(&v->b, v->first[i]) : v->first[i];
  solve_dependents(v, v->old);
}

void solve_dependents(Solve *v, IrVal *x) {
  for (uint32_t k = 0; k < v->c->laws.n; k++) {
    const IrLaw *law = &v->c->laws.at[k];
    if (!law->used) continue;
    IrVal sum = others(v, law, x);
    x[law->dependent] = sum == IR_NONE ? v->total[k] : ir_op2(&v->b, IR_SUB, v->total[k], sum);
  }
}

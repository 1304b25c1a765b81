/* Which values of a march carry derivatives: those that depend on a free parameter and reach a sum. All others have no
 * adjoint, in memory or in code. Method: two analyses over the instructions, forwards and backwards, each repeated until what is
 * known of states and rings, which connect the steps, and of what loops carry, which connects their turns, stays the same.
 * Conditions carry no derivative. */
#include "autodiff/reverse.h"

static bool *place(const AdActive *w, bool *of, const IrSlot *slot) {
  if (slot->kind == SLOT_STATE && slot->index < w->n_states) return &of[slot->index];
  if (slot->kind == SLOT_RING && slot->index < w->n_rings) return &of[w->n_states + slot->index];
  return NULL;
}

/* A `next` that says more than what is known of its carry: that is known now. */
static bool carry_more(const IrKernel *k, const IrIns *ins, bool *v) {
  if (ins->op != IR_NEXT || !v[ins->arg[1]] || v[ins->arg[0]] || k->ins.at[ins->arg[0]].type != IR_REAL) return false;
  return v[ins->arg[0]] = true;
}

static bool depend_once(AdActive *w, const IrKernel *k, bool *v, bool *ret_more) {
  bool carries = false;
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    const IrSlot *slot = ins->op == IR_LOAD || ins->op == IR_STORE ? &k->slots.at[ins->slot] : NULL;
    bool *at = slot ? place(w, w->depends, slot) : NULL;
    carries |= carry_more(k, ins, v);
    if (ins->op == IR_LOAD) v[i] = slot->kind == SLOT_PARAM ? slot->index < w->n_params : at && *at;
    for (int j = ad_first_arg((IrOp)ins->op); j < ir_ops[ins->op].arity; j++) v[i] |= v[ins->arg[j]];
    v[i] &= ins->type != IR_BOOL;
    if (ins->op != IR_STORE || !at || !v[i] || *at) continue;
    *at = *ret_more = true;
  }
  return carries;
}

/* By instruction; states and rings that come to depend are noted. */
static bool *depend(AdActive *w, const IrKernel *k, Arena *a, bool *ret_more) {
  bool *v = NEW_ARRAY(a, bool, k->ins.n + 1);
  while (depend_once(w, k, v, ret_more)) continue;
  return v;
}

static bool reach_once(AdActive *w, const IrKernel *k, bool *v, bool *ret_more) {
  bool carries = false;
  for (IrVal i = k->ins.n; i-- > 0;) {
    const IrIns *ins = &k->ins.at[i];
    bool next = ins->op == IR_NEXT && v[ins->arg[0]] && !v[i];
    carries |= next;
    v[i] |= next;
    bool *at = ins->op == IR_LOAD || ins->op == IR_STORE ? place(w, w->reaches, &k->slots.at[ins->slot]) : NULL;
    if (ins->op == IR_STORE) v[i] = at && *at;
    if (v[i] && ins->op == IR_LOAD && at && !*at) *at = *ret_more = true;
    for (int j = ad_first_arg((IrOp)ins->op); v[i] && j < ir_ops[ins->op].arity; j++)
      if (k->ins.at[ins->arg[j]].type == IR_REAL) v[ins->arg[j]] = true;
  }
  return carries;
}

/* What a store to an active state or ring is made of; loads of others are noted. */
static bool *reach(AdActive *w, const IrKernel *k, Arena *a, bool *ret_more) {
  bool *v = NEW_ARRAY(a, bool, k->ins.n + 1);
  while (reach_once(w, k, v, ret_more)) continue;
  return v;
}

AdActive ad_active(Arena *a, const IrMarchForm *plain, uint32_t n_params, const bool *sums) {
  AdActive w = {.n_params = n_params, .n_states = plain->n_states, .n_rings = plain->n_rings};
  w.depends = NEW_ARRAY(a, bool, w.n_states + w.n_rings + 1);
  w.reaches = NEW_ARRAY(a, bool, w.n_states + w.n_rings + 1);
  for (uint32_t i = 0; i < w.n_states; i++) w.reaches[i] = sums[i];
  for (bool more = true; more;) {
    more = false;
    if (plain->begin) depend(&w, plain->begin, a, &more);
    depend(&w, plain->march, a, &more);
    reach(&w, plain->march, a, &more);
  }
  return w;
}

bool *ad_depends(const AdActive *w, const IrKernel *k, Arena *a) {
  bool more;
  AdActive same = *w;
  same.depends = NEW_ARRAY(a, bool, w->n_states + w->n_rings + 1);
  for (uint32_t i = 0; i < w->n_states + w->n_rings; i++) same.depends[i] = w->depends[i];
  return depend(&same, k, a, &more);
}

bool ad_active_slot(const AdActive *w, const IrSlot *slot) {
  const bool *depends = place(w, w->depends, slot), *reaches = place(w, w->reaches, slot);
  return depends && *depends && *reaches;
}

bool *ad_active_values(const AdActive *w, const IrKernel *k, Arena *a) {
  bool more;
  AdActive same = *w; /* complete: nothing is added */
  bool *x = depend(&same, k, a, &more), *y = reach(&same, k, a, &more);
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    x[i] &= y[i];
    if (ins->op == IR_STORE) x[i] &= ad_active_slot(w, &k->slots.at[ins->slot]);
  }
  return x;
}

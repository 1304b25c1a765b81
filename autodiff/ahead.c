/* Exponentials a step ahead, where a vector's lanes are parameters of one neuron. Its own step is then a chain of numbers: V
 * gives rates (an exponential), these the gates (another), and they, a step later, V. Written in that order, a step waits for
 * both exponentials. So those of states alone are made where these states are, at the end of the step before, and carried: the
 * processor, which looks ahead less than a step, then finds the two of a step beside each other.
 *
 * Same values, in another order: for each such exponential of `march` a state more, which is loaded in its place, made by the
 * states that are stored, and begun in `begin` by those there. Needs: forms along directions, without loops. Gives work for
 * `dce`. */
#include "autodiff/ad.h"
#include "ir/algebra.h"
#include "ir/pass.h"

enum { MOST_OPERATIONS = 32 }; /* of an exponent: a longer one is rather computed late */

typedef struct {
  const IrKernel *k;
  IrVal *stored; /* by load of a state that is stored: the value that is */
  bool *moves;   /* by instruction: made of states, params and uniforms alone, of states at least one */
  bool *still;   /* made of params, uniforms and constants */
} States;

static States states_of(const IrKernel *k, Arena *a) {
  States z = {k, NEW_ARRAY(a, IrVal, k->ins.n + 1), NEW_ARRAY(a, bool, k->ins.n + 1), ad_steady(k, a)};
  for (IrVal i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    z.stored[i] = IR_NONE;
    if (ins->op == IR_LOAD) {
      for (IrVal j = i; j < k->ins.n; j++)
        if (k->ins.at[j].op == IR_STORE && k->ins.at[j].slot == ins->slot) z.stored[i] = k->ins.at[j].arg[0];
      z.moves[i] = k->slots.at[ins->slot].kind == SLOT_STATE && k->slots.at[ins->slot].alike && z.stored[i] != IR_NONE;
      continue;
    }
    int n = ir_ops[ins->op].arity;
    z.moves[i] = (ir_ops[ins->op].flags & IRF_PURE) && n > 0 && !z.still[i];
    for (int j = 0; j < n; j++) z.moves[i] &= z.moves[ins->arg[j]] || z.still[ins->arg[j]];
  }
  return z;
}

/* The instructions that value i is made of, itself among them; false: too many, or another exponential. */
static bool needs(const States *z, IrVal i, bool *ret) {
  uint32_t n = 0;
  ret[i] = true;
  for (IrVal j = i + 1; j-- > 0;) {
    const IrIns *ins = &z->k->ins.at[j];
    if (!ret[j]) continue;
    if ((j != i && ins->op == IR_EXP) || n++ == MOST_OPERATIONS) return false;
    for (int l = 0; l < ir_ops[ins->op].arity; l++) ret[ins->arg[l]] = true;
  }
  return true;
}

typedef struct {
  IrVal at;     /* the exponential */
  bool *needed; /* by instruction: it is made of that */
  IrVal last;   /* the last of the stored values that it will be made of */
} Ahead;
typedef VEC(Ahead) AheadList;

static AheadList find(const States *z, Arena *a) {
  AheadList list = {0};
  for (IrVal i = 0; i < z->k->ins.n; i++) {
    if (z->k->ins.at[i].op != IR_EXP || !z->moves[i]) continue;
    Ahead x = {i, NEW_ARRAY(a, bool, i + 1), 0};
    if (!needs(z, i, x.needed)) continue;
    for (IrVal j = 0; j < i; j++)
      if (x.needed[j] && z->stored[j] != IR_NONE && z->stored[j] > x.last) x.last = z->stored[j];
    vec_push(a, &list, x);
  }
  return list;
}

/* The exponential in kernel b; state: its value there, by load of it. */
static IrVal make(IrBuild *b, const States *z, const Ahead *x, const IrVal *state) {
  IrVal *map = NEW_ARRAY(b->arena, IrVal, x->at + 1);
  for (IrVal i = 0; i <= x->at; i++) {
    if (!x->needed[i]) continue;
    IrIns ins = z->k->ins.at[i];
    const IrSlot *slot = ins.op == IR_LOAD ? &z->k->slots.at[ins.slot] : NULL;
    for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = map[ins.arg[j]];
    if (!slot) map[i] = ir_push(b, ins);
    else if (slot->kind == SLOT_STATE) map[i] = state[i];
    else map[i] = ir_load(b, ir_slot(b, slot->kind, slot->index, slot->name, slot->type, slot->dim));
  }
  return map[x->at];
}

static uint32_t slot_for(IrBuild *b, uint32_t index) {
  uint32_t slot = ir_slot(b, SLOT_STATE, index, name_z(b->s, "%ahead"), IR_REAL, DIM_NONE);
  b->k->slots.at[slot].alike = b->k->kind == KERNEL_MARCH;
  return slot;
}

static IrKernel *march_of(const States *z, const AheadList *list, uint32_t first, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(z->k, out, s);
  IrVal *made = NEW_ARRAY(out, IrVal, list->n + 1), *state = NEW_ARRAY(out, IrVal, z->k->ins.n + 1);
  for (IrVal i = 0; i < z->k->ins.n; i++) {
    r.map[i] = IR_NONE;
    ir_rewrite_at(&r, i);
    for (uint32_t j = 0; j < list->n; j++)
      if (list->at[j].at == i) r.map[i] = ir_load(&r.b, slot_for(&r.b, first + j));
    if (r.map[i] == IR_NONE) ir_rewrite_copy(&r, i);
    for (IrVal j = 0; j < z->k->ins.n; j++) /* a state may become what stood before it was read */
      if (z->stored[j] == i) state[j] = r.map[i];
    for (uint32_t j = 0; j < list->n; j++)
      if (list->at[j].last == i) made[j] = make(&r.b, z, &list->at[j], state);
  }
  for (uint32_t j = 0; j < list->n; j++) ir_store(&r.b, slot_for(&r.b, first + j), made[j]);
  return r.b.k;
}

/* What `begin` stores in the slot; 0 if it does not. */
static IrVal initial(IrRewrite *r, const IrSlot *slot) {
  for (IrVal i = 0; i < r->in->ins.n; i++) {
    const IrIns *ins = &r->in->ins.at[i];
    const IrSlot *to = ins->op == IR_STORE ? &r->in->slots.at[ins->slot] : NULL;
    if (to && to->kind == SLOT_STATE && to->index == slot->index) return ir_rewrite_arg(r, i, 0);
  }
  return ir_const(&r->b, 0, slot->dim);
}

static IrKernel *begin_of(const IrKernel *begin, const States *z, const AheadList *list, uint32_t first, Arena *out, Session *s) {
  IrRewrite r = ir_rewrite(begin, out, s);
  IrVal *state = NEW_ARRAY(out, IrVal, z->k->ins.n + 1);
  for (IrVal i = 0; i < begin->ins.n; i++) {
    ir_rewrite_at(&r, i);
    ir_rewrite_copy(&r, i);
  }
  for (IrVal i = 0; i < z->k->ins.n; i++)
    if (z->stored[i] != IR_NONE) state[i] = initial(&r, &z->k->slots.at[z->k->ins.at[i].slot]);
  for (uint32_t j = 0; j < list->n; j++) ir_store(&r.b, slot_for(&r.b, first + j), make(&r.b, z, &list->at[j], state));
  return r.b.k;
}

static void form_ahead(Session *s, Arena *a, IrMarchForm *form) {
  if (!form->march || !ir_alike_values(form->march, a)) return;
  States z = states_of(form->march, a);
  AheadList list = find(&z, a);
  if (!list.n) return;
  form->begin = begin_of(form->begin, &z, &list, form->n_states, a, s);
  form->march = march_of(&z, &list, form->n_states, a, s);
  form->n_states += list.n;
}

IrModule *ad_pass_ahead(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    for (uint32_t k = 0; k < m->fits.at[i]->marches.n; k++) form_ahead(s, out, &m->fits.at[i]->marches.at[k]->direction);
  ir_module_renumber(m, out);
  return m;
}

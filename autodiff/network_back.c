/* Reverse mode of a network's cells: what a step's adjoints are, by the ones behind it.
 *
 * The step of a class becomes a march (ir.h) of which reverse.c makes `record` and `back`. Its states: those of the class; z, the
 * spike, whose derivative is that of the smooth step; how steep that is, since where it is 0 nobody needs the adjoint of z; the
 * sums of what is measured of these cells. Its parameters, one number for each cell: uniforms that follow free parameters, what has
 * arrived at the ports, driven inputs; then, without derivatives, whatever else the step reads.
 *
 * The runtime (fit_network_back.c) runs the network as ever and keeps what each step reads. Backwards it lets `record` repeat a
 * step, gives z the adjoint that its targets have sent (transposed delivery), and lets `back` find those of the states before it
 * and of what has arrived. */
#include "autodiff/network.h"
#include "autodiff/reverse.h"

typedef struct {
  AdNet *w;
  AdCell *cell;
  IrBuild b;
  IrNetBack *out;
  IrVal *after;     /* by state: behind the step */
  IrVal z, slope;
  IrVal spike, soft; /* of the step; a reset that is differentiated */
} March;

static bool follows(const March *m, const uint32_t *table, uint32_t index) {
  bool any = false;
  for (uint32_t k = 0; k < m->w->n_params; k++) any |= table[index * m->w->n_params + k] != IR_NONE;
  return any;
}

/* Its place among the parameters; it is added. */
static uint32_t place(March *m, IrBackKind kind, uint32_t index) {
  for (uint32_t i = 0; i < m->out->params.n; i++)
    if (m->out->params.at[i].kind == kind && m->out->params.at[i].index == index) return i;
  vec_push(m->w->a, &m->out->params, ((IrBackParam){kind, index}));
  return m->out->params.n - 1;
}

static bool is_active(const March *m, const IrSlot *slot) {
  if (slot->kind == SLOT_UNIFORM) return follows(m, m->cell->uniform, slot->index);
  if (slot->kind == SLOT_INPUT) return follows(m, m->cell->input, slot->index);
  return slot->kind == SLOT_PORT;
}

static IrBackKind kind_of(SlotKind kind) {
  return kind == SLOT_UNIFORM ? BACK_UNIFORM : kind == SLOT_PORT ? BACK_PORT : kind == SLOT_INPUT ? BACK_INPUT
         : kind == SLOT_HELD ? BACK_HELD : kind == SLOT_PREV ? BACK_PREV : BACK_PARAM;
}

/* Those with derivatives come first. */
static void active_find(March *m, const IrKernel *k) {
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (is_active(m, &k->slots.at[i])) place(m, kind_of(k->slots.at[i].kind), k->slots.at[i].index);
  m->out->n_active = m->out->params.n;
}

/* ---- the march */

static IrVal param(March *m, const IrSlot *slot, Dim dim) {
  return ir_load(&m->b, ir_slot(&m->b, SLOT_PARAM, place(m, kind_of(slot->kind), slot->index), slot->name, IR_REAL, dim));
}

static IrVal loaded(March *m, const IrSlot *slot, bool behind) {
  if (slot->kind == SLOT_STATE && behind && m->after[slot->index] != IR_NONE) return m->after[slot->index];
  if (slot->kind == SLOT_STATE || (slot->kind == SLOT_UNIFORM && !is_active(m, slot)))
    return ir_load(&m->b, ir_slot(&m->b, slot->kind, slot->index, slot->name, IR_REAL, slot->dim));
  if (slot->type == IR_BOOL) return ir_op2(&m->b, IR_GT, param(m, slot, DIM_NONE), alg_num(&m->b, 0.5));
  return param(m, slot, slot->dim);
}

static void spike_seen(March *m, IrVal spike) {
  AdGuard g = ad_net_guard(m->w, &m->b, spike);
  if (m->w->failed) return;
  m->z = ad_net_number(m->w, &m->b, &g, spike);
  m->slope = g.slope;
  if (m->w->how->reset) m->soft = m->z;
}

static bool possible(March *m, const IrIns *ins) {
  if (ins->op == IR_LOOP)
    ad_net_refuse(m->w, ins->span, "reverse mode of a network whose cells choose their steps", "Take `with method = rk4` or `exponential_euler`.");
  if (ir_ops[ins->op].flags & IRF_DRAW) ad_net_refuse(m->w, ins->span, "reverse mode of a network with noise in its cells", "Take `gradient = forward`.");
  return !m->w->failed;
}

/* behind: of what is measured; gives what is stored to OUT. */
static IrVal copy(March *m, const IrKernel *in, bool behind) {
  IrVal *map = NEW_ARRAY(m->w->a, IrVal, in->ins.n + 1), out = IR_NONE;
  for (IrVal i = 0; i < in->ins.n && !m->w->failed; i++) {
    IrIns ins = in->ins.at[i];
    m->b.span = ins.span;
    if (ins.op == IR_CHECK || !possible(m, &ins)) continue;
    const IrSlot *slot = ir_has_slot((IrOp)ins.op) && ins.slot < in->slots.n ? &in->slots.at[ins.slot] : NULL;
    if (ins.op == IR_STORE && slot->kind == SLOT_STATE) m->after[slot->index] = map[ins.arg[0]];
    if (ins.op == IR_STORE && slot->kind == SLOT_OUT) out = map[ins.arg[0]];
    if (ins.op == IR_STORE) continue;
    if (ins.op == IR_LOAD || ins.op == IR_TAKE) {
      map[i] = loaded(m, slot, behind);
      continue;
    }
    bool by_spike = ins.op == IR_SELECT && ins.type == IR_REAL && !behind && m->soft != IR_NONE && ins.arg[0] == m->spike;
    for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = map[ins.arg[j]];
    map[i] = by_spike ? ir_op3(&m->b, IR_BLEND, m->soft, ins.arg[1], ins.arg[2]) : ir_push(&m->b, ins);
    if (!behind && i == m->spike) spike_seen(m, map[i]);
  }
  return out;
}

static void store(March *m, uint32_t index, const char *name, IrVal v) {
  ir_store(&m->b, ir_slot(&m->b, SLOT_STATE, index, name_z(m->w->s, name), IR_REAL, m->b.k->ins.at[v].dim), v);
}

/* Each item of a measure that is of these cells has a sum: what counts of it is said by its adjoint, when by the sample. */
static void sums(March *m, uint32_t first) {
  const IrExperiment *x = m->w->f->x;
  for (uint32_t i = 0; i < x->measures.n; i++)
    for (uint32_t j = 0; j < x->measures.at[i].items.n && !m->w->failed; j++) {
      const IrRecordItem *item = &x->measures.at[i].items.at[j];
      if (x->populations.at[item->slice.pop].class != m->cell->from) continue;
      uint32_t nth = m->out->measures.n / 2;
      IrVal v = item->kernel ? copy(m, item->kernel, true) : m->z;
      if (v == IR_NONE || m->w->failed) continue;
      IrVal weight = ir_load(&m->b, ir_slot(&m->b, SLOT_SAMPLE, nth, name_z(m->w->s, "counts"), IR_REAL, DIM_NONE));
      uint32_t slot = ir_slot(&m->b, SLOT_STATE, first + nth, name_fmt(m->w->s, "sum%u", nth), IR_REAL, m->b.k->ins.at[v].dim);
      ir_store(&m->b, slot, ir_op3(&m->b, IR_FMA, weight, v, ir_load(&m->b, slot)));
      vec_push(m->w->a, &m->out->measures, i);
      vec_push(m->w->a, &m->out->measures, j);
    }
}

static IrMarchForm march_make(March *m) {
  AdNet *w = m->w;
  const IrClass *from = m->cell->from;
  const char *name = name_str(w->s, from->name);
  IrMarchForm plain = {.begin = ir_kernel(w->s, w->a, KERNEL_BEGIN, name_fmt(w->s, "begin.%s", name)),
                       .march = ir_kernel(w->s, w->a, KERNEL_MARCH, name_fmt(w->s, "march.%s", name))};
  m->b = (IrBuild){.s = w->s, .arena = w->a, .k = plain.march};
  m->after = NEW_ARRAY(w->a, IrVal, from->states.n + 1);
  for (uint32_t i = 0; i < from->states.n; i++) m->after[i] = IR_NONE;
  copy(m, from->step, false);
  if (w->failed) return plain;
  m->b.span = from->component->span;
  if (m->z == IR_NONE) m->z = m->slope = alg_num(&m->b, 0);
  sums(m, from->states.n + 2);
  for (uint32_t i = 0; i < from->states.n; i++)
    if (m->after[i] != IR_NONE) {
      const MVar *var = from->states.at[i].var;
      ir_store(&m->b, ir_slot(&m->b, SLOT_STATE, i, var->name, IR_REAL, var->dim), m->after[i]);
    }
  store(m, from->states.n, "z", m->z);
  store(m, from->states.n + 1, "slope", m->slope);
  plain.n_states = from->states.n + 2 + m->out->measures.n / 2;
  return plain;
}

/* ---- what follows the free parameters */

static uint32_t by(const March *m, const IrBackParam *p, uint32_t k) {
  uint32_t at = p->index * m->w->n_params + k;
  return p->kind == BACK_UNIFORM ? m->cell->uniform[at] : p->kind == BACK_PORT ? m->cell->port[at] : m->cell->input[at];
}

static void tables(March *m) {
  uint32_t n = m->w->n_params;
  for (uint32_t i = 0; i < m->out->n_active; i++)
    for (uint32_t k = 0; k < n; k++) vec_push(m->w->a, &m->out->by, by(m, &m->out->params.at[i], k));
  for (uint32_t i = 0; i < m->cell->from->states.n; i++)
    for (uint32_t k = 0; k < n; k++) vec_push(m->w->a, &m->out->begin, m->cell->state[i * n + k]);
}

void ad_net_back(AdNet *w, AdCell *cell) {
  if (!cell->from->step) return;
  March m = {.w = w, .cell = cell, .out = NEW(w->a, IrNetBack), .z = IR_NONE, .slope = IR_NONE, .soft = IR_NONE};
  const IrExperiment *x = w->f->x;
  m.spike = ad_net_spike(cell->from->step);
  active_find(&m, cell->from->step);
  for (uint32_t i = 0; i < x->measures.n; i++)
    for (uint32_t j = 0; j < x->measures.at[i].items.n; j++) {
      const IrRecordItem *item = &x->measures.at[i].items.at[j];
      if (item->kernel && x->populations.at[item->slice.pop].class == cell->from) active_find(&m, item->kernel);
    }
  IrMarchForm plain = march_make(&m);
  if (w->failed) return;
  bool *seeds = NEW_ARRAY(w->a, bool, plain.n_states + 1);
  seeds[cell->from->states.n] = true;
  for (uint32_t i = cell->from->states.n + 2; i < plain.n_states; i++) seeds[i] = true;
  AdReverse r = {.s = w->s, .arena = w->a, .effort = -1, .active = ad_active(w->a, &plain, m.out->n_active, seeds)};
  IrMarchBack back = ad_reverse(&r, &plain, name_str(w->s, cell->from->name));
  w->failed |= !back.record;
  m.out->record = back.record;
  m.out->back = back.back;
  m.out->n_tape = back.n_tape;
  m.out->n_states = plain.n_states;
  tables(&m);
  cell->c->back = m.out;
}

/* Cells of a network with the derivatives of their states by the fit's free parameters: forward mode, source to source, on the
 * finished step.
 *
 * A kernel is copied; what it loads has derivatives in memory, and ir_tangents_from makes those of what it stores. A weight that
 * arrives is the sum of the weights of spikes (a port of its own for the derivatives of weights) and of what spikes carry: a
 * spike is 1 where a condition's side rises through the other, which has no derivative, so a smooth step stands for it, and
 *   d spike = damping * shape((left - right) / width) * d((left - right) / width)
 * where nothing but that comparison keeps the cell from spiking. It goes along the cell's synapses like the spike
 * (runtime/carry.c). What the spike does to the cell itself, its reset, is not differentiated by it ("detached"), unless
 * that is asked for: then states that the handler changes get d spike * (value behind it - value before it).
 *
 * Relaxed, the spikes that others see are these smooth steps themselves, times the damping; the derivatives then are those
 * of the program that runs, which differences can check. */
#include <string.h>

#include "autodiff/network.h"
#include "lang/diag.h"
#include "lang/session.h"

enum { LEAST = 32 };

/* ---- where derivatives lie */

static uint32_t *table_new(const AdNet *w, uint32_t n) {
  uint32_t *table = NEW_ARRAY(w->a, uint32_t, n * w->n_params + 1);
  for (uint32_t i = 0; i < n * w->n_params; i++) table[i] = IR_NONE;
  return table;
}

Name ad_net_name(const AdNet *w, const char *of, uint32_t param) {
  return name_fmt(w->s, "d%s.%s", of, name_str(w->s, w->f->fit->free.at[param].path));
}

MVar *ad_net_var(const AdNet *w, Name name, Dim dim, Span span) {
  MVar *var = NEW(w->s->arena, MVar);
  *var = (MVar){.kind = VAR_STATE, .name = name, .dim = dim, .unit_scale = 1, .span = span};
  if (!dim_none(dim)) var->unit = name_z(w->s, dim_coherent_unit(w->s, dim));
  return var;
}

static Dim by(const AdNet *w, Dim dim, uint32_t param) { return dim_div(dim, w->dims[param]); }

uint32_t ad_net_uniform(AdNet *w, AdCell *cell, uint32_t uniform, uint32_t param) {
  uint32_t *at = &cell->uniform[uniform * w->n_params + param];
  if (*at != IR_NONE) return *at;
  const IrUniform *u = &cell->from->uniforms.at[uniform];
  *at = cell->c->uniforms.n;
  vec_push(w->a, &cell->c->uniforms, ((IrUniform){ad_net_name(w, name_str(w->s, u->name), param), by(w, u->dim, param), NULL}));
  w->grew = true;
  return *at;
}

static uint32_t state_add(AdNet *w, AdCell *cell, Name name, Dim dim, Span span) {
  vec_push(w->a, &cell->c->states, ((IrState){.var = ad_net_var(w, name, dim, span), .method = name_z(w->s, "derivative")}));
  return cell->c->states.n - 1;
}

static uint32_t ad_net_state(AdNet *w, AdCell *cell, uint32_t state, uint32_t param) {
  uint32_t *at = &cell->state[state * w->n_params + param];
  if (*at != IR_NONE) return *at;
  const MVar *var = cell->from->states.at[state].var;
  *at = state_add(w, cell, ad_net_name(w, name_str(w->s, var->name), param), by(w, var->dim, param), var->span);
  w->grew = true;
  return *at;
}

static uint32_t input_add(AdNet *w, AdCell *cell, Name name, Dim dim, Span span) {
  vec_push(w->a, &cell->c->inputs, ad_net_var(w, name, dim, span));
  w->grew = true;
  return cell->c->inputs.n - 1;
}

uint32_t ad_net_input(AdNet *w, AdCell *cell, uint32_t input, uint32_t param) {
  uint32_t *at = &cell->input[input * w->n_params + param];
  const MVar *var = cell->from->inputs.at[input];
  if (*at == IR_NONE) *at = input_add(w, cell, ad_net_name(w, name_str(w->s, var->name), param), by(w, var->dim, param), var->span);
  return *at;
}

uint32_t ad_net_port(AdNet *w, AdCell *cell, uint32_t port, uint32_t param) {
  uint32_t *at = &cell->port[port * w->n_params + param];
  if (*at != IR_NONE) return *at;
  const MPort *of = cell->from->ports.at[port].port;
  MPort *made = NEW(w->s->arena, MPort);
  *made = *of;
  made->name = ad_net_name(w, name_str(w->s, of->name), param);
  made->arg_dim = by(w, of->arg_dim, param);
  made->arg_unit = dim_none(made->arg_dim) ? (Name){0} : name_z(w->s, dim_coherent_unit(w->s, made->arg_dim));
  made->arg_unit_scale = 1;
  *at = cell->c->ports.n;
  IrPort p = cell->from->ports.at[port];
  p.port = made;
  p.scale_u = cell->c->uniforms.n;
  vec_push(w->a, &cell->c->uniforms, ((IrUniform){name_fmt(w->s, "%%unit.%s", name_str(w->s, made->name)), made->arg_dim, NULL}));
  vec_push(w->a, &cell->c->ports, p);
  vec_push(w->a, &cell->c->receive, NULL);
  w->grew = true;
  return *at;
}

uint32_t ad_net_carried(AdNet *w, AdCell *cell, uint32_t port, uint32_t lane) {
  uint32_t *at = &cell->carried[port * w->n_lanes + lane];
  if (*at != IR_NONE) return *at;
  const MPort *p = cell->c->ports.at[port].port;
  bool whole = w->relaxed && lane == 0;
  Name name = whole ? p->name : ad_net_name(w, name_str(w->s, p->name), lane - w->relaxed);
  Dim dim = whole ? p->arg_dim : by(w, p->arg_dim, lane - w->relaxed);
  return *at = input_add(w, cell, name_fmt(w->s, "%%carried.%s", name_str(w->s, name)), dim, p->span);
}

void ad_net_cell_new(AdNet *w, AdCell *cell, const IrClass *from) {
  IrClass *c = NEW(w->a, IrClass);
  uint32_t most = from->ports.n * (1 + w->n_params) * w->n_lanes;
  *c = *from;
  *cell = (AdCell){.from = from, .c = c, .uniform = table_new(w, from->uniforms.n), .state = table_new(w, from->states.n),
                    .input = table_new(w, from->inputs.n), .port = table_new(w, from->ports.n),
                    .carried = NEW_ARRAY(w->a, uint32_t, most + 1), .moves = NEW_ARRAY(w->a, bool, w->n_params + 1)};
  for (uint32_t i = 0; i < most; i++) cell->carried[i] = IR_NONE;
  c->name = name_fmt(w->s, "%s.derivatives", name_str(w->s, from->name));
  c->n_lanes = w->n_lanes;
  memset(&c->states, 0, sizeof c->states);
  memset(&c->uniforms, 0, sizeof c->uniforms);
  memset(&c->inputs, 0, sizeof c->inputs);
  memset(&c->ports, 0, sizeof c->ports);
  memset(&c->receive, 0, sizeof c->receive);
  for (uint32_t i = 0; i < from->states.n; i++) vec_push(w->a, &c->states, from->states.at[i]);
  for (uint32_t i = 0; i < from->uniforms.n; i++) vec_push(w->a, &c->uniforms, from->uniforms.at[i]);
  for (uint32_t i = 0; i < from->inputs.n; i++) vec_push(w->a, &c->inputs, from->inputs.at[i]);
  for (uint32_t i = 0; i < from->ports.n; i++) {
    vec_push(w->a, &c->ports, from->ports.at[i]);
    vec_push(w->a, &c->receive, NULL);
  }
  c->lane = c->states.n;
  if (w->relaxed) state_add(w, cell, name_z(w->s, "%more"), DIM_NONE, from->component->span);
  for (uint32_t k = 0; k < w->n_params && !w->back; k++)
    state_add(w, cell, ad_net_name(w, "%spike", k), by(w, DIM_NONE, k), from->component->span);
  if (w->relaxed) state_add(w, cell, name_z(w->s, "%smooth"), DIM_NONE, from->component->span);
}

/* ---- a kernel with what its loads depend on */

typedef struct {
  AdNet *w;
  AdCell *cell; /* NULL: a synapse kernel, whose uniforms are slots of G from `block` on */
  uint32_t block;
  IrRewrite r;
  IrBuild *b;
  IrVal **row;  /* by new value: its derivatives by parameter, or NULL */
  uint32_t cap;
  IrTangents t;
  IrVal spike;         /* of a step, in `in`; IR_NONE: none */
  AdGuard guard;
  IrVal smooth, soft;  /* relaxed: the smooth step; reset: the spike as a number that has this derivative */
} Kern;

/* For all values that there are. */
static void rows_room(Kern *k) {
  uint32_t n = k->b->k->ins.n, had = k->cap;
  if (n <= had) return;
  IrVal **row = NEW_ARRAY(k->w->a, IrVal *, k->cap = 2 * n);
  memcpy(row, k->row, had * sizeof *row);
  k->row = row;
}

static void row_set(Kern *k, IrVal v, IrVal *row) {
  bool any = false;
  for (uint32_t i = 0; i < k->w->n_params; i++) any |= row[i] != IR_NONE;
  rows_room(k);
  if (any) k->row[v] = row;
}

static IrVal load_at(Kern *k, SlotKind kind, uint32_t index, Name name, Dim dim) {
  return ir_load(k->b, ir_slot(k->b, kind, index, name, IR_REAL, dim));
}

/* Where the derivative of a slot lies; IR_NONE: it has none. */
static uint32_t place_of(const Kern *k, const IrSlot *slot, uint32_t param) {
  const AdNet *w = k->w;
  uint32_t at = slot->index * w->n_params + param;
  if (!k->cell) {
    uint32_t of = slot->kind == SLOT_UNIFORM ? w->slot[(k->block + slot->index) * w->n_params + param] : IR_NONE;
    return of == IR_NONE ? of : of - k->block;
  }
  if (slot->kind == SLOT_STATE) return k->cell->state[at];
  if (slot->kind == SLOT_UNIFORM) return k->cell->uniform[at];
  return slot->kind == SLOT_INPUT ? k->cell->input[at] : IR_NONE;
}

static void load(Kern *k, IrVal v, const IrSlot *slot) {
  AdNet *w = k->w;
  IrVal *row = NEW_ARRAY(w->a, IrVal, w->n_params + 1);
  for (uint32_t i = 0; i < w->n_params; i++) {
    uint32_t at = place_of(k, slot, i);
    row[i] = at == IR_NONE ? IR_NONE : load_at(k, slot->kind, at, ad_net_name(w, name_str(w->s, slot->name), i), by(w, slot->dim, i));
  }
  row_set(k, v, row);
}

static IrVal carried_load(Kern *k, uint32_t port, uint32_t lane) {
  uint32_t at = k->cell->carried[port * k->w->n_lanes + lane];
  return at == IR_NONE ? IR_NONE : load_at(k, SLOT_INPUT, at, k->cell->c->inputs.at[at]->name, k->cell->c->inputs.at[at]->dim);
}

static IrVal sum_of(Kern *k, IrVal x, IrVal y) { return x == IR_NONE ? y : y == IR_NONE ? x : ir_op2(k->b, IR_ADD, x, y); }

static IrVal port_take(Kern *k, uint32_t port) {
  const IrPort *p = &k->cell->c->ports.at[port];
  IrVal unit = load_at(k, SLOT_UNIFORM, p->scale_u, k->cell->c->uniforms.at[p->scale_u].name, p->port->arg_dim);
  return ir_take(k->b, ir_slot(k->b, SLOT_PORT, port, p->port->name, IR_REAL, p->port->arg_dim), unit);
}

/* What has arrived, and its derivatives. */
static void take(Kern *k, IrVal old, const IrSlot *slot) {
  AdNet *w = k->w;
  IrVal *row = NEW_ARRAY(w->a, IrVal, w->n_params + 1);
  for (uint32_t i = 0; i < w->n_params; i++) {
    uint32_t port = k->cell->port[slot->index * w->n_params + i];
    IrVal weights = port == IR_NONE ? IR_NONE : port_take(k, port);
    if (w->relaxed && port != IR_NONE) weights = sum_of(k, weights, carried_load(k, port, 0));
    row[i] = sum_of(k, weights, carried_load(k, slot->index, ad_net_lane(w, i)));
  }
  IrVal more = w->relaxed ? carried_load(k, slot->index, 0) : IR_NONE;
  if (more != IR_NONE) k->r.map[old] = ir_op2(k->b, IR_ADD, k->r.map[old], more);
  row_set(k, k->r.map[old], row);
}

static void copy_new(Kern *k, AdNet *w, AdCell *cell, const IrKernel *in, Name name) {
  *k = (Kern){.w = w, .cell = cell, .r = ir_rewrite(in, w->a, w->s), .cap = LEAST, .spike = IR_NONE, .smooth = IR_NONE, .soft = IR_NONE,
              .guard = AD_NO_GUARD};
  k->b = &k->r.b;
  k->b->k->name = name;
  k->b->k->index = IR_NONE;
  k->row = NEW_ARRAY(w->a, IrVal *, k->cap);
}

static void tangents(Kern *k, const IrVal *roots, uint32_t n) {
  if (k->w->failed) return;
  rows_room(k);
  k->t = ir_tangents_from(k->b, k->row, k->w->n_params, roots, n);
  for (IrVal v = 0; v < k->cap && v < k->b->k->ins.n; v++) { /* what is drawn by a parameter would need the derivative of the draw */
    const IrIns *ins = &k->b->k->ins.at[v];
    for (int j = 0; (ir_ops[ins->op].flags & IRF_DRAW) && j < ir_ops[ins->op].arity; j++)
      if (k->row[ins->arg[j]]) k->t.why = "what is drawn depends on a free param: write it as a product, `J * normal(1, 0.1)`", k->t.where = v;
  }
  if (!k->t.why) return;
  diag_no_gradient(k->w->s, k->b->k->ins.at[k->t.where].span, ir_ops[k->b->k->ins.at[k->t.where].op].text, k->t.why);
  k->w->failed = true;
}

static void store_at(Kern *k, SlotKind kind, uint32_t index, Name name, Dim dim, IrVal v) {
  ir_store(k->b, ir_slot(k->b, kind, index, name, IR_REAL, dim), v);
}

/* The derivatives of what the kernel stores to states or uniforms. */
static void stores(Kern *k, const IrVal *roots, SlotKind kind) {
  AdNet *w = k->w;
  const IrKernel *in = k->r.in;
  for (IrVal i = 0, n = 0; i < in->ins.n; i++) {
    const IrIns *ins = &in->ins.at[i];
    if (ins->op != IR_STORE || in->ins.at[ins->arg[0]].type != IR_REAL) continue;
    const IrSlot *slot = &in->slots.at[ins->slot];
    IrVal root = roots[n++];
    for (uint32_t p = 0; !w->failed && p < w->n_params; p++) {
      IrVal d = ir_tangent(&k->t, root, p);
      if (slot->kind == SLOT_PARAM && d != IR_NONE)
        ad_net_refuse(w, ins->span, "a param of each cell that depends on a free one, where derivatives are asked for", NULL);
      if (slot->kind != kind || (d == IR_NONE && place_of(k, slot, p) == IR_NONE)) continue;
      uint32_t at = kind == SLOT_STATE ? ad_net_state(w, k->cell, slot->index, p) : ad_net_uniform(w, k->cell, slot->index, p);
      Dim dim = by(w, slot->dim, p);
      store_at(k, kind, at, ad_net_name(w, name_str(w->s, slot->name), p), dim, d == IR_NONE ? ir_const(k->b, 0, dim) : d);
    }
  }
}

/* New values of what is stored as a real, in order; then one more. */
static IrVal *stored_values(const Kern *k, IrVal more, uint32_t *ret_n) {
  const IrKernel *in = k->r.in;
  IrVal *all = NEW_ARRAY(k->w->a, IrVal, in->ins.n + 2);
  for (IrVal i = 0; i < in->ins.n; i++)
    if (in->ins.at[i].op == IR_STORE && in->ins.at[in->ins.at[i].arg[0]].type == IR_REAL) all[(*ret_n)++] = k->r.map[in->ins.at[i].arg[0]];
  if (more != IR_NONE) all[(*ret_n)++] = more;
  return all;
}

/* ---- the spike */

/* d((left - right) / width) by a parameter; IR_NONE: 0. */
static IrVal side_by(Kern *k, uint32_t param) {
  IrVal l = ir_tangent(&k->t, k->guard.left, param), r = ir_tangent(&k->t, k->guard.right, param);
  if (l == IR_NONE && r == IR_NONE) return IR_NONE;
  return l == IR_NONE ? ir_op1(k->b, IR_NEG, r) : r == IR_NONE ? l : ir_op2(k->b, IR_SUB, l, r);
}

static IrVal own_spike(Kern *k) { return ir_op3(k->b, IR_SELECT, k->r.map[k->spike], alg_num(k->b, 1), alg_num(k->b, 0)); }

/* The spike as a number that has the derivatives of the smooth step: with it those of what the handler does are made. */
static void soft_make(Kern *k) {
  const IrVal sides[2] = {k->guard.left, k->guard.right};
  tangents(k, sides, 2);
  k->soft = k->w->relaxed ? k->smooth : own_spike(k);
  IrVal *row = NEW_ARRAY(k->w->a, IrVal, k->w->n_params + 1);
  for (uint32_t p = 0; p < k->w->n_params; p++) {
    IrVal d = k->w->failed ? IR_NONE : side_by(k, p);
    row[p] = d == IR_NONE ? d : ir_op2(k->b, IR_MUL, k->guard.slope, d);
  }
  row_set(k, k->soft, row);
}

/* When the condition is there: its sides, the slope of the smooth step that stands for it. */
static void spike_make(Kern *k) {
  AdNet *w = k->w;
  k->b->span = k->cell->from->component->spikes.at[0]->span;
  k->guard = ad_net_guard(w, k->b, k->r.map[k->spike]);
  if (w->relaxed && !w->failed) k->smooth = ad_net_smooth(w, k->b, &k->guard);
  if (w->how->reset && !w->failed) soft_make(k);
}

/* What the handler does, by a spike that has derivatives; relaxed: as far as the smooth step has risen. */
static IrVal handled(Kern *k, IrVal i) {
  IrVal to = ir_rewrite_arg(&k->r, i, 1), now = ir_rewrite_arg(&k->r, i, 2);
  if (!k->w->relaxed) return ir_op3(k->b, IR_BLEND, k->soft, to, now);
  return ir_op2(k->b, IR_ADD, now, ir_op2(k->b, IR_MUL, k->soft, ir_op2(k->b, IR_SUB, to, now)));
}

/* Relaxed: what others see of a spike is the smooth step, `damping` times; the rest is the spike's own share of 1. */
static void smooth_store(Kern *k) {
  IrBuild *b = k->b;
  const IrClass *c = k->cell->c;
  IrVal own = own_spike(k), at = c->lane + k->w->n_lanes;
  store_at(k, SLOT_STATE, c->lane, c->states.at[c->lane].var->name, DIM_NONE, ir_op2(b, IR_SUB, k->smooth, own));
  store_at(k, SLOT_STATE, at, c->states.at[at].var->name, DIM_NONE, k->smooth);
}

static void spike_store(Kern *k) {
  AdNet *w = k->w;
  const IrClass *c = k->cell->c;
  k->b->span = k->cell->from->component->spikes.at[0]->span;
  if (w->relaxed) smooth_store(k);
  for (uint32_t p = 0; p < w->n_params; p++) {
    IrVal d = side_by(k, p);
    w->grew |= d != IR_NONE && !k->cell->moves[p];
    k->cell->moves[p] |= d != IR_NONE;
    if (!k->cell->moves[p]) continue;
    uint32_t at = c->lane + ad_net_lane(w, p);
    Dim dim = c->states.at[at].var->dim;
    store_at(k, SLOT_STATE, at, c->states.at[at].var->name, dim, d == IR_NONE ? ir_const(k->b, 0, dim) : ir_op2(k->b, IR_MUL, k->guard.slope, d));
  }
}

/* ---- copying */

/* By instruction: a number of steps that are left of a hold. */
static bool *counts(const Kern *k) {
  const IrKernel *in = k->r.in;
  bool *is = NEW_ARRAY(k->w->a, bool, in->ins.n + 1);
  for (IrVal i = 0; i < in->ins.n; i++) {
    const IrSlot *slot = in->ins.at[i].op == IR_STORE ? &in->slots.at[in->ins.at[i].slot] : NULL;
    if (slot && slot->kind == SLOT_STATE && k->cell && k->cell->from->states.at[slot->index].counter) is[in->ins.at[i].arg[0]] = true;
  }
  return is;
}

static void copy_all(Kern *k, bool keep_out) {
  const IrKernel *in = k->r.in;
  const bool *counter = counts(k);
  for (IrVal i = 0; i < in->ins.n; i++) {
    const IrIns *ins = &in->ins.at[i];
    ir_rewrite_at(&k->r, i);
    if (ins->op == IR_LOOP)
      ad_net_refuse(k->w, ins->span, "derivatives of a network whose cells choose their steps", "Take `with method = rk4` or `exponential_euler`.");
    bool stores_out = ins->op == IR_STORE && in->slots.at[ins->slot].kind == SLOT_OUT;
    if (stores_out && !keep_out) continue;
    bool by_spike = ins->op == IR_SELECT && ins->type == IR_REAL && ins->arg[0] == k->spike && !counter[i];
    if (by_spike && k->soft != IR_NONE) {
      k->r.map[i] = handled(k, i);
      continue;
    }
    ir_rewrite_copy(&k->r, i);
    if (i == k->spike) spike_make(k);
    if (ins->op == IR_LOAD && ins->type == IR_REAL) load(k, k->r.map[i], &in->slots.at[ins->slot]);
    if (ins->op == IR_TAKE) take(k, i, &in->slots.at[ins->slot]);
  }
}

/* ---- the kernels of a class */

static IrKernel *step_make(AdNet *w, AdCell *cell) {
  Kern k;
  copy_new(&k, w, cell, cell->from->step, name_fmt(w->s, "step.%s", name_str(w->s, cell->c->name)));
  k.spike = ad_net_spike(cell->from->step);
  uint32_t n = 0;
  copy_all(&k, true);
  IrVal *roots = stored_values(&k, k.guard.left, &n);
  if (k.guard.right != IR_NONE) roots[n++] = k.guard.right;
  tangents(&k, roots, n);
  stores(&k, roots, SLOT_STATE);
  if (k.spike != IR_NONE && !w->failed) spike_store(&k);
  return k.b->k;
}

static IrKernel *plain_make(AdNet *w, AdCell *cell, const IrKernel *in, const char *what, SlotKind kind) {
  if (!in) return NULL;
  Kern k;
  copy_new(&k, w, cell, in, name_fmt(w->s, "%s.%s", what, name_str(w->s, cell->c->name)));
  uint32_t n = 0;
  copy_all(&k, true);
  IrVal *roots = stored_values(&k, IR_NONE, &n);
  tangents(&k, roots, n);
  stores(&k, roots, kind);
  return k.b->k;
}

void ad_net_cell_make(AdNet *w, AdCell *cell) {
  const IrClass *from = cell->from;
  const MComponent *c = from->component;
  if (from->finish) ad_net_refuse(w, c->span, "derivatives of a network with handlers that do more than add", "A handler such as `receive exc(w : pA) { I += w }` adds.");
  if (from->pasts.n) ad_net_refuse(w, from->pasts.at[0].span, "derivatives of a network with `delayed` values", NULL);
  if (c->spikes.n && c->spikes.at[0]->form != SPIKE_WHEN)
    ad_net_refuse(w, c->spikes.at[0]->span, "derivatives of spikes that are no threshold crossings", NULL);
  if (w->failed) return;
  cell->c->derive = plain_make(w, cell, from->derive, "derive", SLOT_UNIFORM);
  cell->c->init = plain_make(w, cell, from->init, "init", SLOT_STATE);
  cell->c->step = !from->step ? NULL : w->back ? ir_kernel_copy(from->step, w->a) : step_make(w, cell);
  if (cell->c->step) cell->c->step->index = IR_NONE;
}

/* ---- what is measured and drawn */

static IrKernel *out_by(Kern *k, uint32_t param) {
  uint32_t n = 0;
  copy_all(k, false);
  IrVal *roots = stored_values(k, IR_NONE, &n);
  tangents(k, roots, n);
  IrVal d = k->w->failed ? IR_NONE : ir_tangent(&k->t, roots[0], param);
  if (d == IR_NONE) return NULL;
  Dim dim = k->b->k->ins.at[d].dim;
  for (uint32_t i = 0; i < k->b->k->slots.n; i++)
    if (k->b->k->slots.at[i].kind == SLOT_OUT) k->b->k->slots.at[i].dim = dim; /* of the derivative, no longer of the value */
  store_at(k, SLOT_OUT, 0, name_z(k->w->s, "out"), dim, d);
  return k->b->k;
}

IrKernel *ad_net_recorded(AdNet *w, AdCell *cell, const IrKernel *in, uint32_t param) {
  Kern k;
  copy_new(&k, w, cell, in, ad_net_name(w, name_str(w->s, in->name), param));
  return out_by(&k, param);
}

IrKernel *ad_net_synapse(AdNet *w, const IrKernel *in, uint32_t block, uint32_t param) {
  Kern k;
  copy_new(&k, w, NULL, in, ad_net_name(w, name_str(w->s, in->name), param));
  k.block = block;
  return out_by(&k, param);
}

IrKernel *ad_net_rate(AdNet *w, AdCell *cell, uint32_t param) {
  bool whole = param == IR_NONE;
  if (!whole && !cell->moves[param]) return NULL;
  uint32_t at = whole ? cell->c->lane + w->n_lanes : cell->c->lane + ad_net_lane(w, param);
  const MVar *var = cell->c->states.at[at].var;
  IrBuild b = {.s = w->s, .arena = w->a, .span = var->span};
  b.k = ir_kernel(w->s, w->a, KERNEL_RECORD, name_fmt(w->s, "rate.%s.%s", name_str(w->s, cell->c->name), name_str(w->s, var->name)));
  b.k->index = IR_NONE;
  IrVal spikes = ir_load(&b, ir_slot(&b, SLOT_STATE, at, var->name, IR_REAL, var->dim));
  IrVal rate = ir_op2(&b, IR_DIV, spikes, ir_nullary(&b, IR_DT));
  ir_store(&b, ir_slot(&b, SLOT_OUT, 0, name_z(w->s, "rate"), IR_REAL, b.k->ins.at[rate].dim), rate);
  return b.k;
}

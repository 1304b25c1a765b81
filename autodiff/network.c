/* The derivatives of a network's runs by the free parameters of its fit: another experiment, whose runs give them.
 *
 * It is the network again, with classes that hold the derivatives of their states (network_cell.c), and
 *   G            behind what was there: derivatives of what depends on the parameters, and the populations' blocks, which have grown
 *   projections  those whose weights depend on a parameter once more for it, onto a port of its own, with the weights' derivatives. They
 *                have the path, so the connections, the delays and the draws, of the first
 *   drives       likewise
 *   measures     means of the derivatives of what is measured
 *   what spikes carry   their own derivatives, along the projections that there are: the classes name for each port and lane
 *                the input where that arrives (runtime/carry.c)
 * So there is no simulator of derivatives: it is the same one, with more in its cells. In reverse mode (network_back.c) cells have
 * derivatives at the start alone, spikes carry nothing, and projections and drives bring weights' derivatives as above. What has no derivative, as the size of a
 * population, a delay on a grid or the rate of a Poisson process, must not depend on a free parameter, and is refused. */
#include <string.h>

#include "autodiff/network.h"
#include "autodiff/ad.h"
#include "lang/diag.h"
#include "lang/session.h"

AdCell *ad_net_cell_of(AdNet *w, const IrClass *from) {
  for (uint32_t i = 0; i < w->n_cells; i++)
    if (w->cells[i].from == from) return &w->cells[i];
  BUG(w->s, from->component->span, "the class of a population is not there");
}

void ad_net_refuse(AdNet *w, Span span, const char *what, const char *hint) {
  if (!w->failed) diag_not_supported(w->s, span, what, hint);
  w->failed = true;
}

/* ---- what of G depends on the parameters */

static uint32_t param_of_slot(const AdNet *w, uint32_t slot) {
  for (uint32_t k = 0; k < w->n_params; k++) {
    const IrFree *f = &w->f->free.at[k];
    bool is = f->value == slot;
    for (uint32_t i = 0; i < f->others.n; i++) is |= f->others.at[i] == slot;
    if (is) return k;
  }
  return IR_NONE;
}

uint32_t ad_net_trained(const AdNet *w, uint32_t projection) {
  for (uint32_t k = 0; k < w->n_params; k++)
    for (uint32_t i = 0; i < w->f->free.at[k].weights.n; i++)
      if (w->f->free.at[k].weights.at[i] == projection) return k;
  return IR_NONE;
}

static bool is_fixed(const AdNet *w, uint32_t slot) {
  bool any = false;
  for (uint32_t i = 0; i < w->fixed.n; i++) any |= w->fixed.at[i] == slot;
  return any;
}

static void setup_depends(AdNet *w) {
  const IrKernel *k = w->f->x->setup;
  uint32_t p = w->n_params;
  w->depends = NEW_ARRAY(w->a, bool, w->f->x->n_globals * p + 1);
  bool *of = NEW_ARRAY(w->a, bool, k->ins.n * p + 1);
  for (uint32_t slot = 0; slot < w->f->x->n_globals; slot++)
    if (param_of_slot(w, slot) != IR_NONE) w->depends[slot * p + param_of_slot(w, slot)] = true;
  for (IrVal v = 0; v < k->ins.n; v++) {
    const IrIns *ins = &k->ins.at[v];
    for (int j = 0; j < ir_ops[ins->op].arity; j++)
      for (uint32_t i = 0; i < p; i++) of[v * p + i] |= of[ins->arg[j] * p + i];
    if (ins->op != IR_STORE && ins->op != IR_LOAD) continue;
    uint32_t slot = k->slots.at[ins->slot].index;
    bool free = param_of_slot(w, slot) != IR_NONE;
    for (uint32_t i = 0; i < p; i++) {
      if (ins->op == IR_LOAD) of[v * p + i] |= w->depends[slot * p + i];
      else if (!free && !is_fixed(w, slot)) w->depends[slot * p + i] |= of[v * p + i];
    }
  }
}

bool ad_net_depends(const AdNet *w, uint32_t slot) {
  bool any = false;
  for (uint32_t i = 0; slot != IR_NONE && i < w->n_params; i++) any |= w->depends[slot * w->n_params + i];
  return any;
}

/* ---- classes */

static void cells_new(AdNet *w) {
  const IrExperiment *x = w->f->x;
  w->cells = NEW_ARRAY(w->a, AdCell, x->populations.n + 1);
  for (uint32_t i = 0; i < x->populations.n; i++) {
    bool known = false;
    for (uint32_t k = 0; k < w->n_cells; k++) known |= w->cells[k].from == x->populations.at[i].class;
    if (!known) ad_net_cell_new(w, &w->cells[w->n_cells++], x->populations.at[i].class);
  }
  for (uint32_t i = 0; i < x->populations.n; i++) { /* uniforms that setup gives */
    const IrPopulation *p = &x->populations.at[i];
    AdCell *cell = ad_net_cell_of(w, p->class);
    for (uint32_t u = 0; u < p->class->uniforms.n; u++)
      for (uint32_t k = 0; k < w->n_params; k++)
        if (w->depends[(p->block + u) * w->n_params + k]) ad_net_uniform(w, cell, u, k);
  }
}

static bool weight_depends(const AdNet *w, uint32_t weight, const IrKernel *kernel, uint32_t block, uint32_t param) {
  bool any = weight != IR_NONE && w->depends[weight * w->n_params + param];
  for (uint32_t i = 0; kernel && i < kernel->slots.n; i++)
    any |= kernel->slots.at[i].kind == SLOT_UNIFORM && w->depends[(block + kernel->slots.at[i].index) * w->n_params + param];
  return any;
}

static AdCell *target_cell(AdNet *w, uint32_t pop) { return ad_net_cell_of(w, w->f->x->populations.at[pop].class); }

/* Do the weights of a projection follow the parameter? Where each synapse has one that is free, a derivative along a direction is meant:
 * the runtime sets it. Reverse mode needs none, since it finds those of all synapses (runtime/fit_network_back.c). */
static bool weighs(const AdNet *w, uint32_t projection, uint32_t param) {
  const IrProjection *p = &w->f->x->projections.at[projection];
  uint32_t trained = ad_net_trained(w, projection);
  return trained == IR_NONE ? weight_depends(w, p->weight, p->weight_kernel, p->block, param) : trained == param && !w->back;
}

/* Ports for derivatives of weights, inputs for those of currents. */
static void ports_new(AdNet *w) {
  const IrExperiment *x = w->f->x;
  for (uint32_t k = 0; k < w->n_params; k++) {
    for (uint32_t i = 0; i < x->projections.n; i++) {
      const IrProjection *p = &x->projections.at[i];
      if (weighs(w, i, k)) ad_net_port(w, target_cell(w, p->target.pop), p->proj->port, k);
    }
    for (uint32_t i = 0; i < x->drives.n; i++) {
      const IrDrive *d = &x->drives.at[i];
      if (d->input != IR_NONE && weight_depends(w, d->value, NULL, 0, k)) ad_net_input(w, target_cell(w, d->target.pop), d->input, k);
      if (d->input == IR_NONE && weight_depends(w, d->weight, d->weight_kernel, d->block, k))
        ad_net_port(w, target_cell(w, d->target.pop), (uint32_t)d->drive->port, k);
    }
  }
}

/* Inputs for what the spikes of the sources carry. */
static void carried_new(AdNet *w) {
  const IrExperiment *x = w->f->x;
  for (uint32_t i = 0; i < x->projections.n; i++) {
    const IrProjection *p = &x->projections.at[i];
    const AdCell *source = target_cell(w, p->source.pop);
    AdCell *target = target_cell(w, p->target.pop);
    if (w->relaxed) ad_net_carried(w, target, p->proj->port, 0);
    for (uint32_t k = 0; k < w->n_params; k++) {
      uint32_t port = target->port[p->proj->port * w->n_params + k];
      if (source->moves[k]) ad_net_carried(w, target, p->proj->port, ad_net_lane(w, k));
      if (w->relaxed && port != IR_NONE) ad_net_carried(w, target, port, 0);
    }
  }
}

static void cells_make(AdNet *w) {
  cells_new(w);
  ports_new(w);
  do {
    w->grew = false;
    if (!w->back) carried_new(w);
    for (uint32_t i = 0; i < w->n_cells && !w->failed; i++) ad_net_cell_make(w, &w->cells[i]);
  } while (w->grew && !w->failed);
  for (uint32_t i = 0; i < w->n_cells && !w->failed; i++) {
    AdCell *cell = &w->cells[i];
    for (uint32_t k = 0; k < cell->c->ports.n * w->n_lanes; k++) vec_push(w->a, &cell->c->carried, cell->carried[k]);
    if (w->back) ad_net_back(w, cell);
    cell->c->index = w->m->classes.n;
    vec_push(w->a, &w->m->classes, cell->c);
  }
}

/* ---- setup */

typedef struct {
  AdNet *w;
  IrRewrite r;
  IrBuild *b;
  IrVal *value, *load; /* by slot of G: what is stored; the first load of it */
  IrVal *tangent;      /* by slot, by parameter: the derivative of what is stored; IR_NONE: 0 */
  uint32_t *at;        /* by slot of G: the kernel's slot */
} SetupBy;

static uint32_t global(SetupBy *to, uint32_t slot, Name name, Dim dim) {
  IrKernel *k = to->b->k;
  vec_push(to->w->a, &k->slots, ((IrSlot){.kind = SLOT_GLOBAL, .index = slot, .name = name, .type = IR_REAL, .dim = dim}));
  return k->slots.n - 1;
}

/* What follows a free parameter is what its declaration makes of it: that the user cannot set it is seen to by the runtime. */
static void setup_copy(SetupBy *to) {
  const IrKernel *in = to->r.in;
  for (IrVal i = 0; i < in->ins.n; i++) {
    const IrIns *ins = &in->ins.at[i];
    ir_rewrite_at(&to->r, i);
    uint32_t slot = ins->op == IR_LOAD || ins->op == IR_STORE ? in->slots.at[ins->slot].index : IR_NONE;
    bool follows = slot != IR_NONE && ad_net_depends(to->w, slot) && param_of_slot(to->w, slot) == IR_NONE;
    if (ins->op == IR_LOAD && follows) {
      to->r.map[i] = to->value[slot];
    } else if (ins->op == IR_LOAD && to->load[slot] != IR_NONE) {
      to->r.map[i] = to->load[slot];
    } else {
      ir_rewrite_copy(&to->r, i);
      if (ins->op == IR_LOAD) to->load[slot] = to->r.map[i];
      if (ins->op == IR_STORE) to->value[slot] = to->r.map[ins->arg[0]], to->at[slot] = ins->slot;
    }
  }
}

/* What stands in a slot when all is set. */
static IrVal given(SetupBy *to, uint32_t slot) {
  if (to->load[slot] == IR_NONE) to->load[slot] = ir_load(to->b, to->at[slot]);
  return to->load[slot];
}

static void setup_tangents(SetupBy *to) {
  AdNet *w = to->w;
  uint32_t p = w->n_params, n = 0, slots = w->f->x->n_globals;
  for (uint32_t slot = 0; slot < slots; slot++)
    if (param_of_slot(w, slot) != IR_NONE) given(to, slot);
  IrVal one = alg_num(to->b, 1), **row = NEW_ARRAY(w->a, IrVal *, to->b->k->ins.n + 1), *roots = NEW_ARRAY(w->a, IrVal, slots + 1);
  for (uint32_t slot = 0; slot < slots; slot++) {
    uint32_t k = param_of_slot(w, slot);
    if (k == IR_NONE) continue;
    IrVal *of = row[to->load[slot]] = NEW_ARRAY(w->a, IrVal, p + 1);
    for (uint32_t i = 0; i < p; i++) of[i] = i == k ? one : IR_NONE;
  }
  for (uint32_t slot = 0; slot < slots; slot++)
    if (to->value[slot] != IR_NONE && ad_net_depends(w, slot)) roots[n++] = param_of_slot(w, slot) == IR_NONE ? to->value[slot] : to->load[slot];
  IrTangents t = ir_tangents_from(to->b, row, p, roots, n);
  if (t.why) {
    diag_no_gradient(w->s, to->b->k->ins.at[t.where].span, ir_ops[to->b->k->ins.at[t.where].op].text, t.why);
    w->failed = true;
    return;
  }
  for (uint32_t slot = 0; slot < slots; slot++) {
    if (to->value[slot] == IR_NONE || !ad_net_depends(w, slot)) continue;
    const IrSlot *of = &to->r.in->slots.at[to->at[slot]];
    for (uint32_t k = 0; k < p; k++) {
      IrVal d = ir_tangent(&t, param_of_slot(w, slot) == IR_NONE ? to->value[slot] : to->load[slot], k);
      if (d == IR_NONE) continue;
      to->tangent[slot * p + k] = d;
      w->slot[slot * p + k] = w->x->n_globals++;
      ir_store(to->b, global(to, w->slot[slot * p + k], ad_net_name(w, name_str(w->s, of->name), k), dim_div(of->dim, w->dims[k])), d);
    }
  }
}

/* A population's block, larger than it was, at the end of G: what setup stored, and its derivatives. */
static void block_new(SetupBy *to, IrPopulation *p) {
  AdNet *w = to->w;
  const AdCell *cell = ad_net_cell_of(w, p->class);
  uint32_t old = p->block;
  p->block = w->x->n_globals;
  w->x->n_globals += cell->c->uniforms.n;
  for (uint32_t u = 0; u < cell->from->uniforms.n; u++) {
    if (to->value[old + u] == IR_NONE) continue;
    const IrUniform *of = &cell->from->uniforms.at[u];
    ir_store(to->b, global(to, p->block + u, of->name, of->dim), given(to, old + u));
    for (uint32_t k = 0; k < w->n_params; k++) {
      IrVal d = to->tangent[(old + u) * w->n_params + k];
      uint32_t at = cell->uniform[u * w->n_params + k];
      if (at == IR_NONE || d == IR_NONE) continue; /* G begins as 0 */
      const IrUniform *by = &cell->c->uniforms.at[at];
      ir_store(to->b, global(to, p->block + at, by->name, by->dim), d);
    }
  }
  p->class = cell->c;
}

static void setup_make(AdNet *w) {
  uint32_t n = w->f->x->n_globals;
  SetupBy to = {.w = w, .r = ir_rewrite(w->f->x->setup, w->a, w->s), .value = NEW_ARRAY(w->a, IrVal, n + 1),
                .load = NEW_ARRAY(w->a, IrVal, n + 1), .at = NEW_ARRAY(w->a, uint32_t, n + 1), .tangent = NEW_ARRAY(w->a, IrVal, n * w->n_params + 1)};
  to.b = &to.r.b;
  to.b->k->index = IR_NONE;
  to.b->k->name = name_fmt(w->s, "%s.derivatives", name_str(w->s, to.r.in->name));
  for (uint32_t i = 0; i < n; i++) to.value[i] = to.load[i] = to.at[i] = IR_NONE;
  for (uint32_t i = 0; i < n * w->n_params; i++) to.tangent[i] = IR_NONE;
  setup_copy(&to);
  setup_tangents(&to);
  for (uint32_t i = 0; i < w->x->populations.n && !w->failed; i++) block_new(&to, &w->x->populations.at[i]);
  w->x->setup = to.b->k;
}

/* ---- tables */

static uint32_t derivative_slot(const AdNet *w, uint32_t slot, uint32_t param) {
  return slot == IR_NONE ? IR_NONE : w->slot[slot * w->n_params + param];
}

static void projections_make(AdNet *w) {
  uint32_t n = w->x->projections.n;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < w->n_params; k++) {
      IrProjection p = w->x->projections.at[i];
      uint32_t port = target_cell(w, p.target.pop)->port[p.proj->port * w->n_params + k];
      if (port == IR_NONE || !weighs(w, i, k)) continue;
      bool trained = ad_net_trained(w, i) != IR_NONE;
      if (trained) p.weight = p.weight_lo = p.weight_hi = IR_NONE, p.weight_kernel = NULL, p.along = i + 1;
      if (p.weight_lo != IR_NONE || p.weight_hi != IR_NONE)
        ad_net_refuse(w, p.proj->span, "weights with bounds that depend on a free param, where derivatives are asked for", NULL);
      MProjection *proj = NEW(w->s->arena, MProjection);
      *proj = *p.proj;
      proj->port = port;
      p.proj = proj;
      p.weight = derivative_slot(w, p.weight, k);
      if (p.weight_kernel) p.weight_kernel = ad_net_synapse(w, p.weight_kernel, p.block, k);
      p.weight_f32 = NULL;
      if (trained || p.weight != IR_NONE || p.weight_kernel) vec_push(w->a, &w->x->projections, p);
    }
}

static void drives_make(AdNet *w) {
  uint32_t n = w->x->drives.n;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < w->n_params; k++) {
      IrDrive d = w->x->drives.at[i];
      const AdCell *cell = target_cell(w, d.target.pop);
      bool current = d.input != IR_NONE;
      if (current ? !weight_depends(w, d.value, NULL, 0, k) : !weight_depends(w, d.weight, d.weight_kernel, d.block, k)) continue;
      MDrive *drive = NEW(w->s->arena, MDrive);
      *drive = *d.drive;
      if (current) d.value = derivative_slot(w, d.value, k), d.input = cell->input[d.input * w->n_params + k];
      else drive->port = (int32_t)cell->port[(uint32_t)drive->port * w->n_params + k];
      d.drive = drive;
      if (!current) d.weight = derivative_slot(w, d.weight, k);
      if (!current && d.weight_kernel) d.weight_kernel = ad_net_synapse(w, d.weight_kernel, d.block, k);
      if (current ? d.value != IR_NONE : d.weight != IR_NONE || d.weight_kernel) vec_push(w->a, &w->x->drives, d);
    }
}

/* ---- measures */

/* One whose items are given kernels; IR_NONE: no item has one. */
static uint32_t measure_add(AdNet *w, const IrMeasure *of, IrKernel *const *kernels) {
  MMeasure *measure = NEW(w->s->arena, MMeasure);
  *measure = *of->measure;
  if (of->measure->kind == MEASURE_RATE) measure->kind = MEASURE_MEAN;
  IrMeasure m = {.measure = measure, .slot = w->x->n_globals++, .argument = of->argument, .after = of->after, .until = of->until};
  bool any = false;
  for (uint32_t i = 0; i < of->items.n; i++) any |= kernels[i] != NULL;
  for (uint32_t i = 0; any && i < of->items.n; i++) vec_push(w->a, &m.items, ((IrRecordItem){of->items.at[i].slice, kernels[i]}));
  if (!any) return IR_NONE;
  vec_push(w->a, &w->x->measures, m);
  return w->x->measures.n - 1;
}

/* 0, for an item of several that does not depend on the parameter. */
static IrKernel *zero_like(AdNet *w, const IrKernel *like) {
  IrBuild b = {.s = w->s, .arena = w->a};
  const IrSlot *out = &like->slots.at[like->slots.n - 1];
  b.k = ir_kernel(w->s, w->a, KERNEL_RECORD, name_z(w->s, "zero"));
  b.k->index = IR_NONE;
  ir_store(&b, ir_slot(&b, SLOT_OUT, 0, out->name, IR_REAL, out->dim), ir_const(&b, 0, out->dim));
  return b.k;
}

static uint32_t measure_by(AdNet *w, const IrMeasure *of, uint32_t param) {
  IrKernel **kernels = NEW_ARRAY(w->a, IrKernel *, of->items.n + 1), *some = NULL;
  bool rate = of->measure->kind == MEASURE_RATE;
  for (uint32_t i = 0; i < of->items.n; i++) {
    AdCell *cell = target_cell(w, of->items.at[i].slice.pop);
    kernels[i] = rate ? ad_net_rate(w, cell, param) : ad_net_recorded(w, cell, of->items.at[i].kernel, param);
    if (kernels[i]) some = kernels[i];
  }
  for (uint32_t i = 0; some && i < of->items.n; i++)
    if (!kernels[i]) kernels[i] = zero_like(w, some);
  return measure_add(w, of, kernels);
}

static void measures_make(AdNet *w, IrFit *f) {
  uint32_t n = w->f->x->measures.n;
  for (uint32_t i = 0; i < n; i++) {
    const IrMeasure m = w->f->x->measures.at[i];
    MMeasureKind kind = m.measure->kind;
    if (kind != MEASURE_RATE && kind != MEASURE_MEAN && kind != MEASURE_VALUE)
      ad_net_refuse(w, m.measure->span, "the derivative of this measure", "`rate(E)`, `mean(E.V)` and `value(E.V, at = t)` have one.");
    for (uint32_t k = 0; k < w->n_params && !w->failed && !w->back; k++) vec_push(w->a, &f->derivatives, measure_by(w, &m, k));
  }
  for (uint32_t i = 0; w->relaxed && i < n && !w->failed; i++) { /* rates of smooth spikes */
    const IrMeasure m = w->f->x->measures.at[i];
    if (m.measure->kind != MEASURE_RATE) continue;
    IrKernel **kernels = NEW_ARRAY(w->a, IrKernel *, m.items.n + 1);
    for (uint32_t k = 0; k < m.items.n; k++) kernels[k] = ad_net_rate(w, target_cell(w, m.items.at[k].slice.pop), IR_NONE);
    uint32_t made = measure_add(w, &m, kernels);
    IrMeasure smooth = w->x->measures.at[made];
    smooth.slot = m.slot;
    w->x->measures.at[i] = smooth;
    w->x->measures.n--;
  }
}

/* Of what objectives name themselves. */
static void named_make(AdNet *w, IrFit *f) {
  for (uint32_t i = 0; i < f->stages.n; i++)
    for (uint32_t j = 0; j < f->stages.at[i].named.n; j++)
      for (uint32_t k = 0; k < w->n_params; k++)
        vec_push(w->a, &f->stages.at[i].named_by, w->slot[f->stages.at[i].named.at[j] * w->n_params + k]);
}

/* In reverse mode: is anything in the cells made of it? */
static bool made_of(const AdNet *w, uint32_t k) {
  bool any = w->back && w->f->free.at[k].weights.n;
  for (uint32_t i = 0; i < w->n_cells && w->back; i++) {
    const AdCell *cell = &w->cells[i];
    const uint32_t *tables[] = {cell->uniform, cell->port, cell->input, cell->state};
    uint32_t n[] = {cell->from->uniforms.n, cell->from->ports.n, cell->from->inputs.n, cell->from->states.n};
    for (size_t j = 0; j < COUNT_OF(tables); j++)
      for (uint32_t at = 0; at < n[j]; at++) any |= tables[j][at * w->n_params + k] != IR_NONE;
  }
  return any;
}

/* Whether any measure can feel a parameter at all. */
static void check_felt(AdNet *w, const IrFit *f) {
  for (uint32_t k = 0; k < w->n_params && !w->failed; k++) {
    bool any = made_of(w, k);
    for (uint32_t i = k; i < f->derivatives.n; i += w->n_params) any |= f->derivatives.at[i] != IR_NONE;
    for (uint32_t j = 0; j < f->stages.n; j++)
      for (uint32_t i = k; i < f->stages.at[j].named_by.n; i += w->n_params) any |= f->stages.at[j].named_by.at[i] != IR_NONE;
    if (any) continue;
    diag_free_idle(w->s, f->fit->free.at[k].span, name_str(w->s, f->fit->free.at[k].path), false);
    w->failed = true;
  }
}

/* ---- the pass */

static bool wanted(const IrFit *f) {
  for (uint32_t i = 0; f->fit->network && i < f->stages.n; i++)
    if (f->stages.at[i].stage->by != OPTIMIZER_CMAES) return true;
  return false;
}

static void follows(AdNet *w, IrFit *f) {
  for (uint32_t i = 0; i < f->x->params.n; i++) {
    uint32_t slot = f->x->params.at[i].slot;
    if (ad_net_depends(w, slot) && param_of_slot(w, slot) == IR_NONE) vec_push(w->a, &f->follow, i);
  }
}

static IrExperiment *experiment_again(AdNet *w) {
  const IrExperiment *from = w->f->x;
  IrExperiment *x = NEW(w->a, IrExperiment);
  *x = *from;
#define AGAIN(v)                    \
  memset(&x->v, 0, sizeof x->v);    \
  for (uint32_t i = 0; i < from->v.n; i++) vec_push(w->a, &x->v, from->v.at[i])
  AGAIN(populations);
  AGAIN(projections);
  AGAIN(drives);
  AGAIN(measures);
#undef AGAIN
  return x;
}

static void delays_interpolate(AdNet *w, IrFit *f) {
  uint32_t n = f->x->projections.n, some = 0;
  bool *moves = NEW_ARRAY(w->a, bool, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    some += moves[i] = ad_net_depends(w, f->x->projections.at[i].delay);
    if (moves[i] && ad_net_trained(w, i) != IR_NONE)
      ad_net_refuse(w, f->x->projections.at[i].proj->span, "a connection of which each synapse's weight is free, and the delay as well", NULL);
  }
  if (w->failed) return;
  if (!some) return;
  f->x = ad_net_delays(w, moves);
  setup_depends(w);
}

/* Steps that have no way back: those that draw, or choose how long they are. */
static bool steps_possible(const AdNet *w) {
  bool all = true;
  for (uint32_t i = 0; i < w->f->x->populations.n; i++) {
    const IrKernel *step = w->f->x->populations.at[i].class->step;
    for (IrVal v = 0; step && v < step->ins.n; v++) all &= !(ir_ops[step->ins.at[v].op].flags & IRF_DRAW) && step->ins.at[v].op != IR_LOOP;
  }
  return all;
}

/* Reverse mode, unless another is asked for or needed: in networks it costs less from the first parameter on, since the same rows
 * are gone along once, whatever the number of parameters. Squares need the derivatives of each measure, and `nslc grad
 * --check` compares forward mode with differences. */
static bool goes_back(AdNet *w) {
  const MFit *fit = w->f->fit;
  bool asked = fit->gradient == GRADIENT_REVERSE;
  if (w->relaxed || fit->gradient == GRADIENT_FORWARD) return false;
  for (uint32_t i = 0; i < w->f->stages.n; i++) {
    const MStage *stage = w->f->stages.at[i].stage;
    if (stage->by != OPTIMIZER_LM) continue;
    if (asked) ad_net_refuse(w, stage->by_span, "`lm` with `gradient = reverse` in a fit of a network", "It needs the derivatives of each measure: forward mode.");
    return false;
  }
  return asked || steps_possible(w);
}

static void differentiate(Session *s, Arena *out, IrModule *m, IrFit *f) {
  uint32_t n = f->free.n;
  AdNet w = {.s = s, .a = out, .m = m, .f = f, .how = &f->fit->carried, .n_params = n, .relaxed = s->relaxed};
  w.back = f->reverse = goes_back(&w);
  w.n_lanes = w.back ? 0 : n + w.relaxed;
  w.dims = NEW_ARRAY(out, Dim, n + 1);
  for (uint32_t k = 0; k < n; k++) w.dims[k] = f->fit->free.at[k].dim;
  setup_depends(&w);
  delays_interpolate(&w, f);
  w.slot = NEW_ARRAY(out, uint32_t, f->x->n_globals * n + 1);
  for (uint32_t i = 0; i < f->x->n_globals * n; i++) w.slot[i] = IR_NONE;
  w.x = experiment_again(&w);
  ad_net_fixed(&w);
  if (!w.failed) cells_make(&w);
  if (!w.failed) setup_make(&w);
  if (!w.failed) projections_make(&w);
  if (!w.failed) drives_make(&w);
  if (!w.failed) measures_make(&w, f);
  if (!w.failed) named_make(&w, f);
  if (!w.failed) check_felt(&w, f);
  if (w.failed) return;
  follows(&w, f);
  f->differentiated = w.x;
}

IrModule *ad_pass_network(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  for (uint32_t i = 0; i < m->fits.n; i++)
    if (wanted(m->fits.at[i])) differentiate(s, out, m, m->fits.at[i]);
  ir_module_renumber(m, out);
  return m;
}

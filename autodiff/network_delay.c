/* Delays that follow free parameters, where derivatives are asked for: arrivals are interpolated between the steps.
 *
 * A spike whose delay d lies between n and n + 1 steps arrives in two parts, w (1 - f) after n and w f after n + 1, with
 * f = d / dt - n. So the projection becomes two on the same path (the same connections and draws), whose delays are whole numbers of
 * steps, and what follows the parameter are weights, whose derivatives network.c knows: those of f are 1 / dt times those of d,
 * n being fixed. At a whole number of steps f is 0 and the derivative that to its right.
 *
 * Both the runs with derivatives and those without are of this network. A delay that is drawn for each connection is left as it is. */
#include <string.h>

#include "autodiff/network.h"

typedef struct {
  AdNet *w;
  IrExperiment *x;
  IrRewrite r; /* of its setup */
  IrBuild *b;
} Delays;

static IrVal load(Delays *t, uint32_t slot) {
  const IrKernel *k = t->b->k;
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_GLOBAL && k->slots.at[i].index == slot) return ir_load(t->b, i);
  BUG(t->w->s, t->b->span, "setup does not know slot %u", slot);
}

static uint32_t store(Delays *t, const char *what, const IrProjection *p, IrVal v) {
  uint32_t slot = t->x->n_globals++;
  Name name = name_fmt(t->w->s, "%s.%s", name_str(t->w->s, p->proj->path), what);
  ir_store(t->b, ir_slot(t->b, SLOT_GLOBAL, slot, name, IR_REAL, t->b->k->ins.at[v].dim), v);
  return slot;
}

/* The kernel times a uniform of its block. */
static IrKernel *kernel_times(Delays *t, const IrKernel *in, uint32_t uniform) {
  IrRewrite r = ir_rewrite(in, t->w->a, t->w->s);
  r.b.k->index = IR_NONE;
  r.b.k->name = name_fmt(t->w->s, "%s.part", name_str(t->w->s, in->name));
  for (IrVal i = 0; i < in->ins.n; i++) {
    const IrIns *ins = &in->ins.at[i];
    ir_rewrite_at(&r, i);
    if (ins->op != IR_STORE) {
      ir_rewrite_copy(&r, i);
      continue;
    }
    IrVal part = ir_load(&r.b, ir_slot(&r.b, SLOT_UNIFORM, uniform, name_z(t->w->s, "part"), IR_REAL, DIM_NONE));
    ir_store(&r.b, ins->slot, ir_op2(&r.b, IR_MUL, ir_rewrite_arg(&r, i, 0), part));
  }
  return r.b.k;
}

static void weigh(Delays *t, IrProjection *p, IrVal part) {
  if (p->weight_kernel) p->weight_kernel = kernel_times(t, p->weight_kernel, store(t, "part", p, part) - p->block);
  else p->weight = store(t, "weight", p, ir_op2(t->b, IR_MUL, load(t, p->weight), part));
  p->weight_f32 = NULL;
}

static void split(Delays *t, uint32_t i) {
  IrBuild *b = t->b;
  IrProjection p = t->x->projections.at[i], next = p;
  b->span = p.proj->span;
  IrVal dt = load(t, t->x->dt), steps = ir_op2(b, IR_DIV, load(t, p.delay), dt), one = alg_num(b, 1);
  uint32_t whole = store(t, "steps", &p, ir_op1(b, IR_FLOOR, ir_op2(b, IR_ADD, steps, alg_num(b, 1e-6)))); /* 14.9999999 are 15 */
  vec_push(t->w->a, &t->w->fixed, whole);
  IrVal n = load(t, whole), part = ir_op2(b, IR_SUB, steps, n);
  p.delay = store(t, "delay", &p, ir_op2(b, IR_MUL, n, dt));
  next.delay = store(t, "later", &p, ir_op2(b, IR_MUL, ir_op2(b, IR_ADD, n, one), dt));
  weigh(t, &p, ir_op2(b, IR_SUB, one, part));
  weigh(t, &next, part);
  t->x->projections.at[i] = p;
  vec_push(t->w->a, &t->x->projections, next);
}

IrExperiment *ad_net_delays(AdNet *w, const bool *moves) {
  const IrExperiment *from = w->f->x;
  Delays t = {.w = w, .x = NEW(w->a, IrExperiment), .r = ir_rewrite(from->setup, w->a, w->s)};
  *t.x = *from;
  memset(&t.x->projections, 0, sizeof t.x->projections);
  for (uint32_t i = 0; i < from->projections.n; i++) vec_push(w->a, &t.x->projections, from->projections.at[i]);
  t.b = &t.r.b;
  t.b->k->index = IR_NONE;
  for (IrVal i = 0; i < from->setup->ins.n; i++) {
    ir_rewrite_at(&t.r, i);
    ir_rewrite_copy(&t.r, i);
  }
  for (uint32_t i = 0; i < from->projections.n; i++) {
    const IrProjection *p = &from->projections.at[i];
    bool bounded = p->weight_lo != IR_NONE || p->weight_hi != IR_NONE;
    if (moves[i] && bounded) ad_net_refuse(w, p->proj->span, "weights with bounds where the delay depends on a free param and derivatives are asked for", NULL);
    else if (moves[i]) split(&t, i);
  }
  t.x->setup = t.b->k;
  return t.x;
}

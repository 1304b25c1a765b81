/* Moves uniform work out of the step: each largest value in `step`, `receive` and `finish` that is the same for all elements (made of
 * uniforms, constants and dt) is computed by `derive`, once for each parameter set and in float64, and
 * becomes a uniform "%k0", …. Propagators, reciprocals and scaled parameters end here.
 *
 * Needs level 2. Gives: step kernels whose uniform values are loads, constants or dt. Blocks of globals grow
 * at their end, so every G slot behind a block moves; the tables and setup kernels are renumbered. */
#include "ir/algebra.h"
#include "ir/pass.h"
#include "lang/session.h"

typedef struct {
  IrRewrite step;
  IrBuild derive;
  IrClass *c;
  const bool *uniform; /* by instruction of the old step */
  IrVal *derived;      /* its value in derive, or IR_NONE */
  IrVal *loaded;       /* in the new step: the load of the uniform that holds it, or IR_NONE */
} Hoist;

static const IrIns *old_ins(const Hoist *h, IrVal v) { return &h->step.in->ins.at[v]; }

/* The value of old instruction v, computed in derive. Arguments first, in order of position: no recursion. */
static IrVal derive_value(Hoist *h, IrVal v) {
  if (h->derived[v] != IR_NONE) return h->derived[v];
  bool *need = NEW_ARRAY(h->derive.arena, bool, v + 1);
  need[v] = true;
  for (IrVal i = v + 1; i-- > 0;)
    for (int j = 0; need[i] && h->derived[i] == IR_NONE && j < ir_ops[old_ins(h, i)->op].arity; j++)
      need[old_ins(h, i)->arg[j]] = true;
  for (IrVal i = 0; i <= v; i++) {
    if (!need[i] || h->derived[i] != IR_NONE) continue;
    IrIns ins = *old_ins(h, i);
    h->derive.span = ins.span;
    if (ins.op == IR_LOAD) {
      const IrSlot *slot = &h->step.in->slots.at[ins.slot];
      h->derived[i] = ir_load(
          &h->derive, ir_slot(&h->derive, slot->kind, slot->index, slot->name, slot->type, slot->dim));
      continue;
    }
    for (int j = 0; j < ir_ops[ins.op].arity; j++) ins.arg[j] = h->derived[ins.arg[j]];
    h->derived[i] = ir_push(&h->derive, ins);
  }
  return h->derived[v];
}

static bool stays(const Hoist *h, IrVal v) {
  IrOp op = (IrOp)old_ins(h, v)->op;
  return op == IR_CONST || op == IR_LOAD || op == IR_DT;
}

/* The load, in the new step, of a uniform that holds old value v. */
static IrVal hoisted(Hoist *h, IrVal v) {
  if (h->loaded[v] != IR_NONE) return h->loaded[v];
  Session *s = h->derive.s;
  const IrIns *ins = old_ins(h, v);
  IrUniform u = {.name = name_fmt(s, "%%k%u", h->c->uniforms.n), .dim = ins->dim};
  uint32_t index = h->c->uniforms.n;
  vec_push(h->derive.arena, &h->c->uniforms, u);
  IrVal value = derive_value(h, v);
  h->derive.span = ins->span;
  if (ins->type == IR_BOOL)
    value = ir_op3(&h->derive, IR_SELECT, value, alg_num(&h->derive, 1), alg_num(&h->derive, 0));
  ir_store(&h->derive, ir_slot(&h->derive, SLOT_UNIFORM, index, u.name, IR_REAL, u.dim), value);
  IrBuild *b = &h->step.b;
  IrVal load = ir_load(b, ir_slot(b, SLOT_UNIFORM, index, u.name, IR_REAL, u.dim));
  return h->loaded[v] = ins->type == IR_BOOL ? ir_op2(b, IR_GT, load, alg_num(b, 0.5)) : load;
}

/* Loads are remembered, so those that a loop needs stand before it. */
static void load_before_loop(Hoist *h, IrVal loop) {
  for (IrVal i = loop + 1; old_ins(h, i - 1)->op != IR_AGAIN; i++)
    for (int j = 0; (!h->uniform[i] || stays(h, i)) && j < ir_ops[old_ins(h, i)->op].arity; j++) {
      IrVal a = old_ins(h, i)->arg[j];
      if (!h->uniform[a] || stays(h, a)) continue;
      ir_rewrite_at(&h->step, i);
      h->step.map[a] = hoisted(h, a);
    }
}

static IrKernel *hoist_kernel(Session *s, Arena *out, IrModule *m, IrClass *c, IrKernel *k) {
  if (!k || !c->derive) return k;
  Hoist h = {.c = c, .step = ir_rewrite(k, out, s)};
  h.derive = (IrBuild){.s = s, .arena = out, .k = c->derive};
  h.uniform = ir_uniform_values(k, out);
  uint32_t n = k->ins.n;
  h.derived = NEW_ARRAY(out, IrVal, n + 1);
  h.loaded = NEW_ARRAY(out, IrVal, n + 1);
  for (IrVal i = 0; i < n; i++) h.derived[i] = h.loaded[i] = IR_NONE;
  for (IrVal i = 0; i < n; i++) {
    if (h.uniform[i] && !stays(&h, i)) continue;
    if (old_ins(&h, i)->op == IR_LOOP) load_before_loop(&h, i);
    ir_rewrite_at(&h.step, i);
    for (int j = 0; j < ir_ops[old_ins(&h, i)->op].arity; j++) {
      IrVal a = old_ins(&h, i)->arg[j];
      if (h.uniform[a] && !stays(&h, a)) h.step.map[a] = hoisted(&h, a);
    }
    ir_rewrite_at(&h.step, i);
    ir_rewrite_copy(&h.step, i);
  }
  m->kernels.at[k->index] = h.step.b.k;
  return h.step.b.k;
}

static void hoist_class(Session *s, Arena *out, IrModule *m, IrClass *c) {
  c->step = hoist_kernel(s, out, m, c, c->step);
  for (uint32_t i = 0; i < c->receive.n; i++)
    c->receive.at[i] = hoist_kernel(s, out, m, c, c->receive.at[i]);
  c->finish = hoist_kernel(s, out, m, c, c->finish);
  for (uint32_t i = 0; i < c->aheads.n; i++) c->aheads.at[i].kernel = hoist_kernel(s, out, m, c, c->aheads.at[i].kernel);
  for (uint32_t i = 0; i < LEARNS; i++) c->learn[i] = hoist_kernel(s, out, m, c, c->learn[i]);
}

/* ---- G after its blocks have grown */

typedef struct {
  uint32_t *grown; /* by population: how much its block and those before it have grown */
  uint32_t *end;   /* by population: old end of its block; ascending */
  uint32_t n;
} Moves;

static uint32_t moved(const Moves *m, uint32_t slot) {
  uint32_t from = 0, to = m->n; /* blocks [0, from) end at or before the slot */
  if (slot == IR_NONE) return slot;
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    if (m->end[middle] <= slot) from = middle + 1;
    else to = middle;
  }
  return from ? slot + m->grown[from - 1] : slot;
}

static void move(const Moves *m, uint32_t *slot) { *slot = moved(m, *slot); }

static void move_slice(const Moves *m, IrSlice *s) {
  move(m, &s->from);
  move(m, &s->to);
}

static void move_projection(const Moves *m, IrProjection *p) {
  move_slice(m, &p->source);
  move_slice(m, &p->target);
  uint32_t *const slots[] = {&p->rule_arg,  &p->share, &p->cond,      &p->weight, &p->delay,
                             &p->weight_lo, &p->weight_hi, &p->block, &p->first[0], &p->first[1], &p->ids[0], &p->ids[1]};
  for (size_t i = 0; i < COUNT_OF(slots); i++) move(m, slots[i]);
  if (p->third) move_projection(m, p->third);
}

static void move_coupling(const Moves *m, IrCoupling *c) {
  move_projection(m, &c->link);
  for (uint32_t i = 0; i < c->terms.n; i++) {
    move(m, &c->terms.at[i].factor);
    move(m, &c->terms.at[i].delay);
  }
}

static void move_drive(const Moves *m, IrDrive *d) {
  move_slice(m, &d->target);
  uint32_t *const slots[] = {&d->value, &d->weight, &d->delay, &d->cond, &d->from, &d->to, &d->block};
  for (size_t i = 0; i < COUNT_OF(slots); i++) move(m, slots[i]);
  for (uint32_t i = 0; i < d->times.n; i++) move(m, &d->times.at[i]);
}

static void move_measure(const Moves *m, IrMeasure *e) {
  for (uint32_t i = 0; i < e->items.n; i++) move_slice(m, &e->items.at[i].slice);
  uint32_t *const slots[] = {&e->slot, &e->argument, &e->after, &e->until};
  for (size_t i = 0; i < COUNT_OF(slots); i++) move(m, slots[i]);
}

static void move_globals(const Moves *m, IrKernel *k) {
  for (uint32_t i = 0; k && i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_GLOBAL) move(m, &k->slots.at[i].index);
}

static void move_expect(const Moves *m, IrExpect *e) {
  uint32_t *const slots[] = {&e->value, &e->lo, &e->hi};
  for (size_t i = 0; i < COUNT_OF(slots); i++) move(m, slots[i]);
}

static void move_experiment(const Moves *m, IrExperiment *x) {
  move_globals(m, x->setup);
  move_globals(m, x->judge);
  for (uint32_t i = 0; i < x->params.n; i++) {
    move(m, &x->params.at[i].slot);
    move(m, &x->params.at[i].lo);
    move(m, &x->params.at[i].hi);
  }
  for (uint32_t i = 0; i < x->projections.n; i++) {
    IrProjection *p = &x->projections.at[i];
    move_projection(m, p);
    move(m, &p->axonal);
    for (uint32_t j = 0; j < p->afters.n; j++) move(m, &p->afters.at[j]);
  }
  for (uint32_t i = 0; i < x->couplings.n; i++) move_coupling(m, &x->couplings.at[i]);
  for (uint32_t i = 0; i < x->drives.n; i++) move_drive(m, &x->drives.at[i]);
  for (uint32_t i = 0; i < x->records.n; i++) {
    move(m, &x->records.at[i].every);
    for (uint32_t j = 0; j < x->records.at[i].items.n; j++)
      move_slice(m, &x->records.at[i].items.at[j].slice);
  }
  for (uint32_t i = 0; i < x->feeds.n; i++)
    for (uint32_t j = 0; j < x->feeds.at[i].items.n; j++) move_slice(m, &x->feeds.at[i].items.at[j].slice);
  for (uint32_t i = 0; i < x->phases.n; i++) move(m, &x->phases.at[i]);
  for (uint32_t i = 0; i < x->measures.n; i++) move_measure(m, &x->measures.at[i]);
  for (uint32_t i = 0; i < x->expects.n; i++) move_expect(m, &x->expects.at[i]);
  move(m, &x->dt);
  move(m, &x->seed);
  move(m, &x->seed_last);
}

static void move_fit(const Moves *m, IrFit *f) {
  for (uint32_t i = 0; i < f->free.n; i++) {
    move(m, &f->free.at[i].value);
    move(m, &f->free.at[i].mean);
    move(m, &f->free.at[i].sd);
    move(m, &f->free.at[i].lo);
    for (uint32_t k = 0; k < f->free.at[i].others.n; k++) move(m, &f->free.at[i].others.at[k]);
    move(m, &f->free.at[i].hi);
  }
  for (uint32_t i = 0; i < f->marches.n; i++)
    for (uint32_t k = 0; k < f->marches.at[i]->terms.n; k++) {
      IrTerm *t = &f->marches.at[i]->terms.at[k];
      uint32_t *const slots[] = {&t->measure, &t->over, &t->from, &t->to, &t->around[0], &t->around[1]};
      for (size_t j = 0; j < COUNT_OF(slots); j++) move(m, slots[j]);
    }
  for (uint32_t i = 0; i < f->stages.n; i++) {
    IrStage *stage = &f->stages.at[i];
    move_globals(m, stage->objective);
    move(m, &stage->loss);
    for (uint32_t k = 0; k < stage->named.n; k++) move(m, &stage->named.at[k]);
    for (uint32_t k = 0; k < stage->slopes.n; k++) move(m, &stage->slopes.at[k]);
    for (uint32_t k = 0; k < stage->bends.n; k++) move(m, &stage->bends.at[k]);
  }
}

static IrPopulation *block_at(IrExperiment *x, uint32_t i) {
  return i < x->populations.n ? &x->populations.at[i] : &x->synapses.at[i - x->populations.n];
}

/* Blocks stand in the order of populations, then of synapses with memory. f: the fit whose experiment it is, or NULL. */
static void grow_blocks(IrExperiment *x, IrFit *f, const uint32_t *before, Arena *out) {
  uint32_t n = x->populations.n + x->synapses.n, by = 0;
  Moves m = {.grown = NEW_ARRAY(out, uint32_t, n + 1), .end = NEW_ARRAY(out, uint32_t, n + 1), .n = n};
  for (uint32_t i = 0; i < n; i++) {
    IrPopulation *p = block_at(x, i);
    m.end[i] = p->block + before[p->class->index];
    p->block += by;
    by += p->class->uniforms.n - before[p->class->index];
    m.grown[i] = by;
  }
  move_experiment(&m, x);
  if (f) move_fit(&m, f);
  for (uint32_t i = 0; i < n; i++) {
    IrPopulation *p = block_at(x, i);
    move(&m, &p->size);
    for (size_t k = 0; k < COUNT_OF(p->place); k++) move(&m, &p->place[k]);
    for (uint32_t k = 0; k < p->columns.n; k++) {
      move(&m, &p->columns.at[k].from);
      move(&m, &p->columns.at[k].to);
    }
  }
  x->n_globals += by;
}

IrModule *ir_pass_hoist(const IrModule *in, Arena *out, Session *s) {
  IrModule *m = ir_module_copy(s, in, out);
  uint32_t *before = NEW_ARRAY(out, uint32_t, m->classes.n + 1);
  for (uint32_t i = 0; i < m->classes.n; i++) {
    before[i] = m->classes.at[i]->uniforms.n;
    hoist_class(s, out, m, m->classes.at[i]);
  }
  for (uint32_t i = 0; i < m->experiments.n; i++) grow_blocks(m->experiments.at[i], NULL, before, out);
  for (uint32_t i = 0; i < m->fits.n; i++) grow_blocks(m->fits.at[i]->x, m->fits.at[i], before, out);
  return m;
}

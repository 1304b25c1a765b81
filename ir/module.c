/* Modules as wholes: copies, renumbering, a function applied to every kernel. A pass that changes only
 * kernels is one call of ir_map_kernels. Copies share nothing with their source but names, spans and the
 * checked model, so the source's arena may go. */
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"

#define COPY_VEC(arena, v)                                                 \
  do {                                                                     \
    void *copied = arena_array((arena), (v)->n + 1, sizeof *(v)->at);      \
    if ((v)->n) memcpy(copied, (v)->at, (size_t)(v)->n * sizeof *(v)->at); \
    (v)->at = copied;                                                      \
    (v)->cap = (v)->n;                                                     \
  } while (0)

IrKernel *ir_kernel_copy(const IrKernel *k, Arena *out) {
  IrKernel *copy = NEW(out, IrKernel);
  *copy = *k;
  COPY_VEC(out, &copy->slots);
  COPY_VEC(out, &copy->ins);
  return copy;
}

/* The kernel in the new module that stands for k. */
static IrKernel *stand_in(Session *s, const IrModule *in, const IrModule *made, const IrKernel *k) {
  if (!k) return NULL;
  if (k->index >= in->kernels.n || in->kernels.at[k->index] != k)
    BUG(s, (Span){0}, "kernel %s is not in its module", name_str(s, k->name));
  return made->kernels.at[k->index];
}

static IrClass *class_copy(Session *s, const IrModule *in, const IrModule *made, const IrClass *c,
                           Arena *out) {
  IrClass *copy = NEW(out, IrClass);
  *copy = *c;
  COPY_VEC(out, &copy->states);
  COPY_VEC(out, &copy->elem_params);
  COPY_VEC(out, &copy->inputs);
  COPY_VEC(out, &copy->drawn);
  COPY_VEC(out, &copy->ports);
  COPY_VEC(out, &copy->uniforms);
  COPY_VEC(out, &copy->holds);
  for (uint32_t i = 0; i < copy->holds.n; i++) COPY_VEC(out, &copy->holds.at[i].states);
  COPY_VEC(out, &copy->laws);
  for (uint32_t i = 0; i < copy->laws.n; i++) COPY_VEC(out, &copy->laws.at[i].members);
  COPY_VEC(out, &copy->pasts);
  for (uint32_t i = 0; i < copy->pasts.n; i++) {
    copy->pasts.at[i].value = stand_in(s, in, made, c->pasts.at[i].value);
    copy->pasts.at[i].delay = stand_in(s, in, made, c->pasts.at[i].delay);
  }
  COPY_VEC(out, &copy->receive);
  for (uint32_t i = 0; i < copy->receive.n; i++)
    copy->receive.at[i] = stand_in(s, in, made, c->receive.at[i]);
  copy->init = stand_in(s, in, made, c->init);
  copy->flow = stand_in(s, in, made, c->flow);
  copy->jumps = stand_in(s, in, made, c->jumps);
  copy->test = stand_in(s, in, made, c->test);
  copy->fire = stand_in(s, in, made, c->fire);
  copy->derive = stand_in(s, in, made, c->derive);
  copy->step = stand_in(s, in, made, c->step);
  copy->finish = stand_in(s, in, made, c->finish);
  copy->lumped = stand_in(s, in, made, c->lumped);
  COPY_VEC(out, &copy->aheads);
  for (uint32_t i = 0; i < copy->aheads.n; i++)
    copy->aheads.at[i] = (IrAhead){stand_in(s, in, made, c->aheads.at[i].shown), stand_in(s, in, made, c->aheads.at[i].kernel)};
  for (uint32_t i = 0; i < LEARNS; i++) copy->learn[i] = stand_in(s, in, made, c->learn[i]);
  COPY_VEC(out, &copy->lumped_states);
  COPY_VEC(out, &copy->lumped_ports);
  COPY_VEC(out, &copy->lumped_equal);
  COPY_VEC(out, &copy->carried);
  if (!c->back) return copy;
  copy->back = NEW(out, IrNetBack);
  *copy->back = *c->back;
  copy->back->record = stand_in(s, in, made, c->back->record);
  copy->back->back = stand_in(s, in, made, c->back->back);
  COPY_VEC(out, &copy->back->params);
  COPY_VEC(out, &copy->back->measures);
  COPY_VEC(out, &copy->back->by);
  COPY_VEC(out, &copy->back->begin);
  return copy;
}

static void records_copy(Session *s, const IrModule *in, const IrModule *made, IrExperiment *x, Arena *out) {
  COPY_VEC(out, &x->records);
  for (uint32_t i = 0; i < x->records.n; i++) {
    IrRecord *record = &x->records.at[i];
    COPY_VEC(out, &record->items);
    for (uint32_t j = 0; j < record->items.n; j++)
      record->items.at[j].kernel = stand_in(s, in, made, record->items.at[j].kernel);
  }
}

static void measures_copy(Session *s, const IrModule *in, const IrModule *made, IrExperiment *x, Arena *out) {
  x->judge = stand_in(s, in, made, x->judge);
  COPY_VEC(out, &x->measures);
  for (uint32_t i = 0; i < x->measures.n; i++) {
    IrMeasure *m = &x->measures.at[i];
    COPY_VEC(out, &m->items);
    for (uint32_t j = 0; j < m->items.n; j++) m->items.at[j].kernel = stand_in(s, in, made, m->items.at[j].kernel);
  }
}

static void drive_copy(Session *s, const IrModule *in, const IrModule *made, IrDrive *d, Arena *out) {
  COPY_VEC(out, &d->times);
  COPY_VEC(out, &d->weights);
  COPY_VEC(out, &d->drawn);
  for (uint32_t i = 0; i < d->drawn.n; i++) d->drawn.at[i] = stand_in(s, in, made, d->drawn.at[i]);
  d->kernel = stand_in(s, in, made, d->kernel);
  d->weight_kernel = stand_in(s, in, made, d->weight_kernel);
  d->delay_kernel = stand_in(s, in, made, d->delay_kernel);
}

static void couplings_copy(Session *s, const IrModule *in, const IrModule *made, IrExperiment *x, Arena *out) {
  COPY_VEC(out, &x->couplings);
  for (uint32_t i = 0; i < x->couplings.n; i++) {
    IrCoupling *c = &x->couplings.at[i];
    c->link.weight_kernel = stand_in(s, in, made, c->link.weight_kernel);
    c->link.chance = stand_in(s, in, made, c->link.chance);
    COPY_VEC(out, &c->terms);
    for (uint32_t k = 0; k < c->terms.n; k++) {
      c->terms.at[k].pre = stand_in(s, in, made, c->terms.at[k].pre);
      c->terms.at[k].post = stand_in(s, in, made, c->terms.at[k].post);
      c->terms.at[k].delay_kernel = stand_in(s, in, made, c->terms.at[k].delay_kernel);
    }
    COPY_VEC(out, &c->sights);
    for (uint32_t k = 0; k < c->sights.n; k++) c->sights.at[k].kernel = stand_in(s, in, made, c->sights.at[k].kernel);
    COPY_VEC(out, &c->begins);
    for (uint32_t k = 0; k < c->begins.n; k++) c->begins.at[k].kernel = stand_in(s, in, made, c->begins.at[k].kernel);
    c->flow = stand_in(s, in, made, c->flow);
  }
}

static IrExperiment *experiment_copy(Session *s, const IrModule *in, const IrModule *made,
                                     const IrExperiment *x, Arena *out) {
  IrExperiment *copy = NEW(out, IrExperiment);
  *copy = *x;
  copy->setup = stand_in(s, in, made, x->setup);
  COPY_VEC(out, &copy->params);
  for (uint32_t i = 0; i < copy->params.n; i++) COPY_VEC(out, &copy->params.at[i].labels);
  COPY_VEC(out, &copy->populations);
  for (uint32_t i = 0; i < copy->populations.n; i++) COPY_VEC(out, &copy->populations.at[i].columns);
  for (uint32_t i = 0; i < copy->populations.n; i++)
    if (copy->populations.at[i].class)
      copy->populations.at[i].class = made->classes.at[copy->populations.at[i].class->index];
  COPY_VEC(out, &copy->synapses);
  for (uint32_t i = 0; i < copy->synapses.n; i++)
    copy->synapses.at[i].class = made->classes.at[copy->synapses.at[i].class->index];
  COPY_VEC(out, &copy->projections);
  for (uint32_t i = 0; i < copy->projections.n; i++) {
    IrProjection *p = &copy->projections.at[i];
    COPY_VEC(out, &p->seen);
    COPY_VEC(out, &p->afters);
    COPY_VEC(out, &p->fed);
    COPY_VEC(out, &p->follows);
    if (p->third) {
      const IrProjection *third = p->third;
      p->third = NEW(out, IrProjection);
      *p->third = *third;
    }
    p->weight_kernel = stand_in(s, in, made, p->weight_kernel);
    p->delay_kernel = stand_in(s, in, made, p->delay_kernel);
    p->weight_f32 = stand_in(s, in, made, p->weight_f32);
    p->delay_f32 = stand_in(s, in, made, p->delay_f32);
    p->chance = stand_in(s, in, made, p->chance);
    p->likely = stand_in(s, in, made, p->likely);
    p->bound = stand_in(s, in, made, p->bound);
  }
  COPY_VEC(out, &copy->drives);
  for (uint32_t i = 0; i < copy->drives.n; i++) drive_copy(s, in, made, &copy->drives.at[i], out);
  records_copy(s, in, made, copy, out);
  COPY_VEC(out, &copy->feeds);
  for (uint32_t i = 0; i < copy->feeds.n; i++) {
    COPY_VEC(out, &copy->feeds.at[i].items);
    for (uint32_t k = 0; k < copy->feeds.at[i].items.n; k++)
      copy->feeds.at[i].items.at[k].kernel = stand_in(s, in, made, copy->feeds.at[i].items.at[k].kernel);
  }
  couplings_copy(s, in, made, copy, out);
  COPY_VEC(out, &copy->phases);
  COPY_VEC(out, &copy->expects);
  measures_copy(s, in, made, copy, out);
  return copy;
}

static void form_copy(Session *s, const IrModule *in, const IrModule *made, IrMarchForm *form) {
  form->begin = stand_in(s, in, made, form->begin);
  form->march = stand_in(s, in, made, form->march);
}

static void back_copy(Session *s, const IrModule *in, const IrModule *made, IrMarchBack *back) {
  back->record = stand_in(s, in, made, back->record);
  back->back = stand_in(s, in, made, back->back);
  back->end = stand_in(s, in, made, back->end);
}

static IrMarch *march_copy(Session *s, const IrModule *in, const IrModule *made, const IrMarch *march, Arena *out) {
  IrMarch *copy = NEW(out, IrMarch);
  *copy = *march;
  copy->class = made->classes.at[march->class->index];
  COPY_VEC(out, &copy->samples);
  COPY_VEC(out, &copy->terms);
  COPY_VEC(out, &copy->lags);
  for (uint32_t i = 0; i < copy->terms.n; i++) {
    copy->terms.at[i].value = stand_in(s, in, made, copy->terms.at[i].value);
    copy->terms.at[i].root = stand_in(s, in, made, copy->terms.at[i].root);
    copy->terms.at[i].given = stand_in(s, in, made, copy->terms.at[i].given);
  }
  form_copy(s, in, made, &copy->plain);
  form_copy(s, in, made, &copy->gradient);
  form_copy(s, in, made, &copy->direction);
  form_copy(s, in, made, &copy->curvature);
  form_copy(s, in, made, &copy->tangent);
  back_copy(s, in, made, &copy->reverse);
  back_copy(s, in, made, &copy->hessian);
  return copy;
}

static IrFit *fit_copy(Session *s, const IrModule *in, const IrModule *made, const IrFit *f, Arena *out) {
  IrFit *copy = NEW(out, IrFit);
  *copy = *f;
  copy->x = experiment_copy(s, in, made, f->x, out);
  if (f->differentiated) copy->differentiated = experiment_copy(s, in, made, f->differentiated, out);
  COPY_VEC(out, &copy->derivatives);
  COPY_VEC(out, &copy->follow);
  COPY_VEC(out, &copy->free);
  for (uint32_t i = 0; i < copy->free.n; i++) {
    COPY_VEC(out, &copy->free.at[i].others);
    COPY_VEC(out, &copy->free.at[i].weights);
  }
  COPY_VEC(out, &copy->marches);
  for (uint32_t i = 0; i < copy->marches.n; i++)
    copy->marches.at[i] = march_copy(s, in, made, copy->marches.at[i], out);
  COPY_VEC(out, &copy->stages);
  for (uint32_t i = 0; i < copy->stages.n; i++) {
    IrStage *stage = &copy->stages.at[i];
    stage->objective = stand_in(s, in, made, stage->objective);
    COPY_VEC(out, &stage->marches);
    COPY_VEC(out, &stage->measures);
    COPY_VEC(out, &stage->named);
    COPY_VEC(out, &stage->named_by);
    COPY_VEC(out, &stage->slopes);
    COPY_VEC(out, &stage->bends);
  }
  return copy;
}

IrModule *ir_map_kernels(const IrModule *in, Arena *out, Session *s,
                         IrKernel *(*map)(const IrKernel *k, Arena *out, Session *s)) {
  IrModule *made = NEW(out, IrModule);
  made->level = in->level;
  made->model = in->model;
  for (uint32_t i = 0; i < in->kernels.n; i++) {
    IrKernel *k = map(in->kernels.at[i], out, s);
    k->index = in->kernels.at[i]->index;
    vec_push(out, &made->kernels, k);
  }
  for (uint32_t i = 0; i < in->classes.n; i++)
    vec_push(out, &made->classes, class_copy(s, in, made, in->classes.at[i], out));
  for (uint32_t i = 0; i < in->experiments.n; i++)
    vec_push(out, &made->experiments, experiment_copy(s, in, made, in->experiments.at[i], out));
  for (uint32_t i = 0; i < in->fits.n; i++) vec_push(out, &made->fits, fit_copy(s, in, made, in->fits.at[i], out));
  return made;
}

static IrKernel *map_copy(const IrKernel *k, Arena *out, Session *s) {
  (void)s;
  return ir_kernel_copy(k, out);
}

IrModule *ir_module_copy(Session *s, const IrModule *in, Arena *out) {
  return ir_map_kernels(in, out, s, map_copy);
}

/* ---- the list of kernels */

void ir_module_add(IrModule *m, Arena *a, IrKernel *k) {
  k->index = m->kernels.n;
  vec_push(a, &m->kernels, k);
}

static void add_used(IrModule *m, Arena *a, IrKernel *k) {
  if (k && (k->index >= m->kernels.n || m->kernels.at[k->index] != k)) ir_module_add(m, a, k);
}

static void experiment_used(IrModule *m, Arena *a, const IrExperiment *x) {
  add_used(m, a, x->setup);
  for (uint32_t j = 0; j < x->projections.n; j++) {
    add_used(m, a, x->projections.at[j].weight_kernel);
    add_used(m, a, x->projections.at[j].delay_kernel);
    add_used(m, a, x->projections.at[j].weight_f32);
    add_used(m, a, x->projections.at[j].delay_f32);
    add_used(m, a, x->projections.at[j].chance);
    add_used(m, a, x->projections.at[j].likely);
    add_used(m, a, x->projections.at[j].bound);
  }
  for (uint32_t j = 0; j < x->drives.n; j++) {
    const IrDrive *d = &x->drives.at[j];
    add_used(m, a, d->kernel);
    for (uint32_t l = 0; l < d->drawn.n; l++) add_used(m, a, d->drawn.at[l]);
    add_used(m, a, d->weight_kernel);
    add_used(m, a, d->delay_kernel);
  }
  for (uint32_t j = 0; j < x->feeds.n; j++)
    for (uint32_t l = 0; l < x->feeds.at[j].items.n; l++) add_used(m, a, x->feeds.at[j].items.at[l].kernel);
  for (uint32_t j = 0; j < x->couplings.n; j++) {
    const IrCoupling *c = &x->couplings.at[j];
    add_used(m, a, c->link.weight_kernel);
    add_used(m, a, c->link.chance);
    for (uint32_t l = 0; l < c->sights.n; l++) add_used(m, a, c->sights.at[l].kernel);
    for (uint32_t l = 0; l < c->begins.n; l++) add_used(m, a, c->begins.at[l].kernel);
    add_used(m, a, c->flow);
    for (uint32_t l = 0; l < c->terms.n; l++) {
      add_used(m, a, c->terms.at[l].pre);
      add_used(m, a, c->terms.at[l].post);
      add_used(m, a, c->terms.at[l].delay_kernel);
    }
  }
  for (uint32_t j = 0; j < x->measures.n; j++)
    for (uint32_t l = 0; l < x->measures.at[j].items.n; l++) add_used(m, a, x->measures.at[j].items.at[l].kernel);
  add_used(m, a, x->judge);
  for (uint32_t j = 0; j < x->records.n; j++)
    for (uint32_t l = 0; l < x->records.at[j].items.n; l++)
      add_used(m, a, x->records.at[j].items.at[l].kernel);
}

static void fit_used(IrModule *m, Arena *a, const IrFit *f) {
  experiment_used(m, a, f->x);
  if (f->differentiated) experiment_used(m, a, f->differentiated);
  for (uint32_t i = 0; i < f->marches.n; i++) {
    const IrMarch *march = f->marches.at[i];
    const IrMarchForm *const forms[] = {&march->plain, &march->gradient, &march->direction, &march->curvature, &march->tangent};
    const IrMarchBack *const ways[] = {&march->reverse, &march->hessian};
    for (size_t k = 0; k < COUNT_OF(forms); k++) {
      add_used(m, a, forms[k]->begin);
      add_used(m, a, forms[k]->march);
    }
    for (size_t k = 0; k < COUNT_OF(ways); k++) {
      add_used(m, a, ways[k]->record);
      add_used(m, a, ways[k]->back);
      add_used(m, a, ways[k]->end);
    }
    for (uint32_t k = 0; k < march->terms.n; k++) {
      add_used(m, a, march->terms.at[k].value);
      add_used(m, a, march->terms.at[k].root);
      add_used(m, a, march->terms.at[k].given);
    }
  }
  for (uint32_t i = 0; i < f->stages.n; i++) add_used(m, a, f->stages.at[i].objective);
}

void ir_module_renumber(IrModule *m, Arena *a) {
  memset(&m->kernels, 0, sizeof m->kernels);
  for (uint32_t i = 0; i < m->classes.n; i++) {
    IrClass *c = m->classes.at[i];
    add_used(m, a, c->init);
    add_used(m, a, c->flow);
    add_used(m, a, c->jumps);
    for (uint32_t j = 0; j < c->receive.n; j++) add_used(m, a, c->receive.at[j]);
    add_used(m, a, c->test);
    add_used(m, a, c->fire);
    add_used(m, a, c->derive);
    add_used(m, a, c->step);
    add_used(m, a, c->finish);
    add_used(m, a, c->lumped);
    for (uint32_t j = 0; j < c->aheads.n; j++) add_used(m, a, c->aheads.at[j].shown), add_used(m, a, c->aheads.at[j].kernel);
    for (uint32_t j = 0; j < LEARNS; j++) add_used(m, a, c->learn[j]);
    if (c->back) add_used(m, a, c->back->record), add_used(m, a, c->back->back);
    for (uint32_t j = 0; j < c->pasts.n; j++) {
      add_used(m, a, c->pasts.at[j].value);
      add_used(m, a, c->pasts.at[j].delay);
    }
  }
  for (uint32_t i = 0; i < m->experiments.n; i++) experiment_used(m, a, m->experiments.at[i]);
  for (uint32_t i = 0; i < m->fits.n; i++) fit_used(m, a, m->fits.at[i]);
}

/* ---- equality */

static bool slot_equal(const IrSlot *a, const IrSlot *b) {
  return a->kind == b->kind && a->index == b->index && a->type == b->type && dim_eq(a->dim, b->dim) &&
         a->settable == b->settable && a->alike == b->alike && a->lag == b->lag;
}

static bool ins_equal(const IrIns *a, const IrIns *b) {
  return a->op == b->op && a->type == b->type && a->slot == b->slot &&
         memcmp(a->arg, b->arg, sizeof a->arg) == 0 && memcmp(&a->num, &b->num, sizeof a->num) == 0 &&
         dim_eq(a->dim, b->dim);
}

bool ir_kernel_equal(const IrKernel *a, const IrKernel *b) {
  if (a->kind != b->kind || a->slots.n != b->slots.n || a->ins.n != b->ins.n) return false;
  for (uint32_t i = 0; i < a->slots.n; i++)
    if (!slot_equal(&a->slots.at[i], &b->slots.at[i])) return false;
  for (uint32_t i = 0; i < a->ins.n; i++)
    if (!ins_equal(&a->ins.at[i], &b->ins.at[i])) return false;
  return true;
}

/* Fits of an IrModule -> struct nsl_fit (runtime/abi.def): recordings, terms, marches, stages of optimizers. */
#include <string.h>

#include "codegen/table.h"

static void sweeps_of(Table *t, const MRecording *m, struct nsl_recording *out) {
  FILL(t, out->n_sweeps, sweeps, sweep, m->sweeps.n + m->validation.n);
  for (uint32_t i = 0; i < out->n_sweeps; i++) {
    bool fitted = i < m->sweeps.n;
    const MSweep *sweep = fitted ? &m->sweeps.at[i] : &m->validation.at[i - m->sweeps.n];
    sweeps[i] = (struct nsl_sweep){table_text(t, sweep->path), table_text(t, sweep->sweep),
                                   table_place(t, sweep->span), !fitted, sweep->cell};
  }
  out->sweeps = sweeps;
}

static struct nsl_sweep_column sweep_column_of(Table *t, const MSweepColumn *c) {
  return (struct nsl_sweep_column){name_str(t->s, c->name), table_text(t, c->unit), c->unit_scale,
                                   table_dim(t, c->dim), c->time, table_place(t, c->span)};
}

static struct nsl_sweep_events sweep_events_of(Table *t, const MSweepEvents *e) {
  return (struct nsl_sweep_events){name_str(t->s, e->name),
                                   table_text(t, e->unit),
                                   e->unit_scale,
                                   e->crossings ? e->column : NSL_NONE,
                                   e->level,
                                   table_place(t, e->span)};
}

static struct nsl_recording recording_of(Table *t, const MRecording *m) {
  struct nsl_recording out = {
      .name = table_text(t, m->name), .form = (uint32_t)m->form, .place = table_place(t, m->span)};
  sweeps_of(t, m, &out);
  EACH(t, &out, columns, sweep_column, m->columns, sweep_column_of);
  EACH(t, &out, events, sweep_events, m->events, sweep_events_of);
  return out;
}

static struct nsl_sample sample_of(Table *t, const IrSample *p) {
  (void)t;
  return (struct nsl_sample){(uint32_t)p->kind, p->column, p->term};
}

static struct nsl_term term_of(Table *t, const IrTerm *p) {
  const MTerm *m = p->term;
  bool residual = m->kind == TERM_RESIDUAL;
  return (struct nsl_term){.text = table_text(t, m->text),
                           .place = table_place(t, m->span),
                           .residual = residual,
                           .column = residual ? m->column : NSL_NONE,
                           .measure = p->measure,
                           .over = p->over,
                           .from = p->from,
                           .to = p->to,
                           .except = m->around[0] ? m->except : NSL_NONE,
                           .except_from = p->around[0],
                           .except_to = p->around[1],
                           .likelihood = m->kind == TERM_LOGLIK,
                           .summed = m->kind == TERM_LOGLIK ||
                                     (m->kind == TERM_FEATURE && m->feature != FEATURE_VAN_ROSSUM),
                           .square = term_is_square(m),
                           .constraint = m->kind == TERM_CONSTRAINT,
                           .sum = p->sum,
                           .gradient = p->gradient,
                           .curvature = p->curvature};
}

static struct nsl_march_form form_of(Table *t, const IrMarchForm *f) {
  return (struct nsl_march_form){table_code(t, f->begin), table_code(t, f->march), f->n_states, f->n_rings};
}

static struct nsl_march_back back_of(Table *t, const IrMarchBack *b) {
  return (struct nsl_march_back){table_code(t, b->record), table_code(t, b->back), table_code(t, b->end), b->n_tape,
                                 b->n_states};
}

static struct nsl_lag lag_of(Table *t, const IrLag *p) {
  return (struct nsl_lag){table_text(t, p->name), table_place(t, p->span), p->delay, p->steps, p->free, p->fixed};
}

static const uint32_t *ring_lags_of(Table *t, const IrMarch *m) {
  uint32_t *lags = NEW_ARRAY(t->a, uint32_t, m->plain.n_rings + 1);
  for (uint32_t i = 0; i < m->plain.march->slots.n; i++) {
    const IrSlot *slot = &m->plain.march->slots.at[i];
    if (slot->kind == SLOT_RING) lags[slot->index] = slot->lag ? slot->lag - 1 : NSL_NONE;
  }
  return lags;
}

static struct nsl_march march_of(Table *t, IrMarch *const *p) {
  const IrMarch *m = *p;
  struct nsl_march out = {.class_index = m->class->index};
  EACH(t, &out, samples, sample, m->samples, sample_of);
  EACH(t, &out, terms, term, m->terms, term_of);
  EACH(t, &out, lags, lag, m->lags, lag_of);
  out.n_ring_lags = m->plain.n_rings;
  out.ring_lags = ring_lags_of(t, m);
  out.plain = form_of(t, &m->plain);
  out.gradient = form_of(t, &m->gradient);
  out.direction = form_of(t, &m->direction);
  out.curvature = form_of(t, &m->curvature);
  out.reverse = back_of(t, &m->reverse);
  out.tangent = form_of(t, &m->tangent);
  out.hessian = back_of(t, &m->hessian);
  return out;
}

/* All options of the stage's optimizer: as given, else as optimizers.def says. */
static void options_of(Table *t, const MStage *m, struct nsl_stage *out) {
  static const struct {
    const char *option; /* NULL: the row of an optimizer, whose options follow */
    double given;
  } rows[] = {
#define OPTIMIZER(id, name, squares, doc) {NULL, 0},
#define OPTION(id, name, least, most, given, doc) {name, given},
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  };
  uint32_t at = 0, passed = 0;
  for (; at < COUNT_OF(rows) && passed <= (uint32_t)m->by; at++) passed += !rows[at].option;
  FILL(t, out->n_options, options, option, COUNT_OF(rows) - at);
  for (out->n_options = 0; at < COUNT_OF(rows) && rows[at].option; at++) {
    struct nsl_option *o = &options[out->n_options++];
    *o = (struct nsl_option){rows[at].option, rows[at].given};
    for (uint32_t i = 0; i < m->options.n; i++)
      if (!strcmp(name_str(t->s, m->options.at[i].name), o->name)) o->value = m->options.at[i].value;
  }
  out->options = options;
}

static struct nsl_stage stage_of(Table *t, const IrStage *p) {
  const MStage *m = p->stage;
  struct nsl_stage out = {.name = table_text(t, m->name),
                          .place = table_place(t, m->span),
                          .n_marches = p->marches.n,
                          .marches = table_numbers(t, p->marches.at, p->marches.n),
                          .n_measures = p->measures.n,
                          .measures = table_numbers(t, p->measures.at, p->measures.n),
                          .objective = table_code(t, p->objective),
                          .loss = p->loss,
                          .n_named = p->named.n,
                          .named = table_numbers(t, p->named.at, p->named.n),
                          .n_named_by = p->named_by.n,
                          .named_by = table_numbers(t, p->named_by.at, p->named_by.n),
                          .n_slopes = p->slopes.n,
                          .slopes = table_numbers(t, p->slopes.at, p->slopes.n),
                          .n_bends = p->bends.n,
                          .bends = table_numbers(t, p->bends.at, p->bends.n),
                          .squares = m->squares.n,
                          .optimizer = (uint32_t)m->by,
                          .starts = m->starts,
                          .n_searched = m->searched.n,
                          .searched = table_numbers(t, m->searched.at, m->searched.n)};
  options_of(t, m, &out);
  return out;
}

struct nsl_fit table_fit(Table *t, IrFit *const *p) {
  const IrFit *f = *p;
  const MFit *m = f->fit;
  struct nsl_fit out = {.x = table_experiment(t, f->x),
                        .name = name_str(t->s, m->name),
                        .doc = table_text(t, m->doc),
                        .place = table_place(t, m->span),
                        .network = m->network,
                        .data = recording_of(t, &m->data),
                        .spikes = m->spikes == MODEL_NO_EVENTS ? NSL_NONE : (uint32_t)m->spikes};
  FILL(t, out.n_free, free, free, f->free.n);
  for (uint32_t i = 0; i < f->free.n; i++) {
    const MFree *q = &m->free.at[i];
    free[i] = (struct nsl_free){name_str(t->s, q->path),
                                table_text(t, q->unit),
                                q->unit_scale,
                                table_place(t, q->span),
                                q->per_sweep,
                                q->per_cell,
                                q->field,
                                q->spread,
                                f->free.at[i].value,
                                f->free.at[i].lo,
                                f->free.at[i].hi,
                                f->free.at[i].mean,
                                f->free.at[i].sd,
                                f->free.at[i].others.n,
                                table_numbers(t, f->free.at[i].others.at, f->free.at[i].others.n),
                                f->free.at[i].weights.n,
                                table_numbers(t, f->free.at[i].weights.at, f->free.at[i].weights.n)};
  }
  out.free = free;
  EACH(t, &out, marches, march, f->marches, march_of);
  EACH(t, &out, stages, stage, f->stages, stage_of);
  out.has_derivatives = f->differentiated != NULL;
  out.reverse = f->reverse;
  out.relaxed = t->s->relaxed;
  if (f->differentiated) out.differentiated = table_experiment(t, f->differentiated);
  out.n_derivatives = f->derivatives.n;
  out.derivatives = table_numbers(t, f->derivatives.at, f->derivatives.n);
  out.n_follow = f->follow.n;
  out.follow = table_numbers(t, f->follow.at, f->follow.n);
  return out;
}

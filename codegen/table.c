/* IrModule -> struct nsl_program (runtime/abi.def): what the runtime must know of a model, as plain C structs
 * in an arena. Kernel and hot pointers (`levels`) are not filled in here: objects get them by relocation
 * (constant.c), the JIT by look-up. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/unit.h"
#include "math/math.h"

typedef struct {
  Session *s;
  Arena *a;
  bool f32;
} Table;

/* An array of n structs for the table: ret_n and pointer at once. */
#define FILL(t, n_field, field, T, count) \
  struct nsl_##T *field = NEW_ARRAY((t)->a, struct nsl_##T, (count) ? (count) : 1); \
  (n_field) = (uint32_t)(count)

static const char *text_of(Table *t, Name n) { return name_none(n) ? NULL : name_str(t->s, n); }

static const char *place_of(Table *t, Span span) {
  if (span.to == 0) return NULL;
  Place p = source_place(t->s, span.from);
  return p.source ? arena_printf(t->a, "%s:%u:%u", p.source->path, p.line, p.column) : NULL;
}

static const char *hash_text(Table *t, uint64_t h) { return arena_printf(t->a, "%016" PRIx64, h); }
static uint64_t path_hash(Table *t, Name path) {
  const char *text = name_str(t->s, path);
  return nslm_hash(text, strlen(text), 0);
}

static struct nsl_code code_of(Table *t, const IrKernel *k) {
  struct nsl_code code = {.kernel = NSL_NONE};
  if (!k || (t->f32 && k->kind == KERNEL_SYNAPSE_F32)) return code;
  FILL(t, code.n_bindings, bindings, binding, k->slots.n);
  for (uint32_t i = 0; i < k->slots.n; i++)
    bindings[i] = (struct nsl_binding){(uint32_t)k->slots.at[i].kind, k->slots.at[i].index};
  code.bindings = bindings;
  code.kernel = k->index;
  return code;
}

static const char *const *texts_of(Table *t, const Name *names, uint32_t n) {
  const char **texts = NEW_ARRAY(t->a, const char *, n + 1);
  for (uint32_t i = 0; i < n; i++) texts[i] = name_str(t->s, names[i]);
  return texts;
}

static const uint32_t *numbers_of(Table *t, const uint32_t *at, uint32_t n) {
  uint32_t *copy = NEW_ARRAY(t->a, uint32_t, n + 1);
  for (uint32_t i = 0; i < n; i++) copy[i] = at[i];
  return copy;
}

/* ---- classes */
static void class_states(Table *t, const IrClass *c, struct nsl_class *out) {
  FILL(t, out->n_states, states, state, c->states.n);
  for (uint32_t i = 0; i < c->states.n; i++) {
    const MVar *v = c->states.at[i].var;
    states[i] = (struct nsl_state){name_str(t->s, v->name),
                                   text_of(t, v->doc),
                                   text_of(t, v->unit),
                                   v->unit_scale,
                                   place_of(t, v->equation ? v->equation_span : v->span),
                                   text_of(t, c->states.at[i].method),
                                   text_of(t, c->states.at[i].failure),
                                   (uint32_t)v->per};
  }
  out->states = states;
}

static void class_ports(Table *t, const IrClass *c, struct nsl_class *out) {
  FILL(t, out->n_ports, ports, port, c->ports.n);
  for (uint32_t i = 0; i < c->ports.n; i++) {
    const MPort *p = c->ports.at[i].port;
    ports[i] = (struct nsl_port){name_str(t->s, p->name), p->n_args ? text_of(t, p->arg_unit) : NULL,
                                 p->n_args ? p->arg_unit_scale : 1, p->n_args, c->ports.at[i].scale_u,
                                 !c->ports.at[i].additive, code_of(t, c->receive.at[i]),
                                 c->ports.at[i].straight + 1};
  }
  out->ports = ports;
}

static bool draws(const IrKernel *k) {
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (ir_ops[k->ins.at[i].op].flags & IRF_DRAW) return true;
  return false;
}

static void class_back(Table *t, const IrNetBack *b, struct nsl_net_back *out) {
  out->record = code_of(t, b ? b->record : NULL);
  out->back = code_of(t, b ? b->back : NULL);
  if (!b) return;
  out->n_tape = b->n_tape;
  out->n_states = b->n_states;
  out->n_active = b->n_active;
  FILL(t, out->n_params, params, back_param, b->params.n);
  for (uint32_t i = 0; i < b->params.n; i++)
    params[i] = (struct nsl_back_param){(uint32_t)b->params.at[i].kind, b->params.at[i].index};
  out->params = params;
  out->n_measures = b->measures.n;
  out->measures = numbers_of(t, b->measures.at, b->measures.n);
  out->n_by = b->by.n;
  out->by = numbers_of(t, b->by.at, b->by.n);
  out->n_begin = b->begin.n;
  out->begin = numbers_of(t, b->begin.at, b->begin.n);
}

static struct nsl_class class_of(Table *t, const IrClass *c) {
  struct nsl_class out = {.name = name_str(t->s, c->name),
                          .n_uniforms = c->uniforms.n,
                          .has_spike = c->has_spike,
                          .has_prev = c->has_prev};
  class_states(t, c, &out);
  class_ports(t, c, &out);
  Name *params = NEW_ARRAY(t->a, Name, c->elem_params.n + 1);
  for (uint32_t i = 0; i < c->elem_params.n; i++) params[i] = c->elem_params.at[i]->name;
  out.n_params = c->elem_params.n;
  out.params = texts_of(t, params, c->elem_params.n);
  Name *inputs = NEW_ARRAY(t->a, Name, c->inputs.n + 1), *units = NEW_ARRAY(t->a, Name, c->inputs.n + 1);
  for (uint32_t i = 0; i < c->inputs.n; i++) {
    inputs[i] = c->inputs.at[i]->name;
    units[i] = c->inputs.at[i]->unit;
  }
  out.n_inputs = out.n_input_units = c->inputs.n;
  out.inputs = texts_of(t, inputs, c->inputs.n);
  out.input_units = texts_of(t, units, c->inputs.n);
  FILL(t, out.n_holds, holds, hold, c->holds.n);
  for (uint32_t i = 0; i < c->holds.n; i++) holds[i].steps_u = c->holds.at[i].steps_u;
  out.holds = holds;
  FILL(t, out.n_pasts, pasts, past, c->pasts.n);
  for (uint32_t i = 0; i < c->pasts.n; i++)
    pasts[i] = (struct nsl_past){name_str(t->s, c->pasts.at[i].name), place_of(t, c->pasts.at[i].span),
                                 code_of(t, c->pasts.at[i].value), code_of(t, c->pasts.at[i].delay)};
  out.pasts = pasts;
  out.init = code_of(t, c->init);
  out.derive = code_of(t, c->derive);
  out.step = code_of(t, c->step);
  out.finish = code_of(t, c->finish);
  out.has_finish = c->finish != NULL;
  out.lumped = code_of(t, c->lumped);
  out.synaptic = c->synaptic;
  out.stepped = c->stepped;
  out.elapsed = c->elapsed;
  out.since = c->since;
  out.signalled = c->signalled;
  out.n_drawn = c->drawn.n;
  out.drawn = numbers_of(t, c->drawn.at, c->drawn.n);
  uint32_t n_learn = c->synaptic ? LEARNS : 0;
  FILL(t, out.n_learn, learn, code, n_learn);
  for (uint32_t i = 0; i < out.n_learn; i++) learn[i] = code_of(t, c->learn[i]);
  out.learn = learn;
#define PAIRS(f)                                                                                  \
  FILL(t, out.n_##f, f, pair, c->f.n);                                                           \
  for (uint32_t i = 0; i < c->f.n; i++) f[i] = (struct nsl_pair){c->f.at[i].kept, c->f.at[i].gone}; \
  out.f = f
  PAIRS(lumped_states);
  PAIRS(lumped_ports);
  PAIRS(lumped_equal);
#undef PAIRS
  out.rests = !ir_never_rests(c);
  out.n_lanes = c->n_lanes;
  out.lane = c->lane;
  out.n_carried = c->carried.n;
  out.carried = numbers_of(t, c->carried.at, c->carried.n);
  for (uint32_t i = 0; i < c->receive.n; i++) out.numbered |= c->receive.at[i] && draws(c->receive.at[i]);
  class_back(t, c->back, &out.back);
  return out;
}

/* ---- experiments */
static const char *dim_numbers(Table *t, Dim dim) {
  const int16_t *e = dim.e;
  return arena_printf(t->a, "%d %d %d %d %d %d", e[0], e[1], e[2], e[3], e[4], e[5]);
}

static struct nsl_param param_of(Table *t, const IrParam *p) {
  struct nsl_param out = {.path = name_str(t->s, p->path),
                          .doc = text_of(t, p->doc),
                          .unit = text_of(t, p->unit),
                          .unit_scale = p->unit_scale,
                          .place = place_of(t, p->span),
                          .slot = p->slot,
                          .lo = p->lo,
                          .hi = p->hi,
                          .open_lo = p->open_lo,
                          .open_hi = p->open_hi,
                          .integer = p->integer,
                          .n_labels = p->labels.n,
                          .labels = texts_of(t, p->labels.at, p->labels.n)};
  out.dim = dim_numbers(t, p->dim);
  return out;
}

static struct nsl_slice slice_of(const IrSlice *s) { return (struct nsl_slice){s->pop, s->from, s->to}; }

static struct nsl_column column_of(Table *t, const IrColumn *c) {
  struct nsl_column out = {.place = place_of(t, c->column->span),
                           .part = !c->column->values && name_none(c->column->node),
                           .from = c->from,
                           .to = c->to,
                           .node = text_of(t, c->column->node)};
  if (!c->column->values) return out;
  FILL(t, out.n_values, values, number, c->column->n);
  for (uint32_t i = 0; i < c->column->n; i++) values[i].value = c->column->values[i];
  out.values = values;
  return out;
}

static struct nsl_data data_of(Table *t, const MData *f) {
  return (struct nsl_data){text_of(t, f->path), place_of(t, f->span), f->spikes, text_of(t, f->population),
                           text_of(t, f->time), text_of(t, f->value), f->time_scale, f->value_scale,
                           dim_numbers(t, f->dim)};
}

static struct nsl_place place_of_cells(Table *t, const IrPopulation *p) {
  const MPlace *m = &p->pop->place;
  return (struct nsl_place){.has = m->has,
                            .kind = (uint32_t)m->kind,
                            .periodic = m->periodic,
                            .n_axes = m->n_axes,
                            .n_slots = COUNT_OF(p->place),
                            .slots = numbers_of(t, p->place, COUNT_OF(p->place)),
                            .file = data_of(t, &m->file),
                            .types = data_of(t, &m->types)};
}

static struct nsl_population population_of(Table *t, const IrPopulation *p) {
  uint32_t n_columns;
  FILL(t, n_columns, columns, column, p->columns.n);
  for (uint32_t i = 0; i < n_columns; i++) columns[i] = column_of(t, &p->columns.at[i]);
  return (struct nsl_population){name_str(t->s, p->pop->path),
                                 text_of(t, p->pop->base),
                                 p->class->index,
                                 p->size,
                                 p->block,
                                 p->pop->parts,
                                 p->pop->every,
                                 path_hash(t, p->pop->path),
                                 place_of(t, p->pop->span),
                                 n_columns,
                                 columns,
                                 place_of_cells(t, p)};
}

static struct nsl_field field_of(Table *t, const MPairField *f) {
  return (struct nsl_field){(uint32_t)f->kind, f->axis, data_of(t, &f->file)};
}

static struct nsl_projection projection_of(Table *t, const IrProjection *p) {
  const MProjection *m = p->proj;
  uint32_t n_fields;
  FILL(t, n_fields, fields, field, m->fields.n);
  for (uint32_t i = 0; i < n_fields; i++) fields[i] = field_of(t, &m->fields.at[i]);
  const MVar *w = m->plastic ? m->plastic->weight : NULL;
  uint32_t n_seen;
  FILL(t, n_seen, seen, seen, p->seen.n);
  for (uint32_t i = 0; i < n_seen; i++)
    seen[i] = (struct nsl_seen){p->seen.at[i].inner, p->seen.at[i].outer, p->seen.at[i].before,
                                (uint32_t)p->seen.at[i].side};
  uint32_t n_third;
  FILL(t, n_third, third, projection, p->third ? 1 : 0);
  if (n_third) third[0] = projection_of(t, p->third);
  uint32_t n_follows;
  FILL(t, n_follows, follows, followed, p->follows.n);
  for (uint32_t i = 0; i < n_follows; i++)
    follows[i] = (struct nsl_followed){p->follows.at[i].state, p->follows.at[i].value,
                                       p->follows.at[i].count};
  return (struct nsl_projection){.cells = p->cells + 1,
                                 .axonal = p->axonal,
                                 .weight_state = p->weight_state,
                                 .n_seen = n_seen,
                                 .seen = seen,
                                 .n_third = n_third,
                                 .third = third,
                                 .n_afters = p->afters.n,
                                 .afters = numbers_of(t, p->afters.at, p->afters.n),
                                 .n_follows = n_follows,
                                 .follows = follows,
                                 .n_fed = p->fed.n,
                                 .fed = numbers_of(t, p->fed.at, p->fed.n),
                                 .weight_unit = w ? text_of(t, w->unit) : NULL,
                                 .weight_unit_scale = w ? w->unit_scale : 1,
                                 .path = name_str(t->s, m->path),
                                 .place = place_of(t, m->span),
                                 .path_hash = path_hash(t, m->path),
                                 .along = p->along,
                                 .source = slice_of(&p->source),
                                 .target = slice_of(&p->target),
                                 .port = m->port,
                                 .rule = (uint32_t)m->rule,
                                 .rule_arg = p->rule_arg,
                                 .no_self = m->no_self,
                                 .no_multiple = m->no_multiple,
                                 .cond = p->cond,
                                 .weight = p->weight,
                                 .delay = p->delay,
                                 .weight_lo = p->weight_lo,
                                 .weight_hi = p->weight_hi,
                                 .block = p->block,
                                 .weight_code = code_of(t, p->weight_kernel),
                                 .delay_code = code_of(t, p->delay_kernel),
                                 .weight_f32 = code_of(t, p->weight_f32),
                                 .delay_f32 = code_of(t, p->delay_f32),
                                 .chance = code_of(t, p->chance),
                                 .bound = code_of(t, p->bound),
                                 .likely = code_of(t, p->likely),
                                 .file = data_of(t, &m->file),
                                 .types = data_of(t, &m->types),
                                 .source_first = p->first[0],
                                 .target_first = p->first[1],
                                 .source_ids = p->ids[0],
                                 .target_ids = p->ids[1],
                                 .n_fields = n_fields,
                                 .fields = fields,
                                 .of = m->third ? m->third->of->index + 1 : 0,
                                 .share = p->share,
                                 .blocks = m->third && m->third->blocks,
                                 .back = m->third && m->third->back,
                                 .third_hash = m->third ? path_hash(t, m->third->path) : 0};
}

static struct nsl_drive drive_of(Table *t, const IrDrive *d) {
  const MDrive *m = d->drive;
  struct nsl_drive out = {.path = name_str(t->s, m->path),
                            .place = place_of(t, m->span),
                            .path_hash = path_hash(t, m->path),
                            .kind = (uint32_t)m->kind,
                            .target = slice_of(&d->target),
                            .port = m->port < 0 ? NSL_NONE : (uint32_t)m->port,
                            .input = d->input,
                            .value = d->value,
                            .code = code_of(t, d->kernel),
                            .each = d->each,
                            .steady = d->steady,
                            .n_processes = d->n_processes,
                            .block = d->block,
                            .n_times = d->times.n,
                            .times = d->times.at,
                            .n_weights = d->weights.n,
                            .weights = d->weights.at,
                            .weight = d->weight,
                            .delay = d->delay,
                            .weight_code = code_of(t, d->weight_kernel),
                            .delay_code = code_of(t, d->delay_kernel),
                            .cond = d->cond,
                            .from = d->from,
                            .to = d->to};
  FILL(t, out.n_drawn, drawn, code, d->drawn.n);
  for (uint32_t i = 0; i < d->drawn.n; i++) drawn[i] = code_of(t, d->drawn.at[i]);
  out.drawn = drawn;
  FILL(t, out.n_data, data, data, m->files.n);
  for (uint32_t i = 0; i < m->files.n; i++) data[i] = data_of(t, &m->files.at[i]);
  out.data = data;
  return out;
}

static struct nsl_record record_of(Table *t, const IrRecord *r) {
  const MRecord *m = r->record;
  struct nsl_record out = {.name = name_str(t->s, m->name),
                           .place = place_of(t, m->span),
                           .kind = (uint32_t)m->kind,
                           .unit = text_of(t, m->unit),
                           .unit_scale = m->unit_scale,
                           .every = r->every};
  FILL(t, out.n_links, links, recorded, m->links.n);
  for (uint32_t i = 0; i < m->links.n; i++)
    links[i] = (struct nsl_recorded){m->links.at[i].index, m->links.at[i].streams, r->states.at[i]};
  out.links = links;
  FILL(t, out.n_items, items, record_item, r->items.n);
  for (uint32_t i = 0; i < r->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&r->items.at[i].slice), code_of(t, r->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_measure measure_of(Table *t, const IrMeasure *x) {
  const MMeasure *m = x->measure;
  struct nsl_measure out = {.text = name_str(t->s, m->global->path),
                            .place = place_of(t, m->span),
                            .kind = (uint32_t)m->kind,
                            .slot = x->slot,
                            .argument = x->argument,
                            .after = x->after,
                            .until = x->until};
  FILL(t, out.n_items, items, record_item, x->items.n);
  for (uint32_t i = 0; i < x->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&x->items.at[i].slice), code_of(t, x->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_expect expect_of(Table *t, const IrExpect *x) {
  const MExpect *m = x->expect;
  return (struct nsl_expect){.text = name_str(t->s, m->text),
                             .place = place_of(t, m->span),
                             .value = x->value,
                             .lo = x->lo,
                             .hi = x->hi,
                             .open_lo = m->interval.open_lo,
                             .open_hi = m->interval.open_hi,
                             .unit = text_of(t, m->unit),
                             .unit_scale = m->unit_scale};
}

static struct nsl_feed feed_of(Table *t, const IrFeed *x) {
  struct nsl_feed out = {.to = x->to, .input = x->input, .sum = x->feed->sum};
  FILL(t, out.n_items, items, record_item, x->items.n);
  for (uint32_t i = 0; i < x->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&x->items.at[i].slice), code_of(t, x->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_stream_term stream_term_of(Table *t, const IrStreamTerm *x, const IrClass *pre,
                                             const IrClass *post) {
  return (struct nsl_stream_term){x->factor,
                                  x->weighted,
                                  code_of(t, x->pre),
                                  code_of(t, x->post),
                                  code_of(t, ir_ahead(pre, x->pre)),
                                  code_of(t, ir_ahead(post, x->post)),
                                  x->delayed,
                                  x->delay,
                                  code_of(t, x->delay_kernel)};
}

static struct nsl_coupling coupling_of(Table *t, const IrExperiment *of, const IrCoupling *x) {
  const IrClass *ends[2] = {of->populations.at[x->link.source.pop].class,
                            of->populations.at[x->link.target.pop].class};
  const MCoupling *m = x->coupling;
  struct nsl_coupling out = {.link = projection_of(t, &x->link),
                             .input = x->input,
                             .undirected = m->undirected,
                             .reversed = m->reversed,
                             .once = m->once};
  out.link.weight_unit = m->weight ? text_of(t, m->weight->unit) : NULL;
  out.link.weight_unit_scale = m->weight ? m->weight->unit_scale : 1;
  FILL(t, out.n_terms, terms, stream_term, x->terms.n);
  for (uint32_t i = 0; i < x->terms.n; i++)
    terms[i] = stream_term_of(t, &x->terms.at[i], ends[m->reversed], ends[!m->reversed]);
  out.terms = terms;
  FILL(t, out.n_sights, sights, sight, x->sights.n);
  for (uint32_t i = 0; i < x->sights.n; i++)
    sights[i] = (struct nsl_sight){x->sights.at[i].input, x->sights.at[i].pre,
                                   code_of(t, x->sights.at[i].kernel)};
  out.sights = sights;
  FILL(t, out.n_begins, begins, begin, x->begins.n);
  for (uint32_t i = 0; i < x->begins.n; i++)
    begins[i] = (struct nsl_begin){x->begins.at[i].state, code_of(t, x->begins.at[i].kernel)};
  out.begins = begins;
  out.flow = code_of(t, x->flow);
  return out;
}

/* One array of an experiment: count and structs, each by its function. */
#define EACH(t, out, field, T, list, of)                                    \
  do {                                                                      \
    FILL(t, (out)->n_##field, all_##field, T, (list).n);                    \
    for (uint32_t i_ = 0; i_ < (list).n; i_++) all_##field[i_] = of(t, &(list).at[i_]); \
    (out)->field = all_##field;                                             \
  } while (0)

static struct nsl_phase phase_of(Table *t, const MPhase *p) {
  return (struct nsl_phase){.name = text_of(t, p->name),
                            .duration = IR_NONE,
                            .n_frozen = p->frozen.n,
                            .frozen = numbers_of(t, p->frozen.at, p->frozen.n)};
}

static struct nsl_experiment experiment_of(Table *t, const IrExperiment *x) {
  const MExperiment *m = x->experiment;
  struct nsl_experiment out = {.name = name_str(t->s, m->name),
                               .subject = name_str(t->s, m->subject),
                               .doc = text_of(t, m->doc),
                               .subject_doc = text_of(t, m->subject_doc),
                               .n_globals = x->n_globals,
                               .setup = code_of(t, x->setup),
                               .draws = draws(x->setup),
                               .dt = x->dt,
                               .seed = x->seed,
                               .seed_last = x->seed_last,
                               .connectivity = m->connectivity,
                               .joint = !m->joint ? 0 : m->tolerance > 0 ? m->tolerance : IR_JOINT_TOLERANCE};
  EACH(t, &out, params, param, x->params, param_of);
  EACH(t, &out, populations, population, x->populations, population_of);
  EACH(t, &out, synapses, population, x->synapses, population_of);
  EACH(t, &out, projections, projection, x->projections, projection_of);
  EACH(t, &out, drives, drive, x->drives, drive_of);
  EACH(t, &out, records, record, x->records, record_of);
  EACH(t, &out, feeds, feed, x->feeds, feed_of);
  FILL(t, out.n_couplings, couplings, coupling, x->couplings.n);
  for (uint32_t i = 0; i < x->couplings.n; i++) couplings[i] = coupling_of(t, x, &x->couplings.at[i]);
  out.couplings = couplings;
  EACH(t, &out, phases, phase, m->phases, phase_of);
  for (uint32_t i = 0; i < out.n_phases; i++) ((struct nsl_phase *)out.phases)[i].duration = x->phases.at[i];
  EACH(t, &out, measures, measure, x->measures, measure_of);
  EACH(t, &out, expects, expect, x->expects, expect_of);
  out.judge = code_of(t, x->judge);
  return out;
}

/* ---- fits */
static void sweeps_of(Table *t, const MRecording *m, struct nsl_recording *out) {
  FILL(t, out->n_sweeps, sweeps, sweep, m->sweeps.n + m->validation.n);
  for (uint32_t i = 0; i < out->n_sweeps; i++) {
    bool fitted = i < m->sweeps.n;
    const MSweep *sweep = fitted ? &m->sweeps.at[i] : &m->validation.at[i - m->sweeps.n];
    sweeps[i] = (struct nsl_sweep){text_of(t, sweep->path), text_of(t, sweep->sweep),
                                   place_of(t, sweep->span), !fitted, sweep->cell};
  }
  out->sweeps = sweeps;
}

static struct nsl_sweep_column sweep_column_of(Table *t, const MSweepColumn *c) {
  return (struct nsl_sweep_column){name_str(t->s, c->name), text_of(t, c->unit), c->unit_scale,
                                   dim_numbers(t, c->dim), c->time, place_of(t, c->span)};
}

static struct nsl_sweep_events sweep_events_of(Table *t, const MSweepEvents *e) {
  return (struct nsl_sweep_events){name_str(t->s, e->name),
                                   text_of(t, e->unit),
                                   e->unit_scale,
                                   e->crossings ? e->column : NSL_NONE,
                                   e->level,
                                   place_of(t, e->span)};
}

static struct nsl_recording recording_of(Table *t, const MRecording *m) {
  struct nsl_recording out = {
      .name = text_of(t, m->name), .form = (uint32_t)m->form, .place = place_of(t, m->span)};
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
  return (struct nsl_term){.text = text_of(t, m->text),
                           .place = place_of(t, m->span),
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
  return (struct nsl_march_form){code_of(t, f->begin), code_of(t, f->march), f->n_states, f->n_rings};
}

static struct nsl_march_back back_of(Table *t, const IrMarchBack *b) {
  return (struct nsl_march_back){code_of(t, b->record), code_of(t, b->back), code_of(t, b->end), b->n_tape,
                                 b->n_states};
}

static struct nsl_lag lag_of(Table *t, const IrLag *p) {
  return (struct nsl_lag){text_of(t, p->name), place_of(t, p->span), p->delay, p->steps, p->free, p->fixed};
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
  struct nsl_stage out = {.name = text_of(t, m->name),
                          .place = place_of(t, m->span),
                          .n_marches = p->marches.n,
                          .marches = numbers_of(t, p->marches.at, p->marches.n),
                          .n_measures = p->measures.n,
                          .measures = numbers_of(t, p->measures.at, p->measures.n),
                          .objective = code_of(t, p->objective),
                          .loss = p->loss,
                          .n_named = p->named.n,
                          .named = numbers_of(t, p->named.at, p->named.n),
                          .n_named_by = p->named_by.n,
                          .named_by = numbers_of(t, p->named_by.at, p->named_by.n),
                          .n_slopes = p->slopes.n,
                          .slopes = numbers_of(t, p->slopes.at, p->slopes.n),
                          .n_bends = p->bends.n,
                          .bends = numbers_of(t, p->bends.at, p->bends.n),
                          .squares = m->squares.n,
                          .optimizer = (uint32_t)m->by,
                          .starts = m->starts,
                          .n_searched = m->searched.n,
                          .searched = numbers_of(t, m->searched.at, m->searched.n)};
  options_of(t, m, &out);
  return out;
}

static struct nsl_fit fit_of(Table *t, IrFit *const *p) {
  const IrFit *f = *p;
  const MFit *m = f->fit;
  struct nsl_fit out = {.x = experiment_of(t, f->x),
                        .name = name_str(t->s, m->name),
                        .doc = text_of(t, m->doc),
                        .place = place_of(t, m->span),
                        .network = m->network,
                        .data = recording_of(t, &m->data),
                        .spikes = m->spikes == MODEL_NO_EVENTS ? NSL_NONE : (uint32_t)m->spikes};
  FILL(t, out.n_free, free, free, f->free.n);
  for (uint32_t i = 0; i < f->free.n; i++) {
    const MFree *q = &m->free.at[i];
    free[i] = (struct nsl_free){name_str(t->s, q->path),
                                text_of(t, q->unit),
                                q->unit_scale,
                                place_of(t, q->span),
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
                                numbers_of(t, f->free.at[i].others.at, f->free.at[i].others.n),
                                f->free.at[i].weights.n,
                                numbers_of(t, f->free.at[i].weights.at, f->free.at[i].weights.n)};
  }
  out.free = free;
  EACH(t, &out, marches, march, f->marches, march_of);
  EACH(t, &out, stages, stage, f->stages, stage_of);
  out.has_derivatives = f->differentiated != NULL;
  out.reverse = f->reverse;
  out.relaxed = t->s->relaxed;
  if (f->differentiated) out.differentiated = experiment_of(t, f->differentiated);
  out.n_derivatives = f->derivatives.n;
  out.derivatives = numbers_of(t, f->derivatives.at, f->derivatives.n);
  out.n_follow = f->follow.n;
  out.follow = numbers_of(t, f->follow.at, f->follow.n);
  return out;
}

static struct nsl_import import_of(Table *t, const MImport *i) {
  return (struct nsl_import){name_str(t->s, i->path), hash_text(t, i->hash)};
}

static uint32_t kernel_numbers(const IrModule *m) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->kernels.n; i++)
    if (m->kernels.at[i]->index >= n) n = m->kernels.at[i]->index + 1;
  return n;
}

/* The folder of a file as an absolute path, so that a program finds its data wherever it is started. */
static const char *folder_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *folder = slash ? arena_text(a, path, (size_t)(slash - path) + 1) : ".";
  char real[PATH_MAX];
  return realpath(folder, real) ? arena_text(a, real, strlen(real)) : folder;
}

static bool link_reads(const MProjection *p) { return !name_none(p->file.path) || p->fields.n; }

static bool reads_files(const IrModule *m) {
  if (m->fits.n) return true;
  for (uint32_t i = 0; i < m->experiments.n; i++) {
    const IrExperiment *x = m->experiments.at[i];
    for (uint32_t k = 0; k < x->populations.n; k++)
      if (!name_none(x->populations.at[k].pop->place.file.path)) return true;
    for (uint32_t k = 0; k < x->drives.n; k++)
      if (x->drives.at[k].drive->files.n) return true;
    for (uint32_t k = 0; k < x->projections.n; k++)
      if (link_reads(x->projections.at[k].proj)) return true;
    for (uint32_t k = 0; k < x->couplings.n; k++)
      if (link_reads(&x->couplings.at[k].coupling->link)) return true;
  }
  return false;
}

struct nsl_program *cg_table(Session *s, const IrModule *m, const CgOptions *options, Arena *a) {
  Table table = {.s = s, .a = a, .f32 = options->f32}, *t = &table;
  const Model *model = m->model;
  struct nsl_program *p = NEW(a, struct nsl_program);
  p->abi = NSL_ABI;
  p->f32 = options->f32;
  p->name = name_str(s, model->name);
  p->source = model->source->path;
  p->model_hash = hash_text(t, model->hash);
  p->source_hash = hash_text(t, nslm_hash(model->source->text, model->source->len, 0));
  unsigned major, minor, patch;
  LLVMGetVersion(&major, &minor, &patch);
  p->compiler = arena_printf(a, "nslc %s, LLVM %u.%u.%u", NSL_VERSION, major, minor, patch);
  p->built_for = options->cpu ? options->cpu : "native";
  EACH(t, p, imports, import, model->imports, import_of);
  FILL(t, p->n_classes, classes, class, m->classes.n);
  for (uint32_t i = 0; i < m->classes.n; i++) classes[i] = class_of(t, m->classes.at[i]);
  p->classes = classes;
  FILL(t, p->n_experiments, experiments, experiment, m->experiments.n);
  for (uint32_t i = 0; i < m->experiments.n; i++) experiments[i] = experiment_of(t, m->experiments.at[i]);
  p->experiments = experiments;
  EACH(t, p, fits, fit, m->fits, fit_of);
  if (reads_files(m)) p->folder = folder_of(a, model->source->path);
  p->n_kernels = kernel_numbers(m);
  return p;
}

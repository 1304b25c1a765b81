/* IrModule -> struct nsl_program (runtime/abi.def): what the runtime must know of a model, as plain C structs
 * in an arena. Kernel and hot pointers (`levels`) are not filled in here: objects get them by relocation
 * (constant.c), the JIT by look-up. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/table.h"
#include "math/math.h"

const char *table_text(Table *t, Name n) { return name_none(n) ? NULL : name_str(t->s, n); }

const char *table_place(Table *t, Span span) {
  if (span.to == 0) return NULL;
  Place p = source_place(t->s, span.from);
  return p.source ? arena_printf(t->a, "%s:%u:%u", p.source->path, p.line, p.column) : NULL;
}

static const char *hash_text(Table *t, uint64_t h) { return arena_printf(t->a, "%016" PRIx64, h); }
static uint64_t path_hash(Table *t, Name path) {
  const char *text = name_str(t->s, path);
  return nslm_hash(text, strlen(text), 0);
}

struct nsl_code table_code(Table *t, const IrKernel *k) {
  struct nsl_code code = {.kernel = NSL_NONE};
  if (!k || (t->f32 && k->kind == KERNEL_SYNAPSE_F32)) return code;
  FILL(t, code.n_bindings, bindings, binding, k->slots.n);
  for (uint32_t i = 0; i < k->slots.n; i++)
    bindings[i] = (struct nsl_binding){(uint32_t)k->slots.at[i].kind, k->slots.at[i].index};
  code.bindings = bindings;
  code.kernel = k->index;
  return code;
}

const char *const *table_texts(Table *t, const Name *names, uint32_t n) {
  const char **texts = NEW_ARRAY(t->a, const char *, n + 1);
  for (uint32_t i = 0; i < n; i++) texts[i] = name_str(t->s, names[i]);
  return texts;
}

const uint32_t *table_numbers(Table *t, const uint32_t *at, uint32_t n) {
  uint32_t *copy = NEW_ARRAY(t->a, uint32_t, n + 1);
  for (uint32_t i = 0; i < n; i++) copy[i] = at[i];
  return copy;
}

/* ---- experiments */
const char *table_dim(Table *t, Dim dim) {
  const int16_t *e = dim.e;
  return arena_printf(t->a, "%d %d %d %d %d %d", e[0], e[1], e[2], e[3], e[4], e[5]);
}

static struct nsl_param param_of(Table *t, const IrParam *p) {
  struct nsl_param out = {.path = name_str(t->s, p->path),
                          .doc = table_text(t, p->doc),
                          .unit = table_text(t, p->unit),
                          .unit_scale = p->unit_scale,
                          .place = table_place(t, p->span),
                          .slot = p->slot,
                          .lo = p->lo,
                          .hi = p->hi,
                          .open_lo = p->open_lo,
                          .open_hi = p->open_hi,
                          .integer = p->integer,
                          .n_labels = p->labels.n,
                          .labels = table_texts(t, p->labels.at, p->labels.n)};
  out.dim = table_dim(t, p->dim);
  return out;
}

static struct nsl_slice slice_of(const IrSlice *s) { return (struct nsl_slice){s->pop, s->from, s->to}; }

static struct nsl_column column_of(Table *t, const IrColumn *c) {
  struct nsl_column out = {.place = table_place(t, c->column->span),
                           .part = !c->column->values && name_none(c->column->node),
                           .from = c->from,
                           .to = c->to,
                           .node = table_text(t, c->column->node)};
  if (!c->column->values) return out;
  FILL(t, out.n_values, values, number, c->column->n);
  for (uint32_t i = 0; i < c->column->n; i++) values[i].value = c->column->values[i];
  out.values = values;
  return out;
}

static struct nsl_data data_of(Table *t, const MData *f) {
  return (struct nsl_data){table_text(t, f->path), table_place(t, f->span), f->spikes, table_text(t, f->population),
                           table_text(t, f->time), table_text(t, f->value), f->time_scale, f->value_scale,
                           table_dim(t, f->dim)};
}

static struct nsl_place place_of_cells(Table *t, const IrPopulation *p) {
  const MPlace *m = &p->pop->place;
  return (struct nsl_place){.has = m->has,
                            .kind = (uint32_t)m->kind,
                            .periodic = m->periodic,
                            .n_axes = m->n_axes,
                            .n_slots = COUNT_OF(p->place),
                            .slots = table_numbers(t, p->place, COUNT_OF(p->place)),
                            .file = data_of(t, &m->file),
                            .types = data_of(t, &m->types)};
}

static struct nsl_population population_of(Table *t, const IrPopulation *p) {
  uint32_t n_columns;
  FILL(t, n_columns, columns, column, p->columns.n);
  for (uint32_t i = 0; i < n_columns; i++) columns[i] = column_of(t, &p->columns.at[i]);
  return (struct nsl_population){name_str(t->s, p->pop->path),
                                 table_text(t, p->pop->base),
                                 p->class->index,
                                 p->size,
                                 p->block,
                                 p->pop->parts,
                                 p->pop->every,
                                 path_hash(t, p->pop->path),
                                 table_place(t, p->pop->span),
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
                                 .afters = table_numbers(t, p->afters.at, p->afters.n),
                                 .n_follows = n_follows,
                                 .follows = follows,
                                 .n_fed = p->fed.n,
                                 .fed = table_numbers(t, p->fed.at, p->fed.n),
                                 .weight_unit = w ? table_text(t, w->unit) : NULL,
                                 .weight_unit_scale = w ? w->unit_scale : 1,
                                 .path = name_str(t->s, m->path),
                                 .place = table_place(t, m->span),
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
                                 .weight_code = table_code(t, p->weight_kernel),
                                 .delay_code = table_code(t, p->delay_kernel),
                                 .weight_f32 = table_code(t, p->weight_f32),
                                 .delay_f32 = table_code(t, p->delay_f32),
                                 .chance = table_code(t, p->chance),
                                 .bound = table_code(t, p->bound),
                                 .likely = table_code(t, p->likely),
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
                            .place = table_place(t, m->span),
                            .path_hash = path_hash(t, m->path),
                            .kind = (uint32_t)m->kind,
                            .target = slice_of(&d->target),
                            .port = m->port < 0 ? NSL_NONE : (uint32_t)m->port,
                            .input = d->input,
                            .value = d->value,
                            .code = table_code(t, d->kernel),
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
                            .weight_code = table_code(t, d->weight_kernel),
                            .delay_code = table_code(t, d->delay_kernel),
                            .cond = d->cond,
                            .from = d->from,
                            .to = d->to};
  FILL(t, out.n_drawn, drawn, code, d->drawn.n);
  for (uint32_t i = 0; i < d->drawn.n; i++) drawn[i] = table_code(t, d->drawn.at[i]);
  out.drawn = drawn;
  FILL(t, out.n_data, data, data, m->files.n);
  for (uint32_t i = 0; i < m->files.n; i++) data[i] = data_of(t, &m->files.at[i]);
  out.data = data;
  return out;
}

static struct nsl_record record_of(Table *t, const IrRecord *r) {
  const MRecord *m = r->record;
  struct nsl_record out = {.name = name_str(t->s, m->name),
                           .place = table_place(t, m->span),
                           .kind = (uint32_t)m->kind,
                           .unit = table_text(t, m->unit),
                           .unit_scale = m->unit_scale,
                           .every = r->every};
  FILL(t, out.n_links, links, recorded, m->links.n);
  for (uint32_t i = 0; i < m->links.n; i++)
    links[i] = (struct nsl_recorded){m->links.at[i].index, m->links.at[i].streams, r->states.at[i]};
  out.links = links;
  FILL(t, out.n_items, items, record_item, r->items.n);
  for (uint32_t i = 0; i < r->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&r->items.at[i].slice), table_code(t, r->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_measure measure_of(Table *t, const IrMeasure *x) {
  const MMeasure *m = x->measure;
  struct nsl_measure out = {.text = name_str(t->s, m->global->path),
                            .place = table_place(t, m->span),
                            .kind = (uint32_t)m->kind,
                            .slot = x->slot,
                            .argument = x->argument,
                            .after = x->after,
                            .until = x->until};
  FILL(t, out.n_items, items, record_item, x->items.n);
  for (uint32_t i = 0; i < x->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&x->items.at[i].slice), table_code(t, x->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_expect expect_of(Table *t, const IrExpect *x) {
  const MExpect *m = x->expect;
  return (struct nsl_expect){.text = name_str(t->s, m->text),
                             .place = table_place(t, m->span),
                             .value = x->value,
                             .lo = x->lo,
                             .hi = x->hi,
                             .open_lo = m->interval.open_lo,
                             .open_hi = m->interval.open_hi,
                             .unit = table_text(t, m->unit),
                             .unit_scale = m->unit_scale};
}

static struct nsl_feed feed_of(Table *t, const IrFeed *x) {
  struct nsl_feed out = {.to = x->to, .input = x->input, .sum = x->feed->sum};
  FILL(t, out.n_items, items, record_item, x->items.n);
  for (uint32_t i = 0; i < x->items.n; i++)
    items[i] = (struct nsl_record_item){slice_of(&x->items.at[i].slice), table_code(t, x->items.at[i].kernel)};
  out.items = items;
  return out;
}

static struct nsl_stream_term stream_term_of(Table *t, const IrStreamTerm *x, const IrClass *pre,
                                             const IrClass *post) {
  return (struct nsl_stream_term){x->factor,
                                  x->weighted,
                                  table_code(t, x->pre),
                                  table_code(t, x->post),
                                  table_code(t, ir_ahead(pre, x->pre)),
                                  table_code(t, ir_ahead(post, x->post)),
                                  x->delayed,
                                  x->delay,
                                  table_code(t, x->delay_kernel)};
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
  out.link.weight_unit = m->weight ? table_text(t, m->weight->unit) : NULL;
  out.link.weight_unit_scale = m->weight ? m->weight->unit_scale : 1;
  FILL(t, out.n_terms, terms, stream_term, x->terms.n);
  for (uint32_t i = 0; i < x->terms.n; i++)
    terms[i] = stream_term_of(t, &x->terms.at[i], ends[m->reversed], ends[!m->reversed]);
  out.terms = terms;
  FILL(t, out.n_sights, sights, sight, x->sights.n);
  for (uint32_t i = 0; i < x->sights.n; i++)
    sights[i] = (struct nsl_sight){x->sights.at[i].input, x->sights.at[i].pre,
                                   table_code(t, x->sights.at[i].kernel)};
  out.sights = sights;
  FILL(t, out.n_begins, begins, begin, x->begins.n);
  for (uint32_t i = 0; i < x->begins.n; i++)
    begins[i] = (struct nsl_begin){x->begins.at[i].state, table_code(t, x->begins.at[i].kernel)};
  out.begins = begins;
  out.flow = table_code(t, x->flow);
  return out;
}

static struct nsl_phase phase_of(Table *t, const MPhase *p) {
  return (struct nsl_phase){.name = table_text(t, p->name),
                            .duration = IR_NONE,
                            .n_frozen = p->frozen.n,
                            .frozen = table_numbers(t, p->frozen.at, p->frozen.n)};
}

struct nsl_experiment table_experiment(Table *t, const IrExperiment *x) {
  const MExperiment *m = x->experiment;
  struct nsl_experiment out = {.name = name_str(t->s, m->name),
                               .subject = name_str(t->s, m->subject),
                               .doc = table_text(t, m->doc),
                               .subject_doc = table_text(t, m->subject_doc),
                               .n_globals = x->n_globals,
                               .setup = table_code(t, x->setup),
                               .draws = table_draws(x->setup),
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
  out.judge = table_code(t, x->judge);
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
  for (uint32_t i = 0; i < m->classes.n; i++) classes[i] = table_class(t, m->classes.at[i]);
  p->classes = classes;
  FILL(t, p->n_experiments, experiments, experiment, m->experiments.n);
  for (uint32_t i = 0; i < m->experiments.n; i++) experiments[i] = table_experiment(t, m->experiments.at[i]);
  p->experiments = experiments;
  EACH(t, p, fits, fit, m->fits, table_fit);
  if (reads_files(m)) p->folder = folder_of(a, model->source->path);
  p->n_kernels = kernel_numbers(m);
  return p;
}

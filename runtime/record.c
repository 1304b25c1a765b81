/* Recorded variables: record kernels run by the shards at the steps that are due, into rows that one thread
 * writes between intervals as SONATA reports (<record>.h5) and CSV.
 *
 * Each shard fills its own columns of a row, so no order shows. Of a sum or mean, shards write the sums of
 * 64-element blocks in the order of elements, and the blocks are added in order when the row is written: the
 * same bits for any number of shards and threads. */
#include "runtime/record.h"

#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/places.h"
#include "runtime/quantity.h"
#include "runtime/ranks.h"

enum { BUFFER_BYTES = 1 << 22, MOST_BATCHES = 4 };

/* ---- which samples */

uint64_t rt_samples_until(const struct rt_sim *s, uint64_t every, uint64_t step) {
  return step / every + 1 + (step == s->n_steps && step % every != 0);
}

double rt_sample_time(const struct rt_sim *s, uint64_t every, uint64_t sample) {
  uint64_t step = sample * every;
  return (double)(step > s->n_steps ? s->n_steps : step) * s->dt;
}

static bool is_due(const struct rt_sim *s, const struct rt_variable *v, uint64_t step) {
  return step % v->every == 0 || step == s->n_steps;
}

/* ---- opening */

/* Steps between samples; `without`: of a record that does not say. */
static int every_of(struct rt_sim *s, const struct nsl_record *def, double without, uint64_t *ret) {
  double d = rt_value(s, def->every, without), steps = rt_steps(d, s->dt);
  if (!(steps >= 1 && steps < 4e9) || fabs(d / s->dt - steps) > 1e-6 * steps)
    return rt_fail_at(NSL_EMODEL, def->place,
                      "record %s: `every %g ms` is not a whole number of steps of %g ms", def->name, d, s->dt);
  *ret = (uint64_t)steps;
  return 0;
}

static uint32_t group_of(struct rt_variable *v, struct rt_pop *p) {
  for (uint32_t g = 0; g < v->n_groups; g++)
    if (v->reduced || v->groups[g].pop == p) return g;
  v->groups[v->n_groups] = (struct rt_column_group){.pop = p, .set = -1};
  return v->n_groups++;
}

static int items_make(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  v->n_items = v->def->n_items;
  v->items = rt_alloc(&r->mem, v->n_items, sizeof *v->items);
  v->groups = rt_alloc(&r->mem, v->n_items, sizeof *v->groups);
  if (!v->items || !v->groups) return NSL_EMEMORY;
  for (uint32_t i = 0; i < v->n_items; i++) {
    struct rt_column_item *c = &v->items[i];
    *c = (struct rt_column_item){.def = &v->def->items[i], .pop = &s->pops[v->def->items[i].slice.pop]};
    int e = rt_slice_range(s, &c->def->slice, v->def->place, &c->first, &c->n);
    if (e) return e;
    c->group = group_of(v, c->pop);
    c->column = v->groups[c->group].cols;
    v->groups[c->group].cols += v->reduced ? c->pop->words : c->n;
    v->elements += c->n;
  }
  return 0;
}

static int buffers_make(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  uint64_t row = 0, real = v->reduced ? sizeof(double) : s->real_size;
  for (uint32_t g = 0; g < v->n_groups; g++) row += v->groups[g].cols * real;
  uint64_t least = s->interval / v->every + 3, all = rt_samples_until(s, v->every, s->n_steps) + 1;
  /* Ranks use a part of a row each, and meet for every batch; the blocks of a journal are as in one process. */
  uint64_t batches = !s->ranks || s->checkpoint ? 1 : s->ranks->n < MOST_BATCHES ? s->ranks->n : MOST_BATCHES;
  v->row_cap = row ? batches * BUFFER_BYTES / row : all;
  if (v->row_cap > all) v->row_cap = all;
  if (v->row_cap < least) v->row_cap = least;
  for (uint32_t g = 0; g < v->n_groups; g++) {
    struct rt_column_group *group = &v->groups[g];
    group->rows = rt_alloc(&r->mem, v->row_cap * (group->cols + 1), real);
    group->ids = rt_alloc(&r->mem, group->cols, sizeof *group->ids);
    if (!group->rows || !group->ids) return NSL_EMEMORY;
  }
  for (uint32_t i = 0; !v->reduced && i < v->n_items; i++)
    for (uint32_t k = 0; k < v->items[i].n; k++)
      v->groups[v->items[i].group].ids[v->items[i].column + k] = v->items[i].first + k;
  return 0;
}

/* An item's part in each slice of each shard, with its kernel's pointers. */
static int parts_make(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  v->parts = rt_alloc(&r->mem, s->n_shards, sizeof *v->parts);
  v->n_parts = rt_alloc(&r->mem, s->n_shards, sizeof *v->n_parts);
  if (!v->parts || !v->n_parts) return NSL_EMEMORY;
  for (uint32_t h = s->own0; h < s->own1; h++) {
    if (!(v->parts[h] = rt_alloc(&r->mem, v->n_items, sizeof **v->parts))) return NSL_EMEMORY;
    for (uint32_t i = 0; i < v->n_items; i++)
      for (uint32_t k = 0; k < s->shards[h].n_slices; k++) {
        const struct rt_slice *c = &s->shards[h].slices[k];
        const struct rt_column_item *item = &v->items[i];
        uint32_t from = item->first > c->first ? item->first : c->first, end = item->first + item->n;
        uint32_t to = end < c->first + c->count ? end : c->first + c->count;
        if (item->pop != c->pop || from >= to) continue;
        struct rt_column_part *part = &v->parts[h][v->n_parts[h]++];
        *part = (struct rt_column_part){
            .item = i, .from = from, .to = to, .kernel = rt_kernel(s, &item->def->code)};
        int e = rt_slots(s, c->pop, &item->def->code, &part->slots);
        if (e) return e;
        for (uint32_t b = 0; b < item->def->code.n_bindings; b++)
          if (item->def->code.bindings[b].kind == NSL_SLOT_OUT) part->slots[b] = s->shards[h].record_scratch;
      }
  }
  return 0;
}

int rt_record_file(struct rt_sim *s, struct rt_recorder *r, const char *name, const char **ret_path) {
  if (rt_ranks_first(s->ranks)) *ret_path = rt_out_file(r->out, name);
  else *ret_path = r->together.shared ? rt_out_temporary(&r->mem, r->together.folder, name) : "";
  return *ret_path ? 0 : NSL_EIO;
}

static int variable_make(struct rt_sim *s, struct rt_recorder *r, const struct nsl_record *def) {
  struct rt_variable *v = &r->variables[r->n_variables++];
  *v = (struct rt_variable){
      .def = def, .reduced = def->kind == NSL_RECORD_SUM || def->kind == NSL_RECORD_MEAN, .h5.file = -1, .share.fd = -1};
  int e = every_of(s, def, s->dt, &v->every);
  if (!e) e = items_make(s, r, v);
  if (!e) e = buffers_make(s, r, v);
  return e ? e : parts_make(s, r, v);
}

static int variable_names(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  char name[300];
  snprintf(name, sizeof name, "%.250s.h5", v->def->name);
  int e = rt_record_file(s, r, name, &v->path);
  snprintf(name, sizeof name, "%.250s.csv", v->def->name);
  if (!e && r->csv) e = rt_record_file(s, r, name, &v->csv_path);
  return e ? e : rt_share_make(s, r, v);
}

static int variable_open(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v) {
  return rt_ranks_first(s->ranks) ? rt_sonata_open(s, r, v) : 0;
}

/* Without `every`: the weights of the start and of the end. */
static int weights_make(struct rt_sim *s, struct rt_recorder *r, const struct nsl_record *def) {
  struct rt_weights *w = &r->weights[r->n_weights++];
  *w = (struct rt_weights){.def = def, .every = s->n_steps ? s->n_steps : 1, .h5.file = -1};
  int e = def->every == NSL_NONE ? 0 : every_of(s, def, s->dt, &w->every);
  w->writer = rt_together_writer(s, r, r->n_weights); /* spikes are the 0th */
  return e ? e : rt_weights_names(s, r, w);
}

static int scratch_make(struct rt_sim *s, struct rt_recorder *r) {
  for (uint32_t h = s->own0; h < s->own1; h++) {
    uint32_t most = 64;
    for (uint32_t i = 0; i < s->shards[h].n_slices; i++)
      if (s->shards[h].slices[i].count > most) most = s->shards[h].slices[i].count;
    s->shards[h].record_scratch = rt_alloc(&r->mem, most, sizeof(double));
    s->shards[h].next_record = r->out && s->x->n_records ? 0 : RT_NO_STEP;
    if (!s->shards[h].record_scratch) return NSL_EMEMORY;
  }
  return 0;
}

/* What there is to record, before the ranks try whether all can write it. */
static int variables_make(struct rt_sim *s, struct rt_recorder *r) {
  r->variables = rt_alloc(&r->mem, s->x->n_records, sizeof *r->variables);
  r->weights = rt_alloc(&r->mem, s->x->n_records, sizeof *r->weights);
  int e = r->variables && r->weights ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < s->x->n_records; i++) {
    enum nsl_record_kind kind = s->x->records[i].kind;
    if (kind != NSL_RECORD_WEIGHT && kind != NSL_RECORD_SPIKES) e = variable_make(s, r, &s->x->records[i]);
  }
  return e;
}

/* All names are taken before a rank makes the first file. */
static int names_make(struct rt_sim *s, struct rt_recorder *r) {
  int e = rt_spikes_names(s, r);
  for (uint32_t i = 0, k = 0; !e && i < s->x->n_records; i++) {
    enum nsl_record_kind kind = s->x->records[i].kind;
    if (kind == NSL_RECORD_WEIGHT) e = weights_make(s, r, &s->x->records[i]);
    else if (kind != NSL_RECORD_SPIKES) e = variable_names(s, r, &r->variables[k++]);
  }
  if (!e && rt_places_any(s) && rt_ranks_first(s->ranks) && !(r->places = rt_out_file(r->out, "nodes.h5"))) e = NSL_EIO;
  return e;
}

static bool is_mine(const struct rt_sim *s, const struct rt_weights *w) { return !s->ranks || s->ranks->rank == w->writer; }

static int files_open(struct rt_sim *s, struct rt_recorder *r) {
  int e = rt_spikes_file(s, r);
  if (!e && r->places) e = rt_places_write(s, r->places);
  for (uint32_t i = 0; !e && i < r->n_variables; i++) e = variable_open(s, r, &r->variables[i]);
  e = rt_ranks_agree(s->ranks, e);
  for (uint32_t i = 0; !e && i < r->n_variables; i++) e = rt_ranks_agree(s->ranks, rt_share_open(s, &r->variables[i]));
  for (uint32_t i = 0; !e && i < r->n_weights; i++)
    if (is_mine(s, &r->weights[i])) e = rt_weights_open(s, r, &r->weights[i]);
  return rt_ranks_agree(s->ranks, e);
}

int rt_record_open(struct rt_sim *s, struct rt_out *out, bool csv) {
  struct rt_recorder *r = s->recorder = rt_alloc(&s->mem, 1, sizeof *r);
  if (!r) return NSL_EMEMORY;
  r->out = out;
  r->csv = csv;
  int e = rt_spikes_open(s, r);
  if (!e) e = scratch_make(s, r);
  if (!out) return e;
  if (!e) e = variables_make(s, r);
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rt_together_find(s, r);
  if (!e) e = rt_ranks_agree(s->ranks, names_make(s, r));
  if (!e) e = files_open(s, r);
  for (uint32_t h = s->own0; !e && h < s->own1; h++) rt_record_step(&s->shards[h], 0);
  for (uint32_t i = 0; !e && i < r->n_weights; i++) e = rt_weights_begin(s, &r->weights[i]);
  return e;
}

/* ---- sampling, by the shards */

static void block_sums(const struct rt_sim *s, const struct rt_column_part *part, const void *out,
                       uint32_t first, double *sums) {
  for (uint32_t i = part->from; i < part->to; i++) {
    double x = s->program->f32 ? ((const float *)out)[i - first] : ((const double *)out)[i - first];
    sums[i / 64] = (i % 64 == 0 || i == part->from ? 0 : sums[i / 64]) + x;
  }
}

static void part_sample(struct rt_shard *h, const struct rt_variable *v, const struct rt_column_part *part,
                        uint64_t row, uint64_t step) {
  struct rt_sim *s = h->sim;
  const struct rt_column_item *item = &v->items[part->item];
  const struct rt_column_group *group = &v->groups[item->group];
  uint32_t first = part->from / 64 * 64, last = (part->to + 63) / 64 * 64;
  struct nsl_env env = {.slots = part->slots,
                        .u = item->pop->u,
                        .key = item->pop->key,
                        .step = step,
                        .first = first,
                        .count = last - first,
                        .t = (double)step * s->dt,
                        .dt = s->dt};
  part->kernel(&env);
  if (v->reduced) {
    block_sums(s, part, h->record_scratch, first, (double *)group->rows + row * group->cols + item->column);
    return;
  }
  char *to = (char *)group->rows +
             (row * group->cols + item->column + (part->from - item->first)) * s->real_size;
  memcpy(to, (char *)h->record_scratch + (size_t)(part->from - first) * s->real_size,
         (size_t)(part->to - part->from) * s->real_size);
}

uint64_t rt_record_next(const struct rt_sim *s, uint64_t step) {
  const struct rt_recorder *r = s->recorder;
  uint64_t first = RT_NO_STEP;
  for (uint32_t i = 0; r && i < r->n_variables; i++) {
    uint64_t next = (step / r->variables[i].every + 1) * r->variables[i].every;
    if (next > s->n_steps && step < s->n_steps) next = s->n_steps;
    if (next < first) first = next;
  }
  return first;
}

void rt_record_step(struct rt_shard *h, uint64_t step) {
  struct rt_sim *s = h->sim;
  struct rt_recorder *r = s->recorder;
  for (uint32_t i = 0; r && i < r->n_variables; i++) {
    const struct rt_variable *v = &r->variables[i];
    if (is_due(s, v, step)) {
      uint64_t row = rt_samples_until(s, v->every, step) - 1 - v->flushed;
      for (uint32_t k = 0; k < v->n_parts[h->index]; k++)
        part_sample(h, v, &v->parts[h->index][k], row, step);
    }
  }
  h->next_record = rt_record_next(s, step);
}

/* ---- writing, by one thread */

uint64_t rt_weights_due(const struct rt_sim *s, uint64_t step) {
  const struct rt_recorder *r = s->recorder;
  uint64_t due = RT_NO_STEP;
  for (uint32_t i = 0; r && i < r->n_weights; i++) {
    uint64_t next = (step / r->weights[i].every + 1) * r->weights[i].every;
    if (next > s->n_steps) next = s->n_steps;
    if (r->weights[i].moves && next < due) due = next;
  }
  return due;
}

bool rt_record_full(const struct rt_sim *s, uint64_t step) {
  const struct rt_recorder *r = s->recorder;
  for (uint32_t i = 0; r && i < r->n_variables; i++) {
    const struct rt_variable *v = &r->variables[i];
    if (rt_samples_until(s, v->every, step) - v->flushed + s->interval / v->every + 2 > v->row_cap) return true;
  }
  return false;
}

static double scale_of(const struct rt_variable *v) { return v->def->unit_scale ? v->def->unit_scale : 1; }

/* Own columns in the unit of the report. */
static void rows_scale(const struct rt_sim *s, const struct rt_variable *v, uint64_t n) {
  double scale = scale_of(v);
  for (uint32_t k = 0; !v->reduced && scale != 1 && k < v->share.own.n; k++) {
    const struct rt_columns *c = &v->share.own.at[k];
    const struct rt_column_group *group = &v->groups[c->group];
    for (uint64_t row = 0; row < n; row++) {
      double *wide = (double *)group->rows + row * group->cols + c->first;
      float *narrow = (float *)group->rows + row * group->cols + c->first;
      for (uint64_t i = 0; i < c->n; i++)
        if (s->program->f32)
          narrow[i] = (float)(narrow[i] / scale);
        else
          wide[i] /= scale;
    }
  }
}

/* Sums are completed in place, at the row's first column of a narrower table. */
static void rows_sum(const struct rt_variable *v, struct rt_column_group *group, uint64_t n) {
  double *at = group->rows;
  for (uint64_t row = 0; v->reduced && row < n; row++) {
    double sum = 0;
    for (uint64_t i = 0; i < group->cols; i++) sum += at[row * group->cols + i];
    at[row] = (v->def->kind == NSL_RECORD_MEAN ? sum / v->elements : sum) / scale_of(v);
  }
}

/* Behind the last group's rows: of a sum or mean, blocks outside of a part stay 0. */
static void rows_done(const struct rt_sim *s, struct rt_variable *v, uint64_t n) {
  rt_sonata_csv(s, v, n);
  for (uint32_t g = 0; v->reduced && g < v->n_groups; g++)
    memset(v->groups[g].rows, 0, v->row_cap * v->groups[g].cols * sizeof(double));
  v->flushed += n;
}

static int variable_flush(struct rt_sim *s, struct rt_variable *v, uint64_t step) {
  uint64_t until = rt_samples_until(s, v->every, step), n = until > v->flushed ? until - v->flushed : 0;
  struct rt_journal *j = s->recorder->journal;
  rows_scale(s, v, n);
  int e = rt_share_collect(s, v, n);
  if (!e && v->share.direct) e = rt_share_write(s, v, v->flushed, n);
  for (uint32_t g = 0; !e && g < v->n_groups && rt_ranks_first(s->ranks) && !v->share.direct; g++) {
    rows_sum(v, &v->groups[g], n);
    struct rt_journal_block b = {RT_JOURNAL_ROWS, (uint32_t)(v - s->recorder->variables), g, 0, n,
                                 n * rt_sonata_row(s, v, g), 0};
    if (j && n) e = rt_journal_add(j, b, v->groups[g].rows);
    if (!e) e = rt_sonata_rows(s, v, g, v->flushed, n);
  }
  rt_gather_rows(s, v, n);
  rows_done(s, v, n);
  return e;
}

int rt_record_again(struct rt_sim *s, struct rt_variable *v, uint32_t group, uint64_t n, const void *rows, uint64_t bytes) {
  if (n > v->row_cap || bytes != n * rt_sonata_row(s, v, group))
    return rt_fail(NSL_EINPUT, "the records of the checkpoint do not fit this program");
  memcpy(v->groups[group].rows, rows, bytes);
  int e = rt_sonata_rows(s, v, group, v->flushed, n);
  if (group + 1 == v->n_groups) rows_done(s, v, n);
  return e;
}

int rt_record_weights(struct rt_sim *s, uint64_t step) {
  const struct rt_recorder *r = s->recorder;
  int e = 0;
  for (uint32_t i = 0; r && !e && i < r->n_weights; i++)
    if (r->weights[i].moves) e = rt_weights_flush(s, &r->weights[i], step);
  return e;
}

int rt_record_flush(struct rt_sim *s, uint64_t step) {
  struct rt_recorder *r = s->recorder;
  double began = rt_clock();
  int e = 0;
  for (uint32_t i = 0; r && i < r->n_variables; i++) { /* also after a failure: others wait for what this rank has */
    int bad = variable_flush(s, &r->variables[i], step);
    e = e ? e : bad;
  }
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rt_record_weights(s, step);
  for (uint32_t i = 0; r && !e && i < r->n_weights; i++)
    if (is_mine(s, &r->weights[i]) && !r->weights[i].moves) e = rt_weights_flush(s, &r->weights[i], step);
  e = rt_ranks_agree(s->ranks, e);
  s->output_s += rt_clock() - began;
  return e;
}

/* What other ranks have written is complete before the first goes on. */
static int others_close(struct rt_sim *s, struct rt_recorder *r) {
  int e = 0;
  for (uint32_t i = 0; i < r->n_variables; i++) {
    int d = rt_share_close(&r->variables[i]);
    e = e ? e : d;
  }
  for (uint32_t i = 0; !e && i < r->n_weights; i++)
    if (is_mine(s, &r->weights[i])) e = rt_weights_close(s, &r->weights[i]);
  int d = rt_spikes_close(r);
  e = rt_ranks_agree(s->ranks, e ? e : d);
  return e ? e : rt_together_sum(s, r);
}

int rt_record_close(struct rt_sim *s) {
  struct rt_recorder *r = s->recorder;
  if (!r || !r->out) return 0;
  rt_spikes_cut(r, s->step);
  int e = rt_ranks_agree(s->ranks, rt_spikes_flush(s, r, r->spikes.n));
  if (!e) e = rt_record_flush(s, s->step);
  double began = rt_clock();
  if (!e) e = others_close(s, r);
  for (uint32_t i = 0; !e && i < r->n_variables && rt_ranks_first(s->ranks); i++) e = rt_sonata_close(s, &r->variables[i]);
  s->output_s += rt_clock() - began;
  return e; /* after a failure rt_record_drop closes the rest */
}

void rt_record_drop(struct rt_sim *s) {
  struct rt_recorder *r = s->recorder;
  if (!r) return;
  for (uint32_t i = 0; i < r->n_variables; i++) {
    rt_share_close(&r->variables[i]);
    r->variables[i].h5.failed = true;
    rt_h5_close(&r->variables[i].h5);
    rt_text_close(&r->variables[i].csv);
  }
  for (uint32_t i = 0; i < r->n_weights; i++) {
    r->weights[i].h5.failed = true;
    rt_h5_close(&r->weights[i].h5);
  }
  r->spikes.h5.failed = true;
  rt_spikes_close(r);
  rt_drop(&r->spikes.marks);
  rt_drop(&r->spikes.times);
  rt_drop(&r->spikes.ids);
  rt_mem_free(&r->mem);
  s->recorder = NULL;
}

/* Recorded weights and states of synapses: the synapses of named projections and couplings, once with source, target and delay, and
 * what is recorded of them at the times that are due, into <record>.h5 and CSV.
 *
 * The synapses are made again by their rules (synapses.c), not taken from the packed rows, in which projections
 * that share a port can no longer be told apart: so their order is that of the model, whatever the shards and threads.
 * Weights are those that act: what was drawn, to the grain in which synapses hold it (units.c). One thread makes them
 * source by source; memory is one buffer.
 *
 * A static synapse keeps its weight: each later row is a copy of the first, read back from the file. Weights that
 * change, and states, are taken where they are due: the run has an interval end there (rt_weights_due), all rows catch up, and all ranks
 * give what they have. */
#include "runtime/weights.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "runtime/connect.h"
#include "runtime/coupling.h"
#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/gating.h"
#include "runtime/plastic.h"
#include "runtime/ranks.h"
#include "runtime/record.h"
#include "runtime/synapses.h"

enum { PIECE = 1 << 14, IDENTITY_BYTES = 24, WEIGHT_BYTES = 8, CSV_BYTES = 48 };
static const double much = 2e9; /* bytes: a file of which one is told beforehand */

struct rt_weight_piece {
  uint64_t n, source[PIECE], target[PIECE];
  double delay[PIECE], weight[PIECE];
};

/* ---- which projections, and what they will take */

static struct rt_proj *proj_of(struct rt_sim *s, uint32_t index) {
  for (uint32_t i = 0; i < s->n_projs + s->n_plastic; i++)
    if (s->projs[i].index == index) return &s->projs[i]; /* `def` may be a copy (lump.c) */
  return NULL;
}

static const struct rt_coupling *coupling_of(const struct rt_sim *s, const struct nsl_coupling *def) {
  for (uint32_t i = 0; s->couplings && i < s->couplings->n; i++)
    if (s->couplings->all[i].def == def) return &s->couplings->all[i];
  return NULL;
}

/* Of a projection that is none in this run, its class is known all the same. */
static const struct nsl_state *state_of(const struct rt_sim *s, const struct rt_weight_set *set) {
  if (set->state == NSL_NONE) return NULL;
  return &s->program->classes[s->x->synapses[set->def->cells - 1].class_index].states[set->state];
}

static void units_find(const struct rt_sim *s, struct rt_weight_set *set, bool streams) {
  const struct nsl_state *state = state_of(s, set);
  const struct nsl_port *port = streams ? NULL : &s->pops[set->def->target.pop].class->ports[set->def->port];
  bool own = streams || rt_is_plastic(set->def);
  double scale = state ? state->unit_scale : own ? set->def->weight_unit_scale : port->unit_scale;
  set->unit = state ? state->unit : own ? set->def->weight_unit : port->unit;
  set->unit_scale = scale ? scale : 1;
}

/* Of the synapses' class. */
static uint32_t recorded(const struct rt_weight_set *set) { return set->state != NSL_NONE ? set->state : set->def->weight_state; }

static void set_find(struct rt_sim *s, struct rt_weights *w, struct rt_weight_set *set, const struct nsl_recorded *of) {
  set->state = of->state;
  if (of->streams) {
    set->def = &s->x->couplings[of->index].link;
    set->coupling = coupling_of(s, &s->x->couplings[of->index]);
    set->proj = set->coupling ? (struct rt_proj *)&set->coupling->link : NULL;
  } else {
    set->def = &s->x->projections[of->index];
    set->proj = proj_of(s, of->index);
    for (uint32_t k = 0; k < s->n_plastic; k++)
      if (s->plastics[k].proj == set->proj) set->plastic = &s->plastics[k];
  }
  const struct nsl_state *state = state_of(s, set);
  units_find(s, set, of->streams);
  w->what = state ? state->name : "weight";
  set->moves = set->plastic || (set->coupling && set->coupling->gating && rt_gate_moves(set->coupling, recorded(set)));
  w->moves |= set->moves;
}

static int sets_make(struct rt_sim *s, struct rt_recorder *r, struct rt_weights *w) {
  w->n_sets = w->def->n_links;
  w->sets = rt_alloc(&r->mem, w->n_sets, sizeof *w->sets);
  w->piece = rt_alloc(&r->mem, 1, sizeof *w->piece);
  if (!w->sets || !w->piece) return NSL_EMEMORY;
  for (uint32_t i = 0; i < w->n_sets; i++) set_find(s, w, &w->sets[i], &w->def->links[i]);
  w->rows = 1; /* there at the start */
  if (w->moves) w->writer = 0; /* which keeps the journal */
  return 0;
}

static int size_check(struct rt_sim *s, const struct rt_recorder *r, const struct rt_weights *w) {
  double synapses = 0, rows = (double)rt_samples_until(s, w->every, s->n_steps);
  for (uint32_t i = 0; i < w->n_sets; i++) {
    const struct rt_proj *p = w->sets[i].proj;
    if (p) synapses += p->expected;
  }
  double bytes = synapses * (IDENTITY_BYTES + WEIGHT_BYTES * (rows + 1) + (r->csv ? rows * CSV_BYTES : 0));
  const char *name = w->def->name, *what = w->n_sets && w->sets[0].state != NSL_NONE ? "states" : "weights";
  struct statvfs disk;
  if (statvfs(r->out->folder, &disk) == 0) {
    double left = (double)disk.f_bavail * (double)disk.f_frsize;
    if (bytes > left)
      return rt_fail_at(NSL_EIO, w->def->place,
                        "record %s: the %s of %.3g synapses at %.0f times are %.3g GB; %.3g GB are free in "
                        "the output folder",
                        name, what, synapses, rows, bytes * 1e-9, left * 1e-9);
  }
  if (bytes > much)
    rt_warn(s, "record %s: the %s of %.3g synapses at %.0f times will be %.3g GB", name, what, synapses, rows,
            bytes * 1e-9);
  return 0;
}

/* ---- the file: `edges` as SONATA has them, and a report of the weights over time */

static hid_t ids_open(struct rt_weights *w, hid_t in, const char *name, const char *population) {
  hid_t set = rt_h5_growing(&w->h5, in, name, H5T_STD_U64LE, 0);
  return set >= 0 && rt_h5_text(&w->h5, set, "node_population", population) ? -1 : set;
}

static int set_open(struct rt_sim *s, struct rt_weights *w, struct rt_weight_set *set) {
  char name[640];
  snprintf(name, sizeof name, "edges/%.500s", set->def->path);
  hid_t in = rt_h5_group(&w->h5, w->h5.file, name);
  hid_t first = in < 0 ? -1 : rt_h5_group(&w->h5, in, "0");
  if (first < 0) return NSL_EIO;
  set->source = ids_open(w, in, "source_node_id", s->pops[set->def->source.pop].def->path);
  set->target = ids_open(w, in, "target_node_id", s->pops[set->def->target.pop].def->path);
  set->delay = rt_h5_growing(&w->h5, first, "delay", H5T_IEEE_F64LE, 0);
  H5Gclose(first);
  H5Gclose(in);
  snprintf(name, sizeof name, "report/%.500s", set->def->path);
  if ((in = rt_h5_group(&w->h5, w->h5.file, name)) < 0) return NSL_EIO;
  set->data = rt_h5_table(&w->h5, in, "data", H5T_IEEE_F64LE, rt_samples_until(s, w->every, s->n_steps),
                          set->proj ? (uint64_t)set->proj->expected : 0);
  H5Gclose(in);
  if (set->source < 0 || set->target < 0 || set->delay < 0 || set->data < 0) return NSL_EIO;
  int e = rt_h5_text(&w->h5, set->delay, "units", "ms");
  return e ? e : rt_h5_text(&w->h5, set->data, "units", set->unit ? set->unit : "1");
}

/* ---- the synapses, and their first weights */

static int piece_write(struct rt_weights *w, struct rt_weight_set *set) {
  struct rt_weight_piece *b = w->piece;
  int e = rt_h5_append(&w->h5, set->source, H5T_NATIVE_UINT64, set->n, b->n, 0, b->source);
  if (!e) e = rt_h5_append(&w->h5, set->target, H5T_NATIVE_UINT64, set->n, b->n, 0, b->target);
  if (!e) e = rt_h5_append(&w->h5, set->delay, H5T_NATIVE_DOUBLE, set->n, b->n, 0, b->delay);
  if (!e) e = rt_h5_put(&w->h5, set->data, 0, set->n, b->n, b->weight);
  set->n += b->n;
  b->n = 0;
  return e;
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

struct order { /* of one source's synapses: target << 32 | ordinal */
  uint64_t *keys;
  size_t cap;
};

static int order_make(struct order *o, const struct rt_row_of *row) {
  if (rt_grow(&o->keys, &o->cap, row->n + 1, sizeof *o->keys)) return NSL_EMEMORY;
  bool sorted = true;
  for (uint64_t i = 0; i < row->n; i++) {
    o->keys[i] = (uint64_t)row->target[i] << 32 | i;
    sorted = sorted && (!i || o->keys[i] > o->keys[i - 1]);
  }
  if (!sorted) qsort(o->keys, row->n, sizeof *o->keys, by_value);
  return 0;
}

static int source_write(struct rt_sim *s, struct rt_weights *w, struct rt_weight_set *set,
                        const struct order *o, const struct rt_row_of *row, const double *delays, uint32_t source) {
  struct rt_weight_piece *b = w->piece;
  const struct rt_proj *p = set->proj;
  int e = 0;
  for (uint64_t i = 0; !e && i < row->n; i++) {
    uint64_t k = (uint32_t)o->keys[i];
    if (set->coupling && !rt_pair_counts(set->coupling, source, row->target[k])) continue;
    b->source[b->n] = source;
    b->target[b->n] = row->target[k];
    b->delay[b->n] = delays ? delays[k] : (row->delay ? row->delay[k] : p->delay_steps) * s->dt;
    double weight = row->weight ? row->weight[k] : p->weight;
    bool drawn = set->plastic || set->coupling; /* and not summed as integers */
    b->weight[b->n++] = set->state != NSL_NONE ? 0 : (drawn ? weight : rt_weight_held(p, weight)) / set->unit_scale;
    if (b->n == PIECE) e = piece_write(w, set);
  }
  return e;
}

static int set_write(struct rt_sim *s, struct rt_weights *w, struct rt_weight_set *set) {
  struct rt_synapses synapses = {.s = s};
  struct rt_coupled_delays late = {0};
  struct order order = {0};
  const struct rt_proj *p = set->proj;
  int e = 0;
  for (uint32_t i = 0; !e && p && i < p->sn; i++) {
    struct rt_row_of row;
    if (s->interrupt && *s->interrupt) e = rt_fail(NSL_ESTOPPED, "interrupted while writing weights");
    if (!e) e = rt_synapses_of(&synapses, p, p->s0 + i, &row);
    if (!e) e = order_make(&order, &row);
    if (!e && set->coupling) e = rt_coupled_delays_of(s, set->coupling, &synapses, p->s0 + i, row.n, &late);
    if (!e) e = source_write(s, w, set, &order, &row, set->coupling ? late.ms : NULL, p->s0 + i);
  }
  if (!e) e = piece_write(w, set);
  rt_synapses_drop(&synapses);
  rt_drop(&late.ms);
  rt_drop(&order.keys);
  return e;
}

int rt_weights_names(struct rt_sim *s, struct rt_recorder *r, struct rt_weights *w) {
  char name[300];
  int e = sets_make(s, r, w);
  if (!e && rt_ranks_first(s->ranks)) e = size_check(s, r, w);
  snprintf(name, sizeof name, "%.250s.h5", w->def->name);
  if (!e) e = rt_record_file(s, r, name, &w->path);
  snprintf(name, sizeof name, "%.250s.csv", w->def->name);
  return e || !r->csv ? e : rt_record_file(s, r, name, &w->csv_path);
}

int rt_weights_open(struct rt_sim *s, struct rt_recorder *r, struct rt_weights *w) {
  int e = rt_h5_create(&w->h5, w->path);
  r->together.files++;
  for (uint32_t i = 0; !e && i < w->n_sets; i++) {
    e = set_open(s, w, &w->sets[i]);
    if (!e) e = set_write(s, w, &w->sets[i]);
  }
  return e;
}

/* ---- later rows */

static bool is_written(const struct rt_sim *s, const struct rt_weights *w) { return !s->ranks || s->ranks->rank == w->writer; }

/* n weights of a row from `at` on, to the file; the journal knows what a run that goes on cannot make again. */
static int part_write(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set, uint64_t row, uint64_t at, uint64_t n) {
  struct rt_recorder *r = s->recorder;
  struct rt_journal_block b = {.kind = RT_JOURNAL_WEIGHTS, .index = (uint32_t)(w - r->weights), .sub = (uint32_t)(set - w->sets), .n = n, .bytes = n * sizeof(double)};
  int e = w->moves && r->journal ? rt_journal_add(r->journal, b, w->piece->weight) : 0;
  return e ? e : rt_h5_put(&w->h5, set->data, row, at, n, w->piece->weight);
}

int rt_weights_again(struct rt_weights *w, uint32_t set, uint64_t n, const double *weights) {
  struct rt_weight_set *to = &w->sets[set];
  uint64_t at = to->n ? to->again % to->n : 0;
  if (n > to->n - at) return rt_fail(NSL_EINPUT, "the records of the checkpoint do not fit this program");
  int e = rt_h5_put(&w->h5, to->data, 1 + to->again / to->n, at, n, weights);
  to->again += n;
  return e;
}

/* Of several ranks each has the weights of its targets, and 0 for the others: the bits are put together. */
static int part_collect(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set, uint64_t row, uint64_t *at, int e) {
  struct rt_weight_piece *b = w->piece;
  e = rt_ranks_agree(s->ranks, e);
  if (!e) e = rt_ranks_collect(s->ranks, b->weight, b->n, RT_OR_U64);
  if (!e && b->n && is_written(s, w)) e = part_write(s, w, set, row, *at, b->n);
  *at += b->n;
  b->n = 0;
  return e;
}

/* Of synapses that change: all rows have caught up with this step. */
static int moving_write(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set, uint64_t row) {
  struct rt_synapses synapses = {.s = s};
  struct rt_weight_walk walk = {.p = set->plastic, .state = recorded(set)};
  struct rt_gate_walk gates = {0};
  struct order order = {0};
  const struct rt_proj *p = set->proj;
  uint64_t at = 0;
  int e = set->coupling ? rt_gate_walk_begin(s, &gates, set->coupling) : 0;
  w->piece->n = 0;
  for (uint32_t i = 0; !e && i < p->sn; i++) {
    struct rt_row_of of;
    e = rt_synapses_of(&synapses, p, p->s0 + i, &of);
    if (!e) e = order_make(&order, &of);
    if (!e && set->plastic) e = rt_weight_row(s, &walk, p->s0 + i);
    for (uint64_t j = 0; !e && j < of.n; j++) {
      uint64_t k = (uint32_t)order.keys[j];
      double weight = set->plastic ? rt_weight_next(s, &walk, of.target[k], of.delay ? of.delay[k] : p->delay_steps)
                                   : rt_gate_next(s, &gates, recorded(set), of.target[k]);
      w->piece->weight[w->piece->n++] = weight / set->unit_scale;
      if (w->piece->n == PIECE) e = part_collect(s, w, set, row, &at, 0);
    }
  }
  e = part_collect(s, w, set, row, &at, e); /* also after a failure: the others wait for it */
  rt_synapses_drop(&synapses);
  rt_weight_drop(s, &walk);
  rt_gate_walk_end(&gates);
  rt_drop(&order.keys);
  return e;
}

static int row_write(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set, uint64_t row) {
  int e = 0;
  if (set->moves) return moving_write(s, w, set, row);
  for (uint64_t at = 0; !e && is_written(s, w) && at < set->n; at += PIECE) {
    uint64_t n = set->n - at < PIECE ? set->n - at : PIECE;
    e = rt_h5_get(&w->h5, set->data, 0, at, n, H5T_NATIVE_DOUBLE, w->piece->weight);
    if (!e) e = part_write(s, w, set, row, at, n);
  }
  return w->moves ? rt_ranks_agree(s->ranks, e) : e;
}

int rt_weights_begin(struct rt_sim *s, struct rt_weights *w) {
  int e = 0;
  for (uint32_t i = 0; !e && i < w->n_sets; i++)
    if (w->sets[i].state != NSL_NONE && w->sets[i].moves) e = row_write(s, w, &w->sets[i], 0);
  return e;
}

int rt_weights_flush(struct rt_sim *s, struct rt_weights *w, uint64_t step) {
  uint64_t until = rt_samples_until(s, w->every, step);
  int e = 0;
  for (; !e && w->rows < until; w->rows++)
    for (uint32_t i = 0; !e && i < w->n_sets; i++) e = row_write(s, w, &w->sets[i], w->rows);
  return e;
}

/* ---- the end */

/* `syn_weight`, the weights of the last row: the file is a network to go on from. Of a state it has its name. */
static int last_write(struct rt_weights *w, const struct rt_weight_set *set) {
  char name[640];
  snprintf(name, sizeof name, "edges/%.500s/0/%.100s", set->def->path, set->state == NSL_NONE ? "syn_weight" : w->what);
  hid_t last = rt_h5_growing(&w->h5, w->h5.file, name, H5T_IEEE_F64LE, 0);
  int e = last < 0 ? NSL_EIO : 0;
  for (uint64_t at = 0; !e && at < set->n; at += PIECE) {
    uint64_t n = set->n - at < PIECE ? set->n - at : PIECE;
    e = rt_h5_get(&w->h5, set->data, w->rows - 1, at, n, H5T_NATIVE_DOUBLE, w->piece->weight);
    if (!e) e = rt_h5_append(&w->h5, last, H5T_NATIVE_DOUBLE, at, n, 0, w->piece->weight);
  }
  return e;
}

/* `edge_type_id`, which readers of SONATA ask for: there is one type, 0. */
static int type_write(struct rt_weights *w, const struct rt_weight_set *set) {
  char name[640];
  snprintf(name, sizeof name, "edges/%.500s/edge_type_id", set->def->path);
  hid_t type = rt_h5_growing(&w->h5, w->h5.file, name, H5T_STD_U32LE, 0);
  return type < 0 ? NSL_EIO : rt_h5_extend(&w->h5, type, set->n);
}

static int times_write(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set) {
  char name[640];
  struct rt_mem mem = {0};
  double *all = rt_alloc(&mem, w->rows, sizeof *all);
  int e = all ? 0 : NSL_EMEMORY;
  for (uint64_t i = 0; all && i < w->rows; i++) all[i] = rt_sample_time(s, w->every, i);
  snprintf(name, sizeof name, "report/%.500s/sample_times", set->def->path);
  if (!e) e = rt_h5_array(&w->h5, w->h5.file, name, H5T_NATIVE_DOUBLE, w->rows, all, "ms");
  rt_mem_free(&mem);
  return e;
}

static int csv_row(struct rt_sim *s, struct rt_weights *w, const struct rt_weight_set *set, uint64_t row,
                   FILE *f) {
  struct rt_weight_piece *b = w->piece;
  int e = 0;
  for (uint64_t at = 0; !e && at < set->n; at += PIECE) {
    uint64_t n = set->n - at < PIECE ? set->n - at : PIECE;
    e = rt_h5_get(&w->h5, set->source, 0, at, n, H5T_NATIVE_UINT64, b->source);
    if (!e) e = rt_h5_get(&w->h5, set->target, 0, at, n, H5T_NATIVE_UINT64, b->target);
    if (!e) e = rt_h5_get(&w->h5, set->delay, 0, at, n, H5T_NATIVE_DOUBLE, b->delay);
    if (!e) e = rt_h5_get(&w->h5, set->data, row, at, n, H5T_NATIVE_DOUBLE, b->weight);
    for (uint64_t i = 0; !e && i < n; i++) {
      fprintf(f, "%.12g,", rt_sample_time(s, w->every, row));
      rt_csv_text(f, set->def->path);
      fprintf(f, ",%llu,%llu,%.12g,", (unsigned long long)b->source[i], (unsigned long long)b->target[i],
              b->delay[i]);
      rt_csv_number(f, b->weight[i]);
      fputc('\n', f);
    }
  }
  return e;
}

static int csv_write(struct rt_sim *s, struct rt_weights *w) {
  struct rt_text_file csv = {0};
  int e = rt_text_open(&csv, w->csv_path);
  if (e) return e;
  fputs("t_ms,projection,source,target,delay_ms,", csv.f);
  rt_csv_text(csv.f, w->what);
  fputc('\n', csv.f);
  for (uint64_t row = 0; row < w->rows; row++)
    for (uint32_t i = 0; !e && i < w->n_sets; i++) e = csv_row(s, w, &w->sets[i], row, csv.f);
  int bad = rt_text_close(&csv);
  return e ? e : bad;
}

int rt_weights_close(struct rt_sim *s, struct rt_weights *w) {
  int e = rt_weights_flush(s, w, s->step);
  for (uint32_t i = 0; !e && i < w->n_sets; i++) {
    e = last_write(w, &w->sets[i]);
    if (!e) e = type_write(w, &w->sets[i]);
    if (!e) e = times_write(s, w, &w->sets[i]);
  }
  if (!e && w->csv_path) e = csv_write(s, w);
  int bad = rt_h5_close(&w->h5);
  return e ? e : bad;
}

/* Matrices and tables of pairs: CSV files with a line for each target and a column for each source. What is wrong with
 * one is said with line and column, before anything is built. */
#include "runtime/pairs.h"

#include <stdio.h>
#include <string.h>

#include "runtime/data.h"
#include "runtime/error.h"

enum { PADDING = 64 }; /* kernels read whole vectors */

/* ---- files */

static int wrong_shape(const struct rt_proj *p, const struct nsl_data *data, uint64_t lines, uint64_t columns) {
  return rt_fail_at(NSL_EINPUT, data->place, "%s has %llu lines of %llu numbers, but %s has %u targets and %u sources: "
                    "there is a line for each target, with a column for each source", data->path,
                    (unsigned long long)lines, (unsigned long long)columns, p->def->path, p->tn, p->sn);
}

/* One line into all[source * tn + line]. */
static int line_read(const struct rt_proj *p, const struct nsl_data *data, struct rt_csv_file *f, uint64_t line, bool positive, double *all) {
  char *at = f->lines[line], *field, column[24];
  uint64_t k = 0;
  for (; rt_csv_field(&at, &field); k++) {
    double value = 0;
    if (k >= p->sn) continue;
    snprintf(column, sizeof column, "%llu", (unsigned long long)k + 1);
    int e = rt_csv_value(data, f, line, column, field, &value);
    if (e) return e;
    if (positive && value < 0)
      return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column %s: %s is negative; lengths and times between cells are not",
                        data->path, (unsigned long long)f->numbers[line], column, field);
    all[k * p->tn + line] = value * data->value_scale;
  }
  if (k == p->sn) return 0;
  return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu has %llu numbers; %s has %u sources, a column for each", data->path,
                    (unsigned long long)f->numbers[line], (unsigned long long)k, p->def->path, p->sn);
}

static bool is_positive(const struct nsl_data *data) { /* a time or a length */
  return data->dim && (!strcmp(data->dim, "12 0 0 0 0 0") || !strcmp(data->dim, "0 0 0 12 0 0"));
}

/* The numbers of all pairs, source after source, in `mem`. */
static int table_read(struct rt_sim *s, const struct rt_proj *p, const struct nsl_data *data, struct rt_mem *mem, double **ret) {
  struct rt_csv_file f;
  const char *path = rt_data_file(s, data);
  if (!path) return NSL_EINPUT;
  int e = rt_csv_table(s, data, path, &f);
  if (e) return e;
  if (f.n_lines != p->tn) return wrong_shape(p, data, f.n_lines, f.n_names);
  *ret = rt_alloc(mem, (uint64_t)p->sn * p->tn + PADDING, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  for (uint64_t i = 0; !e && i < f.n_lines; i++) e = line_read(p, data, &f, i, is_positive(data), *ret);
  return e;
}

/* ---- a matrix as a rule */

/* Whether a pair is connected: 0 means no. */
static bool is_edge(const struct rt_proj *p, const double *all, uint32_t source, uint32_t target) {
  return all[(uint64_t)source * p->tn + target] != 0 && !(p->self && p->s0 + source == p->t0 + target);
}

static int most_find(struct rt_sim *s, const struct rt_proj *p, struct rt_edges *g) {
  uint32_t *in = rt_alloc(&s->build_mem, p->tn + 1, sizeof *in);
  if (!in) return NSL_EMEMORY;
  for (uint64_t i = 0; i < g->n; i++)
    if (++in[g->target[i] - p->t0] > g->most) g->most = in[g->target[i] - p->t0];
  return 0;
}

static int edges_take(struct rt_sim *s, struct rt_proj *p, const double *all) {
  struct rt_edges *g = p->edges;
  for (uint32_t i = 0; i < p->sn; i++) {
    g->begin[i] = g->n;
    for (uint32_t k = 0; k < p->tn; k++) g->n += is_edge(p, all, i, k);
  }
  g->begin[p->sn] = g->n;
  g->target = rt_alloc(&s->mem, g->n + 1, sizeof *g->target);
  double *values = rt_alloc(&s->mem, g->n + PADDING, sizeof *values);
  if (!g->target || !values) return NSL_EMEMORY;
  for (uint32_t i = 0, at = 0; i < p->sn; i++)
    for (uint32_t k = 0; k < p->tn; k++) {
      if (!is_edge(p, all, i, k)) continue;
      values[at] = all[(uint64_t)i * p->tn + k];
      g->target[at++] = p->t0 + k;
    }
  p->edge_values = values;
  for (uint32_t i = 0; i < p->def->n_fields; i++)
    if (p->def->fields[i].kind == NSL_FIELD_EDGE) p->fields[i] = values;
  return most_find(s, p, g);
}

int rt_matrix_read(struct rt_sim *s, struct rt_proj *p) {
  double *all;
  p->edges = rt_alloc(&s->mem, 1, sizeof *p->edges);
  p->fields = rt_alloc(&s->mem, p->def->n_fields + 1, sizeof *p->fields);
  if (!p->edges || !p->fields || !(p->edges->begin = rt_alloc(&s->mem, p->sn + 1, sizeof *p->edges->begin))) return NSL_EMEMORY;
  int e = table_read(s, p, &p->def->file, &s->build_mem, &all);
  if (!e) e = edges_take(s, p, all);
  p->expected = (double)p->edges->n;
  return e;
}

/* ---- fields */

/* Distances need one way around. */
static int periods_check(const struct rt_proj *p) {
  const struct rt_places *a = p->source->places, *b = p->target->places;
  for (uint32_t i = 0; i < 3; i++)
    if (a->period[i] != b->period[i])
      return rt_fail_at(NSL_EMODEL, p->def->place, "%s: distances are not defined: along axis %c %s comes back after %g um, %s after %g um (0: never)",
                        p->def->path, "xyz"[i], p->source->def->path, a->period[i], p->target->def->path, b->period[i]);
  return 0;
}

/* A file of nodes may say nothing of places. */
static int places_check(const struct rt_proj *p) {
  const struct rt_pop *without = !p->source->places ? p->source : !p->target->places ? p->target : NULL;
  if (!without) return 0;
  return rt_fail_at(NSL_EINPUT, p->def->place, "%s asks where the cells of %s are, and %s has no `x` and `y` of them", p->def->path,
                    without->def->path, without->def->where.file.path);
}

int rt_fields_prepare(struct rt_sim *s, struct rt_proj *p) {
  if (!p->fields) p->fields = rt_alloc(&s->mem, p->def->n_fields + 1, sizeof *p->fields);
  int e = p->fields ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < p->def->n_fields; i++) {
    double *all = NULL;
    enum nsl_field_kind kind = (enum nsl_field_kind)p->def->fields[i].kind;
    if (kind == NSL_FIELD_DISTANCE || kind == NSL_FIELD_PRE || kind == NSL_FIELD_POST) e = places_check(p);
    if (!e && kind == NSL_FIELD_DISTANCE) e = periods_check(p);
    if (e) return e;
    if (p->def->fields[i].kind != NSL_FIELD_TABLE) continue;
    e = table_read(s, p, &p->def->fields[i].file, &s->mem, &all);
    p->fields[i] = all;
  }
  return e;
}

/* ---- pairs that are looked at from one side */

/* What the file says of a pair, that it is not connected being 0. */
static double number_of(const struct rt_proj *p, const double *table, uint32_t source, uint32_t target) {
  const struct rt_edges *g = p->edges;
  if (table) return table[(uint64_t)(source - p->s0) * p->tn + (target - p->t0)];
  uint64_t lo = g->begin[source - p->s0], end = g->begin[source - p->s0 + 1], hi = end;
  while (lo < hi) {
    uint64_t half = lo + (hi - lo) / 2;
    if (g->target[half] < target) lo = half + 1;
    else hi = half;
  }
  return lo < end && g->target[lo] == target ? p->edge_values[lo] : 0;
}

static int table_symmetric(const struct rt_proj *p, const struct nsl_data *data, const double *table) {
  uint32_t first = p->s0 > p->t0 ? p->s0 : p->t0, a = p->s0 + p->sn, b = p->t0 + p->tn, end = a < b ? a : b;
  for (uint32_t i = first; i < end; i++)
    for (uint32_t k = i + 1; k < end; k++) {
      double there = number_of(p, table, i, k), back = number_of(p, table, k, i);
      if (there == back) continue;
      return rt_fail_at(NSL_EINPUT, data->place, "%s has %.12g for target %u and source %u, and %.12g for target %u and source %u: %s couples each pair "
                        "of cells once, so the table must be symmetric", data->path, there, k - p->t0, i - p->s0, back, i - p->t0, k - p->s0,
                        p->def->path);
    }
  return 0;
}

int rt_pairs_symmetric(const struct rt_proj *p) {
  int e = p->def->rule == NSL_MATRIX ? table_symmetric(p, &p->def->file, NULL) : 0;
  for (uint32_t i = 0; !e && i < p->def->n_fields; i++)
    if (p->def->fields[i].kind == NSL_FIELD_TABLE) e = table_symmetric(p, &p->def->fields[i].file, p->fields[i]);
  return e;
}

static void table_gather(const struct rt_proj *p, uint32_t field, uint32_t source, const uint32_t *targets, uint64_t n, double *to) {
  const double *from = p->fields[field] + (uint64_t)(source - p->s0) * p->tn;
  for (uint64_t i = 0; i < n; i++) to[i] = from[targets[i] - p->t0];
}

/* The targets' coordinates, axis after axis. */
static int coordinates_gather(struct rt_synapses *k, const struct rt_proj *p, const uint32_t *targets, uint64_t n, uint64_t each) {
  const struct rt_places *places = p->target->places;
  if (rt_grow(&k->coordinates, &k->coordinates_cap, 3 * each, sizeof *k->coordinates)) return NSL_EMEMORY;
  for (int a = 0; a < 3; a++)
    for (uint64_t i = 0; i < n; i++) k->coordinates[(uint64_t)a * each + i] = places->at[a][targets[i]];
  return 0;
}

static void distances_find(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, uint64_t n, uint64_t each, double *to) {
  const struct rt_places *places = p->source->places;
  const double *at[3], from[3] = {places->at[0][source], places->at[1][source], places->at[2][source]};
  for (int a = 0; a < 3; a++) at[a] = k->coordinates + (uint64_t)a * each;
  k->s->hot.distances(at, from, places->period, n, to);
}

static bool of_places(const struct rt_proj *p) {
  for (uint32_t i = 0; i < p->def->n_fields; i++)
    if (p->def->fields[i].kind == NSL_FIELD_DISTANCE || p->def->fields[i].kind == NSL_FIELD_POST) return true;
  return false;
}

int rt_pairs_of(struct rt_synapses *k, const struct rt_proj *p, uint32_t source, const uint32_t *targets, uint64_t n) {
  uint64_t each = (n + PADDING) / PADDING * PADDING;
  uint32_t n_fields = p->def->n_fields;
  if (rt_grow(&k->pairs, &k->pairs_cap, n_fields, sizeof *k->pairs) ||
      rt_grow(&k->gathered, &k->gathered_cap, n_fields * each, sizeof *k->gathered))
    return NSL_EMEMORY;
  if (of_places(p) && coordinates_gather(k, p, targets, n, each)) return NSL_EMEMORY;
  for (uint32_t i = 0; i < n_fields; i++) {
    const struct nsl_field *f = &p->def->fields[i];
    double *to = k->gathered + i * each;
    k->pairs[i] = to;
    switch ((enum nsl_field_kind)f->kind) {
      case NSL_FIELD_EDGE: k->pairs[i] = p->fields[i] + p->edges->begin[source - p->s0]; break;
      case NSL_FIELD_TABLE: table_gather(p, i, source, targets, n, to); break;
      case NSL_FIELD_DISTANCE: distances_find(k, p, source, n, each, to); break;
      case NSL_FIELD_POST: k->pairs[i] = k->coordinates + f->axis * each; break;
      case NSL_FIELD_PRE:
        for (uint64_t j = 0; j < n; j++) to[j] = p->source->places->at[f->axis][source];
        break;
    }
  }
  return 0;
}

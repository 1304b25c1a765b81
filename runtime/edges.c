/* Lists of edges -> connections by source: CSV files with the columns `source` and `target`, SONATA files (edges_h5.c). Ids
 * count the cells of the populations on each side; those of other populations of a group, and of
 * cells outside of a part, belong to other projections. What is wrong is said with its place, before anything is built. */
#include "runtime/edges.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/pairs.h"

enum { PADDING = 64 };

/* ---- ids */

struct side {
  const char *name, *path;
  double first, ids; /* ids of this population begin at `first`; `ids` are known */
  uint32_t pop, e0, n;
};

static struct side side_of(const struct rt_sim *s, const struct rt_proj *p, bool target, const char *name) {
  const struct nsl_projection *d = p->def;
  const struct rt_pop *pop = target ? p->target : p->source;
  double ids = rt_value(s, target ? d->target_ids : d->source_ids, pop->size);
  return (struct side){name, pop->def->path, rt_value(s, target ? d->target_first : d->source_first, 0), ids, pop->size,
                       target ? p->t0 : p->s0, target ? p->tn : p->sn};
}

/* *ret: the element, or NSL_NONE, if it is not of this projection. */
static int id_check(const struct rt_proj *p, const struct rt_edge_list *list, const struct side *side, double id, uint64_t edge,
                    uint32_t *ret) {
  const struct nsl_data *data = &p->def->file;
  const char *what = list->lines ? "line" : "edge";
  unsigned long long at = (unsigned long long)(list->lines ? list->lines[edge] : edge);
  if (!(id >= 0) || id != floor(id) || id >= 0x1p53)
    return rt_fail_at(NSL_EINPUT, data->place, "%s: `%s` of %s %llu is %g, no whole number from 0", data->path, side->name, what, at, id);
  if (id >= side->ids)
    return rt_fail_at(NSL_EINPUT, data->place, "%s: `%s` of %s %llu is %.0f, but %s has %.0f cells%s", data->path, side->name, what, at, id,
                      side->ids > side->pop ? "the group" : side->path, side->ids, ", counted from 0");
  double own = id - side->first;
  bool here = own >= side->e0 && own < (double)side->e0 + side->n && own < side->pop;
  *ret = here ? (uint32_t)own : NSL_NONE;
  return 0;
}

/* ---- by source */

struct taking {
  struct rt_sim *s;
  struct rt_proj *p;
  const struct rt_edge_list *list;
  uint32_t *source, *target; /* elements, by edge; source NSL_NONE: left out */
};

static int ends_find(struct taking *t) {
  struct rt_edges *g = t->p->edges;
  struct side from = side_of(t->s, t->p, false, t->list->source_name), to = side_of(t->s, t->p, true, t->list->target_name);
  t->source = rt_alloc(&t->s->build_mem, t->list->n + 1, sizeof *t->source);
  t->target = rt_alloc(&t->s->build_mem, t->list->n + 1, sizeof *t->target);
  if (!t->source || !t->target) return NSL_EMEMORY;
  for (uint64_t i = 0; i < t->list->n; i++) {
    int e = id_check(t->p, t->list, &from, t->list->source[i], i, &t->source[i]);
    if (!e) e = id_check(t->p, t->list, &to, t->list->target[i], i, &t->target[i]);
    if (e) return e;
    if (t->target[i] == NSL_NONE || (t->p->self && t->source[i] == t->target[i])) t->source[i] = NSL_NONE;
    if (t->source[i] != NSL_NONE) g->begin[t->source[i] - t->p->s0 + 1]++;
  }
  for (uint32_t i = 0; i < t->p->sn; i++) g->begin[i + 1] += g->begin[i];
  g->n = g->begin[t->p->sn];
  return 0;
}

/* Every edge to its place, in the order of the file for each source; its numbers with it. */
static int edges_sort(struct taking *t) {
  struct rt_proj *p = t->p;
  struct rt_edges *g = p->edges;
  uint64_t *next = rt_alloc(&t->s->build_mem, p->sn + 1, sizeof *next);
  uint32_t *in = rt_alloc(&t->s->build_mem, p->tn + 1, sizeof *in);
  g->target = rt_alloc(&t->s->mem, g->n + 1, sizeof *g->target);
  if (!next || !in || !g->target) return NSL_EMEMORY;
  for (uint32_t f = 0; f < p->def->n_fields; f++)
    if (t->list->values[f] && !(p->fields[f] = rt_alloc(&t->s->mem, g->n + PADDING, sizeof(double)))) return NSL_EMEMORY;
  memcpy(next, g->begin, p->sn * sizeof *next);
  for (uint64_t i = 0; i < t->list->n; i++) {
    if (t->source[i] == NSL_NONE) continue;
    uint64_t at = next[t->source[i] - p->s0]++;
    g->target[at] = t->target[i];
    if (++in[t->target[i] - p->t0] > g->most) g->most = in[t->target[i] - p->t0];
    for (uint32_t f = 0; f < p->def->n_fields; f++)
      if (t->list->values[f]) ((double *)(uintptr_t)p->fields[f])[at] = t->list->values[f][i];
  }
  return 0;
}

/* `no multiple` asks for different pairs, which the file cannot be made to have. */
static int multiples_check(struct rt_sim *s, const struct rt_proj *p) {
  uint32_t *last = rt_alloc(&s->build_mem, p->tn + 1, sizeof *last);
  if (!last) return NSL_EMEMORY;
  for (uint32_t i = 0; i < p->sn && p->def->no_multiple; i++)
    for (uint64_t k = p->edges->begin[i]; k < p->edges->begin[i + 1]; k++) {
      uint32_t target = p->edges->target[k] - p->t0;
      if (last[target] == i + 1)
        return rt_fail_at(NSL_EMODEL, p->def->place, "%s: %s connects source %u with target %u more than once, and the rule says `no multiple`",
                          p->def->path, p->def->file.path, p->s0 + i, p->edges->target[k]);
      last[target] = i + 1;
    }
  return 0;
}

/* ---- CSV */

static int column_at(const struct nsl_data *data, const struct rt_csv_file *f, const char *name, uint64_t *ret) {
  for (*ret = 0; *ret < f->n_names; ++*ret)
    if (strcmp(f->names[*ret], name) == 0) return 0;
  char all[200] = "";
  for (uint64_t i = 0; i < f->n_names && strlen(all) < 140; i++)
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.50s", i ? ", " : "", f->names[i]);
  return rt_fail_at(NSL_EINPUT, data->place, "%s has no column `%s`; its columns: %s", data->path, name, all);
}

struct csv_edges {
  struct rt_csv_file file;
  uint64_t *column; /* 0: source, 1: target, then by field */
  double **to;
  uint32_t n;
};

static int csv_line(const struct nsl_data *data, struct csv_edges *c, uint64_t line) {
  char *at = c->file.lines[line], *field;
  uint64_t k = 0;
  int e = 0;
  for (; !e && rt_csv_field(&at, &field); k++)
    for (uint32_t i = 0; !e && i < c->n; i++)
      if (c->column[i] == k) e = rt_csv_value(data, &c->file, line, c->file.names[k], field, &c->to[i][line]);
  if (e || k == c->file.n_names) return e;
  return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu has %llu columns, the header %llu", data->path,
                    (unsigned long long)c->file.numbers[line], (unsigned long long)k, (unsigned long long)c->file.n_names);
}

static int csv_edges(struct rt_sim *s, const struct rt_proj *p, const char *path, struct rt_edge_list *ret) {
  const struct nsl_data *data = &p->def->file;
  struct csv_edges c = {.n = 0};
  int e = rt_csv_read(s, data, path, &c.file);
  if (e) return e;
  uint32_t most = p->def->n_fields + 2;
  c.column = rt_alloc(&s->build_mem, most, sizeof *c.column);
  c.to = rt_alloc(&s->build_mem, most, sizeof *c.to);
  if (!c.column || !c.to) return NSL_EMEMORY;
  for (uint32_t i = 0; i < most; i++) {
    const struct nsl_field *field = i < 2 ? NULL : &p->def->fields[i - 2];
    if (field && field->kind != NSL_FIELD_EDGE) continue;
    if ((e = column_at(data, &c.file, field ? field->file.value : i ? "target" : "source", &c.column[c.n]))) return e;
    double *to = rt_alloc(&s->build_mem, c.file.n_lines + 1, sizeof *to);
    if (!to) return NSL_EMEMORY;
    c.to[c.n++] = to;
    if (field) ret->values[i - 2] = to;
  }
  for (uint64_t i = 0; !e && i < c.file.n_lines; i++) e = csv_line(data, &c, i);
  ret->n = c.file.n_lines;
  ret->lines = c.file.numbers;
  ret->source = c.to[0];
  ret->target = c.to[1];
  ret->source_name = "source";
  ret->target_name = "target";
  return e;
}

/* ---- the rule */

static bool is_h5(const char *path) {
  size_t n = strlen(path);
  return n > 3 && strcmp(path + n - 3, ".h5") == 0;
}

int rt_edges_read(struct rt_sim *s, struct rt_proj *p) {
  struct rt_edge_list list = {0};
  struct taking t = {.s = s, .p = p, .list = &list};
  const char *path = rt_data_file(s, &p->def->file);
  if (!path) return NSL_EINPUT;
  p->edges = rt_alloc(&s->mem, 1, sizeof *p->edges);
  p->fields = rt_alloc(&s->mem, p->def->n_fields + 1, sizeof *p->fields);
  list.values = rt_alloc(&s->build_mem, p->def->n_fields + 1, sizeof *list.values);
  if (!p->edges || !p->fields || !list.values) return NSL_EMEMORY;
  if (!(p->edges->begin = rt_alloc(&s->mem, p->sn + 1, sizeof *p->edges->begin))) return NSL_EMEMORY;
  int e = is_h5(path) ? rt_edges_h5(s, p, path, &list) : csv_edges(s, p, path, &list);
  if (!e) e = ends_find(&t);
  if (!e) e = edges_sort(&t);
  if (!e) e = multiples_check(s, p);
  p->expected = (double)p->edges->n;
  return e;
}

/* SONATA files of nodes: /nodes/<population> with node_type_id, perhaps node_id, and numbers in groups (sonata_in.c). Cell k of a
 * population is the node with the id first + k; the file has as many nodes as the population cells, or `first` says where they begin. */
#include "runtime/nodes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/places.h"
#include "runtime/sonata_in.h"

enum { FIRST = 0 }; /* among the slots of nsl_place */

struct nodes {
  struct rt_sonata_in f;
  const struct rt_pop *p;
  uint64_t *row; /* by cell: where its node stands */
};

static int count(struct nodes *n) {
  static const char *const of[] = {"node_type_id", "node_id", "node_group_id"};
  for (int i = 0; i < 3; i++) {
    hsize_t size[2];
    double *values;
    if (!rt_sonata_in_has(&n->f, of[i])) continue;
    int e = rt_h5_data_numbers(&n->f.s->build_mem, n->f.data, n->f.group, of[i], 1, size, &values);
    n->f.n = size[0];
    return e;
  }
  return rt_fail_at(NSL_EINPUT, n->f.data->place, "%s: population %s has neither `node_type_id` nor `node_id`: how many nodes are there?",
                    n->f.data->path, n->f.population);
}

/* Every id of the population's cells stands in the file once. */
static int rows_by_id(struct nodes *n, double first) {
  const struct nsl_data *data = n->f.data;
  double *id;
  int e = rt_sonata_in_column(&n->f, "node_id", n->f.n, &id);
  for (uint32_t k = 0; k < n->p->size; k++) n->row[k] = UINT64_MAX;
  for (uint64_t i = 0; !e && i < n->f.n; i++) {
    if (!(id[i] >= 0) || id[i] != floor(id[i]) || id[i] >= 0x1p53)
      return rt_fail_at(NSL_EINPUT, data->place, "%s: `node_id` of node %llu is %g, no whole number from 0", data->path, (unsigned long long)i,
                        id[i]);
    if (id[i] < first || id[i] >= first + n->p->size) continue;
    uint64_t *row = &n->row[(uint64_t)(id[i] - first)];
    if (*row != UINT64_MAX)
      return rt_fail_at(NSL_EINPUT, data->place, "%s: `node_id` %.0f stands there twice", data->path, id[i]);
    *row = i;
  }
  for (uint32_t k = 0; !e && k < n->p->size; k++)
    if (n->row[k] == UINT64_MAX)
      return rt_fail_at(NSL_EINPUT, data->place, "%s has no node with the `node_id` %.0f, which is %s[%u]", data->path, first + k,
                        n->p->def->path, k);
  return e;
}

static int rows_find(struct nodes *n) {
  const struct nsl_data *data = n->f.data;
  uint32_t slot = n->p->def->where.slots[FIRST];
  double first = rt_value(n->f.s, slot, 0), all = (double)n->f.n;
  n->row = rt_alloc(&n->f.s->build_mem, (uint64_t)n->p->size + 1, sizeof *n->row);
  if (!n->row) return NSL_EMEMORY;
  if (slot == NSL_NONE && all != n->p->size)
    return rt_fail_at(NSL_EINPUT, data->place, "%s has %.0f nodes, %s has %u cells; `first = …` would say which of them they are", data->path,
                      all, n->p->def->path, n->p->size);
  if (first + n->p->size > all)
    return rt_fail_at(NSL_EINPUT, data->place, "%s has %.0f nodes, and the %u cells of %s begin at %.0f", data->path, all, n->p->size,
                      n->p->def->path, first);
  if (rt_sonata_in_has(&n->f, "node_id")) return rows_by_id(n, first);
  for (uint32_t k = 0; k < n->p->size; k++) n->row[k] = (uint64_t)first + k;
  return 0;
}

static int nodes_open(struct rt_sim *s, const struct rt_pop *p, struct nodes *ret) {
  const struct nsl_place *w = &p->def->where;
  *ret = (struct nodes){.p = p};
  ret->f = (struct rt_sonata_in){.s = s, .data = &w->file, .types_of = w->types.path ? &w->types : NULL, .kind = "node", .file = -1, .group = -1};
  const char *path = rt_data_file(s, &w->file);
  int e = path ? rt_sonata_in_open(&ret->f, path) : NSL_EINPUT;
  if (!e) e = count(ret);
  if (!e) e = rt_sonata_in_groups(&ret->f);
  return e ? e : rows_find(ret);
}

static int number_take(struct nodes *n, const char *name, double **ret) {
  double *all;
  int e = 0;
  bool id = strcmp(name, "node_id") == 0, type = strcmp(name, "node_type_id") == 0;
  if ((id && rt_sonata_in_has(&n->f, name)) || type) e = rt_sonata_in_column(&n->f, name, n->f.n, &all);
  else if (!id) e = rt_sonata_in_number(&n->f, name, &all);
  if (e) return e;
  *ret = rt_alloc(&n->f.s->build_mem, (uint64_t)n->p->size + 1, sizeof **ret);
  for (uint32_t k = 0; *ret && k < n->p->size; k++) (*ret)[k] = id && !rt_sonata_in_has(&n->f, name) ? (double)n->row[k] : all[n->row[k]];
  return *ret ? 0 : NSL_EMEMORY;
}

int rt_nodes_number(struct rt_sim *s, const struct rt_pop *p, const char *name, const double **ret) {
  struct nodes n;
  double *values = NULL;
  int e = nodes_open(s, p, &n);
  if (!e) e = number_take(&n, name, &values);
  rt_sonata_in_close(&n.f);
  *ret = values;
  return e;
}

/* As the group of the first node has them; 0: it says nothing of places, which nobody may ask for then. */
static uint32_t axes_of(const struct nodes *n) {
  char name[40];
  bool has[3];
  snprintf(name, sizeof name, "%.0f", n->f.groups && n->f.n ? n->f.groups[0] : 0);
  bool group = rt_sonata_in_has(&n->f, name);
  for (uint32_t a = 0; a < 3; a++) {
    snprintf(name, sizeof name, "%.0f/%c", n->f.groups && n->f.n ? n->f.groups[0] : 0, "xyz"[a]);
    has[a] = group && rt_sonata_in_has(&n->f, name);
  }
  return has[2] ? 3 : has[0] || has[1] ? 2 : 0;
}

int rt_nodes_places(struct rt_sim *s, const struct rt_pop *p, struct rt_places *ret) {
  struct nodes n;
  int e = nodes_open(s, p, &n);
  if (!e) ret->n_axes = axes_of(&n);
  for (uint32_t a = 0; !e && a < ret->n_axes; a++) {
    double *at;
    e = number_take(&n, (const char *[]){"x", "y", "z"}[a], &at);
    for (uint32_t k = 0; !e && k < p->size; k++) ret->at[a][k] = at[k];
  }
  rt_sonata_in_close(&n.f);
  return e;
}

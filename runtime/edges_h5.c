/* SONATA files of edges: /edges/<population> with source_node_id, target_node_id, and the numbers of edges in groups 0, 1, …; which
 * group and place an edge has say edge_group_id and edge_group_index, and where they are absent there is one group in the order of
 * edges. A number that no group has may be one of the edge's type. The index of a file is not needed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/data_h5.h"
#include "runtime/edges.h"
#include "runtime/error.h"

struct edges_file {
  struct rt_sim *s;
  const struct rt_proj *p;
  const struct nsl_data *data;
  hid_t group;
  char population[200];
  uint64_t n;
  double *types, *groups, *places; /* by edge; NULL: absent */
};

static int column_read(struct edges_file *f, const char *name, uint64_t n, double **ret) {
  hsize_t size[2];
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, name, 1, size, ret);
  if (e || size[0] == n) return e;
  return rt_fail_at(NSL_EINPUT, f->data->place, "%s: `%s` has %llu values, there are %llu edges", f->data->path, name,
                    (unsigned long long)size[0], (unsigned long long)n);
}

static bool is_there(const struct edges_file *f, const char *name) { return H5Lexists(f->group, name, H5P_DEFAULT) > 0; }

static int maybe_read(struct edges_file *f, const char *name, double **ret) {
  return is_there(f, name) ? column_read(f, name, f->n, ret) : 0;
}

static int ends_read(struct edges_file *f, struct rt_edge_list *ret) {
  hsize_t size[2];
  double *source, *target;
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, "source_node_id", 1, size, &source);
  if (e) return e;
  f->n = ret->n = size[0];
  e = column_read(f, "target_node_id", f->n, &target);
  ret->source = source;
  ret->target = target;
  ret->source_name = "source_node_id";
  ret->target_name = "target_node_id";
  if (!e) e = maybe_read(f, "edge_type_id", &f->types);
  if (!e) e = maybe_read(f, "edge_group_id", &f->groups);
  if (!e) e = maybe_read(f, "edge_group_index", &f->places);
  return e;
}

/* ---- numbers of edges */

static double group_of(const struct edges_file *f, uint64_t edge) { return f->groups ? f->groups[edge] : 0; }

/* Those edges whose group is `group`, from its dataset. */
static int group_take(struct edges_file *f, double group, const char *name, double *to) {
  char path[300];
  hsize_t size[2];
  double *values;
  snprintf(path, sizeof path, "%.0f/%.200s", group, name);
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, path, 1, size, &values);
  for (uint64_t i = 0; !e && i < f->n; i++) {
    if (group_of(f, i) != group) continue;
    double at = f->places ? f->places[i] : (double)i;
    if (!(at >= 0) || at >= (double)size[0] || at != floor(at))
      return rt_fail_at(NSL_EINPUT, f->data->place, "%s: edge %llu is number %g of group %.0f, whose `%s` has %llu values", f->data->path,
                        (unsigned long long)i, at, group, name, (unsigned long long)size[0]);
    to[i] = values[(uint64_t)at];
    if (!isfinite(to[i]))
      return rt_fail_at(NSL_EINPUT, f->data->place, "%s: `%s` of edge %llu is not a finite number", f->data->path, path,
                        (unsigned long long)i);
  }
  return e;
}

static herr_t name_add(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  char *all = context;
  (void)group, (void)info;
  size_t n = strlen(all);
  if (n < 200) snprintf(all + n, 300 - n, "%s%.60s", n ? ", " : "", name);
  return 0;
}

static int no_number(const struct edges_file *f, double group, const char *name) {
  char all[300] = "", path[40];
  snprintf(path, sizeof path, "%.0f", group);
  if (!is_there(f, path))
    return rt_fail_at(NSL_EINPUT, f->data->place, "%s: population %s has no group `%s`, which edges of it name", f->data->path, f->population, path);
  H5Literate_by_name(f->group, path, H5_INDEX_NAME, H5_ITER_INC, NULL, name_add, all, H5P_DEFAULT);
  return rt_fail_at(NSL_EINPUT, f->data->place, "%s: edges of %s have no number `%s`: group %s has %s%s%s", f->data->path, f->population, name, path,
                    *all ? all : "none", f->p->def->types.path ? ", and there is no such column in " : "; `types = \"…\"` would name a file of types",
                    f->p->def->types.path ? f->p->def->types.path : "");
}

/* The least group above `last`; INFINITY: there is none. */
static double group_next(const struct edges_file *f, double last) {
  double next = f->groups ? INFINITY : last < 0 ? 0 : INFINITY;
  for (uint64_t i = 0; f->groups && i < f->n; i++)
    if (f->groups[i] > last && f->groups[i] < next) next = f->groups[i];
  return f->n ? next : INFINITY;
}

/* What the types of edges say, for those of a group. */
static int types_take(struct edges_file *f, double group, const char *name, double *to) {
  double *by_type = NULL;
  bool typed = f->types && f->p->def->types.path;
  int e = typed ? rt_edge_types(f->s, f->p, name, f->types, f->n, &by_type) : 0;
  if (e || !by_type) return e ? e : no_number(f, group, name);
  for (uint64_t i = 0; i < f->n; i++)
    if (group_of(f, i) == group) to[i] = by_type[i];
  return 0;
}

/* Group by group; what a group has not is the type's. */
static int number_read(struct edges_file *f, const char *name, double **ret) {
  int e = 0;
  *ret = rt_alloc(&f->s->build_mem, f->n + 1, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  for (double group = -1; !e && isfinite(group = group_next(f, group));) {
    char path[300];
    snprintf(path, sizeof path, "%.0f", group);
    bool own = is_there(f, path);
    snprintf(path, sizeof path, "%.0f/%.200s", group, name);
    own = own && is_there(f, path);
    e = own ? group_take(f, group, name, *ret) : types_take(f, group, name, *ret);
  }
  return e;
}

static int values_read(struct edges_file *f, struct rt_edge_list *ret) {
  int e = 0;
  for (uint32_t i = 0; !e && i < f->p->def->n_fields; i++) {
    const struct nsl_field *field = &f->p->def->fields[i];
    if (field->kind != NSL_FIELD_EDGE) continue;
    if (strcmp(field->file.value, "edge_type_id") == 0) {
      e = f->types ? 0 : column_read(f, "edge_type_id", f->n, &f->types);
      ret->values[i] = f->types;
    } else {
      e = number_read(f, field->file.value, &ret->values[i]);
    }
  }
  return e;
}

int rt_edges_h5(struct rt_sim *s, const struct rt_proj *p, const char *path, struct rt_edge_list *ret) {
  struct edges_file f = {.s = s, .p = p, .data = &p->def->file};
  hid_t file = rt_h5_data_open(f.data, path);
  if (file < 0) return NSL_EINPUT;
  f.group = rt_h5_data_population(f.data, file, "edges");
  int e = f.group < 0 ? NSL_EINPUT : 0;
  if (!e) {
    char full[200] = "";
    H5Iget_name(f.group, full, sizeof full);
    const char *last = strrchr(full, '/');
    snprintf(f.population, sizeof f.population, "%.190s", last ? last + 1 : full);
    e = ends_read(&f, ret);
  }
  if (!e) e = values_read(&f, ret);
  if (f.group >= 0) H5Gclose(f.group);
  H5Fclose(file);
  return e;
}

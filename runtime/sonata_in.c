/* SONATA files: /nodes/<population> or /edges/<population>, with node_type_id or edge_type_id and the numbers in groups 0, 1, …; which
 * group and place a node or edge has say …_group_id and …_group_index, and where they are absent there is one group in the order of
 * the file. A number that no group has may be one of the type. The index of a file of edges is not needed. */
#include "runtime/sonata_in.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"

int rt_sonata_in_open(struct rt_sonata_in *f, const char *path) {
  char root[16], full[200] = "";
  f->group = -1;
  f->file = rt_h5_data_open(f->data, path);
  if (f->file < 0) return NSL_EINPUT;
  snprintf(root, sizeof root, "%ss", f->kind);
  f->group = rt_h5_data_population(f->data, f->file, root);
  if (f->group < 0) return NSL_EINPUT;
  H5Iget_name(f->group, full, sizeof full);
  const char *last = strrchr(full, '/');
  snprintf(f->population, sizeof f->population, "%.190s", last ? last + 1 : full);
  return 0;
}

void rt_sonata_in_close(struct rt_sonata_in *f) {
  if (f->group >= 0) H5Gclose(f->group);
  if (f->file >= 0) H5Fclose(f->file);
}

int rt_sonata_in_column(struct rt_sonata_in *f, const char *name, uint64_t n, double **ret) {
  hsize_t size[2];
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, name, 1, size, ret);
  if (e || size[0] == n) return e;
  return rt_fail_at(NSL_EINPUT, f->data->place, "%s: `%s` has %llu values, there are %llu %ss", f->data->path, name,
                    (unsigned long long)size[0], (unsigned long long)n, f->kind);
}

bool rt_sonata_in_has(const struct rt_sonata_in *f, const char *name) { return H5Lexists(f->group, name, H5P_DEFAULT) > 0; }

static int maybe_read(struct rt_sonata_in *f, const char *what, double **ret) {
  char name[40];
  snprintf(name, sizeof name, "%s_%s", f->kind, what);
  return rt_sonata_in_has(f, name) ? rt_sonata_in_column(f, name, f->n, ret) : 0;
}

int rt_sonata_in_groups(struct rt_sonata_in *f) {
  int e = maybe_read(f, "type_id", &f->types);
  if (!e) e = maybe_read(f, "group_id", &f->groups);
  return e ? e : maybe_read(f, "group_index", &f->places);
}

/* ---- numbers */

static double group_of(const struct rt_sonata_in *f, uint64_t i) { return f->groups ? f->groups[i] : 0; }

/* Those whose group is `group`, from its dataset. */
static int group_take(struct rt_sonata_in *f, double group, const char *name, double *to) {
  char path[300];
  hsize_t size[2];
  double *values;
  snprintf(path, sizeof path, "%.0f/%.200s", group, name);
  int e = rt_h5_data_numbers(&f->s->build_mem, f->data, f->group, path, 1, size, &values);
  for (uint64_t i = 0; !e && i < f->n; i++) {
    if (group_of(f, i) != group) continue;
    double at = f->places ? f->places[i] : (double)i;
    if (!(at >= 0) || at >= (double)size[0] || at != floor(at))
      return rt_fail_at(NSL_EINPUT, f->data->place, "%s: %s %llu is number %g of group %.0f, whose `%s` has %llu values", f->data->path,
                        f->kind, (unsigned long long)i, at, group, name, (unsigned long long)size[0]);
    to[i] = values[(uint64_t)at];
    if (!isfinite(to[i]))
      return rt_fail_at(NSL_EINPUT, f->data->place, "%s: `%s` of %s %llu is not a finite number", f->data->path, path, f->kind,
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

static int no_number(const struct rt_sonata_in *f, double group, const char *name) {
  char all[300] = "", path[40];
  const char *types = f->types_of ? f->types_of->path : NULL;
  snprintf(path, sizeof path, "%.0f", group);
  if (!rt_sonata_in_has(f, path))
    return rt_fail_at(NSL_EINPUT, f->data->place, "%s: population %s has no group `%s`, which %ss of it name", f->data->path, f->population,
                      path, f->kind);
  H5Literate_by_name(f->group, path, H5_INDEX_NAME, H5_ITER_INC, NULL, name_add, all, H5P_DEFAULT);
  return rt_fail_at(NSL_EINPUT, f->data->place, "%s: %ss of %s have no number `%s`: group %s has %s%s%s", f->data->path, f->kind, f->population,
                    name, path, *all ? all : "none", types ? ", and there is no such column in " : "; `types = \"…\"` would name a file of types",
                    types ? types : "");
}

/* The least group above `last`; INFINITY: there is none. */
static double group_next(const struct rt_sonata_in *f, double last) {
  double next = f->groups ? INFINITY : last < 0 ? 0 : INFINITY;
  for (uint64_t i = 0; f->groups && i < f->n; i++)
    if (f->groups[i] > last && f->groups[i] < next) next = f->groups[i];
  return f->n ? next : INFINITY;
}

/* What the types say, for those of a group. */
static int types_take(struct rt_sonata_in *f, double group, const char *name, double *to) {
  double *by_type = NULL;
  int e = f->types && f->types_of ? rt_sonata_in_types(f, name, &by_type) : 0;
  if (e || !by_type) return e ? e : no_number(f, group, name);
  for (uint64_t i = 0; i < f->n; i++)
    if (group_of(f, i) == group) to[i] = by_type[i];
  return 0;
}

/* Group by group; what a group has not is the type's. */
int rt_sonata_in_number(struct rt_sonata_in *f, const char *name, double **ret) {
  int e = 0;
  *ret = rt_alloc(&f->s->build_mem, f->n + 1, sizeof **ret);
  if (!*ret) return NSL_EMEMORY;
  for (double group = -1; !e && isfinite(group = group_next(f, group));) {
    char path[300];
    snprintf(path, sizeof path, "%.0f", group);
    bool own = rt_sonata_in_has(f, path);
    snprintf(path, sizeof path, "%.0f/%.200s", group, name);
    own = own && rt_sonata_in_has(f, path);
    e = own ? group_take(f, group, name, *ret) : types_take(f, group, name, *ret);
  }
  return e;
}

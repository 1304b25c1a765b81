/* Places of cells: in the middles of a grid's squares, drawn in a box, or from a file: a line for each cell, or SONATA's nodes. */
#include "runtime/places.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/math.h"
#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/h5.h"
#include "runtime/nodes.h"

enum { SPACING = 3, ORIGIN = 4 }; /* among the slots of nsl_place */

static double number(const struct rt_sim *s, const struct nsl_place *w, uint32_t slot, double none) {
  return rt_value(s, w->slots[slot], none);
}

/* Lengths of the grid or box; spacing and extents that make sense. */
static int extents_read(struct rt_sim *s, const struct rt_pop *p, double *extent, double *length) {
  const struct nsl_place *w = &p->def->where;
  bool grid = w->kind == NSL_PLACE_GRID;
  double spacing = grid ? number(s, w, SPACING, NAN) : 1, cells = 1;
  for (uint32_t i = 0; i < w->n_axes; i++) {
    extent[i] = number(s, w, i, NAN);
    length[i] = extent[i] * spacing;
    cells *= extent[i];
    if (!(length[i] > 0) || !isfinite(length[i]))
      return rt_fail_at(NSL_EMODEL, p->def->place, "the places of %s: a length of %g um along axis %c", p->def->path, length[i], "xyz"[i]);
  }
  if (!grid || cells == p->size) return 0;
  return rt_fail_at(NSL_EMODEL, p->def->place, "the grid of %s has %g places, the population %u cells", p->def->path, cells, p->size);
}

static void grid_make(const double *extent, const double *length, uint32_t n, const struct rt_places *ret) {
  for (uint32_t i = 0; i < n; i++) {
    double rest = i;
    for (uint32_t a = 0; a < ret->n_axes; a++) {
      double row = floor(rest / extent[a]), at = rest - row * extent[a];
      ret->at[a][i] += (at + 0.5) * (length[a] / extent[a]);
      rest = row;
    }
  }
}

static void box_make(const struct rt_sim *s, const struct rt_pop *p, const double *length, const struct rt_places *ret) {
  uint64_t key = nslm_key(s->seed, nslm_hash("place", 5, p->def->path_hash));
  for (uint32_t a = 0; a < ret->n_axes; a++)
    for (uint32_t i = 0; i < p->size; i++) ret->at[a][i] += nslm_draw_uniform_f64(key, i, 0, a, 0, length[a]);
}

/* ---- files */

/* A header names the columns x, y, z; without one they stand in this order. */
static int columns_find(const struct nsl_data *data, char *header, uint64_t n_columns, uint64_t *column, uint32_t *ret_axes) {
  char *field, *end;
  strtod(header, &end);
  *ret_axes = n_columns < 3 ? (uint32_t)n_columns : 3;
  for (uint32_t a = 0; a < 3; a++) column[a] = a;
  if (end != header) {
    if (n_columns == 2 || n_columns == 3) return 0;
    return rt_fail_at(NSL_EINPUT, data->place, "%s has %llu columns; places have two or three", data->path, (unsigned long long)n_columns);
  }
  for (uint32_t a = 0; a < 3; a++) column[a] = UINT64_MAX;
  for (uint64_t k = 0; rt_csv_field(&header, &field); k++)
    if (*field >= 'x' && *field <= 'z' && !field[1]) column[*field - 'x'] = k;
  *ret_axes = column[2] == UINT64_MAX ? 2 : 3;
  if (column[0] != UINT64_MAX && column[1] != UINT64_MAX) return 1;
  return rt_fail_at(NSL_EINPUT, data->place, "%s has no columns `x` and `y`", data->path);
}

static int file_line(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, const uint64_t *column, uint32_t cell,
                     const struct rt_places *ret) {
  char *at = f->lines[line], *field, *given[3] = {NULL, NULL, NULL}, name[2] = "x";
  int e = 0;
  for (uint64_t k = 0; rt_csv_field(&at, &field); k++)
    for (uint32_t a = 0; a < ret->n_axes; a++)
      if (k == column[a]) given[a] = field;
  for (uint32_t a = 0; !e && a < ret->n_axes; a++) {
    double value = 0;
    *name = "xyz"[a];
    e = rt_csv_value(data, f, line, name, given[a], &value);
    ret->at[a][cell] += value * data->value_scale;
  }
  return e;
}

static int file_read(struct rt_sim *s, const struct rt_pop *p, struct rt_places *ret) {
  const struct nsl_data *data = &p->def->where.file;
  struct rt_csv_file f;
  uint64_t column[3];
  const char *path = rt_data_file(s, data);
  int e = path ? rt_csv_table(s, data, path, &f) : NSL_EINPUT;
  if (e) return e;
  int header = columns_find(data, f.lines[0], f.n_names, column, &ret->n_axes);
  if (header > 1 || header < 0) return header;
  if (f.n_lines - (uint64_t)header != p->size)
    return rt_fail_at(NSL_EINPUT, data->place, "%s has %llu places, %s has %u cells", data->path,
                      (unsigned long long)(f.n_lines - (uint64_t)header), p->def->path, p->size);
  for (uint32_t i = 0; !e && i < p->size; i++) e = file_line(data, &f, i + (uint64_t)header, column, i, ret);
  return e;
}

/* ---- all */

static int pop_places(struct rt_sim *s, struct rt_pop *p) {
  const struct nsl_place *w = &p->def->where;
  double extent[3], length[3];
  struct rt_places *ret = p->places = rt_alloc(&s->mem, 1, sizeof *ret);
  if (!ret) return NSL_EMEMORY;
  ret->n_axes = w->n_axes;
  for (uint32_t a = 0; a < 3; a++) {
    if (!(ret->at[a] = rt_alloc(&s->mem, p->padded, sizeof **ret->at))) return NSL_EMEMORY;
    for (uint32_t i = 0; i < p->size; i++) ret->at[a][i] = number(s, w, ORIGIN + a, 0);
  }
  if (w->kind == NSL_PLACE_NODES) {
    int e = rt_nodes_places(s, p, ret);
    if (!e && !ret->n_axes) p->places = NULL;
    return e;
  }
  if (w->kind == NSL_PLACE_FILE) return file_read(s, p, ret);
  int e = extents_read(s, p, extent, length);
  if (e) return e;
  for (uint32_t a = 0; w->periodic && a < w->n_axes; a++) ret->period[a] = length[a];
  if (w->kind == NSL_PLACE_GRID) grid_make(extent, length, p->size, ret);
  else box_make(s, p, length, ret);
  return 0;
}

int rt_places_make(struct rt_sim *s) {
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    if (s->pops[i].def->where.has) e = pop_places(s, &s->pops[i]);
  return e;
}

/* ---- output */

bool rt_places_any(const struct rt_sim *s) {
  for (uint32_t i = 0; i < s->n_pops; i++)
    if (s->pops[i].places) return true;
  return false;
}

static int pop_write(struct rt_h5 *h, const struct rt_pop *p) {
  char name[640];
  snprintf(name, sizeof name, "nodes/%.500s", p->def->path);
  hid_t in = rt_h5_group(h, h->file, name), first = in < 0 ? -1 : rt_h5_group(h, in, "0");
  hid_t types = in < 0 ? -1 : rt_h5_growing(h, in, "node_type_id", H5T_STD_U64LE, 0);
  int e = first < 0 || types < 0 ? NSL_EIO : rt_h5_extend(h, types, p->size);
  for (uint32_t a = 0; !e && a < 3; a++)
    e = rt_h5_array(h, first, (const char *[]){"x", "y", "z"}[a], H5T_NATIVE_DOUBLE, p->size, p->places->at[a], "um");
  if (types >= 0) H5Dclose(types);
  if (first >= 0) H5Gclose(first);
  if (in >= 0) H5Gclose(in);
  return e;
}

int rt_places_write(const struct rt_sim *s, const char *path) {
  struct rt_h5 h = {.file = -1};
  int e = rt_h5_create(&h, path);
  for (uint32_t i = 0; !e && i < s->n_pops; i++)
    if (s->pops[i].places) e = pop_write(&h, &s->pops[i]);
  int bad = rt_h5_close(&h);
  return e ? e : bad;
}

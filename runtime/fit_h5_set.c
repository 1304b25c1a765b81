/* Datasets of recordings with what their attributes say: `scale` or (NWB) `conversion` and `offset`, `unit` or `units`.
 *
 * number in coherent units = (number in the file * scale + offset) * unit. A file that names its unit is believed, if its
 * dimension is the column's; else the unit of the model's text holds. Where it names none, that of the text. */
#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/flush.h"
#include "runtime/fit_data.h"
#include "runtime/quantity.h"

bool rt_h5_text_of(hid_t on, const char *name, char *text, size_t size) {
  if (H5Aexists(on, name) <= 0) return false;
  hid_t a = H5Aopen(on, name, H5P_DEFAULT), type = a < 0 ? -1 : H5Aget_type(a);
  bool found = false;
  char *own = NULL, fixed[201] = "";
  if (a >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0) {
    found = H5Aread(a, type, &own) >= 0 && own;
    if (found) snprintf(text, size, "%s", own);
    if (own) H5free_memory(own);
  } else if (a >= 0 && H5Tget_class(type) == H5T_STRING && H5Tget_size(type) < sizeof fixed) {
    found = H5Aread(a, type, fixed) >= 0;
    if (found) snprintf(text, size, "%s", fixed);
  }
  if (type >= 0) H5Tclose(type);
  if (a >= 0) H5Aclose(a);
  return found;
}

static bool number_of(hid_t on, const char *name, double *ret) {
  if (H5Aexists(on, name) <= 0) return false;
  hid_t a = H5Aopen(on, name, H5P_DEFAULT), space = a < 0 ? -1 : H5Aget_space(a), type = a < 0 ? -1 : H5Aget_type(a);
  bool plain = a >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
               (H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER);
  bool found = plain && H5Aread(a, H5T_NATIVE_DOUBLE, ret) >= 0;
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (a >= 0) H5Aclose(a);
  return found;
}

bool rt_h5_number_above(hid_t on, const char *name, double *ret) {
  char path[1024];
  ssize_t n = H5Iget_name(on, path, sizeof path);
  if (n <= 0 || (size_t)n >= sizeof path) return number_of(on, name, ret);
  for (;;) {
    hid_t group = H5Oopen(on, path, H5P_DEFAULT);
    bool found = group >= 0 && number_of(group, name, ret);
    if (group >= 0) H5Oclose(group);
    char *slash = strrchr(path, '/');
    if (found || !slash || strcmp(path, "/") == 0) return found;
    slash[slash == path] = 0;
  }
}

/* ---- units */

/* The words of NWB files, which stand for units. */
static const char *symbol_of(const char *unit) {
  static const struct {
    const char *word, *symbol;
  } words[] = {{"volts", "V"}, {"volt", "V"}, {"millivolts", "mV"}, {"amperes", "A"}, {"ampere", "A"}, {"amps", "A"},
               {"picoamperes", "pA"}, {"nanoamperes", "nA"}, {"seconds", "s"}, {"second", "s"}, {"milliseconds", "ms"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(unit, words[i].word) == 0) return words[i].symbol;
  return unit;
}

/* The unit that a dataset names; false: none, or one that means nothing here. */
static bool unit_of(hid_t set, char *text, size_t size, struct rt_quantity *ret) {
  char quantity[260];
  if (!rt_h5_text_of(set, "unit", text, size) && !rt_h5_text_of(set, "units", text, size)) return false;
  snprintf(quantity, sizeof quantity, "1 %s", symbol_of(text));
  return *text && !rt_quantity_read(quantity, ret);
}

int rt_h5_measures(hid_t set, const char *dim) {
  char text[200];
  struct rt_quantity q;
  if (!unit_of(set, text, sizeof text, &q)) return -1;
  return rt_dim_equal(q.dim, rt_dim_read(dim));
}

static int scale_of(const struct nsl_data *file, hid_t set, const char *name, const struct nsl_sweep_column *column,
                    double *ret_scale, double *ret_offset) {
  char text[200];
  struct rt_quantity q;
  double scale = 1, offset = 0, unit = column->unit_scale;
  if (!number_of(set, "conversion", &scale)) number_of(set, "scale", &scale);
  number_of(set, "offset", &offset);
  if (unit_of(set, text, sizeof text, &q)) {
    if (!rt_dim_equal(q.dim, rt_dim_read(column->dim)))
      return rt_fail_at(NSL_EINPUT, column->place, "%s: `%s` is measured in %s, but column `%s` in %s", file->path, name, text,
                        column->name, column->unit);
    unit = q.value;
  }
  if (!isfinite(scale) || scale == 0 || !isfinite(offset))
    return rt_fail_at(NSL_EINPUT, file->place, "%s: the attributes of `%s` scale it by %g and move it by %g", file->path, name,
                      scale, offset);
  *ret_scale = scale * unit;
  *ret_offset = offset * unit;
  return 0;
}

/* ---- numbers */

/* Selects all of a dataset, or one row of it; gives how many numbers that are. */
static int extent_select(const struct nsl_data *file, const char *name, hid_t space, uint64_t row, uint64_t *ret_n) {
  hsize_t size[2] = {0, 0};
  int axes = H5Sget_simple_extent_ndims(space);
  if (axes != 1 && axes != 2)
    return rt_fail_at(NSL_EINPUT, file->place, "%s: `%s` has %d axes; one is expected, or two with a row for each sweep",
                      file->path, name, axes);
  H5Sget_simple_extent_dims(space, size, NULL);
  *ret_n = size[axes - 1];
  if (axes == 1) return 0;
  if (row == UINT64_MAX)
    return rt_fail_at(NSL_EINPUT, file->place, "%s: `%s` has %llu rows; say which, as in sweep \"%s[0]\"", file->path, name,
                      (unsigned long long)size[0], file->population ? file->population : "");
  if (row >= size[0])
    return rt_fail_at(NSL_EINPUT, file->place, "%s: `%s` has rows 0..%llu, there is no row %llu", file->path, name,
                      (unsigned long long)size[0] - 1, (unsigned long long)row);
  hsize_t start[2] = {row, 0}, count[2] = {1, size[1]};
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  return 0;
}

static int numbers_take(struct rt_sim *s, const struct nsl_data *file, hid_t set, hid_t space, const char *name,
                        struct rt_h5_set *ret) {
  hid_t type = H5Dget_type(set);
  H5T_class_t class = H5Tget_class(type);
  H5Tclose(type);
  if (class != H5T_FLOAT && class != H5T_INTEGER)
    return rt_fail_at(NSL_EINPUT, file->place, "%s: `%s` does not hold numbers", file->path, name);
  hsize_t n = ret->n;
  if (!(ret->values = rt_alloc(&s->mem, ret->n, sizeof *ret->values))) return NSL_EMEMORY;
  hid_t here = H5Screate_simple(1, &n, NULL);
  bool ok = !n || H5Dread(set, H5T_NATIVE_DOUBLE, here, space, H5P_DEFAULT, ret->values) >= 0;
  H5Sclose(here);
  if (!ok) return rt_fail_at(NSL_EINPUT, file->place, "%s: `%s` cannot be read; is the file cut off?", file->path, name);
  rt_flush_all(ret->values, ret->n);
  return 0;
}

int rt_h5_column(struct rt_sim *s, const struct nsl_data *file, hid_t set, const char *name,
                 const struct nsl_sweep_column *column, uint64_t row, struct rt_h5_set *ret) {
  double scale = 1, offset = 0;
  *ret = (struct rt_h5_set){0};
  hid_t space = H5Dget_space(set);
  int e = extent_select(file, name, space, row, &ret->n);
  if (!e) e = scale_of(file, set, name, column, &scale, &offset);
  if (!e) e = numbers_take(s, file, set, space, name, ret);
  H5Sclose(space);
  for (uint64_t i = 0; !e && i < ret->n; i++) ret->values[i] = ret->values[i] * scale + offset;
  return e;
}

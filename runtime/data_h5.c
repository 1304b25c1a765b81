/* SONATA files: spikes (/spikes/<population>/timestamps, node_ids) and reports (/report/<population>/data with its
 * mapping), as this runtime and others write them.
 *
 * Times are read in the unit that the file names, milliseconds if it names none. Spikes that are sorted by cell are
 * sorted by time here; a file that says that it is sorted by time and is not, is wrong. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data.h"
#include "runtime/error.h"
#include "runtime/flush.h"
#include "runtime/data_h5.h"
#include "runtime/quantity.h"

static int h5_wrong(const struct nsl_data *data, const char *what) {
  return rt_fail_at(NSL_EINPUT, data->place, "%s: %s", data->path, what);
}

hid_t rt_h5_data_open(const struct nsl_data *data, const char *path) {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) h5_wrong(data, "this is not a whole HDF5 file; is it cut off?");
  return file;
}

struct name_search {
  const char *wanted;
  char found[256], all[512];
  unsigned n;
};

static herr_t name_seen(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  struct name_search *search = context;
  (void)group, (void)info;
  if (!search->wanted || strcmp(name, search->wanted) == 0) {
    snprintf(search->found, sizeof search->found, "%s", name);
    search->n++;
  }
  size_t n = strlen(search->all);
  if (n < 300) snprintf(search->all + n, sizeof search->all - n, "%s%.100s", n ? ", " : "", name);
  return 0;
}

/* The group of the wanted population, or of the only one. -1 after rt_fail. */
hid_t rt_h5_data_population(const struct nsl_data *data, hid_t file, const char *root) {
  struct name_search search = {.wanted = data->population};
  hid_t group = H5Gopen2(file, root, H5P_DEFAULT);
  if (group < 0) {
    rt_fail_at(NSL_EINPUT, data->place, "%s has no group /%s: it is no such SONATA file", data->path, root);
    return -1;
  }
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, name_seen, &search);
  hid_t found = search.n == 1 ? H5Gopen2(group, search.found, H5P_DEFAULT) : -1;
  H5Gclose(group);
  if (found >= 0) return found;
  if (search.n == 0)
    rt_fail_at(NSL_EINPUT, data->place, "%s has no population `%s`; it has %s", data->path,
               data->population ? data->population : "", *search.all ? search.all : "none");
  else
    rt_fail_at(NSL_EINPUT, data->place, "%s has several populations (%s): say which with of = \"…\"", data->path,
               search.all);
  return -1;
}

/* A dataset as doubles, with its size. */
int rt_h5_data_numbers(struct rt_mem *mem, const struct nsl_data *data, hid_t in, const char *name, int rank,
                        hsize_t size[2], double **ret) {
  hid_t set = H5Dopen2(in, name, H5P_DEFAULT);
  if (set < 0) return rt_fail_at(NSL_EINPUT, data->place, "%s has no dataset `%s`", data->path, name);
  hid_t space = H5Dget_space(set), type = H5Dget_type(set);
  H5T_class_t class = H5Tget_class(type);
  int e = 0;
  size[1] = 1;
  if (H5Sget_simple_extent_ndims(space) != rank || (class != H5T_FLOAT && class != H5T_INTEGER))
    e = rt_fail_at(NSL_EINPUT, data->place, "%s: `%s` is not a table of numbers with %d axes", data->path, name, rank);
  if (!e) H5Sget_simple_extent_dims(space, size, NULL);
  if (!e && !(*ret = rt_alloc(mem, size[0] * size[1], sizeof **ret))) e = NSL_EMEMORY;
  if (!e && size[0] * size[1] > 0 && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *ret) < 0)
    e = rt_fail_at(NSL_EINPUT, data->place, "%s: `%s` cannot be read; is the file cut off?", data->path, name);
  if (!e) rt_flush_all(*ret, size[0] * size[1]);
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(set);
  return e;
}

/* The `units` attribute as a scale; dim: what it must measure. */
static int unit_read(const struct nsl_data *data, hid_t in, const char *name, const char *dim, double *ret_scale) {
  char text[120] = "", *own = NULL;
  *ret_scale = 1;
  hid_t set = H5Dopen2(in, name, H5P_DEFAULT);
  hid_t a = set >= 0 && H5Aexists(set, "units") > 0 ? H5Aopen(set, "units", H5P_DEFAULT) : -1;
  if (a >= 0) {
    hid_t type = H5Aget_type(a);
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) > 0) {
      if (H5Aread(a, type, &own) >= 0 && own) snprintf(text, sizeof text, "1 %.100s", own);
      if (own) H5free_memory(own);
    } else if (H5Tget_class(type) == H5T_STRING && H5Tget_size(type) < 100) {
      char fixed[101] = "";
      if (H5Aread(a, type, fixed) >= 0 && *fixed) snprintf(text, sizeof text, "1 %.100s", fixed);
    }
    H5Tclose(type);
    H5Aclose(a);
  }
  if (set >= 0) H5Dclose(set);
  if (!*text) return 0;
  struct rt_quantity q;
  if (strcmp(text, "1 1") == 0) strcpy(text, "1");
  const char *wrong = rt_quantity_read(text, &q);
  if (!wrong && rt_dim_equal(q.dim, rt_dim_read(dim))) return *ret_scale = q.value, 0;
  return rt_fail_at(NSL_EINPUT, data->place, "%s: `%s` is measured in %s, which does not fit", data->path, name,
                    text + 2);
}

static const char time_dim[] = "12 0 0 0 0 0";

/* ---- spikes */

struct spike {
  double t;
  uint64_t id, n;
};

static int by_time(const void *a, const void *b) {
  const struct spike *x = a, *y = b;
  if (x->t != y->t) return x->t < y->t ? -1 : 1;
  return x->n < y->n ? -1 : x->n > y->n;
}

/* 2: the file says that it is sorted by time. */
static int sorting_of(hid_t group) {
  int sorting = 0;
  if (H5Aexists(group, "sorting") <= 0) return 0;
  hid_t a = H5Aopen(group, "sorting", H5P_DEFAULT), type = H5Aget_type(a);
  if (H5Tget_class(type) == H5T_ENUM) {
    uint8_t value = 0;
    char name[32] = "";
    hid_t native = H5Tget_native_type(type, H5T_DIR_DEFAULT);
    if (H5Tget_size(native) == 1 && H5Aread(a, native, &value) >= 0 &&
        H5Tenum_nameof(native, &value, name, sizeof name) >= 0 && strcmp(name, "by_time") == 0)
      sorting = 2;
    H5Tclose(native);
  }
  H5Tclose(type);
  H5Aclose(a);
  return sorting;
}

static int spikes_sort(struct rt_sim *s, const struct nsl_data *data, int sorting, struct rt_given_spikes *ret) {
  bool falls = false;
  for (uint64_t i = 1; i < ret->n; i++) {
    if (ret->times[i] >= ret->times[i - 1]) continue;
    falls = true;
    if (sorting == 2)
      return rt_fail_at(NSL_EINPUT, data->place,
                        "%s says that it is sorted by time, but spike %llu is at %g ms after one at %g ms", data->path,
                        (unsigned long long)i + 1, ret->times[i], ret->times[i - 1]);
  }
  if (!falls) return 0;
  struct spike *all = rt_alloc(&s->build_mem, ret->n, sizeof *all);
  if (!all) return NSL_EMEMORY;
  for (uint64_t i = 0; i < ret->n; i++) all[i] = (struct spike){ret->times[i], ret->ids[i], i};
  qsort(all, ret->n, sizeof *all, by_time);
  for (uint64_t i = 0; i < ret->n; i++) {
    ret->times[i] = all[i].t;
    ret->ids[i] = all[i].id;
  }
  return 0;
}

static int spikes_take(struct rt_sim *s, const struct nsl_data *data, hid_t group, struct rt_given_spikes *ret) {
  hsize_t n_times[2], n_ids[2];
  double *ids, scale;
  int e = rt_h5_data_numbers(&s->mem, data, group, "timestamps", 1, n_times, &ret->times);
  if (!e) e = rt_h5_data_numbers(&s->mem, data, group, "node_ids", 1, n_ids, &ids);
  if (!e) e = unit_read(data, group, "timestamps", time_dim, &scale);
  if (!e && n_times[0] != n_ids[0])
    e = rt_fail_at(NSL_EINPUT, data->place, "%s has %llu timestamps and %llu node_ids", data->path,
                   (unsigned long long)n_times[0], (unsigned long long)n_ids[0]);
  if (e) return e;
  ret->n = n_times[0];
  if (!(ret->ids = rt_alloc(&s->mem, ret->n, sizeof *ret->ids))) return NSL_EMEMORY;
  for (uint64_t i = 0; i < ret->n; i++) {
    ret->times[i] *= scale;
    ret->ids[i] = (uint64_t)ids[i];
    if (!isfinite(ret->times[i]))
      return rt_fail_at(NSL_EINPUT, data->place, "%s: timestamp %llu is not a finite number", data->path,
                        (unsigned long long)i + 1);
    if (!(ids[i] >= 0 && ids[i] < 0x1p53 && ids[i] == floor(ids[i])))
      return rt_fail_at(NSL_EINPUT, data->place, "%s: node id %llu is no whole number from 0", data->path,
                        (unsigned long long)i + 1);
  }
  return spikes_sort(s, data, sorting_of(group), ret);
}

int rt_h5_spikes(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_given_spikes *ret) {
  hid_t file = rt_h5_data_open(data, path);
  if (file < 0) return NSL_EINPUT;
  hid_t group = rt_h5_data_population(data, file, "spikes");
  int e = group < 0 ? NSL_EINPUT : spikes_take(s, data, group, ret);
  if (group >= 0) H5Gclose(group);
  H5Fclose(file);
  return e;
}

/* ---- reports */

static int report_times(struct rt_sim *s, const struct nsl_data *data, hid_t group, struct rt_samples *ret) {
  double *time, *all, scale;
  hsize_t size[2], n[2];
  int e = rt_h5_data_numbers(&s->mem, data, group, "mapping/time", 1, size, &time);
  if (!e && size[0] != 3) e = h5_wrong(data, "`mapping/time` should hold begin, end and step");
  if (!e) e = unit_read(data, group, "mapping/time", time_dim, &scale);
  if (!e && !(time[2] > 0)) e = h5_wrong(data, "the step of `mapping/time` is not above 0");
  if (e) return e;
  if (!(ret->times = rt_alloc(&s->mem, ret->n + 1, sizeof *ret->times))) return NSL_EMEMORY;
  for (uint64_t i = 0; i <= ret->n; i++) ret->times[i] = (time[0] + (double)i * time[2]) * scale;
  if (H5Lexists(group, "mapping/sample_times", H5P_DEFAULT) <= 0) return 0;
  e = rt_h5_data_numbers(&s->mem, data, group, "mapping/sample_times", 1, n, &all);
  if (!e && n[0] != ret->n) e = h5_wrong(data, "`mapping/sample_times` and `data` have different numbers of rows");
  for (uint64_t i = 0; !e && i < ret->n; i++) ret->times[i] = all[i] * scale;
  if (!e && ret->n) ret->times[ret->n] = ret->times[ret->n - 1] + time[2] * scale;
  for (uint64_t i = 1; !e && i < ret->n; i++)
    if (!(ret->times[i] > ret->times[i - 1])) e = h5_wrong(data, "the times of `mapping/sample_times` do not rise");
  return e;
}

static int report_take(struct rt_sim *s, const struct nsl_data *data, hid_t group, struct rt_samples *ret) {
  hsize_t size[2], n[2];
  double *ids, scale;
  int e = rt_h5_data_numbers(&s->mem, data, group, "data", 2, size, &ret->values);
  if (!e) e = unit_read(data, group, "data", data->dim, &scale);
  if (!e) e = rt_h5_data_numbers(&s->mem, data, group, "mapping/node_ids", 1, n, &ids);
  if (!e && n[0] != size[1]) e = h5_wrong(data, "`mapping/node_ids` and the columns of `data` are of different number");
  if (e) return e;
  ret->n = size[0];
  ret->cols = size[1];
  if (!(ret->ids = rt_alloc(&s->mem, ret->cols + 1, sizeof *ret->ids))) return NSL_EMEMORY;
  for (uint64_t i = 0; i < ret->cols; i++) ret->ids[i] = ids[i] >= 0 ? (uint64_t)ids[i] : UINT64_MAX;
  for (uint64_t i = 0; i < ret->n * ret->cols; i++) {
    ret->values[i] *= scale;
    if (!isfinite(ret->values[i]))
      return rt_fail_at(NSL_EINPUT, data->place, "%s: row %llu, column %llu of `data` is not a finite number", data->path,
                        (unsigned long long)(i / ret->cols) + 1, (unsigned long long)(i % ret->cols) + 1);
  }
  return report_times(s, data, group, ret);
}

int rt_h5_samples(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_samples *ret) {
  hid_t file = rt_h5_data_open(data, path);
  if (file < 0) return NSL_EINPUT;
  hid_t group = rt_h5_data_population(data, file, "report");
  int e = group < 0 ? NSL_EINPUT : report_take(s, data, group, ret);
  if (group >= 0) H5Gclose(group);
  H5Fclose(file);
  return e;
}

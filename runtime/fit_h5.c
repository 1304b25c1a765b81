/* Sweeps of HDF5 files.
 *
 * HDF5: a sweep is a group, its columns are the datasets of that name in it. Its rate is an attribute of the group or of one
 * above it: `dt_ms`, `dt_s`, or `rate_hz` or `rate` (samples a second); or a column holds the times. A dataset
 * of two axes has a row for each repetition: the sweep is then called "group[row]".
 *
 * NWB 2: a sweep is a number or the name of a series; its series lie in /acquisition and /stimulus/presentation. With a number those
 * are meant whose sweep_number it is, or whose names end in it; with a name, that series and those of the same number. A column is the
 * series of its name, or the only one of its dimension. */
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit_data.h"

static hid_t file_open(const struct nsl_data *file, const char *path) {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (h < 0) rt_fail_at(NSL_EINPUT, file->place, "%s: this is not a whole HDF5 file; is it cut off?", file->path);
  return h;
}

struct names { /* what a group holds, for messages */
  char all[400];
};

static herr_t name_add(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  struct names *list = context;
  size_t n = strlen(list->all);
  (void)group, (void)info;
  if (n < 300) snprintf(list->all + n, sizeof list->all - n, "%s%.80s", n ? ", " : "", name);
  return 0;
}

static int wrong_name(const struct nsl_data *file, hid_t in, const char *place, const char *what, const char *name) {
  struct names list = {""};
  H5Literate(in, H5_INDEX_NAME, H5_ITER_INC, NULL, name_add, &list);
  return rt_fail_at(NSL_EINPUT, place && *place ? place : file->place, "%s has no %s `%s`; it has %s", file->path, what, name,
                    *list.all ? list.all : "nothing");
}

/* All columns are as long as the first. */
static int length_take(const struct nsl_data *file, struct rt_trace *t, const char *name, uint64_t n) {
  if (!t->n) t->n = n;
  if (t->n == n) return 0;
  return rt_fail_at(NSL_EINPUT, file->place, "%s, sweep %s: column %s has %llu samples, those before it %llu", file->path,
                    file->population, name, (unsigned long long)n, (unsigned long long)t->n);
}

/* ---- a group of datasets */

/* ms; 0: no attribute says it */
static double step_of(hid_t group) {
  static const struct {
    const char *name;
    double scale;
    bool rate;
  } ways[] = {{"dt_ms", 1, false}, {"dt_s", 1000, false}, {"rate_hz", 1000, true}, {"rate", 1000, true}};
  double v;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    if (rt_h5_number_above(group, ways[i].name, &v)) return ways[i].rate ? ways[i].scale / v : v * ways[i].scale;
  return 0;
}

static int group_column(struct rt_sim *s, const struct nsl_data *file, hid_t group, const struct nsl_sweep_column *column,
                        uint64_t row, struct rt_h5_set *ret) {
  hid_t set = H5Lexists(group, column->name, H5P_DEFAULT) > 0 ? H5Dopen2(group, column->name, H5P_DEFAULT) : -1;
  if (set < 0) return wrong_name(file, group, column->place, "dataset", column->name);
  int e = rt_h5_column(s, file, set, column->name, column, row, ret);
  H5Dclose(set);
  return e;
}

static uint64_t number_at_end(const char *name) {
  size_t n = strlen(name), k = n;
  while (k && name[k - 1] >= '0' && name[k - 1] <= '9') k--;
  return k < n && n - k < 18 ? strtoull(name + k, NULL, 10) : UINT64_MAX;
}

struct of_row { /* the dataset of a group whose name ends in a number */
  uint64_t row;
  char name[200];
};

static herr_t row_seen(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  struct of_row *q = context;
  (void)group, (void)info;
  if (number_at_end(name) == q->row && !*q->name) snprintf(q->name, sizeof q->name, "%.190s", name);
  return 0;
}

/* A list of times: a dataset; or, where the sweep is a row of others, that of the row in a group of them, "rep_3". */
static int group_events(struct rt_sim *s, const struct nsl_data *file, hid_t group, const struct nsl_sweep_events *def, uint64_t row,
                        struct rt_events *ret) {
  struct of_row q = {.row = row};
  struct rt_h5_set set;
  struct nsl_sweep_column column = rt_events_column(def);
  H5O_info_t info;
  bool lists = H5Lexists(group, def->name, H5P_DEFAULT) > 0 && H5Oget_info_by_name(group, def->name, &info, H5P_DEFAULT) >= 0 &&
               info.type == H5O_TYPE_GROUP;
  hid_t in = lists ? H5Gopen2(group, def->name, H5P_DEFAULT) : -1;
  if (lists && row != UINT64_MAX) H5Literate(in, H5_INDEX_NAME, H5_ITER_INC, NULL, row_seen, &q);
  if (*q.name) column.name = q.name;
  int e = lists && !*q.name ? rt_fail_at(NSL_EINPUT, def->place, "%s, sweep %s: `%s` is a group, and no list in it is that of a row",
                                         file->path, file->population, def->name)
                            : group_column(s, file, lists ? in : group, &column, lists ? UINT64_MAX : row, &set);
  if (lists) H5Gclose(in);
  if (!e) *ret = (struct rt_events){set.values, set.n};
  return e;
}

static int group_read(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, hid_t group, uint64_t row,
                      struct rt_trace *t) {
  for (uint32_t c = 0; c < rec->n_columns; c++) {
    struct rt_h5_set one;
    int e = group_column(s, file, group, &rec->columns[c], row, &one);
    if (!e) e = length_take(file, t, rec->columns[c].name, one.n);
    if (e) return e;
    if (rec->columns[c].time) t->times = one.values;
    else t->values[c] = one.values;
  }
  for (uint32_t k = 0; k < rec->n_events; k++) {
    int e = rec->events[k].column == NSL_NONE ? group_events(s, file, group, &rec->events[k], row, &t->events[k]) : 0;
    if (e) return e;
  }
  if (t->times) return 0;
  double step = step_of(group);
  if (step > 0 && isfinite(step)) return rt_trace_regular(s, t, step);
  return rt_fail_at(NSL_EINPUT, file->place,
                    "%s, sweep %s: nothing says when the samples were taken; an attribute dt_ms, dt_s, rate_hz or rate of the "
                    "group does, or a column of times",
                    file->path, file->population);
}

/* "group[3]" is group and 3. false: what stands in brackets is no row. */
static bool name_split(char *name, uint64_t *ret_row) {
  size_t n = strlen(name);
  char *open = strrchr(name, '['), *end;
  *ret_row = UINT64_MAX;
  if (!n || name[n - 1] != ']' || !open) return true;
  *ret_row = strtoull(open + 1, &end, 10);
  if (open[1] < '0' || open[1] > '9' || end != name + n - 1) return false;
  *open = 0;
  return true;
}

int rt_trace_h5(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const char *path,
                struct rt_trace *ret) {
  uint64_t row;
  char *name = rt_text(&s->mem, file->population && *file->population ? file->population : "/");
  if (!name) return NSL_EMEMORY;
  hid_t h = file_open(file, path);
  if (h < 0) return NSL_EINPUT;
  int e = name_split(name, &row) ? 0 : rt_fail_at(NSL_EINPUT, file->place, "sweep \"%s\": a row is meant as in \"group[3]\"", name);
  hid_t group = e ? -1 : H5Gopen2(h, *name ? name : "/", H5P_DEFAULT);
  if (!e && group < 0) e = wrong_name(file, h, NULL, "group", name);
  if (!e) e = group_read(s, rec, file, group, row, ret);
  if (group >= 0) H5Gclose(group);
  H5Fclose(h);
  return e;
}

/* ---- nwb */

enum { MOST_SERIES = 64 };
struct series {
  char path[400];
  const char *name;
};
struct search {
  hid_t file;
  const char *folder, *wanted; /* wanted: NULL, or the name */
  uint64_t number;             /* UINT64_MAX: only by name */
  bool has_number;
  struct series found[MOST_SERIES];
  uint32_t n;
};

static const char *const folders[] = {"acquisition", "stimulus/presentation"};
enum { N_FOLDERS = sizeof folders / sizeof *folders };

/* sweep_number as attribute or dataset; else the number at the end of the name. */
static uint64_t number_of_series(hid_t series, const char *name) {
  double v = -1;
  hid_t set = H5Lexists(series, "sweep_number", H5P_DEFAULT) > 0 ? H5Dopen2(series, "sweep_number", H5P_DEFAULT) : -1;
  if (set >= 0) {
    hid_t space = H5Dget_space(set);
    if (H5Sget_simple_extent_npoints(space) != 1 || H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &v) < 0) v = -1;
    H5Sclose(space);
    H5Dclose(set);
  } else if (H5Aexists(series, "sweep_number") > 0) {
    hid_t a = H5Aopen(series, "sweep_number", H5P_DEFAULT);
    if (a >= 0 && H5Aread(a, H5T_NATIVE_DOUBLE, &v) < 0) v = -1;
    if (a >= 0) H5Aclose(a);
  }
  return v >= 0 && v < 1e15 ? (uint64_t)v : number_at_end(name);
}

static herr_t series_seen(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  struct search *q = context;
  (void)info;
  hid_t series = H5Gopen2(group, name, H5P_DEFAULT);
  if (series < 0 || H5Lexists(series, "data", H5P_DEFAULT) <= 0) {
    if (series >= 0) H5Gclose(series);
    return 0;
  }
  uint64_t number = number_of_series(series, name);
  bool named = q->wanted && strcmp(name, q->wanted) == 0, numbered = q->has_number && number == q->number;
  if (named && !q->has_number) {
    q->number = number;
    q->has_number = number != UINT64_MAX;
  }
  H5Gclose(series);
  for (uint32_t i = 0; i < q->n; i++)
    if (strcmp(q->found[i].name, name) == 0 && strncmp(q->found[i].path, q->folder, strlen(q->folder)) == 0) return 0;
  if ((!named && !numbered) || q->n == MOST_SERIES) return 0;
  struct series *one = &q->found[q->n++];
  snprintf(one->path, sizeof one->path, "%s/%.300s", q->folder, name);
  one->name = strrchr(one->path, '/') + 1;
  return 0;
}

/* All series of the sweep. Twice: the number of a named one is known after the first time. */
static int series_find(const struct nsl_data *file, struct search *q) {
  char *end;
  const char *name = file->population ? file->population : "";
  q->number = strtoull(name, &end, 10);
  q->has_number = *name >= '0' && *name <= '9' && !*end;
  if (!q->has_number) q->wanted = name;
  for (int time = 0; time < 2; time++)
    for (int i = 0; i < N_FOLDERS; i++) {
      hid_t group = H5Gopen2(q->file, folders[i], H5P_DEFAULT);
      if (group < 0) continue;
      q->folder = folders[i];
      H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, series_seen, q);
      H5Gclose(group);
    }
  if (q->n) return 0;
  struct names list = {""};
  hid_t group = H5Gopen2(q->file, folders[0], H5P_DEFAULT);
  if (group < 0)
    return rt_fail_at(NSL_EINPUT, file->place, "%s has no group /acquisition: it is no NWB file", file->path);
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, name_add, &list);
  H5Gclose(group);
  return rt_fail_at(NSL_EINPUT, file->place, "%s has no sweep `%s`; its acquisitions: %s", file->path, name, list.all);
}

static int series_of_column(const struct nsl_data *file, const struct search *q, const struct nsl_sweep_column *column,
                            const struct series **ret) {
  char all[400] = "";
  uint32_t n = 0;
  for (uint32_t i = 0; i < q->n; i++) {
    char path[420];
    snprintf(path, sizeof path, "%s/data", q->found[i].path);
    hid_t set = H5Dopen2(q->file, path, H5P_DEFAULT);
    bool fits = strcmp(q->found[i].name, column->name) == 0 || (set >= 0 && rt_h5_measures(set, column->dim) == 1);
    if (set >= 0) H5Dclose(set);
    if (fits && n++ == 0) *ret = &q->found[i];
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.60s", *all ? ", " : "", q->found[i].name);
    if (strlen(all) > 320) break;
  }
  if (n == 1) return 0;
  return rt_fail_at(NSL_EINPUT, column->place && *column->place ? column->place : file->place,
                    "%s, sweep %s: %s series measures column `%s` (%s); it has %s", file->path, file->population,
                    n ? "more than one" : "no", column->name, column->unit, all);
}

/* `starting_time` with its rate, or `timestamps`. */
static int series_times(struct rt_sim *s, const struct nsl_data *file, hid_t series, const char *name, struct rt_trace *t) {
  static const struct nsl_sweep_column seconds = {.name = "timestamps", .unit = "s", .unit_scale = 1000, .dim = "12 0 0 0 0 0"};
  double rate = 0;
  hid_t set = H5Lexists(series, "starting_time", H5P_DEFAULT) > 0 ? H5Dopen2(series, "starting_time", H5P_DEFAULT) : -1;
  if (set >= 0) {
    if (H5Aexists(set, "rate") > 0) {
      hid_t a = H5Aopen(set, "rate", H5P_DEFAULT);
      if (a >= 0 && H5Aread(a, H5T_NATIVE_DOUBLE, &rate) < 0) rate = 0;
      if (a >= 0) H5Aclose(a);
    }
    H5Dclose(set);
    if (rate > 0 && isfinite(rate)) return rt_trace_regular(s, t, 1000 / rate);
  }
  set = H5Lexists(series, "timestamps", H5P_DEFAULT) > 0 ? H5Dopen2(series, "timestamps", H5P_DEFAULT) : -1;
  if (set < 0) return rt_fail_at(NSL_EINPUT, file->place, "%s: series %s has neither a rate nor timestamps", file->path, name);
  struct rt_h5_set times;
  int e = rt_h5_column(s, file, set, "timestamps", &seconds, UINT64_MAX, &times);
  H5Dclose(set);
  if (!e && times.n < t->n)
    e = rt_fail_at(NSL_EINPUT, file->place, "%s: series %s has %llu timestamps and %llu samples", file->path, name,
                   (unsigned long long)times.n, (unsigned long long)t->n);
  t->times = times.values;
  return e;
}

static int series_read(struct rt_sim *s, const struct nsl_data *file, hid_t h, const struct series *one,
                       const struct nsl_sweep_column *column, struct rt_trace *t, double **ret) {
  struct rt_h5_set values;
  hid_t series = H5Gopen2(h, one->path, H5P_DEFAULT), set = H5Dopen2(series, "data", H5P_DEFAULT);
  struct rt_trace own = {0};
  int e = set < 0 ? rt_fail_at(NSL_EINPUT, file->place, "%s: series %s has no data", file->path, one->name)
                  : rt_h5_column(s, file, set, one->path, column, UINT64_MAX, &values);
  own.n = e ? 0 : values.n;
  if (!e) e = series_times(s, file, series, one->name, &own);
  if (set >= 0) H5Dclose(set);
  H5Gclose(series);
  if (e) return e;
  *ret = values.values;
  if (!t->times) {
    t->times = own.times;
    t->n = own.n;
    return 0;
  }
  uint64_t n = own.n < t->n ? own.n : t->n;
  for (uint64_t i = 1; i < n; i++)
    if (fabs((own.times[i] - own.times[0]) - (t->times[i] - t->times[0])) > 1e-6)
      return rt_fail_at(NSL_EINPUT, file->place, "%s, sweep %s: the series of its columns were sampled at different times",
                        file->path, file->population);
  if (own.n != t->n)
    rt_warn(s, "%s, sweep %s: its series have %llu and %llu samples; the last are left out", file->path, file->population,
            (unsigned long long)t->n, (unsigned long long)own.n);
  t->n = n;
  return 0;
}

int rt_trace_nwb(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const char *path,
                 struct rt_trace *ret) {
  struct search *q = rt_alloc(&s->mem, 1, sizeof *q);
  if (!q) return NSL_EMEMORY;
  q->file = file_open(file, path);
  if (q->file < 0) return NSL_EINPUT;
  int e = series_find(file, q);
  for (uint32_t c = 0; !e && c < rec->n_columns; c++) {
    const struct series *one = NULL;
    if (rec->columns[c].time) continue; /* the file's own */
    e = series_of_column(file, q, &rec->columns[c], &one);
    if (!e) e = series_read(s, file, q->file, one, &rec->columns[c], ret, &ret->values[c]);
  }
  H5Fclose(q->file);
  if (!e && !ret->times)
    e = rt_fail_at(NSL_EINPUT, rec->place, "`%s` has no column that %s could give", rec->name, file->path);
  return e;
}

/* Files that a run reads, as spikes or samples: where they lie, what they hold, whether that makes sense.
 *
 * A path is that of the model's text, relative to the model's folder; where that folder is no more (the program has
 * been taken elsewhere), relative to the program's own. A file outside of the folder needs --allow-read. What is
 * wrong with a file is said with its name, row and column, before anything runs. */
#include "runtime/data.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "math/math.h"
#include "runtime/error.h"

/* ---- where */

static bool is_within(const char *real, const char *folder) {
  char own[PATH_MAX];
  if (!realpath(*folder ? folder : ".", own)) return false;
  size_t n = strlen(own);
  return strncmp(real, own, n) == 0 && (real[n] == '/' || n == 1);
}

/* The folder that paths begin in. */
static const char *base_folder(struct rt_sim *s) {
  struct stat info;
  const char *folder = s->program->folder ? s->program->folder : ".";
  if (stat(folder, &info) == 0 && S_ISDIR(info.st_mode)) return folder;
  char own[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
  if (n <= 0) return folder;
  own[n] = 0;
  char *slash = strrchr(own, '/');
  if (slash) *slash = 0;
  return rt_text(&s->mem, own);
}

static int hash_file(struct rt_sim *s, const struct nsl_data *data, const char *path) {
  FILE *f = fopen(path, "rb");
  char block[1 << 14];
  uint64_t hash = 0;
  if (!f) return rt_fail_at(NSL_EINPUT, data->place, "cannot read %s: %s", data->path, strerror(errno));
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) hash = nslm_hash(block, n, hash);
  bool bad = ferror(f);
  fclose(f);
  if (bad) return rt_fail_at(NSL_EINPUT, data->place, "cannot read %s: %s", data->path, strerror(errno));
  for (uint32_t i = 0; i < s->n_files; i++)
    if (strcmp(s->files[i].path, data->path) == 0) return 0;
  struct rt_file *all = rt_alloc(&s->mem, s->n_files + 1, sizeof *all);
  if (!all) return NSL_EMEMORY;
  if (s->n_files) memcpy(all, s->files, s->n_files * sizeof *all);
  all[s->n_files++] = (struct rt_file){data->path, hash};
  s->files = all;
  return 0;
}

const char *rt_data_file(struct rt_sim *s, const struct nsl_data *data) {
  char full[PATH_MAX], real[PATH_MAX];
  const char *base = base_folder(s);
  int n = *data->path == '/' ? snprintf(full, sizeof full, "%s", data->path)
                             : snprintf(full, sizeof full, "%s/%s", base, data->path);
  struct stat info;
  if (n < 0 || (size_t)n >= sizeof full || !realpath(full, real)) {
    rt_fail_at(NSL_EINPUT, data->place, "there is no file %s in %s", data->path, base);
    return NULL;
  }
  bool allowed = is_within(real, base);
  for (uint32_t i = 0; i < s->n_allowed; i++) allowed |= is_within(real, s->allowed[i]);
  if (!allowed) {
    rt_fail_at(NSL_EINPUT, data->place, "%s lies outside of %s; `--allow-read DIR` lets the run read there",
               data->path, base);
    return NULL;
  }
  if (stat(real, &info) != 0 || !S_ISREG(info.st_mode)) {
    rt_fail_at(NSL_EINPUT, data->place, "%s is not a file", data->path);
    return NULL;
  }
  if (hash_file(s, data, real)) return NULL;
  return rt_text(&s->mem, real);
}

void rt_warn(struct rt_sim *s, const char *fmt, ...) {
  char text[600];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (s->n_warnings < RT_WARNINGS && (s->warnings[s->n_warnings] = rt_text(&s->mem, text))) s->n_warnings++;
}

static bool is_h5(const char *path) {
  size_t n = strlen(path);
  return n > 3 && strcmp(path + n - 3, ".h5") == 0;
}

/* ---- spikes */

static int column_find(const struct nsl_data *data, const struct rt_csv_file *f, const char *name, uint64_t *ret) {
  char all[300] = "";
  uint64_t n = 0;
  for (uint64_t i = 0; i < f->n_names; i++)
    if (strcmp(f->names[i], name) == 0 && n++ == 0) *ret = i;
  if (n == 1) return 0;
  if (n > 1)
    return rt_fail_at(NSL_EINPUT, data->place, "%s has %llu columns `%s`", data->path, (unsigned long long)n, name);
  for (uint64_t i = 0; i < f->n_names && strlen(all) < 200; i++)
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.60s", i ? ", " : "", f->names[i]);
  return rt_fail_at(NSL_EINPUT, data->place, "%s has no column `%s`; its columns: %s", data->path, name, all);
}

static bool has_column(const struct rt_csv_file *f, const char *name) {
  for (uint64_t i = 0; i < f->n_names; i++)
    if (strcmp(f->names[i], name) == 0) return true;
  return false;
}

static int wrong_width(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, uint64_t n) {
  return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu has %llu columns, the header %llu", data->path,
                    (unsigned long long)f->numbers[line], (unsigned long long)n, (unsigned long long)f->n_names);
}

/* only: the population of the rows before, of a file whose model names none */
static int csv_spike(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, const uint64_t column[3],
                     const char **only, struct rt_given_spikes *ret) {
  char *at = f->lines[line], *field, *t = NULL, *i = NULL, *p = NULL;
  uint64_t k = 0;
  for (; rt_csv_field(&at, &field); k++) {
    if (k == column[0]) t = field;
    if (k == column[1]) i = field;
    if (k == column[2]) p = field;
  }
  if (k > f->n_names) return wrong_width(data, f, line, k);
  if (data->population && (!p || strcmp(p, data->population) != 0)) return 0;
  if (!data->population && p && *only && strcmp(p, *only) != 0)
    return rt_fail_at(NSL_EINPUT, data->place, "%s has several populations (%s, %s, …): say which with of = \"…\"",
                      data->path, *only, p);
  if (p) *only = p;
  double number;
  int e = rt_csv_value(data, f, line, "t_ms", t, &ret->times[ret->n]);
  if (!e) e = rt_csv_value(data, f, line, "id", i, &number);
  if (e) return e;
  if (!(number >= 0 && number < 0x1p53 && number == floor(number)))
    return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column id: `%s` is not a whole number from 0",
                      data->path, (unsigned long long)f->numbers[line], i);
  ret->ids[ret->n++] = (uint64_t)number;
  return 0;
}

static int csv_spikes(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_given_spikes *ret) {
  struct rt_csv_file f;
  uint64_t column[3] = {0, 0, UINT64_MAX}; /* t_ms, id, population */
  const char *only = NULL;
  int e = rt_csv_read(s, data, path, &f);
  if (!e) e = column_find(data, &f, "t_ms", &column[0]);
  if (!e) e = column_find(data, &f, "id", &column[1]);
  bool several = !e && (data->population || has_column(&f, "population"));
  if (several) e = column_find(data, &f, "population", &column[2]);
  if (e) return e;
  ret->times = rt_alloc(&s->mem, f.n_lines, sizeof *ret->times);
  ret->ids = rt_alloc(&s->mem, f.n_lines, sizeof *ret->ids);
  if (!ret->times || !ret->ids) return NSL_EMEMORY;
  for (uint64_t i = 0; !e && i < f.n_lines; i++) {
    uint64_t before = ret->n;
    e = csv_spike(data, &f, i, column, &only, ret);
    if (!e && ret->n > before && before > 0 && ret->times[before] < ret->times[before - 1])
      return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column t_ms: the times fall: %g ms stands after %g ms",
                        data->path, (unsigned long long)f.numbers[i], ret->times[before], ret->times[before - 1]);
  }
  return e;
}

int rt_data_spikes(struct rt_sim *s, const struct nsl_data *data, struct rt_given_spikes *ret) {
  *ret = (struct rt_given_spikes){0};
  const char *path = rt_data_file(s, data);
  if (!path) return NSL_EINPUT;
  int e = is_h5(path) ? rt_h5_spikes(s, data, path, ret) : csv_spikes(s, data, path, ret);
  for (uint64_t i = 0; !e && i < ret->n; i++) {
    if (ret->times[i] >= 0) continue;
    return rt_fail_at(NSL_EINPUT, data->place, "%s: spike %llu is at %g ms, before the beginning of the run",
                      data->path, (unsigned long long)i + 1, ret->times[i]);
  }
  if (!e && ret->n == 0) rt_warn(s, "%s holds no spikes", data->path);
  return e;
}

/* ---- samples */

static int csv_columns(struct rt_sim *s, const struct nsl_data *data, const struct rt_csv_file *f, uint64_t *ret_time,
                       uint64_t *ret_value, struct rt_samples *ret) {
  int e = column_find(data, f, data->time, ret_time);
  if (e) return e;
  ret->cols = 1;
  if (strcmp(data->value, "id") != 0) return column_find(data, f, data->value, ret_value);
  ret->cols = f->n_names - 1;
  ret->ids = rt_alloc(&s->mem, ret->cols + 1, sizeof *ret->ids);
  if (!ret->ids) return NSL_EMEMORY;
  for (uint64_t i = 0, k = 0, most = 0; i < f->n_names; i++) {
    char *end;
    if (i == *ret_time) continue;
    ret->ids[k++] = strtoull(f->names[i], &end, 10);
    if (f->names[i][0] < '0' || f->names[i][0] > '9' || *end)
      return rt_fail_at(NSL_EINPUT, data->place, "%s: column `%s` should be called by the number of an element",
                        data->path, f->names[i]);
    bool rises = k == 1 || ret->ids[k - 1] > most;
    if (rises) most = ret->ids[k - 1];
    for (uint64_t j = 0; !rises && j + 1 < k; j++)
      if (ret->ids[j] == ret->ids[k - 1])
        return rt_fail_at(NSL_EINPUT, data->place, "%s has 2 columns `%s`", data->path, f->names[i]);
  }
  return ret->cols ? 0 : rt_fail_at(NSL_EINPUT, data->place, "%s has no column beside `%s`", data->path, data->time);
}

static int csv_sample(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, uint64_t time,
                      uint64_t value, struct rt_samples *ret) {
  char *at = f->lines[line], *field;
  double *to = ret->values + line * ret->cols;
  uint64_t k = 0, found = 0;
  int e = 0;
  for (; !e && rt_csv_field(&at, &field); k++) {
    if (k == time) e = rt_csv_value(data, f, line, f->names[k], field, &ret->times[line]);
    else if ((ret->ids || k == value) && k < f->n_names && found < ret->cols)
      e = rt_csv_value(data, f, line, f->names[k], field, &to[found++]);
  }
  if (!e && k != f->n_names) return wrong_width(data, f, line, k);
  ret->times[line] *= data->time_scale;
  for (uint64_t i = 0; i < found; i++) to[i] *= data->value_scale;
  return e;
}

static int csv_samples(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_samples *ret) {
  struct rt_csv_file f;
  uint64_t time = 0, value = 0;
  int e = rt_csv_read(s, data, path, &f);
  if (!e) e = csv_columns(s, data, &f, &time, &value, ret);
  if (e) return e;
  ret->n = f.n_lines;
  ret->times = rt_alloc(&s->mem, ret->n + 1, sizeof *ret->times);
  ret->values = rt_alloc(&s->mem, ret->n * ret->cols, sizeof *ret->values);
  if (!ret->times || !ret->values) return NSL_EMEMORY;
  for (uint64_t i = 0; !e && i < ret->n; i++) {
    e = csv_sample(data, &f, i, time, value, ret);
    if (!e && i && !(ret->times[i] > ret->times[i - 1]))
      return rt_fail_at(NSL_EINPUT, data->place, "%s, line %llu, column %s: the times must rise: %g ms stands after %g ms",
                        data->path, (unsigned long long)f.numbers[i], data->time, ret->times[i], ret->times[i - 1]);
  }
  return e;
}

int rt_data_samples(struct rt_sim *s, const struct nsl_data *data, struct rt_samples *ret) {
  *ret = (struct rt_samples){0};
  const char *path = rt_data_file(s, data);
  if (!path) return NSL_EINPUT;
  int e = data->time ? csv_samples(s, data, path, ret) : rt_h5_samples(s, data, path, ret);
  if (e) return e;
  if (ret->n == 0) return rt_fail_at(NSL_EINPUT, data->place, "%s holds no samples", data->path);
  uint64_t n = ret->n;
  if (data->time) ret->times[n] = n > 1 ? 2 * ret->times[n - 1] - ret->times[n - 2] : INFINITY;
  double end = (double)s->n_steps * s->dt;
  if (ret->times[0] > 1e-6 * s->dt)
    rt_warn(s, "%s begins at %g ms; before that it gives 0", data->path, ret->times[0]);
  if (ret->times[n] < end - 1e-6 * s->dt)
    rt_warn(s, "%s ends at %g ms; from there to the end of the run (%g ms) it gives 0", data->path, ret->times[n], end);
  return 0;
}

/* The last row at or before a time; n if there is none. */
static uint64_t row_at(const struct rt_samples *d, double t) {
  uint64_t lo = 0, hi = d->n;
  while (lo < hi) {
    uint64_t middle = lo + (hi - lo) / 2;
    if (d->times[middle] <= t) lo = middle + 1;
    else hi = middle;
  }
  return lo ? lo - 1 : d->n;
}

double rt_samples_mean(const struct rt_samples *d, uint64_t col, double from, double to) {
  double near = 1e-6 * (to - from), sum = 0, length = to - from;
  uint64_t first = row_at(d, from + near), row = first == d->n ? 0 : first;
  if (first < d->n && d->times[row + 1] >= to - near) return d->values[row * d->cols + col];
  for (; row < d->n && d->times[row] < to - near; row++) {
    double a = d->times[row] > from ? d->times[row] : from, b = d->times[row + 1] < to ? d->times[row + 1] : to;
    if (b > a) sum += d->values[row * d->cols + col] * (b - a);
  }
  return sum / length;
}

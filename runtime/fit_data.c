/* A sweep of a recording, from its file to arrays in coherent units, by column.
 *
 * Time is counted from the first sample: there the run begins. Times must rise; a number that is missing (an empty field,
 * NaN) is kept as NaN and weighs nothing where it would be compared with the model. What is wrong is said with file,
 * row and column. */
#include "runtime/fit_data.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

static const double MOST_STEPS = 1e9;

int rt_trace_fail(const struct nsl_sweep *sweep, const struct rt_trace *t, uint64_t sample, const char *column,
                  const char *what) {
  bool named = sweep->name && *sweep->name;
  return rt_fail_at(NSL_EINPUT, sweep->place, "%s%s%s, %s %llu, column %s: %s", sweep->path, named ? ", sweep " : "",
                    named ? sweep->name : "", t->rows ? "line" : "row",
                    (unsigned long long)(t->rows ? t->rows[sample] : sample + 1), column, what);
}

int rt_trace_regular(struct rt_sim *s, struct rt_trace *t, double step) {
  t->times = rt_alloc(&s->mem, t->n, sizeof *t->times);
  if (!t->times) return NSL_EMEMORY;
  for (uint64_t i = 0; i < t->n; i++) t->times[i] = (double)i * step;
  return 0;
}

/* ---- csv */

static bool is_missing(const char *field) {
  static const char *const words[] = {"", "nan", "na", "n/a"};
  char low[8] = "";
  for (size_t i = 0; i + 1 < sizeof low && field[i]; i++) low[i] = (char)tolower((unsigned char)field[i]);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(low, words[i]) == 0) return true;
  return false;
}

static int csv_find(const struct nsl_data *file, const struct rt_csv_file *f, const char *name, const char *place, uint64_t *ret) {
  char all[300] = "";
  uint64_t n = 0;
  for (uint64_t i = 0; i < f->n_names; i++)
    if (strcmp(f->names[i], name) == 0 && n++ == 0) *ret = i;
  if (n == 1) return 0;
  if (n > 1)
    return rt_fail_at(NSL_EINPUT, file->place, "%s has %llu columns `%s`", file->path, (unsigned long long)n, name);
  for (uint64_t i = 0; i < f->n_names && strlen(all) < 200; i++)
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.60s", i ? ", " : "", f->names[i]);
  return rt_fail_at(NSL_EINPUT, place && *place ? place : file->place, "%s has no column `%s`; its columns: %s", file->path, name,
                    all);
}

static int csv_line(const struct nsl_recording *rec, const struct nsl_data *file, struct rt_csv_file *f, const uint64_t *at,
                    uint64_t line, char **fields, struct rt_trace *t) {
  uint64_t n = 0;
  char *rest = f->lines[line], *field;
  while (rt_csv_field(&rest, &field)) {
    if (n < f->n_names) fields[n] = field;
    n++;
  }
  if (n != f->n_names)
    return rt_fail_at(NSL_EINPUT, file->place, "%s, line %llu has %llu columns, the header %llu%s", file->path,
                      (unsigned long long)f->numbers[line], (unsigned long long)n, (unsigned long long)f->n_names,
                      line + 1 == f->n_lines && n < f->n_names ? "; is the file cut off?" : "");
  for (uint32_t c = 0; c < rec->n_columns; c++) {
    const struct nsl_sweep_column *column = &rec->columns[c];
    double value = NAN, *to = column->time ? t->times : t->values[c];
    bool missing = !column->time && is_missing(fields[at[c]]);
    int e = missing ? 0 : rt_csv_value(file, f, line, column->name, fields[at[c]], &value);
    if (e) return e;
    to[line] = value * column->unit_scale;
  }
  for (uint32_t k = 0; k < rec->n_events; k++) {
    const struct nsl_sweep_events *events = &rec->events[k];
    const char *text = events->column == NSL_NONE ? fields[at[rec->n_columns + k]] : "";
    double value = NAN;
    int e = is_missing(text) ? 0 : rt_csv_value(file, f, line, events->name, text, &value);
    if (e) return e;
    if (!is_missing(text)) t->events[k].times[t->events[k].n++] = value * events->unit_scale;
  }
  return 0;
}

/* Lists whose times the file holds: each in a column of its own, as long as it is. */
static int csv_events(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const struct rt_csv_file *f,
                      uint64_t *at, struct rt_trace *t) {
  for (uint32_t k = 0; k < rec->n_events; k++) {
    if (rec->events[k].column != NSL_NONE) continue;
    int e = csv_find(file, f, rec->events[k].name, rec->events[k].place, &at[k]);
    if (e) return e;
    if (!(t->events[k].times = rt_alloc(&s->mem, f->n_lines, sizeof(double)))) return NSL_EMEMORY;
  }
  return 0;
}

static int trace_csv(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const char *path,
                     struct rt_trace *t) {
  struct rt_csv_file f;
  bool timed = false;
  int e = rt_csv_read(s, file, path, &f);
  uint64_t *at = rt_alloc(&s->mem, (uint64_t)rec->n_columns + rec->n_events + 1, sizeof *at);
  if (e || !at) return e ? e : NSL_EMEMORY;
  for (uint32_t c = 0; !e && c < rec->n_columns; c++) {
    e = csv_find(file, &f, rec->columns[c].name, rec->columns[c].place, &at[c]);
    timed |= rec->columns[c].time;
    if (!rec->columns[c].time && !(t->values[c] = rt_alloc(&s->mem, f.n_lines, sizeof(double)))) return NSL_EMEMORY;
  }
  if (!e && !timed)
    e = rt_fail_at(NSL_EINPUT, rec->place, "%s: a CSV file has no rate; one of the columns of `%s` must be its time, such as t : ms",
                   file->path, rec->name);
  if (!e) e = csv_events(s, rec, file, &f, at + rec->n_columns, t);
  char **fields = rt_alloc(&s->mem, f.n_names + 1, sizeof *fields);
  t->times = rt_alloc(&s->mem, f.n_lines, sizeof *t->times);
  if (!e && (!fields || !t->times)) e = NSL_EMEMORY;
  t->n = f.n_lines;
  t->rows = f.numbers;
  for (uint64_t i = 0; !e && i < f.n_lines; i++) e = csv_line(rec, file, &f, at, i, fields, t);
  return e;
}

/* ---- all forms */

static const char *time_name(const struct nsl_recording *rec) {
  for (uint32_t c = 0; c < rec->n_columns; c++)
    if (rec->columns[c].time) return rec->columns[c].name;
  return "time";
}

/* They rise; from 0 on. */
static int times_check(const struct nsl_recording *rec, struct rt_trace *t, double *ret_begin) {
  char why[120];
  double first = *ret_begin = t->n ? t->times[0] : 0;
  if (t->n < 2)
    return rt_fail_at(NSL_EINPUT, t->def->place, "%s: a sweep of %llu sample%s has no duration", t->def->path,
                      (unsigned long long)t->n, t->n == 1 ? "" : "s");
  for (uint64_t i = 0; i < t->n; i++) {
    if (!isfinite(t->times[i])) return rt_trace_fail(t->def, t, i, time_name(rec), "a time is missing");
    if (i && !(t->times[i] > t->times[i - 1])) {
      snprintf(why, sizeof why, "the times must rise: %.12g ms stands after %.12g ms", t->times[i], t->times[i - 1]);
      return rt_trace_fail(t->def, t, i, time_name(rec), why);
    }
  }
  for (uint64_t i = 0; i < t->n; i++) t->times[i] -= first;
  return 0;
}

/* Whole steps that the samples cover. */
static int steps_count(const struct rt_sim *s, struct rt_trace *t) {
  double steps = floor(t->times[t->n - 1] / s->dt + 1e-6);
  if (!(steps >= 1))
    return rt_fail_at(NSL_EINPUT, t->def->place, "%s: a sweep of %g ms is shorter than one step of %g ms", t->def->path,
                      t->times[t->n - 1], s->dt);
  if (steps > MOST_STEPS)
    return rt_fail_at(NSL_EINPUT, t->def->place, "%s: %.3g steps of %g ms are too many", t->def->path, steps, s->dt);
  t->n_steps = (uint64_t)steps;
  return 0;
}

int rt_trace_read(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_sweep *sweep, struct rt_trace *ret) {
  const struct nsl_data file = {.path = sweep->path, .place = sweep->place, .population = sweep->name};
  *ret = (struct rt_trace){.def = sweep};
  const char *path = rt_data_file(s, &file);
  if (!path) return NSL_EINPUT;
  ret->values = rt_alloc(&s->mem, rec->n_columns + 1, sizeof *ret->values);
  ret->events = rt_alloc(&s->mem, rec->n_events + 1, sizeof *ret->events);
  if (!ret->values || !ret->events) return NSL_EMEMORY;
  double begin = 0;
  int e = 0;
  switch ((enum nsl_sweep_form)rec->form) {
    case NSL_SWEEPS_CSV: e = trace_csv(s, rec, &file, path, ret); break;
    case NSL_SWEEPS_HDF5: e = rt_trace_h5(s, rec, &file, path, ret); break;
    case NSL_SWEEPS_NWB: e = rt_trace_nwb(s, rec, &file, path, ret); break;
  }
  if (!e) e = times_check(rec, ret, &begin);
  if (!e) e = rt_events_make(s, rec, begin, ret);
  return e ? e : steps_count(s, ret);
}

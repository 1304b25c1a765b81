/* Expects over seeds: how often each holds, and mean, standard deviation (over n) and range of its values. */
#include "runtime/seeds.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "runtime/error.h"
#include "runtime/out.h"
#include "runtime/quantity.h"
#include "runtime/report.h"

static int rows_make(struct rt_seeds *t, const struct nsl_experiment *x, uint64_t seed) {
  if (t->rows) return 0;
  t->rows = rt_alloc(&t->mem, x->n_expects + 1, sizeof *t->rows);
  if (!t->rows) return NSL_EMEMORY;
  t->n_rows = x->n_expects;
  t->first = seed;
  return 0;
}

/* v: in the unit that is shown; NaN: no data */
static void row_add(struct rt_seed_row *row, const struct nsl_expect *def, bool holds, double v) {
  row->def = def;
  row->holds += holds;
  if (isnan(v)) return;
  row->least = row->with_value ? fmin(row->least, v) : v;
  row->most = row->with_value ? fmax(row->most, v) : v;
  row->with_value++;
  row->sum += v;
  row->squares += v * v;
}

int rt_seeds_add(struct rt_seeds *t, const struct rt_sim *s) {
  int e = rows_make(t, s->x, s->seed);
  if (e) return e;
  t->n++;
  for (uint32_t i = 0; i < t->n_rows; i++) {
    const struct rt_expect *x = &s->expects[i];
    const char *unit;
    row_add(&t->rows[i], x->def, x->holds, x->value / rt_expect_unit(x, &unit));
  }
  return 0;
}

int rt_seeds_read(struct rt_seeds *t, const struct nsl_experiment *x, uint64_t seed, const char *folder, int *ret_exit) {
  char path[4300];
  snprintf(path, sizeof path, "%s/run.json", folder);
  struct json_object *run = json_object_from_file(path), *all = NULL, *exit = NULL, *v, *holds;
  int e = rows_make(t, x, seed);
  json_object_object_get_ex(run, "expect", &all);
  json_object_object_get_ex(run, "exit", &exit);
  if (!e && (!exit || !json_object_is_type(all, json_type_array) || json_object_array_length(all) != t->n_rows))
    e = rt_fail(NSL_EINPUT, "%s is not that of seed %llu of this run", path, (unsigned long long)seed);
  for (uint32_t i = 0; !e && i < t->n_rows; i++) {
    struct json_object *one = json_object_array_get_idx(all, i);
    bool is = json_object_object_get_ex(one, "holds", &holds) && json_object_get_boolean(holds);
    bool has = json_object_object_get_ex(one, "value", &v) && v;
    row_add(&t->rows[i], &x->expects[i], is, has ? json_object_get_double(v) : NAN);
  }
  t->n += !e;
  if (!e) *ret_exit = json_object_get_int(exit);
  json_object_put(run);
  return e;
}

static double mean_of(const struct rt_seed_row *row) { return row->with_value ? row->sum / row->with_value : NAN; }

static double sd_of(const struct rt_seed_row *row) {
  double mean = mean_of(row), variance = row->with_value ? row->squares / row->with_value - mean * mean : NAN;
  return variance > 0 ? sqrt(variance) : variance == variance ? 0 : NAN;
}

static void add_number(struct json_object *o, const char *key, double v) {
  char text[40];
  rt_number_text(v, text, sizeof text);
  json_object_object_add(o, key, isfinite(v) ? json_object_new_double_s(v, text) : NULL);
}

static int json_write(const struct rt_seeds *t, const char *folder) {
  char path[4300], final[4300];
  struct json_object *o = json_object_new_object(), *all = json_object_new_array();
  json_object_object_add(o, "first_seed", json_object_new_uint64(t->first));
  json_object_object_add(o, "runs", json_object_new_int64(t->n));
  for (uint32_t i = 0; i < t->n_rows; i++) {
    const struct rt_seed_row *row = &t->rows[i];
    struct json_object *e = json_object_new_object();
    json_object_object_add(e, "text", json_object_new_string(row->def->text));
    json_object_object_add(e, "holds", json_object_new_int64(row->holds));
    add_number(e, "mean", mean_of(row));
    add_number(e, "sd", sd_of(row));
    add_number(e, "min", row->with_value ? row->least : NAN);
    add_number(e, "max", row->with_value ? row->most : NAN);
    const char *unit = row->def->unit && strcmp(row->def->unit, "1") != 0 ? row->def->unit : "";
    json_object_object_add(e, "unit", json_object_new_string(unit));
    json_object_array_add(all, e);
  }
  json_object_object_add(o, "expect", all);
  snprintf(final, sizeof final, "%.4200s/seeds.json", folder);
  snprintf(path, sizeof path, "%.4200s/.seeds.json.part", folder);
  struct rt_text_file file = {0};
  int e = rt_text_open(&file, path);
  if (!e) {
    fprintf(file.f, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
    e = rt_text_close(&file);
  }
  if (!e && rename(path, final) != 0) e = rt_fail(NSL_EIO, "cannot write %s", final);
  if (e) unlink(path);
  json_object_put(o);
  return e;
}

int rt_seeds_report(const struct rt_seeds *t, const char *folder, FILE *out) {
  if (!t->n || !t->n_rows) return 0;
  if (out) fprintf(out, "%u seeds\n%8s %12s %12s %12s %12s\n", t->n, "hold", "mean", "sd", "min", "max");
  for (uint32_t i = 0; out && i < t->n_rows; i++) {
    const struct rt_seed_row *row = &t->rows[i];
    char holds[24];
    snprintf(holds, sizeof holds, "%u/%u", row->holds, t->n);
    fprintf(out, "%8s %12.6g %12.6g %12.6g %12.6g  %s\n", holds, mean_of(row), sd_of(row),
            row->with_value ? row->least : NAN, row->with_value ? row->most : NAN, row->def->text);
  }
  return json_write(t, folder);
}

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

int rt_seeds_add(struct rt_seeds *t, const struct rt_sim *s) {
  if (!t->rows) {
    t->rows = rt_alloc(&t->mem, s->n_expects + 1, sizeof *t->rows);
    if (!t->rows) return NSL_EMEMORY;
    t->n_rows = s->n_expects;
    t->first = s->seed;
  }
  t->n++;
  for (uint32_t i = 0; i < t->n_rows; i++) {
    struct rt_seed_row *row = &t->rows[i];
    const struct rt_expect *x = &s->expects[i];
    const char *unit;
    double v = x->value / rt_expect_unit(x, &unit);
    row->def = x->def;
    row->holds += x->holds;
    if (isnan(v)) continue;
    row->least = row->with_value ? fmin(row->least, v) : v;
    row->most = row->with_value ? fmax(row->most, v) : v;
    row->with_value++;
    row->sum += v;
    row->squares += v * v;
  }
  return 0;
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

/* run.json with every key of the command line's reference, report.html, the table of populations, the expects,
 * progress. */
#include "runtime/report.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/checkpoint.h"
#include "runtime/error.h"
#include "runtime/gather.h"
#include "runtime/html.h"
#include "runtime/quantity.h"
#include "runtime/ranks.h"
#include "runtime/trade.h"
#include "runtime/verify.h"
#include "runtime/device.h"
#include "runtime/reasons.h"

/* ---- json */

static void add_number(struct json_object *o, const char *key, double v) {
  char text[40];
  rt_number_text(v, text, sizeof text);
  json_object_object_add(o, key, isfinite(v) ? json_object_new_double_s(v, text) : NULL);
}

static void add_whole(struct json_object *o, const char *key, uint64_t v) {
  json_object_object_add(o, key, json_object_new_uint64(v));
}

static void add_text(struct json_object *o, const char *key, const char *v) {
  json_object_object_add(o, key, v ? json_object_new_string(v) : NULL);
}

static void cpu_name(char *text, size_t size) {
  snprintf(text, size, "unknown");
#if defined(__x86_64__)
  unsigned r[12] = {0};
  if (__get_cpuid_max(0x80000000, NULL) < 0x80000004) return;
  for (unsigned i = 0; i < 3; i++)
    __get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
  char name[49] = "";
  memcpy(name, r, 48);
  const char *begin = name + strspn(name, " ");
  if (*begin) snprintf(text, size, "%s", begin);
#endif
}

static struct json_object *imports_json(const struct nsl_program *p) {
  struct json_object *all = json_object_new_object();
  for (uint32_t i = 0; i < p->n_imports; i++) add_text(all, p->imports[i].path, p->imports[i].hash);
  return all;
}

static struct json_object *data_json(const struct rt_sim *s) {
  struct json_object *all = json_object_new_object();
  for (uint32_t i = 0; i < s->n_files; i++) {
    char hash[20];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)s->files[i].hash);
    add_text(all, s->files[i].path, hash);
  }
  return all;
}

static struct json_object *warnings_json(const struct rt_sim *s) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < s->n_warnings; i++) json_object_array_add(all, json_object_new_string(s->warnings[i]));
  return all;
}

/* {"E": {"V": "exact", ...}, ...}: by population and state. */
static struct json_object *integrators_json(const struct rt_sim *s) {
  struct json_object *all = json_object_new_object();
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct nsl_class *c = s->pops[i].class;
    struct json_object *of = json_object_new_object();
    for (uint32_t k = 0; k < c->n_states; k++)
      if (c->states[k].name[0] != '%') /* the compiler's own */
        add_text(of, c->states[k].name, c->states[k].method);
    json_object_object_add(all, s->pops[i].def->path, of);
  }
  return all;
}

struct json_object *rt_json_parameters(const struct rt_sim *s) {
  struct json_object *all = json_object_new_object();
  for (uint32_t i = 0; i < s->x->n_params; i++) {
    const struct nsl_param *p = &s->x->params[i];
    double v = s->G[p->slot];
    char text[80];
    rt_quantity_text(v / p->unit_scale, p->unit, text, sizeof text);
    add_text(all, p->path, p->n_labels && v >= 0 && v < p->n_labels ? p->labels[(uint32_t)v] : text);
  }
  return all;
}

static double pop_rate(const struct rt_sim *s, uint32_t pop) { /* Hz */
  double window = (double)s->step * s->dt / 1000;
  return s->pops[pop].size && window > 0 ? (double)s->pop_meters[pop]->spikes / s->pops[pop].size / window
                                         : 0;
}

static struct json_object *populations_json(const struct rt_sim *s) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < s->n_pops; i++) {
    struct json_object *o = json_object_new_object();
    add_text(o, "name", s->pops[i].def->path);
    add_whole(o, "size", s->pops[i].size);
    add_number(o, "dt_ms", s->pops[i].dt);
    add_whole(o, "spikes", s->pop_meters[i]->spikes);
    add_number(o, "rate_hz", pop_rate(s, i));
    add_number(o, "cv_isi", rt_meter_cv(s->pop_meters[i], s->pops[i].size));
    json_object_array_add(all, o);
  }
  return all;
}

/* The unit of the numbers in the files of records, which a CSV file does not say. */
static struct json_object *records_json(const struct rt_recorder *r) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < r->n_variables; i++) {
    struct json_object *o = json_object_new_object();
    const char *unit = r->variables[i].def->unit;
    add_text(o, "name", r->variables[i].def->name);
    add_text(o, "unit", unit && *unit ? unit : "1");
    json_object_array_add(all, o);
  }
  return all;
}

double rt_expect_unit(const struct rt_expect *x, const char **ret_unit) {
  *ret_unit = x->def->unit && strcmp(x->def->unit, "1") != 0 ? x->def->unit : "";
  return x->def->unit_scale ? x->def->unit_scale : 1;
}

void rt_expect_interval(const struct rt_sim *s, const struct rt_expect *x, char *text, size_t size) {
  const char *unit;
  double scale = rt_expect_unit(x, &unit), lo = rt_value(s, x->def->lo, -INFINITY) / scale,
         hi = rt_value(s, x->def->hi, INFINITY) / scale;
  snprintf(text, size, "%s%.6g, %.6g%s%s%s", x->def->open_lo || isinf(lo) ? "(" : "[", lo, hi,
           x->def->open_hi || isinf(hi) ? ")" : "]", *unit ? " " : "", unit);
}

static double expect_shown(const struct rt_expect *x, const char **ret_unit) {
  return x->value / rt_expect_unit(x, ret_unit);
}

static struct json_object *expects_json(const struct rt_sim *s) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < s->n_expects; i++) {
    const struct rt_expect *x = &s->expects[i];
    struct json_object *o = json_object_new_object();
    const char *unit;
    double value = expect_shown(x, &unit);
    add_text(o, "text", x->def->text);
    add_number(o, "value", value);
    add_text(o, "unit", unit);
    json_object_object_add(o, "holds", json_object_new_boolean(x->holds));
    char interval[160];
    rt_expect_interval(s, x, interval, sizeof interval);
    add_text(o, "interval", interval);
    add_text(o, "place", x->def->place);
    json_object_array_add(all, o);
  }
  return all;
}

struct json_object *rt_json_files(const struct rt_out *out) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < out->n_files; i++)
    if (strcmp(out->files[i].name, "run.json") != 0)
      json_object_array_add(all, json_object_new_string(out->files[i].name));
  return all;
}

/* What ranks have sent each other. */
static struct json_object *exchange_json(const struct rt_sim *s) {
  const struct rt_trade *t = s->trade;
  struct json_object *o = json_object_new_object();
  add_text(o, "mpi", s->ranks->library);
  add_whole(o, "shards", s->n_shards);
  add_whole(o, "intervals", t->intervals);
  add_number(o, "steps_per_interval", s->interval);
  add_number(o, "bytes_per_rank_and_interval", (double)t->bytes / (double)t->intervals / s->ranks->n);
  add_whole(o, "most_bytes", t->most);
  add_number(o, "wait_s", t->wait_s);
  return o;
}

/* Which ranks have written what, and why. */
static struct json_object *output_json(const struct rt_together *g) {
  struct json_object *o = json_object_new_object();
  add_text(o, "why", g->why);
  add_whole(o, "ranks_of_records", g->writers);
  add_number(o, "megabytes_of_others", (double)g->bytes * 1e-6);
  add_whole(o, "files_of_others", g->files);
  return o;
}

void rt_json_what(struct json_object *o, const struct rt_sim *s, const struct rt_end *end) {
  const struct nsl_program *p = s->program;
  char cpu[64];
  cpu_name(cpu, sizeof cpu);
  add_text(o, "program", p->name);
  add_text(o, "source", p->source);
  add_text(o, "experiment", s->x->name);
  add_text(o, "model_hash", p->model_hash);
  add_text(o, "source_hash", p->source_hash);
  json_object_object_add(o, "imports", imports_json(p));
  json_object_object_add(o, "data", data_json(s));
  json_object_object_add(o, "warnings", warnings_json(s));
  add_text(o, "compiler", p->compiler);
  add_text(o, "built_for", p->built_for);
  add_text(o, "kernels", s->level->cpu);
  add_text(o, "cpu", cpu);
  add_text(o, "device", !s->device ? "cpu" : s->device->gpu.emulated ? "emulated" : "gpu");
  if (s->device) json_object_object_add(o, "gpu", rt_device_json(s->device));
  add_text(o, "precision", p->f32 ? "f32" : "f64");
  add_whole(o, "seed", s->seed);
  add_whole(o, "threads", s->threads);
  add_whole(o, "ranks", s->ranks ? s->ranks->n : 1);
  if (s->ranks) json_object_object_add(o, "exchange", exchange_json(s));
  if (s->ranks) json_object_object_add(o, "output", output_json(&s->recorder->together));
  add_whole(o, "exit", (uint64_t)end->exit);
  if (end->error) add_text(o, "error", end->error);
  struct json_object *command = json_object_new_array();
  for (int i = 0; i < end->argc; i++) json_object_array_add(command, json_object_new_string(end->argv[i]));
  json_object_object_add(o, "command", command);
}

/* {"build_s": …, "delivery_s": …}: their sum is build, simulation and output. */
static struct json_object *phases_json(const struct rt_sim *s) {
  struct json_object *o = json_object_new_object();
  double spent[RT_N_PHASES];
  rt_phases(s, spent);
  spent[RT_OUTPUT] += s->output_s;
  add_number(o, "build_s", s->build_s);
  for (int i = 0; i < RT_N_PHASES; i++) add_number(o, rt_phase_names[i], spent[i]);
  return o;
}

static void add_costs(struct json_object *o, const struct rt_sim *s) {
  const struct rt_costs c = s->costs;
  json_object_object_add(o, "phases", phases_json(s));
  add_whole(o, "events", c.events);
  add_number(o, "events_per_s", s->simulate_s > 0 ? (double)c.events / s->simulate_s : NAN);
  add_whole(o, "updates_at_rest", c.rested);
  add_number(o, "bytes_per_event", s->device ? rt_device_event_bytes(s->device) : (double)c.bytes / (double)c.events);
  add_number(o, "bytes_per_synapse", (double)c.synapse_bytes / (double)s->n_synapses);
  json_object_object_add(o, "layout", rt_layout_json(s));
  add_number(o, "peak_memory_mb", c.peak / 1e6);
  add_number(o, "memory_limit_mb", c.limit / 1e6);
  add_number(o, "memory_of_limit", c.peak / c.limit);
}

/* What --verify has looked at, and found no fault with. */
static void add_verified(struct json_object *o, const struct rt_sim *s) {
  uint64_t n[3];
  if (!s->verify) return;
  struct json_object *all = json_object_new_object();
  rt_verify_counts(s, n);
  add_whole(all, "steps", n[0]);
  add_whole(all, "elements", n[1]);
  add_whole(all, "events", n[2]);
  add_text(all, "digests", "digests.csv");
  json_object_object_add(o, "verified", all);
}

static void add_checkpoints(struct json_object *o, const struct rt_checkpoint *c) {
  if (!c) return;
  struct json_object *of = json_object_new_object(), *resumed = json_object_new_array();
  add_whole(of, "written", c->written);
  add_number(of, "seconds", c->seconds);
  add_number(of, "megabytes", (double)c->bytes / 1e6);
  for (uint64_t i = 0; i < c->n_resumed; i++) json_object_array_add(resumed, json_object_new_double(c->resumed[i]));
  json_object_object_add(of, "resumed_at_ms", resumed);
  json_object_object_add(o, "checkpoints", of);
}

static void add_result(struct json_object *o, const struct rt_sim *s, const struct rt_out *out) {
  double model_s = (double)s->step * s->dt / 1000;
  char hash[20];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)s->state_hash);
  add_number(o, "dt_ms", s->dt);
  add_number(o, "duration_ms", (double)s->step * s->dt);
  json_object_object_add(o, "parameters", rt_json_parameters(s));
  json_object_object_add(o, "integrators", integrators_json(s));
  json_object_object_add(o, "populations", populations_json(s));
  if (s->recorder) json_object_object_add(o, "records", records_json(s->recorder));
  add_whole(o, "synapses", s->n_synapses);
  if (s->n_flows) add_whole(o, "continuous_synapses", s->n_flows);
  add_whole(o, "shards", s->n_shards);
  struct json_object *connectivity = json_object_new_object();
  add_text(connectivity, "kind", s->connectivity == NSL_PROCEDURAL ? "procedural" : "stored");
  add_text(connectivity, "why", s->connectivity_why);
  if (s->connectivity == NSL_STORED) add_text(connectivity, "rows", s->rows == RT_ROWS_BY_SOURCE ? "by source" : "by shard");
  if (s->connectivity == NSL_STORED) add_text(connectivity, "rows_why", s->rows_why);
  json_object_object_add(o, "connectivity", connectivity);
  add_number(o, "build_s", s->build_s);
  add_number(o, "simulate_s", s->simulate_s);
  add_number(o, "simulate_cpu_s", s->simulate_cpu_s);
  add_number(o, "output_s", s->output_s);
  add_number(o, "real_time_factor", model_s > 0 ? s->simulate_s / model_s : NAN);
  add_costs(o, s);
  add_checkpoints(o, s->checkpoint);
  add_text(o, "state_hash", hash);
  add_verified(o, s);
  json_object_object_add(o, "expect", expects_json(s));
  json_object_object_add(o, "files", rt_json_files(out));
}

int rt_json_write(struct json_object *facts, const char *path) {
  struct rt_text_file file = {0};
  int e = rt_text_open(&file, path);
  if (e) return e;
  fputs(json_object_to_json_string_ext(facts, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                  JSON_C_TO_STRING_NOSLASHESCAPE),
        file.f);
  fputc('\n', file.f);
  return rt_text_close(&file);
}

static int html_write(const struct rt_sim *s, const struct rt_page *figures, struct json_object *facts,
                      const char *path) {
  struct rt_page page = {0};
  struct rt_text_file file = {0};
  rt_html_page(s, figures, facts, &page);
  int e = page.failed ? rt_fail(NSL_EMEMORY, "not enough memory for the report") : rt_text_open(&file, path);
  if (!e) {
    fwrite(page.at, 1, page.n, file.f);
    e = rt_text_close(&file);
  }
  rt_page_drop(&page);
  return e;
}

/* The figures come first, since the time that they take is one of the facts. Without what draws them the run is as
 * good as before: it says why there is no report. */
int rt_report_write(struct rt_sim *s, struct rt_out *out, const struct rt_end *end) {
  struct rt_page figures = {0};
  const char *html = NULL;
  char missing[256] = "";
  double began = rt_clock();
  rt_gather_count(s);
  int e = s->gather ? rt_html_figures(s, &figures) : 0;
  if (e == NSL_ECANNOT) {
    snprintf(missing, sizeof missing, "%s", rt_error());
    fprintf(stderr, "no report.html: %s\n", missing);
    e = 0;
  } else if (!e && s->gather && !(html = rt_out_file(out, "report.html"))) {
    e = NSL_EIO;
  }
  const char *json = e ? NULL : rt_out_file(out, "run.json");
  if (!e && !json) e = NSL_EIO;
  s->output_s += rt_clock() - began;
  struct json_object *facts = json_object_new_object();
  rt_json_what(facts, s, end);
  add_result(facts, s, out);
  if (missing[0]) add_text(facts, "no_report", missing);
  if (html && !e) e = html_write(s, &figures, facts, html);
  if (!e) e = rt_json_write(facts, json);
  json_object_put(facts);
  rt_page_drop(&figures);
  return e;
}

/* ---- text */

void rt_report_table(const struct rt_sim *s, FILE *out) {
  int width = 10;
  for (uint32_t i = 0; i < s->n_pops; i++)
    if ((int)strlen(s->pops[i].def->path) > width) width = (int)strlen(s->pops[i].def->path);
  fprintf(out, "%-*s %10s %12s %10s %7s\n", width, "population", "size", "spikes", "rate (Hz)", "CV");
  for (uint32_t i = 0; i < s->n_pops; i++) {
    double cv = rt_meter_cv(s->pop_meters[i], s->pops[i].size);
    char text[20] = "-";
    if (!s->pops[i].class->has_spike) {
      fprintf(out, "%-*s %10u %12s %10s %7s\n", width, s->pops[i].def->path, s->pops[i].size, "-", "-", "-");
      continue;
    }
    if (!isnan(cv)) snprintf(text, sizeof text, "%.3f", cv);
    fprintf(out, "%-*s %10u %12llu %10.3f %7s\n", width, s->pops[i].def->path, s->pops[i].size,
            (unsigned long long)s->pop_meters[i]->spikes, pop_rate(s, i), text);
  }
  for (uint32_t i = 0; i < s->n_expects; i++) {
    const struct rt_expect *x = &s->expects[i];
    const char *unit;
    double v = expect_shown(x, &unit);
    char value[80];
    snprintf(value, sizeof value, "%.6g%s%s", v, *unit ? " " : "", unit);
    char interval[160];
    rt_expect_interval(s, x, interval, sizeof interval);
    fprintf(out, "%s  %s  (%s)", x->holds ? "PASS" : "FAIL", x->def->text, isnan(v) ? "no data" : value);
    if (!x->holds) fprintf(out, "  not in %s, %s", interval, x->def->place ? x->def->place : "");
    fputc('\n', out);
  }
}

void rt_progress(struct rt_sim *s, uint64_t step) {
  double now = rt_clock();
  if (s->progress_began == 0) {
    s->progress_began = now;
    s->progress_from = step;
  }
  if (now - s->progress_last < 0.2) return;
  s->progress_last = now;
  double wall = now - s->progress_began, model = (double)step * s->dt;
  double here = (double)(step - s->progress_from); /* in this process: a run may have been resumed */
  double left = here > 0 ? wall * (double)(s->n_steps - step) / here : 0;
  fprintf(stderr, "\r%.0f of %.0f ms, %.1f s, real-time factor %.3g, %.0f s left \033[K", model, s->duration,
          wall, here > 0 ? wall * 1000 / (here * s->dt) : 0, left);
  fflush(stderr);
}

void rt_progress_end(struct rt_sim *s) {
  if (s->progress_last > 0) fputs("\r\033[K", stderr);
}

/* fit.json, and the table on standard output. */
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit_device.h"
#include "runtime/fit_shown.h"
#include "runtime/quantity.h"
#include "runtime/report.h"

static void add_number(struct json_object *o, const char *key, double v) {
  char text[40];
  rt_number_text(v, text, sizeof text);
  json_object_object_add(o, key, isfinite(v) ? json_object_new_double_s(v, text) : NULL);
}

static void put_number(struct json_object *list, double v) {
  char text[40];
  rt_number_text(v, text, sizeof text);
  json_object_array_add(list, isfinite(v) ? json_object_new_double_s(v, text) : NULL);
}

static void add_whole(struct json_object *o, const char *key, uint64_t v) {
  json_object_object_add(o, key, json_object_new_uint64(v));
}

static void add_text(struct json_object *o, const char *key, const char *v) {
  json_object_object_add(o, key, v ? json_object_new_string(v) : NULL);
}

static void add_truth(struct json_object *o, const char *key, bool v) {
  json_object_object_add(o, key, json_object_new_boolean(v));
}

static const char *const optimizers[] = {
#define OPTIMIZER(id, name, squares, doc) [NSL_OPTIMIZER_##id] = name,
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
};

/* ---- stages */

static struct json_object *evaluations_json(const uint64_t n[RT_ORDERS]) {
  struct json_object *o = json_object_new_object();
  add_whole(o, "values", n[RT_PLAIN]);
  add_whole(o, "gradients", n[RT_GRADIENT]);
  add_whole(o, "jacobians", n[RT_CURVATURE]);
  return o;
}

static struct json_object *terms_json(const struct rt_stage_end *g, const double *means, bool validation) {
  struct json_object *all = json_object_new_array();
  uint32_t own = rt_stage_terms(g->at.f, g->def), n = validation ? own : g->objective.n_terms;
  for (uint32_t k = 0; k < n; k++) {
    struct json_object *o = json_object_new_object();
    add_text(o, "text", rt_term_text(g, k));
    add_number(o, "mean", means[k]); /* coherent units */
    add_number(o, "weight", k < own ? rt_term_weight(g->at.f, g->def, k, validation) : g->at.l2);
    json_object_array_add(all, o);
  }
  return all;
}

/* By step: what the best start and its terms were, and how many starts had reached what. */
static struct json_object *history_json(const struct rt_stage_end *g) {
  struct json_object *o = json_object_new_object(), *steps = json_object_new_array(), *loss = json_object_new_array();
  struct json_object *terms = json_object_new_array(), *validation = g->history.validation ? json_object_new_array() : NULL;
  uint64_t starts = g->search.starts, n_terms = g->objective.n_terms;
  for (uint64_t k = 0; k < n_terms; k++) json_object_array_add(terms, json_object_new_array());
  for (uint64_t i = 0; i < g->history.n_rows; i++) {
    uint64_t at = i * starts + g->best;
    json_object_array_add(steps, json_object_new_uint64(g->history.steps[i]));
    put_number(loss, g->history.loss[at]);
    for (uint64_t k = 0; k < n_terms; k++) put_number(json_object_array_get_idx(terms, k), g->history.terms[at * n_terms + k]);
  }
  json_object_object_add(o, "step", steps);
  json_object_object_add(o, "objective", loss);
  json_object_object_add(o, "terms", terms);
  if (!g->history.validation) return o;
  json_object_object_add(o, "validation", validation);
  for (uint64_t i = 0; i < g->history.n_rows; i++) put_number(validation, g->history.validation[i * starts + g->best]);
  return o;
}

static struct json_object *starts_json(const struct rt_stage_end *g) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < g->search.starts; i++) {
    struct json_object *o = json_object_new_object();
    add_number(o, "objective", g->search.loss[i]);
    if (g->stopping.patience) add_number(o, "validation", g->stopping.lowest[i]);
    add_whole(o, "steps", g->search.steps[i]);
    add_text(o, "ended", g->search.why[i] ? g->search.why[i] : "stopped");
    struct json_object *values = json_object_new_array();
    const struct rt_fit *f = g->at.f;
    for (uint32_t k = 0; k < f->space.n_plain; k++) {
      const struct rt_coordinate *c = &f->space.at[k];
      double v = rt_space_value(c, g->search.x[(uint64_t)i * f->space.n + k]);
      put_number(values, v / f->def->free[c->free].unit_scale);
    }
    json_object_object_add(o, "values", values);
    json_object_array_add(all, o);
  }
  return all;
}

/* What the stage looks for; the weights of fields are not named. */
static struct json_object *searched_json(const struct rt_stage_end *g) {
  struct json_object *all = json_object_new_array();
  const struct rt_fit *f = g->at.f;
  for (uint32_t i = 0; i < f->space.n; i++) {
    const struct rt_coordinate *c = &f->space.at[i];
    bool first = i == 0 || f->space.at[i - 1].free != c->free;
    if (first && !f->def->free[c->free].field && !rt_stage_holds(f, g->def, i)) json_object_array_add(all, json_object_new_string(f->def->free[c->free].path));
  }
  return all;
}

static struct json_object *stage_json(const struct rt_stage_end *g) {
  struct json_object *o = json_object_new_object(), *options = json_object_new_object();
  add_text(o, "name", g->def->name);
  add_text(o, "optimizer", optimizers[g->def->optimizer]);
  for (uint32_t i = 0; i < g->def->n_options; i++) add_number(options, g->def->options[i].name, g->def->options[i].value);
  json_object_object_add(o, "options", options);
  json_object_object_add(o, "free", searched_json(g));
  add_number(o, "objective", g->search.loss[g->best]);
  add_whole(o, "best_start", g->best);
  json_object_object_add(o, "terms", terms_json(g, g->search.terms + g->best * g->objective.n_terms, false));
  json_object_object_add(o, "evaluations", evaluations_json(g->evaluations));
  add_number(o, "seconds", g->seconds);
  json_object_object_add(o, "history", history_json(g));
  json_object_object_add(o, "starts", starts_json(g));
  return o;
}

/* ---- parameters */

static void add_values(struct json_object *o, const struct rt_fit_end *end, uint32_t coordinate) {
  const struct rt_fit *f = end->f;
  const struct rt_coordinate *c = &f->space.at[coordinate];
  double scale = f->def->free[c->free].unit_scale, v = rt_space_value(c, end->x[coordinate]);
  const double *sd = end->certainty.why_not ? NULL : end->certainty.sd;
  add_number(o, "value", v / scale);
  add_number(o, "uncertainty", sd ? sd[coordinate] / scale : NAN);
  if (sd && isnan(sd[coordinate])) add_truth(o, "held", true);
  else if (sd) add_truth(o, "determined", isfinite(sd[coordinate]));
  add_truth(o, "at_bound", rt_space_at_bound(c, v));
}

/* The values themselves stand in a file. */
static struct json_object *weights_json(const struct rt_fit_end *end, uint32_t free) {
  const struct nsl_free *def = &end->f->def->free[free];
  struct json_object *o = json_object_new_object();
  char name[300];
  add_text(o, "path", def->path);
  add_text(o, "unit", def->unit);
  if (!end->x) return o;
  struct rt_weights_seen seen = rt_weights_look(end, free);
  add_whole(o, "synapses", seen.n);
  add_number(o, "mean", seen.mean);
  add_number(o, "sd", seen.sd);
  add_number(o, "least", seen.least);
  add_number(o, "most", seen.most);
  add_text(o, "file", rt_weights_name(end->f, name, sizeof name));
  return o;
}

static struct json_object *parameter_json(const struct rt_fit_end *end, uint32_t free) {
  const struct rt_fit *f = end->f;
  const struct nsl_free *def = &f->def->free[free];
  if (rt_is_weights(f, free)) return weights_json(end, free);
  const uint32_t *of = f->space.of + (uint64_t)free * f->space.n_sweeps;
  const struct rt_coordinate *c = &f->space.at[of[0]];
  struct json_object *o = json_object_new_object(), *several = NULL;
  add_text(o, "path", def->path);
  add_text(o, "unit", def->unit);
  add_number(o, "declared", c->declared / def->unit_scale);
  add_number(o, "lowest", c->lo / def->unit_scale);
  add_number(o, "highest", c->hi / def->unit_scale);
  if (!end->x) return o;
  if (!def->per_sweep && !def->per_cell) add_values(o, end, of[0]);
  else json_object_object_add(o, def->per_sweep ? "by_sweep" : "by_cell", several = json_object_new_array());
  for (uint32_t i = 0; several && i < f->space.n_plain; i++) {
    if (f->space.at[i].free != free) continue;
    struct json_object *one = json_object_new_object();
    add_values(one, end, i);
    json_object_array_add(several, one);
  }
  return o;
}

static struct json_object *sweeps_json(const struct rt_fit *f, const struct rt_showing *showing) {
  struct json_object *all = json_object_new_array();
  for (uint32_t i = 0; i < f->n_traces; i++) {
    const struct rt_trace *t = &f->traces[i];
    struct json_object *o = json_object_new_object();
    add_text(o, "path", t->def->path);
    if (t->def->name && *t->def->name) add_text(o, "sweep", t->def->name);
    add_truth(o, "validation", t->def->validation);
    add_whole(o, "cell", t->def->cell + 1);
    add_whole(o, "samples", t->n);
    add_whole(o, "steps", t->n_steps);
    add_number(o, "duration_ms", (double)t->n_steps * f->s->dt);
    if (showing->march && showing->sweeps[i].counted) { /* of the column that is compared with a state */
      add_text(o, "column", f->def->data.columns[showing->column].name);
      add_number(o, "rms", showing->sweeps[i].rms);
      add_number(o, "explained_variance", showing->sweeps[i].explained);
    }
    json_object_array_add(all, o);
  }
  return all;
}

/* Rows and columns: the free parameters in their order, those per sweep with one for each sweep. */
static struct json_object *correlation_json(const struct rt_fit_end *end) {
  struct json_object *all = json_object_new_array();
  uint64_t n = end->f->space.n;
  for (uint64_t i = 0; i < n; i++) {
    struct json_object *row = json_object_new_array();
    for (uint64_t k = 0; k < n; k++) put_number(row, end->certainty.correlation[i * n + k]);
    json_object_array_add(all, row);
  }
  return all;
}

/* By place: the parameter's value, the objective, and all values there. */
static struct json_object *profile_json(const struct rt_fit_end *end, const struct rt_profile *p) {
  const struct rt_fit *f = end->f;
  struct json_object *o = json_object_new_object(), *values = json_object_new_array(), *loss = json_object_new_array();
  struct json_object *all = json_object_new_array();
  const struct rt_coordinate *c = &f->space.at[p->coordinate];
  double unit = f->def->free[c->free].unit_scale;
  char name[120];
  rt_space_name(f->def, c, name, sizeof name);
  for (uint32_t i = 0; i < p->n; i++) {
    struct json_object *row = json_object_new_array();
    const double *x = p->x + (uint64_t)i * f->space.n;
    put_number(values, rt_space_value(c, x[p->coordinate]) / unit);
    put_number(loss, p->loss[i]);
    for (uint32_t k = 0; k < f->space.n; k++) put_number(row, rt_space_value(&f->space.at[k], x[k]) / f->def->free[f->space.at[k].free].unit_scale);
    json_object_array_add(all, row);
  }
  add_text(o, "of", name);
  add_text(o, "unit", f->def->free[c->free].unit);
  json_object_object_add(o, "values", values);
  json_object_object_add(o, "objective", loss);
  json_object_object_add(o, "all_values", all);
  add_number(o, "limit", p->limit);
  add_number(o, "lowest", p->lowest / unit);
  add_number(o, "highest", p->highest / unit);
  return o;
}

static void add_result(struct json_object *o, const struct rt_fit_end *end, const struct rt_showing *showing) {
  const struct rt_fit *f = end->f;
  struct json_object *stages = json_object_new_array(), *free = json_object_new_array(), *validation;
  const struct rt_stage_end *g = end->last;
  add_number(o, "dt_ms", f->s->dt);
  json_object_object_add(o, "sweeps", sweeps_json(f, showing));
  for (uint32_t i = 0; i < f->def->n_free; i++) json_object_array_add(free, parameter_json(end, i));
  json_object_object_add(o, "free", free);
  if (end->certainty.why_not) add_text(o, "no_uncertainties", end->certainty.why_not);
  else if (end->certainty.likelihood) add_text(o, "uncertainties", "second derivatives of the likelihood");
  else if (end->certainty.mixed) add_text(o, "uncertainties", "noise of likelihoods and of squares, each of its own size");
  else add_number(o, "observations", end->certainty.observations);
  if (end->certainty.correlation && !end->certainty.why_not) json_object_object_add(o, "correlation", correlation_json(end));
  add_number(o, "objective", g ? g->search.loss[g->best] : NAN);
  if (g) json_object_object_add(o, "terms", terms_json(g, g->search.terms + g->best * g->objective.n_terms, false));
  if (end->validation.loss) {
    json_object_object_add(o, "validation", validation = json_object_new_object());
    add_number(validation, "objective", end->validation.loss[0]);
    json_object_object_add(validation, "terms", terms_json(g, end->validation.terms, true));
  }
  struct json_object *profiles = end->n_profiles ? json_object_new_array() : NULL;
  for (uint32_t i = 0; i < end->n_profiles; i++) json_object_array_add(profiles, profile_json(end, &end->profiles[i]));
  if (profiles) json_object_object_add(o, "profiles", profiles);
  for (uint32_t i = 0; i < end->n_stages; i++) json_object_array_add(stages, stage_json(&end->stages[i]));
  json_object_object_add(o, "stages", stages);
  json_object_object_add(o, "evaluations", evaluations_json(f->evaluations));
  json_object_object_add(o, "settings", rt_json_parameters(f->s));
  add_number(o, "seconds", end->seconds);
}

int rt_fit_report(const struct rt_fit_end *end, const struct rt_showing *showing, const struct rt_end *how, bool html, struct rt_out *out) {
  struct json_object *facts = json_object_new_object();
  const char *page = html ? rt_out_file(out, "report.html") : NULL;
  rt_json_what(facts, end->f->s, how);
  json_object_object_del(facts, "experiment");
  if (end->f->device) {
    add_text(facts, "device", end->f->device->gpu.emulated ? "emulated" : "gpu");
    json_object_object_add(facts, "gpu", rt_gpu_json(&end->f->device->gpu, rt_fit_device_bytes(end->f->device)));
  }
  add_text(facts, "fit", end->f->def->name);
  add_result(facts, end, showing);
  json_object_object_add(facts, "files", rt_json_files(out));
  const char *path = rt_out_file(out, "fit.json");
  int e = path && (page || !html) ? rt_json_write(facts, path) : NSL_EIO;
  if (!e && page) e = rt_fit_html(end, showing, how, facts, page);
  json_object_put(facts);
  return e;
}

/* ---- the table */

static void row_put(const struct rt_fit_end *end, uint32_t coordinate, int width, FILE *out) {
  const struct rt_fit *f = end->f;
  const struct rt_coordinate *c = &f->space.at[coordinate];
  const struct nsl_free *def = &f->def->free[c->free];
  double v = rt_space_value(c, end->x[coordinate]), sd = end->certainty.why_not ? NAN : end->certainty.sd[coordinate];
  char name[120], how[40] = "-";
  rt_space_name(f->def, c, name, sizeof name);
  if (isfinite(sd)) snprintf(how, sizeof how, "%.2g", sd / def->unit_scale);
  else if (isinf(sd)) snprintf(how, sizeof how, "undetermined");
  else if (!end->certainty.why_not) snprintf(how, sizeof how, "held");
  fprintf(out, "%-*s %14.6g %14s %s%s\n", width, name, v / def->unit_scale, how, strcmp(def->unit, "1") == 0 ? "" : def->unit,
          rt_space_at_bound(c, v) ? "  (at its bound)" : "");
}

static void weights_put(const struct rt_fit_end *end, uint32_t free, int width, FILE *out) {
  const struct nsl_free *def = &end->f->def->free[free];
  struct rt_weights_seen seen = rt_weights_look(end, free);
  fprintf(out, "%-*s %14.6g %14s %s  (mean of %llu, from %.6g to %.6g)\n", width, def->path, seen.mean, "-", strcmp(def->unit, "1") == 0 ? "" : def->unit,
          (unsigned long long)seen.n, seen.least, seen.most);
}

static void profile_put(const struct rt_fit_end *end, const struct rt_profile *p, int width, FILE *out) {
  const struct rt_coordinate *c = &end->f->space.at[p->coordinate];
  const struct nsl_free *def = &end->f->def->free[c->free];
  char name[120], lo[40] = "open", hi[40] = "open";
  rt_space_name(end->f->def, c, name, sizeof name);
  if (isfinite(p->lowest)) snprintf(lo, sizeof lo, "%.6g", p->lowest / def->unit_scale);
  if (isfinite(p->highest)) snprintf(hi, sizeof hi, "%.6g", p->highest / def->unit_scale);
  if (isfinite(p->limit)) fprintf(out, "%-*s 95 %% in [%s, %s]\n", width, name, lo, hi);
}

void rt_fit_table(const struct rt_fit_end *end, FILE *out) {
  const struct rt_stage_end *g = end->last;
  int width = 10;
  if (!g) return;
  for (uint32_t i = 0; i < end->f->space.n_plain; i++) { /* weights of fields stand in fit.json and in the text of the model */
    char name[120];
    if (end->f->def->free[end->f->space.at[i].free].field) continue;
    rt_space_name(end->f->def, &end->f->space.at[i], name, sizeof name);
    if ((int)strlen(name) > width) width = (int)strlen(name);
  }
  for (uint32_t i = 0; i < end->f->def->n_free; i++)
    if (rt_is_weights(end->f, i) && (int)strlen(end->f->def->free[i].path) > width) width = (int)strlen(end->f->def->free[i].path);
  fprintf(out, "%-*s %14s %14s\n", width, "parameter", "value", "+-");
  for (uint32_t i = 0; i < end->f->space.n_plain; i++)
    if (!end->f->def->free[end->f->space.at[i].free].field) row_put(end, i, width, out);
  for (uint32_t i = 0; i < end->f->def->n_free; i++)
    if (rt_is_weights(end->f, i)) weights_put(end, i, width, out);
  for (uint32_t i = 0; i < end->n_profiles; i++) profile_put(end, &end->profiles[i], width, out);
  fprintf(out, "%-*s %14.6g\n", width, "objective", g->search.loss[g->best]);
  for (uint32_t k = 0; g->objective.n_terms > 1 && k < g->objective.n_terms; k++)
    fprintf(out, "%-*s %14.6g %14s %s\n", width, "  term", g->search.terms[g->best * g->objective.n_terms + k], "", rt_term_text(g, k));
  if (end->validation.loss) fprintf(out, "%-*s %14.6g\n", width, "validation", end->validation.loss[0]);
}

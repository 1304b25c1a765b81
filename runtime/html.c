/* report.html: one file without scripts, fonts or anything else from elsewhere. Its numbers are those of
 * run.json, from the same object, so the two cannot differ. */
#include "runtime/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/figures.h"
#include "runtime/quantity.h"
#include "runtime/report.h"

static const char style[] =
#include "runtime/page.def"
    ;

int rt_html_figures(const struct rt_sim *s, struct rt_page *figures) {
  struct rt_drawing d;
  int e = rt_drawing_open(&d, s, figures);
  if (!e) e = rt_figure_activity(&d);
  if (!e) e = rt_figure_traces(&d);
  if (!e) e = rt_figure_pairs(&d);
  if (!e) e = rt_figure_response(&d);
  if (!e) e = rt_figure_distributions(&d);
  if (!e) e = rt_figure_places(&d);
  rt_drawing_close(&d);
  return e;
}

/* ---- pieces */

/* 12500 as 12,500. */
static void whole_text(uint64_t v, char *text, size_t size) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), k = 0;
  for (int i = 0; i < n && (size_t)k + 2 < size; i++) {
    if (i && (n - i) % 3 == 0) text[k++] = ',';
    text[k++] = digits[i];
  }
  text[k] = 0;
}

static void time_text(double ms, char *text, size_t size) {
  if (ms >= 1000) snprintf(text, size, "%.6g s", ms / 1000);
  else snprintf(text, size, "%.6g ms", ms);
}

/* Doc comments keep their paragraphs. */
void rt_html_doc(struct rt_page *p, const char *doc) {
  if (doc && *doc) {
    rt_page_put(p, "<p class=\"doc\">");
    rt_page_prose(p, doc);
    rt_page_put(p, "</p>\n");
  }
}

void rt_html_fact(struct rt_page *p, const char *value, const char *what) {
  rt_page_put(p, "<li><b>");
  rt_page_text(p, value);
  rt_page_put(p, "</b>");
  rt_page_text(p, what);
  rt_page_put(p, "</li>\n");
}

static double number_of(struct json_object *facts, const char *key) {
  struct json_object *v = NULL;
  return json_object_object_get_ex(facts, key, &v) && v ? json_object_get_double(v) : NAN;
}

static void put_header(const struct rt_sim *s, struct json_object *facts, struct rt_page *p) {
  char text[80], other[120];
  uint64_t cells = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) cells += s->pops[i].size;
  rt_page_put(p, "<header>\n<h1>");
  rt_page_text(p, s->x->name);
  rt_page_put(p, "</h1>\n<p class=\"of\">");
  rt_page_text(p, s->x->subject);
  rt_page_put(p, " \xc2\xb7 ");
  const char *file = strrchr(s->program->source, '/');
  rt_page_text(p, file ? file + 1 : s->program->source);
  rt_page_put(p, "</p>\n");
  rt_html_doc(p, s->x->doc);
  rt_html_doc(p, s->x->subject_doc);
  rt_page_put(p, "<ul class=\"facts\">\n");
  whole_text(cells, text, sizeof text);
  snprintf(other, sizeof other, "cell%s in %u population%s", cells == 1 ? "" : "s", s->n_pops,
           s->n_pops == 1 ? "" : "s");
  rt_html_fact(p, text, other);
  whole_text(s->n_synapses, text, sizeof text);
  if (s->n_synapses) rt_html_fact(p, text, "synapses");
  whole_text(s->n_flows, text, sizeof text);
  if (s->n_flows) rt_html_fact(p, text, "continuous synapses");
  whole_text(rt_all_spikes(s), text, sizeof text);
  rt_html_fact(p, text, "spikes");
  time_text((double)s->step * s->dt, text, sizeof text);
  snprintf(other, sizeof other, "of model time in steps of %.6g ms", s->dt);
  rt_html_fact(p, text, other);
  snprintf(text, sizeof text, "%.3g s", s->simulate_s);
  snprintf(other, sizeof other, "to simulate, real-time factor %.3g", number_of(facts, "real_time_factor"));
  rt_html_fact(p, text, other);
  rt_page_put(p, "</ul>\n");
  struct json_object *why = NULL;
  if (json_object_object_get_ex(facts, "error", &why) && why) {
    rt_page_put(p, "<p class=\"note\"><b>Not the whole experiment:</b> ");
    rt_page_text(p, json_object_get_string(why));
    time_text(s->duration, text, sizeof text);
    rt_page_put(p, " of %s. What follows is what was simulated until then.</p>\n", text);
  }
  rt_page_put(p, "</header>\n");
}

/* ---- tables */

static void put_expects(const struct rt_sim *s, struct rt_page *p) {
  if (!s->n_expects) return;
  uint32_t hold = 0;
  for (uint32_t i = 0; i < s->n_expects; i++) hold += s->expects[i].holds;
  rt_page_put(p,
              "<section id=\"expects\">\n<h2>What is expected: %u of %u hold%s</h2>\n<!-- expects "
              "--><table><thead><tr><th></th>"
              "<th>expected</th><th class=\"n\">value</th><th>interval</th></tr></thead><tbody>\n",
              hold, s->n_expects, hold == 1 && s->n_expects == 1 ? "s" : "");
  for (uint32_t i = 0; i < s->n_expects; i++) {
    const struct rt_expect *x = &s->expects[i];
    const char *unit;
    char value[80], interval[160];
    double v = x->value / rt_expect_unit(x, &unit);
    snprintf(value, sizeof value, "%.6g%s%s", v, *unit ? " " : "", unit);
    rt_expect_interval(s, x, interval, sizeof interval);
    rt_page_put(p, "<tr><td class=\"%s\">%s</td><td><code>", x->holds ? "holds" : "fails",
                x->holds ? "\xe2\x9c\x93 holds" : "\xe2\x9c\x97 fails");
    rt_page_text(p, x->def->text);
    rt_page_put(p, "</code></td><td class=\"n\">");
    rt_page_text(p, isnan(v) ? "no data" : value);
    rt_page_put(p, "</td><td>");
    rt_page_text(p, interval);
    rt_page_put(p, "</td></tr>\n");
  }
  rt_page_put(p, "</tbody></table><!-- /expects -->\n</section>\n");
}

enum { OPEN_ROWS = 24 }; /* longer tables are folded */

void rt_html_table(struct rt_page *p, const char *title, uint64_t rows, const char *head) {
  bool folded = rows > OPEN_ROWS;
  rt_page_put(p, "<section>\n<h2>%s</h2>\n%s<table><thead><tr>%s</tr></thead><tbody>\n", title,
              folded ? "<details><summary>show all</summary>\n" : "", head);
}

void rt_html_table_end(struct rt_page *p, uint64_t rows) {
  rt_page_put(p, "</tbody></table>\n%s</section>\n", rows > OPEN_ROWS ? "</details>\n" : "");
}

static void put_populations(const struct rt_sim *s, struct rt_page *p) {
  double seconds = (double)s->step * s->dt / 1000;
  rt_html_table(p, "Populations", s->n_pops,
              "<th>population</th><th>model</th><th class=\"n\">size</th><th class=\"n\">spikes</th>"
              "<th class=\"n\">rate (Hz)</th><th class=\"n\">CV of intervals</th>");
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_pop *pop = &s->pops[i];
    char size[40], spikes[40], cv[40] = "\xe2\x80\x93";
    whole_text(pop->size, size, sizeof size);
    whole_text(s->pop_meters[i]->spikes, spikes, sizeof spikes);
    double v = rt_meter_cv(s->pop_meters[i], pop->size);
    if (!isnan(v)) snprintf(cv, sizeof cv, "%.3f", v);
    rt_page_put(p, "<tr><td>");
    rt_page_text(p, pop->def->path);
    rt_page_put(p, "</td><td>");
    rt_page_text(p, pop->class->name);
    if (!pop->class->has_spike) {
      rt_page_put(p, "</td><td class=\"n\">%s</td><td class=\"n\">\xe2\x80\x93</td><td class=\"n\">\xe2\x80\x93</td><td class=\"n\">\xe2\x80\x93</td></tr>\n", size);
      continue;
    }
    rt_page_put(p,
                "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%.3f</td><td "
                "class=\"n\">%s</td></tr>\n",
                size, spikes,
                pop->size && seconds > 0 ? (double)s->pop_meters[i]->spikes / pop->size / seconds : 0, cv);
  }
  rt_html_table_end(p, s->n_pops);
}

void rt_html_parameters(const struct rt_sim *s, struct rt_page *p, struct json_object *facts, const char *key, const char *title) {
  struct json_object *values = NULL, *one = NULL;
  bool any_set = false;
  if (!s->x->n_params || !json_object_object_get_ex(facts, key, &values)) return;
  rt_html_table(p, title, s->x->n_params, "<th>parameter</th><th>value</th><th></th>");
  for (uint32_t i = 0; i < s->x->n_params; i++) {
    const struct nsl_param *v = &s->x->params[i];
    bool set = s->set && s->set[v->slot];
    any_set |= set;
    if (!json_object_object_get_ex(values, v->path, &one)) continue;
    rt_page_put(p, "<tr%s><td class=\"v\">", set ? " class=\"set\"" : "");
    rt_page_text(p, v->path);
    rt_page_put(p, "</td><td class=\"v\">");
    rt_page_text(p, json_object_get_string(one));
    rt_page_put(p, "</td><td>");
    rt_page_prose(p, v->doc ? v->doc : "");
    rt_page_put(p, "</td></tr>\n");
  }
  rt_html_table_end(p, s->x->n_params);
  if (any_set) rt_page_put(p, "<p class=\"of\">\xe2\x97\x86 set on the command line</p>\n");
}

/* ---- the manifest: every fact of run.json that no other table shows */

static void put_value(struct rt_page *p, struct json_object *v) {
  if (json_object_is_type(v, json_type_array)) {
    for (size_t i = 0; i < json_object_array_length(v); i++) {
      if (i) rt_page_put(p, " ");
      rt_page_text(p, json_object_get_string(json_object_array_get_idx(v, i)));
    }
  } else if (json_object_is_type(v, json_type_object)) {
    const char *between = "";
    json_object_object_foreach(v, key, inner) {
      rt_page_put(p, "%s", between);
      rt_page_text(p, key);
      rt_page_put(p, ": ");
      rt_page_text(p, inner ? json_object_get_string(inner) : "");
      between = "<br/>";
    }
  } else {
    rt_page_text(p, v ? json_object_get_string(v) : "\xe2\x80\x93");
  }
}

void rt_html_manifest(struct rt_page *p, struct json_object *facts, const char *const *elsewhere, size_t n, const char *file) {
  rt_page_put(p, "<section id=\"manifest\">\n<h2>How it was made</h2>\n<table><tbody>\n");
  json_object_object_foreach(facts, key, value) {
    bool shown = false;
    for (size_t i = 0; i < n; i++) shown |= strcmp(key, elsewhere[i]) == 0;
    if (shown || (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0))
      continue;
    rt_page_put(p, "<tr><th>");
    rt_page_text(p, key);
    rt_page_put(p, "</th><td class=\"v\">");
    put_value(p, value);
    rt_page_put(p, "</td></tr>\n");
  }
  rt_page_put(p, "</tbody></table>\n<p class=\"of\">The same facts are in %s.</p>\n</section>\n", file);
}

void rt_html_begin(struct rt_page *p, const char *name, const char *program) {
  rt_page_put(p,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
  rt_page_text(p, name);
  rt_page_put(p, " \xc2\xb7 ");
  rt_page_text(p, program);
  rt_page_put(p, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", style);
}

void rt_html_end(struct rt_page *p) { rt_page_put(p, "</main>\n</body>\n</html>\n"); }

void rt_html_page(const struct rt_sim *s, const struct rt_page *figures, struct json_object *facts,
                  struct rt_page *p) {
  static const char *const elsewhere[] = {"parameters", "populations", "expect", "error"};
  rt_html_begin(p, s->x->name, s->program->name);
  put_header(s, facts, p);
  put_expects(s, p);
  rt_page_put(p, "<section id=\"figures\">\n<h2>What happened</h2>\n<!-- figures -->\n");
  if (figures->n) rt_page_bytes(p, figures->at, figures->n);
  else rt_page_put(p, "<p>Nothing was simulated or recorded that could be drawn.</p>\n");
  rt_page_put(p, "<!-- /figures -->\n</section>\n");
  put_populations(s, p);
  rt_html_parameters(s, p, facts, "parameters", "Parameters");
  rt_html_manifest(p, facts, elsewhere, sizeof elsewhere / sizeof *elsewhere, "run.json");
  rt_html_end(p);
}

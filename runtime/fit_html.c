/* report.html of a fit: values with their uncertainties, data against model in every sweep, the course of the search, where the
 * starts have ended, and what the data cannot tell apart. One file, with the numbers of fit.json from the same object. */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/fit_draw.h"
#include "runtime/html.h"
#include "runtime/quantity.h"
#include "runtime/report.h"

enum { OPEN_SWEEPS = 8, MOST_SWEEPS = 32 }; /* more are folded, not drawn */

typedef double height_fn(const struct rt_fit_end *end);
typedef void draw_fn(struct rt_figure *f, const struct rt_fit_end *end, double top);

/* ---- the head */

static void put_search_facts(const struct rt_fit_end *end, struct rt_page *p) {
  const struct rt_stage_end *g = end->last;
  const struct rt_fit *f = end->f;
  char text[80], other[120];
  uint32_t well = 0;
  for (uint32_t i = 0; i < g->search.starts; i++) well += rt_ends_well(g, i);
  snprintf(text, sizeof text, "%.5g", g->search.loss[g->best]);
  rt_html_fact(p, text, "objective at the end");
  snprintf(text, sizeof text, "%.5g", end->validation.loss ? end->validation.loss[0] : NAN);
  if (end->validation.loss) rt_html_fact(p, text, "objective of the validation sweeps");
  snprintf(text, sizeof text, "%u of %u", well, g->search.starts);
  rt_html_fact(p, text, g->search.starts == 1 ? "start" : "starts end within 1 % of the best objective");
  snprintf(text, sizeof text, f->def->network ? "%.12g ms" : "%.0f", f->def->network ? f->s->duration : f->n_fitted);
  if (f->def->network) snprintf(other, sizeof other, "of each run");
  else snprintf(other, sizeof other, "sweep%s fitted%s", f->n_fitted == 1 ? "" : "s", f->n_traces > f->n_fitted ? ", others for validation" : "");
  rt_html_fact(p, text, other);
  snprintf(text, sizeof text, "%.3g s", end->seconds);
  uint64_t derived = f->evaluations[RT_GRADIENT] + f->evaluations[RT_CURVATURE];
  snprintf(other, sizeof other, "for %llu evaluations and %llu with derivatives", (unsigned long long)f->evaluations[RT_PLAIN],
           (unsigned long long)derived);
  rt_html_fact(p, text, other);
}

static void put_header(const struct rt_fit_end *end, const struct rt_end *how, struct rt_page *p) {
  const struct rt_sim *s = end->f->s;
  const struct nsl_fit *def = end->f->def;
  const char *file = strrchr(s->program->source, '/');
  rt_page_put(p, "<header>\n<h1>");
  rt_page_text(p, def->name);
  rt_page_put(p, "</h1>\n<p class=\"of\">fit of ");
  rt_page_text(p, def->x.subject);
  rt_page_put(p, " \xc2\xb7 ");
  rt_page_text(p, file ? file + 1 : s->program->source);
  rt_page_put(p, "</p>\n");
  rt_html_doc(p, def->doc);
  rt_html_doc(p, def->x.subject_doc);
  rt_page_put(p, "<ul class=\"facts\">\n");
  put_search_facts(end, p);
  rt_page_put(p, "</ul>\n");
  if (how->error) {
    rt_page_put(p, "<p class=\"note\"><b>Not the whole fit:</b> ");
    rt_page_text(p, strncmp(how->error, "error: ", 7) == 0 ? how->error + 7 : how->error);
    rt_page_put(p, ". What follows is the best that was found until then.</p>\n");
  }
  for (uint32_t i = 0; i < s->n_warnings; i++) {
    rt_page_put(p, "<p class=\"note\">");
    rt_page_text(p, s->warnings[i]);
    rt_page_put(p, "</p>\n");
  }
  rt_page_put(p, "</header>\n");
}

/* ---- values */

/* Where in its domain the value lies, with two standard deviations on each side; the tick is the declared value. */
static void put_place(const struct rt_fit_end *end, uint32_t coordinate, struct rt_page *p) {
  const struct rt_coordinate *c = &end->f->space.at[coordinate];
  double x = end->x[coordinate], slope, at = rt_space_share(c, x, &slope), wide = 130;
  double sd = end->certainty.why_not ? NAN : end->certainty.sd[coordinate], speed = fabs(rt_space_slope(c, x));
  if (isnan(at)) return;
  double side = isfinite(sd) && speed > 0 ? 2 * sd / speed * slope : 0, none;
  double declared = rt_space_share(c, rt_space_place(c, c->declared), &none);
  rt_page_put(p, "<svg class=\"place\" width=\"%g\" height=\"14\" viewBox=\"-6 0 %g 14\" role=\"img\" aria-label=\"at %.0f %% of its domain\">",
              wide + 12, wide + 12, 100 * at);
  rt_page_put(p, "<path d=\"M0 7H%g\" stroke=\"#ddd\" stroke-width=\"3\"/><path d=\"M%.1f 2V12\" stroke=\"#999\"/>", wide, declared * wide);
  double from = fmax(0, at - side) * wide, to = fmin(1, at + side) * wide;
  if (side > 0) rt_page_put(p, "<path d=\"M%.1f 7H%.1f\" stroke=\"#0072b2\" stroke-width=\"3\"/>", from, to);
  rt_page_put(p, "<circle cx=\"%.1f\" cy=\"7\" r=\"4\" fill=\"#d55e00\"/></svg>", at * wide);
}

static void put_quantity(struct rt_page *p, double v, const struct nsl_free *def) {
  char text[80];
  snprintf(text, sizeof text, "%.6g%s%s", v / def->unit_scale, strcmp(def->unit, "1") == 0 ? "" : " ", strcmp(def->unit, "1") == 0 ? "" : def->unit);
  rt_page_put(p, "<td class=\"n\">");
  rt_page_text(p, text);
  rt_page_put(p, "</td>");
}

static void put_value(const struct rt_fit_end *end, uint32_t coordinate, struct rt_page *p) {
  const struct rt_fit *f = end->f;
  const struct rt_coordinate *c = &f->space.at[coordinate];
  const struct nsl_free *def = &f->def->free[c->free];
  double v = rt_space_value(c, end->x[coordinate]), sd = end->certainty.why_not ? NAN : end->certainty.sd[coordinate];
  char text[120];
  rt_space_name(f->def, c, text, sizeof text);
  rt_page_put(p, "<tr><td class=\"v\">");
  rt_page_text(p, text);
  rt_page_put(p, "</td>");
  put_quantity(p, v, def);
  snprintf(text, sizeof text, "%.2g", sd / def->unit_scale);
  rt_page_put(p, "<td class=\"n\">%s</td>", isfinite(sd) ? text : "\xe2\x80\x93");
  snprintf(text, sizeof text, "%.2g %%", 100 * sd / fabs(v));
  rt_page_put(p, "<td class=\"n\">%s</td>", isfinite(sd) && v != 0 ? text : "\xe2\x80\x93");
  put_quantity(p, c->lo, def);
  rt_page_put(p, "<td>");
  put_place(end, coordinate, p);
  rt_page_put(p, "</td>");
  put_quantity(p, c->hi, def);
  const char *bound = rt_space_at_bound(c, v) ? "at its bound" : "";
  const char *how = isinf(sd) ? "not determined" : isnan(sd) && !end->certainty.why_not ? "held in the last stage" : "";
  rt_page_put(p, "<td class=\"fails\">%s%s%s</td></tr>\n", how, *how && *bound ? ", " : "", bound);
}

static void put_weights(const struct rt_fit_end *end, uint32_t free, struct rt_page *p) {
  const struct nsl_free *def = &end->f->def->free[free];
  struct rt_weights_seen seen = rt_weights_look(end, free);
  char text[400], name[300];
  rt_page_put(p, "<p>");
  rt_page_text(p, def->path);
  snprintf(text, sizeof text, ": %llu synapses, mean %.6g, standard deviation %.6g, from %.6g to %.6g %s; in ", (unsigned long long)seen.n, seen.mean, seen.sd,
           seen.least, seen.most, strcmp(def->unit, "1") == 0 ? "" : def->unit);
  rt_page_text(p, text);
  rt_page_text(p, rt_weights_name(end->f, name, sizeof name));
  rt_page_put(p, "</p>\n");
}

static void put_values(const struct rt_fit_end *end, struct rt_page *p) {
  uint32_t n = end->f->space.n_plain;
  rt_html_table(p, "Values", n,
                "<th>parameter</th><th class=\"n\">value</th><th class=\"n\">\xc2\xb1</th><th class=\"n\">relative</th><th class=\"n\">lowest</th>"
                "<th></th><th class=\"n\">highest</th><th></th>");
  for (uint32_t i = 0; i < n; i++)
    if (!end->f->def->free[end->f->space.at[i].free].field) put_value(end, i, p);
  rt_html_table_end(p, n);
  for (uint32_t i = 0; i < end->f->def->n_free; i++)
    if (rt_is_weights(end->f, i)) put_weights(end, i, p);
  rt_page_put(p, "<p class=\"of\">");
  if (end->certainty.why_not) {
    rt_page_put(p, "There are no uncertainties: ");
    rt_page_text(p, end->certainty.why_not);
    rt_page_put(p, ". ");
  } else if (end->certainty.likelihood) {
    rt_page_put(p, "\xc2\xb1: one standard deviation, from the second derivatives of the likelihood. ");
  } else if (end->certainty.mixed) {
    rt_page_put(p, "\xc2\xb1: one standard deviation, from the second derivatives of the terms and the noise of each; it holds if that is independent "
                   "between them and from one observation to the next. ");
  } else {
    rt_page_put(p, "\xc2\xb1: one standard deviation, from the Gauss-Newton matrix and the spread of what is left over in %.0f observations; it holds "
                   "if errors are independent from one to the next, and is too small if they are not. ", end->certainty.observations);
  }
  rt_page_put(p, "The bar is the domain, on the scale of the search: the tick is the declared value, blue two standard deviations on each side.</p>\n");
}

/* ---- figures */

static int put_figure(const struct rt_fit_drawing *d, struct rt_page *p, double height, const char *label, draw_fn *draw, const char *caption) {
  struct rt_figure f;
  if (!(height > 0)) return 0;
  rt_page_put(p, "<figure>\n");
  rt_figure_begin(&f, &d->cairo, p, RT_FIT_WIDE, height, label);
  draw(&f, d->end, 0);
  int e = rt_figure_end(&f);
  rt_page_put(p, "<figcaption>%s</figcaption>\n</figure>\n", caption);
  return e;
}

static int put_sweep(struct rt_fit_drawing *d, struct rt_page *p, uint32_t trace) {
  struct rt_figure f;
  char name[220];
  rt_sweep_name(&d->end->f->traces[trace], name, sizeof name);
  rt_page_put(p, "<figure class=\"sweep\" data-sweep=\"%u\">\n", trace);
  rt_figure_begin(&f, &d->cairo, p, RT_FIT_WIDE, rt_sweep_height(d), name);
  rt_draw_sweep(d, &f, trace, 0);
  int e = rt_figure_end(&f);
  rt_page_put(p, "</figure>\n");
  return e;
}

/* The fitted, or those for validation. */
static int put_sweeps(struct rt_fit_drawing *d, struct rt_page *p, bool validation) {
  const struct rt_fit *f = d->end->f;
  uint32_t n = validation ? f->n_traces - f->n_fitted : f->n_fitted;
  const uint32_t *of = validation ? f->validated : f->fitted;
  int e = 0;
  if (!n || !d->showing->march) return 0;
  rt_page_put(p, "<section>\n<h2>%s</h2>\n", validation ? "Sweeps that were not fitted" : "Data and model");
  for (uint32_t i = 0; !e && i < n && i < MOST_SWEEPS; i++) {
    if (i == OPEN_SWEEPS) rt_page_put(p, "<details><summary>%u more</summary>\n", (n < MOST_SWEEPS ? n : MOST_SWEEPS) - i);
    e = put_sweep(d, p, of[i]);
  }
  rt_page_put(p, "%s<p class=\"of\">Grey: recorded, orange: the model; below, recorded less model where the objective counts it. Its percentage is the "
                 "share of the recording's variance that the model explains there.%s</p>\n</section>\n", n > OPEN_SWEEPS ? "</details>\n" : "",
              f->def->spikes == NSL_NONE ? "" : " The model's spikes are the recording's: ticks above the trace.");
  return e;
}

static void put_sweep_table(const struct rt_fit_drawing *d, struct rt_page *p) {
  const struct rt_fit *f = d->end->f;
  if (!d->showing->march || f->n_traces < 2) return;
  const char *unit = f->def->data.columns[d->showing->column].unit;
  rt_html_table(p, "Sweeps", f->n_traces,
                "<th>sweep</th><th class=\"n\">cell</th><th></th><th class=\"n\">duration (ms)</th><th class=\"n\">left over, rms</th>"
                "<th class=\"n\">explained</th>");
  for (uint32_t i = 0; i < f->n_traces; i++) {
    const struct rt_trace *t = &f->traces[i];
    const struct rt_shown *s = &d->showing->sweeps[i];
    char text[220];
    rt_sweep_name(t, text, sizeof text);
    rt_page_put(p, "<tr><td class=\"v\">");
    rt_page_text(p, text);
    rt_page_put(p, "</td><td class=\"n\">%u</td><td>%s</td><td class=\"n\">%.6g</td><td class=\"n\">", t->def->cell + 1,
                t->def->validation ? "validation" : "fitted", (double)t->n_steps * f->s->dt);
    snprintf(text, sizeof text, "%.3g %.20s", s->rms, unit);
    rt_page_text(p, s->counted ? text : "\xe2\x80\x93");
    if (s->explained > 0) snprintf(text, sizeof text, "%.4g %%", 100 * s->explained);
    else snprintf(text, sizeof text, "nothing");
    rt_page_put(p, "</td><td class=\"n\">%s</td></tr>\n", s->counted && isfinite(s->explained) ? text : "\xe2\x80\x93");
  }
  rt_html_table_end(p, f->n_traces);
}

/* ---- the search */

static void put_terms(const struct rt_stage_end *g, const double *validation, struct rt_page *p) {
  const struct rt_fit *f = g->at.f;
  uint32_t n = g->objective.n_terms;
  rt_html_table(p, "Terms", n, validation ? "<th></th><th>term</th><th class=\"n\">at the end</th><th class=\"n\">validation</th>"
                                          : "<th></th><th>term</th><th class=\"n\">at the end</th>");
  for (uint32_t k = 0; k < n; k++) {
    struct rt_colour c = rt_colours[k % RT_COLOURS];
    rt_page_put(p, "<tr><td><span class=\"swatch\" style=\"background:#%02x%02x%02x\"></span></td><td><code>", (unsigned)(c.r * 255),
                (unsigned)(c.g * 255), (unsigned)(c.b * 255));
    rt_page_text(p, rt_term_text(g, k));
    rt_page_put(p, "</code></td><td class=\"n\">%.6g</td>", g->search.terms[g->best * n + k]);
    if (validation && k < rt_stage_terms(f, g->def)) rt_page_put(p, "<td class=\"n\">%.6g</td>", validation[k]);
    else if (validation) rt_page_put(p, "<td></td>");
    rt_page_put(p, "</tr>\n");
  }
  rt_html_table_end(p, n);
}

static int put_stage(const struct rt_fit_drawing *d, const struct rt_stage_end *g, struct rt_page *p) {
  struct rt_figure f;
  double middle = RT_FIT_WIDE / 2.0;
  rt_page_put(p, "<figure class=\"stage\">\n");
  rt_figure_begin(&f, &d->cairo, p, RT_FIT_WIDE, RT_STAGE_HEIGHT + 4, "the objective of every start over the steps of the search");
  rt_draw_stage(&f, g, RT_FIT_LEFT, middle - 6, 0);
  rt_draw_terms(&f, g, middle + RT_FIT_LEFT, RT_FIT_WIDE - 6, 0);
  int e = rt_figure_end(&f);
  rt_page_put(p, "</figure>\n");
  return e;
}

static void put_searched(struct rt_page *p, struct json_object *stage) {
  struct json_object *free = NULL;
  json_object_object_get_ex(stage, "free", &free);
  rt_page_put(p, ", looks for ");
  for (size_t i = 0; i < json_object_array_length(free); i++) {
    if (i) rt_page_put(p, ", ");
    rt_page_text(p, json_object_get_string(json_object_array_get_idx(free, i)));
  }
}

static void put_stages(const struct rt_fit_end *end, struct json_object *facts, struct rt_page *p) {
  struct json_object *all = NULL;
  json_object_object_get_ex(facts, "stages", &all);
  rt_html_table(p, "Stages", end->n_stages,
                "<th>stage</th><th>by</th><th class=\"n\">starts</th><th class=\"n\">objective</th><th class=\"n\">values</th>"
                "<th class=\"n\">gradients</th><th class=\"n\">Jacobians</th><th class=\"n\">seconds</th><th>the best start</th>");
  for (uint32_t i = 0; i < end->n_stages; i++) {
    const struct rt_stage_end *g = &end->stages[i];
    struct json_object *by = NULL, *one = all ? json_object_array_get_idx(all, i) : NULL;
    if (one) json_object_object_get_ex(one, "optimizer", &by);
    rt_page_put(p, "<tr><td>");
    rt_page_text(p, g->def->name && *g->def->name ? g->def->name : "\xe2\x80\x93");
    if (g->held) put_searched(p, one);
    rt_page_put(p, "</td><td>%s</td><td class=\"n\">%u</td><td class=\"n\">%.6g</td><td class=\"n\">%llu</td><td class=\"n\">%llu</td>"
                   "<td class=\"n\">%llu</td><td class=\"n\">%.3g</td><td>",
                by ? json_object_get_string(by) : "", g->search.starts, g->search.loss[g->best], (unsigned long long)g->evaluations[RT_PLAIN],
                (unsigned long long)g->evaluations[RT_GRADIENT], (unsigned long long)g->evaluations[RT_CURVATURE], g->seconds);
    rt_page_text(p, g->search.why[g->best] ? g->search.why[g->best] : "was stopped");
    rt_page_put(p, "</td></tr>\n");
  }
  rt_html_table_end(p, end->n_stages);
}

static int put_search(const struct rt_fit_drawing *d, struct json_object *facts, struct rt_page *p) {
  const struct rt_fit_end *end = d->end;
  int e = 0;
  rt_page_put(p, "<section>\n<h2>The search</h2>\n");
  for (uint32_t i = 0; !e && i < end->n_stages; i++) e = put_stage(d, &end->stages[i], p);
  rt_page_put(p, "</section>\n");
  put_stages(end, facts, p);
  put_terms(end->last, end->validation.loss ? end->validation.terms : NULL, p);
  if (e || end->last->search.starts < 2) return e;
  rt_page_put(p, "<section>\n<h2>Where the starts ended</h2>\n");
  e = put_figure(d, p, rt_ends_height(end), "where the starts ended", rt_draw_ends,
                 "Orange: the best start; blue: those that end within 1 % of its objective; grey: the others. Blue dots far from the orange one are values "
                 "that do as well: the data do not tell them apart.");
  rt_page_put(p, "</section>\n");
  return e;
}

static int put_correlation(const struct rt_fit_drawing *d, struct rt_page *p) {
  double height = rt_correlation_height(d->end);
  if (!(height > 0)) return 0;
  rt_page_put(p, "<section>\n<h2>What the data tell apart</h2>\n");
  int e = put_figure(d, p, height, "correlations of the estimates", rt_draw_correlation,
                     "Correlations of the estimates. Near 1 or \xe2\x88\x92" "1 the data fix a combination of two parameters, and neither alone.");
  rt_page_put(p, "</section>\n");
  return e;
}

static int put_profiles(const struct rt_fit_drawing *d, struct rt_page *p) {
  if (!d->end->n_profiles) return 0;
  rt_page_put(p, "<section id=\"profiles\">\n<h2>Profiles</h2>\n");
  int e = put_figure(d, p, rt_profiles_height(d->end), "the objective around the best values", rt_draw_profiles,
                     "The objective with one parameter held, and all others found anew at each value. Orange: where the 95 % interval ends; grey: the "
                     "parabola that the standard deviation stands for.");
  rt_page_put(p, "</section>\n");
  return e;
}

/* ---- the page */

static int page_put(struct rt_fit_drawing *d, const struct rt_end *how, struct json_object *facts, struct rt_page *p) {
  static const char *const elsewhere[] = {"settings", "stages", "free", "sweeps", "terms", "validation", "correlation", "error", "warnings", "profiles"};
  const struct rt_fit_end *end = d->end;
  rt_html_begin(p, end->f->def->name, end->f->s->program->name);
  put_header(end, how, p);
  put_values(end, p);
  int e = put_sweeps(d, p, false);
  if (!e) e = put_sweeps(d, p, true);
  put_sweep_table(d, p);
  if (!e) e = put_search(d, facts, p);
  if (!e) e = put_correlation(d, p);
  if (!e) e = put_profiles(d, p);
  rt_html_parameters(end->f->s, p, facts, "settings", "The neuron as declared");
  rt_html_manifest(p, facts, elsewhere, sizeof elsewhere / sizeof *elsewhere, "fit.json");
  rt_html_end(p);
  return !e && p->failed ? rt_fail(NSL_EMEMORY, "not enough memory for the report") : e;
}

int rt_fit_html(const struct rt_fit_end *end, const struct rt_showing *showing, const struct rt_end *how, struct json_object *facts,
                const char *path) {
  struct rt_fit_drawing d = {.end = end, .showing = showing};
  struct rt_page page = {0};
  struct rt_text_file file = {0};
  int e = rt_cairo_open(&d.cairo);
  if (!e) e = page_put(&d, how, facts, &page);
  if (!e) e = rt_text_open(&file, path);
  if (!e) {
    fwrite(page.at, 1, page.n, file.f);
    e = rt_text_close(&file);
  }
  rt_page_drop(&page);
  return e;
}

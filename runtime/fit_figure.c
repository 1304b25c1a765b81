/* fit.svg: for each sweep what was recorded and what the fitted model does, and below the objective of every start over the
 * steps of the stages. Where samples are too many, lines span the range of those in a bin, so no peak is lost. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "math/math.h"
#include "runtime/error.h"
#include "runtime/figures.h"
#include "runtime/fit.h"
#include "runtime/quantity.h"

enum { BINS = 1600, MOST_SWEEPS = 12, PANEL = 150, LOSSES = 180, GAP = 46, LEFT = 76, WIDE = 960 };

struct drawing {
  const struct rt_fit_end *end;
  struct rt_cairo cairo;
  const struct rt_march *march; /* the free run; NULL: there is none, */
  uint32_t state, column;       /* or what of it is compared with which column */
};

struct trace { /* by bin */
  double *lo, *hi;
  uint64_t n; /* bins */
  double end; /* ms */
};

/* ---- what is shown */

static bool same_unit(const char *a, const char *dim) {
  char text[80];
  struct rt_quantity q;
  snprintf(text, sizeof text, "1 %.60s", a && strcmp(a, "1") != 0 ? a : "");
  return !rt_quantity_read(text, &q) && rt_dim_equal(q.dim, rt_dim_read(dim));
}

/* The state that a column is compared with: of its name, else the first of its dimension. */
static bool state_find(const struct nsl_class *c, const struct nsl_sweep_column *column, uint32_t *ret) {
  for (uint32_t i = 0; i < c->n_states; i++)
    if (strcmp(c->states[i].name, column->name) == 0 && same_unit(c->states[i].unit, column->dim)) return *ret = i, true;
  for (uint32_t i = 0; i < c->n_states; i++)
    if (c->states[i].name[0] != '%' && same_unit(c->states[i].unit, column->dim)) return *ret = i, true;
  return false;
}

static bool run_find(struct drawing *d, const struct rt_march *m) {
  const struct rt_fit *f = d->end->f;
  const struct nsl_class *class = &f->s->program->classes[m->def->class_index];
  if (!m->forms[RT_PLAIN]) return false;
  for (uint32_t t = 0; t < m->def->n_terms; t++)
    if (m->def->terms[t].residual) return false;
  for (uint32_t i = 0; i < m->def->n_samples; i++) {
    const struct nsl_sample *sample = &m->def->samples[i];
    if (sample->kind != NSL_SAMPLE_AT || !state_find(class, &f->def->data.columns[sample->column], &d->state)) continue;
    d->column = sample->column;
    d->march = m;
    return true;
  }
  return false;
}

/* ---- traces in bins */

static int trace_make(struct rt_mem *mem, double end, struct trace *ret) {
  *ret = (struct trace){.n = BINS, .end = end, .lo = rt_alloc(mem, BINS, sizeof(double)), .hi = rt_alloc(mem, BINS, sizeof(double))};
  if (!ret->lo || !ret->hi) return NSL_EMEMORY;
  for (uint64_t i = 0; i < BINS; i++) ret->lo[i] = INFINITY, ret->hi[i] = -INFINITY;
  return 0;
}

static void trace_add(struct trace *t, double time, double v) {
  uint64_t bin = (uint64_t)fmin((double)t->n - 1, time / t->end * (double)t->n);
  if (!isfinite(v)) return;
  t->lo[bin] = fmin(t->lo[bin], v);
  t->hi[bin] = fmax(t->hi[bin], v);
}

struct watch {
  struct trace *to;
  double dt, scale;
  uint32_t state;
};

static bool state_seen(void *context, uint64_t step, const double *states) {
  struct watch *w = context;
  trace_add(w->to, (double)step * w->dt, states[(uint64_t)w->state * RT_BLOCK] / w->scale);
  return true;
}

static int traces_take(struct drawing *d, struct rt_mem *mem, uint32_t trace, uint32_t sweep, struct trace *data, struct trace *model) {
  struct rt_fit *f = d->end->f;
  const struct rt_trace *t = &f->traces[trace];
  double end = (double)t->n_steps * f->s->dt, scale = f->def->data.columns[d->column].unit_scale;
  int e = trace_make(mem, end, data);
  if (!e) e = trace_make(mem, end, model);
  if (e) return e;
  for (uint64_t i = 0; i < t->n && t->times[i] <= end; i++) trace_add(data, t->times[i], t->values[d->column][i] / scale);
  struct watch w = {.to = model, .dt = f->s->dt, .scale = scale, .state = d->state};
  return rt_march_watch(f, d->march, trace, sweep, d->end->x, state_seen, &w);
}

static void range_of(const struct trace *t, double *lo, double *hi) {
  for (uint64_t i = 0; i < t->n; i++) {
    *lo = fmin(*lo, t->lo[i]);
    *hi = fmax(*hi, t->hi[i]);
  }
}

static void trace_draw(struct drawing *d, struct rt_figure *f, const struct rt_panel *p, const struct trace *t, struct rt_colour colour,
                       double width) {
  bool drawing = false;
  rt_pen(f, colour, 1, width);
  for (uint64_t i = 0; i < t->n; i++) {
    if (!(t->hi[i] >= t->lo[i])) continue; /* sparser than bins: lines go on to the next */
    double x = rt_axis_at(&p->x, ((double)i + 0.5) / (double)t->n * t->end);
    double first = drawing ? t->lo[i] : t->hi[i];
    if (drawing) d->cairo.line_to(f->pen, x, rt_axis_at(&p->y, first));
    else d->cairo.move_to(f->pen, x, rt_axis_at(&p->y, first));
    if (t->hi[i] > t->lo[i]) d->cairo.line_to(f->pen, x, rt_axis_at(&p->y, t->hi[i]));
    drawing = true;
  }
  d->cairo.stroke(f->pen);
}

static void legend_put(struct rt_figure *f, double x, double y, struct rt_colour c, const char *text) {
  rt_pen(f, c, 1, 2);
  rt_line(f, x, y - 4, x + 12, y - 4);
  rt_word(f, x + 16, y, RT_START, "font-size=\"11\"", text);
}

static int sweep_draw(struct drawing *d, struct rt_figure *f, uint32_t trace, uint32_t sweep, double top) {
  const struct rt_fit *fit = d->end->f;
  const struct rt_trace *t = &fit->traces[trace];
  const struct nsl_sweep_column *column = &fit->def->data.columns[d->column];
  struct rt_mem mem = {0};
  struct trace data, model;
  double lo = INFINITY, hi = -INFINITY;
  char title[300];
  int e = traces_take(d, &mem, trace, sweep, &data, &model);
  if (!e) {
    struct rt_panel p = rt_panel_of(LEFT, WIDE - 110, top, top + PANEL);
    range_of(&data, &lo, &hi);
    range_of(&model, &lo, &hi);
    rt_axis_fit(&p.x, 0, data.end, 8, false);
    rt_axis_fit(&p.y, lo, hi, 5, true);
    snprintf(p.x.label, sizeof p.x.label, "time (ms)");
    snprintf(p.y.label, sizeof p.y.label, "%.40s (%.30s)", column->name, column->unit);
    snprintf(title, sizeof title, "%.120s%s%.80s%s", t->def->path, t->def->name && *t->def->name ? ", " : "",
             t->def->name ? t->def->name : "", t->def->validation ? " (validation: not fitted)" : "");
    rt_word(f, LEFT, top - 6, RT_START, "font-size=\"12\" font-weight=\"bold\"", title);
    trace_draw(d, f, &p, &data, rt_ink, 1);
    trace_draw(d, f, &p, &model, rt_colours[1], 1.2);
    legend_put(f, p.x.to + 10, top + 12, rt_ink, "recorded");
    legend_put(f, p.x.to + 10, top + 28, rt_colours[1], "model");
    rt_frame(f, &p, true);
  }
  rt_mem_free(&mem);
  return e;
}

/* ---- objectives */

static double log_ten(double v) { return nslm_log_f64(v) / nslm_log_f64(10); }

static void history_range(const struct rt_stage_end *g, double *lo, double *hi) {
  for (uint64_t i = 0; i < (uint64_t)g->history.n_rows * g->search.starts; i++) {
    double v = g->history.loss[i];
    if (!(v > 0) || !isfinite(v)) continue;
    *lo = fmin(*lo, log_ten(v));
    *hi = fmax(*hi, log_ten(v));
  }
}

static void start_draw(struct drawing *d, struct rt_figure *f, const struct rt_panel *p, const struct rt_stage_end *g, uint32_t start) {
  bool drawing = false, best = start == g->best;
  rt_pen(f, best ? rt_colours[1] : rt_colours[0], best ? 1 : 0.35, best ? 1.8 : 0.8);
  for (uint64_t i = 0; i < g->history.n_rows; i++) {
    double v = g->history.loss[i * g->search.starts + start];
    if (!(v > 0) || !isfinite(v)) continue;
    double x = rt_axis_at(&p->x, g->history.steps[i]), y = rt_axis_at(&p->y, log_ten(v));
    if (drawing) d->cairo.line_to(f->pen, x, y);
    else d->cairo.move_to(f->pen, x, y);
    drawing = true;
  }
  d->cairo.stroke(f->pen);
}

static void stage_draw(struct drawing *d, struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top) {
  struct rt_panel p = rt_panel_of(left, right, top, top + LOSSES);
  double lo = INFINITY, hi = -INFINITY;
  uint32_t rows = g->history.n_rows;
  char title[200];
  history_range(g, &lo, &hi);
  rt_axis_fit(&p.x, 0, rows ? g->history.steps[rows - 1] : 1, 5, false);
  rt_axis_fit(&p.y, lo, hi, 6, true);
  snprintf(p.x.label, sizeof p.x.label, "steps of the optimizer");
  snprintf(p.y.label, sizeof p.y.label, "log10 of the objective");
  snprintf(title, sizeof title, "%.60s: %u start%s", g->def->name && *g->def->name ? g->def->name : "objective", g->search.starts,
           g->search.starts == 1 ? "" : "s, best in orange");
  rt_word(f, left, top - 6, RT_START, "font-size=\"12\" font-weight=\"bold\"", title);
  for (uint32_t i = 0; i < g->search.starts; i++)
    if (i != g->best) start_draw(d, f, &p, g, i);
  start_draw(d, f, &p, g, g->best);
  rt_frame(f, &p, true);
}

/* ---- the file */

static int figure_draw(struct drawing *d, struct rt_page *page) {
  const struct rt_fit_end *end = d->end;
  const struct rt_fit *fit = end->f;
  uint32_t sweeps = !d->march ? 0 : fit->n_traces < MOST_SWEEPS ? fit->n_traces : MOST_SWEEPS;
  double height = sweeps * (PANEL + GAP + 14.0) + LOSSES + GAP + 40, top = 30;
  struct rt_figure f;
  int e = 0;
  rt_figure_begin(&f, &d->cairo, page, WIDE, height, "fit: data, model and objective");
  for (uint32_t i = 0, k = 0; !e && i < sweeps; i++, top += PANEL + GAP + 14)
    e = sweep_draw(d, &f, i, fit->traces[i].def->validation ? NSL_NONE : k++, top);
  double each = (WIDE - 30.0) / end->n_stages;
  for (uint32_t i = 0; !e && i < end->n_stages; i++)
    stage_draw(d, &f, &end->stages[i], LEFT + each * i, each * (i + 1) + 6, top);
  int bad = rt_figure_end(&f);
  return e ? e : bad;
}

int rt_fit_figure(const struct rt_fit_end *end, struct rt_out *out) {
  struct drawing d = {.end = end};
  struct rt_page page = {0};
  struct rt_text_file file = {0};
  int e = rt_cairo_open(&d.cairo);
  for (uint32_t i = end->f->def->n_marches; !e && i-- > 0;)
    if (run_find(&d, &end->f->marches[i])) break;
  if (!e) e = figure_draw(&d, &page);
  const char *path = e ? NULL : rt_out_file(out, "fit.svg");
  if (!e) e = path ? rt_text_open(&file, path) : NSL_EIO;
  if (!e) {
    fwrite(page.at, 1, page.n, file.f);
    e = rt_text_close(&file);
  }
  rt_page_drop(&page);
  return e;
}

/* The sweeps of a fit (stimulus, recorded and model, what is left over) and the course of the search (the objective of every
 * start, the terms of the best), and fit.svg, which holds them all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/figures.h"
#include "runtime/fit_draw.h"

enum { MOST_SWEEPS = 12, TRACE = 150, LEFT_OVER = 56, DRIVE = 40, BETWEEN = 12, TITLE = 22, BELOW = 44, LOSSES = 180, KEY = 16 };
static const double RIGHT = 116, /* for keys */
    BEYOND = 0.4; /* of the recording's range: so far above and below it the model is drawn */

/* ---- sweeps */

static double drive_room(const struct rt_fit_drawing *d) { return d->showing->drive == NSL_NONE ? 0 : DRIVE + BETWEEN; }

double rt_sweep_height(const struct rt_fit_drawing *d) {
  return TITLE + drive_room(d) + TRACE + BETWEEN + LEFT_OVER + BELOW;
}

static void time_axis(struct rt_axis *a, double end) {
  bool seconds = end > 2000;
  double unit = seconds ? 1000 : 1;
  rt_axis_fit(a, 0, end / unit, 8, false);
  a->unit = unit;
  a->lo *= unit, a->hi *= unit, a->step *= unit;
  snprintf(a->label, sizeof a->label, "time (%s)", seconds ? "s" : "ms");
}

/* Room above and below what is drawn. */
static void value_axis(struct rt_axis *a, double lo, double hi, int most) {
  rt_axis_fit(a, lo, hi, most, false);
  double room = 0.05 * (a->hi - a->lo);
  a->lo -= room, a->hi += room;
}

static struct rt_panel panel_at(double end, double top, double height) {
  struct rt_panel p = rt_panel_of(RT_FIT_LEFT, RT_FIT_WIDE - RIGHT, top, top + height);
  time_axis(&p.x, end);
  return p;
}

static void column_label(const struct rt_fit *f, uint32_t column, char *text, size_t size) {
  const struct nsl_sweep_column *c = &f->def->data.columns[column];
  snprintf(text, size, "%.40s (%.30s)", c->name, c->unit);
}

static void drive_draw(struct rt_fit_drawing *d, struct rt_figure *f, const struct rt_shown *s, double top) {
  struct rt_panel p = panel_at(s->drive.end, top, DRIVE);
  double lo = INFINITY, hi = -INFINITY;
  char text[90];
  rt_band_range(&s->drive, &lo, &hi);
  value_axis(&p.y, lo, hi, 3);
  rt_draw_band(f, &p, &s->drive, rt_colours[2], 1.2);
  column_label(d->end->f, d->showing->drive, text, sizeof text);
  rt_draw_key(f, p.x.to + 10, top + 12, rt_colours[2], text);
  p.x.step = INFINITY;
  rt_frame(f, &p, false);
}

/* Ticks above the trace where the recording has events. */
static void events_draw(struct rt_fit_drawing *d, struct rt_figure *f, const struct rt_panel *p, uint32_t trace, double top) {
  const struct rt_fit *fit = d->end->f;
  const struct rt_events *events = fit->traces[trace].events;
  if (!fit->def->data.n_events || !events || !events[0].n) return;
  rt_pen(f, rt_ink, 1, 1);
  for (uint64_t i = 0; i < events[0].n; i++) {
    double x = rt_axis_at(&p->x, events[0].times[i]);
    f->c->move_to(f->pen, x, top - 6);
    f->c->line_to(f->pen, x, top);
  }
  f->c->stroke(f->pen);
}

static void trace_draw(struct rt_fit_drawing *d, struct rt_figure *f, uint32_t trace, double top) {
  const struct rt_shown *s = &d->showing->sweeps[trace];
  char text[80];
  static const struct rt_colour grey = {0.56, 0.56, 0.56};
  struct rt_panel p = panel_at(s->data.end, top, TRACE);
  double lo = INFINITY, hi = -INFINITY, low = INFINITY, high = -INFINITY;
  rt_band_range(&s->data, &lo, &hi);
  rt_band_range(&s->model, &low, &high);
  double room = BEYOND * (hi - lo);
  bool beyond = low < lo - room || high > hi + room;
  value_axis(&p.y, fmin(lo, fmax(low, lo - room)), fmax(hi, fmin(high, hi + room)), 5);
  column_label(d->end->f, d->showing->column, p.y.label, sizeof p.y.label);
  rt_draw_band(f, &p, &s->data, grey, 2.6);
  rt_draw_band(f, &p, &s->model, rt_colours[1], 1.1);
  rt_draw_key(f, p.x.to + 10, top + 12, grey, "recorded");
  rt_draw_key(f, p.x.to + 10, top + 28, rt_colours[1], "model");
  if (beyond) {
    snprintf(text, sizeof text, "%.2g to %.2g", low, high);
    rt_word(f, p.x.to + 29, top + 42, RT_START, "font-size=\"10\"", text);
  }
  events_draw(d, f, &p, trace, top);
  rt_frame(f, &p, false);
}

/* Of the same scale for all sweeps would hide the good ones: each has its own. */
static void left_over_draw(struct rt_fit_drawing *d, struct rt_figure *f, const struct rt_shown *s, double top) {
  struct rt_panel p = panel_at(s->left_over.end, top, LEFT_OVER);
  double lo = INFINITY, hi = -INFINITY;
  char text[80];
  rt_band_range(&s->left_over, &lo, &hi);
  double low = INFINITY, high = -INFINITY;
  rt_band_range(&s->data, &low, &high);
  double most = s->counted ? fmin(fmax(fabs(lo), fabs(hi)), (1 + BEYOND) * (high - low)) : 1;
  value_axis(&p.y, -most, most, 4);
  snprintf(p.y.label, sizeof p.y.label, "left over");
  rt_pen(f, rt_faint, 1, 1);
  rt_line(f, p.x.from, rt_axis_at(&p.y, 0), p.x.to, rt_axis_at(&p.y, 0));
  rt_draw_band(f, &p, &s->left_over, rt_colours[0], 0.9);
  if (s->counted) {
    snprintf(text, sizeof text, "rms %.3g %.20s", s->rms, d->end->f->def->data.columns[d->showing->column].unit);
    rt_word(f, p.x.to + 10, top + 14, RT_START, "font-size=\"11\"", text);
    if (isfinite(s->explained)) {
      if (s->explained > 0) snprintf(text, sizeof text, "explains %.4g %%", 100 * s->explained);
      else snprintf(text, sizeof text, "explains nothing");
      rt_word(f, p.x.to + 10, top + 29, RT_START, "font-size=\"11\"", text);
    }
  }
  rt_frame(f, &p, true);
}

static uint32_t cells_of(const struct rt_fit *f) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < f->n_traces; i++) most = f->traces[i].def->cell > most ? f->traces[i].def->cell : most;
  return most + 1;
}

void rt_draw_sweep(struct rt_fit_drawing *d, struct rt_figure *f, uint32_t trace, double top) {
  const struct rt_trace *t = &d->end->f->traces[trace];
  const struct rt_shown *s = &d->showing->sweeps[trace];
  char name[220], title[260];
  rt_sweep_name(t, name, sizeof name);
  if (cells_of(d->end->f) > 1) snprintf(name + strlen(name), sizeof name - strlen(name), ", cell %u", t->def->cell + 1);
  snprintf(title, sizeof title, "%s%s", name, t->def->validation ? " (validation: not fitted)" : "");
  rt_draw_title(f, RT_FIT_LEFT, top + 12, title);
  top += TITLE;
  if (d->showing->drive != NSL_NONE) drive_draw(d, f, s, top);
  top += drive_room(d);
  trace_draw(d, f, trace, top);
  left_over_draw(d, f, s, top + TRACE + BETWEEN);
}

/* ---- the search */

static void range_add(double v, double *lo, double *hi) {
  if (!(v > 0) || !isfinite(v)) return;
  *lo = fmin(*lo, rt_log_ten(v));
  *hi = fmax(*hi, rt_log_ten(v));
}

/* A line over the rows of a history: values[row * stride]. */
static void course_draw(struct rt_figure *f, const struct rt_panel *p, const struct rt_history *h, const double *values, uint64_t stride,
                        struct rt_colour colour, double alpha, double width) {
  bool drawing = false;
  rt_pen(f, colour, alpha, width);
  for (uint64_t i = 0; i < h->n_rows; i++) {
    double v = values[i * stride];
    if (!(v > 0) || !isfinite(v)) continue;
    double x = rt_axis_at(&p->x, h->steps[i]), y = rt_axis_at(&p->y, rt_log_ten(v));
    if (drawing) f->c->line_to(f->pen, x, y);
    else f->c->move_to(f->pen, x, y);
    drawing = true;
  }
  f->c->stroke(f->pen);
}

static struct rt_panel steps_panel(const struct rt_history *h, double left, double right, double top) {
  struct rt_panel p = rt_panel_of(left, right, top + TITLE, top + TITLE + LOSSES);
  double last = h->n_rows ? h->steps[h->n_rows - 1] : 1;
  rt_axis_fit(&p.x, 0, last, 5, false);
  p.x.step = fmax(1, p.x.step);
  snprintf(p.x.label, sizeof p.x.label, "steps of the optimizer");
  return p;
}

void rt_draw_stage(struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top) {
  const struct rt_history *h = &g->history;
  struct rt_panel p = steps_panel(h, left, right, top);
  double lo = INFINITY, hi = -INFINITY;
  char title[200];
  uint64_t starts = g->search.starts;
  for (uint64_t i = 0; i < h->n_rows * starts; i++) range_add(h->loss[i], &lo, &hi);
  for (uint64_t i = 0; h->validation && i < h->n_rows; i++) range_add(h->validation[i * starts + g->best], &lo, &hi);
  rt_log_axis_fit(&p.y, lo, hi);
  snprintf(p.y.label, sizeof p.y.label, "objective");
  snprintf(title, sizeof title, "%.60s: %u start%s", g->def->name && *g->def->name ? g->def->name : "objective", g->search.starts,
           starts == 1 ? "" : "s, the best in orange");
  rt_draw_title(f, left, top + 12, title);
  for (uint64_t i = 0; i < starts; i++)
    if (i != g->best) course_draw(f, &p, h, h->loss + i, starts, rt_colours[0], 0.35, 0.8);
  course_draw(f, &p, h, h->loss + g->best, starts, rt_colours[1], 1, 1.8);
  if (h->validation) {
    course_draw(f, &p, h, h->validation + g->best, starts, rt_colours[2], 1, 1.6);
    rt_word(f, right, top + TITLE + 12, RT_END, "font-size=\"11\" fill=\"#009e73\"", "green: the validation sweeps");
  }
  rt_log_frame(f, &p);
}

void rt_draw_terms(struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top) {
  const struct rt_history *h = &g->history;
  struct rt_panel p = steps_panel(h, left, right, top);
  double lo = INFINITY, hi = -INFINITY;
  uint64_t n = g->objective.n_terms, stride = g->search.starts * n;
  const double *first = h->terms + g->best * n;
  for (uint64_t i = 0; i < h->n_rows; i++)
    for (uint64_t k = 0; k < n; k++) range_add(first[i * stride + k], &lo, &hi);
  rt_log_axis_fit(&p.y, lo, hi);
  snprintf(p.y.label, sizeof p.y.label, "term");
  rt_draw_title(f, left, top + 12, "terms of the best start");
  for (uint64_t k = 0; k < n; k++) course_draw(f, &p, h, first + k, stride, rt_colours[k % RT_COLOURS], 1, 1.6);
  rt_log_frame(f, &p);
}

/* ---- the file */

static uint32_t most_terms(const struct rt_fit_end *end) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < end->n_stages; i++)
    if (end->stages[i].objective.n_terms > most) most = end->stages[i].objective.n_terms;
  return most;
}

/* The terms of a stage that has several, and below what they are. */
static void terms_put(struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top) {
  char text[120];
  int room = (int)((right - left - 20) / 6);
  if (g->objective.n_terms < 2) return;
  rt_draw_terms(f, g, left, right, top);
  for (uint32_t k = 0; k < g->objective.n_terms; k++) {
    const char *whole = rt_term_text(g, k);
    bool fits = (int)strlen(whole) <= room;
    snprintf(text, sizeof text, "%.*s%s", fits ? room : room - 1, whole, fits ? "" : "…");
    rt_draw_key(f, left, top + RT_STAGE_HEIGHT + KEY * k, rt_colours[k % RT_COLOURS], text);
  }
}

static int figure_draw(struct rt_fit_drawing *d, struct rt_page *page) {
  const struct rt_fit_end *end = d->end;
  const struct rt_fit *fit = end->f;
  uint32_t sweeps = !d->showing->march ? 0 : fit->n_traces < MOST_SWEEPS ? fit->n_traces : MOST_SWEEPS;
  uint32_t terms = most_terms(end);
  double each = rt_sweep_height(d) + 8, height = sweeps * each + RT_STAGE_HEIGHT + 16, top = 8;
  if (terms > 1) height += RT_STAGE_HEIGHT + KEY * terms;
  struct rt_figure f;
  rt_figure_begin(&f, &d->cairo, page, RT_FIT_WIDE, height, "fit: data, model and objective");
  for (uint32_t i = 0; i < sweeps; i++, top += each) rt_draw_sweep(d, &f, i, top);
  double wide = (RT_FIT_WIDE - 10.0) / end->n_stages;
  for (uint32_t i = 0; i < end->n_stages; i++)
    rt_draw_stage(&f, &end->stages[i], RT_FIT_LEFT + wide * i, wide * (i + 1) - 6, top);
  for (uint32_t i = 0; i < end->n_stages; i++)
    terms_put(&f, &end->stages[i], RT_FIT_LEFT + wide * i, wide * (i + 1) - 6, top + RT_STAGE_HEIGHT);
  return rt_figure_end(&f);
}

int rt_fit_figure(const struct rt_fit_end *end, const struct rt_showing *showing, struct rt_out *out) {
  struct rt_fit_drawing d = {.end = end, .showing = showing};
  struct rt_page page = {0};
  struct rt_text_file file = {0};
  int e = rt_cairo_open(&d.cairo);
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

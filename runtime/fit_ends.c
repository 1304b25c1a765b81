/* Where the starts of a fit have ended, and which parameters the data can hardly tell apart.
 *
 * Starts that end as low as the best but elsewhere say that the data do not determine the parameters; starts that end
 * higher, that the search is hard. Both are seen here: objectives from the best to the worst, and beside them each
 * parameter over its domain with one dot for each start. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/figures.h"
#include "runtime/fit_draw.h"

enum { ROWS = 16, ROW = 22, LEAST = 190, TITLE = 26, BELOW = 44, NAME = 120, MATRIX_MOST = 24, CELL = 34, PROFILE = 230 };

bool rt_ends_well(const struct rt_stage_end *g, uint32_t start) {
  double best = g->search.loss[g->best], v = g->search.loss[start];
  return isfinite(v) && v - best <= 0.01 * fabs(best) + 1e-6;
}

static struct rt_colour colour_of(const struct rt_stage_end *g, uint32_t start) {
  static const struct rt_colour grey = {0.66, 0.66, 0.66};
  return start == g->best ? rt_colours[1] : rt_ends_well(g, start) ? rt_colours[0] : grey;
}

static uint32_t rows_of(const struct rt_fit_end *end) { return end->f->space.n < ROWS ? end->f->space.n : ROWS; }

static double inner_height(const struct rt_fit_end *end) { return fmax(LEAST, rows_of(end) * (double)ROW); }

double rt_ends_height(const struct rt_fit_end *end) { return TITLE + inner_height(end) + BELOW; }

/* ---- objectives */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Dots of what is above 0 and finite; all others are counted below. */
static void order_draw(struct rt_figure *f, const struct rt_stage_end *g, struct rt_panel *p, double *sorted) {
  uint32_t n = 0;
  char text[120];
  for (uint32_t i = 0; i < g->search.starts; i++)
    if (isfinite(g->search.loss[i]) && g->search.loss[i] > 0) sorted[n++] = g->search.loss[i];
  qsort(sorted, n, sizeof *sorted, by_value);
  rt_log_axis_fit(&p->y, n ? rt_log_ten(sorted[0]) : 0, n ? rt_log_ten(sorted[n - 1]) : 1);
  rt_axis_fit(&p->x, 0, g->search.starts, 5, false);
  p->x.step = fmax(1, p->x.step);
  snprintf(p->x.label, sizeof p->x.label, "starts, from the best on");
  snprintf(p->y.label, sizeof p->y.label, "objective");
  for (uint32_t i = 0; i < n; i++) {
    bool well = sorted[i] - g->search.loss[g->best] <= 0.01 * g->search.loss[g->best] + 1e-6;
    struct rt_colour grey = {0.66, 0.66, 0.66}, c = i == 0 ? rt_colours[1] : well ? rt_colours[0] : grey;
    rt_draw_dot(f, rt_axis_at(&p->x, i + 0.5), rt_axis_at(&p->y, rt_log_ten(sorted[i])), i ? 3 : 4, c, 1);
  }
  rt_log_frame(f, p);
  if (n == g->search.starts) return;
  snprintf(text, sizeof text, "%u without a finite objective", g->search.starts - n);
  rt_word(f, p->x.to, p->y.to + 12, RT_END, "font-size=\"11\"", text);
}

/* ---- values */

/* Where in its domain; without two ends, in the search's own coordinate, with the declared value in the middle. */
static double share_of(const struct rt_fit *f, uint32_t coordinate, double x) {
  double slope, share = rt_space_share(&f->space.at[coordinate], x, &slope);
  return isnan(share) ? 0.5 + 0.5 * fmax(-1, fmin(1, x / 3)) : share;
}

static void row_draw(struct rt_figure *f, const struct rt_fit_end *end, uint32_t coordinate, double left, double right, double y) {
  const struct rt_fit *fit = end->f;
  const struct rt_stage_end *g = end->last;
  char name[120], shown[40];
  rt_space_name(fit->def, &fit->space.at[coordinate], name, sizeof name);
  rt_short_name(name, 17, shown, sizeof shown);
  rt_word(f, left - 10, y + 4, RT_END, "font-size=\"11\"", shown);
  rt_pen(f, rt_faint, 1, 1);
  rt_line(f, left, y, right, y);
  for (int pass = 0; pass < 3; pass++) /* the best on top */
    for (uint32_t i = 0; i < g->search.starts; i++) {
      int layer = i == g->best ? 2 : rt_ends_well(g, i) ? 1 : 0;
      double share = share_of(fit, coordinate, g->search.x[(uint64_t)i * fit->space.n + coordinate]);
      if (layer != pass || !isfinite(g->search.loss[i])) continue;
      rt_draw_dot(f, left + share * (right - left), y, layer == 2 ? 4.5 : 3.2, colour_of(g, i), layer == 2 ? 1 : 0.5);
    }
}

static void values_draw(struct rt_figure *f, const struct rt_fit_end *end, double left, double top, double height) {
  double right = RT_FIT_WIDE - 20;
  uint32_t n = rows_of(end);
  char text[80];
  for (uint32_t i = 0; i < n; i++) row_draw(f, end, i, left, right, top + (i + 0.5) * height / n);
  rt_word(f, left, top + height + 17, RT_START, "font-size=\"11\"", "lowest");
  rt_word(f, right, top + height + 17, RT_END, "font-size=\"11\"", "highest");
  rt_word(f, (left + right) / 2, top + height + 34, RT_MIDDLE, "", "place in the domain");
  if (n == end->f->space.n) return;
  snprintf(text, sizeof text, "the first %u of %u", n, end->f->space.n);
  rt_word(f, right, top - 6, RT_END, "font-size=\"11\"", text);
}

void rt_draw_ends(struct rt_figure *f, const struct rt_fit_end *end, double top) {
  const struct rt_stage_end *g = end->last;
  struct rt_mem mem = {0};
  double *sorted = rt_alloc(&mem, g->search.starts + 1, sizeof *sorted), height = inner_height(end);
  struct rt_panel p = rt_panel_of(RT_FIT_LEFT, 330, top + TITLE, top + TITLE + height);
  if (sorted) {
    rt_draw_title(f, RT_FIT_LEFT, top + 12, "objectives");
    rt_draw_title(f, 350 + NAME, top + 12, "values");
    order_draw(f, g, &p, sorted);
    values_draw(f, end, 350 + NAME, top + TITLE, height);
  }
  rt_mem_free(&mem);
}

/* ---- correlations */

static uint32_t correlated(const struct rt_fit_end *end) {
  uint32_t n = end->f->space.n;
  return end->certainty.why_not || !end->certainty.correlation || n < 2 || n > MATRIX_MOST ? 0 : n;
}

double rt_correlation_height(const struct rt_fit_end *end) {
  uint32_t n = correlated(end);
  return n ? (n - 1) * (double)CELL + 90 : 0;
}

static void cell_draw(struct rt_figure *f, double x, double y, double r) {
  char text[20];
  double size = CELL - 2;
  struct rt_colour c = r < 0 ? rt_colours[0] : rt_colours[1];
  rt_pen(f, isfinite(r) ? c : rt_faint, isfinite(r) ? 0.06 + 0.9 * r * r : 1, 1);
  f->c->rectangle(f->pen, x, y, size, size);
  f->c->fill(f->pen);
  snprintf(text, sizeof text, "%s%.2f", r < 0 ? "\xe2\x88\x92" : "", fabs(r));
  rt_word(f, x + size / 2, y + size / 2 + 4, RT_MIDDLE, fabs(r) > 0.8 ? "font-size=\"11\" fill=\"#fff\"" : "font-size=\"11\"",
          isfinite(r) ? text : "\xe2\x80\x93");
}

void rt_draw_correlation(struct rt_figure *f, const struct rt_fit_end *end, double top) {
  uint32_t n = correlated(end);
  char name[120], shown[40];
  double left = NAME + 20;
  for (uint32_t i = 1; i < n; i++) {
    rt_space_name(end->f->def, &end->f->space.at[i], name, sizeof name);
    rt_short_name(name, 18, shown, sizeof shown);
    rt_word(f, left - 8, top + (i - 1) * (double)CELL + CELL / 2.0 + 4, RT_END, "font-size=\"11\"", shown);
    for (uint32_t k = 0; k < i; k++)
      cell_draw(f, left + k * (double)CELL, top + (i - 1) * (double)CELL, end->certainty.correlation[(uint64_t)i * end->f->space.n + k]);
  }
  for (uint32_t k = 0; k + 1 < n; k++) {
    rt_space_name(end->f->def, &end->f->space.at[k], name, sizeof name);
    rt_short_name(name, 18, shown, sizeof shown);
    double x = left + (k + 0.5) * CELL + 3, y = top + (n - 1) * (double)CELL + 12;
    snprintf(name, sizeof name, "font-size=\"11\" transform=\"rotate(-40 %.6g %.6g)\"", x, y);
    rt_word(f, x, y, RT_END, name, shown);
  }
}

/* ---- profiles */

double rt_profiles_height(const struct rt_fit_end *end) { return (end->n_profiles + 2) / 3 * (double)PROFILE; }

/* Up to four times the rise at which the interval ends. */
static double profile_top(const struct rt_profile *p) {
  double least = p->loss[p->n / 2], most = least;
  for (uint32_t i = 0; i < p->n; i++)
    if (isfinite(p->loss[i])) most = fmax(most, p->loss[i]);
  return isfinite(p->limit) ? least + 4 * (p->limit - least) : most;
}

/* What the standard deviation says of it: a parabola. */
static void parabola_draw(struct rt_figure *f, const struct rt_fit_end *end, const struct rt_profile *p, const struct rt_panel *at, double unit) {
  double sd = end->certainty.why_not ? NAN : end->certainty.sd[p->coordinate] / unit, least = p->loss[p->n / 2];
  double best = rt_space_value(&end->f->space.at[p->coordinate], end->x[p->coordinate]) / unit;
  bool drawing = false;
  if (!isfinite(sd) || !isfinite(end->certainty.rise)) return;
  rt_pen(f, rt_faint, 1, 2.5);
  for (int i = 0; i <= 80; i++) {
    double x = at->x.lo + (at->x.hi - at->x.lo) * i / 80, y = least + end->certainty.rise * (x - best) * (x - best) / (sd * sd);
    if (y > at->y.hi) continue;
    if (drawing) f->c->line_to(f->pen, rt_axis_at(&at->x, x), rt_axis_at(&at->y, y));
    else f->c->move_to(f->pen, rt_axis_at(&at->x, x), rt_axis_at(&at->y, y));
    drawing = true;
  }
  f->c->stroke(f->pen);
}

static void profile_line(struct rt_figure *f, const struct rt_fit_end *end, const struct rt_profile *p, const struct rt_panel *at, double unit) {
  bool drawing = false;
  rt_pen(f, rt_colours[0], 1, 1.6);
  for (int pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < p->n; i++) {
      double v = rt_space_value(&end->f->space.at[p->coordinate], p->x[(uint64_t)i * end->f->space.n + p->coordinate]) / unit;
      double x = rt_axis_at(&at->x, v), y = rt_axis_at(&at->y, fmin(p->loss[i], at->y.hi));
      if (v < at->x.lo || v > at->x.hi || (pass && p->loss[i] > at->y.hi)) continue;
      if (pass) rt_draw_dot(f, x, y, i == p->n / 2 ? 4 : 2.6, rt_colours[i == p->n / 2], 1);
      else if (drawing) f->c->line_to(f->pen, x, y);
      else f->c->move_to(f->pen, x, y);
      drawing = true;
    }
    if (!pass) f->c->stroke(f->pen);
  }
}

/* From the last place below the top on the left to that on the right. */
static void profile_range(const struct rt_fit_end *end, const struct rt_profile *p, double top, double unit, double *lo, double *hi) {
  const struct rt_coordinate *c = &end->f->space.at[p->coordinate];
  uint32_t a = p->n / 2, b = p->n / 2;
  while (a > 0 && p->loss[a] <= top) a--;
  while (b + 1 < p->n && p->loss[b] <= top) b++;
  *lo = rt_space_value(c, p->x[(uint64_t)a * end->f->space.n + p->coordinate]) / unit;
  *hi = rt_space_value(c, p->x[(uint64_t)b * end->f->space.n + p->coordinate]) / unit;
}

static void profile_draw(struct rt_figure *f, const struct rt_fit_end *end, const struct rt_profile *p, double left, double top) {
  const struct rt_coordinate *c = &end->f->space.at[p->coordinate];
  const struct nsl_free *def = &end->f->def->free[c->free];
  struct rt_panel at = rt_panel_of(left, left + 210, top + TITLE, top + PROFILE - BELOW - 8);
  double most = profile_top(p), least = p->loss[p->n / 2], lo, hi;
  char name[120];
  profile_range(end, p, most, def->unit_scale, &lo, &hi);
  rt_axis_fit(&at.x, fmin(lo, hi), fmax(lo, hi), 4, false);
  rt_axis_fit(&at.y, least, most, 4, false);
  at.y.lo -= 0.05 * (most - least);
  rt_space_name(end->f->def, c, name, sizeof name);
  rt_draw_title(f, left, top + 12, name);
  snprintf(at.x.label, sizeof at.x.label, "%s", strcmp(def->unit, "1") == 0 ? "" : def->unit);
  parabola_draw(f, end, p, &at, def->unit_scale);
  if (isfinite(p->limit)) {
    rt_pen(f, rt_colours[1], 1, 1);
    rt_line(f, at.x.from, rt_axis_at(&at.y, p->limit), at.x.to, rt_axis_at(&at.y, p->limit));
  }
  profile_line(f, end, p, &at, def->unit_scale);
  rt_frame(f, &at, true);
}

void rt_draw_profiles(struct rt_figure *f, const struct rt_fit_end *end, double top) {
  for (uint32_t i = 0; i < end->n_profiles; i++)
    profile_draw(f, end, &end->profiles[i], RT_FIT_LEFT + i % 3 * 290.0, top + i / 3 * (double)PROFILE);
}

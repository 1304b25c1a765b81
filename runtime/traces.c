/* Recorded variables over time: a panel for each `record`, all over one axis of time. Up to three elements
 * share a panel; more have a lane each, with one scale for all of them, so that they can be told apart and
 * compared.
 *
 * Samples that were kept one by one are joined by lines; of more, the range of each bin is drawn, so no peak
 * is lost. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/figures.h"

enum { OVERLAID = 3, PANEL = 112, LANE = 46, GAP = 22 };

static double sample_ms(const struct rt_drawing *d, const struct rt_variable *v, uint64_t sample) {
  uint64_t step = sample * v->every;
  return (double)(step > d->s->step ? d->s->step : step) * d->s->dt;
}

static void series_draw(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p,
                        const struct rt_variable *v, const struct rt_series *one, struct rt_colour colour) {
  bool drawing = false;
  uint64_t bins = (one->n + one->width - 1) / one->width;
  rt_pen(f, colour, 1, one->width > 1 ? 0.9 : 1.2);
  for (uint64_t i = 0; i < bins; i++) {
    double last = one->n < (i + 1) * one->width ? (double)one->n : (double)((i + 1) * one->width);
    double middle = ((double)(i * one->width) + last - 1) / 2;
    double x = rt_axis_at(&p->x, one->width > 1 ? middle * (double)v->every * d->s->dt : sample_ms(d, v, i));
    if (!isfinite(one->lo[i]) || !isfinite(one->hi[i])) { /* a gap */
      drawing = false;
      continue;
    }
    if (drawing) d->cairo.line_to(f->pen, x, rt_axis_at(&p->y, one->lo[i]));
    else d->cairo.move_to(f->pen, x, rt_axis_at(&p->y, one->lo[i]));
    if (one->width > 1) d->cairo.line_to(f->pen, x, rt_axis_at(&p->y, one->hi[i]));
    drawing = true;
  }
  d->cairo.stroke(f->pen);
}

static void series_range(const struct rt_traced *t, double *lo, double *hi) {
  *lo = INFINITY, *hi = -INFINITY;
  for (uint32_t i = 0; i < t->n_series; i++) {
    const struct rt_series *one = &t->series[i];
    for (uint64_t k = 0; k < (one->n + one->width - 1) / one->width; k++) {
      if (isfinite(one->lo[k])) *lo = fmin(*lo, one->lo[k]);
      if (isfinite(one->hi[k])) *hi = fmax(*hi, one->hi[k]);
    }
  }
}

static void series_name(const struct rt_variable *v, const struct rt_series *one, char *text, size_t size) {
  const struct rt_column_group *group = &v->groups[one->group];
  char name[80] = "";
  if (v->reduced) {
    rt_short_name(v->def->name, 14, text, size);
    return;
  }
  rt_short_name(group->pop->def->path, 11, name, sizeof name);
  if (group->pop->size == 1) snprintf(text, size, "%s", name);
  else snprintf(text, size, "%s %u", name, group->ids[one->column]);
}

static double traced_height(const struct rt_traced *t) {
  return t->n_series <= OVERLAID ? PANEL : LANE * (double)t->n_series;
}

static void legend_put(struct rt_figure *f, double x, double y, struct rt_colour c, const char *text) {
  rt_pen(f, c, 1, 2);
  rt_line(f, x, y - 4, x + 12, y - 4);
  rt_word(f, x + 16, y, RT_START, "font-size=\"11\"", text);
}

static void label_of(const struct rt_variable *v, char *text, size_t size) {
  char name[80];
  rt_short_name(v->def->name, 22, name, sizeof name);
  bool bare = !v->def->unit || !*v->def->unit || strcmp(v->def->unit, "1") == 0;
  snprintf(text, size, "%s%s%s%s", name, bare ? "" : " (", bare ? "" : v->def->unit, bare ? "" : ")");
}

/* One record: a panel, or lanes; returns where the next begins. */
static double traced_draw(struct rt_drawing *d, struct rt_figure *f, const struct rt_variable *v,
                          const struct rt_traced *t, double top, bool last) {
  double lo, hi, height = traced_height(t);
  bool lanes = t->n_series > OVERLAID;
  series_range(t, &lo, &hi);
  for (uint32_t i = 0; i < (lanes ? t->n_series : 1); i++) {
    double y0 = lanes ? top + i * (double)LANE : top, y1 = lanes ? y0 + LANE - 10 : top + height;
    struct rt_panel p = rt_panel_of(d->left, RT_FIGURE_WIDTH - 112, y0, y1);
    rt_time_axis(d, &p.x);
    rt_time_marks(d, f, &p, false);
    rt_axis_fit(&p.y, lo, hi, lanes ? 2 : 5, true);
    if (!lanes) label_of(v, p.y.label, sizeof p.y.label);
    for (uint32_t k = lanes ? i : 0; k < (lanes ? i + 1 : t->n_series); k++) {
      char name[120];
      struct rt_colour c = rt_colours[k % RT_COLOURS];
      series_draw(d, f, &p, v, &t->series[k], c);
      series_name(v, &t->series[k], name, sizeof name);
      legend_put(f, p.x.to + 10, lanes ? (y0 + y1) / 2 + 4 : y0 + 12 + 16 * k, c, name);
    }
    rt_frame(f, &p, last && (!lanes || i + 1 == t->n_series));
  }
  if (lanes) {
    char label[160], turn[120];
    double middle = top + height / 2, left = d->left - 52;
    label_of(v, label, sizeof label);
    snprintf(turn, sizeof turn, "transform=\"rotate(-90 %.6g %.6g)\"", left, middle);
    rt_word(f, left, middle, RT_MIDDLE, turn, label);
  }
  return top + height + GAP;
}

static void traces_caption(struct rt_drawing *d) {
  const struct rt_recorder *r = d->s->recorder;
  bool ranges = false;
  rt_page_put(d->page, "<figcaption><b>Recorded variables.</b>");
  for (uint32_t i = 0; i < d->g->n_traced; i++) {
    const struct rt_traced *t = &d->g->traced[i];
    ranges |= t->n_series && t->series[0].width > 1;
    if (t->n_series >= t->n_columns) continue;
    rt_page_put(d->page, " Of ");
    rt_page_text(d->page, r->variables[i].def->name);
    rt_page_put(d->page, ", %u of %llu elements are shown.", t->n_series, (unsigned long long)t->n_columns);
  }
  if (ranges) rt_page_put(d->page, " Where samples are too many, lines span the range of neighbouring ones.");
  if (r->n_variables > d->g->n_traced)
    rt_page_put(d->page, " The first %u of %u records.", d->g->n_traced, r->n_variables);
  rt_time_marks_caption(d);
  rt_page_put(d->page, "</figcaption>\n");
}

int rt_figure_traces(struct rt_drawing *d) {
  uint32_t last = 0;
  double height = 10;
  bool any = false;
  for (uint32_t i = 0; i < d->g->n_traced; i++)
    if (d->g->traced[i].n_series) {
      height += traced_height(&d->g->traced[i]) + GAP;
      last = i;
      any = true;
    }
  if (!any || !d->s->step) return 0;
  struct rt_figure f;
  rt_page_put(d->page, "<figure class=\"traces\">\n");
  rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, height + 28, "recorded variables over time");
  double top = 10;
  for (uint32_t i = 0; i < d->g->n_traced; i++)
    if (d->g->traced[i].n_series)
      top = traced_draw(d, &f, &d->s->recorder->variables[i], &d->g->traced[i], top, i == last);
  int e = rt_figure_end(&f);
  traces_caption(d);
  rt_page_put(d->page, "</figure>\n");
  return e;
}

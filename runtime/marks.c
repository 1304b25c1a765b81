/* What the protocol does, behind the data of a panel over time: when currents act, and where phases end.
 * Shades go into the page before the images and what cairo draws, so they dim nothing. */
#include <math.h>
#include <stdio.h>

#include "runtime/figures.h"

enum { WINDOWS = 16, PHASES = 50 }; /* more would hide the data */

static bool is_window(const struct rt_drawing *d, const struct rt_drive *v) {
  return v->def->kind == NSL_CURRENT && v->from < d->s->step && v->to > v->from &&
         (v->from > 0 || v->to < d->s->step);
}

/* Whether an earlier drive acts at the same times. */
static bool is_again(const struct rt_drawing *d, uint32_t drive) {
  const struct rt_drive *v = &d->s->drives[drive];
  for (uint32_t i = 0; i < drive; i++)
    if (is_window(d, &d->s->drives[i]) && d->s->drives[i].from == v->from && d->s->drives[i].to == v->to)
      return true;
  return false;
}

static uint32_t windows_count(const struct rt_drawing *d) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->s->n_drives && n <= WINDOWS; i++)
    n += is_window(d, &d->s->drives[i]) && !is_again(d, i);
  return n <= WINDOWS ? n : 0;
}

void rt_time_marks(const struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, bool words) {
  static const double dashes[] = {3, 3};
  bool windows = windows_count(d) > 0;
  for (uint32_t i = 0; windows && i < d->s->n_drives; i++) {
    const struct rt_drive *v = &d->s->drives[i];
    if (!is_window(d, v) || is_again(d, i)) continue;
    double end = fmin((double)v->to, (double)d->s->step) * d->s->dt;
    double x0 = rt_axis_at(&p->x, (double)v->from * d->s->dt), x1 = rt_axis_at(&p->x, end);
    rt_page_put(f->page, "<rect x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" fill=\"#f3efdf\"/>\n",
                x0, p->y.to, x1 - x0, p->y.from - p->y.to);
  }
  if (d->s->x->n_phases < 2 || d->s->x->n_phases > PHASES) return;
  double at = 0, end = (double)d->s->step * d->s->dt;
  for (uint32_t i = 0; i < d->s->x->n_phases && at < end; i++) {
    double x = rt_axis_at(&p->x, at);
    rt_pen(f, rt_ink, 0.6, 1);
    d->cairo.set_dash(f->pen, dashes, 2, 0);
    if (i) rt_line(f, x, p->y.to, x, p->y.from);
    d->cairo.set_dash(f->pen, dashes, 0, 0);
    const char *name = d->s->x->phases[i].name;
    if (words && name && *name)
      rt_word(f, x + 3, p->y.to - 3, RT_START, "font-size=\"11\" font-style=\"italic\"", name);
    at += rt_value(d->s, d->s->x->phases[i].duration, 0);
  }
}

void rt_time_marks_caption(struct rt_drawing *d) {
  if (windows_count(d)) rt_page_put(d->page, " Shaded: while a current acts.");
  if (d->s->x->n_phases > 1 && d->s->x->n_phases <= PHASES)
    rt_page_put(d->page, " Dashed: borders of phases.");
}

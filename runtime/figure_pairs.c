/* Which elements go together: the correlations of all pairs of a record's elements as a matrix of coloured squares, one for each record of
 * populations that do not spike (regions of a brain: functional connectivity). Two stand side by side. */
#include <math.h>
#include <stdio.h>

#include "runtime/covary.h"
#include "runtime/figures.h"

enum { SHOWN = 4, SIDE = 300, ACROSS = 2, EACH = RT_FIGURE_WIDTH / ACROSS, DOWN = SIDE + 74, TOP = 24, LEFT = 52, SHADES = 101 };

/* Blue, white, orange for -1, 0, 1; grey where there is no correlation. */
static uint32_t shade(double r) {
  struct rt_colour c = rt_colours[r < 0 ? 0 : 1];
  double much = fmin(1, fabs(r)), rgb[3] = {c.r, c.g, c.b};
  uint32_t pixel = 0xff;
  for (int i = 0; i < 3; i++) pixel = pixel << 8 | (uint32_t)(255 * (isfinite(r) ? 1 - much * (1 - rgb[i]) : 0.86) + 0.5);
  return pixel;
}

/* What the darkest colour stands for: the largest of all pairs, at least 0.1. */
static double limit_of(const struct rt_covary *c, double *ret_mean) {
  double most = 0.1, sum = 0;
  uint64_t n = 0;
  for (uint32_t i = 0; i < c->n; i++)
    for (uint32_t j = 0; j < i; j++) {
      double r = rt_covary_correlation(c, i, j);
      if (!isfinite(r)) continue;
      most = fmax(most, fabs(r));
      sum += r;
      n++;
    }
  *ret_mean = n ? sum / (double)n : NAN;
  return most > 0.995 ? 1 : ceil(most * 20) / 20;
}

static int scale_draw(struct rt_figure *f, const struct rt_panel *p, double limit) {
  uint32_t pixels[SHADES];
  for (int i = 0; i < SHADES; i++) pixels[i] = shade(1 - 2.0 * i / (SHADES - 1));
  struct rt_panel bar = rt_panel_of(p->x.to + 44, p->x.to + 54, p->y.to, p->y.from);
  rt_axis_fit(&bar.y, -limit, limit, 6, false);
  rt_axis_fit(&bar.x, 0, 1, 1, false);
  bar.x.step = 10;
  int e = rt_figure_image(f, bar.x.from, bar.y.to, bar.x.to, bar.y.from, pixels, 1, SHADES);
  rt_frame(f, &bar, false);
  return e;
}

static int matrix_draw(struct rt_figure *f, const struct rt_covary *c, const struct rt_variable *v, double left, double top, double limit) {
  struct rt_mem mem = {0};
  uint32_t *pixels = rt_alloc(&mem, (uint64_t)c->n * c->n, sizeof *pixels);
  char name[80], of[80], title[180];
  if (!pixels) return NSL_EMEMORY;
  for (uint32_t i = 0; i < c->n; i++)
    for (uint32_t j = 0; j < c->n; j++) pixels[(uint64_t)i * c->n + j] = shade(i == j ? NAN : rt_covary_correlation(c, i, j) / limit);
  struct rt_panel p = rt_panel_of(left, left + SIDE, top, top + SIDE);
  int e = rt_figure_image(f, p.x.from, p.y.to, p.x.to, p.y.from, pixels, (int)c->n, (int)c->n);
  rt_mem_free(&mem);
  rt_axis_fit(&p.x, 0, c->n, 6, false);
  rt_axis_fit(&p.y, 0, c->n, 6, false);
  p.y.lo = c->n, p.y.hi = 0; /* the first at the top */
  snprintf(p.x.label, sizeof p.x.label, "element");
  rt_frame(f, &p, true);
  rt_short_name(v->def->name, 24, name, sizeof name);
  rt_short_name(v->groups[0].pop->def->path, 24, of, sizeof of);
  snprintf(title, sizeof title, "%s of %s%s", name, of, v->n_groups > 1 ? " and others" : "");
  rt_word(f, left, top - 8, RT_START, "font-weight=\"bold\" font-size=\"11\"", title);
  return e ? e : scale_draw(f, &p, limit);
}

/* Every row was seen: by none of several ranks, and not while there were some, before a checkpoint. */
static bool whole(const struct rt_drawing *d, uint32_t i) {
  const struct rt_covary *c = d->g->traced[i].pairs;
  return c && c->used > 2 && c->seen == rt_samples_until(d->s, d->s->recorder->variables[i].every, d->s->step);
}

/* The records that are shown: how many. */
static uint32_t records_of(const struct rt_drawing *d, uint32_t ret[SHOWN]) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->g->n_traced && n < SHOWN; i++)
    if (whole(d, i)) ret[n++] = i;
  return n;
}

static void caption(struct rt_drawing *d, const uint32_t *which, uint32_t n, const double *means) {
  rt_page_put(d->page, "<figcaption><b>Functional connectivity.</b> Correlations of the courses of all pairs of elements, without the first fifth of the run:");
  for (uint32_t k = 0; k < n; k++) {
    const struct rt_covary *c = d->g->traced[which[k]].pairs;
    rt_page_put(d->page, "%s ", k ? ";" : "");
    rt_page_text(d->page, d->s->recorder->variables[which[k]].def->name);
    rt_page_put(d->page, ", %llu samples, mean %s%.3g", (unsigned long long)c->used, means[k] < 0 ? "\xe2\x88\x92" : "", fabs(means[k]));
  }
  rt_page_put(d->page, ".</figcaption>\n");
}

int rt_figure_pairs(struct rt_drawing *d) {
  uint32_t which[SHOWN], n = records_of(d, which);
  double means[SHOWN];
  int e = 0;
  if (!n) return 0;
  struct rt_figure f;
  rt_page_put(d->page, "<figure class=\"pairs\">\n");
  rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, (double)((n + ACROSS - 1) / ACROSS) * DOWN, "correlations of pairs of elements");
  for (uint32_t k = 0; !e && k < n; k++) {
    const struct rt_covary *c = d->g->traced[which[k]].pairs;
    double limit = limit_of(c, &means[k]);
    e = matrix_draw(&f, c, &d->s->recorder->variables[which[k]], LEFT + (double)(k % ACROSS) * EACH, TOP + (double)(k / ACROSS) * DOWN, limit);
  }
  int ended = rt_figure_end(&f);
  if (!e) caption(d, which, n, means);
  rt_page_put(d->page, "</figure>\n");
  return e ? e : ended;
}

/* How rates, irregularity and correlation are distributed over the cells of each population.
 *
 * Rates and coefficients of variation are those that the populations' meters hold (expect.c): all cells, the
 * whole run, a coefficient for each cell with at least RT_CV_SPIKES spikes. Correlations are of the spike
 * counts of pairs of the cells of the raster, in bins; at most PAIRED cells of a group, so the cost is
 * bounded. More than RT_ROWS_SHOWN populations are pooled by their name without the index, or altogether. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/figures.h"
#include "runtime/nsl.h"

enum { LEAST_CELLS = 8, PAIRED = 50, BINS = 40, COLUMNS = 3 };

struct group { /* populations that are shown together */
  char name[80];
  struct rt_colour colour;
  uint32_t *pops, n_pops;
};
struct spread { /* a histogram in the making */
  double *values;
  uint64_t n;
  double mean;
};

/* ---- groups */

static void group_add(const struct rt_drawing *d, struct group *g, uint32_t pop, const char *name) {
  if (!g->n_pops) {
    rt_short_name(name, 18, g->name, sizeof g->name);
    g->colour = d->colours[pop];
  }
  g->pops[g->n_pops++] = pop;
}

/* Pools by `names` (0 path, 1 base, 2 all); false: there would be too many. */
static bool groups_by(struct rt_drawing *d, struct rt_mem *mem, int names, struct group *all,
                      uint32_t *ret_n) {
  *ret_n = 0;
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    const struct nsl_population *p = d->s->pops[i].def;
    const char *name = names == 0 ? p->path : names == 1 ? p->base : "all";
    char shown[80];
    uint32_t k = 0;
    if (!d->s->pops[i].class->has_spike || !d->s->pops[i].size) continue;
    rt_short_name(name, 18, shown, sizeof shown);
    while (k < *ret_n && strcmp(all[k].name, shown) != 0) k++;
    if (k == RT_ROWS_SHOWN) return false;
    if (k == *ret_n) {
      all[k] = (struct group){.pops = rt_alloc(mem, d->s->n_pops, sizeof *all[k].pops)};
      if (!all[k].pops) return false;
      ++*ret_n;
    }
    group_add(d, &all[k], i, name);
  }
  return true;
}

/* ---- values */

static int rates_of(const struct rt_drawing *d, struct rt_mem *mem, const struct group *g,
                    struct spread *ret) {
  double seconds = (double)d->s->step * d->s->dt / 1000;
  uint64_t n = 0;
  for (uint32_t i = 0; i < g->n_pops; i++) n += d->s->pops[g->pops[i]].size;
  ret->values = rt_alloc(mem, n, sizeof *ret->values);
  if (!ret->values) return NSL_EMEMORY;
  for (uint32_t i = 0; i < g->n_pops; i++) {
    const struct rt_meter *m = d->s->pop_meters[g->pops[i]];
    for (uint32_t k = 0; k < d->s->pops[g->pops[i]].size; k++)
      ret->values[ret->n++] = m->isi ? m->isi[k].n / seconds : 0;
  }
  return 0;
}

static int variations_of(const struct rt_drawing *d, struct rt_mem *mem, const struct group *g,
                         struct spread *ret) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < g->n_pops; i++) n += d->s->pops[g->pops[i]].size;
  ret->values = rt_alloc(mem, n, sizeof *ret->values);
  if (!ret->values) return NSL_EMEMORY;
  for (uint32_t i = 0; i < g->n_pops; i++) {
    const struct rt_meter *m = d->s->pop_meters[g->pops[i]];
    for (uint32_t k = 0; m->isi && k < d->s->pops[g->pops[i]].size; k++) {
      double cv = rt_isi_cv(&m->isi[k]);
      if (!isnan(cv)) ret->values[ret->n++] = cv;
    }
  }
  return 0;
}

/* The counts of a row of the raster in whole bins, less their mean, scaled to length 1; false: they do not
 * vary. */
static bool row_normal(const struct rt_drawing *d, uint32_t row, uint64_t bins, float *ret) {
  double sum = 0, squares = 0;
  for (uint64_t b = 0; b < bins; b++) {
    uint8_t count = rt_cell(&d->g->raster.binned, row, b);
    ret[b] = (float)count;
    sum += count;
    squares += (double)count * count;
  }
  double mean = sum / (double)bins, length = sqrt(squares - sum * mean);
  if (!(squares - sum * mean > 1e-9)) return false;
  for (uint64_t b = 0; b < bins; b++) ret[b] = (float)((ret[b] - mean) / length);
  return true;
}

static uint32_t row_end(const struct rt_drawing *d, uint32_t pop) {
  return pop + 1 < d->s->n_pops ? d->g->raster.row0[pop + 1] : d->g->raster.n_rows;
}

/* Rows of the group's cells, evenly picked. */
static uint32_t rows_pick(const struct rt_drawing *d, const struct group *g, uint32_t *rows) {
  uint64_t n = 0, seen = 0;
  uint32_t picked = 0;
  for (uint32_t i = 0; i < g->n_pops; i++) n += row_end(d, g->pops[i]) - d->g->raster.row0[g->pops[i]];
  for (uint32_t i = 0; i < g->n_pops; i++)
    for (uint32_t row = d->g->raster.row0[g->pops[i]]; row < row_end(d, g->pops[i]); row++, seen++)
      if (picked < PAIRED && seen * PAIRED / (n > PAIRED ? n : PAIRED) >= picked) rows[picked++] = row;
  return picked;
}

static int correlations_of(const struct rt_drawing *d, struct rt_mem *mem, const struct group *g,
                           struct spread *ret) {
  uint64_t bins = d->s->step / d->g->raster.binned.width;
  uint32_t rows[PAIRED], n = rows_pick(d, g, rows), used = 0;
  ret->values = rt_alloc(mem, PAIRED * PAIRED / 2, sizeof *ret->values);
  float *counts = rt_alloc(mem, (uint64_t)PAIRED * (bins + 1), sizeof *counts);
  if (!ret->values || !counts) return NSL_EMEMORY;
  if (bins < 20) return 0;
  for (uint32_t i = 0; i < n; i++) used += row_normal(d, rows[i], bins, counts + used * bins);
  for (uint32_t i = 0; i < used; i++)
    for (uint32_t j = 0; j < i; j++) {
      double sum = 0;
      for (uint64_t b = 0; b < bins; b++) sum += (double)counts[i * bins + b] * (double)counts[j * bins + b];
      ret->values[ret->n++] = sum;
    }
  return 0;
}

/* ---- drawing */

typedef int spread_of(const struct rt_drawing *d, struct rt_mem *mem, const struct group *g,
                      struct spread *ret);
static const struct {
  spread_of *of;
  const char *label, *none;
  bool from_zero;
} columns[COLUMNS] = {{rates_of, "rate of a cell (Hz)", "no cells", true},
                      {variations_of, "CV of its intervals", "too few spikes", true},
                      {correlations_of, "correlation of a pair", "too little data", false}};

static void bars_draw(struct rt_drawing *d, struct rt_figure *f, struct rt_panel *p, const struct spread *v,
                      struct rt_colour colour) {
  double counts[BINS] = {0}, top = 0;
  for (uint64_t i = 0; i < v->n; i++) {
    double at = (v->values[i] - p->x.lo) / (p->x.hi - p->x.lo) * BINS;
    int k = at < 0 ? 0 : at >= BINS ? BINS - 1 : (int)at;
    counts[k] += 100.0 / (double)v->n;
  }
  for (int k = 0; k < BINS; k++) top = fmax(top, counts[k]);
  rt_axis_fit(&p->y, 0, top > 0 ? top : 1, 2, true);
  rt_pen(f, colour, 0.85, 0);
  for (int k = 0; k < BINS; k++) {
    double x0 = p->x.from + (p->x.to - p->x.from) * k / BINS,
           x1 = p->x.from + (p->x.to - p->x.from) * (k + 1) / BINS;
    double y = rt_axis_at(&p->y, counts[k]);
    if (counts[k] > 0) d->cairo.rectangle(f->pen, x0 + 0.4, y, x1 - x0 - 0.8, p->y.from - y);
  }
  d->cairo.fill(f->pen);
}

static void spread_draw(struct rt_drawing *d, struct rt_figure *f, struct rt_panel *p, const struct spread *v,
                        struct rt_colour colour, const char *none, bool last) {
  char text[60];
  p->y.step = 0;
  if (v->n) bars_draw(d, f, p, v, colour);
  rt_frame(f, p, last);
  if (!v->n) {
    rt_word(f, (p->x.from + p->x.to) / 2, (p->y.from + p->y.to) / 2 + 4, RT_MIDDLE,
            "fill=\"#777\" font-size=\"11\"", none);
    return;
  }
  double at = rt_axis_at(&p->x, v->mean);
  rt_pen(f, rt_ink, 1, 1);
  d->cairo.move_to(f->pen, at, p->y.to - 1); /* a small triangle at the mean */
  d->cairo.line_to(f->pen, at - 3.5, p->y.to - 7);
  d->cairo.line_to(f->pen, at + 3.5, p->y.to - 7);
  d->cairo.close_path(f->pen);
  d->cairo.fill(f->pen);
  snprintf(text, sizeof text, "%s%.3g", v->mean < 0 ? "\xe2\x88\x92" : "", fabs(v->mean));
  bool right = at < (p->x.from + p->x.to) / 2;
  rt_word(f, right ? at + 7 : at - 7, p->y.to - 1, right ? RT_START : RT_END, "font-size=\"11\"", text);
}

/* One axis for a column: what 99 of 100 values lie within, so that a single cell does not squeeze the others.
 */
static void column_axis(struct rt_axis *a, const struct spread *spreads, uint32_t n, bool from_zero) {
  double lo = INFINITY, hi = -INFINITY;
  for (uint32_t i = 0; i < n; i++) {
    double mean = 0, squares = 0, least = INFINITY, most = -INFINITY;
    for (uint64_t k = 0; k < spreads[i].n; k++) {
      double x = spreads[i].values[k];
      mean += x, squares += x * x;
      least = fmin(least, x), most = fmax(most, x);
    }
    if (!spreads[i].n) continue;
    mean /= (double)spreads[i].n;
    double sd = sqrt(fmax(0, squares / (double)spreads[i].n - mean * mean));
    lo = fmin(lo, fmax(least, mean - 4 * sd)), hi = fmax(hi, fmin(most, mean + 4 * sd));
  }
  if (lo > hi) lo = 0, hi = 1;
  rt_axis_fit(a, from_zero ? 0 : lo, hi, 5, true);
}

static int column_draw(struct rt_drawing *d, struct rt_figure *f, int column, const struct group *groups,
                       uint32_t n) {
  struct rt_mem mem = {0};
  struct spread spreads[RT_ROWS_SHOWN] = {{0}};
  double width = (RT_FIGURE_WIDTH - d->left - 20) / COLUMNS;
  int e = 0;
  for (uint32_t i = 0; !e && i < n; i++) {
    e = columns[column].of(d, &mem, &groups[i], &spreads[i]);
    for (uint64_t k = 0; k < spreads[i].n; k++)
      spreads[i].mean += spreads[i].values[k] / (double)spreads[i].n;
  }
  for (uint32_t i = 0; !e && i < n; i++) {
    double top = 20 + 66.0 * i, from = d->left + 14 + width * column;
    struct rt_panel p = rt_panel_of(from, from + width - 48, top, top + 40);
    column_axis(&p.x, spreads, n, columns[column].from_zero);
    snprintf(p.x.label, sizeof p.x.label, "%s", columns[column].label);
    spread_draw(d, f, &p, &spreads[i], groups[i].colour, columns[column].none, i + 1 == n);
    if (!column) rt_word(f, d->left - 30, top + 24, RT_END, "font-weight=\"bold\"", groups[i].name);
  }
  rt_mem_free(&mem);
  return e;
}

static void caption(struct rt_drawing *d, bool pooled) {
  double bin = (double)d->g->raster.binned.width * d->s->dt;
  rt_page_put(
      d->page,
      "<figcaption><b>Distributions over cells.</b> Percent of cells (of pairs) in each bin; triangles: "
      "means. "
      "CV: standard deviation by mean of the intervals of each cell with at least %d spikes. Correlation: of "
      "spike counts in bins of %.4g ms, all pairs of up to %d cells.%s</figcaption>\n",
      RT_CV_SPIKES, bin, PAIRED, pooled ? " Populations are pooled by name." : "");
}

int rt_figure_distributions(struct rt_drawing *d) {
  struct rt_mem mem = {0};
  struct group *groups = rt_alloc(&mem, RT_ROWS_SHOWN + 1, sizeof *groups);
  uint32_t n = 0;
  uint64_t cells = 0;
  int names = 0, e = groups ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; i < d->s->n_pops; i++)
    cells += d->s->pops[i].class->has_spike ? d->s->pops[i].size : 0;
  if (!e && cells >= LEAST_CELLS && rt_all_spikes(d->s) >= LEAST_CELLS && d->s->step) {
    while (names < 2 && !groups_by(d, &mem, names, groups, &n)) names++;
    if (names == 2) groups_by(d, &mem, names, groups, &n);
    struct rt_figure f;
    rt_page_put(d->page, "<figure class=\"distributions\">\n");
    rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, 66.0 * n + 40,
                    "histograms of rates, coefficients of variation and correlations");
    for (int c = 0; !e && c < COLUMNS; c++) e = column_draw(d, &f, c, groups, n);
    int ended = rt_figure_end(&f);
    e = e ? e : ended;
    caption(d, names > 0);
    rt_page_put(d->page, "</figure>\n");
  }
  rt_mem_free(&mem);
  return e;
}

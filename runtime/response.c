/* The response curve: the rate of cells against the constant current that they get, when it differs between
 * them. The protocol itself says that this is what the experiment is about, so no word in the model asks for
 * it.
 *
 * The current of a cell is the sum of the drives by `constant` and `step` onto one input of it, drawn ones as
 * well; the rate is counted while all of them act. Populations that differ only in their index are one curve:
 * f-I curves of several cells are several curves of one figure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/drive.h"
#include "runtime/figures.h"
#include "runtime/nsl.h"
#include "runtime/quantity.h"

enum {
  LEAST_CURRENTS = 4,
  CURVES = 24,
  LEGEND_LINE = 17,
  FEW = 60,
  MANY = 150,
  MOST = 2000
}; /* many points are a cloud, of the most every n-th */

struct point {
  double x, y; /* coherent units; Hz */
  uint32_t curve;
};
struct response {
  const char *input, *unit; /* as declared */
  struct point *points;
  uint64_t n;
  uint64_t from, to; /* steps (from, to] in which all the currents act */
  bool narrow;       /* less than the run */
};

/* A current that was drawn for each cell, and stays. */
static bool is_drawn(const struct rt_drive *v) { return v->kernel && v->def->each && v->def->steady; }

static void drawn_add(const struct rt_sim *s, const struct rt_drive *v, double *currents) {
  for (uint32_t i = 0; i < s->n_shards; i++)
    for (uint32_t k = s->shards[i].n_events; k < s->shards[i].n_drives; k++) {
      const struct rt_drive_part *part = &s->shards[i].drives[k];
      if (part->drive != v) continue;
      for (uint32_t e = part->from; e < part->to; e++) currents[e] += part->out[e - rt_part_first(part)];
    }
}

static bool is_current(const struct rt_drive *v) {
  return v->def->kind == NSL_CURRENT && (!v->kernel || is_drawn(v));
}

static const char *input_of(const struct rt_drive *d) { return d->target->class->inputs[d->def->input]; }

static const char *unit_of(const struct rt_drive *v) {
  const struct nsl_class *c = v->target->class;
  const char *unit = v->def->input < c->n_input_units ? c->input_units[v->def->input] : NULL;
  return unit ? unit : "";
}

/* One figure shows currents onto inputs of one name and unit. */
static bool is_shown(const struct rt_drive *v, const char *input, const char *unit) {
  return is_current(v) && strcmp(input_of(v), input) == 0 && strcmp(unit_of(v), unit) == 0;
}

static void window_find(const struct rt_drawing *d, struct response *r) {
  r->from = 0, r->to = d->s->step;
  for (uint32_t i = 0; i < d->s->n_drives; i++) {
    const struct rt_drive *v = &d->s->drives[i];
    if (!is_shown(v, r->input, r->unit) || (!v->kernel && v->value == 0)) continue;
    if (v->from > r->from) r->from = v->from;
    if (v->to < r->to) r->to = v->to;
  }
  r->narrow = r->from > 0 || r->to < d->s->step;
}

/* Of a window, the counts of a population in bins that lie in it; so all its cells must get the same. */
static double window_rate(const struct rt_drawing *d, const struct response *r, const struct rt_pop *p) {
  const struct rt_rates *k = &d->g->rates;
  uint64_t first = (r->from + k->width - 1) / k->width, end = r->to / k->width, n = 0;
  if (end <= first || k->pops_per_row != 1) return NAN;
  for (uint64_t b = first; b < end; b++) n += k->counts[(size_t)p->index * k->n_bins + b];
  return (double)n / p->size / ((double)((end - first) * k->width) * d->s->dt) * 1000;
}

static double cell_rate(const struct rt_drawing *d, const struct rt_pop *p, uint32_t cell) {
  const struct rt_meter *m = d->s->pop_meters[p->index];
  return m->isi ? m->isi[cell].n / ((double)d->s->step * d->s->dt) * 1000 : NAN;
}

static void point_add(struct response *r, double x, double y, uint32_t curve) {
  if (isfinite(y)) r->points[r->n++] = (struct point){x, y, curve};
}

static uint32_t curve_of(const struct rt_drawing *d, const struct rt_pop *p) {
  for (uint32_t i = 0; i < p->index; i++)
    if (d->s->pops[i].class->has_spike && strcmp(d->s->pops[i].def->base, p->def->base) == 0) return i;
  return p->index;
}

static void pop_points(const struct rt_drawing *d, struct response *r, const struct rt_pop *p,
                       double *currents) {
  bool driven = false;
  memset(currents, 0, p->size * sizeof *currents);
  for (uint32_t i = 0; i < d->s->n_drives; i++) {
    const struct rt_drive *v = &d->s->drives[i];
    if (v->target != p || !is_shown(v, r->input, r->unit)) continue;
    if (v->kernel && d->s->ranks) return; /* other ranks have the currents of their cells */
    driven = true;
    if (v->kernel) drawn_add(d->s, v, currents);
    for (uint32_t k = v->t0; !v->kernel && k < v->t0 + v->tn; k++) currents[k] += v->value;
  }
  bool same = true;
  for (uint32_t k = 1; k < p->size; k++) same &= currents[k] == currents[0];
  if (driven && r->narrow) {
    if (same && p->size) point_add(r, currents[0], window_rate(d, r, p), curve_of(d, p));
    return;
  }
  for (uint32_t k = 0; driven && k < p->size; k++)
    point_add(r, currents[k], cell_rate(d, p, k), curve_of(d, p));
}

static int point_order(const void *a, const void *b) {
  const struct point *p = a, *q = b;
  if (p->curve != q->curve) return p->curve < q->curve ? -1 : 1;
  return p->x < q->x ? -1 : p->x > q->x;
}

/* Of cells of one curve with the same current, the mean. */
static void points_join(struct response *r) {
  uint64_t n = 0;
  qsort(r->points, r->n, sizeof *r->points, point_order);
  for (uint64_t i = 0, end; i < r->n; i = end) {
    struct point p = r->points[i];
    for (end = i + 1; end < r->n && point_order(&r->points[i], &r->points[end]) == 0; end++)
      p.y += r->points[end].y;
    p.y /= (double)(end - i);
    r->points[n++] = p;
  }
  r->n = n;
}

static int response_find(const struct rt_drawing *d, struct rt_mem *mem, struct response *r) {
  uint64_t cells = 0, most = 0;
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    cells += d->s->pops[i].size;
    if (d->s->pops[i].size > most) most = d->s->pops[i].size;
  }
  r->points = rt_alloc(mem, cells, sizeof *r->points);
  double *currents = rt_alloc(mem, most, sizeof *currents);
  if (!r->points || !currents) return NSL_EMEMORY;
  window_find(d, r);
  for (uint32_t i = 0; i < d->s->n_pops; i++)
    if (d->s->pops[i].class->has_spike) pop_points(d, r, &d->s->pops[i], currents);
  points_join(r);
  return 0;
}

static uint64_t curve_end(const struct response *r, uint64_t i) {
  uint64_t end = i + 1;
  while (end < r->n && r->points[end].curve == r->points[i].curve) end++;
  return end;
}

static uint32_t curves_to_show(const struct response *r) {
  uint32_t n = 0;
  for (uint64_t i = 0, end; i < r->n; i = end) {
    end = curve_end(r, i);
    n += end - i >= LEAST_CURRENTS;
  }
  return n;
}

static void curve_draw(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p,
                       const struct response *r, uint64_t from, uint64_t end, uint32_t number) {
  struct rt_colour c = rt_colours[number % RT_COLOURS];
  static const double dashes[][2] = {{0}, {5, 3}, {1.5, 2.5}, {9, 2}}; /* one for each round of the colours */
  const double *dash = dashes[number / RT_COLOURS];
  int n_dash = number < RT_COLOURS ? 0 : 2;
  rt_pen(f, c, 1, 1.6);
  d->cairo.set_dash(f->pen, dash, n_dash, 0);
  bool cloud = end - from > MANY;
  for (uint64_t i = from; !cloud && i < end; i++)
    d->cairo.line_to(f->pen, rt_axis_at(&p->x, r->points[i].x), rt_axis_at(&p->y, r->points[i].y));
  d->cairo.stroke(f->pen);
  d->cairo.set_dash(f->pen, dash, 0, 0);
  uint64_t every = (end - from + MOST - 1) / MOST;
  for (uint64_t i = from; i < end; i += every) {
    d->cairo.new_sub_path(f->pen);
    d->cairo.arc(f->pen, rt_axis_at(&p->x, r->points[i].x), rt_axis_at(&p->y, r->points[i].y),
                 end - from > FEW ? 1.6 : 2.6, 0, 2 * M_PI);
    d->cairo.fill(f->pen);
  }
  char name[80];
  rt_short_name(d->s->pops[r->points[from].curve].def->base, 16, name, sizeof name);
  rt_pen(f, c, 1, 2);
  d->cairo.set_dash(f->pen, dash, cloud ? 0 : n_dash, 0);
  double y = p->y.to + 12 + LEGEND_LINE * number;
  rt_line(f, p->x.to + 12, y - 4, p->x.to + 31, y - 4);
  d->cairo.set_dash(f->pen, dash, 0, 0);
  rt_word(f, p->x.to + 35, y, RT_START, "", name);
}

static void axes_fit(struct rt_panel *p, const struct response *r) {
  double lo = INFINITY, hi = -INFINITY, top = 0;
  struct rt_quantity one;
  char text[80];
  snprintf(text, sizeof text, "1%s", r->unit);
  bool known = *r->unit && strcmp(r->unit, "1") != 0 && !rt_quantity_read(text, &one);
  double unit = known ? one.value : 1;
  for (uint64_t i = 0; i < r->n; i++) {
    lo = fmin(lo, r->points[i].x), hi = fmax(hi, r->points[i].x);
    top = fmax(top, r->points[i].y);
  }
  rt_axis_fit(&p->x, lo / unit, hi / unit, 8, true);
  p->x.unit = unit;
  p->x.lo *= unit, p->x.hi *= unit, p->x.step *= unit;
  rt_axis_fit(&p->y, 0, top > 0 ? top : 1, 6, true);
  snprintf(p->y.label, sizeof p->y.label, "rate (Hz)");
  snprintf(p->x.label, sizeof p->x.label, "%s%s%s%s", r->input, known ? " (" : "", known ? r->unit : "",
           known ? ")" : "");
}

static int response_draw(struct rt_drawing *d, const struct response *r, uint32_t curves) {
  struct rt_figure f;
  uint32_t number = 0;
  rt_page_put(d->page, "<figure class=\"response\" data-points=\"%llu\">\n", (unsigned long long)r->n);
  double bottom = fmax(310, 14 + LEGEND_LINE * (curves + 1.0)); /* the legend is as high as the figure */
  rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, bottom + 50, "rates against currents");
  struct rt_panel p = rt_panel_of(120, RT_FIGURE_WIDTH - 180, 14, bottom);
  axes_fit(&p, r);
  for (uint64_t i = 0, end; i < r->n; i = end) {
    end = curve_end(r, i);
    if (end - i >= LEAST_CURRENTS) curve_draw(d, &f, &p, r, i, end, number++);
  }
  rt_frame(&f, &p, true);
  int e = rt_figure_end(&f);
  rt_page_put(d->page, "<figcaption><b>Response.</b> Rates against the constant current of each cell into ");
  rt_page_text(d->page, r->input);
  if (r->narrow)
    rt_page_put(d->page, ", from %.6g to %.6g ms", (double)r->from * d->s->dt, (double)r->to * d->s->dt);
  rt_page_put(d->page, ".</figcaption>\n</figure>\n");
  return e;
}

/* A figure for each input, by name and unit. */
int rt_figure_response(struct rt_drawing *d) {
  int e = 0;
  for (uint32_t i = 0; !e && d->s->step && i < d->s->n_drives; i++) {
    const struct rt_drive *v = &d->s->drives[i];
    bool seen = !is_current(v);
    for (uint32_t k = 0; k < i && !seen; k++)
      seen = is_shown(&d->s->drives[k], input_of(v), unit_of(v));
    if (seen) continue;
    struct rt_mem mem = {0};
    struct response r = {.input = input_of(v), .unit = unit_of(v)};
    e = response_find(d, &mem, &r);
    uint32_t curves = e ? 0 : curves_to_show(&r);
    if (curves > 0 && curves <= CURVES) e = response_draw(d, &r, curves);
    rt_mem_free(&mem);
  }
  return e;
}

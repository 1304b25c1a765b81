/* Who is drawn how, and the activity of a run: raster of spikes and rates of populations over one axis of
 * time.
 *
 * Up to RT_RASTER_DOTS spikes are marks that can be counted; more become an image of two pixels a point, in
 * which a pixel is darker the more spikes it holds. Up to RT_ROWS_SHOWN populations have a panel for their
 * rate, more become rows of an image. */
#include "runtime/figures.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/nsl.h"

/* ---- populations and their colours */

static bool port_inhibits(const struct rt_proj *p) {
  const char *name = p->target->class->ports[p->def->port].name;
  static const char *const words[] = {"inh", "gaba", "gly"};
  char low[64];
  size_t n = 0;
  for (; name[n] && n + 1 < sizeof low; n++) low[n] = (char)tolower((unsigned char)name[n]);
  low[n] = 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strstr(low, words[i])) return true;
  return n > 3 && strcmp(low + n - 3, "_in") == 0;
}

/* By the sign of its weights; of drawn weights and of conductances, by the ports that they reach. */
static void signs_find(struct rt_drawing *d) {
  const struct rt_sim *s = d->s;
  for (uint32_t i = 0; i < s->n_projs; i++) {
    const struct rt_proj *p = &s->projs[i];
    bool negative = !p->drawn_weight && p->weight < 0;
    if (!p->drawn_weight && p->weight == 0) continue;
    if (negative || port_inhibits(p)) d->signs[p->source->index] = RT_INHIBITS;
    else if (d->signs[p->source->index] == RT_OTHER) d->signs[p->source->index] = RT_EXCITES;
  }
}

/* Blue excites, orange inhibits (told apart by the colour-blind and in grey); without both, a colour for
 * each, or for each family of them. */
static void colours_find(struct rt_drawing *d) {
  bool excites = false, inhibits = false;
  uint32_t family = 0, others = 2;
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    excites |= d->signs[i] == RT_EXCITES;
    inhibits |= d->signs[i] == RT_INHIBITS;
  }
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    family += i && strcmp(d->s->pops[i].def->base, d->s->pops[i - 1].def->base) !=
                       0; /* members follow each other */
    if (inhibits && excites && d->signs[i] != RT_OTHER)
      d->colours[i] = rt_colours[d->signs[i] == RT_INHIBITS];
    else if (inhibits && excites) d->colours[i] = rt_colours[2 + others++ % (RT_COLOURS - 2)];
    else d->colours[i] = rt_colours[(d->s->n_pops > RT_COLOURS ? family : i) % RT_COLOURS];
  }
}

void rt_short_name(const char *name, size_t most, char *ret, size_t size) {
  size_t n = strlen(name), keep = most - 1;
  if (n <= most) {
    snprintf(ret, size, "%s", name);
    return;
  }
  while (keep && ((unsigned char)name[keep] & 0xc0) == 0x80) keep--; /* whole characters */
  snprintf(ret, size, "%.*s\xe2\x80\xa6", (int)keep, name);
}

int rt_drawing_open(struct rt_drawing *d, const struct rt_sim *s, struct rt_page *page) {
  *d = (struct rt_drawing){.s = s, .g = s->gather, .page = page};
  int e = rt_cairo_open(&d->cairo);
  if (e) return e;
  d->signs = rt_alloc(&d->mem, s->n_pops, sizeof *d->signs);
  d->colours = rt_alloc(&d->mem, s->n_pops, sizeof *d->colours);
  if (!d->signs || !d->colours) return NSL_EMEMORY;
  signs_find(d);
  colours_find(d);
  size_t longest = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    size_t n = strlen(s->pops[i].def->path);
    if (n > longest) longest = n;
  }
  d->left = 36 + 7.0 * (double)(longest > 18 ? 18 : longest);
  if (d->left < 84) d->left = 84;
  return 0;
}

void rt_drawing_close(struct rt_drawing *d) { rt_mem_free(&d->mem); }

struct rt_panel rt_panel_of(double x0, double x1, double top, double bottom) {
  return (struct rt_panel){.x = {.from = x0, .to = x1, .unit = 1},
                           .y = {.from = bottom, .to = top, .unit = 1}};
}

void rt_time_axis(const struct rt_drawing *d, struct rt_axis *a) {
  double end = (double)d->s->step * d->s->dt;
  bool seconds = end > 2000;
  a->unit = seconds ? 1000 : 1;
  rt_axis_fit(a, 0, end / a->unit, 8, false);
  a->lo *= a->unit, a->hi *= a->unit, a->step *= a->unit;
  snprintf(a->label, sizeof a->label, "time (%s)", seconds ? "s" : "ms");
}

uint64_t rt_all_spikes(const struct rt_sim *s) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) n += s->pop_meters[i]->spikes;
  return n;
}

/* ---- raster */

static uint32_t pop_rows(const struct rt_drawing *d, uint32_t pop) {
  const struct rt_raster *r = &d->g->raster;
  return (pop + 1 < d->s->n_pops ? r->row0[pop + 1] : r->n_rows) - r->row0[pop];
}

static double row_height(const struct rt_raster *r) {
  if (r->n_rows <= 12) return 14;
  return r->n_rows <= 40 ? 9 : fmax(360.0, fmin(r->n_rows * 0.42, 420)) / r->n_rows;
}

/* Names beside the bands, as long as there is room for them. */
static void raster_names(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, double row) {
  double last = -1e9;
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    uint32_t rows = pop_rows(d, i);
    double y = p->y.to + (d->g->raster.row0[i] + rows / 2.0) * row;
    if (rows && y - last >= 13) {
      char name[80], style[80];
      struct rt_colour c = d->colours[i];
      rt_short_name(d->s->pops[i].def->path, 18, name, sizeof name);
      snprintf(style, sizeof style, "font-weight=\"bold\" font-size=\"11\" fill=\"#%02x%02x%02x\"",
               (unsigned)(c.r * 255), (unsigned)(c.g * 255), (unsigned)(c.b * 255));
      rt_word(f, p->x.from - 8, y + 4, RT_END, style, name);
      last = y;
    }
    if (i && rows && row * rows > 6) {
      double edge = p->y.to + d->g->raster.row0[i] * row;
      rt_pen(f, rt_faint, 1, 0.8);
      rt_line(f, p->x.from, edge, p->x.to, edge);
    }
  }
}

static void raster_dots(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, double row) {
  const struct rt_raster *r = &d->g->raster;
  double height = fmax(2, row * 0.75);
  d->cairo.set_line_cap(f->pen, CAIRO_LINE_CAP_BUTT);
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    uint32_t end = r->row0[i] + pop_rows(d, i);
    rt_pen(f, d->colours[i], 1, r->n_dots > 1500 ? 1 : 1.4);
    for (uint64_t k = 0; k < r->n_dots; k++) {
      if (r->dots[k].row < r->row0[i] || r->dots[k].row >= end) continue;
      double x = rt_axis_at(&p->x, (double)r->dots[k].step * d->s->dt),
             y = p->y.to + (r->dots[k].row + 0.5) * row;
      d->cairo.move_to(f->pen, x, y - height / 2);
      d->cairo.line_to(f->pen, x, y + height / 2);
    }
    d->cairo.stroke(f->pen);
  }
}

static uint32_t pixel_of(struct rt_colour c, double alpha) { /* premultiplied */
  return (uint32_t)(alpha * 255 + 0.5) << 24 | (uint32_t)(c.r * alpha * 255 + 0.5) << 16 |
         (uint32_t)(c.g * alpha * 255 + 0.5) << 8 | (uint32_t)(c.b * alpha * 255 + 0.5);
}

/* The spikes of one row into the counts of its pixels. */
static void row_pixels(const struct rt_raster *r, uint32_t row, double columns, uint16_t *ink, int width) {
  for (uint32_t k = 0; k < RT_RASTER_COLS && k < columns; k++) {
    uint8_t spikes = rt_cell(&r->fine, row, k);
    if (spikes) {
      int x = (int)((k + 0.5) / columns * width);
      for (int j = x; j < x + 2 && j < width; j++)
        ink[j] = (uint16_t)(ink[j] + spikes > 60000 ? 60000 : ink[j] + spikes);
    }
  }
}

enum { SHADES = 8 };

static int raster_image(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, double row) {
  const struct rt_raster *r = &d->g->raster;
  int width = (int)(2 * (p->x.to - p->x.from)), height = (int)(2 * (p->y.from - p->y.to));
  double columns = (double)d->s->step / (double)r->fine.width;
  uint32_t shades[SHADES]; /* by the number of spikes in a pixel */
  struct rt_mem mem = {0};
  uint32_t *pixels = rt_alloc(&mem, (uint64_t)width * (uint64_t)height, sizeof *pixels);
  uint16_t *ink = rt_alloc(&mem, (uint64_t)width * (uint64_t)height, sizeof *ink);
  int e = pixels && ink ? 0 : NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < d->s->n_pops; i++) {
    uint32_t first = r->row0[i], end = first + pop_rows(d, i);
    for (uint32_t k = first; k < end; k++) {
      int y = (int)((k + 0.5) * 2 * row), y0 = (int)(y - row + 0.5), y1 = (int)(y + row + 0.5);
      if (y1 - y0 < 2) y1 = y0 + 2;
      for (int j = y0 < 0 ? 0 : y0; j < y1 && j < height; j++)
        row_pixels(r, k, columns, ink + (size_t)j * (size_t)width, width);
    }
    for (int k = 0; k < SHADES; k++) shades[k] = pixel_of(d->colours[i], 1 - pow(0.2, k));
    for (int y = (int)(first * 2 * row); y < height && y < (int)ceil(end * 2 * row); y++)
      for (int x = 0; x < width; x++) {
        size_t at = (size_t)y * (size_t)width + (size_t)x;
        if (ink[at]) pixels[at] = shades[ink[at] < SHADES ? ink[at] : SHADES - 1];
      }
  }
  if (!e) e = rt_figure_image(f, p->x.from, p->y.to, p->x.to, p->y.from, pixels, width, height);
  rt_mem_free(&mem);
  return e;
}

static int raster_draw(struct rt_drawing *d, struct rt_figure *f, struct rt_panel *p, double row) {
  int e = 0;
  if (d->g->raster.n_dots <= RT_RASTER_DOTS) raster_dots(d, f, p, row);
  else e = raster_image(d, f, p, row);
  raster_names(d, f, p, row);
  p->y.step = 0; /* names stand where numbers would */
  return e;
}

/* ---- rates */

/* The bin, in steps, that the rates are shown in: 1, 2 or 5 times a power of ten, whole bins of what was
 * gathered, at most 160 of them, and some spikes in each. */
static uint64_t rate_bin(const struct rt_drawing *d) {
  const struct rt_rates *r = &d->g->rates;
  double bins = fmin(160, fmax(12, (double)rt_all_spikes(d->s) / 4));
  for (uint64_t power = 1;; power *= 10)
    for (uint64_t of = 1; of <= 5; of += of == 1 ? 1 : 3)
      if (of * power % r->width == 0 && (double)d->s->step / (double)(of * power) <= bins) return of * power;
}

/* Spikes per second and element of a row, in the bin that starts at this step. */
static double rate_in(const struct rt_drawing *d, uint32_t row, double elements, uint64_t from,
                      uint64_t bin) {
  const struct rt_rates *r = &d->g->rates;
  uint64_t end = from + bin < d->s->step ? from + bin : d->s->step, count = 0;
  for (uint64_t k = from / r->width; k < (from + bin) / r->width && k < r->n_bins; k++)
    count += r->counts[(size_t)row * r->n_bins + k];
  return elements > 0 && end > from ? (double)count / elements / ((double)(end - from) * d->s->dt) * 1000 : 0;
}

static double row_elements(const struct rt_drawing *d, uint32_t row) {
  double n = 0;
  uint32_t per = d->g->rates.pops_per_row;
  for (uint32_t i = row * per; i < (row + 1) * per && i < d->s->n_pops; i++) n += d->s->pops[i].size;
  return n;
}

static void rate_steps(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, uint32_t pop,
                       uint64_t bin, bool area) {
  double elements = d->s->pops[pop].size, dt = d->s->dt;
  if (area) d->cairo.move_to(f->pen, p->x.from, p->y.from);
  for (uint64_t at = 0; at < d->s->step; at += bin) {
    double y = rt_axis_at(&p->y, rate_in(d, pop, elements, at, bin));
    uint64_t end = at + bin < d->s->step ? at + bin : d->s->step;
    if (at == 0 && !area) d->cairo.move_to(f->pen, p->x.from, y);
    d->cairo.line_to(f->pen, rt_axis_at(&p->x, (double)at * dt), y);
    d->cairo.line_to(f->pen, rt_axis_at(&p->x, (double)end * dt), y);
  }
  if (!area) {
    d->cairo.stroke(f->pen);
    return;
  }
  d->cairo.line_to(f->pen, p->x.to, p->y.from);
  d->cairo.close_path(f->pen);
  d->cairo.fill(f->pen);
}

static void rate_panel(struct rt_drawing *d, struct rt_figure *f, struct rt_panel *p, uint32_t pop,
                       uint64_t bin, bool last) {
  double top = 0;
  for (uint64_t at = 0; at < d->s->step; at += bin)
    top = fmax(top, rate_in(d, pop, d->s->pops[pop].size, at, bin));
  rt_axis_fit(&p->y, 0, top > 0 ? top * 1.05 : 1, 2, false);
  if (p->y.hi < p->y.step) p->y.step = rt_nice_step(p->y.hi, 4); /* not only 0 */
  rt_pen(f, d->colours[pop], 0.25, 0);
  rate_steps(d, f, p, pop, bin, true);
  rt_pen(f, d->colours[pop], 1, 1.2);
  rate_steps(d, f, p, pop, bin, false);
  rt_frame(f, p, last);
  char text[80], name[80];
  double seconds = (double)d->s->step * d->s->dt / 1000;
  rt_short_name(d->s->pops[pop].def->path, 14, name, sizeof name);
  rt_word(f, p->x.to + 8, (p->y.from + p->y.to) / 2 - 3, RT_START, "font-weight=\"bold\" font-size=\"11\"",
          name);
  snprintf(text, sizeof text, "mean %.4g Hz",
           d->s->pops[pop].size ? (double)d->s->pop_meters[pop]->spikes / d->s->pops[pop].size / seconds : 0);
  rt_word(f, p->x.to + 8, (p->y.from + p->y.to) / 2 + 11, RT_START, "font-size=\"11\"", text);
}

/* White to dark blue: what is more is darker, in print as well. */
static uint32_t heat(double x) {
  static const struct rt_colour from = {1, 1, 1}, middle = {0.42, 0.68, 0.84}, to = {0.03, 0.19, 0.42};
  const struct rt_colour a = x < 0.5 ? from : middle, b = x < 0.5 ? middle : to;
  double t = x < 0.5 ? 2 * x : 2 * x - 1;
  return pixel_of((struct rt_colour){a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)}, 1);
}

static int heat_scale(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, double top) {
  uint32_t pixels[64];
  for (int i = 0; i < 64; i++) pixels[i] = heat(1 - i / 63.0);
  struct rt_panel bar =
      rt_panel_of(p->x.to + 48, p->x.to + 58, p->y.to, p->y.to + fmin(100, p->y.from - p->y.to));
  rt_axis_fit(&bar.y, 0, top, 4, false);
  rt_axis_fit(&bar.x, 0, 1, 1, false);
  bar.x.step = 10;
  int e = rt_figure_image(f, bar.x.from, bar.y.to, bar.x.to, bar.y.from, pixels, 1, 64);
  rt_frame(f, &bar, false);
  rt_word(f, bar.x.to + 4, bar.y.to + 4, RT_START, "font-size=\"11\"", "Hz");
  (void)d;
  return e;
}

static int rate_image(struct rt_drawing *d, struct rt_figure *f, struct rt_panel *p, uint64_t bin) {
  const struct rt_rates *r = &d->g->rates;
  uint32_t bins = (uint32_t)((d->s->step + bin - 1) / bin);
  struct rt_mem mem = {0};
  uint32_t *pixels = rt_alloc(&mem, (uint64_t)bins * r->n_rows, sizeof *pixels);
  double *rates = rt_alloc(&mem, (uint64_t)bins * r->n_rows, sizeof *rates), top = 0;
  int e = pixels && rates ? 0 : NSL_EMEMORY;
  for (uint32_t row = 0; !e && row < r->n_rows; row++)
    for (uint32_t k = 0; k < bins; k++) {
      double x = rate_in(d, row, row_elements(d, row), k * bin, bin);
      rates[(size_t)row * bins + k] = x;
      top = fmax(top, x);
    }
  for (size_t i = 0; !e && i < (size_t)bins * r->n_rows; i++) pixels[i] = heat(top > 0 ? rates[i] / top : 0);
  double end =
      rt_axis_at(&p->x, (double)bins * (double)bin * d->s->dt); /* the last bin may be longer than the run */
  if (!e) e = rt_figure_image(f, p->x.from, p->y.to, end, p->y.from, pixels, (int)bins, (int)r->n_rows);
  rt_mem_free(&mem);
  if (!e) e = heat_scale(d, f, p, top > 0 ? top : 1);
  snprintf(p->y.label, sizeof p->y.label, "%s", r->pops_per_row > 1 ? "groups of populations" : "population");
  rt_axis_fit(&p->y, r->n_rows, 0, 5, false);
  p->y.lo = r->n_rows, p->y.hi = 0, p->y.step = 0; /* the first at the top */
  rt_frame(f, p, true);
  double last = -1e9;
  for (uint32_t i = 0; i < r->n_rows; i++) {
    double y = rt_axis_at(&p->y, i + 0.5);
    char name[80];
    if (y - last < 12) continue;
    rt_short_name(d->s->pops[i * r->pops_per_row].def->path, 18, name, sizeof name);
    rt_word(f, p->x.from - 8, y + 4, RT_END, "font-size=\"11\"", name);
    last = y;
  }
  return e;
}

/* ---- both */

static void activity_caption(struct rt_drawing *d, uint64_t bin, bool rates) {
  const struct rt_raster *r = &d->g->raster;
  uint64_t elements = 0, shown = r->n_rows;
  bool excites = false, inhibits = false;
  for (uint32_t i = 0; i < d->s->n_pops; i++) {
    elements += d->s->pops[i].class->has_spike ? d->s->pops[i].size : 0;
    excites |= d->signs[i] == RT_EXCITES;
    inhibits |= d->signs[i] == RT_INHIBITS;
  }
  rt_page_put(d->page, "<figcaption><b>Spikes%s.</b> ", rates ? " and rates" : "");
  if (shown < elements)
    rt_page_put(
        d->page,
        "%llu of %llu cells are shown, evenly spaced in each population, with all of their %llu spikes. ",
        (unsigned long long)shown, (unsigned long long)elements, (unsigned long long)r->n_dots);
  else
    rt_page_put(d->page, "%s%llu cell%s, %llu spike%s. ", elements == 1 ? "" : "All ",
                (unsigned long long)elements, elements == 1 ? "" : "s", (unsigned long long)r->n_dots,
                r->n_dots == 1 ? "" : "s");
  if (excites && inhibits) rt_page_put(d->page, "Blue: excitatory populations; orange: inhibitory. ");
  if (rates)
    rt_page_put(d->page, "Rates of all cells of a population in bins of %.6g ms.", (double)bin * d->s->dt);
  rt_time_marks_caption(d);
  rt_page_put(d->page, "</figcaption>\n");
}

/* Populations that can spike; signals and rate units have no rate of spikes. */
static uint32_t spiking(const struct rt_drawing *d) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < d->s->n_pops; i++) n += d->s->pops[i].class->has_spike != 0;
  return n;
}

static double rates_height(const struct rt_drawing *d) {
  uint32_t n = spiking(d);
  return n <= RT_ROWS_SHOWN ? n * 58.0 : fmin(400, fmax(140, n * 9.0));
}

static int activity_panels(struct rt_drawing *d, struct rt_figure *f, double row, double height, bool rates,
                           uint64_t bin) {
  double right = RT_FIGURE_WIDTH - 112;
  struct rt_panel p = rt_panel_of(d->left, right, 14, 14 + height);
  rt_time_axis(d, &p.x);
  rt_time_marks(d, f, &p, true);
  int e = raster_draw(d, f, &p, row);
  rt_frame(f, &p, !rates);
  if (!rates) return e;
  if (spiking(d) > RT_ROWS_SHOWN) {
    struct rt_panel q = rt_panel_of(d->left, right, height + 38, height + 38 + rates_height(d));
    rt_time_axis(d, &q.x);
    return e ? e : rate_image(d, f, &q, bin);
  }
  for (uint32_t i = 0, shown = 0; i < d->s->n_pops; i++) {
    double top = height + 34 + shown * 58.0;
    if (!d->s->pops[i].class->has_spike) continue;
    struct rt_panel q = rt_panel_of(d->left, right, top, top + 44);
    rt_time_axis(d, &q.x);
    rt_time_marks(d, f, &q, false);
    rate_panel(d, f, &q, i, bin, ++shown == spiking(d));
  }
  return e;
}

int rt_figure_activity(struct rt_drawing *d) {
  const struct rt_raster *r = &d->g->raster;
  if (!r->n_rows || !d->s->step) return 0;
  uint64_t spikes = rt_all_spikes(d->s), bin = 0;
  bool rates = spikes >= 20;
  if (rates) bin = rate_bin(d);
  double height = ceil(row_height(r) * r->n_rows),
         row = height / r->n_rows; /* whole pixels: an image is not rescaled */
  struct rt_figure f;
  rt_page_put(d->page,
              "<figure class=\"activity\" data-spikes=\"%llu\" data-shown=\"%llu\" data-bin-ms=\"%.12g\">\n",
              (unsigned long long)spikes, (unsigned long long)r->n_dots, (double)bin * d->s->dt);
  rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, height + (rates ? rates_height(d) + 76 : 62),
                  "spikes of the populations over time");
  int e = activity_panels(d, &f, row, height, rates, bin);
  int ended = rt_figure_end(&f);
  activity_caption(d, bin, rates);
  rt_page_put(d->page, "</figure>\n");
  return e ? e : ended;
}

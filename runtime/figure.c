/* The drawing that all figures share: axes with round ticks, lines, images. Cairo draws what is geometry,
 * into SVG; what is dense becomes a PNG, also by cairo. Texts are SVG texts in the reader's own font: they
 * can be searched and edited, and no font needs to be on the machine of the run.
 *
 * libcairo is opened when the first figure is drawn (1 to 1.5 ms), not linked: linked, it would make every
 * start of every program 1.5 to 2 ms slower (measured: 4.4 against 6.0), and a program could not run where it
 * is missing. */
#include "runtime/figure.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/nsl.h"

/* Okabe and Ito's palette, less its yellow, which is too light for lines on white. */
const struct rt_colour rt_colours[RT_COLOURS] = {{0, 0.447, 0.698}, {0.835, 0.369, 0},
                                                 {0, 0.620, 0.451}, {0.8, 0.475, 0.655},
                                                 {0.902, 0.624, 0}, {0.337, 0.706, 0.914}};
const struct rt_colour rt_ink = {0.133, 0.133, 0.133}, rt_faint = {0.86, 0.86, 0.86};

int rt_cairo_open(struct rt_cairo *ret) {
  static const char *const names[] = {
#define CAIRO(name) "cairo_" #name,
#include "runtime/cairo.def"
#undef CAIRO
  };
  void *module = dlopen("libcairo.so.2", RTLD_LAZY | RTLD_LOCAL);
  if (!module)
    return rt_fail(NSL_ECANNOT, "libcairo.so.2, which draws the figures, is not here (Debian: libcairo2)");
  void *functions[sizeof names / sizeof *names];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!(functions[i] = dlsym(module, names[i])))
      return rt_fail(NSL_ECANNOT, "libcairo.so.2, which draws the figures, is too old: it has no %s",
                     names[i]);
  memcpy(ret, functions, sizeof functions);
  return 0;
}

/* ---- the figure */

static cairo_status_t take_bytes(void *to, const unsigned char *bytes, unsigned n) {
  rt_page_bytes(to, bytes, n);
  return CAIRO_STATUS_SUCCESS;
}

void rt_figure_begin(struct rt_figure *f, const struct rt_cairo *c, struct rt_page *page, double width,
                     double height, const char *label) {
  *f = (struct rt_figure){.c = c, .page = page, .width = width, .height = height};
  f->surface = c->svg_surface_create_for_stream(take_bytes, &f->ink, width, height);
  c->svg_surface_set_document_unit(f->surface, CAIRO_SVG_UNIT_PX);
  f->pen = c->create(f->surface);
  c->set_line_join(f->pen, CAIRO_LINE_JOIN_ROUND);
  rt_page_put(
      page,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "
      "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" font-size=\"12\" "
      "fill=\"#222\" role=\"img\" aria-label=\"",
      width, height, width, height);
  rt_page_text(page, label);
  rt_page_put(page, "\">\n");
}

/* Cairo's document without its prolog, so that it can stand inside of another, and without its identifiers,
 * which would depend on what was drawn before. */
static void ink_put(struct rt_page *page, const char *ink) {
  const char *at = ink ? strstr(ink, "<svg") : NULL;
  while (at) {
    const char *id = strstr(at, " id=\"surface");
    if (!id) break;
    rt_page_bytes(page, at, (size_t)(id - at));
    const char *end = strchr(id + 5, '"');
    at = end ? end + 1 : NULL;
  }
  if (at) rt_page_bytes(page, at, strlen(at));
}

int rt_figure_end(struct rt_figure *f) {
  cairo_status_t bad = f->c->status(f->pen);
  f->c->destroy(f->pen);
  f->c->surface_destroy(f->surface);
  ink_put(f->page, f->ink.at);
  if (f->words.n) rt_page_bytes(f->page, f->words.at, f->words.n);
  rt_page_put(f->page, "</svg>\n");
  bool full = f->page->failed || f->ink.failed || f->words.failed;
  rt_page_drop(&f->ink);
  rt_page_drop(&f->words);
  if (full) return rt_fail(NSL_EMEMORY, "not enough memory for the figures of the report");
  return bad ? rt_fail(NSL_EIO, "cairo: %s", f->c->status_to_string(bad)) : 0;
}

void rt_word(struct rt_figure *f, double x, double y, enum rt_anchor anchor, const char *style,
             const char *text) {
  static const char *const anchors[] = {
      [RT_START] = "", [RT_MIDDLE] = " text-anchor=\"middle\"", [RT_END] = " text-anchor=\"end\""};
  rt_page_put(&f->words, "<text x=\"%.6g\" y=\"%.6g\"%s%s%s>", x, y, anchors[anchor], *style ? " " : "",
              style);
  rt_page_text(&f->words, text);
  rt_page_put(&f->words, "</text>\n");
}

void rt_pen(struct rt_figure *f, struct rt_colour colour, double alpha, double width) {
  f->c->set_source_rgba(f->pen, colour.r, colour.g, colour.b, alpha);
  f->c->set_line_width(f->pen, width);
}

void rt_line(struct rt_figure *f, double x0, double y0, double x1, double y1) {
  f->c->move_to(f->pen, x0, y0);
  f->c->line_to(f->pen, x1, y1);
  f->c->stroke(f->pen);
}

int rt_figure_image(struct rt_figure *f, double x0, double y0, double x1, double y1, uint32_t *pixels,
                    int width, int height) {
  struct rt_page png = {0};
  cairo_surface_t *image = f->c->image_surface_create_for_data((unsigned char *)pixels, CAIRO_FORMAT_ARGB32,
                                                               width, height, 4 * width);
  cairo_status_t bad = f->c->surface_write_to_png_stream(image, take_bytes, &png);
  f->c->surface_destroy(image);
  rt_page_put(f->page,
              "<image x=\"%.6g\" y=\"%.6g\" width=\"%.6g\" height=\"%.6g\" preserveAspectRatio=\"none\" "
              "%shref=\"data:image/png;base64,",
              x0, y0, x1 - x0, y1 - y0, width < x1 - x0 ? "style=\"image-rendering:pixelated\" " : "");
  rt_page_base64(f->page, png.at, png.n);
  rt_page_put(f->page, "\"/>\n");
  bool full = png.failed;
  rt_page_drop(&png);
  return bad || full ? rt_fail(NSL_EIO, "cairo cannot make an image: %s", f->c->status_to_string(bad)) : 0;
}

/* ---- axes */

double rt_nice_step(double range, int most) {
  if (!(range > 0) || !isfinite(range)) return 1;
  double power = pow(10, floor(log10(range / most))), of[] = {1, 2, 5, 10};
  for (int i = 0; i < 4; i++)
    if (range / (of[i] * power) <= most * (1 + 1e-9)) return of[i] * power;
  return 10 * power;
}

void rt_axis_fit(struct rt_axis *a, double lo, double hi, int most, bool round) {
  if (!isfinite(lo) || !isfinite(hi)) lo = 0, hi = 1;
  if (!(hi > lo) || hi - lo < 1e-12 * fmax(fabs(lo), fabs(hi))) { /* one value: some room around it */
    double room = lo != 0 ? fabs(lo) * 0.1 : 1;
    hi = lo + room;
    lo = lo == 0 ? 0 : lo - room;
  }
  a->step = rt_nice_step(hi - lo, most);
  if (a->unit == 0) a->unit = 1;
  a->lo = round ? floor(lo / a->step + 1e-9) * a->step : lo;
  a->hi = round ? ceil(hi / a->step - 1e-9) * a->step : hi;
}

double rt_axis_at(const struct rt_axis *a, double value) {
  return a->from + (a->to - a->from) * (value - a->lo) / (a->hi - a->lo);
}

/* The number of a tick with as many digits as the ticks need, and a minus that looks like one. */
static void tick_text(const struct rt_axis *a, double value, char *text, size_t size) {
  double v = value / a->unit, step = a->step / a->unit;
  char digits[64];
  if (fabs(v) < step * 1e-6) v = 0;
  double most = fmax(fabs(a->lo), fabs(a->hi)) / a->unit;
  int places = (int)ceil(-log10(step) - 1e-9);
  if (most >= 1e6 || most < 1e-3) snprintf(digits, sizeof digits, "%.6g", fabs(v));
  else snprintf(digits, sizeof digits, "%.*f", places > 0 ? places : 0, fabs(v));
  snprintf(text, size, "%s%s", v < 0 ? "\xe2\x88\x92" : "", digits);
}

/* Calls for each tick, in order. */
#define EACH_TICK(a, value)                                                                \
  for (double value##_i = ceil((a)->lo / (a)->step - 1e-6), value = value##_i * (a)->step; \
       value <= (a)->hi + (a)->step * 1e-6; value##_i++, value = value##_i * (a)->step)

static void frame_x(struct rt_figure *f, const struct rt_panel *p, bool words) {
  double y = p->y.from;
  char text[80];
  EACH_TICK(&p->x, tick) {
    double x = rt_axis_at(&p->x, tick);
    rt_line(f, x, y, x, y + 4);
    tick_text(&p->x, tick, text, sizeof text);
    if (words) rt_word(f, x, y + 17, RT_MIDDLE, "font-size=\"11\"", text);
  }
  if (words) rt_word(f, (p->x.from + p->x.to) / 2, y + 34, RT_MIDDLE, "", p->x.label);
}

static void frame_y(struct rt_figure *f, const struct rt_panel *p) {
  double x = p->x.from;
  char text[200];
  EACH_TICK(&p->y, tick) {
    double y = rt_axis_at(&p->y, tick);
    rt_line(f, x - 4, y, x, y);
    tick_text(&p->y, tick, text, sizeof text);
    rt_word(f, x - 7, y + 4, RT_END, "font-size=\"11\"", text);
  }
  if (!p->y.label[0]) return;
  double middle = (p->y.from + p->y.to) / 2, left = x - 52;
  snprintf(text, sizeof text, "transform=\"rotate(-90 %.6g %.6g)\"", left, middle);
  rt_word(f, left, middle, RT_MIDDLE, text, p->y.label);
}

void rt_frame(struct rt_figure *f, const struct rt_panel *p, bool x_words) {
  rt_pen(f, rt_ink, 1, 1);
  f->c->move_to(f->pen, p->x.from, p->y.to);
  f->c->line_to(f->pen, p->x.from, p->y.from);
  f->c->line_to(f->pen, p->x.to, p->y.from);
  f->c->stroke(f->pen);
  frame_x(f, p, x_words);
  if (p->y.step > 0) frame_y(f, p);
}

/* Figures as SVG: cairo draws lines, areas and images, texts are text. One figure holds panels; a panel has
 * two axes. */
#ifndef NSL_RUNTIME_FIGURE_H
#define NSL_RUNTIME_FIGURE_H

#include <cairo.h>
#include <cairo-svg.h>

#include "runtime/page.h"

struct rt_cairo { /* the library, opened */
#define CAIRO(name) __typeof__(cairo_##name) *name;
#include "runtime/cairo.def"
#undef CAIRO
};
int rt_cairo_open(struct rt_cairo *ret); /* 0, or NSL_ECANNOT after rt_fail */

struct rt_colour {
  double r, g, b;
};
enum { RT_COLOURS = 6 };
extern const struct rt_colour rt_colours[RT_COLOURS], rt_ink, rt_faint;

struct rt_axis {
  double lo, hi;   /* values */
  double from, to; /* where they are, in pixels */
  double step;     /* from tick to tick */
  double unit;     /* of what is written: value / unit */
  char label[160];
};
struct rt_panel {
  struct rt_axis x, y;
};
struct rt_figure {
  const struct rt_cairo *c;
  struct rt_page *page, ink, words;
  double width, height;
  cairo_surface_t *surface;
  cairo_t *pen;
};
enum rt_anchor { RT_START, RT_MIDDLE, RT_END };

void rt_figure_begin(struct rt_figure *f, const struct rt_cairo *c, struct rt_page *page, double width,
                     double height, const char *label);
int rt_figure_end(struct rt_figure *f); /* writes the figure into the page */
void rt_word(struct rt_figure *f, double x, double y, enum rt_anchor anchor, const char *style,
             const char *text);
/* From lo to hi with about `most` ticks at 1, 2 or 5 times a power of ten. `round`: lo and hi move out to
 * ticks. */
void rt_axis_fit(struct rt_axis *a, double lo, double hi, int most, bool round);
double rt_axis_at(const struct rt_axis *a, double value); /* pixels */
double rt_nice_step(double range, int most);
void rt_frame(struct rt_figure *f, const struct rt_panel *p, bool x_words); /* axes, ticks and labels */
void rt_pen(struct rt_figure *f, struct rt_colour colour, double alpha, double width);
void rt_line(struct rt_figure *f, double x0, double y0, double x1, double y1);
/* width x height pixels of ARGB32 as a PNG into the rectangle. */
int rt_figure_image(struct rt_figure *f, double x0, double y0, double x1, double y1, uint32_t *pixels,
                    int width, int height);

#endif

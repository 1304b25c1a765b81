/* What the figures of a fit share: bands of samples, dots, keys, an axis of logarithms, names. */
#include "runtime/figures.h"
#include "runtime/fit_draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "math/math.h"

void rt_draw_title(struct rt_figure *f, double x, double y, const char *text) {
  rt_word(f, x, y, RT_START, "font-size=\"12\" font-weight=\"bold\"", text);
}

void rt_draw_key(struct rt_figure *f, double x, double y, struct rt_colour c, const char *text) {
  rt_pen(f, c, 1, 2.2);
  rt_line(f, x, y - 4, x + 14, y - 4);
  rt_word(f, x + 19, y, RT_START, "font-size=\"11\"", text);
}

void rt_draw_band(struct rt_figure *f, const struct rt_panel *p, const struct rt_band *b, struct rt_colour colour, double width) {
  bool drawing = false;
  rt_pen(f, colour, 1, width);
  for (uint64_t i = 0; i < b->n; i++) {
    if (!(b->hi[i] >= b->lo[i])) continue; /* sparser than bins: lines go on to the next */
    double x = rt_axis_at(&p->x, ((double)i + 0.5) / (double)b->n * b->end);
    double lo = fmin(fmax(b->lo[i], p->y.lo), p->y.hi), hi = fmin(fmax(b->hi[i], p->y.lo), p->y.hi), first = drawing ? lo : hi;
    if (drawing) f->c->line_to(f->pen, x, rt_axis_at(&p->y, first));
    else f->c->move_to(f->pen, x, rt_axis_at(&p->y, first));
    if (hi > lo) f->c->line_to(f->pen, x, rt_axis_at(&p->y, hi));
    drawing = true;
  }
  f->c->stroke(f->pen);
}

void rt_draw_dot(struct rt_figure *f, double x, double y, double radius, struct rt_colour c, double alpha) {
  rt_pen(f, c, alpha, 1);
  f->c->new_sub_path(f->pen);
  f->c->arc(f->pen, x, y, radius, 0, 6.283185307179586);
  f->c->fill(f->pen);
}

/* ---- logarithms */

double rt_log_ten(double v) { return nslm_log_f64(v) / nslm_log_f64(10); }

void rt_log_axis_fit(struct rt_axis *a, double lo, double hi) {
  if (!isfinite(lo) || !isfinite(hi)) lo = -1, hi = 0;
  double room = fmax(0.04 * (hi - lo), 0.02);
  a->lo = lo - room;
  a->hi = hi + room;
  a->step = 0; /* its ticks are drawn by rt_log_frame */
}

static void tick_put(struct rt_figure *f, const struct rt_panel *p, double at, const char *text) {
  double y = rt_axis_at(&p->y, at);
  rt_line(f, p->x.from - 4, y, p->x.from, y);
  rt_word(f, p->x.from - 7, y + 4, RT_END, "font-size=\"11\"", text);
}

/* 10 and the exponent above the line. */
static void power_text(int exponent, char *text, size_t size) {
  static const char *const above[] = {"\xe2\x81\xb0", "\xc2\xb9", "\xc2\xb2", "\xc2\xb3", "\xe2\x81\xb4",
                                      "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
  char digits[20];
  snprintf(digits, sizeof digits, "%d", exponent < 0 ? -exponent : exponent);
  snprintf(text, size, "10%s", exponent < 0 ? "\xe2\x81\xbb" : "");
  for (const char *d = digits; *d; d++) snprintf(text + strlen(text), size - strlen(text), "%s", above[*d - '0']);
}

static void decades_put(struct rt_figure *f, const struct rt_panel *p) {
  int from = (int)ceil(p->y.lo), to = (int)floor(p->y.hi), every = (to - from) / 6 + 1;
  char text[60];
  for (int k = from; k <= to; k++) {
    if ((k - from) % every) continue;
    power_text(k, text, sizeof text);
    tick_put(f, p, k, text);
  }
}

/* Less than two decades: round numbers. */
static void numbers_put(struct rt_figure *f, const struct rt_panel *p) {
  double lo = nslm_pow_f64(10, p->y.lo), hi = nslm_pow_f64(10, p->y.hi), step = rt_nice_step(hi - lo, 5);
  char text[60];
  for (double k = ceil(lo / step); k * step <= hi; k++) {
    if (!(k > 0)) continue;
    snprintf(text, sizeof text, "%.6g", k * step);
    tick_put(f, p, rt_log_ten(k * step), text);
  }
}

void rt_log_frame(struct rt_figure *f, struct rt_panel *p) {
  p->y.step = 0;
  rt_frame(f, p, true);
  if (p->y.hi - p->y.lo >= 1.6) decades_put(f, p);
  else numbers_put(f, p);
  double middle = (p->y.from + p->y.to) / 2, left = p->x.from - 52;
  char style[120];
  snprintf(style, sizeof style, "transform=\"rotate(-90 %.6g %.6g)\"", left, middle);
  rt_word(f, left, middle, RT_MIDDLE, style, p->y.label);
}

/* ---- names */

void rt_sweep_name(const struct rt_trace *t, char *text, size_t size) {
  bool named = t->def->name && *t->def->name;
  snprintf(text, size, "%.120s%s%.80s", t->def->path, named ? ", " : "", named ? t->def->name : "");
}

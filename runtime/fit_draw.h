/* The figures of a fit: in fit.svg one above the other, in report.html each by itself. */
#ifndef NSL_RUNTIME_FIT_DRAW_H
#define NSL_RUNTIME_FIT_DRAW_H

#include "runtime/figure.h"
#include "runtime/fit_shown.h"

struct rt_fit_drawing {
  const struct rt_fit_end *end;
  const struct rt_showing *showing;
  struct rt_cairo cairo;
};

/* ---- fit_draw.c: what they share */
enum { RT_FIT_LEFT = 76, RT_FIT_WIDE = 900 };
void rt_draw_title(struct rt_figure *f, double x, double y, const char *text);
void rt_draw_key(struct rt_figure *f, double x, double y, struct rt_colour c, const char *text);
/* What lies beyond the axis is drawn at its end. */
void rt_draw_band(struct rt_figure *f, const struct rt_panel *p, const struct rt_band *b, struct rt_colour c, double width);
void rt_draw_dot(struct rt_figure *f, double x, double y, double radius, struct rt_colour c, double alpha);
/* An axis of logarithms to the base 10 of what is written beside it. */
void rt_log_axis_fit(struct rt_axis *a, double lo, double hi);
void rt_log_frame(struct rt_figure *f, struct rt_panel *p);
double rt_log_ten(double v);
void rt_sweep_name(const struct rt_trace *t, char *text, size_t size);

/* ---- fit_figure.c: sweeps and the course of the search */
double rt_sweep_height(const struct rt_fit_drawing *d);
void rt_draw_sweep(struct rt_fit_drawing *d, struct rt_figure *f, uint32_t trace, double top);
enum { RT_STAGE_HEIGHT = 240 };
void rt_draw_stage(struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top);
void rt_draw_terms(struct rt_figure *f, const struct rt_stage_end *g, double left, double right, double top);

/* ---- fit_ends.c: of all starts, and of pairs of parameters */
/* Ended as well as the best: within 1 % of its objective. Objectives are of order one, so 1e-6 is nothing. */
bool rt_ends_well(const struct rt_stage_end *g, uint32_t start);
double rt_ends_height(const struct rt_fit_end *end);
void rt_draw_ends(struct rt_figure *f, const struct rt_fit_end *end, double top);
double rt_correlation_height(const struct rt_fit_end *end);
void rt_draw_correlation(struct rt_figure *f, const struct rt_fit_end *end, double top);

double rt_profiles_height(const struct rt_fit_end *end);
void rt_draw_profiles(struct rt_figure *f, const struct rt_fit_end *end, double top);

#endif

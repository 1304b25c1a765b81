/* The figures of a run: what was gathered -> SVG in the page. Each function writes whole <figure> elements,
 * or nothing when there is nothing to show. */
#ifndef NSL_RUNTIME_FIGURES_H
#define NSL_RUNTIME_FIGURES_H

#include "runtime/figure.h"
#include "runtime/gather.h"

enum {
  RT_FIGURE_WIDTH = 900,
  RT_ROWS_SHOWN = 12
}; /* panels of populations; more become an image, or are pooled */
enum rt_sign { RT_OTHER, RT_EXCITES, RT_INHIBITS };

struct rt_drawing {
  const struct rt_sim *s;
  const struct rt_gather *g;
  struct rt_cairo cairo;
  struct rt_page *page;
  double left;               /* where the panels begin */
  enum rt_sign *signs;       /* by population: what its spikes do to others */
  struct rt_colour *colours; /* by population */
  struct rt_mem mem;
};

int rt_drawing_open(struct rt_drawing *d, const struct rt_sim *s, struct rt_page *page);
void rt_drawing_close(struct rt_drawing *d);
void rt_time_axis(const struct rt_drawing *d, struct rt_axis *a);
/* What the protocol does: shades the times in which a current acts that does not act always, and marks the
 * borders of phases, with their names if `words`. Drawn before the data. */
void rt_time_marks(const struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, bool words);
void rt_time_marks_caption(struct rt_drawing *d);
/* A name that fits into `most` characters. */
void rt_short_name(const char *name, size_t most, char *ret, size_t size);
/* A panel between these pixels; y grows upwards. */
struct rt_panel rt_panel_of(double x0, double x1, double top, double bottom);
uint64_t rt_all_spikes(const struct rt_sim *s);

int rt_figure_activity(struct rt_drawing *d);      /* figures.c: raster and rates */
int rt_figure_traces(struct rt_drawing *d);        /* traces.c */
int rt_figure_pairs(struct rt_drawing *d);         /* figure_pairs.c: who goes with whom */
int rt_figure_distributions(struct rt_drawing *d); /* distributions.c */
int rt_figure_response(struct rt_drawing *d);      /* response.c: rate against current */
int rt_figure_places(struct rt_drawing *d);        /* figure_places.c */

#endif

/* Where the cells are: populations with places, seen along z, in one scale for both axes. Of very many cells a part is drawn, evenly
 * chosen by number. */
#include <math.h>
#include <stdio.h>

#include "runtime/figures.h"

enum { MOST_DOTS = 3000, WIDEST = 560, HIGHEST = 420, MARGIN = 30, MOST_NAMES = 20 };

struct extent {
  double lo[2], hi[2];
  uint64_t cells;
  bool deep; /* some cell has a z */
};

static struct extent extent_of(const struct rt_sim *s) {
  struct extent x = {.lo = {INFINITY, INFINITY}, .hi = {-INFINITY, -INFINITY}};
  for (uint32_t i = 0; i < s->n_pops; i++) {
    const struct rt_places *w = s->pops[i].places;
    for (uint32_t k = 0; w && k < s->pops[i].size; k++, x.cells++) {
      for (int a = 0; a < 2; a++) {
        x.lo[a] = fmin(x.lo[a], w->at[a][k]);
        x.hi[a] = fmax(x.hi[a], w->at[a][k]);
      }
      x.deep |= w->at[2][k] != 0;
    }
  }
  return x;
}

static void dots(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p, uint32_t pop, uint64_t every) {
  const struct rt_places *w = d->s->pops[pop].places;
  double size = d->s->pops[pop].size > 1000 ? 1.3 : 2;
  rt_pen(f, d->colours[pop], 0.8, 0);
  for (uint64_t k = 0; k < d->s->pops[pop].size; k += every)
    d->cairo.rectangle(f->pen, rt_axis_at(&p->x, w->at[0][k]) - size / 2, rt_axis_at(&p->y, w->at[1][k]) - size / 2, size, size);
  d->cairo.fill(f->pen);
}

static void names(struct rt_drawing *d, struct rt_figure *f, const struct rt_panel *p) {
  double y = p->y.to + 10;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < d->s->n_pops && shown < MOST_NAMES; i++) {
    if (!d->s->pops[i].places) continue;
    char name[80], style[80];
    struct rt_colour c = d->colours[i];
    rt_short_name(d->s->pops[i].def->path, 22, name, sizeof name);
    snprintf(style, sizeof style, "font-weight=\"bold\" font-size=\"11\" fill=\"#%02x%02x%02x\"", (unsigned)(c.r * 255),
             (unsigned)(c.g * 255), (unsigned)(c.b * 255));
    rt_word(f, p->x.to + 16, y, RT_START, style, name);
    y += 15;
    shown++;
  }
}

int rt_figure_places(struct rt_drawing *d) {
  struct extent x = extent_of(d->s);
  if (!x.cells) return 0;
  double wide = fmax(x.hi[0] - x.lo[0], 1), high = fmax(x.hi[1] - x.lo[1], 1), scale = fmin(WIDEST / wide, HIGHEST / high);
  uint64_t every = (x.cells + MOST_DOTS - 1) / MOST_DOTS;
  struct rt_panel p = rt_panel_of(d->left, d->left + fmax(scale * wide, MARGIN), MARGIN / 2, MARGIN / 2 + fmax(scale * high, MARGIN));
  struct rt_figure f;
  rt_axis_fit(&p.x, x.lo[0], x.lo[0] + wide, 6, false);
  rt_axis_fit(&p.y, x.lo[1], x.lo[1] + high, 6, false);
  snprintf(p.x.label, sizeof p.x.label, "x (um)");
  snprintf(p.y.label, sizeof p.y.label, "y (um)");
  rt_page_put(d->page, "<figure class=\"places\" data-cells=\"%llu\" data-every=\"%llu\">\n", (unsigned long long)x.cells,
              (unsigned long long)every);
  rt_figure_begin(&f, &d->cairo, d->page, RT_FIGURE_WIDTH, p.y.from + 46, "places of the cells");
  for (uint32_t i = 0; i < d->s->n_pops; i++)
    if (d->s->pops[i].places) dots(d, &f, &p, i, every);
  rt_frame(&f, &p, true);
  names(d, &f, &p);
  int e = rt_figure_end(&f);
  rt_page_put(d->page, "<figcaption><b>Places.</b> Where the cells are%s", x.deep ? ", seen along z" : "");
  if (every > 1) rt_page_put(d->page, "; one of %llu is drawn", (unsigned long long)every);
  rt_page_put(d->page, ".</figcaption>\n</figure>\n");
  return e;
}

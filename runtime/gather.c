/* Gathers what a report shows while the run goes on, in memory that is bounded whatever the number of spikes,
 * samples and steps, so that nothing is read back from the files.
 *
 * Time is kept in cells that grow: when a step falls behind the last cell, neighbours are merged and their
 * width is doubled (bins of rates: doubled or quintupled in turns, so that their widths stay round). A run
 * that is cut short is shown as finely as one that was planned so. Which elements are shown is fixed at the
 * start: of each population every k-th, k nearly the same for all of them, so that what is dense in the
 * network is dense in the raster. */
#include "runtime/gather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/covary.h"

/* ---- raster */

static uint32_t pop_step(const struct rt_sim *s, uint32_t pop, uint64_t stride) {
  const struct rt_pop *p = &s->pops[pop];
  uint64_t first = p->first, end = first + p->size, least = RT_RASTER_ROWS / 4 / s->n_pops;
  if (!p->size || !p->class->has_spike) return 0;
  uint64_t rows =
      (end + stride - 1) / stride - (first + stride - 1) / stride; /* elements whose number divides */
  if (rows < least) rows = least;
  if (rows > p->size) rows = p->size;
  return rows ? (uint32_t)((p->size + rows - 1) / rows) : 0;
}

/* Sixteen cells at once: this passes over some megabytes in the middle of a run. `to` may be `a`. */
static void columns_merge(uint8_t *to, const uint8_t *a, const uint8_t *b, size_t n) {
  typedef uint8_t cells __attribute__((vector_size(16)));
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    cells x, y;
    memcpy(&x, a + i, 16);
    memcpy(&y, b + i, 16);
    cells sum = x + y;
    sum |= (cells)(sum < x); /* past 255 */
    memcpy(to + i, &sum, 16);
  }
  for (; i < n; i++) to[i] = a[i] + b[i] > 255 ? 255 : (uint8_t)(a[i] + b[i]);
}

static int cells_open(struct rt_gather *g, struct rt_cells *c, uint32_t rows, uint64_t width) {
  *c = (struct rt_cells){.n_rows = rows, .width = width};
  c->at = rt_alloc(&g->mem, (uint64_t)rows * RT_RASTER_COLS, 1);
  return c->at ? 0 : NSL_EMEMORY;
}

static void cells_reach(struct rt_cells *c, uint64_t step) {
  while ((step - 1) / c->width >= RT_RASTER_COLS) {
    size_t n = c->n_rows;
    for (size_t i = 0; i < RT_RASTER_COLS / 2; i++)
      columns_merge(c->at + i * n, c->at + 2 * i * n, c->at + (2 * i + 1) * n, n);
    memset(c->at + RT_RASTER_COLS / 2 * n, 0, RT_RASTER_COLS / 2 * n);
    c->width *= 2;
  }
}

static int raster_open(struct rt_sim *s, struct rt_gather *g) {
  struct rt_raster *r = &g->raster;
  uint64_t elements = 0;
  for (uint32_t i = 0; i < s->n_pops; i++) elements += s->pops[i].size;
  uint64_t stride = (elements + RT_RASTER_ROWS - 1) / RT_RASTER_ROWS;
  r->row0 = rt_alloc(&g->mem, s->n_pops, sizeof *r->row0);
  r->every = rt_alloc(&g->mem, s->n_pops, sizeof *r->every);
  if (!r->row0 || !r->every) return NSL_EMEMORY;
  for (uint32_t i = 0; i < s->n_pops; i++) {
    r->row0[i] = r->n_rows;
    r->every[i] = pop_step(s, i, stride ? stride : 1);
    if (r->every[i]) r->n_rows += (s->pops[i].size + r->every[i] - 1) / r->every[i];
  }
  double bin = rt_steps(RT_COUNT_BIN, s->dt);
  r->dots = rt_alloc(&g->mem, RT_RASTER_HELD, sizeof *r->dots);
  int e = r->dots ? cells_open(g, &r->fine, r->n_rows, 1) : NSL_EMEMORY;
  return e ? e : cells_open(g, &r->binned, r->n_rows, bin > 1 ? (uint64_t)bin : 1);
}

static void cells_add(const struct rt_cells *c, const struct rt_dot *dot) {
  uint8_t *cell = &c->at[(dot->step - 1) / c->width * c->n_rows + dot->row];
  if (*cell < 255) ++*cell;
}

/* What is held goes to the cells, which reach to `step`. Many at once: cells are megabytes, in no cache. */
static void raster_count(struct rt_raster *r, uint64_t step) {
  cells_reach(&r->fine, step);
  cells_reach(&r->binned, step);
  for (; r->n_counted < r->n_held; r->n_counted++) {
    cells_add(&r->fine, &r->dots[r->n_counted]);
    cells_add(&r->binned, &r->dots[r->n_counted]);
  }
}

/* Spikes of one step; none yet held is later than `until`. */
static void raster_add(struct rt_raster *r, uint32_t pop, const uint32_t *ids, uint64_t n, uint64_t step,
                       uint64_t until) {
  uint32_t every = r->every[pop];
  for (uint64_t i = 0; every && i < n; i++) {
    if (ids[i] % every) continue;
    uint32_t row = r->row0[pop] + ids[i] / every;
    if (r->n_held == RT_RASTER_HELD) {
      raster_count(r, until);
      r->n_held = r->n_counted = 0;
    }
    r->dots[r->n_held++] = (struct rt_dot){step, row};
    r->n_dots++;
  }
}

/* ---- rates */

static int rates_open(struct rt_sim *s, struct rt_gather *g) {
  struct rt_rates *r = &g->rates;
  r->pops_per_row = (s->n_pops + RT_RATE_ROWS - 1) / RT_RATE_ROWS;
  if (!r->pops_per_row) r->pops_per_row = 1;
  r->n_rows = (s->n_pops + r->pops_per_row - 1) / r->pops_per_row;
  r->n_bins = r->n_rows ? RT_RATE_CELLS / r->n_rows : 10; /* a network may have no population */
  if (r->n_bins > 8000) r->n_bins = 8000;
  r->n_bins -= r->n_bins % 10; /* merging by 2 and by 5 leaves no half bin */
  r->width = 1;
  r->counts = rt_alloc(&g->mem, (uint64_t)r->n_rows * r->n_bins, sizeof *r->counts);
  return r->counts ? 0 : NSL_EMEMORY;
}

static void rates_reach(struct rt_rates *r, uint64_t step) {
  while ((step - 1) / r->width >= r->n_bins) {
    uint32_t by = r->merges++ % 2 ? 5 : 2;
    for (uint32_t row = 0; row < r->n_rows; row++) {
      uint32_t *c = r->counts + (size_t)row * r->n_bins;
      for (uint32_t i = 0; i < r->n_bins / by; i++) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < by; k++) sum += c[by * i + k];
        c[i] = sum;
      }
      memset(c + r->n_bins / by, 0, (r->n_bins - r->n_bins / by) * sizeof *c);
    }
    r->width *= by;
  }
}

static int dot_order(const void *a, const void *b) {
  const struct rt_dot *x = a, *y = b;
  if (x->step != y->step) return x->step < y->step ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

/* Dots come in batches, shard by shard; in order the page is the same whatever the batches were. */
void rt_gather_count(struct rt_sim *s) {
  if (!s->gather || !s->step) return;
  struct rt_raster *r = &s->gather->raster;
  raster_count(r, s->step);
  if (r->n_dots <= RT_RASTER_DOTS) qsort(r->dots, r->n_held, sizeof *r->dots, dot_order);
}

void rt_gather_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity) {
  struct rt_gather *g = s->gather;
  if (!g || !n_steps) return;
  rates_reach(&g->rates, from + n_steps - 1);
  for (uint32_t i = 0; i < s->n_shards; i++) {
    const struct rt_shard *h = &s->shards[i];
    const struct rt_spikes *in = &h->spikes[parity];
    uint64_t begin = 0;
    for (uint32_t j = 0; j < n_steps; j++)
      for (uint32_t k = 0; k < h->n_slices; k++) {
        uint64_t end = in->ends[(size_t)j * h->n_slices + k];
        if (end == begin) continue;
        uint32_t pop = h->slices[k].pop->index;
        raster_add(&g->raster, pop, in->ids + begin, end - begin, from + j, from + n_steps - 1);
        struct rt_rates *r = &g->rates;
        r->counts[(size_t)(pop / r->pops_per_row) * r->n_bins + (from + j - 1) / r->width] +=
            (uint32_t)(end - begin);
        begin = end;
      }
  }
}

/* ---- traces */

static uint64_t columns_of(const struct rt_variable *v) {
  uint64_t n = v->reduced && v->n_groups ? 1 : 0;
  for (uint32_t i = 0; !v->reduced && i < v->n_groups; i++) n += v->groups[i].cols;
  return n;
}

uint32_t rt_series_shown(const struct rt_variable *v) {
  uint64_t n = columns_of(v);
  return n < RT_SERIES_SHOWN ? (uint32_t)n : RT_SERIES_SHOWN;
}

/* Elements spread evenly over the columns of the record. */
void rt_series_column(const struct rt_variable *v, uint32_t i, uint32_t *ret_group, uint64_t *ret_column) {
  uint64_t column = columns_of(v) * i / rt_series_shown(v);
  for (*ret_group = 0; !v->reduced && column >= v->groups[*ret_group].cols; ++*ret_group)
    column -= v->groups[*ret_group].cols;
  *ret_column = column;
}

static int series_open(struct rt_gather *g, const struct rt_variable *v, struct rt_series *one, uint32_t i) {
  uint64_t column;
  rt_series_column(v, i, &one->group, &column);
  one->column = (uint32_t)column;
  one->width = 1;
  one->lo = rt_alloc(&g->mem, RT_TRACE_POINTS, sizeof *one->lo);
  one->hi = rt_alloc(&g->mem, RT_TRACE_POINTS, sizeof *one->hi);
  return one->lo && one->hi ? 0 : NSL_EMEMORY;
}

static int traced_open(const struct rt_sim *s, struct rt_gather *g, const struct rt_variable *v, struct rt_traced *t) {
  t->n_columns = columns_of(v);
  t->n_series = rt_series_shown(v);
  int e = rt_covary_open(s, &g->mem, v, &t->pairs);
  for (uint32_t i = 0; !e && i < t->n_series; i++) e = series_open(g, v, &t->series[i], i);
  return e;
}

static void series_add(struct rt_series *one, double x) {
  if (one->n / one->width == RT_TRACE_POINTS) {
    for (uint32_t i = 0; i < RT_TRACE_POINTS / 2; i++) {
      one->lo[i] = fmin(one->lo[2 * i], one->lo[2 * i + 1]);
      one->hi[i] = fmax(one->hi[2 * i], one->hi[2 * i + 1]);
    }
    one->width *= 2;
  }
  uint64_t at = one->n / one->width;
  bool first = one->n++ % one->width == 0;
  one->lo[at] = first ? x : fmin(one->lo[at], x);
  one->hi[at] = first ? x : fmax(one->hi[at], x);
}

void rt_gather_rows(struct rt_sim *s, const struct rt_variable *v, uint64_t n) {
  struct rt_gather *g = s->gather;
  size_t which = (size_t)(v - s->recorder->variables);
  if (!g || which >= g->n_traced) return;
  struct rt_traced *t = &g->traced[which];
  bool narrow = s->program->f32 && !v->reduced;
  if (t->pairs) rt_covary_rows(t->pairs, v, n, narrow);
  for (uint32_t i = 0; i < t->n_series; i++) {
    struct rt_series *one = &t->series[i];
    const struct rt_column_group *group = &v->groups[one->group];
    uint64_t cols = v->reduced ? 1 : group->cols;
    for (uint64_t row = 0; row < n; row++) {
      uint64_t at = row * cols + one->column;
      series_add(one, narrow ? (double)((const float *)group->rows)[at] : ((const double *)group->rows)[at]);
    }
  }
}

/* ---- all */

int rt_gather_open(struct rt_sim *s) {
  struct rt_gather *g = s->gather = rt_alloc(&s->mem, 1, sizeof *g);
  if (!g) return NSL_EMEMORY;
  int e = raster_open(s, g);
  if (!e) e = rates_open(s, g);
  if (e) return e;
  g->n_traced = s->recorder->n_variables < RT_TRACES_SHOWN ? s->recorder->n_variables : RT_TRACES_SHOWN;
  g->traced = rt_alloc(&g->mem, g->n_traced, sizeof *g->traced);
  if (!g->traced) return NSL_EMEMORY;
  for (uint32_t i = 0; !e && i < g->n_traced; i++)
    e = traced_open(s, g, &s->recorder->variables[i], &g->traced[i]);
  return e;
}

void rt_gather_drop(struct rt_sim *s) {
  if (s->gather) rt_mem_free(&s->gather->mem);
  s->gather = NULL;
}

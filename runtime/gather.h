/* What a report shows, gathered while the run goes on, in memory that does not grow with it: cells of a
 * raster, counts of spikes in bins, the envelopes of recorded traces. */
#ifndef NSL_RUNTIME_GATHER_H
#define NSL_RUNTIME_GATHER_H

#include "runtime/record.h"
#include "runtime/sim.h"

enum {
  RT_RASTER_ROWS = 1000,  /* elements that are shown, about */
  RT_RASTER_COLS = 4096,  /* columns in memory; at least half of them are used once there are so many steps */
  RT_COUNT_BIN = 5,       /* ms */
  RT_RASTER_DOTS = 5000,  /* up to so many spikes are drawn one by one */
  RT_RASTER_HELD = 32768, /* so many are held before they are counted in cells */
  RT_RATE_ROWS = 4096,    /* more populations than that share rows */
  RT_RATE_CELLS = 1 << 22,
  RT_TRACE_POINTS = 2048, /* samples that are kept one by one; then the range of every 2, 4, … of them */
  RT_TRACES_SHOWN = 24,   /* records */
  RT_SERIES_SHOWN = 6     /* elements of a record */
};

struct rt_dot {
  uint64_t step;
  uint32_t row;
};
struct rt_cells { /* spikes, at most 255, by column and row: what comes at one time lies together */
  uint8_t *at;
  uint32_t n_rows;
  uint64_t width; /* steps of a column */
};
struct rt_raster {
  uint32_t *row0, *every; /* by population: its first row; each so-manieth element is shown */
  uint32_t n_rows;
  struct rt_cells fine;   /* as fine as can be: what is drawn */
  struct rt_cells binned; /* columns of RT_COUNT_BIN, or twice, four times as long: what is correlated */
  struct rt_dot
      *dots; /* the last n_held spikes of the elements shown; the first n_counted of them are in cells */
  uint32_t n_held, n_counted;
  uint64_t n_dots; /* all spikes of the elements shown; all are in `dots` if no more than RT_RASTER_DOTS */
};
static inline uint8_t rt_cell(const struct rt_cells *c, uint32_t row, uint64_t column) {
  return c->at[column * c->n_rows + row];
}
struct rt_rates {
  uint32_t n_rows, pops_per_row, n_bins;
  uint32_t *counts; /* by row and bin */
  uint64_t width;   /* steps of a bin: 1, 2, 10, 20, 100, … */
  uint32_t merges;
};
struct rt_series { /* one column of a record */
  uint32_t group, column;
  double *lo, *hi;   /* the range in each run of `width` samples */
  uint64_t width, n; /* n: samples so far */
};
struct rt_traced {
  uint32_t n_series;
  uint64_t n_columns; /* of the whole record */
  struct rt_series series[RT_SERIES_SHOWN];
  struct rt_covary *pairs; /* NULL: none are shown */
};
struct rt_gather {
  struct rt_mem mem;
  struct rt_raster raster;
  struct rt_rates rates;
  uint32_t n_traced;
  struct rt_traced *traced; /* by the recorder's variable */
};

/* The columns of a record that are shown: how many, and which is the i-th. */
uint32_t rt_series_shown(const struct rt_variable *v);
void rt_series_column(const struct rt_variable *v, uint32_t i, uint32_t *ret_group, uint64_t *ret_column);
int rt_gather_open(struct rt_sim *s);   /* after rt_record_open; s->gather is NULL without it */
void rt_gather_count(struct rt_sim *s); /* before anything is drawn */
void rt_gather_spikes(struct rt_sim *s, uint64_t from, uint32_t n_steps, uint32_t parity);
/* n rows of a variable, in its unit, just before they are written. */
void rt_gather_rows(struct rt_sim *s, const struct rt_variable *v, uint64_t n);
void rt_gather_drop(struct rt_sim *s);

#endif

/* Recordings of a fit: sweeps as their files hold them, and on the steps of the run. */
#ifndef NSL_RUNTIME_FIT_DATA_H
#define NSL_RUNTIME_FIT_DATA_H

#include <hdf5.h>

#include "runtime/data.h"

struct rt_events { /* rising */
  double *times; /* ms from the first sample, in (0, the end of the last step] */
  uint64_t n;
};
struct rt_trace { /* a sweep */
  const struct nsl_sweep *def;
  uint64_t n;      /* samples, at least 2 */
  double *times;   /* ms from the first sample: the run begins there */
  double **values; /* by column of the recording: coherent units, NaN where the file has none; NULL: the column of times */
  uint64_t *rows;  /* line or row of each sample, as it is said to people; NULL: counted from 1 */
  uint64_t n_steps;
  struct rt_events *events; /* by list of the recording */
};

/* fit_data.c. Allocates in s->mem. */
int rt_trace_read(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_sweep *sweep, struct rt_trace *ret);
int rt_trace_fail(const struct nsl_sweep *sweep, const struct rt_trace *t, uint64_t sample, const char *column,
                  const char *what); /* with file, sweep, row and column */
/* fit_events.c. The lists of a sweep, from what the file holds (t->events, in its own time, which begins at `begin`) and from its
 * columns. */
int rt_events_make(struct rt_sim *s, const struct nsl_recording *rec, double begin, struct rt_trace *t);
/* How many lie in each step: in (T - dt, T]. one: more than one is an error with its place. */
int rt_sample_events(const struct nsl_recording *rec, const struct rt_trace *t, uint32_t list, double dt, bool one, double *ret);
/* A list whose times the file holds, for messages and units as a column. */
struct nsl_sweep_column rt_events_column(const struct nsl_sweep_events *e);
/* fit_h5.c: a group of datasets, or a sweep of an NWB file. Times are not yet checked, nor counted from the first. */
int rt_trace_h5(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const char *path,
                struct rt_trace *ret);
int rt_trace_nwb(struct rt_sim *s, const struct nsl_recording *rec, const struct nsl_data *file, const char *path,
                 struct rt_trace *ret);
/* fit_h5_set.c: datasets and attributes, with their units. */
struct rt_h5_set {
  double *values;
  uint64_t n;
};
/* A number that is an attribute of `on` or of a group above it; false: none has it. */
bool rt_h5_number_above(hid_t on, const char *name, double *ret);
bool rt_h5_text_of(hid_t on, const char *name, char *text, size_t size); /* an attribute; false: there is none */
/* The dataset `set`, or `row` of it where it has two axes (UINT64_MAX: it may not), in coherent units: those that its
 * attribute `unit` says, else the column's. */
int rt_h5_column(struct rt_sim *s, const struct nsl_data *file, hid_t set, const char *name,
                 const struct nsl_sweep_column *column, uint64_t row, struct rt_h5_set *ret);
/* Which dimension the unit of a dataset has: 1 that of `dim`, 0 another, -1 it says none. */
int rt_h5_measures(hid_t set, const char *dim);
/* The times of a regular sweep, by step in ms. */
int rt_trace_regular(struct rt_sim *s, struct rt_trace *t, double step);

/* ---- fit_sample.c: on the steps of the run. All arrays have room for n_steps; none holds a NaN. */
double rt_trace_at(const struct rt_trace *t, uint32_t column, double time); /* linear; NaN: not observed */
/* The mean over each step of what drives: each sample holds until the next; `lines`: as lines between samples. A NaN is an
 * error with its place. */
int rt_sample_mean(const struct nsl_recording *rec, const struct rt_trace *t, uint32_t column, double dt, bool lines, double *ret);
void rt_sample_at(const struct rt_trace *t, uint32_t column, double dt, double *ret);
void rt_sample_change(const struct rt_trace *t, uint32_t column, double dt, uint64_t lag, double *ret);
struct rt_weighing {
  double from, to;          /* counts for times in (from, to] */
  const uint32_t *columns;  /* that must be observed at the step's end */
  uint32_t n_columns;
  uint32_t given;           /* column of a residual's trace; NSL_NONE: no residual, */
  uint64_t lag;             /* and its steps; */
  double fast;              /* change that halves the weight's root, in coherent units per ms */
  const struct rt_events *except; /* times around these do not count: from `after[0]` to `after[1]` behind each; or NULL */
  double after[2];
};
double rt_sample_weight(const struct rt_trace *t, const struct rt_weighing *w, double dt, double *ret); /* gives the sum */

#endif

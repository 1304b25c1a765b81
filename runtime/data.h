/* Files that a run reads: spikes and samples. */
#ifndef NSL_RUNTIME_DATA_H
#define NSL_RUNTIME_DATA_H

#include "runtime/sim.h"

struct rt_given_spikes {
  double *times; /* ms, not falling */
  uint64_t *ids;
  uint64_t n;
};
/* Rows over time: row i acts on (times[i], times[i+1]], the last for as long as the one before it. */
struct rt_samples {
  double *times; /* ms, rising; n + 1: the end */
  double *values; /* n rows of `cols` values, in coherent units */
  uint64_t n, cols;
  uint64_t *ids; /* of the columns; NULL: one column for all */
};

/* Both allocate in s->mem. `data->path` is looked for in the model's folder. */
int rt_data_spikes(struct rt_sim *s, const struct nsl_data *data, struct rt_given_spikes *ret);
int rt_data_samples(struct rt_sim *s, const struct nsl_data *data, struct rt_samples *ret);
/* The mean of column `col` over (from, to]; 0 before the first time and after the end. */
double rt_samples_mean(const struct rt_samples *d, uint64_t col, double from, double to);

/* ---- data.c: what both kinds of file need */
/* The file of a table entry, inside of what may be read; NULL after rt_fail. Keeps its hash for run.json. */
const char *rt_data_file(struct rt_sim *s, const struct nsl_data *data);
/* Something that is odd, but no error: on standard error, and in run.json. */
__attribute__((format(printf, 2, 3))) void rt_warn(struct rt_sim *s, const char *fmt, ...);

/* ---- data_csv.c */
struct rt_csv_file { /* a whole file of numbers */
  char **names;      /* of the columns */
  uint64_t n_names;
  char *text;        /* owned: fields are read from here */
  char **lines;      /* after the header */
  uint64_t *numbers; /* of these lines in the file */
  uint64_t n_lines;
};
int rt_csv_read(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_csv_file *ret);
/* Without a header: n_names is the number of columns of the first line, and there are no names. */
int rt_csv_table(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_csv_file *ret);
/* Takes the next field of a line. false: there is none. */
bool rt_csv_field(char **at, char **ret);
/* A finite number in row `line`, column `name`; else an error that says which. */
int rt_csv_value(const struct nsl_data *data, const struct rt_csv_file *f, uint64_t line, const char *column,
                 const char *field, double *ret);
/* ---- data_h5.c */
int rt_h5_spikes(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_given_spikes *ret);
int rt_h5_samples(struct rt_sim *s, const struct nsl_data *data, const char *path, struct rt_samples *ret);

#endif

/* Inside of the recorder: spikes.c (spikes), weights.c (weights), record.c (variables and the whole). */
#ifndef NSL_RUNTIME_RECORD_H
#define NSL_RUNTIME_RECORD_H

#include "runtime/h5.h"
#include "runtime/journal.h"
#include "runtime/out.h"
#include "runtime/share.h"
#include "runtime/sim.h"
#include "runtime/weights.h"

struct rt_mark { /* a spike in the buffer */
  uint32_t step, pop, id;
};
struct rt_range { /* elements of a population whose spikes are recorded */
  uint32_t from, to;
};
struct rt_spike_pop {
  struct rt_range *ranges;
  uint32_t n_ranges;
  bool all;
  uint64_t had; /* already in the file */
  hid_t times, ids;
};
struct rt_spike_file {
  bool wanted, open; /* wanted: by this process */
  struct rt_mark *marks;
  size_t n, cap;
  struct rt_spike_pop *pops; /* by population */
  const char *path, *csv_path;
  struct rt_h5 h5;
  struct rt_text_file csv;
  double *times; /* scratch of a flush */
  uint64_t *ids;
  size_t times_cap, ids_cap;
};

/* Columns of one population in a report; of a sum or mean, the partial sums of blocks of 64. */
struct rt_column_group {
  struct rt_pop *pop;
  uint64_t cols, had, place; /* place: of its data in the file, if all ranks write there */
  uint32_t *ids;
  void *rows;
  hid_t set;
};
struct rt_column_item {
  const struct nsl_record_item *def;
  struct rt_pop *pop;
  uint32_t first, n, group;
  uint64_t column;
};
struct rt_column_part {    /* an item in a slice of a shard */
  uint32_t item, from, to; /* elements [from, to) */
  void **slots;
  nsl_kernel_fn *kernel;
};
struct rt_variable {
  const struct nsl_record *def;
  uint64_t every, row_cap, flushed; /* steps; rows in the buffers; samples already written */
  uint32_t n_items, n_groups;
  struct rt_column_item *items;
  struct rt_column_group *groups;
  struct rt_column_part **parts; /* by shard */
  uint32_t *n_parts;
  bool reduced; /* sum or mean */
  double elements;
  struct rt_share share;
  const char *path, *csv_path;
  struct rt_h5 h5;
  struct rt_text_file csv;
};

struct rt_recorder {
  struct rt_mem mem;
  struct rt_out *out; /* NULL: in memory */
  struct rt_journal *journal; /* takes what goes to the files too; NULL: there are no checkpoints */
  bool csv;
  struct rt_together together;
  struct rt_spike_file spikes;
  uint32_t n_variables;
  struct rt_variable *variables;
  uint32_t n_weights;
  struct rt_weights *weights;
  const char *places; /* file of the places of cells; NULL: there are none, or another rank writes it */
};

/* Samples at 0, every, 2 every, … steps and at the end: how many up to a step, and when. */
uint64_t rt_samples_until(const struct rt_sim *s, uint64_t every, uint64_t step);
double rt_sample_time(const struct rt_sim *s, uint64_t every, uint64_t sample);
/* The file of this name on the way: the first rank registers it, others know its path if they see the folder. NULL after rt_fail,
 * and where it is not known. */
int rt_record_file(struct rt_sim *s, struct rt_recorder *r, const char *name, const char **ret_path);
int rt_spikes_open(struct rt_sim *s, struct rt_recorder *r);
int rt_spikes_names(struct rt_sim *s, struct rt_recorder *r);
int rt_spikes_file(struct rt_sim *s, struct rt_recorder *r);
int rt_spikes_flush(struct rt_sim *s, struct rt_recorder *r, size_t n); /* the first n of those in the buffer */
/* n rows of one group as they went to the files (journal). */
int rt_record_again(struct rt_sim *s, struct rt_variable *v, uint32_t group, uint64_t n, const void *rows, uint64_t bytes);
/* ---- sonata.c: the files of a variable, of the first rank */
int rt_sonata_open(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v);
uint64_t rt_sonata_row(const struct rt_sim *s, const struct rt_variable *v, uint32_t g); /* bytes */
/* The first n rows in the buffer of a group go behind `had` others. */
int rt_sonata_rows(const struct rt_sim *s, struct rt_variable *v, uint32_t g, uint64_t had, uint64_t n);
void rt_sonata_csv(const struct rt_sim *s, struct rt_variable *v, uint64_t n);
int rt_sonata_close(struct rt_sim *s, struct rt_variable *v);

int rt_record_weights(struct rt_sim *s, uint64_t step); /* those that change, with which all synapses have caught up; all ranks */
uint64_t rt_weights_due(const struct rt_sim *s, uint64_t step); /* the next step behind this at which weights that change are recorded */
int rt_spikes_close(struct rt_recorder *r);               /* errors of the files come out here */
void rt_spikes_cut(struct rt_recorder *r, uint64_t step); /* forgets those after the step */
/* A field of a CSV file, quoted if it must be. */
void rt_csv_text(FILE *f, const char *text);
void rt_csv_number(FILE *f, double v);

#endif

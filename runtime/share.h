/* Records of several ranks: whose columns are whose, their way to the first rank, and straight into the files. */
#ifndef NSL_RUNTIME_SHARE_H
#define NSL_RUNTIME_SHARE_H

#include "runtime/sim.h"

struct rt_recorder;
struct rt_variable;

struct rt_columns { /* columns of a record that one rank has, side by side */
  uint32_t group;
  uint64_t first, n;
};
struct rt_columns_list {
  struct rt_columns *at;
  uint32_t n;
};
struct rt_share { /* a record's */
  struct rt_columns_list own;   /* all, in one process */
  struct rt_columns_list *sent; /* by rank: what it brings to the first; NULL in one process */
  char *buffer;                 /* for a batch of what a rank sends */
  bool direct;                  /* each rank writes its own columns into the file */
  int fd;
};
struct rt_together { /* of the run: which ranks write */
  bool shared; /* all see the folder: records are written by all ranks, other files in turn */
  char why[200];
  const char *folder;
  uint64_t bytes, files; /* of records, and of other files, that this rank has written; in the end, all but the first */
  uint32_t writers;      /* ranks that have written columns of records */
};

/* Do all ranks see one folder, and does it take files of such a size? All ranks must call it. */
int rt_together_find(struct rt_sim *s, struct rt_recorder *r);
/* The rank that writes the which-th file that is not written by all. */
uint32_t rt_together_writer(const struct rt_sim *s, const struct rt_recorder *r, uint32_t which);
int rt_together_sum(struct rt_sim *s, struct rt_recorder *r);

/* Behind rt_together_find. */
int rt_share_make(struct rt_sim *s, struct rt_recorder *r, struct rt_variable *v);
/* The places of the first rank's datasets are told, and the others open the file. */
int rt_share_open(struct rt_sim *s, struct rt_variable *v);
/* Rows 0 … n - 1 of the buffers: what others bring is put into the first rank's; all must call it. */
int rt_share_collect(struct rt_sim *s, struct rt_variable *v, uint64_t n);
/* Own columns of these rows, into the file at row `had`. */
int rt_share_write(struct rt_sim *s, struct rt_variable *v, uint64_t had, uint64_t n);
int rt_share_read(int fd, const char *path, void *to, uint64_t bytes, uint64_t place);
int rt_share_close(struct rt_variable *v);

#endif

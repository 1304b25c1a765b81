/* The output folder: files are written under temporary names beside their final ones and renamed when all are
 * complete. */
#ifndef NSL_RUNTIME_OUT_H
#define NSL_RUNTIME_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/mem.h"

enum { RT_OUT_FILES = 1024 };
struct rt_out_file {
  char *name, *temporary, *final;
};
struct rt_out {
  struct rt_mem mem;
  char *folder;
  bool made;     /* by us: removed again if nothing comes of it */
  char *earlier; /* the run.json of the run that is replaced */
  uint32_t n_files;
  struct rt_out_file *files;
};
/* Makes the folder or takes an existing one; refuses one with a run in it unless `force`: then that run's
 * files go at commit. */
int rt_out_open(struct rt_out *o, const char *folder, bool force);
/* Registers a file; gives its temporary path. NULL after rt_fail. */
const char *rt_out_file(struct rt_out *o, const char *name);
/* The same path for who only writes there: another rank has registered the file. */
char *rt_out_temporary(struct rt_mem *m, const char *folder, const char *name);
int rt_out_commit(struct rt_out *o);
/* Removes what was not committed. */
void rt_out_drop(struct rt_out *o);

/* ---- text files with every error seen */
struct rt_text_file {
  FILE *f;
  const char *path;
};
int rt_text_open(struct rt_text_file *t, const char *path);
int rt_text_close(struct rt_text_file *t); /* NSL_EIO if anything that was written did not arrive */

#endif

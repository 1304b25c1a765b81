/* A file of named items with a checksum over all of it: checkpoints. One function for each item both writes and reads
 * it, so that the two cannot drift apart: what is read must have the name, number and size that is expected. */
#ifndef NSL_RUNTIME_ARCHIVE_H
#define NSL_RUNTIME_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/mem.h"

struct rt_archive {
  struct rt_mem mem;   /* its buffer */
  struct rt_mem *into; /* texts and arrays that are read */
  const char *path;
  int fd;    /* -1: closed */
  int error; /* the first one: all that follows does nothing */
  bool writes;
  char *buffer;
  size_t at, n; /* of the buffer: read up to, filled up to */
  uint64_t checksum, left; /* left: bytes of items that are not read yet */
};

/* Writing: to `path` (NULL: nowhere, for ranks that only take part), which the caller renames when rt_archive_end has made sure that all of it is on the disk. */
int rt_archive_create(struct rt_archive *a, const char *path);
int rt_archive_end(struct rt_archive *a);
/* Reading: the whole file is checked first. NSL_EIO: cannot be read; NSL_EINPUT: no checkpoint, or damaged. */
int rt_archive_open(struct rt_archive *a, const char *path, struct rt_mem *into);
void rt_archive_close(struct rt_archive *a);

/* One item of known size. */
void rt_archive_data(struct rt_archive *a, const char *name, uint32_t index, void *data, uint64_t bytes);
void rt_archive_u64(struct rt_archive *a, const char *name, uint64_t *v);
void rt_archive_real(struct rt_archive *a, const char *name, double *v);
/* Of a size that the file says: *text or *array is allocated when it is read. */
void rt_archive_text(struct rt_archive *a, const char *name, const char **text);
void rt_archive_array(struct rt_archive *a, const char *name, uint32_t index, void *array, uint64_t *n, uint64_t size);
/* Reading: passes over everything up to the item of this name, and over it. */
void rt_archive_pass(struct rt_archive *a, const char *name);
/* A value that was read makes no sense: the file is whole, but it is not one of ours. */
void rt_archive_odd(struct rt_archive *a, const char *name);

uint64_t rt_checksum(uint64_t sum, const void *data, uint64_t bytes);

#endif

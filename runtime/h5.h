/* The little of HDF5 that SONATA files need: growing datasets, attributes, and failures as results. */
#ifndef NSL_RUNTIME_H5_H
#define NSL_RUNTIME_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_h5 {
  hid_t file;
  const char *path;
  bool failed;
};
int rt_h5_create(struct rt_h5 *h, const char *path); /* with the attributes that mark a SONATA file */
int rt_h5_close(struct rt_h5 *h);
/* A group with its parents. */
hid_t rt_h5_group(struct rt_h5 *h, hid_t in, const char *name);
/* A dataset that grows along its first dimension; cols 0: one-dimensional. type: what is stored. */
hid_t rt_h5_growing(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t cols);
/* One in one piece, of so many rows, which others fill past HDF5: *ret_place is where it begins in the file. */
hid_t rt_h5_fixed(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t rows, uint64_t cols, uint64_t *ret_place);
int rt_h5_flush(struct rt_h5 *h); /* the file has its length */
int rt_h5_append(struct rt_h5 *h, hid_t set, hid_t memory_type, uint64_t had, uint64_t rows, uint64_t cols,
                 const void *data);
/* A table that grows both ways, of about so many rows and columns, and pieces of its rows. */
hid_t rt_h5_table(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t rows, uint64_t cols);
int rt_h5_put(struct rt_h5 *h, hid_t set, uint64_t row, uint64_t col, uint64_t n, const double *data);
/* n numbers back, from `col` on; of a one-dimensional set `row` is 0. */
int rt_h5_get(struct rt_h5 *h, hid_t set, uint64_t row, uint64_t col, uint64_t n, hid_t memory_type, void *data);
int rt_h5_extend(struct rt_h5 *h, hid_t set, uint64_t n); /* one-dimensional; zeros */
int rt_h5_array(struct rt_h5 *h, hid_t in, const char *name, hid_t type, uint64_t n, const void *data,
                const char *units);
int rt_h5_text(struct rt_h5 *h, hid_t on, const char *name, const char *text); /* an attribute */
int rt_h5_sorting(struct rt_h5 *h, hid_t group);

#endif

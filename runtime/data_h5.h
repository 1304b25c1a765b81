/* What readers of SONATA files share. */
#ifndef NSL_RUNTIME_DATA_H5_H
#define NSL_RUNTIME_DATA_H5_H

#include "runtime/data.h"
#include "runtime/h5.h"

hid_t rt_h5_data_open(const struct nsl_data *data, const char *path); /* -1 after rt_fail */
/* The group of data->population, or of the only one, in /<root>. -1 after rt_fail. */
hid_t rt_h5_data_population(const struct nsl_data *data, hid_t file, const char *root);
/* A dataset as doubles in `mem`, with its size. */
int rt_h5_data_numbers(struct rt_mem *mem, const struct nsl_data *data, hid_t in, const char *name, int rank, hsize_t size[2],
                       double **ret);

#endif

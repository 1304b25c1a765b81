/* What SONATA files of nodes and of edges have in common: each has a type and numbers in one of the groups 0, 1, … */
#ifndef NSL_RUNTIME_SONATA_IN_H
#define NSL_RUNTIME_SONATA_IN_H

#include "runtime/data_h5.h"
#include "runtime/sim.h"

struct rt_sonata_in {
  struct rt_sim *s;
  const struct nsl_data *data, *types_of; /* the file; that of its types, or NULL */
  const char *kind;                       /* "edge", "node" */
  hid_t file, group;
  char population[200];
  uint64_t n;
  double *types, *groups, *places; /* by node or edge; NULL: absent */
};

/* Opens /<kind>s/<population>. What follows is in the build memory. 0, or an error after rt_fail_at. */
int rt_sonata_in_open(struct rt_sonata_in *f, const char *path);
void rt_sonata_in_close(struct rt_sonata_in *f);
bool rt_sonata_in_has(const struct rt_sonata_in *f, const char *name);
int rt_sonata_in_column(struct rt_sonata_in *f, const char *name, uint64_t n, double **ret); /* a dataset with n values */
int rt_sonata_in_groups(struct rt_sonata_in *f);                                             /* with f->n known */
/* A number of each, from its group, else from its type. */
int rt_sonata_in_number(struct rt_sonata_in *f, const char *name, double **ret);
/* sonata_in_types.c: numbers by type. `ret` NULL after no error: the file of types has no such column. */
int rt_sonata_in_types(struct rt_sonata_in *f, const char *name, double **ret);

#endif

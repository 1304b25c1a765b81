/* Reverse mode of a network's run: fit_network_back.c. */
#ifndef NSL_RUNTIME_FIT_NETWORK_BACK_H
#define NSL_RUNTIME_FIT_NETWORK_BACK_H

#include "runtime/fit_weights.h"
#include "runtime/track.h"

struct rt_adjoint_device;
struct rt_counted { /* when a sum counts */
  uint64_t after, until, at; /* at: the only step, or RT_NO_STEP */
};

struct rt_adjoint_cells {
  const struct nsl_net_back *def;
  uint32_t n_states, n_sums; /* n_states: of the class */
  double **adjoint;          /* by state of the march, then by active param: arrays over elements */
  double **state, **param, **tape;
  const double **read;       /* by param: `param`, or where it lies in the history */
  double *counts;            /* by sum, in this step */
  struct rt_counted *sums;
  void **record, **back;     /* slots */
  double *by;                /* [port or input param][free param]: so far */
};

struct rt_seat { /* of an element: where what arrives there stands */
  uint32_t shard, at;
};
struct rt_adjoint_weights { /* trained ones of a projection */
  const struct rt_trained *of;
  const struct rt_seat *seats; /* by target */
  double *by;               /* by synapse: sum of the adjoints of what its spikes have brought, times the port's unit */
};

struct rt_adjoint {
  struct rt_mem *mem;
  struct rt_adjoint_weights *weights;
  uint32_t n_weights;
  double *by_weights;        /* by coordinate of trained weights */
  struct rt_adjoint_cells *cells;       /* by population */
  uint32_t n_pops, n_shards, n_ports;
  uint64_t mask;
  bool *reached;             /* by number of a port in its class */
  double **due;              /* by shard: [step & mask][port][element], times the port's unit */
  struct rt_adjoint_device *device; /* where it goes back; NULL: here */
};

struct rt_adjoint_of {
  const struct rt_trained *trained;
  uint32_t n_trained, first, n_weights; /* coordinates of the trained weights: the first of all, and how many */
};
/* Before the run, of a simulation that is built, and not yet made on its device. share: of a device's memory, for the history. */
int rt_adjoint_make(struct rt_mem *mem, const struct rt_sim *s, const struct rt_adjoint_of *of, double share, struct rt_adjoint **ret);
/* At its end: slopes of the objective by n measures. */
int rt_adjoint_seed(struct rt_adjoint *a, const struct rt_sim *s, uint32_t n, const uint32_t *measures, const double *slopes);
int rt_adjoint_back(struct rt_adjoint *a, const struct rt_sim *s); /* through the steps that s->track has, the last first */
/* At the begin: derivatives by the n_free free parameters; `s` has the derivatives of what the run begins with. Those by the trained weights. */
const double *rt_adjoint_end(const struct rt_adjoint *a, const struct rt_sim *s, uint32_t n_free, double *ret);
void rt_adjoint_drop(struct rt_adjoint *a); /* NULL: nothing */

/* ---- fit_network_device.c: the same on a device */
int rt_adjoint_device_make(struct rt_adjoint *a, const struct rt_sim *s, double share);
uint64_t rt_adjoint_device_part(const struct rt_adjoint_device *d); /* steps that there is room for */
double *rt_adjoint_device_room(const struct rt_adjoint_device *d);  /* of rt_track_make */
uint64_t rt_adjoint_device_bytes(const struct rt_adjoint_device *d);
int rt_adjoint_device_back(struct rt_adjoint *a, const struct rt_sim *s);
void rt_adjoint_device_drop(struct rt_adjoint_device *d);

#endif

/* Fits on a device: marches, the same tasks as on threads (fit_march.c), and the same bits of their sums; runs of networks. fit_device.c, fit_wave.c. */
#ifndef NSL_RUNTIME_FIT_DEVICE_H
#define NSL_RUNTIME_FIT_DEVICE_H

#include <pthread.h>

#include "runtime/fit_walk.h"
#include "runtime/gpu.h"

struct rt_fit_device;
/* Before anything is read or built: what cannot run there is refused, with place and reason. */
int rt_fit_device_open(const struct rt_sim *s, const struct nsl_fit *def, const struct rt_config *c, struct rt_fit_device **ret);
int rt_fit_device_refused(const struct nsl_program *p, const struct nsl_fit *def, const char *const *allowed, uint32_t n_allowed); /* 0: it can */
int rt_fit_device_make(struct rt_fit_device *d, struct rt_fit *f); /* behind rt_fit_open: f->device; what does not change goes there */
int rt_fit_device_run(struct rt_fit *f, enum rt_order order, struct rt_task *tasks, uint32_t n); /* as rt_tasks_run */
uint64_t rt_fit_device_bytes(const struct rt_fit_device *d); /* of its memory that are used */
void rt_fit_device_close(struct rt_fit_device *d); /* NULL: nothing */
/* Runs of networks have simulations of their own there (fit_network.c), those of several threads side by side; `alone`: nobody else's, since one
 * had no memory. Used: bytes of its memory that one run has. */
void rt_fit_device_enter(struct rt_fit_device *d, bool alone);
void rt_fit_device_leave(struct rt_fit_device *d);
double rt_fit_device_share(const struct rt_fit_device *d, uint32_t runs); /* of its memory, for the history of one of so many runs */
void rt_fit_device_used(struct rt_fit_device *d, uint64_t bytes);

/* ---- what both files know */
enum { FIT_IN_FLIGHT = 2 }; /* launches that are on their way at most, so that Ctrl-C is seen */

struct rt_fit_device {
  struct rt_fit *f;
  struct rt_gpu gpu;
  struct rt_mem mem;
  struct rt_gpu_stream *stream;
  struct rt_gpu_event *marks[FIT_IN_FLIGHT];
  uint64_t launched;
  struct rt_gpu_function *move, *diverge;
  uint32_t threads; /* of a block; 0: few where there are few */
  rt_gpu_at fixed;  /* G, and samples */
  struct rt_weighed **sweeps, **thin; /* by march and trace, as rt_march has them: addresses of the device. thin: NULL until needed */
  rt_gpu_at *thinned;                 /* by march: memory of those that are thin's own; 0 */
  uint32_t n_marches;
  rt_gpu_at block;  /* of a wave */
  char *staging;    /* its begin on the host */
  uint64_t fixed_bytes, block_bytes, staging_bytes;
  pthread_rwlock_t runs; /* of networks: who runs, reads */
  bool alone;
  _Atomic uint64_t most; /* bytes of one of them */
};

/* A walk that is one of a wave, and where its own things are: offsets in the block. */
struct fit_walk {
  const struct rt_task *task;
  uint32_t nth;               /* of the task's walks */
  struct rt_back_sizes sizes; /* if it goes back, */
  uint32_t runs;              /* so often */
  uint64_t adjoints, adjoint_rings, kept, tape;
};

/* Calls of one kernel: by call, by env. */
struct fit_calls {
  const struct nsl_code *code;
  uint64_t n_envs, n_calls, slots, lags, envs, launches; /* offsets */
};

/* Walks of one march that run together. The block's first `visible` bytes are the same on the host and the device. */
struct fit_wave {
  struct rt_fit_device *d;
  enum rt_order order;
  const struct rt_march *m;
  const struct nsl_march_form *form;
  const struct rt_weighed *sweeps; /* of the device */
  bool back;
  struct rt_way way;
  struct fit_walk *walks;
  uint32_t n, n_runs;
  uint64_t row, lags, states;    /* bytes of a room; where its lags and states begin, behind its params */
  uint64_t rooms, rings, ring_bytes, adjoint_rings, adjoint_ring_bytes;
  uint64_t steps, segments, segment_calls; /* the most of all */
  struct fit_calls forth, record, backwards;
  uint64_t moves, stopped, sums, diverge;  /* offsets */
  uint64_t visible, bytes;
};
void rt_fit_wave_plan(struct fit_wave *w); /* all but d->block is known: its bytes */
int rt_fit_wave_run(struct fit_wave *w);   /* d->block, d->staging have room for it */

#endif

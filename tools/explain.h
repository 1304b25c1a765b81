/* `nslc explain --target gpu`: what ptxas made of the kernels, and what a step on a device launches. */
#ifndef NSL_TOOLS_EXPLAIN_H
#define NSL_TOOLS_EXPLAIN_H

#include "tools/tool.h"

typedef struct {
  uint32_t registers, spilled; /* of a thread; bytes. registers 0: there is no such kernel */
} GpuKernel;

enum { GPU_MOST = 2 };
typedef struct {
  const char *name;     /* "sm_90" */
  const char *unknown;  /* why nothing is known of registers; NULL: */
  GpuKernel *kernels;   /* by number of the kernel */
  GpuKernel *functions; /* by row of runtime/device/device.def */
} GpuCode;

typedef struct {
  GpuCode gpus[GPU_MOST];
  uint32_t n;
  const char **refused; /* by experiment, then by fit: why its steps cannot go on a device; NULL: they can */
} OnDevice;

/* explain_gpu.c: false after a diagnostic */
bool explain_gpu(Compilation *c, OnDevice *ret);
/* explain_device.c */
void explain_device(Compilation *c, const OnDevice *d, FILE *out);
double explain_occupancy(const char *gpu, uint32_t registers, uint32_t threads, uint32_t *ret_warps, uint32_t *ret_most);

#endif

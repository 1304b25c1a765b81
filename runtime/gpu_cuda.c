/* The driver of NVIDIA's GPUs, opened when a run asks for it: a program is never linked with it, so it starts where there is none. */
#include <dlfcn.h>
#include <string.h>

#include "runtime/error.h"
#include "runtime/gpu.h"

/* The oldest CUDA whose driver has all functions of gpu.def (cuGraphInstantiateWithFlags was the last) and reads the PTX of sm_75, and
 * the first driver that brought it. */
enum { CUDA_LEAST = 11040, DRIVER_LEAST = 470 };

static int too_old(int version, const char *missing) {
  return rt_fail(NSL_ECANNOT, "the NVIDIA driver is too old: it knows CUDA %d.%d%s%s; %d.%d is needed: install driver %d or newer, or "
                 "run with --device cpu", version / 1000, version % 1000 / 10, missing ? " and has no " : "", missing ? missing : "",
                 CUDA_LEAST / 1000, CUDA_LEAST % 1000 / 10, DRIVER_LEAST);
}

int rt_gpu_driver_cuda(struct rt_gpu_driver *ret) {
  static const char *const names[] = {
#define GPU(name, arguments, doc) #name,
#include "runtime/gpu.def"
#undef GPU
  };
  enum { N = sizeof names / sizeof *names };
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); /* stays open: the driver does not like to be closed */
  if (!library)
    return rt_fail(NSL_ECANNOT, "there is no NVIDIA driver here (%s); install one, or run with --device cpu", dlerror());
  void *functions[N];
  const char *missing = NULL;
  for (int k = 0; k < N; k++)
    if (!(functions[k] = dlsym(library, names[k])) && !missing) missing = names[k];
  struct rt_gpu_driver driver;
  _Static_assert(sizeof driver == sizeof functions, "the table holds pointers to functions");
  memcpy(&driver, functions, sizeof driver);
  int version = 0;
  if (driver.cuDriverGetVersion) driver.cuDriverGetVersion(&version);
  if (missing || version < CUDA_LEAST) return too_old(version, missing);
  *ret = driver;
  return 0;
}

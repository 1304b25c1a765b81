/* A GPU, or its emulation, as the engine (device.c) sees it: a table of the driver's functions, one opened device, the program's
 * code on it. Nothing behind rt_gpu_open asks which of the two it is. */
#ifndef NSL_RUNTIME_GPU_H
#define NSL_RUNTIME_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/abi.h"

typedef uint64_t rt_gpu_at; /* an address in the device's memory; of the emulated one: a pointer */
struct rt_gpu_context;
struct rt_gpu_module;
struct rt_gpu_function;
struct rt_gpu_stream;
struct rt_gpu_event;
struct rt_gpu_graph;
struct rt_gpu_graph_exec;

/* Numbers of the driver that are used; streams, events: what NULL has to wait for in them. */
enum { RT_GPU_PROCESSORS = 16, RT_GPU_MAJOR = 75, RT_GPU_MINOR = 76 }; /* attributes */
enum { RT_GPU_STREAM_OWN = 1, RT_GPU_EVENT_PLAIN = 2, RT_GPU_CAPTURE_THREAD = 1 }; /* flags: not blocked by stream NULL; no times */
enum rt_gpu_error {
  RT_GPU_OK,
#define GPU_ERROR(number, name, kind, words) RT_GPU_##name = number,
#include "runtime/gpu.def"
#undef GPU_ERROR
};

struct rt_gpu_driver {
#define GPU(name, arguments, doc) int(*name) arguments;
#include "runtime/gpu.def"
#undef GPU
};

#define RT_GPU_ANY UINT32_MAX /* the first that there is code for */
enum rt_device_kind { RT_DEVICE_CPU, RT_DEVICE_GPU, RT_DEVICE_EMULATED };

struct rt_gpu {
  struct rt_gpu_driver driver;
  bool emulated;
  int device, version;   /* version: of CUDA that the driver knows, 1000 * major + 10 * minor */
  char name[128];        /* "NVIDIA H100 80GB HBM3" */
  uint32_t capability;   /* 75, 90, …; emulated: 0 */
  uint32_t processors;   /* streaming multiprocessors */
  uint64_t memory;       /* bytes altogether */
  const struct nsl_device *code; /* that fits it */
  struct rt_gpu_context *context;
  struct rt_gpu_module *kernels, *functions; /* the model's; those of runtime/device */
};

/* 0, or a message about what was being done when `function` gave this result: a NSL_E* code. */
__attribute__((format(printf, 4, 5))) int rt_gpu_result(const struct rt_gpu *g, int result, const char *function, const char *doing, ...);
/* Every call of the driver: gpu_try(g, cuMemAlloc_v2, (&at, n), "allocating %s for synapses", size). */
#define gpu_try(g, function, arguments, ...) rt_gpu_result((g), (g)->driver.function arguments, #function, __VA_ARGS__)

/* Is there code for a device of this kind? */
bool rt_gpu_holds(enum rt_device_kind kind, uint32_t n, const struct nsl_device *code);
/* Opens a device for a program that holds `n` kinds of code: GPU `index` (RT_GPU_ANY: the first that has code here), makes it
 * current in this thread, and loads its code. What fails has been closed again. */
int rt_gpu_open(struct rt_gpu *ret, enum rt_device_kind kind, uint32_t index, uint32_t n, const struct nsl_device *code, uint32_t n_kernels);
/* Gives everything back, as far as the device still answers. Keeps the message of an earlier failure. */
void rt_gpu_close(struct rt_gpu *g);
/* Other threads that call the driver: before their first call. */
int rt_gpu_use(const struct rt_gpu *g);

int rt_gpu_memory_free(const struct rt_gpu *g, uint64_t *ret);
/* A generated kernel by its number; a function by its row in runtime/device/device.def. */
int rt_gpu_kernel(const struct rt_gpu *g, uint32_t kernel, struct rt_gpu_function **ret);
int rt_gpu_function(const struct rt_gpu *g, uint32_t row, struct rt_gpu_function **ret);
/* All kernels have one argument, which lies in the device's memory. `what`: for the message. */
int rt_gpu_launch(const struct rt_gpu *g, struct rt_gpu_function *f, uint32_t blocks, uint32_t threads, uint32_t shared, rt_gpu_at args,
                  struct rt_gpu_stream *stream, const char *what);

/* ---- the tables; of `emulated`, code is struct rt_gpu_image instead of PTX, and the table is a device's own: opened and closed */
int rt_gpu_driver_cuda(struct rt_gpu_driver *ret);
int rt_gpu_driver_emulated(struct rt_gpu_driver *ret);

struct rt_gpu_image {
  uint32_t n;
  const char *const *names; /* NULL where there is none */
  nsl_device_fn *const *functions;
};
/* Names of runtime/device/device.def, in order. */
extern const char *const rt_gpu_functions[];
extern const uint32_t rt_gpu_n_functions;

#endif

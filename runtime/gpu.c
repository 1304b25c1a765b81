/* A device from its driver's table: which one, what it is, the code that fits it; failures in words. The order of what can be missing is the order
 * in which it is asked: driver, device, what the device can do, code for it, memory. */
#include "runtime/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/error.h"

const char *const rt_gpu_functions[] = {
#define DEVICE(name, blocks, doc) "rt_dev_" #name,
#include "runtime/device/device.def"
#undef DEVICE
};
static const bool of_model[] = { /* its code stands with the model's */
#define DEVICE(...) false,
#define DEVICE_OF_MODEL(...) true,
#include "runtime/device/device.def"
#undef DEVICE
};
const uint32_t rt_gpu_n_functions = sizeof rt_gpu_functions / sizeof *rt_gpu_functions;

/* ---- failures */

static const struct failure {
  int number, kind;
  const char *words;
} failures[] = {
#define GPU_ERROR(number, name, kind, words) {number, kind, words},
#include "runtime/gpu.def"
#undef GPU_ERROR
};

/* "GPU 0 (NVIDIA H100 80GB HBM3)", as far as it is known. */
static const char *device_text(const struct rt_gpu *g, char *text, size_t n) {
  if (g->emulated)
    snprintf(text, n, "the emulated device");
  else if (*g->name)
    snprintf(text, n, "GPU %d (%s)", g->device, g->name);
  else
    snprintf(text, n, "GPU");
  return text;
}

int rt_gpu_result(const struct rt_gpu *g, int result, const char *function, const char *doing, ...) {
  if (result == RT_GPU_OK) return 0;
  char what[300], device[200], number[32];
  va_list args;
  va_start(args, doing);
  vsnprintf(what, sizeof what, doing, args);
  va_end(args);
  snprintf(number, sizeof number, "error %d", result);
  const char *name = NULL, *words = NULL;
  if (g->driver.cuGetErrorName(result, &name) != RT_GPU_OK || !name) name = number;
  if (g->driver.cuGetErrorString(result, &words) != RT_GPU_OK || !words) words = "the driver has no words for it";
  const struct failure *f = NULL;
  for (size_t k = 0; k < sizeof failures / sizeof *failures; k++)
    if (failures[k].number == result) f = &failures[k];
  bool advice = f && *f->words && !g->emulated;
  return rt_fail(f ? f->kind : NSL_EDEVICE, "%s: %s: %s (%s from %s)%s%s", device_text(g, device, sizeof device), what, words, name,
                 function, advice ? "; " : "", advice ? f->words : "");
}

/* ---- which device */

static uint32_t code_capability(const struct nsl_device *c) { return strncmp(c->name, "sm_", 3) == 0 ? (uint32_t)atoi(c->name + 3) : 0; }

bool rt_gpu_holds(enum rt_device_kind kind, uint32_t n, const struct nsl_device *code) {
  for (uint32_t k = 0; k < n; k++)
    if ((code_capability(&code[k]) > 0) == (kind == RT_DEVICE_GPU)) return true;
  return false;
}

/* The newest code that a device can run: the driver finishes it for what is newer still. */
static const struct nsl_device *code_fitting(const struct rt_gpu *g, uint32_t n, const struct nsl_device *code) {
  const struct nsl_device *best = NULL;
  for (uint32_t k = 0; k < n; k++) {
    bool emulated = strcmp(code[k].name, "emulated") == 0;
    uint32_t has = code_capability(&code[k]);
    if (g->emulated ? emulated : has && has <= g->capability && (!best || has > code_capability(best))) best = &code[k];
  }
  return best;
}

static int device_look(struct rt_gpu *g, int ordinal, uint32_t n, const struct nsl_device *code) {
  int major = 0, minor = 0, processors = 0;
  size_t bytes = 0;
  *g->name = 0;
  int e = gpu_try(g, cuDeviceGet, (&g->device, ordinal), "taking GPU %d", ordinal);
  if (!e) e = gpu_try(g, cuDeviceGetName, (g->name, sizeof g->name, g->device), "asking for the name of GPU %d", ordinal);
  if (!e) e = gpu_try(g, cuDeviceGetAttribute, (&major, RT_GPU_MAJOR, g->device), "asking what it can do");
  if (!e) e = gpu_try(g, cuDeviceGetAttribute, (&minor, RT_GPU_MINOR, g->device), "asking what it can do");
  if (!e) e = gpu_try(g, cuDeviceGetAttribute, (&processors, RT_GPU_PROCESSORS, g->device), "asking how many processors it has");
  if (!e) e = gpu_try(g, cuDeviceTotalMem_v2, (&bytes, g->device), "asking for its memory");
  g->capability = (uint32_t)(10 * major + minor);
  g->processors = (uint32_t)processors;
  g->memory = bytes;
  g->code = e ? NULL : code_fitting(g, n, code);
  return e;
}

static int no_code(const struct rt_gpu *g, uint32_t n, const struct nsl_device *code) {
  uint32_t least = UINT32_MAX;
  for (uint32_t k = 0; k < n; k++)
    if (code_capability(&code[k]) && code_capability(&code[k]) < least) least = code_capability(&code[k]);
  char device[200];
  if (g->emulated || least == UINT32_MAX)
    return rt_fail(NSL_ECANNOT, "this program holds no code for %s; build it with `nslc build --target gpu`",
                   device_text(g, device, sizeof device));
  return rt_fail(NSL_ECANNOT, "%s has compute capability %u.%u; %u.%u is needed (Turing, of 2018, or later); run with --device cpu",
                 device_text(g, device, sizeof device), g->capability / 10, g->capability % 10, least / 10, least % 10);
}

static int device_choose(struct rt_gpu *g, uint32_t index, uint32_t n, const struct nsl_device *code) {
  int count = 0;
  int e = gpu_try(g, cuDeviceGetCount, (&count), "counting the GPUs");
  if (e) return e;
  if (count < 1) return rt_gpu_result(g, RT_GPU_NO_DEVICE, "cuDeviceGetCount", "looking for a GPU");
  if (index != RT_GPU_ANY && index >= (uint32_t)count)
    return rt_fail(NSL_EINPUT, "there is no GPU %u: there are %d, from 0 on (nvidia-smi lists them)", index, count);
  for (int k = 0; k < count && !e && !g->code; k++)
    if (index == RT_GPU_ANY || index == (uint32_t)k) e = device_look(g, k, n, code);
  if (!e && !g->code) e = no_code(g, n, code);
  return e;
}

/* ---- its code */

static int module_load(const struct rt_gpu *g, const void *image, const char *what, struct rt_gpu_module **ret) {
  enum { ERROR_LOG = 5, ERROR_LOG_BYTES = 6, ROOM = 400 };
  char log[ROOM] = "";
  int options[] = {ERROR_LOG, ERROR_LOG_BYTES};
  void *values[] = {log, (void *)(uintptr_t)sizeof log};
  int result = g->driver.cuModuleLoadDataEx(ret, image, 2, options, values);
  if (result == RT_GPU_OK) return 0;
  log[sizeof log - 1] = 0;
  for (char *c = log; *c; c++)
    if (*c == '\n' || *c == '\r') *c = c[1] ? ' ' : 0;
  return rt_gpu_result(g, result, "cuModuleLoadDataEx", "loading the code of %s%s%s", what, *log ? ", of which the driver says: " : "", log);
}

static int code_load(struct rt_gpu *g, uint32_t n_kernels) {
  const struct nsl_device *c = g->code;
  struct rt_gpu_image kernels = {n_kernels, c->symbols, c->kernels}, functions = {rt_gpu_n_functions, rt_gpu_functions, c->functions};
  int e = module_load(g, g->emulated ? (const void *)&kernels : c->ptx, "the model", &g->kernels);
  if (!e) e = module_load(g, g->emulated ? (const void *)&functions : c->functions_ptx, "the runtime", &g->functions);
  return e;
}

int rt_gpu_open(struct rt_gpu *ret, enum rt_device_kind kind, uint32_t index, uint32_t n, const struct nsl_device *code, uint32_t n_kernels) {
  struct rt_gpu g = {.emulated = kind == RT_DEVICE_EMULATED};
  int e = g.emulated ? rt_gpu_driver_emulated(&g.driver) : rt_gpu_driver_cuda(&g.driver);
  if (e) return e;
  e = gpu_try(&g, cuInit, (0), "starting the driver");
  if (!e) e = gpu_try(&g, cuDriverGetVersion, (&g.version), "asking for the driver's version");
  if (!e) e = device_choose(&g, index, n, code);
  if (!e) e = gpu_try(&g, cuDevicePrimaryCtxRetain, (&g.context, g.device), "opening it");
  if (!e) e = rt_gpu_use(&g);
  if (!e) e = code_load(&g, n_kernels);
  if (e)
    rt_gpu_close(&g);
  else
    *ret = g;
  return e;
}

void rt_gpu_close(struct rt_gpu *g) {
  if (g->kernels) g->driver.cuModuleUnload(g->kernels);
  if (g->functions) g->driver.cuModuleUnload(g->functions);
  if (g->context) g->driver.cuDevicePrimaryCtxRelease_v2(g->device);
  *g = (struct rt_gpu){0};
}

int rt_gpu_use(const struct rt_gpu *g) { return gpu_try(g, cuCtxSetCurrent, (g->context), "using it in this thread"); }

int rt_gpu_memory_free(const struct rt_gpu *g, uint64_t *ret) {
  size_t left = 0, all = 0;
  int e = gpu_try(g, cuMemGetInfo_v2, (&left, &all), "asking for free memory");
  if (!e) *ret = left;
  return e;
}

int rt_gpu_kernel(const struct rt_gpu *g, uint32_t kernel, struct rt_gpu_function **ret) {
  const char *name = g->code->symbols[kernel];
  if (!name) return rt_fail(NSL_ECANNOT, "kernel %u of this program has no code for devices", kernel);
  return gpu_try(g, cuModuleGetFunction, (ret, g->kernels, name), "looking up kernel %s", name);
}

int rt_gpu_function(const struct rt_gpu *g, uint32_t row, struct rt_gpu_function **ret) {
  struct rt_gpu_module *module = of_model[row] && !g->emulated ? g->kernels : g->functions;
  return gpu_try(g, cuModuleGetFunction, (ret, module, rt_gpu_functions[row]), "looking up %s", rt_gpu_functions[row]);
}

int rt_gpu_launch(const struct rt_gpu *g, struct rt_gpu_function *f, uint32_t blocks, uint32_t threads, uint32_t shared, rt_gpu_at args,
                  struct rt_gpu_stream *stream, const char *what) {
  void *arguments[] = {&args};
  return gpu_try(g, cuLaunchKernel, (f, blocks, 1, 1, threads, 1, 1, shared, stream, arguments, NULL),
                 "launching %s (%u blocks of %u threads)", what, blocks, threads);
}

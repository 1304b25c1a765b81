/* The driver's functions over the emulator: the device's memory is the host's, kernels are host code, so the engine's every call can be run
 * and tested where there is no GPU. One device for the process, as the driver has it; all calls take turns. Memory holds 0xff when it
 * is allocated. A failure of a kernel stays, as a lost device's does. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/emulated.h"
#include "runtime/error.h"
#include "runtime/mem.h"

enum { ALIGN = 256, GARBAGE = 0xff, PROCESSORS = 3, CUDA = 12000 };

struct rt_emulated rt_emulated = {.turn = PTHREAD_MUTEX_INITIALIZER};

struct rt_gpu_module {
  struct rt_mem mem;
  uint32_t n;
  struct rt_gpu_function *functions;
};

struct rt_emulated_part { /* of memory */
  struct rt_mem mem;
  char *at;
  size_t bytes;
  bool host;
  struct rt_emulated_part *next;
};

/* ---- failures */

int rt_emulated_fails(int error, const char *words) {
  rt_emulated.words_of = error;
  snprintf(rt_emulated.words, sizeof rt_emulated.words, "%s", words);
  return error;
}

/* The runtime's own message, as words of the driver. */
const char *rt_emulated_message(void) {
  static const char before[] = "error: ";
  const char *text = rt_error();
  return strncmp(text, before, sizeof before - 1) == 0 ? text + sizeof before - 1 : text;
}

int rt_emulated_begins(void) {
  pthread_mutex_lock(&rt_emulated.turn);
  if (!rt_emulated.failed) rt_emulated.words_of = 0;
  return rt_emulated.failed ? rt_emulated.failed : rt_emulated.begun ? 0 : RT_GPU_NOT_INITIALIZED;
}

int rt_emulated_ends(int result) {
  pthread_mutex_unlock(&rt_emulated.turn);
  return result;
}

static int name_of(int error, const char **ret) {
  switch ((enum rt_gpu_error)error) {
  case RT_GPU_OK: return *ret = "CUDA_SUCCESS", 0;
#define GPU_ERROR(number, name, kind, words) \
  case RT_GPU_##name: return *ret = "CUDA_ERROR_" #name, 0;
#include "runtime/gpu.def"
#undef GPU_ERROR
  }
  return RT_GPU_INVALID_VALUE;
}

int rt_emulated_cuGetErrorName(int error, const char **ret) { return name_of(error, ret); }

/* Its own words, or the name's: out of memory. */
int rt_emulated_cuGetErrorString(int error, const char **ret) {
  const char *name;
  if (name_of(error, &name) != RT_GPU_OK) return RT_GPU_INVALID_VALUE;
  pthread_mutex_lock(&rt_emulated.turn);
  if (rt_emulated.words_of != error) {
    rt_emulated_fails(error, strncmp(name, "CUDA_ERROR_", 11) == 0 ? name + 11 : name);
    for (char *c = rt_emulated.words; *c; c++) *c = *c == '_' ? ' ' : (char)tolower((unsigned char)*c);
  }
  *ret = rt_emulated.words;
  return rt_emulated_ends(0);
}

/* ---- opening */

/* "512M", "2G", bytes. */
static bool size_read(const char *text, uint64_t *ret) {
  static const char units[] = "KMGT";
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  const char *unit = *end ? strchr(units, *end) : NULL;
  int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  if (*text < '0' || *text > '9' || errno || (*end && (!unit || end[1])) || n > UINT64_MAX >> shift) return false;
  *ret = n << shift;
  return true;
}

static int begin(void) {
  const char *memory = getenv("NSL_EMULATED_MEMORY");
  rt_emulated.limit = rt_memory_limit();
  rt_emulated.words_of = rt_emulated.failed = 0;
  if (rt_emu_order_read(getenv("NSL_EMULATED_ORDER"), &rt_emulated.order) != 0) return rt_emulated_fails(RT_GPU_INVALID_VALUE, rt_emulated_message());
  if (memory && !size_read(memory, &rt_emulated.limit)) {
    char words[200];
    snprintf(words, sizeof words, "NSL_EMULATED_MEMORY=%.50s: a number of bytes is expected, such as 500000000 or 512M", memory);
    return rt_emulated_fails(RT_GPU_INVALID_VALUE, words);
  }
  rt_emulated.random = rt_emulated.order.seed;
  rt_emulated.begun = true;
  return 0;
}

int rt_emulated_cuInit(unsigned flags) {
  pthread_mutex_lock(&rt_emulated.turn);
  return rt_emulated_ends(flags ? RT_GPU_INVALID_VALUE : rt_emulated.open ? 0 : begin());
}

int rt_emulated_cuDriverGetVersion(int *ret) { return *ret = CUDA, 0; }

int rt_emulated_cuDeviceGetCount(int *ret) { return *ret = 1, 0; }

int rt_emulated_cuDeviceGet(int *ret, int ordinal) { return *ret = 0, ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE; }

int rt_emulated_cuDeviceGetName(char *ret, int size, int ordinal) {
  snprintf(ret, (size_t)size, "emulated");
  return ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE;
}

int rt_emulated_cuDeviceGetAttribute(int *ret, int attribute, int ordinal) {
  *ret = attribute == RT_GPU_PROCESSORS ? PROCESSORS : 0;
  bool known = attribute == RT_GPU_PROCESSORS || attribute == RT_GPU_MAJOR || attribute == RT_GPU_MINOR;
  return ordinal != 0 ? RT_GPU_INVALID_DEVICE : known ? 0 : RT_GPU_INVALID_VALUE;
}

int rt_emulated_cuDeviceTotalMem_v2(size_t *ret, int ordinal) {
  int e = rt_emulated_begins();
  *ret = rt_emulated.limit;
  return rt_emulated_ends(e ? e : ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE);
}

int rt_emulated_cuDevicePrimaryCtxRetain(struct rt_gpu_context **ret, int ordinal) {
  int e = rt_emulated_begins();
  if (!e && ordinal != 0) e = RT_GPU_INVALID_DEVICE;
  if (!e && !rt_emulated.emu && !(rt_emulated.emu = rt_emu_open(rt_emulated.order))) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) rt_emulated.open++, *ret = (struct rt_gpu_context *)&rt_emulated;
  return rt_emulated_ends(e);
}

int rt_emulated_cuCtxSetCurrent(struct rt_gpu_context *context) {
  return context == (struct rt_gpu_context *)&rt_emulated ? 0 : RT_GPU_INVALID_CONTEXT;
}

/* ---- memory */

static void part_free(struct rt_emulated_part *p) {
  struct rt_mem mem = p->mem;
  if (!p->host) rt_emulated.used -= p->bytes;
  rt_mem_free(&mem);
}

static int part_make(size_t bytes, bool host, char **ret) {
  struct rt_mem mem = {0};
  if (!bytes) return RT_GPU_INVALID_VALUE;
  if (bytes > (host ? rt_memory_left() : rt_emulated.limit - rt_emulated.used)) return RT_GPU_OUT_OF_MEMORY;
  struct rt_emulated_part *p = rt_alloc(&mem, 1, sizeof *p);
  char *at = p ? rt_alloc(&mem, 1, bytes + ALIGN) : NULL;
  if (!at) {
    rt_mem_free(&mem);
    return RT_GPU_OUT_OF_MEMORY;
  }
  at += (ALIGN - (uintptr_t)at % ALIGN) % ALIGN;
  *p = (struct rt_emulated_part){.mem = mem, .at = at, .bytes = bytes, .host = host, .next = rt_emulated.parts};
  rt_emulated.parts = p;
  if (!host) rt_emulated.used += bytes;
  *ret = memset(at, GARBAGE, bytes);
  return 0;
}

static int part_end(const void *at, bool host) {
  for (struct rt_emulated_part **p = &rt_emulated.parts; *p; p = &(*p)->next)
    if ((*p)->at == at && (*p)->host == host) {
      struct rt_emulated_part *gone = *p;
      *p = gone->next;
      part_free(gone);
      return 0;
    }
  return RT_GPU_INVALID_VALUE;
}

bool rt_emulated_inside(const char *at, size_t bytes) {
  for (const struct rt_emulated_part *p = rt_emulated.parts; p; p = p->next)
    if (!p->host && at >= p->at && bytes <= p->bytes && (size_t)(at - p->at) <= p->bytes - bytes) return true;
  return false;
}

int rt_emulated_cuMemGetInfo_v2(size_t *ret_free, size_t *ret_total) {
  int e = rt_emulated_begins();
  *ret_total = rt_emulated.limit;
  *ret_free = rt_emulated.limit - rt_emulated.used;
  return rt_emulated_ends(e);
}

int rt_emulated_cuMemAlloc_v2(rt_gpu_at *ret, size_t bytes) {
  int e = rt_emulated_begins();
  char *at = NULL;
  if (!e) e = part_make(bytes, false, &at);
  if (!e) *ret = (uintptr_t)at;
  return rt_emulated_ends(e);
}

int rt_emulated_cuMemHostAlloc(void **ret, size_t bytes, unsigned flags) {
  int e = rt_emulated_begins();
  char *at = NULL;
  if (!e) e = flags ? RT_GPU_INVALID_VALUE : part_make(bytes, true, &at);
  if (!e) *ret = at;
  return rt_emulated_ends(e);
}

int rt_emulated_cuMemFree_v2(rt_gpu_at at) {
  int e = rt_emulated_begins();
  if (!e) e = rt_emulated_streams_all(); /* as the driver's: work that is under way may use it */
  int bad = part_end(rt_emulated_pointer(at), false);
  return rt_emulated_ends(e ? e : bad);
}

int rt_emulated_cuMemFreeHost(void *at) {
  int e = rt_emulated_begins();
  if (!e) e = rt_emulated_streams_all();
  int bad = part_end(at, true);
  return rt_emulated_ends(e ? e : bad);
}

/* ---- code */

int rt_emulated_cuModuleLoadDataEx(struct rt_gpu_module **ret, const void *code, unsigned n, int *options, void **values) {
  (void)n, (void)options, (void)values;
  const struct rt_gpu_image *image = code;
  struct rt_mem mem = {0};
  int e = rt_emulated_begins();
  if (e) return rt_emulated_ends(e);
  struct rt_gpu_module *m = rt_alloc(&mem, 1, sizeof *m);
  struct rt_gpu_function *functions = m ? rt_alloc(&mem, image->n, sizeof *functions) : NULL;
  if (!functions) {
    rt_mem_free(&mem);
    return rt_emulated_ends(RT_GPU_OUT_OF_MEMORY);
  }
  for (uint32_t k = 0; k < image->n; k++) functions[k] = (struct rt_gpu_function){image->functions[k], image->names[k]};
  *m = (struct rt_gpu_module){mem, image->n, functions};
  *ret = m;
  return rt_emulated_ends(0);
}

int rt_emulated_cuModuleUnload(struct rt_gpu_module *module) {
  int e = rt_emulated_begins();
  if (!e) e = rt_emulated_streams_all();
  struct rt_mem mem = module->mem;
  rt_mem_free(&mem);
  return rt_emulated_ends(e);
}

int rt_emulated_cuModuleGetFunction(struct rt_gpu_function **ret, struct rt_gpu_module *module, const char *name) {
  int e = rt_emulated_begins();
  if (e) return rt_emulated_ends(e);
  for (uint32_t k = 0; k < module->n; k++) {
    struct rt_gpu_function *f = &module->functions[k];
    if (f->fn && f->name && strcmp(f->name, name) == 0) return *ret = f, rt_emulated_ends(0);
  }
  return rt_emulated_ends(RT_GPU_NOT_FOUND);
}

/* ---- the end: whatever is left is given back */

int rt_emulated_cuDevicePrimaryCtxRelease_v2(int ordinal) {
  pthread_mutex_lock(&rt_emulated.turn);
  if (ordinal != 0 || !rt_emulated.open) return rt_emulated_ends(RT_GPU_INVALID_DEVICE);
  if (--rt_emulated.open) return rt_emulated_ends(0);
  rt_emulated_streams_drop();
  while (rt_emulated.parts) {
    struct rt_emulated_part *p = rt_emulated.parts;
    rt_emulated.parts = p->next;
    part_free(p);
  }
  rt_emu_close(rt_emulated.emu);
  rt_emulated.emu = NULL;
  rt_emulated.begun = false;
  rt_emulated.failed = 0;
  return rt_emulated_ends(0);
}

int rt_gpu_driver_emulated(struct rt_gpu_driver *ret) {
  *ret = (struct rt_gpu_driver){
#define GPU(name, arguments, doc) .name = rt_emulated_##name,
#include "runtime/gpu.def"
#undef GPU
  };
  return 0;
}

/* The driver's functions over the emulator: the device's memory is the host's, kernels are host code, so the engine's every call can be run
 * and tested where there is no GPU. One device for the process, as the driver has it; all calls take turns.
 *
 * What the driver leaves open is used against the engine: what is put on a stream runs at once (order forward), as late as its result is
 * asked for (reverse), or now and then, of any stream (shuffled); memory holds 0xff when it is allocated; copies read and write when
 * they run. A failure stays, as a lost device's does. */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/emulate.h"
#include "runtime/error.h"
#include "runtime/gpu.h"
#include "runtime/mem.h"

enum { ALIGN = 256, GARBAGE = 0xff, PROCESSORS = 3, CUDA = 12000 };

struct op {
  enum { LAUNCH, COPY, FILL, MARK, AWAIT } kind;
  nsl_device_fn *fn;
  const char *name;
  const void *from; /* launch: its argument */
  char *to;
  size_t bytes;
  int value;
  uint32_t blocks, threads, shared;
  struct rt_gpu_event *event;
  uint64_t count; /* mark, await: the event's marks with this one */
};

struct ops {
  struct op *at;
  size_t n, cap;
};

struct rt_gpu_stream {
  struct ops ops;
  size_t done;
  struct rt_gpu_graph *capture; /* what is put on it goes there */
  struct rt_gpu_stream *next;
};

struct rt_gpu_event {
  uint64_t marked, passed;
  struct rt_gpu_stream *stream; /* of the last mark */
};

struct rt_gpu_graph {
  struct ops ops;
};

struct rt_gpu_graph_exec {
  struct ops ops;
};

struct rt_gpu_function {
  nsl_device_fn *fn;
  const char *name;
};

struct rt_gpu_module {
  struct rt_mem mem;
  uint32_t n;
  struct rt_gpu_function *functions;
};

struct part { /* of memory */
  struct rt_mem mem;
  char *at;
  size_t bytes;
  bool host;
  struct part *next;
};

static struct { /* the process's one emulated device */
  pthread_mutex_t turn;
  bool begun;
  struct rt_emu_order order;
  uint64_t random, limit, used;
  uint32_t open; /* how often its context is held */
  struct rt_emu *emu;
  struct part *parts;
  struct rt_gpu_stream *streams;
  int failed;
  char words[700]; /* of the last failure that has some of its own */
  int words_of;
} device = {.turn = PTHREAD_MUTEX_INITIALIZER};

/* ---- failures */

static int fails(int error, const char *words) {
  device.words_of = error;
  snprintf(device.words, sizeof device.words, "%s", words);
  return error;
}

/* The runtime's own message, as words of the driver. */
static const char *message(void) {
  static const char before[] = "error: ";
  const char *text = rt_error();
  return strncmp(text, before, sizeof before - 1) == 0 ? text + sizeof before - 1 : text;
}

/* Every function begins and ends so: they take turns, and a failure of before comes first. */
static int begins(void) {
  pthread_mutex_lock(&device.turn);
  return device.failed ? device.failed : device.begun ? 0 : RT_GPU_NOT_INITIALIZED;
}

static int ends(int result) {
  pthread_mutex_unlock(&device.turn);
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

static int emulated_cuGetErrorName(int error, const char **ret) { return name_of(error, ret); }

/* Its own words, or the name's: out of memory. */
static int emulated_cuGetErrorString(int error, const char **ret) {
  const char *name;
  if (name_of(error, &name) != RT_GPU_OK) return RT_GPU_INVALID_VALUE;
  pthread_mutex_lock(&device.turn);
  if (device.words_of != error) {
    fails(error, strncmp(name, "CUDA_ERROR_", 11) == 0 ? name + 11 : name);
    for (char *c = device.words; *c; c++) *c = *c == '_' ? ' ' : (char)tolower((unsigned char)*c);
  }
  *ret = device.words;
  return ends(0);
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
  device.limit = rt_memory_limit();
  device.words_of = device.failed = 0;
  if (rt_emu_order_read(getenv("NSL_EMULATED_ORDER"), &device.order) != 0) return fails(RT_GPU_INVALID_VALUE, message());
  if (memory && !size_read(memory, &device.limit)) {
    char words[200];
    snprintf(words, sizeof words, "NSL_EMULATED_MEMORY=%.50s: a number of bytes is expected, such as 500000000 or 512M", memory);
    return fails(RT_GPU_INVALID_VALUE, words);
  }
  device.random = device.order.seed;
  device.begun = true;
  return 0;
}

static int emulated_cuInit(unsigned flags) {
  pthread_mutex_lock(&device.turn);
  return ends(flags ? RT_GPU_INVALID_VALUE : device.open ? 0 : begin());
}

static int emulated_cuDriverGetVersion(int *ret) { return *ret = CUDA, 0; }

static int emulated_cuDeviceGetCount(int *ret) { return *ret = 1, 0; }

static int emulated_cuDeviceGet(int *ret, int ordinal) { return *ret = 0, ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE; }

static int emulated_cuDeviceGetName(char *ret, int size, int ordinal) {
  snprintf(ret, (size_t)size, "emulated");
  return ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE;
}

static int emulated_cuDeviceGetAttribute(int *ret, int attribute, int ordinal) {
  *ret = attribute == RT_GPU_PROCESSORS ? PROCESSORS : 0;
  bool known = attribute == RT_GPU_PROCESSORS || attribute == RT_GPU_MAJOR || attribute == RT_GPU_MINOR;
  return ordinal != 0 ? RT_GPU_INVALID_DEVICE : known ? 0 : RT_GPU_INVALID_VALUE;
}

static int emulated_cuDeviceTotalMem_v2(size_t *ret, int ordinal) {
  int e = begins();
  *ret = device.limit;
  return ends(e ? e : ordinal == 0 ? 0 : RT_GPU_INVALID_DEVICE);
}

static int emulated_cuDevicePrimaryCtxRetain(struct rt_gpu_context **ret, int ordinal) {
  int e = begins();
  if (!e && ordinal != 0) e = RT_GPU_INVALID_DEVICE;
  if (!e && !device.emu && !(device.emu = rt_emu_open(device.order))) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) device.open++, *ret = (struct rt_gpu_context *)&device;
  return ends(e);
}

static int emulated_cuCtxSetCurrent(struct rt_gpu_context *context) {
  return context == (struct rt_gpu_context *)&device ? 0 : RT_GPU_INVALID_CONTEXT;
}

/* ---- memory */

static void part_free(struct part *p) {
  struct rt_mem mem = p->mem;
  if (!p->host) device.used -= p->bytes;
  rt_mem_free(&mem);
}

static int part_make(size_t bytes, bool host, char **ret) {
  struct rt_mem mem = {0};
  if (!bytes) return RT_GPU_INVALID_VALUE;
  if (bytes > (host ? rt_memory_left() : device.limit - device.used)) return RT_GPU_OUT_OF_MEMORY;
  struct part *p = rt_alloc(&mem, 1, sizeof *p);
  char *at = p ? rt_alloc(&mem, 1, bytes + ALIGN) : NULL;
  if (!at) {
    rt_mem_free(&mem);
    return RT_GPU_OUT_OF_MEMORY;
  }
  at += (ALIGN - (uintptr_t)at % ALIGN) % ALIGN;
  *p = (struct part){.mem = mem, .at = at, .bytes = bytes, .host = host, .next = device.parts};
  device.parts = p;
  if (!host) device.used += bytes;
  *ret = memset(at, GARBAGE, bytes);
  return 0;
}

static int part_end(const void *at, bool host) {
  for (struct part **p = &device.parts; *p; p = &(*p)->next)
    if ((*p)->at == at && (*p)->host == host) {
      struct part *gone = *p;
      *p = gone->next;
      part_free(gone);
      return 0;
    }
  return RT_GPU_INVALID_VALUE;
}

/* A range of the device's memory, inside of one allocation. */
static bool inside(const char *at, size_t bytes) {
  for (const struct part *p = device.parts; p; p = p->next)
    if (!p->host && at >= p->at && bytes <= p->bytes && (size_t)(at - p->at) <= p->bytes - bytes) return true;
  return false;
}

static char *pointer(rt_gpu_at at) { return (char *)(uintptr_t)at; } /* addresses of this device are the host's */

static int emulated_cuMemGetInfo_v2(size_t *ret_free, size_t *ret_total) {
  int e = begins();
  *ret_total = device.limit;
  *ret_free = device.limit - device.used;
  return ends(e);
}

static int emulated_cuMemAlloc_v2(rt_gpu_at *ret, size_t bytes) {
  int e = begins();
  char *at = NULL;
  if (!e) e = part_make(bytes, false, &at);
  if (!e) *ret = (uintptr_t)at;
  return ends(e);
}

static int emulated_cuMemHostAlloc(void **ret, size_t bytes, unsigned flags) {
  int e = begins();
  char *at = NULL;
  if (!e) e = flags ? RT_GPU_INVALID_VALUE : part_make(bytes, true, &at);
  if (!e) *ret = at;
  return ends(e);
}

/* ---- what streams do */

static int op_run(const struct op *o) {
  switch (o->kind) {
  case LAUNCH: {
    if (rt_emu_launch(device.emu, o->fn, o->from, o->blocks, o->threads, o->shared) == 0) break;
    char words[600];
    snprintf(words, sizeof words, "%s: %.500s", o->name, message());
    return device.failed = fails(RT_GPU_LAUNCH_FAILED, words);
  }
  case COPY: memcpy(o->to, o->from, o->bytes); break;
  case FILL: memset(o->to, o->value, o->bytes); break;
  case MARK: o->event->passed = o->event->passed > o->count ? o->event->passed : o->count; break;
  case AWAIT: break;
  }
  return 0;
}

static bool may_run(const struct rt_gpu_stream *s) {
  if (s->done == s->ops.n) return false;
  const struct op *o = &s->ops.at[s->done];
  return o->kind != AWAIT || o->event->passed >= o->count;
}

/* The first of what waits on a stream; it must be possible. */
static int head_run(struct rt_gpu_stream *s) {
  int e = op_run(&s->ops.at[s->done]);
  if (++s->done == s->ops.n) s->done = s->ops.n = 0;
  return e;
}

/* All of a stream up to its op number `end`, or until an event has passed; what it waits for first. An op can only wait for one that was
 * there before it, so this ends. */
static int stream_run(struct rt_gpu_stream *s, const struct rt_gpu_event *until, uint64_t count) {
  int e = 0;
  while (!e && s->ops.n && !(until && until->passed >= count)) {
    const struct op *o = &s->ops.at[s->done];
    if (!may_run(s)) e = stream_run(o->event->stream, o->event, o->count);
    if (!e) e = head_run(s);
  }
  return e;
}

/* Behind each op that was put on a stream: how much runs now. */
static int streams_some(struct rt_gpu_stream *s) {
  int e = 0;
  if (device.order.way == RT_EMU_REVERSE) return 0;
  if (device.order.way == RT_EMU_FORWARD) return stream_run(s, NULL, 0);
  for (struct rt_gpu_stream *k = device.streams; k && !e; k = k->next)
    for (uint64_t n = rt_emu_draw(&device.random) % 3; n && !e && may_run(k); n--) e = head_run(k);
  return e;
}

static int streams_all(void) {
  int e = 0;
  for (struct rt_gpu_stream *s = device.streams; s && !e; s = s->next) e = stream_run(s, NULL, 0);
  return e;
}

static int ops_add(struct ops *to, const struct op *from, size_t n) {
  if (rt_grow(&to->at, &to->cap, to->n + n, sizeof *to->at) != 0) return RT_GPU_OUT_OF_MEMORY;
  for (size_t k = 0; k < n; k++) to->at[to->n++] = from[k];
  return 0;
}

static bool known(const struct rt_gpu_stream *s) {
  for (const struct rt_gpu_stream *k = device.streams; k; k = k->next)
    if (k == s) return true;
  return false;
}

static int put(struct rt_gpu_stream *s, struct op op) {
  if (!known(s)) return fails(RT_GPU_INVALID_HANDLE, "no stream: the emulated device has only those of cuStreamCreate");
  if (!s->capture) {
    int e = ops_add(&s->ops, &op, 1);
    return e ? e : streams_some(s);
  }
  if (op.kind == MARK || op.kind == AWAIT) return fails(RT_GPU_STREAM_CAPTURE_UNSUPPORTED, "events within a graph are not emulated");
  return ops_add(&s->capture->ops, &op, 1);
}

static int emulated_cuMemFree_v2(rt_gpu_at at) {
  int e = begins();
  if (!e) e = streams_all(); /* as the driver's: work that is under way may use it */
  int bad = part_end(pointer(at), false);
  return ends(e ? e : bad);
}

static int emulated_cuMemFreeHost(void *at) {
  int e = begins();
  if (!e) e = streams_all();
  int bad = part_end(at, true);
  return ends(e ? e : bad);
}

static int emulated_cuMemcpyHtoDAsync_v2(rt_gpu_at to, const void *from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = begins();
  if (!e && !inside(pointer(to), bytes)) e = RT_GPU_INVALID_VALUE;
  return ends(e ? e : put(stream, (struct op){.kind = COPY, .to = pointer(to), .from = from, .bytes = bytes}));
}

static int emulated_cuMemcpyDtoHAsync_v2(void *to, rt_gpu_at from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = begins();
  if (!e && !inside(pointer(from), bytes)) e = RT_GPU_INVALID_VALUE;
  return ends(e ? e : put(stream, (struct op){.kind = COPY, .to = to, .from = pointer(from), .bytes = bytes}));
}

static int emulated_cuMemsetD8Async(rt_gpu_at to, unsigned char value, size_t bytes, struct rt_gpu_stream *stream) {
  int e = begins();
  if (!e && !inside(pointer(to), bytes)) e = RT_GPU_INVALID_VALUE;
  return ends(e ? e : put(stream, (struct op){.kind = FILL, .to = pointer(to), .value = value, .bytes = bytes}));
}

static int emulated_cuCtxSynchronize(void) {
  int e = begins();
  return ends(e ? e : streams_all());
}

static int emulated_cuStreamCreate(struct rt_gpu_stream **ret, unsigned flags) {
  int e = begins();
  struct rt_gpu_stream *s = NULL;
  size_t cap = 0;
  if (!e && flags != RT_GPU_STREAM_OWN) e = fails(RT_GPU_INVALID_VALUE, "a stream that waits for stream NULL is not emulated");
  if (!e && rt_grow(&s, &cap, 1, sizeof *s) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *s = (struct rt_gpu_stream){.next = device.streams};
    *ret = device.streams = s;
  }
  return ends(e);
}

static int emulated_cuStreamSynchronize(struct rt_gpu_stream *stream) {
  int e = begins();
  if (!e && (!known(stream) || stream->capture)) e = known(stream) ? RT_GPU_STREAM_CAPTURE_UNSUPPORTED : RT_GPU_INVALID_HANDLE;
  return ends(e ? e : stream_run(stream, NULL, 0));
}

static void stream_free(struct rt_gpu_stream *s) {
  if (s->capture) rt_drop(&s->capture->ops.at), rt_drop(&s->capture);
  rt_drop(&s->ops.at);
  rt_drop(&s);
}

static int emulated_cuStreamDestroy_v2(struct rt_gpu_stream *stream) {
  int e = begins();
  if (!known(stream)) return ends(RT_GPU_INVALID_HANDLE);
  if (!e) e = stream_run(stream, NULL, 0);
  struct rt_gpu_stream **s = &device.streams;
  while (*s != stream) s = &(*s)->next;
  *s = stream->next;
  stream_free(stream);
  return ends(e);
}

static int emulated_cuEventCreate(struct rt_gpu_event **ret, unsigned flags) {
  int e = begins();
  struct rt_gpu_event *event = NULL;
  size_t cap = 0;
  if (!e && flags != RT_GPU_EVENT_PLAIN) e = fails(RT_GPU_INVALID_VALUE, "times of events are not emulated");
  if (!e && rt_grow(&event, &cap, 1, sizeof *event) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *event = (struct rt_gpu_event){0};
    *ret = event;
  }
  return ends(e);
}

static int emulated_cuEventRecord(struct rt_gpu_event *event, struct rt_gpu_stream *stream) {
  int e = begins();
  if (e || (e = put(stream, (struct op){.kind = MARK, .event = event, .count = event->marked + 1}))) return ends(e);
  event->marked++;
  event->stream = stream;
  return ends(0);
}

static int emulated_cuEventSynchronize(struct rt_gpu_event *event) {
  int e = begins();
  return ends(e || !event->stream ? e : stream_run(event->stream, event, event->marked));
}

static int emulated_cuEventDestroy_v2(struct rt_gpu_event *event) {
  int e = begins();
  if (!e) e = streams_all(); /* nobody waits for it any more */
  rt_drop(&event);
  return ends(e);
}

static int emulated_cuStreamWaitEvent(struct rt_gpu_stream *stream, struct rt_gpu_event *event, unsigned flags) {
  int e = begins();
  if (!e && flags) e = RT_GPU_INVALID_VALUE;
  return ends(e || !event->stream ? e : put(stream, (struct op){.kind = AWAIT, .event = event, .count = event->marked}));
}

/* ---- code */

static int emulated_cuModuleLoadDataEx(struct rt_gpu_module **ret, const void *code, unsigned n, int *options, void **values) {
  (void)n, (void)options, (void)values;
  const struct rt_gpu_image *image = code;
  struct rt_mem mem = {0};
  int e = begins();
  if (e) return ends(e);
  struct rt_gpu_module *m = rt_alloc(&mem, 1, sizeof *m);
  struct rt_gpu_function *functions = m ? rt_alloc(&mem, image->n, sizeof *functions) : NULL;
  if (!functions) {
    rt_mem_free(&mem);
    return ends(RT_GPU_OUT_OF_MEMORY);
  }
  for (uint32_t k = 0; k < image->n; k++) functions[k] = (struct rt_gpu_function){image->functions[k], image->names[k]};
  *m = (struct rt_gpu_module){mem, image->n, functions};
  *ret = m;
  return ends(0);
}

static int emulated_cuModuleUnload(struct rt_gpu_module *module) {
  int e = begins();
  if (!e) e = streams_all();
  struct rt_mem mem = module->mem;
  rt_mem_free(&mem);
  return ends(e);
}

static int emulated_cuModuleGetFunction(struct rt_gpu_function **ret, struct rt_gpu_module *module, const char *name) {
  int e = begins();
  if (e) return ends(e);
  for (uint32_t k = 0; k < module->n; k++) {
    struct rt_gpu_function *f = &module->functions[k];
    if (f->fn && f->name && strcmp(f->name, name) == 0) return *ret = f, ends(0);
  }
  return ends(RT_GPU_NOT_FOUND);
}

static int emulated_cuLaunchKernel(struct rt_gpu_function *function, unsigned blocks, unsigned blocks_y, unsigned blocks_z, unsigned threads,
                                   unsigned threads_y, unsigned threads_z, unsigned shared, struct rt_gpu_stream *stream, void **arguments,
                                   void **extra) {
  int e = begins();
  rt_gpu_at args;
  memcpy(&args, arguments[0], sizeof args);
  bool flat = blocks_y == 1 && blocks_z == 1 && threads_y == 1 && threads_z == 1 && !extra;
  if (!e && (!flat || !blocks || blocks > INT32_MAX || !threads || threads > RT_EMU_THREADS || shared > RT_EMU_SHARED)) e = RT_GPU_INVALID_VALUE;
  return ends(e ? e : put(stream, (struct op){.kind = LAUNCH, .fn = function->fn, .name = function->name, .from = pointer(args),
                                              .blocks = blocks, .threads = threads, .shared = shared}));
}

/* ---- graphs: the ops of one stream, put on it together */

static int emulated_cuStreamBeginCapture_v2(struct rt_gpu_stream *stream, int mode) {
  int e = begins();
  struct rt_gpu_graph *graph = NULL;
  size_t cap = 0;
  if (!e && (!known(stream) || stream->capture || mode != RT_GPU_CAPTURE_THREAD)) e = RT_GPU_INVALID_VALUE;
  if (!e && rt_grow(&graph, &cap, 1, sizeof *graph) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (!e) {
    *graph = (struct rt_gpu_graph){0};
    stream->capture = graph;
  }
  return ends(e);
}

static int emulated_cuStreamEndCapture(struct rt_gpu_stream *stream, struct rt_gpu_graph **ret) {
  int e = begins();
  if (!e && (!known(stream) || !stream->capture)) e = RT_GPU_INVALID_VALUE;
  if (!e) {
    *ret = stream->capture;
    stream->capture = NULL;
  }
  return ends(e);
}

static int emulated_cuGraphInstantiateWithFlags(struct rt_gpu_graph_exec **ret, struct rt_gpu_graph *graph, unsigned long long flags) {
  int e = begins();
  struct rt_gpu_graph_exec *made = NULL;
  size_t cap = 0;
  if (!e && flags) e = RT_GPU_INVALID_VALUE;
  if (!e && rt_grow(&made, &cap, 1, sizeof *made) != 0) e = RT_GPU_OUT_OF_MEMORY;
  if (e) return ends(e);
  *made = (struct rt_gpu_graph_exec){0};
  e = ops_add(&made->ops, graph->ops.at, graph->ops.n);
  if (e) rt_drop(&made);
  else *ret = made;
  return ends(e);
}

static int emulated_cuGraphLaunch(struct rt_gpu_graph_exec *graph, struct rt_gpu_stream *stream) {
  int e = begins();
  if (!e && (!known(stream) || stream->capture)) e = RT_GPU_INVALID_HANDLE;
  if (!e) e = ops_add(&stream->ops, graph->ops.at, graph->ops.n);
  return ends(e ? e : streams_some(stream));
}

static int emulated_cuGraphExecDestroy(struct rt_gpu_graph_exec *graph) {
  pthread_mutex_lock(&device.turn);
  rt_drop(&graph->ops.at);
  rt_drop(&graph);
  return ends(0);
}

static int emulated_cuGraphDestroy(struct rt_gpu_graph *graph) {
  pthread_mutex_lock(&device.turn);
  rt_drop(&graph->ops.at);
  rt_drop(&graph);
  return ends(0);
}

/* ---- the end: whatever is left is given back */

static int emulated_cuDevicePrimaryCtxRelease_v2(int ordinal) {
  pthread_mutex_lock(&device.turn);
  if (ordinal != 0 || !device.open) return ends(RT_GPU_INVALID_DEVICE);
  if (--device.open) return ends(0);
  while (device.streams) {
    struct rt_gpu_stream *s = device.streams;
    device.streams = s->next;
    stream_free(s);
  }
  while (device.parts) {
    struct part *p = device.parts;
    device.parts = p->next;
    part_free(p);
  }
  rt_emu_close(device.emu);
  device.emu = NULL;
  device.begun = false;
  device.failed = 0;
  return ends(0);
}

int rt_gpu_driver_emulated(struct rt_gpu_driver *ret) {
  *ret = (struct rt_gpu_driver){
#define GPU(name, arguments, doc) .name = emulated_##name,
#include "runtime/gpu.def"
#undef GPU
  };
  return 0;
}

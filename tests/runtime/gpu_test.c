/* A device through its driver's table, over the emulator: memory, streams in all orders, events, graphs, failures in words. */
#include "runtime/emulate.h"
#include "runtime/gpu.h"
#include "tests/runtime/model.h"

enum { N = 640, THREADS = 64, BLOCKS = N / THREADS };
static const char *const orders[] = {"forward", "reverse", "shuffled:1", "shuffled:2", "shuffled:3"};
enum { ORDERS = sizeof orders / sizeof *orders };

struct work {
  uint64_t *list, add;
};

static void add_to(const void *args) {
  const struct work *w = args;
  w->list[nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread()] += w->add;
}

static void twice(const void *args) {
  const struct work *w = args;
  w->list[nsl_dev_block() * nsl_dev_block_size() + nsl_dev_thread()] *= 2;
}

static void lost(const void *args) {
  (void)args;
  if (nsl_dev_thread()) nsl_dev_barrier();
}

static nsl_device_fn *const kernels[] = {add_to, twice, lost, NULL};
static const char *const symbols[] = {"add", "twice", "lost", NULL};
enum { ADD, TWICE, LOST, ABSENT, N_KERNELS };
static nsl_device_fn *functions[64];
static const struct nsl_device code[] = {{.name = "sm_75", .ptx = ""},
                                         {.name = "emulated", .kernels = kernels, .functions = functions, .symbols = symbols}};

static struct rt_gpu g;
static struct rt_gpu_function *f[3];
static struct rt_gpu_stream *one, *two;
static struct rt_gpu_event *event;
static rt_gpu_at list_at, args_at;
static uint64_t *host;

static int opened(const char *order) {
  setenv("NSL_EMULATED_ORDER", order, 1);
  int e = rt_gpu_open(&g, RT_DEVICE_EMULATED, RT_GPU_ANY, 2, code, N_KERNELS);
  for (uint32_t k = 0; k < 3 && !e; k++) e = rt_gpu_kernel(&g, k, &f[k]);
  if (!e) e = gpu_try(&g, cuStreamCreate, (&one, RT_GPU_STREAM_OWN), "making a stream");
  if (!e) e = gpu_try(&g, cuStreamCreate, (&two, RT_GPU_STREAM_OWN), "making a stream");
  if (!e) e = gpu_try(&g, cuEventCreate, (&event, RT_GPU_EVENT_PLAIN), "making an event");
  if (!e) e = gpu_try(&g, cuMemAlloc_v2, (&list_at, N * sizeof(uint64_t)), "allocating");
  if (!e) e = gpu_try(&g, cuMemAlloc_v2, (&args_at, sizeof(struct work)), "allocating");
  if (!e) e = gpu_try(&g, cuMemHostAlloc, ((void **)&host, N * sizeof(uint64_t), 0), "allocating");
  struct work w = {(uint64_t *)(uintptr_t)list_at, 3}; /* of this device, an address is a pointer */
  if (!e) e = gpu_try(&g, cuMemcpyHtoDAsync_v2, (args_at, &w, sizeof w, one), "copying");
  if (!e) e = gpu_try(&g, cuStreamSynchronize, (one), "waiting");
  return e;
}

static int launch(uint32_t kernel, struct rt_gpu_stream *s) { return rt_gpu_launch(&g, f[kernel], BLOCKS, THREADS, 0, args_at, s, symbols[kernel]); }

static int download(struct rt_gpu_stream *s) {
  return gpu_try(&g, cuMemcpyDtoHAsync_v2, (host, list_at, N * sizeof *host, s), "copying");
}

static bool all_are(uint64_t value) {
  for (int k = 0; k < N; k++)
    if (host[k] != value) return false;
  return true;
}

static int closed(int e) {
  if (event) g.driver.cuEventDestroy_v2(event);
  event = NULL;
  rt_gpu_close(&g);
  return e;
}

/* ((0 + 3) * 2 + 3) over one stream; then the last of it from another, which waits for an event, or does not. */
static void streams(void) {
  int equal = 0, waited = 0, seen = 0, early = 0;
  for (int k = 0; k < ORDERS; k++) {
    int e = opened(orders[k]);
    bool garbage = all_are(UINT64_MAX);
    if (!e) e = gpu_try(&g, cuMemsetD8Async, (list_at, 0, N * sizeof *host, one), "clearing");
    if (!e) e = launch(ADD, one);
    if (!e) e = launch(TWICE, one);
    if (!e) e = launch(ADD, one);
    if (!e) e = download(one);
    early += !e && all_are(9);
    if (!e) e = gpu_try(&g, cuStreamSynchronize, (one), "waiting");
    equal += !e && garbage && all_are(9);

    if (!e) e = launch(ADD, one);
    if (!e) e = gpu_try(&g, cuEventRecord, (event, one), "marking");
    if (!e) e = launch(TWICE, one); /* reverse, shuffled: as late as can be */
    if (!e) e = gpu_try(&g, cuStreamWaitEvent, (two, event, 0), "waiting");
    if (!e) e = download(two);
    if (!e) e = gpu_try(&g, cuStreamSynchronize, (two), "waiting");
    waited += !e && (all_are(12) || all_are(24));
    if (!e) e = gpu_try(&g, cuCtxSynchronize, (), "waiting");

    if (!e) e = launch(TWICE, one);
    if (!e) e = download(two); /* without an event */
    if (!e) e = gpu_try(&g, cuStreamSynchronize, (two), "waiting");
    seen += !e && all_are(24);
    closed(e);
  }
  ok(equal == ORDERS, "a stream's work is done in order, memory begins as garbage");
  ok(waited == ORDERS, "another stream waits for an event");
  ok(early < ORDERS && seen > 0, "without waiting: too early in %d of %d orders, before the other stream in %d", ORDERS - early, ORDERS, seen);
}

static void graphs(void) {
  int equal = 0;
  for (int k = 0; k < ORDERS; k++) {
    struct rt_gpu_graph *graph = NULL;
    struct rt_gpu_graph_exec *exec = NULL;
    int e = opened(orders[k]);
    if (!e) e = gpu_try(&g, cuMemsetD8Async, (list_at, 0, N * sizeof *host, one), "clearing");
    if (!e) e = gpu_try(&g, cuStreamBeginCapture_v2, (one, RT_GPU_CAPTURE_THREAD), "beginning a graph");
    if (!e) e = launch(TWICE, one);
    if (!e) e = launch(ADD, one);
    if (!e) e = gpu_try(&g, cuStreamEndCapture, (one, &graph), "ending a graph");
    if (!e) e = gpu_try(&g, cuGraphInstantiateWithFlags, (&exec, graph, 0), "making it ready");
    for (int n = 0; n < 10 && !e; n++) e = gpu_try(&g, cuGraphLaunch, (exec, one), "launching it");
    if (!e) e = download(one);
    if (!e) e = gpu_try(&g, cuStreamSynchronize, (one), "waiting");
    equal += !e && all_are(3 * 1023);
    if (exec) g.driver.cuGraphExecDestroy(exec);
    if (graph) g.driver.cuGraphDestroy(graph);
    closed(e);
  }
  ok(equal == ORDERS, "a graph of two launches, ten times");
}

static bool says(int e, int want, const char *text) { return e == want && strstr(rt_error(), text); }

static void failures(void) {
  rt_gpu_at at;
  setenv("NSL_EMULATED_MEMORY", "1M", 1);
  int e = opened("forward");
  uint64_t left = 0;
  bool begun = e == 0 && rt_gpu_memory_free(&g, &left) == 0 && g.memory == 1 << 20 && left == (1 << 20) - N * 8 - sizeof(struct work);
  e = gpu_try(&g, cuMemAlloc_v2, (&at, 1 << 20), "allocating %s for synapses", "1 MB");
  ok(begun && says(e, NSL_EMEMORY, "the emulated device: allocating 1 MB for synapses: out of memory (CUDA_ERROR_OUT_OF_MEMORY from cuMemAlloc_v2)"),
     "too little memory: %s", rt_error());
  bool freed = g.driver.cuMemFree_v2(list_at) == 0 && rt_gpu_memory_free(&g, &left) == 0 && left == (1 << 20) - sizeof(struct work);
  ok(freed && g.driver.cuMemFree_v2(list_at) == RT_GPU_INVALID_VALUE, "what is freed can be used again, and freed once");
  e = gpu_try(&g, cuMemcpyDtoHAsync_v2, (host, args_at, sizeof(struct work) + 1, one), "reading");
  ok(says(e, NSL_EDEVICE, "invalid value (CUDA_ERROR_INVALID_VALUE from cuMemcpyDtoHAsync_v2)"), "beyond an allocation: %s", rt_error());
  e = gpu_try(&g, cuMemsetD8Async, (args_at, 0, 8, NULL), "clearing");
  ok(says(e, NSL_EDEVICE, "only those of cuStreamCreate"), "no stream: %s", rt_error());
  struct rt_gpu_function *none;
  ok(says(rt_gpu_kernel(&g, ABSENT, &none), NSL_ECANNOT, "kernel 3 of this program has no code for devices"), "%s", rt_error());
  e = gpu_try(&g, cuModuleGetFunction, (&none, g.kernels, "other"), "looking up kernel other");
  ok(says(e, NSL_EDEVICE, "not found"), "a kernel that there is not: %s", rt_error());
  closed(0);

  int stays = 0;
  for (int k = 0; k < ORDERS; k++) {
    e = opened(orders[k]);
    if (!e) e = launch(LOST, one);
    if (!e) e = gpu_try(&g, cuStreamSynchronize, (one), "simulating step 17");
    bool said = says(e, NSL_EDEVICE, "lost: threads of block ") && strstr(rt_error(), "wait for others that never come");
    e = gpu_try(&g, cuMemGetInfo_v2, (&(size_t){0}, &(size_t){0}), "asking");
    stays += said && says(e, NSL_EDEVICE, "CUDA_ERROR_LAUNCH_FAILED from cuMemGetInfo_v2");
    closed(0);
  }
  ok(stays == ORDERS, "a kernel that fails: all calls say so from then on: %s", rt_error());
  ok(opened("forward") == 0 && closed(0) == 0, "a device that was closed can be opened again");

  setenv("NSL_EMULATED_MEMORY", "1MB", 1);
  ok(says(opened("forward"), NSL_EDEVICE, "NSL_EMULATED_MEMORY=1MB: a number of bytes"), "%s", rt_error());
  unsetenv("NSL_EMULATED_MEMORY");
  ok(says(opened("sideways"), NSL_EDEVICE, "the driver: NSL_EMULATED_ORDER=sideways: forward"), "%s", rt_error());
  unsetenv("NSL_EMULATED_ORDER");
  e = rt_gpu_open(&g, RT_DEVICE_EMULATED, RT_GPU_ANY, 1, code, N_KERNELS);
  ok(says(e, NSL_ECANNOT, "this program holds no code for the emulated device; build it with `nslc build --target gpu`"), "%s", rt_error());
  e = rt_gpu_open(&g, RT_DEVICE_EMULATED, 1, 2, code, N_KERNELS);
  ok(says(e, NSL_EINPUT, "there is no GPU 1"), "%s", rt_error());
}

int main(void) {
  streams();
  graphs();
  failures();
  return done();
}

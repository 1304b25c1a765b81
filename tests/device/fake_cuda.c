/* A libcuda.so.1 for tests: the driver's functions over the emulator that every program holds, with what can go wrong on request. So the way to a
 * GPU (dlopen, choice of device and code, PTX by its text, every call) is run where there is none.
 *
 * The emulator, and the program's kernels for it, are found by name in the program's own symbols (ELF), or those of the library NSL_FAKE_CUDA_LIBRARY, so no program is built for this. A kernel
 * is found only if the PTX that was loaded has an entry of its name.
 *
 * NSL_FAKE_CUDA is a list of words with commas: none (no GPU), version=10020, capability=61, jit (the code is refused), alloc=N, host=N (the N-th
 * allocation on the device, or for transfers, fails), launch=N (the N-th kernel or graph fails, which shows when somebody waits), lost=N (at the N-th launch or copy all calls
 * fail, and ever after), busy (another program has the GPU), cuMemAlloc_v2=N and so on (the N-th call of this function fails, and ever after all that work or wait), count (at the
 * end: how often each was called). */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/gpu.h"

struct rt_gpu_driver fake_driver; /* what the library's functions call */

/* Before each call: 0, or what it gives at once. */
__attribute__((used)) int fake_called(uint64_t offset);

/* cuInit: keeps its arguments, asks fake_called, goes on to what fake_driver has at 0; and so on. */
__asm__(".text\n.hidden fake_driver\n.hidden fake_called\n.set fake_at, 0\n"
        "fake_ask:\n"
        "  pushq %rdi\n  pushq %rsi\n  pushq %rdx\n  pushq %rcx\n  pushq %r8\n  pushq %r9\n  pushq %rax\n"
        "  movq %rax, %rdi\n  call fake_called\n  movl %eax, %r11d\n"
        "  popq %rax\n  popq %r9\n  popq %r8\n  popq %rcx\n  popq %rdx\n  popq %rsi\n  popq %rdi\n"
        "  testl %r11d, %r11d\n  jne 1f\n"
        "  leaq fake_driver(%rip), %r11\n  jmp *(%r11, %rax)\n"
        "1: movl %r11d, %eax\n  ret\n");
#ifdef FAKE_OLD /* a driver of before graphs could be made ready by it */
__asm__(".set skipped, 1\n");
#else
__asm__(".set skipped, 0\n");
#endif
#define GPU(name, arguments, doc) \
  __asm__(".ifnc " #name ",cuGraphInstantiateWithFlags\n.set left_out, 0\n.else\n.set left_out, skipped\n.endif\n" \
          ".if left_out == 0\n.globl " #name "\n.type " #name ", @function\n" #name ": movl $fake_at, %eax\n  jmp fake_ask\n.endif\n" \
          ".set fake_at, fake_at + 8\n");
#include "runtime/gpu.def"
#undef GPU

static struct rt_gpu_driver emulated;
static const struct nsl_program *program;
static const struct nsl_device *emulation;
static const char *const *function_names;
static const uint32_t *n_functions;

static struct {
  int version, capability, failed, later; /* later: a failure that nobody has been told of */
  bool none, jit, busy;
  uint64_t alloc, host, launch, lost; /* the how manieth; 0: never */
  uint64_t allocs, hosts, launches, works;
  uint64_t fails_at; /* offset of a function in the table; its how manieth call */
  uint64_t fails, calls[sizeof(struct rt_gpu_driver) / sizeof(void (*)(void))];
  uint64_t moved[4]; /* copies to the device, their bytes, copies from it, theirs */
  bool captures; /* what becomes part of a graph is no work yet */
} fault = {.version = 12040, .capability = 75};

struct rt_gpu_module { /* ours */
  const char *ptx;
  struct rt_gpu_module *inner, *functions; /* inner: NULL, it is the runtime's */
};

/* ---- the program's symbols */

struct found {
  const char *name;
  void *at;
};

struct object {
  const char *path; /* NULL: the program itself, which comes first */
  uintptr_t base;
};

static int base_of(struct dl_phdr_info *info, size_t size, void *to) {
  struct object *o = to;
  (void)size;
  if (o->path && strcmp(o->path, info->dlpi_name) != 0) return 0;
  o->base = info->dlpi_addr;
  return 1;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), k = strlen(end);
  return n >= k && strcmp(text + n - k, end) == 0;
}

/* "nsl_*_program": whatever the program is called. */
static bool is_named(const char *name, const char *want) {
  const char *star = strchr(want, '*');
  return star ? strncmp(name, want, (size_t)(star - want)) == 0 && ends_with(name, star + 1) : strcmp(name, want) == 0;
}

static void symbols_find(struct found *found, int n) {
  struct object o = {.path = getenv("NSL_FAKE_CUDA_LIBRARY")};
  int fd = open(o.path ? o.path : "/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat st;
  dl_iterate_phdr(base_of, &o);
  uintptr_t base = o.base;
  char *file = fd >= 0 && fstat(fd, &st) == 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  if (file == MAP_FAILED) return;
  const Elf64_Ehdr *head = (const Elf64_Ehdr *)file;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + head->e_shoff);
  for (int k = 0; k < head->e_shnum; k++) {
    if (sections[k].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *all = (const Elf64_Sym *)(file + sections[k].sh_offset);
    const char *names = file + sections[sections[k].sh_link].sh_offset;
    for (uint64_t i = 0; i < sections[k].sh_size / sizeof *all; i++)
      for (int f = 0; f < n; f++) {
        if (all[i].st_value && is_named(names + all[i].st_name, found[f].name)) found[f].at = (void *)(base + all[i].st_value); /* NOLINT: an address */
      }
  }
  munmap(file, (size_t)st.st_size);
  close(fd);
}

/* ---- what goes wrong */

static const char *const names[] = {
#define GPU(name, arguments, doc) #name,
#include "runtime/gpu.def"
#undef GPU
};
enum { N_NAMES = sizeof names / sizeof *names };

/* Alignment of the stack: fake_ask has pushed seven words, and its caller's address is the eighth. */
int fake_called(uint64_t offset) {
  uint64_t n = ++fault.calls[offset / sizeof(void (*)(void))];
  if (!fault.fails || offset != fault.fails_at || n != fault.fails) return 0;
  return fault.failed = RT_GPU_UNKNOWN;
}

static void counts_print(void) {
  for (uint32_t k = 0; k < N_NAMES; k++) fprintf(stderr, "%s %llu\n", names[k], (unsigned long long)fault.calls[k]);
}

static bool function_read(const char *word, uint64_t n) {
  for (uint32_t k = 0; k < N_NAMES; k++)
    if (strcmp(word, names[k]) == 0) return fault.fails_at = k * sizeof(void (*)(void)), fault.fails = n, true;
  return false;
}

static void faults_read(const char *text) {
  char word[100];
  for (int n; text && sscanf(text, "%99[^,]%n", word, &n) == 1; text += n + (text[n] == ',')) {
    unsigned long long value = 0;
    char *equals = strchr(word, '=');
    if (equals) *equals = 0, value = strtoull(equals + 1, NULL, 10);
    if (!strcmp(word, "none")) fault.none = true;
    else if (!strcmp(word, "jit")) fault.jit = true;
    else if (!strcmp(word, "busy")) fault.busy = true;
    else if (!strcmp(word, "version")) fault.version = (int)value;
    else if (!strcmp(word, "capability")) fault.capability = (int)value;
    else if (!strcmp(word, "alloc")) fault.alloc = value;
    else if (!strcmp(word, "host")) fault.host = value;
    else if (!strcmp(word, "launch")) fault.launch = value;
    else if (!strcmp(word, "lost")) fault.lost = value;
    else if (!strcmp(word, "count")) atexit(counts_print);
    else if (!function_read(word, value)) fprintf(stderr, "NSL_FAKE_CUDA: %s?\n", word), abort();
  }
}

/* For a test that has loaded a library: what has been copied so far. */
__attribute__((visibility("default"))) void fake_cuda_moved(uint64_t ret[4]);
void fake_cuda_moved(uint64_t ret[4]) { memcpy(ret, fault.moved, sizeof fault.moved); }

/* Before each piece of work. */
static int works(void) {
  if (!fault.failed && !fault.captures && ++fault.works == fault.lost) fault.failed = RT_GPU_UNKNOWN;
  return fault.failed;
}

static int launches(void) {
  int e = works();
  if (!e && !fault.captures && ++fault.launches == fault.launch) fault.later = RT_GPU_ILLEGAL_ADDRESS;
  return e;
}

static int waits(void) {
  if (fault.later) fault.failed = fault.later;
  return fault.failed;
}

static int no_driver(unsigned flags) {
  (void)flags;
  return RT_GPU_STUB_LIBRARY; /* of a program without the emulator */
}

static int init(unsigned flags) { return fault.none ? RT_GPU_NO_DEVICE : emulated.cuInit(flags); }

static int version(int *ret) { return *ret = fault.version, 0; }

static int name(char *ret, int size, int device) {
  (void)device;
  snprintf(ret, (size_t)size, "Fake GPU");
  return 0;
}

static int attribute(int *ret, int which, int device) {
  if (which == RT_GPU_MAJOR) return *ret = fault.capability / 10, 0;
  if (which == RT_GPU_MINOR) return *ret = fault.capability % 10, 0;
  return emulated.cuDeviceGetAttribute(ret, which, device);
}

static int retain(struct rt_gpu_context **ret, int device) {
  return fault.busy ? RT_GPU_DEVICE_UNAVAILABLE : emulated.cuDevicePrimaryCtxRetain(ret, device);
}

static int alloc(rt_gpu_at *ret, size_t bytes) {
  if (fault.failed) return fault.failed;
  return ++fault.allocs == fault.alloc ? RT_GPU_OUT_OF_MEMORY : emulated.cuMemAlloc_v2(ret, bytes);
}

static int host_alloc(void **ret, size_t bytes, unsigned flags) {
  if (fault.failed) return fault.failed;
  return ++fault.hosts == fault.host ? RT_GPU_OUT_OF_MEMORY : emulated.cuMemHostAlloc(ret, bytes, flags);
}

static int upload(rt_gpu_at to, const void *from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = works();
  fault.moved[0]++, fault.moved[1] += bytes;
  return e ? e : emulated.cuMemcpyHtoDAsync_v2(to, from, bytes, stream);
}

static int download(void *to, rt_gpu_at from, size_t bytes, struct rt_gpu_stream *stream) {
  int e = works();
  fault.moved[2]++, fault.moved[3] += bytes;
  return e ? e : emulated.cuMemcpyDtoHAsync_v2(to, from, bytes, stream);
}

static int launch(struct rt_gpu_function *f, unsigned bx, unsigned by, unsigned bz, unsigned tx, unsigned ty, unsigned tz, unsigned shared,
                  struct rt_gpu_stream *stream, void **arguments, void **extra) {
  int e = launches();
  return e ? e : emulated.cuLaunchKernel(f, bx, by, bz, tx, ty, tz, shared, stream, arguments, extra);
}

static int graph_launch(struct rt_gpu_graph_exec *graph, struct rt_gpu_stream *stream) {
  int e = launches();
  return e ? e : emulated.cuGraphLaunch(graph, stream);
}

static int capture(struct rt_gpu_stream *stream, int mode) { return fault.captures = true, emulated.cuStreamBeginCapture_v2(stream, mode); }

static int capture_end(struct rt_gpu_stream *stream, struct rt_gpu_graph **ret) {
  return fault.captures = false, emulated.cuStreamEndCapture(stream, ret);
}

static int stream_wait(struct rt_gpu_stream *stream) {
  int e = waits();
  return e ? e : emulated.cuStreamSynchronize(stream);
}

static int event_wait(struct rt_gpu_event *event) {
  int e = waits();
  return e ? e : emulated.cuEventSynchronize(event);
}

static int context_wait(void) {
  int e = waits();
  return e ? e : emulated.cuCtxSynchronize();
}

/* ---- code: the emulated kernels of what has the same text */

static int load(struct rt_gpu_module **ret, const void *image, unsigned n, int *options, void **values) {
  enum { ERROR_LOG = 5 };
  const char *ptx = image;
  bool model = false, runtime = false;
  for (uint32_t k = 0; k < program->n_devices; k++) {
    model |= program->devices[k].ptx == ptx;
    runtime |= program->devices[k].functions_ptx == ptx;
  }
  char target[40];
  const char *at = model || runtime ? strstr(ptx, ".target sm_") : NULL;
  if (!at || sscanf(at, ".target sm_%39[0-9]", target) != 1) return RT_GPU_INVALID_IMAGE;
  if (atoi(target) > fault.capability || fault.jit) {
    for (unsigned k = 0; k < n; k++)
      if (options[k] == ERROR_LOG) strcpy(values[k], "ptxas application ptx input, line 7; fatal   : Parsing error near '.entry': syntax error\n");
    return fault.jit ? RT_GPU_INVALID_PTX : RT_GPU_NO_BINARY_FOR_GPU;
  }
  /* the model's text has functions of the runtime, too: look_up sees which */
  struct rt_gpu_image kernels = {program->n_kernels, emulation->symbols, emulation->kernels}, functions = {*n_functions, function_names, emulation->functions};
  struct rt_gpu_module *m = malloc(sizeof *m);
  *m = (struct rt_gpu_module){ptx, NULL, NULL};
  int e = emulated.cuModuleLoadDataEx(&m->functions, &functions, 0, NULL, NULL);
  if (!e && model) e = emulated.cuModuleLoadDataEx(&m->inner, &kernels, 0, NULL, NULL);
  if (e) free(m);
  else *ret = m;
  return e;
}

static int unload(struct rt_gpu_module *m) {
  int e = emulated.cuModuleUnload(m->functions), inner = m->inner ? emulated.cuModuleUnload(m->inner) : 0;
  e = e ? e : inner;
  free(m);
  return fault.failed ? fault.failed : e;
}

static int look_up(struct rt_gpu_function **ret, struct rt_gpu_module *m, const char *symbol) {
  char entry[300];
  snprintf(entry, sizeof entry, ".entry %s(", symbol);
  if (!strstr(m->ptx, entry)) return RT_GPU_NOT_FOUND;
  return emulated.cuModuleGetFunction(ret, m->inner && strncmp(symbol, "rt_dev_", 7) ? m->inner : m->functions, symbol);
}

__attribute__((constructor)) static void begin(void) {
  struct found f[] = {{"rt_gpu_driver_emulated", NULL}, {"rt_gpu_functions", NULL}, {"rt_gpu_n_functions", NULL}, {"nsl_*_program", NULL}};
  faults_read(getenv("NSL_FAKE_CUDA"));
  symbols_find(f, 4);
  fake_driver.cuInit = no_driver;
  if (!f[0].at || !f[3].at) return;
  int (*driver)(struct rt_gpu_driver *);
  memcpy(&driver, &f[0].at, sizeof driver);
  driver(&emulated);
  function_names = f[1].at;
  n_functions = f[2].at;
  program = f[3].at;
  for (uint32_t k = 0; k < program->n_devices; k++)
    if (strcmp(program->devices[k].name, "emulated") == 0) emulation = &program->devices[k];
  fake_driver = emulated;
  fake_driver.cuInit = init;
  fake_driver.cuDriverGetVersion = version;
  fake_driver.cuDeviceGetName = name;
  fake_driver.cuDeviceGetAttribute = attribute;
  fake_driver.cuDevicePrimaryCtxRetain = retain;
  fake_driver.cuMemAlloc_v2 = alloc;
  fake_driver.cuMemHostAlloc = host_alloc;
  fake_driver.cuMemcpyHtoDAsync_v2 = upload;
  fake_driver.cuMemcpyDtoHAsync_v2 = download;
  fake_driver.cuLaunchKernel = launch;
  fake_driver.cuGraphLaunch = graph_launch;
  fake_driver.cuStreamBeginCapture_v2 = capture;
  fake_driver.cuStreamEndCapture = capture_end;
  fake_driver.cuStreamSynchronize = stream_wait;
  fake_driver.cuEventSynchronize = event_wait;
  fake_driver.cuCtxSynchronize = context_wait;
  fake_driver.cuModuleLoadDataEx = load;
  fake_driver.cuModuleUnload = unload;
  fake_driver.cuModuleGetFunction = look_up;
}

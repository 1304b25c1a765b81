/* What NVIDIA's assembler makes of a model's kernels, where it is found: registers and spills are never guessed. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/explain.h"

static const char *const functions[] = {
#define DEVICE(name, blocks, doc) "rt_dev_" #name,
#include "runtime/device/device.def"
#undef DEVICE
};

/* In the path, or where the toolkit is installed; NULL: neither. */
static const char *assembler_find(Arena *a) {
  const char *path = getenv("PATH");
  for (size_t n; path && *path; path += n + (path[n] == ':')) {
    n = strcspn(path, ":");
    const char *file = arena_printf(a, "%.*s/ptxas", (int)n, path);
    if (n && !access(file, X_OK)) return file;
  }
  glob_t found;
  const char *file = NULL;
  if (!glob("/usr/local/cuda*/bin/ptxas", 0, NULL, &found) && found.gl_pathc) file = arena_printf(a, "%s", found.gl_pathv[found.gl_pathc - 1]);
  globfree(&found);
  return file;
}

static GpuKernel *kernel_named(GpuCode *gpu, const char *name) {
  unsigned number;
  if (sscanf(name, "nsl_dev_kernel_%u_", &number) == 1) return &gpu->kernels[number];
  for (size_t i = 0; i < COUNT_OF(functions); i++)
    if (!strcmp(name, functions[i])) return &gpu->functions[i];
  return NULL;
}

/* Lines of `ptxas -v`: "Compiling entry function 'NAME' …", "… N bytes spill stores, M bytes spill loads", "Used N registers …". */
static void report_read(FILE *in, GpuCode *gpu) {
  GpuKernel *k = NULL;
  char line[1024], name[512];
  while (fgets(line, sizeof line, in)) {
    unsigned stores, loads;
    const char *at = strstr(line, "entry function '"), *used = strstr(line, "Used "), *stack = strstr(line, "stack frame, ");
    if (at && sscanf(at, "entry function '%511[^']", name) == 1) k = kernel_named(gpu, name);
    if (k && stack && sscanf(stack, "stack frame, %u bytes spill stores, %u bytes spill loads", &stores, &loads) == 2) k->spilled = stores + loads;
    if (k && used) (void)sscanf(used, "Used %u registers", &k->registers);
  }
}

static bool assemble(const char *assembler, GpuCode *gpu, const char *ptx) {
  char file[] = "/tmp/nsl-XXXXXX", command[4600];
  int fd = mkstemp(file);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out) return false;
  bool good = fputs(ptx, out) >= 0;
  good &= !fclose(out);
  int n = snprintf(command, sizeof command, "'%s' -v -arch=%s %s -o /dev/null 2>&1", assembler, gpu->name, file);
  FILE *in = good && n < (int)sizeof command && !strchr(assembler, '\'') ? popen(command, "r") : NULL;
  if (in) {
    report_read(in, gpu);
    good = pclose(in) == 0;
  }
  unlink(file);
  return in && good;
}

static void gpu_fill(Compilation *c, GpuCode *gpu, const struct nsl_device *device, uint32_t n_kernels, const char *assembler) {
  *gpu = (GpuCode){.name = device->name, .kernels = NEW_ARRAY(c->arena, GpuKernel, n_kernels + 1ull),
                   .functions = NEW_ARRAY(c->arena, GpuKernel, COUNT_OF(functions))};
  if (!assembler) gpu->unknown = "there is no ptxas in the path nor in /usr/local/cuda*/bin, so registers are not known";
  else if (!assemble(assembler, gpu, device->ptx) || !assemble(assembler, gpu, device->functions_ptx))
    gpu->unknown = arena_printf(c->arena, "%s does not assemble the code, so registers are not known", assembler);
}

bool explain_gpu(Compilation *c, OnDevice *ret) {
  const Backend *backend = backend_load();
  CgOptions options = tool_cg_options(c);
  options.devices |= CG_EMULATED;
  CgProgram *made = backend ? backend->cg_compile(c->s, c->module, &options) : NULL;
  CgJit *jit = made ? backend->cg_jit(c->s, made) : NULL;
  tool_report(c);
  if (!jit) return false;
  const struct nsl_program *p = backend->cg_jit_program(jit);
  const char *assembler = assembler_find(c->arena);
  *ret = (OnDevice){.refused = tool_refused(c, p)};
  for (uint32_t i = 0; i < p->n_devices; i++)
    if (p->devices[i].ptx) gpu_fill(c, &ret->gpus[ret->n++], &p->devices[i], p->n_kernels, assembler);
  backend->cg_jit_free(jit);
  return true;
}

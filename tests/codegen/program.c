/* Whole programs from one model: objects that repeat byte for byte, the table read back from a shared library
 * field by field, the same final state from code in memory, from the library and at every level, an
 * executable that runs, files that are never half-written, debug information that LLVM's own checker accepts.
 *
 * usage: program STDLIB LIBNSLRT.A NSL.H LIBRARY ARGUMENTS… */
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "lang/diag.h"
#include "parser/parse.h"
#include "runtime/nsl.h"
#include "tests/math/tap.h"

static const char model_text[] =
    "language 1\n"
    "neuron lif {\n"
    "  param tau = 20 ms in (0, inf), tau_e = 5 ms, E_L = -49 mV, V_th = -50 mV, V_r = -60 mV, t_ref = 5 ms\n"
    "  param offset = 0 mV\n"
    "  state V = E_L, g = 0 mV\n"
    "  V' = (g - (V - E_L - offset)) / tau\n"
    "  g' = -g / tau_e\n"
    "  receive exc(w : mV) { g += w }\n"
    "  spike when V > V_th { V = V_r; hold V for t_ref }\n"
    "}\n"
    "network net {\n"
    "  param p = 0.1\n"
    "  population E : lif[300] { V ~ uniform(-60 mV, -50 mV); offset ~ normal(0 mV, 1 mV) }\n"
    "  connect E -> E.exc by probability(p) { weight ~ normal(0.2 mV, 0.05 mV); delay = 1 ms }\n"
    "  drive E.exc with poisson(200 Hz) { weight = 0.1 mV; delay = 1 ms }\n"
    "}\n"
    "experiment main_run {\n"
    "  network net\n"
    "  record spikes of E\n"
    "  record V of E[0..3] every 1 ms\n"
    "  run 50 ms with dt = 0.1 ms\n"
    "  expect rate(E) in [0 Hz, 1000 Hz]\n"
    "}\n";

typedef struct {
  const char *stdlib, *dir;
  CgLink link;
} Setup;

static IrModule *module_of(Session *s, const Setup *setup) {
  s->stdlib_path = setup->stdlib;
  const Source *source = source_add(s, "model.nsl", model_text, sizeof model_text - 1);
  CheckOptions check = {.parse = parse_source};
  Model *model = model_check(s, parse_source(s, source), &check);
  IrModule *m = s->errors ? NULL : ir_lower(s, s->arena, model);
  if (m) m = ir_pipeline(s, m, NULL);
  diag_print(s, stderr, false, false);
  if (!m || s->errors) exit(1);
  return m;
}

static const char *in_dir(Session *s, const Setup *setup, const char *name) {
  return arena_printf(s->arena, "%s/%s", setup->dir, name);
}

static const char *file_text(Session *s, const char *path, size_t *ret_size) {
  FILE *f = fopen(path, "rb");
  *ret_size = 0;
  if (!f) return "";
  char *text = arena_alloc(s->arena, 4 << 20);
  *ret_size = fread(text, 1, (4 << 20) - 1, f);
  fclose(f);
  return text;
}

static int files_in(const char *dir) {
  DIR *d = opendir(dir);
  int n = 0;
  for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
  if (d) closedir(d);
  return n;
}

static void empty(const char *dir) {
  char command[5000];
  snprintf(command, sizeof command, "rm -rf '%s'/*", dir);
  if (system(command) != 0) exit(1);
}

/* ---- objects */
static void test_objects(const Setup *setup) {
  size_t size[3];
  const char *bytes[3];
  const CgOptions ways[3] = {{.cpu = "portable", .opt = 2, .threads = 1},
                             {.cpu = "portable", .opt = 2, .threads = 3},
                             {.cpu = "portable", .opt = 2, .f32 = true}};
  Session *s = session_new();
  for (int i = 0; i < 3; i++) {
    Session *own = session_new();
    const char *path = in_dir(s, setup, "object.o");
    CgProgram *p = cg_compile(own, module_of(own, setup), &ways[i]);
    if (!p || !cg_write_object(own, p, path)) exit(1);
    bytes[i] = file_text(s, path, &size[i]);
    session_free(own);
  }
  tap_ok(size[0] > 0 && size[0] == size[1] && !memcmp(bytes[0], bytes[1], size[0]),
         "two compilations, with 1 and 3 threads, give the same %zu bytes", size[0]);
  tap_ok(size[2] != size[0] || memcmp(bytes[0], bytes[2], size[0]), "float32 gives other bytes");
  char command[5000];
  snprintf(command, sizeof command, "llvm-dwarfdump-19 --verify '%s/object.o' >/dev/null 2>&1", setup->dir);
  int status = system("llvm-dwarfdump-19 --version >/dev/null 2>&1") == 0 ? system(command) : -1;
  if (status < 0)
    tap_ok(1, "debug information # SKIP no llvm-dwarfdump-19");
  else
    tap_ok(status == 0, "llvm-dwarfdump --verify finds nothing wrong");
  session_free(s);
  empty(setup->dir);
}

/* ---- texts */
static const char *printed(Session *s, const Setup *setup, CgOptions options, CgText form) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  Session *own = session_new();
  cg_print(own, module_of(own, setup), &options, form, f);
  session_free(own);
  fclose(f);
  const char *copy = arena_text(s->arena, text, size);
  __builtin_free(text);
  return copy;
}

static void test_texts(const Setup *setup) {
  Session *s = session_new();
  const char *v3 = printed(s, setup, (CgOptions){.cpu = "x86-64-v3", .opt = 2, .debug = true}, CG_ASM);
  const char *v4 = printed(s, setup, (CgOptions){.cpu = "x86-64-v4", .opt = 2}, CG_ASM);
  const char *ir = printed(s, setup, (CgOptions){.cpu = "x86-64-v4", .opt = 2, .f32 = true}, CG_LLVM);
  tap_ok(strstr(v3, "%ymm") && !strstr(v3, "%zmm"), "x86-64-v3: vectors of 256 bits, none of 512");
  tap_ok(strstr(v4, "%zmm") != NULL, "x86-64-v4: vectors of 512 bits");
  tap_ok(strstr(v4, "model.nsl") != NULL, "the model's file is in the line table");
  tap_ok(strstr(ir, "<16 x float>") != NULL, "float32: 16 lanes");
  const char *step = strstr(ir, "define hidden i64 @\"step.lif");
  if (!step) step = strstr(ir, "define hidden i64 @step.lif");
  tap_ok(step && !memmem(step, (size_t)(strstr(step, "\n}") - step), "call <16 x float> @nslm", 23),
         "the step kernel calls no function of math/: all is inlined");
  session_free(s);
}

/* ---- the table, field by field */
static int differences;
static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }
static void differs(bool different, const char *what) {
  if (different && differences++ < 5) printf("# differs: %s\n", what);
}
#define STR(S, f) differs(!same_text(a->f, b->f), #S "." #f);
#define U32(S, f) differs(a->f != b->f, #S "." #f);
#define U64(S, f) differs(a->f != b->f, #S "." #f);
#define F64(S, f) differs(memcmp(&a->f, &b->f, sizeof a->f) != 0, #S "." #f);
#define ONE(S, T, f) same_##T(&a->f, &b->f);
#define ARR(S, T, f)                               \
  differs(a->n_##f != b->n_##f, #S ".n_" #f);      \
  for (uint32_t i = 0; i < a->n_##f && a->n_##f == b->n_##f; i++) same_##T(&a->f[i], &b->f[i]);
#define STRS(S, f)                                                \
  differs(a->n_##f != b->n_##f, #S ".n_" #f);                     \
  for (uint32_t i = 0; i < a->n_##f && a->n_##f == b->n_##f; i++) \
    differs(!same_text(a->f[i], b->f[i]), #S "." #f);
#define NUMS(S, f)                                 \
  differs(a->n_##f != b->n_##f, #S ".n_" #f);      \
  for (uint32_t i = 0; i < a->n_##f && a->n_##f == b->n_##f; i++) differs(a->f[i] != b->f[i], #S "." #f);
#define STRUCT(name, fields) \
  static void same_##name(const struct nsl_##name *a, const struct nsl_##name *b) { fields }
static void same_level(const struct nsl_level *a, const struct nsl_level *b) { (void)a, (void)b; }
static void same_device(const struct nsl_device *a, const struct nsl_device *b) { (void)a, (void)b; }
#include "runtime/abi.def"
#undef STRUCT

/* Kernels that a step calls have code for each device, no others: PTX with their entries, or an address. */
static bool device_holds(const IrModule *m, const struct nsl_device *d) {
  bool text = strcmp(d->name, "emulated") != 0, holds = !d->ptx == !text && !d->functions_ptx == !text;
  for (uint32_t i = 0; i < m->kernels.n; i++) {
    const IrKernel *k = m->kernels.at[i];
    const char *symbol = d->symbols[k->index];
    bool has = symbol && (text ? strstr(d->ptx, symbol) != NULL : d->kernels[k->index] != NULL);
    holds &= has == ir_kernel_on_devices(k->kind) && !(symbol && strpbrk(symbol, ". "));
  }
  return holds && (text ? strstr(d->functions_ptx, ".entry rt_dev_push") && strstr(d->ptx, d->name) : d->functions[0] != NULL);
}

static void test_devices(const IrModule *m, const struct nsl_program *got, const char *where) {
  uint32_t holds = 0;
  for (uint32_t i = 0; i < got->n_devices; i++) holds += device_holds(m, &got->devices[i]);
  tap_ok(got->n_devices == 3 && holds == 3, "%s: portable, and for the emulator: %u of %u devices have code for the step",
         where, holds, got->n_devices);
}

static void test_library(const Setup *setup, uint64_t want_hash) {
  Session *s = session_new();
  IrModule *m = module_of(s, setup);
  CgOptions options = {.cpu = "portable", .opt = 2, .devices = CG_EMULATED};
  const char *path = in_dir(s, setup, "model.so");
  CgProgram *p = cg_compile(s, m, &options);
  bool linked = p && cg_link_lib(s, p, &setup->link, path);
  diag_print(s, stderr, false, false);
  tap_ok(linked && files_in(setup->dir) == 3,
         "a shared library with model.h and nsl.h beside it, and nothing else");
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const struct nsl_program *got = lib ? dlsym(lib, "nsl_model_program") : NULL;
  if (!got) {
    tap_ok(0, "the library cannot be loaded: %s", dlerror());
    return;
  }
  struct nsl_program want = *cg_table(s, m, &options, s->arena);
  tap_ok(got->n_levels == 3 && got->levels[0].x86_level == 2 && got->levels[2].x86_level == 4,
         "portable: three levels");
  int missing = 0;
  for (uint32_t l = 0; l < got->n_levels; l++)
    for (uint32_t i = 0; i < m->kernels.n; i++)
      missing +=
          (ir_kernel_levels(m->kernels.at[i]->kind) & 2) && !got->levels[l].kernels[m->kernels.at[i]->index];
  tap_ok(missing == 0, "every kernel at every level");
  test_devices(m, got, "library");
  CgJit *jit = cg_jit(s, p);
  test_devices(m, cg_jit_program(jit), "in memory");
  cg_jit_free(jit);
  want.n_levels = got->n_levels;
  want.levels = got->levels;
  want.n_devices = got->n_devices;
  want.devices = got->devices;
  same_program(&want, got);
  tap_ok(differences == 0, "the table that was compiled is the one that was made");
  tap_ok(!dlsym(lib, "nslm_exp_f64") && !dlsym(lib, "rt_steps"), "the library offers nothing but nsl_*");
  int (*open_sim)(const struct nsl_program *, const char *, struct nsl_sim **) =
      (int (*)(const struct nsl_program *, const char *, struct nsl_sim **))dlsym(lib, "nsl_open");
  int (*run)(struct nsl_sim *, double) = (int (*)(struct nsl_sim *, double))dlsym(lib, "nsl_run");
  int (*hash)(struct nsl_sim *, uint64_t *) =
      (int (*)(struct nsl_sim *, uint64_t *))dlsym(lib, "nsl_state_hash");
  struct nsl_sim *sim;
  uint64_t h = 0;
  bool ran =
      open_sim && run && hash && open_sim(got, NULL, &sim) == 0 && run(sim, 50) == 0 && hash(sim, &h) == 0;
  tap_ok(ran && h == want_hash, "50 ms in the library end in the state of the code in memory");
  dlclose(lib);
  session_free(s);
  empty(setup->dir);
}

/* ---- in memory */
static uint64_t jit_hash(const Setup *setup, CgOptions options) {
  Session *s = session_new();
  CgProgram *p = cg_compile(s, module_of(s, setup), &options);
  CgJit *jit = p ? cg_jit(s, p) : NULL;
  struct nsl_sim *sim;
  uint64_t h = 0;
  if (!jit || nsl_open(cg_jit_program(jit), NULL, &sim) < 0 || nsl_run(sim, 50) < 0 ||
      nsl_state_hash(sim, &h) < 0)
    printf("# %s\n", nsl_error());
  else
    nsl_close(sim);
  cg_jit_free(jit);
  session_free(s);
  return h;
}

static uint64_t test_memory(const Setup *setup) {
  uint64_t want = jit_hash(setup, (CgOptions){.opt = 2});
  tap_ok(want != 0, "code in memory runs");
  __builtin_cpu_init();
  const bool here[3] = {__builtin_cpu_supports("x86-64-v2"), __builtin_cpu_supports("x86-64-v3"),
                        __builtin_cpu_supports("x86-64-v4")};
  static const char *const levels[3] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  for (int i = 0; i < 3; i++)
    for (int opt = 0; opt <= 2; opt += 2)
      if (here[i])
        tap_ok(jit_hash(setup, (CgOptions){.cpu = levels[i], .opt = opt}) == want,
               "the same state at %s, opt %d", levels[i], opt);
      else
        tap_ok(1, "%s # SKIP this processor is older", levels[i]);
  tap_ok(jit_hash(setup, (CgOptions){.opt = 2, .debug = true}) == want,
         "the same state with debug information");
  return want;
}

/* ---- executables, and what cannot be written */
static void test_executable(const Setup *setup, uint64_t want_hash) {
  Session *s = session_new();
  CgOptions options = {.cpu = "portable", .opt = 2};
  IrModule *m = module_of(s, setup);
  CgProgram *p = cg_compile(s, m, &options);
  const char *path = in_dir(s, setup, "model");
  tap_ok(p && cg_link_exe(s, p, &setup->link, path) && files_in(setup->dir) == 1,
         "an executable, and nothing beside it");
  int status =
      system(arena_printf(s->arena, "'%s' --quiet --threads 2 --out '%s/out' > /dev/null", path, setup->dir));
  tap_ok(status == 0, "it runs");
  size_t size;
  const char *json = file_text(s, in_dir(s, setup, "out/run.json"), &size);
  tap_ok(strstr(json, arena_printf(s->arena, "%016llx", (unsigned long long)want_hash)) != NULL,
         "to the same state");
  empty(setup->dir);

  uint32_t errors = s->errors;
  tap_ok(
      !cg_link_exe(s, p, &setup->link, in_dir(s, setup, "no/such/folder/model")) && s->errors == errors + 1,
      "a folder that does not exist: one message");
  CgLink broken = setup->link;
  broken.runtime = "/nonexistent/libnslrt.a";
  tap_ok(!cg_link_exe(s, p, &broken, in_dir(s, setup, "broken")) && s->errors == errors + 2 &&
             files_in(setup->dir) == 0,
         "a link that fails: one message, no file left");
  mkdir(in_dir(s, setup, "folder"), 0777);
  tap_ok(!cg_link_exe(s, p, &setup->link, in_dir(s, setup, "folder")) && s->errors == errors + 3 &&
             files_in(setup->dir) == 1,
         "a folder in the place of the program: one message");
  options.cpu = "x86-64-v5";
  tap_ok(!cg_compile(s, m, &options) && s->errors == errors + 4, "an unknown processor: one message");
  session_free(s);
  empty(setup->dir);
}

int main(int argc, char **argv) {
  char dir[] = "/tmp/nsl-codegen-XXXXXX";
  if (argc < 4 || !mkdtemp(dir)) return 2;
  Setup setup = {.stdlib = argv[1], .dir = dir,
                 .link = {.runtime = argv[2], .header = argv[3], .libs = (const char *const *)(argv + 4)}};
  test_objects(&setup);
  test_texts(&setup);
  uint64_t hash = test_memory(&setup);
  test_library(&setup, hash);
  test_executable(&setup, hash);
  rmdir(dir);
  return tap_done();
}

/* Compiled kernels against the reference evaluator: thousands of random well-typed kernels, float64 and
 * float32, at every x86 level that this machine has, quick and full compilation: the same bits in every
 * array, the same verdict of the checks. A difference is shrunk and printed.
 *
 * usage: kernels [PERCENT OF THE USUAL NUMBER [FIRST SEED [THE WAY, FROM 1]]] */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "tests/codegen/shrink.h"
#include "tests/math/tap.h"

typedef struct {
  const char *cpu;
  int opt;
  bool f32, fits; /* fits: their kernels alone */
} Way;

static struct nsl_env env_of(const IrEnv *e) {
  _Static_assert(sizeof(IrEvent) == sizeof(struct nsl_event), "events are alike on both sides");
  return (struct nsl_env){.slots = e->slots, .u = e->u, .set = e->set, .key = e->key, .step = e->step, .first = e->first,
                          .count = e->count, .t = e->t, .dt = e->dt, .steps = e->steps, .lag = e->lag,
                          .ring_mask = e->ring_mask, .ring_row = e->ring_row, .tape_row = e->tape_row, .lags = e->lags,
                          .events = (const struct nsl_event *)(const void *)e->events};
}

static uint64_t call(nsl_kernel_fn *f, const IrEnv *e) {
  struct nsl_env env = env_of(e);
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040); /* as the runtime's threads */
  uint64_t bad = f(&env);
  _mm_setcsr(mode);
  return bad;
}

/* NULL or what differs. */
static const char *compare(Session *s, Arena *a, const IrKernel *k, const CgJit *jit, uint64_t seed, const CgOptions *options) {
  RandomMemory *want = random_memory(a, k, seed, options->f32), *got = random_memory(a, k, seed, options->f32);
  uint64_t bad = ir_eval(k, &want->env), bad_got = call(cg_jit_kernel(jit, k->index), &got->env);
  /* a synapse row that ends inside of a vector computes some elements more, but checks nothing */
  if (!bad != !bad_got) return arena_printf(a, "checks: %d and %d", bad != 0, bad_got != 0);
  return random_memory_diff(s, a, k, want, got);
}

static void batch(const Way *way, uint64_t first, uint32_t n) {
  static const KernelKind fits[] = {KERNEL_MARCH, KERNEL_BACK, KERNEL_MARCH, KERNEL_BACK, KERNEL_BEGIN};
  Session *s = session_new();
  IrModule *m = NEW(s->arena, IrModule);
  m->level = 2;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t seed = first + i;
    uint32_t size = 5 + (uint32_t)(seed * 37 % 90); /* small and large ones in turn */
    KernelKind kind = way->fits ? fits[seed % COUNT_OF(fits)] : random_kind(seed);
    ir_module_add(m, s->arena, random_kernel(s, s->arena, seed, kind, size));
  }
  CgOptions options = {.cpu = way->cpu, .opt = way->opt, .f32 = way->f32, .kernels_only = true};
  CgJit *jit = compile(s, m, &options);
  uint32_t same = 0;
  for (uint32_t i = 0; i < n && jit; i++) {
    Arena *a = arena_new();
    const IrKernel *k = m->kernels.at[i];
    const char *difference = compare(s, a, k, jit, first + i, &options);
    if (difference && i - same < 2) report(s, k, first + i, &options, compare, difference);
    same += difference == NULL;
    arena_free(a);
  }
  tap_ok(same == n, "%s at %s, opt %d: %u of %u kernels%s as the reference evaluator",
         way->f32 ? "float32" : "float64", way->cpu, way->opt, same, n, way->fits ? " of fits" : "");
  cg_jit_free(jit);
  session_free(s);
}

/* Constants that decide a value too small for a normal number: zero, whoever computes it. The third is found
 * only after `init` has become a float. */
static const char tiny[] =
    "kernel step \"tiny.step\" 0\n"
    "  slot 0 state 0 \"x\" real []\n"
    "  slot 1 state 1 \"y\" real []\n"
    "  slot 2 state 2 \"z\" real []\n"
    "  %0 = const 0x1p-70 : real []\n"
    "  %1 = mul %0 %0 : real []\n"
    "  %2 = const 0x1p-140 : real []\n"
    "  %3 = const -0x1p-1030 : real []\n"
    "  store 0 \"x\" %1\n"
    "  store 1 \"y\" %2\n"
    "  store 2 \"z\" %3\n"
    "end\n"
    "kernel init \"tiny.init\" 1\n"
    "  slot 0 param 0 \"p\" real []\n"
    "  slot 1 param 1 \"q\" real []\n"
    "  %0 = const -0x1.9p+6 : real []\n"
    "  %1 = exp %0 : real []\n"
    "  %2 = const 0x1p-1000 : real []\n"
    "  %3 = mul %2 %2 : real []\n"
    "  store 0 \"p\" %1\n"
    "  store 1 \"q\" %3\n"
    "end\n"
    "kernel init \"tiny.turns\" 2\n"
    "  slot 0 param 0 \"p\" real []\n"
    "  %0 = const -0x1p-140 : real []\n"
    "  %1 = le %0 %0 : bool []\n"
    "  loop 2 %1\n"
    "  %3 = carry %0 : real []\n"
    "  next %3 %0\n"
    "  again %1\n"
    "  store 0 \"p\" %3\n"
    "end\n";

static void test_tiny(const Way *way) {
  Session *s = session_new();
  const char *error = NULL;
  IrModule *m = ir_read(s, s->arena, tiny, &error);
  CgOptions options = {.cpu = way->cpu, .opt = way->opt, .f32 = way->f32, .kernels_only = true};
  if (m) m->level = 2;
  CgJit *jit = m ? compile(s, m, &options) : NULL;
  for (uint32_t i = 0; jit && i < m->kernels.n; i++) {
    const char *difference = compare(s, s->arena, m->kernels.at[i], jit, 1, &options);
    if (difference) error = difference;
  }
  tap_ok(jit && !error, "%s at %s, opt %d: what constants make too small is zero (%s)",
         way->f32 ? "float32" : "float64", way->cpu, way->opt, error ? error : "all alike");
  cg_jit_free(jit);
  session_free(s);
}

/* Who compiles far longer than a unit can take ends with the kernel's name, not never. */
static void test_patience(void) {
  int ends[2], status = 0;
  char said[2000] = "";
  if (pipe(ends)) return;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    Session *s = session_new();
    IrModule *m = NEW(s->arena, IrModule);
    m->level = 2;
    for (uint64_t seed = 0; seed < 40; seed++)
      ir_module_add(m, s->arena, random_kernel(s, s->arena, seed, KERNEL_STEP, 90));
    CgOptions options = {.cpu = "x86-64-v3", .opt = 2, .kernels_only = true, .patience_s = 1e-4};
    cg_compile(s, m, &options);
    _exit(0);
  }
  close(ends[1]);
  for (size_t n = 0, got = 1; got > 0 && got < sizeof said && n < sizeof said - 1; n += got)
    got = (size_t)read(ends[0], said + n, sizeof said - 1 - n);
  close(ends[0]);
  waitpid(child, &status, 0);
  tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 70 && strstr(said, "LLVM does not come to an end over the kernels"),
         "compilation without an end: status %d, \"%.*s\"", WEXITSTATUS(status), (int)strcspn(said, "\n"), said);
}

int main(int argc, char **argv) {
  uint32_t percent = argc > 1 ? (uint32_t)atoi(argv[1]) : 100;
  uint64_t first = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  uint32_t only = argc > 3 ? (uint32_t)atoi(argv[3]) : 0, test = 0;
  __builtin_cpu_init();
  const struct {
    const char *cpu;
    bool here;
    uint32_t kernels; /* a batch: the older the processor, the longer the code */
  } levels[] = {{"x86-64-v2", __builtin_cpu_supports("x86-64-v2"), 20},
                {"x86-64-v3", __builtin_cpu_supports("x86-64-v3"), 70},
                {"x86-64-v4", __builtin_cpu_supports("x86-64-v4"), 150}};
  for (size_t i = 0; i < COUNT_OF(levels); i++)
    for (int opt = 0; opt <= 2; opt += 2)
      for (int f32 = 0; f32 < 2; f32++, first += 1000) {
        uint32_t n = (levels[i].kernels * percent + 99) / 100;
        if (++test != only && only) continue;
        if (levels[i].here) test_tiny(&(Way){levels[i].cpu, opt, f32, false});
        if (levels[i].here && !f32) batch(&(Way){levels[i].cpu, opt, f32, true}, first + 500000, n / 2);
        if (levels[i].here)
          batch(&(Way){levels[i].cpu, opt, f32, false}, first, n);
        else
          tap_ok(1, "%s # SKIP this processor is older", levels[i].cpu);
      }
  if (!only) test_patience();
  return tap_done();
}

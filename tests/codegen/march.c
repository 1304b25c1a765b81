/* ns per element and step of a kernel over time: Hodgkin-Huxley neurons, each with its own eight parameters, driven by a
 * current, and the sum of squares of V against a trace. The kernel is read as text; it may add states to those that
 * have a number here (they begin at 0), so that its derivatives can be measured beside it. First it is compared with the reference
 * evaluator.
 *
 * usage: march KERNEL.ir [ELEMENTS [STEPS [cpu [asm | llvm]]]] */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/codegen.h"
#include "lang/session.h"
#include "math/math.h"

typedef struct {
  SlotKind kind;
  const char *name;
  double from, to; /* spread over the elements; of a sample: over the steps */
} Number;
static const Number numbers[] = {
    {SLOT_UNIFORM, "na.celsius", 279.45, 0}, {SLOT_UNIFORM, "k.celsius", 279.45, 0},
    {SLOT_PARAM, "C", 0.0095, 0.0105},       {SLOT_PARAM, "area", 7600, 8100},
    {SLOT_PARAM, "na.g", 1.1, 1.3},          {SLOT_PARAM, "na.E", 48, 52},
    {SLOT_PARAM, "k.g", 0.33, 0.39},         {SLOT_PARAM, "k.E", -79, -75},
    {SLOT_PARAM, "leak.g", 0.0028, 0.0032},  {SLOT_PARAM, "leak.E", -56, -52},
    {SLOT_STATE, "na.m", 0.053, 0.053},      {SLOT_STATE, "na.h", 0.596, 0.596},
    {SLOT_STATE, "k.n", 0.318, 0.318},       {SLOT_STATE, "V", -65, -65},
    {SLOT_SAMPLE, "I", 500, 1500},           {SLOT_SAMPLE, "V", -65, -55},
    {SLOT_SAMPLE, "weight", 1, 1},
};

static Number number_of(const Session *s, const IrSlot *slot) {
  for (size_t i = 0; i < COUNT_OF(numbers); i++)
    if (numbers[i].kind == slot->kind && !strcmp(numbers[i].name, name_str(s, slot->name))) return numbers[i];
  return (Number){slot->kind, "", 0, 0};
}

static uint64_t slot_doubles(const IrSlot *slot, const struct nsl_env *env) {
  uint64_t row = (uint64_t)env->count;
  if (slot->kind == SLOT_TAPE) return row * env->steps;
  if (slot->kind == SLOT_RING) return row * (env->ring_mask + 1);
  return slot->kind == SLOT_SAMPLE ? env->steps : row;
}

static double *aligned(Arena *a, uint64_t doubles) {
  uintptr_t p = (uintptr_t)arena_alloc(a, doubles * sizeof(double) + 64);
  return (double *)((p + 63) & ~(uintptr_t)63);
}

static struct nsl_env memory(const Session *s, Arena *a, const IrKernel *k, int64_t elements, uint64_t steps) {
  struct nsl_env env = {.count = elements, .steps = steps, .step = 1, .dt = 0.01, .lag = 50, .ring_mask = 63,
                        .ring_row = (uint64_t)elements, .tape_row = (uint64_t)elements};
  void **slots = NEW_ARRAY(a, void *, k->slots.n + 1);
  env.u = NEW_ARRAY(a, double, 64);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    Number number = number_of(s, slot);
    if (slot->kind == SLOT_UNIFORM) env.u[slot->index] = number.from;
    if (slot->kind == SLOT_UNIFORM) continue;
    uint64_t n = slot_doubles(slot, &env);
    double *array = slots[i] = aligned(a, n);
    for (uint64_t e = 0; e < n; e++)
      array[e] = number.from + (number.to - number.from) * (double)(e * 7 % n) / (double)n;
  }
  env.slots = slots;
  return env;
}

/* All states, in the order of the slots, as one number. */
static uint64_t states_hash(const IrKernel *k, const struct nsl_env *env) {
  uint64_t hash = 0;
  for (uint32_t i = 0; i < k->slots.n; i++) {
    if (k->slots.at[i].kind != SLOT_STATE) continue;
    const uint64_t *words = env->slots[i];
    for (int64_t e = 0; e < env->count; e++) hash = (hash ^ words[e]) * 0x9e3779b97f4a7c15u + (hash >> 29);
  }
  return hash;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool as_reference(const Session *s, const IrKernel *k, nsl_kernel_fn *f) {
  Arena *a = arena_new();
  struct nsl_env got = memory(s, a, k, 16, 300), want = memory(s, a, k, 16, 300);
  IrEnv env = {.slots = want.slots, .u = want.u, .step = want.step, .count = want.count, .dt = want.dt,
               .steps = want.steps, .lag = want.lag, .ring_mask = want.ring_mask, .ring_row = want.ring_row,
               .tape_row = want.tape_row};
  f(&got);
  ir_eval(k, &env);
  bool same = states_hash(k, &got) == states_hash(k, &want);
  arena_free(a);
  return same;
}

static void measure(const Session *s, const IrKernel *k, nsl_kernel_fn *f, int64_t elements, uint64_t steps) {
  double best = 1e30;
  uint64_t hash = 0;
  for (int i = 0; i < 7; i++) {
    Arena *a = arena_new();
    struct nsl_env env = memory(s, a, k, elements, steps);
    double start = now();
    f(&env);
    double took = now() - start;
    if (took < best) best = took;
    hash = states_hash(k, &env);
    arena_free(a);
  }
  printf("%s: %lld elements, %llu steps: %.2f ms, %.3f ns per element and step; states %016llx\n",
         name_str(s, k->name), (long long)elements, (unsigned long long)steps, best,
         best * 1e6 / (double)elements / (double)steps, (unsigned long long)hash);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("usage: march KERNEL.ir [ELEMENTS [STEPS [cpu [asm | llvm]]]]\n", stderr);
    return 2;
  }
  int64_t elements = argc > 2 ? atoll(argv[2]) : 1000;
  uint64_t steps = argc > 3 ? (uint64_t)atoll(argv[3]) : 10000;
  Session *s = session_new();
  const Source *source = source_load(s, argv[1], (Span){0, 0});
  const char *error = source ? NULL : "cannot be read";
  IrModule *m = source ? ir_read(s, s->arena, source->text, &error) : NULL;
  if (!m || error || elements % 8 != 0) {
    fprintf(stderr, "%s: %s\n", argv[1], error ? error : "elements are a multiple of 8");
    return 1;
  }
  m->level = 2;
  CgOptions options = {.opt = 2, .cpu = argc > 4 ? argv[4] : "native", .kernels_only = true};
  if (argc > 5) return !cg_print(s, m, &options, strcmp(argv[5], "asm") ? CG_LLVM : CG_ASM, stdout);
  CgProgram *p = ir_verify(s, m, stderr) ? NULL : cg_compile(s, m, &options);
  CgJit *jit = p ? cg_jit(s, p) : NULL;
  if (!jit) return 1;
  _mm_setcsr(_mm_getcsr() | 0x8040); /* as the runtime's threads */
  for (uint32_t i = 0; i < m->kernels.n; i++) {
    const IrKernel *k = m->kernels.at[i];
    nsl_kernel_fn *f = cg_jit_kernel(jit, k->index);
    if (!as_reference(s, k, f)) printf("%s: not the bits of the reference evaluator\n", name_str(s, k->name));
    measure(s, k, f, elements, steps);
  }
  cg_jit_free(jit);
  session_free(s);
  return 0;
}

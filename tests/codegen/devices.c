/* Kernels of devices, run by the emulator: random well-typed kernels give the bits of the reference evaluator, of x86 at every level
 * that this machine has, and of the device form with blocks of any size and in any order. A third of them works on numbers around the
 * least normal one, where x86 flushes and devices have code for it (codegen/flush.c); and each operation that rounds meets the numbers
 * whose result is rounded up to the least normal one. A difference is shrunk and printed.
 *
 * usage: devices [NUMBER OF KERNELS [FIRST SEED [x86]]]   x86: on the processor too, at every level (else kernels.c does that) */
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"
#include "runtime/emulate.h"
#include "tests/codegen/shrink.h"
#include "tests/math/tap.h"

enum { BATCH = 25, RING = 4, MOST_BLOCKS = 64 };

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* ---- numbers around the least normal one: their products and quotients too */
static double tiny(uint64_t h, bool f32) {
  int least = f32 ? -126 : -1022;
  static const int below[] = {0, 0, 1, 2, 20, 30, 52, 53};
  const double half = least / 2, ends[] = {least, least + 1, half, half - 1, half + 20, least + 60, -1, 0, 1, -half, -least};
  double whole = h >> 60 == 0 ? 1 : h >> 60 == 1 ? 2 - (f32 ? 0x1p-23 : 0x1p-52) : 1 + (double)(h >> 40 & 0xfffff) * 0x1p-20;
  double x = ldexp(whole, (int)ends[h % COUNT_OF(ends)] + below[h >> 8 & 7]);
  if (fabs(x) < ldexp(1, least)) x = 0;
  return h >> 16 & 1 ? -x : x;
}

static void make_tiny(RandomMemory *m, const IrKernel *k, uint64_t seed, bool f32) {
  for (uint32_t i = 0; i < m->n_u; i++)
    if (i < 100 && mix(seed + i) % 3) m->env.u[i] = tiny(mix(seed ^ (i * 77u)), f32);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    const IrSlot *slot = &k->slots.at[i];
    bool single = f32 && !ir_kernel_f64_arrays(k->kind);
    void *at = m->env.slots[i];
    if (!at || slot->type == IR_BOOL || slot->kind == SLOT_PORT || slot->kind == SLOT_TAPE) continue; /* a tape says how often loops turn */
    for (size_t e = 0; e < m->bytes[i] / (single ? 4 : 8); e++) {
      uint64_t h = mix(seed ^ ((uint64_t)slot->kind << 40) ^ ((uint64_t)slot->index << 32) ^ e);
      if (h % 4 == 0) continue;
      if (single) ((float *)at)[e] = (float)tiny(mix(h), true);
      else ((double *)at)[e] = tiny(mix(h), false);
    }
  }
}

static void tiny_constants(IrKernel *k, uint64_t seed, bool f32) {
  for (uint32_t i = 0; i < k->ins.n; i++) {
    IrIns *ins = &k->ins.at[i];
    if (ins->op == IR_CONST && ins->type == IR_REAL && mix(seed + i) % 3 == 0) ins->num = tiny(mix(seed ^ (i * 91u)), f32);
  }
}

static int by_element(const void *a, const void *b) {
  const IrEvent *x = a, *y = b;
  return x->element < y->element ? -1 : x->element > y->element ? 1 : x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static RandomMemory *memory(Arena *a, const IrKernel *k, uint64_t seed, bool f32) {
  RandomMemory *m = random_memory(a, k, seed, f32);
  if (seed % 3 == 0) make_tiny(m, k, seed, f32);
  m->env.t = ((double)m->env.step - (k->kind == KERNEL_DRIVE ? 0.5 : 0)) * m->env.dt; /* as on devices */
  IrEvent *events = NEW_ARRAY(a, IrEvent, (size_t)m->env.count);
  memcpy(events, m->env.events, sizeof *events * (size_t)m->env.count);
  qsort(events, (size_t)m->env.count, sizeof *events, by_element);
  for (int64_t i = 1; i < m->env.count; i++) /* in an order that is total */
    if (events[i].element == events[i - 1].element && events[i].ordinal <= events[i - 1].ordinal)
      events[i].ordinal = events[i - 1].ordinal + 1;
  m->env.events = events;
  return m;
}

/* ---- the ways to run a kernel */
static struct nsl_env env_of(const IrEnv *e) {
  return (struct nsl_env){.slots = e->slots, .u = e->u, .set = e->set, .key = e->key, .step = e->step, .first = e->first,
                          .count = e->count, .t = e->t, .dt = e->dt, .steps = e->steps, .lag = e->lag, .ring_mask = e->ring_mask,
                          .ring_row = e->ring_row, .tape_row = e->tape_row, .lags = e->lags,
                          .events = (const struct nsl_event *)(const void *)e->events};
}

static bool run_x86(nsl_kernel_fn *f, const IrEnv *e) {
  struct nsl_env env = env_of(e);
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040); /* as the runtime's threads */
  bool bad = f(&env) != 0;
  _mm_setcsr(mode);
  return bad;
}

typedef struct {
  uint32_t block;
  struct rt_emu_order order;
  bool parts; /* the elements as two envs */
} Launch;

/* Accumulators as a ring, of which this step's row is not the first. */
static void **rings(Arena *a, const IrKernel *k, const RandomMemory *m, uint64_t row, size_t bytes, bool back) {
  void **slots = NEW_ARRAY(a, void *, k->slots.n + 1);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    slots[i] = m->env.slots[i];
    if (k->slots.at[i].kind != SLOT_PORT || back) continue;
    char *ring = arena_alloc(a, RING * row * bytes);
    memset(ring, 0x55, RING * row * bytes);
    memcpy(ring + (m->env.step & (RING - 1)) * row * bytes, m->env.slots[i], m->bytes[i]);
    slots[i] = ring;
  }
  return slots;
}

static const char *emulate(const Launch *l, nsl_device_fn *fn, const void *args, uint32_t blocks) {
  struct rt_emu *emu = rt_emu_open(l->order);
  bool fails = !emu || rt_emu_launch(emu, fn, args, blocks, l->block, 0);
  rt_emu_close(emu);
  return fails ? "the emulator fails" : NULL;
}

/* A kernel over time: an env for each NSL_MARCH_LANES elements, samples of a whole run. parts: in two launches, in each of which some envs
 * are stopped. */
static const char *run_march(Arena *a, nsl_device_fn *fn, const IrKernel *k, const RandomMemory *m, const Launch *l) {
  const IrEnv *e = &m->env;
  uint64_t n = (uint64_t)e->count / NSL_MARCH_LANES;
  void **slots = NEW_ARRAY(a, void *, k->slots.n + 1);
  struct nsl_env *envs = NEW_ARRAY(a, struct nsl_env, n + 1);
  uint32_t *stopped = NEW_ARRAY(a, uint32_t, n + 1);
  for (uint32_t i = 0; i < k->slots.n; i++) {
    slots[i] = e->slots[i];
    if (k->slots.at[i].kind == SLOT_SAMPLE) slots[i] = (void *)((uintptr_t)slots[i] - (e->step - 1) * sizeof(double));
  }
  for (uint64_t i = 0; i < n; i++) {
    envs[i] = env_of(e);
    envs[i].slots = slots;
    envs[i].first = e->first + (int64_t)i * NSL_MARCH_LANES;
    envs[i].count = -1; /* is not read, */
    envs[i].t = NAN;    /* nor is this */
  }
  struct nsl_march_launch args = {envs, stopped, n};
  uint32_t blocks = (uint32_t)((n * NSL_MARCH_LANES + l->block - 1) / l->block);
  for (uint64_t i = 0; i < n; i++) stopped[i] = l->parts && i % 2;
  const char *wrong = emulate(l, fn, &args, blocks);
  for (uint64_t i = 0; i < n; i++) stopped[i] = !stopped[i];
  return wrong || !l->parts ? wrong : emulate(l, fn, &args, blocks);
}

/* A list of what it runs for, in any order, for fewer threads than there are. parts: in two launches. */
static const char *run_learn(Arena *a, nsl_device_fn *fn, const RandomMemory *m, const Launch *l) {
  uint32_t n = (uint32_t)m->env.count, cut = l->parts ? n / 3 : n, listed = cut;
  uint32_t *list = NEW_ARRAY(a, uint32_t, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t j = (uint32_t)(mix(m->env.key + i) % (i + 1));
    list[i] = list[j];
    list[j] = i;
  }
  struct nsl_env env = env_of(&m->env);
  struct nsl_clock clock = {.step = m->env.step, .now = m->env.step};
  uint64_t bad = UINT64_MAX;
  struct nsl_launch args = {.envs = &env, .clock = &clock, .bad = &bad};
  env.step = ~env.step; /* both are the clock's */
  env.t = NAN;
  env.count = -1; /* is not read */
  env.list = list;
  env.listed = &listed;
  const char *wrong = emulate(l, fn, &args, 2);
  if (wrong || cut == n) return wrong;
  env.list = list + cut;
  listed = n - cut;
  return emulate(l, fn, &args, 2);
}

/* NULL, or what is wrong. */
static const char *run_device(Arena *a, nsl_device_fn *fn, const IrKernel *k, const RandomMemory *m, const Launch *l, bool *ret_bad) {
  const IrEnv *e = &m->env;
  bool events = k->kind == KERNEL_RECEIVE;
  size_t bytes = e->f32 ? 4 : 8;
  uint64_t row = (uint64_t)(e->first + e->count) + 64;
  void **slots = rings(a, k, m, row, bytes, false), **second = NEW_ARRAY(a, void *, k->slots.n + 1);
  struct nsl_env envs[2] = {env_of(e), env_of(e)};
  int64_t cut = l->parts && !events && e->count > 64 ? 64 : 0;
  for (int i = 0; i < 2; i++) {
    envs[i].slots = i ? second : slots;
    envs[i].ring_mask = RING - 1;
    envs[i].ring_row = row;
    envs[i].t = NAN; /* both are the clock's */
    envs[i].step = ~e->step;
  }
  envs[0].count = cut ? cut : e->count;
  envs[1].first = e->first + cut;
  envs[1].count = cut ? e->count - cut : 0;
  for (uint32_t i = 0; i < k->slots.n; i++)
    second[i] = k->slots.at[i].kind == SLOT_OUT ? (char *)slots[i] + (size_t)cut * (ir_kernel_f64_arrays(k->kind) ? 8 : bytes) : slots[i];
  uint32_t env_of_block[MOST_BLOCKS], first_of_block[MOST_BLOCKS], n = 0;
  for (uint32_t i = 0; i < 2; i++)
    for (uint32_t at = 0; at < envs[i].count && n < MOST_BLOCKS; at += l->block, n++) env_of_block[n] = i, first_of_block[n] = at;
  struct nsl_clock clock = {e->step, e->step};
  uint64_t bad = UINT64_MAX;
  struct nsl_launch args = {envs, &clock, env_of_block, first_of_block, &bad};
  const char *wrong = emulate(l, fn, &args, n);
  if (wrong) return wrong;
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_PORT) memcpy(e->slots[i], (char *)slots[i] + (e->step & (RING - 1)) * row * bytes, m->bytes[i]);
  *ret_bad = bad != UINT64_MAX;
  if (*ret_bad && (bad >> 32 != (uint32_t)e->step || (uint32_t)bad >= n * l->block)) return "who is not finite has no such step or thread";
  return NULL;
}

static bool state_not_finite(const IrKernel *k, const IrEnv *e, int64_t element) {
  for (uint32_t i = 0; i < k->slots.n; i++) {
    if (k->slots.at[i].kind != SLOT_STATE) continue;
    double x = e->f32 ? ((float *)e->slots[i])[element] : ((double *)e->slots[i])[element];
    if (!isfinite(x)) return true;
  }
  return false;
}

/* Some element's check fails, and a state of it stays so: what is reset by then, devices do not tell, and processors look. */
static bool stays_bad(Arena *a, const IrKernel *k, uint64_t seed, bool f32) {
  RandomMemory *m = memory(a, k, seed, f32);
  for (int64_t i = 0; i < m->env.count; i++) {
    IrEnv one = m->env;
    one.first += i;
    one.count = 1;
    if (ir_eval(k, &one) && state_not_finite(k, &one, one.first)) return true;
  }
  return false;
}

static const char *compare(Session *s, Arena *a, const IrKernel *k, const CgJit *jit, uint64_t seed, const CgOptions *options) {
  static const Launch launches[] = {{64, {RT_EMU_FORWARD, 0}, false}, {128, {RT_EMU_REVERSE, 0}, true}, {256, {RT_EMU_SHUFFLED, 7}, true},
                                    {32, {RT_EMU_SHUFFLED, 8}, false}};
  bool f32 = options->f32, x86 = !options->devices;
  RandomMemory *want = memory(a, k, seed, f32);
  bool bad = ir_eval(k, &want->env) != 0;
  const struct nsl_device *device = cg_jit_device(jit);
  if (!x86 && bad && !ir_kernel_over_time(k->kind)) bad = stays_bad(a, k, seed, f32);
  for (uint32_t i = 0; i <= (x86 ? 0 : COUNT_OF(launches) - 1); i++) {
    RandomMemory *got = memory(a, k, seed, f32);
    bool got_bad = false;
    const char *wrong = NULL;
    if (x86) got_bad = run_x86(cg_jit_kernel(jit, k->index), &got->env);
    else if (ir_kernel_over_time(k->kind)) wrong = run_march(a, device->kernels[k->index], k, got, &launches[i]);
    else if (k->kind == KERNEL_LEARN) wrong = run_learn(a, device->kernels[k->index], got, &launches[i]);
    else wrong = run_device(a, device->kernels[k->index], k, got, &launches[i], &got_bad);
    if (wrong) return wrong;
    if (bad != got_bad) return arena_printf(a, "checks: %d and %d", bad, got_bad);
    const char *difference = random_memory_diff(s, a, k, want, got);
    if (difference) return x86 ? difference : arena_printf(a, "blocks of %u: %s", launches[i].block, difference);
  }
  return NULL;
}

/* ---- random kernels */
typedef struct {
  const char *cpu; /* NULL: the device */
  bool here;
  uint32_t same, n;
} Way;

static void batch(Way *ways, uint32_t n_ways, uint64_t first, uint32_t n, bool f32) {
  static const KernelKind kinds[] = {KERNEL_STEP, KERNEL_STEP, KERNEL_STEP, KERNEL_RECEIVE, KERNEL_FINISH, KERNEL_RECORD, KERNEL_DRIVE,
                                     KERNEL_LEARN, KERNEL_MARCH, KERNEL_BACK};
  Session *s = session_new();
  IrModule *m = NEW(s->arena, IrModule);
  m->level = 2;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t seed = first + i;
    IrKernel *k = random_kernel(s, s->arena, seed, kinds[mix(seed) % COUNT_OF(kinds)], 5 + (uint32_t)(seed * 37 % 60));
    if (seed % 3 == 0) tiny_constants(k, seed, f32);
    ir_module_add(m, s->arena, k);
  }
  for (uint32_t w = 0; w < n_ways; w++) {
    if (!ways[w].here) continue;
    CgOptions options = {.cpu = ways[w].cpu ? ways[w].cpu : "x86-64-v2", .opt = first / BATCH % 4 ? 2 : 0, .f32 = f32, .kernels_only = true,
                         .devices = ways[w].cpu ? 0 : CG_EMULATED};
    CgJit *jit = compile(s, m, &options);
    for (uint32_t i = 0; i < n && jit; i++) {
      Arena *a = arena_new();
      const IrKernel *k = m->kernels.at[i];
      const char *difference = compare(s, a, k, jit, first + i, &options);
      if (difference && ways[w].n - ways[w].same < 2) report(s, k, first + i, &options, compare, difference);
      ways[w].same += difference == NULL;
      ways[w].n++;
      arena_free(a);
    }
    cg_jit_free(jit);
  }
  session_free(s);
}

/* ---- each operation that rounds, where it is rounded up to the least normal number */
static const char edges[] =
    "kernel step \"edges\" 0\n"
    "  slot 0 state 0 \"a\" real []\n"
    "  slot 1 state 1 \"b\" real []\n"
    "  slot 2 state 2 \"c\" real []\n"
    "  slot 3 state 3 \"d\" real []\n"
    "  slot 4 state 4 \"e\" real []\n"
    "  slot 5 state 5 \"f\" real []\n"
    "  slot 6 uniform 0 \"u\" real []\n"
    "  %0 = load 0 \"a\" : real []\n"
    "  %1 = load 1 \"b\" : real []\n"
    "  %2 = load 2 \"c\" : real []\n"
    "  %3 = load 6 \"u\" : real []\n"
    "  %4 = mul %0 %1 : real []\n"
    "  %5 = div %0 %1 : real []\n"
    "  %6 = fma %0 %1 %2 : real []\n"
    "  %7 = sub %0 %2 : real []\n"
    "  %8 = const 0x1p-1 : real []\n"
    "  %9 = mul %8 %0 : real []\n"
    "  %10 = add %7 %3 : real []\n"
    "  store 0 \"a\" %4\n"
    "  store 1 \"b\" %5\n"
    "  store 2 \"c\" %6\n"
    "  store 3 \"d\" %7\n"
    "  store 4 \"e\" %9\n"
    "  store 5 \"f\" %10\n"
    "end\n";

/* a b and a / b lie within an ulp or so of the least normal number; a b + c, where c is it, too. */
static void fill_edges(RandomMemory *m, uint64_t seed, bool f32) {
  int least = f32 ? -126 : -1022, digits = f32 ? 24 : 53;
  size_t n = m->bytes[0] / (f32 ? 4 : 8);
  for (size_t e = 0; e < n; e++) {
    uint64_t h = mix(seed * 1000 + e);
    int apart = (int)(h % 40) - 20;
    double ulp = ldexp(1, 1 - digits), a = 1 + ulp * (double)(h >> 20 & 3), b = 1 + ulp * (double)(h >> 22 & 3);
    if (h >> 24 & 1) a = 2 - ulp * (double)(h >> 20 & 3);
    if (h >> 25 & 1) b = 2 - ulp * (double)(h >> 22 & 3);
    int sum = least - (h >> 26 & 1) - (h >> 24 & 1) + (int)(h >> 27 & 1);
    a = ldexp(a, sum / 2 + apart);
    b = ldexp(b, h >> 28 & 1 ? sum - sum / 2 - apart : sum / 2 + apart - sum + (int)(h >> 29 & 1));
    double c = ldexp(h >> 30 & 1 ? 1 : 1 + ulp, least + (int)(h >> 31 & 1)) * (h >> 33 & 1 ? 1 : -1);
    if (h >> 34 & 1) a = ldexp(1 - ulp / 2 * (double)(h >> 35 & 1), least + 1) * (h >> 36 & 1 ? 1 : -1);
    double at[] = {a, b, c};
    for (int i = 0; i < 3; i++)
      if (f32) ((float *)m->env.slots[i])[e] = (float)at[i];
      else ((double *)m->env.slots[i])[e] = at[i];
  }
  double steps = ldexp((double)(seed % 33) - 16, least - digits - 3); /* of a float program's numbers, which are narrowed */
  m->env.u[0] = f32 ? ldexp(1, least) + steps : ldexp(1, least);
}

static void test_edges(bool f32) {
  Session *s = session_new();
  const char *error = NULL;
  IrModule *m = ir_read(s, s->arena, edges, &error);
  CgOptions options = {.cpu = "x86-64-v2", .opt = 2, .f32 = f32, .kernels_only = true, .devices = CG_EMULATED};
  if (m) m->level = 2;
  CgJit *jit = m ? compile(s, m, &options) : NULL;
  uint32_t same = 0, n = 0;
  for (uint64_t seed = 1; seed <= 400 && jit; seed++, n++) {
    Arena *a = arena_new();
    const IrKernel *k = m->kernels.at[0];
    RandomMemory *want = memory(a, k, 3 * seed + 1, f32), *got = memory(a, k, 3 * seed + 1, f32);
    bool bad;
    fill_edges(want, seed, f32);
    fill_edges(got, seed, f32);
    ir_eval(k, &want->env);
    error = run_device(a, cg_jit_device(jit)->kernels[0], k, got, &(Launch){64, {RT_EMU_FORWARD, 0}, false}, &bad);
    if (!error) error = random_memory_diff(s, a, k, want, got);
    same += !error;
    if (error && n - same < 4) printf("# %s\n", error);
    arena_free(a);
  }
  tap_ok(n && same == n, "%s: %u of %u times, products, quotients, sums around the least normal number as x86 has them",
         f32 ? "float32" : "float64", same, n);
  cg_jit_free(jit);
  session_free(s);
}

int main(int argc, char **argv) {
  uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 300;
  uint64_t first = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  bool x86 = argc > 3;
  __builtin_cpu_init();
  test_edges(false);
  test_edges(true);
  for (int f32 = 0; f32 < 2; f32++) {
    Way all[] = {{NULL, true, 0, 0}, {"x86-64-v2", __builtin_cpu_supports("x86-64-v2"), 0, 0},
                 {"x86-64-v3", __builtin_cpu_supports("x86-64-v3"), 0, 0}, {"x86-64-v4", __builtin_cpu_supports("x86-64-v4"), 0, 0}};
    uint32_t n_ways = x86 ? COUNT_OF(all) : 1;
    for (uint32_t i = 0; i < n / 2; i += BATCH)
      batch(all, n_ways, first + i + (f32 ? 1000000 : 0), n / 2 - i < BATCH ? n / 2 - i : BATCH, f32);
    for (size_t w = 0; w < n_ways; w++)
      if (all[w].here)
        tap_ok(all[w].n && all[w].same == all[w].n, "%s: %s: %u of %u kernels as the reference evaluator", f32 ? "float32" : "float64",
               all[w].cpu ? all[w].cpu : "the device, emulated", all[w].same, all[w].n);
      else
        tap_ok(1, "%s # SKIP this processor is older", all[w].cpu);
  }
  return tap_done();
}

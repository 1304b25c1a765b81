/* The passes. Exact ones (passes.def) keep every bit of random kernels, in both precisions; the others stay
 * near. All give kernels that pass the verifier and are done after one more run. Then what each is for, on
 * kernels in the text form. */
#include <math.h>
#include <string.h>

#include "lang/session.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { KERNELS = 600 };

static const char *difference(Session *s, Arena *a, const IrKernel *k, const IrKernel *made, uint64_t seed,
                              bool f32) {
  RandomMemory *x = random_memory(a, k, seed, f32), *y = random_memory(a, made, seed, f32);
  uint64_t p = ir_eval(k, &x->env), q = ir_eval(made, &y->env);
  /* slots that the pass has dropped were only read: give them the memory of the first run */
  RandomMemory *z = random_memory(a, k, seed, f32);
  for (uint32_t i = 0; i < k->slots.n; i++)
    for (uint32_t j = 0; j < made->slots.n; j++)
      if (made->slots.at[j].kind == k->slots.at[i].kind && made->slots.at[j].index == k->slots.at[i].index &&
          z->bytes[i])
        memcpy(z->env.slots[i], y->env.slots[j], z->bytes[i]);
  memcpy(z->env.u, y->env.u, z->n_u * sizeof *z->env.u);
  if ((p != 0) != (q != 0)) return "checks";
  return random_memory_diff(s, a, k, x, z);
}

typedef struct {
  Session *s;
  const char *pass;
  uint64_t seed;
  bool f32;
} Case;

static bool still_differs(const IrKernel *k, void *ctx) {
  const Case *c = ctx;
  Arena *a = arena_new();
  bool differs = difference(c->s, a, k, random_pass(c->s, a, k, c->pass), c->seed, c->f32) != NULL;
  arena_free(a);
  return differs;
}

/* A pass that folds constants in double may differ in float32: kernels without constant subexpressions
 * there. */
static bool judged(const IrPass *pass, bool f32) {
  return pass->exact && !(f32 && strcmp(pass->name, "fold") == 0);
}

static bool keeps_bits(const IrPass *pass, uint64_t seed, bool f32) {
  Session *s = session_new();
  KernelKind kind = random_kind(seed);
  const IrKernel *k = random_kernel(s, s->arena, seed, kind, 5 + (uint32_t)(seed % 100));
  const IrKernel *made = random_pass(s, s->arena, k, pass->name);
  bool fine = ir_verify_kernel(s, made, stdout) == 0;
  const char *wrong = judged(pass, ir_kernel_f32(kind, f32)) ? difference(s, s->arena, k, made, seed, f32) : NULL;
  if (wrong) {
    Case c = {s, pass->name, seed, f32};
    const IrKernel *small = random_shrink(s, s->arena, k, still_differs, &c);
    printf("# %s, seed %d, %s: %s\n", pass->name, (int)seed, f32 ? "f32" : "f64", wrong);
    ir_print_kernel(s, small, stdout);
    ir_print_kernel(s, random_pass(s, s->arena, small, pass->name), stdout);
  }
  session_free(s);
  return fine && !wrong;
}

static bool is_done(const IrPass *pass, uint64_t seed) {
  Session *s = session_new();
  const IrKernel *k = random_kernel(s, s->arena, seed, random_kind(seed), 60);
  const IrKernel *once = random_pass(s, s->arena, k, pass->name);
  bool done = random_pass(s, s->arena, once, pass->name)->ins.n <= once->ins.n;
  session_free(s);
  return done;
}

/* ---- one kernel in, one kernel out */

static void test_text(const char *what, const char *pass, const char *from, const char *to) {
  Session *s = session_new();
  const char *error = "";
  IrModule *m = ir_read(s, s->arena, from, &error);
  if (!m) {
    tap_ok(0, "%s: %s", what, error);
    session_free(s);
    return;
  }
  const IrKernel *made = random_pass(s, s->arena, random_pass(s, s->arena, m->kernels.at[0], pass), "dce");
  IrModule *want = ir_read(s, s->arena, to, &error);
  bool same = want && ir_kernel_equal(made, want->kernels.at[0]);
  tap_ok(same, "%s", what);
  if (!same) printf("# %s\n%s", error, random_text(s, s->arena, made));
  session_free(s);
}

#define X "slot 0 state 0 \"x\" real [mV]\nslot 1 state 1 \"n\" real []\n"
#define N "slot 0 state 0 \"n\" real []\n"
#define UV "slot 1 uniform 0 \"u\" real []\nslot 2 uniform 1 \"v\" real []\n"
#define STEP(slots, body) "kernel step \"a\" 0\n" slots body "end\n"

static void test_fold(void) {
  test_text("fold: constants, by the op's own evaluation", "fold",
            STEP(N, "%0 = const 2 : real []\n%1 = const 3 : real []\n%2 = mul %0 %1 : real []\n"
                    "%3 = log %2 : real []\nstore 0 \"n\" %3\n"),
            STEP(N, "%0 = const 0x1.cab0bfa2a2002p+0 : real []\nstore 0 \"n\" %0\n"));
  test_text("fold: x * 1 is x", "fold",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 1 : real []\n%2 = mul %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\nstore 0 \"n\" %0\n"));
  test_text("fold: x * 1 with a unit is not x", "fold",
            STEP(X, "%0 = load 1 \"n\" : real []\n%1 = const 1 : real [mV]\n%2 = mul %0 %1 : real [mV]\n"
                    "store 0 \"x\" %2\n"),
            STEP(X, "%0 = load 1 \"n\" : real []\n%1 = const 1 : real [mV]\n%2 = mul %0 %1 : real [mV]\n"
                    "store 0 \"x\" %2\n"));
  test_text("fold: x + 0 is not x, since -0 + 0 is 0", "fold",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 0 : real []\n%2 = add %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 0 : real []\n%2 = add %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"));
  test_text("fold: x - 0 is x", "fold",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 0 : real []\n%2 = sub %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\nstore 0 \"n\" %0\n"));
  test_text("fold: division by a power of two", "fold",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 8 : real []\n%2 = div %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 0.125 : real []\n%2 = mul %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"));
  test_text("fold: a known condition chooses", "fold",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 8 : real []\n%2 = const 3 : real []\n"
                    "%3 = lt %1 %2 : bool []\n"
                    "%4 = select %3 %1 %0 : real []\nstore 0 \"n\" %4\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\nstore 0 \"n\" %0\n"));
}

static void test_others(void) {
  test_text("powers: x^3 is (x*x)*x", "powers",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 3 : real []\n%2 = pow %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = mul %0 %0 : real []\n%2 = mul %1 %0 : real []\n"
                    "store 0 \"n\" %2\n"));
  test_text("powers: x^-4 is 1/((x*x)*(x*x))", "powers",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const -4 : real []\n%2 = pow %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = mul %0 %0 : real []\n%2 = mul %1 %1 : real []\n"
                    "%3 = const 1 : real []\n"
                    "%4 = div %3 %2 : real []\nstore 0 \"n\" %4\n"));
  test_text("powers: a large exponent stays", "powers",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 33 : real []\n%2 = pow %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 33 : real []\n%2 = pow %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"));
  test_text("divide: one reciprocal for two quotients", "divide",
            STEP("slot 0 state 0 \"x\" real [mV]\nslot 1 uniform 0 \"u\" real [ms]\nslot 2 state 1 \"y\" real [mV ms^-1]\n",
                 "%0 = load 0 \"x\" : real [mV]\n%1 = load 1 \"u\" : real [ms]\n%2 = div %0 %1 : real [mV ms^-1]\n"
                 "%3 = div %2 %1 : real [mV ms^-2]\n%4 = mul %3 %1 : real [mV ms^-1]\nstore 2 \"y\" %4\n"),
            STEP("slot 0 state 0 \"x\" real [mV]\nslot 1 uniform 0 \"u\" real [ms]\nslot 2 state 1 \"y\" real [mV ms^-1]\n",
                 "%0 = load 0 \"x\" : real [mV]\n%1 = load 1 \"u\" : real [ms]\n%2 = const 1 : real []\n"
                 "%3 = div %2 %1 : real [ms^-1]\n"
                 "%4 = mul %0 %3 : real [mV ms^-1]\n%5 = mul %4 %3 : real [mV ms^-2]\n%6 = mul %5 %1 : real [mV ms^-1]\n"
                 "store 2 \"y\" %6\n"));
  test_text("regroup: (u * n) * -v is n * (-(u * v))", "regroup",
            STEP(N UV, "%0 = load 0 \"n\" : real []\n%1 = load 1 \"u\" : real []\n"
                       "%2 = load 2 \"v\" : real []\n"
                       "%3 = mul %1 %0 : real []\n%4 = mul %3 %2 : real []\n%5 = neg %4 : real []\n"
                       "store 0 \"n\" %5\n"),
            STEP(N UV, "%0 = load 0 \"n\" : real []\n%1 = load 1 \"u\" : real []\n"
                       "%2 = load 2 \"v\" : real []\n"
                       "%3 = mul %1 %2 : real []\n%4 = neg %3 : real []\n%5 = mul %0 %4 : real []\n"
                       "store 0 \"n\" %5\n"));
  test_text("regroup: constants with units become one number", "regroup",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 4 : real [mV]\n%2 = const 3 : real [mV^-1]\n"
                    "%3 = mul %1 %0 : real [mV]\n%4 = mul %3 %2 : real []\nstore 0 \"n\" %4\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 12 : real []\n%2 = mul %0 %1 : real []\n"
                    "store 0 \"n\" %2\n"));
  test_text("regroup: a product that is used twice stays", "regroup",
            STEP(N UV, "%0 = load 0 \"n\" : real []\n%1 = load 1 \"u\" : real []\n"
                       "%2 = load 2 \"v\" : real []\n"
                       "%3 = mul %1 %0 : real []\n%4 = mul %3 %2 : real []\n%5 = sub %4 %3 : real []\n"
                       "store 0 \"n\" %5\n"),
            STEP(N UV, "%0 = load 0 \"n\" : real []\n%1 = load 1 \"u\" : real []\n"
                       "%2 = load 2 \"v\" : real []\n"
                       "%3 = mul %1 %0 : real []\n%4 = mul %3 %2 : real []\n%5 = sub %4 %3 : real []\n"
                       "store 0 \"n\" %5\n"));
  test_text("cse: a + b and b + a, and loads", "cse",
            STEP(X, "%0 = load 0 \"x\" : real [mV]\n%1 = load 0 \"x\" : real [mV]\n%2 = const 3 : real [mV]\n%3 = add %0 %2 : real [mV]\n"
                    "%4 = add %2 %1 : real [mV]\n%5 = div %3 %4 : real []\nstore 1 \"n\" %5\n"),
            STEP(X, "%0 = load 0 \"x\" : real [mV]\n%1 = const 3 : real [mV]\n%2 = add %0 %1 : real [mV]\n"
                    "%3 = div %2 %2 : real []\nstore 1 \"n\" %3\n"));
  test_text("cse: a - b and b - a stay two", "cse",
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 3 : real []\n%2 = sub %0 %1 : real []\n"
                    "%3 = sub %1 %0 : real []\n"
                    "%4 = mul %2 %3 : real []\nstore 0 \"n\" %4\n"),
            STEP(N, "%0 = load 0 \"n\" : real []\n%1 = const 3 : real []\n%2 = sub %0 %1 : real []\n"
                    "%3 = sub %1 %0 : real []\n"
                    "%4 = mul %2 %3 : real []\nstore 0 \"n\" %4\n"));
  test_text("dce: unused values and slots", "dce",
            STEP(X, "%0 = load 0 \"x\" : real [mV]\n%1 = load 1 \"n\" : real []\n%2 = exp %1 : real []\n"
                    "store 0 \"x\" %0\n"),
            STEP("slot 0 state 0 \"x\" real [mV]\n", "%0 = load 0 \"x\" : real [mV]\nstore 0 \"x\" %0\n"));
}

/* A copied module must not hold on to its source: all passes on one kernel with a class and an experiment
 * around it. */
static void test_module(void) {
  Session *s = session_new();
  IrModule *m = NEW(s->arena, IrModule);
  m->level = 2;
  IrKernel *k = random_kernel(s, s->arena, 3, KERNEL_STEP, 50);
  vec_push(s->arena, &m->kernels, k);
  IrModule *made = ir_pipeline(s, m, "dce");
  tap_ok(made->kernels.n == 1 && made->kernels.at[0] != k && ir_verify(s, made, stdout) == 0,
         "the pipeline runs all passes");
  session_free(s);
}

/* The others: tests/lower. */
static bool is_mine(const char *name) {
  static const char *const mine[] = {"fold", "lift", "powers", "divide", "regroup", "cse", "dce"};
  for (size_t i = 0; i < COUNT_OF(mine); i++)
    if (strcmp(mine[i], name) == 0) return true;
  return false;
}

int main(void) {
  for (uint32_t p = 0; p < ir_n_passes; p++) {
    const IrPass *pass = &ir_passes[p];
    int kept = 0, done = 0;
    if (!is_mine(pass->name)) continue;
    for (uint64_t seed = 1; seed <= KERNELS; seed++) kept += keeps_bits(pass, seed, seed % 2);
    tap_ok(kept == KERNELS, "%s: random kernels are sound%s after it: %d of %d", pass->name,
           pass->exact ? " and give the same bits" : "", kept, KERNELS);
    for (uint64_t seed = 1; seed <= 100; seed++) done += is_done(pass, seed);
    tap_ok(done == 100, "%s: a second time it adds nothing: %d of 100", pass->name, done);
  }
  test_fold();
  test_others();
  test_module();
  return tap_done();
}

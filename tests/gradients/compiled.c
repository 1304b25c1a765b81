/* Compiled derivatives against the reference evaluator: of random marches, forward mode, the three kernels of reverse mode, and those
 * of products with the Hessian, on random memory: the same bits in every array.
 *
 * usage: compiled [NUMBER [FIRST SEED]] */
#include <immintrin.h>
#include <stdlib.h>

#include "codegen/codegen.h"
#include "ir/pass.h"
#include "lang/session.h"
#include "tests/gradients/marches.h"
#include "tests/ir/random_kernel.h"
#include "tests/math/tap.h"

enum { LARGEST = 400 };

static void call(nsl_kernel_fn *f, const IrEnv *e) {
  struct nsl_env env = {.slots = e->slots, .u = e->u, .key = e->key, .step = e->step, .first = e->first, .count = e->count,
                        .t = e->t, .dt = e->dt, .steps = e->steps, .lag = e->lag, .ring_mask = e->ring_mask,
                        .ring_row = e->ring_row, .tape_row = e->tape_row, .lags = e->lags};
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040); /* as the runtime's threads */
  f(&env);
  _mm_setcsr(mode);
}

static const char *compare(Session *s, Arena *a, const IrKernel *k, nsl_kernel_fn *f) {
  RandomMemory *want = random_memory(a, k, k->index + 1, false), *got = random_memory(a, k, k->index + 1, false);
  ir_eval(k, &want->env);
  call(f, &got->env);
  return random_memory_diff(s, a, k, want, got);
}

static void add(IrModule *m, Arena *a, IrKernel *k, int *count) {
  if (k->ins.n > LARGEST) return;
  ir_module_add(m, a, k);
  ++*count;
}

int main(int argc, char **argv) {
  uint32_t n = argc > 1 ? (uint32_t)atoi(argv[1]) : 24, marches = 0;
  uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
  Session *s = session_new();
  IrModule *m = NEW(s->arena, IrModule);
  int forward = 0, back = 0;
  m->level = 2;
  for (; marches < n; seed += 2) {
    Marches one;
    if (!marches_random(s, s->arena, seed, (int)(seed / 2 % (AD_EFFORTS + 1)) - 1, &one)) continue;
    marches++;
    add(m, s->arena, one.gradient.march, &forward);
    add(m, s->arena, one.reverse.record, &back);
    add(m, s->arena, one.reverse.back, &back);
    add(m, s->arena, one.reverse.end, &back);
    add(m, s->arena, one.hessian.record, &back);
    add(m, s->arena, one.hessian.back, &back);
  }
  CgOptions options = {.cpu = "x86-64-v3", .opt = 2, .kernels_only = true};
  CgProgram *p = cg_compile(s, m, &options);
  CgJit *jit = p ? cg_jit(s, p) : NULL;
  uint32_t same = 0;
  for (uint32_t i = 0; jit && i < m->kernels.n; i++) {
    const char *difference = compare(s, s->arena, m->kernels.at[i], cg_jit_kernel(jit, i));
    if (difference) printf("# %s %u: %s\n", name_str(s, m->kernels.at[i]->name), i, difference);
    same += !difference;
  }
  tap_ok(jit && same == m->kernels.n && back > forward, "%u of %u compiled derivatives of %u random marches as evaluated", same, m->kernels.n, n);
  cg_jit_free(jit);
  session_free(s);
  return tap_done();
}

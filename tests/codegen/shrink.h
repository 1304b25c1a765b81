/* Random kernels that are compiled and compared with the evaluator: a kernel that differs is made small and printed. */
#ifndef NSL_TESTS_CODEGEN_SHRINK_H
#define NSL_TESTS_CODEGEN_SHRINK_H

#include <stdio.h>
#include <string.h>

#include "codegen/codegen.h"
#include "tests/ir/random_kernel.h"

/* What is different, or NULL; the kernel has number k->index in the code. */
typedef const char *kernel_compare_fn(Session *s, Arena *a, const IrKernel *k, const CgJit *jit, uint64_t seed, const CgOptions *options);

typedef struct {
  Session *s;
  uint64_t seed;
  CgOptions options;
  kernel_compare_fn *compare;
} One;

static CgJit *compile(Session *s, const IrModule *m, const CgOptions *options) {
  CgProgram *p = cg_compile(s, m, options);
  return p ? cg_jit(s, p) : NULL;
}

static bool still_fails(const IrKernel *k, void *ctx) {
  One *one = ctx;
  Arena *a = arena_new();
  IrModule *m = NEW(a, IrModule);
  IrKernel *own = ir_kernel_copy(k, a);
  m->level = 2;
  ir_module_add(m, a, own);
  CgJit *jit = compile(one->s, m, &one->options);
  bool differs = jit && one->compare(one->s, a, own, jit, one->seed, &one->options) != NULL;
  cg_jit_free(jit);
  arena_free(a);
  return differs;
}

static void report(Session *s, const IrKernel *k, uint64_t seed, const CgOptions *options, kernel_compare_fn *compare, const char *difference) {
  One one = {s, seed, *options, compare};
  printf("# seed %llu: %s\n", (unsigned long long)seed, difference);
  const IrKernel *small = random_shrink(s, s->arena, k, still_fails, &one);
  const char *text = random_text(s, s->arena, small);
  while (*text) {
    size_t n = strcspn(text, "\n");
    printf("# %.*s\n", (int)n, text);
    text += n + (text[n] == '\n');
  }
}

#endif

/* Random well-typed kernels, memory for them, comparison and shrinking: for testing passes and compiled code
 * against ir_eval.
 *
 *   IrKernel *k = random_kernel(s, a, seed, KERNEL_STEP, 40);
 *   RandomMemory *m = random_memory(a, k, seed, f32), *n = random_memory(a, k, seed, f32);   equal contents
 *   uint64_t failed = ir_eval(k, &m->env);   ... run the other thing on n->env ...
 *   const char *difference = random_memory_diff(s, a, k, m, n);                              NULL: same bits
 *   if (difference) k = random_shrink(s, a, k, still_fails, ctx);
 *
 * All is a function of the seed: of a difference only the seed has to be written down. */
#ifndef NSL_TESTS_IR_RANDOM_KERNEL_H
#define NSL_TESTS_IR_RANDOM_KERNEL_H

#include "ir/ir.h"

/* Kinds: setup, derive, init, step, receive, finish, learn, record, synapse, drive, begin, march, back. All ops, slot kinds, types; index 0; passes the
 * verifier. */
IrKernel *random_kernel(Session *s, Arena *a, uint64_t seed, KernelKind kind, uint32_t size);
/* A kind by the seed: mostly step. */
KernelKind random_kind(uint64_t seed);

typedef struct {
  IrEnv env;     /* first, count: multiples of 64, but for synapse kernels; fits: of 8 */
  size_t *bytes; /* of each slot's array */
  uint32_t n_u;  /* numbers in env.u */
} RandomMemory;
/* Arrays are aligned to 64 bytes and padded to 64 elements. Contents depend on seed, slot kind, index and
 * element alone. */
RandomMemory *random_memory(Arena *a, const IrKernel *k, uint64_t seed, bool f32);
/* NULL, or the first difference in words. All NaNs are equal. */
const char *random_memory_diff(Session *s, Arena *a, const IrKernel *k, const RandomMemory *x,
                               const RandomMemory *y);

/* A smaller kernel for which `fails` is still true. */
IrKernel *random_shrink(Session *s, Arena *a, const IrKernel *k, bool (*fails)(const IrKernel *k, void *ctx),
                        void *ctx);
/* The kernel after one pass of passes.def. */
IrKernel *random_pass(Session *s, Arena *a, const IrKernel *k, const char *pass);
char *random_text(Session *s, Arena *a, const IrKernel *k); /* ir_print_kernel */

#endif

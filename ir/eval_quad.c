/* The reference evaluator once more, in 113 bits (quad.h): ir/eval.h with the functions of libquadmath for those
 * of math/. Its own library, for nslc and tests alone: no program that is compiled needs it. There are no draws in
 * kernels of fits, so those give NaN here. */
#include "ir/quad.h"

#include <quadmath.h>
#include <string.h>

#define ONE_OF(name, value) \
  static Quad quad_##name(Quad x) { return value; }
ONE_OF(exp, expq(x))
ONE_OF(expm1, expm1q(x))
ONE_OF(exprel, x == 0 ? 1 : expm1q(x) / x)
ONE_OF(exprelr, x == 0 ? 1 : x / expm1q(x))
ONE_OF(log, logq(x))
ONE_OF(log1p, log1pq(x))
ONE_OF(tanh, tanhq(x))
ONE_OF(sigmoid, 1 / (1 + expq(-x)))
ONE_OF(sin, sinq(x))
ONE_OF(cos, cosq(x))
static Quad quad_pow(Quad x, Quad y) { return powq(x, y); }
static Quad no_draw(uint64_t key, ...) { return (void)key, nanq(""); }
#define quad_draw_normal no_draw
#define quad_draw_uniform no_draw
#define quad_draw_exponential no_draw
#define quad_draw_lognormal no_draw
#define quad_draw_turn no_draw
#define quad_draw_poisson no_draw
#define quad_draw_binomial no_draw
#define quad_draw_normal_within no_draw
#define quad_draw_uniform_within no_draw
#define quad_draw_exponential_within no_draw
#define quad_draw_lognormal_within no_draw

#define EVAL_OWN
#define real Quad
#define wide Quad
#define S(f) f##_quad
#define M(f) quad_##f
#define N(f) f##q
#include "ir/eval.h"

uint64_t ir_eval_quad(const IrKernel *k, const IrEnv *env) {
  Arena *arena = arena_new();
  Quad *values = NEW_ARRAY(arena, Quad, k->ins.n + 2);
  values = (Quad *)(((uintptr_t)values + 15) & ~(uintptr_t)15);
  uint64_t steps = ir_kernel_over_time(k->kind) ? env->steps : 1, failed = 0;
  for (int64_t e = env->first; e < env->first + env->count; e++)
    for (uint64_t i = 0; i < steps; i++) {
      EvalAt at = {.key = env->key, .elem = e, .since = k->kind == KERNEL_BACK ? steps - 1 - i : i};
      failed |= element_quad(k, env, at, values);
    }
  arena_free(arena);
  return failed;
}

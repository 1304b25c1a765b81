/* The reference evaluator: what a kernel means. One element after the other, one instruction after the other,
 * each op as its row of ops.def says; nothing is vectorized, hoisted or remembered. Compiled code must give
 * the same bits.
 *
 * Precision: with env->f32 every real is a float, except in kernels that are always float64 (ir_kernel_f64):
 * those compute in double, and only what they store to arrays is rounded. Results below the smallest normal
 * number are flushed to zero, and such arguments count as zero, as in the threads of the runtime; the
 * processor's mode is set for the time of the call. Such constants are zero too, so a kernel whose memory
 * holds no subnormal number never has one.
 *
 * Over time: an element goes through all steps of the call before the next one begins; states are in memory
 * between steps. */
#include <math.h>
#include <string.h>

#include "ir/ir.h"
#include "math/math.h"

#ifdef __x86_64__
#include <immintrin.h>
enum { FLUSH = 0x8040 }; /* flush to zero, denormals are zero */
static unsigned mode_begin(void) {
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | FLUSH);
  return before;
}
static void mode_end(unsigned before) { _mm_setcsr(before); }
#else
static unsigned mode_begin(void) { return 0; }
static void mode_end(unsigned before) { (void)before; }
#endif

#define EVAL_F32 0
#include "ir/eval.h"
#undef EVAL_F32
#define EVAL_F32 1
#include "ir/eval.h"

/* One element, or one event at it; over time, all steps of the call. */
static uint64_t element(const IrKernel *k, const IrEnv *env, EvalAt at, void *values) {
  bool f32 = ir_kernel_f32(k->kind, env->f32);
  uint64_t steps = ir_kernel_over_time(k->kind) ? env->steps : 1, failed = 0;
  for (uint64_t i = 0; i < steps; i++) {
    at.since = k->kind == KERNEL_BACK ? steps - 1 - i : i;
    failed |= f32 ? element_f32(k, env, at, values) : element_f64(k, env, at, values);
  }
  return failed;
}

uint64_t ir_eval(const IrKernel *k, const IrEnv *env) {
  bool once = ir_kernel_scalar(k->kind), events = k->kind == KERNEL_RECEIVE;
  int64_t from = once || events ? 0 : env->first, to = once ? 1 : from + env->count;
  Arena *arena = arena_new();
  void *values = NEW_ARRAY(arena, double, k->ins.n + 1);
  unsigned mode = mode_begin();
  uint64_t failed = 0;
  for (int64_t e = from; e < to; e++) {
    EvalAt at = {.key = env->key, .elem = e};
    if (events) {
      const IrEvent *event = &env->events[e];
      at = (EvalAt){ir_event_key(env->key, event->ordinal), event->element, event->weight, 0};
    }
    failed |= element(k, env, at, values);
  }
  mode_end(mode);
  arena_free(arena);
  return failed;
}

double ir_eval_op(IrOp op, const double *args) {
  unsigned mode = mode_begin();
  double arg[4] = {0};
  for (int i = 0; i < ir_ops[op].arity; i++) arg[i] = args[i];
  double value = value_f64(op, arg, (DrawAt){0});
  mode_end(mode);
  return value;
}

double ir_eval_op_f32(IrOp op, const double *args) {
  unsigned mode = mode_begin();
  float arg[4] = {0};
  for (int i = 0; i < ir_ops[op].arity; i++) arg[i] = (float)args[i];
  double value = value_f32(op, arg, (DrawAt){0});
  mode_end(mode);
  return value;
}

double ir_number(double number, bool f32) {
  unsigned mode = mode_begin();
  volatile double from = number; /* converted in this mode, neither before nor by the compiler */
  volatile float single = (float)from;
  mode_end(mode);
  return f32 ? single : normal(number);
}

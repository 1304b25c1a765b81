/* The reference evaluator for one precision; interp.c includes this twice, with EVAL_F32 0 and 1. No guard. Tests that want
 * another precision define EVAL_OWN and what stands under it.
 *
 * `real` is the type of every value of the kernel (conditions are 0 and 1), `wide` that of arrays that are float64 whatever the
 * program's precision; S(f) is f with the precision in its name. */
#ifndef NSL_IR_EVAL_SHARED
#define NSL_IR_EVAL_SHARED
#include <float.h>
#include <math.h>

typedef struct {
  uint64_t key;
  int64_t elem;
  uint64_t step;
  uint32_t ordinal;
} DrawAt;

typedef struct {
  uint64_t key;
  int64_t elem;
  double arg;     /* receive: the event's weight */
  uint64_t since; /* kernels over time: steps since the first one of the call */
} EvalAt;

/* The end of a step of a kernel over time. */
static double time_of(const IrEnv *env, uint64_t since) { return env->dt * (double)(int64_t)(env->step + since); }

/* Where in a ring a value is stored in this step; whence one is loaded: the lag's steps before, on the way back behind. */
static uint64_t ring_at(const IrKernel *k, const IrEnv *env, uint32_t slot, const EvalAt *at, bool stores) {
  uint64_t step = env->step + at->since, lag = k->slots.at[slot].lag ? (uint64_t)env->lags[slot][at->elem] : env->lag;
  uint64_t away = k->kind == KERNEL_BACK ? lag : -lag;
  return ((stores ? step : step + away) & env->ring_mask) * env->ring_row + (uint64_t)at->elem;
}
static uint64_t tape_at(const IrEnv *env, const EvalAt *at) { return at->since * env->tape_row + (uint64_t)at->elem; }

static double normal(double x) { return fabs(x) < DBL_MIN ? copysign(0, x) : x; }

static void store_bit(uint64_t *words, int64_t e, bool bit) {
  uint64_t one = (uint64_t)1 << (e % 64);
  words[e / 64] = bit ? words[e / 64] | one : words[e / 64] & ~one;
}

typedef struct {
  uint32_t loop, done; /* where the loop begins; turns that are over */
} Turns;
#endif

#ifndef EVAL_OWN
#undef real
#undef wide
#undef S
#undef M
#undef N
#define wide double
#if EVAL_F32
#define real float
#define S(f) f##_f32
#define M(f) nslm_##f##_f32
#define N(fn) fn##f
#else
#define real double
#define S(f) f##_f64
#define M(f) nslm_##f##_f64
#define N(fn) fn
#endif
#endif
#undef AT
#undef NOEVAL
#define AT at.key, (uint64_t)at.elem, at.step, at.ordinal
#define NOEVAL 0

/* One row of ops.def. Conditions come and go as 0 and 1. */
static real S(value)(IrOp op, const real arg[4], DrawAt at) {
  const real a = arg[0], b = arg[1], c = arg[2], d = arg[3];
  const bool p = a != 0, q = b != 0;
  (void)c, (void)d, (void)q;
  switch (op) {
#define OP(id, text, arity, type, dim, eval, ...) \
  case IR_##id: return (real)(eval);
#include "ir/ops.def"
#undef OP
    case IR_OPS: break;
  }
  return 0;
}

static real S(load)(const IrKernel *k, const IrEnv *env, uint32_t slot, const EvalAt *at) {
  int64_t e = at->elem;
  const IrSlot *p = &k->slots.at[slot];
  const void *array = env->slots ? env->slots[slot] : NULL;
  switch (p->kind) {
    case SLOT_UNIFORM:
    case SLOT_GLOBAL: return (real)((const wide *)(const void *)env->u)[p->index];
    case SLOT_HELD:
    case SLOT_PREV:
    case SLOT_SPIKE: return (real)(((const uint64_t *)array)[e / 64] >> (e % 64) & 1);
    case SLOT_STATE:
    case SLOT_OLD:
    case SLOT_DER:
    case SLOT_PARAM:
    case SLOT_PAST:
    case SLOT_INPUT:
      return env->f32 && !ir_kernel_f64_arrays(k->kind) ? (real)((const float *)array)[e] : (real)((const wide *)array)[e];
    case SLOT_COLUMN: return (real)((const wide *)array)[e];
    case SLOT_ARG: return (real)at->arg;
    case SLOT_SAMPLE: return (real)((const wide *)array)[at->since];
    case SLOT_RING: return (real)((const wide *)array)[ring_at(k, env, slot, at, false)];
    case SLOT_TAPE: return (real)((const wide *)array)[tape_at(env, at)];
    case SLOT_PORT:
    case SLOT_OUT:
    case SLOT_KINDS: break;
  }
  return 0;
}

static real S(take)(const IrEnv *env, uint32_t slot, int64_t e, real scale) {
  if (!env->f32) {
    int64_t *array = env->slots[slot], sum = array[e];
    array[e] = 0;
    return (real)sum * scale;
  }
  int32_t *narrow = env->slots[slot], sum = narrow[e];
  float itself;
  memcpy(&itself, &sum, sizeof itself);
  narrow[e] = 0;
  return scale < 0 ? (real)itself : (real)sum * scale;
}

static void S(store)(const IrKernel *k, const IrEnv *env, uint32_t slot, const EvalAt *where, real v) {
  int64_t e = where->elem;
  const IrSlot *p = &k->slots.at[slot];
  void *array = env->slots ? env->slots[slot] : NULL;
  int64_t at = p->kind == SLOT_OUT ? e - env->first : e;
  switch (p->kind) {
    case SLOT_GLOBAL:
      if (p->settable && env->set && env->set[p->index]) return;
      ((wide *)(void *)env->u)[p->index] = (wide)v;
      return;
    case SLOT_UNIFORM: ((wide *)(void *)env->u)[p->index] = (wide)v; return;
    case SLOT_PREV:
    case SLOT_HELD:
    case SLOT_SPIKE: store_bit(array, e, v != 0); return;
    case SLOT_STATE:
    case SLOT_OLD:
    case SLOT_DER:
    case SLOT_PARAM:
    case SLOT_OUT:
      if (env->f32 && !ir_kernel_f64_arrays(k->kind))
        ((float *)array)[at] = (float)v;
      else
        ((wide *)array)[at] = (wide)v;
      return;
    case SLOT_RING: ((wide *)array)[ring_at(k, env, slot, where, true)] = (wide)v; return;
    case SLOT_TAPE: ((wide *)array)[tape_at(env, where)] = (wide)v; return;
    case SLOT_INPUT:
    case SLOT_PAST:
    case SLOT_COLUMN:
    case SLOT_PORT:
    case SLOT_ARG:
    case SLOT_SAMPLE:
    case SLOT_KINDS: return;
  }
}

/* The end of a turn: all carried values become their next ones at once. Gives where to go on. */
static uint32_t S(again)(const IrKernel *k, Turns *turns, uint32_t at, bool more, real *v) {
  for (uint32_t i = turns->loop + 1; i < at; i++)
    if (k->ins.at[i].op == IR_NEXT) v[k->ins.at[i].arg[0]] = v[i];
  turns->done++;
  return more && turns->done < k->ins.at[turns->loop].slot ? turns->loop : at;
}

/* A loop of no turns: carried values are their first ones. Gives where it ends. */
static uint32_t S(pass_over)(const IrKernel *k, uint32_t at, real *v) {
  for (; k->ins.at[at].op != IR_AGAIN; at++)
    if (k->ins.at[at].op == IR_CARRY) v[at] = v[k->ins.at[at].arg[0]];
  return at;
}

/* One element, or one event at it: every instruction in order. */
static uint64_t S(element)(const IrKernel *k, const IrEnv *env, EvalAt at, real *v) {
  int64_t e = at.elem;
  uint64_t failed = 0;
  Turns turns = {IR_NONE, 0};
  for (uint32_t i = 0; i < k->ins.n; i++) {
    const IrIns *ins = &k->ins.at[i];
    real arg[4] = {0};
    for (int j = 0; j < ir_ops[ins->op].arity; j++) arg[j] = v[ins->arg[j]];
    if (ins->op == IR_LOOP) {
      turns = (Turns){i, 0};
      if (arg[0] == 0) i = S(pass_over)(k, i, v);
    } else if (ins->op == IR_CARRY)
      v[i] = turns.done ? v[i] : arg[0];
    else if (ins->op == IR_NEXT)
      v[i] = arg[1];
    else if (ins->op == IR_AGAIN)
      i = S(again)(k, &turns, i, arg[0] != 0, v);
    else if (ins->op == IR_CONST)
      v[i] = (real)normal(ins->num);
    else if (ins->op == IR_TIME)
      v[i] = (real)(ir_kernel_over_time(k->kind) ? time_of(env, at.since) : env->t);
    else if (ins->op == IR_DT)
      v[i] = (real)env->dt;
    else if (ins->op == IR_LOAD)
      v[i] = S(load)(k, env, ins->slot, &at);
    else if (ins->op == IR_TAKE)
      v[i] = S(take)(env, ins->slot, e, arg[0]);
    else if (ins->op == IR_STORE)
      S(store)(k, env, ins->slot, &at, arg[0]);
    else if (ins->op == IR_CHECK)
      failed |= !isfinite(arg[0]);
    else
      v[i] = S(value)((IrOp)ins->op, arg, (DrawAt){at.key, e, env->step, ins->slot});
  }
  return failed;
}

/* The frame of kernels over time (march, back): for each vector of elements all steps of the call, so that
 * states stay in registers and what depends on params alone is computed once.
 *
 *   elements: params and states loaded; then for each step, back: the last first
 *     steps:  the kernel's instructions; a state is a phi, its store the phi's next value
 *   behind:   states that are stored go back to their arrays
 *
 * A sample is a number for all lanes, at the step's position; rings and tapes have a row of elements for each
 * step. A call of no steps writes nothing. On devices a thread has one element (launch.c), and what is here
 * is its steps. Needs: as kernel.c; no checks and no draws (ir_verify). */
#include <stddef.h>

#include "codegen/emit.h"

static LLVMValueRef number(const Emit *e, uint64_t n) { return LLVMConstInt(e->u->i64, n, false); }

/* ---- slots within a step */

/* Where lane 0 is in a ring: stored in the row of this step (lag NULL), loaded from that `lag` steps before
 * (back: behind). */
static LLVMValueRef ring_position(Emit *e, LLVMValueRef lag) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef step = e->now.number;
  if (lag && e->k->kind == KERNEL_BACK) step = LLVMBuildAdd(b, step, lag, "");
  else if (lag) step = LLVMBuildSub(b, step, lag, "");
  LLVMValueRef row = LLVMBuildAnd(b, step, e->now.ring_mask, "");
  return LLVMBuildAdd(b, LLVMBuildMul(b, row, e->now.ring_row, ""), e->at, "");
}

static LLVMValueRef position(Emit *e, const IrSlot *slot, bool stores) {
  if (slot->kind == SLOT_SAMPLE) return e->now.sample;
  return slot->kind == SLOT_TAPE ? e->now.tape : ring_position(e, stores ? NULL : e->now.lag);
}

static LLVMValueRef step_pointer(Emit *e, uint32_t slot, bool stores) {
  LLVMValueRef at = position(e, &e->k->slots.at[slot], stores);
  return LLVMBuildGEP2(e->u->builder, e->u->f64, e->slots[slot], &at, 1, "");
}

/* Each lane from the row that its own lag says. */
static LLVMValueRef lagging_load(Emit *e, uint32_t slot) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef all = LLVMGetUndef(e->real);
  for (unsigned lane = 0; lane < e->lanes; lane++) {
    LLVMValueRef one = LLVMConstInt(e->u->i32, lane, false), lag = e->shared[slot];
    if (LLVMGetTypeKind(LLVMTypeOf(lag)) == LLVMVectorTypeKind)
      lag = LLVMBuildExtractElement(b, lag, one, "");
    LLVMValueRef at = LLVMBuildAdd(b, ring_position(e, lag), number(e, lane), "");
    LLVMValueRef v = emit_load_at(e, e->u->f64, LLVMBuildGEP2(b, e->u->f64, e->slots[slot], &at, 1, ""), 8);
    all = e->lanes == 1 ? v : LLVMBuildInsertElement(b, all, v, one, "");
  }
  return all;
}

LLVMValueRef emit_march_load(Emit *e, uint32_t slot) {
  if (e->k->slots.at[slot].lag) return lagging_load(e, slot);
  if (e->shared[slot]) return e->shared[slot]; /* params, states */
  LLVMValueRef p = step_pointer(e, slot, false);
  if (e->k->slots.at[slot].kind == SLOT_SAMPLE) return emit_splat(e, emit_load_at(e, e->u->f64, p, 8));
  return emit_load_at(e, e->real, p, 8);
}

void emit_march_store(Emit *e, uint32_t slot, LLVMValueRef v) {
  if (e->k->slots.at[slot].kind == SLOT_STATE) {
    e->after[slot] = v;
    return;
  }
  emit_width(e, emit_all_lanes(e)); /* a ring has a row of elements, alike or not */
  if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) v = emit_splat(e, v);
 LLVMSetAlignment(LLVMBuildStore(e->u->builder, v, step_pointer(e, slot, true)), 8);
}

/* ---- the loops. What is alike is a number, not a vector. */

static LLVMTypeRef kept_as(const Emit *e, uint32_t slot) {
  return e->alike && e->k->slots.at[slot].alike ? e->lane : e->real;
}

/* Of these elements; begun at element `first`, as the slot's array is. */
static LLVMValueRef lags_load(Emit *e, uint32_t slot) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef all = emit_env(e, offsetof(struct nsl_env, lags), e->array, "lags");
  LLVMValueRef own = emit_load_at(e, e->array, emit_bytes(e, all, number(e, 8ull * slot)), 8);
  LLVMValueRef at = LLVMBuildAdd(b, e->at, e->first, "");
  return emit_load_at(e, emit_vector(e, e->u->i64), LLVMBuildGEP2(b, e->u->i64, own, &at, 1, ""), 8);
}

static void arrays_load(Emit *e) {
  for (uint32_t i = 0; i < e->k->slots.n; i++) {
    SlotKind kind = e->k->slots.at[i].kind;
    if (e->k->slots.at[i].lag) e->shared[i] = lags_load(e, i);
    if (kind == SLOT_PARAM || kind == SLOT_STATE)
      e->shared[i] = emit_load_at(e, kept_as(e, i), emit_array_at(e, i, e->u->f64), 8);
  }
}

static void states_store(Emit *e) {
  for (uint32_t i = 0; i < e->k->slots.n; i++) {
    if (!e->after[i]) continue;
    LLVMValueRef v = kept_as(e, i) == e->real ? e->after[i] : emit_splat(e, e->after[i]);
    LLVMSetAlignment(LLVMBuildStore(e->u->builder, v, emit_array_at(e, i, e->u->f64)), 8);
  }
}

/* The phis of a step: which one it is, and the states. */
static void step_begin(Emit *e, LLVMValueRef steps) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(u->ctx, e->function, "steps");
  LLVMValueRef back = LLVMBuildSub(b, steps, number(e, 1), ""),
               from = e->k->kind == KERNEL_BACK ? back : number(e, 0);
  LLVMValueRef tape = LLVMBuildAdd(b, LLVMBuildMul(b, from, e->now.tape_row, ""), e->at, "");
  LLVMBuildBr(b, body);
  LLVMPositionBuilderAtEnd(b, body);
  e->now.since = LLVMBuildPhi(b, u->i64, "since");
  e->now.tape = LLVMBuildPhi(b, u->i64, "tape");
  LLVMAddIncoming(e->now.since, &from, &before, 1);
  LLVMAddIncoming(e->now.tape, &tape, &before, 1);
  for (uint32_t i = 0; i < e->k->slots.n; i++) {
    if (e->k->slots.at[i].kind != SLOT_STATE) continue;
    LLVMValueRef first = e->shared[i];
    e->shared[i] = LLVMBuildPhi(b, kept_as(e, i), "");
    LLVMAddIncoming(e->shared[i], &first, &before, 1);
  }
  e->now.number = LLVMBuildAdd(b, e->step, e->now.since, "");
  e->now.sample = e->now.skipped ? LLVMBuildAdd(b, e->now.skipped, e->now.since, "") : e->now.since;
  LLVMValueRef t = LLVMBuildSIToFP(b, e->now.number, u->f64, "");
  e->t = LLVMBuildFMul(b, e->dt, emit_splat(e, t), "t");
}

/* To the next step, or behind the last. A state that is not stored stays what it was. */
static void step_end(Emit *e, LLVMBasicBlockRef body, LLVMValueRef steps) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  bool back = e->k->kind == KERNEL_BACK;
  LLVMValueRef way = number(e, back ? UINT64_MAX : 1);
  LLVMValueRef since = LLVMBuildAdd(b, e->now.since, way, ""),
               row = LLVMBuildMul(b, e->now.tape_row, way, "");
  LLVMValueRef tape = LLVMBuildAdd(b, e->now.tape, row, "");
  LLVMValueRef more = LLVMBuildICmp(b, LLVMIntNE, since, back ? way : steps, "");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef behind = LLVMAppendBasicBlockInContext(u->ctx, e->function, "behind");
  LLVMBuildCondBr(b, more, body, behind);
  LLVMAddIncoming(e->now.since, &since, &last, 1);
  LLVMAddIncoming(e->now.tape, &tape, &last, 1);
  for (uint32_t i = 0; i < e->k->slots.n; i++)
    if (e->k->slots.at[i].kind == SLOT_STATE)
      LLVMAddIncoming(e->shared[i], e->after[i] ? &e->after[i] : &e->shared[i], &last, 1);
  LLVMPositionBuilderAtEnd(b, behind);
}

LLVMValueRef emit_march_begin(Emit *e) {
  LLVMTypeRef i64 = e->u->i64;
  e->now.lag = emit_env(e, offsetof(struct nsl_env, lag), i64, "lag");
  e->now.ring_mask = emit_env(e, offsetof(struct nsl_env, ring_mask), i64, "ring_mask");
  e->now.ring_row = emit_env(e, offsetof(struct nsl_env, ring_row), i64, "ring_row");
  e->now.tape_row = emit_env(e, offsetof(struct nsl_env, tape_row), i64, "tape_row");
  return emit_env(e, offsetof(struct nsl_env, steps), i64, "steps");
}

void emit_march_steps(Emit *e, LLVMValueRef steps) {
  arrays_load(e);
  step_begin(e, steps);
  LLVMBasicBlockRef body = LLVMGetInsertBlock(e->u->builder);
  emit_all(e);
  step_end(e, body, steps);
  states_store(e);
}

void emit_march(Emit *e) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef elements = LLVMAppendBasicBlockInContext(u->ctx, e->function, "elements");
  LLVMBasicBlockRef exit = LLVMAppendBasicBlockInContext(u->ctx, e->function, "done");
  LLVMValueRef zero = LLVMConstNull(u->i64);
  LLVMValueRef steps = emit_march_begin(e);
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  LLVMValueRef some = LLVMBuildICmp(b, LLVMIntSGT, count, zero, "");
  some = LLVMBuildAnd(b, some, LLVMBuildICmp(b, LLVMIntNE, steps, zero, ""), "");
  LLVMBuildCondBr(b, some, elements, exit);
  LLVMPositionBuilderAtEnd(b, elements);
  e->at = LLVMBuildPhi(b, u->i64, "at");
  emit_march_steps(e, steps);
  LLVMValueRef next = LLVMBuildAdd(b, e->at, number(e, e->lanes), "next");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, count, ""), elements, exit);
  LLVMAddIncoming(e->at, (LLVMValueRef[]){zero, next}, (LLVMBasicBlockRef[]){entry, last}, 2);
  LLVMPositionBuilderAtEnd(b, exit);
  LLVMBuildRet(b, zero);
}

/* Kernels of devices: one IrKernel -> one function void (const struct nsl_launch *), one thread an element
 * (runtime/abi.h). The instructions are those of the processor's own kernels with one lane; what is here is
 * the frame: which element a thread has, the step from the clock, masks by the votes of a warp, accumulators
 * that are a ring over steps, and who tells that a value is not finite.
 *
 * What a thread asks of its machine are calls of nsl_dev_…: nvptx.c gives them bodies, the emulator of the
 * runtime has its own. Kernels over time have arguments of their own (struct nsl_march_launch) and no clock:
 * one launch is many steps. `receive` has a thread for each event; the first event's thread of an element
 * handles all of them, in order, so events lie in order of their elements. `learn` has a list of what it runs
 * for, and any number of threads. */
#include <stddef.h>
#include <string.h>

#include "codegen/emit.h"

/* Entries of PTX have no dots. */
static const char *launch_symbol(const Session *s, Arena *a, const IrKernel *k, const CgTarget *target) {
  (void)target; /* a program's devices know a kernel by one name */
  char *symbol = arena_printf(a, "nsl_dev_kernel_%u_%s", k->index, name_str(s, k->name));
  for (char *c = symbol; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9'))) *c = '_';
  return symbol;
}

/* uint32_t nsl_dev_NAME(void), or of one number. */
static LLVMValueRef ask(Emit *e, const char *name, LLVMValueRef argument) {
  CgUnit *u = e->u;
  LLVMTypeRef type = LLVMFunctionType(u->i32, &u->i32, argument != NULL, false);
  LLVMValueRef f = LLVMGetNamedFunction(u->module, name);
  if (!f) {
    f = LLVMAddFunction(u->module, name, type);
    cg_convergent(u, f);
  }
  return LLVMBuildCall2(u->builder, type, f, &argument, argument != NULL, "");
}

static LLVMValueRef wide(Emit *e, LLVMValueRef v) { return LLVMBuildZExt(e->u->builder, v, e->u->i64, ""); }

static LLVMValueRef field(Emit *e, LLVMValueRef base, size_t offset, LLVMTypeRef type) {
  return emit_fixed(e, type, emit_bytes(e, base, LLVMConstInt(e->u->i64, offset, false)), 8);
}
#define LAUNCH(e, base, f, type) field(e, base, offsetof(struct nsl_launch, f), type)

static LLVMValueRef step_of_run(Emit *e) {
  LLVMValueRef args = LLVMGetParam(e->function, 0);
  if (e->array != e->u->ptr) args = LLVMBuildAddrSpaceCast(e->u->builder, args, e->array, "");
  return field(e, LAUNCH(e, args, clock, e->array), offsetof(struct nsl_clock, now), e->u->i64);
}

static LLVMValueRef number_of_block(Emit *e, LLVMValueRef array, LLVMValueRef block) {
  return wide(e, emit_fixed(e, e->u->i32, LLVMBuildGEP2(e->u->builder, e->u->i32, array, &block, 1, ""), 4));
}

typedef struct {
  LLVMValueRef bad, block, thread;
  LLVMBasicBlockRef done;
} Thread;

static void leave_unless(Emit *e, Thread *t, LLVMValueRef stays) {
  LLVMBasicBlockRef here = LLVMAppendBasicBlockInContext(e->u->ctx, e->function, "");
  LLVMBuildCondBr(e->u->builder, stays, here, t->done);
  LLVMPositionBuilderAtEnd(e->u->builder, here);
}

/* Its block has it, or it leaves. */
static void element_of_thread(Emit *e, Thread *t, LLVMValueRef args) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMValueRef env = number_of_block(e, LAUNCH(e, args, env_of_block, e->array), t->block);
  LLVMValueRef bytes = LLVMBuildMul(b, env, LLVMConstInt(u->i64, sizeof(struct nsl_env), false), "");
  e->env = emit_bytes(e, e->env, bytes);
  LLVMValueRef first = number_of_block(e, LAUNCH(e, args, first_of_block, e->array), t->block);
  e->at = LLVMBuildAdd(b, first, t->thread, "at");
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  leave_unless(e, t, LLVMBuildICmp(b, LLVMIntULT, e->at, count, ""));
}

/* Finds the thread's env and element, and leaves if it has none, or the clock stands. */
static void thread_begin(Emit *e, Thread *t) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  t->done = LLVMAppendBasicBlockInContext(u->ctx, e->function, "done");
  LLVMValueRef args = LLVMGetParam(e->function, 0);
  if (e->array != u->ptr) args = LLVMBuildAddrSpaceCast(b, args, e->array, "");
  t->block = wide(e, ask(e, "nsl_dev_block", NULL));
  t->thread = wide(e, ask(e, "nsl_dev_thread", NULL));
  e->env = LAUNCH(e, args, envs, e->array);
  if (e->k->kind != KERNEL_LEARN) element_of_thread(e, t, args);
  t->bad = LAUNCH(e, args, bad, e->array);
  bool whole = e->k->kind == KERNEL_RECEIVE || e->k->kind == KERNEL_LEARN;
  e->first = whole ? LLVMConstNull(u->i64) : emit_env(e, offsetof(struct nsl_env, first), u->i64, "first");
  e->step = field(e, LAUNCH(e, args, clock, e->array), offsetof(struct nsl_clock, step), u->i64);
  leave_unless(e, t, LLVMBuildICmp(b, LLVMIntNE, e->step, LLVMConstNull(u->i64), ""));
  e->dt = emit_env(e, offsetof(struct nsl_env, dt), u->f64, "dt");
  LLVMValueRef time = LLVMBuildUIToFP(b, e->step, u->f64, "");
  if (e->k->kind == KERNEL_DRIVE)
    time = LLVMBuildFSub(b, time, LLVMConstReal(u->f64, 0.5), ""); /* in the middle of the step */
  e->t = LLVMBuildFMul(b, time, e->dt, "t");
  if (e->k->kind == KERNEL_RECEIVE) e->step = step_of_run(e); /* events come by its steps, whatever those of the cells */
  emit_slots(e);
}

static LLVMValueRef not_finite(Emit *e, LLVMValueRef v) {
  LLVMBuilderRef b = e->u->builder;
  LLVMTypeRef type = e->f32 ? e->u->i32 : e->u->i64;
  LLVMValueRef exponent = LLVMConstInt(type, e->f32 ? 0x7f800000u : 0x7ff0000000000000u, false);
  return LLVMBuildICmp(b, LLVMIntEQ, LLVMBuildAnd(b, LLVMBuildBitCast(b, v, type, ""), exponent, ""),
                       exponent, "");
}

/* What was checked may have been reset since, by a spike; the processor looks at memory, too. */
static void leave_if_reset(Emit *e, Thread *t) {
  LLVMValueRef any = NULL;
  for (uint32_t i = 0; i < e->k->slots.n; i++) {
    if (e->k->slots.at[i].kind != SLOT_STATE) continue;
    LLVMValueRef one = not_finite(e, emit_load(e, i));
    any = any ? LLVMBuildOr(e->u->builder, any, one, "") : one;
  }
  if (any) leave_unless(e, t, any);
}

/* The step and the thread, if what was checked is not finite. Padding may compute anything, and must not
 * stand before who is real. */
static void tell_bad(Emit *e, Thread *t) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  if (!e->checked) return;
  LLVMValueRef sum = emit_bad(e, LLVMConstNull(e->real));
  LLVMBasicBlockRef tell = LLVMAppendBasicBlockInContext(u->ctx, e->function, "bad");
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  LLVMValueRef real = LLVMBuildSub(b, count,
                                   emit_env(e, offsetof(struct nsl_env, padding), u->i64, "padding"), "real");
  LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, sum, sum, ""),
               is_real = LLVMBuildICmp(b, LLVMIntULT, e->at, real, "");
  LLVMBuildCondBr(b, LLVMBuildAnd(b, nan, is_real, ""), tell, t->done);
  LLVMPositionBuilderAtEnd(b, tell);
  leave_if_reset(e, t);
  LLVMValueRef size = wide(e, ask(e, "nsl_dev_block_size", NULL));
  LLVMValueRef who = LLVMBuildAdd(b, LLVMBuildMul(b, t->block, size, ""), t->thread, "");
  LLVMValueRef when = LLVMBuildShl(b, e->step, LLVMConstInt(u->i64, 32, false), "");
  LLVMBuildAtomicRMW(b, LLVMAtomicRMWBinOpUMin, t->bad, LLVMBuildOr(b, when, who, ""),
                     LLVMAtomicOrderingMonotonic, false);
}

/* What is in the list, thread by thread and over again. */
static void listed_elements(Emit *e, Thread *t) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMValueRef list = emit_env(e, offsetof(struct nsl_env, list), e->array, "list");
  LLVMValueRef listed = emit_env(e, offsetof(struct nsl_env, listed), e->array, "listed");
  LLVMValueRef n = wide(e, emit_fixed(e, u->i32, listed, 4)),
               size = wide(e, ask(e, "nsl_dev_block_size", NULL));
  LLVMValueRef threads = LLVMBuildMul(b, wide(e, ask(e, "nsl_dev_blocks", NULL)), size, "threads");
  LLVMValueRef begin = LLVMBuildAdd(b, LLVMBuildMul(b, t->block, size, ""), t->thread, "");
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef head = LLVMAppendBasicBlockInContext(u->ctx, e->function, "listed");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(u->ctx, e->function, "one");
  LLVMBuildBr(b, head);
  LLVMPositionBuilderAtEnd(b, head);
  LLVMValueRef i = LLVMBuildPhi(b, u->i64, "i");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntULT, i, n, ""), body, t->done);
  LLVMPositionBuilderAtEnd(b, body);
  e->at = number_of_block(e, list, i);
  emit_all(e);
  LLVMAddIncoming(i, (LLVMValueRef[]){begin, LLVMBuildAdd(b, i, threads, "")},
                  (LLVMBasicBlockRef[]){entry, LLVMGetInsertBlock(b)}, 2);
  LLVMBuildBr(b, head);
}

/* All events of the element whose first one this thread has. */
static void events_of_element(Emit *e, Thread *t) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  LLVMValueRef zero = LLVMConstNull(u->i64), one = LLVMConstInt(u->i64, 1, false), begin = e->at,
               key = e->key;
  LLVMValueRef size = LLVMConstInt(u->i64, sizeof(struct nsl_event), false);
  LLVMValueRef count = emit_env(e, offsetof(struct nsl_env, count), u->i64, "count");
  LLVMValueRef events = emit_env(e, offsetof(struct nsl_env, events), e->array, "events");
#define ELEMENT(i)                                                                                           \
  emit_event_field(e, emit_bytes(e, events, LLVMBuildMul(b, i, size, "")),                                   \
                   offsetof(struct nsl_event, element), u->i32)
  LLVMValueRef element = ELEMENT(begin), is_first = LLVMBuildICmp(b, LLVMIntEQ, begin, zero, "");
  LLVMValueRef before = ELEMENT(LLVMBuildSelect(b, is_first, zero, LLVMBuildSub(b, begin, one, ""), ""));
  leave_unless(e, t, LLVMBuildOr(b, is_first, LLVMBuildICmp(b, LLVMIntNE, before, element, ""), ""));
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(b);
  LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(u->ctx, e->function, "events");
  LLVMBasicBlockRef more = LLVMAppendBasicBlockInContext(u->ctx, e->function, "more");
  LLVMBuildBr(b, loop);
  LLVMPositionBuilderAtEnd(b, loop);
  LLVMValueRef i = LLVMBuildPhi(b, u->i64, "i");
  emit_event(e, events, i, key);
  LLVMValueRef next = LLVMBuildAdd(b, i, one, "next");
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntULT, next, count, ""), more, t->done);
  LLVMPositionBuilderAtEnd(b, more);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntEQ, ELEMENT(next), element, ""), loop, t->done);
  LLVMAddIncoming(i, (LLVMValueRef[]){begin, next}, (LLVMBasicBlockRef[]){entry, more}, 2);
#undef ELEMENT
}

/* ---- kernels over time: a thread has an element of an env, and runs all steps of the call */
#define OVER_TIME(e, base, f, type) field(e, base, offsetof(struct nsl_march_launch, f), type)

static void march_begin(Emit *e, Thread *t) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  t->done = LLVMAppendBasicBlockInContext(u->ctx, e->function, "done");
  LLVMValueRef args = LLVMGetParam(e->function, 0), lanes = LLVMConstInt(u->i64, NSL_MARCH_LANES, false);
  if (e->array != u->ptr) args = LLVMBuildAddrSpaceCast(b, args, e->array, "");
  LLVMValueRef before = LLVMBuildMul(b, wide(e, ask(e, "nsl_dev_block", NULL)),
                                     wide(e, ask(e, "nsl_dev_block_size", NULL)), "");
  LLVMValueRef thread = LLVMBuildAdd(b, before, wide(e, ask(e, "nsl_dev_thread", NULL)), "");
  LLVMValueRef env = LLVMBuildUDiv(b, thread, lanes, "");
  leave_unless(e, t, LLVMBuildICmp(b, LLVMIntULT, env, OVER_TIME(e, args, n, u->i64), ""));
  LLVMValueRef stopped = LLVMBuildGEP2(b, u->i32, OVER_TIME(e, args, stopped, e->array), &env, 1, "");
  leave_unless(e, t,
               LLVMBuildICmp(b, LLVMIntEQ, emit_load_at(e, u->i32, stopped, 4), LLVMConstNull(u->i32), ""));
  LLVMValueRef bytes = LLVMBuildMul(b, env, LLVMConstInt(u->i64, sizeof(struct nsl_env), false), "");
  e->env = emit_bytes(e, OVER_TIME(e, args, envs, e->array), bytes);
  e->at = LLVMBuildURem(b, thread, lanes, "at");
  e->first = emit_env(e, offsetof(struct nsl_env, first), u->i64, "first");
  e->step = emit_env(e, offsetof(struct nsl_env, step), u->i64, "step");
  e->dt = emit_env(e, offsetof(struct nsl_env, dt), u->f64, "dt");
  e->t = emit_env(e, offsetof(struct nsl_env, t), u->f64, "t"); /* each step has its own */
  e->now.skipped = LLVMBuildSub(b, e->step, LLVMConstInt(u->i64, 1, false), "");
  emit_slots(e);
}

static void march_frame(Emit *e) {
  Thread t = {0};
  LLVMBuilderRef b = e->u->builder;
  emit_function(e, e->u->nothing, "args");
  cg_launched(e->u, e->function);
  march_begin(e, &t);
  LLVMValueRef steps = emit_march_begin(e);
  leave_unless(e, &t, LLVMBuildICmp(b, LLVMIntNE, steps, LLVMConstNull(e->u->i64), ""));
  emit_march_steps(e, steps);
  LLVMBuildBr(b, t.done);
  LLVMPositionBuilderAtEnd(b, t.done);
  LLVMBuildRetVoid(b);
}

static void launch_frame(Emit *e) {
  if (ir_kernel_called(e->k->kind)) {
    emit_called(e);
    return;
  }
  if (e->over_time) {
    march_frame(e);
    return;
  }
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  Thread t = {0};
  emit_function(e, u->nothing, "args");
  cg_launched(u, e->function);
  thread_begin(e, &t);
  if (e->k->kind == KERNEL_RECEIVE) {
    events_of_element(e, &t);
  } else if (e->k->kind == KERNEL_LEARN) {
    listed_elements(e, &t);
  } else {
    emit_all(e);
    tell_bad(e, &t);
    LLVMBuildBr(b, t.done);
  }
  LLVMPositionBuilderAtEnd(b, t.done);
  LLVMBuildRetVoid(b);
}

static LLVMValueRef launch_port(Emit *e, uint32_t slot, LLVMTypeRef word) {
  LLVMBuilderRef b = e->u->builder;
  LLVMValueRef mask = emit_env(e, offsetof(struct nsl_env, ring_mask), e->u->i64, "ring_mask");
  LLVMValueRef row = emit_env(e, offsetof(struct nsl_env, ring_row), e->u->i64, "ring_row");
  LLVMValueRef words = LLVMBuildMul(b, LLVMBuildAnd(b, step_of_run(e), mask, ""), row, "");
  return LLVMBuildGEP2(b, word, emit_array_at(e, slot, word), &words, 1, "");
}

/* The bits of a warp are half a word; all its threads write the same. */
static void launch_mask_store(Emit *e, LLVMValueRef mask, LLVMValueRef cond) {
  LLVMBuilderRef b = e->u->builder;
  if (e->k->kind == KERNEL_RECEIVE)
    BUG(e->u->s, e->k->ins.at[0].span, "a handler writes a mask, and has no warp");
  LLVMValueRef bits = ask(e, "nsl_dev_ballot", LLVMBuildZExt(b, cond, e->u->i32, ""));
  LLVMValueRef word = LLVMBuildLShr(b, e->at, LLVMConstInt(e->u->i64, 5, false), "");
  LLVMSetAlignment(LLVMBuildStore(b, bits, LLVMBuildGEP2(b, e->u->i32, mask, &word, 1, "")), 4);
}

const CgForm cg_form_launch = {
    .symbol = launch_symbol, .frame = launch_frame, .port = launch_port, .mask_store = launch_mask_store};

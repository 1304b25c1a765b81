/* Devices: what projections draw of their synapses, as functions that runtime/device/made.c calls, which is
 * compiled with them: the kernels of one synapse each, and `nsl_dev_value`, which has a case for each of
 * their numbers. So rows that are made anew need no memory for what is drawn, and no launch of their own for
 * each projection. The instructions are those of the processor's kernels with one lane. */
#include <string.h>

#include "codegen/emit.h"

/* double nsl_dev_value(uint32_t kernel, const double *u, uint64_t key, double dt, uint64_t source,
 *                      uint64_t ordinal, const void *rows, uint32_t target, uint64_t position);
 * a kernel's function has all but the first. */
enum { ARG_U, ARG_KEY, ARG_DT, ARG_SOURCE, ARG_ORDINAL, ARG_ROWS, ARG_TARGET, ARG_POSITION, ARGS };

struct CgCalled {
  LLVMValueRef args[ARGS];
};

static LLVMTypeRef function_type(const CgUnit *u, bool numbered) {
  LLVMTypeRef all[ARGS + 1] = {u->i32, u->ptr, u->i64, u->f64, u->i64, u->i64, u->ptr, u->i32, u->i64};
  return LLVMFunctionType(u->f64, numbered ? all : all + 1, numbered ? ARGS + 1 : ARGS, false);
}

/* What a synapse was given, or where its cells are: as the rows know it. */
LLVMValueRef emit_called_load(Emit *e, uint32_t slot) {
  CgUnit *u = e->u;
  LLVMTypeRef all[] = {u->ptr, u->i32, u->i32, u->i32, u->i64},
              type = LLVMFunctionType(u->f64, all, COUNT_OF(all), false);
  LLVMValueRef f = LLVMGetNamedFunction(u->module, "nsl_dev_pair"), *args = (LLVMValueRef *)e->called->args;
  if (!f) f = LLVMAddFunction(u->module, "nsl_dev_pair", type);
  LLVMValueRef source = LLVMBuildTrunc(u->builder, args[ARG_SOURCE], u->i32, ""),
               field = LLVMConstInt(u->i32, e->k->slots.at[slot].index, false);
  return LLVMBuildCall2(u->builder, type, f,
                        (LLVMValueRef[]){args[ARG_ROWS], field, source, args[ARG_TARGET], args[ARG_POSITION]},
                        5, "");
}

void emit_called(Emit *e) {
  CgUnit *u = e->u;
  LLVMBuilderRef b = u->builder;
  struct CgCalled called;
  e->function =
      LLVMAddFunction(u->module, cg_kernel_symbol(u->s, u->arena, e->k, u->target), function_type(u, false));
  LLVMSetLinkage(e->function, LLVMInternalLinkage);
  cg_function_target(u, e->function);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(u->ctx, e->function, "entry"));
  cg_debug_kernel(u, e->k, e->function, e->lanes, e->f32);
  LLVMGetParams(e->function, called.args);
  e->called = &called;
  e->globals = called.args[ARG_U];
  if (e->array != u->ptr) e->globals = LLVMBuildAddrSpaceCast(b, e->globals, e->array, "");
  e->key = called.args[ARG_KEY];
  e->step = called.args[ARG_SOURCE];
  e->at = called.args[ARG_ORDINAL];
  e->first = LLVMConstNull(u->i64);
  e->t = LLVMConstNull(e->lane);
  e->dt = e->f32 ? LLVMBuildFPTrunc(b, called.args[ARG_DT], u->f32, "") : called.args[ARG_DT];
  e->result = LLVMConstNull(u->f64);
  emit_all(e);
  LLVMBuildRet(b, e->result);
}

/* uint32_t nsl_dev_thirds(void): 1 if there are third parts; else nothing is left of them. */
static void thirds_answer(CgUnit *u) {
  LLVMValueRef f = LLVMAddFunction(u->module, "nsl_dev_thirds", LLVMFunctionType(u->i32, NULL, 0, false));
  LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->ctx, f, "entry"));
  LLVMBuildRet(u->builder, LLVMConstInt(u->i32, (u->makes & CG_MAKES_THIRDS) != 0, false));
}

void cg_values(CgUnit *u) {
  LLVMBuilderRef b = u->builder;
  LLVMValueRef f = LLVMAddFunction(u->module, "nsl_dev_value", function_type(u, true)), args[ARGS + 1];
  for (uint32_t i = 0; i < u->values.n; i++)
    if (!LLVMGetNamedFunction(u->module, cg_kernel_symbol(u->s, u->arena, u->values.at[i].kernel, u->target)))
      cg_kernel(u, u->values.at[i].kernel);
  LLVMSetCurrentDebugLocation2(b, NULL);
  thirds_answer(u);
  LLVMGetParams(f, args);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(u->ctx, f, "entry"),
                    none = LLVMAppendBasicBlockInContext(u->ctx, f, "none");
  LLVMPositionBuilderAtEnd(b, none);
  LLVMBuildRet(b, LLVMConstNull(u->f64));
  LLVMPositionBuilderAtEnd(b, entry);
  LLVMValueRef which = LLVMBuildSwitch(b, args[0], none, u->values.n);
  for (uint32_t i = 0; i < u->values.n; i++) {
    LLVMBasicBlockRef here = LLVMAppendBasicBlockInContext(u->ctx, f, "");
    LLVMAddCase(which, LLVMConstInt(u->i32, u->values.at[i].number, false), here);
    LLVMPositionBuilderAtEnd(b, here);
    LLVMValueRef kernel =
        LLVMGetNamedFunction(u->module, cg_kernel_symbol(u->s, u->arena, u->values.at[i].kernel, u->target));
    LLVMBuildRet(b, LLVMBuildCall2(b, function_type(u, false), kernel, args + 1, ARGS, ""));
  }
}

/* NVIDIA's GPUs: PTX, which the driver finishes when it loads it. What threads ask of the machine (nsl_dev_…)
 * gets bodies of LLVM's intrinsics; kernels are marked by their calling convention, and by nothing else: a
 * block of 256 threads with 255 registers each fits on every GPU, and where ptxas is told how many threads a
 * block has (.maxntid), it spills a little to have room for more blocks. */
#include <string.h>

#include <llvm-c/Target.h>

#include "codegen/unit.h"

enum { CONVENTION_PTX_KERNEL = 71, SPACE_GLOBAL = 1, SPACE_SHARED = 3, WHOLE_WARP = -1 };

static LLVMValueRef intrinsic(CgUnit *u, const char *name, LLVMValueRef *args, unsigned n) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMTypeRef type = LLVMIntrinsicGetType(u->ctx, id, NULL, 0);
  return LLVMBuildCall2(u->builder, type, LLVMGetIntrinsicDeclaration(u->module, id, NULL, 0), args, n, "");
}

static LLVMValueRef special(CgUnit *u, const char *name, LLVMValueRef f) {
  (void)f;
  return intrinsic(u, name, NULL, 0);
}
static LLVMValueRef barrier(CgUnit *u, const char *name, LLVMValueRef f) {
  (void)f;
  intrinsic(u, name, NULL, 0);
  return NULL;
}
static LLVMValueRef ballot(CgUnit *u, const char *name, LLVMValueRef f) {
  LLVMValueRef whole = LLVMConstInt(u->i32, (unsigned long long)WHOLE_WARP, true);
  LLVMValueRef holds = LLVMBuildICmp(u->builder, LLVMIntNE, LLVMGetParam(f, 0), LLVMConstNull(u->i32), "");
  return intrinsic(u, name, (LLVMValueRef[]){whole, holds}, 2);
}
static LLVMValueRef shared(CgUnit *u, const char *name, LLVMValueRef f) {
  (void)f;
  LLVMValueRef memory = LLVMAddGlobalInAddressSpace(u->module, LLVMArrayType2(u->i8, 0), name, SPACE_SHARED);
  LLVMSetAlignment(memory, 16);
  return LLVMBuildAddrSpaceCast(u->builder, memory, u->ptr, "");
}

static const struct {
  const char *name, *how;
  LLVMValueRef (*body)(CgUnit *u, const char *how, LLVMValueRef f);
} asked[] = {{"nsl_dev_thread", "llvm.nvvm.read.ptx.sreg.tid.x", special},
             {"nsl_dev_block", "llvm.nvvm.read.ptx.sreg.ctaid.x", special},
             {"nsl_dev_block_size", "llvm.nvvm.read.ptx.sreg.ntid.x", special},
             {"nsl_dev_blocks", "llvm.nvvm.read.ptx.sreg.nctaid.x", special},
             {"nsl_dev_barrier", "llvm.nvvm.barrier0", barrier},
             {"nsl_dev_ballot", "llvm.nvvm.vote.ballot.sync", ballot},
             {"nsl_dev_shared", "nsl_dev_memory", shared}};

static void answers(CgUnit *u) {
  for (size_t i = 0; i < COUNT_OF(asked); i++) {
    LLVMValueRef f = LLVMGetNamedFunction(u->module, asked[i].name);
    if (!f) continue;
    LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->ctx, f, "entry"));
    LLVMValueRef answer = asked[i].body(u, asked[i].how, f);
    if (answer) LLVMBuildRet(u->builder, answer);
    else LLVMBuildRetVoid(u->builder);
  }
}

/* ---- a < b ? a : b
 * LLVM takes it for `min.f64`, if one of them is a number. That says -0 of -0 and +0, where x86, and the
 * choice, say b. So what is chosen are bits. */
static bool compares(LLVMValueRef i, LLVMValueRef v) {
  return LLVMGetOperand(i, 0) == v || LLVMGetOperand(i, 1) == v;
}

static void choice_settle(CgUnit *u, LLVMValueRef i, LLVMTypeRef bits) {
  LLVMBuilderRef b = u->builder;
  LLVMPositionBuilderBefore(b, i);
  LLVMValueRef x = LLVMBuildBitCast(b, LLVMGetOperand(i, 1), bits, ""),
               y = LLVMBuildBitCast(b, LLVMGetOperand(i, 2), bits, "");
  LLVMValueRef chosen = LLVMBuildSelect(b, LLVMGetOperand(i, 0), x, y, "");
  LLVMReplaceAllUsesWith(i, LLVMBuildBitCast(b, chosen, LLVMTypeOf(i), ""));
  LLVMInstructionEraseFromParent(i);
}

static void settle(CgUnit *u) {
  for (LLVMValueRef f = LLVMGetFirstFunction(u->module); f; f = LLVMGetNextFunction(f))
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
        next = LLVMGetNextInstruction(i);
        LLVMTypeRef type = LLVMTypeOf(i);
        if (LLVMGetInstructionOpcode(i) != LLVMSelect || (type != u->f64 && type != u->f32)) continue;
        LLVMValueRef by = LLVMGetOperand(i, 0);
        if (!LLVMIsAFCmpInst(by) ||
            !(compares(by, LLVMGetOperand(i, 1)) || compares(by, LLVMGetOperand(i, 2))))
          continue;
        choice_settle(u, i, type == u->f64 ? u->i64 : u->i32);
      }
}

static void start(void) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
}

const CgMachine cg_machine_nvptx = {.triple = "nvptx64-nvidia-cuda",
                                    .start = start,
                                    .answers = answers,
                                    .settle = settle,
                                    .text = true,
                                    .arrays = SPACE_GLOBAL,
                                    .convention = CONVENTION_PTX_KERNEL};

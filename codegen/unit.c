/* A unit's kernels -> LLVM module -> object. The passes are our own short list: the code is vector code
 * already, so what is left to do is to inline the functions of math/, to fold, and to remove what became
 * equal or dead. Objects depend on nothing but kernels, target and options: two compilations give the same
 * bytes.
 *
 * Nothing here allows reassociation, contraction or reciprocals: the bits at opt 0 and 2 and at all levels
 * are the same. */
#include <pthread.h>
#include <string.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>

#include "codegen/emit.h"

const CgTarget cg_targets[TARGETS] = {
#define TARGET(id, text, cpu, machine, form, level, lanes64, lanes32, width, fma, i64, masks) \
  {TARGET_##id, text, cpu, &cg_machine_##machine, &cg_form_##form, level, lanes64, lanes32, width, fma, i64, \
   masks},
#include "codegen/targets.def"
#undef TARGET
};

/* Instructions are scheduled from the top down. From both ends, as LLVM does by itself, it sees few registers
 * in use, and leaves one exponential's chain behind another, further apart than the processor looks ahead;
 * and it spills more. Steps of neurons take 0 to 5 % less time at v4, 5 to 18 % less at v3; kernels of fits
 * up to 20 % less.
 * GPUs: nothing is computed before the branch that needs it. Those of flush.c are hardly ever taken, and
 * there are hundreds. */
static void llvm_options(void) {
  static const char *const words[] = {
      "nslc", LLVM_VERSION_MAJOR < 20 ? "-misched-topdown" : "-misched-prera-direction=topdown",
      "-spec-exec-max-speculation-cost=0"};
  LLVMParseCommandLineOptions(COUNT_OF(words), words, "");
}

void cg_llvm_start(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT; /* LLVM's options belong to the process */
  pthread_once(&once, llvm_options);
  for (int i = 0; i < TARGETS; i++) cg_targets[i].machine->start();
}

static void x86_start(void) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

const CgMachine cg_machine_x86 = {.triple = "x86_64-pc-linux-gnu", .start = x86_start};

LLVMTargetMachineRef cg_machine(const CgTarget *target, bool quick) {
  LLVMTargetRef t;
  char *error = NULL;
  const char *triple = target->machine->triple;
  if (LLVMGetTargetFromTriple(triple, &t, &error)) {
    LLVMDisposeMessage(error);
    return NULL;
  }
  LLVMCodeGenOptLevel level = quick ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault;
  return LLVMCreateTargetMachine(t, triple, target->cpu, "", level, LLVMRelocPIC, LLVMCodeModelSmall);
}

static void set_text_attribute(CgUnit *u, LLVMValueRef f, const char *key, const char *value) {
  LLVMAttributeRef a = LLVMCreateStringAttribute(u->ctx, key, strlen(key), value, strlen(value));
  LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, a);
}

static void set_attribute(CgUnit *u, LLVMValueRef f, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(u->ctx, kind, 0));
}

static void remove_attribute(LLVMValueRef f, const char *name) {
  LLVMRemoveEnumAttributeAtIndex(f, LLVMAttributeFunctionIndex,
                                 LLVMGetEnumAttributeKindForName(name, strlen(name)));
}

/* Whatever the function was compiled for: now it is for the unit's target. */
void cg_function_target(CgUnit *u, LLVMValueRef f) {
  static const char *const foreign[] = {"target-features", "min-legal-vector-width",
                                        "stack-protector-buffer-size", "no-trapping-math", "frame-pointer"};
  for (size_t i = 0; i < COUNT_OF(foreign); i++)
    LLVMRemoveStringAttributeAtIndex(f, LLVMAttributeFunctionIndex, foreign[i], (unsigned)strlen(foreign[i]));
  set_text_attribute(u, f, "target-cpu", u->target->cpu);
  set_text_attribute(u, f, "tune-cpu", u->tune ? u->tune : u->target->cpu);
  if (u->target->vector_width) set_text_attribute(u, f, "prefer-vector-width", u->target->vector_width);
  /* vectors that do not fit in registers go to the stack: there they must not cross cache lines */
  if (u->kind == UNIT_KERNELS && u->target->f64_lanes > 1) set_text_attribute(u, f, "stackrealign", "");
  /* as the runtime's threads. Devices keep what is subnormal; flush.c does it there */
  if (!cg_is_device(u->target)) set_text_attribute(u, f, "denormal-fp-math", "preserve-sign,preserve-sign");
  set_attribute(u, f, "nounwind");
}

void cg_convergent(CgUnit *u, LLVMValueRef f) { set_attribute(u, f, "convergent"); }

void cg_launched(CgUnit *u, LLVMValueRef f) {
  cg_convergent(u, f);
  LLVMSetFunctionCallConv(f, u->target->machine->convention);
}

static void types_begin(CgUnit *u) {
  u->i1 = LLVMInt1TypeInContext(u->ctx);
  u->i8 = LLVMInt8TypeInContext(u->ctx);
  u->i32 = LLVMInt32TypeInContext(u->ctx);
  u->i64 = LLVMInt64TypeInContext(u->ctx);
  u->f32 = LLVMFloatTypeInContext(u->ctx);
  u->f64 = LLVMDoubleTypeInContext(u->ctx);
  u->ptr = LLVMPointerTypeInContext(u->ctx, 0);
  u->nothing = LLVMVoidTypeInContext(u->ctx);
}

static void module_begin(CgUnit *u) {
  static const char *const names[] = {[UNIT_KERNELS] = "kernels", [UNIT_ONCE] = "once", [UNIT_HOT] = "hot"};
  u->ctx = LLVMContextCreate();
  types_begin(u);
  u->module = LLVMModuleCreateWithNameInContext(names[u->kind], u->ctx);
  u->builder = LLVMCreateBuilderInContext(u->ctx);
  u->machine = cg_machine(u->target, u->kind == UNIT_ONCE || u->options->opt == 0);
  if (!u->machine) BUG(u->s, ((Span){0, 0}), "no LLVM target for %s", u->target->machine->triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(u->machine);
  LLVMSetTarget(u->module, u->target->machine->triple);
  LLVMSetModuleDataLayout(u->module, layout);
  LLVMDisposeTargetData(layout);
  cg_math_open(u);
}

static uint32_t instructions_of(LLVMValueRef f) {
  uint32_t n = 0;
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) n++;
  return n;
}

static uint32_t uses_of(LLVMValueRef f) {
  uint32_t n = 0;
  for (LLVMUseRef use = LLVMGetFirstUse(f); use; use = LLVMGetNextUse(use)) n++;
  return n;
}

/* A function as long as a draw of a binomial, called from many places: a call costs it nothing, and copies
 * cost LLVM seconds, and ptxas (the driver, when a program starts) ten times that. */
static bool stays_call(const CgUnit *u, LLVMValueRef f) {
  /* what draws synapses has the same draws in two precisions */
  enum { LONG = 300, MANY = 3, LONG_DRAW = 200, SOME_DRAWS = 2 };
  if (u->makes && uses_of(f) >= SOME_DRAWS && instructions_of(f) >= LONG_DRAW) return true;
  return u->kind == UNIT_ONCE ||
         (u->kind == UNIT_KERNELS && uses_of(f) >= MANY && instructions_of(f) >= LONG);
}

/* All that came from bitcode: for this target, private, inlined where that pays. */
static void helpers_end(CgUnit *u) {
  for (LLVMValueRef f = LLVMGetFirstFunction(u->module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f)) continue;
    cg_function_target(u, f);
    if (LLVMGetVisibility(f) == LLVMHiddenVisibility && LLVMGetLinkage(f) == LLVMExternalLinkage) continue;
    LLVMSetLinkage(f, LLVMInternalLinkage);
    remove_attribute(f, "noinline");
    if (!stays_call(u, f)) set_attribute(u, f, "alwaysinline");
  }
}

static void verify(CgUnit *u, const char *when) {
  char *error = NULL;
  if (LLVMVerifyModule(u->module, LLVMReturnStatusAction, &error)) {
    Span span = u->kernels.n && u->kernels.at[0]->ins.n ? u->kernels.at[0]->ins.at[0].span : (Span){0, 0};
    BUG(u->s, span, "LLVM's verifier, %s: %s", when, error);
  }
  LLVMDisposeMessage(error);
}

static void optimize(CgUnit *u) {
  /* no instcombine for kernels: where conditions are wide lanes it makes single bits of them, which LLVM then
   * takes apart one by one; and it gains nothing, since the IR is folded and math.bc has been through it */
  /* licm: what a draw within bounds asks of them alone is asked before the loop */
  static const char *const lists[] = {
      [UNIT_KERNELS] = "always-inline,globaldce,function(early-cse,simplifycfg,early-cse,loop-mssa(licm))",
      [UNIT_HOT] =
          "always-inline,globaldce,function(early-cse,instcombine<no-verify-fixpoint>,simplifycfg,early-cse)",
      [UNIT_ONCE] = "globaldce",
  };
  bool quick = u->options->opt == 0 && u->kind != UNIT_ONCE;
  /* one element has no loop but a solver's, and what is hoisted out of that takes registers */
  static const char no_loops[] = "always-inline,globaldce,function(early-cse,simplifycfg,early-cse)";
  bool launched = u->kind == UNIT_KERNELS && !u->target->form->loops;
  const char *passes = quick ? "always-inline,globaldce" : launched ? no_loops : lists[u->kind];
  LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(u->module, passes, u->machine, o);
  LLVMDisposePassBuilderOptions(o);
  if (error) BUG(u->s, ((Span){0, 0}), "LLVM's passes: %s", LLVMGetErrorMessage(error));
}

static CgBytes emit_code(Session *s, Arena *a, LLVMTargetMachineRef machine, LLVMModuleRef module,
                         LLVMCodeGenFileType form) {
  char *error = NULL;
  LLVMMemoryBufferRef buffer;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, form, &error, &buffer))
    BUG(s, ((Span){0, 0}), "LLVM's code generation: %s", error);
  CgBytes bytes = {NULL, LLVMGetBufferSize(buffer)};
  bytes.data = arena_text(a, LLVMGetBufferStart(buffer), bytes.size);
  LLVMDisposeMemoryBuffer(buffer);
  return bytes;
}

CgBytes cg_emit_object(Session *s, Arena *a, LLVMTargetMachineRef machine, LLVMModuleRef module) {
  return emit_code(s, a, machine, module, LLVMObjectFile);
}

static void emit_text(CgUnit *u) {
  if (u->text_form == CG_LLVM) {
    char *text = LLVMPrintModuleToString(u->module);
    u->text = arena_text(u->arena, text, strlen(text));
    LLVMDisposeMessage(text);
    return;
  }
  u->text = emit_code(u->s, u->arena, u->machine, u->module, LLVMAssemblyFile).data;
}

void cg_unit_compile(CgUnit *u) {
  module_begin(u);
  cg_debug_begin(u);
  for (uint32_t i = 0; i < u->kernels.n; i++) cg_kernel(u, u->kernels.at[i]);
  if (u->makes) cg_values(u);
  cg_debug_end(u);
  verify(u, "before the passes");
  if (u->kind == UNIT_HOT) (cg_is_device(u->target) ? cg_dev_link : cg_hot_link)(u);
  if (u->makes) cg_made_link(u);
  if (cg_is_device(u->target)) cg_flush(u);
  cg_math_link(u);
  if (u->target->machine->answers) u->target->machine->answers(u);
  if (u->kind == UNIT_HOT && !cg_is_device(u->target)) cg_hot_level(u);
  helpers_end(u);
  optimize(u);
  if (u->target->machine->settle) u->target->machine->settle(u);
  verify(u, "after the passes");
  if (u->want_text)
    emit_text(u);
  else
    u->object = emit_code(u->s, u->arena, u->machine, u->module,
                          u->target->machine->text ? LLVMAssemblyFile : LLVMObjectFile);
  LLVMDisposeBuilder(u->builder);
  LLVMDisposeTargetMachine(u->machine);
  LLVMDisposeModule(u->module);
  LLVMContextDispose(u->ctx);
}

/* The embedded bitcode (math.bc, hot.bc, dev.bc) -> functions of a unit. Math is parsed lazily and its
 * functions are made `linkonce`, so that linking copies those that something calls and never reads the bodies
 * of the others. Needs: bitcode of the same LLVM release, its vectors passed as values. */
#include <string.h>

#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>

#include "codegen/unit.h"

extern const char cg_embedded_math[], cg_embedded_math_end[], cg_embedded_hot[], cg_embedded_hot_end[],
    cg_embedded_dev[], cg_embedded_dev_end[], cg_embedded_made[], cg_embedded_made_end[];

const char *const cg_hot_names[] = {
#define HOT(name, ...) #name,
#include "runtime/hot.def"
#undef HOT
};
const uint32_t cg_n_hot = COUNT_OF(cg_hot_names);

const char *const cg_dev_names[] = {
#define DEVICE(name, ...) "rt_dev_" #name,
#include "runtime/device/device.def"
#undef DEVICE
};
const uint32_t cg_n_dev = COUNT_OF(cg_dev_names);
static const unsigned of_model[] = {
#define DEVICE(...) 0,
#define DEVICE_OF_MODEL(name, makes, ...) CG_MAKES_##makes,
#include "runtime/device/device.def"
#undef DEVICE
};

const char *cg_hot_symbol(Arena *a, const char *name, const CgTarget *target) {
  return arena_printf(a, "rt_hot_%s.v%u", name, target->x86_level);
}

static LLVMModuleRef bitcode_open(CgUnit *u, const char *from, const char *to, const char *name, bool lazy) {
  LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRange(from, (size_t)(to - from), name, false);
  LLVMModuleRef m = NULL;
  if (lazy ? LLVMGetBitcodeModuleInContext2(u->ctx, buffer, &m)
           : LLVMParseBitcodeInContext2(u->ctx, buffer, &m))
    BUG(u->s, ((Span){0, 0}), "the embedded %s cannot be read", name);
  if (!lazy) LLVMDisposeMemoryBuffer(buffer);
  LLVMSetTarget(m, LLVMGetTarget(u->module));
  LLVMSetDataLayout(m, LLVMGetDataLayoutStr(u->module));
  return m;
}

void cg_math_open(CgUnit *u) {
  u->math = bitcode_open(u, cg_embedded_math, cg_embedded_math_end, "math.bc", true);
  for (LLVMValueRef f = LLVMGetFirstFunction(u->math); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMSetLinkage(f, LLVMLinkOnceODRLinkage);
}

LLVMValueRef cg_math_function(CgUnit *u, const char *name, LLVMTypeRef *ret_type) {
  LLVMValueRef body = LLVMGetNamedFunction(u->math, name), mine = LLVMGetNamedFunction(u->module, name);
  if (!body) BUG(u->s, ((Span){0, 0}), "math.bc has no %s", name);
  *ret_type = LLVMGlobalGetValueType(body);
  return mine ? mine : LLVMAddFunction(u->module, name, *ret_type);
}

bool cg_math_has(const CgUnit *u, const char *name) { return LLVMGetNamedFunction(u->math, name) != NULL; }

void cg_math_link(CgUnit *u) {
  if (LLVMLinkModules2(u->module, u->math)) BUG(u->s, ((Span){0, 0}), "math.bc cannot be linked");
  u->math = NULL;
}

/* Hot functions keep a name of their level and stay visible to the table; all else becomes private in
 * helpers_end. */
void cg_hot_link(CgUnit *u) {
  LLVMModuleRef hot = bitcode_open(u, cg_embedded_hot, cg_embedded_hot_end, "hot.bc", false);
  for (LLVMValueRef f = LLVMGetFirstFunction(hot); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMSetVisibility(f, LLVMDefaultVisibility);
  if (LLVMLinkModules2(u->module, hot)) BUG(u->s, ((Span){0, 0}), "hot.bc cannot be linked");
  for (uint32_t i = 0; i < cg_n_hot; i++) {
    LLVMValueRef f = LLVMGetNamedFunction(u->module, arena_printf(u->arena, "rt_hot_%s", cg_hot_names[i]));
    if (!f || LLVMIsDeclaration(f)) BUG(u->s, ((Span){0, 0}), "hot.bc has no rt_hot_%s", cg_hot_names[i]);
    const char *symbol = cg_hot_symbol(u->arena, cg_hot_names[i], u->target);
    LLVMSetValueName2(f, symbol, strlen(symbol));
    LLVMSetLinkage(f, LLVMExternalLinkage);
    LLVMSetVisibility(f, LLVMHiddenVisibility);
  }
}

bool cg_dev_has(uint32_t row, unsigned makes) { return !of_model[row] || (of_model[row] & makes); }

/* Functions for devices are its kernels, under their own names. makes: of a model's those that it needs, all
 * others go. */
static void functions_link(CgUnit *u, LLVMModuleRef dev, const char *file, unsigned makes) {
  for (LLVMValueRef f = LLVMGetFirstFunction(dev); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) LLVMSetVisibility(f, LLVMDefaultVisibility);
  for (uint32_t i = 0; makes && i < cg_n_dev; i++) {
    LLVMValueRef f = LLVMGetNamedFunction(dev, cg_dev_names[i]);
    if (f && !cg_dev_has(i, makes)) LLVMDeleteFunction(f);
  }
  if (LLVMLinkModules2(u->module, dev)) BUG(u->s, ((Span){0, 0}), "%s cannot be linked", file);
  for (uint32_t i = 0; i < cg_n_dev; i++) {
    if (makes ? !(of_model[i] & makes) : of_model[i]) continue;
    LLVMValueRef f = LLVMGetNamedFunction(u->module, cg_dev_names[i]);
    if (!f || LLVMIsDeclaration(f)) BUG(u->s, ((Span){0, 0}), "%s has no %s", file, cg_dev_names[i]);
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    cg_launched(u, f);
  }
}

void cg_dev_link(CgUnit *u) {
  functions_link(u, bitcode_open(u, cg_embedded_dev, cg_embedded_dev_end, "dev.bc", false), "dev.bc", 0);
}

void cg_made_link(CgUnit *u) {
  functions_link(u, bitcode_open(u, cg_embedded_made, cg_embedded_made_end, "made.bc", false), "made.bc",
                 u->makes);
}

/* What math/poisson.c wants to know of the level; after cg_math_link. */
void cg_hot_level(CgUnit *u) {
  LLVMValueRef masks = LLVMGetNamedGlobal(u->module, "nslm_masks");
  if (!masks) BUG(u->s, ((Span){0, 0}), "hot.bc does not draw Poisson counts");
  LLVMSetInitializer(masks, LLVMConstInt(u->i8, u->target->masks, false));
  LLVMSetGlobalConstant(masks, true);
  LLVMSetLinkage(masks, LLVMInternalLinkage);
}

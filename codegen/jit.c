/* CgProgram -> code in this process: the units' objects go into LLVM's ORC linker, the table is the one in
 * memory with the addresses filled in. What kernels call outside (libm's fma on old processors) is found in
 * the process. Needs: a program whose first level this processor can run. */
#include <string.h>

#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

#include "codegen/unit.h"

struct CgJit {
  LLVMOrcLLJITRef jit;
  struct nsl_program table;
  uint32_t n_kernels;
  nsl_kernel_fn **kernels;
  Arena *arena;
};

static void jit_stop(Session *s, const char *what, LLVMErrorRef error) {
  if (error) BUG(s, ((Span){0, 0}), "code in memory: %s: %s", what, LLVMGetErrorMessage(error));
}

/* Address of a symbol; not a failure if it is hidden: look-ups are inside of the same library. */
static void *jit_find(Session *s, CgJit *j, const char *symbol) {
  LLVMOrcExecutorAddress at = 0;
  jit_stop(s, symbol, LLVMOrcLLJITLookup(j->jit, &at, symbol));
  return (void *)(uintptr_t)at;
}

static void jit_objects(Session *s, CgJit *j, const CgProgram *p) {
  LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(j->jit);
  LLVMOrcDefinitionGeneratorRef process;
  jit_stop(s, "symbols of the process", LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
                                            &process, LLVMOrcLLJITGetGlobalPrefix(j->jit), NULL, NULL));
  LLVMOrcJITDylibAddGenerator(lib, process);
  for (uint32_t i = 0; i < p->units.n; i++) {
    const CgTarget *target = p->units.at[i].target;
    if (target != p->levels.at[0] && (!cg_is_device(target) || target->machine->text)) continue;
    const CgBytes *o = &p->units.at[i].object;
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(o->data, o->size, "unit");
    jit_stop(s, "object", LLVMOrcLLJITAddObjectFile(j->jit, lib, buffer));
  }
}

/* What code for the emulator asks of it: functions of this process, if the runtime is in it. */
#define ASK(result, name, arguments, doc) extern result nsl_dev_##name arguments __attribute__((weak));
#include "runtime/device/asks.def"
#undef ASK

static void jit_emulator(Session *s, CgJit *j) {
  LLVMOrcCSymbolMapPair pairs[] = {
#define ASK(result, name, arguments, doc)                                                                    \
  {LLVMOrcLLJITMangleAndIntern(j->jit, "nsl_dev_" #name),                                                    \
   {(LLVMOrcExecutorAddress)(uintptr_t)nsl_dev_##name, {LLVMJITSymbolGenericFlagsExported, 0}}},
#include "runtime/device/asks.def"
#undef ASK
  };
  jit_stop(s, "the emulator",
           LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(j->jit),
                                 LLVMOrcAbsoluteSymbols(pairs, COUNT_OF(pairs))));
}

/* Addresses for one that is emulated. */
static void jit_device(Session *s, CgJit *j, const CgProgram *p, struct nsl_device *d) {
  nsl_device_fn **kernels = NEW_ARRAY(j->arena, nsl_device_fn *, p->kernels.n + 1);
  nsl_device_fn **functions = NEW_ARRAY(j->arena, nsl_device_fn *, cg_n_dev + 1);
  for (uint32_t i = 0; i < p->kernels.n; i++) {
    void *at = d->symbols[i] ? jit_find(s, j, d->symbols[i]) : NULL;
    memcpy(&kernels[i], &at, sizeof at);
  }
  for (uint32_t i = 0; i < cg_n_dev && !p->options.kernels_only; i++) {
    void *at = cg_dev_has(i, p->makes) ? jit_find(s, j, cg_dev_names[i]) : NULL;
    memcpy(&functions[i], &at, sizeof at);
  }
  d->kernels = kernels;
  d->functions = functions;
}

static void jit_devices(Session *s, CgJit *j, const CgProgram *p) {
  struct nsl_device *all = NEW_ARRAY(j->arena, struct nsl_device, p->devices.n + 1);
  for (uint32_t i = 0; i < p->devices.n; i++) {
    const CgTarget *target = p->devices.at[i];
    all[i] = (struct nsl_device){.name = target->text,
                                 .ptx = cg_device_ptx(p, target, UNIT_KERNELS),
                                 .functions_ptx = cg_device_ptx(p, target, UNIT_HOT),
                                 .symbols = cg_device_symbols(s, p, j->arena)};
    if (!target->machine->text) jit_device(s, j, p, &all[i]);
  }
  j->table.n_devices = p->devices.n;
  j->table.devices = all;
}

static void jit_kernels(Session *s, CgJit *j, const CgProgram *p) {
  j->n_kernels = p->kernels.n;
  j->kernels = NEW_ARRAY(j->arena, nsl_kernel_fn *, p->kernels.n + 1);
  for (uint32_t i = 0; i < p->kernels.n; i++) {
    const IrKernel *k = p->kernels.at[i];
    if (!k) continue;
    void *at = k->index < i ? (void *)j->kernels[k->index]
                            : jit_find(s, j, cg_kernel_symbol(s, j->arena, k, p->levels.at[0]));
    memcpy(&j->kernels[i], &at, sizeof at);
  }
}

static void jit_table(Session *s, CgJit *j, const CgProgram *p) {
  void **hot = NEW_ARRAY(j->arena, void *, cg_n_hot + 1);
  for (uint32_t i = 0; i < cg_n_hot; i++)
    hot[i] = jit_find(s, j, cg_hot_symbol(j->arena, cg_hot_names[i], p->levels.at[0]));
  struct nsl_level *level = NEW(j->arena, struct nsl_level);
  *level = (struct nsl_level){p->levels.at[0]->text, p->levels.at[0]->x86_level, j->kernels, hot};
  j->table = *p->table;
  j->table.n_levels = 1;
  j->table.levels = level;
}

CgJit *cg_jit(Session *s, CgProgram *p) {
  CgJit *j = NEW(s->arena, CgJit);
  j->arena = s->arena;
  jit_stop(s, "start", LLVMOrcCreateLLJIT(&j->jit, NULL));
  jit_emulator(s, j);
  jit_objects(s, j, p);
  jit_kernels(s, j, p);
  if (p->table) jit_table(s, j, p);
  jit_devices(s, j, p);
  return j;
}

const struct nsl_program *cg_jit_program(const CgJit *j) { return &j->table; }

nsl_kernel_fn *cg_jit_kernel(const CgJit *j, uint32_t index) {
  return index < j->n_kernels ? j->kernels[index] : NULL;
}

const struct nsl_device *cg_jit_device(const CgJit *j) {
  return j->table.n_devices ? j->table.devices : NULL;
}

void cg_jit_free(CgJit *j) {
  if (j && j->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(j->jit));
}

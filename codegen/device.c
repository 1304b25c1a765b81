/* What a program's table says of its devices, but for addresses: those are filled in where objects are linked
 * (constant.c), or looked up (jit.c). */
#include "codegen/unit.h"

const char *cg_device_ptx(const CgProgram *p, const CgTarget *device, CgUnitKind kind) {
  if (!device->machine->text) return NULL;
  for (uint32_t i = 0; i < p->units.n; i++) {
    const CgUnit *u = &p->units.at[i];
    if (u->target == device && u->kind == kind) return arena_text(p->arena, u->object.data, u->object.size);
  }
  return "";
}

const char *const *cg_device_symbols(Session *s, const CgProgram *p, Arena *a) {
  const char **symbols = NEW_ARRAY(a, const char *, p->kernels.n + 1);
  for (uint32_t i = 0; i < p->kernels.n; i++) {
    const IrKernel *k = p->kernels.at[i];
    if (k && ir_kernel_on_devices(k->kind))
      symbols[i] = cg_kernel_symbol(s, a, k, &cg_targets[TARGET_EMULATED]);
  }
  return symbols;
}

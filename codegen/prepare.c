/* Run while nslc is built: the runtime's hot functions (hot.bc, math.bc), and those for devices (dev.bc) ->
 * one object for each target, or its PTX. They depend on no model, so they are compiled here, and not in
 * every run of nslc.
 *
 * usage: codegen_prepare OBJECT…   in the order of targets.def */
#include <stdio.h>
#include <string.h>

#include "codegen/unit.h"

/* By itself LLVM schedules x86-64-v3 and v4 for processors to which addresses of three terms are slow. */
static const char tune[] = "icelake-server";

static bool write_object(const CgBytes *object, const char *path) {
  FILE *f = fopen(path, "wb");
  if (!f) return false;
  size_t n = fwrite(object->data, 1, object->size, f);
  return fclose(f) == 0 && n == object->size;
}

int main(int argc, char **argv) {
  if (argc != TARGETS + 1) return 2;
  Session *s = session_new();
  CgOptions options = {.opt = 2};
  cg_llvm_start();
  for (int i = 0; i < TARGETS; i++) {
    CgUnit u = {.s = s, .arena = s->arena, .options = &options, .target = &cg_targets[i], .kind = UNIT_HOT};
    if (u.target->fma) u.tune = tune;
    cg_unit_compile(&u);
    if (!write_object(&u.object, argv[i + 1])) {
      perror(argv[i + 1]);
      return 1;
    }
  }
  session_free(s);
  return 0;
}

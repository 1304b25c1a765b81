/* Runs the passes of passes.def in order, each from one arena into another, with the verifier after each: a
 * mistake is blamed on the pass that made it. The result lives in the session's arena; the other two are
 * freed at once, so that a pass which kept a pointer into its input is found by the sanitizer. */
#include <string.h>

#include "ir/pass.h"
#include "lang/session.h"

const IrPass ir_passes[] = {
#define PASS(name, function, exact, doc) {name, function, exact, doc},
#include "ir/passes.def"
#undef PASS
};
const uint32_t ir_n_passes = COUNT_OF(ir_passes);

static void verify_after(Session *s, const char *pass, const IrModule *m) {
  int n = ir_verify(s, m, stderr);
  if (n > 0) BUG(s, (Span){0}, "%d complaint%s after %s", n, n == 1 ? "" : "s", pass);
}

IrModule *ir_run_passes(Session *s, IrModule *m, const IrPass *passes, uint32_t n, const char *after) {
  Arena *here = NULL;
  for (uint32_t i = 0; i < n; i++) {
    Arena *next = arena_new();
    uint32_t errors = s->errors;
    m = passes[i].run(m, next, s);
    arena_free(here);
    here = next;
    if (s->errors > errors) break; /* the pass has refused the model; what it left is not fit for the next */
    verify_after(s, passes[i].name, m);
    if (after && strcmp(after, passes[i].name) == 0) break;
  }
  m = ir_module_copy(s, m, s->arena);
  arena_free(here);
  return m;
}

IrModule *ir_pipeline(Session *s, IrModule *m, const char *after) {
  verify_after(s, "lowering", m);
  return ir_run_passes(s, m, ir_passes, ir_n_passes, after);
}

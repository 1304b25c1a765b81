/* Fuzz target of the checker: any bytes -> a model or messages, in a time that the size of the text bounds.
 *
 * With -DLOWER also what follows: a model without errors must lower and pass all passes, each of which is verified. */
#include "lang/model.h"
#include "tests/fuzz/fuzz.h"
#ifdef LOWER
#include "autodiff/ad.h"
#include "ir/ir.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  s->stdlib_path = size % 8 ? NULL : STDLIB; /* reading the library takes longer than all the rest */
  const Source *source = source_add(s, "fuzz.nsl", (const char *)data, size);
  if (source) {
    Source copy = *source;
    CheckOptions check = {.parse = parse_source};
    const AstFile *file = parse_source(s, &copy);
    Model *m = model_check(s, file, &check);
    MUST(m);
#ifdef LOWER
    Arena *a = arena_new();
    IrModule *module = s->errors ? NULL : ir_lower(s, a, m);
    if (module && !s->errors) module = ir_pipeline(s, module, NULL);
    if (module && !s->errors) ad_pipeline(s, module, NULL);
    arena_free(a);
#endif
  }
  print_messages(s);
  session_free(s);
  return 0;
}

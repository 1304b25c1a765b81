/* Fuzz target: any bytes as IR text. What the reader accepts, the verifier judges, and the printer prints so
 * that it reads back equal. clang -fsanitize=fuzzer links this file alone; tests/ir/text.c calls it with
 * damaged kernels. */
#include <stdlib.h>
#include <string.h>

#include "lang/session.h"
#include "tests/ir/random_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_kernel(Session *s, const IrKernel *k) {
  const char *error = NULL;
  char *complaints = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&complaints, &n);
  ir_verify_kernel(s, k, f);
  fclose(f);
  free(complaints);
  const IrModule *again = ir_read(s, s->arena, random_text(s, s->arena, k), &error);
  if (!again || again->kernels.n != 1 || !ir_kernel_equal(k, again->kernels.at[0])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  const char *error = NULL;
  const IrModule *m = ir_read(s, s->arena, arena_text(s->arena, (const char *)data, size), &error);
  for (uint32_t i = 0; m && i < m->kernels.n; i++) check_kernel(s, m->kernels.at[i]);
  if (!m && !error) abort();
  session_free(s);
  return 0;
}

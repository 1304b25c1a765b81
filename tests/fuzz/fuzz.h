/* What the fuzz targets share: a text -> a session with it; messages printed and thrown away. */
#ifndef NSL_TESTS_FUZZ_H
#define NSL_TESTS_FUZZ_H

#include <stdlib.h>

#include "lang/diag.h"
#include "parser/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
  do {          \
    if (!(x)) { \
      fprintf(stderr, "%s:%d: " #x "\n", __FILE__, __LINE__); \
      abort();  \
    }           \
  } while (0)

/* All messages in both forms: their places must be in the text. */
static inline void print_messages(Session *s) {
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  diag_print(s, out, false, false);
  diag_print(s, out, true, false);
  fclose(out);
  free(text);
}

#endif

/* Fuzz target of the formatter: a text without syntax errors -> the same program (fmt_source compares the
 * trees and ends the program if they differ), which formatted again is the same text, with all comments. */
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* All that is no blank; `;` may come and go. */
static bool same_ink(const char *a, const char *b) {
  for (;; a++, b++) {
    while (*a && strchr(" \t\r\n\f;", *a)) a++;
    while (*b && strchr(" \t\r\n\f;", *b)) b++;
    if (*a != *b) return false;
    if (!*a) return true;
  }
}

static bool has_doc(const char *text) { return strstr(text, "##") != NULL; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  const Source *source = source_add(s, "fuzz", (const char *)data, size);
  size_t len, again_len;
  const char *old = source ? source->text : NULL;
  const char *text = source ? fmt_source(s, source, &len) : NULL;
  if (text) {
    MUST(has_doc(old) || same_ink(old, text)); /* a doc comment may move in front of its declaration */
    const Source *again = source_add(s, "again", text, len);
    const char *second = again ? fmt_source(s, again, &again_len) : NULL;
    MUST(second && again_len == len && memcmp(second, text, len) == 0);
  }
  print_messages(s);
  session_free(s);
  return 0;
}

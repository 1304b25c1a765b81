/* Fuzz target of the scanner: any bytes, read in any of its modes -> tokens that follow each other inside the
 * text, and an end. */
#include "parser/parser.h"
#include "tests/fuzz/fuzz.h"

#include "parser/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  const Source *source = source_add(s, "fuzz", (const char *)data, size);
  if (source) {
    Parser *p = NEW(s->arena, Parser);
    p->s = s;
    p->source = source;
    words_init(p);
    scanner_open(p);
    uint32_t at = source->base, n = 0;
    for (;; n++) {
      Token t = scanner_next(p);
      MUST(t.span.from >= at && t.span.to >= t.span.from && t.span.to <= source->base + source->len);
      MUST(t.code == T_END || t.span.to > t.span.from);
      MUST(n <= source->len);
      at = t.span.to;
      if (t.code == T_END) break;
      p->mode = t.code == T_NUMBER                       ? READ_AFTER_NUMBER
                : (n * 2654435761u ^ t.span.to) % 5 == 0 ? READ_UNIT
                                                         : READ_PLAIN;
    }
    MUST(at == source->base + source->len);
    scanner_close(p);
  }
  print_messages(s);
  session_free(s);
  return 0;
}

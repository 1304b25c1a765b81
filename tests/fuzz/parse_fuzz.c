/* Fuzz target of the parser: any bytes -> a tree whose spans and heights are sound, or messages; never a crash or a hang.
 *
 * With libFuzzer see meson.build; otherwise replay.c reads files. */
#include <stdlib.h>

#include "lang/diag.h"
#include "parser/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
  const Source *source;
  uint32_t height;
} Above;

static void check_node(Ast *node, void *ctx) {
  const Above *above = ctx;
  uint32_t from = above->source->base, to = from + above->source->len;
  if (node->span.from < from || node->span.to > to || node->span.from > node->span.to) abort();
  if (node->height >= above->height) abort();
  ast_each_child(node, check_node, &(Above){above->source, node->height});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  const Source *source = source_add(s, "fuzz", (const char *)data, size);
  if (source) {
    const AstFile *file = parse_source(s, source);
    ast_each_child(&file->head, check_node, &(Above){source, AST_MAX_HEIGHT + 2});
  }
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  diag_print(s, out, false, false);
  fclose(out);
  free(text);
  session_free(s);
  return 0;
}

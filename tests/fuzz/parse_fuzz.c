/* Fuzz target of the parser: any bytes -> a tree whose spans and heights are sound, or messages; never a
 * crash or a hang. */
#include "tests/fuzz/fuzz.h"

typedef struct {
  const Source *source;
  uint32_t height;
} Above;

static void check_node(Ast *node, void *ctx) {
  const Above *above = ctx;
  uint32_t from = above->source->base, to = from + above->source->len;
  MUST(node->span.from >= from && node->span.to <= to && node->span.from <= node->span.to);
  MUST(node->height < above->height);
  ast_each_child(node, check_node, &(Above){above->source, node->height});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session *s = session_new();
  const Source *source = source_add(s, "fuzz", (const char *)data, size);
  if (source) {
    const AstFile *file = parse_source(s, source);
    ast_each_child(&file->head, check_node, &(Above){source, AST_MAX_HEIGHT + 2});
  }
  print_messages(s);
  session_free(s);
  return 0;
}

/* One source -> its syntax tree: opens the scanner, runs the grammar, hangs the doc comments on the declarations.
 *
 * Always gives a File; what could not be read has been reported and is missing from it. */
#include "parser/parse.h"

#include "lang/diag.h"
#include "parser/grammar.h"

static void check_language(Parser *p, const AstFile *file) {
  uint32_t from = p->source->base;
  const Ast *first = file->items.n ? file->items.at[0] : NULL;
  if (p->stop || (p->s->errors > p->errors_before && !(first && first->kind == AST_LANGUAGE))) return; /* it may be what was misread */
  if (!first || first->kind != AST_LANGUAGE) {
    diag_syntax_language_missing(p->s, first ? (Span){first->span.from, first->span.from + 1} : (Span){from, from});
    return;
  }
  double version = AST_AS(Language, first)->version;
  if (version != 1) diag_syntax_language_version(p->s, first->span, version);
}

AstFile *parse_source(Session *s, const Source *source) {
  Parser *p = NEW(s->arena, Parser);
  p->s = s;
  p->source = source;
  p->errors_before = s->errors;
  p->held.code = RAW_NONE;
  p->last.code = p->before.code = T_SEP; /* as if a line had ended: a statement may begin */
  p->prev = RAW_NONE;
  p->error_code = RAW_NONE;
  p->newline = true;
  words_init(p);
  scanner_open(p);
  syntax_parse(p);
  scanner_close(p);
  Span all = {source->base, source->base + source->len};
  if (!p->file) p->file = AST_AS(File, ast_new(s, AST_FILE, all));
  p->file->head.span = all;
  docs_attach(p, p->file);
  check_language(p, p->file);
  return p->file;
}

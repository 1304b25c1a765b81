/* One source -> its syntax tree: opens the scanner, runs the grammar, hangs the doc comments on the
 * declarations.
 *
 * Always gives a File; what could not be read has been reported and is missing from it. */
#include "parser/parse.h"

#include "lang/diag.h"
#include "parser/grammar.h"

static void check_language(Parser *p, const AstFile *file) {
  const Ast *first = file->items.n ? file->items.at[0] : NULL;
  if (first && first->kind == AST_LANGUAGE) {
    double version = AST_AS(Language, first)->version;
    if (version != 1) diag_syntax_language_version(p->s, first->span, version);
  } else if (p->opening != T_LANGUAGE && p->opening != T_NAME) { /* else it has been complained about */
    uint32_t from = p->opening == T_END ? p->source->base : p->opening_from;
    diag_syntax_language_missing(p->s, (Span){from, from + (p->opening != T_END)});
  }
}

AstFile *parse_source(Session *s, const Source *source) { return parse_source_tape(s, source, NULL); }

AstFile *parse_source_tape(Session *s, const Source *source, Tape *tape) {
  Parser *p = NEW(s->arena, Parser);
  p->s = s;
  p->tape = tape;
  p->source = source;
  p->held.code = RAW_NONE;
  p->last.code = p->before.code = T_SEP; /* as if a line had ended: a statement may begin */
  p->prev = RAW_NONE;
  p->error_code = p->opening = RAW_NONE;
  p->newline = true;
  words_init(p);
  scanner_open(p);
  uint32_t errors = s->errors;
  syntax_parse(p);
  scanner_close(p);
  Span all = {source->base, source->base + source->len};
  if (!p->file) p->file = AST_AS(File, ast_new(s, AST_FILE, all));
  p->file->head.span = all;
  p->file->broken = s->errors - errors > p->harmless;
  docs_attach(p, p->file);
  check_language(p, p->file);
  return p->file;
}

/* Text to syntax tree. */
#ifndef NSL_PARSER_PARSE_H
#define NSL_PARSER_PARSE_H

#include "lang/ast.h"

/* What was read, in order: the grammar's tokens with the ends of statements, and all comments. */
typedef struct {
  int code; /* of grammar.h */
  Span span;
  bool body; /* a brace of a body, not of a set */
} TapeToken;
typedef struct {
  Span span;     /* from `#` to the end of the line */
  bool trailing; /* something else stands before it on its line */
} TapeComment;
typedef struct {
  VEC(TapeToken) tokens;
  VEC(TapeComment) comments;
} Tape;

/* Parses one source. Always returns a File; errors are in s->diags (the tree then holds what could be
 * saved). */
AstFile *parse_source(Session *s, const Source *source);
AstFile *parse_source_tape(Session *s, const Source *source, Tape *ret_tape);

/* The source in the one form of the language (fmt.c): NULL if it has syntax errors, which are in s->diags. */
const char *fmt_source(Session *s, const Source *source, size_t *ret_len);

#endif

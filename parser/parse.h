/* Text to syntax tree. */
#ifndef NSL_PARSER_PARSE_H
#define NSL_PARSER_PARSE_H

#include "lang/ast.h"

/* Parses one source. Always returns a File; errors are in s->diags (the tree then holds what could be
 * saved). */
AstFile *parse_source(Session *s, const Source *source);

#endif

/* A checked file as a page: the tables with which the field's papers describe a model (Nordlie E, Gewaltig
 * M-O, Plesser HE (2009) PLoS Comput Biol 5:e1000456), equations as MathML, and what its experiments gave. */
#ifndef NSL_DESCRIBE_H
#define NSL_DESCRIBE_H

#include "lang/ast.h"
#include "lang/model.h"

typedef struct {
  const char *experiment;
  const char *figures; /* HTML of its run; NULL: it was not run */
  const char *expects; /* HTML of its table of expects; NULL: none */
} DescribeRun;

typedef struct {
  VEC(const AstFile *) files; /* the file itself, then everything whose declarations it may use */
  VEC(DescribeRun) runs;
} DescribeInput;

void describe_page(Session *s, const Model *m, const DescribeInput *input, FILE *out);

#endif

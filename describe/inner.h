/* Between the files of describe/. */
#ifndef NSL_DESCRIBE_INNER_H
#define NSL_DESCRIBE_INNER_H

#include "describe/describe.h"

typedef struct {
  const char *doi, *citation;
} DescribeReference;

typedef struct {
  Session *s;
  Arena *arena;
  const Model *model;
  const DescribeInput *input;
  FILE *out;
  int fraction;                     /* fractions around what is being written */
  bool display;                     /* a formula on a line of its own */
  VEC(const AstBlock *) components; /* to be described, each once, in the order in which they are met */
  VEC(const AstFn *) fns;
  VEC(DescribeReference) references; /* DOIs in doc comments, each once */
} Describe;

/* html.c: text */
void put(Describe *d, const char *html);
void put_text(Describe *d, const char *text);
void put_doc(Describe *d, Name doc); /* as a paragraph, DOIs as links; nothing if there is none */
void put_doc_inline(Describe *d, Name doc);
void put_source(Describe *d, Span span); /* as it stands in the file: what has no other form */

/* math.c: pieces of a <math>. outer: how tightly what stands around binds, 0 (not at all) to 9 */
void math_node(Describe *d, const Ast *e, int outer);
/* name, the parts in which it lies ("na", NULL: none), indices: one symbol with one subscript. */
void math_symbol(Describe *d, const char *name, const char *part, const AstList *indices);
void math_comma(Describe *d, bool *first);
void put_quantity_text(Describe *d, const char *unit); /* a unit as people write it: uF/cm^2 as µF/cm² */

/* equations.c: each writes one <math>, or several. */
void put_math(Describe *d, const Ast *expression);                     /* in a line of text */
void put_formula(Describe *d, const Ast *expression);                  /* on a line of its own */
void put_name_math(Describe *d, AstWord name, const AstList *binders); /* binders: of a family; may be NULL */
void put_equation(Describe *d, const AstEquation *e);
void put_assign(Describe *d, const AstAssign *a, bool in_handler);
void put_definition(Describe *d, const AstItem *item);
void put_fn(Describe *d, const AstFn *fn);
void put_gate(Describe *d, const AstGate *gate);
void put_kinetic(Describe *d, const AstKinetic *kinetic);

/* component.c */
void put_component(Describe *d, const AstBlock *block);
void put_body(Describe *d, const AstList *body); /* statements, one a line */
const char *first_sentence(Describe *d, Name doc);

/* network.c: the tables of one subject: a network or a single cell */
void put_network(Describe *d, const AstBlock *network);
void put_experiment(Describe *d, const AstBlock *experiment);
void put_domain(Describe *d, const Ast *domain);

/* page.c: who is described */
const AstBlock *block_find(const Describe *d, const Ast *reference);
const AstFn *fn_find(const Describe *d, const Ast *callee);
void component_want(Describe *d, const Ast *reference);
void fns_want(Describe *d, const Ast *node); /* all functions that are called in it */
bool is_block(const Describe *d, const Ast *item, const char *what);
const char *word(const Describe *d, AstWord w);

#endif

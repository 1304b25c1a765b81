/* The syntax tree: typed nodes generated from ast.def. Nodes live in the session's arena and are never edited
 * after the parser. */
#ifndef NSL_LANG_AST_H
#define NSL_LANG_AST_H

#include "lang/session.h"

typedef enum {
#define NODE(KIND, T, fields) AST_##KIND,
#include "lang/ast.def"
#undef NODE
  AST_KINDS
} AstKind;

typedef struct Ast {
  AstKind kind;
  Span span;
  uint32_t height; /* nodes on the longest way down, at most AST_MAX_HEIGHT: bounds every recursion over a tree */
} Ast;
enum { AST_MAX_EXPR_HEIGHT = 256, AST_MAX_HEIGHT = 1024 };
typedef VEC(Ast *) AstList;
typedef struct {
  Name name; /* id 0: absent */
  Span span;
} AstWord;

#define KID(T, f) Ast *f;
#define LIST(T, f) AstList f;
#define WORD(T, f) AstWord f;
#define NUM(T, f) double f;
#define TEXT(T, f) Name f;
#define FLAG(T, f) int f;
#define NODE(KIND, T, fields) \
  typedef struct {            \
    Ast head;                 \
    fields                    \
  } Ast##T;
#include "lang/ast.def"
#undef NODE
#undef KID
#undef LIST
#undef WORD
#undef NUM
#undef TEXT
#undef FLAG

typedef enum { ASSIGN_SET, ASSIGN_ADD, ASSIGN_SUB, ASSIGN_MUL, ASSIGN_DRAW } AssignOp;
typedef enum { SPIKE_WHEN, SPIKE_PEAK, SPIKE_RATE } SpikeForm;
typedef enum {
  OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_POW, OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE, OP_AND, OP_OR, OP_NOT, OP_NEG
} AstOp;

/* AST_AS(Binary, node): checked cast */
#define AST_AS(T, node) ((Ast##T *)(node))

/* For each kind: its name and fields; the walk, printer and equality are loops over this. */
typedef enum { ASTF_KID, ASTF_LIST, ASTF_WORD, ASTF_NUM, ASTF_TEXT, ASTF_FLAG } AstFieldType;
typedef struct {
  AstFieldType type;
  uint16_t offset;
  const char *name;
} AstField;
typedef struct {
  const char *name; /* "binary" */
  uint16_t size, n_fields;
  const AstField *fields;
} AstKindInfo;
extern const AstKindInfo ast_kinds[AST_KINDS];

Ast *ast_new(Session *s, AstKind kind, Span span); /* all fields zero */
void ast_each_child(const Ast *node, void (*visit)(Ast *child, void *ctx), void *ctx);
/* S-expressions, one node a line, indented; with `spans`, each node's offsets in its source. */
void ast_print(const Session *s, const Ast *node, FILE *out);
void ast_print_spans(const Session *s, const Ast *node, FILE *out);
bool ast_equal(const Ast *a, const Ast *b);                   /* spans not counted */
bool ast_equal_but_docs(const Ast *a, const Ast *b);          /* nor `##` comments */
const char *ast_op_text(AstOp op);

#endif

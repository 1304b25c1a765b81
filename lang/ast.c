/* The syntax tree's tables, made from ast.def, and what is a loop over them: new nodes, children,
 * printing, equality.
 *
 * A field is found by its offset in the node, so that a new kind of node is one row of ast.def and nothing
 * here. Recursion is bounded by AST_MAX_HEIGHT, which the parser keeps. */
#include "lang/ast.h"

#include <stdlib.h>
#include <string.h>

/* One static array of fields for each kind. */
#define KID(T, f) {ASTF_KID, offsetof(Ast##T, f), #f},
#define LIST(T, f) {ASTF_LIST, offsetof(Ast##T, f), #f},
#define WORD(T, f) {ASTF_WORD, offsetof(Ast##T, f), #f},
#define NUM(T, f) {ASTF_NUM, offsetof(Ast##T, f), #f},
#define TEXT(T, f) {ASTF_TEXT, offsetof(Ast##T, f), #f},
#define FLAG(T, f) {ASTF_FLAG, offsetof(Ast##T, f), #f},
#define NODE(KIND, T, fields) static const AstField fields_##T[] = {fields};
#include "lang/ast.def"
#undef NODE
#undef KID
#undef LIST
#undef WORD
#undef NUM
#undef TEXT
#undef FLAG

const AstKindInfo ast_kinds[AST_KINDS] = {
#define NODE(KIND, T, fields) [AST_##KIND] = {#KIND, sizeof(Ast##T), COUNT_OF(fields_##T), fields_##T},
#include "lang/ast.def"
#undef NODE
};

Ast *ast_new(Session *s, AstKind kind, Span span) {
  Ast *node = arena_alloc(s->arena, ast_kinds[kind].size);
  node->kind = kind;
  node->span = span;
  node->height = 1;
  return node;
}

static const void *field_at(const Ast *node, const AstField *f) { return (const char *)node + f->offset; }

void ast_each_child(const Ast *node, void (*visit)(Ast *child, void *ctx), void *ctx) {
  const AstKindInfo *info = &ast_kinds[node->kind];
  for (uint32_t i = 0; i < info->n_fields; i++) {
    const AstField *f = &info->fields[i];
    if (f->type == ASTF_KID) {
      Ast *kid = *(Ast *const *)field_at(node, f);
      if (kid) visit(kid, ctx);
    } else if (f->type == ASTF_LIST) {
      const AstList *list = field_at(node, f);
      for (uint32_t k = 0; k < list->n; k++) visit(list->at[k], ctx);
    }
  }
}

const char *ast_op_text(AstOp op) {
  switch (op) {
  case OP_ADD: return "+";
  case OP_SUB: return "-";
  case OP_MUL: return "*";
  case OP_DIV: return "/";
  case OP_POW: return "^";
  case OP_LT: return "<";
  case OP_LE: return "<=";
  case OP_GT: return ">";
  case OP_GE: return ">=";
  case OP_EQ: return "==";
  case OP_NE: return "!=";
  case OP_AND: return "and";
  case OP_OR: return "or";
  case OP_NOT: return "not";
  case OP_NEG: return "-";
  }
  return "";
}

static const char *assign_op_text(int op) {
  static const char *const text[] = {[ASSIGN_SET] = "=", [ASSIGN_ADD] = "+=", [ASSIGN_SUB] = "-=",
                                     [ASSIGN_MUL] = "*=", [ASSIGN_DRAW] = "~"};
  return text[op];
}

typedef struct {
  const Session *s;
  FILE *out;
  bool spans;
} Printer;

static void print_text(const Printer *p, Name n) {
  fputc('"', p->out);
  for (const char *c = name_str(p->s, n); *c; c++) {
    if (*c == '\n') fputs("\\n", p->out);
    else if (*c == '"' || *c == '\\') fprintf(p->out, "\\%c", *c);
    else fputc(*c, p->out);
  }
  fputc('"', p->out);
}

static void print_flag(const Printer *p, const Ast *node, const AstField *f, int value) {
  if (node->kind == AST_BINARY || node->kind == AST_UNARY) fprintf(p->out, " %s", ast_op_text((AstOp)value));
  else if (node->kind == AST_ASSIGN) fprintf(p->out, " %s", assign_op_text(value));
  else if (value == 1) fprintf(p->out, " %s", f->name);
  else if (value != 0) fprintf(p->out, " %s %d", f->name, value);
}

/* The shortest form that reads back as the same number. */
static void print_number(const Printer *p, double x) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  fprintf(p->out, " %s", text);
}

/* What stands on the node's own line: words, numbers, texts, flags. */
static void print_scalar(const Printer *p, const Ast *node, const AstField *f) {
  const void *at = field_at(node, f);
  switch (f->type) {
  case ASTF_KID:
  case ASTF_LIST: return;
  case ASTF_WORD: {
    const AstWord *w = at;
    if (!name_none(w->name)) fprintf(p->out, " %s %s", f->name, name_str(p->s, w->name));
    return;
  }
  case ASTF_NUM: print_number(p, *(const double *)at); return;
  case ASTF_TEXT:
    if (name_none(*(const Name *)at)) return;
    fprintf(p->out, " %s ", f->name);
    print_text(p, *(const Name *)at);
    return;
  case ASTF_FLAG: print_flag(p, node, f, *(const int *)at); return;
  }
}

static void print_span(const Printer *p, Span span) {
  const Source *source = source_at(p->s, span.from);
  uint32_t base = source ? source->base : 0;
  fprintf(p->out, " @%u-%u", span.from - base, span.to - base);
}

static void print_node(const Printer *p, const Ast *node, const char *label, int depth) {
  const AstKindInfo *info = &ast_kinds[node->kind];
  fprintf(p->out, "%*s%s%s(", 2 * depth, "", label, *label ? " " : "");
  for (const char *c = info->name; *c; c++) fputc(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c, p->out);
  for (uint32_t i = 0; i < info->n_fields; i++) print_scalar(p, node, &info->fields[i]);
  if (p->spans) print_span(p, node->span);
  for (uint32_t i = 0; i < info->n_fields; i++) {
    const AstField *f = &info->fields[i];
    const AstList *list = f->type == ASTF_LIST ? field_at(node, f) : NULL;
    Ast *kid = f->type == ASTF_KID ? *(Ast *const *)field_at(node, f) : NULL;
    if (kid) fputc('\n', p->out), print_node(p, kid, f->name, depth + 1);
    for (uint32_t k = 0; list && k < list->n; k++) fputc('\n', p->out), print_node(p, list->at[k], f->name, depth + 1);
  }
  fputc(')', p->out);
}

void ast_print(const Session *s, const Ast *node, FILE *out) {
  print_node(&(Printer){s, out, false}, node, "", 0);
  fputc('\n', out);
}

void ast_print_spans(const Session *s, const Ast *node, FILE *out) {
  print_node(&(Printer){s, out, true}, node, "", 0);
  fputc('\n', out);
}

static bool node_equal(const Ast *a, const Ast *b, bool docs);

static bool list_equal(const AstList *a, const AstList *b, bool docs) {
  if (a->n != b->n) return false;
  for (uint32_t i = 0; i < a->n; i++)
    if (!node_equal(a->at[i], b->at[i], docs)) return false;
  return true;
}

static bool field_equal(const Ast *a, const Ast *b, const AstField *f, bool docs) {
  const void *x = field_at(a, f), *y = field_at(b, f);
  switch (f->type) {
  case ASTF_KID: return node_equal(*(Ast *const *)x, *(Ast *const *)y, docs);
  case ASTF_LIST: return list_equal(x, y, docs);
  case ASTF_WORD: return name_eq(((const AstWord *)x)->name, ((const AstWord *)y)->name);
  case ASTF_NUM: return memcmp(x, y, sizeof(double)) == 0;
  case ASTF_TEXT: return name_eq(*(const Name *)x, *(const Name *)y) || (!docs && strcmp(f->name, "doc") == 0);
  case ASTF_FLAG: return *(const int *)x == *(const int *)y;
  }
  return false;
}

static bool node_equal(const Ast *a, const Ast *b, bool docs) {
  if (a == b) return true;
  if (!a || !b || a->kind != b->kind) return false;
  const AstKindInfo *info = &ast_kinds[a->kind];
  for (uint32_t i = 0; i < info->n_fields; i++)
    if (!field_equal(a, b, &info->fields[i], docs)) return false;
  return true;
}

bool ast_equal(const Ast *a, const Ast *b) { return node_equal(a, b, true); }

bool ast_equal_but_docs(const Ast *a, const Ast *b) { return node_equal(a, b, false); }

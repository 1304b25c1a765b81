/* Tables in files: `csv("sizes.csv").N`, `csv("cells.csv").tau ms`, `csv("tracts.csv") mm` -> lists of numbers.
 *
 * A file with a named column has a header line; without one it holds a table of numbers, a line for each element of the
 * first index. It is read when the model is compiled, relative to the model's file and never outside of its folder, and
 * counts as an import, so its hash stands in run.json. Its numbers become literals whose spans lie in the file, so what is
 * wrong with one is shown there, with line and column. */
#include <string.h>

#include "lang/check.h"

typedef struct {
  const char *at, *end; /* without blanks around it */
} Field;
typedef VEC(Field) FieldList;

static const AstCall *csv_call(Checker *c, const Ast *ast) {
  const AstCall *call = ast && ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  if (!call || call->callee->kind != AST_NAME) return NULL;
  return strcmp(name_str(c->s, AST_AS(NameRef, call->callee)->name.name), "csv") == 0 ? call : NULL;
}

static const AstCall *parts_of(Checker *c, const Ast *ast, AstWord *ret_column, const Ast **ret_unit) {
  *ret_column = (AstWord){0};
  *ret_unit = NULL;
  if (ast && ast->kind == AST_COLUMN) {
    *ret_unit = AST_AS(Column, ast)->unit;
    ast = AST_AS(Column, ast)->base;
  }
  if (ast && ast->kind == AST_MEMBER) {
    *ret_column = AST_AS(Member, ast)->name;
    ast = AST_AS(Member, ast)->base;
  }
  return csv_call(c, ast);
}

bool is_table_file(Checker *c, const Ast *ast) {
  AstWord column;
  const Ast *unit;
  return parts_of(c, ast, &column, &unit) != NULL;
}

/* ---- reading */

static const Source *file_of(Checker *c, const AstCall *call) {
  const Ast *arg = call->args.n == 1 ? call->args.at[0] : NULL;
  if (!arg || arg->kind != AST_STRING) {
    diag_table_file(c->s, call->head.span, "`csv` takes one file name in double quotes", NULL);
    return NULL;
  }
  const char *path = name_str(c->s, AST_AS(String, arg)->text);
  const char *full = import_path(c->s, arg->span, path);
  if (!full) return NULL;
  for (uint32_t i = 0; i < c->s->sources.n; i++)
    if (strcmp(c->s->sources.at[i].path, full) == 0) return &c->s->sources.at[i];
  const Source *source = source_load(c->s, full, arg->span);
  if (!source) return NULL;
  MImport made = {AST_AS(String, arg)->text, model_hash_bytes(source->text, source->len)};
  vec_push(c->s->arena, &c->model->imports, made);
  return source;
}

static bool is_blank(char x) { return x == ' ' || x == '\t' || x == '\r'; }

/* The fields of the line at *p; false at the end of the file. Empty lines and those with `#` are passed over. */
static bool line_next(Checker *c, const Source *source, const char **p, FieldList *ret) {
  const char *end = source->text + source->len;
  ret->n = 0;
  for (; *p < end; (*p)++) {
    const char *stop = memchr(*p, '\n', (size_t)(end - *p)), *at = *p;
    if (!stop) stop = end;
    while (at < stop && is_blank(*at)) at++;
    if (at == stop || *at == '#') {
      *p = stop;
      continue;
    }
    for (const char *comma = at; comma <= stop; comma++) {
      if (comma < stop && *comma != ',') continue;
      Field f = {at, comma};
      while (f.at < f.end && is_blank(*f.at)) f.at++;
      while (f.end > f.at && is_blank(f.end[-1])) f.end--;
      vec_push(c->s->arena, ret, f);
      at = comma + 1;
    }
    *p = stop < end ? stop + 1 : end;
    return true;
  }
  return false;
}

static Span span_of(const Source *source, Field f) {
  uint32_t from = source->base + (uint32_t)(f.at - source->text);
  uint32_t to = from + (uint32_t)(f.end - f.at);
  return (Span){from, to > from ? to : from + 1};
}

static bool is_number(Field f) {
  const char *p = f.at;
  bool digits = false;
  for (; p < f.end && *p >= '0' && *p <= '9'; p++) digits = true;
  if (p < f.end && *p == '.' && digits)
    for (digits = false, p++; p < f.end && *p >= '0' && *p <= '9'; p++) digits = true;
  if (digits && p < f.end && (*p == 'e' || *p == 'E')) {
    p++;
    if (p < f.end && (*p == '-' || *p == '+')) p++;
    for (digits = false; p < f.end && *p >= '0' && *p <= '9'; p++) digits = true;
  }
  return digits && p == f.end;
}

/* The literal that a field is. NULL after a message. */
static Ast *number_of(Checker *c, const Source *source, Field f, const Ast *unit) {
  Span span = span_of(source, f);
  bool negative = f.at < f.end && *f.at == '-';
  if (negative) f.at++;
  if (!is_number(f)) {
    diag_table_file(c->s, span, "this is no number", "Numbers look like `-1.5` or `2e-3`, digits on both sides of the dot.");
    return NULL;
  }
  Ast *ast = ast_new(c->s, AST_NUMBER, span_of(source, f));
  AST_AS(Number, ast)->value = 1; /* its digits are read where its value is */
  if (f.end - f.at == 1 && *f.at == '0') AST_AS(Number, ast)->value = 0;
  AST_AS(Number, ast)->unit = (Ast *)unit;
  if (!negative) return ast;
  Ast *minus = ast_new(c->s, AST_UNARY, span);
  AST_AS(Unary, minus)->op = OP_NEG;
  AST_AS(Unary, minus)->arg = ast;
  minus->height = 2;
  return minus;
}

/* ---- columns and tables */

static bool column_find(Checker *c, const Source *source, const FieldList *header, AstWord column, uint32_t *ret) {
  const char *word = name_str(c->s, column.name);
  TextList names = {0};
  for (*ret = 0; *ret < header->n; (*ret)++) {
    Field f = header->at[*ret];
    const char *name = arena_text(c->s->arena, f.at, (size_t)(f.end - f.at));
    if (strcmp(name, word) == 0) return true;
    vec_push(c->s->arena, &names, name);
  }
  diag_unknown_column(c->s, column.span, word, source->path, diag_nearest(word, names.at, names.n));
  return false;
}

/* The fields of a named column, line by line. */
static bool column_fields(Checker *c, const Source *source, AstWord column, FieldList *ret) {
  const char *p = source->text;
  FieldList line = {0};
  uint32_t at;
  if (!line_next(c, source, &p, &line)) {
    diag_table_file(c->s, column.span, "the file is empty", NULL);
    return false;
  }
  uint32_t width = line.n;
  if (!column_find(c, source, &line, column, &at)) return false;
  while (line_next(c, source, &p, &line)) {
    if (line.n != width) {
      Field whole = {line.at[0].at, line.at[line.n - 1].end};
      diag_table_file(c->s, span_of(source, whole),
                      arena_printf(c->s->arena, "%u values in a line, the header has %u", line.n, width), NULL);
      return false;
    }
    vec_push(c->s->arena, ret, line.at[at]);
  }
  return true;
}

static Ast *list_new(Checker *c, Span span) { return ast_new(c->s, AST_LIST, span); }

const Ast *table_of_file(Checker *c, const Ast *ast) {
  AstWord column;
  const Ast *unit;
  const AstCall *call = parts_of(c, ast, &column, &unit);
  if (!call) return ast;
  const Source *source = file_of(c, call);
  if (!source) return NULL;
  Ast *whole = list_new(c, ast->span);
  AstList *items = &AST_AS(ListExpr, whole)->items;
  FieldList fields = {0};
  whole->height = 4;
  if (!name_none(column.name)) {
    if (!column_fields(c, source, column, &fields)) return NULL;
    for (uint32_t i = 0; i < fields.n; i++) {
      Ast *number = number_of(c, source, fields.at[i], unit);
      if (!number) return NULL;
      vec_push(c->s->arena, items, number);
    }
    return whole;
  }
  for (const char *p = source->text; line_next(c, source, &p, &fields);) {
    Field line = {fields.at[0].at, fields.at[fields.n - 1].end};
    Ast *row = list_new(c, span_of(source, line));
    row->height = 3;
    for (uint32_t i = 0; i < fields.n; i++) {
      Ast *number = number_of(c, source, fields.at[i], unit);
      if (!number) return NULL;
      vec_push(c->s->arena, &AST_AS(ListExpr, row)->items, number);
    }
    vec_push(c->s->arena, items, row);
  }
  return whole;
}

static bool is_label(Field f) {
  if (f.at == f.end) return false;
  for (const char *p = f.at; p < f.end; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || (unsigned char)*p >= 0x80;
    if (!letter && !(p > f.at && *p >= '0' && *p <= '9')) return false;
  }
  return true;
}

const Ast *labels_of_file(Checker *c, const Ast *ast) {
  AstWord column;
  const Ast *unit;
  const AstCall *call = parts_of(c, ast, &column, &unit);
  FieldList fields = {0};
  if (name_none(column.name) || unit) {
    diag_table_file(c->s, ast->span, "labels are a column without a unit", "Write `index region = csv(\"regions.csv\").name`.");
    return NULL;
  }
  const Source *source = file_of(c, call);
  if (!source || !column_fields(c, source, column, &fields)) return NULL;
  Ast *set = ast_new(c->s, AST_SET, ast->span);
  for (uint32_t i = 0; i < fields.n; i++) {
    Field f = fields.at[i];
    if (!is_label(f)) {
      diag_table_file(c->s, span_of(source, f), "this is no label", "Labels are letters, digits and `_`, and begin with a letter.");
      return NULL;
    }
    Ast *name = ast_new(c->s, AST_NAME, span_of(source, f));
    AST_AS(NameRef, name)->name = (AstWord){name_of(c->s, f.at, (size_t)(f.end - f.at)), name->span};
    vec_push(c->s->arena, &AST_AS(SetExpr, set)->items, name);
  }
  if (fields.n) return set;
  diag_table_file(c->s, ast->span, "the column is empty", NULL);
  return NULL;
}

/* What a connection knows of each of its synapses: `entry` of a matrix, `csv("tracts.csv") mm` as a table of all pairs.
 *
 * Such a value is MX_PAIR, a place among the fields of the projection; the runtime fills the fields row by row before
 * the kernels of weights and delays run. Files are read when the program starts, as those of drives. A name of the
 * model hides these. */
#include <string.h>

#include "lang/check_inner.h"
#include "lang/signal.h"

static bool same_field(const MPairField *a, const MPairField *b) {
  return a->kind == b->kind && dim_eq(a->dim, b->dim) && name_eq(a->file.path, b->file.path) &&
         name_eq(a->file.value, b->file.value) && a->file.value_scale == b->file.value_scale;
}

static MExpr *field_value(Checker *c, MPairField field, Span span) {
  MPairFieldList *all = &c->pair->fields;
  uint32_t at = 0;
  while (at < all->n && !same_field(&all->at[at], &field)) at++;
  if (at == all->n) vec_push(c->arena, all, field);
  MExpr *e = expr_leaf(c, MX_PAIR, field.dim, span);
  e->arg = at;
  return e;
}

MExpr *pair_value(Checker *c, const Ast *ast, const Want *want, bool *ret_known) {
  const char *text = ast->kind == AST_NAME ? name_str(c->s, path_name(c, ast)) : "";
  *ret_known = c->pair && (want->allow & ALLOW_PAIR) && strcmp(text, "entry") == 0;
  if (!*ret_known) return NULL;
  if (c->pair->rule == RULE_MATRIX)
    return field_value(c, (MPairField){.kind = FIELD_EDGE, .file = {.value = path_name(c, ast), .value_scale = 1, .span = ast->span}}, ast->span);
  diag_pair_value(c->s, ast->span, text, "`by matrix(\"w.csv\")`");
  return NULL;
}

MExpr *pair_table(Checker *c, const Ast *ast) {
  const AstColumn *column = ast->kind == AST_COLUMN ? AST_AS(Column, ast) : NULL;
  const Ast *call = column ? column->base : ast;
  Unit unit = {.scale = 1};
  MPairField field = {.kind = FIELD_TABLE};
  if (call->kind != AST_CALL) {
    diag_table_file(c->s, ast->span, "numbers for each pair are a table, without names of columns",
                    "Write `csv(\"tracts.csv\") mm`: a line for each target, a column for each source.");
    return NULL;
  }
  const Ast *file = AST_AS(Call, call)->args.n == 1 ? AST_AS(Call, call)->args.at[0] : NULL;
  if (!file || file->kind != AST_STRING) {
    diag_table_file(c->s, call->span, "`csv` takes one file name in double quotes", NULL);
    return NULL;
  }
  if (column && !check_unit(c, column->unit, &unit)) return NULL;
  if (!source_file(c, file, &field.file)) return NULL;
  field.dim = field.file.dim = unit.dim;
  field.file.value_scale = unit.scale;
  return field_value(c, field, ast->span);
}

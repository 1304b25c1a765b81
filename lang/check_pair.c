/* What a connection knows of each of its synapses: `entry` of a matrix, `edge.delay` of a list of edges, `csv("tracts.csv") mm` as a
 * table of all pairs, `distance` and coordinates of cells that have places.
 *
 * Such a value is MX_PAIR, a place among the fields of the projection; the runtime fills the fields row by row before
 * the kernels of weights and delays run. Files are read when the program starts, as those of drives. A name of the
 * model hides these. */
#include <string.h>

#include "lang/check_inner.h"
#include "lang/net.h"
#include "lang/signal.h"

static bool same_field(const MPairField *a, const MPairField *b) {
  return a->kind == b->kind && a->axis == b->axis && dim_eq(a->dim, b->dim) && name_eq(a->file.path, b->file.path) &&
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

/* `edge.syn_weight`, `pre.x`, `post.z`: what stands before the point, and behind it; false: no such form. */
static bool member_parts(Checker *c, const Ast *ast, const char **ret_base, const char **ret_last) {
  if (ast->kind != AST_MEMBER || AST_AS(Member, ast)->base->kind != AST_NAME) return false;
  *ret_base = name_str(c->s, path_name(c, AST_AS(Member, ast)->base));
  *ret_last = name_str(c->s, AST_AS(Member, ast)->name.name);
  return true;
}

static MExpr *of_edge(Checker *c, const Ast *ast, Name name, MRule rule, const char *with) {
  MPairField field = {.kind = FIELD_EDGE, .file = {.value = name, .value_scale = 1, .span = ast->span}};
  if (c->pair->rule == rule) return field_value(c, field, ast->span);
  diag_pair_value(c->s, ast->span, source_span_text(c->s, ast->span, c->arena), with);
  return NULL;
}

static MExpr *of_places(Checker *c, const Ast *ast, MFieldKind kind, uint32_t axis) {
  static const Dim length = {{[DIM_LENGTH] = DIM_ONE}};
  c->pair->place = ast->span;
  return field_value(c, (MPairField){.kind = kind, .axis = axis, .dim = length}, ast->span);
}

MExpr *pair_value(Checker *c, const Ast *ast, const Want *want, bool *ret_known) {
  const char *base = "", *last = "";
  *ret_known = false;
  if (!c->pair || !(want->allow & ALLOW_PAIR)) return NULL;
  *ret_known = true;
  if (ast->kind == AST_NAME) base = name_str(c->s, path_name(c, ast));
  if (strcmp(base, "entry") == 0) return of_edge(c, ast, path_name(c, ast), RULE_MATRIX, "`by matrix(\"w.csv\")`");
  if (strcmp(base, "distance") == 0) return of_places(c, ast, FIELD_DISTANCE, 0);
  bool member = member_parts(c, ast, &base, &last), pre = strcmp(base, "pre") == 0;
  if (member && strcmp(base, "edge") == 0)
    return of_edge(c, ast, AST_AS(Member, ast)->name.name, RULE_EDGES, "`by edges(\"net.h5\")`");
  if (member && (pre || strcmp(base, "post") == 0) && *last >= 'x' && *last <= 'z' && !last[1])
    return of_places(c, ast, pre ? FIELD_PRE : FIELD_POST, (uint32_t)(*last - 'x'));
  *ret_known = false;
  return NULL;
}

bool net_places_known(Net *n, const MPopulation *from, const MPopulation *to) {
  const PairContext *pair = n->c->pair;
  const MPopulation *without = !from->place.has ? from : !to->place.has ? to : NULL;
  if (!pair->place.to || !without) return true;
  diag_places_missing(n->s, pair->place, name_str(n->s, without->path), without->span);
  return false;
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

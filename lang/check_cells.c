/* Values that differ from cell to cell: `V_th = csv("cells.csv").V_th mV` -> one number for each element, in settings
 * and in a component's own params and initial values; and the elements of a part, `E[0..99].tau_m = 12 ms`.
 *
 * A column is read when the model is compiled (check_table.c); that it has a line for each element is checked here if
 * their number is known, and in any case when the program starts, since sizes can be set: in settings by c->cells, in
 * components for each population that has them (cells_fit). */
#include <string.h>

#include "lang/check.h"

static MExpr *column_expr(Checker *c, MColumn *column, Dim dim) {
  MExpr *e = expr_leaf(c, MX_COLUMN, dim, column->span);
  e->column = column;
  column->from = c->cells ? c->cells->from : NULL;
  column->to = c->cells ? c->cells->to : NULL;
  return e;
}

/* The numbers of a column, each checked as if it stood in the model. */
static bool column_values(Checker *c, Scope *scope, const AstList *items, const Want *want, double *values,
                          MExpr **ret_items, Dim *ret_dim) {
  Want w = *want;
  w.allow = 0;
  *ret_dim = want->has_dim ? want->dim : DIM_NONE;
  for (uint32_t i = 0; i < items->n; i++) {
    MExpr *e = check_expr(c, scope, items->at[i], &w);
    if (!e || !expr_constant(e, false, &values[i])) return false;
    if (i == 0) *ret_dim = e->dim;
    ret_items[i] = e;
  }
  return true;
}

static bool column_fits(Checker *c, const CellsContext *cells, Span span, uint32_t n) {
  if (n && !(cells && cells->known && cells->count != n)) return true;
  const char *count = cells && cells->known ? arena_printf(c->arena, "%.16g", cells->count) : "more";
  const char *text = cells ? arena_printf(c->arena, "the column has %u values, `%s` has %s cells", n, cells->name, count)
                           : "the column has no values";
  diag_table_file(c->s, span, text, "A column gives one value for each cell, in their order.");
  return false;
}

/* The columns in a value of a component's own, for a population. */
static bool columns_fit(Checker *c, const CellsContext *cells, const MExpr *e) {
  bool good = e->kind != MX_COLUMN || !e->column->values || column_fits(c, cells, e->column->span, e->column->n);
  for (uint32_t i = 0; good && i < e->n_args; i++) good = !e->args[i] || columns_fit(c, cells, e->args[i]);
  return good;
}

bool cells_fit(Checker *c, const CellsContext *cells, const MComponent *component, const MSettingList *settings) {
  bool good = true;
  for (uint32_t i = 0; component->columns && i < component->vars.n; i++) {
    const MVar *var = component->vars.at[i];
    bool set = false;
    for (uint32_t k = 0; k < settings->n; k++) set |= settings->at[k].var == var;
    if (!set && var->value && var->kind != VAR_LET) good &= columns_fit(c, cells, var->value);
  }
  return good;
}

MExpr *column_of_cells(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  if (c->pair && want->allow & ALLOW_PAIR) return pair_table(c, ast);
  if (!(want->allow & ALLOW_COLUMN)) {
    diag_table_file(c->s, ast->span, "one value for each cell stands only in params, initial values and settings of cells",
                    c->signal ? "Give it to a param of the cells; over time, `samples(\"file.csv\")` can have a column for each target."
                              : "With an index a column fills a table: `param N[pop] = csv(\"sizes.csv\").N`.");
    return NULL;
  }
  const Ast *call = ast->kind == AST_COLUMN ? AST_AS(Column, ast)->base : ast;
  if (call->kind != AST_MEMBER) {
    diag_table_file(c->s, ast->span, "one value for each cell is a named column", "Write `csv(\"cells.csv\").tau ms`.");
    return NULL;
  }
  const Ast *table = table_of_file(c, ast);
  if (!table) return NULL;
  const AstList *items = &AST_AS(ListExpr, table)->items;
  if (!column_fits(c, c->cells, ast->span, items->n)) return NULL;
  MColumn *column = NEW(c->arena, MColumn);
  double *values = NEW_ARRAY(c->arena, double, items->n);
  MExpr **checked = NEW_ARRAY(c->arena, MExpr *, items->n);
  Dim dim;
  if (!column_values(c, scope, items, want, values, checked, &dim)) return NULL;
  *column = (MColumn){.span = ast->span, .n = items->n, .values = values, .items = checked};
  return column_expr(c, column, dim);
}

MExpr *node_of_cells(Checker *c, const Ast *ast, const Want *want, bool *ret_known) {
  const Ast *base = AST_AS(Member, ast)->base;
  *ret_known = base->kind == AST_NAME && strcmp(name_str(c->s, path_name(c, base)), "node") == 0;
  if (!*ret_known) return NULL;
  if (!(want->allow & ALLOW_COLUMN) || !c->cells || !c->cells->nodes) {
    diag_node_value(c->s, ast->span, source_span_text(c->s, ast->span, c->arena));
    return NULL;
  }
  MColumn *column = NEW(c->arena, MColumn);
  *column = (MColumn){.span = ast->span, .node = AST_AS(Member, ast)->name.name};
  return column_expr(c, column, DIM_NONE);
}

MExpr *cells_inside(Checker *c, Span span) {
  MColumn *part = NEW(c->arena, MColumn);
  part->span = span;
  return column_expr(c, part, DIM_NONE);
}

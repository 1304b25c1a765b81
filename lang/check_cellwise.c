/* `E.V - E.E_L` in a sum or mean over cells -> an expression over the variables of E's component, for each slice.
 *
 * What begins with a population is read among the variables of its component, everything else in the file: params and
 * lets of the network are no values of cells. One population (or group, or part) stands in the whole expression. */
#include <string.h>

#include "lang/check_inner.h"
#include "lang/net.h"

typedef struct {
  Net *n;
  const char *who, *base; /* the population as first written */
  const MComponent *component;
  MSliceList slices;
  bool refused;
} Cells;

/* `E`, `cell[A][0..9]`, `(E, I)`, perhaps with parts behind it. */
static bool begins_with_population(const Net *n, const Ast *ast) {
  while (ast->kind == AST_MEMBER || ast->kind == AST_SUBSCRIPT)
    ast = ast->kind == AST_MEMBER ? AST_AS(Member, ast)->base : AST_AS(Subscript, ast)->base;
  if (ast->kind == AST_TUPLE && AST_AS(Tuple, ast)->items.n) return begins_with_population(n, AST_AS(Tuple, ast)->items.at[0]);
  return ast->kind == AST_NAME && net_pop((Net *)n, AST_AS(NameRef, ast)->name.name) != NULL;
}

static bool is_of_cells(const Net *n, const Ast *ast) {
  if (ast->kind == AST_PRIMED) return AST_AS(Primed, ast)->base && begins_with_population(n, AST_AS(Primed, ast)->base);
  const Ast *at = ast;
  while (at->kind == AST_SUBSCRIPT) at = AST_AS(Subscript, at)->base;
  return at->kind == AST_MEMBER && begins_with_population(n, at);
}

typedef struct {
  const Net *n;
  bool found;
} Search;

static void search(Ast *ast, void *context) {
  Search *k = context;
  if (!ast || k->found) return;
  k->found = is_of_cells(k->n, ast);
  if (!k->found) ast_each_child(ast, search, k);
}

bool net_has_cells(const Net *n, const Ast *ast) {
  Search k = {n, false};
  search((Ast *)ast, &k);
  return k.found;
}

/* The first population met decides; the others must be the same. */
static bool same_population(Cells *k, const Ast *base) {
  Session *s = k->n->s;
  const char *text = source_span_text(s, base->span, s->arena);
  if (k->base && strcmp(k->base, text) == 0) return true;
  if (k->base) {
    diag_total_populations(s, base->span, k->who, k->base);
    return false;
  }
  k->base = text;
  if (!net_slices(k->n, k->n->scope, base, &k->slices, NULL) || !k->slices.n) return false;
  k->component = k->slices.at[0].pop->component;
  return true;
}

/* Checker.cell */
static MExpr *cell_value(void *context, const Ast *ast, const Want *want, bool *ret_known) {
  Cells *k = context;
  Checker *c = k->n->c;
  Ast *rest;
  *ret_known = is_of_cells(k->n, ast);
  if (!*ret_known) return NULL;
  c->cell = NULL;
  const Ast *base = net_split(k->n, ast, &rest);
  bool good = same_population(k, base) && !k->component->failed;
  MExpr *e = good ? check_inner(c, k->component->scope, rest, want) : NULL;
  c->cell = cell_value;
  return e;
}

/* Reports the first name of a param or let of the network. */
static void refuse_values(Ast *ast, void *context) {
  Cells *k = context;
  if (!ast || k->refused || is_of_cells(k->n, ast)) return;
  const NetValue *v = ast->kind == AST_NAME ? net_value(k->n, AST_AS(NameRef, ast)->name.name) : NULL;
  if (!v) {
    ast_each_child(ast, refuse_values, k);
    return;
  }
  k->refused = true;
  diag_total_of_network(k->n->s, ast->span, k->who, name_str(k->n->s, v->name), v->span);
}

bool net_cell_values(Net *n, const Ast *value, const char *who, MRecord *r, Dim *ret_dim) {
  Cells k = {.n = n, .who = who};
  const MComponent *last = NULL;
  MExpr *e = NULL;
  refuse_values((Ast *)value, &k);
  if (k.refused) return false;
  n->c->cell_context = &k;
  for (uint32_t i = 0; i == 0 || i < k.slices.n; i++) {
    Want want = {.has_dim = i > 0, .dim = *ret_dim, .who = "what is recorded", .allow = ALLOW_CHANGING};
    if (i > 0) k.component = k.slices.at[i].pop->component;
    n->c->cell = cell_value;
    if (!last || k.component != last) e = check_expr(n->c, n->scope->parent, value, &want);
    n->c->cell = NULL;
    if (!e) return false;
    last = k.component;
    *ret_dim = e->dim;
    vec_push(n->s->arena, &r->items, ((MRecordItem){k.slices.at[i], e}));
  }
  return true;
}

/* `population E : lif[400] at grid(20, 20, spacing = 50 um, periodic)`: where the cells of a population are.
 *
 * A grid and a box begin at a corner, 0 or what `x = …`, `y = …`, `z = …` say; a grid's cells stand in the middle of theirs, so
 * a grid of n cells fills a box of n times its spacing. With `periodic` what leaves on one side comes back on the other. A file
 * has a line for each cell, with two or three columns. */
#include <string.h>

#include "lang/net.h"
#include "lang/signal.h"

enum { AXES = 3 };
static const Dim length_dim = {{[DIM_LENGTH] = DIM_ONE}};
static const char forms[] = "The forms: grid(20, 20, spacing = 50 um), uniform_in(box(1 mm, 1 mm)), each perhaps with `x = …`, `y = …`, `z = …` and "
                            "`periodic`, csv(\"places.csv\") um, and nodes(\"nodes.h5\").";

static MExpr *place_length(Net *n, Scope *scope, const Ast *ast, const char *who, bool positive) {
  Want want = {.has_dim = true, .dim = length_dim, .who = who};
  MExpr *e = check_expr(n->c, scope, ast, &want);
  Known k = net_known(n, e);
  if (!e || !positive || !k.known || k.value > 0) return e;
  diag_places(n->s, ast->span, arena_printf(n->s->arena, "%s must be positive, this is %.6g um", who, k.value), NULL);
  return NULL;
}

/* An argument that is no extent: `spacing = …`, `x = …`, `periodic`. false: it is none; *ret_good false after a message. */
static bool place_option(Net *n, Scope *scope, const Ast *arg, MPlace *ret, bool *ret_good) {
  if (arg->kind == AST_NAME && strcmp(name_str(n->s, AST_AS(NameRef, arg)->name.name), "periodic") == 0) return ret->periodic = true;
  if (arg->kind != AST_NAMED) return false;
  const char *name = name_str(n->s, AST_AS(Named, arg)->name.name);
  const Ast *value = AST_AS(Named, arg)->value;
  MExpr **to = NULL;
  if (strcmp(name, "spacing") == 0 && ret->kind == PLACE_GRID) to = &ret->spacing;
  else if (*name >= 'x' && *name <= 'z' && !name[1]) to = &ret->origin[*name - 'x'];
  if (!to) return false;
  if (*to) diag_setting_twice(n->s, AST_AS(Named, arg)->name.span, name, (*to)->span);
  *ret_good = !*to && (*to = place_length(n, scope, value, to == &ret->spacing ? "the spacing" : "the corner", to == &ret->spacing));
  return true;
}

static bool place_extent(Net *n, Scope *scope, const Ast *arg, MPlace *ret) {
  if (ret->n_axes == AXES) {
    diag_places(n->s, arg->span, "there are no more than three axes", NULL);
    return false;
  }
  MExpr *e = ret->kind == PLACE_GRID ? net_count_expr(n, scope, arg, "the cells along an axis", 1, INT32_MAX)
                                     : place_length(n, scope, arg, "the length of a box", true);
  ret->extent[ret->n_axes++] = e;
  return e != NULL;
}

static const AstCall *call_of(const Net *n, const Ast *ast, const char *name) {
  const AstCall *call = ast && ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  if (!call || call->callee->kind != AST_NAME) return NULL;
  return strcmp(name_str(n->s, AST_AS(NameRef, call->callee)->name.name), name) == 0 ? call : NULL;
}

/* Do as many cells stand on the grid as the population has? */
static bool grid_fits(Net *n, const MPlace *place, const MPopulation *p) {
  Known size = net_known(n, p->size);
  double cells = 1;
  for (uint32_t i = 0; i < place->n_axes; i++) {
    Known k = net_known(n, place->extent[i]);
    if (!k.known) return true;
    cells *= k.value;
  }
  if (!size.known || size.value == cells) return true;
  diag_places(n->s, place->span, arena_printf(n->s->arena, "the grid has %.16g places, `%s` has %.16g cells", cells,
                                              name_str(n->s, p->path), size.value), NULL);
  return false;
}

static bool place_args(Net *n, Scope *scope, const AstCall *call, MPlace *ret) {
  for (uint32_t i = 0; i < call->args.n; i++) {
    bool good = true;
    const AstCall *box = i == 0 && ret->kind == PLACE_BOX ? call_of(n, call->args.at[i], "box") : NULL;
    for (uint32_t k = 0; good && box && k < box->args.n; k++) good = place_extent(n, scope, box->args.at[k], ret);
    if (!box && !place_option(n, scope, call->args.at[i], ret, &good)) {
      good = ret->kind == PLACE_GRID && call->args.at[i]->kind != AST_NAMED;
      if (good) good = place_extent(n, scope, call->args.at[i], ret);
      else diag_places(n->s, call->args.at[i]->span, "this says nothing about places", forms);
    }
    if (!good) return false;
  }
  if (ret->n_axes && (ret->spacing || ret->kind != PLACE_GRID)) return true;
  diag_places(n->s, call->head.span, ret->kind == PLACE_GRID ? "a grid has numbers of cells and a spacing" : "a box has lengths", forms);
  return false;
}

static bool place_file(Net *n, const Ast *ast, MPlace *ret) {
  const AstColumn *column = ast->kind == AST_COLUMN ? AST_AS(Column, ast) : NULL;
  const AstCall *call = column ? call_of(n, column->base, "csv") : NULL;
  Unit unit;
  bool text = call && call->args.n == 1 && call->args.at[0]->kind == AST_STRING;
  if (!text) {
    diag_places(n->s, ast->span, "this is no way to place cells", forms);
    return false;
  }
  if (!check_unit(n->c, column->unit, &unit) || !source_file(n->c, call->args.at[0], &ret->file)) return false;
  if (!dim_eq(unit.dim, length_dim)) {
    diag_unit_wanted(n->s, column->unit->span, "a place", length_dim, unit.dim);
    return false;
  }
  ret->kind = PLACE_FILE;
  ret->file.value_scale = unit.scale;
  ret->file.dim = unit.dim;
  return true;
}

/* `nodes("net.h5", of = "v1", types = "types.csv", first = 240)` */
static bool nodes_option(Net *n, Scope *scope, const Ast *arg, MPlace *ret) {
  const AstNamed *named = arg->kind == AST_NAMED ? AST_AS(Named, arg) : NULL;
  const char *name = named ? name_str(n->s, named->name.name) : "";
  bool text = named && named->value && named->value->kind == AST_STRING;
  if (text && strcmp(name, "of") == 0) ret->file.population = AST_AS(String, named->value)->text;
  else if (text && strcmp(name, "types") == 0) return source_file(n->c, named->value, &ret->types);
  else if (named && named->value && strcmp(name, "first") == 0)
    return (ret->extent[0] = net_count_expr(n, scope, named->value, "the first node", 0, INT32_MAX)) != NULL;
  else {
    diag_places(n->s, arg->span, "this says nothing about nodes", "The form: nodes(\"nodes.h5\", of = \"v1\", types = \"node_types.csv\", first = 0).");
    return false;
  }
  return true;
}

static bool place_nodes(Net *n, Scope *scope, const AstCall *call, MPlace *ret) {
  if (!call->args.n || call->args.at[0]->kind != AST_STRING) {
    diag_places(n->s, call->head.span, "nodes stand in a file", "The form: nodes(\"nodes.h5\").");
    return false;
  }
  bool good = source_file(n->c, call->args.at[0], &ret->file);
  for (uint32_t i = 1; good && i < call->args.n; i++) good = nodes_option(n, scope, call->args.at[i], ret);
  ret->kind = PLACE_NODES;
  ret->file.value_scale = 1;
  return good;
}

bool net_place(Net *n, Scope *scope, const Ast *ast, MPopulation *p) {
  const AstCall *grid = call_of(n, ast, "grid"), *box = call_of(n, ast, "uniform_in"), *nodes = call_of(n, ast, "nodes");
  MPlace place = {.has = true, .kind = grid ? PLACE_GRID : PLACE_BOX, .span = ast->span};
  bool good = nodes         ? place_nodes(n, scope, nodes, &place)
              : grid || box ? place_args(n, scope, grid ? grid : box, &place)
                            : place_file(n, ast, &place);
  if (!good || (grid && !grid_fits(n, &place, p))) return false;
  p->place = place;
  return true;
}

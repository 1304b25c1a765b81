/* `record` of an experiment -> MRecord: an expression over the variables of each component. */
#include "lang/net.h"

#include <math.h>
#include <string.h>

/* ---- record */

static bool named(const Net *n, const Ast *ast, const char *text) {
  return ast && ast->kind == AST_NAME && strcmp(name_str(n->s, AST_AS(NameRef, ast)->name.name), text) == 0;
}

static bool whole_subject(Net *n, Span span, MSliceList *ret) {
  MSlice all = {n->pops.at[0]->elements[0], NULL, NULL, span};
  vec_push(n->s->arena, ret, all);
  return true;
}

/* The `of` of a record; a lone neuron needs none. */
static bool record_slices(Net *n, const AstRecord *ast, MSliceList *ret) {
  if (ast->of) return net_slices(n, n->scope, ast->of, ret, NULL);
  if (n->neuron) return whole_subject(n, ast->head.span, ret);
  MPopulation *signal = ast->value->kind == AST_NAME ? net_signal_named(n, AST_AS(NameRef, ast->value)->name.name) : NULL;
  if (signal) {
    MSlice all = {.pop = signal, .span = ast->value->span};
    vec_push(n->s->arena, ret, all);
    return true;
  }
  diag_record_of_missing(n->s, ast->value->span, source_span_text(n->s, ast->value->span, n->s->arena));
  return false;
}

/* The value of each slice, all of one dimension. `value` is read among the variables of each component. */
bool net_record_values(Net *n, const Ast *value, const MSliceList *slices, MRecord *r, Dim *ret_dim) {
  const MComponent *last = NULL;
  MExpr *e = NULL;
  for (uint32_t i = 0; i < slices->n; i++) {
    const MComponent *component = slices->at[i].pop->component;
    if (component->failed) return false;
    Want want = {.has_dim = i > 0, .dim = *ret_dim, .who = "what is recorded", .allow = ALLOW_CHANGING};
    if (component != last) e = check_expr(n->c, component->scope, value, &want);
    if (!e) return false;
    last = component;
    *ret_dim = e->dim;
    MRecordItem item = {slices->at[i], e};
    vec_push(n->s->arena, &r->items, item);
  }
  return slices->n > 0;
}

static void record_unit(Net *n, MRecord *r, Dim dim) {
  const MExpr *e = r->items.at[0].value;
  r->unit = e->kind == MX_VAR ? e->var->unit : (Name){0};
  r->unit_scale = e->kind == MX_VAR && !name_none(r->unit) ? e->var->unit_scale : 1;
  if (name_none(r->unit) && !dim_none(dim)) r->unit = name_z(n->s, dim_coherent_unit(n->s, dim));
}

/* The record that writes the spikes of this population already, or NULL. */
static const MRecord *spikes_recorded(const Net *n, const MPopulation *pop) {
  for (uint32_t i = 0; i < n->x->records.n; i++) {
    const MRecord *r = n->x->records.at[i];
    for (uint32_t k = 0; r->kind == RECORD_SPIKES && k < r->items.n; k++)
      if (r->items.at[k].slice.pop == pop) return r;
  }
  return NULL;
}

static bool record_spikes(Net *n, const AstRecord *ast, MRecord *r) {
  Session *s = n->s;
  MSliceList slices = {0};
  r->kind = RECORD_SPIKES;
  r->name = name_z(s, "spikes");
  if (ast->every || !name_none(ast->alias.name)) {
    diag_record_spikes_form(s, ast->every ? ast->every->span : ast->alias.span);
    return false;
  }
  if (!record_slices(n, ast, &slices)) return false;
  for (uint32_t i = 0; i < slices.n; i++) {
    const MComponent *component = slices.at[i].pop->component;
    if (component->failed) return false;
    if (component->spikes.n == 0) {
      diag_source_never_spikes(s, ast->of ? ast->of->span : ast->value->span,
                               name_str(s, slices.at[i].pop->base), name_str(s, component->name),
                               component->span);
      return false;
    }
    const MRecord *before = spikes_recorded(n, slices.at[i].pop);
    if (before) {
      diag_spikes_twice(s, ast->head.span, name_str(s, slices.at[i].pop->path), before->span);
      return false;
    }
    MRecordItem item = {slices.at[i], NULL};
    vec_push(s->arena, &r->items, item);
  }
  return slices.n > 0;
}

static void find_index(Ast *ast, void *context) {
  bool *found = context;
  if (!ast || *found) return;
  *found = ast->kind == AST_SUBSCRIPT || (ast->kind == AST_PRIMED && AST_AS(Primed, ast)->indices.n);
  if (!*found) ast_each_child(ast, find_index, context);
}

/* `record sum(w[k]) of E`: over the indices of an array, for each cell. */
static bool of_array(const Net *n, const AstRecord *ast, const AstCall *call) {
  bool found = false;
  if (call->args.n == 1 && (ast->of || (n->neuron && !net_has_cells(n, call->args.at[0])))) find_index(call->args.at[0], &found);
  return found;
}

/* `sum(E.V)`, `mean(cell.V)`: one value over all elements. */
static bool record_total(Net *n, const AstRecord *ast, MRecord *r, Dim *dim) {
  Session *s = n->s;
  const AstCall *call = AST_AS(Call, ast->value);
  MSliceList slices = {0};
  AstWord member = {0};
  const Ast *arg = call->args.n == 1 ? call->args.at[0] : NULL;
  r->kind = named(n, call->callee, "sum") ? RECORD_SUM : RECORD_MEAN;
  const char *who = r->kind == RECORD_SUM ? "sum" : "mean";
  if (arg && !ast->of && arg->kind != AST_MEMBER && net_has_cells(n, arg)) return net_cell_values(n, arg, who, r, dim);
  if (!arg || ast->of || arg->kind != AST_MEMBER) {
    diag_record_total_form(s, ast->value->span, who);
    return false;
  }
  if (!net_slices(n, n->scope, arg, &slices, &member)) return false;
  AstNameRef var = {.head = {.kind = AST_NAME, .span = member.span, .height = 1}, .name = member};
  return net_record_values(n, &var.head, &slices, r, dim);
}

static bool record_name(Net *n, const AstRecord *ast, MRecord *r) {
  Session *s = n->s;
  bool plain = (r->kind == RECORD_VALUE || r->kind == RECORD_WEIGHT) && !path_indices(ast->value)->n;
  r->name = !name_none(ast->alias.name) ? ast->alias.name : plain ? path_name(n->c, ast->value) : (Name){0};
  Span span = name_none(ast->alias.name) ? ast->value->span : ast->alias.span;
  if (name_none(r->name)) {
    diag_record_name_missing(s, span);
    return false;
  }
  for (uint32_t i = 0; i < n->x->records.n; i++) {
    const MRecord *other = n->x->records.at[i];
    if (!name_eq(other->name, r->name)) continue;
    diag_record_name_twice(s, span, name_str(s, r->name), other->span);
    return false;
  }
  if (strcmp(name_str(s, r->name), "spikes") == 0) {
    diag_record_name_twice(s, span, "spikes", (Span){0, 0});
    return false;
  }
  return true;
}

/* Samples lie on the grid. */
static bool record_every(Net *n, const AstRecord *ast, MRecord *r) {
  if (!ast->every) return true;
  r->every = net_time(n, ast->every, "the time between samples", true);
  Known k = net_known(n, r->every);
  if (!r->every) return false;
  if (!k.known || !n->dt.known) return true;
  double steps = k.value / n->dt.value, whole = floor(steps + 0.5);
  if (whole >= 1 && fabs(steps - whole) <= 1e-6 * whole) return true;
  diag_every_off_grid(n->s, ast->every->span, k.value, n->dt.value, n->x->dt->span);
  return false;
}

/* ---- all of an array: `record w of E` is a record for each of its elements, w_1, w_2, … */

static const Symbol *family_recorded(const Net *n, const AstRecord *ast, const MSliceList *slices) {
  const MComponent *c = slices->n ? slices->at[0].pop->component : NULL;
  if (!c || c->failed || ast->value->kind != AST_NAME) return NULL;
  const Symbol *symbol = scope_find(c->scope, AST_AS(NameRef, ast->value)->name.name);
  return symbol && symbol->kind == SYM_FAMILY && symbol->family ? symbol : NULL;
}

/* "w[2,A]" -> "w_2_A", for a file. */
static Name element_name(Net *n, Name base, const Family *family, uint32_t at) {
  char *text = arena_printf(n->s->arena, "%s", name_str(n->s, family_member_name(n->c, base, family, at)));
  size_t length = strlen(text);
  for (size_t i = 0; i < length; i++)
    if (text[i] == '[' || text[i] == ',') text[i] = '_';
  if (length && text[length - 1] == ']') text[length - 1] = 0;
  return name_z(n->s, text);
}

static bool record_element(Net *n, const AstRecord *ast, const MSliceList *slices, const Symbol *array, uint32_t at) {
  MRecord *r = NEW(n->s->arena, MRecord);
  AstRecord one = *ast;
  Name var_name = family_member_name(n->c, array->name, array->family, at);
  Dim dim = DIM_NONE;
  one.alias = (AstWord){element_name(n, name_none(ast->alias.name) ? array->name : ast->alias.name, array->family, at),
                        name_none(ast->alias.name) ? ast->value->span : ast->alias.span};
  r->kind = RECORD_VALUE;
  r->span = ast->head.span;
  for (uint32_t i = 0; i < slices->n; i++) {
    const MVar *var = component_var(slices->at[i].pop->component, var_name);
    if (!var || (i && !dim_eq(var->dim, dim))) {
      diag_index_missing(n->s, ast->value->span, name_str(n->s, array->name), array->family->n_axes, array->span);
      return false;
    }
    dim = var->dim;
    MRecordItem item = {slices->at[i], expr_var(n->c, (MVar *)var, ast->value->span)};
    vec_push(n->s->arena, &r->items, item);
  }
  if (!record_name(n, &one, r) || !record_every(n, &one, r)) return false;
  record_unit(n, r, dim);
  vec_push(n->s->arena, &n->x->records, r);
  return true;
}

static void record_array(Net *n, const AstRecord *ast, const MSliceList *slices, const Symbol *array) {
  for (uint32_t i = 0; i < array->family->members.n; i++)
    if (!symbol_resolve(n->c, array->family->members.at[i], ast->value->span) ||
        !record_element(n, ast, slices, array, i))
      return;
}

void net_record(Net *n, const AstRecord *ast) {
  Session *s = n->s;
  MSliceList slices = {0};
  Dim dim = DIM_NONE;
  if (!ast->value) return;
  MRecord *r = NEW(s->arena, MRecord);
  r->span = ast->head.span;
  const AstCall *call = ast->value->kind == AST_CALL ? AST_AS(Call, ast->value) : NULL;
  bool good;
  const AstListExpr *list = ast->value->kind == AST_LIST ? AST_AS(ListExpr, ast->value) : NULL;
  const AstTuple *tuple = ast->value->kind == AST_TUPLE ? AST_AS(Tuple, ast->value) : NULL;
  const Ast *first = list && list->items.n ? list->items.at[0] : tuple && tuple->items.n > 1 ? tuple->items.at[0] : NULL;
  if (first) {
    diag_record_list(s, ast->value->span, source_span_text(s, first->span, s->arena));
    return;
  }
  if (named(n, ast->value, "spikes")) {
    if (record_spikes(n, ast, r)) vec_push(s->arena, &n->x->records, r);
    return;
  }
  if (named(n, ast->value, "weight") && ast->of && net_weights_meant(n, ast->of, AST_AS(NameRef, ast->value)->name.name)) {
    r->kind = RECORD_WEIGHT;
    good = net_record_weights(n, ast, r);
  } else if (ast->of && net_label_meant(n, ast->of)) {
    r->kind = RECORD_WEIGHT;
    good = net_record_states(n, ast, r);
  } else if (call && (named(n, call->callee, "sum") || named(n, call->callee, "mean")) && !of_array(n, ast, call)) {
    good = record_total(n, ast, r, &dim);
  } else {
    r->kind = RECORD_VALUE;
    good = record_slices(n, ast, &slices);
    const Symbol *array = good ? family_recorded(n, ast, &slices) : NULL;
    if (array) {
      record_array(n, ast, &slices, array);
      return;
    }
    good = good && net_record_values(n, ast->value, &slices, r, &dim);
  }
  if (!good || !record_name(n, ast, r) || !record_every(n, ast, r)) return;
  if (r->kind != RECORD_WEIGHT) record_unit(n, r, dim); /* weights are in the unit of their port */
  vec_push(s->arena, &n->x->records, r);
}

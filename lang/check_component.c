/* Components (neuron, channel, receptor, component): block -> MComponent.
 *
 * Names are declared first and completed when first needed, so declarations hold in any order; then gates,
 * parts, equations and handlers are checked against them. A part (`use`) is the checked component copied with
 * dotted names (check_part.c), so each component is checked once, wherever it is used. Needs the file's names
 * declared; gives a component as model.h describes it, complete also after errors. */
#include <string.h>

#include "lang/component.h"

/* ---- what is a component */

static bool word_in(const char *word, const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(word, words[i]) == 0) return true;
  return false;
}

bool block_is_component(const AstBlock *block, const Session *s) {
  static const char *const words[] = {"neuron",  "channel", "receptor", "component",
                                      "synapse", "glia",    "mass",     "cell"};
  return word_in(name_str(s, block->what.name), words, COUNT_OF(words));
}

static bool block_supported(Checker *c, const AstBlock *block) {
  static const char *const words[] = {"neuron", "channel", "receptor", "component", "synapse", "glia", "mass"};
  const char *what = name_str(c->s, block->what.name);
  if (word_in(what, words, COUNT_OF(words))) return true;
  const char *hint = NULL;
  if (strcmp(what, "cell") == 0) hint = "A `neuron` is a cell without a shape.";
  diag_not_supported(c->s, block->what.span, arena_printf(c->arena, "`%s` blocks", what), hint);
  return false;
}

bool component_stands_alone(const Session *s, Name what) {
  static const char *const words[] = {"neuron", "glia", "mass", "component"};
  return word_in(name_str(s, what), words, COUNT_OF(words));
}

MVar *comp_acts_on(Comp *k, MVar *input) {
  if (!k->m->acts_on) k->m->acts_on = input;
  return input;
}

MVar *component_var(const MComponent *component, Name name) {
  for (uint32_t i = 0; i < component->vars.n; i++)
    if (name_eq(component->vars.at[i]->name, name)) return component->vars.at[i];
  return NULL;
}

MPort *component_port(const MComponent *component, Name name, uint32_t *ret_index) {
  for (uint32_t i = 0; i < component->ports.n; i++) {
    if (!name_eq(component->ports.at[i]->name, name)) continue;
    if (ret_index) *ret_index = i;
    return component->ports.at[i];
  }
  return NULL;
}

/* ---- variables */

MVar *comp_var_new(Comp *k, VarKind kind, Name name, Span span) {
  MVar *var = NEW(k->c->arena, MVar);
  var->kind = kind;
  var->name = name;
  var->span = span;
  var->index = k->m->vars.n;
  var->unit_scale = 1;
  var->varies = kind == VAR_STATE || kind == VAR_INPUT;
  vec_push(k->c->arena, &k->m->vars, var);
  return var;
}

static const char *kind_word(VarKind kind) {
  switch (kind) {
    case VAR_PARAM: return "param";
    case VAR_STATE: return "state";
    case VAR_LET: return "let";
    case VAR_INPUT: return "input";
  }
  return "";
}

static unsigned value_allow(VarKind kind, bool draw) {
  unsigned allow = draw ? ALLOW_DRAW : 0;
  switch (kind) {
    case VAR_PARAM: return allow;
    case VAR_STATE: return allow | ALLOW_CHANGING;
    case VAR_LET: return ALLOW_CHANGING | ALLOW_TIME | ALLOW_NOISE;
    case VAR_INPUT: return 0;
  }
  return 0;
}

/* The unit in which a param's value is written; of an array, the first one's. */
static Name value_unit(const AstItem *item) {
  const Ast *ast = item->value;
  while (ast && ast->kind == AST_LIST && AST_AS(ListExpr, ast)->items.n) ast = AST_AS(ListExpr, ast)->items.at[0];
  if (ast && ast->kind == AST_UNARY) ast = AST_AS(Unary, ast)->arg;
  if (!ast || ast->kind != AST_NUMBER || !AST_AS(Number, ast)->unit) return (Name){0};
  return AST_AS(Unit, AST_AS(Number, ast)->unit)->text;
}

/* The unit of output: as declared; of a param, as its value is written; else the coherent one. */
static void var_unit(Comp *k, MVar *var, const AstItem *item) {
  Unit unit;
  Name written = var->kind == VAR_PARAM && item && !item->unit ? value_unit(item) : (Name){0};
  if (item && item->unit && check_unit(k->c, item->unit, &unit)) {
    var->unit = AST_AS(Unit, item->unit)->text;
    var->unit_scale = unit.scale;
  } else if (!name_none(written) && !unit_parse_quiet(name_str(k->s, written), &unit) && dim_eq(unit.dim, var->dim) && unit.offset == 0) {
    var->unit = written;
    var->unit_scale = unit.scale;
  } else {
    var->unit = name_z(k->s, dim_coherent_unit(k->s, var->dim));
  }
}

static bool derivative_dim(Comp *k, const VarDecl *decl, Dim *ret) {
  static const Dim time = {{DIM_ONE}};
  if (!symbol_resolve(k->c, decl->base, decl->base->span)) return false;
  *ret = dim_div(decl->base->var->dim, time);
  return true;
}

static const Ast *var_ast(const Symbol *symbol) { return ((const VarDecl *)symbol->context)->value; }

/* The dimension that is known without the value: declared, or of a derivative. false after a message. */
static bool declared_dim(Comp *k, const VarDecl *decl, const MVar *var, Want *want) {
  const AstItem *item = decl->item;
  if (decl->base) {
    want->has_dim = true;
    if (!derivative_dim(k, decl, &want->dim)) return false;
  }
  const Symbol *model =
      decl->family && !item->unit ? family_model(k->c, decl->family, decl->self, var_ast) : NULL;
  if (model) {
    want->has_dim = true;
    want->dim = model->var->dim;
  }
  if (item && item->unit) {
    Unit unit;
    if (!check_unit(k->c, item->unit, &unit)) return false;
    if (unit.offset != 0) {
      diag_unit_celsius(k->s, item->unit->span);
      return false;
    }
    if (want->has_dim && !dim_eq(want->dim, unit.dim)) {
      diag_unit_wanted(k->s, item->unit->span, name_str(k->s, var->name), want->dim, unit.dim);
      return false;
    }
    want->has_dim = true;
    want->dim = unit.dim;
  }
  return true;
}

static bool is_signal(const Comp *k) { return strcmp(name_str(k->s, k->block->what.name), "signal") == 0; }

/* Can each cell have its own value, from a file? */
static bool of_cells(const Comp *k, const MVar *var) {
  bool others = is_signal(k) || strcmp(name_str(k->s, k->block->what.name), "synapse") == 0;
  return !others && (var->kind == VAR_PARAM || var->kind == VAR_STATE);
}

static bool value_given(Comp *k, const VarDecl *decl, const MVar *var) {
  bool given = decl->value != NULL;
  if (var->kind == VAR_INPUT) {
    if (given) diag_input_value(k->s, decl->value->span, name_str(k->s, var->name));
    return !given;
  }
  if (!given && decl->item && is_signal(k) && decl->item->unit) return true; /* starts at 0 */
  if (!given && decl->item)
    diag_value_missing(k->s, decl->item->name.span, kind_word(var->kind), name_str(k->s, var->name));
  return given || !decl->item;
}

static void resolve_var(Checker *c, Symbol *symbol) {
  const VarDecl *decl = symbol->context;
  Comp *k = decl->comp;
  MVar *var = symbol->var;
  const char *name = name_str(c->s, var->name);
  const MComponent *fallback = c->fallback;
  c->fallback = NULL;
  symbol->failed = true;
  Want want = {.who = arena_printf(c->arena, "the %s `%s`", kind_word(var->kind), name)};
  if (!declared_dim(k, decl, var, &want)) goto done;
  if (want.has_dim) var->dim = want.dim;
  if (!value_given(k, decl, var)) goto done;
  const AstItem *item = decl->item;
  bool choice = item && item->domain && item->domain->kind == AST_SET;
  if (choice && !check_domain(c, symbol->scope, item->domain, DIM_NONE, want.who, &var->domain)) goto done;
  if (choice) want.labels = &var->domain;
  if (decl->value) {
    var->draw = item->draw;
    want.allow = value_allow(var->kind, var->draw) | (of_cells(k, var) ? ALLOW_COLUMN : 0);
    var->value = check_expr(c, symbol->scope, decl->value, &want);
    if (!var->value) goto done;
    var->dim = var->value->dim;
    if (is_signal(k) && expr_varies(var->value)) { /* what it sees is not known before the start */
      diag_changes(c->s, var->value->span, source_span_text(c->s, var->value->span, c->arena), want.who, (Span){0, 0});
      goto done;
    }
    if (var->draw && !expr_has(var->value, MX_DRAW)) diag_draw_missing(c->s, decl->value->span);
  } else if (!item || (var->kind == VAR_STATE && is_signal(k))) {
    var->value = expr_number(c, 0, var->dim, var->span);
  }
  if (item && item->domain && !choice &&
      !check_domain(c, symbol->scope, item->domain, var->dim, want.who, &var->domain))
    goto done;
  if (var->kind == VAR_LET) {
    var->varies = expr_varies(var->value);
    var->noisy = expr_noisy(var->value);
  }
  var_unit(k, var, item);
  symbol->failed = false;
done:
  if (symbol->failed) var->value = NULL;
  c->fallback = fallback;
}

static Symbol *declare_var(Comp *k, Scope *scope, VarKind kind, Name name, const AstItem *item,
                           const Ast *value, bool enter) {
  Span span = item->name.span;
  Symbol *symbol = enter ? scope_declare(k->c, k->scope, SYM_VAR, name, span) : NEW(k->c->arena, Symbol);
  VarDecl *decl = NEW(k->c->arena, VarDecl);
  *decl = (VarDecl){.comp = k, .item = item, .value = value};
  symbol->kind = SYM_VAR;
  symbol->name = name;
  symbol->span = span;
  symbol->var = comp_var_new(k, kind, name, span);
  symbol->var->doc = item->doc;
  symbol->ast = &item->head;
  symbol->scope = scope;
  symbol->status = SYM_NEW;
  symbol->resolve = resolve_var;
  symbol->context = decl;
  vec_push(k->c->arena, &k->declared, symbol);
  return symbol;
}

/* ---- families: `state w[k] = 0 pA` is one state for each element */

enum { LARGEST_FAMILY = 4096 };

static bool family_axes(Comp *k, const AstItem *item, Family *family, Name *names) {
  uint64_t count = 1;
  if (item->binders.n > FAMILY_AXES) {
    diag_index_count(k->s, item->head.span, name_str(k->s, item->name.name), FAMILY_AXES, item->binders.n,
                     (Span){0, 0});
    return false;
  }
  for (uint32_t i = 0; i < item->binders.n; i++) {
    names[i] = (Name){0};
    family->axes[i] = binder_set(k->c, k->scope, AST_AS(Binder, item->binders.at[i]), &names[i]);
    if (!family->axes[i]) return false;
    count *= family->axes[i]->n;
  }
  family->n_axes = item->binders.n;
  if (count <= LARGEST_FAMILY) return true;
  diag_not_supported(k->s, item->head.span,
                     arena_printf(k->c->arena, "more than %d elements in one component", LARGEST_FAMILY),
                     "Many elements belong in a population.");
  return false;
}

/* The family whose derivatives are declared: `x[k]` of `x[k]'`, with the same index sets. NULL after a
 * message. */
static const Family *family_below(Comp *k, const AstItem *item, const Family *family) {
  Symbol *base = scope_find_here(k->scope, primed_name(k->c, item->name.name, item->primes - 1));
  const Family *below = base && base->kind == SYM_FAMILY ? base->family : NULL;
  if (base && base->failed) return NULL;
  bool same = below && below->n_axes == family->n_axes;
  for (uint32_t i = 0; same && i < below->n_axes; i++)
    same = below->axes[i]->root == family->axes[i]->root && below->axes[i]->n == family->axes[i]->n;
  for (uint32_t i = 0; same && i < below->members.n; i++) same = below->members.at[i]->var->kind == VAR_STATE;
  if (same) return below;
  diag_equation_order(k->s, item->head.span, name_str(k->s, item->name.name), item->primes,
                      "the state below it is not declared before it with the same indices",
                      base ? base->span : (Span){0, 0});
  return NULL;
}

static void declare_family(Comp *k, VarKind kind, const AstItem *item) {
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_FAMILY, primed_name(k->c, item->name.name, item->primes),
                                 item->name.span);
  Family *family = symbol->family = NEW(k->c->arena, Family);
  Name names[FAMILY_AXES];
  const Family *below = NULL;
  symbol->failed = true;
  if (!family_axes(k, item, family, names)) return;
  if (item->primes > 0 && !(below = family_below(k, item, family))) return;
  const Ast *whole = item->value ? table_of_file(k->c, item->value) : NULL;
  if (item->value && !whole) return;
  uint32_t count = 1, position[FAMILY_AXES];
  for (uint32_t i = 0; i < family->n_axes; i++) count *= family->axes[i]->n;
  for (uint32_t at = 0; at < count; at++) {
    Scope *scope = scope_new(k->c, k->scope);
    uint32_t rest = at;
    for (uint32_t i = family->n_axes; i-- > 0;) {
      position[i] = rest % family->axes[i]->n;
      rest /= family->axes[i]->n;
      scope_bind(k->c, scope, names[i], item->name.span, family->axes[i], position[i]);
    }
    const Ast *value = family_list_element(k->c, whole, family, position);
    if (item->value && !value) return;
    Name name = primed_name(k->c, family_member_name(k->c, item->name.name, family, at), item->primes);
    Symbol *member = declare_var(k, scope, kind, name, item, value, false);
    if (below) ((VarDecl *)member->context)->base = below->members.at[at];
    ((VarDecl *)member->context)->family = below ? NULL : family;
    ((VarDecl *)member->context)->self = member;
    vec_push(k->c->arena, &family->members, member);
  }
  symbol->failed = false;
}

void comp_each_index(Comp *k, Scope *scope, const AstList *indices, FreeIndexFn fn, const void *what) {
  for (uint32_t i = 0; i < indices->n; i++) {
    Name name = indices->at[i]->kind == AST_NAME ? path_name(k->c, indices->at[i]) : (Name){0};
    Symbol *symbol = name_none(name) ? NULL : scope_find(scope, name);
    if (!symbol || symbol->kind != SYM_SET || symbol->failed) continue;
    for (uint32_t at = 0; at < symbol->set->n; at++) {
      Scope *inner = scope_new(k->c, scope);
      scope_bind(k->c, inner, name, indices->at[i]->span, symbol->set, at);
      comp_each_index(k, inner, indices, fn, what);
    }
    return;
  }
  fn(k, scope, what);
}

/* ---- declarations */

enum { HIGHEST_ORDER = 8 };

/* `state x' = 1/ms`: the derivative of x as a state of its own. */
static void declare_primed(Comp *k, const AstItem *item) {
  Name below = primed_name(k->c, item->name.name, item->primes - 1);
  Symbol *base = scope_find_here(k->scope, below);
  if (!base || base->kind != SYM_VAR || base->var->kind != VAR_STATE) {
    diag_equation_order(k->s, item->head.span, name_str(k->s, item->name.name), item->primes,
                        "the state below it is not declared before it", base ? base->span : (Span){0, 0});
    return;
  }
  Symbol *symbol = declare_var(k, k->scope, VAR_STATE, primed_name(k->c, item->name.name, item->primes), item,
                               item->value, true);
  ((VarDecl *)symbol->context)->base = base;
}

static bool is_synapse(const Comp *k) { return strcmp(name_str(k->s, k->block->what.name), "synapse") == 0; }

static void declare_item(Comp *k, VarKind kind, const AstItem *item) {
  if (name_none(item->name.name)) return;
  bool synaptic = kind == VAR_STATE && item->primes == 0 && item->binders.n == 0 && is_synapse(k);
  if (!name_none(item->per.name) && !synaptic) {
    diag_statement_misplaced(
        k->s, item->per.span, "`per`",
        arena_printf(k->c->arena, "a %s: it belongs in a synapse", name_str(k->s, k->block->what.name)));
    return;
  }
  if (item->primes > 0) {
    if (kind != VAR_STATE || item->primes > HIGHEST_ORDER)
      diag_derivative_declared(k->s, item->head.span, name_str(k->s, item->name.name), kind != VAR_STATE,
                               HIGHEST_ORDER);
    else if (item->binders.n > 0)
      declare_family(k, kind, item);
    else
      declare_primed(k, item);
  } else if (item->binders.n > 0) {
    declare_family(k, kind, item);
  } else {
    MVar *var = declare_var(k, k->scope, kind, item->name.name, item, item->value, true)->var;
    if (!name_none(item->per.name)) var->per = synapse_per(k, item);
    var->everywhere = kind == VAR_INPUT && is_synapse(k);
  }
}

static bool is_index(const Comp *k, const Ast *st) {
  return st->kind == AST_DECL && strcmp(name_str(k->s, AST_AS(Decl, st)->what.name), "index") == 0;
}

static void declare_decl(Comp *k, const AstDecl *decl) {
  static const char *const words[] = {"param", "state", "let", "input"};
  static const VarKind kinds[] = {VAR_PARAM, VAR_STATE, VAR_LET, VAR_INPUT};
  const char *what = name_str(k->s, decl->what.name);
  for (uint32_t i = 0; i < decl->items.n; i++) {
    const AstItem *item = AST_AS(Item, decl->items.at[i]);
    bool known = false;
    for (size_t w = 0; w < COUNT_OF(words); w++) {
      if (strcmp(what, words[w]) != 0) continue;
      declare_item(k, kinds[w], item);
      known = true;
    }
    if (known || is_index(k, &decl->head)) continue;
    if (strcmp(what, "weight") == 0 && is_synapse(k))
      synapse_weight(k, item,
                     declare_var(k, k->scope, VAR_INPUT, item->name.name, item, item->value, true)->var);
    else
      diag_statement_misplaced(k->s, decl->what.span, arena_printf(k->c->arena, "`%s`", what),
                               arena_printf(k->c->arena, "a %s", name_str(k->s, k->block->what.name)));
  }
}

/* `x'' = …` makes x' a state; it starts at 0 unless `state x' = …` says otherwise. */
static void derivative_of(Comp *k, Symbol *symbol, Symbol *base, Name name, Span span) {
  VarDecl *decl = NEW(k->c->arena, VarDecl);
  *decl = (VarDecl){.comp = k, .base = base};
  symbol->kind = SYM_VAR;
  symbol->name = name;
  symbol->span = span;
  symbol->var = comp_var_new(k, VAR_STATE, name, span);
  symbol->status = SYM_NEW;
  symbol->resolve = resolve_var;
  symbol->context = decl;
  vec_push(k->c->arena, &k->declared, symbol);
}

static void derivatives_of_family(Comp *k, const Family *below, Name name, Span span) {
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_FAMILY, name, span);
  Family *family = symbol->family = NEW(k->c->arena, Family);
  *family = *below;
  memset(&family->members, 0, sizeof family->members);
  for (uint32_t i = 0; i < below->members.n; i++) {
    Symbol *member = NEW(k->c->arena, Symbol), *base = below->members.at[i];
    derivative_of(k, member, base, primed_name(k->c, base->name, 1), span);
    vec_push(k->c->arena, &family->members, member);
  }
}

static void declare_derivatives(Comp *k, const AstEquation *eq) {
  Span span = eq->name.span;
  if (eq->primes > HIGHEST_ORDER) {
    diag_derivative_declared(k->s, eq->head.span, name_str(k->s, eq->name.name), false, HIGHEST_ORDER);
    return;
  }
  for (int n = 1; n < eq->primes; n++) {
    Name name = primed_name(k->c, eq->name.name, n);
    Symbol *base = scope_find_here(k->scope, primed_name(k->c, eq->name.name, n - 1));
    if (scope_find_here(k->scope, name) || !base || base->failed) continue;
    bool family = base->kind == SYM_FAMILY && base->family->members.n;
    const Symbol *first = family ? base->family->members.at[0] : base;
    if (first->kind != SYM_VAR || first->var->kind != VAR_STATE || first->var->gate) continue;
    if (family) derivatives_of_family(k, base->family, name, span);
    else derivative_of(k, scope_declare(k->c, k->scope, SYM_VAR, name, span), base, name, span);
  }
}

static void refuse(Comp *k, const Ast *st, const char *what) {
  diag_statement_misplaced(k->s, st->span, what,
                           arena_printf(k->c->arena, "a %s", name_str(k->s, k->block->what.name)));
}

/* What is declared by a statement; statements of other blocks are refused. */
static void declare_statement(Comp *k, const Ast *st) {
  if (is_synapse(k) && !synapse_statement(k, st)) return;
  switch (st->kind) {
    case AST_DECL: declare_decl(k, AST_AS(Decl, st)); return;
    case AST_GATE: comp_declare_gate(k, AST_AS(Gate, st)); return;
    case AST_USE: comp_declare_use(k, AST_AS(Use, st)); return;
    case AST_EQUATION: case AST_RECEIVE: case AST_KINETIC:
    case AST_SPIKE: return;
    case AST_STREAM:
      if (is_synapse(k)) synapse_stream(k, AST_AS(Stream, st));
      else refuse(k, st, "`stream`");
      return;
    case AST_SEND: refuse(k, st, "`send`"); return;
    case AST_ON:
      if (!is_synapse(k)) refuse(k, st, "`on`");
      return;
    case AST_HOLD: refuse(k, st, "`hold` outside of a handler"); return;
    case AST_ASSIGN: refuse(k, st, "an assignment outside of a handler"); return;
    case AST_IF_STMT: refuse(k, st, "`if` outside of a handler"); return;
    case AST_REACTION: refuse(k, st, "a reaction outside of `kinetic`"); return;
    case AST_LATER:
      diag_not_supported(k->s, st->span,
                         arena_printf(k->c->arena, "`%s`", name_str(k->s, AST_AS(Later, st)->what.name)),
                         NULL);
      return;
    case AST_POPULATION: refuse(k, st, "`population`"); return;
    case AST_CONNECT: refuse(k, st, "`connect`"); return;
    case AST_DRIVE: refuse(k, st, "`drive`"); return;
    case AST_SUBJECT: refuse(k, st, "a model"); return;
    case AST_RECORD: refuse(k, st, "`record`"); return;
    case AST_RUN: refuse(k, st, "`run`"); return;
    case AST_EXPECT: refuse(k, st, "`expect`"); return;
    case AST_FREEZE: refuse(k, st, "`freeze`"); return;
    case AST_DATA: refuse(k, st, "`data`"); return;
    case AST_EVENTS: refuse(k, st, "`events`"); return;
    case AST_FREE: refuse(k, st, "`free`"); return;
    case AST_STAGE: refuse(k, st, "`stage`"); return;
    case AST_MINIMIZE: refuse(k, st, "`minimize`"); return;
    case AST_CONSTRAIN: refuse(k, st, "`constrain`"); return;
    case AST_FIELD: refuse(k, st, "`field`"); return;
    case AST_FORCE: refuse(k, st, "`force`"); return;
    case AST_BY: refuse(k, st, "`by`"); return;
    case AST_WITH: refuse(k, st, "`with`"); return;
    case AST_VALIDATE: refuse(k, st, "`validate`"); return;
    case AST_FILE: case AST_LANGUAGE: case AST_IMPORT: case AST_MODEL_INFO: case AST_BLOCK: case AST_FN:
    case AST_FN_ARG: case AST_FREE_ITEM: case AST_ITEM: case AST_BINDER: case AST_NUMBER: case AST_UNIT: case AST_STRING:
    case AST_NAME: case AST_PRIMED: case AST_COLUMN: case AST_MEMBER: case AST_SUBSCRIPT: case AST_CALL:
    case AST_NAMED: case AST_UNARY: case AST_BINARY: case AST_IF_EXPR: case AST_LIST: case AST_TUPLE:
    case AST_RANGE: case AST_SET: case AST_INTERVAL: case AST_WITHIN: case AST_PICK:
    case AST_KINDS: refuse(k, st, "this"); return;
  }
}

/* ---- the whole block */

static void declare_all(Comp *k) {
  for (uint32_t i = 0; i < k->block->body.n;
       i++) { /* index sets first: a family knows its elements when it is declared */
    const Ast *st = k->block->body.at[i];
    for (uint32_t n = 0; is_index(k, st) && n < AST_AS(Decl, st)->items.n; n++)
      index_declare(k->c, k->scope, AST_AS(Item, AST_AS(Decl, st)->items.at[n]));
  }
  for (uint32_t i = 0; i < k->block->body.n; i++) declare_statement(k, k->block->body.at[i]);
  for (uint32_t i = 0; i < k->block->body.n; i++) {
    const Ast *st = k->block->body.at[i];
    if (st->kind == AST_EQUATION && AST_AS(Equation, st)->primes > 1)
      declare_derivatives(k, AST_AS(Equation, st));
  }
  for (uint32_t i = 0; i < k->declared.n; i++)
    symbol_resolve(k->c, k->declared.at[i], k->declared.at[i]->span);
}

static void check_body(Comp *k) {
  if (is_synapse(k)) k->m->plastic = synapse_has_memory(k) || k->c->sides;
  declare_all(k);
  comp_check_gates(k);
  comp_bind_parts(k);
  for (uint32_t i = 0; i < k->block->body.n; i++) {
    const Ast *st = k->block->body.at[i];
    if (st->kind == AST_ON && is_synapse(k)) synapse_check_on(k, AST_AS(On, st));
    if (st->kind == AST_EQUATION) comp_check_equation(k, AST_AS(Equation, st));
    if (st->kind == AST_KINETIC) comp_check_kinetic(k, AST_AS(Kinetic, st));
    if (st->kind == AST_RECEIVE) comp_check_receive(k, AST_AS(Receive, st));
    if (st->kind == AST_SPIKE) comp_check_spike(k, AST_AS(Spike, st));
  }
  comp_link_reactions(k);
  comp_steady_starts(k);
  comp_order(k);
  if (k->m->plastic) synapse_check_memory(k);
  if (is_synapse(k) && !(k->m->stream && k->c->sides)) k->scope->hook = NULL; /* what a connection checks in this scope has names of its own */
}

/* Symbol.resolve of a component's block. */
static void resolve_component(Checker *c, Symbol *symbol) {
  const AstBlock *block = AST_AS(Block, symbol->ast);
  if (!block_supported(c, block)) {
    symbol->failed = true;
    return;
  }
  symbol->component = NEW(c->arena, MComponent);
  check_component_block(c, symbol->scope, block, symbol->component);
}

void check_component_block(Checker *c, Scope *scope, const AstBlock *block, MComponent *m) {
  Comp k = {.c = c, .s = c->s, .block = block, .m = m};
  uint32_t depth = c->depth, fn_depth = c->fn_depth, errors = c->s->errors;
  const MComponent *fallback = c->fallback;
  c->fallback = NULL;
  c->depth = c->fn_depth = 0;
  k.scope = scope_new(c, scope);
  k.neuron = component_stands_alone(c->s, block->what.name) && strcmp(name_str(c->s, block->what.name), "component") != 0;
  *k.m = (MComponent){
      .name = block->name.name, .what = block->what.name, .doc = block->doc, .span = block->name.span, .block = block};
  if (is_synapse(&k)) synapse_sides(&k);
  check_body(&k);
  k.m->failed = k.too_large || c->s->errors > errors;
  k.m->scope = k.scope;
  c->fallback = fallback;
  c->depth = depth;
  c->fn_depth = fn_depth;
}

MComponent *check_component(Checker *c, Symbol *block) {
  return symbol_resolve(c, block, block->span) ? block->component : NULL;
}

/* ---- references */

static Symbol *reference_symbol(Checker *c, Scope *scope, const Ast *ref) {
  if (ref->kind != AST_MEMBER) {
    Name name = path_name(c, ref);
    for (Scope *at = scope; at; at = at->parent) { /* a part may have the name of its component */
      Symbol *found = scope_find_here(at, name);
      if (found && found->kind == SYM_BLOCK) return found;
    }
    return scope_find(scope, name);
  }
  const AstMember *m = AST_AS(Member, ref);
  Name base_name = path_name(c, m->base);
  Symbol *base = name_none(base_name) ? NULL : scope_find(scope, base_name);
  return base && base->kind == SYM_MODULE && base->module ? scope_find_here(base->module, m->name.name)
                                                          : NULL;
}

/* `lab.name`: of the imported file; else of all that is visible. Silent if the file could not be read. */
static void unknown_component(Checker *c, Scope *scope, const Ast *ref, Name name) {
  TextList names = {0};
  Span span = ref->span;
  Symbol *base = ref->kind == AST_MEMBER ? scope_find(scope, path_name(c, AST_AS(Member, ref)->base)) : NULL;
  if (base && base->kind == SYM_MODULE) {
    if (!base->module) return;
    scope = base->module;
    name = AST_AS(Member, ref)->name.name;
    span = AST_AS(Member, ref)->name.span;
  }
  for (Scope *s = scope; s; s = base && base->kind == SYM_MODULE ? NULL : s->parent)
    for (uint32_t i = 0; i < s->symbols.n; i++) {
      const Symbol *symbol = s->symbols.at[i];
      if (symbol->kind == SYM_BLOCK && block_is_component(AST_AS(Block, symbol->ast), c->s))
        vec_push(c->arena, &names, name_str(c->s, symbol->name));
    }
  const char *word = name_str(c->s, name);
  diag_unknown_component(c->s, span, word, diag_nearest(word, names.at, names.n));
}

MComponent *check_component_ref(Checker *c, Scope *scope, const Ast *ref) {
  if (!ref) return NULL;
  Name name = path_name(c, ref);
  if (name_none(name)) {
    diag_name_wanted(c->s, ref->span);
    return NULL;
  }
  Symbol *symbol = reference_symbol(c, scope, ref);
  if (!symbol) {
    unknown_component(c, scope, ref, name);
    return NULL;
  }
  if (symbol->kind != SYM_BLOCK || !block_is_component(AST_AS(Block, symbol->ast), c->s)) {
    diag_not_a_component(c->s, ref->span, name_str(c->s, name), symbol_kind_text(c, symbol), symbol->span);
    return NULL;
  }
  return check_component(c, symbol);
}

/* ---- files */

void check_declare_file(Checker *c, Scope *scope, const AstFile *file) {
  constants_declare(c, scope, file);
  for (uint32_t i = 0; file && i < file->items.n; i++) {
    const Ast *item = file->items.at[i];
    if (item->kind == AST_FN) {
      Symbol *symbol =
          scope_declare(c, scope, SYM_FN, AST_AS(Fn, item)->name.name, AST_AS(Fn, item)->name.span);
      symbol->ast = item;
    } else if (item->kind == AST_BLOCK) {
      const AstBlock *block = AST_AS(Block, item);
      Symbol *symbol = scope_declare(c, scope, SYM_BLOCK, block->name.name, block->name.span);
      symbol->ast = item;
      if (!block_is_component(block, c->s)) continue;
      symbol->status = SYM_NEW;
      symbol->resolve = resolve_component;
    }
  }
}

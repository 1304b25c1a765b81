/* Parts: `use na = hh_na { g = … }` -> the part's variables, equations and ports as the host's own, under
 * dotted names.
 *
 * A part was checked as a component of its own; here it is copied with its inputs replaced by what they are
 * bound to: what the braces say, else the host's name of the same text. A receptor may change an input (`V +=
 * w`) that is bound to a state. The part's one port is named as the part, several are named `part.port`. */
#include <string.h>

#include "lang/component.h"

static Name dotted(Comp *k, Name alias, Name name) {
  return name_fmt(k->s, "%s.%s", name_str(k->s, alias), name_str(k->s, name));
}

static Name last_word(const Ast *path, Span *ret_span) {
  const AstWord word = path->kind == AST_MEMBER ? AST_AS(Member, path)->name : AST_AS(NameRef, path)->name;
  *ret_span = word.span;
  return word.name;
}

/* `V`, or `I[2]` as it is written: the name of an input, or of one of a family. */
static Name input_name(Comp *k, const Ast *target) {
  if (target->kind != AST_SUBSCRIPT) return path_name(k->c, target);
  return name_z(k->s, source_span_text(k->s, target->span, k->c->arena));
}

static const AstAssign *binding_of(Comp *k, const AstUse *use, Name input) {
  for (uint32_t i = 0; i < use->settings.n; i++) {
    if (use->settings.at[i]->kind != AST_ASSIGN) continue;
    const AstAssign *a = AST_AS(Assign, use->settings.at[i]);
    if (name_eq(input_name(k, a->target), input)) return a;
  }
  return NULL;
}

/* ---- declaration: the dotted names */

/* Symbol.resolve of "na.V": the expression that the part's input stands for. */
typedef struct {
  Comp *comp;
  PartUse *use;
  MVar *input; /* of the part */
} Binding;

static void resolve_binding(Checker *c, Symbol *symbol) {
  const Binding *b = symbol->context;
  const char *input = name_str(c->s, b->input->name), *part = name_str(c->s, b->use->part->name);
  const AstAssign *given = binding_of(b->comp, b->use->ast, b->input->name);
  Want want = {.has_dim = true, .dim = b->input->dim, .allow = ALLOW_CHANGING | ALLOW_TIME};
  want.who = arena_printf(c->arena, "the input `%s` of `%s`", input, part);
  symbol->failed = true;
  if (given) {
    if (given->op != ASSIGN_SET) {
      diag_setting_form(c->s, given->head.span);
      return;
    }
    symbol->expr = check_expr(c, b->comp->scope, given->value, &want);
  } else {
    Symbol *host = scope_find_here(b->comp->scope, b->input->name);
    if (!host || (host->kind != SYM_VAR && host->kind != SYM_EXPR)) {
      diag_input_unbound(c->s, symbol->span, input, name_str(c->s, b->use->alias), part, b->input->span);
      return;
    }
    if (!symbol_resolve(c, host, symbol->span)) return;
    symbol->expr = host->kind == SYM_VAR ? expr_var(c, host->var, symbol->span) : host->expr;
    if (symbol->expr && !dim_eq(symbol->expr->dim, b->input->dim)) {
      Diag *d = diag_unit_wanted(c->s, symbol->span, want.who, b->input->dim, symbol->expr->dim);
      diag_note(c->s, d, host->span, "it is bound to this `%s`", input);
      return;
    }
  }
  symbol->failed = !symbol->expr;
}

static void declare_input(Comp *k, PartUse *u, MVar *input, Span span) {
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_EXPR, dotted(k, u->alias, input->name), span);
  Binding *b = NEW(k->c->arena, Binding);
  *b = (Binding){k, u, input};
  symbol->context = b;
  symbol->status = SYM_NEW;
  symbol->resolve = resolve_binding;
  vec_push(k->c->arena, &k->declared, symbol);
}

static void declare_copy(Comp *k, PartUse *u, const MVar *of, Span span) {
  MVar *var = comp_var_new(k, of->kind, dotted(k, u->alias, of->name), of->span);
  uint32_t index = var->index;
  Name name = var->name;
  *var = *of;
  var->index = index;
  var->name = name;
  var->value = var->equation = NULL;
  u->map[of->index] = expr_var(k->c, var, of->span);
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_VAR, name, span);
  symbol->var = var;
}

/* The part's families under dotted names; their members are declared already. */
static void declare_families(Comp *k, const PartUse *u, Span span) {
  const Scope *own = u->part->scope;
  for (uint32_t i = 0; own && i < own->symbols.n; i++) {
    const Symbol *of = own->symbols.at[i];
    if (of->kind != SYM_FAMILY || of->failed) continue;
    Symbol *symbol = scope_declare(k->c, k->scope, SYM_FAMILY, dotted(k, u->alias, of->name), span);
    Family *family = symbol->family = NEW(k->c->arena, Family);
    *family = *of->family;
    memset(&family->members, 0, sizeof family->members);
    for (uint32_t m = 0; m < of->family->members.n; m++)
      vec_push(k->c->arena, &family->members,
               scope_find_here(k->scope, dotted(k, u->alias, of->family->members.at[m]->name)));
  }
}

enum { LARGEST_COMPONENT = 100000 };

void comp_declare_use(Comp *k, const AstUse *use) {
  Span span;
  if (use->on.n > 0) {
    diag_not_supported(k->s, use->on.at[0]->span, "`use … on`", "Only cells with a shape have places.");
    return;
  }
  MComponent *part = check_component_ref(k->c, k->scope, use->component);
  if (!use->component || (use->component->kind != AST_NAME && use->component->kind != AST_MEMBER)) return;
  Name alias = last_word(use->component, &span);
  if (!name_none(use->alias.name)) {
    alias = use->alias.name;
    span = use->alias.span;
  }
  Symbol *symbol = scope_declare(k->c, k->scope, SYM_PART, alias, span);
  symbol->part = part;
  symbol->failed = !part;
  if (!part || scope_find_here(k->scope, alias) != symbol) return;
  if (strcmp(name_str(k->s, part->what), "synapse") == 0) {
    diag_not_a_component(k->s, use->component->span, name_str(k->s, part->name), "a synapse", part->span);
    symbol->failed = true;
    return;
  }
  if (part->spikes.n > 0) {
    diag_part_spikes(k->s, use->component->span, name_str(k->s, part->name), part->spikes.at[0]->span);
    symbol->failed = true;
    return;
  }
  if (k->m->vars.n + part->vars.n > LARGEST_COMPONENT) {
    if (!part->failed && !k->too_large)
      diag_component_too_large(k->s, use->head.span, k->m->vars.n + part->vars.n, LARGEST_COMPONENT);
    k->too_large = symbol->failed = true;
    return;
  }
  PartUse *u = NEW(k->c->arena, PartUse);
  *u = (PartUse){use, alias, part, NEW_ARRAY(k->c->arena, MExpr *, part->vars.n)};
  vec_push(k->c->arena, &k->parts, u);
  for (uint32_t i = 0; i < part->vars.n; i++) {
    MVar *var = part->vars.at[i];
    if (var->kind == VAR_INPUT)
      declare_input(k, u, var, span);
    else
      declare_copy(k, u, var, span);
  }
  declare_families(k, u, span);
}

/* ---- binding: the part's expressions */

static MDomain domain_copy(Comp *k, const PartUse *u, const MDomain *of) {
  MDomain domain = *of;
  domain.lo = expr_replace(k->c, of->lo, u->map);
  domain.hi = expr_replace(k->c, of->hi, u->map);
  return domain;
}

static MStmtList stmts_copy(Comp *k, const PartUse *u, const MStmtList *of);

static MVar *stmt_var(Comp *k, const PartUse *u, const MStmt *of) {
  MExpr *stands = u->map[of->var->index];
  if (stands && stands->kind == MX_VAR && stands->var->kind == VAR_STATE) return stands->var;
  if (stands && stands->kind == MX_VAR && stands->var->kind == VAR_INPUT && !k->neuron) return comp_acts_on(k, stands->var);
  if (stands)
    diag_input_written(k->s, u->ast->head.span, name_str(k->s, of->var->name),
                       stands->kind == MX_VAR
                           ? arena_printf(k->c->arena, "`%s`", name_str(k->s, stands->var->name))
                           : "an expression",
                       of->span);
  return NULL;
}

static MStmt *stmt_copy(Comp *k, const PartUse *u, const MStmt *of) {
  MStmt *st = NEW(k->c->arena, MStmt);
  *st = *of;
  if (of->var && !(st->var = stmt_var(k, u, of))) return NULL;
  st->value = expr_replace(k->c, of->value, u->map);
  st->then = stmts_copy(k, u, &of->then);
  st->other = stmts_copy(k, u, &of->other);
  return st;
}

static MStmtList stmts_copy(Comp *k, const PartUse *u, const MStmtList *of) {
  MStmtList list = {0};
  for (uint32_t i = 0; i < of->n; i++) {
    MStmt *st = stmt_copy(k, u, of->at[i]);
    if (st) vec_push(k->c->arena, &list, st);
  }
  return list;
}

static void ports_copy(Comp *k, const PartUse *u) {
  for (uint32_t i = 0; i < u->part->ports.n; i++) {
    const MPort *of = u->part->ports.at[i];
    MPort *port = NEW(k->c->arena, MPort);
    *port = *of;
    port->name = u->part->ports.n == 1 ? u->alias : dotted(k, u->alias, of->name);
    MPort *before = component_port(k->m, port->name, NULL);
    if (before) diag_declared_twice(k->s, u->ast->head.span, name_str(k->s, port->name), before->span);
    port->body = stmts_copy(k, u, &of->body);
    vec_push(k->c->arena, &k->m->ports, port);
  }
}

static bool is_input(const MComponent *part, Name name) {
  const MVar *var = component_var(part, name);
  return var && var->kind == VAR_INPUT;
}

static bool settings_of(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign,
                        const MComponent *fallback, MSettingList *ret);

static void settings_apply(Comp *k, const PartUse *u) {
  MSettingList done = {0};
  for (uint32_t i = 0; i < u->ast->settings.n; i++) {
    const AstAssign *assign = check_assignment(k->c, u->ast->settings.at[i]);
    if (!assign) {
      diag_setting_form(k->s, u->ast->settings.at[i]->span);
      continue;
    }
    if (is_input(u->part, input_name(k, assign->target))) continue;
    uint32_t from = done.n;
    settings_of(k->c, k->scope, u->part, assign, NULL, &done);
    for (uint32_t n = from; n < done.n; n++) {
      const MSetting *set = &done.at[n];
      for (uint32_t j = 0; j < from; j++)
        if (done.at[j].var == set->var)
          diag_setting_twice(k->s, set->span, name_str(k->s, set->var->name), done.at[j].span);
      MVar *var = u->map[set->var->index]->var;
      var->value = set->value;
      var->draw = set->draw;
    }
  }
}

static void bind_part(Comp *k, PartUse *u) {
  for (uint32_t i = 0; i < u->part->vars.n; i++) {
    const MVar *of = u->part->vars.at[i];
    if (of->kind != VAR_INPUT) continue;
    Symbol *symbol = scope_find_here(k->scope, dotted(k, u->alias, of->name));
    bool bound = symbol && symbol->kind == SYM_EXPR && symbol_resolve(k->c, symbol, u->ast->head.span);
    /* after an error: any expression of that dimension, so that the rest is checked */
    u->map[i] = bound ? symbol->expr : expr_number(k->c, 0, of->dim, of->span);
  }
  settings_apply(k, u);
  for (uint32_t i = 0; i < u->part->vars.n; i++) {
    const MVar *of = u->part->vars.at[i];
    if (of->kind == VAR_INPUT) continue;
    MVar *var = u->map[i]->var;
    if (!var->value) var->value = expr_replace(k->c, of->value, u->map);
    var->equation = expr_replace(k->c, of->equation, u->map);
    if (!of->domain.labels.n) var->domain = domain_copy(k, u, &of->domain);
    if (var->kind == VAR_LET) {
      var->varies = expr_varies(var->value);
      var->noisy = expr_noisy(var->value);
    }
  }
  ports_copy(k, u);
  comp_copy_reactions(k, u);
}

void comp_bind_parts(Comp *k) {
  for (uint32_t i = 0; i < k->parts.n; i++) bind_part(k, k->parts.at[i]);
}

/* ---- settings */

/* The family that a target names, `w[1]`, `o.w[k]`, `x[k]'`; NULL: none. */
static const Family *setting_family(Checker *c, const MComponent *component, const Ast *target) {
  const Ast *base = target->kind == AST_SUBSCRIPT ? AST_AS(Subscript, target)->base : target;
  Name name = path_name(c, base);
  Symbol *symbol = component->scope && !name_none(name) ? scope_find_here(component->scope, name) : NULL;
  return symbol && symbol->kind == SYM_FAMILY && !symbol->failed ? symbol->family : NULL;
}

static void unknown_setting(Checker *c, const MComponent *component, const Ast *target, const char *word) {
  TextList names = {0};
  for (uint32_t i = 0; i < component->vars.n; i++)
    if (component->vars.at[i]->kind == VAR_PARAM || component->vars.at[i]->kind == VAR_STATE)
      vec_push(c->arena, &names, name_str(c->s, component->vars.at[i]->name));
  diag_setting_unknown(c->s, target->span, word, name_str(c->s, component->name),
                       diag_nearest(word, names.at, names.n), component->span);
}

/* The one variable that a target names, its indices known. NULL after a message. */
static MVar *setting_var(Checker *c, Scope *scope, const MComponent *component, const Ast *target) {
  const AstList *indices = path_indices(target);
  const Family *family = setting_family(c, component, target);
  Name name = path_name(c, target->kind == AST_SUBSCRIPT ? AST_AS(Subscript, target)->base : target);
  MVar *var = NULL;
  if (name_none(name)) {
    diag_setting_form(c->s, target->span);
    return NULL;
  }
  const char *word = name_str(c->s, name), *of = name_str(c->s, component->name);
  if (family) {
    int32_t values[FAMILY_AXES] = {0};
    Symbol *symbol = scope_find_here(component->scope, name);
    if (indices->n == 0) {
      diag_index_missing(c->s, target->span, word, family->n_axes, symbol->span);
      return NULL;
    }
    for (uint32_t i = 0; i < indices->n && i < family->n_axes; i++)
      if (!check_element(c, scope, indices->at[i], family->axes[i], &values[i])) return NULL;
    symbol = family_member(c, symbol, values, indices->n, target->span);
    if (!symbol) return NULL;
    var = symbol->kind == SYM_VAR ? symbol->var : NULL;
    word = name_str(c->s, symbol->name);
  } else if (indices->n == 0) {
    var = component_var(component, name);
  } else {
    MVar *plain = component_var(component, name);
    if (plain) diag_not_indexed(c->s, target->span, word, plain->span);
    else unknown_setting(c, component, target, source_span_text(c->s, target->span, c->arena));
    return NULL;
  }
  if (!var) {
    unknown_setting(c, component, target, word);
    return NULL;
  }
  if (var->kind == VAR_PARAM || var->kind == VAR_STATE) return var;
  diag_setting_target(c->s, target->span, word, of, var->kind == VAR_LET ? "a let" : "an input", var->span);
  return NULL;
}

/* What the settings of one statement share. fallback: the component whose params the value may use beside the
 * names in scope; NULL: a part's setting, whose value is the host's and, for a state, may depend on other
 * states at the start. */
typedef struct {
  Checker *c;
  MComponent *component;
  const MComponent *fallback;
  const AstAssign *assign;
  const Ast *target; /* without `(0)` */
  bool start;        /* written `x(0) = …` */
  MSettingList *ret;
} Setting;

static bool setting_at(const Setting *st, Scope *scope, MVar *var, const Ast *ast) {
  Checker *c = st->c;
  const AstAssign *assign = st->assign;
  const char *word = name_str(c->s, var->name);
  if (st->start && var->kind != VAR_STATE) {
    diag_start_of(c->s, assign->target->span, word, "a param", var->span);
    return false;
  }
  if (var->steady) {
    diag_reaction_form(c->s, assign->target->span, REACTION_STEADY_SET);
    return false;
  }
  bool draw = assign->op == ASSIGN_DRAW;
  bool measured = var->value || !st->component->failed; /* what has a wrong value may be measured in anything */
  Want want = {.has_dim = measured, .dim = var->dim, .allow = draw ? ALLOW_DRAW : 0};
  want.who = arena_printf(c->arena, "`%s` of `%s`", word, name_str(c->s, st->component->name));
  if (var->domain.labels.n) want.labels = &var->domain;
  if (!st->fallback && var->kind == VAR_STATE) want.allow |= ALLOW_CHANGING;
  if (c->cells || !st->fallback) want.allow |= ALLOW_COLUMN;
  if (c->pair) want.allow |= ALLOW_PAIR;
  const MComponent *before = c->fallback;
  c->fallback = st->fallback;
  MExpr *value = check_expr(c, scope, ast, &want);
  c->fallback = before;
  if (!value) return false;
  if (draw && !expr_has(value, MX_DRAW)) {
    diag_draw_missing(c->s, assign->value->span);
    return false;
  }
  if (!draw) check_in_domain(c, &var->domain, var->name, value);
  MSetting set = {.var = var, .value = value, .draw = draw, .span = assign->head.span};
  vec_push(c->arena, st->ret, set);
  return true;
}

/* A free index means "for all": the names that stand for an index set and not for an element. */
static bool setting_each(const Setting *st, Scope *scope) {
  Checker *c = st->c;
  const AstList *indices = path_indices(st->target);
  const Scope *own = st->component->scope;
  for (uint32_t i = 0; i < indices->n; i++) {
    Name name = indices->at[i]->kind == AST_NAME ? path_name(c, indices->at[i]) : (Name){0};
    Symbol *symbol = name_none(name) ? NULL : scope_find(scope, name);
    if (!symbol && !name_none(name) && own) symbol = scope_find_here(own, name);
    if (!symbol || symbol->kind != SYM_SET || symbol->failed) continue;
    for (uint32_t at = 0; at < symbol->set->n; at++) {
      Scope *inner = scope_new(c, scope);
      scope_bind(c, inner, name, indices->at[i]->span, symbol->set, at);
      if (!setting_each(st, inner)) return false;
    }
    return true;
  }
  MVar *var = setting_var(c, scope, st->component, st->target);
  return var && setting_at(st, scope, var, st->assign->value);
}

/* `w = [1 pA, 2 pA]`: the elements of a family in order, lists in lists for several indices; first: member. */
static bool setting_table(const Setting *st, Scope *scope, const Family *family, const Ast *ast, uint32_t axis,
                          uint32_t first) {
  Checker *c = st->c;
  const IndexSet *set = family->axes[axis];
  const AstListExpr *list = ast->kind == AST_LIST ? AST_AS(ListExpr, ast) : NULL;
  if (!list || list->items.n != set->n) {
    diag_list_length(c->s, ast->span, set->n, list ? list->items.n : 1, name_str(c->s, set->name), set->span);
    return false;
  }
  for (uint32_t i = 0; i < list->items.n; i++) {
    uint32_t at = first * set->n + i;
    if (axis + 1 < family->n_axes) {
      if (!setting_table(st, scope, family, list->items.at[i], axis + 1, at)) return false;
      continue;
    }
    Symbol *member = family->members.at[at];
    MVar *var = member->kind == SYM_VAR ? member->var : NULL;
    if (!var || (var->kind != VAR_PARAM && var->kind != VAR_STATE)) {
      diag_setting_target(c->s, st->target->span, name_str(c->s, member->name), name_str(c->s, st->component->name),
                          var && var->kind == VAR_LET ? "a let" : "an input", member->span);
      return false;
    }
    if (!setting_at(st, scope, var, list->items.at[i])) return false;
  }
  return true;
}

/* `x(0)` -> `x`. NULL after a message. */
static const Ast *start_target(Checker *c, const Ast *target, bool *ret_start) {
  *ret_start = target->kind == AST_CALL;
  if (!*ret_start) return target;
  const AstCall *call = AST_AS(Call, target);
  const Ast *at = call->args.n == 1 ? call->args.at[0] : NULL;
  if (at && at->kind == AST_NUMBER && !AST_AS(Number, at)->unit && AST_AS(Number, at)->value == 0) return call->callee;
  diag_start_of(c->s, target->span, source_span_text(c->s, call->callee->span, c->arena), NULL, (Span){0, 0});
  return NULL;
}

static bool settings_of(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign,
                        const MComponent *fallback, MSettingList *ret) {
  if (assign->op != ASSIGN_SET && assign->op != ASSIGN_DRAW) {
    diag_setting_form(c->s, assign->head.span);
    return false;
  }
  Setting st = {c, component, fallback, assign, NULL, false, ret};
  st.target = start_target(c, assign->target, &st.start);
  if (!st.target) return false;
  const Family *family = setting_family(c, component, st.target);
  const Ast *table = family && path_indices(st.target)->n == 0 && assign->value ? table_of_file(c, assign->value) : assign->value;
  if (assign->value && !table) return false;
  if (family && path_indices(st.target)->n == 0 && table && table->kind == AST_LIST)
    return setting_table(&st, scope, family, table, 0, 0);
  return setting_each(&st, scope);
}

bool check_setting(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign, MSettingList *ret) {
  return settings_of(c, scope, component, assign, component, ret);
}

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

static const AstAssign *binding_of(Comp *k, const AstUse *use, Name input) {
  for (uint32_t i = 0; i < use->settings.n; i++) {
    if (use->settings.at[i]->kind != AST_ASSIGN) continue;
    const AstAssign *a = AST_AS(Assign, use->settings.at[i]);
    if (name_eq(path_name(k->c, a->target), input)) return a;
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
  if (part->spikes.n > 0) {
    diag_part_spikes(k->s, use->component->span, name_str(k->s, part->name), part->spikes.at[0]->span);
    symbol->failed = true;
    return;
  }
  if (k->m->vars.n + part->vars.n > LARGEST_COMPONENT) {
    diag_component_too_large(k->s, use->head.span, k->m->vars.n + part->vars.n, LARGEST_COMPONENT);
    symbol->failed = true;
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
  if (stands && stands->kind == MX_VAR && stands->var->kind == VAR_INPUT && !k->neuron) return stands->var;
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

static bool setting(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign,
                    const MComponent *fallback, MSetting *ret);

static void settings_apply(Comp *k, const PartUse *u) {
  const MComponent *part = u->part;
  MSetting *done = NEW_ARRAY(k->c->arena, MSetting, u->ast->settings.n);
  uint32_t n = 0;
  for (uint32_t i = 0; i < u->ast->settings.n; i++) {
    const Ast *st = u->ast->settings.at[i];
    if (st->kind != AST_ASSIGN) {
      diag_setting_form(k->s, st->span);
      continue;
    }
    const AstAssign *assign = AST_AS(Assign, st);
    if (is_input(part, path_name(k->c, assign->target))) continue;
    MSetting *set = &done[n];
    if (!setting(k->c, k->scope, u->part, assign, NULL, set)) continue;
    for (uint32_t j = 0; j < n; j++)
      if (done[j].var == set->var)
        diag_setting_twice(k->s, set->span, name_str(k->s, set->var->name), done[j].span);
    n++;
    MVar *var = u->map[set->var->index]->var;
    var->value = set->value;
    var->draw = set->draw;
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
}

void comp_bind_parts(Comp *k) {
  for (uint32_t i = 0; i < k->parts.n; i++) bind_part(k, k->parts.at[i]);
}

/* ---- settings */

static Name setting_name(Checker *c, const Ast *target) {
  if (target->kind == AST_SUBSCRIPT) {
    const AstSubscript *sub = AST_AS(Subscript, target);
    char *inside = arena_text(c->arena, "", 0);
    for (uint32_t i = 0; i < sub->indices.n; i++)
      inside = arena_printf(c->arena, "%s%s%s", inside, i ? "," : "",
                            source_span_text(c->s, sub->indices.at[i]->span, c->arena));
    return name_fmt(c->s, "%s[%s]", name_str(c->s, path_name(c, sub->base)), inside);
  }
  return path_name(c, target);
}

static MVar *setting_var(Checker *c, MComponent *component, const Ast *target) {
  if (target->kind == AST_CALL) {
    diag_not_supported(c->s, target->span, "`x(0) = …`",
                       "Write `x = …`: a state is set to its value at the start.");
    return NULL;
  }
  Name name = setting_name(c, target);
  if (name_none(name)) {
    diag_setting_form(c->s, target->span);
    return NULL;
  }
  MVar *var = component_var(component, name);
  const char *word = name_str(c->s, name), *of = name_str(c->s, component->name);
  if (!var) {
    TextList names = {0};
    for (uint32_t i = 0; i < component->vars.n; i++)
      if (component->vars.at[i]->kind == VAR_PARAM || component->vars.at[i]->kind == VAR_STATE)
        vec_push(c->arena, &names, name_str(c->s, component->vars.at[i]->name));
    diag_setting_unknown(c->s, target->span, word, of, diag_nearest(word, names.at, names.n),
                         component->span);
    return NULL;
  }
  if (var->kind == VAR_PARAM || var->kind == VAR_STATE) return var;
  diag_setting_target(c->s, target->span, word, of, var->kind == VAR_LET ? "a let" : "an input", var->span);
  return NULL;
}

/* fallback: the component whose params the value may use beside the names in scope; NULL: a part's setting,
 * whose value is the host's and, for a state, may depend on other states at the start. */
static bool setting(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign,
                    const MComponent *fallback, MSetting *ret) {
  if (assign->op != ASSIGN_SET && assign->op != ASSIGN_DRAW) {
    diag_setting_form(c->s, assign->head.span);
    return false;
  }
  MVar *var = setting_var(c, component, assign->target);
  if (!var) return false;
  bool draw = assign->op == ASSIGN_DRAW;
  Want want = {.has_dim = true, .dim = var->dim, .allow = draw ? ALLOW_DRAW : 0};
  want.who =
      arena_printf(c->arena, "`%s` of `%s`", name_str(c->s, var->name), name_str(c->s, component->name));
  if (var->domain.labels.n) want.labels = &var->domain;
  if (!fallback && var->kind == VAR_STATE) want.allow |= ALLOW_CHANGING;
  const MComponent *before = c->fallback;
  c->fallback = fallback;
  MExpr *value = check_expr(c, scope, assign->value, &want);
  c->fallback = before;
  if (!value) return false;
  if (draw && !expr_has(value, MX_DRAW)) {
    diag_draw_missing(c->s, assign->value->span);
    return false;
  }
  if (!draw) check_in_domain(c, &var->domain, var->name, value);
  *ret = (MSetting){.var = var, .value = value, .draw = draw, .span = assign->head.span};
  return true;
}

bool check_setting(Checker *c, Scope *scope, MComponent *component, const AstAssign *assign, MSetting *ret) {
  return setting(c, scope, component, assign, component, ret);
}

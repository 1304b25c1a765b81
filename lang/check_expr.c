/* Expressions: syntax tree -> checked expression with a dimension on every node. Names, kinds, operators and
 * literals; calls are in check_call.c.
 *
 * Dimensions are inferred from the leaves upwards. What the place asks for (Want) flows down only to choose
 * whom to blame: in `V' = a + b` the summand that does not fit V' is the one underlined. NULL silences
 * echoes. Needs a syntax tree whose words are whole; gives expressions as model.h describes them. */
#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

enum { DEEPEST_NESTING = 1000 };

/* ---- dimensions asked for */

bool expr_fits_any(const MExpr *e) {
  return e->kind == MX_NUM && !e->labels && dim_none(e->dim) && (e->num == 0 || isinf(e->num));
}

/* V' is a number where mV was wanted: show what is what inside. */
static void note_units(Checker *c, Diag *d, const MExpr *e, int *left) {
  if (*left == 0 || !e) return;
  if (e->kind == MX_VAR || e->kind == MX_GLOBAL) {
    const char *name = name_str(c->s, e->kind == MX_VAR ? e->var->name : e->global->path);
    for (uint32_t i = 0; i < d->notes.n; i++)
      if (strncmp(d->notes.at[i].text, name, strlen(name)) == 0 && d->notes.at[i].text[strlen(name)] == ' ')
        return;
    diag_note(c->s, d, e->span, "%s is %s", name, dim_text(c->s, e->dim));
    --*left;
    return;
  }
  for (uint32_t i = 0; i < e->n_args; i++) note_units(c, d, e->args[i], left);
}

void blame(Checker *c, const MExpr *e, const Want *want) {
  const char *who = want->who ? want->who : "this place";
  Diag *d = diag_unit_wanted(c->s, e->span, who, want->dim, e->dim);
  if (e->kind == MX_NUM && dim_none(e->dim)) {
    const char *digits = source_span_text(c->s, e->span, c->arena);
    bool number = *digits && !digits[strspn(digits, "+-.0123456789eE")];
    if (number) diag_hint_add_unit(c->s, d, e->span, digits, dim_text(c->s, want->dim));
    return;
  }
  int left = 6;
  if (e->kind == MX_CALL) note_units(c, d, e, &left);
}

/* The expression as the place wants it: dimension and condition or number. */
static MExpr *fit(Checker *c, MExpr *e, const Want *want) {
  if (!e) return NULL;
  if (want->condition != (e->type == M_BOOL)) {
    if (want->condition)
      diag_condition_wanted(c->s, e->span, want->who);
    else
      diag_condition_misplaced(c->s, e->span, want->who);
    return NULL;
  }
  if (want->labels && e->labels != want->labels) {
    char *labels = arena_text(c->arena, "", 0);
    for (uint32_t i = 0; i < want->labels->labels.n; i++)
      labels = arena_printf(c->arena, "%s%s`%s`", labels, i ? ", " : "",
                            name_str(c->s, want->labels->labels.at[i]));
    diag_label_of_wanted(c->s, e->span, labels, want->labels->span);
    return NULL;
  }
  if (e->labels && !want->labels && want->has_dim) {
    diag_label_misplaced(c->s, e->span);
    return NULL;
  }
  if (!want->has_dim || dim_eq(e->dim, want->dim)) return e;
  if (expr_fits_any(e)) return expr_with_dim(c, e, want->dim);
  blame(c, e, want);
  return NULL;
}

/* The operand of a sum whose dimension is not the wanted one, else the second. */
bool same_dims(Checker *c, const Want *want, const char *op, Span span, MExpr **args, uint32_t n) {
  uint32_t first = 0;
  while (first < n && expr_fits_any(args[first])) first++;
  if (first == n) return true;
  Dim dim = args[first]->dim;
  bool same = true;
  for (uint32_t i = 0; i < n; i++) {
    if (expr_fits_any(args[i])) args[i] = expr_with_dim(c, args[i], dim);
    if (!dim_eq(args[i]->dim, dim)) same = false;
  }
  if (same) return true;
  uint32_t fits = 0, misfit = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (want->has_dim && dim_eq(args[i]->dim, want->dim))
      fits++;
    else
      misfit = i;
  }
  if (fits + 1 == n) {
    blame(c, args[misfit], want);
    return false;
  }
  uint32_t other = 0;
  while (dim_eq(args[other]->dim, dim)) other++;
  Diag *d = diag_unit_mismatch(c->s, span, op, dim, args[other]->dim);
  diag_note(c->s, d, args[first]->span, "this is %s", dim_text(c->s, dim));
  diag_note(c->s, d, args[other]->span, "this is %s", dim_text(c->s, args[other]->dim));
  return false;
}

bool same_dims_all(Checker *c, const Want *want, const char *op, Span span, MExpr **args, uint32_t n) {
  uint32_t first = 0;
  while (first < n && expr_fits_any(args[first])) first++;
  for (uint32_t i = 0; first < n && i < n; i++) {
    MExpr *two[2] = {args[first], args[i]};
    if (!same_dims(c, want, op, span, two, 2)) return false;
    args[i] = two[1];
  }
  return true;
}

/* What the operands of an operator are asked for: nothing of the dimension unless they are alike. */
Want operand_want(const Want *want, bool alike) {
  Want w = {.allow = want->allow};
  if (alike) {
    w.has_dim = want->has_dim;
    w.dim = want->dim;
    w.who = want->who;
  }
  return w;
}

/* ---- names */

/* The innermost scope that knows the name: its symbol, or the value that its hook gave. NULL: none knows it.
 */
static const Scope *find_outwards(Scope *scope, const Ast *ast, Name name, Symbol **ret_symbol,
                                  MExpr **ret_value) {
  *ret_symbol = NULL;
  *ret_value = NULL;
  for (Scope *at = scope; at; at = at->parent) {
    if ((*ret_symbol = scope_find_here(at, name))) return at;
    bool known = false;
    if (at->hook) *ret_value = at->hook->value(at->hook->context, scope, ast, &known);
    if (known) return at;
  }
  return NULL;
}

static MExpr *changing(Checker *c, MVar *var, Span span, const Want *want) {
  if (var->varies && !(want->allow & ALLOW_CHANGING)) {
    diag_changes(c->s, span, name_str(c->s, var->name), want->who, var->span);
    return NULL;
  }
  return expr_var(c, var, span);
}

/* What a hook gave. */
static bool allowed(Checker *c, const MExpr *e, const Want *want) {
  bool good = e->kind != MX_VAR || changing(c, e->var, e->span, want);
  for (uint32_t i = 0; good && i < e->n_args; i++) good = allowed(c, e->args[i], want);
  return good;
}

static MExpr *element_value(Checker *c, const IndexSet *set, int32_t value, Span span) {
  MExpr *e = expr_number(c, value, DIM_NONE, span);
  if (!set->range) e->labels = set->root;
  return e;
}

static MExpr *symbol_value(Checker *c, Symbol *symbol, Span span, const Want *want) {
  MVar *read = symbol->kind == SYM_POPULATION && c->signal_read ? c->signal_read(c->total_context, symbol, span) : NULL;
  if (read) return changing(c, read, span, want);
  if (symbol->kind == SYM_POPULATION) {
    diag_not_a_value(c->s, span, name_str(c->s, symbol->name), symbol_kind_text(c, symbol), symbol->span);
    return NULL;
  }
  if (!symbol_resolve(c, symbol, span)) return NULL;
  switch (symbol->kind) {
    case SYM_VAR: return changing(c, symbol->var, span, want);
    case SYM_GLOBAL: return expr_global(c, symbol->global, span);
    case SYM_ELEMENT: return element_value(c, symbol->set, symbol->value, span);
    case SYM_EXPR: {
      if (!symbol->expr) return NULL;
      bool leaf = symbol->expr->n_args == 0 && symbol->expr->kind != MX_NOISE;
      MExpr *e = leaf ? expr_with_dim(c, symbol->expr, symbol->expr->dim) : symbol->expr;
      if (leaf) e->span = span;
      return e;
    }
    case SYM_FAMILY:
      if (!symbol->family) return NULL;
      diag_index_missing(c->s, span, name_str(c->s, symbol->name), symbol->family->n_axes, symbol->span);
      return NULL;
    case SYM_FN: diag_fn_not_called(c->s, span, name_str(c->s, symbol->name)); return NULL;
    case SYM_SET:
    case SYM_BLOCK:
    case SYM_MODULE:
    case SYM_PART:
    case SYM_POPULATION:
    case SYM_RECORDING:
    case SYM_EVENTS:
    case SYM_PORT: break;
  }
  diag_not_a_value(c->s, span, name_str(c->s, symbol->name), symbol_kind_text(c, symbol), symbol->span);
  return NULL;
}

/* Names of the language itself; they may be shadowed. */
static MExpr *language_name(Checker *c, Name name, Span span, const Want *want, bool *ret_known) {
  static const Dim time = {{DIM_ONE}};
  const char *text = name_str(c->s, name);
  *ret_known = true;
  if (strcmp(text, "inf") == 0) return expr_number(c, INFINITY, DIM_NONE, span);
  if (strcmp(text, "t") == 0) {
    if (want->allow & ALLOW_TIME) return expr_leaf(c, MX_TIME, time, span);
    diag_time_misplaced(c->s, span, "t");
    return NULL;
  }
  if (strcmp(text, "dt") == 0) {
    if (want->allow & ALLOW_DT) return expr_leaf(c, MX_DT, time, span);
    diag_time_misplaced(c->s, span, "dt");
    return NULL;
  }
  *ret_known = false;
  return NULL;
}

void unknown_name(Checker *c, Scope *scope, Name name, Span span, const MDomain *labels) {
  TextList names = {0};
  for (uint32_t i = 0; labels && i < labels->labels.n; i++)
    vec_push(c->arena, &names, name_str(c->s, labels->labels.at[i]));
  scope_names(c, scope, &names);
  for (uint32_t i = 0; c->fallback && i < c->fallback->vars.n; i++)
    vec_push(c->arena, &names, name_str(c->s, c->fallback->vars.at[i]->name));
  const char *word = name_str(c->s, name);
  Unit unit;
  size_t letters = strcspn(word, "0123456789");
  const char *stem = arena_text(c->arena, word, letters);
  bool only_digits = word[letters] && !word[letters + strspn(word + letters, "0123456789")];
  if (only_digits && unit_parse_quiet(stem, &unit) == NULL && !scope_find(scope, name)) {
    diag_unit_caret(c->s, span, word, arena_printf(c->arena, "%s^%s", stem, word + letters));
    return;
  }
  bool is_unit = unit_parse_quiet(word, &unit) == NULL;
  diag_unknown_name(c->s, span, word, diag_nearest(word, names.at, names.n), is_unit);
}

static MExpr *name_value(Checker *c, Scope *scope, const Ast *ast, Name name, const Want *want) {
  if (want->labels) {
    for (uint32_t i = 0; i < want->labels->labels.n; i++) {
      if (!name_eq(want->labels->labels.at[i], name)) continue;
      MExpr *e = expr_number(c, i, DIM_NONE, ast->span);
      e->labels = want->labels;
      return e;
    }
  }
  Symbol *symbol;
  MExpr *value;
  if (find_outwards(scope, ast, name, &symbol, &value))
    return symbol ? symbol_value(c, symbol, ast->span, want) : value;
  MVar *var = c->fallback ? component_var(c->fallback, name) : NULL;
  if (var) return changing(c, var, ast->span, want);
  bool known;
  value = language_name(c, name, ast->span, want, &known);
  if (!known) value = pair_value(c, ast, want, &known);
  if (known) return value;
  unknown_name(c, scope, name, ast->span, want->labels);
  return NULL;
}

static MExpr *member_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  bool reported;
  if (is_table_file(c, ast)) return column_of_cells(c, scope, ast, want);
  Symbol *symbol = path_member(c, scope, AST_AS(Member, ast), &reported);
  if (symbol) return symbol_value(c, symbol, ast->span, want);
  if (reported) return NULL;
  Name path = path_name(c, ast);
  for (Scope *at = scope; at; at = at->parent) {
    bool known = false;
    MExpr *value = at->hook ? at->hook->value(at->hook->context, scope, ast, &known) : NULL;
    if (known) return value && allowed(c, value, want) ? value : NULL;
  }
  MVar *var = c->fallback ? component_var(c->fallback, path) : NULL;
  if (var) return changing(c, var, ast->span, want);
  bool known;
  MExpr *pair = pair_value(c, ast, want, &known);
  if (!known) pair = node_of_cells(c, ast, want, &known);
  if (known) return pair;
  const Ast *base = AST_AS(Member, ast)->base;
  Want any = {.allow = want->allow};
  if (base->kind == AST_NAME && !check_expr(c, scope, base, &any)) return NULL;
  diag_no_member(c->s, ast->span, name_str(c->s, AST_AS(Member, ast)->name.name));
  return NULL;
}

static MExpr *primed_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  Symbol *symbol = check_path(c, scope, ast);
  return symbol ? symbol_value(c, symbol, ast->span, want) : NULL;
}

static MExpr *subscript_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const Ast *base = AST_AS(Subscript, ast)->base;
  Symbol *symbol;
  MExpr *value;
  if (base->kind == AST_NAME &&
      find_outwards(scope, ast, AST_AS(NameRef, base)->name.name, &symbol, &value) && !symbol)
    return value;
  symbol = check_path(c, scope, ast);
  return symbol ? symbol_value(c, symbol, ast->span, want) : NULL;
}

/* ---- literals */

/* `10 mV/m` where m is a name of the model: unit or division? */
static bool unit_clashes(Checker *c, Scope *scope, const Ast *number, const char *text) {
  const char *at = text;
  while (*at && *at != '/' && *at != '*') at++;
  while (*at) {
    const char *word = ++at;
    while (*at && *at != '/' && *at != '*' && *at != '^') at++;
    size_t len = (size_t)(at - word);
    while (*at && *at != '/' && *at != '*') at++;
    Name name = len && (word[0] < '0' || word[0] > '9') ? name_of(c->s, word, len) : (Name){0};
    for (Scope *s = scope; s && !name_none(name); s = s->parent) {
      Symbol *found = s->model ? scope_find_here(s, name) : NULL;
      bool value = found && (found->kind == SYM_VAR || found->kind == SYM_GLOBAL || found->kind == SYM_EXPR ||
                             found->kind == SYM_FAMILY || found->kind == SYM_ELEMENT);
      if (!value && !(s->hook && s->hook->visible && s->hook->visible(s->hook->context, name))) continue;
      diag_unit_clash(c->s, number->span, text, name_str(c->s, name), found ? found->span : (Span){0, 0});
      return true;
    }
  }
  return false;
}

/* The digits of a literal, up to its unit. */
static size_t digits_length(const char *p) {
  const char *from = p;
  while (*p >= '0' && *p <= '9') p++;
  if (*p == '.' && p[1] >= '0' && p[1] <= '9')
    for (p++; *p >= '0' && *p <= '9'; p++) {}
  const char *e = p;
  if (*e == 'e' || *e == 'E') {
    e++;
    if (*e == '-' || *e == '+') e++;
    if (*e >= '0' && *e <= '9') {
      while (*e >= '0' && *e <= '9') e++;
      p = e;
    }
  }
  return (size_t)(p - from);
}

static MExpr *number_value(Checker *c, Scope *scope, const Ast *ast) {
  const AstNumber *number = AST_AS(Number, ast);
  Unit unit = {.scale = 1, .exact = true};
  if (number->unit) {
    const AstUnit *u = AST_AS(Unit, number->unit);
    const char *text = name_str(c->s, u->text);
    if (unit_clashes(c, scope, ast, text) || !unit_parse(c->s, u->head.span, text, &unit)) return NULL;
  }
  const Source *source = source_at(c->s, ast->span.from);
  const char *digits = source ? source->text + (ast->span.from - source->base) : "";
  size_t length = digits_length(digits);
  double value;
  if (length == 0) return NULL; /* put there by the parser after an error */
  if (!unit_number(digits, length, &unit, &value)) {
    diag_number_range(c->s, ast->span);
    return NULL;
  }
  return expr_number(c, value, unit.dim, ast->span);
}

/* ---- operators */

static const struct {
  Builtin builtin;
  const char *text;
} operators[] = {
    [OP_ADD] = {B_ADD, "+"}, [OP_SUB] = {B_SUB, "-"},   [OP_MUL] = {B_MUL, "*"}, [OP_DIV] = {B_DIV, "/"},
    [OP_POW] = {B_POW, "^"}, [OP_LT] = {B_LT, "<"},     [OP_LE] = {B_LE, "<="},  [OP_GT] = {B_GT, ">"},
    [OP_GE] = {B_GE, ">="},  [OP_EQ] = {B_EQ, "=="},    [OP_NE] = {B_NE, "!="},  [OP_AND] = {B_AND, "and"},
    [OP_OR] = {B_OR, "or"},  [OP_NOT] = {B_NOT, "not"}, [OP_NEG] = {B_NEG, "-"}};

MExpr *power_value(Checker *c, Span span, MExpr *base, MExpr *exponent) {
  if (!base || !exponent) return NULL;
  MExpr *args[2] = {base, exponent};
  if (!dim_none(exponent->dim)) {
    diag_exponent_unit(c->s, exponent->span, exponent->dim);
    return NULL;
  }
  if (dim_none(base->dim)) return expr_call(c, B_POW, span, DIM_NONE, M_REAL, args, 2);
  double value;
  if (!expr_constant(exponent, false, &value) || fabs(value) > 100) {
    diag_exponent_constant(c->s, exponent->span, base->dim);
    return NULL;
  }
  Dim dim;
  double twelfths = nearbyint(value * DIM_ONE);
  if (fabs(value * DIM_ONE - twelfths) > 1e-9 || !dim_pow(base->dim, (int)twelfths, DIM_ONE, &dim)) {
    diag_exponent_broken(c->s, exponent->span, base->dim, value);
    return NULL;
  }
  return expr_call(c, B_POW, span, dim, M_REAL, args, 2);
}

/* The labels of a name declared `in {a, b}`, so that the other side of == can name them. Quiet. */
static const MDomain *labels_of(Checker *c, Scope *scope, const Ast *ast) {
  if (ast->kind != AST_NAME && ast->kind != AST_MEMBER) return NULL;
  Name name = path_name(c, ast);
  Symbol *symbol = NULL;
  MExpr *value = NULL;
  find_outwards(scope, ast, name, &symbol, &value);
  if (symbol && symbol->kind == SYM_VAR) {
    symbol_resolve(c, symbol, ast->span); /* the choices are known even if the value is wrong */
    return symbol->var->domain.labels.n ? &symbol->var->domain : NULL;
  }
  if (symbol && symbol->kind == SYM_GLOBAL && symbol_resolve(c, symbol, ast->span))
    return symbol->global->domain.labels.n ? &symbol->global->domain : NULL;
  if (value && value->kind == MX_GLOBAL && value->global->domain.labels.n) return &value->global->domain;
  return NULL;
}

static MExpr *comparison_value(Checker *c, Scope *scope, const AstBinary *b, const Want *want) {
  Want w = operand_want(want, false);
  w.labels = labels_of(c, scope, b->left);
  if (!w.labels) w.labels = labels_of(c, scope, b->right);
  MExpr *args[2] = {check_inner(c, scope, b->left, &w), check_inner(c, scope, b->right, &w)};
  if (!args[0] || !args[1]) return NULL;
  for (int i = 0; i < 2; i++)
    if (args[i]->type == M_BOOL) {
      diag_condition_misplaced(c->s, args[i]->span, "a comparison");
      return NULL;
    }
  if (args[0]->labels != args[1]->labels || (args[0]->labels && b->op != OP_EQ && b->op != OP_NE)) {
    diag_labels_compared(c->s, b->head.span, args[0]->labels != args[1]->labels);
    return NULL;
  }
  Want none = {0};
  if (!same_dims(c, &none, operators[b->op].text, b->head.span, args, 2)) return NULL;
  return expr_call(c, operators[b->op].builtin, b->head.span, DIM_NONE, M_BOOL, args, 2);
}

static MExpr *logic_value(Checker *c, Scope *scope, Span span, AstOp op, const Ast *const *asts, uint32_t n,
                          const Want *want) {
  Want w = operand_want(want, false);
  w.condition = true;
  w.who = operators[op].text;
  MExpr *args[2] = {NULL};
  for (uint32_t i = 0; i < n; i++) args[i] = check_expr(c, scope, asts[i], &w);
  return expr_call(c, operators[op].builtin, span, DIM_NONE, M_BOOL, args, n);
}

bool arithmetic_operand(Checker *c, const MExpr *e, const char *op) {
  if (e->type == M_BOOL)
    diag_condition_misplaced(c->s, e->span, arena_printf(c->arena, "`%s`", op));
  else if (e->labels)
    diag_label_misplaced(c->s, e->span);
  else
    return true;
  return false;
}

static MExpr *binary_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const AstBinary *b = AST_AS(Binary, ast);
  const Ast *asts[2] = {b->left, b->right};
  AstOp op = (AstOp)b->op;
  if (op >= OP_LT && op <= OP_NE) return comparison_value(c, scope, b, want);
  if (op == OP_AND || op == OP_OR) return logic_value(c, scope, ast->span, op, asts, 2, want);
  Want w = operand_want(want, op == OP_ADD || op == OP_SUB);
  MExpr *args[2] = {check_inner(c, scope, b->left, &w), check_inner(c, scope, b->right, &w)};
  if (!args[0] || !args[1]) return NULL;
  for (int i = 0; i < 2; i++)
    if (!arithmetic_operand(c, args[i], operators[op].text)) return NULL;
  if (op == OP_POW) return power_value(c, ast->span, args[0], args[1]);
  if (op == OP_MUL)
    return expr_call(c, B_MUL, ast->span, dim_mul(args[0]->dim, args[1]->dim), M_REAL, args, 2);
  if (op == OP_DIV)
    return expr_call(c, B_DIV, ast->span, dim_div(args[0]->dim, args[1]->dim), M_REAL, args, 2);
  if (!same_dims(c, &w, operators[op].text, ast->span, args, 2)) return NULL;
  return expr_call(c, operators[op].builtin, ast->span, args[0]->dim, M_REAL, args, 2);
}

static MExpr *unary_value(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  const AstUnary *u = AST_AS(Unary, ast);
  const Ast *asts[1] = {u->arg};
  if (u->op == OP_NOT) return logic_value(c, scope, ast->span, OP_NOT, asts, 1, want);
  Want w = operand_want(want, true);
  MExpr *arg = check_inner(c, scope, u->arg, &w);
  if (!arg || !arithmetic_operand(c, arg, "-")) return NULL;
  if (arg->kind == MX_NUM) return expr_number(c, -arg->num, arg->dim, ast->span);
  return expr_call(c, B_NEG, ast->span, arg->dim, M_REAL, &arg, 1);
}

/* ---- all kinds */

static MExpr *value_of_kind(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  switch (ast->kind) {
    case AST_NUMBER: return number_value(c, scope, ast);
    case AST_NAME: return name_value(c, scope, ast, AST_AS(NameRef, ast)->name.name, want);
    case AST_PRIMED: return primed_value(c, scope, ast, want);
    case AST_MEMBER: return member_value(c, scope, ast, want);
    case AST_SUBSCRIPT: return subscript_value(c, scope, ast, want);
    case AST_CALL: return c->pair && want->allow & ALLOW_PAIR && is_table_file(c, ast) ? pair_table(c, ast) : call_value(c, scope, ast, want);
    case AST_WITHIN: return within_value(c, scope, ast, want);
    case AST_UNARY: return unary_value(c, scope, ast, want);
    case AST_BINARY: return binary_value(c, scope, ast, want);
    case AST_IF_EXPR: return if_value(c, scope, ast, want);
    case AST_TUPLE:
      if (AST_AS(Tuple, ast)->items.n == 1)
        return check_inner(c, scope, AST_AS(Tuple, ast)->items.at[0], want);
      diag_not_a_number(c->s, ast->span, "a list of names");
      return NULL;
    case AST_STRING: diag_not_a_number(c->s, ast->span, "a text"); return NULL;
    case AST_LIST: diag_not_a_number(c->s, ast->span, "a list"); return NULL;
    case AST_RANGE: diag_not_a_number(c->s, ast->span, "a range"); return NULL;
    case AST_SET: diag_not_a_number(c->s, ast->span, "a set"); return NULL;
    case AST_INTERVAL: diag_not_a_number(c->s, ast->span, "an interval"); return NULL;
    case AST_NAMED: diag_not_a_number(c->s, ast->span, "a named argument"); return NULL;
    case AST_UNIT: diag_not_a_number(c->s, ast->span, "a unit"); return NULL;
    case AST_PICK: diag_not_a_number(c->s, ast->span, "a choice of cells"); return NULL;
    case AST_COLUMN: return column_of_cells(c, scope, ast, want);
    case AST_FILE: case AST_LANGUAGE: case AST_IMPORT: case AST_MODEL_INFO: case AST_BLOCK: case AST_FN:
    case AST_FN_ARG: case AST_DECL: case AST_ITEM: case AST_BINDER: case AST_EQUATION: case AST_ASSIGN:
    case AST_IF_STMT: case AST_RECEIVE: case AST_SPIKE: case AST_ON: case AST_HOLD: case AST_SEND:
    case AST_STREAM: case AST_USE: case AST_GATE: case AST_KINETIC: case AST_REACTION: case AST_POPULATION:
    case AST_CONNECT: case AST_DRIVE: case AST_SUBJECT: case AST_RECORD: case AST_RUN: case AST_EXPECT:
    case AST_FREEZE: case AST_DATA: case AST_EVENTS: case AST_FREE: case AST_FREE_ITEM: case AST_STAGE: case AST_MINIMIZE: case AST_BY:
    case AST_CONSTRAIN: case AST_FIELD: case AST_FORCE: case AST_WITH: case AST_VALIDATE: case AST_LATER:
    case AST_KINDS: break;
  }
  diag_not_a_number(c->s, ast->span, "a statement");
  return NULL;
}

MExpr *check_inner(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  if (!ast || c->s->stopped) return NULL;
  if (c->depth >= DEEPEST_NESTING) {
    diag_expr_too_large(c->s, ast->span);
    return NULL;
  }
  c->depth++;
  bool known = false;
  MExpr *e = c->cell ? c->cell(c->cell_context, ast, want, &known) : NULL;
  if (!known) e = value_of_kind(c, scope, ast, want);
  c->depth--;
  return e;
}

MExpr *check_expr(Checker *c, Scope *scope, const Ast *ast, const Want *want) {
  return fit(c, check_inner(c, scope, ast, want), want);
}

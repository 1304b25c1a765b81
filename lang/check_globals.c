/* Params and lets of a network -> globals: one number for each element of a family, in order of dependence.
 *
 * Names are sorted by what they use before any expression is checked (depth-first with a stack of our own,
 * so that a chain of a million lets is no depth of C); what uses itself is reported with the whole way
 * round. Values stay expressions: they are computed when the program starts. Needs index sets declared;
 * gives n->x->globals. */
#include "lang/net.h"

static const char *quoted(Net *n, Name name) {
  return arena_printf(n->s->arena, "`%s`", name_str(n->s, name));
}

/* ---- declaration */

static void refuse_extras(Net *n, const AstItem *item, bool param) {
  Session *s = n->s;
  if (item->primes || !name_none(item->per.name) || !name_none(item->of.name) || item->body.n)
    diag_net_value_form(s, item->head.span, param ? "a param" : "a let");
  if (item->domain && !param) diag_let_domain(s, item->domain->span, name_str(s, item->name.name));
}

static void declare_value(Net *n, const AstItem *item, bool param) {
  Session *s = n->s;
  if (name_none(item->name.name)) return;
  NetValue *v = NEW(s->arena, NetValue);
  v->tag = NET_VALUE;
  v->name = item->name.name;
  v->span = item->name.span;
  v->item = item;
  v->param = param;
  v->is_enum = item->domain && item->domain->kind == AST_SET;
  bool good = net_axes(n, &item->binders, &v->axes) && net_count(n, item->head.span, v->axes.count);
  v->symbol = scope_declare(n->c, n->scope, v->axes.n ? SYM_FAMILY : SYM_GLOBAL, v->name, v->span);
  v->symbol->context = v;
  v->symbol->ast = &item->head;
  v->symbol->failed = true; /* until its elements are checked */
  refuse_extras(n, item, param);
  v->mark = good ? MARK_NEW : MARK_DONE;
  vec_push(s->arena, &n->values, v);
}

void net_declare_values(Net *n, const AstDecl *decl) {
  bool param = name_eq(decl->what.name, name_z(n->s, "param"));
  for (uint32_t i = 0; i < decl->items.n; i++)
    if (decl->items.at[i]->kind == AST_ITEM) declare_value(n, AST_AS(Item, decl->items.at[i]), param);
}

/* ---- what an experiment sets */

void net_override(Net *n, const AstAssign *assign) {
  Session *s = n->s;
  const Ast *target = assign->target;
  NetOverride o = {NULL, assign->value, target->span, assign->op == ASSIGN_DRAW};
  if (target->kind == AST_SUBSCRIPT) {
    o.indices = &AST_AS(Subscript, target)->indices;
    target = AST_AS(Subscript, target)->base;
  }
  Name name = target->kind == AST_NAME ? AST_AS(NameRef, target)->name.name : (Name){0};
  NetValue *v = net_value(n, name);
  if (!v) {
    TextList words = {0};
    for (uint32_t i = 0; i < n->values.n; i++)
      if (n->values.at[i]->param) vec_push(s->arena, &words, name_str(s, n->values.at[i]->name));
    const char *text = source_span_text(s, target->span, s->arena);
    diag_unknown_override(s, target->span, text, name_str(s, n->name), diag_nearest(text, words.at, words.n));
  } else if (!v->param) {
    diag_override_of_let(s, target->span, name_str(s, name), v->span);
  } else if (assign->op != ASSIGN_SET && assign->op != ASSIGN_DRAW) {
    diag_setting_operator(s, assign->head.span, name_str(s, name));
  } else {
    for (uint32_t i = 0; i < v->overrides.n; i++)
      if (!o.indices && !v->overrides.at[i].indices)
        diag_setting_twice(s, o.span, name_str(s, name), v->overrides.at[i].span);
    vec_push(s->arena, &v->overrides, o);
  }
}

/* ---- order of dependence */

typedef struct {
  Net *n;
  const NetValue *of;
  VEC(const Ast *) open;
  VEC(NetValue *) found;
} Uses;

static void uses_push(Ast *child, void *ctx) {
  Uses *u = ctx;
  vec_push(u->n->s->arena, &u->open, child);
}

/* Is the name a binder of the family, or a label of its own set? */
static bool value_binds(const NetValue *v, Name name) {
  for (uint32_t i = 0; i < v->axes.n; i++)
    if (name_eq(v->axes.names[i], name)) return true;
  const AstList *labels = v->is_enum ? &AST_AS(SetExpr, v->item->domain)->items : NULL;
  for (uint32_t i = 0; labels && i < labels->n; i++)
    if (labels->at[i]->kind == AST_NAME && name_eq(AST_AS(NameRef, labels->at[i])->name.name, name))
      return true;
  return false;
}

static void uses_of(Uses *u, const Ast *root) {
  if (root) vec_push(u->n->s->arena, &u->open, root);
  while (u->open.n) {
    const Ast *node = u->open.at[--u->open.n];
    if (node->kind != AST_NAME) {
      ast_each_child(node, uses_push, u);
      continue;
    }
    Name name = AST_AS(NameRef, node)->name.name;
    NetValue *known = net_value(u->n, name);
    if (!known || value_binds(u->of, name) || (known == u->of && known->axes.n)) continue; /* elements of a family may need each other */
    vec_push(u->n->s->arena, &u->found, known);
  }
}

typedef struct {
  NetValue *value;
  NetValue **uses;
  uint32_t n, next;
} Frame;
typedef VEC(Frame) FrameList;

static void frame_open(Net *n, FrameList *stack, NetValue *v) {
  Uses u = {.n = n, .of = v};
  uses_of(&u, v->item->value);
  uses_of(&u, v->item->domain);
  for (uint32_t i = 0; i < v->overrides.n; i++) uses_of(&u, v->overrides.at[i].value);
  v->mark = MARK_OPEN;
  Frame f = {v, u.found.at, u.found.n, 0};
  vec_push(n->s->arena, stack, f);
}

enum { CYCLE_SHOWN = 8 };

static void report_cycle(Net *n, const FrameList *stack, const NetValue *again) {
  Session *s = n->s;
  uint32_t first = stack->n;
  while (first > 0 && stack->at[--first].value != again) continue;
  const char *text = "";
  for (uint32_t i = first; i < stack->n; i++) {
    stack->at[i].value->failed = true;
    if (i - first < CYCLE_SHOWN)
      text = arena_printf(s->arena, "%s%s -> ", text, name_str(s, stack->at[i].value->name));
  }
  if (stack->n - first > CYCLE_SHOWN) text = arena_printf(s->arena, "%s… -> ", text);
  diag_cycle(s, again->span, arena_printf(s->arena, "%s%s", text, name_str(s, again->name)));
}

static void check_value(Net *n, NetValue *v);

static void sort_from(Net *n, FrameList *stack, NetValue *root) {
  frame_open(n, stack, root);
  while (stack->n) {
    Frame *top = &stack->at[stack->n - 1];
    if (top->next == top->n) {
      NetValue *v = top->value;
      stack->n--;
      v->mark = MARK_DONE;
      if (!v->failed) check_value(n, v);
      continue;
    }
    NetValue *use = top->uses[top->next++];
    if (use->mark == MARK_NEW) frame_open(n, stack, use);
    else if (use->mark == MARK_OPEN) report_cycle(n, stack, use);
  }
}

void net_check_values(Net *n) {
  FrameList stack = {0};
  for (uint32_t i = 0; i < n->values.n; i++)
    if (n->values.at[i]->mark == MARK_NEW) sort_from(n, &stack, n->values.at[i]);
}

/* ---- the expression of each element */

static const char *set_text(Net *n, const IndexSet *set) {
  return name_none(set->name) ? source_span_text(n->s, set->span, n->s->arena) : name_str(n->s, set->name);
}

/* Tables are lists as deep as the family has axes, each as long as its set. */
static bool table_fits(Net *n, const NetValue *v, const Ast *ast, uint32_t depth) {
  Session *s = n->s;
  if (ast->kind != AST_LIST) {
    diag_table_depth(s, ast->span, name_str(s, v->name), v->axes.n, depth);
    return false;
  }
  const AstListExpr *list = AST_AS(ListExpr, ast);
  const IndexSet *set = v->axes.sets[depth];
  if (list->items.n != set->n) {
    const char *first = list->items.n < set->n ? name_str(s, set->labels[list->items.n]) : NULL;
    diag_table_length(s, ast->span, name_str(s, v->name), set_text(n, set), set->n, list->items.n, first,
                      set->span);
    return false;
  }
  for (uint32_t i = 0; i < list->items.n; i++) {
    const Ast *item = list->items.at[i];
    if (depth + 1 < v->axes.n) {
      if (!table_fits(n, v, item, depth + 1)) return false;
    } else if (item->kind == AST_LIST) {
      diag_table_depth(s, item->span, name_str(s, v->name), v->axes.n, depth + 2);
      return false;
    }
  }
  return true;
}

static const Ast *table_at(const NetValue *v, const Ast *ast, uint32_t element) {
  uint32_t stride = v->axes.count;
  for (uint32_t i = 0; i < v->axes.n; i++) {
    stride /= v->axes.sets[i]->n;
    ast = AST_AS(ListExpr, ast)->items.at[element / stride];
    element %= stride;
  }
  return ast;
}

static bool element_of(Net *n, const NetValue *v, const NetOverride *o, uint32_t *ret) {
  if (o->indices->n != v->axes.n) {
    diag_index_count(n->s, o->span, name_str(n->s, v->name), v->axes.n, o->indices->n, v->span);
    return false;
  }
  *ret = 0;
  for (uint32_t i = 0; i < v->axes.n; i++) {
    int32_t value;
    if (!check_element(n->c, n->scope, o->indices->at[i], v->axes.sets[i], &value)) return false;
    *ret = *ret * v->axes.sets[i]->n + (uint32_t)index_position(v->axes.sets[i], value);
  }
  return true;
}

static bool fill_expressions(Net *n, const NetValue *v, const Ast *whole, const Ast **asts) {
  if (!whole) return true;
  whole = table_of_file(n->c, whole);
  if (!whole) return false;
  bool table = whole->kind == AST_LIST;
  if (table && v->axes.n == 0) {
    diag_table_of_scalar(n->s, whole->span, name_str(n->s, v->name), v->span);
    return false;
  }
  if (table && !table_fits(n, v, whole, 0)) return false;
  for (uint32_t i = 0; i < v->axes.count; i++) asts[i] = table ? table_at(v, whole, i) : whole;
  return true;
}

/* The expression of each element: what an experiment puts there, else the declared one. */
static bool value_expressions(Net *n, const NetValue *v, const Ast **asts, bool *draws) {
  if (!fill_expressions(n, v, v->item->value, asts)) return false;
  for (uint32_t k = 0; k < v->axes.count; k++) draws[k] = v->item->draw;
  for (uint32_t i = 0; i < v->overrides.n; i++) {
    if (v->overrides.at[i].indices) continue;
    if (!fill_expressions(n, v, v->overrides.at[i].value, asts)) return false;
    for (uint32_t k = 0; k < v->axes.count; k++) draws[k] = v->overrides.at[i].draw;
  }
  for (uint32_t i = 0; i < v->overrides.n; i++) {
    uint32_t at;
    if (!v->overrides.at[i].indices) continue;
    if (!element_of(n, v, &v->overrides.at[i], &at)) return false;
    asts[at] = v->overrides.at[i].value;
    draws[at] = v->overrides.at[i].draw;
  }
  for (uint32_t i = 0; i < v->axes.count; i++)
    if (!asts[i]) {
      diag_value_missing(n->s, v->span, v->param ? "param" : "let", name_str(n->s, v->name));
      return false;
    }
  return true;
}

/* ---- what it is measured in */

/* A literal 0 or inf fits any dimension, so it does not say which. */
static bool literal_fits_any(const Net *n, const Ast *ast) {
  if (ast->kind == AST_UNARY && AST_AS(Unary, ast)->op == OP_NEG) ast = AST_AS(Unary, ast)->arg;
  if (ast->kind == AST_NAME) return name_eq(AST_AS(NameRef, ast)->name.name, name_z(n->s, "inf"));
  return ast->kind == AST_NUMBER && !AST_AS(Number, ast)->unit && AST_AS(Number, ast)->value == 0;
}

static MExpr *element_expr(Net *n, const NetValue *v, const Ast *ast, uint32_t at, const Want *want) {
  return check_expr(n->c, net_scope_at(n, &v->axes, at), ast, want);
}

/* The unit after `:`, else that of the domain's ends, else of the first value that has one. */
static bool value_dim(Net *n, const NetValue *v, const Ast *const *asts, Dim *ret) {
  Unit unit;
  Want any = {.allow = ALLOW_DRAW};
  *ret = DIM_NONE;
  if (v->is_enum) return true;
  if (v->item->unit) {
    if (!check_unit(n->c, v->item->unit, &unit)) return false;
    *ret = unit.dim;
    return true;
  }
  if (v->item->domain && v->item->domain->kind == AST_INTERVAL) {
    const AstInterval *in = AST_AS(Interval, v->item->domain);
    const Ast *ends[] = {in->from, in->to};
    for (int i = 0; i < 2; i++) {
      if (!ends[i] || literal_fits_any(n, ends[i])) continue;
      MExpr *e = check_expr(n->c, n->scope, ends[i], &any);
      if (e) *ret = e->dim;
      return e != NULL;
    }
  }
  /* what is declared says it, not what an experiment puts in its place */
  const Ast **declared = NEW_ARRAY(n->s->arena, const Ast *, v->axes.count);
  if (v->overrides.n && !fill_expressions(n, v, v->item->value, declared)) return false;
  for (uint32_t i = 0; i < 2 * v->axes.count; i++) {
    uint32_t at = i % v->axes.count;
    const Ast *ast = i < v->axes.count ? declared[at] : asts[at];
    if (ast && ast->kind == AST_IF_EXPR) ast = check_branch(n->c, net_scope_at(n, &v->axes, at), ast);
    if (!ast || literal_fits_any(n, ast)) continue;
    MExpr *e = element_expr(n, v, ast, at, &any);
    if (e) *ret = e->dim;
    return e != NULL;
  }
  return true;
}

Name net_unit_written(const Ast *ast) {
  while (ast && ast->kind == AST_LIST && AST_AS(ListExpr, ast)->items.n)
    ast = AST_AS(ListExpr, ast)->items.at[0];
  if (ast && ast->kind == AST_UNARY) ast = AST_AS(Unary, ast)->arg;
  if (!ast || ast->kind != AST_NUMBER || !AST_AS(Number, ast)->unit) return (Name){0};
  return AST_AS(Unit, AST_AS(Number, ast)->unit)->text;
}

void net_unit_shown(Net *n, Name text, Dim dim, Name *ret_unit, double *ret_scale) {
  Unit unit;
  *ret_scale = 1;
  if (!name_none(text) && unit_parse_quiet(name_str(n->s, text), &unit) == NULL && dim_eq(unit.dim, dim) &&
      unit.offset == 0) {
    *ret_unit = text;
    *ret_scale = unit.scale;
  } else if (!dim_none(dim)) {
    *ret_unit = name_z(n->s, dim_coherent_unit(n->s, dim));
  }
}

/* ---- globals */

static MGlobal *global_new(Net *n, const NetValue *v, uint32_t at, MExpr *value) {
  Session *s = n->s;
  MGlobal *g = NEW(s->arena, MGlobal);
  g->path =
      name_fmt(s, "%s.%s", name_str(s, n->name), name_str(s, net_element_name(n, v->name, &v->axes, at)));
  g->index = n->x->globals.n;
  g->span = v->span;
  g->doc = v->item->doc;
  g->value = value;
  g->settable = v->param;
  vec_push(s->arena, &n->x->globals, g);
  Known k = net_known(n, value);
  vec_push(s->arena, &n->known, k);
  return g;
}

/* The elements of one value, of which those of a family may need each other: each is checked when it is first asked for. */
typedef struct {
  Net *n;
  NetValue *v;
  const Ast **asts;
  const bool *draws;
  const MDomain *domain;
  Dim dim;
  bool has_dim; /* until then each has its own */
} Elements;

typedef struct { /* Symbol.context of an element; no NetValue */
  int no_tag;
  uint32_t at;
  Elements *of;
} Element;

static MExpr *element_value(const Elements *k, uint32_t at) {
  Net *n = k->n;
  Want want = {.has_dim = k->has_dim, .dim = k->dim, .who = quoted(n, k->v->name), .labels = k->v->is_enum ? k->domain : NULL};
  want.allow = k->draws[at] ? ALLOW_DRAW : 0;
  MExpr *e = element_expr(n, k->v, k->asts[at], at, &want);
  if (!e || !k->draws[at] || expr_has(e, MX_DRAW)) return e;
  diag_draw_missing(n->s, k->asts[at]->span);
  return NULL;
}

static void resolve_element(Checker *c, Symbol *symbol) {
  const Element *one = symbol->context;
  MExpr *e = element_value(one->of, one->at);
  symbol->failed = !e;
  if (!e) return;
  symbol->global = one->of->v->elements[one->at] = global_new(one->of->n, one->of->v, one->at, e);
  symbol->global->dim = e->dim;
}

static void enter_elements(Elements *k) {
  NetValue *v = k->v;
  Arena *a = k->n->s->arena;
  Family *family = NEW(a, Family);
  Symbol *members = NEW_ARRAY(a, Symbol, v->axes.count);
  Element *contexts = NEW_ARRAY(a, Element, v->axes.count);
  family->n_axes = v->axes.n;
  for (uint32_t i = 0; i < v->axes.n; i++) family->axes[i] = v->axes.sets[i];
  for (uint32_t i = 0; i < v->axes.count; i++) {
    contexts[i] = (Element){.at = i, .of = k};
    members[i] = (Symbol){.kind = SYM_GLOBAL, .status = SYM_NEW, .name = net_element_name(k->n, v->name, &v->axes, i), .span = v->span};
    members[i].resolve = resolve_element;
    members[i].context = &contexts[i];
    vec_push(a, &family->members, &members[i]);
  }
  v->symbol->family = family;
  v->symbol->failed = false;
}

/* All of them; false after a message. */
static bool elements_check(Elements *k) {
  NetValue *v = k->v;
  Symbol whole = {.context = &(Element){.of = k}};
  if (!v->axes.n) {
    resolve_element(k->n->c, &whole);
    v->symbol->global = whole.global;
    return !whole.failed;
  }
  for (uint32_t i = 0; i < v->axes.count; i++) {
    if (!symbol_resolve(k->n->c, v->symbol->family->members.at[i], v->span)) return false;
    const MGlobal *g = v->elements[i];
    if (dim_eq(g->dim, k->dim)) continue;
    diag_unit_wanted(k->n->s, k->asts[i]->span, quoted(k->n, v->name), k->dim, g->dim); /* asked for before the dimension was known */
    return false;
  }
  return true;
}

static bool value_check(Net *n, NetValue *v, Elements *k, MDomain *domain) {
  if (v->axes.n) enter_elements(k);
  if (!value_dim(n, v, k->asts, &k->dim)) return false;
  k->has_dim = true;
  if (v->item->domain && v->param && !check_domain(n->c, n->scope, v->item->domain, k->dim, quoted(n, v->name), domain)) return false;
  if (!elements_check(k)) return false;
  Name unit = {0};
  double scale;
  Name written = v->item->unit ? AST_AS(Unit, v->item->unit)->text : net_unit_written(v->item->value);
  net_unit_shown(n, written, k->dim, &unit, &scale);
  bool good = true;
  for (uint32_t i = 0; i < v->axes.count; i++) {
    MGlobal *g = v->elements[i];
    g->domain = *domain;
    g->unit = unit;
    g->unit_scale = scale;
    good = good && net_in_domain(n, g->value, domain, g->path, scale, unit);
  }
  return true;
}

static void check_value(Net *n, NetValue *v) {
  Session *s = n->s;
  const Ast **asts = NEW_ARRAY(s->arena, const Ast *, v->axes.count);
  bool *draws = NEW_ARRAY(s->arena, bool, v->axes.count);
  MDomain *domain = NEW(s->arena, MDomain);
  if (!value_expressions(n, v, asts, draws)) return;
  Elements *k = NEW(s->arena, Elements);
  *k = (Elements){.n = n, .v = v, .asts = asts, .draws = draws, .domain = domain};
  v->elements = NEW_ARRAY(s->arena, MGlobal *, v->axes.count);
  v->symbol->failed = !value_check(n, v, k, domain);
  if (v->symbol->failed) v->elements = NULL;
}

/* `record` and `expect` of an experiment -> MRecord, MExpect.
 *
 * What is recorded of a population is an expression over the variables of its component; what is expected is
 * a measure of spikes (rate, cv_isi, spikes) or a value of the network, held against an interval. A
 * comparison is an interval with one open end. */
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
static bool record_values(Net *n, const Ast *value, const MSliceList *slices, MRecord *r, Dim *ret_dim) {
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

/* `sum(E.V)`, `mean(cell.V)`: one value over all elements. */
static bool record_total(Net *n, const AstRecord *ast, MRecord *r, Dim *dim) {
  Session *s = n->s;
  const AstCall *call = AST_AS(Call, ast->value);
  MSliceList slices = {0};
  AstWord member = {0};
  const Ast *arg = call->args.n == 1 ? call->args.at[0] : NULL;
  r->kind = named(n, call->callee, "sum") ? RECORD_SUM : RECORD_MEAN;
  if (!arg || ast->of || arg->kind != AST_MEMBER) {
    diag_record_total_form(s, ast->value->span, r->kind == RECORD_SUM ? "sum" : "mean");
    return false;
  }
  if (!net_slices(n, n->scope, arg, &slices, &member)) return false;
  AstNameRef var = {.head = {.kind = AST_NAME, .span = member.span, .height = 1}, .name = member};
  return record_values(n, &var.head, &slices, r, dim);
}

static bool record_name(Net *n, const AstRecord *ast, MRecord *r) {
  Session *s = n->s;
  r->name = !name_none(ast->alias.name) ? ast->alias.name
            : r->kind == RECORD_VALUE && !path_indices(ast->value)->n ? path_name(n->c, ast->value)
                                        : (Name){0};
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

void net_record(Net *n, const AstRecord *ast) {
  Session *s = n->s;
  MSliceList slices = {0};
  Dim dim = DIM_NONE;
  if (!ast->value) return;
  MRecord *r = NEW(s->arena, MRecord);
  r->span = ast->head.span;
  const AstCall *call = ast->value->kind == AST_CALL ? AST_AS(Call, ast->value) : NULL;
  bool good;
  if (named(n, ast->value, "spikes")) {
    if (record_spikes(n, ast, r)) vec_push(s->arena, &n->x->records, r);
    return;
  }
  if (named(n, ast->value, "weight") && ast->of) {
    diag_not_supported(s, ast->value->span, "recording weights",
                       "A static synapse keeps the weight that it was given.");
    return;
  }
  if (call && (named(n, call->callee, "sum") || named(n, call->callee, "mean"))) {
    good = record_total(n, ast, r, &dim);
  } else {
    r->kind = RECORD_VALUE;
    good = record_slices(n, ast, &slices) && record_values(n, ast->value, &slices, r, &dim);
  }
  if (!good || !record_name(n, ast, r) || !record_every(n, ast, r)) return;
  record_unit(n, r, dim);
  vec_push(s->arena, &n->x->records, r);
}

/* ---- expect */

typedef struct {
  const char *name;
  MExpectKind kind;
  int per_time;
} MeasureRow;
static const MeasureRow measures[] = {
    {"rate", EXPECT_RATE, -1},
    {"cv_isi", EXPECT_CV, 0},
    {"spikes", EXPECT_SPIKES, 0},
};

static const MeasureRow *measure_of(const Net *n, const Ast *ast) {
  const Ast *callee = ast->kind == AST_CALL ? AST_AS(Call, ast)->callee : NULL;
  for (size_t i = 0; i < COUNT_OF(measures); i++)
    if (named(n, callee, measures[i].name)) return &measures[i];
  return NULL;
}

typedef struct {
  const Net *n;
  const Ast *found;
  VEC(const Ast *) open;
} Search;

static void search_push(Ast *child, void *ctx) {
  Search *search = ctx;
  vec_push(search->n->s->arena, &search->open, child);
}

/* A measure somewhere inside an expression. */
static const Ast *measure_inside(const Net *n, const Ast *ast) {
  Search search = {.n = n};
  vec_push(n->s->arena, &search.open, ast);
  while (search.open.n) {
    const Ast *node = search.open.at[--search.open.n];
    if (measure_of(n, node)) return node;
    ast_each_child(node, search_push, &search);
  }
  return NULL;
}

static bool is_function(const Net *n, Name name) {
  const char *text = name_str(n->s, name);
#define BUILTIN(id, word, arity, dims, ir, doc)                                                              \
  if (*word && strcmp(text, word) == 0) return true;
#include "lang/builtins.def"
#undef BUILTIN
  return scope_find(n->scope, name) != NULL;
}

static bool expect_measure(Net *n, const Ast *ast, const MeasureRow *row, MExpect *e) {
  Session *s = n->s;
  const AstCall *call = AST_AS(Call, ast);
  MSliceList slices = {0};
  e->kind = row->kind;
  e->dim = dim_time(row->per_time);
  if (call->args.n != 1) {
    diag_measure_arguments(s, ast->span, row->name);
    return false;
  }
  if (!net_slices(n, n->scope, call->args.at[0], &slices, NULL)) return false;
  for (uint32_t i = 0; i < slices.n; i++) {
    const MComponent *component = slices.at[i].pop->component;
    if (component->failed) return false;
    if (component->spikes.n == 0) {
      diag_source_never_spikes(s, call->args.at[0]->span, name_str(s, slices.at[i].pop->base),
                               name_str(s, component->name), component->span);
      return false;
    }
    vec_push(s->arena, &e->slices, slices.at[i]);
  }
  return true;
}

static bool expect_value(Net *n, const Ast *ast, MExpect *e) {
  Session *s = n->s;
  const MeasureRow *row = measure_of(n, ast);
  if (row) return expect_measure(n, ast, row, e);
  const Ast *callee = ast->kind == AST_CALL ? AST_AS(Call, ast)->callee : NULL;
  const Ast *inside = measure_inside(n, ast);
  if (inside) {
    diag_not_supported(s, ast->span, "arithmetic with measures", "Expect each measure by itself.");
    return false;
  }
  if (callee && callee->kind == AST_NAME && !is_function(n, AST_AS(NameRef, callee)->name.name)) {
    const char *words[COUNT_OF(measures)], *text = name_str(s, AST_AS(NameRef, callee)->name.name);
    for (size_t i = 0; i < COUNT_OF(measures); i++) words[i] = measures[i].name;
    diag_unknown_measure(s, callee->span, text, diag_nearest(text, words, COUNT_OF(words)));
    return false;
  }
  Want any = {0};
  e->kind = EXPECT_VALUE;
  e->value = check_expr(n->c, n->scope, ast, &any);
  if (e->value) e->dim = e->value->dim;
  return e->value != NULL;
}

/* `rate(E) > 5 Hz`: the measure on either side. */
static bool expect_comparison(Net *n, const Ast *ast, MExpect *e) {
  const AstBinary *b = AST_AS(Binary, ast);
  bool left = measure_inside(n, b->left) || !measure_inside(n, b->right);
  const Ast *value = left ? b->left : b->right, *bound = left ? b->right : b->left;
  if (!expect_value(n, value, e)) return false;
  Want want = {.has_dim = true, .dim = e->dim, .who = "what is expected"};
  MExpr *limit = check_expr(n->c, n->scope, bound, &want);
  bool below = left == (b->op == OP_LT || b->op == OP_LE), open = b->op == OP_LT || b->op == OP_GT;
  e->interval = (MDomain){.has = true, .span = ast->span};
  if (b->op == OP_EQ || below) {
    e->interval.hi = limit;
    e->interval.open_hi = open;
  }
  if (b->op == OP_EQ || !below) {
    e->interval.lo = limit;
    e->interval.open_lo = open;
  }
  return limit != NULL;
}

static bool is_comparison(const Ast *ast) {
  if (ast->kind != AST_BINARY) return false;
  int op = AST_AS(Binary, ast)->op;
  return op == OP_LT || op == OP_LE || op == OP_GT || op == OP_GE || op == OP_EQ;
}

static bool expect_interval(Net *n, const AstExpect *ast, MExpect *e) {
  Session *s = n->s;
  if (!ast->domain && is_comparison(ast->value)) return expect_comparison(n, ast->value, e);
  if (!ast->domain || ast->domain->kind != AST_INTERVAL) {
    diag_expect_form(s, ast->domain ? ast->domain->span : ast->value->span);
    return false;
  }
  if (!expect_value(n, ast->value, e)) return false;
  const char *who = arena_printf(s->arena, "`%s`", source_span_text(s, ast->value->span, s->arena));
  if (!check_domain(n->c, n->scope, ast->domain, e->dim, who, &e->interval)) return false;
  Known lo = net_known(n, e->interval.lo), hi = net_known(n, e->interval.hi);
  if (e->interval.lo && e->interval.hi && lo.known && hi.known && lo.value > hi.value) {
    diag_interval_empty(s, ast->domain->span);
    return false;
  }
  return true;
}

/* `after 200 ms`, `during 1 s..2 s`: the part of the run that counts. */
static bool expect_window(Net *n, const AstExpect *ast, MExpect *e) {
  Session *s = n->s;
  if (ast->during && ast->during->kind != AST_RANGE) {
    diag_during_form(s, ast->during->span);
    return false;
  }
  if (ast->after && !(e->after = net_time(n, ast->after, "the start of what counts", false))) return false;
  if (ast->during) {
    e->after = net_time(n, AST_AS(Range, ast->during)->from, "the start of what counts", false);
    e->until = net_time(n, AST_AS(Range, ast->during)->to, "the end of what counts", true);
    if (!e->after || !e->until) return false;
  }
  double whole = 0;
  for (uint32_t i = 0; i < n->x->phases.n; i++) {
    Known d = net_known(n, n->x->phases.at[i].duration);
    whole = d.known ? whole + d.value : INFINITY;
  }
  Known from = net_known(n, e->after), to = net_known(n, e->until);
  if (e->after && from.known && n->x->phases.n &&
      from.value >= (to.known && to.value < whole ? to.value : whole)) {
    diag_window_empty(s, e->after->span, from.value, to.known && to.value < whole ? to.value : whole);
    return false;
  }
  return true;
}

/* As written, on one line, without the word `expect`. */
static Name expect_text(Net *n, Span span) {
  Session *s = n->s;
  const char *from = source_span_text(s, span, s->arena);
  if (strncmp(from, "expect", 6) == 0) from += 6;
  char *text = arena_text(s->arena, from, strlen(from)), *to = text;
  for (const char *p = text; *p; p++) {
    bool blank = *p == ' ' || *p == '\t' || *p == '\n' || *p == '\r';
    if (!blank) *to++ = *p;
    else if (to > text && to[-1] != ' ') *to++ = ' ';
  }
  while (to > text && to[-1] == ' ') to--;
  return name_of(s, text, (size_t)(to - text));
}

void net_expect(Net *n, const AstExpect *ast) {
  if (!ast->value) return;
  MExpect *e = NEW(n->s->arena, MExpect);
  e->span = ast->head.span;
  e->text = expect_text(n, ast->head.span);
  if (expect_interval(n, ast, e) && expect_window(n, ast, e)) vec_push(n->s->arena, &n->x->expects, e);
}

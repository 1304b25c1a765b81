/* `expect` of an experiment -> MExpect, and the measures in it -> MMeasure.
 *
 * An expect holds a value against an interval; a comparison is an interval with one open end. Value and ends are
 * expressions over the network's values and measures of the run (measures.def), which stand in them as globals
 * that get their value when the run is over. */
#include "lang/check_inner.h"
#include "lang/net.h"

#include <math.h>
#include <string.h>

typedef enum { OF_SPIKES, OF_VALUES } MeasureOf;
typedef struct {
  const char *name;
  MeasureOf of;
  int per_time;
  const char *argument;
} MeasureRow;
static const MeasureRow rows[MEASURE_COUNT] = {
#define MEASURE(id, name, of, per_time, argument, doc) [MEASURE_##id] = {name, OF_##of, per_time, argument},
#include "lang/measures.def"
#undef MEASURE
};

struct ExpectContext {
  Net *n;
  MExpr *after, *until;
};

/* ---- measures */

static const char *callee_text(const Session *s, const AstCall *call) {
  return call->callee->kind == AST_NAME ? name_str(s, AST_AS(NameRef, call->callee)->name.name) : "";
}

static MPopulation *signal_meant(const Net *n, const Ast *of) {
  return of->kind == AST_NAME ? net_signal_named(n, AST_AS(NameRef, of)->name.name) : NULL;
}

/* Of the run, and not over the indices of a table of the network? */
static bool of_the_run(const Net *n, const Ast *of) {
  return n->neuron || of->kind == AST_MEMBER || signal_meant(n, of) || net_has_cells(n, of);
}

/* min, max and mean are functions of the language too: of two values, or over indices. */
static bool means_measure(const Net *n, const MeasureRow *row, const AstCall *call) {
  if (row->of == OF_SPIKES || row == &rows[MEASURE_VALUE]) return true;
  return call->args.n == 1 && (row != &rows[MEASURE_MEAN] || of_the_run(n, call->args.at[0]));
}

static const MeasureRow *measure_row(const Net *n, const AstCall *call) {
  const char *text = callee_text(n->s, call);
  for (size_t i = 0; i < MEASURE_COUNT; i++)
    if (strcmp(rows[i].name, text) == 0 && means_measure(n, &rows[i], call)) return &rows[i];
  return NULL;
}

static bool measure_spikes(Net *n, const Ast *of, MMeasure *m) {
  Session *s = n->s;
  MSliceList slices = {0};
  if (!net_slices(n, n->scope, of, &slices, NULL)) return false;
  for (uint32_t i = 0; i < slices.n; i++) {
    const MComponent *component = slices.at[i].pop->component;
    if (component->failed) return false;
    if (component->spikes.n == 0) {
      diag_source_never_spikes(s, of->span, name_str(s, slices.at[i].pop->base), name_str(s, component->name),
                               component->span);
      return false;
    }
    vec_push(s->arena, &m->items, ((MRecordItem){slices.at[i], NULL}));
  }
  return true;
}

/* `E.V`, or a signal; of a lone neuron any expression over its variables. */
static bool measure_values(Net *n, const MeasureRow *row, const Ast *of, MMeasure *m, Dim *ret_dim) {
  Session *s = n->s;
  MSliceList slices = {0};
  AstWord member = {0};
  MRecord r = {0};
  const Ast *value = of;
  AstNameRef var;
  if (n->neuron) {
    vec_push(s->arena, &slices, ((MSlice){n->pops.at[0]->elements[0], NULL, NULL, of->span}));
  } else if (signal_meant(n, of)) {
    vec_push(s->arena, &slices, ((MSlice){signal_meant(n, of), NULL, NULL, of->span}));
  } else if (of->kind != AST_MEMBER && net_has_cells(n, of)) {
    bool good = net_cell_values(n, of, row->name, &r, ret_dim);
    for (uint32_t i = 0; good && i < r.items.n; i++) vec_push(s->arena, &m->items, r.items.at[i]);
    return good;
  } else {
    if (of->kind != AST_MEMBER) {
      diag_measure_arguments(s, of->span, row->name, true, row->argument);
      return false;
    }
    if (!net_slices(n, n->scope, of, &slices, &member)) return false;
    var = (AstNameRef){.head = {.kind = AST_NAME, .span = member.span, .height = 1}, .name = member};
    value = &var.head;
  }
  if (!net_record_values(n, value, &slices, &r, ret_dim)) return false;
  for (uint32_t i = 0; i < r.items.n; i++) vec_push(s->arena, &m->items, r.items.at[i]);
  return true;
}

/* What is measured, and the named argument. */
static bool measure_arguments(Net *n, const MeasureRow *row, const AstCall *call, MMeasure *m, const Ast **ret_of) {
  Session *s = n->s;
  const Ast *extra = NULL;
  bool named = *row->argument != 0;
  bool good = call->args.n == (named ? 2u : 1u) && call->args.at[0]->kind != AST_NAMED;
  if (good && named) {
    const AstNamed *arg = AST_AS(Named, call->args.at[1]);
    good = arg->head.kind == AST_NAMED && strcmp(name_str(s, arg->name.name), row->argument) == 0;
    extra = good ? arg->value : NULL;
  }
  if (!good) {
    diag_measure_arguments(s, call->head.span, row->name, row->of == OF_VALUES, row->argument);
    return false;
  }
  *ret_of = call->args.at[0];
  const char *who = arena_printf(s->arena, "`%s` of `%s`", row->argument, row->name);
  if (extra) m->argument = net_time(n, extra, who, row != &rows[MEASURE_VALUE]);
  return !extra || m->argument;
}

MExpr *measure_call(Checker *c, const AstCall *call, bool *ret_known) {
  struct ExpectContext *e = c->expect;
  Net *n = e->n;
  Session *s = n->s;
  const MeasureRow *row = measure_row(n, call);
  const Ast *of;
  *ret_known = row != NULL;
  if (!row) return NULL;
  MMeasure *m = NEW(s->arena, MMeasure);
  *m = (MMeasure){.kind = (MMeasureKind)(row - rows), .after = e->after, .until = e->until, .span = call->head.span};
  Dim dim = row->per_time ? dim_time(row->per_time) : DIM_NONE;
  c->expect = NULL; /* arguments are no place for measures */
  bool good = measure_arguments(n, row, call, m, &of);
  if (good) good = row->of == OF_SPIKES ? measure_spikes(n, of, m) : measure_values(n, row, of, m, &dim);
  c->expect = e;
  if (!good) return NULL;
  m->global = NEW(s->arena, MGlobal);
  *m->global = (MGlobal){.path = name_z(s, source_span_line(s, call->head.span, s->arena)),
                         .index = UINT32_MAX,
                         .dim = dim,
                         .unit_scale = 1,
                         .span = call->head.span};
  vec_push(s->arena, &n->x->measures, m);
  return expr_global(c, m->global, call->head.span);
}

/* ---- value and interval */

static bool is_function(const Net *n, Name name) {
  const char *text = name_str(n->s, name);
#define BUILTIN(id, word, arity, dims, ir, doc)                                                              \
  if (*word && strcmp(text, word) == 0) return true;
#include "lang/builtins.def"
#undef BUILTIN
  return scope_find(n->scope, name) != NULL;
}

/* `ratee(E)`: a call of nothing that exists. */
static bool unknown_measure(Net *n, const Ast *ast) {
  Session *s = n->s;
  const AstCall *call = ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  if (!call || call->callee->kind != AST_NAME || measure_row(n, call)) return false;
  Name name = AST_AS(NameRef, call->callee)->name.name;
  if (is_function(n, name)) return false;
  const Ast *arg = call->args.n == 1 ? call->args.at[0] : NULL;
  bool nested = arg && arg->kind == AST_CALL && measure_row(n, AST_AS(Call, arg));
  if (is_total(n->c, ast) && arg && !nested && !of_the_run(n, arg)) return false; /* over indices */
  const char *words[MEASURE_COUNT];
  for (size_t i = 0; i < MEASURE_COUNT; i++) {
    words[i] = rows[i].name;
    if (strcmp(words[i], name_str(s, name)) != 0) continue;
    diag_measure_arguments(s, ast->span, words[i], rows[i].of == OF_VALUES, rows[i].argument);
    return true;
  }
  diag_unknown_measure(s, call->callee->span, name_str(s, name), diag_nearest(name_str(s, name), words, MEASURE_COUNT));
  return true;
}

static MExpr *expect_value(Net *n, const Ast *ast, const Want *want) {
  if (unknown_measure(n, ast)) return NULL;
  Want w = *want;
  w.allow |= ALLOW_MEASURE;
  return check_expr(n->c, n->scope, ast, &w);
}

/* Does a measure stand in it? */
static bool has_measure(const MExpr *e) {
  if (e->kind == MX_GLOBAL) return e->global->index == UINT32_MAX;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (e->args[i] && has_measure(e->args[i])) return true;
  return false;
}

static bool is_zero(const MExpr *e) { return e->kind == MX_NUM && e->num == 0 && dim_none(e->dim); }

/* Shown in the unit of a limit, rates else in Hz. */
static void expect_unit(Net *n, const Ast *limit, const Ast *other, MExpect *e) {
  Dim rate = DIM_NONE;
  rate.e[DIM_TIME] = -DIM_ONE;
  Name text = net_unit_written(limit);
  if (name_none(text) && other) text = net_unit_written(other);
  if (name_none(text) && dim_eq(e->dim, rate)) text = name_z(n->s, "Hz");
  net_unit_shown(n, text, e->dim, &e->unit, &e->unit_scale);
}

/* `rate(E) > 5 Hz`: the measure on either side; of two, the left one is shown. */
static bool expect_comparison(Net *n, const Ast *ast, MExpect *e) {
  const AstBinary *b = AST_AS(Binary, ast);
  Want any = {0};
  MExpr *l = expect_value(n, b->left, &any);
  if (!l) return false;
  Want want = {.has_dim = !is_zero(l), .dim = l->dim, .who = "what is expected"};
  MExpr *r = expect_value(n, b->right, &want);
  if (!r) return false;
  bool left = has_measure(l) || !has_measure(r);
  MExpr *limit = left ? r : l;
  e->value = left ? l : r;
  e->dim = e->value->dim;
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
  expect_unit(n, left ? b->right : b->left, NULL, e);
  return true;
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
    bool joined = !ast->domain && ast->value->kind == AST_BINARY && AST_AS(Binary, ast->value)->op == OP_AND;
    diag_expect_form(s, ast->domain ? ast->domain->span : ast->value->span, joined);
    return false;
  }
  Want any = {0};
  e->value = expect_value(n, ast->value, &any);
  if (!e->value) return false;
  e->dim = e->value->dim;
  const AstInterval *interval = AST_AS(Interval, ast->domain);
  const char *who = arena_printf(s->arena, "`%s`", source_span_text(s, ast->value->span, s->arena));
  Want want = {.has_dim = true, .dim = e->dim, .who = who};
  MExpr *lo = expect_value(n, interval->from, &want), *hi = expect_value(n, interval->to, &want);
  if (!lo || !hi) return false;
  Known a = net_known(n, lo), b = net_known(n, hi);
  bool open = interval->open_from || interval->open_to;
  if (a.known && b.known && (a.value > b.value || (a.value == b.value && open))) {
    diag_interval_empty(s, ast->domain->span);
    return false;
  }
  e->interval = (MDomain){.has = true,
                          .open_lo = interval->open_from,
                          .open_hi = interval->open_to,
                          .lo = lo->kind == MX_NUM && lo->num == -INFINITY ? NULL : lo,
                          .hi = hi->kind == MX_NUM && hi->num == INFINITY ? NULL : hi,
                          .span = ast->domain->span};
  expect_unit(n, interval->to, interval->from, e);
  return true;
}

/* `during test`: the time of a phase. */
static bool expect_phase(Net *n, const AstNameRef *ref, struct ExpectContext *e) {
  const char *words[64], *name = name_str(n->s, ref->name.name);
  size_t n_words = 0;
  for (uint32_t i = 0; i < n->x->phases.n; i++) {
    const MPhase *p = &n->x->phases.at[i];
    if (!name_none(p->name) && n_words < COUNT_OF(words)) words[n_words++] = name_str(n->s, p->name);
    if (name_none(p->name) || !name_eq(p->name, ref->name.name)) continue;
    e->after = net_phase_begin(n, i);
    e->until = net_phase_begin(n, i + 1);
    return true;
  }
  diag_unknown_phase(n->s, ref->head.span, name, diag_nearest(name, words, n_words));
  return false;
}

/* `after 200 ms`, `during 1 s..2 s`: the part of the run that counts. */
static bool expect_window(Net *n, const AstExpect *ast, struct ExpectContext *e) {
  Session *s = n->s;
  if (ast->during && ast->during->kind == AST_NAME) return expect_phase(n, AST_AS(NameRef, ast->during), e);
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
  bool beyond = e->until && to.known && n->x->phases.n && to.value > whole * (1 + 1e-9);
  if (beyond) diag_window_beyond(s, e->until->span, to.value, whole);
  return !beyond;
}

/* As written, without the word `expect`. */
static Name expect_text(Net *n, Span span) {
  const char *text = source_span_line(n->s, span, n->s->arena);
  if (strncmp(text, "expect ", 7) == 0) text += 7;
  return name_z(n->s, text);
}

MExpr *net_measured(Net *n, const AstExpect *window, const Ast *value) {
  struct ExpectContext context = {.n = n};
  Want any = {0};
  if (!expect_window(n, window, &context)) return NULL;
  n->c->expect = &context;
  MExpr *e = expect_value(n, value, &any);
  n->c->expect = NULL;
  return e;
}

void net_expect(Net *n, const AstExpect *ast) {
  if (!ast->value) return;
  struct ExpectContext context = {.n = n};
  MExpect *e = NEW(n->s->arena, MExpect);
  e->span = ast->head.span;
  e->text = expect_text(n, ast->head.span);
  bool windowed = expect_window(n, ast, &context);
  n->c->expect = &context;
  if (expect_interval(n, ast, e) && windowed) vec_push(n->s->arena, &n->x->expects, e);
  n->c->expect = NULL;
}

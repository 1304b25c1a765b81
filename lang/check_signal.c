/* Signals: calls of the rows of drives.def -> expressions over t.
 *
 * A drive is evaluated once for each step, with t in its middle, so that smooth waveforms are right to second
 * order; windows (from, to] are conditions on the end of the step, T = t + dt/2, and a time within a millionth
 * of a step of a grid point is on it. So every source is an expression that a generated kernel computes, and
 * adding one is a row and a function here. */
#include "lang/signal.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"
#include "lang/net.h"

typedef enum {
  KIND_VALUE, KIND_TIME, KIND_NUMBER, KIND_RATE, KIND_LENGTH, KIND_LIST, KIND_FILE, KIND_EVENT_RATE
} ArgKind;
typedef enum { GIVEN_FIRST, GIVEN_NAMED, GIVEN_ZERO, GIVEN_INF, GIVEN_ABSENT } ArgGiven;
typedef struct {
  SourceId source;
  const char *name;
  ArgKind kind;
  ArgGiven given;
} ArgRow;

const SourceRow source_rows[SOURCE_COUNT] = {
#define SOURCE(id, text, what, form, doc) [SOURCE_##id] = {text, SOURCE_##what, form, doc},
#define ARG(id, name, kind, given, doc)
#include "lang/drives.def"
#undef SOURCE
#undef ARG
};
static const ArgRow arg_rows[] = {
#define SOURCE(id, text, what, form, doc)
#define ARG(id, name, kind, given, doc) {SOURCE_##id, name, KIND_##kind, GIVEN_##given},
#include "lang/drives.def"
#undef SOURCE
#undef ARG
};

const SourceRow *source_named(const char *name) {
  for (size_t i = 0; i < SOURCE_COUNT; i++)
    if (strcmp(source_rows[i].name, name) == 0) return &source_rows[i];
  return NULL;
}

/* ---- arguments */

static const ArgRow *args_of(const SourceRow *row, uint32_t *ret_n) {
  SourceId id = (SourceId)(row - source_rows);
  size_t first = 0, n = 0;
  while (arg_rows[first].source != id) first++;
  while (first + n < COUNT_OF(arg_rows) && arg_rows[first + n].source == id) n++;
  *ret_n = (uint32_t)n;
  return &arg_rows[first];
}

static void wrong_arguments(Checker *c, Span span, const SourceRow *row) {
  diag_drive_arguments(c->s, span, row->name, row->form);
}

/* Which argument the tree's i-th is; -1 after a message. One that has a place may be named too: noise(sd = 3 pA, …). */
static int arg_place(Checker *c, const SourceRow *row, const ArgRow *rows, uint32_t n, const Ast *arg, uint32_t *first) {
  if (arg->kind != AST_NAMED) {
    if (*first < n && rows[*first].given == GIVEN_FIRST) return (int)(*first)++;
    wrong_arguments(c, arg->span, row);
    return -1;
  }
  const char *words[SOURCE_ARGS], *name = name_str(c->s, AST_AS(Named, arg)->name.name);
  size_t n_words = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (strcmp(rows[i].name, name) == 0) return (int)i;
    words[n_words++] = rows[i].name;
  }
  diag_source_argument(c->s, AST_AS(Named, arg)->name.span, row->name, name, diag_nearest(name, words, n_words), row->form);
  return -1;
}

/* "the frequency of `sine`" */
static const char *arg_who(Checker *c, const SourceRow *row, const ArgRow *arg) {
  return arena_printf(c->arena, "`%s` of `%s`", arg->name, row->name);
}

static bool arg_sense(Checker *c, const MExpr *e, ArgKind kind, const char *who) {
  Known k = net_known(c->signal->net, e);
  if (!k.known) return true;
  if (kind == KIND_LENGTH && !(k.value > 0)) {
    diag_not_positive(c->s, e->span, who, k.value);
    return false;
  }
  bool rate = kind == KIND_RATE;
  if ((rate || kind == KIND_TIME) && k.value < 0) {
    diag_negative(c->s, e->span, who, rate ? k.value * 1000 : k.value, rate ? "Hz" : "ms");
    return false;
  }
  return true;
}

static MExpr *arg_value(Checker *c, Scope *scope, const Ast *ast, const SourceRow *row, const ArgRow *arg,
                        const Want *want, const MExpr *first) {
  Want w = {.has_dim = true, .who = arg_who(c, row, arg)};
  switch (arg->kind) {
    case KIND_VALUE:
      w = *want;
      w.condition = false;
      w.labels = NULL;
      if (!w.has_dim && first && !expr_fits_any(first)) {
        w.has_dim = true;
        w.dim = first->dim;
      }
      if (!w.who) w.who = arg_who(c, row, arg);
      break;
    case KIND_EVENT_RATE:
      w.dim = dim_time(-1);
      w.who = "the rate";
      w.allow = ALLOW_TIME | ALLOW_DRAW | ALLOW_SIGNAL;
      break;
    case KIND_TIME:
    case KIND_LENGTH: w.dim = dim_time(1); break;
    case KIND_RATE: w.dim = dim_time(-1); break;
    case KIND_NUMBER: w.dim = DIM_NONE; break;
    case KIND_LIST:
    case KIND_FILE: return NULL;
  }
  MExpr *e = check_expr(c, scope, ast, &w);
  return e && arg_sense(c, e, arg->kind, arg_who(c, row, arg)) ? e : NULL;
}

static MExpr *arg_default(Checker *c, const ArgRow *arg, Span span, Dim dim) {
  switch (arg->given) {
    case GIVEN_ZERO: {
      Dim own = arg->kind == KIND_VALUE ? dim : arg->kind == KIND_TIME ? dim_time(1) : DIM_NONE;
      return arg->kind == KIND_TIME ? NULL : expr_number(c, 0, own, span);
    }
    case GIVEN_FIRST:
    case GIVEN_NAMED:
    case GIVEN_INF:
    case GIVEN_ABSENT: break;
  }
  return NULL;
}

static bool args_complete(Checker *c, const AstCall *call, const SourceRow *row, const ArgRow *rows, uint32_t n,
                          SourceArgs *ret) {
  Dim dim = ret->value[0] ? ret->value[0]->dim : DIM_NONE;
  for (uint32_t i = 0; i < n; i++) {
    if (ret->ast[i]) continue;
    if (rows[i].given == GIVEN_FIRST || rows[i].given == GIVEN_NAMED) {
      wrong_arguments(c, call->head.span, row);
      return false;
    }
    ret->value[i] = arg_default(c, &rows[i], call->head.span, dim);
  }
  return true;
}

/* A list as it stands, or a column of a file where only a list can stand: `step` with `at` takes lists. */
static bool is_list(Checker *c, const AstCall *call, const SourceRow *row, const ArgRow *arg, const Ast *given) {
  bool wanted = arg->kind == KIND_LIST;
  for (uint32_t i = 0; i < call->args.n && row == &source_rows[SOURCE_STEP] && arg->kind == KIND_VALUE; i++)
    wanted |= call->args.at[i]->kind == AST_NAMED &&
              strcmp(name_str(c->s, AST_AS(Named, call->args.at[i])->name.name), "at") == 0;
  return given->kind == AST_LIST || (wanted && is_table_file(c, given));
}

bool source_args(Checker *c, Scope *scope, const AstCall *call, const SourceRow *row, const Want *want,
                 SourceArgs *ret) {
  uint32_t n, first = 0;
  const ArgRow *rows = args_of(row, &n);
  *ret = (SourceArgs){0};
  bool good = true;
  for (uint32_t i = 0; i < call->args.n; i++) {
    const Ast *arg = call->args.at[i];
    int at = arg_place(c, row, rows, n, arg, &first);
    if (at < 0) return false;
    if (ret->ast[at]) {
      diag_setting_twice(c->s, arg->span, rows[at].name, ret->ast[at]->span);
      return false;
    }
    ret->ast[at] = arg->kind == AST_NAMED ? AST_AS(Named, arg)->value : arg;
    bool list = is_list(c, call, row, &rows[at], ret->ast[at]), text = rows[at].kind == KIND_FILE;
    if (text != (ret->ast[at]->kind == AST_STRING) || (rows[at].kind == KIND_LIST && !list) ||
        (list && rows[at].kind != KIND_LIST && row != &source_rows[SOURCE_STEP])) {
      wrong_arguments(c, arg->span, row);
      return false;
    }
    if (list || text) continue;
    ret->value[at] = arg_value(c, scope, ret->ast[at], row, &rows[at], want, ret->value[0]);
    good &= ret->value[at] != NULL;
  }
  return good && args_complete(c, call, row, rows, n, ret);
}

/* ---- building expressions */

static MExpr *op(Checker *c, Builtin b, MExpr *x, MExpr *y) {
  if (!x || !y) return NULL;
  Dim dim = b == B_MUL ? dim_mul(x->dim, y->dim) : b == B_DIV ? dim_div(x->dim, y->dim) : x->dim;
  bool test = b == B_LT || b == B_LE || b == B_GT || b == B_AND;
  if (test) dim = DIM_NONE;
  MExpr *args[2] = {x, y};
  return expr_call(c, b, x->span, dim, test ? M_BOOL : M_REAL, args, 2);
}

static MExpr *op1(Checker *c, Builtin b, MExpr *x) {
  MExpr *args[1] = {x};
  return x ? expr_call(c, b, x->span, x->dim, M_REAL, args, 1) : NULL;
}

static MExpr *pick(Checker *c, MExpr *cond, MExpr *yes, MExpr *no) {
  if (!cond || !yes || !no) return NULL;
  MExpr *args[3] = {cond, yes, no};
  return expr_call(c, B_SELECT, yes->span, yes->dim, M_REAL, args, 3);
}

static MExpr *time_of(Checker *c, Span span) { return expr_leaf(c, MX_TIME, dim_time(1), span); }

/* a + share * dt */
static MExpr *shifted(Checker *c, MExpr *a, double share) {
  if (!a) return NULL;
  MExpr *dt = expr_leaf(c, MX_DT, dim_time(1), a->span);
  return op(c, B_ADD, a, op(c, B_MUL, expr_number(c, share, DIM_NONE, a->span), dt));
}

/* T > a as t > a - dt/2, where a time on the grid counts as such. */
static const double half_step = -0.499999;
static MExpr *after(Checker *c, MExpr *a) { return op(c, B_GT, time_of(c, a->span), shifted(c, a, half_step)); }
static MExpr *until(Checker *c, MExpr *b) { return op(c, B_LE, time_of(c, b->span), shifted(c, b, half_step)); }

static bool is_number(const MExpr *e, double value) { return e && e->kind == MX_NUM && e->num == value; }

MExpr *signal_window(Checker *c, MExpr *value, MExpr *from, MExpr *to) {
  if (!value) return NULL;
  if (is_number(from, 0)) from = NULL;
  if (is_number(to, INFINITY)) to = NULL;
  MExpr *zero = expr_number(c, 0, value->dim, value->span);
  if (from && to) return pick(c, op(c, B_AND, after(c, from), until(c, to)), value, zero);
  if (from || to) return pick(c, from ? after(c, from) : until(c, to), value, zero);
  return value;
}

/* t - from */
static MExpr *since(Checker *c, MExpr *from, Span span) {
  return from ? op(c, B_SUB, time_of(c, span), from) : time_of(c, span);
}

static bool window_sense(Checker *c, const AstCall *call, const MExpr *from, const MExpr *to) {
  Known a = from ? net_known(c->signal->net, from) : (Known){true, 0}, b = net_known(c->signal->net, to);
  if (!to || !a.known || !b.known || b.value > a.value) return true;
  (void)call;
  diag_step_order(c->s, to->span, a.value, b.value);
  return false;
}

static MExpr *wave(Checker *c, MExpr *amplitude, MExpr *phase) {
  return op(c, B_MUL, amplitude, op1(c, B_SIN, phase));
}

static const double two_pi = 6.283185307179586;

static MExpr *signal_constant(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)c, (void)scope, (void)call, (void)want;
  return a->value[0];
}

/* step([v1, v2], at = [t1, t2]): each on (its time, the next]. */
static MExpr *step_list(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  const SourceRow *row = &source_rows[SOURCE_STEP];
  if (!a->ast[3] || a->value[0] || a->ast[1] || a->ast[2]) {
    diag_drive_arguments(c->s, call->head.span, row->name, "step([v1, v2, …], at = [t1, t2, …])");
    return NULL;
  }
  const Ast *first = table_of_file(c, a->ast[0]), *at = table_of_file(c, a->ast[3]);
  if (!first || !at) return NULL;
  const AstList *values = &AST_AS(ListExpr, first)->items, *times = &AST_AS(ListExpr, at)->items;
  if (values->n != times->n || values->n == 0) {
    diag_source_lists(c->s, a->ast[3]->span, values->n, times->n);
    return NULL;
  }
  MExpr *e = NULL;
  Known last = {false, 0};
  for (uint32_t i = 0; i < values->n; i++) {
    Want value = *want, time = {.has_dim = true, .dim = dim_time(1), .who = "`at` of `step`"};
    if (e && !value.has_dim) value.has_dim = true, value.dim = e->dim;
    MExpr *v = check_expr(c, scope, values->at[i], &value), *t = check_expr(c, scope, times->at[i], &time);
    if (!v || !t || !arg_sense(c, t, KIND_TIME, "`at` of `step`")) return NULL;
    Known now = net_known(c->signal->net, t);
    if (last.known && now.known && now.value <= last.value) {
      diag_times_order(c->s, t->span, now.value, last.value);
      return NULL;
    }
    last = now;
    e = pick(c, after(c, t), v, e ? e : expr_number(c, 0, v->dim, v->span));
    if (!e) return NULL;
  }
  return e;
}

static MExpr *signal_step(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  if (a->ast[3] || !a->value[0]) return step_list(c, scope, call, a, want);
  if (!window_sense(c, call, a->value[1], a->value[2])) return NULL;
  MExpr *e = signal_window(c, a->value[0], a->value[1], a->value[2]);
  c->signal->step = e;
  c->signal->step_value = a->value[0];
  c->signal->step_from = a->value[1];
  c->signal->step_to = a->value[2];
  return e;
}

static MExpr *signal_ramp(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope, (void)want;
  MExpr *from = a->value[2], *to = a->value[3];
  if (!window_sense(c, call, from, to)) return NULL;
  MExpr *rise = op(c, B_SUB, a->value[1], a->value[0]), *length = from ? op(c, B_SUB, to, from) : to;
  MExpr *part = op(c, B_DIV, since(c, from, call->head.span), length);
  return signal_window(c, op(c, B_ADD, a->value[0], op(c, B_MUL, rise, part)), from, to);
}

static MExpr *signal_sine(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope, (void)want;
  Span span = call->head.span;
  if (!window_sense(c, call, a->value[4], a->value[5])) return NULL;
  MExpr *speed = op(c, B_MUL, expr_number(c, two_pi, DIM_NONE, span), a->value[1]);
  MExpr *phase = op(c, B_MUL, speed, since(c, a->value[4], span));
  if (a->ast[2]) phase = op(c, B_ADD, phase, a->value[2]);
  MExpr *value = wave(c, a->value[0], phase);
  if (a->ast[3]) value = op(c, B_ADD, a->value[3], value);
  return signal_window(c, value, a->value[4], a->value[5]);
}

/* phase = 2 pi (f1 s + (f2 - f1) s^2 / (2 d)) */
static MExpr *signal_chirp(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope, (void)want;
  Span span = call->head.span;
  MExpr *first = a->value[1], *last = a->value[2], *from = a->value[3], *to = a->value[4];
  if (!window_sense(c, call, from, to)) return NULL;
  MExpr *s = since(c, from, span), *d = from ? op(c, B_SUB, to, from) : to;
  MExpr *sweep = op(c, B_DIV, op(c, B_SUB, last, first), op(c, B_MUL, expr_number(c, 2, DIM_NONE, span), d));
  MExpr *cycles = op(c, B_MUL, op(c, B_ADD, first, op(c, B_MUL, sweep, s)), s);
  MExpr *phase = op(c, B_MUL, expr_number(c, two_pi, DIM_NONE, span), cycles);
  return signal_window(c, wave(c, a->value[0], phase), from, to);
}

/* The k-th period has begun if T > from + k every: with s = t + dt/2 - from - a little, k = floor(s / every). */
static MExpr *signal_pulses(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope, (void)want;
  Span span = call->head.span;
  MExpr *width = a->value[1], *every = a->value[2], *from = a->value[3];
  Known w = net_known(c->signal->net, width), p = net_known(c->signal->net, every);
  if (w.known && p.known && w.value > p.value) {
    diag_pulse_width(c->s, width->span, w.value, p.value);
    return NULL;
  }
  if (!window_sense(c, call, from, a->value[4])) return NULL;
  MExpr *s = shifted(c, since(c, from, span), -half_step); /* half a step less a millionth */
  s = shifted(c, s, -2e-6);
  MExpr *periods = op(c, B_MUL, every, op1(c, B_FLOOR, op(c, B_DIV, s, every)));
  MExpr *within = op(c, B_LE, op(c, B_SUB, s, periods), width);
  MExpr *value = pick(c, within, a->value[0], expr_number(c, 0, a->value[0] ? a->value[0]->dim : DIM_NONE, span));
  return signal_window(c, value, from, a->value[4]);
}

/* Exact from step to step: z(T) = exp(-dt/tau) z(T-dt) + sqrt(1 - exp(-2 dt/tau)) N. */
static MExpr *signal_noise(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope;
  Span span = call->head.span;
  if (!(want->allow & ALLOW_NOISE)) {
    diag_rate_noise(c->s, span);
    return NULL;
  }
  Known sd = net_known(c->signal->net, a->value[0]);
  if (sd.known && sd.value < 0)
    diag_negative(c->s, a->value[0]->span, "`sd` of `noise`", sd.value, dim_text(c->s, a->value[0]->dim));
  MExpr *dt = expr_leaf(c, MX_DT, dim_time(1), span), *minus = expr_number(c, -1, DIM_NONE, span);
  MExpr *x = op(c, B_MUL, minus, op(c, B_DIV, dt, a->value[1]));
  MExpr *two = expr_number(c, 2, DIM_NONE, span);
  MExpr *fresh = op1(c, B_SQRT, op(c, B_MUL, minus, op1(c, B_EXPM1, op(c, B_MUL, two, x))));
  MExpr *value = op(c, B_MUL, a->value[0], expr_process(c, span, op1(c, B_EXP, x), fresh));
  return a->ast[2] ? op(c, B_ADD, a->value[2], value) : value;
}

/* ---- files */

bool source_file(Checker *c, const Ast *ast, MData *ret) {
  ret->path = AST_AS(String, ast)->text;
  ret->span = ast->span;
  const char *path = name_str(c->s, ret->path);
  if (*path && (c->s->allow_read.n > 0 || !check_climbs_out(path))) return true;
  diag_data_outside(c->s, ast->span, path);
  return false;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* `t : ms` and `I : pA` of the braces. */
static bool sample_columns(Checker *c, const Ast *call, MData *data) {
  const AstList *columns = c->signal->columns;
  c->signal->used = true;
  if (columns->n != 2) {
    diag_sample_columns(c->s, call->span, columns->n);
    return false;
  }
  for (uint32_t i = 0; i < 2; i++) {
    const AstColumn *column = AST_AS(Column, columns->at[i]);
    Unit unit;
    Name name = path_name(c, column->base);
    if (name_none(name) || !check_unit(c, column->unit, &unit)) {
      if (name_none(name)) diag_name_wanted(c->s, column->base->span);
      return false;
    }
    if (i == 0 && !dim_eq(unit.dim, dim_time(1))) {
      diag_sample_time(c->s, column->head.span, name_str(c->s, name), dim_text(c->s, unit.dim));
      return false;
    }
    *(i ? &data->value : &data->time) = name;
    *(i ? &data->value_scale : &data->time_scale) = unit.scale;
    data->dim = unit.dim;
  }
  return true;
}

static MExpr *signal_samples(Checker *c, Scope *scope, const AstCall *call, const SourceArgs *a, const Want *want) {
  (void)scope;
  MData data = {.value_scale = 1, .time_scale = 1, .dim = want->dim};
  if (!source_file(c, a->ast[0], &data)) return NULL;
  bool report = ends_with(name_str(c->s, data.path), ".h5");
  if (report && !want->has_dim) {
    diag_sample_unit(c->s, call->head.span);
    return NULL;
  }
  if (!report && !sample_columns(c, &call->head, &data)) return NULL;
  vec_push(c->arena, c->signal->files, data);
  return expr_sample(c, call->head.span, data.dim, c->signal->files->n - 1);
}

/* ---- calls */

MExpr *signal_call(Checker *c, Scope *scope, const AstCall *call, const Want *want, bool *ret_known) {
  static MExpr *(*const build[SOURCE_COUNT])(Checker *, Scope *, const AstCall *, const SourceArgs *, const Want *) = {
      [SOURCE_CONSTANT] = signal_constant, [SOURCE_STEP] = signal_step,     [SOURCE_RAMP] = signal_ramp,
      [SOURCE_SINE] = signal_sine,         [SOURCE_CHIRP] = signal_chirp,   [SOURCE_PULSES] = signal_pulses,
      [SOURCE_NOISE] = signal_noise,       [SOURCE_SAMPLES] = signal_samples};
  Name name = path_name(c, call->callee);
  const SourceRow *row = name_none(name) ? NULL : source_named(name_str(c->s, name));
  *ret_known = row != NULL;
  if (!row) return NULL;
  if (row->what == SOURCE_EVENTS) {
    diag_events_alone(c->s, call->head.span, row->name);
    return NULL;
  }
  SourceArgs args;
  if (!source_args(c, scope, call, row, want, &args)) return NULL;
  return build[row - source_rows](c, scope, call, &args, want);
}

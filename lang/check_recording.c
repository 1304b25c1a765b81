/* `data` and `validate` of a fit -> MRecording: files, sweeps and columns with their units.
 *
 * Nothing is read here: recordings may be large, and a program finds them when it starts. A column whose unit is one of
 * time holds the times of the samples; the others become names, `rec.V`. */
#include "lang/fit.h"
#include "lang/signal.h"

#include <math.h>
#include <string.h>

static const char *const forms[] = {[SWEEPS_CSV] = "csv", [SWEEPS_HDF5] = "hdf5", [SWEEPS_NWB] = "nwb"};
enum { MOST_SWEEPS = 100000 };

/* ---- sweeps */

static int form_of(FitContext *f, const Ast *source) {
  const Ast *callee = source->kind == AST_CALL ? AST_AS(Call, source)->callee : source;
  const char *text = callee->kind == AST_NAME ? name_str(f->s, AST_AS(NameRef, callee)->name.name) : NULL;
  for (int i = 0; text && i < (int)COUNT_OF(forms); i++) {
    if (strcmp(forms[i], text) != 0) continue;
    if (source->kind == AST_CALL) return i;
    diag_data_file(f->s, callee->span, text);
    return -1;
  }
  diag_data_form(f->s, callee->span, text ? diag_nearest(text, forms, COUNT_OF(forms)) : NULL);
  return -1;
}

static bool sweep_number(FitContext *f, const Ast *ast, double *ret) {
  Want want = {.has_dim = true, .dim = DIM_NONE, .who = "the number of a sweep"};
  MExpr *e = ast->kind == AST_STRING ? NULL : check_expr(f->c, f->n->scope, ast, &want);
  Known k = known_literal(e);
  if (!e) return false;
  if (k.known && k.value == floor(k.value) && k.value >= 0 && k.value < MOST_SWEEPS) {
    *ret = k.value;
    return true;
  }
  diag_sweep_number(f->s, ast->span, MOST_SWEEPS - 1);
  return false;
}

/* `3..7` of an NWB file, or one number. */
static bool sweeps_numbered(FitContext *f, Name path, const Ast *arg, MSweepList *ret) {
  const AstRange *range = arg->kind == AST_RANGE ? AST_AS(Range, arg) : NULL;
  double from, to;
  if (!sweep_number(f, range ? range->from : arg, &from)) return false;
  to = from;
  if (range && !sweep_number(f, range->to, &to)) return false;
  if (to < from) {
    diag_slice_empty(f->s, arg->span, from, to);
    return false;
  }
  for (double i = from; i <= to; i++)
    vec_push(f->s->arena, ret, ((MSweep){path, name_fmt(f->s, "%.0f", i), arg->span, 0}));
  return true;
}

/* Of a file: groups of HDF5 by their names, sweeps of NWB by name or number. */
static bool sweeps_of_file(FitContext *f, MSweepForm form, const AstCall *call, Name path, MSweepList *ret) {
  for (uint32_t i = 1; i < call->args.n; i++) {
    const Ast *arg = call->args.at[i];
    if (arg->kind == AST_STRING) {
      vec_push(f->s->arena, ret, ((MSweep){path, AST_AS(String, arg)->text, arg->span, 0}));
    } else if (form != SWEEPS_NWB || arg->kind == AST_NAMED) {
      diag_sweep_form(f->s, arg->span, form == SWEEPS_NWB);
      return false;
    } else if (!sweeps_numbered(f, path, arg, ret)) {
      return false;
    }
  }
  if (call->args.n == 1) diag_sweep_form(f->s, call->head.span, form == SWEEPS_NWB);
  return call->args.n > 1;
}

static bool sweeps_read(FitContext *f, MSweepForm form, const AstCall *call, MSweepList *ret) {
  if (call->args.n == 0) diag_data_file(f->s, call->head.span, forms[form]);
  for (uint32_t i = 0; i < call->args.n && (i == 0 || form == SWEEPS_CSV); i++) {
    const Ast *arg = call->args.at[i];
    MData file = {0};
    if (arg->kind != AST_STRING) {
      diag_data_file(f->s, arg->span, forms[form]);
      return false;
    }
    if (!source_file(f->c, arg, &file)) return false;
    if (form != SWEEPS_CSV) return sweeps_of_file(f, form, call, file.path, ret);
    vec_push(f->s->arena, ret, ((MSweep){.path = file.path, .span = arg->span}));
  }
  return call->args.n > 0;
}

/* ---- columns */

static bool column_doubled(FitContext *f, const MSweepColumn *c) {
  for (uint32_t i = 0; i < f->m->data.columns.n; i++) {
    const MSweepColumn *before = &f->m->data.columns.at[i];
    if (name_eq(before->name, c->name)) {
      diag_declared_twice(f->s, c->span, name_str(f->s, c->name), before->span);
      return true;
    }
    if (c->time && before->time) {
      diag_data_times(f->s, c->span, before->span);
      return true;
    }
  }
  return false;
}

static bool column_read(FitContext *f, const Ast *st) {
  Session *s = f->s;
  const AstColumn *column = st->kind == AST_COLUMN ? AST_AS(Column, st) : NULL;
  Unit unit;
  if (!column || !column->base || column->base->kind != AST_NAME) {
    diag_data_column(s, column && column->base ? column->base->span : st->span);
    return false;
  }
  if (!column->unit || !check_unit(f->c, column->unit, &unit)) return false;
  AstWord name = AST_AS(NameRef, column->base)->name;
  MSweepColumn made = {.name = name.name,
                       .unit = AST_AS(Unit, column->unit)->text,
                       .unit_scale = unit.scale,
                       .dim = unit.dim,
                       .time = dim_eq(unit.dim, dim_time(1)),
                       .span = name.span};
  if (column_doubled(f, &made)) return false;
  vec_push(s->arena, &f->m->data.columns, made);
  return true;
}

static bool columns_read(FitContext *f, const AstDataDecl *ast) {
  bool good = true, times = false, values = false;
  for (uint32_t i = 0; i < ast->columns.n; i++)
    if (ast->columns.at[i]->kind != AST_EVENTS) good &= column_read(f, ast->columns.at[i]);
  for (uint32_t i = 0; i < ast->columns.n; i++)
    if (ast->columns.at[i]->kind == AST_EVENTS) good &= fit_events(f, AST_AS(Events, ast->columns.at[i]));
  for (uint32_t i = 0; i < f->m->data.columns.n; i++) {
    times |= f->m->data.columns.at[i].time;
    values |= !f->m->data.columns.at[i].time;
  }
  if (!good) return false;
  if (!values || (!times && f->m->data.form == SWEEPS_CSV)) {
    diag_data_columns(f->s, ast->sources.at[0]->span, values);
    return false;
  }
  return true;
}

/* ---- the statements */

/* One source for each cell, all of one form. */
static bool sources_read(FitContext *f, const AstList *sources, bool data, MSweepList *ret) {
  bool good = true;
  for (uint32_t i = 0; good && i < sources->n; i++) {
    const Ast *source = sources->at[i];
    int form = source ? form_of(f, source) : -1;
    if (form < 0) return false;
    if (data && i == 0) f->m->data.form = (MSweepForm)form;
    if (form != (int)f->m->data.form) {
      diag_validate_form(f->s, source->span, forms[form], forms[f->m->data.form], f->m->data.span);
      return false;
    }
    uint32_t before = ret->n;
    good = sweeps_read(f, f->m->data.form, AST_AS(Call, source), ret);
    for (uint32_t k = before; k < ret->n; k++) ret->at[k].cell = i;
  }
  return good;
}

/* `rec[s]`, `rec[c, s]`. */
static bool indices_read(FitContext *f, const AstDataDecl *ast) {
  MRecording *data = &f->m->data;
  const char *name = name_str(f->s, data->name);
  uint32_t n = ast->binders.n;
  for (uint32_t i = 0; i < n; i++) {
    const AstBinder *binder = AST_AS(Binder, ast->binders.at[i]);
    if (binder->set || i == 2) {
      diag_data_index(f->s, ast->binders.at[i]->span, name);
      return false;
    }
    if (i + 1 == n) data->index = binder->name.name;
    else data->cell_index = binder->name.name;
  }
  if (n == 2 && name_eq(data->index, data->cell_index)) diag_data_index(f->s, ast->binders.at[1]->span, name);
  else if (n < 2 && ast->sources.n > 1) diag_data_cells(f->s, ast->sources.at[1] ? ast->sources.at[1]->span : data->span, name);
  else return true;
  return false;
}

bool fit_data(FitContext *f, const AstDataDecl *ast) {
  MRecording *data = &f->m->data;
  if (!ast->sources.n || !ast->sources.at[0] || name_none(ast->name.name)) return false;
  data->name = ast->name.name;
  data->span = ast->name.span;
  data->cells = ast->sources.n;
  if (!indices_read(f, ast)) return false;
  bool good = sources_read(f, &ast->sources, true, &data->sweeps);
  return columns_read(f, ast) && good;
}

bool fit_validate(FitContext *f, const AstValidate *ast) {
  const MRecording *data = &f->m->data;
  if (!ast->sources.n || !ast->sources.at[0]) return false;
  if (ast->sources.n != data->cells) {
    diag_validate_cells(f->s, ast->head.span, data->cells, ast->sources.n, data->span);
    return false;
  }
  return sources_read(f, &ast->sources, false, &f->m->data.validation);
}

/* `rec`, and `rec.V` for each column but that of the times, and for lists of events. */
void fit_declare_data(FitContext *f) {
  const MRecording *data = &f->m->data;
  const MVar *own = component_var(f->pop->component, data->name);
  if (own) diag_declared_twice(f->s, data->span, name_str(f->s, data->name), own->span);
  Symbol *rec = scope_declare(f->c, f->names, SYM_RECORDING, data->name, data->span);
  rec->recording = data;
  for (uint32_t i = 0; i < data->columns.n; i++) {
    const MSweepColumn *column = &data->columns.at[i];
    if (column->time) continue;
    Name path = name_fmt(f->s, "%s.%s", name_str(f->s, data->name), name_str(f->s, column->name));
    Symbol *symbol = scope_declare(f->c, f->names, SYM_EXPR, path, column->span);
    symbol->expr = expr_sample(f->c, column->span, column->dim, i);
  }
  for (uint32_t i = 0; i < data->events.n; i++) {
    Name path = name_fmt(f->s, "%s.%s", name_str(f->s, data->name), name_str(f->s, data->events.at[i].name));
    Symbol *symbol = scope_declare(f->c, f->names, SYM_EVENTS, path, data->events.at[i].span);
    symbol->recording = data;
    symbol->event = i;
  }
}

/* Events of recordings: lists of times in each sweep, and what they do in a fit.
 *
 * They are read from the file, or found where a column rises through a level. `drive spike with rec.s` lets the neuron's spike
 * handlers run at them, and then its own condition fires nothing: so a neuron with escape noise has one course, which a likelihood
 * of these very spikes needs. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

/* ---- the declaration */

static bool name_taken(FitContext *f, AstWord name) {
  const MRecording *data = &f->m->data;
  Span before = {0, 0};
  for (uint32_t i = 0; i < data->columns.n; i++)
    if (name_eq(data->columns.at[i].name, name.name)) before = data->columns.at[i].span;
  for (uint32_t i = 0; i < data->events.n; i++)
    if (name_eq(data->events.at[i].name, name.name)) before = data->events.at[i].span;
  if (before.to) diag_declared_twice(f->s, name.span, name_str(f->s, name.name), before);
  return before.to != 0;
}

static bool times_read(FitContext *f, const Ast *ast, MSweepEvents *e) {
  Unit unit;
  if (!check_unit(f->c, ast, &unit)) return false;
  e->unit = AST_AS(Unit, ast)->text;
  e->unit_scale = unit.scale;
  if (dim_eq(unit.dim, dim_time(1))) return true;
  diag_events_unit(f->s, ast->span, name_str(f->s, e->name), unit.dim);
  return false;
}

static bool column_named(FitContext *f, const Ast *ast, uint32_t *ret) {
  const MRecording *data = &f->m->data;
  Name name = ast->kind == AST_NAME ? AST_AS(NameRef, ast)->name.name : (Name){0};
  const char **words = NEW_ARRAY(f->s->arena, const char *, data->columns.n + 1);
  size_t n = 0;
  for (uint32_t i = 0; i < data->columns.n; i++) {
    if (data->columns.at[i].time) continue;
    words[n++] = name_str(f->s, data->columns.at[i].name);
    if (ast->kind != AST_NAME || !name_eq(data->columns.at[i].name, name)) continue;
    *ret = i;
    return true;
  }
  diag_events_column(f->s, ast->span, name_none(name) ? NULL : diag_nearest(name_str(f->s, name), words, n), n ? words[0] : NULL);
  return false;
}

/* crossings(COLUMN, LEVEL) */
static bool crossings_read(FitContext *f, const Ast *ast, MSweepEvents *e) {
  static const char *const words[] = {"crossings"};
  const AstCall *call = ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  const char *text = call && call->callee->kind == AST_NAME ? name_str(f->s, AST_AS(NameRef, call->callee)->name.name) : "";
  bool right = strcmp(text, words[0]) == 0;
  if (!right || call->args.n != 2 || call->args.at[1]->kind == AST_NAMED) {
    diag_events_form(f->s, right ? ast->span : call ? call->callee->span : ast->span,
                     right ? NULL : diag_nearest(text, words, COUNT_OF(words)));
    return false;
  }
  if (!column_named(f, call->args.at[0], &e->column)) return false;
  Want want = {.has_dim = true, .dim = f->m->data.columns.at[e->column].dim, .who = "the level of `crossings`"};
  MExpr *level = check_expr(f->c, f->n->scope, call->args.at[1], &want);
  if (!level) return false;
  Known known = known_literal(level);
  e->level = known.value;
  e->crossings = true;
  if (known.known && isfinite(known.value)) return true;
  diag_constant_wanted(f->s, call->args.at[1]->span, "the level of `crossings`", false);
  return false;
}

bool fit_events(FitContext *f, const AstEvents *ast) {
  MSweepEvents made = {.name = ast->name.name, .span = ast->name.span};
  if (name_none(ast->name.name) || (!ast->unit && !ast->source) || name_taken(f, ast->name)) return false;
  if (ast->unit && f->m->data.form == SWEEPS_NWB) {
    diag_not_supported(f->s, ast->head.span, "lists of times in NWB files", "Find them in a column: `events s = crossings(V, 0 mV)`.");
    return false;
  }
  if (ast->unit ? !times_read(f, ast->unit, &made) : !crossings_read(f, ast->source, &made)) return false;
  vec_push(f->s->arena, &f->m->data.events, made);
  return true;
}

/* ---- where they are meant */

bool fit_events_named(FitContext *f, const Ast *ast, const char *who, uint32_t *ret) {
  const MRecording *data = &f->m->data;
  bool path = ast->kind == AST_MEMBER || ast->kind == AST_NAME;
  Symbol *symbol = path ? check_path(f->c, f->names, ast) : NULL;
  if (path && !symbol) return false;
  if (symbol && symbol->kind == SYM_EVENTS) {
    *ret = symbol->event;
    return true;
  }
  const char *only = data->events.n == 1 ? name_str(f->s, data->events.at[0].name) : NULL;
  diag_events_wanted(f->s, ast->span, who, name_str(f->s, data->name), only, data->events.n > 0);
  return false;
}

bool fit_is_spike(const FitContext *f, const Ast *ast) {
  return ast->kind == AST_NAME && strcmp(name_str(f->s, AST_AS(NameRef, ast)->name.name), "spike") == 0;
}

bool fit_drive_spike(FitContext *f, uint32_t events, Span span) {
  const MComponent *component = f->pop->component;
  MFit *m = f->m;
  if (!component->spikes.n) {
    diag_no_spikes(f->s, span, name_str(f->s, component->name), component->span);
    return false;
  }
  if (m->spikes != MODEL_NO_EVENTS && m->spikes != (int32_t)events) {
    diag_spikes_differ(f->s, span, name_str(f->s, m->data.events.at[m->spikes].name), m->spikes_span);
    return false;
  }
  if (m->spikes == MODEL_NO_EVENTS) m->spikes_span = span;
  m->spikes = (int32_t)events;
  return true;
}

void fit_spikes_known(FitContext *f) {
  const MComponent *component = f->pop->component;
  if (f->m->spikes != MODEL_NO_EVENTS) return;
  for (uint32_t i = 0; i < component->spikes.n; i++) {
    if (component->spikes.at[i]->form != SPIKE_RATE) continue;
    diag_fit_random_spikes(f->s, f->pop->span, name_str(f->s, component->name), name_str(f->s, f->m->data.name),
                           component->spikes.at[i]->span);
    return;
  }
}

/* ---- the window */

bool fit_except(FitContext *f, const AstMinimize *ast) {
  f->around[0] = f->around[1] = NULL;
  if (!ast->except || !ast->around) return !ast->except;
  if (ast->except->kind != AST_RANGE) {
    diag_except_form(f->s, ast->except->span, name_str(f->s, f->m->data.name));
    return false;
  }
  const AstRange *range = AST_AS(Range, ast->except);
  Want want = {.has_dim = true, .dim = dim_time(1), .who = "the time around an event"};
  f->around[0] = check_expr(f->c, f->n->scope, range->from, &want);
  f->around[1] = check_expr(f->c, f->n->scope, range->to, &want);
  if (!f->around[0] || !f->around[1] || !fit_events_named(f, ast->around, "what stands behind `around`", &f->except)) return false;
  Known from = net_known(f->n, f->around[0]), to = net_known(f->n, f->around[1]);
  if (!from.known || !to.known || from.value < to.value) return true;
  diag_window_empty(f->s, range->from->span, from.value, to.value);
  return false;
}

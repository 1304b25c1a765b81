/* A `fit` block -> MFit: the neuron, its recordings, what drives it, what is free, stages with their objectives.
 *
 * The neuron is checked as that of an experiment, so that settings hold for the fit alone. Statements may stand in any
 * order: each kind is read when what it needs is known. Needs the file's names declared; gives a fit whose values,
 * windows and options are complete. */
#include "lang/fit.h"
#include "lang/signal.h"

#include <string.h>

static const char fit_has[] =
    "A fit has `neuron`, `data`, `drive`, `free`, `with dt = …`, `minimize` and `by`, or `stage`s of these two, `constrain`, `force`, `field` and `validate`.";

/* ---- statements that stand once */

/* The only statement of its kind in a list; NULL: none, or after a message about the second. */
static const Ast *only(FitContext *f, const AstList *body, AstKind kind, const char *what) {
  const Ast *found = NULL;
  for (uint32_t i = 0; i < body->n; i++) {
    if (body->at[i]->kind != kind) continue;
    if (found) {
      diag_fit_twice(f->s, body->at[i]->span, what, found->span);
      return found;
    }
    found = body->at[i];
  }
  return found;
}

static bool has(const AstList *body, AstKind kind) {
  for (uint32_t i = 0; i < body->n; i++)
    if (body->at[i]->kind == kind) return true;
  return false;
}

/* ---- the subject */

static bool fit_subject(FitContext *f, Scope *scope) {
  Session *s = f->s;
  const AstSubject *subject = (const AstSubject *)only(f, &f->block->body, AST_SUBJECT, "neuron");
  if (!subject) {
    diag_fit_missing(s, f->block->name.span, name_str(s, f->m->name), "no neuron", "Name one: `neuron squid`.");
    return false;
  }
  if (!subject->component) return false;
  if (fit_of_network(f, subject)) return fit_network_subject(f, scope, subject);
  f->n = net_check_neuron(f->c, scope, subject, f->m->x);
  if (!f->n || !f->m->x->populations.n) return false;
  f->pop = f->m->x->populations.at[0];
  const MComponent *component = f->pop->component;
  f->m->x->subject_doc = component->doc;
  for (uint32_t i = 0; i < component->reactions.n; i++) {
    if (!component->reactions.at[i].jumps) continue;
    diag_reaction_jumps(s, subject->component->span, "a fit", component->reactions.at[i].span);
    return false;
  }
  return !component->failed;
}

/* What an expression of the fit sees: the neuron's names, and names of the file that it does not hide. */
static void fit_names(FitContext *f, const Scope *file) {
  f->names = scope_new(f->c, f->pop->component->scope);
  for (uint32_t i = 0; i < file->symbols.n; i++) {
    Symbol *symbol = file->symbols.at[i];
    if (!scope_find(f->names, symbol->name)) scope_enter(f->c, f->names, symbol);
  }
}

/* ---- drives */

static bool driven_twice(FitContext *f, const MFitDrive *d) {
  for (uint32_t i = 0; i < f->m->drives.n; i++)
    if (f->m->drives.at[i].input == d->input) {
      diag_fit_driven_twice(f->s, d->span, name_str(f->s, d->input->name), f->m->drives.at[i].span);
      return true;
    }
  return false;
}

/* `step(…)`: a waveform of an experiment. */
static bool is_source(const FitContext *f, const Ast *ast) {
  const Ast *callee = ast->kind == AST_CALL ? AST_AS(Call, ast)->callee : NULL;
  if (!callee || callee->kind != AST_NAME) return false;
  Name name = AST_AS(NameRef, callee)->name.name;
  return source_named(name_str(f->s, name)) && !scope_find(f->names, name);
}

/* `drive spike with rec.s` */
static void drive_of_spikes(FitContext *f, const AstDrive *ast) {
  uint32_t events;
  if (ast->binders.n || ast->cond || ast->settings.n)
    diag_fit_drive(f->s, ast->head.span, name_str(f->s, f->m->data.name));
  else if (fit_events_named(f, ast->source, "what drives `spike`", &events))
    fit_drive_spike(f, events, ast->head.span);
}

static bool has_field(const FitContext *f, const MExpr *e) {
  for (uint32_t i = 0; e->kind == MX_VAR && i < f->m->fields.n; i++)
    if (f->m->fields.at[i].value == e->var) return true;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (e->args[i] && has_field(f, e->args[i])) return true;
  return false;
}

/* A column, a constant, an expression of fields, or a column and such an expression. */
static bool drive_parts(const FitContext *f, const MExpr *e, MFitDrive *d) {
  bool sum = e->kind == MX_CALL && e->builtin == B_ADD, first = sum && e->args[0]->kind == MX_SAMPLE;
  const MExpr *sample = e->kind == MX_SAMPLE ? e : first ? e->args[0] : sum && e->args[1]->kind == MX_SAMPLE ? e->args[1] : NULL;
  MExpr *rest = sample == e ? NULL : !sample ? (MExpr *)e : first ? e->args[1] : e->args[0];
  d->column = sample ? sample->arg : UINT32_MAX;
  if (!rest) return true;
  if (expr_has(rest, MX_SAMPLE)) return false;
  if (has_field(f, rest)) d->field = rest;
  else if (!sample && !expr_varies(rest) && !expr_has(rest, MX_VAR)) d->value = rest;
  else return false;
  return true;
}

static void fit_drive(FitContext *f, const AstDrive *ast) {
  Session *s = f->s;
  if (!ast->target || !ast->source) return;
  if (fit_is_spike(f, ast->target)) {
    drive_of_spikes(f, ast);
    return;
  }
  MFitDrive d = {.input = net_lone_input(f->n, ast->target), .span = ast->head.span};
  if (ast->binders.n || ast->cond || ast->settings.n) {
    diag_fit_drive(s, ast->head.span, name_str(s, f->m->data.name));
    return;
  }
  if (!d.input || driven_twice(f, &d)) return;
  if (is_source(f, ast->source)) {
    diag_fit_drive(s, ast->source->span, name_str(s, f->m->data.name));
    return;
  }
  Want want = {.has_dim = true, .dim = d.input->dim, .who = "the driven input", .allow = ALLOW_CHANGING | ALLOW_TIME};
  const MExpr *e = check_expr(f->c, f->names, ast->source, &want);
  if (!e) return;
  if (drive_parts(f, e, &d)) vec_push(s->arena, &f->m->drives, d);
  else diag_fit_drive(s, ast->source->span, name_str(s, f->m->data.name));
}

/* ---- settings */

static void fit_settings(FitContext *f) {
  NetRunSeen seen = {0};
  for (uint32_t i = 0; i < f->block->body.n; i++)
    if (f->block->body.at[i]->kind == AST_WITH)
      net_run_settings(f->n, &AST_AS(With, f->block->body.at[i])->settings, true, &seen);
  if (!seen.dt.to)
    diag_fit_missing(f->s, f->block->name.span, name_str(f->s, f->m->name), "no step", "Add `with dt = 0.025 ms`.");
}

/* ---- stages */

static MTermList constraints_of(FitContext *f, const AstList *body) {
  MTermList list = {0};
  for (uint32_t i = 0; i < body->n; i++)
    if (body->at[i]->kind == AST_CONSTRAIN) fit_constrain(f, AST_AS(Constrain, body->at[i]), &list);
  return list;
}

static void fit_neuron_stage(FitContext *f, const Ast *minimize, AstWord name, const AstList *body) {
  if (minimize) fit_minimize(f, AST_AS(Minimize, minimize));
  for (uint32_t i = 0; i < body->n; i++)
    if (body->at[i]->kind == AST_FORCE) fit_force(f, AST_AS(Force, body->at[i]));
  MTermList own = {0};
  if (!name_none(name.name)) own = constraints_of(f, body);
  fit_constrain_all(f, &own);
}

static void fit_stage(FitContext *f, AstWord name, const AstList *body, Span span) {
  Session *s = f->s;
  MStage *stage = NEW(s->arena, MStage);
  *stage = (MStage){.name = name.name, .span = span};
  const char *text = name_none(name.name) ? name_str(s, f->m->name) : name_str(s, name.name);
  const Ast *minimize = only(f, body, AST_MINIMIZE, "minimize"), *by = only(f, body, AST_BY, "by");
  if (!minimize)
    diag_fit_missing(s, span, text, "nothing to minimize", "Add `minimize mean((V - rec.V)^2) / (1 mV)^2`.");
  else if (!by)
    diag_fit_missing(s, span, text, "no optimizer", "Add `by lm(steps = 20) from 32 starts`.");
  f->stage = stage;
  for (uint32_t i = 0; !name_none(name.name) && i < body->n; i++)
    if (body->at[i]->kind == AST_FREE) fit_searched(f, AST_AS(Free, body->at[i]));
  if (f->m->network) fit_network_stage(f, minimize, body);
  else fit_neuron_stage(f, minimize, name, body);
  if (by) fit_by(f, AST_AS(By, by));
  if (by && stage->objective) fit_squares(f);
  f->stage = NULL;
  vec_push(s->arena, &f->m->stages, stage);
}

static bool of_stage(const Ast *st) {
  return st->kind == AST_MINIMIZE || st->kind == AST_BY || st->kind == AST_CONSTRAIN || st->kind == AST_FORCE || st->kind == AST_FREE;
}

/* The stages as they stand, or the fit's only one. */
static void fit_stages(FitContext *f) {
  const AstList *body = &f->block->body;
  if (!has(body, AST_STAGE)) {
    fit_stage(f, (AstWord){0}, body, f->block->name.span);
    return;
  }
  for (uint32_t i = 0; i < body->n; i++) {
    const Ast *st = body->at[i];
    if (st->kind == AST_MINIMIZE || st->kind == AST_BY || st->kind == AST_FORCE)
      diag_fit_outside_stage(f->s, st->span, st->kind == AST_BY ? "by" : st->kind == AST_FORCE ? "force" : "minimize");
    if (st->kind != AST_STAGE) continue;
    const AstStage *stage = AST_AS(Stage, st);
    for (uint32_t k = 0; k < f->m->stages.n; k++)
      if (name_eq(f->m->stages.at[k]->name, stage->name.name))
        diag_declared_twice(f->s, stage->name.span, name_str(f->s, stage->name.name), f->m->stages.at[k]->span);
    for (uint32_t k = 0; k < stage->body.n; k++)
      if (!of_stage(stage->body.at[k]))
        net_misplaced(f->n, stage->body.at[k], "a stage",
                      "A stage has one `minimize` and one `by`, with `constrain`, `force` and `free`; the rest stands in the fit.");
    fit_stage(f, stage->name, &stage->body, stage->name.span);
  }
}

/* ---- the block */

static void fit_misplaced(FitContext *f, const Ast *st) {
  switch ((int)st->kind) {
  case AST_RUN: if (f->m->network) return; break;
  case AST_SUBJECT: case AST_DATA: case AST_DRIVE: case AST_FREE: case AST_STAGE: case AST_MINIMIZE: case AST_BY: case AST_WITH:
  case AST_CONSTRAIN: case AST_FIELD: case AST_FORCE: case AST_VALIDATE: return;
  }
  net_misplaced(f->n, st, "a fit", fit_has);
}

static bool fit_recordings(FitContext *f) {
  const AstList *body = &f->block->body;
  const Ast *data = only(f, body, AST_DATA, "data"), *validate = only(f, body, AST_VALIDATE, "validate");
  if (!data) {
    diag_fit_missing(f->s, f->block->name.span, name_str(f->s, f->m->name), "no recordings",
                     "Add `data rec = csv(\"step.csv\") { t : ms;  I : pA;  V : mV }`.");
    return false;
  }
  if (!fit_data(f, AST_AS(DataDecl, data))) return false;
  fit_declare_data(f);
  return !validate || fit_validate(f, AST_AS(Validate, validate));
}

/* Of a neuron: what is recorded, what drives it, how it is run. */
static bool fit_body(FitContext *f, Symbol *fit) {
  fit_names(f, fit->scope);
  if (!fit_recordings(f)) return false;
  fit_settings(f);
  for (uint32_t i = 0; i < f->block->body.n; i++)
    if (f->block->body.at[i]->kind == AST_FIELD) fit_field(f, AST_AS(FieldDecl, f->block->body.at[i]));
  for (uint32_t i = 0; i < f->block->body.n; i++)
    if (f->block->body.at[i]->kind == AST_DRIVE) fit_drive(f, AST_AS(Drive, f->block->body.at[i]));
  return true;
}

void check_fit(Checker *c, Symbol *fit) {
  const AstBlock *block = AST_AS(Block, fit->ast);
  uint32_t errors = c->s->errors;
  FitContext *f = NEW(c->arena, FitContext);
  *f = (FitContext){.c = c, .s = c->s, .m = NEW(c->arena, MFit), .block = block};
  f->m->name = block->name.name;
  f->m->doc = block->doc;
  f->m->span = block->name.span;
  f->m->spikes = MODEL_NO_EVENTS;
  f->m->x = NEW(c->arena, MExperiment);
  f->m->x->name = block->name.name;
  f->m->x->span = block->name.span;
  vec_push(c->arena, &c->model->fits, f->m);
  if (!fit_subject(f, fit->scope)) return;
  for (uint32_t i = 0; i < block->body.n; i++) fit_misplaced(f, block->body.at[i]);
  if (f->m->network) fit_network_body(f);
  else if (!fit_body(f, fit)) return;
  for (uint32_t i = 0; i < block->body.n; i++)
    if (block->body.at[i]->kind == AST_FREE) fit_free(f, AST_AS(Free, block->body.at[i]));
  if (!has(&block->body, AST_FREE) && !has(&block->body, AST_FIELD))
    diag_fit_missing(c->s, block->name.span, name_str(c->s, f->m->name), "nothing free", "Add `free NAME in [a, b]`.");
  if (!f->m->network) f->constraints = constraints_of(f, &block->body);
  fit_stages(f);
  if (c->s->errors > errors) return;
  if (!f->m->network) {
    fit_spikes_known(f);
    fit_reset_matters(f);
    fit_features_matter(f);
  }
  if (c->s->errors) return;
  fit_free_searched(f);
  fit_free_starts(f);
  if (!f->m->network) fit_free_matters(f);
  fit_free_priors(f);
}

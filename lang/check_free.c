/* `free` of a fit -> MFree: params and values at the start, their bounds, and whether any term of the fit depends on them.
 *
 * The dependence is that of the text: a variable that an equation, a let, a value at the start, a handler or a spike
 * condition names. So what is reported here cannot have a derivative; what is not may still have one of 0. */
#include "lang/fit.h"
#include "lang/warn.h"

#include <math.h>
#include <string.h>

/* ---- what is free */

static bool is_zero(FitContext *f, const AstList *args) {
  double value;
  Want want = {0};
  MExpr *e = args->n == 1 && args->at[0]->kind != AST_NAMED ? check_expr(f->c, f->n->scope, args->at[0], &want) : NULL;
  return e && expr_constant(e, false, &value) && value == 0;
}

static bool kind_fits(FitContext *f, const Symbol *symbol, const Ast *ast, bool initial) {
  Session *s = f->s;
  const MVar *var = symbol->kind == SYM_VAR ? symbol->var : NULL;
  const char *name = name_str(s, symbol->name), *kind = symbol_kind_text(f->c, symbol);
  if (symbol->kind == SYM_FAMILY && symbol->family) {
    diag_index_missing(s, ast->span, name, symbol->family->n_axes, symbol->span);
    return false;
  }
  if (initial && var && var->kind != VAR_STATE) {
    diag_free_start_of(s, ast->span, name, kind, symbol->span);
    return false;
  }
  if (initial && var && var->steady) {
    diag_reaction_form(s, ast->span, REACTION_STEADY_SET);
    return false;
  }
  if (var && (initial || (var->kind == VAR_PARAM && !var->domain.labels.n))) return true;
  diag_free_kind(s, ast->span, name, var && var->domain.labels.n ? "a choice" : kind, var && var->kind == VAR_STATE, symbol->span);
  return false;
}

/* The variable of `na.g` or `V(0)`; NULL after a message. */
static MVar *free_var(FitContext *f, const AstFreeItem *item, MFree *ret) {
  const Ast *ast = item->target;
  const AstCall *call = ast->kind == AST_CALL ? AST_AS(Call, ast) : NULL;
  if (item->of) {
    diag_not_supported(f->s, item->head.span, "free weights", "This version fits params and values at the start of one neuron.");
    return NULL;
  }
  if (call) ast = call->callee;
  Symbol *symbol = check_path(f->c, f->names, ast);
  if (!symbol || !symbol_resolve(f->c, symbol, ast->span)) return NULL;
  if (!kind_fits(f, symbol, ast, call != NULL)) return NULL;
  if (call && !is_zero(f, &call->args)) {
    diag_free_start_of(f->s, call->head.span, name_str(f->s, symbol->name), NULL, symbol->span);
    return NULL;
  }
  ret->var = symbol->var;
  ret->dim = ret->var->dim;
  ret->unit = ret->var->unit;
  ret->unit_scale = ret->var->unit_scale;
  ret->initial = call != NULL;
  ret->path = call ? name_fmt(f->s, "%s(0)", name_str(f->s, symbol->var->name)) : symbol->var->name;
  return ret->var;
}

/* ---- bounds */

/* The declared value, with the settings of the fit. */
static bool declared_value(const FitContext *f, const MFree *free, double *ret) {
  const WarnPoint point = {free->pop ? free->pop : f->pop, NULL, NULL};
  if (free->global) {
    Known k = net_known(f->n, free->global->value);
    *ret = k.value;
    return k.known;
  }
  if (!free->var) return false;
  const MExpr *value = free->var->value;
  for (uint32_t i = 0; i < point.pop->settings.n; i++)
    if (point.pop->settings.at[i].var == free->var) value = point.pop->settings.at[i].value;
  return value && warn_value(&point, value, ret);
}

static const char *bound_text(FitContext *f, const MExpr *bound) { return source_span_text(f->s, bound->span, f->s->arena); }

static const MDomain *domain_of(const MFree *free) {
  static const MDomain all = {0}; /* of weights: the runtime knows it */
  return free->global ? &free->global->domain : free->var ? &free->var->domain : &all;
}

/* An end of the declared domain, as far as it is known. */
static bool edge_known(const FitContext *f, const MFree *free, const MExpr *limit, double *ret) {
  const WarnPoint point = {free->pop ? free->pop : f->pop, NULL, NULL};
  if (!free->global) return warn_value(&point, limit, ret);
  Known k = net_known(f->n, limit);
  *ret = k.value;
  return k.known;
}

/* Do the bounds lie inside of the declared domain? */
static bool bounds_inside(FitContext *f, const MFree *free) {
  const MDomain *own = domain_of(free);
  const MExpr *const ends[2] = {free->domain.lo, free->domain.hi};
  if (free->initial || !own->has) return true;
  for (int i = 0; i < 2; i++) {
    double value, edge;
    const MExpr *limit = i ? own->hi : own->lo;
    if (!limit) continue;
    bool open = i ? free->domain.open_hi : free->domain.open_lo, own_open = i ? own->open_hi : own->open_lo;
    Known known = ends[i] ? net_known(f->n, ends[i]) : (Known){true, i ? INFINITY : -INFINITY};
    if (!known.known || !edge_known(f, free, limit, &edge)) continue;
    value = known.value;
    if ((i ? value < edge : value > edge) || (value == edge && (open || !own_open))) continue;
    diag_free_outside(f->s, ends[i] ? ends[i]->span : free->domain.span, name_str(f->s, free->path),
                      source_span_text(f->s, own->span, f->s->arena), own->span);
    return false;
  }
  return true;
}

static bool own_bounds(FitContext *f, MFree *free) {
  if (free->initial || !domain_of(free)->has) return true;
  free->domain = *domain_of(free);
  const MExpr *const ends[2] = {free->domain.lo, free->domain.hi};
  for (int i = 0; i < 2; i++)
    if (ends[i] && expr_has(ends[i], MX_VAR)) {
      diag_free_bounds(f->s, free->span, name_str(f->s, free->path), bound_text(f, ends[i]), free->domain.span);
      return false;
    }
  return true;
}

static bool free_bounds(FitContext *f, const AstFreeItem *item, MFree *free) {
  const char *path = name_str(f->s, free->path);
  if (!item->domain) return own_bounds(f, free);
  if (item->domain->kind != AST_INTERVAL) {
    diag_free_interval(f->s, item->domain->span, path);
    return false;
  }
  const char *who = arena_printf(f->s->arena, "`%s`", path);
  return check_domain(f->c, f->n->scope, item->domain, free->dim, who, &free->domain) && bounds_inside(f, free);
}

/* `~ normal(mean, sd)`: an optimizer's l2 pulls it there. */
static bool free_prior(FitContext *f, const AstFreeItem *item, MFree *free) {
  const AstCall *call = item->prior && item->prior->kind == AST_CALL ? AST_AS(Call, item->prior) : NULL;
  const char *path = name_str(f->s, free->path), *who = arena_printf(f->s->arena, "`%s`", path);
  if (!item->prior) return true;
  bool normal = call && call->callee->kind == AST_NAME && strcmp(name_str(f->s, AST_AS(NameRef, call->callee)->name.name), "normal") == 0;
  free->prior_span = item->prior->span;
  for (uint32_t i = 0; normal && i < call->args.n; i++) normal = call->args.at[i]->kind != AST_NAMED;
  if (!normal || call->args.n != 2) {
    diag_free_prior(f->s, item->prior->span, path);
    return false;
  }
  Want want = {.has_dim = true, .dim = free->dim, .who = who};
  free->mean = check_expr(f->c, f->n->scope, call->args.at[0], &want);
  free->sd = check_expr(f->c, f->n->scope, call->args.at[1], &want);
  Known sd = free->sd ? net_known(f->n, free->sd) : (Known){0};
  if (!free->mean || !free->sd || !sd.known || sd.value > 0) return free->mean && free->sd;
  diag_free_prior(f->s, call->args.at[1]->span, path);
  return false;
}

void fit_free_priors(FitContext *f) {
  bool pulls = false;
  for (uint32_t i = 0; i < f->m->stages.n; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->options.n; k++)
      pulls |= strcmp(name_str(f->s, f->m->stages.at[i]->options.at[k].name), "l2") == 0 && f->m->stages.at[i]->options.at[k].value > 0;
  for (uint32_t i = 0; !pulls && i < f->m->free.n; i++)
    if (f->m->free.at[i].mean) diag_free_prior_idle(f->s, f->m->free.at[i].prior_span, name_str(f->s, f->m->free.at[i].path));
}

/* ---- the statement */

static bool free_per(FitContext *f, const AstFreeItem *item, MFree *free) {
  if (name_none(item->per.name)) return true;
  const MRecording *data = &f->m->data;
  free->per_sweep = name_eq(item->per.name, data->index) && !name_none(data->index);
  free->per_cell = name_eq(item->per.name, data->cell_index) && !name_none(data->cell_index);
  if (!free->per_sweep && !free->per_cell)
    diag_free_per(f->s, item->per.span, name_str(f->s, item->per.name), name_str(f->s, data->name), name_str(f->s, data->index),
                  data->span);
  return free->per_sweep || free->per_cell;
}

static bool of_population(const MFree *free, const MPopulation *pop) {
  bool any = free->pop == pop;
  for (uint32_t i = 0; i < free->others.n; i++) any |= free->others.at[i] == pop;
  return any;
}

static bool same_population(const MFree *a, const MFree *b) {
  bool any = of_population(a, b->pop);
  for (uint32_t i = 0; i < b->others.n; i++) any |= of_population(a, b->others.at[i]);
  return any;
}

/* Weights of the same connection. */
static bool weights_meet(const MFree *a, const MFree *b) {
  bool any = false;
  for (uint32_t i = 0; i < a->weights.n; i++)
    for (uint32_t k = 0; k < b->weights.n; k++) any |= a->weights.at[i] == b->weights.at[k];
  return any;
}

/* The one among those of the fit that is the same; their number: none. */
static uint32_t free_like(const FitContext *f, const MFree *free) {
  for (uint32_t i = 0; i < f->m->free.n; i++) {
    const MFree *before = &f->m->free.at[i];
    if (weights_meet(before, free)) return i;
    if (!before->weights.n && !free->weights.n && before->var == free->var && same_population(before, free) && before->global == free->global && before->initial == free->initial)
      return i;
  }
  return f->m->free.n;
}

static bool free_twice(FitContext *f, const MFree *free) {
  uint32_t at = free_like(f, free);
  if (at < f->m->free.n) diag_free_twice(f->s, free->span, name_str(f->s, free->path), f->m->free.at[at].span);
  return at < f->m->free.n;
}

void fit_free(FitContext *f, const AstFree *ast) {
  for (uint32_t i = 0; i < ast->items.n; i++) {
    const AstFreeItem *item = AST_AS(FreeItem, ast->items.at[i]);
    MFree free = {.span = item->target ? item->target->span : item->head.span};
    bool found = item->target && (f->m->network ? fit_free_network(f, item, &free) : free_var(f, item, &free) != NULL);
    if (!found || free_twice(f, &free)) continue;
    if (free_bounds(f, item, &free) && free_prior(f, item, &free) && free_per(f, item, &free)) vec_push(f->s->arena, &f->m->free, free);
  }
}

/* ---- of one stage */

static void searched_add(FitContext *f, uint32_t free, Span span) {
  for (uint32_t i = 0; i < f->stage->searched.n; i++) {
    if (f->stage->searched.at[i] != free) continue;
    diag_searched_twice(f->s, span, name_str(f->s, f->m->free.at[free].path));
    return;
  }
  vec_push(f->s->arena, &f->stage->searched, free);
}

/* `free u`: the weights of a field. */
static bool searched_field(FitContext *f, const Ast *target) {
  for (uint32_t i = 0; target->kind == AST_NAME && i < f->m->fields.n; i++) {
    const MField *field = &f->m->fields.at[i];
    if (!name_eq(field->name, AST_AS(NameRef, target)->name.name)) continue;
    for (uint32_t k = 0; k < field->n_weights; k++) searched_add(f, field->first + k, target->span);
    return true;
  }
  return false;
}

void fit_searched(FitContext *f, const AstFree *ast) {
  for (uint32_t i = 0; i < ast->items.n; i++) {
    const AstFreeItem *item = AST_AS(FreeItem, ast->items.at[i]);
    MFree free = {.span = item->target ? item->target->span : item->head.span};
    if (!item->target || searched_field(f, item->target)) continue;
    if (!(f->m->network ? fit_free_network(f, item, &free) : free_var(f, item, &free) != NULL)) continue;
    uint32_t at = free_like(f, &free);
    const char *path = name_str(f->s, free.path);
    if (at < f->m->free.n && free.weights.n != f->m->free.at[at].weights.n) at = f->m->free.n; /* a part of it */
    if (at == f->m->free.n) diag_searched_not_free(f->s, free.span, path);
    else if (item->domain || item->prior || !name_none(item->per.name)) diag_searched_bounds(f->s, item->head.span, path, f->m->free.at[at].span);
    else searched_add(f, at, free.span);
  }
}

bool fit_searches(const MStage *stage, uint32_t free) {
  for (uint32_t i = 0; i < stage->searched.n; i++)
    if (stage->searched.at[i] == free) return true;
  return stage->searched.n == 0;
}

void fit_free_searched(FitContext *f) {
  for (uint32_t i = 0; i < f->m->free.n; i++) {
    const MFree *free = &f->m->free.at[i];
    const MField *field = free->field ? &f->m->fields.at[free->field - 1] : NULL;
    bool any = field && i != field->first; /* which has been looked at by its first weight */
    for (uint32_t k = 0; k < f->m->stages.n; k++) any |= fit_searches(f->m->stages.at[k], i);
    if (!any) diag_searched_never(f->s, free->span, name_str(f->s, field ? field->name : free->path));
  }
}

/* ---- where the search starts */

/* Starts are drawn where the first stage draws some, for what it looks for. */
static bool starts_declared(const FitContext *f, uint32_t free) {
  return f->m->stages.at[0]->starts == 0 || !fit_searches(f->m->stages.at[0], free);
}

void fit_free_starts(FitContext *f) {
  for (uint32_t i = 0; i < f->m->free.n; i++) {
    const MFree *free = &f->m->free.at[i];
    double value;
    if (!starts_declared(f, i)) continue;
    if (!declared_value(f, free, &value) || net_inside(f->n, &free->domain, value) != 0) continue;
    diag_free_start(f->s, free->span, name_str(f->s, free->path), value / free->unit_scale, name_str(f->s, free->unit),
                    source_span_text(f->s, free->domain.span, f->s->arena), free->domain.span);
  }
}

/* ---- does it matter? */

typedef struct {
  const FitContext *f;
  const MComponent *component;
  bool *reached; /* by MVar.index: a term depends on its course */
  bool *start;   /* … on its value at the start */
  bool grew;
} Reach;

static void reach(Reach *r, const MExpr *e) {
  if (!e) return;
  if (e->kind == MX_VAR && e->var->index < r->component->vars.n && !r->reached[e->var->index])
    r->reached[e->var->index] = r->grew = true;
  for (uint32_t i = 0; i < e->n_args; i++) reach(r, e->args[i]);
}

/* Statements that change what is reached, and the conditions under which they do. */
static bool reach_statements(Reach *r, const MStmtList *list) {
  bool any = false;
  for (uint32_t i = 0; i < list->n; i++) {
    const MStmt *st = list->at[i];
    bool inner = reach_statements(r, &st->then);
    inner |= reach_statements(r, &st->other);
    inner |= st->var && r->reached[st->var->index];
    if (inner) reach(r, st->value);
    any |= inner;
  }
  return any;
}

static const MExpr *start_of(const Reach *r, const MVar *var) {
  for (uint32_t i = 0; i < r->f->pop->settings.n; i++)
    if (r->f->pop->settings.at[i].var == var) return r->f->pop->settings.at[i].value;
  return var->value;
}

/* traced: the state that follows a recording in this term, so that its own equation and start do not matter; or NULL. */
static void reach_all(Reach *r, const MVar *traced) {
  do {
    r->grew = false;
    for (uint32_t i = 0; i < r->component->vars.n; i++) {
      const MVar *var = r->component->vars.at[i];
      if (!r->reached[i] || var == traced) continue;
      reach(r, start_of(r, var));
      if (var->kind == VAR_STATE) r->start[i] = true;
      reach(r, var->equation);
      for (uint32_t k = 0; k < r->f->m->drives.n; k++)
        if (r->f->m->drives.at[k].input == var) reach(r, r->f->m->drives.at[k].field);
    }
    for (uint32_t i = 0; i < r->component->spikes.n; i++) {
      const MSpike *spike = r->component->spikes.at[i];
      if (!reach_statements(r, &spike->body) || r->f->m->spikes != MODEL_NO_EVENTS) continue;
      reach(r, spike->cond);
      reach(r, spike->level);
    }
  } while (r->grew);
}

static void reach_term(const FitContext *f, const MTerm *term, bool *reached, bool *start) {
  const MComponent *component = f->pop->component;
  uint32_t n = component->vars.n;
  Reach r = {f, component, NEW_ARRAY(f->s->arena, bool, n + 1), NEW_ARRAY(f->s->arena, bool, n + 1), false};
  switch (term->kind) {
    case TERM_MEAN:
    case TERM_CONSTRAINT: reach(&r, term->value); break;
    case TERM_FEATURE: reach(&r, term->value ? term->value : component->spikes.at[0]->cond); break;
    case TERM_LOGLIK: reach(&r, component->spikes.at[0]->cond); break;
    case TERM_RESIDUAL: reach(&r, term->state->equation); break;
  }
  reach_all(&r, term->state);
  for (uint32_t i = 0; i < n; i++) {
    reached[i] |= r.reached[i];
    start[i] |= r.start[i];
  }
}

static bool any_reached(const FitContext *f, const MTerm *term) {
  uint32_t n = f->pop->component->vars.n;
  bool *reached = NEW_ARRAY(f->s->arena, bool, n + 1), *start = NEW_ARRAY(f->s->arena, bool, n + 1);
  reach_term(f, term, reached, start);
  for (uint32_t i = 0; i < f->m->free.n; i++)
    if ((f->m->free.at[i].initial ? start : reached)[f->m->free.at[i].var->index]) return true;
  return false;
}

/* A constraint that stands for several stages may matter in one of them. */
static void constraint_matters(FitContext *f, const MTerm *term) {
  for (uint32_t i = 0; i < f->m->stages.n; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->terms.n; k++) {
      const MTerm *same = f->m->stages.at[i]->terms.at[k];
      if (same->value == term->value && any_reached(f, same)) return;
    }
  diag_constrain_idle(f->s, term->span);
}

/* Has a stage before this one had it? */
static bool stood_before(const FitContext *f, const MTerm *term, uint32_t stage) {
  for (uint32_t i = 0; i < stage; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->terms.n; k++)
      if (f->m->stages.at[i]->terms.at[k]->value == term->value) return true;
  return false;
}

static void constraints_matter(FitContext *f) {
  for (uint32_t i = 0; i < f->m->stages.n; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->terms.n; k++) {
      const MTerm *t = f->m->stages.at[i]->terms.at[k];
      if (t->kind == TERM_CONSTRAINT && !stood_before(f, t, i)) constraint_matters(f, t);
    }
}

void fit_free_matters(FitContext *f) {
  constraints_matter(f);
  uint32_t n = f->pop->component->vars.n;
  bool *matters = NEW_ARRAY(f->s->arena, bool, f->m->free.n + 1);
  for (uint32_t i = 0; i < f->m->stages.n; i++) {
    const MStage *stage = f->m->stages.at[i];
    bool *reached = NEW_ARRAY(f->s->arena, bool, n + 1), *start = NEW_ARRAY(f->s->arena, bool, n + 1);
    for (uint32_t k = 0; k < stage->terms.n; k++) reach_term(f, stage->terms.at[k], reached, start);
    for (uint32_t k = 0; k < f->m->free.n; k++)
      matters[k] |= fit_searches(stage, k) && (f->m->free.at[k].initial ? start : reached)[f->m->free.at[k].var->index];
  }
  for (uint32_t i = 0; i < f->m->free.n; i++)
    if (!matters[i]) diag_free_idle(f->s, f->m->free.at[i].span, name_str(f->s, f->m->free.at[i].path), f->m->free.at[i].initial);
}

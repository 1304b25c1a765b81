/* A fit of a network: `network NAME { … }`, `run`, what is free of its params and of its populations', an objective over
 * measures of the run.
 *
 * The network is checked as that of an experiment and run like one; there are no recordings. What `minimize` names are the
 * measures of `expect`, in the window of the `minimize`. */
#include "lang/check_inner.h"
#include "lang/fit.h"

#include <math.h>
#include <string.h>

static const char network_fit_has[] =
    "A fit of a network has `network`, `run`, `drive`, `free`, `minimize` and `by`, or `stage`s of these two.";

bool fit_of_network(const FitContext *f, const AstSubject *subject) {
  return strcmp(name_str(f->s, subject->what.name), "network") == 0;
}

bool fit_network_subject(FitContext *f, Scope *scope, const AstSubject *subject) {
  uint32_t errors = f->s->errors;
  f->m->network = true;
  f->n = net_check_network(f->c, scope, subject, f->m->x);
  if (!f->n || f->s->errors > errors) return false;
  f->names = f->n->scope;
  return true;
}

void fit_network_body(FitContext *f) {
  NetRunSeen seen = {0};
  const AstList *body = &f->block->body;
  for (uint32_t i = 0; i < body->n; i++) {
    const Ast *st = body->at[i];
    if (st->kind == AST_RUN) net_run(f->n, AST_AS(Run, st), &seen);
    if (st->kind == AST_DRIVE) net_drive(f->n, AST_AS(Drive, st), NULL, NULL);
    if (st->kind == AST_DATA || st->kind == AST_VALIDATE || st->kind == AST_WITH || st->kind == AST_CONSTRAIN || st->kind == AST_FORCE)
      net_misplaced(f->n, st, "a fit of a network", network_fit_has);
  }
  if (seen.seeds.to) diag_not_supported(f->s, seen.seeds, "`seeds` in a fit", "One run is one seed: `seed = 1`.");
  if (!f->m->x->phases.n)
    diag_fit_missing(f->s, f->block->name.span, name_str(f->s, f->m->name), "no run", "Add `run 1 s with dt = 0.1 ms, seed = 1`.");
  net_check_delays(f->n);
  net_check_steps(f->n, true);
  net_check_feeds(f->n);
}

/* ---- what is free */

static Name unit_of(FitContext *f, Name declared, Dim dim) {
  return !name_none(declared) ? declared : name_z(f->s, dim_none(dim) ? "1" : dim_coherent_unit(f->s, dim));
}

static bool free_global(FitContext *f, const Ast *ast, MFree *ret) {
  Symbol *symbol = check_path(f->c, f->n->scope, ast);
  if (!symbol || !symbol_resolve(f->c, symbol, ast->span)) return false;
  MGlobal *g = symbol->kind == SYM_GLOBAL ? symbol->global : NULL;
  const char *name = name_str(f->s, symbol->name), *kind = symbol_kind_text(f->c, symbol);
  if (symbol->kind == SYM_FAMILY && symbol->family) {
    diag_index_missing(f->s, ast->span, name, symbol->family->n_axes, symbol->span);
    return false;
  }
  if (!g || !g->settable || g->domain.labels.n || g->integer_like) {
    const char *what = !g || !g->settable ? kind : g->integer_like ? "a count" : "a choice";
    diag_free_kind(f->s, ast->span, name, what, false, symbol->span);
    return false;
  }
  const char *path = name_str(f->s, g->path); /* "brunel.J", which the fit calls J */
  *ret = (MFree){.path = name_z(f->s, path + strlen(name_str(f->s, f->n->name)) + 1), .global = g, .dim = g->dim, .unit = unit_of(f, g->unit, g->dim), .unit_scale = g->unit_scale, .span = ast->span};
  return true;
}

/* A value of its own for each cell is not one number. */
static bool drawn(const MPopulation *pop, const MVar *var) {
  for (uint32_t i = 0; i < pop->settings.n; i++)
    if (pop->settings.at[i].var == var) return pop->settings.at[i].draw;
  return var->draw;
}

static MVar *shared_param(FitContext *f, const MPopulation *pop, AstWord member, Span span) {
  Session *s = f->s;
  MVar *var = component_var(pop->component, member.name);
  const char *what = !var ? "no param of that neuron" : var->kind != VAR_PARAM ? "no param" : var->domain.labels.n ? "a choice" : drawn(pop, var) ? "drawn" : NULL;
  if (!what) return var;
  diag_free_kind(s, span, name_str(s, member.name), what, false, var ? var->span : pop->component->span);
  return NULL;
}

/* One value for all cells of populations. */
static bool free_of(FitContext *f, const MSliceList *slices, AstWord member, Span span, MFree *ret) {
  Session *s = f->s;
  const MPopulation *pop = slices->at[0].pop;
  MVar *var = shared_param(f, pop, member, span);
  if (!var) return false;
  *ret = (MFree){.path = name_fmt(s, "%s.%s", name_str(s, pop->path), name_str(s, member.name)), .var = var, .pop = pop, .dim = var->dim,
                 .unit = unit_of(f, var->unit, var->dim), .unit_scale = var->unit_scale, .span = span};
  for (uint32_t i = 0; i < slices->n; i++) {
    const MSlice *slice = &slices->at[i];
    if (slice->from || slice->pop->component != pop->component) {
      diag_not_supported(s, span, slice->from ? "a free param for a part of a population" : "one free param for populations of different neurons",
                         "Make it a param of the network, and let the populations set theirs to it.");
      return false;
    }
    if (!shared_param(f, slice->pop, member, span)) return false;
    if (i) vec_push(s->arena, &ret->others, slice->pop);
  }
  return true;
}

/* `E.tau_m` */
static bool free_param(FitContext *f, const Ast *ast, MFree *ret) {
  MSliceList slices = {0};
  AstWord member = {0};
  if (!net_slices(f->n, f->n->scope, ast, &slices, &member)) return false;
  if (slices.n == 1) return free_of(f, &slices, member, ast->span, ret);
  const char *name = name_str(f->s, member.name);
  diag_not_supported(f->s, ast->span, "one free param for several populations, in this form", arena_printf(f->s->arena, "Write `%s of (E, I)`.", name));
  return false;
}

/* `weight of ee`: each synapse's. */
static bool free_weights(FitContext *f, const AstFreeItem *item, MFree *ret) {
  Session *s = f->s;
  const bool *taken = net_weights_of(f->n, item->of);
  const MPort *port = NULL;
  for (uint32_t i = 0; taken && i < f->m->x->projections.n; i++) {
    const MProjection *p = f->m->x->projections.at[i];
    const MPort *own = p->target.pop->component->ports.at[p->port];
    if (!taken[i]) continue;
    if (port && !dim_eq(port->arg_dim, own->arg_dim)) {
      diag_not_supported(s, item->head.span, "weights of different dimensions as one free param", "Name them one by one: `free weight of ee, weight of ei`.");
      return false;
    }
    port = port ? port : own;
    vec_push(s->arena, &ret->weights, i);
  }
  if (!port) return false;
  ret->path = name_fmt(s, "weight of %s", source_span_text(s, item->of->span, s->arena));
  ret->dim = port->arg_dim;
  ret->unit = unit_of(f, port->arg_unit, port->arg_dim);
  ret->unit_scale = port->arg_unit_scale ? port->arg_unit_scale : 1;
  return true;
}

/* `tau_m of (E, I)` */
static bool free_several(FitContext *f, const AstFreeItem *item, MFree *ret) {
  MSliceList slices = {0};
  const Ast *ast = item->target;
  AstWord member = ast->kind == AST_NAME ? AST_AS(NameRef, ast)->name : (AstWord){0};
  const char *name = name_none(member.name) ? "" : name_str(f->s, member.name);
  if (strcmp(name, "weight") == 0 && net_weights_meant(f->n, item->of, member.name)) return free_weights(f, item, ret);
  if (!*name) {
    diag_not_supported(f->s, ast->span, "this in front of `of`", "What several populations share is written `tau_m of (E, I)`.");
    return false;
  }
  return net_slices(f->n, f->n->scope, item->of, &slices, NULL) && free_of(f, &slices, member, item->head.span, ret);
}

/* ---- values at the start */

/* With the population's params in their places; NULL: it is drawn, or each cell has its own. */
static MExpr *over_globals(FitContext *f, const MPopulation *pop, MExpr *e, uint32_t depth) {
  if (e->kind == MX_NUM || e->kind == MX_GLOBAL) return e;
  if (e->kind == MX_VAR) {
    MExpr *value = drawn(pop, e->var) ? NULL : e->var->value;
    for (uint32_t i = 0; i < pop->settings.n; i++)
      if (pop->settings.at[i].var == e->var && value) value = pop->settings.at[i].value;
    return value && depth < MEXPR_DEPTH ? over_globals(f, pop, value, depth + 1) : NULL;
  }
  if (e->kind != MX_CALL) return NULL;
  MExpr *made = NEW(f->s->arena, MExpr);
  *made = *e;
  for (uint32_t i = 0; i < e->n_args; i++)
    if (e->args[i] && !(made->args[i] = over_globals(f, pop, e->args[i], depth))) return NULL;
  return made;
}

/* The param of the network that stands for it; a second time the same. */
static MGlobal *start_global(FitContext *f, MPopulation *pop, MVar *var, Span span) {
  Session *s = f->s;
  Net *n = f->n;
  Name path = name_fmt(s, "%s.%s.%s(0)", name_str(s, n->name), name_str(s, pop->path), name_str(s, var->name));
  const Symbol *before = scope_find_here(n->paths, path);
  if (before) return before->global;
  MExpr *value = NEW(s->arena, MExpr);
  *value = (MExpr){.kind = MX_VAR, .var = var, .dim = var->dim, .type = M_REAL, .span = span};
  if (!(value = over_globals(f, pop, value, 0))) {
    diag_free_kind(s, span, name_str(s, var->name), "drawn", false, var->span);
    return NULL;
  }
  MGlobal *g = NEW(s->arena, MGlobal);
  *g = (MGlobal){.path = path, .index = n->x->globals.n, .dim = var->dim, .unit = var->unit, .unit_scale = var->unit_scale, .span = var->span,
                 .value = value, .settable = true};
  scope_declare(n->c, n->paths, SYM_GLOBAL, path, var->span)->global = g;
  vec_push(s->arena, &n->x->globals, g);
  Known known = net_known(n, value);
  vec_push(s->arena, &n->known, known);
  return g;
}

static void start_set(FitContext *f, MPopulation *pop, MVar *var, MGlobal *g, Span span) {
  MExpr *value = NEW(f->s->arena, MExpr);
  *value = (MExpr){.kind = MX_GLOBAL, .global = g, .dim = g->dim, .type = M_REAL, .span = span};
  for (uint32_t i = 0; i < pop->settings.n; i++)
    if (pop->settings.at[i].var == var) {
      pop->settings.at[i].value = value;
      return;
    }
  vec_push(f->s->arena, &pop->settings, ((MSetting){.var = var, .value = value, .span = span}));
}

/* `E.V(0)`: one value for all cells of a population. */
static bool free_start(FitContext *f, const AstCall *call, MFree *ret) {
  Session *s = f->s;
  MSliceList slices = {0};
  AstWord member = {0};
  double at;
  const Want any = {0};
  Span span = call->head.span;
  MExpr *zero = call->args.n == 1 && call->args.at[0]->kind != AST_NAMED ? check_expr(f->c, f->n->scope, call->args.at[0], &any) : NULL;
  if (!zero || !expr_constant(zero, false, &at) || at != 0) {
    diag_free_start_of(s, span, source_span_text(s, call->callee->span, s->arena), NULL, span);
    return false;
  }
  if (call->callee->kind != AST_MEMBER || !net_slices(f->n, f->n->scope, call->callee, &slices, &member) || slices.n != 1 || slices.at[0].from) {
    if (call->callee->kind != AST_MEMBER || slices.n) diag_not_supported(s, span, "this value at the start of a network's cells", "Write `E.V(0)`: that of all cells of one population.");
    return false;
  }
  MPopulation *pop = slices.at[0].pop;
  MVar *var = component_var(pop->component, member.name);
  if (!var) diag_free_kind(s, span, name_str(s, member.name), "no state of that neuron", false, pop->component->span);
  else if (var->kind != VAR_STATE) diag_free_start_of(s, span, source_span_text(s, call->callee->span, s->arena), "no state", var->span);
  else if (var->steady) diag_reaction_form(s, span, REACTION_STEADY_SET);
  if (!var || var->kind != VAR_STATE || var->steady) return false;
  MGlobal *g = start_global(f, pop, var, span);
  if (!g) return false;
  start_set(f, pop, var, g, span);
  *ret = (MFree){.path = name_fmt(s, "%s.%s(0)", name_str(s, pop->path), name_str(s, var->name)), .global = g, .dim = g->dim,
                 .unit = unit_of(f, g->unit, g->dim), .unit_scale = g->unit_scale ? g->unit_scale : 1, .span = span};
  return true;
}

bool fit_free_network(FitContext *f, const AstFreeItem *item, MFree *ret) {
  const Ast *ast = item->target;
  if (!name_none(item->per.name)) {
    diag_not_supported(f->s, item->per.span, "`per` in a fit of a network", "A network has no sweeps.");
    return false;
  }
  if (item->of) return free_several(f, item, ret);
  if (ast->kind == AST_CALL) return free_start(f, AST_AS(Call, ast), ret);
  return ast->kind == AST_MEMBER ? free_param(f, ast, ret) : free_global(f, ast, ret);
}

/* ---- derivatives */

static const char surrogate_form[] = "Write `with gradient = surrogate(triangle, width = 2 mV, damping = 0.3)`.";
static const char *const shapes[SURROGATES] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = word,
#include "lang/surrogates.def"
#undef SURROGATE
};

static const char *word_of(FitContext *f, const Ast *ast) {
  return ast->kind == AST_NAME ? name_str(f->s, AST_AS(NameRef, ast)->name.name) : "";
}

static bool shape_read(FitContext *f, const Ast *ast, MSurrogate *ret) {
  const char *text = word_of(f, ast);
  for (int i = 0; i < SURROGATES; i++)
    if (strcmp(shapes[i], text) == 0) {
      *ret = (MSurrogate)i;
      return true;
    }
  diag_surrogate_shape(f->s, ast->span, diag_nearest(text, shapes, SURROGATES), shapes, SURROGATES);
  return false;
}

/* A number that no param can change. */
static bool number_read(FitContext *f, const AstNamed *arg, const Want *want, double most, double *ret, Dim *ret_dim) {
  MExpr *e = check_expr(f->c, f->n->scope, arg->value, want);
  if (!e) return false;
  Known k = known_literal(e);
  *ret = k.value;
  *ret_dim = e->dim;
  if (k.known && k.value > 0 && k.value <= most) return true;
  diag_network_surrogate_range(f->s, arg->value->span, name_str(f->s, arg->name.name), most);
  return false;
}

static bool argument_read(FitContext *f, const Ast *ast, MCarried *ret) {
  const AstNamed *arg = ast->kind == AST_NAMED ? AST_AS(Named, ast) : NULL;
  const char *name = arg ? name_str(f->s, arg->name.name) : "";
  const Want any = {0}, plain = {.has_dim = true, .dim = DIM_NONE, .who = "`damping`"};
  Dim dim;
  if (strcmp(name, "width") == 0) return number_read(f, arg, &any, INFINITY, &ret->width, &ret->dim);
  if (strcmp(name, "damping") == 0) return number_read(f, arg, &plain, 1, &ret->damping, &dim);
  diag_network_surrogate(f->s, ast->span, surrogate_form);
  return false;
}

static void reset_read(FitContext *f, const AstAssign *assign) {
  static const char *const words[] = {"differentiated", "detached"};
  const char *text = word_of(f, assign->value);
  bool differentiated = strcmp(text, words[0]) == 0;
  MCarried *to = &f->m->carried;
  if (!differentiated && strcmp(text, words[1]) != 0) diag_reset_form(f->s, assign->value->span, diag_nearest(text, words, 2));
  else if (to->reset_span.to && to->reset != differentiated) diag_spike_gradient_differs(f->s, assign->value->span, to->reset_span);
  else to->reset = differentiated, to->reset_span = assign->value->span;
}

/* `gradient = reverse` beside the surrogate. */
static bool mode_read(FitContext *f, const Ast *value) {
  const char *text = word_of(f, value);
  bool reverse = strcmp(text, "reverse") == 0;
  if (!reverse && strcmp(text, "forward") != 0) return false;
  MGradient mode = reverse ? GRADIENT_REVERSE : GRADIENT_FORWARD;
  if (f->m->gradient && f->m->gradient != mode) diag_gradient_differs(f->s, value->span, reverse ? "forward" : "reverse");
  else f->m->gradient = mode;
  return true;
}

void fit_network_gradient(FitContext *f, const AstAssign *assign, const char *name) {
  if (strcmp(name, "reset") == 0) {
    reset_read(f, assign);
    return;
  }
  if (strcmp(name, "gradient") != 0) {
    diag_by_setting(f->s, assign->target->span, name, diag_nearest(name, (const char *const[]){"gradient", "reset"}, 2));
    return;
  }
  if (mode_read(f, assign->value)) return;
  const AstCall *call = assign->value->kind == AST_CALL ? AST_AS(Call, assign->value) : NULL;
  MCarried is = {.given = true, .damping = 1, .span = assign->value->span};
  if (strcmp(word_of(f, assign->value), "exact_events") == 0) {
    diag_not_supported(f->s, assign->value->span, "`gradient = exact_events` in a network",
                       "Its spikes are sent and arrive on the grid of the steps, where no time has a derivative: take `gradient = surrogate(triangle, width = 2 mV)`.");
    return;
  }
  if (!call || strcmp(word_of(f, call->callee), "surrogate") != 0 || call->args.n < 2) {
    diag_network_surrogate(f->s, assign->value->span, surrogate_form);
    return;
  }
  if (!shape_read(f, call->args.at[0], &is.shape)) return;
  for (uint32_t i = 1; i < call->args.n; i++)
    if (!argument_read(f, call->args.at[i], &is)) return;
  MCarried *had = &f->m->carried;
  bool same = had->shape == is.shape && had->width == is.width && had->damping == is.damping;
  if (is.width == 0) diag_network_surrogate(f->s, assign->value->span, surrogate_form);
  else if (had->given && !same) diag_gradient_differs(f->s, assign->value->span, source_span_text(f->s, had->span, f->s->arena));
  else is.reset = had->reset, is.reset_span = had->reset_span, *had = is;
}

/* ---- a sum of squares of measures */

static MExpr *factored(FitContext *f, MExpr *factor, MExpr *by, Builtin how) {
  MExpr *const args[2] = {factor ? factor : how == B_DIV ? expr_number(f->c, 1, DIM_NONE, by->span) : NULL, by};
  if (!args[0]) return by;
  Dim dim = how == B_DIV ? dim_div(args[0]->dim, by->dim) : dim_mul(args[0]->dim, by->dim);
  return expr_call(f->c, how, by->span, dim, M_REAL, args, 2);
}

static bool squares_find(FitContext *f, MExpr *e, MExpr *factor) {
  MExpr *root = fit_square_root(e);
  if (root) {
    vec_push(f->s->arena, &f->stage->squares, ((MSquare){root, factor}));
    return true;
  }
  if (e->kind != MX_CALL) return false;
  if (e->builtin == B_ADD) return squares_find(f, e->args[0], factor) && squares_find(f, e->args[1], factor);
  if (e->builtin != B_MUL && e->builtin != B_DIV) return false;
  for (int i = 0; i < (e->builtin == B_MUL ? 2 : 1); i++) {
    Known k = known_literal(e->args[1 - i]);
    if (k.known && k.value > 0) return squares_find(f, e->args[i], factored(f, factor, e->args[1 - i], e->builtin));
  }
  return false;
}

void fit_network_derivatives(FitContext *f, bool squares) {
  MStage *stage = f->stage;
  if (squares && stage->objective && !squares_find(f, stage->objective, NULL)) diag_not_squares_of_measures(f->s, stage->objective->span, stage->by_span);
  else if (stage->by != OPTIMIZER_CMAES && !f->m->carried.given) diag_network_surrogate_missing(f->s, stage->by_span, surrogate_form);
}

/* ---- the objective */

static void network_objective(FitContext *f, const AstMinimize *ast) {
  Session *s = f->s;
  MStage *stage = f->stage;
  if (!ast->value) return;
  AstExpect window = {.head = {.kind = AST_EXPECT, .span = ast->head.span, .height = 1}, .after = ast->after, .during = ast->during};
  stage->first_measure = f->m->x->measures.n;
  MExpr *e = net_measured(f->n, &window, ast->value);
  stage->n_measures = f->m->x->measures.n - stage->first_measure;
  if (!e) return;
  if (stage->n_measures == 0) diag_objective_constant(s, ast->value->span);
  else if (!dim_none(e->dim)) diag_objective_dimension(s, ast->value->span, e->dim);
  else if (e->type == M_BOOL || e->labels) arithmetic_operand(f->c, e, "minimize");
  else stage->objective = e;
}

void fit_network_stage(FitContext *f, const Ast *minimize, const AstList *body) {
  for (uint32_t i = 0; i < body->n; i++)
    if (body != &f->block->body && (body->at[i]->kind == AST_CONSTRAIN || body->at[i]->kind == AST_FORCE))
      net_misplaced(f->n, body->at[i], "a stage of a network's fit", network_fit_has);
  if (minimize) network_objective(f, AST_AS(Minimize, minimize));
}

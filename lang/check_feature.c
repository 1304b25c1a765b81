/* `van_rossum(spike, given = rec.s, tau = 10 ms)`, `amplitude(V, given = rec.V, level = -20 mV, smooth = 2 mV)`, …: terms that compare
 * the spikes that a neuron fires by itself, or the course of a value, with recorded ones. The rows of features.def, one function
 * for all of each form. */
#include "lang/fit.h"

#include <math.h>
#include <string.h>

#include "lang/check_inner.h"

typedef enum { TAKES_SPIKES, TAKES_SPIKES_TAU, TAKES_SPIKES_COST, TAKES_TRACE } Takes;
typedef enum { IN_NUMBERS, IN_RATE, IN_TIME, IN_VALUE } In; /* what the feature itself is */
typedef enum { ARG_WHAT, ARG_GIVEN, ARG_TAU, ARG_COST, ARG_LEVEL, ARG_SMOOTH, ARGS } Arg;

static const struct {
  const char *word;
  Takes takes;
  bool moves, counts;
  In in;
} rows[FEATURES] = {
#define FEATURE(id, word, takes, moves, counts, doc) [FEATURE_##id] = {word, TAKES_##takes, moves, counts, IN_OF_##id},
#define IN_OF_VAN_ROSSUM IN_NUMBERS
#define IN_OF_VICTOR_PURPURA IN_NUMBERS
#define IN_OF_COUNT IN_NUMBERS
#define IN_OF_RATE IN_RATE
#define IN_OF_LATENCY IN_TIME
#define IN_OF_LAST IN_TIME
#define IN_OF_ADAPTATION IN_NUMBERS
#define IN_OF_PEAKS IN_NUMBERS
#define IN_OF_AMPLITUDE IN_VALUE
#define IN_OF_WIDTH IN_TIME
#define IN_OF_AHP IN_VALUE
#include "lang/features.def"
#undef FEATURE
};

static const struct {
  bool args[ARGS];
  const char *form;
} forms[] = {
    [TAKES_SPIKES] = {{[ARG_WHAT] = true, [ARG_GIVEN] = true}, "spike, given = rec.s"},
    [TAKES_SPIKES_TAU] = {{[ARG_WHAT] = true, [ARG_GIVEN] = true, [ARG_TAU] = true}, "spike, given = rec.s, tau = 10 ms"},
    [TAKES_SPIKES_COST] = {{[ARG_WHAT] = true, [ARG_GIVEN] = true, [ARG_COST] = true}, "spike, given = rec.s, cost = 0.5/ms"},
    [TAKES_TRACE] = {{[ARG_WHAT] = true, [ARG_GIVEN] = true, [ARG_LEVEL] = true, [ARG_SMOOTH] = true},
                     "V, given = rec.V, level = -20 mV, smooth = 2 mV"},
};

int feature_named(const char *text) {
  int at = 0;
  while (at < FEATURES && strcmp(rows[at].word, text) != 0) at++;
  return at;
}

static Dim dim_of(int feature, Dim value) {
  switch (rows[feature].in) {
    case IN_RATE: return dim_time(-1);
    case IN_TIME: return dim_time(1);
    case IN_VALUE: return value;
    case IN_NUMBERS: break;
  }
  return DIM_NONE;
}

Dim feature_dim(const MTerm *term) {
  Dim dim = dim_of(term->feature, term->value ? term->value->dim : DIM_NONE);
  return dim_mul(dim, dim);
}

/* Each argument that the form takes once, and no other; false after a message. */
static bool args_read(FitContext *f, const AstCall *call, int feature, const Ast *args[ARGS]) {
  static const char *const words[ARGS] = {"", "given", "tau", "cost", "level", "smooth"};
  const bool *takes = forms[rows[feature].takes].args;
  bool good = true, spikes = rows[feature].takes != TAKES_TRACE;
  for (uint32_t i = 0; good && i < call->args.n; i++) {
    const AstNamed *named = call->args.at[i]->kind == AST_NAMED ? AST_AS(Named, call->args.at[i]) : NULL;
    size_t at = 0;
    while (named && at < ARGS && strcmp(words[at], name_str(f->s, named->name.name)) != 0) at++;
    good = at < ARGS && !args[at] && takes[at];
    if (good) args[at] = named ? named->value : call->args.at[i];
  }
  for (int i = 0; i < ARGS; i++) good &= !takes[i] || args[i];
  if (good && fit_is_spike(f, args[ARG_WHAT]) == spikes) return true;
  diag_feature_arguments(f->s, call->head.span, rows[feature].word, forms[rows[feature].takes].form, spikes);
  return false;
}

/* A number that is known when the program is compiled; false after a message. */
static bool number_read(FitContext *f, const Ast *ast, const char *word, const char *name, Dim dim, double *ret) {
  const char *who = arena_printf(f->s->arena, "`%s` of `%s`", name, word);
  Want want = {.has_dim = true, .dim = dim, .who = who};
  MExpr *e = check_expr(f->c, f->n->scope, ast, &want);
  Known known = e ? known_literal(e) : (Known){0};
  *ret = known.value;
  if (e && !known.known) diag_constant_wanted(f->s, ast->span, who, false);
  return e && known.known;
}

/* ---- of spikes */

/* The steepest that 2 (1 - k) rises is 2 / (e tau), at tau. */
static bool cost_read(FitContext *f, const Ast *ast, MTerm *term) {
  const char *word = rows[term->feature].word;
  double cost;
  if (!number_read(f, ast, word, "cost", dim_time(-1), &cost)) return false;
  if (!(cost > 0)) diag_feature_positive(f->s, ast->span, "cost", word);
  term->tau = 2 / (exp(1) * cost);
  return cost > 0;
}

static bool spikes_read(FitContext *f, const AstCall *call, const Ast *const args[ARGS], MTerm *term) {
  const char *word = rows[term->feature].word;
  if (!fit_events_named(f, args[ARG_GIVEN], arena_printf(f->s->arena, "`given` of `%s`", word), &term->events)) return false;
  if (!fit_spike_of(f, word, call->head.span)) return false;
  f->m->compares_spikes = true;
  if (args[ARG_COST]) return cost_read(f, args[ARG_COST], term);
  if (!args[ARG_TAU]) return true;
  MExpr *tau = net_time(f->n, args[ARG_TAU], arena_printf(f->s->arena, "`tau` of `%s`", word), true);
  Known known = tau ? known_literal(tau) : (Known){0};
  term->tau = known.value;
  if (tau && !known.known) diag_constant_wanted(f->s, args[ARG_TAU]->span, arena_printf(f->s->arena, "`tau` of `%s`", word), false);
  return tau && known.known;
}

/* ---- of a course */

/* A recording, or the feature itself. */
static bool given_read(FitContext *f, const Ast *ast, MTerm *term) {
  const char *word = rows[term->feature].word;
  Want any = {.allow = ALLOW_CHANGING};
  MExpr *given = check_expr(f->c, f->names, ast, &any);
  if (!given) return false;
  bool recorded = expr_has(given, MX_SAMPLE);
  Want want = {.has_dim = true, .who = arena_printf(f->s->arena, "`given` of `%s`", word), .allow = ALLOW_CHANGING};
  want.dim = recorded ? term->value->dim : dim_of(term->feature, term->value->dim);
  given = check_expr(f->c, f->names, ast, &want);
  if (!given) return false;
  if (recorded) term->given = given;
  if (recorded) return true;
  Known known = known_literal(given);
  term->number = known.value;
  if (!known.known) diag_feature_given(f->s, ast->span, word, name_str(f->s, f->m->data.name));
  return known.known;
}

/* Where a spike changes states, the model says where it ends, not how it goes. */
static bool has_course(FitContext *f, const AstCall *call, int feature) {
  const MComponent *c = f->pop->component;
  if (!c->spikes.n || !c->spikes.at[0]->body.n) return true;
  diag_feature_jumps(f->s, call->head.span, rows[feature].word, name_str(f->s, c->name), c->spikes.at[0]->span);
  return false;
}

static bool same_known(const MExpr *a, const MExpr *b) { return a == b || (a && b && fit_same_value(a, b)); }

static bool like(const FitContext *f, const MTerm *a, const MTerm *b) {
  bool same = a->level == b->level && a->smooth == b->smooth && fit_same_value(a->value, b->value) && same_known(a->given, b->given);
  for (int i = 0; i < 2; i++) same &= same_known(a->around[i], f->around[i]);
  return same && same_known(a->from, f->from) && same_known(a->to, f->to) && (!a->around[0] || a->except == f->except);
}

static bool course_read(FitContext *f, const AstCall *call, const Ast *const args[ARGS], MTerm *term) {
  const char *word = rows[term->feature].word;
  Want want = {.allow = ALLOW_CHANGING};
  MExpr *value = check_expr(f->c, f->names, args[ARG_WHAT], &want);
  if (!value || !arithmetic_operand(f->c, value, word) || !has_course(f, call, term->feature)) return false;
  term->value = value;
  term->events = UINT32_MAX;
  if (!given_read(f, args[ARG_GIVEN], term)) return false;
  if (!number_read(f, args[ARG_LEVEL], word, "level", value->dim, &term->level)) return false;
  if (!number_read(f, args[ARG_SMOOTH], word, "smooth", value->dim, &term->smooth)) return false;
  if (!(term->smooth > 0)) diag_feature_positive(f->s, args[ARG_SMOOTH]->span, "smooth", word);
  for (uint32_t i = 0; !term->like && i < f->stage->terms.n; i++) {
    const MTerm *before = f->stage->terms.at[i];
    if (term_is_course(before) && !before->like && like(f, before, term)) term->like = before;
  }
  return term->smooth > 0;
}

bool fit_feature(FitContext *f, const AstCall *call, int feature, MTerm *term) {
  const Ast *args[ARGS] = {NULL};
  if (!args_read(f, call, feature, args)) return false;
  term->kind = TERM_FEATURE;
  term->feature = (MFeature)feature;
  return rows[feature].takes == TAKES_TRACE ? course_read(f, call, args, term) : spikes_read(f, call, args, term);
}

/* ---- when all stages are known: has each stage that needs a gradient one? */

void fit_features_matter(FitContext *f) {
  const MFitSpikes *how = &f->m->own_spikes;
  for (uint32_t i = 0; i < f->m->stages.n; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->terms.n; k++) {
      const MTerm *term = f->m->stages.at[i]->terms.at[k];
      if (term->kind != TERM_FEATURE || term_is_course(term)) continue;
      if (f->m->spikes != MODEL_NO_EVENTS) diag_spikes_given(f->s, term->span, f->m->spikes_span);
      bool has = how->gradient == SPIKES_LOCATED ? rows[term->feature].moves : how->gradient == SPIKES_SURROGATE && rows[term->feature].counts;
      if (f->m->stages.at[i]->by != OPTIMIZER_CMAES && !has)
        diag_feature_gradient(f->s, term->span, rows[term->feature].word, how->gradient != SPIKES_FIXED, rows[term->feature].moves, rows[term->feature].counts);
    }
}

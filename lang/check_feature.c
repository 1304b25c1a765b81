/* `van_rossum(spike, given = rec.s, tau = 10 ms)`, `latency(spike, given = rec.s)`, …: terms that compare the spikes that a neuron
 * fires by itself with recorded ones. The rows of features.def, one function for all. */
#include "lang/fit.h"

#include <string.h>

static const struct {
  const char *word;
  bool tau, moves, counts;
  Dim dim;
} rows[FEATURES] = {
#define FEATURE(id, word, tau, moves, counts, doc) [FEATURE_##id] = {word, tau, moves, counts, DIM_OF_##id},
#define DIM_OF_VAN_ROSSUM {{0}}
#define DIM_OF_COUNT {{0}}
#define DIM_OF_RATE {{[DIM_TIME] = -2 * DIM_ONE}}
#define DIM_OF_LATENCY {{[DIM_TIME] = 2 * DIM_ONE}}
#define DIM_OF_LAST {{[DIM_TIME] = 2 * DIM_ONE}}
#include "lang/features.def"
#undef FEATURE
};

int feature_named(const char *text) {
  int at = 0;
  while (at < FEATURES && strcmp(rows[at].word, text) != 0) at++;
  return at;
}

static bool tau_read(FitContext *f, const Ast *ast, const char *word, MTerm *term) {
  MExpr *tau = net_time(f->n, ast, arena_printf(f->s->arena, "`tau` of `%s`", word), true);
  Known known = tau ? known_literal(tau) : (Known){0};
  term->tau = known.value;
  if (tau && !known.known) diag_constant_wanted(f->s, ast->span, arena_printf(f->s->arena, "`tau` of `%s`", word), false);
  return tau && known.known;
}

bool fit_feature(FitContext *f, const AstCall *call, int feature, MTerm *term) {
  static const char *const words[] = {"", "given", "tau"};
  const Ast *args[COUNT_OF(words)] = {NULL};
  bool good = call->args.n == 2u + rows[feature].tau;
  for (uint32_t i = 0; good && i < call->args.n; i++) {
    const AstNamed *named = call->args.at[i]->kind == AST_NAMED ? AST_AS(Named, call->args.at[i]) : NULL;
    size_t at = 0;
    while (named && at < COUNT_OF(words) && strcmp(words[at], name_str(f->s, named->name.name)) != 0) at++;
    good = at < COUNT_OF(words) && !args[at] && (at < 2 || rows[feature].tau);
    if (good) args[at] = named ? named->value : call->args.at[i];
  }
  if (!good || !args[0] || !args[1] || !fit_is_spike(f, args[0])) {
    diag_feature_arguments(f->s, call->head.span, rows[feature].word, rows[feature].tau);
    return false;
  }
  term->kind = TERM_FEATURE;
  term->feature = (MFeature)feature;
  if (!fit_events_named(f, args[1], arena_printf(f->s->arena, "`given` of `%s`", rows[feature].word), &term->events)) return false;
  if (!fit_spike_of(f, rows[feature].word, call->head.span)) return false;
  f->m->compares_spikes = true;
  return !args[2] || tau_read(f, args[2], rows[feature].word, term);
}

Dim feature_dim(int feature) { return rows[feature].dim; }

/* When all stages are known: has each stage that needs a gradient one? */
void fit_features_matter(FitContext *f) {
  const MFitSpikes *how = &f->m->own_spikes;
  for (uint32_t i = 0; i < f->m->stages.n; i++)
    for (uint32_t k = 0; k < f->m->stages.at[i]->terms.n; k++) {
      const MTerm *term = f->m->stages.at[i]->terms.at[k];
      if (term->kind != TERM_FEATURE) continue;
      if (f->m->spikes != MODEL_NO_EVENTS) diag_spikes_given(f->s, term->span, f->m->spikes_span);
      bool has = how->gradient == SPIKES_LOCATED ? rows[term->feature].moves : how->gradient == SPIKES_SURROGATE && rows[term->feature].counts;
      if (f->m->stages.at[i]->by != OPTIMIZER_CMAES && !has)
        diag_feature_gradient(f->s, term->span, rows[term->feature].word, how->gradient != SPIKES_FIXED, rows[term->feature].moves, rows[term->feature].counts);
    }
}

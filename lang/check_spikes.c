/* `with gradient = exact_events`, `gradient = surrogate(gaussian, width = 1 mV), reset = detached`: how a fit takes the derivative
 * of spikes that its neuron fires by itself. Beside it may stand `gradient = forward` or `reverse`, which says in which mode.
 *
 * Both need the condition as something that rises through 0: one comparison of two quantities. */
#include "lang/fit.h"

#include <string.h>

static const char *const shapes[SURROGATES] = {
#define SURROGATE(id, word, doc, step) [SURROGATE_##id] = word,
#include "lang/surrogates.def"
#undef SURROGATE
};

static const char *word_of(const FitContext *f, const Ast *ast) {
  return ast && ast->kind == AST_NAME ? name_str(f->s, AST_AS(NameRef, ast)->name.name) : "";
}

/* The spike whose condition is differentiated; NULL after a message. */
const MSpike *fit_spike_of(FitContext *f, const char *what, Span span) {
  const MComponent *c = f->pop->component;
  const MSpike *spike = c->spikes.n ? c->spikes.at[0] : NULL;
  if (!spike) {
    diag_spikes_none(f->s, span, what, name_str(f->s, c->name));
    return NULL;
  }
  const MExpr *cond = spike->cond;
  bool compares = cond && cond->kind == MX_CALL &&
                  (cond->builtin == B_GT || cond->builtin == B_GE || cond->builtin == B_LT || cond->builtin == B_LE);
  if (spike->form == SPIKE_WHEN && compares) return spike;
  diag_spikes_form(f->s, span, what, cond ? cond->span : spike->span);
  return NULL;
}

/* `surrogate(SHAPE, width = W)` */
static bool surrogate_read(FitContext *f, const AstCall *call, MFitSpikes *ret) {
  const Ast *shape = NULL, *width = NULL;
  for (uint32_t i = 0; i < call->args.n; i++) {
    const AstNamed *named = call->args.at[i]->kind == AST_NAMED ? AST_AS(Named, call->args.at[i]) : NULL;
    const Ast **to = named ? &width : &shape;
    if (*to || (named && strcmp(name_str(f->s, named->name.name), "width") != 0)) shape = width = NULL, i = call->args.n;
    else *to = named ? named->value : call->args.at[i];
  }
  if (!shape || !width) {
    diag_surrogate_form(f->s, call->head.span);
    return false;
  }
  const char *text = word_of(f, shape);
  uint32_t at = 0;
  while (at < SURROGATES && strcmp(shapes[at], text) != 0) at++;
  if (at == SURROGATES) {
    diag_surrogate_shape(f->s, shape->span, diag_nearest(text, shapes, SURROGATES), shapes, SURROGATES);
    return false;
  }
  const MSpike *spike = fit_spike_of(f, "surrogate", call->head.span);
  if (!spike) return false;
  Want want = {.has_dim = true, .dim = spike->cond->args[0]->dim, .who = "the width of the threshold"};
  ret->shape = (MSurrogate)at;
  ret->width = check_expr(f->c, f->n->scope, width, &want);
  Known known = ret->width ? known_literal(ret->width) : (Known){0};
  if (known.known && !(known.value > 0)) diag_surrogate_width(f->s, width->span);
  return ret->width != NULL;
}

static bool same(const MFitSpikes *a, const MFitSpikes *b) {
  if (a->gradient != b->gradient || a->shape != b->shape) return false;
  if (!a->width || !b->width) return a->width == b->width;
  Known x = known_literal(a->width), y = known_literal(b->width);
  return x.known && y.known && x.value == y.value;
}

bool fit_spikes(FitContext *f, const Ast *value) {
  const AstCall *call = value->kind == AST_CALL ? AST_AS(Call, value) : NULL;
  bool surrogate = call && strcmp(word_of(f, call->callee), "surrogate") == 0;
  if (!surrogate && strcmp(word_of(f, value), "exact_events") != 0) return false;
  MFitSpikes is = {.gradient = surrogate ? SPIKES_SURROGATE : SPIKES_LOCATED, .span = value->span};
  if (surrogate ? !surrogate_read(f, call, &is) : !fit_spike_of(f, "exact_events", value->span)) return true;
  MFitSpikes *had = &f->m->own_spikes;
  if (had->gradient && !same(had, &is)) diag_spike_gradient_differs(f->s, value->span, had->span);
  else if (!had->gradient) is.detached = had->detached, is.reset = had->reset, *had = is;
  return true;
}

/* `reset = detached`: the derivative of a spike by its threshold does not go through what its handler does. */
void fit_reset(FitContext *f, const AstAssign *assign) {
  static const char *const words[] = {"differentiated", "detached"};
  const char *text = word_of(f, assign->value);
  bool detached = strcmp(text, words[1]) == 0;
  MFitSpikes *to = &f->m->own_spikes;
  if (!detached && strcmp(text, words[0]) != 0) diag_reset_form(f->s, assign->value->span, diag_nearest(text, words, 2));
  else if (to->reset.to && to->detached != detached) diag_spike_gradient_differs(f->s, assign->value->span, to->reset);
  else to->detached = detached, to->reset = assign->value->span;
}

void fit_reset_matters(FitContext *f) {
  const MFitSpikes *spikes = &f->m->own_spikes;
  if (spikes->gradient && f->m->spikes != MODEL_NO_EVENTS) diag_spikes_given(f->s, spikes->span, f->m->spikes_span);
  if (spikes->reset.to && spikes->gradient != SPIKES_SURROGATE) diag_reset_idle(f->s, spikes->reset);
}

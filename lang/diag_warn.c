/* Messages of warnings: 406x of components, 525x of networks and experiments. */
#include "lang/diag.h"

void diag_unused(Session *s, Span span, const char *kind, const char *name) {
  Diag *d = diag_new(s, DIAG_UNUSED, span, "the %s `%s` is never used", kind, name);
  diag_hint(s, d, "Remove it, or use it in an equation.");
}

void diag_state_unused(Session *s, Span span, const char *name) {
  Diag *d = diag_new(s, DIAG_STATE_UNUSED, span, "nothing depends on the state `%s`", name);
  diag_hint(s, d, "Read it in an equation or a spike condition, or record it.");
}

void diag_potential_large(Session *s, Span span, double mv) {
  Diag *d = diag_new(s, DIAG_POTENTIAL_LARGE, span, "a potential of %g V", mv / 1000);
  diag_hint(s, d, "Membrane potentials are some tens of mV: is `%g mV` meant?", mv / 1000);
  diag_fix(d, span, arena_printf(s->arena, "%g mV", mv / 1000));
}

void diag_step_large(Session *s, Span span, double dt, const char *state, const char *component,
                     const char *method, double tau, double limit, Span equation) {
  Diag *d = diag_new(s, DIAG_STEP_LARGE, span,
                     "a step of %g ms is too large for `%s` of %s: `%s` needs less than %g ms", dt, state,
                     component, method, limit);
  diag_note(s, d, equation, "its equation has a time constant of %g ms", tau);
  diag_hint(s, d,
            "Make the step smaller, or leave `method` out: the compiler takes an implicit method for such "
            "equations.");
}

void diag_population_idle(Session *s, Span span, const char *name, Span experiment) {
  Diag *d = diag_new(s, DIAG_POPULATION_IDLE, span, "`%s` never spikes: nothing drives it", name);
  diag_note(s, d, experiment, "in this experiment");
  diag_hint(s, d, "Add a `drive` or a `connect` to it, or let it start or rest above its threshold.");
}

void diag_threshold_unreached(Session *s, Span span, const char *name, double level, double threshold,
                              const char *unit, Span spike) {
  Diag *d = diag_new(s, DIAG_THRESHOLD_UNREACHED, span,
                     "`%s` never spikes: it does not rise above %g %s, its threshold is %g %s", name, level,
                     unit, threshold, unit);
  diag_note(s, d, spike, "it spikes here");
  diag_hint(s, d, "Drive it more strongly; `nslc explain` shows what drives it.");
}

void diag_population_apart(Session *s, Span span, const char *name) {
  Diag *d =
      diag_new(s, DIAG_POPULATION_APART, span,
               "`%s` has no effect: it is the source of nothing, recorded and measured by nothing", name);
  diag_hint(s, d, "Connect it, record it, or leave it out.");
}

void diag_weight_zero(Session *s, Span span, const char *what) {
  Diag *d = diag_new(s, DIAG_WEIGHT_ZERO, span, "this %s has no effect: its weight is 0", what);
  diag_hint(s, d, "Give it a weight, or leave it out.");
}

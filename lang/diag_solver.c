/* Messages about the choice of integrator (404x, 49xx). */
#include "lang/diag.h"

void diag_method_impossible(Session *s, Span span, const char *method, const char *state,
                            const char *component, const char *why) {
  Diag *d = diag_new(s, DIAG_METHOD_IMPOSSIBLE, span, "method `%s` cannot integrate %s of %s: %s", method,
                     state, component, why);
  diag_hint(s, d,
            "Leave `method` out: the compiler chooses for each state; `nslc explain` tells what and why.");
}

void diag_no_derivative(Session *s, Span span, const char *op, const char *why, const char *method) {
  Diag *d = diag_new(s, DIAG_NO_DERIVATIVE, span, "method `%s` needs the derivative of `%s`, which has none: %s",
                     method, op, why);
  diag_hint(s, d, "Write the equation without `%s`, or use a method without derivatives: rk4, rk45.", op);
}

void diag_no_gradient(Session *s, Span span, const char *op, const char *why) {
  Diag *d = diag_new(s, DIAG_NO_DERIVATIVE, span, "the objective's gradient needs the derivative of `%s`, which has none: %s",
                     op, why);
  diag_hint(s, d, "Write the model without `%s` here, or fit by an optimizer without gradients: `by cmaes()`.", op);
}

void diag_tolerance(Session *s, Span span, bool known, double value) {
  if (known) {
    Diag *d = diag_new(s, DIAG_TOLERANCE, span, "a tolerance of %.6g: it lies between 1e-13 and 0.5", value);
    diag_hint(s, d, "Usual is `tolerance = 1e-6`: the error of a step against the state's size.");
    return;
  }
  Diag *d = diag_new(s, DIAG_TOLERANCE, span, "the tolerance is not a plain number");
  diag_hint(s, d, "Write the number itself, as in `tolerance = 1e-6`: it is built into the program.");
}

void diag_tolerance_unused(Session *s, Span span, const char *experiment) {
  Diag *d = diag_new(s, DIAG_TOLERANCE_UNUSED, span, "no state of %s is integrated to a tolerance", experiment);
  diag_hint(s, d, "Leave `tolerance` out, or ask for `method = rk45` (or rosenbrock, for stiff equations).");
}

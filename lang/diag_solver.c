/* Messages about the choice of integrator (49xx). */
#include "lang/diag.h"

void diag_method_impossible(Session *s, Span span, const char *method, const char *state,
                            const char *component, const char *why) {
  Diag *d = diag_new(s, DIAG_METHOD_IMPOSSIBLE, span, "method `%s` cannot integrate %s of %s: %s", method,
                     state, component, why);
  diag_hint(s, d,
            "Leave `method` out: the compiler chooses for each state; `nslc explain` tells what and why.");
}

/* Messages about equations of higher order, tables and files of values, delayed values and signals (204x, 304x). */
#include <string.h>

#include "lang/diag.h"

static void declared_here(Session *s, Diag *d, const char *name, Span decl) {
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

void diag_derivative_declared(Session *s, Span span, const char *name, bool not_state, int most) {
  if (not_state) {
    Diag *d = diag_new(s, DIAG_DERIVATIVE_DECLARED, span, "only a state has derivatives, not this `%s`", name);
    diag_hint(s, d, "Write `state %s = …, %s' = …`.", name, name);
    return;
  }
  Diag *d = diag_new(s, DIAG_DERIVATIVE_DECLARED, span, "an equation for `%s` of more than order %d", name, most);
  diag_hint(s, d, "Write it as several equations of lower order.");
}

void diag_start_of(Session *s, Span span, const char *name, const char *kind, Span decl) {
  if (!kind) {
    Diag *d = diag_new(s, DIAG_START_OF, span, "a setting gives `%s` its value at the start, at no other time", name);
    diag_hint(s, d, "Write `%s(0) = …`.", name);
    return;
  }
  Diag *d = diag_new(s, DIAG_START_OF, span, "`%s` is %s: only a state has a value at the start", name, kind);
  declared_here(s, d, name, decl);
  diag_hint(s, d, "Write `%s = …`.", name);
}

/* Messages about units, dimensions and kinds of values (3xxx). Units are spelled as the user wrote them where
 * he did. */
#include <string.h>

#include "lang/diag.h"

static const Dim per_time = {{-DIM_ONE}}, per_area = {{[DIM_LENGTH] = -2 * DIM_ONE}};

/* A guess at what is missing, from the quotient of what is wanted and what was found. */
static void hint_quotient(Session *s, Diag *d, Dim want, Dim got) {
  Dim q = dim_div(want, got), inverse = dim_div(got, want);
  if (dim_eq(q, per_time))
    diag_hint(s, d, "A division by a time is missing.");
  else if (dim_eq(inverse, per_time))
    diag_hint(s, d, "A multiplication with a time is missing.");
  else if (dim_eq(q, per_area))
    diag_hint(s, d, "A division by an area is missing.");
  else if (dim_eq(inverse, per_area))
    diag_hint(s, d, "A multiplication with an area is missing.");
}

Diag *diag_unit_wanted(Session *s, Span span, const char *who, Dim want, Dim got) {
  Diag *d = diag_new(s, DIAG_UNIT_MISMATCH, span, "unit mismatch: %s needs %s, this is %s", who,
                     dim_text(s, want), dim_text(s, got));
  hint_quotient(s, d, want, got);
  return d;
}

Diag *diag_unit_mismatch(Session *s, Span span, const char *op, Dim left, Dim right) {
  bool letters = op[0] >= 'a' && op[0] <= 'z';
  Diag *d = diag_new(s, DIAG_UNIT_MISMATCH, span,
                     letters ? "unit mismatch: `%s` of %s and %s" : "unit mismatch: `%s` between %s and %s",
                     op, dim_text(s, left), dim_text(s, right));
  Dim q = dim_div(left, right);
  if (dim_eq(q, per_area) || dim_eq(dim_div(right, left), per_area))
    diag_hint(s, d, "One is per area, the other is not: the membrane area is missing.");
  return d;
}

void diag_hint_add_unit(Session *s, Diag *d, Span span, const char *digits, const char *unit) {
  bool over = strncmp(unit, "1/", 2) == 0;
  if (strcmp(unit, "1/ms") == 0) { /* a rate of a membrane or of spikes: not for us to choose */
    diag_hint(s, d, "A quantity needs its unit: write `%s Hz` or `%s/ms`.", digits, digits);
    return;
  }
  const char *fix = arena_printf(s->arena, "%s%s%s", digits, over ? "" : " ", over ? unit + 1 : unit);
  diag_hint(s, d, "A quantity needs its unit: write `%s`.", fix);
  diag_fix(d, span, fix);
}

/* "millivolt" -> "mV"; NULL if it is no such word. */
static const char *unit_of_words(Session *s, const char *text) {
  static const struct {
    const char *word, *sign;
  } prefixes[] = {{"milli", "m"}, {"micro", "u"}, {"nano", "n"}, {"pico", "p"},  {"kilo", "k"},
                  {"mega", "M"},  {"femto", "f"}, {"giga", "G"}, {"centi", "c"}, {"m", "m"},
                  {"u", "u"},     {"n", "n"},     {"p", "p"},    {"k", "k"},     {"", ""}},
    units[] = {{"second", "s"},  {"seconds", "s"}, {"sec", "s"},        {"volt", "V"},  {"volts", "V"},
               {"ampere", "A"},  {"amp", "A"},     {"amps", "A"},       {"farad", "F"}, {"siemens", "S"},
               {"hertz", "Hz"},  {"metre", "m"},   {"meter", "m"},      {"molar", "M"}, {"mho", "S"},
               {"coulomb", "C"}, {"kelvin", "K"},  {"celsius", "degC"}, {"ohms", "ohm"}};
  for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
    size_t n = strlen(prefixes[i].word);
    for (size_t k = 0; k < COUNT_OF(units) && strncmp(text, prefixes[i].word, n) == 0; k++)
      if (strcmp(text + n, units[k].word) == 0)
        return arena_printf(s->arena, "%s%s", prefixes[i].sign, units[k].sign);
  }
  return NULL;
}

void diag_unit_unknown(Session *s, Span span, const char *unit, const char *nearest) {
  const char *words = unit_of_words(s, unit);
  if (words) nearest = words;
  Diag *d = diag_new(s, DIAG_UNIT_UNKNOWN, span, "unknown unit `%s`", unit);
  if (strcmp(unit, "%") == 0) diag_hint(s, d, "A part of a whole is a plain number: 10 percent is `0.1`.");
  if (!nearest) return;
  diag_hint(s, d, "Did you mean `%s`?", nearest);
  if (!strchr(nearest, ' ')) diag_fix(d, span, nearest); /* `60 s` for a minute takes another number */
}

void diag_unit_caret(Session *s, Span span, const char *written, const char *meant) {
  Diag *d = diag_new(s, DIAG_UNIT_CARET, span, "a power in a unit needs `^`: `%s`", written);
  diag_hint(s, d, "Write `%s`.", meant);
  diag_fix(d, span, meant);
}

void diag_unit_malformed(Session *s, Span span, const char *unit) {
  Diag *d = diag_new(s, DIAG_UNIT_MALFORMED, span, "malformed unit `%s`", unit);
  diag_hint(s, d, "A unit is written like `mS/cm^2`, `1/ms` or `ohm*cm`, without blanks.");
}

void diag_unit_power(Session *s, Span span, const char *unit) {
  Diag *d = diag_new(s, DIAG_UNIT_MALFORMED, span, "impossible power in the unit `%s`", unit);
  diag_hint(s, d, "Powers are multiples of 1/12: `cm^2`, `s^-1`, `s^0.5`.");
}

void diag_unit_celsius(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_UNIT_CELSIUS, span, "degC only stands in a literal of its own, as in `36 degC`");
  diag_hint(s, d, "Use `K` here.");
}

void diag_unit_clash(Session *s, Span span, const char *unit, const char *name, Span decl) {
  Diag *d = diag_new(s, DIAG_UNIT_CLASH, span, "`%s` is both part of the unit `%s` and a name of the model",
                     name, unit);
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
  diag_hint(
      s, d,
      "To calculate with `%s`, put blanks around the operator; for the unit, write another (or rename `%s`).",
      name, name);
}

void diag_number_range(Session *s, Span span) {
  diag_new(s, DIAG_NUMBER_RANGE, span, "this number is too large to be calculated with");
}

void diag_plain_number_wanted(Session *s, Span span, const char *fn, Dim got) {
  Diag *d = diag_new(s, DIAG_PLAIN_NUMBER_WANTED, span, "`%s` takes a plain number, this is %s", fn,
                     dim_text(s, got));
  diag_hint(s, d, "Divide by a quantity of the same unit, as in `%s(x / (1 %s))`.", fn, dim_text(s, got));
}

void diag_exponent_unit(Session *s, Span span, Dim got) {
  diag_new(s, DIAG_EXPONENT, span, "an exponent is a plain number, this is %s", dim_text(s, got));
}

void diag_exponent_constant(Session *s, Span span, Dim base) {
  Diag *d = diag_new(s, DIAG_EXPONENT, span, "the exponent of a quantity (%s) must be a constant",
                     dim_text(s, base));
  diag_hint(
      s, d,
      "Its unit would not be known otherwise: make the base a plain number, or the exponent a literal.");
}

void diag_exponent_broken(Session *s, Span span, Dim base, double power) {
  diag_new(s, DIAG_EXPONENT, span, "%s to the power %g has no unit", dim_text(s, base), power);
}

void diag_condition_wanted(Session *s, Span span, const char *who) {
  Diag *d = diag_new(s, DIAG_CONDITION_WANTED, span, "%s%s%s needs a condition, this is a value",
                     who ? "`" : "", who ? who : "this place", who ? "`" : "");
  diag_hint(s, d, "A condition compares, as in `V >= V_th`.");
}

void diag_condition_misplaced(Session *s, Span span, const char *who) {
  Diag *d = who ? diag_new(s, DIAG_CONDITION_MISPLACED, span, "%s needs a value, this is a condition", who)
                : diag_new(s, DIAG_CONDITION_MISPLACED, span, "a value is wanted, this is a condition");
  diag_hint(s, d, "Write `if … then 1 else 0` to make a number of it.");
}

void diag_label_misplaced(Session *s, Span span) {
  diag_new(s, DIAG_LABEL_MISPLACED, span,
           "this is a label, not a number: it can only be compared or be an index");
}

void diag_label_of_wanted(Session *s, Span span, const char *labels, Span domain) {
  Diag *d = diag_new(s, DIAG_LABEL_OF_WANTED, span, "this must be one of %s", labels);
  if (domain.to) diag_note(s, d, domain, "the choices are declared here");
}

void diag_labels_compared(Session *s, Span span, bool different_sets) {
  if (different_sets)
    diag_new(s, DIAG_LABELS_COMPARED, span, "labels are only comparable with labels of the same set");
  else
    diag_new(s, DIAG_LABELS_COMPARED, span, "labels have no order: only `==` and `!=` compare them");
}

void diag_not_a_number(Session *s, Span span, const char *what) {
  diag_new(s, DIAG_NOT_A_NUMBER, span, "%s cannot stand here: a number or quantity is wanted", what);
}

void diag_argument_count(Session *s, Span span, const char *fn, uint32_t want, uint32_t got, Span decl) {
  Diag *d = diag_new(s, DIAG_ARGUMENT_COUNT, span, "`%s` takes %u argument%s, here are %u", fn, want,
                     want == 1 ? "" : "s", got);
  if (decl.to) diag_note(s, d, decl, "declared here");
}

void diag_named_argument(Session *s, Span span) {
  diag_new(s, DIAG_NAMED_ARGUMENT, span, "the arguments of a function have no names: give them in order");
}

void diag_constant_wanted(Session *s, Span span, const char *who, bool whole) {
  diag_new(s, DIAG_CONSTANT_WANTED, span, "%s must be a %snumber that is known at compile time", who,
           whole ? "whole " : "");
}

void diag_changes(Session *s, Span span, const char *name, const char *who, Span decl) {
  Diag *d = diag_new(s, DIAG_CHANGES, span, "`%s` changes during a run, %s must not depend on it", name,
                     who ? who : "this value");
  if (decl.to) diag_note(s, d, decl, "`%s` is declared here", name);
}

void diag_time_misplaced(Session *s, Span span, const char *name) {
  if (name[0] == 't')
    diag_new(s, DIAG_TIME_MISPLACED, span, "the time `t` can only be used in equations, lets and handlers");
  else
    diag_new(s, DIAG_TIME_MISPLACED, span,
             "the step `dt` can only be used in delays: a model does not know its step");
}

void diag_noise_misplaced(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_NOISE_MISPLACED, span, "white_noise() can only stand in an equation");
  diag_hint(s, d, "For a random value at the start, draw it: `V ~ normal(-70 mV, 5 mV)`.");
}

void diag_draw_misplaced(Session *s, Span span, const char *dist) {
  Diag *d = diag_new(s, DIAG_DRAW_MISPLACED, span, "`%s` is a draw: it needs `~` instead of `=`", dist);
  diag_hint(s, d, "Draws stand in initial values, settings, handlers, weights and delays: `V ~ %s(…)`.",
            dist);
}

void diag_draw_arguments(Session *s, Span span, const char *dist) {
  diag_new(s, DIAG_DRAW_ARGUMENTS, span, "`%s` cannot have these arguments", dist);
}

void diag_choice_outside(Session *s, Span span, Span interval) {
  Diag *d = diag_new(s, DIAG_DRAW_ARGUMENTS, span, "none of these alternatives lies in the interval");
  diag_note(s, d, interval, "`within` is here");
}

void diag_draw_missing(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_DRAW_MISSING, span, "`~` needs a draw, this is always the same value");
  diag_hint(s, d, "Write `=`, or draw with uniform, normal, exponential or lognormal.");
}

void diag_within_wants_draw(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_WITHIN_WANTS_DRAW, span, "`within` limits a draw, and this is none");
  diag_hint(s, d,
            "To limit a value, write `clip(x, a, b)`; `2 * (normal(1, 0.1) within [0, inf))` draws first.");
}

void diag_interval_empty(Session *s, Span span) {
  diag_new(s, DIAG_INTERVAL_EMPTY, span, "there is nothing in this interval");
}

void diag_domain_wanted(Session *s, Span span) {
  diag_new(s, DIAG_DOMAIN_WANTED, span,
           "a domain is an interval, as in `(0, inf)`, or a set of words, as in `{poisson, dc}`");
}

void diag_outside_domain(Session *s, Span span, const char *name, const char *value, const char *domain,
                         Span decl) {
  const char *quote = strchr(name, ' ') ? "" : "`";
  Diag *d = diag_new(s, DIAG_OUTSIDE_DOMAIN, span, "%s%s%s must lie in %s, this is %s", quote, name, quote,
                     domain, value);
  if (decl.to) diag_note(s, d, decl, "the domain is declared here");
}

void diag_expr_too_large(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_EXPR_TOO_LARGE, span, "this expression is too large");
  diag_hint(s, d, "Functions are inlined where they are called: name parts of the expression with `let`.");
}

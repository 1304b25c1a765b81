/* Units: what they mean, that decimal literals lose nothing, what is refused and how. */
#include <math.h>
#include <string.h>

#include "lang/diag.h"
#include "lang/unit.h"
#include "tests/lang/tap.h"

static double value(const char *digits, const char *text) {
  Unit u;
  double v = NAN;
  if (unit_parse_quiet(text, &u) || !unit_number(digits, strlen(digits), &u, &v)) return NAN;
  return v;
}

static void is(const char *digits, const char *unit, double want) {
  double got = value(digits, unit);
  tap_ok(memcmp(&got, &want, sizeof got) == 0, "%s %s is %.17g (%.17g)", digits, unit, want, got);
}

static void same(const char *a, const char *ua, const char *b, const char *ub) {
  double x = value(a, ua), y = value(b, ub);
  Unit u, v;
  bool dims = !unit_parse_quiet(ua, &u) && !unit_parse_quiet(ub, &v) && dim_eq(u.dim, v.dim);
  tap_ok(dims && memcmp(&x, &y, sizeof x) == 0, "%s %s and %s %s are one double (%.17g, %.17g)", a, ua, b, ub,
         x, y);
}

static void test_values(void) {
  is("0.1", "ms", 0.1);
  is("-65", "mV", -65);
  is("87.81", "pA", 87.81);
  is("250", "pF", 250);
  is("1", "uF/cm^2", 0.01);  /* pF/um^2 */
  is("120", "mS/cm^2", 1.2); /* nS/um^2 */
  is("1", "Hz", 1e-3);
  is("16.6667", "nS", 16.6667);
  is("1", "nA", 1000);
  is("1", "Mohm", 1e-3); /* Gohm */
  is("100", "ohm*cm", 1e-9 * 100 * 1e4);
  is("0.2", "mM/ms", 0.2);
  is("4", "/ms", 4);
  is("4", "1/ms", 4);
  is("1", "M", 1000);
  is("20", "uM", 0.02);
  is("2", "m", 2e6);
  is("1", "um^2", 1);
  is("96485.33212331001", "C/mol", 96.48533212331001); /* fC/(mM*um^3) */
  is("6.3", "degC", (double)(6.3L + 273.15L));
  is("1", "K", 1);
  is("1", "1/s^0.5", (double)powl(10.0L, -1.5L));
  is("1", "L", 1e15);
  is("1", "mol/L", 1000);
}

static void test_fidelity(void) {
  same("10", "ms", "0.01", "s");
  same("10", "ms", "10000", "us");
  same("0.1", "ms", "1e-4", "s");
  same("0.1", "ms", "100", "us");
  same("-54.387", "mV", "-0.054387", "V");
  same("87.81", "pA", "0.08781", "nA");
  same("87.81", "pA", "8781e-14", "A");
  same("0.3", "mS/cm^2", "3", "S/m^2");
  same("1", "uF/cm^2", "0.01", "F/m^2");
  same("8", "Hz", "0.008", "kHz");
  same("8", "Hz", "8", "1/s");
  same("8", "Hz", "8", "s^-1");
  same("1", "Mohm", "0.001", "G\xCE\xA9");
  same("1", "um", "1", "\xC2\xB5m");
  same("1", "um", "1", "\xCE\xBCm");
  same("7", "ohm", "7", "\xE2\x84\xA6");
  same("1", "C", "1", "A*s");
  same("1", "F", "1", "C/V");
  same("1", "J", "1", "V*A*s");
  same("1", "W", "1", "J/s");
  same("1", "N", "1", "J/m");
  same("3", "mol/m^3", "3", "mM");
  same("0.1", "1/ms", "100", "Hz");
  /* any decimal literal, in two spellings */
  bool all = true;
  for (int i = 1; i < 20000 && all; i++) {
    char a[32], b[32];
    snprintf(a, sizeof a, "%d.%03d", i / 1000, i % 1000);
    snprintf(b, sizeof b, "%de-6", i);
    double x = value(a, "mV"), y = value(b, "V"), z = (double)i / 1000;
    all = x == y && x == z;
  }
  tap_ok(all, "20,000 literals in mV and V equal the nearest double");
}

static void refused(const char *text, DiagCode code, const char *hint) {
  Session *s = session_new();
  const Source *source = source_add(s, "u.nsl", text, strlen(text));
  Unit u;
  bool ok = unit_parse(s, (Span){source->base, source->base + source->len}, text, &u);
  const Diag *d = s->diags.n == 1 ? s->diags.at[0] : NULL;
  bool said = d && d->code == code && (hint ? d->hint && strstr(d->hint, hint) : true);
  tap_ok(!ok && said, "`%s` is refused: %s", text, d ? d->text : "(nothing said)");
  if (d && !said) printf("# hint: %s\n", d->hint ? d->hint : "(none)");
  session_free(s);
}

static void test_refused(void) {
  refused("uF/cm2", DIAG_UNIT_CARET, "cm^2");
  refused("m2", DIAG_UNIT_CARET, "m^2");
  refused("msec", DIAG_UNIT_UNKNOWN, "`ms`");
  refused("mv", DIAG_UNIT_UNKNOWN, "`mV`");
  refused("Ohm", DIAG_UNIT_UNKNOWN, "`ohm`");
  refused("min", DIAG_UNIT_UNKNOWN, "60 s");
  refused("h", DIAG_UNIT_UNKNOWN, "3600 s");
  refused("e", DIAG_UNIT_UNKNOWN, NULL);
  refused("mV/", DIAG_UNIT_MALFORMED, NULL);
  refused("mV//ms", DIAG_UNIT_MALFORMED, NULL);
  refused("mV^", DIAG_UNIT_MALFORMED, NULL);
  refused("s^0.37", DIAG_UNIT_MALFORMED, NULL);
  refused("s^99999", DIAG_UNIT_MALFORMED, NULL);
  refused("mV/degC", DIAG_UNIT_CELSIUS, "K");
  refused("mdegC", DIAG_UNIT_UNKNOWN, NULL);
  refused("degC^2", DIAG_UNIT_CELSIUS, NULL);
  refused("", DIAG_UNIT_MALFORMED, NULL);
  Unit u = {.scale = 1, .exact = true};
  double v;
  tap_ok(!unit_number("1e999", 5, &u, &v), "a number beyond double is refused");
  tap_ok(!unit_number("1e99999999999", 13, &u, &v), "an absurd exponent is refused");
  tap_ok(!unit_number("", 0, &u, &v) && !unit_number("-", 1, &u, &v) && !unit_number("1x", 2, &u, &v),
         "what is no number is refused");
}

static void text_of(const char *unit, const char *want, const char *coherent) {
  Session *s = session_new();
  Unit u, back;
  bool parsed = !unit_parse_quiet(unit, &u);
  const char *text = parsed ? dim_text(s, u.dim) : "?", *out = parsed ? dim_coherent_unit(s, u.dim) : "?";
  tap_ok(strcmp(text, want) == 0 && strcmp(out, coherent) == 0,
         "%s is spoken of as %s, output as %s (%s, %s)", unit, want, coherent, text, out);
  if (strcmp(out, "1") != 0)
    tap_ok(!unit_parse_quiet(out, &back) && dim_eq(back.dim, u.dim) && back.scale == 1, "%s is coherent",
           out);
  session_free(s);
}

static void test_text(void) {
  text_of("V", "mV", "mV");
  text_of("V/s", "mV/ms", "mV/ms");
  text_of("Hz", "1/ms", "1/ms");
  text_of("S/m^2", "mS/cm^2", "nS/um^2");
  text_of("F/m^2", "uF/cm^2", "pF/um^2");
  text_of("A", "pA", "pA");
  text_of("ohm", "Mohm", "Gohm");
  text_of("mM/ms", "mM/ms", "mM/ms");
  text_of("s^0.5*V^3", "ms^0.5*mV^3", "ms^0.5*mV^3");
  text_of("1/s^0.5", "1/ms^0.5", "1/ms^0.5");
  text_of("mV/mV", "a number", "1");
  Session *s = session_new();
  const Source *source = source_add(s, "u.nsl", "nA/um^2", 7);
  Unit u;
  unit_parse(s, (Span){source->base, source->base + 7}, "nA/um^2", &u);
  tap_ok(strcmp(dim_text(s, u.dim), "nA/um^2") == 0, "messages use the user's own spelling");
  session_free(s);
}

static void test_dimensions(void) {
  Unit v, s, s2;
  unit_parse_quiet("V", &v);
  unit_parse_quiet("s", &s);
  Dim d;
  tap_ok(dim_eq(dim_div(dim_mul(v.dim, s.dim), s.dim), v.dim), "x y / y has the dimension of x");
  tap_ok(dim_pow(s.dim, 1, 2, &d) && dim_pow(d, 2, 1, &d) && dim_eq(d, s.dim), "the root squared");
  tap_ok(!dim_pow(s.dim, 1, 7, &d), "a seventh of a power does not exist");
  tap_ok(!dim_pow(s.dim, 1000000, 1, &d), "nor does the millionth power");
  tap_ok(!unit_parse_quiet("s^2", &s2) && dim_eq(s2.dim, dim_mul(s.dim, s.dim)), "s^2 is s s");
  tap_ok(dim_none(DIM_NONE) && !dim_none(s.dim), "dim_none");
}

int main(void) {
  test_values();
  test_fidelity();
  test_refused();
  test_text();
  test_dimensions();
  return tap_done();
}

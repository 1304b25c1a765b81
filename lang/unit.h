/* Units and dimensions. The coherent system is ms, mV, pA, um, mM, K (so nS, pF, GOhm, fC, MOhm·1e-3 follow):
 * every value after lang/ is a number in it. The unit table (units.def) is frozen for each language version.
 */
#ifndef NSL_LANG_UNIT_H
#define NSL_LANG_UNIT_H

#include "lang/session.h"

/* Exponents over time, voltage, current, length, concentration, temperature in 1/12 (powers may be broken).
 */
enum { DIM_TIME, DIM_VOLTAGE, DIM_CURRENT, DIM_LENGTH, DIM_CONC, DIM_TEMP, DIM_BASES, DIM_ONE = 12 };
typedef struct {
  int16_t e[DIM_BASES];
} Dim;
static const Dim DIM_NONE = {{0}};
bool dim_eq(Dim a, Dim b);
bool dim_none(Dim a);
Dim dim_mul(Dim a, Dim b);
Dim dim_div(Dim a, Dim b);
/* a^(num/den); false if the result has no exact exponent. */
bool dim_pow(Dim a, int num, int den, Dim *ret);
/* In the user's words: the simplest unit of that dimension ("mV", "mS/cm^2", "1/ms", "a number"). */
const char *dim_text(Session *s, Dim d);
/* The unit that output uses for a dimension (coherent: factor 1), e.g. "mV", "nS", "pA/um^2", "1". */
const char *dim_coherent_unit(Session *s, Dim d);

typedef struct {
  Dim dim;
  double scale;  /* value in coherent units = number * scale + offset */
  double offset; /* degC only */
  bool exact;    /* the scale is 10^exp10 (else a broken power of ten, as in s^0.5) */
  int exp10;
} Unit;
/* Parses unit text ("mS/cm^2", "1/s^0.5", "uF/cm2" is an error). false after a diagnostic at `span`. */
bool unit_parse(Session *s, Span span, const char *text, Unit *ret);
/* Without diagnostics, for values on the command line and in files. 0 or an error text. */
const char *unit_parse_quiet(const char *text, Unit *ret);
/* Decimal digits ("0.1", "-65", "1e-3") with a unit -> the double nearest to the exact value in coherent
 * units: `10 ms` and `0.01 s` give the same bits. false if the text is no number or its value is too large
 * for a double. */
bool unit_number(const char *digits, size_t len, const Unit *unit, double *ret);

#endif

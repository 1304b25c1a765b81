/* Units: text -> dimension and scale; a decimal number with its unit -> the nearest double; a dimension ->
 * text.
 *
 * Every scale of the table is a power of ten of the coherent system, so a literal is converted by moving its
 * decimal exponent before the one rounding of strtod: `0.1 ms`, `100 us` and `1e-4 s` are the same double.
 * Broken powers (1/s^0.5) are the exception: there the scale is rounded first. Messages speak in the units
 * that the user wrote: each unit parsed from the first source is remembered as the word for its dimension. */
#include "lang/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"

/* ---- dimensions */

enum { LARGEST_EXPONENT = 1000 * DIM_ONE };

bool dim_eq(Dim a, Dim b) { return memcmp(a.e, b.e, sizeof a.e) == 0; }

bool dim_none(Dim a) { return dim_eq(a, DIM_NONE); }

static int16_t exponent_clamp(int e) {
  return (int16_t)(e > LARGEST_EXPONENT ? LARGEST_EXPONENT : e < -LARGEST_EXPONENT ? -LARGEST_EXPONENT : e);
}

Dim dim_mul(Dim a, Dim b) {
  for (int i = 0; i < DIM_BASES; i++) a.e[i] = exponent_clamp(a.e[i] + b.e[i]);
  return a;
}

Dim dim_div(Dim a, Dim b) {
  for (int i = 0; i < DIM_BASES; i++) a.e[i] = exponent_clamp(a.e[i] - b.e[i]);
  return a;
}

bool dim_pow(Dim a, int num, int den, Dim *ret) {
  Dim made = DIM_NONE;
  for (int i = 0; i < DIM_BASES; i++) {
    int64_t e = (int64_t)a.e[i] * num;
    if (den == 0 || e % den != 0) return false;
    e /= den;
    if (e > LARGEST_EXPONENT || e < -LARGEST_EXPONENT) return false;
    made.e[i] = (int16_t)e;
  }
  *ret = made;
  return true;
}

/* ---- reading units */

typedef struct {
  const char *text;
  Dim dim; /* whole exponents */
  int exp10;
} UnitRow;

static const UnitRow units[] = {
#define UNIT(text, t, v, i, l, c, k, exp10, doc) \
  {text, {{t * DIM_ONE, v * DIM_ONE, i * DIM_ONE, l * DIM_ONE, c * DIM_ONE, k * DIM_ONE}}, exp10},
#include "lang/units.def"
};
static const struct {
  const char *text;
  int exp10;
} prefixes[] = {
#define PREFIX(text, exp10) {text, exp10},
#include "lang/units.def"
};
static const struct {
  const char *wrong, *right;
} aliases[] = {
#define ALIAS(wrong, right) {wrong, right},
#include "lang/units.def"
};

typedef enum {
  UNIT_OK,
  UNIT_UNKNOWN,
  UNIT_MALFORMED,
  UNIT_NEEDS_CARET,
  UNIT_BAD_POWER,
  UNIT_CELSIUS
} UnitError;

typedef struct {
  const char *at; /* what is left to read */
  Unit unit;
  int exp10_12; /* in 1/12 */
  int factors;
  bool celsius;
  const char *bad, *bad_end; /* the factor at fault */
} Reader;

/* Micro and ohm signs have two code points each; both become ASCII. Returns the length in bytes, 0 if none.
 */
static size_t sign_read(const char *p, const char **ret_ascii) {
  static const struct {
    const char *sign, *ascii;
  } signs[] = {{"\xC2\xB5", "u"}, {"\xCE\xBC", "u"}, {"\xE2\x84\xA6", "ohm"}, {"\xCE\xA9", "ohm"}};
  for (size_t i = 0; i < COUNT_OF(signs); i++) {
    size_t n = strlen(signs[i].sign);
    if (strncmp(p, signs[i].sign, n) == 0) {
      *ret_ascii = signs[i].ascii;
      return n;
    }
  }
  return 0;
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '%' || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const UnitRow *unit_row(const char *word, int *ret_prefix) {
  *ret_prefix = 0;
  for (size_t i = 0; i < COUNT_OF(units); i++)
    if (strcmp(units[i].text, word) == 0) return &units[i];
  for (size_t p = 0; p < COUNT_OF(prefixes); p++) {
    size_t n = strlen(prefixes[p].text);
    if (strncmp(word, prefixes[p].text, n) != 0) continue;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
      if (strcmp(units[i].text, word + n) != 0 || strcmp(units[i].text, "degC") == 0) continue;
      *ret_prefix = prefixes[p].exp10;
      return &units[i];
    }
  }
  return NULL;
}

/* A word of letters, signs made ASCII. false if it is too long for any unit. */
static bool word_read(Reader *r, char *word, size_t size) {
  size_t n = 0;
  while (is_letter(*r->at)) {
    const char *ascii = NULL;
    size_t step = sign_read(r->at, &ascii), len = step ? strlen(ascii) : 1;
    if (n + len + 1 > size) return false;
    memcpy(word + n, step ? ascii : r->at, len);
    n += len;
    r->at += step ? step : 1;
  }
  word[n] = 0;
  return n > 0;
}

/* `^2`, `^-1`, `^0.5` as a fraction. */
static UnitError power_read(Reader *r, int *num, int *den) {
  *num = *den = 1;
  if (is_digit(*r->at)) return UNIT_NEEDS_CARET;
  if (*r->at != '^') return UNIT_OK;
  r->at++;
  bool minus = *r->at == '-';
  if (minus || *r->at == '+') r->at++;
  if (!is_digit(*r->at)) return UNIT_BAD_POWER;
  int n = 0, d = 1;
  for (bool after_dot = false; is_digit(*r->at) || (*r->at == '.' && !after_dot && is_digit(r->at[1]));
       r->at++) {
    if (*r->at == '.') {
      after_dot = true;
      continue;
    }
    if (n > 9999 || d > 9999) return UNIT_BAD_POWER;
    n = n * 10 + (*r->at - '0');
    if (after_dot) d *= 10;
  }
  *num = minus ? -n : n;
  *den = d;
  return UNIT_OK;
}

static UnitError factor_read(Reader *r, int sign) {
  char word[32];
  r->bad = r->bad_end = r->at;
  if (*r->at == '1' && !is_digit(r->at[1]) && r->factors == 0) { /* the 1 of 1/ms */
    r->at++;
    r->factors++;
    return UNIT_OK;
  }
  bool fits = word_read(r, word, sizeof word);
  while (is_letter(*r->at)) r->at++;
  r->bad_end = r->at;
  if (r->at == r->bad) return UNIT_MALFORMED;
  int prefix = 0, num = 1, den = 1;
  const UnitRow *row = fits ? unit_row(word, &prefix) : NULL;
  if (!row) return UNIT_UNKNOWN;
  UnitError error = power_read(r, &num, &den);
  if (error) {
    while (is_digit(*r->at)) r->at++;
    r->bad_end = r->at;
    return error;
  }
  Dim dim;
  int exp10_12 = (row->exp10 + prefix) * DIM_ONE * num;
  if (!dim_pow(row->dim, num * sign, den, &dim) || exp10_12 % den != 0) return UNIT_BAD_POWER;
  r->unit.dim = dim_mul(r->unit.dim, dim);
  r->exp10_12 += sign * exp10_12 / den;
  if (r->exp10_12 > 300 * DIM_ONE || r->exp10_12 < -300 * DIM_ONE) return UNIT_BAD_POWER;
  r->factors++;
  if (strcmp(row->text, "degC") == 0) r->celsius = true;
  return UNIT_OK;
}

/* 10^exp10, correctly rounded. */
static double power_of_ten(int exp10) {
  char text[16];
  snprintf(text, sizeof text, "1e%d", exp10);
  return strtod(text, NULL);
}

static UnitError unit_read(Reader *r) {
  int sign = 1;
  if (*r->at == '/') {
    sign = -1;
    r->at++;
    r->factors++;
  }
  for (;;) {
    UnitError error = factor_read(r, sign);
    if (error) return error;
    if (*r->at == 0) break;
    if (*r->at != '/' && *r->at != '*') {
      r->bad = r->at;
      r->bad_end = r->at + 1;
      return UNIT_MALFORMED;
    }
    sign = *r->at++ == '/' ? -1 : 1;
  }
  if (r->celsius) {
    if (r->factors != 1 || r->unit.dim.e[DIM_TEMP] != DIM_ONE) return UNIT_CELSIUS;
    r->unit.offset = 273.15;
  }
  r->unit.exact = r->exp10_12 % DIM_ONE == 0;
  r->unit.exp10 = r->exp10_12 / DIM_ONE;
  r->unit.scale =
      r->unit.exact ? power_of_ten(r->unit.exp10) : (double)powl(10.0L, r->exp10_12 / (long double)DIM_ONE);
  return UNIT_OK;
}

const char *unit_parse_quiet(const char *text, Unit *ret) {
  Reader r = {.at = text};
  switch (unit_read(&r)) {
    case UNIT_OK: *ret = r.unit; return NULL;
    case UNIT_UNKNOWN: return "unknown unit";
    case UNIT_MALFORMED: return "malformed unit";
    case UNIT_NEEDS_CARET: return "a power in a unit is written with ^, as in cm^2";
    case UNIT_BAD_POWER: return "this power of a unit is not possible";
    case UNIT_CELSIUS: return "degC cannot be part of a larger unit: use K";
  }
  return "malformed unit";
}

/* ---- messages */

/* The nearest unit, of those with usual prefixes. */
static const char *unit_nearest(Session *s, const char *word) {
  for (size_t i = 0; i < COUNT_OF(aliases); i++)
    if (strcmp(aliases[i].wrong, word) == 0) return aliases[i].right;
  static const char *const usual[] = {
      "s",  "ms", "us", "ns", "V", "mV", "uV", "A",   "mA",   "uA",   "nA",   "pA",   "fA",   "m",   "dm",
      "cm", "mm", "um", "nm", "M", "mM", "uM", "nM",  "pM",   "K",    "Hz",   "kHz",  "MHz",  "GHz", "F",
      "uF", "nF", "pF", "fF", "S", "mS", "uS", "nS",  "pS",   "ohm",  "kohm", "Mohm", "Gohm", "C",   "nC",
      "pC", "fC", "J",  "kJ", "W", "mW", "N",  "mol", "mmol", "umol", "L",    "mL",   "uL",   "degC"};
  const char *found = diag_nearest(word, usual, COUNT_OF(usual));
  return found ? arena_text(s->arena, found, strlen(found)) : NULL;
}

static char *factor_with_caret(Session *s, const char *from, const char *to) {
  const char *digit = from;
  while (digit < to && !is_digit(*digit)) digit++;
  return arena_printf(s->arena, "%.*s^%.*s", (int)(digit - from), from, (int)(to - digit), digit);
}

struct UnitWords {
  VEC(struct {
    Dim dim;
    const char *text;
  })
  words;
};

static void unit_remember(Session *s, Span span, const char *text, Dim dim) {
  if (dim_none(dim) || !s->sources.n || span.to == 0 ||
      span.from > s->sources.at[0].base + s->sources.at[0].len)
    return;
  if (!s->unit_words) s->unit_words = NEW(s->arena, struct UnitWords);
  struct UnitWords *w = s->unit_words;
  for (uint32_t i = 0; i < w->words.n; i++)
    if (dim_eq(w->words.at[i].dim, dim)) return;
  if (text[0] == '/') text = arena_printf(s->arena, "1%s", text);
  if (strstr(text, "degC")) text = "K";
  if (w->words.n == w->words.cap)
    w->words.at = vec_grow(s->arena, w->words.at, &w->words.cap, w->words.n, sizeof *w->words.at);
  w->words.at[w->words.n].dim = dim;
  w->words.at[w->words.n++].text = text;
}

bool unit_parse(Session *s, Span span, const char *text, Unit *ret) {
  Reader r = {.at = text};
  UnitError error = unit_read(&r);
  if (!error) {
    *ret = r.unit;
    unit_remember(s, span, text, r.unit.dim);
    return true;
  }
  const char *bad = arena_text(s->arena, r.bad, (size_t)(r.bad_end - r.bad));
  Span at = span;
  if (span.to - span.from == strlen(text) && strcmp(source_span_text(s, span, s->arena), text) == 0)
    at = (Span){span.from + (uint32_t)(r.bad - text), span.from + (uint32_t)(r.bad_end - text)};
  switch (error) {
    case UNIT_OK: break;
    case UNIT_UNKNOWN: diag_unit_unknown(s, at, bad, unit_nearest(s, bad)); break;
    case UNIT_NEEDS_CARET: diag_unit_caret(s, at, bad, factor_with_caret(s, r.bad, r.bad_end)); break;
    case UNIT_MALFORMED: diag_unit_malformed(s, span, text); break;
    case UNIT_BAD_POWER: diag_unit_power(s, at, bad); break;
    case UNIT_CELSIUS: diag_unit_celsius(s, span); break;
  }
  return false;
}

/* ---- numbers */

enum { LONGEST_NUMBER = 1000, LARGEST_POWER = 100000 };

/* The decimal exponent written after the mantissa; false if what stands there is none. */
static bool exponent_read(const char *text, size_t len, long *ret) {
  char part[16] = {0}, *end;
  *ret = 0;
  if (len == 0) return true;
  if ((text[0] != 'e' && text[0] != 'E') || len < 2 || len > sizeof part) return false;
  memcpy(part, text + 1, len - 1);
  *ret = strtol(part, &end, 10);
  return *end == 0 && *ret <= LARGEST_POWER && *ret >= -LARGEST_POWER;
}

bool unit_number(const char *digits, size_t len, const Unit *unit, double *ret) {
  char text[LONGEST_NUMBER + 16];
  size_t n = len > 0 && (digits[0] == '-' || digits[0] == '+') ? 1 : 0;
  while (n < len && (is_digit(digits[n]) || digits[n] == '.')) n++;
  long exponent;
  if (n == 0 || n > LONGEST_NUMBER || !exponent_read(digits + n, len - n, &exponent)) return false;
  bool plain = !unit || (unit->exact && unit->offset == 0);
  if (plain && unit) exponent += unit->exp10;
  memcpy(text, digits, n);
  snprintf(text + n, 16, "e%ld", exponent);
  char *end;
  double value = strtod(text, &end);
  if (*end) return false;
  if (!plain) value = (double)(strtold(text, NULL) * (long double)unit->scale + (long double)unit->offset);
  *ret = value;
  return isfinite(value);
}

/* ---- dimensions as text */

/* Units in which people of the field write a dimension, the best first. */
static const char *const usual_units[] = {
    "ms",      "mV",       "pA",         "um",        "mM",        "K",       "nS",     "pF",
    "Mohm",    "fC",       "1/ms",       "mV/ms",     "pA/ms",     "nS/ms",   "mM/ms",  "uF/cm^2",
    "mS/cm^2", "uA/cm^2",  "um^2",       "um^3",      "um/ms",     "1/mV",    "1/ms^2", "mV/ms^2",
    "pA/ms^2", "1/ms^0.5", "mV/ms^0.5",  "pA/ms^0.5", "1/mM",      "1/mM/ms", "ohm*cm", "S/cm",
    "mV^2",    "ms^2",     "ms^0.5",     "1/um",      "1/um^2",    "1/um^3",  "fJ",     "C/mol",
    "J/mol/K", "J/K",      "1/mol",      "mol",       "mol/m^2/s", "um^2/ms", "1/K",    "mV/K",
    "pA/mM",   "nS/mM",    "uA/cm^2/ms", "pC/cm^2",   "mV*ms",     "pA^2",    "1/mV^2", "1/pA"};

static char *base_factors(Session *s, Dim d, int sign) {
  static const char *const bases[DIM_BASES] = {"ms", "mV", "pA", "um", "mM", "K"};
  char *text = arena_text(s->arena, "", 0);
  for (int i = 0; i < DIM_BASES; i++) {
    int e = d.e[i] * sign;
    if (e <= 0) continue;
    const char *join = !*text ? "" : sign > 0 ? "*" : "/";
    if (e == DIM_ONE)
      text = arena_printf(s->arena, "%s%s%s", text, join, bases[i]);
    else
      text = arena_printf(s->arena, "%s%s%s^%.6g", text, join, bases[i], e / (double)DIM_ONE);
  }
  return text;
}

static const char *dim_compose(Session *s, Dim d) {
  const char *over = base_factors(s, d, 1), *under = base_factors(s, d, -1);
  if (!*under) return over;
  return arena_printf(s->arena, "%s/%s", *over ? over : "1", under);
}

/* An exact unit of the list: as it is, or over a power of length or time, or a product with a power of
 * length. */
static const char *dim_usual(Session *s, Dim d, const char *const *list, size_t n, bool coherent) {
  Unit u;
  for (size_t i = 0; i < n; i++)
    if (!unit_parse_quiet(list[i], &u) && dim_eq(u.dim, d) && (!coherent || u.scale == 1)) return list[i];
  static const char *const tails[] = {"/ms", "/mV",   "/um^2", "/um^3", "/um", "/ms^2",
                                      "/mM", "*um^2", "*um",   "*ms",   "*mV", "/K"};
  static const char *const heads[] = {"nS", "pF", "pA", "mV", "fC", "mM"};
  for (size_t i = 0; i < COUNT_OF(heads); i++)
    for (size_t j = 0; j < COUNT_OF(tails); j++) {
      char *text = arena_printf(s->arena, "%s%s", heads[i], tails[j]);
      if (!unit_parse_quiet(text, &u) && dim_eq(u.dim, d) && (!coherent || u.scale == 1)) return text;
    }
  return NULL;
}

const char *dim_text(Session *s, Dim d) {
  if (dim_none(d)) return "a number";
  for (uint32_t i = 0; s->unit_words && i < s->unit_words->words.n; i++)
    if (dim_eq(s->unit_words->words.at[i].dim, d)) return s->unit_words->words.at[i].text;
  const char *usual = dim_usual(s, d, usual_units, COUNT_OF(usual_units), false);
  return usual ? usual : dim_compose(s, d);
}

const char *dim_coherent_unit(Session *s, Dim d) {
  if (dim_none(d)) return "1";
  static const char *const coherent[] = {"ms", "mV", "pA", "um",   "mM",   "K",
                                         "nS", "pF", "fC", "Gohm", "1/ms", "mV/ms"};
  const char *usual = dim_usual(s, d, coherent, COUNT_OF(coherent), true);
  return usual ? usual : dim_compose(s, d);
}

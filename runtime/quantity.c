/* Reads quantities of the command line with the language's own unit table (lang/units.def, which includes
 * nothing).
 *
 * Grammar: number, then factors `unit[^power]` joined by `*` or `/`; a unit is one of the table, maybe with a
 * prefix; powers may be broken
 * (`s^0.5`). All scales are powers of ten, so the decimal exponent is moved before the one rounding: `10ms`
 * and `0.01s` are the same double, as they are in a model. */
#include "runtime/quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
  const char *text;
  int e[RT_DIM_BASES], exp10;
};
static const struct unit units[] = {
#define UNIT(text, t, v, i, l, c, k, exp10, doc) {text, {t, v, i, l, c, k}, exp10},
#define PREFIX(text, exp10)
#define ALIAS(wrong, right)
#include "lang/units.def"
#undef UNIT
#undef PREFIX
#undef ALIAS
};
struct prefix {
  const char *text;
  int exp10;
};
static const struct prefix prefixes[] = {
#define UNIT(text, t, v, i, l, c, k, exp10, doc)
#define PREFIX(text, exp10) {text, exp10},
#define ALIAS(wrong, right)
#include "lang/units.def"
#undef UNIT
#undef PREFIX
#undef ALIAS
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool unit_is(const char *text, size_t n, const char *name) {
  return strlen(name) == n && memcmp(text, name, n) == 0;
}

/* The unit of these n bytes and the exponent of its prefix; NULL: none. */
static const struct unit *unit_find(const char *text, size_t n, int *exp10) {
  *exp10 = 0;
  for (size_t i = 0; i < COUNT(units); i++)
    if (unit_is(text, n, units[i].text)) return &units[i];
  static const char micro[][4] = {"\xc2\xb5", "\xce\xbc"};
  for (size_t m = 0; m < COUNT(micro); m++)
    if (n > 2 && memcmp(text, micro[m], 2) == 0) {
      const struct unit *u = unit_find(text + 2, n - 2, exp10);
      if (u && *exp10 == 0) return *exp10 = -6, u;
    }
  for (size_t p = 0; p < COUNT(prefixes); p++) {
    size_t skip = strlen(prefixes[p].text);
    if (n <= skip || memcmp(text, prefixes[p].text, skip) != 0) continue;
    for (size_t i = 0; i < COUNT(units); i++)
      if (unit_is(text + skip, n - skip, units[i].text) && strcmp(units[i].text, "degC") != 0)
        return *exp10 = prefixes[p].exp10, &units[i];
  }
  return NULL;
}

/* One factor at *text; power in twelfths, signed by `/`. */
static const char *factor_read(const char **text, int sign, struct rt_dim *dim, double *exp10) {
  const char *p = *text;
  while (isalpha((unsigned char)*p) || (unsigned char)*p >= 0x80) p++;
  int prefix;
  const struct unit *u = unit_find(*text, (size_t)(p - *text), &prefix);
  if (!u) return "there is no such unit";
  double power = 1;
  if (*p == '^') {
    char *end;
    power = strtod(p + 1, &end);
    if (end == p + 1 || !(fabs(power) <= 16)) return "the power of a unit must be a small number";
    p = end;
  }
  double twelfths = power * RT_DIM_ONE * sign;
  if (twelfths != floor(twelfths)) return "the power of a unit cannot be that";
  for (int i = 0; i < RT_DIM_BASES; i++) dim->e[i] += u->e[i] * (int)twelfths;
  *exp10 += (u->exp10 + prefix) * power * sign;
  *text = p;
  return NULL;
}

static const char *units_read(const char *p, struct rt_dim *dim, double *exp10) {
  for (int sign = *p == '/' ? (p++, -1) : 1;;) {
    const char *wrong = factor_read(&p, sign, dim, exp10);
    if (wrong) return wrong;
    if (!*p) return NULL;
    if (*p != '*' && *p != '/') return "the unit is not understood";
    sign = *p++ == '*' ? 1 : -1;
  }
}

/* Digits times 10^exp10 with one rounding. */
static double scaled(const char *digits, size_t n, double exp10) {
  char text[400];
  if (exp10 != floor(exp10)) return strtod(digits, NULL) * pow(10, exp10);
  const char *e = memchr(digits, 'e', n);
  if (!e) e = memchr(digits, 'E', n);
  long own = e ? strtol(e + 1, NULL, 10) : 0;
  size_t mantissa = e ? (size_t)(e - digits) : n;
  if (mantissa > 300) return strtod(digits, NULL) * pow(10, exp10);
  snprintf(text, sizeof text, "%.*se%ld", (int)mantissa, digits, own + (long)exp10);
  return strtod(text, NULL);
}

const char *rt_quantity_read(const char *text, struct rt_quantity *ret) {
  while (isspace((unsigned char)*text)) text++;
  const char *p = text + (*text == '-' || *text == '+');
  bool infinite = strncmp(p, "inf", 3) == 0;
  size_t digits = 0;
  if (infinite) {
    p += 3;
  } else {
    for (; isdigit((unsigned char)*p) || *p == '.'; p++) digits += *p != '.';
    if (!digits) return "a number is expected";
    if ((*p == 'e' || *p == 'E') &&
        (isdigit((unsigned char)p[1]) || ((p[1] == '-' || p[1] == '+') && isdigit((unsigned char)p[2]))))
      for (p += 2; isdigit((unsigned char)*p); p++) continue;
  }
  size_t n = (size_t)(p - text);
  while (isspace((unsigned char)*p)) p++;
  struct rt_quantity q = {0};
  double exp10 = 0;
  q.has_unit = *p != 0;
  bool celsius = strcmp(p, "degC") == 0;
  if (*p) {
    const char *wrong = units_read(p, &q.dim, &exp10);
    if (wrong) return wrong;
  }
  q.value = infinite ? (*text == '-' ? -INFINITY : INFINITY) : scaled(text, n, exp10);
  if (celsius) q.value += 273.15;
  if (!infinite && isinf(q.value)) return "the number is too large";
  *ret = q;
  return NULL;
}

struct rt_dim rt_dim_read(const char *exponents) {
  struct rt_dim d = {{0}};
  for (int i = 0; exponents && i < RT_DIM_BASES; i++) {
    char *end;
    d.e[i] = (int)strtol(exponents, &end, 10);
    exponents = end;
  }
  return d;
}

bool rt_dim_equal(struct rt_dim a, struct rt_dim b) { return memcmp(a.e, b.e, sizeof a.e) == 0; }
bool rt_dim_none(struct rt_dim a) { return rt_dim_equal(a, (struct rt_dim){{0}}); }

void rt_number_text(double v, char *text, size_t size) {
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, size, "%.*g", digits, v);
    if (strtod(text, NULL) == v) return;
  }
}

void rt_quantity_text(double v, const char *unit, char *text, size_t size) {
  rt_number_text(v, text, size);
  size_t n = strlen(text);
  if (!unit || !*unit || strcmp(unit, "1") == 0) return;
  bool inverse = strncmp(unit, "1/", 2) == 0; /* 4/ms */
  snprintf(text + n, size - n, "%s%s", inverse ? "" : " ", inverse ? unit + 1 : unit);
}

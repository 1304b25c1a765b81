/* What the scanner's rules do with a match: words and their letters, numbers, units, strings, comments.
 *
 * Needs text that is valid UTF-8. Gives names and units with one spelling of the signs that look alike:
 * micro (U+00B5) becomes the Greek mu, ohm (U+2126) the Greek omega. Combining marks are no letters here,
 * so every name is in NFC. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"
#include "lang/unit.h"
#include "parser/grammar.h"

enum { MICRO = 0xB5, OHM = 0x2126, MAX_UNIT_WORD = 63 };

static uint32_t utf8_next(const char **at) {
  const unsigned char *p = (const unsigned char *)*at;
  uint32_t len = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
  uint32_t c = len == 1 ? p[0] : p[0] & (0x7F >> len);
  for (uint32_t i = 1; i < len; i++) c = c << 6 | (p[i] & 0x3F);
  *at += len;
  return c;
}

static bool greek_letter(uint32_t c) {
  if (c < 0x370 || c > 0x3FF) return c == MICRO || c == OHM;
  return c != 0x374 && c != 0x375 && c != 0x378 && c != 0x379 && c != 0x37A && c != 0x37E &&
         !(c >= 0x380 && c <= 0x385) && c != 0x387 && c != 0x38B && c != 0x38D && c != 0x3A2 && c != 0x3F6;
}

/* Signs that editors and papers put in the place of those of the language. */
static const struct {
  uint32_t sign;
  const char *write;
} look_alikes[] = {
    {0x2212, "Write `-`."},        {0x2013, "Write `-`."},       {0x2014, "Write `-`."},
    {0xD7, "Write `*`."},          {0xB7, "Write `*`."},         {0x22C5, "Write `*`."},
    {0xF7, "Write `/`."},          {0x2264, "Write `<=`."},      {0x2265, "Write `>=`."},
    {0x2260, "Write `!=`."},       {0x2192, "Write `->`."},      {0x2194, "Write `<->`."},
    {0x21CC, "Write `<->`."},      {0x201C, "Write `\"`."},      {0x201D, "Write `\"`."},
    {0x2018, "Write `'`."},        {0x2019, "Write `'`."},       {0x2032, "Write `'`."},
    {0x2033, "Write `''`."},       {0xB2, "Write `^2`."},        {0xB3, "Write `^3`."},
    {0x2026, "Write it out, or `..` for a range."},              {0xA0, "Write an ordinary blank."},
    {0x2009, "Write an ordinary blank."},                        {0x202F, "Write an ordinary blank."},
    {0xFEFF, "Remove it."},        {0x200B, "Remove it."},       {0x221E, "Write `inf`."},
    {0xB0, "Write `degC` for degrees Celsius."},                 {0x221A, "Write `sqrt(…)`."},
    {0x2208, "Write `in`."},       {0x223C, "Write `~`."},
};

static void letter_bad(Parser *p, const char *text, size_t len, uint32_t c, uint32_t offset) {
  const char *hint = NULL;
  for (size_t i = 0; i < COUNT_OF(look_alikes) && !hint; i++)
    if (look_alikes[i].sign == c) hint = look_alikes[i].write;
  const char *shown = arena_printf(p->s->arena, "`%.*s` (U+%04X)", (int)len, text, c);
  diag_syntax_character(p->s, (Span){offset, offset + (uint32_t)len}, shown, hint);
  p->bad = true;
}

/* A name with one spelling of each sign; complains about the first sign that is no letter if `offset` is
 * given. */
static Name word_name(Parser *p, const char *text, size_t len, uint32_t offset) {
  size_t ascii = 0;
  while (ascii < len && !(text[ascii] & 0x80)) ascii++;
  if (ascii == len) return name_of(p->s, text, len);
  char *spelled = arena_alloc(p->s->arena, len + 1);
  size_t n = 0;
  for (const char *at = text, *next; at < text + len; at = next) {
    next = at;
    uint32_t c = utf8_next(&next);
    size_t bytes = (size_t)(next - at);
    if (offset && c >= 0x80 && !greek_letter(c)) {
      letter_bad(p, at, bytes, c, offset + (uint32_t)(at - text));
      offset = 0;
    }
    const char *sign = c == MICRO ? "\u03BC" : c == OHM ? "\u03A9" : at;
    if (sign != at) bytes = 2;
    memcpy(spelled + n, sign, bytes);
    n += bytes;
  }
  return name_of(p->s, spelled, n);
}

static bool too_long(Parser *p, Span span, const char *what) {
  if (span.to - span.from <= MAX_TOKEN) return false;
  diag_syntax_token_long(p->s, (Span){span.from, span.from + 1}, what, MAX_TOKEN);
  p->bad = true;
  return true;
}

int scan_word(Parser *p, const char *text, size_t len, Value *value, Span *span) {
  if (too_long(p, *span, "a name")) len = 1;
  Name name = word_name(p, text, len, span->from);
  value->word = (AstWord){name, *span};
  const Keyword *word = word_keyword(p, name);
  return word ? word->token : T_NAME;
}

int scan_number(Parser *p, const char *text, size_t len, Value *value, Span *span) {
  p->number_from = span->from;
  p->number_end = span->to;
  value->number = 0;
  if (too_long(p, *span, "a number")) return T_NUMBER;
  if (len == 1) {
    value->number = text[0] - '0';
    return T_NUMBER;
  }
  errno = 0;
  value->number = strtod(text, NULL);
  if (errno == ERANGE && (isinf(value->number) || fabs(value->number) < DBL_MIN)) {
    diag_syntax_number_range(p->s, *span, arena_text(p->s->arena, text, len), isinf(value->number));
    p->harmless += !isinf(value->number);
    value->number = 1;
  }
  return T_NUMBER;
}

int scan_number_bad(Parser *p, const char *text, size_t len, Value *value, Span *span, const char *why) {
  if (too_long(p, *span, "a number")) return T_NUMBER;
  const char *dot = memchr(text, '.', len);
  const char *before = dot == text ? "0" : "", *after = dot[1] < '0' || dot[1] > '9' ? "0" : "";
  const char *write = arena_printf(p->s->arena, "%s%.*s%s%.*s", before, (int)(dot + 1 - text), text, after,
                                   (int)(text + len - dot - 1), dot + 1);
  size_t whole = strlen(write);
  if (write[whole - 1] == 'e' || write[whole - 1] == 'E') write = NULL;
  diag_syntax_number_form(p->s, *span, arena_text(p->s->arena, text, len), why, write);
  p->harmless++;
  p->number_from = span->from;
  p->number_end = 0;
  value->number = strtod(text, NULL);
  return T_NUMBER;
}

/* May the word behind a number, or where a unit is expected, begin a unit? */
bool scan_unit_starts(Parser *p, const char *text, size_t len, Span *span) {
  if (word_keyword(p, word_name(p, text, len, 0))) return false;
  p->unit_from = span->from;
  if (p->unit_free || p->number_end != span->from) return true;
  Span both = {p->number_from, span->to};
  const char *number = p->source->text + (p->number_from - p->source->base);
  int digits = (int)(p->number_end - p->number_from);
  bool unit = scan_unit_takes(p, text, len);
  if (digits > 40 || len > 40) digits = 0, len = 1;
  diag_syntax_number_form(p->s, both, arena_printf(p->s->arena, "%.*s%.*s", digits, number, (int)len, text),
                          unit ? "a blank stands between a number and its unit"
                               : "a name cannot begin with a digit, and a unit stands behind a blank",
                          unit ? arena_printf(p->s->arena, "%.*s %.*s", digits, number, (int)len, text) : NULL);
  p->bad = !unit;
  p->harmless += unit;
  return true;
}

/* Does the word stand for a unit? Decides whether `4 mV*x` is a unit or a product. */
bool scan_unit_takes(const Parser *p, const char *text, size_t len) {
  char word[MAX_UNIT_WORD + 1];
  Unit unit;
  if (len > MAX_UNIT_WORD) return false;
  memcpy(word, text, len);
  word[len] = 0;
  (void)p;
  return unit_parse_quiet(word, &unit) == NULL;
}

int scan_unit(Parser *p, Value *value, Span *span) {
  span->from = p->unit_from;
  span->to = p->pos;
  const char *text = p->source->text + (span->from - p->source->base);
  size_t len = span->to - span->from;
  if (too_long(p, *span, "a unit")) len = 1;
  if (*text == '/') {
    text = arena_printf(p->s->arena, "1%.*s", (int)len, text);
    len++;
  }
  value->word = (AstWord){word_name(p, text, len, *text == '1' ? 0 : span->from), *span};
  return T_UNIT;
}

int scan_string(Parser *p, const char *text, size_t len, Value *value, Span *span, bool closed) {
  value->word = (AstWord){name_of(p->s, "", 0), *span};
  if (too_long(p, *span, "a string")) return T_STRING;
  if (!closed) {
    diag_syntax_string(p->s, (Span){span->from, span->from + 1}, "this string does not end on its line",
                       "A string ends with `\"` on the line on which it begins.");
    p->bad = true;
    return T_STRING;
  }
  char *plain = arena_alloc(p->s->arena, len);
  size_t n = 0;
  for (size_t i = 1; i + 1 < len; i++) {
    if (text[i] == '\\' && text[++i] != '"' && text[i] != '\\') {
      uint32_t at = span->from + (uint32_t)i - 1;
      diag_syntax_string(p->s, (Span){at, at + 2}, "unknown sign behind `\\` in a string",
                         "Only `\\\"` and `\\\\` have a meaning; paths are written with `/`.");
    }
    plain[n++] = text[i];
  }
  value->word.name = name_of(p->s, plain, n);
  return T_STRING;
}

/* `## text` is kept for a declaration; `# text` and rows of `####` are not. */
void scan_comment(Parser *p, const char *text, size_t len, Span span) {
  if (p->tape) vec_push(p->s->arena, &p->tape->comments, ((TapeComment){span, p->line_used}));
  if (len < 2 || text[1] != '#' || (len > 2 && text[2] == '#')) return;
  const char *from = text + 2, *to = text + len;
  while (from < to && (*from == ' ' || *from == '\t')) from++;
  while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r')) to--;
  if (to - from > MAX_TOKEN && too_long(p, span, "a doc comment")) return;
  DocComment doc = {.span = span, .line_start = p->line_start, .token = p->n_tokens, .trailing = p->line_used};
  doc.text = name_of(p->s, from, (size_t)(to - from));
  vec_push(p->s->arena, &p->docs, doc);
}

/* A sign that begins no token: what is written instead in other languages has a hint. */
void scan_character(Parser *p, const char *text, size_t len, Span span) {
  static const struct {
    const char *sign, *hint;
  } hints[] = {
      {"**", "A power is written `a ^ b`."}, {"&&", "Write `and`."},      {"||", "Write `or`."},
      {"&", "Write `and`."},                 {"|", "Write `or`."},        {"!", "Write `not`."},
      {"//", "A comment begins with `#`."},  {"/*", "A comment begins with `#`."},
      {"@", "There is no sign for it: a threshold is `spike when V >= V_th { V = V_r }`."},
      {"?", "A choice is written `if cond then a else b`."},
      {":=", "Write `=`."},                  {"\\", "A line goes on inside ( ) and [ ], and after an operator or a comma."},
      {"%", "There is no remainder; a percentage is a number such as 0.05."},
  };
  const char *hint = "Nothing in the language is written with it.";
  for (size_t i = 0; i < COUNT_OF(hints); i++)
    if (strncmp(text, hints[i].sign, strlen(hints[i].sign)) == 0) {
      hint = hints[i].hint;
      break;
    }
  if (len > 2) span.to = span.from + 2, len = 2;
  unsigned c = (unsigned char)text[0];
  const char *shown = c < 0x20 || c == 0x7F ? arena_printf(p->s->arena, "the control character U+%04X", c)
                                            : arena_printf(p->s->arena, "`%.*s`", (int)len, text);
  diag_syntax_character(p->s, span, shown, hint);
  p->bad = true;
}

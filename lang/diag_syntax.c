/* Messages about the form of the text (1xxx): what the scanner and the parser find wrong, in the user's
 * words. */
#include <string.h>

#include "lang/diag.h"

/* "`of`, `as` or the end of the line" */
static const char *any_of(Session *s, const char *const *words, size_t n) {
  const char *text = "";
  for (size_t i = 0; i < n; i++) {
    const char *joint = i == 0 ? "" : i + 1 == n ? " or " : ", ";
    text = arena_printf(s->arena, "%s%s%s", text, joint, words[i]);
  }
  return text;
}

void diag_syntax_unexpected(Session *s, Span span, const char *found, const char *const *expected, size_t n,
                            const char *nearest, const char *hint, const char *fix) {
  Diag *d = diag_new(s, DIAG_SYNTAX_UNEXPECTED, span, "unexpected %s%s%s", found, n ? ", expected " : "",
                     any_of(s, expected, n));
  if (nearest) {
    diag_hint(s, d, "Did you mean `%s`?", nearest);
    diag_fix(d, span, nearest);
  } else if (hint) {
    diag_hint(s, d, "%s", hint);
    if (fix) diag_fix(d, span, fix);
  }
}

void diag_syntax_statement(Session *s, Span word_span, const char *word, const char *nearest) {
  Diag *d = diag_new(s, DIAG_SYNTAX_STATEMENT, word_span, "`%s` does not begin a statement", word);
  if (nearest) {
    diag_hint(s, d, "Did you mean `%s`?", nearest);
    diag_fix(d, word_span, nearest);
  } else {
    diag_hint(s, d,
              "A declaration begins with its kind (`param`, `state`, …), an assignment with a name and `=`.");
  }
}

void diag_syntax_foreign(Session *s, Span word_span, const char *word, const char *hint, Span fix_span,
                         const char *fix) {
  Diag *d = diag_new(s, DIAG_SYNTAX_STATEMENT, word_span, "`%s` does not begin a statement", word);
  diag_hint(s, d, "%s", hint);
  if (fix) diag_fix(d, fix_span, fix);
}

void diag_syntax_reserved(Session *s, Span span, const char *word, const char *nearest) {
  Diag *d =
      diag_new(s, DIAG_SYNTAX_RESERVED, span, "`%s` is a word of the language and cannot be a name", word);
  if (nearest) diag_hint(s, d, "Did you mean `%s`?", nearest), diag_fix(d, span, nearest);
  else diag_hint(s, d, "Choose another name, for example `%s_`.", word);
}

void diag_syntax_unclosed(Session *s, Span bracket_span, const char *bracket, Span where) {
  Diag *d = diag_new(s, DIAG_SYNTAX_UNCLOSED, bracket_span, "this `%s` is never closed", bracket);
  if (where.to > 0) diag_note(s, d, where, "noticed here");
}

void diag_syntax_line_start(Session *s, Span span, const char *found, Span gap) {
  Diag *d = diag_new(s, DIAG_SYNTAX_LINE_START, span, "a line cannot begin with %s", found);
  bool joins = strcmp(found, "`{`") == 0 || strcmp(found, "`else`") == 0;
  if (strcmp(found, "`for`") == 0) {
    diag_hint(
        s, d,
        "There are no loops: `x[k]' = …` holds for each k, and `for k in SET` stands behind a projection.");
    return;
  }
  if (strcmp(found, "`:`") == 0) {
    diag_hint(s, d, "A comment begins with `#`; a unit stands on the line of its declaration.");
    return;
  }
  if (joins) {
    diag_hint(s, d, "Write it at the end of the line before.");
    diag_fix(d, gap, " ");
  } else {
    diag_hint(s, d, "A line goes on inside ( ) and [ ], and after an operator or a comma, never before one.");
  }
}

void diag_syntax_number_form(Session *s, Span span, const char *text, const char *why, const char *write) {
  Diag *d = diag_new(s, DIAG_SYNTAX_NUMBER_FORM, span, "`%s` is not a number: %s", text, why);
  if (!write) return;
  diag_hint(s, d, "Write `%s`.", write);
  diag_fix(d, span, write);
}

void diag_syntax_number_range(Session *s, Span span, const char *text, bool too_large) {
  Diag *d = diag_new(s, DIAG_SYNTAX_NUMBER_RANGE, span, "`%s` is too %s for a number", text,
                     too_large ? "large" : "small");
  diag_hint(s, d, "Numbers reach from 2.3e-308 to 1.7e308; %s.",
            too_large ? "infinity is `inf`" : "nothing is `0`");
}

void diag_syntax_string(Session *s, Span span, const char *why, const char *hint) {
  Diag *d = diag_new(s, DIAG_SYNTAX_STRING, span, "%s", why);
  if (hint) diag_hint(s, d, "%s", hint);
}

void diag_syntax_character(Session *s, Span span, const char *text, const char *hint) {
  Diag *d = diag_new(s, DIAG_SYNTAX_CHARACTER, span, "%s has no meaning here", text);
  size_t n = hint ? strlen(hint) : 0; /* "Write `x`." */
  if (n > 9 && strncmp(hint, "Write `", 7) == 0 && strchr(hint + 7, '`') == hint + n - 2)
    diag_fix(d, span, arena_text(s->arena, hint + 7, n - 9));
  diag_hint(s, d, "%s",
            hint ? hint : "Names are made of letters, digits and `_`; Greek letters count as letters.");
}

void diag_syntax_nesting(Session *s, Span span, const char *what, unsigned limit, const char *hint) {
  Diag *d = diag_new(s, DIAG_SYNTAX_NESTING, span, "%s more than %u deep", what, limit);
  if (hint) diag_hint(s, d, "%s", hint);
}

void diag_syntax_token_long(Session *s, Span span, const char *what, unsigned limit) {
  diag_new(s, DIAG_SYNTAX_TOKEN_LONG, span, "%s of more than %u bytes", what, limit);
}

void diag_syntax_language_missing(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SYNTAX_LANGUAGE, span, "a file starts with `language 1`");
  diag_hint(s, d, "It says for which version of the language the file was written.");
  diag_fix(d, (Span){span.from, span.from}, "language 1\n\n");
}

void diag_syntax_language_version(Session *s, Span span, double version) {
  Diag *d = diag_new(s, DIAG_SYNTAX_LANGUAGE, span, "this compiler does not know version %g of the language",
                     version);
  diag_hint(s, d, "It knows version 1.");
}

/* dV/dt */
static bool is_quotient_of_dt(const char *text) {
  const char *slash = strchr(text, '/');
  if (text[0] != 'd' || !slash) return false;
  for (slash++; *slash == ' ';) slash++;
  return strcmp(slash, "dt") == 0;
}

void diag_syntax_target(Session *s, Span span, const char *op) {
  const char *verb = strcmp(op, "'") == 0 ? "belongs to" : "gives a value to";
  Diag *d = diag_new(s, DIAG_SYNTAX_TARGET, span, "`%s` %s a name, not to an expression", op, verb);
  const char *text = source_span_text(s, span, s->arena);
  if (is_quotient_of_dt(text)) diag_hint(s, d, "A derivative is written with a stroke: `V' = …`.");
  else diag_hint(s, d, "Left of `%s` stands a name: `V`, `w[k]`, `na.g`, `x(0)`.", op);
}

void diag_syntax_compare(Session *s, Span span) {
  Diag *d = diag_new(s, DIAG_SYNTAX_COMPARE, span, "`=` gives a value; a comparison is written `==`");
  diag_fix(d, span, "==");
  diag_hint(s, d, "Write `==`.");
}

void diag_syntax_level(Session *s, Span span, const char *word, bool inside) {
  Diag *d = diag_new(s, DIAG_SYNTAX_LEVEL, span,
                     inside ? "`%s` stands at file level, not inside a block"
                            : "`%s` stands inside a block, not at file level",
                     word);
  if (inside) diag_hint(s, d, "If this begins a new declaration, a `}` is missing before it.");
  else diag_hint(s, d, "If it belongs to the block before, that block was closed too early.");
}

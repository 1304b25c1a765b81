/* Syntax errors in the user's words: what was found, what could have stood there, what was probably meant.
 *
 * The grammar gives the exact tokens that fit (LAC); they are gathered into things a reader thinks in: "a
 * statement", "an expression", "an operator". One message for one statement; where to read on is decided
 * in tokens.c. */
#include <string.h>

#include "lang/diag.h"
#include "parser/grammar.h"

enum { MAX_SHOWN = 40, MAX_LISTED = 9 };

typedef struct {
  const char *const *at;
  size_t n;
} Expected;

static bool expects(const Expected *e, const char *word) {
  for (size_t i = 0; i < e->n; i++)
    if (strcmp(e->at[i], word) == 0) return true;
  return false;
}

static const Keyword *keyword_by_text(const char *text) {
  for (size_t i = 0; i < n_keywords; i++)
    if (strcmp(keywords[i].text, text) == 0) return &keywords[i];
  return NULL;
}

static const char *token_text(const Parser *p, const Token *t) {
  return source_span_text(p->s, t->span, p->s->arena);
}

static const char *token_shown(const Parser *p, const Token *t) {
  if (t->code == T_END) return "end of the file";
  if (t->code == T_SEP && p->source->text[t->span.from - p->source->base] != ';') return "end of the line";
  const char *text = token_text(p, t);
  size_t len = strlen(text), cut = MAX_SHOWN;
  if (len <= MAX_SHOWN) return arena_printf(p->s->arena, "`%s`", text);
  while (cut > 0 && (text[cut] & 0xC0) == 0x80) cut--;
  return arena_printf(p->s->arena, "`%.*s…`", (int)cut, text);
}

/* ---- what was expected */

static bool one_of(const char *word, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(word, list[i]) == 0) return true;
  return false;
}

typedef struct {
  bool name, statement, top, expression, operation, word, line_end;
} Gathered;

/* Is the token said by one of the gathered words? */
static bool is_gathered(const Gathered *g, const char *word) {
  static const char *const operators[] = {"+",  "-",   "*",  "/",      "^", "==", "!=", "<", "<=", ">",
                                          ">=", "and", "or", "within", ".", "[",  "(",  "'", "..", "a unit"};
  static const char *const suffixes[] = {".", "[", "(", "'"};
  static const char *const openers[] = {"(", "[", "-", "not", "if"};
  static const char *const rare[] = {"+=",
                                     "-=",
                                     "*=",
                                     "<->",
                                     "the unit of a column",
                                     "a statement of later sections",
                                     "the end of the file"};
  const Keyword *k = keyword_by_text(word);
  if (one_of(word, rare, COUNT_OF(rare)) && !(strcmp(word, "the end of the file") == 0 && !g->line_end))
    return true;
  if (g->word && one_of(word, suffixes, COUNT_OF(suffixes))) return true;
  if (g->operation && one_of(word, operators, COUNT_OF(operators))) return true;
  if (g->operation && strcmp(word, ":") == 0) return true; /* a column of a file: rare */
  if (g->operation && g->line_end && strcmp(word, "by") == 0) return true; /* who a third part is: rare */
  if (g->name && strcmp(word, "(") == 0) return true;
  if (g->expression && one_of(word, openers, COUNT_OF(openers))) return true;
  if (g->line_end && strcmp(word, "}") == 0) return true;
  if ((g->expression || g->name) && k && !k->hard) return true;
  if (g->statement && k && (k->role == ROLE_STMT || k->role == ROLE_LATER || k->role == ROLE_BLOCK))
    return true;
  if (g->top && k) return true;
  return strncmp(word, "a ", 2) == 0 || strcmp(word, "the end of the line") == 0;
}

/* Fills `ret` with at most MAX_LISTED things in the user's words. */
static size_t expected_words(const Parser *p, const Expected *e, const char **ret) {
  Gathered g = {.name = expects(e, "a name"),
                .statement = expects(e, "param") && expects(e, "connect"),
                .top = expects(e, "fn") && expects(e, "neuron"),
                .line_end = expects(e, "the end of the line")};
  g.expression = g.name && expects(e, "a number");
  for (size_t i = 0; i < e->n && !g.name; i++) g.word |= keyword_by_text(e->at[i]) != NULL;
  g.operation = expects(e, "+") && !g.expression;
  size_t n = 0;
  for (size_t i = 0; i < e->n && n < MAX_LISTED - 4; i++)
    if (!is_gathered(&g, e->at[i])) ret[n++] = arena_printf(p->s->arena, "`%s`", e->at[i]);
  if (g.top) {
    ret[n++] = "`fn`";
    ret[n++] = "a block such as `neuron`";
  }
  if (g.statement) ret[n++] = "a statement";
  else if (g.expression) ret[n++] = "an expression";
  else if (g.name) ret[n++] = "a name";
  else if (expects(e, "a number")) ret[n++] = "a number";
  if (expects(e, "a string") && !g.expression) ret[n++] = "a string";
  if (expects(e, "a unit") && !g.operation) ret[n++] = "a unit";
  if (g.operation) ret[n++] = "an operator";
  if (g.line_end && n < MAX_LISTED) ret[n++] = "the end of the line";
  return n;
}

/* ---- what was probably meant */

/* The nearest of the words that fit here. */
static const char *nearest_expected(const Expected *e, const char *word) {
  const char *words[256];
  size_t n = 0;
  for (size_t i = 0; i < e->n && n < COUNT_OF(words); i++)
    if (keyword_by_text(e->at[i])) words[n++] = e->at[i];
  return diag_nearest(word, words, n);
}

/* The nearest of the words that begin a statement. */
static const char *nearest_statement(const Parser *p, const char *word) {
  const char *words[256];
  size_t n = 0;
  for (size_t i = 0; i < n_keywords && n < COUNT_OF(words); i++) {
    WordRole role = keywords[i].role;
    bool top = role == ROLE_FILE || role == ROLE_BLOCK || role == ROLE_LATER_BLOCK;
    bool inside = role == ROLE_STMT || role == ROLE_LATER;
    if (p->n_bodies ? inside : top) words[n++] = keywords[i].text;
  }
  return diag_nearest(word, words, n);
}

/* `parm C = 250 pF`: the statement begins with a name, and something follows that cannot follow a name. */
static bool misspelt_statement(const Parser *p, const char **nearest) {
  const Token *t = &p->last;
  if (p->before.code != T_NAME || p->before.span.from != p->first.span.from) return false;
  const Keyword *k = word_keyword(p, t->value.word.name);
  bool word = t->code == T_NAME || (k && t->code == k->token);
  if (!word && t->code != T_NUMBER && t->code != T_STRING && t->code != T_LBRACE) return false;
  *nearest = nearest_statement(p, token_text(p, &p->first));
  return *nearest || word;
}

/* `V' = (a - b` and on the next line `x = …`: the bracket was forgotten, not an operator. */
static bool unclosed_before(const Parser *p) {
  const Token *t = &p->last;
  if (!t->first_on_line || t->code != T_NAME || !tokens_in_expression(p)) return false;
  const char *c = p->source->text + (t->span.to - p->source->base);
  if (*c == '[')
    while (*c && *c != ']' && *c != '\n') c++;
  while (*c == ' ' || *c == '\t' || *c == '\'' || *c == ']') c++;
  if ((*c == '+' || *c == '-' || *c == '*') && c[1] == '=') return true;
  return *c == '~' || (*c == '=' && c[1] != '=');
}

/* What follows the word: `x = …`, `x[k] ~ …`, `x' = …`, `x.y` is of this language, whatever the word; `reset
 * = '…'` is not. */
static bool is_given_a_value(const Parser *p, const Token *word) {
  const char *c = p->source->text + (word->span.to - p->source->base);
  while (*c == ' ' || *c == '\t') c++;
  bool sets = *c == '~' || *c == '[' || *c == '.' || *c == '\'' ||
              ((*c == '+' || *c == '-' || *c == '*') && c[1] == '=');
  if (*c != '=' || c[1] == '=') return sets;
  for (c++; *c == ' ' || *c == '\t';) c++;
  return *c != '\'';
}

/* A statement of another language: it begins with a word of it (`from x import y`). */
static const char *foreign_statement(const Parser *p) {
  if ((p->first.code != T_NAME && p->first.code != T_FROM) || is_given_a_value(p, &p->first)) return NULL;
  return diag_habit(token_text(p, &p->first));
}

/* `tau_m ms = 10 ms`: a declaration without its kind, with the unit where NESTML has it. */
static bool typed_name(const Parser *p) {
  const Token *t = &p->last;
  return t->code == T_NAME && p->before.code == T_NAME && p->before.span.from == p->first.span.from &&
         is_given_a_value(p, t) && scan_unit_takes(p, token_text(p, t), t->span.to - t->span.from);
}

/* Does the statement begin with `dV/dt =`? */
static bool is_derivative(const Parser *p) {
  const char *c = p->source->text + (p->first.span.from - p->source->base);
  if (*c != 'd') return false;
  while (*c && *c != '\n' && *c != '/' && *c != '=') c++;
  if (*c != '/') return false;
  for (c++; *c == ' ';) c++;
  return c[0] == 'd' && c[1] == 't' && (c[2] == ' ' || c[2] == '=');
}

static const char *hint_of_colon(const Parser *p, const Expected *e) {
  int first = p->first.code;
  bool alone = p->before.span.from == p->first.span.from;
  if (expects(e, "{"))
    return first == T_IF ? "A body stands in braces: `if x > 0 { … }`."
                         : arena_printf(p->s->arena, "A block stands in braces: `%s … { … }`.",
                                        token_text(p, &p->first));
  if (alone && (first == T_STATE || first == T_INPUT || first == T_PARAM))
    return arena_printf(p->s->arena, "Each one is a declaration of its own: `%s`.",
                        first == T_STATE   ? "state V = -70 mV"
                        : first == T_INPUT ? "input I : pA"
                                           : "param tau = 10 ms");
  if (alone && first == T_NAME)
    return "A declaration begins with its kind: `param tau = 10 ms`, `input I : pA`.";
  if (p->before.code == T_NUMBER && first == T_INDEX) return "A range is written `1..3`.";
  if (expects(e, "the end of the line") && first == T_NAME && is_derivative(p))
    return "A derivative is written with a stroke, `V' = …`, and its dimension follows: leave it out.";
  if (expects(e, "the end of the line") && first == T_NAME)
    return "The dimension follows from the equation: leave it out.";
  return NULL;
}

/* What people write who come from other tools. */
static const char *hint_of_habit(const Parser *p, const Expected *e) {
  const Token *t = &p->last;
  int first = p->first.code;
  if (first == T_CONNECT && t->code == T_TO)
    return "The target follows an arrow: `connect A -> B.port by …`.";
  if (first == T_CONNECT && t->code == T_WITH && expects(e, "by"))
    return "The rule comes first, for example `by all_to_all`.";
  if (first == T_POPULATION && t->code == T_LPAREN)
    return "The size stands in square brackets, as in `iaf_psc_exp[100]`.";
  if (first == T_LET && t->code == T_LPAREN) return "A function is declared at file level: `fn f(x) = …`.";
  if ((first == T_SPIKE && t->code == T_IF) || (first == T_WHEN && p->before.span.from == p->first.span.from))
    return "Write `spike when …`.";
  if (first == T_CONNECT && expects(e, "no") && t->code == T_NAME)
    return "Weight and delay stand in braces at the end: `{ weight = 1 pA;  delay = 1 ms }`.";
  if (t->code == T_NAME && diag_habit(token_text(p, t))) return diag_habit(token_text(p, t));
  if (t->code == T_COLON) return hint_of_colon(p, e);
  if (t->code == T_LPAREN && p->before.code == T_UNIT && first == T_NAME)
    return "A declaration begins with its kind: `param tau = 10 ms`, `input I : pA`.";
  if (t->code == T_LPAREN && p->before.code == T_NUMBER)
    return "A unit follows its number without brackets: `0.12 S/cm^2`; a product needs its `*`.";
  if (t->code == T_PLUS && p->before.code == T_PLUS) return "Write `x += 1`.";
  if (t->code == T_SEP && p->before.code == T_RPAREN && expects(e, "="))
    return "Nothing is done by calling a function: give its value a name, `let x = f(…)`.";
  if (t->code != T_COMMA || !expects(e, "the end of the line")) return NULL;
  if (first == T_RUN) return "Settings follow `with`: `run 1 s with dt = 0.1 ms, seed = 1`.";
  if (first == T_RECORD) return "Each variable has a `record` of its own.";
  return "Statements are separated by `;` or by the end of the line.";
}

/* What stands in the place of the last token, if that is all that hint_of_habit wants. */
static const char *fix_of_habit(const Parser *p, const Expected *e) {
  const Token *t = &p->last;
  int first = p->first.code;
  if (first == T_SPIKE && t->code == T_IF) return "when";
  if (first == T_CONNECT && t->code == T_TO) return "->";
  if (first == T_INDEX && t->code == T_COLON && p->before.code == T_NUMBER) return "..";
  if (t->code == T_NAME && (strcmp(token_text(p, t), "elif") == 0 || strcmp(token_text(p, t), "elsif") == 0))
    return "else if";
  if (t->code != T_COMMA || !expects(e, "the end of the line") || first == T_RECORD) return NULL;
  return first == T_RUN ? " with" : ";";
}

static const char *hint_for(const Parser *p, const Expected *e) {
  const Token *t = &p->last;
  const char *habit = hint_of_habit(p, e);
  if (habit) return habit;
  bool compares = t->code == T_LT || t->code == T_LE || t->code == T_GT || t->code == T_GE ||
                  t->code == T_EQ || t->code == T_NE;
  if (compares && expects(e, "and")) return "Join two comparisons with `and`.";
  if (t->code == T_PRIMES && expects(e, "a string")) return "A string stands in double quotes.";
  if (t->code == T_PLUS && expects(e, "-")) return "There is no sign `+`.";
  if (t->code == T_LINE && expects(e, "+")) return "Write a blank between two minus signs.";
  if (t->code == T_SEP && tokens_in_expression(p)) return "Items are separated by commas.";
  if (t->code == T_RBRACE && !t->body && p->n_bodies == 0) return "There is no open `{` for it.";
  if (p->n_bodies == 0 && t->code == T_NAME && p->first.span.from == t->span.from && p->opening == T_LANGUAGE)
    return "If it belongs to the block before, that block was closed too early.";
  if (tokens_goes_on_after(p->before.code) && t->first_on_line)
    return arena_printf(p->s->arena, "The line before ends with %s, so it goes on here.",
                        token_shown(p, &p->before));
  return NULL;
}

/* ---- messages */

/* Mistakes that have a message of their own. */
static bool special(Parser *p, const Expected *e) {
  const Token *t = &p->last;
  const char *text = token_text(p, t), *nearest;
  WordRole role = token_role(p, t->code);
  bool file_level = role == ROLE_FILE || role == ROLE_BLOCK || role == ROLE_LATER_BLOCK;
  bool begins = p->first.span.from == t->span.from;
  const char *foreign = foreign_statement(p);
  if (foreign) {
    diag_syntax_foreign(p->s, p->first.span, token_text(p, &p->first), foreign, p->first.span, NULL);
    return true;
  }
  if (typed_name(p) && !nearest_statement(p, token_text(p, &p->first))) {
    const char *name = token_text(p, &p->first), *write = arena_printf(p->s->arena, "param %s", name);
    Span both = {p->first.span.from, t->span.to};
    diag_syntax_foreign(p->s, p->first.span, name,
                        arena_printf(p->s->arena, "Write `%s = …`: the value brings its unit.", write), both,
                        write);
    return true;
  }
  if (misspelt_statement(p, &nearest)) {
    diag_syntax_statement(p->s, p->first.span, token_text(p, &p->first), nearest);
    return true;
  }
  if (begins && p->n_bodies > 0 && file_level) {
    diag_syntax_level(p->s, t->span, text, true);
    return true;
  }
  if (begins && p->n_bodies == 0 &&
      ((role == ROLE_STMT && t->code != T_LET && t->code != T_INDEX) || t->code == T_IF)) {
    diag_syntax_level(p->s, t->span, text, false);
    return true;
  }
  bool reserved = (file_level || role == ROLE_STMT || role == ROLE_LATER) && p->word_of_token[t->code]->hard;
  if (reserved && expects(e, "a name") && !t->first_on_line) {
    nearest = p->first.code == T_RECORD && t->code == T_SPIKE ? "spikes" : NULL;
    diag_syntax_reserved(p->s, t->span, text, nearest);
    return true;
  }
  if (t->code == T_SET && expects(e, "==") && !expects(e, "=") && !expects(e, ")")) {
    diag_syntax_compare(p->s, t->span);
    return true;
  }
  return false;
}

static void complain(Parser *p, Span span, const Expected *e) {
  if (special(p, e)) return;
  const Token *t = &p->last;
  const char *words[MAX_LISTED + 8];
  size_t n = expected_words(p, e, words);
  bool word = t->code == T_NAME || (token_role(p, t->code) != ROLE_NONE && !p->word_of_token[t->code]->hard);
  const char *nearest = word ? nearest_expected(e, token_text(p, t)) : NULL;
  const char *found = token_shown(p, t);
  bool early = t->code == T_RBRACE && t->first_on_line && !tokens_goes_on_after(p->before.code) &&
               !expects(e, "the end of the line");
  if (early && p->before.span.to < span.from) {
    span = (Span){p->before.span.to, p->before.span.to + 1};
    found = "end of the line";
  }
  diag_syntax_unexpected(p->s, span, found, words, n, nearest, hint_for(p, e), fix_of_habit(p, e));
}

/* `expected`: the tokens that fit in the place of p->last. */
void error_report(Parser *p, Span span, const char *const *expected, size_t n) {
  Expected e = {expected, n};
  if (!p->mute && unclosed_before(p)) {
    tokens_close_brackets(p, span);
    tokens_reread_line(p);
    return;
  }
  if (!p->mute) complain(p, span, &e);
  p->mute = true;
  tokens_recover(p);
}

void error_too_deep(Parser *p, Span span) {
  diag_syntax_nesting(p->s, span, "statements or operators", MAX_NESTING, NULL);
  p->mute = p->stop = true;
}

/* Tokens of one line: the blanks between them, and where the line is broken if it is longer than FMT_WIDTH.
 *
 * A line is broken where the language lets it go on: behind an operator, behind a comma, behind an open
 * bracket. Of the places that fit, the one that binds least is taken (outside of brackets before inside, a
 * sum before a product, `=` last), of several such the last. A table whose rows are lists is broken row by
 * row. */
#include "parser/fmt.h"

#include <string.h>

#include "parser/grammar.h"

static const FmtToken *token_at(const FmtText *t, const FmtRun *run, uint32_t i) {
  static const FmtToken semicolon = {.code = T_SEP};
  return run->at[i] == FMT_SEMICOLON ? &semicolon : &t->tokens[run->at[i]];
}

static bool opens(const FmtToken *k) {
  return k->code == T_LPAREN || k->code == T_LBRACKET || (k->code == T_LBRACE && !k->body);
}
static bool closes(const FmtToken *k) {
  return k->code == T_RPAREN || k->code == T_RBRACKET || (k->code == T_RBRACE && !k->body);
}

static bool can_be_called(const FmtToken *k) {
  return k->name || k->code == T_RPAREN || k->code == T_RBRACKET || k->code == T_PRIMES ||
         k->code == T_COLUMN_UNIT;
}

static bool is_power(const FmtToken *k) { return k->code == T_POWER; }

static bool glued_to_before(int code) {
  return code == T_COMMA || code == T_RPAREN || code == T_RBRACKET || code == T_DOT || code == T_DOTDOT ||
         code == T_PRIMES || code == T_SEP;
}

int fmt_gap(const FmtText *t, const FmtRun *run, uint32_t i) {
  if (i == 0) return 0;
  const FmtToken *last = token_at(t, run, i - 1), *next = token_at(t, run, i);
  size_t len;
  if (last->code == T_SEP) return 2;
  if (last->negative) return next->negative ? 1 : 0;
  if (glued_to_before(next->code)) return 0;
  if (last->code == T_LPAREN || last->code == T_LBRACKET || last->code == T_DOT || last->code == T_DOTDOT)
    return 0;
  if (next->code == T_UNIT && last->code == T_NUMBER) return *fmt_text(t, next->span, &len) == '/' ? 0 : 1;
  if (next->code == T_LPAREN || next->code == T_LBRACKET)
    return can_be_called(last) || is_power(last) ? 0 : 1;
  if (is_power(next))
    return last->code == T_UNIT || last->code == T_COLUMN_UNIT ? 1 : 0; /* 10 mV ^ 2 is no unit */
  if (is_power(last)) return i > 1 && fmt_gap(t, run, i - 1) ? 1 : 0;
  if (next->code == T_COLON) return next->tight ? 0 : 1;
  return (last->tight && last->code == T_LBRACE) || (next->tight && next->code == T_RBRACE) ? 0 : 1;
}

int fmt_width(const char *text, size_t len) {
  int width = 0;
  for (size_t i = 0; i < len; i++) width += ((unsigned char)text[i] & 0xC0) != 0x80;
  return width;
}

/* Of a statement of later sections, over several lines, the text as it stands, less blanks at the ends of its
 * lines. */
static void put_text(const FmtText *t, const FmtToken *k, FmtChars *chars) {
  size_t len;
  const char *text = k->code == T_SEP ? (len = 1, ";") : fmt_text(t, k->span, &len);
  for (size_t i = 0; i < len; i++) {
    size_t end = i;
    while (end < len && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r' || text[end] == '\f'))
      end++;
    if (end < len && text[end] == '\n') i = end;
    vec_push(t->a, chars, text[i]);
  }
}

void fmt_put(const FmtText *t, const FmtRun *run, uint32_t from, uint32_t to, FmtChars *chars, int *width) {
  uint32_t start = chars->n;
  for (uint32_t i = from; i < to; i++) {
    for (int gap = i > from ? fmt_gap(t, run, i) : 0; gap > 0; gap--) vec_push(t->a, chars, ' ');
    put_text(t, token_at(t, run, i), chars);
  }
  *width = fmt_width(chars->at + start, chars->n - start);
}

/* ---- breaking */

enum { NEVER = 1 << 20 };

/* How strongly what stands around the end of a token binds inside of its brackets. */
static int binding(const FmtToken *k, bool before_name) {
  switch (k->code) {
  case T_COMMA: return 0;
  case T_AND:
  case T_OR:
  case T_THEN:
  case T_ELSE: return 0;
  case T_PLUS: return 1;
  case T_MINUS: return k->negative ? NEVER : 1;
  case T_EQ:
  case T_NE:
  case T_LT:
  case T_LE:
  case T_GT:
  case T_GE: return 1;
  case T_STAR:
  case T_SLASH: return 2;
  case T_ARROW:
  case T_BOTHWAYS:
  case T_LINE: return before_name ? 5 : NEVER;
  case T_SET:
  case T_DRAW:
  case T_ADD_SET:
  case T_SUB_SET:
  case T_MUL_SET: return 5;
  case T_LPAREN:
  case T_LBRACKET: return 7;
  default: return NEVER;
  }
}

typedef struct {
  int *width;  /* of each token with the blanks before it */
  int *cost;   /* of a break behind it */
  int *forced; /* indentation of the line that must begin behind it; 0: none need begin */
} Breaks;

/* A line inside brackets that begins with a word of a statement would close them. */
static bool may_begin_line(const FmtToken *next) {
  return next->name || next->code < T_LANGUAGE || next->code > T_SHA256 || next->code == T_IF ||
         next->code == T_NOT;
}

static void breaks_find(const FmtText *t, const FmtRun *run, Breaks *b) {
  int depth = 0;
  for (uint32_t i = 0; i < run->n; i++) {
    const FmtToken *k = token_at(t, run, i);
    FmtChars none = {0};
    fmt_put(t, run, i, i + 1, &none, &b->width[i]);
    b->width[i] += fmt_gap(t, run, i);
    if (opens(k)) depth++;
    if (closes(k)) depth--;
    int own = binding(k, i + 1 < run->n && token_at(t, run, i + 1)->code != T_UNIT);
    bool last = i + 1 == run->n;
    b->cost[i] = last || own == NEVER || !may_begin_line(token_at(t, run, i + 1)) ? NEVER : 8 * depth + own;
  }
}

bool fmt_rows_wanted(const FmtText *t, uint32_t token) {
  const FmtToken *k = &t->tokens[token];
  return k->code == T_LBRACKET && !k[-1].name && k[1].code == T_LBRACKET &&
         fmt_newline_between(t, k->span.to, k[1].span.from);
}

/* A table, [[…], […]], a row a line. */
static void break_rows(const FmtText *t, const FmtRun *run, uint32_t open, int indent, Breaks *b) {
  int depth = 0;
  b->forced[open] = indent + FMT_INDENT;
  for (uint32_t i = open; i < run->n; i++) {
    const FmtToken *k = token_at(t, run, i);
    if (opens(k)) depth++;
    if (closes(k) && --depth == 0) return;
    if (depth == 1 && k->code == T_COMMA) b->forced[i] = indent + FMT_INDENT;
  }
}

static void break_tables(const FmtText *t, const FmtRun *run, const FmtPlace *place, bool too_long,
                         Breaks *b) {
  for (uint32_t i = 1; i + 1 < run->n; i++) {
    if (run->at[i] == FMT_SEMICOLON || token_at(t, run, i)->code != T_LBRACKET) continue;
    bool table = !can_be_called(token_at(t, run, i - 1)) && token_at(t, run, i + 1)->code == T_LBRACKET;
    if (!table || (!too_long && !fmt_rows_wanted(t, run->at[i])) || b->forced[i - 1]) continue;
    break_rows(t, run, i, place->indent, b);
  }
}

/* Each item of a declaration stays on the line on which it was written. */
static void break_items(const FmtText *t, const FmtRun *run, const FmtPlace *place, Breaks *b) {
  int depth = 0;
  for (uint32_t i = 0; i + 1 < run->n; i++) {
    const FmtToken *k = token_at(t, run, i);
    depth += opens(k) - closes(k);
    if (depth == 0 && k->code == T_COMMA &&
        fmt_newline_between(t, k->span.to, token_at(t, run, i + 1)->span.from))
      b->forced[i] = place->further;
  }
}

/* Where the line that begins with token `from` ends, if no break is forced before `to`. */
static uint32_t line_end(const Breaks *b, uint32_t from, uint32_t to, int indent) {
  int width = indent, best_cost = NEVER;
  uint32_t best = to, i = from;
  for (; i < to; i++) {
    width += b->width[i];
    if (width > FMT_WIDTH) break;
    bool early = width < FMT_WIDTH / 4;
    if (b->cost[i] != NEVER && b->cost[i] + (early ? 16 : 0) <= best_cost)
      best = i + 1, best_cost = b->cost[i] + (early ? 16 : 0);
  }
  if (i == to) return to;
  for (; best == to && i < to; i++)
    if (b->cost[i] != NEVER) return i + 1;
  return best;
}

static void line_add(const FmtText *t, const FmtRun *run, uint32_t from, uint32_t to, FmtLine line,
                     FmtLines *lines) {
  FmtChars chars = {0};
  FmtCell cell = {0};
  fmt_put(t, run, from, to, &chars, &cell.width);
  vec_push(t->a, &chars, 0);
  cell.text = chars.at;
  vec_push(t->a, &line.cells, cell);
  vec_push(t->a, lines, line);
}

void fmt_break(const FmtText *t, const FmtRun *run, const FmtPlace *place, FmtLines *lines) {
  Breaks b = {NEW_ARRAY(t->a, int, run->n + 1), NEW_ARRAY(t->a, int, run->n + 1),
              NEW_ARRAY(t->a, int, run->n + 1)};
  breaks_find(t, run, &b);
  int width = place->indent;
  for (uint32_t i = 0; i < run->n; i++) width += b.width[i];
  if (place->items) break_items(t, run, place, &b);
  break_tables(t, run, place, width > FMT_WIDTH, &b);
  int indent = place->indent, further = place->further;
  for (uint32_t i = 0, end; i < run->n; i = end) {
    uint32_t stop = i;
    while (stop < run->n && !b.forced[stop]) stop++;
    stop += stop < run->n;
    end = line_end(&b, i, stop, indent);
    FmtLine line = {.level = place->level,
                    .indent = indent,
                    .blank = place->blank && i == 0,
                    .comment = FMT_NONE};
    if (end == run->n) line.comment = place->comment;
    line_add(t, run, i, end, line, lines);
    if (end == stop && stop <= run->n && b.forced[stop - 1])
      indent = b.forced[stop - 1], further = indent + FMT_INDENT;
    else
      indent = further;
  }
}

/* Raw tokens -> the tokens of the grammar: where statements end, which brackets are open, where a unit may
 * follow, what is read over.
 *
 * A newline ends a statement unless a bracket is open or the line ends with an operator or a comma. It is
 * held back until the next token is known, so that the grammar never sees an empty statement. After a
 * syntax error everything up to the end of the statement at hand is dropped, with whole bodies in between,
 * so that braces stay in step and one mistake gives one message. Each error drops at least one token:
 * reading always ends. Statements of later sections of the language become one LATER token each. */
#include "lang/diag.h"
#include "parser/grammar.h"

/* ---- brackets */

static Bracket *top(Parser *p) { return p->n_brackets ? &p->brackets[p->n_brackets - 1] : NULL; }

bool tokens_in_expression(const Parser *p) { return p->n_brackets > 0 && !p->brackets[p->n_brackets - 1].body; }

static void stop_reading(Parser *p) {
  p->stop = true;
  p->mute = true;
}

static void bracket_open(Parser *p, Token *t, char open) {
  if (p->n_brackets == MAX_NESTING) {
    diag_syntax_nesting(p->s, t->span, "brackets", MAX_NESTING, NULL);
    stop_reading(p);
    t->code = T_END;
    return;
  }
  Bracket b = {.open = open, .span = t->span, .indent = p->line_indent};
  b.csv = open == '(' && p->prev == T_NAME && name_eq(p->prev_name, p->csv);
  b.body = open == '{' && p->prev != T_IN && p->prev != T_SET;
  b.later = b.body && p->n_bodies == 0 && token_role(p, p->block) == ROLE_LATER_BLOCK;
  t->body = b.body;
  p->brackets[p->n_brackets++] = b;
  if (b.body) p->n_bodies++;
}

static void bracket_pop(Parser *p) {
  if (p->brackets[--p->n_brackets].body) p->n_bodies--;
}

static const char *bracket_text(const Bracket *b) { return b->open == '(' ? "(" : b->open == '[' ? "[" : "{"; }

/* Ends what is open inside the statement, with a complaint about the innermost bracket. */
void tokens_close_brackets(Parser *p, Span where) {
  const Bracket *b = top(p);
  if (!p->skip && !p->mute) diag_syntax_unclosed(p->s, b->span, bracket_text(b), where);
  while (tokens_in_expression(p)) bracket_pop(p);
}

/* A body is still open where the file, or a declaration of the file, begins or ends. */
static void body_unclosed(Parser *p, Span where) {
  const Bracket *b = top(p);
  for (uint32_t i = p->n_brackets; i > 0 && !b->body; i--) b = &p->brackets[i - 1];
  Span span = p->suspect.open ? p->suspect.span : b->span;
  diag_syntax_unclosed(p->s, span, "{", where);
  p->suspect.open = 0;
}

static void bracket_close(Parser *p) {
  if (!tokens_in_expression(p)) return; /* closes nothing: the grammar complains */
  bool csv = top(p)->csv;
  bracket_pop(p);
  if (!csv) return;
  p->column = 1;
  p->mode = READ_AFTER_NUMBER;
}

static void brace_close(Parser *p, Token *t) {
  if (tokens_in_expression(p) && top(p)->open == '{') {
    bracket_pop(p);
    return;
  }
  uint32_t brace = p->n_brackets;
  while (brace > 0 && p->brackets[brace - 1].open != '{') brace--;
  if (brace == 0) return; /* closes nothing: the grammar complains */
  if (tokens_in_expression(p)) {
    if (!p->skip && !p->mute) diag_syntax_unclosed(p->s, top(p)->span, bracket_text(top(p)), t->span);
    t->bad = true;
    while (p->n_brackets > brace) bracket_pop(p);
  }
  const Bracket *b = top(p);
  if (t->first_on_line && p->line_indent < b->indent && !p->suspect.open) p->suspect = *b;
  t->body = b->body;
  bracket_pop(p);
}

/* ---- what a token means for the following ones */

static void unit_follows(Parser *p, int code) {
  bool in_bracket = tokens_in_expression(p) && top(p)->open == '[';
  if (code == T_NUMBER) {
    p->mode = READ_AFTER_NUMBER;
  } else if (code == T_COLON) {
    bool set = in_bracket || p->first.code == T_POPULATION || p->first.code == T_CONNECT;
    p->mode = set ? READ_PLAIN : READ_UNIT;
  } else if (p->first.code == T_FN && (code == T_ARROW || code == T_IN)) {
    p->mode = READ_UNIT;
  }
}

/* A unit may follow a file's column: csv("a.csv") mm, csv("a.csv").length mm */
static void column_follows(Parser *p, Token *t) {
  if (p->column == 1 && t->code == T_UNIT) t->code = T_COLUMN_UNIT;
  if (p->column == 1 && t->code == T_DOT) p->column = 2;
  else if (p->column == 2 && t->code == T_NAME) p->column = 1, p->mode = READ_AFTER_NUMBER;
  else p->column = 0;
}

static void process(Parser *p, Token *t) {
  if (t->done) return;
  t->done = true;
  column_follows(p, t);
  switch (t->code) {
  case T_LPAREN: bracket_open(p, t, '('); break;
  case T_LBRACKET: bracket_open(p, t, '['); break;
  case T_LBRACE: bracket_open(p, t, '{'); break;
  case T_RPAREN:
  case T_RBRACKET: bracket_close(p); break;
  case T_RBRACE: brace_close(p, t); break;
  default: break;
  }
  unit_follows(p, t->code);
  p->prev = t->code;
  p->prev_name = t->code == T_NAME ? t->value.word.name : (Name){0};
}

/* ---- lines */

/* A line goes on after these. */
bool tokens_goes_on_after(int code) {
  switch (code) {
  case T_COMMA: case T_PLUS: case T_MINUS: case T_STAR: case T_SLASH: case T_POWER: case T_DOTDOT:
  case T_SET: case T_DRAW: case T_ADD_SET: case T_SUB_SET: case T_MUL_SET: case T_ARROW: case T_BOTHWAYS: case T_LINE:
  case T_EQ: case T_NE: case T_LT: case T_LE: case T_GT: case T_GE: case T_AND: case T_OR: case T_NOT:
  case T_THEN: case T_ELSE: return true;
  default: return false;
  }
}

/* No statement begins with these: they belong to the line before. */
static bool begins_no_line(const Parser *p, int code) {
  switch (code) {
  case T_LBRACE: case T_COMMA: case T_COLON: case T_DOT: case T_DOTDOT: case T_PLUS: case T_MINUS: case T_STAR:
  case T_SLASH: case T_POWER: case T_SET: case T_DRAW: case T_ADD_SET: case T_SUB_SET: case T_MUL_SET: case T_ARROW:
  case T_BOTHWAYS: case T_LINE: case T_EQ: case T_NE: case T_LT: case T_LE: case T_GT: case T_GE: return true;
  default: return token_role(p, code) == ROLE_JOIN;
  }
}

/* Reserved words that can only begin a statement: a bracket that is open before them was forgotten. */
static bool begins_statement(const Parser *p, int code) {
  switch (token_role(p, code)) {
  case ROLE_FILE: case ROLE_BLOCK: case ROLE_LATER_BLOCK: case ROLE_STMT: case ROLE_LATER:
    return p->word_of_token[code]->hard;
  case ROLE_NONE: case ROLE_JOIN: case ROLE_PLAIN: return false;
  }
  return false;
}

/* A word of the file level in the first column, though a body is open: its brace was forgotten. */
static bool begins_declaration(const Parser *p, const Token *t) {
  if (p->n_bodies == 0 || !t->first_on_line || t->span.from != p->line_start) return false;
  WordRole role = token_role(p, t->code), block = token_role(p, p->block);
  bool guest = block == ROLE_LATER_BLOCK || p->block == T_EXPERIMENT || p->block == T_FIT;
  if (role == ROLE_FILE) return true;
  if (role == ROLE_LATER_BLOCK) return !guest && p->word_of_token[t->code]->hard;
  if (role != ROLE_BLOCK) return false;
  return !guest || (t->code != T_NEURON && t->code != T_NETWORK && t->code != T_EXPERIMENT);
}

static Token raw_next(Parser *p) {
  if (p->stop) return (Token){.code = T_END, .span = {p->pos, p->pos}};
  Token t = scanner_next(p);
  t.first_on_line = p->newline;
  if (t.code == RAW_NEWLINE) {
    p->newline = true;
    p->line_used = false;
    p->line_start = t.span.to;
    return t;
  }
  t.bad = p->bad;
  p->bad = false;
  if (p->newline) p->line_indent = t.span.from - p->line_start;
  p->newline = false;
  p->line_used = true;
  p->n_tokens++;
  if (t.code == T_SEP) return t;
  for (uint32_t i = p->docs_open; i < p->docs.n; i++) /* no declaration comes */
    if ((t.code == T_RBRACE || t.code == T_LANGUAGE) && !p->docs.at[i].trailing) p->docs.at[i].lost = true;
  p->docs_open = p->docs.n;
  return t;
}

static Token take(Parser *p) {
  if (p->held.code == RAW_NONE) return raw_next(p);
  Token t = p->held;
  p->held.code = RAW_NONE;
  return t;
}

static Token separator(Span span) { return (Token){.code = T_SEP, .span = span, .done = true}; }

static uint32_t word_end(const char *text, uint32_t at) {
  while (text[at] == '_' || (text[at] & 0x80) || (text[at] >= '0' && text[at] <= '9') ||
         ((text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z'))
    at++;
  return at;
}

/* `word word {` in the first column: a block, even if its keyword is misspelt. */
static bool looks_like_block(const Parser *p, const Token *t) {
  if (t->code != T_NAME || t->span.from != p->line_start) return false;
  const char *text = p->source->text;
  uint32_t at = t->span.to - p->source->base;
  while (text[at] == ' ') at++;
  uint32_t end = word_end(text, at);
  if (end == at) return false;
  while (text[end] == ' ') end++;
  return text[end] == '{';
}

/* Where reading goes on after an error at file level: what stands there is of no block. */
static bool resumes_file(const Parser *p, const Token *t) {
  WordRole role = token_role(p, t->code);
  return p->n_bodies == 0 && t->first_on_line && !tokens_in_expression(p) &&
         (role == ROLE_FILE || role == ROLE_BLOCK || role == ROLE_LATER_BLOCK || looks_like_block(p, t));
}

/* Reads over the rest of a statement at the depth of `bodies`; returns what ends it: SEP, a brace, or the
 * end. */
static Token statement_end(Parser *p, uint32_t bodies, uint32_t *to) {
  for (;;) {
    Token t = take(p);
    bool level = p->n_bodies <= bodies && !tokens_in_expression(p);
    if (t.code == T_END) return t;
    if (p->skip && bodies == 0 && resumes_file(p, &t)) {
      p->held = t;
      return separator((Span){t.span.from, t.span.from});
    }
    if (t.code == RAW_NEWLINE || t.code == T_SEP) {
      if (!level || (t.code == RAW_NEWLINE && tokens_goes_on_after(p->prev)) || (p->skip && bodies == 0)) continue;
      p->bad = false;
      return separator(t.span);
    }
    if (t.first_on_line && tokens_in_expression(p) && begins_statement(p, t.code)) {
      while (tokens_in_expression(p)) bracket_pop(p);
      if (p->n_bodies <= bodies) {
        p->held = t;
        return separator((Span){t.span.from, t.span.from});
      }
    }
    if (begins_declaration(p, &t)) return t;
    process(p, &t);
    if (p->stop) return t;
    if (t.code == T_RBRACE && p->n_bodies < bodies) return t;
    *to = t.span.to;
  }
}

/* ---- the tokens of the grammar */

/* Closes all bodies before `t`, which is the end of the file or a declaration in the first column. */
static Token close_bodies(Parser *p, Token t) {
  if (!p->closing && !p->stop) body_unclosed(p, t.code == T_END ? (Span){0, 0} : t.span);
  p->closing = true;
  p->held = t;
  while (tokens_in_expression(p)) bracket_pop(p);
  bracket_pop(p);
  return (Token){.code = T_RBRACE, .span = {t.span.from, t.span.from}, .bad = true, .done = true, .body = true};
}

static bool at_statement_start(const Parser *p) {
  return p->last.code == T_SEP || (p->last.code == T_LBRACE && p->last.body);
}

/* A statement of later sections that `;` ends where an expression is due: without the `;`, as it is formatted, it would
 * go on in the next line. */
static void statement_cut(Parser *p, const Token *end, Token *later) {
  static const char *const expected[] = {"an expression"};
  if (!later->bad && !p->skip && !p->mute && !p->stop) {
    diag_syntax_unexpected(p->s, end->span, "`;`", expected, 1, NULL, NULL, NULL);
  }
  later->bad = true;
}

/* A statement of later sections becomes one token; its first word and its span are kept. */
static Token later_statement(Parser *p, Token first) {
  Token later = {.code = T_LATER, .span = first.span, .bad = first.bad, .done = true};
  later.value.word = (AstWord){name_of(p->s, source_span_text(p->s, first.span, p->s->arena),
                                       first.span.to - first.span.from), first.span};
  uint32_t bodies = p->n_bodies;
  if (first.code == T_LBRACE) bodies--;
  Token end = statement_end(p, bodies, &later.span.to);
  if (end.code == T_SEP && tokens_goes_on_after(p->prev)) statement_cut(p, &end, &later);
  if (p->held.code == RAW_NONE) {
    p->held = end;
  } else { /* the next statement has begun */
    p->sep = true;
    p->sep_span = end.span;
  }
  return later;
}

static bool in_later_block(const Parser *p) { return p->n_brackets && p->brackets[p->n_brackets - 1].later; }

/* In a fit: `task`, and soft words, which are names elsewhere. */
static bool is_later_in_fit(const Parser *p, const Token *t) {
  const Keyword *k = t->code == T_NAME ? word_keyword(p, t->value.word.name) : NULL;
  return p->block == T_FIT && p->n_bodies > 0 && (t->code == T_TASK || (k && k->role == ROLE_LATER));
}

static bool is_later(const Parser *p, const Token *t) {
  if (!at_statement_start(p) || t->code == T_RBRACE || t->code == T_END) return false;
  return token_role(p, t->code) == ROLE_LATER || in_later_block(p) || is_later_in_fit(p, t);
}

/* `by lm(…)` and `with dt = …` are statements of a fit; elsewhere they are parts of others. */
static bool is_of_fit(int code) { return code == T_BY || code == T_WITH; }
static bool begins_line_of_fit(const Parser *p, int code) { return p->block == T_FIT && p->n_bodies > 0 && is_of_fit(code); }

/* The end of a statement is due and `t` comes: an end of its own, or is `t` on the wrong line? */
static bool separates(Parser *p, Token *t) {
  bool hard = p->sep_hard;
  p->sep = p->sep_hard = false;
  if (t->code == T_END || t->code == T_RBRACE || at_statement_start(p)) return false;
  if (hard && is_of_fit(t->code) && !begins_line_of_fit(p, t->code) && !in_later_block(p)) {
    if (!t->bad && !p->mute)
      diag_syntax_statement(p->s, t->span, source_span_text(p->s, t->span, p->s->arena), NULL);
    t->bad = true;
  }
  if (hard || in_later_block(p) || !begins_no_line(p, t->code) || begins_line_of_fit(p, t->code)) return true;
  if (!t->bad && !p->mute) {
    const char *text = source_span_text(p->s, t->span, p->s->arena);
    diag_syntax_line_start(p->s, t->span, arena_printf(p->s->arena, "`%s`", text), (Span){p->last.span.to, t->span.from});
  }
  t->bad = true;
  return false;
}

static Token next_token(Parser *p) {
  for (;;) {
    Token t = take(p);
    bool in_expression = tokens_in_expression(p);
    if (t.code == T_SEP && !t.done && in_expression) return t; /* `;` in brackets: the grammar complains */
    if (t.code == RAW_NEWLINE || t.code == T_SEP) {
      if (t.code == RAW_NEWLINE && (in_expression || tokens_goes_on_after(p->prev))) continue;
      if (!p->sep) p->sep_span = t.span;
      p->sep = true;
      p->sep_bad |= t.bad || p->bad;
      p->bad = false;
      p->sep_hard |= t.code == T_SEP && !t.done;
      continue;
    }
    if (t.first_on_line && in_expression && begins_statement(p, t.code)) {
      tokens_close_brackets(p, t.span);
      p->sep = p->sep_bad = true;
      p->sep_span = (Span){p->last.span.to, p->last.span.to};
    }
    if (p->n_bodies && (t.code == T_END || begins_declaration(p, &t))) return close_bodies(p, t);
    if (t.code == T_END && tokens_in_expression(p)) {
      tokens_close_brackets(p, t.span);
      t.bad = true;
    }
    if (p->closing && t.code != T_END) p->sep = true, p->sep_span = (Span){t.span.from, t.span.from};
    p->closing = false;
    if (p->sep && separates(p, &t)) {
      p->held = t;
      Token end = separator(p->sep_span);
      end.bad = p->sep_bad;
      p->sep_bad = false;
      return end;
    }
    if (t.code == T_ELSE && p->failed && at_statement_start(p)) { /* of an `if` that has been complained about */
      uint32_t to;
      p->held = statement_end(p, p->n_bodies, &to);
      continue;
    }
    if (t.code != T_RBRACE && at_statement_start(p)) p->failed = false;
    if (is_later(p, &t)) {
      process(p, &t);
      return later_statement(p, t);
    }
    bool stopped = p->stop;
    process(p, &t);
    if (p->stop == stopped) return t;
    p->held = t; /* nested too deeply: the end of the file from here on */
  }
}

/* A statement with an error is over; its end comes with the next token, or not at all before a brace. */
static void end_is_due(Parser *p, Span span) {
  p->sep = true;
  p->sep_span = span;
  p->last.code = RAW_NONE;
  p->failed = true;
}

static Token deliver_next(Parser *p) {
  if (p->n_queue) {
    Token t = p->queue[0];
    p->queue[0] = p->queue[1];
    p->n_queue--;
    return t;
  }
  if (p->skip) {
    uint32_t to;
    Token end = statement_end(p, p->skip_bodies, &to);
    p->skip = false;
    if (end.code == T_RBRACE && end.done) return end;
    if (end.code == T_SEP) {
      end_is_due(p, end.span);
    } else {
      while (p->n_bodies > p->skip_bodies && p->n_brackets) bracket_pop(p); /* which the grammar does not know of */
      p->held = end;
    }
  }
  return next_token(p);
}

int syntax_lex(Value *value, Span *span, Parser *p);
int syntax_lex(Value *value, Span *span, Parser *p) {
  if (p->last.code == T_RBRACE || at_statement_start(p)) p->mute = p->stop;
  Token t = deliver_next(p);
  if (p->opening == RAW_NONE) p->opening = t.code, p->opening_from = t.span.from;
  if (at_statement_start(p)) p->first = t;
  if (at_statement_start(p) && p->n_bodies == 0) p->block = t.code;
  p->before = p->last;
  p->last = t;
  p->mute |= t.bad;
  if (p->tape) vec_push(p->s->arena, &p->tape->tokens, ((TapeToken){t.code, t.span, t.body}));
  *value = t.value;
  *span = t.span;
  return t.code;
}

/* ---- after a syntax error at the last token */

static bool begins_next_line(const Parser *p) {
  const Token *t = &p->last;
  if (!t->first_on_line || tokens_in_expression(p) || p->before.code == T_SEP || !begins_statement(p, t->code)) return false;
  WordRole role = token_role(p, t->code);
  return (p->n_bodies == 0) == (role == ROLE_FILE || role == ROLE_BLOCK || role == ROLE_LATER_BLOCK);
}

void tokens_recover(Parser *p) {
  Token t = p->last;
  bool again = p->error_code == t.code && p->error_span.from == t.span.from && p->error_span.to == t.span.to;
  p->error_code = t.code;
  p->error_span = t.span;
  if (again && t.code != T_SEP) p->give_up = true; /* nothing was read since: cannot happen */
  if (p->s->stopped) stop_reading(p);              /* nothing more would be recorded */
  if (t.code == T_SEP && !tokens_in_expression(p)) {
    end_is_due(p, t.span);
  } else if (t.code == T_END || (t.code == T_RBRACE && t.body && !again)) {
    p->queue[p->n_queue++] = t;
  } else if (!again && begins_next_line(p)) {
    tokens_reread_line(p);
  } else {
    p->skip = true;
    p->skip_bodies = p->n_bodies - (t.code == T_LBRACE && t.body ? 1 : 0);
  }
}

/* The last token begins a statement of its own: the one before ends in front of it. */
void tokens_reread_line(Parser *p) {
  p->queue[p->n_queue++] = separator((Span){p->last.span.from, p->last.span.from});
  p->queue[p->n_queue++] = p->last;
}

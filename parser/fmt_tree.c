/* Tokens and comments of a text without errors -> statements with their bodies, each comment at the statement
 * to which it belongs.
 *
 * Comments are no tokens of the grammar; a comment lies between two tokens. Between statements it is an item
 * of its own, or stands behind the statement that ends on its line; inside a statement it hangs on the token
 * before it. A `##` documents the outermost declaration that begins on its line, so it stays with that one
 * even where lines are split. */
#include "parser/fmt.h"

#include <string.h>

#include "parser/grammar.h"

typedef struct {
  FmtText *t;
  uint32_t at, comment; /* next token, next comment */
  uint32_t end;         /* offset behind what was read last */
} Reader;

const char *fmt_text(const FmtText *t, Span span, size_t *ret_len) {
  *ret_len = span.to - span.from;
  return t->source->text + (span.from - t->source->base);
}

bool fmt_newline_between(const FmtText *t, uint32_t from, uint32_t to) {
  const char *text = t->source->text - t->source->base;
  for (uint32_t i = from; i < to; i++)
    if (text[i] == '\n') return true;
  return false;
}

/* An empty line between two offsets that enclose nothing but blanks, comments' ends and `;`? */
static bool blank_between(const FmtText *t, uint32_t from, uint32_t to) {
  const char *text = t->source->text - t->source->base;
  int lines = 0;
  for (uint32_t i = from; i < to; i++) lines += text[i] == '\n';
  return lines > 1;
}

bool fmt_comment_is_doc(const FmtText *t, int comment) {
  if (comment == FMT_NONE) return false;
  size_t len;
  const char *text = fmt_text(t, t->comments[comment].span, &len);
  return len >= 2 && text[1] == '#' && (len == 2 || text[2] != '#');
}

/* ---- what the tree knows of a token: names and signs */

enum { MARK_NAME = 1, MARK_NEGATIVE = 2 };
typedef struct {
  uint8_t *marks;
  uint32_t base;
} Marks;

static void mark(Ast *node, void *ctx) {
  Marks *m = ctx;
  const AstKindInfo *info = &ast_kinds[node->kind];
  for (uint32_t i = 0; i < info->n_fields; i++) {
    if (info->fields[i].type != ASTF_WORD || strcmp(info->fields[i].name, "what") == 0)
      continue; /* a word of the language */
    const AstWord *word = (const void *)((const char *)node + info->fields[i].offset);
    if (!name_none(word->name)) m->marks[word->span.from - m->base] |= MARK_NAME;
  }
  if (node->kind == AST_UNARY && AST_AS(Unary, node)->op == OP_NEG)
    m->marks[node->span.from - m->base] |= MARK_NEGATIVE;
  ast_each_child(node, mark, ctx);
}

/* Braces of domains; colons of binders, `[name: set]`, and of labels, `connect name: …`, but not `(w : pA)`,
 * `input I : pA`. */
static void tight_mark(FmtText *t, uint32_t n) {
  int open[MAX_NESTING + 1] = {0},
                         first =
                             T_SEP; /* brackets around a token; the word with which its statement begins */
  uint32_t depth = 0;
  bool domain = false; /* sets hold no braces */
  for (uint32_t i = 0; i < n; i++) {
    FmtToken *k = &t->tokens[i];
    if (i == 0 || k[-1].code == T_SEP || k[-1].body) first = k->code;
    if (k->code == T_LBRACE && !k->body) domain = i > 0 && k[-1].code == T_IN;
    k->tight = (k->code == T_LBRACE || k->code == T_RBRACE) && !k->body && domain;
    if (k->code == T_COLON) k->tight = open[depth] == T_LBRACKET || (depth == 0 && first == T_CONNECT);
    if (k->body)
      depth = 0;
    else if ((k->code == T_LPAREN || k->code == T_LBRACKET || k->code == T_LBRACE) && depth < MAX_NESTING)
      open[++depth] = k->code;
    else if ((k->code == T_RPAREN || k->code == T_RBRACKET || k->code == T_RBRACE) && depth > 0)
      depth--;
  }
}

static void tokens_take(FmtText *t, const Tape *tape, const AstFile *file) {
  Marks m = {NEW_ARRAY(t->a, uint8_t, (size_t)t->source->len + 1), t->source->base};
  ast_each_child(&file->head, mark, &m);
  t->tokens = NEW_ARRAY(t->a, FmtToken, tape->tokens.n + 1);
  t->tokens[0].code = T_END;
  for (uint32_t i = 0; i < tape->tokens.n; i++) {
    const TapeToken *from = &tape->tokens.at[i];
    uint8_t marks = m.marks[from->span.from - m.base];
    t->tokens[i] = (FmtToken){.code = from->code, .span = from->span, .body = from->body};
    t->tokens[i].name = from->code == T_NAME || (from->code != T_LATER && (marks & MARK_NAME));
    t->tokens[i].negative = from->code == T_MINUS && (marks & MARK_NEGATIVE);
  }
  tight_mark(t, tape->tokens.n);
  t->n = tape->tokens.n;
  t->comments = tape->comments.at;
  t->n_comments = tape->comments.n;
}

/* ---- statements */

static bool ends_body(const FmtToken *t) { return t->code == T_END || (t->code == T_RBRACE && t->body); }

static bool comment_before(const Reader *r, uint32_t offset) {
  return r->comment < r->t->n_comments && r->t->comments[r->comment].span.from < offset;
}

static FmtBody *body_read(Reader *r);

static FmtItem statement_read(Reader *r) {
  FmtItem item = {.from = r->at, .comment = FMT_NONE};
  const FmtText *t = r->t;
  for (; !ends_body(&t->tokens[r->at]) && t->tokens[r->at].code != T_SEP; r->at++) {
    FmtToken *token = &t->tokens[r->at];
    if (r->at > item.from) {
      FmtToken *before = token - 1;
      before->comments_from = r->comment;
      while (comment_before(r, token->span.from)) r->comment++;
      before->comments_to = r->comment;
    }
    if (token->code == T_LBRACE && token->body) vec_push(t->a, &item.bodies, body_read(r));
    token = &t->tokens[r->at];
    r->end = token->span.to;
    while (token->code == T_LATER && comment_before(r, token->span.to))
      r->comment++; /* they stay in its text */
  }
  item.to = r->at;
  return item;
}

/* The statement that begins on the comment's line: the item itself, or the last one of its last body. */
static FmtItem *begun_on_line(const FmtText *t, FmtItem *item, uint32_t comment_from) {
  if (item->is_comment) return NULL;
  if (!fmt_newline_between(t, t->tokens[item->from].span.from, comment_from)) return item;
  if (item->bodies.n == 0) return NULL;
  const FmtBody *last = item->bodies.at[item->bodies.n - 1];
  return last->items.n ? begun_on_line(t, &last->items.at[last->items.n - 1], comment_from) : NULL;
}

/* The statement behind which a comment stands; NULL: none, or there is one already (`# a`, then `; # b`). */
static FmtItem *statement_of(const FmtText *t, FmtBody *body, int comment) {
  if (!t->comments[comment].trailing || !body->items.n) return NULL;
  FmtItem *last = &body->items.at[body->items.n - 1], *item = begun_on_line(t, last, t->comments[comment].span.from);
  if (!item || item->comment != FMT_NONE) item = last;
  return item->comment == FMT_NONE ? item : NULL;
}

static void comment_read(Reader *r, FmtBody *body) {
  const FmtText *t = r->t;
  uint32_t at = t->comments[r->comment].span.from;
  int number = (int)r->comment++;
  FmtItem *statement = statement_of(t, body, number);
  if (body->open != FMT_SEMICOLON && !fmt_newline_between(t, t->tokens[body->open].span.from, at)) {
    body->comment = number;
  } else if (statement) {
    statement->comment = number;
  } else {
    FmtItem item = {.is_comment = true, .comment = number};
    item.blank = body->items.n && blank_between(t, r->end, at);
    vec_push(t->a, &body->items, item);
  }
  r->end = t->comments[number].span.to;
}

/* A comment behind the `{` of a body that stands itself on the line of the `{` of this one belongs to this
 * one. */
static void comment_raise(const FmtText *t, FmtBody *body, const FmtItem *item) {
  if (body->open == FMT_SEMICOLON) return;
  for (uint32_t i = 0; i < item->bodies.n; i++) {
    FmtBody *inner = item->bodies.at[i];
    if (inner->comment == FMT_NONE || body->comment != FMT_NONE) continue;
    if (fmt_newline_between(t, t->tokens[body->open].span.from, t->comments[inner->comment].span.from))
      continue;
    body->comment = inner->comment;
    inner->comment = FMT_NONE;
  }
}

static void body_fill(Reader *r, FmtBody *body) {
  const FmtText *t = r->t;
  bool semicolon = false;
  for (;;) {
    while (t->tokens[r->at].code == T_SEP) {
      size_t len;
      semicolon |= *fmt_text(t, t->tokens[r->at].span, &len) == ';';
      r->at++;
    }
    const FmtToken *token = &t->tokens[r->at];
    while (comment_before(r, token->span.from)) comment_read(r, body);
    if (ends_body(token)) return;
    uint32_t before = r->end;
    FmtItem item = statement_read(r);
    bool first = body->items.n == 0;
    item.blank = !first && blank_between(t, before, token->span.from);
    item.joined = !first && semicolon && !fmt_newline_between(t, before, token->span.from);
    comment_raise(t, body, &item);
    vec_push(t->a, &body->items, item);
    semicolon = false;
  }
}

/* From the `{` at r->at to its `}`, which is not read over. */
static FmtBody *body_read(Reader *r) {
  const FmtText *t = r->t;
  FmtBody *body = NEW(t->a, FmtBody);
  body->open = r->at++;
  body->comment = FMT_NONE;
  r->end = t->tokens[body->open].span.to;
  body_fill(r, body);
  body->close = r->at;
  body->one_line = !body->items.n || !fmt_newline_between(t, t->tokens[body->open].span.from, t->tokens[r->at].span.to);
  return body;
}

FmtBody *fmt_tree(FmtText *t, const Tape *tape, const AstFile *file) {
  tokens_take(t, tape, file);
  Reader r = {.t = t, .end = t->source->base};
  FmtBody *all = NEW(t->a, FmtBody);
  all->open = FMT_SEMICOLON;
  all->comment = FMT_NONE;
  body_fill(&r, all);
  return all;
}

/* One source -> the same program in the one form of the language: blanks, breaks and columns are ours, words,
 * numbers, order, parentheses and comments the author's.
 *
 * Where statements and bodies stand on one line is the author's choice, as long as they fit; a statement that
 * does not fit has its bodies opened, then is broken (fmt_line.c). One blank line between statements is kept,
 * blocks are set apart by one. Needs a text without syntax errors. Gives a text whose tree is the same: this
 * is checked. */
#include "parser/fmt.h"

#include <string.h>

#include "lang/diag.h"
#include "parser/grammar.h"

typedef struct {
  const FmtText *t;
  FmtLines lines;
} Printer;

enum { CLASS_NONE, CLASS_EQUATION = 4096, CLASS_ASSIGN };

static const FmtToken *first_of(const FmtText *t, const FmtItem *item) { return &t->tokens[item->from]; }

/* ---- on one line */

static bool body_has_comment(const FmtBody *body) {
  bool has = body->comment != FMT_NONE;
  for (uint32_t i = 0; i < body->items.n; i++) has |= body->items.at[i].comment != FMT_NONE;
  return has;
}

/* The commas between items of a declaration at which its `##` comments want the lines kept. */
static bool keeps_items(const FmtText *t, const FmtItem *item) {
  int code = first_of(t, item)->code, depth = 0;
  bool declares = code == T_PARAM || code == T_STATE || code == T_LET || code == T_INPUT || code == T_INDEX ||
                  code == T_WEIGHT || code == T_SIGNAL;
  bool doc = fmt_comment_is_doc(t, item->comment), newline = false;
  for (uint32_t i = item->from; i < item->to && declares; i++) {
    const FmtToken *k = &t->tokens[i];
    for (uint32_t c = k->comments_from; c < k->comments_to; c++) doc |= fmt_comment_is_doc(t, (int)c);
    if (k->code == T_LPAREN || k->code == T_LBRACKET || k->code == T_LBRACE) depth++;
    if (k->code == T_RPAREN || k->code == T_RBRACKET || k->code == T_RBRACE) depth--;
    if (k->code == T_COMMA && depth == 0) newline |= fmt_newline_between(t, k->span.to, k[1].span.from);
  }
  return declares && doc && newline;
}

static bool stays_on_line(const FmtText *t, const FmtItem *item) {
  if (keeps_items(t, item)) return false;
  for (uint32_t i = 0; i < item->bodies.n; i++) {
    const FmtBody *body = item->bodies.at[i];
    if (!body->one_line || body_has_comment(body)) return false;
    for (uint32_t k = 0; k < body->items.n; k++)
      if (!stays_on_line(t, &body->items.at[k])) return false;
  }
  for (uint32_t i = item->from; i < item->to; i++) {
    const FmtToken *k = &t->tokens[i];
    if (k->comments_to > k->comments_from) return false;
    if (k->code == T_LATER && fmt_newline_between(t, k->span.from, k->span.to)) return false;
    if (i > item->from && i + 1 < item->to && fmt_rows_wanted(t, i)) return false;
  }
  return true;
}

static void run_add(const FmtText *t, const FmtItem *item, FmtRun *run);

static void run_add_body(const FmtText *t, const FmtBody *body, FmtRun *run) {
  vec_push(t->a, run, body->open);
  for (uint32_t i = 0; i < body->items.n; i++) {
    if (i) vec_push(t->a, run, FMT_SEMICOLON);
    run_add(t, &body->items.at[i], run);
  }
  vec_push(t->a, run, body->close);
}

/* All tokens of the statement, bodies included. */
static void run_add(const FmtText *t, const FmtItem *item, FmtRun *run) {
  uint32_t next = 0;
  for (uint32_t i = item->from; i < item->to; i++) {
    if (next < item->bodies.n && i == item->bodies.at[next]->open) {
      run_add_body(t, item->bodies.at[next], run);
      i = item->bodies.at[next++]->close;
    } else {
      vec_push(t->a, run, i);
    }
  }
}

/* ---- what is aligned with what: the class of a statement and where its cells begin */

typedef struct {
  int class;
  uint32_t at[3]; /* positions in the run of the cells KEY_COLON, KEY_SET, KEY_IN; 0: none */
} Columns;

static bool is_set(int code) {
  return code == T_SET || code == T_DRAW || code == T_ADD_SET || code == T_SUB_SET || code == T_MUL_SET;
}

static int class_of(const FmtText *t, const FmtRun *run) {
  const FmtToken *first = &t->tokens[run->at[0]];
  if (!first->name) return first->code;
  for (uint32_t i = 0; i < run->n; i++) {
    int code = t->tokens[run->at[i]].code;
    if (code == T_PRIMES) return CLASS_EQUATION;
    if (is_set(code)) return CLASS_ASSIGN;
  }
  return CLASS_NONE;
}

static Columns columns_of(const FmtText *t, const FmtRun *run) {
  Columns c = {.class = class_of(t, run)};
  int depth = 0;
  bool declares = c.class == T_PARAM || c.class == T_STATE || c.class == T_LET || c.class == T_INPUT ||
                  c.class == T_INDEX;
  bool sets =
      declares || c.class == CLASS_EQUATION || c.class == CLASS_ASSIGN || c.class == T_FN || c.class == T_USE;
  for (uint32_t i = 1; i < run->n && sets; i++) {
    if (run->at[i] == FMT_SEMICOLON) break;
    const FmtToken *k = &t->tokens[run->at[i]];
    if (depth == 0 && k->code == T_COMMA) return (Columns){0};
    if (depth == 0 && !c.at[0] && !c.at[1] && !c.at[2] &&
        (k->code == T_COLON || (c.class == T_FN && k->code == T_ARROW)))
      c.at[0] = i;
    if (depth == 0 && !c.at[1] && !c.at[2] && is_set(k->code)) c.at[1] = i;
    if (depth == 0 && declares && !c.at[2] && k->code == T_IN) c.at[2] = i;
    if (k->code == T_LPAREN || k->code == T_LBRACKET || k->code == T_LBRACE) depth++;
    if (k->code == T_RPAREN || k->code == T_RBRACKET || k->code == T_RBRACE) depth--;
  }
  return c;
}

/* The key of the cell that begins at position i of the run, or 0. */
static int key_at(const FmtText *t, const FmtRun *run, const Columns *c, uint32_t i, int *bodies,
                  int *depth) {
  for (int k = 0; k < 3; k++)
    if (c->at[k] == i && i > 0) return KEY_COLON + k;
  bool semicolon = i > 0 && run->at[i - 1] == FMT_SEMICOLON;
  const FmtToken *k = run->at[i] == FMT_SEMICOLON ? NULL : &t->tokens[run->at[i]];
  bool open = k && k->body && k->code == T_LBRACE, close = k && k->body && k->code == T_RBRACE;
  int key = (open && *depth == 0) || (semicolon && *depth == 1) ? KEY_BODY + (*bodies)++ : 0;
  *depth += open - close;
  return key;
}

static void line_cells(const FmtText *t, const FmtRun *run, FmtLine *line) {
  Columns c = columns_of(t, run);
  line->class = c.class;
  int bodies = 0, depth = 0, key = 0;
  for (uint32_t i = 0, from = 0; i <= run->n; i++) {
    int next = i < run->n && i > 0 ? key_at(t, run, &c, i, &bodies, &depth) : 0;
    if (i < run->n && !next) continue;
    FmtChars chars = {0};
    FmtCell cell = {.key = key};
    fmt_put(t, run, from, i, &chars, &cell.width);
    cell.gap = from ? fmt_gap(t, run, from) : 0;
    vec_push(t->a, &chars, 0);
    cell.text = chars.at;
    vec_push(t->a, &line->cells, cell);
    key = next;
    from = i;
  }
}

/* ---- statements */

static void body_print(Printer *p, const FmtBody *body, uint32_t level, int indent);

static FmtPlace place_of(const FmtText *t, const FmtItem *item, uint32_t level, int indent) {
  FmtPlace place = {.level = level,
                    .indent = indent,
                    .further = indent + 2 * FMT_INDENT,
                    .comment = FMT_NONE};
  place.items = keeps_items(t, item);
  if (place.items) {
    size_t len;
    const char *text = fmt_text(t, first_of(t, item)->span, &len);
    place.further = indent + fmt_width(text, len) + 1;
  }
  return place;
}

static void comment_print(Printer *p, int comment, uint32_t level, int indent, bool blank) {
  vec_push(p->t->a, &p->lines,
           ((FmtLine){.level = level, .indent = indent, .blank = blank, .comment = comment}));
}

/* Ends the line in `run`; comments that stand behind its last token come with it. */
static void run_end(Printer *p, FmtRun *run, FmtPlace *place, int comment) {
  place->comment = comment;
  if (run->n)
    fmt_break(p->t, run, place, &p->lines);
  else if (comment != FMT_NONE)
    comment_print(p, comment, place->level, place->indent, place->blank);
  run->n = 0;
  place->blank = false;
}

/* Comments inside of a statement end its line. */
static void comments_inside(Printer *p, uint32_t token, FmtRun *run, FmtPlace *place) {
  const FmtToken *k = &p->t->tokens[token];
  for (uint32_t c = k->comments_from; c < k->comments_to; c++) {
    bool trailing = p->t->comments[c].trailing && run->n;
    if (!trailing) run_end(p, run, place, FMT_NONE);
    place->indent = run->n ? place->indent : place->further;
    run_end(p, run, place, (int)c);
    place->indent = place->further;
  }
}

/* A statement over several lines. */
static void statement_open(Printer *p, const FmtItem *item, uint32_t level, int indent, bool blank) {
  const FmtText *t = p->t;
  FmtRun run = {0};
  FmtPlace place = place_of(t, item, level, indent);
  int comment = item->comment;
  place.blank = blank;
  bool was_one_line = comment != FMT_NONE &&
                      !fmt_newline_between(t, first_of(t, item)->span.from, t->comments[comment].span.from);
  if (fmt_comment_is_doc(t, comment) && was_one_line) { /* behind the last line it would document nothing */
    comment_print(p, comment, level, indent, blank);
    comment = FMT_NONE;
    place.blank = false;
  }
  uint32_t next = 0;
  for (uint32_t i = item->from; i < item->to; i++) {
    vec_push(t->a, &run, i);
    const FmtBody *body =
        next < item->bodies.n && i == item->bodies.at[next]->open ? item->bodies.at[next++] : NULL;
    if (body && (body->items.n || body->comment != FMT_NONE)) {
      run_end(p, &run, &place, body->comment);
      body_print(p, body, level + 1, indent + FMT_INDENT);
      place.indent = indent;
      vec_push(t->a, &run, body->close);
      i = body->close;
    }
    if (i + 1 < item->to) comments_inside(p, i, &run, &place);
  }
  run_end(p, &run, &place, comment);
}

/* Statements from `from` to `to` that the author wrote on one line. */
static void group_print(Printer *p, const FmtBody *body, uint32_t from, uint32_t to, uint32_t level,
                        int indent) {
  const FmtText *t = p->t;
  FmtRun run = {0};
  FmtLine line = {.level = level,
                  .indent = indent,
                  .blank = body->items.at[from].blank,
                  .comment = body->items.at[to - 1].comment};
  bool fits = true;
  for (uint32_t i = from; i < to && fits; i++) {
    if (i > from) vec_push(t->a, &run, FMT_SEMICOLON);
    fits = stays_on_line(t, &body->items.at[i]) && (i + 1 == to || body->items.at[i].comment == FMT_NONE);
    run_add(t, &body->items.at[i], &run);
  }
  FmtChars chars = {0};
  int width = 0;
  if (fits) fmt_put(t, &run, 0, run.n, &chars, &width);
  if (fits && indent + width <= FMT_WIDTH) {
    if (to - from == 1)
      line_cells(t, &run, &line);
    else {
      vec_push(t->a, &chars, 0);
      vec_push(t->a, &line.cells, ((FmtCell){.text = chars.at, .width = width}));
    }
    vec_push(t->a, &p->lines, line);
  } else if (to - from > 1) {
    for (uint32_t i = from; i < to; i++) group_print(p, body, i, i + 1, level, indent);
  } else {
    statement_open(p, &body->items.at[from], level, indent, line.blank);
  }
}

static void body_print(Printer *p, const FmtBody *body, uint32_t level, int indent) {
  for (uint32_t i = 0, to; i < body->items.n; i = to) {
    const FmtItem *item = &body->items.at[i];
    to = i + 1;
    if (item->is_comment) {
      comment_print(p, item->comment, level, indent, item->blank);
      continue;
    }
    while (to < body->items.n && body->items.at[to].joined) to++;
    group_print(p, body, i, to, level, indent);
  }
}

/* ---- the file: what takes several lines is set apart by a blank line */

/* Comments right before it, and the `##` lines of its own, go with it. */
static uint32_t head_of(const FmtLines *lines, uint32_t from) {
  while (from > 0 && lines->at[from - 1].cells.n == 0 && !lines->at[from].blank) from--;
  return from;
}

static void file_print(Printer *p, const FmtBody *file) {
  bool apart = false;
  for (uint32_t i = 0, to; i < file->items.n; i = to) {
    const FmtItem *item = &file->items.at[i];
    uint32_t from = p->lines.n;
    bool head = !item->is_comment && first_of(p->t, item)->code == T_LANGUAGE;
    for (to = i + 1; !head && to < file->items.n && file->items.at[to].joined;) to++;
    if (item->is_comment)
      comment_print(p, item->comment, 0, 0, item->blank);
    else
      group_print(p, file, i, to, 0, 0);
    if (apart) p->lines.at[from].blank = true;
    uint32_t statement = from, first = head_of(&p->lines, from);
    while (statement < p->lines.n && p->lines.at[statement].cells.n == 0) statement++;
    bool several = !item->is_comment && p->lines.n - statement > 1;
    apart = several || head;
    if (several && first > 0) p->lines.at[first].blank = true;
  }
}

static const char *format(Session *s, const Source *source, const Tape *tape, const AstFile *file,
                          size_t *ret_len) {
  FmtText t = {.s = s, .a = s->arena, .source = source};
  FmtBody *all = fmt_tree(&t, tape, file);
  Printer p = {.t = &t};
  file_print(&p, all);
  fmt_align(&t, &p.lines);
  FmtChars out = {0};
  fmt_lines_put(&t, &p.lines, &out);
  *ret_len = out.n;
  vec_push(s->arena, &out, 0);
  return out.at;
}

const char *fmt_source(Session *s, const Source *source, size_t *ret_len) {
  Tape tape = {0};
  Source copy = *source; /* the session's table of sources grows */
  const AstFile *file = parse_source_tape(s, &copy, &tape);
  if (s->errors) return NULL;
  const char *text = format(s, &copy, &tape, file, ret_len);
  const Source *again = source_add(s, copy.path, text, *ret_len);
  if (!again) return NULL;
  Source formatted = *again;
  if (!ast_equal_but_docs(&file->head, &parse_source(s, &formatted)->head) || s->errors)
    BUG(s, file->head.span, "the formatted text is another program:\n%s", text);
  return text;
}

/* What the files of the formatter share: the text as statements with their comments (fmt_tree.c), and the
 * lines that are made of them (fmt.c, fmt_line.c, fmt_align.c). */
#ifndef NSL_PARSER_FMT_H
#define NSL_PARSER_FMT_H

#include "parser/parser.h"

enum { FMT_WIDTH = 110, FMT_INDENT = 2, FMT_NONE = -1 };

typedef struct {
  int code;
  Span span;
  bool body;     /* a brace of a body */
  bool name;     /* a name, also if its word means something elsewhere */
  bool negative; /* a minus that is a sign */
  bool tight; /* a brace of a domain, in {a, b}, but index k = { A, B }; a colon of a binder or a label, [k:
                 set] */
  uint32_t comments_from, comments_to; /* comments behind it, inside of its statement */
} FmtToken;

typedef struct FmtBody FmtBody;

/* A statement, or a comment on a line of its own. */
typedef struct {
  bool is_comment;
  bool blank;        /* a blank line stands before it */
  bool joined;       /* on the line of the statement before, behind `;` */
  uint32_t from, to; /* its tokens, bodies included */
  int comment;       /* the comment itself, or what stands behind the statement; FMT_NONE */
  VEC(FmtBody *) bodies;
} FmtItem;

struct FmtBody {
  uint32_t open, close; /* its braces */
  bool one_line;        /* written on one line */
  int comment;          /* behind `{` */
  VEC(FmtItem) items;
};

typedef struct {
  Session *s;
  Arena *a;
  const Source *source;
  FmtToken *tokens;
  uint32_t n;
  const TapeComment *comments;
  uint32_t n_comments;
} FmtText;

FmtBody *fmt_tree(FmtText *t, const Tape *tape, const AstFile *file);
const char *fmt_text(const FmtText *t, Span span, size_t *ret_len);
bool fmt_newline_between(const FmtText *t, uint32_t from, uint32_t to);
bool fmt_comment_is_doc(const FmtText *t, int comment);

/* A line: its text in cells, the first one from its indentation on. Lines of one class that follow each other
 * have their cells below each other, where a cell of the same key is in both. */
enum { KEY_COLON = 1, KEY_SET, KEY_IN, KEY_BODY };
typedef VEC(char) FmtChars;
typedef struct {
  int key; /* cells stand in rising order of it */
  int gap; /* blanks before it, if nothing is aligned */
  const char *text;
  int width;
} FmtCell;
typedef struct {
  uint32_t level; /* of the body: comments behind lines of one body stand below each other */
  int indent;
  bool blank;
  int class; /* 0: aligned with no other */
  VEC(FmtCell) cells;
  int comment; /* behind it; FMT_NONE */
} FmtLine;
typedef VEC(FmtLine) FmtLines;

/* A run of tokens that is to stand on one line: indices, FMT_SEMICOLON between statements. */
#define FMT_SEMICOLON UINT32_MAX
typedef VEC(uint32_t) FmtRun;
int fmt_gap(const FmtText *t, const FmtRun *run, uint32_t i); /* blanks before the i-th of the run */
void fmt_put(const FmtText *t, const FmtRun *run, uint32_t from, uint32_t to, FmtChars *chars, int *width);
bool fmt_rows_wanted(const FmtText *t, uint32_t token); /* a `[` of a table that is written a row a line */

typedef struct {
  uint32_t level;
  int indent, further; /* of the first line, of those after it */
  bool blank, items;   /* items: each item of a declaration stays on its line */
  int comment;
} FmtPlace;
void fmt_break(const FmtText *t, const FmtRun *run, const FmtPlace *place, FmtLines *lines);

void fmt_align(const FmtText *t, FmtLines *lines);
void fmt_lines_put(const FmtText *t, const FmtLines *lines, FmtChars *out);
int fmt_width(const char *text, size_t len);

#endif

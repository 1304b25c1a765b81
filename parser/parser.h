/* What the files of parser/ share: one Parser for each source that is being read.
 *
 * text -> lexer.l (raw tokens) -> tokens.c (statements' ends, brackets, recovery) -> grammar.y -> build.c
 * (nodes) */
#ifndef NSL_PARSER_PARSER_H
#define NSL_PARSER_PARSER_H

#include "parser/parse.h"

enum { MAX_NESTING = 256, MAX_TOKEN = 64 << 10, MAX_TOKEN_CODES = 512 };

/* ---- words of the language (keywords.def) */
typedef enum { ROLE_NONE, ROLE_FILE, ROLE_BLOCK, ROLE_LATER_BLOCK, ROLE_STMT, ROLE_LATER, ROLE_JOIN, ROLE_PLAIN } WordRole;
typedef struct {
  const char *text;
  int token;
  WordRole role;
  bool hard;
} Keyword;
extern const Keyword keywords[];
extern const size_t n_keywords;

/* ---- tokens */
typedef union {
  AstWord word; /* names, words of the language, units, strings */
  double number;
  int flag;
  Ast *node;
  AstList list;
} Value;

enum { RAW_NONE = -1, RAW_NEWLINE = -2 }; /* codes beside the grammar's */
typedef struct {
  int code;
  Value value;
  Span span;
  bool first_on_line;
  bool bad;  /* the scanner complained about it: no second complaint about the same statement */
  bool done; /* brackets and units have taken note of it */
  bool body; /* a brace of a body, not of a set */
} Token;

/* What the scanner reads next: a unit can only follow some tokens. */
typedef enum { READ_PLAIN, READ_AFTER_NUMBER, READ_UNIT } ReadMode;

typedef struct {
  char open; /* ( [ { */
  bool body; /* { of a body: newlines end statements inside */
  bool csv;  /* ( of csv(…): a unit may follow its end */
  bool later; /* body of a block of later sections */
  Span span;
  uint32_t indent; /* of the line on which it stands */
} Bracket;

typedef struct {
  Span span;           /* the comment */
  uint32_t line_start; /* offset of its line */
  uint32_t token;      /* how many tokens stand before it, as a mark */
  bool trailing;       /* something else stands before it on the line */
  bool lost;           /* the block ended before a declaration came */
  Name text;
} DocComment;

typedef struct Parser {
  Session *s;
  const Source *source;
  void *scanner;
  AstFile *file;
  Tape *tape;        /* what was read, for the formatter; or NULL */
  uint32_t harmless; /* errors about text whose meaning is clear: nothing is missing from the tree */

  /* words: token table and the keyword of each name (0: none, else index + 1) */
  uint8_t *keyword_of;
  uint32_t n_keyword_of;
  const Keyword *word_of_token[MAX_TOKEN_CODES];
  Name csv;

  /* scanner */
  uint32_t pos; /* global offset behind the last match */
  ReadMode mode;
  bool unit_free;      /* where only a unit can stand, every word belongs to it */
  uint32_t unit_from;
  uint32_t number_from, number_end; /* the last number */
  bool bad;            /* for the next token */
  uint32_t line_start, line_indent;
  bool line_used; /* a token stands on this line already */
  VEC(DocComment) docs;
  uint32_t n_tokens;
  uint32_t docs_open; /* from here on, comments wait for a declaration */

  /* tokens */
  Bracket brackets[MAX_NESTING];
  uint32_t n_brackets, n_bodies;
  Bracket suspect; /* a brace whose closing one stands further left than its line: probably of another */
  Token held;      /* one token read ahead */
  Token queue[2];
  uint32_t n_queue;
  int prev; /* the last token read */
  Name prev_name;
  int column; /* 1: behind csv(…) or its column, 2: behind the dot after it */
  bool newline;         /* one was read since the last token */
  bool sep, sep_hard;   /* a statement's end is due; by `;` */
  Span sep_span;
  bool sep_bad;
  bool closing; /* virtual `}` are being delivered */
  bool skip;    /* after an error: to the end of the statement */
  uint32_t skip_bodies;
  bool failed; /* the statement before could not be read */
  bool give_up;
  bool stop;   /* nothing more can be read: the rest counts as the end of the file */

  /* delivered to the grammar */
  Token last, before; /* the last two */
  Token first;        /* of the statement */
  int block;          /* first word of the file-level declaration */
  int opening;        /* first token of the file */
  uint32_t opening_from;
  bool mute;          /* the statement has been complained about */
  Span error_span;    /* of the last syntax error, so that none is met twice */
  int error_code;
} Parser;

/* words.c */
void words_init(Parser *p);
const Keyword *word_keyword(const Parser *p, Name name);
WordRole token_role(const Parser *p, int code);

/* lexer.l, scan.c: the raw scanner and what its rules call */
void scanner_open(Parser *p);
Token scanner_next(Parser *p);
void scanner_close(Parser *p);
int scan_word(Parser *p, const char *text, size_t len, Value *value, Span *span);
int scan_number(Parser *p, const char *text, size_t len, Value *value, Span *span);
int scan_number_bad(Parser *p, const char *text, size_t len, Value *value, Span *span, const char *why);
bool scan_unit_starts(Parser *p, const char *text, size_t len, Span *span);
bool scan_unit_takes(const Parser *p, const char *text, size_t len);
int scan_unit(Parser *p, Value *value, Span *span);
int scan_string(Parser *p, const char *text, size_t len, Value *value, Span *span, bool closed);
void scan_comment(Parser *p, const char *text, size_t len, Span span);
void scan_character(Parser *p, const char *text, size_t len, Span span);

/* tokens.c */
void tokens_recover(Parser *p); /* after a syntax error at p->last */
bool tokens_in_expression(const Parser *p);
bool tokens_goes_on_after(int code);
void tokens_reread_line(Parser *p);
void tokens_close_brackets(Parser *p, Span where);

/* build.c: what the grammar's actions call */
Ast *build_node(Parser *p, const Ast *fields);
void build_push(Parser *p, AstList *list, Ast *node);
Ast *build_assign(Parser *p, Span span, Ast *target, AssignOp op, Ast *value);
Ast *build_primed(Parser *p, Span span, Ast *base, int primes);
/* link and tail: CONNECT nodes that hold the first and the second part of the statement. */
Ast *build_connect(Parser *p, Span span, AstWord label, const Ast *link, const Ast *tail);

/* error.c */
void error_report(Parser *p, Span span, const char *const *expected, size_t n);
void error_too_deep(Parser *p, Span span);

/* docs.c */
void docs_attach(Parser *p, const AstFile *file);

#endif

/* Diagnostics. Every message is one row of diag.def and one typed function in diag_*.c; no free-form
 * messages elsewhere. A message: primary line (lower case, the user's words), notes with spans, a hint (a full
 * sentence, perhaps with a replacement text). */
#ifndef NSL_LANG_DIAG_H
#define NSL_LANG_DIAG_H

#include "lang/session.h"

typedef enum { SEV_ERROR, SEV_WARNING } Severity;

typedef enum {
#define D(code, id, severity, title) DIAG_##id = code,
#include "lang/diag.def"
#undef D
} DiagCode;

typedef struct {
  Span span; /* {0,0}: no place */
  const char *text;
} DiagNote;

struct Diag {
  DiagCode code;
  Severity severity;
  Span span; /* {0,0}: the message has no place in a source (command line, output folder) */
  const char *text;
  VEC(DiagNote) notes;
  const char *hint;
  Span fix_span;        /* what `fix` replaces; only if fix is not NULL */
  const char *fix;
  bool printed;
};

/* The only constructor; used by the typed functions in diag_*.c alone. Always returns a Diag to which notes
 * and a hint can be added (a dummy after the limit). Duplicates (same code and span) are dropped. */
__attribute__((format(printf, 4, 5))) Diag *diag_new(Session *s, DiagCode code, Span span, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void diag_note(Session *s, Diag *d, Span span, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_hint(Session *s, Diag *d, const char *fmt, ...);
void diag_fix(Diag *d, Span span, const char *replacement);

/* Prints all, by position: human form with source line and caret (colour if `colour`), or JSON lines. */
void diag_print(Session *s, FILE *out, bool json, bool colour);
void diag_print_new(Session *s, FILE *out, bool json, bool colour); /* what has not been printed yet */
const char *diag_title(DiagCode code);

/* The pages of explain/: cause, a wrong example and a right one, what to do. */
typedef struct {
  int code;
  const char *text;
} DiagPage;
extern const DiagPage diag_pages[];
extern const size_t diag_n_pages;

/* "Did you mean": the nearest of n candidates by edit distance, or NULL if none is near. */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

/* What is written here for a word of another language (habits.def), a full sentence, or NULL. */
const char *diag_habit(const char *word);

/* Typed messages, by range: diag_syntax.c (1xxx), diag_model.c (2xxx-4xxx), diag_network.c (5xxx),
 * diag_target.c (6xxx-7xxx, files and the command line 8xxx). */
#include "lang/diag_text.h"

#endif

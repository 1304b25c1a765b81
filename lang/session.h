/* One compilation: names, sources, diagnostics, options. No mutable globals anywhere: two sessions may
 * run in two threads. */
#ifndef NSL_LANG_SESSION_H
#define NSL_LANG_SESSION_H

#include <stdarg.h>

#include "lang/base.h"

typedef struct Diag Diag;

typedef struct {
  const char *path; /* as the user wrote it */
  const char *text; /* NUL-terminated */
  uint32_t base;    /* global offset of text[0] */
  uint32_t len;
} Source;

struct Session {
  Arena *arena; /* lives as long as the session */
  struct NameTable *names;
  VEC(Source) sources;
  VEC(Diag *) diags; /* in order of report; printed in order of position */
  uint32_t errors, warnings;
  bool stopped;            /* the limit of 20 errors was reached: nothing more is recorded */
  const char *stdlib_path; /* folder of the standard library */
  VEC(const char *) allow_read;
  bool relaxed;            /* in fits of networks with derivatives, smooth steps stand for the spikes that others see (autodiff/network_cell.c) */
  bool second_derivatives; /* fits get products with their Hessians as well */
  struct UnitWords *unit_words; /* the user's spelling of dimensions, for messages (unit.c) */
};

Session *session_new(void);
void session_free(Session *s);

Name name_of(Session *s, const char *text, size_t len);
Name name_z(Session *s, const char *text);
__attribute__((format(printf, 2, 3))) Name name_fmt(Session *s, const char *fmt, ...);
const char *name_str(const Session *s, Name n); /* "" for no name */

/* Reads a file ("-" is standard input) into the session. NULL after a diagnostic (missing, a folder, unreadable,
 * larger than 64 MiB, not UTF-8, contains a NUL byte). A leading byte-order mark is skipped. */
const Source *source_load(Session *s, const char *path, Span where);
const Source *source_add(Session *s, const char *path, const char *text, size_t len);
const Source *source_at(const Session *s, uint32_t offset);
typedef struct {
  const Source *source;
  uint32_t line, column; /* from 1; columns count Unicode code points */
} Place;
Place source_place(const Session *s, uint32_t offset);
const char *source_span_text(const Session *s, Span span, Arena *a);
/* The same on one line: one blank for several, none inside of brackets. */
const char *source_span_line(const Session *s, Span span, Arena *a);

/* BUG: a compiler mistake. Prints what and where and exits 70. */
__attribute__((noreturn, format(printf, 5, 6))) void bug_at(const Session *s, Span span, const char *file, int line,
                                                            const char *fmt, ...);
/* Its words alone, for who ends the process otherwise. */
__attribute__((format(printf, 5, 0))) void bug_say(const Session *s, Span span, const char *file, int line, const char *fmt, va_list args);
#define BUG(s, span, ...) bug_at((s), (span), __FILE__, __LINE__, __VA_ARGS__)

#endif

/* A session: what one compilation shares, and the report of a compiler mistake. */
#include "lang/session.h"

#include <stdlib.h>

#include "lang/name.h"

Session *session_new(void) {
  Arena *arena = arena_new();
  Session *s = NEW(arena, Session);
  s->arena = arena;
  s->names = name_table_new(arena);
  return s;
}

void session_free(Session *s) {
  if (s) arena_free(s->arena);
}

void bug_say(const Session *s, Span span, const char *file, int line, const char *fmt, va_list args) {
  fprintf(stderr, "nslc: a mistake in the compiler (%s:%d): ", file, line);
  vfprintf(stderr, fmt, args);
  fputc('\n', stderr);
  if (s && span.to > 0) {
    Place p = source_place(s, span.from);
    if (p.source) fprintf(stderr, "nslc: while working on %s:%u:%u\n", p.source->path, p.line, p.column);
  }
  fputs("nslc: this is not your model's fault; please report it with the model\n", stderr);
}

void bug_at(const Session *s, Span span, const char *file, int line, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  bug_say(s, span, file, line, fmt, args);
  va_end(args);
  exit(70);
}

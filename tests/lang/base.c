/* Arenas, arrays, names, sources. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lang/diag.h"
#include "tests/lang/tap.h"

static void test_arena(void) {
  Arena *a = arena_new();
  bool zero = true, aligned = true;
  for (size_t n = 0; n < 300; n++) {
    char *p = arena_alloc(a, n * 37);
    for (size_t i = 0; i < n * 37; i++) zero = zero && p[i] == 0;
    aligned = aligned && (uintptr_t)p % 16 == 0;
    memset(p, 0xFF, n * 37);
  }
  tap_ok(zero, "arena memory is zero");
  tap_ok(aligned, "arena memory is aligned to 16");
  char *large = arena_alloc(a, 10 << 20);
  large[(10 << 20) - 1] = 1;
  tap_ok(arena_alloc(a, 16) != NULL, "an allocation larger than a chunk");
  VEC(int) v = {0};
  for (int i = 0; i < 100000; i++) vec_push(a, &v, i);
  bool same = v.n == 100000;
  for (int i = 0; i < 100000; i++) same = same && v.at[i] == i;
  tap_ok(same, "a growing array keeps its elements");
  tap_ok(strcmp(arena_printf(a, "%d-%s", 5, "x"), "5-x") == 0, "arena_printf");
  arena_free(a);
}

static void test_names(void) {
  Session *s = session_new();
  tap_ok(name_z(s, "").id == 0, "the empty text is no name");
  bool distinct = true, stable = true;
  for (int i = 0; i < 20000; i++) {
    Name n = name_fmt(s, "name%d", i);
    distinct = distinct && n.id == (uint32_t)i + 1;
  }
  for (int i = 0; i < 20000; i++) {
    char text[32];
    snprintf(text, sizeof text, "name%d", i);
    stable = stable && name_eq(name_z(s, text), (Name){(uint32_t)i + 1}) &&
             strcmp(name_str(s, (Name){(uint32_t)i + 1}), text) == 0;
  }
  tap_ok(distinct, "20,000 texts have 20,000 names");
  tap_ok(stable, "a text is found again, and printed");
  char *text = malloc(2000);
  memset(text, 'x', 1999);
  text[1999] = 0;
  tap_ok(strlen(name_str(s, name_fmt(s, "%s!", text))) == 2000, "a long formatted name");
  free(text);
  session_free(s);
}

static void place_is(Session *s, uint32_t offset, uint32_t line, uint32_t column, const char *what) {
  Place p = source_place(s, offset);
  tap_ok(p.source && p.line == line && p.column == column, "%s is at %u:%u", what, line, column);
}

static void test_sources(void) {
  Session *s = session_new();
  const Source *a = source_add(s, "a.nsl", "ab\n\xCF\x84_m = 1\n", 12);
  const Source *b = source_add(s, "b.nsl", "\xEF\xBB\xBFxyz", 6);
  tap_ok(a && b && a->base > 0, "two sources; offset 0 is no place");
  tap_ok(b && b->len == 3 && strcmp(b->text, "xyz") == 0, "a byte-order mark is skipped");
  place_is(s, a->base, 1, 1, "the first byte");
  place_is(s, a->base + 3, 2, 1, "the second line");
  place_is(s, a->base + 5, 2, 2, "what follows a Greek letter");
  place_is(s, a->base + a->len, 3, 1, "the end");
  place_is(s, b->base + 2, 1, 3, "the other source");
  tap_ok(source_at(s, b->base)->base == b->base && source_at(s, 0) == NULL, "source_at");
  tap_ok(strcmp(source_span_text(s, (Span){b->base + 1, b->base + 3}, s->arena), "yz") == 0,
         "text of a span");
  session_free(s);
}

/* The one message that a bad source must give. */
static void refused(const char *text, size_t len, DiagCode code, uint32_t line, uint32_t column,
                    const char *what) {
  Session *s = session_new();
  const Source *source = source_add(s, "bad.nsl", text, len);
  bool one = !source && s->errors == 1 && s->diags.n == 1 && s->diags.at[0]->code == code;
  Place p = one ? source_place(s, s->diags.at[0]->span.from) : (Place){0};
  tap_ok(one && p.line == line && p.column == column, "%s is refused at %u:%u", what, line, column);
  session_free(s);
}

static void test_bad_sources(void) {
  refused("ab\n\xFFz", 5, DIAG_FILE_NOT_UTF8, 2, 1, "a byte that is no UTF-8");
  refused("a\xC0\x80", 3, DIAG_FILE_NOT_UTF8, 1, 2, "an overlong form");
  refused("a\xED\xA0\x80", 4, DIAG_FILE_NOT_UTF8, 1, 2, "a surrogate");
  refused("a\xF4\x90\x80\x80", 5, DIAG_FILE_NOT_UTF8, 1, 2, "a code point above the last");
  refused("a\xE2\x84", 3, DIAG_FILE_NOT_UTF8, 1, 2, "a character cut off");
  refused("ab\0c", 4, DIAG_FILE_NUL, 1, 3, "a NUL byte");
  Session *s = session_new();
  tap_ok(!source_load(s, "/nowhere/at/all.nsl", (Span){0, 0}) && s->diags.at[0]->code == DIAG_FILE_MISSING,
         "a missing file");
  tap_ok(!source_load(s, "/", (Span){0, 0}) && s->diags.at[1]->code == DIAG_FILE_NOT_A_FILE, "a folder");
  char path[] = "/tmp/nsl-large-XXXXXX";
  int fd = mkstemp(path);
  tap_ok(fd >= 0 && ftruncate(fd, (off_t)100 << 20) == 0, "a file of 100 MiB");
  tap_ok(
      !source_load(s, path, (Span){0, 0}) && s->diags.n == 3 && s->diags.at[2]->code == DIAG_FILE_TOO_LARGE,
      "is too large");
  close(fd);
  unlink(path);
  session_free(s);
}

int main(void) {
  test_arena();
  test_names();
  test_sources();
  test_bad_sources();
  return tap_done();
}

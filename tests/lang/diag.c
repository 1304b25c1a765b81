/* Diagnostics: order, duplicates, limits, both printed forms, "did you mean". */
#include <stdlib.h>
#include <string.h>

#include "lang/diag.h"
#include "tests/lang/tap.h"

static char *printed(Session *s, bool json, bool colour) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  diag_print(s, out, json, colour);
  fclose(out);
  return text;
}

static void is(const char *got, const char *want, const char *what) {
  bool same = strcmp(got, want) == 0;
  tap_ok(same, "%s", what);
  if (!same) printf("# got:\n%s# wanted:\n%s", got, want);
}

static void test_human(void) {
  Session *s = session_new();
  const char text[] = "state V = 1\n\tV' = \xCF\x84 + I\n";
  const Source *a = source_add(s, "m.nsl", text, strlen(text));
  Span sum = {a->base + 18, a->base + 24}, first = {a->base, a->base + 7};
  diag_unknown_name(s, first, "state", "spate", false);
  Diag *d = diag_unit_wanted(s, sum, "V'", (Dim){{-12, 12}}, DIM_NONE);
  diag_note(s, d, first, "declared here");
  char *got = printed(s, false, false);
  is(got,
     "m.nsl:1:1: error NSL2001: unknown name `state`\n"
     "    1 | state V = 1\n"
     "      | ^~~~~~~\n"
     "      = hint: Did you mean `spate`?\n"
     "m.nsl:2:7: error NSL3001: unit mismatch: V' needs mV/ms, this is a number\n"
     "    2 | \tV' = \xCF\x84 + I\n"
     "      | \t     ^~~~~\n"
     "m.nsl:1:1: note: declared here\n"
     "    1 | state V = 1\n"
     "      | ^~~~~~~\n",
     "messages for people: carets under Greek letters and behind tabs, notes, hints");
  free(got);
  got = printed(s, true, false);
  is(got,
     "{\"code\":\"NSL2001\",\"severity\":\"error\",\"file\":\"m.nsl\",\"line\":1,\"column\":1,\"end_line\":1,"
     "\"end_column\":8,"
     "\"message\":\"unknown name `state`\",\"notes\":[],\"hint\":\"Did you mean "
     "`spate`?\",\"fix\":{\"file\":\"m.nsl\",\"line\":1,"
     "\"column\":1,\"end_line\":1,\"end_column\":8,\"replacement\":\"spate\"}}\n"
     "{\"code\":\"NSL3001\",\"severity\":\"error\",\"file\":\"m.nsl\",\"line\":2,\"column\":7,\"end_line\":2,"
     "\"end_column\":12,"
     "\"message\":\"unit mismatch: V' needs mV/ms, this is a "
     "number\",\"notes\":[{\"file\":\"m.nsl\",\"line\":1,\"column\":1,"
     "\"end_line\":1,\"end_column\":8,\"message\":\"declared here\"}],\"hint\":null,\"fix\":null}\n",
     "messages for programs");
  free(got);
  session_free(s);
}

static void test_order(void) {
  Session *s = session_new();
  const Source *a = source_add(s, "m.nsl", "one two three\n", 14);
  for (int i = 2; i >= 0; i--)
    diag_name_wanted(s, (Span){a->base + 4 * (uint32_t)i, a->base + 4 * (uint32_t)i + 3});
  for (int i = 2; i >= 0; i--)
    diag_name_wanted(s, (Span){a->base + 4 * (uint32_t)i, a->base + 4 * (uint32_t)i + 3});
  tap_ok(s->errors == 3 && s->diags.n == 3, "the same message at the same place is reported once");
  char *got = printed(s, true, false);
  char *one = strstr(got, "\"column\":1"), *five = strstr(got, "\"column\":5"),
       *nine = strstr(got, "\"column\":9");
  tap_ok(one && five && nine && one < five && five < nine, "messages come in order of position");
  free(got);
  session_free(s);
}

static void test_limit(void) {
  Session *s = session_new();
  char text[101];
  memset(text, 'x', 100);
  const Source *a = source_add(s, "m.nsl", text, 100);
  for (uint32_t i = 0; i < 100; i++) diag_name_wanted(s, (Span){a->base + i, a->base + i + 1});
  tap_ok(s->errors == 20 && s->stopped, "nothing is recorded after 20 errors");
  Diag *d = diag_new(s, DIAG_CYCLE, (Span){a->base, a->base + 1}, "x");
  diag_note(s, d, (Span){0, 0}, "a note on a message that is not recorded");
  char *got = printed(s, false, true);
  tap_ok(strstr(got, "stopped after 20 errors") && strstr(got, "\x1b["), "and it is said so; colour");
  free(got);
  session_free(s);
}

static void test_strange_text(void) {
  Session *s = session_new();
  char text[5001];
  memset(text, 'y', 5000);
  text[2500] = '\x01';
  const Source *a = source_add(s, "long \"line\".nsl", text, 5000);
  diag_name_wanted(s, (Span){a->base + 2500, a->base + 4000});
  diag_name_wanted(s, (Span){a->base + a->len, a->base + a->len});
  diag_file_missing(s, (Span){0, 0}, "a\nb\x02");
  char *got = printed(s, false, false);
  tap_ok(strlen(got) < 2000 && !strchr(got, '\x01'),
         "long lines are cut, control characters are not printed");
  free(got);
  got = printed(s, true, false);
  tap_ok(strstr(got, "a\\nb\\u0002") && strstr(got, "long \\\"line\\\".nsl"), "JSON escapes");
  free(got);
  session_free(s);
}

static void nearest(const char *word, const char *want) {
  static const char *const names[] = {"tau_m", "tau_ex", "V_th", "V", "g_leak", "iaf_psc_exp", "weight"};
  const char *got = diag_nearest(word, names, COUNT_OF(names));
  tap_ok(want ? got && strcmp(got, want) == 0 : !got, "`%s`: %s", word, want ? want : "nothing near");
}

int main(void) {
  test_human();
  test_order();
  test_limit();
  test_strange_text();
  nearest("tau_n", "tau_m");
  nearest("tua_m", "tau_m");
  nearest("Tau_M", "tau_m");
  nearest("v", "V");
  nearest("x", NULL);
  nearest("iaf_psc_epx", "iaf_psc_exp");
  nearest("wieght", "weight");
  nearest("potassium", NULL);
  nearest("", NULL);
  return tap_done();
}

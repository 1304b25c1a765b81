/* The parser's tests: parse CASES_FOLDER [--bless].
 *
 * cases/X.nsl parses without a message, with and without comments alike; its tree is cases/X.tree where
 * that file exists. errors/X.nsl gives exactly the messages of errors/X.out. Then the words, the limits,
 * damaged texts, and speed. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lang/diag.h"
#include "parser/parse.h"

static int n_tests, n_failed;

static bool ok(bool good, const char *what, const char *name) {
  printf("%sok %d - %s%s%s\n", good ? "" : "not ", ++n_tests, what, *name ? ": " : "", name);
  n_failed += !good;
  return good;
}

typedef struct {
  char *at;
  size_t len;
} Text;

static Text read_file(const char *path) {
  Text text = {0};
  FILE *in = fopen(path, "rb");
  if (!in) return text;
  FILE *out = open_memstream(&text.at, &text.len);
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) fwrite(buffer, 1, n, out);
  fclose(in);
  fclose(out);
  return text;
}

static void write_file(const char *path, Text text) {
  FILE *out = fopen(path, "wb");
  fwrite(text.at, 1, text.len, out);
  fclose(out);
}

static AstFile *parse_text(Session *s, const char *name, const char *text, size_t len) {
  const Source *source = source_add(s, name, text, len);
  return source ? parse_source(s, source) : NULL;
}

static Text tree_text(Session *s, const AstFile *file) {
  Text text = {0};
  FILE *out = open_memstream(&text.at, &text.len);
  ast_print(s, &file->head, out);
  fclose(out);
  return text;
}

static Text messages(Session *s) {
  Text text = {0};
  FILE *out = open_memstream(&text.at, &text.len);
  diag_print(s, out, false, false);
  fclose(out);
  return text;
}

/* Compares with a file, or rewrites it. Missing files are equal to nothing. */
static bool golden(const char *path, Text got, bool bless) {
  if (bless) {
    write_file(path, got);
    return true;
  }
  Text want = read_file(path);
  bool same = want.at && want.len == got.len && memcmp(want.at, got.at, got.len) == 0;
  if (!same) printf("# differs from %s:\n", path);
  if (!same)
    for (char *line = strtok(got.at, "\n"); line; line = strtok(NULL, "\n")) printf("#   %s\n", line);
  free(want.at);
  return same;
}

/* The same text with a comment and an empty line after each line that has neither comments nor strings. */
static Text with_comments(Text in) {
  Text text = {0};
  FILE *out = open_memstream(&text.at, &text.len);
  for (const char *line = in.at, *end; line < in.at + in.len; line = end + 1) {
    end = memchr(line, '\n', (size_t)(in.at + in.len - line));
    if (!end) end = in.at + in.len;
    size_t len = (size_t)(end - line);
    fwrite(line, 1, len, out);
    bool plain = !memchr(line, '#', len) && !memchr(line, '"', len);
    fputs(plain ? "  # comment (with [ brackets \n\n" : "\n", out);
  }
  fclose(out);
  return text;
}

typedef struct {
  uint32_t from, to, height;
  bool good;
} Inside;

/* Spans lie inside their source, and heights bound every way down. */
static void check_node(Ast *node, void *ctx) {
  Inside *in = ctx;
  if (node->span.from > node->span.to || node->span.from < in->from || node->span.to > in->to) in->good = false;
  if (node->height >= in->height || node->kind >= AST_KINDS) in->good = false;
  Inside below = {in->from, in->to, node->height, true};
  if (in->good) ast_each_child(node, check_node, &below);
  in->good &= below.good;
}

static bool tree_sound(const Source *source, const AstFile *file) {
  Inside in = {source->base, source->base + source->len, AST_MAX_HEIGHT + 2, true};
  ast_each_child(&file->head, check_node, &in);
  return in.good;
}

static void test_case(const char *path, const char *name, bool bless) {
  Text text = read_file(path);
  Session *s = session_new();
  const Source *source = source_add(s, name, text.at, text.len);
  AstFile *file = parse_source(s, source);
  Text said = messages(s);
  if (!ok(said.len == 0, "parses without a message", name)) printf("# %s\n", said.at);
  ok(tree_sound(source, file), "spans and heights", name);
  Text again = with_comments(text);
  ok(ast_equal(&file->head, &parse_text(s, "again", again.at, again.len)->head), "comments change nothing", name);
  char tree[512];
  snprintf(tree, sizeof tree, "%.*s.tree", (int)(strlen(path) - 4), path);
  Text want = read_file(tree);
  Text got = tree_text(s, file);
  if (want.at) ok(golden(tree, got, bless), "tree", name);
  session_free(s);
  free(text.at), free(said.at), free(again.at), free(want.at), free(got.at);
}

static void test_errors(const char *path, const char *name, bool bless) {
  Text text = read_file(path);
  Session *s = session_new();
  const Source *source = source_add(s, name, text.at, text.len);
  AstFile *file = parse_source(s, source);
  Text said = messages(s);
  char out[512];
  snprintf(out, sizeof out, "%.*s.out", (int)(strlen(path) - 4), path);
  ok(golden(out, said, bless) && s->errors > 0, "messages", name);
  ok(tree_sound(source, file), "spans and heights", name);
  session_free(s);
  free(text.at), free(said.at);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

typedef struct {
  char *paths[256];
  size_t n;
} Folder;

static Folder folder_of(const char *root, const char *sub) {
  Folder f = {0};
  char path[512];
  snprintf(path, sizeof path, "%s/%s", root, sub);
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir)) && f.n < COUNT_OF(f.paths);) {
    size_t len = strlen(e->d_name);
    if (len < 5 || strcmp(e->d_name + len - 4, ".nsl") != 0) continue;
    snprintf(path, sizeof path, "%s/%s/%s", root, sub, e->d_name);
    f.paths[f.n++] = strdup(path);
  }
  if (dir) closedir(dir);
  qsort(f.paths, f.n, sizeof *f.paths, by_name);
  return f;
}

/* ---- words of the language */

static uint32_t errors_of(const char *text, DiagCode *ret_first) {
  Session *s = session_new();
  parse_text(s, "text", text, strlen(text));
  uint32_t errors = s->errors;
  if (ret_first) *ret_first = errors ? s->diags.at[0]->code : (DiagCode)0;
  session_free(s);
  return errors;
}

/* The page of parser/ lists the words, in order of the alphabet, as they stand in keywords.def. */
static void test_word_lists(const char *root, const char *heading, const char *const *words, size_t n) {
  char path[512], want[4096] = "";
  snprintf(path, sizeof path, "%s/../../parser/README.md", root);
  const char **sorted = malloc(n * sizeof *sorted);
  memcpy(sorted, words, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_name);
  for (size_t i = 0; i < n; i++) snprintf(want + strlen(want), sizeof want - strlen(want), " %s", sorted[i]);
  Text page = read_file(path);
  char *at = page.at ? strstr(page.at, heading) : NULL;
  char *end = at ? strchr(at, '.') : NULL;
  bool same = false;
  if (end) {
    *end = 0;
    for (char *c = at; *c; c++)
      if (*c == '\n') *c = ' ';
    at = strchr(at + strlen(heading), ':');
    same = at && strcmp(at + 1, want) == 0;
  }
  if (!ok(same, "parser/README.md lists the", heading)) printf("# %s\n#%s\n", at ? at : "-", want);
  free(sorted), free(page.at);
}

static void test_words(const char *root) {
  static const struct {
    const char *text;
    bool hard;
  } words[] = {
#define HARD(token, text, role, doc) {text, true},
#define SOFT(token, text, role, doc) {text, false},
#include "lang/keywords.def"
#undef HARD
#undef SOFT
  };
  const char *hard[COUNT_OF(words)], *soft[COUNT_OF(words)];
  size_t n_hard = 0, n_soft = 0;
  for (size_t i = 0; i < COUNT_OF(words); i++)
    if (words[i].hard) hard[n_hard++] = words[i].text;
    else soft[n_soft++] = words[i].text;
  test_word_lists(root, "**Hard words**", hard, n_hard);
  test_word_lists(root, "**Soft words**", soft, n_soft);
  char text[512];
  for (size_t i = 0; i < COUNT_OF(words); i++) {
    const char *w = words[i].text;
    snprintf(text, sizeof text,
             "language 1\nneuron a {\n  param %s = 1, b = %s + 1\n  %s = b * %s;  x.%s += %s[%s](%s, %s = 2)\n  %s' = %s\n}\n", w,
             w, w, w, w, w, w, w, w, w, w);
    uint32_t errors = errors_of(text, NULL);
    ok(words[i].hard ? errors > 0 : errors == 0, words[i].hard ? "is reserved" : "is a name where a name fits", w);
  }
}

/* ---- small texts: how many errors, and the first one's code */

static void test_small(void) {
  static const struct {
    const char *name, *text;
    DiagCode first;
    uint32_t errors;
  } small[] = {
      {"empty file", "", DIAG_SYNTAX_LANGUAGE, 1},
      {"only a comment", "# x", DIAG_SYNTAX_LANGUAGE, 1},
      {"only the first line", "language 1", 0, 0},
      {"semicolons alone", ";;;language 1;;\n;;", 0, 0},
      {"carriage returns", "language 1\r\nneuron a {\r\n  V = 1\r\n}\r\n", 0, 0},
      {"one line", "language 1; neuron a { state V = 0; V' = 1; on pre { V = 2; }; }", 0, 0},
      {"lines go on", "language 1\nneuron a { x = (1\n+ 2\n)\n y = 1 +\n\n # c\n 2\n z = f(\n a,\n b\n)\n}", 0, 0},
      {"unit by division", "language 1\nneuron a { x = 1/ms + 2 mV*x + 3 mV/tau + 4 mS/cm^2*a }", 0, 0},
      {"range of quantities", "language 1\nneuron a { x = 1500 ms..1700 ms;  y = 0..9;  z = 1/s^0.5..2 }", 0, 0},
      {"two blocks on a line", "language 1\nneuron a { } neuron b { }", DIAG_SYNTAX_UNEXPECTED, 1},
      {"one error in a header", "language 1\nneuron {\n  x = 1\n  y = = 2\n}\nneuron b { }", DIAG_SYNTAX_UNEXPECTED, 1},
      {"stray brace", "language 1\nneuron a { }\n}\nneuron b { }", DIAG_SYNTAX_UNEXPECTED, 1},
      {"later block", "language 1\nsweep a { x y z; by { a: 3 } \n with dt = 1 ms }\n", 0, 0},
      {"unclosed in later block", "language 1\nsweep a { minimize (x\n }\n", DIAG_SYNTAX_UNCLOSED, 1},
      {"unclosed in a fit", "language 1\nfit a { minimize (x\n }\n", DIAG_SYNTAX_UNCLOSED, 1},
      {"lines of a fit", "language 1\nfit a {\n neuron b\n by c\n with dt = 1 ms\n task d {\n e\n }\n}\n", 0, 0},
      {"argument list", "language 1\nneuron a { x = f(,a) }", DIAG_SYNTAX_UNEXPECTED, 1},
      {"comma at the end", "language 1\nneuron a { x = [1, 2,] }", DIAG_SYNTAX_UNEXPECTED, 1},
      {"unknown version", "language 2\n", DIAG_SYNTAX_LANGUAGE, 1},
      {"greek question mark", "language 1\nneuron a { x = a\xCD\xBE }", DIAG_SYNTAX_CHARACTER, 1},
      {"combining accent", "language 1\nneuron a { \xCE\xB1\xCC\x81 = 1 }", DIAG_SYNTAX_CHARACTER, 1},
      {"no-break space", "language 1\nneuron a { x =\xC2\xA0" "1 }", DIAG_SYNTAX_CHARACTER, 1},
      {"backslash", "language 1\nneuron a { x = 1 \\\n }", DIAG_SYNTAX_CHARACTER, 1},
      {"bell", "language 1\nneuron a { \a }", DIAG_SYNTAX_CHARACTER, 1},
  };
  for (size_t i = 0; i < COUNT_OF(small); i++) {
    DiagCode first;
    uint32_t errors = errors_of(small[i].text, &first);
    if (!ok(errors == small[i].errors && first == small[i].first, "small", small[i].name))
      printf("# %u errors, first %d\n", errors, (int)first);
  }
  Session *s = session_new();
  static const char one[] = "language 1\nneuron a { \xC2\xB5_x = 3 \xC2\xB5m + 4 M\xE2\x84\xA6 + \xE2\x84\xA6 }";
  static const char two[] = "language 1\nneuron a { \xCE\xBC_x = 3 \xCE\xBCm + 4 M\xCE\xA9 + \xCE\xA9 }";
  ok(ast_equal(&parse_text(s, "a", one, strlen(one))->head, &parse_text(s, "b", two, strlen(two))->head),
     "micro and ohm signs are the Greek letters", "");
  session_free(s);
}

/* ---- limits */

static Text repeated(const char *head, const char *part, size_t n, const char *tail) {
  Text text = {0};
  FILE *out = open_memstream(&text.at, &text.len);
  fputs(head, out);
  for (size_t i = 0; i < n; i++) fputs(part, out);
  fputs(tail, out);
  fclose(out);
  return text;
}

static void test_limits(void) {
  static const struct {
    const char *name, *head, *part;
    size_t n;
    const char *tail;
    DiagCode first;
  } limits[] = {
      {"parentheses 250", "language 1\nfn f(x) = ", "(", 250, "1", DIAG_SYNTAX_UNCLOSED},
      {"parentheses", "language 1\nfn f(x) = ", "(", 100000, "1", DIAG_SYNTAX_NESTING},
      {"calls", "language 1\nfn f(x) = ", "f(", 100000, "1", DIAG_SYNTAX_NESTING},
      {"lists", "language 1\nneuron a { param x = ", "[", 100000, "1", DIAG_SYNTAX_NESTING},
      {"bodies", "language 1\nneuron a { ", "if x { ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"minus signs", "language 1\nfn f(x) = ", "- ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"not", "language 1\nfn f(x) = ", "not ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"sum", "language 1\nfn f(x) = ", "x + ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"sum of 200", "language 1\nfn f(x) = ", "x + ", 200, "1", 0},
      {"powers", "language 1\nfn f(x) = ", "x ^ ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"members", "language 1\nfn f(x) = x", ".x", 100000, "", DIAG_SYNTAX_NESTING},
      {"subscripts", "language 1\nfn f(x) = x", "[1]", 100000, "", DIAG_SYNTAX_NESTING},
      {"conditions", "language 1\nfn f(x) = ", "if x then 1 else ", 100000, "1", DIAG_SYNTAX_NESTING},
      {"else if", "language 1\nneuron a { if x { }", " else if x { }", 100000, "}", DIAG_SYNTAX_NESTING},
      {"list of many", "language 1\nneuron a { param x = [", "1, ", 300000, "1] }", 0},
      {"long name", "language 1\nneuron ", "abcdefgh", 10000, " { }", DIAG_SYNTAX_TOKEN_LONG},
      {"long number", "language 1\nfn f(x) = ", "12345678", 10000, "", DIAG_SYNTAX_TOKEN_LONG},
      {"long string", "language 1\nimport \"", "abcdefgh", 10000, "\"", DIAG_SYNTAX_TOKEN_LONG},
      {"long unit", "language 1\nfn f(x) = 1 ", "mV*mV*", 20000, "mV", DIAG_SYNTAX_TOKEN_LONG},
      {"long comment", "language 1\n# ", "abcdefgh", 100000, "", 0},
      {"many doc comments", "language 1\n", "## text\n", 200000, "neuron a { }", 0},
      {"many errors", "language 1\nneuron a {\n", "x = = 1\n", 200000, "}", DIAG_SYNTAX_UNEXPECTED},
      {"many closing braces", "language 1\n", "}\n", 300000, "", DIAG_SYNTAX_UNEXPECTED},
      {"many newlines", "language 1\n", "\n", 3000000, "", 0},
      {"units that are none", "language 1\nfn f(x) = 1", "/q^1", 200000, "", DIAG_SYNTAX_NESTING},
  };
  for (size_t i = 0; i < COUNT_OF(limits); i++) {
    Text text = repeated(limits[i].head, limits[i].part, limits[i].n, limits[i].tail);
    DiagCode first;
    clock_t start = clock();
    errors_of(text.at, &first);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (!ok(first == limits[i].first && seconds < 5, "limit", limits[i].name)) printf("# %d, %.2f s\n", (int)first, seconds);
    free(text.at);
  }
}

/* ---- damaged texts: no crash, no endless loop, a sound tree */

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static const char *const scraps[] = {"(", ")", "[", "]", "{", "}", "\n", ";", ",", " ", "'", "\"", "#", "##", "=", "~", "..", ".",
                                     ":", "->", "<->", "+", "-", "in", "if", "else", "param", "neuron a {", "fn f(x in mV) -> 1/ms =",
                                     "1", "2 mV", "12abc", "2.", "\xCE\xB1", "\xE2\x80\xA6", "spike", "with", "fit a {", "csv(\"a\")",
                                     "at", "of", "minimize", "language 1", "connect a: b ->", "\r\n", "\\"};

static void damage(Text *text, uint64_t *state) {
  size_t at = text->len ? next_random(state) % text->len : 0;
  size_t cut = next_random(state) % 3 == 0 ? 0 : next_random(state) % (next_random(state) % 4 == 0 ? 200 : 6);
  if (cut > text->len - at) cut = text->len - at;
  const char *scrap = next_random(state) % 4 == 0 ? "" : scraps[next_random(state) % COUNT_OF(scraps)];
  size_t len = strlen(scrap);
  char *whole = malloc(text->len + len + 1);
  memcpy(whole, text->at, at);
  memcpy(whole + at, scrap, len);
  memcpy(whole + at + len, text->at + at + cut, text->len - at - cut);
  text->len = text->len + len - cut;
  whole[text->len] = 0;
  free(text->at);
  text->at = whole;
  if (next_random(state) % 20 == 0) text->len = next_random(state) % (text->len + 1);
}

static void test_damaged(const char *path, uint64_t seed, int rounds) {
  Text original = read_file(path);
  bool sound = true;
  for (int round = 0; round < rounds; round++) {
    uint64_t state = seed * 1000003 + (uint64_t)round + 1;
    Text text = {malloc(original.len + 1), original.len};
    memcpy(text.at, original.at, original.len);
    for (uint64_t n = 1 + next_random(&state) % 5; n > 0; n--) damage(&text, &state);
    Session *s = session_new();
    const Source *source = source_add(s, "damaged", text.at, text.len);
    if (source) sound &= tree_sound(source, parse_source(s, source));
    Text said = messages(s);
    session_free(s);
    free(said.at), free(text.at);
  }
  ok(sound, "damaged texts", strrchr(path, '/') + 1);
  free(original.at);
}

/* ---- speed: 10 MB of models */

static void test_speed(const char *path) {
  Text part = read_file(path), text = {0};
  const char *body = strchr(part.at, '\n');
  FILE *out = open_memstream(&text.at, &text.len);
  fputs("language 1\n", out);
  for (size_t n = 10000000 / part.len; n > 0; n--) fputs(body, out);
  fclose(out);
  Session *s = session_new();
  clock_t start = clock();
  parse_text(s, "large", text.at, text.len);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  printf("# %.1f MB in %.2f s: %.0f MB/s\n", (double)text.len / 1e6, seconds, (double)text.len / 1e6 / seconds);
  ok(s->errors == 0 && seconds < 20, "a file of 10 MB", "");
  session_free(s);
  free(part.at), free(text.at);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  bool bless = argc > 2 && strcmp(argv[2], "--bless") == 0;
  int rounds = argc > 3 && strcmp(argv[2], "--rounds") == 0 ? atoi(argv[3]) : 100;
  Folder cases = folder_of(argv[1], "cases"), errors = folder_of(argv[1], "errors");
  for (size_t i = 0; i < cases.n; i++) test_case(cases.paths[i], strrchr(cases.paths[i], '/') + 1, bless);
  for (size_t i = 0; i < errors.n; i++) test_errors(errors.paths[i], strrchr(errors.paths[i], '/') + 1, bless);
  test_words(argv[1]);
  test_small();
  test_limits();
  for (size_t i = 0; i < cases.n; i++) test_damaged(cases.paths[i], i, rounds);
  for (size_t i = 0; i < errors.n; i++) test_damaged(errors.paths[i], 1000 + i, rounds);
  char path[512];
  snprintf(path, sizeof path, "%s/cases/microcircuit.nsl", argv[1]);
  test_speed(path);
  for (size_t i = 0; i < cases.n; i++) free(cases.paths[i]);
  for (size_t i = 0; i < errors.n; i++) free(errors.paths[i]);
  printf("1..%d\n", n_tests);
  return n_failed > 0;
}

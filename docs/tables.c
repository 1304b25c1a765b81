/* The tables that drive the compiler -> docs/tables.md, the part of the language reference that is facts in tables.
 *
 * Each .def is expanded once more, with a row of a page for each row; so the page cannot say anything else than the compiler
 * does. A test compares the page in the tree with what this prints.
 * usage: docs_tables > docs/tables.md */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* In a cell of a table: no bar may stand bare. */
static void cell(const char *text) {
  for (; *text; text++)
    if (*text == '|')
      fputs("\\|", stdout);
    else
      putchar(*text);
}

static void row2(const char *word, const char *text) {
  fputs("| `", stdout);
  cell(word);
  fputs("` | ", stdout);
  cell(text);
  puts(" |");
}

static void print_words(void) {
  puts("\n## Words\n\nReserved words are never names:\n\n| word | |\n|---|---|");
#define HARD(token, text, role, doc) row2(text, doc);
#define SOFT(token, text, role, doc)
#include "lang/keywords.def"
#undef HARD
#undef SOFT
  puts("\nThese mean something only in their place, and are names wherever a name fits:\n\n| word | |\n|---|---|");
#define HARD(token, text, role, doc)
#define SOFT(token, text, role, doc) row2(text, doc);
#include "lang/keywords.def"
#undef HARD
#undef SOFT
}

/* The coherent value of one unit: "1 mV = 1", as a power of ten and what it is measured in. */
static void print_unit(const char *text, const int *e, int exp10, const char *doc) {
  static const char *const base[] = {"ms", "mV", "pA", "um", "mM", "K"};
  printf("| `%s` | %s | 10^%d", text, doc, exp10);
  for (int i = 0; i < 6; i++)
    if (e[i] == 1)
      printf(" %s", base[i]);
    else if (e[i] != 0)
      printf(" %s^%d", base[i], e[i]);
  puts(" |");
}

static void print_units(void) {
  puts("\n## Units\n\n| unit | | in the coherent system |\n|---|---|---|");
#define UNIT(text, t, v, i, l, c, k, exp10, doc) print_unit(text, (const int[]){t, v, i, l, c, k}, exp10, doc);
#include "lang/units.def"
  puts("\nPrefixes, before any unit but `degC`:\n\n| prefix | factor |\n|---|---|");
#define PREFIX(text, exp10) printf("| `%s` | 10^%d |\n", text, exp10);
#include "lang/units.def"
}

/* "f(x, y)" of a function, "a + b" of an operator; rows that only the compiler writes have no text. */
static void print_function(const char *text, int arity, const char *dims, const char *doc) {
  static const char *const said[][2] = {
      {"NUMBER", "numbers"}, {"SAME", "alike; the result too"}, {"MUL", "any"}, {"DIV", "any"},
      {"POW", "the exponent a number; of a quantity: a constant"}, {"SQRT", "any; half of it"}, {"KEEP", "any; the result too"},
      {"COMPARE", "alike; a condition"}, {"LOGIC", "conditions"}, {"SIGN", "any; a number"}, {"SELECT", "alike"}};
  if (!*text) return;
  bool word = (*text >= 'a' && *text <= 'z');
  bool infix = !word || strcmp(text, "and") == 0 || strcmp(text, "or") == 0;
  if (strcmp(text, "not") == 0)
    fputs("| `not a", stdout);
  else if (infix)
    printf("| `a %s b", text);
  else
    printf("| `%s(%s)", text, arity == 1 ? "x" : arity == 2 ? "x, y" : "x, a, b");
  const char *rule = "?";
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (strcmp(said[i][0], dims) == 0) rule = said[i][1];
  fputs("` | ", stdout);
  cell(doc);
  printf(" | %s |\n", rule);
}

static void print_functions(void) {
  puts("\n## Operators and functions\n\n| | | dimensions |\n|---|---|---|");
#define BUILTIN(id, text, arity, dims, ir, doc) print_function(text, arity, #dims, doc);
#include "lang/builtins.def"
#undef BUILTIN
}

static void print_options(void) {
  puts("\n## Options of a program\n\nOf a built program, and of `nslc run FILE -- …`:\n\n| option | |\n|---|---|");
#define OPTION(text, argument, function, doc) row2(*argument ? text " " argument : text, doc);
#include "runtime/options.def"
#undef OPTION
}

static void print_codes(void) {
  puts("\n## Messages\n\n`nslc --explain CODE` tells more about each.\n\n| code | | |\n|---|---|---|");
#define D(code, id, severity, title) \
  printf("| NSL%04d | %s | %s |\n", code, strcmp(#severity, "SEV_WARNING") ? "error" : "warning", title);
#include "lang/diag.def"
#undef D
}

int main(void) {
  puts("# Tables of the language\n\nMade from the compiler's own tables by `docs/tables.c`; do not edit.");
  print_words();
  print_units();
  print_functions();
  print_options();
  print_codes();
  return 0;
}

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

static void source_row(const char *form, const char *what, const char *doc) {
  printf("| `%s` | %s | ", form, strcmp(what, "SIGNAL") == 0 ? "value" : "events");
  cell(doc);
  puts(" |");
}

/* "value  from = 0  to = inf" */
static void arg_put(const char *source, const char *name, const char *given, const char *doc) {
  static const char *const said[][2] = {{"FIRST", "by position"}, {"NAMED", "required"}, {"ZERO", "0"}, {"INF", "inf"}, {"ABSENT", ""}};
  const char *text = "";
  for (size_t i = 0; i < sizeof said / sizeof *said; i++)
    if (strcmp(said[i][0], given) == 0) text = said[i][1];
  printf("| `%s` | `%s` | %s | ", source, name, text);
  cell(doc);
  puts(" |");
}

static void print_sources(void) {
  puts("\n## Sources of drives\n\nA value is a term of the expression behind `with`; events stand alone.\n\n| | | |\n|---|---|---|");
#define SOURCE(id, text, what, form, doc) source_row(form, #what, doc);
#define ARG(id, name, kind, given, doc)
#include "lang/drives.def"
#undef SOURCE
#undef ARG
  puts("\n| source | argument | left out | |\n|---|---|---|---|");
  const char *source = "";
#define SOURCE(id, text, what, form, doc) source = text;
#define ARG(id, name, kind, given, doc) arg_put(source, name, #given, doc);
#include "lang/drives.def"
#undef SOURCE
#undef ARG
}

static void measure_row(const char *name, const char *of, const char *argument, const char *doc) {
  bool at = strcmp(argument, "at") == 0;
  printf("| `%s(%s%s%s%s)` | ", name, strcmp(of, "VALUES") == 0 ? "E.V" : "E", *argument ? ", " : "", argument,
         *argument ? at ? " = 100 ms" : " = 5 ms" : "");
  cell(doc);
  puts(" |");
}

static void print_measures(void) {
  puts("\n## Measures\n\nOnly whole bins of the window count; a variance is the mean square less the squared mean.\n\n| | |\n|---|---|");
#define MEASURE(id, name, of, per_time, argument, doc) measure_row(name, #of, argument, doc);
#include "lang/measures.def"
#undef MEASURE
}

static void feature_row(const char *word, const char *takes, int moves, int counts, const char *doc) {
  bool course = strcmp(takes, "TRACE") == 0;
  printf("| `%s(%s, …)` | ", word, course ? "V" : "spike");
  cell(doc);
  printf(" | %s |\n", course ? "always" : moves && counts ? "both" : moves ? "`exact_events`" : "surrogates");
}

static void print_features(void) {
  puts("\n## Features in fits\n\nx = (V - level) / smooth, p = 1 / (1 + exp(-x)), q = smooth log(1 + exp(x)); n, r: sums of all rises of p, of q; s: smooth; e: 0.01.\n\n"
       "| term | | derivative |\n|---|---|---|");
#define FEATURE(id, word, takes, moves, counts, doc) feature_row(word, #takes, moves, counts, doc);
#include "lang/features.def"
#undef FEATURE
}

static void print_surrogates(void) {
  puts("\n## Surrogates of spikes in fits\n\n| shape | with x = (left - right side of the condition) / width |\n|---|---|");
#define SURROGATE(id, word, doc, step) printf("| `%s` | %s |\n", word, doc);
#include "lang/surrogates.def"
#undef SURROGATE
}

static void option_row(const char *optimizer, const char *name, double least, double most, double given, const char *doc) {
  if (given < least) printf("| `%s` | `%s` | not done | %.10g to %.10g | ", optimizer, name, least, most);
  else printf("| `%s` | `%s` | %.10g | %.10g to %.10g | ", optimizer, name, given, least, most);
  cell(doc);
  puts(" |");
}

static void print_optimizers(void) {
  puts("\n## Optimizers of fits\n\n| optimizer | objective | |\n|---|---|---|");
#define OPTIMIZER(id, name, squares, doc) printf("| `%s` | %s | %s |\n", name, squares ? "a sum of squares" : "any", doc);
#define OPTION(id, name, least, most, given, doc)
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
  puts("\n| optimizer | option | left out | range | |\n|---|---|---|---|---|");
  const char *optimizer = "";
#define OPTIMIZER(id, name, squares, doc) optimizer = name;
#define OPTION(id, name, least, most, given, doc) option_row(optimizer, name, least, most, given, doc);
#include "lang/optimizers.def"
#undef OPTIMIZER
#undef OPTION
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
  print_sources();
  print_measures();
  print_optimizers();
  print_features();
  print_surrogates();
  print_options();
  print_codes();
  return 0;
}

/* nslc: the compiler's command line. One file a subcommand; this one finds it in the table and calls it. */
#include <string.h>

#include "tools/tool.h"

typedef struct {
  const char *name, *usage, *doc;
  int (*run)(int argc, char **argv);
} Command;

static const Command commands[] = {
    {"check", "nslc check [--json] FILE…", "diagnostics only; `-` reads standard input", cmd_check},
    {"run", "nslc run FILE [-- PROGRAM OPTIONS]", "compile in memory and run", cmd_run},
    {"build", "nslc build FILE -o PROG [--cpu native|portable|x86-64-v3…] [--lib] [--emit exe|object|llvm|asm]",
     "compile to a standalone program", cmd_build},
    {"test", "nslc test FILE|DIR…", "run every experiment, report every `expect`", cmd_test},
    {"explain", "nslc explain [--json] FILE", "integrators, layouts, memory and cost, each with its reason", cmd_explain},
    {"grad", "nslc grad FILE [--check] [--json] [--fit NAME] [--steps N] [--starts N] [--tolerance X]",
     "the derivatives of fits; --check: against differences in 113-bit arithmetic", cmd_grad},
    {"fmt", "nslc fmt [--check] FILE…", "write files in the one form of the language; `-`: standard input to output", cmd_fmt},
    {"doc", "nslc doc FILE [-o PAGE.html] [--no-run] [-- PROGRAM OPTIONS]",
     "the model as the tables the field's papers use, with the figures of its experiments", cmd_doc},
    {"ir", "nslc ir FILE [--after PASS]", "any stage as text", cmd_ir},
};

static void print_help(FILE *out) {
  fprintf(out, "nslc %s: compiles NSL, a language for neurons, synapses and networks\n\n", NSL_VERSION);
  for (size_t i = 0; i < COUNT_OF(commands); i++)
    fprintf(out, "%s\n    %s\n", commands[i].usage, commands[i].doc);
  fprintf(out, "nslc --explain CODE\n    the page of a diagnostic\nnslc --version\n");
}

static int unknown_command(const char *word) {
  const char *names[COUNT_OF(commands)];
  for (size_t i = 0; i < COUNT_OF(commands); i++) names[i] = commands[i].name;
  const char *near = diag_nearest(word, names, COUNT_OF(commands));
  fprintf(stderr, "nslc: there is no command `%s`", word);
  if (near) fprintf(stderr, "; did you mean `%s`?", near);
  fprintf(stderr, "\nnslc --help lists them\n");
  return EXIT_USAGE;
}

/* NSL3001, nsl3001 or 3001, and nothing behind it; -1 if it is no code. */
static int code_of(const char *text) {
  if (!strncasecmp(text, "NSL", 3)) text += 3;
  int code = 0, n = 0;
  for (; text[n] >= '0' && text[n] <= '9' && n < 6; n++) code = 10 * code + (text[n] - '0');
  return n == 0 || text[n] ? -1 : code;
}

static int explain_code(const char *text) {
  int code = code_of(text);
  const char *title = code < 0 ? "" : diag_title((DiagCode)code);
  if (!title[0]) {
    fprintf(stderr, "nslc: there is no diagnostic `%s`\n", text);
    return EXIT_USAGE;
  }
  printf("NSL%04d: %s\n", code, title);
  for (size_t i = 0; i < diag_n_pages; i++)
    if (diag_pages[i].code == code) printf("\n%s", diag_pages[i].text);
  return EXIT_OK;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    print_help(stderr);
    return EXIT_USAGE;
  }
  const char *word = argv[1];
  if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
    print_help(stdout);
    return EXIT_OK;
  }
  if (!strcmp(word, "--version")) {
    printf("nslc %s\n", NSL_VERSION);
    return EXIT_OK;
  }
  if (!strcmp(word, "--explain")) {
    if (argc == 3) return explain_code(argv[2]);
    fprintf(stderr, "nslc: --explain takes one code, as in nslc --explain NSL3001\n");
    return EXIT_USAGE;
  }
  for (size_t i = 0; i < COUNT_OF(commands); i++)
    if (!strcmp(word, commands[i].name)) {
      for (int k = 2; k < argc && strcmp(argv[k], "--"); k++)
        if (!strcmp(argv[k], "--help") || !strcmp(argv[k], "-h")) {
          printf("%s\n    %s\n", commands[i].usage, commands[i].doc);
          return EXIT_OK;
        }
      return commands[i].run(argc - 2, argv + 2);
    }
  return unknown_command(word);
}

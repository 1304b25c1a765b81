/* nslc test: runs every experiment of every file, each in a child process with an output folder that is thrown away, and
 * says which hold: an experiment passes if its run exits with 0, which means that every `expect` holds. */
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/tool.h"

typedef struct {
  uint32_t passed, failed;
} Tally;

/* Every `expect` of a finished run, from its run.json. */
static void report_expects(const char *folder) {
  char path[96];
  snprintf(path, sizeof path, "%s/run.json", folder);
  struct json_object *run = json_object_from_file(path), *expects = NULL;
  if (run) json_object_object_get_ex(run, "expect", &expects);
  for (size_t i = 0; expects && i < json_object_array_length(expects); i++) {
    struct json_object *one = json_object_array_get_idx(expects, i), *text = NULL, *value = NULL, *unit = NULL, *holds = NULL, *interval = NULL, *place = NULL;
    json_object_object_get_ex(one, "text", &text);
    json_object_object_get_ex(one, "value", &value);
    json_object_object_get_ex(one, "unit", &unit);
    json_object_object_get_ex(one, "holds", &holds);
    json_object_object_get_ex(one, "interval", &interval);
    json_object_object_get_ex(one, "place", &place);
    const char *u = unit ? json_object_get_string(unit) : "";
    printf("  %s  expect %s: ", json_object_get_boolean(holds) ? "holds" : "FAILS", json_object_get_string(text));
    bool bare = !*u || !strcmp(u, "1");
    if (value) printf("%.6g%s%s", json_object_get_double(value), bare ? "" : " ", bare ? "" : u);
    else printf("no value (too little data)");
    if (!json_object_get_boolean(holds))
      printf(", not in %s, %s", json_object_get_string(interval), place ? json_object_get_string(place) : "");
    putchar('\n');
  }
  json_object_put(run);
}

static bool run_experiment(const Backend *backend, const struct nsl_program *program, const char *file, const char *name) {
  char folder[32], out[64], *options[] = {(char *)"--no-report"};
  if (!child_folder(folder)) return false;
  snprintf(out, sizeof out, "%s/out", folder);
  bool good = child_run(backend, program, name, out, COUNT_OF(options), options) == 0;
  printf("%s: %s: %s\n", file, name, good ? "passed" : "FAILED");
  report_expects(out);
  child_folder_remove(folder);
  return good;
}

static void test_file(ToolOptions *options, const char *file, Tally *tally) {
  Compilation c;
  tool_begin(&c, options);
  CgJit *jit = NULL;
  const Backend *backend = NULL;
  if (tool_compile(&c, file) && (backend = backend_load())) {
    CgOptions cg = tool_cg_options(&c);
    CgProgram *program = backend->cg_compile(c.s, c.module, &cg);
    jit = program ? backend->cg_jit(c.s, program) : NULL;
    if (!jit) tool_report(&c);
  }
  if (jit) {
    const struct nsl_program *program = backend->cg_jit_program(jit);
    for (uint32_t i = 0; i < program->n_experiments; i++)
      if (run_experiment(backend, program, file, program->experiments[i].name)) tally->passed++;
      else tally->failed++;
    backend->cg_jit_free(jit);
  } else {
    printf("%s: FAILED (does not compile)\n", file);
    tally->failed++;
  }
  tool_end(&c);
}

static int is_nsl(const struct dirent *entry) {
  size_t n = strlen(entry->d_name);
  return n > 4 && !strcmp(entry->d_name + n - 4, ".nsl");
}

static void test_place(ToolOptions *options, const char *place, Tally *tally) {
  struct stat info;
  if (stat(place, &info) != 0 || !S_ISDIR(info.st_mode)) {
    test_file(options, place, tally);
    return;
  }
  struct dirent **entries;
  int n = scandir(place, &entries, is_nsl, alphasort);
  if (n <= 0) fprintf(stderr, "nslc test: %s: %s\n", place, n < 0 ? strerror(errno) : "no .nsl file in this folder");
  for (int i = 0; i < n; i++) {
    char path[4352];
    snprintf(path, sizeof path, "%s/%s", place, entries[i]->d_name);
    test_file(options, path, tally);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
}

int cmd_test(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc test FILE|DIR…", &options)) return EXIT_USAGE;
  Tally tally = {0, 0};
  for (uint32_t i = 0; i < options.files.n; i++) test_place(&options, options.files.at[i], &tally);
  printf("%u passed, %u failed\n", tally.passed, tally.failed);
  return tally.failed == 0 && tally.passed > 0 ? EXIT_OK : EXIT_ERRORS;
}

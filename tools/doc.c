/* nslc doc: a file as a page: the tables of describe/, and the figures of each experiment, which are those of
 * the report of its run. Nothing is written unless all of it could be made. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "describe/describe.h"
#include "parser/parse.h"
#include "tools/tool.h"

static const char usage[] = "nslc doc FILE [-o PAGE.html] [--no-run] [-- PROGRAM OPTIONS]";

/* ---- figures */

static const char *file_text(Arena *a, const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  long n = ftell(f);
  rewind(f);
  char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
  if (text) text[fread(text, 1, (size_t)n, f)] = 0;
  fclose(f);
  return text;
}

/* What stands between two marks of a report. */
static const char *between(Arena *a, const char *text, const char *from, const char *to) {
  const char *begin = text ? strstr(text, from) : NULL, *end = begin ? strstr(begin, to) : NULL;
  if (!end) return NULL;
  begin += strlen(from);
  return arena_printf(a, "%.*s", (int)(end - begin), begin);
}

/* The report of a run; of the first seed if there were several. */
static const char *report_text(Arena *a, const char *out) {
  const char *text = file_text(a, arena_printf(a, "%s/report.html", out));
  glob_t found;
  if (!text && glob(arena_printf(a, "%s/seed-*/report.html", out), 0, NULL, &found) == 0) {
    text = file_text(a, found.gl_pathv[0]);
    globfree(&found);
  }
  return text;
}

static bool experiment_run(Compilation *c, const Backend *backend, const struct nsl_program *program,
                           const char *name, DescribeInput *input) {
  const ToolOptions *o = c->options;
  char folder[32];
  if (!child_folder(folder)) return false;
  const char *out = arena_printf(c->arena, "%s/out", folder);
  fprintf(stderr, "nslc doc: running %s\n", name);
  int status = child_run(backend, program, name, out, o->program_argc, o->program_argv);
  const char *report = report_text(c->arena, out);
  child_folder_remove(folder);
  if (!report) {
    fprintf(stderr, "nslc doc: %s gave no figures (status %d); --no-run leaves them out\n", name, status);
    return false;
  }
  DescribeRun run = {.experiment = name,
                     .figures = between(c->arena, report, "<!-- figures -->", "<!-- /figures -->"),
                     .expects = between(c->arena, report, "<!-- expects -->", "<!-- /expects -->")};
  vec_push(c->arena, &input->runs, run);
  return true;
}

static bool experiments_run(Compilation *c, DescribeInput *input) {
  const Backend *backend = backend_load();
  CgOptions cg = tool_cg_options(c);
  CgProgram *program = backend ? backend->cg_compile(c->s, c->module, &cg) : NULL;
  CgJit *jit = program ? backend->cg_jit(c->s, program) : NULL;
  if (!jit) {
    if (backend) tool_report(c);
    return false;
  }
  const struct nsl_program *p = backend->cg_jit_program(jit);
  bool good = true;
  for (uint32_t i = 0; good && i < p->n_experiments; i++)
    good = experiment_run(c, backend, p, p->experiments[i].name, input);
  backend->cg_jit_free(jit);
  return good;
}

/* ---- the page */

static bool page_write(Compilation *c, const DescribeInput *input) {
  const char *path = c->options->out;
  if (!path) {
    describe_page(c->s, c->model, input, stdout);
    return fflush(stdout) == 0 && !ferror(stdout);
  }
  const char *beside = arena_printf(c->arena, "%s.part", path);
  FILE *f = fopen(beside, "w");
  bool good = f != NULL;
  if (f) {
    describe_page(c->s, c->model, input, f);
    good = fflush(f) == 0 && !ferror(f);
    good = fclose(f) == 0 && good;
  }
  if (good && rename(beside, path) == 0) return true;
  fprintf(stderr, "nslc doc: cannot write %s: %s\n", path, strerror(errno));
  if (f) unlink(beside);
  return false;
}

int cmd_doc(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, usage, &options)) return EXIT_USAGE;
  if (options.files.n != 1) {
    fprintf(stderr, "nslc doc: one file at a time\nusage: %s\n", usage);
    return EXIT_USAGE;
  }
  Compilation c;
  tool_begin(&c, &options);
  DescribeInput input = {0};
  bool good = tool_compile(&c, options.files.at[0]);
  for (uint32_t i = 0; good && i < c.s->sources.n; i++) { /* the file is the first of them */
    const AstFile *file = i ? parse_source(c.s, &c.s->sources.at[i]) : c.file;
    vec_push(c.arena, &input.files, file);
  }
  if (good && !options.no_run && c.model->experiments.n) good = experiments_run(&c, &input);
  good = good && page_write(&c, &input);
  tool_end(&c);
  return good ? EXIT_OK : EXIT_ERRORS;
}

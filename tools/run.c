/* nslc run: compile in memory and run in this process. Words after `--` are the program's; `--precision f32` and
 * `--device` among them say what the program is compiled for. */
#include <string.h>

#include "tools/tool.h"

static const char usage[] = "nslc run FILE [-- PROGRAM OPTIONS]";

/* Lets `nslc run FILE -- --precision f32` mean what it says. */
static void take_precision(ToolOptions *o) {
  for (int i = 0; i < o->program_argc; i++) {
    const char *word = o->program_argv[i];
    if (!strcmp(word, "--precision=f32")) o->f32 = true;
    if (!strcmp(word, "--precision") && i + 1 < o->program_argc && !strcmp(o->program_argv[i + 1], "f32")) o->f32 = true;
  }
}

/* The same of `--device`: the program gets code for it. What the words mean, and which are wrong, the runtime says. */
static void take_device(ToolOptions *o) {
  for (int i = 0; i < o->program_argc; i++) {
    const char *word = o->program_argv[i], *value = NULL;
    if (!strncmp(word, "--device=", 9)) value = word + 9;
    if (!strcmp(word, "--device") && i + 1 < o->program_argc) value = o->program_argv[i + 1];
    if (value && !strncmp(value, "gpu", 3)) o->devices |= CG_GPUS;
    if (value && !strcmp(value, "emulated")) o->devices |= CG_EMULATED;
  }
}

static int run_program(Compilation *c, const Backend *backend, const struct nsl_program *program) {
  const ToolOptions *o = c->options;
  int own = 0, most = o->program_argc + 4 + 4 * (int)o->allow_read.n;
  char **argv = NEW_ARRAY(c->arena, char *, (size_t)most + 1);
  argv[own++] = arena_printf(c->arena, "nslc");
  argv[own++] = arena_printf(c->arena, "run");
  argv[own++] = arena_printf(c->arena, "%s", o->files.at[0]);
  for (uint32_t i = 0; i < o->allow_read.n; i++) {
    argv[own++] = arena_printf(c->arena, "--allow-read");
    argv[own++] = arena_printf(c->arena, "%s", o->allow_read.at[i]);
  }
  argv[own] = arena_printf(c->arena, "--");
  int argc = own + 1;
  for (uint32_t i = 0; i < o->allow_read.n; i++) { /* what the compiler may read, the program may */
    argv[argc++] = arena_printf(c->arena, "--allow-read");
    argv[argc++] = arena_printf(c->arena, "%s", o->allow_read.at[i]);
  }
  for (int i = 0; i < o->program_argc; i++) argv[argc++] = o->program_argv[i];
  return backend->nsl_main_under(program, argc, argv, own);
}

int cmd_run(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, usage, &options)) return EXIT_USAGE;
  if (options.files.n != 1) {
    fprintf(stderr, "nslc run: one file at a time; the program's own options stand after `--`\nusage: %s\n", usage);
    return EXIT_USAGE;
  }
  take_precision(&options);
  take_device(&options);
  Compilation c;
  tool_begin(&c, &options);
  int status = EXIT_ERRORS;
  const Backend *backend = NULL;
  if (tool_compile(&c, options.files.at[0]) && (backend = backend_load())) {
    CgOptions cg = tool_cg_options(&c);
    CgProgram *program = backend->cg_compile(c.s, c.module, &cg);
    CgJit *jit = program ? backend->cg_jit(c.s, program) : NULL;
    if (jit) {
      status = run_program(&c, backend, backend->cg_jit_program(jit));
      backend->cg_jit_free(jit);
    } else {
      tool_report(&c);
    }
  }
  tool_end(&c);
  return status;
}

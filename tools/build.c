/* nslc build: a standalone program, a shared library with a small C header, an object, or the code as text. */
#include <errno.h>
#include <string.h>

#include "tools/tool.h"

static const char usage[] = "nslc build FILE -o PROG [--cpu native|portable|x86-64-v3…] [--target cpu|gpu] [--lib] [--mpi] [--emit exe|object|llvm|asm|ptx]";

/* The name of the output where -o is absent: FILE without its folder and .nsl, with `suffix`. */
static const char *default_output(Arena *a, const char *file, const char *suffix) {
  const char *slash = strrchr(file, '/');
  const char *base = slash ? slash + 1 : file;
  size_t n = strlen(base);
  if (n > 4 && !strcmp(base + n - 4, ".nsl")) n -= 4;
  return arena_printf(a, "%.*s%s", (int)n, base, suffix);
}

static bool build_text(Compilation *c, const Backend *backend, const CgOptions *cg, CgText form) {
  const ToolOptions *o = c->options;
  if (!o->out || !strcmp(o->out, "-")) return backend->cg_print(c->s, c->module, cg, form, stdout);
  FILE *f = fopen(o->out, "w");
  if (!f) {
    diag_file_unwritable(c->s, o->out, strerror(errno));
    return false;
  }
  bool good = backend->cg_print(c->s, c->module, cg, form, f);
  if (fclose(f) != 0) {
    diag_file_unwritable(c->s, o->out, strerror(errno));
    good = false;
  }
  return good;
}

static bool build_binary(Compilation *c, const Backend *backend, const CgOptions *cg) {
  const ToolOptions *o = c->options;
  const char *file = o->files.at[0];
  CgProgram *program = backend->cg_compile(c->s, c->module, cg);
  if (!program || (strcmp(o->target, "cpu") && !tool_device_serves(c, program))) return false;
  if (!strcmp(o->emit, "object"))
    return backend->cg_write_object(c->s, program, o->out ? o->out : default_output(c->arena, file, ".o"));
  Home home;
  const char *missing = home_find(&home);
  if (missing) {
    fprintf(stderr, "nslc: %s\n", missing);
    return false;
  }
  static const char *const libs[] = {NSL_LINK_LIBS, NULL};
  CgLink link = {.runtime = arena_printf(c->arena, "%s/libnslrt.a", home.lib), .libs = libs,
                 .header = arena_printf(c->arena, "%s/nsl.h", home.include)};
  if (o->mpi) link.mpi = arena_printf(c->arena, "%s/mpi.c", home.mpi);
  if (o->lib) return backend->cg_link_lib(c->s, program, &link, o->out ? o->out : default_output(c->arena, file, ".so"));
  return backend->cg_link_exe(c->s, program, &link, o->out ? o->out : default_output(c->arena, file, ""));
}

int cmd_build(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, usage, &options)) return EXIT_USAGE;
  if (options.files.n != 1) {
    fprintf(stderr, "nslc build: one file at a time\nusage: %s\n", usage);
    return EXIT_USAGE;
  }
  if (options.mpi && (options.lib || strcmp(options.emit, "exe"))) {
    fprintf(stderr, "nslc build: --mpi makes a whole program; leave out %s\n", options.lib ? "--lib" : "--emit");
    return EXIT_USAGE;
  }
  Compilation c;
  tool_begin(&c, &options);
  c.s->second_derivatives = options.lib; /* its caller may ask for them */
  const Backend *backend = NULL;
  bool good = tool_compile(&c, options.files.at[0]) && (backend = backend_load());
  if (good) {
    CgOptions cg = tool_cg_options(&c);
    if (!strcmp(options.emit, "llvm")) good = build_text(&c, backend, &cg, CG_LLVM);
    else if (!strcmp(options.emit, "ptx")) good = build_text(&c, backend, &cg, CG_PTX);
    else if (!strcmp(options.emit, "asm")) good = build_text(&c, backend, &cg, CG_ASM);
    else good = build_binary(&c, backend, &cg);
    if (!good) tool_report(&c);
  }
  tool_end(&c);
  return good ? EXIT_OK : EXIT_ERRORS;
}

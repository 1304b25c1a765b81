/* What the subcommands of nslc share: the pipeline as a list of calls, options, where an installation's files are. */
#ifndef NSL_TOOLS_TOOL_H
#define NSL_TOOLS_TOOL_H

#include "autodiff/ad.h"
#include "ir/ir.h"
#include "lang/diag.h"
#include "lang/model.h"
#include "tools/backend.h"

enum { EXIT_OK = 0, EXIT_ERRORS = 1, EXIT_USAGE = 2 };

typedef struct {
  bool json, colour, f32, debug, lib, mpi, force, check, no_run;
  const char *out, *cpu, *target, *emit, *after, *fit, *steps, *starts, *tolerance;
  int opt;
  unsigned devices; /* CG_…: code for them */
  VEC(const char *) files;
  VEC(const char *) allow_read;
  int program_argc; /* after `--` */
  char **program_argv;
} ToolOptions;

typedef struct {
  Session *s;
  Arena *arena;
  ToolOptions *options;
  AstFile *file;
  Model *model;
  IrModule *module;
} Compilation;

/* Each returns false after printing diagnostics. `compile` goes as far as level-2 kernels. */
bool tool_check(Compilation *c, const char *path);
bool tool_compile(Compilation *c, const char *path);
bool tool_lower(Compilation *c, const char *after); /* of a checked model; after: the last pass, NULL: all */
void tool_begin(Compilation *c, ToolOptions *options);
void tool_end(Compilation *c);
void tool_report(Compilation *c); /* prints the diagnostics so far to stderr (--json: stdout) */
CgOptions tool_cg_options(const Compilation *c);

/* Folders of an installation (or of a build tree), found from the running program. */
typedef struct {
  char stdlib[4096];  /* *.nsl */
  char lib[4096];     /* libnslrt.a */
  char backend[4096]; /* nslbackend.so */
  char include[4096]; /* nsl.h */
  char mpi[4096];     /* mpi.c and wire.h, as text */
} Home;
/* Returns the message of what is missing, or NULL. */
const char *home_find(Home *ret_home);

/* Parses options of a subcommand; prints usage and returns false on a mistake. `allowed`: letters of option groups. */
bool tool_options(int argc, char **argv, const char *usage, ToolOptions *ret_options);

/* child.c: runs an experiment in a child process, with options of its own; its exit status. Folders for it, at least 32
 * bytes of a name. */
bool child_folder(char *ret_folder);
int child_run(const Backend *backend, const struct nsl_program *program, const char *experiment, const char *out,
              int argc, char *const *argv);
void child_folder_remove(const char *folder);

/* refused.c: by experiment, and behind them by fit, why a device cannot run it, or NULL. */
const char **tool_refused(Compilation *c, const struct nsl_program *p);
/* For a program that is built for devices: says which experiments and fits they cannot run; false if they can run none. */
bool tool_device_serves(Compilation *c, CgProgram *program);

int cmd_doc(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_grad(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_ir(int argc, char **argv);
int cmd_fmt(int argc, char **argv);

#endif

/* Options of the subcommands: long options, values after `=` or as the next word, everything after `--` for
 * the compiled program. */
#include <string.h>

#include "tools/tool.h"

/* The value of option `name` at argv[*i], or NULL if argv[*i] is another word. Sets *bad when the value is
 * missing. */
static const char *option_value(int argc, char **argv, int *i, const char *name, bool *bad) {
  size_t n = strlen(name);
  if (strncmp(argv[*i], name, n)) return NULL;
  if (argv[*i][n] == '=' && name[1] == '-') return argv[*i] + n + 1;
  if (argv[*i][n]) return NULL;
  if (*i + 1 >= argc) {
    fprintf(stderr, "nslc: %s needs a value\n", name);
    *bad = true;
    return NULL;
  }
  return argv[++*i];
}

static bool take_flag(const char *word, ToolOptions *o) {
  struct {
    const char *name;
    bool *flag;
  } flags[] = {{"--json", &o->json},
               {"--lib", &o->lib},
               {"--mpi", &o->mpi},
               {"--debug", &o->debug},
               {"--check", &o->check},
               {"--no-run", &o->no_run}};
  for (size_t i = 0; i < COUNT_OF(flags); i++)
    if (!strcmp(word, flags[i].name)) return *flags[i].flag = true;
  if (word[0] == '-' && word[1] == 'O' && word[2] >= '0' && word[2] <= '3' && !word[3]) {
    o->opt = word[2] - '0';
    return true;
  }
  return false;
}

static bool take_value(int argc, char **argv, int *i, ToolOptions *o, Arena *arena, bool *bad) {
  struct {
    const char *name;
    const char **value;
  } values[] = {{"-o", &o->out},
                {"--cpu", &o->cpu},
                {"--target", &o->target},
                {"--emit", &o->emit},
                {"--after", &o->after},
                {"--fit", &o->fit},
                {"--steps", &o->steps},
                {"--starts", &o->starts},
                {"--tolerance", &o->tolerance}};
  for (size_t k = 0; k < COUNT_OF(values) && !*bad; k++) {
    const char *v = option_value(argc, argv, i, values[k].name, bad);
    if (v) return *values[k].value = v, true;
  }
  const char *v = *bad ? NULL : option_value(argc, argv, i, "--allow-read", bad);
  if (v) {
    vec_push(arena, &o->allow_read, v);
    return true;
  }
  v = *bad ? NULL : option_value(argc, argv, i, "--precision", bad);
  if (!v) return false;
  if (strcmp(v, "f32") && strcmp(v, "f64")) {
    fprintf(stderr, "nslc: --precision is f64 or f32, not `%s`\n", v);
    *bad = true;
  }
  o->f32 = !strcmp(v, "f32");
  return true;
}

/* Does the subcommand know the option? Those that say how to compile stand before any file; the others are in
 * its usage. */
static bool usage_has(const char *usage, const char *word) {
  static const char *const all[] = {"--json", "--allow-read", "--precision", "--cpu", "--debug", "--target"};
  size_t n = strcspn(word, "=");
  if (word[0] != '-' || !word[1] || (word[1] == 'O' && word[2])) return true;
  for (size_t i = 0; i < COUNT_OF(all); i++)
    if (strlen(all[i]) == n && !strncmp(word, all[i], n)) return true;
  for (const char *at = usage; (at = strchr(at, '-')); at++)
    if (!strncmp(at, word, n) && at[-1] != '-' && (at[n] == ' ' || at[n] == ']' || !at[n])) return true;
  return false;
}

static bool check_choices(ToolOptions *o) {
  static const struct {
    const char *name;
    unsigned devices;
  } targets[] = {{"cpu", 0}, {"gpu", CG_GPUS | CG_EMULATED}, {"sm_75", CG_SM_75}, {"sm_90", CG_SM_90}, {"emulated", CG_EMULATED}};
  size_t t = 0;
  while (t < COUNT_OF(targets) && strcmp(targets[t].name, o->target)) t++;
  if (t == COUNT_OF(targets)) {
    fprintf(stderr, "nslc: --target is cpu, gpu (sm_75, sm_90 and emulated) or one of sm_75, sm_90, emulated, not `%s`\n", o->target);
    return false;
  }
  o->devices = targets[t].devices;
  if (!strcmp(o->emit, "ptx")) o->devices = t && o->devices != CG_EMULATED && strcmp(o->target, "gpu") ? o->devices : CG_SM_90;
  static const char *const emits[] = {"exe", "object", "llvm", "asm", "ptx"};
  for (size_t i = 0; i < COUNT_OF(emits); i++)
    if (!strcmp(o->emit, emits[i])) return true;
  fprintf(stderr, "nslc: --emit is exe, object, llvm, asm or ptx, not `%s`\n", o->emit);
  return false;
}

bool tool_options(int argc, char **argv, const char *usage, ToolOptions *ret) {
  static const ToolOptions defaults = {.cpu = "native", .target = "cpu", .emit = "exe", .opt = 2};
  *ret = defaults;
  Arena *arena = arena_new(); /* lives as long as the program: options are read once */
  bool bad = false;
  for (int i = 0; i < argc && !bad; i++) {
    if (!strcmp(argv[i], "--")) {
      ret->program_argc = argc - i - 1;
      ret->program_argv = argv + i + 1;
      break;
    }
    bool known = usage_has(usage, argv[i]);
    if (known && (take_flag(argv[i], ret) || take_value(argc, argv, &i, ret, arena, &bad) || bad)) continue;
    if (argv[i][0] == '-' && argv[i][1]) {
      fprintf(stderr, "nslc: there is no option `%s` here\nusage: %s\n", argv[i], usage);
      if (strstr(usage, "PROGRAM OPTIONS"))
        fprintf(stderr, "options of the program stand behind `--`: nslc run FILE -- %s\n", argv[i]);
      return false;
    }
    vec_push(arena, &ret->files, argv[i]);
  }
  if (bad || !check_choices(ret)) return false;
  if (ret->files.n == 0) {
    fprintf(stderr, "nslc: no file given\nusage: %s\n", usage);
    return false;
  }
  return true;
}

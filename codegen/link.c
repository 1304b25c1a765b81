/* Objects -> executable, shared library, or one relocatable object, by the system's `ld` as a child process;
 * by `cc` where there is no ld, by `mpicc` if the program is to have ranks. Everything is written beside the
 * result under temporary names and renamed at the end, so that a failure leaves nothing half-written under
 * the final name. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/unit.h"
#include "lang/diag.h"

extern char **environ;

static const char *const lib_dirs[] = {"/usr/lib/x86_64-linux-gnu",
                                       "/lib/x86_64-linux-gnu",
                                       "/usr/lib64",
                                       "/lib64",
                                       "/usr/lib",
                                       "/usr/local/lib"};
static const char loader[] = "/lib64/ld-linux-x86-64.so.2";

typedef enum { LINK_EXE, LINK_LIB, LINK_OBJECT } LinkKind;

typedef struct {
  Session *s;
  Arena *a; /* of this link */
  CgProgram *p;
  const CgLink *options;
  const char *path; /* the result */
  const char *exports; /* LINK_LIB: a file that says what the library offers */
  LinkKind kind;
  VEC(const char *) temporary; /* to be removed */
  VEC(const char *) objects;
  VEC(const char *) args;
} Link;

static void arg(Link *l, const char *text) { vec_push(l->a, &l->args, text); }

/* ---- files */
static bool file_write(Link *l, const char *path, const void *data, size_t size) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    diag_file_unwritable(l->s, l->path, strerror(errno));
    return false;
  }
  vec_push(l->a, &l->temporary, path);
  const char *from = data;
  while (size > 0) {
    ssize_t n = write(fd, from, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    from += n;
    size -= (size_t)n;
  }
  int error = size > 0 ? errno : 0;
  if (close(fd) != 0 && !error) error = errno;
  if (error) diag_file_unwritable(l->s, l->path, strerror(error));
  return error == 0;
}

static const char *temporary_name(Link *l, const char *path, const char *suffix) {
  return arena_printf(l->a, "%s.%ld%s", path, (long)getpid(), suffix);
}

static bool write_objects(Link *l) {
  CgProgram *p = l->p;
  for (uint32_t i = 0; i <= p->units.n; i++) {
    if (i < p->units.n && p->units.at[i].target->machine->text) continue; /* in the table */
    CgBytes o = i < p->units.n ? p->units.at[i].object : cg_table_object(l->s, l->a, p, l->kind == LINK_EXE);
    const char *name = temporary_name(l, l->path, arena_printf(l->a, ".%u.o", i));
    if (!file_write(l, name, o.data, o.size)) return false;
    vec_push(l->a, &l->objects, name);
  }
  static const char exports[] = "{ global: nsl_*; local: *; };\n";
  l->exports = temporary_name(l, l->path, ".exports");
  return l->kind != LINK_LIB || file_write(l, l->exports, exports, sizeof exports - 1);
}

static bool rename_into(Link *l, const char *from, const char *to) {
  if (rename(from, to) == 0) return true;
  diag_file_unwritable(l->s, to, strerror(errno));
  return false;
}

/* ---- the child */
static const char *read_all(Arena *a, int fd) {
  enum { LIMIT = 4000 };
  char *text = arena_alloc(a, LIMIT + 1), rest[512];
  size_t n = 0;
  ssize_t got;
  while ((got = n < LIMIT ? read(fd, text + n, LIMIT - n) : read(fd, rest, sizeof rest)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (n < LIMIT) n += (size_t)got;
  }
  while (n && text[n - 1] == '\n') n--;
  text[n] = 0;
  return text;
}

/* Exit status of the child, -1 if it cannot be started; what it said on standard error. */
static int run(Link *l, char *const *argv, const char **ret_said) {
  int pipes[2];
  *ret_said = "";
  if (pipe2(pipes, O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
  pid_t child;
  int error = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipes[1]);
  int status = -1;
  if (!error) {
    *ret_said = read_all(l->a, pipes[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    status = WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status)
             : WIFSIGNALED(status)                           ? 128
                                                             : -1;
  }
  close(pipes[0]);
  return status;
}

/* ---- arguments */
static const char *find_library_file(Link *l, const char *name) {
  for (size_t i = 0; i < COUNT_OF(lib_dirs); i++) {
    const char *path = arena_printf(l->a, "%s/%s", lib_dirs[i], name);
    if (access(path, R_OK) == 0) return path;
  }
  return NULL;
}

static const char *find_libgcc(Link *l) {
  glob_t found;
  const char *path = NULL;
  if (glob("/usr/lib/gcc/x86_64-linux-gnu/*/libgcc.a", 0, NULL, &found) == 0)
    path = arena_text(l->a, found.gl_pathv[found.gl_pathc - 1], strlen(found.gl_pathv[found.gl_pathc - 1]));
  globfree(&found);
  return path;
}

static void runtime_args(Link *l) {
  for (uint32_t i = 0; i < l->objects.n; i++) arg(l, l->objects.at[i]);
  if (l->kind == LINK_OBJECT) return;
  bool whole = l->kind == LINK_LIB; /* a library offers all of nsl.h */
  if (whole) arg(l, "--whole-archive");
  arg(l, l->options->runtime);
  if (whole) arg(l, "--no-whole-archive");
  for (const char *const *lib = l->options->libs; lib && *lib; lib++) arg(l, *lib);
}

/* The ways of `ld`: false if files of the C library that it would need are missing. */
static bool ld_args(Link *l, const char *out) {
  arg(l, "ld");
  arg(l, "-o");
  arg(l, out);
  arg(l, "--build-id=none");
  if (l->kind == LINK_OBJECT) {
    arg(l, "-r");
    runtime_args(l);
    return true;
  }
  const char *start = find_library_file(l, "Scrt1.o"), *begin = find_library_file(l, "crti.o"),
             *end = find_library_file(l, "crtn.o");
  if (!start || !begin || !end) return false;
  /* what libraries need of others is the loader's business: to look it up here reads forty files, a quarter
   * of ld's time */
  static const char *const common[] = {
      "--eh-frame-hdr", "--as-needed", "--allow-shlib-undefined", "-z", "relro", "-z", "now", "-z",
      "noexecstack"};
  for (size_t i = 0; i < COUNT_OF(common); i++) arg(l, common[i]);
  if (l->kind == LINK_EXE) {
    arg(l, "-pie");
    arg(l, "-dynamic-linker");
    arg(l, loader);
    arg(l, start);
  } else {
    arg(l, "-shared");
    arg(l, arena_printf(l->a, "--version-script=%s", l->exports));
  }
  arg(l, begin);
  for (size_t i = 0; i < COUNT_OF(lib_dirs); i++) arg(l, arena_printf(l->a, "-L%s", lib_dirs[i]));
  runtime_args(l);
  const char *gcc = find_libgcc(l);
  if (gcc) arg(l, gcc);
  arg(l, "-lc");
  arg(l, end);
  return true;
}

static void cc_args(Link *l, const char *out) {
  arg(l, "cc");
  arg(l, "-o");
  arg(l, out);
  if (l->kind == LINK_OBJECT) arg(l, "-r");
  if (l->kind == LINK_OBJECT) arg(l, "-nostdlib");
  if (l->kind == LINK_EXE) arg(l, "-pie");
  if (l->kind == LINK_LIB) arg(l, "-shared");
  if (l->kind == LINK_LIB) arg(l, arena_printf(l->a, "-Wl,--version-script=%s", l->exports));
  uint32_t from = l->args.n;
  runtime_args(l);
  for (uint32_t i = from; i < l->args.n; i++)
    if (!strncmp(l->args.at[i], "--", 2)) l->args.at[i] = arena_printf(l->a, "-Wl,%s", l->args.at[i]);
}

static int try_linker(Link *l, bool ld, const char *out, const char **ret_said) {
  l->args.n = 0;
  if (ld && !ld_args(l, out)) return -1;
  if (!ld) cc_args(l, out);
  arg(l, NULL);
  unlink(out);
  return run(l, (char *const *)(void *)l->args.at, ret_said);
}

/* mpicc knows where its MPI is: it compiles what stands between the runtime and MPI, and links. */
static bool link_mpi(Link *l, const char *out) {
  const char *said, *compiler = getenv("MPICC");
  if (!compiler || !*compiler) compiler = "mpicc";
  l->args.n = 0;
  cc_args(l, out);
  l->args.at[0] = compiler;
  arg(l, "-O2");
  arg(l, l->options->mpi);
  arg(l, NULL);
  unlink(out);
  int status = run(l, (char *const *)(void *)l->args.at, &said);
  if (status < 0) diag_mpi_missing(l->s, l->path, compiler);
  if (status > 0) diag_link_failed(l->s, l->path, compiler, said);
  return status == 0;
}

static bool link_objects(Link *l, const char *out) {
  const char *said;
  vec_push(l->a, &l->temporary, out);
  if (l->options && l->options->mpi) return link_mpi(l, out);
  int status = try_linker(l, true, out, &said);
  bool ld = status >= 0;
  if (!ld) status = try_linker(l, false, out, &said);
  if (status < 0)
    diag_linker_missing(l->s, l->path);
  else if (status > 0)
    diag_link_failed(l->s, l->path, ld ? "ld" : "cc", said);
  return status == 0;
}

/* ---- the three results */
static void link_end(Link *l) {
  for (uint32_t i = 0; i < l->temporary.n; i++) unlink(l->temporary.at[i]);
  arena_free(l->a);
}

static bool link_to(Session *s, CgProgram *p, const CgLink *options, const char *path, LinkKind kind) {
  Link link = {.s = s, .a = arena_new(), .p = p, .options = options, .path = path, .kind = kind}, *l = &link;
  const char *out = temporary_name(l, path, ".tmp");
  struct stat st;
  bool good = true;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    diag_file_unwritable(s, path, strerror(EISDIR));
    good = false;
  }
  good = good && write_objects(l) && link_objects(l, out) && rename_into(l, out, path);
  link_end(l);
  return good;
}

bool cg_write_object(Session *s, CgProgram *p, const char *path) {
  return link_to(s, p, NULL, path, LINK_OBJECT);
}

bool cg_link_exe(Session *s, CgProgram *p, const CgLink *options, const char *path) {
  return link_to(s, p, options, path, LINK_EXE);
}

/* NAME.h beside NAME.so. */
static bool write_header(Session *s, CgProgram *p, const CgLink *options, const char *path) {
  Link link = {.s = s, .a = arena_new(), .p = p, .options = options, .path = path}, *l = &link;
  const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  size_t stem = strlen(path);
  if (stem > 3 && !strcmp(path + stem - 3, ".so")) stem -= 3;
  const char *header = arena_printf(l->a, "%.*s.h", (int)stem, path),
             *tmp = temporary_name(l, header, ".tmp");
  const char *guard = cg_program_symbol(p, l->a, "h");
  const char *text = arena_printf(
      l->a,
      "/* %s: made by nslc from %s. nsl.h says what can be done with the program. */\n"
      "#ifndef %s\n#define %s\n#include \"nsl.h\"\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
      "/* The model: nsl_open(&%s, ...). */\nextern const struct nsl_program %s;\n"
      "/* The whole command line of the program, as `nslc build` without --lib makes it. Returns its exit "
      "status. */\n"
      "int %s(int argc, char **argv);\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n",
      base, p->table->source, guard, guard, cg_program_symbol(p, l->a, "program"),
      cg_program_symbol(p, l->a, "program"), cg_program_symbol(p, l->a, "main"));
  l->path = header;
  bool good = file_write(l, tmp, text, strlen(text)) && rename_into(l, tmp, header);
  link_end(l);
  return good;
}

/* nsl.h beside it, if the caller knows where it is. */
static bool copy_header(Session *s, CgProgram *p, const CgLink *options, const char *path) {
  if (!options->header) return true;
  Link link = {.s = s, .a = arena_new(), .p = p, .options = options, .path = path}, *l = &link;
  const char *slash = strrchr(path, '/');
  const char *to = arena_printf(l->a, "%.*snsl.h", slash ? (int)(slash + 1 - path) : 0, path),
             *tmp = temporary_name(l, to, ".tmp");
  bool good = false;
  FILE *f = fopen(options->header, "rbe");
  if (!f) {
    diag_file_unreadable(s, (Span){0, 0}, options->header, strerror(errno));
  } else {
    char *text = arena_alloc(l->a, 1 << 16);
    size_t n = fread(text, 1, 1 << 16, f);
    fclose(f);
    l->path = to;
    good = file_write(l, tmp, text, n) && rename_into(l, tmp, to);
  }
  link_end(l);
  return good;
}

bool cg_link_lib(Session *s, CgProgram *p, const CgLink *options, const char *path) {
  return link_to(s, p, options, path, LINK_LIB) && write_header(s, p, options, path) &&
         copy_header(s, p, options, path);
}

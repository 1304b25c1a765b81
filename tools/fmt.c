/* nslc fmt: writes each file in the one form of the language; a file with syntax errors is left as it is. `-`
 * reads standard input and writes standard output. --check writes nothing and lists the files that would
 * change.
 *
 * A file is written beside itself and renamed, so that it is never half there; a link's target is what is
 * written, with the permissions that it had. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parser/parse.h"
#include "tools/tool.h"

static bool write_all(int fd, const char *text, size_t len) {
  while (len) {
    ssize_t n = write(fd, text, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text += n;
    len -= (size_t)n;
  }
  return true;
}

/* What is written is flushed to the disk before the old text is given up. Sets errno on failure. */
static bool replace_file(const char *path, const char *beside, const char *text, size_t len) {
  struct stat old;
  if (stat(path, &old) != 0) return false;
  if (access(path, W_OK) != 0) return false; /* a rename would overwrite what may not be written */
  int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool good = write_all(fd, text, len) && fchmod(fd, old.st_mode & 07777) == 0 && fsync(fd) == 0;
  if (good && fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) good = false;
  int error = errno;
  if (close(fd) != 0 && good) good = false, error = errno;
  if (good && rename(beside, path) != 0) good = false, error = errno;
  if (!good) unlink(beside), errno = error;
  return good;
}

static void file_write(Compilation *c, const char *path, const char *text, size_t len) {
  char *real = realpath(path, NULL);
  const char *beside = arena_printf(c->arena, "%s.fmt-%ld", real ? real : path, (long)getpid());
  if (!replace_file(real ? real : path, beside, text, len)) diag_file_unwritable(c->s, path, strerror(errno));
  free(real);
}

static bool file_format(ToolOptions *options, const char *path, bool *ret_differs) {
  Compilation c;
  tool_begin(&c, options);
  Span nowhere = {0, 0};
  const Source *source = source_load(c.s, path, nowhere);
  size_t len = 0, old_len = source ? source->len : 0;
  const char *old = source ? source->text : NULL, *text = source ? fmt_source(c.s, source, &len) : NULL;
  bool input = strcmp(path, "-") == 0;
  *ret_differs = text && (len != old_len || memcmp(text, old, len) != 0);
  if (text && input && !options->check && (fwrite(text, 1, len, stdout) < len || fflush(stdout) != 0))
    diag_file_unwritable(c.s, "<standard output>", strerror(errno));
  if (*ret_differs && !input && !options->check) file_write(&c, path, text, len);
  if (*ret_differs && options->check) printf("%s\n", input ? "<standard input>" : path);
  tool_report(&c);
  bool good = c.s->errors == 0;
  tool_end(&c);
  return good;
}

int cmd_fmt(int argc, char **argv) {
  ToolOptions options;
  if (!tool_options(argc, argv, "nslc fmt [--check] FILE…", &options)) return EXIT_USAGE;
  bool good = true;
  for (uint32_t i = 0; i < options.files.n; i++) {
    bool differs;
    good &= file_format(&options, options.files.at[i], &differs);
    good &= !(differs && options.check);
  }
  return good ? EXIT_OK : EXIT_ERRORS;
}

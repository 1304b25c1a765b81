/* An experiment run in a child process into a folder that is thrown away: what it breaks stays there. */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/tool.h"

enum { CHILD_OPTIONS = 64 };

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
  (void)info, (void)type, (void)ftw;
  return remove(path);
}

bool child_folder(char *ret_folder) {
  strcpy(ret_folder, "/tmp/nslc-XXXXXX");
  if (mkdtemp(ret_folder)) return true;
  perror("nslc: /tmp");
  return false;
}

void child_folder_remove(const char *folder) { nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }

int child_run(const Backend *backend, const struct nsl_program *program, const char *experiment,
              const char *out, int argc, char *const *argv) {
  char *all[CHILD_OPTIONS + 8] = {(char *)"nslc"};
  int n = 1, status = 1;
  if (argc > CHILD_OPTIONS) return EXIT_USAGE;
  for (int i = 0; i < argc; i++) all[n++] = argv[i];
  char *own[] = {(char *)"--experiment", (char *)experiment, (char *)"--out", (char *)out, (char *)"--quiet"};
  for (size_t i = 0; i < COUNT_OF(own); i++) all[n++] = own[i];
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stdout)) _exit(EXIT_ERRORS); /* its results are read from its folder */
    status = backend->nsl_main(program, n, all);
    fflush(stdout);
    _exit(status);
  }
  if (child > 0) waitpid(child, &status, 0);
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_ERRORS;
}

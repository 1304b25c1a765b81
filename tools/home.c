/* Where an installation's files are, seen from the running program: wherever the whole was installed or copied to.
 *   installed:   PREFIX/bin/nslc, PREFIX/lib/nsl/{libnslrt.a,nslbackend.so}, PREFIX/share/nsl/{stdlib,mpi}, PREFIX/include
 *   build tree:  BUILD/tools/{nslc,nslbackend.so}, BUILD/runtime/libnslrt.a, BUILD/stdlib (a link to the sources')
 * `lib` is meson's libdir (Debian: lib/x86_64-linux-gnu). */
#include <string.h>
#include <unistd.h>

#include "tools/tool.h"

static bool exists(const char *folder, const char *file) {
  char path[4300];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return access(path, R_OK) == 0;
}

const char *home_find(Home *home) {
  char prefix[3072];
  ssize_t n = readlink("/proc/self/exe", prefix, sizeof prefix - 1);
  if (n <= 0) return "cannot find out where this program is";
  prefix[n] = 0;
  for (int up = 0; up < 2; up++) { /* …/bin/nslc -> … */
    char *slash = strrchr(prefix, '/');
    if (slash) *slash = 0;
  }
  snprintf(home->stdlib, sizeof home->stdlib, "%s/share/nsl/stdlib", prefix);
  snprintf(home->lib, sizeof home->lib, "%s/" NSL_LIBDIR "/nsl", prefix);
  snprintf(home->backend, sizeof home->backend, "%s/" NSL_LIBDIR "/nsl/nslbackend.so", prefix);
  snprintf(home->include, sizeof home->include, "%s/include", prefix);
  snprintf(home->mpi, sizeof home->mpi, "%s/share/nsl/mpi", prefix);
  if (exists(home->stdlib, "neurons.nsl")) return NULL;
  snprintf(home->stdlib, sizeof home->stdlib, "%s/stdlib", prefix);
  snprintf(home->lib, sizeof home->lib, "%s/runtime", prefix);
  snprintf(home->backend, sizeof home->backend, "%s/tools/nslbackend.so", prefix);
  snprintf(home->include, sizeof home->include, "%s/stdlib/../runtime", prefix);
  snprintf(home->mpi, sizeof home->mpi, "%s/stdlib/../runtime", prefix);
  if (exists(home->stdlib, "neurons.nsl")) return NULL;
  home->stdlib[0] = 0;
  return "the standard library is not where this program expects it";
}

/* Opens the backend module of this installation. */
#include <dlfcn.h>

#include "tools/backend.h"
#include "tools/tool.h"

const Backend *backend_load(void) {
  Home home;
  const char *missing = home_find(&home);
  void *module = missing ? NULL : dlopen(home.backend, RTLD_NOW | RTLD_LOCAL);
  const Backend *backend = module ? dlsym(module, BACKEND_SYMBOL) : NULL;
  if (!backend) fprintf(stderr, "nslc: the code generator cannot be loaded: %s\n", missing ? missing : dlerror());
  return backend;
}

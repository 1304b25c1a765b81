/* Which experiments and fits of a program cannot run on a device, in the runtime's own words: by its own function, on the program as it would run. */
#include <string.h>

#include "tools/backend.h"
#include "tools/tool.h"

const char **tool_refused(Compilation *c, const struct nsl_program *p) {
  const Backend *backend = backend_load();
  const char **refused = NEW_ARRAY(c->arena, const char *, p->n_experiments + p->n_fits + 1ull);
  for (uint32_t i = 0; i < p->n_experiments; i++)
    if (backend->rt_device_refused(p, p->experiments[i].name, c->options->allow_read.at, c->options->allow_read.n))
      refused[i] = arena_printf(c->arena, "%s", backend->nsl_error());
  for (uint32_t i = 0; i < p->n_fits; i++)
    if (backend->rt_fit_device_refused(p, &p->fits[i], c->options->allow_read.at, c->options->allow_read.n))
      refused[p->n_experiments + i] = arena_printf(c->arena, "%s", backend->nsl_error());
  return refused;
}

/* Can this processor run the level that is compiled first? Where it cannot, the program will say what it refuses. */
static bool runs_here(const ToolOptions *o) {
  if (!strcmp(o->cpu, "x86-64-v4")) return __builtin_cpu_supports("x86-64-v4");
  return strcmp(o->cpu, "x86-64-v3") != 0 || __builtin_cpu_supports("x86-64-v3");
}

bool tool_device_serves(Compilation *c, CgProgram *program) {
  const Backend *backend = backend_load();
  if (!runs_here(c->options)) return true;
  CgJit *jit = backend->cg_jit(c->s, program);
  if (!jit) return false;
  const struct nsl_program *p = backend->cg_jit_program(jit);
  const char **refused = tool_refused(c, p);
  uint32_t n = 0, all = p->n_experiments + p->n_fits;
  for (uint32_t i = 0; i < all; i++) n += refused[i] != NULL;
  bool serves = n < all || !n;
  for (uint32_t i = 0; i < all; i++) {
    bool fit = i >= p->n_experiments;
    const char *name = fit ? p->fits[i - p->n_experiments].name : p->experiments[i].name, *how = serves ? "warning" : "error";
    if (refused[i]) fprintf(stderr, "%s: %s %s: %s\n", how, fit ? "fit" : "experiment", name, refused[i]);
  }
  backend->cg_jit_free(jit);
  return serves;
}

/* ns per neuron and step of a model's first experiment, compiled here and run by nsl.h on one thread: the
 * smallest of many short runs, so that other load on the machine counts little.
 *
 * usage: bench STDLIB MODEL.nsl [f32|f64] [cpu] [MS PER RUN] */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/codegen.h"
#include "lang/diag.h"
#include "parser/parse.h"
#include "runtime/nsl.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static IrModule *module_of(Session *s, const char *path) {
  Span nowhere = {0, 0};
  const Source *source = source_load(s, path, nowhere);
  if (!source) return NULL;
  CheckOptions check = {.parse = parse_source};
  Model *model = model_check(s, parse_source(s, source), &check);
  if (s->errors) return NULL;
  IrModule *m = ir_lower(s, s->arena, model);
  if (s->errors == 0) m = ir_pipeline(s, m, NULL);
  return s->errors ? NULL : m;
}

static int measure(const struct nsl_program *p, double ms) {
  struct nsl_sim *sim;
  if (nsl_open(p, NULL, &sim) < 0 || nsl_set_threads(sim, 1) < 0 || nsl_run(sim, ms) < 0) {
    fprintf(stderr, "%s\n", nsl_error());
    return 1;
  }
  double neurons = 0;
  for (uint32_t i = 0; i < p->experiments[0].n_populations; i++) {
    uint32_t index, size;
    if (nsl_population(sim, p->experiments[0].populations[i].path, &index, &size) == 0) neurons += size;
  }
  double best = 1e30;
  for (int i = 0; i < 60; i++) {
    double start = now();
    if (nsl_run(sim, ms) < 0) return 1;
    double took = now() - start;
    if (took < best) best = took;
  }
  uint64_t hash = 0;
  nsl_state_hash(sim, &hash);
  printf("%.0f neurons, %.4f ms of CPU time per model ms: %.3f ns per neuron and 0.1 ms; hash %016llx\n",
         neurons, best / ms, best * 1e6 / neurons / (ms / 0.1), (unsigned long long)hash);
  nsl_close(sim);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: bench STDLIB MODEL.nsl [f32|f64] [cpu] [MS PER RUN]\n", stderr);
    return 2;
  }
  Session *s = session_new();
  s->stdlib_path = argv[1];
  IrModule *m = module_of(s, argv[2]);
  diag_print(s, stderr, false, false);
  if (!m) return 1;
  CgOptions options = {
      .opt = 2, .f32 = argc > 3 && !strcmp(argv[3], "f32"), .cpu = argc > 4 ? argv[4] : "native"};
  double start = now();
  CgProgram *p = cg_compile(s, m, &options);
  CgJit *jit = p ? cg_jit(s, p) : NULL;
  if (!jit) return 1;
  printf("compiled in %.1f ms of this thread's CPU time\n", now() - start);
  int status = measure(cg_jit_program(jit), argc > 5 ? atof(argv[5]) : 1);
  cg_jit_free(jit);
  session_free(s);
  return status;
}

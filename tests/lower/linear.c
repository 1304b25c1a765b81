/* Random linear systems of 1 to 8 states, of any structure (chains, cycles, stars, equal coefficients,
 * constant drives, inputs, a held state): exact propagation against RK4 with steps 64 times smaller. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static uint64_t seed;

static uint32_t below(uint32_t n) { /* splitmix64 */
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) % n);
}

static double coefficient(void) { /* few values, so that equal ones meet */
  static const double few[] = {0.1, 0.2, 0.5, 1, 2};
  return few[below(COUNT_OF(few))] * (below(4) ? 1 : 1 + 1e-9 * below(100));
}

/* A random model; dt and method are filled in by the caller. */
static void describe(FILE *out, uint32_t n, bool held) {
  uint32_t density = 1 + below(4);
  fprintf(out, "language 1\nneuron cell {\ninput I : 1/ms\n");
  for (uint32_t i = 0; i < n; i++) fprintf(out, "param a%u = %.17g/ms\n", i, coefficient());
  for (uint32_t i = 0; i < n; i++) fprintf(out, "state x%u = %g\n", i, 1.0 - 0.3 * i);
  fprintf(out, "state c = 0\nc' = 1/ms\n");
  for (uint32_t i = 0; i < n; i++) {
    fprintf(out, "x%u' = ", i);
    if (below(6)) fprintf(out, "-a%u * x%u", i, i);
    else fprintf(out, "0/ms");
    for (uint32_t j = 0; j < n; j++)
      if (j != i && below(5) < density - (j > i))
        fprintf(out, " %c %.17g/ms * x%u", below(2) ? '+' : '-', 0.3 * coefficient(), j);
    if (!below(3)) fprintf(out, " + %.17g/ms", coefficient());
    if (!below(3)) fprintf(out, " - I / %g", 1 + coefficient());
    fprintf(out, "\n");
  }
  if (held) fprintf(out, "spike when c >= 0.999 { hold x0 for 2 ms }\n");
  fprintf(out, "}\n");
}

static double run(const char *decls, double dt, const char *method, double *ret, uint32_t n) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  fprintf(out,
          "%sexperiment x {\nneuron cell\ndrive I with constant(0/ms)\nrun 1 ms with dt = %.17g ms%s\n}\n",
          decls, dt, method);
  fclose(out);
  Sim *sim = sim_new_n(text, 0, 1);
  if (!sim) printf("# %s\n", text);
  free(text);
  if (!sim) return -1;
  sim_input(sim, "I", 0.7);
  sim_run(sim, (int)nearbyint(4 / dt));
  bool exact = true;
  for (uint32_t i = 0; i < n; i++) {
    char name[16];
    snprintf(name, sizeof name, "x%u", i);
    exact &= !strcmp(sim_method(sim, name), "exact");
    ret[i] = sim_state(sim, name)[0];
  }
  sim_free(sim);
  return exact;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  enum { SYSTEMS = 60 };
  for (int held = 0; held < 2; held++) {
    int good = 0, exact = 0;
    double worst = 0;
    for (uint64_t k = 1; k <= SYSTEMS; k++) {
      char *text = NULL;
      size_t size = 0;
      seed = k * 1000 + (uint64_t)held;
      uint32_t n = 1 + below(held ? 5 : 8);
      FILE *out = open_memstream(&text, &size);
      describe(out, n, held);
      fclose(out);
      double a[8], b[8], error = 0, scale = 1e-3;
      exact += run(text, 0.5, "", a, n) == 1;
      run(text, 0.5 / 64, ", method = rk4", b, n);
      for (uint32_t i = 0; i < n; i++) scale = fmax(scale, fabs(b[i]));
      for (uint32_t i = 0; i < n; i++) error = fmax(error, fabs(a[i] - b[i]) / scale);
      if (!(error < 3e-9)) printf("# system %d differs by %.1e:\n# %s\n", (int)k, error, text);
      good += error < 3e-9;
      worst = fmax(worst, error);
      free(text);
    }
    tap_ok(good == SYSTEMS, "%d of %d random systems%s agree with RK4 at 1/64 of the step (worst %.1e)", good,
           SYSTEMS, held ? " with a held state" : "", worst);
    tap_ok(exact == SYSTEMS, "%d of %d are solved exactly", exact, SYSTEMS);
  }
  return tap_done();
}

/* Delayed values by the reference evaluator: the method of steps, what equations and handlers see, nested delays. */
#include <math.h>
#include <stdio.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static char text[4096];

static Sim *model(const char *body) {
  snprintf(text, sizeof text,
           "language 1\nneuron cell {\n%s\n}\nexperiment e {\nneuron cell\nrecord x of cell\nrun 20 ms with dt = 0.1 ms\n}\n",
           body);
  return sim_new(text);
}

/* x' = -a x(t - d), x = 1 before 0 */
static double by_steps(double t, double d, double a) {
  double x = 1, term = 1;
  for (int k = 1; t > (k - 1) * d; k++) {
    term = pow(-a * (t - (k - 1) * d), k) / tgamma(k + 1.0);
    x += term;
  }
  return x;
}

static void test_steps(void) {
  Sim *sim = model("param d = 2 ms\nstate x = 1, y = 1\nx' = -delayed(x, d) / (5 ms)\ny' = -delayed(y, 0.33 ms) / (5 ms)");
  tap_ok(sim != NULL, "delayed values compile");
  if (!sim) return;
  double worst = 0, between = 0;
  for (int i = 1; i <= 150; i++) {
    sim_step(sim);
    worst = fmax(worst, fabs(sim_state(sim, "x")[0] - by_steps(0.1 * i, 2, 0.2)));
    between = fmax(between, fabs(sim_state(sim, "y")[0] - by_steps(0.1 * i, 0.33, 0.2)));
  }
  tap_ok(worst < 2e-4, "x' = -x(t - d) / tau by the method of steps: %.1e", worst);
  tap_ok(between < 5e-4, "with a delay between grid points: %.1e", between);
  tap_ok(sim->c->pasts.n == 2, "a memory for each delayed value");
  sim_free(sim);
}

/* A ramp shows which time is seen: the equation the middle of the step, a handler and a condition its end. */
static void test_times(void) {
  Sim *sim = model("state x = 0, sum = 0, seen = -1, n = 0\nlet past = delayed(x, 1 ms)\nx' = 1/ms\nsum' = past * 1/ms\n"
                   "spike when past >= 0.45 { seen = past;  n = delayed(past, 0.2 ms) }");
  tap_ok(sim != NULL, "a delayed value in a condition, a handler and another delayed value");
  if (!sim) return;
  int at = 0;
  for (int i = 1; i <= 40; i++) {
    sim_step(sim);
    if (!at && sim_spiked(sim, 0)) at = i;
  }
  tap_ok(at == 15, "x(T - d) reaches 0.5 at step %d (15)", at);
  tap_ok(fabs(sim_state(sim, "seen")[0] - 0.5) < 1e-12, "the handler sees x(T - d) = %g (0.5)", sim_state(sim, "seen")[0]);
  tap_ok(fabs(sim_state(sim, "n")[0] - 0.3) < 1e-12, "a delayed value of it %g (0.3)", sim_state(sim, "n")[0]);
  tap_ok(fabs(sim_state(sim, "sum")[0] - 4.5) < 1e-12, "the integral of a delayed ramp %g (4.5)", sim_state(sim, "sum")[0]);
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_steps();
  test_times();
  return tap_done();
}

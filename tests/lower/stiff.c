/* Methods with steps of their own or with a Jacobian, measured: order of rk45, taylor, rosenbrock and backward_euler on a
 * nonlinear system with a drive by t; errors against the tolerance; stiff systems (van der Pol with mu = 1000,
 * Robertson's reaction) against published solutions; what runs to infinity is found; spikes within a step. */
#include <math.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static char text[8192];

static Sim *model(const char *decls, double dt, const char *run) {
  snprintf(text, sizeof text,
           "language 1\n%s\nexperiment x {\n  neuron cell\n  record spikes\n  run 10 ms with dt = %.17g ms%s%s\n}\n", decls,
           dt, *run ? ", " : "", run);
  return sim_new_n(text, 0, 1);
}

static double at_end(const char *decls, double dt, const char *run, const char *state, double end) {
  Sim *sim = model(decls, dt, run);
  if (!sim) return NAN;
  sim_run(sim, (int)nearbyint(end / dt));
  double v = sim->failed ? NAN : sim_state(sim, state)[0];
  sim_free(sim);
  return v;
}

/* not autonomous, not linear, two states */
static const char forced[] = "neuron cell {\nstate x = 1, y = 0\nx' = (y - x^3 / 3 + x + sin(t / (1 ms))) / (1 ms)\n"
                             "y' = -(x + y * cos(t / (2 ms)) - 0.7) / (3 ms)\nspike when x > 100 { x = 0 }\n}";
static const char van_der_pol[] = "neuron cell {\nstate x = 2, y = 0\nx' = y / (1 ms)\n"
                                  "y' = (1000 * (1 - x^2) * y - x) / (1 ms)\nspike when x > 100 { x = 0 }\n}";
/* time in units of 1 ms */
static const char robertson[] = "neuron cell {\nstate a = 1, b = 0, c = 0\na' = (-0.04 * a + 1e4 * b * c) / (1 ms)\n"
                                "b' = (0.04 * a - 1e4 * b * c - 3e7 * b^2) / (1 ms)\nc' = 3e7 * b^2 / (1 ms)\n"
                                "spike when a > 100 { a = 0 }\n}";

static double order(const char *run, double dt) {
  double exact = at_end(forced, dt / 64, "method = rk4", "x", 8);
  double coarse = fabs(at_end(forced, dt, run, "x", 8) - exact);
  return log2(coarse / fabs(at_end(forced, dt / 2, run, "x", 8) - exact));
}

static void near_order(const char *run, double dt, double want) {
  double got = order(run, dt);
  tap_ok(fabs(got - want) < 0.25, "%s: order %.2f, expected %g", run, got, want);
}

/* a tolerance so large that every step is dt */
static void test_order(void) {
  near_order("method = rk45, tolerance = 0.5", 0.1, 5);
  near_order("method = taylor, tolerance = 0.5", 0.2, 7);
  near_order("method = rosenbrock, tolerance = 0.5", 0.02, 3);
  near_order("method = backward_euler", 0.01, 1);
}

static void test_tolerance(void) {
  static const char *const methods[] = {"rk45", "taylor", "rosenbrock"};
  double exact = at_end(forced, 0.001, "method = rk4", "x", 8);
  for (int m = 0; m < 3; m++) {
    double before = INFINITY;
    for (int digits = 4; digits <= 10; digits += 3) {
      char run[80];
      snprintf(run, sizeof run, "method = %s, tolerance = 1e-%d", methods[m], digits);
      double e = fabs(at_end(forced, 1, run, "x", 8) - exact), bound = 40 * pow(10, -digits);
      tap_ok(e < bound && e < before, "%s: error %.1e after 8 steps of dt", run, e);
      before = e;
    }
  }
}

/* van der Pol: x(2000) = 1.706167732 (Hairer and Wanner's test set, scaled); Robertson: their y(40) */
static void test_stiff(void) {
  double x = at_end(van_der_pol, 1, "method = rosenbrock, tolerance = 1e-8", "x", 2000);
  tap_ok(fabs(x - 1.706167732170469) < 1e-6, "rosenbrock, van der Pol at 2000: %.3e", x - 1.706167732170469);
  x = at_end(van_der_pol, 0.5, "method = backward_euler", "x", 700);
  double want = at_end(van_der_pol, 1, "method = rosenbrock, tolerance = 1e-9", "x", 700);
  tap_ok(fabs(x - want) < 1e-3, "backward Euler on its slow branch, h = 500 time constants: %.1e", x - want);
  x = at_end(van_der_pol, 1, "method = backward_euler", "x", 1000);
  tap_ok(isfinite(x) && fabs(x) < 2.1, "backward Euler gets over the jump: %.3f", x);
  double a = at_end(robertson, 1, "method = rosenbrock, tolerance = 1e-9", "a", 40);
  double b = at_end(robertson, 1, "method = rosenbrock, tolerance = 1e-9", "b", 40);
  tap_ok(fabs(a - 0.7158270688) < 1e-5 && fabs(b / 0.9185534765e-5 - 1) < 1e-4, "rosenbrock, Robertson at 40: %.1e %.1e",
         a - 0.7158270688, b / 0.9185534765e-5 - 1);
  a = at_end(robertson, 0.01, "method = backward_euler", "a", 4);
  want = at_end(robertson, 1, "method = rosenbrock, tolerance = 1e-9", "a", 4);
  tap_ok(fabs(a - want) < 1e-3, "backward Euler, Robertson at 4: %.1e", a - want);
}

/* Every function that has a series, against evaluations alone; choices that change sides within a step. */
static void test_series(void) {
  static const char functions[] =
      "neuron cell {\nparam k = 0.7\nstate x = 0.3, y = 1.2, z = 0.5\n"
      "x' = (tanh(y) - x * exp(-z) + k / (1 + y * y) + expm1(-x)) / (1 ms)\n"
      "y' = (log(2 + x * x) - y * z / (2 + x) + sin(x + t / (3 ms)) + (y - z) * 0.2) / (1 ms)\n"
      "z' = (cos(y * z) - z / (1 + exp(-x)) - (if k > 0.5 then z else x)) / (2 ms)\nspike when x > 100 { x = 0 }\n}";
  static const char choices[] =
      "neuron cell {\nstate x = 0, y = 1, z = 0\nx' = y / (1 ms)\ny' = -(x + 0.5 * max(x, 0.3) + min(y, -0.2)) / (1 ms)\n"
      "z' = (abs(x) - clip(y, -0.4, 0.6) - z) / (1 ms)\nspike when x > 100 { x = 0 }\n}";
  static const char *const decls[] = {functions, choices}, *const what[] = {"functions", "choices"};
  for (int m = 0; m < 2; m++)
    for (const char *state = "xyz"; *state; state++) {
      char name[2] = {*state, 0};
      double want = at_end(decls[m], 0.5, "method = rk45, tolerance = 1e-12", name, 8);
      double got = at_end(decls[m], 0.5, "method = taylor, tolerance = 1e-9", name, 8);
      tap_ok(fabs(got - want) < 3e-8, "taylor, %s: %s off by %.1e", what[m], name, got - want);
    }
  tap_ok(sim_compiles("language 1\nneuron cell {\nstate x = 1\nx' = -sqrt(x) / (1 ms)\n}\n"
                      "experiment e {\nneuron cell\nrun 10 ms with dt = 1 ms, method = taylor\n}\n",
                      "there is no series for sqrt"),
         "taylor is refused where a function has no series");
}

static void test_failure(void) {
  Sim *sim = model("neuron cell {\nstate x = 1\nx' = x^2 / (1 ms)\nspike when x < 0 { x = 0 }\n}", 0.3, "method = taylor");
  sim_run(sim, 3);
  tap_ok(!sim->failed && fabs(sim_state(sim, "x")[0] / 10 - 1) < 1e-4, "a pole, just before it, by taylor");
  sim_step(sim);
  tap_ok(sim->failed, "and inside of a step");
  sim_free(sim);
  sim = model("neuron cell {\nstate x = 1\nx' = x^2 / (1 ms)\nspike when x < 0 { x = 0 }\n}", 0.3, "method = rk45");
  sim_run(sim, 3);
  tap_ok(!sim->failed && fabs(sim_state(sim, "x")[0] / 10 - 1) < 1e-4, "a pole, just before it");
  sim_step(sim);
  tap_ok(sim->failed, "a pole inside of a step is found");
  sim_free(sim);
}

/* x' = exp(x): x = -log(1 - t) from 0, to infinity in 1 ms. A threshold at 20 is crossed exp(-20) before. */
static void test_events(void) {
  static const char runaway[] = "neuron cell {\nparam hold_for = 0 ms\nstate x = 0, n = 0\nx' = exp(x) / (1 ms)\n"
                                "spike when x >= 20 { x = 0; n += 1; hold x for hold_for }\n}";
  Sim *sim = model(runaway, 0.4, "");
  tap_ok(sim && !strcmp(sim_method(sim, "x"), "taylor"), "x' = exp(x) is taylor by itself");
  int spikes = 0;
  for (int k = 1; k <= 10; k++) {
    sim_step(sim);
    spikes += sim_spiked(sim, 0);
    double t = fmod(0.4 * k, 1);
    if (t > 0.05 && t < 0.95)
      tap_ok(fabs(sim_state(sim, "x")[0] + log(1 - t)) < 1e-4, "t = %.1f: %.1e", 0.4 * k, sim_state(sim, "x")[0] + log(1 - t));
  }
  tap_ok(!sim->failed && spikes >= 3 && sim_state(sim, "n")[0] >= 3, "one spike for each period, at the right time");
  sim_set(sim, "cell.hold_for", 0.8);
  sim_start(sim);
  sim_run(sim, 3); /* the spike at 1.0 is stamped 1.2; held over (1.2, 2.0] */
  tap_ok(sim_spiked(sim, 0) && sim_state(sim, "x")[0] == 0, "held for the rest of the spike's step");
  sim_run(sim, 2);
  tap_ok(sim_state(sim, "x")[0] == 0, "and for two more");
  sim_step(sim);
  tap_ok(fabs(sim_state(sim, "x")[0] + log(0.6)) < 1e-5, "then it moves");
  sim_free(sim);
  sim = model(runaway, 2.5, ""); /* two periods in a step: the second waits */
  sim_run(sim, 2);
  tap_ok(!sim->failed && sim_spiked(sim, 0) && sim_state(sim, "n")[0] == 2, "one spike a step at most");
  sim_free(sim);
}

/* x' = x^2 runs away too: asked for rk45, its threshold is tested within the step; a leaky cell's is not. */
static void test_grid(void) {
  Sim *sim = model("neuron cell {\nstate x = 1\nx' = x^2 / (1 ms)\nspike when x >= 50 { x = 1 }\n}", 0.7, "method = rk45");
  sim_run(sim, 2); /* x = 50 at 0.98 ms, seen some us later; then from 1 to 1.4 ms */
  tap_ok(!sim->failed && fabs(sim_state(sim, "x")[0] - 1 / (1 - 0.42)) < 1e-2, "x' = x^2 goes on within the step: %.4f",
         sim_state(sim, "x")[0]);
  sim_free(sim);
  sim = model("neuron cell {\nstate V = 0\nV' = (20 - V) / (10 ms)\nspike when V >= 10 { V = 0 }\n}", 2, "method = rk45");
  sim_run(sim, 4); /* 10 at 6.93 ms: the grid's 8 ms */
  tap_ok(sim_spiked(sim, 0) && sim_state(sim, "V")[0] == 0, "a leaky cell spikes on the grid");
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_order();
  test_tolerance();
  test_stiff();
  test_series();
  test_failure();
  test_events();
  test_grid();
  return tap_done();
}

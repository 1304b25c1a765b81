/* Exact propagators against closed forms: one state, currents with (nearly) equal time constants, alpha
 * functions, coupled states, drives, coefficients per element, held states. The bound is 1e-13 of the largest
 * value, over many steps. */
#include <math.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define MODEL(decls)                                                                                         \
  "language 1\nneuron cell {\n" decls "}\nexperiment x {\n  neuron cell\n  drive I with constant(0 pA)\n"    \
  "  record V of cell\n  run 10 ms with dt = 0.1 ms\n}\n"

static const char psc_exp[] = MODEL(
    "param C = 250 pF, tau = 10 ms, tau_s = 2 ms, E = -70 mV\ninput I : pA\nstate V = -70 mV, J = 0 pA\n"
    "V' = (E - V) / tau + (J + I) / C\nJ' = -J / tau_s\nreceive exc(w : pA) { J += w }\n");

/* V - E after one current w exp(-t/b) from 0 on; a membrane, b synapse */
static double psp_exp(long double w, long double c, long double a, long double b, long double t) {
  long double x =
      t * (1 / a - 1 / b); /* (exp(x) - 1) / x by its series when small: long double alone would cancel */
  long double rel = fabsl(x) < 1e-3L ? 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6))))
                                     : expm1l(x) / x;
  return (double)(w / c * t * expl(-t / a) * rel);
}

static void test_nearly_equal(void) {
  Sim *sim = sim_new(psc_exp);
  tap_ok(sim != NULL, "current-based neuron compiles");
  if (!sim) return;
  tap_ok(!strcmp(sim_method(sim, "V"), "exact") && !strcmp(sim_method(sim, "J"), "exact"),
         "both states are exact");
  static const double apart[] = {0.5, 1e-1, 1e-3, 1e-5, 1e-8, 1e-10, 1e-12, 1e-14, 1e-15, 0};
  for (size_t i = 0; i < COUNT_OF(apart); i++) {
    double tau_s = 10 * (1 + apart[i]), worst = 0;
    sim_set(sim, "cell.tau_s", tau_s);
    sim_start(sim);
    sim_arrive(sim, "exc", 100);
    sim_step(sim);
    for (int n = 1; n <= 500; n++) {
      sim_step(sim);
      double want = psp_exp(100, 250, 10, tau_s, n * 0.1L);
      worst = fmax(worst, fabs(sim_state(sim, "V")[3] + 70 - want));
    }
    tap_ok(worst < 2e-12, "time constants apart by %g: error %.1e mV of 1.5", apart[i], worst);
  }
  sim_set(sim, "cell.tau_s",
          0.0001); /* exp(-dt/tau_s) is 0, exprel of the difference overflows in a naive form */
  sim_start(sim);
  sim_arrive(sim, "exc", 1e5);
  sim_run(sim, 3);
  double v = sim_state(sim, "V")[0] + 70, want = psp_exp(1e5, 250, 10, 0.0001, 0.2L);
  tap_ok(fabs(v / want - 1) < 1e-12, "very fast current: %.15g, %.15g", v, want);
  sim_free(sim);
}

static void test_drive(void) {
  Sim *sim = sim_new(psc_exp);
  double worst = 0;
  sim_input(sim, "I", 300);
  for (int n = 1; n <= 300; n++) {
    sim_step(sim);
    worst = fmax(worst, fabs(sim_state(sim, "V")[0] + 70 + 12 * expm1(-n * 0.01)));
  }
  tap_ok(worst < 2e-12, "constant drive: error %.1e mV", worst);
  sim_input(sim, "I", 0);
  sim_run(sim, 30000);
  tap_ok(fabs(sim_state(sim, "V")[0] + 70) < 1e-11, "rest stays rest: %.1e mV", sim_state(sim, "V")[0] + 70);
  tap_ok(!sim_uses(sim->c->step, IR_EXP) && !sim_uses(sim->c->step, IR_EXPREL) &&
             !sim_uses(sim->c->step, IR_DIV),
         "the step has no exp and no division: all of it is hoisted");
  sim_free(sim);
}

static const char psc_alpha[] = MODEL(
    "param C = 250 pF, tau = 10 ms, tau_s = 2 ms, E = -70 mV\ninput I : pA\nstate V = -70 mV, J = 0 pA, D = "
    "0 pA/ms\n"
    "V' = (E - V) / tau + (J + I) / C\nJ' = D - J / tau_s\nD' = -D / tau_s\n"
    "receive exc(w : pA) { D += w * exp(1) / tau_s }\n");

/* e w/(tau_s C) times the divided difference of exp at -1/a, -1/b, -1/b, by its integral: Gauss with 64
 * panels of 5 nodes */
static double psp_alpha(double w, double c, double a, double b, double t) {
  static const long double x[5] = {-0.906179845938663992798L, -0.538469310105683091036L, 0,
                                   0.538469310105683091036L, 0.906179845938663992798L};
  static const long double g[5] = {0.236926885056189087514L, 0.478628670499366468041L,
                                   0.568888888888888888889L, 0.478628670499366468041L,
                                   0.236926885056189087514L};
  long double sum = 0, h = (long double)t / 64;
  for (int p = 0; p < 64; p++)
    for (int k = 0; k < 5; k++) {
      long double s = h * (p + (1 + x[k]) / 2);
      sum += g[k] * h / 2 * s * expl(-s / b) * expl(-(t - s) / a);
    }
  return (double)(expl(1) * w / b / c * sum);
}

static void test_alpha(void) {
  Sim *sim = sim_new(psc_alpha);
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "exact"), "alpha currents are exact");
  if (!sim) return;
  static const double tau_s[] = {2, 0.3, 9, 10 * (1 + 1e-4), 10 * (1 + 1e-9), 10 * (1 + 1e-13), 10, 30};
  for (size_t i = 0; i < COUNT_OF(tau_s); i++) {
    double worst = 0;
    sim_set(sim, "cell.tau_s", tau_s[i]);
    sim_start(sim);
    sim_arrive(sim, "exc", 100);
    sim_step(sim);
    for (int n = 1; n <= 300; n++) {
      sim_step(sim);
      worst = fmax(worst, fabs(sim_state(sim, "V")[0] + 70 - psp_alpha(100, 250, 10, tau_s[i], n * 0.1)));
    }
    tap_ok(worst < 4e-12, "alpha current, tau_s = %.14g ms: error %.1e mV", tau_s[i], worst);
  }
  sim_free(sim);
}

static void test_second_order(void) {
  Sim *sim = sim_new(
      MODEL("param C = 250 pF, tau = 10 ms, k = 2 ms\ninput I : pA\nstate V = 0 mV, x = 0 pA, x' = 1 pA/ms\n"
            "x'' = -2 * x' / k - x / k^2\nV' = -V / tau + (x + I) / C\n"));
  tap_ok(sim && !strcmp(sim_method(sim, "x"), "exact"), "a second-order equation is exact");
  if (!sim) return;
  double worst = 0;
  for (int n = 1; n <= 200; n++) {
    double t = n * 0.1;
    sim_step(sim);
    worst = fmax(worst, fabs(sim_state(sim, "x")[0] - t * exp(-t / 2)));
  }
  tap_ok(worst < 1e-13, "critically damped: error %.1e of 0.7", worst);
  sim_free(sim);
}

/* Resonant neuron: V' = -V/a - w, w' = (k V - w)/b */
static void test_coupled(void) {
  Sim *sim = sim_new(
      MODEL("param C = 1 pF, a = 10 ms, b = 5 ms, k = 0.2/ms\ninput I : pA\nstate V = 1 mV, w = 0 mV/ms\n"
            "V' = -V / a - w + I / C\nw' = (k * V - w) / b\n"));
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "exact"), "coupled states are exact");
  if (!sim) return;
  double p = -0.15, q = sqrt(0.04 - 0.0025),
         worst = 0; /* eigenvalues p +- iq: trace -0.3, determinant 0.02 + 0.04 */
  q = sqrt(0.02 + 0.04 - 0.15 * 0.15);
  for (int n = 1; n <= 500; n++) {
    double t = n * 0.1, want = exp(p * t) * (cos(q * t) + (-0.1 - p) / q * sin(q * t));
    sim_step(sim);
    worst = fmax(worst, fabs(sim_state(sim, "V")[0] - want));
  }
  tap_ok(worst < 1e-13, "damped oscillation: error %.1e", worst);
  sim_input(sim, "I", 0.03);
  sim_run(sim, 5000);
  double rest = 0.03 / (0.1 + 0.2);
  tap_ok(fabs(sim_state(sim, "V")[0] - rest) < 1e-14, "driven to its fixed point: %.1e",
         sim_state(sim, "V")[0] - rest);
  sim_free(sim);
}

static void test_drive_chain(void) { /* a driven state that drives another */
  Sim *sim = sim_new(
      MODEL("param C = 1 pF, a = 10 ms, b = 10 ms, m = 3 mV/ms\ninput I : pA\nstate V = 0 mV, J = 0 mV/ms\n"
            "V' = -V / a + J\nJ' = (m + I / C - J) / b\n"));
  double worst = 0;
  sim_input(sim, "I", 2);
  for (int n = 1; n <= 300; n++) {
    double t = n * 0.1, want = 5 * (10 - 10 * exp(-t / 10) - t * exp(-t / 10));
    sim_step(sim);
    worst = fmax(worst, fabs(sim_state(sim, "V")[0] - want));
  }
  tap_ok(worst < 1e-12, "constant drive through a chain with equal constants: error %.1e of 50", worst);
  sim_free(sim);
}

static void test_per_element(void) {
  Sim *sim = sim_new(
      "language 1\nneuron cell {\nparam tau = 10 ms, tau_s = 5 ms\nstate V = 1 mV, J = 1 mV/ms\nV' = -V / "
      "tau + J\n"
      "J' = -J / tau_s\n}\nnetwork n {\npopulation P : cell[64] { tau ~ uniform(4 ms, 20 ms) }\n}\n"
      "experiment x {\nnetwork n\nrecord V of P\nrun 10 ms with dt = 0.1 ms\n}\n");
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "exact"), "coefficients per element: still exact");
  if (!sim) return;
  double worst = 0;
  sim_run(sim, 100);
  for (uint32_t e = 0; e < 64; e++) {
    double a = sim->param[0][e], want = exp(-10 / a) + psp_exp(1, 1, a, 5, 10);
    worst = fmax(worst, fabs(sim_state(sim, "V")[e] - want));
  }
  tap_ok(worst < 1e-12 && sim->param[0][0] != sim->param[0][1], "64 time constants: error %.1e", worst);
  sim_free(sim);
}

/* While V is held, w sees a constant V. */
static void test_held(void) {
  Sim *sim = sim_new(
      MODEL("param C = 1 pF, a = 10 ms, b = 5 ms, k = 0.2/ms\ninput I : pA\nstate V = 0 mV, w = 0 mV/ms\n"
            "V' = -V / a - w + I / C\nw' = (k * V - w) / b\n"
            "spike when V >= 1 mV {\nV = 0.5 mV\nhold V for 3 ms\n}\n"));
  tap_ok(sim != NULL, "a held state inside a coupled system compiles");
  if (!sim) return;
  sim_input(sim, "I", 1);
  int n = 0;
  while (!sim_spiked(sim, 0) && n++ < 1000) sim_step(sim);
  double w0 = sim_state(sim, "w")[0], worst = 0;
  for (int i = 1; i <= 30; i++) {
    sim_step(sim);
    double t = i * 0.1, want = 0.1 + (w0 - 0.1) * exp(-t / 5);
    worst = fmax(worst, fabs(sim_state(sim, "w")[0] - want) + fabs(sim_state(sim, "V")[0] - 0.5));
  }
  tap_ok(n < 1000 && worst < 1e-14, "w relaxes to the held V: error %.1e", worst);
  sim_step(sim);
  tap_ok(sim_state(sim, "V")[0] != 0.5, "and V moves again in step 31");
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_nearly_equal();
  test_drive();
  test_alpha();
  test_second_order();
  test_coupled();
  test_drive_chain();
  test_per_element();
  test_held();
  return tap_done();
}

/* Orders of convergence, measured: RK4 4 (also with exactly solved states at its stages), exponential Euler 1,
 * Euler 1; the choice that is made without being asked, and `method = ...`. Noise: variance and correlation
 * of an Ornstein-Uhlenbeck process. */
#include <math.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static char text[8192];

static Sim *model(const char *decls, double dt, const char *method) {
  snprintf(text, sizeof text,
           "language 1\n%s\nexperiment x {\n  neuron cell\n  record V of cell\n  run 10 ms with dt = %.17g "
           "ms%s%s\n}\n",
           decls, dt, *method ? ", method = " : "", method);
  return sim_new_n(text, 0, 1);
}

static double at_end(const char *decls, double dt, const char *method, double end) {
  Sim *sim = model(decls, dt, method);
  if (!sim) return NAN;
  sim_run(sim, (int)nearbyint(end / dt));
  double v = sim_state(sim, "V")[0];
  sim_free(sim);
  return v;
}

/* log2 of the ratio of errors when dt is halved, against a much finer run */
static double order(const char *decls, const char *method, double dt, double end) {
  double exact = at_end(decls, dt / 64, "rk4", end);
  double coarse = fabs(at_end(decls, dt, method, end) - exact),
         fine = fabs(at_end(decls, dt / 2, method, end) - exact);
  return log2(coarse / fine);
}

static const char coba[] = "neuron cell {\nparam C = 200 pF, g_L = 10 nS, E_L = -60 mV, E_e = 0 mV, tau = 5 "
                           "ms\nstate V = -60 mV, g = 60 nS\n"
                           "V' = (g_L * (E_L - V) + g * (E_e - V)) / C\ng' = -g / tau\n}";
static const char izhikevich[] = "neuron cell {\nstate V = -62 mV, u = -13 mV/ms\nV' = 0.04/ms/mV * V^2 + "
                                 "5/ms * V + 140 mV/ms - u + 3 mV/ms\n"
                                 "u' = 0.02/ms * (0.2/ms * V - u)\n}";
static const char hh[] = "fn am(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))\nfn bm(V in "
                         "mV) -> 1/ms = 4 * exp(-(V + 65) / 18)\n"
                         "fn ah(V in mV) -> 1/ms = 0.07 * exp(-(V + 65) / 20)\nfn bh(V in mV) -> 1/ms = 1 / "
                         "(exp(-(V + 35) / 10) + 1)\n"
                         "fn an(V in mV) -> 1/ms = 0.01 * (V + 55) / (1 - exp(-(V + 55) / 10))\nfn bn(V in "
                         "mV) -> 1/ms = 0.125 * exp(-(V + 65) / 80)\n"
                         "neuron cell {\nparam C = 1 uF/cm^2\ngate m { alpha = am(V);  beta = bm(V) }\ngate "
                         "h { alpha = ah(V);  beta = bh(V) }\n"
                         "gate n { alpha = an(V);  beta = bn(V) }\nstate V = -60 mV\n"
                         "V' = (10 uA/cm^2 - 120 mS/cm^2 * m^3 * h * (V - 50 mV) - 36 mS/cm^2 * n^4 * (V + "
                         "77 mV) - 0.3 mS/cm^2 * (V + 54.387 mV)) / C\n}";
static const char timed[] =
    "neuron cell {\nparam tau = 2 ms\nstate V = 0 mV\nV' = (sin(t / (1 ms)) * 1 mV - V) / tau\n}";
static const char adex[] =
    "neuron cell {\nparam C = 281 pF, g_L = 30 nS, E_L = -70.6 mV, V_T = -50.4 mV, D = 2 mV, a = 4 nS, tau_w "
    "= 144 ms\n"
    "state V = -70.6 mV, w = 0 pA\nV' = (-g_L * (V - E_L) + g_L * D * exp((V - V_T) / D) - w + 500 pA) / C\n"
    "w' = (a * (V - E_L) - w) / tau_w\n}";

static const char bent_adex[] = "neuron cell {\nstate V = -60 mV, g = 1\nV' = (exp(V / (2 mV)) * 1 mV - V * heaviside(V) - g * V) / (10 ms)\n"
                                "g' = -g / (5 ms)\n}";

static const char stiff[] = "neuron cell {\nstate V = -60 mV, w = 0 mV\nV' = ((-60 mV - V)^2 / (1 mV) - w) / (10 ms)\n"
                            "w' = (V + 60 mV - w) / (0.02 ms)\n}";
static const char not_smooth[] = "neuron cell {\nstate V = -60 mV, w = 0 mV\nV' = (floor(V / (1 mV)) * V - w) / (10 ms)\n"
                                 "w' = (V + 60 mV - w) / (0.02 ms)\n}";
static const char bounded[] = "neuron cell {\nstate V = -60 mV\nV' = ((-60 mV - V) + 90 mV / (1 + exp(-(V + 40 mV) / (5 mV)))) / (10 ms)\n}";

static void is_method(const char *decls, const char *state, const char *want, const char *why) {
  Sim *sim = model(decls, 0.1, "");
  const char *got = sim ? sim_method(sim, state) : "?";
  tap_ok(!strcmp(got, want), "%s: %s by %s", why, state, got);
  sim_free(sim);
}

static void test_choice(void) {
  is_method(coba, "V", "rk4", "conductances without exp");
  is_method(coba, "g", "exact", "conductances without exp");
  is_method(izhikevich, "V", "rk4", "Izhikevich");
  is_method(hh, "V", "exponential euler", "Hodgkin-Huxley");
  is_method(hh, "m", "exponential euler", "Hodgkin-Huxley");
  is_method(adex, "V", "taylor", "grows exponentially with itself");
  is_method(adex, "w", "taylor", "in one group with it");
  is_method(bent_adex, "V", "rk45", "a function without a series");
  is_method(bent_adex, "g", "rk45", "and what it depends on");
  is_method(stiff, "w", "rosenbrock", "a decay of 0.02 ms at dt = 0.1 ms");
  is_method(stiff, "V", "rosenbrock", "and what is coupled to it");
  is_method(not_smooth, "V", "rk4", "stiff, but without a derivative");
  is_method(bounded, "V", "rk4", "exponentials below a fraction bar grow nothing");
  is_method(timed, "V", "rk4", "drive by a function of t");
  is_method("neuron cell {\nstate V = 1 mV, y = 0 mV\nV' = -V / (3 ms)\n}", "y", "none", "no equation");
}

static void near_order(const char *name, double got, double want) {
  tap_ok(fabs(got - want) < 0.15, "%s: order %.2f, expected %g", name, got, want);
}

static void test_order(void) {
  near_order("rk4 with exact conductances", order(coba, "", 0.4, 10), 4);
  near_order("rk4 for all states", order(coba, "rk4", 0.4, 10), 4);
  near_order("rk4, quadratic", order(izhikevich, "", 0.1, 4), 4);
  near_order("rk4, Hodgkin-Huxley", order(hh, "rk4", 0.05, 1), 4);
  near_order("rk4, drive by t", order(timed, "", 0.2, 10), 4);
  near_order("rk4, exponential", order(adex, "rk4", 0.5, 10), 4);
  near_order("exponential Euler, Hodgkin-Huxley", order(hh, "", 0.01, 1), 1);
  near_order("exponential Euler, conductances", order(coba, "exponential_euler", 0.05, 10), 1);
  near_order("Euler", order(coba, "euler", 0.05, 10), 1);
  double v = at_end(hh, 0.1, "", 50);
  tap_ok(isfinite(v) && fabs(v) < 120, "exponential Euler is stable at dt = 0.1 ms");
}

static void test_asked(void) {
  snprintf(text, sizeof text,
           "language 1\n%s\nexperiment x {\n  neuron cell\n  run 10 ms with dt = 0.1 ms, method = exact\n}\n",
           hh);
  tap_ok(sim_compiles(text, "method `exact` cannot integrate"), "exact is refused where it is impossible");
  snprintf(text, sizeof text,
           "language 1\n%s\nexperiment x {\n  neuron cell\n  run 10 ms with dt = 0.1 ms, method = "
           "exponential_euler\n}\n",
           adex);
  tap_ok(sim_compiles(text, "is not linear in V"),
         "exponential Euler is refused where it is impossible, with the reason");
  Sim *sim = model(coba, 0.1, "rk4");
  tap_ok(sim && !strcmp(sim_method(sim, "g"), "rk4") && !strcmp(sim_method(sim, "V"), "rk4"),
         "method = rk4 is for all states");
  sim_free(sim);
}

/* A held state inside an RK4 system: u must see a V that stands still. */
static void test_held(void) {
  Sim *sim = model("neuron cell {\nstate V = 0 mV, u = 1 mV\nV' = 1/ms * V * u / (1 mV) + 10 mV/ms\nu' = (V "
                   "- u) / (2 ms)\n"
                   "spike when V >= 5 mV { V = 2 mV; hold V for 4 ms }\n}",
                   0.1, "");
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "rk4"), "a nonlinear system with a hold");
  if (!sim) return;
  int n = 0;
  while (n++ < 100 && !sim_spiked(sim, 0)) sim_step(sim);
  double u0 = sim_state(sim, "u")[0];
  sim_run(sim, 40);
  double want = 2 + (u0 - 2) * exp(-2.0);
  tap_ok(sim_state(sim, "V")[0] == 2 && fabs(sim_state(sim, "u")[0] - want) < 1e-6,
         "u relaxes to the held V: %.2e", sim_state(sim, "u")[0] - want);
  sim_step(sim);
  tap_ok(sim_state(sim, "V")[0] != 2, "and V moves again");
  sim_free(sim);
}

static void test_noise(void) {
  snprintf(text, sizeof text, "%s",
           "language 1\nneuron cell {\nparam tau = 5 ms, s = 2 mV/ms^0.5\nstate V = 0 mV\nV' = -V / tau + s "
           "* white_noise()\n}\n"
           "experiment x {\nneuron cell\nrecord V of cell\nrun 10 ms with dt = 1 ms\n}\n");
  Sim *sim = sim_new_n(text, 0, 2048);
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "exact"), "an Ornstein-Uhlenbeck process is exact");
  if (!sim) return;
  sim_run(sim, 60);
  double sum = 0, squares = 0, lag = 0, n = 0;
  double before[2048];
  for (int k = 0; k < 40; k++) {
    memcpy(before, sim_state(sim, "V"), sizeof before);
    sim_run(sim, 5);
    for (uint32_t e = 0; e < 2048; e++, n++) {
      double v = sim_state(sim, "V")[e];
      sum += v, squares += v * v, lag += v * before[e];
    }
  }
  double variance = squares / n; /* s^2 tau / 2 = 10, whatever dt; after one tau the correlation is 1/e */
  tap_ok(fabs(sum / n) < 0.06 && fabs(variance - 10) < 0.25, "dt = tau / 5: mean %.3f, variance %.3f (10)",
         sum / n, variance);
  tap_ok(fabs(lag / n / variance - exp(-1)) < 0.02, "correlation after one time constant %.4f (0.3679)",
         lag / n / variance);
  sim_free(sim);
  sim = model("neuron cell {\nparam s = 1 mV/ms^0.5\nstate V = 0 mV, y = 0 mV\nV' = -V^3 / (1 mV^2 * 1 ms) + "
              "s * white_noise()\n"
              "y' = -y / (1 ms) + V / (1 ms)\n}",
              0.01, "");
  tap_ok(sim && !strcmp(sim_method(sim, "V"), "euler-maruyama"),
         "nonlinear drift with additive noise: Euler-Maruyama");
  sim_free(sim);
  tap_ok(
      sim_compiles(
          "language 1\nneuron cell {\nstate V = 1\nV' = -V / (5 ms) + exp(1 ms^0.5 * white_noise()) / (1 ms)\n}\n"
          "experiment x {\nneuron cell\nrun 10 ms with dt = 1 ms\n}\n",
          "white_noise()"),
      "a function of noise is refused");
}

/* x' = m x + s x xi in the sense of Ito: E x = exp(m t), E x^2 = exp((2 m + s^2) t); Stratonovich would give
 * exp((m + s^2 / 2) t). */
static void test_ito(void) {
  snprintf(text, sizeof text, "%s",
           "language 1\nneuron cell {\nparam m = -0.1/ms, s = 0.4/ms^0.5\nlet xi = s * white_noise()\n"
           "state x = 1, y = 1\nx' = m * x + x * xi\ny' = m * y + abs(y) * xi\n}\n"
           "experiment x {\nneuron cell\nrecord x of cell\nrun 10 ms with dt = 0.02 ms\n}\n");
  Sim *sim = sim_new_n(text, 0, 8192);
  tap_ok(sim && !strcmp(sim_method(sim, "x"), "euler-maruyama"), "noise times a state: Euler-Maruyama");
  if (!sim) return;
  sim_run(sim, 50);
  double sum = 0, squares = 0;
  bool same = true;
  for (uint32_t e = 0; e < 8192; e++) {
    double x = sim_state(sim, "x")[e];
    sum += x / 8192, squares += x * x / 8192;
    same &= fabs(x - sim_state(sim, "y")[e]) < 1e-12 * fabs(x);
  }
  tap_ok(fabs(sum - exp(-0.1)) < 0.017, "Ito: the mean %.4f (%.4f; Stratonovich %.4f)", sum, exp(-0.1),
         exp(-0.1 + 0.08));
  tap_ok(fabs(squares - exp(-0.2 + 0.16)) < 0.05, "and the second moment %.4f (%.4f)", squares, exp(-0.04));
  tap_ok(same, "a let that holds noise is one source for all who name it");
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_choice();
  test_order();
  test_asked();
  test_held();
  test_noise();
  test_ito();
  return tap_done();
}

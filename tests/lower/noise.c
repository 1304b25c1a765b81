/* White noise: exact covariance of linear systems whatever dt; Euler-Maruyama's strong and weak order. Statistics
 * over 4,096 elements with bounds of 5 standard errors; strong errors against the same Brownian path, refined by
 * bridges between the numbers that the program has drawn. */
#include <math.h>
#include <string.h>

#include "math/math.h"
#include "tests/lower/sim.h"
#include "tests/math/tap.h"

enum { N = 4096 };
static char text[8192];

static Sim *model(const char *decls, double dt, const char *run) {
  snprintf(text, sizeof text,
           "language 1\nneuron cell {\n%s}\nexperiment x {\nneuron cell\nrecord spikes\nrun 10 ms with dt = %.17g ms%s%s\n}\n",
           decls, dt, *run ? ", " : "", run);
  return sim_new_n(text, 0, N);
}

typedef struct {
  double mean[2], cov[3]; /* xx, xy, yy */
} Moments;

static Moments moments(const double *x, const double *y) {
  Moments m = {{0}, {0}};
  for (int e = 0; e < N; e++) m.mean[0] += x[e] / N, m.mean[1] += y[e] / N;
  for (int e = 0; e < N; e++) {
    double a = x[e] - m.mean[0], b = y[e] - m.mean[1];
    m.cov[0] += a * a / N, m.cov[1] += a * b / N, m.cov[2] += b * b / N;
  }
  return m;
}

/* A covariance of N pairs is sure to sqrt((xx yy + xy^2) / N). */
static void near_cov(const char *what, double got, double want, double xx, double yy) {
  double error = sqrt((xx * yy + want * want) / N);
  tap_ok(fabs(got - want) < 5 * error, "%s: %.4g, expected %.4g (5 errors are %.2g)", what, got, want, 5 * error);
}

/* dI = -I/ts + s W', dV = -V/tm + I/C; s^2 ts / 2 = 1 */
static const char filtered[] = "param ts = 2 ms, tm = 10 ms, s = 1 pA/ms^0.5, C = 5 pF, hold_for = 0 ms\nstate V = 0 mV, I = 0 pA\n"
                               "V' = -V / tm + I / C\nI' = -I / ts + s * white_noise()\n"
                               "spike when V > 100 mV { V = 0 mV;  hold V for hold_for }\n";

static void test_filtered(void) {
  const double ts = 2, tm = 10, c = 5, rate = tm * ts / (tm + ts);
  for (int k = 0; k < 2; k++) {
    double dt = k ? 4 : 0.25;
    Sim *sim = model(filtered, dt, "");
    tap_ok(sim && !strcmp(sim_method(sim, "V"), "exact") && !strcmp(sim_method(sim, "I"), "exact"), "noise filtered into V is exact");
    if (!sim) return;
    sim_run(sim, (int)(120 / dt));
    Moments m = moments(sim_state(sim, "I"), sim_state(sim, "V"));
    double vv = rate * tm / (c * c), iv = rate / c;
    printf("# dt = %g ms\n", dt);
    near_cov("stationary variance of I", m.cov[0], 1, 1, 1);
    near_cov("of I with V", m.cov[1], iv, 1, vv);
    near_cov("of V", m.cov[2], vv, vv, vv);
    sim_free(sim);
  }
}

/* One step from rest: integrals of the propagators. */
static void test_one_step(void) {
  const double ts = 2, tm = 10, c = 5, dt = 3, a = 1 / ts, b = 1 / tm, k = 1 / (c * (a - b));
  Sim *sim = model(filtered, dt, "");
  if (!sim) return;
  sim_step(sim);
  Moments m = moments(sim_state(sim, "I"), sim_state(sim, "V"));
  double ii = (1 - exp(-2 * a * dt)) / (2 * a), ib = (1 - exp(-(a + b) * dt)) / (a + b), bb = (1 - exp(-2 * b * dt)) / (2 * b);
  near_cov("first step, I", m.cov[0], ii, ii, ii);
  double iv = k * (ib - ii), vv = k * k * (bb - 2 * ib + ii);
  near_cov("first step, I with V", m.cov[1], iv, ii, vv);
  near_cov("first step, V", m.cov[2], vv, vv, vv);
  sim_set(sim, "cell.s", 0);
  sim_start(sim);
  sim_run(sim, 3);
  tap_ok(sim_state(sim, "V")[7] == 0 && sim_state(sim, "I")[7] == 0, "no noise, no increment");
  sim_free(sim);
}

/* While V is held, I goes on as it would, and V does not move. */
static void test_held(void) {
  static const char held[] = "param s = 1 pA/ms^0.5\nstate V = 0 mV, I = 0 pA, u = 0 mV\nV' = -V / (10 ms) + I / (5 pF)\n"
                             "I' = -I / (2 ms) + s * white_noise()\nu' = (V - u) / (3 ms)\nspike when V >= 0 mV { hold V for 1 s }\n";
  Sim *sim = model(held, 1, "");
  if (!sim) return;
  sim_run(sim, 30);
  int still = 0;
  double before[N];
  memcpy(before, sim_state(sim, "V"), sizeof before);
  double *u = sim_state(sim, "u");
  sim_run(sim, 60);
  for (int e = 0; e < N; e++)
    still += before[e] >= 0 && sim_state(sim, "V")[e] == before[e] && fabs(u[e] - before[e]) < 1e-6 + 1e-6 * fabs(before[e]);
  Moments m = moments(sim_state(sim, "I"), sim_state(sim, "V"));
  tap_ok(still > N / 4, "%d of %d held: V stands still, and u behind it gets no noise", still, N);
  near_cov("variance of I meanwhile", m.cov[0], 1, 1, 1);
  sim_free(sim);
}

/* tau dx = (mu - x) dt + sigma sqrt(2 tau) dW: analytic/stationary_noise */
static void test_reference(void) {
  Sim *sim = model("param tau = 5 ms, mu = 100 pA, sigma = 30 pA\nstate x = 100 pA\n"
                   "x' = (mu - x) / tau + sigma * sqrt(2 / tau) * white_noise()\nspike when x > 1 uA { x = 0 pA }\n",
                   5, "");
  if (!sim) return;
  sim_run(sim, 20);
  double before[N];
  memcpy(before, sim_state(sim, "x"), sizeof before);
  sim_step(sim);
  Moments m = moments(before, sim_state(sim, "x"));
  tap_ok(fabs(m.mean[1] - 100) < 5 * 30 / sqrt(N), "mean %.2f pA (100)", m.mean[1]);
  near_cov("variance", m.cov[2], 900, 900, 900);
  near_cov("autocovariance at tau", m.cov[1], 900 * 0.367879441171, 900, 900);
  sim_free(sim);
}

/* The variance of Euler-Maruyama is off by dt/(2 tau) exactly: weak order 1. */
static void test_weak(void) {
  for (double dt = 0.5; dt < 2.1; dt *= 2) {
    Sim *sim = model("param tau = 2 ms, s = 1 mV/ms^0.5\nstate V = 0 mV, y = 0 mV\nV' = -V / tau + s * white_noise()\n"
                     "y' = -y / tau\nspike when V > 1 V { V = 0 mV }\n", dt, "method = euler_maruyama");
    if (!sim) return;
    sim_run(sim, (int)(60 / dt));
    Moments m = moments(sim_state(sim, "V"), sim_state(sim, "y"));
    double want = 1 / (1 - dt / 4);
    near_cov("variance of Euler-Maruyama", m.cov[0], want, want, want);
    sim_free(sim);
  }
}

/* ---- strong order: x' = x - x^3 + s W' */

enum { FINE = 128 };

static uint32_t ordinal_of(const IrKernel *k) {
  for (uint32_t i = 0; i < k->ins.n; i++)
    if (k->ins.at[i].op == IR_NOISE) return k->ins.at[i].slot;
  return 0;
}

static double refined(double x, double dt, double dw, uint64_t e, uint64_t step) {
  double h = dt / FINE, w = 0;
  for (int k = 0; k < FINE; k++) { /* the path on from w, given where it ends */
    double left = dt - k * h, z = nslm_draw_normal_f64(777, e, step, (uint32_t)k, 0, 1);
    double go = (dw - w) * h / left + sqrt(fmax(0, h * (left - h) / left)) * z;
    x += h * (x - x * x * x) + 0.5 * go;
    w += go;
  }
  return x;
}

static double strong_error(double dt, const char *run) {
  Sim *sim = model("state x = 0.5\nx' = (x - x^3) / (1 ms) + 0.5/ms^0.5 * white_noise()\nspike when x > 100 { x = 0 }\n", dt, run);
  if (!sim) return NAN;
  uint32_t ordinal = ordinal_of(sim->c->step);
  int steps = (int)(2 / dt);
  static double x[N];
  for (int e = 0; e < N; e++) x[e] = 0.5;
  double sum = 0;
  for (int k = 1; k <= steps; k++) {
    sim_step(sim);
    for (int e = 0; e < N / 8; e++)
      x[e] = refined(x[e], dt, sqrt(dt) * nslm_draw_normal_f64(12345, (uint64_t)e, (uint64_t)k, ordinal, 0, 1), (uint64_t)e,
                     (uint64_t)k);
  }
  for (int e = 0; e < N / 8; e++) sum += fabs(sim_state(sim, "x")[e] - x[e]);
  sim_free(sim);
  return sum / (N / 8);
}

static void test_strong(const char *run) {
  double order = log2(strong_error(0.1, run) / strong_error(0.025, run)) / 2;
  tap_ok(fabs(order - 1) < 0.15, "strong order with additive noise%s%s: %.2f, expected 1", *run ? ", " : "", run, order);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_filtered();
  test_one_step();
  test_held();
  test_reference();
  test_weak();
  test_strong("method = euler_maruyama");
  test_strong("");
  test_strong("method = backward_euler");
  return tap_done();
}

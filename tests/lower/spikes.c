/* Spike conditions and holds: edges, peaks, the steps of a refractory period, what a hold does to handlers,
 * counts that peers give. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define MODEL(decls)                                                                                         \
  "language 1\nneuron cell {\n" decls "}\nexperiment x {\n  neuron cell\n  drive I with constant(0 pA)\n"    \
  "  record V of cell\n  run 10 ms with dt = 0.1 ms\n}\n"
#define LIF(extra)                                                                                           \
  MODEL(                                                                                                     \
      "param C = 250 pF, tau = 10 ms, E = -70 mV, V_th = -55 mV, V_r = -70 mV, t_ref = 2 ms\ninput I : pA\n" \
      "state V = -70 mV\nV' = (E - V) / tau + I / C\n" extra)

static int count(Sim *sim, int steps) {
  int n = 0;
  for (int i = 0; i < steps; i++) {
    sim_step(sim);
    n += sim_spiked(sim, 0);
  }
  return n;
}

static void test_refractory(void) {
  Sim *sim =
      sim_new(LIF("receive psp(w : mV) { V += w }\nspike when V >= V_th {\nV = V_r\nhold V for t_ref\n}\n"));
  tap_ok(sim != NULL, "a neuron with a hold compiles");
  if (!sim) return;
  tap_ok(sim_uniform(sim, "%hold.V") == 20, "2 ms are 20 steps of 0.1 ms");
  sim_input(sim, "I", 1e5);
  int n = 0, first = 0, second = 0;
  for (int i = 1; i <= 100 && !second; i++) {
    sim_step(sim);
    if (!sim_spiked(sim, 0)) continue;
    if (n++) second = i;
    else first = i;
  }
  tap_ok(first == 1 && second == first + 21,
         "overwhelming current: spikes in steps %d and %d, 20 held steps between", first, second);
  sim_input(sim, "I", 0);
  sim_run(sim, 5);
  sim_arrive(sim, "psp", 100);
  sim_step(sim);
  tap_ok(sim_state(sim, "V")[0] == -70, "an event in the refractory period is lost");
  sim_run(sim, 30);
  sim_arrive(sim, "psp", 15.5);
  sim_step(sim);
  tap_ok(sim_spiked(sim, 0) && sim_state(sim, "V")[0] == -70,
         "an event that lifts V over the threshold fires in the same step");
  sim_run(sim, 20);
  tap_ok(sim_state(sim, "V")[0] == -70, "held for 20 steps");
  sim_free(sim);
  static const double durations[] = {0, 0.05, 0.1, 0.10000001, 0.15, 0.3, 2.0000001};
  static const int steps[] = {0, 1, 1, 1, 2, 3, 20};
  Sim *d = sim_new(LIF("spike when V >= V_th {\nV = V_r\nhold V for t_ref\n}\n"));
  for (size_t i = 0; i < COUNT_OF(durations); i++) {
    sim_set(d, "cell.t_ref", durations[i]);
    sim_start(d);
    tap_ok(sim_uniform(d, "%hold.V") == steps[i], "hold for %.9g ms: %g steps", durations[i],
           sim_uniform(d, "%hold.V"));
  }
  sim_free(d);
}

static void test_f_i(
    void) { /* rate of a LIF neuron on the grid: t_ref + tau log((R I)/(R I - 15)) rounded up */
  Sim *sim = sim_new(LIF("spike when V >= V_th {\nV = V_r\nhold V for t_ref\n}\n"));
  static const double currents[] = {380, 450, 600, 1000};
  for (size_t i = 0; i < COUNT_OF(currents); i++) {
    double top = currents[i] * 10 / 250, rise = 10 * log(top / (top - 15));
    int period = 20 + (int)ceil(rise / 0.1 - 1e-9), n = 0;
    sim_start(sim);
    sim_input(sim, "I", currents[i]);
    n = count(sim, 10 * period);
    tap_ok(n == 10, "I = %g pA: %d spikes in ten periods of %d steps", currents[i], n, period);
  }
  sim_free(sim);
}

static void test_edges(void) {
  Sim *sim = sim_new(LIF("receive psp(w : mV) { V += w }\nspike when V >= V_th\n"));
  sim_arrive(sim, "psp", 100);
  tap_ok(count(sim, 15) == 1, "no reset: one spike while V stays above");
  int n = count(sim, 250);
  sim_arrive(sim, "psp", 100);
  n += count(sim, 1);
  tap_ok(n == 1, "and one more after it fell below and rose again");
  sim_free(sim);
  sim = sim_new(LIF("spike when V >= V_th { V = V_th + 1 mV }\n"));
  sim_input(sim, "I", 1000);
  tap_ok(count(sim, 200) == 1, "a reset above the threshold: the condition counts as true after the handler");
  sim_free(sim);
  sim = sim_new(LIF("spike when V >= V_th {\nV = V_th + 1 mV\nhold V for t_ref\n}\n"));
  sim_input(sim, "I", 1000);
  while (!count(sim, 1))
    ;
  tap_ok(count(sim, 210) == 10, "but after a hold it counts as false: a spike every 21 steps");
  sim_free(sim);
  sim = sim_new(LIF("state n = 0\nspike when V < -69 mV { n += 1 }\n"));
  tap_ok(count(sim, 5) == 1 && sim_state(sim, "n")[5] == 1,
         "true from the start: before the first step it was false");
  sim_free(sim);
}

static void test_handlers(void) {
  Sim *sim = sim_new(LIF("state a = 1, b = 0, c = 0\n"
                         "spike when V >= V_th {\na *= 2\nb = a + 1\nif b > 4 { c += 1; a -= 3 } else { c -= "
                         "1 }\nV = V_r\n}\n"));
  tap_ok(sim != NULL, "statements, `if` and `else` in a handler");
  if (!sim) return;
  sim_input(sim, "I", 1e5);
  sim_step(sim);
  tap_ok(sim_state(sim, "a")[0] == 2 && sim_state(sim, "b")[0] == 3 && sim_state(sim, "c")[0] == -1,
         "they run top to bottom");
  sim_step(sim);
  tap_ok(sim_state(sim, "a")[0] == 1 && sim_state(sim, "b")[0] == 5 && sim_state(sim, "c")[0] == 0,
         "on current values");
  sim_free(sim);
  sim = sim_new(LIF(
      "state w = 5 pA\nw' = -w / tau\nspike when V >= V_th {\nV = V_r\nw += 10 pA\nhold w for 1 ms\n}\n"));
  sim_input(sim, "I", 1e5);
  sim_step(sim);
  double w = sim_state(sim, "w")[0];
  sim_run(sim, 9);
  tap_ok(sim_state(sim, "w")[0] == w,
         "a hold on a state that the condition does not read: later spikes do not change it");
  sim_free(sim);
}

static void test_peak(void) {
  Sim *sim = sim_new("language 1\nneuron cell {\nparam T = 5 ms, A = 30 mV\nstate V = 0 mV, n = 0\n"
                     "V' = A * cos(2 * 3.141592653589793 * t / T) * 2 * 3.141592653589793 / T\nspike at peak "
                     "of V above 10 mV { n += 1 }\n}\n"
                     "experiment x {\nneuron cell\nrecord V of cell\nrun 10 ms with dt = 0.01 ms\n}\n");
  tap_ok(sim != NULL, "`spike at peak` compiles");
  if (!sim) return;
  int at[8] = {0}, n = 0;
  for (int i = 1; i <= 1000; i++) {
    sim_step(sim);
    if (sim_spiked(sim, 0) && n < 8) at[n++] = i;
  }
  tap_ok(n == 2 && abs(at[0] - 126) <= 1 && at[1] == at[0] + 500, "two peaks, in steps %d and %d", at[0],
         at[1]);
  sim_set(sim, "cell.A", 9);
  sim_start(sim);
  tap_ok(count(sim, 1000) == 0, "none below the level");
  sim_free(sim);
}

static void test_rate(void) {
  Sim *sim = sim_new_n(
      "language 1\nneuron cell {\nparam r = 100 Hz\nstate V = 0 mV\nV' = -V / (10 ms)\nspike at rate r\n}\n"
      "experiment x {\nneuron cell\nrecord V of cell\nrun 10 ms with dt = 1 ms\n}\n",
      0, 1024);
  tap_ok(sim != NULL, "`spike at rate` compiles");
  if (!sim) return;
  int n = 0;
  for (int i = 0; i < 200; i++) {
    sim_step(sim);
    for (uint32_t e = 0; e < 1024; e++) n += sim_spiked(sim, e);
  }
  double p = 1 - exp(-0.1), mean = 200 * 1024 * p, sd = sqrt(mean * (1 - p));
  tap_ok(fabs(n - mean) < 5 * sd, "%d spikes, expected %.0f +- %.0f", n, mean, sd);
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_refractory();
  test_f_i();
  test_edges();
  test_handlers();
  test_peak();
  test_rate();
  return tap_done();
}

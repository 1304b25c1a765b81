/* Handlers that do more than add, by the reference evaluator: each event in order, between integration and
 * test; holds that are counted; draws; which holds need a counter. */
#include <math.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define CELL(decls)                                                                                         \
  "language 1\nneuron cell {\nstate V = 0 mV, s = 0, n = 0\nV' = 1 mV/ms\ns' = -s / (10 ms)\n" decls "}\n" \
  "experiment x {\nneuron cell\nrecord V of cell\nrun 10 ms with dt = 0.1 ms\n}\n"

static bool near(double a, double b) { return fabs(a - b) < 1e-12; }

static void test_order(void) {
  Sim *sim = sim_new(CELL("receive first(w) { n += w }\nreceive set(w) { n = 0.5 * n + w * s }\n"
                          "receive open(w) { s += w * (1 - s) }\nreceive last(w) { n += 10 * w }\n"
                          "spike when n > 5 { n = 0 }\n"));
  tap_ok(sim != NULL, "ports that add before and behind ports that do more");
  if (!sim) return;
  tap_ok(sim->c->ports.at[0].additive && !sim->c->ports.at[1].additive && !sim->c->ports.at[2].additive &&
             sim->c->ports.at[3].additive,
         "those outside are summed");
  sim_arrive_at(sim, "last", 3, 0.125);
  sim_arrive_at(sim, "open", 3, 0.5);
  sim_arrive_at(sim, "open", 3, 0.5);
  sim_arrive_at(sim, "set", 3, 0.25);
  sim_arrive_at(sim, "first", 3, 4);
  sim_step(sim);
  tap_ok(near(sim_state(sim, "s")[3], 0.75) && sim_state(sim, "s")[2] == 0,
         "each event on the state that the last has left: %g", sim_state(sim, "s")[3]);
  tap_ok(near(sim_state(sim, "n")[3], 3.25), "ports in their order, whatever arrived first: %g",
         sim_state(sim, "n")[3]);
  sim_arrive_at(sim, "set", 3, 1);
  sim_arrive_at(sim, "last", 3, 0.5);
  sim_step(sim);
  tap_ok(sim_spiked(sim, 3) && sim_state(sim, "n")[3] == 0 && !sim_spiked(sim, 4), "the test comes behind all of them");
  sim_free(sim);
}

/* In `finish`: values at T-dt come from the step, holds of the step too. */
static void test_peak(void) {
  Sim *sim = sim_new(CELL("receive drop(w : mV) { V = min(V, w) }\nreceive stop { hold V for 0.25 ms }\n"
                          "spike at peak of V above 0.35 mV { n += 1 }\n"));
  tap_ok(sim != NULL, "a peak in a class with handlers of each event");
  if (!sim) return;
  sim_run(sim, 5);
  sim_arrive(sim, "drop", 0.2);
  sim_step(sim);
  tap_ok(sim_spiked(sim, 7) && sim_state(sim, "n")[7] == 1, "an event makes V fall: a peak");
  sim_run(sim, 3);
  sim_arrive(sim, "stop", 0);
  sim_step(sim);
  double v = sim_state(sim, "V")[0];
  sim_arrive(sim, "drop", 0);
  sim_run(sim, 3);
  tap_ok(near(v, 0.6) && sim_state(sim, "V")[0] == v, "held for three steps: no equation, no event, no spike: %g", v);
  sim_arrive(sim, "drop", 0);
  sim_step(sim);
  tap_ok(sim_state(sim, "V")[0] == 0 && sim_spiked(sim, 0) && sim_state(sim, "n")[0] == 2, "free again");
  sim_free(sim);
}

static void test_counted(void) {
  static const struct {
    const char *name, *text;
    bool counted;
  } kinds[] = {
      {"always, by the spike, for one time", CELL("spike when V > 1 mV { V = 0 mV; hold V for 1 ms }\n"), false},
      {"under an `if`", CELL("spike when V > 1 mV { V = 0 mV; if n > 0 { hold V for 1 ms } }\n"), true},
      {"for a time of the state", CELL("spike when V > 1 mV { V = 0 mV; hold V for n * 1 ms }\n"), true},
      {"for a time of the element", CELL("param d ~ normal(1 ms, 0.1 ms)\nspike when V > 1 mV { hold V for d }\n"), true},
      {"twice", CELL("spike when V > 1 mV { V = 0 mV; hold V for 1 ms; hold V for 2 ms }\n"), true},
      {"by an event", CELL("receive ev { hold V for 1 ms }\nspike when V > 1 mV { V = 0 mV }\n"), true},
      {"by both", CELL("receive ev { hold V for 1 ms }\nspike when V > 1 mV { hold V for 1 ms }\n"), true},
  };
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    Sim *sim = sim_new(kinds[i].text);
    tap_ok(sim && sim->c->holds.n == 1 && (sim->c->holds.at[0].left != IR_NONE) == kinds[i].counted, "a hold %s: %s",
           kinds[i].name, kinds[i].counted ? "counted" : "by masks");
    sim_free(sim);
  }
  Sim *sim = sim_new(CELL("param d ~ uniform(0 ms, 1 ms)\nspike when V > 0.55 mV { V = 0 mV; hold V for d }\n"));
  uint32_t wrong = 0;
  sim_run(sim, 6);
  for (int i = 0; i < 11; i++) {
    sim_step(sim);
    for (uint32_t e = 0; e < sim->n; e++) {
      double r = fmax(ceil(sim->param[0][e] / 0.1 - 1e-6), 0);
      wrong += !near(sim_state(sim, "V")[e], i < r ? 0 : 0.1 * (i + 1 - r)) && i - r < 5;
    }
  }
  tap_ok(wrong == 0, "every element for its own time (%u wrong)", wrong);
  sim_free(sim);
}

static void test_draws(void) {
  Sim *sim = sim_new(CELL("receive ev { s = n; n ~ normal(0, 1) }\nspike when V > 0.25 mV { V ~ uniform(0 mV, 1 mV) }\n"));
  tap_ok(sim != NULL, "draws in handlers");
  if (!sim) return;
  sim_arrive(sim, "ev", 0);
  sim_arrive(sim, "ev", 0);
  sim_step(sim);
  double s = sim_state(sim, "s")[5], n = sim_state(sim, "n")[5], other = sim_state(sim, "n")[6];
  tap_ok(s != 0 && s != n && n != other, "two events, two numbers; two elements too: %g, %g, %g", s, n, other);
  sim_start(sim);
  sim_arrive(sim, "ev", 0);
  sim_step(sim);
  tap_ok(sim_state(sim, "n")[5] == s, "the first of them draws what it drew");
  sim_arrive(sim, "ev", 0);
  sim_step(sim);
  tap_ok(sim_state(sim, "n")[5] != s && sim_state(sim, "s")[5] == s, "and another number in the next step");
  sim_step(sim);
  tap_ok(sim_spiked(sim, 5) && sim_state(sim, "V")[5] > 0 && sim_state(sim, "V")[5] < 1 &&
             sim_state(sim, "V")[5] != sim_state(sim, "V")[6],
         "a reset that is drawn");
  sim_free(sim);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_order();
  test_peak();
  test_counted();
  test_draws();
  return tap_done();
}

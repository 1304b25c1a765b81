/* Which ports do without an accumulator: decided by who else reads the state, and by the weights that meet at
 * the port in any population of any experiment; and what their events do in the evaluator. */
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define NEURON(receive, when, fire)                                                                 \
  "language 1\nneuron n {\nparam a = 2\nstate V = -60 mV, g = 0 mV, h = 0 mV\nV' = (g + h - V) / (20 ms)\n" \
  "g' = -g / (5 ms)\nh' = -h / (9 ms)\n" receive "\nspike when " when " { " fire " }\n}\n"
#define PLAIN NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }", "V > -50 mV", "V = -60 mV")
#define NETWORK(connects)                                                                                \
  "network net {\nparam J = 0.1 mV, k = 4\npopulation A : n[10]\npopulation B : n[10]\n" connects "\n}\n" \
  "experiment x {\nnetwork net\nrun 1 ms with dt = 0.1 ms\n}\n"
#define LINK(from, to, weight) "connect " from " -> " to " by all_to_all { weight " weight "; delay = dt }\n"
#define BOTH LINK("A", "(A, B).p", "= J") LINK("B", "(A, B).q", "= -k * J")

typedef struct {
  const char *what, *text;
  const char *p, *q; /* the state, NULL: accumulators */
} Case;

static const Case cases[] = {
    {"one weight a port", PLAIN NETWORK(BOTH), "g", "h"},
    {"the same parameter in two connects", PLAIN NETWORK(BOTH LINK("B", "A.p", "= J")), "g", "h"},
    {"two weights meet", PLAIN NETWORK(BOTH LINK("B", "A.p", "= -k * J")), NULL, "h"},
    {"drawn weights", PLAIN NETWORK(LINK("A", "B.p", "~ J * normal(1, 0.1)") LINK("B", "A.q", "= J")), NULL, "h"},
    {"two weights that happen to be equal", PLAIN NETWORK(BOTH LINK("A", "B.p", "= J * k / 4")), NULL, "h"},
    {"a Poisson drive", PLAIN NETWORK(BOTH "drive B.p with poisson(5 Hz) { weight = J; delay = dt }"), NULL, "h"},
    {"given times", PLAIN NETWORK(BOTH "drive A[3].q with times([1 ms]) { weight = -k * J }"), "g", NULL},
    {"no connection", PLAIN NETWORK(LINK("A", "B.p", "= J")), "g", NULL},
    {"the condition reads the state",
     NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }", "V + g > -50 mV", "V = -60 mV")
         NETWORK(BOTH), NULL, "h"},
    {"the spike handler reads the state",
     NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }", "V > -50 mV", "V = -60 mV + h")
         NETWORK(BOTH), "g", NULL},
    {"the spike handler sets the state",
     NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }", "V > -50 mV", "g = 0 mV") NETWORK(BOTH),
     NULL, "h"},
    {"a hold on the state",
     NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }", "V > -50 mV",
            "V = -60 mV; hold h for 2 ms") NETWORK(BOTH), "g", NULL},
    {"two ports, one state: the one that adds last",
     NEURON("receive p(w : mV) { g += w }\nreceive q(w : mV) { g += w }", "V > -50 mV", "V = -60 mV") NETWORK(BOTH),
     NULL, "g"},
    {"a factor", NEURON("receive p(w : mV) { g += a * w }\nreceive q(w : mV) { h += w }", "V > -50 mV", "V = -60 mV")
         NETWORK(BOTH), NULL, "h"},
    {"two states", NEURON("receive p(w : mV) { g += w; h += w }\nreceive q(w : mV) { V += w }", "V > -50 mV",
                          "V = -60 mV") NETWORK(BOTH), NULL, NULL},
    {"a drive in another experiment",
     PLAIN NETWORK(BOTH) "network other { population C : n[5]\ndrive C.p with poisson(1 Hz) { weight = 1 mV; delay = "
                         "dt } }\nexperiment y {\nnetwork other\nrun 1 ms with dt = 0.1 ms\n}\n",
     NULL, "h"},
};

static bool is_state(const Sim *sim, uint32_t port, const char *want) {
  uint32_t state = sim->c->ports.at[port].straight;
  if (state == IR_NONE || !want) return state == IR_NONE && !want;
  return !strcmp(name_str(sim->s, sim->c->states.at[state].var->name), want);
}

static bool takes(const IrKernel *k, uint32_t port) {
  for (uint32_t i = 0; i < k->slots.n; i++)
    if (k->slots.at[i].kind == SLOT_PORT && k->slots.at[i].index == port) return true;
  return false;
}

static void test_choice(void) {
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const Case *c = &cases[i];
    Sim *sim = sim_new(c->text);
    tap_ok(sim && is_state(sim, 0, c->p) && is_state(sim, 1, c->q) && takes(sim->c->step, 0) == !c->p &&
               takes(sim->c->step, 1) == !c->q,
           "%s: p %s, q %s", c->what, c->p ? c->p : "summed", c->q ? c->q : "summed");
    sim_free(sim);
  }
}

/* Six times 0.1 is not 0.6 by one multiplication, but by additions. */
static void test_order(void) {
  Sim *sim = sim_new(cases[0].text), *summed = sim_new(cases[5].text);
  double one_by_one = 0;
  for (int i = 0; i < 6; i++) {
    sim_arrive(sim, "p", 0.1);
    sim_arrive(summed, "p", 0.1);
    one_by_one += 0.1;
  }
  sim_step(sim);
  sim_step(summed);
  double g = sim_state(sim, "g")[5], other = sim_state(summed, "g")[5];
  tap_ok(g == one_by_one && sim_state(sim, "V")[5] == sim_state(summed, "V")[5],
         "events add one by one, and act from the next step on: g = %.17g", g);
  tap_ok(other > g * (1 - 1e-11) && other < g * (1 + 1e-11), "as the sum, but for the last bits: %.17g", other);
  sim_step(sim);
  sim_step(summed);
  tap_ok(sim_state(sim, "V")[5] > sim_state(summed, "V")[5] - 1e-11 &&
             sim_state(sim, "V")[5] < sim_state(summed, "V")[5] + 1e-11 &&
             sim_state(sim, "g")[5] < one_by_one,
         "then both decay alike");
  sim_free(sim);
  sim_free(summed);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_choice();
  test_order();
  return tap_done();
}

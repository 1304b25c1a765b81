/* Which states a run may advance as their sum: decided by the form of their equations, by who else reads
 * them, and what the run's parameters have to be. */
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define NEURON(params, states, dV, more, receive, when, fire)                                                    \
  "language 1\nneuron n {\nparam " params "\nstate V = -60 mV, " states "\nV' = (" dV " - V) / (20 ms)\n" more   \
  "\n" receive "\nspike when " when " { " fire " }\n}\n"
#define TWO "t_g = 5 ms, t_h = 5 ms"
#define DECAY "g' = -g / t_g\nh' = -h / t_h"
#define ADD "receive p(w : mV) { g += w }\nreceive q(w : mV) { h += w }"
#define CURRENTS(dV, when, fire) NEURON(TWO, "g = 0 mV, h = 0 mV", dV, DECAY, ADD, when, fire)
#define PLAIN CURRENTS("g + h", "V > -50 mV", "V = -60 mV")
#define ALPHA                                                                                                 \
  NEURON(TWO, "g = 0 mV, h = 0 mV, x = 0 mV/ms, y = 0 mV/ms", "g + h",                                          \
         "x' = -x / t_g\ng' = x - g / t_g\ny' = -y / t_h\nh' = y - h / t_h",                                    \
         "receive p(w : mV) { x += w / t_g }\nreceive q(w : mV) { y += w / t_h }", "V > -50 mV", "V = -60 mV")
#define NETWORK(record)                                                                                   \
  "network net {\nparam J = 0.1 mV\npopulation A : n[10]\npopulation B : n[10]\n"                             \
  "connect A -> (A, B).p by all_to_all { weight ~ J * normal(1, 0.1); delay = dt }\n"                        \
  "connect B -> (A, B).q by all_to_all { weight ~ -J * normal(1, 0.1); delay = dt }\n}\n"                    \
  "experiment x {\nnetwork net\n" record "\nrun 1 ms with dt = 0.1 ms\n}\n"

typedef struct {
  const char *what, *text;
  const char *lumped; /* pairs of states "gone>kept"; "": none */
  int equal;          /* pairs of uniforms that must be equal; -1: any number */
} Case;

static const Case cases[] = {
    {"two currents", PLAIN NETWORK(""), "h>g", 2},
    {"one time constant for both",
     NEURON("t_g = 5 ms", "g = 0 mV, h = 0 mV", "g + h", "g' = -g / t_g\nh' = -h / t_g", ADD, "V > -50 mV", "V = -60 mV")
         NETWORK(""), "h>g", 0},
    {"the sum the other way round", CURRENTS("h + g", "V > -50 mV", "V = -60 mV") NETWORK(""), "h>g", 2},
    {"with a constant current", CURRENTS("1 mV + h + g", "V > -50 mV", "V = -60 mV") NETWORK(""), "h>g", 2},
    {"alpha functions", ALPHA NETWORK(""), "y>x h>g", -1},
    {"V is recorded", PLAIN NETWORK("record V of A"), "h>g", 2},
    {"one is recorded", PLAIN NETWORK("record h of A"), "", 0},
    {"the mean of one is recorded", PLAIN NETWORK("record mean(B.g) as m"), "", 0},
    {"one is measured", PLAIN NETWORK("expect mean(B.g) < 1 V"), "", 0},
    {"the second of an alpha function is recorded", ALPHA NETWORK("record h of A"), "", 0},
    {"the condition reads one", CURRENTS("g + h", "V + g > -50 mV", "V = -60 mV") NETWORK(""), "", 0},
    {"the condition reads both", CURRENTS("g + h", "V + g + h > -50 mV", "V = -60 mV") NETWORK(""), "", 0},
    {"the handler sets one", CURRENTS("g + h", "V > -50 mV", "V = -60 mV; g = 0 mV") NETWORK(""), "", 0},
    {"only one acts", CURRENTS("g", "V > -50 mV", "V = -60 mV") NETWORK(""), "", 0},
    {"one is held", CURRENTS("g + h", "V > -50 mV", "V = -60 mV; hold h for 2 ms") NETWORK(""), "", 0},
    {"one has a constant part",
     NEURON(TWO, "g = 0 mV, h = 0 mV", "g + h", "g' = (1 mV - g) / t_g\nh' = (1 mV - h) / t_h", ADD, "V > -50 mV",
            "V = -60 mV") NETWORK(""), "", 0},
    {"one is an alpha function",
     NEURON(TWO, "g = 0 mV, h = 0 mV, y = 0 mV/ms", "g + h", "g' = -g / t_g\ny' = -y / t_h\nh' = y - h / t_h",
            "receive p(w : mV) { g += w }\nreceive q(w : mV) { y += w / t_h }", "V > -50 mV", "V = -60 mV") NETWORK(""),
     "", 0},
    {"they act on different states",
     NEURON(TWO, "g = 0 mV, h = 0 mV, u = 0 mV", "g + u", DECAY "\nu' = (h - u) / (9 ms)", ADD, "V > -50 mV", "V = -60 mV")
         NETWORK(""), "", 0},
    {"conductances",
     NEURON(TWO, "g = 0 mV, h = 0 mV", "g * (0 mV - V) / (1 mV) + h * (-80 mV - V) / (1 mV)", DECAY, ADD, "V > -50 mV",
            "V = -60 mV") NETWORK(""), "", 0},
};

static void test_choice(void) {
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const Case *c = &cases[i];
    Sim *sim = sim_new(c->text);
    char found[200] = "";
    for (uint32_t k = 0; sim && k < sim->c->lumped_states.n; k++) {
      const IrPair *pair = &sim->c->lumped_states.at[k];
      snprintf(found + strlen(found), 200 - strlen(found), "%s%s>%s", k ? " " : "",
               name_str(sim->s, sim->c->states.at[pair->gone].var->name),
               name_str(sim->s, sim->c->states.at[pair->kept].var->name));
    }
    /* of several pairs the order says nothing */
    bool same = strlen(found) == strlen(c->lumped), any = *c->lumped != 0;
    for (uint32_t k = 0; sim && same && k < sim->c->lumped_states.n; k++) {
      char one[40];
      const IrPair *pair = &sim->c->lumped_states.at[k];
      snprintf(one, 40, "%s>%s", name_str(sim->s, sim->c->states.at[pair->gone].var->name),
               name_str(sim->s, sim->c->states.at[pair->kept].var->name));
      same = strstr(c->lumped, one) != NULL;
    }
    tap_ok(sim && same && !sim->c->lumped == !any && (c->equal < 0 || (uint32_t)c->equal == sim->c->lumped_equal.n) &&
               sim->c->lumped_ports.n == any,
           "%s: %s", c->what, any ? c->lumped : "apart");
    sim_free(sim);
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_choice();
  return tap_done();
}

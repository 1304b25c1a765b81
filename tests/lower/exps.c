/* Exponentials that share: the step with the pass against the step without it, on a grid of voltages that
 * meets every singular point; how many exponentials are left; forms that must not share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static char text[8192];

#define NEURON(rates)                                                                                        \
  "language 1\n" rates "neuron cell {\nparam U = -63 mV\ngate m { alpha = am(V - U); beta = bm(V - U) }\n"   \
  "gate h { alpha = ah(V - U); beta = bh(V - U) }\ngate n { alpha = an(V - U); beta = bn(V - U) }\nparam "   \
  "V0 = -65 mV\n"                                                                                            \
  "state V = V0\nV' = (10 mV/ms - 12/ms * m^3 * h * (V - 50 mV) - 3.6/ms * n^4 * (V + 77 mV))\n}\n"          \
  "experiment x {\nneuron cell\nrecord V of cell\nrun 10 ms with dt = 0.01 ms\n}\n"

static const char squid[] = NEURON("fn am(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))\nfn "
                                   "bm(V in mV) -> 1/ms = 4 * exp(-(V + 65) / 18)\n"
                                   "fn ah(V in mV) -> 1/ms = 0.07 * exp(-(V + 65) / 20)\nfn bh(V in mV) -> "
                                   "1/ms = 1 / (exp(-(V + 35) / 10) + 1)\n"
                                   "fn an(V in mV) -> 1/ms = 0.01 * (V + 55) / (1 - exp(-(V + 55) / 10))\nfn "
                                   "bn(V in mV) -> 1/ms = 0.125 * exp(-(V + 65) / 80)\n");
static const char traub[] = NEURON("fn am(U in mV) -> 1/ms = 0.32 * (13 - U) / (exp((13 - U) / 4) - 1)\nfn "
                                   "bm(U in mV) -> 1/ms = 0.28 * (U - 40) / (exp((U - 40) / 5) - 1)\n"
                                   "fn ah(U in mV) -> 1/ms = 0.128 * exp((17 - U) / 18)\nfn bh(U in mV) -> "
                                   "1/ms = 4 / (1 + exp((40 - U) / 5))\n"
                                   "fn an(U in mV) -> 1/ms = 0.032 * (15 - U) / (exp((15 - U) / 5) - 1)\nfn "
                                   "bn(U in mV) -> 1/ms = 0.5 * exp((10 - U) / 40)\n");

static uint32_t functions(const IrKernel *k) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < k->ins.n; i++)
    n += k->ins.at[i].op == IR_EXP || k->ins.at[i].op == IR_EXPREL || k->ins.at[i].op == IR_EXPRELR;
  return n;
}

/* The same model without the pass. */
static void without(Sim *sim) {
  IrModule *m = sim->lowered;
  for (uint32_t i = 0; i < ir_n_passes; i++)
    if (strcmp(ir_passes[i].name, "exps")) m = ir_passes[i].run(m, sim->s->arena, sim->s);
  sim->m = m;
  sim->x = m->experiments.at[0];
  sim->p = &sim->x->populations.at[0];
  sim->c = sim->p->class;
  sim->g = NEW_ARRAY(sim->s->arena, double, sim->x->n_globals + 1);
  sim->set = NEW_ARRAY(sim->s->arena, uint8_t, sim->x->n_globals + 1);
  sim_start(sim);
}

static void compare(const char *name, const char *model, uint32_t want) {
  Sim *a = sim_new_n(model, 0, 1), *b = sim_new_n(model, 0, 1);
  if (!a || !b) {
    tap_ok(0, "%s compiles", name);
    return;
  }
  without(b);
  tap_ok(functions(b->c->step) == 10 && functions(a->c->step) == want, "%s: %u exponentials instead of %u",
         name, functions(a->c->step), functions(b->c->step));
  static const double apart[] = {0, 1e-12, -1e-9, 1e-5, 0.3};
  double worst = 0, at = 0;
  for (int i = -130; i <= 90; i++)
    for (size_t k = 0; k < COUNT_OF(apart); k++) {
      double v = i + apart[k];
      Sim *both[2] = {a, b};
      for (int n = 0; n < 2; n++) {
        sim_state(both[n], "V")[0] = v;
        sim_state(both[n], "m")[0] = 0.3, sim_state(both[n], "h")[0] = 0.4, sim_state(both[n], "n")[0] = 0.5;
        sim_step(both[n]);
      }
      for (uint32_t n = 0; n < a->c->states.n; n++) {
        double error = fabs(a->state[n][0] - b->state[n][0]) / fabs(b->state[n][0]);
        if (!(error <= worst)) worst = error, at = v;
      }
    }
  tap_ok(worst < 3e-15 && !a->failed, "%s: states differ by %.1e at most (V = %g mV)", name, worst, at);
  sim_free(a);
  sim_free(b);
}

static void alone(const char *name, const char *alpha, const char *beta) {
  snprintf(
      text, sizeof text,
      "language 1\nfn a(V in mV) -> 1/ms = %s\nfn b(V in mV) -> 1/ms = %s\nneuron cell {\nstate V = -65 mV\n"
      "gate m { alpha = a(V); beta = b(V) }\nV' = -V / (10 ms) * m\n}\nexperiment x {\nneuron cell\nrun 1 ms "
      "with dt = 0.1 ms\n}\n",
      alpha, beta);
  Sim *a = sim_new_n(text, 0, 1), *b = sim_new_n(text, 0, 1);
  if (b) without(b);
  tap_ok(a && b && functions(a->c->step) == functions(b->c->step), "%s do not share", name);
  sim_free(a);
  sim_free(b);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  compare("squid axon", squid, 6);
  compare("Traub-Miles", traub, 8);
  alone("slopes 1/10 and 1/7", "exp(V / 10)", "exp(V / 7)");
  alone("opposite slopes", "exp(V / 10)", "exp(-V / 10)");
  alone("nine times the slope", "exp(V / 90)", "exp(V / 10)");
  alone("a shift that would overflow", "exp(V / 10)", "exp((V + 400) / 10)");
  return tap_done();
}

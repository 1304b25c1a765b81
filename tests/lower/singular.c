/* Removable singularities: each published form, at its singular point, near it and far from it, against long
 * double; forms that only look alike stay; division by a param among the factors. */
#include <math.h>
#include <string.h>

#include "tests/lower/sim.h"
#include "tests/math/tap.h"

static char text[8192];

/* The law as a state's initial value: V is set, r = law(V). */
static Sim *law(const char *fn) {
  snprintf(text, sizeof text,
           "language 1\n%s\nneuron cell {\nparam V_m = 0 mV, y = 10\nstate r = law(V_m, y)\n}\n"
           "experiment x {\nneuron cell\nrecord r of cell\nrun 1 ms with dt = 1 ms\n}\n",
           fn);
  return sim_new_n(text, 0, 1);
}

static double value(Sim *sim, double v, double y) {
  sim_set(sim, "cell.V_m", v);
  sim_set(sim, "cell.y", y);
  sim_start(sim);
  return sim_state(sim, "r")[0];
}

static long double rel(long double x) { /* (exp(x) - 1)/x */
  return fabsl(x) < 1e-4L ? 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))) : expm1l(x) / x;
}

typedef enum {
  A_M,
  A_M_SPLIT,
  A_N,
  TRAUB_M,
  TRAUB_B,
  VTRAP,
  EXPREL,
  EXPREL_NEG,
  EXPM1,
  SINC,
  PRODUCT,
  GHK
} Law;

static double want(Law law_, double v, double y) {
  long double x = v;
  switch (law_) {
    case A_M:
    case A_M_SPLIT: return (double)(1 / rel(-(x + 40) / 10));
    case A_N: return (double)(0.1L / rel(-(x + 55) / 10));
    case TRAUB_M: return (double)(0.32L * 4 / rel((13 - x) / 4));
    case TRAUB_B: return (double)(0.28L * 5 / rel((x - 40) / 5));
    case VTRAP: return (double)(y / rel(x / y));
    case EXPREL: return (double)rel(x / 10);
    case EXPREL_NEG: return (double)(rel(-x / 10) / 10);
    case EXPM1: return (double)(20 / rel(x / 20));
    case SINC: return x == 0 ? 1 : (double)(sinl(x) / x);
    case PRODUCT: return (double)(3 * y * y / rel(x / y));
    case GHK: return (double)(25 / rel(-x / 25) * (2 - 3 * expl(-x / 25)));
  }
  return NAN;
}

static const struct {
  const char *name, *fn;
  Law law;
  double at, y;
} cases[] = {
    {"0.1 (V + 40) / (1 - exp(-(V + 40) / 10))",
     "fn law(V in mV, y) = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))", A_M, -40, 10},
    {"the same, written apart", "fn law(V in mV, y) = (V + 40) / 10 * (1 / (1 - exp(-4 - 0.1 * V)))",
     A_M_SPLIT, -40, 10},
    {"0.01 (V + 55) / (1 - exp(-(V + 55) / 10))",
     "fn law(V in mV, y) = 0.01 * (V + 55) / (1 - exp(-(V + 55) / 10))", A_N, -55, 10},
    {"0.32 (13 - V) / (exp((13 - V) / 4) - 1)",
     "fn law(V in mV, y) = 0.32 * (13 - V) / (exp((13 - V) / 4) - 1)", TRAUB_M, 13, 10},
    {"0.28 (V - 40) / (exp((V - 40) / 5) - 1)",
     "fn law(V in mV, y) = 0.28 * (V - 40) / (exp((V - 40) / 5) - 1)", TRAUB_B, 40, 10},
    {"vtrap with a param as scale", "fn vtrap(x, y) = x / (exp(x / y) - 1)\nfn law(V in mV, y) = vtrap(V, y)",
     VTRAP, 0, 7},
    {"(exp(x) - 1) / x", "fn law(V in mV, y) = (exp(V / 10) - 1) / (V / 10)", EXPREL, 0, 10},
    {"(1 - exp(-x / 10)) / x", "fn law(V in mV, y) = (1 - exp(-V / 10)) / V", EXPREL_NEG, 0, 10},
    {"x / expm1(x / 20)", "fn law(V in mV, y) = V / expm1(V / 20)", EXPM1, 0, 10},
    {"sin(x) / x", "fn law(V in mV, y) = sin(V) / V", SINC, 0, 10},
    {"more factors", "fn law(V in mV, y) = 3 * y * V / (exp(V / y) - 1)", PRODUCT, 0, 7},
    {"Goldman-Hodgkin-Katz", "fn law(V in mV, y) = V * (2 - 3 * exp(-V / 25)) / (1 - exp(-V / 25))", GHK, 0,
     10},
};

static void test_values(void) {
  static const double near[] = {0,     1e-300, 1e-18, 1e-15, 3e-12, 1e-9, -1e-9, 1e-6,
                                -1e-4, 0.01,   1,     -3,    20,    -35,  80};
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    Sim *sim = law(cases[i].fn);
    if (!sim) {
      tap_ok(0, "%s compiles", cases[i].name);
      continue;
    }
    double worst = 0, at = 0;
    for (size_t k = 0; k < COUNT_OF(near); k++) {
      double v = cases[i].at + near[k], got = value(sim, v, cases[i].y),
             exact = want(cases[i].law, v, cases[i].y);
      /* the argument itself is rounded near a shifted point, and again when it is scaled: amplified by exp's
       * slope */
      double error = isfinite(got) ? fabs(got / exact - 1) / (1 + fabs(near[k]) / 4) : INFINITY;
      if (!(error <= worst)) worst = error, at = near[k];
    }
    tap_ok(worst < 4e-15, "%s: relative error %.1e (at %g from the singular point)", cases[i].name, worst,
           at);
    sim_free(sim);
  }
}

static void test_kernels(void) {
  Sim *sim = sim_new_n("language 1\nfn am(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / "
                       "10))\nneuron cell {\nstate V = -60 mV\n"
                       "gate m { alpha = am(V); beta = 4/ms }\nV' = -V / (10 ms) * m\n}\n"
                       "experiment x {\nneuron cell\nrecord V of cell\nrun 1 ms with dt = 1 ms\n}\n",
                       0, 1);
  tap_ok(sim && sim_uses(sim->c->step, IR_EXPRELR), "a rate in a step uses exprelr");
  sim_free(sim);
  static const char *const others[] = {
      "fn law(V in mV, y) = (V + 41) / (1 - exp(-(V + 40) / 10))",
      "fn law(V in mV, y) = V / (exp(V / 10) - 1.0001)",
      "fn law(V in mV, y) = V / (exp(V / 10) + 1)",
      "fn law(V in mV, y) = (V + y) / (exp(V) - 1)",
  };
  for (size_t i = 0; i < COUNT_OF(others); i++) {
    sim = law(others[i]);
    tap_ok(sim && !sim_uses(sim->c->init, IR_EXPRELR) && !sim_uses(sim->c->init, IR_EXPREL),
           "not a singularity: %s", others[i] + strlen("fn law(V in mV, y) = "));
    sim_free(sim);
  }
}

/* Each law at its singular point where the compiler knows the argument: a state that begins there. */
static void test_constants(void) {
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    snprintf(text, sizeof text,
             "language 1\n%s\nneuron cell {\nstate V = %g mV, r = law(V, %g)\n}\n"
             "experiment x {\nneuron cell\nrecord r of cell\nrun 1 ms with dt = 1 ms\n}\n",
             cases[i].fn, cases[i].at, cases[i].y);
    Sim *sim = sim_new_n(text, 0, 1);
    if (sim) sim_start(sim);
    double got = sim ? sim_state(sim, "r")[0] : NAN, exact = want(cases[i].law, cases[i].at, cases[i].y);
    tap_ok(fabs(got / exact - 1) < 4e-15, "%s: %g at the number %g", cases[i].name, got, cases[i].at);
    sim_free(sim);
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_values();
  test_constants();
  test_kernels();
  return tap_done();
}

/* From model to tables: classes and kernels that are shared, what is uniform and what each element has,
 * globals and what the user sets, handlers whose events are summed or not, ordinals of draws, and the same text for the
 * same model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/pass.h"
#include "lang/diag.h"
#include "tests/lower/sim.h"
#include "tests/math/tap.h"

#define IAF                                                                                                  \
  "neuron iaf {\nparam C = 250 pF in (0 pF, inf), tau_m = 10 ms in (0 ms, inf), g_L = C / tau_m, E_L = -70 " \
  "mV, V_th = -55 mV\n"                                                                                      \
  "input I : pA\nstate V = E_L, J = 0 pA\nV' = -g_L * (V - E_L) / C + (J + I) / C\nJ' = -J / (2 ms)\n"       \
  "receive exc(w : pA) { J += w }\nspike when V >= V_th { V = E_L; hold V for 2 ms }\n}\n"

static const char network[] =
    "language 1\n" IAF "network net {\nindex pop = { A, B, D, F }\nparam N[pop] = [100, 200, 300, "
                       "400]\nparam m[pop] = [-60 mV, -61 mV, -62 mV, -63 mV]\n"
    "param J = 50 pA, g = 4\nlet w = J * g\n"
    "population cell[k in pop] : iaf[N[k]] { V ~ normal(m[k], 2 mV); E_L = m[k] - 5 mV }\n"
    "population one : iaf[10] { tau_m ~ uniform(8 ms, 12 ms) }\n"
    "population two : iaf[10] { tau_m = 12 ms }\n"
    "connect cell[i] -> cell[j].exc by probability(0.1) for i in pop, j in pop {\n"
    "weight ~ w * (normal(1, 0.1) within [0, inf))\ndelay ~ normal(1.5 ms, 0.5 ms) within [dt / 2, inf)\n}\n"
    "connect one -> two.exc by all_to_all { weight = 2 * w; delay = 1 ms }\n"
    "drive two.I with constant(100 pA)\n}\n"
    "experiment x {\nnetwork net\nrecord V of cell[A]\nrecord V of cell[B] as VB\nrun 10 ms with dt = 0.1 "
    "ms, seed = 7\n}\n";

static const IrPopulation *population(const Sim *sim, const char *path) {
  for (uint32_t i = 0; i < sim->x->populations.n; i++)
    if (!strcmp(name_str(sim->s, sim->x->populations.at[i].pop->path), path))
      return &sim->x->populations.at[i];
  printf("Bail out! no population %s\n", path);
  exit(1);
}

static void test_sharing(void) {
  Sim *sim = sim_new(network);
  tap_ok(sim != NULL, "a network of families compiles");
  if (!sim) return;
  tap_ok(sim->m->classes.n == 3, "six populations, %u classes (family; tau_m per element; I driven; …)",
         sim->m->classes.n);
  const IrClass *c = population(sim, "cell[A]")->class;
  tap_ok(c == population(sim, "cell[B]")->class && c == population(sim, "cell[F]")->class,
         "the family shares one class");
  const IrProjection *p = sim->x->projections.at;
  tap_ok(sim->x->projections.n == 17, "17 projections");
  bool same = true;
  for (uint32_t i = 1; i < 16; i++)
    same &= p[i].weight_kernel == p[0].weight_kernel && p[i].delay_kernel == p[0].delay_kernel;
  tap_ok(same && p[0].weight_kernel && p[0].delay_kernel, "16 of them share one weight and one delay kernel");
  tap_ok(p[0].weight_f32 && p[0].weight_f32->kind == KERNEL_SYNAPSE_F32 && p[0].weight_f32 == p[1].weight_f32 &&
             p[0].delay_f32 == p[1].delay_f32 && p[0].delay_f32 && !p[16].weight_f32,
         "and the same ones in float32");
  tap_ok(!p[16].weight_kernel && !p[16].delay_kernel && sim->g[p[16].weight] == 400 &&
             sim->g[p[16].delay] == 1,
         "without draws they are globals: %g pA, %g ms", sim->g[p[16].weight], sim->g[p[16].delay]);
  tap_ok(sim->x->records.n == 2 &&
             sim->x->records.at[0].items.at[0].kernel == sim->x->records.at[1].items.at[0].kernel,
         "records of one class share their kernel");
  c = population(sim, "one")->class;
  tap_ok(c->elem_params.n == 2 && !strcmp(name_str(sim->s, c->elem_params.at[1]->name), "g_L"),
         "a param that depends on a drawn one has one value per element too");
  c = population(sim, "two")->class;
  tap_ok(c->inputs.n == 1 && population(sim, "cell[A]")->class->inputs.n == 0,
         "inputs that nothing drives are 0");
  sim_free(sim);
}

static void test_globals(void) {
  Sim *sim = sim_new_n(network, 1, 256);
  if (!sim) return;
  tap_ok(sim->g[sim->x->dt] == 0.1 && sim->g[sim->x->seed] == 7 && sim->g[sim->p->size] == 200,
         "dt, seed and sizes");
  tap_ok(sim_global(sim, "cell[B].E_L") == -66 && sim_global(sim, "cell[B].g_L") == 25 &&
             sim_global(sim, "two.g_L") == 250. / 12,
         "settings and defaults in order of dependence");
  sim_set(sim, "cell[B].tau_m", 20);
  sim_set(sim, "net.m[B]", -50);
  sim_set(sim, "net.J", 10);
  sim_start(sim);
  tap_ok(sim_global(sim, "cell[B].tau_m") == 20 && sim_global(sim, "cell[B].g_L") == 12.5 &&
             sim_global(sim, "cell[A].g_L") == 25,
         "what the user sets counts for all that depends on it, and for that population alone");
  tap_ok(sim_global(sim, "cell[B].E_L") == -55 && sim->g[sim->x->projections.at[16].weight] == 80,
         "params of the network too");
  double sum = 0, squares = 0;
  for (int i = 0; i < 256; i++) sum += sim->state[0][i], squares += sim->state[0][i] * sim->state[0][i];
  double mean = sum / 256, sd = sqrt(squares / 256 - mean * mean);
  tap_ok(fabs(mean + 50) < 0.6 && fabs(sd - 2) < 0.4,
         "initial values drawn around what was set: %.2f +- %.2f mV", mean, sd);
  bool found = false;
  for (uint32_t i = 0; i < sim->x->params.n; i++) {
    const IrParam *q = &sim->x->params.at[i];
    if (strcmp(name_str(sim->s, q->path), "two.tau_m")) continue;
    found = q->lo != IR_NONE && sim->g[q->lo] == 0 && q->open_lo && q->hi == IR_NONE;
  }
  tap_ok(found, "domains are listed with the params");
  sim_free(sim);
}

static void test_ordinals(void) {
  Sim *sim = sim_new(
      "language 1\nneuron cell {\nparam a ~ normal(0, 1), b ~ normal(0, 1)\nstate V ~ normal(0 mV, 1 mV), W "
      "= a * 1 mV\n"
      "V' = -V / (1 ms) + 1 mV/ms^0.5 * white_noise()\nW' = -W / (1 ms) + 1 mV/ms^0.5 * white_noise()\n}\n"
      "experiment x {\nneuron cell\nrecord V of cell\nrun 1 ms with dt = 0.1 ms\n}\n");
  tap_ok(sim != NULL, "draws and noise compile");
  if (!sim) return;
  tap_ok(sim->c->draws == 5, "five occurrences, five ordinals (%u)", sim->c->draws);
  tap_ok(sim->param[0][3] != sim->param[1][3] && sim_state(sim, "W")[3] == sim->param[0][3],
         "different draws differ, one draw is one value");
  sim_run(sim, 1);
  double v = sim_state(sim, "V")[0];
  sim_start(sim);
  sim_run(sim, 1);
  tap_ok(v == sim_state(sim, "V")[0], "and they repeat");
  sim_free(sim);
}

#define MODEL(body)                                                                                         \
  "language 1\nneuron cell {\nparam a = 2\nstate V = 0 mV, x = 1\nV' = -V / (10 ms)\n" body                  \
  "}\nexperiment x {\nneuron cell\nrun 1 ms with dt = 0.1 ms\n}\n"

static void test_handlers(void) {
  tap_ok(sim_compiles(MODEL("receive p(w : mV) { V += 2 * a * w; x -= w / (3 mV) }\n"), NULL),
         "coefficients of params, two states");
  tap_ok(sim_compiles(MODEL("receive p { x += a }\n"), NULL), "a port without a weight");
  tap_ok(sim_compiles(MODEL("receive p(w : mV) { if a > 1 { V += w } else { V -= w } }\n"), NULL),
         "`if` on params");
  static const struct {
    const char *name, *text, *why;
  } each[] = {
      {"sets", MODEL("receive p(w : mV) { V = w }\n"), "it sets a state instead of adding to it"},
      {"multiplies", MODEL("receive p(w : mV) { V *= 2 }\n"), "its change of a state depends"},
      {"saturates", MODEL("receive p { x += a * (1 - x) }\n"), "its change of a state depends"},
      {"coefficient is a state", MODEL("receive p(w : mV) { V += x * w }\n"), "it is not linear"},
      {"adds a state", MODEL("receive p(w : mV) { V += w + x * 1 mV }\n"), "it adds one state to another"},
      {"adds a constant", MODEL("receive p(w : mV) { V += w + 1 mV }\n"), "it adds something other"},
      {"square of the weight", MODEL("receive p(w : mV) { V += w * w / (1 mV) }\n"), "it is not linear"},
      {"its own change", MODEL("receive p(w : mV) { V += w; x += V / (1 mV) }\n"), "it adds one state to another"},
      {"condition on a state", MODEL("receive p(w : mV) { if V > 0 mV { V += w } }\n"), "it is not linear"},
      {"condition on the weight", MODEL("receive p(w : mV) { if w > 0 mV { V += w } }\n"), "it is not linear"},
      {"t", MODEL("receive p(w : mV) { V += w * t / (1 ms) }\n"), "it depends on t"},
      {"draw", MODEL("receive p(w : mV) { V ~ normal(w, 1 mV) }\n"), "it draws"},
      {"hold", MODEL("receive p(w : mV) { V += w; hold V for 1 ms }\n"), "it holds a state"},
  };
  for (size_t i = 0; i < COUNT_OF(each); i++) {
    Sim *one = sim_new(each[i].text);
    const char *reason = one ? name_str(one->s, one->c->ports.at[0].reason) : "";
    tap_ok(one && !one->c->ports.at[0].additive && one->c->finish && !strncmp(reason, each[i].why, strlen(each[i].why)),
           "not summed: %s (%s)", each[i].name, reason);
    sim_free(one);
  }
  Sim *sim = sim_new(MODEL("receive p(w : mV) { V += a * w }\nreceive count { x += a }\n"));
  sim_arrive(sim, "p", 0.5);
  sim_arrive(sim, "p", 0.25);
  sim_arrive(sim, "count", 3);
  sim_step(sim);
  tap_ok(sim_state(sim, "V")[9] == 1.5 && sim_state(sim, "x")[9] == 7,
         "arrived weights are summed: V %g, x %g", sim_state(sim, "V")[9], sim_state(sim, "x")[9]);
  sim_step(sim);
  tap_ok(sim_state(sim, "x")[9] == 7, "and taken once");
  sim_free(sim);
}

static const char *all_text(Sim *sim) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  ir_print(sim->s, sim->lowered, out);
  ir_print(sim->s, sim->m, out);
  ir_explain(sim->s, sim->m, out, false);
  ir_explain(sim->s, sim->m, out, true);
  fclose(out);
  const char *copy = arena_text(sim->s->arena, text, size);
  free(text);
  return copy;
}

static void test_determinism(void) {
  Sim *a = sim_new(network), *b = sim_new(network);
  tap_ok(!strcmp(all_text(a), all_text(b)),
         "the same model gives the same text, at both levels, and the same explanation");
  int wrong = ir_verify(a->s, a->lowered, stdout) + ir_verify(a->s, a->m, stdout);
  tap_ok(wrong == 0, "both levels pass the verifier");
  const char *text = all_text(a);
  tap_ok(strstr(text, "exact") && strstr(text, "summed per step") && strstr(text, "\"fact\":\"projection\""),
         "explain names methods, ports, projections");
  sim_free(a);
  sim_free(b);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  test_sharing();
  test_globals();
  test_ordinals();
  test_handlers();
  test_determinism();
  return tap_done();
}

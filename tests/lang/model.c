/* Components as the checker leaves them: dimensions, values, laws, parts, order. Each case is a small text;
 * its model is looked at through names. */
#include <math.h>
#include <string.h>

#include "lang/check.h"
#include "parser/parse.h"
#include "tests/lang/tap.h"

typedef struct {
  Session *s;
  Model *m;
  const MComponent *c; /* the last component */
} Case;

static Case checked(const char *text) {
  Case k = {session_new(), NULL, NULL};
  char *whole = arena_printf(k.s->arena, "language 1\n%s", text);
  const Source *source = source_add(k.s, "case.nsl", whole, strlen(whole));
  CheckOptions options = {parse_source};
  k.m = model_check(k.s, parse_source(k.s, source), &options);
  if (k.s->errors) diag_print(k.s, stdout, false, false);
  if (k.m->components.n) k.c = k.m->components.at[k.m->components.n - 1];
  return k;
}

static const MVar *var(const Case *k, const char *name) {
  const MVar *found = k->c ? component_var(k->c, name_z(k->s, name)) : NULL;
  if (!found) printf("# no variable %s\n", name);
  return found;
}

static double value(const Case *k, const char *name) {
  const MVar *v = var(k, name);
  double x = NAN;
  if (!v || !expr_constant(v->value, true, &x)) return NAN;
  return x;
}

static bool has_unit(const Case *k, const char *name, const char *unit) {
  const MVar *v = var(k, name);
  Unit u = {.dim = {{0}}};
  if (*unit && unit_parse_quiet(unit, &u)) return false;
  return v && dim_eq(v->dim, u.dim) && (!v->value || dim_eq(v->value->dim, u.dim));
}

static void test_dimensions(void) {
  Case k = checked(
      "neuron a {\n"
      "  param C = 250 pF, g = 10 nS, E = -70 mV, n = 3, tau = 10 ms, x : mV = 0\n"
      "  input I : nA\n"
      "  state V = E\n"
      "  let i = g * (V - E) + I, rate = i / C, root = sqrt(tau), p = V^2, q = (1 / tau)^0.5, r = V^-1\n"
      "  let s = 2 ^ n, up = max(V, 0), c = clip(V, -inf, 0), h = heaviside(V), w = abs(-V)\n"
      "  let choice = if V > E and not (V > 0) then 0 else i\n"
      "  V' = (E - V) / tau + white_noise() * 2 mV / sqrt(tau) * sqrt(1) + I / C\n"
      "}\n");
  static const struct {
    const char *name, *unit;
  } want[] = {{"C", "F"},        {"V", "mV"},       {"I", "pA"},     {"i", "pA"},
              {"rate", "mV/ms"}, {"root", "s^0.5"}, {"p", "V^2"},    {"q", "1/s^0.5"},
              {"r", "1/V"},      {"s", ""},         {"up", "V"},     {"c", "V"},
              {"h", ""},         {"w", "V"},        {"choice", "A"}, {"x", "mV"}};
  tap_ok(k.s->errors == 0, "dimensions: no message");
  for (size_t i = 0; i < COUNT_OF(want); i++)
    tap_ok(has_unit(&k, want[i].name, want[i].unit), "%s has %s", want[i].name, want[i].unit);
  const MVar *v = var(&k, "V");
  Unit slope;
  unit_parse_quiet("mV/ms", &slope);
  tap_ok(v && v->equation && dim_eq(v->equation->dim, slope.dim), "the equation of V is in mV/ms");
  tap_ok(v && strcmp(name_str(k.s, v->unit), "mV") == 0 && v->unit_scale == 1, "V is output in mV");
  const MVar *i = var(&k, "I");
  tap_ok(i && strcmp(name_str(k.s, i->unit), "nA") == 0 && i->unit_scale == 1000,
         "I is output in nA, as declared");
  session_free(k.s);
}

static void test_values(void) {
  Case k = checked(
      "let two_pi = 6.283185307179586\n"
      "let half = two_pi / 2\n"
      "fn square(x) = x * x\n"
      "fn law(V in mV) -> 1/ms = 0.1 * (V + 40)\n"
      "fn conc(c in uM) = c\n"
      "fn celsius(T in degC) = T\n"
      "fn pick(a, b) = if a > b then a else b\n"
      "neuron a {\n"
      "  param a = 10 ms, b = 0.01 s, c = 10000 us\n"
      "  let d = two_pi * half\n"
      "  let e = square(3 mV), f = law(-30 mV), g = law(-0.03 V), h = conc(2 mM), i = celsius(300 K)\n"
      "  let j = pick(2 mV, 3 mV) + pick(1 mV, 0)\n"
      "  let k = -2^2 + 2^3^2 - 7 / 2 / 2\n"
      "  let l = exp(1) - log(2) + tanh(0.5) + floor(2.7) + round(2.5) + pow(2, 0.5)\n"
      "  let m = 1e-3 V + 0.5 mV\n"
      "  let n = 6.3 degC - 5.3 degC\n"
      "}\n");
  tap_ok(k.s->errors == 0, "values: no message");
  double ten = value(&k, "a"), hundredth = value(&k, "b"), thousands = value(&k, "c");
  tap_ok(ten == 10 && memcmp(&ten, &hundredth, 8) == 0 && memcmp(&ten, &thousands, 8) == 0,
         "10 ms is 0.01 s is 10000 us");
  tap_ok(value(&k, "d") == 6.283185307179586 * (6.283185307179586 / 2), "constants of the file");
  tap_ok(value(&k, "e") == 9 && has_unit(&k, "e", "mV^2"), "a function is polymorphic in dimension");
  tap_ok(fabs(value(&k, "f") - 1) < 1e-15 && has_unit(&k, "f", "1/ms"), "an empirical law at -30 mV");
  tap_ok(value(&k, "f") == value(&k, "g"), "and at -0.03 V");
  tap_ok(value(&k, "h") == 2000, "2 mM are 2000 for a law in uM");
  tap_ok(fabs(value(&k, "i") - 26.85) < 1e-12, "300 K for a law in degC");
  tap_ok(value(&k, "j") == 4, "functions with conditions; a literal 0 as an argument");
  tap_ok(value(&k, "k") == -4 + 512 - 1.75, "precedence");
  double l = exp(1) - log(2) + tanh(0.5) + 2 + 2 + pow(2, 0.5);
  tap_ok(value(&k, "l") == l, "functions");
  tap_ok(value(&k, "m") == 1.5 && has_unit(&k, "n", "K"), "sums over prefixes; differences of temperatures");
  session_free(k.s);
}

static void test_shared_argument(void) {
  Case k = checked(
      "fn twice(x) = x + x\n"
      "neuron a {\n  state V = 0 mV\n  V' = twice(white_noise()) * 1 mV/s^0.5\n}\n");
  const MVar *v = var(&k, "V");
  const MExpr *sum = v && v->equation ? v->equation->args[0] : NULL;
  tap_ok(sum && sum->builtin == B_ADD && sum->args[0] == sum->args[1] && sum->args[0]->kind == MX_NOISE,
         "a function's argument is one value: the same noise twice");
  session_free(k.s);
}

static const char hh[] =
    "fn alpha(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))\n"
    "channel na {\n"
    "  param g = 120 mS/cm^2 in [0 mS/cm^2, inf), E = 50 mV\n"
    "  input V : mV\n"
    "  gate m { alpha = alpha(V);  beta = 4/ms }\n"
    "  gate h { steady = 1 / (1 + exp(V / (1 mV)));  tau = 2 ms }\n"
    "  let I = g * m^3 * h * (V - E)\n"
    "}\n"
    "receptor syn {\n"
    "  param tau = 2 ms\n  input V : mV\n  state g = 0 nS\n  g' = -g / tau\n"
    "  receive event(w : nS) { g += w }\n  let I = g * V\n"
    "}\n"
    "component group {\n  input V : mV\n  use fast = syn\n  use slow = syn { tau = 100 ms }\n"
    "  let I = fast.I + slow.I\n}\n";

static void test_parts(void) {
  Session *scratch = session_new();
  char *text = arena_printf(scratch->arena, "%s%s", hh,
                            "neuron cell {\n"
                            "  param area = 1000 um^2, C = 1 uF/cm^2\n"
                            "  use a = na { g = 36 mS/cm^2 }\n"
                            "  use b = na { V = V + 3 mV;  m ~ uniform(0, 1);  E = E_b }\n"
                            "  param E_b = 40 mV\n"
                            "  use ampa = syn\n"
                            "  use all = group\n"
                            "  state V = -65 mV\n"
                            "  V' = (-a.I - b.I - (ampa.I + all.I) / area) / C\n"
                            "  spike at peak of V above 0 mV\n"
                            "}\n");
  Case k = checked(text);
  tap_ok(k.s->errors == 0, "parts: no message");
  tap_ok(value(&k, "a.g") == 0.36 && value(&k, "b.g") == 1.2, "settings of one use are its own");
  tap_ok(value(&k, "b.E") == 40, "a setting may be a param of the host, declared later");
  tap_ok(value(&k, "all.slow.tau") == 100 && value(&k, "all.fast.tau") == 2, "parts of parts");
  const MVar *m = var(&k, "a.m"), *bm = var(&k, "b.m"), *v = var(&k, "V");
  tap_ok(m && m->gate && m->equation && m->value, "a gate has an equation and starts at its steady state");
  tap_ok(bm && bm->draw && expr_has(bm->value, MX_DRAW), "or where the use says");
  tap_ok(component_var(k.c, name_z(k.s, "a.V")) == NULL, "a bound input is no variable");
  static const char *const ports[] = {"ampa", "all.fast", "all.slow"};
  for (size_t i = 0; i < COUNT_OF(ports); i++) {
    uint32_t at;
    const MPort *p = component_port(k.c, name_z(k.s, ports[i]), &at);
    tap_ok(p && p->n_args == 1 && p->body.n == 1 && p->body.at[0]->var->kind == VAR_STATE, "the port %s",
           ports[i]);
  }
  uint32_t at_v = UINT32_MAX, at_m = UINT32_MAX;
  for (uint32_t i = 0; i < k.c->init_order.n; i++) {
    if (k.c->init_order.at[i] == v) at_v = i;
    if (k.c->init_order.at[i] == m) at_m = i;
  }
  tap_ok(at_v < at_m && at_m != UINT32_MAX, "V starts before the gates that read it");
  bool ordered = true;
  for (uint32_t i = 0; i < k.c->let_order.n; i++) ordered = ordered && k.c->let_order.at[i]->kind == VAR_LET;
  tap_ok(ordered && k.c->let_order.n == 6, "the order of lets holds all lets, and nothing else (%u)",
         k.c->let_order.n);
  bool indexed = true;
  for (uint32_t i = 0; i < k.c->vars.n; i++) indexed = indexed && k.c->vars.at[i]->index == i;
  tap_ok(indexed, "variables know their place");
  session_free(k.s);
  session_free(scratch);
}

static void test_receptor_on_state(void) {
  Case k = checked(
      "receptor delta {\n  input V : mV\n  receive event(w : mV) { V += w }\n}\n"
      "neuron a {\n  state U = 0 mV\n  use psp = delta { V = U }\n}\n");
  const MPort *p = k.c ? component_port(k.c, name_z(k.s, "psp"), NULL) : NULL;
  tap_ok(
      k.s->errors == 0 && p && p->body.n == 1 && p->body.at[0]->var == component_var(k.c, name_z(k.s, "U")),
      "a receptor may change the state that its input is bound to");
  session_free(k.s);
}

static void test_orders(void) {
  Case k = checked(
      "neuron a {\n  state x = 0, x' = 1/ms\n  state y = 0 mV\n"
      "  x'' = -x / (1 ms)^2\n  y''' = -y / (1 ms)^3\n}\n");
  const MVar *x = var(&k, "x"), *dx = var(&k, "x'"), *dy = var(&k, "y'"), *ddy = var(&k, "y''");
  tap_ok(k.s->errors == 0 && x && dx && x->equation && x->equation->kind == MX_VAR && x->equation->var == dx,
         "x' is a state");
  tap_ok(value(&k, "x'") == 1 && value(&k, "y'") == 0 && value(&k, "y''") == 0,
         "it starts at 0 unless given");
  tap_ok(dy && ddy && dy->equation && dy->equation->var == ddy && ddy->equation,
         "an equation of third order has three states");
  session_free(k.s);
}

static void test_families(void) {
  Case k = checked(
      "neuron a {\n  index k = 1..3, s = { A, B }\n"
      "  param tau[k] = [1 ms, 2 ms, 3 ms], m[k, s] = [[1, 2], [3, 4], [5, 6]], b[k] = 2 pA\n"
      "  state w[k] = 0 pA\n  w[k]' = -w[k] / tau[k] * m[k, B]\n"
      "  let total = w[1] + w[2] + w[3], n[k] = k * 2, l[s] = if s == A then 10 else 20\n"
      "  spike when total > 3 pA { w[k] += b[k];  w[2] = 0 }\n}\n");
  tap_ok(k.s->errors == 0 && value(&k, "tau[2]") == 2 && value(&k, "m[3,B]") == 6, "tables over index sets");
  tap_ok(value(&k, "n[3]") == 6 && value(&k, "l[A]") == 10 && value(&k, "l[B]") == 20,
         "index variables and labels in values");
  const MVar *w = var(&k, "w[3]");
  tap_ok(w && w->equation, "a free index means all elements: equations");
  tap_ok(k.c && k.c->spikes.n == 1 && k.c->spikes.at[0]->body.n == 4, "and handlers");
  session_free(k.s);
}

static void test_choices(void) {
  Case k = checked(
      "neuron a {\n  param mode in {fast, slow} = slow\n  let tau = if mode == fast then 1 ms else 2 ms\n"
      "  let same = if slow != mode then 1 else 0\n}\n");
  tap_ok(k.s->errors == 0 && value(&k, "mode") == 1 && value(&k, "tau") == 2 && value(&k, "same") == 0,
         "params with choices");
  session_free(k.s);
}

static void test_varies(void) {
  Case k = checked(
      "neuron a {\n  param p = 2 ms\n  state V = 0 mV\n  let c = 2 * p, d = c + p, v = V * 2, w = d * v, u = "
      "t / p\n"
      "  param q = d\n  let xi = white_noise() * 1 mV, z = xi * 2\n  V' = z / sqrt(p) / sqrt(p) * "
      "sqrt(p)\n}\n");
  tap_ok(k.s->errors == 0 && value(&k, "q") == 6, "a param may use lets that do not change");
  const char *const constant[] = {"p", "c", "d", "q"}, *const changing[] = {"V", "v", "w", "u", "xi"};
  bool ok = true;
  for (size_t i = 0; i < COUNT_OF(constant); i++)
    ok = ok && var(&k, constant[i]) && !var(&k, constant[i])->varies;
  for (size_t i = 0; i < COUNT_OF(changing); i++)
    ok = ok && var(&k, changing[i]) && var(&k, changing[i])->varies;
  tap_ok(ok, "what changes during a run is known");
  tap_ok(var(&k, "z") && var(&k, "z")->noisy && !var(&k, "v")->noisy, "what is noisy is known");
  session_free(k.s);
}

int main(void) {
  test_dimensions();
  test_values();
  test_shared_argument();
  test_parts();
  test_receptor_on_state();
  test_orders();
  test_families();
  test_choices();
  test_varies();
  return tap_done();
}

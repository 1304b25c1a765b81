/* The connection rules: exact numbers, distributions (chi-square), `no self`, `no multiple`, parts, drawn
 * weights and delays, units. */
#include "runtime/connect.h"
#include "runtime/synapses.h"
#include "tests/runtime/model.h"

/* Is chi2 with k degrees of freedom plausible (Wilson-Hilferty, 4 sigma)? */
static bool plausible(double chi2, double k) {
  double z = (cbrt(chi2 / k) - (1 - 2 / (9 * k))) / sqrt(2 / (9 * k));
  return fabs(z) < 4;
}

struct degrees {
  uint32_t in[4000], out[4000];
  uint64_t self, multiple, n;
};
static struct degrees degrees_of(const struct synapse *all_of, size_t n) {
  struct degrees d = {.n = n};
  for (size_t i = 0; i < n; i++) {
    d.in[all_of[i].target]++;
    d.out[all_of[i].source]++;
    d.self += all_of[i].source == all_of[i].target && all_of[i].source_pop == all_of[i].target_pop;
    d.multiple += i && all_of[i].source == all_of[i - 1].source && all_of[i].target == all_of[i - 1].target;
  }
  return d;
}
static double chi2_even(const uint32_t *counts, uint32_t n, double want) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += (counts[i] - want) * (counts[i] - want) / want;
  return sum;
}

static struct degrees rule_degrees(uint32_t rule, double arg, uint32_t sources, uint32_t targets, bool same,
                                   bool no_self, bool no_multiple) {
  struct model *m = model_new(0.1, 1, 7);
  uint32_t a = clock_add(m, "a", sources, 0, 0), b = same ? a : clock_add(m, "b", targets, 0, 0);
  struct nsl_projection *p = connect(m, a, b, rule, arg, 1, 1.5);
  p->no_self = no_self;
  p->no_multiple = no_multiple;
  struct rt_sim s;
  int e = sim_build(&s, m, 2);
  if (e) printf("# %s\n", rt_error());
  size_t n = 0;
  struct synapse *all_of = e ? calloc(1, sizeof *all_of) : synapses(&s, &n);
  struct degrees d = degrees_of(all_of, n);
  free(all_of);
  rt_close(&s);
  return d;
}

static bool even(const uint32_t *counts, uint32_t n, uint32_t want) {
  for (uint32_t i = 0; i < n; i++)
    if (counts[i] != want) return false;
  return true;
}

static void counts(void) {
  struct degrees d = rule_degrees(NSL_ALL_TO_ALL, 0, 130, 170, false, false, false);
  ok(d.n == 130 * 170 && even(d.in, 170, 130) && even(d.out, 130, 170) && !d.multiple, "all_to_all");
  d = rule_degrees(NSL_ALL_TO_ALL, 0, 130, 130, true, true, false);
  ok(d.n == 130 * 129 && even(d.in, 130, 129) && !d.self, "all_to_all, no self");
  d = rule_degrees(NSL_ONE_TO_ONE, 0, 200, 200, false, false, false);
  ok(d.n == 200 && even(d.in, 200, 1) && even(d.out, 200, 1), "one_to_one");

  d = rule_degrees(NSL_INDEGREE, 100, 1000, 2000, false, false, false);
  double chi2 = chi2_even(d.out, 1000, 200);
  ok(d.n == 200000 && even(d.in, 2000, 100) && plausible(chi2, 999),
     "indegree: every target has 100; sources chi2 %.0f of 999", chi2);
  /* of 4950 pairs of one target's synapses, 1/1000 fall on the same source */
  ok(fabs((double)d.multiple / 2000 - 4.95) < 0.3,
     "indegree with repetition: %.2f repetitions a target (want about 4.8)", (double)d.multiple / 2000);
  d = rule_degrees(NSL_INDEGREE, 100, 300, 300, true, true, true);
  chi2 = chi2_even(d.out, 300, 100);
  ok(d.n == 30000 && even(d.in, 300, 100) && !d.self && !d.multiple && chi2 < 299,
     "indegree, no self, no multiple: chi2 %.0f", chi2);
  d = rule_degrees(NSL_INDEGREE, 250, 300, 300, true, true, true);
  ok(d.n == 75000 && even(d.in, 300, 250) && !d.self && !d.multiple, "the same, most partners taken");

  d = rule_degrees(NSL_OUTDEGREE, 100, 2000, 1000, false, false, false);
  chi2 = chi2_even(d.in, 1000, 200);
  ok(d.n == 200000 && even(d.out, 2000, 100) && plausible(chi2, 999), "outdegree: chi2 %.0f of 999", chi2);
  d = rule_degrees(NSL_OUTDEGREE, 200, 300, 300, true, true, true);
  ok(d.n == 60000 && even(d.out, 300, 200) && !d.self && !d.multiple, "outdegree, no self, no multiple");

  d = rule_degrees(NSL_TOTAL_NUMBER, 300000, 1000, 1500, false, false, false);
  chi2 = chi2_even(d.out, 1000, 300);
  double chi2_in = chi2_even(d.in, 1500, 200);
  ok(d.n == 300000 && plausible(chi2, 999) && plausible(chi2_in, 1499),
     "total_number: chi2 %.0f of 999, %.0f of 1499", chi2, chi2_in);
  d = rule_degrees(NSL_TOTAL_NUMBER, 50000, 200, 200, true, true, false);
  chi2 = chi2_even(d.out, 200, 250);
  ok(d.n == 50000 && !d.self && d.multiple && plausible(chi2, 199), "total_number, no self: chi2 %.0f of 199",
     chi2);
  d = rule_degrees(NSL_TOTAL_NUMBER, 10000, 200, 300, false, false, true);
  ok(d.n == 10000 && !d.multiple, "total_number, no multiple");
  d = rule_degrees(NSL_TOTAL_NUMBER, 39000, 200, 200, true, true, true);
  ok(d.n == 39000 && !d.multiple && !d.self, "the same, nearly all pairs");

  d = rule_degrees(NSL_PROBABILITY, 0.1, 2000, 1500, false, false, false);
  double want = 2000 * 1500 * 0.1;
  chi2 = chi2_even(d.out, 2000, 150) / 0.9;
  ok(fabs((double)d.n - want) < 4 * sqrt(want * 0.9) && plausible(chi2, 1999) && !d.multiple,
     "probability: %.0f synapses (want %.0f), chi2 %.0f of 1999", (double)d.n, want, chi2);
  d = rule_degrees(NSL_PROBABILITY, 1, 100, 100, true, true, false);
  ok(d.n == 9900 && !d.self, "probability(1), no self");
  d = rule_degrees(NSL_PROBABILITY, 0, 100, 100, true, true, false);
  ok(d.n == 0, "probability(0)");
}

static void refusals(void) {
  static const struct {
    uint32_t rule;
    double arg;
    bool no_multiple;
    const char *text;
  } cases[] = {
      {NSL_INDEGREE, 101, true, "indegree(101) with `no multiple` needs more partners than the 100"},
      {NSL_OUTDEGREE, 2.5, false, "outdegree(2.5) needs a whole number"},
      {NSL_PROBABILITY, 1.5, false, "probability(1.5) is not from 0 to 1"},
      {NSL_ONE_TO_ONE, 0, false, "one_to_one needs two sides of equal size, not 100 and 50"},
      {NSL_TOTAL_NUMBER, 5001, true, "total_number(5001) with `no multiple` is more than the 5000 pairs"},
      {NSL_TOTAL_NUMBER, 1e15, false, "GB"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct model *m = model_new(0.1, 1, 7);
    uint32_t a = clock_add(m, "a", 100, 0, 0), b = clock_add(m, "b", 50, 0, 0);
    connect(m, a, b, cases[i].rule, cases[i].arg, 1, 1)->no_multiple = cases[i].no_multiple;
    struct rt_sim s;
    int e = sim_build(&s, m, 2);
    ok(e < 0 && strstr(rt_error(), cases[i].text) && strncmp(rt_error(), "net.nsl:9:3: error: ", 20) == 0,
       "refused: %s", e ? rt_error() : "nothing");
    rt_close(&s);
  }
}

static void parts(void) {
  struct model *m = model_new(0.1, 1, 7);
  uint32_t a = clock_add(m, "a", 3000, 0, 0);
  struct nsl_projection *p = connect(m, a, a, NSL_INDEGREE, 30, 1, 1);
  p->source.from = number(m, 100);
  p->source.to = number(m, 199);
  p->target.from = number(m, 150);
  p->target.to = number(m, 2149);
  p->no_self = 1;
  struct rt_sim s;
  sim_build(&s, m, 2);
  size_t n;
  struct synapse *all_of = synapses(&s, &n);
  bool inside = n == 60000;
  for (size_t i = 0; i < n; i++)
    inside &= all_of[i].source >= 100 && all_of[i].source < 200 && all_of[i].target >= 150 &&
              all_of[i].target < 2150 && all_of[i].source != all_of[i].target;
  struct degrees d = degrees_of(all_of, n);
  ok(inside && even(d.in + 150, 2000, 30), "parts of a population on both sides");
  free(all_of);
  rt_close(&s);
}

/* Weights and delays of synapses are those of the kernels, rounded to units and steps; the same for any
 * threads and shards. */
static void drawn(void) {
  double u[8] = {87.8, 8.78, 0, INFINITY, 1.5, 0.75, 0.05, INFINITY};
  for (int form = 0; form < 4; form++) {
    if (form == 3) u[1] = 1e-3; /* a law that 16 bits are too coarse for */
    struct model *m = model_new(0.1, 1, 7);
    uint32_t a = clock_add(m, "a", 1500, 0, 0), b = clock_add(m, "b", 1000, 0, 0);
    struct nsl_projection *p = connect(m, a, b, form >= 2 ? NSL_INDEGREE : NSL_OUTDEGREE, 200, 87.8, 1.5);
    draw_both(m, p, u, form != 1, form != 0);
    if (form == 0) p->weight_hi = number(m, 90);
    struct rt_sim s;
    int e = sim_build(&s, m, 2);
    if (e) printf("# %s\n", rt_error());
    size_t n;
    struct synapse *all_of = synapses(&s, &n);
    double sum = 0, squares = 0, most = 0, delay = 0, least = 1e9;
    for (size_t i = 0; i < n; i++) {
      sum += all_of[i].weight;
      squares += all_of[i].weight * all_of[i].weight;
      most = fmax(most, all_of[i].weight);
      delay += all_of[i].delay;
      least = fmin(least, all_of[i].delay);
    }
    double mean = sum / (double)n, sd = sqrt(fmax(squares / (double)n - mean * mean, 0)),
           d = delay / (double)n;
    if (form == 0)
      ok(most == 90 && all_of[0].delay == 15, "weights saturate at their bound (mean %.2f)", mean);
    if (form == 1)
      ok(all_of[n / 2].weight == 87.8 && least == 1 && fabs(d - 15.42) < 0.1,
         "one weight, drawn delays: mean %.2f steps", d);
    if (form == 2)
      ok(fabs(mean - 87.8) < 0.1 && fabs(sd - 8.78) < 0.1 && least == 1 && fabs(d - 15.42) < 0.1,
         "both drawn, indegree: %.2f +- %.2f", mean, sd);
    double w[256];
    if (form != 1) rt_synapse_values(&s, &s.projs[0], &s.projs[0].def->weight_code, 0, 200, NULL, w);
    if (form == 2) {
      bool found = false;
      double grain = s.projs[0].grain;
      for (size_t i = 0; i < n; i++)
        if (all_of[i].source == 0 && fabs(all_of[i].weight - w[0]) <= grain / 2) found = true;
      ok(found && s.projs[0].form == RT_FORM_narrow64 && grain <= 87.8 * 0x1p-10 && grain <= 8.78 * 0x1p-7,
         "4-byte synapses keep weights of a law to 2^-7 of its standard deviation and 2^-10 of the typical one");
    }
    if (form == 3) {
      bool found = false;
      for (size_t i = 0; i < n; i++)
        if (all_of[i].source == 0 && fabs(all_of[i].weight / w[0] - 1) < 0x1p-28) found = true;
      ok(found && s.projs[0].form == RT_FORM_middle64 && s.ports[s.pops[b].port0].unit <= 87.8 * 0x1p-27,
         "6-byte synapses keep weights to 2^-27 of the typical one");
    }
    free(all_of);
    rt_close(&s);
  }
}

/* Drawn in float32 where nothing is lost by it: the first source's synapses are those of the kernel in float32. */
static void singles(void) {
  static const struct {
    double u[8], dt;
    bool weight, delay; /* in float32 */
    const char *what;
  } cases[] = {
      {{87.8, 8.78, 0, INFINITY, 1.5, 0.75, 0.05, INFINITY}, 0.1, true, true, "laws of grains and steps: in float32"},
      {{87.8, 1e-3, 0, INFINITY, 5e3, 50, 1, INFINITY}, 0.01, false, false, "a law that is too narrow, delays of many steps: in float64"},
      {{1e-40, 1e-41, 0, INFINITY, 1.5, 1e-5, 0.05, INFINITY}, 0.1, false, false, "weights that float32 has not, delays nearly equal: in float64"},
      {{1e39, 1e38, 0, INFINITY, 1.5, 0.75, 0.05, INFINITY}, 0.1, false, true, "weights beyond float32: in float64"}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    struct model *m = model_new(cases[c].dt, 1, 7);
    uint32_t a = clock_add(m, "a", 300, 0, 0);
    struct nsl_projection *p = connect(m, a, a, NSL_OUTDEGREE, 100, 1, 1.5);
    draw_both(m, p, cases[c].u, true, true);
    p->weight_f32 = (struct nsl_code){K_WEIGHT_F32, 1, out_b};
    p->delay_f32 = (struct nsl_code){K_DELAY_F32, 1, out_b};
    struct rt_sim s;
    if (sim_build(&s, m, 2)) printf("# %s\n", rt_error());
    double w[128], d[128], most = 0;
    rt_synapse_values(&s, &s.projs[0], cases[c].weight ? &p->weight_f32 : &p->weight_code, 0, 100, NULL, w);
    rt_synapse_values(&s, &s.projs[0], cases[c].delay ? &p->delay_f32 : &p->delay_code, 0, 100, NULL, d);
    struct rt_synapses k = {.s = &s};
    struct rt_row_of row = {0};
    bool same = !rt_synapses_of(&k, &s.projs[0], 0, &row) && row.n == 100;
    for (uint32_t i = 0; same && i < 100; i++) {
      most = fmax(most, fabs(row.weight[i] - w[i]));
      same = most == 0 && row.delay[i] == (uint32_t)rt_steps(d[i], cases[c].dt);
    }
    ok(same, "%s", cases[c].what);
    rt_synapses_drop(&k);
    rt_close(&s);
  }
}

static void units(void) {
  struct model *m = model_new(0.1, 1, 7); /* one weight: as exact as a double */
  uint32_t a = clock_add(m, "a", 1500, 0, 0), b = clock_add(m, "b", 1000, 0, 0);
  connect(m, a, b, NSL_INDEGREE, 100, 0.1, 1.5);
  struct rt_sim s;
  sim_build(&s, m, 2);
  size_t n;
  struct synapse *all_of = synapses(&s, &n);
  ok(all_of[0].weight == 0.1 && all_of[n - 1].weight == 0.1, "one weight for all is kept exactly");
  free(all_of);
  rt_close(&s);
  m = model_new(0.1, 1, 7); /* a heavy tail: the first sample does not show the largest weight */
  a = clock_add(m, "a", 1500, 0, 0);
  double u[8] = {0, 1e-3, -INFINITY, INFINITY, 1, 0, 0, 9};
  struct nsl_projection *p = connect(m, a, a, NSL_OUTDEGREE, 100, 0, 1.5),
                        *q = connect(m, a, a, NSL_ONE_TO_ONE, 0, 0, 1.5);
  draw_both(m, p, u, true, false);
  u[0] = 1e6;
  draw_both(m, q, u, true, false);
  ok(sim_build(&s, m, 2) == 0 && s.ports[0].unit * 0x1p47 > 1e6, "units fit the largest weight");
  rt_close(&s);
}

/* What goes wrong in a synapse, on whichever thread, is told with its projection. */
static void bad_synapses(void) {
  static const struct {
    double u[8];
    const char *text;
  } cases[] = {
      {{1, 0, -9, 9, 0.04, 0.001, 0, 9},
       "a delay of 0.04 ms is less than one step of 0.1 ms; draw it `within [dt, inf)`"},
      {{1, 0, -9, 9, 1e9, 1, 0, 1e10}, "is more than 1048576 steps"},
      {{1, 0, 5, 9, 1, 0.1, 0, 9}, "a weight is NaN: an operation without a result (0 / 0), or a draw of which 10,000 were not `within` its bounds"}, /* nothing is within the bounds */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (uint32_t rule = NSL_INDEGREE; rule <= NSL_OUTDEGREE; rule++) {
      struct model *m = model_new(0.1, 1, 7);
      uint32_t a = clock_add(m, "a", 1500, 0, 0);
      draw_both(m, connect(m, a, a, rule, 10, 0, 0), cases[i].u, true, true);
      struct rt_sim s;
      int e = sim_build(&s, m, 2);
      const char *text = cases[i].text;
      bool same = strstr(rt_error(), text) ||
                  (i == 0 && strstr(rt_error(), "is less than one step of 0.1 ms; draw"));
      ok(e == NSL_EMODEL && same && strncmp(rt_error(), "net.nsl:9:3: error: c0: ", 24) == 0, "%s",
         rt_error());
      rt_close(&s);
    }
}

int main(void) {
  counts();
  refusals();
  parts();
  drawn();
  singles();
  units();
  bad_synapses();
  return done();
}

/* Time to the step: delays, holds, drives, inputs; the same results for any number of threads. */
#include "tests/runtime/model.h"

static double state(const struct rt_sim *s, uint32_t pop, uint32_t k, uint32_t i) {
  return ((double *)s->pops[pop].states[k])[i];
}

/* A source that spikes at step 40 only (period 40, 60 steps), through each delay. */
static void delays_exact(void) {
  double delays[] = {0.1, 0.14, 0.15, 1.5, 3.0, 0.05, 1.99};
  uint32_t steps[] = {1, 1, 2, 15, 30, 1, 20};
  bool all_exact = true;
  for (int i = 0; i < 7; i++) {
    struct model *m = model_new(0.1, 7.9, 1);
    uint32_t a = clock_add(m, "a", 3, 40, 0), b = clock_add(m, "b", 3, 0, 0);
    connect(m, a, b, NSL_ONE_TO_ONE, 0, 2.5, delays[i]);
    struct rt_sim s;
    all_exact &= sim_build(&s, m, 1) == 0 && rt_run(&s, s.n_steps) == 0;
    all_exact &= state(&s, b, 1, 1) == 40 + steps[i] && state(&s, b, 0, 2) == 2.5;
    rt_close(&s);
  }
  ok(all_exact, "a spike at T arrives at T + delay, rounded half up");
  struct model *m = model_new(0.1, 7.9, 1);
  uint32_t a = clock_add(m, "a", 3, 40, 0);
  connect(m, a, a, NSL_ONE_TO_ONE, 0, 2.5, 0.04);
  struct rt_sim s;
  ok(sim_build(&s, m, 1) == NSL_EMODEL &&
         strstr(rt_error(), "net.nsl:9:3: error: c0: a delay of 0.04 ms is less than one step"),
     "a delay below half a step: %s", rt_error());
  rt_close(&s);
}

/* Many delays in one row, and across intervals: arrivals are counted by weight 2^k for delay k + 1. */
static void delays_many(void) {
  struct model *m = model_new(0.1, 10, 1);
  uint32_t a = clock_add(m, "a", 2000, 50, 1), b = clock_add(m, "b", 2000, 0, 0);
  for (int k = 0; k < 20; k++) connect(m, a, b, NSL_ONE_TO_ONE, 0, ldexp(1, k), 0.1 * (1 + k * 3));
  struct rt_sim s;
  int e = sim_build(&s, m, 2);
  ok(e == 0 && s.min_delay == 1 && s.max_delay == 58 && s.n_synapses == 40000,
     "20 delays in each row: %llu synapses", (unsigned long long)s.n_synapses);
  bool exact = e == 0;
  for (uint64_t t = 1; e == 0 && t <= 100; t++) {
    rt_run(&s, t);
    for (uint32_t i = 0; i < 40; i++) { /* element i spikes at 50 + i only */
      double want = 0;
      for (int k = 0; k < 20; k++)
        for (uint64_t spike = 50 + i; spike <= t; spike += 50 + i)
          if (spike + 1 + (uint64_t)k * 3 <= t) want += ldexp(1, k);
      exact &= state(&s, b, 0, i) == want;
    }
  }
  ok(exact, "each arrives at its own step");
  rt_close(&s);
}

static void holds(void) {
  struct model *m = model_new(0.1, 20, 1);
  uint32_t a = lif_add(m, "a", 10, 100); /* 10 mV a step: above threshold after 2 steps from 0 */
  m->g[m->pops[a].block + LIF_HI] = 0;
  m->g[m->pops[a].block + LIF_TAU] = 1e12;
  struct rt_sim s;
  int e = sim_build(&s, m, 1);
  uint64_t last = 0;
  bool exact = e == 0;
  int n = 0;
  for (uint64_t t = 1; t <= 200; t++) {
    rt_run(&s, t);
    uint64_t spikes = s.pops[a].ring[(t & s.pops[a].ring_mask) * s.pops[a].stride];
    if (!spikes) continue;
    exact &= spikes == (1u << 10) - 1 &&
             (last == 0 ? t == 2 : t - last == 22); /* R = 20 held steps, then 2 to threshold */
    last = t;
    n++;
  }
  ok(exact && n == 10, "a hold of 2 ms at 0.1 ms keeps V for 20 steps (%d spikes)", n);
  rt_close(&s);
}

/* Elements that spike while they are held are held on, R steps from the last spike. */
static void holds_again(void) {
  struct model *m = model_new(0.1, 20, 1);
  uint32_t a = lif_add(m, "a", 100, 0);
  m->g[m->pops[a].block + LIF_TH] = 1e9;
  m->g[m->pops[a].block + LIF_EVERY] = 13; /* a hold of 20 steps */
  struct rt_sim s;
  int e = sim_build(&s, m, 1);
  bool exact = e == 0;
  for (uint64_t t = 1; t <= 100; t++) {
    rt_run(&s, t);
    for (uint32_t i = 0; i < 100; i++)
      exact &= (s.pops[a].held[0][i / 64] >> (i % 64) & 1) == (t >= (i % 3 ? i % 3 : 13));
  }
  s.pops[a].u[LIF_EVERY] = 0; /* no more: the last spikes were at 91, 92, 93 */
  for (uint64_t t = 101; t <= 130; t++) {
    rt_run(&s, t);
    for (uint32_t i = 0; i < 100; i++)
      exact &= (s.pops[a].held[0][i / 64] >> (i % 64) & 1) == (t <= 91 + i % 3 + 20);
  }
  ok(exact, "a spike during a hold begins it again");
  rt_close(&s);
}

static void drives(void) {
  struct model *m = model_new(0.1, 10, 1);
  uint32_t b = clock_add(m, "b", 100, 0, 0), v = lif_add(m, "v", 100, 0);
  struct nsl_drive *d = drive(m, NSL_TIMES, b, 0, 0, 0, 3, 1.5);
  uint32_t times[] = {number(m, 1), number(m, 1), number(m, 4.9)};
  d->n_times = 3;
  d->times = times;
  d->target.from = number(m, 10);
  d->target.to = number(m, 12);
  m->g[m->pops[v].block + LIF_HI] = 0;
  m->g[m->pops[v].block + LIF_TAU] = 1e12;
  drive_on(m, v, 2, 2, 5);
  drive(m, NSL_CURRENT, v, 0.5, 0, 0, 0, 0);
  drive_on(m, v, -1, 3, INFINITY)->target.to = number(m, 0);
  m->drives[3].target.from = number(m, 0);
  struct rt_sim s;
  int e = sim_build(&s, m, 1);
  if (e) printf("# %s\n", rt_error());
  rt_run(&s, 25);
  ok(e == 0 && state(&s, b, 0, 10) == 6 && state(&s, b, 1, 12) == 25 && state(&s, b, 0, 9) == 0,
     "given times, twice the same, to a part");
  rt_run(&s, 64);
  ok(state(&s, b, 0, 12) == 9 && state(&s, b, 1, 11) == 64 && state(&s, b, 0, 13) == 0, "a later one");
  rt_run(&s, 100);
  /* 0.5 over 10 ms, 2 over (2, 5], and for element 0 -1 over (3, 10] */
  ok(fabs(state(&s, v, 0, 1) - 11) < 1e-9 && fabs(state(&s, v, 0, 0) - 4) < 1e-9,
     "step currents act on (a, b] and sum: %g %g", state(&s, v, 0, 1), state(&s, v, 0, 0));
  rt_close(&s);
}

static void poisson(void) {
  double rates[] = {0.02, 1.5, 30, 900}; /* 1/ms; means per step 0.002 .. 90 */
  for (int r = 0; r < 4; r++) {
    struct model *m = model_new(0.1, 100, 1);
    uint32_t b = clock_add(m, "b", 2000, 0, 0);
    struct nsl_drive *d = drive(m, NSL_POISSON, b, rates[r], 0, 0, 0.25, 0.5);
    d->target.from = number(m, 70);
    d->target.to = number(m, 1899);
    struct rt_sim s;
    int e = sim_build(&s, m, 2);
    rt_run(&s, 5);
    bool early = state(&s, b, 0, 100) != 0;
    rt_run(&s, 1000);
    double sum = 0, squares = 0, outside = state(&s, b, 0, 69) + state(&s, b, 0, 1900) + state(&s, b, 0, 0);
    for (uint32_t i = 70; i < 1900; i++) {
      double x = state(&s, b, 0, i) / 0.25;
      sum += x;
      squares += x * x;
    }
    double n = 1830, mean = sum / n, variance = squares / n - mean * mean, want = rates[r] * 0.1 * 995;
    ok(e == 0 && !early && outside == 0 && fabs(mean - want) < 4 * sqrt(want / n) &&
           fabs(variance / want - 1) < 4 * sqrt(2 / n) + 0.01,
       "poisson(%g kHz): mean %.3f (want %.3f), variance %.3f", rates[r], mean, want, variance);
    rt_close(&s);
  }
}

static struct model *network(void) {
  struct model *m = model_new(0.1, 200, 42);
  uint32_t e = lif_add(m, "E", 3200, 0), i = lif_add(m, "I", 801, 0);
  double u[8] = {0.3, 0.05, 0, 10, 1.5, 0.75, 0.05, 1e9}, v[8] = {-1.2, 0.1, -10, 0, 0.8, 0.4, 0.05, 1e9};
  draw_both(m, connect(m, e, e, NSL_TOTAL_NUMBER, 200000, 0, 0), u, true, true);
  connect(m, e, i, NSL_PROBABILITY, 0.05, 0.3, 1.5);
  connect(m, e, e, NSL_OUTDEGREE, 7, 0.01, 0.3);
  draw_both(m, connect(m, i, e, NSL_INDEGREE, 40, -1.2, 0.8), v, true, true);
  connect(m, i, i, NSL_INDEGREE, 20, -1.2, 0.8)->no_self = 1;
  drive(m, NSL_POISSON, e, 12, 0, 0, 0.2, 1.5);
  drive(m, NSL_POISSON, i, 8, 0, 0, 0.2, 1.5);
  return m;
}

static void threads(void) {
  uint64_t hash[4] = {0}, spikes[4] = {0}, under_way = 0;
  for (uint32_t n = 1; n <= 3; n++) {
    struct rt_sim s;
    int e = sim_build(&s, network(), n);
    if (e) printf("# %s\n", rt_error());
    rt_run(&s, 1000);
    if (n == 3) rt_run(&s, 1001);
    rt_run(&s, s.n_steps);
    hash[n] = rt_state_hash(&s);
    spikes[n] = s.pop_meters[0]->spikes + s.pop_meters[1]->spikes;
    for (uint32_t h = 0; h < s.n_shards; h++)
      for (uint32_t i = 0; i <= s.shards[h].delivery.mask; i++)
        for (uint32_t form = 0; form < RT_N_FORMS; form++)
          under_way += rt_forms[form].weight_bits && s.shards[h].delivery.lists[form] && s.shards[h].delivery.lists[form][i];
    rt_close(&s);
  }
  ok(spikes[1] > 5000 && under_way && hash[1] == hash[2] && hash[1] == hash[3] && spikes[1] == spikes[2] &&
         spikes[1] == spikes[3],
     "1, 2 and 3 threads: state_hash %016llx, %llu spikes", (unsigned long long)hash[1],
     (unsigned long long)spikes[1]);
}

/* More elements than a synapse's 16 bits reach in two shards. */
static void many_shards(void) {
  uint64_t hash[5] = {0};
  uint32_t shards = 0;
  for (uint32_t n = 1; n <= 4; n++) {
    struct model *m = model_new(0.1, 5, 3);
    uint32_t a = clock_add(m, "a", 140001, 7, 0.01), b = clock_add(m, "b", 30, 3, 0);
    double u[8] = {1, 0.5, 0, 5, 0.7, 0.5, 0.1, 3};
    draw_both(m, connect(m, a, a, NSL_OUTDEGREE, 10, 0, 0), u, true, true);
    connect(m, b, a, NSL_PROBABILITY, 0.02, 0.25, 0.2)->port = 1;
    struct rt_sim s;
    if (sim_build(&s, m, n)) printf("# %s\n", rt_error());
    rt_run(&s, s.n_steps);
    hash[n] = rt_state_hash(&s);
    shards = s.n_shards;
    rt_close(&s);
  }
  ok(shards == 4 && hash[1] == hash[2] && hash[1] == hash[3] && hash[1] == hash[4],
     "%u shards on 1 to 4 threads: %016llx", shards, (unsigned long long)hash[1]);
}

static void begins_wrong(void) {
  struct model *m = model_new(0.1, 1, 3);
  uint32_t a = lif_add(m, "a", 100, 0);
  m->g[m->pops[a].block + LIF_HI] = NAN;
  struct rt_sim s;
  ok(sim_build(&s, m, 1) == NSL_ENUMBER && strstr(rt_error(), "lif.nsl:7:3: error: V of a[0]"), "%s",
     rt_error());
  rt_close(&s);
}

int main(void) {
  delays_exact();
  delays_many();
  holds();
  holds_again();
  drives();
  poisson();
  threads();
  many_shards();
  begins_wrong();
  return done();
}

/* --verify: a run that is right passes; a fault in one synapse, one accumulator, one spike under way, one bit of a state
 * is found and said where. */
#include "runtime/verify.h"

#include <unistd.h>

#include "tests/runtime/model.h"

enum { STEPS = 32 }; /* all are sampled */
static uint32_t from_pop, to_pop;

/* 300 sources that spike every 5th to 10th step onto 2000 elements: port a with one weight, port b with drawn weights and
 * delays; both between shards. */
static struct model *net(void) {
  struct model *m = model_new(0.1, STEPS * 0.1, 1);
  const double u[8] = {2, 0.5, 0.1, INFINITY, 0.6, 0.3, 0.1, 2};
  from_pop = clock_add(m, "from", 300, 5, 0.02);
  to_pop = clock_add(m, "to", 2000, 0, 0);
  connect(m, from_pop, to_pop, NSL_OUTDEGREE, 40, 1.5, 0.3);
  struct nsl_projection *drawn = connect(m, from_pop, to_pop, NSL_TOTAL_NUMBER, 9000, 0, 0);
  drawn->port = 1;
  draw_both(m, drawn, u, true, true);
  connect(m, from_pop, to_pop, NSL_INDEGREE, 3, -0.7, 1.1)->port = 1;
  return m;
}

static int open_at(struct rt_sim *s, struct model *m, uint32_t threads, const char *compare) {
  int e = sim_build(s, m, threads);
  return e ? e : rt_verify_open(s, true, compare);
}

static void right(uint32_t threads) {
  struct rt_sim s;
  uint64_t n[3] = {0};
  int e = open_at(&s, net(), threads, NULL);
  if (!e) e = rt_run(&s, s.n_steps);
  if (!e) rt_verify_counts(&s, n);
  ok(e == 0 && n[0] == STEPS && n[1] == STEPS * 2 * 2300 && n[2] > 50000,
     "a run without faults on %u threads: %llu steps, %llu sums, %llu events%s", threads, (unsigned long long)n[0],
     (unsigned long long)n[1], (unsigned long long)n[2], e ? rt_error() : "");
  rt_close(&s);
}

/* ---- faults: each is put into a simulation that is built, or has run for 16 steps */

/* The first row of a group in shard 0. */
static struct rt_row *row_of(struct rt_sim *s, bool wide) {
  const struct rt_pop *p = &s->pops[from_pop];
  for (uint64_t i = 0; i < (uint64_t)p->size * p->n_groups; i++) {
    struct rt_row *row = &s->shards[0].rows[p->row0 + i];
    if (row->n && !rt_forms[p->groups[i % p->n_groups].form].weight_bits == !wide) return row;
  }
  abort();
}
static void other_target(struct rt_sim *s) { ((uint16_t *)&s->shards[0].store[row_of(s, false)->at + 1])[0] ^= 1; }
static void other_weight(struct rt_sim *s) { s->shards[0].store[row_of(s, true)->at + 1] += (uint64_t)1 << 16; }
static void later(struct rt_sim *s) { row_of(s, true)->delay++; }
static void rows_swapped(struct rt_sim *s) {
  struct rt_row *row = row_of(s, true), *other = row + 200 * s->pops[from_pop].n_groups, x = *row;
  *row = *other;
  *other = x;
}
static void sum_off(struct rt_sim *s) { ((int64_t *)s->shards[1].acc[1])[s->shards[1].n_elements - 65] += 1; }
static void spikes_lost(struct rt_sim *s) {
  struct rt_delivery *d = &s->shards[1].delivery;
  for (uint32_t i = 0; i <= d->mask; i++) d->lists[RT_FORM_same64][i] = 0;
}
static void spike_doubled(struct rt_sim *s) {
  struct rt_delivery *d = &s->shards[0].delivery;
  for (uint32_t i = 0; i <= d->mask; i++) {
    const uint32_t forms[] = {RT_FORM_narrow64, RT_FORM_middle64, RT_FORM_wide64};
    uint32_t form = 0;
    while (!d->lists[forms[form]]) form++;
    uint32_t *list = &d->lists[forms[form]][i];
    if (!*list) continue;
    uint32_t copy = d->free;
    d->free = d->events[copy].next;
    d->events[copy] = d->events[*list];
    d->events[copy].next = *list;
    *list = copy;
    return;
  }
}

static void fault(const char *what, void (*make)(struct rt_sim *), uint64_t at) {
  struct rt_sim s;
  int e = open_at(&s, net(), 2, NULL);
  if (!e) e = rt_run(&s, at);
  if (!e) make(&s);
  uint64_t begun = s.step;
  int found = e ? e : rt_run(&s, s.n_steps);
  ok(e == 0 && begun == at && found == NSL_EVERIFY && strstr(rt_error(), "net.nsl:3:1: error: verify: to[") &&
         strstr(rt_error(), "were expected from the spikes and the rules"),
     "%s: %s", what, found ? rt_error() : "not found");
  rt_close(&s);
}

/* ---- digests */

static bool digests_made(const char *folder, uint32_t threads) {
  struct rt_sim s;
  struct rt_out out = {0};
  int e = open_at(&s, net(), threads, NULL);
  if (!e) e = rt_run(&s, s.n_steps);
  if (!e) e = rt_out_open(&out, folder, true);
  if (!e) e = rt_digests_write(&s, &out);
  if (!e) e = rt_out_commit(&out);
  if (e) printf("# %s\n", rt_error());
  rt_out_drop(&out);
  rt_close(&s);
  return e == 0;
}

static void same_digests(void) {
  struct rt_sim s;
  int e = open_at(&s, net(), 1, "a");
  if (!e) e = rt_run(&s, s.n_steps);
  ok(e == 0, "the same run on another number of threads has the same digests%s%s", e ? ": " : "", e ? rt_error() : "");
  rt_close(&s);
  char a[200000], b[200000];
  size_t n[2] = {0};
  const char *const names[] = {"a/digests.csv", "b/digests.csv"};
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(names[i], "r");
    if (f) n[i] = fread(i ? b : a, 1, sizeof a, f), fclose(f);
  }
  ok(n[0] > 1000 && n[0] == n[1] && memcmp(a, b, n[0]) == 0, "their files are equal");
}

static void drift(void) {
  struct rt_sim s;
  int e = open_at(&s, net(), 2, "a");
  if (!e) e = rt_run(&s, 20);
  double *got = s.pops[to_pop].states[0];
  if (!e) got[1234] = nextafter(got[1234], INFINITY);
  int found = e ? e : rt_run(&s, s.n_steps);
  ok(e == 0 && found == NSL_EVERIFY &&
         strstr(rt_error(), "the state of to differs from that of the run in a at step 21 (t = 2.1 ms); at t = 2 ms all was equal"),
     "the last bit of one state: %s", found ? rt_error() : "not found");
  rt_close(&s);
}

static void compare_bad(void) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"nonsense\n", "line 1 of digests.csv is not the heading"},
      {"step,t_ms,population,digest\n0,0,from\n", "line 2 of digests.csv is not that of a digest"},
      {"step,t_ms,population,digest\n0,0,from,12\n0,0,else,12\n", "its populations are others: else stands where to does here"},
  };
  struct rt_sim s;
  ok(open_at(&s, net(), 1, "nowhere") == NSL_EIO && strstr(rt_error(), "there is no digests.csv"), "%s", rt_error());
  rt_close(&s);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    FILE *f = fopen("b/digests.csv", "w");
    if (f) fputs(cases[i].text, f), fclose(f);
    ok(open_at(&s, net(), 1, "b") == NSL_EINPUT && strstr(rt_error(), cases[i].message), "%s", rt_error());
    rt_close(&s);
  }
}

int main(void) {
  char folder[] = "/tmp/nsl-verify-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder)) return 1;
  right(1);
  right(3);
  fault("a synapse with another target", other_target, 0);
  fault("a weight that is one unit off", other_weight, 0);
  fault("a row that arrives a step later", later, 0);
  fault("two rows for each other", rows_swapped, 0);
  fault("a sum that is one unit off", sum_off, 16);
  fault("spikes under way lost", spikes_lost, 16);
  fault("a spike under way twice", spike_doubled, 16);
  ok(digests_made("a", 2) && digests_made("b", 3), "digests are written");
  same_digests();
  drift();
  compare_bad();
  return done();
}

/* Rows by source: every rule against the exact probabilities of all its outcomes where there are few, `no self` and
 * `no multiple` among them; the same row whoever asks, whenever; numbers without rows; rows of neighbours and
 * places in a row know nothing of each other. */
#include "runtime/rules.h"
#include "runtime/synapses.h"
#include "runtime/threads.h"
#include "tests/runtime/model.h"

enum { CELLS_MOST = 12, BITS = 2, OUTCOMES = 1 << (BITS * CELLS_MOST) };

static double score(double chi2, double k) { return (cbrt(chi2 / k) - (1 - 2 / (9 * k))) / sqrt(2 / (9 * k)); }

struct bench { /* one projection of a population onto itself */
  struct rt_sim s;
  struct rt_proj p;
  struct nsl_projection def;
  struct rt_pop pop;
};
struct what {
  const char *name;
  uint32_t rule;
  uint64_t n;
  double p;
  uint32_t s0, sn, t0, tn;
  bool no_self, no_multiple;
};

static void bench_begin(struct bench *b, const struct what *w, uint64_t seed, struct rt_team *team) {
  *b = (struct bench){
      .def = {.rule = w->rule, .no_multiple = w->no_multiple, .no_self = w->no_self, .chance = {.kernel = NSL_NONE}}};
  b->p = (struct rt_proj){.def = &b->def,
                          .source = &b->pop,
                          .target = &b->pop,
                          .s0 = w->s0,
                          .sn = w->sn,
                          .t0 = w->t0,
                          .tn = w->tn,
                          .n = w->n,
                          .p = w->p,
                          .self = w->no_self,
                          .rule_key = nslm_key(seed, 99)};
  b->s = (struct rt_sim){.projs = &b->p, .n_projs = 1, .team = team};
  void **hot = (void **)&b->s.hot;
  int k = 0;
#define HOT(name, arguments, doc) hot[k++] = (void *)(uintptr_t)rt_hot_##name;
#include "runtime/hot.def"
#undef HOT
  if (rt_rules_make(&b->s, b->s.projs, b->s.n_projs)) printf("# %s\n", rt_error());
}

/* ---- all outcomes: how often each pair is connected, in two bits each */

static uint32_t cell_of(const struct what *w, uint32_t source, uint32_t target) {
  return (source - w->s0) * w->tn + (target - w->t0);
}
static bool allowed(const struct what *w, uint32_t cell) {
  return !w->no_self || w->s0 + cell / w->tn != w->t0 + cell % w->tn;
}
/* Owner of a cell: what draws independently of the others. */
static uint32_t owner_of(const struct what *w, uint32_t cell) {
  return w->rule == NSL_INDEGREE ? cell % w->tn : w->rule == NSL_OUTDEGREE ? cell / w->tn : 0;
}

/* `left` more draws of this owner, then of the next; each of the cells it may draw is equally likely. */
static void enumerate(const struct what *w, double *law, uint32_t code, double p, uint32_t owner, uint32_t owners,
                      uint64_t left) {
  if (!left) {
    if (owner + 1 == owners) law[code] += p;
    else enumerate(w, law, code, p, owner + 1, owners, w->n);
    return;
  }
  uint32_t some[CELLS_MOST], n = 0;
  for (uint32_t c = 0; c < w->sn * w->tn; c++)
    if (owner_of(w, c) == owner && allowed(w, c) && !(w->no_multiple && code >> BITS * c & 3)) some[n++] = c;
  for (uint32_t i = 0; i < n; i++)
    enumerate(w, law, code + (1u << BITS * some[i]), p / n, owner, owners, left - 1);
}

static void enumerate_pairs(const struct what *w, double *law, uint32_t code, double p, uint32_t cell) {
  if (cell == w->sn * w->tn) {
    law[code] += p;
    return;
  }
  if (allowed(w, cell)) enumerate_pairs(w, law, code + (1u << BITS * cell), p * w->p, cell + 1);
  enumerate_pairs(w, law, code, allowed(w, cell) ? p * (1 - w->p) : p, cell + 1);
}

static uint32_t outcome(struct bench *b, const struct what *w, uint32_t **row, size_t *cap) {
  uint32_t code = 0;
  for (uint32_t i = w->s0; i < w->s0 + w->sn; i++) {
    uint64_t n;
    rt_rule_row(&b->s, &b->p, i, row, cap, &n);
    for (uint64_t k = 0; k < n; k++) code += 1u << BITS * cell_of(w, i, (*row)[k]);
  }
  return code;
}

static void exact(const struct what *w, int trials, struct rt_team *team) {
  double *law = calloc(OUTCOMES, sizeof *law), *seen = calloc(OUTCOMES, sizeof *seen), chi2 = 0, free_of = -1, sum = 0;
  uint32_t *row = NULL, owners = w->rule == NSL_INDEGREE ? w->tn : w->rule == NSL_OUTDEGREE ? w->sn : 1, impossible = 0;
  size_t cap = 0;
  if (w->rule == NSL_PROBABILITY) enumerate_pairs(w, law, 0, 1, 0);
  else enumerate(w, law, 0, 1, 0, owners, w->n);
  for (int i = 0; i < trials; i++) {
    struct bench b;
    bench_begin(&b, w, (uint64_t)i, team);
    seen[outcome(&b, w, &row, &cap)]++;
    rt_mem_free(&b.s.mem);
  }
  double rest = 0, rest_seen = 0;
  for (uint32_t i = 0; i < OUTCOMES; i++) {
    sum += law[i];
    if (law[i] == 0) impossible += seen[i] > 0;
    else if (law[i] * trials < 5) rest += law[i] * trials, rest_seen += seen[i];
    else chi2 += (seen[i] - law[i] * trials) * (seen[i] - law[i] * trials) / (law[i] * trials), free_of++;
  }
  if (rest >= 5) chi2 += (rest_seen - rest) * (rest_seen - rest) / rest, free_of++;
  double z = free_of > 0 ? score(chi2, free_of) : 0;
  ok(fabs(sum - 1) < 1e-9 && !impossible && free_of > 0 && fabs(z) < 4,
     "%s: %g outcomes, chi2 %.0f: %.2f standard deviations off", w->name, free_of + 1, chi2, z);
  rt_drop(&row);
  free(law);
  free(seen);
}

static void all_exact(struct rt_team *team) {
  static const struct what cases[] = {
      {"indegree(2)", NSL_INDEGREE, 2, 0, 0, 3, 0, 3, false, false},
      {"indegree(2), no self", NSL_INDEGREE, 2, 0, 0, 3, 0, 3, true, false},
      {"indegree(2), no self, slices that overlap", NSL_INDEGREE, 2, 0, 1, 3, 2, 3, true, false},
      {"indegree(1), no self, more sources", NSL_INDEGREE, 1, 0, 0, 4, 1, 3, true, false},
      {"indegree(2), no multiple", NSL_INDEGREE, 2, 0, 0, 4, 0, 3, false, true},
      {"indegree(2), no self, no multiple", NSL_INDEGREE, 2, 0, 0, 4, 1, 3, true, true},
      {"outdegree(2)", NSL_OUTDEGREE, 2, 0, 0, 3, 0, 3, false, false},
      {"outdegree(2), no self", NSL_OUTDEGREE, 2, 0, 0, 3, 0, 3, true, false},
      {"outdegree(2), no self, no multiple", NSL_OUTDEGREE, 2, 0, 0, 3, 1, 4, true, true},
      {"total_number(3)", NSL_TOTAL_NUMBER, 3, 0, 0, 3, 0, 3, false, false},
      {"total_number(3), no self", NSL_TOTAL_NUMBER, 3, 0, 0, 3, 1, 3, true, false},
      {"total_number(3), no multiple", NSL_TOTAL_NUMBER, 3, 0, 0, 3, 0, 3, false, true},
      {"total_number(4), no self, no multiple", NSL_TOTAL_NUMBER, 4, 0, 0, 3, 1, 3, true, true},
      {"probability(0.3)", NSL_PROBABILITY, 0, 0.3, 0, 3, 0, 3, false, false},
      {"probability(0.6), no self", NSL_PROBABILITY, 0, 0.6, 0, 3, 1, 3, true, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) exact(&cases[i], 20000, team);
}

/* ---- rows asked for in any order; numbers alone; totals */

static void orders(struct rt_team *one, struct rt_team *three) {
  static const struct what cases[] = {
      {"indegree", NSL_INDEGREE, 37, 0, 10, 500, 0, 700, true, false},
      {"indegree, no multiple", NSL_INDEGREE, 37, 0, 10, 500, 0, 700, true, true},
      {"outdegree", NSL_OUTDEGREE, 37, 0, 10, 500, 0, 700, true, false},
      {"outdegree, no multiple", NSL_OUTDEGREE, 37, 0, 10, 500, 0, 700, true, true},
      {"total_number", NSL_TOTAL_NUMBER, 25000, 0, 10, 500, 0, 700, true, false},
      {"total_number, no multiple", NSL_TOTAL_NUMBER, 25000, 0, 10, 500, 0, 700, true, true},
      {"probability", NSL_PROBABILITY, 0, 0.07, 10, 500, 0, 700, true, false},
      {"total_number of many sources", NSL_TOTAL_NUMBER, 400000, 0, 0, 200000, 0, 300, false, false},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const struct what *w = &cases[c];
    struct bench a, b;
    bench_begin(&a, w, 5, one);
    bench_begin(&b, w, 5, three);
    struct rt_synapses k = {.s = &a.s};
    uint32_t *up = NULL, *down = NULL;
    size_t up_cap = 0, down_cap = 0;
    uint64_t sum = 0, n, m, counted;
    bool same = true, count = true;
    for (uint32_t i = 0; i < w->sn; i++) {
      uint32_t other = w->s0 + w->sn - 1 - i; /* so that the halves come in opposite orders */
      rt_rule_row(&a.s, &a.p, other, &up, &up_cap, &n);
      rt_rule_row(&b.s, &b.p, w->s0 + i, &down, &down_cap, &m);
      rt_rule_row(&b.s, &b.p, other, &down, &down_cap, &m);
      same &= n == m && (!n || !memcmp(up, down, n * sizeof *up));
      count &= rt_synapses_count(&k, &a.p, other, &counted) == 0 && counted == n;
      sum += n;
    }
    uint64_t want = w->rule == NSL_INDEGREE ? w->n * w->tn : w->rule == NSL_OUTDEGREE ? w->n * w->sn : w->n;
    ok(same && count && (w->rule == NSL_PROBABILITY || sum == want),
       "%s: equal rows in any order, by 1 and 3 threads; numbers are those of the rows (%llu synapses)", w->name,
       (unsigned long long)sum);
    rt_synapses_drop(&k);
    rt_drop(&up);
    rt_drop(&down);
    rt_mem_free(&a.s.mem);
    rt_mem_free(&b.s.mem);
  }
}

/* ---- independence */

/* Targets in a row against their places in it, and pairs of synapses of neighbouring rows on one target. */
static void independent(const struct what *w, double shared_each, struct rt_team *team) {
  enum { PLACES = 8, BLOCKS = 16 };
  struct bench b;
  bench_begin(&b, w, 11, team);
  uint32_t *row = NULL, *last = calloc(w->tn, sizeof *last);
  size_t cap = 0;
  uint64_t n, before = 0;
  double cells[PLACES][BLOCKS] = {{0}}, chi2 = 0, shared = 0, want = 0;
  for (uint32_t i = 0; i < w->sn; i++) {
    rt_rule_row(&b.s, &b.p, i, &row, &cap, &n);
    for (uint64_t k = 0; k < n; k++) {
      cells[k * PLACES / n][(uint64_t)row[k] * BLOCKS / w->tn]++;
      if (i % 2) shared += last[row[k]];
    }
    if (i % 2) want += (double)n * (double)before * shared_each;
    before = n;
    memset(last, 0, w->tn * sizeof *last);
    for (uint64_t k = 0; k < n; k++) last[row[k]]++;
  }
  double place[PLACES] = {0};
  for (int i = 0; i < PLACES; i++)
    for (int j = 0; j < BLOCKS; j++) place[i] += cells[i][j];
  for (int i = 0; i < PLACES; i++)
    for (int j = 0; j < BLOCKS; j++) {
      double e = place[i] / BLOCKS;
      chi2 += (cells[i][j] - e) * (cells[i][j] - e) / e;
    }
  /* drawn without repetition, cells vary less: only too much is wrong; indegree gives them in ascending order */
  bool ascending = w->rule == NSL_INDEGREE && w->no_multiple;
  double z = ascending ? 0 : score(chi2, PLACES * (BLOCKS - 1)), off = (shared - want) / sqrt(want);
  ok(z < 4 && (w->no_multiple || z > -4) && fabs(off) < 4,
     "%s: targets by places in the row %.2f, targets shared by neighbours (%.0f) %.2f standard deviations off", w->name,
     z, shared, off);
  rt_drop(&row);
  free(last);
  rt_mem_free(&b.s.mem);
}

int main(void) {
  struct rt_team *one = rt_team_new(1, false), *three = rt_team_new(3, false);
  all_exact(one);
  orders(one, three);
  /* two synapses of different sources are on one target with this probability */
  independent(&(struct what){"indegree", NSL_INDEGREE, 100, 0, 0, 1000, 0, 2000, false, false}, 99 / 199999.0, one);
  independent(&(struct what){"indegree of many", NSL_INDEGREE, 1000, 0, 0, 1000, 0, 4000, false, false}, 999 / 3999999.0,
              one);
  independent(&(struct what){"indegree, no multiple", NSL_INDEGREE, 100, 0, 0, 1000, 0, 2000, false, true},
              99.0 / 100 * 1000 / 999 / 2000, one);
  independent(&(struct what){"outdegree", NSL_OUTDEGREE, 200, 0, 0, 1000, 0, 2000, false, false}, 1 / 2000.0, one);
  independent(&(struct what){"outdegree, no multiple", NSL_OUTDEGREE, 200, 0, 0, 1000, 0, 2000, false, true}, 1 / 2000.0,
              one);
  independent(&(struct what){"total_number", NSL_TOTAL_NUMBER, 200000, 0, 0, 1000, 0, 2000, false, false}, 1 / 2000.0, one);
  independent(&(struct what){"probability", NSL_PROBABILITY, 0, 0.1, 0, 1000, 0, 2000, false, false}, 1 / 2000.0, one);
  rt_team_free(one);
  rt_team_free(three);
  return done();
}

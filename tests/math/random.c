/* The random numbers: Philox4x32-10 against Random123's known answers, then each distribution against its
 * own law (chi-square over cells of equal probability, mean and variance), Poisson, binomial and hypergeometric counts
 * against their probabilities, and independence of neighbouring keys. Seeds are fixed, so a pass is a pass for ever;
 * limits are at 4.5 standard deviations of the statistic. */
#include "math/math.h"
#include "tests/math/tap.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400000, CELLS = 100 };
#define LIMIT 4.5

static void test_philox(void)
{
  static const uint32_t cases[3][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
  };
  for (int i = 0; i < 3; i++) {
    const uint32_t *c = cases[i];
    NslmWords w = nslm_philox((uint64_t)c[5] << 32 | c[4], c[0], c[1], c[2], c[3]);
    tap_ok(!memcmp(w.w, c + 6, sizeof w), "philox4x32-10, known answer %d", i + 1);
  }
}

/* How far a chi-square with so many degrees of freedom is from its mean, in standard deviations (cube-root
 * normal approximation). */
static double chi_score(double chi, double freedom)
{
  double v = 2 / (9 * freedom);
  return (cbrt(chi / freedom) - (1 - v)) / sqrt(v);
}

typedef double Law(double x, const double *p); /* P(X <= x) */

static double law_uniform(double x, const double *p) { return (x - p[0]) / (p[1] - p[0]); }
static double law_normal(double x, const double *p) { return erfc(-(x - p[0]) / p[1] / sqrt(2)) / 2; }
static double law_lognormal(double x, const double *p) { return x > 0 ? law_normal(log(x), p) : 0; }
static double law_exponential(double x, const double *p) { return x > 0 ? -expm1(-x / p[0]) : 0; }

typedef double Draw(uint64_t i, const double *p, const double *range);

static double draw_unit(uint64_t i, const double *p, const double *range)
{
  (void)p, (void)range;
  return nslm_draw_unit_f64(11, i, 3, 1);
}
#define KEYS 12, i, 5, 2
static double draw_uniform(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_uniform_within_f64(KEYS, p[0], p[1], range[0], range[1]) : nslm_draw_uniform_f64(KEYS, p[0], p[1]);
}
static double draw_normal(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_normal_within_f64(KEYS, p[0], p[1], range[0], range[1]) : nslm_draw_normal_f64(KEYS, p[0], p[1]);
}
static double draw_normal_f32(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_normal_within_f32(KEYS, (float)p[0], (float)p[1], (float)range[0], (float)range[1])
               : nslm_draw_normal_f32(KEYS, (float)p[0], (float)p[1]);
}
static double draw_lognormal_f32(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_lognormal_within_f32(KEYS, (float)p[0], (float)p[1], (float)range[0], (float)range[1])
               : nslm_draw_lognormal_f32(KEYS, (float)p[0], (float)p[1]);
}
static double draw_lognormal(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_lognormal_within_f64(KEYS, p[0], p[1], range[0], range[1]) : nslm_draw_lognormal_f64(KEYS, p[0], p[1]);
}
static double draw_exponential(uint64_t i, const double *p, const double *range)
{
  return range ? nslm_draw_exponential_within_f64(KEYS, p[0], range[0], range[1]) : nslm_draw_exponential_f64(KEYS, p[0]);
}

/* P(X <= x) of each draw must be uniform: cells, mean, variance. */
static void test_law(const char *name, Draw *draw, Law *law, const double *p, const double *range)
{
  double cells[CELLS] = {0}, sum = 0, squares = 0, chi = 0;
  double bottom = range ? law(range[0], p) : 0, top = range ? law(range[1], p) : 1;
  int outside = 0;
  for (uint64_t i = 0; i < N; i++) {
    double x = draw(i, p, range), u = (law(x, p) - bottom) / (top - bottom);
    if (!(u >= -1e-12 && u <= 1 + 1e-12) || (range && (x < range[0] || x > range[1]))) {
      outside++;
      continue;
    }
    int cell = (int)(u * CELLS);
    cells[cell < 0 ? 0 : cell >= CELLS ? CELLS - 1 : cell]++;
    sum += u - 0.5;
    squares += (u - 0.5) * (u - 0.5);
  }
  for (int i = 0; i < CELLS; i++)
    chi += (cells[i] - N / CELLS) * (cells[i] - N / CELLS) / (N / CELLS);
  double score = chi_score(chi, CELLS - 1), mean = sum / sqrt(N / 12.0), spread = (squares / N - 1 / 12.0) / sqrt(1 / 180.0 / N);
  tap_ok(!outside && fabs(score) < LIMIT && fabs(mean) < LIMIT && fabs(spread) < LIMIT,
         "%s%s: chi-square %.2f, mean %.2f, variance %.2f standard deviations off", name, range ? " within" : "", score, mean,
         spread);
}

static void test_laws(void)
{
  static const double unit[] = {0, 1}, plain[] = {-70, -50}, normal[] = {-58, 10}, logs[] = {0.5, 0.75}, mean[] = {2.5};
  static const double inside[] = {-65, -51}, right[] = {-48, INFINITY}, some[] = {1, 4}, far[] = {-32, -28};
  test_law("unit", draw_unit, law_uniform, unit, 0);
  test_law("uniform", draw_uniform, law_uniform, plain, 0);
  test_law("uniform", draw_uniform, law_uniform, plain, inside);
  test_law("normal", draw_normal, law_normal, normal, 0);
  test_law("normal f32", draw_normal_f32, law_normal, normal, 0);
  test_law("normal f32", draw_normal_f32, law_normal, normal, inside);
  test_law("normal f32, upper", draw_normal_f32, law_normal, normal, right);
  test_law("normal f32, far", draw_normal_f32, law_normal, normal, far); /* few cells: drawn again */
  test_law("lognormal f32", draw_lognormal_f32, law_lognormal, logs, 0);
  test_law("lognormal f32", draw_lognormal_f32, law_lognormal, logs, some);
  test_law("normal", draw_normal, law_normal, normal, inside);
  test_law("normal", draw_normal, law_normal, normal, right);
  test_law("lognormal", draw_lognormal, law_lognormal, logs, 0);
  test_law("lognormal", draw_lognormal, law_lognormal, logs, some);
  test_law("exponential", draw_exponential, law_exponential, mean, 0);
  test_law("exponential", draw_exponential, law_exponential, mean, some);
}

/* The float normal is a function of one word: against the law at words from end to end. */
/* Philox4x32 with seven rounds, as the paper has it: the product's high half of one word meets the next. */
static NslmWords philox_7(uint64_t key, uint64_t block, uint32_t step)
{
  uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), step, 0}, k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  for (int i = 0; i < 7; i++) {
    uint64_t p = (uint64_t)0xD2511F53u * c[0], q = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k[0], (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k[1], (uint32_t)p};
    memcpy(c, next, sizeof c);
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return (NslmWords){{c[0], c[1], c[2], c[3]}};
}

static void test_quick_normal(void)
{
  double worst = 0;
  int falls = 0;
  for (uint64_t i = 0; i < N; i++) {
    double x = nslm_draw_normal_f32(61, i, 1, 0, 0, 1);
    uint64_t block = i >> 2, key = ~(uint64_t)61; /* as body_quick.h takes it */
    uint64_t stream = key ^ 0x9e3779b97f4a7c15u;
    stream = (stream ^ (stream >> 30)) * 0xbf58476d1ce4e5b9u;
    stream = (stream ^ (stream >> 27)) * 0x94d049bb133111ebu;
    stream ^= stream >> 31;
    NslmWords w = philox_7(stream, block, 1);
    double u = (w.w[i & 3] + 0.5) * 0x1p-32, tail = u < 0.5 ? u : 1 - u;
    double below = 0.5 * erfc(fabs(x) / sqrt(2)), density = exp(-x * x / 2) / sqrt(2 * acos(-1.0));
    double off = fabs(below - tail) / density / fmax(fabs(x), 0x1p-10);
    worst = fmax(worst, off);
    falls += (x < 0) != (u < 0.5) && fabs(x) > 1e-6;
  }
  tap_ok(worst < 6e-7 && !falls, "normal f32: as a function of its word right to %.2g of itself", worst);
}

/* Counts beyond s standard deviations on either side, and the moments a Box-Muller with a poor log or cos
 * would miss. */
static void test_normal_tails(void)
{
  double moments[5] = {0};
  int beyond[5] = {0}, n = 4 * N;
  for (int i = 0; i < n; i++) {
    double z = nslm_draw_normal_f64(21, (uint64_t)i, 1, 0, 0, 1);
    for (int k = 1; k <= 4; k++)
      moments[k] += pow(z, k) / n;
    for (int s = 1; s < 5; s++)
      beyond[s] += fabs(z) > s;
  }
  static const double value[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
  for (int k = 1; k <= 4; k++) {
    double score = (moments[k] - value[k]) / sqrt(variance[k] / n);
    tap_ok(fabs(score) < LIMIT, "normal: moment %d is %.4f (%.2f standard errors)", k, moments[k], score);
  }
  for (int s = 1; s < 5; s++) {
    double p = erfc(s / sqrt(2)), score = (beyond[s] - n * p) / sqrt(n * p * (1 - p));
    tap_ok(fabs(score) < LIMIT, "normal: %d beyond %d sigma (%.2f standard errors)", beyond[s], s, score);
  }
}

static void test_counts(const char *name, const int64_t *counts, int n, double mean)
{
  enum { MOST = 8000 };
  int64_t least = (int64_t)fmax(0, mean - 10 * sqrt(mean) - 20);
  double seen[MOST + 1] = {0}, sum = 0, squares = 0, chi = 0, freedom = -1, want = 0, got = 0;
  double p = exp((double)least * log(mean) - mean - lgamma((double)least + 1));
  for (int i = 0; i < n; i++) {
    double c = (double)counts[i] - mean;
    int64_t at = counts[i] - least;
    seen[at < 0 || at > MOST ? MOST : at]++;
    sum += c;
    squares += c * c;
  }
  double left = n, seen_left = n;
  for (int j = 0; j < MOST; j++, p *= mean / (double)(least + j)) { /* cells of at least 20 expected */
    want += n * p;
    got += seen[j];
    if (want >= 20 && left - want >= 20) {
      chi += (got - want) * (got - want) / want;
      freedom++;
      left -= want;
      seen_left -= got;
      want = got = 0;
    }
  }
  chi += (seen_left - left) * (seen_left - left) / left;
  freedom++;
  double score = freedom > 0 ? chi_score(chi, freedom) : 0, off = sum / n / sqrt(mean / n);
  double spread = (squares / n - mean) / sqrt((mean + 2 * mean * mean) / n);
  tap_ok(seen[MOST] == 0 && fabs(score) < LIMIT && fabs(off) < LIMIT && fabs(spread) < LIMIT,
         "%s %g: chi-square %.2f (%g), mean %.2f, variance %.2f standard deviations off", name, mean, score, freedom, off, spread);
}

/* The probabilities that a table stands for, as integers of 2^-64; gives their sum (2^64, which is 0). */
static uint64_t table_masses(const NslmPoisson *t, uint64_t *mass)
{
  int small = t->cells == NSLM_POISSON_CELLS;
  uint64_t code = (uint64_t)1 << (small ? 48 : 32), sum = 0;
  for (uint32_t k = 0; k < t->rest_n; k++)
    sum += mass[k] = t->rest[k] - (k ? t->rest[k - 1] : 0);
  for (uint32_t c = 0; c < t->cells; c++) {
    uint64_t share = ((uint64_t)1 << (small ? 16 : 32)) / t->cells;
    uint32_t other = small ? t->other[c] : (uint32_t)(t->large[c] >> 32);
    uint64_t own = (small ? t->limit[c] : (uint32_t)t->large[c]) / t->cells;
    if (c + 1 < t->cells && own)
      mass[t->first + c - t->rest_first] += own * code;
    if (other + 1 < t->cells)
      mass[t->first + other - t->rest_first] += (share - own) * code;
    sum += (c + 1 < t->cells ? own * code : 0) + (other + 1 < t->cells ? (share - own) * code : 0);
  }
  return sum;
}

/* Against exp(-mean) mean^k / k! in long doubles (mean < 10,000); the tables' moments. */
static void test_table(double mean)
{
  static uint64_t room[1 << 13], mass[1 << 13];
  NslmPoisson t;
  if (nslm_poisson_room(mean) > 1 << 13 || nslm_poisson_make(mean, room, &t)) {
    tap_ok(0, "poisson table %g", mean);
    return;
  }
  uint64_t sum = table_masses(&t, mass);
  long double part = mean / (double)t.parts, p = expl(-part), first = 0, second = 0, worst = 0;
  for (uint32_t k = 1; k <= t.rest_first; k++)
    p *= part / k;
  for (uint32_t i = 0; i < t.rest_n; i++, p *= part / (t.rest_first + i)) {
    long double off = (long double)mass[i] - p * 0x1p64L, d = t.rest_first + i - part;
    worst = fmaxl(worst, fabsl(off) / (4 + p * 0x1p64L * 1e-18L * (part + 8)));
    first += d * (long double)mass[i] * 0x1p-64L;
    second += d * d * (long double)mass[i] * 0x1p-64L;
  }
  tap_ok(sum == 0 && worst < 1 && fabsl(first) < 1e-15L * (part + 1) && fabsl(second - part) < 1e-14L * (part + 1),
         "poisson table %g: %u parts, %u cells; %.2Lf of the error allowed, mean %.2Lg and variance %.2Lg off", mean, t.parts,
         t.cells, worst, first, second - part);
}

static void test_poisson(void)
{
  enum { COUNT = 1000000, MEANS = 16 };
  static const double means[MEANS] = {1e-4, 0.01, 0.8, 1.2, 2.32, 6, 9, 12, 12.5, 20, 27, 28, 90, 1000, 1e4, 1e5};
  static int64_t counts[COUNT];
  static double each[COUNT];
  uint64_t room[1 << 13];
  NslmPoisson t;
  for (int k = 0; k < MEANS; k++) {
    nslm_poisson_make(means[k], room, &t);
    memset(counts, 0, sizeof counts);
    nslm_poisson_add_i64(counts, 0, COUNT, 1, 31, (uint64_t)k, &t);
    test_counts("poisson table", counts, COUNT, means[k]);
    for (int i = 0; i < COUNT; i++)
      each[i] = means[k];
    nslm_poisson_each_i64(counts, 0, COUNT, 32, (uint64_t)k, each);
    test_counts("poisson each", counts, COUNT, means[k]);
    test_table(means[k]);
  }
  for (double mean = 0.25; mean < 9000; mean *= 1.9)
    test_table(mean);
  test_table(1e-30);
  tap_ok(nslm_poisson_make(-1, room, &t) && nslm_poisson_make(NAN, room, &t) && nslm_poisson_make(1e9, room, &t) &&
           !nslm_poisson_make(0, room, &t) && t.parts == 0,
         "poisson table refuses what is no mean");
}

/* log of n! / (k! (n-k)!) */
static double log_choose(double n, double k) { return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1); }

static double log_binomial(double k, const double *p)
{
  return log_choose(p[0], k) + k * log(p[1]) + (p[0] - k) * log1p(-p[1]);
}

static double log_hypergeometric(double k, const double *p)
{
  return k > p[0] || p[2] - k > p[1] ? -INFINITY
                                     : log_choose(p[0], k) + log_choose(p[1], p[2] - k) - log_choose(p[0] + p[1], p[2]);
}

/* Counts of `from` .. `to` against the law's terms, in cells of at least 20 expected. */
static void test_terms(const char *name, const double *seen, int from, int to, double (*law)(double k, const double *p),
                       const double *p)
{
  double chi = 0, freedom = 0, want = 0, got = 0, left = N, seen_left = N;
  for (int k = from; k <= to; k++) {
    want += N * exp(law(k, p));
    got += seen[k - from];
    if (want < 20 || left - want < 20)
      continue;
    chi += (got - want) * (got - want) / want;
    freedom++;
    left -= want;
    seen_left -= got;
    want = got = 0;
  }
  if (left > 1)
    chi += (seen_left - left) * (seen_left - left) / left;
  else
    freedom--;
  double score = chi_score(chi, freedom);
  tap_ok(fabs(score) < LIMIT, "%s %g, %g, %g: chi-square %.2f standard deviations off (%g cells)", name, p[0], p[1], p[2],
         score, freedom);
}

/* Sizes for which the terms of the law cannot be counted: mean and variance. */
static void test_large(void)
{
  static const double n = 1e12, p = 0.3;
  double sums[4] = {0};
  for (uint64_t i = 0; i < N; i++) {
    double b = ((double)nslm_draw_binomial_u64(53, i, 0, 0, (uint64_t)n, p) - n * p) / sqrt(n * p * (1 - p));
    double h = ((double)nslm_draw_hypergeometric_u64(54, i, 0, 0, (uint64_t)n, (uint64_t)n, (uint64_t)n) - n / 2) / sqrt(n / 8);
    sums[0] += b, sums[1] += b * b, sums[2] += h, sums[3] += h * h;
  }
  tap_ok(fabs(sums[0] / sqrt(N)) < LIMIT && fabs((sums[1] - N) / sqrt(2 * N)) < LIMIT,
         "binomial of 1e12: mean %.2f, variance %.2f standard deviations off", sums[0] / sqrt(N), (sums[1] - N) / sqrt(2 * N));
  tap_ok(fabs(sums[2] / sqrt(N)) < LIMIT && fabs((sums[3] - N) / sqrt(2 * N)) < LIMIT,
         "hypergeometric of 1e12: mean %.2f, variance %.2f standard deviations off", sums[2] / sqrt(N),
         (sums[3] - N) / sqrt(2 * N));
}

static void test_splits(void)
{
  static const double binomials[][3] = {{1, 0.3}, {7, 0.5}, {40, 0.9}, {1000, 0.004}, {25, 0.5}, {400, 0.5}, {900, 0.97}, {1500, 0.01}};
  static const double drawn[][3] = {{3, 4, 2},       {10, 5, 8},         {50, 3, 20},       {30, 3000, 90},
                                    {400, 400, 300}, {1000, 300, 1100}, {700, 90000, 9000}};
  static double seen[2000];
  for (int c = 0; c < 8; c++) {
    const double *p = binomials[c];
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < N; i++)
      seen[nslm_draw_binomial_u64(51, i, (uint64_t)c, 0, (uint64_t)p[0], p[1])]++;
    test_terms("binomial", seen, 0, (int)p[0], log_binomial, p);
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < N; i++) seen[(int)nslm_draw_binomial_f64(53, i, (uint64_t)c, 0, p[0], p[1])]++;
    test_terms("binomial of elements", seen, 0, (int)p[0], log_binomial, p);
  }
  for (int c = 0; c < 7; c++) {
    const double *p = drawn[c];
    int from = (int)fmax(0, p[2] - p[1]), to = (int)fmin(p[0], p[2]);
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < N; i++)
      seen[nslm_draw_hypergeometric_u64(52, i, (uint64_t)c, 0, (uint64_t)p[0], (uint64_t)p[1], (uint64_t)p[2]) - (uint64_t)from]++;
    test_terms("hypergeometric", seen, from, to, log_hypergeometric, p);
  }
  test_large();
}

static double uniform_of(uint64_t seed, uint64_t path, uint64_t elem, uint64_t step, uint32_t ordinal)
{
  return nslm_draw_unit_f64(nslm_key(seed, path), elem, step, ordinal) - 0.5;
}

/* Members of a sequence: each uniform, neighbours independent. */
static double draw_turn(uint64_t i, const double *p, const double *range)
{
  (void)p;
  (void)range;
  return nslm_draw_turn_f64(61, i % 1000, i / 1000000, 2, (double)(i / 1000 % 1000));
}

static void test_turns(void)
{
  static const double unit[] = {0, 1};
  double sum = 0;
  test_law("turn", draw_turn, law_uniform, unit, 0);
  for (uint64_t i = 0; i < N; i++)
    sum += (nslm_draw_turn_f64(61, i, 0, 2, 5) - 0.5) * (nslm_draw_turn_f64(61, i, 0, 2, 6) - 0.5) * 12;
  tap_ok(fabs(sum / sqrt(N)) < LIMIT, "neighbouring turns: correlation %.2f standard errors", sum / sqrt(N));
  tap_ok(nslm_draw_turn_f64(61, 7, 3, 2, 0) == nslm_draw_unit_f64(61, 7, 3, 2), "turn 0 is the draw itself");
}

static void test_independence(void)
{
  static const char *const what[] = {"seeds", "paths", "elements", "steps", "ordinals", "elements 2^32 apart", "steps 2^32 apart"};
  for (int k = 0; k < 7; k++) {
    double sum = 0;
    for (uint64_t i = 0; i < N; i++) {
      double a = uniform_of(1, 2, i, 3, 4);
      double b = uniform_of(1 + (k == 0), 2 + (k == 1), i + (k == 2) + ((uint64_t)(k == 5) << 32),
                            3 + (k == 3) + ((uint64_t)(k == 6) << 32), 4 + (k == 4));
      sum += a * b * 12;
    }
    tap_ok(fabs(sum / sqrt(N)) < LIMIT, "neighbouring %s: correlation %.2f standard errors", what[k], sum / sqrt(N));
  }
}

static int compare_keys(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void test_hash(void)
{
  static uint64_t keys[N];
  char text[32];
  int doubles = 0;
  for (int i = 0; i < N; i++) {
    int n = snprintf(text, sizeof text, "net.cell[%d]", i);
    keys[i] = nslm_key(1, nslm_hash(text, (size_t)n, 0));
  }
  qsort(keys, N, sizeof *keys, compare_keys);
  for (int i = 1; i < N; i++)
    doubles += keys[i] == keys[i - 1];
  tap_ok(!doubles, "hash: %d names, no two the same key", N);
  double flips = 0;
  for (int bit = 0; bit < 64; bit++)
    for (uint64_t i = 0; i < 1000; i++)
      flips += __builtin_popcountll(nslm_key(i, 77) ^ nslm_key(i ^ (1ull << bit), 77)) / 64000.0;
  tap_ok(fabs(flips - 32) < 0.1, "key: one bit of the seed flips %.2f of 64", flips);
  tap_ok(nslm_hash("E", 1, nslm_hash("net", 3, 0)) != nslm_hash("netE", 4, 0), "hash: the parts of a path count");
  double cells[7] = {0}, chi = 0;
  for (uint64_t i = 0; i < N; i++)
    cells[nslm_draw_index_u64(41, i, 0, 0, 7)]++;
  for (int i = 0; i < 7; i++)
    chi += (cells[i] - N / 7.0) * (cells[i] - N / 7.0) / (N / 7.0);
  tap_ok(fabs(chi_score(chi, 6)) < LIMIT, "index: chi-square %.2f standard deviations off", chi_score(chi, 6));
}

int main(void)
{
  test_philox();
  test_laws();
  test_quick_normal();
  test_normal_tails();
  test_poisson();
  test_splits();
  test_turns();
  test_independence();
  test_hash();
  return tap_done();
}

/* Binomial and hypergeometric counts of any size, exact: as draws, functions of (key, element, step, ordinal).
 *
 * Means below 10: inversion, P(count <= k) summed upwards until it passes a uniform of 52 bits. Others: ratio
 * of uniforms with Stadlober's hat, which covers both laws with the same constants (E. Stadlober, "Ratio of
 * uniforms as a convenient method for sampling from classical discrete distributions", Winter Simulation
 * Conference 1989; 1.4 attempts on average). What decides there is a logarithm of a probability relative to
 * that of the mode. It is taken in Loader's form (C. Loader, "Fast and accurate computation of binomial
 * probabilities", 2000): deviances and Stirling's errors, all small numbers, so that counts of 10^12 are
 * decided to 10^-12 where differences of log-factorials would have lost everything. Only our own functions and
 * no contraction: the bits are the same on every machine. */
#include "math/math.h"
#include "math/random.h"

enum { SERIES_FROM = 16, INVERSION_MOST = 160 };
#define INVERSION_MEAN 10.0
#define HAT_SPREAD 1.7155277699214135 /* 2 sqrt(2 / e) */
#define HAT_MORE 0.8989161620588988   /* 3 - 2 sqrt(3 / e) */
#define TWO_PI 6.283185307179586

static double unit_of(uint64_t bits)
{
  return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

/* log k! - (k log k - k): Stirling's error and its square root. */
static double stirling_rest(double k)
{
  static const double few[SERIES_FROM] = {
    0, 1, 1.3068528194400546, 1.4959226032237258,
    1.6328763858683832, 1.7403021806115442, 1.828694396641771, 1.9037903176782212,
    1.9690705693065629, 2.0268062840554952, 2.0785616431350586, 2.1254598450918101,
    2.1683346982058822, 2.2078222061234452, 2.2444185681250608, 2.2785183673077407};
  if (k < SERIES_FROM)
    return few[(int)k];
  double r = 1 / (k * k);
  double error = (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - (1 / 1680.0 - r / 1188) * r) * r) * r) / k;
  return error + 0.5 * nslm_log_f64(TWO_PI * k);
}

/* x log(x / mean) + mean - x, without cancellation. */
static double deviance(double x, double mean)
{
  double v = (x - mean) / (x + mean);
  if (x == 0)
    return mean;
  if (!(v < 0.1 && v > -0.1))
    return x * nslm_log_f64(x / mean) + mean - x;
  double sum = (x - mean) * v, term = 2 * x * v;
  v = v * v;
  for (int j = 3; j < 60; j += 2) {
    term = term * v;
    double more = sum + term / j;
    if (more == sum)
      break;
    sum = more;
  }
  return sum;
}

/* log of p^k q^(n-k) n! / (k! (n-k)!) but for the part of n! that no k changes. */
static double log_share(double k, double n, double p, double q)
{
  return -stirling_rest(k) - stirling_rest(n - k) - deviance(k, n * p) - deviance(n - k, n * q);
}

/* n of good + bad are drawn, or (bad < 0) each of `good` with probability p. */
struct law {
  double good, bad, n, p, q;
};

static double law_log(const struct law *l, double k)
{
  double own = log_share(k, l->good, l->p, l->q);
  return l->bad < 0 ? own : own + log_share(l->n - k, l->bad, l->p, l->q);
}

static double law_most(const struct law *l)
{
  return l->bad >= 0 && l->n < l->good ? l->n : l->good;
}

static double ratio_of_uniforms(uint64_t stream, uint64_t elem, uint64_t step, const struct law *l, double mean,
                                double variance, double mode)
{
  double hat = HAT_SPREAD * __builtin_sqrt(variance + 0.5) + HAT_MORE, most = law_most(l), top = law_log(l, mode);
  for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
    uint64_t a, b;
    random_block(stream, elem, step, attempt, &a, &b);
    double u = unit_of(a), x = mean + 0.5 + hat * (unit_of(b) - 0.5) / u;
    if (!(x >= 0 && x < most + 1))
      continue;
    double k = __builtin_floor(x), relative = law_log(l, k) - top;
    if (u * (4 - u) - 3 <= relative || 2 * nslm_log_f64(u) <= relative)
      return k;
  }
  return mode; /* not in the lifetime of the machine: (1 - 1 / 1.4)^10000 */
}

/* none: P(0); P(k + 1) = P(k) (good - k) odds / (k + 1), odds p / q or (n - k) / (bad - n + k + 1). */
static double inversion(double u, const struct law *l, double none)
{
  double p = none, sum = p, k = 0, most = law_most(l);
  while (u > sum && k < most && k < INVERSION_MOST) {
    double odds = l->bad < 0 ? l->p / l->q : (l->n - k) / (l->bad - l->n + k + 1);
    p = p * (l->good - k) * odds / (k + 1);
    sum += p;
    k++;
  }
  return k;
}

static double uniform_of(uint64_t stream, uint64_t elem, uint64_t step)
{
  uint64_t a, b;
  random_block(stream, elem, step, 0, &a, &b);
  return unit_of(a);
}

uint64_t nslm_draw_binomial_u64(NSLM_KEYED, uint64_t n, double p)
{
  if (!(p > 0) || !n)
    return 0;
  if (p >= 1)
    return n;
  int other = p > 0.5;
  double few = other ? 1 - p : p, mean = (double)n * few, k;
  struct law l = {.good = (double)n, .bad = -1, .p = few, .q = 1 - few};
  uint64_t stream = random_key(key, ordinal);
  if (mean < INVERSION_MEAN) {
    double none = nslm_exp_f64((double)n * nslm_log1p_f64(-few));
    k = inversion(uniform_of(stream, elem, step), &l, none);
  } else {
    k = ratio_of_uniforms(stream, elem, step, &l, mean, mean * l.q, __builtin_floor(mean + few));
  }
  return other ? n - (uint64_t)k : (uint64_t)k;
}

uint64_t nslm_draw_hypergeometric_u64(NSLM_KEYED, uint64_t good, uint64_t bad, uint64_t n)
{
  uint64_t all = good + bad, stream = random_key(key, ordinal), r = good, m = n;
  if (!n || !good)
    return 0;
  if (!bad || n >= all)
    return n < good ? n : good;
  if (m > all - m)
    m = all - m; /* those left behind */
  if (r > all - r)
    r = all - r; /* the bad among them */
  struct law l = {.good = (double)r, .bad = (double)(all - r), .n = (double)m};
  l.p = l.n / (double)all;
  l.q = (double)(all - m) / (double)all;
  double mean = l.good * l.p, variance = mean * l.q * l.bad / ((double)all - 1), k;
  if (mean < INVERSION_MEAN) {
    double whole = log_share(l.n, (double)all, l.p, l.q) + stirling_rest((double)all);
    double none = law_log(&l, 0) + stirling_rest(l.good) + stirling_rest(l.bad) - whole;
    k = inversion(uniform_of(stream, elem, step), &l, nslm_exp_f64(none));
  } else {
    double mode = __builtin_floor((l.n + 1) * (l.good + 1) / ((double)all + 2));
    k = ratio_of_uniforms(stream, elem, step, &l, mean, variance, mode);
  }
  uint64_t drawn = (uint64_t)k;           /* of r among m */
  if (r != good) drawn = m - drawn;       /* of good among m */
  return m == n ? drawn : good - drawn;   /* of good among n */
}

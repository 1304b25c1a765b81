/* Samples of the weights and delays that a projection draws: how large they are, and whether float32 is enough to draw them.
 *
 * Kernels that draw normal or lognormal numbers stand in a float64 program twice, the second time in float32, a third of the
 * work (math/body_quick.h). That one draws delays, which become whole steps, and weights that become whole grains (units.c),
 * where its rounding, 2^-24 of a value, is small against what is lost anyway: at most 2^-RT_FINE_LAW of a step, of a grain,
 * and of the law's standard deviation. What is drawn for a handler that gets the number itself is drawn in float64.
 *
 * A few values of both kernels must be alike in size: where those in float32 are not, it cannot hold what they are made of. */
#include <math.h>
#include <stdlib.h>

#include "runtime/connect.h"
#include "runtime/synapses.h"

enum { SAMPLE_OWNERS = 16, SAMPLE_EACH = 64, SAMPLE = SAMPLE_OWNERS * SAMPLE_EACH, ROUNDING_F32 = 24 };

static int number_order(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Median of those that are not 0; sorts them. */
static double typical_of(double *w, uint32_t n) {
  qsort(w, n, sizeof *w, number_order);
  uint32_t zeros = 0;
  while (zeros < n && w[zeros] == 0) zeros++;
  return zeros < n ? w[zeros + (n - zeros) / 2] : 0;
}

/* Of numbers that are sorted; 0 if many of them are equal. */
static double spread_of(const double *w, uint32_t n) {
  double sum = 0, squares = 0;
  uint32_t different = 1;
  for (uint32_t i = 0; i < n; i++) sum += w[i];
  for (uint32_t i = 0; i < n; i++) squares += (w[i] - sum / n) * (w[i] - sum / n);
  for (uint32_t i = 1; i < n; i++) different += w[i] > w[i - 1];
  return 2 * different > n ? sqrt(squares / n) : 0;
}

static const double SMALL = 0x1p-100; /* far below, float32 ends */

struct law { /* of absolute values */
  double typical, largest, spread;
  uint32_t n; /* finite ones */
};

/* SAMPLE_EACH values of each of so many sources. */
static struct law law_of(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *code, uint32_t owners) {
  double w[SAMPLE];
  struct law law = {0};
  bool is_weight = code == &p->def->weight_code || code == &p->def->weight_f32;
  for (uint32_t i = 0; i < owners; i++) {
    double own[SAMPLE_EACH];
    rt_synapse_values(s, p, code, p->s0 + (uint32_t)((uint64_t)p->sn * i / owners), SAMPLE_EACH, NULL, own);
    for (uint32_t k = 0; k < SAMPLE_EACH; k++) {
      double a = fabs(is_weight ? rt_weight_clip(p, own[k]) : own[k]);
      if (isfinite(a)) w[law.n++] = a;
    }
  }
  if (!law.n) return law;
  law.typical = typical_of(w, law.n); /* sorted: the largest is the last */
  law.largest = w[law.n - 1];
  law.spread = spread_of(w, law.n);
  return law;
}

/* ---- float32 */

/* Is the second kernel's law the first one's, as far as a few values can tell? */
static bool is_alike(const struct rt_sim *s, const struct rt_proj *p, const struct nsl_code *exact, const struct nsl_code *single) {
  if (single->kernel == NSL_NONE) return false;
  struct law a = law_of(s, p, exact, 1), b = law_of(s, p, single, 1);
  bool whole = a.n == SAMPLE_EACH && b.n == SAMPLE_EACH;
  return whole && b.typical > SMALL && fabs(log2(b.typical / a.typical)) < 2;
}

static void delay_look(const struct rt_sim *s, struct rt_proj *p) {
  p->delay_code = &p->def->delay_code;
  if (!p->drawn_delay || !is_alike(s, p, &p->def->delay_code, &p->def->delay_f32)) return;
  struct law law = law_of(s, p, &p->def->delay_code, 1);
  if (ldexp(law.largest, -ROUNDING_F32) <= ldexp(fmin(law.spread, s->dt), -RT_FINE_LAW)) p->delay_code = &p->def->delay_f32;
}

/* ---- weights */

/* The tail: log(largest / median) of n values grows as the square root of log n for both normal and lognormal ones. */
static double largest_of_all(const struct rt_proj *p, double largest, double typical) {
  double all = fmax(p->expected, SAMPLE), grows = 1.25 * sqrt(log(all) / log(SAMPLE));
  double bound = typical > 0 ? typical * pow(fmax(largest / typical, 1.01), grows) : largest;
  double declared = fmax(fabs(p->lo), fabs(p->hi));
  return fmin(bound, declared);
}

/* Of weights that are made of numbers of their synapses: some of each row; the largest of a sample is no bound (connect.c). They
 * are given, so they keep the units of given ones. */
static int given_look(struct rt_synapses *k, struct rt_proj *p) {
  double w[SAMPLE];
  uint32_t n = 0, step = p->edges ? 1 : p->sn / SAMPLE_OWNERS + 1;
  uint64_t every = (uint64_t)(p->expected / step / SAMPLE) + 1, seen = 0;
  p->largest = p->typical = p->spread = 0;
  for (uint32_t i = 0; i < p->sn; i += step) {
    struct rt_row_of row;
    int e = rt_synapses_of(k, p, p->s0 + i, &row);
    if (e) return e;
    for (uint64_t j = 0; j < row.n; j++, seen++) {
      double a = fabs(row.weight[j]);
      if (a > p->largest) p->largest = a;
      if (seen % every == 0 && n < SAMPLE) w[n++] = a;
    }
  }
  p->typical = typical_of(w, n);
  return 0;
}

static void searched_look(struct rt_proj *p) {
  uint64_t n = p->given->begin[p->sn];
  p->largest = 0;
  for (uint64_t i = 0; i < n; i++) p->largest = fmax(p->largest, fabs(p->given->weights[i]));
  p->typical = rt_weights_typical(p->given->weights, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
}

static int weight_look(struct rt_synapses *k, struct rt_proj *p) {
  const struct rt_sim *s = k->s;
  p->weight_code = &p->def->weight_code;
  p->weight_single = false;
  if (p->form == RT_APART) return 0;
  p->largest = p->typical = fabs(p->weight);
  p->spread = 0;
  if (!p->drawn_weight) return 0;
  if (p->given) {
    searched_look(p);
    return 0;
  }
  if (p->def->n_fields) return given_look(k, p);
  struct law law = law_of(s, p, &p->def->weight_code, p->sn < SAMPLE_OWNERS ? p->sn : SAMPLE_OWNERS);
  p->typical = law.typical;
  p->largest = law.n ? largest_of_all(p, law.largest, law.typical) : 0;
  p->spread = law.spread;
  p->weight_single = is_alike(s, p, &p->def->weight_code, &p->def->weight_f32);
  return 0;
}

int rt_laws_look(struct rt_sim *s) {
  struct rt_synapses k = {.s = s};
  int e = 0;
  for (uint32_t i = 0; !e && i < s->n_projs; i++) {
    delay_look(s, &s->projs[i]);
    e = weight_look(&k, &s->projs[i]);
  }
  rt_synapses_drop(&k);
  return e;
}

double rt_weights_typical(const double *weights, uint32_t n) {
  double w[SAMPLE];
  uint32_t k = 0;
  for (; k < SAMPLE && k < n; k++) w[k] = fabs(weights[n <= SAMPLE ? k : (uint64_t)n * k / SAMPLE]);
  return typical_of(w, k);
}

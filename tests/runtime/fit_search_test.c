/* The optimizers of fits on functions with known minima: Rosenbrock's, quadratics of bad condition, an exponential decay, one
 * with a region where it is not finite; iteration counts; the same result alone and among others. */
#include "runtime/fit_search.h"
#include "tests/runtime/model.h"

enum { MOST_N = 12 };
static uint32_t evaluations[RT_ORDERS];

/* A function as residuals with derivatives: r, n_r, J by row. */
struct problem {
  uint32_t n, n_r;
  void (*residuals)(const double *x, double *r, double *j);
};

static int problem_evaluate(void *context, enum rt_order order, uint32_t places, const double *x, struct rt_points *ret) {
  const struct problem *p = context;
  uint32_t n = p->n;
  evaluations[order]++;
  for (uint32_t i = 0; i < places; i++) {
    static double r[256], j[256 * MOST_N];
    p->residuals(x + i * n, r, j);
    double sum = 0;
    for (uint32_t k = 0; k < p->n_r; k++) sum += r[k] * r[k];
    ret->loss[i] = isfinite(sum) ? sum : INFINITY;
    for (uint32_t a = 0; order >= RT_GRADIENT && a < n; a++) {
      ret->gradient[i * n + a] = 0;
      for (uint32_t k = 0; k < p->n_r; k++) ret->gradient[i * n + a] += 2 * r[k] * j[k * n + a];
      for (uint32_t b = 0; order >= RT_CURVATURE && b < n; b++) {
        ret->curvature[(i * n + a) * n + b] = 0;
        for (uint32_t k = 0; k < p->n_r; k++) ret->curvature[(i * n + a) * n + b] += 2 * j[k * n + a] * j[k * n + b];
      }
    }
  }
  return 0;
}

static void rosenbrock(const double *x, double *r, double *j) {
  r[0] = 10 * (x[1] - x[0] * x[0]);
  r[1] = 1 - x[0];
  j[0] = -20 * x[0], j[1] = 10, j[2] = -1, j[3] = 0;
}

/* Axes from 1 to 1e-3, minimum at 1, 2, 3, … */
static void steep(const double *x, double *r, double *j) {
  for (int i = 0; i < 8; i++) {
    double scale = pow(10, -3.0 * i / 7);
    r[i] = scale * (x[i] - (i + 1) * 0.25);
    for (int k = 0; k < 8; k++) j[i * 8 + k] = i == k ? scale : 0;
  }
}

/* a exp(-t / exp(b)) against 3 exp(-t / 7), 100 times. */
static void decay(const double *x, double *r, double *j) {
  for (int i = 0; i < 100; i++) {
    double t = i * 0.3, tau = exp(x[1]), e = exp(-t / tau);
    r[i] = x[0] * e - 3 * exp(-t / 7);
    j[i * 2] = e;
    j[i * 2 + 1] = x[0] * e * t / tau;
  }
}

/* sqrt is not finite below 0: the minimum at 0.01 lies close to the edge. */
static void edge(const double *x, double *r, double *j) {
  r[0] = sqrt(x[0]) - 0.1;
  j[0] = 0.5 / sqrt(x[0]);
}

static const struct problem rosenbrock_p = {2, 2, rosenbrock}, steep_p = {8, 8, steep}, decay_p = {2, 100, decay}, edge_p = {1, 1, edge};

static struct rt_mem mem;
static const struct nsl_option tight[] = {{"steps", 200}, {"tolerance", 1e-12}, {"memory", 10}};

static struct rt_objective objective;
static struct rt_search search_of(const struct problem *p, uint32_t starts, const double *x, const struct nsl_option *options, uint32_t n) {
  struct rt_search s;
  objective = (struct rt_objective){.n = p->n, .context = (void *)p, .evaluate = problem_evaluate};
  rt_search_make(&mem, &objective, starts, &s);
  s.options = options;
  s.n_options = n;
  s.key = 77;
  memcpy(s.x, x, sizeof *x * starts * p->n);
  memset(evaluations, 0, sizeof evaluations);
  return s;
}

static double far_from(const double *x, const double *want, uint32_t n) {
  double most = 0;
  for (uint32_t i = 0; i < n; i++) most = fmax(most, fabs(x[i] - want[i]));
  return most;
}

static const double hills[] = {-1.2, 1, 3, -2, 0, 0, 0.9, 1.1}, top[] = {1, 1};
static double steep_best[8], zeros[8];

static void test_lm(void) {
  struct rt_search s = search_of(&rosenbrock_p, 4, hills, tight, 3);
  int e = rt_search_run(&s, NSL_OPTIMIZER_LM);
  double worst = 0;
  uint32_t most = 0;
  for (int i = 0; i < 4; i++) worst = fmax(worst, far_from(s.x + 2 * i, top, 2)), most = s.steps[i] > most ? s.steps[i] : most;
  ok(!e && worst < 1e-6 && most <= 40, "LM on Rosenbrock, 4 starts: off by %.1e after at most %u Jacobians", worst, most);
  s = search_of(&steep_p, 1, zeros, tight, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_LM);
  ok(!e && far_from(s.x, steep_best, 8) < 1e-6 && s.steps[0] <= 10, "LM on a quadratic of condition 1e6: %u Jacobians", s.steps[0]);
  const double begin[] = {1, 0, 10, 4, 0.1, 3};
  s = search_of(&decay_p, 3, begin, tight, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_LM);
  const double answer[] = {3, log(7)};
  for (int i = 0; i < 3; i++)
    ok(!e && far_from(s.x + 2 * i, answer, 2) < 1e-9 && s.steps[i] <= 20, "LM finds 3 exp(-t / 7) from start %d: %u Jacobians, %s", i,
       s.steps[i], s.why[i]);
}

static void test_lbfgs(void) {
  struct rt_search s = search_of(&rosenbrock_p, 4, hills, tight, 3);
  int e = rt_search_run(&s, NSL_OPTIMIZER_LBFGS);
  double worst = 0;
  uint32_t most = 0;
  for (int i = 0; i < 4; i++) worst = fmax(worst, far_from(s.x + 2 * i, top, 2)), most = s.steps[i] > most ? s.steps[i] : most;
  ok(!e && worst < 1e-5 && most <= 80, "L-BFGS on Rosenbrock, 4 starts: off by %.1e after at most %u gradients", worst, most);
  static const struct nsl_option few[] = {{"steps", 150}, {"tolerance", 1e-12}, {"memory", 10}};
  s = search_of(&steep_p, 1, zeros, few, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_LBFGS);
  ok(!e && far_from(s.x, steep_best, 8) < 1e-2, "L-BFGS on a quadratic of condition 1e6: off by %.1e, %u gradients, %s",
     far_from(s.x, steep_best, 8), s.steps[0], s.why[0]);
  const double near[] = {1.0, 0.25};
  s = search_of(&edge_p, 2, near, tight, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_LBFGS);
  ok(!e && fabs(s.x[0] - 0.01) < 1e-5 && fabs(s.x[1] - 0.01) < 1e-5, "L-BFGS goes round what is not finite: %.8g, %.8g", s.x[0], s.x[1]);
}

static void test_descent(void) {
  static const struct nsl_option adam[] = {{"steps", 3000}, {"rate", 0.05}, {"decay", 0}, {"momentum", 0.9}};
  static const struct nsl_option slow[] = {{"steps", 3000}, {"rate", 0.0005}, {"momentum", 0.95}};
  struct rt_search s = search_of(&rosenbrock_p, 2, hills, adam, 4);
  int e = rt_search_run(&s, NSL_OPTIMIZER_ADAM);
  ok(!e && far_from(s.x, top, 2) < 1e-2, "Adam on Rosenbrock: off by %.1e", far_from(s.x, top, 2));
  s = search_of(&steep_p, 1, zeros, adam, 4);
  e = rt_search_run(&s, NSL_OPTIMIZER_RMSPROP);
  ok(!e && far_from(s.x, steep_best, 8) < 1e-2, "RMSProp on a quadratic of condition 1e6: off by %.1e", far_from(s.x, steep_best, 8));
  s = search_of(&rosenbrock_p, 1, hills, slow, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_SGD);
  ok(!e && far_from(s.x, top, 2) < 1e-2, "momentum on Rosenbrock: off by %.1e", far_from(s.x, top, 2));
  const double begin = 0.5;
  s = search_of(&edge_p, 1, &begin, adam, 4);
  e = rt_search_run(&s, NSL_OPTIMIZER_ADAM);
  ok(!e && fabs(s.x[0] - 0.01) < 1e-3, "Adam comes back from where it is not finite: %.6g, %s", s.x[0], s.why[0]);
}

static void test_cmaes(void) {
  static const struct nsl_option options[] = {{"steps", 400}, {"candidates", 12}, {"sigma", 0.3}};
  struct rt_search s = search_of(&rosenbrock_p, 3, hills, options, 3);
  int e = rt_search_run(&s, NSL_OPTIMIZER_CMAES);
  double worst = 0;
  for (int i = 0; i < 3; i++) worst = fmax(worst, far_from(s.x + 2 * i, top, 2));
  ok(!e && worst < 1e-5, "CMA-ES on Rosenbrock: off by %.1e, %u generations", worst, evaluations[RT_PLAIN]);
  s = search_of(&steep_p, 1, zeros, options, 3);
  e = rt_search_run(&s, NSL_OPTIMIZER_CMAES);
  ok(!e && far_from(s.x, steep_best, 8) < 1e-3, "CMA-ES on a quadratic of condition 1e6: off by %.1e", far_from(s.x, steep_best, 8));
}

/* A start does not notice who runs beside it. */
static void test_alone(void) {
  static const struct nsl_option options[] = {{"steps", 30},   {"tolerance", 0}, {"memory", 5},      {"rate", 0.02},
                                              {"momentum", 0.9}, {"decay", 0.01},  {"candidates", 8}, {"sigma", 0.3}};
  for (int by = NSL_OPTIMIZER_LM; by <= NSL_OPTIMIZER_CMAES; by++) {
    struct rt_search both = search_of(&rosenbrock_p, 4, hills, options, 8);
    int e = rt_search_run(&both, (enum nsl_optimizer)by);
    struct rt_search one = search_of(&rosenbrock_p, 1, hills, options, 8);
    if (!e) e = rt_search_run(&one, (enum nsl_optimizer)by);
    ok(!e && memcmp(one.x, both.x, 2 * sizeof(double)) == 0 && one.loss[0] == both.loss[0],
       "optimizer %d: the same bits alone and beside others", by);
  }
}

static int stop_after_3(void *context, const struct rt_search *s, uint32_t step) {
  (void)context, (void)s;
  return step == 3 ? NSL_ESTOPPED : 0;
}

static void test_stopped(void) {
  for (int by = NSL_OPTIMIZER_LM; by <= NSL_OPTIMIZER_CMAES; by++) {
    static const struct nsl_option options[] = {{"steps", 50},     {"tolerance", 0}, {"memory", 5},      {"rate", 0.02},
                                                {"momentum", 0.9}, {"decay", 0},     {"candidates", 8}, {"sigma", 0.3}};
    struct rt_search s = search_of(&rosenbrock_p, 1, hills, options, 8);
    objective.look = stop_after_3;
    int e = rt_search_run(&s, (enum nsl_optimizer)by);
    double r[2], j[4];
    rosenbrock(s.x, r, j);
    ok(e == NSL_ESTOPPED && s.loss[0] == r[0] * r[0] + r[1] * r[1], "optimizer %d: stopped, its best place and loss are kept", by);
  }
}

static void test_hopeless(void) {
  const double below = -1;
  for (int by = NSL_OPTIMIZER_LM; by <= NSL_OPTIMIZER_CMAES; by++) {
    static const struct nsl_option options[] = {{"steps", 100},    {"tolerance", 0}, {"memory", 5},      {"rate", 0.0001},
                                                {"momentum", 0.9}, {"decay", 0},     {"candidates", 8}, {"sigma", 0.001}};
    struct rt_search s = search_of(&edge_p, 1, &below, options, 8);
    int e = rt_search_run(&s, (enum nsl_optimizer)by);
    ok(!e && isinf(s.loss[0]) && s.why[0] == rt_why_diverges && s.x[0] == -1, "optimizer %d: a start that is not finite is told", by);
  }
}

static void test_matrix(void) {
  enum { N = 6 };
  double a[N * N], copy[N * N], values[N], vectors[N * N], worst = 0;
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++) a[i * N + k] = copy[i * N + k] = 1.0 / (i + k + 1); /* Hilbert's */
  rt_eigen(N, copy, values, vectors);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++) {
      double v = 0;
      for (int q = 0; q < N; q++) v += vectors[i * N + q] * values[q] * vectors[k * N + q];
      worst = fmax(worst, fabs(v - a[i * N + k]));
    }
  ok(worst < 1e-14 && fabs(values[0] / 1.0827994845655497e-07 - 1) < 1e-8, "eigenvalues of Hilbert's matrix: off by %.1e, least %.10e",
     worst, values[0]);
}

int main(void) {
  for (int i = 0; i < 8; i++) steep_best[i] = (i + 1) * 0.25;
  test_lm();
  test_lbfgs();
  test_descent();
  test_cmaes();
  test_alone();
  test_stopped();
  test_hopeless();
  test_matrix();
  rt_mem_free(&mem);
  return done();
}

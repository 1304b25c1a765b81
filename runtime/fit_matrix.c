/* Dense matrices of a few dozen rows: Cholesky's factor, and eigenvalues by Jacobi's rotations (cyclic, to machine precision:
 * their error is a few ulp of the largest). Loops in one order, so the bits do not depend on the machine. */
#include <math.h>

#include "runtime/fit_search.h"

bool rt_cholesky(uint32_t n, double *a) {
  for (uint32_t j = 0; j < n; j++) {
    double d = a[j * n + j];
    for (uint32_t k = 0; k < j; k++) d -= a[j * n + k] * a[j * n + k];
    if (!(d > 0) || isinf(d)) return false;
    double root = sqrt(d);
    a[j * n + j] = root;
    for (uint32_t i = j + 1; i < n; i++) {
      double v = a[i * n + j];
      for (uint32_t k = 0; k < j; k++) v -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = v / root;
    }
  }
  return true;
}

void rt_cholesky_solve(uint32_t n, const double *l, double *b) {
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t k = 0; k < i; k++) b[i] -= l[i * n + k] * b[k];
    b[i] /= l[i * n + i];
  }
  for (uint32_t i = n; i-- > 0;) {
    for (uint32_t k = i + 1; k < n; k++) b[i] -= l[k * n + i] * b[k];
    b[i] /= l[i * n + i];
  }
}

/* Makes a[p][q] zero. */
static void rotate(uint32_t n, double *a, double *v, uint32_t p, uint32_t q) {
  double apq = a[p * n + q], theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
  for (uint32_t k = 0; k < n; k++) {
    double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (uint32_t k = 0; k < n; k++) {
    double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
  for (uint32_t k = 0; k < n; k++) {
    double x = v[k * n + p], y = v[k * n + q];
    v[k * n + p] = c * x - s * y;
    v[k * n + q] = s * x + c * y;
  }
}

static void swap_columns(uint32_t n, double *v, uint32_t i, uint32_t j) {
  for (uint32_t k = 0; k < n; k++) {
    double x = v[k * n + i];
    v[k * n + i] = v[k * n + j];
    v[k * n + j] = x;
  }
}

void rt_eigen(uint32_t n, double *a, double *values, double *vectors) {
  enum { SWEEPS = 60 };
  for (uint32_t i = 0; i < n * n; i++) vectors[i] = i % (n + 1) == 0;
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    bool any = false;
    for (uint32_t p = 0; p + 1 < n; p++)
      for (uint32_t q = p + 1; q < n; q++) {
        double size = fabs(a[p * n + p]) * fabs(a[q * n + q]);
        if (!(a[p * n + q] * a[p * n + q] > 1e-34 * size)) continue;
        rotate(n, a, vectors, p, q);
        any = true;
      }
    if (!any) break;
  }
  for (uint32_t i = 0; i < n; i++) values[i] = a[i * n + i];
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t j = i + 1; j < n; j++)
      if (values[j] < values[i]) {
        double x = values[i];
        values[i] = values[j];
        values[j] = x;
        swap_columns(n, vectors, i, j);
      }
}

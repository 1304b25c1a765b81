#!/usr/bin/env python3
"""Derivatives from outside: objectives of fits and their gradients in a C program that is linked with a model, and `nslc grad`."""
import json
import math
import os
import shutil

from tap import EXAMPLES, NSLC, Tap, call

RECOVER = os.path.join(EXAMPLES, "fits", "recover_traub.nsl")

# prints, for each stage, the objective and gradient of starts 0 … 8, then of start 0 the matrix and a difference
CALLER = r"""#include <stdio.h>
#include "recover.h"
enum { N = 9, MOST = 16 };
static int failed(void) { return fprintf(stderr, "%s\n", nsl_error()), 1; }
int main(void) {
  struct nsl_fitting *fit;
  double v[N * MOST], loss[N], slope[N * MOST], matrix[MOST * MOST], one[MOST];
  uint32_t k, stages;
  if (nsl_fit_open(&NAME, "staged", &fit) < 0 || nsl_fit_set_duration(fit, 20) < 0 || nsl_fit_size(fit, &k, &stages) < 0) return failed();
  for (uint32_t i = 0; i < k; i++) {
    struct nsl_fit_parameter p;
    if (nsl_fit_parameter(fit, i, &p) < 0) return failed();
    printf("parameter %s %.17g %.17g %.17g\n", p.path, p.declared, p.lo, p.hi);
  }
  for (uint32_t i = 0; i < N; i++)
    if (nsl_fit_start(fit, i, v + i * k) < 0) return failed();
  for (uint32_t s = 0; s < stages; s++) {
    struct nsl_fit_stage stage;
    if (nsl_fit_stage(fit, s, &stage) < 0 || nsl_fit_gradient(fit, s, N, v, loss, slope) < 0) return failed();
    for (uint32_t i = 0; i < N; i++) {
      printf("%s %.17g", stage.name, loss[i]);
      for (uint32_t j = 0; j < k; j++) printf(" %.17g", slope[i * k + j]);
      printf("\n");
    }
    if (nsl_fit_squares(fit, s, 1, v, loss, one, matrix) < 0) return failed();
    printf("diagonal %.17g", loss[0]);
    for (uint32_t j = 0; j < k; j++) printf(" %.17g", matrix[j * k + j]);
    printf("\n");
    double at = v[0], h = 1e-6 * at, up, down;
    v[0] = at + h;
    if (nsl_fit_value(fit, s, 1, v, &up) < 0) return failed();
    v[0] = at - h;
    if (nsl_fit_value(fit, s, 1, v, &down) < 0) return failed();
    v[0] = at;
    printf("difference %.17g\n", (up - down) / (2 * h));
  }
  printf("product %d\n", nsl_fit_hessian_vector(fit, 0, 1, v, v, one));
  nsl_fit_close(fit);
  return 0;
}
"""


def library(t):
    p = call(NSLC, "build", RECOVER, "--lib", "-o", t.path("recover.so"))
    if not t.check(p.returncode == 0, "a model with fits as a library", p.stderr):
        return
    compiler = shutil.which("cc") or shutil.which("gcc")
    with open(t.path("recover.h")) as f:
        name = next(w.rstrip(";") for w in f.read().split() if w.startswith("nsl_") and w.endswith("_program;"))
    source = t.write("caller.c", CALLER.replace("NAME", name))
    p = call(compiler, "-std=c17", "-Wall", "-Werror", source, t.path("recover.so"), "-o", t.path("caller"), f"-Wl,-rpath,{t.scratch}")
    if not t.check(p.returncode == 0, "a C program that is linked with it", p.stderr):
        return
    p = call(t.path("caller"))
    lines = [line.split() for line in p.stdout.splitlines()]
    parameters = [line for line in lines if line[0] == "parameter"]
    if not t.check(p.returncode == 0 and len(parameters) == 8 and parameters[0][1] == "g_Na" and parameters[4][1:3] == ["E_Na", "55"],
                   "asks for the parameters", p.stderr + p.stdout):
        return
    for stage in ("physics", "trace"):
        rows = [[float(x) for x in line[1:]] for line in lines if line[0] == stage]
        runs = sum(all(math.isfinite(x) for x in r) for r in rows)
        diverge = sum(math.isinf(r[0]) and all(math.isnan(x) for x in r[1:]) for r in rows)
        good = len(rows) == 9 and runs + diverge == 9 and runs >= (9 if stage == "physics" else 3)
        t.check(good, f"{stage}: 9 parameter sets at once; where the model diverges, that is said ({diverge})", rows)
    differences = [float(line[1]) for line in lines if line[0] == "difference"]
    slopes = [float([line for line in lines if line[0] == s][0][2]) for s in ("physics", "trace")]
    far = max(abs(a / b - 1) for a, b in zip(differences, slopes))
    t.check(far < 1e-6, f"slopes are those of differences: {far:.1e}", f"{differences} {slopes}")
    diagonals = [[float(x) for x in line[1:]] for line in lines if line[0] == "diagonal"]
    t.check(len(diagonals) == 2 and all(x >= 0 for d in diagonals for x in d), "Gauss-Newton matrices", diagonals)
    t.check(lines[-1] == ["product", "-7"], "products with the Hessian are refused", p.stdout)


def main():
    tap = Tap()
    library(tap)
    tap.done()


main()

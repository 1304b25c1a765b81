#!/usr/bin/env python3
"""Derivatives from outside: objectives of fits and their gradients in a C program that is linked with a model, and `nslc grad`.

usage: grad.py [all]: without it, fewer steps, and loops of one method"""
import json
import math
import os
import shutil
import sys

from tap import DECAY, EXAMPLES, NSLC, Tap, call

RECOVER = os.path.join(EXAMPLES, "fits", "recover_traub.nsl")
SHARED = DECAY.replace("V(0) per s", "V_0 per s")

ALL = "all" in sys.argv[1:]

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
  for (uint32_t s = 0; s < stages; s++) {
    double u[2 * MOST], two[2 * MOST], hu[2 * MOST], there[MOST], here[MOST], far = 0, large = 0, uhv = 0, vhu = 0;
    for (uint32_t j = 0; j < k; j++) {
      two[j] = two[k + j] = v[j];
      u[j] = v[j] * (j % 2 ? -1 : 0.5);
      u[k + j] = v[j] * (1 + j % 3);
    }
    if (nsl_fit_hessian_vector(fit, s, 2, two, u, hu) < 0 || nsl_fit_hessian_vector(fit, s, 1, v, u, one) < 0) return failed();
    for (int sign = -1; sign <= 1; sign += 2) {
      for (uint32_t j = 0; j < k; j++) two[j] = v[j] + sign * 1e-7 * u[j];
      if (nsl_fit_gradient(fit, s, 1, two, loss, sign < 0 ? there : here) < 0) return failed();
    }
    int same = 1;
    for (uint32_t j = 0; j < k; j++) {
      double d = (here[j] - there[j]) / 2e-7, apart = (hu[j] - d) * v[j];
      if ((apart < 0 ? -apart : apart) > far) far = apart < 0 ? -apart : apart;
      if ((d < 0 ? -d : d) * (v[j] < 0 ? -v[j] : v[j]) > large) large = (d < 0 ? -d : d) * (v[j] < 0 ? -v[j] : v[j]);
      same &= one[j] == hu[j];
      uhv += u[k + j] * hu[j];
      vhu += u[j] * hu[k + j];
    }
    printf("product %d %.17g %.17g %.17g\n", same, far / large, uhv, vhu);
  }
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
    products = [[float(x) for x in line[1:]] for line in lines if line[0] == "product"]
    good = len(products) == 2 and all(same == 1 and far < 1e-5 and abs(u / v - 1) < 1e-12 for same, far, u, v in products)
    t.check(good, f"products with the Hessian: those of differences of gradients within {max((q[1] for q in products), default=math.inf):.0e}, symmetric, the same bits "
            "alone and beside others", p.stdout)


def rows(p):
    """The lines of --json: derivatives, and the last."""
    facts = [json.loads(line) for line in p.stdout.splitlines()]
    return [f for f in facts if f["fact"] == "derivative"], facts[-1] if facts else {}


def check(t):
    quick = ["--check", "--fit", "staged", "--steps", "60" if ALL else "30", "--starts", "1"]
    p = call(NSLC, "grad", RECOVER, *quick)
    t.check(p.returncode == 0 and " 0 deviate" in p.stdout and "stage trace, declared values" in p.stdout, "eight parameters of a cell, by residual and trace",
            p.stdout + p.stderr)
    p = call(NSLC, "grad", RECOVER, *quick, "--json")
    got, last = rows(p)
    modes = {f["mode"] for f in got}
    good = modes == {"forward, 113 bits", "forward, for squares", "Gauss-Newton diagonal", "Hessian times a vector", "Hessian, u H v and v H u"} and {f["parameter"] for f in got} >= {"g_Na", "V_T"}
    worst = max(f["deviation"] for f in got) if got else math.inf
    exact = max((f["deviation"] for f in got if f["mode"] == "forward, 113 bits"), default=math.inf)
    t.check(p.returncode == 0 and good and last.get("compared") == len(got) and last.get("deviate") == 0, "the same as JSON lines", f"{modes} {last} {p.stderr}")
    t.check(worst < 1e-11 and exact < 1e-15, f"as compiled within {worst:.0e} of differences, in 113 bits within {exact:.0e}")
    p = call(NSLC, "grad", RECOVER, *quick, "--tolerance", "1e-17")
    t.check(p.returncode == 1 and "DEVIATES" in p.stdout, "rounding deviates by more than 1e-17: exit status 1", p.stdout[-300:])


def modes(t):
    for k, start in enumerate((3, 9)):
        lines = ["t,V"] + [f"{i * 0.1:.1f},{start * math.exp(-i * 0.1 / 7):.12g}" for i in range(100 + k)]
        t.write(("one.csv", "two.csv")[k], "\n".join(lines) + "\n")
    seen = {}
    for what, by in (("reverse", "lbfgs from 4 starts with gradient = reverse"), ("forward", "lbfgs from 40 starts with gradient = forward"),
                     ("forward, by lanes", "lbfgs from 1 starts with gradient = forward"), ("none", "lm from 1 starts")):
        p = call(NSLC, "grad", t.write("decay.nsl", SHARED.replace("BY", by)), "--check", "--json")
        got, last = rows(p)
        own = {f["parameter"]: f["value"] for f in got if f["mode"] == what and f["start"] == 1}
        wanted = {"tau", "V_0 (1)", "V_0 (2)"} if what != "none" else set()
        t.check(p.returncode == 0 and set(own) == wanted and last["compared"] > 0, f"{by}: parameters shared and per sweep", f"{p.stdout[-400:]} {p.stderr}")
        seen[what] = [own.get(name, math.nan) for name in sorted(wanted)]
    far = max(abs(a / b - 1) for a, b in zip(seen["reverse"], seen["forward"]))
    t.check(far < 1e-12, f"reverse and forward mode, compiled, agree within {far:.0e}", seen)
    bent = "log(1 + mean((V - rec.V)^2) / (1 mV)^2) * mean(V^4) / (1 mV)^4 + sqrt(mean(V^2) / (1 mV)^2)"
    text = SHARED.replace("mean((V - rec.V)^2) / (1 mV)^2", bent).replace("BY", "lbfgs from 4 starts")
    p = call(NSLC, "grad", t.write("bent.nsl", text), "--check", "--json")
    got = [f for f in rows(p)[0] if f["mode"].startswith("Hessian")]
    worst = max((f["deviation"] for f in got), default=math.inf)
    t.check(p.returncode == 0 and len(got) == 8 and worst < 1e-12, f"an objective that is not linear in its means: products with its Hessian within {worst:.0e}", p.stdout[-400:])
    p = call(NSLC, "grad", t.path("decay.nsl"))
    t.check(p.returncode == 0 and "fit decay" in p.stdout and "squares" in p.stdout, "without --check: kernels and reasons", p.stdout + p.stderr)
    for more, status, word in ((["--check", "--fit", "nothing"], 1, "nothing"), (["--check", "--steps", "0"], 2, "--steps"), (["--starts", "1"], 2, "--check"),
                               (["--check", "--tolerance", "little"], 2, "little")):
        p = call(NSLC, "grad", t.path("decay.nsl"), *more)
        t.check(p.returncode == status and word in p.stderr, f"{' '.join(more)}: refused", p.stderr)
    os.remove(t.path("two.csv"))
    p = call(NSLC, "grad", t.path("decay.nsl"), "--check")
    t.check(p.returncode == 1 and "two.csv" in p.stderr, "a recording that is not there", p.stderr)


SQUID = """language 1
fit squid {
  neuron CELL
  data rec = csv("squid.csv") { t : ms;  I : pA;  V : mV }
  drive I with rec.I
  free FREE
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by lbfgs with gradient = reverse
  with dt = 0.1 ms, method = METHOD
}
"""


def turns(t):
    lines = ["t,I,V"] + [f"{i * 0.1:.1f},{600 if i > 5 else 0},{-65 + 5 * math.sin(i / 30)}" for i in range(60)]
    t.write("squid.csv", "\n".join(lines) + "\n")
    hh = ("hh { area = 1000 um^2 }", "na.g in [10 mS/cm^2, 500 mS/cm^2], V(0)")
    aeif = ("aeif_cond_exp", "g_L in [1 nS, 100 nS], a in [0 nS, 20 nS]")
    every = (("rk45", hh), ("rosenbrock", hh), ("backward_euler", hh), ("taylor", aeif))
    for method, (cell, free) in every if ALL else every[:1]:
        text = SQUID.replace("METHOD", method).replace("CELL", cell).replace("FREE", free)
        p = call(NSLC, "grad", t.write("turns.nsl", text), "--check", "--json", "--steps", "40" if ALL else "20", "--starts", "0")
        got, last = rows(p)
        worst = max((f["deviation"] for f in got), default=math.inf)
        seen = {f["mode"] for f in got}
        t.check(p.returncode == 0 and "reverse" in seen and "Hessian times a vector" in seen and worst < 1e-10,
                f"{method}: reverse mode through loops, and products with the Hessian, within {worst:.0e}", p.stdout[-600:] + p.stderr)


NOISY = """language 1
neuron cell {
  param tau = 20 ms in (0 ms, inf), mu = -66 mV, w = 2 mV in [0 mV, inf), sigma = 1 mV in [0 mV, inf), E ~ normal(mu, w), k ~ lognormal(0, w / (20 mV))
  input I : pA
  state V ~ uniform(E - w, E + w), x = 0 mV
  V' = k * (E - V + 0.01 * I * (1 mV/pA)) / tau + sigma * sqrt(2 / tau) * white_noise()
  x' = (V - x) / (5 ms)
  spike when V > -63 mV { x ~ exponential(w) }
}
fit noisy {
  neuron cell
  data rec[s] = csv("squid.csv", "squid.csv") { t : ms;  I : pA;  V : mV }
  drive I with rec.I
  free tau in [1 ms, 100 ms], sigma in [0.1 mV, 10 mV], mu in [-90 mV, -30 mV], w in [0.1 mV, 10 mV]
  minimize mean((V - rec.V + 0.1 * x + 0.1 * (E - mu))^2) / (1 mV)^2
  by lbfgs from 4 starts with gradient = reverse
  with dt = 0.1 ms, seed = SEED
}
"""


def draws(t):
    seen = []
    for seed in (1, 1, 2):
        p = call(NSLC, "grad", t.write("noisy.nsl", NOISY.replace("SEED", str(seed))), "--check", "--json", "--steps", "40")
        got, last = rows(p)
        seen.append({(f["parameter"], f["start"]): f["value"] for f in got if f["mode"] == "reverse"})
        worst = max((f["deviation"] for f in got), default=math.inf)
        t.check(p.returncode == 0 and len(seen[-1]) == 8 and worst < 1e-10, f"noise, drawn params and states, seed {seed}: through means and widths, within {worst:.0e}",
                p.stdout[-600:] + p.stderr)
    t.check(seen[0] == seen[1] and all(seen[0][k] != seen[2][k] for k in seen[0]), "the numbers are those of the seed", seen)


def main():
    tap = Tap()
    library(tap)
    check(tap)
    modes(tap)
    turns(tap)
    draws(tap)
    tap.done()


main()

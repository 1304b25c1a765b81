#!/usr/bin/env python3
"""Fits from text to parameters: eight parameters of Hodgkin-Huxley cells recovered from sweeps of an independent solver, by stages
and, for comparison, by the trace alone; every optimizer; the same bits for any number of threads; bad data.

usage: fits.py [all]: without it, one cell, four optimizers, one processor, one optimizer for each method"""
import json
import math
import os
import sys

from tap import DECAY, EXAMPLES, NSLC, Tap, call, run_fit

# mS/cm^2, uF/cm^2, mV, as the params are written
TRUTH = {"recover_traub": {"g_Na": 100, "g_K": 30, "g_L": 0.1, "C": 1, "E_Na": 50, "E_K": -90, "E_L": -67, "V_T": -63},
         "recover_squid": {"g_Na": 120, "g_K": 36, "g_L": 0.3, "C": 1, "E_Na": 50, "E_K": -77, "E_L": -54.387, "shift": 0}}
ALL = "all" in sys.argv[1:]
SHIFTS = 8  # mV: what an error of a shift is measured by

OPTIMIZERS = ["lm(steps = 30) from 4 starts", "lbfgs(steps = 60) from 4 starts", "adam(steps = 1500, rate = 0.05) from 4 starts",
              "rmsprop(steps = 1500, rate = 0.02) from 4 starts", "sgd(steps = 3000, rate = 0.01) from 4 starts",
              "cmaes(steps = 150, candidates = 12) from 2 starts", "lbfgs(steps = 60) from 1 starts"]
BRIEFLY = OPTIMIZERS if ALL else [by for by in OPTIMIZERS if by.split("(")[0] in ("lm", "adam", "cmaes")] + OPTIMIZERS[-1:]


def recovered(result, truth):
    """How many starts of the last stage have all parameters within 1 %."""
    names = [f["path"] for f in result["free"]]
    good = 0
    for start in result["stages"][-1]["starts"]:
        worst = max(abs(v - truth[n]) / (abs(truth[n]) or SHIFTS) for v, n in zip(start["values"], names))
        good += worst < 0.01
    return good


def recover(tap, name):
    model = os.path.join(EXAMPLES, "fits", name + ".nsl")
    r, staged = run_fit(tap, model, name, "--fit", "staged")
    if not tap.check(staged is not None, f"{name}: staged", r.stderr):
        return
    n = len(staged["stages"][-1]["starts"])
    good = recovered(staged, TRUTH[name])
    tap.check(n == 32 and good >= 31, f"{name}: {good} of {n} starts end within 1 % of all eight parameters")
    each = sum(s["evaluations"]["jacobians"] for s in staged["stages"]) / n
    tap.check(each <= 100, f"{name}: with {each:.1f} Jacobians for each start")
    noise = staged["objective"]
    tap.check(0.009 < noise < 0.011, f"{name}: what is left over is the noise of (0.1 mV)^2: {noise:.5f}")
    best = {f["path"]: f for f in staged["free"]}
    far = max(abs(best[k]["value"] - v) / best[k]["uncertainty"] for k, v in TRUTH[name].items())
    tap.check(all(f["determined"] for f in staged["free"]), f"{name}: all are determined; the truth is {far:.1f} standard errors off at most")
    threads(tap, model, staged)
    if not ALL:
        return
    r, alone = run_fit(tap, model, name + ".alone", "--fit", "by_trace_alone")
    good = recovered(alone, TRUTH[name]) if alone else -1
    tap.check(0 <= good <= 16, f"{name}: the trace alone, from the same starts, finds it from {good} of 32", r.stderr)


def threads(tap, model, staged):
    seen = {json.dumps([s["starts"] for s in staged["stages"]])}
    for n in (1, 2, 3) if ALL else (3,):
        r, result = run_fit(tap, model, f"threads{n}", "--fit", "staged", "--threads", str(n))
        seen.add(json.dumps([s["starts"] for s in result["stages"]]) if result else r.stderr)
    tap.check(len(seen) == 1, "any number of threads: every start ends with the same bits")


def decay(tap, name, tau, start, rows=1000, line=None):
    lines = ["t,V"] + [f"{i * 0.1:.1f},{start * math.exp(-i * 0.1 / tau):.12g}" for i in range(rows)]
    if line:
        lines[line[0]] = line[1]
    tap.write(name, "\n".join(lines) + "\n")


def optimizers(tap):
    decay(tap, "one.csv", 7, 3)
    decay(tap, "two.csv", 7, 9)
    for by in BRIEFLY:
        model = tap.write("decay.nsl", DECAY.replace("BY", by))
        r, result = run_fit(tap, model, "decay", "--fit", "decay")
        if not tap.check(result is not None, by, r.stderr):
            continue
        tau = result["free"][0]["value"]
        tap.check(abs(tau - 7) < 0.02, f"{by}: tau = {tau:.5f}")
    filled = tap.path("decay/decay.fitted.nsl")
    r = call(NSLC, "check", filled)
    tap.check(r.returncode == 0, "the text with the values filled in is checked without errors", r.stdout + r.stderr)


def without_derivative(tap):
    """`floor` on the way: refused by gradients, at its place; no matter to an optimizer without them."""
    decay(tap, "one.csv", 7, 3)
    decay(tap, "two.csv", 7, 9)
    jumps = DECAY.replace("(V - rec.V)^2) / (1 mV)^2", "(floor(V / (1 mV) * 100) / 100 - rec.V / (1 mV))^2)")
    for by, good in (("lm(steps = 3)", False), ("adam(steps = 3)", False), ("cmaes(steps = 100, candidates = 12)", True)):
        r, result = run_fit(tap, tap.write("decay.nsl", jumps.replace("BY", by)), "jumps", "--fit", "decay")
        if good:
            tap.check(result is not None and abs(result["free"][0]["value"] - 7) < 0.2, f"{by} fits what jumps", r.stderr)
        else:
            tap.check(r.returncode == 1 and result is None and "derivative of `floor`" in r.stderr, f"{by} refuses what jumps", r.stderr)


def ways(tap):
    """Both ways to the gradient."""
    decay(tap, "one.csv", 7, 3)
    decay(tap, "two.csv", 7, 9)
    found = []
    for kind in ("forward", "reverse"):
        text = DECAY.replace("BY", f"lbfgs(steps = 10) from 4 starts with gradient = {kind}")
        r, result = run_fit(tap, tap.write("ways.nsl", text), "ways_" + kind, "--fit", "decay")
        found.append([s["objective"] for s in result["stages"][0]["starts"]] if result else r.stderr)
    alike = all(isinstance(f, list) and len(f) == 4 and all(abs(x - y) <= 1e-9 * y + 1e-12 for x, y in zip(f, found[0])) for f in found)
    tap.check(alike, "after ten steps forward and reverse mode are at the same places", str(found))


CELL = """language 1
neuron cell {
  param g_Na = 120 mS/cm^2 in (0 mS/cm^2, inf)
  param E_K = -77 mV
  param C = 1 uF/cm^2 in (0 uF/cm^2, inf)
  state V = -65 mV
  gate m { alpha = hh_alpha_m(V);  beta = hh_beta_m(V) }
  gate h { alpha = hh_alpha_h(V);  beta = hh_beta_h(V) }
  gate n { alpha = hh_alpha_n(V);  beta = hh_beta_n(V) }
  V' = (10 uA/cm^2 - g_Na * m^3 * h * (V - 50 mV) - 36 mS/cm^2 * n^4 * (V - E_K) - 0.3 mS/cm^2 * (V + 54.3 mV)) / C
}
fit one {
  neuron cell
  data rec = csv("cell.csv") { t : ms;  V : mV }
  free g_Na in [100 mS/cm^2, 140 mS/cm^2], E_K in [-90 mV, -65 mV], C in [0.8 uF/cm^2, 1.2 uF/cm^2]
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by adam(steps = 8) with gradient = KIND
  with dt = 0.02 ms
}
"""


def one_start(tap):
    """Of one start the parameters are lanes and the neuron's own step is numbers, whose exponentials go together and whose
    choices branch: the same descent as by reverse mode, which has none of that, and the same bits for every processor."""
    with open(tap.path("cell.csv"), "w") as f:
        f.write("t,V\n" + "".join(f"{0.02 * k:.2f},{-60 + 30 * math.sin(0.01 * k):.6f}\n" for k in range(1001)))
    found = []
    for kind, cpu in (("reverse", "native"), ("forward", "native"), ("forward", "portable"), ("forward", "x86-64-v3"))[:4 if ALL else 3]:
        model = tap.write("cell.nsl", CELL.replace("KIND", kind))
        program, out = tap.path(f"cell_{kind}_{cpu}"), tap.path(f"cell_{kind}_{cpu}.out")
        call(NSLC, "build", model, "-o", program, "--cpu", cpu)
        call(program, "--quiet", "--out", out)
        with open(os.path.join(out, "fit.json")) as f:
            found.append(json.load(f)["stages"][0]["history"]["objective"])
    close = len(found[0]) == 8 and all(abs(x - y) <= 1e-9 * abs(x) for x, y in zip(found[0], found[1]))
    tap.check(close, "one start goes the same way down by forward and by reverse mode", str(found[:2]))
    tap.check(all(f == found[1] for f in found[1:]), "... and with the same bits on every processor", str(found[1:]))


OSCILLATOR = """language 1
neuron oscillator {
  param mu = 2 in (0, inf)
  state x = 2, y = 0
  x' = y / (1 ms)
  y' = (mu * (1 - x^2) * y - x) / (1 ms)
}
experiment made_up {
  neuron oscillator { mu = 3 }
  record x every 0.5 ms
  run 30 ms with dt = 0.5 ms, method = rk45, tolerance = 1e-9
}
fit own_steps {
  neuron oscillator
  data rec = csv("x.csv") { t : ms;  x : 1 }
  free mu in [1, 8]
  minimize mean((x - rec.x)^2)
  by BY from 4 starts
  with dt = 0.5 ms, method = METHOD, tolerance = 1e-9
}
"""


def own_steps(tap):
    """Methods that choose their steps: derivatives go through their loops."""
    model = tap.write("own.nsl", OSCILLATOR.replace("BY", "lm(steps = 30)").replace("METHOD", "rk45"))
    call(NSLC, "run", model, "--", "--experiment", "made_up", "--csv", "--quiet", "--no-report", "--out", tap.path("made_up"))
    with open(tap.path("made_up/x.csv")) as f:
        tap.write("x.csv", "t,x\n" + f.read().split("\n", 1)[1])
    both = ("lm(steps = 30)", "lbfgs(steps = 60)")
    for method, brief in (("rk45", both[:1]), ("taylor", ()), ("rosenbrock", both[1:])):
        for by in both if ALL else brief:
            r, result = run_fit(tap, tap.write("own.nsl", OSCILLATOR.replace("BY", by).replace("METHOD", method)), "own", "--fit", "own_steps")
            good = result is not None and abs(result["free"][0]["value"] - 3) < 1e-6
            tap.check(good, f"{method}, {by}: the oscillator's parameter is found", r.stderr)


BAD = [("a number that is none", (10, "0.9,nan_"), "nan_"), ("a row without its value", (10, "0.9"), "line 11"),
       ("times that fall", (10, "0.05,3"), "line 11"), ("another column's name", (0, "t,U"), "V")]


def bad_data(tap):
    model = tap.write("decay.nsl", DECAY.replace("BY", OPTIMIZERS[0]))
    decay(tap, "two.csv", 7, 9)
    for what, line, word in BAD:
        decay(tap, "one.csv", 7, 3, line=line)
        r, result = run_fit(tap, model, "bad", "--fit", "decay")
        tap.check(r.returncode == 1 and result is None and word in r.stderr, f"{what}: refused, and nothing written", r.stderr)
    os.remove(tap.path("one.csv"))
    r, result = run_fit(tap, model, "bad", "--fit", "decay")
    tap.check(r.returncode == 1 and result is None and "one.csv" in r.stderr, "no such file: refused", r.stderr)
    decay(tap, "one.csv", 7, 3, line=(10, "0.9,nan"))
    r, result = run_fit(tap, model, "gap", "--fit", "decay")
    good = result is not None and result["observations"] < 2 * 999 + 1 and abs(result["free"][0]["value"] - 7) < 0.01
    tap.check(good, "a missing observation does not count", r.stderr)


def main():
    tap = Tap()
    for name in sorted(TRUTH) if ALL else ["recover_traub"]:
        recover(tap, name)
    optimizers(tap)
    without_derivative(tap)
    ways(tap)
    one_start(tap)
    own_steps(tap)
    bad_data(tap)
    tap.done()


main()

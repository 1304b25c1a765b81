#!/usr/bin/env python3
"""Fits of spikes that a recording fires: the likelihood and what the handlers do against plain Python written from the language
page, derivatives against differences, parameters recovered from spikes, times around spikes left out, bad recordings.

usage: fit_spikes.py [all]: without it, derivatives of each term in one mode"""
import json
import math
import os
import random
import sys

from tap import NSLC, Tap, call, run_fit

ALL = "all" in sys.argv[1:]
MODEL = """language 1
neuron escape {
  param C = 100 pF in (0 pF, inf), g = 5 nS in (0 nS, inf), E = -65 mV
  param V_r = -60 mV, V_th = -50 mV, Delta = 2 mV in (0 mV, inf), rate0 = 1/ms
  param tau_w = 50 ms in (0 ms, inf), b = 20 pA, t_ref = 2 ms in [0 ms, inf)
  input I : pA
  state V = E, w = 0 pA
  V' = (g * (E - V) + I - w) / C
  w' = -w / tau_w
  spike at rate rate0 * exp((V - V_th) / Delta) {
    V = V_r
    w += b
    hold V for t_ref
  }
}
experiment made_up {
  neuron escape { C = 150 pF;  g = 8 nS;  V_th = -52 mV;  b = 30 pA }
  drive I with step(250 pA, from = 5 ms, to = 4000 ms)
  record V every 0.1 ms
  record spikes
  run 4 s with dt = 0.1 ms, seed = 5
}
fit found {
  neuron escape
  data rec = csv("rec.csv") { t : ms;  I : pA;  V : mV;  EVENTS }
  drive I with rec.I
  drive spike with rec.s
  free C in [10 pF, 1000 pF], g in [0.5 nS, 50 nS], b in [1 pA, 100 pA], V_th in [-60 mV, -40 mV], Delta in [0.5 mV, 8 mV]
  minimize OBJECTIVE
  by BY
  with dt = 0.1 ms, METHOD
}
"""
LOGLIK = "-loglik(spike, given = rec.s)"
TRACE = "mean((V - rec.V)^2) / (1 mV)^2"
WITHOUT_THRESHOLD = [(", V_th in [-60 mV, -40 mV], Delta in [0.5 mV, 8 mV]", "")]  # of which a trace says nothing


def model(tap, objective, by, events="events s : ms", method="method = euler", change=()):
    text = MODEL.replace("EVENTS", events).replace("OBJECTIVE", objective).replace("BY", by).replace("METHOD", method)
    for old, new in change:
        assert old in text
        text = text.replace(old, new)
    return tap.write("spikes.nsl", text)


def run(tap, path, *more):
    return run_fit(tap, path, "out", "--fit", "found", "--no-report", *more)


def recording(tap, spikes, n=300, V=None, current=90):
    """n steps of 0.1 ms: times, current, V, and the spikes in a column as long as they are."""
    rows = ["t,I,V,s"]
    for i in range(n + 1):
        rows.append(f"{i / 10},{current if i >= 50 else 0},{-60 if V is None else V[i]:.17g},{spikes[i] if i < len(spikes) else ''}")
    tap.write("rec.csv", "\n".join(rows) + "\n")


def plain(spikes, n=300, current=90, t_ref=2.0, dt=0.1):
    """The log-likelihood, and V after each step: integrate, rate, handler; by Euler's method, with the declared values."""
    steps = {math.ceil(s / dt - 1e-6) for s in spikes}
    V, w, left, total, trace = -65.0, 0.0, 0, 0.0, [-65.0]
    for k in range(1, n + 1):
        held = left >= 1
        I = current if k > 50 else 0
        V, w = V if held else V + dt * (5 * (-65 - V) + I - w) / 100, w + dt * (-w / 50)
        left = max(left - 1, 0)
        rate = 0.0 if held else math.exp((V + 50) / 2)
        total += math.log(-math.expm1(-rate * dt)) if k in steps else -rate * dt
        if k in steps:
            V = V if held else -60.0
            w += 20
            left = max(left, math.ceil(t_ref / dt - 1e-6))
        trace.append(V)
    return total, trace


def objective(tap, path):
    """At the declared values."""
    p = call(NSLC, "grad", path, "--check", "--json", "--steps", "300", "--starts", "0")
    found = [fact["objective"] for fact in map(json.loads, p.stdout.splitlines()) if "objective" in fact]
    return (found[0] if found else None), p.stderr


def likelihood(tap):
    draw = random.Random(3)
    spikes = sorted(round(draw.uniform(1, 27), 3) for _ in range(5))
    spikes = [s for i, s in enumerate(spikes) if i == 0 or s - spikes[i - 1] > 2.2 ] + [29.0]
    spikes.sort()
    recording(tap, spikes)
    want, trace = plain(spikes)
    path = model(tap, LOGLIK, "lbfgs(steps = 3)")
    got, why = objective(tap, path)
    tap.check(got is not None and abs(got + want) < 1e-9 * abs(want), f"the likelihood is that of plain Python: {got}, {-want}", why)
    recording(tap, spikes, V=[v + 1 for v in trace])
    got, why = objective(tap, model(tap, TRACE, "lm(steps = 3)", change=WITHOUT_THRESHOLD))
    tap.check(got is not None and abs(got - 1) < 1e-9, f"V after handlers and holds is that of plain Python, 1 mV off: {got}", why)
    V = [v if not any(s - 2 <= k / 10 + 1e-9 and k / 10 <= s + 4 + 1e-9 for s in spikes) else v + 1e6 for k, v in enumerate(trace)]
    recording(tap, spikes, V=[v + 1 for v in V])
    got, why = objective(tap, model(tap, TRACE + " except -2 ms..4 ms around rec.s", "lm(steps = 3)", change=WITHOUT_THRESHOLD))
    tap.check(got is not None and abs(got - 1) < 1e-9, f"times around spikes do not count: {got}", why)
    got, why = objective(tap, model(tap, TRACE + " except -1.9 ms..4 ms around rec.s", "lm(steps = 3)", change=WITHOUT_THRESHOLD))
    tap.check(got is not None and got > 1e6, f"beside them they do: {got}", why)
    small = [("rate0 = 1/ms", "rate0 = 1e-150/ms")]
    recording(tap, spikes)
    got, why = objective(tap, model(tap, LOGLIK, "lbfgs(steps = 3)", change=small))
    about = want - len(spikes) * 150 * math.log(10)
    tap.check(got is not None and abs(got + about) < 100, f"a rate of 1e-150/ms has a finite likelihood: {got}", why)


def crossings(tap):
    """The same events, from a column: the first sample at or above the level ends the step."""
    spikes = [10.0, 13.3, 19.95, 25.4]
    V = [30 if any(0 <= i / 10 - s < 0.5 for s in spikes) else -60 for i in range(301)]
    recording(tap, spikes, V=V)
    listed, why = objective(tap, model(tap, LOGLIK, "lbfgs(steps = 3)"))
    found, why = objective(tap, model(tap, LOGLIK, "lbfgs(steps = 3)", events="events s = crossings(V, -10 mV)"))
    tap.check(listed is not None and listed == found, f"crossings of a column are the spikes listed: {found}, {listed}", why)


def derivatives(tap):
    spikes = [6.0, 9.0, 12.3]
    recording(tap, spikes, n=150)
    for what, method in ((LOGLIK, "method = euler"), (LOGLIK + " + 10 * " + TRACE + " except -2 ms..4 ms around rec.s", "seed = 1"),
                         (TRACE + " except -2 ms..4 ms around rec.s", "method = rk4"),
                         ("residual(V, given = rec.V, over = 0.5 ms)", "method = rk4")):
        modes = ("forward", "reverse") if ALL else ("forward",) if what.startswith("residual") else ("reverse",)
        for gradient in modes:
            if "loglik" not in what and gradient == "forward":
                path = model(tap, what, "lm(steps = 3)", method=method, change=WITHOUT_THRESHOLD)
                p = call(NSLC, "grad", path, "--check", "--starts", "0")
                good = p.returncode == 0 and " 0 deviate" in p.stdout and p.stdout.count("Gauss-Newton diagonal") >= 3
                tap.check(good, f"{what.split('(')[0]}, {method}: the Gauss-Newton matrix against differences", p.stdout + p.stderr)
            path = model(tap, what, f"lbfgs(steps = 3) with gradient = {gradient}", method=method,
                         change=() if "loglik" in what else WITHOUT_THRESHOLD)
            p = call(NSLC, "grad", path, "--check", "--starts", "0")
            good = p.returncode == 0 and " 0 deviate" in p.stdout and p.stdout.count(gradient) >= 2
            tap.check(good, f"{what.split('(')[0]}, {method}: {gradient} mode against differences in 113 bits", p.stdout + p.stderr)


def made_up(tap):
    """What the model itself has fired, with other parameters."""
    path = model(tap, LOGLIK, "lbfgs", method="seed = 1")
    out = tap.path("made_up")
    call(NSLC, "run", path, "--", "--experiment", "made_up", "--csv", "--quiet", "--no-report", "--out", out)
    with open(os.path.join(out, "V.csv")) as f:
        V = [float(line.split(",")[1]) for line in f.read().split()[1:]]
    with open(os.path.join(out, "spikes.csv")) as f:
        spikes = [float(line.split(",")[0]) for line in f.read().split()[1:]]
    recording(tap, spikes, n=40000, V=V, current=250)
    return spikes


def recovered(tap):
    spikes = made_up(tap)
    staged = [("minimize 1\n  by 2", f"""stage trace {{
    minimize {TRACE} except -2 ms..4 ms around rec.s
    by lm(steps = 30) from 4 starts
  }}
  stage both {{ minimize {LOGLIK} + 1000 * {TRACE};  by lbfgs(steps = 100) }}""")]
    seen = set()
    for threads in (1, 2):
        r, result = run(tap, model(tap, "1", "2", method="seed = 1", change=staged), "--threads", str(threads))
        if not tap.check(result is not None, f"voltage, then spikes, {threads} threads", r.stderr):
            return
        seen.add(json.dumps([result["free"], result["objective"]]))
    tap.check(len(seen) == 1, "1 and 2 threads: the same bits")
    best = {f["path"]: f["value"] for f in result["free"]}
    far = max(abs(best["C"] / 150 - 1), abs(best["g"] / 8 - 1), abs(best["b"] / 30 - 1))
    tap.check(far < 0.02, f"C, g and b are found by the trace that recorded spikes shape, within {far:.1g}", best)
    good = abs(best["V_th"] + 52) < 0.6 and abs(best["Delta"] - 2) < 0.4
    tap.check(good, f"V_th -52 and Delta 2 mV by the likelihood of {len(spikes)} spikes: {best['V_th']:.2f}, {best['Delta']:.2f}")
    change = WITHOUT_THRESHOLD
    physics = "residual(V, given = rec.V, over = 0.5 ms) except -0.2 ms..2.1 ms around rec.s"
    r, result = run(tap, model(tap, physics, "lm(steps = 30) from 8 starts", method="seed = 1", change=change))
    now = {f["path"]: f["value"] for f in result["free"]} if result else {}
    good = bool(now) and max(abs(now["C"] / 150 - 1), abs(now["g"] / 8 - 1), abs(now["b"] / 30 - 1)) < 1e-4
    tap.check(good, f"by a residual, whose other states jump when the recording has a spike: {now}", r.stderr)
    for by in ("lbfgs(steps = 60) with gradient = forward", "adam(steps = 400, rate = 0.05)")[:2 if ALL else 1]:
        change = [("free C in [10 pF, 1000 pF], g in [0.5 nS, 50 nS], b in [1 pA, 100 pA], V_th", "free V_th"),
                  ("neuron escape\n  data", "neuron escape { C = 150 pF;  g = 8 nS;  b = 30 pA }\n  data")]
        r, result = run(tap, model(tap, LOGLIK, by, method="seed = 1", change=change))
        now = {f["path"]: f["value"] for f in result["free"]} if result else {}
        good = bool(now) and abs(now["V_th"] - best["V_th"]) < 0.02 and abs(now["Delta"] - best["Delta"]) < 0.02
        tap.check(good, f"{by}: the same by the spikes alone: {now}", r.stderr)


BAD = [("two spikes in a step", [20.01, 20.05, 28.0], "two events of s lie in the step of 0.1 ms that ends at 20.1 ms"),
       ("a spike while V is held", [20.0, 21.0, 28.0], "has a spike at 21 ms of rec.csv, where the model cannot fire"),
       ("no spikes", [], "no sweep has an event of s in its window"),
       ("a spike that is no number", ["20.0", "x2"], "`x2` is not a number")]


def bad(tap):
    for what, spikes, word in BAD:
        recording(tap, spikes)
        r, result = run(tap, model(tap, LOGLIK, "lbfgs(steps = 3)"))
        tap.check(r.returncode == 1 and word in r.stderr, f"{what}: refused", r.stderr)
    recording(tap, [0.0, 10.0, 20.0, 28.0, 350.0])
    r, result = run(tap, model(tap, LOGLIK, "lbfgs(steps = 3)"))
    said = result is not None and any("2 events of s lie outside of the sweep" in w for w in result["warnings"])
    tap.check(said, "events outside of the sweep are said to be left out", r.stderr)
    r, result = run(tap, model(tap, LOGLIK, "lbfgs(steps = 3)", events="events fired : ms", change=[("rec.s", "rec.fired")]))
    tap.check(r.returncode == 1 and "no column `fired`" in r.stderr, "a list that the file has not: refused", r.stderr)


def main():
    tap = Tap()
    likelihood(tap)
    crossings(tap)
    derivatives(tap)
    recovered(tap)
    bad(tap)
    tap.done()


main()

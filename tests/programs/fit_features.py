#!/usr/bin/env python3
"""Features of the course of V (lang/features.def) in fits: their values by the formulas of docs/fits.md, computed here from a run of the same
cell; their derivatives in both modes against differences in 113-bit arithmetic."""
import csv
import json
import math

from tap import NSLC, Tap, call

NEURON = """language 1

neuron cell {
  param C = 1 uF/cm^2 in (0 uF/cm^2, inf), g_na = 120 mS/cm^2, g_k = 36 mS/cm^2, g_l = 0.3 mS/cm^2
  input I : uA/cm^2
  state V = -65 mV, m = 0.05, h = 0.6, n = 0.32
  let a = (V + 40 mV) / (10 mV), b = (V + 55 mV) / (10 mV)
  V' = (g_na * m^3 * h * (50 mV - V) + g_k * n^4 * (-77 mV - V) + g_l * (-54.4 mV - V) + I) / C
  m' = -a / (exp(-a) - 1) * (1 - m) / (1 ms) - 4 * exp(-(V + 65 mV) / (18 mV)) * m / (1 ms)
  h' = 0.07 * exp(-(V + 65 mV) / (20 mV)) * (1 - h) / (1 ms) - h / (1 + exp(-(V + 35 mV) / (10 mV))) / (1 ms)
  n' = 0.1 * -b / (exp(-b) - 1) * (1 - n) / (1 ms) - 0.125 * exp(-(V + 65 mV) / (80 mV)) * n / (1 ms)
}
"""
RUN = """
experiment made {
  neuron cell
  drive I with step(12 uA/cm^2, from = 0 ms, to = 1 s)
  record V
  run 20 ms with dt = 0.05 ms, method = rk4
}
"""
FIT = """
fit f {
  neuron cell
  data rec = csv("rec.csv") { t : ms;  V : mV }
  drive I with 12 uA/cm^2
  free C in [0.5 uF/cm^2, 2 uF/cm^2], g_k in [10 mS/cm^2, 60 mS/cm^2]
  minimize OBJECTIVE
  by lbfgs with gradient = MODE
  with dt = 0.05 ms, method = rk4
}
"""
LEVEL, SMOOTH = -20.0, 2.0
HOW = "level = -20 mV, smooth = 2 mV"
GIVEN = {"peaks": "2.5", "amplitude": "50 mV", "width": "0.8 ms", "ahp": "60 mV"}
UNITS = {"peaks": "1", "amplitude": "1 mV", "width": "1 ms", "ahp": "1 mV"}


def features(v, dt, counts):
    """By the formulas, of the values at the ends of steps."""
    p = [1 / (1 + math.exp(-(x - LEVEL) / SMOOTH)) for x in v]
    q = [SMOOTH * math.log(1 + math.exp((x - LEVEL) / SMOOTH)) for x in v]
    steps = [k for k in range(1, len(v)) if counts(k)]
    vertex, n, height = {}, 0, 0
    for k in range(2, len(v)):
        if (v[k - 1] - v[k - 2]) * (v[k] - v[k - 1]) < 0:
            vertex[k] = v[k - 1] - (v[k] - v[k - 2]) ** 2 / (8 * (v[k] - 2 * v[k - 1] + v[k - 2]))
    for k in steps:
        n, height = n + max(0, p[k] - p[k - 1]), height + max(0, q[k] - q[k - 1])
        if k in vertex and v[k - 1] > v[k]:
            x = (vertex[k] - LEVEL) / SMOOTH
            n, height = n + 1 / (1 + math.exp(-x)) - p[k - 1], height + SMOOTH * math.log(1 + math.exp(x)) - q[k - 1]
    area = sum(dt * q[k] for k in range(len(v)) if counts(k))
    low, had, depth, troughs = None, False, 0, 0
    for k in range(1, len(v)):
        rise = max(0, p[k] - p[k - 1]) if counts(k) and had else 0
        if rise:
            depth, troughs = depth + rise * (LEVEL - low), troughs + rise
        if p[k - 1] > 0.5 >= p[k]:
            low, had = v[k], had or counts(k)
        elif low is not None:
            low = min(low, v[k], vertex.get(k, v[k]) if v[k - 1] < v[k] else v[k])
    return {"peaks": n, "amplitude": height / math.hypot(n, 0.01), "width": area / math.hypot(height, SMOOTH),
            "ahp": depth / math.hypot(troughs, 0.01)}


def grad(t, objective, mode):
    text = NEURON + FIT.replace("OBJECTIVE", objective).replace("MODE", mode)
    p = call(NSLC, "grad", t.write("g.nsl", text), "--check", "--json", "--starts", "0", "--steps", "100000")
    facts = [json.loads(line) for line in p.stdout.splitlines()]
    rows = [f for f in facts if f.get("fact") == "derivative"]
    return next((f["objective"] for f in facts if "objective" in f), math.nan), rows, p


def main():
    t = Tap()
    p = call(NSLC, "run", t.write("run.nsl", NEURON + RUN), "--", "--csv", "--quiet", "--out", t.path("out"))
    if not t.check(p.returncode == 0, "the cell runs", p.stdout + p.stderr):
        return t.done()
    with open(t.path("out/V.csv")) as f:
        v = [float(row[1]) for row in list(csv.reader(f))[1:]]
    rec = [-60 + 90 * math.exp(-(k % 170 - 40) ** 2 / (2.0 * 12 ** 2)) - 10 * math.exp(-(k % 170 - 100) ** 2 / (2.0 * 20 ** 2)) for k in range(401)]
    t.write("rec.csv", "t,V\n" + "\n".join(f"{k / 20:g},{x!r}" for k, x in enumerate(rec)) + "\n")
    model, recorded = features(v[1:], 0.05, lambda k: True), features(rec[1:], 0.05, lambda k: True)
    t.check(abs(model["peaks"] - 2) < 0.01 and 0.5 < model["width"] < 2 and model["ahp"] > 50, f"two spikes: {model}")

    def compare(given, want, when, mode):
        terms = [f"{k}(V, given = {given[k]}, {HOW}) / ({UNITS[k]})^2" for k in GIVEN]
        got, rows, p = grad(t, " + ".join(terms) + when, mode)
        t.check(abs(got - want) < 1e-9 * want, f"{given['peaks']}{when}: {got}", f"{want}\n{p.stderr}")
        far = max((abs(r["deviation"]) for r in rows), default=math.inf)
        t.check(p.returncode == 0 and far < 1e-6 and all(r["value"] for r in rows), f"{mode} mode, products with the Hessian: {far:.0e}",
                p.stdout[-900:] + p.stderr)

    compare(dict.fromkeys(GIVEN, "rec.V"), sum((model[k] - recorded[k]) ** 2 for k in GIVEN), "", "forward")
    model = features(v[1:], 0.05, lambda k: k >= 80)
    compare(GIVEN, sum((model[k] - float(GIVEN[k].split()[0])) ** 2 for k in GIVEN), " after 4 ms", "reverse")
    t.done()


main()

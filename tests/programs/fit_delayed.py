#!/usr/bin/env python3
"""Fits of neurons with delayed values: their course is that of a run, bit for bit; derivatives in both modes, by the delay too, against
differences in 113-bit arithmetic, with lags that differ from start to start; what is refused."""
import csv
import json
import math

from tap import NSLC, Tap, call

MODEL = """language 1

neuron cell {
  param tau = 10 ms in (0 ms, inf), d = 3.03 ms in (0 ms, inf), w = 0.6
  input I : mV
  state V = -65 mV, y = 1 mV
  V' = (-60 mV - V + I - w * (delayed(V, d) + 65 mV) + 0.1 * delayed(y * V / (1 mV), 2 * d)) / tau
  y' = (delayed(V, 2.345 ms) + 65 mV - y) / (5 ms)
}

experiment made {
  neuron cell
  drive I with step(12 mV, from = 3 ms, to = 20 ms)
  record V
  run 25 ms with dt = 0.1 ms, method = rk4
}

fit f {
  neuron cell
  data rec = csv("rec.csv") { t : ms;  I : mV;  V : mV }
  drive I with rec.I
  free tau in [5 ms, 20 ms], d in [1 ms, 8 ms], V(0) in [-80 mV, -40 mV]
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by OPTIMIZER
  with dt = 0.1 ms, method = rk4
}
"""


def model(t, optimizer, old="", new=""):
    return t.write("model.nsl", MODEL.replace("OPTIMIZER", optimizer).replace(old, new, 1))


def recording(t):
    p = call(NSLC, "run", model(t, "lm"), "--", "--experiment", "made", "--csv", "--quiet", "--out", t.path("out"))
    if not t.check(p.returncode == 0, "the cell runs", p.stdout + p.stderr):
        return False
    with open(t.path("out/V.csv")) as f:
        rows = [tuple(map(float, row)) for row in list(csv.reader(f))[1:]]
    lines = [f"{at!r},{12 if 3 - 1e-9 < at < 20 - 1e-9 else 0},{v!r}" for at, v in rows]
    t.write("rec.csv", "t,I,V\n" + "\n".join(lines) + "\n")
    return True


def derivatives(t, mode):
    """At the declared values the objective is 0, and all that is left is rounding: derivatives are those of the other start."""
    p = call(NSLC, "grad", model(t, f"lbfgs with gradient = {mode}"), "--check", "--json", "--starts", "1", "--steps", "100")
    rows = [f for f in map(json.loads, p.stdout.splitlines()) if f["fact"] == "derivative"]
    good = any(f["start"] == 0 for f in rows) and all(f["objective"] == 0 for f in rows if f["start"] == 0)
    t.check(good, f"{mode}: at the declared values the fit's course is that of the run", p.stdout[-600:] + p.stderr)
    rows = [f for f in rows if f["start"] == 1]
    far = max((abs(r["deviation"]) for r in rows), default=math.inf)
    t.check(far < 1e-6 and all(r["value"] for r in rows), f"{mode}: within {far:.0e} of differences", p.stdout[-900:] + p.stderr)


def main():
    t = Tap()
    if recording(t):
        derivatives(t, "forward")
        derivatives(t, "reverse")
        p = call(NSLC, "run", model(t, "lm(steps = 30) from 8 starts", "d = 3.03 ms", "d = 5 ms"), "--", "--fit", "f", "--quiet", "--out", t.path("fit"))
        with open(t.path("fit/fit.json")) as f:
            d = next(row["value"] for row in json.load(f)["free"] if row["path"] == "d")
        t.check(abs(d - 3.03) < 1e-6, f"the delay is found: {d}", p.stdout + p.stderr)
        for old, new, text in (("d in [1 ms", "d in [0.01 ms", "a delay of 0.01 ms is less than one step of 0.1 ms, and the bounds of the search allow for it"),
                               ("2.345 ms", "0.05 ms", "delayed(V, 0.05 ms): a delay of 0.05 ms is less than one step")):
            p = call(NSLC, "run", model(t, "lm", old, new), "--", "--fit", "f", "--quiet", "--out", t.path("bad"))
            t.check(p.returncode == 1 and text in p.stderr, f"refused: {text}", p.stdout + p.stderr)
    t.done()


main()

#!/usr/bin/env python3
"""Slices of many blocks: an input that is one number for all is read at the first block alone, one that is not everywhere; a
port that nothing reaches stays empty; Poisson counts do not depend on where a slice or the driven part of it is cut."""
import csv
import os
from collections import defaultdict

from tap import NSLC, Tap, call

# the same cells three times: one current for all; the same in two halves; the same in value, but for each cell its own
CURRENTS = """language 1
neuron n {
  param tau = 10 ms, R = 1 Gohm
  input I : pA
  state V = 0 mV, s = 0 mV
  V' = (R * I + s - V) / tau
  s' = -s / (3 ms)
  receive e(w : mV) { s += w }
  receive never(w : mV) { V += w }
  spike when V > 15 mV { V = 0 mV; hold V for 1 ms }
}
network net {
  param N = 5000
  population A : n[N] { tau ~ uniform(8 ms, 12 ms) }
  population B : n[N] { tau ~ uniform(8 ms, 12 ms) }
  population C : n[N] { tau ~ uniform(8 ms, 12 ms) }
  drive A.I with constant(20 pA)
  drive A.I with step(5 pA, from = 20 ms, to = 40 ms)
  drive B[0..2611].I with constant(20 pA)
  drive B[2612..4999].I with constant(20 pA)
  drive B.I with step(5 pA, from = 20 ms, to = 40 ms)
  drive C.I with constant(uniform(20 pA, 20 pA))
  drive C.I with step(5 pA, from = 20 ms, to = 40 ms)
}
experiment x {
  network net { B.tau = 10 ms;  A.tau = 10 ms;  C.tau = 10 ms }
  record spikes of (A, B, C)
  run 60 ms with dt = 0.1 ms
}
"""
# a part of the driven cells is driven from a drive of its own that has the same name in both programs
COUNTS = """language 1
neuron n {
  state k = 0
  k' = 0 / (1 ms)
  receive e(w) { k += w }
  spike when k >= 3 { k = 0 }
}
network net {
  population P : n[3000]
  drive P%s.e with poisson(6 kHz) { weight = 1;  delay = 0.3 ms }
}
experiment x {
  network net
  record spikes of P
  run 30 ms with dt = 0.1 ms, seed = 5
}
"""


def spikes(t, name, text, precision="f64"):
    path, out = t.write(name + ".nsl", text), t.path(name + ".out")
    r = call(NSLC, "build", path, "--precision", precision, "-o", t.path(name))
    if r.returncode == 0:
        r = call(t.path(name), "--quiet", "--no-report", "--csv", "--force", "--out", out)
    found = defaultdict(set)
    if r.returncode == 0:
        with open(os.path.join(out, "spikes.csv")) as f:
            for row in csv.DictReader(f):
                found[row["population"]].add((float(row["t_ms"]) if "t_ms" in row else row["time"], int(row["id"])))
    return found, r.stderr


def main():
    t = Tap()
    for precision in ("f64", "f32"):
        found, why = spikes(t, "currents", CURRENTS, precision)
        t.check(len(found["A"]) > 5000 and found["A"] == found["B"] == found["C"], f"{precision}: currents", why or found.keys())
        whole, why = spikes(t, "whole", COUNTS % "", precision)
        part, why2 = spikes(t, "part", COUNTS % "[1100..2300]", precision)
        inside = {s for s in whole["P"] if 1100 <= s[1] <= 2300}
        t.check(len(inside) > 3000 and part["P"] == inside, f"{precision}: a driven part", why + why2)
    t.done()


main()

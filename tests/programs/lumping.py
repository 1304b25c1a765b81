#!/usr/bin/env python3
"""States that are advanced as their sum: the same spikes as with states apart, whatever the threads; the choice is that of
the parameters, and a record keeps them apart."""
import csv
import os

from tap import NSLC, Tap, call, run_json

MODEL = """language 1
network net {
  param N = 300
  population E : %s[N] { tau_ex = 2 ms;  tau_in = 2 ms;  V ~ uniform(-70 mV, -55 mV) }
  population I : %s[N] { tau_ex = 2 ms;  tau_in = 2 ms;  V ~ uniform(-70 mV, -55 mV);  I_in = -20 pA;  I_ex = 15 pA }
  connect E -> (E, I).exc by indegree(30) { weight ~ %g pA * normal(1, 0.1);  delay = 1.5 ms }
  connect I -> (E, I).inh by indegree(30) { weight ~ %g pA * normal(1, 0.1);  delay = 1 ms }
  drive (E, I).exc with poisson(9 kHz) { weight = 24 pA }
  drive I[10..70].inh with poisson(1 kHz) { weight = -30 pA }
}
experiment x {
  network net
  record spikes of (E, I)
  %s
  run 120 ms with dt = 0.1 ms, seed = 3
}
"""


def run(t, name, text, precision, *options):
    path = t.write(name + ".nsl", text)
    program = t.path(name)
    r = call(NSLC, "build", path, "--precision", precision, "-o", program)
    out = program + ".out"
    if r.returncode == 0:
        r = call(program, "--quiet", "--no-report", "--csv", "--force", "--out", out, *options)
    if r.returncode != 0:
        return None, r.stderr, ""
    with open(os.path.join(out, "spikes.csv")) as f:
        spikes = [row for row in csv.reader(f)][1:]
    return spikes, r.stderr, run_json(out)["state_hash"]


def model(t, neuron, precision):
    what = f"{neuron} {precision}"
    alpha = neuron.endswith("alpha")
    weights = (40, -160) if not alpha else (20, -80)
    plain = MODEL % (neuron, neuron, *weights, "")
    apart = MODEL % (neuron, neuron, *weights, "record I_in of E[0]")
    other = ("--set", "E.tau_in=2.5ms", "--set", "I.tau_in=2.5ms")
    a, why, lumped = run(t, "a", plain, precision)
    b, why_b, separate = run(t, "b", apart, precision)
    # in single precision rounding soon shows
    same = a == b if precision == "f64" else abs(len(a or []) - len(b or [])) < 0.03 * len(a or [])
    t.check(a and b and len(a) > 300 and same, f"{what}: the same spikes as apart", why + why_b)
    t.check(lumped != separate, f"{what}: one state is the sum, the other 0")
    one = run(t, "a", plain, precision, "--threads", "1")
    t.check(one[2] == lumped and one[0] == a, f"{what}: one thread")
    c, d = run(t, "a", plain, precision, *other), run(t, "b", apart, precision, *other)
    t.check(c[0] and c[0] == d[0] and c[2] == d[2] and c[0] != a, f"{what}: two time constants", c[1] + d[1])


def main():
    t = Tap()
    for neuron in ("iaf_psc_exp", "iaf_psc_alpha"):
        for precision in ("f64", "f32"):
            model(t, neuron, precision)
    t.done()


main()

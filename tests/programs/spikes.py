#!/usr/bin/env python3
"""Derivatives of spikes that a fitted neuron fires by itself: `exact_events` against differences in 113-bit arithmetic and against
closed forms, for several neurons and methods; surrogates in both modes.

usage: spikes.py [all]: without it, one method of each neuron and two surrogates"""
import json
import math
import sys

from tap import NSLC, Tap, call

LIF = """neuron cell {
  param tau = 10 ms in (0 ms, inf), V_th = -50 mV, E = -65 mV, t_ref = 2.03 ms in [0 ms, 1000 ms], dV = 0 mV
  input I : mV
  state V = -65 mV
  V' = (E - V + I) / tau
  spike when V > V_th { V = E - dV;  hold V for t_ref }
}"""
GLIF = """neuron cell {
  param tau = 10 ms in (0 ms, inf), V_th = -50 mV, t_ref = 2.03 ms in [0 ms, 1000 ms], b = 3 mV, tau_w = 40 ms in (0 ms, inf), h = 2 mV
  input I : mV
  state V = -65 mV, w = 0 mV, th = 0 mV
  V' = (-65 mV - V + I - w) / tau
  w' = -w / tau_w
  th' = -th / (20 ms)
  spike when V > V_th + th { V = -65 mV;  w += b; th += h; hold V for t_ref }
}"""
IZHIKEVICH = """neuron cell {
  param a = 0.02 / (1 ms), b = 0.2 / (1 ms), c = -65 mV, d = 8 mV / (1 ms)
  input I : mV
  state V = -65 mV, u = -13 mV / (1 ms)
  V' = 0.04 * V^2 / (1 mV * 1 ms) + 5 * V / (1 ms) + 140 mV / (1 ms) - u + I / (1 ms)
  u' = a * (b * V - u)
  spike when V > 30 mV { V = c;  u += d }
}"""
ADEX = """neuron cell {
  param C = 200 pF, D = 2 mV in (0 mV, inf), V_T = -50 mV, V_r = -58 mV, tau_w = 30 ms in (0 ms, inf), a = 2 nS, b = 60 pA
  input I : mV
  state V = -70 mV, w = 0 pA
  V' = (10 nS * (-70 mV - V) + 10 nS * D * exp((V - V_T) / D) - w + 25 nS * I) / C
  w' = (a * (V + 70 mV) - w) / tau_w
  spike when V > 0 mV { V = V_r;  w += b; hold V for 1.03 ms }
}"""
RAMP = """neuron cell {
  param V_th = -49.77 mV, dV = 0 mV
  input I : mV
  state V = -65 mV
  V' = 1 mV/ms + 0 * I / (1 ms)
  spike when V > V_th { V = -65 mV - dV }
}"""
NEURONS = {
    "lif": (LIF, "tau in [1 ms, 100 ms], V_th in [-60 mV, -20 mV], t_ref in [0.1 ms, 10 ms], dV in [-5 mV, 5 mV]"),
    "glif": (GLIF, "tau in [1 ms, 100 ms], V_th in [-60 mV, -20 mV], t_ref in [0.1 ms, 10 ms], b in [0 mV, 10 mV], tau_w in [1 ms, 200 ms], "
                   "h in [0 mV, 10 mV]"),
    "izhikevich": (IZHIKEVICH, "a in [0.001 / (1 ms), 0.1 / (1 ms)], c in [-70 mV, -50 mV], d in [1 mV / (1 ms), 10 mV / (1 ms)]"),
    "adex": (ADEX, "C in [50 pF, 500 pF], D in [0.5 mV, 5 mV], V_T in [-60 mV, -40 mV], V_r in [-70 mV, -45 mV], tau_w in [10 ms, 300 ms], "
                   "a in [0 nS, 10 nS], b in [0 pA, 200 pA]"),
}
ALL = "all" in sys.argv[1:]
MODEL = """language 1
NEURON
fit f {
  neuron cell
  data rec = csv("rec.csv") { t : ms;  I : mV;  V : mV;  events s = crossings(V, 0 mV) }
  drive I with rec.I
  free FREE
  minimize OBJECTIVE
  by adam(steps = 3) with gradient = GRADIENT
  with dt = DT
}
"""


def recording(t, last=60):
    lines = ["t,I,V"] + [f"{k / 10:g},{20 if k < 300 else 22},{-55}" for k in range(last * 10 + 1)]
    t.write("rec.csv", "\n".join(lines) + "\n")


def gradient(t, name, how, dt="0.1 ms", objective="mean((V - rec.V)^2) / (1 mV)^2"):
    """The rows of declared values by mode, and how it ended."""
    neuron, free = NEURONS[name]
    text = MODEL.replace("NEURON", neuron).replace("FREE", free).replace("OBJECTIVE", objective).replace("GRADIENT", how).replace("DT", dt)
    p = call(NSLC, "grad", t.write("g.nsl", text), "--check", "--json", "--starts", "0", "--steps", "100000")
    facts = [json.loads(line) for line in p.stdout.splitlines()]
    return [f for f in facts if f.get("fact") == "derivative" and not f["mode"].startswith("Hessian")], p


def located(t):
    seen = {}
    for name, methods in (("lif", ("exact", "rk45")), ("glif", ("exact", "rk4", "exponential_euler")), ("izhikevich", ("rk4", "taylor")),
                          ("adex", ("taylor", "rosenbrock"))):
        for method in methods if ALL else methods[:1] if name != "izhikevich" else ():
            rows, p = gradient(t, name, "exact_events", f"0.1 ms, method = {method}")
            far = max((abs(r["deviation"]) for r in rows), default=math.inf)
            moves = all(r["value"] != 0 for r in rows)
            t.check(p.returncode in (0, 1) and far < 1e-9 and moves, f"{name} by {method}: within {far:.0e} of differences", p.stdout[-600:] + p.stderr)
            if not ALL and name != "lif":
                continue
            back, p = gradient(t, name, "exact_events, gradient = reverse", f"0.1 ms, method = {method}")
            far = max((abs(r["deviation"]) for r in back if r["mode"] == "reverse"), default=math.inf)
            t.check(far < 1e-9, f"{name} by {method}, reverse mode: within {far:.0e}", p.stdout[-600:] + p.stderr)
            seen[name, method] = {r["parameter"]: r["value"] for r in rows if r["mode"] != "forward, 113 bits"}
    for name, first, other, most in (("lif", "exact", "rk45", 1e-5), ("glif", "exact", "rk4", 1e-5), ("adex", "taylor", "rosenbrock", 2e-3)):
        if not ALL:
            break
        a, b = seen[name, first], seen[name, other]
        far = max(abs(a[k] / b[k] - 1) for k in a) if a and b else math.inf
        t.check(far < most, f"{name}: the slopes by {first} and {other} are those of one neuron: {far:.0e}")


def closed_forms(t):
    """The mean of V of a cell under constant current, spike by spike: V = E + I (1 - exp(-t / tau)) between them."""
    want = {k: (lif_mean(**{k: 1e-5}) - lif_mean(**{k: -1e-5})) / 2e-5 for k in ("tau", "V_th", "t_ref", "dV")}
    t.write("rec.csv", "t,I,V\n" + "\n".join(f"{k / 10:g},20,-55" for k in range(601)) + "\n")
    far = {}
    for dt in ("0.1 ms", "0.025 ms"):
        rows, p = gradient(t, "lif", "exact_events", dt, "mean((V + 65 mV) / (1 mV))")
        got = {r["parameter"]: r["value"] for r in rows if r["mode"] != "forward, 113 bits"}
        far[dt] = [abs(got.get(k, math.inf) - want[k]) for k in want]
    good = max(far["0.1 ms"]) < 0.02 and max(far["0.025 ms"]) < 0.002 and far["0.025 ms"][1] < far["0.1 ms"][1] / 6
    t.check(good, f"a cell under constant current: the closed form's slopes, the nearer the smaller dt ({far['0.1 ms'][1]:.1e}, {far['0.025 ms'][1]:.1e})",
            f"{far} {want}")


def lif_mean(tau=0.0, V_th=0.0, t_ref=0.0, dV=0.0):
    """Mean of V - E over 60 ms; arguments: what is added to the declared values."""
    tau, level, hold, drive, last, at, x, sum_of = 10 + tau, 15 + V_th, 2.03 + t_ref, 20.0, 60.0, 0.0, 0.0, 0.0
    while True:
        until = tau * math.log((drive - x) / (drive - level))
        part = min(until, last - at)
        sum_of += drive * part - (drive - x) * tau * (1 - math.exp(-part / tau))
        if at + until >= last:
            return sum_of / last
        x = -dV
        held = min(hold, last - at - until)
        sum_of += x * held
        at += until + hold
        if at >= last:
            return sum_of / last


def surrogates(t):
    recording(t)
    free = "tau in [1 ms, 100 ms], V_th in [-60 mV, -20 mV], dV in [-5 mV, 5 mV]"
    NEURONS["lif_fixed"] = (LIF, free)
    seen = {}
    for shape in ("gaussian", "triangle", "fast_sigmoid", "sigmoid", "arctan", "box")[:6 if ALL else 1]:
        for more in ("", ", gradient = reverse", ", reset = detached"):
            rows, p = gradient(t, "lif_fixed", f"surrogate({shape}, width = 2 mV){more}")
            far = max((abs(r["deviation"]) for r in rows), default=math.inf)
            seen[shape, more] = [r["value"] for r in rows if r["mode"] != "forward, for squares"]
            good = p.returncode == 0 and far < 1e-9 and len(seen[shape, more]) == 3
            t.check(good, f"{shape}{more}: {rows[0]['mode'] if rows else '?'}, within {far:.0e} of 113 bits", p.stdout[-600:] + p.stderr)
        plain, back, detached = (seen[shape, more] for more in ("", ", gradient = reverse", ", reset = detached"))
        far = max((abs(a / b - 1) for a, b in zip(plain, back)), default=math.inf)
        t.check(far < 1e-8, f"{shape}: reverse mode is forward mode, {far:.0e}", f"{plain} {back}")
        t.check(plain[1] != 0 and detached[1] == 0, f"{shape}: the threshold moves a reset that is differentiated, not one that is detached",
                f"{plain} {detached}")
    for far, k in (("triangle", "box"), ("gaussian", "arctan")) if ALL else ():
        t.check(seen[far, ""] != seen[k, ""], f"{far} and {k} differ")


def features(t):
    """Terms of spikes, against recorded ones."""
    lines = ["t,I,V"] + [f"{k / 10:g},{20 if k < 300 else 22},{20 if k % 153 > 148 else -60}" for k in range(601)]
    t.write("rec.csv", "\n".join(lines) + "\n")
    terms = {"van_rossum(spike, given = rec.s, tau = 10 ms)": None, "latency(spike, given = rec.s) / (1 ms)^2": None,
             "rate(spike, given = rec.s) / (1 Hz)^2 + last(spike, given = rec.s) / (1 ms)^2 + 9 * adaptation(spike, given = rec.s)": None}
    for term in terms:
        rows, p = gradient(t, "glif", "exact_events", objective=term)
        far = max((abs(r["deviation"]) for r in rows), default=math.inf)
        t.check(p.returncode == 0 and far < 1e-9 and rows[0]["value"] != 0, f"{term}: within {far:.0e} of differences", p.stdout[-600:] + p.stderr)
    rows, p = gradient(t, "lif_fixed", "surrogate(gaussian, width = 3 mV), gradient = reverse", objective="count(spike, given = rec.s)")
    far = max((abs(r["deviation"]) for r in rows), default=math.inf)
    t.check(p.returncode == 0 and far < 1e-9 and all(r["value"] != 0 for r in rows), f"count by a surrogate: within {far:.0e}", p.stdout + p.stderr)
    where = next((f["objective"] for f in map(json.loads, p.stdout.splitlines()) if "objective" in f), None)
    t.check(where is not None and where == round(where) and math.isqrt(int(where)) ** 2 == where, f"a count is squared: {where}", p.stdout)
    times = [10.05, 20.05, 35.05, 60.05]
    t.write("rec.csv", "t,I,V\n" + "\n".join(f"{k / 10:g},0,{20 if any(abs(k / 10 - at - 0.05) < 0.01 for at in times) else -20}" for k in range(701)) + "\n")
    tau, k = 2 / (math.e * 0.1), lambda x: (1 + abs(x) / tau) * math.exp(-abs(x) / tau)
    NEURONS["ramp"] = (RAMP, "V_th in [-60 mV, -40 mV], dV in [-1 mV, 1 mV]")
    rows, p = gradient(t, "ramp", "exact_events", objective="victor_purpura(spike, given = rec.s, cost = 0.1/ms)")
    trains = [(15.23 * i, 1) for i in (1, 2, 3, 4)] + [(at, -1) for at in times]
    want = sum(c * d * k(x - y) for x, c in trains for y, d in trains)
    far, got = max((abs(r["deviation"]) for r in rows), default=math.inf), rows[0]["objective"] if rows else math.nan
    t.check(p.returncode == 0 and far < 1e-9 and abs(got - want) < 1e-9, f"Victor and Purpura: {got}, slopes within {far:.0e}", f"{want} {p.stdout[-600:]}{p.stderr}")
    _, p = gradient(t, "lif", "exact_events", objective="adaptation(spike, given = rec.s)")
    got = next((f["objective"] for f in map(json.loads, p.stdout.splitlines()) if "objective" in f), math.nan)
    t.check(abs(got - ((5 / 25 + 10 / 40) / 2) ** 2) < 1e-12, f"intervals of 10, 15, 25 ms: adaptation squared is {got}", p.stdout + p.stderr)


def refusals(t):
    for how, dt, text in (("exact_events", "0.1 ms, method = backward_euler", "with `method = backward_euler`"),
                          ("surrogate(gaussian, width = 1 mV)", "0.1 ms, method = taylor", "a surrogate where spikes are looked for within the step")):
        _, p = gradient(t, "adex", how, dt)
        t.check(p.returncode == 1 and text in p.stderr + p.stdout, f"refused: {text}", p.stdout + p.stderr)


if __name__ == "__main__":
    tap = Tap()
    recording(tap)
    located(tap)
    closed_forms(tap)
    surrogates(tap)
    features(tap)
    refusals(tap)
    tap.done()

#!/usr/bin/env python3
"""How sure fits are, and fits of several cells, against closed forms: standard deviations against the spread over realizations of noise;
profiles and their intervals against linear least squares; shared, per cell and per sweep parameters."""
import math
import random

from tap import Tap, run_fit

NEURON = """language 1
neuron cell {
  param tau = 10 ms in (0 ms, inf), rest = 0 mV
  state V = 5 mV
  V' = (rest - V) / tau
}
"""
DT, TAU = 0.5, 7


def write(tap, name, start, noise, seed, tau=TAU, rest=0.0, rows=121):
    draw = random.Random(seed)
    samples = [(i * DT, rest + (start - rest) * math.exp(-i * DT / tau) + draw.gauss(0, noise)) for i in range(rows)]
    tap.write(name, "\n".join(["t,V"] + [f"{t:.1f},{v:.12g}" for t, v in samples]) + "\n")
    return samples[1:]  # steps are compared at their ends


def fit(tap, name, data, free, more="", *options):
    body = f"""fit {name} {{
  neuron cell
  data {data} {{ t : ms;  V : mV }}
  free {free}
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by lm(steps = 60, tolerance = 1e-12)
  with dt = {DT} ms
  {more}
}}
"""
    return run_fit(tap, tap.write(name + ".nsl", NEURON + body), name, *options)


def spread(tap):
    """Every sweep is a realization of the noise, and has its own tau and start."""
    n = 80
    for i in range(n):
        write(tap, f"r{i}.csv", 10, 0.5, i)
    files = ", ".join(f'"r{i}.csv"' for i in range(n))
    r, d = fit(tap, "spread", f"rec[s] = csv({files})", "tau in [1 ms, 100 ms] per s, V(0) in [1 mV, 50 mV] per s")
    if not tap.check(d is not None and r.returncode == 0, "a fit of 160 values", r.stderr):
        return
    for free, truth in zip(d["free"], (TAU, 10)):
        found = [(x["value"], x["uncertainty"]) for x in free["by_sweep"]]
        mean = sum(v for v, s in found) / n
        empirical = math.sqrt(sum((v - mean) ** 2 for v, s in found) / (n - 1))
        claimed = math.sqrt(sum(s * s for v, s in found) / n)
        inside = sum(abs(v - truth) < 1.96 * s for v, s in found)
        tap.check(0.8 < empirical / claimed < 1.25, f"{free['path']}: spread over realizations {empirical:.4f}, said {claimed:.4f}", found[:4])
        tap.check(70 <= inside <= 80, f"{free['path']}: {inside} of {n} intervals of 95 % hold the truth")


def least(samples, tau):
    """The objective at tau, with the best start: linear."""
    top = sum(v * math.exp(-t / tau) for t, v in samples)
    start = top / sum(math.exp(-2 * t / tau) for t, v in samples)
    return sum((v - start * math.exp(-t / tau)) ** 2 for t, v in samples) / len(samples), start


def crossing(samples, inner, outer, limit):
    for _ in range(80):
        middle = (inner + outer) / 2
        inner, outer = (middle, outer) if least(samples, middle)[0] < limit else (inner, middle)
    return inner


def profile(tap):
    samples = write(tap, "noisy.csv", 10, 1.5, 5, rows=41)
    free = "tau in [1 ms, 100 ms], V(0) in [1 mV, 50 mV]"
    runs = [fit(tap, "profile", 'rec = csv("noisy.csv")', free, "", "--profile", "tau", "--threads", n) for n in ("1", "2")]
    if not tap.check(all(d for r, d in runs), "a profile", runs[0][0].stderr):
        return
    (p,), (again,) = runs[0][1]["profiles"], runs[1][1]["profiles"]
    tap.check(p == again and p["of"] == "tau" and len(p["values"]) == 17, "the same for one thread and two")
    far = max(abs(o - least(samples, v)[0]) / o for v, o in zip(p["values"], p["objective"]))
    starts = max(abs(row[1] / least(samples, row[0])[1] - 1) for row in p["all_values"])
    tap.check(far < 1e-8 and starts < 1e-3, f"at every value the other parameter is found anew: {far:.1g}, {starts:.1g}")
    best = runs[0][1]["objective"]
    limit = best * (1 + 3.841458820694124 / (len(samples) - 2))
    ends = [crossing(samples, runs[0][1]["free"][0]["value"], outer, limit) for outer in (1, 100)]
    wide = ends[1] - ends[0]
    good = abs(p["limit"] - limit) < 1e-9 and abs(p["lowest"] - ends[0]) < 0.02 * wide and abs(p["highest"] - ends[1]) < 0.02 * wide
    tap.check(good, f"95 % in [{p['lowest']:.3f}, {p['highest']:.3f}] ms", f"{ends} {limit} {p['limit']}")
    r, d = fit(tap, "unknown", 'rec = csv("noisy.csv")', free, "", "--profile", "rest")
    tap.check(r.returncode == 1 and d is None and "that is not free; free are tau, V(0)" in r.stderr, "a profile of what is not free", r.stderr)


def cells(tap):
    truth = {"a": 7, "b": 12}
    files = {name: write(tap, f"{name}.csv", start, 0.05, i, truth[name[0]], -3.0)
             for i, (name, start) in enumerate([("a1", 10), ("a2", 6), ("b1", 8), ("a3", 9), ("b2", 5)])}
    data = 'rec[c, s] = csv("a1.csv", "a2.csv"), csv("b1.csv")'
    free = "tau in [1 ms, 100 ms] per c, rest in [-20 mV, 20 mV], V(0) in [1 mV, 50 mV] per s"
    r, d = fit(tap, "cells", data, free, 'validate csv("a3.csv"), csv("b2.csv")')
    if not tap.check(d is not None, "two cells", r.stderr):
        return
    tau, rest, starts = d["free"]
    good = [abs(x["value"] - t) < 4 * x["uncertainty"] + 1e-3 for x, t in zip(tau["by_cell"], (7, 12))]
    tap.check(good == [True, True] and abs(rest["value"] + 3) < 0.05 and len(starts["by_sweep"]) == 3, "each cell has its own tau, both one rest", tau)
    tap.check([s["cell"] for s in d["sweeps"]] == [1, 1, 2, 1, 2], "sweeps know their cells")

    def middle(values):  # of log values between the bounds, as the search has them
        logits = [math.log(math.log(v / 1) / math.log(50 / v)) for v in values]
        return 50 ** (1 / (1 + math.exp(-sum(logits) / len(logits))))
    v0 = [x["value"] for x in starts["by_sweep"]]
    sum2 = n = 0
    for name, cell, begin in (("a3", 0, middle(v0[:2])), ("b2", 1, middle(v0[2:]))):
        for t, v in files[name]:
            model = rest["value"] + (begin - rest["value"]) * math.exp(-t / tau["by_cell"][cell]["value"])
            sum2, n = sum2 + (v - model) ** 2, n + 1
    seen = d["validation"]["objective"]
    tap.check(abs(seen - sum2 / n) < 1e-6 * seen, f"sweeps to validate run with the values of their cell: {seen:.6f}", sum2 / n)
    with open(tap.path("cells/cells.fitted.nsl")) as f:
        text = f.read()
    tap.check("# tau of cell 2: " in text and "# V(0) of sweep 3: " in text and "rest = -" in text, "and stand in the text of the model", text)


RATE = """language 1
neuron cell {
  param r = 20 Hz in (0 Hz, inf)
  state V = 0 mV
  V' = -V / (10 ms)
  spike at rate r { V = 0 mV }
}
fit rate {
  neuron cell
  data rec = csv("spikes.csv") { t : ms;  V : mV;  events s = crossings(V, 0.5 mV) }
  drive spike with rec.s
  free r in [1 Hz, 900 Hz]
  minimize -loglik(spike, given = rec.s)
  by lbfgs(steps = 60, tolerance = 1e-14)
  with dt = 1 ms
}
"""


def likelihood(tap):
    """A constant rate: all is known in closed form."""
    draw, steps, at, times = random.Random(3), 3000, 5, set()
    while at < steps:
        times.add(at)
        at += draw.randint(3, 30)
    tap.write("spikes.csv", "t,V\n" + "".join(f"{i},{1 if i in times else 0}\n" for i in range(steps + 1)))
    r, d = run_fit(tap, tap.write("rate.nsl", RATE), "rate", "--profile", "all")
    if not tap.check(r.returncode == 0 and d, "a likelihood", r.stderr):
        return
    n = len(times)
    best = -1000 * math.log(1 - n / steps)
    quiet = math.exp(-best / 1000)
    sd = 1000 / math.sqrt(steps * quiet / (1 - quiet))
    found = d["free"][0]
    tap.check(abs(found["value"] - best) < 1e-3 * sd, f"{n} spikes: {found['value']:.4f} Hz", best)
    tap.check(abs(found["uncertainty"] / sd - 1) < 1e-3 and "likelihood" in d["uncertainties"], f"+- {found['uncertainty']:.4f} Hz: the Fisher information", sd)

    def loss(rate):
        return -n * math.log(1 - math.exp(-rate / 1000)) + (steps - n) * rate / 1000
    p = d["profiles"][0]
    far = max(abs(o - loss(v)) for v, o in zip(p["values"], p["objective"]))
    tap.check(far < 1e-6 and abs(p["limit"] - loss(best) - 3.841458820694124 / 2) < 1e-6, f"its profile is the likelihood itself: {far:.1g}")
    rises = [loss(end) - loss(best) for end in (p["lowest"], p["highest"])]
    tap.check(all(abs(x - 1.92) < 0.03 for x in rises), f"and its interval ends where that has fallen by 1.92: {rises[0]:.3f}, {rises[1]:.3f}")


MIXED = """language 1
neuron cell {
  param tau = 10 ms in (0 ms, inf)
  state V = 10 mV, x = 0
  V' = -V / tau
  x' = -x / (10 ms)
  spike at rate 1 / tau { x = 0 }
}
fit mixed {
  neuron cell
  data rec[s] = csv(FILES) { t : ms;  V : mV;  x : 1;  events s = crossings(x, 0.5) }
  drive spike with rec.s
  free tau in [1 ms, 100 ms] per s
  minimize OBJECTIVE
  by lbfgs(steps = 200, tolerance = 1e-15)
  with dt = 0.5 ms
}
"""


def mixed(tap):
    """A likelihood and squares, each with noise of its own, weighted as one likes: said is the spread over realizations."""
    n, rows, rate = 60, 161, DT / TAU
    for i in range(n):
        draw = random.Random(1000 + i)
        spikes = [0] + [int(draw.random() < 1 - math.exp(-rate)) for _ in range(rows - 1)]
        spikes = [s and not spikes[k - 1] for k, s in enumerate(spikes)]  # crossings have a sample below between them
        lines = [f"{k * DT:.1f},{10 * math.exp(-k * DT / TAU) + draw.gauss(0, 0.6):.12g},{int(s)}" for k, s in enumerate(spikes)]
        tap.write(f"m{i}.csv", "\n".join(["t,V,x"] + lines) + "\n")
    files = ", ".join(f'"m{i}.csv"' for i in range(n))
    claimed = {}
    for weight in (200, 20000):
        objective = f"-loglik(spike, given = rec.s) + {weight} * mean((V - rec.V)^2) / (1 mV)^2"
        r, d = run_fit(tap, tap.write("mixed.nsl", MIXED.replace("FILES", files).replace("OBJECTIVE", objective)), "mixed", "--no-report")
        if not tap.check(d is not None and "uncertainties" in d, f"a likelihood and {weight} times squares", r.stderr or d and d.get("no_uncertainties")):
            continue
        found = [(x["value"], x["uncertainty"]) for x in d["free"][0]["by_sweep"]]
        mean = sum(v for v, s in found) / n
        empirical = math.sqrt(sum((v - mean) ** 2 for v, s in found) / (n - 1))
        claimed[weight] = math.sqrt(sum(s * s for v, s in found) / n)
        tap.check(0.75 < empirical / claimed[weight] < 1.3, f"spread over realizations {empirical:.4f} ms, said {claimed[weight]:.4f}", found[:4])
    r, d = run_fit(tap, tap.write("mixed.nsl", MIXED.replace("FILES", files).replace("OBJECTIVE", "log(1 + mean((V - rec.V)^2) / (1 mV)^2) - loglik(spike, given = rec.s)")), "mixed", "--no-report")
    tap.check(d and "no weighted sum" in d.get("no_uncertainties", ""), "what is no sum of them has none", d and d.get("no_uncertainties"))


def main():
    tap = Tap()
    mixed(tap)
    spread(tap)
    profile(tap)
    cells(tap)
    likelihood(tap)
    tap.done()


main()

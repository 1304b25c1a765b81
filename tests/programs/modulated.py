#!/usr/bin/env python3
"""Synapses that learn from more than spikes: signals, variables of the cells on both sides, draws. As in plastic.py each synapse is simulated by itself in
every step, from language.md alone; what it sees of the network (spikes, signals, voltages) is what the run has recorded."""
import math
from collections import defaultdict

from plastic import DT, clip, decayed, table
from semantics import Run, steps
from tap import Tap, run_json

CELLS = """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron dst { state V = 0 mV, S = 0 pA
  receive go(w : mV) { V += w }
  receive exc(w : pA) { S += w }
  spike when V > 1 mV { V = 0 mV } }
"""

NETWORK = CELLS + """
%(rule)s
network net {
  %(signal)s
  population A : src[8]
  population B : dst[6]
  population D : src[3]
  drive A.go with poisson(50 Hz) { weight = 2 mV }
  drive B.go with poisson(70 Hz) { weight = 2 mV }
  drive D.go with poisson(15 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by all_to_all with rule { %(settings)s  weight ~ uniform(20 pA, 100 pA);  delay = axonal(0.5 ms) + dendritic(0.7 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record weight of ab every 20 ms
  %(record)s
  run %(duration)s ms with dt = 0.1 ms, seed = 3 }
"""
AXONAL, DENDRITIC, N_TARGETS = 5, 7, 6


class Rule:
    """step(z, seen, k): the synapse's own states z over (k - 1, k]; pre, post: handlers at k. seen: traces just before the spikes of k (step: at k - 1)
    and signals."""

    def __init__(self, text, own, traces, on_pre, on_post, flow):
        self.text, self.own, self.traces, self.on_pre, self.on_post, self.flow = text, own, traces, on_pre, on_post, flow


def simulate(rule, spikes, synapses, n_steps, signals):
    """Weights by step, and what arrives by (step, target)."""
    weights, arrive = [], defaultdict(float)
    for source, target, _, w0 in synapses:
        pre, post = {k + AXONAL for k in spikes["A", source]}, {k + DENDRITIC for k in spikes["B", target]}
        z, seen = dict(rule.own, w=w0), {name: 0.0 for name in rule.traces}
        course = [w0]
        for k in range(1, n_steps + 1):
            seen.update({name: values[k - 1] for name, values in signals.items()})
            rule.flow(z, seen)
            for name, (_, tau) in rule.traces.items():
                seen[name] = decayed(seen[name], tau)
            if k in post:
                rule.on_post(z, seen)
            if k in pre:
                arrive[k + DENDRITIC, target] += rule.on_pre(z, seen)
            for name, (side, _) in rule.traces.items():
                seen[name] += k in (pre if side == "pre" else post)
            course.append(z["w"])
        weights.append(course)
    return weights, arrive


def check(t, what, run, rule, n_steps, signals):
    if not t.check(run.good, f"{what}: it runs", run.process.stderr):
        return
    spikes = defaultdict(list)
    for step, population, cell in run.spikes():
        spikes[population, cell].append(step)
    rows = table(run, "weight")
    synapses = [(s, g, steps(d), w) for at, _, s, g, d, w in rows if at == 0]
    want, arrive = simulate(rule, spikes, synapses, n_steps, signals(run))
    worst = max(abs(row[5] - want[i % len(synapses)][round(row[0] / DT)]) for i, row in enumerate(rows))
    moved = max(abs(w[-1] - w[0]) for w in want)
    t.check(worst < 1e-9, f"{what}: weights of {len(synapses)} synapses at {len(rows) // len(synapses)} times", worst)
    t.check(moved > 1, f"{what}: which move", moved)
    totals, worst = [0.0] * N_TARGETS, 0.0
    for step, sums in enumerate(run.rows("S")):
        for cell in range(N_TARGETS):
            totals[cell] += arrive.get((step, cell), 0.0)
            worst = max(worst, abs(sums[cell] - totals[cell]))
    t.check(worst < 1e-4 and max(totals) > 100, f"{what}: what arrives, and when", (worst, totals))


# ---- signals

def hybrid_flow(z, seen):
    """c decays over the step, n is that of its begin."""
    z["w"] = clip(z["w"] + z["c"] * 40 * (1 - math.exp(-DT / 40)) * 0.01 * (seen["n"] - 0.1))
    z["c"] *= math.exp(-DT / 40)


def hybrid_pre(z, seen):
    z["c"] -= seen["y"]
    return z["w"] * (1 + seen["n"])


def hybrid_post(z, seen):
    z["c"] += seen["x"] + 0.1 * seen["n"]


# the form of Izhikevich (2007): pairs mark the synapse, the signal turns marks into weights; and handlers that read it, too
HYBRID = Rule("""synapse rule { param b = 0.1 nM
  input n : nM
  weight w : pA in [0 pA, 150 pA]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  c' = -c / (40 ms)
  w' = 0.01 pA/ms * c * (n - b) / (1 nM)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { c -= y;  send w * (1 + n / (1 nM));  x += 1 }
  on post { c += x + 0.1 * n / (1 nM);  y += 1 } }""", {"c": 0.0}, {"x": ("pre", 15.0), "y": ("post", 25.0)}, hybrid_pre, hybrid_post, hybrid_flow)


def gated_flow(z, seen):
    z["e"] *= math.exp(-DT / 60)


def gated_pre(z, seen):
    z["w"] = clip(z["w"] + 2 * seen["n"] * z["e"])
    z["e"] -= 0.5 * seen["y"]
    return z["w"]


def gated_post(z, seen):
    z["w"] = clip(z["w"] - seen["n"] * z["e"])
    z["e"] += seen["x"]


# handlers alone read the signal: what each synapse has for itself keeps its closed form
GATED = Rule("""synapse rule { input n : nM
  weight w : pA in [0 pA, 150 pA]
  state e = 0
  state x = 0 per pre
  state y = 0 per post
  e' = -e / (60 ms)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { w += 2 pA * e * n / (1 nM);  e -= 0.5 * y;  send w;  x += 1 }
  on post { w -= 1 pA * e * n / (1 nM);  e += x;  y += 1 } }""", {"e": 0.0}, {"x": ("pre", 15.0), "y": ("post", 25.0)}, gated_pre, gated_post, gated_flow)

SIGNAL = "signal da : nM { da' = -da / (50 ms);  on spike of D { da += 0.3 nM } }"


def signal_model(rule, duration=200):
    return NETWORK % {"rule": rule.text, "signal": SIGNAL, "settings": "n = da;", "record": "record da every 0.1 ms", "duration": duration}


def signals_check(t):
    for what, rule in (("a signal in an equation", HYBRID), ("a signal in handlers", GATED)):
        check(t, what, Run(t, signal_model(rule), "--threads", "2"), rule, 2000, lambda r: {"n": [v * 1 for v in r.column("da")]})
    hashes = {}
    for threads in "1", "2":
        run = Run(t, signal_model(GATED), "--threads", threads)
        hashes[threads] = run_json(run.out)["state_hash"] if run.good else run.process.stderr
    t.check(len(set(hashes.values())) == 1, "signals: the same bits on one thread and on two", hashes)


def refusals_check(t):
    cases = (("a signal of another dimension", signal_model(HYBRID).replace("signal da : nM", "signal da : mV").replace("0.3 nM", "0.3 mV"), "the input `n`"),
             ("a signal bound twice", signal_model(HYBRID).replace("n = da;", "n = da;  n = da;"), "set twice"),
             ("a number in place of a signal", signal_model(HYBRID).replace("n = da;", "n = 2 nM;"), "input"))
    for what, text, message in cases:
        run = Run(t, text)
        t.check(not run.good and message in run.process.stderr, f"refused: {what}", run.process.stderr)


if __name__ == "__main__":
    tap = Tap()
    signals_check(tap)
    refusals_check(tap)
    tap.done()

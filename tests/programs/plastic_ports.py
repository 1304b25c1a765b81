#!/usr/bin/env python3
"""Synapses with memory onto handlers that do more than add: each event runs the handler, among those of static synapses and drives, in the order of
language.md, against plain Python; and the same bits on any number of threads, with any rows, of a run that goes on."""
import math
from collections import defaultdict

from paces import goes_on
from plastic import CELLS, DT, Rule, clip, simulate, table
from semantics import NSLC, Run, call, steps
from tap import Tap, run_json


def rule_pre(z, x, y):
    z["w"] = clip(z["w"] - 0.02 * z["w"] * y["y"])
    return z["w"] if z["w"] > 50 else None, 0.3 * z["w"]


def rule_post(z, x, y):
    z["w"] = clip(z["w"] + 0.02 * (150 - z["w"]) * x["x"])


# a send under a condition: where that does not hold there is no event, not one of weight 0
TWO = Rule("""synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / (20 ms)
  y' = -y / (20 ms)
  on pre  { w -= 0.02 * w * y
    if w > 50 pA { send w }
    send 0.3 * w after 0.5 ms
    x += 1 }
  on post { w += 0.02 * (150 pA - w) * x;  y += 1 } }""", {}, {"x": ("pre", 20.0, lambda v: v + 1), "y": ("post", 20.0, lambda v: v + 1)}, rule_pre, rule_post)
AFTER = (0, 5)

# what the cell has of an event depends on all before it, in the same step too
PORTS = CELLS.replace("receive exc(w : pA) { S += w }", """state n = 0, G = 0 mV
  receive exc(w : pA) { S = 0.9 * S + w * (1 + 0.1 * n);  n = 1 - n }
  receive jump(w : pA) { if S > 100 pA { G += w * 1 mV/pA } else { G = 0.5 * G - w * 1 mV/pA } }""")
NETWORK = PORTS + TWO.text + """
network net {
  population A : src[12]
  population B : dst[9]
  drive A.go with poisson(90 Hz) { weight = 2 mV }
  drive B.go with poisson(60 Hz) { weight = 2 mV }
  connect first: A -> B.exc by indegree(5) { weight ~ uniform(1 pA, 30 pA);  delay ~ uniform(0.3 ms, 1 ms) }
  connect ab: A -> B.exc by indegree(15) with rule { weight ~ uniform(20 pA, 100 pA);  delay ~ uniform(0.4 ms, 1.4 ms) }
  connect other: A -> B.jump by indegree(8) with rule { weight ~ uniform(20 pA, 100 pA);  delay = axonal(0.3 ms) + dendritic(0.4 ms) }
  connect last: A -> B.exc by indegree(5) { weight ~ uniform(1 pA, 30 pA);  delay ~ uniform(0.3 ms, 1 ms) }
  drive B.exc with times([20 ms, 50 ms]) { weight = 7 pA;  delay = 0.1 ms }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record G of B every 0.1 ms
  record weight of (first, ab, other, last) every 20 ms
  run %s with dt = 0.1 ms, seed = %d }
"""


def split(synapses, spikes, n_steps, axonal):
    """Weights by step and events [(step, target, source, number, which send, weight)] of learning synapses."""
    weights, events = [], []
    for nth in range(len(AFTER)):
        rule = Rule(TWO.text, {}, TWO.traces, lambda z, x, y, nth=nth: Sent(rule_pre(z, x, y)[nth]), rule_post)
        for i, synapse in enumerate(synapses):
            course, _, arrive = simulate(rule, spikes, [synapse], n_steps, axonal)
            weights += course if nth == 0 else []
            events += [(step + AFTER[nth], target, synapse[0], i, nth, v) for (step, target), sent in arrive.items() for v in sent.values]
    return weights, events


class Sent:
    """What simulate() adds up: kept apart."""

    def __init__(self, value):
        self.values = [] if value is None else [value]

    def __radd__(self, other):
        self.values = (other.values if isinstance(other, Sent) else []) + self.values
        return self

    __add__ = __radd__


def order_check(t, threads):
    duration = 120
    run = Run(t, NETWORK % (f"{duration} ms", 3), "--threads", str(threads))
    if not t.check(run.good, "it runs", run.process.stderr):
        return
    spikes = defaultdict(list)
    for step, population, cell in run.spikes():
        spikes[population, cell].append(step)
    rows, n_steps = table(run, "weight"), round(duration / DT)
    arrive, worst, moved = defaultdict(list), 0.0, 0.0
    for rank, name in enumerate(("first", "ab", "other", "last")):
        mine = [r for r in rows if r[1].endswith(name)]
        synapses = [(s, g, steps(d), w) for time, _, s, g, d, w in mine if time == 0]
        if name in ("ab", "other"):
            weights, events = split(synapses, spikes, n_steps, 3 if name == "other" else 0)
            for i, row in enumerate(mine):
                worst = max(worst, abs(row[5] - weights[i % len(synapses)][round(row[0] / DT)]))
            moved = max(moved, max(abs(w[-1] - w[0]) for w in weights))
        else:
            events = [(s + d, target, source, i, 0, w) for i, (source, target, d, w) in enumerate(synapses) for s in spikes["A", source]]
        for step, target, source, i, nth, w in events:
            arrive[step, target].append((name == "other", rank, source, i, nth, w))
    t.check(worst < 1e-9 and moved > 1, "weights of synapses with memory", (worst, moved))
    S, G, n, wrong, most = [0.0] * 9, [0.0] * 9, [0] * 9, [], 0
    for step, (s, g) in enumerate(zip(run.rows("S"), run.rows("G"))):
        for cell in range(9):
            due = sorted(arrive.get((step, cell), []))
            due = [e for e in due if not e[0]] + [(False, 9, 0, 0, 0, 7.0)] * (step in (201, 501)) + [e for e in due if e[0]]
            most = max(most, len(due))
            for jumps, *_, w in due:
                if jumps:
                    G[cell] = G[cell] + w if S[cell] > 100 else 0.5 * G[cell] - w
                else:
                    S[cell] = 0.9 * S[cell] + w * (1 + 0.1 * n[cell])
                    n[cell] = 1 - n[cell]
            if not math.isclose(s[cell], S[cell], rel_tol=1e-9, abs_tol=1e-9) or not math.isclose(g[cell], G[cell], rel_tol=1e-9, abs_tol=1e-9):
                wrong.append((step, cell, s[cell], S[cell], g[cell], G[cell]))
                S[cell], G[cell] = s[cell], g[cell]
    t.check(not wrong and most > 3, f"every event in its place, {threads} threads", (wrong[:3], most))


def bits_check(t):
    text = (NETWORK % ("60 ms", 5)).replace("src[12]", "src[1300]").replace("dst[9]", "dst[2100]").replace("record S of B every 0.1 ms", "record S of B[0..9] every 1 ms")
    text = text.replace("record G of B every 0.1 ms", "").replace("weight of (first, ab, other, last)", "weight of other")
    for precision in ("f64", "f32"):
        program = t.path("ports_" + precision)
        p = call(NSLC, "build", t.write("ports.nsl", "language 1\n" + text), "-o", program, "--precision", precision)
        if not t.check(p.returncode == 0, "a larger network", p.stderr):
            return
        hashes = {}
        for options in ("--threads 1", "--threads 2", "--connectivity procedural", "--rows source --threads 2", "--verify"):
            out = t.path("ports.out")
            p = call(program, *options.split(), "--quiet", "--no-report", "--force", "--out", out)
            hashes[options] = run_json(out)["state_hash"] if p.returncode == 0 else p.stderr
        t.check(len(set(hashes.values())) == 1, f"the same bits, {precision}", hashes)
        t.check(run_json(out)["verified"]["events"] > 5000, "--verify has looked at them", run_json(out)["verified"])
        if precision == "f64":
            goes_on(t, program)


if __name__ == "__main__":
    tap = Tap()
    order_check(tap, 2)
    bits_check(tap)
    tap.done()

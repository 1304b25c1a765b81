#!/usr/bin/env python3
"""Synapses with memory between populations with steps of their own: each of them simulated by itself in Python, from the networks' page alone. Cells count up
to a threshold, so that finer ones spike several times within a step of the run. (Bits, threads, checkpoints: paces.py.)"""
import math
from collections import Counter

from plastic import DT, clip, table
from semantics import Run, steps
from tap import Tap

MODEL = """
neuron src { param r = 1 mV/ms
  state V ~ uniform(0 mV, 1 mV)
  V' = r
  spike when V >= 1 mV { V -= 1 mV } }
neuron dst { param r = 1 mV/ms
  state V ~ uniform(0 mV, 1 mV), S = 0 pA
  V' = r
  receive exc(w : pA) { %s }
  spike when V >= 1 mV { V -= 1 mV } }
synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / (20 ms)
  y' = -y / (30 ms)
  on pre  { w -= 0.01 * w * y;  w += 0.3 pA/mV * pre.V;  send w;  x += 1 }
  on post { w += 0.4 pA * x * (1 + y) - 0.1 pA/mV * pre.V;  y += 1 } }
network net {
  population A : src[5] %s { r ~ uniform(%s) }
  population B : dst[4] %s { r ~ uniform(%s) }
  connect ab: A -> B.exc by all_to_all with rule { weight ~ uniform(20 pA, 100 pA);  delay = axonal(0.3 ms) + dendritic(0.5 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record V of A as va every 0.1 ms
  record V of B as vb every 0.1 ms
  record S of B every 0.1 ms
  record weight of ab every 1 ms
  run 60 ms with dt = 0.1 ms, seed = 3 }
"""
AXONAL, DENDRITIC, N = 3, 5, 600


class Cell:
    """A counter with the run's first two values known: V0 and, from the first rise, its rate. By step of the run: what it is behind it, and of each
    spike in it V and y just before."""

    def __init__(self, v0, rate, within, every):
        h = DT * every / within
        v, y = v0, 0.0
        self.v, self.y, self.spikes = [v0], [0.0], [[]]
        for step in range(1, N + 1):
            spikes = []
            for _ in range(within if step % every == 0 else 0):
                v += rate * h
                y *= math.exp(-h / 30)
                if v >= 1:
                    spikes.append((v, y))
                    v -= 1
                    y += 1
            self.v.append(v)
            self.y.append(y)
            self.spikes.append(spikes)

    def before(self, step, which):
        """Just before the first spike of the step."""
        if step < 1:
            return (self.v if which == 0 else self.y)[0]
        return self.spikes[step][0][which] if self.spikes[step] else (self.v if which == 0 else self.y)[step]


def cells_of(run, record, within, every):
    rows = run.rows(record)
    rates = []
    for i in range(len(rows[0])):
        rise, spikes = rows[-1][i] - rows[0][i], sum(j == i for _, p, j in run.spikes() if p == ("A" if record == "va" else "B"))
        rates.append((rise + spikes) / (N // every * every * DT))
    return [Cell(rows[0][i], rates[i], within, every) for i in range(len(rows[0]))]


def simulate(source, target, w):
    weights, sent, x = [w], [], 0.0
    for step in range(1, N + 1):
        x *= math.exp(-DT / 20)
        left, came = step - AXONAL, step - DENDRITIC
        for _, y in target.spikes[came] if came > 0 else []:
            w = clip(w + 0.4 * x * (1 + y) - 0.1 * source.before(left, 0))
        for _ in source.spikes[left] if left > 0 else []:
            w = clip(w - 0.01 * w * target.before(came, 1) + 0)
            w = clip(w + 0.3 * source.before(left, 0))
            sent.append((step + DENDRITIC, w))
            x += 1
        weights.append(w)
    return weights, sent


def compare(t, what, own, rates, handler="S += w"):
    (a, within_a, every_a), (b, within_b, every_b) = own
    run = Run(t, MODEL % (handler, a, rates[0], b, rates[1]), "--threads", "2")
    if not t.check(run.good, what, run.process.stderr):
        return
    sources, targets = cells_of(run, "va", within_a, every_a), cells_of(run, "vb", within_b, every_b)
    mine = sorted((s, p, i) for p, cells in (("A", sources), ("B", targets)) for i, c in enumerate(cells) for s in range(N + 1) for _ in c.spikes[s])
    t.check(sorted(run.spikes()) == mine, f"{what}: spikes", Counter(run.spikes()) - Counter(mine))
    rows = table(run, "weight")
    first = [r for r in rows if r[0] == 0]
    want = [simulate(sources[s], targets[g], w) for _, _, s, g, _, w in first]
    worst = max(abs(r[5] - want[i % len(first)][0][round(r[0] / DT)]) for i, r in enumerate(rows))
    moved = min(max(w) - min(w) for w, _ in want)
    t.check(worst < 1e-7 and moved > 1, f"{what}: weights", (worst, moved))
    S, wrong = [0.0] * 4, 0.0
    for step, row in enumerate(run.rows("S")):
        for cell in range(4):
            if step % every_b == 0:
                for i, (_, sent) in enumerate(want):
                    for arrival, w in sent:
                        if first[i][3] == cell and step - every_b < arrival <= step:
                            S[cell] = 0.9 * S[cell] + w if "0.9" in handler else S[cell] + w
            wrong = max(wrong, abs(row[cell] - S[cell]))
    t.check(wrong < 1e-4 and max(S) > 100, f"{what}: what arrives", (wrong, S))


PLAIN = ("", 1, 1)
SLOW, FAST = "0.2 mV/ms, 0.7 mV/ms", "8 mV/ms, 22 mV/ms"

if __name__ == "__main__":
    tap = Tap()
    compare(tap, "both on the run's step", (PLAIN, PLAIN), (SLOW, SLOW))
    compare(tap, "a finer source", (("step dt / 4", 4, 1), PLAIN), (SLOW, SLOW))
    compare(tap, "a finer target", (PLAIN, ("step dt / 4", 4, 1)), (SLOW, SLOW))
    compare(tap, "a finer source that spikes several times in a step", (("step dt / 8", 8, 1), PLAIN), (FAST, SLOW))
    compare(tap, "a finer target that spikes several times in a step", (PLAIN, ("step dt / 8", 8, 1)), (SLOW, FAST))
    compare(tap, "a coarser source", (("step 7 * dt", 1, 7), PLAIN), (SLOW, SLOW))
    compare(tap, "a coarser target", (PLAIN, ("step 7 * dt", 1, 7)), (SLOW, SLOW))
    compare(tap, "a finer source, a coarser target", (("step dt / 3", 3, 1), ("step 4 * dt", 1, 4)), (SLOW, SLOW))
    compare(tap, "a coarser source, a finer target with a handler that does more than add", (("step 4 * dt", 1, 4), ("step dt / 3", 3, 1)), (SLOW, SLOW), "S = 0.9 * S + w")
    tap.done()

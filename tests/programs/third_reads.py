#!/usr/bin/env python3
"""Handlers and equations of synapses that read their third part (`astro.bound`), against plain Python written from the networks' page: an event at a
synapse at s sees the astrocyte as the step before s has left it. Both ways at once: what a synapse releases follows from what it has read.
Then: who it is that is read, 0 where there is nobody, the same bits however the run is made, and what is refused."""
import math
import os

from plastic import CELLS as NEURONS
from semantics import Run, refused
from tap import Tap, call, NSLC, run_json

DT = 0.1
AXONAL, DENDRITIC, AFTER = 3, 5, 9  # steps
SOURCES, TARGETS, CELLS = 10, 9, 3

MODEL = NEURONS + """
glia star {
  param half = 2
  state g = 0.3
  g' = -g / (30 ms)
  let bound = g / (half + g)
  receive glu(w : 1) { g += w }
}
%s
network net {
  population A : src[10]
  population B : dst[9]
  population G : star[3] %s
  drive A.go with poisson(60 Hz) { weight = 2 mV }
  drive B.go with poisson(40 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by all_to_all with rule { gliot = G by block(1);  weight = 30 pA;  delay = axonal(0.3 ms) + dendritic(0.5 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record g of G every 0.1 ms
  record weight of ab every 1 ms
  run %s with dt = 0.1 ms, seed = %d }
"""
EVENTS = """synapse rule {
  param U = 0.3, alpha = 0.9, tau_d = 80 ms, tau_f = 50 ms
  weight w : pA in [0 pA, 150 pA]
  state u = 0, r = 1
  state x = 0 per pre
  u' = -u / tau_f
  r' = (1 - r) / tau_d
  x' = -x / (20 ms)
  on pre {
    u += ((1 - gliot.bound) * U + alpha * gliot.bound) * (1 - u)
    send w * u * r
    send u * r to gliot.glu after 0.9 ms
    r -= u * r
    x += 1
  }
  on post { w += 1 pA * gliot.g * x }
}"""
# an equation that reads the astrocyte: every synapse is stepped, the astrocyte is held over the step
STEPPED = """synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state m = 0
  state y = 0 per post
  m' = (gliot.g - m) / (15 ms)
  y' = -y / (20 ms)
  on pre { send w * (1 + m);  w -= 0.2 pA * y * gliot.g;  send 0.4 to gliot.glu after 0.9 ms }
  on post { w += 1 pA * m;  y += 1 }
}"""


def spikes_of(run):
    at = {"A": {}, "B": {}}
    for step, population, cell in run.spikes():
        at[population].setdefault(step, []).append(cell)
    return at


class Synapses:
    def __init__(self, rule):
        self.events = rule == EVENTS
        self.w = [[30.0] * TARGETS for _ in range(SOURCES)]
        self.u = [[0.0] * TARGETS for _ in range(SOURCES)]
        self.r = [[1.0] * TARGETS for _ in range(SOURCES)]
        self.m = [[0.0] * TARGETS for _ in range(SOURCES)]
        self.x, self.y = [0.0] * SOURCES, [0.0] * TARGETS

    def move(self, g):
        """Over one step, at whose begin the astrocytes are g."""
        self.x = [x * math.exp(-DT / 20) for x in self.x]
        for i in range(SOURCES):
            if self.events:
                self.u[i] = [u * math.exp(-DT / 50) for u in self.u[i]]
                self.r[i] = [1 - (1 - r) * math.exp(-DT / 80) for r in self.r[i]]
            else:
                self.m[i] = [g[j // 3] + (m - g[j // 3]) * math.exp(-DT / 15) for j, m in enumerate(self.m[i])]

    def post(self, j, g):
        for i in range(SOURCES):
            change = g[j // 3] * self.x[i] if self.events else self.m[i][j]
            self.w[i][j] = min(max(self.w[i][j] + change, 0), 150)

    def pre(self, i, g, y, sums, glu):
        """y: the targets' traces as this synapse sees them."""
        for j in range(TARGETS):
            k = j // 3
            if self.events:
                bound = g[k] / (2 + g[k])
                self.u[i][j] += ((1 - bound) * 0.3 + 0.9 * bound) * (1 - self.u[i][j])
                released = self.u[i][j] * self.r[i][j]
                sums[j] += self.w[i][j] * released
                self.r[i][j] -= released
            else:
                sums[j] += self.w[i][j] * (1 + self.m[i][j])
                self.w[i][j] = min(max(self.w[i][j] - 0.2 * y[j] * g[k], 0), 150)
                released = 0.4
            glu[k] += released
        self.x[i] += 1


def course(rule, spikes, n, every, seen=1):
    """By step: the targets' sums, the astrocytes, the weights. seen: so many steps before the event."""
    z, g = Synapses(rule), [[0.3] * CELLS]
    S, weights = [[0.0] * TARGETS], [[row[:] for row in z.w]]
    arrives, glu, y = {}, {}, [[0.0] * TARGETS]  # y: traces of the targets just before the spikes of a step
    trace, waits = [0.0] * TARGETS, [0.0] * CELLS
    for s in range(1, n + 1):
        waits = [a + b for a, b in zip(waits, glu.pop(s, [0.0] * CELLS))]
        if s % every == 0:
            g.append([v * math.exp(-every * DT / 30) + w for v, w in zip(g[-1], waits)])
            waits = [0.0] * CELLS
        else:
            g.append(g[-1])
        S.append([a + b for a, b in zip(S[-1], arrives.pop(s, [0.0] * TARGETS))])
        trace = [v * math.exp(-DT / 20) for v in trace]
        y.append(trace[:])
        for j in spikes["B"].get(s, []):
            trace[j] += 1
        past = g[max(s - seen, 0)]
        z.move(past)
        for j in spikes["B"].get(s - DENDRITIC, []):
            z.post(j, past)
        for i in sorted(spikes["A"].get(s - AXONAL, [])):
            z.pre(i, past, y[max(s - DENDRITIC, 0)], arrives.setdefault(s + DENDRITIC, [0.0] * TARGETS), glu.setdefault(s + AFTER, [0.0] * CELLS))
        weights.append([row[:] for row in z.w])
    return S, g, weights


def weights_of(run):
    with open(os.path.join(run.out, "weight.csv")) as f:
        rows = [line.split(",") for line in list(f)[1:]]
    return [(round(float(t) / DT), int(i), int(j), float(w)) for t, _, i, j, _, w in rows]


def reads(t):
    for what, rule, own, every, duration in (("from event to event, both ways", EVENTS, "", 1, 200), ("an astrocyte with a longer step", EVENTS, "step 10 * dt", 10, 200),
                                             ("stepped", STEPPED, "", 1, 80), ("stepped, an astrocyte with a longer step", STEPPED, "step 4 * dt", 4, 80)):
        run = Run(t, MODEL % (rule, own, f"{duration} ms", 5), "--threads", "2")
        if not t.check(run.good, what, run.process.stderr):
            continue
        n = round(duration / DT)
        S, g, weights = course(rule, spikes_of(run), n, every)
        worst = max(abs(a - b) for x, e in zip(run.rows("g"), g) for a, b in zip(x, e))
        t.check(worst < 1e-7 and max(map(max, g)) > 1, f"{what}: the astrocytes", (worst, g[-1]))
        worst = max(abs(a - b) for x, e in zip(run.rows("S"), S) for a, b in zip(x, e))
        t.check(worst < 1e-5 and min(S[-1]) > 100, f"{what}: what arrives at the targets", (worst, S[-1]))
        got = weights_of(run)
        worst = max(abs(w - weights[k][i][j]) for k, i, j, w in got)
        t.check(worst < 1e-7 and len({w for *_, w in got}) > 100, f"{what}: weights", worst)
        if every == 1:
            other = [max(abs(a - b) for a, b in zip(run.rows("S")[-1], course(rule, spikes_of(run), n, 1, seen)[0][-1])) for seen in (0, 2)]
            t.check(min(other) > 1e-3, f"{what}: the astrocytes of a step more or less would be another course", other)
        again = Run(t, MODEL % (rule, own, f"{duration} ms", 5), "--threads", "1")
        t.check(again.good and run_json(again.out)["state_hash"] == run_json(run.out)["state_hash"], f"{what}: the same bits on one thread", again.process.stderr)


WHO = """
neuron clock {{ param at = 1 ms;  state x = 0 ms;  x' = 1;  spike when x >= at }}
neuron target {{ state V = 0;  V' = 0 / (1 ms);  receive e(w : 1) {{ V += w }} }}
glia star {{
  param number = 0, scale = 3
  state code = number, x = 0
  x' = 0 / (1 ms)
  let one = 1 + 0 * x
  receive glu(w : 1) {{ x += w }}
}}
synapse tri {{ weight w;  on pre {{ send w * (1 + 10 * gliot.one + 100 * gliot.scale + 1000 * gliot.code);  send 1 to gliot.glu after 0.7 ms }} }}
network n {{
  population E : clock[8]
  population T : target[12]
  population G : star[6]
  connect ee: E -> T.e by all_to_all with tri {{ gliot = G by {pick};  weight = 1;  delay = 0.5 ms }}
}}
experiment e {{
  network n {{
{settings}
  }}
  record x of G every 1 ms
  record V of T every 1 ms
  run 11 ms with dt = 0.1 ms, seed = 7
}}"""


def who(t):
    """What a synapse sends tells whom it has read; each source spikes once, at a time of its own."""
    settings = "\n".join([f"  E[{i}].at = {0.95 + i} ms" for i in range(8)] + [f"  G[{k}].number = {k}" for k in range(6)])
    for pick, share in (("pool(3)", 1), ("block(2, probability = 0.4)", 0.4), ("pool(4, probability = 0.5)", 0.5)):
        run = Run(t, WHO.format(pick=pick, settings=settings))
        if not t.check(run.good, pick, run.process.stderr):
            continue
        x, v = run.rows("x"), run.rows("V")
        sent = [[round(b - a, 6) for a, b in zip(v[i + 1], v[i + 2])] for i in range(8)]
        got = [[round(b - a) for a, b in zip(x[i + 1], x[i + 2])] for i in range(8)]
        codes = {311 + 1000 * k: k for k in range(6)}
        t.check(all(w in codes or (w == 1 and share < 1) for row in sent for w in row), f"{pick}: all of one astrocyte, or 0 of all where there is none", sent)
        t.check(all([sum(codes.get(w) == k for w in row) for k in range(6)] == to for row, to in zip(sent, got)), f"{pick}: who is read is who is sent to", (sent, got))
        total = sum(map(sum, got))
        t.check(abs(total - share * 96) <= 5 * (96 * share * (1 - share)) ** 0.5 and (share == 1 or 0 < total < 96), f"{pick}: their number", total)


LARGE = """
glia star {{
  state g = 0
  g' = -g / (20 ms)
  let bound = g / (1 + g)
  receive glu(w : 1) {{ g += w }}
}}
synapse tri {{
  param U = 0.4
  weight w : pA in [0 pA, 100 pA]
  state u = 0, r = 1
  state x = 0 per pre
  u' = -u / (100 ms)
  r' = (1 - r) / (200 ms)
  x' = -x / (20 ms)
  on pre {{ u += U * (1 - gliot.bound) * (1 - u);  send w * u * r;  send 0.2 * u * r to gliot.glu after 0.4 ms;  r -= u * r;  x += 1 }}
  on post {{ w += 0.1 pA * gliot.g * x }}
}}
network n {{
  population E : iaf_psc_exp[700] {{ V ~ uniform(-70 mV, -50 mV) }}
  population G : star[150] {own}
  connect ee: E -> E.exc by indegree(30), no self with tri {{ gliot = G by pool(5, probability = 0.6);  weight ~ uniform(20 pA, 50 pA);  delay ~ uniform(0.5 ms, 2 ms) }}
  drive E.exc with poisson(8 kHz) {{ weight = 87.8 pA }}
}}
experiment e {{
  network n
  record sum(G.g) as g every 10 ms
  run 60 ms with dt = 0.1 ms, seed = 3
}}"""


def bits(t):
    for own in "", "step 5 * dt", "step dt / 2":
        hashes = []
        for way in (["--threads", "1"], ["--threads", "2", "--verify"]):
            run = Run(t, LARGE.format(own=own), *way)
            t.check(run.good, f"{own} {' '.join(way)}", run.process.stderr)
            hashes.append(run_json(run.out)["state_hash"] if run.good else run.process.stderr)
        t.check(len(set(hashes)) == 1, f"the same bits {own}", hashes)
    path = t.write("large.nsl", "language 1\n" + LARGE.format(own="").replace("pool(5,", "pool(n_pool,").replace("network n {", "network n {\n  param n_pool = 5", 1))
    p = call(NSLC, "run", path, "--", "--set", "n.n_pool=151", "--out", t.path("bad.out"))
    t.check(p.returncode != 0 and "a pool of 151 cells among 150" in p.stderr and not os.path.exists(t.path("bad.out/run.json")), "a pool that is too large", p.stderr)


if __name__ == "__main__":
    tap = Tap()
    reads(tap)
    who(tap)
    bits(tap)
    tap.done()

#!/usr/bin/env python3
"""Reactions: mass action against closed forms and equations written by hand, conservation laws to the last digit, what the
compiler chooses and says. Models run through `nslc run … --csv`."""
import json
import math

from semantics import Run, compare, same
from tap import NSLC, Tap, call

ENZYME = """
neuron enzyme {
  param kf = 0.1/uM/ms, kr = 0.5/ms, k1 = 0.02/uM/ms, k2 = 0.1/ms, k3 = 0.05/ms, k4 = 0.01/ms
  state ca = 0.05 uM, b = 50 uM, cab = 0.1234567 uM, s = 10 uM, e = 1.1 uM, se = 0 uM, p = 0.3 uM
  kinetic {
    ca + b <-> cab at kf, kr
    s + e <-> se at k1, k2
    se -> p + e at k3
    p -> s at k4
    ca <-> 0 at 0.05/ms, 0.0025 uM/ms
    0 -> ca at 2 uM/ms * (1 + sin(t / (10 ms)))
  }
  state c1 = 0.9, c2 = 0.1, o = 0
  kinetic { c1 <-> c2 at 0.3/ms, 0.1/ms;  c2 <-> o at 2/ms * (2 + sin(t / (3 ms))), 0.7/ms;  o <-> c1 at 0.4/ms, 0.12/ms }
  state x = 30 uM, y = 1 uM
  kinetic { 2 * x <-> y at 0.01/uM/ms, 0.3/ms }
}
"""
LAWS = {"b + cab": "b", "e + se": "e", "s + se + p": "s", "c1 + c2 + o": "c1", "x + 2 * y": "x"}


def closed_forms(t):
    model = """
neuron cell {
  param k = 0.01/uM/ms
  state a = 20 uM, b = 0 uM
  kinetic { 2 * a -> b at k }
  state s = 5 uM, p = 0 uM
  kinetic { s -> p at 0.2 uM/ms / (s + 2 uM) }
  state u = 1, v = 0
  kinetic { u <-> v at 0.3/ms, 0.2/ms }
  index i = 1..3
  state d[i] = i * 1 uM
  kinetic { d[i] -> 0 at i * 0.1/ms;  0 -> d[i] at 0.5 uM/ms }
}
experiment x {
  neuron cell
  record a / (1 uM) as a
  record b / (1 uM) as b
  record s / (1 uM) as s
  record v
  record d[3] / (1 uM) as d
  run 50 ms with dt = 0.1 ms
}
"""
    def pairs(r):
        times = r.times("a")
        a = [20 / (1 + 2 * 0.01 * 20 * x) for x in times]
        yield r.column("a"), a
        yield r.column("b"), [(20 - x) / 2 for x in a]
        yield [2 * math.log(5 / x) + 5 - x for x in r.column("s")], [0.2 * x for x in times]
        yield r.column("v"), [0.6 * (1 - math.exp(-0.5 * x)) for x in times]
        yield r.column("d"), [5 / 3 + (3 - 5 / 3) * math.exp(-0.3 * x) for x in times]
    compare(t, Run(t, model), "dimerization, a rate of Michaelis and Menten, first order, families: closed forms", pairs, 3e-5)


def stiff(t):
    model = """
neuron robertson {
  state y1 = 1, y2 = 0, y3 = 0
  kinetic { y1 -> y2 at 0.04/ms;  2 * y2 -> y3 + y2 at 3e7/ms;  y2 + y3 -> y1 + y3 at 1e4/ms }
}
experiment x {
  neuron robertson
  record y1
  record 1e4 * y2 as y2
  record y3
  run 40 ms with dt = 1 ms
}
"""
    compare(t, Run(t, model), "Robertson's reactions: the published solution at 40, whatever dt",
            lambda r: [([r.column("y1")[-1], r.column("y2")[-1], r.column("y3")[-1]], [0.7158270688, 0.09185534764, 0.2841637458])], 1e-4)


def conservation(t):
    records = "".join(f"\n  record ({law}) as law{i}" for i, law in enumerate(LAWS))
    for option, limit, steps in (("f64", 1e-15, 100000), ("f32", 2.4e-7, 20000)):
        text = ENZYME + f"experiment x {{\n  neuron enzyme{records}\n  record c2\n  run {steps / 10:.0f} ms with dt = 0.1 ms\n}}\n"
        run = Run(t, text, "--precision", option)
        worst = {}
        for i, law in enumerate(LAWS if run.good else []):
            total = run.column(f"law{i}")
            worst[law] = max(abs(x - total[0]) for x in total) / total[0]
        t.check(run.good and len(total) == steps + 1 and max(worst.values()) <= limit,
                f"{len(LAWS)} conservation laws over {steps:,} steps, {option}: to the last digit", f"{worst} {run.process.stderr}")
        t.check(run.good and max(run.column("c2")) - min(run.column("c2")[5000:]) > 0.01, f"… of states that move, {option}")


def explained(t):
    name = t.write("laws.nsl", "language 1\n" + ENZYME + "experiment x { neuron enzyme;  record c2;  run 1 s with dt = 0.1 ms }\n")
    p = call(NSLC, "explain", "--json", name)
    rows = [json.loads(line) for line in p.stdout.splitlines() if '"fact"' in line]
    found = {r["constant"]: r["dependent"] for r in rows if r["fact"] == "law"}
    t.check(found == LAWS, "explain lists the laws, each with the state that follows from it", f"{found}\n{p.stderr}")
    methods = {r["state"]: r["method"] for r in rows if r["fact"] == "state"}
    want = {**{s: "conservation" for s in LAWS.values()}, "ca": "rosenbrock", "c2": "rosenbrock", "y": "rk4"}
    t.check(all(methods.get(s) == m for s, m in want.items()), "what is stiff or not known beforehand is integrated implicitly", methods)


def sums_over_parts(t):
    """Reactions of parts with their host's state add up: the same as one equation written by hand."""
    body = """
experiment x {
  neuron cell
  record ca / (1 uM) as ca
  record %s / (1 uM) as cab
  run 100 ms with dt = 0.05 ms, method = rk4
}
"""
    parts = """
component buffer {
  param kf = 0.05/uM/ms, kb = 0.2/ms
  input ca : uM
  state b = 40 uM, cab = 0 uM
  kinetic { ca + b <-> cab at kf, kb }
}
component pump {
  param k = 0.1/ms, rest = 0.1 uM
  input ca : uM
  kinetic { ca <-> 0 at k, k * rest }
}
neuron cell {
  state ca = 5 uM
  use slow = buffer { kf = 0.01/uM/ms }
  use fast = buffer
  use out = pump
  kinetic { 0 -> ca at 0.2 uM/ms }
}
"""
    by_hand = """
neuron cell {
  state ca = 5 uM, b1 = 40 uM, c1 = 0 uM, b2 = 40 uM, c2 = 0 uM
  let slow = 0.01/uM/ms * ca * b1 - 0.2/ms * c1
  let fast = 0.05/uM/ms * ca * b2 - 0.2/ms * c2
  ca' = -slow - fast - 0.1/ms * ca + 0.01 uM/ms + 0.2 uM/ms
  b1' = -slow
  c1' = slow
  b2' = -fast
  c2' = fast
}
"""
    a, b = Run(t, parts + body % "fast.cab"), Run(t, by_hand + body % "c2")
    t.check(a.good and b.good and same(a.column("ca"), b.column("ca"), 1e-12) and same(a.column("cab"), b.column("cab"), 1e-12),
            "parts that react with one state of their host add up", a.process.stderr + b.process.stderr)


def gates(t):
    """A channel of two states is a gate, and integrated as one."""
    body = """
experiment x {
  neuron cell
  drive I with constant(0.08 nA)
  record V / (1 mV) as V
  record spikes of cell
  run 60 ms with dt = 0.025 ms
}
"""
    cell = """
neuron cell {
  param area = 1000 um^2
  input I : nA
  use na = hh_na
  use k = %s
  use leak = passive { g = 0.3 mS/cm^2;  E = -54.387 mV }
  state V = -65 mV
  V' = (I / area - na.I - k.I - leak.I) / (1 uF/cm^2)
  spike at peak of V above 0 mV
}
"""
    chain = """
channel two_states {
  input V : mV
  let q = hh_alpha_n(V) / (hh_alpha_n(V) + hh_beta_n(V))
  state o = q, c = 1 - q
  kinetic { c <-> o at hh_alpha_n(V), hh_beta_n(V) }
  let I = 36 mS/cm^2 * o^4 * (V + 77 mV)
}
"""
    a, b = Run(t, chain + cell % "two_states" + body), Run(t, cell % "hh_k" + body)
    t.check(a.good and b.good and len(a.spikes()) == len(b.spikes()) > 1 and same(a.column("V"), b.column("V"), 1e-7),
            "a channel of two states moves as its gate does", a.process.stderr + b.process.stderr)


def events(t):
    """What a handler adds is in the total from then on; a hold of a member leaves the law to the integrator."""
    model = """
neuron cell {
  state ca = 1 uM, b = 9 uM, cab = 0 uM
  kinetic { ca + b <-> cab at 0.1/uM/ms, 0.1/ms;  ca -> 0 at 0.01/ms }
  receive more { b += 2 uM;  cab += 1 uM }
}
experiment x {
  neuron cell
  drive more with times([10 ms, 20 ms])
  record (b + cab) / (1 uM) as total
  run 40 ms with dt = 0.1 ms
}
"""
    compare(t, Run(t, model), "events change the total, reactions do not",
            lambda r: [(r.column("total"), [9.0 + 3 * ((x >= 9.99) + (x >= 19.99)) for x in r.times("total")])], 1e-14)


def main():
    t = Tap()
    for test in (closed_forms, stiff, conservation, explained, sums_over_parts, gates, events):
        test(t)
    t.done()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Settings that differ from cell to cell: columns of files, parts of populations, draws; models run through `nslc run … --csv`, against
plain Python written from the language's page alone."""
import math

from semantics import Run, compare
from tap import NSLC, Tap, call, run_json

CELL = """
neuron cell {
  param tau = 10 ms in (0 ms, inf)
  param twice = 2 * tau
  param V_th = 5 mV
  state V = 1 mV, z = V_th / (1 mV)
  V' = 0
  z' = -z / twice
  receive e(w : mV) { V += w }
  spike when V > V_th { V = 0 mV }
}
"""
TAU = [5 + 0.25 * i for i in range(150)]
START = [i % 7 - 3.5 for i in range(150)]


def table(t, name, n):
    rows = "".join(f"{i}, {TAU[i]!r}, {START[i]!r}\n" for i in range(n))
    t.write(name, "id, tau, V0\n# a line for each cell\n" + rows)


# ---- columns and parts

MODEL = CELL + """
network net {
  param n = 150
  population P : cell[n] { tau = csv("all.csv").tau ms;  V = 2 * csv("all.csv").V0 mV }
  population Q : cell[100] { V_th ~ uniform(4 mV, 6 mV) }
  population R : cell[100] { V_th ~ uniform(4 mV, 6 mV) }
}
experiment e {
  network net {
    R[65..79].tau = csv("part.csv").tau ms
    R[70..74].tau = 3 ms
    R[0..9].V_th = 1 mV
    R[99].V = twice * 1 mV / (1 ms)
  }
  record tau of (P, R) as tau every 1 ms
  record twice of (P, R) as twice every 1 ms
  record V of (P, R) as V every 1 ms
  record V_th of (Q, R) as V_th every 1 ms
  record z of (P, R) as z every 1 ms
  run 1 ms with dt = 0.1 ms
}
"""


def cells(t):
    table(t, "all.csv", 150)
    table(t, "part.csv", 15)
    run = Run(t, MODEL)
    tau = [10] * 65 + TAU[:5] + [3] * 5 + TAU[10:15] + [10] * 20
    V = [1] * 99 + [20]

    def pairs(r):
        V_th = r.rows("V_th")[0]
        drawn = V_th[:100], V_th[100:]
        t.check(len(set(drawn[1])) == 91 and all(4 <= v < 6 for v in drawn[1][10:]), "the rest of a part keeps its draws", drawn[1])
        t.check(len(set(drawn[0])) == 100, "another population draws as before", drawn[0])
        start = r.rows("z")[0][150:]
        return [(r.rows("tau")[0], TAU + tau), (r.rows("twice")[1], [2 * x for x in TAU + tau]), (r.rows("V")[0], [2 * x for x in START] + V),
                (drawn[1][:10], [1] * 10), (start, drawn[1])]
    compare(t, run, "columns of files, parts of populations; what depends on them", pairs)
    if run.good:
        t.check(sorted(run_json(run.out)["imports"]) == ["all.csv", "part.csv"], "run.json names the files with their hashes")
    again = Run(t, MODEL, "--threads", "2")
    hashes = [run_json(r.out)["state_hash"] for r in (run, again) if r.good]
    t.check(len(hashes) == 2 and hashes[0] == hashes[1], "the same on two threads", hashes)
    compare(t, Run(t, MODEL, "--precision", "f32"), "the same numbers in f32",
            lambda r: [(r.rows("tau")[0], TAU + tau), (r.rows("V")[0], [2 * x for x in START] + V)], 1e-7)
    other = Run(t, MODEL, "--set", "net.n=151")
    t.check(not other.good and "the column has 150 values, P has 151 cells" in other.process.stderr, "a size that is set must fit the file",
            other.process.stderr)


# ---- columns of components

OWN = """
component leak { param g = csv("leak.csv").g nS in (0 nS, inf);  input V : mV;  let I = g * V }
component both { use l = leak;  input V : mV;  let I = l.I }
neuron cell {
  param tau = csv("cells.csv").tau ms in (0 ms, inf)
  param lim = 0.5 ms in (0 ms, tau]
  param twice = 2 * tau, wide ~ normal(csv("cells.csv").V0 mV, 0 mV)
  use a = leak
  use b = leak { g = 2 * csv("leak.csv").g nS }
  use c = both
  state V = csv("cells.csv").V0 mV, z = twice / (1 ms)
  V' = 0
  z' = 0 * lim / (1 ms)^2
  let I = a.I + b.I + c.I
}
network net {
  param n = 6
  population P : cell[n]
  population Q : cell[6] { tau = 3 ms;  c.l.g = 7 nS }
  population R : cell[2] { tau = 1 ms;  V = 1 mV;  a.g = 1 nS;  b.g = 1 nS;  c.l.g = 1 nS;  wide = 0 mV }
}
experiment e {
  network net { Q[1..2].V = 9 mV }
  record tau of (P, Q) as tau every 1 ms
  record z of (P, Q) as z every 1 ms
  record V of (P, Q) as V every 1 ms
  record I of (P, Q, R) as I every 1 ms
  record wide of P as wide every 1 ms
  run 1 ms with dt = 0.1 ms
}
experiment one {
  neuron cell { tau = 3 ms;  V = 1 mV;  a.g = 1 nS;  b.g = 1 nS;  c.l.g = 2 nS;  wide = 0 mV }
  run 1 ms with dt = 0.1 ms
  expect max(I) in [4 pA, 4 pA]
}
"""


def columns_of_components(t):
    table(t, "cells.csv", 6)
    g = [1, 2, 0.5, 4, 3, 2.5]
    t.write("leak.csv", "g\n" + "".join(f"{x}\n" for x in g))
    run = Run(t, OWN, "--experiment", "e")
    late = START[:1] + [9, 9] + START[3:6]
    compare(t, run, "columns of a neuron and of its parts; settings instead of them",
            lambda r: [(r.rows("tau")[0], TAU[:6] + [3] * 6), (r.rows("z")[1], [2 * x for x in TAU[:6]] + [6] * 6),
                       (r.rows("V")[0], START[:6] + late), (r.rows("wide")[0], START[:6]),
                       (r.rows("I")[0], [4 * x * v for x, v in zip(g, START)] + [(3 * x + 7) * v for x, v in zip(g, late)] + [3, 3])])
    t.check(run.good and sorted(run_json(run.out)["imports"]) == ["cells.csv", "leak.csv"], "run.json names their files")
    t.check(Run(t, OWN, "--experiment", "one").process.returncode == 0, "a lone neuron with settings instead of columns")
    over = Run(t, OWN.replace("lim = 0.5 ms", "lim = 5.1 ms").replace("tau = 3 ms;", "tau = 9 ms;").replace("tau = 1 ms;", "tau = 9 ms;"), "--experiment", "e")
    t.check(not over.good and "lim of P[0] is not within its domain" in over.process.stderr, "a domain that differs from cell to cell", over.process.stderr)
    other = Run(t, OWN, "--experiment", "e", "--set", "net.n=7")
    t.check(not other.good and "the column has 6 values, P has 7 cells" in other.process.stderr, "a size that is set must fit", other.process.stderr)


# ---- choices

CHOICE = """
neuron cell {
  param tau = 10 ms in (0 ms, inf)
  param mode in {slow, fast, none} = slow
  state V = 0 mV, m = 0, n = 0, w = 0
  let speed = if mode == fast then 2 else if mode == none then 3 else 1
  V' = 0
  receive e(a) { w += a;  n += 1 }
  spike when V > 1 mV { V = 0 mV }
}
network net {
  param fifth = 5 mV, least = 0 mV
  population E : cell[4000] { tau ~ choice(1 ms, 2 ms, 4 ms);  mode ~ choice(fast, none);  V ~ choice(0, 1 mV, 2 mV, 3 mV, fifth) }
  population F : cell[5] { tau ~ uniform(1 ms, 2 ms) }
  population G : cell[4000] {
    tau ~ 2 * (choice(1 ms, 2 ms, 4 ms, 8 ms) within (1 ms, 4 ms])
    V ~ choice(-1 mV, fifth, 2 mV, tau * 0 mV / (1 ms), 3 mV) within [least, inf)
  }
  connect one: E -> F.e by total_number(2000) { weight ~ choice(1, 100);  delay = 1 ms }
}
experiment x {
  network net
  record tau of E every 2 ms
  record speed of E every 2 ms
  record V of E every 2 ms
  record tau of G as inside every 2 ms
  record V of G as V_inside every 2 ms
  record w of F every 2 ms
  record n of F every 2 ms
  run 2 ms with dt = 0.1 ms, seed = 3
}
"""


def likely(t, what, values, expected):
    """Each of the expected values as often as the others, within five standard deviations."""
    n, p = len(values), 1 / len(expected)
    found = [sum(abs(v - e) < 1e-9 for v in values) for e in expected]
    far = 5 * (n * p * (1 - p)) ** 0.5
    t.check(n and sum(found) == n and all(abs(f - n * p) < far for f in found), what, (found, expected))


def choices(t):
    run = Run(t, CHOICE)
    if not run.good:
        return t.check(False, "choices", run.process.stderr)
    tau, speed, V = run.rows("tau")[0], run.rows("speed")[0], run.rows("V")[0]
    likely(t, "a choice of quantities", tau, [1, 2, 4])
    likely(t, "a choice of labels", speed, [2, 3])
    likely(t, "a choice with 0 and a param among the quantities", V, [0, 1, 2, 3, 5])
    both = [100 * a + b for a, b in zip(tau, speed)]
    likely(t, "two choices of a cell do not depend on each other", both, [102, 103, 202, 203, 402, 403])
    hit = sum(run.rows("n")[-1])
    high = (sum(run.rows("w")[-1]) - hit) / 99
    t.check(hit > 800 and abs(high - hit / 2) < 5 * (hit / 4) ** 0.5, "a choice of weights", (hit, high))
    likely(t, "a choice within an interval without its lower end", run.rows("inside")[0], [4, 8])
    likely(t, "a choice of what is known at the start, within", run.rows("V_inside")[0], [0, 2, 3, 5])
    fewer = Run(t, CHOICE, "--set", "net.least=2.5 mV")
    t.check(fewer.good and set(fewer.rows("V_inside")[0]) == {3, 5}, "the interval is set", fewer.process.stderr)
    none = Run(t, CHOICE, "--set", "net.least=6 mV")
    t.check(not none.good and "not `within` its bounds" in none.process.stderr, "no alternative is inside", none.process.stderr)
    first = Run(t, CHOICE, "--set", "net.fifth=7 mV")
    t.check(first.good and first.rows("V")[0] == [7 if v == 5 else v for v in V], "alternatives are set, the draws stay")
    t.check(run.good and Run(t, CHOICE, "--seed", "4").rows("tau")[0] != tau, "another seed, other choices")


# ---- totals of expressions

TOTALS = """
fn twice(x) = 2 * x
channel leak { param g = 0.1/ms;  input V : mV;  state s = 2;  s' = -s / (5 ms);  let I = g * V }
neuron cell {
  index k = 1..3
  param E_L = -3 mV
  use na = leak
  state V = 0 mV, x[k] = k
  state y = 1, y' = 2/ms
  V' = -na.I
  x[k]' = -x[k] / (k * 1 ms)
  y'' = 0
}
neuron plain { param E_L = -1 mV;  state V = 5 mV;  V' = -V / (10 ms) }
network net {
  index p = { A, B }
  param J[p] = [1, 3]
  population E : cell[70] { V ~ uniform(0 mV, 1 mV) }
  population I : plain[30]
  population C[k in p] : plain[10] { V = J[k] * 1 mV;  E_L ~ choice(-1 mV, -2 mV) }
  signal da : mV { da' = mean(twice(E.y) * 1 mV) / (1 ms) }
  signal db : mV { db' = sum((I, C).V - (I, C).E_L) / (1 ms) }
}
experiment x {
  network net
  record V of E as each every 1 ms
  record V of C as Cs every 1 ms
  record E_L of C as Es every 1 ms
  record mean(E.V - E.E_L) as a every 1 ms
  record sum((E, I).V - 2 * (E, I).E_L) as b every 1 ms
  record mean(E[5..9].x[2]) as c every 1 ms
  record sum(E.y') as d every 1 ms
  record mean(twice(E.na.s) * E.x[1]^2 + abs(E[2].y) * 0) as e every 1 ms
  record mean(C[B].V - C[B].E_L) as f every 1 ms
  record sum(C.V^2) as g every 1 ms
  record da every 1 ms
  record db every 0.1 ms
  run 2 ms with dt = 0.1 ms
  expect max(C.V - 2 * C.E_L) in [6.9 mV, 7.1 mV]
  expect sum(J[p]) in [4, 4]
}
""".replace(" + abs(E[2].y) * 0", "")


def totals(t):
    run = Run(t, TOTALS)
    ms = range(3)

    def pairs(r):
        V, C, E_L = r.rows("each"), r.rows("Cs"), r.rows("Es")[0]
        plain = [5 * math.exp(-s / 10) for s in ms]
        return [(r.column("a"), [sum(row) / 70 + 3 for row in V]),
                (r.column("b"), [sum(row) + 6 * 70 + 30 * (p + 2) for row, p in zip(V, plain)]),
                (r.column("c"), [2 * math.exp(-s / 2) for s in ms]), (r.column("d"), [140] * 3),
                (r.column("e"), [4 * math.exp(-s / 5) * math.exp(-2 * s) for s in ms]),
                (r.column("f"), [sum(v - e for v, e in zip(row[10:], E_L[10:])) / 10 for row in C]),
                (r.column("g"), [sum(v * v for v in row) for row in C]),
                # what the signals see is held over the step: y = 1 + 2 t at its begin
                (r.column("da"), [sum(0.1 * 2 * (1 + 2 * 0.1 * i) for i in range(10 * s)) for s in ms]),
                (r.column("db")[:2], [0, 0.1 * (30 * 6 + sum(C[0]) - sum(E_L))])]
    compare(t, run, "sums and means of expressions, recorded and in signals; expects of them", pairs)


# ---- params of synapses

SYNAPSE = """
synapse scaled {
  param most = 100
  param gain = 2 in [0, most]
  param bias = gain * 1 pA
  let twice = gain * 2
  weight w : pA in [0 pA, 150 pA]
  on pre { send twice * w + bias }
}
neuron cell { state x = 0 pA;  receive e(w : pA) { x += w } }
neuron source { state n = 0;  receive go { n += 1 };  spike when n >= 1 { n = 0 } }
network net {
  index k = { A, B }
  param g = 3
  population S : source[1]
  population P : cell[1]
  population R : cell[1]
  population Q[k] : cell[1]
  drive S.go with times([1 ms])
  connect one: S -> (P, R).e by all_to_all with scaled { gain = g } { weight = 10 pA;  delay = 1 ms }
  connect two: S -> Q[i].e by all_to_all with scaled for i in k { weight = 10 pA;  delay = 1 ms }
}
experiment x {
  network net
  record x of (P, R, Q) every 5 ms
  run 5 ms with dt = 0.1 ms
}
"""


def synapses(t):
    def sent(gain, bias):
        return 20 * gain + bias
    for what, options, expected in (
            ("declared and given", [], [sent(3, 3)] * 2 + [sent(2, 2)] * 2),
            ("set under a label, for all its pairs", ["one.gain=5"], [sent(5, 5)] * 2 + [sent(2, 2)] * 2),
            ("a param of the network behind it", ["net.g=4"], [sent(4, 4)] * 2 + [sent(2, 2)] * 2),
            ("one of a family of labels", ["two[B].gain=7", "two[A].bias=1 nA"], [sent(3, 3)] * 2 + [sent(2, 1000), sent(7, 7)]),
            ("the whole family", ["two.gain=0"], [sent(3, 3)] * 2 + [0, 0])):
        run = Run(t, SYNAPSE, *[x for o in options for x in ("--set", o)])
        compare(t, run, "params of a synapse: " + what, lambda r, e=expected: [(r.rows("x")[-1], e)])
    for what, setting, expected in (
            ("for all pairs of a label", "one.gain = 5", [sent(5, 5)] * 2 + [sent(2, 2)] * 2),
            ("by a value of the network", "one.gain = g + 1", [sent(4, 4)] * 2 + [sent(2, 2)] * 2),
            ("one of a family, and another", "two[ B ].gain = 7;  two[A].bias = 1 nA", [sent(3, 3)] * 2 + [sent(2, 1000), sent(7, 7)]),
            ("the whole family", "two.gain = 0", [sent(3, 3)] * 2 + [0, 0])):
        run = Run(t, SYNAPSE.replace("  network net\n", f"  network net {{ {setting} }}\n"))
        compare(t, run, "params of a synapse, by the experiment: " + what, lambda r, e=expected: [(r.rows("x")[-1], e)])
    high = Run(t, SYNAPSE, "--set", "one.gain=101")
    t.check(not high.good and "outside of its domain" in high.process.stderr, "the domain of a synapse's param holds for --set", high.process.stderr)


# ---- draws in the values of a network

DRAWN = """
neuron cell { param tau = 1 ms in (0 ms, inf);  state V = 0 mV;  V' = -V / tau }
network net {
  index k = 1..60
  MORE
  param q[i in k] ~ uniform(0, 1)
  param J ~ normal(2 mV, 0.5 mV) within [1 mV, 3 mV]
  let both ~ J * (1 + choice(1, 2))
  population P[i in k] : cell[1] { V = q[i] * 1 mV }
  population Q : cell[1] { V = J }
  population R : cell[1] { V = both }
}
experiment x {
  network net SETTINGS
  record V of P as P every 1 ms
  record V of (Q, R) every 1 ms
  run 1 ms with dt = 0.1 ms, seed = 3
}
"""


def drawn(t):
    def values(settings, *options, more="", folder=""):
        run = Run(t, DRAWN.replace("SETTINGS", settings).replace("MORE", more), *options)
        if not run.good:
            t.check(False, "draws in a network", run.process.stderr)
        return run.rows("P")[0], run.rows("V")[0]
    q, (J, both) = values("")
    t.check(all(0 <= x < 1 for x in q) and len(set(q)) == 60 and abs(sum(q) / 60 - 0.5) < 5 / math.sqrt(12 * 60), "each element of a table draws", q[:5])
    t.check(1 <= J <= 3 and round(both / J, 9) in (2, 3), "a let draws, with the param that it depends on", (J, both))
    t.check(values("", "--seed", "3") == (q, [J, both]) == values("", "--threads", "2"), "the seed of the run, any threads")
    others = [values("", "--seed", str(s))[1][0] for s in range(4, 7)]
    t.check(len(set(others + [J])) == 4, "another seed, another draw", others)
    t.check(values("", more="param first ~ normal(0, 1);  let second = first") == (q, [J, both]), "a value more changes no other's draw")
    t.check(values("", "--set", "net.J=1.5 mV") == (q, [1.5, 1.5 * round(both / J)]), "what is set is not drawn")
    t.check(values("{ q[2] = 0.25 }") == (q[:1] + [0.25] + q[2:], [J, both]), "an experiment gives a value in place of a draw")
    other = values("{ J ~ uniform(2.9 mV, 3 mV) }")
    t.check(other[0] == q and 2.9 <= other[1][0] < 3, "an experiment gives another draw", other[1])


def main():
    t = Tap()
    for part in (cells, columns_of_components, choices, totals, synapses, drawn):
        part(t)
    t.done()


if __name__ == "__main__":
    main()

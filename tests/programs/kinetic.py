#!/usr/bin/env python3
"""Reactions: mass action against closed forms and equations written by hand, conservation laws to the last digit, what the
compiler chooses and says. Models run through `nslc run … --csv`."""
import json
import math
import re
import sys
from fractions import Fraction

from semantics import Run, compare, same
from tap import NSLC, Tap, call, run_fit

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
    records = "".join(f"\n  record ({law}) as law{i} every 1 ms" for i, law in enumerate(LAWS))
    for option, limit, steps in (("f64", 1e-15, 100000), ("f32", 2.4e-7, 10000)):
        text = ENZYME + f"experiment x {{\n  neuron enzyme{records}\n  record c2 every 1 ms\n  run {steps / 10:.0f} ms with dt = 0.1 ms\n}}\n"
        run = Run(t, text, "--precision", option)
        worst = {}
        for i, law in enumerate(LAWS if run.good else []):
            total = run.column(f"law{i}")
            worst[law] = max(abs(x - total[0]) for x in total) / total[0]
        t.check(run.good and len(total) == steps // 10 + 1 and max(worst.values()) <= limit,
                f"{len(LAWS)} conservation laws over {steps:,} steps, {option}: to the last digit", f"{worst} {run.process.stderr}")
        t.check(run.good and max(run.column("c2")) - min(run.column("c2")[500:]) > 0.01, f"… of states that move, {option}")


ENZYME_CHAIN = """language 1
neuron chain {
  index k = 1..3
  index j = 1..2
  param up[j] = [0.5/ms, 1/ms], n0 = 20
  input V : mV
  state n[k] = n0 / 4
  state m = 0
  kinetic stochastic {
    n[j] <-> n[j + 1] at up[j], 0.3/ms
    m -> 0 at 1/ms + V / (1 mV) * 1/ms
  }
}
"""


def explained(t):
    name = t.write("laws.nsl", "language 1\n" + ENZYME + "experiment x { neuron enzyme;  record c2;  run 1 s with dt = 0.1 ms }\n")
    p = call(NSLC, "explain", "--json", name)
    rows = [json.loads(line) for line in p.stdout.splitlines() if '"fact"' in line]
    found = {r["constant"]: r["dependent"] for r in rows if r["fact"] == "law"}
    t.check(found == LAWS, "explain lists the laws, each with the state that follows from it", f"{found}\n{p.stderr}")
    chain = ENZYME_CHAIN + "experiment x { neuron chain;  record n;  run 1 ms with dt = 0.1 ms }\n"
    p = call(NSLC, "explain", t.write("chain.nsl", chain))
    t.check("10.5/ms of an element at the start" in p.stdout, "explain tells how many reactions happen", p.stdout + p.stderr)
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


def stationary(rates, n):
    """Of a chain with these rates (from, to): by elimination in fractions, with the sum in the place of one equation."""
    rates = {way: Fraction(r) for way, r in rates.items()}
    a = [[Fraction(0)] * (n + 1) for _ in range(n)]
    for (i, j), r in rates.items():
        a[j][i] += r
        a[i][i] -= r
    a[n - 1] = [Fraction(1)] * (n + 1)
    for c in range(n):
        p = max(range(c, n), key=lambda r: abs(a[r][c]))
        a[c], a[p] = a[p], a[c]
        for r in range(n):
            if r != c:
                f = a[r][c] / a[c][c]
                a[r] = [x - f * y for x, y in zip(a[r], a[c])]
    return [float(a[i][n] / a[i][i]) for i in range(n)]


STEADY = """
channel markov_na {
  param N = 1
  input V : mV
  index j = 0..3
  index up = 0..2 of j
  state s[j] = 0
  state r[j] = if j == 0 then N else 0
  kinetic steady {
    s[j] <-> r[j] at hh_alpha_h(V), hh_beta_h(V)
    s[up] <-> s[up + 1] at (3 - up) * hh_alpha_m(V), (up + 1) * hh_beta_m(V)
    r[up] <-> r[up + 1] at (3 - up) * hh_alpha_m(V), (up + 1) * hh_beta_m(V)
  }
}
component ring {
  param k = 0.3/ms
  input E : 1
  state a = 0.5, b = 0.25, c = 0, d = 0.25, e = 1
  kinetic steady {
    a -> b at k
    b -> c at 2 * k
    c -> a at 0.07/ms
    b <-> d at 1e-4/ms * E, 3/ms
    d <-> e at 0.4/ms + 0.1/ms * exp(-t / (1 ms)), 0.01/ms
    E + e -> E + a at 0.2/ms
  }
}
neuron cell {
  param k = 0.3/ms in (0/ms, inf)
  state V = -65 mV
  state enzyme = 1.5
  gate m { alpha = hh_alpha_m(V);  beta = hh_beta_m(V) }
  gate h { alpha = hh_alpha_h(V);  beta = hh_beta_h(V) }
  let want = m^3 * h
  use na = markov_na { N = 4 }
  use x = ring { k = k;  E = enzyme }
}
network n { population P : cell[100] { V ~ uniform(-120 mV, 20 mV) } }
experiment e { network n
  record want of P as want every 1 ms
  record na.r[3] of P as open every 1 ms
  record x.a of P as a every 1 ms
  record x.b of P as b every 1 ms
  record x.c of P as c every 1 ms
  record x.d of P as d every 1 ms
  record x.e of P as e every 1 ms
  run 3 ms with dt = 0.1 ms, seed = 2 }"""


def steady(t):
    """kinetic steady: the start is the stationary distribution at V(0), and at constant rates it stays there."""
    for options, k in (((), 0.3), (("--set", "P.k=2/ms"), 2.0)):
        r = Run(t, STEADY, *options)
        if not t.check(r.good, "kinetic steady", r.process.stderr):
            return
        worst = max(abs(4 * w - o) / w for w, o in zip(r.rows("want")[0], r.rows("open")[0]))
        t.check(worst < 1e-13, "a channel of eight states begins as its gates do, at the V(0) of each cell", worst)
        t.check(max(abs(4 * w - o) for w, o in zip(r.rows("want")[-1], r.rows("open")[-1])) < 1e-9, "and stays there")
        rates = {(0, 1): k, (1, 2): 2 * k, (2, 0): 0.07, (1, 3): 1e-4 * 1.5, (3, 1): 3.0, (3, 4): 0.5, (4, 3): 0.01, (4, 0): 0.2 * 1.5}
        want = [2 * p for p in stationary(rates, 5)]
        have = [r.rows(name)[0][0] for name in "abcde"]
        t.check(max(abs(x - y) / y for x, y in zip(have, want)) < 1e-12, "a chain with ways around, an enzyme, and a rate that depends on t", (have, want))
        t.check(all(abs(sum(r.rows(name)[i][7] for name in "abcde") - 2) < 1e-14 for i in range(4)), "the sum is that of the declared values")


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


# ---- fits

LOOP = """language 1

neuron cell {
  param a = 0.3/ms in (0/ms, inf), b = 0.1/ms in (0/ms, inf), c = 2/ms in (0/ms, inf), f = 0.12/ms in (0/ms, inf), n = 20 uM in (0 uM, inf)
  state c1 = 1, c2 = 0, o = 0
  kinetic { c1 <-> c2 at a, b;  c2 <-> o at c, 0.7/ms;  o <-> c1 at 0.4/ms, f }
  state ca = 5 uM, free = n, bound = 0 uM
  kinetic { ca + free <-> bound at 0.02/uM/ms, b;  ca -> 0 at 0.1/ms }
}
fit loop {
  neuron cell
  data rec = csv("loop.csv") { t : ms;  o : 1;  ca : uM }
  free a in [0.05/ms, 1/ms], b in [0.05/ms, 1/ms], c in [0.3/ms, 6/ms], f in [0.03/ms, 5/ms], n in [5 uM, 60 uM]
  CONSTRAIN
  minimize mean((o - rec.o)^2) + mean((ca - rec.ca)^2) / (1 uM)^2
  by lm(steps = 40)
  with dt = 0.2 ms
}
"""


def course(a, b, c, f, n):
    """o and ca every 0.2 ms by RK4."""
    def slope(x):
        c1, c2, o, ca, bound = x
        u, v, w = a * c1 - b * c2, c * c2 - 0.7 * o, 0.4 * o - f * c1
        bind = 0.02 * ca * (n - bound) - b * bound
        return [w - u, u - v, v - w, -bind - 0.1 * ca, bind]
    x, h = [1, 0, 0, 5, 0], 0.01
    for i in range(1201):
        if i % 20 == 0:
            yield i * h, x[2], x[3]
        k1 = slope(x)
        k2 = slope([p + h / 2 * q for p, q in zip(x, k1)])
        k3 = slope([p + h / 2 * q for p, q in zip(x, k2)])
        k4 = slope([p + h * q for p, q in zip(x, k3)])
        x = [p + h / 6 * (q + 2 * r + 2 * s + u) for p, q, r, s, u in zip(x, k1, k2, k3, k4)]


def fits_of_reactions(t):
    """Derivatives through implicit steps and conservation laws; detailed balance as a term."""
    a, b, c, f, n = 0.25, 0.2, 1.5, 0.25 * 1.5 * 0.4 / (0.2 * 0.7), 30
    rows = ["t,o,ca"] + [f"{x:.1f},{o:.12g},{ca:.12g}" for x, o, ca in course(a, b, c, f, n)]
    t.write("loop.csv", "\n".join(rows[:12]) + "\n")
    objective = []
    for constrain in ("constrain reversible(c1, c2, o)", ""):
        p = call(NSLC, "grad", t.write("loop.nsl", LOOP.replace("CONSTRAIN", constrain)), "--check")
        t.check(p.returncode == 0 and " 0 deviate" in p.stdout, f"derivatives of a fit of reactions against 113 bits, {constrain or 'no constraint'}",
                p.stdout + p.stderr)
        found = re.search(r"declared values: objective (\S+)", p.stdout)
        objective.append(float(found.group(1)) if found else math.nan)
    want = math.log(0.3 * 2 * 0.4 / (0.1 * 0.7 * 0.12)) ** 2
    t.check(abs(objective[0] - objective[1] - want) < 1e-6 * want, "detailed balance counts by log(ratio)^2", f"{objective} {want}")
    t.write("loop.csv", "\n".join(rows) + "\n")
    r, result = run_fit(t, t.path("loop.nsl"), "loop", "--fit", "loop")
    v = {x["path"]: x["value"] for x in result["free"]} if result else {}
    good = v and all(abs(v[k] / w - 1) < 1e-3 for k, w in (("a", a), ("b", b), ("c", c), ("f", f), ("n", n)))
    t.check(good, "rates and the total of a buffer are found again", f"{v} {r.stderr}")
    slow = LOOP.replace("CONSTRAIN", "").replace("dt = 0.2 ms", "dt = 0.02 ms")
    methods = []
    for text in (slow, slow.replace("f in [0.03/ms, 5/ms]", "f in [0.03/ms, 50/ms]")):
        p = call(NSLC, "explain", t.write("slow.nsl", text))
        methods.append([row.split()[2] for row in p.stdout.splitlines() if row.split()[:2] in (["state", "c2"], ["state", "o"])])
    t.check(methods == [["rk4"] * 2, ["rosenbrock"] * 2], "how they are integrated follows from all rates between the bounds", methods)


# ---- jumps

JUMPS = """
neuron cell {
  state n = 10, a = 100, b = 0, x = 30, y = 0
  kinetic stochastic {
    0 -> n at 2/ms
    n -> 0 at 0.1/ms
    a <-> b at 0.3/ms, 0.1/ms
    2 * x <-> y at 0.01/ms, 0.2/ms
  }
}
network many { population P : cell[CELLS] }
experiment e {
  network many
  RECORDS
  run END with SETTINGS
}
"""


def jumps_model(cells, end, settings):
    text = JUMPS.replace("CELLS", str(cells)).replace("SETTINGS", settings)
    return text.replace("RECORDS", "\n  ".join(f"record {v} of P every {end:g} ms" for v in "nay")).replace("END", f"{end:g} ms")


def dimer(t, step=0.005):
    """Probabilities of each number of dimers at t, by the master equation (RK4)."""
    def slope(p):
        d = [0.0] * len(p)
        for y, q in enumerate(p):
            forward, back = 0.01 * (30 - 2 * y) * (29 - 2 * y), 0.2 * y
            for to, rate in ((y + 1, forward), (y - 1, back)):
                if rate:
                    d[to] += rate * q
                    d[y] -= rate * q
        return d
    p = [1.0] + [0.0] * 15
    for _ in range(round(t / step)):
        k = [slope(p)]
        for h in (step / 2, step / 2, step):
            k.append(slope([x + h * d for x, d in zip(p, k[-1])]))
        p = [x + step / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(p, *k)]
    return p


def moments(t):
    """Mean, variance and fourth central moment of n, a, y at t."""
    kept, born = 10 * math.exp(-0.1 * t), 20 * (1 - math.exp(-0.1 * t))
    stay = math.exp(-0.1 * t)
    share = 0.25 + 0.75 * math.exp(-0.4 * t)
    def binomial(n, p):
        v = n * p * (1 - p)
        return n * p, v, v * (1 + 3 * (n - 2) * p * (1 - p))
    b = binomial(10, stay)
    v = b[1] + born
    yield "n", kept + born, v, b[2] + 6 * b[1] * born + born * (1 + 3 * born)
    yield "a", *binomial(100, share)
    p = dimer(t)
    m = sum(y * q for y, q in enumerate(p))
    yield "y", m, *(sum((y - m) ** k * q for y, q in enumerate(p)) for k in (2, 4))


def master_equation(t):
    """Means and variances within five standard errors, at a time where nothing has settled and at a late one."""
    cells = 4000
    for end, settings, bias in ((3, "dt = 1 ms, seed = 5", 0), (20, "dt = 4 ms, seed = 6", 0),
                                (3, "dt = 0.02 ms, seed = 7, jumps = tau_leaping", 0.008)):
        run = Run(t, jumps_model(cells, end, settings))
        wrong = [run.process.stderr]
        if run.good:
            wrong = []
            for name, mean, var, fourth in moments(end):
                values = run.rows(name)[-1]
                if any(x != int(x) or x < 0 for x in values):
                    wrong.append(f"{name}: not whole")
                own = sum(values) / cells
                spread = sum((x - own) ** 2 for x in values) / (cells - 1)
                for what, found, want, error in (("mean", own, mean, math.sqrt(var / cells)),
                                                 ("variance", spread, var, math.sqrt((fourth - var * var) / cells))):
                    if abs(found - want) > 5 * error + bias * want:
                        wrong.append(f"{what} of {name}: {found}, not {want} +- {error}")
        t.check(not wrong, f"birth and death, isomerization, dimerization at {end} ms against the master equation, {settings}", "\n".join(wrong))


def same_jumps(t):
    """The same bits for any number of threads, alone or among others."""
    for settings in ("dt = 0.5 ms, seed = 2", "dt = 0.5 ms, seed = 2, jumps = tau_leaping"):
        text = jumps_model(1000, 10, settings)
        runs = [Run(t, text, "--threads", n) for n in ("1", "3")]
        alone = Run(t, jumps_model(8, 10, settings))
        rows = [r.rows("y")[-1] for r in runs]
        t.check(all(r.good for r in runs) and rows[0] == rows[1] and rows[0][:8] == alone.rows("y")[-1],
                f"the same jumps on one and three threads, and of the first cells alone: {settings}", runs[0].process.stderr)


def same_levels(t):
    for settings in ("dt = 0.5 ms, seed = 2", "dt = 0.5 ms, seed = 2, jumps = tau_leaping"):
        text = jumps_model(1000, 10, settings)
        name = t.write("levels.nsl", "language 1\n" + text)
        hashes = set()
        for level in ("x86-64-v3", "portable"):
            p = call(NSLC, "build", "--cpu", level, name, "-o", t.path("levels"))
            p = call(t.path("levels"), "--quiet", "--no-report", "--force", "--out", t.path("levels.out")) if p.returncode == 0 else p
            hashes.add(json.load(open(t.path("levels.out/run.json")))["state_hash"] if p.returncode == 0 else p.stderr)
        t.check(len(hashes) == 1, f"the same at two levels of x86: {settings}", hashes)


def held_over_a_step(t):
    """Of rates that follow V only its value at T-dt counts: with V stepping at 5 ms nothing opens in the step that ends there."""
    model = """
neuron cell {
  input V : mV
  state c = 1000, o = 0
  kinetic stochastic { c -> o at (if V > 0 mV then 1/ms else 0/ms) }
  state x = 0
  x' = o * 1/ms
}
experiment e {
  neuron cell
  drive V with step(10 mV, from = 5 ms, to = 6 ms)
  record o
  record x
  run 10 ms with dt = 1 ms, seed = 3
}
"""
    run = Run(t, model)
    o, x = (run.column("o"), run.column("x")) if run.good else ([0] * 11, [0] * 11)
    t.check(run.good and o[:6] == [0] * 6 and 560 < o[6] < 700 and o[6:] == [o[6]] * 5, "rates are held over a step", f"{o} {run.process.stderr}")
    t.check(x == [0] * 7 + [o[6] * k for k in range(1, 5)], "equations see the counts of T - dt", x)


def wrong_jumps(t):
    def model(rate, start, handler=""):
        return f"""
neuron cell {{
  param k = {rate}, begin = {start}
  state n = begin
  kinetic stochastic {{ n -> 0 at k }}
  receive more(w) {{ n += w }}
}}
experiment e {{
  neuron cell
  {handler}
  record n
  run 2 ms with dt = 1 ms
}}
"""
    for what, text in (("a rate below 0", model("-1/ms", "5")), ("a count that is not whole", model("1/ms", "5.5")),
                       ("half a molecule that arrives", model("1/ms", "5", "drive more with times([1 ms]) { weight = 0.5 }"))):
        run = Run(t, text)
        t.check(not run.good and "n" in run.process.stderr and "not whole" in run.process.stderr, f"{what} ends the run", run.process.stderr)
    run = Run(t, model("1/ms", "5", "drive more with times([1 ms]) { weight = 3 }"))
    t.check(run.good and run.column("n")[1] >= 3, "whole molecules may arrive", run.process.stderr)


def main():
    t = Tap()
    for test in (same_levels,) if sys.argv[1:] == ["levels"] else (closed_forms, stiff, conservation, explained, sums_over_parts, gates, steady, events, fits_of_reactions, master_equation, same_jumps,
                 held_over_a_step, wrong_jumps):
        test(t)
    t.done()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Equations, tables, settings and signals: models run through `nslc run … --csv`, against closed forms and plain Python written from the
language's page alone."""
import cmath
import math

from semantics import Run, compare, mean_of, same, variance
from tap import NSLC, Tap, call, run_json

DT = 0.1  # ms

PAIRS = """
component pair {
  index k = 1..2
  param w = 0.5/ms
  state z[k] = 1 mV, z[k]' = 0 mV/ms
  z[k]'' = -w^2 * z[k] * k^2
}
neuron osc {
  index k = 1..3
  param w[k] = [1/ms, 2/ms, 3/ms]
  param d = 0.2/ms
  state x[k] = k * 1 mV
  state y = 0, y' = 1/ms
  state q = 1 mV, q' = 0.5 mV/ms, q'' = 0 mV/ms^2
  use o = pair { z[1] = 3 mV;  z[2]' = 2 mV/ms }
  let energy[k] = x[k]'^2 / 2 + w[k]^2 * x[k]^2 / 2
  x[k]'' = -w[k]^2 * x[k]
  y'' = -2 * d * y' - (1/ms)^2 * y
  q''' = -q * (1/ms)^3
  receive kick(a : mV/ms) { x[k]' += a;  y' += a / (1 mV) }
}
"""


# ---- equations of higher order

def damped(t, x, v, w, d):
    """x'' = -2 d x' - w^2 x"""
    r = cmath.sqrt(d * d - w * w)
    a, b = -d + r, -d - r
    c = (v - b * x) / (a - b)
    e = x - c
    return (c * cmath.exp(a * t) + e * cmath.exp(b * t)).real, (a * c * cmath.exp(a * t) + b * e * cmath.exp(b * t)).real


def third(t, x, v, u):
    """q''' = -q: a sum of exponentials of the cube roots of -1"""
    roots = [complex(-1, 0), cmath.exp(1j * math.pi / 3), cmath.exp(-1j * math.pi / 3)]
    a, b, c = roots
    # Lagrange's form of the interpolating polynomial in d/dt
    total = 0
    for r, s, w in ((a, b, c), (b, a, c), (c, a, b)):
        total += cmath.exp(r * t) * (u - (s + w) * v + s * w * x) / ((r - s) * (r - w))
    return total.real


def higher_order(t):
    experiment = """
network n {
  population P : osc[2] { x[k]' = k * 0.1 mV/ms;  y'(0) = 0.5/ms;  w[k] = 1/ms * k;  x(0) = [1 mV, 2 mV, 4 mV];  o.w = 1/ms }
  population Q : osc[1]
  drive P.kick with times([5 ms]) { weight = 1 mV/ms }
}
experiment e {
  network n { P.y' = 0.25/ms;  P.x[2]' = 3 mV/ms;  P.o.z[2]' = 1 mV/ms }
  record x[1] of P as x1 every 1 ms
  record x[2]' of P as v2 every 1 ms
  record x[3] of Q as x3 every 1 ms
  record y of P every 1 ms
  record y' of P as vy every 1 ms
  record o.z[2] of P as z every 1 ms
  record o.z[1]' of Q as zv every 1 ms
  record energy[2] of Q as e2 every 1 ms
  record q of Q every 1 ms
  run 20 ms with dt = 0.1 ms
}
"""
    grid = range(21)

    def kicked(x, v, w, d, part):
        values = []
        for s in grid:
            if s < 5:
                values.append(damped(s, x, v, w, d)[part])
            else:
                a, b = damped(5, x, v, w, d)
                values.append(damped(s - 5, a, b + 1, w, d)[part])
        return values

    run = Run(t, PAIRS + experiment)
    compare(t, run, "x'': settings of states, derivatives and tables, free indices, x(0), kicks of x', all exact",
            lambda r: [(r.column("x1"), kicked(1, 0.1, 1, 0, 0)), (r.column("v2"), kicked(2, 3, 2, 0, 1)),
                       (r.column("x3"), [3 * math.cos(3 * s) for s in grid]), (r.column("y"), kicked(0, 0.25, 1, 0.2, 0)),
                       (r.column("vy"), kicked(0, 0.25, 1, 0.2, 1))])
    compare(t, run, "x'' in a part with a family: o.z[2], o.z[1]', and a let over x[k]'",
            lambda r: [(r.column("z"), [math.cos(2 * s) + math.sin(2 * s) / 2 for s in grid]),
                       (r.column("zv"), [-1.5 * math.sin(s / 2) for s in grid]), (r.column("e2"), [8] * 21)])
    compare(t, run, "an equation of third order", lambda r: [(r.column("q"), [third(s, 1, 0.5, 0) for s in grid])], 1e-8)


# ---- tables, sums over indices, imports

def tables(t):
    t.write("cells.nsl", """language 1
index layer = { L4, L5, L6 }
let g0[l in layer] = [1 nS, 0, 3 nS]
let n = 2
let m[i in 1..n, l in layer] = [[1, 2, 3], [4, 5, 6]]
fn half(x) = x / 2
neuron cell {
  index k = 1..3
  param g[layer] = g0[layer]
  param w[k] = [2, 3, 5]
  state x[k] = k * 1 mV
  state V = 0 mV
  let total = sum(g[layer])
  let q = mean(m[1, layer]) + sum(w[k] * sum(g[layer] / k) / (1 nS)) + mean(half(x[k])) / (1 mV)
  let pick = sum(if k == 2 then x[k] else 0)
  let all = sum(w[k])
  x[k]' = -x[k] * all / (100 ms)
  V' = (g[L4] + sum(g[layer])) * (1 mV) / (1 pF)
}
""")
    model = """import "cells.nsl"
import "cells.nsl" as lab
network net {
  index ends = { L4, L6 } of layer
  param N[layer] = [1, 2, 3]
  param K[to: layer, from: layer] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
  let cells = sum(N[layer]) + lab.half(sum(N[ends])) + half(m[2, L6])
  let rows[i: layer] = sum(K[i, layer] * N[layer])
  let trace = sum(K[layer, layer])
  let both = mean(K[layer, L5] - K[L5, layer])
  population P[l in layer] : cell[N[l]] { g[layer] = g0[layer] * 2;  w[k] = k * N[l];  x = [4 mV, 5 mV, 6 mV] }
  population Q : lab.cell[1]
}
experiment e {
  network net
  record q of Q
  record total of P[L5] as total
  record pick of P[L4] as pick
  record V of P[L6] as V every 1 ms
  record x[3] of P[L5] as x3 every 1 ms
  run 3 ms with dt = 0.1 ms
  expect cells in [10.999, 11.001]
  expect trace in [15, 15]
  expect rows[L6] in [50, 50]
  expect both in [0, 0]
}
"""
    q = (1 + 2 + 3) / 3 + sum(w * sum(g / k for g in (1, 0, 3)) for k, w in zip((1, 2, 3), (2, 3, 5))) + (1 + 2 + 3) / 3 / 2
    compare(t, Run(t, model), "sum and mean over indices, tables of a file, imports with and without a name, free indices in settings",
            lambda r: [(r.column("q")[:1], [q]), (r.column("total"), [8] * 31), (r.column("pick")[:1], [5]),
                       (r.column("V"), [s * (2 + 8) for s in range(4)]), (r.column("x3"), [6 * math.exp(-s * 12 / 100) for s in range(4)])])
    compare(t, Run(t, model.replace("+ lab.half", "+ 1000 * lab.half").replace("in [10.999", "in [2008.99").replace("11.001]", "2009.01]")),
            "the expects of the network hold as well", lambda r: [(r.column("pick")[:1], [5])])


# ---- noise

def from_neighbours(t):
    """Elements that follow from each other, with an end that has no neighbour: as written out one by one."""
    r = Run(t, """
index k = 1..4
let half[k] = if k == 4 then 0.25 else 2 * half[k + 1]
neuron chain {
  param g[k] = if k == 1 then 0.1/ms else 0.5 * g[k - 1]
  let pulled[k] = if k == 1 then 0 mV else pulled[k - 1] + half[k] * x[k]
  state x[k] = if k == 1 then 8 mV else 0.5 * x[k - 1]
  x[k]' = if k == 1 then -g[1] * x[1] else if k < 4 then g[k] * (x[k - 1] - x[k]) else g[k] * (x[k - 1] - x[k]) - 0.01/ms * pulled[4]
}
neuron plain {
  param g1 = 0.1/ms, g2 = 0.05/ms, g3 = 0.025/ms, g4 = 0.0125/ms
  state a = 8 mV, b = 4 mV, c = 2 mV, d = 1 mV
  a' = -g1 * a
  b' = g2 * (a - b)
  c' = g3 * (b - c)
  d' = g4 * (c - d) - 0.01/ms * (1 * b + 0.5 * c + 0.25 * d)
}
network n {
  index pop = { E, I, X }
  param N[pop] = [2, N[E] / 2, N[E] + N[I]]
  param s[i: k] = if i == 1 then 1 mV else s[i - 1] + 1 mV
  let D[i: k, j: k] = if i < j then i * 10 + j else if i == j then 0 else D[j, i]
  population P[p in pop] : chain[N[p]] { g[2] = 0.05/ms * D[2, 1] / 12 * s[3] / (3 mV) }
  population Q : plain[1]
}
experiment e { network n { N[E] = 4 }
  record x[4] of P as x every 1 ms
  record d of Q every 1 ms
  run 30 ms with dt = 0.1 ms }""")
    if not t.check(r.good, "elements that follow from each other", r.process.stderr):
        return
    rows = r.rows("x")
    t.check(len(rows[0]) == 4 + 2 + 6, "their sizes: an experiment's value counts", len(rows[0]))
    t.check(max(abs(v - d) for row, d in zip(rows, r.column("d")) for v in row) < 1e-12, "as written out", (rows[-1], r.column("d")[-1]))


def noise(t):
    """dx = m x dt + s x dW, Ito: ln x is normal with mean (m - s^2/2) t and variance s^2 t; dz = s sqrt(z) dW keeps its mean"""
    model = """
neuron gbm {
  index k = 1..2
  param m = -0.1/ms, s = 0.4/ms^0.5
  let xi = s * white_noise()
  state x = 1, y = 1, z = 4, w[k] = 0
  x' = m * x + x * xi
  y' = m * y + y * xi
  z' = s * sqrt(max(z, 0)) * white_noise()
  w[k]' = k * 1/ms^0.5 * white_noise()
}
network n { population P : gbm[20000] }
experiment e {
  network n
  record x of P every 1 ms
  record y of P every 1 ms
  record z of P every 1 ms
  record w[1] of P as w1 every 1 ms
  record w[2] of P as w2 every 1 ms
  run 1 ms with dt = 0.02 ms, seed = 3
}
"""
    run = Run(t, model)
    if not t.check(run.good, "multiplicative noise runs", run.process.stderr):
        return
    x, y, z, w1, w2 = (run.rows(r)[-1] for r in ("x", "y", "z", "w1", "w2"))
    n = len(x)
    logs = [math.log(v) for v in x]
    t.check(abs(mean_of(x) - math.exp(-0.1)) < 4 * 0.4 / math.sqrt(n), "x' = m x + s x xi: the mean of Ito", mean_of(x))
    t.check(abs(mean_of(logs) + 0.18) < 4 * 0.4 / math.sqrt(n) + 0.004, "its logarithm drifts by m - s^2/2", mean_of(logs))
    t.check(abs(variance(logs) - 0.16) < 4 * 0.16 * math.sqrt(2 / n) + 0.003, "and spreads by s^2 t", variance(logs))
    t.check(x == y, "a let that holds noise is one source")
    t.check(abs(mean_of(z) - 4) < 4 * 0.8 / math.sqrt(n) and abs(variance(z) - 0.64) < 0.05, "s sqrt(z) xi: a martingale of variance s^2 z t",
            (mean_of(z), variance(z)))
    t.check(abs(variance(w1) - 1) < 0.06 and abs(variance(w2) - 4) < 0.24 and abs(mean_of(a * b for a, b in zip(w1, w2))) < 0.08,
            "white_noise() of a family: a source for each element", (variance(w1), variance(w2)))


# ---- delayed values

def steps_method(t, tau, a):
    """x' = -a x(t - tau), x = 1 before 0: sum of (-a)^k (t - (k-1) tau)^k / k! while t > (k-1) tau"""
    total, k = 1.0, 1
    while t > (k - 1) * tau:
        total += (-a) ** k * (t - (k - 1) * tau) ** k / math.factorial(k)
        k += 1
    return total


def delays(t):
    model = """
neuron dde {
  param d = 5 ms, a = 0.2/ms
  input I : 1/ms
  state x = 1, late = 0, n = 0
  let past = delayed(x, d)
  x' = -a * past
  late' = -late / (10 ms) + delayed(past^2, 1 ms) / (2 ms)
  receive ev(w) { n += w * past }
  spike when past < 0.3 { n += 100 }
}
neuron saw {
  state x = 0, y = 0, m = 0
  x' = 1/ms
  y' = 0/ms
  m' = delayed(x, 0.25 ms) * 1/ms
  spike when x >= 0.95 { x = 0 }
}
network net {
  population P : dde[1]
  population Q : dde[1] { d = 2.34 ms }
  population R : dde[130] { d ~ uniform(0.3 ms, 9 ms) }
  population S : saw[1]
  drive P.ev with times([7 ms]) { weight = 1 }
}
experiment e {
  network net
  record x of P every 1 ms
  record past of P every 1 ms
  record late of P every 1 ms
  record n of P every 1 ms
  record x of Q as xq every 1 ms
  record x of R as xr every 1 ms
  record d of R as d every 30 ms
  record x of S as s every 0.1 ms
  record m of S every 0.1 ms
  record spikes of P
  run 30 ms with dt = DT
}
"""
    exact = [steps_method(s, 5, 0.2) for s in range(31)]
    run = Run(t, model.replace("DT", "0.1 ms"))
    past = [1] * 6 + exact[1:26]
    compare(t, run, "x' = -a x(t - d) by the method of steps, d a multiple of the step",
            lambda r: [(r.column("x"), exact), (r.column("past"), past)], 1e-3)
    compare(t, run, "a handler at T sees x(T - d); a spike condition as well",
            lambda r: [(r.column("n")[8:], [past[7] + 100 * (s >= 9) for s in range(8, 31)][:len(r.column("n")[8:])])], 1e-3)
    compare(t, run, "a delay between grid points, and delays of elements",
            lambda r: [(r.column("xq"), [steps_method(s, 2.34, 0.2) for s in range(31)])] +
            [([row[i] for row in r.rows("xr")], [steps_method(s, d, 0.2) for s in range(31)]) for i, d in enumerate(r.rows("d")[0])], 4e-3)

    def convolved(s, n=4000):
        """late = integral of exp(-(s - u) / 10) past(u - 1)^2 / 2 du"""
        def f(u):
            return math.exp(-(s - u) / 10) * (1 if u < 6 else steps_method(u - 6, 5, 0.2) ** 2) / 2
        return sum(f((i + 0.5) * s / n) for i in range(n)) * s / n
    compare(t, run, "a delayed expression over a delayed value", lambda r: [(r.column("late")[:16:5], [0] + [convolved(s) for s in (5, 10, 15)])], 1e-3)


    def saw_of(limit):
        x, values, m = 0.0, [0.0], [0.0]

        def at(step):
            if step <= 0:
                return values[0]
            lo = math.floor(step)
            return values[lo] + (step - lo) * (values[lo + 1] - values[lo])
        for s in range(1, 301):
            m.append(m[-1] + 0.1 * (at(s - 3.5) + at(s - 2.5)) / 2)
            x += 0.1
            if x >= limit:
                x = 0.0
            values.append(x)
        return values, m
    compare(t, run, "a delayed saw tooth: the past is that after the handlers, on lines between grid points",
            lambda r: [(r.column("s"), saw_of(0.95)[0]), (r.column("m"), saw_of(0.95)[1])])

    coarse = model.replace("every 0.1 ms", "every 1 ms")
    exact = [steps_method(s, 2.34, 0.2) for s in range(31)]
    errors = [max(abs(a - b) for a, b in zip(Run(t, coarse.replace("DT", f"{dt} ms"), dt=dt).column("xq"), exact)) for dt in (0.2, 0.1, 0.05)]
    t.check(errors[0] > 2.5 * errors[1] > 6 * errors[2], "the error falls as dt^2", errors)
    bad = Run(t, model.replace("DT", "0.1 ms"), "--set", "Q.d=0.05 ms")
    t.check(not bad.good and "less than one step" in bad.process.stderr and "Q[0]" in bad.process.stderr, "a delay below one step is refused at the start",
            bad.process.stderr)


# ---- synapses without a state

def synapses(t):
    model = """
synapse scaled {
  param gain = 2, bias = 0 pA
  let twice = gain * 2
  weight w : pA in [0 pA, 150 pA]
  on pre { send twice * w + bias }
}
neuron cell {
  state x = 0 pA
  receive e(w : pA) { x += w }
}
neuron source {
  state n = 0
  receive go { n += 1 }
  spike when n >= 1 { n = 0 }
}
network net {
  param g = 3
  index k = 1..2
  population S : source[1]
  population P[k] : cell[2]
  population Q : cell[400]
  drive S.go with times([1 ms])
  connect S -> P[i][0].e by all_to_all with scaled for i in k { weight = 10 pA * i;  delay = axonal(1 ms) + dendritic(0.5 ms * i) }
  connect S -> P[i][1].e by all_to_all with scaled { gain = g * i } for i in k { weight = 200 pA;  delay = dendritic(1 ms) }
  connect S -> Q.e by all_to_all with scaled { bias ~ normal(5 pA, 0.5 pA) } { weight ~ normal(0 pA, 1 pA);  delay = axonal(2 ms) }
}
experiment e {
  network net
  record x of P[1] as p1 every 0.1 ms
  record x of P[2] as p2 every 0.1 ms
  record x of Q as q every 5 ms
  run 5 ms with dt = 0.1 ms
}
"""
    def course(value, arrival):
        return [value if s >= arrival else 0 for s in range(51)]
    at = 10  # of the spike
    run = Run(t, model)
    compare(t, run, "a synapse without memory: limits of its weight, params, lets, both parts of a delay",
            lambda r: [(r.column("p1", 0), course(40, at + 15)), (r.column("p1", 1), course(3 * 2 * 150, at + 10)),
                       (r.column("p2", 0), course(80, at + 20)), (r.column("p2", 1), course(6 * 2 * 150, at + 10))])
    q = run.rows("q")[-1] if run.good else [0, 1]
    # max(w, 0) of a normal: mean 1 / sqrt(2 pi), variance 1/2 - 1 / (2 pi); times 4, and a bias drawn for each synapse
    mean, spread = 4 / math.sqrt(2 * math.pi) + 5, 16 * (0.5 - 1 / (2 * math.pi)) + 0.25
    t.check(abs(mean_of(q) - mean) < 4 * math.sqrt(spread / 400) and abs(variance(q) / spread - 1) < 0.4, "draws of weights and params for each synapse",
            (mean_of(q), mean, variance(q), spread))
    other = Run(t, model, "--set", "net.g=5")
    compare(t, other, "a param of the network in a synapse's settings", lambda r: [(r.column("p1", 1)[-1:], [5 * 2 * 150])])


# ---- signals

CHAIN = """
neuron n { state V = 1 mV
  V' = -V / (10 ms) }
network net {
  param tau = 4 ms
  population E : n[3]
  signal late : mV { late' = (fast - late) / tau + 2 * fast * fast / (1 mV) / (1 s) }
  signal fast : mV { fast' = (mean(E.V) - fast) / (1 ms) }
  signal later = 1 mV { later' = (late - later) / tau + rec * 1 mV / (1 ms) }
  signal rec = 0.5 { rec' = -rec * later / (1 mV) / (2 ms) }
}
experiment x { network net
  record fast every 1 ms
  record late every 1 ms
  record later every 1 ms
  record rec every 1 ms
  run 10 ms with dt = 0.1 ms }
"""


def signals_of_signals(t):
    """Signals that read each other, in any order: the values of T-dt, held over the step, under which every equation here is linear."""
    V, fast, late, later, rec, rows = 1, 0, 0, 1, 0.5, []
    for i in range(101):
        if i % 10 == 0:
            rows.append((fast, late, later, rec))
        before = fast, late, rec
        late = late + (before[0] + 4 * 2 * before[0] ** 2 / 1000 - late) * -math.expm1(-0.1 / 4)
        fast += (V - fast) * -math.expm1(-0.1)
        rec *= math.exp(-later * 0.1 / 2)
        later += (before[1] + 4 * before[2] - later) * -math.expm1(-0.1 / 4)
        V *= math.exp(-0.1 / 10)
    names = ("fast", "late", "later", "rec")
    compare(t, Run(t, CHAIN), "signals that read signals", lambda r: [(r.column(n), [row[i] for row in rows]) for i, n in enumerate(names)], 1e-9)



def signals(t):
    model = """
neuron cell {
  param tau = 10 ms
  input n : nM
  input I : mV/ms
  state V = 0 mV
  V' = -V / tau + n * 1 mV / (1 nM) / (1 ms) + I
  receive kick { V += 20 mV }
  spike when V >= 10 mV { V = 0 mV }
}
network net {
  param tau = 20 ms, b = 2 nM
  index k = 1..2
  param c[k] = [0.02, 0.03]
  population DA : cell[130] { V ~ uniform(0 mV, 12 mV) }
  population E : cell[70] { n = da }
  population F : cell[3]
  signal da : nM {
    da' = -da / tau + c[1] * 1 nM/ms * mean(DA.V) / (1 mV)
    on spike of (DA, F[0]) { da += b;  if da > 50 nM { da = 50 nM } }
  }
  signal all : mV = 3 mV { all' = (sum((E, F).V) - all) * c[2] / (1 ms) }
  drive DA[0..9].kick with times([1 ms, 4 ms])
  drive F[0].kick with times([2.5 ms])
  drive F.I with constant(0.1 mV/ms)
}
experiment e {
  network net { da.b = 1.5 nM }
  record da every 0.1 ms
  record all every 0.1 ms
  record V of E[0] as V every 0.1 ms
  record V of DA as dv every 0.1 ms
  record V of E as ev every 0.1 ms
  record V of F as fv every 0.1 ms
  record spikes of (DA, E, F)
  run 5 ms as first with dt = 0.1 ms
  run 5 ms as second
}
"""
    run = Run(t, model)

    def plain(r):
        """The signals from what the populations were at T-dt; couplings hold over the step, events act one step after they were emitted"""
        spikes = {}
        for step, pop, i in r.spikes():
            if pop == "DA" or (pop == "F" and i == 0):
                spikes[step] = spikes.get(step, 0) + 1
        da, everything, course, totals = 0.0, 3.0, [0.0], [3.0]
        dv, ev, fv = r.rows("dv"), r.rows("ev"), r.rows("fv")
        for s in range(1, 101):
            drive = 0.02 * mean_of(dv[s - 1])
            da = da * math.exp(-DT / 20) + drive * 20 * (1 - math.exp(-DT / 20))
            for _ in range(spikes.get(s - 1, 0)):
                da = min(da + 1.5, 50)
            course.append(da)
            total = math.fsum(ev[s - 1]) + math.fsum(fv[s - 1])
            everything = total + (everything - total) * math.exp(-DT * 0.03)
            totals.append(everything)
        return course, totals

    def reader(r):
        v, course = 0.0, [0.0]
        values, before = r.column("da"), False
        for s in range(1, 101):
            v = v * math.exp(-DT / 10) + values[s - 1] * 10 * (1 - math.exp(-DT / 10))
            spike = v >= 10 and not before
            before = v >= 10
            if spike:
                v, before = 0.0, False
            course.append(v)
        return course
    compare(t, run, "a signal: its equation, spikes of populations and parts, means and sums of the step before",
            lambda r: [(r.column("da"), plain(r)[0]), (r.column("all"), plain(r)[1])])
    compare(t, run, "an input bound to a signal follows it one step later", lambda r: [(r.column("V"), reader(r))])
    t.check(run.good and abs(max(run.column("da")) - 50) < 1e-9, "a signal can be limited in its handler", max(run.column("da")) if run.good else "")
    hashes = [run_json(Run(t, model, "--threads", n).out)["state_hash"] for n in ("1", "2")] if run.good else [0, 1]
    t.check(hashes[0] == hashes[1], "a model with signals on one thread and on two", hashes)


# ---- tables in files

def files(t):
    t.write("areas.csv", "name, n, tau, V0\n# by hand\nV1, 2, 5, -60\nV2, 3, 7.5, -6.5e1\r\n\nV4, 4, 20, -70\n")
    t.write("lengths.csv", "0, 1.5, 2\n1.5, 0, 3e1\n2, 30, 0\n")
    model = """
index area = csv("areas.csv").name
let length[to: area, from: area] = csv("lengths.csv") mm
neuron cell {
  index k = area
  param far[area] = csv("areas.csv").n
  param tau = 1 ms
  state V = 0 mV
  let total = sum(far[area])
  V' = -V / tau
}
network net {
  index some = { V1, V4 } of area
  param tau[area] = csv("areas.csv").tau ms
  param n[area] = csv("areas.csv").n
  let all = sum(length[area, V2]) / (1 mm)
  population P[k in area] : cell[n[k]] { tau = tau[k];  V = csv_V[k];  far = csv("areas.csv").tau }
  param csv_V[area] = csv("areas.csv").V0 mV
}
experiment e {
  network net { tau = csv("areas.csv").V0 s }
  record V of P[V2] as V every 1 ms
  record total of P[V4] as total every 1 ms
  run 3 ms with dt = 0.1 ms
  expect all in [31.5, 31.5]
}
""".replace("  index k = area\n", "").replace("{ tau = csv(\"areas.csv\").V0 s }", "{ tau[V1] = 1 ms }")
    run = Run(t, model)
    compare(t, run, "labels, columns with units and tables of files; a table in the settings of a population",
            lambda r: [(r.column("V"), [-65 * math.exp(-s / 7.5) for s in range(4)]), (r.column("total"), [32.5] * 4)])
    if run.good:
        named = run_json(run.out)["imports"]
        t.check(sorted(named) == ["areas.csv", "lengths.csv"], "run.json names the files with their hashes", named)


# ---- the same bits

ALL = """
synapse limited { param gain = 2;  weight w : nM in [0 nM, 3 nM];  on pre { send gain * w } }
neuron cell {
  index k = 1..3
  param d = 2 ms, w[k] = [1/ms, 2/ms, 3/ms]
  input n : nM
  state x[k] = 1, m = 1, s = 0, c : nM = 0
  let xi = 0.1 * 1/ms^0.5 * white_noise()
  let past = delayed(x[1] + m, d)
  x[k]'' = -w[k]^2 * x[k] + 0.1/ms^2 * delayed(x[k], d / 2)
  m' = -m / (5 ms) + m * xi
  s' = (sum(x[k]) - s^3 + past) / (3 ms)
  c' = -c / (4 ms) + n / (10 ms)
  receive e(a : nM) { c += a;  x[2]' += a / (1 nM) * 0.01/ms }
  spike when s > 0.5 { s -= 0.3 }
}
network net {
  population P : cell[300] { d ~ uniform(0.3 ms, 3 ms);  x[k]' ~ normal(0/ms, 0.1/ms);  n = da }
  population Q : cell[70] { n = da }
  signal da : nM { da' = -da / (10 ms) + mean((P, Q).c) / (20 ms);  on spike of P { da += 0.01 nM } }
  connect (P, Q) -> P.e by indegree(5) with limited { weight ~ normal(1 nM, 1 nM);  delay = axonal(0.5 ms) + dendritic(0.3 ms) }
}
experiment e { network net
  record spikes of (P, Q)
  record da every 1 ms
  run 20 ms with dt = 0.1 ms }
"""


def same_bits(t):
    with open("/proc/cpuinfo") as f:
        flags = next((line.split() for line in f if line.startswith("flags")), [])
    path = t.write("all.nsl", "language 1\n" + ALL)

    def result(command, *options):
        out = t.path("all.out")
        p = call(*command, "--quiet", "--csv", "--force", "--out", out, *options)
        if p.returncode:
            return p.stderr
        with open(f"{out}/da.csv") as f:
            return run_json(out)["state_hash"], f.read(), sum(q["spikes"] for q in run_json(out)["populations"])
    first = result([NSLC, "run", path, "--"], "--threads", "1")
    t.check(len(first) == 3 and first[2] > 100, "all that is new in one model runs and spikes", first)
    t.check(result([NSLC, "run", path, "--"], "--threads", "2") == first, "the same on two threads")
    for what, build, flag in (("x86-64-v3", ["--cpu", "x86-64-v3"], "avx2"), ("x86-64-v4", ["--cpu", "x86-64-v4"], "avx512f"), ("-O0", ["-O0"], "sse4_2")):
        program = t.path("all-" + what)
        built = call(NSLC, "build", path, *build, "-o", program)
        if flag in flags:
            t.check(built.returncode == 0 and result([program]) == first, f"the same by nslc build {what}", built.stderr)
        else:
            t.skip(f"the same by nslc build {what}", "this processor cannot run it")
    narrow = [result([NSLC, "run", path, "--"], "--precision", "f32", "--threads", n) for n in ("1", "2")]
    t.check(len(narrow[0]) == 3 and narrow[0] == narrow[1] and narrow[0] != first, "in f32 the same on one thread and two", narrow[0])


def main():
    t = Tap()
    for part in (higher_order, tables, from_neighbours, noise, delays, synapses, signals, signals_of_signals, files, same_bits):
        part(t)
    t.done()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a model means, against plain Python written from the language's page alone: models run through `nslc run … --csv`, and are
compared spike by spike and sample by sample with the rules of "Time, pinned down", of connection rules, draws and experiments."""
import math
import os

from tap import NSLC, Tap, call, run_json

DT = 0.1  # ms, the step of most models here


class Run:
    """One finished run: spikes as (step, population, id), records as lists of columns."""

    def __init__(self, t, text, *options, dt=DT):
        name = f"m{len(os.listdir(t.scratch))}"
        self.out, self.dt = t.path(name + ".out"), dt
        self.process = call(NSLC, "run", t.write(name + ".nsl", "language 1\n" + text), "--", "--csv", "--quiet", "--no-report", "--force", "--out", self.out,
                            *options)
        self.good = self.process.returncode == 0

    def spikes(self, folder=""):
        with open(os.path.join(self.out, folder, "spikes.csv")) as f:
            rows = [line.strip().split(",") for line in f][1:]
        return [(round(float(a) / self.dt), b, int(c)) for a, b, c in rows]

    def of(self, population, cell=0):
        return [s for s, p, i in self.spikes() if p == population and i == cell]

    def times(self, record):
        return [r[0] for r in self._table(record)]

    def column(self, record, n=0):
        return [r[n + 1] for r in self._table(record)]

    def rows(self, record):
        return [r[1:] for r in self._table(record)]

    def _table(self, record):
        with open(os.path.join(self.out, record + ".csv")) as f:
            return [[float(x) for x in line.split(",")] for line in list(f)[1:]]


def mean_of(values):
    values = list(values)
    return math.fsum(values) / len(values)


def variance(values):
    mean = mean_of(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)


def steps(d, dt=DT):
    """A delay in steps: to the nearest, half up."""
    return math.floor(d / dt + 0.5 + 1e-9)


def hold_steps(d, dt=DT):
    return max(0, math.ceil(d / dt - 1e-6))


def same(a, b, tolerance=1e-9):
    return len(a) == len(b) and all(abs(x - y) <= tolerance * max(1, abs(y)) for x, y in zip(a, b))


def compare(t, run, what, pairs, tolerance=1e-9):
    """pairs: (found, expected) lists, as functions of the run, so that a run that failed is one failed test."""
    if not run.good:
        return t.check(False, what, run.process.stderr + run.process.stdout)
    for found, expected in pairs(run):
        if not same(found, expected, tolerance):
            return t.check(False, what, f"found    {found[:40]}\nexpected {expected[:40]}")
    return t.check(True, what)


def refused(t, cases):
    """cases: (what it is, its text, a part of the message)."""
    for what, text, message in cases:
        run = Run(t, text)
        t.check(not run.good and message in run.process.stderr, f"refused: {what}", run.process.stderr)


COUNTER = """
neuron counter {
  param start = 0
  state x = start, n = 0
  x' = 0
  n' = 0
  receive ev(w) { x += w;  n += w / 100 + w }
  spike when n >= 1 { n = 0 }
}
"""


# ---- events, delays, drives, records

def events(t):
    delays = [0.1, 0.14, 0.15, 0.16, 0.25, 0.3, 0.35, 1.05, 1.25, 2.449999, 2.45]
    model = COUNTER + "network net {\n  population S : counter[1]\n"
    times = [0, 0.4, 0.4, 1, 1.04, 1.05, 3.3]
    for k, d in enumerate(delays):
        model += f"  population P{k} : counter[1]\n  connect S -> P{k}.ev by one_to_one {{ weight = {k + 1};  delay = {d} ms }}\n"
    model += f"  drive S.ev with times([{', '.join(f'{x} ms' for x in times)}]) {{ weight = 1;  delay = 0.1 ms }}\n}}\n"
    model += "experiment e {\n  network net\n  record spikes of S\n"
    model += "".join(f"  record x of P{k} as x{k} every 0.1 ms\n  record spikes of P{k}\n" for k in range(len(delays)))
    model += "  run 6 ms with dt = 0.1 ms\n}\n"
    run = Run(t, model)
    emitted = sorted({steps(x) + 1 for x in times})
    compare(t, run, "a drive by times: an event at s is handled at s + delay; several in one step are one spike",
            lambda r: [(r.of("S"), emitted)])
    compare(t, run, "a spike emitted at T is handled at T + delay, delays rounded half up",
            lambda r: [(r.of(f"P{k}"), [e + steps(d) for e in emitted if e + steps(d) <= 60]) for k, d in enumerate(delays)])
    compare(t, run, "events add their weights, and the sample at T comes after them",
            lambda r: [(r.column(f"x{k}"), [(k + 1) * sum(e + steps(d) <= s for e in emitted) for s in range(61)])
                       for k, d in enumerate(delays)])

    records = """
neuron ramp { state x = 0
  x' = 1/ms }
experiment e {
  neuron ramp
  record x every 0.7 ms
  record x as often every 0.1 ms
  record x as rare every 100 ms
  run 3 ms with dt = 0.1 ms
}
"""
    compare(t, Run(t, records), "record every d: 0, d, 2d, … and the end",
            lambda r: [(r.times("x"), [0, 0.7, 1.4, 2.1, 2.8, 3]), (r.column("x"), [0, 0.7, 1.4, 2.1, 2.8, 3]),
                       (r.times("often"), [i / 10 for i in range(31)]), (r.times("rare"), [0, 3])])

    current = """
neuron box { input I : pA
  state q = 0 fC
  q' = I }
network net { population P : box[2] }
experiment e {
  network net
  drive P[0].I with step(100 pA, from = 0.3 ms, to = 0.7 ms)
  drive P.I with constant(10 pA)
  drive P[1].I with step(50 pA, from = 0 ms, to = 0.2 ms)
  record q of P every 0.1 ms
  run 1 ms with dt = 0.1 ms
}
"""
    compare(t, Run(t, current), "step(I, from a, to b) acts on (a, b], and currents add",
            lambda r: [(r.column("q", 0), [s * 1 + 10 * max(0, min(s - 3, 4)) for s in range(11)]),
                       (r.column("q", 1), [s * 1 + 5 * min(s, 2) for s in range(11)])], 1e-7)


# ---- spikes and holds

def holds(t):
    for d, e in [(0, 1), (0.05, 0.31), (0.1, 0), (0.3, 0.45), (1, 0.3), (0.2, 2), (0.7, 0.70000001)]:
        model = f"""
neuron two {{
  state x = 0, y = 0
  x' = 1/ms
  y' = 1/ms
  receive ev(w) {{ x += w;  y += w }}
  spike when x >= 0.55 {{ x = 0;  y = 0.05;  hold x for {d} ms;  hold y for {e} ms }}
}}
network net {{
  population P : two[1]
  drive P.ev with times([0.2 ms, 0.5 ms, 0.6 ms, 0.7 ms, 0.8 ms, 1.2 ms, 2.2 ms, 2.9 ms]) {{ weight = 0.2;  delay = 0.1 ms }}
}}
experiment e {{ network net
  record x of P every 0.1 ms
  record y of P every 0.1 ms
  record spikes of P
  run 6 ms with dt = 0.1 ms }}
"""
        given = [steps(v) + 1 for v in (0.2, 0.5, 0.6, 0.7, 0.8, 1.2, 2.2, 2.9)]
        x = y = hx = hy = 0
        before, xs, ys, spikes = False, [0], [0], []
        for s in range(1, 61):
            x_free, y_free = s > hx, s > hy
            x, y = x + 0.1 * x_free, y + 0.1 * y_free
            if s in given:
                x, y = x + 0.2 * x_free, y + 0.2 * y_free
            now = x_free and x >= 0.55
            if now and not before:
                spikes.append(s)
                x = 0 if x_free else x
                y = 0.05 if y_free else y
                hx = s + hold_steps(d) if x_free else hx
                if y_free or s + hold_steps(e) > hy:
                    hy = s + hold_steps(e)
                now = x >= 0.55
            before = now
            xs.append(x)
            ys.append(y)
        compare(t, Run(t, model), f"hold x for {d} ms and y for {e} ms: neither equation nor handler changes them",
                lambda r: [(r.of("P"), spikes), (r.column("x"), xs), (r.column("y"), ys)])


def edges(t):
    model = """
neuron once { state x = 2
  x' = 0
  receive ev(w) { x += w }
  spike when x >= 1 { } }
neuron still { state x = 0
  x' = 0
  receive ev(w) { x += w }
  spike when x >= 1 { x -= 1 } }
neuron both { state x = 0, y = 10
  x' = 1/ms
  y' = -1/ms
  spike when x > 1.05 and not (y < 7.45) or x > 4.55 { y += 0.2 } }
neuron held { state x = 0, y = 0
  x' = 1/ms
  y' = 1/ms
  spike when x > 0.25 and y > 0.45 { x = 0;  hold y for 0.5 ms } }
network net {
  population O : once[1]
  population S : still[1]
  population B : both[1]
  population H : held[1]
  drive (O, S).ev with times([0.5 ms]) { weight = -1.5;  delay = 0.1 ms }
  drive (O, S).ev with times([0.9 ms, 1.3 ms, 2 ms]) { weight = 2.25;  delay = 0.1 ms }
  drive (O, S).ev with times([2.5 ms]) { weight = -4;  delay = 0.1 ms }
  drive (O, S).ev with times([3 ms, 3.9 ms]) { weight = 3;  delay = 0.1 ms }
}
experiment e { network net
  record spikes of (O, S, B, H)
  record x of S every 0.1 ms
  run 6 ms with dt = 0.1 ms }
"""
    events_at = {6: -1.5, 10: 2.25, 14: 2.25, 21: 2.25, 26: -4, 31: 3, 40: 3}
    x, z, bo, bs, o_spikes, s_spikes, zs = 2, 0, False, False, [], [], [0]
    for s in range(1, 61):
        x, z = x + events_at.get(s, 0), z + events_at.get(s, 0)
        if x >= 1 and not bo:
            o_spikes.append(s)
        bo = x >= 1
        fire = z >= 1 and not bs
        if fire:
            s_spikes.append(s)
            z -= 1
        bs = z >= 1
        zs.append(z)
    run = Run(t, model)
    compare(t, run, "a condition true from the start fires at the first step, once", lambda r: [(r.of("O"), o_spikes)])
    compare(t, run, "a condition still true after the handler does not fire again", lambda r: [(r.of("S"), s_spikes), (r.column("x"), zs)])
    y, before, expected = 10, False, []
    for s in range(1, 61):
        y -= 0.1
        x = 0.1 * s
        now = x > 1.05 and not y < 7.45 or x > 4.55
        if now and not before:
            expected.append(s)
            y += 0.2
            now = x > 1.05 and not y < 7.45 or x > 4.55
        before = now
    compare(t, run, "a condition over several states, with and, or, not", lambda r: [(r.of("B"), expected)])
    x, y, hy, before, expected = 0, 0, 0, False, []
    for s in range(1, 61):
        x += 0.1
        y += 0.1 * (s > hy)
        now = s > hy and x > 0.25 and y > 0.45
        if now and not before:
            expected.append(s)
            x, hy = 0, s + 5
            now = x > 0.25 and y > 0.45
        before = now
    compare(t, run, "while a state that the condition reads is held, it counts as false", lambda r: [(r.of("H"), expected)])

    peak = """
neuron wave {
  param f = 137 Hz
  state V = -20 mV
  V' = 30 mV * 6.283185307179586 * f * cos(6.283185307179586 * f * t) - 1 mV/ms
  spike at peak of V above -5 mV
}
experiment e { neuron wave
  record V every 0.1 ms
  record spikes
  run 60 ms with dt = 0.1 ms }
"""

    def peaks(r):
        v = r.column("V")
        return [(r.of("wave"), [s for s in range(2, len(v)) if v[s - 1] > -5 and v[s] < v[s - 1] >= v[s - 2]])]
    compare(t, Run(t, peak), "spike at peak: the first step at which V has begun to fall, above the bound", peaks)

    end = """
neuron n { state x = 0
  x' = 1/ms
  spike when x >= 0.95 { } }
experiment e { neuron n
  record spikes
  run 1 ms with dt = 0.1 ms
  expect spikes(n) in [1, 1]
  expect rate(n) in [999 Hz, 1001 Hz]
  expect spikes(n) >= 1 after 0.9 ms }
"""
    compare(t, Run(t, end), "a spike at the last grid time counts", lambda r: [(r.of("n"), [10])])


# ---- a network, cell by cell

def lif_reference(cells, links, drives, currents, n, dt=DT):
    """iaf_psc_exp in closed form on the grid. cells: dicts of parameters; links: (source, target, port, weight, steps)."""
    pending = {}
    for target, port, w, s in drives:
        pending.setdefault(s, []).append((target, port, w))
    state = [dict(V=c["V"], e=0.0, i=0.0, held=0, was=False) for c in cells]
    spikes, trace = [], [[s["V"] for s in state]]
    for k in range(1, n + 1):
        for c, s in zip(cells, state):
            tm, cap = c["tau_m"], c["C"]
            free = k > s["held"]
            v = c["E_L"] + (s["V"] - c["E_L"]) * math.exp(-dt / tm) + currents[cells.index(c)] * tm / cap * (1 - math.exp(-dt / tm))
            for name, ts in (("e", c["tau_ex"]), ("i", c["tau_in"])):
                if ts == tm:
                    factor = dt / cap * math.exp(-dt / tm)
                else:
                    factor = (math.exp(-dt / ts) - math.exp(-dt / tm)) / (1 / tm - 1 / ts) / cap
                v += s[name] * factor
                s[name] *= math.exp(-dt / ts)
            s["V"], s["free"] = v if free else s["V"], free
        for target, port, w in pending.pop(k, []):
            state[target][port] += w
        for j, (c, s) in enumerate(zip(cells, state)):
            now = s["free"] and s["V"] >= c["V_th"]
            if now and not s["was"]:
                spikes.append((k, j))
                s["V"], s["held"] = c["V_r"], k + hold_steps(c["t_ref"], dt)
                for a, b, port, w, d in links:
                    if a == j:
                        pending.setdefault(k + d, []).append((b, port, w))
                now = s["V"] >= c["V_th"]
            s["was"] = now
        trace.append([s["V"] for s in state])
    return spikes, trace


def network(t):
    weight = [[0, 700, -300, 120, 60], [420, 0, 240, -500, 333], [-800, 650, 50, 0, 10], [111, 222, 333, 444, 555], [300, 200, 100, -900, 640]]
    delay = [[0.1 + 0.37 * ((3 * i + 5 * j) % 7) for j in range(5)] for i in range(5)]
    tau_m = [10, 2, 2.0000001, 7.5, 20]
    t_ref = [2, 0, 0.05, 1.23, 3.3]
    current = [0, 2000, 1900, 620, 320]

    def table(rows, unit):
        return "[" + ", ".join("[" + ", ".join(f"{x!r} {unit}" for x in r) + "]" for r in rows) + "]"

    def column(values, unit):
        return "[" + ", ".join(f"{x!r} {unit}" for x in values) + "]"

    model = f"""
network net {{
  index all = {{ a, b, c, d, e }}
  index few = {{ a, b, c }} of all
  param W[to: all, from: all] = {table(weight, 'pA')}
  param D[to: all, from: all] = {table(delay, 'ms')}
  param tau[all] = {column(tau_m, 'ms')}
  param ref[all] = {column(t_ref, 'ms')}
  param I0[all] = {column(current, 'pA')}
  population cell[k in all] : iaf_psc_exp[1] {{ tau_m = tau[k];  t_ref = ref[k];  V = -60 mV }}
  connect cell[j] -> cell[i].exc by one_to_one for i in all, j in few if W[i, j] > 0 pA {{ weight = 3 * W[i, j];  delay = D[i, j] }}
  connect cell[j] -> cell[i].exc by one_to_one for i in all, j in all if W[i, j] > 0 pA and j != a and j != b and not (j == c) {{
    weight = 3 * W[i, j]
    delay = D[i, j]
  }}
  connect cell[j] -> cell[i].inh by one_to_one for j in all, i in all if W[i, j] < 0 pA {{ weight = 3 * W[i, j];  delay = D[i, j] }}
  drive cell[k].I with constant(I0[k]) for k in all if k != a
  drive cell[a].exc with times([5 ms, 9.5 ms, 9.5 ms, 20 ms]) {{ weight = 2000 pA;  delay = 0.5 ms }}
}}
experiment e {{
  network net
  record spikes of cell
""" + "".join(f"  record V of cell[{x}] as V_{x} every 0.1 ms\n" for x in "abcde") + "  run 60 ms with dt = 0.1 ms\n}\n"
    cells = [dict(C=250, tau_m=tau_m[i], tau_ex=2, tau_in=2, E_L=-70, V_th=-55, V_r=-70, t_ref=t_ref[i], V=-60) for i in range(5)]
    cells[2]["tau_m"] = 2  # two nearly equal time constants: the closed form above would cancel
    links = [(j, i, "e" if weight[i][j] > 0 else "i", 3 * weight[i][j], steps(delay[i][j])) for i in range(5) for j in range(5) if weight[i][j]]
    drives = [(0, "e", 2000, s) for s in (55, 100, 100, 205)]
    spikes, trace = lif_reference(cells, links, drives, current, 600)
    run = Run(t, model)
    expected = sorted((s, "abcde"[j]) for s, j in spikes)
    if not run.good:
        t.check(False, "a network of five different cells", run.process.stderr)
        return
    found = sorted((s, p.split("[")[1][0] if "[" in p else p) for s, p, _ in run.spikes())
    t.check(len(expected) > 30 and found == expected, "a network of five different cells, 23 links in families: every spike",
            f"{len(found)} {len(expected)}\n{[x for x in found if x not in expected][:9]}\n{[x for x in expected if x not in found][:9]}")
    wrong = max(abs(a - row[i]) for i, x in enumerate("abcde") for a, row in zip(run.column(f"V_{x}"), trace))
    t.check(wrong < 1e-5, "… and every potential", wrong)
    threads = Run(t, model, "--threads", "2")
    t.check(threads.good and threads.spikes() == run.spikes(), "… and the same on two threads", threads.process.stderr)


# ---- drives that draw

def poisson(t):
    n, seconds, rate = 400, 2, 800
    model = f"""
neuron counter {{ state x = 0, y = 0
  x' = 0
  y' = 0
  receive ev(w) {{ x += w }}
  receive other(w) {{ y += w }} }}
network net {{
  population P : counter[{n}]
  population Q : counter[3]
  drive P.ev with poisson({rate} Hz) {{ weight = 1;  delay = 0.1 ms }}
  drive P.other with poisson({rate} Hz) {{ weight = 2;  delay = 0.1 ms }}
  drive Q.ev with poisson(1 MHz) {{ weight = 1;  delay = 0.7 ms }}
  drive Q.other with poisson(0 Hz) {{ weight = 1;  delay = 0.1 ms }}
}}
experiment e {{ network net
  record x of P every 10 ms
  record y of P every {seconds} s
  record x of Q as xq every 0.1 ms
  record y of Q as yq every 1 s
  run {seconds} s with dt = 0.1 ms, seed = 5 }}
"""
    run = Run(t, model)
    if not run.good:
        t.check(False, "poisson drives", run.process.stderr)
        return
    rows = run.rows("x")
    total, mean = rows[-1], rate * (seconds - 1e-4)
    z = (sum(total) / n - mean) / math.sqrt(mean / n)
    t.check(abs(z) < 4, "poisson: rate", f"{sum(total) / n} against {mean}, z = {z}")
    ratio = variance(total) / (sum(total) / n)
    t.check(abs(ratio - 1) < 4.5 * math.sqrt(2 / (n - 1)), "poisson: variance over targets is the mean", ratio)
    counts = [[b - a for a, b in zip(r0, r1)] for r0, r1 in zip(rows[1:], rows[2:])]
    flat = [c for r in counts for c in r]
    fano = variance(flat) / (sum(flat) / len(flat))
    t.check(abs(fano - 1) < 4.5 * math.sqrt(2 / len(flat)) * 1.1, "poisson: Fano factor in windows of 10 ms is 1", fano)
    sums = [sum(r) for r in counts]
    shared = variance(sums) / (sum(sums) / len(sums))
    t.check(abs(shared - 1) < 4.5 * math.sqrt(2 / len(sums)), "poisson: targets are independent of each other", shared)
    lag = [sum((a - 8) * (b - 8) for a, b in zip(r0, r1)) for r0, r1 in zip(counts, counts[1:])]
    r1 = sum(lag) / len(lag) / n / 8
    t.check(abs(r1) < 4.5 / math.sqrt(len(lag) * n), "poisson: windows are independent of each other", r1)
    y = [v / 2 for v in run.rows("y")[-1]]
    cov = sum((a - mean) * (b - mean) for a, b in zip(total, y)) / n / mean
    t.check(abs(cov) < 4.5 / math.sqrt(n), "poisson: two drives of one cell are independent of each other", cov)
    q = run.rows("xq")
    good = all(v == 0 for v in q[7]) and all(60 < v < 145 for v in q[8]) and sum(run.rows("yq")[-1]) == 0
    t.check(good, "poisson: counted in (T-dt, T], handled at T + delay; a rate of 0", f"{q[6:10]} {run.rows('yq')[-1]}")


def processes(t):
    """Rows of reference/analytic/stationary_noise.json: Ornstein-Uhlenbeck, Poisson and shot noise against closed forms."""
    n = 400
    model = f"""
neuron ou {{
  param tau = 5 ms, mu = 100 pA, sigma = 30 pA
  state x = mu
  x' = (mu - x) / tau + sigma * sqrt(2 / tau) * white_noise()
}}
neuron two {{
  param s = 1 mV/ms^0.5
  state a = 0 mV, b = 0 mV, c = 0 mV
  a' = s * white_noise() + s * white_noise()
  b' = s * white_noise()
  c' = -s * white_noise()
}}
neuron shot {{
  param tau_s = 2 ms, tau_m = 12 ms, C = 200 pF
  state V = 3.84 mV, I = 64 pA
  V' = -V / tau_m + I / C
  I' = -I / tau_s
  receive ev(w : pA) {{ I += w }}
}}
network net {{
  population O : ou[{n}]
  population T : two[{n}]
  population S : shot[{n}]
  drive S.ev with poisson(800 Hz) {{ weight = 40 pA;  delay = 0.05 ms }}
}}
experiment e {{ network net
  record x of O every 5 ms
  record a of T every 5 ms
  record b of T every 5 ms
  record c of T every 5 ms
  record V of S every 40 ms
  run 500 ms with dt = 0.05 ms, seed = 3 }}
"""
    run = Run(t, model)
    if not run.good:
        t.check(False, "stochastic processes", run.process.stderr)
        return
    rows = run.rows("x")[10:]
    flat = [v for r in rows for v in r]
    free = len(flat) * (1 - math.exp(-2)) / (1 + math.exp(-2))
    mean, sd = mean_of(flat), math.sqrt(variance(flat))
    t.check(abs(mean - 100) < 5 * 30 * math.sqrt((1 + math.exp(-1)) / (1 - math.exp(-1)) / len(flat)), "white_noise: mean of an OU process", mean)
    t.check(abs(sd / 30 - 1) < 5 / math.sqrt(2 * free) + 0.005, "white_noise: standard deviation of an OU process", sd)
    lag = mean_of((a - 100) * (b - 100) for r, q in zip(rows, rows[1:]) for a, b in zip(r, q)) / sd ** 2
    t.check(abs(lag - 0.367879) < 5 / math.sqrt(free), "white_noise: autocorrelation of an OU process at tau", lag)
    ab = []
    for name in "abc":
        rows = run.rows(name)
        ab.append([(q - p) / math.sqrt(5) for r, s in zip(rows, rows[1:]) for p, q in zip(r, s)])
    k = len(ab[0])
    var = [mean_of(v * v for v in x) for x in ab]
    t.check(abs(var[0] / 2 - 1) < 5 * math.sqrt(2 / k) and all(abs(v - 1) < 5 * math.sqrt(2 / k) for v in var[1:]),
            "white_noise: variance grows as time; two occurrences add their variances", var)
    cross = [mean_of(p * q for p, q in zip(ab[i], ab[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
    t.check(all(abs(c) < 8 / math.sqrt(k) for c in cross), "white_noise: each occurrence is a source of its own", cross)
    flat = [v for r in run.rows("V")[3:] for v in r]
    mean, var = mean_of(flat), variance(flat)
    t.check(abs(mean - 3.84) < 5 * math.sqrt(0.658 / len(flat)) + 0.01, "shot noise: mean of the potential", mean)
    t.check(abs(var / 0.658285714 - 1) < 6 * math.sqrt(2 / len(flat)) + 0.02, "shot noise: variance of the potential", var)


# ---- connections

def rules(t):
    n, m = 12, 10
    source = """
neuron relay { state n = 0
  n' = 0
  receive ev(w) { n += w }
  spike when n >= 1 { n = 0 } }
neuron sink { state x = 0
  x' = 0
  receive ev(w) { x += w } }
"""

    def matrix(rule, size, self_links=False, seed=1):
        """Synapses from source j to target i, counted by letting the sources spike one after the other."""
        target = "A" if self_links else "B"
        model = source.replace("state n = 0\n  n' = 0\n  receive ev(w) { n += w }",
                              "state n = 0, x = 0\n  n' = 0\n  x' = 0\n  receive ev(w) { n += w }\n  receive got(w) { x += w }")
        model = model.replace("receive ev(w) { x += w } }", "receive got(w) { x += w } }")
        model += f"network net {{\n  population A : relay[{n}]\n  population B : sink[{size}]\n"
        model += f"  connect A -> {target}.got by {rule} {{ weight = 1;  delay = 0.2 ms }}\n"
        model += "".join(f"  drive A[{j}].ev with times([{j + 1} ms]) {{ weight = 1;  delay = 0.1 ms }}\n" for j in range(n))
        model += f"}}\nexperiment e {{ network net\n  record x of {target} every 1 ms\n  run {n + 2} ms with dt = 0.1 ms, seed = {seed} }}\n"
        run = Run(t, model)
        if not run.good:
            return run.process.stderr
        rows = run.rows("x")
        return [[rows[j + 2][i] - rows[j + 1][i] for j in range(n)] for i in range(len(rows[0]))]

    def rule(what, text, size, good, **more):
        found = matrix(text, size, **more)
        t.check(isinstance(found, list) and good(found), what, found)

    def col(a):
        return [sum(r[j] for r in a) for j in range(n)]

    def row(a):
        return [sum(r) for r in a]

    def flat(a):
        return [v for r in a for v in r]

    rule("all_to_all: every pair once", "all_to_all", m, lambda a: set(flat(a)) == {1})
    rule("all_to_all, no self", "all_to_all, no self", n, lambda a: all(v == (i != j) for i, r in enumerate(a) for j, v in enumerate(r)), self_links=True)
    rule("one_to_one: the diagonal", "one_to_one", n, lambda a: all(v == (i == j) for i, r in enumerate(a) for j, v in enumerate(r)))
    rule("indegree(7): each target has 7", "indegree(7)", m, lambda a: set(row(a)) == {7} and max(flat(a)) > 1)
    rule("indegree(12), no multiple: all of 12", "indegree(12), no multiple", m, lambda a: set(flat(a)) == {1})
    rule("indegree(5), no multiple", "indegree(5), no multiple", m, lambda a: set(row(a)) == {5} and max(flat(a)) == 1 and len({tuple(r) for r in a}) > 5)
    rule("indegree(40): more than there are sources", "indegree(40)", m, lambda a: set(row(a)) == {40})
    rule("indegree(11), no self, no multiple: all but itself", "indegree(11), no self, no multiple", n,
         lambda a: all(v == (i != j) for i, r in enumerate(a) for j, v in enumerate(r)), self_links=True)
    rule("indegree(30), no self", "indegree(30), no self", n, lambda a: set(row(a)) == {30} and not any(a[i][i] for i in range(n)), self_links=True)
    rule("outdegree(7): each source has 7", "outdegree(7)", m, lambda a: set(col(a)) == {7} and len(set(row(a))) > 1)
    rule("outdegree(10), no multiple: all of 10", "outdegree(10), no multiple", m, lambda a: set(flat(a)) == {1})
    rule("outdegree(4), no self, no multiple", "outdegree(4), no self, no multiple", n,
         lambda a: set(col(a)) == {4} and max(flat(a)) == 1 and not any(a[i][i] for i in range(n)), self_links=True)
    rule("total_number(333)", "total_number(333)", m, lambda a: sum(flat(a)) == 333 and len(set(row(a))) > 1 and len(set(col(a))) > 1)
    rule("total_number(0)", "total_number(0)", m, lambda a: sum(flat(a)) == 0)
    rule("total_number(500), no self", "total_number(500), no self", n,
         lambda a: sum(flat(a)) == 500 and not any(a[i][i] for i in range(n)), self_links=True)
    rule("total_number(100), no multiple", "total_number(100), no multiple", m, lambda a: sum(flat(a)) == 100 and max(flat(a)) == 1)
    rule("total_number(n * m), no multiple: every pair", f"total_number({n * m}), no multiple", m, lambda a: set(flat(a)) == {1})
    rule("probability(1)", "probability(1)", m, lambda a: set(flat(a)) == {1})
    rule("probability(0)", "probability(0)", m, lambda a: set(flat(a)) == {0})
    rule("probability(0.3): each pair at most once, within bounds", "probability(0.3)", 200,
         lambda a: set(flat(a)) == {0, 1} and abs(sum(flat(a)) - 720) < 4.5 * math.sqrt(2400 * 0.21))
    rule("probability(0.9), no self", "probability(0.9), no self", n,
         lambda a: set(flat(a)) == {0, 1} and not any(a[i][i] for i in range(n)) and sum(flat(a)) > 95, self_links=True)
    two = [matrix("probability(0.5)", m, seed=k) for k in (1, 1, 2)]
    t.check(two[0] == two[1] != two[2], "the seed, and only the seed, decides who is connected")


# ---- models: starts, parts, functions, handlers

def starts(t):
    model = """
fn ratio(a, b) = a / b
fn rise(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))
fn fall(V in mV) -> 1/ms = 4 * exp(-(V + 65) / 18)
channel gates {
  param g = 2 nS
  input V : mV
  gate m { alpha = rise(V);  beta = fall(V) }
  gate h { steady = 1 / (1 + exp((V + 50 mV) / 4 mV));  tau = 3 ms }
  let I = g * m^2 * h * (V - 10 mV)
}
neuron n {
  param E = -65 mV, k = 3
  state V = E + shift
  state shift = k * 2 mV
  state c = ratio(V, shift) * 1 pA
  state d = 2 * na.m, f = na.h
  use na = gates
  use slow = gates { g = k * 1 nS }
  let u = ratio(na.I, 1 pA)
  V' = 0
  shift' = 0
  c' = 0
  d' = 0
  f' = 0
}
network net {
  population A : n[2]
  population B : n[2] { E = -50 mV;  k = 4;  na.g = 8 nS }
  population C : n[2] { V = -40 mV }
  population D : n[500] { E ~ uniform(-80 mV, -70 mV);  k ~ normal(5, 1) within [4, 6];  na.m = 0.25 }
}
experiment e { network net
""" + "".join(f"  record {v} of {p} as {v.replace('.', '_')}_{p} every 0.1 ms\n" for p in "ABCD" for v in
              ("V", "shift", "c", "d", "f", "na.m", "na.h", "u", "slow.I")) + "  run 0.2 ms with dt = 0.1 ms }\n"
    run = Run(t, model)

    def m_inf(v):
        a = 1 if v == -40 else 0.1 * (v + 40) / (1 - math.exp(-(v + 40) / 10))
        return a / (a + 4 * math.exp(-(v + 65) / 18))

    def h_inf(v):
        return 1 / (1 + math.exp((v + 50) / 4))

    def pairs(r):
        result = []
        for p, e, k, g, fixed in (("A", -65, 3, 2, None), ("B", -50, 4, 8, None), ("C", -65, 3, 2, -40)):
            v = e + 2 * k if fixed is None else fixed
            m, h = m_inf(v), h_inf(v)
            values = dict(V=v, shift=2 * k, c=v / (2 * k), d=2 * m, f=h, na_m=m, na_h=h, u=g * m * m * h * (v - 10), slow_I=k * m * m * h * (v - 10))
            result += [(r.column(f"{name}_{p}", 1), [x] * 3) for name, x in values.items()]
        v, shift, d = r.rows("V_D")[0], r.rows("shift_D")[0], r.rows("d_D")[0]
        result += [(r.rows("c_D")[0], [a / b for a, b in zip(v, shift)]), (r.rows("na_m_D")[0], [0.25] * 500), (d, [0.5] * 500),
                   (r.rows("na_h_D")[0], [h_inf(x) for x in v])]
        return result
    if compare(t, run, "states start after params, in order of dependence, gates at their steady state", pairs):
        v, shift = run.rows("V_D")[0], run.rows("shift_D")[0]
        e = [a - b for a, b in zip(v, shift)]
        t.check(-80 <= min(e) < -79.8 and -70.2 < max(e) <= -70 and abs(mean_of(e) + 75) < 5 * 2.89 / math.sqrt(500), "a draw for each element: uniform",
                (min(e), max(e), mean_of(e)))
        k = [b / 2 for b in shift]
        t.check(min(k) >= 4 and max(k) <= 6 and abs(mean_of(k) - 5) < 0.12 and abs(variance(k) - 0.291) < 0.07, "normal within: drawn again until inside",
                (min(k), max(k), mean_of(k), variance(k)))

    drawn = """
neuron n { param q = 3 in (0, 10]
  state x = 0
  x' = q / (1 ms) }
network net { population P : n[300] { q ~ %s } }
experiment e { network net
  record x of P every 1 ms
  run 1 ms with dt = 0.1 ms }
"""
    for draw, inside in (("uniform(9, 9.9)", True), ("normal(9, 3) within [1, 10]", True), ("normal(9, 3)", False), ("uniform(-2, -1)", False)):
        for precision in ("f64", "f32"):
            run = Run(t, drawn % draw, "--precision", precision)
            t.check(run.good == inside and (inside or "q of P[" in run.process.stderr and not os.path.exists(run.out)),
                    f"q ~ {draw} in its domain (0, 10], {precision}: {'runs' if inside else 'refused'}", run.process.stderr)

    handlers = """
neuron n {
  param a = 2, b = 0.5
  state x = 0, y = 100, z = 1, p = 0
  let twice = 2 * x
  x' = 1/ms
  y' = 0
  z' = 0
  p' = 0
  spike when x > 0.95 and p < 3.5 or x > 2.95 {
    p += 1
    if twice > 4 and z >= 2 {
      x -= 2.5
      z = -z
    } else if p > 1.5 and p < 2.5 { x *= b
    } else {
      x = x - 1
      y -= a * z
    }
    z *= a
    y = if z > 4 then y - twice else y + 0.25
  }
}
experiment e { neuron n
""" + "".join(f"  record {v} every 0.1 ms\n" for v in "xyzp") + "  record spikes\n  run 20 ms with dt = 0.1 ms }\n"
    x, y, z, p, before, spikes, out = 0, 100, 1, 0, False, [], [(0, 100, 1, 0)]
    for s in range(1, 201):
        x += 0.1
        now = x > 0.95 and p < 3.5 or x > 2.95
        if now and not before:
            spikes.append(s)
            p += 1
            if 2 * x > 4 and z >= 2:
                x -= 2.5
                z = -z
            elif 1.5 < p < 2.5:
                x *= 0.5
            else:
                x = x - 1
                y -= 2 * z
            z *= 2
            y = y - 2 * x if z > 4 else y + 0.25
            now = x > 0.95 and p < 3.5 or x > 2.95
        before = now
        out.append((x, y, z, p))
    compare(t, Run(t, handlers), "handlers: top to bottom, if and else, all assignments, lets see the present state",
            lambda r: [(r.of("n"), spikes)] + [(r.column(v), [o[i] for o in out]) for i, v in enumerate("xyzp")])

    families = """
neuron syn {
  index k = 1..3
  param tau[k] = [1 ms, 2 ms, 4 ms]
  param b[k] = [1 pA, -2 pA, 3 pA]
  state w[k] = b[k], V = 0 mV
  w[k]' = -w[k] / tau[k]
  V' = 1 mV/ms
  receive ev(q : pA) { w[2] += q }
  spike when V > 1.95 mV { w[k] += 2 * b[k];  V = 0 mV }
}
network net { population P : syn[1]
  drive P.ev with times([1 ms]) { weight = 10 pA;  delay = 0.1 ms } }
experiment e { network net
  record w[1] of P as w1 every 0.1 ms
  record w[2] of P as w2 every 0.1 ms
  record w[3] of P as w3 every 0.1 ms
  record w of P every 0.1 ms
  record b of P as jump every 0.1 ms
  run 5 ms with dt = 0.1 ms }
"""
    w, v, out = [1, -2, 3], 0, [[1, -2, 3]]
    for s in range(1, 51):
        w = [a * math.exp(-0.1 / tau) for a, tau in zip(w, (1, 2, 4))]
        v += 0.1
        if s == 11:
            w[1] += 10
        if v > 1.95:
            v, w = 0, [a + 2 * b for a, b in zip(w, (1, -2, 3))]
        out.append(list(w))
    compare(t, Run(t, families), "states over an index set: equations and handlers for all",
            lambda r: [(r.column(f"w{i + 1}"), [o[i] for o in out]) for i in range(3)] +
            [(r.column(f"w_{i + 1}"), [o[i] for o in out]) for i in range(3)] +
            [(r.column(f"jump_{i + 1}"), [b] * len(out)) for i, b in enumerate((1, -2, 3))])


def networks(t):
    model = COUNTER.replace("spike when n >= 1 { n = 0 }", "spike when n >= 1 { n = 0;  hold n for 0.1 ms }") + """
network net {
  index all = { p, q, r }
  index some = { p, r } of all
  index num = 1..2
  param size[all] = [4, 3, 5]
  param w[to: all, from: all] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
  let v[i: all, j: all] = if i == j then 100 * w[i, j] else if i == q and j == p then 50 else w[i, j]
  population c[k in all] : counter[size[k]]
  population d[k in all] : counter[size[k] + 1] { start = 1000 * size[k] }
  population e[k in num] : counter[2 * k] { start = k }
  connect c[j] -> d[i].ev by all_to_all for j in some, i in all if i != r or j == r { weight = v[i, j];  delay = (w[i, j] + 1) * dt }
  connect c[p][1..2] -> (e[1], e[2]).ev by all_to_all { weight = 1000;  delay = 0.1 ms }
  connect (c[p][1], c[q][1]) -> e[2][3].ev by all_to_all { weight = 0.125;  delay = 0.1 ms }
  drive c[k].ev with times([1 ms]) for k in some { weight = 1;  delay = 0.1 ms }
  drive (c[q][2], c[q][0..1]).ev with times([4 ms]) { weight = 1;  delay = 0.1 ms }
}
experiment e { network net
""" + "".join(f"  record x of d[{k}] as d_{k} every 0.1 ms\n" for k in "pqr") + """  record x of e[1] as e1 every 6 ms
  record x of e[2][1..3] as e2 every 6 ms
  record x of (c[p][3], c[r][0..1]) as mixed every 6 ms
  record sum(c.x) as total every 6 ms
  record mean(d[q].x) as average every 6 ms
  run 6 ms with dt = 0.1 ms }
"""
    w = {i: dict(zip("pqr", r)) for i, r in zip("pqr", ([1, 2, 3], [4, 5, 6], [7, 8, 9]))}
    size = dict(p=4, q=3, r=5)

    def value(i, j, step):
        v = 100 * w[i][j] if i == j else 50 if (i, j) == ("q", "p") else w[i][j]
        return size[j] * v * (step >= 11 + w[i][j] + 1)
    expected = {i: [1000 * size[i] + sum(value(i, j, s) for j in "pr" if i != "r" or j == "r") for s in range(61)] for i in "pqr"}
    compare(t, Run(t, model), "families over sets and subsets, labels compared, slices, groups, sums",
            lambda r: [(r.column("d_" + i, size[i]), expected[i]) for i in "pqr"] +
                      [(r.rows("e1")[-1], [2001] * 2), (r.rows("e2")[-1], [2002, 2002, 2002 + 0.25]), (r.rows("mixed")[-1], [1, 1, 1]),
                       ([len(r.rows("d_p")[0]), len(r.rows("e2")[0])], [5, 3]), (r.rows("total")[-1], [12]),
                       (r.rows("average")[-1], [expected["q"][60]])])


def methods(t):
    def error(method, dt):
        model = """
neuron n { state x = 1
  x' = -x / (2 ms) + (cos(t / (1 ms)) - 0.3 * x^2) / (1 ms) }
experiment e { neuron n
  record x every 4 ms
  run 4 ms with dt = %s ms, method = %s }
""" % (dt, method)
        run = Run(t, model)
        if not run.good:
            return run.process.stderr
        return abs(run.column("x")[-1] - reference)

    def rhs(s, x):
        return -x / 2 + math.cos(s) - 0.3 * x * x
    x, h = 1.0, 0.001
    for i in range(4000):
        s = i * h
        k1 = rhs(s, x)
        k2 = rhs(s + h / 2, x + h / 2 * k1)
        k3 = rhs(s + h / 2, x + h / 2 * k2)
        k4 = rhs(s + h, x + h * k3)
        x += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    reference = x
    for method, order in (("euler", 1), ("rk4", 4)):
        e = [error(method, d) for d in (0.1, 0.05)]
        if isinstance(e[0], str):
            t.check(False, f"method = {method}", e[0])
            continue
        found = math.log2(e[0] / e[1])
        t.check(abs(found - order) < 0.25 * order, f"method = {method}: errors fall with order {order}", f"{e} {found}")
    model = """
neuron n { state x = 1, y = 0
  x' = (3 - x) / (2 ms)
  y' = (x - y) / (2 ms) }
experiment e { neuron n
  record x every 1 ms
  record y every 1 ms
  run 8 ms with dt = 1 ms%s }
"""
    exact = [3 - 2 * math.exp(-s / 2) for s in range(9)]
    both = [3 - (s + 3) * math.exp(-s / 2) for s in range(9)]
    for method in ("", ", method = exact"):
        compare(t, Run(t, model % method, dt=1), f"linear systems with equal time constants, exactly, dt = 1 ms{method}",
                lambda r: [(r.column("x"), exact), (r.column("y"), both)], 1e-12)
    ee, y, ys = 1, 0, [0]
    f = math.exp(-0.5)
    for s in range(8):
        y, ee = ee + (y - ee) * f, 3 + (ee - 3) * f
        ys.append(y)
    compare(t, Run(t, model % ", method = exponential_euler", dt=1), "method = exponential_euler: the others stand still during a step",
            lambda r: [(r.column("x"), exact), (r.column("y"), ys)], 1e-12)
    run = Run(t, model.replace("(3 - x)", "(3 - x^2)") % ", method = exact", dt=1)
    t.check(not run.good and "exact" in run.process.stderr, "method = exact of a system that is not linear is refused", run.process.stderr)


# ---- experiments

def settings(t):
    model = """
neuron n {
  param k = 2, tau = 5 ms in (0 ms, 1 s), T = 10 degC
  param mode in {slow, fast} = slow
  state x = k
  let f = if mode == fast then 2 else 1
  x' = -f * x / tau + (T - 10 degC) / (1 K) / (1 ms)
}
network net {
  index all = { a, b }
  param w[all] = [1, 2], m[to: all, from: all] = [[1, 2], [3, 4]], start = 3
  param N = 2
  population c[k in all] : n[N] { k = start + w[k] + m[k, b] }
  population s : n[1]
}
experiment one { network net
  record x of (c, s) every 1 ms
  run 3 ms with dt = 0.1 ms }
experiment two { neuron n { tau = 7 ms }
  record x every 1 ms
  run 2 ms with dt = 0.1 ms }
"""
    plain = Run(t, model, "--experiment", "one")
    listed = call(NSLC, "run", plain.process.args[2], "--", "--describe", "--experiment", "one").stdout
    if not plain.good:
        t.check(False, "--set", plain.process.stderr)
        return

    def decay(x, tau=5, f=1, s=0):
        return [s * tau / f + (x - s * tau / f) * math.exp(-f * i / tau) for i in range(4)]

    def columns(r):
        return [list(c) for c in zip(*r.rows("x"))]
    known = ["net.start", "net.w[a]", "net.m[a, b]", "c[a].tau", "s.k", "net.N"]
    t.check(all(w.replace(" ", "") in listed.replace(" ", "") for w in known), "--describe lists every path", listed)
    base = [decay(3 + 1 + 2)] * 2 + [decay(3 + 2 + 4)] * 2 + [decay(2)]
    cases = [([], base), (["net.start=10"], [decay(13)] * 2 + [decay(16)] * 2 + [decay(2)]), (["net.w[b]=7"], base[:2] + [decay(14)] * 2 + base[4:]),
             (["net.m[a,b]=-1"], [decay(3)] * 2 + base[2:]), (["c[a].tau=2ms"], [decay(6, 2)] * 2 + base[2:]),
             (["s.k=-4"], base[:4] + [decay(-4)]),
             (["c[b].k=1"], base[:2] + [decay(1)] * 2 + base[4:]), (["s.T=12degC"], base[:4] + [decay(2, s=2)]), (["s.T=284.15K"], base[:4] + [decay(2, s=1)]),
             (["s.mode=fast"], base[:4] + [decay(2, f=2)]), (["net.N=1"], [base[0], base[2], base[4]]),
             (["s.k=5", "s.tau=0.01s", "net.start=0"], [decay(3)] * 2 + [decay(6)] * 2 + [decay(5, 10)])]
    for given, expected in cases:
        options = [o for g in given for o in ("--set", g)]
        run = Run(t, model, "--experiment", "one", *options)
        if not run.good:
            t.check(False, f"--set {' '.join(given)}", run.process.stderr)
            continue
        found = columns(run)
        t.check(len(found) == len(expected) and all(same(a, b, 1e-10) for a, b in zip(found, expected)), f"--set {' '.join(given) or '(nothing)'}",
                f"{found}\n{expected}")
    run = Run(t, model, "--experiment", "two", "--set", "n.tau=2ms", "--set", "n.k=4")
    compare(t, run, "--set in an experiment of one cell", lambda r: [(r.column("x"), decay(4, 2)[:3])])
    run = Run(t, model, "--experiment", "two")
    compare(t, run, "the second of two experiments", lambda r: [(r.column("x"), decay(2, 7)[:3])])
    run = Run(t, model)
    t.check(not run.good and "one" in run.process.stderr and "two" in run.process.stderr or run.good, "two experiments and no --experiment", run.process.stderr)


def runs(t):
    model = """
neuron n { state x = 0, y = 0
  x' = 1/ms
  y' = 0
  receive ev(w) { y += w }
  spike when x >= 0.95 { x = 0 } }
network net {
  population P : n[1]
  population Q : n[3] { x ~ uniform(0, 0.9) }
  connect P -> Q.ev by all_to_all { weight = 1;  delay = 0.45 ms }
}
experiment e { network net
  record y of Q every 0.1 ms
  record x of P every 0.7 ms
  record spikes of P
  run 2 ms as learn with dt = 0.1 ms, seed = 4
  run 1.5 ms as test }
"""
    run = Run(t, model)
    if run.good or "not supported yet" not in run.process.stderr:
        compare(t, run, "phases follow each other; events in flight cross the border",
                lambda r: [(r.of("P"), [10, 20, 30]), (r.column("y"), [(s >= 15) + (s >= 25) + (s >= 35) for s in range(36)]),
                           (r.times("x"), [0, 0.7, 1.4, 2.1, 2.8, 3.5])])
    seeds = model.replace("  run 1.5 ms as test", "").replace("as learn ", "").replace("seed = 4", "seeds = 4..6").replace("record x of P", "record x of Q")
    run = Run(t, seeds)
    one = Run(t, seeds.replace("seeds = 4..6", "seed = 5"))
    if t.check(run.good and one.good, "seeds = 4..6 runs", run.process.stderr + one.process.stderr):
        folders = sorted(x for x in os.listdir(run.out))
        t.check(folders == ["seed-4", "seed-5", "seed-6"], "seeds leave a folder each", folders)
        with open(os.path.join(run.out, "seed-5", "x.csv")) as f, open(os.path.join(one.out, "x.csv")) as g, \
             open(os.path.join(run.out, "seed-6", "x.csv")) as h:
            a, b, c = f.read(), g.read(), h.read()
        t.check(a == b != c, "the run with seed 5 is that of seeds = 4..6")
        hashes = [run_json(os.path.join(run.out, x))["state_hash"] for x in folders] + [run_json(one.out)["state_hash"]]
        t.check(len(set(hashes[:3])) == 3 and hashes[1] == hashes[3], "state_hash of each", hashes)

    expect = """
neuron n { param P = 1 ms
  state x = 0
  x' = 1 / P
  spike when x >= 0.999999 { x -= 1 } }
network net {
  population A : n[2]
  population B : n[1] { P = 2.5 ms }
}
experiment e { network net
  run 100 ms with dt = 0.1 ms
"""
    cases = [("rate(A) in [1000 Hz, 1000 Hz]", 1), ("rate(A) > 1 kHz", 0), ("rate(A) >= 1 kHz", 1), ("rate(B) in [400 Hz, 400 Hz]", 1),
             ("rate(B) in (400 Hz, 500 Hz]", 0), ("rate((A, B)) in [799.9 Hz, 800.1 Hz]", 1), ("spikes(A) in [200, 200]", 1),
             ("spikes(A) in [100, 100] after 50 ms", 1), ("spikes(A) in [20, 20] during 50 ms..60 ms", 1), ("spikes(A) < 200", 0),
             ("spikes(A[0]) in [100, 100]", 1), ("spikes(B) in [4, 4] during 10 ms..20 ms", 1), ("cv_isi(A) < 0.000001", 1), ("cv_isi(A) > 0.1", 0),
             ("spikes(A) in [198, 198] after 1 ms", 1), ("spikes(A) in [0, 0] during 0.1 ms..0.9 ms", 1), ("spikes(A) in [0, 0] during 1 ms..1.9 ms", 1),
             ("spikes(A) in [2, 2] during 0.9 ms..1 ms", 1)]
    for text, holds_ in cases:
        run = Run(t, expect + f"  expect {text} }}\n")
        listed = run_json(run.out)["expect"] if os.path.exists(os.path.join(run.out, "run.json")) else []
        t.check(len(listed) == 1 and bool(listed[0]["holds"]) == bool(holds_) and run.good == bool(holds_), f"expect {text}: {'holds' if holds_ else 'does not'}",
                f"{run.process.returncode} {listed} {run.process.stderr}")


# ---- larger networks and longer delays

def chains(t):
    n, seconds = 3000, 200
    model = f"""
neuron relay {{ state n = 0
  n' = 0
  receive ev(w) {{ n += w }}
  spike when n >= 1 {{ n = 0 }} }}
neuron sink {{ state x = 0
  x' = 0
  receive ev(w) {{ x += w }} }}
network net {{
  population A : relay[{n}]
  population B : relay[{n}]
  population S : relay[1]
  population T : sink[2000]
  drive A[0].ev with times([0.7 ms, 50.3 ms]) {{ weight = 1;  delay = 0.1 ms }}
  drive S.ev with times([4.9 ms]) {{ weight = 1;  delay = 0.1 ms }}
  connect A[0..{n - 2}] -> A[1..{n - 1}].ev by one_to_one {{ weight = 1;  delay = 1.7 ms }}
  connect A -> B.ev by one_to_one {{ weight = 1;  delay = 64.3 ms }}
  connect S -> T.ev by all_to_all {{ weight ~ 10 * (normal(1, 0.3) within [0.5, inf));  delay ~ normal(1.5 ms, 0.75 ms) within [dt / 2, inf) }}
}}
experiment e {{ network net
  record spikes of (A, B)
  record x of T every 0.1 ms
  run {seconds} ms with dt = 0.1 ms, seed = 8 }}
"""
    run = Run(t, model, "--threads", "2")
    if not run.good:
        t.check(False, "chains", run.process.stderr)
        return
    steps_ = seconds * 10
    a = [(s, "A", i) for i in range(n) for s in (8 + 17 * i, 504 + 17 * i) if s <= steps_]
    b = [(s + 643, "B", i) for s, _, i in a if s + 643 <= steps_]
    t.check(run.spikes() == sorted(a + b), "a chain through all cells, delays of 17 and 643 steps, on two threads: every spike", f"{len(run.spikes())} {len(a + b)}")
    columns = list(zip(*run.rows("x")))
    arrived = [next((i - 50 for i, v in enumerate(c) if v), None) for c in columns]
    weight = [c[-1] for c in columns]

    def part(z):
        return 0.5 * math.erfc(-z / math.sqrt(2))
    probability = [(part((0.1 * k + 0.05 - 1.5) / 0.75) - part((0.1 * k - 0.05 - 1.5) / 0.75)) / (1 - part((0.05 - 1.5) / 0.75)) for k in range(1, 60)]
    mean = sum(k * p for k, p in enumerate(probability, 1))
    var = sum(k * k * p for k, p in enumerate(probability, 1)) - mean ** 2
    good = None not in arrived and min(arrived) == 1 and abs(mean_of(arrived) - mean) < 4.5 * math.sqrt(var / 2000)
    t.check(good and abs(variance(arrived) / var - 1) < 0.15, "delay ~ normal within [dt / 2, inf), rounded: one step at least, mean and variance",
            f"{min(x for x in arrived if x)} {mean_of(arrived)} {mean} {variance(arrived)} {var}")
    z = (0.5 - 1) / 0.3
    lam = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (1 - part(z))
    mean, var = 10 * (1 + 0.3 * lam), 9 * (1 + z * lam - lam * lam)
    t.check(min(weight) >= 5 and abs(mean_of(weight) - mean) < 4.5 * math.sqrt(var / 2000) and abs(variance(weight) / var - 1) < 0.15 and
            len(set(weight)) > 1800, "weight ~ 10 * (normal within …): one value for each synapse (some are equal in 16 bits), mean and variance", f"{mean_of(weight)} {mean} {variance(weight)} {var}")
    rank = sum((a - mean_of(arrived)) * (b - mean_of(weight)) for a, b in zip(arrived, weight)) / 2000 / math.sqrt(variance(arrived) * variance(weight))
    t.check(abs(rank) < 4.5 / math.sqrt(2000), "weights and delays are independent draws", rank)


def expressions(t):
    x, y, v = 0.7, -1.3, -65.0
    cases = [
        ("-x^2", -x ** 2), ("2^3^2", 2 ** 3 ** 2), ("x^-2", x ** -2), ("1 - -y", 1 + y), ("8 / 4 / 2", 1), ("8 - 4 - 2", 2), ("2 * x / 3 * y", 2 * x / 3 * y),
        ("-x * -y", x * y), ("x^0.5", x ** 0.5), ("exp(y)", math.exp(y)), ("log(x)", math.log(x)), ("log1p(x)", math.log1p(x)),
        ("expm1(y)", math.expm1(y)), ("exprel(x)", math.expm1(x) / x), ("exprel(x - 0.7)", 1), ("pow(x, 3)", x ** 3), ("sqrt(x)", math.sqrt(x)),
        ("tanh(y)", math.tanh(y)), ("sigmoid(y)", 1 / (1 + math.exp(-y))), ("sin(y)", math.sin(y)), ("cos(y)", math.cos(y)), ("abs(y)", 1.3),
        ("min(x, y)", y), ("max(x, y)", x), ("clip(y, -1, 1)", -1), ("clip(x, -1, 1)", x), ("floor(y)", -2), ("floor(x)", 0), ("heaviside(x)", 1),
        ("heaviside(y)", 0), ("if x > y then 3 else 4", 3), ("if x > 0 and not (y > 0) then 3 else 4", 3), ("if x < 0 or y < -2 then 3 else 4", 4),
        ("V / 1 mV", v), ("V / (1 mV)", v), ("1 V / V", 1000 / v), ("(250 pF) * V / (1 pA) / (1 ms)", 250 * v), ("1/ms / 1 Hz", 1000),
        ("1 uF/cm^2 * 100 um^2 / (1 pF)", 1), ("0.2 mM/ms * 5 ms / (1 mM)", 1), ("(36 degC - 26 degC) / (1 K)", 10), ("(36 degC) / (1 K)", 309.15),
        ("1 mV / m", 0.25), ("4 mV/ms * (2 ms) / (8 mV)", 1), ("100 Mohm * (1 nA) / (100 mV)", 1), ("1 nS * (1 mV) / (1 pA)", 1),
        ("(1/s^0.5)^2 / (1 Hz)", 1), ("mine(V in_) ", None), ("rise(V)* (1 ms)", 1 / (1 + math.exp((v + 60) / 5))), ("half(V) / (1 mV)", v / 2), ("half(3)", 1.5),
        ("x / (exp(x) - 1)", x / math.expm1(x)), ("zero / (exp(zero) - 1)", 1), ("sin(zero) / zero", 1), ("zero / (1 - exp(-zero / 3))", 3),
        ("(exp(2 * zero) - 1) / zero", 2), ("pi", math.pi), ("1e3 * x", 700), ("1.5e-2", 0.015), ("x == 0.7 and_", None), ("if x != y then 1 else 0", 1),
        ("if x >= 0.7 then 1 else 0", 1), ("if V <= -65 mV then 1 else 0", 1), ("a - b - c", -4), ("sum3(1, 2, 3)", 6)]
    cases = [c for c in cases if c[1] is not None]
    model = """
fn rise(V in mV) -> 1/ms = 1 / (1 + exp((V + 60) / 5))
fn half(x) = x / 2
fn sum3(a, b, c) = a + b + c
neuron n {
  state x = 0.7, y = -1.3, V = -65 mV, zero = 0
  state m = 4 mV, a = 1, b = 2, c = 3
  x' = 0;  y' = 0;  V' = 0;  zero' = 0
""" + "".join(f"  let l{i} = {text}\n" for i, (text, _) in enumerate(cases)) + "}\nexperiment e { neuron n\n" + \
        "".join(f"  record l{i} every 1 ms\n" for i in range(len(cases))) + "  run 1 ms with dt = 0.5 ms }\n"
    run = Run(t, model)
    if not run.good:
        t.check(False, "expressions", run.process.stderr)
        return
    wrong = [(text, run.column(f"l{i}")[-1], value) for i, (text, value) in enumerate(cases) if not same(run.column(f"l{i}"), [value] * 2, 1e-13)]
    t.check(not wrong, f"{len(cases)} expressions: functions, precedence, units, removable singularities", "\n".join(map(str, wrong)))

    second = """
neuron n {
  state x = 0, x' = 1/ms
  state y = 2
  x'' = -x * (0.5/ms)^2
  y'' = -(0.2/ms)^2 * y - 0.1/ms * y'
}
experiment e { neuron n
  record x every 1 ms
  record y every 1 ms
  run 20 ms with dt = 0.1 ms }
"""
    w = math.sqrt(0.04 - 0.0025)
    compare(t, Run(t, second), "equations of second order; x' starts at 0 unless given",
            lambda r: [(r.column("x"), [2 * math.sin(0.5 * s) for s in range(21)]),
                       (r.column("y"), [2 * math.exp(-0.05 * s) * (math.cos(w * s) + 0.05 / w * math.sin(w * s)) for s in range(21)])], 1e-6)


def randomness(t):
    """A draw depends on the seed, the path and the element: not on what else the network holds."""
    def model(more_populations="", more_links="", size=60, seconds=0.2):
        return f"""
network net {{
{more_populations}
  population P : iaf_psc_exp[{size}] {{ V ~ normal(-60 mV, 2 mV) }}
  population R : iaf_psc_exp[30]
  drive P.exc with poisson(9 kHz) {{ weight = 100 pA;  delay = 1 ms }}
  connect P -> R.exc by indegree(9) {{ weight ~ uniform(100 pA, 900 pA);  delay ~ uniform(1 ms, 5 ms) }}
{more_links}
}}
experiment e {{ network net
  record V of P[0..39] every 1 ms
  record spikes of (P, R)
  run {seconds} s with dt = 0.1 ms, seed = 11 }}
"""
    base = Run(t, model())
    more = Run(t, model("  population A : iaf_psc_exp[7] { V ~ normal(-60 mV, 2 mV) }",
                        "  drive A.exc with poisson(9 kHz) { weight = 100 pA;  delay = 0.3 ms }\n"
                        "  connect A -> A.inh by indegree(3) { weight ~ normal(0 pA, 1 pA);  delay = 0.2 ms }"))
    if t.check(base.good and more.good, "networks with and without another population", base.process.stderr + more.process.stderr):
        t.check(len(base.spikes()) > 100 and base.spikes() == more.spikes() and base.rows("V") == more.rows("V"),
                "another population with its own draws changes nothing elsewhere")
    grown = Run(t, model(size=90))
    t.check(grown.good and grown.rows("V") == base.rows("V"), "more elements change no draw of those before", grown.process.stderr)
    longer = Run(t, model(seconds=0.4))
    t.check(longer.good and longer.rows("V")[:201] == base.rows("V"), "a longer run begins like a shorter one", longer.process.stderr)


# ---- arrivals without accumulators

STRAIGHT = '''neuron box {{ state q = 0 mV
  receive ev(w : mV) {{ q += w }} }}
neuron cell {{ param tau = 20 ms
  state V = -65 mV, g = 0 mV
  V' = (g - (V + 65 mV)) / tau
  g' = -g / (5 ms)
  receive ev(w : mV) {{ g += w }}
  spike when V > -50 mV {{ V = -65 mV }} }}
neuron clock {{ param every = 1 ms
  state x = 0
  x' = 1 / every
  spike when x >= 1 {{ x = 0 }} }}
network net {{
  param J = 0.1 mV, k = 4
  population S : clock[60] {{ x ~ uniform(0, 1) }}
  population T : clock[60] {{ x ~ uniform(0, 1) }}
  population B : box[7]
  population C : cell[2000] {{ tau ~ uniform(15 ms, 25 ms) }}
  connect S -> B.ev by all_to_all {{ weight = J;  delay = 0.3 ms }}
  connect S -> C.ev by probability(0.5) {{ weight = J;  delay ~ uniform(0.1 ms, 3 ms) }}
  {more}
}}
experiment e {{
  network net
  record spikes of (S, C)
  record q of B[0] every 0.1 ms
  record V of C[0..9] every 1 ms
  run 40 ms with dt = 0.1 ms, seed = 3
}}
'''


def one_by_one(arrivals, w, n):
    q, out = 0.0, [0.0]
    for s in range(1, n + 1):
        for _ in range(arrivals.get(s, 0)):
            q += w
        out.append(q)
    return out


def straight(t):
    """Events of one weight that only add to a state are added one by one: to the bit."""
    run = Run(t, STRAIGHT.format(more=""))
    asleep = Run(t, STRAIGHT.format(more="drive C.ev with poisson(0 Hz) { weight = 3 mV;  delay = 1 ms }"))
    if not t.check(run.good and asleep.good, "straight: models run", run.process.stderr + asleep.process.stderr):
        return
    arrivals = {}
    for step, population, _ in run.spikes():
        if population == "S":
            arrivals[step + 3] = arrivals.get(step + 3, 0) + 1
    q = run.column("q")
    t.check(max(arrivals.values()) > 5 and q == one_by_one(arrivals, 0.1, 400),
            "events of one weight are added one by one, to the bit", q[-3:])
    explained = call(NSLC, "explain", t.write("straight.nsl", "language 1\n" + STRAIGHT.format(more=""))).stdout
    t.check(explained.count("no accumulator") == 2, "straight: nslc explain says so", explained)
    t.check(run.spikes() == asleep.spikes(), f"straight: the same spikes as with accumulators ({len(run.spikes())})")
    near = all(abs(a - b) <= 1e-11 for x, y in zip(run.rows("V"), asleep.rows("V")) for a, b in zip(x, y))
    t.check(near and any(v[0] > -64 for v in run.rows("V")), "straight: the same potentials but for the last bits")
    two = STRAIGHT.format(more="connect T -> C.ev by probability(0.5) { weight = -k * J;  delay = 0.3 ms }")
    path = t.write("two.nsl", "language 1\n" + two)
    t.check("ev         summed per step" in call(NSLC, "explain", path).stdout, "straight: two weights are summed as integers")
    for precision in ("f64", "f32"):
        for name, text in (("one weight", STRAIGHT.format(more="")), ("two", two)):
            runs = [Run(t, text, "--threads", n, "--precision", precision) for n in ("1", "2", "3")]
            hashes = {run_json(r.out)["state_hash"] for r in runs if r.good}
            t.check(all(r.good for r in runs) and len(hashes) == 1, f"straight: {name}, {precision}: the same on 1, 2, 3 threads")
    again = Run(t, STRAIGHT.format(more=""), "--set", "net.J=0.2mV")
    t.check(again.good and again.column("q") == one_by_one(arrivals, 0.2, 400), "straight: --set moves the weight")


def main():
    t = Tap()
    for part in (events, holds, edges, network, poisson, processes, rules, starts, networks, methods, settings, runs, chains, expressions, randomness, straight):
        part(t)
    t.done()


if __name__ == "__main__":
    main()

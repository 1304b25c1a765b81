#!/usr/bin/env python3
"""Continuous synapses against plain Python written from the language's page alone: gap junctions, rates with delays of every kind, sums over all, and
what holds whatever the model: charge, the same bits on any number of threads, runs that go on from a checkpoint."""
import math
import os
import signal
import subprocess
import time

from semantics import NSLC, Run, call
from tap import Tap, run_json

CELL = """
neuron cell {
  param C = 100 pF, E = -65 mV, tau = 20 ms
  input I : pA
  state V = E
  V' = (E - V) / tau + I / C
}
synapse gap { param g = 10 nS;  stream g * (pre.V - post.V) }
"""

NODE = """
neuron node {
  param a = 0.1, c = 0, fb = 1
  input I
  state x = 0
  x' = (c - a * x + fb * I) / (1 ms)
}
synapse late { weight w;  stream w * delayed(pre.x, delay) }
synapse swift { weight w;  stream w * pre.x * (1 - post.x) }
"""


def apart(a, b):
    return max(abs(x - y) / (1 + abs(y)) for x, y in zip(a, b))


def gap_pair(t):
    """The difference of two cells decays with 1/tau + 2 g/C: to first order in dt where what flows is held, to second where steps are joint."""
    for how, largest, order in (("held", 0.1, 2), ("joint, tolerance = 1e-9", 5e-4, 4)):
        errors = []
        for dt in (0.1, 0.05):
            r = Run(t, CELL + f"""
network n {{
  population A : cell[2]
  connect A[0] -- A[1].I by all_to_all with gap
}}
experiment e {{ network n {{ A[0].V = -50 mV }}
  record V of A every 1 ms
  record sum(A.I) as charge every 1 ms
  run 10 ms with dt = {dt} ms, coupling = {how} }}""")
            if not t.check(r.good, f"a gap junction, dt = {dt} ms, {how}", r.process.stderr):
                return
            difference = [a - b for a, b in r.rows("V")]
            errors.append(max(abs(d - 15 * math.exp(-(1 / 20 + 2 * 10 / 100) * k)) for k, d in enumerate(difference)))
            t.check(max(map(abs, r.column("charge"))) < 1e-12, f"what one cell loses the other one gains, {how}", r.column("charge"))
        t.check(errors[0] < largest and 0.9 * order < errors[0] / errors[1] < 1.1 * order, f"the closed form, to its order in dt, {how}", errors)


SPIKING = """
neuron cell {
  param C = 100 pF, E = -65 mV, tau = 20 ms, push = 120 pA
  input I : pA
  state V = E
  V' = (E - V) / tau + (I + push) / C
  spike when V >= -50 mV { V = -65 mV;  hold V for 0.55 ms }
}
synapse gap { param g = 10 nS;  stream g * (pre.V - post.V) }
network n {
  param g = 20 nS
  population A : cell[3] { V ~ uniform(-65 mV, -52 mV);  push ~ uniform(90 pA, 140 pA) }
  connect A -- A.I by all_to_all with gap { g = g }
}
experiment e { network n
  record V of A
  record push of A as given every 100 ms
  run 100 ms with dt = 0.1 ms, coupling = joint, tolerance = 1e-12 }"""


def solved(a, b):
    """x of a x = b, by elimination."""
    n, a, b = len(b), [row[:] for row in a], b[:]
    for i in range(n):
        for k in range(i + 1, n):
            f = a[k][i] / a[i][i]
            a[k] = [x - f * y for x, y in zip(a[k], a[i])]
            b[k] -= f * b[i]
    for i in reversed(range(n)):
        b[i] = (b[i] - sum(a[i][k] * b[k] for k in range(i + 1, n))) / a[i][i]
    return b


def joint(t):
    """Cells that spike: each step solved as a linear system; what is held stands, resets act at T and not before."""
    for g in (20, 4000):
        r = Run(t, SPIKING, "--set", f"n.g={g} nS")
        if not t.check(r.good, f"joint steps of cells that spike, {g} nS", r.process.stderr):
            return
        v, given = r.rows("V"), r.rows("given")[0]
        e, now, held, worst, spikes = math.exp(-0.1 / 20), v[0], [0] * 3, 0, 0
        for row in v[1:]:
            a, b = [], []
            for i in range(3):
                k = 0 if held[i] else 20 / 100 * (1 - e) * g / 2
                a.append([1 + 2 * k if i == j else -k for j in range(3)])
                b.append(now[i] if held[i] else e * now[i] + (1 - e) * (-65 + 0.2 * given[i]) + k * (sum(now) - 3 * now[i]))
            after = solved(a, b)
            for i in range(3):
                held[i] -= held[i] > 0
                if after[i] >= -50 and not held[i]:
                    after[i], held[i], spikes = -65, 6, spikes + 1
            worst = max(worst, max(abs(x - y) for x, y in zip(row, after)))
            now = row
        t.check(worst < 1e-8 and spikes > 5, f"each step solves its equations, {g} nS", (worst, spikes))
    r = Run(t, SPIKING, "--set", "n.g=1e5 nS")
    t.check(not r.good and "do not agree" in r.process.stderr, "what does not agree ends the run", r.process.stderr)


RULES = ("probability(0.2)", "indegree(3)", "total_number(50)", "all_to_all", "outdegree(4), no multiple")


def charge(t):
    populations = records = ""
    for k, rule in enumerate(RULES):
        populations += f"""
  population A{k} : cell[30] {{ V ~ normal(-65 mV, 10 mV) }}
  population B{k} : cell[20] {{ V ~ normal(-65 mV, 10 mV);  C ~ uniform(50 pF, 100 pF) }}
  connect A{k} -- A{k}.I by {rule} with gap {{ weight ~ uniform(0 nS, 1 nS) }}
  connect (A{k}, B{k}) -- (A{k}, B{k}).I by {rule} with gap {{ weight ~ uniform(0 nS, 1 nS) }}"""
        records += f"""
  record sum(A{k}.I) as a{k} every 0.1 ms
  record sum(B{k}.I) as b{k} every 0.1 ms
  record I of A{k} as each{k} every 0.1 ms"""
    r = Run(t, CELL.replace("param g = 10 nS;", "weight g : nS;") + f"network n {{{populations}\n}}\nexperiment e {{ network n{records}\n  run 5 ms with dt = 0.1 ms }}")
    if not t.check(r.good, "gap junctions by every rule that draws", r.process.stderr):
        return
    for k, rule in enumerate(RULES):
        both = [abs(x + y) for x, y in zip(r.column(f"a{k}"), r.column(f"b{k}"))]
        flows = max(abs(x) for row in r.rows(f"each{k}") for x in row)
        t.check(flows > 1 and max(both) < 1e-10, f"no charge is lost: {rule}", f"{max(both)} pA of {flows} pA")


def each(t):
    """Params that differ from synapse to synapse, by draws and by places, are what weights would be."""
    text = CELL.replace("synapse gap", "synapse of_param") + """
synapse of_weight { weight g : nS;  stream g * (pre.V - post.V) }
synapse of_both { param a = 1;  weight g : nS;  stream 2 * a * g * (pre.V - post.V) }
network n {
  population A : cell[30] at grid(30, spacing = 10 um) { V ~ uniform(-70 mV, -50 mV) }
  connect A -- A.I by probability(0.3) with SYNAPSE
}
experiment e { network n
  record V of A every 1 ms
  run 20 ms with dt = 0.1 ms, coupling = joint }"""
    for settings in (("of_weight { weight ~ uniform(0.1 nS, 3 nS) }", "of_param { g ~ uniform(0.1 nS, 3 nS) }", "of_both { a ~ uniform(0.1, 3);  weight = 0.5 nS }"),
                     ("of_weight { weight = 3 nS * exp(-distance / (100 um)) }", "of_param { g = 3 nS * exp(-distance / (100 um)) }")):
        runs = [Run(t, text.replace("SYNAPSE", s)) for s in settings]
        if t.check(all(r.good for r in runs), f"params of synapses: {settings}", "".join(r.process.stderr for r in runs)):
            rows = [r.rows("V")[-1] for r in runs]
            t.check(max(rows[0]) - min(rows[0]) > 0.1 and all(apart(x, rows[0]) < 1e-12 for x in rows), f"act as weights: {settings}", rows)


N, DT = 6, 0.25


def links(t, synapse, settings, rule="all_to_all"):
    """Weights and delays of a connection, seen by ramps that one source after the other sends."""
    w, d = [[0.0] * N for _ in range(N)], [[0.0] * N for _ in range(N)]
    each = ";  ".join(f"A[{j}].c = if who == {j} then 1 else 0" for j in range(N))
    model = t.write("links.nsl", "language 1\n" + NODE + f"""
network n {{
  param who = 0
  population A : node[{N}] {{ a = 0;  fb = 0 }}
  connect A -> A.I by {rule} with {synapse} {{ {settings} }}
}}
experiment e {{ network n {{ {each} }}
  record I of A
  run 20 ms with dt = {DT} ms }}""")
    program = t.path("links")
    p = call(NSLC, "build", model, "-o", program)
    if not t.check(p.returncode == 0, f"{synapse} {settings}", p.stderr):
        return None
    for j in range(N):
        call(program, "--csv", "--quiet", "--no-report", "--force", "--out", program + ".out", "--set", f"n.who={j}")
        with open(os.path.join(program + ".out", "I.csv")) as f:
            rows = [[float(x) for x in line.split(",")][1:] for line in list(f)[1:]]
        for i in range(N):
            w[i][j] = (rows[-1][i] - rows[-2][i]) / DT
            d[i][j] = (20 - DT / 2 - rows[-1][i] / w[i][j]) if abs(w[i][j]) > 1e-9 else 1.0
    return w, d


def past(history, j, steps_back):
    """x of j so many steps ago, on the line between grid points; its first value before 0."""
    at = len(history) - 1 - steps_back
    if at <= 0:
        return history[0][j]
    low = math.floor(at + 1e-9)
    part = at - low
    return history[low][j] if part < 1e-9 else history[low][j] * (1 - part) + history[low + 1][j] * part


def march(start, inflow, n, a=0.1, c=0.3):
    history = [start]
    decay = math.exp(-a * DT)
    for _ in range(n):
        flows = [inflow(history, i) for i in range(N)]
        history.append([x * decay + (c + f) * (1 - decay) / a for x, f in zip(history[-1], flows)])
    return history


def network(t, synapse, settings, rule="all_to_all"):
    starts = [0.1 * (i + 1) - 0.25 for i in range(N)]
    sets = ";  ".join(f"A[{i}].x = {x}" for i, x in enumerate(starts))
    return Run(t, NODE + f"""
network n {{
  population A : node[{N}] {{ c = 0.3 }}
  connect A -> A.I by {rule} with {synapse} {{ {settings} }}
}}
experiment e {{ network n {{ {sets} }}
  record x of A
  run 30 ms with dt = {DT} ms }}""", dt=DT), starts


def delays(t):
    cases = (("weight = 0.05;  delay = 1.5 ms", "one delay on the grid"), ("weight = -0.05;  delay = 1.6 ms", "one delay between grid points"),
             ("weight ~ normal(0, 0.05);  delay = 0.25 ms", "weights that are drawn, a delay of one step"),
             ("weight ~ normal(0, 0.05);  delay ~ uniform(0.3 ms, 12 ms)", "weights and delays that are drawn"))
    for settings, what in cases:
        found = links(t, "late", settings)
        if not found:
            continue
        w, d = found
        r, starts = network(t, "late", settings)

        def inflow(history, i):
            total = 0
            for j in range(N):
                back = d[i][j] / DT
                total += w[i][j] * 0.5 * (past(history, j, back) + past(history, j, back - 1))
            return total
        expected = march(starts, inflow, 120)
        good = r.good and max(apart(x, y) for x, y in zip(r.rows("x"), expected)) < 1e-9
        t.check(good, f"delayed rates: {what}", r.process.stderr or [r.rows("x")[-1], expected[-1]])


def no_self(t):
    for settings in ("weight = 0.05;  delay = 1.6 ms", "weight = 0.05;  delay = 0.75 ms"):
        r, starts = network(t, "late", settings, "all_to_all, no self")
        d = float(settings.split("delay = ")[1].split()[0]) / DT

        def inflow(history, i):
            return sum(0.05 * 0.5 * (past(history, j, d) + past(history, j, d - 1)) for j in range(N) if j != i)
        expected = march(starts, inflow, 120)
        t.check(r.good and max(apart(x, y) for x, y in zip(r.rows("x"), expected)) < 1e-11, f"no self: {settings}", r.process.stderr)


TABLES = """
neuron cell { input I : pA;  state V = 1 mV;  let i = I;  V' = 0 mV/ms * I / (1 pA) }
synapse shows { weight g : nS;  stream g * pre.V }
network n {
  population A : cell[6]
  %s
}
experiment e { network n
  record i of A
  run 1 ms with dt = 0.1 ms }
"""


def tables(t):
    """Tables of a population with itself: each pair of cells is one, so both sides of the table say the same, or it is refused."""
    size = 6
    table = [[0.0] * size for _ in range(size)]
    for i, j, x in ((0, 1, 2.0), (1, 4, 0.5), (2, 5, 3.0)):
        table[i][j] = table[j][i] = x
    table[3][3] = 7.0  # nobody is coupled with itself

    def written(values):
        return "".join(",".join(map(str, row)) + "\n" for row in values)
    for where, connect in (("a matrix", 'connect A -- A.I by matrix("g.csv") with shows { weight = entry * 1 nS }'),
                           ("a table", 'connect A -- A.I by all_to_all with shows { weight = csv("g.csv") nS }')):
        t.write("g.csv", written(table))
        r = Run(t, TABLES % connect)
        want = [sum(x for j, x in enumerate(row) if j != i) for i, row in enumerate(table)]
        t.check(r.good and run_json(r.out)["continuous_synapses"] == (3 if where == "a matrix" else 15), f"{where}: how many pairs", r.process.stderr)
        t.check(r.good and apart(r.rows("i")[-1], want) < 1e-12, f"{where} of both sides", r.process.stderr or r.rows("i"))
        for far in (0.0, 1.5):
            t.write("g.csv", written([[far if (i, j) == (4, 1) else x for j, x in enumerate(row)] for i, row in enumerate(table)]))
            r = Run(t, TABLES % connect)
            t.check(not r.good and "must be symmetric" in r.process.stderr and f"{far:g} for target 4 and source 1" in r.process.stderr,
                    f"{where} whose other side has {far:g}", r.process.stderr)
    t.write("g.csv", written([row[:3] for row in table[3:]]))  # between two halves a table has one side
    r = Run(t, TABLES % 'connect A[0..2] -- A[3..5].I by matrix("g.csv") with shows { weight = entry * 1 nS }')
    t.check(r.good and r.rows("i")[-1] == [0.0, 0.5, 3.0, 0.0, 0.5, 3.0], "a matrix between two halves", r.process.stderr or r.rows("i"))


def products(t):
    r, starts = network(t, "swift", "weight = 0.04")

    def inflow(history, i):
        return sum(0.04 * history[-1][j] * (1 - history[-1][i]) for j in range(N))
    expected = march(starts, inflow, 120)
    t.check(r.good and max(apart(x, y) for x, y in zip(r.rows("x"), expected)) < 1e-11, "what is the source's times what is the target's", r.process.stderr)


PHASES = """
neuron phase {{
  param w0 = 1
  input I
  state th = 0
  th' = (w0 + I) / (1 ms)
}}
synapse sine {{ param K = 0.3, lag = 0.2;  weight w = 1;  stream K * w * sin(pre.th - post.th - lag) / 10 }}
network n {{
  population A : phase[10] {{ th ~ uniform(0, 6);  w0 ~ normal(1, 0.2) }}
  connect A -> A.I by all_to_all with sine {{ {} }}
}}
experiment e {{ network n
  record th of A
  record w0 of A as own
  run 20 ms with dt = 0.1 ms }}"""


def kuramoto(t):
    """All-to-all by one sum, and row by row with weights that are drawn alike."""
    runs = [Run(t, PHASES.replace(";  weight w = 1", ";  weight w").format(s)) for s in ("weight = 1", "weight ~ uniform(1, 1.0000000001)")]
    if not t.check(all(r.good for r in runs), "phases coupled by sin(pre - post)", runs[0].process.stderr + runs[1].process.stderr):
        return
    th, own = runs[0].rows("th"), runs[0].rows("own")[0]
    worst = 0
    for k in range(len(th) - 1):
        for i in range(10):
            flow = 0.3 * sum(math.sin(th[k][j] - th[k][i] - 0.2) for j in range(10)) / 10
            worst = max(worst, abs(th[k + 1][i] - th[k][i] - 0.1 * (own[i] + flow)))
    t.check(worst < 1e-12, "sin of a difference is taken apart", worst)
    t.check(apart(runs[1].rows("th")[-1], th[-1]) < 1e-8, "one sum for all is the sum of rows")


LARGE = NODE + CELL + """
network n {
  param p = 0.01
  population A : node[1500] { x ~ normal(0, 1);  c ~ normal(0, 1) }
  population B : node[700] { x ~ normal(0, 1) }
  population G : cell[900] { V ~ normal(-65 mV, 5 mV) }
  connect A -> (A, B).I by probability(p) with late { weight ~ normal(0, 0.017);  delay ~ uniform(0.1 ms, 4 ms) }
  connect B -> A.I by indegree(10) with late { weight ~ uniform(-0.03, 0.03);  delay = 0.85 ms }
  connect B -> B.I by all_to_all, no self with swift { weight = 0.0001 }
  connect G -- G.I by probability(0.01) with gap { g = 1 nS }
}
experiment e { network n
  record x of A[0..9] every 1 ms
  run 20 ms with dt = 0.1 ms }"""
LATE = LARGE.replace("connect B -> B.I by all_to_all, no self with swift { weight = 0.0001 }", "").replace(
    "connect G -- G.I by probability(0.01) with gap { g = 1 nS }", "").replace("uniform(0.1 ms", "uniform(0.6 ms")


JOINT = LARGE.replace("dt = 0.1 ms", "dt = 0.1 ms, coupling = joint")


def state(program, *options):
    p = call(program, *options)
    folder = options[options.index("--out" if "--out" in options else "--resume") + 1]
    return run_json(folder)["state_hash"] if p.returncode == 0 else p.stderr


def kill_at_checkpoint(program, *options):
    """Kills a run when it has written a checkpoint, well before its end."""
    out = options[options.index("--out") + 1]
    p = subprocess.Popen([program, *options], stderr=subprocess.DEVNULL)
    while p.poll() is None and not os.path.exists(os.path.join(out, "checkpoint")):
        time.sleep(0.005)
    p.send_signal(signal.SIGKILL)
    p.wait()


def bits(t):
    """Threads, checkpoints, precision; where all is late, intervals of several steps."""
    for what, text in (("gaps and rates", LARGE), ("delays of 6 steps and more", LATE), ("joint steps", JOINT)):
        hashes = {}
        for n in (1, 3):
            r = Run(t, text, "--threads", str(n))
            hashes[n] = run_json(r.out)["state_hash"] if r.good else r.process.stderr
        t.check(len(set(hashes.values())) == 1 and r.good, f"{what}: 1 and 3 threads have the same bits", hashes)
        model = t.write("large.nsl", "language 1\n" + text)
        out = t.path("resumed")
        options = ["--quiet", "--no-report", "--csv", "--force"]
        program = t.path("killed")
        p = call(NSLC, "build", model, "-o", program)
        if not t.check(p.returncode == 0, f"{what}: build", p.stderr):
            continue
        whole = state(program, *options, "--duration", "300ms", "--out", t.path("whole"))
        kill_at_checkpoint(program, *options, "--duration", "300ms", "--checkpoint", "model=5ms", "--out", out)
        again = state(program, "--quiet", "--no-report", "--resume", out, "--threads", "2")
        t.check(whole == again, f"{what}: the same from a checkpoint on, on other threads", [whole, again])
    exact = Run(t, LARGE)
    program = t.path("single")
    p = call(NSLC, "build", t.write("single.nsl", "language 1\n" + LARGE), "-o", program, "--precision", "f32")
    p = p if p.returncode else call(program, "--csv", "--quiet", "--no-report", "--force", "--out", program + ".out")
    exact.out, out = program + ".out", exact.out
    single = exact.rows("x")[-1] if p.returncode == 0 else []
    exact.out = out
    t.check(p.returncode == 0 and apart(single, exact.rows("x")[-1]) < 1e-4, "float32 is near", p.stderr or [single[:3], exact.rows("x")[-1][:3]])


VERIFIED = """
neuron unit {
  input I : pA
  state V ~ uniform(-65 mV, -50 mV), q = 0 mV
  V' = (-65 mV - V) / (20 ms) + (I + 90 pA) / (100 pF)
  receive exc(w : mV) { V += w }
  receive ap(w : mV) { q = 0.9 * q + w }
  spike when V >= -50 mV { V = -65 mV;  hold V for 2 ms }
}
synapse gap { weight g : nS;  stream g * (pre.V - post.V) }
synapse late { weight g : pA;  stream g * delayed(pre.V, delay) / (65 mV) }
synapse opens { weight g : pA;  state s = 0;  s' = (pre.q / (1 mV) - s) / (5 ms);  stream g * s }
synapse learns { weight w : mV in [0 mV, 1 mV]
  state x = 0 per pre
  x' = -x / (20 ms)
  on pre { send w;  x += 1 }
  on post { w += 0.01 mV * x } }
network n {
  population E : unit[900]
  population D : unit[1800]
  connect E -- (E, D).I by indegree(3) with gap { weight ~ uniform(0 nS, 0.2 nS) }
  connect D -> E.I by probability(0.01) with late { weight = -1 pA;  delay ~ uniform(0.5 ms, 3 ms) }
  connect E -> D.I by indegree(4) with opens { weight = 1 pA }
  connect E -> D.exc by indegree(20) { weight ~ uniform(0 mV, 1 mV);  delay ~ uniform(0.3 ms, 4 ms) }
  connect D -> E.ap by indegree(5) { weight = 0.5 mV;  delay = 1 ms }
  connect E -> E.exc by indegree(5) with learns { weight = 0.2 mV;  delay = 1.2 ms }
  drive E.exc with poisson(2 kHz) { weight = 0.4 mV }
}
experiment e { network n
  record spikes of (E, D)
  run 60 ms with dt = 0.1 ms, seed = 4 }"""


def verified(t):
    """--verify beside continuous synapses: all events are looked at, and no bit is changed; of both precisions, of rows made anew, of joint steps."""
    held = [line for line in VERIFIED.splitlines() if "opens" not in line]
    for what, text, options in (("float64", VERIFIED, ()), ("float32", VERIFIED, ("--precision", "f32")), ("rows made anew", VERIFIED, ("--connectivity", "procedural")),
                                ("joint steps", "\n".join(held).replace("seed = 4", "seed = 4, coupling = joint"), ())):
        plain, looked = Run(t, text, "--threads", "1", *options), Run(t, text, "--threads", "2", "--verify", *options)
        facts = [run_json(r.out) if r.good else {} for r in (plain, looked)]
        counts = facts[1].get("verified", {})
        t.check(facts[0].get("state_hash", 0) == facts[1].get("state_hash", 1), f"--verify, {what}: the same bits", plain.process.stderr + looked.process.stderr)
        t.check(counts.get("events", 0) > 100 and len(looked.good and looked.spikes()) > 500, f"--verify, {what}: events are looked at", counts)


def refused(t):
    cases = (("late", "weight = 1;  delay = 0.05 ms", "less than one step"), ("late", "weight ~ normal(1, 1);  delay ~ uniform(0 ms, 1 ms)", "less than one step"))
    for synapse, settings, words in cases:
        r, _ = network(t, synapse, settings)
        t.check(not r.good and words in r.process.stderr, f"refused: {settings}", r.process.stderr)


def main():
    t = Tap()
    gap_pair(t)
    joint(t)
    charge(t)
    each(t)
    delays(t)
    no_self(t)
    tables(t)
    products(t)
    kuramoto(t)
    bits(t)
    verified(t)
    refused(t)
    t.done()


main()

#!/usr/bin/env python3
"""Protocols against plain Python written from the reference: waveforms, noise, trains whose rate changes, files, phases, measures. Models run
through `nslc run … --csv`; what is random is held against its law with bounds that fail once in a million."""
import json
import math
import os

from semantics import Run, compare, mean_of, same, variance
from tap import NSLC, Tap, call, run_json

BOX = """
neuron box { input I : pA
  state q = 0 fC, seen = 0 pA
  q' = I
  seen' = (I - seen) / (1 us)
  receive ev(w : fC) { q += w } }
"""


def steps_of(column):
    """The current of each step from the charge that it adds, dt = 0.1 ms."""
    return [(b - a) / 0.1 for a, b in zip(column, column[1:])]


def inside(step, a, b):
    """Step number n ends at n * 0.1 ms: does a current given from a to b act on it?"""
    return a / 0.1 + 1e-6 < step <= b / 0.1 + 1e-6


def middle(step):
    return (step - 0.5) * 0.1


# ---- waveforms

def waveforms(t):
    tau = 2 * math.pi
    cases = {
        "constant(7 pA)": lambda n: 7,
        "step(7 pA, from = 0.3 ms, to = 0.8 ms)": lambda n: 7 * inside(n, 0.3, 0.8),
        "step(7 pA, from = 0.35 ms)": lambda n: 7 * (n >= 4),
        "step([1 pA, 3 pA, 0 pA], at = [0.2 ms, 0.5 ms, 1.5 ms])": lambda n: inside(n, 0.2, 0.5) + 3 * inside(n, 0.5, 1.5),
        "ramp(2 pA, 12 pA, from = 0.5 ms, to = 1.5 ms)": lambda n: (2 + 10 * (middle(n) - 0.5)) * inside(n, 0.5, 1.5),
        "sine(5 pA, frequency = 400 Hz)": lambda n: 5 * math.sin(tau * 0.4 * middle(n)),
        "sine(5 pA, frequency = 400 Hz, phase = 1, mean = 2 pA, from = 0.4 ms, to = 1.2 ms)":
            lambda n: (2 + 5 * math.sin(tau * 0.4 * (middle(n) - 0.4) + 1)) * inside(n, 0.4, 1.2),
        "chirp(5 pA, first = 100 Hz, last = 900 Hz, from = 0.2 ms, to = 1.7 ms)":
            lambda n: 5 * math.sin(tau * (0.1 * (middle(n) - 0.2) + 0.8 / 1.5 * (middle(n) - 0.2) ** 2 / 2)) * inside(n, 0.2, 1.7),
        "pulses(5 pA, width = 0.2 ms, every = 0.5 ms, from = 0.3 ms, to = 1.5 ms)":
            lambda n: 5 * any(inside(n, 0.3 + 0.5 * k, 0.5 + 0.5 * k) for k in range(9)) * inside(n, 0.3, 1.5),
        "3 pA + 2 * step(1 pA, to = 1 ms) - ramp(0 pA, 1 pA, to = 2 ms)":
            lambda n: 3 + 2 * inside(n, 0, 1) - middle(n) / 2,
        "4 pA * exp(-t / (1 ms))": lambda n: 4 * math.exp(-middle(n)),
    }
    model = BOX + f"network net {{ population P : box[{len(cases)}]\n"
    model += "".join(f"  drive P[{k}].I with {source}\n" for k, source in enumerate(cases))
    model += "}\nexperiment e { network net\n  record q of P every 0.1 ms\n  run 2 ms with dt = 0.1 ms }\n"
    run = Run(t, model)
    for k, (source, law) in enumerate(cases.items()):
        compare(t, run, f"I with {source}", lambda r: [(steps_of(r.column("q", k)), [law(n) for n in range(1, 21)])], 1e-9)
    single = Run(t, model, "--precision", "f32")
    compare(t, single, "the same in f32", lambda r: [(r.rows("q")[-1], Run.rows(run, "q")[-1])], 1e-5)


def membrane(t):
    """V' = -V / tau + I / C under a sine: constant over each step, exact in it."""
    model = """
neuron cell { input I : pA
  state V = 0 mV
  V' = -V / (10 ms) + I / (100 pF) }
experiment e { neuron cell
  drive I with sine(200 pA, frequency = 20 Hz)
  record V every 0.1 ms
  run 100 ms with dt = 0.1 ms
  expect max(V) in [0 V, 0.02 V]
  expect value(V, at = 50 ms) in [-20 mV, 20 mV]
  expect mean(V) in [-20 mV, 20 mV] during 50 ms..100 ms
  expect min(V - 1 mV) + 1 mV < 0 mV after 20 ms }
"""
    v, all_v = 0.0, [0.0]
    for n in range(1, 1001):
        i = 200 * math.sin(2 * math.pi * 0.02 * middle(n))
        v = v * math.exp(-0.01) + i * 10 / 100 * (1 - math.exp(-0.01))
        all_v.append(v)
    run = Run(t, model)
    compare(t, run, "a passive membrane under a sine", lambda r: [(r.column("V"), all_v)])
    if run.good:
        expects = run_json(run.out)["expect"]
        found = [x["value"] for x in expects]
        t.check([x["unit"] for x in expects] == ["V", "mV", "mV", "mV"], "what is expected is shown in the unit of its limit", expects)
        t.check(same(found, [max(all_v[1:]) / 1000, all_v[500], mean_of(all_v[501:]), min(all_v[201:])], 1e-9), "max, value, mean and min of a variable",
                (found, max(all_v), all_v[500]))


# ---- noise

def noise(t):
    n, steps, tau = 200, 1500, 2.0
    model = BOX + f"""
network net {{ population P : box[{n}]
  population W : box[{n}]
  drive P.I with noise(30 pA, tau = {tau} ms, mean = 50 pA)
  drive W.I with 10 pA*ms^0.5 * white_noise() }}
experiment e {{ network net
  record q of P every 0.1 ms
  record q of W as white every 0.1 ms
  run {steps / 10} ms with dt = 0.1 ms, seed = 3 }}
"""
    runs = [Run(t, model, "--threads", k) for k in "12"]
    if not all(r.good for r in runs):
        return t.check(False, "noise runs", runs[0].process.stderr)
    same_bits = runs[0].rows("q") == runs[1].rows("q") and run_json(runs[0].out)["state_hash"] == run_json(runs[1].out)["state_hash"]
    t.check(same_bits, "noise is the same for any number of threads")
    cells = [steps_of(c) for c in zip(*runs[0].rows("q"))]
    values = [x for c in cells for x in c]
    independent = n * steps * 0.1 / (2 * tau)
    t.check(abs(mean_of(values) - 50) < 5 * 30 / math.sqrt(independent), "noise: mean", mean_of(values))
    t.check(abs(variance(values) / 900 - 1) < 5 * math.sqrt(2 / independent), "noise: standard deviation", math.sqrt(variance(values)))
    start = [c[0] for c in cells]
    t.check(abs(variance(start) / 900 - 1) < 5 * math.sqrt(2 / n), "noise begins in its stationary state", math.sqrt(variance(start)))
    for lag in (1, 20, 60):
        found = mean_of((c[i] - 50) * (c[i + lag] - 50) for c in cells for i in range(0, steps - lag, 5)) / 900
        t.check(abs(found - math.exp(-lag * 0.1 / tau)) < 5 * math.sqrt(2 / independent), f"noise: correlation after {lag / 10} ms", found)
    across = mean_of((a[i] - 50) * (b[i] - 50) for a, b in zip(cells, cells[1:]) for i in range(0, steps, 40)) / 900
    t.check(abs(across) < 5 / math.sqrt(n * steps / 40), "noise of two targets is independent", across)
    white = [x for c in zip(*runs[0].rows("white")) for x in steps_of(c)]
    t.check(abs(variance(white) / (100 / 0.1) - 1) < 5 * math.sqrt(2 / len(white)), "white_noise(): variance 1/dt in each step", variance(white))


# ---- rates

def rates(t):
    n, ms = 1000, 40
    model = f"""
neuron sink {{ state n = 0, m = 0
  n' = 0
  m' = 0
  receive ev() {{ n += 1 }}
  receive slow() {{ m += 1 }} }}
network net {{ population P : sink[{n}]
  population Q : sink[{n}]
  population R : sink[{n}]
  drive P.ev with poisson(sine(400 Hz, frequency = 50 Hz, mean = 500 Hz))
  drive P.slow with poisson(step(2 kHz, from = 5 ms, to = 7 ms)) {{ delay = 3 ms }}
  drive Q.ev with poisson(uniform(100 Hz, 900 Hz) * (1 + sin(t / (3 ms))))
  drive R.ev with poisson(1 kHz) {{ delay ~ uniform(1 ms, 5 ms) }} }}
experiment e {{ network net
  record n of P every 1 ms
  record m of P every 1 ms
  record n of Q as drawn every 1 ms
  record n of R as late every 1 ms
  run {ms} ms with dt = 0.1 ms, seed = 5 }}
"""
    run = Run(t, model)
    if not run.good:
        return t.check(False, "rates run", run.process.stderr)

    def counts(record):
        rows = run.rows(record)
        return [[b - a for a, b in zip(x, y)] for x, y in zip(rows, rows[1:])]

    def chi(record, law, what, drop=0):
        found = [sum(r) for r in counts(record)]
        want = [n * law(k) for k in range(ms)]
        x = sum((f - w) ** 2 / w for f, w in zip(found, want) if w > 0)
        bins = sum(w > 0 for w in want)
        empty = all(f == 0 for f, w in zip(found, want) if w == 0)
        t.check(empty and abs(x - bins) < 5 * math.sqrt(2 * bins), f"{what}: chi-square {x:.1f} of {bins} bins of 1 ms", found)

    chi("n", lambda k: sum((0.5 + 0.4 * math.sin(2 * math.pi * 0.05 * (k + 0.1 * i + 0.05))) * 0.1 for i in range(10)), "poisson with a sine as rate")
    chi("m", lambda k: 2 * (8 <= k < 10), "poisson with a step as rate, 3 ms later")
    chi("drawn", lambda k: 0.5 * sum(1 + math.sin((k + 0.1 * i + 0.05) / 3) for i in range(10)) * 0.1, "poisson with a drawn rate")
    total = run.rows("drawn")[-1]
    spread, poisson = variance(total), mean_of(total)
    share = (spread - poisson) / poisson ** 2  # of the drawn rates: (800^2 / 12) / 500^2
    t.check(abs(share - 0.2133) < 0.04, "each element has its own rate", share)
    late = [sum(r) / n for r in counts("late")]
    t.check(late[0] == 0 and abs(mean_of(late[6:]) - 1) < 0.03 and abs(late[2] - 0.375) < 0.12, "delays drawn for each target", late[:8])
    bad = Run(t, model.replace("mean = 500 Hz", "mean = 300 Hz"))
    t.check(bad.process.returncode == 1 and "rate is -" in bad.process.stderr and "max(0 Hz" in bad.process.stderr, "a rate that falls below 0 is refused",
            bad.process.stderr)


def weights(t):
    model = BOX + """
network net { population P : box[5000]
  drive P.ev with times([1 ms, 2 ms]) { weight ~ normal(10 fC, 2 fC);  delay ~ uniform(0.1 ms, 0.9 ms) } }
experiment e { network net
  record q of P every 0.5 ms
  run 4 ms with dt = 0.1 ms }
"""
    run = Run(t, model)
    if not run.good:
        return t.check(False, "drawn weights run", run.process.stderr)
    once, twice = run.rows("q")[4], run.rows("q")[-1]
    t.check(abs(mean_of(once) - 10) < 5 * 2 / math.sqrt(5000) and abs(variance(once) / 4 - 1) < 5 * math.sqrt(2 / 5000), "weight ~ normal(…) of a drive",
            (mean_of(once), variance(once)))
    t.check(all(abs(b - 2 * a) < 1e-6 for a, b in zip(once, twice)), "a target keeps its weight")


def weights_of_times(t):
    """Each event has its own weight, onto a port that sums and onto one whose handler does not only add; lists and columns of a file."""
    t.write("events.csv", "t, w\n0.7, 10\n1.2, -20\n")
    model = BOX.replace("q += w }", "q += w }\n  receive mul(w) { seen = seen * w + 1 pA }").replace("seen' = (I - seen) / (1 us)", "seen' = 0") + """
network net {
  param J = 2 fC
  population P : box[130]
  drive P[1..100].ev with times([1 ms, 2 ms, 2 ms, 3 ms], weights = [1 fC, J, -3 * J, 0.25 fC])
  drive P.mul with times([1 ms, 1.5 ms, 1.5 ms], weights = [2, 3, 5]) { delay = 0.5 ms }
  drive P[7].ev with times(csv("events.csv").t ms, weights = csv("events.csv").w fC)
}
experiment e { network net
  record q of P every 0.5 ms
  record seen of P every 0.5 ms
  run 4 ms with dt = 0.1 ms }
"""

    def law(cell, J=2):
        events = [(1, 1), (2, J), (2, -3 * J), (3, 0.25)] if 1 <= cell <= 100 else []
        return [sum(w for at, w in events + ([(0.7, 10), (1.2, -20)] if cell == 7 else []) if at <= n / 2) for n in range(9)]

    some = [0, 1, 7, 64, 100, 101, 129]
    seen = [0] * 3 + [1] + [(1 * 3 + 1) * 5 + 1] * 5  # at 1.5 ms: 0 * 2 + 1
    for options in ((), ("--precision", "f32", "--threads", "2")):
        compare(t, Run(t, model, *options), f"times with weights {' '.join(options)}".strip(),
                lambda r: [(r.column("q", k), law(k)) for k in some] + [(r.column("seen", k), seen) for k in some], 1e-6)
    compare(t, Run(t, model, "--set", "net.J=4 fC"), "a weight among them is set", lambda r: [(r.column("q", k), law(k, 4)) for k in some])
    wrong = Run(t, model.replace("-3 * J", "J * (1 fC) / (J - 4 fC)"), "--set", "net.J=4 fC")
    t.check(not wrong.good and "the weight is" in wrong.process.stderr, "a weight among them that is no number", wrong.process.stderr)


# ---- files

def files(t):
    base = BOX + """
network net { population P : box[3]
  drive P.I with samples("data/i.csv") { t : ms;  I : pA }
  drive P[1..2].ev with spikes("s.csv") { weight = 5 fC;  delay = 0.2 ms } }
experiment e { network net
  record q of P every 0.1 ms
  run 2 ms with dt = 0.1 ms }
"""
    os.makedirs(t.path("data"), exist_ok=True)
    t.write("data/i.csv", "# a stimulus\nt, other, I\n0, 9, 1\n0.25, 9, 3\n0.5, 9, -2\n\n1, 9, 4\n")
    t.write("s.csv", "t_ms,population,id\n0.3,X,1\n0.7,X,2\n0.7,X,2\n1.2,X,1\n9,X,1\n")
    law = [1] * 2 + [2] + [3] * 2 + [-2] * 5 + [4] * 5 + [0] * 5  # the step (0.2, 0.3] has half of each
    late = {1: [5, 14], 2: [9, 9]}
    run = Run(t, base)

    def charge(cell):
        return [sum(law[:n]) * 0.1 + 5 * sum(e <= n for e in late.get(cell, [])) for n in range(21)]

    compare(t, run, "samples and spikes of CSV files", lambda r: [(r.column("q", k), charge(k)) for k in range(3)])
    if run.good:
        info = run_json(run.out)
        t.check(sorted(info["data"]) == ["data/i.csv", "s.csv"], "run.json has the hashes of the files", info["data"])
        t.check(any("after the end of the run" in w for w in info["warnings"]) and "warning" in run.process.stderr, "spikes after the end: a warning",
                info["warnings"])
    program = t.path("prog")
    built = call(NSLC, "build", t.write("files.nsl", "language 1\n" + base), "-o", program)
    own = call(program, "--csv", "--quiet", "--out", t.path("prog.out"), cwd="/")
    t.check(built.returncode == 0 and own.returncode == 0 and run.good and
            run_json(t.path("prog.out"))["state_hash"] == run_json(run.out)["state_hash"], "a built program reads them from the model's folder", own.stderr)

    replay = BOX + """
network net { population P : box[3]
  drive P.I with samples("rec/I.csv") { t_ms : ms;  id : pA } }
experiment e { network net
  record q of P every 0.1 ms
  run 1 ms with dt = 0.1 ms }
"""
    os.makedirs(t.path("rec"), exist_ok=True)
    t.write("rec/I.csv", "t_ms,2,0,1\n" + "".join(f"{i / 10},{i},{2 * i},{3 * i}\n" for i in range(10)))
    compare(t, Run(t, replay), "a column for each element", lambda r: [(steps_of(r.column("q", k)), [f * i for i in range(10)]) for k, f in
                                                                       enumerate((2, 3, 1))])
    source = Run(t, BOX + """
network net { population P : box[4]
  drive P.I with sine(20 pA, frequency = 100 Hz) + noise(3 pA, tau = 1 ms) }
experiment e { network net
  record I of P every 0.1 ms
  record q of P every 0.1 ms
  run 5 ms with dt = 0.1 ms }
""")
    if not source.good:
        return t.check(False, "a recorded input", source.process.stderr)
    again = Run(t, BOX + f"""
network net {{ population P : box[4]
  drive P.I with samples("{os.path.basename(source.out)}/I.h5") }}
experiment e {{ network net
  record q of P every 0.1 ms
  run 4.9 ms with dt = 0.1 ms }}
""")
    # the sample at T is the current of the step that ends there; replayed, it acts on the step that begins there
    compare(t, again, "a report (.h5) is a stimulus",
            lambda r: [(steps_of(r.column("q", k)), [source.column("I", k)[i] for i in range(49)]) for k in range(4)], 1e-6)


def steps_of_a_run(t):
    """A run shorter than a step is refused; one that ends between steps says where it ends."""
    model = "language 1\n" + BOX + """
experiment e { neuron box
  record q
  run 10 ms with dt = %s }
"""
    out = t.path("steps.out")
    p = call(NSLC, "run", t.write("steps.nsl", model % "30 ms"), "--", "--out", out)
    t.check(p.returncode == 1 and "a run of 10 ms is less than one step of 30 ms" in p.stderr and not os.path.exists(out),
            "a run of less than a step is refused", p.stderr)
    p = call(NSLC, "run", t.write("steps.nsl", model % "1 ms" + "experiment f { neuron box\n  run 2 ms as a with dt = 1 ms\n  run 0.1 ms as b }\n"), "--",
             "--experiment", "f", "--out", out)
    t.check(p.returncode == 1 and "a run of 0.1 ms is less than one step of 1 ms" in p.stderr and not os.path.exists(out),
            "a phase of less than a step is refused", p.stderr)
    p = call(NSLC, "run", t.write("steps.nsl", model % "3 ms"), "--", "--out", out)
    t.check(p.returncode == 0 and "10 ms are no whole number of steps of 3 ms: the run ends at 9 ms" in p.stderr,
            "a run that ends between steps says so", p.stderr)


def wrong_files(t):
    model = "language 1\n" + BOX + """
network net { population P : box[3]
  drive P.%s }
experiment e { network net
  run 2 ms with dt = 0.1 ms }
"""
    samples, spikes = 'I with samples("x.csv") { t : ms;  I : pA }', 'ev with spikes("x.csv") { weight = 5 fC }'
    cases = [
        (samples, None, "there is no file x.csv"),
        (samples, "", "x.csv is empty"),
        (samples, "t,I\n", "x.csv holds no samples"),
        (samples, "t,J\n0,1\n", "no column `I`; its columns: t, J"),
        (samples, "t,I\n0,1\n1,x\n", "line 3, column I: `x` is not a number"),
        (samples, "t,I\n0,1\n1,nan\n", "line 3, column I: `nan` is not a finite number"),
        (samples, "t,I\n0,1\n1\n", "line 3 has 1 columns, the header 2"),
        (samples, "t,I\n0,1\n1,\n", "line 3, column I: a number is missing"),
        (samples, "t,I\n1,1\n0.5,1\n", "line 3, column t: the times must rise: 0.5 ms stands after 1 ms"),
        (samples, "t,I\n0,1\0\n", "NUL byte"),
        (spikes, "t_ms,id\n1,0\n0.5,1\n", "line 3, column t_ms: the times fall"),
        (spikes, "t_ms,id\n1,3\n", "spike 1 is of element 3, but P[0..2] is driven"),
        (spikes, "t_ms,id\n1,1.5\n", "line 2, column id: `1.5` is not a whole number"),
        (spikes, "t_ms,id\n-1,1\n", "spike 1 is at -1 ms"),
        (spikes, "time,id\n1,1\n", "no column `t_ms`"),
        (spikes, "t_ms,id\n1,1,2\n", "line 2 has 3 columns, the header 2"),
        (spikes, "t_ms,id,id\n1,1,2\n", "x.csv has 2 columns `id`"),
        (spikes, "t_ms,id,population\n1,1,A\n2,1,B\n", "several populations (A, B, …): say which with of"),
        (samples, "t,I,I\n0,1,2\n", "x.csv has 2 columns `I`"),
        ('I with samples("x.csv") { t : ms;  id : pA }', "t,0,1,2,1\n0,1,2,3,4\n", "x.csv has 2 columns `1`"),
        ('I with samples("x.csv") { t : ms;  id : pA }', "t,0,1,2,3\n0,1,2,3,4\n", "x.csv has a column for element 3, but P has the elements 0..2"),
        ('I with samples("x.csv") { t : ms;  id : pA }', "t,0,1\n0,1,2\n", "x.csv has no column for element 2 of P"),
        ('ev with poisson(10 Hz) { weight ~ normal(1 fC, 1 fC) within [90 fC, inf) }', None, "the weight is NaN: an operation without a result (0 / 0), or a draw of which 10,000 were not `within` its bounds"),
        ('ev with poisson(10 Hz) { weight = 1 fC;  delay ~ normal(1 ms, 0.1 ms) within [9 ms, inf) }', None, "the delay is NaN"),
        ('ev with spikes("x.h5") { weight = 5 fC }', "HDF?", "not a whole HDF5 file"),
        ('I with samples("x.h5")', None, "there is no file x.h5"),
        ('I with samples("data") { t : ms;  I : pA }', None, "data is not a file"),
    ]
    folder = t.path("wrong")
    os.makedirs(os.path.join(folder, "data"), exist_ok=True)
    for k, (source, text, message) in enumerate(cases):
        for name in ("x.csv", "x.h5"):
            if os.path.exists(os.path.join(folder, name)):
                os.remove(os.path.join(folder, name))
        if text is not None:
            with open(os.path.join(folder, "x.h5" if "x.h5" in source else "x.csv"), "w") as f:
                f.write(text)
        path = t.write(f"wrong/m{k}.nsl", model % source)
        out = t.path(f"wrong{k}.out")
        p = call(NSLC, "run", path, "--", "--out", out)
        t.check(p.returncode == 1 and message in p.stderr and f"m{k}.nsl:" in p.stderr and not os.path.exists(out), f"a wrong file: {message}", p.stderr)
    t.write("elsewhere.csv", "t,I\n0,1\n")
    path = t.write("wrong/out.nsl", model % 'I with samples("../elsewhere.csv") { t : ms;  I : pA }')
    p = call(NSLC, "run", path, "--", "--out", t.path("out1"))
    t.check(p.returncode == 1 and "outside of the folder" in p.stderr, "a path that climbs out is refused", p.stderr)
    p = call(NSLC, "run", path, "--allow-read", t.scratch, "--", "--out", t.path("out2"), "--quiet")
    t.check(p.returncode == 0, "--allow-read lets it be read", p.stderr)
    os.symlink(t.path("elsewhere.csv"), t.path("wrong/link.csv"))
    path = t.write("wrong/link.nsl", model % 'I with samples("link.csv") { t : ms;  I : pA }')
    p = call(NSLC, "run", path, "--", "--out", t.path("out3"))
    t.check(p.returncode == 1 and "--allow-read" in p.stderr, "a link that leads out is refused", p.stderr)


def sonata(t):
    """Spikes that a run has written drive another; a file that is cut off is refused."""
    emit = """
neuron clock { param p = 1 ms
  state x = 0
  x' = 1 / p
  spike when x >= 0.99999999 { x = 0 } }
network src { population S : clock[3] { p ~ uniform(0.3 ms, 0.9 ms) } }
experiment e { network src
  record spikes of S
  run 5 ms with dt = 0.1 ms, seed = 2 }
"""
    source = Run(t, emit)
    if not source.good:
        return t.check(False, "a run with spikes", source.process.stderr)
    folder = os.path.basename(source.out)
    model = BOX + """
network net { population P : box[3]
  drive P.ev with spikes("%s/spikes.h5") { weight = 1 fC;  delay = 0.5 ms } }
experiment e { network net
  record q of P every 0.1 ms
  run 6 ms with dt = 0.1 ms }
"""
    want = [[sum(s + 5 <= n for s in source.of("S", k)) for n in range(61)] for k in range(3)]
    run = Run(t, model % folder)
    compare(t, run, "spikes.h5 of one run drives another", lambda r: [(r.column("q", k), want[k]) for k in range(3)])
    whole = open(os.path.join(source.out, "spikes.h5"), "rb").read()
    os.makedirs(t.path("cut"), exist_ok=True)
    for part in (0, 100, len(whole) // 2, len(whole) - 500):
        with open(t.path("cut/spikes.h5"), "wb") as f:
            f.write(whole[:part])
        p = Run(t, model % "cut").process
        t.check(p.returncode == 1 and "cut/spikes.h5" in p.stderr, f"a file cut off after {part} bytes is refused", p.stderr)


# ---- phases, measures

def phases(t):
    model = BOX + """
network net { population P : box[2] }
experiment e { network net
  record q of P every 0.1 ms
  run 0.5 ms as before with dt = 0.1 ms
  run 0.7 ms as test {
    drive P[0].I with constant(10 pA)
    drive P[1].I with sine(10 pA, frequency = 100 Hz)
    drive P[1].ev with times([0.2 ms, 0.8 ms]) { weight = 1 fC } }
  run 0.8 ms as rest
  expect mean(P.I) in [0 pA, 20 pA] during test }
"""
    first = [10 * inside(n, 0.5, 1.2) for n in range(1, 21)]
    second = [10 * math.sin(2 * math.pi * 0.1 * middle(n)) * inside(n, 0.5, 1.2) + 10 * (n == 8) for n in range(1, 21)]
    run = Run(t, model)
    compare(t, run, "drives of a phase act in it",
            lambda r: [(steps_of(r.column("q", 0)), first), (steps_of(r.column("q", 1)), second)])
    if run.good:
        want = mean_of([10] * 7 + [10 * math.sin(2 * math.pi * 0.1 * middle(n)) for n in range(6, 13)])
        t.check(abs(run_json(run.out)["expect"][0]["value"] - want) < 1e-9, "a measure during a phase", run_json(run.out)["expect"])


def measures(t):
    model = """
neuron lif { input I : pA
  state V = -70 mV
  V' = (-70 mV - V) / (10 ms) + I / (250 pF)
  receive ev(w : mV) { V += w }
  spike when V >= -55 mV { V = -70 mV;  hold V for 2 ms } }
network net {
  param hope = 30 Hz
  population P : lif[60] { V ~ uniform(-70 mV, -56 mV) }
  population Q : lif[30]
  population S : lif[1]
  drive (P, Q).ev with poisson(6 kHz) { weight = 0.3 mV }
  drive S.ev with poisson(4 kHz) { weight = 4 mV }
  connect S -> P.ev by all_to_all { weight = 3 mV;  delay = 1 ms } }
experiment e { network net
  record spikes of (P, Q, S)
  run 1 s with dt = 0.1 ms, seed = 4
  expect rate(P) / rate(Q) in [0, 10] during 100 ms..900 ms
  expect abs(rate((P, Q)) - hope) < 1000 Hz after 0.3 s
  expect rate(P) > rate(Q)
  expect spikes(P[0..9]) + spikes(Q) >= 0
  expect latency(Q) in [0 s, 1000 ms] after 250 ms
  expect correlation(P, bin = 5 ms) in [-1, 1] after 100 ms
  expect fano(P, bin = 50 ms) < 5
  expect synchrony((P, Q), bin = 3 ms) < 50 during 100 ms..905 ms
  expect cv_isi(P) < 2
  expect rate(Q) in [1000 Hz, 2 * hope + 2000 Hz] }
"""
    runs = [Run(t, model, "--threads", k) for k in "123"]
    spikes = {p: [(s, i) for s, q, i in runs[0].spikes() if q == p] for p in "PQ"}
    infos = [run_json(r.out) for r in runs]
    values = [[(x["value"], x["holds"]) for x in i["expect"]] for i in infos]
    t.check(values[0] == values[1] == values[2], "measures are the same for any number of threads")
    found = [x["value"] for x in infos[0]["expect"]]

    def rate(chosen, cells, a, b):
        return sum(a < s <= b for s, _ in chosen) / cells / (b - a) * 1e4

    def binned(chosen, cells, a, b, width):
        n = (b - a) // width
        table = [[0] * n for _ in range(cells)]
        for s, i in chosen:
            if a < s <= a + n * width:
                table[i][(s - a - 1) // width] += 1
        return table

    def pearson(x, y):
        mx, my = mean_of(x), mean_of(y)
        return mean_of((a - mx) * (b - my) for a, b in zip(x, y)) / math.sqrt(mean_of((a - mx) ** 2 for a in x) * mean_of((b - my) ** 2 for b in y))

    p, q = spikes["P"], spikes["Q"]
    table = binned(p, 60, 1000, 10000, 50)
    pairs = [pearson(table[i], table[j]) for i in range(60) for j in range(i)]
    wide = binned(p, 60, 0, 10000, 500)
    both = p + [(s, i + 60) for s, i in q]
    hist = [sum(c) for c in zip(*binned(both, 90, 1000, 9050, 30))]

    def cv(cell):
        times = [s for s, i in p if i == cell]
        gaps = [b - a for a, b in zip(times, times[1:])]
        return math.sqrt(mean_of(g * g for g in gaps) - mean_of(gaps) ** 2) / mean_of(gaps) if len(times) >= 4 else None

    want = [rate(p, 60, 1000, 9000) / rate(q, 30, 1000, 9000), abs(rate(p + q, 90, 3000, 10000) - 30), rate(p, 60, 0, 10000),
            sum(i < 10 for _, i in p) + len(q), min(s for s, _ in q if s > 2500) / 10 - 250, mean_of(pairs),
            mean_of((mean_of(x * x for x in c) - mean_of(c) ** 2) / mean_of(c) for c in wide if sum(c)),
            (mean_of(x * x for x in hist) - mean_of(hist) ** 2) / mean_of(hist), mean_of(c for c in map(cv, range(60)) if c is not None),
            rate(q, 30, 0, 10000)]
    for x, f, w in zip(infos[0]["expect"], found, want):
        t.check(abs(f - w) <= 1e-9 * max(1, abs(w)), f"expect {x['text']}", f"found {f}, expected {w}")
    t.check(mean_of(pairs) > 0.02, "a shared input correlates", mean_of(pairs))
    last = infos[0]["expect"][-1]
    t.check(not last["holds"] and last["interval"] == "[1000, 2060] Hz" and last["place"].endswith(":28:3") and runs[0].process.returncode == 1,
            "an expect that fails says where and what", last)


def seeds(t):
    run = Run(t, """
neuron sink { state n = 0
  n' = 0
  receive ev() { n += 1 } }
network net { population P : sink[10]
  drive P.ev with poisson(1 kHz) }
experiment e { network net
  run 100 ms with dt = 0.1 ms, seeds = 3..6
  expect value(P.n, at = 100 ms) in [98, 102] }
""")
    folders = [f"seed-{k}" for k in (3, 4, 5, 6)]
    try:
        values = [run_json(os.path.join(run.out, f))["expect"][0] for f in folders]
        with open(os.path.join(run.out, "seeds.json")) as f:
            row = json.load(f)["expect"][0]
    except OSError as e:
        return t.check(False, "seeds leave a folder each and seeds.json", e)
    v = [x["value"] for x in values]
    want = [mean_of(v), math.sqrt(mean_of(x * x for x in v) - mean_of(v) ** 2), min(v), max(v), sum(x["holds"] for x in values)]
    t.check(same([row[k] for k in ("mean", "sd", "min", "max", "holds")], want, 1e-6) and len(set(v)) > 1, "seeds.json: an expect over seeds", row)


ARRAYS = """
component part { index s = {a, b}
  input J[s] : pA
  state z[s] = 0 fC
  z[s]' = J[s] }
neuron cell { index k = 1..3
  input I[k] : pA, K : pA
  state q[k] = 0 fC
  q[k]' = I[k] + K
  use d = part { J[a] = 2 * I[1];  J[b] = -I[3] } }
"""


def number_of_seeds(t):
    """The range of seeds is a value of the network: its limits hold when the program starts."""
    model = BOX + """
network net { param most = 4
  population P : box[1]
  drive P.ev with times([0.2 ms]) { weight = 1 fC } }
experiment e { network net
  run 0.3 ms with dt = 0.1 ms, seeds = 3..most
  expect max(P.q) in [1 fC, 1 fC] }
"""
    for most, runs in (("4", 2), ("3", 1)):
        run = Run(t, model, "--set", f"net.most={most}")
        found = [d for d in os.listdir(run.out) if d.startswith("seed-")] if run.good else None
        t.check(found is not None and (len(found) or 1) == runs, f"seeds = 3..most with most = {most}", found or run.process.stderr)
    for most, said in (("2", "there is nothing from 3 to 2"), ("10003", "`seeds` means 10001 runs, at most 10000")):
        run = Run(t, model, "--set", f"net.most={most}")
        t.check(not run.good and said in run.process.stderr and not os.path.exists(run.out), f"seeds = 3..{most} is refused, nothing is left",
                (run.process.stderr, os.path.exists(run.out)))


def arrays_of_inputs(t):
    """Elements of an array of inputs are driven by their index: of populations and of a lone neuron."""
    model = ARRAYS + """
network net {
  index j = 2..3
  param v[j] = [5 pA, 7 pA]
  population P : cell[3]
  drive P[0..1].I[1] with constant(1 pA)
  drive P[1].I[1] with step(2 pA, from = 1 ms)
  drive P.I[m] with constant(v[m]) for m in j
  drive P.K with constant(10 pA)
  population R : cell[400]
  drive R.K with choice(1 pA, 2 pA, 4 pA) within [2 pA, 4 pA]
  drive R.I[2] with constant(choice(0 pA, 1 pA)) }
experiment e { network net
  record q of P every 1 ms
  record d.z[a] of P as za every 1 ms
  record d.z[b] of P as zb every 1 ms
  record q of R as r every 1 ms
  record sum(k * q[k]) of P as all every 1 ms
  record mean(q[k]) - (d.z[a] + d.z[b]) / 2 of P as rest every 1 ms
  run 2 ms with dt = 0.1 ms }
experiment alone { neuron cell
  drive I[1] with constant(3 pA)
  drive I[3] with constant(-1 pA)
  record q every 1 ms
  record mean(q[k]) as middle every 1 ms
  run 2 ms with dt = 0.1 ms
  expect max(q[1]) in [5.99 fC, 6.01 fC]
  expect value(q[3], at = 1 ms) in [-1.01 fC, -0.99 fC] }
"""

    def pairs(r):
        first = [[0, 11, 22], [0, 11, 24], [0, 10, 20]]
        return [(r.column("q_1", i), first[i]) for i in range(3)] + [(r.column("q_2", 0), [0, 15, 30]), (r.column("q_3", 2), [0, 17, 34]),
                (r.column("za", 1), [0, 2, 8]), (r.column("zb", 1), [0, -7, -14]),
                (r.column("all", 0), [0, 11 + 30 + 51, 22 + 60 + 102]), (r.column("rest", 2), [0, 14 + 3.5, 28 + 7])]
    run = Run(t, model, "--experiment", "e")
    compare(t, run, "arrays of inputs are driven by index", pairs, 1e-9)
    if run.good:
        once, twice, both = run.rows("r_1")[1], run.rows("r_1")[2], [round(b - a) for a, b in zip(run.rows("r_1")[1], run.rows("r_2")[1])]
        counts = [sum(abs(x - v) < 1e-9 for x in once) for v in (2, 4)] + [both.count(v) for v in (0, 1)]
        t.check(sum(counts) == 800 and all(abs(c - 200) < 50 for c in counts) and all(abs(b - 2 * a) < 1e-9 for a, b in zip(once, twice)),
                "a choice in a source is made once for each target", counts)
    compare(t, Run(t, model, "--experiment", "alone"), "an array of inputs of a lone neuron",
            lambda r: [(r.column("q_1"), [0, 3, 6]), (r.column("q_2"), [0, 0, 0]), (r.column("q_3"), [0, -1, -2]),
                       (r.column("middle"), [0, 2 / 3, 4 / 3])], 1e-9)


def expected_values(t):
    """Expects over tables of the network, also drawn, and over signals."""
    model = BOX + """
network net {
  index p = {A, B, C}
  param J[p] = [1 fC, 2 fC, 6 fC], q[p] ~ uniform(1, 2)
  population P[k in p] : box[2]
  drive P[A].ev with times([1 ms]) { weight = J[B] }
  signal da : nM = 8 nM { da' = -da / (1 ms) } }
experiment e { network net
  run 2 ms with dt = 0.1 ms, seed = 9
  expect mean(J[p]) == 3 fC
  expect sum(J[p]) / mean(J[p]) in [3, 3]
  expect max(P.q) / mean(J[p]) in [0.5, 1]
  expect mean(q[p]) in [1, 2]
  expect max(da) in [7.23 nM, 7.24 nM]
  expect value(da, at = 1 ms) in [2.94 nM, 2.95 nM]
  expect mean(da) in [2 nM, 3 nM] after 0.5 ms
  expect min(da) < mean(J[p]) * 1 nM / (1 fC) }
"""
    run = Run(t, model)
    found = [x["value"] for x in run_json(run.out)["expect"]] if run.good else []
    t.check(run.good and run.process.returncode == 0, "expects over tables and signals hold", run.process.stderr)
    law = [8 * math.exp(-i / 10) for i in range(21)]  # nM
    want = [3, 3, 2 / 3, None, law[1], law[10], mean_of(law[6:]), law[20] * 1e-6]  # a limit without a unit of its own: mM
    t.check(len(found) == 8 and all(w is None or abs(f - w) < 1e-9 * abs(w) for f, w in zip(found, want)), "their values", (found, want))
    t.check(len(found) == 8 and 1 < found[3] < 2 and run_json(Run(t, model, "--seed", "10").out)["expect"][3]["value"] != found[3],
            "a mean of drawn params, another with another seed", found)


def families(t):
    model = BOX.replace("state q", "param C = 1\n  state q") + """
network net {
  index k = { a, b }
  param w[k] = [1, 2]
  population P[i in k] : box[1] { C = w[i] } }
experiment e { network net
  run 1 ms with dt = 0.1 ms }
"""
    run = Run(t, model, "--set", "P.C=7", "--set", "net.w=3")
    params = run_json(run.out)["parameters"] if run.good else {}
    t.check([params.get(x) for x in ("P[a].C", "P[b].C", "net.w[a]", "net.w[b]")] == ["7", "7", "3", "3"], "--set of a whole family",
            run.process.stderr or params)
    t.write("lab.nsl", "language 1\nindex layer = { a, b }\nlet g[k in layer] = [3, 5]\n")
    lab = Run(t, 'import "lab.nsl" as lab\n' + model.replace("index k = { a, b }", "")
              .replace("w[k]", "w[k in lab.layer]").replace("i in k", "i in lab.layer").replace("C = w[i]", "C = w[i] * lab.g[i]")
              .replace("box[1] {", "box[if i == lab.a then 1 else 2] {").replace("run 1 ms", "record C of P[b] every 1 ms\n  record C of P[a] as first every 1 ms\n  run 1 ms"))
    compare(t, lab, "index sets and tables of an imported file, with its name before them", lambda r: [(r.rows("C")[0], [10, 10]), (r.rows("first")[0], [3])])
    empty = Run(t, "network net { param a = 3 }\nexperiment e { network net\n  run 100 ms with dt = 0.1 ms\n  expect a in [3, 3] }\n")
    t.check(empty.good, "a network without populations", empty.process.stderr)
    if run.good:
        words = run_json(run.out)["command"]
        t.check(words[:2] == ["nslc", "run"] and words[2].endswith(".nsl") and words[3:5] == ["--", "--csv"], "run.json: the command as words", words)


if __name__ == "__main__":
    tap = Tap()
    for part in (waveforms, membrane, noise, rates, weights, weights_of_times, files, wrong_files, steps_of_a_run, sonata, phases, measures, seeds, number_of_seeds, arrays_of_inputs, expected_values, families):
        try:
            part(tap)
        except Exception as e:  # a part that breaks is one failed test
            tap.check(False, f"{part.__name__} runs to its end", repr(e))
    tap.done()

#!/usr/bin/env python3
"""Continuous synapses with states of their own against each of them stepped by itself in Python, written from networks.md alone: states,
weights that learn, what flows, and the cells; then the same bits however the run is made, and what cannot be done."""
import math
import os
import signal
import subprocess
import time
from collections import defaultdict

from semantics import Run, refused, steps
from tap import EXAMPLES, NSLC, Tap, call, run_json
from plastic import table
from weights import by_projection

DT = 0.1
MODEL = """
neuron cell {
  param b = 100 pA
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (10 ms) + (I + b) / (100 pF)
}
synapse graded {
  param E = -80 mV, tau = 5 ms, k = 2 mV
  weight g : nS in [0 nS, 1 nS]
  let f = 1 / (1 + exp(-(pre.V + 60 mV) / k))
  state s = f, c = 0.1, own = tau
  s' = (f - s) / (tau * (1.1 - f))
  c' = s * (post.V + 60 mV) / (10 ms * 10 mV) - c / (20 ms)
  g' = 0.1 nS/ms * c
  stream g * s * (E - max(post.V, -70 mV))
}
synapse plain { state m = 0.5;  m' = (pre.V / (1 mV) - m) / (3 ms);  stream 0.01 pA * m }
network n {
  population A : cell[SIZE] { b ~ uniform(0 pA, 300 pA) }
  population B : cell[6] { V ~ uniform(-70 mV, -50 mV) }
  connect ab: A -> B.I by indegree(9) with graded { tau ~ uniform(2 ms, 8 ms);  weight ~ uniform(0 nS, 1.2 nS) }
  connect ba: B[1..4] -> A.I by all_to_all with graded { weight = 0.9 nS;  E = -60 mV }
  connect aa: A -> A.I by probability(0.2), no self with plain
}
experiment e { network n { ba.k = 3 mV }
  record V of (A, B)
  record I of (A, B)
  record s of (ab, ba) every 0.3 ms
  record c of (ab, ba) every 0.3 ms
  record own of ab
  record m of aa every 0.5 ms
  record weight of (ab, ba) every 0.4 ms
  run 6 ms as one with dt = 0.1 ms, METHOD
  run 6 ms as two
}
"""


def euler(first, v, sizes):
    """Forward Euler for the synapses' states, with the cells as they were: by step, s, c, weight, m, and what flows into each cell."""
    states = [dict(x) for x in first]
    course = [[dict(x) for x in states]]
    flows = [None]
    for step in range(len(v) - 1):
        into = [0.0] * sum(sizes)
        for x in states:
            pre, post = v[step][x["from"]], v[step][x["to"]]
            if x["kind"] == "aa":
                into[x["to"]] += 0.01 * x["m"]
                x["m"] += DT * (pre - x["m"]) / 3
                continue
            f = 1 / (1 + math.exp(-(pre + 60) / x["k"]))
            into[x["to"]] += x["g"] * x["s"] * (x["E"] - max(post, -70))
            slope = ((f - x["s"]) / (x["tau"] * (1.1 - f)), x["s"] * (post + 60) / 100 - x["c"] / 20, 0.1 * x["c"])
            x["s"] += DT * slope[0]
            x["c"] += DT * slope[1]
            x["g"] = min(max(x["g"] + DT * slope[2], 0.0), 1.0)
        flows.append(into)
        course.append([dict(x) for x in states])
    return course, flows


def compare(t, what, *options, size=7, tolerance=1e-11):
    run = Run(t, MODEL.replace("SIZE", str(size)).replace("METHOD", "method = euler"), *options)
    if not t.check(run.good, f"{what}: it runs", run.process.stderr):
        return
    v, flown = run.rows("V"), run.rows("I")
    weights = table(run, "weight")
    own = [r[5] for r in table(run, "own") if r[0] == 0]
    first = []
    for name, rows in by_projection(weights).items():
        for i, (a, b, _, w) in enumerate(rows):
            x = {"kind": name, "g": w, "c": 0.1, "k": 3.0 if name == "ba" else 2.0, "E": -60.0 if name == "ba" else -80.0, "tau": 5.0 if name == "ba" else own[i]}
            x["from"], x["to"] = (a, size + b) if name == "ab" else (size + a, b)
            x["s"] = 1 / (1 + math.exp(-(v[0][x["from"]] + 60) / x["k"]))
            first.append(x)
    for _, name, a, b, _, m in [r for r in table(run, "m") if r[0] == 0]:
        first.append({"kind": name, "m": m, "from": a, "to": b})
    n = sum(x["kind"] != "aa" for x in first)
    t.check(n == 54 + 4 * size and len(first) - n > 3 and all(x["from"] != x["to"] for x in first[n:]), f"{what}: who is connected", (n, len(first)))
    t.check(len(set(own)) == 54 and all(2 <= x <= 8 for x in own) and sum(x["g"] == 1 for x in first[:54]) > 2, f"{what}: params and weights are drawn for each", own[:5])
    course, flows = euler(first, v, (size, 6))
    off = defaultdict(float)
    for name, key, part in (("s", "s", first[:n]), ("c", "c", first[:n]), ("weight", "g", first[:n]), ("m", "m", first[n:])):
        begin = n if name == "m" else 0
        for i, row in enumerate(table(run, name)):
            k = i % len(part)
            off[name] = max(off[name], abs(row[5] - course[steps(row[0])][begin + k][key]))
    for step in range(1, len(v)):
        off["I"] = max(off["I"], max(abs(a - b) for a, b in zip(flows[step], flown[step])))
    t.check(max(off.values()) < tolerance, f"{what}: states, weights, and what flows", dict(off))
    ends = [x["g"] for x in course[-1][:n]]
    t.check(max(abs(x["g"] - y) for x, y in zip(first, ends)) > 0.05 and max(ends) == 1.0, f"{what}: weights move, within their bounds", (max(ends), min(ends)))


def converges(t):
    """The method that is chosen: with the step a tenth, first order in what is held, and the same limit."""
    ends = []
    for dt in ("0.1 ms", "0.01 ms", "0.001 ms"):
        text = MODEL.replace("SIZE", "7").replace("dt = 0.1 ms, METHOD", f"dt = {dt}").replace("uniform(2 ms, 8 ms)", "4 ms").replace("tau ~", "tau =")
        for name in ("V", "I", "own"):
            text = text.replace(f"  record {name} of", "  record V of B[0] as unused_%s every 3 ms\n  #" % name)
        run = Run(t, text)
        if not t.check(run.good, f"dt = {dt}", run.process.stderr):
            return
        ends.append([r[5] for name in ("s", "c", "weight") for r in table(run, name) if abs(r[0] - 12) < 1e-6])
    wrong = [max(abs(a - b) for a, b in zip(x, ends[-1])) for x in ends[:2]]
    t.check(0.0 < wrong[0] < 0.02 and wrong[1] < 0.12 * wrong[0], "the chosen methods are of first order in what is held", wrong)


def bits(t):
    """More targets than a shard has, and runs of more synapses than are taken at once."""
    text = MODEL.replace("SIZE", "1500").replace("METHOD", "seed = 3").replace("run 6 ms", "run 1.1 ms").replace("probability(0.2)", "probability(0.01)")
    text = text.replace("population B : cell[6]", "population B : cell[2600]")
    model, program = t.write("bits.nsl", "language 1\n" + text), t.path("bits")
    p = call(NSLC, "build", model, "-o", program)
    if not t.check(p.returncode == 0, "it is built", p.stderr):
        return

    def run(*options):
        out = t.path(f"bits{len(os.listdir(t.scratch))}.out")
        p = call(program, "--quiet", "--no-report", "--csv", "--force", "--out", out, *options)
        if p.returncode:
            return p.stderr
        return run_json(out)["state_hash"], *(open(os.path.join(out, name)).read() for name in ("s.csv", "weight.csv", "m.csv"))

    one = run("--threads", "1")
    t.check(one[1].count("\n") > 25000, "many synapses", one[0])
    t.check(run("--threads", "2") == one and run("--threads", "3") == one, "threads change no bit")
    t.check(run("--threads", "2", "--verify") == one, "nor does --verify")
    options = ["--quiet", "--no-report", "--duration", "20ms"]
    whole, out = t.path("whole.out"), t.path("killed.out")
    p = call(program, *options, "--force", "--out", whole)
    killed = subprocess.Popen([program, *options, "--out", out, "--force", "--checkpoint", "model=0.7ms"], stderr=subprocess.DEVNULL)
    while killed.poll() is None and not os.path.exists(os.path.join(out, "checkpoint")):
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = call(program, "--quiet", "--no-report", "--resume", out, "--threads", "2")
    if t.check(p.returncode == 0 and again.returncode == 0, "a run that was killed goes on", p.stderr + again.stderr):
        t.check(run_json(whole)["state_hash"] == run_json(out)["state_hash"], "from a checkpoint on, the same bits")


# ---- the pyloric network of the example, as the continuous system that it stands for: all cells together by Runge and Kutta; release, whose
# time constant comes near 0 in a spike, exactly for the voltage at the middle of a step

G = {"AB": (100, 2.5, 6, 50, 5, 100, 0.01, 0), "LP": (100, 0, 4, 20, 0, 25, 0.05, 0.03), "PY": (100, 2.5, 2, 50, 0, 125, 0.05, 0.01)}
# from, to, nS, mV, 1/ms
SYNAPSES = ((0, 1, 30, -70, 1 / 40), (0, 1, 30, -80, 1 / 100), (0, 2, 10, -70, 1 / 40), (0, 2, 3, -80, 1 / 100), (1, 0, 30, -70, 1 / 40), (1, 2, 1, -70, 1 / 40), (2, 1, 30, -70, 1 / 40))


def gates(v, ca):
    """[(where it goes, how fast)] of Na m h, CaT m h, CaS m h, A m h, KCa, Kd, H."""
    exp = math.exp

    def at(half, slope):
        return 1 / (1 + exp((v + half) / slope))

    return ((at(25.5, -5.29), 2.64 - 2.52 * at(120, -25)), (at(48.9, 5.18), 1.34 * at(62.9, -10) * (1.5 + at(34.9, 3.6))),
            (at(27.1, -7.2), 43.4 - 42.6 * at(68.1, -20.5)), (at(32.1, 5.5), 210 - 179.6 * at(55, -16.9)),
            (at(33, -8.1), 2.8 + 14 / (exp((v + 27) / 10) + exp((v + 70) / -13))), (at(60, 6.2), 120 + 300 / (exp((v + 55) / 9) + exp((v + 65) / -16))),
            (at(27.2, -8.7), 23.2 - 20.8 * at(32.9, -15.2)), (at(56.9, 4.9), 77.2 - 58.4 * at(38.9, -26.5)),
            (ca / (ca + 3) * at(28.3, -12.6), 180.6 - 150.2 * at(46, -22.7)), (at(12.3, -11.8), 14.4 - 12.8 * at(28.3, -19.2)),
            (at(75, 5.5), 2 / (exp((v + 169.7) / -11.6) + exp((v - 26.7) / 14.3))))


def released(v):
    return 1 / (1 + math.exp((-35 - v) / 5))


def slope(y, open_):
    """Of V, Ca and eleven gates of each cell."""
    out, area = [0.0] * len(y), 0.628e-3
    into = [0.0] * 3
    for s, (_, b, g, e, _) in zip(open_, SYNAPSES):
        into[b] += g * s * (e - y[13 * b]) * 1e-6 / area  # nS mV = 1e-6 uA
    for c, g in enumerate(G.values()):
        v, ca, *m = y[13 * c:13 * c + 13]
        e_ca = 1000 * 8.31446261815324 * 283.15 / (2 * 96485.33212331) * math.log(3000 / ca)
        i_ca = (g[1] * m[2]**3 * m[3] + g[2] * m[4]**3 * m[5]) * (v - e_ca)
        i = (g[0] * m[0]**3 * m[1] * (v - 50) + i_ca + (g[3] * m[6]**3 * m[7] + g[4] * m[8]**4 + g[5] * m[9]**4) * (v + 80) + g[6] * m[10] * (v + 20) + g[7] * (v + 50))
        out[13 * c] = into[c] - i
        out[13 * c + 1] = (0.05 - ca - 14.96 * 1000 * area * i_ca) / 200  # uM for each nA
        for k, (to, tau) in enumerate(gates(v, ca)):
            out[13 * c + 2 + k] = (to - m[k]) / tau
    return out


def runge_kutta(y, open_, h):
    a = slope(y, open_)
    b = slope([p + h / 2 * q for p, q in zip(y, a)], open_)
    c = slope([p + h / 2 * q for p, q in zip(y, b)], open_)
    d = slope([p + h * q for p, q in zip(y, c)], open_)
    return [p + h / 6 * (q + 2 * r + 2 * s + u) for p, q, r, s, u in zip(y, a, b, c, d)]


def pyloric(duration, h):
    """[(cells, release)]: half a step of release, a step of the cells, the other half."""
    y = [x for _ in G for x in (-50.0, 0.05, *(to for to, _ in gates(-50.0, 0.05)))]
    release = [released(-50.0)] * len(SYNAPSES)
    course = [(y, release)]

    def wears_off(release, y):
        made = []
        for s, (a, _, _, _, k) in zip(release, SYNAPSES):
            s_inf = released(y[13 * a])
            made.append(s_inf + (s - s_inf) * math.exp(-h / 2 * k / (1 - s_inf)))
        return made

    for _ in range(round(duration / h)):
        release = wears_off(release, y)
        y = runge_kutta(y, release, h)
        release = wears_off(release, y)
        course.append((y, release))
    return course


def example(t):
    with open(os.path.join(EXAMPLES, "graded_release.nsl")) as f:
        text = f.read()
    text = text[text.index("\n"):text.index("  record spikes")] + """  record V of (AB, LP, PY) every 0.5 ms
  record Ca of (AB, LP, PY) every 0.5 ms
  record s of (AB_LP, PD_LP, AB_PY, PD_PY, LP_PD, LP_PY, PY_LP) every 0.5 ms
  run 120 ms with dt = 0.01 ms
}
"""
    run = Run(t, text)
    if not t.check(run.good, "the pyloric network", run.process.stderr):
        return
    course = pyloric(120, 0.05)[::10]
    v, ca, s = run.rows("V"), run.rows("Ca"), [r[5] for r in table(run, "s")]
    fired = [sum(a <= -20 < b for a, b in zip(x, x[1:])) for x in ([y[13 * c] for y, _ in course] for c in range(3))]
    t.check(fired[0] > 2 and len(v) == len(course), "the pacemaker fires", fired)
    off = {"V": max(abs(y[13 * c] - x[c]) for (y, _), x in zip(course, v) for c in range(3)),
           "Ca": max(abs(y[13 * c + 1] / x[c] - 1) for (y, _), x in zip(course, ca) for c in range(3)),
           "s": max(abs(open_[i] - s[7 * k + i]) for k, (_, open_) in enumerate(course) for i in range(7))}
    t.check(off["V"] < 1 and off["Ca"] < 2e-3 and off["s"] < 5e-3 and max(open_[0] for _, open_ in course) > 0.2, "voltages, calcium and release are those of the continuous system", off)


def wrong(t):
    short = MODEL.replace("SIZE", "7").replace("METHOD", "seed = 1")
    refused(t, (("a state that runs away", short.replace("- c / (20 ms)", "+ exp(500 * abs(c)) / (20 ms)"), "c of the synapse from"),
                ("a drawn param outside of its domain", short.replace("tau = 5 ms,", "tau = 5 ms in [3 ms, inf),"), "tau of a synapse begins as"),
                ("coupled steps", short.replace("seed = 1", "coupling = joint"), "`coupling = joint` of synapses with states")))


def main():
    t = Tap()
    compare(t, "float64")
    compare(t, "float32", "--precision", "f32", tolerance=2e-4)
    compare(t, "two threads, more cells", "--threads", "2", size=20)
    converges(t)
    example(t)
    bits(t)
    wrong(t)
    t.done()


if __name__ == "__main__":
    main()

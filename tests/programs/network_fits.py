#!/usr/bin/env python3
"""Fits of networks: parameters found over runs, the same search on any number of threads, the fitted file is a fit; derivatives
through spikes against differences; sums of squares; delays; resets; reverse mode. With an argument: the example of 1,000 cells."""
import ctypes
import json
import math
import os
import sys

from tap import EXAMPLES, NSLC, Tap, call, run_fit

NET = """language 1
network net {
  param g = 5, J = 0.2 mV, tau = 20 ms in (0 ms, inf)
  population E : iaf_psc_delta[80] { tau_m = tau;  V ~ uniform(-70 mV, -56 mV) }
  population I : iaf_psc_delta[20] { tau_m = tau;  V ~ uniform(-70 mV, -56 mV) }
  connect E -> (E, I).psp by indegree(8) { weight = J;       delay = 1.5 ms }
  connect I -> (E, I).psp by indegree(2) { weight = -g * J;  delay = 1.5 ms }
  drive (E, I).psp with poisson(4 kHz) { weight = J;  delay = 1.5 ms }
}
fit rates {
  network net
  run 300 ms with dt = 0.1 ms, seed = 1
  free J in [0.1 mV, 0.4 mV], tau in [10 ms, 30 ms], I.V_th in [-57 mV, -52 mV]
  minimize ((rate(E) - 10 Hz)^2 + (rate(I) - 20 Hz)^2) / (1 Hz)^2 after 100 ms
  by cmaes(steps = 20, candidates = 8)
}
"""


def search(tap):
    model = tap.write("net.nsl", NET)
    results = [run_fit(tap, model, f"threads{n}", "--threads", str(n)) for n in (1, 2, 3)]
    if not tap.check(all(f for _, f in results), "a network is fitted", results[0][0].stderr):
        return
    first = results[0][1]
    tap.check(first["objective"] < 5, "two rates are found", first["objective"])
    courses = [json.dumps([s["history"] for s in f["stages"]] + [s["starts"] for s in f["stages"]]) for _, f in results]
    tap.check(courses[0] == courses[1] == courses[2], "the search is the same on 1, 2 and 3 threads")
    fitted = os.path.join(tap.path("threads1"), "net.fitted.nsl")
    again, result = run_fit(tap, fitted, "again", "--set", "I.t_ref=2ms")
    start = min(s["objective"] for s in result["stages"][0]["starts"]) if result else None
    tap.check(result and start <= first["objective"], "from the fitted file the search goes on where it was", again.stderr)
    short, _ = run_fit(tap, model, "short", "--duration", "50 ms")
    tap.check(short.returncode == 1 and "no finite" in short.stderr or "not finite" in short.stderr,
              "a run that ends before what counts is refused", short.stderr)


SMALL = NET.split("fit rates")[0].replace("iaf_psc_delta", "iaf_psc_exp").replace("{ tau_m = tau;", "{ tau_m = tau;  tau_ex = syn;  tau_in = syn;").replace(
    ".psp", ".exc").replace("I -> (E, I).exc", "I -> (E, I).inh").replace("J = 0.2 mV", "J = 60 pA, syn = 2 ms in (0 ms, inf)")
SMOOTH = """fit smooth {
  network net
  run 120 ms with dt = 0.1 ms, seed = 3
  free J in [30 pA, 100 pA], g in [2, 8], tau in [10 ms, 30 ms], syn in [1 ms, 4 ms], E.V_th in [-57 mV, -52 mV]
  minimize (rate(E) - 10 Hz)^2 / (10 Hz)^2 + (rate(I) / (10 Hz))^2 + (mean(E.V) + 60 mV)^2 / (1 mV)^2 after 20 ms
  by adam(steps = 4, rate = 0.1) from 3 starts with gradient = surrogate(SHAPE, width = 2 mV, damping = 0.02)
}
"""


def check(tap, model, *more):
    r = call(NSLC, "grad", model, "--check", "--json", *more)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    return r, [row for row in rows if row["fact"] == "derivative"]


def differences(tap, shapes, *more):
    """Derivatives through recurrent spikes against differences of the same run with smooth ones."""
    for shape in shapes:
        model = tap.write(shape + ".nsl", SMALL + SMOOTH.replace("SHAPE", shape))
        r, rows = check(tap, model, "--tolerance", "1e-5", *more)
        worst = max((row["deviation"] for row in rows), default=1)
        tap.check(r.returncode == 0 and len(rows) >= 5 and worst < 1e-5, f"derivatives of a network, {shape}: {worst:.1e}", r.stdout[-900:] + r.stderr)
        tap.check(all(row["value"] != 0 for row in rows), f"none of them is 0, {shape}")


def gradients(tap):
    differences(tap, ["triangle"], "--steps", "600", "--starts", "0")
    # drawn weights lie in memory in grains, which differences see: but those of a product's factors are in a fixed ratio
    drawn = (SMALL + SMOOTH.replace("SHAPE", "triangle")).replace("weight = -g * J", "weight ~ -g * K * normal(1, 0.2)")
    drawn = drawn.replace("J = 60 pA,", "J = 60 pA, K = 60 pA,").replace("free J in", "free K in [30 pA, 100 pA], J in")
    r, rows = check(tap, tap.write("drawn.nsl", drawn), "--tolerance", "1e9", "--steps", "400", "--starts", "0")
    by = {row["parameter"]: row["value"] for row in rows if row["start"] == 0}
    tap.check(by and by["g"] != 0 and abs(60 * by["K"] / (5 * by["g"]) - 1) < 1e-4, f"derivatives of drawn weights, {by}", r.stderr)
    results = [run_fit(tap, tap.path("triangle.nsl"), f"grad{n}", "--threads", str(n)) for n in (1, 2, 5)]
    courses = [json.dumps([s["history"] for s in f["stages"]] + [s["starts"] for s in f["stages"]]) if f else i for i, (_, f) in enumerate(results)]
    tap.check(courses[0] == courses[1] == courses[2], "a search by gradients is the same on 1, 2 and 5 threads", results[0][0].stderr)
    large = (SMALL + SMOOTH.replace("SHAPE", "triangle")).replace("[80]", "[1600]").replace("[20]", "[400]").replace("120 ms", "40 ms")
    model = tap.write("large.nsl", large.replace("steps = 4,", "steps = 2,").replace(" from 3 starts", ""))
    results = [run_fit(tap, model, f"large{n}", "--threads", str(n)) for n in (1, 2)] # more than one shard: threads within a run
    courses = [json.dumps(f["stages"][0]["starts"]) if f else i for i, (_, f) in enumerate(results)]
    tap.check(courses[0] == courses[1], "threads that share a run give the same derivatives", results[0][0].stderr)
    for how, word in ((("--set", "E.tau_m=15ms"), "follows from those that are free"), (("--connectivity", "procedural"), "stored by shard")):
        r, _ = run_fit(tap, tap.path("triangle.nsl"), "refused", *how)
        tap.check(r.returncode == 1 and word in r.stderr, f"refused: {' '.join(how)}", r.stderr)


SHARED = SMALL.replace("  population E", "  let pull = g * (J - 50 pA)\n  population E", 1).replace("tau_m = tau;  ", "") + """fit squares {
  network net
  run 60 ms with dt = 0.1 ms, seed = 3
  free J in [30 pA, 100 pA], g in [2, 8], tau_m of (E, I) in [5 ms, 30 ms], E.V_th in [-57 mV, -52 mV]
  minimize OBJECTIVE after 20 ms
  by lm(steps = 8) from 2 starts with gradient = surrogate(triangle, width = 2 mV, damping = 0.02)
}
"""
SUM = "2 * (rate(E) - 10 Hz)^2 / (10 Hz)^2 + (mean(E.V) + 60 mV)^2 / (1 mV)^2 + 0.3 * (pull / (10 pA))^2 + ((g - 4) / 3)^2"


def numbers_of(tap, name, n, squares):
    """Objective, gradient and Gauss-Newton matrix of a fit's declared values, from the program as a library."""
    r = call(NSLC, "build", tap.path(name + ".nsl"), "--lib", "-o", tap.path(name + ".so"))
    if not tap.check(r.returncode == 0, f"{name} as a library", r.stderr):
        return None
    with open(tap.path(name + ".h")) as f:
        program = next(w.rstrip(";") for w in f.read().split() if w.startswith("nsl_") and w.endswith("_program;"))
    lib, fit = ctypes.CDLL(tap.path(name + ".so")), ctypes.c_void_p()
    numbers = [(ctypes.c_double * size)() for size in (n, 1, n, n * n)[:4 if squares else 3]]
    e = lib.nsl_fit_open(ctypes.byref(ctypes.c_char.in_dll(lib, program)), None, ctypes.byref(fit))
    e = e or lib.nsl_fit_start(fit, 0, numbers[0]) or (lib.nsl_fit_squares if squares else lib.nsl_fit_gradient)(fit, 0, 1, *numbers)
    lib.nsl_fit_close(fit)
    return None if e else [list(v) for v in numbers[1:]]


def matrix_of(tap, name, n):
    return numbers_of(tap, name, n, True)


def both_ways(tap, text, n, what):
    """Forward and reverse mode of a fit whose text says MODE."""
    found = []
    for mode in ("forward", "reverse"):
        name = what.replace(" ", "_").replace(",", "") + "_" + mode
        tap.write(name + ".nsl", text.replace("MODE", mode))
        found.append(numbers_of(tap, name, n, False))
    (loss, forward), (again, reverse) = found if all(found) else (([0], [1]), ([1], [0]))
    far = max(abs(a - b) / abs(a) for a, b in zip(forward, reverse))
    tap.check(loss == again and len(forward) == n and far < 1e-11, f"reverse mode is forward mode, {what}: {far:.1e}", found)


DELAY = """language 1
network net {
  param d = 1.53 ms in [0.1 ms, inf)
  population A : iaf_psc_delta[1]
  population B : iaf_psc_exp[1] { C = 250 pF;  tau_m = 10 ms;  tau_ex = 2 ms;  E_L = -70 mV;  V = -70 mV }
  drive A.psp with times([5 ms]) { weight = 100 mV;  delay = 0.1 ms }
  connect A -> B.exc by all_to_all { WEIGHT;  delay = d }
}
fit later {
  network net
  run 10 ms with dt = 0.1 ms, seed = 1
  free d in [0.5 ms, 4 ms]
  minimize (value(B.V, at = 8 ms) + 75 mV)^2 / (1 mV)^2
  by lm(steps = 4) with gradient = surrogate(triangle, width = 2 mV)
}
"""


def delays(tap):
    """What arrives between two steps against the closed form; derivatives by delays in a recurrent network against differences."""
    def v(n, w=400.0):  # above -75 mV at 8 ms, of a spike at 5.1 ms whose delay is n steps
        s = 2.9 - 0.1 * n
        return 5 + w / 250 * 20 / 8 * (math.exp(-s / 10) - math.exp(-s / 2))
    tap.write("delay.nsl", DELAY.replace("WEIGHT", "weight = 400 pA"))
    tap.write("drawn.nsl", DELAY.replace("WEIGHT", "weight ~ 400 pA * uniform(1, 1.000001)"))
    for name, bound in (("delay", 1e-9), ("drawn", 1e-4)):
        found = matrix_of(tap, name, 1)
        mean, slope = 0.7 * v(15) + 0.3 * v(16), (v(16) - v(15)) / 0.1
        far = max(abs(found[0][0] / mean**2 - 1), abs(found[1][0] / (2 * mean * slope) - 1)) if found else 1
        tap.check(far < bound, f"a delay of 15.3 steps, {name} file: {far:.1e}", found)
    net = SHARED.replace("J = 60 pA,", "J = 60 pA, d = 1.53 ms,").replace("delay = 1.5 ms }\n  connect I", "delay = d }\n  connect I").replace(
        "J;  delay = 1.5 ms }\n  drive", "J;  delay = 2 * d }\n  drive").replace("g in [2, 8],", "g in [2, 8], d in [0.5 ms, 3 ms],")
    model = tap.write("delays.nsl", net.replace("OBJECTIVE", SUM))
    r, rows = check(tap, model, "--tolerance", "1e-4", "--starts", "0")
    by = [row for row in rows if row["parameter"] == "d"]
    tap.check(r.returncode == 0 and len(by) == 1 and all(row["value"] != 0 for row in by),
              f"by delays of a recurrent network: {max((row['deviation'] for row in rows), default=1):.1e}", r.stdout[-900:] + r.stderr)
    results = [run_fit(tap, model, f"delays{n}", "--threads", str(n)) for n in (1, 2)]
    courses = [json.dumps(f["stages"][0]["starts"]) if f else i for i, (_, f) in enumerate(results)]
    tap.check(courses[0] == courses[1], "delays: the same on 1 and 2 threads", results[0][0].stderr)


def squares(tap):
    """Objectives that name params, a param of two populations; the matrix of one square is that of its gradient."""
    model = tap.write("squares.nsl", SHARED.replace("OBJECTIVE", SUM))
    r, rows = check(tap, model, "--tolerance", "1e-6", "--starts", "0")
    worst = max((row["deviation"] for row in rows), default=1)
    tap.check(r.returncode == 0 and len(rows) == 4, f"an objective that names params, a param of two populations: {worst:.1e}", r.stdout[-900:] + r.stderr)
    results = [run_fit(tap, model, f"squares{n}", "--threads", str(n)) for n in (1, 3)]
    courses = [json.dumps(f["stages"][0]["starts"]) if f else i for i, (_, f) in enumerate(results)]
    tap.check(courses[0] == courses[1] and results[0][1]["objective"] < 0.3, "lm: the same on 1 and 3 threads, near 0", courses[0])
    with open(os.path.join(tap.path("squares1"), "squares.fitted.nsl")) as f:
        text = f.read()
    values = [line.split("=")[1].split("#")[0].strip() for line in text.splitlines() if ".tau_m =" in line]
    tap.check(len(values) == 2 and values[0] == values[1], "both populations have the fitted value", text)
    tap.write("one.nsl", SHARED.replace("OBJECTIVE", "3 * (pull * rate(E) / (20 pA * mean(E.V)) - 1 Hz / (1 mV))^2 / (1 Hz / (1 mV))^2"))
    found = matrix_of(tap, "one", 4)
    if tap.check(found, "its objective, gradient and matrix"):
        loss, g, h = found
        far = max(abs(h[4 * i + k] * 2 * loss[0] / (g[i] * g[k]) - 1) for i in range(4) for k in range(4))
        tap.check(far < 1e-10, f"the matrix of one square: {far:.1e}", found)


def reset(tap):
    """A reset that is differentiated: the same run, other derivatives, those of smooth steps by differences."""
    model = SHARED.replace("OBJECTIVE", SUM).replace("damping = 0.02)", "damping = 0.3), reset = WORD")
    found = []
    for word in ("differentiated", "detached"):
        tap.write(word + ".nsl", model.replace("WORD", word))
        found.append(matrix_of(tap, word, 4))
    tap.check(all(found) and found[0][0] == found[1][0] and all(a != b for a, b in zip(found[0][1], found[1][1])),
              "reset = differentiated: the same objective, other derivatives", found)
    r, rows = check(tap, tap.path("differentiated.nsl"), "--tolerance", "1e-6", "--starts", "0")
    worst = max((row["deviation"] for row in rows), default=1)
    tap.check(r.returncode == 0 and len(rows) == 4, f"by differences: {worst:.1e}", r.stdout[-900:] + r.stderr)


MIXED = """language 1
neuron ad {
  param C = 281 pF in (0 pF, inf), g_L = 20 nS, E_L = -70 mV, V_th = -52 mV, V_r = -60 mV, t_ref = 2 ms, a = 4 nS, b = 20 pA, tau_w = 100 ms, tau_ex = 2 ms
  input I : pA
  state V = E_L, w = 0 pA, g_ex = 0 nS, g_in = 0 nS
  V' = (g_L * (E_L - V) - g_ex * V + g_in * (-85 mV - V) - w + I) / C
  w' = (a * (V - E_L) - w) / tau_w
  g_ex' = -g_ex / tau_ex
  g_in' = -g_in / (5 ms)
  receive exc(x : nS) { g_ex += x }
  receive inh(x : nS) { g_in += x }
  spike when V >= V_th { V = V_r;  w += b;  hold V for t_ref }
}
network net {
  param g = 5, J = 60 pA, syn = 2 ms in (0 ms, inf), d = 1.53 ms in [0.1 ms, inf), K = 60 pA, tau = 12 ms in (0 ms, inf), I0 = 300 pA, E0 = -62 mV, w_ad = 1 nS
  population E : ad[150] { V = E0;  b = 20 pA }
  population I : iaf_psc_exp[50] { tau_m = tau; tau_ex = syn;  tau_in = syn;  V ~ E0 + uniform(-6 mV, 6 mV) }
  connect E -> I.exc by indegree(8) { weight ~ J * normal(1, 0.2);       delay = d }
  connect E -> E.exc by indegree(8) { weight = w_ad;       delay ~ normal(2 ms, 0.5 ms) within [0.2 ms, 5 ms] }
  connect I -> I.inh by indegree(2) { weight = -g * J;  delay = 2 * d }
  connect I -> E.inh by indegree(2) { weight = g * w_ad;  delay = 2 * d }
  drive I.exc with poisson(4 kHz) { weight = K;  delay = 1.5 ms }
  drive E.exc with poisson(2 kHz) { weight = w_ad;  delay = 1.5 ms }
  drive E.I with step(I0, from = 10 ms, to = 40 ms)
}
fit smooth {
  network net
  run 60 ms with dt = 0.1 ms, seed = 3
  free J in [30 pA, 100 pA], g in [2, 8], d in [0.5 ms, 4 ms], K in [30 pA, 100 pA], tau in [5 ms, 30 ms], I0 in [0 pA, 300 pA], E0 in [-70 mV, -55 mV], w_ad in [0.5 nS, 9 nS], E.a in [1 nS, 10 nS]
  minimize (rate(E) - 10 Hz)^2 / (10 Hz)^2 + (rate(I) / (10 Hz))^2 + (mean(E.V) + 60 mV)^2 / (1 mV)^2 + (value(I.V, at = 43 ms) + 60 mV)^2 / (1 mV)^2 + (mean(E[10..99].w) / (10 pA))^2 + (J / (100 pA))^2 after 20 ms
  by adam(steps = 4) with gradient = surrogate(triangle, width = 2 mV, damping = 0.1), gradient = MODE, reset = RESET
}
"""


def reverse(tap):
    """The way back: cells of two kinds, all that weights, delays, drives and the start can depend on; the same on any number of threads."""
    for word in ("detached", "differentiated"):
        both_ways(tap, MIXED.replace("RESET", word), 9, f"reset {word}")
    large = (SMALL + SMOOTH.replace("SHAPE", "triangle")).replace("[80]", "[1600]").replace("[20]", "[400]").replace("120 ms", "40 ms")
    model = tap.write("wide.nsl", large.replace("steps = 4,", "steps = 2,").replace(" from 3 starts", "").replace("damping = 0.02)", "damping = 0.02), gradient = reverse"))
    results = [run_fit(tap, model, f"wide{n}", "--threads", str(n)) for n in (1, 2)] # more than one shard
    courses = [json.dumps(f["stages"][0]["starts"]) if f else i for i, (_, f) in enumerate(results)]
    tap.check(courses[0] == courses[1], "reverse mode: the same on 1 and 2 threads", results[0][0].stderr)


TRAINED = """language 1
network net {
  param K = 60 pA, spread = 0.2
  population E : iaf_psc_exp[14] { V ~ uniform(-70 mV, -56 mV) }
  population I : iaf_psc_exp[4] { E_L = -69 mV }
  connect ee: E -> E.exc by indegree(3), no self { weight ~ 60 pA * normal(1, spread);  delay ~ uniform(0.5 ms, 3 ms) }
  connect E -> I.exc by indegree(4) { weight = 60 pA;  delay = 1.5 ms }
  connect ie: I -> E.inh by indegree(2) { weight = -200 pA;  delay = 1.5 ms }
  drive (E, I).exc with poisson(5 kHz) { weight = K;  delay = 1.5 ms }
}
fit f {
  network net
  run 40 ms with dt = 0.1 ms, seed = 3
  free K in [30 pA, 100 pA], weight of ee in [0 pA, 200 pA], weight of ie, I.V(0) in [-75 mV, -56 mV]
  minimize (rate(E) - 10 Hz)^2 / (10 Hz)^2 + (rate(I) / (10 Hz))^2 + (mean(E.V) + 60 mV)^2 / (1 mV)^2 after 10 ms
  by adam(steps = 3, rate = 0.1) from 2 starts with gradient = surrogate(triangle, width = 2 mV, damping = 0.1), gradient = MODE
}
"""


def trained(tap):
    """Weights of single synapses: both modes, differences, the file that they are left in, what is refused."""
    both_ways(tap, TRAINED, 2 + 42 + 28, "weights of synapses, a start")
    text = TRAINED.replace("MODE", "reverse")
    model = tap.write("trained.nsl", text)
    r, rows = check(tap, model, "--starts", "0", "--steps", "250")
    worst = max((row["deviation"] for row in rows), default=1)
    tap.check(r.returncode == 0 and len(rows) == 18 and sum(row["value"] != 0 for row in rows) > 12, f"derivatives by weights of synapses: {worst:.1e}", r.stdout[-900:] + r.stderr)
    results = [run_fit(tap, model, f"trained{n}", "--threads", str(n)) for n in (1, 3)]
    courses = [json.dumps([s["history"] for s in f["stages"]] + f["free"]) if f else i for i, (_, f) in enumerate(results)]
    if not tap.check(courses[0] == courses[1], "weights of synapses are fitted, the same on 1 and 3 threads", results[0][0].stderr):
        return
    first, folder = results[0][1], tap.path("trained1")
    tap.check([p.get("synapses") for p in first["free"]] == [None, 42, 28, None], "the report counts them", first["free"])
    with open(os.path.join(folder, "trained.fitted.nsl")) as f:
        fitted = f.read()
    one = fitted.replace("from 2 starts ", "").replace("steps = 3", "steps = 1")
    with open(os.path.join(folder, "again.nsl"), "w") as f:
        f.write(one)
    r, again = run_fit(tap, os.path.join(folder, "again.nsl"), "again")
    tap.check(again and math.isclose(again["objective"], first["objective"], rel_tol=1e-6), "the file of weights is the network again", r.stderr)
    for old, new, word in (("adam(steps = 3, rate = 0.1)", "cmaes(steps = 1)", "matrix of all"), ("spread = 0.2", "spread = 0.2, J = 60 pA", "has no sign"),
                           ("60 pA * normal(1, spread)", "-K * normal(1, spread)", "follow a free param"), ("in [0 pA, 200 pA]", "in [0 pA, 20 pA]", "where the search begins")):
        bad = text.replace(old, new)
        if "matrix" in word:
            bad = bad.replace("indegree(3)", "indegree(13)").replace("indegree(2)", "indegree(4)").replace("[14]", "[20]").split(" with gradient")[0] + "\n}\n"
        if "sign" in word:
            bad = bad.replace("weight = -200 pA", "weight = 0 pA")
        r, _ = run_fit(tap, tap.write("bad.nsl", bad), "bad", "--force")
        tap.check(r.returncode == 1 and word in r.stderr, f"refused: {word}", r.stderr)


def pattern(tap):
    """The example: a network learns a course of its readout by all its weights; what it leaves behind does it in a run."""
    folder = os.path.join(EXAMPLES, "fits")
    with open(os.path.join(folder, "pattern.nsl")) as f:
        model = tap.write("pattern.nsl", f.read())
    r, result = run_fit(tap, model, "pattern")
    if not tap.check(result and result["objective"] < 0.1, "a network learns a course", result and result["objective"] or r.stderr):
        return
    with open(os.path.join(folder, "pattern_learnt.nsl")) as f:
        experiment = f.read().split("## The readout still")[1]
    learnt = os.path.join(tap.path("pattern"), "pattern.fitted.nsl")
    with open(learnt, "a") as f:
        f.write("\n## The readout still" + experiment)
    r = call(NSLC, "test", learnt)
    tap.check(r.returncode == 0 and r.stdout.count("holds") == 10, "and has learnt it", r.stdout + r.stderr)


def thousand(tap):
    """1,000 cells: derivatives against differences, and rates found by them."""
    model = os.path.join(EXAMPLES, "fits", "brunel_rate.nsl")
    r, rows = check(tap, model, "--steps", "1500", "--starts", "0", "--tolerance", "1e-5")
    worst = max((row["deviation"] for row in rows), default=1)
    tap.check(r.returncode == 0 and len(rows) == 5, f"1,000 cells: derivatives by weights and time constants, {worst:.1e}", r.stdout[-900:] + r.stderr)
    with open(model) as f:
        text = f.read().replace("with gradient =\n", "with gradient = MODE, gradient =\n", 1)
    both_ways(tap, text, 5, "1,000 cells")
    both_ways(tap, text.replace("run 300 ms", "run 2500 ms"), 5, "1,000 cells, a history of more than 1 GB in parts")
    r, result = run_fit(tap, model, "thousand")
    if not tap.check(result, "1,000 cells: a fit", r.stderr):
        return
    starts = [s["objective"] for s in result["stages"][0]["starts"]]
    tap.check(result["objective"] < 1, f"1,000 cells: both rates within 1 Hz, {starts}")


def main():
    tap = Tap()
    if len(sys.argv) > 1:
        differences(tap, ["triangle", "sigmoid", "fast_sigmoid", "box"], "--starts", "2")
        thousand(tap)
        tap.done()
    search(tap)
    gradients(tap)
    squares(tap)
    delays(tap)
    reset(tap)
    reverse(tap)
    trained(tap)
    pattern(tap)
    tap.done()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Fits on a device are those of the processor: with the marches of their batch under --device emulated, in blocks of several sizes and in
several orders, fit.json (every start, the history, uncertainties) and the fitted text are the same, bit for bit: every optimizer, every way to
the gradient, delays, residuals, observations left out, starts that diverge, more walks than fit in memory at once, networks, and examples, cut short.
What cannot run there is refused. `all`: more examples, as they are, longer."""
import json
import math
import os
import re
import signal
import shutil
import subprocess
import sys
import time

import network_fits
from tap import DECAY, EXAMPLES, NSLC, Tap, call

ALL = "all" in sys.argv[1:]
WAYS = [("64", "forward"), ("128", "reverse"), ("256", "shuffled:1"), (None, "shuffled:2")]
OTHER = {"seconds", "command", "device", "gpu"}  # of fit.json
FITS = {"recover_traub": ["staged"], "recover_squid": ["by_trace_alone"], "recover_forced": ["forced"], "glif_steps": ["b6"],
        "adex_steps": ["b8"], "hh_steps": ["b6"], "hh_shapes": ["b8"]}
BRIEFLY = ["recover_traub", "adex_steps"]


def sweep(tap, name, start=3.0, rows=1000):
    tap.write(name, "t,V\n" + "".join(f"{i * 0.1:.1f},{start * math.exp(-i * 0.1 / 7):.12g}\n" for i in range(rows)))


def without_times(x):
    if isinstance(x, dict):
        return {k: without_times(v) for k, v in x.items() if k not in OTHER}
    return [without_times(v) for v in x] if isinstance(x, list) else x


def first_difference(x, y, at=""):
    if type(x) is type(y) and isinstance(x, (dict, list)) and len(x) == len(y):
        for k in x if isinstance(x, dict) else range(len(x)):
            text = first_difference(x[k], y[k] if isinstance(y, list) or k in y else None, f"{at}/{k}")
            if text:
                return text
        return ""
    return "" if x == y else f"{at}: {x} and {y}"


class Program:
    def __init__(self, tap, source, fit):
        self.tap, self.fit = tap, fit
        self.path = tap.path(os.path.basename(source) + ".program")
        r = call(NSLC, "build", "--target", "emulated", source, "-o", self.path)
        self.good = tap.check(r.returncode == 0, f"{os.path.basename(source)}: built", r.stderr) if r.returncode else True

    def run(self, out, way=None, memory=None, options=()):
        """The finished process, and fit.json, or None."""
        folder = self.tap.path(out)
        shutil.rmtree(folder, ignore_errors=True)
        env = dict(os.environ)
        if way:
            env["NSL_EMULATED_ORDER"] = way[1]
            env.update({"NSL_EMULATED_BLOCK": way[0]} if way[0] else {}, **({"NSL_EMULATED_MEMORY": memory} if memory else {}))
        device = ["--device", "emulated"] if way else []
        r = call(self.path, "--fit", self.fit, "--out", folder, "--quiet", "--threads", "2", *device, *options, env=env)
        try:
            with open(os.path.join(folder, "fit.json")) as f:
                return r, json.load(f)
        except OSError:
            return r, None

    def text(self, out):
        names = [n for n in sorted(os.listdir(self.tap.path(out))) if n.endswith(".fitted.nsl")]
        return [open(os.path.join(self.tap.path(out), n)).read() for n in names]

    def same(self, what, way, memory=None, options=()):
        """Gives fit.json of the device."""
        r, cpu = self.run("cpu", options=options)
        d, device = self.run("device", way, memory, options)
        if not cpu or not device:
            self.tap.check(False, f"{what}: runs", r.stderr + d.stderr)
            return None
        odd = first_difference(without_times(cpu), without_times(device))
        if self.text("cpu") != self.text("device"):
            odd += "; other texts"
        if r.stderr != d.stderr:
            odd += "; says " + d.stderr
        self.tap.check(not odd and device["device"] == "emulated" and cpu["device"] == "cpu", what, odd)
        return device


def ways(tap):
    """Lanes that are places, parameters or terms; blocks that are not full."""
    sweep(tap, "one.csv")
    sweep(tap, "two.csv", 9)
    square = "mean((V - rec.V)^2) / (1 mV)^2"
    three = DECAY.replace(square, square + " + 0.1 * mean(abs(V) / (1 mV)) + 0.2 * mean((V / (1 mV))^4)^0.5")
    cases = [(DECAY, "lm(steps = 6) from 11 starts"),
             (DECAY, "lbfgs(steps = 6) from 3 starts with gradient = forward"),
             (DECAY, "lbfgs(steps = 6) from 11 starts with gradient = reverse"),
             (three, "lbfgs(steps = 6) from 3 starts with gradient = reverse"),
             (three, "adam(steps = 6, dropout = 0.4) from 2 starts"),
             (three, "rmsprop(steps = 5, dropout = 0.4) from 2 starts with gradient = reverse"),
             (DECAY, "cmaes(steps = 5, candidates = 12) from 2 starts"),
             (three, "adam(steps = 5) from 1 starts")]
    for i, (text, by) in enumerate(cases):
        p = Program(tap, tap.write("decay.nsl", text.replace("BY", by)), "decay")
        if p.good:
            p.same(f"{by}{', three terms' if text is three else ''}", WAYS[i % len(WAYS)])


DELAYED = """language 1
neuron cell {
  param tau = 10 ms in (0 ms, inf), d = 3.03 ms in (0 ms, inf), w = 0.6
  state V = 5 mV, y = 1 mV
  V' = (1 mV - V - w * delayed(V, d) + 0.1 * delayed(y * V / (1 mV), 2 * d)) / tau
  y' = (delayed(V, 2.345 ms) - y) / (5 ms)
}
fit f {
  neuron cell
  data rec = csv("one.csv") { t : ms;  V : mV }
  free tau in [5 ms, 20 ms], d in [1 ms, 8 ms], V(0) in [-10 mV, 10 mV]
  GOAL
  validate csv("two.csv")
  with dt = 0.1 ms, METHOD
}
"""


def rings(tap):
    """Delays of each place's own, and residuals, which look back as well; method of a step with a loop."""
    square = "minimize mean((V - rec.V)^2) / (1 mV)^2\n  "
    cases = [(square + "by lm(steps = 3) from 3 starts", "method = rk4"),
             (square + "by adam(steps = 3) from 9 starts with gradient = reverse", "method = rk4"),
             (square + "by adam(steps = 3) from 2 starts with gradient = forward", "method = euler"),
             ("minimize residual(V, given = rec.V, over = 0.5 ms)\n  by lm(steps = 3) from 3 starts", "method = rk4")]
    for i, (goal, method) in enumerate(cases):
        text = DELAYED.replace("GOAL", goal).replace("METHOD", method)
        if "residual" in goal:
            for old, new in (("delayed(V, 2.345 ms)", "V"), ("delayed(y * V / (1 mV), 2 * d)", "y"), ("w * delayed(V, d)", "w * V"),
                             (", d in [1 ms, 8 ms], V(0) in [-10 mV, 10 mV]", "")):
                text = text.replace(old, new)
        p = Program(tap, tap.write("delayed.nsl", text), "f")
        if p.good:
            p.same(f"looking back: {' '.join(goal.split())}", WAYS[i % len(WAYS)])


CELL = """language 1
neuron cell {
  param C = 100 pF in (0 pF, inf), g = 10 nS, E = -65 mV, V_th = -52 mV, V_r = -60 mV
  input I : pA
  state V = E
  V' = (g * (E - V) + I) / C + NOISE
  SPIKE
}
fit x {
  neuron cell
  data rec = csv("cell.csv") { t : ms;  I : pA;  V : mV;  events s = crossings(V, -20 mV) }
  DRIVE
  free C in [50 pF, 300 pF], g in [3 nS, 30 nS], E in [-80 mV, -50 mV]
  minimize GOAL
  by OPTIMIZER
  with dt = 0.1 ms, METHOD
}
"""
SQUARE, DRIVE = "mean((V - rec.V)^2) / (1 mV)^2", "drive I with rec.I"
CELLS = {  # noise, spikes, drive, goal, optimizer, method
    "a field": ("0 mV/ms", "", "field u(t in [0 ms, 60 ms]) = mlp(4, scale = 100 pA)\n  drive I with rec.I + u", SQUARE,
                "lbfgs(steps = 3) from 3 starts", "method = rk4"),
    "spikes that move": ("0 mV/ms", "spike when V > V_th { V = V_r }", DRIVE, SQUARE,
                         "lbfgs(steps = 3) from 5 starts with gradient = exact_events", "method = exact"),
    "a likelihood": ("0 mV/ms", "spike at rate 1/ms * exp((V - V_th) / (2 mV)) { V = V_r;  hold V for 2 ms }", DRIVE + "\n  drive spike with rec.s",
                     "-loglik(spike, given = rec.s)", "lbfgs(steps = 3) from 9 starts", "method = exact"),
    "noise": ("0.3 mV/ms^0.5 * white_noise()", "", DRIVE, SQUARE, "adam(steps = 3) from 5 starts", "method = euler_maruyama"),
    "steps within steps": ("-1e-4 * V * V / (1 mV * 1 ms)", "", DRIVE, SQUARE,
                           "adam(steps = 2) from 3 starts with gradient = reverse", "method = rk45"),
}


def cells(tap):
    """Other kinds of objectives and of steps."""
    rows = ["t,I,V"]
    for i in range(600):
        on = 50 < i < 500
        rows.append(f"{i / 10:.1f},{300 if on else 0},{20 if on and i % 90 < 6 else -60 - 3 * math.cos(i / 100):.6g}")
    tap.write("cell.csv", "\n".join(rows) + "\n")
    for i, (name, words) in enumerate(CELLS.items()):
        text = CELL
        for key, word in zip(("NOISE", "SPIKE", "DRIVE", "GOAL", "OPTIMIZER", "METHOD"), words):
            text = text.replace(key, word)
        p = Program(tap, tap.write("cell.nsl", text), "x")
        if p.good:
            p.same(name, WAYS[i % len(WAYS)])


def memory(tap):
    """Little of it: tapes in segments, walks in waves; too little: said before anything is run."""
    rows = 24000
    tap.write("one.csv", "t,V\n" + "".join(f"{i * 0.1:.1f},{3 * math.sin(i * 0.01):.9g}\n" for i in range(rows)))
    sweep(tap, "two.csv", 9, 300)
    text = DECAY.replace("V' = -V / tau", "V' = -V * (1 + (V / (3 mV))^2 / (1 + (V / (2 mV))^2 + (V / (4 mV))^4)) / tau")
    p = Program(tap, tap.write("long.nsl", text.replace("BY", "adam(steps = 1) from 9 starts with gradient = reverse")), "decay")
    if not p.good:
        return
    used = []
    for i, limit in enumerate([None, "5M", "2500K"]):
        d = p.same(f"reverse mode with {limit or 'all'} memory", WAYS[1 + i], limit)
        used.append(d["gpu"]["used_mb"] if d else math.nan)
    tap.check(used[0] > used[1] > used[2] > 0, "less memory is used where there is less", used)
    q = Program(tap, tap.write("many.nsl", text.replace("BY", "lm(steps = 1) from 17 starts")), "decay")
    all_of_it = q.same("sensitivities with all memory", WAYS[0])
    d = q.same("sensitivities, in waves", WAYS[0], "395K") if all_of_it else None
    tap.check(d and d["gpu"]["used_mb"] < all_of_it["gpu"]["used_mb"], "which take less", d and d["gpu"])
    for limit, words in (("50K", "for the sweeps"), ("700K", "for one of its marches")):
        r, d = p.run("little", WAYS[0], limit)
        said = all(w in r.stderr for w in ("long.nsl:", words, "--device cpu", " has "))
        tap.check(r.returncode == 1 and not d and said, f"{limit}: {words}", r.stderr)


def diverging(tap):
    """Places without a finite sum stop behind the same step, so that even the terms that are still finite are those of the processor."""
    sweep(tap, "one.csv", 3, 30000)
    sweep(tap, "two.csv", 3, 9000)
    text = DECAY.replace("V' = -V / tau", "state y = 1 mV\n  V' = (V^2 / (1 mV) - V * k) / tau\n  y' = (0.5 mV - y) / (10 s)")
    text = text.replace("V_0 = 5 mV", "V_0 = 5 mV, k = 5.4")
    text = text.replace("free tau in [1 ms, 200 ms], V(0) per s", "free tau in [20 ms, 60 ms], k in [1, 5.5]")
    text = text.replace("(1 mV)^2\n", "(1 mV)^2 + 1e-3 * mean((y / (1 mV))^2)\n").replace("dt = 0.1 ms", "dt = 0.1 ms, method = euler")
    for i, by in enumerate(("cmaes(steps = 3, candidates = 9) from 1 starts", "lm(steps = 2) from 17 starts")):
        p = Program(tap, tap.write("far.nsl", text.replace("BY", by)), "decay")
        if p.good:
            p.same(f"starts that diverge: {by}", WAYS[i])


def cut_short(text):
    text = re.sub(r"steps = \d+", "steps = 1", text)
    text = re.sub(r"candidates = \d+", "candidates = 4", text)
    return re.sub(r"from \d+ starts", "from 3 starts", text)


def examples(tap):
    folder = os.path.join(EXAMPLES, "fits")
    copy = tap.path("fits")
    shutil.copytree(folder, copy)
    for i, name in enumerate(FITS if ALL else BRIEFLY):
        path = os.path.join(copy, name + ".nsl")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text if ALL else cut_short(text))
        for fit in FITS[name]:
            p = Program(tap, path, fit)
            if p.good:
                p.same(f"examples: {name}, {fit}", WAYS[i % len(WAYS)])


SHARED = network_fits.SHARED.replace("steps = 8", "steps = 1").replace("OBJECTIVE", network_fits.SUM).replace("60 ms", "30 ms")
TRAINED = network_fits.TRAINED.replace("steps = 3, rate = 0.1) from 2 starts", "steps = 1)").replace("indegree(3)", "indegree(1)").replace("run 40 ms", "run 20 ms")
MIXED = network_fits.MIXED.replace("steps = 4", "steps = 1").replace("run 60 ms", "run 50 ms")
BACK = MIXED.replace("MODE", "reverse").replace("RESET", "detached")
LARGE = (network_fits.SMALL + network_fits.SMOOTH).replace("[80]", "[1600]").replace("[20]", "[400]").replace("120 ms", "30 ms").replace(
    "from 3 starts", "").replace("steps = 4", "steps = 1").replace("SHAPE", "triangle")
NETWORKS = {  # text, fit
    "cmaes": (network_fits.NET.replace("300 ms", "30 ms").replace("100 ms", "10 ms").replace("steps = 20", "steps = 2"), "rates"),
    "forward mode, lm": (SHARED, "squares"),
    "forward mode, two kinds of cells, delays": (MIXED.replace("MODE", "forward").replace("RESET", "differentiated"), "smooth"),
    "forward mode by weights of synapses": (TRAINED.replace("MODE", "forward"), "f"),
    "reverse mode, a reset that is differentiated": (MIXED.replace("MODE", "reverse").replace("RESET", "differentiated"), "smooth"),
    "reverse mode by weights of synapses": (TRAINED.replace("MODE", "reverse"), "f"),
}
LONG = {"reverse mode, several shards": (LARGE, "smooth"), "forward mode, several shards": (LARGE.replace("damping = 0.02)", "damping = 0.02), gradient = forward"), "smooth")}
EXAMPLES_OF_NETWORKS = {"brunel_rate": "rates", "pattern": "pattern"}


def networks(tap):
    """A run for each place, with what spikes carry along the synapses."""
    for i, (name, (text, fit)) in enumerate({**NETWORKS, **(LONG if ALL else {})}.items()):
        p = Program(tap, tap.write("net.nsl", text), fit)
        if p.good:
            p.same(f"a network, {name}", WAYS[i % len(WAYS)])
    for name, fit in EXAMPLES_OF_NETWORKS.items() if ALL else ():
        with open(os.path.join(EXAMPLES, "fits", name + ".nsl")) as f:
            p = Program(tap, tap.write(name + ".nsl", re.sub(r"steps = \d+", "steps = 1", f.read())), fit)
        if p.good:
            p.same(f"examples: {name}, {fit}", WAYS[2])


def parts(tap):
    """Reverse mode: a history that does not fit in memory is made in parts, with the same bits; what does not fit at all is said."""
    p = Program(tap, tap.write("back.nsl", BACK), "smooth")
    if not p.good:
        return
    used = []
    for i, limit in enumerate([None, "6M", "3M"]):
        d = p.same(f"a network, reverse mode with {limit or 'all'} memory", WAYS[1 + i], limit)
        used.append(d["gpu"]["used_mb"] if d else math.nan)
    tap.check(used[0] > used[1] > used[2] > 0, "less memory is used where there is less", used)
    r, d = p.run("little", WAYS[0], "500K")
    tap.check(r.returncode == 1 and not d and "--device cpu" in r.stderr, "too little memory for a network's run", r.stderr)


def refused(tap):
    """As of experiments; before anything is built."""
    p = Program(tap, tap.write("back.nsl", BACK), "smooth")
    r, d = p.run("rows", WAYS[0], options=("--rows", "source"))
    tap.check(r.returncode == 1 and not d and "a device has rows of its own" in r.stderr, "a network by rows that a device has not is refused", r.stderr)


def stopped(tap):
    """Ctrl-C in the middle: what was found is there."""
    sweep(tap, "one.csv", 3, 5000)
    sweep(tap, "two.csv", 9, 5000)
    p = Program(tap, tap.write("stop.nsl", DECAY.replace("BY", "adam(steps = 1000000) from 8 starts")), "decay")
    if not p.good:
        return
    child = subprocess.Popen([p.path, "--fit", "decay", "--out", tap.path("stop"), "--quiet", "--device", "emulated"],
                             stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    left = os.path.exists(os.path.join(tap.path("stop"), "fit.json"))
    tap.check(child.returncode == 130 and left, "Ctrl-C: exit status 130, and the files", f"{child.returncode} {said}")


def main():
    tap = Tap()
    for test in (ways, rings, cells, memory, diverging, networks, parts, examples, refused, stopped):
        test(tap)
    tap.done()


if __name__ == "__main__":
    main()

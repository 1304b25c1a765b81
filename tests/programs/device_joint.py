#!/usr/bin/env python3
"""Continuous synapses on a device beyond plain sums: joint steps, whose trials go on until all agree, synapses with states of their own, and sums over many elements. Under
--device emulated, in blocks of several sizes and several orders, in both precisions: the processor's state_hash and records, checkpoints resumed from one to
the other, the same words where steps do not agree, and a closed form.
`all`: every model with every way."""
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

from tap import NSLC, Tap, call, run_json

ALL = "all" in sys.argv[1:]
WAYS = [("64", "forward"), ("128", "reverse"), ("256", "shuffled:1"), ("64", "shuffled:2")]
# gap junctions of cells that spike, hold and are driven, by rules of both kinds, beside delayed flows, sums over all and a signal
JOINT = """language 1
neuron cell {
  param push = 90 pA
  input I : pA, m
  state V ~ uniform(-65 mV, -51 mV)
  V' = (-65 mV - V) / (20 ms) + (I + push + 3 pA * m) / (100 pF)
  receive exc(w : mV) { V += w }
  spike when V >= -50 mV { V = -65 mV;  hold V for 1 ms }
}
synapse gap { weight g : nS;  stream g * (pre.V - post.V) }
synapse late { weight g : pA;  stream g * delayed(pre.V, delay) / (65 mV) }
network n {
  param g = 0.2 nS
  population A : cell[330] { m = field }
  population B : cell[90] { push ~ uniform(60 pA, 120 pA) }
  connect A -- (A, B).I by probability(0.02) with gap { weight ~ uniform(0 nS, 2 * g) }
  connect B -- B.I by all_to_all with gap { weight = 0.05 * g }
  connect A -> B.I by indegree(3) with late { weight ~ uniform(0 pA, 3 pA);  delay ~ uniform(0.2 ms, 3 ms) }
  connect A -> (A, B).exc by indegree(10) { weight = 0.3 mV;  delay ~ uniform(0.3 ms, 2 ms) }
  drive A.exc with poisson(2 kHz) { weight = 0.3 mV;  delay = 0.7 ms }
  drive B.I with noise(30 pA, tau = 5 ms)
  signal field : 1 {
    field' = (mean(B.V) / (-65 mV) - field) / (10 ms)
    on spike of B { field += 0.1 }
  }
}
experiment e { network n
  record spikes of (A, B)
  record V of (A[0..9], B[0..3]) every 0.5 ms
  record I of B[0..3] every 0.1 ms
  run 12 ms with dt = 0.1 ms, seed = 7, coupling = joint }
"""
# synapses with states: several classes, weights that move within bounds, params of their own, two inflows of one input, more targets than a shard has
GATED = """language 1
neuron cell {
  param b = 100 pA
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (10 ms) + (I + b) / (100 pF)
  receive exc(w : mV) { V += w }
  spike when V >= -50 mV { V = -65 mV;  hold V for 1 ms }
}
synapse graded {
  param E = -80 mV, tau = 5 ms
  weight g : nS in [0 nS, 1 nS]
  let f = 1 / (1 + exp(-(pre.V + 60 mV) / (2 mV)))
  state s = f, c = 0.1
  s' = (f - s) / (tau * (1.1 - f))
  c' = s * (post.V + 60 mV) / (10 ms * 10 mV) - c / (20 ms)
  g' = 0.1 nS/ms * c
  stream g * s * (E - max(post.V, -70 mV))
}
synapse plain { state m = 0.5;  m' = (pre.V / (1 mV) - m) / (3 ms);  stream 0.01 pA * m }
synapse gap { weight g : nS;  stream g * (pre.V - post.V) }
network n {
  population A : cell[1500] { b ~ uniform(0 pA, 300 pA) }
  population B : cell[70] { V ~ uniform(-70 mV, -50 mV) }
  connect ab: A -> B.I by indegree(9) with graded { tau ~ uniform(2 ms, 8 ms);  weight ~ uniform(0 nS, 1.2 nS) }
  connect ba: B[1..4] -> A.I by all_to_all with graded { weight = 0.9 nS;  E = -60 mV }
  connect aa: A -> A.I by probability(0.002), no self with plain
  connect A -- B.I by indegree(2) with gap { weight = 0.3 nS }
  drive B.exc with poisson(1 kHz) { weight = 0.5 mV }
}
experiment e { network n
  record spikes of (A, B)
  record V of B[0..9]
  record s of (ab, ba) every 0.5 ms
  record c of ab every 0.7 ms
  record m of aa every 0.5 ms
  record weight of (ab, ba) every 0.4 ms
  run 3 ms as one with dt = 0.1 ms, seed = 4
  run 2 ms as two
}
"""
# a weight that would be infinite but for its bounds, and states of two connections that run away in the same step, at several synapses each
ODD = """language 1
neuron cell {
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (10 ms) + I / (100 pF)
}
synapse grows {
  weight g : nS in [0 nS, 2 nS]
  state y = 1, x = 1
  y' = 0.1 * y / (1 ms)
  x' = x * x / (1 ms)
  g' = 1 nS/ms * x
  stream g * y * 0 mV
}
network n {
  population A : cell[90]
  population B : cell[90]
  connect A -> B.I by indegree(4) with grows { weight = 0.5 nS }
  connect B -> A.I by indegree(3) with grows { weight = 0.5 nS }
}
experiment e { network n
  run 60 ms with dt = 0.1 ms, method = euler }
"""
# sums over all sources, over some of them, and means that a signal follows, of more elements than a block adds at once
MANY = """language 1
neuron node {
  input I, J
  state x ~ normal(0, 1)
  x' = (0.3 - x + 0.0001 * I + 0.1 * J) / (10 ms)
}
synapse all { weight w;  stream w * pre.x }
synapse even { weight w;  stream w * (pre.x - post.x) }
network n {
  population A : node[SIZE]
  population B : node[70]
  connect A -> B.I by all_to_all with all { weight = 1 }
  connect A -- A.J by all_to_all with even { weight = 0.0001 }
  connect A[7..3500] -> A.I by all_to_all with all { weight = 0.0002 }
  signal f : 1 { f' = (mean(A.x) + sum(B.x) - f) / (5 ms) }
}
experiment e { network n
  record I of B[0..1] every 0.1 ms
  record f every 0.1 ms
  run 2 ms with dt = 0.1 ms, seed = 2, coupling = HOW
}
"""
PAIR = """language 1
neuron cell {
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (20 ms) + I / (100 pF)
}
synapse gap { param g = 10 nS;  stream g * (pre.V - post.V) }
network n {
  param g = 10 nS
  population A : cell[2]
  connect A[0] -- A[1].I by all_to_all with gap { g = g }
}
experiment e { network n { A[0].V = -50 mV }
  record V of A every 1 ms
  run 10 ms with dt = 0.1 ms, coupling = joint, tolerance = 1e-9 }
"""


def built(tap, name, text, *options):
    program = tap.path("".join(c if c.isalnum() else "_" for c in name) + ".program")
    r = call(NSLC, "build", "--target", "gpu", *options, tap.write("model.nsl", text), "-o", program)
    return program if tap.check(r.returncode == 0, f"{name}: built", r.stderr) else None


def environment(way):
    return dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1]) if way else None


def run(tap, program, out, way, *options):
    folder = tap.path(out)
    shutil.rmtree(folder, ignore_errors=True)
    device = ["--device", "emulated"] if way else ["--threads", "2"]
    return call(program, "--out", folder, "--quiet", "--no-report", "--csv", *device, *options, env=environment(way)), folder


def tables(folder):
    return {n: open(os.path.join(folder, n), "rb").read() for n in sorted(os.listdir(folder)) if n.endswith(".csv")}


def same(tap, what, cpu, device):
    hashes, files = [run_json(x)["state_hash"] for x in (cpu, device)], [tables(x) for x in (cpu, device)]
    odd = [n for n in files[0] if files[0][n] != files[1].get(n)]
    tap.check(hashes[0] == hashes[1] and not odd and files[0], what, f"state_hash {hashes}; other than on the processor: {odd}")


def compare(tap, name, program, ways, *options):
    r, cpu = run(tap, program, "cpu", None, *options)
    if not tap.check(r.returncode == 0, f"{name}: runs on the processor", r.stderr):
        return None
    for way in ways:
        r, device = run(tap, program, "device", way, *options)
        if not tap.check(r.returncode == 0, f"{name}: runs on a device", r.stderr):
            return None
        same(tap, f"{name}: blocks of {way[0]}, {way[1]}", cpu, device)
    return run_json(device)["gpu"]


def interrupted(tap, program, way, duration):
    folder = tap.path("parts")
    shutil.rmtree(folder, ignore_errors=True)
    command = [program, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", duration, "--checkpoint", "model=1ms"]
    p = subprocess.Popen(command + (["--device", "emulated"] if way else []), stderr=subprocess.PIPE, env=environment(way))
    while not os.path.exists(os.path.join(folder, "checkpoint.before")) and p.poll() is None:
        time.sleep(0.002)
    p.send_signal(signal.SIGINT)
    p.communicate()
    return folder, p.returncode


def resumed(tap, name, program, duration):
    _, cpu = run(tap, program, "whole", None, "--duration", duration)
    for first, second in [(WAYS[1], None), (None, WAYS[2]), (WAYS[0], WAYS[1])]:
        what = f"{name}, resumed: {' '.join(first or ['cpu'])} -> {' '.join(second or ['cpu'])}"
        folder, status = interrupted(tap, program, first, duration)
        if status != 130:
            tap.skip(what, "it was over before it could be stopped")
            continue
        r = call(program, "--resume", folder, "--quiet", *(["--device", "emulated"] if second else []), env=environment(second))
        if tap.check(r.returncode == 0, f"{what}: goes on", r.stderr):
            same(tap, what, cpu, folder)


def explained(tap, name, text, gpu):
    """What explain lists of a step is what a run launches."""
    r = call(NSLC, "explain", "--json", "--target", "gpu", tap.write("explained.nsl", text))
    ours = [f["kernel"] for f in map(json.loads, r.stdout.splitlines()) if f["fact"] == "launch"]
    theirs = [l["kernel"] for l in gpu["launches"]]
    tap.check(ours == theirs, f"{name}: explain lists the launches of a step", f"{r.stderr} {ours} {theirs}")


def joint(tap):
    for k, precision in enumerate(("f64", "f32")):
        program = built(tap, f"joint {precision}", JOINT, "--precision", precision)
        if not program:
            continue
        gpu = compare(tap, f"joint steps, {precision}", program, WAYS if ALL else WAYS[2 * k:2 * k + 2])
        strong = compare(tap, f"joint steps that agree slowly, {precision}", program, WAYS if ALL else [WAYS[k]], "--set", "n.g=40 nS", "--duration", "3ms")
        if gpu and strong:
            tap.check(2 < gpu["trials_per_step"] < 4 < 8 < strong["trials_per_step"], f"steps take one pass, or several, {precision}",
                      f"{gpu['trials_per_step']} {strong['trials_per_step']}")
        if gpu and precision == "f64" and ALL:
            explained(tap, "joint steps", JOINT, gpu)
        if gpu and precision == "f64":
            resumed(tap, "joint steps", program, "30ms")


def gated(tap):
    for k, precision in enumerate(("f64", "f32")):
        program = built(tap, f"with states {precision}", GATED, "--precision", precision)
        if not program:
            continue
        gpu = compare(tap, f"synapses with states, {precision}", program, WAYS if ALL else WAYS[2 * k:2 * k + 2])
        if gpu and precision == "f64" and ALL:
            explained(tap, "synapses with states", GATED, gpu)
        if gpu and precision == "f64":
            resumed(tap, "synapses with states", program, "15ms")
    program = built(tap, "runs away", ODD)
    cpu = run(tap, program, "odd", None)[0]
    for way in WAYS if ALL else WAYS[1:3]:
        device = run(tap, program, "odd", way)[0]
        tap.check(cpu.returncode == device.returncode == 1 and cpu.stderr == device.stderr and "A -> B.I: x of the synapse from A[" in cpu.stderr,
                  f"a state that runs away: the same words, {way[1]}", cpu.stderr + device.stderr)


def many(tap):
    for k, (how, precision) in enumerate((("held", "f64"), ("joint", "f32"), ("joint", "f64"), ("held", "f32"))[:4 if ALL else 2]):
        text = MANY.replace("SIZE", "5000").replace("HOW", how)
        program = built(tap, f"many {how} {precision}", text, "--precision", precision)
        gpu = program and compare(tap, f"sums over many elements, {how}, {precision}", program, WAYS if ALL else WAYS[k + 1:k + 3])
        if gpu:
            kernels = [l["kernel"] for l in gpu["launches"]]
            tap.check("sums" in kernels and ("ahead_sums" in kernels) == (how == "joint"), f"in two launches, {how}", kernels)
            if how == "joint":
                explained(tap, f"sums over many elements, {how}", text, gpu)
    if ALL:  # of so many that the sums of pieces are more than a block adds at once
        program = built(tap, "very many", MANY.replace("SIZE", "1100000").replace("HOW", "held"))
        compare(tap, "sums over a million elements", program, WAYS[1:2], "--duration", "0.3ms")


def kinds(tap):
    """Everything else that a step on a device does, beside trials that take two passes."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "device_kinds.nsl")) as f:
        text = "".join(line for line in f if not line.strip().startswith("expect"))  # what is expected of a longer run
    text = text.replace("seed = 7", "seed = 7, coupling = joint").replace("with even { weight = 0.002 }", "with even { weight = 0.2 }")
    for k, precision in enumerate(("f64", "f32") if ALL else ("f64",)):
        program = built(tap, f"all kinds {precision}", text, "--precision", precision)
        gpu = program and compare(tap, f"joint steps beside all kinds, {precision}", program, WAYS if ALL else WAYS[1:2], "--duration", "8ms")
        if gpu:
            tap.check(4 < gpu["trials_per_step"] < 8, "in two passes", gpu["trials_per_step"])


def closed_form(tap):
    program = built(tap, "a pair", PAIR)
    r, folder = run(tap, program, "pair", WAYS[3])
    if not tap.check(r.returncode == 0, "a pair runs", r.stderr):
        return
    rows = [[float(x) for x in line.split(",")] for line in tables(folder)["V.csv"].decode().splitlines()[1:]]
    errors = [abs(row[1] - row[2] - 15 * math.exp(-(1 / 20 + 2 * 10 / 100) * k)) for k, row in enumerate(rows)]
    tap.check(len(rows) == 11 and max(errors) < 5e-4, "the difference of two cells decays as it should", errors)
    for g in ("1e5 nS", "1e300 nS"):
        cpu, device = (run(tap, program, "apart", way, "--set", f"n.g={g}")[0] for way in (None, WAYS[1]))
        tap.check(cpu.returncode == device.returncode == 1 and cpu.stderr == device.stderr and "do not agree" in cpu.stderr,
                  f"steps that do not agree: the same words, {g}", cpu.stderr + device.stderr)


def main():
    tap = Tap()
    joint(tap)
    kinds(tap)
    gated(tap)
    many(tap)
    closed_form(tap)
    tap.done()


main()

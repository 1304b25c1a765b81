#!/usr/bin/env python3
"""Rows made anew at each spike, on a device: the processor's bits with stored rows, for every rule, with weights and delays that are drawn
or not, onto sums, states, handlers that do more than add and third parts, in blocks of several sizes and orders, float64 and float32, and in
runs that change the device.
`all`: with all blocks and orders, and longer."""
import filecmp
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from tap import NSLC, Tap, call, run_json

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = "all" in sys.argv[1:]
WAYS = [("64", "forward"), ("128", "reverse"), ("256", "shuffled:1"), ("64", "shuffled:2"), ("256", "reverse")]
MODELS = ["device_made", "device_drawn", "device_places", "device_each"]


def files(tap):
    """A matrix of weights, in which a third of the pairs are connected, and a table."""
    random.seed(1)
    for name, some in (("w.csv", [0, 0, 2]), ("d.csv", [1])):
        rows = [",".join(f"{random.random() * random.choice(some):.6g}" for _ in range(10)) for _ in range(7)]
        tap.write(name, "\n".join(rows) + "\n")


def built(tap, source, *options):
    program = tap.path(os.path.basename(source).replace(".nsl", "".join(options) + ".program"))
    r = call(NSLC, "build", "--target", "gpu", *options, source, "-o", program)
    return program if tap.check(r.returncode == 0, f"{os.path.basename(source)}: built {' '.join(options)}", r.stderr) else None


def environment(way):
    return dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1]) if way else None


def run(program, folder, way, *options):
    shutil.rmtree(folder, ignore_errors=True)
    device = ["--device", "emulated"] if way else ["--threads", "2"]
    return call(program, "--out", folder, "--allow-read", tap.scratch, "--quiet", "--no-report", "--csv", *device, *options, env=environment(way))


def same(tap, what, cpu, device):
    names = [n for n in sorted(os.listdir(cpu)) if n.endswith(".csv")]
    hashes = run_json(cpu)["state_hash"], run_json(device)["state_hash"]
    odd = [n for n in names if not os.path.exists(os.path.join(device, n)) or not filecmp.cmp(os.path.join(cpu, n), os.path.join(device, n), shallow=False)]
    tap.check(hashes[0] == hashes[1] and names and not odd, what, f"state_hash {hashes}; other than on the processor: {odd}")


def whole_runs(tap, name, precision, program):
    time_of = [] if ALL else ["--duration", "17ms"]
    stored, folder = tap.path("stored"), tap.path("device")
    r = run(program, stored, None, "--connectivity", "stored", *time_of)
    tap.check(r.returncode == 0, f"{name}, {precision}: stored, on the processor", r.stderr)
    for way in WAYS if ALL else WAYS[:2] if precision == "f64" else WAYS[2:3]:
        r = run(program, folder, way, *time_of)
        if tap.check(r.returncode == 0 and run_json(folder)["connectivity"]["kind"] == "procedural", f"{name}, {precision}: runs on a device", r.stderr):
            same(tap, f"{name}, {precision}: blocks of {way[0]}, {way[1]}", stored, folder)


def interrupted(program, folder, way):
    """Begins, and is stopped behind its first checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [program, "--out", folder, "--allow-read", tap.scratch, "--quiet", "--no-report", "--csv", "--duration", "45ms", "--checkpoint", "model=3ms"]
    p = subprocess.Popen(command + (["--device", "emulated"] if way else []), stderr=subprocess.PIPE, env=environment(way))
    for _ in range(2000):
        if os.path.exists(os.path.join(folder, "checkpoint.before")) or p.poll() is not None:
            break
        time.sleep(0.005)
    p.send_signal(signal.SIGINT)
    p.communicate()
    return p.returncode


def resumed(tap, name, program):
    whole, folder = tap.path("whole"), tap.path("parts")
    run(program, whole, None, "--duration", "45ms")
    for what, first, second in (("begun on a device, ended on the processor", WAYS[1], None), ("begun on the processor, ended on a device", None, WAYS[2])):
        if interrupted(program, folder, first) != 130:
            tap.skip(f"{name}, {what}", "it was over before it could be stopped")
            continue
        r = call(program, "--resume", folder, "--quiet", *(["--device", "emulated"] if second else []), env=environment(second))
        if tap.check(r.returncode == 0, f"{name}, {what}: resumed", r.stderr):
            same(tap, f"{name}, {what}", whole, folder)


FIT = """language 1
network net {
  population E : iaf_psc_exp[40] { V ~ uniform(-70 mV, -56 mV) }
  population I : iaf_psc_exp[10] { V ~ uniform(-70 mV, -56 mV) }
  connect ee: E -> E.exc by indegree(2), no self { weight ~ normal(60 pA, 12 pA) within [0 pA, inf);  delay ~ uniform(0.5 ms, 3 ms) }
  connect ei: E -> I.exc by outdegree(1) { weight = 60 pA;   delay = 1.5 ms }
  connect ie: I -> E.inh by indegree(4) { weight = -200 pA; delay = 1.5 ms }
  drive (E, I).exc with poisson(5 kHz) { weight = 70 pA;  delay = 1.5 ms }
}
fit taught {
  network net
  run 60 ms with dt = 0.1 ms, seed = 3
  free weight of ee in [0 pA, 200 pA], weight of ei
  minimize (rate(E) - 60 Hz)^2 / (1 Hz)^2 + (mean(E[0..9].V) + 60 mV)^2 / (1 mV)^2 after 20 ms
  by cmaes(steps = 8)
}
"""


def sought(tap):
    """Weights of single synapses that a fit tries."""
    model, fits = tap.write("taught.nsl", FIT), []
    for options in (["--connectivity", "stored"], ["--connectivity", "procedural", "--device", "emulated"]):
        folder = tap.path("fit")
        shutil.rmtree(folder, ignore_errors=True)
        r = call(NSLC, "run", model, "--", "--fit", "taught", "--out", folder, "--quiet", "--no-report", *options)
        if not tap.check(r.returncode == 0, f"a fit of weights, {' '.join(options)}", r.stderr):
            return
        with open(os.path.join(folder, "fit.json")) as f, open(os.path.join(folder, "taught.weights.h5"), "rb") as w:
            fit = json.load(f)
            fits.append((fit["objective"], fit["evaluations"], fit["free"], w.read()))
    tap.check(fits[0] == fits[1], "the same weights, the same objective", f"{fits[0][:2]} {fits[1][:2]}")


tap = Tap()
files(tap)
sought(tap)
for name in MODELS:
    with open(os.path.join(HERE, name + ".nsl")) as f:
        source = tap.write(name + ".nsl", f.read())
    for precision in ("f64", "f32"):
        program = built(tap, source, "--precision", precision)
        if program:
            whole_runs(tap, name, precision, program)
        if program and (precision == "f64" or ALL):
            resumed(tap, name, program)
tap.done()

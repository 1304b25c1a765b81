#!/usr/bin/env python3
"""Synapses with memory on a device: the rules of plastic.py under --device emulated, in blocks of several sizes and several orders: the processor's
state_hash, spikes, and weights and states at every recorded time, bit for bit; frozen phases, float32, checkpoints resumed from one to the
other, the same words for a weight that runs away.
`all`: every rule with every way, longer."""
import os
import shutil
import signal
import subprocess
import sys
import time

from modulated import GATED, signal_model
from plastic import DECAY, ELIGIBILITY, NETWORK, PHASES, STDP, TM, TRIPLET
from tap import NSLC, Tap, call, run_json

ALL = "all" in sys.argv[1:]
WAYS = [("64", "forward"), ("128", "reverse"), ("256", "shuffled:1")]
RUN = "60 Hz", "60 Hz"
LONG = "120ms"
# name: (rule, connect, delay, rates, precision)
CASES = {
    "pairs": (STDP, "all_to_all", "= 1.5 ms", RUN, "f64"),
    "pairs, delays of their own, several synapses of a pair": (STDP, "indegree(20)", "~ uniform(0.4 ms, 4 ms)", RUN, "f64"),
    "a target that bursts, float32": (STDP, "all_to_all", "= 0.5 ms", ("5 Hz", "2 kHz"), "f32"),
    "triplets, axonal and dendritic parts": (TRIPLET, "probability(0.5)", "= axonal(0.9 ms) + dendritic(0.4 ms)", RUN, "f64"),
    "a state of each synapse, conditions, float32": (ELIGIBILITY, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", RUN, "f32"),
    "short-term plasticity": (TM, "all_to_all", "~ normal(2 ms, 0.5 ms) within [0.5 ms, 3 ms]", RUN, "f64"),
    "a weight with an equation": (DECAY, "indegree(20)", "~ uniform(0.4 ms, 4 ms)", RUN, "f64"),
}


def text_of(rule, connect, delay, rates, ms, frozen=False):
    text = "language 1\n" + NETWORK % (rule.text, *rates, connect, delay, f"{ms} ms", 3)
    if frozen:
        text = text[:text.rindex("run ")] + PHASES
    return text.replace("  record spikes", "".join(f"  record {n} of ab every 7.3 ms\n" for n in [*rule.own, *rule.traces]) + "  record spikes")


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
    files = sorted(n for n in os.listdir(folder) if n.endswith(".csv"))
    return {n: open(os.path.join(folder, n), "rb").read() for n in files}


def same(tap, what, cpu, device):
    hashes, files = [run_json(x)["state_hash"] for x in (cpu, device)], [tables(x) for x in (cpu, device)]
    odd = [n for n in files[0] if files[0][n] != files[1].get(n)]
    tap.check(hashes[0] == hashes[1] and files[0] and not odd, what, f"state_hash {hashes}; other than on the processor: {odd}")


def compare(tap, name, program, ways):
    r, cpu = run(tap, program, "cpu", None)
    if not tap.check(r.returncode == 0, f"{name}: runs on the processor", r.stderr):
        return
    for way in ways:
        r, device = run(tap, program, "device", way)
        if tap.check(r.returncode == 0, f"{name}: runs on a device", r.stderr):
            same(tap, f"{name}: blocks of {way[0]}, {way[1]}", cpu, device)


def interrupted(tap, program, way):
    """Begins, and is stopped behind its first checkpoints; then spikes, sums and presynaptic events are under way."""
    folder = tap.path("parts")
    shutil.rmtree(folder, ignore_errors=True)
    command = [program, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", LONG, "--checkpoint", "model=3ms"]
    p = subprocess.Popen(command + (["--device", "emulated"] if way else []), stderr=subprocess.PIPE, env=environment(way))
    while not os.path.exists(os.path.join(folder, "checkpoint.before")) and p.poll() is None:
        time.sleep(0.002)
    p.send_signal(signal.SIGINT)
    p.communicate()
    return folder, p.returncode


def resumed(tap, program):
    r, cpu = run(tap, program, "whole", None, "--duration", LONG)
    for first, second in [(WAYS[1], None), (None, WAYS[2]), (WAYS[0], WAYS[1])]:
        what = f"resumed: {' '.join(first or ['cpu'])} -> {' '.join(second or ['cpu'])}"
        folder, status = interrupted(tap, program, first)
        if status != 130:
            tap.skip(what, "it was over before it could be stopped")
            continue
        r = call(program, "--resume", folder, "--quiet", *(["--device", "emulated"] if second else []), env=environment(second))
        if tap.check(r.returncode == 0, f"{what}: goes on", r.stderr):
            same(tap, what, cpu, folder)


def signals(tap):
    for precision, ways in (("f64", WAYS), ("f32", WAYS[1:2])):
        program = built(tap, f"signals in handlers, {precision}", "language 1\n" + signal_model(GATED, 60), "--precision", precision)
        if program:
            compare(tap, f"signals in handlers, {precision}", program, ways)


RUNAWAY = """synapse rule { weight w : pA
  on pre { w = w * 1000;  send w } }"""


def failures(tap):
    text = "language 1\n" + NETWORK % (RUNAWAY, *RUN, "all_to_all", "= 1 ms", "300 ms", 3)
    program = built(tap, "a weight that runs away", text)
    if program:
        cpu, device = run(tap, program, "cpu", None)[0], run(tap, program, "device", WAYS[1])[0]
        tap.check(cpu.returncode == device.returncode == 1 and cpu.stderr == device.stderr and "a million" in cpu.stderr,
                  "a weight that runs away: the same words", cpu.stderr + device.stderr)


def main():
    tap = Tap()
    for k, (name, (rule, connect, delay, rates, precision)) in enumerate(CASES.items()):
        program = built(tap, name, text_of(rule, connect, delay, rates, 600 if ALL else 60), "--precision", precision)
        if program:
            compare(tap, name, program, WAYS if ALL else [WAYS[k % 3]])
        if program and "triplets" in name:
            resumed(tap, program)
    program = built(tap, "frozen for a phase", text_of(ELIGIBILITY, "indegree(20)", "~ uniform(0.4 ms, 4 ms)", RUN, 0, frozen=True))
    if program:
        compare(tap, "frozen for a phase", program, WAYS if ALL else [WAYS[1]])
    signals(tap)
    failures(tap)
    tap.done()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs on a device are those of the processor: examples and models of all kinds under --device emulated, with blocks of several sizes and
in several orders, give the processor's state_hash, spikes and records, bit for bit; also resumed, compared by digests, in phases.
`all`: every example with every block and order, longer.

What a device refuses is skipped by its message, counted, and printed."""
import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import forms
import generate
from tap import EXAMPLES, NSLC, ROOT, Tap, call, run_json

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = "all" in sys.argv[1:]
WAYS = [("64", "forward"), ("128", "reverse"), ("256", "shuffled:1"), ("64", "shuffled:2"), ("256", "reverse")]
REFUSED = "cannot run on a device yet"
# model time of each run in ms, (in the default suite, with all); those that are looked at late need their time
TIMES = {"calcium_buffers": (46, 60), "brunel": (2, 40), "brunel_regimes": (1, 20), "microcircuit": (0, 2), "gif_population": (5, 50), "local_network": (1, 10)}
USUAL = (5, 60)


def environment(way):
    return dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1])


def built(tap, source, *options):
    program = tap.path(os.path.basename(source).replace(".nsl", "".join(options) + ".program"))
    r = call(NSLC, "build", "--target", "gpu", *options, source, "-o", program)
    if r.returncode == 1 and REFUSED in r.stderr and not os.path.exists(program):
        tap.skip(f"{os.path.basename(source)}: built {' '.join(options)}", r.stderr.strip().splitlines()[-1])
        return None
    return program if tap.check(r.returncode == 0, f"{os.path.basename(source)}: built {' '.join(options)}", r.stderr) else None


def run(tap, program, out, *options, way=None):
    folder = tap.path(out)
    shutil.rmtree(folder, ignore_errors=True)
    device = ["--device", "emulated"] if way else []
    r = call(program, "--out", folder, "--quiet", "--no-report", "--csv", "--threads", "2", *device, *options, env=environment(way) if way else None)
    return r, folder


def experiments(program):
    """All that a program holds; one that needs no name: None."""
    r = call(program, "--out", "/nonexistent", "--quiet")
    return r.stderr.split("--experiment: ")[1].strip().split(", ") if "--experiment: " in r.stderr else [None]


def same(tap, what, cpu, device):
    names = [n for n in sorted(os.listdir(cpu)) if n.endswith(".csv")]
    hashes = [[run_json(x)[key] for key in ("state_hash", "events")] for x in (cpu, device)]
    odd = [n for n in names if not os.path.exists(os.path.join(device, n)) or not filecmp.cmp(os.path.join(cpu, n), os.path.join(device, n), shallow=False)]
    tap.check(hashes[0] == hashes[1] and not odd, what, f"state_hash, events {hashes}; other than on the processor: {odd}")


def compare(tap, name, program, ways, *options):
    """False: it is refused, with a reason."""
    cpu, folder = run(tap, program, "cpu", *options)
    if cpu.returncode not in (0, 1) or not os.path.exists(os.path.join(folder, "run.json")):
        return tap.check(False, f"{name}: runs on the processor", cpu.stderr)
    for way in ways:
        device, other = run(tap, program, "device", *options, way=way)
        if REFUSED in device.stderr and device.returncode:
            tap.skip(name, device.stderr.strip().splitlines()[-1])
            return False
        if not os.path.exists(os.path.join(other, "run.json")):
            return tap.check(False, f"{name}: runs on a device", device.stderr)
        same(tap, f"{name}: blocks of {way[0]}, {way[1]}", folder, other)
    return True


def examples(tap):
    ran, refused = 0, 0
    names = sorted(n for n in os.listdir(EXAMPLES) if n.endswith(".nsl"))
    for k, name in enumerate(names):
        stem = name[:-4]
        ms = TIMES.get(stem, USUAL)[ALL]
        program = built(tap, os.path.join(EXAMPLES, name)) if ms else None
        refused += bool(ms) and not program
        for x in experiments(program) if program else []:
            choice = ["--experiment", x] if x else []
            done = compare(tap, f"{stem} {x or ''}", program, WAYS if ALL else [WAYS[k % 3]], "--duration", f"{ms}ms", "--allow-read", EXAMPLES, *choice)
            ran, refused = ran + bool(done), refused + (not done)
            if not ALL:
                break
    print(f"# {ran} run on a device, {refused} are refused")


def kinds(tap):
    source = os.path.join(HERE, "device_kinds.nsl")
    for precision in ("f64", "f32"):
        program = built(tap, source, "--precision", precision)
        if not program:
            continue
        time_of = [] if ALL else ["--duration", "31ms"]
        compare(tap, f"all kinds, {precision}", program, WAYS if ALL else WAYS[:3], *time_of)
        if precision == "f64":
            digests(tap, program)
            resumed(tap, program)


def digests(tap, program):
    r, cpu = run(tap, program, "verified", "--verify", "--duration", "12ms")
    other, device = run(tap, program, "compared", "--compare", cpu, "--duration", "12ms", way=WAYS[0])
    files = [os.path.join(x, "digests.csv") for x in (cpu, device)]
    good = not r.stderr and not other.stderr and all(map(os.path.exists, files)) and filecmp.cmp(*files, shallow=False)
    tap.check(good, "digests are those of the processor", r.stderr + other.stderr)
    wrong, _ = run(tap, program, "wrong", "--compare", cpu, "--duration", "12ms", "--set", "net.t_E=11ms", way=WAYS[0])
    tap.check(wrong.returncode == 1 and "differs from that of the run in" in wrong.stderr, "another state is found by them", wrong.stderr)
    sums, _ = run(tap, program, "sums", "--verify", "--duration", "12ms", way=WAYS[0])
    tap.check(sums.returncode == 1 and "--compare DIR" in sums.stderr, "--verify is refused, and says what instead", sums.stderr)


def interrupted(tap, program, out, way):
    """Begins, and is stopped behind its first checkpoints."""
    folder = tap.path(out)
    shutil.rmtree(folder, ignore_errors=True)
    command = [program, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", "45ms", "--checkpoint", "model=3ms"]
    p = subprocess.Popen(command + (["--device", "emulated"] if way else []), stderr=subprocess.PIPE, env=environment(way) if way else None)
    for _ in range(2000):
        if os.path.exists(os.path.join(folder, "checkpoint.before")) or p.poll() is not None:
            break
        time.sleep(0.005)
    p.send_signal(signal.SIGINT)
    p.communicate()
    return folder, p.returncode


def resumed(tap, program):
    _, whole = run(tap, program, "whole", "--duration", "45ms")
    for what, first, second in (("begun on a device, ended there", WAYS[0], WAYS[1]), ("begun on a device, ended on the processor", WAYS[1], None),
                                ("begun on the processor, ended on a device", None, WAYS[2])):
        folder, status = interrupted(tap, program, "parts", first)
        if status != 130:
            tap.skip(what, "it was over before it could be stopped")
            continue
        device = ["--device", "emulated"] if second else []
        r = call(program, "--resume", folder, "--quiet", *device, env=environment(second) if second else None)
        if tap.check(r.returncode == 0, f"{what}: resumed", r.stderr):
            same(tap, what, whole, folder)


FILES = """language 1
neuron lif {
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (10 ms) + I / (200 pF)
  receive exc(w : mV) { V += w }
  spike when V >= -50 mV { V = -65 mV }
}
network net {
  population E : lif[70]
  population F : lif[7]
  drive E[3..5].I with noise(50 pA, tau = 3 ms) + 2 * samples("i.csv") { t_ms : ms;  id : pA }
  drive F.I with samples("one.csv") { t : ms;  I : pA }
  drive E.exc with poisson(sine(500 Hz, frequency = 20 Hz, mean = 1.4 kHz)) { weight ~ normal(1.1 mV, 0.1 mV);  delay ~ uniform(0.5 ms, 8 ms) }
  drive F.exc with poisson(max(0 Hz, normal(300 Hz, 50 Hz) * sine(0.5, frequency = 30 Hz, mean = 1))) { weight = 0.3 mV;  delay ~ uniform(0.5 ms, 8 ms) }
}
experiment e { network net
  record spikes of (E, F)
  record V of (E[0..9], F) every 1 ms
  run 40 ms with dt = 0.1 ms, seed = 3 }
"""
BAD = """language 1
neuron cell {
  input I : 1
  state x = 1, y = 0
  x' = x^2 / (1 ms) * (1 + I)
  y' = -y / (1 ms)
  receive go(w : 1) { y += w }
  spike when y > 1 { y = 0 }
}
network net { population P : cell[200] { x ~ uniform(0.01, 0.2) }
  drive P[77].I with constant(0.5) }
experiment e { network net
  record spikes of P
  run 100 ms with dt = 0.1 ms }
"""


def files(tap):
    tap.write("i.csv", "t_ms,4,3,5\n" + "".join(f"{i / 3},{100 * (i % 7)},{50 * (i % 5)},{-10 * i}\n" for i in range(130)))
    tap.write("one.csv", "t,I\n" + "".join(f"{i / 3},{100 * (i % 7)}\n" for i in range(130)))
    program = built(tap, tap.write("files.nsl", FILES))
    if program:
        compare(tap, "currents of files, rates that change with delays of their own", program, WAYS if ALL else WAYS[1:2])


TWO = """language 1
neuron cell {
  state x = 1.05, y = 0
  x' = -x^2 / (1 ms) - 1 / (1 ms)
  y' = x / (1 ms)
  spike at rate x * 1 Hz { y += 1 }
}
network net { population P : cell[70] }
experiment e { network net
  run 30 ms with dt = 0.1 ms }
"""
NOBODY = """language 1
network net { param a = 3 }
experiment e { network net
  run 1 ms with dt = 0.1 ms
  expect a in [3, 3] }
"""

PADDED = """language 1
neuron odd {
  param a = 1 kHz
  state x = 1
  x' = a * x * x * x
}
network n { population A : odd[65] { a ~ uniform(0.02 kHz, 0.5 kHz) } }
experiment e { network n
  run 40 ms with dt = 0.1 ms }
"""  # most of those that run away first are padding


# A step takes V to infinity, where the spike resets it.
OVERFLOWS = """language 1
neuron cell {
  state V = -34.4 mV, w = 4.4 pA
  V' = (-10 nS * (V + 70 mV) + 20 pA * exp((V + 50 mV) / (2 mV)) - w) / (200 pF)
  w' = (4 nS * (V + 70 mV) - w) / (144 ms)
  spike when V > 0 mV { V = -58 mV;  w += 80 pA;  hold V for 2 ms }
}
network n { population A : cell[65] { V ~ uniform(-34.5 mV, -34.3 mV) } }
experiment e { network n
  record spikes of A
  record w of A
  run 0.15 ms with dt = 0.05 ms, method = rk4 }
"""
DENSE = """language 1
network n {
  population A : iaf_psc_exp[500]
  connect A -> A.exc by all_to_all { weight = 1 pA;  delay = 0.5 ms }
}
experiment e { network n
  run 1 ms with dt = 0.1 ms }
"""
RUNS_AWAY = """language 1
neuron src { state V = 0 mV
  spike when V >= 0 mV { hold V for 0.9 ms } }
neuron dst { state S = 0 pA
  receive exc(w : pA) { S += w } }
synapse rule { weight w : pA
  on pre { w *= 1000;  send w } }
network net {
  population A : src[2]
  population B : dst[3]
  connect A -> B.exc by all_to_all with rule { weight = 1 pA;  delay = 0.5 ms }
}
experiment e { network net
  record S of B every 0.1 ms
  run 20 ms with dt = 0.1 ms }
"""


def runs_away(tap):
    """The same words, and what there was until then."""
    program = built(tap, tap.write("away.nsl", RUNS_AWAY))
    cpu, folder = run(tap, program, "cpu")
    for way in WAYS[:3]:
        device, other = run(tap, program, "device", way=way)
        rows = [open(os.path.join(x, "S.csv"), encoding="utf-8").read().splitlines() for x in (folder, other)]
        tap.check(cpu.returncode == device.returncode == 1 and cpu.stderr == device.stderr and "a synapse sends what is no number" in cpu.stderr
                  and len(rows[1]) > 20 and rows[0][:len(rows[1])] == rows[1], "synapses that run away: the same words, and samples until then",
                  f"{cpu.stderr}{device.stderr}{rows[0][-1]}; {rows[1][-1]}")


def failures(tap):
    runs_away(tap)
    for model in (TWO, NOBODY):
        program = built(tap, tap.write("odd.nsl", model))
        cpu, _ = run(tap, program, "cpu")
        device, _ = run(tap, program, "device", way=WAYS[1])
        tap.check(cpu.returncode == device.returncode and cpu.stderr == device.stderr and bool(cpu.stderr) == (model is TWO), "the same end, in the same words",
                  cpu.stderr + device.stderr)
    program = built(tap, tap.write("bad.nsl", BAD))
    cpu, _ = run(tap, program, "cpu")
    for way in WAYS[:3]:
        device, _ = run(tap, program, "device", way=way)
        tap.check(cpu.returncode == 1 and device.returncode == 1 and cpu.stderr == device.stderr and "became" in cpu.stderr, "a number that is none: the same words",
                  cpu.stderr + device.stderr)
    small = call(program, "--out", tap.path("small"), "--device", "emulated", "--duration", "1ms", env=dict(os.environ, NSL_EMULATED_MEMORY="10K"))
    tap.check(small.returncode == 1 and "the run needs" in small.stderr and "--precision f32" in small.stderr, "too little memory is told before it is asked for", small.stderr)
    dense = built(tap, tap.write("dense.nsl", DENSE))
    env = dict(os.environ, NSL_EMULATED_MEMORY="500K")
    stored, made = [call(dense, "--out", tap.path("dense"), "--device", "emulated", "--quiet", "--no-report", "--connectivity", c, env=env) for c in ("stored", "procedural")]
    tap.check(stored.returncode == 1 and re.search(r"needs 1\.\d MB .*1\.\d MB of it for synapses.*the emulated device has 512\.0 kB free: use --connectivity procedural, --precision f32,", stored.stderr)
              and made.returncode == 0, "synapses that do not fit: the advice, which is good", stored.stderr + made.stderr)
    for precision in ("f64", "f32"):
        program = built(tap, tap.write("overflows.nsl", OVERFLOWS), "--precision", precision)
        if compare(tap, f"{precision}: spikes that end an overflow", program, WAYS[:2]):
            spikes = open(os.path.join(tap.path("device"), "spikes.csv"), encoding="utf-8").read().splitlines()
            tap.check(len(spikes) == 66, f"{precision}: there are such", len(spikes))
    padded = built(tap, tap.write("padded.nsl", PADDED))
    for seed in "123":
        ends = [call(padded, "--out", tap.path("padded"), "--force", "--quiet", "--seed", seed, "--device", device).stderr for device in ("cpu", "emulated")]
        tap.check(ends[0] == ends[1] and "became" in ends[0], "padding does not stand before who is real", "".join(ends))


def random_programs(tap):
    for seed in range(60 if ALL else 3):
        program = built(tap, tap.write(f"random{seed}.nsl", generate.program(seed)), "--precision", ["f64", "f32"][seed % 2])
        if program:
            compare(tap, f"random program {seed}", program, WAYS if ALL else [WAYS[seed % 3]], "--duration", "60ms" if ALL else "8ms")


def forms_of_synapses(tap):
    """Those that forms.py looks at; in the default suite half of them in each precision."""
    for k, (name, p, r, d, connections, *_) in enumerate(forms.CASES):
        model = tap.write(f"form{k}.nsl", "language 1\n" + forms.MODEL % (p, r, d, connections))
        for precision in ("f64", "f32") if ALL else (("f64", "f32")[k % 2],):
            program = built(tap, model, "--precision", precision) if p < 1000 or ALL else None
            if program:
                compare(tap, f"{name}, {precision}", program, WAYS if ALL else [WAYS[k % 3]])


tap = Tap()
kinds(tap)
files(tap)
random_programs(tap)
forms_of_synapses(tap)
failures(tap)
examples(tap)
tap.done()

#!/usr/bin/env python3
"""Models that nobody has chosen for it, on the emulated device: every neuron and mass of the library in a small network with events on all of its ports
and currents on all of its inputs, and random programs (generate.py), in both precisions, blocks and orders in turn. state_hash, spikes
and records are those of the processor. Without `all`: some of them."""
import os
import re
import shutil
import sys

import generate
from tap import NSLC, ROOT, Tap, call, run_json

ALL = "all" in sys.argv[1:]
SOME = {"iaf_psc_alpha", "gif_cond_exp", "glif5", "pinsky_rinzel", "poisson_dead_time", "montbrio_pazo_roxin"}
WEIGHTS = {"mV": "0.7 mV", "pA": "60 pA", "nS": "3 nS", "1": "0.5"}  # others: one of the unit
INPUTS = {"mV": "5 mV", "pA": "300 pA", "nA": "0.3 nA", "mV/ms": "8 mV/ms", "uA/cm^2": "6 uA/cm^2", "Hz": "60 Hz", "1": "1", "1/ms": "0.1/ms"}
SILENT = {"channel_clamp", "kinetics_clamp", "receptor_clamp", "physics_bench"}  # benches of parts, which the library's own tests run
WAYS = [("64", "reverse"), ("128", "shuffled:1"), ("256", "shuffled:2"), ("64", "shuffled:3")]


def library():
    """(kind, name, body) of all that can be a population."""
    folder = os.path.join(ROOT, "stdlib")
    for file in sorted(n for n in os.listdir(folder) if n.endswith(".nsl")):
        with open(os.path.join(folder, file)) as f:
            for m in re.finditer(r"^(neuron|mass) (\w+) \{(.*?)^\}", f.read(), re.M | re.S):
                if m[2] not in SILENT:
                    yield m.groups()


def network(kind, name, body):
    lines = []
    for port, unit in re.findall(r"receive (\w+)\s*(?:\(\s*\w+\s*(?::\s*([^)\s]+))?\s*\))?", body):
        weight = "weight = " + WEIGHTS.get(unit, unit if unit[0] == "1" else "1 " + unit) + ";" if unit else ""
        lines.append(f"  drive A.{port} with poisson(1.5 kHz) {{ {weight} delay = 0.5 ms }}")
        lines.append(f"  connect A -> A.{port} by indegree(8) {{ {weight} delay ~ uniform(0.3 ms, 2.2 ms) }}")
    for name_of, unit in re.findall(r"^\s*input (\w+)\s*:\s*(\S+)", body, re.M):
        lines.append(f"  drive A.{name_of} with step({INPUTS.get(unit, unit if unit[0] == '1' else '1 ' + unit)}, from = 2 ms)")
    record = "  record spikes of A\n" if kind == "neuron" else ""
    return (f"language 1\nnetwork net {{\n  population A : {name}[200]\n" + "\n".join(lines)
            + f"\n}}\nexperiment main {{\n  network net\n{record}  run 25 ms with dt = 0.1 ms, seed = 5\n}}\n")


def ran(t, program, out, *options, **options_of_call):
    folder = t.path(out)
    shutil.rmtree(folder, ignore_errors=True)
    r = call(program, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", "25ms", *options, **options_of_call)
    if not os.path.exists(os.path.join(folder, "run.json")):
        return None, r.stderr
    facts = run_json(folder)
    records = {n: open(os.path.join(folder, n), "rb").read() for n in sorted(os.listdir(folder)) if n.endswith(".csv")}
    return (facts["state_hash"], [p["spikes"] for p in facts["populations"]], records), r.stderr


def compare(t, name, text, way, *options):
    source, program = t.write(name + ".nsl", text), t.path(name)
    r = call(NSLC, "build", "--target", "gpu", *options, source, "-o", program)
    if not t.check(r.returncode == 0, f"{name}: built {' '.join(options)}", r.stderr):
        return
    cpu, said = ran(t, program, "cpu")
    if not t.check(cpu, f"{name}: runs on the processor", said):
        return
    device, said = ran(t, program, "device", "--device", "emulated", env=dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1]))
    t.check(device == cpu, f"{name} {' '.join(options)}: the processor's state, spikes and records (blocks of {way[0]}, {way[1]})",
            said or f"{cpu[:2]} against {device[:2]}")


def main():
    t = Tap()
    k = 0
    for kind, name, body in library():
        if not ALL and name not in SOME:
            continue
        for options in [(), ("--precision", "f32")] if ALL else [((), ("--precision", "f32"))[k % 2]]:
            k += 1
            compare(t, name, network(kind, name, body), WAYS[k % len(WAYS)], *options)
    for seed in range(40 if ALL else 4):
        compare(t, f"random_{seed}", generate.program(seed), WAYS[seed % len(WAYS)], *(("--precision", "f32") if seed % 2 else ()))
    t.done()


main()

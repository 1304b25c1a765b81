#!/usr/bin/env python3
"""Growth of time and memory with the size of a network: balanced.nsl with 1,000 inputs of each cell, made anew at each spike
from 10^4 to 10^7 cells, and stored from 10^6 to 3 x 10^9 synapses (10^6: 1,250 cells with 800 inputs each).

usage: growth.py [--sizes 1e4,1e5,1e6,1e7] [--synapses 1e6,…,3e9] [--duration MS] [--threads N] [--repeats N] [--json FILE]

nslc comes from $NSLC or the path. For each size two runs of different length; figures are of their difference, so that the start of the
network and the build do not count: nanoseconds of processor and of wall time for each event, and for each cell and step; of several
--repeats the fastest. Runs are skipped where the machine has not the memory. At the end, how far the times lie from the straight line
through the origin that is nearest to all of them. Nothing is asserted: shared machines are noisy."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLE = 20  # ms
EVENTS, LONGEST = 2e8, 20000  # small networks run longer than --duration: until there are so many, or so many ms
LEAST = 1250  # cells


def memory_gb():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable")) * 1024 / 1e9


def run(program, out, options):
    p = subprocess.run([program, "--no-report", "--quiet", "--force", "--out", out, *options], capture_output=True, text=True)
    if p.returncode:
        sys.exit(p.stderr)
    with open(os.path.join(out, "run.json")) as f:
        return json.load(f)


def measure(program, out, kind, cells, inputs, a):
    rows = [measured(program, out, kind, cells, inputs, a) for _ in range(a.repeats)]
    row = min(rows, key=lambda r: r["wall_ns_per_event"])
    print(f"{row['rows'] or kind:11}{cells:10.3g}{row['synapses']:10.3g}{row['rate_hz']:8.2f}{row['build_s']:9.2f}{row['real_time_factor']:10.3g}"
          f"{row['wall_ns_per_event']:12.2f}{row['cpu_ns_per_event']:12.2f}{row['memory_mb']:11.0f}{row['memory_mb'] * 1e6 / cells:11.0f}")
    sys.stdout.flush()
    return row


def line(rows, kind):
    """Wall time against events: the slope with the smallest largest deviation, and the deviations."""
    times = [r["wall_ns_per_event"] for r in rows if r["kind"] == kind]
    if len(times) < 2:
        return
    slope = (min(times) + max(times)) / 2
    print(f"{kind}: {slope:.2f} ns an event, {(min(times) / slope - 1) * 100:+.0f} to {(max(times) / slope - 1) * 100:+.0f} %")


def measured(program, out, kind, cells, inputs, a):
    options = ["--connectivity", kind, "--set", f"balanced.n={cells:.0f}", "--set", f"balanced.K={inputs:.0f}", "--threads", str(a.threads)]
    if inputs < 1000:  # the same variance of inputs
        options += ["--set", f"balanced.J={0.2 * (1000 / inputs) ** 0.5:.6g}mV"]
    ms = max(a.duration, round(min(LONGEST, EVENTS / (cells * inputs * 4) * 1000)))
    first = run(program, out, [*options, "--duration", f"{SETTLE}ms"])
    last = run(program, out, [*options, "--duration", f"{SETTLE + ms}ms"])
    events = last["events"] - first["events"]
    wall, cpu = last["simulate_s"] - first["simulate_s"], last["simulate_cpu_s"] - first["simulate_cpu_s"]
    steps = cells * ms / last["dt_ms"]
    rate = (sum(p["spikes"] for p in last["populations"]) - sum(p["spikes"] for p in first["populations"])) / cells / ms * 1000
    return {"kind": kind, "cells": cells, "synapses": last["synapses"], "rate_hz": rate, "rows": last["connectivity"].get("rows"), "build_s": last["build_s"], "events": events,
           "wall_ns_per_event": wall / events * 1e9, "cpu_ns_per_event": cpu / events * 1e9, "cpu_ns_per_cell_step": cpu / steps * 1e9,
           "real_time_factor": wall / ms * 1000, "memory_mb": last["peak_memory_mb"], "state_hash": last["state_hash"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", default="1e4,1e5,1e6,1e7", help="cells, rows made anew")
    parser.add_argument("--synapses", default="1e6,1e7,1e8,1e9,3e9", help="stored")
    parser.add_argument("--duration", type=float, default=50, help="ms behind the start, at least")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json")
    a = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program, out = os.path.join(folder, "balanced"), os.path.join(folder, "out")
        subprocess.run([os.environ.get("NSLC", "nslc"), "build", os.path.join(HERE, "balanced.nsl"), "--precision", "f32", "-o", program], check=True)
        print(f"{'':11}{'cells':>10}{'synapses':>10}{'Hz':>8}{'build s':>9}{'RTF':>10}{'wall ns/ev':>12}{'cpu ns/ev':>12}{'MB':>11}{'B/cell':>11}")
        for cells in (float(x) for x in a.sizes.split(",") if x):
            rows.append(measure(program, out, "procedural", cells, 1000, a))
        for synapses in (float(x) for x in a.synapses.split(",") if x):
            cells = max(synapses / 1000, LEAST)
            if synapses * 2.6 / 1e9 > memory_gb():
                print(f"{'stored':11}{'':10}{synapses:10.3g}  needs more memory than the {memory_gb():.3g} GB that are free")
                continue
            rows.append(measure(program, out, "stored", cells, synapses / cells, a))
        for kind in ("procedural", "stored"):
            line(rows, kind)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(rows, f, indent=2)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The full-scale microcircuit beside NEST: build time, real-time factor, memory and rates, by the official recipe (optimized initial values, Poisson
or constant drive, the first 0.5 s dropped, 10 s timed), and the same for three variants of the network, so that the speed is seen to belong
to the compiler and not to this model: synaptic time constants apart, alpha-shaped currents, conductance-based adaptive cells.

usage: microcircuit.py [--variants poisson,dc,taus,alpha,adaptive] [--precision f32,f64] [--threads 2,1] [--drop 0.5] [--seconds 10] [--repeats 1]
                       [--nest-ms 200] [--no-nest] [--venv DIR]

nslc comes from $NSLC or the path, NEST from PyPI into a virtual environment below --venv (made when absent); its model time is shorter,
since it needs some 90 s for 1 s. Real-time factors of NSL are (simulation of drop + seconds) - (of drop) over seconds, from two runs; beside it the same
from processor time over threads, which other work on the machine disturbs less.
Nothing is asserted: shared machines are noisy."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from peers import HERE, ROOT, environment

FILES = {"poisson": (os.path.join(ROOT, "examples", "microcircuit.nsl"), []),
         "dc": (os.path.join(ROOT, "examples", "microcircuit.nsl"), ["--set", "microcircuit.background=dc"])}
for variant in ("taus", "alpha", "adaptive"):
    FILES[variant] = (os.path.join(HERE, f"microcircuit_{variant}.nsl"), [])
ROW = "{:10} {:12} {:>7} {:>8} {:>10} {:>10} {:>8} {:>9} {:>10}  {}"


def nsl_run(program, options, threads, seconds):
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([program, "--threads", str(threads), "--duration", f"{seconds}s", "--quiet", "--no-report", "--force", "--out", out, *options],
                       check=False, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "run.json")) as f:
            return json.load(f)


def shown(rates):
    return " ".join(f"{r:.2f}" for r in rates)


def nsl_row(program, variant, precision, threads, a):
    options = FILES[variant][1]
    best = None
    for _ in range(a.repeats):
        short, long = (nsl_run(program, options, threads, s) for s in (a.drop, a.drop + a.seconds))
        rtf = (long["simulate_s"] - short["simulate_s"]) / a.seconds
        cpu = (long["simulate_cpu_s"] - short["simulate_cpu_s"]) / a.seconds / threads
        if best is None or cpu < best[1]:
            best = rtf, cpu, min(short["build_s"], long["build_s"]), long
    rtf, cpu, build, info = best
    print(ROW.format(variant, f"NSL {precision}", threads, f"{build:.2f}", f"{rtf:.3f}", f"{cpu:.3f}",
                     f"{info['peak_memory_mb'] / 1000:.2f}", f"{info['bytes_per_synapse']:.2f}",
                     "/".join(f"{info['phases'][k] / info['simulate_s']:.2f}" for k in ("delivery_s", "update_s")),
                     shown(p["rate_hz"] for p in info["populations"])), flush=True)


def nest_row(python, variant, a):
    p = subprocess.run([python, os.path.join(HERE, "microcircuit_nest.py"), variant, "--threads", "2", "--ms", str(a.nest_ms)], check=False,
                       capture_output=True, text=True)
    if p.returncode:
        print(f"{variant}: NEST failed: {p.stderr.strip().splitlines()[-1:]}")
        return
    r = json.loads(p.stdout.strip().splitlines()[-1])
    print(ROW.format(variant, r["peer"], 2, f"{r['build_s']:.1f}", f"{r['rtf']:.1f}", f"{r['cpu_rtf']:.1f}", f"{r['gb']:.2f}", "", "", shown(r["rates_hz"])), flush=True)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--variants", default=",".join(FILES))
    a.add_argument("--precision", default="f32,f64")
    a.add_argument("--threads", default="2,1")
    a.add_argument("--drop", type=float, default=0.5)
    a.add_argument("--seconds", type=float, default=10.0)
    a.add_argument("--repeats", type=int, default=1)
    a.add_argument("--nest-ms", type=float, default=200.0)
    a.add_argument("--no-nest", action="store_true")
    a.add_argument("--venv", default=os.path.join(ROOT, "build", "peers"))
    a = a.parse_args()
    nslc = os.environ.get("NSLC", "nslc")
    print(ROW.format("network", "simulator", "threads", "build s", "real time", "CPU/thread", "GB", "B/synapse", "deliv/upd", "rates (Hz), layer 2/3 e i … layer 6 e i"))
    with tempfile.TemporaryDirectory() as scratch:
        for variant in a.variants.split(","):
            for precision in a.precision.split(","):
                program = os.path.join(scratch, f"{variant}-{precision}")
                subprocess.run([nslc, "build", FILES[variant][0], "-o", program, "--precision", precision], check=True)
                for threads in map(int, a.threads.split(",")):
                    nsl_row(program, variant, precision, threads, a)
            if not a.no_nest:
                nest_row(environment(a.venv, "nest"), variant, a)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Whole-process times of the compiler: `nslc check` of a 100-line model, `nslc build` of CUBA, cold (no cache of ours exists).

usage: compile_time.py [--repeats N]       nslc comes from $NSLC or the path
Marks: check under 20 ms, build under 300 ms (Brian2's C++ route: 6.4 s). Nothing is asserted."""
import argparse
import os
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def spread(command, repeats):
    times = []
    for _ in range(repeats + 1):
        t = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - t) * 1000)
    times = times[1:]  # the first run fills the page cache
    return f"{statistics.median(times):8.1f} ms  ({min(times):.1f} to {max(times):.1f})"


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--repeats", type=int, default=15)
    a = a.parse_args()
    nslc = os.environ.get("NSLC", "nslc")
    micro = os.path.join(ROOT, "examples", "microcircuit.nsl")
    cuba = os.path.join(ROOT, "examples", "cuba.nsl")
    with tempfile.TemporaryDirectory() as d:
        model = os.path.join(d, "lines_100.nsl")
        with open(micro) as f, open(os.path.join(ROOT, "examples", "brunel.nsl")) as g:
            text = f.read() + g.read().replace("language 1\n", "")
        two = os.path.join(d, "two.nsl")  # the two longest examples in one file: 100 lines
        with open(two, "w") as f:
            f.write(text)
        lines = text.count("\n")
        with open(micro) as f:  # the largest network, padded with experiments of it to 100 lines
            text = f.read()
        k = 0
        while text.count("\n") < 96:
            text += f"\nexperiment more_{k} {{\n  network microcircuit {{ background = dc }}\n  record spikes of cell\n  run 1 s with dt = 0.1 ms\n}}\n"
            k += 1
        with open(model, "w") as f:
            f.write(text)
        print(f"check, {lines} lines, microcircuit and brunel", spread([nslc, "check", two], a.repeats), " mark 20 ms")
        print(f"check, {text.count(chr(10))} lines, microcircuit {k + 1} times   ", spread([nslc, "check", model], a.repeats))
        print("check, cuba                     ", spread([nslc, "check", cuba], a.repeats))
        print("build, cuba, native             ", spread([nslc, "build", cuba, "-o", os.path.join(d, "p")], a.repeats), " mark 300 ms")
        print("build, cuba, portable           ", spread([nslc, "build", cuba, "--cpu", "portable", "-o", os.path.join(d, "p")], a.repeats))
        print("build, microcircuit, native     ", spread([nslc, "build", micro, "-o", os.path.join(d, "p")], a.repeats))


if __name__ == "__main__":
    main()

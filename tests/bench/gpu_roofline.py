#!/usr/bin/env python3
"""What a run should take on an H100 SXM5, by arithmetic: the table of docs/gpu_roofline.md.

usage: gpu_roofline.py OUT/run.json MODEL.nsl [--duration SECONDS]
run.json of a run with --device gpu or emulated (any duration: counts are brought to one second of the model, or what is asked for) tells of
launches, rows, events and spikes; `nslc explain --target gpu` ($NSLC, or nslc in the path) what an element reads and writes in a step. Rates are
published ones, or marked as assumed; nothing here is measured."""
import argparse
import json
import os
import subprocess
import sys

MEMORY = 3.35e12       # bytes/s, data sheet
CACHE = 5.5e12         # bytes/s, L2 read on the PCIe version, chipsandcheese.com (2023)
CACHE_BYTES = 50e6
LAUNCH = (1.3e-6, 2.5e-6)  # s from one kernel to the next in a graph: assumed
SECTOR = 32            # bytes: the least that memory reads or writes


def explained(model, experiment, precision):
    done = subprocess.run([os.environ.get("NSLC", "nslc"), "explain", "--json", "--target", "gpu", "--precision", precision, model],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr or done.stdout)
    return [f for f in map(json.loads, done.stdout.splitlines()) if f["fact"] == "launch" and f["experiment"] == experiment]


def ms(seconds):
    return f"{seconds * 1e3:.3g} ms"


def number(x):
    return f"{x:,.0f}" if x < 1e7 else f"{x:.3g}"


def table(r, launches, duration):
    gpu, scale = r["gpu"], duration * 1000 / r["duration_ms"]
    steps, events = duration * 1000 / r["dt_ms"], r["events"] * scale
    rows, notes = events * gpu.get("bytes_read_per_event", 0), events * gpu.get("note_bytes_per_event", 0) * 2
    sums = next((m["bytes"] for m in gpu["memory"] if m["for"].startswith("sums")), 0)
    arrays = sum(f["elements"] * (f["bytes_read"] + f["bytes_written"]) for f in launches if f["bytes_read"] and f["elements"])
    n = gpu["launches_per_step"]
    arrive = events * 2 * SECTOR
    fits = sums < CACHE_BYTES
    lines = [("rows of spiking cells", f"{number(events)} events x {gpu.get('bytes_read_per_event', 0):.3g} B = {rows / 1e9:.3g} GB", rows / MEMORY),
             ("notes of their pieces, written and read", f"{notes / 1e9:.3g} GB", notes / MEMORY),
             (f"events onto accumulators ({sums / 1e6:.3g} MB, {'in' if fits else 'beyond'} the cache)",
              f"{number(events)} x {2 * SECTOR} B = {arrive / 1e9:.3g} GB", arrive / (CACHE if fits else MEMORY)),
             ("states and sums of generated kernels", f"{number(steps)} steps x {arrays / 1e6:.3g} MB = {steps * arrays / 1e9:.3g} GB",
              steps * arrays / (CACHE if arrays < CACHE_BYTES else MEMORY)),
             ("masks of spikes to the host", f"{number(steps)} x {gpu['bytes_of_masks_per_step']} B", None)]
    print("| what | bytes | time at the rate |\n|---|---|---|")
    for what, much, seconds in lines:
        print(f"| {what} | {much} | {ms(seconds) if seconds is not None else 'beside the steps'} |")
    low, high = (steps * n * x for x in LAUNCH)
    work = sum(seconds for _, _, seconds in lines if seconds)
    print(f"| {n} launches a step, one behind another: {', '.join(x['kernel'] for x in gpu['launches'])} | {number(steps * n)} x 1.3 to 2.5 us | **{ms(low)} to {ms(high)}** |")
    print(f"| sum | | **{ms(low + work)} to {ms(high + work)} for {duration:g} s** |")


def main():
    options = argparse.ArgumentParser(description="the roofline of a run on an H100")
    options.add_argument("run")
    options.add_argument("model")
    options.add_argument("--duration", type=float, default=1.0)
    asked = options.parse_args()
    with open(asked.run, encoding="utf-8") as f:
        r = json.load(f)
    if "gpu" not in r or "launches" not in r["gpu"]:
        sys.exit(f"{asked.run}: not of a run with --device gpu or emulated")
    table(r, explained(asked.model, r["experiment"], r["precision"]), asked.duration)


if __name__ == "__main__":
    main()

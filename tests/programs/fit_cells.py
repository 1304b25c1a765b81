#!/usr/bin/env python3
"""The fits of real recordings in examples/fits, by the measures of their fields, from runs of the neurons that were fitted.

`steps`: GLIF neurons of two cells, three sweeps each; the count of spikes in the sweep held out, and its first spike.
`l5`: GIF neurons of a layer 5 cell, trained on 0-10 s, tested on 10-14 s: VE, the explained variance of the voltage between spikes,
with the spikes as they were recorded; Md*, how often spikes of runs and of recordings coincide within 4 ms, by how often those of one
kind do among themselves (Naud R, et al. (2011) Neural Comput 23:3016-3069); gamma (Kistler et al. 1997), which is lower.
The recording for `l5` may not be passed on: it is looked for in $NSL_DATA/ephys, and in shared/data/ephys beside the project.
`shapes`: Hodgkin-Huxley neurons of the two cells; in the sweep held out, how far features of V are from the cell's.
Usage: fit_cells.py steps|shapes|l5. Needs h5py, but for `shapes`."""
import os
import re
import shutil
import sys
from bisect import bisect_left, bisect_right

from tap import EXAMPLES, NSLC, ROOT, Tap, call, run_fit

try:
    import h5py
except ImportError:
    h5py = None

STEPS = "steps_idrest_cells_b6_b8_b95.h5"
NOISE = "fluctuating_l5_gif2015.h5"
CELLS = {"B6": (182, 181, 184, 185), "B8": (146, 145, 147, 149)}  # the first is held out
RUNS = 100


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def fitted(tap, model, fit):
    """The fit's braces with the values found, and its report."""
    r, found = run_fit(tap, model, fit, "--fit", fit, "--no-report", timeout=1500)
    if not tap.check(r.returncode == 0 and found is not None, f"fit {fit}", r.stderr):
        return None, None
    with open(tap.path(os.path.join(fit, os.path.basename(model).replace(".nsl", ".fitted.nsl")))) as f:
        text = f.read()
    print(f"# fit {fit}: {found['seconds']:.1f} s")
    return re.search(r"fit %s \{\s*neuron \w+ (\{.*?\n  \})" % fit, text, re.S).group(1), found


def runs(tap, model, neuron, values, current, dt, seconds):
    """Spikes of RUNS neurons with the values found, each with its own luck."""
    with open(tap.path("current.csv"), "w") as f:
        f.write("t,I\n" + "".join(f"{i * dt:.6g},{float(x)!r}\n" for i, x in enumerate(current)))
    with open(model) as f:
        text = f.read()
    text = text[:text.index("\nfit ")] + f"""
network trials {{ population cells : {neuron}[{RUNS}] {values} }}
experiment predicted {{
  network trials
  drive cells.I with samples("current.csv") {{ t : ms;  I : pA }}
  record spikes of cells
  run {seconds} s with dt = {dt} ms, seed = 1
}}
"""
    out = tap.path("predicted")
    r = call(NSLC, "run", tap.write("predicted.nsl", text), "--", "--out", out, "--force", "--csv", "--quiet", "--no-report", timeout=600)
    spikes = [[] for _ in range(RUNS)]
    if not tap.check(r.returncode == 0, f"{RUNS} runs of what was found", r.stderr):
        return spikes
    with open(os.path.join(out, "spikes.csv")) as f:
        for line in f.read().split()[1:]:
            time, _, cell = line.split(",")
            spikes[int(cell)].append(float(time))
    return spikes


def crossings(v, level, dt):
    return [dt * i for i in range(1, len(v)) if v[i - 1] < level <= v[i]]


# ---- steps

def steps(tap):
    model = os.path.join(EXAMPLES, "fits", "glif_steps.nsl")
    with h5py.File(os.path.join(EXAMPLES, "fits", STEPS)) as f:
        for cell, sweeps in CELLS.items():
            values, _ = fitted(tap, model, cell.lower())
            if values is None:
                continue
            for sweep in sweeps:
                group = f[cell][f"sweep_{sweep}"]
                v, current = ([x * group[name].attrs["scale"] for x in group[name][:].tolist()] for name in ("v_mV", "i_pA"))
                seen = crossings(v, -10, 0.25)
                spikes = runs(tap, model, "glif", values, current, 0.25, 3)
                count = mean(map(len, spikes))
                first = mean(min([t for t in s if t > 700], default=2700) for s in spikes) - 700
                off, late = count / len(seen) - 1, first - (seen[0] - 700)
                text = (f"{cell} {sweep}: {count:.1f} spikes of {len(seen)} ({off:+.1%}), "
                        f"the first after {first:.1f} ms of {seen[0] - 700:.1f}")
                if sweep == sweeps[0]:
                    tap.check(abs(off) < 0.10, "held out: " + text)
                    tap.check(abs(late) < 6, f"its first spike is {late:+.1f} ms off")
                else:
                    tap.check(abs(off) < 0.20, "trained: " + text)


# ---- shapes of spikes

# what was found with these seeds, rounded up: a guard against changes, no mark
SHAPES = {"b6": {"peaks": 10, "amplitude": 4, "width": 0.2, "ahp": 2, "latency": 6}, "b8": {"peaks": 2, "amplitude": 4, "width": 0.2, "ahp": 7, "latency": 3}}


def shapes(tap):
    shutil.copy(os.path.join(EXAMPLES, "fits", STEPS), tap.path(STEPS))
    model = shutil.copy(os.path.join(EXAMPLES, "fits", "hh_shapes.nsl"), tap.path("hh_shapes.nsl"))
    for fit, most in SHAPES.items():
        _, found = fitted(tap, model, fit)
        for term in found["validation"]["terms"] if found else []:
            name = term["text"].split("(")[0]
            off = term["mean"] ** 0.5
            tap.check(off < most[name], f"{fit}, held out: {name} is {off:.2f} off, at most {most[name]}")


# ---- fluctuating current

def coincidences(a, b, within=4.0):
    return sum(bisect_right(b, t + within + 1e-9) - bisect_left(b, t - within - 1e-9) for t in a)


def product(left, right):
    """Mean coincidences of two trains, of different trials."""
    return mean(coincidences(a, b) for i, a in enumerate(left) for k, b in enumerate(right) if left is not right or i != k)


def gamma(a, b, duration, within=4.0):
    rate = len(b) / duration
    return (coincidences(a, b) - 2 * rate * within * len(a)) / (0.5 * (len(a) + len(b))) / (1 - 2 * rate * within)


def held_variance(tap, model, fit, values, traces, spikes):
    """VE from 10 s to 14 s: a fit that may move nothing says the mean square of what is left over."""
    with open(model) as f:
        text = f.read()
    start = text.index(f"fit {fit} {{")
    text = text[:text.index("\nfit ") + 1] + text[start:text.index("\n}\n", start) + 3]
    C = float(re.search(r"C = ([\d.e+-]+) pF", values).group(1))
    text = re.sub(r"(?m)^  free .*\n(?: {6}.*\n)*", "", text)
    still = f" {values}\n  free C in [{C * (1 - 1e-9)!r} pF, {C * (1 + 1e-9)!r} pF]"
    text = re.sub(r"(fit %s \{\s*neuron \w+)[^\n]*" % fit, lambda m: m.group(1) + still, text)
    text = re.sub(r"  stage spikes \{.*?\n  \}\n", "", text, flags=re.S).replace("during 100 ms..10 s", "during 10 s..13999 ms")
    r, measured = run_fit(tap, tap.write("held.nsl", text), "held", "--fit", fit, "--no-report", timeout=600)
    if not tap.check(r.returncode == 0 and measured is not None, f"{fit}: the voltage of the last seconds", r.stderr):
        return 0.0
    left = measured["objective"]
    kept = []
    for v, fired in zip(traces, spikes):
        for i in range(100001, 139991):
            t = i * 0.1
            near = bisect_left(fired, t - 4.0001)
            if near == len(fired) or fired[near] > t + 2.0001:
                kept.append(v[i])
    m = mean(kept)
    return 1 - left / mean((x - m) ** 2 for x in kept)


def noise_file():
    folders = [os.environ.get("NSL_DATA"), os.path.join(ROOT, "shared", "data"), os.path.join(ROOT, "..", "shared", "data")]
    for folder in folders:
        path = os.path.join(folder, "ephys", NOISE) if folder else ""
        if os.path.exists(path):
            return path
    return None


def l5(tap):
    path = noise_file()
    if not path:
        tap.skip("GIF fits of a layer 5 cell", f"{NOISE} is not here; NSL_DATA says where the data are")
        return
    shutil.copy(path, tap.path(NOISE))
    model = shutil.copy(os.path.join(EXAMPLES, "fits", "gif_l5.nsl"), tap.path("gif_l5.nsl"))
    with h5py.File(path) as f:
        scale = float(f["test/v_mV"].attrs["scale"])
        traces = [[x * scale for x in row] for row in f["test/v_mV"][:].tolist()]
        current = f["test/i_mean_pA"][:].tolist()
    recorded = [crossings(v, 0, 0.1) for v in traces]
    values, found = fitted(tap, model, "electrode")
    for free in found["free"] if found else []:
        with open(model) as f:
            declared = re.search(r"param %s\s+= ([\d.]+)" % free["path"], f.read())
        if free["path"] in ("R_e", "tau_e"):
            off = abs(float(declared.group(1)) / free["value"] - 1)
            tap.check(off < 0.01, f"the electrode's {free['path']} = {free['value']:.3f} {free['unit']} is what the neuron declares")
    for fit, least in (("plain", 0.81), ("following", 0.87)):
        values, _ = fitted(tap, model, fit)
        if values is None:
            continue
        explained = held_variance(tap, model, fit, values, traces, recorded)
        tap.check(explained >= 0.88, f"{fit}: VE {explained:.3f} of the voltage between spikes, from 10 to 14 s")
        spikes = runs(tap, model, "gif", values, current, 0.1, 14)
        late = [[[t for t in s if t > 10000] for s in of] for of in (recorded, spikes)]
        data, made = late
        among = product(data, data)
        star = 2 * product(data, made) / (among + product(made, made))
        counts = [mean(map(len, of)) for of in late]
        pairs = mean(gamma(a, b, 4000) for i, a in enumerate(data) for k, b in enumerate(data) if i != k)
        tap.check(star >= least, f"{fit}: Md* {star:.3f}; {counts[1]:.1f} spikes of {counts[0]:.1f}")
        print(f"# gamma {mean(gamma(a, b, 4000) for a in made for b in data):.3f}, that of the recordings among themselves {pairs:.3f} "
              f"(coinciding: {among / counts[0]:.3f})")


def main():
    tap = Tap()
    what = {"steps": steps, "shapes": shapes, "l5": l5}[sys.argv[1]]
    if h5py is None and what is not shapes:
        tap.skip(f"fits of recordings, {sys.argv[1]}", "no h5py")
    else:
        what(tap)
    tap.done()


main()

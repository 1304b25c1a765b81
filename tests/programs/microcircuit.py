#!/usr/bin/env python3
"""The full microcircuit against NEST (long suite): rate, CV of intervals and synchrony of each population over seeds, by the definitions and in
the window of tests/reference/network/microcircuit_nest.json (three seeds of NEST 3.10, 2 s after 0.3 s), as z-scores; and the
distributions of rates, CVs and pair correlations over a long run, kept for later comparison.

usage: microcircuit.py [--seeds N] [--duration MS] [--precision f64] [--threads N] [--options "…"] [--table]
       microcircuit.py --distributions MS [--keep FILE] [--precision f64]

z = (mean over our seeds - mean over NEST's) / (pooled s.d. between seeds * sqrt(1 / ours + 1 / NEST's)). Each of the 24 shall lie within 4 (a
t-value of 11 degrees of freedom does with probability 0.998), and their root mean square within 1.6. --table prints them as Markdown.
--distributions compares with the kept file where there is one: histograms by the largest distance of their cumulative sums."""
import argparse
import json
import math
import os

import h5py
import numpy as np

from tap import EXAMPLES, NSLC, ROOT, Tap, call, run_json

REFERENCE = os.path.join(ROOT, "tests", "reference", "network", "microcircuit_nest.json")
KEPT = os.path.join(ROOT, "tests", "reference", "network", "microcircuit_distributions.json")
START = 300.0                      # ms that are dropped
FIRST = 1000                       # cells looked at for CV and synchrony
BIN = 3.0                          # ms, of synchrony
MEASURES = ("rate_hz", "cv_isi", "synchrony")
PAIR_CELLS, PAIR_BIN = 200, 2.0    # correlations: pairs among so many cells, counts in bins of so many ms
HISTOGRAMS = {"rate_hz": (0.0, 60.0, 240), "cv_isi": (0.0, 2.0, 100), "correlation": (-0.1, 0.2, 150)}


def name_of(reference_name):
    return f"cell[{reference_name[:-1]}{reference_name[-1].lower()}]"


def spikes_of(folder, population):
    with h5py.File(os.path.join(folder, "spikes.h5")) as f:
        g = f["spikes"][population]
        return np.asarray(g["timestamps"], float), np.asarray(g["node_ids"], int)


def trains(times, ids):
    order = np.lexsort((times, ids))
    t, i = times[order], ids[order]
    return np.split(t, np.flatnonzero(np.diff(i)) + 1) if len(t) else []


def cvs_of(times, ids, least=4):
    long = [np.diff(x) for x in trains(times, ids) if len(x) >= least]
    return np.array([x.std() / x.mean() for x in long])


def measures_of(folder, population, n, t0, t1):
    """As the reference defines them."""
    times, ids = spikes_of(folder, population)
    inside = (times > t0) & (times <= t1)
    times, ids = times[inside], ids[inside]
    few = ids < min(FIRST, n)
    cvs = cvs_of(times[few], ids[few])
    counts = np.histogram(times[few], bins=np.arange(t0, t1 + 1e-9, BIN))[0]
    return {"rate_hz": len(times) / n / (t1 - t0) * 1000, "cv_isi": cvs.mean() if len(cvs) else math.nan,
            "synchrony": counts.var() / counts.mean() if counts.any() else math.nan}


def correlations_of(times, ids, n, t0, t1):
    edges = np.arange(t0, t1 + 1e-9, PAIR_BIN)
    rows = [np.histogram(times[ids == i], bins=edges)[0] for i in range(min(PAIR_CELLS, n))]
    active = np.array([r for r in rows if r.any()], float)
    return np.corrcoef(active)[np.triu_indices(len(active), 1)]


def histogram(values, low, high, bins):
    """Counts; what lies outside is counted in the first and the last bin."""
    return np.histogram(np.clip(values, low, np.nextafter(high, low)), bins=bins, range=(low, high))[0].tolist()


def distributions_of(folder, population, n, t0, t1):
    times, ids = spikes_of(folder, population)
    inside = (times > t0) & (times <= t1)
    times, ids = times[inside], ids[inside]
    values = {"rate_hz": np.bincount(ids, minlength=n) / (t1 - t0) * 1000, "cv_isi": cvs_of(times, ids),
              "correlation": correlations_of(times, ids, n, t0, t1)}
    return {k: {"mean": round(float(v.mean()), 6), "sd": round(float(v.std()), 6), "n": len(v), "counts": histogram(v, *HISTOGRAMS[k])}
            for k, v in values.items()}


def program_of(t, a):
    program = t.path("microcircuit")
    p = call(NSLC, "build", "--precision", a.precision, os.path.join(EXAMPLES, "microcircuit.nsl"), "-o", program)
    return program if t.check(p.returncode == 0, "microcircuit: builds", p.stderr) else None


def run(t, a, program, seed, duration):
    out = t.path("out")
    threads = ["--threads", str(a.threads)] if a.threads else []
    p = call(program, "--seed", str(seed), "--duration", f"{duration}ms", "--quiet", "--no-report", "--force", "--out", out, *threads,
             *a.options.split(), timeout=3600)
    return out if p.returncode in (0, 1) and os.path.exists(os.path.join(out, "run.json")) else t.check(False, f"seed {seed}: runs", p.stderr)


def z_score(ours, theirs):
    n, m = len(ours), len(theirs)
    pooled = ((n - 1) * np.var(ours, ddof=1) + (m - 1) * np.var(theirs, ddof=1)) / (n + m - 2)
    return (np.mean(ours) - np.mean(theirs)) / math.sqrt(pooled * (1 / n + 1 / m))


def against_nest(t, a):
    with open(REFERENCE) as f:
        reference = json.load(f)["populations"]
    program = program_of(t, a)
    got = {p: {m: [] for m in MEASURES} for p in reference}
    for seed in range(1, a.seeds + 1):
        out = program and run(t, a, program, seed, a.duration)
        if not out:
            return
        info = run_json(out)
        sizes = {p["name"]: p["size"] for p in info["populations"]}
        for p in reference:
            one = measures_of(out, name_of(p), sizes[name_of(p)], START, a.duration)
            for m in MEASURES:
                got[p][m].append(one[m])
        t.check(info["synapses"] > 2.9e8, f"seed {seed}: {info['synapses']} synapses, real-time factor {info['real_time_factor']:.3g}, "
                f"built in {info['build_s']:.3g} s")
    scores = []
    if a.table:
        print("# | population | " + " | ".join(f"{m} | NEST | z" for m in MEASURES) + " |\n# |" + "---|" * 10)
    for p, ref in reference.items():
        cells = []
        for m in MEASURES:
            z = z_score(got[p][m], ref[m]["runs"])
            scores.append(z)
            cells += [f"{np.mean(got[p][m]):.4g} ± {np.std(got[p][m], ddof=1):.2g}",
                      f"{np.mean(ref[m]['runs']):.4g} ± {np.std(ref[m]['runs'], ddof=1):.2g}", f"{z:+.2f}"]
        if a.table:
            print(f"# | {p} | " + " | ".join(cells) + " |")
        t.check(all(abs(z) <= 4 for z in scores[-3:]), f"{p}: z of rate {scores[-3]:+.2f}, CV {scores[-2]:+.2f}, synchrony {scores[-1]:+.2f}",
                f"{cells}")
    rms = math.sqrt(np.mean(np.square(scores)))
    t.check(rms <= 1.6, f"{len(scores)} z-scores: root mean square {rms:.2f}, the largest {max(map(abs, scores)):.2f}")


def distance(a, b):
    """The largest distance of two cumulative distributions (Kolmogorov, Smirnov)."""
    x, y = np.cumsum(a) / max(np.sum(a), 1), np.cumsum(b) / max(np.sum(b), 1)
    return float(np.abs(x - y).max())


def distributions(t, a):
    program = program_of(t, a)
    until = 500.0 + a.distributions
    out = program and run(t, a, program, 1, until)
    if not out:
        return
    sizes = {p["name"]: p["size"] for p in run_json(out)["populations"]}
    got = {p: distributions_of(out, p, sizes[p], 500.0, until) for p in sizes}
    if a.keep:
        with open(a.keep, "w") as f:
            json.dump({"what": "full-scale microcircuit (examples/microcircuit.nsl): distributions over cells and pairs",
                       "precision": a.precision, "seed": 1, "from_ms": 500.0, "until_ms": until,
                       "definitions": {"rate_hz": "of each cell", "cv_isi": "of cells with at least 4 spikes",
                                       "correlation": f"of counts in {PAIR_BIN} ms, pairs of the first {PAIR_CELLS} cells that spike"},
                       "histograms": {k: dict(zip(("low", "high", "bins"), v)) for k, v in HISTOGRAMS.items()}, "populations": got}, f)
            f.write("\n")
        return
    with open(KEPT) as f:
        kept = json.load(f)
    if not t.check(kept["until_ms"] == until, f"the kept distributions are over the same time, to {kept['until_ms']} ms", until):
        return
    for p, of in got.items():
        far = {k: distance(of[k]["counts"], kept["populations"][p][k]["counts"]) for k in HISTOGRAMS}
        limit = {k: 0.03 + 2.0 / math.sqrt(min(of[k]["n"], kept["populations"][p][k]["n"])) for k in HISTOGRAMS}
        t.check(all(far[k] <= limit[k] for k in far),
                f"{p}: distributions are those kept ({', '.join(f'{k} {v:.3f}' for k, v in far.items())})", limit)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--seeds", type=int, default=10)
    a.add_argument("--duration", type=float, default=2300.0)
    a.add_argument("--precision", default="f64")
    a.add_argument("--threads", type=int, default=0)
    a.add_argument("--options", default="")
    a.add_argument("--table", action="store_true")
    a.add_argument("--distributions", type=float, default=0.0)
    a.add_argument("--keep", default="")
    a = a.parse_args()
    t = Tap()
    if a.distributions:
        distributions(t, a)
    else:
        against_nest(t, a)
    t.done()


if __name__ == "__main__":
    main()

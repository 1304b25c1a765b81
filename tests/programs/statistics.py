#!/usr/bin/env python3
"""Firing statistics of the example networks against the peers' (long suite): rates within 5 %, CV of intervals within 0.05; the
microcircuit's eight rates within 10 %. The peers' figures are those of tests/reference/network and of the peers' benchmark
page (NEST 3.10, Brian2 2.9).

usage: statistics.py [--only NAME,…]"""
import json
import os
import sys

from tap import EXAMPLES, NSLC, ROOT, Tap, call

sys.path.insert(0, os.path.join(ROOT, "tests", "numerics"))
import compare  # noqa: E402
from tap import run_json  # noqa: E402

# (example, populations, seeds, from ms, rate Hz of the peer, CV of the peer)
NETWORKS = [
    ("brunel", ["E", "I"], 3, 200.0, 37.72, 0.43, 0.05),   # NEST 3.10: E 37.7, I 37.8 Hz, CV 0.43
    ("cuba", ["E", "I"], 20, 200.0, 5.491, 0.503, 0.05),   # Brian2 2.9, 8 seeds: 5.491 Hz (sd 0.28), CV 0.503
    # Brian2 2.9, 10 seeds of connections and initial values: 36.61 Hz (sd 2.04), CV 2.015 (sd 0.052); 4 sd of the difference of two means of 10
    ("cobahh", ["E", "I"], 10, 0.0, 36.61, 2.015, 0.093),
]


def network(t, name, pops, seeds, t0, rate, cv, cv_within):
    program = t.path(name)
    p = call(NSLC, "build", os.path.join(EXAMPLES, name + ".nsl"), "-o", program)
    if not t.check(p.returncode == 0, f"{name}: build", p.stderr):
        return
    rates, cvs = [], []
    for seed in range(1, seeds + 1):
        out = t.path(name + ".out")
        p = call(program, "--seed", str(seed), "--csv", "--quiet", "--force", "--out", out, timeout=900)
        info = run_json(out)
        run = compare.Run(out, {q["name"]: q["size"] for q in info["populations"]})
        rates.append(run.rate(pops, t0, info["duration_ms"]))
        cvs.append(run.cv(pops, t0, info["duration_ms"]))
    r, c = sum(rates) / seeds, sum(cvs) / seeds
    t.check(abs(r - rate) <= 0.05 * rate, f"{name}: rate {r:.3f} Hz within 5 % of {rate} ({seeds} seeds)", rates)
    t.check(abs(c - cv) <= cv_within, f"{name}: CV {c:.3f} within {cv_within} of {cv}", cvs)


def microcircuit(t):
    out = t.path("microcircuit.out")
    p = call(NSLC, "run", os.path.join(EXAMPLES, "microcircuit.nsl"), "--", "--csv", "--quiet", "--force", "--out", out, timeout=3000)
    if not t.check(p.returncode in (0, 1), "microcircuit: runs", p.stderr):
        return
    info = run_json(out)
    run = compare.Run(out, {q["name"]: q["size"] for q in info["populations"]})
    with open(os.path.join(ROOT, "tests", "reference", "network", "microcircuit_nest.json")) as f:
        reference = json.load(f)["populations"]
    for name, ref in reference.items():
        want = ref["rate_hz"]["mean"]
        got = run.rate([f"cell[{name[:-1]}{name[-1].lower()}]"], 300.0, 2300.0)
        t.check(abs(got - want) <= 0.1 * want, f"microcircuit: {name} {got:.3f} Hz within 10 % of {want}")


def main():
    only = sys.argv[2].split(",") if len(sys.argv) > 2 and sys.argv[1] == "--only" else None
    t = Tap()
    for row in NETWORKS:
        if not only or row[0] in only:
            network(t, *row)
    if not only or "microcircuit" in only:
        microcircuit(t)
    t.done()


if __name__ == "__main__":
    main()

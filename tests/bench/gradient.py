#!/usr/bin/env python3
"""Gradient of a Hodgkin-Huxley voltage loss with respect to 8 parameters, 10,000 steps of 0.01 ms, beside JAX and Jaxley, in one
run: 1,000 parameter sets at once, and one.

usage: gradient.py [--venv DIR] [--peers DIR] [--repeats N] [--peer jax,jaxley] [--threads 1,2]

nslc comes from $NSLC or the path; the peers from PyPI into DIR/jax (made when absent); their script is grad_hh.py of --peers (default
../shared/peers beside the project). NSL's figure is the time of one gradient within a stage of Adam (of a value: within CMA-ES).
Runs of NSL stand before and after each peer's, and ratios are those of medians. Nothing is asserted: shared machines are noisy."""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MODEL = os.path.join(HERE, "grad_hh.nsl")
PACKAGES = ["jax==0.10.2", "jaxley==0.14.0", "numpy"]
CHECKPOINTS = ["none", "100x100"]


def target(path):
    """The trace that the benchmark fits: exponential Euler with the true parameters."""
    v, m, h, n = -65.0, 0.0529324853, 0.596120754, 0.317676914
    ratio = lambda x: 1 + x / 2 if abs(x) < 1e-4 else math.expm1(x) / x
    gate = lambda x, a, b: a / (a + b) + (x - a / (a + b)) * math.exp(-0.01 * (a + b))
    with open(path, "w") as f:
        f.write("t,V\n0,-65\n")
        for k in range(1, 10001):
            am, bm = 1 / ratio(-(v + 40) / 10), 4 * math.exp(-(v + 65) / 18)
            ah, bh = 0.07 * math.exp(-(v + 65) / 20), 1 / (1 + math.exp(-(v + 35) / 10))
            an, bn = 0.1 / ratio(-(v + 55) / 10), 0.125 * math.exp(-(v + 65) / 80)
            na, ka, le = 120 * m ** 3 * h, 36 * n ** 4, 0.3
            rest = (na * 50 + ka * -77 + le * -54.3 + 10) / (na + ka + le)
            v, m, h, n = (rest + (v - rest) * math.exp(-0.01 * (na + ka + le)), gate(m, am, bm), gate(h, ah, bh),
                          gate(n, an, bn))
            f.write(f"{k * 0.01:.2f},{v:.15g}\n")


def nsl(folder, by, sets, threads):
    """Seconds of one evaluation, and of everything from the text to the last of its files."""
    nslc = os.environ.get("NSLC", "nslc")
    with open(MODEL) as f:
        text = f.read().replace("by adam(steps = 20)", f"by {by} from {sets} starts")
    path = os.path.join(folder, "bench.nsl")
    with open(path, "w") as f:
        f.write(text)
    began = time.perf_counter()
    subprocess.run([nslc, "run", path, "--", "--force", "--quiet", "--threads", str(threads), "--out", os.path.join(folder, "out")],
                   check=True, stderr=subprocess.DEVNULL)
    whole = time.perf_counter() - began
    with open(os.path.join(folder, "out", "fit.json")) as f:
        stage = json.load(f)["stages"][0]
    done = stage["evaluations"]
    return stage["seconds"] * sets / max(done["gradients"], done["values"]), whole


def environment(venv):
    python = os.path.join(venv, "jax", "bin", "python")
    if not os.path.exists(python):
        print("making the environment of JAX and Jaxley ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", os.path.join(venv, "jax")], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def peer_figures(python, peers, peer, sets, checkpoints):
    run = subprocess.run([python, os.path.join(peers, "grad_hh.py"), "--peer", peer, "--n", str(sets), "--ckpt", checkpoints],
                         stdout=subprocess.PIPE, text=True)
    try:
        r = json.loads(run.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
    first = sum(r["gradient"][k] for k in ("trace_s", "compile_s")) + r["gradient"]["run"]["median"]
    return r["forward"]["run"]["median"], r["gradient"]["run"]["median"], first


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--venv", default=os.path.join(ROOT, "build", "peers"))
    p.add_argument("--peers", default=os.path.join(os.path.dirname(ROOT), "shared", "peers"))
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--peer", default="jax,jaxley")
    p.add_argument("--threads", default="2")
    a = p.parse_args()
    have = os.path.exists(os.path.join(a.peers, "grad_hh.py"))
    if not have:
        print("the peers' scripts are absent: NSL alone")
    python = environment(a.venv) if have else None
    with tempfile.TemporaryDirectory() as folder:
        target(os.path.join(folder, "target.csv"))
        for sets, steps in ((1000, 20), (1, 300)):
            for threads in [int(t) for t in a.threads.split(",")]:
                measure = lambda: [nsl(folder, f"adam(steps = {steps})", sets, threads)[0] for _ in range(a.repeats)]
                mine = measure()
                first = min(nsl(folder, "adam(steps = 1)", sets, threads)[1] for _ in range(a.repeats))
                rows = []
                for peer in a.peer.split(",") if have else []:
                    for checkpoints in CHECKPOINTS:
                        rows.append((f"{peer}, checkpoints {checkpoints}", peer_figures(python, a.peers, peer, sets, checkpoints)))
                        mine += measure()
                median = statistics.median(mine)
                print(f"{sets} sets, {threads} threads: NSL gradient {1e3 * median:.2f} ms ({1e3 * min(mine):.2f} to {1e3 * max(mine):.2f}); "
                      f"from the text to the first gradient and its files {first:.2f} s")
                for name, r in rows:
                    print(f"  {name}: " + (f"forward {1e3 * r[0]:.1f} ms, gradient {1e3 * r[1]:.1f} ms, first {r[2]:.2f} s: "
                                           f"NSL {r[1] / median:.0f} times faster" if r else "failed"))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""NSL side by side with its peers in one run: CUBA, COBAHH, 10,000 Hodgkin-Huxley patches, 10,000 adaptive exponential cells and Brunel's
network, on one thread and two.

usage: peers.py [--venv DIR] [--peers DIR] [--repeats N] [--only cuba,cobahh,hh,adex,brunel] [--threads 1,2] [--precision f64]

nslc comes from $NSLC or the path. The peers come from PyPI into virtual environments below --venv (made when absent);
their scripts lie in --peers (default ../shared/peers beside the project). Runs alternate, NSL before and after each
peer, and the ratio is that of medians. Nothing is asserted: shared machines are noisy."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGES = {"brian": ["numpy<2.4", "brian2==2.9.0", "scipy", "setuptools"], "arbor": ["arbor", "numpy"],
            "neuron": ["neuron", "numpy"], "nest": ["nest-simulator", "numpy"], "jax": ["jax==0.10.2", "numpy"]}
# (bench, environment, script, options, marks: how many times faster NSL should be, None: none)
PEERS = [
    ("cuba", "brian", "cuba_cobahh_brian2.py", ["--model", "cuba", "--repeats", "3"], 3.0),
    ("cobahh", "brian", "cuba_cobahh_brian2.py", ["--model", "cobahh", "--repeats", "3"], 5.0),
    ("hh", "brian", "hh_brian2.py", ["--repeats", "2"], None),
    ("hh", "arbor", "hh_arbor.py", ["--group", "5000", "--repeats", "2"], None),
    ("hh", "neuron", "hh_neuron.py", ["--core"], None),
    ("adex", "nest", os.path.join(HERE, "adex_peers.py"), ["nest"], None),
    ("adex", "brian", os.path.join(HERE, "adex_peers.py"), ["brian"], None),
    ("brunel", "nest", "brunel_nest.py", ["--repeats", "2"], None),
    ("brunel", "brian", "brunel_brian2.py", ["--mode", "standalone", "--repeats", "2"], None),
    ("hh", "jax", "hh_jax_family.py", ["--peer", "jax", "--bits", "64"], None),
]
MODELS = {"cuba": os.path.join(ROOT, "examples", "cuba.nsl"), "cobahh": os.path.join(ROOT, "examples", "cobahh.nsl"),
          "hh": os.path.join(HERE, "hh_10k.nsl"), "adex": os.path.join(HERE, "adex_10k.nsl"),
          "brunel": os.path.join(ROOT, "examples", "brunel.nsl")}
STEPS = {"hh": 10000, "adex": 5000}  # of single cells, of which the figure is nanoseconds a neuron and step


def environment(venv, name):
    python = os.path.join(venv, name, "bin", "python")
    if not os.path.exists(python):
        print(f"making the environment of {name} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", os.path.join(venv, name)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[name]], check=True)
    return python


def nsl_figure(program, bench, threads):
    """Real-time factor; for hh nanoseconds a neuron and step."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([program, "--threads", str(threads), "--quiet", "--no-report", "--force", "--out", out], check=False,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "run.json")) as f:
            info = json.load(f)
    if bench in STEPS:
        return info["simulate_s"] / (10000 * STEPS[bench]) * 1e9
    return info["simulate_s"] / (info["duration_ms"] / 1000)


def peer_figure(python, peers, script, options, threads, scratch):
    out = os.path.join(scratch, "results.jsonl")
    if os.path.exists(out):
        os.remove(out)
    env = dict(os.environ, PEERS_OUT=out)
    extra = ["--threads", str(threads)] if "jax" not in script else []
    if "brian" in script or "brian" in options:
        extra += ["--dir", os.path.join(scratch, f"brian-{threads}-{options[1] if len(options) > 1 else ''}")]
    pin = ["taskset", "-c", "0"] if "jax" in script and threads == 1 else []
    p = subprocess.run([*pin, python, os.path.join(peers, script), *options, *extra], env=env, cwd=scratch,
                       capture_output=True, text=True)
    if p.returncode != 0 or not os.path.exists(out):
        return None, p.stderr.strip().splitlines()[-1:] or ["no result"]
    with open(out) as f:
        r = json.loads(f.read().strip().splitlines()[-1])
    figure = r.get("ns_per_neuron_step") or r.get("rtf")
    return figure["median"], r.get("peer", script)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("--venv", default=os.path.join(ROOT, "build", "peers"))
    a.add_argument("--peers", default=os.path.join(os.path.dirname(ROOT), "shared", "peers"))
    a.add_argument("--repeats", type=int, default=5)
    a.add_argument("--only", default="cuba,cobahh,hh,adex,brunel")
    a.add_argument("--threads", default="1,2")
    a.add_argument("--precision", default="f64")
    a = a.parse_args()
    nslc = os.environ.get("NSLC", "nslc")
    if not os.path.isdir(a.peers):
        print(f"peers absent: there is no {a.peers}; only NSL is measured", file=sys.stderr)
    print(f"{'bench':8} {'threads':7} {'figure':24} {'NSL median (min-max)':28} {'peer':28} {'median':>8} {'ratio':>7}  mark")
    with tempfile.TemporaryDirectory() as scratch:
        for bench in a.only.split(","):
            program = os.path.join(scratch, bench)
            subprocess.run([nslc, "build", MODELS[bench], "-o", program, "--precision", a.precision], check=True)
            for threads in map(int, a.threads.split(",")):
                own = [nsl_figure(program, bench, threads) for _ in range(a.repeats)]
                unit = "ns per neuron and step" if bench in STEPS else "real-time factor"
                rows = [p for p in PEERS if p[0] == bench] if os.path.isdir(a.peers) else []
                for _, env, script, options, mark in rows or [(bench, None, "", [], None)]:
                    peer, name = (None, ["-"])
                    if env:
                        peer, name = peer_figure(environment(a.venv, env), a.peers, script, options, threads, scratch)
                        own += [nsl_figure(program, bench, threads) for _ in range(2)]
                    m = statistics.median(own)
                    shown = f"{m:.4g} ({min(own):.4g}-{max(own):.4g})"
                    ratio = f"{peer / m:7.2f}" if peer else f"{'-':>7}"
                    print(f"{bench:8} {threads:<7} {unit:24} {shown:28} {str(name)[:28]:28} "
                          f"{peer if peer is None else format(peer, '8.4g')!s:>8} {ratio}  {mark or ''}", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The balanced network with plastic synapses of plastic.nsl beside NEST: speed on two threads, rates, and the distribution of the weights.

usage: plastic.py --nest DIR [--nslc NSLC] [--seconds S] [--threads N] [--weights]
DIR: a virtual environment with NEST. Times are of the simulation alone."""
import argparse
import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NEST = """
import sys, time, json
import nest
threads, seconds, weights = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "1"
nest.set_verbosity("M_ERROR")
nest.ResetKernel()
nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": threads, "rng_seed": 7, "overwrite_files": True})
p = dict(C_m=250., tau_m=10., tau_syn_ex=.5, tau_syn_in=.5, t_ref=.5, E_L=0., V_reset=0., V_th=20., tau_minus=30.)
E, I = nest.Create("iaf_psc_exp", 9000, p), nest.Create("iaf_psc_exp", 2250, p)
for x in (E, I):
    x.V_m = nest.random.normal(5.7, 7.2)
J, d = 45.61, 1.5
nest.CopyModel("stdp_pl_synapse_hom", "plastic", {"alpha": .0513, "lambda": .1, "mu": .4, "tau_plus": 15.})
nest.Connect(E, E, {"rule": "fixed_indegree", "indegree": 1000}, {"synapse_model": "plastic", "weight": J, "delay": d})
nest.Connect(E, I, {"rule": "fixed_indegree", "indegree": 1000}, {"weight": J, "delay": d})
nest.Connect(I, E + I, {"rule": "fixed_indegree", "indegree": 250}, {"weight": -5 * J, "delay": d})
noise = nest.Create("poisson_generator", params={"rate": 23000.})
nest.Connect(noise, E + I, syn_spec={"weight": J, "delay": d})
nest.Prepare()
nest.Run(10.)
before = nest.GetKernelStatus("local_spike_counter")
t = time.time(); nest.Run(seconds * 1000 - 10.); t = time.time() - t
nest.Cleanup()
out = {"seconds": t, "rate": (nest.GetKernelStatus("local_spike_counter") - before) / 11250 / (seconds - .01)}
if weights:
    import numpy as np
    w = np.array(nest.GetConnections(E[:200], E, synapse_model="plastic").weight)  # all of them take more memory than there is
    out["weights"] = [float(x) for x in (w.mean(), w.std(), *np.percentile(w, [1, 25, 50, 75, 99]))]
print("RESULT " + json.dumps(out))
"""


def of_nest(venv, threads, seconds, weights):
    p = subprocess.run([os.path.join(venv, "bin", "python"), "-c", NEST, str(threads), str(seconds), str(int(weights))], capture_output=True, text=True)
    found = re.search(r"RESULT (.*)", p.stdout)
    if not found:
        raise SystemExit(p.stderr[-2000:])
    return json.loads(found.group(1))


def of_nsl(nslc, threads, seconds, weights):
    with tempfile.TemporaryDirectory() as out:
        p = subprocess.run([nslc, "run", os.path.join(HERE, "plastic.nsl"), "--", "--experiment", "weights" if weights else "speed", "--duration", f"{seconds}s",
                            "--threads", str(threads), "--no-report", "--force", "--out", out], capture_output=True, text=True)
        if p.returncode:
            raise SystemExit(p.stderr)
        rates = [float(x) for x in re.findall(r"^[EI] +\d+ +\d+ +([\d.]+)", p.stdout, re.M)]
        made = {"seconds": float(re.search(r"simulated in ([\d.]+) s", p.stderr).group(1)), "rate": (4 * rates[0] + rates[1]) / 5}
        if weights:
            made["weights"] = weights_of(os.path.join(out, "weight.h5"))
        return made


def weights_of(path):
    import h5py
    import numpy as np
    with h5py.File(path) as f:
        w = f["report/ee/data"][-1]
    return [float(x) for x in (w.mean(), w.std(), *np.percentile(w, [1, 25, 50, 75, 99]))]


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--nest", required=True)
    a.add_argument("--nslc", default=os.environ.get("NSLC", "nslc"))
    a.add_argument("--seconds", type=float, default=10)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--weights", action="store_true")
    o = a.parse_args()
    own, nest = of_nsl(o.nslc, o.threads, o.seconds, o.weights), of_nest(o.nest, o.threads, o.seconds, o.weights)
    for name, r in (("NSL", own), ("NEST", nest)):
        print(f"{name:5} {r['seconds']:8.2f} s   {r['rate']:6.2f} Hz   " + (" ".join(f"{x:.3f}" for x in r["weights"]) if o.weights else ""))
    print(f"NEST / NSL: {nest['seconds'] / own['seconds']:.1f}" + ("   weights: mean, sd, percentiles 1 25 50 75 99" if o.weights else ""))


if __name__ == "__main__":
    main()

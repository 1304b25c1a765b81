#!/usr/bin/env python3
"""The microcircuit and its variants in NEST, as tests/bench/microcircuit_*.nsl have them; prints one line of JSON.

usage (with a Python that has nest-simulator): microcircuit_nest.py VARIANT [--threads 2] [--presim 100] [--ms 200] [--seed 1]

VARIANT: poisson, dc, taus, alpha, adaptive. Numbers: Potjans and Diesmann (2014), doi 10.1093/cercor/bhs358."""
import argparse
import json
import math
import resource
import time

import nest
import numpy as np

N = [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948]
P = np.array([
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000], [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000], [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000], [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252], [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443]])
K_EXT = [1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100]
V_MEAN = [-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43]
V_SD = [5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48]
LIF = {"C_m": 250.0, "tau_m": 10.0, "t_ref": 2.0, "E_L": -65.0, "V_th": -50.0, "V_reset": -65.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5}
AEIF = {"C_m": 600.0, "g_L": 25.0, "E_L": -65.0, "V_th": -51.0, "Delta_T": 1.0, "V_peak": -40.0, "V_reset": -65.0, "t_ref": 2.0, "a": 1.0,
        "b": 5.0, "tau_w": 100.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5, "E_ex": 0.0, "E_in": -85.0}
# model, parameters, excitatory weight, inhibitory over excitatory weight (NEST: negative for inhibition)
VARIANTS = {"poisson": ("iaf_psc_exp", LIF, 87.81, -4.0), "dc": ("iaf_psc_exp", LIF, 87.81, -4.0),
            "taus": ("iaf_psc_exp", dict(LIF, tau_syn_in=1.0), 87.81, -2.0), "alpha": ("iaf_psc_alpha", LIF, 32.30, -4.0),
            "adaptive": ("aeif_cond_exp", AEIF, 1.7, -9.0)}


def within(x, low, high=math.inf):
    return nest.math.redraw(x, min=low, max=high)


def build(variant):
    model, params, w, g = VARIANTS[variant]
    pops = []
    for i, n in enumerate(N):
        p = nest.Create(model, n, params=params)
        p.V_m = nest.random.normal(V_MEAN[i], V_SD[i])
        if variant == "dc":
            p.I_e = 8e-3 * K_EXT[i] * w * 0.5
        pops.append(p)
    for j in range(8):
        nest.CopyModel("static_synapse_hpc", f"syn_{j}")     # a model holds at most 134 million connections a thread
        mean, d = (w, 1.5) if j % 2 == 0 else (g * w, 0.75)
        for i in range(8):
            m = 2 * mean if (i, j) == (0, 2) else mean
            k = round(math.log(1 - P[i, j]) / math.log(1 - 1 / (N[i] * N[j])))
            if k:
                weight = nest.random.normal(m, abs(m) * 0.1)
                nest.Connect(pops[j], pops[i], {"rule": "fixed_total_number", "N": k}, {
                    "synapse_model": f"syn_{j}", "weight": within(weight, 0.0) if m > 0 else within(weight, -math.inf, 0.0),
                    "delay": within(nest.random.normal(d, 0.5 * d), 0.05)})
    for i in range(8 if variant != "dc" else 0):
        source = nest.Create("poisson_generator", params={"rate": (8.4 if variant == "adaptive" else 8.0) * K_EXT[i]})
        nest.Connect(source, pops[i], "all_to_all", {"weight": w, "delay": 1.5})
    return pops


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument("variant", choices=VARIANTS)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--presim", type=float, default=100.0)
    a.add_argument("--ms", type=float, default=200.0)
    a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=a.threads, rng_seed=a.seed, print_time=False, keep_source_table=False)
    began = time.perf_counter()
    pops = build(a.variant)
    recorders = [nest.Create("spike_recorder", params={"start": a.presim}) for _ in pops]
    for p, r in zip(pops, recorders):
        nest.Connect(p, r)
    nest.Prepare()
    nest.Cleanup()
    built = time.perf_counter() - began
    nest.Simulate(a.presim)
    began, cpu = time.perf_counter(), time.process_time()
    nest.Simulate(a.ms)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"peer": "NEST " + nest.__version__, "build_s": built, "rtf": wall / a.ms * 1000,
                      "cpu_rtf": cpu / a.threads / a.ms * 1000, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-9,
                      "synapses": int(nest.num_connections),
                      "rates_hz": [r.n_events / n / a.ms * 1000 for r, n in zip(recorders, N)]}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""adex_10k.nsl in NEST (aeif_cond_exp, its adaptive GSL solver) and in Brian2 (the same equations, Runge-Kutta of order 4 on the grid, V cut at
V_peak; C++ with OpenMP); appends one line of JSON to the file $PEERS_OUT.

usage (with a Python that has the peer): adex_peers.py nest|brian [--threads 1] [--ms 500] [--repeats 2] [--dir DIR]"""
import argparse
import json
import os
import statistics
import time

N, DT = 10000, 0.1


def by_nest(a):
    import nest
    times, spikes = [], 0
    for _ in range(a.repeats):
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR if hasattr(nest, "VerbosityLevel") else "M_ERROR"
        nest.resolution, nest.local_num_threads = DT, a.threads
        cells = nest.Create("aeif_cond_exp", N, params={"I_e": 700.0, "tau_syn_in": 2.0})
        cells.V_m = nest.random.normal(-65.0, 5.0)
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
        nest.Simulate(DT)
        begin = time.perf_counter()
        nest.Simulate(a.ms)
        times.append(time.perf_counter() - begin)
        spikes = recorder.n_events
    return f"NEST {nest.__version__}", times, spikes


def by_brian(a):
    import brian2 as b
    b.set_device("cpp_standalone", build_on_run=False, directory=a.dir)
    b.prefs.devices.cpp_standalone.openmp_threads = a.threads if a.threads > 1 else 0
    b.defaultclock.dt = DT * b.ms
    names = dict(C=281 * b.pF, g_L=30 * b.nS, E_L=-70.6 * b.mV, V_T=-50.4 * b.mV, D=2 * b.mV, V_peak=0 * b.mV, V_r=-60 * b.mV, a=4 * b.nS,
                 tau_w=144 * b.ms, E_ex=0 * b.mV, E_in=-85 * b.mV, tau_ex=0.2 * b.ms, tau_in=2 * b.ms, I=700 * b.pA, b=80.5 * b.pA)
    cells = b.NeuronGroup(N, """
        dV/dt = (g_L * (E_L - U + D * exp((U - V_T) / D)) + g_ex * (E_ex - U) + g_in * (E_in - U) - w + I) / C : volt
        dw/dt = (a * (U - E_L) - w) / tau_w : amp
        dg_ex/dt = -g_ex / tau_ex : siemens
        dg_in/dt = -g_in / tau_in : siemens
        U = clip(V, -1 * volt, V_peak) : volt""", threshold="V >= V_peak", reset="V = V_r; w += b", method="rk4", namespace=names)
    cells.V = "-65 * mV + 5 * mV * randn()"
    recorder = b.SpikeMonitor(cells)
    network = b.Network(cells, recorder)
    network.run(a.ms * b.ms)
    b.device.build(directory=a.dir, compile=True, run=False)
    times = []
    for _ in range(a.repeats):
        b.device.run(with_output=False)
        times.append(b.device._last_run_time)
    return f"Brian2 {b.__version__}", times, recorder.num_spikes


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("peer", choices=["nest", "brian"])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--ms", type=float, default=500.0)
    p.add_argument("--repeats", type=int, default=2)
    p.add_argument("--dir", default="adex-brian")
    a = p.parse_args()
    peer, times, spikes = (by_nest if a.peer == "nest" else by_brian)(a)
    ns = [t / (N * a.ms / DT) * 1e9 for t in times]
    line = {"peer": peer, "threads": a.threads, "rate_hz": spikes / N / a.ms * 1000,
            "ns_per_neuron_step": {"median": statistics.median(ns), "min": min(ns), "max": max(ns)}}
    with open(os.environ.get("PEERS_OUT", "/dev/stdout"), "a") as f:
        f.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

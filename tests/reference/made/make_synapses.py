#!/usr/bin/env python3
"""Makes the cases of NEST's synapses in this folder: other rules, parameters and spike times than in ../synapse. Needs NEST; run it to write
the JSON and CSV files anew. Two parrots fire at the given times; the synapse between them tells what it sends at each presynaptic spike."""
import json
import os
import random

import nest

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {"tau_plus": "ms", "tau_minus": "ms", "tau_plus_triplet": "ms", "tau_minus_triplet": "ms", "tau": "ms", "tau_rec": "ms", "tau_fac": "ms",
         "tau_psc": "ms", "tau_x": "ms", "delay": "ms"}
POST = {"tau_minus", "tau_minus_triplet"}  # of the postsynaptic cell, in NEST


def fires(node, times):
    g = nest.Create("spike_generator", params={"spike_times": [round(t - 1, 6) for t in times]})
    nest.Connect(g, node, syn_spec={"delay": 1.0})


def sends(model, values, pre, post, dt):
    nest.ResetKernel()
    nest.resolution = dt
    a = nest.Create("parrot_neuron")
    b = nest.Create("parrot_neuron", params={k: v for k, v in values.items() if k in POST})
    fires(a, pre)
    fires(b, post)
    recorder = nest.Create("weight_recorder")
    given = {k: v for k, v in values.items() if k not in POST}
    common = {k: given.pop(k) for k in list(given) if model == "stdp_pl_synapse_hom" and k in ("tau_plus", "lambda", "alpha", "mu")}
    nest.CopyModel(model, "told", {"weight_recorder": recorder, **common})
    nest.Connect(a, b, "one_to_one", {"synapse_model": "told", "receptor_type": 1, **given})
    nest.Simulate(max(pre + post) + 10.0)
    e = recorder.get("events")
    return sorted((round(float(t), 6), float(w)) for t, w in zip(e["times"], e["weights"]))


def case(name, model, values, pre, post, equations, dt=0.1):
    rows = sends(model, values, pre, post, dt)
    assert [t for t, _ in rows] == pre, (name, rows, pre)
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write("t_ms,sent\n" + "".join(f"{t:g},{w:.12g}\n" for t, w in rows))
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump({"case": "made/" + name, "model": model + ": what it sends", "equations": equations,
                   "parameters": {k: {"value": v, "unit": UNITS.get(k, "1")} for k, v in values.items()},
                   "protocol": {"presynaptic_spikes_ms": pre, "postsynaptic_spikes_ms": post}, "dt_ms": dt,
                   "conventions": "the delay is dendritic; a row is a presynaptic spike and what the synapse sends at it",
                   "simulator": "NEST " + nest.__version__ + ", make_synapses.py",
                   "tolerance": {"sent_rel": 1e-6, "basis": "the same recursion in double precision"},
                   "csv": name + ".csv", "columns": ["t_ms", "sent"]}, f, indent=1)
        f.write("\n")
    print(f"{name:30} {len(rows)} spikes, {rows[0][1]:.6g} to {rows[-1][1]:.6g}, {min(w for _, w in rows):.6g} {max(w for _, w in rows):.6g}")


CLOPATH = {"A_LTD": 7e-3, "A_LTP": 4e-3, "theta_minus": -64.0, "theta_plus": -45.3, "tau_u_bar_minus": 10.0, "tau_u_bar_plus": 7.0}


def clopath_weights(pre, kicks, dt, weight, kick):
    """Between a parrot and a Hodgkin-Huxley cell; NEST's own delay of the filtered voltages is made as short as can be."""
    nest.ResetKernel()
    nest.resolution = dt
    rest = {k: -65.0 for k in ("V_m", "u_bar_minus", "u_bar_plus", "u_bar_bar")}
    a, b = nest.Create("parrot_neuron"), nest.Create("hh_psc_alpha_clopath", params={**CLOPATH, **rest, "delay_u_bars": dt})
    fires(a, pre)
    g = nest.Create("spike_generator", params={"spike_times": [round(t - 1, 6) for t in kicks]})
    nest.Connect(g, b, syn_spec={"delay": 1.0, "weight": kick})
    recorder = nest.Create("weight_recorder")
    nest.CopyModel("clopath_synapse", "told", {"weight_recorder": recorder})
    nest.Connect(a, b, "one_to_one", {"synapse_model": "told", "weight": weight, "Wmax": 100.0, "tau_x": 15.0, "delay": 1.0})
    nest.Simulate(max(pre) + 5)
    e = recorder.get("events")
    gates = {k: float(v) for k, v in zip(("m", "h", "n"), nest.GetDefaults("hh_psc_alpha_clopath", ["Act_m", "Inact_h", "Act_n"]))}
    return [w for _, w in sorted((float(t), float(w)) for t, w in zip(e["times"], e["weights"]))], gates


def voltage_case(name):
    """NEST sums the voltage's part of the rule once a step, so its weights are of first order in dt: a column is what three steps come to at 0."""
    pre = [20.0, 70.0, 120.0, 170.0, 230.0, 250.0, 270.0, 290.0, 310.0, 400.0, 450.0, 500.0]
    kicks = [30.0, 80.0, 130.0, 180.0, 232.0, 252.0, 272.0, 292.0, 312.0, 390.0, 440.0, 490.0]
    (coarse, gates), (middle, _), (fine, _) = (clopath_weights(pre, kicks, dt, 50.0, 6000.0) for dt in (0.02, 0.01, 0.005))
    limit = [2 * f - m for m, f in zip(middle, fine)]
    shift = max(abs(2 * m - c - x) for c, m, x in zip(coarse, middle, limit))
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write("t_ms,weight,weight_dt_0.005\n" + "".join(f"{t:g},{w:.8g},{v:.8g}\n" for t, w, v in zip(pre, limit, fine)))
    units = {"A_LTD": "1/mV", "A_LTP": "1/mV2", "theta_minus": "mV", "theta_plus": "mV", "tau_u_bar_minus": "ms", "tau_u_bar_plus": "ms"}
    parameters = {**CLOPATH, "weight": 50.0, "Wmax": 100.0, "tau_x": 15.0, "delay": 1.0, "kick": 6000.0}
    units |= {"tau_x": "ms", "delay": "ms", "kick": "pA"}
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump({"case": "made/" + name, "model": "clopath_synapse onto hh_psc_alpha_clopath",
                   "equations": "Clopath et al. 2010: w -= A_LTD [u_minus - theta_minus]+ at presynaptic spikes; w' = A_LTP x [V - theta_plus]+ [u_plus - theta_minus]+",
                   "parameters": {k: {"value": v, "unit": units.get(k, "1")} for k, v in parameters.items()}, "initial": {"V_mV": -65.0, **gates},
                   "protocol": {"presynaptic_spikes_ms": pre, "kicks_ms": kicks}, "dt_ms": 0.005,
                   "conventions": "both filtered voltages begin at -65 mV and are seen one step late; weight behind what a presynaptic spike does to it",
                   "simulator": "NEST " + nest.__version__ + ", make_synapses.py",
                   "independent_check": {"extrapolated_from_0.02_and_0.01_and_from_0.01_and_0.005_differ": shift},
                   "tolerance": {"weight_abs": round(5 * shift, 5), "basis": "5 times the difference of the two extrapolations to a step of 0"},
                   "csv": name + ".csv", "columns": ["t_ms", "weight", "weight_dt_0.005"]}, f, indent=1)
        f.write("\n")
    print(f"{name:30} {limit[0]:.6g} to {limit[-1]:.6g}, at 0.005 {fine[-1]:.6g}, extrapolations differ by {shift:.2g}")


def pools(name, targets=600, astrocytes=8, seeds=10):
    """Who is attached to whom by third_factor_bernoulli_with_pool: over all targets, how many have k different astrocytes, how many pairs of a
    target and an astrocyte share k synapses, and how many synapses with an astrocyte a target has."""
    out = {"what": pools.__doc__, "simulator": "NEST " + nest.__version__ + ", make_synapses.py", "sources": 40, "astrocytes": astrocytes, "cases": []}
    for rule, spec, pool, p in (("indegree(12)", {"rule": "fixed_indegree", "indegree": 12}, 4, 0.5),
                                ("probability(0.25)", {"rule": "pairwise_bernoulli", "p": 0.25}, 6, 0.3)):
        distinct, shared, of_target = [0] * 9, [0] * 16, [0] * 24
        for seed in range(1, seeds + 1):
            nest.ResetKernel()
            nest.rng_seed = seed
            e, t = (nest.Create("aeif_cond_alpha_astro", n) for n in (out["sources"], targets))
            a = nest.Create("astrocyte_lr_1994", astrocytes)
            nest.TripartiteConnect(e, t, a, spec, {"rule": "third_factor_bernoulli_with_pool", "p": p, "pool_size": pool, "pool_type": "random"},
                                   syn_specs={"third_out": "sic_connection"})
            count, c = {}, nest.GetConnections(a, t)
            for pair in zip(c.target, c.source):
                count[pair] = count.get(pair, 0) + 1
            for target in t.tolist():
                own = [n for (x, _), n in count.items() if x == target]
                distinct[len(own)] += 1
                of_target[sum(own)] += 1
                for n in own:
                    shared[n] += 1
        out["cases"].append({"rule": rule, "pool": pool, "probability": p, "targets": targets * seeds, "distinct": distinct, "shared": shared,
                             "of_target": of_target})
        print(name, rule, distinct, shared, of_target)
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


def train(seed, rate_hz, duration, dt=0.1):
    rng, t, out = random.Random(seed), 5.0, []
    while True:
        t += 0.5 + rng.expovariate(rate_hz / 1000)
        if t > duration:
            return out
        out.append(round(round(t / dt) * dt, 6))


def main():
    nest.set_verbosity("M_ERROR")
    pre, post = train(1, 40, 2000), train(2, 50, 2000)
    case("stdp_between_additive_and_multiplicative", "stdp_synapse",
         {"weight": 40.0, "Wmax": 100.0, "delay": 1.7, "tau_plus": 14.0, "tau_minus": 33.0, "lambda": 0.02, "alpha": 1.1, "mu_plus": 0.4, "mu_minus": 0.7},
         pre, post, "Guetig et al. 2003: w += lambda Wmax (1 - w/Wmax)^mu_plus K_plus; w -= alpha lambda Wmax (w/Wmax)^mu_minus K_minus")
    case("stdp_saturating", "stdp_synapse",
         {"weight": 90.0, "Wmax": 100.0, "delay": 0.4, "tau_plus": 20.0, "tau_minus": 20.0, "lambda": 0.1, "alpha": 0.9, "mu_plus": 0.0, "mu_minus": 0.0},
         pre, post, "additive, at its bounds")
    case("stdp_power_law", "stdp_pl_synapse_hom",
         {"weight": 45.0, "delay": 1.5, "tau_plus": 15.0, "tau_minus": 30.0, "lambda": 0.1, "alpha": 0.0513, "mu": 0.4}, pre, post,
         "Morrison et al. 2007: w += lambda w^mu K_plus; w -= alpha lambda w K_minus")
    case("stdp_triplets", "stdp_triplet_synapse",
         {"weight": 40.0, "Wmax": 100.0, "delay": 1.0, "tau_plus": 16.8, "tau_plus_triplet": 101.0, "tau_minus": 33.7, "tau_minus_triplet": 125.0,
          "Aplus": 0.05, "Aplus_triplet": 0.62, "Aminus": 0.7, "Aminus_triplet": 0.023}, pre, post,
         "Pfister & Gerstner 2006, all-to-all: w += r1 (A2+ + A3+ o2); w -= o1 (A2- + A3- r2), slow traces just before the spike")
    case("inhibitory_balance", "vogels_sprekeler_synapse",
         {"weight": 80.0, "Wmax": 300.0, "delay": 1.0, "tau": 20.0, "tau_minus": 20.0, "eta": 2.0, "alpha": 1.2}, pre, post,
         "Vogels et al. 2011, away from the bounds (NEST clips between the two parts): w += eta (K_minus - alpha) at presynaptic, eta K_plus at postsynaptic spikes")
    for name, u, fac in (("depressing", 0.5, 0.0), ("facilitating", 0.04, 700.0)):
        case("tsodyks_three_states_" + name, "tsodyks_synapse",
             {"weight": 250.0, "delay": 1.0, "U": u, "tau_rec": 400.0, "tau_fac": fac, "tau_psc": 8.0, "u": 0.0, "x": 1.0, "y": 0.0}, train(3, 20, 2500), [],
             "Tsodyks, Uziel & Markram 2000: resources recovered, active, inactive")
    case("tsodyks_two_states_poisson", "tsodyks2_synapse",
         {"weight": 250.0, "delay": 1.0, "U": 0.3, "tau_rec": 250.0, "tau_fac": 120.0, "u": 0.3, "x": 1.0}, train(4, 30, 2500), [],
         "Tsodyks, Pawelzik & Markram 1998")
    pools("third_factor_pools")
    voltage_case("clopath_pairs_and_bursts")


if __name__ == "__main__":
    main()

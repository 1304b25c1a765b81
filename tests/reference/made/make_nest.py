#!/usr/bin/env python3
"""Makes the cases of NEST's neurons in this folder: other parameters, currents and events than in ../nest, and neurons that
are not there. Needs NEST; run it to write the JSON and CSV files anew. The conventions are those of ../nest (each JSON file
says them)."""
import json
import os

import nest
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ("Time grid t_k = k*dt. A row at t holds the state at the end of the step that ends at t. A stimulus value listed for "
         "[a,b) acts in every step that starts at a <= t < b. A synaptic event with arrival time s is added to the synaptic "
         "state at the end of the step that ends at s (it acts from s on). The threshold is tested at the end of each step; "
         "a spike carries that end time; V is then set to V_reset and held there for t_ref (the next t_ref/dt steps), while "
         "synaptic states go on.")
UNITS = {"C_m": "pF", "g_L": "nS", "g_m": "nS", "g": "nS", "g_Na": "nS", "g_K": "nS", "tau_m": "ms", "tau_syn_ex": "ms",
         "tau_syn_in": "ms", "tau_syn": "ms", "t_ref": "ms", "Delta_T": "mV", "a": "nS", "b": "pA", "tau_w": "ms",
         "Delta_V": "mV", "lambda_0": "1/s", "tau_sfa": "ms", "q_sfa": "mV", "tau_stc": "ms", "q_stc": "pA", "omega": "mV",
         "alpha_1": "mV", "alpha_2": "mV", "tau_1": "ms", "tau_2": "ms", "asc_amps": "pA", "asc_decay": "1/ms",
         "asc_r": "1", "th_spike_add": "mV", "th_spike_decay": "1/ms", "th_voltage_index": "1/ms",
         "th_voltage_decay": "1/ms", "voltage_reset_add": "mV", "voltage_reset_fraction": "1"}
COLUMNS = {"V_m": "V_mV", "I_syn_ex": "I_syn_ex_pA", "I_syn_in": "I_syn_in_pA", "g_ex": "g_ex_nS", "g_in": "g_in_nS",
           "w": "w_pA", "U_m": "U", "Act_m": "m", "Inact_h": "h", "Act_n": "n", "V_th": "threshold_mV",
           "E_sfa": "threshold_mV", "I_stc": "I_stc_pA", "threshold": "threshold_mV", "ASCurrents_sum": "I_as_pA"}


def unit(name):
    return UNITS.get(name, "mV" if name[0] in "EV" else "1")


def simulate(model, values, start, current, exc, inh, w, duration, dt, record):
    nest.ResetKernel()
    nest.resolution = dt
    base = current[0][1]
    offset = {"I_e": base} if "I_e" in nest.GetDefaults(model) else {}
    cell = nest.Create(model, params={**values, **start, **offset})
    steps = current if not offset else [(t, i - base) for t, i in current[1:]]
    steps = [(t, i) for t, i in steps if t > 0 or i != 0]
    if steps:
        g = nest.Create("step_current_generator", params={"amplitude_times": [max(round(t - dt, 6), dt) for t, _ in steps],
                                                          "amplitude_values": [float(i) for _, i in steps]})
        nest.Connect(g, cell, syn_spec={"delay": dt})
    for times, weight in ((exc, w[0]), (inh, w[1])):
        if times:
            g = nest.Create("spike_generator", params={"spike_times": [round(t - dt, 6) for t in times]})
            receptor = {"receptor_type": 1} if model.startswith("glif") else {}
            nest.Connect(g, cell, syn_spec={"delay": dt, "weight": weight, **receptor})
    meter = nest.Create("multimeter", params={"interval": dt, "record_from": record})
    nest.Connect(meter, cell)
    spikes = nest.Create("spike_recorder")
    nest.Connect(cell, spikes)
    nest.Simulate(duration)
    events = meter.get("events")
    return (np.round(events["times"], 6), [events[r] for r in record],
            [round(float(t), 6) for t in spikes.get("events")["times"]])


def case(name, model, values, start, duration, current=((0.0, 0.0),), exc=(), inh=(), w=(1.0, -1.0), dt=0.1,
         record=("V_m",), tolerance=None, label=None, weight_unit="pA", said=None, every=2, solver="", **more):
    current = [tuple(map(float, c)) for c in current]
    run = (model, values, {k: v for k, v in start.items() if k in nest.GetDefaults(model)}, current, list(exc), list(inh),
           w, duration)
    times, traces, spikes = simulate(*run, dt, list(record))
    _, _, fine = simulate(*run, dt / 10, list(record))
    shift = max((abs(a - b) for a, b in zip(spikes, fine)), default=0.0) if len(spikes) == len(fine) else None
    if "spike_abs_ms" in (tolerance or {}):  # upward crossings of 0 mV, linear between the rows
        v = traces[list(record).index("V_m")]
        k = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
        spikes = [round(float(x), 9) for x in times[k] + (times[k + 1] - times[k]) * (0 - v[k]) / (v[k + 1] - v[k])]
    columns = [COLUMNS[r] for r in record]
    cond = weight_unit == "nS"
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write(",".join(["t_ms", *columns]) + "\n")
        for k in range(0, len(times), every):
            f.write(f"{times[k]:g}," + ",".join(f"{x[k]:.8g}" for x in traces) + "\n")
    tolerance = dict(tolerance or {"v_abs_mV_same_grid": 1e-4, "spike_abs_ms_same_grid": dt})
    if shift is not None and "spike_abs_ms" not in tolerance:
        tolerance["spike_abs_ms_any_method"] = round(shift + 2 * dt, 3)
    parameters = {k: {"value": v, "unit": unit(k)} for k, v in (said or values).items()}
    out = {"case": "made/" + name, "model": label or model, "parameters": parameters, "initial": more.pop("initial", {
        "V_mV": start.get("V_m", -70.0), "all_other_states": 0}), "dt_ms": dt, "duration_ms": duration,
        "stimulus": {"current_pA": [{"from_ms": t, "I": i} for t, i in current], "excitatory_arrivals_ms": list(exc),
                     "w_ex_" + weight_unit: w[0], "inhibitory_arrivals_ms": list(inh),
                     "w_in_" + weight_unit: abs(w[1]) if cond else w[1]},
        "conventions": WORDS, "solver": solver or "as the simulator has it, make_nest.py",
        "simulator": "NEST " + nest.__version__, "spikes_ms": spikes,
        "tolerance": {**tolerance, "spike_count": "equal",
                      "v_rows": "rows more than 1 ms before and more than 3 ms after any reference spike",
                      "basis": "as in ../nest; spikes on any other scheme: shift of the simulator from dt to dt/10, plus 2 dt"},
        "csv": name + ".csv", "columns": ["t_ms", *columns], **more}
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
    print(f"{name:32} {len(spikes):3} spikes, {len(fine)} at dt/10, shift {shift}", spikes[:4])


def integrate_and_fire():
    exact = {"solver": "exact (propagator matrix)"}
    events = {"exc": [round(5 + 7.3 * k, 1) for k in range(20)], "inh": [30.0, 31.0, 90.4, 120.0]}
    psc = {"C_m": 180.0, "tau_m": 14.0, "E_L": -65.0, "V_th": -48.0, "V_reset": -58.0, "t_ref": 3.0, "tau_syn_ex": 1.3,
           "tau_syn_in": 7.0}
    steps = ((0.0, 50.0), (20.0, 260.0), (110.0, -100.0), (130.0, 240.0))
    for model in ("iaf_psc_exp", "iaf_psc_alpha"):
        case(model + "_mixed", model, psc, {"V_m": -61.0}, 200.0, steps, w=(90.0, -150.0),
             record=("V_m", "I_syn_ex", "I_syn_in"), **exact, **events)
    case("iaf_psc_exp_coarse_grid", "iaf_psc_exp", {**psc, "tau_syn_ex": 14.0, "t_ref": 0.5}, {"V_m": -65.0}, 200.0, steps,
         w=(90.0, -150.0), dt=0.25, record=("V_m", "I_syn_ex", "I_syn_in"), **exact,
         exc=[5.0, 12.25, 33.0, 60.5], inh=[80.0])
    cond = {"C_m": 120.0, "g_L": 9.0, "E_L": -68.0, "V_th": -50.0, "V_reset": -62.0, "t_ref": 1.0, "E_ex": -5.0,
            "E_in": -78.0, "tau_syn_ex": 0.4, "tau_syn_in": 9.0}
    for model in ("iaf_cond_exp", "iaf_cond_alpha"):
        case(model + "_mixed", model, cond, {"V_m": -60.0}, 200.0, ((0.0, 0.0), (15.0, 190.0), (150.0, -60.0)),
             w=(14.0, -5.0), record=("V_m", "g_ex", "g_in"), weight_unit="nS", **events)


def adaptive():
    for name, values in (("ib", (0.02, 0.2, -55.0, 4.0)), ("lts", (0.02, 0.25, -65.0, 2.0))):
        a, b, c, d = values
        said = {"a": a, "b": b, "c": c, "d": d, "V_th": 35.0}
        start = {"V_m": -70.0, "U_m": -70.0 * b}
        case("izhikevich_" + name, "izhikevich", said, start, 200.0, ((0.0, 0.0), (30.0, 8.0), (150.0, 0.0)),
             exc=[10.0, 170.0, 171.0], w=(4.0, -1.0), record=("V_m", "U_m"), weight_unit="mV",
             initial={"v": -70.0, "u": -70.0 * b}, said=said, solver="forward Euler with dt")
    aeif = {"C_m": 150.0, "g_L": 12.0, "E_L": -65.0, "V_th": -52.0, "Delta_T": 1.5, "V_peak": 5.0, "V_reset": -58.0,
            "t_ref": 1.5, "a": 2.0, "b": 60.0, "tau_w": 90.0, "E_ex": 0.0, "E_in": -80.0, "tau_syn_ex": 1.0,
            "tau_syn_in": 6.0}
    tolerance = {"v_abs_mV_same_grid": 0.04, "spike_abs_ms_same_grid": 0.1}
    events = {"exc": [round(10 + 6.1 * k, 1) for k in range(30)], "inh": [40.0, 80.0, 81.0, 150.0]}
    for model in ("aeif_cond_exp", "aeif_cond_alpha"):
        case(model + "_mixed", model, {**aeif, "gsl_error_tol": 1e-10}, {"V_m": -65.0}, 300.0,
             ((0.0, 100.0), (30.0, 320.0), (250.0, 0.0)), w=(20.0, -8.0), record=("V_m", "w", "g_ex", "g_in"),
             weight_unit="nS", tolerance=tolerance, said=aeif, **events)
    free = {**aeif, "t_ref": 0.0, "V_reset": -56.0, "b": 30.0}
    case("aeif_cond_exp_no_refractory", "aeif_cond_exp", {**free, "gsl_error_tol": 1e-10}, {"V_m": -70.0}, 300.0,
         ((0.0, 0.0), (50.0, 400.0)), w=(1.0, -1.0), record=("V_m", "w", "g_ex", "g_in"), weight_unit="nS",
         tolerance=tolerance, said=free)
    mat = {"C_m": 120.0, "tau_m": 8.0, "E_L": -68.0, "omega": -50.0, "alpha_1": 12.0, "alpha_2": 1.5, "tau_1": 12.0,
           "tau_2": 180.0, "t_ref": 2.0, "tau_syn_ex": 1.5, "tau_syn_in": 4.0}
    case("mat2_psc_exp_mixed", "mat2_psc_exp", mat, {"V_m": -68.0}, 300.0, ((0.0, 0.0), (20.0, 450.0), (220.0, 200.0)),
         w=(200.0, -300.0), record=("V_m", "V_th"), solver="exact (propagator matrix)", **events)


def gif():
    values = {"C_m": 100.0, "g_L": 5.0, "E_L": -66.0, "V_reset": -58.0, "V_T_star": -47.0, "Delta_V": 1e-4,
              "lambda_0": 5000.0, "t_ref": 3.0, "tau_sfa": [30.0], "q_sfa": [4.0], "tau_stc": [15.0, 120.0],
              "q_stc": [15.0, 4.0], "tau_syn_ex": 3.0, "tau_syn_in": 5.0}
    steps = ((0.0, 0.0), (40.0, 170.0), (300.0, 0.0))
    events = {"exc": [60.0, 61.0, 62.0, 180.0], "inh": [120.0]}
    case("gif_psc_exp_hard", "gif_psc_exp", values, {"V_m": -66.0}, 350.0, steps, w=(60.0, -80.0),
         record=("V_m", "E_sfa", "I_stc"), label="gif_psc_exp (deterministic limit)", solver="exact between spikes", every=5,
         **events)
    cond = {**values, "E_ex": 0.0, "E_in": -85.0}
    case("gif_cond_exp_hard", "gif_cond_exp", {**cond, "gsl_error_tol": 1e-8}, {"V_m": -66.0}, 350.0, steps, w=(2.0, -3.0),
         record=("V_m", "E_sfa", "I_stc"), label="gif_cond_exp (deterministic limit)", weight_unit="nS", said=cond, every=5,
         **events)


def glif():
    base = {"C_m": 58.72, "g": 9.43, "E_L": -78.85, "V_th": -51.68, "t_ref": 3.7, "tau_syn": 2.0}
    reset = {"V_reset": -75.0}
    rules = {"voltage_reset_fraction": 0.2, "voltage_reset_add": 18.51, "th_spike_add": 1.2, "th_spike_decay": 0.009}
    currents = {"asc_amps": [-9.18, -198.94], "asc_decay": [0.003, 0.1], "asc_r": [0.9, 1.0]}
    moving = {"th_voltage_index": 0.005, "th_voltage_decay": 0.09}
    kinds = {"glif1": {**base, **reset}, "glif2": {**base, **rules}, "glif3": {**base, **reset, **currents},
             "glif4": {**base, **rules, **currents}, "glif5": {**base, **rules, **currents, **moving}}
    for name, said in kinds.items():
        values = {**said, "tau_syn": [2.0], "spike_dependent_threshold": "th_spike_add" in said,
                  "after_spike_currents": "asc_amps" in said, "adapting_threshold": "th_voltage_index" in said}
        if "asc_amps" in said:
            values["asc_init"] = [0.0, 0.0]
        case(name + "_step_and_events", "glif_psc", values, {"V_m": -78.85}, 300.0, ((0.0, 0.0), (30.0, 420.0), (220.0, 0.0)),
             exc=[10.0, 60.0, 61.0, 240.0, 242.0], w=(150.0, 0.0), record=("V_m", "threshold"), label=name, said=said, every=5,
             solver="exact between spikes; after-spike currents as their mean over each step")


def hodgkin_huxley():
    tolerance = {"v_abs_mV": 0.002, "spike_abs_ms": 0.02}
    values = {"C_m": 80.0, "g_Na": 10000.0, "g_K": 2800.0, "g_L": 25.0, "E_Na": 52.0, "E_K": -75.0, "E_L": -56.0,
              "tau_syn_ex": 0.6, "tau_syn_in": 3.0}
    gates = {"Act_m": 0.1, "Inact_h": 0.5, "Act_n": 0.35}
    case("hh_psc_alpha_mixed", "hh_psc_alpha", values, {"V_m": -63.0, **gates}, 120.0, ((0.0, 0.0), (60.0, 700.0)),
         exc=[10.0, 30.0], inh=[40.0], w=(1100.0, -500.0), record=("V_m", "Act_m", "Inact_h", "Act_n"), every=1, tolerance=tolerance,
         initial={"V_mV": -63.0, "m": 0.1, "h": 0.5, "n": 0.35})
    values = {"C_m": 150.0, "g_Na": 18000.0, "g_K": 5000.0, "g_L": 8.0, "E_Na": 50.0, "E_K": -90.0, "E_L": -62.0, "V_T": -60.0,
              "E_ex": 0.0, "E_in": -80.0, "tau_syn_ex": 3.0, "tau_syn_in": 8.0}
    start = {"V_m": -65.0, "Act_m": 0.01, "Inact_h": 0.99, "Act_n": 0.02}
    case("hh_cond_exp_traub_mixed", "hh_cond_exp_traub", values, start, 150.0, ((0.0, 0.0), (60.0, 350.0), (130.0, 0.0)),
         exc=[10.0, 30.0, 31.0], inh=[80.0], w=(20.0, -30.0), record=("V_m", "Act_m", "Inact_h", "Act_n"), every=1,
         tolerance={"v_abs_mV": 0.05, "spike_abs_ms": 0.05}, weight_unit="nS",
         initial={"V_mV": -65.0, "m": 0.01, "h": 0.99, "n": 0.02})


def main():
    nest.set_verbosity("M_ERROR")
    for part in (integrate_and_fire, adaptive, gif, glif, hodgkin_huxley):
        part()


if __name__ == "__main__":
    main()

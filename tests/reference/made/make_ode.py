#!/usr/bin/env python3
"""Makes the cases of smooth systems in this folder: equations written here from the papers, integrated by DOP853 at 1e-11
between the jumps of the stimulus. Needs numpy and scipy; run it to write the JSON and CSV files anew."""
import json
import os

import numpy as np
import scipy
from scipy.integrate import solve_ivp

HERE = os.path.dirname(os.path.abspath(__file__))
exp = np.exp


def trap(x, y):
    """x / (exp(x / y) - 1)"""
    return y * (1 - x / y / 2) if abs(x / y) < 1e-6 else x / (exp(x / y) - 1)


def ratio(a, b):
    return a / (a + b)


# ---- neurons: rhs(t, y, p, I) and start(p)

def wang_buzsaki(t, y, p, current):
    v, h, n = y
    am, bm = 0.1 * trap(-(v + 35), 10), 4 * exp(-(v + 60) / 18)
    m = ratio(am, bm)
    ah, bh = 0.07 * exp(-(v + 58) / 20), 1 / (exp(-0.1 * (v + 28)) + 1)
    an, bn = 0.01 * trap(-(v + 34), 10), 0.125 * exp(-(v + 44) / 80)
    i_na, i_k, i_l = p["gNa"] * m**3 * h * (v - p["ENa"]), p["gK"] * n**4 * (v - p["EK"]), p["gL"] * (v - p["EL"])
    return [(current - i_na - i_k - i_l) / p["C"], p["phi"] * (ah * (1 - h) - bh * h), p["phi"] * (an * (1 - n) - bn * n)]


def connor_stevens(t, y, p, current):
    v, m, h, n, a, b = y
    am, bm = 0.38 * trap(-(v + 29.7), 10), 15.2 * exp(-0.0556 * (v + 54.7))
    ah, bh = 0.266 * exp(-0.05 * (v + 48)), 3.8 / (1 + exp(-0.1 * (v + 18)))
    an, bn = 0.02 * trap(-(v + 45.7), 10), 0.25 * exp(-0.0125 * (v + 55.7))
    a_inf = (0.0761 * exp(0.0314 * (v + 94.22)) / (1 + exp(0.0346 * (v + 1.17)))) ** (1 / 3)
    b_inf = (1 / (1 + exp(0.0688 * (v + 53.3)))) ** 4
    tau_a, tau_b = 0.3632 + 1.158 / (1 + exp(0.0497 * (v + 55.96))), 1.24 + 2.678 / (1 + exp(0.0624 * (v + 50)))
    total = (p["gNa"] * m**3 * h * (v - p["ENa"]) + p["gK"] * n**4 * (v - p["EK"]) + p["gA"] * a**3 * b * (v - p["EA"])
             + p["gL"] * (v - p["EL"]))
    return [(current - total) / p["C"], am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n,
            (a_inf - a) / tau_a, (b_inf - b) / tau_b]


def pinsky_rinzel(t, y, p, current):
    vs, vd, ca, h, n, s, c, q = y
    u, d = vs + 60, vd + 60
    m = ratio(0.32 * trap(13.1 - u, 4), 0.28 * trap(u - 40.1, 5))
    ah, bh = 0.128 * exp((17 - u) / 18), 4 / (1 + exp((40 - u) / 5))
    an, bn = 0.016 * trap(35.1 - u, 5), 0.25 * exp(0.5 - 0.025 * u)
    a_s, b_s = 1.6 / (1 + exp(-0.072 * (d - 65))), 0.02 * trap(d - 51.1, 5)
    if d <= 50:
        a_c = exp((d - 10) / 11 - (d - 6.5) / 27) / 18.975
        b_c = 2 * exp((6.5 - d) / 27) - a_c
    else:
        a_c, b_c = 2 * exp((6.5 - d) / 27), 0.0
    a_q, b_q = min(0.00002 * ca, 0.01), 0.001
    i_ca = p["gCa"] * s**2 * (vd - p["ECa"])
    soma = p["gL"] * (vs - p["EL"]) + p["gNa"] * m**2 * h * (vs - p["ENa"]) + p["gKDR"] * n * (vs - p["EK"])
    dend = (p["gL"] * (vd - p["EL"]) + i_ca + p["gKC"] * c * min(ca / 250, 1) * (vd - p["EK"])
            + p["gAHP"] * q * (vd - p["EK"]))
    return [(current / p["p"] - soma + p["gc"] / p["p"] * (vd - vs)) / p["C"],
            (-dend + p["gc"] / (1 - p["p"]) * (vs - vd)) / p["C"], -0.13 * i_ca - 0.075 * ca,
            ah * (1 - h) - bh * h, an * (1 - n) - bn * n, a_s * (1 - s) - b_s * s, a_c * (1 - c) - b_c * c,
            a_q * (1 - q) - b_q * q]


def cortical(t, y, p, current):
    v, m, h, n, k, q, r, u, z = y
    x = v - p["VT"]
    am, bm = 0.32 * trap(13 - x, 4), 0.28 * trap(x - 40, 5)
    ah, bh = 0.128 * exp((17 - x) / 18), 4 / (1 + exp((40 - x) / 5))
    an, bn = 0.032 * trap(15 - x, 5), 0.5 * exp((10 - x) / 40)
    k_inf, k_tau = 1 / (1 + exp(-(v + 35) / 10)), p["taumax"] / (3.3 * exp((v + 35) / 20) + exp(-(v + 35) / 20))
    aq, bq = 0.055 * trap(-27 - v, 3.8), 0.94 * exp((-75 - v) / 17)
    ar, br = 0.000457 * exp((-13 - v) / 50), 0.0065 / (exp((-15 - v) / 28) + 1)
    w = v + 2
    s_inf, u_inf = 1 / (1 + exp(-(w + 57) / 6.2)), 1 / (1 + exp((w + 81) / 4))
    u_tau = (30.8 + (211.4 + exp((w + 113.2) / 5)) / (1 + exp((w + 84) / 3.2))) / 3**1.2
    z_inf, z_tau = 1 / (1 + exp((v + 75) / 5.5)), 1 / (exp(-14.59 - 0.086 * v) + exp(-1.87 + 0.0701 * v))
    total = (p["gNa"] * m**3 * h * (v - 50) + p["gKd"] * n**4 * (v + 90) + p["gM"] * k * (v + 90)
             + p["gL"] * q**2 * r * (v - 120) + p["gT"] * s_inf**2 * u * (v - 120) + p["gh"] * z * (v + 43)
             + p["gleak"] * (v - p["Eleak"]))
    return [(current - total) / p["C"], am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n,
            (k_inf - k) / k_tau, aq * (1 - q) - bq * q, ar * (1 - r) - br * r, (u_inf - u) / u_tau, (z_inf - z) / z_tau]


def hindmarsh_rose(t, y, p, current):
    x, v, z = y
    return [v - p["a"] * x**3 + p["b"] * x**2 - z + current, p["c"] - p["d"] * x**2 - v, p["r"] * (p["s"] * (x - p["xR"]) - z)]


def fitzhugh_nagumo(t, y, p, current):
    v, w = y
    return [v - v**3 / 3 - w + p["I"] + current, p["eps"] * (v + p["a"] - p["b"] * w)]


def morris_lecar(t, y, p, current):
    v, w = y
    m = 0.5 * (1 + np.tanh((v - p["V1"]) / p["V2"]))
    w_inf = 0.5 * (1 + np.tanh((v - p["V3"]) / p["V4"]))
    total = p["gL"] * (v - p["VL"]) + p["gCa"] * m * (v - p["VCa"]) + p["gK"] * w * (v - p["VK"])
    return [(p["I"] + current - total) / p["C"], p["phi"] * (w_inf - w) * np.cosh((v - p["V3"]) / (2 * p["V4"]))]


def wilson_cowan(t, y, p, current):
    def s(x, a, th):
        return 1 / (1 + exp(-a * (x - th))) - 1 / (1 + exp(a * th))
    e, i = y
    return [(-e + (1 - e) * s(p["c_ee"] * e - p["c_ei"] * i + p["P"], p["a_e"], p["th_e"])) / p["tau_e"],
            (-i + (1 - i) * s(p["c_ie"] * e - p["c_ii"] * i + p["Q"], p["a_i"], p["th_i"])) / p["tau_i"]]


def jansen_rit(t, y, p, current):
    def s(v):
        return 2 * p["e0"] / (1 + exp(p["r"] * (p["v0"] - v)))
    a, b, c = p["a"], p["b"], p["Cc"]
    per_s = [*y[3:], p["A"] * a * s(y[1] - y[2]) - 2 * a * y[3] - a * a * y[0],
             p["A"] * a * (p["p"] + current + 0.8 * c * s(c * y[0])) - 2 * a * y[4] - a * a * y[1],
             p["B"] * b * 0.25 * c * s(0.25 * c * y[0]) - 2 * b * y[5] - b * b * y[2]]
    return [x / 1000 for x in per_s]


def wong_wang(t, y, p, current):
    u = p["d"] * (p["a"] * (p["w"] * p["J"] * y[0] + p["I_0"] + current) - p["b"])  # rates in Hz, d in s
    return [-y[0] / p["tau"] + (1 - y[0]) * p["gamma"] * u / (1 - exp(-u)) / p["d"] / 1000]


def montbrio(t, y, p, current):
    r, v = y
    return [(p["Delta"] / (np.pi * p["tau"]) + 2 * r * v) / p["tau"],
            (v * v - (np.pi * p["tau"] * r) ** 2 + p["eta"] + p["J"] * p["tau"] * r + current) / p["tau"]]


def generic_oscillator(t, y, p, current):
    v, w = y
    return [p["d"] * p["tau"] * (p["alpha"] * w - p["f"] * v**3 + p["e"] * v * v + p["g"] * v + p["gamma"] * (p["I"] + current)),
            p["d"] / p["tau"] * (p["k"] * v * v + p["b"] * v - p["beta"] * w + p["a"])]


def balloon(t, y, p, current):
    w, f, v, q = y
    out, rho = v ** (1 / p["alpha"]), p["rho"]
    per_s = [p["epsilon"] * current - p["kappa"] * w - p["gamma"] * (f - 1), w, (f - out) / p["tau"],
             (f * (1 - (1 - rho) ** (1 / f)) / rho - out * q / v) / p["tau"]]
    return [x / 1000 for x in per_s]


def mass_action(t, y, p, current):
    ca, b, cab, s, e, se, _ = y
    binding = p["kf"] * ca * b - p["kr"] * cab
    complex_ = p["k1"] * s * e - p["k2"] * se
    made = p["k3"] * se
    return [p["J0"] * exp(-t / p["tauJ"]) - p["kex"] * (ca - p["Ca0"]) - binding, -binding, binding, -complex_, made - complex_,
            complex_ - made, made]


def steady(rhs, y, p, free):
    """Gates at their steady state for the potentials given: the zero of their own linear equations."""
    y = list(y)
    for k in free:
        f0 = rhs(0, [*y[:k], 0.0, *y[k + 1:]], p, 0.0)[k]
        f1 = rhs(0, [*y[:k], 1.0, *y[k + 1:]], p, 0.0)[k]
        y[k] = f0 / (f0 - f1)
    return y


def case(name, model, rhs, names, parameters, start, stimulus, duration, dt, equations):
    p = {k: v for k, (v, _) in parameters.items()}
    y = steady(rhs, [0.0 if v is None else v for v in start], p, [k for k, v in enumerate(start) if v is None])
    initial = dict(zip(names, map(float, y)))
    edges = sorted({0.0, duration, *(s[k] for s in stimulus for k in ("from_ms", "to_ms"))})
    grid = np.round(np.arange(round(duration / dt) + 1) * dt, 9)
    table = [y]
    for a, b in zip(edges, edges[1:]):
        current = sum(v for s in stimulus if s["from_ms"] <= a < s["to_ms"] for k, v in s.items() if k.startswith("I"))
        times = grid[(grid > a + 1e-9) & (grid <= b + 1e-9)]
        done = solve_ivp(rhs, (a, b), y, "DOP853", t_eval=np.union1d(times, [b]), rtol=1e-11, atol=1e-11, args=(p, current),
                         max_step=1.0)
        assert done.success, done.message
        table += list(done.y.T[:len(times)])
        y = done.y[:, -1]
    columns = ["t_ms", *names]
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write(",".join(columns) + "\n")
        for t, row in zip(grid, table):
            f.write(f"{t:g}," + ",".join(f"{x:.8g}" for x in row) + "\n")
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump({"case": "made/" + name, "model": model, "equations": equations,
                   "parameters": {k: {"value": v, "unit": u} for k, (v, u) in parameters.items()}, "initial": initial,
                   "stimulus": stimulus, "solver": f"DOP853 rtol=1e-11 atol=1e-11 (scipy {scipy.__version__}), make_ode.py",
                   "dt_ms": dt, "duration_ms": duration, "sensitivities": None,
                   "tolerance": {"state_rel_of_range": 1e-4,
                                 "basis": "a convergent scheme at a small enough dt; state the dt used"},
                   "csv": name + ".csv", "columns": columns}, f, indent=1)
        f.write("\n")
    print(name, "max", {k: round(float(max(r[i] for r in table)), 3) for i, k in enumerate(names)})


# ---- two cells and a gap junction, as ../synapse/gap_junction_*

def gap_pair(t, y, p, currents, weight):
    out = []
    for i in (0, 1):
        v, m, h, n, q = y[5 * i:5 * i + 5]
        other = y[5 * (1 - i)]
        am, bm = 40 * trap(-(v - 75.5), 13.5), 1.2262 * exp(-v / 42.248)
        ah, bh = 0.0035 * exp(-v / 24.186), 0.017 * trap(-(51.25 + v), 5.2)
        aq, bq = trap(-(v - 95), 11.8), 0.025 * exp(-v / 22.222)
        an, bn = 0.014 * trap(-(v + 44), 2.3), 0.0043 * exp(-(v + 44) / 34)
        ionic = p["g_Na"] * m**3 * h * (v - p["E_Na"]) + (p["g_Kv1"] * n**4 + p["g_Kv3"] * q * q) * (v - p["E_K"]) + p["g_L"] * (v - p["E_L"])
        out += [(-ionic + currents[i] + weight * (other - v)) / p["C_m"], am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n,
                aq * (1 - q) - bq * q]
    return out


def gap_case(name, weight, currents, start, duration, changes=()):
    units = {"C_m": "pF", "E_Na": MV, "E_K": MV, "E_L": MV}
    p = {"C_m": 40.0, "g_Na": 4500.0, "g_Kv1": 9.0, "g_Kv3": 9000.0, "g_L": 10.0, "E_Na": 74.0, "E_K": -90.0, "E_L": -70.0, **dict(changes)}
    gates = [0.0191987669851, 0.868462041294, 0.000574157622836, 0.000251131822715]  # m, h, n, p
    crosses = [lambda t, y, *_, i=i: y[5 * i] for i in (0, 1)]
    for c in crosses:
        c.direction = 1
    y = [x for v in start for x in (v, *gates)]
    done = solve_ivp(gap_pair, (0, duration), y, "LSODA", rtol=1e-10, atol=1e-10, args=(p, currents, weight), events=crosses, max_step=0.2,
                     t_eval=np.arange(0, duration + 0.5, 1.0))
    with open(os.path.join(HERE, name + ".csv"), "w") as f:
        f.write("t_ms,V0_truth_mV,V1_truth_mV\n" + "".join(f"{t:g},{a:.8g},{b:.8g}\n" for t, a, b in zip(done.t, done.y[0], done.y[5])))
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        json.dump({"case": "made/" + name, "model": "hh_psc_alpha_gap, two neurons, symmetric gap junction", "equations": "as ../synapse/gap_junction_strong",
                   "parameters": {**{k: {"value": v, "unit": units.get(k, "nS")} for k, v in p.items()}, "gap_weight": {"value": weight, "unit": "nS"}},
                   "initial": {"V0_mV": start[0], "V1_mV": start[1], **dict(zip("mhnp", gates))},
                   "protocol": {"constant_current_pA": list(currents), "duration_ms": duration}, "dt_ms": 0.05,
                   "solver": f"LSODA rtol=atol=1e-10 (scipy {scipy.__version__}), make_ode.py",
                   "upcross_0mV_ms": {f"neuron{i}": [round(float(t), 9) for t in done.t_events[i]] for i in (0, 1)},
                   "tolerance": {"spike_abs_ms": 0.05, "spike_count": "equal", "basis": "as ../synapse"},
                   "csv": name + ".csv", "columns": ["t_ms", "V0_truth_mV", "V1_truth_mV"]}, f, indent=1)
        f.write("\n")
    print(name, [len(t) for t in done.t_events])


def gaps():
    gap_case("gap_junction_weak_and_unequal", 1.5, (450.0, 300.0), (-70.0, -60.0), 150.0)
    gap_case("gap_junction_very_strong", 200.0, (900.0, -100.0), (-80.0, -50.0), 100.0, {"g_L": 15.0, "C_m": 60.0}.items())


def step(a, b, value, key="I_uA_per_cm2"):
    return [{"from_ms": a, "to_ms": b, key: value}]


DENSITY, CAP, MV, ONE = "mS/cm2", "uF/cm2", "mV", "1"


def main():
    wb = {"C": (1.0, CAP), "gNa": (35.0, DENSITY), "gK": (9.0, DENSITY), "gL": (0.1, DENSITY), "ENa": (55.0, MV),
          "EK": (-90.0, MV), "EL": (-65.0, MV), "phi": (5.0, ONE)}
    words = "Wang & Buzsaki 1996: instantaneous m, phi times faster h and n"
    names = ["V_mV", "h", "n"]
    case("wang_buzsaki_step", "Wang-Buzsaki", wang_buzsaki, names, wb, [-64.0, None, None], step(20.0, 120.0, 1.0), 150.0,
         0.25, words)
    case("wang_buzsaki_phi_3", "Wang-Buzsaki", wang_buzsaki, names, {**wb, "phi": (3.33, ONE), "gK": (11.0, DENSITY)},
         [-60.0, None, None], step(10.0, 60.0, 2.5), 80.0, 0.25, words)
    cs = {"C": (1.0, CAP), "gNa": (120.0, DENSITY), "gK": (20.0, DENSITY), "gA": (47.7, DENSITY), "gL": (0.3, DENSITY),
          "ENa": (55.0, MV), "EK": (-72.0, MV), "EA": (-75.0, MV), "EL": (-17.0, MV)}
    words = "Connor, Walter & McKown 1977 as in Dayan & Abbott 2001, chapter 6"
    names = ["V_mV", "m", "h", "n", "a", "b"]
    case("connor_stevens_step", "Connor-Stevens", connor_stevens, names, cs, [-68.0] + [None] * 5,
         step(20.0, 170.0, 10.0), 200.0, 0.25, words)
    case("connor_stevens_without_a", "Connor-Stevens", connor_stevens, names,
         {**cs, "gA": (0.0, DENSITY), "EL": (-55.0, MV)}, [-65.0] + [None] * 5, step(10.0, 60.0, 12.0), 80.0, 0.25, words)
    pr = {"C": (3.0, CAP), "gc": (2.1, DENSITY), "p": (0.5, ONE), "gL": (0.1, DENSITY), "gNa": (30.0, DENSITY),
          "gKDR": (15.0, DENSITY), "gCa": (10.0, DENSITY), "gKC": (15.0, DENSITY), "gAHP": (0.8, DENSITY),
          "EL": (-60.0, MV), "ENa": (60.0, MV), "ECa": (80.0, MV), "EK": (-75.0, MV)}
    words = "Pinsky & Rinzel 1994, potentials shifted by -60 mV"
    names = ["Vs_mV", "Vd_mV", "Ca", "h", "n", "s", "c", "q"]
    rest = [-64.6, -64.5, 0.2] + [None] * 5
    case("pinsky_rinzel_burst", "Pinsky-Rinzel", pinsky_rinzel, names, pr, rest, step(0.0, 300.0, 0.75), 300.0, 0.25, words)
    case("pinsky_rinzel_strong_coupling", "Pinsky-Rinzel", pinsky_rinzel, names, {**pr, "gc": (10.5, DENSITY)}, rest,
         step(10.0, 150.0, 2.5), 200.0, 0.25, words)
    co = {"C": (1.0, CAP), "gNa": (50.0, DENSITY), "gKd": (5.0, DENSITY), "gM": (0.07, DENSITY), "gL": (0.0, DENSITY),
          "gT": (0.0, DENSITY), "gh": (0.0, DENSITY), "gleak": (0.1, DENSITY), "Eleak": (-70.0, MV), "VT": (-56.2, MV),
          "taumax": (1000.0, "ms")}
    words = "Na, Kd, M, L, T of Pospischil et al. 2008 and h of McCormick & Huguenard 1992 at 36 (h: 35.5) degC"
    names = ["V_mV", "m", "h", "n", "p", "q", "r", "u", "z"]
    case("cortical_regular_spiking", "cortical cell", cortical, names, co, [-70.0] + [None] * 8, step(20.0, 220.0, 3.0),
         250.0, 0.25, words)
    case("cortical_bursting", "cortical cell", cortical, names,
         {**co, "gL": (0.1, DENSITY), "gM": (0.03, DENSITY), "gleak": (0.01, DENSITY), "VT": (-58.0, MV)},
         [-72.0] + [None] * 8, step(20.0, 220.0, 0.6), 250.0, 0.25, words)
    case("thalamic_rebound", "cortical cell", cortical, names,
         {**co, "gT": (0.4, DENSITY), "gh": (0.02, DENSITY), "gM": (0.03, DENSITY), "gleak": (0.01, DENSITY),
          "Eleak": (-75.0, MV)}, [-70.0] + [None] * 8, step(50.0, 250.0, -0.8), 400.0, 0.25, words)
    hr = {"a": (1.0, ONE), "b": (3.0, ONE), "c": (1.0, ONE), "d": (5.0, ONE), "r": (0.006, ONE), "s": (4.0, ONE),
          "xR": (-1.6, ONE)}
    words = "Hindmarsh & Rose 1984; time in model units written as ms"
    case("hindmarsh_rose_bursts", "Hindmarsh-Rose", hindmarsh_rose, ["x", "y", "z"], hr, [-1.6, -11.8, 0.0],
         step(0.0, 600.0, 2.0, "I"), 600.0, 0.25, words)
    case("hindmarsh_rose_spikes", "Hindmarsh-Rose", hindmarsh_rose, ["x", "y", "z"], {**hr, "r": (0.01, ONE)},
         [-1.0, -4.0, 2.0], step(20.0, 200.0, 4.0, "I"), 200.0, 0.25, words)
    case("fitzhugh_nagumo_pulse", "FitzHugh-Nagumo", fitzhugh_nagumo, ["v", "w"],
         {"I": (0.0, ONE), "eps": (0.1, ONE), "a": (0.8, ONE), "b": (0.7, ONE)}, [-1.2, -0.6], step(20.0, 25.0, 1.0, "I"),
         100.0, 0.25, "dv/dt = v - v^3/3 - w + I; dw/dt = eps (v + a - b w)")
    case("morris_lecar_saddle_node", "Morris-Lecar", morris_lecar, ["V_mV", "w"],
         {"C": (20.0, ONE), "gL": (2.0, ONE), "gCa": (4.0, ONE), "gK": (8.0, ONE), "VL": (-60.0, ONE), "VCa": (120.0, ONE),
          "VK": (-84.0, ONE), "V1": (-1.2, ONE), "V2": (18.0, ONE), "V3": (12.0, ONE), "V4": (17.4, ONE),
          "phi": (1 / 15, ONE), "I": (0.0, ONE)}, [-60.0, 0.01], step(50.0, 400.0, 45.0), 500.0, 0.25,
         "Morris & Lecar 1981, saddle-node values of Rinzel & Ermentrout 1998")
    case("wilson_cowan_damped", "Wilson-Cowan", wilson_cowan, ["E", "I"],
         {"tau_e": (10.0, "ms"), "tau_i": (5.0, "ms"), "c_ee": (12.0, ONE), "c_ei": (4.0, ONE), "c_ie": (13.0, ONE),
          "c_ii": (11.0, ONE), "a_e": (1.2, ONE), "th_e": (2.8, ONE), "a_i": (1.0, ONE), "th_i": (4.0, ONE),
          "P": (0.5, ONE), "Q": (0.2, ONE)}, [0.3, 0.1], [], 200.0, 0.5, "Wilson & Cowan 1972")
    masses()
    reactions()
    gaps()


def masses():
    case("jansen_rit_spikes_and_pulse", "Jansen-Rit", jansen_rit, [f"y{k}" for k in range(6)],
         {"A": (3.6, MV), "B": (17.6, MV), "a": (90.0, "1/s"), "b": (45.0, "1/s"), "Cc": (125.0, ONE), "e0": (2.8, "1/s"),
          "v0": (6.2, MV), "r": (0.5, "1/mV"), "p": (150.0, "1/s")}, [0.1, 18.0, 12.0, 0.0, 0.0, 0.0], step(400.0, 500.0, 150.0, "I"),
         1000.0, 2.0, "Jansen & Rit 1995, as ../ode/jansen_rit_alpha; I: a rate that joins p")
    case("wong_wang_two_states", "Wong-Wang", wong_wang, ["S"],
         {"tau": (90.0, "ms"), "gamma": (0.641, ONE), "a": (270.0, "Hz/nA"), "b": (108.0, "Hz"), "d": (0.154, "s"), "w": (1.0, ONE),
          "J": (0.2609, "nA"), "I_0": (0.3, "nA")}, [0.02], step(200.0, 500.0, 0.15, "I_nA"), 1000.0, 2.0,
         "Wong & Wang 2006 in the form of Deco et al. 2013: dS/dt = -S/tau + (1 - S) gamma H(w J S + I_0 + I)")
    case("montbrio_bistable", "Montbrio-Pazo-Roxin", montbrio, ["r_per_ms", "v"],
         {"tau": (12.0, "ms"), "eta": (-4.6, ONE), "Delta": (0.8, ONE), "J": (14.0, ONE)}, [0.001, -2.0], step(50.0, 150.0, 3.0, "I"),
         200.0, 0.2, "Montbrio, Pazo & Roxin 2015, equations 12, in time constants tau; I joins eta")
    case("generic_oscillator_cycle", "generic oscillator", generic_oscillator, ["V", "W"],
         {"d": (0.03, ONE), "tau": (1.2, ONE), "a": (-1.5, ONE), "b": (-12.0, ONE), "k": (0.2, ONE), "e": (3.0, ONE), "f": (1.0, ONE),
          "g": (0.1, ONE), "alpha": (1.0, ONE), "beta": (0.8, ONE), "gamma": (1.1, ONE), "I": (0.4, ONE)}, [-1.0, 1.0],
         step(200.0, 350.0, 1.5, "I"), 600.0, 1.0, "Generic2dOscillator of Sanz Leon et al. 2013, equations 13 and 14")
    case("balloon_two_blocks", "Balloon-Windkessel", balloon, ["w_per_s", "f", "v", "q"],
         {"epsilon": (0.9, "1/s2"), "kappa": (0.6, "1/s"), "gamma": (0.38, "1/s2"), "tau": (1.1, "s"), "alpha": (0.33, ONE),
          "rho": (0.4, ONE)}, [0.0, 1.0, 1.0, 1.0], step(1000.0, 4000.0, 0.6, "I") + step(9000.0, 9500.0, 1.2, "I"), 20000.0, 50.0,
         "Friston, Harrison & Penny 2003; I: activity")


def reactions():
    case("mass_action_fast_buffer", "mass action: calcium buffer and enzyme", mass_action,
         ["Ca_uM", "B_uM", "CaB_uM", "S_uM", "E_uM", "SE_uM", "P_uM"],
         {"kf": (1.0, "1/(uM ms)"), "kr": (8.0, "1/ms"), "k1": (0.3, "1/(uM ms)"), "k2": (0.02, "1/ms"), "k3": (0.4, "1/ms"),
          "kex": (0.5, "1/ms"), "Ca0": (0.1, "uM"), "J0": (20.0, "uM/ms"), "tauJ": (3.0, "ms")},
         [2.0, 40.0, 10.0, 25.0, 3.0, 0.5, 1.0], [], 60.0, 0.5,
         "Ca + B <-> CaB (kf, kr); S + E <-> SE (k1, k2) -> P + E (k3); Ca influx J0 exp(-t/tauJ), extruded at kex (Ca - Ca0)")
    case("mass_action_stiff_enzyme", "mass action: calcium buffer and enzyme", mass_action,
         ["Ca_uM", "B_uM", "CaB_uM", "S_uM", "E_uM", "SE_uM", "P_uM"],
         {"kf": (0.02, "1/(uM ms)"), "kr": (0.01, "1/ms"), "k1": (10.0, "1/(uM ms)"), "k2": (4.0, "1/ms"), "k3": (0.05, "1/ms"),
          "kex": (0.02, "1/ms"), "Ca0": (0.05, "uM"), "J0": (0.3, "uM/ms"), "tauJ": (40.0, "ms")},
         [0.05, 60.0, 6.0, 15.0, 2.0, 0.0, 0.0], [], 300.0, 2.0, "as mass_action_fast_buffer, with an enzyme that binds within microseconds")


if __name__ == "__main__":
    main()

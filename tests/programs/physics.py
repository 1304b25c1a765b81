#!/usr/bin/env python3
"""Physics-informed terms of fits, from text to parameters: what must hold at every step (bounds, inequalities, Nernst's equation,
dissipation) and what it does to the result, term by term; teacher forcing with a weakening coupling.

usage: physics.py [all]: without it, no forcing from 32 starts, no unknown current of the time, bounds by one optimizer"""
import json
import math
import os
import sys

from tap import EXAMPLES, NSLC, Tap, call, run_fit

ALL = "all" in sys.argv[1:]
TRUTH = {"g_Na": 100, "g_K": 30, "g_L": 0.1, "C": 1, "E_Na": 50, "E_K": -90, "E_L": -67, "V_T": -63}


def values(result):
    return {f["path"]: f["value"] for f in result["free"]} if result else {}


def grad(tap, model, what, *more):
    r = call(NSLC, "grad", model, "--check", *more)
    tap.check(r.returncode == 0 and "0 deviate" in r.stdout, f"{what}: every derivative agrees with differences in 113 bits", r.stdout + r.stderr)


# Two currents that pull V to one value: the trace determines g_K + g_L and the mean of E_K and E_L alone.
PASSIVE = """language 1
neuron cell {
  param C = 100 pF, g_K = 4 nS in (0 nS, inf), g_L = 4 nS in (0 nS, inf), E_K = -70 mV, E_L = -60 mV
  param K_o = 4 mM in (0 mM, inf), K_i = 140 mM in (0 mM, inf), T = 309 K
  state V = -60 mV
  let I_K = g_K * (V - E_K)
  let I_L = g_L * (V - E_L)
  V' = -(I_K + I_L) / C
}
fit passive {
  neuron cell
  data rec = csv("passive.csv") { t : ms;  V : mV }
  free g_K in [0.5 nS, 50 nS], g_L in [0.5 nS, 50 nS], E_K in [-120 mV, -40 mV]
  CONSTRAIN
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by lm(steps = 60) from 8 starts
  with dt = 0.1 ms, method = rk4
}
"""
NERNST = 8.314462618 * 309 / 96485.33212 * math.log(4 / 140) * 1000


def passive(tap, constrain):
    return tap.write("passive.nsl", PASSIVE.replace("CONSTRAIN", constrain))


def nernst(tap):
    rate, rest = (6 + 3) / 100, (6 * NERNST + 3 * -60) / 9
    rows = [f"{i * 0.1:.1f},{rest + (-60 - rest) * math.exp(-i * 0.1 * rate):.12g}" for i in range(400)]
    tap.write("passive.csv", "\n".join(["t,V"] + rows) + "\n")
    r, free = run_fit(tap, passive(tap, ""), "free", "--fit", "passive")
    tap.check(free is not None and not all(f["determined"] for f in free["free"]), "the trace alone does not determine two conductances", r.stderr)
    model = passive(tap, "constrain E_K - R * T / F * log(K_o / K_i) == 0")
    r, result = run_fit(tap, model, "nernst", "--fit", "passive")
    v = values(result)
    good = bool(v) and abs(v["E_K"] - NERNST) < 1e-3 and abs(v["g_K"] - 6) < 1e-3 and abs(v["g_L"] - 3) < 1e-3
    tap.check(good, f"Nernst's equation decides: {v}", r.stderr)
    tap.check(result is not None and result["observations"] == free["observations"], "what must hold is no observation")
    grad(tap, model, "an equality")
    texts = [t["text"] for t in result["terms"]] if result else []
    tap.check(texts[1:] == ["constrain E_K - R * T / F * log(K_o / K_i) == 0"], "it is a term of its own", texts)
    history = result["stages"][0]["history"]["terms"] if result else [[]]
    tap.check(len(history) == 2 and len(history[1]) > 3 and history[1][0] > history[1][-1] < 1e-6, "which every step of the search reports", history)


# A conductance that would have to be negative.
def dissipation(tap):
    rows = [f"{i * 0.1:.1f},{-60 + 20 * (1 - math.exp(-i * 0.1 * 0.06)) / 3:.12g}" for i in range(400)]
    tap.write("passive.csv", "\n".join(["t,V"] + rows) + "\n")
    text = PASSIVE.replace("free g_K in [0.5 nS, 50 nS]", "free g_K in [-20 nS, 20 nS]")
    text = text.replace(" in (0 nS, inf), g_L", ", g_L").replace("constrain ", "")
    found = []
    for weight in (0, 0.01, 1, 100):
        constrain = f"constrain I_K * (V - E_K) >= 0 weight {weight}"
        model = tap.write("passive.nsl", text.replace("CONSTRAIN", constrain).replace(", E_K in [-120 mV, -40 mV]", ""))
        r, result = run_fit(tap, model, "dissipation", "--fit", "passive")
        found.append(values(result).get("g_K", math.nan))
    rising = all(a < b for a, b in zip(found, found[1:]))
    tap.check(found[0] < -1 and rising and abs(found[3]) < 0.05, f"dissipation is not negative, the more the greater its weight: g_K = {found}", r.stderr)
    grad(tap, model, "an inequality")


BOUNDS = """language 1
neuron cell {
  param tau = 20 ms in (0 ms, inf), E = 3 mV, V_0 = 5 mV, ca_0 = 1 uM, tau_ca = 5 ms in (0 ms, inf)
  state V = V_0, ca = 0 uM
  V' = (E - V) / tau
  ca' = (ca_0 * V / (1 mV) - ca) / tau_ca
}
fit bounded {
  neuron cell
  data rec = csv("decay.csv") { t : ms;  V : mV }
  free tau in [1 ms, 200 ms], E in [-10 mV, 10 mV], ca_0 in [0.1 uM, 10 uM]
  constrain V in [1.5 mV, 4.5 mV] weight 2 after 5 ms
  constrain ca <= 2 uM
  stage near { force V towards rec.V at 1/ms;  minimize mean((V - rec.V)^2) / (1 mV)^2;  by BY from 4 starts }
  stage physics { constrain E <= 2 mV;  minimize residual(V, given = rec.V, over = 0.5 ms);  by BY }
  stage trace { minimize mean((V - rec.V)^2) / (1 mV)^2;  constrain V - rec.V in [-3 mV, 3 mV];  by BY }
  with dt = 0.1 ms, seed = 1
}
"""


def bounds(tap):
    rows = [f"{i * 0.1:.1f},{5 * math.exp(-i * 0.1 / 7):.12g}" for i in range(300)]
    tap.write("decay.csv", "\n".join(["t,V"] + rows) + "\n")
    for by in ("lm(steps = 30)", "lbfgs(steps = 100) with gradient = reverse")[:2 if ALL else 1]:
        with_starts = BOUNDS.replace("BY from 4 starts", by.replace(" with", " from 4 starts with") if " with" in by else by + " from 4 starts")
        model = tap.write("bounds.nsl", with_starts.replace("BY", by))
        r, result = run_fit(tap, model, "bounded", "--fit", "bounded")
        if not tap.check(result is not None, f"bounds of states, stages with forcing and residuals, by {by}", r.stderr):
            continue
        numbers = [len(s["terms"]) for s in result["stages"]]
        tap.check(numbers == [3, 4, 4], "each stage has the constraints of the fit and its own", numbers)
        v = values(result)
        low = v["E"] + (5 - v["E"]) * math.exp(-29.9 / v["tau"])
        tap.check(0.8 < low < 1.5, f"V ends at {low:.3f} mV, between the recording's {5 * math.exp(-29.9 / 7):.3f} and its bound")
        grad(tap, model, by)
    alone = tap.write("bounds.nsl", BOUNDS.replace("BY", "lm(steps = 30)"))
    seen = set()
    for n in (1, 3):
        r, result = run_fit(tap, alone, "threads", "--fit", "bounded", "--threads", str(n))
        seen.add(json.dumps([s["starts"] for s in result["stages"]]) if result else r.stderr)
    tap.check(len(seen) == 1, "1 and 3 threads: the same bits")


def forcing(tap):
    model = os.path.join(EXAMPLES, "fits", "recover_forced.nsl")
    r, result = run_fit(tap, model, "forced", "--fit", "forced")
    if not tap.check(result is not None, "teacher forcing", r.stderr):
        return
    names = [f["path"] for f in result["free"]]
    stages = [[max(abs(v - TRUTH[n]) / abs(TRUTH[n]) for v, n in zip(s["values"], names)) for s in g["starts"]] for g in result["stages"]]
    good = [sum(w < 0.01 for w in g) for g in stages]
    tap.check(len(stages[-1]) == 32 and good[-1] >= 31, f"of 32 starts {good} have all eight parameters within 1 % after 20, 5, 1, 0.2/ms and free")
    each = sum(s["evaluations"]["jacobians"] for s in result["stages"]) / 32
    tap.check(each <= 40, f"with {each:.1f} Jacobians for each start")
    tap.check(0.009 < result["objective"] < 0.011, f"what is left over is the noise of (0.1 mV)^2: {result['objective']:.5f}")


FIELD = """language 1
neuron cell {
  param C = 100 pF in (0 pF, inf), g = 10 nS in (0 nS, inf), E = -65 mV
  input I : pA
  state V = -65 mV
  V' = (g * (E - V) + I) / C
}
fit unknown {
  neuron cell
  data rec = csv("unknown.csv") { t : ms;  I : pA;  V : mV }
  field u(t in [0 ms, 100 ms]) = mlp(8, scale = 100 pA)
  drive I with rec.I + u
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by lbfgs(steps = 300) from 8 starts with gradient = reverse
  with dt = 0.1 ms, method = rk4, seed = 1
}
fit of_states {
  neuron cell
  data rec = csv("unknown.csv") { t : ms;  I : pA;  V : mV }
  field u(V in [-80 mV, -40 mV], t in [0 ms, 100 ms]) = mlp(2, scale = 100 pA, weights = [0.3, -0.5, 0.8, -0.2, 1.1, 0.4, 0.1, 0.3, -0.4])
  drive I with rec.I + u
  free g in [5 nS, 20 nS]
  constrain u' in [-1 pA/ms, 1 pA/ms] weight 0.01
  stage physics { minimize residual(V, given = rec.V, over = 0.5 ms);  by lbfgs(steps = 30) from 2 starts }
  stage trace { minimize mean((V - rec.V)^2) / (1 mV)^2;  by lbfgs(steps = 30) }
  with dt = 0.1 ms, method = rk4, seed = 1
}
"""


def unknown_current(t):
    return 80 * math.exp(-((t - 40) / 10) ** 2) - 50 * math.exp(-((t - 75) / 8) ** 2)


def unknown(tap):
    """A current that nobody has recorded, found from the trace by a network of 25 weights."""
    v, dt, noise, rows = -65.0, 0.02, 1, []
    for k in range(5001):
        t = k * dt
        known = 100.0 if 20 <= t + 1e-9 < 60 else 0.0
        if k % 5 == 0:
            noise = noise * 16807 % 2147483647
            rows.append(f"{t:.1f},{known:g},{v + 0.1 * (noise / 2147483647 - 0.5):.9g}")
        half = v + dt / 2 * (10 * (-65 - v) + known + unknown_current(t)) / 100
        v += dt * (10 * (-65 - half) + known + unknown_current(t + dt / 2)) / 100
    tap.write("unknown.csv", "\n".join(["t,I,V"] + rows) + "\n")
    model = tap.write("unknown.nsl", FIELD)
    if ALL:
        of_time(tap, model)
    r, result = run_fit(tap, model, "of_states", "--fit", "of_states")
    tap.check(result is not None and result["stages"][1]["objective"] < 0.5, "a field of states with a bound on its derivative", r.stderr)
    tap.write("unknown.csv", "\n".join(["t,I,V"] + rows[:60]) + "\n")
    grad(tap, model, "fields", *(() if ALL else ("--fit", "of_states")))


def of_time(tap, model):
    r, result = run_fit(tap, model, "unknown", "--fit", "unknown")
    if not tap.check(result is not None and len(result["free"]) == 25, "a field of the time", r.stderr):
        return
    w = [f["value"] for f in result["free"]]

    def found(t):
        hidden = [math.tanh(w[2 * i] + w[2 * i + 1] * (t - 50) / 50) for i in range(8)]
        return 100 * (w[16] + sum(a * h for a, h in zip(w[17:], hidden)))

    error = math.sqrt(sum((found(t) - unknown_current(t)) ** 2 for t in range(2, 98)) / 96)
    tap.check(error < 4, f"the unknown current of up to 80 pA is found within {error:.2f} pA", r.stderr)
    with open(tap.path("unknown/unknown.fitted.nsl")) as f:
        filled = f.read()
    r, again = run_fit(tap, tap.write("again.nsl", filled.replace("steps = 300) from 8 starts", "steps = 1)")), "again", "--fit", "unknown")
    good = again is not None and again["objective"] <= result["objective"] * (1 + 1e-9)
    tap.check(good, "the text with the weights filled in goes on from there", r.stderr)


def main():
    tap = Tap()
    nernst(tap)
    dissipation(tap)
    bounds(tap)
    if ALL:
        forcing(tap)
    unknown(tap)
    tap.done()


main()

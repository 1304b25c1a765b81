#!/usr/bin/env python3
"""Sweeps of a Hodgkin-Huxley cell for recover_hh.nsl and recover_squid.nsl, by a solver that shares nothing with NSL: the
classical Runge-Kutta scheme at 0.0025 ms, sampled every 0.025 ms, with white noise of 0.1 mV. Writes CSV files into a folder:

    make_sweeps.py {traub_miles|squid} FOLDER [--noise MV] [--seed N]
"""
import argparse
import math
import os
import random

CELLS = {  # conductances mS/cm2, C uF/cm2, reversal potentials mV, shift of all rates mV; currents uA/cm2 of the two sweeps
    "traub_miles": dict(gNa=100.0, gK=30.0, gL=0.1, C=1.0, ENa=50.0, EK=-90.0, EL=-67.0, shift=-63.0, I=(4.5, -0.7)),
    "squid": dict(gNa=120.0, gK=36.0, gL=0.3, C=1.0, ENa=50.0, EK=-77.0, EL=-54.387, shift=0.0, I=(15.0, -4.0)),
}
DT, FINE, SAMPLES, FROM, TO = 0.025, 10, 2000, 5.0, 35.0


def ratio(x):  # x / (exp(x) - 1)
    return 1 - x / 2 if abs(x) < 1e-6 else x / math.expm1(x)


def rates_traub_miles(u):
    return (1.28 * ratio((13 - u) / 4), 1.4 * ratio((u - 40) / 5), 0.128 * math.exp((17 - u) / 18),
            4 / (1 + math.exp((40 - u) / 5)), 0.16 * ratio((15 - u) / 5), 0.5 * math.exp((10 - u) / 40))


def rates_squid(u):
    return (ratio(-(u + 40) / 10), 4 * math.exp(-(u + 65) / 18), 0.07 * math.exp(-(u + 65) / 20),
            1 / (1 + math.exp(-(u + 35) / 10)), 0.1 * ratio(-(u + 55) / 10), 0.125 * math.exp(-(u + 65) / 80))


RATES = {"traub_miles": rates_traub_miles, "squid": rates_squid}


def slope(c, rates, s, current):
    v, m, h, n = s
    am, bm, ah, bh, an, bn = rates(v - c["shift"])
    ion = c["gNa"] * m ** 3 * h * (v - c["ENa"]) + c["gK"] * n ** 4 * (v - c["EK"]) + c["gL"] * (v - c["EL"])
    return ((current - ion) / c["C"], am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n)


def rest(c, rates):
    """The resting state, by running without current."""
    s = (c["EL"], 0.05, 0.6, 0.3)
    for _ in range(400000):
        k = slope(c, rates, s, 0.0)
        s = tuple(x + 0.005 * d for x, d in zip(s, k))
    return s


def sweep(c, rates, s, current):
    rows, h = [], DT / FINE
    for i in range(SAMPLES + 1):
        t = i * DT
        rows.append((t, current if FROM <= t < TO else 0.0, s[0]))
        on = current if FROM <= t < TO else 0.0  # held over (t, t + DT], as the file's row says
        for _ in range(FINE):
            k1 = slope(c, rates, s, on)
            k2 = slope(c, rates, tuple(x + h / 2 * d for x, d in zip(s, k1)), on)
            k3 = slope(c, rates, tuple(x + h / 2 * d for x, d in zip(s, k2)), on)
            k4 = slope(c, rates, tuple(x + h * d for x, d in zip(s, k3)), on)
            s = tuple(x + h / 6 * (a + 2 * b + 2 * e + d) for x, a, b, e, d in zip(s, k1, k2, k3, k4))
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("cell", choices=sorted(CELLS))
    p.add_argument("folder")
    p.add_argument("--noise", type=float, default=0.1)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    c, rates, rng = CELLS[a.cell], RATES[a.cell], random.Random(a.seed)
    os.makedirs(a.folder, exist_ok=True)
    start = rest(c, rates)
    for k, current in enumerate(c["I"]):
        rows = sweep(c, rates, start, current)
        v = [r[2] for r in rows]
        spikes = sum(1 for x, y in zip(v, v[1:]) if x < 0 <= y)
        with open(os.path.join(a.folder, f"step{k + 1}.csv"), "w") as f:
            f.write("t,I,V\n")
            for t, i, x in rows:
                f.write(f"{t:.3f},{i:g},{x + rng.gauss(0, a.noise):.4f}\n")
        print(f"{a.cell} step{k + 1}: {current} uA/cm2, {spikes} spikes, rest {start[0]:.4f} mV, gates {start[1:]}")


main()

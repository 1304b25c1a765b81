#!/usr/bin/env python3
"""What synapses with memory learn from besides spikes, on a device: the models of modulated.py under --device emulated have the processor's state_hash,
spikes, and weights at every recorded time, in several orders and sizes of blocks. `all`: every way, float32, longer."""
from device_plastic import ALL, WAYS, built, compare
from modulated import DRAWS, NETWORK
from tap import Tap


def try_all(tap, cases):
    for k, (name, (text, precision)) in enumerate(cases.items()):
        for p in ("f64", "f32") if ALL else (precision,):
            program = built(tap, f"{name}, {p}", "language 1\n" + text, "--precision", p)
            if program:
                compare(tap, f"{name}, {p}", program, WAYS if ALL else [WAYS[k % 3]])


def draws(tap):
    plain = {"signal": "", "settings": "", "record": "", "duration": 300 if ALL else 40}
    model = NETWORK % {"rule": DRAWS % "w ~ normal(5 pA, 2 pA)", **plain}
    several = model.replace("all_to_all", "indegree(30)").replace("= axonal(0.5 ms) + dendritic(0.7 ms)", "~ uniform(0.3 ms, 1 ms)")
    contacts = (NETWORK % {"rule": "", **plain}).replace("with rule", "with structural_stdp").replace("every 20 ms", "every 3 ms")
    contacts = contacts.replace("weight ~", "growth = 20 Hz;  w_min = 55 pA;  lambda = 0.02;  weight ~")
    try_all(tap, {"draws": (model, "f32"), "draws, several synapses of a pair": (several, "f64"), "contacts that come and go": (contacts, "f64")})


def main():
    tap = Tap()
    draws(tap)
    tap.done()


main()

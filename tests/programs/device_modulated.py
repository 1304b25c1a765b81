#!/usr/bin/env python3
"""What synapses with memory learn from besides spikes, on a device: the models of modulated.py under --device emulated have the processor's state_hash,
spikes, and weights at every recorded time, in several orders and sizes of blocks. `all`: every way, float32, longer."""
from device_plastic import ALL, WAYS, built, compare, resumed
from modulated import CLOSED, DRAWS, EVENTS, NETWORK, Rule, nest_check, sides_model, signal_model, takes_model
from tap import Tap
import third_reads


def try_all(tap, cases, resumes=()):
    for k, (name, (text, precision)) in enumerate(cases.items()):
        for p in ("f64", "f32") if ALL else (precision,):
            program = built(tap, f"{name}, {p}", "language 1\n" + text, "--precision", p)
            if program:
                compare(tap, f"{name}, {p}", program, WAYS if ALL else [WAYS[k % 3]])
            if program and name in resumes:
                resumed(tap, program)


def draws(tap):
    plain = {"signal": "", "settings": "", "record": "", "duration": 300 if ALL else 40}
    model = NETWORK % {"rule": DRAWS % "w ~ normal(5 pA, 2 pA)", **plain}
    several = model.replace("all_to_all", "indegree(30)").replace("= axonal(0.5 ms) + dendritic(0.7 ms)", "~ uniform(0.3 ms, 1 ms)")
    contacts = (NETWORK % {"rule": "", **plain}).replace("with rule", "with structural_stdp").replace("every 20 ms", "every 3 ms")
    contacts = contacts.replace("weight ~", "growth = 20 Hz;  w_min = 55 pA;  lambda = 0.02;  weight ~")
    try_all(tap, {"draws": (model, "f32"), "draws, several synapses of a pair": (several, "f64"), "contacts that come and go": (contacts, "f64")})


def cells(tap):
    """States of sources and of third parts, per pre and per post."""
    duration = 200 if ALL else 50
    sides = sides_model(EVENTS, duration).replace("  record spikes", "".join(f"  record {n} of ab every 3.3 ms\n" for n in "pqm") + "  record spikes")
    several = sides.replace("all_to_all", "indegree(20)").replace("= axonal(0.5 ms) + dendritic(0.7 ms)", "~ uniform(0.3 ms, 1 ms)")
    third = third_reads.MODEL % (third_reads.EVENTS, "", f"{duration} ms", 5)
    numbers = "\n".join([f"  E[{i}].at = {0.95 + i} ms" for i in range(8)] + [f"  G[{k}].number = {k}" for k in range(6)])
    try_all(tap, {"variables of both cells": (sides, "f32"), "variables of both cells, delays of their own": (several, "f64"),
                  "a state per pre takes a variable of its cell": (takes_model(duration), "f64"),
                  "third parts": (third, "f64"), "third parts with a longer step": (third.replace("star[3] ", "star[3] step 10 * dt"), "f32"),
                  "third parts, or nobody": (third_reads.WHO.format(pick="pool(4, probability = 0.5)", settings=numbers), "f64")},
            ("variables of both cells, delays of their own",) + ("third parts",) * ALL)


# no postsynaptic handler: a synapse's own events are those of its source
ALONE = """synapse rule { input n : nM
  weight w : pA in [0 pA, 150 pA]
  state c = 0
  let both = c * n
  c' = -c / (40 ms)
  w' = 0.02 pA/ms / (1 nM) * both
  on pre { c += 1 + n / (1 nM);  send w } }"""


def followed(tap):
    """A signal that moves on its own between its events, with few or many of these; weights that NEST has computed."""
    model = signal_model(CLOSED, 300 if ALL else 60)
    model = model.replace("  record spikes", "".join(f"  record {n} of ab every 3.3 ms\n" for n in "cex") + "  record spikes")
    several = model.replace("all_to_all", "indegree(20)").replace("= axonal(0.5 ms) + dendritic(0.7 ms)", "~ uniform(0.3 ms, 1 ms)")
    alone = signal_model(Rule(ALONE, {}, {}, None, None, None), 60)
    try_all(tap, {"a signal that is followed": (model, "f32"), "a signal that is followed, delays of their own": (several, "f64"),
                  "a signal with events in most steps": (model.replace("D.go with poisson(15 Hz)", "D.go with poisson(2 kHz)"), "f64"),
                  "a signal that is followed by presynaptic handlers alone": (alone, "f64")},
            ("a signal that is followed, delays of their own",))
    nest_check(tap, "--device", "emulated", ms=1000 if ALL else 200)


def main():
    tap = Tap()
    draws(tap)
    cells(tap)
    followed(tap)
    tap.done()


main()

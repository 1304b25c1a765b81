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
            ("variables of both cells, delays of their own", "third parts") if ALL else ())


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
            ("a signal that is followed, delays of their own",) * ALL)
    nest_check(tap, "--device", "emulated", ms=1000 if ALL else 200)


# the library's
RULES = ["stdp_additive", "stdp_multiplicative", "stdp_power_law", "triplet", "inhibitory_stdp", "tsodyks_markram",
         "tsodyks_three_states", "eligibility", "structural_stdp", "scaling"]
LIBRARY = """
network net {
  signal da : uM { da' = -da / (50 ms);  on spike of D { da += 0.3 uM } }
  signal win : 1 { win' = -win / (30 ms);  on spike of D { win += 0.2 } }
  population A : iaf_psc_exp[12] { V ~ uniform(-70 mV, -56 mV) }
  population B : iaf_psc_exp[9] { V ~ uniform(-70 mV, -56 mV) }
  population D : iaf_psc_exp[3] { V ~ uniform(-70 mV, -56 mV) }
  population G : astrocyte_gliotransmission[4]
  drive (A, B, D).exc with poisson(20 kHz) { weight = 87.8 pA }
%s}
experiment e { network net
  record spikes of (A, B, D)
%s  run %d ms with dt = 0.1 ms, seed = 3 }
"""
WITH = {"stdp_dopamine": " { n = da }", "three_factor": " { success = win }", "tsodyks_markram_glia": " { astro = G by block(2) }"}


def library_model(ms):
    names = RULES + list(WITH)
    connects = "".join(
        f"  connect {n}_: A -> B.exc by indegree(6) with {n}{WITH.get(n, '')} {{ weight ~ uniform(20 pA, 80 pA);  delay ~ uniform(0.4 ms, 1.4 ms) }}\n" for n in names)
    records = "".join(f"  record weight of {n}_ as {n}_w every 7.3 ms\n" for n in names)
    return LIBRARY % (connects, records, ms)


# all at once, onto a handler that does more than add
EVERYTHING = """
neuron src { state V = 0 mV, U = 0.5 mV
  U' = -U / (10 ms)
  receive go(w : mV) { V += w;  U += w }
  spike when V > 1 mV { V = 0 mV;  U -= 3 mV } }
neuron dst { state V = 0 mV, U = 0.5 mV, S = 0 pA, last = 0 pA
  U' = -U / (10 ms)
  receive go(w : mV) { V += w;  U += w }
  receive exc(w : pA) { S += w * 0.01 * (1 + last / (1 pA + last));  last = w }
  spike when V > 1 mV { V = 0 mV;  U -= 3 mV } }
glia star { state g = 0.3
  g' = -g / (30 ms)
  let bound = g / (2 + g)
  receive glu(w : 1) { g += w } }
synapse rule { input n : nM
  weight w : pA in [0 pA, 150 pA]
  state c = 0, r = 0, e = 0
  state x = 0 mV per pre
  state p = 0 mV per pre
  state y = 0 per post
  let both = c * n
  c' = -c / (40 ms)
  e' = -e / (80 ms) + both * 0.1/ms / (1 nM)
  x' = -x / (15 ms)
  p' = (pre.U - p) / (20 ms)
  y' = -y / (25 ms)
  on pre  { r ~ normal(0, 1);  c -= y * gliot.bound;  w += 0.3 pA * r + 0.1 pA / (1 mV) * p
    if r > 0 { send w * (1 + n / (1 nM)) }
    send 0.3 * w after 0.4 ms;  send 0.1 to gliot.glu after 0.9 ms;  x += pre.U }
  on post { w += 1 pA * c * e + 0.2 pA / (1 mV)^2 * x * pre.U * gliot.g;  c += 0.1 + x / (1 mV);  y += 1 } }
network net {
  signal da : nM { da' = -da / (50 ms);  on spike of D { da += 0.3 nM } }
  population A : src[8]
  population B : dst[6]
  population D : src[3]
  population G : star[3]
  drive A.go with poisson(50 Hz) { weight = 2 mV }
  drive B.go with poisson(70 Hz) { weight = 2 mV }
  drive D.go with poisson(60 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by indegree(20) with rule { n = da;  gliot = G by pool(2, probability = 0.7);  weight ~ uniform(20 pA, 100 pA);  delay ~ uniform(0.3 ms, 1 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record weight of ab every 3.3 ms
  record c of ab every 3.3 ms
  run 50 ms with dt = 0.1 ms, seed = 3 }
"""


def together(tap):
    model = EVERYTHING.replace("run 50 ms", "run 300 ms") if ALL else EVERYTHING
    try_all(tap, {"the library's rules": (library_model(200 if ALL else 40), "f64"), "all at once": (model, "f32"),
                  "all at once, third parts with a longer step": (model.replace("star[3]", "star[3] step 4 * dt"), "f64")}, ("all at once",))


def main():
    tap = Tap()
    draws(tap)
    cells(tap)
    followed(tap)
    together(tap)
    tap.done()


main()

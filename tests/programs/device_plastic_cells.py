#!/usr/bin/env python3
"""Synapses with memory on a device, by what their cells are: on either side steps longer than the run's, sources' cells that signals reach. As
device_plastic.py: the processor's state_hash, spikes, weights and states, bit for bit, and runs resumed from one to the other.
`all`: every model with every way."""
import sys

from device_plastic import WAYS, built, compare, resumed
from tap import Tap

ALL = "all" in sys.argv[1:]
MODEL = """language 1
neuron src { state V = 0 mV
  V' = -V / (10 ms)
  receive go(w : mV) { V += w }
  spike when V >= 1 mV { V = 0 mV } }
neuron dst { param t_ref = 0.5 ms
  state V = 0 mV, S = 0 pA
  V' = -V / (10 ms)
  S' = -S / (5 ms)
  receive go(w : mV) { V += w }
  receive exc(w : pA) { S += w }
  spike when V >= 1 mV { V = 0 mV;  hold V for t_ref } }
synapse rule {
  weight w : pA in [0 pA, 150 pA]
  input n : nM
  state x = 0 per pre
  state y = 0 per post
  x' = -x / (20 ms)
  y' = -y / (30 ms)
  on pre  { w -= 0.01 * w * y;  send w;  send 0.5 * w after 0.4 ms;  x += 1 + n / (1 nM) }
  on post { w += 0.4 pA * x * (1 + y);  y += 1 } }
network net {
  population A : src[12] %s
  population B : dst[70] %s
  population D : src[5] %s
  signal da : nM { da' = -da / (30 ms);  on spike of D { da += 0.3 nM } }
  drive A.go with poisson(90 Hz) { weight = 2 mV }
  drive B.go with poisson(60 Hz) { weight = 2 mV }
  drive D.go with poisson(60 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by indegree(15) with rule { n = da } { weight ~ uniform(20 pA, 100 pA);  delay ~ uniform(0.4 ms, 1.4 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 3 ms
  record x of ab every 7.3 ms
  record y of ab every 7.3 ms
  record weight of ab every 7.3 ms
  run 60 ms with dt = 0.1 ms, seed = 3 }
"""
CASES = {
    "signals at the sources' cells": ("", "", "", "f64"),
    "a longer step of the sources": ("step 4 * dt", "", "", "f64"),
    "a longer step of the targets, float32": ("", "step 7 * dt", "", "f32"),
    "longer steps of all": ("step 2 * dt", "step 3 * dt", "step 5 * dt", "f64"),
}


def main():
    tap = Tap()
    for k, (name, (source, target, other, precision)) in enumerate(CASES.items()):
        program = built(tap, name, MODEL % (source, target, other), "--precision", precision)
        if program:
            compare(tap, name, program, WAYS if ALL else [WAYS[k % 3]])
        if program and (ALL or "of all" in name):
            resumed(tap, program)
    tap.done()


main()
